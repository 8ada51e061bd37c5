/*
 * leat consumer-groups: list, describe with lag, reset and delete offsets,
 * delete; the flags and columns of kafka-consumer-groups.sh.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/groups.h"
#include "cli/partitions.h"

/* --- list --- */

static int
by_name(const void *a, const void *b)
{
	const rd_kafka_ConsumerGroupListing_t *const *x = a, *const *y = b;

	return (strcmp(rd_kafka_ConsumerGroupListing_group_id(*x),
	    rd_kafka_ConsumerGroupListing_group_id(*y)));
}

/* Is the state one of "a,b"?  All are of "". */
static bool
in_states(const char *states, const char *state)
{
	size_t n = strlen(state), len;

	if (states[0] == '\0')
		return (true);
	for (;; states += len + 1) {
		len = strcspn(states, ",");
		if (len == n && strncasecmp(states, state, n) == 0)
			return (true);
		if (states[len] == '\0')
			return (false);
	}
}

static void
list_one(struct groups *g, const rd_kafka_ConsumerGroupListing_t *l)
{
	const char *name = rd_kafka_ConsumerGroupListing_group_id(l);
	const char *state = rd_kafka_consumer_group_state_name(
	    rd_kafka_ConsumerGroupListing_state(l));

	if (g->state != NULL && !in_states(g->state, state))
		return;
	if (client_json(&g->client) && g->state == NULL)
		rows_name(&g->out, name);
	else if (client_json(&g->client)) {
		rows_begin(&g->out);
		rows_str(&g->out, "group", name);
		rows_str(&g->out, "state", state);
		rows_end(&g->out);
	} else if (g->state != NULL) {
		if (g->out.n++ == 0)
			printf("%-25s %s\n", "GROUP", "STATE");
		printf("%-25s %s\n", name, state);
	} else
		printf("%s\n", name);
}

static int
list(struct groups *g, struct err *e)
{
	rd_kafka_queue_t *q = rd_kafka_queue_new(g->rk);
	const rd_kafka_ConsumerGroupListing_t **v, **sorted;
	rd_kafka_event_t *ev;
	size_t i, n;

	rd_kafka_ListConsumerGroups(g->rk, NULL, q);
	ev = client_wait(q, &g->client, e);
	rd_kafka_queue_destroy(q);
	if (ev == NULL)
		return (-1);
	v = rd_kafka_ListConsumerGroups_result_valid(
	    rd_kafka_event_ListConsumerGroups_result(ev), &n);
	sorted = xcalloc(n + 1, sizeof *sorted);
	for (i = 0; i < n; i++)
		sorted[i] = v[i];
	qsort(sorted, n, sizeof *sorted, by_name);
	for (i = 0; i < n; i++)
		list_one(g, sorted[i]);
	free(sorted);
	rd_kafka_event_destroy(ev);
	if (client_json(&g->client))
		rows_fini(&g->out);
	return (0);
}

/* --- delete --- */

static int
delete_names(struct groups *g, const struct flag_list *names, struct err *e)
{
	rd_kafka_DeleteGroup_t **req;
	const rd_kafka_group_result_t **v;
	rd_kafka_queue_t *q = rd_kafka_queue_new(g->rk);
	rd_kafka_event_t *ev;
	size_t i, n;
	int rc = 0;

	req = xcalloc(names->n, sizeof *req);
	for (i = 0; i < names->n; i++)
		req[i] = rd_kafka_DeleteGroup_new(names->v[i]);
	rd_kafka_DeleteGroups(g->rk, req, names->n, NULL, q);
	ev = client_wait(q, &g->client, e);
	rd_kafka_DeleteGroup_destroy_array(req, names->n);
	free(req);
	rd_kafka_queue_destroy(q);
	if (ev == NULL)
		return (-1);
	v = rd_kafka_DeleteGroups_result_groups(
	    rd_kafka_event_DeleteGroups_result(ev), &n);
	for (i = 0; i < n; i++) {
		if (rd_kafka_group_result_error(v[i]) == NULL)
			printf("Deleted group %s.\n",
			    rd_kafka_group_result_name(v[i]));
		else
			rc = err_set(e, ERR_REFUSED, "group %s: %s",
			    rd_kafka_group_result_name(v[i]),
			    rd_kafka_error_string(
			    rd_kafka_group_result_error(v[i])));
	}
	rd_kafka_event_destroy(ev);
	return (rc);
}

static int
delete(struct groups *g, struct err *e)
{
	struct flag_list names = { NULL, 0 };
	int rc;

	rc = groups_names(g, &names, e);
	if (rc == 0 && names.n > 0)
		rc = delete_names(g, &names, e);
	groups_names_fini(&names);
	return (rc);
}

/* --- delete offsets --- */

/* What --topic names of the committed partitions: the topic itself may be gone
 * by now. */
static rd_kafka_topic_partition_list_t *
chosen(const struct groups *g, const rd_kafka_topic_partition_list_t *from,
    struct err *e)
{
	rd_kafka_topic_partition_list_t *out, *want;
	const rd_kafka_topic_partition_t *p, *w;
	int i, j, before;

	out = rd_kafka_topic_partition_list_new(from->cnt);
	want = rd_kafka_topic_partition_list_new((int)g->topics.n);
	for (i = 0; i < (int)g->topics.n; i++)
		partitions_parse(want, g->topics.v[i]);	/* checked before */
	for (i = 0; i < want->cnt; i++) {
		w = &want->elems[i];
		before = out->cnt;
		for (j = 0; j < from->cnt; j++) {
			p = &from->elems[j];
			if (strcmp(p->topic, w->topic) == 0 && (w->partition ==
			    RD_KAFKA_PARTITION_UA || w->partition ==
			    p->partition))
				rd_kafka_topic_partition_list_add(out,
				    p->topic, p->partition);
		}
		if (out->cnt == before)
			break;
	}
	if (i < want->cnt) {
		err_set(e, ERR_NOT_FOUND, "group %s has committed nothing "
		    "for topic %s%s", g->names.v[0], want->elems[i].topic,
		    want->elems[i].partition == RD_KAFKA_PARTITION_UA ? "" :
		    " in that partition");
		rd_kafka_topic_partition_list_destroy(out);
		out = NULL;
	}
	rd_kafka_topic_partition_list_destroy(want);
	return (out);
}

static void
show_deleted(struct groups *g, const rd_kafka_topic_partition_list_t *l)
{
	const rd_kafka_topic_partition_t *p;
	int i;

	if (!client_json(&g->client))
		printf("%-30s %-15s %s\n", "TOPIC", "PARTITION", "STATUS");
	for (i = 0; i < l->cnt; i++) {
		p = &l->elems[i];
		if (!client_json(&g->client)) {
			printf("%-30s %-15d %s%s\n", p->topic, p->partition,
			    p->err == 0 ? "Successful" : "Error: ",
			    p->err == 0 ? "" : rd_kafka_err2str(p->err));
			continue;
		}
		rows_begin(&g->out);
		rows_str(&g->out, "group", g->names.v[0]);
		rows_str(&g->out, "topic", p->topic);
		rows_int(&g->out, "partition", p->partition);
		rows_str(&g->out, "error", p->err == 0 ? NULL :
		    rd_kafka_err2name(p->err));
		rows_end(&g->out);
	}
	if (client_json(&g->client))
		rows_fini(&g->out);
}

static int
delete_chosen(struct groups *g, const rd_kafka_topic_partition_list_t *l,
    struct err *e)
{
	rd_kafka_DeleteConsumerGroupOffsets_t *req;
	rd_kafka_queue_t *q = rd_kafka_queue_new(g->rk);
	const rd_kafka_group_result_t **v;
	const rd_kafka_error_t *why;
	rd_kafka_event_t *ev;
	size_t n;
	int rc = 0;

	req = rd_kafka_DeleteConsumerGroupOffsets_new(g->names.v[0], l);
	rd_kafka_DeleteConsumerGroupOffsets(g->rk, &req, 1, NULL, q);
	ev = client_wait(q, &g->client, e);
	rd_kafka_DeleteConsumerGroupOffsets_destroy(req);
	rd_kafka_queue_destroy(q);
	if (ev == NULL)
		return (-1);
	v = rd_kafka_DeleteConsumerGroupOffsets_result_groups(
	    rd_kafka_event_DeleteConsumerGroupOffsets_result(ev), &n);
	why = rd_kafka_group_result_error(v[0]);
	if (why != NULL)
		rc = err_set(e, ERR_REFUSED, "group %s: %s", g->names.v[0],
		    rd_kafka_error_string(why));
	else {
		show_deleted(g, rd_kafka_group_result_partitions(v[0]));
		rc = partitions_error(rd_kafka_group_result_partitions(v[0]),
		    e);
	}
	rd_kafka_event_destroy(ev);
	return (rc);
}

static int
delete_of(void *ctx, const rd_kafka_ConsumerGroupDescription_t *d,
    struct err *e)
{
	struct groups *g = ctx;
	rd_kafka_topic_partition_list_t *committed, *l;
	int rc = -1;

	if (groups_state(d) == RD_KAFKA_CONSUMER_GROUP_STATE_DEAD)
		return (err_set(e, ERR_NOT_FOUND, "group %s does not exist",
		    g->names.v[0]));
	committed = groups_committed(g, g->names.v[0], e);
	if (committed == NULL)
		return (-1);
	l = chosen(g, committed, e);
	if (l != NULL) {
		rc = delete_chosen(g, l, e);
		rd_kafka_topic_partition_list_destroy(l);
	}
	rd_kafka_topic_partition_list_destroy(committed);
	return (rc);
}

static int
delete_offsets(struct groups *g, struct err *e)
{
	return (groups_each(g, &g->names, delete_of, g, e));
}

/* --- the command --- */

static int
act(struct groups *g, struct err *e)
{
	if (g->list)
		return (list(g, e));
	if (g->describe)
		return (groups_describe(g, e));
	if (g->reset)
		return (groups_reset_offsets(g, e));
	return (g->delete ? delete(g, e) : delete_offsets(g, e));
}

static int
run(struct groups *g)
{
	/* Ends of logs are those of all records, as Kafka's tool has them. */
	static const char *const extra[] = {
		"isolation.level", "read_uncommitted", NULL, NULL
	};
	struct err e = ERR_INIT;
	int rc;

	g->rk = client_new(RD_KAFKA_CONSUMER, &g->client, extra, &e);
	if (g->rk == NULL)
		return (client_failed("consumer-groups", &e));
	rc = client_metadata(g->rk, &g->client, NULL, &g->md, &e);
	if (rc == 0) {
		rc = act(g, &e);
		rd_kafka_metadata_destroy(g->md);
	}
	rd_kafka_destroy(g->rk);
	return (rc == 0 ? CLI_OK : client_failed("consumer-groups", &e));
}

static const char *
bad_topic(const struct groups *g)
{
	rd_kafka_topic_partition_list_t *l;
	size_t i;
	bool ok = true;

	l = rd_kafka_topic_partition_list_new(1);
	for (i = 0; i < g->topics.n && ok; i++)
		ok = partitions_parse(l, g->topics.v[i]);
	rd_kafka_topic_partition_list_destroy(l);
	return (ok ? NULL : g->topics.v[i - 1]);
}

static const char *
wrong_flags(const struct groups *g)
{
	if (g->list + g->describe + g->delete + g->reset +
	    g->delete_offsets != 1)
		return ("give one of --list, --describe, --delete, "
		    "--reset-offsets, --delete-offsets");
	if (g->members + g->offsets + (g->state != NULL) > 1)
		return ("--offsets, --members and --state exclude each other");
	if (g->all && g->names.n > 0)
		return ("--group and --all-groups exclude each other");
	if (!g->list && g->names.n == 0 && !(g->all && !g->delete_offsets))
		return (g->delete_offsets ? "which group? Give --group NAME" :
		    "which group? Give --group NAME or --all-groups");
	if (g->delete_offsets && g->names.n > 1)
		return ("--delete-offsets is of one --group");
	if (g->delete_offsets && g->topics.n == 0)
		return ("--delete-offsets: of which topics? Give --topic "
		    "NAME[:PARTITION,...]");
	return (g->reset ? groups_reset_check(g) : NULL);
}

static int
check_flags(const struct groups *g)
{
	const char *why = wrong_flags(g), *topic = bad_topic(g);

	if (why != NULL)
		fprintf(stderr, "leat consumer-groups: %s\n", why);
	else if (topic != NULL)
		fprintf(stderr, "leat consumer-groups: --topic %s: give NAME "
		    "or NAME:PARTITION,...\n", topic);
	return (why == NULL && topic == NULL ? 0 : CLI_USAGE);
}

int
consumer_groups_command(int argc, char **argv)
{
	struct groups g = {
		.to = { .to_offset = GROUPS_NONE, .shift_by = GROUPS_NONE },
		.out = ROWS_INIT
	};
	const struct flag flags[] = {
		FLAG_BOOL_ROW("list", &g.list, "List the groups."),
		FLAG_BOOL_ROW("describe", &g.describe, "Show committed "
		    "offsets and lag."),
		FLAG_BOOL_ROW("delete", &g.delete, "Delete groups without "
		    "members."),
		FLAG_BOOL_ROW("reset-offsets", &g.reset, "Show where groups "
		    "without members would go on."),
		FLAG_BOOL_ROW("delete-offsets", &g.delete_offsets, "Forget "
		    "what a group has committed for --topic."),
		FLAG_LIST_ROW("group", &g.names, "NAME", "The group; may be "
		    "repeated."),
		FLAG_BOOL_ROW("all-groups", &g.all, "All of them."),
		FLAG_BOOL_ROW("offsets", &g.offsets, "With --describe: "
		    "offsets (the default)."),
		FLAG_BOOL_ROW("members", &g.members, "With --describe: the "
		    "members."),
		FLAG_BOOL_ROW("verbose", &g.verbose, "With --members: their "
		    "partitions too."),
		FLAG_MAYBE_ROW("state", &g.state, "STATE,...", "With "
		    "--describe or --list: the state; --list only of these."),
		FLAG_LIST_ROW("topic", &g.topics, "NAME[:0,1]", "Offsets of "
		    "this topic, or of these partitions; may be repeated."),
		FLAG_BOOL_ROW("all-topics", &g.all_topics, "All for which the "
		    "group has committed."),
		FLAG_BOOL_ROW("to-earliest", &g.to.to_earliest, "Reset to "
		    "where the log begins."),
		FLAG_BOOL_ROW("to-latest", &g.to.to_latest, "Reset to where "
		    "the log ends."),
		FLAG_BOOL_ROW("to-current", &g.to.to_current, "Keep what is "
		    "committed; the log's end where nothing is."),
		FLAG_INT_ROW("to-offset", &g.to.to_offset, "N", "Reset to this "
		    "offset."),
		FLAG_INT_ROW("shift-by", &g.to.shift_by, "N", "Reset so many "
		    "records on; below 0, back."),
		FLAG_STR_ROW("to-datetime", &g.to.to_datetime,
		    "YYYY-MM-DDTHH:MM:SS.mmm", "Reset to the first record "
		    "not older; UTC, or Z or +01:00 behind."),
		FLAG_STR_ROW("by-duration", &g.to.by_duration, "PnDTnHnMnS",
		    "Reset to the first record not older than so long ago."),
		FLAG_STR_ROW("from-file", &g.to.from_file, "FILE", "Reset to "
		    "the lines of a file, as --export writes them."),
		FLAG_BOOL_ROW("dry-run", &g.to.dry_run, "Change nothing (the "
		    "default)."),
		FLAG_BOOL_ROW("execute", &g.to.execute, "Do it."),
		FLAG_BOOL_ROW("export", &g.to.export, "Print "
		    "[group,]topic,partition,offset lines."),
		CLIENT_FLAGS(&g.client),
		FLAG_LAST
	};
	int rc;

	rc = flags_parse(flags, "leat consumer-groups", "Lists, describes, "
	    "resets and deletes consumer groups.", argc, argv, NULL);
	if (rc == 0)
		rc = check_flags(&g);
	if (rc == 0)
		rc = run(&g);
	flag_list_fini(&g.names);
	flag_list_fini(&g.topics);
	return (rc == FLAGS_HELP ? CLI_OK : rc);
}
