/*
 * What a transaction does in its partitions: BEGIN, SYNC and MARK.
 */
#include "broker/txns_priv.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "broker/topic.h"

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
	    "%s", txn_slot_name(slot, name), (int)topic.len,
	    (const char *)topic.p, (int)partition, err.msg);
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

void
txn_slot_begin(struct txn_slot *slot, struct txns_ask *a)
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
		    txn_slot_name(c->slot, name), TOPIC_OFFSETS,
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

void
txn_slot_sync(struct txn_slot *slot)
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
		    txn_slot_name(slot, name), partition_name(c->p, partition),
		    err.msg);
	}
	part_call_free(c);
	waits_less(slot);
}

void
txn_slot_mark(struct txn_slot *slot)
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
