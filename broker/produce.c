/*
 * Produce.  The request is walked without building structs (kafka/produce.h).
 * What is stored are the bytes as they came; of the header only base offset and
 * leader epoch are set, which lie outside the CRC.
 *
 * With acks=all the answer is encoded when everything is appended, the request
 * is freed, and the answer leaves when the last partition is synced.
 *
 * From version 12 on a transactional request adds its partitions to the
 * transaction itself (KIP-890): it waits for the coordinator before it is
 * appended, and so do those that come behind it over the same connection, whose
 * batches follow its own.
 */
#include "broker/produce.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "broker/producers.h"
#include "broker/server.h"
#include "broker/topic.h"
#include "broker/topic_config.h"
#include "broker/txns.h"
#include "kafka/errors.h"
#include "kafka/frame.h"
#include "kafka/messages.h"
#include "kafka/produce.h"
#include "kafka/records.h"

#define INFLATED_MAX	(256u << 20)	/* of one batch that must be walked */
#define WITHOUT_ADD_PARTITIONS	12	/* version: it adds them itself */

/* --- one batch --- */

static int16_t
error_code(const struct err *err)
{
	return (err->code == ERR_NOT_FOUND ?
	    KERR_UNKNOWN_TOPIC_OR_PARTITION : KERR_KAFKA_STORAGE_ERROR);
}

static int64_t
add_clamped(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return (b < 0 ? INT64_MIN : INT64_MAX);
	return (sum);
}

static struct kbatch_rules
rules_of(const struct topic_config *c, int version, int64_t now)
{
	struct kbatch_rules rules = {
		.version = (int16_t)version,
		.max_bytes = (uint32_t)c->num[TOPIC_MAX_MESSAGE],
		.max_inflated = INFLATED_MAX,
		.min_timestamp = INT64_MIN, .max_timestamp = INT64_MAX
	};

	rules.need_key = rules.deep =
	    (c->num[TOPIC_CLEANUP_POLICY] & CLEANUP_COMPACT) != 0;
	if (c->num[TOPIC_TIMESTAMP_TYPE] == 0) {
		rules.min_timestamp = add_clamped(now,
		    -c->num[TOPIC_TIMESTAMP_BEFORE]);
		rules.max_timestamp = add_clamped(now,
		    c->num[TOPIC_TIMESTAMP_AFTER]);
	}
	return (rules);
}

static int16_t
check_batch(const struct topic_config *c, struct slice records, int version,
    int acks, int64_t now, struct kbatch *batch, struct kbatch_refused *refused,
    struct err *e)
{
	struct kbatch_rules rules = rules_of(c, version, now);
	int16_t error;

	rules.refused = refused;
	error = kbatch_validate(records, &rules, batch, e);
	if (error != KERR_NONE)
		return (error);
	if (records.len > (uint64_t)c->num[TOPIC_SEGMENT_BYTES]) {
		err_set(e, ERR_TOO_LARGE, "the batch is larger than "
		    "segment.bytes");
		return (KERR_RECORD_LIST_TOO_LARGE);
	}
	if (acks == -1 && c->num[TOPIC_MIN_ISR] > 1) {
		err_set(e, ERR_REFUSED, "min.insync.replicas is %lld and there "
		    "is one copy", (long long)c->num[TOPIC_MIN_ISR]);
		return (KERR_NOT_ENOUGH_REPLICAS);
	}
	return (KERR_NONE);
}

/*
 * With the lock held: may this producer write this batch here now?  What it
 * wrote before is recognised also when its transaction has ended meanwhile.
 */
static int16_t
check_producer(struct partition *p, const struct kbatch *batch, int version,
    struct producers_seen *seen)
{
	int16_t error = producers_check(p->producers, batch, seen), txn;
	int16_t epoch;

	if (batch->producer_id < 0 || error == KERR_INVALID_PRODUCER_EPOCH ||
	    error == KERR_DUPLICATE_SEQUENCE_NUMBER)
		return (error);
	if ((batch->attributes & KATTR_TRANSACTIONAL) == 0)
		return (producers_open(p->producers, batch->producer_id,
		    &epoch) != -1 ? KERR_INVALID_TXN_STATE : error);
	txn = partition_txn_check_locked(p, batch->producer_id,
	    batch->producer_epoch);
	/* KIP-890: a client of version 11 can abort and go on. */
	if (txn == KERR_INVALID_TXN_STATE && version >= 11)
		return (KERR_TRANSACTION_ABORTABLE);
	/* As Kafka says it to producers, who try again. */
	if (txn == KERR_COORDINATOR_LOAD_IN_PROGRESS)
		return (KERR_NOT_ENOUGH_REPLICAS);
	if (txn != KERR_NONE || error != KERR_NONE)
		return (txn != KERR_NONE ? txn : error);
	/* With an epoch for each transaction there is a first batch. */
	(void)producers_open(p->producers, batch->producer_id, &epoch);
	return (version >= WITHOUT_ADD_PARTITIONS && epoch == -1 &&
	    batch->base_sequence != 0 ? KERR_OUT_OF_ORDER_SEQUENCE_NUMBER :
	    KERR_NONE);
}

/* With the lock held: the producer's sequence, the append, its memory. */
static int16_t
append_locked(struct partition *p, struct kbatch *batch, struct slice records,
    int version, struct sync_wait *wait, struct produced *out, struct err *e)
{
	struct broker *b = p->topic->broker;
	struct producers_seen seen;
	struct seglog_batch sb;
	struct err err = ERR_INIT;
	int16_t error;

	error = check_producer(p, batch, version, &seen);
	if (error == KERR_DUPLICATE_SEQUENCE_NUMBER) {
		metric_add_shared(&b->m.duplicates, 1);
		out->base_offset = seen.base_offset;
		if (out->append_time != -1)
			out->append_time = seen.timestamp;
		out->start = seglog_start(p->log);
		out->synced = seglog_synced(p->log) >= seglog_end(p->log);
		if (wait != NULL && !out->synced)
			partition_wait_locked(p, wait);
		return (KERR_NONE);
	}
	if (error != KERR_NONE) {
		err_set(e, ERR_REFUSED, "%s", kerr_text(error));
		return (error);
	}
	memcpy(sb.header, records.p, SEGLOG_HEADER);
	sb.body = slice_of(records.p + SEGLOG_HEADER,
	    records.len - SEGLOG_HEADER);
	if (partition_append_locked(p, &sb, 1, 0, wait, &err) == -1) {
		error = error_code(&err);
		if (e != NULL)
			*e = err;
		return (error);
	}
	out->base_offset = sb.base_offset;
	out->start = seglog_start(p->log);
	metric_add_shared(&b->m.batches_in, 1);
	metric_add_shared(&b->m.records_in, batch->count);
	metric_add_shared(&b->m.bytes_in, (int64_t)records.len);
	return (KERR_NONE);
}

int16_t
produce_batch(struct topic *t, struct partition *p, struct slice records,
    int version, int acks, struct sync_wait *wait, struct produced *out,
    struct err *e)
{
	const struct topic_config *c = topic_config_get(t);
	int64_t now = clock_wall_ms();
	struct err err = ERR_INIT;
	struct kbatch batch;
	int16_t error;

	out->append_time = -1;
	out->synced = false;
	out->refused.n = 0;
	error = check_batch(c, records, version, acks, now, &batch,
	    &out->refused, e);
	if (error != KERR_NONE)
		return (error);
	if (partition_open(p, &err) == -1) {
		error = error_code(&err);
		if (e != NULL)
			*e = err;
		return (error);
	}
	if (c->num[TOPIC_TIMESTAMP_TYPE] == 1) {
		kbatch_set_append_time((uint8_t *)records.p, now);
		batch.max_timestamp = out->append_time = now;
	}
	mutex_lock(&p->lock);
	error = append_locked(p, &batch, records, version, wait, out, e);
	mutex_unlock(&p->lock);
	if (error == KERR_NONE && wait != NULL && out->synced)
		completion_done(&wait->done, NULL);
	return (error);
}

/* --- the request --- */

struct produce {		/* in the request's arena */
	struct request	*r;
	struct answer	*answer;
	int16_t		 acks;
	atomic_uint	 pending;	/* waits, and one for the handler */
	bool		 failed;
	struct produce_part *parts;
	struct kproduce	 walk;

	/* While it waits for the coordinator; owner: the home loop. */
	struct adding	*adding;
	int32_t		*indexes;	/* of the partitions, as they come */
	size_t		 nadding;	/* not answered yet */
	int16_t		*refused;	/* by partition, in their order; NULL:
					   none is */
	struct produce	*next;
};

/* Partitions in a row of one topic and producer. */
struct adding {
	struct txn_add	 add;
	struct produce	*produce;
	struct adding	*next;
	size_t		 first;		/* its place in the request */
};

struct produce_part {
	struct sync_wait	 wait;
	struct produce		*produce;
	struct topic		*topic;		/* while it waits */
	struct produce_part	*next;
};

static void
put_down(struct produce *pr)
{
	struct produce_part *part;
	struct request *r = pr->r;

	if (atomic_fetch_sub(&pr->pending, 1) != 1)
		return;
	for (part = pr->parts; part != NULL; part = part->next)
		topic_unref(part->topic);
	if (pr->acks != 0)
		request_answer(r, pr->answer);
	else if (pr->failed)
		request_close(r, "a batch with acks=0 failed");
	else
		request_silent(r);
}

/* In the flusher's thread.  That the topic was deleted after the append does
 * not make the append a failure. */
static void
on_synced(struct completion *c, const struct err *err)
{
	struct produce_part *part = container_of(c, struct produce_part,
	    wait.done);

	(void)err;
	put_down(part->produce);
}

/* Which records it was: the others of the batch are refused with them, and
 * their senders are told so (KIP-467). */
static void
fill_refused(struct request *r, struct km_produce_response_partition *out,
    const struct kbatch_refused *v)
{
	struct km_produce_response_record_error *re;
	uint32_t i;

	KARRAY_NEW(out->record_errors, &kd_produce_response_record_error,
	    v->n, &r->arena);
	for (i = 0; i < v->n; i++) {
		re = &out->record_errors.v[i];
		re->batch_index = v->v[i].index;
		re->batch_index_error_message = slice_str(v->v[i].why);
	}
}

static void
fill_answer(struct request *r, struct km_produce_response_partition *out,
    int16_t error, const struct produced *done, const struct err *err)
{
	out->error_code = error;
	if (error == KERR_NONE) {
		out->base_offset = done->base_offset;
		out->log_append_time_ms = done->append_time;
		out->log_start_offset = done->start;
		return;
	}
	metric_add_shared(&r->broker->m.produce_errors, 1);
	out->base_offset = -1;
	if (done->refused.n > 0)
		fill_refused(r, out, &done->refused);
	if (err->msg[0] != '\0')
		out->error_message = arena_copy(&r->arena,
		    slice_str(err->msg));
}

static int16_t
one_partition(struct produce *pr, const struct kproduce_part *in,
    struct topic *t, struct produced *done, struct err *e)
{
	struct produce_part *part = NULL;
	struct partition *p;
	int16_t error;

	if (t == NULL && in->topic.p == NULL)
		return (KERR_UNKNOWN_TOPIC_ID);
	if (t == NULL || (p = topic_partition(t, in->index)) == NULL)
		return (KERR_UNKNOWN_TOPIC_OR_PARTITION);
	if (t->internal)
		return (KERR_INVALID_TOPIC_EXCEPTION);
	if (pr->acks == -1) {
		part = request_alloc(pr->r, sizeof *part);
		sync_wait_init(&part->wait, NULL, on_synced);
		part->produce = pr;
		part->topic = topic_ref(t);
		part->next = pr->parts;
		pr->parts = part;
		atomic_fetch_add(&pr->pending, 1);
	}
	error = produce_batch(t, p, in->records, pr->r->version, pr->acks,
	    part == NULL ? NULL : &part->wait, done, e);
	if (error != KERR_NONE && part != NULL)
		atomic_fetch_sub(&pr->pending, 1);
	return (error);
}

static struct topic *
find_topic(struct broker *b, const struct kproduce_part *in)
{
	struct uuid id;

	if (in->topic.p != NULL)
		return (topic_find(b, in->topic));
	memcpy(id.b, in->topic_id.b, sizeof id.b);
	return (topic_find_id(b, &id));
}

/* Appends everything and fills the answer. */
static void
append_all(struct produce *pr, struct km_produce_response *resp)
{
	struct request *r = pr->r;
	struct km_produce_response_topic *to = NULL;
	struct kproduce_part in;
	struct produced done;
	struct topic *t = NULL;
	size_t i;
	int32_t n = 0;

	for (i = 0; kproduce_next(&pr->walk, &in); i++) {
		struct err err = ERR_INIT;
		int16_t error;

		done.refused.n = 0;
		if (in.topic_parts > 0) {
			topic_unref(t);
			t = find_topic(r->broker, &in);
			to = &resp->responses.v[resp->responses.n++];
			to->name = in.topic;
			to->topic_id = in.topic_id;
			KARRAY_NEW(to->partition_responses,
			    &kd_produce_response_partition,
			    (size_t)in.topic_parts, &r->arena);
			n = 0;
		}
		error = pr->refused != NULL && pr->refused[i] != KERR_NONE ?
		    pr->refused[i] : one_partition(pr, &in, t, &done, &err);
		pr->failed |= error != KERR_NONE;
		to->partition_responses.v[n].index = in.index;
		fill_answer(r, &to->partition_responses.v[n++], error, &done,
		    &err);
	}
	topic_unref(t);
}

static struct answer *
encode(struct request *r, const struct km_produce_response *resp)
{
	struct kwriter w;
	size_t at;

	kwriter_init(&w, 128, 1u << 30);
	at = kframe_response_begin(&w, kapi_get(KAPI_Produce), r->version,
	    r->correlation);
	kw_encode(&kd_produce_response, r->version, resp, &w);
	CHECK(!w.full);		/* smaller than the request */
	kframe_end(&w, at, 0);
	return (answer_of(&w));
}

/* acks is none of -1, 0, 1: every partition gets the error. */
static void
refuse_acks(struct request *r)
{
	struct km_produce_request *in = request_alloc(r, sizeof *in);
	struct km_produce_response resp;
	struct err err = ERR_INIT;
	int32_t i, j;

	kw_defaults(&kd_produce_response, &resp);
	if (kw_decode(&kd_produce_request, r->version, r->body, &r->arena, in,
	    &err) == -1) {
		request_close(r, err.msg);
		return;
	}
	KARRAY_NEW(resp.responses, &kd_produce_response_topic,
	    (size_t)in->topic_data.n, &r->arena);
	for (i = 0; i < resp.responses.n; i++) {
		struct km_produce_request_topic *q = &in->topic_data.v[i];
		struct km_produce_response_topic *t = &resp.responses.v[i];

		t->name = q->name;
		t->topic_id = q->topic_id;
		KARRAY_NEW(t->partition_responses,
		    &kd_produce_response_partition,
		    (size_t)q->partition_data.n, &r->arena);
		for (j = 0; j < t->partition_responses.n; j++) {
			t->partition_responses.v[j].index =
			    q->partition_data.v[j].index;
			t->partition_responses.v[j].error_code =
			    KERR_INVALID_REQUIRED_ACKS;
			t->partition_responses.v[j].base_offset = -1;
		}
	}
	request_reply(r, &resp);
}

static void
append(struct produce *pr)
{
	struct request *r = pr->r;
	struct km_produce_response resp;

	kw_defaults(&kd_produce_response, &resp);
	KARRAY_NEW(resp.responses, &kd_produce_response_topic,
	    (size_t)pr->walk.ntopics, &r->arena);
	resp.responses.n = 0;
	append_all(pr, &resp);
	if (pr->acks != 0)
		pr->answer = encode(r, &resp);
	request_drop_frame(r);
	put_down(pr);
}

/* --- adding partitions to the transaction --- */

/*
 * What the producer hears of the coordinator's error.  What passes is one that
 * clients of all versions try again on.
 */
static int16_t
refusal(int16_t error)
{
	switch (error) {
	case KERR_PRODUCER_FENCED:
		return (KERR_INVALID_PRODUCER_EPOCH);
	case KERR_INVALID_TXN_STATE:
		return (KERR_TRANSACTION_ABORTABLE);
	case KERR_CONCURRENT_TRANSACTIONS:
	case KERR_COORDINATOR_LOAD_IN_PROGRESS:
	case KERR_COORDINATOR_NOT_AVAILABLE:
	case KERR_NOT_COORDINATOR:
	case KERR_NETWORK_EXCEPTION:
		return (KERR_NOT_ENOUGH_REPLICAS);
	default:
		return (error);
	}
}

/* The oldest request of the same connection that waits. */
static struct produce *
first_of(struct broker_loop *bl, const struct request *r)
{
	struct produce *pr = bl->produces;

	while (pr != NULL && pr->r->conn_number != r->conn_number)
		pr = pr->next;
	return (pr);
}

static void
list_remove(struct broker_loop *bl, struct produce *pr)
{
	struct produce **pp = &bl->produces;

	while (*pp != pr)
		pp = &(*pp)->next;
	*pp = pr->next;
}

static void
list_add(struct broker_loop *bl, struct produce *pr)
{
	struct produce **pp = &bl->produces;

	while (*pp != NULL)
		pp = &(*pp)->next;
	pr->next = NULL;
	*pp = pr;
}

/* Appends what is ready, in the order it came over the connection. */
static void
append_ready(struct broker_loop *bl, struct produce *pr)
{
	uint64_t conn = pr->r->conn_number;

	while (pr != NULL && pr->nadding == 0) {
		list_remove(bl, pr);
		append(pr);
		for (pr = bl->produces; pr != NULL &&
		    pr->r->conn_number != conn; pr = pr->next)
			;
	}
}

static void
on_added(struct txn_add *add, int16_t error)
{
	struct adding *x = container_of(add, struct adding, add);
	struct produce *pr = x->produce;
	struct broker_loop *bl = pr->r->home;
	size_t i;

	for (i = 0; i < add->n; i++)
		pr->refused[x->first + i] = refusal(error);
	topic_unref(add->topic);
	add->topic = NULL;
	pr->nadding--;
	append_ready(bl, first_of(bl, pr->r));
}

/* Is this a batch of a transaction, and whose? */
static bool
is_of_txn(const struct kproduce_part *in, struct kbatch *b)
{
	return (in->records.p != NULL &&
	    kbatch_parse(in->records, b, NULL) == 0 && b->producer_id >= 0 &&
	    (b->attributes & KATTR_TRANSACTIONAL) != 0);
}

/* The partition has to be added: to the last of the list, or a new one. */
static void
want_added(struct produce *pr, struct adding **last, struct topic *t,
    const struct kproduce_part *in, const struct kbatch *b, size_t i)
{
	struct adding *x = *last;

	if (x == NULL || x->add.topic != t || x->first + x->add.n != i ||
	    x->add.producer_id != b->producer_id ||
	    x->add.epoch != b->producer_epoch) {
		x = request_alloc(pr->r, sizeof *x);
		x->produce = pr;
		x->first = i;
		x->add = (struct txn_add){ .loop = pr->r->home->loop,
		    .fn = on_added, .topic = topic_ref(t),
		    .transactional_id = pr->walk.transactional_id,
		    .producer_id = b->producer_id,
		    .epoch = b->producer_epoch };
		x->add.partitions = &pr->indexes[i];
		x->next = pr->adding;
		pr->adding = *last = x;
		pr->nadding++;
	}
	pr->indexes[i] = in->index;
	x->add.n++;
}

/* Finds the partitions that its transaction does not have yet. */
static void
find_new(struct produce *pr)
{
	struct kproduce walk = pr->walk;
	struct kproduce_part in;
	struct adding *last = NULL;
	struct topic *t = NULL;
	struct partition *p;
	struct kbatch b;
	size_t i;

	if (walk.transactional_id.p == NULL ||
	    pr->r->version < WITHOUT_ADD_PARTITIONS)
		return;
	pr->indexes = request_alloc(pr->r,
	    walk.nparts * sizeof *pr->indexes + 1);
	for (i = 0; kproduce_next(&walk, &in); i++) {
		if (in.topic_parts > 0) {
			topic_unref(t);
			t = find_topic(pr->r->broker, &in);
		}
		if (t == NULL || t->internal || !is_of_txn(&in, &b) ||
		    (p = topic_partition(t, in.index)) == NULL ||
		    partition_txn_has(p, b.producer_id, b.producer_epoch))
			continue;
		want_added(pr, &last, t, &in, &b, i);
	}
	topic_unref(t);
}

static void
add_new(struct produce *pr)
{
	struct adding *x, *next;

	pr->refused = request_alloc(pr->r,
	    pr->walk.nparts * sizeof *pr->refused + 1);
	for (x = pr->adding; x != NULL; x = next) {
		next = x->next;
		txns_add(pr->r->broker, &x->add);
	}
}

void
handle_produce(struct request *r)
{
	struct produce *pr = request_alloc(r, sizeof *pr);
	struct err err = ERR_INIT;

	if (kproduce_begin(&pr->walk, r->version, r->body, &err) == -1) {
		request_close(r, err.msg);
		return;
	}
	if (pr->walk.acks < -1 || pr->walk.acks > 1) {
		refuse_acks(r);
		return;
	}
	pr->r = r;
	pr->acks = pr->walk.acks;
	atomic_init(&pr->pending, 1);
	find_new(pr);
	if (pr->nadding == 0 && first_of(r->home, r) == NULL) {
		append(pr);
		return;
	}
	list_add(r->home, pr);
	add_new(pr);
}
