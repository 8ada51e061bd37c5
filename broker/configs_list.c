/*
 * ListConfigResources (KIP-1142): the names of what has a configuration: the
 * topics and this broker.  Groups and client metrics have none here.
 */
#include <stdio.h>
#include <stdlib.h>

#include "broker/broker_priv.h"
#include "broker/topic.h"
#include "broker/topic_config.h"
#include "kafka/errors.h"
#include "kafka/messages.h"

typedef struct km_list_config_resources_response_resource resource_out;

static bool
known(int8_t type)
{
	return (type == RESOURCE_TOPIC || type == RESOURCE_BROKER ||
	    type == RESOURCE_BROKER_LOGGER || type == RESOURCE_CLIENT_METRICS ||
	    type == RESOURCE_GROUP);
}

/* Version 0 asks for client metrics alone; no type means all. */
static bool
asked(const struct request *r, int8_t type)
{
	const struct km_list_config_resources_request *in = r->in;
	int32_t i;

	if (r->version == 0)
		return (type == RESOURCE_CLIENT_METRICS);
	for (i = 0; i < in->resource_types.n; i++)
		if (in->resource_types.v[i] == type)
			return (true);
	return (in->resource_types.n == 0);
}

static void
add(struct km_list_config_resources_response *resp, int8_t type,
    struct slice name)
{
	resource_out *out = &resp->config_resources.v[
	    resp->config_resources.n++];

	out->resource_type = type;
	out->resource_name = name;
}

static void
list(struct request *r, struct km_list_config_resources_response *resp)
{
	struct topic **v = NULL;
	size_t i, n = 0;
	char id[16];

	if (asked(r, RESOURCE_TOPIC))
		n = topic_list(r->broker, &v);
	KARRAY_NEW(resp->config_resources,
	    &kd_list_config_resources_response_resource, n + 1, &r->arena);
	resp->config_resources.n = 0;
	for (i = 0; i < n; i++) {
		add(resp, RESOURCE_TOPIC, arena_copy(&r->arena,
		    slice_str(v[i]->name)));
		topic_unref(v[i]);
	}
	free(v);
	snprintf(id, sizeof id, "%d", r->broker->node_id);
	if (asked(r, RESOURCE_BROKER))
		add(resp, RESOURCE_BROKER, arena_copy(&r->arena,
		    slice_str(id)));
}

void
handle_list_config_resources(struct request *r)
{
	const struct km_list_config_resources_request *in = r->in;
	struct km_list_config_resources_response resp;
	int32_t i;

	kw_defaults(&kd_list_config_resources_response, &resp);
	for (i = 0; i < in->resource_types.n; i++)
		if (!known(in->resource_types.v[i]))
			resp.error_code = KERR_UNSUPPORTED_VERSION;
	if (resp.error_code == KERR_NONE)
		list(r, &resp);
	request_reply(r, &resp);
}
