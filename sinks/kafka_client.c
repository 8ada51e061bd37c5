/*
 * The way to any Kafka cluster, through librdkafka.
 *
 * Payloads are not copied: a lease stays until the last of its records has had
 * its delivery report.  Reports come in one thread per producer, which only
 * polls.  The queue has no limit of its own; the leases in flight bound it.
 *
 * message.timeout.ms is 0, so a record waits for its broker as long as it
 * takes.  When a record fails all the same (refused, too large, a fatal error
 * of the idempotent producer), the producer is retired: what is queued and in
 * flight is purged and reported, the runner rolls all of it back, and the next
 * lease makes a new producer, so that order holds.
 */
#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "sinks/kafka_priv.h"

#define INFLIGHT	32			/* leases */
#define LEASE_BYTES	((size_t)512 << 10)
#define STOP_FLUSH_MS	700
#define POLL_MS		100

struct client {
	/* owner: the runner's thread, but for what is atomic */
	struct kafka_sink	*sink;
	rd_kafka_t		*rk;
	rd_kafka_topic_t	*topic;		/* of the plain way */
	struct thread		 thread;
	atomic_bool		 stop;
	atomic_bool		 retired;
	atomic_bool		 down;		/* said so, once */
	struct arena		 arena;
};

/* One lease on its way. */
struct delivery {
	struct completion	*done;
	struct client		*client;
	atomic_uint		 pending;	/* records, and one for the
						   producing side */
	atomic_bool		 failed;
	struct err		 err;
	int32_t			 hint;
	uint32_t		 turn;
};

/* --- deliveries --- */

static void
delivery_release(struct delivery *v, uint32_t n)
{
	if (n == 0 || atomic_fetch_sub(&v->pending, n) != n)
		return;
	completion_done(v->done, atomic_load(&v->failed) ? &v->err : NULL);
	free(v);
}

static enum err_code
code_of(rd_kafka_resp_err_t rc)
{
	switch (rc) {
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
		return (ERR_TOO_LARGE);
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
	case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
	case RD_KAFKA_RESP_ERR__INVALID_ARG:
		return (ERR_REFUSED);
	default:
		return (ERR_UNCERTAIN);
	}
}

static void
delivery_fail(struct delivery *v, rd_kafka_resp_err_t rc, const char *topic,
    size_t len)
{
	struct client *c = v->client;
	bool first = !atomic_exchange(&c->retired, true);

	if (!atomic_exchange(&v->failed, true))
		err_set(&v->err, code_of(rc), "a record of %zu bytes for topic "
		    "%s was not delivered: %s", len, topic,
		    rd_kafka_err2str(rc));
	if (first)	/* the rest would overtake it */
		rd_kafka_purge(c->rk, RD_KAFKA_PURGE_F_QUEUE |
		    RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
}

static void
reported(rd_kafka_t *rk, const rd_kafka_message_t *m, void *ctx)
{
	struct delivery *v = m->_private;
	struct client *c = ctx;

	(void)rk;
	if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR)
		delivery_fail(v, m->err, rd_kafka_topic_name(m->rkt), m->len);
	else if (atomic_exchange(&c->down, false))
		log_info(c->sink->sink.who, "delivering to %s again",
		    c->sink->servers);
	delivery_release(v, 1);
}

/* --- librdkafka's own words --- */

static void
errored(rd_kafka_t *rk, int rc, const char *why, void *ctx)
{
	struct client *c = ctx;
	const char *who = c->sink->sink.who;

	if (rc == RD_KAFKA_RESP_ERR__FATAL) {
		log_warn(who, "the producer gave up (%s): a new one sends "
		    "again in order", why);
		if (!atomic_exchange(&c->retired, true))
			rd_kafka_purge(rk, RD_KAFKA_PURGE_F_QUEUE |
			    RD_KAFKA_PURGE_F_INFLIGHT |
			    RD_KAFKA_PURGE_F_NON_BLOCKING);
		return;
	}
	if (rc == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
		if (!atomic_exchange(&c->down, true))
			log_warn(who, "no broker of %s answers (%s): waiting, "
			    "nothing is lost; check the address and that it "
			    "runs", c->sink->servers, why);
		return;
	}
	log_debug(who, "librdkafka: %s", why);
}

static void
logged(const rd_kafka_t *rk, int level, const char *fac, const char *text)
{
	struct client *c = rd_kafka_opaque(rk);

	(void)level;
	log_debug(c == NULL ? NULL : c->sink->sink.who, "librdkafka: %s: %s",
	    fac, text);
}

static int32_t
partition_by(const rd_kafka_topic_t *rkt, const void *key, size_t keylen,
    int32_t n, void *topic_ctx, void *msg_ctx)
{
	const struct delivery *v = msg_ctx;

	(void)rkt;
	(void)topic_ctx;
	return (kafka_choose_partition(key == NULL ? SLICE_NULL :
	    slice_of(key, keylen), v->hint, v->turn, n));
}

/* --- a producer --- */

static void
poll_main(void *arg)
{
	struct client *c = arg;

	while (!atomic_load(&c->stop))
		rd_kafka_poll(c->rk, POLL_MS);
}

static int
producer_open(struct client *c, struct err *e)
{
	rd_kafka_conf_t *rc = rd_kafka_conf_new();
	rd_kafka_topic_conf_t *tc = rd_kafka_topic_conf_new();
	char why[512];

	rd_kafka_conf_set_opaque(rc, c);
	rd_kafka_conf_set_dr_msg_cb(rc, reported);
	rd_kafka_conf_set_error_cb(rc, errored);
	rd_kafka_conf_set_log_cb(rc, logged);
	rd_kafka_topic_conf_set_partitioner_cb(tc, partition_by);
	rd_kafka_conf_set_default_topic_conf(rc, tc);
	if (kafka_producer_conf(c->sink, rc, e) == -1) {
		rd_kafka_conf_destroy(rc);
		return (-1);
	}
	c->rk = rd_kafka_new(RD_KAFKA_PRODUCER, rc, why, sizeof why);
	if (c->rk == NULL) {
		rd_kafka_conf_destroy(rc);
		return (err_set(e, ERR_CONFIG, "%s", why));
	}
	c->topic = rd_kafka_topic_new(c->rk, c->sink->topic, NULL);
	if (c->topic == NULL) {
		err_set(e, ERR_CONFIG, "topic %s: %s", c->sink->topic,
		    rd_kafka_err2str(rd_kafka_last_error()));
		goto err0;
	}
	atomic_store(&c->stop, false);
	atomic_store(&c->retired, false);
	if (thread_start(&c->thread, "kafka reports", poll_main, c, e) == -1)
		goto err1;
	return (0);
err1:
	rd_kafka_topic_destroy(c->topic);
err0:
	rd_kafka_destroy(c->rk);
	c->rk = NULL;
	return (-1);
}

/* Every record has been reported when this returns. */
static void
producer_close(struct client *c, int flush_ms)
{
	int64_t until = clock_mono_ns() + (int64_t)flush_ms * 1000000;

	if (c->rk == NULL)
		return;
	while (rd_kafka_outq_len(c->rk) > 0 && clock_mono_ns() < until)
		rd_kafka_flush(c->rk, 10);
	rd_kafka_purge(c->rk, RD_KAFKA_PURGE_F_QUEUE |
	    RD_KAFKA_PURGE_F_INFLIGHT);
	while (rd_kafka_outq_len(c->rk) > 0)
		rd_kafka_flush(c->rk, 10);
	atomic_store(&c->stop, true);
	thread_join(&c->thread);
	rd_kafka_topic_destroy(c->topic);
	rd_kafka_destroy(c->rk);
	c->rk = NULL;
}

/* --- producing --- */

/* From the first record that is refused on, none is produced: the rest would
 * overtake it. */
static void
produce_plain(struct client *c, const struct lease *l, struct delivery *v)
{
	static char empty[1];		/* NULL would be Kafka's null */
	const struct record *r = l->batch->records + l->first;
	int32_t fixed = (int32_t)c->sink->partition;
	rd_kafka_resp_err_t rc;
	uint32_t i;

	for (i = 0; i < l->n; i++) {
		rc = rd_kafka_producev(c->rk, RD_KAFKA_V_RKT(c->topic),
		    RD_KAFKA_V_PARTITION(fixed >= 0 ? fixed :
		    RD_KAFKA_PARTITION_UA), RD_KAFKA_V_MSGFLAGS(0),
		    RD_KAFKA_V_VALUE(r[i].body.p == NULL ? empty :
		    (void *)(uintptr_t)r[i].body.p, r[i].body.len),
		    RD_KAFKA_V_TIMESTAMP(l->batch->timestamp),
		    RD_KAFKA_V_OPAQUE(v), RD_KAFKA_V_END);
		if (rc != RD_KAFKA_RESP_ERR_NO_ERROR) {
			delivery_fail(v, rc, c->sink->topic, r[i].body.len);
			break;
		}
	}
	delivery_release(v, l->n - i);
}

static rd_kafka_headers_t *
headers_of(struct client *c, const struct batch *b, const struct record *r)
{
	struct header h[KAFKA_HEADERS_MAX];
	rd_kafka_headers_t *hs;
	uint32_t i, n;

	n = kafka_record_headers(c->sink, b, r, h, KAFKA_HEADERS_MAX);
	if (n == 0)
		return (NULL);
	hs = rd_kafka_headers_new(n);
	for (i = 0; i < n; i++)
		rd_kafka_header_add(hs, (const char *)h[i].name.p,
		    (ssize_t)h[i].name.len, h[i].value.p,
		    (ssize_t)h[i].value.len);
	return (hs);
}

static rd_kafka_resp_err_t
produce_one(struct client *c, const struct batch *b, const struct record *r,
    const struct kafka_record *kr, struct delivery *v)
{
	rd_kafka_headers_t *hs = headers_of(c, b, r);
	rd_kafka_resp_err_t rc;
	int flags = kr->value.p == r->body.p ? 0 : RD_KAFKA_MSG_F_COPY;

	rc = rd_kafka_producev(c->rk,
	    RD_KAFKA_V_TOPIC((const char *)kr->topic.p),
	    RD_KAFKA_V_PARTITION(kr->partition >= 0 ? kr->partition :
	    RD_KAFKA_PARTITION_UA),
	    RD_KAFKA_V_MSGFLAGS(flags),
	    RD_KAFKA_V_VALUE((void *)(uintptr_t)kr->value.p, kr->value.len),
	    RD_KAFKA_V_KEY(kr->key.p, kr->key.len),
	    RD_KAFKA_V_TIMESTAMP(kr->timestamp),
	    RD_KAFKA_V_HEADERS(hs),
	    RD_KAFKA_V_OPAQUE(v), RD_KAFKA_V_END);
	if (rc != RD_KAFKA_RESP_ERR_NO_ERROR && hs != NULL)
		rd_kafka_headers_destroy(hs);
	return (rc);
}

/* Likewise. */
static void
produce_records(struct client *c, const struct lease *l, struct delivery *v)
{
	const struct record *r = l->batch->records + l->first;
	struct kafka_record kr;
	rd_kafka_resp_err_t rc;
	struct err e = ERR_INIT;
	uint32_t i;

	for (i = 0; i < l->n; i++) {
		if (kafka_record_make(c->sink, l->batch, &r[i], &c->arena,
		    &kr, &e) == -1) {
			if (!atomic_exchange(&v->failed, true))
				v->err = e;
			break;
		}
		rc = produce_one(c, l->batch, &r[i], &kr, v);
		if (rc != RD_KAFKA_RESP_ERR_NO_ERROR) {
			delivery_fail(v, rc, (const char *)kr.topic.p,
			    kr.value.len);
			break;
		}
	}
	delivery_release(v, l->n - i);
}

static int
ready(struct client *c, struct lease *l, struct err *e)
{
	if (atomic_load(&c->retired)) {
		producer_close(c, 0);
		if (producer_open(c, e) == -1)
			return (-1);
	}
	if (c->rk == NULL && producer_open(c, e) == -1)
		return (-1);
	return (lease_batch(l, e));
}

static void
client_deliver(struct kafka_sink *k, struct lease *l, struct completion *done)
{
	struct client *c = k->state;
	struct err e = ERR_INIT;
	struct delivery *v;

	if (ready(c, l, &e) == -1) {
		completion_done(done, &e);
		return;
	}
	v = xcalloc(1, sizeof *v);
	v->done = done;
	v->client = c;
	v->hint = l->hint;
	v->turn = k->turn++;
	atomic_store(&v->pending, l->n + 1);
	if (kafka_is_plain(k, l->batch))
		produce_plain(c, l, v);
	else
		produce_records(c, l, v);
	arena_reset(&c->arena);
	delivery_release(v, 1);
}

/* --- the way --- */

static int
client_start(struct kafka_sink *k, struct err *e)
{
	struct client *c = xcalloc(1, sizeof *c);

	c->sink = k;
	arena_init(&c->arena, 64 << 10, 0);
	k->state = c;
	k->sink.inflight = INFLIGHT;
	k->sink.batch_bytes = LEASE_BYTES;
	if (producer_open(c, e) == 0)
		return (0);
	arena_fini(&c->arena);
	free(c);
	k->state = NULL;
	return (-1);
}

static void
client_stop(struct kafka_sink *k)
{
	struct client *c = k->state;

	producer_close(c, STOP_FLUSH_MS);
	arena_fini(&c->arena);
	free(c);
	k->state = NULL;
}

static void
client_status(struct kafka_sink *k, char *buf, size_t size)
{
	struct client *c = k->state;

	snprintf(buf, size, "%s%s", k->servers, atomic_load(&c->down) ?
	    ", which does not answer" : "");
}

const struct kafka_way kafka_client = {
	.start = client_start,
	.deliver = client_deliver,
	.stop = client_stop,
	.status = client_status
};
