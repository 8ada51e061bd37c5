/*
 * Taking and committing.
 *
 * What was just synced is offered to takes that have come so far, so that
 * nothing is read back while they keep up.  Otherwise one taker at a time reads
 * on, FILE_READ bytes in one go, and makes a unit of each batch it finds;
 * control batches become units without records, so that the positions in them
 * are told when all before them is committed.  A lease of a whole batch is the
 * bytes as they were stored; records are decoded only for a sink that asks, or
 * that wants less than a batch.
 */
#include "channels/file_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "channels/lease.h"

/* --- units --- */

static void
stored_free(struct stored *s)
{
	batch_unref(s->batch);
	buf_unref(s->buf);
	free(s);
}

static struct stored *
stored_of(struct unit *u)
{
	return (container_of(u, struct stored, unit));
}

static struct stored *
stored_new(struct buf *buf, struct slice bytes, const struct kbatch *k)
{
	struct stored *s = xcalloc(1, sizeof *s);

	s->buf = buf_ref(buf);
	s->bytes = bytes;
	s->offset = k->base_offset;
	s->next = kbatch_last_offset(k) + 1;
	s->control = (k->attributes & KATTR_CONTROL) != 0;
	s->records = s->control ? 0 : (uint32_t)k->last_offset_delta + 1;
	s->plain = k->producer_epoch == FILE_PLAIN;
	s->hint = k->producer_id < 0 || k->producer_id > INT32_MAX ?
	    BATCH_NO_HINT : (int32_t)k->producer_id;
	s->size = k->base_sequence < 0 ? 0 : (uint32_t)k->base_sequence;
	return (s);
}

void
units_init(struct units *v, int64_t next)
{
	*v = (struct units){ NULL, &v->head, next };
}

void
units_free(struct units *v)
{
	struct stored *s;

	while ((s = v->head) != NULL) {
		v->head = s->gone;
		stored_free(s);
	}
}

struct stored *
units_add(struct units *v, struct buf *buf, struct slice bytes,
    const struct kbatch *k)
{
	struct stored *s = stored_new(buf, bytes, k);

	*v->tail = s;
	v->tail = &s->gone;
	v->next = s->next;
	return (s);
}

/* --- reading --- */

/*
 * Bytes that were synced and no longer fit their checksum: nothing brings the
 * records back.  They are kept beside the log, said, counted and passed over.
 */
static void
set_aside(struct file *f, struct slice bytes, int64_t offset, int64_t next,
    const char *why)
{
	struct err e = ERR_INIT;
	char name[40];

	metric_add(&f->metrics.damaged, 1);
	snprintf(name, sizeof name, "%020lld.bad", (long long)offset);
	log_error(f->channel.who, "the stored records from offset %lld to %lld "
	    "are damaged and cannot be delivered: %s", (long long)offset,
	    (long long)next - 1, why);
	if (bytes.len > 0 && fs_replace(f->channel.env->fs, f->dirfd, name,
	    bytes.p, bytes.len, &e) == -1)
		log_error(f->channel.who, "%s is not written: %s", name, e.msg);
}

/* Each batch becomes a unit; a damaged one has nothing to lease. */
static void
read_units(struct file *f, struct buf *buf, struct units *found)
{
	struct slice in = slice_of(buf->data, buf->len), bytes;
	struct err e = ERR_INIT;
	struct kbatch k, whole;
	struct stored *s;

	while (in.len > 0 && kbatch_parse(in, &k, NULL) == 0 &&
	    kbatch_size(&k) <= in.len) {
		bytes = slice_of(in.p, kbatch_size(&k));
		s = units_add(found, buf, bytes, &k);
		if (kbatch_check(bytes, &whole, &e) == -1) {
			set_aside(f, bytes, s->offset, s->next, e.msg);
			s->damaged = true;
		}
		in = slice_of(in.p + bytes.len, in.len - bytes.len);
	}
	if (in.len == 0)
		return;
	/* A header is damaged: the next read begins there and fails. */
	log_debug(f->channel.who, "stopped reading at offset %lld",
	    (long long)found->next);
}

static bool
readable(struct file *f, int64_t offset, int64_t limit)
{
	struct seglog_range r;

	if (seglog_read(f->log, offset, limit, 1, true, &r, NULL) == -1)
		return (false);
	seglog_release(&r);
	return (true);
}

/* The headers at offset lead nowhere: the first offset behind it that can be
 * read again, or limit. */
static int64_t
skip_damage(struct file *f, int64_t offset, int64_t limit)
{
	int64_t bad = offset, good = offset + 1, step = 1, mid;

	for (; good < limit && !readable(f, good, limit); step *= 2) {
		bad = good;
		good += step;
	}
	if (good > limit)
		good = limit;
	while (good - bad > 1) {
		mid = bad + (good - bad) / 2;
		if (readable(f, mid, limit))
			good = mid;
		else
			bad = mid;
	}
	return (good);
}

/* Reads on from offset; without the lock. */
static void
read_on(struct file *f, int64_t offset, struct units *found)
{
	int64_t limit = seglog_synced(f->log);
	struct seglog_range r;
	struct err e = ERR_INIT;
	struct buf *buf;

	units_init(found, offset);
	if (seglog_read(f->log, offset, limit, FILE_READ, true, &r, &e) ==
	    -1) {
		found->next = skip_damage(f, offset, limit);
		set_aside(f, SLICE_NULL, offset, found->next, e.msg);
		return;
	}
	if (r.len == 0) {
		found->next = limit;	/* a hole up to there */
		return;
	}
	buf = buf_new(file_buf_size(r.len));
	if (fs_pread(r.fd, buf->data, r.len, r.pos, &e) == (ssize_t)r.len) {
		buf->len = r.len;
		read_units(f, buf, found);
	} else {
		set_aside(f, SLICE_NULL, r.base, r.next, e.msg);
		found->next = r.next;
	}
	seglog_release(&r);
	buf_unref(buf);
}

/* Units go to the ledger.  With the lock. */
static void
add_units(struct file *f, struct units *v)
{
	struct stored *s;
	int64_t skip;
	uint32_t n;

	while ((s = v->head) != NULL) {
		v->head = s->gone;
		s->gone = NULL;
		n = s->control || s->damaged ? 0 : s->records;
		ledger_add(&f->ledger, &s->unit, n);
		/* A clean stop may have been in the middle of a batch. */
		skip = f->mark.offset - s->offset;
		if (n > 0 && skip > 0 && skip < n)
			ledger_skip(&s->unit, (uint32_t)skip);
	}
	f->read_offset = v->next;
}

static uint64_t
units_bytes(const struct units *v)
{
	const struct stored *s;
	uint64_t n = 0;

	for (s = v->head; s != NULL; s = s->gone)
		n += s->control ? 0 : s->bytes.len;
	return (n);
}

void
file_offer(struct file *f, struct units *v, int64_t first)
{
	uint64_t bytes = units_bytes(v);
	struct stored *s;

	if (v->head == NULL || f->reading || f->read_offset != first ||
	    f->ahead + bytes > FILE_AHEAD)
		return;
	f->ahead += bytes;
	for (s = v->head; s != NULL; s = s->gone)
		s->ahead = !s->control;
	add_units(f, v);
}

/* True when something was read; the lock is dropped meanwhile. */
static bool
read_more(struct file *f)
{
	struct units found;

	if (f->reading || f->read_offset >= seglog_synced(f->log))
		return (false);
	f->reading = true;
	mutex_unlock(&f->lock);
	read_on(f, f->read_offset, &found);
	mutex_lock(&f->lock);
	f->reading = false;
	add_units(f, &found);
	cond_broadcast(&f->came);
	/* Damage and control batches at the front are done at once. */
	file_settle(f);
	mutex_lock(&f->lock);
	return (true);
}

/* --- decoding --- */

/* The headers that all records have alike are set once. */
static int
decode_common(struct batch *b, struct slice bytes, bool *alike, struct err *e)
{
	struct kiter it = KITER_INIT;
	struct krecord_header h;
	struct krecord r;
	struct slice first = SLICE_NULL;
	int rc;

	*alike = true;
	if (kiter_open(&it, bytes, 0, e) == -1)
		return (-1);
	while ((rc = kiter_next(&it, &r, e)) == 1) {
		batch_add(b, r.value.p == NULL ? slice_of("", 0) : r.value);
		if (first.p == NULL)
			first = r.headers;
		else if (!slice_eq(first, r.headers))
			*alike = false;
	}
	while (rc == 0 && *alike && krecord_header(&first, &h))
		batch_set(b, NULL, h.key, h.value, true);
	if (rc == 0 && b->n != (uint32_t)it.batch.last_offset_delta + 1)
		rc = err_set(e, ERR_CORRUPT, "%u records where there should "
		    "be %d", b->n, it.batch.last_offset_delta + 1);
	kiter_close(&it);
	return (rc);
}

static void
decode_own(struct batch *b, struct slice bytes)
{
	struct kiter it = KITER_INIT;
	struct krecord_header h;
	struct krecord r;
	uint32_t i;

	if (kiter_open(&it, bytes, 0, NULL) == -1)
		return;
	for (i = 0; i < b->n && kiter_next(&it, &r, NULL) == 1; i++)
		while (krecord_header(&r.headers, &h))
			batch_set(b, &b->records[i], h.key, h.value, true);
	kiter_close(&it);
}

static struct batch *
decode(struct file *f, const struct stored *s, struct err *e)
{
	struct batch *b = batch_new();
	struct kbatch k;
	bool alike;

	batch_hold(b, s->buf);
	b->source = f->channel.name;
	b->hint = s->hint;
	batch_reserve(b, s->records);
	if (kbatch_parse(s->bytes, &k, e) == -1 ||
	    decode_common(b, s->bytes, &alike, e) == -1) {
		batch_unref(b);
		err_ctx(e, "stored batch at offset %lld", (long long)s->offset);
		return (NULL);
	}
	b->timestamp = k.base_timestamp;
	if (!alike)
		decode_own(b, s->bytes);
	batch_seal(b);
	return (b);
}

int
file_decode(struct channel *ch, struct lease *l, struct err *e)
{
	struct file *f = file_of(ch);
	struct stored *s = l->priv;	/* stays: it is leased */
	struct batch *b;

	mutex_lock(&f->lock);
	b = s->batch;
	mutex_unlock(&f->lock);
	if (b == NULL && (b = decode(f, s, e)) == NULL)
		return (-1);
	mutex_lock(&f->lock);
	if (s->batch == NULL)
		s->batch = b;
	else if (s->batch != b)
		batch_unref(b);
	l->batch = s->batch;
	mutex_unlock(&f->lock);
	return (0);
}

/*
 * Decodes the unit that is to be leased next.  With the lock, which is dropped
 * meanwhile: afterwards another one may be next.
 */
static int
decode_next(struct file *f, struct unit *u, struct err *e)
{
	struct stored copy = *stored_of(u);
	uint64_t seq = u->seq;
	uint32_t first, n;
	struct batch *b;

	buf_ref(copy.buf);
	mutex_unlock(&f->lock);
	b = decode(f, &copy, e);
	buf_unref(copy.buf);
	mutex_lock(&f->lock);
	if (b == NULL)
		return (-1);
	if (ledger_peek(&f->ledger, &u, &first, &n) && u->seq == seq &&
	    stored_of(u)->batch == NULL)
		stored_of(u)->batch = b;
	else
		batch_unref(b);
	return (0);
}

/* --- leases --- */

static bool
is_whole(const struct stored *s, uint32_t n, uint32_t records, size_t bytes)
{
	return (n == s->unit.n && (records == 0 || n <= records) &&
	    (bytes == 0 || s->size <= bytes));
}

/* 1: leased; 0: look again; -1. With the lock. */
static int
lease_next(struct file *f, struct unit *u, uint32_t first, uint32_t n,
    struct lease *l, uint32_t records, size_t bytes, struct err *e)
{
	struct stored *s = stored_of(u);
	bool whole = is_whole(s, n, records, bytes);

	if (!whole && s->batch == NULL)
		return (decode_next(f, u, e));
	*l = (struct lease){ .channel = &f->channel, .batch = s->batch,
	    .first = first, .n = n, .bytes = s->size, .hint = s->hint,
	    .priv = s };
	if (!whole)
		l->n = lease_fit(s->batch, first, n, records, bytes,
		    &l->bytes);
	else if (s->plain)
		l->stored = s->bytes;
	ledger_lease(&f->ledger, l->n);
	if (s->ahead) {
		f->ahead -= s->bytes.len;
		s->ahead = false;
	}
	metric_add(&f->channel.common.taken_records, l->n);
	return (1);
}

int
file_take(struct channel *ch, struct lease *l, uint32_t records, size_t bytes,
    int timeout_ms, struct err *e)
{
	struct file *f = file_of(ch);
	int64_t until = clock_mono_ns() + (int64_t)timeout_ms * 1000000;
	uint32_t first, n;
	struct unit *u;
	uint64_t wakes;
	int rc = 0;

	mutex_lock(&f->lock);
	wakes = f->wakes;
	while (rc == 0) {
		if (ledger_peek(&f->ledger, &u, &first, &n))
			rc = lease_next(f, u, first, n, l, records, bytes, e);
		else if (!read_more(f) && (f->wakes != wakes ||
		    timeout_ms <= 0 ||
		    !cond_wait_until(&f->came, &f->lock, until)))
			break;
	}
	mutex_unlock(&f->lock);
	return (rc);
}

/* --- what is done --- */

/* The positions that a group has said, to the sources. */
static void
tell(struct file *f, const struct stored *s)
{
	struct slice source, cursor, changes;
	struct cursor_entry *v = NULL;
	size_t n = 0, cap = 0;
	struct group g;
	char *name;

	if (!s->control || s->damaged || group_parse(s->bytes, &g, NULL) == -1)
		return;
	changes = g.changes;
	while (changes_next(&changes, &source, &cursor)) {
		n = 0;
		for (cursor = slice_of(cursor.p + 4, cursor.len - 4);;) {
			GROW(v, n, cap);
			if (!cursor_next(&cursor, &v[n]))
				break;
			n++;
		}
		name = xstrndup(source.p, source.len);
		f->channel.host->delivered(&f->channel, name,
		    &(struct cursor){ v, n });
		free(name);
	}
	free(v);
}

static void
move_mark(struct file *f, const struct stored *s)
{
	f->mark.offset = s->next;
	f->mark.records += s->records;
	if (!s->control)
		f->mark.stored_bytes += s->bytes.len;
	if (!f->mark_moved)
		cond_signal(&f->work);
	f->mark_moved = true;
}

/* With nothing left the sums are known, whatever damage was passed over. */
static void
square_up(struct file *f)
{
	if (f->ledger.head != NULL || f->pending != 0 || f->reading ||
	    f->read_offset != seglog_end(f->log))
		return;
	f->mark.offset = f->read_offset;
	f->mark.records = f->put_records;
	f->mark.stored_bytes = f->put_bytes;
}

/* As in memory.c: one thread tells at a time, in order. */
void
file_settle(struct file *f)
{
	struct stored *s;
	struct unit *u;
	bool room;

	while ((u = ledger_pop(&f->ledger)) != NULL) {
		s = stored_of(u);
		s->gone = NULL;
		*f->gone_tail = s;
		f->gone_tail = &s->gone;
		move_mark(f, s);
	}
	square_up(f);
	room = file_room_now(f);
	while (!f->telling && (s = f->gone_head) != NULL) {
		if ((f->gone_head = s->gone) == NULL)
			f->gone_tail = &f->gone_head;
		f->telling = true;
		mutex_unlock(&f->lock);
		tell(f, s);
		stored_free(s);
		mutex_lock(&f->lock);
		f->telling = false;
	}
	mutex_unlock(&f->lock);
	if (room)
		f->channel.host->room(&f->channel);
}

int
file_commit(struct channel *ch, struct lease *l, struct err *e)
{
	struct file *f = file_of(ch);
	struct stored *s = l->priv;

	(void)e;
	mutex_lock(&f->lock);
	ledger_commit(&f->ledger, &s->unit, l->n);
	metric_add(&ch->common.committed_records, l->n);
	file_settle(f);
	return (0);
}

void
file_rollback(struct channel *ch, struct lease *l)
{
	struct file *f = file_of(ch);
	struct stored *s = l->priv;

	mutex_lock(&f->lock);
	ledger_rollback(&f->ledger, &s->unit, l->first, l->n);
	metric_add(&ch->common.rolled_back_records, l->n);
	cond_signal(&f->came);
	mutex_unlock(&f->lock);
}

void
file_read_end(struct file *f)
{
	struct unit *u = f->ledger.head;
	struct stored *s;

	if (u != NULL && u->n > 0 && f->mark.offset <
	    stored_of(u)->offset + ledger_first(&f->ledger))
		f->mark.offset = stored_of(u)->offset +
		    ledger_first(&f->ledger);
	while ((u = ledger_drop(&f->ledger)) != NULL)
		stored_free(stored_of(u));
	while ((s = f->gone_head) != NULL) {
		f->gone_head = s->gone;
		stored_free(s);
	}
	ledger_fini(&f->ledger);
}
