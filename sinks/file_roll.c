/*
 * file_roll: records into files of a folder, a new one every so often, as
 * Flume's (user guide, "File Roll Sink"): <prefix><ms of start>-<n>[.ext].
 *
 * A lease is committed only when its bytes are on the disk.  A write that
 * fails half-way is cut off again, so that the retry doubles nothing.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "plugin/format.h"
#include "sinks/sinks.h"

enum names { NAMES_DEFAULT, NAMES_ROLLTIME };

struct file_roll {
	struct sink	 sink;
	/* settings */
	char		*directory;
	int64_t		 interval_ms, batch_size;
	int		 serializer, names;
	bool		 newline, sync;
	char		*prefix, *extension;
	/* owner: the runner's thread */
	int		 dirfd, fd;
	off_t		 size;
	int64_t		 started_ms;	/* wall, of the sink */
	int64_t		 opened_ns;	/* mono, of the file */
	uint64_t	 n;
	metric_t	 files;
};

static const char *const names_names[] = { "default", "rolltime", NULL };

static const struct setting settings[] = {
	SETTING_STR(struct file_roll, directory, "sink.directory",
	    .flags = SETTING_REQUIRED, .doc = "Folder of the files; it must "
	    "be there."),
	SETTING_DURATION(struct file_roll, interval_ms, "sink.rollInterval",
	    .def = "30", .min = "0", .unit_ms = 1000,
	    .doc = "Age at which a file is left for a new one; 0: never. A "
	    "bare number is seconds."),
	SETTING_INT(struct file_roll, batch_size, "sink.batchSize",
	    .def = "0", .min = "0", .max = "1000000",
	    .doc = "Most records of one lease; 0: as they come."),
	SETTING_ENUM(struct file_roll, serializer, "sink.serializer",
	    .def = "text", .names = format_names,
	    .doc = "text: the body; header_and_text: headers before it."),
	SETTING_BOOL(struct file_roll, newline,
	    "sink.serializer.appendNewline", .def = "true",
	    .doc = "A newline behind each record."),
	SETTING_ENUM(struct file_roll, names, "sink.pathManager",
	    .def = "default", .names = names_names,
	    .doc = "Names by the sink's start time, or by the time of the "
	    "roll."),
	SETTING_STR(struct file_roll, prefix, "sink.pathManager.prefix",
	    .def = "", .doc = "Before the name."),
	SETTING_STR(struct file_roll, extension,
	    "sink.pathManager.extension", .def = "",
	    .doc = "Behind the name, after a dot."),
	SETTING_BOOL(struct file_roll, sync, "sink.sync", .def = "true",
	    .doc = "Commits a lease when it is on the disk; false: in the "
	    "page cache, which a power cut can lose."),
	SETTING_END
};

static const struct metric metrics[] = {
	METRIC_COUNTER(struct file_roll, files, "files_total",
	    "Files opened."),
	METRIC_END
};

static void
file_name(struct file_roll *f, char *buf, size_t size)
{
	const char *dot = f->extension[0] == '\0' ? "" : ".";
	char stamp[32];
	time_t now;
	struct tm tm;

	if (f->names == NAMES_ROLLTIME) {
		now = clock_wall_ms() / 1000;
		localtime_r(&now, &tm);
		strftime(stamp, sizeof stamp, "%Y%m%d%H%M%S", &tm);
	} else
		snprintf(stamp, sizeof stamp, "%lld",
		    (long long)f->started_ms);
	snprintf(buf, size, "%s%s-%llu%s%s", f->prefix, stamp,
	    (unsigned long long)f->n, dot, f->extension);
}

static void
file_close(struct file_roll *f)
{
	if (f->fd != -1)
		close(f->fd);
	f->fd = -1;
}

static int
file_open(struct file_roll *f, struct err *e)
{
	const struct fs *fs = f->sink.env->fs;
	char name[NAME_MAX + 1];

	f->n++;
	file_name(f, name, sizeof name);
	f->fd = fs->open(fs, f->dirfd, name, O_WRONLY | O_CREAT | O_EXCL, e);
	if (f->fd == -1)
		return (err_ctx(e, "%s", f->directory));
	f->size = 0;
	f->opened_ns = clock_mono_ns();
	metric_add(&f->files, 1);
	if (f->sync && fs->sync_dir(fs, f->dirfd, e) == -1)
		fatal_disk("%s: %s", f->directory, e->msg);
	return (0);
}

static bool
is_due(const struct file_roll *f)
{
	return (f->fd != -1 && f->interval_ms > 0 && clock_mono_ns() -
	    f->opened_ns >= f->interval_ms * 1000000);
}

static int
store(struct file_roll *f, const struct sb *out, struct err *e)
{
	const struct fs *fs = f->sink.env->fs;
	struct err ignored = ERR_INIT;

	if (is_due(f))
		file_close(f);
	if (f->fd == -1 && file_open(f, e) == -1)
		return (-1);
	if (fs_pwrite(fs, f->fd, out->ptr, out->len, f->size, e) == -1) {
		if (fs->truncate(fs, f->fd, f->size, &ignored) == -1)
			file_close(f);
		return (err_ctx(e, "%s", f->directory));
	}
	if (f->sync && fs->sync(fs, f->fd, e) == -1)
		fatal_disk("%s: %s", f->directory, e->msg);
	f->size += (off_t)out->len;
	return (0);
}

static void
file_roll_deliver(struct sink *k, struct lease *l, struct completion *done)
{
	struct file_roll *f = (struct file_roll *)k;
	struct err e = ERR_INIT;
	struct sb out = SB_INIT;
	uint32_t i;
	int rc;

	rc = lease_batch(l, &e);
	for (i = 0; rc == 0 && i < l->n; i++)
		format_record(&out, f->serializer, f->newline, l->batch,
		    &l->batch->records[l->first + i]);
	if (rc == 0 && out.len > 0)
		rc = store(f, &out, &e);
	sb_fini(&out);
	completion_done(done, rc == 0 ? NULL : &e);
}

/* A file that is old enough is closed also when nothing comes; the next
 * record opens the next one, so no empty files appear. */
static void
file_roll_idle(struct sink *k)
{
	struct file_roll *f = (struct file_roll *)k;

	if (is_due(f))
		file_close(f);
}

/* The rest of a name: a dash, two numbers of 64 bits, a dot. */
#define NAME_REST	42

static int
file_roll_check(struct sink *k, struct err *e)
{
	struct file_roll *f = (struct file_roll *)k;

	if (strchr(f->prefix, '/') != NULL)
		return (err_set(e, ERR_CONFIG, "sink.pathManager.prefix = "
		    "'%s': it is part of a file's name, without a slash",
		    f->prefix));
	if (strchr(f->extension, '/') != NULL)
		return (err_set(e, ERR_CONFIG, "sink.pathManager.extension = "
		    "'%s': it is part of a file's name, without a slash",
		    f->extension));
	if (strlen(f->prefix) + strlen(f->extension) > NAME_MAX - NAME_REST)
		return (err_set(e, ERR_CONFIG, "sink.pathManager.prefix and "
		    ".extension are too long for a file's name: give at most "
		    "%d bytes together", NAME_MAX - NAME_REST));
	return (0);
}

static int
file_roll_start(struct sink *k, struct err *e)
{
	struct file_roll *f = (struct file_roll *)k;

	f->fd = -1;
	f->dirfd = open(f->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->dirfd == -1)
		return (err_sys(e, "sink.directory %s", f->directory));
	if (faccessat(f->dirfd, ".", W_OK | X_OK, 0) == -1) {
		err_sys(e, "sink.directory %s: cannot write", f->directory);
		close(f->dirfd);
		return (-1);
	}
	f->started_ms = clock_wall_ms();
	f->n = 0;
	k->batch_records = (uint32_t)f->batch_size;
	return (0);
}

static void
file_roll_stop(struct sink *k)
{
	struct file_roll *f = (struct file_roll *)k;

	file_close(f);
	close(f->dirfd);
}

static void
file_roll_free(struct sink *k)
{
	settings_fini(settings, k);
	free(k);
}

static const char *const aliases[] = {
	"org.apache.flume.sink.RollingFileSink", NULL
};

const struct sink_ops sink_file_roll = {
	.plugin = {
		.name = "file_roll",
		.aliases = aliases,
		.doc = "Writes records to files of a folder, a new one every "
		    "so often.",
		.size = sizeof (struct file_roll),
		.settings = settings,
		.metrics = metrics
	},
	.check = file_roll_check,
	.start = file_roll_start,
	.deliver = file_roll_deliver,
	.stop = file_roll_stop,
	.free = file_roll_free,
	.idle = file_roll_idle
};
