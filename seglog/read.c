/*
 * Reading: ranges of whole batches, by offset and by time.
 *
 * A reader takes a view under the log's mutex, which it holds for a few loads:
 * a reference on the segment and the numbers published at that moment.  All
 * below the view's size stands in the file and never changes, so the rest
 * needs no lock.  Both ends of a range are found through the index and a walk
 * over at most index_interval bytes of headers, so that a large range costs
 * two small reads however many batches it has.
 */
#include "seglog/seglog_priv.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/log.h"

/* --- views --- */

/* What a reader works with: a segment held, and its numbers of one moment. */
struct view {
	struct segment	*seg;
	uint64_t	 size;
	int64_t		 next;
	uint64_t	 synced_size;	/* a boundary known without looking */
	int64_t		 synced_next;
	uint32_t	 nindex, ntimes;
	int64_t		 max_ts, max_ts_last;
	bool		 active;
};

/* The index of the segment that holds offset, or the first; log->lock held. */
static size_t
segs_find(const struct seglog *log, int64_t offset)
{
	size_t lo = 0, hi = log->n, mid;

	while (hi - lo > 1) {
		mid = lo + (hi - lo) / 2;
		if (log->segs[mid]->base <= offset)
			lo = mid;
		else
			hi = mid;
	}
	return (lo);
}

static void
view_take(struct view *v, struct segment *s)
{
	v->seg = segment_ref(s);
	v->size = s->size;
	v->next = s->next;
	v->synced_size = s->synced_size;
	v->synced_next = s->synced_next;
	v->active = s->active;
	if (!s->active)
		return;
	v->nindex = s->nindex;
	v->ntimes = s->ntimes;
	v->max_ts = s->max_ts;
	v->max_ts_last = s->max_ts_last;
}

static void
view_release(struct view *v)
{
	segment_unref(v->seg);
	v->seg = NULL;
}

/* Opens what a closed segment needs.  -1: the view is released. */
static int
view_load(struct view *v, struct err *e)
{
	struct segment *s = v->seg;

	if (v->active)
		return (0);
	if (segment_load(s, e) == -1) {
		view_release(v);
		return (-1);
	}
	v->nindex = s->index.n;
	v->ntimes = s->times.n;
	if (s->index_map.p != NULL)
		v->nindex = (uint32_t)(s->index_map.len / SEG_INDEX_ENTRY);
	if (s->times_map.p != NULL)
		v->ntimes = (uint32_t)(s->times_map.len / SEG_TIME_ENTRY);
	v->max_ts = s->max_ts;
	v->max_ts_last = s->max_ts_last;
	return (0);
}

static int
view_at(struct seglog *log, int64_t offset, struct view *v, struct err *e)
{
	mutex_lock(&log->lock);
	view_take(v, log->segs[segs_find(log, offset)]);
	mutex_unlock(&log->lock);
	return (view_load(v, e));
}

static void
view_index(const struct view *v, uint32_t i, struct index_entry *x)
{
	if (v->seg->index_map.p != NULL)
		map_index_at(&v->seg->index_map, i, x);
	else
		*x = *(struct index_entry *)steady_at(&v->seg->index, i);
}

static void
view_time(const struct view *v, uint32_t i, struct time_entry *t)
{
	if (v->seg->times_map.p != NULL)
		map_time_at(&v->seg->times_map, i, t);
	else
		*t = *(struct time_entry *)steady_at(&v->seg->times, i);
}

/* --- seeking --- */

/* Which entries of the index come before what is looked for. */
struct seek {
	int64_t		last;		/* last offset at most this */
	uint64_t	pos;		/* position at most this */
};

/* The last entry within both bounds; false when there is none. */
static bool
seek_entry(const struct view *v, const struct seek *k, struct index_entry *x)
{
	uint32_t lo = 0, hi = v->nindex, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		view_index(v, mid, x);
		if (v->seg->base + x->last <= k->last &&
		    (uint64_t)x->pos <= k->pos)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == 0)
		return (false);
	view_index(v, lo - 1, x);
	return (true);
}

/*
 * Puts w at the batch of that entry.  False, and w where it was, when there is
 * none, or when the index lies: then the walk is longer, that is all.
 */
static bool
seek(const struct view *v, const struct seek *k, struct walk *w)
{
	struct index_entry x;
	uint64_t from = w->pos;

	if (!seek_entry(v, k, &x) || x.pos < 0 || (uint64_t)x.pos <= from)
		return (false);
	w->pos = (uint64_t)x.pos;
	if (w->pos < w->size && walk_header(w, NULL) == 1 &&
	    kbatch_last_offset(&w->h) - v->seg->base == x.last)
		return (true);
	log_warn(NULL, "%s: %020lld.index does not fit its log",
	    v->seg->log->name, (long long)v->seg->base);
	w->pos = from;
	return (false);
}

static int
walk_failed(const struct view *v, const struct walk *w, struct err *e)
{
	return (err_ctx(e, "%s: %020lld.log at byte %llu", v->seg->log->name,
	    (long long)v->seg->base, (unsigned long long)w->pos));
}

/* Walks to the batch that holds offset, or the next: 1; 0: none; -1. */
static int
walk_to(const struct view *v, struct walk *w, int64_t offset, struct err *e)
{
	int rc;

	seek(v, &(struct seek){ offset, UINT64_MAX }, w);
	while ((rc = walk_header(w, e)) == 1 &&
	    kbatch_last_offset(&w->h) < offset)
		walk_next(w);
	return (rc == -1 ? walk_failed(v, w, e) : rc);
}

/*
 * Where the range ends: the largest boundary that passes neither cap nor
 * limit.  w stands behind the first batch, which is in any case in the range.
 * w->pos and *next are the result.
 */
static int
walk_end(const struct view *v, struct walk *w, uint64_t cap, int64_t limit,
    int64_t *next, struct err *e)
{
	int rc;

	if (limit >= v->next && cap >= v->size) {
		w->pos = v->size;
		*next = v->next;
		return (0);
	}
	if (v->synced_next <= limit && v->synced_size <= cap &&
	    v->synced_size >= w->pos) {
		w->pos = v->synced_size;
		*next = v->synced_next;
		if (*next == limit)
			return (0);
	}
	seek(v, &(struct seek){ limit - 1, cap }, w);
	while ((rc = walk_header(w, e)) == 1) {
		*next = w->h.base_offset;
		if (kbatch_size(&w->h) > cap - w->pos ||
		    kbatch_last_offset(&w->h) >= limit)
			return (0);
		walk_next(w);
	}
	/* Behind a segment may be a hole, which may reach beyond limit. */
	*next = v->next < limit ? v->next : limit;
	return (rc == -1 ? walk_failed(v, w, e) : 0);
}

/* Fills the range; the view's reference goes over to it. */
static void
range_set(struct seglog_range *r, struct view *v, uint64_t pos, uint64_t end,
    int64_t base, int64_t next)
{
	r->fd = atomic_load(&v->seg->fd);
	r->pos = (off_t)pos;
	r->len = (size_t)(end - pos);
	r->base = base;
	r->next = next;
	r->segment = v->seg;
	v->seg = NULL;
}

static void
range_none(struct seglog_range *r, int64_t offset)
{
	memset(r, 0, sizeof *r);
	r->fd = -1;
	r->base = r->next = offset;
}

void
seglog_release(struct seglog_range *r)
{
	if (r->segment != NULL)
		segment_unref(r->segment);
	r->segment = NULL;
	r->len = 0;
}

/* 1: the range is set or known to be empty; 0: nothing in this segment. */
static int
read_view(struct view *v, int64_t offset, int64_t limit, size_t max,
    bool at_least_one, struct seglog_range *r, struct err *e)
{
	struct walk w;
	uint64_t pos, cap;
	int64_t base, next;
	int rc;

	walk_init(&w, atomic_load(&v->seg->fd), 0, v->size);
	if ((rc = walk_to(v, &w, offset, e)) != 1)
		return (rc);
	pos = w.pos;
	base = w.h.base_offset;
	next = kbatch_last_offset(&w.h) + 1;
	if (next > limit || (kbatch_size(&w.h) > max && !at_least_one))
		return (1);
	cap = v->size - pos < max ? v->size : pos + max;
	walk_next(&w);
	if (w.pos > cap)
		cap = w.pos;
	if (walk_end(v, &w, cap, limit, &next, e) == -1)
		return (-1);
	range_set(r, v, pos, w.pos, base, next);
	return (1);
}

static int
outside(const struct seglog *log, int64_t offset, struct err *e)
{
	return (err_set(e, ERR_NOT_FOUND, "%s: offset %lld is outside %lld to "
	    "%lld", log->name, (long long)offset,
	    (long long)seglog_start(log), (long long)seglog_end(log)));
}

int
seglog_read(struct seglog *log, int64_t offset, int64_t limit, size_t max,
    bool at_least_one, struct seglog_range *r, struct err *e)
{
	int64_t end = seglog_end(log), next;
	struct view v;
	bool active;
	int rc;

	range_none(r, offset);
	if (offset < seglog_start(log) || offset > end)
		return (outside(log, offset, e));
	if (limit > end)
		limit = end;
	while (offset < limit) {
		if (view_at(log, offset, &v, e) == -1)
			return (-1);
		next = v.next;
		active = v.active;
		/* Asked again, as a trim may have come in between. */
		rc = offset < seglog_start(log) ? outside(log, offset, e) :
		    read_view(&v, offset, limit, max, at_least_one, r, e);
		if (v.seg != NULL)
			view_release(&v);
		if (rc != 0)
			return (rc == -1 ? -1 : 0);
		if (active)
			break;
		offset = next;
	}
	return (0);
}

/* --- by time --- */

/* One batch as a range. */
static void
range_batch(struct seglog_range *r, struct view *v, const struct walk *w)
{
	range_set(r, v, w->pos, w->pos + kbatch_size(&w->h), w->h.base_offset,
	    kbatch_last_offset(&w->h) + 1);
}

/*
 * The offset up to which no batch reaches ts: that of the last time entry
 * below ts; or the base.
 */
static int64_t
time_floor(const struct view *v, int64_t ts)
{
	uint32_t lo = 0, hi = v->ntimes, mid;
	struct time_entry t;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		view_time(v, mid, &t);
		if (t.ts < ts)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == 0)
		return (v->seg->base);
	view_time(v, lo - 1, &t);
	return (v->seg->base + t.last);
}

/* 1: set, or nothing below limit; 0: not in this segment. */
static int
time_view(struct view *v, int64_t start, int64_t ts, int64_t limit,
    struct seglog_range *r, struct err *e)
{
	int64_t from = time_floor(v, ts);
	struct walk w;
	int rc;

	walk_init(&w, atomic_load(&v->seg->fd), 0, v->size);
	rc = walk_to(v, &w, from > start ? from : start, e);
	while (rc == 1 && w.h.max_timestamp < ts) {
		walk_next(&w);
		if ((rc = walk_header(&w, e)) == -1)
			walk_failed(v, &w, e);
	}
	if (rc != 1)
		return (rc);
	if (kbatch_last_offset(&w.h) < limit)
		range_batch(r, v, &w);
	return (1);
}

int
seglog_find_time(struct seglog *log, int64_t ts, int64_t limit,
    struct seglog_range *r, struct err *e)
{
	int64_t start = seglog_start(log), next = start;
	struct view v;
	bool active;
	int rc;

	range_none(r, start);
	do {
		if (view_at(log, next, &v, e) == -1)
			return (-1);
		next = v.next;
		active = v.active;
		rc = v.max_ts < ts ? 0 :
		    time_view(&v, start, ts, limit, r, e);
		if (v.seg != NULL)
			view_release(&v);
	} while (rc == 0 && !active && next < limit);
	return (rc == -1 ? -1 : 0);
}

/*
 * The largest timestamp of a segment in [start, limit): what the time index
 * says as far as it reaches below limit, a walk from there on.
 */
static int
max_time_view(const struct view *v, int64_t start, int64_t limit, int64_t *ts,
    int64_t *last, struct err *e)
{
	struct time_entry t;
	struct walk w;
	uint32_t i = v->ntimes;
	int64_t from = v->seg->base;
	int rc;

	*ts = *last = -1;
	if (v->seg->base >= start) {
		if (v->next <= limit) {
			*ts = v->max_ts;
			*last = v->max_ts_last;
			return (0);
		}
		while (i > 0 && (view_time(v, i - 1, &t),
		    v->seg->base + t.last >= limit))
			i--;
		if (i > 0) {
			*ts = t.ts;
			*last = from = v->seg->base + t.last;
		}
	}
	walk_init(&w, atomic_load(&v->seg->fd), 0, v->size);
	for (rc = walk_to(v, &w, from > start ? from : start, e);
	    rc == 1 && kbatch_last_offset(&w.h) < limit;
	    rc = walk_header(&w, e)) {
		if (w.h.max_timestamp > *ts) {
			*ts = w.h.max_timestamp;
			*last = kbatch_last_offset(&w.h);
		}
		walk_next(&w);
	}
	return (rc == -1 ? -1 : 0);
}

int
seglog_find_max_time(struct seglog *log, int64_t limit,
    struct seglog_range *r, struct err *e)
{
	int64_t start = seglog_start(log), next = start;
	int64_t ts, last, best = -1, best_last = -1;
	struct view v;
	struct walk w;
	bool active;
	int rc;

	range_none(r, start);
	do {
		if (view_at(log, next, &v, e) == -1)
			return (-1);
		next = v.next;
		active = v.active;
		rc = max_time_view(&v, start, limit, &ts, &last, e);
		view_release(&v);
		if (rc == -1)
			return (-1);
		if (ts > best) {
			best = ts;
			best_last = last;
		}
	} while (!active && next < limit);
	if (best_last == -1)
		return (0);
	if (view_at(log, best_last, &v, e) == -1)
		return (-1);
	walk_init(&w, atomic_load(&v.seg->fd), 0, v.size);
	if ((rc = walk_to(&v, &w, best_last, e)) == 1)
		range_batch(r, &v, &w);
	if (v.seg != NULL)
		view_release(&v);
	return (rc == -1 ? -1 : 0);
}
