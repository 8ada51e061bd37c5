/* Calls of transactional producers, over broker_bed.h. */
#ifndef TEST_UNIT_TXNS_CLIENT_H
#define TEST_UNIT_TXNS_CLIENT_H

#include "test/unit/groups_client.h"

#include "base/buf.h"
#include "base/crc32c.h"
#include "kafka/records.h"

/* What a producer knows of itself. */
struct tp {
	const char	*id;
	int64_t		 pid;
	int16_t		 epoch;
	int32_t		 seq;		/* of its one partition */
	int		 ends;		/* version of EndTxn; 0: 3 */
};

/* A connection that was greeted, as the coordinator wants it. */
static inline int
tp_connect(const struct bed *b)
{
	struct km_api_versions_request q = {
		.client_software_name = SLICE("bed"),
		.client_software_version = SLICE("1")
	};
	int fd = bed_connect(b);

	(void)bed_call(fd, KAPI_ApiVersions, 3, &q);
	return (fd);
}

static inline int
tp_init_as(int fd, struct tp *p, int version, int64_t pid, int16_t epoch)
{
	struct km_init_producer_id_response *a;
	REQUEST(init_producer_id, q);

	q.transactional_id = slice_str(p->id);
	q.transaction_timeout_ms = 60000;
	q.producer_id = pid;
	q.producer_epoch = epoch;
	a = bed_call(fd, KAPI_InitProducerId, version, &q);
	if (a->error_code == 0) {
		p->pid = a->producer_id;
		p->epoch = a->producer_epoch;
		p->seq = 0;
	}
	return (a->error_code);
}

static inline int
tp_init(int fd, struct tp *p)
{
	return (tp_init_as(fd, p, 5, -1, -1));
}

static inline int
tp_add_as(int fd, const struct tp *p, int version, const char *topic,
    int32_t partition)
{
	struct km_add_partitions_to_txn_request_topic t = {
		.name = slice_str(topic), .partitions = { &partition, 1 }
	};
	struct km_add_partitions_to_txn_response *a;
	REQUEST(add_partitions_to_txn, q);

	q.transactional_id = slice_str(p->id);
	q.producer_id = p->pid;
	q.producer_epoch = p->epoch;
	q.topics.v = &t;
	q.topics.n = 1;
	a = bed_call(fd, KAPI_AddPartitionsToTxn, version, &q);
	ck_assert_int_eq(a->results_by_topic.n, 1);
	return (a->results_by_topic.v[0].results_by_partition.v[0]
	    .partition_error_code);
}

static inline int
tp_add(int fd, const struct tp *p, const char *topic)
{
	return (tp_add_as(fd, p, 3, topic, 0));
}

static inline int
tp_add_offsets(int fd, const struct tp *p, const char *group)
{
	struct km_add_offsets_to_txn_response *a;
	REQUEST(add_offsets_to_txn, q);

	q.transactional_id = slice_str(p->id);
	q.producer_id = p->pid;
	q.producer_epoch = p->epoch;
	q.group_id = slice_str(group);
	a = bed_call(fd, KAPI_AddOffsetsToTxn, 3, &q);
	return (a->error_code);
}

/* Of version 5, it takes the new id and epoch. */
static inline int
tp_end(int fd, struct tp *p, bool commit)
{
	int version = p->ends == 0 ? 3 : p->ends;
	struct km_end_txn_response *a;
	REQUEST(end_txn, q);

	q.transactional_id = slice_str(p->id);
	q.producer_id = p->pid;
	q.producer_epoch = p->epoch;
	q.committed = commit;
	a = bed_call(fd, KAPI_EndTxn, version, &q);
	if (a->error_code == 0 && version >= 5) {
		p->pid = a->producer_id;
		p->epoch = a->producer_epoch;
		p->seq = 0;
	}
	return (a->error_code);
}

/* One record in a transactional batch, to partition 0; the sequence moves when
 * one is taken. */
static inline struct slice
tp_batch(const struct tp *p, const char *value)
{
	struct slice batch = bed_batch(value, 1);
	uint8_t *b = (uint8_t *)batch.p;

	(void)put_be16(b + 21, KATTR_TRANSACTIONAL);
	(void)put_be64(b + 43, (uint64_t)p->pid);
	(void)put_be16(b + 51, (uint16_t)p->epoch);
	(void)put_be32(b + 53, (uint32_t)p->seq);
	(void)put_be32(b + 17, crc32c(0, b + 21, batch.len - 21));
	return (batch);
}

static inline int
tp_produce_acks(int fd, struct tp *p, const char *topic, const char *value,
    int16_t acks)
{
	int error = bed_produce_bytes(fd, 9, topic, 0, acks,
	    tp_batch(p, value), NULL);

	p->seq += error == 0;
	return (error);
}

/* Version 12, which adds the partition itself. */
static inline int
tp_produce_adding(int fd, struct tp *p, const char *topic, const char *value)
{
	struct km_produce_request_partition part = {
		.records = tp_batch(p, value)
	};
	struct km_produce_request_topic t = { .name = slice_str(topic),
	    .partition_data = { &part, 1 } };
	struct km_produce_response *a;
	int error;
	REQUEST(produce, q);

	q.transactional_id = slice_str(p->id);
	q.acks = -1;
	q.timeout_ms = 1000;
	q.topic_data.v = &t;
	q.topic_data.n = 1;
	a = bed_call(fd, KAPI_Produce, 12, &q);
	error = a->responses.v[0].partition_responses.v[0].error_code;
	p->seq += error == 0;
	return (error);
}

static inline int
tp_produce(int fd, struct tp *p, const char *topic, const char *value)
{
	return (tp_produce_acks(fd, p, topic, value, -1));
}

static inline int
tp_commit_offset(int fd, const struct tp *p, const char *group,
    const char *topic, int64_t offset)
{
	struct km_txn_offset_commit_request_partition part;
	struct km_txn_offset_commit_request_topic t = {
		.name = slice_str(topic), .partitions = { &part, 1 }
	};
	struct km_txn_offset_commit_response *a;
	REQUEST(txn_offset_commit, q);

	kw_defaults(&kd_txn_offset_commit_request_partition, &part);
	part.committed_offset = offset;
	q.transactional_id = slice_str(p->id);
	q.producer_id = p->pid;
	q.producer_epoch = p->epoch;
	q.group_id = slice_str(group);
	q.topics.v = &t;
	q.topics.n = 1;
	a = bed_call(fd, KAPI_TxnOffsetCommit, 3, &q);
	ck_assert_int_eq(a->topics.n, 1);
	return (a->topics.v[0].partitions.v[0].error_code);
}

/* --- reading --- */

struct tp_marker {
	int64_t	pid, offset;
};

/* Is the batch of a transaction that was aborted, and not ended before it? */
static inline bool
tp_is_aborted(const struct km_fetch_response_partition *p,
    const struct kbatch *b, const struct tp_marker *v, size_t n)
{
	int64_t first;
	int32_t i;
	size_t k;

	for (i = 0; i < p->aborted_transactions.n; i++) {
		first = p->aborted_transactions.v[i].first_offset;
		if (p->aborted_transactions.v[i].producer_id !=
		    b->producer_id || b->base_offset < first)
			continue;
		for (k = 0; k < n && (v[k].pid != b->producer_id ||
		    v[k].offset < first); k++)
			;
		if (k == n)
			return (true);
	}
	return (false);
}

/*
 * The records of partition 0 that a reader of committed ones sees: "a b c ",
 * and "..." when something behind them is not decided yet; "?" on an error.
 */
static inline char *
tp_read(int fd, const char *topic)
{
	static char text[4096];
	struct km_fetch_response_partition *p;
	struct km_fetch_response *a;
	struct km_fetch_request_partition part;
	struct km_fetch_request_topic t = { .topic = slice_str(topic),
	    .partitions = { &part, 1 } };
	struct kiter it = KITER_INIT;
	struct kbatch b;
	struct krecord rec;
	struct slice in;
	struct tp_marker markers[256];
	size_t n = 0, len = 0;
	REQUEST(fetch, q);

	kw_defaults(&kd_fetch_request_partition, &part);
	part.partition_max_bytes = 1 << 20;
	q.max_bytes = 1 << 20;
	q.isolation_level = 1;
	q.topics.v = &t;
	q.topics.n = 1;
	a = bed_call(fd, KAPI_Fetch, 11, &q);
	ck_assert_int_eq(a->error_code, 0);
	p = &a->responses.v[0].partitions.v[0];
	snprintf(text, sizeof text, "%s", p->error_code == 0 ? "" : "?");
	for (in = p->records; in.len > 0;) {
		UNIT_OK(kbatch_parse(in, &b, e));
		if (kbatch_size(&b) > in.len)
			break;
		if ((b.attributes & KATTR_CONTROL) != 0) {
			markers[n] = (struct tp_marker){ b.producer_id,
			    b.base_offset };
			n += n < NELEM(markers) - 1;
		} else if ((b.attributes & KATTR_TRANSACTIONAL) == 0 ||
		    !tp_is_aborted(p, &b, markers, n)) {
			UNIT_OK(kiter_open(&it, in, 1 << 20, e));
			while (kiter_next(&it, &rec, NULL) == 1)
				len += (size_t)snprintf(text + len,
				    sizeof text - len, "%.*s ",
				    (int)rec.value.len,
				    (const char *)rec.value.p);
		}
		in = slice_of(in.p + kbatch_size(&b),
		    in.len - kbatch_size(&b));
	}
	kiter_close(&it);
	if (p->last_stable_offset < p->high_watermark)
		snprintf(text + len, sizeof text - len, "...");
	return (text);
}

#endif
