/*
 * Loading a partition of __consumer_offsets after the start, in the loader's
 * thread: it builds a map of slots of its own and posts it to the shard's loop,
 * which makes groups of the stored records and lets the waiting requests go on.
 */
#include "broker/groups.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "broker/topic.h"

static struct slot *
loading_slot(struct shard *s, struct slice group)
{
	struct slot *slot = map_get(s->loading, group);

	if (slot == NULL) {
		slot = slot_new(s, group);
		(void)map_put(s->loading, group, slot);
	}
	return (slot);
}

static void
on_offset(void *ctx, int64_t producer_id, struct slice group,
    struct slice topic, int32_t partition, const struct committed *c)
{
	struct shard *s = ctx;
	struct slot *slot = loading_slot(s, group);

	if (c == NULL) {
		(void)offsets_remove(slot->offsets, topic, partition);
		staged_remove(s->loading_staged, group, topic, partition);
	} else if (producer_id >= 0)
		staged_put(s->loading_staged, producer_id, group, topic,
		    partition, c);
	else
		offsets_put(slot->offsets, topic, partition, c);
}

static void
on_committed(void *ctx, struct slice group, const struct offsets *o)
{
	slot_take_over(loading_slot(ctx, group), o);
}

/* What has none here stays staged: the marker is still to come. */
static void
on_marker(void *ctx, int64_t producer_id, bool commit)
{
	struct shard *s = ctx;

	staged_end(s->loading_staged, producer_id,
	    commit ? on_committed : NULL, s);
}

static void
on_group(void *ctx, struct slice group, struct slice value)
{
	struct slot *slot = loading_slot(ctx, group);

	free((void *)slot->value.p);
	slot->value = value.p == NULL ? SLICE_NULL :
	    slice_of(xstrndup(value.p, value.len), value.len);
}

/* --- on the shard's loop --- */

/* Its deletion may have been cut short by a crash, or came while we read. */
static bool
topic_gone(const struct slot *slot, void *arg, const struct offsets_topic *t,
    const struct committed *c)
{
	struct topic *topic = topic_find(slot->shard->groups->broker, t->name);

	(void)arg;
	(void)c;
	topic_unref(topic);
	return (topic == NULL);
}

static void
wake_waits(struct shard *s, int16_t error)
{
	struct shard_wait *w;

	while ((w = s->waits) != NULL) {
		s->waits = w->next;
		w->fn(w, error);
	}
}

static void
take_in(struct shard *s)
{
	struct err err = ERR_INIT;
	size_t it = 0;
	void *slot;

	map_free(s->slots);
	staged_free(s->staged);
	s->slots = s->loading;
	s->staged = s->loading_staged;
	s->loading = NULL;
	s->loading_staged = NULL;
	s->state = SHARD_READY;
	while (map_next(s->slots, &it, NULL, &slot)) {
		slot_restore(slot);
		slot_run(slot);
	}
	for (it = 0; map_next(s->slots, &it, NULL, &slot);)
		if (slot_prune(slot, topic_gone, NULL, &err) == -1)
			break;		/* the next start does it */
}

static void
on_loaded(struct loop_task *t)
{
	struct shard *s = container_of(t, struct shard, loaded);

	loader_done(&s->groups->loader, &s->load);
	if (s->load_err.code != ERR_NONE) {
		log_error("broker", "groups of %s-%d cannot be loaded, it is "
		    "tried again when they are asked for: %s", TOPIC_OFFSETS,
		    (int)s->index, s->load_err.msg);
		s->state = SHARD_FAILED;
		wake_waits(s, KERR_COORDINATOR_NOT_AVAILABLE);
		return;
	}
	take_in(s);
	wake_waits(s, KERR_NONE);
}

/* --- the thread --- */

static void
load(struct load *job)
{
	struct shard *s = container_of(job, struct shard, load);
	struct offsets_log_ops ops = { on_offset, on_group, on_marker, s };
	size_t it = 0;
	void *slot;

	s->loading = map_new();
	s->loading_staged = staged_new();
	s->load_err = (struct err)ERR_INIT;
	if (offsets_log_load(s->log, &ops, &s->load_err) == -1) {
		while (map_next(s->loading, &it, NULL, &slot))
			slot_free(slot);
		map_free(s->loading);
		staged_free(s->loading_staged);
		s->loading = NULL;
		s->loading_staged = NULL;
	}
	s->loaded.fn = on_loaded;
	loop_post(s->home->loop, &s->loaded);
}

void
shard_load(struct shard *s, bool first)
{
	loader_queue(&s->groups->loader, &s->load, load, first);
}
