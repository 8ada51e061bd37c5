/*
 * t latency: appends lines at a rate to a file that an agent follows and
 * consumes the topic; from the line's write(2) to the record in the consumer's
 * hands.  Beside it, between the lines, one append + fdatasync of the same
 * size on the same disk, since that is the least that "on the disk" can cost.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "cli/flags.h"
#include "test/tool/tool.h"

#define LINE		200
#define WARM_UP		20	/* lines that do not count */
#define WAIT_NS		10000000000

struct latency {
	const char	*brokers, *topic, *file, *disk;
	int64_t		 count, rate, sync_every;
	int64_t		*took;		/* by line; 0: not yet here */
	atomic_long	 arrived;
	atomic_bool	 stop, ready;
	int64_t		*synced;
	size_t		 nsynced;
};

static const char *const settings[] = {
	"group.id", "t-latency", "enable.auto.commit", "false",
	"enable.auto.offset.store", "false", "fetch.wait.max.ms", "500",
	"enable.partition.eof", "true", "isolation.level", "read_committed",
	"log_level", "2", NULL
};

static void
arrive(struct latency *l, const rd_kafka_message_t *m)
{
	int64_t now = clock_mono_ns(), at;
	long i;

	if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
		atomic_store(&l->ready, true);
	if (m->err != 0 || sscanf(m->payload, "%ld %" SCNd64, &i, &at) != 2 ||
	    i < 0 || i >= l->count || l->took[i] != 0)
		return;
	l->took[i] = now - at;
	atomic_fetch_add(&l->arrived, 1);
}

static void
consume(void *arg)
{
	struct latency *l = arg;
	rd_kafka_topic_partition_list_t *list;
	rd_kafka_message_t *m;
	char why[256];
	rd_kafka_t *rk;

	rk = rd_kafka_new(RD_KAFKA_CONSUMER, tool_conf(l->brokers, settings),
	    why, sizeof why);
	if (rk == NULL)
		tool_die("%s", why);
	rd_kafka_poll_set_consumer(rk);
	list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, l->topic, 0)->offset =
	    RD_KAFKA_OFFSET_BEGINNING;
	rd_kafka_assign(rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	while (!atomic_load(&l->stop)) {
		m = rd_kafka_consumer_poll(rk, 50);
		if (m == NULL)
			continue;
		arrive(l, m);
		rd_kafka_message_destroy(m);
	}
	rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
}

static void
append(int fd, long i, int64_t *at)
{
	char buf[LINE + 1];
	int n;

	memset(buf, 'x', LINE);
	*at = clock_mono_ns();
	n = snprintf(buf, LINE, "%ld %" PRId64, i, *at);
	buf[n] = ' ';
	buf[LINE - 1] = '\n';
	if (write(fd, buf, LINE) != LINE)
		tool_die("write: %s", strerror(errno));
}

static int
open_append(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd == -1)
		tool_die("%s: %s", path, strerror(errno));
	return (fd);
}

static void
produce(struct latency *l)
{
	int64_t begin = clock_mono_ns(), step = 1000000000 / l->rate, at;
	int fd = open_append(l->file);
	int disk = l->disk == NULL ? -1 : open_append(l->disk);
	long i;

	for (i = 0; i < l->count; i++) {
		tool_sleep_ns(begin + i * step - clock_mono_ns());
		append(fd, i, &at);
		if (disk == -1 || i % l->sync_every != l->sync_every - 1)
			continue;
		/* Half a step later, so that it is not in the line's way. */
		tool_sleep_ns(begin + i * step + step / 2 - clock_mono_ns());
		append(disk, i, &at);
		if (fdatasync(disk) == -1)
			tool_die("fdatasync: %s", strerror(errno));
		l->synced[l->nsynced++] = clock_mono_ns() - at;
	}
	close(fd);
	if (disk != -1)
		close(disk);
}

static void
wait_flag(const atomic_bool *flag, const atomic_long *n, long want)
{
	int64_t until = clock_mono_ns() + WAIT_NS;

	while (flag != NULL ? !atomic_load(flag) : atomic_load(n) < want) {
		if (clock_mono_ns() > until)
			tool_die(flag != NULL ? "the topic does not answer" :
			    "not every line arrived");
		tool_sleep_ns(1000000);
	}
}

static int
run(struct latency *l)
{
	struct err e = ERR_INIT;
	struct thread t;

	if (l->topic == NULL || l->file == NULL || l->rate < 1 ||
	    l->count <= WARM_UP)
		tool_die("latency: give --brokers, --topic and --file");
	l->took = xcalloc((size_t)l->count, sizeof *l->took);
	l->synced = xcalloc((size_t)l->count, sizeof *l->synced);
	if (thread_start(&t, "consumer", consume, l, &e) == -1)
		tool_die("%s", e.msg);
	wait_flag(&l->ready, NULL, 0);
	produce(l);
	wait_flag(NULL, &l->arrived, l->count);
	atomic_store(&l->stop, true);
	thread_join(&t);
	tool_percentiles("line", l->took + WARM_UP, (size_t)l->count - WARM_UP);
	tool_percentiles("fdatasync", l->synced, l->nsynced);
	free(l->took);
	free(l->synced);
	return (TOOL_OK);
}

int
tool_latency(int argc, char **argv)
{
	struct latency l = { .count = 500, .rate = 100, .sync_every = 5 };
	const struct flag flags[] = {
		FLAG_STR_ROW("brokers", &l.brokers, "HOST:PORT", "Consume."),
		FLAG_STR_ROW("topic", &l.topic, "TOPIC", "Partition 0 of it."),
		FLAG_STR_ROW("file", &l.file, "FILE", "Append to it."),
		FLAG_STR_ROW("disk", &l.disk, "FILE",
		    "Append and sync there, for comparison."),
		FLAG_INT_ROW("count", &l.count, "N", "Lines."),
		FLAG_INT_ROW("rate", &l.rate, "N", "Lines a second."),
		FLAG_LAST
	};
	int rc = flags_parse(flags, "t latency", "Line written to record "
	    "consumed.", argc, argv, NULL);

	if (rc != 0)
		return (rc == FLAGS_HELP ? TOOL_OK : TOOL_TROUBLE);
	return (run(&l));
}
