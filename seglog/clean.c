/*
 * One pass of compaction.
 *
 * The keys of what is dirty (everything since the last pass, up to the limit)
 * go into a table with their latest offsets, as far as it takes them.  Then all
 * closed segments from the first to there are written anew, several small ones
 * to one, without the records that have a later one in the table, and swapped
 * in, first ones first: so what a tombstone hides is gone from the disk before
 * the tombstone is.
 *
 * A record without value stays until its batch's delete horizon (KIP-534),
 * which the first pass that meets it puts there.  A marker gets one when none
 * of its transaction's batches is left.
 */
#include "seglog/clean_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "seglog/key_map.h"

#define WINDOW	((size_t)256 << 10)

/* --- reading whole batches --- */

struct reader {
	int		 fd;
	uint64_t	 pos;		/* of the batch */
	uint64_t	 size;
	struct kbatch	 h;
	struct slice	 batch;		/* all of it */
	bool		 sound;		/* its CRC fits */
	uint8_t		*buf;
	size_t		 cap, have;
	uint64_t	 at;		/* what buf holds */
};

static void
reader_set(struct reader *r, const struct segment *s)
{
	r->fd = atomic_load(&s->fd);
	r->pos = r->at = 0;
	r->size = s->size;
	r->have = 0;
}

/* n bytes at pos, which lie in the file. */
static int
reader_fill(struct reader *r, size_t n, uint64_t *bytes, struct err *e)
{
	size_t want = n > WINDOW ? n : WINDOW;

	if (r->pos >= r->at && r->pos + n <= r->at + r->have)
		return (0);
	if (want > r->size - r->pos)
		want = (size_t)(r->size - r->pos);
	if (want > r->cap) {
		r->buf = xreallocarray(r->buf, want, 1);
		r->cap = want;
	}
	r->at = r->pos;
	r->have = 0;
	if (fs_pread(r->fd, r->buf, want, (off_t)r->pos, e) == -1)
		return (-1);
	r->have = want;
	*bytes += want;
	return (0);
}

static int
reader_damaged(const struct reader *r, struct err *e)
{
	return (err_set(e, ERR_CORRUPT, "no batch at byte %llu",
	    (unsigned long long)r->pos));
}

/* The batch at pos: 1; 0: the end; -1. */
static int
reader_batch(struct reader *r, uint64_t *bytes, struct err *e)
{
	const uint8_t *p;
	size_t n;

	if (r->pos == r->size)
		return (0);
	if (r->size - r->pos < KBATCH_HEADER)
		return (reader_damaged(r, e));
	if (reader_fill(r, KBATCH_HEADER, bytes, e) == -1)
		return (-1);
	p = r->buf + (r->pos - r->at);
	if (kbatch_parse(slice_of(p, KBATCH_HEADER), &r->h, e) == -1)
		return (-1);
	n = kbatch_size(&r->h);
	if (n > r->size - r->pos)
		return (reader_damaged(r, e));
	if (reader_fill(r, n, bytes, e) == -1)
		return (-1);
	r->batch = slice_of(r->buf + (r->pos - r->at), n);
	r->sound = kbatch_crc(r->batch) == r->h.crc;
	return (1);
}

static void
reader_next(struct reader *r)
{
	r->pos += r->batch.len;
}

/* --- the pass --- */

struct pass {			/* owner: the thread that cleans */
	struct seglog			*log;
	const struct seglog_cleaning	*c;
	struct seglog_cleaned		*stats;
	struct segment			**segs;		/* held */
	size_t				 n;
	int64_t				 start;		/* of the log */
	int64_t				 from;		/* dirty from here */
	int64_t				 end;		/* the table reaches
							   to here */
	int64_t				 upto;
	int64_t				 last;		/* offset in front of
							   the active one */
	struct key_map			*keys;
	struct txns			 txns;
	struct kfilter			 filter;
	struct kiter			 it;
	struct reader			 in;
	struct clean_out		 out;
	bool				 changed;	/* the group is */
	bool				 drop;		/* all records of the
							   batch */
};

static int
in_segment(const struct segment *s, struct err *e)
{
	return (err_ctx(e, "%s: %020lld.log", s->log->name,
	    (long long)s->base));
}

/* A batch was read; so many bytes of the disk since the last call. */
static int
count_read(struct pass *p, uint64_t *bytes, struct err *e)
{
	uint64_t n = *bytes;

	*bytes = 0;
	p->stats->read += n;
	return (n == 0 ? 0 : clean_pace(p->c, p->stats, n, e));
}

static bool
is_control(const struct kbatch *b)
{
	return ((b->attributes & KATTR_CONTROL) != 0);
}

static bool
is_txn(const struct kbatch *b)
{
	return ((b->attributes & KATTR_TRANSACTIONAL) != 0);
}

/* --- what there is --- */

/* The closed, synced segments that end at or below limit, held. */
static size_t
take_closed(struct seglog *log, int64_t limit, struct segment ***out,
    int64_t *active)
{
	size_t i;

	if (limit > seglog_synced(log))
		limit = seglog_synced(log);
	mutex_lock(&log->lock);
	*out = xmalloc(log->n * sizeof **out);
	for (i = 0; i + 1 < log->n && log->segs[i]->next <= limit; i++)
		(*out)[i] = segment_ref(log->segs[i]);
	*active = log->segs[log->n - 1]->base;
	mutex_unlock(&log->lock);
	return (i);
}

static void
let_go(struct segment **v, size_t n)
{
	while (n > 0)
		segment_unref(v[--n]);
	free(v);
}

static int64_t
dirty_from(struct seglog *log)
{
	int64_t from = atomic_load(&log->cleaned), start = seglog_start(log);

	return (from < start ? start : from);
}

/* When the first record of a segment was made; -1: it has none. */
static int64_t
first_ms(struct segment *s)
{
	struct walk w;

	walk_init(&w, atomic_load(&s->fd), 0, s->size);
	return (walk_header(&w, NULL) == 1 ? w.h.max_timestamp : -1);
}

int
seglog_dirt(struct seglog *log, int64_t limit, int64_t newest_ms,
    struct seglog_dirt *d, struct err *e)
{
	struct segment **v;
	int64_t active;
	size_t i, n = take_closed(log, limit, &v, &active);
	int rc = 0;

	*d = (struct seglog_dirt){ .cleaned = dirty_from(log), .since_ms = -1 };
	d->upto = d->cleaned;
	for (i = 0; i < n; i++) {
		if (v[i]->next <= d->cleaned) {
			d->clean_bytes += v[i]->size;
			continue;
		}
		if ((rc = segment_load(v[i], e)) == -1 ||
		    v[i]->max_ts > newest_ms)
			break;
		d->dirty_bytes += v[i]->size;
		d->upto = v[i]->next;
		if (d->since_ms == -1)
			d->since_ms = first_ms(v[i]);
	}
	let_go(v, n);
	return (rc);
}

/* --- the table --- */

/* False: it is full, and p->end is the first record that is not in it. */
static bool
add_keys(struct pass *p, const struct reader *r)
{
	struct krecord rec;

	if (kiter_open(&p->it, r->batch, p->c->max_inflated, NULL) == -1)
		return (true);		/* said when it is copied */
	while (kiter_next(&p->it, &rec, NULL) == 1)
		if (rec.offset >= p->from && rec.key.p != NULL &&
		    !key_map_put(p->keys, rec.key, rec.offset)) {
			p->end = rec.offset;
			return (false);
		}
	return (true);
}

/* 1: go on; 0: full; -1. */
static int
add_segment_keys(struct pass *p, struct segment *s, struct err *e)
{
	struct reader *r = &p->in;
	uint64_t bytes = 0;
	int rc;

	reader_set(r, s);
	while ((rc = reader_batch(r, &bytes, e)) == 1) {
		if (count_read(p, &bytes, e) == -1)
			return (-1);
		if (kbatch_last_offset(&r->h) >= p->from && r->sound &&
		    !is_control(&r->h) &&
		    !(is_txn(&r->h) && txns_aborted(&p->txns, &r->h)) &&
		    !add_keys(p, r))
			return (0);
		reader_next(r);
	}
	return (rc == -1 ? in_segment(s, e) : 1);
}

static int
collect_keys(struct pass *p, struct err *e)
{
	size_t i;
	int rc = 1;

	p->keys = key_map_new(p->c->map_bytes);
	p->end = p->segs[p->n - 1]->next;
	for (i = 0; rc == 1 && i < p->n; i++)
		if (p->segs[i]->next > p->from)
			rc = add_segment_keys(p, p->segs[i], e);
	return (rc == -1 ? -1 : 0);
}

/* --- which records stay --- */

static bool
past_horizon(const struct pass *p, const struct kbatch *b)
{
	int64_t at = kbatch_horizon(b);

	return (at != -1 && p->c->now_ms >= at);
}

static bool
keep_record(void *ctx, const struct kbatch *b, const struct krecord *r)
{
	struct pass *p = ctx;
	bool keep;

	if (p->drop || r->offset < p->start)
		keep = false;
	else if (is_control(b) || r->offset >= p->end)
		keep = true;
	else
		keep = r->key.p != NULL &&
		    key_map_get(p->keys, r->key) <= r->offset &&
		    (r->value.p != NULL || !past_horizon(p, b));
	if (keep)
		p->stats->kept++;
	else
		p->stats->removed++;
	return (keep);
}

/* The last batch in front of the active segment stays, too: a reader that has
 * read all shall see how far that is. */
static bool
must_stay(struct pass *p, const struct kbatch *b)
{
	return (kbatch_last_offset(b) == p->last || (b->producer_id >= 0 &&
	    p->c->remember != NULL && p->c->remember(p->c->ctx, b)));
}

/* What the batch's transaction says: p->drop, and a horizon for a marker. */
static void
judge(struct pass *p, const struct kbatch *b, struct kfilter_rule *rule)
{
	p->drop = false;
	if (!is_txn(b))
		return;
	if (!is_control(b)) {
		p->drop = txns_aborted(&p->txns, b);
		txns_meet(&p->txns, b);
	} else if (txns_close(&p->txns, b)) {
		rule->horizon_always = true;
		/* Who keeps a list of aborted transactions knows what the last
		 * pass has done, not this one. */
		p->drop = b->base_offset < p->from && past_horizon(p, b) &&
		    !must_stay(p, b);
	}
}

static int
copy_batch(struct pass *p, const struct reader *r, struct err *e)
{
	return (clean_out_batch(&p->out, r->batch, e));
}

static int
copy_damaged(struct pass *p, const struct segment *s, const struct reader *r,
    const char *why, struct err *e)
{
	if (p->stats->damaged++ == 0)
		log_warn(NULL, "%s: %020lld.log: the batch at offset %lld "
		    "cannot be compacted and stays as it is: %s", s->log->name,
		    (long long)s->base, (long long)r->h.base_offset, why);
	return (copy_batch(p, r, e));
}

static int
clean_batch(struct pass *p, const struct segment *s, struct err *e)
{
	struct kfilter_rule rule = {
		.keep = keep_record, .ctx = p,
		.horizon = p->c->now_ms + p->c->delete_retention_ms,
		.max_inflated = p->c->max_inflated
	};
	struct reader *r = &p->in;
	struct err why = ERR_INIT;
	struct slice out;
	int rc;

	if (r->h.base_offset >= p->end)
		return (copy_batch(p, r, e));
	if (!r->sound)
		return (copy_damaged(p, s, r, "its CRC does not fit", e));
	judge(p, &r->h, &rule);
	rc = kbatch_filter(&p->filter, r->batch, &rule, &out, &why);
	if (rc == -1)
		return (copy_damaged(p, s, r, why.msg, e));
	if (rc == KFILTER_SAME)
		return (copy_batch(p, r, e));
	if (rc == KFILTER_EMPTY && !must_stay(p, &r->h)) {
		p->changed = true;
		return (0);
	}
	if (rc != KFILTER_EMPTY || r->h.count > 0)
		p->changed = true;
	return (clean_out_batch(&p->out, out, e));
}

/* --- writing --- */

static int
clean_segment(struct pass *p, struct segment *s, struct err *e)
{
	struct reader *r = &p->in;
	uint64_t bytes = 0;
	int rc;

	reader_set(r, s);
	while ((rc = reader_batch(r, &bytes, e)) == 1) {
		if (count_read(p, &bytes, e) == -1)
			return (-1);
		if ((rc = clean_batch(p, s, e)) == -1)
			break;
		reader_next(r);
	}
	return (rc == -1 ? in_segment(s, e) : 0);
}

/* How many segments from i on become one. */
static size_t
group_size(const struct pass *p, size_t i)
{
	uint64_t bytes = p->segs[i]->size;
	size_t k;

	for (k = i + 1; k < p->n && p->segs[k]->base < p->end; k++) {
		bytes += p->segs[k]->size;
		if (bytes > p->c->segment_bytes ||
		    p->segs[k]->next - 1 - p->segs[i]->base > INT32_MAX)
			break;
	}
	return (k - i);
}

static int
write_group(struct pass *p, struct segment **v, size_t n, struct err *e)
{
	size_t i;

	p->changed = n > 1;
	for (i = 0; i < n; i++) {
		p->stats->before += v[i]->size;
		if (clean_segment(p, v[i], e) == -1)
			return (-1);
	}
	return (p->changed ? clean_out_finish(&p->out, e) : 0);
}

static int
clean_group(struct pass *p, struct segment **v, size_t n, struct err *e)
{
	struct segment *s;
	bool done;

	if (clean_out_begin(&p->out, p->log, v[0]->base, e) == -1)
		return (-1);
	s = p->out.s;
	if (write_group(p, v, n, e) == -1) {
		swap_discard(p->log, s);
		return (-1);
	}
	p->stats->after += s->size;
	if (!p->changed) {
		swap_discard(p->log, s);
		return (0);
	}
	if (swap_segments(p->log, v, n, s, p->c->writer, &done, e) == -1)
		return (-1);
	p->stats->swaps += done;
	return (0);
}

static int
clean_groups(struct pass *p, struct err *e)
{
	size_t i, n;

	for (i = 0; i < p->n && p->segs[i]->base < p->end; i += n) {
		n = group_size(p, i);
		if (clean_group(p, p->segs + i, n, e) == -1)
			return (-1);
	}
	p->stats->upto = p->end;
	return (swap_save(p->log, 0, p->end, e));
}

/* --- one pass --- */

static int
run(struct pass *p, struct err *e)
{
	size_t i;

	p->upto = p->c->upto;
	if (txns_find(&p->txns, p->log, p->start, &p->upto, e) == -1)
		return (-1);
	while (p->n > 0 && p->segs[p->n - 1]->next > p->upto)
		segment_unref(p->segs[--p->n]);
	if (p->n == 0 || p->segs[p->n - 1]->next <= p->from)
		return (0);
	for (i = 0; i < p->n; i++)
		if (segment_load(p->segs[i], e) == -1)
			return (-1);
	if (collect_keys(p, e) == -1)
		return (-1);
	return (clean_groups(p, e));
}

int
seglog_clean(struct seglog *log, const struct seglog_cleaning *c,
    struct seglog_cleaned *stats, struct err *e)
{
	struct pass p = {
		.log = log, .c = c, .stats = stats,
		.filter = KFILTER_INIT, .it = KITER_INIT,
		.out = { .c = c, .stats = stats }
	};
	int64_t active;
	int rc;

	memset(stats, 0, sizeof *stats);
	p.start = seglog_start(log);
	p.from = stats->upto = dirty_from(log);
	if (log->swap_broken)
		return (err_set(e, ERR_REFUSED, "%s: an earlier pass was cut "
		    "short; the next start finishes it", log->name));
	p.n = take_closed(log, c->upto, &p.segs, &active);
	p.last = active - 1;
	rc = run(&p, e);
	stats->failed = atomic_load(&log->failed);
	let_go(p.segs, p.n);
	key_map_free(p.keys);
	txns_fini(&p.txns);
	kfilter_fini(&p.filter);
	kiter_close(&p.it);
	free(p.in.buf);
	free(p.out.buf);
	return (rc);
}
