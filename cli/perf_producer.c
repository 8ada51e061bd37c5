/*
 * leat perf producer: sends records and says how fast, and how long each took
 * from the call to its acknowledgement.
 *
 * Nothing is allocated per record here: payloads are cut from one pool that
 * librdkafka reads from, the moment of sending is the message's opaque value,
 * and latencies are counted in a histogram.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/slice.h"
#include "cli/cli.h"
#include "cli/file.h"
#include "cli/histogram.h"
#include "cli/metrics.h"
#include "cli/perf.h"
#include "cli/rows.h"

#define POLL_EVERY	64		/* records */
#define MAX_PAYLOADS	((size_t)1 << 30)

/* Of all records, or of those since the last report. */
struct span {
	struct histogram	 h;
	uint64_t		 bytes;
	int64_t			 from_ns;
};

struct producer {
	struct client_flags	 client;
	const char		*topic, *payload_file, *delimiter;
	int64_t			 records, size, rate, interval_ms;
	bool			 monotonic;
	struct flag_list	 props;
	struct metrics		 metrics;
	rd_kafka_t		*rk;
	rd_kafka_topic_t	*rkt;
	/* where payloads come from */
	char			*pool;
	struct sb		 file;
	struct slice		*lines;
	size_t			 nlines;
	/* counted by the delivery reports */
	struct span		 all, window;
	int64_t			 failed;
	char			 why[256];
	int64_t			 sent;
};

/* --- what is measured --- */

static void
reported(rd_kafka_t *rk, const rd_kafka_message_t *m, void *ctx)
{
	struct producer *p = ctx;
	int64_t now = clock_mono_ns();
	uint64_t us;

	(void)rk;
	if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
		if (p->failed++ == 0)
			snprintf(p->why, sizeof p->why, "%s",
			    rd_kafka_err2str(m->err));
		return;
	}
	us = (uint64_t)(now - p->all.from_ns) / 1000 -
	    (uint64_t)(uintptr_t)m->_private;
	histogram_add(&p->all.h, us);
	histogram_add(&p->window.h, us);
	p->all.bytes += m->len;
	p->window.bytes += m->len;
}

static int
counted(rd_kafka_t *rk, char *json, size_t len, void *ctx)
{
	struct producer *p = ctx;

	(void)rk;
	(void)len;
	return (metrics_keep(&p->metrics, json));
}

static void
prepare(rd_kafka_conf_t *rc)
{
	rd_kafka_conf_set_dr_msg_cb(rc, reported);
	rd_kafka_conf_set_stats_cb(rc, counted);
}

static double
seconds_of(const struct span *s)
{
	double v = (double)(clock_mono_ns() - s->from_ns) / 1e9;

	return (v > 0 ? v : 1e-9);
}

static void
print_window(struct producer *p)
{
	struct span *s = &p->window;
	double sec = seconds_of(s);

	if (!client_json(&p->client))
		printf("%" PRIu64 " records sent, %.1f records/sec (%.2f "
		    "MB/sec), %.1f ms avg latency, %.1f ms max latency.\n",
		    s->h.n, (double)s->h.n / sec, (double)s->bytes / PERF_MB /
		    sec, histogram_mean_ms(&s->h), histogram_max_ms(&s->h));
	fflush(stdout);
	histogram_reset(&s->h);
	s->bytes = 0;
	s->from_ns = clock_mono_ns();
}

static void
print_json(const struct producer *p, double sec)
{
	const struct span *s = &p->all;
	struct rows out = ROWS_INIT;

	rows_begin(&out);
	rows_str(&out, "topic", p->topic);
	rows_int(&out, "records", (int64_t)s->h.n);
	rows_int(&out, "failed", p->failed);
	rows_num(&out, "seconds", sec);
	rows_num(&out, "records_per_second", (double)s->h.n / sec);
	rows_num(&out, "mb_per_second", (double)s->bytes / PERF_MB / sec);
	rows_num(&out, "latency_avg_ms", histogram_mean_ms(&s->h));
	rows_num(&out, "latency_max_ms", histogram_max_ms(&s->h));
	rows_num(&out, "latency_p50_ms", histogram_ms(&s->h, 0.5));
	rows_num(&out, "latency_p95_ms", histogram_ms(&s->h, 0.95));
	rows_num(&out, "latency_p99_ms", histogram_ms(&s->h, 0.99));
	rows_num(&out, "latency_p999_ms", histogram_ms(&s->h, 0.999));
	rows_end(&out);
	rows_fini(&out);
}

static void
print_all(const struct producer *p)
{
	const struct span *s = &p->all;
	double sec = seconds_of(s);

	if (client_json(&p->client)) {
		print_json(p, sec);
		return;
	}
	printf("%" PRIu64 " records sent, %.1f records/sec (%.2f MB/sec), "
	    "%.2f ms avg latency, %.2f ms max latency, %.2f ms 50th, %.2f ms "
	    "95th, %.2f ms 99th, %.2f ms 99.9th.\n", s->h.n,
	    (double)s->h.n / sec, (double)s->bytes / PERF_MB / sec,
	    histogram_mean_ms(&s->h), histogram_max_ms(&s->h),
	    histogram_ms(&s->h, 0.5), histogram_ms(&s->h, 0.95),
	    histogram_ms(&s->h, 0.99), histogram_ms(&s->h, 0.999));
}

/* --- payloads --- */

/* The delimiter as it is written: \n, \t, \\ or plain bytes. */
static char *
unescaped(const char *s)
{
	char *out = xmalloc(strlen(s) + 1), *to = out;

	for (; *s != '\0'; s++) {
		if (s[0] == '\\' && strchr("nt\\", s[1]) != NULL &&
		    s[1] != '\0') {
			s++;
			*to++ = *s == 'n' ? '\n' : *s == 't' ? '\t' : '\\';
		} else
			*to++ = *s;
	}
	*to = '\0';
	return (out);
}

/* Payloads are what stands between delimiters; the empty ones do not count. */
static void
split(struct producer *p, const char *delimiter)
{
	const char *at = p->file.ptr, *end = at + p->file.len, *next;
	size_t n = strlen(delimiter), cap = 0;

	for (; at < end; at = next + n) {
		next = n == 0 ? NULL : memmem(at, (size_t)(end - at),
		    delimiter, n);
		if (next == NULL)
			next = end;
		if (next > at) {
			GROW(p->lines, p->nlines, cap);
			p->lines[p->nlines++] = slice_of(at,
			    (size_t)(next - at));
		}
		if (next == end)
			break;
	}
}

static int
make_payloads(struct producer *p, struct err *e)
{
	char *delimiter;

	if (p->payload_file == NULL) {
		p->pool = perf_payloads(p->monotonic ? 0 : (size_t)p->size);
		return (0);
	}
	if (file_read(p->payload_file, MAX_PAYLOADS, &p->file, e) == -1)
		return (-1);
	delimiter = unescaped(p->delimiter);
	split(p, delimiter);
	free(delimiter);
	return (p->nlines > 0 ? 0 : err_set(e, ERR_CONFIG, "%s: there is no "
	    "payload in it", p->payload_file));
}

/* --- sending --- */

static rd_kafka_resp_err_t
produce(struct producer *p)
{
	uintptr_t us = (uintptr_t)((clock_mono_ns() - p->all.from_ns) / 1000);
	int flags = 0;
	struct slice s;
	char number[24];

	if (p->monotonic) {
		s = slice_of(number, (size_t)snprintf(number, sizeof number,
		    "%" PRId64, p->sent));
		flags = RD_KAFKA_MSG_F_COPY;
	} else if (p->lines != NULL)
		s = p->lines[perf_random() % p->nlines];
	else
		s = slice_of(p->pool + p->sent * 7 % PERF_STARTS,
		    (size_t)p->size);
	if (rd_kafka_produce(p->rkt, RD_KAFKA_PARTITION_UA, flags,
	    (void *)(uintptr_t)s.p, s.len, NULL, 0, (void *)us) == 0)
		return (RD_KAFKA_RESP_ERR_NO_ERROR);
	return (rd_kafka_last_error());
}

/* Serves reports until the next record is due. */
static void
keep_rate(struct producer *p)
{
	int64_t due, ahead;

	for (;;) {
		due = p->all.from_ns + (int64_t)((double)p->sent * 1e9 /
		    (double)p->rate);
		ahead = due - clock_mono_ns();
		if (ahead <= 0 || perf_interrupted)
			return;
		rd_kafka_poll(p->rk, ahead < 1000000 ? 1 :
		    (int)(ahead / 1000000));
	}
}

static void
report(struct producer *p)
{
	if (clock_mono_ns() - p->window.from_ns >= p->interval_ms * 1000000 &&
	    p->interval_ms > 0)
		print_window(p);
}

static int
send_all(struct producer *p, struct err *e)
{
	rd_kafka_resp_err_t rc;

	while (p->sent < p->records && !perf_interrupted && p->failed == 0) {
		if (p->rate > 0)
			keep_rate(p);
		rc = produce(p);
		if (rc == RD_KAFKA_RESP_ERR_NO_ERROR)
			p->sent++;
		else if (rc == RD_KAFKA_RESP_ERR__QUEUE_FULL)
			rd_kafka_poll(p->rk, 100);
		else
			return (err_set(e, ERR_REFUSED, "topic %s: %s",
			    p->topic, rd_kafka_err2str(rc)));
		if (p->rate > 0 || p->sent % POLL_EVERY == 0) {
			rd_kafka_poll(p->rk, 0);
			report(p);
		}
	}
	return (0);
}

/* Until every record has its report; a second signal gives up on them. */
static void
finish(struct producer *p)
{
	sig_atomic_t before = perf_interrupted;

	while (rd_kafka_outq_len(p->rk) > 0 && perf_interrupted == before &&
	    p->failed == 0) {
		rd_kafka_flush(p->rk, 100);
		report(p);
	}
	if (rd_kafka_outq_len(p->rk) > 0) {
		rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE |
		    RD_KAFKA_PURGE_F_INFLIGHT);
		rd_kafka_flush(p->rk, CLIENT_TIMEOUT_MS);
	}
}

static int
measure(struct producer *p, struct err *e)
{
	if (make_payloads(p, e) == -1 ||
	    perf_topic(p->rk, &p->client, p->topic, e) == -1)
		return (-1);
	p->rkt = rd_kafka_topic_new(p->rk, p->topic, NULL);
	p->all.from_ns = p->window.from_ns = clock_mono_ns();
	if (send_all(p, e) == -1)
		return (-1);
	finish(p);
	print_all(p);
	perf_metrics_print(&p->metrics, p->rk);
	return (p->failed == 0 ? 0 : err_set(e, ERR_REFUSED, "%" PRId64
	    " of %" PRId64 " records were not delivered: %s", p->failed,
	    p->sent, p->why));
}

static int
run(struct producer *p)
{
	const char *extra[] = {
		"queue.buffering.max.messages", "1000000",
		"queue.buffering.max.kbytes", "32768",	/* Java's 32 MB */
		"statistics.interval.ms", metrics_interval(&p->metrics),
		NULL, NULL
	};
	struct err e = ERR_INIT;
	int rc;

	p->client.props = p->props;
	p->client.prepare = prepare;
	p->client.opaque = p;
	p->rk = client_new(RD_KAFKA_PRODUCER, &p->client, extra, &e);
	if (p->rk == NULL)
		return (client_failed("perf producer", &e));
	perf_catch_signals();
	rc = measure(p, &e);
	if (p->rkt != NULL) {
		rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE);
		rd_kafka_topic_destroy(p->rkt);
	}
	rd_kafka_destroy(p->rk);
	return (rc == 0 ? CLI_OK : client_failed("perf producer", &e));
}

static int
check_flags(const struct producer *p)
{
	int payloads = (p->size != -1) + (p->payload_file != NULL) +
	    p->monotonic;
	const char *why = NULL;

	if (p->topic == NULL)
		why = "which topic? Give --topic NAME";
	else if (p->records < 1)
		why = "how many? Give --num-records N";
	else if (payloads != 1)
		why = "of what? Give one of --record-size N, --payload-file "
		    "FILE, --payload-monotonic";
	else if (p->size != -1 && (p->size < 1 || p->size > INT32_MAX))
		why = "--record-size: give a number of bytes above 0";
	else if (p->rate == 0 || p->rate < -1)
		why = "--throughput: give records per second, or -1 for no "
		    "limit";
	if (why == NULL)
		return (0);
	fprintf(stderr, "leat perf producer: %s\n", why);
	return (CLI_USAGE);
}

int
perf_producer(int argc, char **argv)
{
	struct producer p = { .size = -1, .rate = -1, .interval_ms = 5000,
	    .delimiter = "\\n" };
	const struct flag flags[] = {
		FLAG_STR_ROW("topic", &p.topic, "NAME", "The topic."),
		FLAG_INT_ROW("num-records", &p.records, "N", "How many."),
		FLAG_INT_ROW("record-size", &p.size, "BYTES", "Random "
		    "letters of this size."),
		FLAG_STR_ROW("payload-file", &p.payload_file, "FILE",
		    "Or lines of a file, picked at random."),
		FLAG_STR_ROW("payload-delimiter", &p.delimiter, "TEXT",
		    "What ends a line of it; \\n unless given."),
		FLAG_BOOL_ROW("payload-monotonic", &p.monotonic, "Or the "
		    "numbers from 0 on."),
		FLAG_INT_ROW("throughput", &p.rate, "N", "Records per second; "
		    "-1 (the default) for no limit."),
		FLAG_INT_ROW("reporting-interval", &p.interval_ms, "MS",
		    "Print a line each; 5000 unless given, 0 for none."),
		FLAG_WORDS_ROW("producer-props", &p.props, "KEY=VALUE ...",
		    "Settings of the client."),
		FLAG_STR_ROW("producer.config", &p.client.config, "FILE",
		    NULL),
		FLAG_BOOL_ROW("print-metrics", &p.metrics.on, "Print what the "
		    "client has counted."),
		CLIENT_FLAGS(&p.client),
		FLAG_LAST
	};
	int rc;

	rc = flags_parse(flags, "leat perf producer", "Sends records to a "
	    "topic and measures rate and latency.", argc, argv, NULL);
	if (rc == 0)
		rc = check_flags(&p);
	if (rc == 0)
		rc = run(&p);
	metrics_fini(&p.metrics);
	free(p.pool);
	free(p.lines);
	sb_fini(&p.file);
	flag_list_fini(&p.props);
	return (rc == FLAGS_HELP ? CLI_OK : rc);
}
