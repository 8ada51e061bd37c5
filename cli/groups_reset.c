/*
 * leat consumer-groups --reset-offsets: where a group that nobody reads in goes
 * on.  What it means is what kafka-consumer-groups.sh does: without --execute
 * nothing changes; an offset outside of the log becomes the nearest one inside.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/file.h"
#include "cli/groups.h"
#include "cli/partitions.h"
#include "cli/plan.h"
#include "cli/when.h"

typedef rd_kafka_topic_partition_list_t parts;

struct reset {
	struct groups	*g;
	struct plan	 plan;		/* of --from-file */
	struct err	 why;		/* the last group that was not reset */
	bool		 with_group;	/* in the lines of --export */
};

/* --- flags --- */

static int
targets(const struct groups_reset *t)
{
	return (t->to_earliest + t->to_latest + t->to_current +
	    (t->to_offset != GROUPS_NONE) + (t->shift_by != GROUPS_NONE) +
	    (t->to_datetime != NULL) + (t->by_duration != NULL) +
	    (t->from_file != NULL));
}

const char *
groups_reset_check(const struct groups *g)
{
	const struct groups_reset *t = &g->to;
	int64_t ms;

	if (targets(t) != 1)
		return ("--reset-offsets: where to? Give one of --to-earliest, "
		    "--to-latest, --to-current, --to-offset N, --shift-by N, "
		    "--to-datetime T, --by-duration D, --from-file F");
	if (t->dry_run && t->execute)
		return ("--dry-run and --execute exclude each other");
	if (t->to_offset != GROUPS_NONE && t->to_offset < 0)
		return ("--to-offset: an offset is not below 0");
	if (t->to_datetime != NULL && !when_parse(t->to_datetime, &ms))
		return ("--to-datetime: give YYYY-MM-DDTHH:MM:SS.mmm, in UTC "
		    "or with its zone behind: Z, +01:00");
	if (t->by_duration != NULL && !when_duration(t->by_duration, &ms))
		return ("--by-duration: give PnDTnHnMnS, for example PT1H30M "
		    "or P7D");
	if (t->from_file == NULL && g->all_topics == (g->topics.n > 0))
		return ("--reset-offsets: which topics? Give --all-topics or "
		    "--topic NAME[:PARTITION,...]");
	return (NULL);
}

/* --- which partitions --- */

static parts *
of_plan(struct reset *r, const char *group, struct err *e)
{
	parts *l = rd_kafka_topic_partition_list_new((int)r->plan.n), *out;
	const struct plan_row *row;
	size_t i;

	for (i = 0; i < r->plan.n; i++) {
		row = &r->plan.v[i];
		if (row->group == NULL || strcmp(row->group, group) == 0)
			rd_kafka_topic_partition_list_add(l, row->topic,
			    row->partition)->offset = row->offset;
	}
	out = partitions_there(l, r->g->md, e);
	if (out != NULL && out->cnt != l->cnt) {
		err_set(e, ERR_CONFIG, "%s: a partition stands there twice "
		    "for group %s", r->g->to.from_file, group);
		rd_kafka_topic_partition_list_destroy(out);
		out = NULL;
	}
	rd_kafka_topic_partition_list_destroy(l);
	return (out);
}

static parts *
wanted(struct reset *r, const char *group, const parts *committed,
    struct err *e)
{
	if (r->g->to.from_file != NULL)
		return (of_plan(r, group, e));
	if (r->g->all_topics)
		return (partitions_there(committed, r->g->md, e));
	return (groups_topics(r->g, e));
}

/* --- where to --- */

static int64_t
committed_at(const parts *committed, const rd_kafka_topic_partition_t *p)
{
	const rd_kafka_topic_partition_t *c;

	c = rd_kafka_topic_partition_list_find((parts *)(uintptr_t)committed,
	    p->topic, p->partition);
	return (c == NULL ? -1 : c->offset);
}

/* What is asked for, wherever the log begins and ends. */
static int
asked_for(const struct groups_reset *t, const parts *committed, parts *l,
    struct err *e)
{
	rd_kafka_topic_partition_t *p;
	int64_t at;
	int i;

	for (i = 0; i < l->cnt; i++) {
		p = &l->elems[i];
		if (t->to_offset != GROUPS_NONE)
			p->offset = t->to_offset;
		if (t->shift_by == GROUPS_NONE)
			continue;
		at = committed_at(committed, p);
		if (at < 0)
			return (err_set(e, ERR_REFUSED, "topic %s partition "
			    "%d: nothing is committed that --shift-by could "
			    "start from", p->topic, p->partition));
		if (__builtin_add_overflow(at, t->shift_by, &p->offset))
			p->offset = INT64_MAX;
	}
	return (0);
}

static int
into_log(struct groups *g, parts *l, struct err *e)
{
	parts *low = rd_kafka_topic_partition_list_copy(l);
	parts *high = rd_kafka_topic_partition_list_copy(l);
	rd_kafka_topic_partition_t *p;
	int64_t near;
	int i, rc;

	rc = partitions_offsets(g->rk, &g->client, low, OFFSETS_EARLIEST, e);
	if (rc == 0)
		rc = partitions_offsets(g->rk, &g->client, high,
		    OFFSETS_LATEST, e);
	for (i = 0; i < l->cnt && rc == 0; i++) {
		p = &l->elems[i];
		near = p->offset < low->elems[i].offset ?
		    low->elems[i].offset : p->offset > high->elems[i].offset ?
		    high->elems[i].offset : p->offset;
		if (near == p->offset)
			continue;
		fprintf(stderr, "leat consumer-groups: topic %s partition "
		    "%d: offset %lld is %s of the log, %lld is taken\n",
		    p->topic, p->partition, (long long)p->offset,
		    near > p->offset ? "before the beginning" :
		    "behind the end", (long long)near);
		p->offset = near;
	}
	rd_kafka_topic_partition_list_destroy(low);
	rd_kafka_topic_partition_list_destroy(high);
	return (rc);
}

static int
to_current(struct groups *g, const parts *committed, parts *l, struct err *e)
{
	int i;

	if (partitions_offsets(g->rk, &g->client, l, OFFSETS_LATEST, e) == -1)
		return (-1);
	for (i = 0; i < l->cnt; i++)
		if (committed_at(committed, &l->elems[i]) >= 0)
			l->elems[i].offset = committed_at(committed,
			    &l->elems[i]);
	return (0);
}

static int
to_time(struct groups *g, parts *l, struct err *e)
{
	int64_t when = 0, ago;

	if (g->to.to_datetime != NULL)
		when_parse(g->to.to_datetime, &when);	/* checked before */
	else if (when_duration(g->to.by_duration, &ago) &&
	    __builtin_sub_overflow(clock_wall_ms(), ago, &when))
		when = 0;
	/* Below 0 the protocol has other meanings. */
	return (partitions_offsets(g->rk, &g->client, l, when < 0 ? 0 : when,
	    e));
}

static int
find_offsets(struct groups *g, const parts *committed, parts *l,
    struct err *e)
{
	const struct groups_reset *t = &g->to;

	if (t->to_earliest || t->to_latest)
		return (partitions_offsets(g->rk, &g->client, l,
		    t->to_earliest ? OFFSETS_EARLIEST : OFFSETS_LATEST, e));
	if (t->to_current)
		return (to_current(g, committed, l, e));
	if (t->to_datetime != NULL || t->by_duration != NULL)
		return (to_time(g, l, e));
	if (asked_for(t, committed, l, e) == -1)
		return (-1);
	return (into_log(g, l, e));
}

/* --- doing and showing it --- */

static int
commit(struct groups *g, const char *group, const parts *l, struct err *e)
{
	rd_kafka_AlterConsumerGroupOffsets_t *req;
	rd_kafka_queue_t *q = rd_kafka_queue_new(g->rk);
	const rd_kafka_group_result_t **v;
	rd_kafka_event_t *ev;
	size_t n;
	int rc = 0;

	req = rd_kafka_AlterConsumerGroupOffsets_new(group, l);
	rd_kafka_AlterConsumerGroupOffsets(g->rk, &req, 1, NULL, q);
	ev = client_wait(q, &g->client, e);
	rd_kafka_AlterConsumerGroupOffsets_destroy(req);
	rd_kafka_queue_destroy(q);
	if (ev == NULL)
		return (-1);
	v = rd_kafka_AlterConsumerGroupOffsets_result_groups(
	    rd_kafka_event_AlterConsumerGroupOffsets_result(ev), &n);
	if (n == 1 && rd_kafka_group_result_error(v[0]) != NULL)
		rc = err_set(e, ERR_REFUSED, "%s", rd_kafka_error_string(
		    rd_kafka_group_result_error(v[0])));
	else if (n == 1)
		rc = partitions_error(rd_kafka_group_result_partitions(v[0]),
		    e);
	rd_kafka_event_destroy(ev);
	return (rc);
}

static void
export_row(const struct reset *r, const char *group,
    const rd_kafka_topic_partition_t *p)
{
	struct sb line = SB_INIT;

	if (r->with_group) {
		plan_csv_field(&line, group);
		sb_puts(&line, ",");
	}
	sb_printf(&line, "%s,%d,%lld", p->topic, p->partition,
	    (long long)p->offset);
	printf("%s\n", line.ptr);
	sb_fini(&line);
}

static void
show(struct reset *r, const char *group, const rd_kafka_topic_partition_t *p)
{
	struct rows *out = &r->g->out;

	if (r->g->to.export)
		export_row(r, group, p);
	else if (client_json(&r->g->client)) {
		rows_begin(out);
		rows_str(out, "group", group);
		rows_str(out, "topic", p->topic);
		rows_int(out, "partition", p->partition);
		rows_int(out, "new_offset", p->offset);
		rows_bool(out, "executed", r->g->to.execute);
		rows_end(out);
	} else {
		if (out->n++ == 0)
			printf("%-30s %-30s %-10s %s\n", "GROUP", "TOPIC",
			    "PARTITION", "NEW-OFFSET");
		printf("%-30s %-30s %-10d %lld\n", group, p->topic,
		    p->partition, (long long)p->offset);
	}
}

static int
nothing(const struct reset *r, struct err *e)
{
	if (r->g->to.from_file != NULL)
		return (err_set(e, ERR_NOT_FOUND, "%s has no line of it",
		    r->g->to.from_file));
	return (err_set(e, ERR_NOT_FOUND, "it has committed nothing; --topic "
	    "NAME says what to reset"));
}

static int
reset_group(struct reset *r, const char *group, struct err *e)
{
	parts *committed, *l = NULL;
	int i, rc = -1;

	committed = groups_committed(r->g, group, e);
	if (committed != NULL)
		l = wanted(r, group, committed, e);
	if (l != NULL)
		rc = l->cnt == 0 ? 0 : find_offsets(r->g, committed, l, e);
	if (rc == 0 && l->cnt == 0)
		rc = nothing(r, e);
	if (rc == 0 && r->g->to.execute)
		rc = commit(r->g, group, l, e);
	for (i = 0; rc == 0 && i < l->cnt; i++)
		show(r, group, &l->elems[i]);
	if (l != NULL)
		rd_kafka_topic_partition_list_destroy(l);
	if (committed != NULL)
		rd_kafka_topic_partition_list_destroy(committed);
	return (rc);
}

/* --- the action --- */

/* Says why the group before was not reset, if it was not. */
static void
say(struct reset *r)
{
	if (r->why.code != ERR_NONE)
		fprintf(stderr, "leat consumer-groups: %s\n", r->why.msg);
}

/* A group that cannot be reset does not keep the others from it. */
static int
each(void *ctx, const rd_kafka_ConsumerGroupDescription_t *d, struct err *e)
{
	const char *group = rd_kafka_ConsumerGroupDescription_group_id(d);
	rd_kafka_consumer_group_state_t state = groups_state(d);
	struct err why = ERR_INIT;
	struct reset *r = ctx;

	(void)e;
	if (state != RD_KAFKA_CONSUMER_GROUP_STATE_EMPTY &&
	    state != RD_KAFKA_CONSUMER_GROUP_STATE_DEAD)
		err_set(&why, ERR_REFUSED, "it is active (%s, members: %zu); "
		    "stop its consumers first",
		    rd_kafka_consumer_group_state_name(state),
		    rd_kafka_ConsumerGroupDescription_member_count(d));
	else if (reset_group(r, group, &why) == 0)
		return (0);
	say(r);
	err_ctx(&why, "group %s", group);
	r->why = why;
	return (0);
}

/* Of a file without groups, one is to be given. */
static int
read_plan(struct reset *r, const struct flag_list *names, struct err *e)
{
	const char *path = r->g->to.from_file;
	struct sb text = SB_INIT;
	size_t i;
	int rc;

	rc = file_read(path, PLAN_MAX_FILE, &text, e);
	if (rc == 0 && plan_csv(&r->plan, text.ptr, text.len, e) == -1)
		rc = err_ctx(e, "%s", path);
	for (i = 0; rc == 0 && names->n != 1 && i < r->plan.n; i++)
		if (r->plan.v[i].group == NULL)
			rc = err_set(e, ERR_CONFIG, "%s: a line without a "
			    "group, and %zu groups to reset: write "
			    "group,topic,partition,offset", path, names->n);
	sb_fini(&text);
	return (rc);
}

static int
run(struct reset *r, const struct flag_list *names, struct err *e)
{
	int rc;

	if (r->g->to.from_file != NULL && read_plan(r, names, e) == -1)
		return (-1);
	rc = groups_each(r->g, names, each, r, e);
	if (rc == 0 && r->why.code != ERR_NONE) {
		*e = r->why;
		rc = -1;
	}
	if (rc == 0 && !r->g->to.execute && !r->g->to.dry_run)
		fprintf(stderr, "leat consumer-groups: nothing was changed; "
		    "--execute does it\n");
	return (rc);
}

int
groups_reset_offsets(struct groups *g, struct err *e)
{
	struct reset r = { .g = g };
	struct flag_list names = { NULL, 0 };
	int rc;

	rc = groups_names(g, &names, e);
	r.with_group = g->all || names.n != 1;
	if (rc == 0)
		rc = run(&r, &names, e);
	if (client_json(&g->client) && !g->to.export)
		rows_fini(&g->out);
	plan_fini(&r.plan);
	groups_names_fini(&names);
	return (rc);
}
