/*
 * Walking the records of a batch.  Every length is held against what is left
 * of what encloses it: the record in the batch, the fields in the record; and
 * a record must fill its length, a batch its records, to the byte.
 */
#include "kafka/records.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "kafka/compress.h"

static int
corrupt(const struct kiter *it, struct err *e)
{
	return (err_set(e, ERR_CORRUPT, "record batch at offset %lld: "
	    "malformed record %d of %d", (long long)it->batch.base_offset,
	    it->batch.count - it->left, it->batch.count));
}

int
kiter_open(struct kiter *it, struct slice batch, size_t max_inflated,
    struct err *e)
{
	struct kbatch *b = &it->batch;
	struct slice in;
	size_t n;

	if (kbatch_parse(batch, b, e) == -1)
		return (-1);
	if (kbatch_size(b) > batch.len)
		return (err_set(e, ERR_CORRUPT, "record batch of %zu bytes is "
		    "cut at %zu", kbatch_size(b), batch.len));
	in = slice_of(batch.p + KBATCH_HEADER, kbatch_size(b) - KBATCH_HEADER);
	if (kbatch_codec(b) != KCODEC_NONE) {
		if (kcodec_unfold(kbatch_codec(b), in, max_inflated,
		    &it->inflated, &it->inflated_cap, &n, e) == -1)
			return (err_ctx(e, "record batch at offset %lld",
			    (long long)b->base_offset));
		in = slice_of(it->inflated, n);
	}
	it->p = in.p;
	it->end = in.p + in.len;
	it->left = b->count;
	return (0);
}

void
kiter_close(struct kiter *it)
{
	free(it->inflated);
	*it = (struct kiter)KITER_INIT;
}

/* Bytes behind a varint length, -1 being null; NULL when they run over. */
static const uint8_t *
take_bytes(const uint8_t *p, const uint8_t *end, struct slice *s)
{
	int32_t n;

	if ((p = get_varint(p, end, &n)) == NULL || n < -1 || n > end - p)
		return (NULL);
	*s = n == -1 ? SLICE_NULL : slice_of(p, (size_t)n);
	return (n == -1 ? p : p + n);
}

/* A header: the key may not be null. */
static const uint8_t *
take_header(const uint8_t *p, const uint8_t *end, struct krecord_header *h)
{
	if ((p = take_bytes(p, end, &h->key)) == NULL || h->key.p == NULL)
		return (NULL);
	return (take_bytes(p, end, &h->value));
}

/* The headers of a record must end where the record ends. */
static bool
check_headers(const uint8_t *p, const uint8_t *end, int32_t n)
{
	struct krecord_header h;

	for (; n > 0; n--)
		if ((p = take_header(p, end, &h)) == NULL)
			return (false);
	return (p == end);
}

static int64_t
wrapping_add(int64_t a, int64_t b)
{
	return ((int64_t)((uint64_t)a + (uint64_t)b));
}

/* The fields of one record that fills p to end. */
static bool
parse_record(const struct kbatch *b, const uint8_t *p, const uint8_t *end,
    struct krecord *r)
{
	int64_t time_delta;
	int32_t offset_delta;

	if (p == end)
		return (false);
	p++;				/* attributes: none are defined */
	if ((p = get_varlong(p, end, &time_delta)) == NULL ||
	    (p = get_varint(p, end, &offset_delta)) == NULL ||
	    offset_delta < 0 || offset_delta > b->last_offset_delta ||
	    (p = take_bytes(p, end, &r->key)) == NULL ||
	    (p = take_bytes(p, end, &r->value)) == NULL ||
	    (p = get_varint(p, end, &r->nheaders)) == NULL ||
	    r->nheaders < 0 || !check_headers(p, end, r->nheaders))
		return (false);
	r->headers = slice_of(p, (size_t)(end - p));
	r->offset = b->base_offset + offset_delta;
	r->timestamp = (b->attributes & KATTR_LOG_APPEND_TIME) != 0 ?
	    b->max_timestamp : wrapping_add(b->base_timestamp, time_delta);
	return (true);
}

int
kiter_next(struct kiter *it, struct krecord *r, struct err *e)
{
	const uint8_t *p;
	int32_t n;

	if (it->left == 0) {
		if (it->p != it->end)
			return (err_set(e, ERR_CORRUPT, "record batch at "
			    "offset %lld: %td bytes behind its last record",
			    (long long)it->batch.base_offset,
			    it->end - it->p));
		return (0);
	}
	p = get_varint(it->p, it->end, &n);
	if (p == NULL || n < 0 || n > it->end - p ||
	    !parse_record(&it->batch, p, p + n, r))
		return (corrupt(it, e));
	it->p = p + n;
	it->left--;
	return (1);
}

bool
krecord_header(struct slice *in, struct krecord_header *h)
{
	const uint8_t *p;

	if (in->len == 0)
		return (false);
	if ((p = take_header(in->p, in->p + in->len, h)) == NULL)
		return (false);
	*in = slice_of(p, (size_t)(in->p + in->len - p));
	return (true);
}

int
kbatch_find_time(struct kiter *it, struct slice batch, int64_t from,
    int64_t ts, size_t max_inflated, int64_t *offset, int64_t *timestamp,
    struct err *e)
{
	struct krecord r;
	int rc;

	if (kiter_open(it, batch, max_inflated, e) == -1)
		return (-1);
	while ((rc = kiter_next(it, &r, e)) == 1) {
		if (r.offset < from || r.timestamp < ts)
			continue;
		*offset = r.offset;
		*timestamp = r.timestamp;
		return (1);
	}
	return (rc);
}

int
kbatch_find_max_time(struct kiter *it, struct slice batch,
    size_t max_inflated, int64_t *offset, int64_t *timestamp, struct err *e)
{
	struct krecord r;
	bool found = false;
	int rc;

	if (kiter_open(it, batch, max_inflated, e) == -1)
		return (-1);
	while ((rc = kiter_next(it, &r, e)) == 1) {
		if (found && r.timestamp <= *timestamp)
			continue;
		found = true;
		*offset = r.offset;
		*timestamp = r.timestamp;
	}
	return (rc == -1 ? -1 : found);
}
