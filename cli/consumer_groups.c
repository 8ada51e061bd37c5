/*
 * leat consumer-groups: list, describe with lag, delete; the flags and columns
 * of kafka-consumer-groups.sh.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/commands.h"

struct groups {
	struct client_flags	 client;
	bool			 list, describe, delete, all, members, state;
	struct flag_list	 names;
	rd_kafka_t		*rk;
	bool			 first;		/* of the JSON array */
	bool			 headed;	/* the header is printed */
};

/* --- list --- */

static int
list_groups(struct groups *g, struct flag_list *out, struct err *e)
{
	rd_kafka_queue_t *q = rd_kafka_queue_new(g->rk);
	const rd_kafka_ListConsumerGroups_result_t *r;
	const rd_kafka_ConsumerGroupListing_t **v;
	rd_kafka_event_t *ev;
	size_t i, n;

	rd_kafka_ListConsumerGroups(g->rk, NULL, q);
	ev = client_wait(q, &g->client, e);
	rd_kafka_queue_destroy(q);
	if (ev == NULL)
		return (-1);
	r = rd_kafka_event_ListConsumerGroups_result(ev);
	v = rd_kafka_ListConsumerGroups_result_valid(r, &n);
	out->v = xcalloc(n + 1, sizeof *out->v);
	for (i = 0; i < n; i++)
		out->v[out->n++] = xstrdup(
		    rd_kafka_ConsumerGroupListing_group_id(v[i]));
	rd_kafka_event_destroy(ev);
	return (0);
}

static void
free_names(struct flag_list *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		free((char *)(uintptr_t)l->v[i]);
	flag_list_fini(l);
}

static int
by_text(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return (strcmp(*x, *y));
}

static int
list(struct groups *g, struct err *e)
{
	struct flag_list names = { NULL, 0 };
	struct sb out = SB_INIT;
	size_t i;

	if (list_groups(g, &names, e) == -1)
		return (-1);
	qsort(names.v, names.n, sizeof *names.v, by_text);
	sb_puts(&out, "[");
	for (i = 0; i < names.n; i++) {
		if (!client_json(&g->client))
			printf("%s\n", names.v[i]);
		sb_puts(&out, i == 0 ? "" : ", ");
		sb_json(&out, slice_str(names.v[i]));
	}
	if (client_json(&g->client))
		printf("%s]\n", out.ptr);
	sb_fini(&out);
	free_names(&names);
	return (0);
}

/* --- describe --- */

/* The member that has a partition; NULL: none. */
static const rd_kafka_MemberDescription_t *
member_of(const rd_kafka_ConsumerGroupDescription_t *d, const char *topic,
    int32_t partition)
{
	const rd_kafka_topic_partition_list_t *l;
	const rd_kafka_MemberDescription_t *m;
	size_t i;

	for (i = 0; i < rd_kafka_ConsumerGroupDescription_member_count(d);
	    i++) {
		m = rd_kafka_ConsumerGroupDescription_member(d, i);
		l = rd_kafka_MemberAssignment_partitions(
		    rd_kafka_MemberDescription_assignment(m));
		if (rd_kafka_topic_partition_list_find(
		    (rd_kafka_topic_partition_list_t *)(uintptr_t)l, topic,
		    partition) != NULL)
			return (m);
	}
	return (NULL);
}

struct row {
	const char	*group, *topic;
	int32_t		 partition;
	int64_t		 current, end;		/* -1: none */
	const char	*member, *host, *client;	/* "-" */
};

static void
number(char *buf, size_t size, int64_t v)
{
	if (v < 0)
		snprintf(buf, size, "-");
	else
		snprintf(buf, size, "%lld", (long long)v);
}

static void
print_row(struct groups *g, const struct row *r)
{
	int64_t lag = r->current < 0 || r->end < 0 ? -1 :
	    r->end > r->current ? r->end - r->current : 0;
	char current[24], end[24], behind[24];
	struct sb out = SB_INIT;

	if (!client_json(&g->client)) {
		number(current, sizeof current, r->current);
		number(end, sizeof end, r->end);
		number(behind, sizeof behind, lag);
		printf("%-15s %-20s %-10d %-15s %-15s %-15s %-40s %-15s %s\n",
		    r->group, r->topic, r->partition, current, end, behind,
		    r->member, r->host, r->client);
		return;
	}
	sb_puts(&out, g->first ? "[{\"group\": " : ",\n {\"group\": ");
	g->first = false;
	sb_json(&out, slice_str(r->group));
	sb_puts(&out, ", \"topic\": ");
	sb_json(&out, slice_str(r->topic));
	sb_printf(&out, ", \"partition\": %d, \"current_offset\": %lld, "
	    "\"log_end_offset\": %lld, \"lag\": %lld, \"consumer_id\": ",
	    r->partition, (long long)r->current, (long long)r->end,
	    (long long)lag);
	sb_json(&out, slice_str(r->member));
	sb_puts(&out, ", \"host\": ");
	sb_json(&out, slice_str(r->host));
	sb_puts(&out, ", \"client_id\": ");
	sb_json(&out, slice_str(r->client));
	sb_puts(&out, "}");
	fputs(out.ptr, stdout);
	sb_fini(&out);
}

static void
show_partition(struct groups *g, const rd_kafka_ConsumerGroupDescription_t *d,
    const char *topic, int32_t partition, int64_t current)
{
	const rd_kafka_MemberDescription_t *m = member_of(d, topic, partition);
	struct row r = {
		.group = rd_kafka_ConsumerGroupDescription_group_id(d),
		.topic = topic, .partition = partition, .current = current,
		.end = -1, .member = "-", .host = "-", .client = "-"
	};
	int64_t low, high;

	if (m != NULL) {
		r.member = rd_kafka_MemberDescription_consumer_id(m);
		r.host = rd_kafka_MemberDescription_host(m);
		r.client = rd_kafka_MemberDescription_client_id(m);
	}
	if (rd_kafka_query_watermark_offsets(g->rk, topic, partition, &low,
	    &high, CLIENT_TIMEOUT_MS) == RD_KAFKA_RESP_ERR_NO_ERROR)
		r.end = high;
	print_row(g, &r);
}

/* Partitions that a member has and for which nothing is committed yet. */
static void
show_uncommitted(struct groups *g,
    const rd_kafka_ConsumerGroupDescription_t *d,
    const rd_kafka_topic_partition_list_t *committed)
{
	const rd_kafka_topic_partition_list_t *l;
	const rd_kafka_topic_partition_t *p;
	size_t i;
	int j;

	for (i = 0; i < rd_kafka_ConsumerGroupDescription_member_count(d);
	    i++) {
		l = rd_kafka_MemberAssignment_partitions(
		    rd_kafka_MemberDescription_assignment(
		    rd_kafka_ConsumerGroupDescription_member(d, i)));
		for (j = 0; l != NULL && j < l->cnt; j++) {
			p = &l->elems[j];
			if (rd_kafka_topic_partition_list_find(
			    (rd_kafka_topic_partition_list_t *)
			    (uintptr_t)committed, p->topic, p->partition) ==
			    NULL)
				show_partition(g, d, p->topic, p->partition,
				    -1);
		}
	}
}

static int
show_offsets(struct groups *g, const rd_kafka_ConsumerGroupDescription_t *d,
    struct err *e)
{
	rd_kafka_ListConsumerGroupOffsets_t *req;
	const rd_kafka_topic_partition_list_t *l;
	const rd_kafka_group_result_t **v;
	rd_kafka_queue_t *q = rd_kafka_queue_new(g->rk);
	rd_kafka_event_t *ev;
	size_t n;
	int i;

	req = rd_kafka_ListConsumerGroupOffsets_new(
	    rd_kafka_ConsumerGroupDescription_group_id(d), NULL);
	rd_kafka_ListConsumerGroupOffsets(g->rk, &req, 1, NULL, q);
	ev = client_wait(q, &g->client, e);
	rd_kafka_ListConsumerGroupOffsets_destroy(req);
	rd_kafka_queue_destroy(q);
	if (ev == NULL)
		return (-1);
	v = rd_kafka_ListConsumerGroupOffsets_result_groups(
	    rd_kafka_event_ListConsumerGroupOffsets_result(ev), &n);
	l = n == 1 ? rd_kafka_group_result_partitions(v[0]) : NULL;
	for (i = 0; l != NULL && i < l->cnt; i++)
		show_partition(g, d, l->elems[i].topic, l->elems[i].partition,
		    l->elems[i].offset);
	if (l != NULL)
		show_uncommitted(g, d, l);
	rd_kafka_event_destroy(ev);
	return (0);
}

static void
show_members(const rd_kafka_ConsumerGroupDescription_t *d)
{
	const rd_kafka_topic_partition_list_t *l;
	const rd_kafka_MemberDescription_t *m;
	size_t i;

	printf("%-15s %-50s %-15s %-15s %s\n", "GROUP", "CONSUMER-ID", "HOST",
	    "CLIENT-ID", "#PARTITIONS");
	for (i = 0; i < rd_kafka_ConsumerGroupDescription_member_count(d);
	    i++) {
		m = rd_kafka_ConsumerGroupDescription_member(d, i);
		l = rd_kafka_MemberAssignment_partitions(
		    rd_kafka_MemberDescription_assignment(m));
		printf("%-15s %-50s %-15s %-15s %d\n",
		    rd_kafka_ConsumerGroupDescription_group_id(d),
		    rd_kafka_MemberDescription_consumer_id(m),
		    rd_kafka_MemberDescription_host(m),
		    rd_kafka_MemberDescription_client_id(m),
		    l == NULL ? 0 : l->cnt);
	}
}

static void
show_state(const rd_kafka_ConsumerGroupDescription_t *d)
{
	printf("%-15s %-20s %-25s %s\n%-15s %-20s %-25s %zu\n", "GROUP",
	    "ASSIGNMENT-STRATEGY", "STATE", "#MEMBERS",
	    rd_kafka_ConsumerGroupDescription_group_id(d),
	    rd_kafka_ConsumerGroupDescription_partition_assignor(d),
	    rd_kafka_consumer_group_state_name(
	    rd_kafka_ConsumerGroupDescription_state(d)),
	    rd_kafka_ConsumerGroupDescription_member_count(d));
}

/* Once, before the first group that is there. */
static void
print_header(struct groups *g)
{
	if (client_json(&g->client) || g->headed)
		return;
	g->headed = true;
	printf("%-15s %-20s %-10s %-15s %-15s %-15s %-40s %-15s %s\n",
	    "GROUP", "TOPIC", "PARTITION", "CURRENT-OFFSET",
	    "LOG-END-OFFSET", "LAG", "CONSUMER-ID", "HOST", "CLIENT-ID");
}

static int
show_group(struct groups *g, const rd_kafka_ConsumerGroupDescription_t *d,
    struct err *e)
{
	const rd_kafka_error_t *why =
	    rd_kafka_ConsumerGroupDescription_error(d);
	const char *name = rd_kafka_ConsumerGroupDescription_group_id(d);

	if (why != NULL)
		return (err_set(e, ERR_REFUSED, "group %s: %s", name,
		    rd_kafka_error_string(why)));
	if (rd_kafka_ConsumerGroupDescription_state(d) ==
	    RD_KAFKA_CONSUMER_GROUP_STATE_DEAD)
		return (err_set(e, ERR_NOT_FOUND, "group %s does not exist",
		    name));
	if (g->members)
		show_members(d);
	else if (g->state)
		show_state(d);
	else {
		print_header(g);
		return (show_offsets(g, d, e));
	}
	return (0);
}

static int
describe_names(struct groups *g, const struct flag_list *names, struct err *e)
{
	const rd_kafka_ConsumerGroupDescription_t **v;
	rd_kafka_queue_t *q = rd_kafka_queue_new(g->rk);
	rd_kafka_event_t *ev;
	size_t i, n;
	int rc = 0;

	rd_kafka_DescribeConsumerGroups(g->rk, names->v, names->n, NULL, q);
	ev = client_wait(q, &g->client, e);
	rd_kafka_queue_destroy(q);
	if (ev == NULL)
		return (-1);
	v = rd_kafka_DescribeConsumerGroups_result_groups(
	    rd_kafka_event_DescribeConsumerGroups_result(ev), &n);
	g->first = true;
	for (i = 0; i < n && rc == 0; i++)
		rc = show_group(g, v[i], e);
	if (client_json(&g->client))
		printf("%s]\n", g->first ? "[" : "");
	rd_kafka_event_destroy(ev);
	return (rc);
}

static int
describe(struct groups *g, struct err *e)
{
	struct flag_list all = { NULL, 0 };
	int rc;

	if (!g->all)
		return (describe_names(g, &g->names, e));
	if (list_groups(g, &all, e) == -1)
		return (-1);
	rc = all.n == 0 ? 0 : describe_names(g, &all, e);
	free_names(&all);
	return (rc);
}

/* --- delete --- */

static int
delete(struct groups *g, struct err *e)
{
	rd_kafka_DeleteGroup_t **req;
	const rd_kafka_group_result_t **v;
	rd_kafka_queue_t *q = rd_kafka_queue_new(g->rk);
	rd_kafka_event_t *ev;
	size_t i, n;
	int rc = 0;

	req = xcalloc(g->names.n, sizeof *req);
	for (i = 0; i < g->names.n; i++)
		req[i] = rd_kafka_DeleteGroup_new(g->names.v[i]);
	rd_kafka_DeleteGroups(g->rk, req, g->names.n, NULL, q);
	ev = client_wait(q, &g->client, e);
	rd_kafka_DeleteGroup_destroy_array(req, g->names.n);
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

/* --- the command --- */

static int
run(struct groups *g)
{
	const struct rd_kafka_metadata *md;
	struct err e = ERR_INIT;
	int rc;

	g->rk = client_new(RD_KAFKA_CONSUMER, &g->client, NULL, &e);
	if (g->rk == NULL)
		return (client_failed("consumer-groups", &e));
	rc = client_metadata(g->rk, &g->client, NULL, &md, &e);
	if (rc == 0) {
		rd_kafka_metadata_destroy(md);
		rc = g->list ? list(g, &e) : g->describe ? describe(g, &e) :
		    delete(g, &e);
	}
	rd_kafka_destroy(g->rk);
	return (rc == 0 ? CLI_OK : client_failed("consumer-groups", &e));
}

static int
check_flags(const struct groups *g)
{
	if (g->list + g->describe + g->delete != 1) {
		fprintf(stderr, "leat consumer-groups: give one of --list, "
		    "--describe, --delete\n");
		return (CLI_USAGE);
	}
	if (!g->list && g->names.n == 0 && !(g->describe && g->all)) {
		fprintf(stderr, "leat consumer-groups: which group? Give "
		    "--group NAME%s\n", g->describe ? " or --all-groups" :
		    "");
		return (CLI_USAGE);
	}
	return (0);
}

int
consumer_groups_command(int argc, char **argv)
{
	struct groups g = { .first = true };
	bool offsets = false;
	const struct flag flags[] = {
		FLAG_BOOL_ROW("list", &g.list, "List the groups."),
		FLAG_BOOL_ROW("describe", &g.describe, "Show committed "
		    "offsets and lag."),
		FLAG_BOOL_ROW("delete", &g.delete, "Delete groups without "
		    "members."),
		FLAG_LIST_ROW("group", &g.names, "NAME", "The group; may be "
		    "repeated."),
		FLAG_BOOL_ROW("all-groups", &g.all, "All of them."),
		FLAG_BOOL_ROW("offsets", &offsets, "With --describe: offsets "
		    "(the default)."),
		FLAG_BOOL_ROW("members", &g.members, "With --describe: the "
		    "members."),
		FLAG_BOOL_ROW("state", &g.state, "With --describe: the "
		    "state."),
		CLIENT_FLAGS(&g.client),
		FLAG_LAST
	};
	int rc;

	rc = flags_parse(flags, "leat consumer-groups", "Lists, describes "
	    "and deletes consumer groups.", argc, argv, NULL);
	if (rc == 0)
		rc = check_flags(&g);
	if (rc == 0)
		rc = run(&g);
	flag_list_fini(&g.names);
	return (rc == FLAGS_HELP ? CLI_OK : rc);
}
