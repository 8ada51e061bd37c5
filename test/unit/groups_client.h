/* Calls of group members, over broker_bed.h, for the tests of groups. */
#ifndef TEST_UNIT_GROUPS_CLIENT_H
#define TEST_UNIT_GROUPS_CLIENT_H

#include "test/unit/broker_bed.h"
#include "test/unit/unit.h"

#include "kafka/errors.h"

/* A request of that type with its defaults, as a variable. */
#define REQUEST(name, var)						\
	struct km_##name##_request var;					\
	kw_defaults(&kd_##name##_request, &var)

static const char *join_metadata = "meta";

static inline void
join_send(int fd, int version, int32_t id, const char *group,
    const char *member, const char *instance)
{
	static struct km_join_group_request_protocol protocol;
	REQUEST(join_group, q);

	protocol.name = SLICE("range");
	protocol.metadata = slice_str(join_metadata);
	q.group_id = slice_str(group);
	q.member_id = slice_str(member);
	q.group_instance_id = slice_str(instance);
	q.session_timeout_ms = 30000;
	q.rebalance_timeout_ms = 30000;
	q.protocol_type = SLICE("consumer");
	q.protocols.v = &protocol;
	q.protocols.n = 1;
	bed_send(fd, KAPI_JoinGroup, version, id, &q);
}

static inline struct km_join_group_response *
join_call(int fd, int version, const char *group, const char *member,
    const char *instance)
{
	join_send(fd, version, 7, group, member, instance);
	return (bed_recv(fd, KAPI_JoinGroup, version, 7));
}

/* A copy that stays for the next 31 calls. */
static inline const char *
text_of(struct slice s)
{
	static char buf[32][128];
	static unsigned next;
	char *p = buf[next++ % 32];

	ck_assert_uint_lt(s.len, sizeof buf[0]);
	memcpy(p, s.p, s.len);
	p[s.len] = '\0';
	return (p);
}

/* Joins in one or two steps, whatever the version asks for. */
static inline struct km_join_group_response *
join_all(int fd, int version, const char *group, const char *instance)
{
	struct km_join_group_response *a = join_call(fd, version, group, "",
	    instance);

	if (a->error_code == KERR_MEMBER_ID_REQUIRED)
		a = join_call(fd, version, group, text_of(a->member_id),
		    instance);
	ck_assert_int_eq(a->error_code, 0);
	return (a);
}

static inline void
sync_send(int fd, int version, int32_t id, const char *group,
    const char *member, int32_t generation, const char *bytes)
{
	static struct km_sync_group_request_assignment one;
	REQUEST(sync_group, q);

	one.member_id = slice_str(member);
	one.assignment = slice_str(bytes);
	q.group_id = slice_str(group);
	q.member_id = slice_str(member);
	q.generation_id = generation;
	q.assignments.v = &one;
	q.assignments.n = bytes == NULL ? 0 : 1;
	bed_send(fd, KAPI_SyncGroup, version, id, &q);
}

static inline struct km_sync_group_response *
sync_call(int fd, int version, const char *group, const char *member,
    int32_t generation, const char *bytes)
{
	sync_send(fd, version, 8, group, member, generation, bytes);
	return (bed_recv(fd, KAPI_SyncGroup, version, 8));
}

static inline int
beat_call(int fd, int version, const char *group, const char *member,
    int32_t generation)
{
	struct km_heartbeat_response *a;
	REQUEST(heartbeat, q);

	q.group_id = slice_str(group);
	q.member_id = slice_str(member);
	q.generation_id = generation;
	a = bed_call(fd, KAPI_Heartbeat, version, &q);
	return (a->error_code);
}

static inline int
leave_call(int fd, int version, const char *group, const char *member)
{
	struct km_leave_group_request_member one = {
		.member_id = slice_str(member)
	};
	struct km_leave_group_response *a;
	REQUEST(leave_group, q);

	q.group_id = slice_str(group);
	q.member_id = slice_str(member);
	q.members.v = &one;
	q.members.n = 1;
	a = bed_call(fd, KAPI_LeaveGroup, version, &q);
	if (version < 3 || a->error_code != 0)
		return (a->error_code);
	ck_assert_int_eq(a->members.n, 1);
	return (a->members.v[0].error_code);
}

struct commit {
	int		 version;	/* 0: the newest */
	const char	*group, *member, *topic, *metadata;
	int32_t		 generation, partition, epoch;
	int64_t		 offset;
};

static inline int
do_commit(int fd, struct commit c)
{
	struct km_offset_commit_request_partition p = {
		.partition_index = c.partition,
		.committed_offset = c.offset,
		.committed_leader_epoch = c.epoch,
		.committed_metadata = slice_str(c.metadata),
	};
	struct km_offset_commit_request_topic t = {
		.name = slice_str(c.topic == NULL ? "t" : c.topic),
		.partitions = { &p, 1 },
	};
	struct km_offset_commit_response *a;
	REQUEST(offset_commit, q);

	q.group_id = slice_str(c.group == NULL ? "g" : c.group);
	q.member_id = slice_str(c.member == NULL ? "" : c.member);
	q.generation_id_or_member_epoch = c.member == NULL &&
	    c.generation == 0 ? -1 : c.generation;
	q.topics.v = &t;
	q.topics.n = 1;
	a = bed_call(fd, KAPI_OffsetCommit, c.version == 0 ? 9 : c.version,
	    &q);
	ck_assert_int_eq(a->topics.n, 1);
	ck_assert_int_eq(a->topics.v[0].partitions.n, 1);
	return (a->topics.v[0].partitions.v[0].error_code);
}

#define COMMIT(fd, ...)	do_commit((fd), (struct commit){ __VA_ARGS__ })

/* The committed offset of one partition, in the form of version 8; offset -2
 * when the group has an error. */
static inline struct km_offset_fetch_response_group_partition *
fetch_offset(int fd, int version, const char *group, const char *topic,
    int32_t partition)
{
	static struct km_offset_fetch_response_group_partition out;
	struct km_offset_fetch_request_topic old = {
		.name = slice_str(topic), .partition_indexes = { &partition, 1 }
	};
	struct km_offset_fetch_request_group_topic new = {
		.name = slice_str(topic), .partition_indexes = { &partition, 1 }
	};
	struct km_offset_fetch_request_group g;
	struct km_offset_fetch_response *a;
	REQUEST(offset_fetch, q);

	kw_defaults(&kd_offset_fetch_request_group, &g);
	g.group_id = q.group_id = slice_str(group);
	g.topics.v = &new;
	g.topics.n = 1;
	q.topics.v = &old;
	q.topics.n = 1;
	q.groups.v = &g;
	q.groups.n = 1;
	a = bed_call(fd, KAPI_OffsetFetch, version, &q);
	out.committed_offset = -2;
	if (version >= 8)
		return (a->groups.v[0].error_code != 0 ? &out :
		    &a->groups.v[0].topics.v[0].partitions.v[0]);
	if (a->error_code != 0)
		return (&out);
	out.partition_index = a->topics.v[0].partitions.v[0].partition_index;
	out.committed_offset = a->topics.v[0].partitions.v[0].committed_offset;
	out.committed_leader_epoch =
	    a->topics.v[0].partitions.v[0].committed_leader_epoch;
	out.metadata = a->topics.v[0].partitions.v[0].metadata;
	out.error_code = a->topics.v[0].partitions.v[0].error_code;
	return (&out);
}

static inline int64_t
committed_at(int fd, const char *group, const char *topic, int32_t partition)
{
	return (fetch_offset(fd, 9, group, topic, partition)
	    ->committed_offset);
}

/* WriteTxnMarkers, of one marker: what an operator writes. */
struct marking {
	const char	*topic;
	int32_t		 partition;
	int64_t		 pid;
	int16_t		 epoch;
	bool		 commit;
};

static inline int
marked(int fd, const struct marking *m)
{
	int32_t partition = m->partition;
	struct km_write_txn_markers_request_topic t = {
		.name = slice_str(m->topic),
		.partition_indexes = { &partition, 1 }
	};
	struct km_write_txn_markers_request_marker x = {
		.producer_id = m->pid, .producer_epoch = m->epoch,
		.transaction_result = m->commit, .topics = { &t, 1 },
		.coordinator_epoch = -1
	};
	struct km_write_txn_markers_response *a;
	REQUEST(write_txn_markers, q);

	q.markers.v = &x;
	q.markers.n = 1;
	a = bed_call(fd, KAPI_WriteTxnMarkers, 1, &q);
	ck_assert_int_eq(a->markers.n, 1);
	ck_assert(a->markers.v[0].producer_id == m->pid);
	UNIT_SLICE(a->markers.v[0].topics.v[0].name, m->topic);
	ck_assert_int_eq(a->markers.v[0].topics.v[0].partitions.v[0]
	    .partition_index, partition);
	return (a->markers.v[0].topics.v[0].partitions.v[0].error_code);
}

static inline struct km_describe_groups_response_group *
describe(int fd, int version, const char *group)
{
	struct slice name = slice_str(group);
	struct km_describe_groups_response *a;
	REQUEST(describe_groups, q);

	q.groups.v = &name;
	q.groups.n = 1;
	a = bed_call(fd, KAPI_DescribeGroups, version, &q);
	ck_assert_int_eq(a->groups.n, 1);
	return (&a->groups.v[0]);
}

static inline int
delete_group(int fd, int version, const char *group)
{
	struct slice name = slice_str(group);
	struct km_delete_groups_response *a;
	REQUEST(delete_groups, q);

	q.groups_names.v = &name;
	q.groups_names.n = 1;
	a = bed_call(fd, KAPI_DeleteGroups, version, &q);
	ck_assert_int_eq(a->results.n, 1);
	return (a->results.v[0].error_code);
}

static inline struct km_init_producer_id_response *
init_producer(int fd, int version, const char *transactional_id)
{
	REQUEST(init_producer_id, q);

	q.transactional_id = slice_str(transactional_id);
	q.transaction_timeout_ms = 60000;
	return (bed_call(fd, KAPI_InitProducerId, version, &q));
}

/* Commits offset + i for each of the first n partitions of a topic. */
static inline void
commit_many(int fd, const char *group, const char *topic, int32_t n,
    int64_t offset)
{
	static struct km_offset_commit_request_partition p[1000];
	struct km_offset_commit_request_topic t = {
		.name = slice_str(topic), .partitions = { p, n }
	};
	struct km_offset_commit_response *a;
	int32_t i;
	REQUEST(offset_commit, q);

	for (i = 0; i < n; i++) {
		p[i].partition_index = i;
		p[i].committed_offset = offset + i;
		p[i].committed_metadata = SLICE("0123456789");
	}
	q.group_id = slice_str(group);
	q.topics.v = &t;
	q.topics.n = 1;
	a = bed_call(fd, KAPI_OffsetCommit, 9, &q);
	for (i = 0; i < n; i++)
		ck_assert_int_eq(a->topics.v[0].partitions.v[i].error_code,
		    0);
	bed_reset();
}

#endif
