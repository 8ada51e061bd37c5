/*
 * t transform: a consume-transform-produce loop with exactly-once semantics,
 * as an application has it: what it reads from one topic goes to another in
 * transactions that also commit the offsets it read to (KIP-98, KIP-447).  The
 * records go through as they are, so that the topics can be compared.
 *
 * After an error that is not retriable, or an abort, everything is made anew:
 * the new producer fences the old one and settles what it left, and the
 * consumer begins at what was committed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/flags.h"
#include "test/tool/tool.h"

#define CALL_MS		10000
#define BATCH_MAX	10000

struct transform {
	const char	*brokers, *from, *to, *group, *id;
	int64_t		 batch, timeout;
	int64_t		 deadline_ns;
	uint64_t	 records, transactions, sessions;
};

struct session {
	struct transform	*t;
	rd_kafka_t		*producer, *consumer;
	rd_kafka_queue_t	*queue;
	int32_t			 partitions, at_end;
	rd_kafka_topic_partition_list_t *read;	/* up to where */
	rd_kafka_message_t	*v[BATCH_MAX];
	ssize_t			 n;
};

/* Was the call a success?  Repeats one that may be; says why not. */
static bool
settled(struct session *s, rd_kafka_error_t *(*call)(struct session *))
{
	rd_kafka_error_t *error;
	bool again;

	while ((error = call(s)) != NULL) {
		again = rd_kafka_error_is_retriable(error) &&
		    clock_mono_ns() < s->t->deadline_ns;
		if (!again)
			fprintf(stderr, "t: %s\n",
			    rd_kafka_error_string(error));
		rd_kafka_error_destroy(error);
		if (!again)
			return (false);
	}
	return (true);
}

static rd_kafka_error_t *
do_init(struct session *s)
{
	return (rd_kafka_init_transactions(s->producer, CALL_MS));
}

static rd_kafka_error_t *
do_begin(struct session *s)
{
	return (rd_kafka_begin_transaction(s->producer));
}

static rd_kafka_error_t *
do_offsets(struct session *s)
{
	rd_kafka_consumer_group_metadata_t *m =
	    rd_kafka_consumer_group_metadata(s->consumer);
	rd_kafka_error_t *error = rd_kafka_send_offsets_to_transaction(
	    s->producer, s->read, m, CALL_MS);

	rd_kafka_consumer_group_metadata_destroy(m);
	return (error);
}

static rd_kafka_error_t *
do_commit(struct session *s)
{
	return (rd_kafka_commit_transaction(s->producer, CALL_MS));
}

static rd_kafka_t *
client(struct session *s, rd_kafka_type_t type, const char *const *pairs)
{
	char why[256];
	rd_kafka_t *rk = rd_kafka_new(type, tool_conf(s->t->brokers, pairs),
	    why, sizeof why);

	if (rk == NULL)
		tool_die("%s", why);
	return (rk);
}

static void
session_open(struct session *s, struct transform *t)
{
	const char *const producer[] = { "transactional.id", t->id,
	    "linger.ms", "0", "reconnect.backoff.ms", "10",
	    "reconnect.backoff.max.ms", "50", "log_level", "0", NULL };
	const char *const consumer[] = { "group.id", t->group,
	    "enable.auto.commit", "false", "isolation.level",
	    "read_committed", "auto.offset.reset", "earliest",
	    "enable.partition.eof", "true", "session.timeout.ms", "2000",
	    "heartbeat.interval.ms", "500",
	    "reconnect.backoff.ms", "10", "reconnect.backoff.max.ms", "50",
	    "log_level", "0", NULL };
	rd_kafka_topic_partition_list_t *l;

	*s = (struct session){ .t = t };
	t->sessions++;
	s->producer = client(s, RD_KAFKA_PRODUCER, producer);
	s->consumer = client(s, RD_KAFKA_CONSUMER, consumer);
	rd_kafka_poll_set_consumer(s->consumer);
	s->queue = rd_kafka_queue_get_consumer(s->consumer);
	s->read = rd_kafka_topic_partition_list_new(1);
	l = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(l, t->from, RD_KAFKA_PARTITION_UA);
	if (rd_kafka_subscribe(s->consumer, l) != 0)
		tool_die("subscribe");
	rd_kafka_topic_partition_list_destroy(l);
}

static void
session_close(struct session *s)
{
	rd_kafka_topic_partition_list_destroy(s->read);
	rd_kafka_queue_destroy(s->queue);
	rd_kafka_consumer_close(s->consumer);
	rd_kafka_destroy(s->consumer);
	rd_kafka_destroy(s->producer);
}

/* One record; an end, or an error of the consumer, which goes on by itself. */
static bool
take(struct session *s, const rd_kafka_message_t *m)
{
	rd_kafka_topic_partition_t *p;

	if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
		s->at_end++;
	if (m->err != 0)
		return (true);
	s->at_end = 0;
	p = rd_kafka_topic_partition_list_find(s->read, s->t->from,
	    m->partition);
	if (p == NULL)
		p = rd_kafka_topic_partition_list_add(s->read, s->t->from,
		    m->partition);
	p->offset = m->offset + 1;
	s->n++;
	return (rd_kafka_producev(s->producer, RD_KAFKA_V_TOPIC(s->t->to),
	    RD_KAFKA_V_PARTITION(m->partition),
	    RD_KAFKA_V_KEY(m->key, m->key_len),
	    RD_KAFKA_V_VALUE(m->payload, m->len),
	    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END) == 0);
}

static bool
transaction(struct session *s)
{
	ssize_t i, n;
	bool ok;

	n = rd_kafka_consume_batch_queue(s->queue, 100, s->v,
	    (size_t)s->t->batch);
	if (n <= 0)
		return (true);
	s->n = 0;
	ok = settled(s, do_begin);
	for (i = 0; i < n; i++) {
		ok = ok && take(s, s->v[i]);
		rd_kafka_message_destroy(s->v[i]);
	}
	if (!ok || (s->n > 0 && !settled(s, do_offsets)) ||
	    !settled(s, do_commit))
		return (false);
	s->t->records += (uint64_t)s->n;
	s->t->transactions += s->n > 0;
	return (true);
}

/* Until every partition has been read to its end: true, or an error. */
static bool
work(struct session *s)
{
	if (!settled(s, do_init))
		return (false);
	while (s->partitions == 0 && clock_mono_ns() < s->t->deadline_ns)
		s->partitions = tool_partitions(s->consumer, s->t->from);
	while (s->at_end < s->partitions || s->partitions == 0) {
		if (clock_mono_ns() >= s->t->deadline_ns)
			return (false);
		if (!transaction(s))
			return (false);
	}
	return (true);
}

static int
run(struct transform *t)
{
	struct session *s = xcalloc(1, sizeof *s);
	bool done = false;

	t->deadline_ns = clock_mono_ns() + t->timeout * 1000000000;
	while (!done && clock_mono_ns() < t->deadline_ns) {
		session_open(s, t);
		done = work(s);
		session_close(s);
	}
	free(s);
	printf("%" PRIu64 " records in %" PRIu64 " transactions of %" PRIu64
	    " producers%s\n", t->records, t->transactions, t->sessions,
	    done ? "" : ", not to the end");
	return (done ? TOOL_OK : TOOL_FAILED);
}

int
tool_transform(int argc, char **argv)
{
	struct transform t = { .group = "t-transform", .id = "t-transform",
	    .batch = 100, .timeout = 60 };
	const struct flag flags[] = {
		FLAG_STR_ROW("brokers", &t.brokers, "HOST:PORT", "Of both."),
		FLAG_STR_ROW("from", &t.from, "TOPIC", "Read it to its end."),
		FLAG_STR_ROW("to", &t.to, "TOPIC", "Write to it."),
		FLAG_STR_ROW("group", &t.group, "NAME", "Of the offsets."),
		FLAG_STR_ROW("id", &t.id, "NAME", "transactional.id"),
		FLAG_INT_ROW("batch", &t.batch, "N",
		    "Records of a transaction, at most."),
		FLAG_INT_ROW("timeout", &t.timeout, "SECONDS", "To give up."),
		FLAG_LAST
	};
	int rc = flags_parse(flags, "t transform",
	    "Copies a topic in transactions, exactly once.", argc, argv, NULL);

	if (rc != 0)
		return (rc == FLAGS_HELP ? TOOL_OK : TOOL_TROUBLE);
	if (t.brokers == NULL || t.from == NULL || t.to == NULL ||
	    t.batch < 1 || t.batch > BATCH_MAX)
		tool_die("transform: give --brokers, --from, --to, and a "
		    "--batch of 1 to %d", BATCH_MAX);
	return (run(&t));
}
