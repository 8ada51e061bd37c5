/*
 * leat perf latency: sends a record, waits until a consumer has it, then sends
 * the next; as kafka-e2e-latency.sh does.  Both clients are in this process, so
 * one clock measures.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/histogram.h"
#include "cli/partitions.h"
#include "cli/perf.h"
#include "cli/rows.h"

#define LOST_MS		60000	/* as Kafka's tool: it will not come */
#define SHOWN_EVERY	1000

struct latency {
	struct client_flags	 client;
	const char		*topic, *acks;
	int64_t			 records, size;
	struct flag_list	 producer_props, consumer_props;
	rd_kafka_t		*to, *from;
	char			*pool;
	rd_kafka_resp_err_t	 reported;	/* of the last record */
	bool			 done;		/* it has its report */
	struct histogram	 h;
};

static void
acknowledged(rd_kafka_t *rk, const rd_kafka_message_t *m, void *ctx)
{
	struct latency *l = ctx;

	(void)rk;
	l->reported = m->err;
	l->done = true;
}

static void
prepare(rd_kafka_conf_t *rc)
{
	rd_kafka_conf_set_dr_msg_cb(rc, acknowledged);
}

/* --- one record --- */

static int
send_one(struct latency *l, const char *payload, struct err *e)
{
	rd_kafka_resp_err_t rc;

	l->done = false;
	rc = rd_kafka_producev(l->to, RD_KAFKA_V_TOPIC(l->topic),
	    RD_KAFKA_V_VALUE((void *)(uintptr_t)payload, (size_t)l->size),
	    RD_KAFKA_V_END);
	while (rc == 0 && !l->done && !perf_interrupted)
		rd_kafka_poll(l->to, 100);
	if (rc == 0 && l->done)
		rc = l->reported;
	return (rc == 0 ? 0 : err_set(e, ERR_REFUSED, "topic %s: %s",
	    l->topic, rd_kafka_err2str(rc)));
}

/* The record must be the one that was sent: nobody else writes there. */
static int
check_one(const struct latency *l, const rd_kafka_message_t *m,
    const char *payload, struct err *e)
{
	if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR)
		return (err_set(e, ERR_REFUSED, "topic %s: %s", l->topic,
		    rd_kafka_message_errstr(m)));
	if (m->len != (size_t)l->size || memcmp(m->payload, payload,
	    m->len) != 0)
		return (err_set(e, ERR_PROTO, "topic %s: partition %d, "
		    "offset %" PRId64 ": another record than the one that "
		    "was sent. Does somebody else write to it? Take a topic "
		    "of its own", l->topic, m->partition, m->offset));
	return (0);
}

static int
receive_one(struct latency *l, const char *payload, struct err *e)
{
	int64_t until = clock_mono_ns() + LOST_MS * INT64_C(1000000);
	rd_kafka_message_t *m = NULL;
	int rc;

	while (m == NULL && !perf_interrupted && clock_mono_ns() < until)
		m = rd_kafka_consumer_poll(l->from, 100);
	if (m == NULL)
		return (perf_interrupted ? 0 : err_set(e, ERR_REFUSED,
		    "topic %s: a record was sent and did not come within %d "
		    "s", l->topic, LOST_MS / 1000));
	rc = check_one(l, m, payload, e);
	rd_kafka_message_destroy(m);
	return (rc);
}

static int
all_records(struct latency *l, struct err *e)
{
	const char *payload;
	int64_t i, t0, us;

	for (i = 0; i < l->records && !perf_interrupted; i++) {
		payload = l->pool + i * 7 % PERF_STARTS;
		t0 = clock_mono_ns();
		if (send_one(l, payload, e) == -1 ||
		    receive_one(l, payload, e) == -1)
			return (-1);
		if (perf_interrupted)
			break;
		us = (clock_mono_ns() - t0) / 1000;
		histogram_add(&l->h, (uint64_t)us);
		if (i % SHOWN_EVERY == 0 && !client_json(&l->client)) {
			printf("%" PRId64 "\t%.3f\n", i, (double)us / 1000);
			fflush(stdout);
		}
	}
	return (0);
}

/* --- around it --- */

/* At the end of every partition, and known to be there before the first
 * record is sent. */
static int
assign(struct latency *l, int partitions, struct err *e)
{
	rd_kafka_topic_partition_list_t *p;
	rd_kafka_resp_err_t why;
	int rc;

	p = rd_kafka_topic_partition_list_new(partitions);
	rd_kafka_topic_partition_list_add_range(p, l->topic, 0,
	    partitions - 1);
	rc = partitions_offsets(l->from, &l->client, p, OFFSETS_LATEST, e);
	if (rc == 0) {
		why = rd_kafka_assign(l->from, p);
		if (why != RD_KAFKA_RESP_ERR_NO_ERROR)
			rc = err_set(e, ERR_REFUSED, "topic %s: %s", l->topic,
			    rd_kafka_err2str(why));
	}
	rd_kafka_topic_partition_list_destroy(p);
	return (rc);
}

static void
print_all(const struct latency *l)
{
	const struct histogram *h = &l->h;
	struct rows out = ROWS_INIT;

	if (!client_json(&l->client)) {
		printf("Avg latency: %.4f ms\nPercentiles: 50th = %.3f, 99th "
		    "= %.3f, 99.9th = %.3f\n", histogram_mean_ms(h),
		    histogram_ms(h, 0.5), histogram_ms(h, 0.99),
		    histogram_ms(h, 0.999));
		return;
	}
	rows_begin(&out);
	rows_str(&out, "topic", l->topic);
	rows_int(&out, "records", (int64_t)h->n);
	rows_num(&out, "latency_avg_ms", histogram_mean_ms(h));
	rows_num(&out, "latency_max_ms", histogram_max_ms(h));
	rows_num(&out, "latency_p50_ms", histogram_ms(h, 0.5));
	rows_num(&out, "latency_p95_ms", histogram_ms(h, 0.95));
	rows_num(&out, "latency_p99_ms", histogram_ms(h, 0.99));
	rows_num(&out, "latency_p999_ms", histogram_ms(h, 0.999));
	rows_end(&out);
	rows_fini(&out);
}

static int
measure(struct latency *l, struct err *e)
{
	int n = perf_topic(l->to, &l->client, l->topic, e);

	if (n == -1 || assign(l, n, e) == -1)
		return (-1);
	l->pool = perf_payloads((size_t)l->size);
	if (all_records(l, e) == -1)
		return (-1);
	print_all(l);
	return (0);
}

static int
with_consumer(struct latency *l, struct err *e)
{
	static const char *const extra[] = {
		"group.id", "leat-latency", "enable.auto.commit", "false",
		"enable.auto.offset.store", "false", "auto.offset.reset",
		"error", NULL, NULL
	};
	int rc;

	l->client.props = l->consumer_props;
	l->client.prepare = NULL;
	l->from = client_new(RD_KAFKA_CONSUMER, &l->client, extra, e);
	if (l->from == NULL)
		return (-1);
	rd_kafka_poll_set_consumer(l->from);
	rc = measure(l, e);
	rd_kafka_consumer_close(l->from);
	rd_kafka_destroy(l->from);
	return (rc);
}

static int
run(struct latency *l)
{
	const char *extra[] = {
		"linger.ms", "0", "acks", l->acks, NULL, NULL
	};
	struct err e = ERR_INIT;
	int rc;

	l->client.props = l->producer_props;
	l->client.prepare = prepare;
	l->client.opaque = l;
	l->to = client_new(RD_KAFKA_PRODUCER, &l->client, extra, &e);
	if (l->to == NULL)
		return (client_failed("perf latency", &e));
	perf_catch_signals();
	rc = with_consumer(l, &e);
	rd_kafka_purge(l->to, RD_KAFKA_PURGE_F_QUEUE |
	    RD_KAFKA_PURGE_F_INFLIGHT);
	rd_kafka_destroy(l->to);
	return (rc == 0 ? CLI_OK : client_failed("perf latency", &e));
}

static int
check_flags(const struct latency *l)
{
	const char *why = NULL;

	if (l->topic == NULL)
		why = "which topic? Give --topic NAME";
	else if (l->records < 1)
		why = "how many? Give --num-records N";
	else if (l->size < 1 || l->size > INT32_MAX)
		why = "--record-size: give a number of bytes above 0";
	if (why == NULL)
		return (0);
	fprintf(stderr, "leat perf latency: %s\n", why);
	return (CLI_USAGE);
}

int
perf_latency(int argc, char **argv)
{
	struct latency l = { .acks = "1", .size = 100 };
	const struct flag flags[] = {
		FLAG_STR_ROW("topic", &l.topic, "NAME", "The topic; nobody "
		    "else may write to it."),
		FLAG_INT_ROW("num-records", &l.records, "N", "How many."),
		FLAG_INT_ROW("messages", &l.records, "N", NULL),
		FLAG_INT_ROW("record-size", &l.size, "BYTES", "Of each; 100 "
		    "unless given."),
		FLAG_WORD_ROW("producer-acks", &l.acks, "1|all", "What the "
		    "producer waits for; 1 unless given."),
		FLAG_WORDS_ROW("producer-props", &l.producer_props,
		    "KEY=VALUE ...", "Settings of the producer."),
		FLAG_WORDS_ROW("consumer-props", &l.consumer_props,
		    "KEY=VALUE ...", "Settings of the consumer."),
		CLIENT_FLAGS(&l.client),
		FLAG_LAST
	};
	int rc;

	rc = flags_parse(flags, "leat perf latency", "Sends records one by "
	    "one and measures how long each takes to a consumer.", argc,
	    argv, NULL);
	if (rc == 0)
		rc = check_flags(&l);
	if (rc == 0)
		rc = run(&l);
	free(l.pool);
	flag_list_fini(&l.producer_props);
	flag_list_fini(&l.consumer_props);
	return (rc == FLAGS_HELP ? CLI_OK : rc);
}
