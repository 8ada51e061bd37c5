/*
 * Directories: which there are, what stands in them, what changes.
 *
 * Every directory in which a group may have files is watched; nothing is
 * polled but what cannot be watched, symbolic links, and bases that are not
 * there yet.  A watch only says which name to look at.  Once a minute all are
 * listed again, because not every change makes an event (writes through a
 * mapping do not), and because what is believed should be compared with what
 * is.
 */
#include "sources/tail.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#define WHO(d)		((d)->tail->source.who)
#define RECONCILE_MS	60000
#define DEPTH_MAX	64

static void	dir_open(struct tail_dir *);

static char *
join(const char *dir, const char *name)
{
	return (xasprintf("%s/%s", strcmp(dir, "/") == 0 ? "" : dir, name));
}

/* --- what is wanted --- */

bool
tail_scan_excluded(const struct tail *t, const char *path)
{
	const struct setting_list *x = &t->set.exclude;
	const char *name = strrchr(path, '/') + 1;
	size_t i;

	for (i = 0; i < x->n; i++)
		if (strchr(x->v[i], '/') != NULL ?
		    str_glob(x->v[i], path, true) :
		    str_glob(x->v[i], name, false))
			return (true);
	return (false);
}

struct tail_group *
tail_scan_wants(const struct tail_dir *d, const char *name)
{
	struct tail *t = d->tail;
	struct tail_group *g = NULL;
	char *path;
	size_t i;

	for (i = 0; i < t->ngroups && g == NULL; i++)
		if (tail_pattern_file(&t->groups[i].pattern, d->at[i], name))
			g = &t->groups[i];
	if (g == NULL || t->set.exclude.n == 0)
		return (g);
	path = join(d->path, name);
	if (tail_scan_excluded(t, path))
		g = NULL;
	free(path);
	return (g);
}

/* --- the tree --- */

static struct tail_dir *
dir_get(struct tail *t, const char *path)
{
	struct tail_dir *d = map_get(t->dirs, slice_str(path));

	if (d != NULL)
		return (d);
	d = xcalloc(1, sizeof *d);
	d->tail = t;
	d->path = xstrdup(path);
	d->at = xcalloc(t->ngroups, sizeof *d->at);
	d->names = map_new();
	TAILQ_INIT(&d->children);
	map_put(t->dirs, slice_str(path), d);
	return (d);
}

static void
dir_free(struct tail_dir *d)
{
	map_remove(d->tail->dirs, slice_str(d->path));
	map_free(d->names);
	free(d->path);
	free(d->at);
	free(d);
}

/* All names of the map, before something is done that changes it. */
static char **
names_of(const struct map *m, size_t *n)
{
	char **v = xcalloc(map_size(m) + 1, sizeof *v);
	struct slice name;
	size_t it = 0;

	*n = 0;
	while (map_next(m, &it, &name, NULL))
		v[(*n)++] = xstrndup(name.p, name.len);
	return (v);
}

/* It is no longer there: its files have no name, what is below it neither. */
static void
dir_close(struct tail_dir *d)
{
	struct tail *t = d->tail;
	struct tail_dir *child;
	size_t i, n;
	char **v;

	while ((child = TAILQ_FIRST(&d->children)) != NULL)
		dir_close(child);
	v = names_of(d->names, &n);
	for (i = 0; i < n; i++) {
		tail_follow_gone(d, v[i]);
		free(v[i]);
	}
	free(v);
	if (d->watch != NULL) {
		watch_remove(t->watch, d->watch);
		t->nmissing += d->base;
	}
	d->watch = NULL;
	if (d->parent != NULL)
		TAILQ_REMOVE(&d->parent->children, d, sibling);
	d->parent = NULL;
	if (!d->base)
		dir_free(d);
}

/* Links to a directory above would be followed for ever. */
static bool
is_above(const struct tail_dir *d, const struct statx *st)
{
	uint64_t dev = (uint64_t)st->stx_dev_major << 32 | st->stx_dev_minor;
	int depth = 0;

	for (; d != NULL; d = d->parent)
		if ((d->dev == dev && d->ino == st->stx_ino) ||
		    ++depth > DEPTH_MAX)
			return (true);
	return (false);
}

/* A directory of that name stands in d. */
static void
enter(struct tail_dir *d, const char *name, const struct statx *st)
{
	struct tail *t = d->tail;
	struct tail_dir *child = NULL;
	bool more = false;
	tail_parts at;
	char *path;
	size_t i;

	path = join(d->path, name);
	for (i = 0; i < t->ngroups; i++) {
		at = tail_pattern_enter(&t->groups[i].pattern, d->at[i], name);
		if (at == 0)
			continue;
		if (child == NULL && (is_above(d, st) ||
		    strlen(path) > TAIL_PATH_MAX))
			break;
		child = dir_get(t, path);
		more = more || (child->at[i] & at) != at;
		child->at[i] |= at;
	}
	free(path);
	if (child == NULL)
		return;
	if (child->parent == NULL) {
		child->parent = d;
		TAILQ_INSERT_TAIL(&d->children, child, sibling);
	}
	if (more || child->watch == NULL)
		dir_open(child);
}

/* --- names --- */

static int
stat_name(const char *path, bool follow, struct statx *st)
{
	return (statx(AT_FDCWD, path, AT_NO_AUTOMOUNT |
	    (follow ? 0 : AT_SYMLINK_NOFOLLOW),
	    STATX_BASIC_STATS | STATX_BTIME, st));
}

/* A link: what it points to, if links are followed. */
static bool
resolve(struct tail_dir *d, const char *name, const char *path,
    struct statx *st)
{
	if (d->tail->set.follow_symlinks)
		return (stat_name(path, true, st) == 0);
	if (!d->warned_link && tail_scan_wants(d, name) != NULL) {
		d->warned_link = true;
		log_info(WHO(d), "%s is a symbolic link and is left out; "
		    "followSymlinks = true follows it", path);
	}
	return (false);
}

void
tail_scan_look(struct tail_dir *d, const char *name)
{
	char *path = join(d->path, name);
	struct statx st;
	bool there, link;

	there = stat_name(path, false, &st) == 0;
	link = there && S_ISLNK(st.stx_mode);
	if (link)
		there = resolve(d, name, path, &st);
	if (there && S_ISREG(st.stx_mode))
		tail_follow_name(d, name, &st, link);
	else
		tail_follow_gone(d, name);
	if (there && S_ISDIR(st.stx_mode))
		enter(d, name, &st);
	free(path);
}

/* Worth a stat?  While something is searched, everything is. */
static bool
worth_a_look(struct tail_dir *d, const struct dirent *e)
{
	struct tail_file *f = map_get(d->names, slice_str(e->d_name));
	char origin[sizeof e->d_name];
	size_t it = 0;

	if (f != NULL)
		f->round = d->tail->round;
	return (f != NULL || e->d_type == DT_DIR || e->d_type == DT_UNKNOWN ||
	    e->d_type == DT_LNK || (e->d_type == DT_REG &&
	    (tail_follow_searching(d->tail) ||
	    tail_scan_wants(d, e->d_name) != NULL ||
	    tail_name_origin(e->d_name, &it, origin))));
}

/* Names we had and the listing did not show. */
static void
look_for_missing(struct tail_dir *d)
{
	struct tail_file *f;
	size_t i, n;
	char **v;

	v = names_of(d->names, &n);
	for (i = 0; i < n; i++) {
		f = map_get(d->names, slice_str(v[i]));
		if (f != NULL && f->round != d->tail->round)
			tail_scan_look(d, v[i]);
		free(v[i]);
	}
	free(v);
}

static void
dir_list(struct tail_dir *d)
{
	int64_t now = clock_wall_ms();
	struct tail *t = d->tail;
	struct dirent *e;
	DIR *dir;

	metric_add(&t->metrics.rescans, 1);
	t->round++;
	if ((dir = opendir(d->path)) == NULL) {
		if (errno != ENOENT && !d->warned) {
			d->warned = true;
			log_warn(WHO(d), "%s cannot be listed: %s", d->path,
			    strerror(errno));
		}
		if (errno != ENOENT && errno != ENOTDIR)
			return;		/* what we follow, we follow */
	}
	while (dir != NULL && (e = readdir(dir)) != NULL)
		if (strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0 && worth_a_look(d, e))
			tail_scan_look(d, e->d_name);
	if (dir != NULL)
		closedir(dir);
	look_for_missing(d);
	d->listed_ms = now;
}

/* The path leads to another directory now, or to none. */
static bool
dir_moved(const struct tail_dir *d)
{
	struct statx st;

	return (stat_name(d->path, true, &st) == -1 || d->ino != st.stx_ino ||
	    d->dev != ((uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor));
}

/*
 * A deleted file that is open keeps its folder alive, so the kernel does not
 * say that the folder is gone.
 */
void
tail_scan_check(struct tail *t, const char *path)
{
	struct tail_dir *d = map_get(t->dirs, slice_str(path));

	if (d != NULL && d->watch != NULL && dir_moved(d))
		dir_close(d);
}

void
tail_scan_path(struct tail *t, const char *path)
{
	struct tail_dir *d = map_get(t->dirs, slice_str(path));

	if (d != NULL && d->watch != NULL)
		dir_list(d);
}

/* Watches, then lists: what comes later makes an event. */
static void
dir_open(struct tail_dir *d)
{
	struct tail *t = d->tail;
	struct err e = ERR_INIT;
	struct statx st;

	if (d->watch == NULL) {
		d->watch = watch_add(t->watch, d->path, d, &e);
		if (d->watch == NULL) {
			if (e.code != ERR_NOT_FOUND && !d->warned)
				log_warn(WHO(d), "%s cannot be watched: %s",
				    d->path, e.msg);
			d->warned = d->warned || e.code != ERR_NOT_FOUND;
			return;
		}
		t->nmissing -= d->base;
		t->search_known = map_size(t->known) > 0;
		d->warned = false;
	}
	if (stat_name(d->path, true, &st) == 0) {
		d->dev = (uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor;
		d->ino = st.stx_ino;
	}
	dir_list(d);
}

/* --- events --- */

static void
settle_soon(struct tail *t)
{
	if (!t->settle.queued)
		loop_post(t->source.loop, &t->settle);
}

static void
settle_now(struct loop_task *task)
{
	struct tail *t = container_of(task, struct tail, settle);

	if (!t->stopping)
		tail_follow_settle(t);
	tail_stop_if_done(t);
}

static void
child_gone(struct tail_dir *d, const char *name)
{
	char *path = join(d->path, name);
	struct tail_dir *child = map_get(d->tail->dirs, slice_str(path));
	struct statx st;

	if (child != NULL && stat_name(path, true, &st) == -1)
		dir_close(child);
	free(path);
}

static void
changed(void *ctx, struct watch_dir *wd, const char *name, unsigned what)
{
	struct tail_dir *d = watch_dir_ctx(wd);
	struct tail *t = ctx;
	struct tail_file *f;

	if (t->stopping)
		return;
	if ((what & WATCH_GONE) != 0) {
		dir_close(d);
		settle_soon(t);
		return;
	}
	if ((what & WATCH_SCAN) != 0)
		dir_list(d);
	else if ((what & WATCH_ISDIR) != 0) {
		child_gone(d, name);
		tail_scan_look(d, name);
	} else if ((what & ~(WATCH_MODIFIED | WATCH_CLOSED)) == 0) {
		if ((f = map_get(d->names, slice_str(name))) != NULL) {
			tail_file_wake(f, -1);
			return;
		}
		if (tail_scan_wants(d, name) == NULL)
			return;
		tail_scan_look(d, name);
	} else
		tail_scan_look(d, name);
	settle_soon(t);
}

void
tail_scan_all(struct tail *t)
{
	struct tail_dir *d;
	size_t i, n;
	char **v;

	v = names_of(t->dirs, &n);
	for (i = 0; i < n; i++) {
		d = map_get(t->dirs, slice_str(v[i]));
		if (d != NULL && d->watch != NULL && dir_moved(d)) {
			dir_close(d);
			d = map_get(t->dirs, slice_str(v[i]));
		}
		if (d != NULL && (d->watch != NULL || d->base))
			dir_open(d);
		free(v[i]);
	}
	free(v);
}

static void
overflow(void *ctx)
{
	struct tail *t = ctx;

	if (t->stopping)
		return;
	log_info(t->source.who, "the kernel's queue of file events "
	    "overflowed: all folders are listed again");
	tail_scan_all(t);
	settle_soon(t);
}

static const struct watch_ops watch_ops = {
	.changed = changed,
	.overflow = overflow
};

/* --- timers --- */

static void
find_missing(struct tail *t)
{
	struct tail_dir *d;
	size_t i, n;
	char **v;

	v = names_of(t->dirs, &n);
	for (i = 0; i < n; i++) {
		d = map_get(t->dirs, slice_str(v[i]));
		if (d != NULL && d->base && d->watch == NULL)
			dir_open(d);
		free(v[i]);
	}
	free(v);
}

/* Lines without an end that have waited long enough. */
static void
flush_partial(struct tail *t)
{
	int64_t now = loop_now_ns(t->source.loop);
	struct tail_file *f;

	TAILQ_FOREACH(f, &t->open, open_link) {
		if (f->dirty || f->size <= f->mark.pos || f->blocked != NULL ||
		    now - f->active_ns < t->set.flush_partial_after * 1000000)
			continue;
		f->flush = true;
		tail_file_wake(f, -1);
	}
}

static void
tick(struct loop_timer *timer)
{
	struct tail *t = container_of(timer, struct tail, tick);

	if (t->nmissing > 0)
		find_missing(t);
	if (t->set.flush_partial_after > 0)
		flush_partial(t);
	tail_follow_tick(t);
	tail_scan_timers(t);
}

static void
sweep(struct loop_timer *timer)
{
	struct tail *t = container_of(timer, struct tail, sweep);
	int64_t next = tail_file_sweep(t);

	if (next >= 0)
		timer_arm(&t->sweep, next);
}

static void
reconcile(struct loop_timer *timer)
{
	struct tail *t = container_of(timer, struct tail, reconcile);

	tail_scan_all(t);
	tail_follow_settle(t);
	timer_arm(timer, RECONCILE_MS);
}

void
tail_scan_timers(struct tail *t)
{
	int64_t poll = t->set.poll_interval;

	if (t->stopping)
		return;
	if (t->set.flush_partial_after > 0 &&
	    t->set.flush_partial_after < poll)
		poll = t->set.flush_partial_after;
	if (!t->tick.armed && (t->nmissing > 0 || tail_follow_waiting(t) ||
	    t->set.flush_partial_after > 0))
		timer_arm(&t->tick, poll);
	if (!t->sweep.armed && t->nopen > 0)
		timer_arm(&t->sweep, t->set.idle_timeout);
}

/* --- life --- */

int
tail_scan_start(struct tail *t, struct err *e)
{
	struct tail_dir *d;
	size_t i;

	t->dirs = map_new();
	t->settle.fn = settle_now;
	timer_init(&t->tick, t->source.loop, tick);
	timer_init(&t->sweep, t->source.loop, sweep);
	timer_init(&t->reconcile, t->source.loop, reconcile);
	t->watch = watch_new(t->source.loop, &watch_ops, t,
	    t->set.poll_interval, e);
	if (t->watch == NULL)
		return (-1);
	for (i = 0; i < t->ngroups; i++) {
		d = dir_get(t, t->groups[i].pattern.base);
		t->nmissing += !d->base && d->watch == NULL;
		d->base = true;
		d->at[i] |= tail_pattern_begin(&t->groups[i].pattern);
	}
	t->starting = true;
	tail_scan_all(t);
	tail_follow_settle(t);
	/* Generations made and renamed meanwhile are known by their streams. */
	if (!t->first) {
		tail_scan_all(t);
		tail_follow_settle(t);
	}
	t->starting = false;
	timer_arm(&t->reconcile, RECONCILE_MS);
	tail_scan_timers(t);
	return (0);
}

void
tail_scan_stop(struct tail *t)
{
	timer_disarm(&t->tick);
	timer_disarm(&t->sweep);
	timer_disarm(&t->reconcile);
	watch_free(t->watch);
	t->watch = NULL;
}

void
tail_scan_free(struct tail *t)
{
	struct tail_dir *d;
	size_t it = 0;
	void *v;

	if (t->dirs == NULL)
		return;
	watch_free(t->watch);
	while (map_next(t->dirs, &it, NULL, &v)) {
		d = v;
		map_free(d->names);
		free(d->path);
		free(d->at);
		free(d);
	}
	map_free(t->dirs);
	timer_fini(&t->tick);
	timer_fini(&t->sweep);
	timer_fini(&t->reconcile);
}
