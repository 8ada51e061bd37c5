/*
 * What a broker refuses of a producer, in the order in which Apache Kafka
 * looks (KIP-98, KIP-467).  Each check answers an error code and says why.
 */
#include "kafka/records.h"

#include "kafka/compress.h"
#include "kafka/errors.h"

/* Sets the sentence, gives the code. */
#define REFUSE(code, ...)						\
	(err_set(e, ERR_REFUSED, __VA_ARGS__), (code))

/* One batch, of magic 2, that fills the bytes. */
static int
check_shape(struct slice in, struct kbatch *b, struct err *e)
{
	if (in.p == NULL || in.len == 0)
		return (REFUSE(KERR_INVALID_RECORD, "no records"));
	if (in.len > 16 && in.p[16] != KBATCH_MAGIC)
		return (REFUSE(KERR_INVALID_RECORD, "records of magic %d: only "
		    "record batches (magic 2) are taken", in.p[16]));
	if (kbatch_parse(in, b, e) == -1)
		return (KERR_CORRUPT_MESSAGE);
	if (kbatch_size(b) > in.len)
		return (REFUSE(KERR_CORRUPT_MESSAGE, "record batch of %zu "
		    "bytes is cut at %zu", kbatch_size(b), in.len));
	if (kbatch_size(b) < in.len)
		return (REFUSE(KERR_INVALID_RECORD, "more than one record "
		    "batch for a partition"));
	return (KERR_NONE);
}

static int
check_limits(struct slice in, const struct kbatch_rules *rules,
    const struct kbatch *b, struct err *e)
{
	int codec = kbatch_codec(b);

	if (codec >= KCODEC_COUNT)
		return (REFUSE(KERR_UNSUPPORTED_COMPRESSION_TYPE,
		    "compression type %d is not known", codec));
	if (codec == KCODEC_ZSTD && rules->version < 7)
		return (REFUSE(KERR_UNSUPPORTED_COMPRESSION_TYPE,
		    "zstd needs a Produce request of version 7 or above"));
	if (b->base_offset != 0)
		return (REFUSE(KERR_INVALID_RECORD, "base offset is %lld, not "
		    "0", (long long)b->base_offset));
	if (in.len > rules->max_bytes)
		return (REFUSE(KERR_MESSAGE_TOO_LARGE, "record batch of %zu "
		    "bytes is above max.message.bytes, %u", in.len,
		    rules->max_bytes));
	if (kbatch_crc(in) != b->crc)
		return (REFUSE(KERR_CORRUPT_MESSAGE, "record batch fails its "
		    "CRC"));
	return (KERR_NONE);
}

static int
check_header(const struct kbatch_rules *rules, const struct kbatch *b,
    struct err *e)
{
	if (b->count == 0 || b->last_offset_delta != b->count - 1)
		return (REFUSE(KERR_INVALID_RECORD, "%d records, but last "
		    "offset delta %d", b->count, b->last_offset_delta));
	if ((b->attributes & KATTR_CONTROL) != 0)
		return (REFUSE(KERR_INVALID_RECORD, "control batches are the "
		    "broker's to write"));
	if (b->producer_id >= 0 && b->base_sequence < 0)
		return (REFUSE(KERR_INVALID_RECORD, "producer id %lld with "
		    "base sequence %d", (long long)b->producer_id,
		    b->base_sequence));
	if (b->producer_id < 0 && (b->attributes & KATTR_TRANSACTIONAL) != 0)
		return (REFUSE(KERR_INVALID_RECORD, "a transactional batch "
		    "without a producer id"));
	if ((b->attributes & KATTR_LOG_APPEND_TIME) != 0)
		return (REFUSE(KERR_INVALID_TIMESTAMP, "LogAppendTime is the "
		    "broker's to set"));
	if (b->max_timestamp > rules->max_timestamp ||
	    b->max_timestamp < rules->min_timestamp)
		return (REFUSE(KERR_INVALID_TIMESTAMP, "timestamp %lld is out "
		    "of range", (long long)b->max_timestamp));
	return (KERR_NONE);
}

static int
check_record(const struct kbatch_rules *rules, const struct krecord *r,
    int64_t offset, struct err *e)
{
	if (r->offset != offset)
		return (REFUSE(KERR_INVALID_RECORD, "record %lld has offset "
		    "delta %lld", (long long)offset, (long long)r->offset));
	if (rules->need_key && r->key.p == NULL)
		return (REFUSE(KERR_INVALID_RECORD, "record %lld has no key, "
		    "and the topic is compacted", (long long)offset));
	if (r->timestamp > rules->max_timestamp ||
	    r->timestamp < rules->min_timestamp)
		return (REFUSE(KERR_INVALID_TIMESTAMP, "record %lld: timestamp "
		    "%lld is out of range", (long long)offset,
		    (long long)r->timestamp));
	return (KERR_NONE);
}

static int
check_records(struct slice in, const struct kbatch_rules *rules,
    struct err *e)
{
	struct err why = ERR_INIT;
	struct kiter it = KITER_INIT;
	struct krecord r;
	int64_t offset = 0;
	int code = KERR_NONE, rc;

	if (kiter_open(&it, in, rules->max_inflated, &why) == -1) {
		code = why.code == ERR_REFUSED ?
		    KERR_UNSUPPORTED_COMPRESSION_TYPE :
		    why.code == ERR_TOO_LARGE ? KERR_MESSAGE_TOO_LARGE :
		    KERR_CORRUPT_MESSAGE;
		goto out;
	}
	while (code == KERR_NONE && (rc = kiter_next(&it, &r, &why)) != 0)
		code = rc == -1 ? KERR_INVALID_RECORD :
		    check_record(rules, &r, offset++, &why);
out:
	kiter_close(&it);
	if (code != KERR_NONE)
		err_set(e, ERR_REFUSED, "%s", why.msg);
	return (code);
}

int
kbatch_validate(struct slice records, const struct kbatch_rules *rules,
    struct kbatch *b, struct err *e)
{
	int code;

	if ((code = check_shape(records, b, e)) != KERR_NONE ||
	    (code = check_limits(records, rules, b, e)) != KERR_NONE ||
	    (code = check_header(rules, b, e)) != KERR_NONE)
		return (code);
	return (rules->deep ? check_records(records, rules, e) : KERR_NONE);
}
