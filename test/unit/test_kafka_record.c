/* What a record becomes in Kafka: Flume's rules (user guide, "Kafka Sink"),
 * with the cases of its TestKafkaSink; and kafka.producer.* for librdkafka. */
#include <librdkafka/rdkafka.h>

#include "base/bytes.h"
#include "base/str.h"
#include "sinks/kafka_priv.h"
#include "sinks/sinks.h"
#include "test/unit/sink_rig.h"
#include "test/unit/unit.h"

#define BROKERS	"kafka.bootstrap.servers=127.0.0.1:1"

/* --- a record through the rules --- */

struct made {
	struct sink_rig		 rig;
	struct kafka_sink	*k;
	struct batch		*b;
	struct arena		 arena;
	struct kafka_record	 r;
};

static void
made_open(struct made *m, const char *s1, const char *s2, const char *s3)
{
	rig_make(&m->rig, &sink_kafka, BROKERS, s1, s2, s3, NULL);
	m->k = (struct kafka_sink *)m->rig.sink;
	m->b = batch_new();
	m->b->timestamp = 1234567;
	arena_init(&m->arena, 4096, 0);
}

static void
made_close(struct made *m)
{
	arena_fini(&m->arena);
	batch_unref(m->b);
	rig_free(&m->rig);
}

/* One record with one header, or none. */
static int
make(struct made *m, const char *name, const char *value, struct err *e)
{
	rig_add(m->b, "body", name, value, NULL);
	return (kafka_record_make(m->k, m->b, &m->b->records[m->b->n - 1],
	    &m->arena, &m->r, e));
}

static const struct {
	const char	*settings[3], *header, *value, *topic;
} topics[] = {
	{ { NULL }, NULL, NULL, "default-flume-topic" },
	{ { NULL }, "topic", "other", "other" },
	{ { NULL }, "topic", "", "default-flume-topic" },
	{ { "kafka.topic=static" }, NULL, NULL, "static" },
	{ { "topic=old" }, NULL, NULL, "old" },
	{ { "kafka.topic=static" }, "topic", "other", "other" },
	{ { "kafka.topic=static", "topicHeader=t" }, "topic", "other",
	    "static" },
	{ { "kafka.topic=static", "topicHeader=t" }, "t", "other", "other" },
	{ { "kafka.topic=static", "allowTopicOverride=false" }, "topic",
	    "other", "static" },
	{ { "kafka.topic=a-%{header1}-z" }, "header1", "h", "a-h-z" },
	{ { "kafka.topic=a-%{header1}-z" }, "header2", "h", "a--z" },
	{ { "kafka.topic=%{x}%{x}" }, "x", "ab", "abab" },
	{ { "kafka.topic=a%{x" }, "x", "ab", "a%{x" },
	{ { "kafka.topic=a-%{header1}-z" }, "topic", "other", "other" },
	{ { "kafka.topic=a-%{header1}-z", "allowTopicOverride=false" },
	    "header1", "h", "a-%{header1}-z" },
};

START_TEST(test_topic)
{
	const char *const *s = topics[_i].settings;
	struct made m = { 0 };

	made_open(&m, s[0], s[1], s[2]);
	UNIT_OK(make(&m, topics[_i].header, topics[_i].value, e));
	UNIT_SLICE(m.r.topic, topics[_i].topic);
	ck_assert_int_eq(m.r.topic.p[m.r.topic.len], '\0');
	UNIT_SLICE(m.r.value, "body");
	ck_assert_int_eq(m.r.partition, -1);
	ck_assert_int_eq(m.r.timestamp, 1234567);
	made_close(&m);
}
END_TEST

START_TEST(test_topic_with_nul)
{
	struct made m = { 0 };
	struct record *r;
	struct err err = ERR_INIT;

	made_open(&m, NULL, NULL, NULL);
	r = rig_add(m.b, "body", NULL);
	batch_set(m.b, r, SLICE("topic"), SLICE("a\0b"), true);
	ck_assert_int_eq(kafka_record_make(m.k, m.b, r, &m.arena, &m.r, &err),
	    -1);
	ck_assert_int_eq(err.code, ERR_REFUSED);
	ck_assert_ptr_nonnull(strstr(err.msg, "a\\x00b"));
	made_close(&m);
}
END_TEST

START_TEST(test_key)
{
	struct made m = { 0 };

	made_open(&m, NULL, NULL, NULL);
	UNIT_OK(make(&m, "other", "x", e));
	ck_assert_ptr_null(m.r.key.p);
	UNIT_OK(make(&m, "key", "k1", e));
	UNIT_SLICE(m.r.key, "k1");
	UNIT_OK(make(&m, "key", "", e));
	ck_assert_ptr_nonnull(m.r.key.p);	/* empty, not null */
	ck_assert_uint_eq(m.r.key.len, 0);
	made_close(&m);
}
END_TEST

static const struct {
	const char	*settings[2], *header, *value;
	int		 partition;	/* -2: refused */
} partitions[] = {
	{ { NULL }, "p", "3", -1 },
	{ { "defaultPartitionId=4" }, NULL, NULL, 4 },
	{ { "partitionIdHeader=p" }, NULL, NULL, -1 },
	{ { "partitionIdHeader=p" }, "p", "3", 3 },
	{ { "partitionIdHeader=p", "defaultPartitionId=4" }, "p", "0", 0 },
	{ { "partitionIdHeader=p", "defaultPartitionId=4" }, "q", "0", 4 },
	{ { "partitionIdHeader=p" }, "p", "2147483647", 2147483647 },
	{ { "partitionIdHeader=p" }, "p", "2147483648", -2 },
	{ { "partitionIdHeader=p" }, "p", "-1", -2 },
	{ { "partitionIdHeader=p" }, "p", "", -2 },
	{ { "partitionIdHeader=p" }, "p", "n2", -2 },
	{ { "partitionIdHeader=p" }, "p", "1 ", -2 },
	{ { "partitionIdHeader=p" }, "p", "0000000000000000000000000001", -2 },
};

START_TEST(test_partition)
{
	const char *const *s = partitions[_i].settings;
	struct made m = { 0 };
	struct err err = ERR_INIT;
	int rc;

	made_open(&m, s[0], s[1], NULL);
	rc = make(&m, partitions[_i].header, partitions[_i].value, &err);
	if (partitions[_i].partition == -2) {
		ck_assert_int_eq(rc, -1);
		ck_assert_int_eq(err.code, ERR_REFUSED);
		ck_assert_ptr_nonnull(strstr(err.msg, "header p = "));
	} else {
		ck_assert_int_eq(rc, 0);
		ck_assert_int_eq(m.r.partition, partitions[_i].partition);
	}
	made_close(&m);
}
END_TEST

START_TEST(test_timestamp)
{
	struct made m = { 0 };

	made_open(&m, "timestampHeader=ts", NULL, NULL);
	UNIT_OK(make(&m, NULL, NULL, e));
	ck_assert_int_eq(m.r.timestamp, 1234567);
	UNIT_OK(make(&m, "ts", "1700000000123", e));
	ck_assert_int_eq(m.r.timestamp, 1700000000123);
	ck_assert_int_eq(metric_get(&m.k->unmapped_timestamps), 0);
	UNIT_OK(make(&m, "ts", "yesterday", e));
	ck_assert_int_eq(m.r.timestamp, 1234567);
	ck_assert_int_eq(metric_get(&m.k->unmapped_timestamps), 1);
	/* Kafka knows -1 as "none" and refuses what is below. */
	UNIT_OK(make(&m, "ts", "-5", e));
	ck_assert_int_eq(m.r.timestamp, 1234567);
	ck_assert_int_eq(metric_get(&m.k->unmapped_timestamps), 2);
	made_close(&m);
}
END_TEST

START_TEST(test_headers)
{
	struct made m = { 0 };
	struct header h[KAFKA_HEADERS_MAX];
	struct record *r;

	made_open(&m, "header.correlator=Correlation-ID",
	    "header.method=X-Method", NULL);
	r = rig_add(m.b, "body", "method", "PUT", "other", "x", NULL);
	ck_assert_uint_eq(kafka_record_headers(m.k, m.b, r, h, NELEM(h)), 1);
	UNIT_SLICE(h[0].name, "X-Method");
	UNIT_SLICE(h[0].value, "PUT");
	r = rig_add(m.b, "body", "method", "", "correlator", "12", NULL);
	ck_assert_uint_eq(kafka_record_headers(m.k, m.b, r, h, NELEM(h)), 2);
	UNIT_SLICE(h[0].name, "Correlation-ID");
	UNIT_SLICE(h[0].value, "12");
	UNIT_SLICE(h[1].value, "");
	ck_assert_uint_eq(kafka_record_headers(m.k, m.b, r, h, 1), 1);
	r = rig_add(m.b, "body", NULL);
	ck_assert_uint_eq(kafka_record_headers(m.k, m.b, r, h, NELEM(h)), 0);
	made_close(&m);
}
END_TEST

/* A name may have dots in it, and begin with another one. */
START_TEST(test_dotted_headers)
{
	struct made m = { 0 };
	struct header h[KAFKA_HEADERS_MAX];
	struct record *r;

	made_open(&m, "header.line=l", "header.line.part=part.of", NULL);
	r = rig_add(m.b, "body", "line.part", "2", NULL);
	ck_assert_uint_eq(kafka_record_headers(m.k, m.b, r, h, NELEM(h)), 1);
	UNIT_SLICE(h[0].name, "part.of");
	UNIT_SLICE(h[0].value, "2");
	ck_assert(!kafka_is_plain(m.k, m.b));
	made_close(&m);
}
END_TEST

/* --- Flume's Avro event --- */

/*
 * AvroFlumeEvent: record { map<string> headers; bytes body }, in Avro's binary
 * form (Avro specification, "Maps", "Bytes"): blocks of a zig-zag count, then
 * key and value each as length and bytes; a count of 0 ends the map.
 */
START_TEST(test_avro)
{
	struct made m = { 0 };

	made_open(&m, "useFlumeEventFormat=true", NULL, NULL);
	UNIT_OK(make(&m, NULL, NULL, e));
	ck_assert(slice_eq(m.r.value, SLICE("\0" "\x08" "body")));
	UNIT_OK(make(&m, "k", "v2", e));
	ck_assert(slice_eq(m.r.value, SLICE("\x02" "\x02k" "\x04v2" "\0"
	    "\x08" "body")));
	batch_set(m.b, NULL, SLICE("host"), SLICE(""), true);
	UNIT_OK(make(&m, "k", "v2", e));
	ck_assert(slice_eq(m.r.value, SLICE("\x04" "\x02k" "\x04v2"
	    "\x08host" "\0" "\0" "\x08" "body")));
	made_close(&m);
}
END_TEST

/* Lengths of two bytes, and what reads it back. */
START_TEST(test_avro_long)
{
	struct made m = { 0 };
	char body[301];

	memset(body, 'x', 300);
	body[300] = '\0';
	made_open(&m, "useFlumeEventFormat=true", NULL, NULL);
	rig_add(m.b, body, NULL);
	UNIT_OK(kafka_record_make(m.k, m.b, m.b->records, &m.arena, &m.r, e));
	ck_assert_uint_eq(m.r.value.len, 303);
	ck_assert_int_eq(memcmp(m.r.value.p, "\0\xd8\x04xxx", 6), 0);
	made_close(&m);
}
END_TEST

/* --- plain or not --- */

static const struct {
	const char	*setting, *header;
	bool		 plain;
} plains[] = {
	{ "batchSize=1", NULL, true },
	{ "batchSize=1", "host", true },
	{ "batchSize=1", "key", false },
	{ "batchSize=1", "topic", false },
	{ "allowTopicOverride=false", "topic", true },
	{ "topicHeader=t", "topic", true },
	{ "topicHeader=t", "t", false },
	{ "partitionIdHeader=p", "p", false },
	{ "timestampHeader=ts", "ts", false },
	{ "header.method=m", "method", false },
	{ "header.method=m", "m", true },
	{ "useFlumeEventFormat=true", NULL, false },
	{ "kafka.topic=%{x}", NULL, false },
	{ "defaultPartitionId=2", NULL, true },
};

START_TEST(test_plain)
{
	struct made m = { 0 };

	made_open(&m, plains[_i].setting, NULL, NULL);
	rig_add(m.b, "body", NULL);
	if (plains[_i].header != NULL)
		batch_set(m.b, NULL, slice_str(plains[_i].header), SLICE("1"),
		    true);
	ck_assert_int_eq(kafka_is_plain(m.k, m.b), plains[_i].plain);
	batch_unref(m.b);
	m.b = batch_new();		/* the same with a header of its own */
	rig_add(m.b, "body", NULL);
	rig_add(m.b, "body", plains[_i].header, "1", NULL);
	ck_assert_int_eq(kafka_is_plain(m.k, m.b), plains[_i].plain);
	made_close(&m);
}
END_TEST

/* --- the partition --- */

START_TEST(test_choose_partition)
{
	/* Murmur2 as Kafka's clients: UtilsTest of Apache Kafka has "21" ->
	 * -973932308, "foobar" -> -790332482. */
	ck_assert_int_eq(kafka_choose_partition(SLICE("21"), 5, 7, 100),
	    (-973932308 & 0x7fffffff) % 100);
	ck_assert_int_eq(kafka_choose_partition(SLICE("foobar"),
	    BATCH_NO_HINT, 0, 100), (-790332482 & 0x7fffffff) % 100);
	ck_assert_int_eq(kafka_choose_partition(SLICE_NULL, 105, 7, 100), 5);
	ck_assert_int_eq(kafka_choose_partition(SLICE_NULL, INT32_MAX, 7, 3),
	    INT32_MAX % 3);
	ck_assert_int_eq(kafka_choose_partition(SLICE_NULL, BATCH_NO_HINT,
	    7, 3), 1);
	ck_assert_int_eq(kafka_choose_partition(SLICE_NULL, BATCH_NO_HINT,
	    UINT32_MAX, 2), 1);
}
END_TEST

/* --- settings --- */

static const struct {
	const char	*settings[2], *message;
} refused[] = {
	{ { "delivery=exactly-once" }, "exactly-once" },
	{ { "kafka.producer.acks=2" }, "give all, 1 or 0" },
	{ { "requiredAcks=many" }, "give all, 1 or 0" },
	{ { "kafka.producer.bootstrap.servers=x:1" },
	    "set kafka.bootstrap.servers" },
	{ { "kafka.producer.interceptor.classes=x" }, "Java" },
	{ { "kafka.producer.ssl.truststore.location=/x.jks" },
	    "kafka.producer.ssl.ca.location" },
	{ { "kafka.producer.ssl.truststore.password=x" },
	    "kafka.producer.ssl.ca.location" },
	{ { "kafka.producer.ssl.disableTLSHostnameVerification=true" },
	    "kafka.producer.ssl.endpoint.identification.algorithm = none" },
	{ { "kafka.producer.sasl.jaas.config=x" },
	    "kafka.producer.sasl.username" },
	{ { "kafka.producer.transactional.id=x" }, "transactions" },
	{ { "kafka.producer.dr_msg_cb=x" }, "sink's own" },
	{ { "kafka.producer.dr_cb=x" }, "sink's own" },
	{ { "kafka.producer.linger.mss=5" },
	    "kafka.producer.linger.mss: No such configuration property" },
	{ { "kafka.producer.linger.ms=soon" }, "kafka.producer.linger.ms" },
	{ { "kafka.producer.max.request.size=big" },
	    "kafka.producer.max.request.size" },
	{ { "kafka.producer.compression.type=brotli" },
	    "kafka.producer.compression.type" },
	{ { "kafka.producer.fake.property=x" },
	    "kafka.producer.fake.property" },
	{ { "flumeBatchSize=many" }, "flumeBatchSize" },
	{ { "defaultPartitionId=-2" }, "defaultPartitionId" },
};

START_TEST(test_refused)
{
	const char *v[] = { BROKERS, refused[_i].settings[0], NULL };
	struct sink_rig r = { 0 };
	struct err err = ERR_INIT;

	ck_assert_int_eq(rig_try(&r, &sink_kafka, v, &err), -1);
	ck_assert_int_eq(err.code, ERR_CONFIG);
	ck_assert_msg(strstr(err.msg, refused[_i].message) != NULL, "%s",
	    err.msg);
}
END_TEST

/* Key and value as the user writes them, and as librdkafka has them then; a
 * key of NULL is one that the user does not write. */
static const struct {
	const char	*setting, *name, *value;
} mapped[] = {
	{ NULL, "bootstrap.servers", "127.0.0.1:1" },
	{ NULL, "acks", "-1" },
	{ NULL, "enable.idempotence", "true" },
	{ NULL, "message.timeout.ms", "0" },
	{ NULL, "linger.ms", "0" },
	{ NULL, "client.id", "leat" },
	{ "kafka.producer.acks=all", "acks", "-1" },
	{ "kafka.producer.acks=-1", "enable.idempotence", "true" },
	{ "kafka.producer.acks=1", "acks", "1" },
	{ "kafka.producer.acks=1", "enable.idempotence", "false" },
	{ "kafka.producer.acks=0", "acks", "0" },
	{ "requiredAcks=1", "acks", "1" },
	{ "kafka.producer.max.request.size=2000000", "message.max.bytes",
	    "2000000" },
	{ "kafka.producer.send.buffer.bytes=65536",
	    "socket.send.buffer.bytes", "65536" },
	{ "kafka.producer.receive.buffer.bytes=65536",
	    "socket.receive.buffer.bytes", "65536" },
	{ "kafka.producer.linger.ms=20", "linger.ms", "20" },
	{ "kafka.producer.batch.size=30000", "batch.size", "30000" },
	{ "kafka.producer.compression.type=lz4", "compression.type", "lz4" },
	{ "kafka.producer.client.id=me", "client.id", "me" },
	{ "kafka.producer.retries=3", "message.timeout.ms", "0" },
	{ "kafka.producer.delivery.timeout.ms=5", "message.timeout.ms", "0" },
	{ "kafka.producer.message.timeout.ms=5", "message.timeout.ms", "0" },
	{ "kafka.producer.buffer.memory=5", "queue.buffering.max.kbytes",
	    "2147483647" },
	{ "kafka.producer.max.block.ms=5", "client.id", "leat" },
	{ "kafka.producer.key.serializer=a.b.C", "client.id", "leat" },
	{ "kafka.producer.value.serializer=a.b.C", "client.id", "leat" },
	{ "kafka.producer.partitioner.class=a.b.C", "client.id", "leat" },
	{ "kafka.producer.partitioner=random", "partitioner",
	    "consistent_random" },
	{ "kafka.producer.metric.reporters=a", "client.id", "leat" },
	{ "kafka.producer.ssl.keystore.type=PKCS12", "client.id", "leat" },
	{ "kafka.producer.max.in.flight.requests.per.connection=3",
	    "max.in.flight", "3" },
	{ "kafka.producer.request.timeout.ms=7000", "request.timeout.ms",
	    "7000" },
	{ "kafka.producer.security.protocol=SASL_SSL", "security.protocol",
	    "sasl_ssl" },
	{ "kafka.producer.sasl.mechanism=SCRAM-SHA-256", "sasl.mechanisms",
	    "SCRAM-SHA-256" },
	{ "kafka.producer.sasl.kerberos.service.name=k",
	    "sasl.kerberos.service.name", "k" },
	{ "kafka.producer.ssl.ca.location=/etc/ca.pem", "ssl.ca.location",
	    "/etc/ca.pem" },
	{ "kafka.producer.ssl.keystore.location=/k.p12",
	    "ssl.keystore.location", "/k.p12" },
	{ "kafka.producer.ssl.endpoint.identification.algorithm=none",
	    "ssl.endpoint.identification.algorithm", "none" },
};

START_TEST(test_mapped)
{
	struct sink_rig r = { 0 };
	rd_kafka_conf_t *rc = rd_kafka_conf_new();
	char value[256] = "";
	size_t size = sizeof value;

	rig_make(&r, &sink_kafka, BROKERS, mapped[_i].setting, NULL);
	UNIT_OK(kafka_producer_conf((struct kafka_sink *)r.sink, rc, e));
	if (rd_kafka_conf_get(rc, mapped[_i].name, value, &size) !=
	    RD_KAFKA_CONF_OK)
		ck_abort_msg("no %s", mapped[_i].name);
	ck_assert_str_eq(value, mapped[_i].value);
	rd_kafka_conf_destroy(rc);
	rig_free(&r);
}
END_TEST

START_TEST(test_old_names)
{
	struct sink_rig r = { 0 };
	struct kafka_sink *k;

	rig_make(&r, &sink_kafka, "topic=t", "brokerList=h:1",
	    "kafka.flumeBatchSize=300", "requiredAcks=-1", NULL);
	k = (struct kafka_sink *)r.sink;
	ck_assert_str_eq(k->topic, "t");
	ck_assert_str_eq(k->servers, "h:1");
	ck_assert_int_eq(k->batch_size, 300);
	ck_assert_int_eq(k->acks, ACKS_ALL);
	rig_free(&r);
	rig_make(&r, &sink_kafka, "kafka.topic=t", "kafka.bootstrap.servers="
	    "h:2", "brokerList=h:1", "requiredAcks=1",
	    "kafka.producer.acks=all", NULL);
	k = (struct kafka_sink *)r.sink;
	ck_assert_str_eq(k->servers, "h:2");	/* the new name wins */
	ck_assert_int_eq(k->acks, ACKS_ALL);
	rig_free(&r);
}
END_TEST

int
main(void)
{
	static const struct unit_test tests[] = {
		{ .fn = &test_topic, .rows = NELEM(topics) },
		{ .fn = &test_topic_with_nul },
		{ .fn = &test_key },
		{ .fn = &test_partition, .rows = NELEM(partitions) },
		{ .fn = &test_timestamp },
		{ .fn = &test_headers },
		{ .fn = &test_dotted_headers },
		{ .fn = &test_avro },
		{ .fn = &test_avro_long },
		{ .fn = &test_plain, .rows = NELEM(plains) },
		{ .fn = &test_choose_partition },
		{ .fn = &test_refused, .rows = NELEM(refused) },
		{ .fn = &test_mapped, .rows = NELEM(mapped) },
		{ .fn = &test_old_names },
	};

	return (UNIT_MAIN("kafka_record", tests));
}
