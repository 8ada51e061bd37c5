/*
 * Transactions over the socket.  The tests whose names begin with f and a
 * number are the counterexamples of the exactly-once models: what each shows is
 * what happened when its rule was missing.
 */
#include "test/unit/txns_client.h"

#include "base/clock.h"
#include "broker/partition.h"
#include "broker/topic.h"
#include "test/fake/fake_disk.h"

static struct bed bed;
static struct fake_disk *disk;
static const char *const quick[] = {
	"transaction.state.log.num.partitions=2",
	"offsets.topic.num.partitions=2",
	"transaction.abort.timed.out.transaction.cleanup.interval.ms=20",
	NULL
};
static const char *const forgetful[] = {
	"transaction.state.log.num.partitions=2",
	"transaction.abort.timed.out.transaction.cleanup.interval.ms=20",
	"transactional.id.expiration.ms=1", NULL
};

static void
start_with(const char *const *settings)
{
	UNIT_OK(bed_try(&bed, fake_disk_fs(disk), fake_disk_path(disk),
	    settings, e));
}

/* A broker with the topics a and b, and a greeted connection. */
static int
begin_on_disk(void)
{
	int fd;

	start_with(quick);
	fd = tp_connect(&bed);
	ck_assert_int_eq(bed_create(fd, "a", 1, NULL), 0);
	ck_assert_int_eq(bed_create(fd, "b", 1, NULL), 0);
	return (fd);
}

static int
begin(void)
{
	disk = fake_disk_new();
	return (begin_on_disk());
}

static void
end(int fd)
{
	close(fd);
	bed_stop(&bed);
	fake_disk_free(disk);
}

#define OK(call)	ck_assert_int_eq((call), 0)
#define IS(call, code)	ck_assert_int_eq((call), (code))

static void
one_txn(int fd, struct tp *p, const char *value, bool commit)
{
	OK(tp_add(fd, p, "a"));
	OK(tp_produce(fd, p, "a", value));
	OK(tp_end(fd, p, commit));
}

/* What DescribeTransactions says of it; the error as text when there is one. */
static const char *
state_of(int fd, const char *id)
{
	struct km_describe_transactions_response *a;
	struct slice name = slice_str(id);
	REQUEST(describe_transactions, q);

	q.transactional_ids.v = &name;
	q.transactional_ids.n = 1;
	a = bed_call(fd, KAPI_DescribeTransactions, 0, &q);
	if (a->transaction_states.v[0].error_code != 0)
		return (kerr_name(a->transaction_states.v[0].error_code));
	return (text_of(a->transaction_states.v[0].transaction_state));
}

static void
wait_state(int fd, const char *id, const char *state)
{
	int64_t until = clock_mono_ns() + 20000000000;

	while (strcmp(state_of(fd, id), state) != 0) {
		ck_assert_msg(clock_mono_ns() < until, "%s is %s, not %s", id,
		    state_of(fd, id), state);
		bed_reset();
	}
}

/* --- what it is for --- */

START_TEST(commit_and_abort)
{
	struct tp p = { .id = "tx", .ends = _i };
	int fd = begin();

	OK(tp_init(fd, &p));
	ck_assert_str_eq(state_of(fd, "tx"), "Empty");
	OK(tp_add(fd, &p, "a"));
	OK(tp_produce(fd, &p, "a", "1"));
	ck_assert_str_eq(state_of(fd, "tx"), "Ongoing");
	ck_assert_str_eq(tp_read(fd, "a"), "...");
	OK(tp_end(fd, &p, true));
	wait_state(fd, "tx", "CompleteCommit");
	ck_assert_str_eq(tp_read(fd, "a"), "1 ");
	one_txn(fd, &p, "2", false);
	one_txn(fd, &p, "3", true);
	one_txn(fd, &p, "4", false);
	wait_state(fd, "tx", "CompleteAbort");
	ck_assert_str_eq(tp_read(fd, "a"), "1 3 ");
	end(fd);
}
END_TEST

START_TEST(offsets_with_the_records)
{
	struct tp p = { .id = "tx" };
	int fd = begin();

	OK(tp_init(fd, &p));
	OK(tp_add_offsets(fd, &p, "g"));
	OK(tp_commit_offset(fd, &p, "g", "a", 5));
	ck_assert_int_eq(committed_at(fd, "g", "a", 0), -1);
	OK(tp_end(fd, &p, true));
	wait_state(fd, "tx", "CompleteCommit");
	ck_assert_int_eq(committed_at(fd, "g", "a", 0), 5);
	OK(tp_add_offsets(fd, &p, "g"));
	OK(tp_commit_offset(fd, &p, "g", "a", 9));
	OK(tp_end(fd, &p, false));
	wait_state(fd, "tx", "CompleteAbort");
	ck_assert_int_eq(committed_at(fd, "g", "a", 0), 5);
	end(fd);
}
END_TEST

/* Version 2: nothing is added beforehand, and each end gives a new epoch. */
START_TEST(version_2)
{
	struct tp p = { .id = "tx", .ends = 5 }, before;
	int fd = begin(), k;
	char value[8];

	OK(tp_init(fd, &p));
	for (k = 0; k < 4; k++) {
		before = p;
		snprintf(value, sizeof value, "%d", k);
		OK(tp_produce_adding(fd, &p, "a", value));
		IS(tp_produce_adding(fd, &p, "nowhere", value),
		    KERR_UNKNOWN_TOPIC_OR_PARTITION);
		OK(tp_end(fd, &p, k % 2 == 0));
		ck_assert_int_eq(p.epoch, before.epoch + 1);
		OK(tp_end(fd, &before, k % 2 == 0));	/* a repetition */
		ck_assert_int_eq(before.epoch, p.epoch);
	}
	/* A late end, and a late record, of the one before. */
	OK(tp_produce_adding(fd, &p, "a", "x"));
	before = p;
	before.epoch--;
	IS(tp_end(fd, &before, true), KERR_PRODUCER_FENCED);
	ck_assert_int_ne(tp_produce_adding(fd, &before, "a", "late"), 0);
	OK(tp_end(fd, &p, true));
	wait_state(fd, "tx", "CompleteCommit");
	ck_assert_str_eq(tp_read(fd, "a"), "0 2 x ");
	end(fd);
}
END_TEST

START_TEST(version_2_is_announced)
{
	struct km_api_versions_response *a;
	int fd = begin(), v;

	for (v = 3; v <= 4; v++) {
		struct km_api_versions_request q = {
			.client_software_name = SLICE("bed"),
			.client_software_version = SLICE("1")
		};

		a = bed_call(fd, KAPI_ApiVersions, v, &q);
		ck_assert_int_eq(a->supported_features.n, v == 4);
		ck_assert_int_eq(a->finalized_features.n, 1);
		ck_assert_int_eq(a->finalized_features.v[0].max_version_level,
		    2);
		ck_assert_int_ge(a->finalized_features_epoch, 0);
	}
	end(fd);
}
END_TEST

/* --- the fence --- */

/*
 * An EndTxn that was held up commits half of the next transaction: the client
 * opened a newer connection since, and asked there.
 */
START_TEST(f02_late_end)
{
	struct tp p = { .id = "tx" };
	int old = begin(), fd = tp_connect(&bed);

	OK(tp_init(old, &p));
	one_txn(fd, &p, "1", true);
	OK(tp_add(fd, &p, "a"));
	OK(tp_produce(fd, &p, "a", "2"));
	IS(tp_end(old, &p, true), KERR_NETWORK_EXCEPTION);
	ck_assert_str_eq(state_of(fd, "tx"), "Ongoing");
	ck_assert_str_eq(tp_read(fd, "a"), "1 ...");
	IS(tp_add(old, &p, "b"), KERR_NETWORK_EXCEPTION);
	IS(tp_add_offsets(old, &p, "g"), KERR_NETWORK_EXCEPTION);
	IS(tp_init_as(old, &p, 5, p.pid, p.epoch), KERR_NETWORK_EXCEPTION);
	OK(tp_end(fd, &p, false));
	wait_state(fd, "tx", "CompleteAbort");
	ck_assert_str_eq(tp_read(fd, "a"), "1 ");
	close(old);
	end(fd);
}
END_TEST

/* The same with a TxnOffsetCommit, which would stage an older position. */
START_TEST(f03_late_offsets)
{
	struct tp p = { .id = "tx" };
	int old = begin(), fd = tp_connect(&bed);

	OK(tp_init(fd, &p));
	OK(tp_add_offsets(fd, &p, "g"));
	OK(tp_commit_offset(fd, &p, "g", "a", 5));
	OK(tp_end(fd, &p, true));
	OK(tp_add_offsets(fd, &p, "g"));
	OK(tp_commit_offset(fd, &p, "g", "a", 9));
	IS(tp_commit_offset(old, &p, "g", "a", 5), KERR_NETWORK_EXCEPTION);
	OK(tp_end(fd, &p, true));
	wait_state(fd, "tx", "CompleteCommit");
	ck_assert_int_eq(committed_at(fd, "g", "a", 0), 9);
	close(old);
	end(fd);
}
END_TEST

/*
 * Whoever is not allowed to ask does not shut out who is: a zombie's epoch is
 * looked at first, and a new epoch begins with nothing.
 */
START_TEST(f04_zombie_on_a_newer_connection)
{
	struct tp p = { .id = "tx" }, zombie;
	int fd = begin(), newer = tp_connect(&bed);

	OK(tp_init(fd, &p));
	zombie = p;
	OK(tp_init(fd, &p));
	IS(tp_end(newer, &zombie, true), KERR_PRODUCER_FENCED);
	one_txn(fd, &p, "1", true);
	OK(tp_add(newer, &p, "a"));		/* raises it */
	IS(tp_add(fd, &p, "a"), KERR_NETWORK_EXCEPTION);
	OK(tp_end(newer, &p, false));
	OK(tp_init(fd, &p));
	one_txn(fd, &p, "2", true);
	wait_state(fd, "tx", "CompleteCommit");
	ck_assert_str_eq(tp_read(fd, "a"), "1 2 ");
	close(newer);
	end(fd);
}
END_TEST

/* Nothing is known of the order of connections that had no answer yet which
 * the client waits for. */
START_TEST(f05_not_greeted)
{
	struct tp p = { .id = "tx" };
	int fd = begin(), mute = bed_connect(&bed);

	OK(tp_init(fd, &p));
	IS(tp_add(mute, &p, "a"), KERR_NETWORK_EXCEPTION);
	IS(tp_init_as(mute, &p, 3, p.pid, p.epoch), KERR_NETWORK_EXCEPTION);
	OK(tp_add(fd, &p, "a"));
	close(mute);
	end(fd);
}
END_TEST

/* kafka-python 2 sends ApiVersions on its first connection alone. */
START_TEST(f05_greeted_otherwise)
{
	struct tp p = { .id = "tx" };
	int fd = begin(), first = bed_connect(&bed), second;
	REQUEST(find_coordinator, q);

	OK(tp_init(first, &p));
	OK(tp_add(first, &p, "a"));
	OK(tp_produce(first, &p, "a", "1"));
	second = bed_connect(&bed);
	IS(tp_end(second, &p, true), KERR_NETWORK_EXCEPTION);
	q.key = SLICE("tx");
	q.key_type = 1;
	(void)bed_call(second, KAPI_FindCoordinator, 1, &q);
	OK(tp_end(second, &p, true));
	IS(tp_end(first, &p, true), KERR_NETWORK_EXCEPTION);
	wait_state(fd, "tx", "CompleteCommit");
	close(first);
	close(second);
	end(fd);
}
END_TEST

/* --- epochs --- */

START_TEST(f08_older_epochs)
{
	struct tp p = { .id = "tx" }, zombie;
	int fd = begin();

	OK(tp_init(fd, &p));
	zombie = p;
	OK(tp_add(fd, &zombie, "a"));
	OK(tp_produce(fd, &zombie, "a", "zombie"));
	OK(tp_init(fd, &p));
	ck_assert_int_gt(p.epoch, zombie.epoch);
	IS(tp_end(fd, &zombie, true), KERR_PRODUCER_FENCED);
	zombie.ends = 1;
	IS(tp_end(fd, &zombie, true), KERR_INVALID_PRODUCER_EPOCH);
	IS(tp_add(fd, &zombie, "a"), KERR_PRODUCER_FENCED);
	IS(tp_add_as(fd, &zombie, 1, "a", 0), KERR_INVALID_PRODUCER_EPOCH);
	IS(tp_add_offsets(fd, &zombie, "g"), KERR_PRODUCER_FENCED);
	IS(tp_init_as(fd, &zombie, 4, zombie.pid, zombie.epoch),
	    KERR_PRODUCER_FENCED);
	IS(tp_init_as(fd, &zombie, 3, zombie.pid, zombie.epoch),
	    KERR_INVALID_PRODUCER_EPOCH);
	OK(tp_add(fd, &p, "a"));
	IS(tp_produce(fd, &zombie, "a", "late"), KERR_INVALID_PRODUCER_EPOCH);
	OK(tp_produce(fd, &p, "a", "live"));
	OK(tp_end(fd, &p, true));
	wait_state(fd, "tx", "CompleteCommit");
	ck_assert_str_eq(tp_read(fd, "a"), "live ");
	end(fd);
}
END_TEST

/* Data and offsets belong to an open transaction that names their partition,
 * or they would stay staged for ever. */
START_TEST(f09_outside_of_the_transaction)
{
	struct tp p = { .id = "tx" };
	int fd = begin();

	OK(tp_init(fd, &p));
	IS(tp_produce(fd, &p, "a", "early"), KERR_INVALID_TXN_STATE);
	IS(tp_commit_offset(fd, &p, "g", "a", 1), KERR_INVALID_TXN_STATE);
	OK(tp_add(fd, &p, "b"));
	OK(tp_add_offsets(fd, &p, "g"));
	IS(tp_produce(fd, &p, "a", "elsewhere"), KERR_INVALID_TXN_STATE);
	OK(tp_commit_offset(fd, &p, "g", "a", 1));
	OK(tp_end(fd, &p, false));
	wait_state(fd, "tx", "CompleteAbort");
	IS(tp_produce(fd, &p, "b", "late"), KERR_INVALID_TXN_STATE);
	IS(tp_commit_offset(fd, &p, "g", "a", 2), KERR_INVALID_TXN_STATE);
	ck_assert_str_eq(tp_read(fd, "b"), "");
	ck_assert_int_eq(committed_at(fd, "g", "a", 0), -1);
	end(fd);
}
END_TEST

/* After a timeout the same epoch could go on, with the first half of its
 * records gone. */
START_TEST(f11_timeout)
{
	struct km_init_producer_id_response *a;
	struct tp p = { .id = "tx" };
	int fd = begin();
	REQUEST(init_producer_id, q);

	q.transactional_id = SLICE("tx");
	q.transaction_timeout_ms = 1;
	a = bed_call(fd, KAPI_InitProducerId, 5, &q);
	OK(a->error_code);
	p.pid = a->producer_id;
	p.epoch = a->producer_epoch;
	OK(tp_add(fd, &p, "a"));
	wait_state(fd, "tx", "CompleteAbort");
	IS(tp_end(fd, &p, true), KERR_PRODUCER_FENCED);
	IS(tp_end(fd, &p, false), KERR_PRODUCER_FENCED);
	IS(tp_add(fd, &p, "a"), KERR_PRODUCER_FENCED);
	ck_assert_int_ne(tp_produce(fd, &p, "a", "late"), 0);
	ck_assert_str_eq(tp_read(fd, "a"), "");
	end(fd);
}
END_TEST

/* --- after a stop --- */

static int
restart(const struct fs *fs, const char *path)
{
	UNIT_OK(bed_try(&bed, fs, path, quick, e));
	return (tp_connect(&bed));
}

START_TEST(a_clean_stop_ends_nothing)
{
	struct tp p = { .id = "tx" };
	int fd = begin(), error;

	OK(tp_init(fd, &p));
	OK(tp_add(fd, &p, "a"));
	OK(tp_add_offsets(fd, &p, "g"));
	OK(tp_produce(fd, &p, "a", "1"));
	OK(tp_commit_offset(fd, &p, "g", "a", 7));
	close(fd);
	bed_stop(&bed);
	fd = restart(fake_disk_fs(disk), fake_disk_path(disk));
	/* Until it is known what is open, who writes is asked to wait. */
	while ((error = tp_produce(fd, &p, "a", "2")) ==
	    KERR_NOT_ENOUGH_REPLICAS)
		;
	OK(error);
	OK(tp_end(fd, &p, true));
	wait_state(fd, "tx", "CompleteCommit");
	ck_assert_str_eq(tp_read(fd, "a"), "1 2 ");
	ck_assert_int_eq(committed_at(fd, "g", "a", 0), 7);
	end(fd);
}
END_TEST

/*
 * After any other stop the first half may be gone, so what is open is aborted,
 * with a new epoch.  Also when nothing is gone, as after kill -9.
 */
START_TEST(f17_unclean_stop_aborts)
{
	struct tp p = { .id = "tx" };
	int fd = begin();
	struct fake_disk *after;

	OK(tp_init(fd, &p));
	OK(tp_add(fd, &p, "a"));
	OK(tp_add_offsets(fd, &p, "g"));
	OK(tp_produce(fd, &p, "a", "1"));
	OK(tp_commit_offset(fd, &p, "g", "a", 7));
	after = fake_disk_power_cut(disk, _i == 0 ? FAKE_CUT_KEEP :
	    FAKE_CUT_LOSE);
	close(fd);
	bed_stop(&bed);
	fd = restart(fake_disk_fs(after), fake_disk_path(after));
	wait_state(fd, "tx", "CompleteAbort");
	IS(tp_end(fd, &p, true), KERR_PRODUCER_FENCED);
	ck_assert_int_ne(tp_produce(fd, &p, "a", "2"), 0);
	ck_assert_str_eq(tp_read(fd, "a"), "");
	ck_assert_int_eq(committed_at(fd, "g", "a", 0), -1);
	OK(tp_init(fd, &p));
	one_txn(fd, &p, "3", true);
	wait_state(fd, "tx", "CompleteCommit");
	ck_assert_str_eq(tp_read(fd, "a"), "3 ");
	close(fd);
	bed_stop(&bed);
	fake_disk_free(after);
	fake_disk_free(disk);
}
END_TEST

/* --- who waits --- */

/* InitProducerId waits until the transaction it aborts has ended. */
START_TEST(init_waits)
{
	struct tp p = { .id = "tx" }, next = p;
	int fd = begin();

	OK(tp_init(fd, &p));
	OK(tp_add(fd, &p, "a"));
	OK(tp_produce(fd, &p, "a", "1"));
	OK(tp_init(fd, &next));
	ck_assert_int_eq(next.epoch, p.epoch + 2);
	ck_assert_str_eq(tp_read(fd, "a"), "");
	end(fd);
}
END_TEST

START_TEST(a_deleted_topic_drops_out)
{
	struct km_delete_topics_request_topic t = { .name = SLICE("b") };
	struct tp p = { .id = "tx" };
	int fd = begin();
	REQUEST(delete_topics, q);

	OK(tp_init(fd, &p));
	OK(tp_add(fd, &p, "a"));
	OK(tp_add(fd, &p, "b"));
	OK(tp_produce(fd, &p, "a", "1"));
	q.topics.v = &t;
	q.topics.n = 1;
	(void)bed_call(fd, KAPI_DeleteTopics, 6, &q);
	OK(tp_end(fd, &p, true));
	wait_state(fd, "tx", "CompleteCommit");
	ck_assert_str_eq(tp_read(fd, "a"), "1 ");
	end(fd);
}
END_TEST

/* A marker that finds no room, nor any that was zeroed ahead, is written when
 * there is some. */
START_TEST(a_full_disk_delays)
{
	struct marking m = { .topic = "a" };
	struct tp p = { .id = "tx" };
	int fd, error;

	disk = fake_disk_new();
	fake_disk_no_zero(disk);
	fd = begin_on_disk();
	OK(tp_init(fd, &p));
	one_txn(fd, &p, "0", true);
	wait_state(fd, "tx", "CompleteCommit");
	OK(tp_add(fd, &p, "a"));
	OK(tp_produce(fd, &p, "a", "1"));
	fake_disk_full_after(disk, (uint64_t)_i * 40);
	error = tp_end(fd, &p, true);
	ck_assert(error == 0 || error == KERR_COORDINATOR_NOT_AVAILABLE);
	ck_assert_str_ne(state_of(fd, "tx"), "CompleteCommit");
	m.pid = p.pid;
	m.epoch = p.epoch;
	IS(marked(fd, &m), KERR_INVALID_TXN_STATE);	/* the operator's */
	fake_disk_full_after(disk, UINT64_MAX);
	if (error != 0)
		OK(tp_end(fd, &p, true));
	wait_state(fd, "tx", "CompleteCommit");
	ck_assert_str_eq(tp_read(fd, "a"), "0 1 ");
	end(fd);
}
END_TEST

START_TEST(silent_ids_go)
{
	struct tp p = { .id = "tx" }, again = p;
	int fd;

	disk = fake_disk_new();
	start_with(forgetful);
	fd = tp_connect(&bed);
	OK(tp_init(fd, &p));
	wait_state(fd, "tx", "TRANSACTIONAL_ID_NOT_FOUND");
	IS(tp_end(fd, &p, false), KERR_INVALID_PRODUCER_ID_MAPPING);
	OK(tp_init(fd, &again));
	ck_assert_int_gt(again.pid, p.pid);
	end(fd);
}
END_TEST

/* --- refusals --- */

START_TEST(refusals)
{
	static const int32_t timeouts[] = { 0, -1, 900001 };
	struct km_init_producer_id_response *a;
	struct tp p = { .id = "tx" }, other = { .id = "other" };
	int fd = begin();
	size_t i;
	REQUEST(init_producer_id, q);

	for (i = 0; i < NELEM(timeouts); i++) {
		q.transactional_id = SLICE("tx");
		q.transaction_timeout_ms = timeouts[i];
		a = bed_call(fd, KAPI_InitProducerId, 4, &q);
		IS(a->error_code, KERR_INVALID_TRANSACTION_TIMEOUT);
	}
	other.id = "";
	IS(tp_init(fd, &other), KERR_INVALID_REQUEST);
	other.id = "other";
	IS(tp_end(fd, &other, true), KERR_INVALID_PRODUCER_ID_MAPPING);
	OK(tp_init(fd, &p));
	other.pid = p.pid;
	IS(tp_add(fd, &other, "a"), KERR_INVALID_PRODUCER_ID_MAPPING);
	IS(tp_add(fd, &p, "nowhere"), KERR_UNKNOWN_TOPIC_OR_PARTITION);
	IS(tp_add_as(fd, &p, 3, "a", 1), KERR_UNKNOWN_TOPIC_OR_PARTITION);
	IS(tp_add(fd, &p, "__transaction_state"),
	    KERR_TOPIC_AUTHORIZATION_FAILED);
	IS(tp_add_offsets(fd, &p, ""), KERR_INVALID_GROUP_ID);
	IS(tp_end(fd, &p, true), KERR_INVALID_TXN_STATE);
	one_txn(fd, &p, "1", true);
	IS(tp_end(fd, &p, false), KERR_INVALID_TXN_STATE);
	OK(tp_end(fd, &p, true));		/* a repetition */
	end(fd);
}
END_TEST

/* --- admin --- */

static int
listed(int fd, int version, const char *state, const char *pattern,
    int64_t duration)
{
	struct km_list_transactions_response *a;
	struct slice filter = slice_str(state);
	REQUEST(list_transactions, q);

	q.state_filters.v = &filter;
	q.state_filters.n = state == NULL ? 0 : 1;
	q.duration_filter = duration;
	q.transactional_id_pattern = slice_str(pattern);
	a = bed_call(fd, KAPI_ListTransactions, version, &q);
	if (a->unknown_state_filters.n > 0)
		return (-2);
	return (a->error_code != 0 ? -1 : a->transaction_states.n);
}

START_TEST(described_and_listed)
{
	struct km_describe_transactions_response *a;
	struct slice name = SLICE("tx-1");
	struct tp v[3] = { { .id = "tx-1" }, { .id = "tx-2" },
	    { .id = "ty" } };
	int fd = begin(), i;
	REQUEST(describe_transactions, q);

	for (i = 0; i < 3; i++)
		OK(tp_init(fd, &v[i]));
	OK(tp_add(fd, &v[0], "b"));
	OK(tp_add(fd, &v[0], "a"));
	q.transactional_ids.v = &name;
	q.transactional_ids.n = 1;
	a = bed_call(fd, KAPI_DescribeTransactions, 0, &q);
	ck_assert_int_eq(a->transaction_states.v[0].topics.n, 2);
	UNIT_SLICE(a->transaction_states.v[0].topics.v[0].topic, "a");
	ck_assert_int_eq(a->transaction_states.v[0].topics.v[1].partitions.n,
	    1);
	ck_assert(a->transaction_states.v[0].producer_id == v[0].pid);
	ck_assert_str_eq(state_of(fd, "nobody"), "TRANSACTIONAL_ID_NOT_FOUND");
	IS(listed(fd, 0, NULL, NULL, -1), 3);
	IS(listed(fd, 0, "Empty", NULL, -1), 2);
	IS(listed(fd, 0, "Ongoing", NULL, -1), 1);
	IS(listed(fd, 0, "Nonsense", NULL, -1), -2);
	IS(listed(fd, 1, NULL, NULL, 1000000), 0);
	IS(listed(fd, 1, NULL, NULL, 0), 1);
	IS(listed(fd, 2, NULL, "tx-.", -1), 2);
	IS(listed(fd, 2, NULL, "x-1", -1), 0);	/* the whole id */
	IS(listed(fd, 2, NULL, "(", -1), -1);
	end(fd);
}
END_TEST

/* --- what an operator ends --- */

/* Lets a producer write in a transaction that no coordinator knows. */
static void
permit(const char *topic, const struct tp *p)
{
	struct topic *t = topic_find(bed.broker, slice_str(topic));

	UNIT_OK(partition_txn_begin(topic_partition(t, 0), p->pid, p->epoch,
	    e));
	topic_unref(t);
}

START_TEST(an_operator_aborts_what_hangs)
{
	struct tp ghost = { .id = "ghost", .pid = 777, .epoch = 3 };
	struct marking m = { "a", 0, 777, 3, false };
	int fd = begin(), error;

	OK(bed_produce(fd, "a", 0, -1, "1", 1, NULL));
	permit("a", &ghost);
	OK(tp_produce(fd, &ghost, "a", "2"));
	OK(bed_produce(fd, "a", 0, -1, "3", 1, NULL));
	IS(marked(fd, &m), KERR_INVALID_TXN_STATE);	/* it may write still */
	close(fd);
	bed_stop(&bed);
	start_with(quick);
	fd = tp_connect(&bed);
	ck_assert_str_eq(tp_read(fd, "a"), "1 ...");

	m.epoch = 2;
	while ((error = marked(fd, &m)) == KERR_COORDINATOR_LOAD_IN_PROGRESS)
		;
	IS(error, KERR_INVALID_PRODUCER_EPOCH);
	m.epoch = 4;
	IS(marked(fd, &m), KERR_INVALID_PRODUCER_EPOCH);
	m.epoch = 3;
	m.commit = true;
	IS(marked(fd, &m), KERR_INVALID_TXN_STATE);
	m.commit = false;
	m.topic = "nowhere";
	IS(marked(fd, &m), KERR_UNKNOWN_TOPIC_OR_PARTITION);
	ck_assert_str_eq(tp_read(fd, "a"), "1 ...");

	m.topic = "a";
	OK(marked(fd, &m));
	ck_assert_str_eq(tp_read(fd, "a"), "1 3 ");
	ck_assert_int_eq(bed_offset(fd, 4, "a", 0, -1, NULL), 4);
	OK(marked(fd, &m));		/* nothing is open: nothing is written */
	ck_assert_int_eq(bed_offset(fd, 4, "a", 0, -1, NULL), 4);
	end(fd);
}
END_TEST

/* The partition alone would not know: it was never added. */
START_TEST(an_operator_waits_for_the_coordinator)
{
	struct tp p = { .id = "tx" };
	struct marking m = { .topic = "b" };
	int fd = begin(), error;

	OK(tp_init(fd, &p));
	permit("b", &p);
	OK(tp_produce(fd, &p, "b", "1"));
	close(fd);
	bed_stop(&bed);
	start_with(quick);
	fd = tp_connect(&bed);
	m.pid = p.pid;
	m.epoch = p.epoch;
	p.seq = 0;
	while ((error = tp_add(fd, &p, "a")) ==
	    KERR_COORDINATOR_LOAD_IN_PROGRESS)
		;
	OK(error);
	while ((error = marked(fd, &m)) == KERR_COORDINATOR_LOAD_IN_PROGRESS)
		;
	IS(error, KERR_INVALID_TXN_STATE);
	ck_assert_str_eq(tp_read(fd, "b"), "...");
	OK(tp_end(fd, &p, true));
	wait_state(fd, "tx", "CompleteCommit");
	OK(marked(fd, &m));
	ck_assert_str_eq(tp_read(fd, "b"), "");
	end(fd);
}
END_TEST

START_TEST(an_operator_does_not_cut_a_live_one)
{
	struct tp p = { .id = "tx" };
	struct marking m = { .topic = "a" };
	int fd = begin();

	OK(tp_init(fd, &p));
	OK(tp_add(fd, &p, "b"));
	OK(tp_add(fd, &p, "a"));
	OK(tp_produce(fd, &p, "a", "1"));
	m.pid = p.pid;
	m.epoch = p.epoch;
	IS(marked(fd, &m), KERR_INVALID_TXN_STATE);
	m.topic = "b";
	IS(marked(fd, &m), KERR_INVALID_TXN_STATE);
	OK(tp_end(fd, &p, true));
	wait_state(fd, "tx", "CompleteCommit");
	OK(marked(fd, &m));
	ck_assert_str_eq(tp_read(fd, "a"), "1 ");
	one_txn(fd, &p, "2", true);
	wait_state(fd, "tx", "CompleteCommit");
	ck_assert_str_eq(tp_read(fd, "a"), "1 2 ");
	end(fd);
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &commit_and_abort, .rows = 6 },
	{ .fn = &offsets_with_the_records },
	{ .fn = &version_2 },
	{ .fn = &version_2_is_announced },
	{ .fn = &f02_late_end },
	{ .fn = &f03_late_offsets },
	{ .fn = &f04_zombie_on_a_newer_connection },
	{ .fn = &f05_not_greeted },
	{ .fn = &f05_greeted_otherwise },
	{ .fn = &f08_older_epochs },
	{ .fn = &f09_outside_of_the_transaction },
	{ .fn = &f11_timeout },
	{ .fn = &a_clean_stop_ends_nothing },
	{ .fn = &f17_unclean_stop_aborts, .rows = 2 },
	{ .fn = &init_waits },
	{ .fn = &a_deleted_topic_drops_out },
	{ .fn = &a_full_disk_delays, .rows = 8 },
	{ .fn = &silent_ids_go },
	{ .fn = &refusals },
	{ .fn = &described_and_listed },
	{ .fn = &an_operator_aborts_what_hangs },
	{ .fn = &an_operator_waits_for_the_coordinator },
	{ .fn = &an_operator_does_not_cut_a_live_one },
};

int
main(void)
{
	return (UNIT_MAIN("txns", tests));
}
