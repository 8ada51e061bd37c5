/* leat consumer-groups --describe: offsets and lag, members, or states. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/groups.h"
#include "cli/partitions.h"

typedef const rd_kafka_ConsumerGroupDescription_t group_desc;
typedef const rd_kafka_MemberDescription_t member_desc;

static const rd_kafka_topic_partition_list_t *
assigned_to(member_desc *m)
{
	return (rd_kafka_MemberAssignment_partitions(
	    rd_kafka_MemberDescription_assignment(m)));
}

static rd_kafka_topic_partition_t *
find(const rd_kafka_topic_partition_list_t *l,
    const rd_kafka_topic_partition_t *p)
{
	return (rd_kafka_topic_partition_list_find(
	    (rd_kafka_topic_partition_list_t *)(uintptr_t)l, p->topic,
	    p->partition));
}

/* Prints the head of a table once, before its first row. */
static void
head(struct groups *g, const char *text)
{
	if (!client_json(&g->client) && g->out.n++ == 0)
		printf("%s\n", text);
}

/* --- offsets --- */

/* The member that has a partition; NULL: none. */
static member_desc *
member_of(group_desc *d, const rd_kafka_topic_partition_t *p)
{
	member_desc *m;
	size_t i;

	for (i = 0; i < rd_kafka_ConsumerGroupDescription_member_count(d);
	    i++) {
		m = rd_kafka_ConsumerGroupDescription_member(d, i);
		if (assigned_to(m) != NULL && find(assigned_to(m), p) != NULL)
			return (m);
	}
	return (NULL);
}

struct row {
	const char	*group, *topic;
	int32_t		 partition;
	int64_t		 current, end;		/* below 0: none */
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

	if (client_json(&g->client)) {
		rows_begin(&g->out);
		rows_str(&g->out, "group", r->group);
		rows_str(&g->out, "topic", r->topic);
		rows_int(&g->out, "partition", r->partition);
		rows_int(&g->out, "current_offset", r->current);
		rows_int(&g->out, "log_end_offset", r->end);
		rows_int(&g->out, "lag", lag);
		rows_str(&g->out, "consumer_id", r->member);
		rows_str(&g->out, "host", r->host);
		rows_str(&g->out, "client_id", r->client);
		rows_end(&g->out);
		return;
	}
	number(current, sizeof current, r->current);
	number(end, sizeof end, r->end);
	number(behind, sizeof behind, lag);
	printf("%-15s %-20s %-10d %-15s %-15s %-15s %-40s %-15s %s\n",
	    r->group, r->topic, r->partition, current, end, behind,
	    r->member, r->host, r->client);
}

static void
show_partition(struct groups *g, group_desc *d,
    const rd_kafka_topic_partition_t *p,
    const rd_kafka_topic_partition_list_t *committed)
{
	const rd_kafka_topic_partition_t *c = find(committed, p);
	member_desc *m = member_of(d, p);
	struct row r = {
		.group = rd_kafka_ConsumerGroupDescription_group_id(d),
		.topic = p->topic, .partition = p->partition, .end = p->offset,
		.current = c == NULL || c->offset < 0 ? -1 : c->offset,
		.member = "-", .host = "-", .client = "-"
	};

	if (m != NULL) {
		r.member = rd_kafka_MemberDescription_consumer_id(m);
		r.host = rd_kafka_MemberDescription_host(m);
		r.client = rd_kafka_MemberDescription_client_id(m);
	}
	print_row(g, &r);
}

/* What is committed and what a member has, each once. */
static rd_kafka_topic_partition_list_t *
partitions_of(group_desc *d, const rd_kafka_topic_partition_list_t *committed)
{
	rd_kafka_topic_partition_list_t *l;
	const rd_kafka_topic_partition_list_t *a;
	size_t i;
	int j;

	l = rd_kafka_topic_partition_list_copy(committed);
	for (i = 0; i < rd_kafka_ConsumerGroupDescription_member_count(d);
	    i++) {
		a = assigned_to(rd_kafka_ConsumerGroupDescription_member(d,
		    i));
		for (j = 0; a != NULL && j < a->cnt; j++)
			if (find(committed, &a->elems[j]) == NULL)
				rd_kafka_topic_partition_list_add(l,
				    a->elems[j].topic, a->elems[j].partition);
	}
	rd_kafka_topic_partition_list_sort(l, NULL, NULL);
	return (l);
}

/* Their ends; a topic may be deleted by now, it has none then. */
static int
find_ends(struct groups *g, rd_kafka_topic_partition_list_t *l, struct err *e)
{
	const struct rd_kafka_metadata_topic *t;
	rd_kafka_topic_partition_list_t *there;
	const rd_kafka_topic_partition_t *p;
	int i, rc;

	there = rd_kafka_topic_partition_list_new(l->cnt);
	for (i = 0; i < l->cnt; i++) {
		t = topic_in(g->md, l->elems[i].topic);
		if (t != NULL && l->elems[i].partition < t->partition_cnt)
			rd_kafka_topic_partition_list_add(there,
			    l->elems[i].topic, l->elems[i].partition);
	}
	rc = partitions_offsets(g->rk, &g->client, there, OFFSETS_LATEST, e);
	for (i = 0; i < l->cnt && rc == 0; i++) {
		p = find(there, &l->elems[i]);
		l->elems[i].offset = p == NULL ? -1 : p->offset;
	}
	rd_kafka_topic_partition_list_destroy(there);
	return (rc);
}

static int
show_offsets(struct groups *g, group_desc *d, struct err *e)
{
	rd_kafka_topic_partition_list_t *committed, *l;
	int i, rc;

	committed = groups_committed(g,
	    rd_kafka_ConsumerGroupDescription_group_id(d), e);
	if (committed == NULL)
		return (-1);
	l = partitions_of(d, committed);
	rc = find_ends(g, l, e);
	if (rc == 0)
		head(g, "GROUP           TOPIC                PARTITION  "
		    "CURRENT-OFFSET  LOG-END-OFFSET  LAG             "
		    "CONSUMER-ID                              HOST            "
		    "CLIENT-ID");
	for (i = 0; i < l->cnt && rc == 0; i++)
		show_partition(g, d, &l->elems[i], committed);
	rd_kafka_topic_partition_list_destroy(l);
	rd_kafka_topic_partition_list_destroy(committed);
	return (rc);
}

/* --- members --- */

/* "t(0,1), u(2)", as Kafka's tool has it; "-" for none. */
static void
add_assignment(struct sb *out, const rd_kafka_topic_partition_list_t *l)
{
	int i;

	sb_puts(out, l == NULL || l->cnt == 0 ? "-" : "");
	for (i = 0; l != NULL && i < l->cnt; i++) {
		if (i > 0 && strcmp(l->elems[i].topic,
		    l->elems[i - 1].topic) == 0)
			sb_printf(out, ",%d", l->elems[i].partition);
		else
			sb_printf(out, "%s%s(%d", i == 0 ? "" : "), ",
			    l->elems[i].topic, l->elems[i].partition);
	}
	sb_puts(out, l == NULL || l->cnt == 0 ? "" : ")");
}

static void
show_member(struct groups *g, group_desc *d, member_desc *m)
{
	const char *group = rd_kafka_ConsumerGroupDescription_group_id(d);
	const rd_kafka_topic_partition_list_t *l = assigned_to(m);
	struct sb parts = SB_INIT;

	add_assignment(&parts, l);
	if (client_json(&g->client)) {
		rows_begin(&g->out);
		rows_str(&g->out, "group", group);
		rows_str(&g->out, "consumer_id",
		    rd_kafka_MemberDescription_consumer_id(m));
		rows_str(&g->out, "host", rd_kafka_MemberDescription_host(m));
		rows_str(&g->out, "client_id",
		    rd_kafka_MemberDescription_client_id(m));
		rows_int(&g->out, "partitions", l == NULL ? 0 : l->cnt);
		rows_str(&g->out, "assignment", parts.ptr);
		rows_end(&g->out);
	} else
		printf(g->verbose ? "%-15s %-50s %-15s %-15s %-15d %s\n" :
		    "%-15s %-50s %-15s %-15s %d\n", group,
		    rd_kafka_MemberDescription_consumer_id(m),
		    rd_kafka_MemberDescription_host(m),
		    rd_kafka_MemberDescription_client_id(m),
		    l == NULL ? 0 : l->cnt, parts.ptr);
	sb_fini(&parts);
}

static void
show_members(struct groups *g, group_desc *d)
{
	size_t i;

	head(g, g->verbose ? "GROUP           CONSUMER-ID                     "
	    "                   HOST            CLIENT-ID       #PARTITIONS   "
	    "  ASSIGNMENT" : "GROUP           CONSUMER-ID                     "
	    "                   HOST            CLIENT-ID       #PARTITIONS");
	for (i = 0; i < rd_kafka_ConsumerGroupDescription_member_count(d);
	    i++)
		show_member(g, d,
		    rd_kafka_ConsumerGroupDescription_member(d, i));
}

/* --- states --- */

static void
show_state(struct groups *g, group_desc *d)
{
	const rd_kafka_Node_t *at =
	    rd_kafka_ConsumerGroupDescription_coordinator(d);
	const char *group = rd_kafka_ConsumerGroupDescription_group_id(d);
	const char *assignor =
	    rd_kafka_ConsumerGroupDescription_partition_assignor(d);
	const char *state = rd_kafka_consumer_group_state_name(
	    groups_state(d));
	size_t n = rd_kafka_ConsumerGroupDescription_member_count(d);
	char *where;

	if (assignor == NULL || assignor[0] == '\0')
		assignor = "-";
	where = at == NULL ? xstrdup("-") : xasprintf("%s:%u (%d)",
	    rd_kafka_Node_host(at), rd_kafka_Node_port(at),
	    (int)rd_kafka_Node_id(at));
	if (client_json(&g->client)) {
		rows_begin(&g->out);
		rows_str(&g->out, "group", group);
		rows_str(&g->out, "coordinator", where);
		rows_str(&g->out, "assignment_strategy", assignor);
		rows_str(&g->out, "state", state);
		rows_int(&g->out, "members", (int64_t)n);
		rows_end(&g->out);
	} else {
		head(g, "GROUP           COORDINATOR (ID)          "
		    "ASSIGNMENT-STRATEGY  STATE                     "
		    "#MEMBERS");
		printf("%-15s %-25s %-20s %-25s %zu\n", group, where,
		    assignor, state, n);
	}
	free(where);
}

/* --- the action --- */

static int
show_group(void *ctx, group_desc *d, struct err *e)
{
	struct groups *g = ctx;

	if (groups_state(d) == RD_KAFKA_CONSUMER_GROUP_STATE_DEAD)
		return (err_set(e, ERR_NOT_FOUND, "group %s does not exist",
		    rd_kafka_ConsumerGroupDescription_group_id(d)));
	if (g->members)
		show_members(g, d);
	else if (g->state != NULL)
		show_state(g, d);
	else
		return (show_offsets(g, d, e));
	return (0);
}

int
groups_describe(struct groups *g, struct err *e)
{
	struct flag_list names = { NULL, 0 };
	int rc;

	rc = groups_names(g, &names, e);
	if (rc == 0)
		rc = groups_each(g, &names, show_group, g, e);
	if (client_json(&g->client))
		rows_fini(&g->out);
	groups_names_fini(&names);
	return (rc);
}
