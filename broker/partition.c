/*
 * Opening makes the folder, or takes what a crash left: the checkpoint says up
 * to where the log is known to be good, the newest snapshot at or below that
 * gives the producers, and the headers from there on bring them up to date
 * while the log is checked.
 *
 * The lock is held while the log opens, so that who needs the partition first
 * pays, and everybody else waits for it.
 */
#include "broker/partition.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/checkpoint.h"
#include "broker/epochs.h"
#include "broker/flusher.h"
#include "broker/partition_txn.h"
#include "broker/producers.h"
#include "broker/snapshot.h"
#include "broker/space.h"
#include "broker/topic_config.h"

#define METADATA	"partition.metadata"
#define SNAPSHOT_BYTES	(64 << 20)	/* appended between two snapshots */
#define ZERO_AHEAD	((uint64_t)256 << 10)	/* at most */
#define FOLLOWED_NS	(INT64_C(100) * 1000000)
#define LATER_BYTES	((int64_t)4 << 20) /* unsynced, without a hurry */
#define SEGMENT_FLOOR	(16u << 20)	/* of what dir.max.bytes implies */

const char *
partition_name(const struct partition *p, char buf[272])
{
	snprintf(buf, 272, "%s-%d", p->topic->name, p->index);
	return (buf);
}

struct partition *
partition_new(struct topic *t, int32_t index)
{
	struct partition *p = xcalloc(1, sizeof *p);

	p->topic = t;
	p->index = index;
	p->dirfd = -1;
	p->waits_tail = &p->waits;
	mutex_init(&p->lock);
	checkpoint_get(t->broker, &t->id, index, &p->recovery_offset,
	    &p->start);
	return (p);
}

/* --- the folder --- */

static bool
read_id(int dirfd, struct uuid *id, bool *missing, struct err *e)
{
	struct err err = ERR_INIT;
	char *text, *at;
	void *p;
	size_t len;
	bool ok;

	*missing = false;
	if (fs_slurp(dirfd, METADATA, 4096, &p, &len, &err) == -1) {
		*missing = err.code == ERR_NOT_FOUND;
		if (!*missing && e != NULL)
			*e = err;
		return (false);
	}
	text = p;
	ok = (at = strstr(text, "topic_id: ")) != NULL;
	if (ok) {
		at += strlen("topic_id: ");
		at[strcspn(at, "\r\n ")] = '\0';
		ok = uuid_parse(id, at);
	}
	free(text);
	if (!ok)
		err_set(e, ERR_CORRUPT, "%s has no topic_id", METADATA);
	return (ok);
}

bool
partition_folder_is(struct broker *b, const char *name, const struct uuid *id)
{
	struct uuid found;
	bool missing, same;
	int fd;

	fd = openat(b->dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return (false);
	/* Without the file nothing was ever written there. */
	same = read_id(fd, &found, &missing, NULL) ?
	    memcmp(&found, id, sizeof found) == 0 : missing;
	close(fd);
	return (same);
}

static int
write_id(struct partition *p, struct err *e)
{
	char text[80], id[23];
	int n;

	n = snprintf(text, sizeof text, "version: 0\ntopic_id: %s\n",
	    uuid_print(&p->topic->id, id));
	return (fs_replace(p->topic->broker->fs, p->dirfd, METADATA, text,
	    (size_t)n, e));
}

static int
check_id(struct partition *p, struct err *e)
{
	struct uuid id;
	bool missing;

	if (!read_id(p->dirfd, &id, &missing, e))
		return (missing ? write_id(p, e) : -1);
	if (memcmp(&id, &p->topic->id, sizeof id) != 0)
		return (err_set(e, ERR_CORRUPT, "the folder belongs to an "
		    "earlier topic of this name; move it away"));
	return (0);
}

static int
open_dir(struct broker *b, const char *name, struct err *e)
{
	return (b->fs->open(b->fs, b->dirfd, name, O_RDONLY | O_DIRECTORY, e));
}

static int
open_folder(struct partition *p, const char *name, struct err *e)
{
	struct broker *b = p->topic->broker;
	struct err err = ERR_INIT;

	p->dirfd = open_dir(b, name, &err);
	if (p->dirfd == -1 && err.sys != ENOENT)
		return (open_dir(b, name, e));
	if (p->dirfd == -1 &&
	    (b->fs->mkdir(b->fs, b->dirfd, name, e) == -1 ||
	    (p->dirfd = open_dir(b, name, e)) == -1))
		return (-1);
	/* Also when it was there: its maker may have died before this. */
	if (b->fs->sync_dir(b->fs, b->dirfd, e) == -1)
		fatal_disk("%s: sync failed", b->dir);
	if (check_id(p, e) == 0)
		return (0);
	b->fs->close(b->fs, p->dirfd);
	p->dirfd = -1;
	return (-1);
}

static bool
ours(const char *name)
{
	size_t n = strlen(name);

	return (strcmp(name, METADATA) == 0 ||
	    strncmp(name, "leader-epoch-checkpoint", 23) == 0 ||
	    (n > 9 && strcmp(name + n - 9, ".snapshot") == 0) ||
	    (n > 9 && strcmp(name + n - 9, ".txnindex") == 0) ||
	    (n > 4 && strcmp(name + n - 4, ".tmp") == 0));
}

int
partition_clear(struct broker *b, int dirfd, struct err *e)
{
	struct dirent *de;
	DIR *d;
	int fd, rc = 0;

	if (seglog_destroy(b->fs, dirfd, e) == -1)
		return (-1);
	fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || (d = fdopendir(fd)) == NULL) {
		if (fd != -1)
			close(fd);
		return (err_sys(e, "read folder"));
	}
	while (rc == 0 && (de = readdir(d)) != NULL)
		if (ours(de->d_name))
			rc = b->fs->unlink(b->fs, dirfd, de->d_name, e);
	closedir(d);
	return (rc);
}

/* --- opening --- */

static int
on_scan(void *ctx, const uint8_t *header, int64_t base, struct err *e)
{
	return (partition_txn_scan(ctx, header, base, e));
}

static int
on_scan_control(void *ctx, struct slice batch, struct err *e)
{
	return (partition_txn_scan_control(ctx, batch, e));
}

uint64_t
partition_segment_bytes(struct partition *p)
{
	const struct topic_config *c = topic_config_get(p->topic);
	uint64_t want = (uint64_t)c->num[TOPIC_SEGMENT_BYTES];
	uint64_t most = p->topic->broker->dir_max / 16;

	if (most < SEGMENT_FLOOR)
		most = SEGMENT_FLOOR;
	return (want < most ? want : most);
}

void
partition_configure(struct partition *p)
{
	const struct topic_config *c = topic_config_get(p->topic);

	mutex_lock(&p->lock);
	if (partition_is_open(p))
		seglog_set_roll(p->log, partition_segment_bytes(p),
		    c->num[TOPIC_SEGMENT_MS]);
	mutex_unlock(&p->lock);
}

static void
say_recovery(struct partition *p, const char *name,
    const struct seglog_recovery *r)
{
	if (r->torn != 0)
		log_info("broker", "partition=%s: cut %llu torn bytes off the "
		    "end, now at offset=%lld", name,
		    (unsigned long long)r->torn, (long long)r->end);
	if (r->quarantined != 0)
		log_error("broker", "partition=%s: %llu bytes are damaged; "
		    "they were set aside in %u .bad files, the records in them "
		    "are missing", name, (unsigned long long)r->quarantined,
		    r->quarantines);
	metric_add_shared(&p->topic->broker->m.quarantined_bytes,
	    (int64_t)r->quarantined);
}

static int
open_log(struct partition *p, const char *name, struct err *e)
{
	struct broker *b = p->topic->broker;
	const struct topic_config *c = topic_config_get(p->topic);
	struct seglog_recovery rec = { 0 };
	struct seglog_options o = {
		.fs = b->fs, .name = name,
		.segment_bytes = partition_segment_bytes(p),
		.segment_ms = c->num[TOPIC_SEGMENT_MS],
		.index_interval = (uint32_t)c->num[TOPIC_INDEX_INTERVAL],
		.zero_ahead = ZERO_AHEAD, .zero_earned = true,
		.leader_epoch = b->leader_epoch,
		.recovery_offset = p->recovery_offset,
		.scan = on_scan, .scan_batch = on_scan_control,
		.scan_attributes = KATTR_CONTROL, .ctx = p,
		.scan_from = partition_txn_load(p, name)
	};

	if ((o.dirfd = open_dir(b, name, e)) == -1)
		return (-1);
	if (seglog_open(&p->log, &o, &rec, e) == -1)
		return (-1);
	say_recovery(p, name, &rec);
	epochs_cut(p->epochs, rec.end);
	if (snapshot_cut(b->fs, p->dirfd, rec.end, e) == 0 &&
	    (p->start <= seglog_start(p->log) || p->start > rec.end ||
	    seglog_trim(p->log, p->start, NULL, e) == 0) &&
	    partition_txn_settle(p, e) == 0)
		return (0);
	seglog_close(p->log, NULL);
	p->log = NULL;
	return (-1);
}

static int
open_locked(struct partition *p, const char *name, struct err *e)
{
	struct broker *b = p->topic->broker;

	if (open_folder(p, name, e) == -1)
		return (-1);
	p->epochs = epochs_load(p->dirfd, name);
	p->producers = producers_new((size_t)b->cfg.max_producers);
	p->snapshot = snapshot_load(p->dirfd, p->recovery_offset,
	    p->producers, name);
	if (open_log(p, name, e) == 0) {
		atomic_store_explicit(&p->state, PARTITION_OPEN,
		    memory_order_release);
		return (0);
	}
	partition_txn_free(p);
	producers_free(p->producers);
	epochs_free(p->epochs);
	b->fs->close(b->fs, p->dirfd);
	p->producers = NULL;
	p->epochs = NULL;
	p->dirfd = -1;
	return (-1);
}

int
partition_open(struct partition *p, struct err *e)
{
	char name[272];
	int rc = 0;

	if (partition_is_open(p))
		return (0);
	partition_name(p, name);
	mutex_lock(&p->lock);
	switch (atomic_load(&p->state)) {
	case PARTITION_CLOSED:
		rc = open_locked(p, name, e);
		break;
	case PARTITION_GONE:
		rc = err_set(e, ERR_NOT_FOUND, "the topic was deleted");
		break;
	}
	mutex_unlock(&p->lock);
	return (rc == -1 ? err_ctx(e, "partition %s", name) : 0);
}

/* --- snapshots and closing --- */

/* Writes what the producers were at offset; bytes are freed. */
static void
save_snapshot(struct partition *p, int64_t offset, uint8_t *bytes, size_t len)
{
	struct err err = ERR_INIT;
	char name[272];

	if (partition_txn_save(p, &err) == -1 ||
	    snapshot_save(p->topic->broker->fs, p->dirfd, offset, bytes, len,
	    &err) == -1)
		log_warn("broker", "partition=%s: snapshot of producers: %s",
		    partition_name(p, name), err.msg);
	free(bytes);
}

void
partition_tick(struct partition *p)
{
	uint8_t *bytes = NULL;
	int64_t offset = 0;
	size_t len = 0;

	if (!partition_is_open(p))
		return;
	mutex_lock(&p->lock);
	producers_expire(p->producers, clock_wall_ms(),
	    p->topic->broker->cfg.producer_expiry_ms);
	if (p->snapshot_bytes >= SNAPSHOT_BYTES) {
		offset = seglog_end(p->log);
		bytes = producers_encode(p->producers, &len);
		p->snapshot = offset;
		p->snapshot_bytes = 0;
	}
	mutex_unlock(&p->lock);
	if (bytes != NULL)
		save_snapshot(p, offset, bytes, len);
}

static void
close_log(struct partition *p)
{
	struct err err = ERR_INIT;
	char name[272];
	uint8_t *bytes;
	size_t len;

	if (!atomic_load(&p->topic->deleted) &&
	    seglog_end(p->log) != p->snapshot) {
		bytes = producers_encode(p->producers, &len);
		save_snapshot(p, seglog_end(p->log), bytes, len);
	}
	if (seglog_close(p->log, &err) == -1)
		log_warn("broker", "partition=%s: %s",
		    partition_name(p, name), err.msg);
}

void
partition_free(struct partition *p)
{
	const struct fs *fs = p->topic->broker->fs;

	CHECK(p->waits == NULL && p->watchers == NULL && !p->dirty);
	if (p->log != NULL)
		close_log(p);
	partition_txn_free(p);
	producers_free(p->producers);
	epochs_free(p->epochs);
	if (p->dirfd != -1)
		fs->close(fs, p->dirfd);
	mutex_fini(&p->lock);
	free(p);
}

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
