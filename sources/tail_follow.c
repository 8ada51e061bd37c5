/*
 * Which files are followed.
 *
 * A file is found by its identity, whatever its name; a name only says where
 * to open it.  A name that turns up is one of
 *
 *	the file that had it		it may have grown
 *	a file we follow		renamed; or a hard link: the name it
 *					has stays
 *	one whose position is known	goes on there, whatever its name
 *	one that a group wants		new
 *	a generation we never saw	made and renamed before we looked:
 *					younger than the youngest of its stream,
 *					and named as rotation names files
 *
 * A file that lost its name is looked for in the folder where it was, twice,
 * a pollInterval apart, since a listing may miss what is renamed meanwhile.
 * If it is not there, it was deleted or moved out of sight: as long as its
 * descriptor is open, it is read, until it has rested for idleTimeout.
 */
#include "sources/tail.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/murmur2.h"

#define SEARCHES	2
#define CLOCK_SLACK_MS	2000	/* of wall clock against birth times */

/* A name that matched, until the round is over. */
struct tail_found {
	struct tail_dir		*dir;
	struct tail_group	*group;
	char			*name;
	bool			 known;
	struct tail_id		 id;
	int64_t			 mtime_ns;
	uint64_t		 size;
	bool			 link;
};

static struct slice
id_key(const struct tail_id *id, uint8_t key[TAIL_KEY_SIZE])
{
	tail_key_encode(id, 0, key);
	return (slice_of(key, TAIL_ID_SIZE));
}

static struct tail_file *
by_id(struct tail *t, const struct tail_id *id)
{
	uint8_t key[TAIL_KEY_SIZE];

	return (map_get(t->by_id, id_key(id, key)));
}

struct tail_file *
tail_follow_by_key(struct tail *t, struct slice key)
{
	struct tail_file *f;
	uint32_t generation;
	struct tail_id id;

	if (!tail_key_decode(key, &id, &generation))
		return (NULL);
	f = by_id(t, &id);
	return (f != NULL && f->generation == generation ? f : NULL);
}

static char *
join(const char *dir, const char *name)
{
	return (xasprintf("%s/%s", strcmp(dir, "/") == 0 ? "" : dir, name));
}

static const char *
base_name(const char *path)
{
	return (strrchr(path, '/') + 1);
}

/* --- streams --- */

static struct slice
stream_key(const struct tail_group *g, const char *path, struct sb *sb)
{
	sb_puts(sb, g->name);
	sb_add(sb, "", 1);
	sb_puts(sb, path);
	return (slice_of(sb->ptr, sb->len));
}

/* Kafka's hash, so that the partition is the one a Java producer would pick
 * for this key. */
static int32_t
stream_hint(const struct tail *t, const struct tail_stream *s)
{
	struct sb sb = SB_INIT;
	int32_t h;

	sb_puts(&sb, t->source.name);
	sb_add(&sb, "", 1);
	sb_puts(&sb, s->group->pattern.text);
	sb_add(&sb, "", 1);
	sb_puts(&sb, s->path);
	h = murmur2(slice_of(sb.ptr, sb.len)) & 0x7fffffff;
	sb_fini(&sb);
	return (h);
}

static struct tail_stream *
stream_find(const struct tail *t, const struct tail_group *g,
    const char *path)
{
	struct sb sb = SB_INIT;
	struct tail_stream *s = map_get(t->streams, stream_key(g, path, &sb));

	sb_fini(&sb);
	return (s);
}

static struct tail_stream *
stream_get(struct tail *t, struct tail_group *g, const char *path)
{
	struct tail_stream *s = stream_find(t, g, path);
	struct sb sb = SB_INIT;

	if (s != NULL)
		return (s);
	s = xcalloc(1, sizeof *s);
	s->group = g;
	s->path = xstrdup(path);
	s->hint = stream_hint(t, s);
	TAILQ_INIT(&s->files);
	map_put(t->streams, stream_key(g, path, &sb), s);
	sb_fini(&sb);
	return (s);
}

static void
stream_drop(struct tail *t, struct tail_stream *s)
{
	struct sb sb = SB_INIT;

	map_remove(t->streams, stream_key(s->group, s->path, &sb));
	sb_fini(&sb);
	if (s->queued)
		TAILQ_REMOVE(&t->ready, s, ready);
	free(s->path);
	free(s);
}

/* Born in the same tick of the clock: the one that has the stream's name. */
static bool
is_younger(const struct tail_stream *s, const struct tail_file *a,
    const struct tail_file *b)
{
	if (a->id.birth != b->id.birth)
		return (a->id.birth > b->id.birth);
	return (a->dir != NULL && strcmp(a->path, s->path) == 0);
}

/* Generations oldest first. */
static void
stream_insert(struct tail_stream *s, struct tail_file *f)
{
	struct tail_file *at;

	TAILQ_FOREACH_REVERSE(at, &s->files, tail_files, generation_link)
		if (!is_younger(s, at, f))
			break;
	if (at == NULL)
		TAILQ_INSERT_HEAD(&s->files, f, generation_link);
	else
		TAILQ_INSERT_AFTER(&s->files, at, f, generation_link);
	f->stream = s;
}

/* --- names --- */

/* What a link points to lies in a folder that is not watched: looked at once
 * per pollInterval. */
static void
set_link(struct tail_file *f, bool link)
{
	if (f->link == link)
		return;
	f->link = link;
	if (link)
		TAILQ_INSERT_TAIL(&f->tail->links, f, link_link);
	else
		TAILQ_REMOVE(&f->tail->links, f, link_link);
}

static void
name_lose(struct tail_file *f)
{
	if (f->dir == NULL)
		return;
	map_remove(f->dir->names, slice_str(base_name(f->path)));
	f->dir = NULL;
	f->lost = true;
	f->searched = 0;
	TAILQ_INSERT_TAIL(&f->tail->lost, f, lost_link);
	tail_file_wake(f, -1);	/* before what has the name now */
}

static void
name_found(struct tail_file *f)
{
	if (!f->lost)
		return;
	f->lost = false;
	TAILQ_REMOVE(&f->tail->lost, f, lost_link);
}

static void
name_take(struct tail_file *f, struct tail_dir *d, const char *name, bool link)
{
	struct tail *t = f->tail;
	char *path = join(d->path, name);

	if (f->dir != NULL)
		map_remove(f->dir->names, slice_str(base_name(f->path)));
	name_found(f);
	if (strcmp(path, f->path) != 0) {
		metric_add(&t->metrics.rotations, 1);
		log_info(t->source.who, "%s was renamed to %s read=%llu",
		    f->path, path, (unsigned long long)f->mark.pos);
	}
	free(f->path);
	f->path = path;
	f->dir = d;
	map_put(d->names, slice_str(name), f);
	set_link(f, link);
	if (f->blocked != NULL && f->retry)
		tail_file_unblock(f);
}

/* --- new files --- */

static struct tail_file *
file_new(struct tail *t, const struct tail_found *n)
{
	struct tail_file *f = xcalloc(1, sizeof *f);
	uint8_t key[TAIL_KEY_SIZE];

	f->tail = t;
	f->id = n->id;
	f->fd = -1;
	f->path = join(n->dir->path, n->name);
	f->dir = n->dir;
	f->active_ns = loop_now_ns(t->source.loop);
	map_put(n->dir->names, slice_str(n->name), f);
	map_put(t->by_id, id_key(&f->id, key), f);
	set_link(f, n->link);
	metric_add(&t->metrics.files, 1);
	return (f);
}

static struct tail_group *
group_of(struct tail *t, const char *logical)
{
	size_t i;

	for (i = 0; i < t->ngroups && !tail_scan_excluded(t, logical); i++)
		if (tail_pattern_path(&t->groups[i].pattern, logical))
			return (&t->groups[i]);
	return (NULL);
}

/* The youngest generation that is not younger than this one. */
static struct tail_file *
generation_before(struct tail_stream *s, const struct tail_id *id)
{
	struct tail_file *f;

	TAILQ_FOREACH_REVERSE(f, &s->files, tail_files, generation_link)
		if (f->id.birth != 0 && f->id.birth <= id->birth)
			return (f);
	return (NULL);
}

/*
 * The stream of which this is a generation that was made and renamed between
 * two looks: younger than one that we know and that has been renamed.  While
 * that one still has the stream's name, this is what a copytruncate made; and
 * what was there at an earlier look and not taken is not taken later.
 */
static struct tail_stream *
missed_generation(struct tail *t, const struct tail_dir *d, const char *name,
    const struct tail_id *id)
{
	char *origin = xmalloc(strlen(name) + 1), *path;
	struct tail_stream *s, *found = NULL;
	struct tail_file *last;
	bool old = id->birth == 0 || (!t->starting &&
	    id->birth / 1000000 < d->listed_ms - CLOCK_SLACK_MS);
	size_t it = 0, i;

	while (!old && found == NULL &&
	    tail_name_origin(name, &it, origin)) {
		path = join(d->path, origin);
		for (i = 0; i < t->ngroups && found == NULL; i++) {
			s = stream_find(t, &t->groups[i], path);
			last = s == NULL ? NULL : generation_before(s, id);
			if (last != NULL && (strcmp(last->path, path) != 0 ||
			    !tail_file_has_name(last)))
				found = s;
		}
		free(path);
	}
	free(origin);
	return (found);
}

static void
take_up(struct tail *t, const struct tail_found *n)
{
	struct tail_stream *s = NULL;
	struct tail_known *k;
	struct tail_file *f;
	char *path;

	if (by_id(t, &n->id) != NULL ||
	    map_get(n->dir->names, slice_str(n->name)) != NULL)
		return;		/* a second name of one just taken up */
	path = join(n->dir->path, n->name);
	k = tail_resume_find(t, &n->id, path, n->size);
	if (k != NULL && group_of(t, k->logical) == n->group)
		s = stream_get(t, n->group, k->logical);
	else if (k == NULL)
		s = missed_generation(t, n->dir, n->name, &n->id);
	if (s == NULL)
		s = stream_get(t, n->group, path);
	free(path);
	f = file_new(t, n);
	stream_insert(s, f);
	if (k == NULL)	/* counted as lost should it vanish unread */
		f->size = n->size;
	tail_resume_file(f, k);
	tail_file_wake(f, (int64_t)n->size);
}

static struct tail_group *
wanted(struct tail_dir *d, const char *name, const struct tail_id *id,
    uint64_t size, bool *known)
{
	struct tail *t = d->tail;
	struct tail_stream *s;
	struct tail_known *k;
	struct tail_group *g;
	char *path = join(d->path, name);

	k = tail_resume_find(t, id, path, size);
	free(path);
	*known = k != NULL;
	if (k != NULL && (g = group_of(t, k->logical)) != NULL)
		return (g);
	if ((g = tail_scan_wants(d, name)) != NULL)
		return (g);
	s = missed_generation(t, d, name, id);
	return (s == NULL ? NULL : s->group);
}

static void
found_push(struct tail_dir *d, const char *name, const struct statx *st,
    bool link)
{
	struct tail *t = d->tail;
	struct tail_found *n;
	struct tail_group *g;
	struct tail_id id;
	bool known;

	tail_id_of(st, &id);
	if ((g = wanted(d, name, &id, st->stx_size, &known)) == NULL)
		return;
	if (strlen(d->path) + 1 + strlen(name) > TAIL_PATH_MAX) {
		log_warn(t->source.who, "a path of more than %d bytes is "
		    "left out: %.100s...", TAIL_PATH_MAX, d->path);
		return;
	}
	GROW(t->found, t->nfound, t->capfound);
	n = &t->found[t->nfound++];
	*n = (struct tail_found){ .dir = d, .group = g,
	    .name = xstrdup(name), .known = known, .id = id,
	    .size = st->stx_size, .link = link };
	n->mtime_ns = st->stx_mtime.tv_sec * INT64_C(1000000000) +
	    st->stx_mtime.tv_nsec;
}

void
tail_follow_name(struct tail_dir *d, const char *name,
    const struct statx *st, bool link)
{
	struct tail *t = d->tail;
	struct tail_file *was = map_get(d->names, slice_str(name)), *f;
	struct tail_id id;

	tail_id_of(st, &id);
	if (was != NULL && tail_id_eq(&was->id, &id)) {
		tail_file_wake(was, (int64_t)st->stx_size);
		return;
	}
	if (was != NULL)
		name_lose(was);
	if ((f = by_id(t, &id)) == NULL) {
		found_push(d, name, st, link);
		return;
	}
	if (!tail_file_has_name(f)) {
		name_take(f, d, name, link);
	}
	tail_file_wake(f, (int64_t)st->stx_size);
}

void
tail_follow_gone(struct tail_dir *d, const char *name)
{
	struct tail_file *f = map_get(d->names, slice_str(name));

	if (f != NULL)
		name_lose(f);
}

/* --- the end of a file --- */

void
tail_follow_unref(struct tail_file *f)
{
	CHECK(f->refs > 0);
	if (--f->refs > 0 || !f->retired)
		return;
	free(f->path);
	free(f);
}

/* What is left of it when it can be read no more. */
static void
account(struct tail_file *f)
{
	uint64_t unread = f->size > f->mark.pos ? f->size - f->mark.pos : 0;

	tail_file_lost_bytes(f, unread, f->fd == -1 ?
	    "vanished before it was read to its end" :
	    "gone, with an unfinished last line");
}

static void
retire(struct tail_file *f)
{
	struct tail *t = f->tail;
	struct tail_stream *s = f->stream;
	uint8_t key[TAIL_KEY_SIZE];

	account(f);
	log_info(t->source.who, "%s is gone and was read to byte %llu file=%s",
	    f->path, (unsigned long long)f->mark.pos, f->path);
	tail_file_key(f, key);
	tail_notice(t, key, CURSOR_GONE, SLICE(""));
	tail_resume_forget(t, key, f->mark.pos, f->delivered);
	tail_file_close(f);
	tail_file_unblock(f);
	name_found(f);
	set_link(f, false);
	map_remove(t->by_id, id_key(&f->id, key));
	TAILQ_REMOVE(&s->files, f, generation_link);
	if (TAILQ_EMPTY(&s->files))
		stream_drop(t, s);
	metric_add(&t->metrics.files, -1);
	f->retired = true;
	f->stream = NULL;
	f->refs++;
	tail_follow_unref(f);
}

/* --- rounds --- */

/* Those with a position first: they tell which streams there are. */
static int
by_mtime(const void *a, const void *b)
{
	const struct tail_found *x = a, *y = b;

	if (x->known != y->known)
		return (x->known ? -1 : 1);
	if (x->mtime_ns != y->mtime_ns)
		return (x->mtime_ns < y->mtime_ns ? -1 : 1);
	return (strcmp(x->name, y->name));
}

static void
take_up_found(struct tail *t)
{
	struct tail_found *v = t->found;
	size_t i, n = t->nfound;

	t->found = NULL;
	t->nfound = t->capfound = 0;
	if (n > 0)
		qsort(v, n, sizeof *v, by_mtime);
	for (i = 0; i < n; i++) {
		take_up(t, &v[i]);
		free(v[i].name);
	}
	free(v);
}

/* Calls fn with the folder of a path. */
static void
with_folder(struct tail *t, const char *path,
    void (*fn)(struct tail *, const char *))
{
	const char *slash = strrchr(path, '/');
	char *dir;

	dir = slash == path ? xstrdup("/") :
	    xstrndup(path, (size_t)(slash - path));
	fn(t, dir);
	free(dir);
}

/* One listing is for all that were in the same folder. */
static void
mark_searched(struct tail *t, const struct tail_file *like, unsigned n)
{
	size_t len = (size_t)(base_name(like->path) - like->path);
	struct tail_file *f;

	TAILQ_FOREACH(f, &t->lost, lost_link)
		if (f->searched < n &&
		    (size_t)(base_name(f->path) - f->path) == len &&
		    memcmp(f->path, like->path, len) == 0)
			f->searched = (uint8_t)n;
}

/* The next lost one that was searched fewer than n times; its link count says
 * whether there is anything to find. */
static struct tail_file *
unsearched(struct tail *t, unsigned n)
{
	struct tail_file *f;
	struct stat st;

	TAILQ_FOREACH(f, &t->lost, lost_link) {
		if (f->searched >= n)
			continue;
		f->searched = (uint8_t)n;
		if (f->fd == -1 || fstat(f->fd, &st) == -1 ||
		    st.st_nlink > 0)
			return (f);
	}
	return (NULL);
}

static void
search_lost(struct tail *t, unsigned n)
{
	struct tail_file *f;
	char *path;

	while ((f = unsearched(t, n)) != NULL) {
		mark_searched(t, f, n);
		path = xstrdup(f->path);
		with_folder(t, path, tail_scan_path);
		free(path);
	}
}

void
tail_follow_settle(struct tail *t)
{
	if (t->settling)
		return;
	t->settling = true;
	do {
		take_up_found(t);
		search_lost(t, 1);
	} while (t->nfound > 0);
	t->settling = false;
	tail_resume_settled(t);
	tail_scan_timers(t);
}

bool
tail_follow_searching(const struct tail *t)
{
	return (!TAILQ_EMPTY(&t->lost) || t->search_known ||
	    (t->starting && map_size(t->imported) > 0));
}

bool
tail_follow_waiting(const struct tail *t)
{
	return (!TAILQ_EMPTY(&t->lost) || !TAILQ_EMPTY(&t->retry) ||
	    !TAILQ_EMPTY(&t->links) || tail_resume_waiting(t));
}

static bool
rested(const struct tail_file *f)
{
	const struct tail *t = f->tail;

	return (loop_now_ns(t->source.loop) - f->active_ns >=
	    t->set.idle_timeout * 1000000);
}

/* A lost one: reads on while it is open, else gives it up. */
static void
tick_lost(struct tail_file *f)
{
	struct stat st;

	if (f->dirty || f->refs > 0)
		return;		/* its turn comes */
	if (f->fd == -1) {
		if (f->searched >= SEARCHES)
			retire(f);
		return;
	}
	if (fstat(f->fd, &st) == 0 && (uint64_t)st.st_size != f->size)
		tail_file_wake(f, -1);
	else if (rested(f))
		retire(f);
}

static void
tick_links(struct tail *t)
{
	struct tail_file *f, *next;
	char *name;

	for (f = TAILQ_FIRST(&t->links); f != NULL; f = next) {
		next = TAILQ_NEXT(f, link_link);
		if (f->dir == NULL)
			continue;
		name = xstrdup(base_name(f->path));
		tail_scan_look(f->dir, name);
		free(name);
	}
}

void
tail_follow_tick(struct tail *t)
{
	struct tail_file *f, *next;

	for (f = TAILQ_FIRST(&t->retry); f != NULL; f = next) {
		next = TAILQ_NEXT(f, retry_link);
		tail_file_wake(f, -1);
	}
	tick_links(t);
	tail_follow_settle(t);
	TAILQ_FOREACH(f, &t->lost, lost_link)
		with_folder(t, f->path, tail_scan_check);
	search_lost(t, SEARCHES);
	tail_follow_settle(t);
	for (f = TAILQ_FIRST(&t->lost); f != NULL; f = next) {
		next = TAILQ_NEXT(f, lost_link);
		tick_lost(f);
	}
	tail_resume_tick(t);
}

void
tail_follow_free(struct tail *t)
{
	struct tail_file *f;
	size_t it = 0, i;
	void *v;

	for (i = 0; i < t->nfound; i++)		/* found while stopping */
		free(t->found[i].name);
	while (map_next(t->by_id, &it, NULL, &v)) {
		f = v;
		tail_file_close(f);
		free(f->path);
		free(f);
	}
	it = 0;
	while (map_next(t->streams, &it, NULL, &v)) {
		free(((struct tail_stream *)v)->path);
		free(v);
	}
	map_free(t->by_id);
	map_free(t->streams);
	free(t->found);
}
