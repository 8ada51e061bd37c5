/*
 * A shard's writing, and what keeps its partition small.
 *
 * The partition is a log of changes, and no compaction runs over it.  Instead,
 * when it has grown by more than FLOOR and FACTOR times what is live, the
 * shard's whole state is written again at the start of a new segment, and once
 * that is on the disk the log is trimmed to its beginning.  A crash at any
 * point leaves either the old records, perhaps with some of the copy behind
 * them, or the copy with everything after it: both read back to the same
 * state, as the last record of a key holds and the copy was made by the only
 * writer in one go.  What was deleted is not in the copy; its value and its
 * tombstone lie before it and go with the trim.
 */
#include "broker/groups.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "broker/subscription.h"
#include "broker/topic.h"
#include "kafka/records.h"

#define REWRITE_FLOOR	(4u << 20)
#define REWRITE_FACTOR	4
#define REWRITE_BATCH	(256u << 10)

int
shard_log(struct shard *s, struct err *e)
{
	struct topic *t;
	struct partition *p;

	if (s->log != NULL)
		return (partition_open(s->log, e));
	if ((t = topic_offsets(s->groups->broker, true, e)) == NULL)
		return (-1);
	if ((p = topic_partition(t, s->index)) == NULL) {
		topic_unref(t);
		return (err_set(e, ERR_NOT_FOUND, "%s has no partition %d",
		    TOPIC_OFFSETS, (int)s->index));
	}
	if (partition_open(p, e) == -1) {
		topic_unref(t);
		return (-1);
	}
	s->topic = t;
	s->log = p;
	return (0);
}

/* NULL for no fn. */
static struct sync_call *
call_new(struct shard *s, sync_call_fn *fn, void *arg)
{
	return (fn == NULL ? NULL :
	    sync_call_new(&s->groups->writes, s->home->loop, fn, arg));
}

int
shard_write(struct shard *s, sync_call_fn *fn, void *arg,
    struct err *e)
{
	struct sync_call *c = call_new(s, fn, arg);
	int rc = shard_log(s, e);

	if (rc == -1)
		records_drop(&s->records);
	else
		rc = records_append(&s->records, s->log,
		    sync_call_wait(c), e);
	if (rc == -1) {
		sync_call_free(c);
		return (-1);
	}
	s->logged += s->records.written;
	shard_consider_rewrite(s);
	return (0);
}

int
shard_write_marker(struct shard *s, const struct txn_marker *m,
    sync_call_fn *fn, void *arg, struct err *e)
{
	struct sync_call *c = call_new(s, fn, arg);

	if (shard_log(s, e) == -1 ||
	    partition_txn_end(s->log, m, sync_call_wait(c), e) == -1) {
		sync_call_free(c);
		return (-1);
	}
	s->logged += KBATCH_CONTROL_SIZE;
	return (0);
}

void
shard_synced(struct shard *s, sync_call_fn *fn, void *arg)
{
	if (s->log == NULL || !partition_is_open(s->log))
		fn(arg, KERR_NONE);
	else
		partition_wait(s->log,
		    sync_call_wait(call_new(s, fn, arg)));
}

/* --- rewriting --- */

struct rewrite {
	struct shard	*shard;
	int64_t		 base;
};

static void
rewrite_done(void *arg, int16_t error)
{
	struct rewrite *rw = arg;
	struct shard *s = rw->shard;
	struct err err = ERR_INIT;
	uint64_t freed = 0;
	int rc = 0;

	if (error == KERR_NONE) {
		mutex_lock(&s->log->lock);
		rc = partition_trim_locked(s->log, rw->base, &freed, &err);
		mutex_unlock(&s->log->lock);
	}
	if (rc == -1)
		log_warn("broker", "partition=%s-%d: cannot be trimmed: %s",
		    TOPIC_OFFSETS, (int)s->index, err.msg);
	free(rw);
}

/* What is collected goes out; last tells when it is on the disk. */
static int
rewrite_flush(struct shard *s, struct records *rs, struct sync_wait *last,
    struct err *e)
{
	if (records_append(rs, s->log, last, e) == -1)
		return (-1);
	s->live += rs->written;
	return (0);
}

static int
rewrite_slot(struct shard *s, const struct slot *slot, struct records *rs,
    struct err *e)
{
	const struct offsets_topic *t;
	size_t i, it = 0;

	if (slot->value.p != NULL)
		records_group_value(rs, slot->group->id, slot->value);
	while ((t = offsets_next(slot->offsets, &it)) != NULL)
		for (i = 0; i < t->n; i++)
			records_offset(rs, slot->group->id, t->name,
			    t->v[i].partition, &t->v[i]);
	if (records_bytes(rs) < REWRITE_BATCH)
		return (0);
	return (rewrite_flush(s, rs, NULL, e));
}

static int
rewrite_all(struct shard *s, struct sync_call *c, struct err *e)
{
	struct records rs = RECORDS_INIT;
	size_t it = 0;
	void *slot;
	int rc = 0;

	s->live = 0;
	while (rc == 0 && map_next(s->slots, &it, NULL, &slot))
		rc = rewrite_slot(s, slot, &rs, e);
	if (rc == 0)
		rc = rewrite_flush(s, &rs, sync_call_wait(c), e);
	records_fini(&rs);
	return (rc);
}

static int
rewrite_begin(struct shard *s, int64_t *base, struct err *e)
{
	int rc;

	mutex_lock(&s->log->lock);
	rc = partition_roll_locked(s->log, e);
	*base = seglog_end(s->log->log);
	mutex_unlock(&s->log->lock);
	return (rc);
}

static void
rewrite(struct shard *s)
{
	struct rewrite *rw = xcalloc(1, sizeof *rw);
	struct sync_call *c = call_new(s, rewrite_done, rw);
	struct err err = ERR_INIT;

	rw->shard = s;
	if (rewrite_begin(s, &rw->base, &err) == -1 ||
	    rewrite_all(s, c, &err) == -1) {
		log_warn("broker", "partition=%s-%d: cannot be rewritten, it "
		    "goes on growing: %s", TOPIC_OFFSETS, (int)s->index,
		    err.msg);
		sync_call_free(c);
		free(rw);
		/* Not again before the log has grown by as much. */
		s->live = s->logged / REWRITE_FACTOR + REWRITE_FLOOR;
		s->logged = 0;
		return;
	}
	s->logged = s->live;
}

static void
rewrite_task(struct loop_task *t)
{
	struct shard *s = container_of(t, struct shard, rewrite);

	if (s->state == SHARD_READY && staged_transactions(s->staged) == 0)
		rewrite(s);
}

/* Not in the caller's call: it has yet to change in memory what it wrote.  Nor
 * while offsets are staged: the copy would be without them, as only a marker
 * can follow a transaction's records. */
void
shard_consider_rewrite(struct shard *s)
{
	if (s->logged <= REWRITE_FLOOR ||
	    s->logged <= REWRITE_FACTOR * s->live || s->rewrite.queued ||
	    staged_transactions(s->staged) > 0)
		return;
	s->rewrite.fn = rewrite_task;
	loop_post(s->home->loop, &s->rewrite);
}

/* --- what is over --- */

/*
 * KIP-211: the offsets of a group without members go when it has been empty
 * for the retention time; those of a group with members when none of them is
 * subscribed any more; those of a simple consumer by the time of the commit.
 * Not while an open transaction is about to replace it.
 */
static bool
expired(const struct slot *slot, void *arg, const struct offsets_topic *t,
    const struct committed *c)
{
	const struct group *g = slot->group;
	const struct broker *b = slot->shard->groups->broker;
	int64_t now = *(const int64_t *)arg, since = c->commit_ms;

	if (g->state == GROUP_EMPTY && g->state_ms > since)
		since = g->state_ms;
	if (now - since < b->cfg.offsets_retention_min * 60000)
		return (false);
	if (staged_has(slot->shard->staged, g->id, t->name, c->partition))
		return (false);
	return (g->state == GROUP_EMPTY ||
	    (g->state == GROUP_STABLE && !group_subscribed(g, t->name)));
}

void
shard_expire(struct shard *s, int64_t now_ms)
{
	struct err err = ERR_INIT;
	size_t it = 0;
	void *slot;

	while (map_next(s->slots, &it, NULL, &slot))
		if (slot_prune(slot, expired, &now_ms, &err) == -1) {
			log_warn("broker", "partition=%s-%d: old offsets "
			    "cannot be removed now: %s", TOPIC_OFFSETS,
			    (int)s->index, err.msg);
			return;
		}
}

/* --- a topic was deleted --- */

struct deletion {
	struct loop_task	 task;
	struct groups_loop	*loop;
	char			*topic;
};

static bool
of_topic(const struct slot *slot, void *arg, const struct offsets_topic *t,
    const struct committed *c)
{
	(void)slot;
	(void)c;
	return (slice_eq_str(t->name, arg));
}

static void
shard_forget_topic(struct shard *s, char *topic)
{
	struct err err = ERR_INIT;
	size_t it = 0;
	void *v;

	while (map_next(s->slots, &it, NULL, &v)) {
		struct slot *slot = v;

		if ((offsets_topic(slot->offsets, slice_str(topic)) != NULL ||
		    staged_has_group(s->staged, slot->group->id)) &&
		    slot_prune(slot, of_topic, topic, &err) == -1)
			log_warn("broker", "offsets of the deleted topic %s "
			    "stay until the next start: %s", topic, err.msg);
	}
}

/* A shard that is still being loaded looks itself which topics are there. */
static void
deletion_run(struct loop_task *t)
{
	struct deletion *d = container_of(t, struct deletion, task);
	struct groups *gs = d->loop->groups;
	int32_t i;

	for (i = 0; i < gs->nshards; i++)
		if (gs->shards[i].home == d->loop->home &&
		    gs->shards[i].state == SHARD_READY)
			shard_forget_topic(&gs->shards[i], d->topic);
	free(d->topic);
	free(d);
}

void
groups_topic_deleted(struct broker *b, const char *name)
{
	struct deletion *d;
	unsigned i;

	for (i = 0; b->groups != NULL && i < b->nloops; i++) {
		d = xcalloc(1, sizeof *d);
		d->loop = &b->groups->loops[i];
		d->topic = xstrdup(name);
		d->task.fn = deletion_run;
		loop_post(b->loops[i].loop, &d->task);
	}
}
