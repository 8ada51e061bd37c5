/*
 * The header of a record batch: parse, check, patch, and control batches.
 *
 * Patches inside the CRC's range do not read the records again.  A CRC is
 * linear: crc(A B) = shift(crc A, |B|) ^ crc B.  So when the header A becomes
 * A', the CRC changes by shift(crc A ^ crc A', |B|), whatever B is, and a batch
 * whose CRC was wrong keeps a wrong one.
 */
#include "kafka/records.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/crc32c.h"

/* Places in the header. */
#define AT_LENGTH	8
#define AT_EPOCH	12
#define AT_MAGIC	16
#define AT_CRC		17
#define AT_ATTRIBUTES	21
#define AT_LAST_DELTA	23
#define AT_BASE_TIME	27
#define AT_MAX_TIME	35
#define AT_PRODUCER	43
#define AT_PEPOCH	51
#define AT_SEQUENCE	53
#define AT_COUNT	57

static void
parse(const uint8_t *p, struct kbatch *b)
{
	b->base_offset = (int64_t)get_be64(p);
	b->length = (int32_t)get_be32(p + AT_LENGTH);
	b->leader_epoch = (int32_t)get_be32(p + AT_EPOCH);
	b->magic = (int8_t)p[AT_MAGIC];
	b->crc = get_be32(p + AT_CRC);
	b->attributes = (int16_t)get_be16(p + AT_ATTRIBUTES);
	b->last_offset_delta = (int32_t)get_be32(p + AT_LAST_DELTA);
	b->base_timestamp = (int64_t)get_be64(p + AT_BASE_TIME);
	b->max_timestamp = (int64_t)get_be64(p + AT_MAX_TIME);
	b->producer_id = (int64_t)get_be64(p + AT_PRODUCER);
	b->producer_epoch = (int16_t)get_be16(p + AT_PEPOCH);
	b->base_sequence = (int32_t)get_be32(p + AT_SEQUENCE);
	b->count = (int32_t)get_be32(p + AT_COUNT);
}

int
kbatch_parse(struct slice in, struct kbatch *b, struct err *e)
{
	if (in.len < KBATCH_HEADER)
		return (err_set(e, ERR_CORRUPT, "%zu bytes are too few for a "
		    "record batch", in.len));
	parse(in.p, b);
	if (b->magic != KBATCH_MAGIC)
		return (err_set(e, ERR_CORRUPT, "record batch has magic %d, "
		    "not 2", b->magic));
	if (b->length < KBATCH_HEADER - KBATCH_PREFIX ||
	    b->length > KBATCH_MAX - KBATCH_PREFIX)
		return (err_set(e, ERR_CORRUPT, "record batch has the length "
		    "%d", b->length));
	if (b->base_offset < 0 || b->last_offset_delta < 0 || b->count < 0 ||
	    b->base_offset > INT64_MAX - b->last_offset_delta)
		return (err_set(e, ERR_CORRUPT, "record batch has base offset "
		    "%lld, last delta %d, count %d", (long long)b->base_offset,
		    b->last_offset_delta, b->count));
	return (0);
}

uint32_t
kbatch_crc(struct slice in)
{
	return (crc32c(0, in.p + AT_ATTRIBUTES, in.len - AT_ATTRIBUTES));
}

int
kbatch_check(struct slice in, struct kbatch *b, struct err *e)
{
	uint32_t crc;

	if (kbatch_parse(in, b, e) == -1)
		return (-1);
	if (kbatch_size(b) > in.len)
		return (err_set(e, ERR_CORRUPT, "record batch of %zu bytes is "
		    "cut at %zu", kbatch_size(b), in.len));
	crc = kbatch_crc(slice_of(in.p, kbatch_size(b)));
	if (crc != b->crc)
		return (err_set(e, ERR_CORRUPT, "record batch at offset %lld "
		    "has CRC %08x, its bytes give %08x",
		    (long long)b->base_offset, b->crc, crc));
	return (0);
}

void
kbatch_rebase(uint8_t *p, int64_t base_offset, int32_t leader_epoch)
{
	put_be64(p, (uint64_t)base_offset);
	put_be32(p + AT_EPOCH, (uint32_t)leader_epoch);
}

static uint32_t
header_crc(const uint8_t *p)
{
	return (crc32c(0, p + AT_ATTRIBUTES, KBATCH_HEADER - AT_ATTRIBUTES));
}

/* The header changed from one with header_crc() old: carry it over. */
static void
patch_crc(uint8_t *p, uint32_t old)
{
	size_t behind = get_be32(p + AT_LENGTH) + KBATCH_PREFIX -
	    KBATCH_HEADER;
	uint32_t change = crc32c_combine(old ^ header_crc(p), 0, behind);

	put_be32(p + AT_CRC, get_be32(p + AT_CRC) ^ change);
}

void
kbatch_set_append_time(uint8_t *p, int64_t ts)
{
	uint32_t old = header_crc(p);
	uint16_t attributes = get_be16(p + AT_ATTRIBUTES);

	put_be16(p + AT_ATTRIBUTES, attributes | KATTR_LOG_APPEND_TIME);
	put_be64(p + AT_MAX_TIME, (uint64_t)ts);
	patch_crc(p, old);
}

void
kbatch_set_producer(uint8_t *p, int64_t producer_id, int16_t epoch,
    int32_t base_sequence, bool transactional)
{
	uint32_t old = header_crc(p);
	uint16_t attributes = get_be16(p + AT_ATTRIBUTES);

	attributes &= (uint16_t)~KATTR_TRANSACTIONAL;
	if (transactional)
		attributes |= KATTR_TRANSACTIONAL;
	put_be16(p + AT_ATTRIBUTES, attributes);
	put_be64(p + AT_PRODUCER, (uint64_t)producer_id);
	put_be16(p + AT_PEPOCH, (uint16_t)epoch);
	put_be32(p + AT_SEQUENCE, (uint32_t)base_sequence);
	patch_crc(p, old);
}

/* --- control batches --- */

/* Key: version and type.  Value: version and the coordinator's epoch. */
#define CONTROL_KEY	4
#define CONTROL_VALUE	6

void
kbatch_control(uint8_t *p, enum kcontrol type, int64_t producer_id,
    int16_t producer_epoch, int32_t coordinator_epoch, int64_t ts)
{
	uint8_t key[CONTROL_KEY], value[CONTROL_VALUE];
	struct kbuilder b;

	put_be16(key, 0);
	put_be16(key + 2, (uint16_t)type);
	put_be16(value, 0);
	put_be32(value + 2, (uint32_t)coordinator_epoch);
	kbuilder_init(&b, p, KBATCH_CONTROL_SIZE, ts);
	b.attributes = KATTR_TRANSACTIONAL | KATTR_CONTROL;
	b.producer_id = producer_id;
	b.producer_epoch = producer_epoch;
	CHECK(kbuilder_add(&b, ts, slice_of(key, sizeof key),
	    slice_of(value, sizeof value), NULL, 0));
	CHECK(kbuilder_finish(&b) == KBATCH_CONTROL_SIZE);
}

int
kbatch_control_parse(struct slice batch, int16_t *type,
    int32_t *coordinator_epoch, struct err *e)
{
	struct kiter it = KITER_INIT;	/* uncompressed: holds no memory */
	struct kbatch b;
	struct krecord r;

	if (kbatch_parse(batch, &b, e) == -1)
		return (-1);
	if ((b.attributes & KATTR_CONTROL) == 0 || kbatch_codec(&b) != 0)
		return (err_set(e, ERR_CORRUPT, "not a control batch"));
	if (kiter_open(&it, batch, 0, e) == -1)
		return (-1);
	switch (kiter_next(&it, &r, e)) {
	case -1:
		return (-1);
	case 0:
		return (err_set(e, ERR_CORRUPT, "control batch is empty"));
	}
	if (r.key.len < CONTROL_KEY || r.value.len < CONTROL_VALUE)
		return (err_set(e, ERR_CORRUPT, "control record of %zu and %zu "
		    "bytes is no end of a transaction", r.key.len,
		    r.value.len));
	*type = (int16_t)get_be16(r.key.p + 2);
	*coordinator_epoch = (int32_t)get_be32(r.value.p + 2);
	return (0);
}
