/*
 * t feed: writes numbered lines to files like a program that logs, at a rate,
 * in uneven pieces, now and then stopping in the middle of a line; a ledger
 * says what was written and is on the disk when it says so.
 *
 * Rotation is what logrotate does: by rename (app.log.1 becomes app.log.2,
 * app.log becomes app.log.1, a new app.log) or copytruncate.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/flags.h"
#include "test/tool/line.h"

#define BURST		64	/* lines at most in one write */

enum rotation { ROTATE_NONE, ROTATE_RENAME, ROTATE_COPY };

struct feed {
	const char		*dir, *name, *ledger, *rotate, *stop;
	int64_t			 files, lines, rate, every, keep, seed, size;
	int64_t			 first;
	bool			 sync;
	enum rotation		 rotation;
	struct tool_random	 random;
	struct fed		*v;
	int			 ledger_fd;
	char			*buf;
};

struct fed {
	char		*id, *path;
	int		 fd;
	uint64_t	 seq;		/* last written */
	uint64_t	 rotated;	/* seq at the last rotation */
	int64_t		 generations;
};

static void
write_all(int fd, const char *p, size_t n, const char *path)
{
	ssize_t done;

	while (n > 0) {
		done = write(fd, p, n);
		if (done == -1)
			tool_die("write %s: %s", path, strerror(errno));
		p += done;
		n -= (size_t)done;
	}
}

static void
fed_open(struct fed *f)
{
	f->fd = open(f->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (f->fd == -1)
		tool_die("%s: %s", f->path, strerror(errno));
}

/* --- rotation --- */

static void
shift(struct feed *o, struct fed *f)
{
	char *from, *to;
	int64_t i;

	for (i = f->generations; i > 0; i--) {
		from = xasprintf("%s.%lld", f->path, (long long)i);
		to = xasprintf("%s.%lld", f->path, (long long)i + 1);
		if (o->keep > 0 && i >= o->keep)
			unlink(from);
		else if (rename(from, to) == -1)
			tool_die("rename %s: %s", from, strerror(errno));
		free(from);
		free(to);
	}
	if (o->keep == 0 || f->generations < o->keep)
		f->generations++;
}

static void
copy_to(const struct fed *f, const char *to)
{
	int in = open(f->path, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	char buf[65536];
	ssize_t n;

	if (in == -1 || out == -1)
		tool_die("copy %s: %s", f->path, strerror(errno));
	while ((n = read(in, buf, sizeof buf)) > 0)
		write_all(out, buf, (size_t)n, to);
	close(in);
	close(out);
}

static void
rotate(struct feed *o, struct fed *f)
{
	char *first = xasprintf("%s.1", f->path);

	shift(o, f);
	if (o->rotation == ROTATE_COPY) {
		copy_to(f, first);
		if (ftruncate(f->fd, 0) == -1)
			tool_die("truncate %s", f->path);
	} else {
		if (rename(f->path, first) == -1)
			tool_die("rename %s: %s", f->path, strerror(errno));
		close(f->fd);
		fed_open(f);
	}
	free(first);
	f->rotated = f->seq;
}

/* --- writing --- */

static void
enter(struct feed *o, const struct fed *f)
{
	char text[128];
	int n;

	if (o->ledger_fd == -1)
		return;
	if (o->sync && fdatasync(f->fd) == -1)
		tool_die("fdatasync %s", f->path);
	n = snprintf(text, sizeof text, "%s %llu\n", f->id,
	    (unsigned long long)f->seq);
	write_all(o->ledger_fd, text, (size_t)n, o->ledger);
	if (fdatasync(o->ledger_fd) == -1)
		tool_die("fdatasync %s", o->ledger);
}

/* Writes up to n lines, now and then in two pieces. */
static void
burst(struct feed *o, struct fed *f, int64_t n)
{
	size_t len = 0, cut;

	for (; n > 0; n--)
		len += line_make(o->buf + len, f->id, ++f->seq,
		    (uint64_t)o->seed, (size_t)o->size);
	cut = tool_random_below(&o->random, 4) == 0 ?
	    (size_t)tool_random_below(&o->random, len) : 0;
	write_all(f->fd, o->buf, cut, f->path);
	if (cut > 0)
		tool_sleep_ns((int64_t)tool_random_below(&o->random,
		    2000000));
	write_all(f->fd, o->buf + cut, len - cut, f->path);
}

static bool
stopped(const struct feed *o)
{
	return (o->stop != NULL && access(o->stop, F_OK) == 0);
}

/* How many lines come next; 0: enough. */
static int64_t
next_burst(struct feed *o, const struct fed *f)
{
	int64_t n = 1 + (int64_t)tool_random_below(&o->random, BURST);
	int64_t left = o->lines - (int64_t)(f->seq - (uint64_t)o->first + 1);

	if (o->rate > 0 && n > o->rate / 50 + 1)
		n = o->rate / 50 + 1;
	return (o->lines > 0 && n > left ? left : n);
}

static void
feed_all(struct feed *o)
{
	int64_t begin = clock_mono_ns(), written = 0, n, i, idle = 0;
	struct fed *f;

	for (i = 0; idle < o->files && !stopped(o); i++) {
		f = &o->v[i % o->files];
		n = next_burst(o, f);
		idle = n == 0 ? idle + 1 : 0;
		if (n == 0)
			continue;
		burst(o, f, n);
		enter(o, f);
		if (o->every > 0 &&
		    f->seq - f->rotated >= (uint64_t)o->every)
			rotate(o, f);
		written += n;
		if (o->rate > 0)
			tool_sleep_ns(begin + written * 1000000000 / o->rate -
			    clock_mono_ns());
	}
}

/* --- set-up --- */

static void
prepare(struct feed *o)
{
	int64_t i;

	if (o->dir == NULL)
		tool_die("feed: give --dir");
	if (o->rotate != NULL)
		o->rotation = strcmp(o->rotate, "rename") == 0 ?
		    ROTATE_RENAME : strcmp(o->rotate, "copytruncate") == 0 ?
		    ROTATE_COPY : ROTATE_NONE;
	if ((o->rotate != NULL) != (o->rotation != ROTATE_NONE) ||
	    (o->rotate != NULL) != (o->every > 0))
		tool_die("feed: --rotate rename|copytruncate and "
		    "--rotate-every LINES go together");
	o->random.state = (uint64_t)o->seed;
	o->buf = xmalloc((size_t)BURST * LINE_MAX_SIZE);
	o->ledger_fd = o->ledger == NULL ? -1 : open(o->ledger,
	    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (o->ledger != NULL && o->ledger_fd == -1)
		tool_die("%s: %s", o->ledger, strerror(errno));
	o->v = xcalloc((size_t)o->files, sizeof *o->v);
	for (i = 0; i < o->files; i++) {
		o->v[i].id = xasprintf("%s%lld", o->name, (long long)i);
		o->v[i].path = xasprintf("%s/%s.log", o->dir, o->v[i].id);
		o->v[i].seq = o->v[i].rotated = (uint64_t)o->first - 1;
		fed_open(&o->v[i]);
	}
}

static void
finish(struct feed *o)
{
	int64_t i;

	for (i = 0; i < o->files; i++) {
		enter(o, &o->v[i]);
		close(o->v[i].fd);
		free(o->v[i].id);
		free(o->v[i].path);
	}
	if (o->ledger_fd != -1)
		close(o->ledger_fd);
	free(o->v);
	free(o->buf);
}

int
tool_feed(int argc, char **argv)
{
	struct feed o = { .name = "f", .files = 1, .first = 1, .seed = 1,
	    .size = 200 };
	const struct flag flags[] = {
		FLAG_STR_ROW("dir", &o.dir, "DIR", "The files' folder."),
		FLAG_STR_ROW("name", &o.name, "WORD", "NAME0.log, ..."),
		FLAG_INT_ROW("files", &o.files, "N", "How many."),
		FLAG_INT_ROW("lines", &o.lines, "N", "Per file; 0: no end."),
		FLAG_INT_ROW("first", &o.first, "N", "Number of the first."),
		FLAG_INT_ROW("rate", &o.rate, "N", "Lines a second in all."),
		FLAG_INT_ROW("size", &o.size, "N", "Usual longest payload."),
		FLAG_INT_ROW("seed", &o.seed, "N", "Of everything random."),
		FLAG_STR_ROW("ledger", &o.ledger, "FILE", "What is owed."),
		FLAG_BOOL_ROW("sync", &o.sync, "Sync lines before the ledger."),
		FLAG_STR_ROW("rotate", &o.rotate, "HOW",
		    "rename or copytruncate."),
		FLAG_INT_ROW("rotate-every", &o.every, "N", "Lines."),
		FLAG_INT_ROW("keep", &o.keep, "N",
		    "Generations that stay; 0: all."),
		FLAG_STR_ROW("stop", &o.stop, "FILE", "End when it exists."),
		FLAG_LAST
	};
	int rc = flags_parse(flags, "t feed", "Writes numbered lines.", argc,
	    argv, NULL);

	if (rc != 0)
		return (rc == FLAGS_HELP ? TOOL_OK : TOOL_TROUBLE);
	prepare(&o);
	feed_all(&o);
	finish(&o);
	return (TOOL_OK);
}
