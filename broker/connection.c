/*
 * A connection has a queue of its requests.  Each is handed to its handler as
 * it arrives; its answer waits until all earlier ones have left.  Reading
 * stops while too many requests or bytes are in the queue, or while the peer
 * does not take its answers.  Beyond queued.max.request.bytes in all queues, a
 * connection is read only while it has no request in its own, so that none
 * waits for another one's answers.  An answer that waits for an earlier one
 * counts as part of its request.
 */
#include "broker/connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/settings.h"
#include "kafka/frame.h"
#include "kafka/messages.h"
#include "loop/conn.h"
#include "loop/listen.h"

#define DECODE_FACTOR	16	/* bytes of arena per byte of request */
#define DECODE_FLOOR	(64u << 10)
#define OTHER_MAX	(16u << 20)	/* a request that is not Produce */

/* --- reading or not, the end --- */

static bool
too_much(const struct broker_conn *bc)
{
	const struct broker *b = bc->home->broker;

	return (bc->nrequests >= (size_t)b->cfg.inflight_requests ||
	    bc->bytes >= b->cfg.inflight_bytes ||
	    (bc->nrequests > 0 && atomic_load(&b->queued) >=
	    b->cfg.queued_bytes) || conn_full(bc->conn));
}

static void
flow(struct broker_conn *bc)
{
	bool stop = bc->closing || bc->quiet || too_much(bc);

	if (stop == bc->paused)
		return;
	bc->paused = stop;
	if (stop)
		conn_pause(bc->conn);
	else
		conn_resume(bc->conn);
}

/* Takes the connection apart; what is still being worked on is orphaned. */
static void
gone(struct broker_conn *bc)
{
	struct broker *b = bc->home->broker;
	struct request *r;

	atomic_fetch_sub(&b->queued, bc->bytes);
	while ((r = bc->head) != NULL) {
		bc->head = r->queue_next;
		r->conn = NULL;
		if (r->state != REQUEST_OPEN)
			request_free(r);
		else if (r->gone != NULL)
			r->gone(r);
	}
	*bc->prev = bc->next;
	if (bc->next != NULL)
		bc->next->prev = bc->prev;
	metric_add_shared(&b->m.connections, -1);
	listener_leave(b->listener);
	free(bc);
	server_count_down(b, &b->nconns);
}

/* Sends what is queued, then closes. */
static void
end(struct broker_conn *bc)
{
	bc->closing = true;
	conn_finish(bc->conn);
}

/* --- answers --- */

/*
 * Does a client wait for this answer before it asks anything about a
 * transaction?  It then has seen that its connection was accepted, before it
 * opens another one.  Most begin with ApiVersions on each connection, some on
 * their first one alone; none goes on without its coordinator and an epoch,
 * or before it was let in.
 */
static bool
greets(int16_t api)
{
	return (api == KAPI_ApiVersions || api == KAPI_SaslAuthenticate ||
	    api == KAPI_FindCoordinator || api == KAPI_InitProducerId);
}

void
connection_send(struct broker_conn *bc)
{
	struct broker *b = bc->home->broker;
	struct request *r;

	while (!bc->closing && (r = bc->head) != NULL &&
	    r->state != REQUEST_OPEN) {
		if ((bc->head = r->queue_next) == NULL)
			bc->tail = &bc->head;
		bc->nrequests--;
		bc->bytes -= r->charge;
		atomic_fetch_sub(&b->queued, r->charge);
		if (r->state == REQUEST_ANSWERED) {
			answer_send(bc->conn, r->answer);
			r->answer = NULL;
			bc->greeted |= greets(r->api);
		} else if (r->state == REQUEST_CLOSES) {
			end(bc);
		}
		request_free(r);
	}
	if (bc->quiet && !bc->closing && bc->head == NULL)
		end(bc);
	if (!bc->closing)
		flow(bc);
}

/* --- what the socket says --- */

static void
on_drained(struct conn *c, void *ctx)
{
	struct broker_conn *bc = ctx;

	(void)c;
	if (!bc->closing)
		flow(bc);
}

/* A client that is merely silent is nothing to speak of. */
static void
say_timeout(const struct broker_conn *bc, const struct conn *c)
{
	size_t in = conn_in(c).len, out = conn_pending_out(c);
	long long ms = (long long)bc->home->broker->cfg.idle_ms;

	if (in == 0 && out == 0)
		return;
	metric_add_shared(&bc->home->broker->m.request_errors, 1);
	if (out > 0)
		log_warn("broker", "closing the connection of %s: it has taken "
		    "nothing of its answers for %lld ms, bytes=%zu wait",
		    conn_peer(c), ms, out);
	else
		log_warn("broker", "closing the connection of %s: after "
		    "bytes=%zu of a request nothing came for %lld ms",
		    conn_peer(c), in, ms);
}

static void
on_closed(struct conn *c, void *ctx, const struct err *err)
{
	struct broker_conn *bc = ctx;

	if (err != NULL && err->code == ERR_TIMEOUT)
		say_timeout(bc, c);
	else if (err != NULL)
		log_debug("broker", "connection of %s: %s", conn_peer(c),
		    err->msg);
	gone(bc);
}

/* Closes at once: the peer's bytes make no sense. */
static void
drop(struct broker_conn *bc, const char *why)
{
	struct broker *b = bc->home->broker;

	log_warn("broker", "closing the connection of %s: %s",
	    conn_peer(bc->conn), why);
	metric_add_shared(&b->m.request_errors, 1);
	conn_free(bc->conn);
	gone(bc);
}

/* --- requests --- */

static struct request *
request_new(struct broker_conn *bc, struct buf *frame, const struct kframe *h)
{
	struct request *r = xcalloc(1, sizeof *r);
	struct broker *b = bc->home->broker;

	r->broker = b;
	r->home = bc->home;
	r->conn = bc;
	r->api = h->key;
	r->version = h->version;
	r->correlation = h->correlation_id;
	r->client_id = h->client_id;
	r->body = h->body;
	r->frame = frame;
	r->charge = frame->len + sizeof *r;
	arena_init(&r->arena, 1024, frame->len * DECODE_FACTOR + DECODE_FLOOR);
	r->conn_number = bc->number;
	r->greeted = bc->greeted;
	r->peer = (const char *)arena_copy(&r->arena, slice_str(bc->host)).p;
	*bc->tail = r;
	bc->tail = &r->queue_next;
	bc->nrequests++;
	bc->bytes += r->charge;
	atomic_fetch_add(&b->queued, r->charge);
	server_count_up(b, &b->nrequests);
	metric_add_shared(&b->m.requests, 1);
	return (r);
}

static void
on_frame(struct broker_conn *bc, struct buf *frame)
{
	struct err err = ERR_INIT;
	struct request *r;
	struct kframe h;

	if (kframe_request(slice_of(frame->data + KFRAME_PREFIX,
	    frame->len - KFRAME_PREFIX), &h, &err) == -1) {
		buf_unref(frame);
		drop(bc, err.msg);
		return;
	}
	r = request_new(bc, frame, &h);
	flow(bc);
	request_dispatch(r, &h);
}

/*
 * How many bytes to wait for: of the length, of the API's key when the frame is
 * so long that it must be a Produce, then of the frame.  -1: refused.
 */
static int
frame_size(const struct broker *b, struct slice in, size_t *want,
    struct err *e)
{
	uint32_t len;
	int rc;

	*want = KFRAME_PREFIX;
	rc = kframe_length(in, (uint32_t)b->cfg.max_request, &len, e);
	if (rc != 0)
		return (rc == 1 ? 0 : -1);
	*want = KFRAME_PREFIX + (size_t)len;
	if (len <= OTHER_MAX)
		return (0);
	if (in.len < KFRAME_PREFIX + 2)
		*want = KFRAME_PREFIX + 2;
	else if (get_be16(in.p + KFRAME_PREFIX) != KAPI_Produce)
		return (err_set(e, ERR_TOO_LARGE, "frame length %u is above "
		    "the limit of %u bytes of requests other than Produce",
		    len, OTHER_MAX));
	return (0);
}

static void
on_data(struct conn *c, void *ctx)
{
	struct broker_conn *bc = ctx;
	struct slice in = conn_in(c);
	struct err err = ERR_INIT;
	struct buf *frame;
	size_t want;

	if (bc->closing || bc->quiet)
		return;
	if (frame_size(bc->home->broker, in, &want, &err) == -1) {
		drop(bc, err.msg);
		return;
	}
	conn_want(c, want);
	if (in.len < want)
		return;
	frame = conn_take(c, want);
	conn_want(c, KFRAME_PREFIX);
	on_frame(bc, frame);
}

static const struct conn_ops ops = {
	.data = on_data, .drained = on_drained, .closed = on_closed
};

/* --- from the server --- */

void
connection_accept(struct broker_loop *home, int fd)
{
	struct broker *b = home->broker;
	struct broker_conn *bc;

	if (atomic_load(&b->stopping)) {
		close(fd);
		listener_leave(b->listener);
		return;
	}
	bc = xcalloc(1, sizeof *bc);
	bc->home = home;
	bc->number = atomic_fetch_add(&b->conn_numbers, 1) + 1;
	bc->tail = &bc->head;
	bc->conn = conn_new(home->loop, fd, &ops, bc);
	conn_want(bc->conn, KFRAME_PREFIX);
	conn_idle(bc->conn, b->cfg.idle_ms);
	snprintf(bc->host, sizeof bc->host, "%s", conn_peer_host(bc->conn));
	bc->next = bc->home->conns;
	bc->prev = &bc->home->conns;
	if (bc->next != NULL)
		bc->next->prev = &bc->next;
	bc->home->conns = bc;
	metric_add_shared(&b->m.connections, 1);
	metric_add_shared(&b->m.connections_total, 1);
	server_count_up(b, &b->nconns);
}

void
connection_quiet(struct broker_conn *bc)
{
	bc->quiet = true;
	flow(bc);
	if (!bc->closing)
		connection_send(bc);
}

void
connection_cut(struct broker_conn *bc)
{
	conn_free(bc->conn);
	gone(bc);
}
