/*
 * The Kafka sink's two ways out, into a broker in this process: straight into
 * its logs, and through librdkafka over a socket.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "kafka/errors.h"
#include "kafka/records.h"
#include "kafka/wire.h"
#include "sinks/sinks.h"
#include "test/unit/broker_bed.h"
#include "test/unit/channel_util.h"
#include "test/unit/sink_rig.h"
#include "test/unit/unit.h"

/* Rows of most tests.  librdkafka's threads are C11's, which GCC's
 * ThreadSanitizer does not know: there the direct way is alone. */
#ifdef __SANITIZE_THREAD__
enum way { DIRECT, CLIENT, WAYS = CLIENT };
#else
enum way { DIRECT, CLIENT, WAYS };
#endif
#define CLIENT_TESTS	3	/* the last ones of the table */

struct site {
	struct bed		 bed;
	struct sink_rig		 rig;
	char			 dir[64];
	int			 dirfd, fd;
};

static void
quiet(enum log_level level, const char *line, void *ctx)
{
	(void)level;
	(void)line;
	(void)ctx;
}

static void
site_open(struct site *s, enum way way, const char *s1, const char *s2,
    const char *s3)
{
	char servers[128];

	log_set_sink(quiet, NULL);
	s->dirfd = unit_dir(s->dir);
	bed_start(&s->bed, &fs_real, s->dir, "num.partitions=4", NULL);
	s->fd = bed_connect(&s->bed);
	s->rig.env.fs = &fs_real;
	s->rig.env.broker = way == DIRECT ? s->bed.broker : NULL;
	snprintf(servers, sizeof servers, "%s%s", way == CLIENT ?
	    "kafka.bootstrap.servers=" : "kafka.topic=",
	    way == CLIENT ? s->bed.address : "t");
	rig_make(&s->rig, &sink_kafka, "kafka.topic=t", servers, s1, s2, s3,
	    NULL);
	UNIT_OK(s->rig.sink->ops->start(s->rig.sink, e));
}

static void
site_close(struct site *s)
{
	s->rig.sink->ops->stop(s->rig.sink);
	rig_free(&s->rig);
	close(s->fd);
	bed_stop(&s->bed);
	bed_reset();
	unit_dir_remove(s->dirfd, s->dir);
	log_set_sink(NULL, NULL);
}

/* --- what is in a partition --- */

static void
print_slice(struct sb *out, struct slice s)
{
	if (s.p == NULL)
		sb_puts(out, "null");
	else
		sb_add(out, s.p, s.len);
}

static void
print_record(struct sb *out, const struct krecord *r)
{
	struct krecord_header h;
	struct slice in = r->headers;
	int32_t i;

	sb_puts(out, out->len == 0 ? "" : " ");
	if (r->key.p != NULL) {
		print_slice(out, r->key);
		sb_puts(out, ":");
	}
	print_slice(out, r->value);
	for (i = 0; i < r->nheaders; i++) {
		ck_assert(krecord_header(&in, &h));
		sb_puts(out, ",");
		print_slice(out, h.key);
		sb_puts(out, "=");
		print_slice(out, h.value);
	}
}

/* "key:value,header=value ..." of a partition, to be freed; how many records
 * and batches, and the time of the last one. */
struct content {
	char	*text;
	int	 records, batches;
	int64_t	 timestamp;
};

static struct content
content_of(struct site *s, const char *topic, int32_t partition)
{
	struct bed_fetch f = { .version = 12, .topic = topic,
	    .partition = partition, .part_bytes = 64 << 20 };
	struct km_fetch_response_partition *p = bed_fetch(s->fd, &f);
	struct content c = { NULL, 0, 0, 0 };
	struct slice in = p->records;
	struct kiter it = KITER_INIT;
	struct sb out = SB_INIT;
	struct krecord r;
	struct kbatch b;

	ck_assert_int_eq(p->error_code, 0);
	sb_puts(&out, "");
	for (; in.len > 0; in.p += kbatch_size(&b), in.len -= kbatch_size(&b)) {
		UNIT_OK(kbatch_check(in, &b, e));
		UNIT_OK(kiter_open(&it, in, 1u << 26, e));
		c.batches++;
		while (kiter_next(&it, &r, NULL) == 1) {
			print_record(&out, &r);
			c.records++;
			c.timestamp = r.timestamp;
		}
	}
	kiter_close(&it);
	c.text = sb_take(&out);
	return (c);
}

static void
partition_is(struct site *s, const char *topic, int32_t partition,
    const char *expected)
{
	struct content c = content_of(s, topic, partition);

	ck_assert_msg(strcmp(c.text, expected) == 0, "%s-%d: '%s', not '%s'",
	    topic, partition, c.text, expected);
	free(c.text);
}

/* The only partition of the topic that has records. */
static int32_t
partition_with(struct site *s, const char *topic, struct content *found)
{
	int32_t i, at = -1;
	struct content c;

	for (i = 0; i < 4; i++) {
		c = content_of(s, topic, i);
		if (c.records == 0) {
			free(c.text);
			continue;
		}
		ck_assert_int_eq(at, -1);
		at = i;
		*found = c;
	}
	ck_assert_int_ge(at, 0);
	return (at);
}

/* --- both ways --- */

START_TEST(test_plain)
{
	struct site s = { 0 };
	struct batch *b = batch_new();

	site_open(&s, (enum way)_i, NULL, NULL, NULL);
	b->hint = 6;			/* as a file's: 6 % 4 */
	b->timestamp = clock_wall_ms();
	batch_set(b, NULL, SLICE("host"), SLICE("is not sent"), true);
	rig_add(b, "one", NULL);
	rig_add(b, "", NULL);
	rig_add(b, "three", NULL);
	UNIT_OK(rig_deliver(&s.rig, b, e));
	partition_is(&s, "t", 2, "one  three");
	partition_is(&s, "t", 0, "");
	site_close(&s);
}
END_TEST

START_TEST(test_body_null)
{
	struct site s = { 0 };
	struct content c;
	struct batch *b = batch_new();

	site_open(&s, (enum way)_i, "defaultPartitionId=0", NULL, NULL);
	b->timestamp = clock_wall_ms();
	batch_add(b, SLICE_NULL);
	UNIT_OK(rig_deliver(&s.rig, b, e));
	b = batch_new();
	batch_set(b, batch_add(b, SLICE_NULL), SLICE("key"), SLICE("k"),
	    true);
	b->timestamp = clock_wall_ms();
	UNIT_OK(rig_deliver(&s.rig, b, e));
	c = content_of(&s, "t", 0);
	ck_assert_int_eq(c.records, 2);
	ck_assert_str_eq(c.text, "k:");		/* empty, not null */
	free(c.text);
	site_close(&s);
}
END_TEST

START_TEST(test_many_ways)
{
	struct site s = { 0 };
	struct batch *b = batch_new();
	int64_t now = clock_wall_ms();
	struct content c;
	char ts[32];

	site_open(&s, (enum way)_i, "partitionIdHeader=p",
	    "timestampHeader=ts", "header.method=X-Method");
	b->timestamp = now;
	snprintf(ts, sizeof ts, "%lld", (long long)(now - 60000));
	rig_add(b, "a", "p", "0", "key", "k1", "method", "PUT", NULL);
	rig_add(b, "b", "p", "3", NULL);
	rig_add(b, "c", "p", "0", "ts", ts, NULL);
	rig_add(b, "d", "p", "0", "topic", "other", NULL);
	rig_add(b, "e", "p", "3", "key", "", NULL);
	UNIT_OK(rig_deliver(&s.rig, b, e));
	partition_is(&s, "t", 0, "k1:a,X-Method=PUT c");
	partition_is(&s, "t", 3, "b :e");
	partition_is(&s, "other", 0, "d");
	c = content_of(&s, "t", 0);
	ck_assert_int_eq(c.timestamp, now - 60000);
	free(c.text);
	site_close(&s);
}
END_TEST

START_TEST(test_timestamp_is_when_it_was_read)
{
	struct site s = { 0 };
	struct batch *b = batch_new();
	int64_t then = clock_wall_ms() - 3600000;
	struct content c;

	site_open(&s, (enum way)_i, "defaultPartitionId=1", NULL, NULL);
	b->timestamp = then;
	rig_add(b, "x", NULL);
	UNIT_OK(rig_deliver(&s.rig, b, e));
	c = content_of(&s, "t", 1);
	ck_assert_int_eq(c.timestamp, then);
	free(c.text);
	site_close(&s);
}
END_TEST

/* The same partition for the same key, whatever way. */
static const struct {
	const char	*key;
	int32_t		 partition;	/* as Kafka's own clients place it */
} keys[] = {
	{ "21", (-973932308 & 0x7fffffff) % 4 },
	{ "foobar", (-790332482 & 0x7fffffff) % 4 },
	{ "a-little-bit-long-string", (-985981536 & 0x7fffffff) % 4 },
};

START_TEST(test_key_partition)
{
	struct site s = { 0 };
	struct batch *b = batch_new();
	struct content c = { 0 };

	site_open(&s, (enum way)(_i % WAYS), NULL, NULL, NULL);
	b->timestamp = clock_wall_ms();
	b->hint = 1;
	rig_add(b, "x", "key", keys[_i / WAYS].key, NULL);
	UNIT_OK(rig_deliver(&s.rig, b, e));
	ck_assert_int_eq(partition_with(&s, "t", &c),
	    keys[_i / WAYS].partition);
	free(c.text);
	site_close(&s);
}
END_TEST

START_TEST(test_large_lease)
{
	struct site s = { 0 };
	struct batch *b = batch_new();
	char *body = xmalloc(1001);
	struct content c;
	int i;

	memset(body, 'x', 1000);
	body[1000] = '\0';
	site_open(&s, (enum way)(_i % WAYS), "defaultPartitionId=1", NULL,
	    NULL);
	b->timestamp = clock_wall_ms();
	for (i = 0; i < 3000; i++)
		rig_add(b, body, _i / WAYS == 0 ? "host" : "key", "h", NULL);
	UNIT_OK(rig_deliver(&s.rig, b, e));
	c = content_of(&s, "t", 1);
	ck_assert_int_eq(c.records, 3000);
	ck_assert_int_ge(c.batches, 3);
	free(c.text);
	free(body);
	site_close(&s);
}
END_TEST

START_TEST(test_refused_partition)
{
	struct site s = { 0 };
	struct batch *b = batch_new();
	struct err err = ERR_INIT;

	site_open(&s, (enum way)_i, "partitionIdHeader=p", NULL, NULL);
	b->timestamp = clock_wall_ms();
	rig_add(b, "x", "p", "7", NULL);
	ck_assert_int_eq(rig_deliver(&s.rig, b, &err), -1);
	ck_assert_msg(err.code == ERR_REFUSED, "%d: %s", err.code, err.msg);
	ck_assert_ptr_nonnull(strstr(err.msg, "topic t"));
	b = batch_new();
	b->timestamp = clock_wall_ms();
	rig_add(b, "y", "p", "north", NULL);
	UNIT_ERR(rig_deliver(&s.rig, b, e), ERR_REFUSED);
	b = batch_new();
	b->timestamp = clock_wall_ms();
	rig_add(b, "z", "p", "2", NULL);
	UNIT_OK(rig_deliver(&s.rig, b, e));
	partition_is(&s, "t", 2, "z");
	site_close(&s);
}
END_TEST

START_TEST(test_refused_topic)
{
	struct site s = { 0 };
	struct batch *b = batch_new();
	struct err err = ERR_INIT;

	site_open(&s, (enum way)(_i % WAYS), NULL, NULL, NULL);
	b->timestamp = clock_wall_ms();
	rig_add(b, "x", "topic", "not a topic", NULL);
	ck_assert_int_eq(rig_deliver(&s.rig, b, &err), -1);
	ck_assert_msg(err.code == ERR_REFUSED, "%d: %s", err.code, err.msg);
	site_close(&s);
}
END_TEST

START_TEST(test_too_large)
{
	struct site s = { 0 };
	struct batch *b = batch_new();
	size_t n = 2 << 20;
	char *body = xmalloc(n + 1);

	memset(body, 'x', n);
	body[n] = '\0';
	site_open(&s, (enum way)(_i % WAYS), "defaultPartitionId=1", NULL,
	    NULL);
	b->timestamp = clock_wall_ms();
	rig_add(b, body, _i / WAYS == 0 ? NULL : "key", "h", NULL);
	UNIT_ERR(rig_deliver(&s.rig, b, e), ERR_TOO_LARGE);
	b = batch_new();		/* and the next one goes */
	b->timestamp = clock_wall_ms();
	rig_add(b, "small", NULL);
	UNIT_OK(rig_deliver(&s.rig, b, e));
	partition_is(&s, "t", 1, "small");
	free(body);
	site_close(&s);
}
END_TEST

/* acks=0 and 1 do not wait for the disk; what is read is there all the same. */
START_TEST(test_acks)
{
	static const char *const acks[] = {
		"kafka.producer.acks=1", "kafka.producer.acks=0"
	};
	struct site s = { 0 };
	struct batch *b = batch_new();
	int64_t until = clock_mono_ns() + INT64_C(20000000000);
	struct content c;

	site_open(&s, (enum way)(_i % WAYS), acks[_i / WAYS],
	    "defaultPartitionId=0", NULL);
	b->timestamp = clock_wall_ms();
	rig_add(b, "x", NULL);
	UNIT_OK(rig_deliver(&s.rig, b, e));
	for (;;) {
		c = content_of(&s, "t", 0);
		if (c.records == 1)
			break;
		ck_assert_int_lt(clock_mono_ns(), until);
		free(c.text);
	}
	ck_assert_str_eq(c.text, "x");
	free(c.text);
	site_close(&s);
}
END_TEST

START_TEST(test_many_leases_in_order)
{
	struct site s = { 0 };
	struct rig_delivery d[30];
	struct sb expected = SB_INIT;
	struct batch *b;
	char body[16];
	size_t i;

	site_open(&s, (enum way)_i, NULL, NULL, NULL);
	for (i = 0; i < NELEM(d); i++) {
		b = batch_new();
		b->hint = 1;
		b->timestamp = clock_wall_ms();
		snprintf(body, sizeof body, "r%zu", i);
		rig_add(b, body, NULL);
		sb_printf(&expected, "%s%s", i == 0 ? "" : " ", body);
		rig_send(&s.rig, &d[i], b);
	}
	for (i = 0; i < NELEM(d); i++)
		UNIT_OK(rig_wait(&d[i], e));
	partition_is(&s, "t", 1, expected.ptr);
	sb_fini(&expected);
	site_close(&s);
}
END_TEST

/* What the check refuses, and takes (NULL), without connecting. */
static const struct { const char *setting, *msg; } checks[] = {
	{ "kafka.topic=a topic", "kafka.topic = a topic: Kafka takes no" },
	{ "kafka.topic=..", "Kafka takes no such name" },
	{ "kafka.topic=a.b_c-D9", NULL },
	{ "kafka.topic=%{any thing}/x", NULL },
	{ "kafka.bootstrap.servers=h:9092, [::1]:9093,PLAINTEXT://i:1", NULL },
	{ "kafka.bootstrap.servers=h:9092,i", "'i' is not host:port" },
	{ "kafka.bootstrap.servers=h:port", "'h:port' is not host:port" },
	{ "kafka.bootstrap.servers=h:65536", "is not host:port" },
	{ "kafka.bootstrap.servers=:9092", "is not host:port" },
	{ "kafka.bootstrap.servers=9092", "is not host:port" },
	{ "delivery=exactly-once", "delivery = exactly-once is not" },
	{ "kafka.producer.acks=2", "give all, 1 or 0" },
};

START_TEST(test_check)
{
	const char *v[] = { checks[_i].setting, NULL };
	struct sink_rig r = { 0 };
	struct err err = ERR_INIT;

	ck_assert_int_eq(rig_try(&r, &sink_kafka, v, &err),
	    checks[_i].msg == NULL ? 0 : -1);
	if (checks[_i].msg == NULL)
		rig_free(&r);
	else
		ck_assert_msg(strstr(err.msg, checks[_i].msg) != NULL, "%s",
		    err.msg);
}
END_TEST

/* --- direct alone --- */

START_TEST(test_direct_needs_a_broker)
{
	struct sink_rig r = { 0 };
	struct err err = ERR_INIT;

	rig_make(&r, &sink_kafka, "kafka.topic=t", NULL);
	ck_assert_int_eq(r.sink->ops->start(r.sink, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.msg, "kafka.bootstrap.servers"));
	rig_free(&r);
}
END_TEST

/* The topic takes less than the sink's usual piece: smaller ones go. */
START_TEST(test_direct_small_limit)
{
	struct site s = { 0 };
	struct batch *b = batch_new();
	char body[501];
	struct content c;
	int i;

	memset(body, 'x', 500);
	body[500] = '\0';
	site_open(&s, DIRECT, "defaultPartitionId=0", NULL, NULL);
	ck_assert_int_eq(bed_create(s.fd, "t", 1, "max.message.bytes=2000"),
	    0);
	b->timestamp = clock_wall_ms();
	for (i = 0; i < 100; i++)
		rig_add(b, body, _i == 0 ? NULL : "key", "k", NULL);
	UNIT_OK(rig_deliver(&s.rig, b, e));
	c = content_of(&s, "t", 0);
	ck_assert_int_eq(c.records, 100);
	ck_assert_int_ge(c.batches, 34);
	free(c.text);
	site_close(&s);
}
END_TEST

static void
delete_topic(struct site *s, const char *topic)
{
	struct km_delete_topics_request q;
	struct km_delete_topics_response *a;
	struct slice name = slice_str(topic);

	kw_defaults(&kd_delete_topics_request, &q);
	q.topic_names.v = &name;
	q.topic_names.n = 1;
	q.timeout_ms = 1000;
	a = bed_call(s->fd, KAPI_DeleteTopics, 1, &q);
	ck_assert_int_eq(a->responses.v[0].error_code, KERR_NONE);
}

/* A topic that was deleted meanwhile is made anew at the next try. */
START_TEST(test_direct_deleted_topic)
{
	struct site s = { 0 };
	struct err err = ERR_INIT;
	struct batch *b;
	int i, rc = -1;

	site_open(&s, DIRECT, "defaultPartitionId=0", NULL, NULL);
	for (i = 0; i < 3 && rc == -1; i++) {
		b = batch_new();
		b->timestamp = clock_wall_ms();
		rig_add(b, "x", NULL);
		UNIT_OK(rig_deliver(&s.rig, b, e));
		delete_topic(&s, "t");
		b = batch_new();
		b->timestamp = clock_wall_ms();
		rig_add(b, "y", NULL);
		UNIT_ERR(rig_deliver(&s.rig, b, e), ERR_NOT_FOUND);
		b = batch_new();
		b->timestamp = clock_wall_ms();
		rig_add(b, "y", NULL);
		rc = rig_deliver(&s.rig, b, &err);
	}
	ck_assert_msg(rc == 0, "%s", err.msg);
	partition_is(&s, "t", 0, "y");
	site_close(&s);
}
END_TEST

/* A file channel's lease is one record batch already. */
static struct slice
stored_batch(uint8_t buf[4096])
{
	struct kbuilder kb;
	int64_t now = clock_wall_ms();
	int i;

	kbuilder_init(&kb, buf, 4096, now);
	kb.producer_id = 77;		/* the channel's own use */
	kb.producer_epoch = 3;
	kb.base_sequence = 5;
	for (i = 0; i < 3; i++)
		ck_assert(kbuilder_add(&kb, now, SLICE_NULL,
		    SLICE("stored"), NULL, 0));
	return (slice_of(buf, kbuilder_finish(&kb)));
}

static bool decode_allowed;

static int
decode(struct channel *ch, struct lease *l, struct err *e)
{
	(void)ch;
	(void)e;
	ck_assert_msg(decode_allowed, "a stored lease was decoded");
	l->batch = batch_new();
	l->batch->timestamp = clock_wall_ms();
	rig_add(l->batch, "decoded", NULL);
	rig_add(l->batch, "decoded", NULL);
	rig_add(l->batch, "decoded", NULL);
	batch_seal(l->batch);
	return (0);
}

static void
deliver_stored(struct site *s, struct slice bytes)
{
	static const struct channel_ops ops = { .decode = decode };
	struct channel ch = { .ops = &ops };
	struct rig_delivery d;

	rig_send_lease(&s->rig, &d, &(struct lease){ .channel = &ch, .n = 3,
	    .bytes = 18, .hint = BATCH_NO_HINT, .stored = bytes });
	UNIT_OK(rig_wait(&d, e));
	batch_unref(d.lease.batch);
}

START_TEST(test_direct_stored)
{
	struct site s = { 0 };
	uint8_t buf[4096];

	site_open(&s, DIRECT, "defaultPartitionId=3", NULL, NULL);
	deliver_stored(&s, stored_batch(buf));
	partition_is(&s, "t", 3, "stored stored stored");
	deliver_stored(&s, stored_batch(buf));
	partition_is(&s, "t", 3, "stored stored stored stored stored stored");
	site_close(&s);
}
END_TEST

START_TEST(test_direct_stored_too_large_for_the_topic)
{
	struct site s = { 0 };
	uint8_t buf[4096];

	decode_allowed = true;
	site_open(&s, DIRECT, "defaultPartitionId=0", NULL, NULL);
	ck_assert_int_eq(bed_create(s.fd, "t", 1, "max.message.bytes=90"),
	    0);
	deliver_stored(&s, stored_batch(buf));
	partition_is(&s, "t", 0, "decoded decoded decoded");
	site_close(&s);
}
END_TEST

/* What a real file channel leases: a whole batch goes as it is stored, a part
 * of one is encoded anew; both are what was put. */
START_TEST(test_file_channel)
{
	struct site s = { 0 };
	struct rig_delivery d;
	struct sb expected = SB_INIT;
	struct content content;
	struct lease l = { NULL };
	struct chan c;
	uint32_t i;

	site_open(&s, (enum way)_i, "defaultPartitionId=0", NULL, NULL);
	chan_open(&c, &channel_file, &fs_real, s.dir,
	    (const char *const[]){ NULL });
	chan_put(&c, "r1", "f", 0, 20, 50);
	chan_put(&c, "r1", "f", 20, 20, 50);
	while (c.ch->ops->take(c.ch, &l, l.channel == NULL ? 0 : 7, 0, 100,
	    NULL) == 1) {
		ck_assert((l.stored.p != NULL) == (l.n == 20));
		rig_send_lease(&s.rig, &d, &l);
		UNIT_OK(rig_wait(&d, e));
		ck_assert(_i == CLIENT || l.stored.p == NULL ||
		    d.lease.batch == NULL);
		l = d.lease;
		UNIT_OK(lease_batch(&l, e));
		for (i = 0; i < l.n; i++)
			sb_printf(&expected, "%s%.*s", expected.len > 0 ? " " :
			    "", (int)l.batch->records[l.first + i].body.len,
			    l.batch->records[l.first + i].body.p);
		UNIT_OK(c.ch->ops->commit(c.ch, &l, e));
	}
	content = content_of(&s, "t", 0);
	ck_assert_int_eq(content.records, 40);
	ck_assert_str_eq(content.text, expected.ptr);
	free(content.text);
	sb_fini(&expected);
	chan_close(&c);
	site_close(&s);
}
END_TEST

START_TEST(test_status)
{
	struct site s = { 0 };
	char text[256];

	site_open(&s, (enum way)_i, NULL, NULL, NULL);
	s.rig.sink->ops->status(s.rig.sink, text, sizeof text);
	ck_assert_ptr_nonnull(strstr(text, s.bed.address));
	site_close(&s);
}
END_TEST

/* --- librdkafka alone --- */

/* The same broker, on the same port and folder. */
static void
broker_again(struct site *s)
{
	char listen[128];

	snprintf(listen, sizeof listen, "listen=%s", s->bed.address);
	bed_start(&s->bed, &fs_real, s->dir, "num.partitions=4", listen,
	    NULL);
	s->fd = bed_connect(&s->bed);
}

START_TEST(test_client_broker_restarts)
{
	struct site s = { 0 };
	struct rig_delivery d[20];
	struct sb expected = SB_INIT;
	struct batch *b;
	char body[16];
	size_t i;

	site_open(&s, CLIENT, "defaultPartitionId=0", NULL, NULL);
	for (i = 0; i < NELEM(d); i++) {
		if (i == 10) {
			UNIT_OK(rig_wait(&d[9], e));
			close(s.fd);
			bed_stop(&s.bed);
		}
		b = batch_new();
		b->timestamp = clock_wall_ms();
		snprintf(body, sizeof body, "r%zu", i);
		rig_add(b, body, NULL);
		sb_printf(&expected, "%s%s", i == 0 ? "" : " ", body);
		rig_send(&s.rig, &d[i], b);
	}
	ck_assert(!rig_is_over(&d[19]));
	broker_again(&s);
	for (i = 0; i < NELEM(d); i++)
		if (i != 9)
			UNIT_OK(rig_wait(&d[i], e));
	partition_is(&s, "t", 0, expected.ptr);
	sb_fini(&expected);
	site_close(&s);
}
END_TEST

/* Stop does not wait for a broker that is away; all is reported. */
START_TEST(test_client_stop_in_flight)
{
	struct sink_rig r = { .env.fs = &fs_real };
	struct rig_delivery d[5];
	struct batch *b;
	int64_t t0;
	size_t i;

	log_set_sink(quiet, NULL);
	rig_make(&r, &sink_kafka, "kafka.bootstrap.servers=127.0.0.1:1",
	    _i == 0 ? NULL : "header.h=h", NULL);
	UNIT_OK(r.sink->ops->start(r.sink, e));
	for (i = 0; i < NELEM(d); i++) {
		b = batch_new();
		rig_add(b, "x", "h", "1", NULL);
		rig_send(&r, &d[i], b);
	}
	t0 = clock_mono_ns();
	r.sink->ops->stop(r.sink);
	ck_assert_int_lt((clock_mono_ns() - t0) / 1000000, 5000);
	for (i = 0; i < NELEM(d); i++) {
		ck_assert(rig_is_over(&d[i]));
		UNIT_ERR(rig_wait(&d[i], e), ERR_UNCERTAIN);
	}
	rig_free(&r);
}
END_TEST

static char said[8192];
static struct mutex said_lock;

static void
keep_line(enum log_level level, const char *line, void *ctx)
{
	(void)level;
	(void)ctx;
	mutex_lock(&said_lock);
	strncat(said, line, sizeof said - strlen(said) - 2);
	strcat(said, "\n");
	mutex_unlock(&said_lock);
}

static bool
was_said(const char *what)
{
	bool yes;

	mutex_lock(&said_lock);
	yes = strstr(said, what) != NULL;
	mutex_unlock(&said_lock);
	return (yes);
}

/* A broker that is away is said once, with its address, and when it is back. */
START_TEST(test_client_says_it)
{
	struct site s = { 0 };
	int64_t until = clock_mono_ns() + INT64_C(30000000000);
	struct rig_delivery d;
	struct batch *b;
	char text[256];

	site_open(&s, CLIENT, "defaultPartitionId=0", NULL, NULL);
	mutex_init(&said_lock);
	log_set_sink(keep_line, NULL);
	close(s.fd);
	bed_stop(&s.bed);
	b = batch_new();
	rig_add(b, "x", NULL);
	rig_send(&s.rig, &d, b);
	while (!was_said("waiting, nothing is lost"))
		ck_assert_int_lt(clock_mono_ns(), until);
	ck_assert(was_said(s.bed.address));
	s.rig.sink->ops->status(s.rig.sink, text, sizeof text);
	ck_assert_ptr_nonnull(strstr(text, "does not answer"));
	broker_again(&s);
	UNIT_OK(rig_wait(&d, e));
	ck_assert(was_said("again"));
	log_set_sink(quiet, NULL);
	site_close(&s);
}
END_TEST

int
main(void)
{
	static const struct unit_test tests[] = {
		{ .fn = &test_plain, .rows = WAYS },
		{ .fn = &test_body_null, .rows = WAYS },
		{ .fn = &test_many_ways, .rows = WAYS },
		{ .fn = &test_timestamp_is_when_it_was_read, .rows = WAYS },
		{ .fn = &test_key_partition, .rows = WAYS * NELEM(keys) },
		{ .fn = &test_large_lease, .rows = WAYS * 2 },
		{ .fn = &test_refused_partition, .rows = WAYS },
		{ .fn = &test_refused_topic, .rows = WAYS },
		{ .fn = &test_too_large, .rows = WAYS * 2 },
		{ .fn = &test_acks, .rows = WAYS * 2 },
		{ .fn = &test_many_leases_in_order, .rows = WAYS },
		{ .fn = &test_file_channel, .rows = WAYS },
		{ .fn = &test_status, .rows = WAYS },
		{ .fn = &test_check, .rows = NELEM(checks) },
		{ .fn = &test_direct_needs_a_broker },
		{ .fn = &test_direct_small_limit, .rows = 2 },
		{ .fn = &test_direct_deleted_topic },
		{ .fn = &test_direct_stored },
		{ .fn = &test_direct_stored_too_large_for_the_topic },
		{ .fn = &test_client_broker_restarts },
		{ .fn = &test_client_stop_in_flight, .rows = 2 },
		{ .fn = &test_client_says_it },
	};

	return (unit_main("kafka_sink", tests, NELEM(tests) -
	    (WAYS == CLIENT ? CLIENT_TESTS : 0)));
}
