/*
 * What one node without replicas and without security answers to tools that
 * ask about them; log folders; topics page by page.
 */
#include "test/unit/unit.h"

#include <limits.h>

#include "kafka/errors.h"
#include "test/unit/broker_bed.h"

static struct bed bed;
static char dir[64];
static int dirfd_, fd;

static void
begin(void)
{
	dirfd_ = unit_dir(dir);
	bed_start(&bed, &fs_real, dir, NULL);
	fd = bed_connect(&bed);
	ck_assert_int_eq(bed_create(fd, "t", 3, NULL), 0);
}

static void
end(void)
{
	close(fd);
	bed_stop(&bed);
	unit_dir_remove(dirfd_, dir);
}

/* --- security --- */

START_TEST(sasl)
{
	struct km_sasl_handshake_request q = { SLICE("PLAIN") };
	struct km_sasl_handshake_response *a;
	struct km_sasl_authenticate_request q2 = { SLICE("x") };
	struct km_sasl_authenticate_response *a2;
	int v;

	begin();
	for (v = 0; v <= 1; v++) {
		a = bed_call(fd, KAPI_SaslHandshake, v, &q);
		ck_assert_int_eq(a->error_code, KERR_ILLEGAL_SASL_STATE);
		ck_assert_int_eq(a->mechanisms.n, 0);
	}
	for (v = 0; v <= 2; v++) {
		a2 = bed_call(fd, KAPI_SaslAuthenticate, v, &q2);
		ck_assert_int_eq(a2->error_code, KERR_ILLEGAL_SASL_STATE);
		ck_assert_int_gt(a2->error_message.len, 0);
	}
	end();
}
END_TEST

START_TEST(acls)
{
	struct km_describe_acls_request q;
	struct km_describe_acls_response *a;
	struct km_create_acls_request_creation c[2];
	struct km_create_acls_request q2 = { { c, 2 } };
	struct km_create_acls_response *a2;
	struct km_delete_acls_request_filter f;
	struct km_delete_acls_request q3 = { { &f, 1 } };
	struct km_delete_acls_response *a3;
	int v;

	kw_defaults(&kd_describe_acls_request, &q);
	kw_defaults(&kd_create_acls_request_creation, &c[0]);
	c[1] = c[0];
	kw_defaults(&kd_delete_acls_request_filter, &f);
	begin();
	for (v = 0; v <= 3; v++) {
		a = bed_call(fd, KAPI_DescribeAcls, v, &q);
		ck_assert_int_eq(a->error_code, KERR_SECURITY_DISABLED);
		UNIT_SLICE(a->error_message, "No Authorizer is configured.");
		a2 = bed_call(fd, KAPI_CreateAcls, v, &q2);
		ck_assert_int_eq(a2->results.n, 2);
		ck_assert_int_eq(a2->results.v[1].error_code,
		    KERR_SECURITY_DISABLED);
		a3 = bed_call(fd, KAPI_DeleteAcls, v, &q3);
		ck_assert_int_eq(a3->filter_results.n, 1);
		ck_assert_int_eq(a3->filter_results.v[0].error_code,
		    KERR_SECURITY_DISABLED);
	}
	end();
}
END_TEST

START_TEST(users)
{
	struct km_describe_user_scram_credentials_request_user u = {
		SLICE("anna")
	};
	struct km_describe_user_scram_credentials_request q = { { &u, 1 } };
	struct km_describe_user_scram_credentials_response *a;
	struct km_alter_user_scram_credentials_request_deletion d = {
		SLICE("anna"), 1
	};
	struct km_alter_user_scram_credentials_request_upsertion up = {
		SLICE("berta"), 1, 4096, SLICE("salt"), SLICE("salted")
	};
	struct km_alter_user_scram_credentials_request q2 = {
		{ &d, 1 }, { &up, 1 }
	};
	struct km_alter_user_scram_credentials_response *a2;

	begin();
	a = bed_call(fd, KAPI_DescribeUserScramCredentials, 0, &q);
	ck_assert_int_eq(a->error_code, 0);
	ck_assert_int_eq(a->results.n, 1);
	UNIT_SLICE(a->results.v[0].user, "anna");
	ck_assert_int_eq(a->results.v[0].error_code, KERR_RESOURCE_NOT_FOUND);
	q.users.n = -1;
	a = bed_call(fd, KAPI_DescribeUserScramCredentials, 0, &q);
	ck_assert_int_eq(a->error_code, 0);
	ck_assert_int_eq(a->results.n, 0);
	a2 = bed_call(fd, KAPI_AlterUserScramCredentials, 0, &q2);
	ck_assert_int_eq(a2->results.n, 2);
	ck_assert_int_eq(a2->results.v[0].error_code, KERR_RESOURCE_NOT_FOUND);
	UNIT_SLICE(a2->results.v[1].user, "berta");
	ck_assert_int_eq(a2->results.v[1].error_code,
	    KERR_UNSUPPORTED_SASL_MECHANISM);
	end();
}
END_TEST

START_TEST(quotas)
{
	struct km_describe_client_quotas_request q;
	struct km_describe_client_quotas_response *a;
	struct km_alter_client_quotas_request_entity entity = {
		SLICE("user"), SLICE("anna")
	};
	struct km_alter_client_quotas_request_op op = {
		SLICE("producer_byte_rate"), 1024, false
	};
	struct km_alter_client_quotas_request_entry entry = {
		{ &entity, 1 }, { &op, 1 }
	};
	struct km_alter_client_quotas_request q2 = { { &entry, 1 }, false };
	struct km_alter_client_quotas_response *a2;
	int v;

	kw_defaults(&kd_describe_client_quotas_request, &q);
	begin();
	for (v = 0; v <= 1; v++) {
		op.remove = false;
		a2 = bed_call(fd, KAPI_AlterClientQuotas, v, &q2);
		ck_assert_int_eq(a2->entries.n, 1);
		UNIT_SLICE(a2->entries.v[0].entity.v[0].entity_name, "anna");
		ck_assert_int_eq(a2->entries.v[0].error_code,
		    KERR_INVALID_REQUEST);
		op.remove = true;
		a2 = bed_call(fd, KAPI_AlterClientQuotas, v, &q2);
		ck_assert_int_eq(a2->entries.v[0].error_code, 0);
		a = bed_call(fd, KAPI_DescribeClientQuotas, v, &q);
		ck_assert_int_eq(a->error_code, 0);
		ck_assert_int_eq(a->entries.n, 0);
	}
	end();
}
END_TEST

/* --- replicas --- */

START_TEST(elect)
{
	int32_t parts[2] = { 0, 9 };
	struct km_elect_leaders_request_topic t = { SLICE("t"), { parts, 2 } };
	struct km_elect_leaders_request q = { 0, { &t, 1 }, 1000 };
	struct km_elect_leaders_response *a;
	int v, type;

	begin();
	for (v = 0; v <= 2; v++)
		for (type = 0; type <= (v > 0 ? 2 : 0); type++) {
			q.election_type = (int8_t)type;
			q.topic_partitions.n = 1;
			a = bed_call(fd, KAPI_ElectLeaders, v, &q);
			ck_assert_int_eq(a->error_code, 0);
			ck_assert_int_eq(a->replica_election_results.v[0]
			    .partition_result.v[0].error_code,
			    type == 2 ? KERR_INVALID_REQUEST :
			    KERR_ELECTION_NOT_NEEDED);
			ck_assert_int_eq(a->replica_election_results.v[0]
			    .partition_result.v[1].error_code,
			    type == 2 ? KERR_INVALID_REQUEST :
			    KERR_UNKNOWN_TOPIC_OR_PARTITION);
			q.topic_partitions.n = -1;
			a = bed_call(fd, KAPI_ElectLeaders, v, &q);
			ck_assert_int_eq(a->error_code, 0);
			ck_assert_int_eq(a->replica_election_results.n, 0);
		}
	end();
}
END_TEST

static const struct {
	const char	*topic;
	int32_t		 partition, n, replicas[2];
	int		 want;
} reassigned[] = {
	{ "t", 0, -1, { 0 }, KERR_NO_REASSIGNMENT_IN_PROGRESS },
	{ "t", 0, 1, { 1 }, 0 },
	{ "t", 0, 1, { 2 }, KERR_INVALID_REPLICA_ASSIGNMENT },
	{ "t", 0, 2, { 1, 2 }, KERR_INVALID_REPLICA_ASSIGNMENT },
	{ "t", 0, 2, { 1, 1 }, KERR_INVALID_REPLICA_ASSIGNMENT },
	{ "t", 0, 0, { 0 }, KERR_INVALID_REPLICA_ASSIGNMENT },
	{ "t", 3, 1, { 1 }, KERR_UNKNOWN_TOPIC_OR_PARTITION },
	{ "t", -1, -1, { 1 }, KERR_UNKNOWN_TOPIC_OR_PARTITION },
	{ "u", 0, -1, { 1 }, KERR_UNKNOWN_TOPIC_OR_PARTITION },
};

START_TEST(reassign)
{
	struct km_alter_partition_reassignments_request_partition p = {
		reassigned[_i].partition, {
		(int32_t *)reassigned[_i].replicas, reassigned[_i].n }
	};
	struct km_alter_partition_reassignments_request_topic t = {
		slice_str(reassigned[_i].topic), { &p, 1 }
	};
	struct km_alter_partition_reassignments_request q = {
		1000, { &t, 1 }
	};
	struct km_alter_partition_reassignments_response *a;
	struct km_list_partition_reassignments_request q2;
	struct km_list_partition_reassignments_response *a2;

	begin();
	a = bed_call(fd, KAPI_AlterPartitionReassignments, 0, &q);
	ck_assert_int_eq(a->error_code, 0);
	UNIT_SLICE(a->responses.v[0].name, reassigned[_i].topic);
	ck_assert_int_eq(a->responses.v[0].partitions.v[0].error_code,
	    reassigned[_i].want);
	kw_defaults(&kd_list_partition_reassignments_request, &q2);
	q2.topics.n = -1;
	a2 = bed_call(fd, KAPI_ListPartitionReassignments, 0, &q2);
	ck_assert_int_eq(a2->error_code, 0);
	ck_assert_int_eq(a2->topics.n, 0);
	end();
}
END_TEST

/* --- folders --- */

static int64_t
size_of(struct km_describe_log_dirs_response_result *d, const char *topic,
    int32_t partition)
{
	int32_t i, k;

	for (i = 0; i < d->topics.n; i++)
		for (k = 0; k < d->topics.v[i].partitions.n; k++)
			if (slice_eq_str(d->topics.v[i].name, topic) &&
			    d->topics.v[i].partitions.v[k].partition_index ==
			    partition)
				return (d->topics.v[i].partitions.v[k]
				    .partition_size);
	return (-1);
}

START_TEST(log_dirs)
{
	int32_t parts[2] = { 1, 9 };
	struct km_describe_log_dirs_request_topic t[2] = {
		{ SLICE("t"), { parts, 2 } }, { SLICE("u"), { parts, 1 } }
	};
	struct km_describe_log_dirs_request q = { { t, 2 } };
	struct km_describe_log_dirs_response_result *d;
	struct km_describe_log_dirs_response *a;
	char want[PATH_MAX], path[128];
	int64_t size;
	int v;

	begin();
	snprintf(path, sizeof path, "%s/broker", dir);
	ck_assert_ptr_nonnull(realpath(path, want));
	ck_assert_int_eq(bed_produce(fd, "t", 1, -1, "0123456789", 50, NULL),
	    0);
	size = (int64_t)bed_batch("0123456789", 50).len;
	for (v = 0; v <= 4; v++) {
		q.topics.n = 2;
		a = bed_call(fd, KAPI_DescribeLogDirs, v, &q);
		ck_assert_int_eq(a->error_code, 0);
		ck_assert_int_eq(a->results.n, 1);
		d = &a->results.v[0];
		ck_assert_int_eq(d->error_code, 0);
		UNIT_SLICE(d->log_dir, want);
		ck_assert_int_eq(d->topics.n, 1);
		ck_assert_int_eq(d->topics.v[0].partitions.n, 1);
		ck_assert_int_eq(size_of(d, "t", 1), size);
		if (v == 4) {
			ck_assert_int_gt(d->total_bytes, d->usable_bytes);
			ck_assert_int_gt(d->usable_bytes, 0);
		}
		q.topics.n = -1;
		a = bed_call(fd, KAPI_DescribeLogDirs, v, &q);
		d = &a->results.v[0];
		ck_assert_int_eq(size_of(d, "t", 0), 0);
		ck_assert_int_eq(size_of(d, "t", 1), size);
		ck_assert_int_eq(size_of(d, "t", 2), 0);
		ck_assert_int_eq(size_of(d, "t", 3), -1);
	}
	close(fd);
	bed_stop(&bed);
	bed_start(&bed, &fs_real, dir, NULL);
	fd = bed_connect(&bed);
	a = bed_call(fd, KAPI_DescribeLogDirs, 4, &q);
	ck_assert_int_eq(size_of(&a->results.v[0], "t", 1), size);
	end();
}
END_TEST

START_TEST(move_dirs)
{
	int32_t parts[2] = { 1, 9 };
	struct km_alter_replica_log_dirs_request_topic t = {
		SLICE("t"), { parts, 2 }
	};
	struct km_alter_replica_log_dirs_request_dir d[2] = {
		{ SLICE("/elsewhere"), { &t, 1 } }, { SLICE_NULL, { &t, 1 } }
	};
	struct km_alter_replica_log_dirs_request q = { { d, 2 } };
	struct km_alter_replica_log_dirs_response *a;
	char here[PATH_MAX], path[128];
	int v;

	begin();
	snprintf(path, sizeof path, "%s/broker", dir);
	d[1].path = slice_str(realpath(path, here));
	for (v = 0; v <= 2; v++) {
		a = bed_call(fd, KAPI_AlterReplicaLogDirs, v, &q);
		ck_assert_int_eq(a->results.n, 2);
		ck_assert_int_eq(a->results.v[0].partitions.v[0].error_code,
		    KERR_LOG_DIR_NOT_FOUND);
		ck_assert_int_eq(a->results.v[0].partitions.v[1].error_code,
		    KERR_UNKNOWN_TOPIC_OR_PARTITION);
		ck_assert_int_eq(a->results.v[1].partitions.v[0].error_code,
		    0);
	}
	end();
}
END_TEST

/* --- topics page by page --- */

static struct km_describe_topic_partitions_request_cursor cursor;

/* "a:0,1 b:0 -> c/0"; names NULL at the end, none: all. */
static const char *
page(int32_t limit, const char *const *names, bool go_on)
{
	struct km_describe_topic_partitions_request_topic t[4];
	struct km_describe_topic_partitions_request q;
	struct km_describe_topic_partitions_response *a;
	static char buf[400], next[64];
	int32_t i, k;
	size_t n = 0;

	kw_defaults(&kd_describe_topic_partitions_request, &q);
	q.topics.v = t;
	for (i = 0; names[i] != NULL; i++)
		t[i].name = slice_str(names[i]);
	q.topics.n = i;
	q.response_partition_limit = limit;
	if (go_on) {
		q.cursor.v = &cursor;
		q.cursor.n = 1;
	}
	a = bed_call(fd, KAPI_DescribeTopicPartitions, 0, &q);
	buf[0] = '\0';
	for (i = 0; i < a->topics.n; i++) {
		n += (size_t)snprintf(buf + n, sizeof buf - n, "%.*s",
		    (int)a->topics.v[i].name.len,
		    (const char *)a->topics.v[i].name.p);
		if (a->topics.v[i].error_code != 0)
			n += (size_t)snprintf(buf + n, sizeof buf - n, "!%d",
			    a->topics.v[i].error_code);
		for (k = 0; k < a->topics.v[i].partitions.n; k++)
			n += (size_t)snprintf(buf + n, sizeof buf - n, "%c%d",
			    k == 0 ? ':' : ',', a->topics.v[i].partitions.v[k]
			    .partition_index);
		n += (size_t)snprintf(buf + n, sizeof buf - n, " ");
	}
	if (a->next_cursor.n > 0) {
		snprintf(next, sizeof next, "%.*s",
		    (int)a->next_cursor.v[0].topic_name.len,
		    (const char *)a->next_cursor.v[0].topic_name.p);
		cursor.topic_name = slice_str(next);
		cursor.partition_index =
		    a->next_cursor.v[0].partition_index;
		snprintf(buf + n, sizeof buf - n, "-> %s/%d", next,
		    cursor.partition_index);
	}
	return (buf);
}

START_TEST(pages)
{
	static const char *const all[] = { NULL };
	static const char *const some[] = { "t", "no", "a b", "t", NULL };
	static const char *const three[] = { "s", "t", "u", NULL };

	begin();
	ck_assert_int_eq(bed_create(fd, "s", 1, NULL), 0);
	ck_assert_int_eq(bed_create(fd, "u", 2, NULL), 0);
	ck_assert_str_eq(page(2000, all, false), "s:0 t:0,1,2 u:0,1 ");
	ck_assert_str_eq(page(2, all, false), "s:0 t:0 -> t/1");
	ck_assert_str_eq(page(2, all, true), "t:1,2 -> u/0");
	ck_assert_str_eq(page(2, all, true), "u:0,1 ");
	ck_assert_str_eq(page(0, three, false), "s:0 -> t/0");
	ck_assert_str_eq(page(3, three, true), "t:0,1,2 -> u/0");
	ck_assert_str_eq(page(3, three, true), "u:0,1 ");
	ck_assert_str_eq(page(9, some, false), "a b!17 no!3 t:0,1,2 ");
	cursor.topic_name = SLICE("t");
	cursor.partition_index = 7;
	ck_assert_str_eq(page(9, three, true), "t u:0,1 ");
	cursor.partition_index = -1;
	ck_assert_str_eq(page(9, three, true), "s!42 t!42 u!42 ");
	end();
}
END_TEST

/* --- where replicas are wanted --- */

/* CreateTopics of "n" with that many partitions, replicas and replica ids of
 * each. */
static int
create_placed(int32_t partitions, int16_t factor, int32_t assigned,
    int32_t *ids, int32_t nids, bool dry)
{
	struct km_create_topics_request_assignment v[3];
	struct km_create_topics_request_topic t;
	struct km_create_topics_request q;
	struct km_create_topics_response *a;
	int32_t i;

	kw_defaults(&kd_create_topics_request, &q);
	kw_defaults(&kd_create_topics_request_topic, &t);
	t.name = SLICE("n");
	t.num_partitions = partitions;
	t.replication_factor = factor;
	for (i = 0; i < assigned; i++) {
		v[i].partition_index = i;
		v[i].broker_ids.v = ids;
		v[i].broker_ids.n = nids;
	}
	t.assignments.v = v;
	t.assignments.n = assigned;
	q.topics.v = &t;
	q.topics.n = 1;
	q.validate_only = dry;
	a = bed_call(fd, KAPI_CreateTopics, 5, &q);
	if (a->topics.v[0].error_code == 0)
		ck_assert_int_eq(a->topics.v[0].num_partitions,
		    assigned > 0 ? assigned : partitions > 0 ? partitions : 1);
	return (a->topics.v[0].error_code);
}

/* CreatePartitions of "t" to four, the new one on these. */
static int
grow_placed(int32_t *ids, int32_t nids, bool dry)
{
	struct km_create_partitions_request_assignment one = { { ids, nids } };
	struct km_create_partitions_request_topic t = {
		SLICE("t"), 4, { &one, 1 }
	};
	struct km_create_partitions_request q = { { &t, 1 }, 1000, dry };
	struct km_create_partitions_response *a;

	a = bed_call(fd, KAPI_CreatePartitions, 3, &q);
	return (a->results.v[0].error_code);
}

/* One replica on this node, or with the switch whatever is wanted. */
START_TEST(placed)
{
	int32_t here = 1, elsewhere = 2, three[3] = { 1, 2, 3 };
	const char *setting = _i ? "accept.any.replication.factor=true" : NULL;
	int refused = _i ? 0 : KERR_INVALID_REPLICA_ASSIGNMENT;

	dirfd_ = unit_dir(dir);
	bed_start(&bed, &fs_real, dir, "max.partitions=50", setting, NULL);
	fd = bed_connect(&bed);
	ck_assert_int_eq(bed_create(fd, "t", 3, NULL), 0);
	ck_assert_int_eq(create_placed(-1, -1, 2, &here, 1, true), 0);
	ck_assert_int_eq(create_placed(-1, -1, 2, &elsewhere, 1, true),
	    refused);
	ck_assert_int_eq(create_placed(-1, -1, 2, three, 3, true), refused);
	ck_assert_int_eq(create_placed(-1, -1, 2, three, 0, true),
	    KERR_INVALID_REPLICA_ASSIGNMENT);
	ck_assert_int_eq(create_placed(2, -1, 2, &here, 1, true),
	    KERR_INVALID_REQUEST);
	ck_assert_int_eq(create_placed(-1, 1, 2, &here, 1, true),
	    KERR_INVALID_REQUEST);
	ck_assert_int_eq(create_placed(2, 3, 0, NULL, 0, true),
	    _i ? 0 : KERR_INVALID_REPLICATION_FACTOR);
	ck_assert_int_eq(create_placed(-1, -1, 0, NULL, 0, true), 0);
	ck_assert_int_eq(create_placed(48, 1, 0, NULL, 0, true),
	    KERR_POLICY_VIOLATION);
	ck_assert_ptr_null(bed_topic(fd, "n"));
	ck_assert_int_eq(create_placed(-1, -1, 2, three, _i ? 3 : 1, false),
	    0);
	ck_assert_int_eq(bed_topic(fd, "n")->partitions.v[1].replica_nodes.n,
	    1);
	ck_assert_int_eq(grow_placed(&elsewhere, 1, true), refused);
	ck_assert_int_eq(grow_placed(three, 3, true), refused);
	ck_assert_int_eq(grow_placed(three, 0, true),
	    KERR_INVALID_REPLICA_ASSIGNMENT);
	ck_assert_int_eq(grow_placed(&here, 1, true), 0);
	ck_assert_int_eq(bed_topic(fd, "t")->partitions.n, 3);
	ck_assert_int_eq(grow_placed(three, _i ? 3 : 1, false), 0);
	ck_assert_int_eq(bed_topic(fd, "t")->partitions.n, 4);
	end();
}
END_TEST

/* --- features --- */

static const struct {
	int		 version;
	const char	*feature;
	int16_t		 level;
	bool		 allow;		/* version 0 */
	int8_t		 type;		/* from version 1 on */
	int16_t		 want;
} updates[] = {
	{ 0, "transaction.version", 2, false, 1, KERR_NONE },
	{ 1, "transaction.version", 2, false, 1, KERR_NONE },
	{ 2, "transaction.version", 2, false, 1, KERR_NONE },
	{ 1, "transaction.version", 3, false, 1, KERR_INVALID_UPDATE_VERSION },
	{ 0, "transaction.version", 1, false, 1, KERR_INVALID_UPDATE_VERSION },
	{ 0, "transaction.version", 0, true, 1, KERR_INVALID_UPDATE_VERSION },
	{ 1, "transaction.version", 1, false, 2, KERR_INVALID_UPDATE_VERSION },
	{ 2, "transaction.version", 0, false, 3, KERR_INVALID_UPDATE_VERSION },
	{ 1, "transaction.version", 2, false, 4, KERR_INVALID_REQUEST },
	{ 1, "metadata.version", 20, false, 1, KERR_INVALID_UPDATE_VERSION },
	{ 2, "metadata.version", 20, false, 1, KERR_INVALID_UPDATE_VERSION },
};

START_TEST(update_features)
{
	struct km_update_features_request_feature f;
	struct km_update_features_request q;
	struct km_update_features_response *a;
	bool refused = updates[_i].want != KERR_NONE;

	begin();
	kw_defaults(&kd_update_features_request, &q);
	kw_defaults(&kd_update_features_request_feature, &f);
	f.feature = slice_str(updates[_i].feature);
	f.max_version_level = updates[_i].level;
	f.allow_downgrade = updates[_i].allow;
	f.upgrade_type = updates[_i].type;
	q.feature_updates.v = &f;
	q.feature_updates.n = 1;
	a = bed_call(fd, KAPI_UpdateFeatures, updates[_i].version, &q);
	if (updates[_i].version >= 2) {
		ck_assert_int_eq(a->error_code, updates[_i].want);
		ck_assert_int_eq(a->error_message.p != NULL, refused);
	} else {
		ck_assert_int_eq(a->error_code, KERR_NONE);
		ck_assert_int_eq(a->results.n, 1);
		ck_assert(slice_eq(a->results.v[0].feature, f.feature));
		ck_assert_int_eq(a->results.v[0].error_code, updates[_i].want);
		ck_assert_int_eq(a->results.v[0].error_message.p != NULL,
		    refused);
	}
	end();
}
END_TEST

/* --- what has a configuration --- */

START_TEST(config_resources)
{
	struct km_list_config_resources_request q;
	struct km_list_config_resources_response *a;
	int8_t topics[] = { 2 }, none[] = { 32, 16, 8 }, odd[] = { 2, 3 };

	begin();
	kw_defaults(&kd_list_config_resources_request, &q);
	a = bed_call(fd, KAPI_ListConfigResources, 0, &q);
	ck_assert_int_eq(a->error_code, KERR_NONE);
	ck_assert_int_eq(a->config_resources.n, 0);
	a = bed_call(fd, KAPI_ListConfigResources, 1, &q);
	ck_assert_int_eq(a->config_resources.n, 2);
	ck_assert(slice_eq_str(a->config_resources.v[0].resource_name, "t"));
	ck_assert_int_eq(a->config_resources.v[1].resource_type, 4);
	q.resource_types.v = topics;
	q.resource_types.n = 1;
	a = bed_call(fd, KAPI_ListConfigResources, 1, &q);
	ck_assert_int_eq(a->config_resources.n, 1);
	ck_assert_int_eq(a->config_resources.v[0].resource_type, 2);
	q.resource_types.v = none;
	q.resource_types.n = NELEM(none);
	a = bed_call(fd, KAPI_ListConfigResources, 1, &q);
	ck_assert_int_eq(a->error_code, KERR_NONE);
	ck_assert_int_eq(a->config_resources.n, 0);
	q.resource_types.v = odd;
	q.resource_types.n = NELEM(odd);
	a = bed_call(fd, KAPI_ListConfigResources, 1, &q);
	ck_assert_int_eq(a->error_code, KERR_UNSUPPORTED_VERSION);
	ck_assert_int_eq(a->config_resources.n, 0);
	end();
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &sasl },
	{ .fn = &acls },
	{ .fn = &users },
	{ .fn = &quotas },
	{ .fn = &elect },
	{ .fn = &reassign, .rows = NELEM(reassigned) },
	{ .fn = &log_dirs },
	{ .fn = &move_dirs },
	{ .fn = &pages },
	{ .fn = &placed, .rows = 2 },
	{ .fn = &update_features, .rows = NELEM(updates) },
	{ .fn = &config_resources },
};

int
main(void)
{
	return (UNIT_MAIN("broker admin", tests));
}
