/*
 * t bare: the least a librdkafka producer can do: the lines of a mapped file,
 * one rd_kafka_produce() each, nothing copied.  The yardstick of the Kafka
 * sink's way through librdkafka.
 */
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "cli/flags.h"
#include "test/tool/tool.h"

static const char *const settings[] = {
	"linger.ms", "5",
	"batch.num.messages", "1000000", "message.max.bytes", "10000000",
	"queue.buffering.max.messages", "1000000",
	"queue.buffering.max.kbytes", "1048576", "log_level", "2", NULL
};

static int64_t failures;

static void
reported(rd_kafka_t *rk, const rd_kafka_message_t *m, void *ctx)
{
	(void)rk;
	(void)ctx;
	failures += m->err != 0;
}

static int64_t
produce_all(rd_kafka_t *rk, rd_kafka_topic_t *topic, struct slice rest)
{
	struct slice line;
	int64_t n = 0;

	while (tool_line(&rest, &line)) {
		while (rd_kafka_produce(topic, 0, 0,
		    (void *)(uintptr_t)line.p, line.len, NULL, 0, NULL) == -1)
			rd_kafka_poll(rk, 1);	/* the queue is full */
		if (++n % 1000 == 0)
			rd_kafka_poll(rk, 0);
	}
	if (rd_kafka_flush(rk, 60000) != 0)
		tool_die("flush: not everything was delivered");
	return (n);
}

static double
seconds(struct timeval t)
{
	return ((double)t.tv_sec + (double)t.tv_usec / 1e6);
}

static int
run(const char *brokers, const char *topic, const char *file,
    const char *acks, const char *batch)
{
	rd_kafka_conf_t *conf = tool_conf(brokers, settings);
	int64_t begin = clock_mono_ns(), n;
	struct rusage ru;
	rd_kafka_topic_t *rkt;
	char why[256];
	rd_kafka_t *rk;
	double took;

	if (rd_kafka_conf_set(conf, "acks", acks, why, sizeof why) !=
	    RD_KAFKA_CONF_OK || rd_kafka_conf_set(conf, "batch.size", batch,
	    why, sizeof why) != RD_KAFKA_CONF_OK)
		tool_die("%s", why);
	rd_kafka_conf_set_dr_msg_cb(conf, reported);
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
	if (rk == NULL)
		tool_die("%s", why);
	rkt = rd_kafka_topic_new(rk, topic, NULL);
	n = produce_all(rk, rkt, tool_map(file));
	took = (double)(clock_mono_ns() - begin) / 1e9;
	getrusage(RUSAGE_SELF, &ru);
	rd_kafka_topic_destroy(rkt);
	rd_kafka_destroy(rk);
	if (failures > 0)
		tool_die("%" PRId64 " records failed", failures);
	printf("records=%" PRId64 "\nseconds=%.3f\ncpu=%.3f\n", n, took,
	    seconds(ru.ru_utime) + seconds(ru.ru_stime));
	return (TOOL_OK);
}

int
tool_bare(int argc, char **argv)
{
	const char *brokers = NULL, *topic = "bare", *file = NULL;
	const char *acks = "all", *batch = "1000000";
	const struct flag flags[] = {
		FLAG_STR_ROW("brokers", &brokers, "HOST:PORT", "Where to."),
		FLAG_STR_ROW("topic", &topic, "TOPIC", "Partition 0 of it."),
		FLAG_STR_ROW("file", &file, "FILE", "Its lines."),
		FLAG_STR_ROW("acks", &acks, "N", "0, 1 or all (unless said)."),
		FLAG_STR_ROW("batch", &batch, "BYTES", "batch.size; 1000000 "
		    "unless said."),
		FLAG_LAST
	};
	int rc = flags_parse(flags, "t bare", "A bare librdkafka loop.", argc,
	    argv, NULL);

	if (rc != 0)
		return (rc == FLAGS_HELP ? TOOL_OK : TOOL_TROUBLE);
	if (file == NULL)
		tool_die("bare: give --file");
	return (run(brokers, topic, file, acks, batch));
}
