/*
 * t flood: one Produce request with one batch, made once and sent again and
 * again, a few on their way at a time: what a broker takes when its client
 * costs nothing.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/flags.h"
#include "test/tool/produce.h"
#include "test/tool/raw.h"
#include "test/tool/tool.h"

struct flood {
	int		 fd;
	struct produce	 produce;
	int64_t		 at_once, sent, answered;	/* requests */
};

static void
run(struct flood *f, int64_t requests)
{
	while (f->answered < requests) {
		while (f->sent < requests && f->sent - f->answered <
		    f->at_once) {
			produce_send(&f->produce, f->fd);
			f->sent++;
		}
		produce_answer(&f->produce, f->fd);
		f->answered++;
	}
}

int
tool_flood(int argc, char **argv)
{
	const char *brokers = NULL, *topic = NULL, *acks = "all";
	struct flood f = { .fd = -1, .at_once = 5 };
	int64_t count = 1000000, size = 200, batch = 131072, begin, n;
	const struct flag flags[] = {
		FLAG_STR_ROW("brokers", &brokers, "HOST:PORT", "Where to."),
		FLAG_STR_ROW("topic", &topic, "TOPIC", "Partition 0 of it."),
		FLAG_INT_ROW("count", &count, "N", "At least so many records."),
		FLAG_INT_ROW("size", &size, "BYTES", "Of each."),
		FLAG_INT_ROW("batch", &batch, "BYTES", "Of each batch."),
		FLAG_INT_ROW("at-once", &f.at_once, "N", "Requests on their "
		    "way; 5 unless said."),
		FLAG_STR_ROW("acks", &acks, "N", "1 or all."),
		FLAG_LAST
	};
	int rc = flags_parse(flags, "t flood", "The same request, again and "
	    "again.", argc, argv, NULL);
	double took;

	if (rc != 0)
		return (rc == FLAGS_HELP ? TOOL_OK : TOOL_TROUBLE);
	if (brokers == NULL || topic == NULL || size < 1 || count < 1 ||
	    batch < size + 100 || f.at_once < 1)
		tool_die("flood: give --brokers, --topic and a batch larger "
		    "than a record");
	n = produce_init(&f.produce, topic, strcmp(acks, "all") == 0 ? -1 : 1,
	    (size_t)size, (size_t)batch, UINT32_MAX);
	f.fd = raw_dial(brokers);
	begin = clock_mono_ns();
	run(&f, (count + n - 1) / n);
	took = (double)(clock_mono_ns() - begin) / 1e9;
	printf("records=%" PRId64 "\nbytes=%" PRIu64 "\nseconds=%.3f\n",
	    f.answered * n, (uint64_t)f.answered * f.produce.bytes, took);
	produce_fini(&f.produce);
	close(f.fd);
	return (TOOL_OK);
}
