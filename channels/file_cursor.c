/*
 * Where the sources stand: one set of cursors per source, twice.
 *
 * `live` moves when a batch is put; what has changed travels with the batch
 * into the closing batch of its group, so on the disk positions and records
 * change together.  `written` is what those closing batches have said so far,
 * and what a snapshot says: never ahead of the records before it.
 *
 * A source that reads again what the channel holds (after a fan-out it starts
 * from the smallest of its channels) has it left out, by the origin of each
 * record.
 */
#include "channels/file_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

#define WINDOW	((size_t)64 * 1024)

/* --- positions --- */

static struct cursor_set *
find_set(const struct positions *p, struct slice source)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if (slice_eq_str(source, p->v[i].source))
			return (p->v[i].set);
	return (NULL);
}

static struct cursor_set *
make_set(struct positions *p, struct slice source)
{
	struct cursor_set *set = find_set(p, source);

	if (set != NULL)
		return (set);
	GROW(p->v, p->n, p->cap);
	set = cursor_set_new();
	p->v[p->n++] = (struct position){ xstrndup(source.p, source.len), set };
	return (set);
}

void
positions_clear(struct positions *p)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		free(p->v[i].source);
		cursor_set_free(p->v[i].set);
	}
	free(p->v);
	*p = (struct positions){ NULL, 0, 0 };
}

int
positions_apply(struct positions *p, struct slice changes, struct err *e)
{
	struct slice source, cursor;

	while (changes_next(&changes, &source, &cursor))
		if (cursor_decode(cursor, make_set(p, source), e) == -1)
			return (err_ctx(e, "source %.*s", (int)source.len,
			    (const char *)source.p));
	return (0);
}

void
positions_snapshot(const struct positions *p, struct sb *out)
{
	struct cursor c;
	size_t i;

	for (i = 0; i < p->n; i++) {
		c = cursor_set_view(p->v[i].set);
		changes_add(out, p->v[i].source, &c);
	}
}

/* --- for the sources --- */

int
file_cursor(struct channel *ch, const char *source, struct cursor_set *out,
    struct err *e)
{
	struct file *f = file_of(ch);
	struct cursor_set *set;
	struct cursor c;

	(void)e;
	mutex_lock(&f->lock);
	cursor_set_clear(out);
	if ((set = find_set(&f->live, slice_str(source))) != NULL) {
		c = cursor_set_view(set);
		cursor_set_merge(out, &c);
	}
	mutex_unlock(&f->lock);
	return (0);
}

/* The file that a batch's records are of: the only one that its cursor moves;
 * NULL when that is not clear. */
static const struct cursor_entry *
file_of_batch(const struct batch *b)
{
	const struct cursor_entry *only = NULL;
	size_t i;

	for (i = 0; i < b->cursor.n; i++) {
		if (b->cursor.v[i].offset == CURSOR_GONE)
			continue;
		if (only != NULL)
			return (NULL);
		only = &b->cursor.v[i];
	}
	return (only);
}

uint32_t
file_held_prefix(struct file *f, const struct batch *b)
{
	const struct cursor_entry *entry = file_of_batch(b), *held;
	struct cursor_set *set;
	uint32_t i = 0;

	if (entry == NULL ||
	    (set = find_set(&f->live, slice_str(b->source))) == NULL ||
	    (held = cursor_set_get(set, entry->key)) == NULL)
		return (0);
	while (i < b->n && b->records[i].end != 0 &&
	    b->records[i].end <= held->offset)
		i++;
	return (i);
}

/*
 * The change is what the set says afterwards, not what the batch said: laid
 * over the same set in the same order it gives the same set again.
 */
void
file_cursor_put(struct file *f, const struct batch *b, struct sb *changes)
{
	const struct cursor_entry *held;
	struct cursor_set *set;
	struct cursor_entry *v;
	struct cursor change;
	size_t i;

	if (b->cursor.n == 0)
		return;
	set = make_set(&f->live, slice_str(b->source));
	cursor_set_merge(set, &b->cursor);
	v = xmalloc(b->cursor.n * sizeof *v);
	for (i = 0; i < b->cursor.n; i++) {
		held = cursor_set_get(set, b->cursor.v[i].key);
		v[i] = held != NULL ? *held : (struct cursor_entry){
		    b->cursor.v[i].key, CURSOR_GONE, slice_of("", 0) };
	}
	change = (struct cursor){ v, b->cursor.n };
	changes_add(changes, b->source, &change);
	free(v);
}

/* --- at open --- */

/* Snapshot: starts over. Group: goes on from it. */
static int
apply_control(struct file *f, struct slice batch, bool *snapshot,
    struct err *e)
{
	struct slice changes;
	struct group g;

	if (control_type(batch) == FORMAT_SNAPSHOT) {
		if (snapshot_parse(batch, &f->mark.channel, &changes, e) == -1)
			return (-1);
		if (snapshot != NULL)
			*snapshot = true;
		positions_clear(&f->live);
		return (positions_apply(&f->live, changes, e));
	}
	if (group_parse(batch, &g, e) == -1)
		return (-1);
	f->mark.channel = g.channel;
	f->group_number = g.number;
	f->put_records = g.records;
	f->put_bytes = g.stored_bytes;
	return (positions_apply(&f->live, g.changes, e));
}

static int
read_control(struct file *f, const struct seglog_range *r, uint64_t at,
    const struct kbatch *k, bool *snapshot, struct err *e)
{
	size_t n = kbatch_size(k);
	struct kbatch checked;
	uint8_t *buf;
	int rc = -1;

	if (n > r->len - at)
		return (err_set(e, ERR_CORRUPT, "batch passes its segment"));
	buf = xmalloc(n);
	if (fs_pread(r->fd, buf, n, r->pos + (off_t)at, e) == (ssize_t)n &&
	    kbatch_check(slice_of(buf, n), &checked, e) == 0)
		rc = apply_control(f, slice_of(buf, n), snapshot, e);
	free(buf);
	return (rc);
}

/* The control batches of one range; the headers of the others are skipped
 * over, many small ones with one read.  With snapshot NULL a damaged one is
 * passed over. */
static int
load_range(struct file *f, const struct seglog_range *r, bool *snapshot,
    struct err *e)
{
	uint8_t *buf = xmalloc(WINDOW);
	uint64_t at = 0, from = 0;
	struct kbatch k;
	ssize_t have = 0;
	int rc = 0;

	while (rc == 0 && at < r->len) {
		if (at + KBATCH_HEADER > from + (uint64_t)have) {
			have = fs_pread(r->fd, buf, r->len - at < WINDOW ?
			    r->len - at : WINDOW, r->pos + (off_t)at, e);
			from = at;
		}
		rc = have == -1 ? -1 : kbatch_parse(slice_of(buf + (at - from),
		    (size_t)have - (at - from)), &k, e);
		if (rc == 0 && (k.attributes & KATTR_CONTROL) != 0 &&
		    read_control(f, r, at, &k, snapshot, e) == -1 &&
		    snapshot != NULL)
			rc = -1;
		if (rc == 0)
			at += kbatch_size(&k);
	}
	free(buf);
	return (rc);
}

static int
load_from(struct file *f, int64_t offset, bool *snapshot, struct err *e)
{
	struct seglog_range r;
	int rc = 0;

	while (rc == 0) {
		if (seglog_read(f->log, offset, seglog_end(f->log), SIZE_MAX,
		    true, &r, e) == -1)
			return (-1);
		if (r.len == 0)
			break;
		rc = load_range(f, &r, snapshot, e);
		offset = r.next;
		seglog_release(&r);
	}
	return (rc);
}

static void
load_live(struct file *f)
{
	struct err why = ERR_INIT;
	bool snapshot = false;
	uint64_t bytes;
	int64_t base;

	seglog_active(f->log, &base, &bytes);
	if (load_from(f, base, &snapshot, &why) == 0 &&
	    (snapshot || bytes == 0))
		return;
	log_warn(f->channel.who, "positions of the sources are read from the "
	    "whole channel%s%s", why.msg[0] == '\0' ? "" : ": ", why.msg);
	positions_clear(&f->live);
	if (load_from(f, seglog_start(f->log), NULL, &why) == -1)
		log_error(f->channel.who, "positions may be too old, lines may "
		    "be delivered twice: %s", why.msg);
}

/*
 * The last segment begins with a snapshot, so it is enough; unless that is
 * damaged: then all that is left of the log tells.
 */
void
file_cursor_load(struct file *f)
{
	struct sb all = SB_INIT;

	load_live(f);
	positions_snapshot(&f->live, &all);
	positions_apply(&f->written, slice_of(all.ptr, all.len), NULL);
	sb_fini(&all);
}
