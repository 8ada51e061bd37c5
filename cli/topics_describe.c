/* leat topics --describe: partitions and settings, or only those in need of a
 * look. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/topics.h"

/* What describing needs to know of a topic's settings. */
struct settings {
	struct sb	own;		/* "a=b,c=d": those of its own */
	int64_t		min_isr;
};

static void
learn(struct settings *s, const rd_kafka_ConfigResource_t *r)
{
	const rd_kafka_ConfigEntry_t **v;
	const char *name, *value;
	size_t i, n;

	v = rd_kafka_ConfigResource_configs(r, &n);
	for (i = 0; i < n; i++) {
		name = rd_kafka_ConfigEntry_name(v[i]);
		value = rd_kafka_ConfigEntry_value(v[i]);
		if (strcmp(name, "min.insync.replicas") == 0 && value != NULL)
			str_int64(value, &s->min_isr);
		if (rd_kafka_ConfigEntry_source(v[i]) ==
		    RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG)
			sb_printf(&s->own, "%s%s=%s", s->own.len > 0 ? "," :
			    "", name, value == NULL ? "null" : value);
	}
}

static void
settings_of(struct topics *t, const char *topic, struct settings *s)
{
	rd_kafka_ConfigResource_t *r = rd_kafka_ConfigResource_new(
	    RD_KAFKA_RESOURCE_TOPIC, topic);
	rd_kafka_queue_t *q = rd_kafka_queue_new(t->rk);
	const rd_kafka_ConfigResource_t **v;
	rd_kafka_event_t *ev;
	struct err e = ERR_INIT;
	size_t n;

	s->own.len = 0;
	s->min_isr = 1;
	sb_puts(&s->own, "");
	rd_kafka_DescribeConfigs(t->rk, &r, 1, NULL, q);
	ev = client_wait(q, &t->client, &e);
	if (ev != NULL) {
		v = rd_kafka_DescribeConfigs_result_resources(
		    rd_kafka_event_DescribeConfigs_result(ev), &n);
		if (n == 1)
			learn(s, v[0]);
		rd_kafka_event_destroy(ev);
	}
	rd_kafka_queue_destroy(q);
	rd_kafka_ConfigResource_destroy(r);
}

/* --- which partitions --- */

static bool
is_some(const struct topics *t)
{
	return (t->under_replicated || t->unavailable || t->under_min_isr ||
	    t->at_min_isr);
}

static bool
is_alive(const struct rd_kafka_metadata *md, int32_t broker)
{
	int i;

	for (i = 0; i < md->broker_cnt; i++)
		if (md->brokers[i].id == broker)
			return (true);
	return (false);
}

static bool
is_shown(const struct topics *t, const struct rd_kafka_metadata *md,
    const struct rd_kafka_metadata_partition *p, const struct settings *s)
{
	if (!is_some(t))
		return (!t->overridden);
	return ((t->under_replicated && p->isr_cnt < p->replica_cnt) ||
	    (t->unavailable && !is_alive(md, p->leader)) ||
	    (t->under_min_isr && p->isr_cnt < s->min_isr) ||
	    (t->at_min_isr && p->isr_cnt == s->min_isr));
}

static void
add_ids(struct sb *out, const int32_t *v, int n)
{
	int i;

	sb_puts(out, "");
	for (i = 0; i < n; i++)
		sb_printf(out, "%s%d", i == 0 ? "" : ",", v[i]);
}

static void
print_partition(const char *topic, const struct rd_kafka_metadata_partition *p)
{
	struct sb replicas = SB_INIT, isr = SB_INIT;

	add_ids(&replicas, p->replicas, p->replica_cnt);
	add_ids(&isr, p->isrs, p->isr_cnt);
	printf("\tTopic: %s\tPartition: %d\tLeader: %d\tReplicas: %s\t"
	    "Isr: %s\n", topic, p->id, p->leader, replicas.ptr, isr.ptr);
	sb_fini(&replicas);
	sb_fini(&isr);
}

static void
describe_people(const struct topics *t, const struct rd_kafka_metadata *md,
    const struct rd_kafka_metadata_topic *m, const struct settings *s)
{
	int i;

	if (!is_some(t))
		printf("Topic: %s\tPartitionCount: %d\tReplicationFactor: "
		    "%d\tConfigs: %s\n", m->topic, m->partition_cnt,
		    m->partition_cnt > 0 ? m->partitions[0].replica_cnt : 0,
		    s->own.ptr);
	for (i = 0; i < m->partition_cnt; i++)
		if (is_shown(t, md, &m->partitions[i], s))
			print_partition(m->topic, &m->partitions[i]);
}

static void
add_partition(struct sb *out, const struct rd_kafka_metadata_partition *p)
{
	if (out->ptr[out->len - 1] != '[')
		sb_puts(out, ", ");
	sb_printf(out, "{\"partition\": %d, \"leader\": %d, \"replicas\": [",
	    p->id, p->leader);
	add_ids(out, p->replicas, p->replica_cnt);
	sb_puts(out, "], \"isr\": [");
	add_ids(out, p->isrs, p->isr_cnt);
	sb_puts(out, "]}");
}

static void
describe_json(const struct topics *t, const struct rd_kafka_metadata *md,
    const struct rd_kafka_metadata_topic *m, const struct settings *s,
    bool first)
{
	struct sb out = SB_INIT;
	int i;

	sb_puts(&out, first ? "[" : ",\n ");
	sb_puts(&out, "{\"topic\": ");
	sb_json(&out, slice_str(m->topic));
	sb_puts(&out, ", \"configs\": ");
	sb_json(&out, slice_str(s->own.ptr));
	sb_puts(&out, ", \"partitions\": [");
	for (i = 0; i < m->partition_cnt; i++)
		if (is_shown(t, md, &m->partitions[i], s))
			add_partition(&out, &m->partitions[i]);
	sb_puts(&out, "]}");
	fputs(out.ptr, stdout);
	sb_fini(&out);
}

/* Has it what is asked for? */
static bool
is_wanted(const struct topics *t, const struct rd_kafka_metadata *md,
    const struct rd_kafka_metadata_topic *m, const struct settings *s)
{
	int i;

	if (t->overridden)
		return (s->own.len > 0);
	if (!is_some(t))
		return (true);
	for (i = 0; i < m->partition_cnt; i++)
		if (is_shown(t, md, &m->partitions[i], s))
			return (true);
	return (false);
}

int
topics_describe(struct topics *t, const struct rd_kafka_metadata *md,
    struct err *e)
{
	const struct rd_kafka_metadata_topic **v = topics_chosen(t, md);
	struct settings s = { .own = SB_INIT };
	bool there = true, first = true;
	size_t i;

	if (v[0] == NULL && t->topic != NULL &&
	    topics_must_exist(t, md, &there, e) == -1) {
		free(v);
		return (-1);
	}
	for (i = 0; v[i] != NULL; i++) {
		settings_of(t, v[i]->topic, &s);
		if (!is_wanted(t, md, v[i], &s))
			continue;
		if (client_json(&t->client))
			describe_json(t, md, v[i], &s, first);
		else
			describe_people(t, md, v[i], &s);
		first = false;
	}
	if (client_json(&t->client))
		printf("%s]\n", first ? "[" : "");
	sb_fini(&s.own);
	free(v);
	return (0);
}
