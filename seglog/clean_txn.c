/*
 * The transactions of a log, as the batches themselves tell them: a producer's
 * transactional batches up to its next marker are one.  A marker may lie
 * behind what is cleaned, so the reading goes on there while one is missing.
 */
#include "seglog/clean_priv.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"

#define STEP		((size_t)4 << 20)	/* of a log at a time */
#define CONTROL_MAX	4096

/* --- sets of producers --- */

static struct slice
key_of(const int64_t *producer)
{
	return (slice_of(producer, sizeof *producer));
}

/* Offsets as values, which must not be NULL. */
static void *
value_of(int64_t offset)
{
	return ((void *)(uintptr_t)(offset + 1));
}

static int64_t
offset_of(const void *value)
{
	return ((int64_t)(uintptr_t)value - 1);
}

/* --- finding --- */

static int
by_producer(const void *a, const void *b)
{
	const struct txn_span *x = a, *y = b;

	if (x->producer != y->producer)
		return (x->producer < y->producer ? -1 : 1);
	return (x->first < y->first ? -1 : x->first > y->first);
}

/* Does the marker at w say that it was aborted?  What cannot be read says no:
 * then records stay. */
static bool
says_abort(const struct walk *w)
{
	uint8_t buf[CONTROL_MAX];
	size_t n = kbatch_size(&w->h);
	int32_t epoch;
	int16_t type;

	return (w->h.count > 0 && n <= sizeof buf &&
	    fs_pread(w->fd, buf, n, (off_t)w->pos, NULL) == (ssize_t)n &&
	    kbatch_control_parse(slice_of(buf, n), &type, &epoch, NULL) == 0 &&
	    type == KCONTROL_ABORT);
}

static void
find_marker(struct txns *t, const struct walk *w)
{
	const struct kbatch *h = &w->h;
	void *first = map_remove(t->open, key_of(&h->producer_id));

	if (first == NULL || !says_abort(w))
		return;
	GROW(t->aborted, t->n, t->cap);
	t->aborted[t->n++] = (struct txn_span){ h->producer_id,
	    offset_of(first), h->base_offset };
}

/* open_too: also transactions that begin here count. */
static void
find_one(struct txns *t, const struct walk *w, bool open_too)
{
	const struct kbatch *h = &w->h;

	if ((h->attributes & KATTR_TRANSACTIONAL) == 0)
		return;
	if ((h->attributes & KATTR_CONTROL) != 0)
		find_marker(t, w);
	else if (open_too && map_get(t->open, key_of(&h->producer_id)) == NULL)
		(void)map_put(t->open, key_of(&h->producer_id),
		    value_of(h->base_offset));
}

static int
find_range(struct txns *t, const struct seglog_range *r, int64_t *upto,
    struct err *e)
{
	struct walk w;
	int rc;

	walk_init(&w, r->fd, (uint64_t)r->pos, (uint64_t)r->pos + r->len);
	while ((rc = walk_header(&w, e)) == 1) {
		if (t->n == TXNS_MOST && w.h.base_offset < *upto)
			*upto = w.h.base_offset;
		find_one(t, &w, w.h.base_offset < *upto);
		walk_next(&w);
	}
	return (rc);
}

static int64_t
first_open(const struct txns *t, int64_t upto)
{
	size_t it = 0;
	void *v;

	while (map_next(t->open, &it, NULL, &v))
		if (offset_of(v) < upto)
			upto = offset_of(v);
	return (upto);
}

int
txns_find(struct txns *t, struct seglog *log, int64_t start, int64_t *upto,
    struct err *e)
{
	int64_t at = start, limit = seglog_synced(log);
	struct seglog_range r;
	int rc = 0;

	*t = (struct txns){ .open = map_new(), .met = map_new() };
	while (rc == 0 && at < limit &&
	    (at < *upto || map_size(t->open) > 0)) {
		if (seglog_read(log, at, limit, STEP, true, &r, e) == -1)
			return (-1);
		if (r.len == 0)
			break;
		rc = find_range(t, &r, upto, e);
		at = r.next;
		seglog_release(&r);
	}
	*upto = first_open(t, *upto);
	if (t->n > 1)
		qsort(t->aborted, t->n, sizeof *t->aborted, by_producer);
	return (rc);
}

void
txns_fini(struct txns *t)
{
	free(t->aborted);
	map_free(t->open);
	map_free(t->met);
	*t = (struct txns){ NULL };
}

/* --- asking --- */

bool
txns_aborted(const struct txns *t, const struct kbatch *b)
{
	struct txn_span what = { b->producer_id, b->base_offset, 0 };
	size_t lo = 0, hi = t->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (by_producer(&t->aborted[mid], &what) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (lo > 0 && t->aborted[lo - 1].producer == b->producer_id &&
	    b->base_offset < t->aborted[lo - 1].last);
}

void
txns_meet(struct txns *t, const struct kbatch *b)
{
	(void)map_put(t->met, key_of(&b->producer_id),
	    value_of(b->base_offset));
}

bool
txns_close(struct txns *t, const struct kbatch *b)
{
	return (map_remove(t->met, key_of(&b->producer_id)) == NULL);
}
