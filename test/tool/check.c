/*
 * t check: reads a topic from its beginning as a read_committed consumer, or
 * the files of a file_roll folder, or one file, and holds it against a ledger
 * (judge.h), or a topic of one partition against a whole file, line by line.
 * With --parts a line may come as several records (line.part, line.last).
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/flags.h"
#include "test/tool/judge.h"

#define POLL_NS		20000000

struct check {
	const char		*brokers, *topic, *folder, *file, *ledger;
	const char		*same;
	struct judge_limits	 limits;
	int64_t			 timeout;	/* seconds */
	int64_t			 deadline_ns;
	struct judge		*judge;
	/* --same */
	struct slice		 rest;
	uint64_t		 lines;		/* records compared */
	bool			 differs;
	bool			 parts;
	uint64_t		 part;		/* of this line, so far */
};

/* --- what to do with a record --- */

static void
compare(struct check *c, struct slice value)
{
	struct slice line;

	if (c->differs)
		return;
	if (!tool_line(&c->rest, &line)) {
		printf("record %" PRIu64 ": more than the file has\n",
		    c->lines);
		c->differs = true;
	} else if (!slice_eq(line, value)) {
		printf("record %" PRIu64 " is not line %" PRIu64
		    " of the file\n", c->lines, c->lines + 1);
		c->differs = true;
	}
	c->lines++;
}

static struct slice
header(const rd_kafka_message_t *m, const char *name)
{
	rd_kafka_headers_t *h;
	const void *v;
	size_t n;

	if (rd_kafka_message_headers(m, &h) != 0 ||
	    rd_kafka_header_get_last(h, name, &v, &n) != 0)
		return (slice_of("", 0));
	return (slice_of(v, n));
}

/* The record is the next part of this line, or a whole line of its own. */
static bool
in_sequence(struct check *c, struct slice part, bool last)
{
	char want[24];

	if (part.len == 0)
		return (c->part == 0 && !last);
	snprintf(want, sizeof want, "%" PRIu64, c->part + 1);
	if (!slice_eq(part, slice_str(want)))
		return (false);
	c->part = last ? 0 : c->part + 1;
	return (true);
}

/* Like compare(); the line ends behind its last part. */
static void
compare_part(struct check *c, const rd_kafka_message_t *m)
{
	struct slice value = slice_of(m->payload == NULL ? "" : m->payload,
	    m->len);
	bool last = slice_eq(header(m, "line.last"), SLICE("true"));
	bool ordered = in_sequence(c, header(m, "line.part"), last);

	if (c->differs)
		return;
	if (ordered && c->part > 0 && c->rest.len >= value.len &&
	    memcmp(c->rest.p, value.p, value.len) == 0) {
		c->rest.p += value.len;
		c->rest.len -= value.len;
	} else if (!ordered || c->part > 0 || !tool_line_is(&c->rest, value)) {
		printf("record %" PRIu64 " is not what follows in the file\n",
		    c->lines);
		c->differs = true;
	}
	c->lines++;
}

static void
record(struct check *c, struct slice value, int32_t partition)
{
	if (c->same != NULL)
		compare(c, value);
	else
		judge_line(c->judge, value, partition);
}

static bool
complete(const struct check *c)
{
	return (c->same != NULL ? c->differs || c->rest.len == 0 :
	    judge_complete(c->judge));
}

/* --- a topic --- */

struct reader {
	rd_kafka_t	*rk;
	int32_t		 partitions;
	int64_t		*last;		/* offset per partition */
	bool		*at_end;
};

static const char *const consumer_settings[] = {
	"group.id", "t-check",
	"enable.auto.commit", "false",
	"enable.auto.offset.store", "false",
	"auto.offset.reset", "error",
	"enable.partition.eof", "true",
	"isolation.level", "read_committed",
	"check.crcs", "true",
	"queued.max.messages.kbytes", "131072",
	"fetch.message.max.bytes", "4194304",
	"log_level", "2",
	NULL
};

/* The partitions of a topic, waiting for it to appear. */
static int32_t
count_partitions(struct check *c, rd_kafka_t *rk)
{
	int32_t n;

	while ((n = tool_partitions(rk, c->topic)) == 0 &&
	    clock_mono_ns() < c->deadline_ns)
		tool_sleep_ns(POLL_NS);
	return (n);
}

static void
assign_all(struct check *c, struct reader *r)
{
	rd_kafka_topic_partition_list_t *l;
	int32_t i;

	r->last = xcalloc((size_t)r->partitions, sizeof *r->last);
	r->at_end = xcalloc((size_t)r->partitions, sizeof *r->at_end);
	l = rd_kafka_topic_partition_list_new(r->partitions);
	for (i = 0; i < r->partitions; i++) {
		r->last[i] = -1;
		rd_kafka_topic_partition_list_add(l, c->topic, i)->offset = 0;
	}
	if (rd_kafka_assign(r->rk, l) != 0)
		tool_die("assign");
	rd_kafka_topic_partition_list_destroy(l);
}

static void
message(struct check *c, struct reader *r, const rd_kafka_message_t *m)
{
	int32_t p = m->partition;

	if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		r->at_end[p] = true;
		return;
	}
	if (m->err != 0) {
		printf("consumer: %s\n", rd_kafka_message_errstr(m));
		return;
	}
	r->at_end[p] = false;
	if (m->offset <= r->last[p])
		tool_die("offset %" PRId64 " of partition %d after %" PRId64,
		    m->offset, p, r->last[p]);
	r->last[p] = m->offset;
	if (c->parts)
		compare_part(c, m);
	else
		record(c, slice_of(m->payload == NULL ? "" : m->payload,
		    m->len), p);
}

static bool
all_at_end(const struct reader *r)
{
	int32_t i;

	for (i = 0; i < r->partitions; i++)
		if (!r->at_end[i])
			return (false);
	return (true);
}

static void
read_topic(struct check *c)
{
	rd_kafka_conf_t *conf = tool_conf(c->brokers, consumer_settings);
	rd_kafka_message_t *v[1024];
	struct reader r = { 0 };
	rd_kafka_queue_t *q;
	char why[256];
	ssize_t i, n;

	r.rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
	if (r.rk == NULL)
		tool_die("%s", why);
	rd_kafka_poll_set_consumer(r.rk);
	r.partitions = count_partitions(c, r.rk);
	if (r.partitions == 0)
		printf("there is no topic %s\n", c->topic);
	else
		assign_all(c, &r);
	q = rd_kafka_queue_get_consumer(r.rk);
	while (r.partitions > 0 && clock_mono_ns() < c->deadline_ns) {
		n = rd_kafka_consume_batch_queue(q, 100, v, NELEM(v));
		for (i = 0; i < n; i++) {
			message(c, &r, v[i]);
			rd_kafka_message_destroy(v[i]);
		}
		if (all_at_end(&r) && complete(c))
			break;
	}
	rd_kafka_queue_destroy(q);
	rd_kafka_consumer_close(r.rk);
	rd_kafka_destroy(r.rk);
	free(r.last);
	free(r.at_end);
}

/* --- files --- */

static void
read_file(struct check *c, const char *path)
{
	struct slice all = tool_map(path), line;

	while (tool_line(&all, &line))
		record(c, line, 0);
}

static int
by_version(const struct dirent **a, const struct dirent **b)
{
	return (strverscmp((*a)->d_name, (*b)->d_name));
}

static void
read_folder(struct check *c)
{
	struct dirent **v;
	char *path;
	int i, n;

	n = scandir(c->folder, &v, NULL, by_version);
	if (n == -1)
		tool_die("%s: %s", c->folder, strerror(errno));
	for (i = 0; i < n; i++) {
		if (v[i]->d_name[0] != '.') {
			path = xasprintf("%s/%s", c->folder, v[i]->d_name);
			read_file(c, path);
			free(path);
		}
		free(v[i]);
	}
	free(v);
}

/* --- all --- */

static void
begin(struct check *c)
{
	if (c->same != NULL) {
		c->rest = tool_map(c->same);
		return;
	}
	c->judge = judge_new(&c->limits);
	if (c->ledger != NULL)
		judge_owe(c->judge, c->ledger);
}

static int
verdict(struct check *c)
{
	int rc;

	if (c->same == NULL) {
		rc = judge_verdict(c->judge);
		judge_free(c->judge);
		return (rc);
	}
	if (!c->differs && c->rest.len > 0) {
		printf("records end after line %" PRIu64 "\n", c->lines);
		c->differs = true;
	}
	printf("%" PRIu64 " records, %s\n", c->lines,
	    c->differs ? "not the file" : "the same as the file");
	return (c->differs ? TOOL_FAILED : TOOL_OK);
}

/* A folder may still be growing: read again until all is there. */
static int
check_folder(struct check *c)
{
	for (;;) {
		begin(c);
		read_folder(c);
		if (complete(c) || clock_mono_ns() >= c->deadline_ns)
			return (verdict(c));
		if (c->judge != NULL)
			judge_free(c->judge);
		c->judge = NULL;
		c->lines = 0;
		tool_sleep_ns(POLL_NS);
	}
}

static int
run(struct check *c)
{
	c->deadline_ns = clock_mono_ns() + c->timeout * 1000000000;
	if (c->folder != NULL)
		return (check_folder(c));
	if (c->parts && (c->same == NULL || c->topic == NULL))
		tool_die("check: --parts goes with --topic and --same");
	begin(c);
	if (c->file != NULL)
		read_file(c, c->file);
	else if (c->topic != NULL)
		read_topic(c);
	else
		tool_die("check: give --topic, --folder or --file");
	return (verdict(c));
}

int
tool_check(int argc, char **argv)
{
	struct check c = { .timeout = 20,
	    .limits = { .window = 0, .rewinds = 0 } };
	const struct flag flags[] = {
		FLAG_STR_ROW("brokers", &c.brokers, "HOST:PORT", "Of --topic."),
		FLAG_STR_ROW("topic", &c.topic, "TOPIC", "Read it."),
		FLAG_STR_ROW("folder", &c.folder, "DIR", "Read its files."),
		FLAG_STR_ROW("file", &c.file, "FILE", "Read it."),
		FLAG_STR_ROW("ledger", &c.ledger, "FILE", "What is owed."),
		FLAG_STR_ROW("same", &c.same, "FILE",
		    "Compare with its lines instead."),
		FLAG_BOOL_ROW("parts", &c.parts,
		    "With --same: long lines come in parts."),
		FLAG_INT_ROW("window", &c.limits.window, "LINES",
		    "How far a step back may reach; -1: any."),
		FLAG_INT_ROW("rewinds", &c.limits.rewinds, "N",
		    "Steps back per file; -1: any."),
		FLAG_BOOL_ROW("foreign", &c.limits.foreign,
		    "Pass over other lines."),
		FLAG_BOOL_ROW("gaps", &c.limits.gaps,
		    "Count what misses, do not complain."),
		FLAG_INT_ROW("timeout", &c.timeout, "SECONDS",
		    "How long to wait for what is owed."),
		FLAG_LAST
	};
	int rc = flags_parse(flags, "t check",
	    "Holds records against what was written.", argc, argv, NULL);

	if (rc != 0)
		return (rc == FLAGS_HELP ? TOOL_OK : TOOL_TROUBLE);
	return (run(&c));
}
