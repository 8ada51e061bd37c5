/*
 * OffsetCommit and TxnOffsetCommit.  Their bodies have the same shape; both
 * become a list of items, each with its place for an error in the answer.
 */
#include "broker/groups.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/topic.h"
#include "broker/txns.h"

struct commit_item {
	struct slice		 topic;
	struct committed	 value;
	int16_t			*error;		/* in the answer */
};

struct commit {			/* in the request's memory */
	struct request		*r;
	struct shard		*shard;
	void			*out;		/* the answer */
	struct commit_item	*v;
	size_t			 n;
	/* TxnOffsetCommit's */
	struct records_txn	 txn;
	struct txn_add		 add;
};

/*
 * api_new(r, error): the request's items, and the answer with that error for
 * every partition to begin with.
 */
#define COMMIT_NEW(api)						\
	static void							\
	api##_topic(struct commit *c,					\
	    const struct km_##api##_request_topic *in,			\
	    struct km_##api##_response_topic *out, int16_t error)	\
	{								\
		struct karray a = request_array(c->r,			\
		    &kd_##api##_response_partition,			\
		    (size_t)in->partitions.n);				\
		int32_t i;						\
									\
		out->name = in->name;					\
		out->partitions.v = a.v;				\
		out->partitions.n = a.n;				\
		for (i = 0; i < a.n; i++) {				\
			const struct km_##api##_request_partition *p =	\
			    &in->partitions.v[i];			\
									\
			out->partitions.v[i].partition_index =		\
			    p->partition_index;				\
			out->partitions.v[i].error_code = error;	\
			c->v[c->n++] = (struct commit_item){		\
			    .topic = in->name,				\
			    .value = {					\
				.partition = p->partition_index,	\
				.leader_epoch = p->committed_leader_epoch,\
				.offset = p->committed_offset,		\
				.metadata = p->committed_metadata,	\
			    },						\
			    .error = &out->partitions.v[i].error_code,	\
			};						\
		}							\
	}								\
									\
	static struct commit *						\
	api##_new(struct request *r, int16_t error)			\
	{								\
		const struct km_##api##_request *in = r->in;		\
		struct commit *c = request_alloc(r, sizeof *c);		\
		struct km_##api##_response *out;			\
		struct karray a;					\
		size_t n = 0;						\
		int32_t i;						\
									\
		out = request_alloc(r, sizeof *out);			\
		kw_defaults(&kd_##api##_response, out);		\
		a = request_array(r, &kd_##api##_response_topic,	\
		    (size_t)in->topics.n);				\
		out->topics.v = a.v;					\
		out->topics.n = a.n;					\
		for (i = 0; i < a.n; i++)				\
			n += (size_t)in->topics.v[i].partitions.n;	\
		c->r = r;						\
		c->out = out;						\
		c->v = request_alloc(r, n * sizeof *c->v + 1);		\
		for (i = 0; i < a.n; i++)				\
			api##_topic(c, &in->topics.v[i],		\
			    &out->topics.v[i], error);			\
		return (c);						\
	}

COMMIT_NEW(offset_commit)
COMMIT_NEW(txn_offset_commit)

static void
commit_done(void *arg, int16_t error)
{
	struct commit *c = arg;
	size_t i;

	for (i = 0; i < c->n; i++)
		if (*c->v[i].error == KERR_NONE)
			*c->v[i].error = error;
	request_reply(c->r, c->out);
}

static int16_t
check_item(const struct broker *b, struct topic *t, const struct committed *c)
{
	if (t == NULL || c->partition < 0 ||
	    c->partition >= atomic_load(&t->npartitions))
		return (KERR_UNKNOWN_TOPIC_OR_PARTITION);
	if (c->metadata.len > (size_t)b->cfg.offset_metadata_max)
		return (KERR_OFFSET_METADATA_TOO_LARGE);
	return (KERR_NONE);
}

/* Decides on every partition; the good ones are collected as records. */
static void
commit_collect(struct commit *c, const struct slot *slot)
{
	int64_t now = clock_wall_ms();
	struct commit_item *v = c->v;
	struct topic *t = NULL;
	size_t i;

	for (i = 0; i < c->n; i++) {
		if (i == 0 || !slice_eq(v[i].topic, v[i - 1].topic)) {
			topic_unref(t);
			t = topic_find(c->r->broker, v[i].topic);
		}
		v[i].value.commit_ms = now;
		if (v[i].value.metadata.p == NULL)
			v[i].value.metadata = SLICE("");
		*v[i].error = check_item(c->r->broker, t, &v[i].value);
		if (*v[i].error == KERR_NONE)
			records_offset(&c->shard->records, slot->group->id,
			    v[i].topic, v[i].value.partition, &v[i].value);
	}
	topic_unref(t);
}

/* What was written is now so in memory. */
static void
commit_apply(struct commit *c, struct slot *slot, bool staged)
{
	struct shard *s = c->shard;
	struct commit_item *v = c->v;
	size_t i;

	for (i = 0; i < c->n; i++) {
		if (*v[i].error != KERR_NONE)
			continue;
		v[i].value.at = s->records.base;
		if (staged)
			staged_put(s->staged, c->txn.producer_id,
			    slot->group->id, v[i].topic,
			    v[i].value.partition, &v[i].value);
		else
			offsets_put(slot->offsets, v[i].topic,
			    v[i].value.partition, &v[i].value);
	}
}

/* From version 4 on there is a word for what an abort puts right (KIP-890). */
static int16_t
txn_error(const struct request *r, int16_t error)
{
	return (error == KERR_INVALID_TXN_STATE && r->version >= 4 ?
	    KERR_TRANSACTION_ABORTABLE : error);
}

/* Writes and answers; txn NULL: at once, else staged in that transaction. */
static void
commit_write(struct commit *c, struct slot *slot, struct records_txn *txn)
{
	struct shard *s = c->shard;
	struct err err = ERR_INIT;

	commit_collect(c, slot);
	if (s->records.n == 0) {
		commit_done(c, KERR_NONE);
		return;
	}
	s->records.txn = txn;
	/* The answer may come from within shard_write only through the loop,
	 * so c is still there when the memory follows. */
	if (shard_write(s, commit_done, c, &err) == 0) {
		commit_apply(c, slot, txn != NULL);
		metric_add_shared(&c->r->broker->m.offset_commits, 1);
		return;
	}
	if (err.code == ERR_REFUSED && txn != NULL) {
		commit_done(c, txn_error(c->r, txn->error));
		return;
	}
	log_error("broker", "offsets of a group cannot be stored: %s", err.msg);
	commit_done(c, coordinator_error(&err));
}

/* --- OffsetCommit --- */

/* Who commits to a group that is not there: a consumer without group
 * management makes it, a member's generation is an old one. */
static int16_t
commit_slot(struct request *r, struct shard *s, struct slot **slot)
{
	const struct km_offset_commit_request *in = r->in;

	*slot = slot_find(s, in->group_id);
	if (*slot == NULL && in->generation_id_or_member_epoch >= 0)
		return (r->version >= 9 ? KERR_GROUP_ID_NOT_FOUND :
		    KERR_ILLEGAL_GENERATION);
	if (*slot == NULL && (*slot = slot_get(s, in->group_id)) == NULL)
		return (KERR_COORDINATOR_NOT_AVAILABLE);
	return (group_check_commit((*slot)->group, in->member_id,
	    in->group_instance_id, in->generation_id_or_member_epoch,
	    shard_now(s)));
}

static void
commit(struct request *r, struct shard *s, int16_t error)
{
	struct commit *c = offset_commit_new(r, KERR_NONE);
	struct slot *slot = NULL;

	c->shard = s;
	if (error == KERR_NONE)
		error = commit_slot(r, s, &slot);
	if (error == KERR_NONE)
		commit_write(c, slot, NULL);
	else
		commit_done(c, error);
	if (slot != NULL)
		slot_run(slot);
}

void
handle_offset_commit(struct request *r)
{
	const struct km_offset_commit_request *in = r->in;

	if (in->group_id.len == 0)
		request_reply(r,
		    offset_commit_new(r, KERR_INVALID_GROUP_ID)->out);
	else
		groups_route(r, in->group_id, commit);
}

/* --- TxnOffsetCommit --- */

/* A producer without a consumer's place in the group says no generation, as do
 * all below version 3: the transaction alone decides then. */
static int16_t
txn_commit_slot(struct request *r, struct shard *s, struct slot **slot)
{
	const struct km_txn_offset_commit_request *in = r->in;

	*slot = slot_find(s, in->group_id);
	if (*slot == NULL && in->generation_id >= 0)
		return (KERR_ILLEGAL_GENERATION);
	if (*slot == NULL && (*slot = slot_get(s, in->group_id)) == NULL)
		return (KERR_COORDINATOR_NOT_AVAILABLE);
	return (group_check_txn_commit((*slot)->group, in->member_id,
	    in->group_instance_id, in->generation_id, shard_now(s)));
}

/* Asked under the partition's lock, when the epoch was found good. */
static int16_t
txn_commit_may(struct records_txn *txn)
{
	struct commit *c = container_of(txn, struct commit, txn);

	return (txns_fence(c->r, TXN_FENCE_OFFSETS, txn->producer_id,
	    txn->epoch));
}

/* What one transaction stages is bounded: it stays in memory until the end. */
static int16_t
txn_commit_bound(const struct commit *c)
{
	size_t i, n = staged_bytes(c->shard->staged, c->txn.producer_id);

	for (i = 0; i < c->n; i++)
		n += c->v[i].topic.len + c->v[i].value.metadata.len;
	if (n <= STAGED_BYTES_MAX)
		return (KERR_NONE);
	log_warn("broker", "producer=%lld: its transaction has offsets of more "
	    "than %u bytes; commit it more often",
	    (long long)c->txn.producer_id, STAGED_BYTES_MAX);
	return (KERR_INVALID_COMMIT_OFFSET_SIZE);
}

static void
txn_commit_stage(struct commit *c)
{
	struct slot *slot = NULL;
	int16_t error = txn_commit_slot(c->r, c->shard, &slot);

	if (error == KERR_NONE)
		error = txn_commit_bound(c);
	if (error == KERR_NONE)
		commit_write(c, slot, &c->txn);
	else
		commit_done(c, error);
	if (slot != NULL)
		slot_run(slot);
}

static void
txn_commit_added(struct txn_add *add, int16_t error)
{
	struct commit *c = container_of(add, struct commit, add);

	if (error == KERR_NONE && c->shard->state != SHARD_READY)
		error = KERR_NOT_COORDINATOR;	/* the broker stops */
	if (error == KERR_NONE)
		txn_commit_stage(c);
	else
		commit_done(c, txn_error(c->r, error));
}

/* Transactions version 2: the commit itself adds the group's partition. */
static void
txn_commit_add(struct commit *c)
{
	const struct km_txn_offset_commit_request *in = c->r->in;
	struct shard *s = c->shard;
	struct err err = ERR_INIT;

	if (shard_log(s, &err) == -1) {
		log_error("broker", "offsets of a transaction cannot be "
		    "stored: %s", err.msg);
		commit_done(c, coordinator_error(&err));
		return;
	}
	c->add = (struct txn_add){
		.loop = s->home->loop,
		.fn = txn_commit_added,
		.transactional_id = in->transactional_id,
		.producer_id = in->producer_id,
		.epoch = in->producer_epoch,
		.topic = s->topic,
		.partitions = &s->index,
		.n = 1,
	};
	txns_add(c->r->broker, &c->add);
}

static void
txn_commit(struct request *r, struct shard *s, int16_t error)
{
	const struct km_txn_offset_commit_request *in = r->in;
	struct commit *c = txn_offset_commit_new(r, KERR_NONE);

	c->shard = s;
	c->txn = (struct records_txn){ .producer_id = in->producer_id,
	    .epoch = in->producer_epoch, .may = txn_commit_may };
	if (error != KERR_NONE)
		commit_done(c, error);
	else if (r->version >= 5)
		txn_commit_add(c);
	else
		txn_commit_stage(c);
}

void
handle_txn_offset_commit(struct request *r)
{
	const struct km_txn_offset_commit_request *in = r->in;

	if (in->group_id.len == 0)
		request_reply(r,
		    txn_offset_commit_new(r, KERR_INVALID_GROUP_ID)->out);
	else
		groups_route(r, in->group_id, txn_commit);
}
