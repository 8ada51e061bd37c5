/*
 * The broker over its socket: versions, order of answers, produce and fetch
 * and their errors, long polls, idempotence, limits.
 */
#include "test/unit/unit.h"

#include <limits.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "kafka/compress.h"
#include "kafka/errors.h"
#include "kafka/frame.h"
#include "kafka/records.h"
#include "test/unit/broker_bed.h"

static struct bed bed;
static char dir[64];
static int dirfd_, fd;

static void
begin(const char *setting)
{
	dirfd_ = unit_dir(dir);
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

/* --- versions --- */

START_TEST(api_versions)
{
	/* As a client of any age sends it: v0, no client id. */
	static const uint8_t v0[] = {
		0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff
	};
	struct km_api_versions_response *a;
	struct km_api_versions_request q = {
		.client_software_name = SLICE("bed"),
		.client_software_version = SLICE("1.0")
	};
	uint8_t *p;
	size_t len;
	int v, i;

	begin(NULL);
	bed_write(fd, v0, sizeof v0, true);
	p = bed_frame(fd, &len);
	ck_assert_uint_ge(len, 10 + 12 * 6);
	ck_assert_uint_eq(get_be32(p), 7);
	ck_assert_uint_eq(get_be16(p + 4), 0);		/* error */
	ck_assert_uint_eq((len - 10) / 6, get_be32(p + 6));
	ck_assert_uint_eq(get_be16(p + 10), 0);		/* Produce */
	ck_assert_uint_eq(get_be16(p + 12), 0);		/* KAFKA-18659 */
	ck_assert_uint_eq(get_be16(p + 14), 13);
	free(p);
	for (v = 0; v <= 4; v++) {
		a = bed_call(fd, KAPI_ApiVersions, v, &q);
		ck_assert_int_eq(a->error_code, 0);
		for (i = 0; i < a->api_keys.n; i++)
			ck_assert_ptr_nonnull(kapi_get(
			    a->api_keys.v[i].api_key));
	}
	q.client_software_name = SLICE("bad name");
	a = bed_call(fd, KAPI_ApiVersions, 3, &q);
	ck_assert_int_eq(a->error_code, KERR_INVALID_REQUEST);
	end();
}
END_TEST

/* KIP-511: an unknown version is answered in version 0, naming our range. */
START_TEST(api_versions_fallback_)
{
	static const uint8_t v99[] = {
		0, 18, 0, 99, 0, 0, 0, 8, 0xff, 0xff, 1, 2, 3
	};
	static const uint8_t want[] = {
		0, 0, 0, 8, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 4
	};
	uint8_t *p;
	size_t len;

	begin(NULL);
	bed_write(fd, v99, sizeof v99, true);
	p = bed_frame(fd, &len);
	ck_assert_uint_eq(len, sizeof want);
	ck_assert_mem_eq(p, want, len);
	free(p);
	end();
}
END_TEST

/* Frames that end the connection, and nothing else: the next one is served. */
static const struct {
	const char	*what;
	uint8_t		 bytes[24];
	size_t		 len;
	bool		 frame;
} closing[] = {
	{ "unknown API", { 0x40, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff }, 10, true },
	{ "Produce 2", { 0, 0, 0, 2, 0, 0, 0, 1, 0xff, 0xff }, 10, true },
	{ "Metadata 99", { 0, 3, 0, 99, 0, 0, 0, 1, 0xff, 0xff }, 10, true },
	{ "cut Metadata", { 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0, 0 }, 12,
	    true },
	{ "array of two billion", { 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0x7f,
	    0xff, 0xff, 0xff }, 14, true },
	{ "cut Produce", { 0, 0, 0, 3, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff },
	    12, true },
	{ "negative length", { 0xff, 0xff, 0xff, 0xff }, 4, false },
	{ "2 GB length", { 0x7f, 0xff, 0xff, 0xff }, 4, false },
	{ "TLS", { 0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01 }, 8,
	    false },
	{ "a frame of three", { 1, 2, 3 }, 3, true },
	{ "HTTP", "GET / HTTP/1.1\r\n\r\n", 18, false },
};

START_TEST(malformed)
{
	struct km_metadata_request q;
	int bad;

	begin(NULL);
	bad = bed_connect(&bed);
	bed_write(bad, closing[_i].bytes, closing[_i].len, closing[_i].frame);
	ck_assert_msg(bed_closed(bad), "%s", closing[_i].what);
	close(bad);
	kw_defaults(&kd_metadata_request, &q);
	(void)bed_call(fd, KAPI_Metadata, 1, &q);
	end();
}
END_TEST

START_TEST(metadata)
{
	/* kafka-python's probe: an empty array of topics means all. */
	static const uint8_t v0[] = {
		0, 3, 0, 0, 0, 0, 0, 9, 0xff, 0xff, 0, 0, 0, 0
	};
	struct km_metadata_response *a;
	struct km_metadata_request_topic topic = { { { 0 } }, SLICE_NULL };
	struct km_metadata_request q;
	uint8_t *p;
	size_t len;
	int v;

	begin("num.partitions=3");
	kw_defaults(&kd_metadata_request, &q);
	q.topics.v = &topic;
	q.topics.n = 1;
	topic.name = SLICE("made");
	for (v = 0; v <= 12; v++) {
		a = bed_call(fd, KAPI_Metadata, v, &q);
		ck_assert_int_eq(a->brokers.n, 1);
		ck_assert_int_eq(a->brokers.v[0].port, bed.port);
		ck_assert_int_eq(a->topics.n, 1);
		ck_assert_int_eq(a->topics.v[0].error_code, 0);
		ck_assert_int_eq(a->topics.v[0].partitions.n, 3);
		ck_assert_int_eq(a->topics.v[0].partitions.v[2].leader_id, 1);
		if (v >= 1)
			ck_assert_int_eq(a->controller_id, 1);
		if (v >= 2)
			ck_assert_uint_eq(a->cluster_id.len, 22);
	}
	topic.name = SLICE("no/such");
	a = bed_call(fd, KAPI_Metadata, 4, &q);
	ck_assert_int_eq(a->topics.v[0].error_code,
	    KERR_INVALID_TOPIC_EXCEPTION);
	ck_assert_ptr_null(bed_topic(fd, "other"));
	bed_write(fd, v0, sizeof v0, true);
	p = bed_frame(fd, &len);
	ck_assert_uint_eq(get_be32(p), 9);
	ck_assert_ptr_nonnull(memmem(p, len, "made", 4));
	free(p);
	end();
}
END_TEST

START_TEST(auto_create_off)
{
	struct km_metadata_response *a;
	struct km_metadata_request_topic topic = { { { 0 } }, SLICE("made") };
	struct km_metadata_request q;

	begin("auto.create.topics.enable=false");
	kw_defaults(&kd_metadata_request, &q);
	q.topics.v = &topic;
	q.topics.n = 1;
	a = bed_call(fd, KAPI_Metadata, 4, &q);
	ck_assert_int_eq(a->topics.v[0].error_code,
	    KERR_UNKNOWN_TOPIC_OR_PARTITION);
	end();
}
END_TEST

/* --- produce and fetch --- */

START_TEST(round_trip)
{
	struct km_fetch_response_partition *p;
	struct bed_fetch f = { .topic = "t" };
	int64_t base;
	int v;

	begin(NULL);
	ck_assert_int_eq(bed_create(fd, "t", 1, NULL), 0);
	for (v = 3; v <= 11; v++) {
		ck_assert_int_eq(bed_produce_bytes(fd, v, "t", 0, -1,
		    bed_batch("x", 10), &base), 0);
		ck_assert_int_eq(base, (v - 3) * 10);
	}
	for (v = 4; v <= 12; v++) {
		f.version = v;
		p = bed_fetch(fd, &f);
		ck_assert_int_eq(p->error_code, 0);
		ck_assert_int_eq(p->high_watermark, 90);
		ck_assert_int_eq(p->last_stable_offset, 90);
		ck_assert_int_eq(bed_count(p->records), 90);
	}
	ck_assert_str_eq(bed_read(fd, "t", 0, 90), "");
	/* The whole batch that holds the offset, not only what is behind. */
	ck_assert_int_eq(strncmp(bed_read(fd, "t", 0, 85), "x@80 x@81", 9), 0);
	end();
}
END_TEST

/* A batch large enough for sendfile comes out as it went in. */
START_TEST(large)
{
	struct km_fetch_response_partition *p;
	struct bed_fetch f = { .version = 12, .topic = "t" };
	struct slice in;
	char *value = xmalloc(60001);
	int i;

	begin(NULL);
	memset(value, 'v', 60000);
	value[60000] = '\0';
	ck_assert_int_eq(bed_create(fd, "t", 1, NULL), 0);
	for (i = 0; i < 20; i++) {
		in = bed_batch(value, 10);
		ck_assert_int_eq(bed_produce_bytes(fd, 9, "t", 0, 1, in,
		    NULL), 0);
	}
	/* The synced end is what is read: wait for all of it. */
	while (bed_offset(fd, 7, "t", 0, -1, NULL) < 200)
		;
	f.part_bytes = 1 << 30;
	p = bed_fetch(fd, &f);
	ck_assert_int_eq(bed_count(p->records), 200);
	/* At least one batch, however small the limits. */
	f.part_bytes = 1;
	f.max_bytes = 1;
	p = bed_fetch(fd, &f);
	ck_assert_int_eq(bed_count(p->records), 10);
	f.part_bytes = (int32_t)in.len * 3 + 5;
	f.max_bytes = 0;
	p = bed_fetch(fd, &f);
	ck_assert_int_eq(bed_count(p->records), 30);
	free(value);
	end();
}
END_TEST

static struct slice
damaged(void)
{
	struct slice s = bed_batch("x", 3);

	((uint8_t *)s.p)[s.len - 1] ^= 1;
	return (s);
}

static struct slice
two_batches(void)
{
	struct slice a = bed_batch("x", 3);
	static uint8_t both[1024];

	memcpy(both, a.p, a.len);
	memcpy(both + a.len, a.p, a.len);
	return (slice_of(both, 2 * a.len));
}

static struct slice
far_future(void)
{
	return (bed_batch_at("x", 1, clock_wall_ms() + 7200000));
}

static struct slice
transactional(void)
{
	struct slice s = bed_batch("x", 1);

	kbatch_set_producer((uint8_t *)s.p, 7, 0, 0, true);
	return (s);
}

static struct slice
good(void)
{
	return (bed_batch("x", 1));
}

static struct slice
too_big(void)
{
	char *v = xmalloc(1100001);
	struct slice s;

	memset(v, 'v', 1100000);
	v[1100000] = '\0';
	s = bed_batch(v, 1);
	free(v);
	return (s);
}

static struct slice
nothing(void)
{
	return (slice_of("", 0));
}

static const struct {
	const char	*topic;
	int32_t		 partition;
	int16_t		 acks;
	struct slice	(*records)(void);
	int16_t		 want;
} refused[] = {
	{ "none", 0, -1, good, KERR_UNKNOWN_TOPIC_OR_PARTITION },
	{ "t", 1, -1, good, KERR_UNKNOWN_TOPIC_OR_PARTITION },
	{ "t", -1, -1, good, KERR_UNKNOWN_TOPIC_OR_PARTITION },
	{ "t", 0, 2, good, KERR_INVALID_REQUIRED_ACKS },
	{ "t", 0, -1, damaged, KERR_CORRUPT_MESSAGE },
	{ "t", 0, 1, two_batches, KERR_INVALID_RECORD },
	{ "t", 0, 1, far_future, KERR_INVALID_TIMESTAMP },
	{ "t", 0, -1, transactional, KERR_INVALID_TXN_STATE },
	{ "t", 0, -1, too_big, KERR_MESSAGE_TOO_LARGE },
	{ "t", 0, 1, nothing, KERR_INVALID_RECORD },
	{ "isr", 0, -1, good, KERR_NOT_ENOUGH_REPLICAS },
	{ "isr", 0, 1, good, KERR_NONE },
	{ "keyed", 0, 1, good, KERR_INVALID_RECORD },
	{ "seg", 0, 1, good, KERR_RECORD_LIST_TOO_LARGE },
};

START_TEST(produce_refused)
{
	int64_t base;

	begin(NULL);
	ck_assert_int_eq(bed_create(fd, "t", 1, NULL), 0);
	ck_assert_int_eq(bed_create(fd, "isr", 1, "min.insync.replicas=2"), 0);
	ck_assert_int_eq(bed_create(fd, "keyed", 1, "cleanup.policy=compact"),
	    0);
	ck_assert_int_eq(bed_create(fd, "seg", 1, "segment.bytes=60"), 0);
	ck_assert_int_eq(bed_produce_bytes(fd, 9, refused[_i].topic,
	    refused[_i].partition, refused[_i].acks, refused[_i].records(),
	    &base), refused[_i].want);
	/* Nothing of it is there, and the connection still serves. */
	ck_assert_int_eq(bed_produce(fd, "t", 0, -1, "y", 1, &base), 0);
	ck_assert_int_eq(base, 0);
	end();
}
END_TEST

/* Who sent them is told which records it was. */
START_TEST(record_errors)
{
	struct km_produce_request_partition part = { .index = 0 };
	struct km_produce_request_topic t = { .name = SLICE("keyed"),
	    .partition_data = { &part, 1 } };
	struct km_produce_response_partition *to;
	struct km_produce_request q;
	struct km_produce_response *a;
	int i;

	begin(NULL);
	ck_assert_int_eq(bed_create(fd, "keyed", 1, "cleanup.policy=compact"),
	    0);
	kw_defaults(&kd_produce_request, &q);
	q.acks = 1;
	q.topic_data.v = &t;
	q.topic_data.n = 1;
	part.records = bed_batch("x", 100);
	a = bed_call(fd, KAPI_Produce, 9, &q);
	to = &a->responses.v[0].partition_responses.v[0];
	ck_assert_int_eq(to->error_code, KERR_INVALID_RECORD);
	ck_assert_int_eq(to->record_errors.n, KBATCH_REFUSED);
	for (i = 0; i < to->record_errors.n; i++) {
		ck_assert_int_eq(to->record_errors.v[i].batch_index, i);
		ck_assert_uint_gt(to->record_errors.v[i]
		    .batch_index_error_message.len, 0);
	}
	part.records = far_future();
	a = bed_call(fd, KAPI_Produce, 9, &q);
	to = &a->responses.v[0].partition_responses.v[0];
	ck_assert_int_eq(to->error_code, KERR_INVALID_TIMESTAMP);
	ck_assert_int_eq(to->record_errors.n, 1);
	ck_assert_int_eq(to->record_errors.v[0].batch_index, 0);
	part.records = damaged();
	a = bed_call(fd, KAPI_Produce, 9, &q);
	to = &a->responses.v[0].partition_responses.v[0];
	ck_assert_int_eq(to->error_code, KERR_CORRUPT_MESSAGE);
	ck_assert_int_eq(to->record_errors.n, 0);
	end();
}
END_TEST

static struct slice
numbered(int64_t id, int16_t epoch, int32_t seq, int n)
{
	struct slice s = bed_batch("x", n);

	kbatch_set_producer((uint8_t *)s.p, id, epoch, seq, false);
	return (s);
}

/* Produces it; the time that is answered. */
static int16_t
append_time_of(struct slice records, int64_t *time)
{
	struct km_produce_request_partition part = { .records = records };
	struct km_produce_request_topic t = { .name = SLICE("t"),
	    .partition_data = { &part, 1 } };
	struct km_produce_request q;
	struct km_produce_response *a;

	kw_defaults(&kd_produce_request, &q);
	q.acks = -1;
	q.topic_data.v = &t;
	q.topic_data.n = 1;
	a = bed_call(fd, KAPI_Produce, 9, &q);
	*time = a->responses.v[0].partition_responses.v[0].log_append_time_ms;
	return (a->responses.v[0].partition_responses.v[0].error_code);
}

START_TEST(log_append_time)
{
	struct km_fetch_response_partition *p;
	struct bed_fetch f = { .version = 12, .topic = "t" };
	int64_t first, again;
	struct kbatch b;

	begin(NULL);
	ck_assert_int_eq(bed_create(fd, "t", 1,
	    "message.timestamp.type=LogAppendTime"), 0);
	ck_assert_int_eq(bed_produce_bytes(fd, 9, "t", 0, -1,
	    bed_batch_at("x", 2, 5), NULL), 0);
	p = bed_fetch(fd, &f);
	ck_assert_int_eq(kbatch_check(p->records, &b, NULL), 0);
	ck_assert_int_ne(b.attributes & KATTR_LOG_APPEND_TIME, 0);
	ck_assert_int_gt(b.max_timestamp, clock_wall_ms() - 60000);
	/* One that is sent again gets the time that it has. */
	ck_assert_int_eq(append_time_of(numbered(5, 0, 0, 3), &first), 0);
	while (clock_wall_ms() <= first)
		;
	ck_assert_int_eq(append_time_of(numbered(5, 0, 0, 3), &again), 0);
	ck_assert_int_eq(again, first);
	ck_assert_int_eq(append_time_of(numbered(5, 0, 3, 3), &again), 0);
	ck_assert_int_gt(again, first);
	end();
}
END_TEST

START_TEST(fetch_refused)
{
	struct bed_fetch f = { .version = 12, .topic = "t" };

	begin(NULL);
	ck_assert_int_eq(bed_create(fd, "t", 1, NULL), 0);
	ck_assert_int_eq(bed_produce(fd, "t", 0, -1, "x", 3, NULL), 0);
	f.offset = 4;
	ck_assert_int_eq(bed_fetch(fd, &f)->error_code,
	    KERR_OFFSET_OUT_OF_RANGE);
	ck_assert_int_eq(bed_fetch(fd, &f)->high_watermark, -1);
	f.offset = -1;
	ck_assert_int_eq(bed_fetch(fd, &f)->error_code,
	    KERR_OFFSET_OUT_OF_RANGE);
	f.offset = 0;
	f.partition = 1;
	ck_assert_int_eq(bed_fetch(fd, &f)->error_code,
	    KERR_UNKNOWN_TOPIC_OR_PARTITION);
	f.partition = 0;
	f.epoch = 5;
	ck_assert_int_eq(bed_fetch(fd, &f)->error_code,
	    KERR_UNKNOWN_LEADER_EPOCH);
	f.epoch = -2;
	ck_assert_int_eq(bed_fetch(fd, &f)->error_code,
	    KERR_FENCED_LEADER_EPOCH);
	end();
}
END_TEST

/* --- order and waiting --- */

START_TEST(pipelined)
{
	struct km_produce_response *a;
	int i;

	begin(NULL);
	ck_assert_int_eq(bed_create(fd, "t", 1, NULL), 0);
	for (i = 0; i < 200; i++)
		bed_send_produce(fd, i, "t", 0, -1, bed_batch("x", 2));
	for (i = 0; i < 200; i++) {
		a = bed_recv(fd, KAPI_Produce, 9, i);
		ck_assert_int_eq(a->responses.v[0].partition_responses.v[0].
		    base_offset, 2 * i);
	}
	end();
}
END_TEST

/* A fetch waits; what comes behind it on its connection waits with it, other
 * connections do not; a produce ends it at once. */
START_TEST(long_poll)
{
	struct bed_fetch f = { .version = 11, .topic = "t",
	    .max_wait = 20000, .min_bytes = 1 };
	struct km_fetch_response *a;
	struct km_metadata_request q;
	int64_t t0 = clock_mono_ns();
	int other;

	begin(NULL);
	ck_assert_int_eq(bed_create(fd, "t", 1, NULL), 0);
	bed_send_fetch(fd, 1, &f);
	kw_defaults(&kd_metadata_request, &q);
	bed_send(fd, KAPI_Metadata, 1, 2, &q);
	other = bed_connect(&bed);
	ck_assert_int_eq(bed_produce(other, "t", 0, -1, "x", 5, NULL), 0);
	a = bed_recv(fd, KAPI_Fetch, 11, 1);
	ck_assert_int_eq(bed_count(a->responses.v[0].partitions.v[0].records),
	    5);
	(void)bed_recv(fd, KAPI_Metadata, 1, 2);
	ck_assert_int_lt(clock_mono_ns() - t0, INT64_C(10000000000));
	close(other);
	end();
}
END_TEST

static struct fs slow_disk;
static _Atomic int64_t sync_ns;

static int
slow_sync(const struct fs *fs, int file, struct err *e)
{
	struct timespec t = { .tv_nsec = (long)atomic_load(&sync_ns) };

	(void)fs;
	nanosleep(&t, NULL);
	return (fs_real.sync(&fs_real, file, e));
}

/* max_wait 0: a sync that is on its way is waited for, but a moment only. */
START_TEST(no_wait)
{
	struct bed_fetch f = { .version = 11, .topic = "t", .min_bytes = 1 };
	int64_t t0, base, least = INT64_MAX;
	int i, found = 0;

	slow_disk = fs_real;
	slow_disk.sync = slow_sync;
	dirfd_ = unit_dir(dir);
	bed_start(&bed, &slow_disk, dir, NULL);
	fd = bed_connect(&bed);
	ck_assert_int_eq(bed_create(fd, "t", 1, NULL), 0);
	atomic_store(&sync_ns, 2000000);
	for (i = 0; i < 20; i++) {
		ck_assert_int_eq(bed_produce(fd, "t", 0, 1, "x", 1, &base), 0);
		f.offset = base;
		found += bed_count(bed_fetch(fd, &f)->records) == 1;
	}
	ck_assert_int_gt(found, 0);
	ck_assert_int_eq(bed_produce(fd, "t", 0, -1, "x", 1, NULL), 0);
	atomic_store(&sync_ns, 400000000);
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(bed_produce(fd, "t", 0, 1, "x", 1, &base), 0);
		f.offset = base;
		t0 = clock_mono_ns();
		(void)bed_fetch(fd, &f);
		if (clock_mono_ns() - t0 < least)
			least = clock_mono_ns() - t0;
	}
	ck_assert_int_lt(least, 300000000);
	atomic_store(&sync_ns, 0);
	end();
}
END_TEST

/* min_bytes is waited for, over several appends; the time ends it. */
START_TEST(min_bytes)
{
	struct bed_fetch f = { .version = 11, .topic = "t",
	    .max_wait = 20000, .min_bytes = 1000 };
	struct km_fetch_response *a;
	int other, i;

	begin(NULL);
	ck_assert_int_eq(bed_create(fd, "t", 1, NULL), 0);
	bed_send_fetch(fd, 1, &f);
	other = bed_connect(&bed);
	for (i = 0; i < 20; i++)
		ck_assert_int_eq(bed_produce(other, "t", 0, -1, "0123456789",
		    1, NULL), 0);
	a = bed_recv(fd, KAPI_Fetch, 11, 1);
	ck_assert_uint_ge(a->responses.v[0].partitions.v[0].records.len, 1000);
	f.min_bytes = 1 << 20;
	f.max_wait = 50;
	ck_assert_int_eq(bed_count(bed_fetch(fd, &f)->records), 20);
	close(other);
	end();
}
END_TEST

/* Waiting fetches end when their topic is deleted, their peer goes, or the
 * broker stops. */
START_TEST(long_poll_ends)
{
	struct bed_fetch f = { .version = 11, .topic = "t",
	    .max_wait = 600000, .min_bytes = 1 };
	struct km_delete_topics_request q;
	struct km_delete_topics_response *d;
	struct km_fetch_response *a;
	struct slice names[1] = { SLICE("t") };
	int gone, waits;

	begin(NULL);
	ck_assert_int_eq(bed_create(fd, "t", 1, NULL), 0);
	ck_assert_int_eq(bed_create(fd, "u", 1, NULL), 0);
	gone = bed_connect(&bed);
	bed_send_fetch(gone, 1, &f);
	close(gone);
	waits = bed_connect(&bed);
	bed_send_fetch(waits, 1, &f);
	kw_defaults(&kd_delete_topics_request, &q);
	q.topic_names.v = names;
	q.topic_names.n = 1;
	d = bed_call(fd, KAPI_DeleteTopics, 1, &q);
	ck_assert_int_eq(d->responses.v[0].error_code, 0);
	a = bed_recv(waits, KAPI_Fetch, 11, 1);
	/* Whichever came first. */
	ck_assert_int_eq(a->responses.v[0].partitions.v[0].error_code,
	    KERR_UNKNOWN_TOPIC_OR_PARTITION);
	f.topic = "u";
	bed_send_fetch(waits, 2, &f);
	ck_assert_int_eq(bed_produce(fd, "u", 0, 1, "x", 1, NULL), 0);
	(void)bed_recv(waits, KAPI_Fetch, 11, 2);
	f.offset = 1;
	bed_send_fetch(waits, 3, &f);
	close(fd);
	bed_stop(&bed);
	close(waits);
	unit_dir_remove(dirfd_, dir);
}
END_TEST

START_TEST(acks_zero)
{
	struct km_metadata_request q;

	begin(NULL);
	ck_assert_int_eq(bed_create(fd, "t", 1, NULL), 0);
	bed_send_produce(fd, 1, "t", 0, 0, bed_batch("x", 3));
	kw_defaults(&kd_metadata_request, &q);
	bed_send(fd, KAPI_Metadata, 1, 2, &q);
	(void)bed_recv(fd, KAPI_Metadata, 1, 2);	/* no answer before */
	while (bed_offset(fd, 7, "t", 0, -1, NULL) < 3)
		;
	bed_send_produce(fd, 3, "t", 9, 0, bed_batch("x", 3));
	ck_assert(bed_closed(fd));
	end();
}
END_TEST

/* What was received is bounded per connection; all of it is answered. */
START_TEST(bounded)
{
	int i;

	begin("connection.inflight.max.requests=2");
	ck_assert_int_eq(bed_create(fd, "t", 1, NULL), 0);
	for (i = 0; i < 50; i++)
		bed_send_produce(fd, i, "t", 0, -1, bed_batch("x", 1));
	for (i = 0; i < 50; i++)
		(void)bed_recv(fd, KAPI_Produce, 9, i);
	end();
}
END_TEST

/* --- idempotence --- */

START_TEST(idempotent)
{
	static const struct {
		int16_t	epoch;
		int32_t	seq;
		int16_t	want;
		int64_t	base;
	} rows[] = {
		{ 0, 0, KERR_NONE, 0 },
		{ 0, 10, KERR_NONE, 10 },
		{ 0, 0, KERR_NONE, 0 },			/* again */
		{ 0, 30, KERR_OUT_OF_ORDER_SEQUENCE_NUMBER, -1 },
		{ 0, 20, KERR_NONE, 20 },
		{ 1, 0, KERR_NONE, 30 },
		{ 0, 30, KERR_INVALID_PRODUCER_EPOCH, -1 },
	};
	int64_t base;
	size_t i;

	begin(NULL);
	ck_assert_int_eq(bed_create(fd, "t", 1, NULL), 0);
	for (i = 0; i < NELEM(rows); i++) {
		ck_assert_int_eq(bed_produce_bytes(fd, 9, "t", 0, -1,
		    numbered(5, rows[i].epoch, rows[i].seq, 10), &base),
		    rows[i].want);
		ck_assert_int_eq(base, rows[i].base);
	}
	end();
}
END_TEST

/* A batch sent again after a restart is known. */
START_TEST(idempotent_restart)
{
	int64_t base;

	begin(NULL);
	ck_assert_int_eq(bed_create(fd, "t", 1, NULL), 0);
	ck_assert_int_eq(bed_produce_bytes(fd, 9, "t", 0, -1,
	    numbered(5, 0, 0, 10), NULL), 0);
	close(fd);
	bed_stop(&bed);
	bed_start(&bed, &fs_real, dir, NULL);
	fd = bed_connect(&bed);
	ck_assert_int_eq(bed_produce_bytes(fd, 9, "t", 0, -1,
	    numbered(5, 0, 0, 10), &base), 0);
	ck_assert_int_eq(base, 0);
	ck_assert_int_eq(bed_produce_bytes(fd, 9, "t", 0, -1,
	    numbered(5, 0, 20, 10), &base),
	    KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	ck_assert_int_eq(bed_produce_bytes(fd, 9, "t", 0, -1,
	    numbered(5, 0, 10, 10), &base), 0);
	ck_assert_int_eq(base, 10);
	end();
}
END_TEST

/* --- offsets --- */

/* The batch, compressed when the build can. */
static struct slice
folded(struct slice in)
{
	static uint8_t buf[4096];
	size_t n;

	if (!kcodec_have(KCODEC_GZIP))
		return (in);
	UNIT_OK(kbatch_compress(in, KCODEC_GZIP, INT_MIN, buf, sizeof buf,
	    &n, e));
	return (slice_of(buf, n));
}

START_TEST(list_offsets)
{
	int64_t now = clock_wall_ms() - 100000;
	int16_t error;
	int v;

	begin(NULL);
	ck_assert_int_eq(bed_create(fd, "t", 1, NULL), 0);
	ck_assert_int_eq(bed_offset(fd, 7, "t", 0, -1, NULL), 0);
	ck_assert_int_eq(bed_offset(fd, 7, "t", 0, -3, NULL), -1);
	for (v = 0; v < 5; v++)
		ck_assert_int_eq(bed_produce_bytes(fd, 9, "t", 0, -1,
		    bed_batch_at("x", 10, now + v * 1000), NULL), 0);
	for (v = 0; v <= 10; v++) {
		ck_assert_int_eq(bed_offset(fd, v, "t", 0, -1, NULL), 50);
		ck_assert_int_eq(bed_offset(fd, v, "t", 0, -2, NULL), 0);
		if (v == 0)
			continue;
		ck_assert_int_eq(bed_offset(fd, v, "t", 0, now, NULL), 0);
		ck_assert_int_eq(bed_offset(fd, v, "t", 0, now + 3, NULL), 3);
		ck_assert_int_eq(bed_offset(fd, v, "t", 0, now + 2005, NULL),
		    25);
		ck_assert_int_eq(bed_offset(fd, v, "t", 0, now + 2500, NULL),
		    30);
		ck_assert_int_eq(bed_offset(fd, v, "t", 0, now + 90000, NULL),
		    -1);
	}
	ck_assert_int_eq(bed_offset(fd, 7, "t", 0, -3, NULL), 49);
	/* Also inside of a compressed batch. */
	ck_assert_int_eq(bed_produce_bytes(fd, 9, "t", 0, -1,
	    folded(bed_batch_at("x", 10, now + 6000)), NULL), 0);
	ck_assert_int_eq(bed_offset(fd, 7, "t", 0, now + 6004, NULL), 54);
	ck_assert_int_eq(bed_offset(fd, 7, "t", 0, -3, NULL), 59);
	ck_assert_int_eq(bed_offset(fd, 7, "u", 0, -1, &error), -1);
	ck_assert_int_eq(error, KERR_UNKNOWN_TOPIC_OR_PARTITION);
	end();
}
END_TEST

static int32_t
epoch_at(const char *topic, int64_t timestamp)
{
	struct km_list_offsets_request_partition part;
	struct km_list_offsets_request_topic t = { .name = slice_str(topic),
	    .partitions = { &part, 1 } };
	struct km_list_offsets_request q;
	struct km_list_offsets_response *a;

	kw_defaults(&kd_list_offsets_request, &q);
	kw_defaults(&kd_list_offsets_request_partition, &part);
	part.timestamp = timestamp;
	q.topics.v = &t;
	q.topics.n = 1;
	a = bed_call(fd, KAPI_ListOffsets, 7, &q);
	ck_assert_int_eq(a->topics.v[0].partitions.v[0].error_code, 0);
	return (a->topics.v[0].partitions.v[0].leader_epoch);
}

/* Records written by two starts: where the first epoch ended. */
START_TEST(leader_epochs)
{
	struct km_offset_for_leader_epoch_request q;
	struct km_offset_for_leader_epoch_response *a;
	struct km_leader_epoch_response_partition *p;
	struct km_leader_epoch_request_topic topic;
	struct km_leader_epoch_request_partition part = { 0, -1, 0 };
	int v;

	begin(NULL);
	ck_assert_int_eq(bed_create(fd, "t", 1, NULL), 0);
	ck_assert_int_eq(bed_produce(fd, "t", 0, -1, "a", 7, NULL), 0);
	close(fd);
	bed_stop(&bed);
	bed_start(&bed, &fs_real, dir, NULL);
	fd = bed_connect(&bed);
	ck_assert_int_eq(bed_produce(fd, "t", 0, -1, "b", 3, NULL), 0);
	kw_defaults(&kd_offset_for_leader_epoch_request, &q);
	topic.topic = SLICE("t");
	topic.partitions.v = &part;
	topic.partitions.n = 1;
	q.topics.v = &topic;
	q.topics.n = 1;
	for (v = 0; v <= 4; v++) {
		part.leader_epoch = 0;
		a = bed_call(fd, KAPI_OffsetForLeaderEpoch, v, &q);
		p = &a->topics.v[0].partitions.v[0];
		ck_assert_int_eq(p->end_offset, 7);
		if (v >= 1)
			ck_assert_int_eq(p->leader_epoch, 0);
	}
	/* What ListOffsets tells are epochs that can be asked for. */
	ck_assert_int_eq(epoch_at("t", -2), 0);
	ck_assert_int_eq(epoch_at("t", -1), 1);
	ck_assert_int_eq(bed_create(fd, "empty", 1, NULL), 0);
	ck_assert_int_eq(epoch_at("empty", -1), -1);
	part.leader_epoch = 1;
	a = bed_call(fd, KAPI_OffsetForLeaderEpoch, 4, &q);
	ck_assert_int_eq(a->topics.v[0].partitions.v[0].end_offset, 10);
	ck_assert_int_eq(bed_topic(fd, "t")->partitions.v[0].leader_epoch, 1);
	end();
}
END_TEST

/* --- settings --- */

static const struct {
	const char	*setting;
	const char	*says;
} wrong[] = {
	{ "listen=0.0.0.0:0", "allow.insecure" },
	{ "listen=SSL://127.0.0.1:0", "PLAINTEXT" },
	{ "listen=127.0.0.1", "host:port" },
	{ "listen=127.0.0.1:1,127.0.0.1:2", "one listener" },
	{ "advertised.listeners=PLAINTEXT://:9092", "advertised.listeners" },
	{ "log.cleanup.policy=shred", "log.cleanup.policy" },
	{ "message.max.bytes=200m", "socket.request.max.bytes" },
};

START_TEST(settings_wrong)
{
	const char *v[] = { wrong[_i].setting, NULL };
	struct err err = ERR_INIT;

	dirfd_ = unit_dir(dir);
	ck_assert_int_eq(bed_try(&bed, &fs_real, dir, v, &err), -1);
	ck_assert_int_eq(err.code, ERR_CONFIG);
	ck_assert_msg(strstr(err.msg, wrong[_i].says) != NULL, "%s", err.msg);
	unit_dir_remove(dirfd_, dir);
}
END_TEST

START_TEST(settings_table)
{
	UNIT_OK(settings_check_table(broker_settings, e));
}
END_TEST

/* Two brokers on one folder, and on one port. */
START_TEST(taken)
{
	const char *same_dir[] = { NULL }, *same_port[2] = { NULL };
	struct err err = ERR_INIT;
	struct bed second;
	char listen[80], other[64];
	int ofd = unit_dir(other);

	begin(NULL);
	ck_assert_int_eq(bed_try(&second, &fs_real, dir, same_dir, &err), -1);
	ck_assert_int_eq(err.code, ERR_REFUSED);
	snprintf(listen, sizeof listen, "listen=%s", bed.address);
	same_port[0] = listen;
	ck_assert_int_eq(bed_try(&second, &fs_real, other, same_port, &err),
	    -1);
	ck_assert_msg(strstr(err.msg, bed.address) != NULL, "%s", err.msg);
	unit_dir_remove(ofd, other);
	end();
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &api_versions },
	{ .fn = &api_versions_fallback_ },
	{ .fn = &malformed, .rows = NELEM(closing) },
	{ .fn = &metadata },
	{ .fn = &auto_create_off },
	{ .fn = &round_trip },
	{ .fn = &large },
	{ .fn = &produce_refused, .rows = NELEM(refused) },
	{ .fn = &record_errors },
	{ .fn = &log_append_time },
	{ .fn = &fetch_refused },
	{ .fn = &pipelined },
	{ .fn = &long_poll },
	{ .fn = &no_wait },
	{ .fn = &min_bytes },
	{ .fn = &long_poll_ends },
	{ .fn = &acks_zero },
	{ .fn = &bounded },
	{ .fn = &idempotent },
	{ .fn = &idempotent_restart },
	{ .fn = &list_offsets },
	{ .fn = &leader_epochs },
	{ .fn = &settings_wrong, .rows = NELEM(wrong) },
	{ .fn = &settings_table },
	{ .fn = &taken },
};

int
main(void)
{
	return (UNIT_MAIN("broker", tests));
}
