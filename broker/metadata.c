/*
 * Metadata and DescribeCluster: one broker, which leads everything.
 *
 * A topic that is asked for by name and is not there is made on the way, when
 * the client and the settings allow it; what is answered is then the real
 * thing, and not a LEADER_NOT_AVAILABLE to try again on.
 */
#include <stdlib.h>
#include <string.h>

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

void
handle_metadata(struct request *r)
{
	const struct km_metadata_request *in = r->in;
	struct broker *b = r->broker;
	struct km_metadata_response resp;
	int32_t i;

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
	if (in->topics.n == -1 || (in->topics.n == 0 && r->version == 0)) {
		fill_all(r, &resp);
	} else {
		KARRAY_NEW(resp.topics, &kd_metadata_response_topic,
		    (size_t)in->topics.n, &r->arena);
		for (i = 0; i < in->topics.n; i++)
			fill_asked(r, &in->topics.v[i], &resp.topics.v[i]);
	}
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
