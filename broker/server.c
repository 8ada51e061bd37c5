/*
 * A connection has a queue of its requests.  Each is handed to its handler as
 * it arrives; its answer waits until all earlier ones have left.  Reading
 * stops while too many requests or bytes are in the queue, or while the peer
 * does not take its answers.  Beyond queued.max.request.bytes in all queues, a
 * connection is read only while it has no request in its own, so that none
 * waits for another one's answers.  An answer that waits for an earlier one
 * counts as part of its request.
 *
 * A request that is answered on another thread is posted back to its home loop;
 * there alone the queue and the connection are touched.
 */
#include "broker/server.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/fetch.h"
#include "broker/settings.h"
#include "kafka/errors.h"
#include "kafka/frame.h"
#include "kafka/messages.h"
#include "loop/conn.h"
#include "loop/listen.h"

#define PART_MS		INT64_C(200)	/* for connections to end by
					   themselves */
#define DECODE_FACTOR	16	/* bytes of arena per byte of request */
#define DECODE_FLOOR	(64u << 10)
#define ANSWER_MAX	(256u << 20)	/* without record batches */
#define OTHER_MAX	(16u << 20)	/* a request that is not Produce */

struct broker_conn {		/* owner: its loop */
	struct broker_loop	*home;
	struct conn		*conn;
	struct broker_conn	*next, **prev;
	struct request		*head, **tail;	/* in order of arrival */
	size_t			 nrequests;
	size_t			 bytes;
	bool			 paused;
	bool			 closing;	/* nothing more is sent */
	bool			 quiet;		/* stop: nothing more is read */
	uint64_t		 number;
	bool			 greeted;	/* see greets() */
	char			 host[64];
};

enum {	/* of a request */
	REQUEST_OPEN, REQUEST_ANSWERED, REQUEST_SILENT, REQUEST_CLOSES
};

struct handler {
	request_handler	*fn;
	bool		 raw;
};
static const struct handler handlers[KAPI_MAX + 1] = {
#define HANDLER(Name, name)	[KAPI_##Name] = { handle_##name, false },
#define RAW_HANDLER(Name, name)	[KAPI_##Name] = { handle_##name, true },
#include "broker/handlers.def"
#undef HANDLER
#undef RAW_HANDLER
};

bool
server_has_handler(int16_t key)
{
	return (key >= 0 && key <= KAPI_MAX && handlers[key].fn != NULL);
}

static void	conn_send(struct broker_conn *);

/* --- answers --- */

struct answer *
answer_of(struct kwriter *w)
{
	struct answer *a = xcalloc(1, sizeof *a);

	a->buf = buf_new(w->len);
	memcpy(a->buf->data, w->base, w->len);
	a->buf->len = w->len;
	kwriter_fini(w);
	return (a);
}

void
answer_free(struct answer *a)
{
	size_t i;

	if (a == NULL)
		return;
	for (i = 0; i < a->nfiles; i++)
		if (a->files[i].release != NULL)
			a->files[i].release(a->files[i].arg);
	buf_unref(a->buf);
	free(a->files);
	free(a);
}

static void
unref_buf(void *arg)
{
	buf_unref(arg);
}

/* Queues it at the connection; the answer is used up. */
static void
answer_send(struct conn *c, struct answer *a)
{
	struct answer_file *f;
	size_t i, at = 0;

	for (i = 0; i < a->nfiles; i++) {
		f = &a->files[i];
		if (f->at > at)
			conn_write_ref(c, slice_of(a->buf->data + at,
			    f->at - at), unref_buf, buf_ref(a->buf));
		at = f->at;
		conn_write_file(c, f->fd, f->pos, f->len, f->release, f->arg);
	}
	if (a->buf->len > at)
		conn_write_ref(c, slice_of(a->buf->data + at,
		    a->buf->len - at), unref_buf, buf_ref(a->buf));
	a->nfiles = 0;
	answer_free(a);
}

/* --- requests --- */

void *
request_alloc(struct request *r, size_t n)
{
	void *p = arena_zalloc(&r->arena, n);

	CHECK(p != NULL);		/* unbounded after decoding */
	return (p);
}

void
request_drop_frame(struct request *r)
{
	buf_unref(r->frame);
	r->frame = NULL;
	r->in = NULL;
	r->body = SLICE_NULL;
	r->client_id = SLICE_NULL;
}

static void
request_free(struct request *r)
{
	struct broker *b = r->broker;

	answer_free(r->answer);
	buf_unref(r->frame);
	arena_fini(&r->arena);
	free(r);
	mutex_lock(&b->idle_lock);
	b->nrequests--;
	mutex_unlock(&b->idle_lock);
	cond_signal(&b->idle);
}

static void
charge_answer(struct broker_conn *bc, struct request *r)
{
	size_t n = r->answer->buf->len;

	r->charge += n;
	bc->bytes += n;
	atomic_fetch_add(&r->broker->queued, n);
}

/* On the home loop: the handler is done with it. */
static void
request_done(struct request *r)
{
	struct broker_conn *bc = r->conn;

	r->state = r->outcome;
	if (bc == NULL) {
		request_free(r);
		return;
	}
	if (r->answer != NULL && bc->head != r)
		charge_answer(bc, r);
	conn_send(bc);
}

static void
done_task(struct loop_task *t)
{
	request_done(container_of(t, struct request, task));
}

static void
request_finish(struct request *r, int outcome)
{
	CHECK(r->outcome == REQUEST_OPEN);
	r->outcome = outcome;
	if (broker_on_loop(r->home)) {
		request_done(r);
		return;
	}
	r->task.fn = done_task;
	loop_post(r->home->loop, &r->task);
}

void
request_answer(struct request *r, struct answer *a)
{
	r->answer = a;
	request_finish(r, REQUEST_ANSWERED);
}

void
request_reply(struct request *r, const void *body)
{
	const struct kapi *api = kapi_get(r->api);
	struct kwriter w;
	size_t at;

	CHECK(api != NULL);
	kwriter_init(&w, 256, ANSWER_MAX);
	at = kframe_response_begin(&w, api, r->version, r->correlation);
	kw_encode(api->response, r->version, body, &w);
	if (w.full) {
		kwriter_fini(&w);
		request_close(r, "the answer does not fit");
		return;
	}
	kframe_end(&w, at, 0);
	request_answer(r, answer_of(&w));
}

void
request_silent(struct request *r)
{
	request_finish(r, REQUEST_SILENT);
}

void
request_close(struct request *r, const char *why)
{
	if (why != NULL)
		log_warn("broker", "closing the connection of %s: %s v%d: %s",
		    r->peer, kapi_name(r->api), r->version, why);
	metric_add_shared(&r->broker->m.request_errors, 1);
	request_finish(r, REQUEST_CLOSES);
}

static void
move_task(struct loop_task *t)
{
	struct request *r = container_of(t, struct request, task);

	r->moved(r);
}

void
request_move(struct request *r, struct broker_loop *to, request_handler *fn)
{
	if (broker_on_loop(to)) {
		fn(r);
		return;
	}
	r->moved = fn;
	r->task.fn = move_task;
	loop_post(to->loop, &r->task);
}

/* --- connections --- */

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
conn_flow(struct broker_conn *bc)
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
conn_gone(struct broker_conn *bc)
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
	mutex_lock(&b->idle_lock);
	b->nconns--;
	mutex_unlock(&b->idle_lock);
	cond_signal(&b->idle);
}

/* Sends what is queued, then closes. */
static void
conn_end(struct broker_conn *bc)
{
	bc->closing = true;
	conn_finish(bc->conn);
}

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

/* Hands the answers that are due to the connection. */
static void
conn_send(struct broker_conn *bc)
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
			conn_end(bc);
		}
		request_free(r);
	}
	if (bc->quiet && !bc->closing && bc->head == NULL)
		conn_end(bc);
	if (!bc->closing)
		conn_flow(bc);
}

static void
on_drained(struct conn *c, void *ctx)
{
	struct broker_conn *bc = ctx;

	(void)c;
	if (!bc->closing)
		conn_flow(bc);
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
	conn_gone(bc);
}

/* Closes at once: the peer's bytes make no sense. */
static void
conn_drop(struct broker_conn *bc, const char *why)
{
	struct broker *b = bc->home->broker;

	log_warn("broker", "closing the connection of %s: %s",
	    conn_peer(bc->conn), why);
	metric_add_shared(&b->m.request_errors, 1);
	conn_free(bc->conn);
	conn_gone(bc);
}

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
	mutex_lock(&b->idle_lock);
	b->nrequests++;
	mutex_unlock(&b->idle_lock);
	metric_add_shared(&b->m.requests, 1);
	return (r);
}

static int
decode(struct request *r, const struct kapi *api, struct err *e)
{
	r->in = arena_zalloc(&r->arena, api->request->size);
	if (r->in == NULL)
		return (err_set(e, ERR_TOO_LARGE, "it does not fit"));
	return (kw_decode(api->request, r->version, r->body, &r->arena, r->in,
	    e));
}

static void
dispatch(struct request *r, const struct kframe *h)
{
	const struct handler *handler = &handlers[h->key];
	struct err err = ERR_INIT;

	if (!handler->raw && decode(r, h->api, &err) == -1) {
		request_close(r, err.msg);
		return;
	}
	r->arena.limit = 0;
	handler->fn(r);
}

/*
 * A version of ApiVersions that we do not have is answered in version 0 with
 * the range that we do have (KIP-511); every other unknown API or version ends
 * the connection, as in Kafka.
 */
static void
dispatch_unknown(struct request *r, const struct kframe *h)
{
	if (h->key == KAPI_ApiVersions) {
		api_versions_fallback(r);
		return;
	}
	if (h->api == NULL || !server_has_handler(h->key))
		request_close(r, "there is no such API here");
	else
		request_close(r, "this version is not served");
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
		conn_drop(bc, err.msg);
		return;
	}
	r = request_new(bc, frame, &h);
	conn_flow(bc);
	if (h.served && server_has_handler(h.key))
		dispatch(r, &h);
	else
		dispatch_unknown(r, &h);
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
		conn_drop(bc, err.msg);
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

bool
broker_on_loop(const struct broker_loop *bl)
{
	return (bl->self == thread_self());
}

struct broker_loop *
broker_loop_of(struct broker *b, uint32_t hash)
{
	return (&b->loops[hash % b->nloops]);
}

static struct broker_loop *
find_loop(struct broker *b, const struct loop *loop)
{
	unsigned i;

	for (i = 0; i < b->nloops; i++)
		if (b->loops[i].loop == loop)
			return (&b->loops[i]);
	CHECK(i < b->nloops);
	return (NULL);
}

static void
on_accept(struct loop *loop, int fd, void *ctx)
{
	struct broker *b = ctx;
	struct broker_conn *bc;

	if (atomic_load(&b->stopping)) {
		close(fd);
		listener_leave(b->listener);
		return;
	}
	bc = xcalloc(1, sizeof *bc);
	bc->home = find_loop(b, loop);
	bc->number = atomic_fetch_add(&b->conn_numbers, 1) + 1;
	bc->tail = &bc->head;
	bc->conn = conn_new(loop, fd, &ops, bc);
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
	mutex_lock(&b->idle_lock);
	b->nconns++;
	mutex_unlock(&b->idle_lock);
}

/* --- start and stop --- */

static void
loop_main(void *arg)
{
	struct broker_loop *bl = arg;

	bl->self = thread_self();
	loop_run(bl->loop);
}

static int
start_listener(struct broker *b, struct err *e)
{
	struct listen_opts o = { .what = "broker" };
	struct loop *loops[BROKER_MAX_LOOPS];
	char *host;
	unsigned i;

	if (broker_parse_address(b->cfg.listen, "listen", &host, &o.port,
	    e) == -1)
		return (-1);
	o.host = host;
	o.max_conns = (unsigned)b->cfg.max_connections;
	b->listener = listener_tcp(b->loops[0].loop, &o, on_accept, b, e);
	free(host);
	if (b->listener == NULL)
		return (err_ctx(e, "listen"));
	for (i = 0; i < b->nloops; i++)
		loops[i] = b->loops[i].loop;
	listener_deal(b->listener, loops, b->nloops);
	return (0);
}

static unsigned
count_loops(const struct broker *b)
{
	long n = (long)b->cfg.loops;

	if (n == 0) {
		n = sysconf(_SC_NPROCESSORS_ONLN);
		n = n < 1 ? 1 : n > 4 ? 4 : n;
	}
	return (n > BROKER_MAX_LOOPS ? BROKER_MAX_LOOPS : (unsigned)n);
}

int
server_init(struct broker *b, struct err *e)
{
	char name[24];
	unsigned i;

	b->nloops = count_loops(b);
	b->loops = xcalloc(b->nloops, sizeof *b->loops);
	for (i = 0; i < b->nloops; i++) {
		b->loops[i].broker = b;
		b->loops[i].index = i;
		snprintf(name, sizeof name, "broker-%u", i);
		if ((b->loops[i].loop = loop_new(name, e)) == NULL)
			return (-1);
	}
	return (start_listener(b, e));
}

/* Waits for one of the counts under the lock to be 0. */
static void
wait_idle(struct broker *b, const size_t *n, int64_t deadline)
{
	mutex_lock(&b->idle_lock);
	while (*n > 0 && cond_wait_until(&b->idle, &b->idle_lock, deadline))
		;
	mutex_unlock(&b->idle_lock);
}

static void
on_running(struct loop_task *t)
{
	struct broker_loop *bl = container_of(t, struct broker_loop, running);
	struct broker *b = bl->broker;

	mutex_lock(&b->idle_lock);
	b->nstarting--;
	mutex_unlock(&b->idle_lock);
	cond_signal(&b->idle);
}

/* Returns when all loops run: only then can they be called. */
int
server_run(struct broker *b, struct err *e)
{
	struct broker_loop *bl;
	char name[24];
	unsigned i;

	for (i = 0; i < b->nloops; i++) {
		bl = &b->loops[i];
		snprintf(name, sizeof name, "broker-%u", i);
		bl->running.fn = on_running;
		mutex_lock(&b->idle_lock);
		b->nstarting++;
		mutex_unlock(&b->idle_lock);
		loop_post(bl->loop, &bl->running);
		if (thread_start(&bl->thread, name, loop_main, bl, e) == -1)
			return (-1);
	}
	wait_idle(b, &b->nstarting, INT64_MAX);
	return (0);
}

static void
close_listener(void *arg)
{
	struct broker *b = arg;

	listener_pause(b->listener);
}

/* Reads no more; connections without a request end. */
static void
quiet_loop(void *arg)
{
	struct broker_loop *bl = arg;
	struct broker_conn *bc, *next;

	for (bc = bl->conns; bc != NULL; bc = next) {
		next = bc->next;
		bc->quiet = true;
		conn_flow(bc);
		if (!bc->closing)
			conn_send(bc);
	}
	fetch_wake_all(bl);
}

static void
drop_loop(void *arg)
{
	struct broker_loop *bl = arg;
	struct broker_conn *bc;

	while ((bc = bl->conns) != NULL) {
		conn_free(bc->conn);
		conn_gone(bc);
	}
}

static void
on_each_loop(struct broker *b, void (*fn)(void *))
{
	unsigned i;

	for (i = 0; i < b->nloops; i++)
		if (b->loops[i].thread.started)
			loop_call(b->loops[i].loop, fn, &b->loops[i]);
}

void
server_quiesce(struct broker *b)
{
	if (!b->loops[0].thread.started)
		return;
	loop_call(b->loops[0].loop, close_listener, b);
	on_each_loop(b, quiet_loop);
}

static void
free_listener(void *arg)
{
	struct broker *b = arg;

	listener_free(b->listener);
}

void
server_stop(struct broker *b, int64_t deadline_ms)
{
	int64_t deadline = clock_mono_ns() + deadline_ms * 1000000;
	unsigned i;

	if (b->listener == NULL)
		return;
	wait_idle(b, &b->nrequests, deadline);
	/* The last answers are on their way; a client that keeps its side open
	 * does not hold up the stop. */
	wait_idle(b, &b->nconns, clock_mono_ns() + PART_MS * 1000000);
	on_each_loop(b, drop_loop);
	/* What is orphaned now is answered by the flusher and the groups. */
	wait_idle(b, &b->nrequests, INT64_MAX);
	if (b->loops[0].thread.started)
		loop_call(b->loops[0].loop, free_listener, b);
	else
		free_listener(b);
	for (i = 0; i < b->nloops; i++) {
		if (b->loops[i].thread.started) {
			loop_stop(b->loops[i].loop);
			thread_join(&b->loops[i].thread);
		}
	}
}

void
server_free(struct broker *b)
{
	unsigned i;

	for (i = 0; b->loops != NULL && i < b->nloops; i++)
		if (b->loops[i].loop != NULL)
			loop_free(b->loops[i].loop);
	free(b->loops);
	b->loops = NULL;
}
