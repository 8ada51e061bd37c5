/*
 * A partition that is open: appends, who waits for a sync, and the sync.
 */
#include "broker/partition.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "broker/epochs.h"
#include "broker/flusher.h"
#include "broker/partition_txn.h"
#include "broker/producers.h"
#include "broker/space.h"

#define FOLLOWED_NS	(INT64_C(100) * 1000000)
#define LATER_BYTES	((int64_t)4 << 20) /* unsynced, without a hurry */

/* --- appending --- */

static int
stamp_epoch(struct partition *p, struct err *e)
{
	struct broker *b = p->topic->broker;

	if (p->stamped)
		return (0);
	if (epochs_add(p->epochs, b->fs, p->dirfd, b->leader_epoch,
	    seglog_end(p->log), e) == -1)
		return (-1);
	p->stamped = true;
	return (0);
}

/* Whether the next sync should begin at once. */
static bool
in_hurry(const struct partition *p)
{
	return (p->waits != NULL || p->watchers != NULL ||
	    p->unsynced >= LATER_BYTES ||
	    atomic_load(&p->followed_ns) + FOLLOWED_NS > clock_mono_ns());
}

/* What is dirty is synced at once. */
static void
hurry(struct partition *p)
{
	if (!p->dirty || p->hurried)
		return;
	p->hurried = true;
	flusher_hurry(p->topic->broker, p);
}

static void
mark_dirty(struct partition *p)
{
	if (p->dirty) {
		if (!p->hurried && in_hurry(p))
			hurry(p);
		return;
	}
	p->dirty = true;
	p->hurried = in_hurry(p);
	flusher_add(p->topic->broker, p, p->hurried);
}

void
partition_followed(struct partition *p)
{
	atomic_store(&p->followed_ns, clock_mono_ns());
	if (seglog_dirty(p->log)) {
		mutex_lock(&p->lock);
		hurry(p);
		mutex_unlock(&p->lock);
	}
}

int
partition_append_locked(struct partition *p, struct seglog_batch *v, size_t n,
    unsigned flags, struct sync_wait *wait, struct err *e)
{
	struct broker *b = p->topic->broker;
	struct err err = ERR_INIT;
	uint64_t bytes = 0;
	size_t i;

	mutex_assert_held(&p->lock);
	if (atomic_load(&p->state) == PARTITION_GONE)
		return (err_set(e, ERR_NOT_FOUND, "the topic was deleted"));
	for (i = 0; i < n; i++)
		bytes += SEGLOG_HEADER + v[i].body.len;
	if ((flags & APPEND_RESERVE) == 0 && space_check(b, bytes, e) == -1)
		return (-1);
	partition_txn_appending(p, v, n);
	if (stamp_epoch(p, &err) == -1 ||
	    seglog_append(p->log, v, n, &err) == -1) {
		partition_txn_appended(p, v, 0);
		if (err.code == ERR_FULL)
			space_none(b);
		if (e != NULL)
			*e = err;
		return (-1);
	}
	partition_txn_appended(p, v, n);
	space_used(b, bytes);
	p->unsynced += (int64_t)bytes;
	p->snapshot_bytes += (int64_t)bytes;
	metric_add_shared(&b->m.unsynced_bytes, (int64_t)bytes);
	if (wait != NULL)
		partition_wait_locked(p, wait);
	mark_dirty(p);
	return (0);
}

int
partition_append(struct partition *p, struct seglog_batch *v, size_t n,
    unsigned flags, struct sync_wait *wait, struct err *e)
{
	int rc;

	if (partition_open(p, e) == -1)
		return (-1);
	mutex_lock(&p->lock);
	rc = partition_append_locked(p, v, n, flags, wait, e);
	mutex_unlock(&p->lock);
	return (rc);
}

/* --- waiting --- */

void
sync_wait_init(struct sync_wait *w, struct loop *loop,
    void (*fn)(struct completion *, const struct err *))
{
	completion_init(&w->done, loop, fn);
	w->offset = 0;
	w->next = NULL;
}

void
partition_wait_locked(struct partition *p, struct sync_wait *w)
{
	w->offset = seglog_end(p->log);
	w->next = NULL;
	*p->waits_tail = w;
	p->waits_tail = &w->next;
	hurry(p);
}

void
partition_wait(struct partition *p, struct sync_wait *w)
{
	struct err err = ERR_INIT;
	int64_t synced;

	if (partition_open(p, &err) == -1) {
		completion_done(&w->done, &err);
		return;
	}
	mutex_lock(&p->lock);
	if (atomic_load(&p->state) == PARTITION_OPEN) {
		synced = seglog_synced(p->log);
		if (synced < seglog_end(p->log)) {
			partition_wait_locked(p, w);
			w = NULL;
		} else	/* the flusher may not have come to this yet */
			partition_txn_synced(p, synced);
	}
	mutex_unlock(&p->lock);
	if (w != NULL)
		completion_done(&w->done, NULL);
}

void
partition_watch(struct partition *p, struct watcher *w)
{
	mutex_lock(&p->lock);
	w->next = p->watchers;
	w->prev = &p->watchers;
	if (w->next != NULL)
		w->next->prev = &w->next;
	p->watchers = w;
	hurry(p);
	mutex_unlock(&p->lock);
}

static void
watcher_remove(struct watcher *w)
{
	if (w->prev == NULL)
		return;
	*w->prev = w->next;
	if (w->next != NULL)
		w->next->prev = w->prev;
	w->prev = NULL;
}

void
partition_unwatch(struct partition *p, struct watcher *w)
{
	mutex_lock(&p->lock);
	watcher_remove(w);
	mutex_unlock(&p->lock);
}

static void
wake_watchers(struct partition *p)
{
	struct watcher *w;

	while ((w = p->watchers) != NULL) {
		watcher_remove(w);
		w->fn(w);
	}
}

/* Takes the waits that end at or below offset off the list. */
static struct sync_wait *
take_waits(struct partition *p, int64_t offset)
{
	struct sync_wait *v = p->waits, **pp = &p->waits;

	while (*pp != NULL && (*pp)->offset <= offset)
		pp = &(*pp)->next;
	if (pp == &p->waits)
		return (NULL);
	p->waits = *pp;
	*pp = NULL;
	if (p->waits == NULL)
		p->waits_tail = &p->waits;
	return (v);
}

static void
finish_waits(struct sync_wait *v, const struct err *err)
{
	struct sync_wait *w;

	while ((w = v) != NULL) {
		v = w->next;
		completion_done(&w->done, err);
	}
}

static void
count_sync(struct broker *b, int64_t ns)
{
	metric_add(&b->m.syncs, 1);
	metric_add(&b->m.sync_ns, ns);
	if (ns > metric_get(&b->m.sync_ns_max))
		metric_set(&b->m.sync_ns_max, ns);
}

void
partition_flush(struct partition *p)
{
	struct broker *b = p->topic->broker;
	struct err err = ERR_INIT;
	struct sync_wait *v;
	int64_t synced, bytes, t0;
	char name[272];

	mutex_lock(&p->lock);
	p->dirty = p->hurried = false;
	bytes = p->unsynced;
	p->unsynced = 0;
	mutex_unlock(&p->lock);

	t0 = clock_mono_ns();
	if (seglog_sync(p->log, &synced, &err) == -1)
		fatal_disk("partition %s: %s", partition_name(p, name),
		    err.msg);
	count_sync(b, clock_mono_ns() - t0);
	metric_add_shared(&b->m.unsynced_bytes, -bytes);

	mutex_lock(&p->lock);
	partition_txn_synced(p, synced);
	v = take_waits(p, synced);
	wake_watchers(p);
	mutex_unlock(&p->lock);
	finish_waits(v, NULL);
}

void
partition_gone(struct partition *p)
{
	struct err err = ERR_INIT;
	struct sync_wait *v;

	err_set(&err, ERR_NOT_FOUND, "the topic was deleted");
	mutex_lock(&p->lock);
	atomic_store(&p->state, PARTITION_GONE);
	v = take_waits(p, INT64_MAX);
	wake_watchers(p);
	mutex_unlock(&p->lock);
	finish_waits(v, &err);
}

int
partition_trim_locked(struct partition *p, int64_t start, uint64_t *freed,
    struct err *e)
{
	mutex_assert_held(&p->lock);
	if (seglog_trim(p->log, start, freed, e) == -1)
		return (-1);
	partition_txn_trimmed(p);
	return (0);
}

int
partition_roll_locked(struct partition *p, struct err *e)
{
	mutex_assert_held(&p->lock);
	if (seglog_roll(p->log, e) == -1)
		return (-1);
	partition_txn_rolled(p);
	mark_dirty(p);			/* the new file's name */
	return (0);
}
