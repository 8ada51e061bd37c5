/*
 * Metadata, DescribeCluster and DescribeTopicPartitions: one broker, which
 * leads everything.
 *
 * A topic that is asked for by name and is not there is made on the way, when
 * the client and the settings allow it; what is answered is then the real
 * thing, and not a LEADER_NOT_AVAILABLE to try again on.
 */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "broker/broker_priv.h"
#include "broker/topic.h"
#include "kafka/errors.h"
#include "kafka/messages.h"

/* What an unauthenticated client may do: all operations (KIP-430), by their
 * numbers in AclOperation. */
#define TOPIC_OPERATIONS	((1 << 3) | (1 << 4) | (1 << 5) | (1 << 6) | \
				    (1 << 7) | (1 << 8) | (1 << 10) | (1 << 11))
#define CLUSTER_OPERATIONS	((1 << 5) | (1 << 7) | (1 << 8) | (1 << 9) | \
				    (1 << 10) | (1 << 11) | (1 << 12))
#define IDS	1

static void
fill_partitions(struct request *r, struct km_metadata_response_topic *out,
    struct topic *t)
{
	int32_t *ids = request_alloc(r, IDS * sizeof *ids);
	int32_t i, n = atomic_load(&t->npartitions);

	ids[0] = r->broker->node_id;
	KARRAY_NEW(out->partitions, &kd_metadata_response_partition,
	    (size_t)n, &r->arena);
	for (i = 0; i < n; i++) {
		struct km_metadata_response_partition *p =
		    &out->partitions.v[i];

		p->partition_index = i;
		p->leader_id = r->broker->node_id;
		p->leader_epoch = r->broker->leader_epoch;
		p->replica_nodes.v = p->isr_nodes.v = ids;
		p->replica_nodes.n = p->isr_nodes.n = IDS;
	}
}

static void
fill_topic(struct request *r, struct km_metadata_response_topic *out,
    struct topic *t)
{
	const struct km_metadata_request *in = r->in;

	out->name = arena_copy(&r->arena, slice_str(t->name));
	memcpy(out->topic_id.b, t->id.b, sizeof out->topic_id.b);
	out->is_internal = t->internal;
	if (in->include_topic_authorized_operations)
		out->topic_authorized_operations = TOPIC_OPERATIONS;
	fill_partitions(r, out, t);
}

static struct topic *
make_topic(struct request *r, struct slice name, int16_t *error)
{
	const struct km_metadata_request *in = r->in;
	struct err err = ERR_INIT;
	struct topic *t = NULL;

	if (!topic_name_valid(name)) {
		*error = KERR_INVALID_TOPIC_EXCEPTION;
		return (NULL);
	}
	*error = KERR_UNKNOWN_TOPIC_OR_PARTITION;
	if (!in->allow_auto_topic_creation || !r->broker->cfg.auto_create)
		return (NULL);
	if (slice_eq_str(name, TOPIC_OFFSETS))
		t = topic_offsets(r->broker, true, &err);
	else if (!slice_eq_str(name, TOPIC_TXN))
		t = topic_auto(r->broker, name, &err);
	if (t == NULL && err.code != ERR_NONE)
		*error = err.code == ERR_FULL ? KERR_POLICY_VIOLATION :
		    KERR_KAFKA_STORAGE_ERROR;
	return (t);
}

static bool
is_zero(const struct kuuid *id)
{
	static const struct kuuid zero;

	return (memcmp(id, &zero, sizeof zero) == 0);
}

static void
fill_asked(struct request *r, const struct km_metadata_request_topic *in,
    struct km_metadata_response_topic *out)
{
	struct topic *t;
	struct uuid id;

	if (in->name.p == NULL || !is_zero(&in->topic_id)) {
		memcpy(id.b, in->topic_id.b, sizeof id.b);
		t = topic_find_id(r->broker, &id);
		out->topic_id = in->topic_id;
		out->error_code = KERR_UNKNOWN_TOPIC_ID;
	} else {
		out->name = in->name;
		t = topic_find(r->broker, in->name);
		if (t == NULL)
			t = make_topic(r, in->name, &out->error_code);
	}
	if (t == NULL)
		return;
	out->error_code = KERR_NONE;
	fill_topic(r, out, t);
	topic_unref(t);
}

static void
fill_all(struct request *r, struct km_metadata_response *resp)
{
	struct topic **v;
	size_t i, n;

	n = topic_list(r->broker, &v);
	KARRAY_NEW(resp->topics, &kd_metadata_response_topic, n, &r->arena);
	for (i = 0; i < n; i++) {
		fill_topic(r, &resp->topics.v[i], v[i]);
		topic_unref(v[i]);
	}
	free(v);
}

/* By its name, or by its id. */
static struct slice
topic_key(const struct km_metadata_request_topic *in)
{
	if (in->name.p == NULL || !is_zero(&in->topic_id))
		return (slice_of(in->topic_id.b, sizeof in->topic_id.b));
	return (in->name);
}

/* Each once, however often it is named: an answer is not larger than that to
 * who asks for all. */
static void
fill_some(struct request *r, struct km_metadata_response *resp)
{
	const struct km_metadata_request *in = r->in;
	struct map *seen = map_new();
	int32_t i;

	KARRAY_NEW(resp->topics, &kd_metadata_response_topic,
	    (size_t)in->topics.n, &r->arena);
	resp->topics.n = 0;
	for (i = 0; i < in->topics.n; i++)
		if (!map_again(seen, topic_key(&in->topics.v[i])))
			fill_asked(r, &in->topics.v[i],
			    &resp->topics.v[resp->topics.n++]);
	map_free(seen);
}

void
handle_metadata(struct request *r)
{
	const struct km_metadata_request *in = r->in;
	struct broker *b = r->broker;
	struct km_metadata_response resp;

	kw_defaults(&kd_metadata_response, &resp);
	KARRAY_NEW(resp.brokers, &kd_metadata_response_broker, 1, &r->arena);
	resp.brokers.v[0].node_id = b->node_id;
	resp.brokers.v[0].host = slice_str(b->host);
	resp.brokers.v[0].port = b->port;
	resp.cluster_id = slice_str(b->cluster);
	resp.controller_id = b->node_id;
	if (in->include_cluster_authorized_operations)
		resp.cluster_authorized_operations = CLUSTER_OPERATIONS;
	/* Version 0 has no null: empty means all (KIP-4). */
	if (in->topics.n == -1 || (in->topics.n == 0 && r->version == 0))
		fill_all(r, &resp);
	else
		fill_some(r, &resp);
	request_reply(r, &resp);
}

void
handle_describe_cluster(struct request *r)
{
	const struct km_describe_cluster_request *in = r->in;
	struct broker *b = r->broker;
	struct km_describe_cluster_response resp;

	kw_defaults(&kd_describe_cluster_response, &resp);
	resp.endpoint_type = in->endpoint_type;
	if (in->endpoint_type != 1) {
		resp.error_code = in->endpoint_type == 2 ?
		    KERR_MISMATCHED_ENDPOINT_TYPE :
		    KERR_UNSUPPORTED_ENDPOINT_TYPE;
		resp.error_message = SLICE("This is a broker: it has no "
		    "controller endpoints.");
		request_reply(r, &resp);
		return;
	}
	KARRAY_NEW(resp.brokers, &kd_describe_cluster_response_broker, 1,
	    &r->arena);
	resp.brokers.v[0].broker_id = b->node_id;
	resp.brokers.v[0].host = slice_str(b->host);
	resp.brokers.v[0].port = b->port;
	resp.cluster_id = slice_str(b->cluster);
	resp.controller_id = b->node_id;
	if (in->include_cluster_authorized_operations)
		resp.cluster_authorized_operations = CLUSTER_OPERATIONS;
	request_reply(r, &resp);
}

/* --- DescribeTopicPartitions --- */

/*
 * KIP-966: topics by name, at most so many partitions, and where to go on.
 * The cursor is a name and a partition; topics before it were answered.
 */
#define TOPIC_PARTITIONS_LIMIT	2000	/* max.request.partition.size.limit */

typedef struct km_describe_topic_partitions_response_topic paged_out;

struct page {
	struct request	*r;
	struct km_describe_topic_partitions_response *resp;
	int32_t		 left;		/* partitions that still fit */
	struct slice	 name;		/* the cursor; p NULL: none */
	int32_t		 first;
};

static void
stop_at(struct page *p, struct slice name, int32_t partition)
{
	KARRAY_NEW(p->resp->next_cursor,
	    &kd_describe_topic_partitions_response_next_cursor, 1,
	    &p->r->arena);
	p->resp->next_cursor.v[0].topic_name = arena_copy(&p->r->arena, name);
	p->resp->next_cursor.v[0].partition_index = partition;
}

static void
page_partitions(struct page *p, paged_out *out, int32_t from, int32_t n)
{
	int32_t *ids = request_alloc(p->r, IDS * sizeof *ids);
	int32_t i;

	ids[0] = p->r->broker->node_id;
	KARRAY_NEW(out->partitions,
	    &kd_describe_topic_partitions_response_partition, (size_t)n,
	    &p->r->arena);
	for (i = 0; i < n; i++) {
		struct km_describe_topic_partitions_response_partition *o =
		    &out->partitions.v[i];

		o->partition_index = from + i;
		o->leader_id = p->r->broker->node_id;
		o->leader_epoch = p->r->broker->leader_epoch;
		o->replica_nodes.v = o->isr_nodes.v = ids;
		o->replica_nodes.n = o->isr_nodes.n = IDS;
	}
}

/* False: the page is full, and the cursor set. */
static bool
page_topic(struct page *p, struct topic *t)
{
	paged_out *out = &p->resp->topics.v[p->resp->topics.n++];
	struct slice name = slice_str(t->name);
	int32_t from = slice_eq(name, p->name) ? p->first : 0;
	int32_t n = atomic_load(&t->npartitions) - from;

	if (n < 0)
		n = 0;
	out->name = arena_copy(&p->r->arena, name);
	memcpy(out->topic_id.b, t->id.b, sizeof out->topic_id.b);
	out->is_internal = t->internal;
	out->topic_authorized_operations = TOPIC_OPERATIONS;
	page_partitions(p, out, from, n < p->left ? n : p->left);
	if (n > p->left) {
		stop_at(p, name, from + p->left);
		return (false);
	}
	p->left -= n;
	return (true);
}

/* Is it before the cursor? */
static bool
page_skips(const struct page *p, struct slice name)
{
	return (p->name.p != NULL && slice_cmp(name, p->name) < 0);
}

static void
page_all(struct page *p)
{
	struct topic **v;
	size_t i, n;
	bool more = true;

	n = topic_list(p->r->broker, &v);
	KARRAY_NEW(p->resp->topics,
	    &kd_describe_topic_partitions_response_topic, n, &p->r->arena);
	p->resp->topics.n = 0;
	for (i = 0; i < n; i++) {
		if (more && !page_skips(p, slice_str(v[i]->name))) {
			if (p->left > 0) {
				more = page_topic(p, v[i]);
			} else {
				stop_at(p, slice_str(v[i]->name), 0);
				more = false;
			}
		}
		topic_unref(v[i]);
	}
	free(v);
}

static int
by_name(const void *a, const void *b)
{
	const struct km_describe_topic_partitions_request_topic *x = a, *y = b;

	return (slice_cmp(x->name, y->name));
}

static bool
page_asked_one(struct page *p, struct slice name)
{
	struct topic *t;
	paged_out *out;
	bool more = true;

	if ((t = topic_find(p->r->broker, name)) != NULL) {
		more = page_topic(p, t);
		topic_unref(t);
		return (more);
	}
	out = &p->resp->topics.v[p->resp->topics.n++];
	out->name = name;
	out->error_code = topic_name_valid(name) ?
	    KERR_UNKNOWN_TOPIC_OR_PARTITION : KERR_INVALID_TOPIC_EXCEPTION;
	return (true);
}

/* In the order of their names, each once. */
static void
page_asked(struct page *p)
{
	const struct km_describe_topic_partitions_request *in = p->r->in;
	struct km_describe_topic_partitions_request_topic *v;
	size_t n = (size_t)in->topics.n, i;

	v = request_alloc(p->r, n * sizeof *v);
	memcpy(v, in->topics.v, n * sizeof *v);
	qsort(v, n, sizeof *v, by_name);
	KARRAY_NEW(p->resp->topics,
	    &kd_describe_topic_partitions_response_topic, n, &p->r->arena);
	p->resp->topics.n = 0;
	for (i = 0; i < n; i++) {
		if ((i > 0 && slice_eq(v[i].name, v[i - 1].name)) ||
		    page_skips(p, v[i].name))
			continue;
		if (p->left <= 0) {
			stop_at(p, v[i].name, 0);
			return;
		}
		if (!page_asked_one(p, v[i].name))
			return;
	}
}

/* The cursor makes no sense. */
static void
page_refused(struct page *p)
{
	const struct km_describe_topic_partitions_request *in = p->r->in;
	int32_t i;

	KARRAY_NEW(p->resp->topics,
	    &kd_describe_topic_partitions_response_topic,
	    (size_t)in->topics.n, &p->r->arena);
	for (i = 0; i < in->topics.n; i++) {
		p->resp->topics.v[i].name = in->topics.v[i].name;
		p->resp->topics.v[i].error_code = KERR_INVALID_REQUEST;
	}
}

void
handle_describe_topic_partitions(struct request *r)
{
	const struct km_describe_topic_partitions_request *in = r->in;
	struct km_describe_topic_partitions_response resp;
	struct page p = { .r = r, .resp = &resp,
	    .left = in->response_partition_limit };

	kw_defaults(&kd_describe_topic_partitions_response, &resp);
	if (p.left > TOPIC_PARTITIONS_LIMIT)
		p.left = TOPIC_PARTITIONS_LIMIT;
	if (p.left < 1)
		p.left = 1;
	if (in->cursor.n > 0) {
		p.name = in->cursor.v[0].topic_name;
		p.first = in->cursor.v[0].partition_index;
	}
	if (p.first < 0)
		page_refused(&p);
	else if (in->topics.n > 0)
		page_asked(&p);
	else
		page_all(&p);
	request_reply(r, &resp);
}
