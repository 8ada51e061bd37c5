/*
 * AlterConfigs and IncrementalAlterConfigs: each refusal, what takes effect at
 * once, what DescribeConfigs then shows, and what a power cut leaves.
 */
#include "test/unit/unit.h"

#include <dirent.h>

#include "kafka/errors.h"
#include "test/fake/fake_disk.h"
#include "test/unit/broker_bed.h"

enum { TOPIC = 2, BROKER = 4 };
enum { SET, DELETE, APPEND, SUBTRACT };

static struct bed bed;
static char dir[64];
static int dirfd_, fd;

static void
begin(const char *setting)
{
	dirfd_ = unit_dir(dir);
	bed_start(&bed, &fs_real, dir, setting, NULL);
	fd = bed_connect(&bed);
	ck_assert_int_eq(bed_create(fd, "t", 2, "max.message.bytes=5000"), 0);
}

static void
again(const char *setting)
{
	close(fd);
	bed_stop(&bed);
	bed_start(&bed, &fs_real, dir, setting, NULL);
	fd = bed_connect(&bed);
}

static void
end(void)
{
	close(fd);
	bed_stop(&bed);
	unit_dir_remove(dirfd_, dir);
}

static struct slice
value_of(const char *value)
{
	return (value == NULL ? SLICE_NULL : slice_str(value));
}

static struct km_incremental_alter_configs_response_result *
change_at(int version, int type, const char *name, int op, const char *key,
    const char *value, bool dry)
{
	struct km_incremental_alter_configs_request_config c = {
		slice_str(key), (int8_t)op, value_of(value)
	};
	struct km_incremental_alter_configs_request_resource res = {
		(int8_t)type, slice_str(name), { &c, 1 }
	};
	struct km_incremental_alter_configs_request q = { { &res, 1 }, dry };
	struct km_incremental_alter_configs_response *a;

	a = bed_call(fd, KAPI_IncrementalAlterConfigs, version, &q);
	ck_assert_int_eq(a->responses.n, 1);
	ck_assert_int_eq(a->responses.v[0].resource_type, type);
	UNIT_SLICE(a->responses.v[0].resource_name, name);
	return (&a->responses.v[0]);
}

static int
change(int type, const char *name, int op, const char *key, const char *value)
{
	return (change_at(1, type, name, op, key, value, false)->error_code);
}

/* The old API, which says all that is set: one key, or none for NULL. */
static int
replace(int version, int type, const char *name, const char *key,
    const char *value, bool dry)
{
	struct km_alter_configs_request_config c = {
		slice_str(key), value_of(value)
	};
	struct km_alter_configs_request_resource res = {
		(int8_t)type, slice_str(name), { &c, key != NULL }
	};
	struct km_alter_configs_request q = { { &res, 1 }, dry };
	struct km_alter_configs_response *a;

	a = bed_call(fd, KAPI_AlterConfigs, version, &q);
	ck_assert_int_eq(a->responses.n, 1);
	return (a->responses.v[0].error_code);
}

static struct km_describe_configs_response_result *
describe(int type, const char *name, const char *key)
{
	struct km_describe_configs_request_resource res;
	struct km_describe_configs_request q;
	struct km_describe_configs_response *a;
	struct slice k = slice_str(key);

	kw_defaults(&kd_describe_configs_request, &q);
	q.include_synonyms = q.include_documentation = true;
	res.resource_type = (int8_t)type;
	res.resource_name = slice_str(name);
	res.configuration_keys.v = &k;
	res.configuration_keys.n = key == NULL ? -1 : 1;
	q.resources.v = &res;
	q.resources.n = 1;
	a = bed_call(fd, KAPI_DescribeConfigs, 4, &q);
	ck_assert_int_eq(a->results.v[0].error_code, 0);
	return (&a->results.v[0]);
}

/* "value source synonym/source=value ..." */
static const char *
show(int type, const char *name, const char *key)
{
	struct km_describe_configs_response_result *r;
	struct km_describe_configs_response_config *c;
	static char buf[400];
	int32_t i;
	size_t n;

	r = describe(type, name, key);
	if (r->configs.n == 0)
		return ("none");
	c = &r->configs.v[0];
	ck_assert(c->documentation.len > 0);
	n = (size_t)snprintf(buf, sizeof buf, "%.*s %d", (int)c->value.len,
	    (const char *)c->value.p, c->config_source);
	for (i = 0; i < c->synonyms.n; i++)
		n += (size_t)snprintf(buf + n, sizeof buf - n, " %.*s/%d=%.*s",
		    (int)c->synonyms.v[i].name.len,
		    (const char *)c->synonyms.v[i].name.p,
		    c->synonyms.v[i].source, (int)c->synonyms.v[i].value.len,
		    (const char *)c->synonyms.v[i].value.p);
	return (buf);
}

/* --- what is refused --- */

static const struct {
	int		 type;
	const char	*name;
	int		 op;
	const char	*key, *value;
	int		 want;
	const char	*says;
} changes[] = {
	{ TOPIC, "t", SET, "retention.ms", "1000", 0, NULL },
	{ TOPIC, "t", SET, "retention.ms", "-1", 0, NULL },
	{ TOPIC, "t", SET, "retention.ms", "-2", KERR_INVALID_CONFIG,
	    "retention.ms" },
	{ TOPIC, "t", SET, "retention.ms", "", KERR_INVALID_CONFIG,
	    "retention.ms" },
	{ TOPIC, "t", SET, "segment.bytes", "13", KERR_INVALID_CONFIG, "14" },
	{ TOPIC, "t", SET, "segment.bytes", "2147483648",
	    KERR_INVALID_CONFIG, "2147483647" },
	{ TOPIC, "t", SET, "cleanup.policy", "x", KERR_INVALID_CONFIG,
	    "compact" },
	{ TOPIC, "t", SET, "preallocate", "1", KERR_INVALID_CONFIG, "true" },
	{ TOPIC, "t", SET, "message.timestamp.type", "Now",
	    KERR_INVALID_CONFIG, "LogAppendTime" },
	{ TOPIC, "t", SET, "min.cleanable.dirty.ratio", "1.5",
	    KERR_INVALID_CONFIG, "dirty" },
	{ TOPIC, "t", SET, "max.compaction.lag.ms", "1", 0, NULL },
	{ TOPIC, "t", SET, "min.compaction.lag.ms",
	    "9223372036854775807", 0, NULL },
	{ TOPIC, "t", SET, "no.such.key", "1", KERR_INVALID_CONFIG,
	    "no.such.key" },
	{ TOPIC, "t", SET, "log.retention.ms", "1", KERR_INVALID_CONFIG,
	    "log.retention.ms" },
	{ TOPIC, "t", SET, "retention.ms", NULL, KERR_INVALID_REQUEST,
	    "delete" },
	{ TOPIC, "t", DELETE, "retention.ms", NULL, 0, NULL },
	{ TOPIC, "t", DELETE, "max.message.bytes", "5", 0, NULL },
	{ TOPIC, "t", DELETE, "no.such.key", NULL, 0, NULL },
	{ TOPIC, "t", APPEND, "cleanup.policy", "compact", 0, NULL },
	{ TOPIC, "t", APPEND, "cleanup.policy", "x", KERR_INVALID_CONFIG,
	    "compact" },
	{ TOPIC, "t", APPEND, "retention.ms", "5", KERR_INVALID_CONFIG,
	    "not a list" },
	{ TOPIC, "t", SUBTRACT, "retention.ms", "5", KERR_INVALID_CONFIG,
	    "not a list" },
	{ TOPIC, "t", 4, "retention.ms", "5", KERR_INVALID_REQUEST,
	    "operation" },
	{ TOPIC, "t", -1, "retention.ms", "5", KERR_INVALID_REQUEST,
	    "operation" },
	{ TOPIC, "u", SET, "retention.ms", "5",
	    KERR_UNKNOWN_TOPIC_OR_PARTITION, "topic" },
	{ TOPIC, "a b", SET, "retention.ms", "5",
	    KERR_INVALID_TOPIC_EXCEPTION, "topic" },
	{ TOPIC, "", SET, "retention.ms", "5", KERR_INVALID_REQUEST,
	    "log." },
	{ BROKER, "1", SET, "log.retention.ms", "5000", 0, NULL },
	{ BROKER, "", SET, "log.retention.ms", "5000", 0, NULL },
	{ BROKER, "", SET, "log.retention.ms", "soon", KERR_INVALID_CONFIG,
	    "log.retention.ms" },
	{ BROKER, "2", SET, "log.retention.ms", "5", KERR_INVALID_REQUEST,
	    "it is 1" },
	{ BROKER, "x", SET, "log.retention.ms", "5", KERR_INVALID_REQUEST,
	    "it is 1" },
	{ BROKER, "1", SET, "num.partitions", "5", KERR_INVALID_REQUEST,
	    "server.properties" },
	{ BROKER, "1", SET, "listeners", "PLAINTEXT://:1",
	    KERR_INVALID_REQUEST, "listeners" },
	{ BROKER, "1", SET, "no.such.key", "5", KERR_INVALID_CONFIG,
	    "no.such.key" },
	{ BROKER, "1", DELETE, "leader.replication.throttled.rate", NULL, 0,
	    NULL },
	{ 8, "1", SET, "kafka.server", "DEBUG", KERR_INVALID_REQUEST, "log" },
	{ 16, "m", SET, "interval.ms", "5", KERR_INVALID_REQUEST, "clients" },
	{ 32, "g", SET, "x", "5", KERR_INVALID_REQUEST, "members" },
	{ 3, "g", SET, "x", "5", KERR_INVALID_REQUEST, "Only" },
};

START_TEST(refused)
{
	struct km_incremental_alter_configs_response_result *r;
	int v, dry;

	begin(NULL);
	for (dry = 1; dry >= 0; dry--)
		for (v = 1; v >= 0; v--) {
			r = change_at(v, changes[_i].type, changes[_i].name,
			    changes[_i].op, changes[_i].key, changes[_i].value,
			    dry != 0);
			ck_assert_int_eq(r->error_code, changes[_i].want);
			if (changes[_i].says == NULL)
				continue;
			ck_assert(memmem(r->error_message.p,
			    r->error_message.len, changes[_i].says,
			    strlen(changes[_i].says)) != NULL);
		}
	end();
}
END_TEST

/* Values that do not agree; keys and resources that are named twice. */
START_TEST(together)
{
	struct km_incremental_alter_configs_request_config c[2] = {
		{ SLICE("min.compaction.lag.ms"), SET, SLICE("9") },
		{ SLICE("max.compaction.lag.ms"), SET, SLICE("8") }
	};
	struct km_incremental_alter_configs_request_resource res[3] = {
		{ TOPIC, SLICE("t"), { c, 2 } },
		{ TOPIC, SLICE("w"), { c, 1 } },
		{ TOPIC, SLICE("w"), { c, 1 } }
	};
	struct km_incremental_alter_configs_request q = { { res, 3 }, false };
	struct km_incremental_alter_configs_response *a;

	begin(NULL);
	ck_assert_int_eq(bed_create(fd, "w", 1, NULL), 0);
	a = bed_call(fd, KAPI_IncrementalAlterConfigs, 1, &q);
	ck_assert_int_eq(a->responses.v[0].error_code, KERR_INVALID_CONFIG);
	ck_assert_int_eq(a->responses.v[1].error_code, KERR_INVALID_REQUEST);
	ck_assert_int_eq(a->responses.v[2].error_code, KERR_INVALID_REQUEST);
	c[1] = c[0];
	a = bed_call(fd, KAPI_IncrementalAlterConfigs, 1, &q);
	ck_assert_int_eq(a->responses.v[0].error_code, KERR_INVALID_REQUEST);
	q.resources.n = 2;
	c[1].name = SLICE("segment.ms");
	a = bed_call(fd, KAPI_IncrementalAlterConfigs, 1, &q);
	ck_assert_int_eq(a->responses.v[0].error_code, 0);
	ck_assert_int_eq(a->responses.v[1].error_code, 0);
	end();
}
END_TEST

/* --- what comes of it --- */

START_TEST(topic)
{
	char value[6001];

	memset(value, 'v', sizeof value - 1);
	value[sizeof value - 1] = '\0';
	begin(NULL);
	ck_assert_int_eq(bed_produce(fd, "t", 0, -1, value, 1, NULL),
	    KERR_MESSAGE_TOO_LARGE);
	ck_assert_int_eq(change_at(1, TOPIC, "t", SET, "max.message.bytes",
	    "7000", true)->error_code, 0);
	ck_assert_int_eq(bed_produce(fd, "t", 0, -1, value, 1, NULL),
	    KERR_MESSAGE_TOO_LARGE);
	ck_assert_int_eq(change(TOPIC, "t", SET, "max.message.bytes", "7000"),
	    0);
	ck_assert_int_eq(bed_produce(fd, "t", 0, -1, value, 1, NULL), 0);
	ck_assert_str_eq(show(TOPIC, "t", "max.message.bytes"),
	    "7000 1 max.message.bytes/1=7000 message.max.bytes/5=1048588");
	again(NULL);
	ck_assert_str_eq(show(TOPIC, "t", "max.message.bytes"),
	    "7000 1 max.message.bytes/1=7000 message.max.bytes/5=1048588");
	ck_assert_int_eq(change(TOPIC, "t", DELETE, "max.message.bytes", NULL),
	    0);
	ck_assert_str_eq(show(TOPIC, "t", "max.message.bytes"),
	    "1048588 5 message.max.bytes/5=1048588");
	end();
}
END_TEST

START_TEST(lists)
{
	begin(NULL);
	ck_assert_int_eq(change(TOPIC, "t", APPEND, "cleanup.policy",
	    "compact,delete"), 0);
	ck_assert_str_eq(show(TOPIC, "t", "cleanup.policy"),
	    "delete,compact 1 cleanup.policy/1=delete,compact "
	    "log.cleanup.policy/5=delete");
	ck_assert_int_eq(change(TOPIC, "t", SUBTRACT, "cleanup.policy",
	    "delete,x"), 0);
	ck_assert_str_eq(show(TOPIC, "t", "cleanup.policy"),
	    "compact 1 cleanup.policy/1=compact log.cleanup.policy/5=delete");
	end();
}
END_TEST

/* The old API sets all: what is not named is gone. */
START_TEST(old_api)
{
	int v;

	begin(NULL);
	for (v = 0; v <= 2; v++) {
		ck_assert_int_eq(replace(v, TOPIC, "t", "segment.ms", "77",
		    true), 0);
		ck_assert_str_eq(show(TOPIC, "t", "segment.ms"),
		    "604800000 5 log.roll.ms/5=604800000");
		ck_assert_int_eq(replace(v, TOPIC, "t", "segment.ms", "77",
		    false), 0);
		ck_assert_str_eq(show(TOPIC, "t", "segment.ms"),
		    "77 1 segment.ms/1=77 log.roll.ms/5=604800000");
		ck_assert_str_eq(show(TOPIC, "t", "max.message.bytes"),
		    "1048588 5 message.max.bytes/5=1048588");
		ck_assert_int_eq(replace(v, TOPIC, "t", "segment.ms", NULL,
		    false), KERR_INVALID_REQUEST);
		ck_assert_int_eq(replace(v, TOPIC, "u", "segment.ms", "7",
		    false), KERR_UNKNOWN_TOPIC_OR_PARTITION);
		ck_assert_int_eq(replace(v, TOPIC, "t", "segment.ms", "0",
		    false), KERR_INVALID_CONFIG);
		ck_assert_int_eq(replace(v, BROKER, "1", "log.roll.ms", "78",
		    false), 0);
		ck_assert_int_eq(replace(v, TOPIC, "t", NULL, NULL, false), 0);
		ck_assert_str_eq(show(TOPIC, "t", "segment.ms"),
		    "78 2 log.roll.ms/2=78 log.roll.ms/5=604800000");
		ck_assert_int_eq(replace(v, BROKER, "1", NULL, NULL, false),
		    0);
	}
	end();
}
END_TEST

/* What topics get from the broker, from each of its layers. */
START_TEST(defaults)
{
	begin("log.segment.bytes=2m");
	ck_assert_int_eq(bed_create(fd, "own", 1, "segment.bytes=4000000"), 0);
	ck_assert_str_eq(show(TOPIC, "t", "segment.bytes"), "2097152 4 "
	    "log.segment.bytes/4=2097152 log.segment.bytes/5=1073741824");
	ck_assert_int_eq(change(BROKER, "", SET, "log.segment.bytes",
	    "3000000"), 0);
	ck_assert_str_eq(show(BROKER, "", "log.segment.bytes"),
	    "3000000 3 log.segment.bytes/3=3000000");
	ck_assert_str_eq(show(BROKER, "", "log.roll.ms"), "none");
	ck_assert_int_eq(change(BROKER, "1", SET, "log.segment.bytes",
	    "3100000"), 0);
	ck_assert_str_eq(show(BROKER, "1", "log.segment.bytes"),
	    "3100000 2 log.segment.bytes/2=3100000 log.segment.bytes/3=3000000 "
	    "log.segment.bytes/4=2097152 log.segment.bytes/5=1073741824");
	again("log.segment.bytes=2500000");
	ck_assert_str_eq(show(TOPIC, "t", "segment.bytes"),
	    "3100000 2 log.segment.bytes/2=3100000 log.segment.bytes/3=3000000 "
	    "log.segment.bytes/4=2500000 log.segment.bytes/5=1073741824");
	ck_assert_str_eq(show(TOPIC, "own", "segment.bytes"), "4000000 1 "
	    "segment.bytes/1=4000000 log.segment.bytes/2=3100000 "
	    "log.segment.bytes/3=3000000 log.segment.bytes/4=2500000 "
	    "log.segment.bytes/5=1073741824");
	ck_assert_int_eq(change(BROKER, "1", DELETE, "log.segment.bytes",
	    NULL), 0);
	ck_assert_int_eq(change(BROKER, "", DELETE, "log.segment.bytes",
	    NULL), 0);
	ck_assert_str_eq(show(TOPIC, "t", "segment.bytes"), "2500000 4 "
	    "log.segment.bytes/4=2500000 log.segment.bytes/5=1073741824");
	end();
}
END_TEST

/* They are in force for topics that are there and for new ones. */
START_TEST(defaults_in_force)
{
	char value[3001];

	memset(value, 'v', sizeof value - 1);
	value[sizeof value - 1] = '\0';
	begin(NULL);
	ck_assert_int_eq(bed_create(fd, "plain", 1, NULL), 0);
	ck_assert_int_eq(bed_produce(fd, "plain", 0, -1, value, 1, NULL), 0);
	ck_assert_int_eq(change(BROKER, "", SET, "message.max.bytes", "2000"),
	    0);
	ck_assert_int_eq(bed_create(fd, "new", 1, NULL), 0);
	ck_assert_int_eq(bed_produce(fd, "plain", 0, -1, value, 1, NULL),
	    KERR_MESSAGE_TOO_LARGE);
	ck_assert_int_eq(bed_produce(fd, "new", 0, -1, value, 1, NULL),
	    KERR_MESSAGE_TOO_LARGE);
	ck_assert_int_eq(bed_produce(fd, "t", 0, -1, value, 1, NULL), 0);
	again(NULL);
	ck_assert_int_eq(bed_produce(fd, "plain", 0, -1, value, 1, NULL),
	    KERR_MESSAGE_TOO_LARGE);
	ck_assert_int_eq(change(BROKER, "", DELETE, "message.max.bytes",
	    NULL), 0);
	ck_assert_int_eq(bed_produce(fd, "plain", 0, -1, value, 1, NULL), 0);
	end();
}
END_TEST

static int
segments(void)
{
	struct dirent *de;
	char path[128];
	DIR *dp;
	int n = 0;

	snprintf(path, sizeof path, "%s/broker/t-0", dir);
	ck_assert((dp = opendir(path)) != NULL);
	while ((de = readdir(dp)) != NULL)
		n += strlen(de->d_name) > 4 &&
		    strcmp(de->d_name + strlen(de->d_name) - 4, ".log") == 0;
	closedir(dp);
	return (n);
}

/* The size of segments holds for logs that are open. */
START_TEST(segment_bytes)
{
	int i;

	begin(NULL);
	for (i = 0; i < 8; i++)
		ck_assert_int_eq(bed_produce(fd, "t", 0, -1, "0123456789", 20,
		    NULL), 0);
	ck_assert_int_eq(segments(), 1);
	ck_assert_int_eq(change(TOPIC, "t", SET, "segment.bytes", "500"), 0);
	for (i = 0; i < 8; i++)
		ck_assert_int_eq(bed_produce(fd, "t", 0, -1, "0123456789", 20,
		    NULL), 0);
	ck_assert_int_ge(segments(), 8);
	end();
}
END_TEST

/* The offsets of groups must not be deleted by anybody's retention. */
START_TEST(internal)
{
	struct km_metadata_request_topic t;
	struct km_metadata_request q;

	begin(NULL);
	kw_defaults(&kd_metadata_request_topic, &t);
	kw_defaults(&kd_metadata_request, &q);
	t.name = SLICE("__consumer_offsets");
	q.topics.v = &t;
	q.topics.n = 1;
	q.allow_auto_topic_creation = true;
	(void)bed_call(fd, KAPI_Metadata, 4, &q);
	ck_assert_int_eq(change(TOPIC, "__consumer_offsets", SET,
	    "cleanup.policy", "delete"), KERR_INVALID_CONFIG);
	ck_assert_int_eq(replace(1, TOPIC, "__consumer_offsets", NULL, NULL,
	    false), KERR_INVALID_CONFIG);
	ck_assert_int_eq(change(TOPIC, "__consumer_offsets", SET,
	    "segment.bytes", "1000000"), 0);
	end();
}
END_TEST

/* --- power --- */

/* What was answered holds at any cut: the change, and that it was taken back;
 * of one that is on its way, either. */
START_TEST(power_cut)
{
	struct fake_disk *d = fake_disk_new(), *after;

	bed_start(&bed, fake_disk_fs(d), fake_disk_path(d), NULL);
	fd = bed_connect(&bed);
	ck_assert_int_eq(bed_create(fd, "t", 1, NULL), 0);
	ck_assert_int_eq(change(TOPIC, "t", SET, "retention.ms", "7001"), 0);
	ck_assert_int_eq(change(TOPIC, "t", SET, "segment.ms", "7002"), 0);
	ck_assert_int_eq(change(TOPIC, "t", DELETE, "retention.ms", NULL), 0);
	ck_assert_int_eq(change(BROKER, "1", SET, "log.retention.ms", "7003"),
	    0);
	after = fake_disk_power_cut(d, (uint64_t)_i);
	close(fd);
	bed_stop(&bed);
	bed_start(&bed, fake_disk_fs(after), fake_disk_path(after), NULL);
	fd = bed_connect(&bed);
	ck_assert_str_eq(show(TOPIC, "t", "retention.ms"), "7003 2 "
	    "log.retention.ms/2=7003 log.retention.ms/5=604800000");
	ck_assert_str_eq(show(TOPIC, "t", "segment.ms"),
	    "7002 1 segment.ms/1=7002 log.roll.ms/5=604800000");
	close(fd);
	bed_stop(&bed);
	fake_disk_free(after);
	fake_disk_free(d);
}
END_TEST

/* A disk that takes no more: refused, and the old value stays. */
START_TEST(full_disk)
{
	struct fake_disk *d = fake_disk_new();

	bed_start(&bed, fake_disk_fs(d), fake_disk_path(d), NULL);
	fd = bed_connect(&bed);
	ck_assert_int_eq(bed_create(fd, "t", 1, "retention.ms=7001"), 0);
	fake_disk_full_after(d, 0);
	ck_assert_int_eq(change(TOPIC, "t", SET, "retention.ms", "7002"),
	    KERR_KAFKA_STORAGE_ERROR);
	ck_assert_int_eq(change(BROKER, "1", SET, "log.retention.ms", "7003"),
	    KERR_KAFKA_STORAGE_ERROR);
	fake_disk_full_after(d, UINT64_MAX);
	ck_assert_str_eq(show(TOPIC, "t", "retention.ms"), "7001 1 "
	    "retention.ms/1=7001 log.retention.ms/5=604800000");
	ck_assert_int_eq(change(TOPIC, "t", SET, "retention.ms", "7004"), 0);
	close(fd);
	bed_stop(&bed);
	fake_disk_free(d);
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &refused, .rows = NELEM(changes) },
	{ .fn = &together },
	{ .fn = &topic },
	{ .fn = &lists },
	{ .fn = &old_api },
	{ .fn = &defaults },
	{ .fn = &defaults_in_force },
	{ .fn = &segment_bytes },
	{ .fn = &internal },
	{ .fn = &power_cut, .rows = 12 },
	{ .fn = &full_disk },
};

int
main(void)
{
	return (UNIT_MAIN("broker configs", tests));
}
