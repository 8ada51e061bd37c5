/*
 * Records are encoded into one buffer and remembered by their places in it, as
 * the buffer moves while it grows; the batch is built when its size is known.
 */
#include "broker/internal_log.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "kafka/errors.h"

#define READ_SIZE	(1u << 20)

void
records_fini(struct records *rs)
{
	kwriter_fini(&rs->w);
	free(rs->v);
	*rs = (struct records)RECORDS_INIT;
}

void
records_drop(struct records *rs)
{
	kwriter_reset(&rs->w);
	rs->n = 0;
	rs->txn = NULL;
}

size_t
records_bytes(const struct records *rs)
{
	return (rs->w.len);
}

void
records_key(struct records *rs)
{
	GROW(rs->v, rs->n, rs->cap);
	rs->v[rs->n++] = (struct records_row){ .key = rs->w.len };
}

void
records_value(struct records *rs, bool gone)
{
	rs->v[rs->n - 1].value = rs->w.len;
	rs->v[rs->n - 1].gone = gone;
}

void
records_end(struct records *rs)
{
	rs->v[rs->n - 1].end = rs->w.len;
}

struct slice
records_last_value(const struct records *rs)
{
	const struct records_row *r = &rs->v[rs->n - 1];

	return (slice_of(rs->w.base + r->value, r->end - r->value));
}

static void
build(const struct records *rs, struct kbuilder *b, int64_t now)
{
	const struct records_row *r;
	struct slice key, value;
	size_t i;

	for (i = 0; i < rs->n; i++) {
		r = &rs->v[i];
		key = slice_of(rs->w.base + r->key, r->value - r->key);
		value = r->gone ? SLICE_NULL :
		    slice_of(rs->w.base + r->value, r->end - r->value);
		(void)kbuilder_add(b, now, key, value, NULL, 0);
	}
}

/* Kafka numbers such batches 0, and so do we; nobody looks at it. */
static void
build_txn(struct kbuilder *b, const struct records_txn *txn)
{
	b->attributes = KATTR_TRANSACTIONAL;
	b->producer_id = txn->producer_id;
	b->producer_epoch = txn->epoch;
	b->base_sequence = 0;
}

/* One critical section, so that nothing of a transaction comes behind its
 * marker. */
static int
append_txn(struct partition *p, struct seglog_batch *batch,
    struct records_txn *txn, struct sync_wait *wait, struct err *e)
{
	int rc;

	if (partition_open(p, e) == -1)
		return (-1);
	mutex_lock(&p->lock);
	txn->error = partition_txn_check_locked(p, txn->producer_id,
	    txn->epoch);
	if (txn->error == KERR_NONE)
		txn->error = txn->may(txn);
	rc = txn->error != KERR_NONE ?
	    err_set(e, ERR_REFUSED, "%s", kerr_text(txn->error)) :
	    partition_append_locked(p, batch, 1, APPEND_RESERVE, wait, e);
	mutex_unlock(&p->lock);
	return (rc);
}

static int
append(struct records *rs, struct partition *p, struct sync_wait *wait,
    struct err *e)
{
	int64_t now = clock_wall_ms();
	struct seglog_batch batch;
	struct kbuilder b;
	size_t cap, size;
	uint8_t *buf;
	int rc;

	cap = kbuilder_bound(rs->n, rs->w.len, 0);
	buf = xmalloc(cap);
	kbuilder_init(&b, buf, cap, now);
	build(rs, &b, now);
	if (rs->txn != NULL)
		build_txn(&b, rs->txn);
	size = kbuilder_finish(&b);
	memcpy(batch.header, buf, SEGLOG_HEADER);
	batch.body = slice_of(buf + SEGLOG_HEADER, size - SEGLOG_HEADER);
	rc = rs->txn != NULL ? append_txn(p, &batch, rs->txn, wait, e) :
	    partition_append(p, &batch, 1, APPEND_RESERVE, wait, e);
	rs->written = rc == 0 ? size : 0;
	rs->base = rc == 0 ? batch.base_offset : -1;
	free(buf);
	return (rc);
}

int
records_append(struct records *rs, struct partition *p, struct sync_wait *wait,
    struct err *e)
{
	int rc = 0;

	rs->written = 0;
	if (rs->w.full)
		rc = err_set(e, ERR_TOO_LARGE,
		    "records of more than %u bytes", RECORDS_MAX);
	else if (rs->n > 0)
		rc = append(rs, p, wait, e);
	else if (wait != NULL)
		partition_wait(p, wait);
	records_drop(rs);
	return (rc);
}

/* --- reading back --- */

struct reading {
	struct partition	*p;
	int64_t			 off;
	internal_record_fn	*fn;
	void			*ctx;
	struct kiter		 it;
	char			 name[272];
};

static void
take_batch(struct reading *rd, struct slice batch)
{
	struct err err = ERR_INIT;
	struct krecord rec;
	struct kbatch b;

	if (kbatch_check(batch, &b, &err) == 0 &&
	    kiter_open(&rd->it, batch, RECORDS_MAX, &err) == 0)
		while (kiter_next(&rd->it, &rec, &err) == 1)
			rd->fn(rd->ctx, &b, &rec, &err);
	if (err.code != ERR_NONE)
		log_error("broker", "partition=%s: skipped records at "
		    "offset=%lld that make no sense: %s", rd->name,
		    (long long)get_be64(batch.p), err.msg);
}

/* Whole batches, as seglog gives them; stops at the first that is not. */
static void
take_range(struct reading *rd, struct slice in)
{
	struct kbatch b;
	size_t size;

	while (in.len > 0) {
		if (kbatch_parse(in, &b, NULL) == -1)
			return;
		size = kbatch_size(&b);
		if (size > in.len)
			return;
		take_batch(rd, slice_of(in.p, size));
		in = slice_of(in.p + size, in.len - size);
	}
}

/* One range from off on, which moves behind it. 0: no more. */
static int
read_range(struct reading *rd, uint64_t *bytes, struct err *e)
{
	struct seglog *log = rd->p->log;
	struct seglog_range range;
	ssize_t n;
	uint8_t *buf;

	if (seglog_read(log, rd->off, seglog_synced(log), READ_SIZE, true,
	    &range, e) == -1)
		return (-1);
	if (range.len == 0)
		return (0);
	buf = xmalloc(range.len);
	n = fs_pread(range.fd, buf, range.len, range.pos, e);
	rd->off = range.next;
	*bytes += range.len;
	seglog_release(&range);
	if (n > 0)
		take_range(rd, slice_of(buf, (size_t)n));
	free(buf);
	return (n == -1 ? -1 : 1);
}

int
internal_log_read(struct partition *p, internal_record_fn *fn, void *ctx,
    uint64_t *bytes, struct err *e)
{
	struct reading rd = { .p = p, .fn = fn, .ctx = ctx, .it = KITER_INIT };
	int rc;

	*bytes = 0;
	(void)partition_name(p, rd.name);
	if (partition_open(p, e) == -1)
		return (-1);
	rd.off = seglog_start(p->log);
	do
		rc = read_range(&rd, bytes, e);
	while (rc == 1);
	kiter_close(&rd.it);
	return (rc == -1 ? err_ctx(e, "read %s", rd.name) : 0);
}

struct partition *
internal_log_open(struct topic *t, int32_t index, struct topic **topic,
    struct err *e)
{
	struct partition *p;

	if (t == NULL)
		return (NULL);
	if ((p = topic_partition(t, index)) == NULL)
		err_set(e, ERR_NOT_FOUND, "%s has no partition %d", t->name,
		    (int)index);
	else if (partition_open(p, e) == -1)
		p = NULL;
	if (p == NULL)
		topic_unref(t);
	else
		*topic = t;
	return (p);
}
