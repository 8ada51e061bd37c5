/* Produce 12, which adds its partitions to the transaction itself (KIP-890),
 * and 13, which names topics by id. */
#include "test/unit/unit.h"

#include "kafka/errors.h"
#include "kafka/records.h"
#include "test/unit/broker_bed.h"

static struct bed bed;
static char dir[64];
static int dirfd_, fd;
static int64_t pid;
static int16_t epoch;
static struct kuuid id;			/* of topic t */

static void
begin_txn_id(void)
{
	struct km_init_producer_id_request q;
	struct km_init_producer_id_response *a;

	kw_defaults(&kd_init_producer_id_request, &q);
	q.transactional_id = SLICE("tx");
	q.transaction_timeout_ms = 60000;
	a = bed_call(fd, KAPI_InitProducerId, 5, &q);
	ck_assert_int_eq(a->error_code, 0);
	pid = a->producer_id;
	epoch = a->producer_epoch;
}

static void
up(void)
{
	struct km_api_versions_request hello = {
	    .client_software_name = SLICE("bed"),
	    .client_software_version = SLICE("1") };

	dirfd_ = unit_dir(dir);
	bed_start(&bed, &fs_real, dir, "auto.create.topics.enable=false",
	    NULL);
	fd = bed_connect(&bed);
	(void)bed_call(fd, KAPI_ApiVersions, 3, &hello);	/* the fence */
	ck_assert_int_eq(bed_create(fd, "t", 3, NULL), 0);
	ck_assert_int_eq(bed_create(fd, "u", 1, NULL), 0);
	id = bed_topic(fd, "t")->topic_id;
	begin_txn_id();
}

static void
down(void)
{
	close(fd);
	bed_stop(&bed);
	unit_dir_remove(dirfd_, dir);
}

/* A request to n partitions of t and one of u, if with_u. */
static void
send(int version, int32_t correlation, int32_t first, int32_t n, int32_t seq,
    bool with_u)
{
	struct km_produce_request_partition parts[4];
	struct km_produce_request_topic topics[2] = {
		{ .name = SLICE("t"), .topic_id = id,
		    .partition_data = { parts, n } },
		{ .name = SLICE("u"), .partition_data = { parts + 3, 1 } }
	};
	struct km_produce_request q;
	int32_t i;

	kw_defaults(&kd_produce_request, &q);
	q.transactional_id = SLICE("tx");
	q.acks = -1;
	q.timeout_ms = 1000;
	q.topic_data.v = topics;
	q.topic_data.n = with_u ? 2 : 1;
	for (i = 0; i < 4; i++) {
		parts[i].index = i == 3 ? 0 : first + i;
		parts[i].records = bed_batch("v", 1);
		kbatch_set_producer((uint8_t *)parts[i].records.p, pid, epoch,
		    seq, true);
	}
	bed_send(fd, KAPI_Produce, version, correlation, &q);
}

static struct km_produce_response *
receive(int version, int32_t correlation)
{
	return (bed_recv(fd, KAPI_Produce, version, correlation));
}

static int16_t
error_of(const struct km_produce_response *a, int topic, int part)
{
	return (a->responses.v[topic].partition_responses.v[part].error_code);
}

static int64_t
base_of(const struct km_produce_response *a, int topic, int part)
{
	return (a->responses.v[topic].partition_responses.v[part].base_offset);
}

/* EndTxn 5 gives the next epoch. */
static void
commit(void)
{
	struct km_end_txn_request q;
	struct km_end_txn_response *a;

	kw_defaults(&kd_end_txn_request, &q);
	q.transactional_id = SLICE("tx");
	q.producer_id = pid;
	q.producer_epoch = epoch;
	q.committed = true;
	a = bed_call(fd, KAPI_EndTxn, 5, &q);
	ck_assert_int_eq(a->error_code, 0);
	ck_assert_int_eq(a->producer_id, pid);
	ck_assert_int_eq(a->producer_epoch, epoch + 1);
	epoch = a->producer_epoch;
}

START_TEST(adds_by_itself)
{
	struct km_produce_response *a;
	int i;

	up();
	send(11, 1, 0, 1, 0, false);
	ck_assert_int_eq(error_of(receive(11, 1), 0, 0),
	    KERR_TRANSACTION_ABORTABLE);
	send(12, 2, 0, 3, 0, true);
	a = receive(12, 2);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(error_of(a, 0, i), 0);
	ck_assert_int_eq(error_of(a, 1, 0), 0);
	commit();
	/* With the epoch before: fenced.  With the new one: from 0 on. */
	epoch--;
	send(12, 3, 0, 1, 1, false);
	ck_assert_int_eq(error_of(receive(12, 3), 0, 0),
	    KERR_INVALID_PRODUCER_EPOCH);
	epoch++;
	send(12, 4, 0, 1, 1, false);
	ck_assert_int_eq(error_of(receive(12, 4), 0, 0),
	    KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	send(12, 5, 0, 1, 0, false);
	a = receive(12, 5);
	ck_assert_int_eq(error_of(a, 0, 0), 0);
	ck_assert_int_eq(base_of(a, 0, 0), 2);	/* behind the marker */
	down();
}
END_TEST

/* Requests of one connection keep their order, whichever has to wait. */
START_TEST(pipelined)
{
	struct km_produce_response *a;
	int32_t i;

	up();
	for (i = 0; i < 5; i++)
		send(12, 10 + i, 0, 1, i, i == 2);
	for (i = 0; i < 5; i++) {
		a = receive(12, 10 + i);
		ck_assert_int_eq(error_of(a, 0, 0), 0);
		ck_assert_int_eq(base_of(a, 0, 0), i);
		if (i == 2)		/* u begins with this one */
			ck_assert_int_eq(error_of(a, 1, 0),
			    KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	}
	down();
}
END_TEST

START_TEST(of_nobody)
{
	struct km_produce_response *a;

	up();
	pid += 77;
	send(12, 1, 0, 1, 0, false);
	a = receive(12, 1);
	ck_assert_int_eq(error_of(a, 0, 0), KERR_INVALID_PRODUCER_ID_MAPPING);
	ck_assert_int_eq(base_of(a, 0, 0), -1);
	pid -= 77;
	send(12, 2, 7, 1, 0, false);
	ck_assert_int_eq(error_of(receive(12, 2), 0, 0),
	    KERR_UNKNOWN_TOPIC_OR_PARTITION);
	down();
}
END_TEST

START_TEST(topics_by_id)
{
	struct km_produce_response *a;

	up();
	send(13, 1, 1, 2, 0, true);		/* u: with no id */
	a = receive(13, 1);
	ck_assert_int_eq(a->responses.n, 2);
	ck_assert_mem_eq(&a->responses.v[0].topic_id, &id, sizeof id);
	ck_assert_int_eq(error_of(a, 0, 0), 0);
	ck_assert_int_eq(error_of(a, 0, 1), 0);
	ck_assert_int_eq(error_of(a, 1, 0), KERR_UNKNOWN_TOPIC_ID);
	down();
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &adds_by_itself },
	{ .fn = &pipelined },
	{ .fn = &of_nobody },
	{ .fn = &topics_by_id },
};

int
main(void)
{
	return (UNIT_MAIN("produce_ids", tests));
}
