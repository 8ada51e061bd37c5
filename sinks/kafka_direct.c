/*
 * The way into the broker of this process: record batches go straight to the
 * partition's log, no socket, and on the plain way no work per record but its
 * encoding.
 *
 * A lease of a file channel is stored as a record batch already: its bytes go
 * through with a patched header.  Otherwise the records are encoded into one
 * buffer of the sink, in pieces that fit the default max.message.bytes.  A
 * topic with a lower one gets smaller pieces, halved until they fit, as Java's
 * producer does; only a single record can be too large.
 *
 * Records of one lease can go to several topics and partitions; the lease is
 * delivered when all its batches are.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/broker.h"
#include "kafka/records.h"
#include "sinks/kafka_priv.h"

#define PIECE		((size_t)900 << 10)	/* bytes of one batch */
#define INFLIGHT	64			/* leases */
#define INFLIGHT_BYTES	((size_t)8 << 20)	/* of them, in memory */
#define TOPICS_MAX	1024			/* open topics kept */

struct direct {
	/* owner: the runner's thread */
	struct map	*topics;	/* name -> struct broker_topic */
	uint8_t		*buf;
	size_t		 cap;
	size_t		 piece;		/* bytes of one batch of this lease */
	struct arena	 arena;		/* per lease */
};

/* One lease with its batches on their way. */
struct job {
	struct completion	*done;
	atomic_uint		 pending;
	atomic_bool		 failed;
	struct err		 err;
};

struct part {
	struct completion	 done;
	struct job		*job;
};

static void
job_fail(struct job *j, const struct err *e)
{
	if (!atomic_exchange(&j->failed, true))
		j->err = *e;
}

static void
job_release(struct job *j)
{
	if (atomic_fetch_sub(&j->pending, 1) != 1)
		return;
	completion_done(j->done, atomic_load(&j->failed) ? &j->err : NULL);
	free(j);
}

static void
part_done(struct completion *c, const struct err *e)
{
	struct part *p = container_of(c, struct part, done);
	struct job *j = p->job;

	if (e != NULL)
		job_fail(j, e);
	free(p);
	job_release(j);
}

/* --- topics --- */

static void
forget_topics(struct direct *d)
{
	struct slice name;
	size_t it = 0;
	void *t;

	while (map_next(d->topics, &it, &name, &t))
		broker_topic_close(t);
	map_free(d->topics);
	d->topics = map_new();
}

static struct broker_topic *
topic_open(struct kafka_sink *k, struct direct *d, struct slice name,
    struct err *e)
{
	struct broker_topic *t = map_get(d->topics, name);

	if (t != NULL)
		return (t);
	if (map_size(d->topics) == TOPICS_MAX)
		forget_topics(d);
	if (broker_topic_open(k->sink.env->broker, (const char *)name.p, true,
	    &t, e) == -1)
		return (NULL);
	map_put(d->topics, name, t);
	return (t);
}

/* --- appending --- */

static int
append(struct kafka_sink *k, struct direct *d, struct slice topic,
    int32_t partition, struct seglog_batch *b, struct job *j, struct err *e)
{
	struct broker_topic *t = topic_open(k, d, topic, e);
	struct part *p;

	if (t == NULL)
		return (-1);
	p = xmalloc(sizeof *p);
	p->job = j;
	completion_init(&p->done, NULL, part_done);
	atomic_fetch_add(&j->pending, 1);
	if (broker_append(t, partition, b, k->acks == ACKS_ALL ? -1 : 1,
	    &p->done, e) == 0)
		return (0);
	atomic_fetch_sub(&j->pending, 1);
	free(p);
	if (e->code == ERR_NOT_FOUND)	/* deleted: opened anew next time */
		forget_topics(d);
	return (-1);
}

static int
partition_for(struct kafka_sink *k, struct direct *d,
    const struct kafka_record *r, int32_t hint, int32_t *partition,
    struct err *e)
{
	struct broker_topic *t = topic_open(k, d, r->topic, e);
	int32_t n;

	if (t == NULL)
		return (-1);
	n = broker_topic_partitions(t);
	*partition = r->partition >= 0 ? r->partition :
	    kafka_choose_partition(r->key, hint, k->turn, n);
	if (*partition < n)
		return (0);
	return (err_set(e, ERR_REFUSED, "partition %d of topic %s does not "
	    "exist, it has %d; mend the header or defaultPartitionId, or add "
	    "partitions", *partition, (const char *)r->topic.p, n));
}

static void
room_for(struct direct *d, size_t need)
{
	if (need <= d->cap)
		return;
	free(d->buf);
	d->cap = need;
	d->buf = xmalloc(need);
}

/* What the builder holds goes to the log. */
static int
flush(struct kafka_sink *k, struct direct *d, struct kbuilder *kb,
    struct slice topic, int32_t partition, struct job *j, struct err *e)
{
	struct seglog_batch b;
	size_t size = kbuilder_finish(kb);

	memcpy(b.header, d->buf, SEGLOG_HEADER);
	b.body = slice_of(d->buf + SEGLOG_HEADER, size - SEGLOG_HEADER);
	return (append(k, d, topic, partition, &b, j, e));
}

/* The piece that was refused can be made smaller, and now is. */
static bool
shrink(struct direct *d, const struct err *e, uint32_t records)
{
	if (e->code != ERR_TOO_LARGE || records <= 1)
		return (false);
	d->piece /= 2;
	return (true);
}

/* --- the plain way --- */

/* The stored batch of a file channel as it is, with its header patched. */
static int
deliver_stored(struct kafka_sink *k, struct direct *d, struct lease *l,
    int32_t partition, struct job *j, struct err *e)
{
	struct seglog_batch b;

	memcpy(b.header, l->stored.p, SEGLOG_HEADER);
	kbatch_set_producer(b.header, -1, -1, -1, false);
	b.body = slice_of(l->stored.p + SEGLOG_HEADER,
	    l->stored.len - SEGLOG_HEADER);
	return (append(k, d, slice_str(k->topic), partition, &b, j, e));
}

/* How many of these records make one piece. */
static uint32_t
piece(const struct record *r, uint32_t n, size_t limit, size_t *bytes)
{
	uint32_t i;

	*bytes = 0;
	for (i = 0; i < n; i++) {
		if (i > 0 && kbuilder_bound(i + 1, *bytes + r[i].body.len,
		    0) > limit)
			break;
		*bytes += r[i].body.len;
	}
	return (i);
}

static int
deliver_bodies(struct kafka_sink *k, struct direct *d, struct lease *l,
    int32_t partition, struct job *j, struct err *e)
{
	const struct record *r = l->batch->records + l->first;
	struct kbuilder kb;
	struct err why;
	uint32_t i, n;
	size_t bytes;

	for (i = 0; i < l->n;) {
		n = piece(r + i, l->n - i, d->piece, &bytes);
		room_for(d, kbuilder_bound(n, bytes, 0));
		kbuilder_init(&kb, d->buf, d->cap, l->batch->timestamp);
		CHECK(kbuilder_values(&kb, &r[i].body, sizeof *r, n) == n);
		why = (struct err)ERR_INIT;
		if (flush(k, d, &kb, slice_str(k->topic), partition, j,
		    &why) == 0)
			i += n;
		else if (!shrink(d, &why, n))
			return (*e = why, -1);
	}
	return (0);
}

static int
deliver_plain(struct kafka_sink *k, struct direct *d, struct lease *l,
    struct job *j, struct err *e)
{
	struct kafka_record r = {
		.topic = slice_str(k->topic),
		.partition = (int32_t)k->partition
	};
	struct err why = ERR_INIT;
	int32_t partition;

	if (partition_for(k, d, &r, l->hint, &partition, e) == -1)
		return (-1);
	if (l->stored.p != NULL && l->stored.len <= PIECE) {
		if (deliver_stored(k, d, l, partition, j, &why) == 0)
			return (0);
		if (!shrink(d, &why, l->n))
			return (*e = why, -1);
	}
	if (lease_batch(l, e) == -1)
		return (-1);
	return (deliver_bodies(k, d, l, partition, j, e));
}

/* --- record by record --- */

struct placed {
	struct kafka_record	 r;
	int32_t			 partition;
	bool			 sent;
};

static bool
add_record(struct kafka_sink *k, struct kbuilder *kb, const struct lease *l,
    uint32_t i, const struct kafka_record *r)
{
	struct header h[KAFKA_HEADERS_MAX];
	struct krecord_header kh[KAFKA_HEADERS_MAX];
	uint32_t n, x;

	n = kafka_record_headers(k, l->batch, &l->batch->records[l->first + i],
	    h, KAFKA_HEADERS_MAX);
	for (x = 0; x < n; x++)
		kh[x] = (struct krecord_header){ h[x].name, h[x].value };
	return (kbuilder_add(kb, r->timestamp, r->key, r->value, kh, n));
}

static bool
same_way(const struct placed *p, const struct placed *as)
{
	return (!p->sent && p->partition == as->partition &&
	    slice_eq(p->r.topic, as->r.topic));
}

/* Of the records from `from` on that go where that one goes, as many as make
 * one piece. */
static int
deliver_piece(struct kafka_sink *k, struct direct *d, struct lease *l,
    struct placed *v, uint32_t from, struct job *j, struct err *e)
{
	struct placed way = v[from];
	struct err why = ERR_INIT;
	struct kbuilder kb;
	uint32_t i, end;

	kbuilder_init(&kb, d->buf, d->cap, way.r.timestamp);
	for (i = from; i < l->n && (kb.count == 0 ||
	    kbuilder_size(&kb) < d->piece / 2); i++)
		if (same_way(&v[i], &way))
			CHECK(add_record(k, &kb, l, i, &v[i].r));
	end = i;
	if (flush(k, d, &kb, way.r.topic, way.partition, j, &why) == -1) {
		if (shrink(d, &why, (uint32_t)kb.count))
			return (deliver_piece(k, d, l, v, from, j, e));
		return (*e = why, -1);
	}
	for (i = from; i < end; i++)
		if (same_way(&v[i], &way))
			v[i].sent = true;
	return (0);
}

static int
deliver_records(struct kafka_sink *k, struct direct *d, struct lease *l,
    struct job *j, struct err *e)
{
	struct placed *v;
	size_t bytes = 0;
	uint32_t i;

	v = arena_zalloc(&d->arena, l->n * sizeof *v);
	for (i = 0; i < l->n; i++) {
		if (kafka_record_make(k, l->batch,
		    &l->batch->records[l->first + i], &d->arena, &v[i].r,
		    e) == -1 || partition_for(k, d, &v[i].r, l->hint,
		    &v[i].partition, e) == -1)
			return (-1);
		bytes += v[i].r.value.len + v[i].r.key.len;
	}
	room_for(d, kbuilder_bound(l->n, bytes + l->bytes + l->n *
	    k->header_bytes, l->n * k->nheaders));
	for (i = 0; i < l->n; i++)
		if (!v[i].sent && deliver_piece(k, d, l, v, i, j, e) == -1)
			return (-1);
	return (0);
}

/* --- the way --- */

static int
deliver_lease(struct kafka_sink *k, struct direct *d, struct lease *l,
    struct job *j, struct err *e)
{
	/* A stored batch has no headers at all. */
	if (l->stored.p != NULL && !k->avro && !k->topic_template)
		return (deliver_plain(k, d, l, j, e));
	if (lease_batch(l, e) == -1)
		return (-1);
	if (kafka_is_plain(k, l->batch))
		return (deliver_plain(k, d, l, j, e));
	return (deliver_records(k, d, l, j, e));
}

static void
direct_deliver(struct kafka_sink *k, struct lease *l, struct completion *done)
{
	struct direct *d = k->state;
	struct job *j = xcalloc(1, sizeof *j);
	struct err e = ERR_INIT;

	j->done = done;
	atomic_store(&j->pending, 1);
	d->piece = PIECE;
	k->turn++;
	if (deliver_lease(k, d, l, j, &e) == -1)
		job_fail(j, &e);
	arena_reset(&d->arena);
	job_release(j);
}

static int
direct_start(struct kafka_sink *k, struct err *e)
{
	struct direct *d;

	if (k->sink.env->broker == NULL)
		return (err_set(e, ERR_CONFIG, "there is no built-in broker "
		    "in this agent; set kafka.bootstrap.servers"));
	d = xcalloc(1, sizeof *d);
	d->topics = map_new();
	arena_init(&d->arena, 64 << 10, 0);
	k->state = d;
	k->sink.inflight = INFLIGHT;
	k->sink.inflight_bytes = INFLIGHT_BYTES;
	k->sink.batch_bytes = PIECE;
	return (0);
}

static void
direct_stop(struct kafka_sink *k)
{
	struct direct *d = k->state;

	/* The broker still runs: its flusher completes what is under way, and
	 * the runner waits for that. */
	forget_topics(d);
	map_free(d->topics);
	arena_fini(&d->arena);
	free(d->buf);
	free(d);
	k->state = NULL;
}

static void
direct_status(struct kafka_sink *k, char *buf, size_t size)
{
	snprintf(buf, size, "built-in broker at %s",
	    broker_address(k->sink.env->broker));
}

const struct kafka_way kafka_direct = {
	.start = direct_start,
	.deliver = direct_deliver,
	.stop = direct_stop,
	.status = direct_status
};
