/*
 * ApiVersions: what apis.def says of the APIs that have a handler, and of the
 * features (KIP-584) the one that clients look at: transaction.version 2 lets
 * those that know it have an epoch for each transaction (KIP-890).
 */
#include "broker/server.h"
#include "kafka/apis.h"
#include "kafka/errors.h"
#include "kafka/messages.h"

static void
fill_keys(struct request *r, struct km_api_versions_response *resp)
{
	struct km_api_versions_response_api_key *k;
	size_t i;
	int32_t n = 0;

	KARRAY_NEW(resp->api_keys, &kd_api_versions_response_api_key, nkapis,
	    &r->arena);
	for (i = 0; i < nkapis; i++) {
		if (!server_has_handler(kapis[i].key))
			continue;
		k = &resp->api_keys.v[n++];
		k->api_key = kapis[i].key;
		k->min_version = kapis[i].advertised;
		k->max_version = kapis[i].max;
	}
	resp->api_keys.n = n;
}

/*
 * Clients below version 4 fail at a supported feature that begins with 0
 * (KAFKA-17011); what is finalized is what they go by.
 */
static void
fill_features(struct request *r, struct km_api_versions_response *resp)
{
	if (r->version < 3)
		return;
	if (r->version >= 4) {
		KARRAY_NEW(resp->supported_features,
		    &kd_api_versions_response_feature, 1, &r->arena);
		resp->supported_features.v[0].name = SLICE(FEATURE_NAME);
		resp->supported_features.v[0].max_version = FEATURE_LEVEL;
	}
	resp->finalized_features_epoch = 0;
	KARRAY_NEW(resp->finalized_features,
	    &kd_api_versions_response_finalized, 1, &r->arena);
	resp->finalized_features.v[0].name = SLICE(FEATURE_NAME);
	resp->finalized_features.v[0].max_version_level = FEATURE_LEVEL;
	resp->finalized_features.v[0].min_version_level = FEATURE_LEVEL;
}

static bool
alnum(uint8_t c)
{
	return ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9'));
}

/* [a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])? (KIP-511) */
static bool
software_valid(struct slice s)
{
	size_t i;

	if (s.len == 0 || !alnum(s.p[0]) || !alnum(s.p[s.len - 1]))
		return (false);
	for (i = 0; i < s.len; i++)
		if (!alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '.')
			return (false);
	return (true);
}

void
handle_api_versions(struct request *r)
{
	const struct km_api_versions_request *in = r->in;
	struct km_api_versions_response resp;

	kw_defaults(&kd_api_versions_response, &resp);
	if (r->version >= 3 && (!software_valid(in->client_software_name) ||
	    !software_valid(in->client_software_version)))
		resp.error_code = KERR_INVALID_REQUEST;
	else {
		fill_keys(r, &resp);
		fill_features(r, &resp);
	}
	request_reply(r, &resp);
}

/* In version 0, and only the range of ApiVersions itself, so that the client
 * tries again with that. */
void
api_versions_fallback(struct request *r)
{
	const struct kapi *api = kapi_get(KAPI_ApiVersions);
	struct km_api_versions_response resp;

	r->version = 0;
	r->arena.limit = 0;
	kw_defaults(&kd_api_versions_response, &resp);
	resp.error_code = KERR_UNSUPPORTED_VERSION;
	KARRAY_NEW(resp.api_keys, &kd_api_versions_response_api_key, 1,
	    &r->arena);
	resp.api_keys.v[0].api_key = api->key;
	resp.api_keys.v[0].min_version = api->advertised;
	resp.api_keys.v[0].max_version = api->max;
	request_reply(r, &resp);
}
