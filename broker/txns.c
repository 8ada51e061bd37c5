/*
 * Shards, start and stop.
 */
#include "broker/txns_priv.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "broker/java_hash.h"
#include "broker/topic.h"

int64_t
txns_now(void)
{
	return (clock_wall_ms());
}

struct txns_shard *
txns_shard_of(struct txns *ts, struct slice id)
{
	return (&ts->shards[java_partition(id, ts->nshards)]);
}

void
txns_ready(struct txns_shard *s, struct txns_wait *w)
{
	struct txns_wait **pp;

	if (atomic_load(&s->txns->closed)) {
		w->fn(w, KERR_NOT_COORDINATOR);
		return;
	}
	if (s->state == TXNS_READY) {
		w->fn(w, KERR_NONE);
		return;
	}
	s->state = TXNS_LOADING;
	for (pp = &s->waits; *pp != NULL; pp = &(*pp)->next)
		;
	w->next = NULL;
	*pp = w;
	txns_load(s, true);
}

void
txns_wake(struct txns_shard *s, int16_t error)
{
	struct txns_wait *w;

	while ((w = s->waits) != NULL) {
		s->waits = w->next;
		w->fn(w, error);
	}
}

int
txns_log(struct txns_shard *s, struct err *e)
{
	if (s->log != NULL)
		return (partition_open(s->log, e));
	s->log = internal_log_open(topic_txn(s->txns->broker, true, e),
	    s->index, &s->topic, e);
	return (s->log == NULL ? -1 : 0);
}

/* --- start --- */

static void
sweep_shard(struct txns_shard *s)
{
	size_t it = 0;
	void *slot;

	if (s->state == TXNS_READY)
		while (map_next(s->slots, &it, NULL, &slot))
			txn_slot_sweep(slot, txns_now());
}

static void
sweep(struct loop_timer *t)
{
	struct txns_loop *tl = container_of(t, struct txns_loop, sweep);
	struct txns *ts = tl->txns;
	int32_t i;

	for (i = 0; i < ts->nshards; i++)
		if (ts->shards[i].home == tl->home)
			sweep_shard(&ts->shards[i]);
	timer_arm(t, ts->broker->cfg.txn_sweep_ms);
}

static void
shards_init(struct txns *ts, struct topic *t)
{
	struct broker *b = ts->broker;
	struct txns_shard *s;
	int32_t i;

	ts->nshards = t == NULL ? (int32_t)b->cfg.txn_partitions :
	    atomic_load(&t->npartitions);
	ts->shards = xcalloc((size_t)ts->nshards, sizeof *ts->shards);
	for (i = 0; i < ts->nshards; i++) {
		s = &ts->shards[i];
		s->txns = ts;
		s->index = i;
		s->home = broker_loop_of(b, (uint32_t)i);
		s->slots = map_new();
		s->records = (struct records)RECORDS_INIT;
		s->state = TXNS_READY;
		if (t == NULL)
			continue;
		s->state = TXNS_LOADING;
		atomic_fetch_add(&ts->unread, 1);
		s->topic = topic_ref(t);
		s->log = topic_partition(t, i);
		txns_load(s, false);
	}
}

static void
loops_init(struct txns *ts)
{
	struct broker *b = ts->broker;
	struct txns_loop *tl;
	unsigned i;

	ts->loops = xcalloc(b->nloops, sizeof *ts->loops);
	for (i = 0; i < b->nloops; i++) {
		tl = &ts->loops[i];
		tl->txns = ts;
		tl->home = &b->loops[i];
		timer_init(&tl->sweep, tl->home->loop, sweep);
		timer_arm(&tl->sweep, b->cfg.txn_sweep_ms);
	}
}

int
txns_start(struct broker *b, struct err *e)
{
	struct txns *ts = xcalloc(1, sizeof *ts);
	struct topic *t;

	b->txns = ts;
	ts->broker = b;
	ts->fences = fences_new();
	loader_init(&ts->loader);
	sync_calls_init(&ts->calls);
	t = topic_txn(b, false, NULL);
	shards_init(ts, t);
	topic_unref(t);
	loops_init(ts);
	return (loader_start(&ts->loader, "transactions", e));
}

/* --- topics that go --- */

struct deletion {
	struct loop_task	 task;
	struct txns_loop	*loop;
	char			*topic;
};

static void
shard_forget_topic(struct txns_shard *s, struct slice topic)
{
	size_t it = 0;
	void *v;

	while (map_next(s->slots, &it, NULL, &v)) {
		struct txn_slot *slot = v;

		txn_forget(slot->txn, topic);
	}
}

/* In a shard that is still being loaded, they are found to be gone when they
 * are begun or marked. */
static void
deletion_run(struct loop_task *t)
{
	struct deletion *d = container_of(t, struct deletion, task);
	struct txns *ts = d->loop->txns;
	int32_t i;

	for (i = 0; i < ts->nshards; i++)
		if (ts->shards[i].home == d->loop->home &&
		    ts->shards[i].state == TXNS_READY)
			shard_forget_topic(&ts->shards[i],
			    slice_str(d->topic));
	free(d->topic);
	free(d);
}

void
txns_topic_deleted(struct broker *b, const char *name)
{
	struct deletion *d;
	unsigned i;

	for (i = 0; b->txns != NULL && i < b->nloops; i++) {
		d = xcalloc(1, sizeof *d);
		d->loop = &b->txns->loops[i];
		d->topic = xstrdup(name);
		d->task.fn = deletion_run;
		loop_post(b->loops[i].loop, &d->task);
	}
}

bool
txns_known(struct broker *b)
{
	return (b->txns == NULL || atomic_load(&b->txns->unread) == 0);
}

/* --- stop --- */

static void
shard_close(struct txns_shard *s)
{
	size_t it = 0;
	void *slot;

	txns_wake(s, KERR_NOT_COORDINATOR);
	if (s->state == TXNS_READY)
		while (map_next(s->slots, &it, NULL, &slot))
			txn_slot_close(slot);
}

static void
loop_close(void *arg)
{
	struct txns_loop *tl = arg;
	struct txns *ts = tl->txns;
	int32_t i;

	timer_fini(&tl->sweep);
	for (i = 0; i < ts->nshards; i++)
		if (ts->shards[i].home == tl->home)
			shard_close(&ts->shards[i]);
}

void
txns_stop(struct broker *b)
{
	struct txns *ts = b->txns;
	unsigned i;

	if (ts == NULL)
		return;
	loader_stop(&ts->loader);
	atomic_store(&ts->closed, true);
	for (i = 0; i < b->nloops; i++)
		loop_call(b->loops[i].loop, loop_close, &ts->loops[i]);
	sync_calls_wait(&ts->calls);	/* the flusher still runs */
}

static void
slots_free(struct map *m)
{
	size_t it = 0;
	void *slot;

	while (m != NULL && map_next(m, &it, NULL, &slot))
		txn_slot_free(slot);
	map_free(m);
}

void
txns_free(struct broker *b)
{
	struct txns *ts = b->txns;
	unsigned j;
	int32_t i;

	if (ts == NULL)
		return;
	loader_stop(&ts->loader);
	for (j = 0; j < b->nloops; j++)	/* the start failed: no loop ran */
		timer_fini(&ts->loops[j].sweep);
	for (i = 0; i < ts->nshards; i++) {
		slots_free(ts->shards[i].slots);
		slots_free(ts->shards[i].loading);
		records_fini(&ts->shards[i].records);
		topic_unref(ts->shards[i].topic);
	}
	free(ts->loops);
	free(ts->shards);
	fences_free(ts->fences);
	loader_fini(&ts->loader);
	sync_calls_fini(&ts->calls);
	free(ts);
	b->txns = NULL;
}
