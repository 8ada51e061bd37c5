/*
 * DescribeTransactions and ListTransactions.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdlib.h>

#include "base/check.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "broker/groups.h"
#include "broker/txns_priv.h"

#define PATTERN_MAX	1024	/* bytes of transactional_id_pattern */
#define MATCH_LIMIT	10000

/* --- DescribeTransactions --- */

static void
fill_topics(struct request *r, const struct txn *t,
    struct km_describe_transactions_response_transaction *to)
{
	struct km_describe_transactions_response_topic *topic = NULL;
	struct karray a = request_array(r,
	    &kd_describe_transactions_response_topic, t->nparts);
	int32_t *ids = request_alloc(r, (t->nparts + 1) * sizeof *ids);
	size_t i;

	to->topics.v = a.v;
	to->topics.n = 0;
	for (i = 0; i < t->nparts; i++) {
		if (i == 0 || strcmp(t->parts[i - 1].topic,
		    t->parts[i].topic) != 0) {
			topic = &to->topics.v[to->topics.n++];
			topic->topic = request_copy(r,
			    slice_str(t->parts[i].topic));
			topic->partitions.v = ids + i;
		}
		ids[i] = t->parts[i].partition;
		topic->partitions.n++;
	}
}

static void
describe_one(struct request *r, struct txns_shard *s,
    struct km_describe_transactions_response_transaction *to)
{
	const struct txn_slot *slot;
	const struct txn_image *im;

	if (s->state != TXNS_READY) {
		to->error_code = KERR_COORDINATOR_LOAD_IN_PROGRESS;
		return;
	}
	slot = txn_slot_find(s, to->transactional_id);
	if (slot == NULL || slot->txn->now.producer_id == -1) {
		to->error_code = KERR_TRANSACTIONAL_ID_NOT_FOUND;
		return;
	}
	im = &slot->txn->now;
	to->error_code = KERR_NONE;
	to->transaction_state = slice_str(txn_state_name(im->state));
	to->transaction_timeout_ms = im->timeout_ms;
	to->transaction_start_time_ms = im->start_ms;
	to->producer_id = im->producer_id;
	to->producer_epoch = im->epoch;
	if (txn_is_open(im->state))
		fill_topics(r, slot->txn, to);
}

static void
describe_each(struct request *r, struct txns_shard *s)
{
	struct km_describe_transactions_response *out = txns_tour_state(r);
	int32_t i;

	for (i = 0; i < out->transaction_states.n; i++)
		if (txns_shard_of(s->txns, out->transaction_states.v[i]
		    .transactional_id) == s)
			describe_one(r, s, &out->transaction_states.v[i]);
}

static void
describe_done(struct request *r)
{
	request_reply(r, txns_tour_state(r));
}

void
handle_describe_transactions(struct request *r)
{
	const struct km_describe_transactions_request *in = r->in;
	struct km_describe_transactions_response *out;
	struct karray a;
	int32_t i;

	out = request_alloc(r, sizeof *out);
	kw_defaults(&kd_describe_transactions_response, out);
	a = request_array(r, &kd_describe_transactions_response_transaction,
	    (size_t)in->transactional_ids.n);
	out->transaction_states.v = a.v;
	out->transaction_states.n = a.n;
	for (i = 0; i < a.n; i++)
		out->transaction_states.v[i].transactional_id =
		    in->transactional_ids.v[i];
	txns_tour(r, out, describe_each, describe_done);
}

/* --- ListTransactions --- */

struct list {			/* in the request's memory; v, code are not */
	struct km_list_transactions_response_transaction *v;
	size_t			 n, cap;
	int16_t			 error;
	pcre2_code		*code;		/* NULL: every id */
	pcre2_match_data	*match;
	pcre2_match_context	*context;
};

static bool
state_listed(const struct km_list_transactions_request *in,
    enum txn_state state)
{
	int32_t i;

	for (i = 0; i < in->state_filters.n; i++)
		if (slice_eq_str(in->state_filters.v[i],
		    txn_state_name(state)))
			return (true);
	return (in->state_filters.n <= 0);
}

static bool
producer_listed(const struct km_list_transactions_request *in, int64_t id)
{
	int32_t i;

	for (i = 0; i < in->producer_id_filters.n; i++)
		if (in->producer_id_filters.v[i] == id)
			return (true);
	return (in->producer_id_filters.n <= 0);
}

static bool
old_enough(const struct km_list_transactions_request *in,
    const struct txn_image *im)
{
	return (in->duration_filter < 0 || (txn_is_open(im->state) &&
	    txns_now() - im->start_ms >= in->duration_filter));
}

static bool
id_matches(struct list *l, struct slice id)
{
	return (l->code == NULL || pcre2_match(l->code, id.p, id.len, 0, 0,
	    l->match, l->context) >= 0);
}

static void
list_each(struct request *r, struct txns_shard *s)
{
	const struct km_list_transactions_request *in = r->in;
	struct km_list_transactions_response_transaction *to;
	struct list *l = txns_tour_state(r);
	const struct txn *t;
	size_t it = 0;
	void *v;

	if (s->state != TXNS_READY) {
		l->error = KERR_COORDINATOR_LOAD_IN_PROGRESS;
		return;
	}
	while (map_next(s->slots, &it, NULL, &v)) {
		t = ((struct txn_slot *)v)->txn;
		if (t->now.producer_id == -1 ||
		    !state_listed(in, t->now.state) ||
		    !producer_listed(in, t->now.producer_id) ||
		    !old_enough(in, &t->now) || !id_matches(l, t->id))
			continue;
		GROW(l->v, l->n, l->cap);
		to = &l->v[l->n++];
		kw_defaults(&kd_list_transactions_response_transaction, to);
		to->transactional_id = request_copy(r, t->id);
		to->producer_id = t->now.producer_id;
		to->transaction_state =
		    slice_str(txn_state_name(t->now.state));
	}
}

static bool
state_known(struct slice name)
{
	int i;

	for (i = 0; i < TXN_STATES; i++)
		if (slice_eq_str(name, txn_state_name((enum txn_state)i)))
			return (true);
	return (false);
}

static void
list_done(struct request *r)
{
	const struct km_list_transactions_request *in = r->in;
	struct km_list_transactions_response out;
	struct list *l = txns_tour_state(r);
	void *v = l->v;			/* l goes with the request */
	int32_t i;

	kw_defaults(&kd_list_transactions_response, &out);
	out.error_code = l->error;
	out.unknown_state_filters.v = request_alloc(r,
	    ((size_t)in->state_filters.n + 1) *
	    sizeof out.unknown_state_filters.v[0]);
	for (i = 0; i < in->state_filters.n; i++)
		if (!state_known(in->state_filters.v[i]))
			out.unknown_state_filters.v[
			    out.unknown_state_filters.n++] =
			    in->state_filters.v[i];
	if (l->error == KERR_NONE) {
		out.transaction_states.v = l->v;
		out.transaction_states.n = (int32_t)l->n;
	}
	pcre2_code_free(l->code);
	pcre2_match_data_free(l->match);
	pcre2_match_context_free(l->context);
	request_reply(r, &out);
	free(v);
}

/* KIP-1152.  Kafka's are RE2: what both know is written alike. */
static int16_t
compile(struct list *l, struct slice pattern)
{
	PCRE2_SIZE at;
	int code;

	if (pattern.len == 0)
		return (KERR_NONE);
	if (pattern.len > PATTERN_MAX)
		return (KERR_INVALID_REGULAR_EXPRESSION);
	l->code = pcre2_compile(pattern.p, pattern.len, PCRE2_ANCHORED |
	    PCRE2_ENDANCHORED | PCRE2_NEVER_BACKSLASH_C, &code, &at, NULL);
	if (l->code == NULL)
		return (KERR_INVALID_REGULAR_EXPRESSION);
	l->match = pcre2_match_data_create_from_pattern(l->code, NULL);
	l->context = pcre2_match_context_create(NULL);
	CHECK(l->match != NULL && l->context != NULL);
	pcre2_set_match_limit(l->context, MATCH_LIMIT);
	return (KERR_NONE);
}

void
handle_list_transactions(struct request *r)
{
	const struct km_list_transactions_request *in = r->in;
	struct km_list_transactions_response out;
	struct list *l = request_alloc(r, sizeof *l);
	int16_t error = compile(l, in->transactional_id_pattern);

	if (error == KERR_NONE) {
		txns_tour(r, l, list_each, list_done);
		return;
	}
	kw_defaults(&kd_list_transactions_response, &out);
	out.error_code = error;
	request_reply(r, &out);
}
