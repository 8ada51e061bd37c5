/*
 * Clients that want more than their share: large and repeated requests, those
 * that stop in the middle, and those that do not read.
 */
#include "test/unit/unit.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "base/log.h"
#include "kafka/errors.h"
#include "test/unit/broker_bed.h"

static struct bed bed;
static char dir[64];
static int dirfd_, fd;

static void
begin(const char *setting)
{
	dirfd_ = unit_dir(dir);
	bed_start(&bed, &fs_real, dir, "num.network.threads=1", setting, NULL);
	fd = bed_connect(&bed);
}

static void
end(void)
{
	close(fd);
	bed_stop(&bed);
	unit_dir_remove(dirfd_, dir);
}

static void
call_something(void)
{
	struct km_metadata_request q;

	kw_defaults(&kd_metadata_request, &q);
	(void)bed_call(fd, KAPI_Metadata, 1, &q);
}

/* 17 MiB are for Produce alone; that is seen before they are sent. */
START_TEST(large)
{
	uint8_t bytes[8] = { 0x01, 0x10, 0, 0, 0, KAPI_Metadata, 0, 1 };
	char c;
	int bad, good;

	begin(NULL);
	good = bed_connect(&bed);
	bad = bed_connect(&bed);
	bed_write(bad, bytes, sizeof bytes, false);
	ck_assert(bed_closed(bad));
	bytes[5] = KAPI_Produce;
	bytes[7] = 3;
	bed_write(good, bytes, sizeof bytes, false);
	call_something();
	call_something();
	ck_assert_int_eq(recv(good, &c, 1, MSG_DONTWAIT), -1);
	ck_assert_int_eq(errno, EAGAIN);
	close(good);
	close(bad);
	end();
}
END_TEST

/* --- the same again and again --- */

#define AGAIN	1000

START_TEST(metadata)
{
	struct km_metadata_request_topic t[AGAIN + 1];
	struct km_metadata_request q;
	struct km_metadata_response *a;
	int i;

	begin(NULL);
	kw_defaults(&kd_metadata_request, &q);
	for (i = 0; i <= AGAIN; i++) {
		kw_defaults(&kd_metadata_request_topic, &t[i]);
		t[i].name = i < AGAIN ? SLICE("t") : SLICE("u");
	}
	q.topics.v = t;
	q.topics.n = AGAIN + 1;
	q.allow_auto_topic_creation = true;
	a = bed_call(fd, KAPI_Metadata, 9, &q);
	ck_assert_int_eq(a->topics.n, 2);
	UNIT_SLICE(a->topics.v[0].name, "t");
	UNIT_SLICE(a->topics.v[1].name, "u");
	end();
}
END_TEST

START_TEST(configs)
{
	struct km_describe_configs_request_resource res[2];
	struct km_describe_configs_request q;
	struct km_describe_configs_response *a;

	begin(NULL);
	ck_assert_int_eq(bed_create(fd, "t", 1, NULL), 0);
	kw_defaults(&kd_describe_configs_request, &q);
	kw_defaults(&kd_describe_configs_request_resource, &res[0]);
	res[0].resource_type = 2;
	res[0].resource_name = SLICE("t");
	res[0].configuration_keys.n = -1;
	res[1] = res[0];
	q.resources.v = res;
	q.resources.n = 2;
	a = bed_call(fd, KAPI_DescribeConfigs, 4, &q);
	ck_assert_int_eq(a->results.v[0].error_code, 0);
	ck_assert_int_gt(a->results.v[0].configs.n, 30);
	ck_assert_int_eq(a->results.v[1].error_code, KERR_INVALID_REQUEST);
	ck_assert_int_eq(a->results.v[1].configs.n, 0);
	end();
}
END_TEST

START_TEST(groups)
{
	struct slice names[2] = { SLICE("g"), SLICE("g") };
	struct km_describe_groups_request q;
	struct km_describe_groups_response *a;
	struct km_offset_fetch_request_group g[2];
	struct km_offset_fetch_request q2;
	struct km_offset_fetch_response *a2;

	begin("offsets.topic.num.partitions=1");
	kw_defaults(&kd_describe_groups_request, &q);
	q.groups.v = names;
	q.groups.n = 2;
	a = bed_call(fd, KAPI_DescribeGroups, 5, &q);
	ck_assert_int_eq(a->groups.v[0].error_code, 0);
	ck_assert_int_eq(a->groups.v[1].error_code, KERR_INVALID_REQUEST);
	UNIT_SLICE(a->groups.v[1].group_id, "g");
	kw_defaults(&kd_offset_fetch_request, &q2);
	kw_defaults(&kd_offset_fetch_request_group, &g[0]);
	g[0].group_id = SLICE("g");
	g[0].topics.n = -1;
	g[1] = g[0];
	q2.groups.v = g;
	q2.groups.n = 2;
	a2 = bed_call(fd, KAPI_OffsetFetch, 8, &q2);
	ck_assert_int_eq(a2->groups.v[0].error_code, 0);
	ck_assert_int_eq(a2->groups.v[1].error_code, KERR_INVALID_REQUEST);
	end();
}
END_TEST

/* --- answers that wait --- */

static void
ask_for(int conn, int32_t id, const char *topic)
{
	struct km_metadata_request_topic t[2];
	struct km_metadata_request q;

	kw_defaults(&kd_metadata_request, &q);
	kw_defaults(&kd_metadata_request_topic, &t[0]);
	t[0].name = SLICE("wide");
	t[1] = t[0];
	t[1].name = slice_str(topic);
	q.topics.v = t;
	q.topics.n = 2;
	q.allow_auto_topic_creation = true;
	bed_send(conn, KAPI_Metadata, 4, id, &q);
}

/* Behind a fetch that waits, large answers pile up: no more than the bound, by
 * what the requests for them have made meanwhile. */
START_TEST(behind_a_long_poll)
{
	struct bed_fetch f = { .version = 12, .topic = "wide", .max_wait = 3000,
	    .min_bytes = 1, .max_bytes = 1000, .part_bytes = 1000,
	    .epoch = -1 };
	char name[16];
	int slow, i, made = 0;

	begin("connection.inflight.max.bytes=64k");
	ck_assert_int_eq(bed_create(fd, "wide", 1000, NULL), 0);
	slow = bed_connect(&bed);
	bed_send_fetch(slow, 0, &f);
	for (i = 1; i <= 20; i++) {
		snprintf(name, sizeof name, "x%d", i);
		ask_for(slow, i, name);
	}
	while (bed_topic(fd, "x1") == NULL)
		;
	for (i = 1; i <= 20; i++) {
		snprintf(name, sizeof name, "x%d", i);
		made += bed_topic(fd, name) != NULL;
	}
	ck_assert_int_ge(made, 1);
	ck_assert_int_le(made, 4);
	ck_assert_int_eq(bed_produce(fd, "wide", 0, -1, "go on", 1, NULL), 0);
	(void)bed_recv(slow, KAPI_Fetch, 12, 0);
	for (i = 1; i <= 20; i++)
		(void)bed_recv(slow, KAPI_Metadata, 4, i);
	ck_assert_ptr_nonnull(bed_topic(fd, "x20"));
	close(slow);
	end();
}
END_TEST

/* --- what the log says --- */

static atomic_int half_lines, deaf_lines;

static void
on_line(enum log_level level, const char *line, void *ctx)
{
	(void)ctx;
	if (level == LOG_WARN && strstr(line, "bytes=10 of a request") != NULL)
		atomic_fetch_add(&half_lines, 1);
	if (level == LOG_WARN && strstr(line, "taken nothing") != NULL)
		atomic_fetch_add(&deaf_lines, 1);
}

START_TEST(half_sent)
{
	static const uint8_t bytes[10] = { 0, 0, 1, 0, 0, 3, 0, 1, 0, 0 };
	int bad, silent;

	log_set_sink(on_line, NULL);
	begin("connections.max.idle.ms=200");
	bad = bed_connect(&bed);
	silent = bed_connect(&bed);
	bed_write(bad, bytes, sizeof bytes, false);
	ck_assert(bed_closed(bad));
	ck_assert(bed_closed(silent));
	end();
	log_set_sink(NULL, NULL);
	ck_assert_int_eq(atomic_load(&half_lines), 1);
	ck_assert_int_eq(atomic_load(&deaf_lines), 0);
	close(bad);
	close(silent);
}
END_TEST

START_TEST(deaf)
{
	int bad, i, small = 4096;

	log_set_sink(on_line, NULL);
	begin("connections.max.idle.ms=300");
	ck_assert_int_eq(bed_create(fd, "wide", 3000, NULL), 0);
	bad = bed_connect(&bed);
	setsockopt(bad, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	for (i = 0; i < 400; i++)
		ask_for(bad, i, "wide");
	while (atomic_load(&deaf_lines) == 0) {
		close(fd);
		fd = bed_connect(&bed);
		call_something();
	}
	close(bad);
	end();
	log_set_sink(NULL, NULL);
	ck_assert_int_eq(atomic_load(&deaf_lines), 1);
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &large },
	{ .fn = &metadata },
	{ .fn = &configs },
	{ .fn = &groups },
	{ .fn = &behind_a_long_poll },
	{ .fn = &half_sent },
	{ .fn = &deaf },
};

int
main(void)
{
	return (UNIT_MAIN("broker bounds", tests));
}
