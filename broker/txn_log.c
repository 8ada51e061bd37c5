#include "broker/txn_log.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/mem.h"
#include "kafka/internal.h"

int
txn_log_key(struct slice key, struct slice *id, struct err *e)
{
	return (kinternal_txn_key_decode(key, id, e));
}

static int
check(const struct km_transaction_log_value *v, struct err *e)
{
	if (v->transaction_status < 0 || v->transaction_status >= TXN_DEAD)
		return (err_set(e, ERR_CORRUPT, "transaction_log_value: "
		    "status %d is not known", v->transaction_status));
	if (v->producer_id < 0 || v->producer_epoch < 0)
		return (err_set(e, ERR_CORRUPT, "transaction_log_value: "
		    "producer %lld, epoch %d", (long long)v->producer_id,
		    v->producer_epoch));
	return (0);
}

static void
restore_parts(struct txn *t, const struct km_transaction_log_value *v)
{
	const struct km_transaction_log_value_topic *p;
	int32_t i, k;

	for (i = 0; i < v->transaction_partitions.n; i++) {
		p = &v->transaction_partitions.v[i];
		for (k = 0; k < p->partition_ids.n; k++)
			txn_restore_part(t, p->topic, p->partition_ids.v[k]);
	}
}

int
txn_log_restore(struct txn *t, struct slice value, struct err *e)
{
	struct km_transaction_log_value v;
	struct arena arena;
	int rc;

	arena_init(&arena, 4096, RECORDS_MAX);
	rc = kinternal_txn_decode(value, &arena, &v, e);
	if (rc == 0)
		rc = check(&v, e);
	if (rc == 0) {
		t->now = (struct txn_image){
			.state = (enum txn_state)v.transaction_status,
			.producer_id = v.producer_id,
			.previous_id = v.previous_producer_id,
			.next_id = v.next_producer_id,
			.epoch = v.producer_epoch,
			.last_epoch = -1,
			.version = v.client_transaction_version,
			.timeout_ms = v.transaction_timeout_ms,
			.start_ms = v.transaction_start_timestamp_ms,
			.update_ms = v.transaction_last_update_timestamp_ms,
		};
		restore_parts(t, &v);
	}
	arena_fini(&arena);
	return (rc);
}

/* --- writing --- */

/* The parts stand by topic: one entry each, its partitions side by side. */
static void
fill_parts(const struct txn *t, struct km_transaction_log_value *v,
    int32_t *ids)
{
	struct km_transaction_log_value_topic *to = NULL;
	const char *last = NULL;
	size_t i;

	for (i = 0; i < t->nparts; i++) {
		if (last == NULL || strcmp(last, t->parts[i].topic) != 0) {
			to = &v->transaction_partitions.v[
			    v->transaction_partitions.n++];
			last = t->parts[i].topic;
			to->topic = slice_str(last);
			to->partition_ids.v = ids + i;
			to->partition_ids.n = 0;
		}
		ids[i] = t->parts[i].partition;
		to->partition_ids.n++;
	}
}

void
records_txn(struct records *rs, const struct txn *t)
{
	const struct txn_image *im = &t->next;
	struct km_transaction_log_value v;
	int32_t *ids = xcalloc(t->nparts + 1, sizeof *ids);

	kw_defaults(&kd_transaction_log_value, &v);
	v.producer_id = im->producer_id;
	v.previous_producer_id = im->previous_id;
	v.next_producer_id = im->next_id;
	v.producer_epoch = im->epoch;
	v.transaction_timeout_ms = im->timeout_ms;
	v.transaction_status = (int8_t)im->state;
	v.transaction_last_update_timestamp_ms = im->update_ms;
	v.transaction_start_timestamp_ms = im->start_ms;
	v.client_transaction_version = im->version;
	v.transaction_partitions.v = xcalloc(t->nparts + 1,
	    sizeof v.transaction_partitions.v[0]);
	if (im->state == TXN_EMPTY)
		v.transaction_partitions.n = -1;
	else if (im->state == TXN_ONGOING || im->state == TXN_PREPARE_COMMIT ||
	    im->state == TXN_PREPARE_ABORT)
		fill_parts(t, &v, ids);

	records_key(rs);
	kinternal_txn_key(&rs->w, t->id);
	records_value(rs, false);
	kinternal_txn_encode(&rs->w, &v);
	records_end(rs);
	free(v.transaction_partitions.v);
	free(ids);
}

void
records_txn_gone(struct records *rs, const struct txn *t)
{
	records_key(rs);
	kinternal_txn_key(&rs->w, t->id);
	records_value(rs, true);
	records_end(rs);
}
