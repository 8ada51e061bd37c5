/* What the actions of leat consumer-groups ask the cluster. */
#include "cli/groups.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/partitions.h"

#define RETRY_MS	50

/* --- names --- */

static void
append(struct flag_list *l, const char *name)
{
	l->v = xreallocarray(l->v, l->n + 1, sizeof *l->v);
	l->v[l->n++] = xstrdup(name);
}

static int
all_names(struct groups *g, struct flag_list *out, struct err *e)
{
	rd_kafka_queue_t *q = rd_kafka_queue_new(g->rk);
	const rd_kafka_ConsumerGroupListing_t **v;
	rd_kafka_event_t *ev;
	size_t i, n;

	rd_kafka_ListConsumerGroups(g->rk, NULL, q);
	ev = client_wait(q, &g->client, e);
	rd_kafka_queue_destroy(q);
	if (ev == NULL)
		return (-1);
	v = rd_kafka_ListConsumerGroups_result_valid(
	    rd_kafka_event_ListConsumerGroups_result(ev), &n);
	for (i = 0; i < n; i++)
		append(out, rd_kafka_ConsumerGroupListing_group_id(v[i]));
	rd_kafka_event_destroy(ev);
	return (0);
}

int
groups_names(struct groups *g, struct flag_list *out, struct err *e)
{
	size_t i;

	if (g->all)
		return (all_names(g, out, e));
	for (i = 0; i < g->names.n; i++)
		append(out, g->names.v[i]);
	return (0);
}

void
groups_names_fini(struct flag_list *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		free((char *)(uintptr_t)l->v[i]);
	flag_list_fini(l);
}

/* --- requests --- */

/* A newer broker has an error where an older one has a state. */
static bool
is_missing(const rd_kafka_ConsumerGroupDescription_t *d)
{
	const rd_kafka_error_t *why =
	    rd_kafka_ConsumerGroupDescription_error(d);

	return (why != NULL && rd_kafka_error_code(why) ==
	    RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND);
}

rd_kafka_consumer_group_state_t
groups_state(const rd_kafka_ConsumerGroupDescription_t *d)
{
	return (is_missing(d) ? RD_KAFKA_CONSUMER_GROUP_STATE_DEAD :
	    rd_kafka_ConsumerGroupDescription_state(d));
}

/* Is the coordinator of one of them still reading its log, or moving? */
static bool
is_not_ready(const rd_kafka_ConsumerGroupDescription_t **v, size_t n)
{
	const rd_kafka_error_t *why;
	size_t i;

	for (i = 0; i < n; i++) {
		why = rd_kafka_ConsumerGroupDescription_error(v[i]);
		switch (why == NULL ? 0 : rd_kafka_error_code(why)) {
		case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
		case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
		case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
			return (true);
		default:
			break;
		}
	}
	return (false);
}

static rd_kafka_event_t *
describe(struct groups *g, const struct flag_list *names,
    const rd_kafka_ConsumerGroupDescription_t ***v, size_t *n, struct err *e)
{
	int64_t until = clock_mono_ns() + CLIENT_TIMEOUT_MS * INT64_C(1000000);
	rd_kafka_queue_t *q = rd_kafka_queue_new(g->rk);
	rd_kafka_event_t *ev;

	for (;;) {
		rd_kafka_DescribeConsumerGroups(g->rk, names->v, names->n,
		    NULL, q);
		ev = client_wait(q, &g->client, e);
		if (ev == NULL)
			break;
		*v = rd_kafka_DescribeConsumerGroups_result_groups(
		    rd_kafka_event_DescribeConsumerGroups_result(ev), n);
		if (!is_not_ready(*v, *n) || clock_mono_ns() >= until)
			break;
		rd_kafka_event_destroy(ev);
		rd_kafka_poll(g->rk, RETRY_MS);
	}
	rd_kafka_queue_destroy(q);
	return (ev);
}

int
groups_each(struct groups *g, const struct flag_list *names,
    int (*each)(void *, const rd_kafka_ConsumerGroupDescription_t *,
    struct err *), void *ctx, struct err *e)
{
	const rd_kafka_ConsumerGroupDescription_t **v;
	const rd_kafka_error_t *why;
	rd_kafka_event_t *ev;
	size_t i, n;
	int rc = 0;

	if (names->n == 0)
		return (0);
	ev = describe(g, names, &v, &n, e);
	if (ev == NULL)
		return (-1);
	for (i = 0; i < n && rc == 0; i++) {
		why = rd_kafka_ConsumerGroupDescription_error(v[i]);
		rc = why == NULL || is_missing(v[i]) ? each(ctx, v[i], e) :
		    err_set(e, ERR_REFUSED, "group %s: %s",
		    rd_kafka_ConsumerGroupDescription_group_id(v[i]),
		    rd_kafka_error_string(why));
	}
	rd_kafka_event_destroy(ev);
	return (rc);
}

rd_kafka_topic_partition_list_t *
groups_committed(struct groups *g, const char *group, struct err *e)
{
	rd_kafka_ListConsumerGroupOffsets_t *req;
	rd_kafka_topic_partition_list_t *out = NULL;
	rd_kafka_queue_t *q = rd_kafka_queue_new(g->rk);
	const rd_kafka_group_result_t **v;
	const rd_kafka_error_t *why;
	rd_kafka_event_t *ev;
	size_t n;

	req = rd_kafka_ListConsumerGroupOffsets_new(group, NULL);
	rd_kafka_ListConsumerGroupOffsets(g->rk, &req, 1, NULL, q);
	ev = client_wait(q, &g->client, e);
	rd_kafka_ListConsumerGroupOffsets_destroy(req);
	rd_kafka_queue_destroy(q);
	if (ev == NULL)
		return (NULL);
	v = rd_kafka_ListConsumerGroupOffsets_result_groups(
	    rd_kafka_event_ListConsumerGroupOffsets_result(ev), &n);
	why = n == 1 ? rd_kafka_group_result_error(v[0]) : NULL;
	if (n == 1 && why == NULL) {
		out = rd_kafka_topic_partition_list_copy(
		    rd_kafka_group_result_partitions(v[0]));
		rd_kafka_topic_partition_list_sort(out, NULL, NULL);
	} else
		err_set(e, ERR_REFUSED, "group %s: %s", group, why == NULL ?
		    "no answer" : rd_kafka_error_string(why));
	rd_kafka_event_destroy(ev);
	return (out);
}

rd_kafka_topic_partition_list_t *
groups_topics(struct groups *g, struct err *e)
{
	rd_kafka_topic_partition_list_t *l, *out;
	size_t i;

	l = rd_kafka_topic_partition_list_new((int)g->topics.n);
	for (i = 0; i < g->topics.n; i++)
		partitions_parse(l, g->topics.v[i]);	/* checked before */
	out = partitions_there(l, g->md, e);
	rd_kafka_topic_partition_list_destroy(l);
	return (out);
}
