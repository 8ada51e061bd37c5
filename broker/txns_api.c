/*
 * The requests of transactional producers.
 *
 * Each is moved to the loop of its id, waits until the shard is loaded, passes
 * the check of producer id and epoch and then the fence, and asks the machine.
 */
#include "broker/txns_priv.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "broker/groups.h"
#include "broker/producer_ids.h"
#include "broker/topic.h"

struct call {			/* in the request's memory */
	struct txns_ask		 ask;
	struct txns_wait	 wait;
	struct request		*r;
	struct txns_shard	*shard;
	struct slice		 id;
	bool			 create;
};

static void
call_ready(struct txns_wait *w, int16_t error)
{
	struct call *c = container_of(w, struct call, wait);
	struct txn_slot *slot;

	if (error != KERR_NONE) {
		c->ask.done(&c->ask, error, -1, -1);
		return;
	}
	slot = c->create ? txn_slot_get(c->shard, c->id) :
	    txn_slot_find(c->shard, c->id);
	if (slot != NULL)
		txn_slot_ask(slot, &c->ask);
	else
		c->ask.done(&c->ask, c->create ?
		    KERR_COORDINATOR_NOT_AVAILABLE :
		    KERR_INVALID_PRODUCER_ID_MAPPING, -1, -1);
}

static void
call_arrived(struct request *r)
{
	struct call *c = r->data;

	c->wait.fn = call_ready;
	txns_ready(c->shard, &c->wait);
}

/* ask, done, names, create are set. */
static void
call_route(struct request *r, struct call *c, struct slice id)
{
	c->r = r;
	c->id = id;
	c->shard = txns_shard_of(r->broker->txns, id);
	r->data = c;
	request_move(r, c->shard->home, call_arrived);
}

/* Who was fenced is told so only since KIP-588. */
static int16_t
fenced_as(const struct request *r, int16_t since, int16_t error)
{
	return (error == KERR_PRODUCER_FENCED && r->version < since ?
	    KERR_INVALID_PRODUCER_EPOCH : error);
}

/* KERR_NONE: go on; else the ask is done with. */
static int16_t
admit(struct txns_ask *a, int16_t error, int64_t producer_id, int16_t epoch)
{
	struct call *c = container_of(a, struct call, ask);

	if (error == KERR_NONE)
		error = txns_fence(c->r, TXN_FENCE_COORDINATOR, producer_id,
		    epoch);
	if (error != KERR_NONE)
		a->done(a, error, -1, -1);
	return (error);
}

/* -1 and the ask is done with: there is none. */
static int64_t
new_id(struct txns_ask *a, struct txn_slot *slot)
{
	struct err err = ERR_INIT;
	int64_t id;

	if (producer_ids_next(slot->shard->txns->broker->producer_ids, &id,
	    &err) == 0)
		return (id);
	log_error("broker", "no producer id: %s", err.msg);
	a->done(a, KERR_COORDINATOR_NOT_AVAILABLE, -1, -1);
	return (-1);
}

/* --- InitProducerId --- */

static void
init_ask(struct txns_ask *a, struct txn_slot *slot)
{
	struct call *c = container_of(a, struct call, ask);
	const struct km_init_producer_id_request *in = c->r->in;
	struct txn_init ev = { .req = a, .timeout_ms =
	    in->transaction_timeout_ms, .producer_id = in->producer_id,
	    .epoch = in->producer_epoch, .new_id = -1 };

	/* Only who continues with an id has an epoch to be fenced by. */
	if (admit(a, KERR_NONE, txn_check(slot->txn, in->producer_id,
	    in->producer_epoch) == KERR_NONE ? in->producer_id : -1,
	    in->producer_epoch) != KERR_NONE)
		return;
	if (txn_exhausted(slot->txn) && !txn_busy(slot->txn) &&
	    (ev.new_id = new_id(a, slot)) == -1)
		return;
	txn_init(slot->txn, &ev, txns_now(), &slot->out);
}

static void
init_done(struct txns_ask *a, int16_t error, int64_t producer_id,
    int16_t epoch)
{
	struct call *c = container_of(a, struct call, ask);
	struct km_init_producer_id_response out;

	kw_defaults(&kd_init_producer_id_response, &out);
	out.error_code = fenced_as(c->r, 4, error);
	out.producer_id = producer_id;
	out.producer_epoch = epoch;
	request_reply(c->r, &out);
}

static int16_t
init_check(const struct request *r)
{
	const struct km_init_producer_id_request *in = r->in;

	if (in->transactional_id.len == 0)
		return (KERR_INVALID_REQUEST);
	if (in->transaction_timeout_ms <= 0 || in->transaction_timeout_ms >
	    r->broker->cfg.txn_max_timeout_ms)
		return (KERR_INVALID_TRANSACTION_TIMEOUT);
	if ((in->producer_id == -1) != (in->producer_epoch == -1))
		return (KERR_INVALID_REQUEST);
	return (KERR_NONE);
}

void
txns_init(struct request *r)
{
	const struct km_init_producer_id_request *in = r->in;
	struct call *c = request_alloc(r, sizeof *c);
	int16_t error = init_check(r);

	c->r = r;
	c->create = true;
	c->ask = (struct txns_ask){ .ask = init_ask, .done = init_done };
	if (error != KERR_NONE)
		init_done(&c->ask, error, -1, -1);
	else
		call_route(r, c, in->transactional_id);
}

/* --- AddPartitionsToTxn --- */

static void
add_partitions_ask(struct txns_ask *a, struct txn_slot *slot)
{
	struct call *c = container_of(a, struct call, ask);
	const struct km_add_partitions_to_txn_request *in = c->r->in;
	struct txn_adding ev = { .req = a, .names = a->names, .n = a->n };

	if (admit(a, txn_check(slot->txn, in->producer_id,
	    in->producer_epoch), in->producer_id,
	    in->producer_epoch) == KERR_NONE)
		txn_add(slot->txn, &ev, txns_now(), &slot->out);
}

/*
 * Each partition's result: what is wrong with it, and "not attempted" for the
 * others when one is wrong; else what became of all of them.
 */
static int16_t
partition_result(struct request *r, struct slice name, int32_t partition)
{
	struct topic *t = topic_find(r->broker, name);
	int16_t error = KERR_NONE;

	if (t == NULL || topic_partition(t, partition) == NULL)
		error = KERR_UNKNOWN_TOPIC_OR_PARTITION;
	else if (t->internal)
		error = KERR_TOPIC_AUTHORIZATION_FAILED;
	topic_unref(t);
	return (error);
}

static void
fill_topic(struct request *r,
    const struct km_add_partitions_to_txn_request_topic *t,
    struct km_add_partitions_to_txn_response_topic *to, int16_t error,
    bool look)
{
	struct km_add_partitions_to_txn_response_partition *p;
	struct karray a = request_array(r,
	    &kd_add_partitions_to_txn_response_partition,
	    (size_t)t->partitions.n);
	int32_t i;
	int16_t own;

	to->name = t->name;
	to->results_by_partition.v = a.v;
	to->results_by_partition.n = a.n;
	for (i = 0; i < t->partitions.n; i++) {
		p = &to->results_by_partition.v[i];
		p->partition_index = t->partitions.v[i];
		own = look ? partition_result(r, t->name,
		    p->partition_index) : KERR_NONE;
		p->partition_error_code = own != KERR_NONE ? own : error;
	}
}

static void
add_partitions_reply(struct request *r, int16_t error, bool look)
{
	const struct km_add_partitions_to_txn_request *in = r->in;
	struct km_add_partitions_to_txn_response out;
	struct karray a;
	int32_t i;

	kw_defaults(&kd_add_partitions_to_txn_response, &out);
	a = request_array(r, &kd_add_partitions_to_txn_response_topic,
	    (size_t)in->topics.n);
	out.results_by_topic.v = a.v;
	out.results_by_topic.n = a.n;
	for (i = 0; i < a.n; i++)
		fill_topic(r, &in->topics.v[i], &out.results_by_topic.v[i],
		    error, look);
	request_reply(r, &out);
}

static void
add_partitions_done(struct txns_ask *a, int16_t error, int64_t producer_id,
    int16_t epoch)
{
	struct call *c = container_of(a, struct call, ask);

	(void)producer_id;
	(void)epoch;
	add_partitions_reply(c->r, fenced_as(c->r, 2, error), false);
}

/* False: one of them cannot be added. */
static bool
collect(struct request *r, struct txns_ask *a)
{
	const struct km_add_partitions_to_txn_request *in = r->in;
	const struct km_add_partitions_to_txn_request_topic *t;
	struct txn_name *v;
	size_t n = 0;
	int32_t i, k;

	for (i = 0; i < in->topics.n; i++)
		n += (size_t)in->topics.v[i].partitions.n;
	a->names = v = request_alloc(r, (n + 1) * sizeof *v);
	for (i = 0; i < in->topics.n; i++) {
		t = &in->topics.v[i];
		for (k = 0; k < t->partitions.n; k++) {
			if (partition_result(r, t->name,
			    t->partitions.v[k]) != KERR_NONE)
				return (false);
			v[a->n++] = (struct txn_name){ t->name,
			    t->partitions.v[k] };
		}
	}
	return (true);
}

void
handle_add_partitions_to_txn(struct request *r)
{
	const struct km_add_partitions_to_txn_request *in = r->in;
	struct call *c = request_alloc(r, sizeof *c);

	c->ask = (struct txns_ask){ .ask = add_partitions_ask,
	    .done = add_partitions_done };
	if (in->transactional_id.len == 0)
		add_partitions_reply(r, KERR_INVALID_REQUEST, false);
	else if (!collect(r, &c->ask))
		add_partitions_reply(r, KERR_OPERATION_NOT_ATTEMPTED, true);
	else
		call_route(r, c, in->transactional_id);
}

/* --- AddOffsetsToTxn --- */

static void
add_offsets_ask(struct txns_ask *a, struct txn_slot *slot)
{
	struct call *c = container_of(a, struct call, ask);
	const struct km_add_offsets_to_txn_request *in = c->r->in;
	struct txn_adding ev = { .req = a, .names = a->names, .n = a->n };

	if (admit(a, txn_check(slot->txn, in->producer_id,
	    in->producer_epoch), in->producer_id,
	    in->producer_epoch) == KERR_NONE)
		txn_add(slot->txn, &ev, txns_now(), &slot->out);
}

static void
add_offsets_reply(struct request *r, int16_t error)
{
	struct km_add_offsets_to_txn_response out;

	kw_defaults(&kd_add_offsets_to_txn_response, &out);
	out.error_code = fenced_as(r, 2, error);
	request_reply(r, &out);
}

static void
add_offsets_done(struct txns_ask *a, int16_t error, int64_t producer_id,
    int16_t epoch)
{
	struct call *c = container_of(a, struct call, ask);

	(void)producer_id;
	(void)epoch;
	add_offsets_reply(c->r, error);
}

void
handle_add_offsets_to_txn(struct request *r)
{
	const struct km_add_offsets_to_txn_request *in = r->in;
	struct call *c = request_alloc(r, sizeof *c);
	struct txn_name *name = request_alloc(r, sizeof *name);
	struct topic *t = NULL;
	struct err err = ERR_INIT;

	if (in->transactional_id.len == 0)
		add_offsets_reply(r, KERR_INVALID_REQUEST);
	else if (in->group_id.len == 0)
		add_offsets_reply(r, KERR_INVALID_GROUP_ID);
	else if ((t = topic_offsets(r->broker, true, &err)) == NULL) {
		log_error("broker", "%s: %s", TOPIC_OFFSETS, err.msg);
		add_offsets_reply(r, KERR_COORDINATOR_NOT_AVAILABLE);
	} else {
		*name = (struct txn_name){ SLICE(TOPIC_OFFSETS),
		    groups_partition(r->broker, in->group_id) };
		c->ask = (struct txns_ask){ .ask = add_offsets_ask,
		    .done = add_offsets_done, .names = name, .n = 1 };
		call_route(r, c, in->transactional_id);
	}
	topic_unref(t);
}

/* --- EndTxn --- */

static void
end_ask(struct txns_ask *a, struct txn_slot *slot)
{
	struct call *c = container_of(a, struct call, ask);
	const struct km_end_txn_request *in = c->r->in;
	struct txn *t = slot->txn;
	struct txn_ending ev = { .req = a, .version = c->r->version >= 5 ?
	    2 : 0, .producer_id = in->producer_id,
	    .epoch = in->producer_epoch, .commit = in->committed,
	    .new_id = -1 };

	if (admit(a, ev.version >= 2 ? txn_check_end(t, in->producer_id,
	    in->producer_epoch) : txn_check(t, in->producer_id,
	    in->producer_epoch), in->producer_id,
	    in->producer_epoch) != KERR_NONE)
		return;
	if (ev.version >= 2 && txn_exhausted(t) && !txn_busy(t) &&
	    (ev.new_id = new_id(a, slot)) == -1)
		return;
	txn_end(t, &ev, txns_now(), &slot->out);
}

static void
end_done(struct txns_ask *a, int16_t error, int64_t producer_id,
    int16_t epoch)
{
	struct call *c = container_of(a, struct call, ask);
	struct km_end_txn_response out;

	kw_defaults(&kd_end_txn_response, &out);
	out.error_code = fenced_as(c->r, 2, error);
	out.producer_id = producer_id;
	out.producer_epoch = epoch;
	request_reply(c->r, &out);
}

void
handle_end_txn(struct request *r)
{
	const struct km_end_txn_request *in = r->in;
	struct call *c = request_alloc(r, sizeof *c);

	c->r = r;
	c->ask = (struct txns_ask){ .ask = end_ask, .done = end_done };
	if (in->transactional_id.len == 0)
		end_done(&c->ask, KERR_INVALID_REQUEST, -1, -1);
	else
		call_route(r, c, in->transactional_id);
}

/* --- partitions that a Produce or TxnOffsetCommit adds --- */

struct adding {
	struct txns_ask		 ask;
	struct txns_wait	 wait;
	struct loop_task	 task;
	struct txn_add		*add;
	struct txns_shard	*shard;
	struct txn_name		 names[];
};

static void
adding_back(struct loop_task *task)
{
	struct txn_add *add = container_of(task, struct txn_add, task);

	add->fn(add, add->error);
}

static void
adding_done(struct txns_ask *a, int16_t error, int64_t producer_id,
    int16_t epoch)
{
	struct adding *x = container_of(a, struct adding, ask);
	struct txn_add *add = x->add;

	(void)producer_id;
	(void)epoch;
	free(x);
	add->error = error;
	add->task.fn = adding_back;
	loop_post(add->loop, &add->task);
}

static void
adding_ask(struct txns_ask *a, struct txn_slot *slot)
{
	struct adding *x = container_of(a, struct adding, ask);
	struct txn_adding ev = { .req = a, .version = 2, .names = a->names,
	    .n = a->n };
	int16_t error;

	error = txn_check(slot->txn, x->add->producer_id, x->add->epoch);
	if (error != KERR_NONE)
		a->done(a, error, -1, -1);
	else
		txn_add(slot->txn, &ev, txns_now(), &slot->out);
}

static void
adding_ready(struct txns_wait *w, int16_t error)
{
	struct adding *x = container_of(w, struct adding, wait);
	struct txn_slot *slot;

	if (error == KERR_NONE && (slot = txn_slot_find(x->shard,
	    x->add->transactional_id)) != NULL)
		txn_slot_ask(slot, &x->ask);
	else
		x->ask.done(&x->ask, error != KERR_NONE ? error :
		    KERR_INVALID_PRODUCER_ID_MAPPING, -1, -1);
}

static void
adding_arrived(struct loop_task *task)
{
	struct adding *x = container_of(task, struct adding, task);

	x->wait.fn = adding_ready;
	txns_ready(x->shard, &x->wait);
}

void
txns_add(struct broker *b, struct txn_add *add)
{
	struct adding *x = xcalloc(1, sizeof *x + add->n *
	    sizeof x->names[0]);
	size_t i;

	for (i = 0; i < add->n; i++)
		x->names[i] = (struct txn_name){
		    slice_str(add->topic->name), add->partitions[i] };
	x->ask = (struct txns_ask){ .ask = adding_ask, .done = adding_done,
	    .names = x->names, .n = add->n };
	x->add = add;
	x->shard = txns_shard_of(b->txns, add->transactional_id);
	x->task.fn = adding_arrived;
	loop_post(x->shard->home->loop, &x->task);
}
