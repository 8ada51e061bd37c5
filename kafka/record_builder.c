/*
 * Building a batch in one pass.  A record's length stands in front of it, so
 * it is computed from its parts before anything is written.
 *
 * The CRC runs behind the writing in pieces that are still in the cache; the
 * header, which is known last but comes first, is put in front by combining
 * CRCs.
 */
#include "kafka/records.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/crc32c.h"

#define SUM_EVERY	(32 << 10)

/*
 * What a record takes beside its bytes at most: length 5, attributes 1, time
 * delta 10, offset delta 5, lengths of key and value 5 each, header count 5.
 */
#define RECORD_EXTRA	36
/* Per header: two lengths. */
#define HEADER_EXTRA	10

size_t
kbuilder_bound(size_t n, size_t bytes, size_t h)
{
	return (KBATCH_HEADER + n * RECORD_EXTRA + bytes + h * HEADER_EXTRA);
}

void
kbuilder_init(struct kbuilder *b, uint8_t *buf, size_t cap,
    int64_t base_timestamp)
{
	CHECK(cap >= KBATCH_HEADER);
	if (cap > KBATCH_MAX)
		cap = KBATCH_MAX;
	*b = (struct kbuilder){
		.base = buf,
		.p = buf + KBATCH_HEADER,
		.end = buf + cap,
		.summed = buf + KBATCH_HEADER,
		.base_timestamp = base_timestamp,
		.max_timestamp = base_timestamp,
		.leader_epoch = -1,
		.producer_id = -1,
		.producer_epoch = -1,
		.base_sequence = -1,
	};
}

static inline size_t
varint_len(int32_t v)
{
	return (uvarint_len(zigzag32(v)));
}

/* A length, and the bytes; -1 for null. */
static inline size_t
bytes_len(struct slice s)
{
	return (s.p == NULL ? 1 : varint_len((int32_t)s.len) + s.len);
}

static inline uint8_t *
put_bytes(uint8_t *p, struct slice s)
{
	if (s.p == NULL)
		return (put_varint(p, -1));
	p = put_varint(p, (int32_t)s.len);
	memcpy(p, s.p, s.len);
	return (p + s.len);
}

/* Sums what was written since the last time. */
static void
sum(struct kbuilder *b)
{
	b->crc = crc32c(b->crc, b->summed, (size_t)(b->p - b->summed));
	b->summed = b->p;
}

/* Bytes of the headers; more than room when they cannot fit. */
static size_t
headers_len(const struct krecord_header *h, uint32_t n, size_t room)
{
	size_t sum_len = varint_len((int32_t)n);
	uint32_t i;

	for (i = 0; i < n && sum_len <= room; i++) {
		if (h[i].key.len > room || h[i].value.len > room)
			return (room + 1);
		sum_len += varint_len((int32_t)h[i].key.len) + h[i].key.len +
		    bytes_len(h[i].value);
	}
	return (sum_len);
}

/* Length of the record's body, or more than room when it cannot fit. */
static size_t
body_len(const struct kbuilder *b, int64_t delta, struct slice key,
    struct slice value, const struct krecord_header *h, uint32_t n)
{
	size_t room = (size_t)(b->end - b->p);

	if (key.len > room || value.len > room || n > room)
		return (room + 1);
	return (1 + uvarint_len(zigzag64(delta)) + varint_len(b->count) +
	    bytes_len(key) + bytes_len(value) + headers_len(h, n, room));
}

bool
kbuilder_add(struct kbuilder *b, int64_t timestamp, struct slice key,
    struct slice value, const struct krecord_header *headers,
    uint32_t nheaders)
{
	int64_t delta = (int64_t)((uint64_t)timestamp -
	    (uint64_t)b->base_timestamp);
	size_t n = body_len(b, delta, key, value, headers, nheaders);
	uint8_t *p = b->p;
	uint32_t i;

	if (n > INT32_MAX || varint_len((int32_t)n) + n > (size_t)(b->end - p))
		return (false);
	p = put_varint(p, (int32_t)n);
	*p++ = 0;
	p = put_varlong(p, delta);
	p = put_varint(p, b->count);
	p = put_bytes(p, key);
	p = put_bytes(p, value);
	p = put_varint(p, (int32_t)nheaders);
	for (i = 0; i < nheaders; i++) {
		p = put_varint(p, (int32_t)headers[i].key.len);
		if (headers[i].key.len > 0)
			memcpy(p, headers[i].key.p, headers[i].key.len);
		p = put_bytes(p + headers[i].key.len, headers[i].value);
	}
	b->p = p;
	b->count++;
	if (timestamp > b->max_timestamp)
		b->max_timestamp = timestamp;
	if (p - b->summed >= SUM_EVERY)
		sum(b);
	return (true);
}

/* A zig-zag varint of a number >= 0, its usual lengths first. */
static inline uint8_t *
put_count(uint8_t *p, uint32_t v)
{
	v <<= 1;
	if (v < 0x80) {
		p[0] = (uint8_t)v;
		return (p + 1);
	}
	if (v < 0x4000) {
		p[0] = (uint8_t)(v | 0x80);
		p[1] = (uint8_t)(v >> 7);
		return (p + 2);
	}
	return (put_uvarint(p, v));
}

/*
 * The same record as kbuilder_add() would write with no key and no headers at
 * the base timestamp: of the body only the offset delta and the value's length
 * vary in size.
 */
uint32_t
kbuilder_values(struct kbuilder *b, const struct slice *first, size_t stride,
    uint32_t n)
{
	const struct slice *v = first;
	uint8_t *p = b->p;
	uint32_t i, len;
	size_t body;

	for (i = 0; i < n; i++) {
		if (v->len + RECORD_EXTRA > (size_t)(b->end - p) ||
		    b->count == INT32_MAX)
			break;
		len = (uint32_t)v->len;
		body = 4 + varint_len(b->count) + varint_len((int32_t)len) +
		    len;
		p = put_count(p, (uint32_t)body);
		p[0] = 0;		/* attributes */
		p[1] = 0;		/* time delta */
		p = put_count(p + 2, (uint32_t)b->count);
		*p++ = 1;		/* no key */
		p = put_count(p, len);
		if (len > 0)
			memcpy(p, v->p, len);
		p += len;
		*p++ = 0;		/* no headers */
		b->count++;
		if (p - b->summed >= SUM_EVERY) {
			b->p = p;
			sum(b);
		}
		v = (const struct slice *)((const uint8_t *)v + stride);
	}
	b->p = p;
	return (i);
}

size_t
kbuilder_finish(struct kbuilder *b)
{
	size_t size = kbuilder_size(b), behind = size - KBATCH_HEADER;
	uint8_t *p = b->base;
	uint32_t crc;

	CHECK(b->count > 0);
	sum(b);
	p = put_be64(p, (uint64_t)b->base_offset);
	p = put_be32(p, (uint32_t)(size - KBATCH_PREFIX));
	p = put_be32(p, (uint32_t)b->leader_epoch);
	*p++ = KBATCH_MAGIC;
	p += 4;				/* the CRC, below */
	p = put_be16(p, (uint16_t)b->attributes);
	p = put_be32(p, (uint32_t)(b->count - 1));
	p = put_be64(p, (uint64_t)b->base_timestamp);
	p = put_be64(p, (uint64_t)b->max_timestamp);
	p = put_be64(p, (uint64_t)b->producer_id);
	p = put_be16(p, (uint16_t)b->producer_epoch);
	p = put_be32(p, (uint32_t)b->base_sequence);
	p = put_be32(p, (uint32_t)b->count);
	crc = crc32c(0, b->base + 21, KBATCH_HEADER - 21);
	put_be32(b->base + 17, crc32c_combine(crc, b->crc, behind));
	return (size);
}
