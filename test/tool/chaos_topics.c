/*
 * Topics that are created and deleted: one that was acknowledged is there with
 * all its partitions, one whose deletion was is not.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "test/tool/chaos.h"

#define TOPICS		2000
#define MS		1000000

enum known { UNKNOWN, CREATED, DELETED };

struct topics {
	struct chaos		*chaos;
	struct tool_random	 random;
	rd_kafka_t		*rk;
	rd_kafka_queue_t	*queue;
	uint8_t			 v[TOPICS];	/* enum known */
	int			 n;
};

static void *
make(struct chaos *c)
{
	struct topics *t = xcalloc(1, sizeof *t);

	t->chaos = c;
	t->random.state = c->seed + 4;
	return (t);
}

static void
name_of(char name[32], int i)
{
	snprintf(name, 32, "chaos-topic-%d", i);
}

static int
partitions_of(int i)
{
	return (1 + i % 3);
}

/* The first result's error of either kind of event, or the event's. */
static rd_kafka_resp_err_t
outcome(struct topics *t)
{
	rd_kafka_event_t *ev = rd_kafka_queue_poll(t->queue, -1);
	rd_kafka_resp_err_t err = rd_kafka_event_error(ev);
	const rd_kafka_topic_result_t **v = NULL;
	size_t n;

	if (err == 0 && rd_kafka_event_type(ev) ==
	    RD_KAFKA_EVENT_CREATETOPICS_RESULT)
		v = rd_kafka_CreateTopics_result_topics(
		    rd_kafka_event_CreateTopics_result(ev), &n);
	else if (err == 0)
		v = rd_kafka_DeleteTopics_result_topics(
		    rd_kafka_event_DeleteTopics_result(ev), &n);
	if (v != NULL)
		err = rd_kafka_topic_result_error(v[0]);
	rd_kafka_event_destroy(ev);
	return (err);
}

static bool
create(struct topics *t, int i)
{
	rd_kafka_NewTopic_t *topic;
	char name[32], why[128];

	name_of(name, i);
	topic = rd_kafka_NewTopic_new(name, partitions_of(i), 1, why,
	    sizeof why);
	rd_kafka_CreateTopics(t->rk, &topic, 1, NULL, t->queue);
	rd_kafka_NewTopic_destroy(topic);
	return (outcome(t) == 0);
}

static bool
delete(struct topics *t, int i)
{
	rd_kafka_DeleteTopic_t *topic;
	char name[32];

	name_of(name, i);
	topic = rd_kafka_DeleteTopic_new(name);
	rd_kafka_DeleteTopics(t->rk, &topic, 1, NULL, t->queue);
	rd_kafka_DeleteTopic_destroy(topic);
	return (outcome(t) == 0);
}

static void
run(void *arg)
{
	static const char *const none[] = { NULL };
	struct topics *t = arg;
	int i;

	t->rk = chaos_client(t->chaos, RD_KAFKA_PRODUCER, none, NULL, NULL);
	t->queue = rd_kafka_queue_new(t->rk);
	while (!atomic_load(&t->chaos->stop) && t->n < TOPICS) {
		i = t->n++;
		if (create(t, i))
			t->v[i] = CREATED;
		i = (int)tool_random_below(&t->random, (uint64_t)t->n);
		/* Most go again, so that there are never many. */
		if (t->v[i] == CREATED && (t->n < 10 || i % 10 != 0)) {
			t->v[i] = UNKNOWN;
			if (delete(t, i))
				t->v[i] = DELETED;
		}
		tool_sleep_ns(20 * MS);
	}
}

static int32_t
found(const struct rd_kafka_metadata *md, const char *name)
{
	int i;

	for (i = 0; i < md->topic_cnt; i++)
		if (strcmp(md->topics[i].topic, name) == 0)
			return (md->topics[i].partition_cnt);
	return (0);
}

static unsigned
check(void *arg, uint64_t *did)
{
	const struct rd_kafka_metadata *md;
	struct topics *t = arg;
	unsigned complaints = 0;
	char name[32];
	int32_t n;
	int i;

	if (rd_kafka_metadata(t->rk, 1, NULL, &md, 20000) != 0)
		tool_die("chaos: no metadata");
	for (i = 0; i < t->n; i++) {
		name_of(name, i);
		n = found(md, name);
		*did += t->v[i] != UNKNOWN;
		if (t->v[i] == CREATED && n != partitions_of(i))
			complaints += chaos_complain("%s was created with %d "
			    "partitions, has %d", name, partitions_of(i), n);
		if (t->v[i] == DELETED && n != 0)
			complaints += chaos_complain("%s was deleted and is "
			    "there", name);
	}
	rd_kafka_metadata_destroy(md);
	rd_kafka_queue_destroy(t->queue);
	rd_kafka_destroy(t->rk);
	free(t);
	return (complaints);
}

const struct chaos_worker chaos_topics = { "topics", make, run, check };
