/*
 * In memory is a list of the segments that have a file, with the bounds of
 * their entries; the entries are read from the files, which are small and in
 * the page cache, when a reader's range meets these bounds.  No descriptor is
 * kept: transactions that abort are rare.
 */
#include "broker/txn_index_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"

#define READ_AT_ONCE	2048		/* entries */

/* --- the list of segments --- */

static struct part *
part_last(struct txn_index *ti)
{
	return (ti->n == 0 ? NULL : &ti->v[ti->n - 1]);
}

struct part *
ti_part_add(struct txn_index *ti, int64_t base)
{
	GROW(ti->v, ti->n, ti->cap);
	ti->v[ti->n] = (struct part){ .base = base, .min_first = INT64_MAX,
	    .max_last = -1 };
	return (&ti->v[ti->n++]);
}

void
ti_part_note(struct part *pt, const struct txn_entry *t)
{
	if (t->first < pt->min_first)
		pt->min_first = t->first;
	pt->max_last = t->last;
}

void
ti_parts_drop(struct txn_index *ti, size_t from, size_t n)
{
	size_t i;

	if (n == 0)
		return;		/* v may be NULL, which memmove refuses */
	for (i = from; i < from + n; i++)
		ti_entries_free(&ti->v[i].tail);
	memmove(ti->v + from, ti->v + from + n,
	    (ti->n - from - n) * sizeof *ti->v);
	ti->n -= n;
}

/* Appends what is not in the file yet. */
static int
part_write(struct txn_index *ti, struct part *pt, struct err *e)
{
	uint8_t *buf;
	int fd, rc;

	fd = ti_open_file(ti, pt->base, O_RDWR | O_CREAT, e);
	if (fd == -1)
		return (-1);
	buf = ti_encode(pt->tail.v, pt->tail.n);
	rc = pt->tail.n == 0 ? 0 : fs_pwrite(ti->fs, fd, buf,
	    pt->tail.n * TXN_ENTRY, (off_t)(pt->n * TXN_ENTRY), e);
	ti->fs->close(ti->fs, fd);
	free(buf);
	pt->dirty = ti->new_file = true;
	if (rc == -1)
		return (-1);
	pt->n += pt->tail.n;
	ti_entries_free(&pt->tail);
	return (0);
}

static void
say_unwritten(struct txn_index *ti, int rc, const struct err *err)
{
	if (rc == -1 && !ti->failed)
		log_warn("broker", "partition=%s: the index of aborted "
		    "transactions is kept in memory until it can be written: "
		    "%s", ti->name, err->msg);
	ti->failed = rc == -1;
}

void
txn_index_free(struct txn_index *ti)
{
	if (ti == NULL)
		return;
	ti_parts_drop(ti, 0, ti->n);
	ti_entries_free(&ti->loaded);
	mutex_fini(&ti->lock);
	free(ti->v);
	free(ti->name);
	free(ti);
}

/* --- growing --- */

void
txn_index_add(struct txn_index *ti, const struct txn_entry *t)
{
	struct err err = ERR_INIT;
	struct part *pt;

	mutex_lock(&ti->lock);
	if (!ti->settled)
		ti_entries_add(&ti->loaded, t);
	else {
		pt = part_last(ti);
		if (pt == NULL || pt->base != ti->active)
			pt = ti_part_add(ti, ti->active);
		ti_entries_add(&pt->tail, t);
		ti_part_note(pt, t);
		say_unwritten(ti, part_write(ti, pt, &err), &err);
	}
	mutex_unlock(&ti->lock);
}

void
txn_index_segment(struct txn_index *ti, int64_t base)
{
	struct err err = ERR_INIT;

	mutex_lock(&ti->lock);
	if (base != ti->active) {
		ti->active = base;
		if (ti->n > 0)
			say_unwritten(ti, part_write(ti, ti_part_add(ti, base),
			    &err), &err);
	}
	mutex_unlock(&ti->lock);
}

static int
sync_file(struct txn_index *ti, int64_t base, struct err *e)
{
	struct err err = ERR_INIT;
	int fd, rc;

	fd = ti_open_file(ti, base, O_RDWR, &err);
	if (fd == -1 && err.sys == ENOENT)
		return (0);			/* trimmed meanwhile */
	if (fd == -1) {
		*e = err;
		return (-1);
	}
	rc = ti->fs->sync(ti->fs, fd, &err);
	ti->fs->close(ti->fs, fd);
	if (rc == -1)
		fatal_disk("partition %s: %020lld" TI_SUFFIX ": %s", ti->name,
		    (long long)base, err.msg);
	return (0);
}

/* They were not synced after all. */
static void
give_back(struct txn_index *ti)
{
	size_t i;

	mutex_lock(&ti->lock);
	for (i = 0; i < ti->n; i++)
		ti->v[i].dirty = true;
	ti->new_file = true;
	mutex_unlock(&ti->lock);
}

/* Writes what is not written; the bases of the files to sync. */
static int
take_dirty(struct txn_index *ti, struct bases *dirty, bool *dir, struct err *e)
{
	struct part *pt;
	size_t i;
	int rc = 0;

	mutex_lock(&ti->lock);
	for (i = 0; rc == 0 && i < ti->n; i++)
		if (ti->v[i].tail.n > 0)
			rc = part_write(ti, &ti->v[i], e);
	for (i = 0; rc == 0 && i < ti->n; i++) {
		pt = &ti->v[i];
		if (pt->dirty)
			ti_bases_add(dirty, pt->base);
		pt->dirty = false;
	}
	*dir = rc == 0 && ti->new_file;
	if (rc == 0)
		ti->new_file = false;
	mutex_unlock(&ti->lock);
	return (rc);
}

int
txn_index_sync(struct txn_index *ti, struct err *e)
{
	struct bases dirty = { NULL, 0, 0 };
	struct err err = ERR_INIT;
	size_t i;
	bool dir;
	int rc;

	rc = take_dirty(ti, &dirty, &dir, e);
	if (rc == -1)
		return (-1);
	for (i = 0; rc == 0 && i < dirty.n; i++)
		rc = sync_file(ti, dirty.v[i], e);
	free(dirty.v);
	if (rc == -1)
		give_back(ti);
	else if (dir && ti->fs->sync_dir(ti->fs, ti->dirfd, &err) == -1)
		fatal_disk("partition %s: sync failed: %s", ti->name, err.msg);
	return (rc);
}

void
txn_index_trim(struct txn_index *ti, int64_t start)
{
	size_t i, n = 0;

	mutex_lock(&ti->lock);
	while (n + 1 < ti->n && ti->v[n + 1].base <= start)
		n++;
	for (i = 0; i < n; i++)
		ti_unlink_file(ti, ti->v[i].base);
	ti_parts_drop(ti, 0, n);
	mutex_unlock(&ti->lock);
}

/* --- reading --- */

static void
search_look(struct search *s, const struct txn_entry *t)
{
	if (t->last >= s->from && t->first < s->upto)
		ti_entries_add(&s->found, t);
	if (t->stable >= s->upto)
		s->end = true;
}

/* The first of n entries with its marker at from or behind. */
static int
seek(int fd, size_t n, int64_t from, size_t *at, struct err *e)
{
	size_t lo = 0, hi = n, mid;
	uint8_t b[8];

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (fs_pread(fd, b, sizeof b, (off_t)(mid * TXN_ENTRY + 18),
		    e) != sizeof b)
			return (-1);
		if ((int64_t)get_be64(b) < from)
			lo = mid + 1;
		else
			hi = mid;
	}
	*at = lo;
	return (0);
}

static int
search_file(struct search *s, int fd, size_t n, struct err *e)
{
	uint8_t *buf = xmalloc((size_t)READ_AT_ONCE * TXN_ENTRY);
	struct txn_entry t;
	size_t at, i, k;
	int rc;

	rc = seek(fd, n, s->from, &at, e);
	for (; rc == 0 && at < n && !s->end; at += k) {
		k = n - at < READ_AT_ONCE ? n - at : READ_AT_ONCE;
		if (fs_pread(fd, buf, k * TXN_ENTRY, (off_t)(at * TXN_ENTRY),
		    e) != (ssize_t)(k * TXN_ENTRY))
			rc = -1;
		for (i = 0; rc == 0 && i < k && !s->end; i++)
			if (ti_entry_decode(buf + i * TXN_ENTRY, -1, &t))
				search_look(s, &t);
			else
				rc = -1;
	}
	free(buf);
	return (rc);
}

int
ti_search_part(struct txn_index *ti, struct search *s, const struct part *pt,
    struct err *e)
{
	int fd, rc = 0;
	size_t i;

	if (pt->max_last < s->from || pt->min_first >= s->upto)
		return (0);
	if (pt->n > 0) {
		if ((fd = ti_open_file(ti, pt->base, O_RDONLY, e)) == -1)
			return (-1);
		rc = search_file(s, fd, pt->n, e);
		ti->fs->close(ti->fs, fd);
	}
	for (i = 0; rc == 0 && i < pt->tail.n; i++)
		search_look(s, &pt->tail.v[i]);
	return (rc);
}

int
txn_index_find(struct txn_index *ti, int64_t from, int64_t upto,
    struct txn_entry **v, size_t *n, struct err *e)
{
	struct search s = { .from = from, .upto = upto };
	struct err err = ERR_INIT;
	size_t i;
	int rc = 0;

	mutex_lock(&ti->lock);
	for (i = 0; rc == 0 && i < ti->n && !s.end; i++)
		if ((rc = ti_search_part(ti, &s, &ti->v[i], &err)) == -1)
			err_set(e, ERR_CORRUPT, "%020lld" TI_SUFFIX " does not "
			    "have its %zu entries%s%s",
			    (long long)ti->v[i].base, ti->v[i].n,
			    err.msg[0] == '\0' ? "" : ": ", err.msg);
	mutex_unlock(&ti->lock);
	if (rc == -1)
		ti_entries_free(&s.found);
	*v = s.found.v;
	*n = s.found.n;
	return (rc);
}
