/*
 * t chaos: workers that produce, commit, rebalance, run transactions and
 * create topics while the broker is killed by `t crash`; when the file --stop
 * appears they end, and what is in the broker is held against what they were
 * told: nothing acknowledged is lost, nothing aborted is seen, no offset is
 * used twice.  Prints "chaos: N checks, N complaints".
 */
#include "test/tool/chaos.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/thread.h"
#include "cli/flags.h"

#define MS	1000000

static const struct chaos_worker *const workers[] = {
	&chaos_plain, &chaos_keyed, &chaos_txn, &chaos_offsets,
	&chaos_members, &chaos_topics
};

unsigned
chaos_complain(const char *fmt, ...)
{
	va_list ap;

	printf("chaos: ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	return (1);
}

int64_t
chaos_number(const rd_kafka_message_t *m)
{
	char s[24];

	snprintf(s, sizeof s, "%.*s", (int)m->len, (const char *)m->payload);
	return (strtoll(s, NULL, 10));
}

static void
quiet(const rd_kafka_t *rk, int level, const char *fac, const char *buf)
{
	(void)rk;
	(void)level;
	(void)fac;
	(void)buf;
}

rd_kafka_t *
chaos_client(struct chaos *c, rd_kafka_type_t type,
    const char *const *settings,
    void (*delivered)(rd_kafka_t *, const rd_kafka_message_t *, void *),
    void *opaque)
{
	rd_kafka_conf_t *conf = tool_conf(c->brokers, settings);
	static const char *const all[] = {
		"reconnect.backoff.ms", "10", "reconnect.backoff.max.ms",
		"50", "socket.timeout.ms", "10000",
		"retry.backoff.ms", "10", NULL
	};
	char why[256];
	rd_kafka_t *rk;
	size_t i;

	for (i = 0; all[i] != NULL; i += 2)
		if (rd_kafka_conf_set(conf, all[i], all[i + 1], why,
		    sizeof why) != RD_KAFKA_CONF_OK)
			tool_die("%s", why);
	rd_kafka_conf_set_log_cb(conf, quiet);
	rd_kafka_conf_set_opaque(conf, opaque);
	if (delivered != NULL)
		rd_kafka_conf_set_dr_msg_cb(conf, delivered);
	if ((rk = rd_kafka_new(type, conf, why, sizeof why)) == NULL)
		tool_die("%s", why);
	return (rk);
}

static rd_kafka_resp_err_t
create(rd_kafka_t *rk, rd_kafka_NewTopic_t *t)
{
	rd_kafka_queue_t *q = rd_kafka_queue_new(rk);
	const rd_kafka_topic_result_t **v;
	rd_kafka_resp_err_t err;
	rd_kafka_event_t *ev;
	size_t n;

	rd_kafka_CreateTopics(rk, &t, 1, NULL, q);
	ev = rd_kafka_queue_poll(q, -1);
	if ((err = rd_kafka_event_error(ev)) == 0) {
		v = rd_kafka_CreateTopics_result_topics(
		    rd_kafka_event_CreateTopics_result(ev), &n);
		err = rd_kafka_topic_result_error(v[0]);
	}
	rd_kafka_event_destroy(ev);
	rd_kafka_queue_destroy(q);
	return (err);
}

void
chaos_topic(struct chaos *c, const char *name, int partitions,
    const char *const *configs)
{
	static const char *const none[] = { NULL };
	rd_kafka_t *rk = chaos_client(c, RD_KAFKA_PRODUCER, none, NULL, NULL);
	char why[128];
	rd_kafka_NewTopic_t *t = rd_kafka_NewTopic_new(name, partitions, 1,
	    why, sizeof why);
	rd_kafka_resp_err_t err;

	for (; configs != NULL && *configs != NULL; configs += 2)
		rd_kafka_NewTopic_set_config(t, configs[0], configs[1]);
	do
		err = create(rk, t);
	while (err != 0 && err != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS);
	rd_kafka_NewTopic_destroy(t);
	rd_kafka_destroy(rk);
}

void
chaos_read(struct chaos *c, const char *topic, int partitions, bool committed,
    void (*fn)(void *, const rd_kafka_message_t *), void *ctx)
{
	const char *const settings[] = {
		"group.id", "chaos-read", "enable.auto.commit", "false",
		"auto.offset.reset", "earliest", "enable.partition.eof",
		"true", "isolation.level",
		committed ? "read_committed" : "read_uncommitted", NULL
	};
	rd_kafka_t *rk = chaos_client(c, RD_KAFKA_CONSUMER, settings, NULL,
	    NULL);
	rd_kafka_topic_partition_list_t *v;
	rd_kafka_message_t *m;
	int i, ends = 0;

	rd_kafka_poll_set_consumer(rk);
	v = rd_kafka_topic_partition_list_new(partitions);
	for (i = 0; i < partitions; i++)
		rd_kafka_topic_partition_list_add(v, topic, i)->offset =
		    RD_KAFKA_OFFSET_BEGINNING;
	rd_kafka_assign(rk, v);
	while (ends < partitions) {
		if ((m = rd_kafka_consumer_poll(rk, 10000)) == NULL)
			tool_die("chaos: %s: no end after 10 s", topic);
		if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
			ends++;
		else if (m->err == 0)
			fn(ctx, m);
		rd_kafka_message_destroy(m);
	}
	rd_kafka_topic_partition_list_destroy(v);
	rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
}

struct job {
	const struct chaos_worker	*w;
	void				*state;
	struct thread			 thread;
};

static void
job_run(void *arg)
{
	struct job *j = arg;

	j->w->run(j->state);
}

static bool
wanted(const char *only, const char *name)
{
	return (only == NULL || strcmp(only, name) == 0);
}

static int
run(struct chaos *c, const char *stop, const char *only)
{
	struct job jobs[NELEM(workers)] = { 0 };
	unsigned complaints = 0, k;
	uint64_t checks = 0, did;
	size_t i;

	for (i = 0; i < NELEM(workers); i++) {
		if (!wanted(only, workers[i]->name))
			continue;
		jobs[i].w = workers[i];
		jobs[i].state = workers[i]->make(c);
		if (thread_start(&jobs[i].thread, workers[i]->name, job_run,
		    &jobs[i], NULL) == -1)
			tool_die("thread");
	}
	while (access(stop, F_OK) == -1)
		tool_sleep_ns(20 * MS);
	atomic_store(&c->stop, true);
	for (i = 0; i < NELEM(workers); i++) {
		if (jobs[i].w == NULL)
			continue;
		thread_join(&jobs[i].thread);
		did = 0;
		k = jobs[i].w->check(jobs[i].state, &did);
		printf("chaos: %s: %" PRIu64 " checks, %u complaints\n",
		    jobs[i].w->name, did, k);
		fflush(stdout);
		checks += did;
		complaints += k + (did == 0);
	}
	printf("chaos: %" PRIu64 " checks, %u complaints\n", checks,
	    complaints);
	return (complaints == 0 ? TOOL_OK : TOOL_FAILED);
}

int
tool_chaos(int argc, char **argv)
{
	struct chaos c = { .name = "0" };
	const char *stop = NULL, *only = NULL;
	int64_t seed = 0;
	const struct flag flags[] = {
		FLAG_STR_ROW("brokers", &c.brokers, "HOST:PORT", "Of whom."),
		FLAG_STR_ROW("stop", &stop, "FILE", "Ends when it is there."),
		FLAG_STR_ROW("only", &only, "WORKER", "This one alone."),
		FLAG_STR_ROW("name", &c.name, "NAME",
		    "In names, that several may run at once."),
		FLAG_INT_ROW("seed", &seed, "N", "0: a random one."),
		FLAG_LAST
	};
	int rc = flags_parse(flags, "t chaos", "Uses a broker that is killed.",
	    argc, argv, NULL);

	if (rc != 0)
		return (rc == FLAGS_HELP ? TOOL_OK : TOOL_TROUBLE);
	if (c.brokers == NULL || stop == NULL)
		tool_die("chaos: give --brokers and --stop");
	if (seed == 0 && getrandom(&seed, 4, 0) != 4)
		tool_die("getrandom");
	printf("chaos: seed %" PRId64 "\n", seed);
	fflush(stdout);
	c.seed = (uint64_t)seed;
	return (run(&c, stop, only));
}
