/*
 * t pace: a well-behaved client: one small Produce request every so often, and
 * how long its answer takes, counted from when the request was due.  A request
 * is sent when it is due, whether the ones before it are answered or not.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/flags.h"
#include "test/tool/produce.h"
#include "test/tool/raw.h"
#include "test/tool/tool.h"

#define WARM_UP		50	/* requests that do not count */

struct pace {
	int		 fd;
	struct produce	 produce;
	int64_t		 begin, step;		/* ns */
	int64_t		 sent, answered;
	int64_t		*took;			/* by request */
};

static int64_t
due(const struct pace *p, int64_t i)
{
	return (p->begin + i * p->step);
}

/* Takes the next answer if it comes before then. */
static void
hear(struct pace *p, int64_t until)
{
	struct pollfd pfd = { .fd = p->fd, .events = POLLIN };
	int64_t left = until - clock_mono_ns();
	struct timespec ts = { left / 1000000000, left % 1000000000 };

	if (left > 0 && ppoll(&pfd, 1, &ts, NULL) == 1) {
		produce_answer(&p->produce, p->fd);
		p->took[p->answered] = clock_mono_ns() - due(p, p->answered);
		p->answered++;
	}
}

static void
run(struct pace *p, int64_t count)
{
	p->begin = clock_mono_ns();
	while (p->answered < count) {
		if (p->sent < count && clock_mono_ns() >= due(p, p->sent)) {
			produce_send(&p->produce, p->fd);
			p->sent++;
		}
		hear(p, p->sent < count ? due(p, p->sent) : INT64_MAX);
	}
}

int
tool_pace(int argc, char **argv)
{
	const char *brokers = NULL, *topic = NULL, *acks = "all";
	int64_t count = 2000, rate = 500, size = 100;
	const struct flag flags[] = {
		FLAG_STR_ROW("brokers", &brokers, "HOST:PORT", "Where to."),
		FLAG_STR_ROW("topic", &topic, "TOPIC", "Partition 0 of it."),
		FLAG_INT_ROW("count", &count, "N", "Requests; 2000 unless "
		    "said."),
		FLAG_INT_ROW("rate", &rate, "N", "A second; 500 unless said."),
		FLAG_INT_ROW("size", &size, "BYTES", "Of the record."),
		FLAG_STR_ROW("acks", &acks, "N", "1 or all."),
		FLAG_LAST
	};
	int rc = flags_parse(flags, "t pace", "A small Produce request every "
	    "so often.", argc, argv, NULL);
	struct pace p = { .fd = -1 };
	int one = 1;

	if (rc != 0)
		return (rc == FLAGS_HELP ? TOOL_OK : TOOL_TROUBLE);
	if (brokers == NULL || topic == NULL || size < 1 || rate < 1 ||
	    count <= WARM_UP)
		tool_die("pace: give --brokers, --topic and a --count above "
		    "%d", WARM_UP);
	p.step = 1000000000 / rate;
	p.took = xcalloc((size_t)count, sizeof *p.took);
	produce_init(&p.produce, topic, strcmp(acks, "all") == 0 ? -1 : 1,
	    (size_t)size, (size_t)size + 200, 1);
	p.fd = raw_dial(brokers);
	setsockopt(p.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	run(&p, count);
	tool_percentiles("produce", p.took + WARM_UP, (size_t)count - WARM_UP);
	produce_fini(&p.produce);
	free(p.took);
	close(p.fd);
	return (TOOL_OK);
}
