/*
 * t count: how many records a topic has (its end offsets in sum), 0 when it
 * is not there; unlike a consumer it creates nothing.  With --at-least it
 * waits until there are so many.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "cli/flags.h"
#include "test/tool/tool.h"

static const char *const settings[] = {
	"log_level", "2", "allow.auto.create.topics", "false", NULL
};

static int64_t
count(rd_kafka_t *rk, const char *topic)
{
	int32_t i, n = tool_partitions(rk, topic);
	int64_t low, high, all = 0;

	for (i = 0; i < n; i++)
		if (rd_kafka_query_watermark_offsets(rk, topic, i, &low,
		    &high, 2000) == 0)
			all += high;
	return (all);
}

static int
run(const char *brokers, const char *topic, int64_t least, int64_t timeout)
{
	int64_t until = clock_mono_ns() + timeout * 1000000000, n;
	char why[256];
	rd_kafka_t *rk;

	rk = rd_kafka_new(RD_KAFKA_CONSUMER, tool_conf(brokers, settings),
	    why, sizeof why);
	if (rk == NULL)
		tool_die("%s", why);
	while ((n = count(rk, topic)) < least && clock_mono_ns() < until)
		tool_sleep_ns(5000000);
	printf("%" PRId64 "\n", n);
	rd_kafka_destroy(rk);
	return (n >= least ? TOOL_OK : TOOL_FAILED);
}

int
tool_count(int argc, char **argv)
{
	const char *brokers = NULL, *topic = "";
	int64_t least = 0, timeout = 10;
	const struct flag flags[] = {
		FLAG_STR_ROW("brokers", &brokers, "HOST:PORT", "Where."),
		FLAG_STR_ROW("topic", &topic, "TOPIC", "Which."),
		FLAG_INT_ROW("at-least", &least, "N", "Wait for so many."),
		FLAG_INT_ROW("timeout", &timeout, "SECONDS", "Not longer."),
		FLAG_LAST
	};
	int rc = flags_parse(flags, "t count", "Records of a topic.", argc,
	    argv, NULL);

	if (rc != 0)
		return (rc == FLAGS_HELP ? TOOL_OK : TOOL_TROUBLE);
	return (run(brokers, topic, least, timeout));
}
