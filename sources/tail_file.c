/*
 * One followed file: its descriptor, its size, and whether it still is what
 * was read.
 *
 * Descriptors are kept in least-recently-used order.  One that has unread
 * bytes is kept in preference, because the file may be renamed out of sight
 * or deleted before its turn comes; one at rest is closed after idleTimeout.
 */
#include "sources/tail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"

#define WHO(f)		((f)->tail->source.who)
#define OPEN_DEFAULT	1024

void
tail_file_key(const struct tail_file *f, uint8_t key[TAIL_KEY_SIZE])
{
	tail_key_encode(&f->id, f->generation, key);
}

struct slice
tail_file_note(const struct tail_file *f, const struct tail_mark *m,
    uint8_t *buf)
{
	struct tail_note n = {
		.mark = *m,
		.size = f->size > m->pos ? f->size : m->pos,
		.path = slice_str(f->path),
		.logical = slice_str(f->stream->path),
	};

	return (slice_of(buf, tail_note_encode(&n, buf)));
}

void
tail_file_lost_bytes(struct tail_file *f, uint64_t n, const char *how)
{
	if (n == 0)
		return;
	metric_add(&f->tail->metrics.lost_bytes, (int64_t)n);
	log_warn(WHO(f), "%s: %s; %llu bytes were lost that had not been read "
	    "file=%s read=%llu size=%llu", f->path, how,
	    (unsigned long long)n, f->path, (unsigned long long)f->mark.pos,
	    (unsigned long long)f->size);
}

void
tail_file_rewritten(struct tail_file *f, const char *how)
{
	struct tail *t = f->tail;
	uint64_t unread = f->size > f->mark.pos ? f->size - f->mark.pos : 0;
	uint8_t key[TAIL_KEY_SIZE];
	bool again = f->mark.pos > 0;

	if (again) {
		metric_add(&t->metrics.truncations, 1);
		log_info(WHO(f), "%s: %s; it is read from its beginning "
		    "file=%s read=%llu", f->path, how, f->path,
		    (unsigned long long)f->mark.pos);
		tail_file_key(f, key);
		tail_notice(t, key, CURSOR_GONE, SLICE(""));
		tail_resume_forget(t, key, f->mark.pos, f->delivered);
		f->generation++;
	}
	tail_file_lost_bytes(f, unread, how);
	memset(&f->mark, 0, sizeof f->mark);
	f->seen = f->size = f->stored = f->delivered = 0;
	f->old_ns = f->young_ns = 0;
	f->after_cut = true;
	f->checked = false;
	f->dirty = true;
	if (again)
		tail_resume_publish(f);
}

const char tail_not_text[] = "left out: not text";

void
tail_file_block(struct tail_file *f, const char *why, bool retry)
{
	f->blocked = why;
	if (retry && !f->retry) {
		f->retry = true;
		TAILQ_INSERT_TAIL(&f->tail->retry, f, retry_link);
		tail_scan_timers(f->tail);
	}
}

void
tail_file_unblock(struct tail_file *f)
{
	f->blocked = NULL;
	if (f->retry) {
		f->retry = false;
		TAILQ_REMOVE(&f->tail->retry, f, retry_link);
	}
}

/* --- descriptors --- */

void
tail_raise_limit(struct tail *t)
{
	struct rlimit rl;
	uint64_t limit;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur < rl.rlim_max) {
		rl.rlim_cur = rl.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &rl) == -1)
			log_warn(t->source.who, "the limit of open files "
			    "cannot be raised: %s", strerror(errno));
	}
	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		rl.rlim_cur = 1024;
	limit = rl.rlim_cur / 2;
	t->max_open = (size_t)t->set.max_open_files;
	if (t->max_open == 0)
		t->max_open = OPEN_DEFAULT;
	if (t->max_open > limit) {
		if (t->set.max_open_files != 0)
			log_warn(t->source.who, "maxOpenFiles=%zu is more "
			    "than half of what the process may open: %llu it "
			    "is", t->max_open, (unsigned long long)limit);
		t->max_open = (size_t)limit;
	}
	if (t->max_open < 2)
		t->max_open = 2;
}

void
tail_file_close(struct tail_file *f)
{
	if (f->fd == -1)
		return;
	close(f->fd);
	f->fd = -1;
	TAILQ_REMOVE(&f->tail->open, f, open_link);
	metric_set(&f->tail->metrics.open_files, (int64_t)--f->tail->nopen);
}

static void
touch(struct tail_file *f)
{
	TAILQ_REMOVE(&f->tail->open, f, open_link);
	TAILQ_INSERT_TAIL(&f->tail->open, f, open_link);
}

/* A file that has lost its name could not be opened again. */
static bool
make_room(struct tail *t, bool force)
{
	struct tail_file *f, *unread = NULL;

	TAILQ_FOREACH(f, &t->open, open_link) {
		if (f->lost)
			continue;
		if (!f->dirty) {
			tail_file_close(f);
			return (true);
		}
		if (unread == NULL)
			unread = f;
	}
	if (!force || unread == NULL)
		return (false);
	tail_file_close(unread);
	return (true);
}

bool
tail_file_has_name(const struct tail_file *f)
{
	struct tail_id id;
	struct statx st;

	if (f->dir == NULL || statx(AT_FDCWD, f->path,
	    f->link ? 0 : AT_SYMLINK_NOFOLLOW,
	    STATX_BASIC_STATS | STATX_BTIME, &st) == -1)
		return (false);
	tail_id_of(&st, &id);
	return (tail_id_eq(&id, &f->id));
}

/* The name is another file's now, or nobody's. */
static void
name_moved(struct tail_file *f)
{
	struct tail_dir *d = f->dir;
	const char *name = strrchr(f->path, '/') + 1;

	if (d != NULL)
		tail_scan_look(d, name);
	tail_follow_settle(f->tail);
}

static void
open_failed(struct tail_file *f, int error)
{
	if (error == ENOENT || error == ENOTDIR || error == ELOOP) {
		name_moved(f);
		return;
	}
	if (f->warned != error) {
		f->warned = error;
		metric_add(&f->tail->metrics.unreadable, 1);
		log_warn(WHO(f), "%s cannot be opened: %s; it is tried again "
		    "file=%s", f->path, strerror(error), f->path);
	}
	tail_file_block(f, "cannot be opened", true);
}

/* The descriptor is of a regular file, and of this one. */
static bool
is_this_file(const struct tail_file *f, int fd)
{
	struct tail_id id;
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME,
	    &st) == -1 || !S_ISREG(st.stx_mode))
		return (false);
	tail_id_of(&st, &id);
	return (tail_id_eq(&id, &f->id));
}

static void
opened(struct tail_file *f, int fd)
{
	struct tail *t = f->tail;

	f->fd = fd;
	TAILQ_INSERT_TAIL(&t->open, f, open_link);
	metric_set(&t->metrics.open_files, (int64_t)++t->nopen);
	f->active_ns = loop_now_ns(t->source.loop);
	if (f->warned != 0 && f->warned != EMSGSIZE)
		log_info(WHO(f), "%s can be read again file=%s", f->path,
		    f->path);
	f->warned = 0;
	tail_scan_timers(t);
}

/* force: also at the cost of another one with unread bytes. */
static bool
open_file(struct tail_file *f, bool force)
{
	int fd, flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	struct tail *t = f->tail;

	if (f->fd != -1)
		return (true);
	if (f->dir == NULL)
		return (false);
	if (t->nopen >= t->max_open && !make_room(t, force) && !force)
		return (false);
	if (!f->link)
		flags |= O_NOFOLLOW;
	fd = open(f->path, flags);
	if (fd == -1 && (errno == EMFILE || errno == ENFILE) &&
	    make_room(t, force))
		fd = open(f->path, flags);
	if (fd == -1) {
		open_failed(f, errno);
		return (false);
	}
	if (!is_this_file(f, fd)) {
		close(fd);
		name_moved(f);
		return (false);
	}
	opened(f, fd);
	return (true);
}

int64_t
tail_file_sweep(struct tail *t)
{
	int64_t now = loop_now_ns(t->source.loop), left;
	struct tail_file *f, *next;

	for (f = TAILQ_FIRST(&t->open); f != NULL; f = next) {
		next = TAILQ_NEXT(f, open_link);
		left = f->active_ns / 1000000 + t->set.idle_timeout -
		    now / 1000000;
		if (left > 0)
			return (left);
		if (!f->dirty && !f->lost)
			tail_file_close(f);
	}
	return (TAILQ_EMPTY(&t->open) ? -1 : t->set.idle_timeout + 1);
}

/* --- size and content --- */

static void
shrunk(struct tail_file *f, uint64_t size)
{
	struct err e = ERR_INIT;

	if (size >= f->mark.pos && tail_mark_check(&f->mark, f->fd, &e) != 0) {
		tail_file_lost_bytes(f, f->size - size, "cut off at its end");
		f->seen = f->mark.pos;
	} else
		tail_file_rewritten(f, "truncated");
}

static bool
refresh(struct tail_file *f)
{
	struct stat st;
	uint64_t size;

	if (fstat(f->fd, &st) == -1) {
		open_failed(f, errno);
		return (false);
	}
	size = (uint64_t)st.st_size;
	if (size < f->size || size < f->mark.pos)
		shrunk(f, size);
	if (size != f->size) {
		f->active_ns = loop_now_ns(f->tail->source.loop);
		touch(f);
	}
	f->size = size;
	return (true);
}

bool
tail_file_ready(struct tail_file *f)
{
	struct err e = ERR_INIT;
	int same;

	if (f->blocked != NULL || f->retired)
		return (false);
	if (f->fd != -1)
		return (refresh(f));
	if (!open_file(f, true))
		return (false);
	if ((same = tail_mark_check(&f->mark, f->fd, &e)) == -1) {
		log_warn(WHO(f), "%s: %s", f->path, e.msg);
		tail_file_block(f, "cannot be read", true);
		return (false);
	}
	if (same == 0)
		tail_file_rewritten(f, "its content is another than what was "
		    "read");
	return (refresh(f));
}

void
tail_file_wake(struct tail_file *f, int64_t size)
{
	struct tail *t = f->tail;
	struct tail_stream *s = f->stream;

	if (f->retired)
		return;
	if (f->blocked != NULL) {
		if (!f->retry)
			return;
		tail_file_unblock(f);
	}
	f->dirty = true;
	if (!s->queued) {
		s->queued = true;
		s->turns = 0;
		TAILQ_INSERT_TAIL(&t->ready, s, ready);
	}
	tail_kick(t);
	if (f->fd != -1)
		refresh(f);
	else {
		if (size > 0 && (uint64_t)size > f->size)
			f->size = (uint64_t)size;
		if (size == -1 || (uint64_t)size > f->mark.pos)
			open_file(f, false);
	}
}
