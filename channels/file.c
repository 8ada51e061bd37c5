/*
 * file: batches on disk, in a log of Kafka record batches, each group of them
 * with the positions of the sources it came from.
 *
 * The folder:
 *	lock, format	who uses it; what it is
 *	mark		two slots: what is committed, and what is synced
 *	log/		the segments
 *	*.bad		batches that no longer fitted their checksum
 *
 * Opening reads the mark, recovers the log from the last mark's synced end and
 * reads the positions from the last segment; none of it depends on how much is
 * waiting.  Closing leaves waiting what waits.
 */
#include "channels/file_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/mem.h"

#define SEGMENT_MIN	((uint64_t)64 << 10)
#define SEGMENT_MAX	((uint64_t)1 << 30)
#define CAPACITY_MAX	((uint64_t)4 << 30)
#define ZERO_AHEAD	((uint64_t)1 << 20)

/* --- check --- */

static int
file_check(struct channel *ch, struct err *e)
{
	struct file *f = file_of(ch);

	if (f->encryption != NULL)
		return (err_set(e, ERR_CONFIG, "encryption: the file channel "
		    "does not encrypt; put its folder on an encrypted file "
		    "system"));
	return (0);
}

/* --- open --- */

static int
open_folder(struct file *f, struct err *e)
{
	const struct plugin_env *env = f->channel.env;

	if (f->data_dirs.n > 0)
		f->path = xstrdup(f->data_dirs.v[0]);
	else
		f->path = xasprintf("%s/channels/%s", env->data_dir,
		    f->channel.name);
	if (f->data_dirs.n > 1)
		log_warn(f->channel.who, "dataDirs names %zu folders; only %s "
		    "is used", f->data_dirs.n, f->path);
	if (!f->sync_each)
		log_warn(f->channel.who, "fsyncPerTransaction = false has no "
		    "effect: one sync serves all batches that wait for it");
	if ((f->dirfd = fs_open_dir(env->fs, f->path, e)) == -1)
		return (-1);
	if ((f->lock_fd = fs_lock(f->dirfd, f->path, e)) == -1)
		goto err1;
	if (fs_stamp(env->fs, f->dirfd, FILE_KIND, FILE_VERSION, e) == -1) {
		err_ctx(e, "%s", f->path);
		goto err2;
	}
	return (0);
err2:
	close(f->lock_fd);
err1:
	env->fs->close(env->fs, f->dirfd);
	return (-1);
}

/* Reads the mark; *found false: there is none, or none that can be read. */
static int
open_mark(struct file *f, bool *found, struct err *e)
{
	const struct fs *fs = f->channel.env->fs;
	uint8_t bytes[MARK_SIZE];
	struct err why = ERR_INIT;

	if (fs_slots_open(&f->slots, fs, f->dirfd, "mark", bytes, MARK_SIZE,
	    found, &why) == -1) {
		if (why.code != ERR_CORRUPT) {
			*e = why;
			return (-1);
		}
		log_error(f->channel.who, "%s/mark is damaged: everything that "
		    "is still in the channel will be delivered again: %s",
		    f->path, why.msg);
		if (fs->unlink(fs, f->dirfd, "mark", e) == -1 ||
		    fs_slots_open(&f->slots, fs, f->dirfd, "mark", bytes,
		    MARK_SIZE, found, e) == -1)
			return (-1);
	}
	if (*found && mark_decode(bytes, &f->mark, e) == -1) {
		fs_slots_close(&f->slots);
		return (err_ctx(e, "%s/mark", f->path));
	}
	return (0);
}

static int
open_log(struct file *f, bool marked, struct err *e)
{
	const struct fs *fs = f->channel.env->fs;
	struct group_check check = { .channel = f->mark.channel,
	    .known = marked };
	struct seglog_recovery rec;
	struct seglog_options o = {
		.fs = fs,
		.name = f->channel.who,
		.index_interval = 65536,
		.zero_ahead = f->segment_bytes < ZERO_AHEAD ?
		    f->segment_bytes : ZERO_AHEAD,
		.spares = FILE_SPARES,
		.recovery_offset = marked ? f->mark.synced : 0,
		.scan_from = INT64_MAX,
		.closes = group_closes,
		.ctx = &check,
	};

	if (fs->mkdir(fs, f->dirfd, "log", e) == -1 ||
	    fs->sync_dir(fs, f->dirfd, e) == -1)
		return (-1);
	o.dirfd = fs->open(fs, f->dirfd, "log", O_RDONLY | O_DIRECTORY, e);
	if (o.dirfd == -1)
		return (-1);
	if (seglog_open(&f->log, &o, &rec, e) == -1) {
		fs->close(fs, o.dirfd);
		return (-1);
	}
	return (0);
}

/* Whatever mark and log say of each other. */
static void
reconcile(struct file *f, bool marked)
{
	int64_t start = seglog_start(f->log), end = seglog_end(f->log);
	uint64_t held;

	if (f->mark.offset < start)
		f->mark.offset = start;
	held = (uint64_t)(end - f->mark.offset);
	if (f->put_records < f->mark.records)
		f->put_records = f->mark.records;
	if (f->put_bytes < f->mark.stored_bytes)
		f->put_bytes = f->mark.stored_bytes;
	if (!marked) {		/* a guess, until the channel is empty */
		f->mark.records = f->put_records < held ? 0 :
		    f->put_records - held;
		f->mark.stored_bytes = f->put_bytes < seglog_bytes(f->log) ?
		    0 : f->put_bytes - seglog_bytes(f->log);
	}
	f->written_records = f->put_records;
	f->written_bytes = f->put_bytes;
	f->read_offset = f->mark.offset;
}

/* What the settings leave open. */
static int
set_limits(struct file *f, struct err *e)
{
	uint64_t avail, total;

	if (f->byte_capacity == 0) {
		if (fs_space(f->dirfd, &avail, &total, e) == -1)
			return (-1);
		f->byte_capacity = total / 10 < CAPACITY_MAX ? total / 10 :
		    CAPACITY_MAX;
	}
	if (f->segment_bytes > SEGMENT_MAX)
		f->segment_bytes = SEGMENT_MAX;
	if (f->segment_bytes > f->byte_capacity / 4)
		f->segment_bytes = f->byte_capacity / 4;
	if (f->segment_bytes < SEGMENT_MIN)
		f->segment_bytes = SEGMENT_MIN;
	return (0);
}

static void
init(struct file *f)
{
	mutex_init(&f->lock);
	cond_init(&f->work);
	cond_init(&f->turn);
	cond_init(&f->came);
	f->tail = &f->head;
	f->gone_tail = &f->gone_head;
}

static void
fini(struct file *f)
{
	positions_clear(&f->live);
	positions_clear(&f->written);
	cond_fini(&f->came);
	cond_fini(&f->turn);
	cond_fini(&f->work);
	mutex_fini(&f->lock);
	free(f->path);
	f->path = NULL;
}

static void
stop_flushers(struct file *f)
{
	int i;

	mutex_lock(&f->lock);
	f->stop = true;
	cond_broadcast(&f->work);
	mutex_unlock(&f->lock);
	for (i = 0; i < FILE_FLUSHERS; i++)
		thread_join(&f->flushers[i]);
}

static int
start_flushers(struct file *f, struct err *e)
{
	int i;

	for (i = 0; i < FILE_FLUSHERS; i++)
		if (thread_start(&f->flushers[i], "file-flusher",
		    file_flusher, f, e) == -1) {
			stop_flushers(f);
			return (-1);
		}
	return (0);
}

static int
file_open(struct channel *ch, struct err *e)
{
	struct file *f = file_of(ch);
	const struct fs *fs = ch->env->fs;
	bool marked;

	init(f);
	if (open_folder(f, e) == -1)
		goto err0;
	if (set_limits(f, e) == -1 || open_mark(f, &marked, e) == -1)
		goto err1;
	if (open_log(f, marked, e) == -1)
		goto err2;
	file_cursor_load(f);
	if (!marked && seglog_end(f->log) == 0)
		uuid_random(&f->mark.channel);
	reconcile(f, marked);
	if (file_write_mark(f, e) == -1 || start_flushers(f, e) == -1)
		goto err3;
	if (file_held_records(f) > 0)
		log_info(ch->who, "%llu records wait in %s",
		    (unsigned long long)file_held_records(f), f->path);
	return (0);
err3:
	seglog_close(f->log, NULL);
err2:
	fs_slots_close(&f->slots);
err1:
	close(f->lock_fd);
	fs->close(fs, f->dirfd);
err0:
	fini(f);
	return (-1);
}

/* --- the rest of the contract --- */

static void
file_wake(struct channel *ch)
{
	struct file *f = file_of(ch);

	mutex_lock(&f->lock);
	f->wakes++;
	cond_broadcast(&f->came);
	mutex_unlock(&f->lock);
}

static void
file_fill(struct channel *ch, struct channel_fill *fill)
{
	struct file *f = file_of(ch);

	mutex_lock(&f->lock);
	*fill = (struct channel_fill){ file_held_records(f),
	    file_held_bytes(f), (uint64_t)f->capacity, f->byte_capacity };
	mutex_unlock(&f->lock);
}

static void
file_close(struct channel *ch)
{
	struct file *f = file_of(ch);
	const struct fs *fs = ch->env->fs;
	struct err e = ERR_INIT;

	stop_flushers(f);
	file_read_end(f);
	if (file_write_mark(f, &e) == -1 || seglog_close(f->log, &e) == -1)
		log_error(ch->who, "closing %s: %s", f->path, e.msg);
	fs_slots_close(&f->slots);
	fs->close(fs, f->dirfd);
	close(f->lock_fd);
	fini(f);
}

static const struct setting settings[] = {
	SETTING_LIST(struct file, data_dirs, "dataDirs",
	    .doc = "The folder of the channel; only the first one is used. "
	    "Default: channels/<name> in the agent's data folder."),
	SETTING_SIZE(struct file, byte_capacity, "byteCapacity", .min = "1MiB",
	    .doc = "Most bytes on disk that are not delivered yet. Default: "
	    "the smaller of 4 GiB and a tenth of the file system."),
	SETTING_INT(struct file, capacity, "capacity", .min = "1",
	    .doc = "Most records in the channel. Not set: byteCapacity alone "
	    "counts (Flume: 1000000)."),
	SETTING_SIZE(struct file, segment_bytes, "maxFileSize",
	    .def = "64MiB", .min = "1", .doc = "Size at which a new file is "
	    "begun, between 64 KiB and 1 GiB; at most a quarter of the "
	    "capacity. When all in a file is delivered it is deleted; up to "
	    "two are kept, to be written over."),
	SETTING_SIZE(struct file, min_space, "minimumRequiredSpace",
	    .def = "64MiB", .doc = "With less free space on the disk nothing "
	    "is taken in, so that what is there can be delivered."),
	SETTING_BOOL(struct file, sync_each, "fsyncPerTransaction",
	    .def = "true", .doc = "Always true: a batch is acknowledged when "
	    "it is on the disk. One sync serves all batches that wait."),
	SETTING_TREE(struct file, encryption, "encryption",
	    .doc = "Not supported: put the folder on an encrypted file "
	    "system."),
	SETTING_NOOP("checkpointDir", "There is no checkpoint: the mark of "
	    "what is delivered lies beside the data."),
	SETTING_NOOP("checkpointInterval", "The mark is written at least every "
	    "100 ms while it moves, and at a stop."),
	SETTING_NOOP("checkpointOnClose", "The mark is always written at a "
	    "stop."),
	SETTING_NOOP("useDualCheckpoints", "The mark has two slots."),
	SETTING_NOOP("backupCheckpointDir", "The mark has two slots."),
	SETTING_NOOP("compressBackupCheckpoint", "The mark has 56 bytes."),
	SETTING_NOOP("transactionCapacity", "A transaction is a batch, as the "
	    "source reads it and as the sink asks for it."),
	SETTING_NOOP("keep-alive", "Nobody waits in a full channel: the source "
	    "is paused and goes on when there is room."),
	SETTING_NOOP("fsyncInterval", "Every batch is synced before it is "
	    "acknowledged."),
	SETTING_NOOP("use-log-replay-v1", "There is one way to recover."),
	SETTING_NOOP("use-fast-replay", "There is one way to recover, and its "
	    "time does not depend on the backlog."),
	SETTING_END
};

static const struct metric metrics[] = {
	METRIC_COUNTER(struct file, metrics.groups, "groups_total",
	    "Groups written and synced."),
	METRIC_COUNTER(struct file, metrics.group_bytes, "group_bytes_total",
	    "Bytes of those groups."),
	METRIC_COUNTER(struct file, metrics.batches, "group_batches_total",
	    "Batches in those groups."),
	METRIC_COUNTER(struct file, metrics.marks, "marks_total",
	    "Times the mark of what is delivered was written."),
	METRIC_COUNTER(struct file, metrics.waits_for_disk,
	    "waits_for_disk_total", "Writes that failed and were tried again."),
	METRIC_GAUGE(struct file, metrics.disk_bytes, "disk_bytes",
	    "Bytes of its segments, with those kept to be written over."),
	METRIC_COUNTER(struct file, metrics.damaged, "damaged_batches_total",
	    "Stored batches that no longer fitted their checksum."),
	METRIC_END
};

static void
file_free(struct channel *ch)
{
	settings_fini(settings, file_of(ch));
	free(file_of(ch));
}

static const char *const aliases[] = {
	"org.apache.flume.channel.file.FileChannel", NULL
};

const struct channel_ops channel_file = {
	.plugin = {
		.name = "file",
		.aliases = aliases,
		.doc = "Keeps batches on disk, with the positions of their "
		    "sources: nothing is lost in a crash or a power cut.",
		.size = sizeof (struct file),
		.settings = settings,
		.metrics = metrics
	},
	.durable = true,
	.check = file_check,
	.open = file_open,
	.cursor = file_cursor,
	.reserve = file_reserve,
	.cancel = file_cancel,
	.put = file_put,
	.take = file_take,
	.decode = file_decode,
	.commit = file_commit,
	.rollback = file_rollback,
	.wake = file_wake,
	.fill = file_fill,
	.close = file_close,
	.free = file_free
};
