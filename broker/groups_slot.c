/*
 * Slots: a group with its offsets, its timer, and the execution of what the
 * state machine asks for.
 */
#include "broker/groups.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"

static void
count(struct slot *slot, int groups)
{
	struct broker_metrics *m = &slot->shard->groups->broker->m;
	const struct group *g = slot->group;

	if (groups != 0) {
		atomic_fetch_add(&slot->shard->groups->count, groups);
		metric_add_shared(&m->groups, groups);
	}
	if (slot->nmembers != g->nmembers) {
		metric_add_shared(&m->members,
		    (int64_t)g->nmembers - (int64_t)slot->nmembers);
		slot->nmembers = g->nmembers;
	}
	if (slot->generation != g->generation) {
		metric_add_shared(&m->rebalances, 1);
		slot->generation = g->generation;
	}
}

static void
on_timer(struct loop_timer *t)
{
	struct slot *slot = container_of(t, struct slot, timer);
	struct shard *s = slot->shard;

	group_tick(slot->group, shard_now(s), &s->out);
	slot_run(slot);
}

struct slot *
slot_new(struct shard *s, struct slice group)
{
	struct slot *slot = xcalloc(1, sizeof *slot);

	slot->shard = s;
	slot->group = group_new(group, &s->groups->limits);
	slot->offsets = offsets_new();
	return (slot);
}

void
slot_free(struct slot *slot)
{
	timer_fini(&slot->timer);
	group_free(slot->group);
	offsets_free(slot->offsets);
	free((void *)slot->value.p);
	free(slot);
}

struct slot *
slot_find(const struct shard *s, struct slice group)
{
	return (map_get(s->slots, group));
}

struct slot *
slot_get(struct shard *s, struct slice group)
{
	struct slot *slot = slot_find(s, group);
	struct groups *gs = s->groups;

	if (slot != NULL)
		return (slot);
	if (atomic_load(&gs->count) >= gs->broker->cfg.max_groups) {
		log_warn("broker", "there are %lld groups, no more are taken; "
		    "delete some or raise max.groups",
		    (long long)gs->broker->cfg.max_groups);
		return (NULL);
	}
	slot = slot_new(s, group);
	timer_init(&slot->timer, s->home->loop, on_timer);
	(void)map_put(s->slots, group, slot);
	count(slot, 1);
	return (slot);
}

static void
slot_remove(struct slot *slot)
{
	(void)map_remove(slot->shard->slots, slot->group->id);
	timer_disarm(&slot->timer);
	count(slot, -1);
	slot->removed = true;
	if (slot->writes == 0)
		slot_free(slot);
}

/* --- what the state machine asks for --- */

struct persist {
	struct loop_task task;		/* when it failed at once */
	struct slot	*slot;
	uint64_t	 number;
	int16_t		 error;
};

static void
persist_done(void *arg, int16_t error)
{
	struct persist *p = arg;
	struct slot *slot = p->slot;
	struct shard *s = slot->shard;

	slot->writes--;
	if (slot->removed) {
		if (slot->writes == 0)
			slot_free(slot);
	} else {
		group_persisted(slot->group, p->number, error, shard_now(s),
		    &s->out);
		slot_run(slot);
	}
	free(p);
}

static void
persist_failed(struct loop_task *t)
{
	struct persist *p = container_of(t, struct persist, task);
	struct groups *gs = p->slot->shard->groups;

	persist_done(p, p->error);
	sync_calls_add(&gs->writes, -1);
}

static struct slice
copy_value(struct slice s)
{
	return (slice_of(xstrndup(s.p, s.len), s.len));
}

static void
slot_persist(struct slot *slot, uint64_t number)
{
	struct persist *p = xcalloc(1, sizeof *p);
	struct shard *s = slot->shard;
	struct err err = ERR_INIT;
	struct slice value;

	p->slot = slot;
	p->number = number;
	slot->writes++;
	slot->group->state_ms = clock_wall_ms();
	records_group(&s->records, slot->group);
	value = copy_value(records_last_value(&s->records));
	if (shard_write(s, persist_done, p, &err) == 0) {
		free((void *)slot->value.p);
		slot->value = value;
		return;
	}
	free((void *)value.p);
	log_error("broker", "group=%.*s: its state cannot be stored: %s",
	    (int)slot->group->id.len, (const char *)slot->group->id.p,
	    err.msg);
	p->error = coordinator_error(&err);
	p->task.fn = persist_failed;
	sync_calls_add(&s->groups->writes, 1);
	loop_post(s->home->loop, &p->task);
}

static bool
slot_vacant(const struct slot *slot)
{
	return (group_vacant(slot->group) && slot->value.p == NULL &&
	    slot->writes == 0 && offsets_count(slot->offsets) == 0 &&
	    !staged_has_group(slot->shard->staged, slot->group->id));
}

void
slot_run(struct slot *slot)
{
	struct shard *s = slot->shard;
	struct group_actions *out = &s->out;
	int64_t at;
	size_t i;

	for (i = 0; i < out->n; i++)
		switch (out->v[i].type) {
		case GROUP_JOINED:
			join_answer(slot, &out->v[i]);
			break;
		case GROUP_SYNCED:
			sync_answer(slot, &out->v[i]);
			break;
		case GROUP_PERSIST:
			slot_persist(slot, out->v[i].number);
			break;
		}
	out->n = 0;
	count(slot, 0);
	at = group_deadline(slot->group);
	if (slot_vacant(slot))
		slot_remove(slot);
	else if (at == GROUP_NEVER || s->state != SHARD_READY)
		timer_disarm(&slot->timer);
	else
		timer_arm(&slot->timer, at > shard_now(s) ?
		    at - shard_now(s) : 0);
}

/* --- loading and forgetting --- */

void
slot_restore(struct slot *slot)
{
	struct shard *s = slot->shard;
	struct err err = ERR_INIT;

	timer_init(&slot->timer, s->home->loop, on_timer);
	if (slot->value.p != NULL &&
	    offsets_log_restore(slot->group, slot->value, &err) == -1)
		log_error("broker", "group=%.*s: its stored state makes no "
		    "sense, the members will join anew: %s",
		    (int)slot->group->id.len,
		    (const char *)slot->group->id.p, err.msg);
	slot->generation = slot->group->generation;
	group_restored(slot->group, shard_now(s), &s->out);
	count(slot, 1);
}

bool
slot_delete(struct slot *slot, struct err *e)
{
	struct shard *s = slot->shard;
	const struct offsets_topic *t;
	size_t i, it = 0;

	while ((t = offsets_next(slot->offsets, &it)) != NULL)
		for (i = 0; i < t->n; i++)
			records_offset_gone(&s->records, slot->group->id,
			    t->name, t->v[i].partition);
	if (slot->value.p != NULL)
		records_group_gone(&s->records, slot->group->id);
	if (shard_write(s, NULL, NULL, e) == -1)
		return (false);
	slot_remove(slot);
	return (true);
}

/* --- offsets --- */

const struct offsets *
slot_offsets(const struct slot *slot, struct offsets **tmp)
{
	const struct offsets_topic *t;
	size_t i, it = 0;

	*tmp = NULL;
	if (!staged_has_group(slot->shard->staged, slot->group->id))
		return (slot->offsets);
	*tmp = offsets_new();
	while ((t = offsets_next(slot->offsets, &it)) != NULL)
		for (i = 0; i < t->n; i++)
			offsets_put(*tmp, t->name, t->v[i].partition,
			    &t->v[i]);
	staged_keys(slot->shard->staged, slot->group->id, *tmp);
	return (*tmp);
}

void
slot_forget(struct slot *slot, struct slice topic, int32_t partition)
{
	staged_remove(slot->shard->staged, slot->group->id, topic, partition);
	(void)offsets_remove(slot->offsets, topic, partition);
}

/* What was committed outside the transaction behind its record stays, as it
 * does in a log that is read by key. */
void
slot_take_over(struct slot *slot, const struct offsets *from)
{
	const struct offsets_topic *t;
	const struct committed *have;
	size_t i, it = 0;

	while ((t = offsets_next(from, &it)) != NULL)
		for (i = 0; i < t->n; i++) {
			have = offsets_get(slot->offsets, t->name,
			    t->v[i].partition);
			if (have == NULL || have->at < t->v[i].at)
				offsets_put(slot->offsets, t->name,
				    t->v[i].partition, &t->v[i]);
		}
}

struct pruned {
	const struct offsets_topic *topic;
	int32_t			 partition;
};

static bool
nothing_left(const struct slot *slot)
{
	return (offsets_count(slot->offsets) == 0 &&
	    slot->group->state == GROUP_EMPTY && slot->group->npending == 0 &&
	    slot->writes == 0 &&
	    !staged_has_group(slot->shard->staged, slot->group->id));
}

int
slot_prune(struct slot *slot, bool (*old)(const struct slot *, void *,
    const struct offsets_topic *, const struct committed *), void *arg,
    struct err *e)
{
	struct shard *s = slot->shard;
	const struct offsets_topic *t;
	struct pruned *v = NULL;
	struct offsets *tmp;
	const struct offsets *all = slot_offsets(slot, &tmp);
	size_t i, it = 0, n = 0, cap = 0;
	int rc = 0;

	while ((t = offsets_next(all, &it)) != NULL)
		for (i = 0; i < t->n; i++) {
			if (!old(slot, arg, t, &t->v[i]))
				continue;
			GROW(v, n, cap);
			v[n++] = (struct pruned){ t, t->v[i].partition };
			records_offset_gone(&s->records, slot->group->id,
			    t->name, t->v[i].partition);
		}
	if (n > 0)
		rc = shard_write(s, NULL, NULL, e);
	/* Those of one topic stand together: it goes with the last. */
	for (i = 0; rc == 0 && i < n; i++)
		slot_forget(slot, v[i].topic->name, v[i].partition);
	free(v);
	offsets_free(tmp);
	if (rc == 0 && nothing_left(slot))
		rc = slot_delete(slot, e) ? 0 : -1;
	return (rc);
}
