/*
 * UpdateFeatures (KIP-584): what ApiVersions says is finalized stays as it is.
 * Asking for the level that is there succeeds, as it does with Kafka.
 */
#include <stdio.h>

#include "broker/broker_priv.h"
#include "broker/server.h"
#include "kafka/errors.h"
#include "kafka/messages.h"

/* Kinds of an update (KIP-778). */
enum { UPGRADE = 1, SAFE_DOWNGRADE, UNSAFE_DOWNGRADE };

static bool
may_downgrade(const struct km_update_features_request_feature *f, int version)
{
	return (version == 0 ? f->allow_downgrade :
	    f->upgrade_type == SAFE_DOWNGRADE ||
	    f->upgrade_type == UNSAFE_DOWNGRADE);
}

/* KERR_NONE, or the code with a sentence. */
static int16_t
judge(const struct km_update_features_request_feature *f, int version,
    const char **why)
{
	int level = f->max_version_level;

	*why = NULL;
	if (version > 0 && (f->upgrade_type < UPGRADE ||
	    f->upgrade_type > UNSAFE_DOWNGRADE)) {
		*why = "The type of the update is none that is known.";
		return (KERR_INVALID_REQUEST);
	}
	if (!slice_eq_str(f->feature, FEATURE_NAME))
		*why = "This broker has no such feature; it has "
		    FEATURE_NAME ".";
	else if (level == FEATURE_LEVEL)
		return (KERR_NONE);
	else if (level > FEATURE_LEVEL)
		*why = "This broker does not support that level.";
	else if (!may_downgrade(f, version))
		*why = "A lower level needs the update to be a downgrade.";
	else
		*why = "The level of this broker is fixed.";
	return (KERR_INVALID_UPDATE_VERSION);
}

/* From version 2 on there is one error for all. */
static void
fail_all(struct request *r, struct km_update_features_response *resp,
    const struct km_update_features_request_feature *f, int16_t error,
    const char *why)
{
	char text[512];

	if (resp->error_code != KERR_NONE)
		return;
	snprintf(text, sizeof text, "The update failed for all features since "
	    "the following feature had an error: %.*s: %s",
	    f->feature.len < 128 ? (int)f->feature.len : 128,
	    (const char *)f->feature.p, why);
	resp->error_code = error;
	resp->error_message = arena_copy(&r->arena, slice_str(text));
}

void
handle_update_features(struct request *r)
{
	const struct km_update_features_request *in = r->in;
	struct km_update_features_response_result *out;
	struct km_update_features_response resp;
	const char *why;
	int16_t error;
	int32_t i;

	kw_defaults(&kd_update_features_response, &resp);
	if (r->version < 2)
		KARRAY_NEW(resp.results, &kd_update_features_response_result,
		    (size_t)in->feature_updates.n, &r->arena);
	for (i = 0; i < in->feature_updates.n; i++) {
		error = judge(&in->feature_updates.v[i], r->version, &why);
		if (r->version >= 2) {
			if (error != KERR_NONE)
				fail_all(r, &resp, &in->feature_updates.v[i],
				    error, why);
			continue;
		}
		out = &resp.results.v[i];
		out->feature = in->feature_updates.v[i].feature;
		out->error_code = error;
		if (why != NULL)
			out->error_message = slice_str(why);
	}
	request_reply(r, &resp);
}
