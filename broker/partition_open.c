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

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/checkpoint.h"
#include "broker/epochs.h"
#include "broker/partition_folder.h"
#include "broker/partition_txn.h"
#include "broker/producers.h"
#include "broker/snapshot.h"
#include "broker/topic_config.h"

#define SNAPSHOT_BYTES	(64 << 20)	/* appended between two snapshots */
#define ZERO_AHEAD	((uint64_t)256 << 10)	/* at most */
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

/* The marker may be in what is set aside. */
static void
say_open(struct partition *p, const char *name,
    const struct seglog_recovery *r)
{
	int64_t first = producers_first_open(p->producers);

	if (r->quarantined != 0 && first != INT64_MAX)
		log_warn("broker", "partition=%s: a transaction is open since "
		    "offset=%lld; if its end was in the damaged bytes, readers "
		    "of committed records stop there until "
		    "`kafka-transactions abort --topic %s --partition %d "
		    "--start-offset %lld`", name, (long long)first,
		    p->topic->name, (int)p->index, (long long)first);
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

	if ((o.dirfd = partition_folder_dir(b, name, e)) == -1)
		return (-1);
	if (seglog_open(&p->log, &o, &rec, e) == -1)
		return (-1);
	say_recovery(p, name, &rec);
	epochs_cut(p->epochs, rec.end);
	if (snapshot_cut(b->fs, p->dirfd, rec.end, e) == 0 &&
	    (p->start <= seglog_start(p->log) || p->start > rec.end ||
	    seglog_trim(p->log, p->start, NULL, e) == 0) &&
	    partition_txn_settle(p, e) == 0) {
		say_open(p, name, &rec);
		return (0);
	}
	seglog_close(p->log, NULL);
	p->log = NULL;
	return (-1);
}

static int
open_locked(struct partition *p, const char *name, struct err *e)
{
	struct broker *b = p->topic->broker;

	if (partition_folder_open(p, name, e) == -1)
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
