/*
 * The end of a transaction in a group's partition.  Memory follows the marker
 * when that is appended, as with every record here, and whoever reads waits
 * until it is synced.
 */
#include "broker/groups_txn.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"
#include "broker/groups.h"

struct ending {
	struct groups_marker	*m;
	struct shard		*shard;
	struct shard_wait	 wait;
};

int32_t
groups_partition(struct broker *b, struct slice group)
{
	return (groups_shard(b->groups, group)->index);
}

static void
ending_done(struct ending *x, const struct err *err)
{
	completion_done(&x->m->done, err);
	free(x);
}

/* An error is the deletion of the topic, which is an end, too. */
static void
ending_synced(void *arg, int16_t error)
{
	(void)error;
	ending_done(arg, NULL);
}

static void
take_over(void *arg, struct slice group, const struct offsets *o)
{
	const struct ending *x = arg;
	struct slot *slot = slot_find(x->shard, group);

	CHECK(slot != NULL);		/* kept while it has staged ones */
	if (x->m->marker.commit)
		slot_take_over(slot, o);
	slot_run(slot);
}

static void
ending_ready(struct shard_wait *w, int16_t error)
{
	struct ending *x = container_of(w, struct ending, wait);
	struct shard *s = x->shard;
	struct err err = ERR_INIT;

	if (error != KERR_NONE) {
		(void)err_set(&err, ERR_REFUSED, "%s-%d cannot be loaded: %s",
		    TOPIC_OFFSETS, (int)s->index, kerr_text(error));
		ending_done(x, &err);
		return;
	}
	if (shard_write_marker(s, &x->m->marker, ending_synced, x, &err) ==
	    0) {
		staged_end(s->staged, x->m->marker.producer_id, take_over, x);
		return;
	}
	if (err.code != ERR_NOT_FOUND) {
		ending_done(x, &err);
		return;
	}
	/* The topic was deleted, and with it what was to be ended. */
	staged_end(s->staged, x->m->marker.producer_id, take_over, x);
	ending_done(x, NULL);
}

static void
ending_run(struct loop_task *t)
{
	struct groups_marker *m = container_of(t, struct groups_marker, task);
	struct ending *x = xcalloc(1, sizeof *x);

	x->m = m;
	x->shard = &m->broker->groups->shards[m->partition];
	x->wait.fn = ending_ready;
	shard_ready(x->shard, &x->wait);
}

void
groups_txn_end(struct broker *b, struct groups_marker *m)
{
	struct groups *gs = b->groups;

	if (m->partition < 0 || m->partition >= gs->nshards) {
		/* Of an earlier topic, with more partitions. */
		completion_done(&m->done, NULL);
		return;
	}
	m->broker = b;
	m->task.fn = ending_run;
	loop_post(gs->shards[m->partition].home->loop, &m->task);
}
