/*
 * Committed offsets: of a consumer by itself, which counts up and must find
 * what was acknowledged last, or a later one that it asked for; and of a group
 * with members that come and go, of whose commits none may be taken back.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/thread.h"
#include "test/tool/chaos.h"

#define PARTITIONS	3
#define TOPIC		"chaos-plain"	/* filled by another worker */
#define MS		1000000

struct commits {
	struct chaos	*chaos;
	const char	*group;
	struct mutex	 lock;
	int64_t		 asked[PARTITIONS], acked[PARTITIONS];
	atomic_ulong	 did;		/* acknowledged commits */
};

static void *
make(struct chaos *c, const char *group)
{
	struct commits *x = xcalloc(1, sizeof *x);

	x->chaos = c;
	x->group = group;
	mutex_init(&x->lock);
	return (x);
}

static void *
make_offsets(struct chaos *c)
{
	return (make(c, "chaos-offsets"));
}

static void *
make_members(struct chaos *c)
{
	return (make(c, "chaos-members"));
}

static rd_kafka_t *
consumer(struct commits *x)
{
	const char *const settings[] = {
		"group.id", x->group, "enable.auto.commit", "false",
		"auto.offset.reset", "earliest", "session.timeout.ms", "6000",
		"heartbeat.interval.ms", "200", NULL
	};

	return (chaos_client(x->chaos, RD_KAFKA_CONSUMER, settings, NULL,
	    NULL));
}

static void
commit(struct commits *x, rd_kafka_t *rk, int32_t partition, int64_t offset)
{
	rd_kafka_topic_partition_list_t *v;
	bool acked;

	v = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(v, TOPIC, partition)->offset =
	    offset;
	mutex_lock(&x->lock);
	if (x->asked[partition] < offset)
		x->asked[partition] = offset;
	mutex_unlock(&x->lock);
	acked = rd_kafka_commit(rk, v, 0) == 0 && v->elems[0].err == 0;
	mutex_lock(&x->lock);
	if (acked && x->acked[partition] < offset)
		x->acked[partition] = offset;
	mutex_unlock(&x->lock);
	if (acked)
		atomic_fetch_add(&x->did, 1);
	rd_kafka_topic_partition_list_destroy(v);
}

static bool
go_on(struct commits *x)
{
	return (!atomic_load(&x->chaos->stop) || atomic_load(&x->did) == 0);
}

static void
run_offsets(void *arg)
{
	struct commits *x = arg;
	rd_kafka_t *rk = consumer(x);
	int64_t n = 0;

	chaos_topic(x->chaos, TOPIC, PARTITIONS, NULL);
	while (go_on(x)) {
		commit(x, rk, (int32_t)(n % PARTITIONS), n + 1);
		n++;
	}
	rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
}

/* One member: joins, reads and commits for a while, leaves; again. */
static void
live(struct commits *x, int64_t reads)
{
	rd_kafka_topic_partition_list_t *v;
	rd_kafka_t *rk = consumer(x);
	rd_kafka_message_t *m;

	rd_kafka_poll_set_consumer(rk);
	v = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(v, TOPIC, RD_KAFKA_PARTITION_UA);
	rd_kafka_subscribe(rk, v);
	rd_kafka_topic_partition_list_destroy(v);
	while (reads > 0 && go_on(x)) {
		if ((m = rd_kafka_consumer_poll(rk, 50)) == NULL)
			continue;
		if (m->err == 0 && --reads % 16 == 0)
			commit(x, rk, m->partition, m->offset + 1);
		rd_kafka_message_destroy(m);
	}
	rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
}

static void
member(void *arg)
{
	struct commits *x = arg;
	struct tool_random r = { x->chaos->seed + 3 };

	while (go_on(x))
		live(x, 200 + (int64_t)tool_random_below(&r, 2000));
}

static void
run_members(void *arg)
{
	struct commits *x = arg;
	struct thread t;

	chaos_topic(x->chaos, TOPIC, PARTITIONS, NULL);
	if (thread_start(&t, "member", member, x, NULL) == -1)
		tool_die("thread");
	while (go_on(x))
		live(x, INT64_MAX);
	thread_join(&t);
}

static unsigned
check(void *arg, uint64_t *did)
{
	struct commits *x = arg;
	rd_kafka_t *rk = consumer(x);
	rd_kafka_topic_partition_list_t *v;
	unsigned complaints = 0;
	rd_kafka_resp_err_t err;
	int64_t at;
	int i;

	v = rd_kafka_topic_partition_list_new(PARTITIONS);
	for (i = 0; i < PARTITIONS; i++)
		rd_kafka_topic_partition_list_add(v, TOPIC, i);
	if ((err = rd_kafka_committed(rk, v, 20000)) != 0)
		complaints = chaos_complain("%s: %s", x->group,
		    rd_kafka_err2str(err));
	for (i = 0; err == 0 && i < PARTITIONS; i++) {
		at = v->elems[i].offset < 0 ? 0 : v->elems[i].offset;
		if (at < x->acked[i] || at > x->asked[i])
			complaints += chaos_complain("%s: partition %d stands "
			    "at %" PRId64 "; acknowledged was %" PRId64
			    ", asked for at most %" PRId64, x->group, i, at,
			    x->acked[i], x->asked[i]);
	}
	rd_kafka_topic_partition_list_destroy(v);
	rd_kafka_destroy(rk);
	*did = x->did;
	mutex_fini(&x->lock);
	free(x);
	return (complaints);
}

const struct chaos_worker chaos_offsets = {
	"offsets", make_offsets, run_offsets, check
}, chaos_members = {
	"members", make_members, run_members, check
};
