/*
 * Loading a partition of __transaction_state after the start, in the loader's
 * thread: it builds a map of slots and posts it to the shard's loop, which goes
 * on with each where it stood.
 */
#include "broker/txns_priv.h"

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "broker/topic.h"
#include "broker/txn_log.h"

static void
on_record(void *ctx, const struct kbatch *b, const struct krecord *rec,
    struct err *e)
{
	struct txns_shard *s = ctx;
	struct txn_slot *slot;
	struct slice id;

	if ((b->attributes & KATTR_CONTROL) != 0 ||
	    txn_log_key(rec->key, &id, e) == -1)
		return;
	txn_slot_free(map_remove(s->loading, id));
	if (rec->value.p == NULL)
		return;
	slot = txn_slot_new(s, id);
	if (txn_log_restore(slot->txn, rec->value, e) == -1)
		txn_slot_free(slot);
	else
		(void)map_put(s->loading, id, slot);
}

/* --- on the shard's loop --- */

static void
take_in(struct txns_shard *s)
{
	size_t it = 0;
	void *slot;

	map_free(s->slots);
	s->slots = s->loading;
	s->loading = NULL;
	s->state = TXNS_READY;
	while (map_next(s->slots, &it, NULL, &slot))
		txn_slot_restored(slot);
	atomic_fetch_sub(&s->txns->unread, 1);
}

static void
on_loaded(struct loop_task *t)
{
	struct txns_shard *s = container_of(t, struct txns_shard, loaded);

	loader_done(&s->txns->loader, &s->load);
	if (s->load_err.code != ERR_NONE) {
		log_error("broker", "transactions of %s-%d cannot be loaded, "
		    "it is tried again when they are asked for: %s", TOPIC_TXN,
		    (int)s->index, s->load_err.msg);
		s->state = TXNS_FAILED;
		txns_wake(s, KERR_COORDINATOR_NOT_AVAILABLE);
		return;
	}
	take_in(s);
	txns_wake(s, KERR_NONE);
}

/* --- the thread --- */

static void
load(struct load *job)
{
	struct txns_shard *s = container_of(job, struct txns_shard, load);
	uint64_t bytes;
	size_t it = 0;
	void *slot;

	s->loading = map_new();
	s->load_err = (struct err)ERR_INIT;
	if (internal_log_read(s->log, on_record, s, &bytes,
	    &s->load_err) == -1) {
		while (map_next(s->loading, &it, NULL, &slot))
			txn_slot_free(slot);
		map_free(s->loading);
		s->loading = NULL;
	}
	s->loaded.fn = on_loaded;
	loop_post(s->home->loop, &s->loaded);
}

void
txns_load(struct txns_shard *s, bool first)
{
	loader_queue(&s->txns->loader, &s->load, load, first);
}
