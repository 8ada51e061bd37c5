/*
 * What a broker without TLS, SASL and ACLs answers to those who ask for them:
 * as Apache Kafka does on a PLAINTEXT listener without an authorizer, so that
 * tools say the same.  Nothing is stored that would not be enforced.
 */
#include "broker/broker_priv.h"
#include "kafka/errors.h"
#include "kafka/messages.h"

#define NO_AUTHORIZER	SLICE("No Authorizer is configured.")

/* --- SASL --- */

void
handle_sasl_handshake(struct request *r)
{
	struct km_sasl_handshake_response resp;

	kw_defaults(&kd_sasl_handshake_response, &resp);
	resp.error_code = KERR_ILLEGAL_SASL_STATE;
	request_reply(r, &resp);
}

void
handle_sasl_authenticate(struct request *r)
{
	struct km_sasl_authenticate_response resp;

	kw_defaults(&kd_sasl_authenticate_response, &resp);
	resp.error_code = KERR_ILLEGAL_SASL_STATE;
	resp.error_message = SLICE("This listener is PLAINTEXT: there is no "
	    "SASL on it.");
	request_reply(r, &resp);
}

/* --- users --- */

void
handle_describe_user_scram_credentials(struct request *r)
{
	const struct km_describe_user_scram_credentials_request *in = r->in;
	struct km_describe_user_scram_credentials_response resp;
	int32_t i, n = in->users.n > 0 ? in->users.n : 0;

	kw_defaults(&kd_describe_user_scram_credentials_response, &resp);
	KARRAY_NEW(resp.results,
	    &kd_describe_user_scram_credentials_response_result, (size_t)n,
	    &r->arena);
	for (i = 0; i < n; i++) {
		resp.results.v[i].user = in->users.v[i].name;
		resp.results.v[i].error_code = KERR_RESOURCE_NOT_FOUND;
		resp.results.v[i].error_message = SLICE("There is no such "
		    "user: this broker has no SASL, so it has none.");
	}
	request_reply(r, &resp);
}

void
handle_alter_user_scram_credentials(struct request *r)
{
	const struct km_alter_user_scram_credentials_request *in = r->in;
	struct km_alter_user_scram_credentials_response resp;
	struct km_alter_user_scram_credentials_response_result *out;
	int32_t i;

	kw_defaults(&kd_alter_user_scram_credentials_response, &resp);
	KARRAY_NEW(resp.results,
	    &kd_alter_user_scram_credentials_response_result,
	    (size_t)in->deletions.n + (size_t)in->upsertions.n, &r->arena);
	out = resp.results.v;
	for (i = 0; i < in->deletions.n; i++, out++) {
		out->user = in->deletions.v[i].name;
		out->error_code = KERR_RESOURCE_NOT_FOUND;
		out->error_message = SLICE("There is no such user: this "
		    "broker has no SASL, so it has none.");
	}
	for (i = 0; i < in->upsertions.n; i++, out++) {
		out->user = in->upsertions.v[i].name;
		out->error_code = KERR_UNSUPPORTED_SASL_MECHANISM;
		out->error_message = SLICE("This broker has no SASL: a "
		    "password would protect nothing.");
	}
	request_reply(r, &resp);
}

/* --- ACLs --- */

void
handle_describe_acls(struct request *r)
{
	struct km_describe_acls_response resp;

	kw_defaults(&kd_describe_acls_response, &resp);
	resp.error_code = KERR_SECURITY_DISABLED;
	resp.error_message = NO_AUTHORIZER;
	request_reply(r, &resp);
}

void
handle_create_acls(struct request *r)
{
	const struct km_create_acls_request *in = r->in;
	struct km_create_acls_response resp;
	int32_t i;

	kw_defaults(&kd_create_acls_response, &resp);
	KARRAY_NEW(resp.results, &kd_create_acls_response_result,
	    (size_t)in->creations.n, &r->arena);
	for (i = 0; i < in->creations.n; i++) {
		resp.results.v[i].error_code = KERR_SECURITY_DISABLED;
		resp.results.v[i].error_message = NO_AUTHORIZER;
	}
	request_reply(r, &resp);
}

void
handle_delete_acls(struct request *r)
{
	const struct km_delete_acls_request *in = r->in;
	struct km_delete_acls_response resp;
	int32_t i;

	kw_defaults(&kd_delete_acls_response, &resp);
	KARRAY_NEW(resp.filter_results, &kd_delete_acls_response_filter_result,
	    (size_t)in->filters.n, &r->arena);
	for (i = 0; i < in->filters.n; i++) {
		resp.filter_results.v[i].error_code = KERR_SECURITY_DISABLED;
		resp.filter_results.v[i].error_message = NO_AUTHORIZER;
	}
	request_reply(r, &resp);
}

/* --- quotas --- */

/* There are none, so that is what there is to describe. */
void
handle_describe_client_quotas(struct request *r)
{
	struct km_describe_client_quotas_response resp;

	kw_defaults(&kd_describe_client_quotas_response, &resp);
	request_reply(r, &resp);
}

static bool
only_removes(const struct km_alter_client_quotas_request_entry *in)
{
	int32_t i;

	for (i = 0; i < in->ops.n; i++)
		if (!in->ops.v[i].remove)
			return (false);
	return (true);
}

static void
copy_entity(struct request *r,
    const struct km_alter_client_quotas_request_entry *in,
    struct km_alter_client_quotas_response_entry *out)
{
	int32_t i;

	KARRAY_NEW(out->entity, &kd_alter_client_quotas_response_entity,
	    (size_t)in->entity.n, &r->arena);
	for (i = 0; i < in->entity.n; i++) {
		out->entity.v[i].entity_type = in->entity.v[i].entity_type;
		out->entity.v[i].entity_name = in->entity.v[i].entity_name;
	}
}

void
handle_alter_client_quotas(struct request *r)
{
	const struct km_alter_client_quotas_request *in = r->in;
	struct km_alter_client_quotas_response resp;
	int32_t i;

	kw_defaults(&kd_alter_client_quotas_response, &resp);
	KARRAY_NEW(resp.entries, &kd_alter_client_quotas_response_entry,
	    (size_t)in->entries.n, &r->arena);
	for (i = 0; i < in->entries.n; i++) {
		struct km_alter_client_quotas_response_entry *out =
		    &resp.entries.v[i];

		copy_entity(r, &in->entries.v[i], out);
		if (only_removes(&in->entries.v[i]))
			continue;
		out->error_code = KERR_INVALID_REQUEST;
		out->error_message = SLICE("This broker has no quotas: it "
		    "would limit nobody.");
	}
	request_reply(r, &resp);
}
