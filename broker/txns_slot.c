/*
 * Slots: a transactional id, the requests that wait for it, and the execution
 * of what its machine asks for.
 *
 * A machine that is busy refuses; the request is parked, in order, and asks
 * again when the machine is idle.  When what it is busy with fails and is to be
 * tried again later, the parked ones are told to come back themselves.
 */
#include "broker/txns_priv.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "broker/topic.h"
#include "broker/txn_log.h"

#define BACKOFF_MS	100	/* the first; doubled up to the last */
#define BACKOFF_LAST_MS	10000
#define NAMED		10	/* partitions in a log line */

static bool
closed(const struct txn_slot *slot)
{
	return (atomic_load(&slot->shard->txns->closed));
}

const char *
txn_slot_name(const struct txn_slot *slot, char buf[80])
{
	return (str_printable(buf, 80, slot->txn->id));
}

/* --- life --- */

static void
on_retry(struct loop_timer *t)
{
	struct txn_slot *slot = container_of(t, struct txn_slot, retry);

	txn_again(slot->txn, txns_now(), &slot->out);
	txn_slot_run(slot);
}

struct txn_slot *
txn_slot_new(struct txns_shard *s, struct slice id)
{
	struct txn_slot *slot = xcalloc(1, sizeof *slot);

	slot->shard = s;
	slot->txn = txn_new(id);
	slot->fenced_id = -1;
	return (slot);
}

void
txn_slot_free(struct txn_slot *slot)
{
	if (slot == NULL)
		return;
	timer_fini(&slot->retry);
	txn_free(slot->txn);
	txn_actions_fini(&slot->out);
	free(slot);
}

struct txn_slot *
txn_slot_find(const struct txns_shard *s, struct slice id)
{
	return (map_get(s->slots, id));
}

static void
count(struct txns *ts, int ids)
{
	atomic_fetch_add(&ts->count, ids);
	metric_add_shared(&ts->broker->m.txn_ids, ids);
}

struct txn_slot *
txn_slot_get(struct txns_shard *s, struct slice id)
{
	struct txn_slot *slot = txn_slot_find(s, id);
	struct txns *ts = s->txns;

	if (slot != NULL)
		return (slot);
	if (atomic_load(&ts->count) >= ts->broker->cfg.txn_max_ids) {
		log_warn("broker", "there are %lld transactional ids, no more "
		    "are taken; use the same ones again, or raise "
		    "max.transactional.ids",
		    (long long)ts->broker->cfg.txn_max_ids);
		return (NULL);
	}
	slot = txn_slot_new(s, id);
	timer_init(&slot->retry, s->home->loop, on_retry);
	(void)map_put(s->slots, id, slot);
	count(ts, 1);
	return (slot);
}

static void
slot_remove(struct txn_slot *slot)
{
	struct txns_shard *s = slot->shard;

	if (slot->fenced_id != -1)
		fences_remove(s->txns->fences, slot->fenced_id);
	(void)map_remove(s->slots, slot->txn->id);
	count(s->txns, -1);
	txn_slot_free(slot);
}

/* The fence has an entry for the producer id of each transactional id. */
static void
slot_fence(struct txn_slot *slot)
{
	struct txns_fences *fs = slot->shard->txns->fences;
	int64_t id = slot->txn->now.producer_id;

	if (id == slot->fenced_id)
		return;
	if (slot->fenced_id != -1)
		fences_remove(fs, slot->fenced_id);
	fences_add(fs, id);
	slot->fenced_id = id;
}

void
txn_slot_restored(struct txn_slot *slot)
{
	struct txns_shard *s = slot->shard;
	bool clean = s->txns->broker->clean_start;
	char name[80];

	timer_init(&slot->retry, s->home->loop, on_retry);
	count(s->txns, 1);
	if (slot->txn->now.state == TXN_ONGOING && !clean) {
		log_warn("broker", "transactional.id=%s: its transaction was "
		    "open when the broker ended uncleanly, it is aborted",
		    txn_slot_name(slot, name));
		metric_add_shared(&s->txns->broker->m.txns_cut, 1);
	}
	txn_restored(slot->txn, clean, txns_now(), &slot->out);
	txn_slot_run(slot);
}

/* --- parked requests --- */

static void
park(struct txn_slot *slot, struct txns_ask *a)
{
	struct txns_ask **pp;

	for (pp = &slot->parked; *pp != NULL; pp = &(*pp)->next)
		;
	a->next = NULL;
	*pp = a;
}

static void
unpark_all(struct txn_slot *slot, int16_t error)
{
	struct txns_ask *a;

	while ((a = slot->parked) != NULL) {
		slot->parked = a->next;
		a->done(a, error, -1, -1);
	}
}

void
txn_slot_ask(struct txn_slot *slot, struct txns_ask *a)
{
	a->ask(a, slot);
	txn_slot_run(slot);
}

static void
do_answer(struct txn_slot *slot, const struct txn_action *act)
{
	struct txns_ask *a = act->req;

	if (act->error == KERR_CONCURRENT_TRANSACTIONS && !closed(slot) &&
	    slot->backoff_ms == 0 && txn_busy(slot->txn))
		park(slot, a);
	else
		a->done(a, act->error, act->producer_id, act->epoch);
}

/* --- records --- */

static void
count_end(struct txn_slot *slot)
{
	struct broker_metrics *m = &slot->shard->txns->broker->m;

	if (slot->txn->now.state == TXN_PREPARE_COMMIT)
		metric_add_shared(&m->txns_committed, 1);
	else if (slot->txn->now.state == TXN_PREPARE_ABORT)
		metric_add_shared(&m->txns_aborted, 1);
}

static void
written(struct txn_slot *slot, int16_t error)
{
	struct txn *t = slot->txn;
	bool completing = t->step == TXN_COMPLETING;

	txn_written(t, error, txns_now(), &slot->out);
	if (error != KERR_NONE)
		return;
	slot->backoff_ms = 0;
	slot_fence(slot);
	if (!completing)
		count_end(slot);
}

static void
on_written(void *arg, int16_t error)
{
	struct txn_slot *slot = arg;

	written(slot, error);
	txn_slot_run(slot);
}

/* The record; fn, if not NULL, runs when it is on the disk. */
static int
append(struct txn_slot *slot, sync_call_fn *fn, struct err *e)
{
	struct txns_shard *s = slot->shard;
	struct sync_call *c;
	int rc;

	if (txns_log(s, e) == -1) {
		records_drop(&s->records);
		return (-1);
	}
	c = fn == NULL ? NULL : sync_call_new(&s->txns->calls, s->home->loop,
	    fn, slot);
	rc = records_append(&s->records, s->log, sync_call_wait(c), e);
	if (rc == -1)
		sync_call_free(c);
	return (rc);
}

static void
do_write(struct txn_slot *slot)
{
	struct txn *t = slot->txn;
	struct err err = ERR_INIT;
	bool wait = t->step != TXN_COMPLETING;
	char name[80];

	if (closed(slot)) {
		written(slot, KERR_NOT_COORDINATOR);
		return;
	}
	records_txn(&slot->shard->records, t);
	if (append(slot, wait ? on_written : NULL, &err) == -1) {
		log_error("broker", "transactional.id=%s: %s cannot be "
		    "stored: %s", txn_slot_name(slot, name),
		    txn_state_name(t->next.state), err.msg);
		written(slot, coordinator_error(&err));
	} else if (!wait)
		written(slot, KERR_NONE);
}

static void
do_later(struct txn_slot *slot)
{
	if (closed(slot))
		return;
	slot->backoff_ms = slot->backoff_ms == 0 ? BACKOFF_MS :
	    slot->backoff_ms * 2;
	if (slot->backoff_ms > BACKOFF_LAST_MS)
		slot->backoff_ms = BACKOFF_LAST_MS;
	timer_arm(&slot->retry, slot->backoff_ms);
	unpark_all(slot, KERR_CONCURRENT_TRANSACTIONS);
}

static void
carry_out(struct txn_slot *slot, const struct txn_action *act)
{
	switch (act->type) {
	case TXN_ANSWER:
		do_answer(slot, act);
		break;
	case TXN_BEGIN:
		txn_slot_begin(slot, act->req);
		break;
	case TXN_SYNC:
		txn_slot_sync(slot);
		break;
	case TXN_WRITE:
		do_write(slot);
		break;
	case TXN_MARK:
		if (!closed(slot))
			txn_slot_mark(slot);
		break;
	case TXN_LATER:
		do_later(slot);
		break;
	}
}

/* One by one, as they come: an action may lead to others. */
static void
carry_out_all(struct txn_slot *slot)
{
	struct txn_action act;
	size_t i;

	for (i = 0; i < slot->out.n; i++) {
		act = slot->out.v[i];
		carry_out(slot, &act);
	}
	slot->out.n = 0;
}

void
txn_slot_run(struct txn_slot *slot)
{
	struct txns_ask *a;

	if (slot->running)
		return;
	slot->running = true;
	carry_out_all(slot);
	while (!txn_busy(slot->txn) && (a = slot->parked) != NULL) {
		slot->parked = a->next;
		a->ask(a, slot);
		carry_out_all(slot);
	}
	slot->running = false;
	if (slot->txn->now.producer_id == -1 && !txn_busy(slot->txn))
		slot_remove(slot);
	else if (slot->txn->now.producer_id != -1)
		slot_fence(slot);
}

/* --- what is over --- */

/* "events-0, events-1 and 3 more"; in buf. */
static const char *
parts_text(const struct txn *t, char *buf, size_t size)
{
	size_t i, len = 0;

	buf[0] = '\0';
	for (i = 0; i < t->nparts && i < NAMED && len < size; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s%s-%d",
		    i == 0 ? "" : ", ", t->parts[i].topic,
		    (int)t->parts[i].partition);
	if (t->nparts > NAMED && len < size)
		snprintf(buf + len, size - len, " and %zu more",
		    t->nparts - NAMED);
	return (buf);
}

static void
time_out(struct txn_slot *slot, int64_t now)
{
	struct txn *t = slot->txn;
	char name[80], parts[1024];

	log_warn("broker", "transactional.id=%s: its transaction has been "
	    "open for longer than transaction.timeout.ms=%d, it is aborted; "
	    "partitions: %s", txn_slot_name(slot, name), (int)t->now.timeout_ms,
	    parts_text(t, parts, sizeof parts));
	metric_add_shared(&slot->shard->txns->broker->m.txns_timed_out, 1);
	txn_fence(t, now, &slot->out);
	txn_slot_run(slot);
}

static void
expire(struct txn_slot *slot)
{
	struct err err = ERR_INIT;
	char name[80];

	records_txn_gone(&slot->shard->records, slot->txn);
	if (append(slot, NULL, &err) == -1) {
		log_warn("broker", "transactional.id=%s: it is silent, but "
		    "cannot be forgotten now: %s", txn_slot_name(slot, name),
		    err.msg);
		return;
	}
	slot_remove(slot);
}

void
txn_slot_sweep(struct txn_slot *slot, int64_t now)
{
	if (txn_overdue(slot->txn, now))
		time_out(slot, now);
	else if (txn_silent(slot->txn, now,
	    slot->shard->txns->broker->cfg.txn_expiry_ms))
		expire(slot);
}

void
txn_slot_close(struct txn_slot *slot)
{
	timer_fini(&slot->retry);
	unpark_all(slot, KERR_NOT_COORDINATOR);
}
