/*
 * ListOffsets, OffsetForLeaderEpoch and DeleteRecords: where a partition
 * begins, ends, and what is at a time.
 *
 * The end is the synced one, or the last stable offset, as for fetches.  A time
 * is looked up in the index to a batch, and in the batch to a record, which
 * unfolds a compressed one.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "broker/checkpoint.h"
#include "broker/epochs.h"
#include "broker/partition.h"
#include "broker/topic.h"
#include "kafka/errors.h"
#include "kafka/messages.h"
#include "kafka/records.h"

#define LATEST		(-1)
#define EARLIEST	(-2)
#define MAX_TIMESTAMP	(-3)
#define EARLIEST_LOCAL	(-4)
#define LATEST_TIERED	(-5)
#define INFLATED_MAX	(256u << 20)
#define READ_COMMITTED	1		/* isolation_level */

/* Opens topic/index; the error to answer.  *t gets a reference. */
static int16_t
find_partition(struct request *r, struct slice topic, int32_t index,
    int32_t epoch, struct topic **t, struct partition **p)
{
	struct err err = ERR_INIT;

	if ((*t = topic_find(r->broker, topic)) == NULL ||
	    (*p = topic_partition(*t, index)) == NULL)
		return (KERR_UNKNOWN_TOPIC_OR_PARTITION);
	if (epoch != -1 && epoch < r->broker->leader_epoch)
		return (KERR_FENCED_LEADER_EPOCH);
	if (epoch != -1 && epoch > r->broker->leader_epoch)
		return (KERR_UNKNOWN_LEADER_EPOCH);
	if (partition_open(*p, &err) == -1)
		return (err.code == ERR_NOT_FOUND ?
		    KERR_UNKNOWN_TOPIC_OR_PARTITION :
		    KERR_KAFKA_STORAGE_ERROR);
	return (KERR_NONE);
}

/* The range as bytes; free them.  NULL: could not be read. */
static uint8_t *
read_range(const struct seglog_range *range)
{
	uint8_t *p = xmalloc(range->len);

	if (fs_pread(range->fd, p, range->len, range->pos, NULL) !=
	    (ssize_t)range->len) {
		free(p);
		return (NULL);
	}
	return (p);
}

static int
find_in(const struct seglog_range *range, int64_t from, int64_t ts,
    int64_t *offset, int64_t *timestamp)
{
	struct kiter it = KITER_INIT;
	uint8_t *bytes;
	int rc;

	if ((bytes = read_range(range)) == NULL)
		return (-1);
	if (ts == MAX_TIMESTAMP)
		rc = kbatch_find_max_time(&it, slice_of(bytes, range->len),
		    INFLATED_MAX, offset, timestamp, NULL);
	else
		rc = kbatch_find_time(&it, slice_of(bytes, range->len), from,
		    ts, INFLATED_MAX, offset, timestamp, NULL);
	kiter_close(&it);
	free(bytes);
	return (rc);
}

static int16_t
find_time(struct seglog *log, int64_t ts, int64_t end, int64_t *offset,
    int64_t *timestamp)
{
	struct seglog_range range = { .fd = -1 };
	int rc;

	*offset = *timestamp = -1;
	rc = ts == MAX_TIMESTAMP ? seglog_find_max_time(log, end, &range, NULL)
	    : seglog_find_time(log, ts, end, &range, NULL);
	if (rc == -1)
		return (KERR_KAFKA_STORAGE_ERROR);
	if (range.len == 0)
		return (KERR_NONE);
	rc = find_in(&range, seglog_start(log), ts, offset, timestamp);
	seglog_release(&range);
	if (rc == -1)
		return (KERR_CORRUPT_MESSAGE);
	if (rc == 0)
		*offset = *timestamp = -1;
	return (KERR_NONE);
}

static int16_t
look_up(struct partition *p, int8_t isolation, int64_t ts, int64_t *offset,
    int64_t *timestamp)
{
	int64_t end = isolation == READ_COMMITTED ? partition_stable(p) :
	    seglog_synced(p->log);

	*timestamp = -1;
	switch (ts) {
	case LATEST:
		*offset = end;
		return (KERR_NONE);
	case EARLIEST:
	case EARLIEST_LOCAL:
		*offset = seglog_start(p->log);
		return (KERR_NONE);
	case LATEST_TIERED:
		*offset = -1;
		return (KERR_NONE);
	default:
		if (ts < MAX_TIMESTAMP)
			return (KERR_INVALID_REQUEST);
		return (find_time(p->log, ts, end, offset, timestamp));
	}
}

/* Version 0 answers with a list of offsets: the start of the log, or its end
 * and its start. */
static void
old_style(struct request *r, struct km_list_offsets_response_partition *out,
    const struct km_list_offsets_request_partition *in, struct partition *p)
{
	int64_t *v = request_alloc(r, 2 * sizeof *v);
	int32_t n = 0;

	if (in->timestamp != EARLIEST && out->offset >= 0)
		v[n++] = out->offset;
	if (n == 0 || v[0] != seglog_start(p->log))
		v[n++] = seglog_start(p->log);
	out->old_style_offsets.v = v;
	out->old_style_offsets.n = n < in->max_num_offsets ? n :
	    in->max_num_offsets < 0 ? 0 : in->max_num_offsets;
}

/*
 * A consumer that has the epoch of its position asks for the end of that epoch
 * after a restart: so it has to be one that the partition knows.
 */
static int32_t
epoch_of(struct partition *p, int64_t offset)
{
	int32_t epoch;

	if (offset < 0)
		return (-1);
	mutex_lock(&p->lock);
	epoch = epochs_at(p->epochs, offset);
	mutex_unlock(&p->lock);
	return (epoch);
}

static void
list_one(struct request *r, struct slice name,
    const struct km_list_offsets_request_partition *in,
    struct km_list_offsets_response_partition *out)
{
	int8_t isolation = ((const struct km_list_offsets_request *)
	    r->in)->isolation_level;
	struct partition *p = NULL;
	struct topic *t;

	out->partition_index = in->partition_index;
	out->error_code = find_partition(r, name, in->partition_index,
	    in->current_leader_epoch, &t, &p);
	if (out->error_code == KERR_NONE)
		out->error_code = look_up(p, isolation, in->timestamp,
		    &out->offset, &out->timestamp);
	if (out->error_code == KERR_NONE) {
		out->leader_epoch = epoch_of(p, out->offset);
		if (r->version == 0)
			old_style(r, out, in, p);
	} else {
		out->offset = out->timestamp = -1;
	}
	topic_unref(t);
}

void
handle_list_offsets(struct request *r)
{
	const struct km_list_offsets_request *in = r->in;
	struct km_list_offsets_response resp;
	int32_t i, j;

	kw_defaults(&kd_list_offsets_response, &resp);
	KARRAY_NEW(resp.topics, &kd_list_offsets_response_topic,
	    (size_t)in->topics.n, &r->arena);
	for (i = 0; i < in->topics.n; i++) {
		const struct km_list_offsets_request_topic *q =
		    &in->topics.v[i];
		struct km_list_offsets_response_topic *t = &resp.topics.v[i];

		t->name = q->name;
		KARRAY_NEW(t->partitions, &kd_list_offsets_response_partition,
		    (size_t)q->partitions.n, &r->arena);
		for (j = 0; j < q->partitions.n; j++)
			list_one(r, q->name, &q->partitions.v[j],
			    &t->partitions.v[j]);
	}
	request_reply(r, &resp);
}

/* --- OffsetForLeaderEpoch --- */

static void
epoch_one(struct request *r, struct slice name,
    const struct km_leader_epoch_request_partition *in,
    struct km_leader_epoch_response_partition *out)
{
	struct partition *p = NULL;
	struct topic *t;

	out->partition = in->partition;
	out->error_code = find_partition(r, name, in->partition,
	    in->current_leader_epoch, &t, &p);
	if (out->error_code == KERR_NONE) {
		mutex_lock(&p->lock);
		epochs_find(p->epochs, in->leader_epoch,
		    seglog_synced(p->log), &out->leader_epoch,
		    &out->end_offset);
		mutex_unlock(&p->lock);
	}
	topic_unref(t);
}

void
handle_offset_for_leader_epoch(struct request *r)
{
	const struct km_offset_for_leader_epoch_request *in = r->in;
	struct km_offset_for_leader_epoch_response resp;
	int32_t i, j;

	kw_defaults(&kd_offset_for_leader_epoch_response, &resp);
	KARRAY_NEW(resp.topics, &kd_leader_epoch_response_topic,
	    (size_t)in->topics.n, &r->arena);
	for (i = 0; i < in->topics.n; i++) {
		const struct km_leader_epoch_request_topic *q =
		    &in->topics.v[i];
		struct km_leader_epoch_response_topic *t = &resp.topics.v[i];

		t->topic = q->topic;
		KARRAY_NEW(t->partitions, &kd_leader_epoch_response_partition,
		    (size_t)q->partitions.n, &r->arena);
		for (j = 0; j < q->partitions.n; j++)
			epoch_one(r, q->topic, &q->partitions.v[j],
			    &t->partitions.v[j]);
	}
	request_reply(r, &resp);
}

/* --- DeleteRecords --- */

static int16_t
trim_to(struct partition *p, int64_t offset, int64_t *low)
{
	int64_t high = seglog_synced(p->log);
	struct err err = ERR_INIT;
	int rc = 0;

	if (offset == -1)
		offset = high;
	if (offset < 0 || offset > high)
		return (KERR_OFFSET_OUT_OF_RANGE);
	mutex_lock(&p->lock);
	if (offset > seglog_start(p->log))
		rc = partition_trim_locked(p, offset, NULL, &err);
	*low = seglog_start(p->log);
	mutex_unlock(&p->lock);
	return (rc == -1 ? KERR_KAFKA_STORAGE_ERROR : KERR_NONE);
}

static void
delete_one(struct request *r, struct slice name,
    const struct km_delete_records_request_partition *in,
    struct km_delete_records_response_partition *out)
{
	struct partition *p = NULL;
	struct topic *t;

	out->partition_index = in->partition_index;
	out->low_watermark = -1;
	out->error_code = find_partition(r, name, in->partition_index, -1, &t,
	    &p);
	if (out->error_code == KERR_NONE && t->internal)
		out->error_code = KERR_INVALID_TOPIC_EXCEPTION;
	if (out->error_code == KERR_NONE)
		out->error_code = trim_to(p, in->offset,
		    &out->low_watermark);
	topic_unref(t);
}

/* The new starts are in the checkpoint before the answer leaves. */
void
handle_delete_records(struct request *r)
{
	const struct km_delete_records_request *in = r->in;
	struct km_delete_records_response resp;
	struct err err = ERR_INIT;
	int32_t i, j;

	kw_defaults(&kd_delete_records_response, &resp);
	KARRAY_NEW(resp.topics, &kd_delete_records_response_topic,
	    (size_t)in->topics.n, &r->arena);
	for (i = 0; i < in->topics.n; i++) {
		const struct km_delete_records_request_topic *q =
		    &in->topics.v[i];
		struct km_delete_records_response_topic *t =
		    &resp.topics.v[i];

		t->name = q->name;
		KARRAY_NEW(t->partitions,
		    &kd_delete_records_response_partition,
		    (size_t)q->partitions.n, &r->arena);
		for (j = 0; j < q->partitions.n; j++)
			delete_one(r, q->name, &q->partitions.v[j],
			    &t->partitions.v[j]);
	}
	if (checkpoint_write(r->broker, &err) == -1) {
		request_close(r, err.msg);
		return;
	}
	request_reply(r, &resp);
}
