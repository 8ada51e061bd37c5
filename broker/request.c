/*
 * A request from its frame to its answer: dispatched to its handler, finished
 * by one of the calls of broker_priv.h, on any thread.  One that is answered
 * on another thread is posted back to its home loop; there alone the
 * connection and its queue are touched.
 */
#include "broker/connection.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "kafka/errors.h"
#include "kafka/messages.h"
#include "loop/conn.h"

#define ANSWER_MAX	(256u << 20)	/* without record batches */

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

void
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

void
request_free(struct request *r)
{
	struct broker *b = r->broker;

	answer_free(r->answer);
	buf_unref(r->frame);
	arena_fini(&r->arena);
	free(r);
	server_count_down(b, &b->nrequests);
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
	connection_send(bc);
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

/* --- dispatching --- */

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
handle(struct request *r, const struct kframe *h)
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
refuse_unknown(struct request *r, const struct kframe *h)
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

void
request_dispatch(struct request *r, const struct kframe *h)
{
	if (h->served && server_has_handler(h->key))
		handle(r, h);
	else
		refuse_unknown(r, h);
}
