/*
 * WriteTxnMarkers, for `kafka-transactions abort`: an operator ends what a
 * partition has open and no coordinator will end, as when the marker was in
 * bytes that are in quarantine.  Until then read_committed stands still there.
 *
 * What a coordinator has is refused, whatever the operator says: it would be
 * aborted here and committed elsewhere.  First all shards are asked, which also
 * know of those that are prepared; a transaction that is begun later has the
 * partition's permission before it has records there, and the marker is written
 * in the critical section that looks at it (partition_txn_end).
 */
#include "broker/txns_priv.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "broker/groups.h"
#include "broker/topic.h"

#define MARKERS_MAX	16
#define PARTS_MAX	1000

struct operator {		/* in the request's memory */
	struct request		*r;
	struct km_write_txn_markers_response	 resp;
	int16_t			*errors;	/* of each marker */
	size_t			 waiting;	/* for so many partitions */
};

/* A marker on its way; on the request's loop. */
struct foreign {
	struct operator		*op;
	int16_t			*error;		/* in op->resp */
	struct partition	*p;		/* a reference on its topic */
	struct sync_call	*call;
	struct groups_marker	 group;		/* of __consumer_offsets */
};

static void
waits_less(struct operator *op)
{
	if (--op->waiting == 0)
		request_reply(op->r, &op->resp);
}

static void
foreign_done(struct foreign *f, int16_t error)
{
	struct operator *op = f->op;

	*f->error = error;
	topic_unref(f->p->topic);
	free(f);
	waits_less(op);
}

static void
on_synced(void *arg, int16_t error)
{
	struct foreign *f = arg;

	foreign_done(f, error == KERR_NONE ? KERR_NONE :
	    atomic_load(&f->p->topic->deleted) ?
	    KERR_UNKNOWN_TOPIC_OR_PARTITION : KERR_KAFKA_STORAGE_ERROR);
}

static int16_t
write_error(const struct err *e)
{
	switch (e->code) {
	case ERR_REFUSED:
		return (KERR_INVALID_TXN_STATE);
	case ERR_NOT_FOUND:
		return (KERR_UNKNOWN_TOPIC_OR_PARTITION);
	default:
		log_warn("broker", "a transaction could not be aborted: %s",
		    e->msg);
		return (KERR_KAFKA_STORAGE_ERROR);
	}
}

static void
on_group_done(struct completion *done, const struct err *err)
{
	struct foreign *f = container_of(container_of(done,
	    struct groups_marker, done), struct foreign, group);
	struct txns *ts = f->op->r->broker->txns;

	foreign_done(f, err == NULL ? KERR_NONE : write_error(err));
	sync_calls_add(&ts->calls, -1);
}

static void
write_group(struct foreign *f, const struct txn_marker *m)
{
	struct request *r = f->op->r;

	sync_calls_add(&r->broker->txns->calls, 1);
	completion_init(&f->group.done, r->home->loop, on_group_done);
	f->group.marker = *m;
	f->group.partition = f->p->index;
	groups_txn_end(r->broker, &f->group);
}

static void
write_partition(struct foreign *f, const struct txn_marker *m)
{
	struct request *r = f->op->r;
	struct err err = ERR_INIT;

	f->call = sync_call_new(&r->broker->txns->calls, r->home->loop,
	    on_synced, f);
	if (partition_txn_end(f->p, m, sync_call_wait(f->call), &err) == 0)
		return;
	sync_call_free(f->call);
	foreign_done(f, write_error(&err));
}

static int16_t
check(struct request *r, struct partition *p, const struct txn_marker *m,
    int16_t error)
{
	char name[272];
	int64_t first;

	if (error == KERR_NONE)
		error = partition_txn_foreign(p, m, &first);
	if (error != KERR_NONE)
		log_warn("broker", "partition=%s client=%s: the transaction of "
		    "producer %lld is not aborted: %s",
		    partition_name(p, name), r->peer,
		    (long long)m->producer_id, kerr_text(error));
	else if (first != -1)
		log_warn("broker", "partition=%s client=%s: aborts the "
		    "transaction of producer %lld, epoch %d, that is open "
		    "since offset %lld", partition_name(p, name), r->peer,
		    (long long)m->producer_id, m->epoch, (long long)first);
	return (error);
}

/* topic: borrowed, or NULL. */
static void
end_one(struct operator *op, struct topic *topic, const struct txn_marker *m,
    int16_t refused, struct km_write_txn_markers_response_partition *to)
{
	struct partition *p = topic == NULL ? NULL :
	    topic_partition(topic, to->partition_index);
	struct foreign *f;

	to->error_code = p == NULL ? KERR_UNKNOWN_TOPIC_OR_PARTITION :
	    check(op->r, p, m, refused);
	if (to->error_code != KERR_NONE)
		return;
	f = xcalloc(1, sizeof *f);
	*f = (struct foreign){ .op = op, .error = &to->error_code, .p = p };
	topic_ref(topic);
	op->waiting++;
	if (slice_eq_str(slice_str(topic->name), TOPIC_OFFSETS))
		write_group(f, m);
	else
		write_partition(f, m);
}

static void
end_marker(struct operator *op, int32_t i)
{
	const struct km_write_txn_markers_request *in = op->r->in;
	const struct km_write_txn_markers_request_marker *q = &in->markers.v[i];
	struct km_write_txn_markers_response_marker *out =
	    &op->resp.markers.v[i];
	const struct txn_marker m = {
		.producer_id = q->producer_id,
		.epoch = q->producer_epoch,
		.coordinator_epoch = op->r->broker->leader_epoch,
		.foreign = true,
	};
	struct topic *t;
	int32_t j, k;

	for (j = 0; j < out->topics.n; j++) {
		t = topic_find(op->r->broker, out->topics.v[j].name);
		for (k = 0; k < out->topics.v[j].partitions.n; k++)
			end_one(op, t, &m, op->errors[i],
			    &out->topics.v[j].partitions.v[k]);
		topic_unref(t);
	}
}

static void
end_all(struct request *r)
{
	struct operator *op = txns_tour_state(r);
	int32_t i;

	op->waiting = 1;
	for (i = 0; i < op->resp.markers.n; i++) {
		if (atomic_load(&r->broker->txns->closed))
			op->errors[i] = KERR_COORDINATOR_NOT_AVAILABLE;
		end_marker(op, i);
	}
	waits_less(op);
}

static void
tour_done(struct request *r)
{
	request_move(r, r->home, end_all);
}

/* What a coordinator has is not the operator's. */
static void
ask_shard(struct request *r, struct txns_shard *s)
{
	const struct km_write_txn_markers_request *in = r->in;
	struct operator *op = txns_tour_state(r);
	const struct txn_image *im;
	size_t it = 0;
	int32_t i;
	void *v;

	for (i = 0; i < in->markers.n && s->state != TXNS_READY; i++)
		if (op->errors[i] == KERR_NONE)
			op->errors[i] = KERR_COORDINATOR_LOAD_IN_PROGRESS;
	while (s->state == TXNS_READY && map_next(s->slots, &it, NULL, &v)) {
		im = &((struct txn_slot *)v)->txn->now;
		for (i = 0; i < in->markers.n && txn_is_open(im->state); i++)
			if (in->markers.v[i].producer_id == im->producer_id)
				op->errors[i] = KERR_INVALID_TXN_STATE;
	}
}

/* The answer's form; -> the number of partitions. */
static size_t
form(struct request *r, const struct km_write_txn_markers_request_marker *q,
    struct km_write_txn_markers_response_marker *to)
{
	struct km_write_txn_markers_response_topic *t;
	size_t n = 0;
	int32_t i, j;

	to->producer_id = q->producer_id;
	KARRAY_NEW(to->topics, &kd_write_txn_markers_response_topic,
	    (size_t)q->topics.n, &r->arena);
	for (i = 0; i < to->topics.n; i++) {
		t = &to->topics.v[i];
		t->name = q->topics.v[i].name;
		KARRAY_NEW(t->partitions,
		    &kd_write_txn_markers_response_partition,
		    (size_t)q->topics.v[i].partition_indexes.n, &r->arena);
		for (j = 0; j < t->partitions.n; j++)
			t->partitions.v[j].partition_index =
			    q->topics.v[i].partition_indexes.v[j];
		n += (size_t)t->partitions.n;
	}
	return (n);
}

void
handle_write_txn_markers(struct request *r)
{
	const struct km_write_txn_markers_request *in = r->in;
	struct operator *op = request_alloc(r, sizeof *op);
	size_t n = 0;
	int32_t i;

	if (in->markers.n > MARKERS_MAX) {
		request_close(r, "it writes too many transaction markers");
		return;
	}
	op->r = r;
	op->errors = request_alloc(r, MARKERS_MAX * sizeof *op->errors);
	kw_defaults(&kd_write_txn_markers_response, &op->resp);
	KARRAY_NEW(op->resp.markers, &kd_write_txn_markers_response_marker,
	    (size_t)in->markers.n, &r->arena);
	for (i = 0; i < op->resp.markers.n; i++) {
		/* To commit is for the coordinator alone. */
		if (in->markers.v[i].transaction_result)
			op->errors[i] = KERR_INVALID_TXN_STATE;
		n += form(r, &in->markers.v[i], &op->resp.markers.v[i]);
	}
	if (n > PARTS_MAX)
		request_close(r, "it writes too many transaction markers");
	else
		txns_tour(r, op, ask_shard, tour_done);
}
