/*
 * kafka.producer.* for librdkafka.  Most names are the same in Java and there;
 * the table says what differs.  What is not in the table is handed over as it
 * is, and librdkafka's refusal becomes a configuration error.
 */
#include <librdkafka/rdkafka.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "sinks/kafka_priv.h"

enum rule {
	RENAME,		/* other name there */
	DROP,		/* means nothing here; why says what happens instead */
	REFUSE		/* cannot be honoured; why says what to do */
};

static const struct {
	const char	*java;
	enum rule	 rule;
	const char	*name;		/* RENAME: there */
	const char	*why;
} rules[] = {
	{ "acks", DROP, NULL, NULL },	/* done by the sink */
	{ "bootstrap.servers", REFUSE, NULL, "set kafka.bootstrap.servers" },
	{ "max.request.size", RENAME, "message.max.bytes", NULL },
	{ "retries", DROP, NULL, "a record is tried until it is delivered" },
	{ "delivery.timeout.ms", DROP, NULL,
	    "a record never fails by time" },
	{ "message.timeout.ms", DROP, NULL, "a record never fails by time" },
	{ "buffer.memory", DROP, NULL,
	    "the channel's leases bound what is in flight" },
	{ "max.block.ms", DROP, NULL, "the channel waits instead" },
	{ "send.buffer.bytes", RENAME, "socket.send.buffer.bytes", NULL },
	{ "receive.buffer.bytes", RENAME, "socket.receive.buffer.bytes",
	    NULL },
	{ "key.serializer", DROP, NULL, "keys are sent as their bytes" },
	{ "value.serializer", DROP, NULL, "bodies are sent as their bytes" },
	{ "partitioner.class", DROP, NULL,
	    "keys are placed as Kafka's default partitioner does" },
	{ "partitioner", DROP, NULL,
	    "keys are placed as Kafka's default partitioner does" },
	{ "interceptor.classes", REFUSE, NULL,
	    "Java interceptors cannot run here" },
	{ "metric.reporters", DROP, NULL, "metrics are at /metrics" },
	{ "ssl.truststore.location", REFUSE, NULL, "a Java key store cannot "
	    "be read; export the certificates as PEM and set "
	    "kafka.producer.ssl.ca.location" },
	{ "ssl.truststore.password", REFUSE, NULL, "use a PEM file with "
	    "kafka.producer.ssl.ca.location" },
	{ "ssl.keystore.type", DROP, NULL, "PEM and PKCS#12 are told apart" },
	{ "ssl.disableTLSHostnameVerification", REFUSE, NULL, "set "
	    "kafka.producer.ssl.endpoint.identification.algorithm = none" },
	{ "sasl.jaas.config", REFUSE, NULL, "set kafka.producer.sasl.username "
	    "and kafka.producer.sasl.password" },
	{ "transactional.id", REFUSE, NULL,
	    "transactions are not available in this version" },
	{ "dr_cb", REFUSE, NULL, "it is the sink's own" },
	{ "dr_msg_cb", REFUSE, NULL, "it is the sink's own" },
};

static int
set(rd_kafka_conf_t *rc, const char *key, const char *value, struct err *e)
{
	char why[512];

	if (rd_kafka_conf_set(rc, key, value, why, sizeof why) ==
	    RD_KAFKA_CONF_OK)
		return (0);
	return (err_set(e, ERR_CONFIG, "%s", why));
}

static int
apply_rule(const struct kafka_sink *k, rd_kafka_conf_t *rc, const char *key,
    const char *value, struct err *e)
{
	size_t i;

	for (i = 0; i < sizeof rules / sizeof rules[0]; i++) {
		if (strcmp(rules[i].java, key) != 0)
			continue;
		if (rules[i].rule == RENAME)
			return (set(rc, rules[i].name, value, e));
		if (rules[i].rule == REFUSE)
			return (err_set(e, ERR_CONFIG, "%s", rules[i].why));
		if (rules[i].why != NULL)
			log_debug(k->sink.who, "kafka.producer.%s has no "
			    "effect: %s", key, rules[i].why);
		return (0);
	}
	return (set(rc, key, value, e));
}

/* All values of kafka.producer.*. */
static int
apply_tree(const struct kafka_sink *k, rd_kafka_conf_t *rc, struct err *e)
{
	const struct conf *top = k->producer, *c;
	char *key;
	int r = 0;

	for (c = conf_next(top, top); r == 0 && c != NULL;
	    c = conf_next(top, c)) {
		if (c->value == NULL)
			continue;
		key = conf_key_below(top, c);
		r = apply_rule(k, rc, key, c->value, e);
		if (r == -1)
			err_ctx(e, "kafka.producer.%s", key);
		free(key);
	}
	return (r);
}

int
kafka_producer_conf(const struct kafka_sink *k, void *conf, struct err *e)
{
	static const struct { const char *key, *value; } own[] = {
		{ "message.timeout.ms", "0" },
		/* Leases bound what is in flight, not the queue. */
		{ "queue.buffering.max.messages", "0" },
		{ "queue.buffering.max.kbytes", "2147483647" },
		{ "linger.ms", "0" },
		{ "client.id", "leat" },
		{ "message.max.bytes", "1000000" },
		/* A broker that is away is tried again soon. */
		{ "reconnect.backoff.ms", "50" },
		{ "reconnect.backoff.max.ms", "1000" },
		{ "topic.metadata.refresh.fast.interval.ms", "100" },
		{ "topic.metadata.propagation.max.ms", "10000" },
	};
	rd_kafka_conf_t *rc = conf;
	size_t i;

	for (i = 0; i < sizeof own / sizeof own[0]; i++)
		if (set(rc, own[i].key, own[i].value, e) == -1)
			return (-1);
	if (set(rc, "bootstrap.servers", k->servers, e) == -1 ||
	    set(rc, "acks", k->acks == ACKS_ALL ? "all" :
	    k->acks == ACKS_ONE ? "1" : "0", e) == -1 ||
	    set(rc, "enable.idempotence", k->acks == ACKS_ALL ? "true" :
	    "false", e) == -1)
		return (-1);
	if (k->producer == NULL)
		return (0);
	return (apply_tree(k, rc, e));
}
