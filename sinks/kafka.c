/*
 * The Kafka sink ("Flafka"): the plugin, its settings, and the choice between
 * its two ways out, by kafka.bootstrap.servers.
 */
#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sinks/kafka_priv.h"
#include "sinks/sinks.h"

static const char *const deliveries[] = {
	"at-least-once", "exactly-once", NULL
};

#define TOPIC_MAX	249	/* of a topic's name, as in Kafka */
#define ALIASES(...)	(const char *const []){ __VA_ARGS__, NULL }

static const struct setting settings[] = {
	SETTING_STR(struct kafka_sink, servers, "kafka.bootstrap.servers",
	    .aliases = ALIASES("brokerList"),
	    .doc = "The cluster, as host:port,... Without it records go to the "
	    "built-in broker of this agent."),
	SETTING_STR(struct kafka_sink, topic, "kafka.topic",
	    .def = "default-flume-topic", .aliases = ALIASES("topic"),
	    .doc = "Topic of records that do not name one; %{name} stands for "
	    "a header."),
	SETTING_INT(struct kafka_sink, batch_size, "flumeBatchSize",
	    .def = "0", .min = "0", .max = "1000000",
	    .aliases = ALIASES("kafka.flumeBatchSize", "batchSize"),
	    .doc = "Most records of one lease; 0: as they come."),
	SETTING_BOOL(struct kafka_sink, topic_override, "allowTopicOverride",
	    .def = "true", .doc = "The topic header of a record wins over "
	    "kafka.topic, and kafka.topic may hold %{name}."),
	SETTING_STR(struct kafka_sink, topic_header, "topicHeader",
	    .def = "topic", .doc = "Name of the topic header."),
	SETTING_BOOL(struct kafka_sink, avro, "useFlumeEventFormat",
	    .def = "false", .doc = "Sends headers and body as Flume's Avro "
	    "event instead of the body alone."),
	SETTING_INT(struct kafka_sink, partition, "defaultPartitionId",
	    .def = "-1", .min = "-1", .max = "2147483647",
	    .doc = "One partition for every record; -1: by key, by file, or "
	    "in turn."),
	SETTING_STR(struct kafka_sink, partition_header, "partitionIdHeader",
	    .doc = "Header with a record's partition number."),
	SETTING_STR(struct kafka_sink, timestamp_header, "timestampHeader",
	    .doc = "Header with a record's time in milliseconds; otherwise "
	    "the time it was read."),
	SETTING_TREE(struct kafka_sink, headers, "header",
	    .doc = "header.NAME = KAFKA_NAME sends header NAME as Kafka header "
	    "KAFKA_NAME; no other header is sent. The parts of long lines are "
	    "told apart by line.part and line.last."),
	SETTING_STR(struct kafka_sink, required_acks, "requiredAcks",
	    .flags = SETTING_HIDDEN, .doc = "Flume's old name of "
	    "kafka.producer.acks."),
	SETTING_TREE(struct kafka_sink, producer, "kafka.producer",
	    .doc = "Settings of the producer by Kafka's names: acks (all "
	    "unless set), linger.ms, compression.type, security.protocol, "
	    "ssl.*, sasl.*, ... The built-in broker needs only acks."),
	SETTING_ENUM(struct kafka_sink, delivery, "delivery",
	    .def = "at-least-once", .names = deliveries,
	    .doc = "at-least-once; exactly-once is not available in this "
	    "version."),
	SETTING_NOOP("serializer.class", "bodies are sent as their bytes"),
	SETTING_NOOP("key.serializer.class", "keys are sent as their bytes"),
	SETTING_END
};

static const struct metric metrics[] = {
	METRIC_COUNTER(struct kafka_sink, unmapped_timestamps,
	    "unusable_timestamps_total",
	    "Records whose timestamp header is no number."),
	METRIC_END
};

static int
check_acks(struct kafka_sink *k, struct err *e)
{
	static const struct { const char *text; enum kafka_acks acks; } v[] = {
		{ "all", ACKS_ALL }, { "-1", ACKS_ALL }, { "1", ACKS_ONE },
		{ "0", ACKS_NONE }
	};
	const char *text = k->required_acks;
	size_t i;

	if (k->producer != NULL && conf_find(k->producer, "acks") != NULL)
		text = conf_get(k->producer, "acks");
	if (text == NULL)
		text = "all";
	for (i = 0; i < sizeof v / sizeof v[0]; i++)
		if (strcmp(v[i].text, text) == 0) {
			k->acks = v[i].acks;
			return (0);
		}
	return (err_set(e, ERR_CONFIG, "kafka.producer.acks = '%s': give all, "
	    "1 or 0", text));
}

static int
check_headers(struct kafka_sink *k, struct err *e)
{
	const struct conf *c = k->headers;
	struct kafka_header *h;

	while (c != NULL && (c = conf_next(k->headers, c)) != NULL) {
		if (c->value == NULL)
			continue;
		if (k->nheaders == KAFKA_HEADERS_MAX)
			return (err_set(e, ERR_CONFIG, "more than %d headers "
			    "are mapped", KAFKA_HEADERS_MAX));
		if (k->mapped == NULL)
			k->mapped = xcalloc(KAFKA_HEADERS_MAX,
			    sizeof *k->mapped);
		h = &k->mapped[k->nheaders++];
		h->name = conf_key_below(k->headers, c);
		h->kafka_name = slice_str(c->value);
		k->header_bytes += h->kafka_name.len;
	}
	return (0);
}

/* Kafka's rule for the name of a topic; a template is seen when it is filled
 * in. */
static int
check_topic(const struct kafka_sink *k, struct err *e)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t n = strlen(k->topic);

	if (strstr(k->topic, "%{") != NULL)
		return (0);
	if (n > 0 && n <= TOPIC_MAX && strspn(k->topic, good) == n &&
	    strcmp(k->topic, ".") != 0 && strcmp(k->topic, "..") != 0)
		return (0);
	return (err_set(e, ERR_CONFIG, "kafka.topic = %s: Kafka takes no such "
	    "name; give 1 to %d letters, digits, dots, dashes and "
	    "underscores", k->topic, TOPIC_MAX));
}

/* One of kafka.bootstrap.servers; librdkafka would pass over a bad one. */
static bool
is_server(const char *s, size_t len)
{
	size_t i, digits = 0;
	long port = 0;

	for (i = len; i > 0 && s[i - 1] >= '0' && s[i - 1] <= '9'; i--)
		digits++;
	if (i < 2 || s[i - 1] != ':' || digits == 0 || digits > 5)
		return (false);
	for (; i < len; i++)
		port = port * 10 + (s[i] - '0');
	return (port >= 1 && port <= 65535);
}

static int
check_servers(const struct kafka_sink *k, struct err *e)
{
	const char *p;
	size_t n;

	for (p = k->servers; p != NULL && *p != '\0'; p += n) {
		p += strspn(p, ", \t");
		n = strcspn(p, ", \t");
		if (n > 0 && !is_server(p, n))
			return (err_set(e, ERR_CONFIG, "kafka.bootstrap."
			    "servers = %s: '%.*s' is not host:port", k->servers,
			    (int)n, p));
	}
	return (0);
}

/* librdkafka looks at what is meant for it, without connecting. */
static int
check_producer(struct kafka_sink *k, struct err *e)
{
	rd_kafka_conf_t *rc;
	int r;

	if (k->servers == NULL)
		return (0);
	rc = rd_kafka_conf_new();
	r = kafka_producer_conf(k, rc, e);
	rd_kafka_conf_destroy(rc);
	return (r);
}

static int
kafka_check(struct sink *s, struct err *e)
{
	struct kafka_sink *k = (struct kafka_sink *)s;

	if (k->delivery == 1)
		return (err_set(e, ERR_CONFIG, "delivery = exactly-once is "
		    "not available in this version; set at-least-once"));
	k->topic_template = k->topic_override &&
	    strstr(k->topic, "%{") != NULL;
	if (check_topic(k, e) == -1 || check_servers(k, e) == -1)
		return (-1);
	if (check_acks(k, e) == -1 || check_headers(k, e) == -1)
		return (-1);
	return (check_producer(k, e));
}

static int
kafka_start(struct sink *s, struct err *e)
{
	struct kafka_sink *k = (struct kafka_sink *)s;

	k->way = k->servers == NULL ? &kafka_direct : &kafka_client;
	s->batch_records = (uint32_t)k->batch_size;
	return (k->way->start(k, e));
}

static void
kafka_deliver(struct sink *s, struct lease *l, struct completion *done)
{
	struct kafka_sink *k = (struct kafka_sink *)s;

	k->way->deliver(k, l, done);
}

static void
kafka_stop(struct sink *s)
{
	struct kafka_sink *k = (struct kafka_sink *)s;

	k->way->stop(k);
}

static void
kafka_status(struct sink *s, char *buf, size_t size)
{
	struct kafka_sink *k = (struct kafka_sink *)s;

	k->way->status(k, buf, size);
}

static void
kafka_free(struct sink *s)
{
	struct kafka_sink *k = (struct kafka_sink *)s;

	while (k->nheaders > 0)
		free(k->mapped[--k->nheaders].name);
	free(k->mapped);
	settings_fini(settings, s);
	free(s);
}

static const char *const aliases[] = {
	"org.apache.flume.sink.kafka.KafkaSink", NULL
};

const struct sink_ops sink_kafka = {
	.plugin = {
		.name = "kafka",
		.aliases = aliases,
		.doc = "Sends records to Kafka topics, of the built-in broker "
		    "or of a cluster.",
		.size = sizeof (struct kafka_sink),
		.settings = settings,
		.metrics = metrics
	},
	.check = kafka_check,
	.start = kafka_start,
	.deliver = kafka_deliver,
	.stop = kafka_stop,
	.free = kafka_free,
	.status = kafka_status
};
