/*
 * The kernel gives one descriptor (wd) per directory inode, so several struct
 * watch_dir may hang on one node.  A wakeup reads what is queued, merges the
 * events of one (wd, name) and only then calls back, with each node looked up
 * at that moment: what a callback removed gets nothing any more.
 *
 * IN_EXCL_UNLINK is not used: a tail wants the writes to a file that was
 * unlinked while it is read.
 */
#include "loop/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

#define READ_SIZE	65536
#define READS		16	/* per wakeup, then others' turn */
#define MASK	(IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_MODIFY | \
	IN_CLOSE_WRITE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

struct node {
	int		 wd;
	struct watch_dir *dirs;
};

struct watch_dir {
	struct node	*node;		/* NULL: polled or gone */
	struct watch_dir *same;		/* the next one on the node */
	struct watch_dir *prev, *next;	/* all of the watch */
	char		*path;
	void		*ctx;
	bool		 polled;
};

struct watch {			/* its loop's */
	struct loop	*loop;
	const struct watch_ops *ops;
	void		*ctx;
	int64_t		 poll_ms;
	int		 fd;		/* -1: everything is polled */
	struct loop_fd	 io;
	struct loop_timer poll;
	struct map	*nodes;		/* by wd */
	struct watch_dir *dirs;
	size_t		 ndirs, npolled;
	/* The next to be told; removal moves them: on a node, of all. */
	struct watch_dir *cursor, *cursor_all;
	bool		 said_limit, said_fs;
	bool		 busy, freed;
};

/* The name that an event was about, and all that happened to it. */
struct change {
	struct change	*next;
	int		 wd;
	unsigned	 what;
	const char	*name;
};

struct round {
	struct arena	 arena;
	struct map	*by_name;
	struct change	*first, **last;
	bool		 overflow;
};

/* Changes on another host, or made behind a user space server, reach no
 * inotify here (inotify(7), limitations). */
static const struct {
	unsigned long	 magic;
	const char	*name;
} polled_fs[] = {
	{ NFS_SUPER_MAGIC, "NFS" }, { SMB_SUPER_MAGIC, "SMB" },
	{ 0xff534d42, "CIFS" }, { 0xfe534d42, "SMB2" },
	{ 0x65735546, "FUSE" }, { V9FS_MAGIC, "9P" },
	{ AFS_SUPER_MAGIC, "AFS" }, { 0x00c36400, "Ceph" },
	{ 0x0bd00bd0, "Lustre" }, { CODA_SUPER_MAGIC, "Coda" },
	{ 0x01161970, "GFS2" }, { 0x7461636f, "OCFS2" },
	{ 0x786f4256, "VirtualBox" }, { PROC_SUPER_MAGIC, "proc" },
	{ SYSFS_MAGIC, "sysfs" },
};

static const struct {
	uint32_t	 in;
	unsigned	 what;
} meanings[] = {
	{ IN_CREATE, WATCH_CREATED }, { IN_MOVED_TO, WATCH_CREATED },
	{ IN_MODIFY, WATCH_MODIFIED }, { IN_CLOSE_WRITE, WATCH_CLOSED },
	{ IN_MOVED_FROM, WATCH_MOVED }, { IN_DELETE, WATCH_DELETED },
	{ IN_ISDIR, WATCH_ISDIR }, { IN_DELETE_SELF, WATCH_GONE },
	{ IN_MOVE_SELF, WATCH_GONE }, { IN_UNMOUNT, WATCH_GONE },
	{ IN_IGNORED, WATCH_GONE },
};

/* Nodes. */

static struct slice
wd_key(const int *wd)
{
	return (slice_of(wd, sizeof *wd));
}

static struct node *
node_get(struct watch *w, int wd)
{
	struct node *n = map_get(w->nodes, wd_key(&wd));

	if (n == NULL) {
		n = xcalloc(1, sizeof *n);
		n->wd = wd;
		map_put(w->nodes, wd_key(&wd), n);
	}
	return (n);
}

static void
node_free(struct watch *w, struct node *n)
{
	map_remove(w->nodes, wd_key(&n->wd));
	inotify_rm_watch(w->fd, n->wd);
	free(n);
}

/* From its node; the last one takes the node along. */
static void
detach(struct watch *w, struct watch_dir *d)
{
	struct watch_dir **p;

	if (d->node == NULL)
		return;
	if (w->cursor == d)
		w->cursor = d->same;
	for (p = &d->node->dirs; *p != d; p = &(*p)->same)
		;
	*p = d->same;
	if (d->node->dirs == NULL)
		node_free(w, d->node);
	d->node = NULL;
	d->same = NULL;
}

/* Polling. */

static void
set_polled(struct watch *w, struct watch_dir *d, bool on)
{
	if (d->polled == on)
		return;
	d->polled = on;
	if (on)
		w->npolled++;
	else
		w->npolled--;
	if (w->npolled > 0 && !w->poll.armed)
		timer_arm(&w->poll, w->poll_ms);
	else if (w->npolled == 0)
		timer_disarm(&w->poll);
}

static bool
vanished(const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1)
		return (errno == ENOENT || errno == ENOTDIR);
	return (!S_ISDIR(st.st_mode));
}

static void
free_now(struct watch *w)
{
	map_free(w->nodes);
	free(w);
}

static void
poll_one(struct watch *w, struct watch_dir *d)
{
	unsigned what = WATCH_SCAN;

	if (vanished(d->path)) {
		set_polled(w, d, false);
		what = WATCH_GONE;
	}
	w->ops->changed(w->ctx, d, "", what);
}

static void
on_poll(struct loop_timer *t)
{
	struct watch *w = container_of(t, struct watch, poll);
	struct watch_dir *d;

	w->busy = true;
	for (d = w->dirs; d != NULL && !w->freed; d = w->cursor_all) {
		w->cursor_all = d->next;
		if (d->polled)
			poll_one(w, d);
	}
	w->cursor_all = NULL;
	w->busy = false;
	if (w->freed)
		free_now(w);
	else if (w->npolled > 0)
		timer_arm(t, w->poll_ms);
}

static const char *
polled_fs_name(unsigned long magic)
{
	size_t i;

	for (i = 0; i < NELEM(polled_fs); i++)
		if (polled_fs[i].magic == (magic & 0xffffffff))
			return (polled_fs[i].name);
	return (NULL);
}

static void
say_fs(struct watch *w, const char *path, const char *fs)
{
	char every[32];

	if (!w->said_fs)
		log_info(NULL, "%s is on %s, which does not report changes: "
		    "looking at it and others like it every %s", path, fs,
		    str_print_duration(every, sizeof every, w->poll_ms));
	w->said_fs = true;
}

static void
say_limit(struct watch *w, const char *path)
{
	char every[32];

	if (!w->said_limit)
		log_warn(NULL, "no inotify watch is left for %s: looking at "
		    "it and what comes after every %s; raise the sysctl "
		    "fs.inotify.max_user_watches or max_user_instances",
		    path, str_print_duration(every, sizeof every,
		    w->poll_ms));
	w->said_limit = true;
}

/* Events. */

static void
tell_gone(struct watch *w, struct watch_dir *first)
{
	struct watch_dir *d;

	/* Off the node first: the callbacks may add the path again. */
	for (d = first; d != NULL && !w->freed; d = w->cursor) {
		w->cursor = d->same;
		detach(w, d);
		w->ops->changed(w->ctx, d, "", WATCH_GONE);
	}
}

static void
tell(struct watch *w, const struct change *c)
{
	struct node *n = map_get(w->nodes, wd_key(&c->wd));
	struct watch_dir *d;

	if (n == NULL)
		return;
	if (c->what & WATCH_GONE) {
		tell_gone(w, n->dirs);
	} else {
		for (d = n->dirs; d != NULL && !w->freed; d = w->cursor) {
			w->cursor = d->same;
			w->ops->changed(w->ctx, d, c->name, c->what);
		}
	}
	w->cursor = NULL;
}

static unsigned
meaning(uint32_t mask)
{
	unsigned what = 0;
	size_t i;

	for (i = 0; i < NELEM(meanings); i++)
		if (mask & meanings[i].in)
			what |= meanings[i].what;
	return (what);
}

static void
collect(struct round *r, const struct inotify_event *ev)
{
	struct { int wd; char name[NAME_MAX + 1]; } key = { .wd = ev->wd };
	size_t len = ev->len == 0 ? 0 : strnlen(ev->name, ev->len);
	unsigned what = meaning(ev->mask);
	struct change *c;
	struct slice k;

	if (ev->mask & IN_Q_OVERFLOW) {
		r->overflow = true;
		return;
	}
	/* Of the directory itself only its end is of interest. */
	if (what == 0 || (len == 0 && !(what & WATCH_GONE)) || len > NAME_MAX)
		return;
	memcpy(key.name, ev->name, len);
	k = slice_of(&key, offsetof(typeof(key), name) + len);
	if ((c = map_get(r->by_name, k)) == NULL) {
		c = arena_zalloc(&r->arena, sizeof *c);
		c->wd = ev->wd;
		c->name = (const char *)arena_copy(&r->arena,
		    slice_of(key.name, len)).p;
		*r->last = c;
		r->last = &c->next;
		map_put(r->by_name, k, c);
	}
	c->what |= what;
}

/* -> whether there may be more. */
static bool
read_events(struct watch *w, struct round *r)
{
	char buf[READ_SIZE]
	    __attribute__((aligned(__alignof__(struct inotify_event))));
	const struct inotify_event *ev;
	ssize_t n = read(w->fd, buf, sizeof buf), i;

	if (n == -1 && errno != EAGAIN && errno != EINTR)
		log_error(NULL, "reading file system events: %s",
		    strerror(errno));
	for (i = 0; i < n; i += (ssize_t)(sizeof *ev + ev->len)) {
		ev = (const void *)(buf + i);
		collect(r, ev);
	}
	return (n > 0);
}

static void
on_events(struct loop_fd *f, unsigned ready)
{
	struct watch *w = container_of(f, struct watch, io);
	struct round r = { .by_name = map_new() };
	struct change *c;
	int i;

	(void)ready;
	arena_init(&r.arena, 4096, 0);
	r.last = &r.first;
	for (i = 0; i < READS && read_events(w, &r); i++)
		;
	w->busy = true;
	for (c = r.first; c != NULL && !w->freed; c = c->next)
		tell(w, c);
	if (r.overflow && !w->freed)
		w->ops->overflow(w->ctx);
	w->busy = false;
	map_free(r.by_name);
	arena_fini(&r.arena);
	if (w->freed)
		free_now(w);
}

/* For others. */

struct watch *
watch_new(struct loop *l, const struct watch_ops *ops, void *ctx,
    int64_t poll_ms, struct err *e)
{
	struct watch *w;
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	loop_assert(l);
	if (fd == -1 && errno != EMFILE && errno != ENFILE) {
		err_sys(e, "inotify");
		return (NULL);
	}
	w = xcalloc(1, sizeof *w);
	w->loop = l;
	w->ops = ops;
	w->ctx = ctx;
	w->poll_ms = poll_ms < 1 ? 1 : poll_ms;
	w->fd = fd;
	w->nodes = map_new();
	timer_init(&w->poll, l, on_poll);
	if (fd != -1) {
		loop_fd_init(&w->io, l, fd, on_events);
		loop_fd_want(&w->io, LOOP_READ);
	}
	return (w);
}

void
watch_free(struct watch *w)
{
	if (w == NULL || w->freed)
		return;
	loop_assert(w->loop);
	while (w->dirs != NULL)
		watch_remove(w, w->dirs);
	timer_fini(&w->poll);
	loop_fd_fini(&w->io);
	if (w->fd != -1)
		close(w->fd);
	w->freed = true;
	if (!w->busy)
		free_now(w);
}

/* Can it be listed at all?  -> what its file system is. */
static int
probe(const char *path, unsigned long *magic, struct err *e)
{
	struct statfs fs = { 0 };
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1 && errno == ENOENT)
		return (err_set(e, ERR_NOT_FOUND, "there is no directory %s",
		    path));
	if (fd == -1)
		return (err_sys(e, "open directory %s", path));
	*magic = fstatfs(fd, &fs) == 0 ? (unsigned long)fs.f_type : 0;
	close(fd);
	return (0);
}

/* -> 0 with *wd, which is -1 for a directory to be polled; -1. */
static int
subscribe(struct watch *w, const char *path, int *wd, struct err *e)
{
	unsigned long magic = 0;
	const char *fs;

	*wd = -1;
	if (probe(path, &magic, e) == -1)
		return (-1);
	if ((fs = polled_fs_name(magic)) != NULL) {
		say_fs(w, path, fs);
		return (0);
	}
	if (w->fd != -1)
		*wd = inotify_add_watch(w->fd, path, MASK);
	if (*wd != -1)
		return (0);
	if (w->fd != -1 && errno != ENOSPC && errno != ENOMEM)
		return (err_sys(e, "watch %s", path));
	say_limit(w, path);
	return (0);
}

struct watch_dir *
watch_add(struct watch *w, const char *path, void *dir_ctx, struct err *e)
{
	struct watch_dir *d;
	int wd;

	loop_assert(w->loop);
	if (subscribe(w, path, &wd, e) == -1)
		return (NULL);
	d = xcalloc(1, sizeof *d);
	d->path = xstrdup(path);
	d->ctx = dir_ctx;
	d->next = w->dirs;
	if (w->dirs != NULL)
		w->dirs->prev = d;
	w->dirs = d;
	w->ndirs++;
	if (wd == -1) {
		set_polled(w, d, true);
	} else {
		d->node = node_get(w, wd);
		d->same = d->node->dirs;
		d->node->dirs = d;
	}
	return (d);
}

void
watch_remove(struct watch *w, struct watch_dir *d)
{
	loop_assert(w->loop);
	if (w->cursor_all == d)
		w->cursor_all = d->next;
	detach(w, d);
	set_polled(w, d, false);
	if (d->prev != NULL)
		d->prev->next = d->next;
	else
		w->dirs = d->next;
	if (d->next != NULL)
		d->next->prev = d->prev;
	w->ndirs--;
	free(d->path);
	free(d);
}

void *
watch_dir_ctx(const struct watch_dir *d)
{
	return (d->ctx);
}

const char *
watch_dir_path(const struct watch_dir *d)
{
	return (d->path);
}

bool
watch_dir_polled(const struct watch_dir *d)
{
	return (d->polled);
}

void
watch_dir_poll(struct watch *w, struct watch_dir *d)
{
	loop_assert(w->loop);
	detach(w, d);
	set_polled(w, d, true);
}

size_t
watch_count(const struct watch *w)
{
	return (w->ndirs);
}
