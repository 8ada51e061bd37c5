/*
 * t verify: consumes partition 0 of a topic from its first offset and holds
 * each record against the next line of a file: all of them, in order, nothing
 * else, offsets without a hole.  Ends with status 1 at the first that differs.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "cli/flags.h"
#include "test/tool/tool.h"

#define STALL_NS	INT64_C(10000000000)

struct verify {
	const char	*brokers, *topic, *file;
	struct slice	 rest;
	int64_t		 n;		/* records that were right */
	bool		 wrong;
};

static const char *const settings[] = {
	"log_level", "2", "allow.auto.create.topics", "false",
	"check.crcs", "true", "isolation.level", "read_committed",
	"queued.min.messages", "1000000",
	"queued.max.messages.kbytes", "65536",
	"fetch.message.max.bytes", "4194304", NULL
};

static void
hold(rd_kafka_message_t *m, void *arg)
{
	struct verify *v = arg;
	if (m->err != 0 || v->wrong)
		return;
	v->wrong = m->offset != v->n ||
	    !tool_line_is(&v->rest, slice_of(m->payload, m->len));
	if (v->wrong)
		printf("offset %" PRId64 " is not line %" PRId64 "\n",
		    m->offset, v->n + 1);
	else
		v->n++;
}

static int64_t
end_offset(rd_kafka_t *rk, const char *topic)
{
	int64_t low, high;

	if (rd_kafka_query_watermark_offsets(rk, topic, 0, &low, &high,
	    10000) != 0)
		tool_die("topic %s does not answer", topic);
	return (high);
}

static void
consume(struct verify *v, rd_kafka_t *rk, int64_t end)
{
	rd_kafka_topic_t *t = rd_kafka_topic_new(rk, v->topic, NULL);
	int64_t moved = clock_mono_ns(), n = 0;

	if (rd_kafka_consume_start(t, 0, RD_KAFKA_OFFSET_BEGINNING) == -1)
		tool_die("consume: %s",
		    rd_kafka_err2str(rd_kafka_last_error()));
	while (!v->wrong && v->n < end) {
		rd_kafka_consume_callback(t, 0, 100, hold, v);
		if (v->n > n)
			moved = clock_mono_ns();
		n = v->n;
		if (clock_mono_ns() - moved > STALL_NS)
			tool_die("nothing comes after offset %" PRId64, n);
	}
	rd_kafka_consume_stop(t, 0);
	rd_kafka_topic_destroy(t);
}

static int
run(struct verify *v)
{
	char why[256];
	rd_kafka_t *rk;
	int64_t end;

	v->rest = tool_map(v->file);
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, tool_conf(v->brokers, settings),
	    why, sizeof why);
	if (rk == NULL)
		tool_die("%s", why);
	end = end_offset(rk, v->topic);
	consume(v, rk, end);
	rd_kafka_destroy(rk);
	if (!v->wrong && v->rest.len > 0)
		printf("the topic ends after line %" PRId64 "\n", v->n);
	if (v->wrong || v->rest.len > 0)
		return (TOOL_FAILED);
	printf("records=%" PRId64 "\n", v->n);
	return (TOOL_OK);
}

int
tool_verify(int argc, char **argv)
{
	struct verify v = { 0 };
	const struct flag flags[] = {
		FLAG_STR_ROW("brokers", &v.brokers, "HOST:PORT", "Consume."),
		FLAG_STR_ROW("topic", &v.topic, "TOPIC", "Partition 0 of it."),
		FLAG_STR_ROW("file", &v.file, "FILE", "Its lines, in order."),
		FLAG_LAST
	};
	int rc = flags_parse(flags, "t verify", "A topic against a file.",
	    argc, argv, NULL);

	if (rc != 0)
		return (rc == FLAGS_HELP ? TOOL_OK : TOOL_TROUBLE);
	if (v.topic == NULL || v.file == NULL)
		tool_die("verify: give --topic and --file");
	return (run(&v));
}
