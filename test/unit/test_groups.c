/* Groups, offsets and producer ids of a running broker: every version of the
 * requests, what survives a restart, and what is cleaned up. */
#include "test/unit/groups_client.h"

#include <stdatomic.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"

static struct bed bed;
static char path[64];
static int dirfd_;

static void
start(void)
{
	bed_start(&bed, &fs_real, path, "group.initial.rebalance.delay.ms=0",
	    "offsets.topic.num.partitions=5",
	    "offsets.retention.check.interval.ms=50",
	    "offsets.retention.minutes=1",
	    "offsets.topic.segment.bytes=256k", "log.cleaner.backoff.ms=1",
	    NULL);
}

/* A broker in an empty folder, and a topic t with four partitions. */
static int
open_bed(void)
{
	int fd;

	dirfd_ = unit_dir(path);
	start();
	fd = bed_connect(&bed);
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
	return (bed_connect(&bed));
}

START_TEST(coordinator)
{
	struct slice keys[2] = { SLICE("g"), SLICE("") };
	struct km_find_coordinator_response *a;
	int fd = open_bed(), v;

	for (v = 0; v <= 5; v++) {
		REQUEST(find_coordinator, q);

		q.key = keys[0];
		q.coordinator_keys.v = keys;
		q.coordinator_keys.n = 2;
		a = bed_call(fd, KAPI_FindCoordinator, v, &q);
		if (v < 4) {
			ck_assert_int_eq(a->error_code, 0);
			ck_assert_int_eq(a->port, bed.port);
			UNIT_SLICE(a->host, "127.0.0.1");
			continue;
		}
		ck_assert_int_eq(a->coordinators.n, 2);
		ck_assert_int_eq(a->coordinators.v[0].port, bed.port);
		ck_assert_int_eq(a->coordinators.v[1].error_code,
		    KERR_INVALID_GROUP_ID);
	}
	close_bed(fd);
}
END_TEST

START_TEST(finds_the_coordinator_of_transactions)
{
	struct km_find_coordinator_response *a;
	int fd = open_bed();
	REQUEST(find_coordinator, q);

	q.key = SLICE("tx");
	q.key_type = 1;
	a = bed_call(fd, KAPI_FindCoordinator, 2, &q);
	ck_assert_int_eq(a->error_code, 0);
	ck_assert_int_eq(a->port, bed.port);
	q.key = SLICE("");
	ck_assert_int_eq(((struct km_find_coordinator_response *)bed_call(fd,
	    KAPI_FindCoordinator, 2, &q))->error_code, KERR_INVALID_REQUEST);
	q.key_type = 2;
	ck_assert_int_eq(((struct km_find_coordinator_response *)bed_call(fd,
	    KAPI_FindCoordinator, 2, &q))->error_code, KERR_INVALID_REQUEST);
	close_bed(fd);
}
END_TEST

static int
min(int a, int b)
{
	return (a < b ? a : b);
}

/* One member's life in each version of JoinGroup. */
START_TEST(life_of_a_member)
{
	int fd = open_bed(), v = _i;
	struct km_join_group_response *j = join_all(fd, v, "g", NULL);
	struct km_sync_group_response *s;
	const char *me = text_of(j->member_id);

	ck_assert(strncmp(me, "bed-", 4) == 0);
	ck_assert_int_eq(j->generation_id, 1);
	ck_assert(slice_eq(j->leader, j->member_id));
	UNIT_SLICE(j->protocol_name, "range");
	if (v >= 7)
		UNIT_SLICE(j->protocol_type, "consumer");
	ck_assert_int_eq(j->members.n, 1);
	UNIT_SLICE(j->members.v[0].metadata, "meta");
	ck_assert_int_eq(beat_call(fd, min(v, 4), "g", me, 1), 0);
	s = sync_call(fd, min(v, 5), "g", me, 1, "mine");
	ck_assert_int_eq(s->error_code, 0);
	UNIT_SLICE(s->assignment, "mine");
	ck_assert_int_eq(beat_call(fd, min(v, 4), "g", me, 1), 0);
	ck_assert_int_eq(beat_call(fd, min(v, 4), "g", me, 2),
	    KERR_ILLEGAL_GENERATION);
	ck_assert_int_eq(leave_call(fd, min(v, 5), "g", me), 0);
	ck_assert_int_eq(beat_call(fd, min(v, 4), "g", me, 1),
	    KERR_UNKNOWN_MEMBER_ID);
	close_bed(fd);
}
END_TEST

START_TEST(empty_and_unknown_groups)
{
	int fd = open_bed();

	ck_assert_int_eq(join_call(fd, 5, "", "", NULL)->error_code,
	    KERR_INVALID_GROUP_ID);
	ck_assert_int_eq(join_call(fd, 5, "g", "who", NULL)->error_code,
	    KERR_UNKNOWN_MEMBER_ID);
	ck_assert_int_eq(sync_call(fd, 3, "", "m", 1, NULL)->error_code,
	    KERR_INVALID_GROUP_ID);
	ck_assert_int_eq(sync_call(fd, 3, "g", "m", 1, NULL)->error_code,
	    KERR_UNKNOWN_MEMBER_ID);
	ck_assert_int_eq(beat_call(fd, 3, "", "m", 1), KERR_INVALID_GROUP_ID);
	ck_assert_int_eq(beat_call(fd, 3, "g", "m", 1),
	    KERR_UNKNOWN_MEMBER_ID);
	ck_assert_int_eq(leave_call(fd, 3, "", "m"), KERR_INVALID_GROUP_ID);
	ck_assert_int_eq(leave_call(fd, 3, "g", "m"), KERR_UNKNOWN_MEMBER_ID);
	ck_assert_int_eq(leave_call(fd, 0, "g", "m"), KERR_UNKNOWN_MEMBER_ID);
	ck_assert_int_eq(delete_group(fd, 2, ""), KERR_INVALID_GROUP_ID);
	ck_assert_int_eq(delete_group(fd, 2, "g"), KERR_GROUP_ID_NOT_FOUND);
	UNIT_SLICE(describe(fd, 5, "g")->group_state, "Dead");
	ck_assert_int_eq(describe(fd, 6, "g")->error_code,
	    KERR_GROUP_ID_NOT_FOUND);
	close_bed(fd);
}
END_TEST

/* Two members, a (leader) on fd and b on fd2, Stable in generation 2. */
static void
two_members(int fd, int fd2, const char **a, const char **b)
{
	struct km_join_group_response *j;

	*a = text_of(join_all(fd, 9, "g", NULL)->member_id);
	j = join_call(fd2, 9, "g", "", NULL);
	*b = text_of(j->member_id);
	join_send(fd2, 9, 50, "g", *b, NULL);
	while (beat_call(fd, 4, "g", *a, 1) != KERR_REBALANCE_IN_PROGRESS)
		;
	j = join_call(fd, 9, "g", *a, NULL);
	ck_assert_int_eq(j->members.n, 2);
	j = bed_recv(fd2, KAPI_JoinGroup, 9, 50);
	ck_assert_int_eq(j->generation_id, 2);
	ck_assert_int_eq(j->members.n, 0);
	sync_send(fd2, 5, 51, "g", *b, 2, NULL);
	ck_assert_int_eq(sync_call(fd, 5, "g", *a, 2, "x")->error_code, 0);
	ck_assert_int_eq(((struct km_sync_group_response *)
	    bed_recv(fd2, KAPI_SyncGroup, 5, 51))->error_code, 0);
}

START_TEST(two_members_rebalance)
{
	int fd = open_bed(), fd2 = bed_connect(&bed);
	struct km_describe_groups_response_group *d;
	const char *a, *b;

	two_members(fd, fd2, &a, &b);
	d = describe(fd, 6, "g");
	UNIT_SLICE(d->group_state, "Stable");
	UNIT_SLICE(d->protocol_data, "range");
	ck_assert_int_eq(d->members.n, 2);
	UNIT_SLICE(d->members.v[0].client_host, "/127.0.0.1");
	UNIT_SLICE(d->members.v[0].client_id, "bed");
	UNIT_SLICE(d->members.v[0].member_metadata, "meta");
	ck_assert_int_eq(delete_group(fd, 2, "g"), KERR_NON_EMPTY_GROUP);
	ck_assert_int_eq(leave_call(fd2, 5, "g", b), 0);
	ck_assert_int_eq(beat_call(fd, 4, "g", a, 2),
	    KERR_REBALANCE_IN_PROGRESS);
	ck_assert_int_eq(join_call(fd, 9, "g", a, NULL)->generation_id, 3);
	close(fd2);
	close_bed(fd);
}
END_TEST

/* A member that was never told its id leaves no ghost behind when its
 * connection is lost while its join waits. */
START_TEST(lost_connection_of_a_parked_join)
{
	int fd = open_bed(), fd2 = bed_connect(&bed);
	struct km_join_group_response *j;
	const char *a;

	a = text_of(join_all(fd, 0, "g", NULL)->member_id);
	join_send(fd2, 0, 1, "g", "", NULL);
	while (describe(fd, 5, "g")->members.n != 2)
		;
	close(fd2);
	while (describe(fd, 5, "g")->members.n != 1)
		;
	j = join_call(fd, 0, "g", a, NULL);
	ck_assert_int_eq(j->members.n, 1);
	close_bed(fd);
}
END_TEST

START_TEST(lost_connection_of_a_parked_sync)
{
	int fd = open_bed(), fd2 = bed_connect(&bed), error;
	const char *a, *b;

	two_members(fd, fd2, &a, &b);
	join_send(fd2, 9, 60, "g", b, NULL);	/* unchanged: answered */
	(void)bed_recv(fd2, KAPI_JoinGroup, 9, 60);
	join_send(fd, 9, 61, "g", a, NULL);	/* the leader: rebalance */
	while (beat_call(fd2, 4, "g", b, 2) != KERR_REBALANCE_IN_PROGRESS)
		;
	ck_assert_int_eq(join_call(fd2, 9, "g", b, NULL)->generation_id, 3);
	(void)bed_recv(fd, KAPI_JoinGroup, 9, 61);
	sync_send(fd2, 5, 62, "g", b, 3, NULL);
	close(fd2);
	fd2 = bed_connect(&bed);
	sync_send(fd2, 5, 63, "g", b, 3, NULL);
	ck_assert_int_eq(sync_call(fd, 5, "g", a, 3, "y")->error_code, 0);
	error = ((struct km_sync_group_response *)
	    bed_recv(fd2, KAPI_SyncGroup, 5, 63))->error_code;
	/* Two connections have no order: 62 may come behind 63 and take its
	 * place. */
	if (error == KERR_REBALANCE_IN_PROGRESS)
		error = sync_call(fd2, 5, "g", b, 3, NULL)->error_code;
	ck_assert_int_eq(error, 0);
	close(fd2);
	close_bed(fd);
}
END_TEST

/* --- offsets --- */

START_TEST(commit_and_fetch)
{
	struct km_offset_fetch_response_group_partition *p;
	int fd = open_bed(), v;

	for (v = 1; v <= 9; v++) {
		ck_assert_int_eq(COMMIT(fd, .version = v < 2 ? 2 : v,
		    .partition = 1, .offset = 100 + v, .epoch = 4,
		    .metadata = "meta of mine"), 0);
		p = fetch_offset(fd, v, "g", "t", 1);
		ck_assert_int_eq(p->committed_offset, 100 + v);
		UNIT_SLICE(p->metadata, "meta of mine");
		if (v >= 6)
			ck_assert_int_eq(p->committed_leader_epoch, 4);
		p = fetch_offset(fd, v, "g", "t", 2);
		ck_assert_int_eq(p->committed_offset, -1);
		ck_assert_int_eq(p->error_code, 0);
		UNIT_SLICE(p->metadata, "");
		ck_assert_int_eq(fetch_offset(fd, v, "no", "t", 1)
		    ->committed_offset, -1);
	}
	close_bed(fd);
}
END_TEST

START_TEST(fetch_everything)
{
	struct km_offset_fetch_request_group g[3];
	struct km_offset_fetch_response *a;
	int fd = open_bed(), v;
	int32_t i;

	for (i = 0; i < 4; i++)
		ck_assert_int_eq(COMMIT(fd, .partition = i, .offset = i), 0);
	for (v = 2; v <= 9; v++) {
		REQUEST(offset_fetch, q);

		for (i = 0; i < 3; i++)
			kw_defaults(&kd_offset_fetch_request_group, &g[i]);
		g[0].group_id = q.group_id = SLICE("g");
		g[1].group_id = SLICE("other");
		g[2].group_id = SLICE("");
		g[0].topics.n = g[1].topics.n = g[2].topics.n = -1;
		q.topics.n = -1;
		q.groups.v = g;
		q.groups.n = 3;
		a = bed_call(fd, KAPI_OffsetFetch, v, &q);
		if (v < 8) {
			ck_assert_int_eq(a->topics.n, 1);
			ck_assert_int_eq(a->topics.v[0].partitions.n, 4);
			continue;
		}
		ck_assert_int_eq(a->groups.n, 3);
		ck_assert_int_eq(a->groups.v[0].topics.v[0].partitions.n, 4);
		ck_assert_int_eq(a->groups.v[1].topics.n, 0);
		ck_assert_int_eq(a->groups.v[1].error_code, 0);
		ck_assert_int_eq(a->groups.v[2].error_code,
		    KERR_INVALID_GROUP_ID);
	}
	close_bed(fd);
}
END_TEST

START_TEST(commit_errors)
{
	char *big = xmalloc(4098);
	int fd = open_bed();
	const char *me;

	memset(big, 'x', 4097);
	big[4097] = '\0';
	ck_assert_int_eq(COMMIT(fd, .topic = "nope"),
	    KERR_UNKNOWN_TOPIC_OR_PARTITION);
	ck_assert_int_eq(COMMIT(fd, .partition = 4),
	    KERR_UNKNOWN_TOPIC_OR_PARTITION);
	ck_assert_int_eq(COMMIT(fd, .partition = -1),
	    KERR_UNKNOWN_TOPIC_OR_PARTITION);
	ck_assert_int_eq(COMMIT(fd, .metadata = big),
	    KERR_OFFSET_METADATA_TOO_LARGE);
	big[4096] = '\0';
	ck_assert_int_eq(COMMIT(fd, .metadata = big), 0);
	ck_assert_int_eq(COMMIT(fd, .group = ""), KERR_INVALID_GROUP_ID);
	ck_assert_int_eq(COMMIT(fd, .group = "new", .member = "m",
	    .generation = 3, .version = 8), KERR_ILLEGAL_GENERATION);
	ck_assert_int_eq(COMMIT(fd, .group = "new", .member = "m",
	    .generation = 3, .version = 9), KERR_GROUP_ID_NOT_FOUND);
	me = text_of(join_all(fd, 5, "g", NULL)->member_id);
	ck_assert_int_eq(COMMIT(fd, .member = me, .generation = 1),
	    KERR_REBALANCE_IN_PROGRESS);
	(void)sync_call(fd, 3, "g", me, 1, "x");
	ck_assert_int_eq(COMMIT(fd, .member = me, .generation = 1,
	    .offset = 5), 0);
	ck_assert_int_eq(COMMIT(fd, .member = me, .generation = 2),
	    KERR_ILLEGAL_GENERATION);
	ck_assert_int_eq(COMMIT(fd, .member = "x", .generation = 1),
	    KERR_UNKNOWN_MEMBER_ID);
	ck_assert_int_eq(COMMIT(fd, .offset = 9), KERR_UNKNOWN_MEMBER_ID);
	ck_assert_int_eq(committed_at(fd, "g", "t", 0), 5);
	free(big);
	close_bed(fd);
}
END_TEST

START_TEST(offsets_survive_a_restart)
{
	int fd = open_bed(), i;
	char group[16];

	for (i = 0; i < 40; i++) {
		snprintf(group, sizeof group, "g%d", i);
		ck_assert_int_eq(COMMIT(fd, .group = group, .partition = i % 4,
		    .offset = i, .metadata = group), 0);
	}
	ck_assert_int_eq(delete_group(fd, 2, "g7"), 0);
	ck_assert_int_eq(committed_at(fd, "g7", "t", 3), -1);
	fd = restart(fd);
	for (i = 0; i < 40; i++) {
		snprintf(group, sizeof group, "g%d", i);
		ck_assert_int_eq(committed_at(fd, group, "t", i % 4),
		    i == 7 ? -1 : i);
	}
	ck_assert_int_eq(delete_group(fd, 2, "g7"), KERR_GROUP_ID_NOT_FOUND);
	close_bed(fd);
}
END_TEST

START_TEST(members_survive_a_restart)
{
	int fd = open_bed(), fd2 = bed_connect(&bed);
	struct km_sync_group_response *s;
	const char *a, *b;

	two_members(fd, fd2, &a, &b);
	ck_assert_int_eq(COMMIT(fd, .member = a, .generation = 2,
	    .offset = 3), 0);
	close(fd2);
	fd = restart(fd);
	fd2 = bed_connect(&bed);
	ck_assert_int_eq(beat_call(fd, 4, "g", a, 2), 0);
	ck_assert_int_eq(beat_call(fd2, 4, "g", b, 2), 0);
	ck_assert_int_eq(COMMIT(fd2, .member = b, .generation = 2,
	    .offset = 4), 0);
	s = sync_call(fd, 5, "g", a, 2, NULL);
	ck_assert_int_eq(s->error_code, 0);
	UNIT_SLICE(s->assignment, "x");
	ck_assert_int_eq(describe(fd, 5, "g")->members.n, 2);
	ck_assert_int_eq(committed_at(fd, "g", "t", 0), 4);
	close(fd2);
	close_bed(fd);
}
END_TEST

START_TEST(static_member_survives_a_restart)
{
	int fd = open_bed();
	struct km_join_group_response *j;
	struct km_sync_group_response *s;
	const char *a;

	a = text_of(join_all(fd, 9, "g", "inst")->member_id);
	ck_assert(strncmp(a, "inst-", 5) == 0);
	(void)sync_call(fd, 2, "g", a, 1, "x");
	fd = restart(fd);
	j = join_call(fd, 9, "g", "", "inst");
	ck_assert_int_eq(j->error_code, 0);
	ck_assert_int_eq(j->generation_id, 1);
	ck_assert(j->skip_assignment);
	a = text_of(j->member_id);
	s = sync_call(fd, 2, "g", a, 1, NULL);
	UNIT_SLICE(s->assignment, "x");
	fd = restart(fd);		/* under the new id */
	ck_assert_int_eq(beat_call(fd, 2, "g", a, 1), 0);
	close_bed(fd);
}
END_TEST

/* --- lists --- */

static int32_t
list(int fd, int version, const char *state, const char *type)
{
	struct slice st = slice_str(state), ty = slice_str(type);
	struct km_list_groups_response *a;
	REQUEST(list_groups, q);

	q.states_filter.v = &st;
	q.states_filter.n = state == NULL ? 0 : 1;
	q.types_filter.v = &ty;
	q.types_filter.n = type == NULL ? 0 : 1;
	a = bed_call(fd, KAPI_ListGroups, version, &q);
	ck_assert_int_eq(a->error_code, 0);
	return (a->groups.n);
}

START_TEST(list_groups)
{
	int fd = open_bed(), fd2 = bed_connect(&bed), i, v;
	const char *a, *b;
	char group[16];

	two_members(fd, fd2, &a, &b);
	for (i = 0; i < 30; i++) {
		snprintf(group, sizeof group, "s%d", i);
		ck_assert_int_eq(COMMIT(fd, .group = group), 0);
	}
	for (v = 0; v <= 5; v++)
		ck_assert_int_eq(list(fd, v, NULL, NULL), 31);
	ck_assert_int_eq(list(fd, 5, "Stable", NULL), 1);
	ck_assert_int_eq(list(fd, 4, "empty", NULL), 30);
	ck_assert_int_eq(list(fd, 5, "Dead", NULL), 0);
	ck_assert_int_eq(list(fd, 5, NULL, "consumer"), 0);
	ck_assert_int_eq(list(fd, 5, NULL, "Classic"), 31);
	close(fd2);
	fd = restart(fd);
	ck_assert_int_eq(list(fd, 5, NULL, NULL), 31);
	close_bed(fd);
}
END_TEST

/* More groups than any stack would hold calls for. */
START_TEST(many_groups_in_one_request)
{
	int fd = open_bed();
	struct km_describe_groups_response *a;
	struct slice *names = xcalloc(200000, sizeof *names);
	int32_t i;
	REQUEST(describe_groups, q);

	for (i = 0; i < 200000; i++)
		names[i] = SLICE("a");
	q.groups.v = names;
	q.groups.n = i;
	a = bed_call(fd, KAPI_DescribeGroups, 5, &q);
	ck_assert_int_eq(a->groups.n, i);
	free(names);
	close_bed(fd);
}
END_TEST

/* --- what goes away --- */

static void
delete_topic(int fd, const char *topic)
{
	struct slice name = slice_str(topic);
	struct km_delete_topics_response *a;
	REQUEST(delete_topics, q);

	q.topic_names.v = &name;
	q.topic_names.n = 1;
	a = bed_call(fd, KAPI_DeleteTopics, 5, &q);
	ck_assert_int_eq(a->responses.v[0].error_code, 0);
}

START_TEST(deleted_topic_takes_its_offsets)
{
	int fd = open_bed();

	ck_assert_int_eq(bed_create(fd, "u", 1, NULL), 0);
	ck_assert_int_eq(COMMIT(fd, .topic = "t", .offset = 1), 0);
	ck_assert_int_eq(COMMIT(fd, .topic = "u", .offset = 2), 0);
	delete_topic(fd, "t");
	while (committed_at(fd, "g", "t", 0) != -1)
		;
	ck_assert_int_eq(bed_create(fd, "t", 1, NULL), 0);
	ck_assert_int_eq(committed_at(fd, "g", "t", 0), -1);
	ck_assert_int_eq(committed_at(fd, "g", "u", 0), 2);
	fd = restart(fd);
	ck_assert_int_eq(committed_at(fd, "g", "t", 0), -1);
	ck_assert_int_eq(committed_at(fd, "g", "u", 0), 2);
	close_bed(fd);
}
END_TEST

static _Atomic int64_t skew_ms;

static int64_t
real_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ((int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec);
}

static int64_t
mono(void *ctx)
{
	(void)ctx;
	return (real_ns(CLOCK_MONOTONIC));
}

static int64_t
wall(void *ctx)
{
	(void)ctx;
	return (real_ns(CLOCK_REALTIME) / 1000000 + skew_ms);
}

START_TEST(old_offsets_expire)
{
	int fd, fd2;
	const char *a, *b;

	clock_replace(mono, wall, NULL);
	fd = open_bed();
	fd2 = bed_connect(&bed);
	two_members(fd, fd2, &a, &b);
	ck_assert_int_eq(COMMIT(fd, .member = a, .generation = 2,
	    .offset = 3), 0);
	ck_assert_int_eq(COMMIT(fd, .group = "simple", .offset = 4), 0);
	skew_ms = 61000;
	while (committed_at(fd, "simple", "t", 0) != -1)
		;
	/* "meta" is no subscription: it counts as one to everything */
	ck_assert_int_eq(committed_at(fd, "g", "t", 0), 3);
	ck_assert_int_eq(leave_call(fd, 5, "g", a), 0);
	ck_assert_int_eq(leave_call(fd, 5, "g", b), 0);
	skew_ms += 59000;		/* counted from the last member's end */
	ck_assert_int_eq(COMMIT(fd, .group = "later", .offset = 9), 0);
	ck_assert_int_eq(committed_at(fd, "g", "t", 0), 3);
	skew_ms += 2000;
	while (describe(fd, 6, "g")->error_code != KERR_GROUP_ID_NOT_FOUND)
		;
	ck_assert_int_eq(committed_at(fd, "later", "t", 0), 9);
	close(fd2);
	fd = restart(fd);
	ck_assert_int_eq(describe(fd, 6, "g")->error_code,
	    KERR_GROUP_ID_NOT_FOUND);
	ck_assert_int_eq(describe(fd, 6, "simple")->error_code,
	    KERR_GROUP_ID_NOT_FOUND);
	close_bed(fd);
}
END_TEST

/* A subscription as Kafka's clients send it: version, topics, user data. */
START_TEST(offsets_of_dropped_topics_expire)
{
	int fd;
	const char *a;
	static const char meta[] = "\0\1" "\0\0\0\1" "\0\1t" "\0\0\0\0";
	struct km_join_group_request_protocol p = { SLICE("range"),
	    { (const uint8_t *)meta, sizeof meta - 1 } };
	struct km_join_group_response *j;
	REQUEST(join_group, q);

	clock_replace(mono, wall, NULL);
	fd = open_bed();
	ck_assert_int_eq(bed_create(fd, "u", 1, NULL), 0);
	q.group_id = SLICE("g");
	q.session_timeout_ms = q.rebalance_timeout_ms = 30000;
	q.protocol_type = SLICE("consumer");
	q.protocols.v = &p;
	q.protocols.n = 1;
	j = bed_call(fd, KAPI_JoinGroup, 3, &q);
	a = text_of(j->member_id);
	(void)sync_call(fd, 2, "g", a, 1, "x");
	ck_assert_int_eq(COMMIT(fd, .member = a, .generation = 1,
	    .offset = 1), 0);
	ck_assert_int_eq(COMMIT(fd, .member = a, .generation = 1,
	    .topic = "u", .offset = 2), 0);
	skew_ms = 61000;
	while (committed_at(fd, "g", "u", 0) != -1)
		;
	ck_assert_int_eq(committed_at(fd, "g", "t", 0), 1);
	close_bed(fd);
}
END_TEST

/* --- the size of the log --- */

static uint64_t
offsets_log_bytes(void)
{
	uint64_t total = 0;
	char name[400];
	struct stat st;
	struct dirent *de;
	DIR *d;
	int i;

	for (i = 0; i < 5; i++) {
		snprintf(name, sizeof name, "%s/broker/__consumer_offsets-%d",
		    path, i);
		if ((d = opendir(name)) == NULL)
			continue;
		while ((de = readdir(d)) != NULL)
			if (strstr(de->d_name, ".log") != NULL &&
			    fstatat(dirfd(d), de->d_name, &st, 0) == 0)
				total += (uint64_t)st.st_size;
		closedir(d);
	}
	return (total);
}

START_TEST(the_log_stays_small)
{
	int fd = open_bed(), n;
	int32_t i;

	ck_assert_int_eq(bed_create(fd, "wide", 1000, NULL), 0);
	ck_assert_int_eq(COMMIT(fd, .group = "g", .offset = 77), 0);
	/* 80 kB each: soon much more than stays. */
	for (n = 0; n < 50 || (n < 10000 && offsets_log_bytes() > 2u << 20);
	    n++)
		commit_many(fd, "g", "wide", 1000, n * 10);
	ck_assert_int_lt(n, 10000);
	fd = restart(fd);
	ck_assert_int_eq(committed_at(fd, "g", "t", 0), 77);
	for (i = 0; i < 1000; i += 37)
		ck_assert_int_eq(committed_at(fd, "g", "wide", i),
		    (n - 1) * 10 + i);
	close_bed(fd);
}
END_TEST

/* --- producer ids --- */

START_TEST(producer_ids)
{
	int fd = open_bed(), v;
	int64_t last = -1;
	struct km_init_producer_id_response *a;

	for (v = 0; v <= 5; v++) {
		a = init_producer(fd, v, NULL);
		ck_assert_int_eq(a->error_code, 0);
		ck_assert_int_eq(a->producer_epoch, 0);
		ck_assert_int_gt(a->producer_id, last);
		last = a->producer_id;
	}
	for (v = 0; v < 1500; v++) {		/* over the end of a block */
		a = init_producer(fd, 0, NULL);
		ck_assert_int_gt(a->producer_id, last);
		last = a->producer_id;
		bed_reset();
	}
	fd = restart(fd);
	ck_assert_int_gt(init_producer(fd, 0, NULL)->producer_id, last);
	close_bed(fd);
}
END_TEST

/* A broker that stops answers whoever still waits. */
START_TEST(stop_answers_who_waits)
{
	int fd = open_bed(), fd2 = bed_connect(&bed);
	struct km_join_group_response *j;

	(void)join_all(fd, 0, "g", NULL);
	join_send(fd2, 0, 1, "g", "", NULL);
	while (describe(fd, 5, "g")->members.n != 2)
		;
	close(fd);
	bed_stop(&bed);
	j = bed_recv(fd2, KAPI_JoinGroup, 0, 1);
	ck_assert_int_eq(j->error_code, KERR_NOT_COORDINATOR);
	close(fd2);
	bed_reset();
	unit_dir_remove(dirfd_, path);
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &coordinator },
	{ .fn = &finds_the_coordinator_of_transactions },
	{ .fn = &life_of_a_member, .rows = 10 },
	{ .fn = &empty_and_unknown_groups },
	{ .fn = &two_members_rebalance },
	{ .fn = &lost_connection_of_a_parked_join },
	{ .fn = &lost_connection_of_a_parked_sync },
	{ .fn = &commit_and_fetch },
	{ .fn = &fetch_everything },
	{ .fn = &commit_errors },
	{ .fn = &offsets_survive_a_restart },
	{ .fn = &members_survive_a_restart },
	{ .fn = &static_member_survives_a_restart },
	{ .fn = &list_groups },
	{ .fn = &many_groups_in_one_request },
	{ .fn = &deleted_topic_takes_its_offsets },
	{ .fn = &old_offsets_expire },
	{ .fn = &offsets_of_dropped_topics_expire },
	{ .fn = &the_log_stays_small },
	{ .fn = &producer_ids },
	{ .fn = &stop_answers_who_waits },
};

int
main(void)
{
	return (UNIT_MAIN("groups", tests));
}
