/*
 * leat perf consumer: reads a topic in a group and says how fast; the columns
 * are those of kafka-consumer-perf-test.sh.  Messages are taken from
 * librdkafka in batches, and nothing is done with them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/metrics.h"
#include "cli/perf.h"
#include "cli/rows.h"
#include "cli/when.h"

#define BATCH	1000

/* What was read up to a moment. */
struct mark {
	int64_t		ns;		/* of the monotonic clock */
	int64_t		records, bytes;
	int64_t		rebalance_ns;
};

struct consumer {
	struct client_flags	 client;
	const char		*topic, *group;
	int64_t			 records, timeout_ms, interval_ms, fetch_size;
	bool			 from_latest, detailed, hide_header;
	struct flag_list	 props;
	struct metrics		 metrics;
	rd_kafka_t		*rk;
	int64_t			 started_ms;	/* of the wall clock */
	int64_t			 joining_ns;	/* since when; 0: joined */
	struct mark		 first, now, shown;
};

/* --- callbacks --- */

/* The time without partitions is rebalance time. */
static void
rebalanced(rd_kafka_t *rk, rd_kafka_resp_err_t rc,
    rd_kafka_topic_partition_list_t *l, void *ctx)
{
	struct consumer *c = ctx;
	bool given = rc == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;

	if (strcmp(rd_kafka_rebalance_protocol(rk), "COOPERATIVE") == 0)
		rd_kafka_error_destroy(given ?
		    rd_kafka_incremental_assign(rk, l) :
		    rd_kafka_incremental_unassign(rk, l));
	else
		rd_kafka_assign(rk, given ? l : NULL);
	if (given && c->joining_ns != 0) {
		c->now.rebalance_ns += clock_mono_ns() - c->joining_ns;
		c->joining_ns = 0;
	} else if (!given)
		c->joining_ns = clock_mono_ns();
}

static int
counted(rd_kafka_t *rk, char *json, size_t len, void *ctx)
{
	struct consumer *c = ctx;

	(void)rk;
	(void)len;
	return (metrics_keep(&c->metrics, json));
}

static void
prepare(rd_kafka_conf_t *rc)
{
	rd_kafka_conf_set_rebalance_cb(rc, rebalanced);
	rd_kafka_conf_set_stats_cb(rc, counted);
}

/* --- printing --- */

/* From one mark to another. */
struct figures {
	double	mb, mb_sec, records_sec, rebalance_ms, fetch_ms,
		fetch_mb_sec, fetch_records_sec;
	int64_t	records;
};

static struct figures
between(const struct mark *a, const struct mark *b)
{
	struct figures f = { .records = b->records - a->records };
	double sec = (double)(b->ns - a->ns) / 1e9, fetch;

	f.mb = (double)(b->bytes - a->bytes) / PERF_MB;
	f.rebalance_ms = (double)(b->rebalance_ns - a->rebalance_ns) / 1e6;
	fetch = sec - f.rebalance_ms / 1e3;
	f.fetch_ms = fetch > 0 ? fetch * 1e3 : 0;
	if (sec > 0) {
		f.mb_sec = f.mb / sec;
		f.records_sec = (double)f.records / sec;
	}
	if (fetch > 0) {
		f.fetch_mb_sec = f.mb / fetch;
		f.fetch_records_sec = (double)f.records / fetch;
	}
	return (f);
}

static void
print_header(const struct consumer *c)
{
	if (client_json(&c->client) || c->hide_header)
		return;
	printf("%sdata.consumed.in.MB, MB.sec, data.consumed.in.nMsg, "
	    "nMsg.sec, rebalance.time.ms, fetch.time.ms, fetch.MB.sec, "
	    "fetch.nMsg.sec\n", c->detailed ? "time, threadId, " :
	    "start.time, end.time, ");
	fflush(stdout);
}

static void
print_figures(const struct figures *f)
{
	printf("%.4f, %.4f, %" PRId64 ", %.4f, %.0f, %.0f, %.4f, %.4f\n",
	    f->mb, f->mb_sec, f->records, f->records_sec, f->rebalance_ms,
	    f->fetch_ms, f->fetch_mb_sec, f->fetch_records_sec);
	fflush(stdout);
}

/* What came since the last such line, and the sums so far. */
static void
print_detail(struct consumer *c)
{
	struct figures since = between(&c->shown, &c->now);
	struct figures all = between(&c->first, &c->now);
	char time[32];

	since.mb = all.mb;
	since.records = all.records;
	if (!client_json(&c->client)) {
		printf("%s, 0, ", when_print(time, clock_wall_ms()));
		print_figures(&since);
	}
	c->shown = c->now;
}

static void
print_all(const struct consumer *c)
{
	struct figures f = between(&c->first, &c->now);
	int64_t ended_ms = c->started_ms +
	    (c->now.ns - c->first.ns) / 1000000;
	char from[32], to[32];
	struct rows out = ROWS_INIT;

	if (!client_json(&c->client)) {
		if (c->detailed)
			return;
		printf("%s, %s, ", when_print(from, c->started_ms),
		    when_print(to, ended_ms));
		print_figures(&f);
		return;
	}
	rows_begin(&out);
	rows_str(&out, "topic", c->topic);
	rows_int(&out, "start_ms", c->started_ms);
	rows_int(&out, "end_ms", ended_ms);
	rows_int(&out, "records", f.records);
	rows_num(&out, "mb", f.mb);
	rows_num(&out, "mb_per_second", f.mb_sec);
	rows_num(&out, "records_per_second", f.records_sec);
	rows_num(&out, "rebalance_ms", f.rebalance_ms);
	rows_num(&out, "fetch_ms", f.fetch_ms);
	rows_num(&out, "fetch_mb_per_second", f.fetch_mb_sec);
	rows_num(&out, "fetch_records_per_second", f.fetch_records_sec);
	rows_end(&out);
	rows_fini(&out);
}

/* --- reading --- */

static void
count(struct consumer *c, rd_kafka_message_t *m)
{
	if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
		c->now.records++;
		c->now.bytes += (int64_t)(m->len + m->key_len);
	} else if (m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
		fprintf(stderr, "leat perf consumer: %s\n",
		    rd_kafka_message_errstr(m));
	rd_kafka_message_destroy(m);
}

static int
consume(struct consumer *c, struct err *e)
{
	rd_kafka_queue_t *q = rd_kafka_queue_get_consumer(c->rk);
	rd_kafka_message_t *v[BATCH];
	int64_t left, now = clock_mono_ns();
	ssize_t n, i;

	while ((left = c->records - c->now.records) > 0 && !perf_interrupted &&
	    now - c->now.ns < c->timeout_ms * 1000000) {
		n = rd_kafka_consume_batch_queue(q, 100, v, left < BATCH ?
		    (size_t)left : BATCH);
		now = clock_mono_ns();
		for (i = 0; i < n; i++)
			count(c, v[i]);
		if (n > 0)
			c->now.ns = now;
		if (c->detailed && now - c->shown.ns >=
		    c->interval_ms * 1000000)
			print_detail(c);
	}
	rd_kafka_queue_destroy(q);
	if (c->detailed && c->shown.records < c->now.records)
		print_detail(c);
	if (left <= 0 || perf_interrupted)
		return (0);
	return (err_set(e, ERR_FULL, "%" PRId64 " of %" PRId64 " records came; "
	    "then none for %" PRId64 " ms. --timeout MS waits longer",
	    c->now.records, c->records, c->timeout_ms));
}

static int
subscribe(struct consumer *c, struct err *e)
{
	rd_kafka_topic_partition_list_t *l;
	rd_kafka_resp_err_t rc;

	l = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(l, c->topic, RD_KAFKA_PARTITION_UA);
	rc = rd_kafka_subscribe(c->rk, l);
	rd_kafka_topic_partition_list_destroy(l);
	return (rc == 0 ? 0 : err_set(e, ERR_REFUSED, "%s",
	    rd_kafka_err2str(rc)));
}

static int
measure(struct consumer *c, struct err *e)
{
	int rc;

	if (perf_topic(c->rk, &c->client, c->topic, e) == -1)
		return (-1);
	print_header(c);
	c->started_ms = clock_wall_ms();
	c->now.ns = c->joining_ns = clock_mono_ns();
	c->first = c->shown = c->now;
	if (subscribe(c, e) == -1)
		return (-1);
	rc = consume(c, e);
	print_all(c);
	return (rc);
}

static int
run(struct consumer *c)
{
	char fetch[24];
	const char *extra[] = {
		"group.id", c->group,
		"auto.offset.reset", c->from_latest ? "latest" : "earliest",
		"fetch.message.max.bytes", fetch,
		"check.crcs", "false",
		"statistics.interval.ms", metrics_interval(&c->metrics),
		NULL, NULL
	};
	struct err e = ERR_INIT;
	int rc;

	snprintf(fetch, sizeof fetch, "%" PRId64, c->fetch_size);
	c->client.props = c->props;
	c->client.prepare = prepare;
	c->client.opaque = c;
	c->rk = client_new(RD_KAFKA_CONSUMER, &c->client, extra, &e);
	if (c->rk == NULL)
		return (client_failed("perf consumer", &e));
	perf_catch_signals();
	rd_kafka_poll_set_consumer(c->rk);
	rc = measure(c, &e);
	perf_metrics_print(&c->metrics, c->rk);
	rd_kafka_consumer_close(c->rk);
	rd_kafka_destroy(c->rk);
	return (rc == 0 ? CLI_OK : client_failed("perf consumer", &e));
}

static int
check_flags(const struct consumer *c)
{
	const char *why = NULL;

	if (c->topic == NULL)
		why = "which topic? Give --topic NAME";
	else if (c->records < 1)
		why = "how many? Give --messages N";
	else if (c->timeout_ms < 1 || c->interval_ms < 1)
		why = "--timeout and --reporting-interval: give a number of "
		    "ms above 0";
	if (why == NULL)
		return (0);
	fprintf(stderr, "leat perf consumer: %s\n", why);
	return (CLI_USAGE);
}

int
perf_consumer(int argc, char **argv)
{
	char group[40];
	struct consumer c = { .timeout_ms = 10000, .interval_ms = 5000,
	    .fetch_size = 1048576, .group = group };
	const struct flag flags[] = {
		FLAG_STR_ROW("topic", &c.topic, "NAME", "The topic."),
		FLAG_INT_ROW("messages", &c.records, "N", "How many."),
		FLAG_INT_ROW("num-records", &c.records, "N", NULL),
		FLAG_STR_ROW("group", &c.group, "NAME", "Read as this group; "
		    "a new one unless given."),
		FLAG_BOOL_ROW("from-latest", &c.from_latest, "A new group "
		    "begins at the end, not at the oldest record."),
		FLAG_INT_ROW("fetch-size", &c.fetch_size, "BYTES", "Of one "
		    "partition in one answer."),
		FLAG_INT_ROW("timeout", &c.timeout_ms, "MS", "End when "
		    "nothing came for so long (10000)."),
		FLAG_BOOL_ROW("show-detailed-stats", &c.detailed, "A line "
		    "each --reporting-interval."),
		FLAG_INT_ROW("reporting-interval", &c.interval_ms, "MS",
		    "5000 unless given."),
		FLAG_BOOL_ROW("hide-header", &c.hide_header, "No line of "
		    "names."),
		FLAG_WORDS_ROW("consumer-props", &c.props, "KEY=VALUE ...",
		    "Settings of the client."),
		FLAG_STR_ROW("consumer.config", &c.client.config, "FILE",
		    NULL),
		FLAG_BOOL_ROW("print-metrics", &c.metrics.on, "Print what the "
		    "client has counted."),
		CLIENT_FLAGS(&c.client),
		FLAG_LAST
	};
	int rc;

	snprintf(group, sizeof group, "perf-consumer-%05d",
	    (int)(perf_random() % 100000));
	rc = flags_parse(flags, "leat perf consumer", "Reads the records of "
	    "a topic and measures the rate.", argc, argv, NULL);
	if (rc == 0)
		rc = check_flags(&c);
	if (rc == 0)
		rc = run(&c);
	metrics_fini(&c.metrics);
	flag_list_fini(&c.props);
	return (rc == FLAGS_HELP ? CLI_OK : rc);
}
