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

#include "base/buf.h"
#include "base/check.h"
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

static const char *
name_of(const struct txn_slot *slot, char buf[80])
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
		    name_of(slot, name));
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

/* --- partitions --- */

/* The partition, with a reference on its topic, or NULL. */
static struct partition *
part_open(struct txn_slot *slot, struct slice topic, int32_t partition)
{
	struct topic *t = topic_find(slot->shard->txns->broker, topic);
	struct partition *p = t == NULL ? NULL : topic_partition(t, partition);

	if (p == NULL)
		topic_unref(t);
	return (p);
}

static int16_t
begin_part(struct txn_slot *slot, struct slice topic, int32_t partition)
{
	const struct txn_image *im = &slot->txn->now;
	struct partition *p = part_open(slot, topic, partition);
	struct err err = ERR_INIT;
	char name[80];
	int rc;

	if (p == NULL) {
		txn_forget(slot->txn, topic);
		return (KERR_UNKNOWN_TOPIC_OR_PARTITION);
	}
	rc = partition_txn_begin(p, im->producer_id, im->epoch, &err);
	topic_unref(p->topic);
	if (rc == 0)
		return (KERR_NONE);
	if (err.code == ERR_NOT_FOUND) {
		txn_forget(slot->txn, topic);
		return (KERR_UNKNOWN_TOPIC_OR_PARTITION);
	}
	log_error("broker", "transactional.id=%s: %.*s-%d cannot take part: "
	    "%s", name_of(slot, name), (int)topic.len, (const char *)topic.p,
	    (int)partition, err.msg);
	return (KERR_KAFKA_STORAGE_ERROR);
}

static void
begin_all(struct txn_slot *slot)
{
	struct txn *t = slot->txn;
	size_t i = 0;
	int16_t error;
	char *topic;

	while (i < t->nparts) {
		topic = xstrdup(t->parts[i].topic);
		error = begin_part(slot, slice_str(topic),
		    t->parts[i].partition);
		free(topic);
		if (error != KERR_UNKNOWN_TOPIC_OR_PARTITION)
			i++;	/* else it is gone, with all of its topic */
	}
}

static void
do_begin(struct txn_slot *slot, struct txns_ask *a)
{
	const struct txn_image *im = &slot->txn->now;
	int16_t error = KERR_NONE;
	size_t i;

	if (a == NULL) {
		begin_all(slot);
		return;
	}
	for (i = 0; i < a->n && error == KERR_NONE; i++)
		error = begin_part(slot, a->names[i].topic,
		    a->names[i].partition);
	a->done(a, error, im->producer_id, im->epoch);
}

/*
 * One wait for one partition, of SYNC or MARK.  The machine stays where it is
 * until the last of them came back.
 */
struct part_call {
	struct txn_slot		*slot;
	struct partition	*p;		/* a reference on its topic */
	struct sync_call	*call;
	struct groups_marker	 marker;	/* of __consumer_offsets */
};

static void
part_marked(struct txn_slot *slot, const struct partition *p)
{
	struct txn_part *part = txn_part(slot->txn, slice_str(p->topic->name),
	    p->index);

	if (part != NULL)
		part->marked = true;
}

/* The last one lets the machine go on. */
static void
waits_less(struct txn_slot *slot)
{
	struct txn *t = slot->txn;

	if (--slot->waiting > 0)
		return;
	if (t->step == TXN_SYNCING)
		txn_synced(t, slot->failed ? KERR_COORDINATOR_NOT_AVAILABLE :
		    KERR_NONE, &slot->out);
	else
		txn_marked(t, txns_now(), &slot->out);
}

static void
part_call_free(struct part_call *c)
{
	topic_unref(c->p->topic);
	free(c);
}

/* A topic that was deleted meanwhile has nothing to sync or to mark. */
static void
part_done(struct part_call *c, bool done)
{
	struct txn_slot *slot = c->slot;

	if (!done)
		slot->failed = true;
	else if (slot->txn->step == TXN_MARKING)
		part_marked(slot, c->p);
	part_call_free(c);
	waits_less(slot);
	txn_slot_run(slot);
}

static void
on_part_synced(void *arg, int16_t error)
{
	struct part_call *c = arg;

	part_done(c, error == KERR_NONE || atomic_load(&c->p->topic->deleted));
}

static void
on_group_marked(struct completion *done, const struct err *err)
{
	struct groups_marker *m = container_of(done, struct groups_marker,
	    done);
	struct part_call *c = container_of(m, struct part_call, marker);
	struct txns *ts = c->slot->shard->txns;
	char name[80];

	if (err != NULL)
		log_warn("broker", "transactional.id=%s: the marker in %s-%d "
		    "could not be written, it is tried again: %s",
		    name_of(c->slot, name), TOPIC_OFFSETS,
		    (int)m->partition, err->msg);
	part_done(c, err == NULL);
	sync_calls_add(&ts->calls, -1);
}

static struct part_call *
part_call_new(struct txn_slot *slot, struct partition *p)
{
	struct part_call *c = xcalloc(1, sizeof *c);

	c->slot = slot;
	c->p = p;
	slot->waiting++;
	return (c);
}

static void
part_call_sync(struct part_call *c)
{
	struct txns_shard *s = c->slot->shard;

	c->call = sync_call_new(&s->txns->calls, s->home->loop,
	    on_part_synced, c);
}

static void
do_sync(struct txn_slot *slot)
{
	const struct txn *t = slot->txn;
	struct part_call *c;
	struct partition *p;
	size_t i;

	slot->failed = false;
	slot->waiting = 1;
	for (i = 0; i < t->nparts; i++) {
		p = part_open(slot, slice_str(t->parts[i].topic),
		    t->parts[i].partition);
		if (p == NULL)
			continue;
		if (!partition_is_open(p)) {
			topic_unref(p->topic);
			continue;
		}
		c = part_call_new(slot, p);
		part_call_sync(c);
		partition_wait(p, sync_call_wait(c->call));
	}
	waits_less(slot);
}

static void
mark_group(struct part_call *c, const struct txn_marker *m)
{
	struct txns_shard *s = c->slot->shard;

	sync_calls_add(&s->txns->calls, 1);
	completion_init(&c->marker.done, s->home->loop, on_group_marked);
	c->marker.marker = *m;
	c->marker.partition = c->p->index;
	groups_txn_end(s->txns->broker, &c->marker);
}

static void
mark_partition(struct part_call *c, const struct txn_marker *m)
{
	struct txn_slot *slot = c->slot;
	struct err err = ERR_INIT;
	char name[80], partition[272];

	part_call_sync(c);
	if (partition_txn_end(c->p, m, sync_call_wait(c->call), &err) == 0)
		return;
	sync_call_free(c->call);
	if (err.code == ERR_NOT_FOUND)
		part_marked(slot, c->p);
	else {
		slot->failed = true;
		log_warn("broker", "transactional.id=%s: the marker in %s "
		    "could not be written, it is tried again: %s",
		    name_of(slot, name), partition_name(c->p, partition),
		    err.msg);
	}
	part_call_free(c);
	waits_less(slot);
}

static void
do_mark(struct txn_slot *slot)
{
	struct txn *t = slot->txn;
	const struct txn_marker m = {
		.producer_id = t->now.producer_id,
		.epoch = t->now.epoch,
		.coordinator_epoch = slot->shard->txns->broker->leader_epoch,
		.commit = t->now.state == TXN_PREPARE_COMMIT,
	};
	struct part_call *c;
	struct partition *p;
	size_t i;

	slot->failed = false;
	slot->waiting = 1;
	for (i = 0; i < t->nparts; i++) {
		if (t->parts[i].marked)
			continue;
		p = part_open(slot, slice_str(t->parts[i].topic),
		    t->parts[i].partition);
		if (p == NULL) {
			t->parts[i].marked = true;
			continue;
		}
		c = part_call_new(slot, p);
		if (strcmp(t->parts[i].topic, TOPIC_OFFSETS) == 0)
			mark_group(c, &m);
		else
			mark_partition(c, &m);
	}
	waits_less(slot);
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
		    "stored: %s", name_of(slot, name),
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
		do_begin(slot, act->req);
		break;
	case TXN_SYNC:
		do_sync(slot);
		break;
	case TXN_WRITE:
		do_write(slot);
		break;
	case TXN_MARK:
		if (!closed(slot))
			do_mark(slot);
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
	    "partitions: %s", name_of(slot, name), (int)t->now.timeout_ms,
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
		    "cannot be forgotten now: %s", name_of(slot, name),
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
