/*
 * DescribeProducers: who writes to a partition, and since where a transaction
 * is open there.
 */
#include "broker/broker_priv.h"
#include "broker/partition.h"
#include "broker/producers.h"
#include "broker/topic.h"
#include "kafka/errors.h"
#include "kafka/messages.h"

#define ACTIVE_MAX	100000		/* told in one answer */

struct listing {
	struct km_describe_producers_response_producer	*v;
	size_t						 n, max;
};

static void
list_one(void *ctx, const struct producers_info *x)
{
	struct listing *l = ctx;
	struct km_describe_producers_response_producer *out;

	if (l->n == l->max)
		return;
	out = &l->v[l->n++];
	out->producer_id = x->producer_id;
	out->producer_epoch = x->epoch;
	out->last_sequence = x->last_sequence;
	out->last_timestamp = x->last_timestamp;
	out->coordinator_epoch = x->coordinator_epoch;
	out->current_txn_start_offset = x->txn_first_offset;
}

static int16_t
list_partition(struct request *r, struct topic *t, int32_t index,
    size_t *room, struct km_describe_producers_response_partition *out)
{
	struct partition *p = t == NULL ? NULL : topic_partition(t, index);
	struct err err = ERR_INIT;
	struct listing l = { NULL, 0, 0 };

	if (p == NULL)
		return (KERR_UNKNOWN_TOPIC_OR_PARTITION);
	if (partition_open(p, &err) == -1)
		return (err.code == ERR_NOT_FOUND ?
		    KERR_UNKNOWN_TOPIC_OR_PARTITION :
		    KERR_KAFKA_STORAGE_ERROR);
	mutex_lock(&p->lock);
	l.max = producers_count(p->producers);
	if (l.max > *room)
		l.max = *room;
	l.v = request_alloc(r, l.max * sizeof *l.v + 1);
	producers_each(p->producers, list_one, &l);
	mutex_unlock(&p->lock);
	out->active_producers.v = l.v;
	out->active_producers.n = (int32_t)l.n;
	*room -= l.n;
	return (KERR_NONE);
}

void
handle_describe_producers(struct request *r)
{
	const struct km_describe_producers_request *in = r->in;
	struct km_describe_producers_response resp;
	size_t room = ACTIVE_MAX;
	int32_t i, j;

	kw_defaults(&kd_describe_producers_response, &resp);
	KARRAY_NEW(resp.topics, &kd_describe_producers_response_topic,
	    (size_t)in->topics.n, &r->arena);
	for (i = 0; i < resp.topics.n; i++) {
		const struct km_describe_producers_request_topic *q =
		    &in->topics.v[i];
		struct km_describe_producers_response_topic *out =
		    &resp.topics.v[i];
		struct topic *t = topic_find(r->broker, q->name);

		out->name = q->name;
		KARRAY_NEW(out->partitions,
		    &kd_describe_producers_response_partition,
		    (size_t)q->partition_indexes.n, &r->arena);
		for (j = 0; j < out->partitions.n; j++) {
			out->partitions.v[j].partition_index =
			    q->partition_indexes.v[j];
			out->partitions.v[j].error_code = list_partition(r, t,
			    q->partition_indexes.v[j], &room,
			    &out->partitions.v[j]);
		}
		topic_unref(t);
	}
	request_reply(r, &resp);
}
