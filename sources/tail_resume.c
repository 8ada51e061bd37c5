/*
 * Where reading stood.
 *
 * With a durable channel, its cursor says so, and this file only hands it
 * out.  Without one the source keeps positions itself, and moves them when a
 * sink has committed: what a memory channel holds when the process dies is
 * then read again from the files.
 *
 * At the very first start Flume's position file says where Flume stopped.  A
 * position that no channel has seen yet (from there, or because reading begins
 * at the end) goes out as a batch without records, or straight into our own.
 */
#include "sources/tail.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "sources/tail_flume.h"
#include "sources/tail_pos.h"

#define FLUSH_MS	100
#define FLUME_MAX	((size_t)256 << 20)
#define MISSED_MAX	2
#define BACK_MAX	(1024 * 1024)	/* for the line before the end */

static void	pos_changed(struct tail *);

static struct slice
id_key(const struct tail_id *id, uint8_t key[TAIL_KEY_SIZE])
{
	tail_key_encode(id, 0, key);
	return (slice_of(key, TAIL_ID_SIZE));
}

/* Inode and birth time: what stays when a device gets another number. */
static struct slice
birth_key(const struct tail_id *id, uint8_t key[TAIL_KEY_SIZE])
{
	tail_key_encode(id, 0, key);
	return (slice_of(key + 8, TAIL_ID_SIZE - 8));
}

static void
known_free(struct tail_known *k)
{
	free(k->path);
	free(k->logical);
	free(k);
}

/* --- what is known --- */

static void
known_remove(struct tail *t, const struct tail_known *k)
{
	uint8_t key[TAIL_KEY_SIZE];

	map_remove(t->known, id_key(&k->id, key));
	if (map_get(t->births, birth_key(&k->id, key)) == k)
		map_remove(t->births, birth_key(&k->id, key));
}

static void
forget_older(struct tail *t, const struct tail_known *k)
{
	uint8_t key[TAIL_KEY_SIZE];

	tail_key_encode(&k->id, k->generation, key);
	tail_notice(t, key, CURSOR_GONE, SLICE(""));
	tail_resume_forget(t, key, k->mark.pos, k->mark.pos);
}

static int
know(struct tail *t, const struct cursor_entry *entry, struct err *e)
{
	struct tail_known *k, *old;
	uint8_t key[TAIL_KEY_SIZE];
	struct tail_note note;
	uint32_t generation;
	struct tail_id id;

	if (!tail_key_decode(entry->key, &id, &generation))
		return (0);	/* of a source of another type */
	if (!tail_note_decode(entry, &note))
		return (err_set(e, ERR_CORRUPT, "the position of a file "
		    "(inode %" PRIu64 ") makes no sense: written by a newer "
		    "leat?", id.ino));
	k = xcalloc(1, sizeof *k);
	k->id = id;
	k->generation = generation;
	k->mark = note.mark;
	k->size = note.size;
	k->path = xstrndup(note.path.p, note.path.len);
	k->logical = xstrndup(note.logical.p, note.logical.len);
	/* Two generations: a crash came between the two entries. */
	old = map_get(t->known, id_key(&id, key));
	if (old != NULL && old->generation > generation) {
		forget_older(t, k);
		known_free(k);
		return (0);
	}
	if (old != NULL) {
		forget_older(t, old);
		known_remove(t, old);
		known_free(old);
	}
	map_put(t->known, id_key(&id, key), k);
	map_put(t->births, birth_key(&id, key), k);
	return (0);
}

/*
 * Numbers of devices may differ after a reboot or a mount (btrfs, NFS, LVM).
 * The same inode, born in the same nanosecond and in the same folder, is the
 * same file; its checksums are compared before it is read, as always.
 */
static struct tail_known *
find_by_birth(const struct tail *t, const struct tail_id *id,
    const char *path)
{
	size_t dir = (size_t)(strrchr(path, '/') - path) + 1;
	uint8_t key[TAIL_KEY_SIZE];
	struct tail_known *k;

	if (id->birth == 0)
		return (NULL);
	k = map_get(t->births, birth_key(id, key));
	if (k == NULL || (size_t)(strrchr(k->path, '/') - k->path) + 1 != dir ||
	    memcmp(k->path, path, dir) != 0)
		return (NULL);
	return (k);
}

static void
import_one(void *ctx, uint64_t inode, uint64_t pos, const char *file)
{
	struct tail *t = ctx;
	struct tail_known *k = xcalloc(1, sizeof *k), *old;
	uint8_t key[8];

	k->imported = true;
	k->id.ino = inode;
	k->mark.pos = pos;
	k->path = xstrdup(file);
	k->logical = xstrdup(file);
	put_be64(key, inode);
	old = map_put(t->imported, slice_of(key, sizeof key), k);
	if (old != NULL)
		known_free(old);
}

/* The key positionFile, or where Flume keeps it without the key. */
static char *
flume_path(const struct tail *t)
{
	const char *home = getenv("HOME");

	if (t->set.position_file != NULL)
		return (xstrdup(t->set.position_file));
	if (home == NULL)
		return (NULL);
	return (xasprintf("%s/.flume/taildir_position.json", home));
}

static void
import_flume(struct tail *t)
{
	struct err e = ERR_INIT;
	char *path = flume_path(t);
	size_t len, n;
	void *text;

	if (path == NULL)
		return;
	if (fs_slurp(AT_FDCWD, path, FLUME_MAX, &text, &len, &e) == 0) {
		n = tail_flume_read(slice_of(text, len), import_one, t, &e);
		free(text);
		if (n > 0)
			log_info(t->source.who, "going on where Flume "
			    "stopped: %zu positions read from %s", n, path);
	}
	if (e.code != ERR_NONE && e.code != ERR_NOT_FOUND)
		log_warn(t->source.who, "Flume's position file %s: %s", path,
		    e.msg);
	free(path);
}

/* The byte before the position ends a line, as where Flume stops reading. */
static bool
line_ends_before(const char *path, uint64_t pos)
{
	struct err e = ERR_INIT;
	char c = '\0';
	int fd;

	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return (false);
	if (fs_pread(fd, &c, 1, (off_t)pos - 1, &e) != 1)
		c = '\0';
	close(fd);
	return (c == '\n');
}

static struct tail_known *
find_imported(struct tail *t, const struct tail_id *id, const char *path,
    uint64_t size)
{
	struct tail_known *k;
	uint8_t key[8];
	size_t dir;

	put_be64(key, id->ino);
	k = map_get(t->imported, slice_of(key, sizeof key));
	if (k == NULL || strcmp(k->path, path) == 0)
		return (k);
	/* Renamed since Flume looked: the same folder, and it fits. */
	dir = (size_t)(strrchr(path, '/') - path) + 1;
	if ((size_t)(strrchr(k->path, '/') - k->path) + 1 != dir ||
	    memcmp(k->path, path, dir) != 0 || k->mark.pos == 0 ||
	    k->mark.pos > size || !line_ends_before(path, k->mark.pos))
		return (NULL);
	return (k);
}

struct tail_known *
tail_resume_find(struct tail *t, const struct tail_id *id, const char *path,
    uint64_t size)
{
	struct tail_known *k;
	uint8_t key[TAIL_KEY_SIZE];

	k = map_get(t->known, id_key(id, key));
	if (k == NULL)
		k = find_by_birth(t, id, path);
	if (k == NULL && t->starting && map_size(t->imported) > 0)
		k = find_imported(t, id, path, size);
	return (k);
}

/* --- where a file begins --- */

/*
 * Makes it known that this file has been seen, and where it begins: also when
 * that is 0, so that it is found again under another name after a crash.
 */
void
tail_resume_publish(struct tail_file *f)
{
	uint8_t key[TAIL_KEY_SIZE], note[CURSOR_NOTE_MAX];
	struct cursor_entry entry;
	struct cursor c = { &entry, 1 };
	struct tail *t = f->tail;

	tail_file_key(f, key);
	entry.key = slice_of(key, sizeof key);
	entry.offset = f->mark.pos;
	entry.note = tail_file_note(f, &f->mark, note);
	if (t->pos != NULL) {
		tail_pos_put(t->pos, &c);
		t->pos_published = true;
		pos_changed(t);
	} else
		tail_notice(t, key, entry.offset, entry.note);
}

static void
begin_at(struct tail_file *f, uint64_t pos)
{
	struct err e = ERR_INIT;

	if (pos > 0 && tail_mark_make(&f->mark, pos, f->fd, &e) == -1)
		log_warn(f->tail->source.who, "%s: %s; it is read from its "
		    "beginning", f->path, e.msg);
	f->seen = f->stored = f->delivered = f->mark.pos;
	tail_resume_publish(f);
}

/* Behind the last line end of the file. */
static uint64_t
last_line_end(const struct tail_file *f)
{
	uint64_t to = f->size, from;
	struct err e = ERR_INIT;
	const uint8_t *nl;
	ssize_t n;

	while (to > 0 && f->size - to < BACK_MAX) {
		from = to > TAIL_READ_SIZE ? to - TAIL_READ_SIZE : 0;
		n = fs_pread(f->fd, f->tail->scratch, (size_t)(to - from),
		    (off_t)from, &e);
		if (n <= 0)
			return (0);
		nl = memrchr(f->tail->scratch, '\n', (size_t)n);
		if (nl != NULL)
			return (from + (uint64_t)(nl - f->tail->scratch) + 1);
		to = from;
	}
	return (to);
}

static bool
begins_at_end(const struct tail *t)
{
	/* skipToEnd: at each start, as in Flume. startAt: at the first one. */
	return (t->starting && (t->set.skip_to_end ||
	    (t->first && t->set.start_at == START_END)));
}

void
tail_resume_file(struct tail_file *f, struct tail_known *k)
{
	struct tail *t = f->tail;
	uint8_t key[TAIL_KEY_SIZE];

	if (k != NULL && !k->imported) {
		known_remove(t, k);
		f->generation = k->generation;
		f->mark = k->mark;
		f->size = k->size;
		f->seen = f->stored = f->delivered = f->mark.pos;
		if (!tail_id_eq(&f->id, &k->id)) {
			forget_older(t, k);
			tail_resume_publish(f);
		}
	} else if (k != NULL) {
		put_be64(key, k->id.ino);
		map_remove(t->imported, slice_of(key, 8));
		if (tail_file_ready(f))
			begin_at(f, k->mark.pos > f->size ? 0 : k->mark.pos);
	} else if (begins_at_end(t)) {
		if (tail_file_ready(f))
			begin_at(f, last_line_end(f));
	} else
		tail_resume_publish(f);
	if (k != NULL)
		known_free(k);
}

/* --- entries whose file is not there --- */

bool
tail_resume_waiting(const struct tail *t)
{
	return (t->search_known);
}

static bool
folder_watched(const struct tail *t, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct tail_dir *d;

	d = map_get(t->dirs, slash == path ? SLICE("/") :
	    slice_of(path, (size_t)(slash - path)));
	return (d != NULL && d->watch != NULL);
}

static void
give_up(struct tail *t, struct tail_known *k)
{
	uint64_t unread = k->size > k->mark.pos ? k->size - k->mark.pos : 0;
	uint8_t key[TAIL_KEY_SIZE];

	if (unread > 0) {
		metric_add(&t->metrics.lost_bytes, (int64_t)unread);
		log_warn(t->source.who, "%s vanished while nobody looked; at "
		    "least %" PRIu64 " bytes were lost that had not been read "
		    "file=%s read=%" PRIu64 " size=%" PRIu64, k->path, unread,
		    k->path, k->mark.pos, k->size);
	}
	known_remove(t, k);
	tail_key_encode(&k->id, k->generation, key);
	tail_notice(t, key, CURSOR_GONE, SLICE(""));
	tail_resume_forget(t, key, k->mark.pos, k->mark.pos);
	known_free(k);
}

/*
 * Only what lay in a folder that we see can be missing; the entries of a
 * folder that is not there (not mounted yet, taken out of the configuration)
 * are kept.
 */
void
tail_resume_tick(struct tail *t)
{
	struct tail_known *k;
	size_t it = 0;
	void *v;

	if (!t->search_known)
		return;
	tail_scan_all(t);
	tail_follow_settle(t);
	t->search_known = false;
	while (map_next(t->known, &it, NULL, &v)) {
		k = v;
		if (!folder_watched(t, k->path))
			continue;
		if (++k->missed < MISSED_MAX) {
			t->search_known = true;
			continue;
		}
		give_up(t, k);
	}
}

/* --- our own positions --- */

static void
pos_timer(struct loop_timer *timer)
{
	struct tail *t = container_of(timer, struct tail, pos_timer);
	int64_t now = loop_now_ns(t->source.loop);
	struct err e = ERR_INIT;
	bool sync;

	sync = now - t->synced_ns >= t->set.write_pos_interval * 1000000;
	if (tail_pos_flush(t->pos, sync, &e) == -1)
		log_warn(t->source.who, "positions cannot be written: %s; "
		    "after a crash more would be read again", e.msg);
	else if (sync)
		t->synced_ns = now;
	if (tail_pos_dirty(t->pos))
		timer_arm(timer, e.code == ERR_NONE ? FLUSH_MS : 1000);
}

static void
pos_flush(struct tail *t, bool sync)
{
	struct err e = ERR_INIT;

	if (tail_pos_flush(t->pos, sync, &e) == -1)
		log_warn(t->source.who, "positions cannot be written: %s",
		    e.msg);
}

/* After the stop a memory channel is drained: what comes back then is written
 * at once, since the next start may follow. */
static void
pos_changed(struct tail *t)
{
	if (t->stopping)
		pos_flush(t, false);
	else if (!t->pos_timer.armed)
		timer_arm(&t->pos_timer, FLUSH_MS);
}

/* What was published must survive a crash from here on. */
void
tail_resume_settled(struct tail *t)
{
	if (t->pos_published)
		pos_flush(t, false);
	t->pos_published = false;
}

static void
pos_remove(struct tail *t, struct slice key)
{
	struct cursor_entry entry = { key, CURSOR_GONE, SLICE_NULL };
	struct cursor c = { &entry, 1 };

	tail_pos_put(t->pos, &c);
	pos_changed(t);
}

void
tail_resume_forget(struct tail *t, const uint8_t key[TAIL_KEY_SIZE],
    uint64_t pos, uint64_t delivered)
{
	struct cursor_entry entry = { slice_of(key, TAIL_KEY_SIZE), pos,
	    slice_of("", 0) };

	t->export_dirty = true;
	if (t->pos == NULL)
		return;
	if (delivered >= pos)
		pos_remove(t, entry.key);
	else
		cursor_set_put(t->gone, &entry);
}

static void
file_delivered(struct tail *t, const struct cursor_entry *entry)
{
	struct tail_file *f = tail_follow_by_key(t, entry->key);

	if (f == NULL || entry->offset <= f->delivered)
		return;
	f->delivered = entry->offset;
	if (f->delivered >= f->mark.pos)
		f->old_ns = f->young_ns = 0;
	else if (f->delivered >= f->young_pos) {
		f->old_ns = f->young_ns;
		f->young_ns = 0;
	}
}

void
tail_resume_delivered(struct tail *t, const struct cursor *c)
{
	struct cursor_entry done;
	const struct cursor_entry *gone;
	size_t i;

	for (i = 0; i < c->n; i++)
		file_delivered(t, &c->v[i]);
	if (t->pos == NULL)
		return;
	t->export_dirty = true;
	tail_pos_put(t->pos, c);
	for (i = 0; i < c->n && cursor_set_size(t->gone) > 0; i++) {
		gone = cursor_set_get(t->gone, c->v[i].key);
		if (gone == NULL || c->v[i].offset < gone->offset)
			continue;
		pos_remove(t, c->v[i].key);
		done = *gone;
		done.offset = CURSOR_GONE;
		cursor_set_put(t->gone, &done);
	}
	pos_changed(t);
}

static int
open_own(struct tail *t, struct cursor *from, bool *found, struct err *e)
{
	char *dir;

	dir = xasprintf("%s/sources/%s", t->source.env->data_dir,
	    t->source.name);
	t->pos = tail_pos_open(t->source.env->fs, dir, found, e);
	free(dir);
	if (t->pos == NULL)
		return (-1);
	*from = tail_pos_view(t->pos);
	return (0);
}

/* --- Flume's position file, kept up to date --- */

static void
export_now(struct tail *t)
{
	const char *slash = strrchr(t->set.position_file, '/');
	struct err e = ERR_INIT;
	struct sb sb = SB_INIT;
	struct tail_file *f;
	bool first = true;
	size_t it = 0;
	char *dir;
	int dirfd;
	void *v;

	while (map_next(t->by_id, &it, NULL, &v)) {
		f = v;
		tail_flume_add(&sb, &first, f->id.ino, t->pos != NULL ?
		    f->delivered : f->stored, f->path);
	}
	tail_flume_end(&sb, first);
	dir = xstrndup(t->set.position_file,
	    (size_t)(slash - t->set.position_file) + 1);
	dirfd = fs_open_dir(t->source.env->fs, dir, &e);
	if (dirfd == -1 || fs_replace(t->source.env->fs, dirfd, slash + 1,
	    sb.ptr, sb.len, &e) == -1)
		log_warn(t->source.who, "Flume's position file %s cannot be "
		    "written: %s", t->set.position_file, e.msg);
	if (dirfd != -1)
		t->source.env->fs->close(t->source.env->fs, dirfd);
	free(dir);
	sb_fini(&sb);
	t->export_dirty = false;
}

static void
export_timer(struct loop_timer *timer)
{
	struct tail *t = container_of(timer, struct tail, export_timer);

	if (t->export_dirty)
		export_now(t);
	timer_arm(timer, t->set.write_pos_interval);
}

void
tail_resume_stored(struct tail *t)
{
	t->export_dirty = true;
}

/* --- life --- */

int
tail_resume_start(struct tail *t, const struct cursor *from, struct err *e)
{
	struct cursor view;
	bool found;
	size_t i;

	t->known = map_new();
	t->births = map_new();
	t->imported = map_new();
	t->gone = cursor_set_new();
	timer_init(&t->pos_timer, t->source.loop, pos_timer);
	timer_init(&t->export_timer, t->source.loop, export_timer);
	if (from != NULL) {
		view = *from;
		found = from->n > 0;
	} else if (open_own(t, &view, &found, e) == -1)
		return (-1);
	for (i = 0; i < view.n; i++)
		if (know(t, &view.v[i], e) == -1)
			return (-1);
	t->search_known = map_size(t->known) > 0;
	t->first = !found;
	if (t->first)
		import_flume(t);
	if (t->set.position_file != NULL)
		timer_arm(&t->export_timer, t->set.write_pos_interval);
	return (0);
}

int
tail_resume_started(struct tail *t, struct err *e)
{
	return (t->pos == NULL ? 0 : tail_pos_flush(t->pos, true, e));
}

void
tail_resume_stop(struct tail *t)
{
	timer_disarm(&t->pos_timer);
	timer_disarm(&t->export_timer);
	if (t->pos != NULL && tail_pos_dirty(t->pos))
		pos_flush(t, true);
	if (t->set.position_file != NULL && t->export_dirty)
		export_now(t);
}

static void
free_known(struct map *m)
{
	size_t it = 0;
	void *v;

	while (m != NULL && map_next(m, &it, NULL, &v))
		known_free(v);
	map_free(m);
}

void
tail_resume_free(struct tail *t)
{
	if (t->known == NULL)
		return;
	if (t->started)		/* stopped; what was delivered since */
		tail_resume_stop(t);
	free_known(t->known);
	map_free(t->births);
	free_known(t->imported);
	cursor_set_free(t->gone);
	tail_pos_close(t->pos);
	timer_fini(&t->pos_timer);
	timer_fini(&t->export_timer);
}
