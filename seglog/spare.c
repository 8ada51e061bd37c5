/*
 * Spares: files of trimmed segments, to be written over as the next active
 * segment.  Their blocks are there already, so that a sync writes data alone
 * and no journal.
 *
 * What they hold stays in them and is behind the end of the new segment until
 * it is written over, or cut off when the segment is closed.  Recovery tells
 * it by its offsets, which lie below the segment's own.
 *
 * A file is on the list only while it is durable under its spare name.  The
 * name of the segment that it becomes is synced with the segment.  After a
 * power cut before that it is a spare again, whatever was written into it.
 */
#include "seglog/seglog_priv.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"

static void
add(struct seglog *log, int64_t base, uint64_t size)
{
	GROW(log->spares, log->nspares, log->capspares);
	log->spares[log->nspares++] = (struct spare){ base, size };
	atomic_fetch_add(&log->spare_bytes, size);
}

static struct spare
pop(struct seglog *log)
{
	struct spare s = log->spares[--log->nspares];

	atomic_fetch_sub(&log->spare_bytes, s.size);
	return (s);
}

static void
discard(struct seglog *log, int64_t base)
{
	const struct fs *fs = log->opt.fs;
	char name[SEG_NAME_MAX];
	struct err e = ERR_INIT;

	segment_name(name, base, ".spare");
	if (fs->unlink(fs, log->opt.dirfd, name, &e) == -1)
		log_warn(NULL, "%s: %s is not removed: %s", log->name, name,
		    e.msg);
}

void
seglog_set_spares(struct seglog *log, unsigned n)
{
	log->max_spares = n < log->opt.spares ? n : log->opt.spares;
	while (log->nspares > log->max_spares)
		discard(log, pop(log).base);
}

bool
spare_keep(struct seglog *log, const struct segment *s)
{
	const struct fs *fs = log->opt.fs;
	char from[SEG_NAME_MAX], to[SEG_NAME_MAX];

	if (log->nspares >= log->max_spares || !segment_alone(s))
		return (false);
	segment_name(from, s->base, ".log");
	segment_name(to, s->base, ".spare");
	if (fs->rename(fs, log->opt.dirfd, from, to, NULL) == -1)
		return (false);
	segment_drop_index(log, s->base);
	add(log, s->base, s->size);
	return (true);
}

/* Opens a spare; one with a second name, left by a file system that renames in
 * two steps, is another segment as well. */
static int
open_spare(struct seglog *log, const char *name, uint64_t *size)
{
	const struct fs *fs = log->opt.fs;
	struct stat st;
	int fd = fs->open(fs, log->opt.dirfd, name, O_RDWR, NULL);

	if (fd == -1)
		return (-1);
	if (fstat(fd, &st) == -1 || st.st_nlink != 1) {
		fs->close(fs, fd);
		return (-1);
	}
	*size = (uint64_t)st.st_size;
	return (fd);
}

int
spare_take(struct seglog *log, int64_t base, uint64_t *size)
{
	const struct fs *fs = log->opt.fs;
	char from[SEG_NAME_MAX], to[SEG_NAME_MAX];
	struct spare s;
	int fd;

	segment_name(to, base, ".log");
	while (log->nspares > 0) {
		s = pop(log);
		segment_name(from, s.base, ".spare");
		fd = open_spare(log, from, size);
		if (fd != -1 && fs->rename(fs, log->opt.dirfd, from, to,
		    NULL) == 0)
			return (fd);
		if (fd != -1)
			fs->close(fs, fd);
		discard(log, s.base);
	}
	*size = 0;
	return (-1);
}

int
spares_load(struct seglog *log, struct err *e)
{
	const struct fs *fs = log->opt.fs;
	int64_t *v;
	size_t i, n;
	struct stat st;
	char name[SEG_NAME_MAX];

	log->max_spares = log->opt.spares;
	if (log->opt.spares == 0)
		return (0);
	if (recover_list(log, ".spare", &v, &n, e) == -1)
		return (-1);
	for (i = 0; i < n; i++) {
		segment_name(name, v[i], ".spare");
		if (log->nspares < log->max_spares &&
		    fstatat(log->opt.dirfd, name, &st, 0) == 0)
			add(log, v[i], (uint64_t)st.st_size);
		else
			discard(log, v[i]);
	}
	free(v);
	if (log->nspares > 0 && fs->sync_dir(fs, log->opt.dirfd, e) == -1)
		return (err_ctx(e, "%s", log->name));
	return (0);
}

void
spares_fini(struct seglog *log)
{
	free(log->spares);
}
