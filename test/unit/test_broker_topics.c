/*
 * Topics and their configuration: create, grow, delete, describe, retention,
 * the cap; over a restart too.
 */
#include "test/unit/unit.h"

#include "base/clock.h"
#include "base/thread.h"
#include "kafka/errors.h"
#include "kafka/records.h"
#include "test/unit/broker_bed.h"

static struct bed bed;
static char dir[64];
static int dirfd_, fd;

static void
begin(const char *a, const char *b)
{
	dirfd_ = unit_dir(dir);
	bed_start(&bed, &fs_real, dir, a, b, NULL);
	fd = bed_connect(&bed);
}

static void
again(const char *a, const char *b)
{
	close(fd);
	bed_stop(&bed);
	bed_start(&bed, &fs_real, dir, a, b, NULL);
	fd = bed_connect(&bed);
}

static void
end(void)
{
	close(fd);
	bed_stop(&bed);
	unit_dir_remove(dirfd_, dir);
}

/* --- creating --- */

static const struct {
	const char	*name;
	int32_t		 partitions;
	int16_t		 factor;
	const char	*config;
	int16_t		 want;
	const char	*says;
} creates[] = {
	{ "ok", 2, 1, NULL, 0, NULL },
	{ "defaults", -1, -1, NULL, 0, NULL },
	{ "there", 1, 1, NULL, KERR_TOPIC_ALREADY_EXISTS, "there" },
	{ "a b", 1, 1, NULL, KERR_INVALID_TOPIC_EXCEPTION, NULL },
	{ "..", 1, 1, NULL, KERR_INVALID_TOPIC_EXCEPTION, NULL },
	{ "../../x", 1, 1, NULL, KERR_INVALID_TOPIC_EXCEPTION, NULL },
	{ "", 1, 1, NULL, KERR_INVALID_TOPIC_EXCEPTION, NULL },
	{ "__consumer_offsets", 1, 1, NULL, KERR_INVALID_TOPIC_EXCEPTION,
	    NULL },
	{ "zero", 0, 1, NULL, KERR_INVALID_PARTITIONS, NULL },
	{ "less", -7, 1, NULL, KERR_INVALID_PARTITIONS, NULL },
	{ "many", 101, 1, NULL, KERR_POLICY_VIOLATION, "max.partitions" },
	{ "copies", 1, 3, NULL, KERR_INVALID_REPLICATION_FACTOR, NULL },
	{ "c1", 1, 1, "retention.ms=5000", 0, NULL },
	{ "c2", 1, 1, "retention.ms=soon", KERR_INVALID_CONFIG,
	    "retention.ms" },
	{ "c3", 1, 1, "no.such.key=1", KERR_INVALID_CONFIG, "no.such.key" },
	{ "c4", 1, 1, "cleanup.policy=delete,compact", 0, NULL },
	{ "c5", 1, 1, "cleanup.policy=shred", KERR_INVALID_CONFIG,
	    "cleanup.policy" },
	{ "c6", 1, 1, "segment.bytes=1", KERR_INVALID_CONFIG,
	    "segment.bytes" },
	{ "c7", 1, 1, "min.cleanable.dirty.ratio=2", KERR_INVALID_CONFIG,
	    "dirty" },
	{ "c8", 1, 1, "preallocate=perhaps", KERR_INVALID_CONFIG,
	    "preallocate" },
	{ "c9", 1, 1, "compression.type=zstd", 0, NULL },
};

static struct km_create_topics_response_topic *
create_row(int i, int version, bool dry)
{
	struct km_create_topics_request_config config;
	struct km_create_topics_request_topic t;
	struct km_create_topics_request q;
	struct km_create_topics_response *a;
	const char *eq;

	kw_defaults(&kd_create_topics_request, &q);
	kw_defaults(&kd_create_topics_request_topic, &t);
	t.name = slice_str(creates[i].name);
	t.num_partitions = creates[i].partitions;
	t.replication_factor = creates[i].factor;
	if (creates[i].config != NULL) {
		eq = strchr(creates[i].config, '=');
		config.name = slice_of(creates[i].config,
		    (size_t)(eq - creates[i].config));
		config.value = slice_str(eq + 1);
		t.configs.v = &config;
		t.configs.n = 1;
	}
	q.validate_only = dry;
	q.topics.v = &t;
	q.topics.n = 1;
	a = bed_call(fd, KAPI_CreateTopics, version, &q);
	ck_assert_int_eq(a->topics.n, 1);
	return (&a->topics.v[0]);
}

START_TEST(create)
{
	struct km_create_topics_response_topic *t;

	begin("max.partitions=100", NULL);
	ck_assert_int_eq(bed_create(fd, "there", 1, NULL), 0);
	t = create_row(_i, 7, true);
	ck_assert_msg(t->error_code == creates[_i].want ||
	    creates[_i].want == KERR_POLICY_VIOLATION, "%s: %d",
	    creates[_i].name, t->error_code);
	if (creates[_i].want == 0)
		ck_assert_ptr_null(bed_topic(fd, creates[_i].name));
	t = create_row(_i, 7, false);
	ck_assert_msg(t->error_code == creates[_i].want, "%s: %d %.*s",
	    creates[_i].name, t->error_code, (int)t->error_message.len,
	    (const char *)t->error_message.p);
	if (creates[_i].says != NULL)
		ck_assert_ptr_nonnull(memmem(t->error_message.p,
		    t->error_message.len, creates[_i].says,
		    strlen(creates[_i].says)));
	if (creates[_i].want == 0) {
		ck_assert_ptr_nonnull(bed_topic(fd, creates[_i].name));
		ck_assert_int_eq(t->num_partitions,
		    creates[_i].partitions > 0 ? creates[_i].partitions : 1);
	}
	end();
}
END_TEST

START_TEST(create_any_factor)
{
	begin("accept.any.replication.factor=true", NULL);
	ck_assert_int_eq(create_row(11, 4, false)->error_code, 0);
	end();
}
END_TEST

START_TEST(create_versions)
{
	begin(NULL, NULL);
	ck_assert_int_eq(create_row(0, _i, false)->error_code, 0);
	ck_assert_int_eq(create_row(0, _i, false)->error_code,
	    KERR_TOPIC_ALREADY_EXISTS);
	end();
}
END_TEST

/* --- growing and deleting --- */

static int16_t
grow(const char *name, int32_t count)
{
	struct km_create_partitions_request q;
	struct km_create_partitions_response *a;
	struct km_create_partitions_request_topic t = {
		.name = slice_str(name), .count = count,
		.assignments = { NULL, -1 }
	};

	kw_defaults(&kd_create_partitions_request, &q);
	q.topics.v = &t;
	q.topics.n = 1;
	a = bed_call(fd, KAPI_CreatePartitions, 3, &q);
	ck_assert_int_eq(a->results.n, 1);
	ck_assert(slice_eq_str(a->results.v[0].name, name));
	return (a->results.v[0].error_code);
}

static int16_t
delete(const char *name, const struct kuuid *id)
{
	struct km_delete_topics_request q;
	struct km_delete_topics_response *a;
	struct km_delete_topics_request_topic t = { SLICE_NULL, { { 0 } } };

	kw_defaults(&kd_delete_topics_request, &q);
	if (name != NULL)
		t.name = slice_str(name);
	else
		t.topic_id = *id;
	q.topics.v = &t;
	q.topics.n = 1;
	a = bed_call(fd, KAPI_DeleteTopics, 6, &q);
	ck_assert_int_eq(a->responses.n, 1);
	return (a->responses.v[0].error_code);
}

START_TEST(growing)
{
	begin(NULL, NULL);
	ck_assert_int_eq(bed_create(fd, "t", 2, NULL), 0);
	ck_assert_int_eq(bed_produce(fd, "t", 1, -1, "x", 1, NULL), 0);
	ck_assert_int_eq(grow("t", 2), KERR_INVALID_PARTITIONS);
	ck_assert_int_eq(grow("t", 1), KERR_INVALID_PARTITIONS);
	ck_assert_int_eq(grow("u", 3), KERR_UNKNOWN_TOPIC_OR_PARTITION);
	ck_assert_int_eq(grow("t", 5), 0);
	ck_assert_int_eq(bed_produce(fd, "t", 4, -1, "y", 1, NULL), 0);
	again(NULL, NULL);
	ck_assert_int_eq(bed_topic(fd, "t")->partitions.n, 5);
	ck_assert_str_eq(bed_read(fd, "t", 1, 0), "x@0");
	ck_assert_str_eq(bed_read(fd, "t", 4, 0), "y@0");
	end();
}
END_TEST

static int
count_entries(const char *sub)
{
	char path[128];
	struct dirent *de;
	int n = 0;
	DIR *d;

	snprintf(path, sizeof path, "%s/broker", dir);
	d = opendir(path);
	ck_assert_ptr_nonnull(d);
	while ((de = readdir(d)) != NULL)
		n += strstr(de->d_name, sub) != NULL;
	closedir(d);
	return (n);
}

/* The name is free at once, and a new topic of it is empty and has another id;
 * the files go as well. */
START_TEST(deleting)
{
	struct kuuid id, id2;

	begin(NULL, NULL);
	ck_assert_int_eq(bed_create(fd, "t", 2, NULL), 0);
	ck_assert_int_eq(bed_produce(fd, "t", 0, -1, "x", 1, NULL), 0);
	id = bed_topic(fd, "t")->topic_id;
	ck_assert_int_eq(delete("none", NULL),
	    KERR_UNKNOWN_TOPIC_OR_PARTITION);
	ck_assert_int_eq(delete("t", NULL), 0);
	ck_assert_ptr_null(bed_topic(fd, "t"));
	ck_assert_int_eq(bed_produce(fd, "t", 0, -1, "x", 1, NULL),
	    KERR_UNKNOWN_TOPIC_OR_PARTITION);
	ck_assert_int_eq(delete(NULL, &id), KERR_UNKNOWN_TOPIC_ID);
	ck_assert_int_eq(bed_create(fd, "t", 2, NULL), 0);
	ck_assert_int_eq(bed_offset(fd, 7, "t", 0, -1, NULL), 0);
	id2 = bed_topic(fd, "t")->topic_id;
	ck_assert_mem_ne(&id, &id2, sizeof id);
	ck_assert_int_eq(delete(NULL, &id2), 0);
	while (count_entries("-delete") > 0)
		usleep(1000);
	ck_assert_int_eq(count_entries("t-0"), 0);
	again("delete.topic.enable=false", NULL);
	ck_assert_ptr_null(bed_topic(fd, "t"));
	ck_assert_int_eq(bed_create(fd, "t", 1, NULL), 0);
	ck_assert_int_eq(delete("t", NULL), KERR_TOPIC_DELETION_DISABLED);
	end();
}
END_TEST

START_TEST(restart)
{
	struct kuuid id, id2;
	int i;

	begin(NULL, NULL);
	ck_assert_int_eq(bed_create(fd, "t", 3, "segment.bytes=2000"), 0);
	id = bed_topic(fd, "t")->topic_id;
	for (i = 0; i < 100; i++)
		ck_assert_int_eq(bed_produce(fd, "t", i % 3, 1, "x", 10,
		    NULL), 0);
	for (i = 0; i < 3; i++) {
		again(NULL, NULL);
		id2 = bed_topic(fd, "t")->topic_id;
		ck_assert_mem_eq(&id, &id2, sizeof id);
		ck_assert_int_eq(bed_offset(fd, 7, "t", 0, -1, NULL),
		    340 + i);
		ck_assert_int_eq(bed_offset(fd, 7, "t", 1, -1, NULL), 330);
		ck_assert_int_eq(bed_produce(fd, "t", 0, -1, "y", 1, NULL),
		    0);
	}
	ck_assert_str_eq(bed_read(fd, "t", 0, 341), "y@341 y@342");
	end();
}
END_TEST

/* --- configuration --- */

static struct km_describe_configs_response_result *
describe(int version, int8_t type, const char *name, const char *key)
{
	struct km_describe_configs_request_resource res;
	struct km_describe_configs_request q;
	struct km_describe_configs_response *a;
	struct slice k = slice_str(key);

	kw_defaults(&kd_describe_configs_request, &q);
	q.include_synonyms = q.include_documentation = true;
	res.resource_type = type;
	res.resource_name = slice_str(name);
	res.configuration_keys.v = &k;
	res.configuration_keys.n = key == NULL ? -1 : 1;
	q.resources.v = &res;
	q.resources.n = 1;
	a = bed_call(fd, KAPI_DescribeConfigs, version, &q);
	ck_assert_int_eq(a->results.n, 1);
	return (&a->results.v[0]);
}

START_TEST(configs)
{
	struct km_describe_configs_response_result *r;
	int v;

	begin("log.retention.hours=5", "num.partitions=7");
	ck_assert_int_eq(bed_create(fd, "t", 1, "max.message.bytes=5000"), 0);
	for (v = 0; v <= 4; v++) {
		r = describe(v, 2, "t", NULL);
		ck_assert_int_eq(r->error_code, 0);
		ck_assert_int_ge(r->configs.n, 33);
		r = describe(v, 2, "t", "max.message.bytes");
		ck_assert_int_eq(r->configs.n, 1);
		UNIT_SLICE(r->configs.v[0].value, "5000");
		if (v >= 1) {
			ck_assert_int_eq(r->configs.v[0].config_source, 1);
			ck_assert_int_eq(r->configs.v[0].synonyms.n, 2);
		}
		if (v >= 3)
			ck_assert_int_eq(r->configs.v[0].config_type, 3);
		r = describe(v, 2, "t", "retention.ms");
		UNIT_SLICE(r->configs.v[0].value, "18000000");
		r = describe(v, 4, "1", "num.partitions");
		UNIT_SLICE(r->configs.v[0].value, "7");
		r = describe(v, 4, "1", NULL);
		ck_assert_int_ge(r->configs.n, 30);
	}
	ck_assert_int_eq(describe(4, 2, "u", NULL)->error_code,
	    KERR_UNKNOWN_TOPIC_OR_PARTITION);
	ck_assert_int_eq(describe(4, 4, "9", NULL)->error_code,
	    KERR_INVALID_REQUEST);
	ck_assert_int_eq(describe(4, 77, "x", NULL)->error_code,
	    KERR_INVALID_REQUEST);
	again(NULL, NULL);
	UNIT_SLICE(describe(4, 2, "t", "max.message.bytes")->configs.v[0].value,
	    "5000");
	ck_assert_int_eq(bed_produce(fd, "t", 0, 1,
	    (char [6001]){ [0 ... 5999] = 'v' }, 1, NULL),
	    KERR_MESSAGE_TOO_LARGE);
	end();
}
END_TEST

/* --- what goes --- */

START_TEST(delete_records)
{
	struct km_delete_records_request_partition part = { 0, 25 };
	struct km_delete_records_request_topic t = {
		.name = SLICE("t"), .partitions = { &part, 1 }
	};
	struct km_delete_records_request q = { .topics = { &t, 1 } };
	struct km_delete_records_response *a;
	int i, v;

	begin(NULL, NULL);
	ck_assert_int_eq(bed_create(fd, "t", 1, "segment.bytes=1000"), 0);
	for (i = 0; i < 10; i++)
		ck_assert_int_eq(bed_produce(fd, "t", 0, -1, "0123456789", 10,
		    NULL), 0);
	for (v = 0; v <= 2; v++) {
		a = bed_call(fd, KAPI_DeleteRecords, v, &q);
		ck_assert_int_eq(a->topics.v[0].partitions.v[0].error_code, 0);
		ck_assert_int_eq(a->topics.v[0].partitions.v[0].low_watermark,
		    25);
	}
	ck_assert_int_eq(bed_offset(fd, 7, "t", 0, -2, NULL), 25);
	part.offset = 101;
	a = bed_call(fd, KAPI_DeleteRecords, 2, &q);
	ck_assert_int_eq(a->topics.v[0].partitions.v[0].error_code,
	    KERR_OFFSET_OUT_OF_RANGE);
	again(NULL, NULL);
	ck_assert_int_eq(bed_offset(fd, 7, "t", 0, -2, NULL), 25);
	part.offset = -1;
	a = bed_call(fd, KAPI_DeleteRecords, 2, &q);
	ck_assert_int_eq(a->topics.v[0].partitions.v[0].low_watermark, 100);
	again(NULL, NULL);
	ck_assert_int_eq(bed_offset(fd, 7, "t", 0, -2, NULL), 100);
	ck_assert_int_eq(bed_offset(fd, 7, "t", 0, -1, NULL), 100);
	end();
}
END_TEST

static void
wait_start(const char *topic, int64_t at_least)
{
	while (bed_offset(fd, 7, topic, 0, -2, NULL) < at_least) {
		bed_reset();
		usleep(1000);
	}
}

static const char *const retained[] = { "retention.bytes=2000",
	"retention.ms=60000" };

/* Old records, in small segments: by size some stay, by age none. */
START_TEST(retention)
{
	int64_t old = clock_wall_ms() - 3600000;
	int i;

	begin("log.retention.check.interval.ms=20", "log.segment.bytes=4k");
	ck_assert_int_eq(bed_create(fd, "t", 1, retained[_i]), 0);
	for (i = 0; i < 100; i++)
		ck_assert_int_eq(bed_produce_bytes(fd, 9, "t", 0, -1,
		    bed_batch_at("0123456789", 10, old), NULL), 0);
	wait_start("t", _i == 0 ? 600 : 1000);
	ck_assert_int_eq(bed_offset(fd, 7, "t", 0, -1, NULL), 1000);
	again(NULL, NULL);
	ck_assert_int_ge(bed_offset(fd, 7, "t", 0, -2, NULL), 600);
	ck_assert_int_eq(bed_produce(fd, "t", 0, -1, "y", 1, NULL), 0);
	ck_assert_int_eq(bed_offset(fd, 7, "t", 0, -1, NULL), 1001);
	end();
}
END_TEST

/* Beyond dir.max.bytes the oldest of all topics goes, but not what is compacted
 * and not the broker's own. */
START_TEST(cap)
{
	int64_t now = clock_wall_ms();
	int i;

	begin("dir.max.bytes=100k", "log.retention.check.interval.ms=20");
	ck_assert_int_eq(bed_create(fd, "old", 1, "segment.bytes=8192"), 0);
	ck_assert_int_eq(bed_create(fd, "new", 1, "segment.bytes=8192"), 0);
	for (i = 0; i < 300; i++) {
		ck_assert_int_eq(bed_produce_bytes(fd, 9, "old", 0, 1,
		    bed_batch_at("0123456789", 10, now - 3600000 + i), NULL),
		    0);
		ck_assert_int_eq(bed_produce_bytes(fd, 9, "new", 0, 1,
		    bed_batch_at("0123456789", 10, now - 60000 + i), NULL), 0);
	}
	wait_start("old", 1);
	ck_assert_int_eq(bed_offset(fd, 7, "new", 0, -2, NULL), 0);
	for (i = 0; i < 500; i++)
		ck_assert_int_eq(bed_produce_bytes(fd, 9, "new", 0, 1,
		    bed_batch_at("0123456789", 10, now - 50000 + i), NULL), 0);
	wait_start("new", 1000);
	end();
}
END_TEST

/* --- all at once --- */

#define BUSY_MS		700

struct client {
	struct thread	 thread;
	struct bed	*bed;
	int64_t		 until;
	int		 number;
	int64_t		 done;
};

static void
produce_on(void *arg)
{
	struct client *c = arg;
	int s = bed_connect(c->bed), i, got;
	struct km_produce_response *a;

	while (clock_mono_ns() < c->until) {
		for (i = 0; i < 8; i++)
			bed_send_produce(s, i, "busy", i % 3,
			    c->number % 2 == 0 ? -1 : 1, bed_batch("x", 2));
		for (i = 0; i < 8; i++) {
			a = bed_recv(s, KAPI_Produce, 9, i);
			got = a->responses.v[0].partition_responses.v[0].
			    error_code;
			ck_assert_int_eq(got, 0);
		}
		c->done += 16;
		bed_reset();
	}
	close(s);
	bed_reset();
}

/* Reads a partition to its end again and again: no gap, nothing twice. */
static void
fetch_on(void *arg)
{
	struct client *c = arg;
	struct bed_fetch f = { .version = 12, .topic = "busy",
	    .partition = c->number % 3, .max_wait = 50, .min_bytes = 1 };
	struct km_fetch_response_partition *p;
	int s = bed_connect(c->bed);
	struct kbatch b;

	while (clock_mono_ns() < c->until) {
		p = bed_fetch(s, &f);
		ck_assert_int_eq(p->error_code, 0);
		for (; p->records.len > 0;
		    p->records.p += kbatch_size(&b),
		    p->records.len -= kbatch_size(&b)) {
			ck_assert_int_eq(kbatch_check(p->records, &b, NULL),
			    0);
			ck_assert_int_eq(b.base_offset, f.offset);
			f.offset = kbatch_last_offset(&b) + 1;
		}
		c->done = f.offset;
		bed_reset();
	}
	close(s);
	bed_reset();
}

/* A topic that comes and goes, with records and a waiting fetch in it. */
static void
churn(void *arg)
{
	struct client *c = arg;
	struct bed_fetch f = { .version = 12, .max_wait = 60000,
	    .min_bytes = 1 };
	int s = bed_connect(c->bed), w;
	struct slice one;
	char name[16];

	snprintf(name, sizeof name, "churn%d", c->number);
	one = slice_str(name);
	f.topic = name;
	while (clock_mono_ns() < c->until) {
		struct km_delete_topics_request q;

		ck_assert_int_eq(bed_create(s, name, 2, NULL), 0);
		w = bed_connect(c->bed);
		bed_send_fetch(w, 1, &f);
		ck_assert_int_eq(bed_produce(s, name, 1, -1, "x", 3, NULL), 0);
		kw_defaults(&kd_delete_topics_request, &q);
		q.topic_names.v = &one;
		q.topic_names.n = 1;
		(void)bed_call(s, KAPI_DeleteTopics, 1, &q);
		(void)bed_recv(w, KAPI_Fetch, 12, 1);
		close(w);
		c->done++;
		bed_reset();
	}
	close(s);
	bed_reset();
}

START_TEST(busy)
{
	static void (*const fns[])(void *) = {
		produce_on, produce_on, fetch_on, fetch_on, fetch_on, churn,
		churn
	};
	struct client v[NELEM(fns)] = { { .number = 0 } };
	int64_t produced = 0, there = 0;
	size_t i;

	begin("log.retention.check.interval.ms=10", "log.segment.bytes=64k");
	ck_assert_int_eq(bed_create(fd, "busy", 3, NULL), 0);
	for (i = 0; i < NELEM(fns); i++) {
		v[i].bed = &bed;
		v[i].number = (int)i;
		v[i].until = clock_mono_ns() + BUSY_MS * INT64_C(1000000);
		UNIT_OK(thread_start(&v[i].thread, "client", fns[i], &v[i],
		    e));
	}
	for (i = 0; i < NELEM(fns); i++) {
		thread_join(&v[i].thread);
		ck_assert_int_gt(v[i].done, 0);
	}
	produced = v[0].done + v[1].done;
	again(NULL, NULL);
	for (i = 0; i < 3; i++)
		there += bed_offset(fd, 7, "busy", (int32_t)i, -1, NULL);
	ck_assert_int_eq(there, produced);
	end();
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &create, .rows = NELEM(creates) },
	{ .fn = &create_any_factor },
	{ .fn = &create_versions, .rows = 8 },
	{ .fn = &growing },
	{ .fn = &deleting },
	{ .fn = &restart },
	{ .fn = &configs },
	{ .fn = &delete_records },
	{ .fn = &retention, .rows = NELEM(retained) },
	{ .fn = &cap },
	{ .fn = &busy },
};

int
main(void)
{
	return (UNIT_MAIN("broker topics", tests));
}
