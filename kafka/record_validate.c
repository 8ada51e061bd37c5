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

/* What is wrong with a single record: the code, and a sentence about it for
 * clients that tell it to the record's sender. */
static int
check_record(const struct kbatch_rules *rules, const struct krecord *r,
    const char **fault, struct err *e)
{
	if (rules->need_key && r->key.p == NULL) {
		*fault = "it has no key, and the topic is compacted";
		return (REFUSE(KERR_INVALID_RECORD, "record %lld has no key, "
		    "and the topic is compacted", (long long)r->offset));
	}
	if (r->timestamp > rules->max_timestamp ||
	    r->timestamp < rules->min_timestamp) {
		*fault = "its timestamp is out of the topic's range";
		return (REFUSE(KERR_INVALID_TIMESTAMP, "record %lld: timestamp "
		    "%lld is out of range", (long long)r->offset,
		    (long long)r->timestamp));
	}
	return (KERR_NONE);
}

/* Lists a record at fault; true: the next ones are wanted too. */
static bool
refuse_record(struct kbatch_refused *v, int64_t offset, const char *fault)
{
	if (v == NULL || v->n == KBATCH_REFUSED)
		return (false);
	v->v[v->n].index = (int32_t)offset;
	v->v[v->n++].why = fault;
	return (v->n < KBATCH_REFUSED);
}

/* The records that may be at fault one by one.  A timestamp counts more than a
 * key, as with Kafka. */
static int
walk_records(struct kiter *it, const struct kbatch_rules *rules, struct err *e)
{
	struct err why = ERR_INIT;
	struct krecord r;
	const char *fault;
	int64_t offset;
	int code = KERR_NONE, one, rc;
	bool more = true;

	for (offset = 0; more && (rc = kiter_next(it, &r, &why)) != 0;
	    offset++) {
		if (rc == -1 || r.offset != offset)
			return (rc == -1 ? REFUSE(KERR_INVALID_RECORD, "%s",
			    why.msg) : REFUSE(KERR_INVALID_RECORD, "record "
			    "%lld has offset delta %lld", (long long)offset,
			    (long long)r.offset));
		one = check_record(rules, &r, &fault, code == KERR_NONE ? e :
		    NULL);
		if (one == KERR_NONE)
			continue;
		more = refuse_record(rules->refused, offset, fault);
		if (code == KERR_NONE || one == KERR_INVALID_TIMESTAMP)
			code = one;
	}
	return (code);
}

static int
check_records(struct slice in, const struct kbatch_rules *rules,
    struct err *e)
{
	struct err why = ERR_INIT;
	struct kiter it = KITER_INIT;
	int code;

	if (kiter_open(&it, in, rules->max_inflated, &why) == 0)
		code = walk_records(&it, rules, e);
	else
		code = REFUSE(why.code == ERR_REFUSED ?
		    KERR_UNSUPPORTED_COMPRESSION_TYPE :
		    why.code == ERR_TOO_LARGE ? KERR_MESSAGE_TOO_LARGE :
		    KERR_CORRUPT_MESSAGE, "%s", why.msg);
	kiter_close(&it);
	return (code);
}

int
kbatch_validate(struct slice records, const struct kbatch_rules *rules,
    struct kbatch *b, struct err *e)
{
	int code;

	if ((code = check_shape(records, b, e)) != KERR_NONE ||
	    (code = check_limits(records, rules, b, e)) != KERR_NONE)
		return (code);
	if ((code = check_header(rules, b, e)) != KERR_NONE) {
		if (code == KERR_INVALID_TIMESTAMP && rules->refused != NULL)
			(void)check_records(records, rules, NULL);
		return (code);
	}
	return (rules->deep ? check_records(records, rules, e) : KERR_NONE);
}
