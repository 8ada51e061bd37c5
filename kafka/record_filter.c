/*
 * Keeping some of the records of a batch.
 *
 * A record that stays is copied as it is encoded: offsets are relative to the
 * batch's base offset, which stays.  Timestamps are relative to the batch's
 * base timestamp; where that gives way to a delete horizon (KIP-534), the
 * deltas are written anew.
 */
#include "kafka/records.h"

#include <limits.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "kafka/compress.h"

/* What a record may grow by when its time delta is written anew: the delta,
 * and its length in front. */
#define REDATE_EXTRA	(9 + 4)

void
kfilter_fini(struct kfilter *f)
{
	kiter_close(&f->it);
	free(f->kept);
	free(f->plain);
	free(f->packed);
	*f = (struct kfilter)KFILTER_INIT;
}

/* Collects what stays. */
static int
collect(struct kfilter *f, const struct kfilter_rule *rule, struct err *e)
{
	const uint8_t *from = f->it.p;
	struct krecord r;
	int rc;

	f->nkept = 0;
	f->max_timestamp = -1;
	f->null_value = false;
	for (; (rc = kiter_next(&f->it, &r, e)) == 1; from = f->it.p) {
		if (!rule->keep(rule->ctx, &f->it.batch, &r))
			continue;
		GROW(f->kept, f->nkept, f->cap);
		f->kept[f->nkept++] = slice_of(from,
		    (size_t)(f->it.p - from));
		if (r.timestamp > f->max_timestamp)
			f->max_timestamp = r.timestamp;
		if (r.value.p == NULL)
			f->null_value = true;
	}
	return (rc);
}

/* A record, checked by the iterator, with shift added to its time delta. */
static uint8_t *
put_redated(uint8_t *p, struct slice raw, int64_t shift)
{
	const uint8_t *in = raw.p, *end = raw.p + raw.len, *rest;
	int64_t delta = 0;
	int32_t n = 0;

	in = get_varint(in, end, &n);
	rest = get_varlong(in + 1, end, &delta);
	delta = (int64_t)((uint64_t)delta + (uint64_t)shift);
	n = (int32_t)(1 + uvarint_len(zigzag64(delta)) + (size_t)(end - rest));
	p = put_varint(p, n);
	*p++ = *in;
	p = put_varlong(p, delta);
	memcpy(p, rest, (size_t)(end - rest));
	return (p + (end - rest));
}

static void
room(uint8_t **p, size_t *cap, size_t n)
{
	if (n <= *cap)
		return;
	free(*p);
	*p = xmalloc(n);
	*cap = n;
}

/* The header of the batch as it is now, but for what is told here. */
static void
put_header(uint8_t *p, const struct slice batch, size_t size, uint16_t set,
    int64_t base_ts, int64_t max_ts, size_t count)
{
	uint16_t attributes = get_be16(batch.p + 21);

	memcpy(p, batch.p, KBATCH_HEADER);
	put_be32(p + 8, (uint32_t)(size - KBATCH_PREFIX));
	put_be16(p + 21, (attributes & (uint16_t)~KATTR_CODEC) | set);
	put_be64(p + 27, (uint64_t)base_ts);
	put_be64(p + 35, (uint64_t)max_ts);
	put_be32(p + 57, (uint32_t)count);
	put_be32(p + 17, kbatch_crc(slice_of(p, size)));
}

/* No records; found by no time, so that who asks by time gets a record. */
static struct slice
write_empty(struct kfilter *f, struct slice batch)
{
	room(&f->plain, &f->plain_cap, KBATCH_HEADER);
	put_header(f->plain, batch, KBATCH_HEADER, 0, -1, -1, 0);
	/* Its base timestamp is no horizon. */
	put_be16(f->plain + 21, get_be16(f->plain + 21) &
	    (uint16_t)~KATTR_DELETE_HORIZON);
	put_be32(f->plain + 17, kbatch_crc(slice_of(f->plain,
	    KBATCH_HEADER)));
	return (slice_of(f->plain, KBATCH_HEADER));
}

/* What stays, uncompressed; horizon -1: the base timestamp stays. */
static struct slice
write_plain(struct kfilter *f, struct slice batch, int64_t horizon)
{
	const struct kbatch *b = &f->it.batch;
	size_t i, n = KBATCH_HEADER;
	int64_t base = horizon == -1 ? b->base_timestamp : horizon;
	int64_t shift = (int64_t)((uint64_t)b->base_timestamp -
	    (uint64_t)base);
	uint8_t *p;

	for (i = 0; i < f->nkept; i++)
		n += f->kept[i].len + REDATE_EXTRA;
	room(&f->plain, &f->plain_cap, n);
	p = f->plain + KBATCH_HEADER;
	for (i = 0; i < f->nkept; i++) {
		if (shift != 0)
			p = put_redated(p, f->kept[i], shift);
		else {
			memcpy(p, f->kept[i].p, f->kept[i].len);
			p += f->kept[i].len;
		}
	}
	n = (size_t)(p - f->plain);
	put_header(f->plain, batch, n,
	    horizon == -1 ? 0 : KATTR_DELETE_HORIZON, base,
	    (b->attributes & KATTR_LOG_APPEND_TIME) != 0 ? b->max_timestamp :
	    f->max_timestamp, f->nkept);
	return (slice_of(f->plain, n));
}

static int
write_packed(struct kfilter *f, struct slice plain, int codec,
    struct slice *out, struct err *e)
{
	size_t n = KBATCH_HEADER + kcodec_bound(codec,
	    plain.len - KBATCH_HEADER);

	room(&f->packed, &f->packed_cap, n);
	if (kbatch_compress(plain, codec, INT_MIN, f->packed, f->packed_cap,
	    &n, e) == -1)
		return (-1);
	*out = slice_of(f->packed, n);
	return (0);
}

int
kbatch_filter(struct kfilter *f, struct slice batch,
    const struct kfilter_rule *rule, struct slice *out, struct err *e)
{
	const struct kbatch *b = &f->it.batch;
	int64_t horizon = -1;
	int codec;

	if (kiter_open(&f->it, batch, rule->max_inflated, e) == -1 ||
	    collect(f, rule, e) == -1)
		return (-1);
	*out = slice_of(batch.p, kbatch_size(b));
	if (f->nkept == 0) {
		if (b->count > 0)
			*out = write_empty(f, batch);
		return (KFILTER_EMPTY);
	}
	if (kbatch_horizon(b) == -1 &&
	    (f->null_value || rule->horizon_always))
		horizon = rule->horizon;
	if (f->nkept == (size_t)b->count && horizon == -1)
		return (KFILTER_SAME);
	codec = kbatch_codec(b);
	*out = write_plain(f, batch, horizon);
	if (codec != KCODEC_NONE && write_packed(f, *out, codec, out, e) == -1)
		return (-1);
	return (KFILTER_CHANGED);
}
