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
#include "cli/topics.h"

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

int
topics_must_exist(struct topics *t, const struct rd_kafka_metadata *md,
    bool *there, struct err *e)
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

	if ((rc = topics_must_exist(t, md, &there, e)) == -1 || !there)
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

	if ((rc = topics_must_exist(t, md, &there, e)) == -1 || !there)
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

const struct rd_kafka_metadata_topic **
topics_chosen(const struct topics *t, const struct rd_kafka_metadata *md)
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
	const struct rd_kafka_metadata_topic **v = topics_chosen(t, md);
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
	if (t->overridden + t->under_replicated + t->unavailable +
	    t->under_min_isr + t->at_min_isr > !!t->describe) {
		fprintf(stderr, "leat topics: --topics-with-overrides, "
		    "--under-replicated-partitions, --unavailable-partitions, "
		    "--under-min-isr-partitions, --at-min-isr-partitions: "
		    "give one, with --describe\n");
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
		return (topics_describe(t, md, e));
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
		FLAG_BOOL_ROW("topics-with-overrides", &t.overridden,
		    "With --describe: topics with settings of their own."),
		FLAG_BOOL_ROW("under-replicated-partitions",
		    &t.under_replicated, "With --describe: partitions with "
		    "fewer replicas in sync than they have."),
		FLAG_BOOL_ROW("unavailable-partitions", &t.unavailable,
		    "With --describe: partitions without a leader."),
		FLAG_BOOL_ROW("under-min-isr-partitions", &t.under_min_isr,
		    "With --describe: fewer in sync than "
		    "min.insync.replicas."),
		FLAG_BOOL_ROW("at-min-isr-partitions", &t.at_min_isr,
		    "With --describe: exactly as many."),
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
