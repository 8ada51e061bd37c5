/*
 * Record batches, magic 2 (KIP-98): what Kafka has on the wire and what we
 * have on disk.
 *
 *	off size			off size
 *	 0   8	base offset		 27   8	base timestamp, ms
 *	 8   4	length behind this	 35   8	max timestamp
 *	12   4	leader epoch		 43   8	producer id, -1 none
 *	16   1	magic, 2		 51   2	producer epoch
 *	17   4	CRC-32C of 21..end	 53   4	base sequence
 *	21   2	attributes		 57   4	number of records
 *	23   4	last offset delta	 61	records, maybe compressed
 *
 * Base offset and leader epoch lie outside the CRC, so a broker stores a batch
 * as it came and patches these two (kbatch_rebase).
 *
 * Reading: kbatch_parse() looks at the 61 bytes, kbatch_check() at the whole
 * batch; kiter walks the records, in place when they are not compressed:
 *
 *	struct kiter it = KITER_INIT;
 *	if (kiter_open(&it, bytes, 64 << 20, e) == -1)
 *		...
 *	while ((rc = kiter_next(&it, &rec, e)) == 1)
 *		use rec.offset, rec.key, rec.value
 *	kiter_close(&it);
 *
 * Writing: struct kbuilder, into the caller's memory.  Batch codec and
 * decompression: kafka/compress.h.
 *
 * Pure functions over the caller's memory; no thread rule.
 */
#ifndef KAFKA_RECORDS_H
#define KAFKA_RECORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

#define KBATCH_HEADER	61
#define KBATCH_PREFIX	12		/* base offset and length */
#define KBATCH_MAGIC	2
#define KBATCH_MAX	(INT32_MAX)	/* bytes of a whole batch */

/* Attributes. */
#define KATTR_CODEC		0x07	/* enum kcodec */
#define KATTR_LOG_APPEND_TIME	0x08
#define KATTR_TRANSACTIONAL	0x10
#define KATTR_CONTROL		0x20
#define KATTR_DELETE_HORIZON	0x40

struct kbatch {
	int64_t		base_offset;
	int32_t		length;		/* as stored: size - KBATCH_PREFIX */
	int32_t		leader_epoch;
	uint32_t	crc;
	int16_t		attributes;
	int32_t		last_offset_delta;
	int64_t		base_timestamp;
	int64_t		max_timestamp;
	int64_t		producer_id;
	int16_t		producer_epoch;
	int32_t		base_sequence;
	int32_t		count;
	int8_t		magic;
};

static inline size_t
kbatch_size(const struct kbatch *b)
{
	return ((size_t)b->length + KBATCH_PREFIX);
}

static inline int64_t
kbatch_last_offset(const struct kbatch *b)
{
	return (b->base_offset + b->last_offset_delta);
}

static inline int
kbatch_codec(const struct kbatch *b)
{
	return (b->attributes & KATTR_CODEC);
}

/*
 * Parses the header of the batch that begins at in; the rest of the batch need
 * not be there.  -1 with ERR_CORRUPT when there are fewer than 61 bytes, the
 * magic is not 2, the length is below 49 or beyond KBATCH_MAX, or a count or
 * delta is negative.
 */
int	 kbatch_parse(struct slice in, struct kbatch *, struct err *e);

/*
 * kbatch_parse(), and the whole batch lies in `in` (which may be longer) and
 * its CRC fits.  ERR_CORRUPT otherwise.
 */
int	 kbatch_check(struct slice in, struct kbatch *, struct err *e);

/* The CRC that the batch should have.  in: exactly one batch, parsed. */
uint32_t kbatch_crc(struct slice in);

/* --- changing a batch in place; p: the whole batch, parsed --- */

/* Base offset and leader epoch: no CRC to redo. */
void	 kbatch_rebase(uint8_t *p, int64_t base_offset, int32_t leader_epoch);

/* Makes it LogAppendTime at ts; redoes the CRC. */
void	 kbatch_set_append_time(uint8_t *p, int64_t ts);

/* Producer id, epoch, base sequence, transactional or not; redoes the CRC in
 * time that does not depend on the size, as all changes lie in the header. */
void	 kbatch_set_producer(uint8_t *p, int64_t producer_id, int16_t epoch,
	    int32_t base_sequence, bool transactional);

/* --- the checks of a broker on what a client produces --- */

/* Single records at fault, the first so many of them (KIP-467). */
#define KBATCH_REFUSED	64
struct kbatch_refused {
	uint32_t n;
	struct {
		int32_t		 index;		/* in the batch, from 0 */
		const char	*why;		/* static */
	} v[KBATCH_REFUSED];
};

struct kbatch_rules {
	int16_t	 version;	/* of the Produce request: zstd from 7 on */
	uint32_t max_bytes;	/* max.message.bytes */
	bool	 deep;		/* walk the records: lengths, deltas, count */
	bool	 need_key;	/* compacted topic: null keys refused (deep) */
	size_t	 max_inflated;	/* bytes a compressed batch may unfold to */
	int64_t	 min_timestamp;	/* INT64_MIN: any */
	int64_t	 max_timestamp;	/* INT64_MAX: any */
	/* NULL, or empty: gets the records that made the batch refused, when
	 * it is for what one or another is. */
	struct kbatch_refused *refused;
};

/*
 * Checks the records of one partition of a Produce request: exactly one batch,
 * magic 2, base offset 0, size, CRC, counts and deltas, no control bit, no
 * LogAppendTime, sequence with a producer id, codec known.  KERR_NONE and *b,
 * or the error code to answer, with e saying why.
 */
int	 kbatch_validate(struct slice records, const struct kbatch_rules *,
	    struct kbatch *b, struct err *e);

/* --- walking the records --- */

struct krecord {
	int64_t		offset;
	int64_t		timestamp;
	struct slice	key;		/* p NULL: null */
	struct slice	value;		/* p NULL: null */
	int32_t		nheaders;
	struct slice	headers;	/* encoded; for krecord_header() */
};

struct krecord_header {
	struct slice	key;
	struct slice	value;		/* p NULL: null */
};

struct kiter {
	struct kbatch	 batch;
	const uint8_t	*p, *end;
	int32_t		 left;		/* records to come */
	uint8_t		*inflated;	/* owned; kept for the next batch */
	size_t		 inflated_cap;
};

#define KITER_INIT	{ .p = NULL }

/*
 * Starts over the records of one batch (parsed again, CRC not looked at).  A
 * compressed one is unfolded into memory of the iterator, to max_inflated
 * bytes at most (ERR_TOO_LARGE above).  Reusable: opening again keeps the
 * memory.  ERR_CORRUPT for malformed bytes, ERR_REFUSED for a codec that this
 * build does not have.
 */
int	 kiter_open(struct kiter *, struct slice batch, size_t max_inflated,
	    struct err *e);

/*
 * The next record: 1; 0 at the end; -1 with ERR_CORRUPT.  The slices point
 * into the batch, or into the iterator when it was compressed, and live until
 * the next kiter_open().
 */
int	 kiter_next(struct kiter *, struct krecord *, struct err *e);

void	 kiter_close(struct kiter *);

/*
 * The headers of a record from kiter_next() (which has checked them):
 *	for (in = rec.headers; krecord_header(&in, &h);)
 */
bool	 krecord_header(struct slice *in, struct krecord_header *);

/*
 * The first record with offset >= from and timestamp >= ts.  1 and the record's
 * offset and timestamp, 0: none, -1: as kiter_open and kiter_next.
 */
int	 kbatch_find_time(struct kiter *, struct slice batch, int64_t from,
	    int64_t ts, size_t max_inflated, int64_t *offset,
	    int64_t *timestamp, struct err *e);

/* The first record that has the batch's largest timestamp; else the same. */
int	 kbatch_find_max_time(struct kiter *, struct slice batch,
	    size_t max_inflated, int64_t *offset, int64_t *timestamp,
	    struct err *e);

/* --- keeping some of the records of a batch: log compaction --- */

/*
 *	struct kfilter f = KFILTER_INIT;
 *	rc = kbatch_filter(&f, batch, &rule, &out, e);
 *	... out is valid until the next call
 *	kfilter_fini(&f);
 *
 * What stays keeps its offset and timestamp, the batch its base and last
 * offset, producer, sequence and codec.  A batch without records (count 0) is
 * a header that tells these.
 */
struct kfilter {
	struct kiter	 it;
	struct slice	*kept;			/* encoded records */
	size_t		 nkept, cap;
	int64_t		 max_timestamp;
	bool		 null_value;		/* one of them is a tombstone */
	uint8_t		*plain, *packed;	/* the new batch */
	size_t		 plain_cap, packed_cap;
};
#define KFILTER_INIT	{ .it = KITER_INIT }

struct kfilter_rule {
	bool	(*keep)(void *ctx, const struct kbatch *,
		    const struct krecord *);
	void	*ctx;
	/* Put into a batch that has none yet when a record that stays has no
	 * value, or in any case; -1: nothing is put anywhere. */
	int64_t	 horizon;
	bool	 horizon_always;
	size_t	 max_inflated;
};

enum kfilter_result {
	KFILTER_SAME,		/* all stays; *out is the batch itself */
	KFILTER_CHANGED,
	KFILTER_EMPTY		/* nothing stays; *out is a batch of no
				   records */
};
/* enum kfilter_result, or -1 as kiter_open and kiter_next. */
int	 kbatch_filter(struct kfilter *, struct slice batch,
	    const struct kfilter_rule *, struct slice *out, struct err *e);
void	 kfilter_fini(struct kfilter *);

/* The delete horizon (KIP-534) of a batch, -1: none. */
static inline int64_t
kbatch_horizon(const struct kbatch *b)
{
	return ((b->attributes & KATTR_DELETE_HORIZON) == 0 ? -1 :
	    b->base_timestamp);
}

/* --- building --- */

/*
 * Builds one uncompressed batch in the caller's memory, in a single pass:
 *
 *	kbuilder_init(&b, buf, cap, timestamp);
 *	kbuilder_values(&b, &batch->records[0].body, sizeof(struct record), n);
 *	size = kbuilder_finish(&b);
 *
 * Offsets count from 0 (kbatch_rebase or base_offset set later), sequence and
 * producer from the fields, which may be set any time before finish.
 */
struct kbuilder {
	uint8_t		*base, *p, *end;
	const uint8_t	*summed;	/* bytes before it are in crc */
	uint32_t	 crc;
	int32_t		 count;
	int64_t		 base_timestamp;
	int64_t		 max_timestamp;

	/* set by init, changed by the caller */
	int64_t		 base_offset;		/* 0 */
	int32_t		 leader_epoch;		/* -1 */
	int16_t		 attributes;		/* 0; codec stays 0 */
	int64_t		 producer_id;		/* -1 */
	int16_t		 producer_epoch;	/* -1 */
	int32_t		 base_sequence;		/* -1 */
};

/*
 * Upper bound for a batch of n records whose keys, values, header keys and
 * header values are `bytes` in sum, with h headers in sum.
 */
size_t	 kbuilder_bound(size_t n, size_t bytes, size_t h);

/* cap >= KBATCH_HEADER. Timestamps of records are relative to this one. */
void	 kbuilder_init(struct kbuilder *, uint8_t *buf, size_t cap,
	    int64_t base_timestamp);

/* Adds a record; false when it does not fit (nothing is changed). */
bool	 kbuilder_add(struct kbuilder *, int64_t timestamp, struct slice key,
	    struct slice value, const struct krecord_header *headers,
	    uint32_t nheaders);

/*
 * The fast way: values alone, at the base timestamp, without key or headers.
 * first is the first of n slices that lie stride bytes apart.  Gives how many
 * were added before memory ran out.
 */
uint32_t kbuilder_values(struct kbuilder *, const struct slice *first,
	    size_t stride, uint32_t n);

/* Bytes so far, the header included. */
static inline size_t
kbuilder_size(const struct kbuilder *b)
{
	return ((size_t)(b->p - b->base));
}

/* Writes the header; gives the size of the batch.  count must be > 0. */
size_t	 kbuilder_finish(struct kbuilder *);

/* --- control batches (KIP-98) --- */

enum kcontrol {
	KCONTROL_ABORT = 0,
	KCONTROL_COMMIT = 1
};

#define KBATCH_CONTROL_SIZE	78	/* of an end-of-transaction marker */

/* Writes an end-of-transaction marker of KBATCH_CONTROL_SIZE bytes at p. */
void	 kbatch_control(uint8_t *p, enum kcontrol, int64_t producer_id,
	    int16_t producer_epoch, int32_t coordinator_epoch, int64_t ts);

/*
 * What a control batch says: its type (any number, see enum kcontrol) and the
 * coordinator's epoch.  -1 with ERR_CORRUPT when it is not one.
 */
int	 kbatch_control_parse(struct slice batch, int16_t *type,
	    int32_t *coordinator_epoch, struct err *e);

#endif
