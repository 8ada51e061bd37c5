/* A shard's writing, and what goes of its state. */
#include "broker/groups.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "broker/subscription.h"
#include "broker/topic.h"
#include "kafka/records.h"

int
shard_log(struct shard *s, struct err *e)
{
	if (s->log != NULL)
		return (partition_open(s->log, e));
	s->log = internal_log_open(topic_offsets(s->groups->broker, true, e),
	    s->index, &s->topic, e);
	return (s->log == NULL ? -1 : 0);
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
