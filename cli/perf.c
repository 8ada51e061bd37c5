/*
 * leat perf: how fast a cluster is, measured as kafka-producer-perf-test.sh,
 * kafka-consumer-perf-test.sh and kafka-e2e-latency.sh do.
 */
#include "cli/perf.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "cli/cli.h"
#include "cli/commands.h"

volatile sig_atomic_t perf_interrupted;

static void
on_signal(int sig)
{
	(void)sig;
	perf_interrupted = 1;
}

void
perf_catch_signals(void)
{
	perf_interrupted = 0;
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
}

/* xorshift64*; good enough for letters and for picking lines. */
uint64_t
perf_random(void)
{
	static uint64_t x;

	while (x == 0)
		random_bytes(&x, sizeof x);
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	return (x * UINT64_C(0x2545f4914f6cdd1d) >> 16);
}

char *
perf_payloads(size_t size)
{
	size_t n = size + PERF_STARTS, i;
	char *p = xmalloc(n);

	for (i = 0; i < n; i++)
		p[i] = (char)('A' + perf_random() % 26);
	return (p);
}

int
perf_topic(rd_kafka_t *rk, const struct client_flags *f, const char *topic,
    struct err *e)
{
	int64_t until = clock_mono_ns() + CLIENT_TIMEOUT_MS * INT64_C(1000000);
	const struct rd_kafka_metadata *md;
	rd_kafka_resp_err_t why;
	int n;

	do {
		if (client_metadata(rk, f, topic, &md, e) == -1)
			return (-1);
		why = md->topics[0].err;
		n = md->topics[0].partition_cnt;
		rd_kafka_metadata_destroy(md);
		if (why == RD_KAFKA_RESP_ERR_NO_ERROR && n > 0)
			return (n);
		rd_kafka_poll(rk, 50);	/* it may be being created */
	} while (clock_mono_ns() < until && !perf_interrupted);
	return (err_set(e, ERR_NOT_FOUND, "topic %s: %s", topic,
	    rd_kafka_err2str(why)));
}

static const struct {
	const char	*name;
	int		(*run)(int argc, char **argv);
	const char	*summary;
} parts[] = {
	{ "producer", perf_producer, "send records, as fast as they go or at "
	    "a rate" },
	{ "consumer", perf_consumer, "read the records of a topic" },
	{ "latency", perf_latency, "send records one by one and wait for "
	    "each" },
};

static void
usage(FILE *to)
{
	size_t i;

	fprintf(to, "usage: leat perf PART [--flag value ...]\n\nMeasures how "
	    "fast a cluster is.\n\n");
	for (i = 0; i < NELEM(parts); i++)
		fprintf(to, "  %-10s %s\n", parts[i].name, parts[i].summary);
	fprintf(to, "\nleat perf PART --help prints its flags.\n");
}

int
perf_command(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	size_t i;

	for (i = 0; i < NELEM(parts); i++)
		if (strcmp(parts[i].name, name) == 0)
			return (parts[i].run(argc - 1, argv + 1));
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
		usage(stdout);
		return (CLI_OK);
	}
	fprintf(stderr, "leat perf: what? Give producer, consumer or "
	    "latency\n");
	return (CLI_USAGE);
}
