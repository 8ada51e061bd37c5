/*
 * Transactions in groups, over groups_client.h: the test is the coordinator,
 * with the calls it uses (broker/partition.h, broker/groups_txn.h), or a
 * producer, which asks the real one (producer_init and so on).
 */
#ifndef TEST_UNIT_GROUPS_TXN_CLIENT_H
#define TEST_UNIT_GROUPS_TXN_CLIENT_H

#include "test/unit/groups_client.h"

#include "base/thread.h"
#include "broker/groups_txn.h"
#include "broker/topic.h"

/* A connection that was greeted, as the fence wants it. */
static inline int
txn_connect(const struct bed *b)
{
	int fd = bed_connect(b);
	REQUEST(api_versions, q);

	(void)bed_call(fd, KAPI_ApiVersions, 2, &q);
	return (fd);
}

/* The transaction has the group's partition from now on. */
static inline void
txn_begin(const struct bed *b, const char *group, int64_t producer, int epoch)
{
	struct err err = ERR_INIT;
	struct topic *t = topic_offsets(b->broker, true, &err);

	ck_assert_ptr_nonnull(t);
	UNIT_OK(partition_txn_begin(topic_partition(t,
	    groups_partition(b->broker, slice_str(group))), producer,
	    (int16_t)epoch, e));
	topic_unref(t);
}

struct txn_waiter {
	struct groups_marker	m;
	struct mutex		lock;
	struct cond		cond;
	bool			done, failed;
};

/* In the thread that makes the marker durable. */
static inline void
txn_ended(struct completion *c, const struct err *err)
{
	struct groups_marker *m = container_of(c, struct groups_marker, done);
	struct txn_waiter *w = container_of(m, struct txn_waiter, m);

	mutex_lock(&w->lock);
	w->done = true;
	w->failed = err != NULL;
	cond_signal(&w->cond);
	mutex_unlock(&w->lock);
}

/* Writes the marker; false: it was refused. */
static inline bool
txn_end(const struct bed *b, const char *group, int64_t producer, int epoch,
    bool commit)
{
	struct txn_waiter w = {
		.m.marker = { .producer_id = producer,
		    .epoch = (int16_t)epoch, .commit = commit },
		.m.partition = groups_partition(b->broker, slice_str(group)),
	};

	mutex_init(&w.lock);
	cond_init(&w.cond);
	completion_init(&w.m.done, NULL, txn_ended);
	groups_txn_end(b->broker, &w.m);
	mutex_lock(&w.lock);
	while (!w.done)
		cond_wait(&w.cond, &w.lock);
	mutex_unlock(&w.lock);
	mutex_fini(&w.lock);
	cond_fini(&w.cond);
	return (!w.failed);
}

struct txn_commit {
	int		 version;	/* 0: 3; -1: 0 */
	const char	*group, *member, *instance, *topic, *metadata;
	int32_t		 generation;	/* with a member; else -1 */
	int32_t		 partition;
	int64_t		 producer, offset;
	int		 epoch;
};

static inline int
do_txn_commit(int fd, struct txn_commit c)
{
	struct km_txn_offset_commit_request_partition p = {
		.partition_index = c.partition,
		.committed_offset = c.offset,
		.committed_leader_epoch = 6,
		.committed_metadata = slice_str(c.metadata),
	};
	struct km_txn_offset_commit_request_topic t = {
		.name = slice_str(c.topic == NULL ? "t" : c.topic),
		.partitions = { &p, 1 },
	};
	struct km_txn_offset_commit_response *a;
	REQUEST(txn_offset_commit, q);

	q.transactional_id = SLICE("tx");
	q.group_id = slice_str(c.group == NULL ? "g" : c.group);
	q.producer_id = c.producer;
	q.producer_epoch = (int16_t)c.epoch;
	q.member_id = slice_str(c.member == NULL ? "" : c.member);
	q.group_instance_id = slice_str(c.instance);
	q.generation_id = c.member == NULL && c.generation == 0 ? -1 :
	    c.generation;
	q.topics.v = &t;
	q.topics.n = 1;
	a = bed_call(fd, KAPI_TxnOffsetCommit, c.version == 0 ? 3 :
	    c.version == -1 ? 0 : c.version, &q);
	ck_assert_int_eq(a->topics.n, 1);
	UNIT_SLICE(a->topics.v[0].name, c.topic == NULL ? "t" : c.topic);
	ck_assert_int_eq(a->topics.v[0].partitions.n, 1);
	ck_assert_int_eq(a->topics.v[0].partitions.v[0].partition_index,
	    c.partition);
	return (a->topics.v[0].partitions.v[0].error_code);
}

#define TXN_COMMIT(fd, ...)						\
	do_txn_commit((fd), (struct txn_commit){ __VA_ARGS__ })

/* --- of the coordinator's requests --- */

struct txn_producer {
	int64_t	id;
	int	epoch;
};

static inline struct txn_producer
producer_init(int fd)
{
	struct km_init_producer_id_response *a;

	/* While an earlier transaction is being aborted: again. */
	do
		a = init_producer(fd, 4, "tx");
	while (a->error_code == KERR_CONCURRENT_TRANSACTIONS);
	ck_assert_int_eq(a->error_code, 0);
	return ((struct txn_producer){ a->producer_id, a->producer_epoch });
}

static inline void
producer_add_group(int fd, struct txn_producer p, const char *group)
{
	struct km_add_offsets_to_txn_response *a;
	REQUEST(add_offsets_to_txn, q);

	q.transactional_id = SLICE("tx");
	q.producer_id = p.id;
	q.producer_epoch = (int16_t)p.epoch;
	q.group_id = slice_str(group);
	do
		a = bed_call(fd, KAPI_AddOffsetsToTxn, 3, &q);
	while (a->error_code == KERR_CONCURRENT_TRANSACTIONS);
	ck_assert_int_eq(a->error_code, 0);
}

/* version 5: gives the producer of the next transaction. */
static inline struct txn_producer
producer_end(int fd, int version, struct txn_producer p, bool commit)
{
	struct km_end_txn_response *a;
	REQUEST(end_txn, q);

	q.transactional_id = SLICE("tx");
	q.producer_id = p.id;
	q.producer_epoch = (int16_t)p.epoch;
	q.committed = commit;
	a = bed_call(fd, KAPI_EndTxn, version, &q);
	ck_assert_int_eq(a->error_code, 0);
	if (version >= 5)
		p = (struct txn_producer){ a->producer_id, a->producer_epoch };
	return (p);
}

/* The offset with require_stable, or -88 for UNSTABLE_OFFSET_COMMIT. */
static inline int64_t
stable_at(int fd, int version, const char *group, const char *topic,
    int32_t partition)
{
	struct km_offset_fetch_request_topic old = {
		.name = slice_str(topic), .partition_indexes = { &partition, 1 }
	};
	struct km_offset_fetch_request_group_topic new = {
		.name = slice_str(topic), .partition_indexes = { &partition, 1 }
	};
	struct km_offset_fetch_request_group g;
	struct km_offset_fetch_response *a;
	int64_t offset;
	int16_t error;
	REQUEST(offset_fetch, q);

	kw_defaults(&kd_offset_fetch_request_group, &g);
	g.group_id = q.group_id = slice_str(group);
	g.topics.v = &new;
	g.topics.n = 1;
	q.topics.v = &old;
	q.topics.n = 1;
	q.groups.v = &g;
	q.groups.n = 1;
	q.require_stable = true;
	a = bed_call(fd, KAPI_OffsetFetch, version, &q);
	if (version >= 8) {
		ck_assert_int_eq(a->groups.v[0].error_code, 0);
		offset = a->groups.v[0].topics.v[0].partitions.v[0]
		    .committed_offset;
		error = a->groups.v[0].topics.v[0].partitions.v[0].error_code;
	} else {
		ck_assert_int_eq(a->error_code, 0);
		offset = a->topics.v[0].partitions.v[0].committed_offset;
		error = a->topics.v[0].partitions.v[0].error_code;
	}
	if (error == 0)
		return (offset);
	ck_assert_int_eq(offset, -1);
	return (-error);
}

/* OffsetDelete of one partition: the error of the group, else its own. */
static inline int
delete_offset(int fd, const char *group, const char *topic, int32_t partition)
{
	struct km_offset_delete_request_partition p = { partition };
	struct km_offset_delete_request_topic t = {
		.name = slice_str(topic), .partitions = { &p, 1 }
	};
	struct km_offset_delete_response *a;
	REQUEST(offset_delete, q);

	q.group_id = slice_str(group);
	q.topics.v = &t;
	q.topics.n = 1;
	a = bed_call(fd, KAPI_OffsetDelete, 0, &q);
	if (a->error_code != 0)
		return (a->error_code);
	ck_assert_int_eq(a->topics.n, 1);
	ck_assert_int_eq(a->topics.v[0].partitions.n, 1);
	ck_assert_int_eq(a->topics.v[0].partitions.v[0].partition_index,
	    partition);
	return (a->topics.v[0].partitions.v[0].error_code);
}

#endif
