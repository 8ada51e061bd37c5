/* Offsets that are committed in transactions, and OffsetDelete. */
#include "test/unit/groups_txn_client.h"

static struct bed bed;
static char path[64];
static int dirfd_;

static void
start(void)
{
	bed_start(&bed, &fs_real, path, "group.initial.rebalance.delay.ms=0",
	    "offsets.topic.num.partitions=3",
	    "offsets.retention.check.interval.ms=20", NULL);
}

static int
open_bed(void)
{
	int fd;

	dirfd_ = unit_dir(path);
	start();
	fd = txn_connect(&bed);
	ck_assert_int_eq(bed_create(fd, "t", 4, NULL), 0);
	return (fd);
}

static void
close_bed(int fd)
{
	close(fd);
	bed_stop(&bed);
	unit_dir_remove(dirfd_, path);
}

static int
restart(int fd)
{
	close(fd);
	bed_stop(&bed);
	start();
	return (txn_connect(&bed));
}

/* Staged ones are not there for anybody, and after the end they are, or not;
 * _i: commit. */
START_TEST(visible_after_the_marker)
{
	struct km_offset_fetch_response_group_partition *p;
	int fd = open_bed(), v;

	ck_assert_int_eq(COMMIT(fd, .partition = 1, .offset = 5), 0);
	for (v = 0; v <= 4; v++) {
		txn_begin(&bed, "g", 7, v);
		ck_assert_int_eq(TXN_COMMIT(fd, .version = v == 0 ? -1 : v,
		    .producer = 7, .epoch = v, .partition = 1, .offset = 100 + v,
		    .metadata = "mine"), 0);
		ck_assert_int_eq(committed_at(fd, "g", "t", 1),
		    _i && v > 0 ? 99 + v : 5);
		ck_assert(txn_end(&bed, "g", 7, v, _i));
		p = fetch_offset(fd, 9, "g", "t", 1);
		ck_assert_int_eq(p->committed_offset, _i ? 100 + v : 5);
		if (!_i)
			continue;
		UNIT_SLICE(p->metadata, "mine");
		ck_assert_int_eq(p->committed_leader_epoch, v >= 2 ? 6 : -1);
	}
	close_bed(fd);
}
END_TEST

START_TEST(unstable_while_staged)
{
	int fd = open_bed(), v;

	ck_assert_int_eq(COMMIT(fd, .partition = 1, .offset = 5), 0);
	txn_begin(&bed, "g", 7, 0);
	ck_assert_int_eq(TXN_COMMIT(fd, .producer = 7, .partition = 1,
	    .offset = 10), 0);
	for (v = 7; v <= 9; v++) {
		ck_assert_int_eq(stable_at(fd, v, "g", "t", 1),
		    -KERR_UNSTABLE_OFFSET_COMMIT);
		ck_assert_int_eq(stable_at(fd, v, "g", "t", 0), -1);
		ck_assert_int_eq(fetch_offset(fd, v, "g", "t", 1)
		    ->committed_offset, 5);
	}
	ck_assert(txn_end(&bed, "g", 7, 0, true));
	for (v = 7; v <= 9; v++)
		ck_assert_int_eq(stable_at(fd, v, "g", "t", 1), 10);
	close_bed(fd);
}
END_TEST

/* Who asks for all and wants stable ones hears of a partition that has been
 * staged only; others do not. */
START_TEST(unstable_in_the_list_of_all)
{
	struct km_offset_fetch_response_group_topic *t;
	struct km_offset_fetch_request_group g;
	struct km_offset_fetch_response *a;
	int fd = open_bed(), stable;
	REQUEST(offset_fetch, q);

	ck_assert_int_eq(COMMIT(fd, .partition = 0, .offset = 5), 0);
	txn_begin(&bed, "g", 7, 0);
	ck_assert_int_eq(TXN_COMMIT(fd, .producer = 7, .partition = 2,
	    .offset = 10), 0);
	kw_defaults(&kd_offset_fetch_request_group, &g);
	g.group_id = SLICE("g");
	g.topics.n = -1;
	q.groups.v = &g;
	q.groups.n = 1;
	for (stable = 0; stable < 2; stable++) {
		q.require_stable = stable;
		a = bed_call(fd, KAPI_OffsetFetch, 9, &q);
		ck_assert_int_eq(a->groups.v[0].topics.n, 1);
		t = &a->groups.v[0].topics.v[0];
		ck_assert_int_eq(t->partitions.n, stable ? 2 : 1);
		ck_assert_int_eq(t->partitions.v[0].committed_offset, 5);
		if (!stable)
			continue;
		ck_assert_int_eq(t->partitions.v[1].partition_index, 2);
		ck_assert_int_eq(t->partitions.v[1].error_code,
		    KERR_UNSTABLE_OFFSET_COMMIT);
	}
	ck_assert(txn_end(&bed, "g", 7, 0, false));
	close_bed(fd);
}
END_TEST

/* In the order of the log, not of the markers; the same after a restart. */
START_TEST(a_later_plain_commit_wins)
{
	int fd = open_bed(), i;

	txn_begin(&bed, "g", 7, 0);
	ck_assert_int_eq(COMMIT(fd, .partition = 0, .offset = 1), 0);
	ck_assert_int_eq(TXN_COMMIT(fd, .producer = 7, .partition = 0,
	    .offset = 2), 0);
	ck_assert_int_eq(TXN_COMMIT(fd, .producer = 7, .partition = 1,
	    .offset = 3), 0);
	ck_assert_int_eq(COMMIT(fd, .partition = 1, .offset = 4), 0);
	ck_assert_int_eq(TXN_COMMIT(fd, .producer = 7, .partition = 2,
	    .offset = 5), 0);
	ck_assert_int_eq(TXN_COMMIT(fd, .producer = 7, .partition = 2,
	    .offset = 6), 0);
	ck_assert(txn_end(&bed, "g", 7, 0, true));
	for (i = 0; i < 2; i++) {
		ck_assert_int_eq(committed_at(fd, "g", "t", 0), 2);
		ck_assert_int_eq(committed_at(fd, "g", "t", 1), 4);
		ck_assert_int_eq(committed_at(fd, "g", "t", 2), 6);
		fd = restart(fd);
	}
	close_bed(fd);
}
END_TEST

START_TEST(two_transactions)
{
	int fd = open_bed();

	txn_begin(&bed, "g", 7, 0);
	txn_begin(&bed, "g", 8, 0);
	ck_assert_int_eq(TXN_COMMIT(fd, .producer = 7, .offset = 70), 0);
	ck_assert_int_eq(TXN_COMMIT(fd, .producer = 8, .offset = 80), 0);
	ck_assert_int_eq(TXN_COMMIT(fd, .producer = 8, .partition = 1,
	    .offset = 81), 0);
	ck_assert(txn_end(&bed, "g", 7, 0, true));
	ck_assert_int_eq(committed_at(fd, "g", "t", 0), 70);
	ck_assert_int_eq(stable_at(fd, 9, "g", "t", 0),
	    -KERR_UNSTABLE_OFFSET_COMMIT);
	ck_assert(txn_end(&bed, "g", 8, 0, false));
	ck_assert_int_eq(stable_at(fd, 9, "g", "t", 0), 70);
	ck_assert_int_eq(stable_at(fd, 9, "g", "t", 1), -1);
	close_bed(fd);
}
END_TEST

/* A transaction is open over a restart; the marker comes afterwards, twice. */
START_TEST(staged_over_a_restart)
{
	int fd = open_bed();

	ck_assert_int_eq(COMMIT(fd, .offset = 5), 0);
	txn_begin(&bed, "g", 7, 0);
	ck_assert_int_eq(TXN_COMMIT(fd, .producer = 7, .offset = 10,
	    .metadata = "kept"), 0);
	fd = restart(fd);
	ck_assert_int_eq(stable_at(fd, 9, "g", "t", 0),
	    -KERR_UNSTABLE_OFFSET_COMMIT);
	ck_assert_int_eq(committed_at(fd, "g", "t", 0), 5);
	ck_assert(txn_end(&bed, "g", 7, 0, _i));
	ck_assert(txn_end(&bed, "g", 7, 0, _i));
	ck_assert_int_eq(stable_at(fd, 9, "g", "t", 0), _i ? 10 : 5);
	fd = restart(fd);
	ck_assert_int_eq(stable_at(fd, 9, "g", "t", 0), _i ? 10 : 5);
	if (_i)
		UNIT_SLICE(fetch_offset(fd, 9, "g", "t", 0)->metadata, "kept");
	close_bed(fd);
}
END_TEST

/* --- what is refused --- */

START_TEST(outside_of_a_transaction)
{
	int fd = open_bed();

	ck_assert_int_eq(TXN_COMMIT(fd, .producer = 7, .offset = 1),
	    KERR_INVALID_TXN_STATE);
	ck_assert_int_eq(TXN_COMMIT(fd, .version = 4, .producer = 7,
	    .offset = 1), KERR_TRANSACTION_ABORTABLE);
	txn_begin(&bed, "g", 7, 3);
	ck_assert_int_eq(TXN_COMMIT(fd, .producer = 7, .epoch = 2,
	    .offset = 1), KERR_INVALID_PRODUCER_EPOCH);
	ck_assert_int_eq(TXN_COMMIT(fd, .producer = 7, .epoch = 3,
	    .offset = 1), 0);
	ck_assert(txn_end(&bed, "g", 7, 3, true));
	ck_assert_int_eq(TXN_COMMIT(fd, .producer = 7, .epoch = 3,
	    .offset = 2), KERR_INVALID_TXN_STATE);
	ck_assert_int_eq(stable_at(fd, 9, "g", "t", 0), 1);
	close_bed(fd);
}
END_TEST

START_TEST(partitions_that_cannot_be)
{
	char *big = xmalloc(4098);
	int fd = open_bed();

	memset(big, 'm', 4097);
	big[4097] = '\0';
	txn_begin(&bed, "g", 7, 0);
	ck_assert_int_eq(TXN_COMMIT(fd, .producer = 7, .topic = "nowhere",
	    .offset = 1), KERR_UNKNOWN_TOPIC_OR_PARTITION);
	ck_assert_int_eq(TXN_COMMIT(fd, .producer = 7, .partition = 4,
	    .offset = 1), KERR_UNKNOWN_TOPIC_OR_PARTITION);
	ck_assert_int_eq(TXN_COMMIT(fd, .producer = 7, .metadata = big,
	    .offset = 1), KERR_OFFSET_METADATA_TOO_LARGE);
	ck_assert_int_eq(TXN_COMMIT(fd, .producer = 7, .group = "",
	    .offset = 1), KERR_INVALID_GROUP_ID);
	ck_assert_int_eq(stable_at(fd, 9, "g", "t", 0), -1);
	free(big);
	close_bed(fd);
}
END_TEST

/* One request of many partitions of a wide topic. */
static int
stage_many(int fd, const char *group, int32_t n, const char *metadata)
{
	static struct km_txn_offset_commit_request_partition p[1000];
	struct km_txn_offset_commit_request_topic t = {
		.name = SLICE("wide"), .partitions = { p, n }
	};
	struct km_txn_offset_commit_response *a;
	int error;
	int32_t i;
	REQUEST(txn_offset_commit, q);

	for (i = 0; i < n; i++)
		p[i] = (struct km_txn_offset_commit_request_partition){
		    .partition_index = i, .committed_offset = i,
		    .committed_metadata = slice_str(metadata) };
	q.group_id = slice_str(group);
	q.producer_id = 7;
	q.topics.v = &t;
	q.topics.n = 1;
	a = bed_call(fd, KAPI_TxnOffsetCommit, 2, &q);
	error = a->topics.v[0].partitions.v[n - 1].error_code;
	bed_reset();
	return (error);
}

/* 1000 partitions with 4 KiB each are 4 MB: 16 MiB is the bound, and what
 * replaces itself does not count twice for long. */
START_TEST(bounded_in_memory)
{
	char *big = xmalloc(4097), group[2] = "a";
	int fd = open_bed(), i, error = 0;

	memset(big, 'm', 4096);
	big[4096] = '\0';
	ck_assert_int_eq(bed_create(fd, "wide", 1000, NULL), 0);
	txn_begin(&bed, "g", 7, 0);
	for (i = 0; i < 5; i++)
		ck_assert_int_eq(stage_many(fd, "g", 1000, big), 0);
	/* Other groups of the same shard count for the same transaction. */
	for (group[0] = 'h'; group[0] <= 'z' && error == 0; group[0]++)
		if (groups_partition(bed.broker, slice_str(group)) ==
		    groups_partition(bed.broker, SLICE("g")))
			error = stage_many(fd, group, 1000, big);
	ck_assert_int_eq(error, KERR_INVALID_COMMIT_OFFSET_SIZE);
	ck_assert(txn_end(&bed, "g", 7, 0, true));
	ck_assert_int_eq(committed_at(fd, "g", "wide", 999), 999);
	free(big);
	close_bed(fd);
}
END_TEST

/* From version 3 on a member is who it says it is (KIP-447). */
START_TEST(members_are_checked)
{
	int fd = open_bed();
	const char *a;

	ck_assert_int_eq(TXN_COMMIT(fd, .producer = 7, .member = "m",
	    .generation = 1), KERR_ILLEGAL_GENERATION);
	a = text_of(join_all(fd, 9, "g", "i")->member_id);
	ck_assert_int_eq(sync_call(fd, 5, "g", a, 1, "x")->error_code, 0);
	txn_begin(&bed, "g", 7, 0);
	ck_assert_int_eq(TXN_COMMIT(fd, .producer = 7, .member = a,
	    .generation = 2), KERR_ILLEGAL_GENERATION);
	ck_assert_int_eq(TXN_COMMIT(fd, .producer = 7, .member = "who",
	    .generation = 1), KERR_UNKNOWN_MEMBER_ID);
	ck_assert_int_eq(TXN_COMMIT(fd, .producer = 7, .member = "who",
	    .instance = "i", .generation = 1), KERR_FENCED_INSTANCE_ID);
	ck_assert_int_eq(TXN_COMMIT(fd, .producer = 7, .member = a,
	    .instance = "i", .generation = 1, .offset = 1), 0);
	/* A producer that is no member, and one that cannot say so. */
	ck_assert_int_eq(TXN_COMMIT(fd, .producer = 7, .offset = 2), 0);
	ck_assert_int_eq(TXN_COMMIT(fd, .version = 2, .producer = 7,
	    .offset = 3), 0);
	ck_assert_int_eq(COMMIT(fd, .offset = 4), KERR_UNKNOWN_MEMBER_ID);
	ck_assert(txn_end(&bed, "g", 7, 0, true));
	ck_assert_int_eq(committed_at(fd, "g", "t", 0), 3);
	close_bed(fd);
}
END_TEST

/* A connection that is older than one that was heard, or whose age says
 * nothing, stages nothing. */
START_TEST(stale_connections)
{
	int old = open_bed(), new = txn_connect(&bed), bare, newest;
	struct txn_producer p = producer_init(old), q;

	producer_add_group(old, p, "g");
	bare = bed_connect(&bed);
	ck_assert_int_eq(TXN_COMMIT(bare, .producer = p.id, .epoch = p.epoch,
	    .offset = 9), KERR_NETWORK_EXCEPTION);
	ck_assert_int_eq(TXN_COMMIT(new, .producer = p.id, .epoch = p.epoch,
	    .offset = 1), 0);
	ck_assert_int_eq(TXN_COMMIT(old, .producer = p.id, .epoch = p.epoch,
	    .offset = 9), KERR_NETWORK_EXCEPTION);
	(void)producer_end(old, 3, p, true);
	/* The next epoch begins with nothing, and the last one's latecomer is
	 * refused before it could close the door. */
	q = producer_init(old);
	ck_assert_int_eq(q.epoch, p.epoch + 1);
	producer_add_group(old, q, "g");
	newest = txn_connect(&bed);
	ck_assert_int_eq(TXN_COMMIT(newest, .producer = p.id,
	    .epoch = p.epoch, .offset = 9), KERR_INVALID_PRODUCER_EPOCH);
	ck_assert_int_eq(TXN_COMMIT(old, .producer = q.id, .epoch = q.epoch,
	    .offset = 2), 0);
	(void)producer_end(old, 3, q, true);
	while (stable_at(new, 9, "g", "t", 0) < 0)
		;
	ck_assert_int_eq(committed_at(new, "g", "t", 0), 2);
	close(newest);
	close(new);
	close(bare);
	close_bed(old);
}
END_TEST

/* Transactions version 2: TxnOffsetCommit adds the partition itself, and each
 * transaction has an epoch of its own. */
START_TEST(added_by_the_commit_itself)
{
	int fd = open_bed(), i;
	struct txn_producer p = producer_init(fd), old;

	for (i = 1; i <= 3; i++) {
		do
			ck_assert_int_ne(TXN_COMMIT(fd, .version = 5,
			    .producer = p.id, .epoch = p.epoch,
			    .partition = 3, .offset = i), KERR_INVALID_TXN_STATE);
		while (stable_at(fd, 9, "g", "t", 3) !=
		    -KERR_UNSTABLE_OFFSET_COMMIT);
		old = p;
		p = producer_end(fd, 5, p, i != 2);
		ck_assert_int_eq(p.epoch, old.epoch + 1);
		while (stable_at(fd, 9, "g", "t", 3) ==
		    -KERR_UNSTABLE_OFFSET_COMMIT)
			;
		ck_assert_int_eq(committed_at(fd, "g", "t", 3), i == 2 ? 1 :
		    i);
		ck_assert_int_ne(TXN_COMMIT(fd, .version = 5,
		    .producer = old.id, .epoch = old.epoch, .offset = 9), 0);
	}
	ck_assert_int_eq(stable_at(fd, 9, "g", "t", 0), -1);
	close_bed(fd);
}
END_TEST

/* Staged in a transaction that no coordinator knows (any more). */
START_TEST(an_operator_ends_it)
{
	struct marking m = { .topic = TOPIC_OFFSETS, .pid = 7 };
	int fd = open_bed(), error;

	ck_assert_int_eq(COMMIT(fd, .partition = 1, .offset = 5), 0);
	txn_begin(&bed, "g", 7, 0);
	ck_assert_int_eq(TXN_COMMIT(fd, .producer = 7, .partition = 1,
	    .offset = 10), 0);
	m.partition = groups_partition(bed.broker, SLICE("g"));
	ck_assert_int_eq(marked(fd, &m), KERR_INVALID_TXN_STATE);
	fd = restart(fd);
	ck_assert_int_eq(stable_at(fd, 9, "g", "t", 1),
	    -KERR_UNSTABLE_OFFSET_COMMIT);
	m.epoch = 1;
	while ((error = marked(fd, &m)) == KERR_COORDINATOR_LOAD_IN_PROGRESS)
		;
	ck_assert_int_eq(error, KERR_INVALID_PRODUCER_EPOCH);
	m.epoch = 0;
	ck_assert_int_eq(marked(fd, &m), 0);
	ck_assert_int_eq(stable_at(fd, 9, "g", "t", 1), 5);
	ck_assert_int_eq(marked(fd, &m), 0);
	fd = restart(fd);
	ck_assert_int_eq(stable_at(fd, 9, "g", "t", 1), 5);
	close_bed(fd);
}
END_TEST

/* --- deletions --- */

START_TEST(a_group_with_staged_offsets_stays)
{
	int fd = open_bed();

	txn_begin(&bed, "g", 7, 0);
	ck_assert_int_eq(TXN_COMMIT(fd, .producer = 7, .offset = 1), 0);
	UNIT_SLICE(describe(fd, 6, "g")->group_state, "Empty");
	ck_assert_int_eq(delete_group(fd, 2, "g"), KERR_NON_EMPTY_GROUP);
	ck_assert(txn_end(&bed, "g", 7, 0, false));
	/* Nothing of it was ever committed: it is gone by itself. */
	ck_assert_int_eq(delete_group(fd, 2, "g"), KERR_GROUP_ID_NOT_FOUND);
	txn_begin(&bed, "g", 7, 0);
	ck_assert_int_eq(TXN_COMMIT(fd, .producer = 7, .offset = 1), 0);
	ck_assert(txn_end(&bed, "g", 7, 0, true));
	ck_assert_int_eq(delete_group(fd, 2, "g"), 0);
	fd = restart(fd);
	ck_assert_int_eq(committed_at(fd, "g", "t", 0), -1);
	close_bed(fd);
}
END_TEST

/* What is staged of a topic goes with it, and does not come back with the
 * marker, nor with a new topic of the name; _i: over a restart. */
START_TEST(topic_of_staged_offsets_deleted)
{
	struct slice name = SLICE("u");
	struct km_delete_topics_response *a;
	int fd = open_bed();
	REQUEST(delete_topics, q);

	ck_assert_int_eq(bed_create(fd, "u", 1, NULL), 0);
	txn_begin(&bed, "g", 7, 0);
	ck_assert_int_eq(TXN_COMMIT(fd, .producer = 7, .topic = "u",
	    .offset = 1), 0);
	ck_assert_int_eq(TXN_COMMIT(fd, .producer = 7, .offset = 2), 0);
	q.topic_names.v = &name;
	q.topic_names.n = 1;
	q.timeout_ms = 1000;
	a = bed_call(fd, KAPI_DeleteTopics, 4, &q);
	ck_assert_int_eq(a->responses.v[0].error_code, 0);
	while (stable_at(fd, 9, "g", "u", 0) != -1)
		;
	if (_i)
		fd = restart(fd);
	ck_assert(txn_end(&bed, "g", 7, 0, true));
	ck_assert_int_eq(stable_at(fd, 9, "g", "u", 0), -1);
	ck_assert_int_eq(stable_at(fd, 9, "g", "t", 0), 2);
	fd = restart(fd);
	ck_assert_int_eq(stable_at(fd, 9, "g", "u", 0), -1);
	ck_assert_int_eq(stable_at(fd, 9, "g", "t", 0), 2);
	close_bed(fd);
}
END_TEST

/* Metadata of a consumer that reads a topic, in ConsumerProtocol's form. */
static const char *
subscribed_to(char name)
{
	static char text[] = { 0, 0, 0, 0, 0, 1, 0, 1, 't', 0, 0, 0, 0 };

	text[8] = name;
	return (text);
}

static void
join_subscribed(int fd, const char *type, char topic)
{
	static struct km_join_group_request_protocol protocol;
	struct km_join_group_response *j;
	REQUEST(join_group, q);

	protocol.name = SLICE("range");
	protocol.metadata = slice_of(subscribed_to(topic), 13);
	q.group_id = SLICE("g");
	q.session_timeout_ms = q.rebalance_timeout_ms = 30000;
	q.protocol_type = slice_str(type);
	q.protocols.v = &protocol;
	q.protocols.n = 1;
	j = bed_call(fd, KAPI_JoinGroup, 3, &q);
	ck_assert_int_eq(j->error_code, 0);
	ck_assert_int_eq(sync_call(fd, 3, "g", text_of(j->member_id),
	    j->generation_id, "x")->error_code, 0);
}

START_TEST(offsets_deleted)
{
	int fd = open_bed();

	ck_assert_int_eq(delete_offset(fd, "", "t", 0),
	    KERR_INVALID_GROUP_ID);
	ck_assert_int_eq(delete_offset(fd, "g", "t", 0),
	    KERR_GROUP_ID_NOT_FOUND);
	ck_assert_int_eq(COMMIT(fd, .partition = 0, .offset = 1), 0);
	ck_assert_int_eq(COMMIT(fd, .partition = 1, .offset = 2), 0);
	ck_assert_int_eq(delete_offset(fd, "g", "nowhere", 0),
	    KERR_UNKNOWN_TOPIC_OR_PARTITION);
	ck_assert_int_eq(delete_offset(fd, "g", "t", 9),
	    KERR_UNKNOWN_TOPIC_OR_PARTITION);
	ck_assert_int_eq(delete_offset(fd, "g", "t", 2), 0);
	ck_assert_int_eq(delete_offset(fd, "g", "t", 0), 0);
	ck_assert_int_eq(committed_at(fd, "g", "t", 0), -1);
	ck_assert_int_eq(committed_at(fd, "g", "t", 1), 2);
	fd = restart(fd);
	ck_assert_int_eq(committed_at(fd, "g", "t", 0), -1);
	ck_assert_int_eq(committed_at(fd, "g", "t", 1), 2);
	ck_assert_int_eq(delete_offset(fd, "g", "t", 1), 0);
	/* A group of offsets alone goes with the last one. */
	ck_assert_int_eq(delete_offset(fd, "g", "t", 1),
	    KERR_GROUP_ID_NOT_FOUND);
	close_bed(fd);
}
END_TEST

START_TEST(offsets_of_members_deleted)
{
	int fd = open_bed();

	ck_assert_int_eq(bed_create(fd, "u", 1, NULL), 0);
	ck_assert_int_eq(COMMIT(fd, .offset = 1), 0);
	ck_assert_int_eq(COMMIT(fd, .topic = "u", .offset = 2), 0);
	join_subscribed(fd, "consumer", 't');
	ck_assert_int_eq(delete_offset(fd, "g", "t", 0),
	    KERR_GROUP_SUBSCRIBED_TO_TOPIC);
	ck_assert_int_eq(delete_offset(fd, "g", "u", 0), 0);
	ck_assert_int_eq(committed_at(fd, "g", "t", 0), 1);
	ck_assert_int_eq(committed_at(fd, "g", "u", 0), -1);
	close_bed(fd);
}
END_TEST

START_TEST(offsets_of_other_protocols)
{
	int fd = open_bed();

	ck_assert_int_eq(COMMIT(fd, .offset = 1), 0);
	join_subscribed(fd, "connect", 'u');
	ck_assert_int_eq(delete_offset(fd, "g", "t", 0),
	    KERR_NON_EMPTY_GROUP);
	ck_assert_int_eq(committed_at(fd, "g", "t", 0), 1);
	close_bed(fd);
}
END_TEST

/* A tombstone stands behind what is staged, so the marker brings nothing
 * back. */
START_TEST(staged_offsets_deleted)
{
	int fd = open_bed(), i;

	ck_assert_int_eq(COMMIT(fd, .partition = 1, .offset = 1), 0);
	txn_begin(&bed, "g", 7, 0);
	ck_assert_int_eq(TXN_COMMIT(fd, .producer = 7, .offset = 1), 0);
	ck_assert_int_eq(delete_offset(fd, "g", "t", 0), 0);
	ck_assert(txn_end(&bed, "g", 7, 0, true));
	for (i = 0; i < 2; i++) {
		ck_assert_int_eq(stable_at(fd, 9, "g", "t", 0), -1);
		ck_assert_int_eq(stable_at(fd, 9, "g", "t", 1), 1);
		fd = restart(fd);
	}
	close_bed(fd);
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &visible_after_the_marker, .rows = 2 },
	{ .fn = &unstable_while_staged },
	{ .fn = &unstable_in_the_list_of_all },
	{ .fn = &a_later_plain_commit_wins },
	{ .fn = &two_transactions },
	{ .fn = &staged_over_a_restart, .rows = 2 },
	{ .fn = &outside_of_a_transaction },
	{ .fn = &partitions_that_cannot_be },
	{ .fn = &bounded_in_memory },
	{ .fn = &members_are_checked },
	{ .fn = &stale_connections },
	{ .fn = &added_by_the_commit_itself },
	{ .fn = &an_operator_ends_it },
	{ .fn = &a_group_with_staged_offsets_stays },
	{ .fn = &topic_of_staged_offsets_deleted, .rows = 2 },
	{ .fn = &offsets_deleted },
	{ .fn = &offsets_of_members_deleted },
	{ .fn = &offsets_of_other_protocols },
	{ .fn = &staged_offsets_deleted },
};

int
main(void)
{
	return (UNIT_MAIN("groups_txn", tests));
}
