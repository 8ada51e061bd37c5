/*
 * The way into the broker without a socket, for a sink in the same process.
 * The batch is two pieces, header and body, and stays so on its way to the
 * file; only a topic whose rules need all of it (compacted: no null keys;
 * LogAppendTime: a new CRC) makes a copy.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broker/broker_priv.h"
#include "broker/partition.h"
#include "broker/produce.h"
#include "broker/topic.h"
#include "broker/topic_config.h"
#include "kafka/errors.h"
#include "kafka/records.h"

struct broker_topic {
	struct broker	*broker;
	struct topic	*topic;
};

int
broker_topic_open(struct broker *b, const char *name, bool create,
    struct broker_topic **out, struct err *e)
{
	struct slice s = slice_str(name);
	struct topic *t;

	if (!topic_name_valid(s))
		return (err_set(e, ERR_REFUSED, "topic name \"%s\" is not "
		    "valid: letters, digits, '.', '_' and '-', at most %d",
		    name, TOPIC_NAME_MAX));
	t = create ? topic_auto(b, s, e) : topic_find(b, s);
	if (t == NULL)
		return (create ? -1 : err_set(e, ERR_NOT_FOUND,
		    "there is no topic %s", name));
	*out = xcalloc(1, sizeof **out);
	(*out)->broker = b;
	(*out)->topic = t;
	return (0);
}

void
broker_topic_close(struct broker_topic *bt)
{
	if (bt == NULL)
		return;
	topic_unref(bt->topic);
	free(bt);
}

int32_t
broker_topic_partitions(const struct broker_topic *bt)
{
	return (atomic_load(&bt->topic->npartitions));
}

/* The caller's completion, when the flusher has come by. */
struct direct_wait {
	struct sync_wait	 wait;
	struct completion	*done;
	struct topic		*topic;
};

static void
on_synced(struct completion *c, const struct err *err)
{
	struct direct_wait *w = container_of(c, struct direct_wait, wait.done);

	completion_done(w->done, err);
	topic_unref(w->topic);
	free(w);
}

static int
check_header(const struct topic_config *c, const struct seglog_batch *sb,
    struct kbatch *batch, struct err *e)
{
	if (kbatch_parse(slice_of(sb->header, SEGLOG_HEADER), batch, e) == -1)
		return (-1);
	if (kbatch_size(batch) != SEGLOG_HEADER + sb->body.len)
		return (err_set(e, ERR_CORRUPT, "the batch's length is not "
		    "that of its bytes"));
	if (kbatch_size(batch) > (uint64_t)c->num[TOPIC_MAX_MESSAGE])
		return (err_set(e, ERR_TOO_LARGE, "a batch of %zu bytes is "
		    "larger than max.message.bytes = %lld",
		    kbatch_size(batch), (long long)c->num[TOPIC_MAX_MESSAGE]));
	if (kbatch_size(batch) > (uint64_t)c->num[TOPIC_SEGMENT_BYTES])
		return (err_set(e, ERR_TOO_LARGE, "a batch of %zu bytes is "
		    "larger than segment.bytes = %lld", kbatch_size(batch),
		    (long long)c->num[TOPIC_SEGMENT_BYTES]));
	return (0);
}

static int
append_pieces(struct partition *p, struct kbatch *batch,
    struct seglog_batch *sb, struct sync_wait *wait, struct err *e)
{
	struct broker *b = p->topic->broker;
	int rc;

	if (partition_open(p, e) == -1)
		return (-1);
	mutex_lock(&p->lock);
	rc = partition_append_locked(p, sb, 1, 0, wait, e);
	mutex_unlock(&p->lock);
	if (rc == -1)
		return (-1);
	metric_add_shared(&b->m.batches_in, 1);
	metric_add_shared(&b->m.records_in, batch->count);
	metric_add_shared(&b->m.bytes_in, (int64_t)kbatch_size(batch));
	return (0);
}

static enum err_code
code_of(int16_t error)
{
	switch (error) {
	case KERR_MESSAGE_TOO_LARGE:
	case KERR_RECORD_LIST_TOO_LARGE:
		return (ERR_TOO_LARGE);
	case KERR_UNKNOWN_TOPIC_OR_PARTITION:
		return (ERR_NOT_FOUND);
	case KERR_KAFKA_STORAGE_ERROR:
	case KERR_NOT_ENOUGH_REPLICAS:
		return (ERR_FULL);
	default:
		return (ERR_REFUSED);
	}
}

/* The way of a Produce request: idempotence, keys, the broker's time. */
static int
append_whole(struct topic *t, struct partition *p, struct seglog_batch *sb,
    int acks, struct sync_wait *wait, struct err *e)
{
	size_t len = SEGLOG_HEADER + sb->body.len;
	struct err err = ERR_INIT;
	struct produced done;
	uint8_t *bytes;
	int16_t error;

	bytes = xmalloc(len);
	memcpy(bytes, sb->header, SEGLOG_HEADER);
	memset(bytes, 0, 8);			/* base offset */
	memcpy(bytes + SEGLOG_HEADER, sb->body.p, sb->body.len);
	error = produce_batch(t, p, slice_of(bytes, len), 11, acks, wait,
	    &done, &err);
	free(bytes);
	if (error != KERR_NONE)
		return (err_set(e, code_of(error), "%s: %s", kerr_name(error),
		    err.msg));
	sb->base_offset = done.base_offset;
	return (0);
}

static bool
needs_whole(const struct topic_config *c, const struct kbatch *batch)
{
	return ((c->num[TOPIC_CLEANUP_POLICY] & CLEANUP_COMPACT) != 0 ||
	    c->num[TOPIC_TIMESTAMP_TYPE] == 1 || batch->producer_id >= 0 ||
	    c->num[TOPIC_MIN_ISR] > 1);
}

int
broker_append(struct broker_topic *bt, int32_t partition,
    struct seglog_batch *sb, int acks, struct completion *done, struct err *e)
{
	const struct topic_config *c = topic_config_get(bt->topic);
	struct partition *p = topic_partition(bt->topic, partition);
	struct direct_wait *w = NULL;
	struct kbatch batch;
	int rc;

	if (p == NULL)
		return (err_set(e, ERR_NOT_FOUND, "topic %s has no partition "
		    "%d", bt->topic->name, partition));
	if (check_header(c, sb, &batch, e) == -1)
		return (-1);
	if (acks == -1) {
		w = xcalloc(1, sizeof *w);
		sync_wait_init(&w->wait, NULL, on_synced);
		w->done = done;
		w->topic = topic_ref(bt->topic);
	}
	rc = needs_whole(c, &batch) ?
	    append_whole(bt->topic, p, sb, acks, w == NULL ? NULL : &w->wait,
	    e) : append_pieces(p, &batch, sb, w == NULL ? NULL : &w->wait, e);
	if (rc == -1) {
		if (w != NULL)
			topic_unref(w->topic);
		free(w);
		return (err_ctx(e, "topic %s", bt->topic->name));
	}
	if (w == NULL)
		completion_done(done, NULL);
	return (0);
}
