/* leat topics: create, list, describe, alter, delete, with the flags of
 * kafka-topics.sh. */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/partitions.h"

struct topics {
	struct client_flags	 client;
	bool			 list, create, describe, alter, delete;
	bool			 if_exists, if_not_exists, exclude_internal;
	const char		*topic;
	int64_t			 partitions, replication;
	struct flag_list	 configs;
	rd_kafka_t		*rk;
};

static bool
is_internal(const char *name)
{
	return (strcmp(name, "__consumer_offsets") == 0 ||
	    strcmp(name, "__transaction_state") == 0);
}

/* --- admin requests on one topic --- */

static int
topic_result(const rd_kafka_topic_result_t *const *v, size_t n, struct err *e)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (rd_kafka_topic_result_error(v[i]) != 0)
			return (err_set(e, ERR_REFUSED, "topic %s: %s",
			    rd_kafka_topic_result_name(v[i]),
			    rd_kafka_topic_result_error_string(v[i])));
	return (0);
}

static const rd_kafka_topic_result_t **
results_of(rd_kafka_event_t *ev, size_t *n)
{
	switch (rd_kafka_event_type(ev)) {
	case RD_KAFKA_EVENT_CREATETOPICS_RESULT:
		return (rd_kafka_CreateTopics_result_topics(
		    rd_kafka_event_CreateTopics_result(ev), n));
	case RD_KAFKA_EVENT_DELETETOPICS_RESULT:
		return (rd_kafka_DeleteTopics_result_topics(
		    rd_kafka_event_DeleteTopics_result(ev), n));
	case RD_KAFKA_EVENT_CREATEPARTITIONS_RESULT:
		return (rd_kafka_CreatePartitions_result_topics(
		    rd_kafka_event_CreatePartitions_result(ev), n));
	default:
		*n = 0;
		return (NULL);
	}
}

static int
finish(struct topics *t, rd_kafka_queue_t *q, struct err *e)
{
	const rd_kafka_topic_result_t **v;
	rd_kafka_event_t *ev = client_wait(q, &t->client, e);
	size_t n;
	int rc = -1;

	if (ev != NULL) {
		v = results_of(ev, &n);
		rc = topic_result((const rd_kafka_topic_result_t *const *)v,
		    n, e);
		rd_kafka_event_destroy(ev);
	}
	rd_kafka_queue_destroy(q);
	return (rc);
}

static int
add_configs(struct topics *t, rd_kafka_NewTopic_t *nt, struct err *e)
{
	const char *eq;
	char key[128];
	size_t i;

	for (i = 0; i < t->configs.n; i++) {
		eq = strchr(t->configs.v[i], '=');
		if (eq == NULL ||
		    (size_t)(eq - t->configs.v[i]) >= sizeof key)
			return (err_set(e, ERR_CONFIG, "--config %s: give "
			    "key=value", t->configs.v[i]));
		memcpy(key, t->configs.v[i], (size_t)(eq - t->configs.v[i]));
		key[eq - t->configs.v[i]] = '\0';
		rd_kafka_NewTopic_set_config(nt, key, eq + 1);
	}
	return (0);
}

static int
create(struct topics *t, const struct rd_kafka_metadata *md, struct err *e)
{
	rd_kafka_NewTopic_t *nt;
	rd_kafka_queue_t *q;
	char why[512];
	int rc;

	if (t->if_not_exists && topic_in(md, t->topic) != NULL)
		return (0);
	nt = rd_kafka_NewTopic_new(t->topic, (int)t->partitions,
	    (int)t->replication, why, sizeof why);
	if (nt == NULL)
		return (err_set(e, ERR_CONFIG, "topic %s: %s", t->topic, why));
	if (add_configs(t, nt, e) == -1) {
		rd_kafka_NewTopic_destroy(nt);
		return (-1);
	}
	q = rd_kafka_queue_new(t->rk);
	rd_kafka_CreateTopics(t->rk, &nt, 1, NULL, q);
	rc = finish(t, q, e);
	rd_kafka_NewTopic_destroy(nt);
	if (rc == 0)
		printf("Created topic %s.\n", t->topic);
	return (rc);
}

static int
must_exist(struct topics *t, const struct rd_kafka_metadata *md, bool *there,
    struct err *e)
{
	*there = topic_in(md, t->topic) != NULL;
	if (*there || t->if_exists)
		return (0);
	return (no_topic(md, t->topic, e));
}

static int
delete(struct topics *t, const struct rd_kafka_metadata *md, struct err *e)
{
	rd_kafka_DeleteTopic_t *dt;
	rd_kafka_queue_t *q;
	bool there;
	int rc;

	if ((rc = must_exist(t, md, &there, e)) == -1 || !there)
		return (rc);
	dt = rd_kafka_DeleteTopic_new(t->topic);
	q = rd_kafka_queue_new(t->rk);
	rd_kafka_DeleteTopics(t->rk, &dt, 1, NULL, q);
	rc = finish(t, q, e);
	rd_kafka_DeleteTopic_destroy(dt);
	if (rc == 0)
		printf("Deleted topic %s.\n", t->topic);
	return (rc);
}

static int
alter(struct topics *t, const struct rd_kafka_metadata *md, struct err *e)
{
	rd_kafka_NewPartitions_t *np;
	rd_kafka_queue_t *q;
	char why[512];
	bool there;
	int rc;

	if ((rc = must_exist(t, md, &there, e)) == -1 || !there)
		return (rc);
	np = rd_kafka_NewPartitions_new(t->topic, (size_t)t->partitions, why,
	    sizeof why);
	if (np == NULL)
		return (err_set(e, ERR_CONFIG, "topic %s: %s", t->topic, why));
	q = rd_kafka_queue_new(t->rk);
	rd_kafka_CreatePartitions(t->rk, &np, 1, NULL, q);
	rc = finish(t, q, e);
	rd_kafka_NewPartitions_destroy(np);
	if (rc == 0)
		printf("Topic %s now has %lld partitions.\n", t->topic,
		    (long long)t->partitions);
	return (rc);
}

/* --- looking --- */

static int
by_name(const void *a, const void *b)
{
	const struct rd_kafka_metadata_topic *const *x = a, *const *y = b;

	return (strcmp((*x)->topic, (*y)->topic));
}

/* The topics that are asked for, sorted; NULL-ended. */
static const struct rd_kafka_metadata_topic **
chosen(const struct topics *t, const struct rd_kafka_metadata *md)
{
	const struct rd_kafka_metadata_topic **v;
	size_t n = 0;
	int i;

	v = xcalloc((size_t)md->topic_cnt + 1, sizeof *v);
	for (i = 0; i < md->topic_cnt; i++) {
		if (t->exclude_internal && is_internal(md->topics[i].topic))
			continue;
		if (t->topic == NULL ||
		    fnmatch(t->topic, md->topics[i].topic, 0) == 0)
			v[n++] = &md->topics[i];
	}
	qsort(v, n, sizeof *v, by_name);
	return (v);
}

static void
list(const struct topics *t, const struct rd_kafka_metadata *md)
{
	const struct rd_kafka_metadata_topic **v = chosen(t, md);
	struct sb out = SB_INIT;
	size_t i;

	for (i = 0; v[i] != NULL; i++) {
		if (!client_json(&t->client)) {
			printf("%s\n", v[i]->topic);
			continue;
		}
		sb_puts(&out, i == 0 ? "[" : ", ");
		sb_json(&out, slice_str(v[i]->topic));
	}
	if (client_json(&t->client))
		printf("%s]\n", i == 0 ? "[" : out.ptr);
	sb_fini(&out);
	free(v);
}

/* Settings of a topic that are not defaults, as "a=b,c=d". */
static void
add_overrides(struct sb *out, const rd_kafka_ConfigResource_t *r)
{
	const rd_kafka_ConfigEntry_t **v;
	size_t i, n;
	const char *sep = "";

	v = rd_kafka_ConfigResource_configs(r, &n);
	for (i = 0; i < n; i++) {
		if (rd_kafka_ConfigEntry_source(v[i]) !=
		    RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG)
			continue;
		sb_printf(out, "%s%s=%s", sep, rd_kafka_ConfigEntry_name(v[i]),
		    rd_kafka_ConfigEntry_value(v[i]));
		sep = ",";
	}
}

static void
overrides(struct topics *t, const char *topic, struct sb *out)
{
	rd_kafka_ConfigResource_t *r = rd_kafka_ConfigResource_new(
	    RD_KAFKA_RESOURCE_TOPIC, topic);
	rd_kafka_queue_t *q = rd_kafka_queue_new(t->rk);
	const rd_kafka_ConfigResource_t **v;
	rd_kafka_event_t *ev;
	struct err e = ERR_INIT;
	size_t n;

	sb_puts(out, "");
	rd_kafka_DescribeConfigs(t->rk, &r, 1, NULL, q);
	ev = client_wait(q, &t->client, &e);
	if (ev != NULL) {
		v = rd_kafka_DescribeConfigs_result_resources(
		    rd_kafka_event_DescribeConfigs_result(ev), &n);
		if (n == 1)
			add_overrides(out, v[0]);
		rd_kafka_event_destroy(ev);
	}
	rd_kafka_queue_destroy(q);
	rd_kafka_ConfigResource_destroy(r);
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
describe_people(const struct rd_kafka_metadata_topic *m, const char *configs)
{
	const struct rd_kafka_metadata_partition *p;
	struct sb replicas = SB_INIT, isr = SB_INIT;
	int i;

	printf("Topic: %s\tPartitionCount: %d\tReplicationFactor: %d\t"
	    "Configs: %s\n", m->topic, m->partition_cnt,
	    m->partition_cnt > 0 ? m->partitions[0].replica_cnt : 0, configs);
	for (i = 0; i < m->partition_cnt; i++) {
		p = &m->partitions[i];
		replicas.len = isr.len = 0;
		add_ids(&replicas, p->replicas, p->replica_cnt);
		add_ids(&isr, p->isrs, p->isr_cnt);
		printf("\tTopic: %s\tPartition: %d\tLeader: %d\tReplicas: %s\t"
		    "Isr: %s\n", m->topic, p->id, p->leader, replicas.ptr,
		    isr.ptr);
	}
	sb_fini(&replicas);
	sb_fini(&isr);
}

static void
describe_json(const struct rd_kafka_metadata_topic *m, const char *configs,
    bool first)
{
	const struct rd_kafka_metadata_partition *p;
	struct sb out = SB_INIT;
	int i;

	sb_puts(&out, first ? "[" : ",\n ");
	sb_puts(&out, "{\"topic\": ");
	sb_json(&out, slice_str(m->topic));
	sb_puts(&out, ", \"configs\": ");
	sb_json(&out, slice_str(configs));
	sb_puts(&out, ", \"partitions\": [");
	for (i = 0; i < m->partition_cnt; i++) {
		p = &m->partitions[i];
		sb_printf(&out, "%s{\"partition\": %d, \"leader\": %d, "
		    "\"replicas\": [", i == 0 ? "" : ", ", p->id, p->leader);
		add_ids(&out, p->replicas, p->replica_cnt);
		sb_puts(&out, "], \"isr\": [");
		add_ids(&out, p->isrs, p->isr_cnt);
		sb_puts(&out, "]}");
	}
	sb_puts(&out, "]}");
	fputs(out.ptr, stdout);
	sb_fini(&out);
}

static int
describe(struct topics *t, const struct rd_kafka_metadata *md, struct err *e)
{
	const struct rd_kafka_metadata_topic **v = chosen(t, md);
	struct sb configs = SB_INIT;
	bool there = true;
	size_t i;

	if (v[0] == NULL && t->topic != NULL &&
	    must_exist(t, md, &there, e) == -1) {
		free(v);
		return (-1);
	}
	for (i = 0; v[i] != NULL; i++) {
		configs.len = 0;
		overrides(t, v[i]->topic, &configs);
		if (client_json(&t->client))
			describe_json(v[i], configs.ptr, i == 0);
		else
			describe_people(v[i], configs.ptr);
	}
	if (client_json(&t->client))
		printf("%s]\n", i == 0 ? "[" : "");
	sb_fini(&configs);
	free(v);
	return (0);
}

/* --- the command --- */

static int
check_flags(const struct topics *t)
{
	int actions = t->list + t->create + t->describe + t->alter + t->delete;

	if (actions != 1) {
		fprintf(stderr, "leat topics: give one of --list, --create, "
		    "--describe, --alter, --delete\n");
		return (CLI_USAGE);
	}
	if (t->topic == NULL && (t->create || t->alter || t->delete)) {
		fprintf(stderr, "leat topics: which topic? Give --topic "
		    "NAME\n");
		return (CLI_USAGE);
	}
	if (t->alter && t->partitions < 1) {
		fprintf(stderr, "leat topics: --alter changes the number of "
		    "partitions: give --partitions N\n");
		return (CLI_USAGE);
	}
	return (0);
}

static int
act(struct topics *t, const struct rd_kafka_metadata *md, struct err *e)
{
	if (t->create)
		return (create(t, md, e));
	if (t->delete)
		return (delete(t, md, e));
	if (t->alter)
		return (alter(t, md, e));
	if (t->describe)
		return (describe(t, md, e));
	list(t, md);
	return (0);
}

static int
run(struct topics *t)
{
	const struct rd_kafka_metadata *md;
	struct err e = ERR_INIT;
	int rc;

	t->rk = client_new(RD_KAFKA_PRODUCER, &t->client, NULL, &e);
	if (t->rk == NULL)
		return (client_failed("topics", &e));
	rc = client_metadata(t->rk, &t->client, NULL, &md, &e);
	if (rc == 0) {
		rc = act(t, md, &e);
		rd_kafka_metadata_destroy(md);
	}
	rd_kafka_destroy(t->rk);
	return (rc == 0 ? CLI_OK : client_failed("topics", &e));
}

int
topics_command(int argc, char **argv)
{
	struct topics t = { .partitions = -1, .replication = -1 };
	const struct flag flags[] = {
		FLAG_BOOL_ROW("list", &t.list, "List the topics."),
		FLAG_BOOL_ROW("create", &t.create, "Create a topic."),
		FLAG_BOOL_ROW("describe", &t.describe, "Show partitions and "
		    "settings."),
		FLAG_BOOL_ROW("alter", &t.alter, "Add partitions."),
		FLAG_BOOL_ROW("delete", &t.delete, "Delete a topic."),
		FLAG_STR_ROW("topic", &t.topic, "NAME", "The topic; a "
		    "pattern with * and ? for --list and --describe."),
		FLAG_INT_ROW("partitions", &t.partitions, "N", "Partitions; "
		    "the broker's default unless given."),
		FLAG_INT_ROW("replication-factor", &t.replication, "N",
		    "Replicas; the broker's default unless given."),
		FLAG_LIST_ROW("config", &t.configs, "KEY=VALUE", "A setting "
		    "of a new topic; may be repeated."),
		FLAG_BOOL_ROW("if-exists", &t.if_exists, "No error when "
		    "the topic is not there."),
		FLAG_BOOL_ROW("if-not-exists", &t.if_not_exists, "No error "
		    "when it is there already."),
		FLAG_BOOL_ROW("exclude-internal", &t.exclude_internal,
		    "Leave out topics of the broker itself."),
		CLIENT_FLAGS(&t.client),
		FLAG_LAST
	};
	int rc;

	rc = flags_parse(flags, "leat topics", "Creates, lists, describes, "
	    "alters and deletes topics.", argc, argv, NULL);
	if (rc == 0)
		rc = check_flags(&t);
	if (rc == 0)
		rc = run(&t);
	flag_list_fini(&t.configs);
	return (rc == FLAGS_HELP ? CLI_OK : rc);
}
