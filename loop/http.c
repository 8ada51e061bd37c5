/*
 * A connection goes through the phases of http_priv.h, one request at a time:
 * the next one is looked at when the answer has left.  So a client that
 * pipelines costs one buffer of at most the header limit, and a client that
 * does not read its answers is not listened to either.
 *
 * Against slow clients one timer measures the phase: the head has header_ms,
 * a body and an answer body_ms plus a second for each body_rate bytes that
 * moved.  What moves nothing at all is the conn's idle timeout.
 *
 * A Content-Length body is received in place and handed out uncopied; it is
 * asked for in doubling steps, so that what is held is accounted as it comes.
 */
#include "loop/http.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "base/mem.h"
#include "loop/http_priv.h"
#include "loop/inflate.h"

#define STEP	65536	/* of a body */

/* Requests. */

bool
http_req_hold(struct http_req *r, size_t n)
{
	struct http_server *s = r->server;

	if (n > r->held && s->held + (n - r->held) > s->o.max_held)
		return (false);
	s->held = s->held - r->held + n;
	r->held = n;
	return (true);
}

static void
server_unref(struct http_server *s)
{
	if (--s->refs == 0)
		free(s);
}

void
http_req_free(struct http_req *r)
{
	http_req_hold(r, 0);
	if (r->hc != NULL)
		r->hc->req = NULL;
	buf_unref(r->body);
	http_head_fini(&r->head);
	sb_fini(&r->fields);
	server_unref(r->server);
	free(r);
}

static struct http_req *
req_new(struct http_conn *hc)
{
	struct http_req *r = xcalloc(1, sizeof *r);

	r->server = hc->server;
	r->server->refs++;
	r->hc = hc;
	memcpy(r->peer, conn_peer(hc->c), strlen(conn_peer(hc->c)) + 1);
	hc->req = r;
	hc->served++;
	return (r);
}

/* Connections. */

static void
hc_free(struct http_conn *hc)
{
	struct http_server *s = hc->server;
	struct http_req *r = hc->req;

	if (hc->prev != NULL)
		hc->prev->next = hc->next;
	else
		s->conns = hc->next;
	if (hc->next != NULL)
		hc->next->prev = hc->prev;
	timer_fini(&hc->timer);
	conn_free(hc->c);
	if (r != NULL) {
		r->hc = NULL;
		hc->req = NULL;
		if (hc->phase != HTTP_HANDLING)
			http_req_free(r);
	}
	listener_leave(s->listener);
	free(hc);
}

static void
set_phase(struct http_conn *hc, enum http_phase phase, int64_t ms)
{
	hc->phase = phase;
	hc->since = loop_now_ns(hc->server->loop);
	if (ms == 0)
		timer_disarm(&hc->timer);
	else
		timer_arm(&hc->timer, ms);
}

/* Ends by itself, flushed, also when the client does not read. */
static void
finish(struct http_conn *hc)
{
	set_phase(hc, HTTP_CLOSING, hc->server->o.body_ms);
	conn_finish(hc->c);
}

static void
wait_for_request(struct http_conn *hc)
{
	if (hc->eof && conn_in(hc->c).len == 0) {
		finish(hc);
		return;
	}
	set_phase(hc, HTTP_WAITING, 0);
	hc->scanned = 0;
	conn_want(hc->c, 1);
	conn_resume(hc->c);
}

void
http_conn_answered(struct http_conn *hc, bool keep)
{
	conn_idle(hc->c, hc->server->o.idle_ms);
	hc->out = conn_pending_out(hc->c);
	if (keep)
		set_phase(hc, HTTP_ANSWERING, hc->server->o.body_ms);
	else
		finish(hc);
}

/* Bodies. */

static void
dispatch(struct http_conn *hc)
{
	struct http_req *r = hc->req;

	set_phase(hc, HTTP_HANDLING, 0);
	conn_idle(hc->c, 0);
	conn_want(hc->c, conn_in(hc->c).len + 1);
	r->route->fn(r, hc->server->ctx);
}

static int
inflate_body(struct http_req *r)
{
	struct err e = ERR_INIT;
	struct buf *b;

	b = inflate_whole(http_body(r), r->server->o.max_body, &e);
	if (b == NULL)
		return (e.code == ERR_TOO_LARGE ? 413 :
		    e.code == ERR_REFUSED ? 415 :
		    e.code == ERR_FULL ? 503 : 400);
	buf_unref(r->body);
	r->body = b;
	return (http_req_hold(r, b->cap) ? 0 : 503);
}

static void
refuse(struct http_conn *hc, int status)
{
	if (status == 503 && hc->req != NULL)
		http_add_field(hc->req, "Retry-After", "1");
	http_conn_refuse(hc, status);
}

static void
body_done(struct http_conn *hc)
{
	struct http_req *r = hc->req;
	int status = 0;

	if (r->head.coding != HTTP_IDENTITY && http_body(r).len > 0)
		status = inflate_body(r);
	if (status != 0)
		refuse(hc, status);
	else
		dispatch(hc);
}

static void
read_counted(struct http_conn *hc)
{
	struct http_req *r = hc->req;
	size_t len = (size_t)r->head.length, have = conn_in(hc->c).len, next;

	r->received = have < len ? have : len;
	if (!http_req_hold(r, r->received)) {
		refuse(hc, 503);
	} else if (have >= len) {
		r->body = conn_take(hc->c, len);
		body_done(hc);
	} else {
		next = have * 2 > STEP ? have * 2 : STEP;
		conn_want(hc->c, next < len ? next : len);
	}
}

/* -> 0, or the status to refuse with. */
static int
append_body(struct http_req *r, struct slice data)
{
	size_t have = r->body == NULL ? 0 : r->body->len, cap;
	struct buf *b = r->body;

	r->received += data.len;
	if (data.len > r->server->o.max_body - have)
		return (413);
	if (b == NULL || have + data.len > b->cap) {
		cap = 2 * (have + data.len);
		if (!http_req_hold(r, cap))
			return (503);
		b = buf_new(cap);
		if (have > 0)
			memcpy(b->data, r->body->data, have);
		buf_unref(r->body);
		r->body = b;
	}
	memcpy(b->data + have, data.p, data.len);
	b->len = have + data.len;
	return (0);
}

static void
read_chunked(struct http_conn *hc)
{
	struct http_req *r = hc->req;
	struct slice in, data;
	ssize_t n;
	int status = 0;

	while ((in = conn_in(hc->c)).len > 0 && !r->chunks.done &&
	    status == 0) {
		n = http_chunks_next(&r->chunks, in, &data);
		if (n == -1)
			status = 400;
		else if (data.len > 0)
			status = append_body(r, data);
		conn_consume(hc->c, n == -1 ? 0 : (size_t)n);
	}
	if (status != 0)
		refuse(hc, status);
	else if (r->chunks.done)
		body_done(hc);
}

static void
start_body(struct http_conn *hc)
{
	struct http_req *r = hc->req;

	if (!r->head.chunked && r->head.length <= 0) {
		dispatch(hc);
		return;
	}
	set_phase(hc, HTTP_READING, hc->server->o.body_ms);
	if (r->head.expect && conn_in(hc->c).len == 0)
		conn_write(hc->c, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	if (r->head.chunked) {
		conn_want(hc->c, 1);
		read_chunked(hc);
	} else {
		read_counted(hc);
	}
}

/* Heads. */

static bool
path_fits(const char *pattern, const char *path)
{
	size_t n = strlen(pattern);

	if (n > 0 && pattern[n - 1] == '*')
		return (strncmp(pattern, path, n - 1) == 0);
	return (strcmp(pattern, path) == 0);
}

/* HEAD is allowed where GET is. */
static bool
method_fits(unsigned methods, unsigned method)
{
	if (method == HTTP_HEAD && (methods & HTTP_GET))
		return (true);
	return (methods & method);
}

static void
add_allow(struct http_req *r, unsigned methods)
{
	static const struct { unsigned bit; const char *name; } names[] = {
		{ HTTP_GET, "GET" }, { HTTP_HEAD, "HEAD" },
		{ HTTP_POST, "POST" }, { HTTP_PUT, "PUT" },
		{ HTTP_DELETE, "DELETE" }, { HTTP_PATCH, "PATCH" },
		{ HTTP_OPTIONS, "OPTIONS" }, { HTTP_TRACE, "TRACE" },
	};
	struct sb sb = SB_INIT;
	size_t i;

	for (i = 0; i < NELEM(names); i++)
		if (method_fits(methods, names[i].bit))
			sb_printf(&sb, "%s%s", sb.len == 0 ? "" : ", ",
			    names[i].name);
	http_add_field(r, "Allow", "%s", sb.ptr);
	sb_fini(&sb);
}

static int
find_route(struct http_req *r)
{
	const struct http_server *s = r->server;
	unsigned allowed = 0;
	size_t i;

	for (i = 0; i < s->nroutes; i++) {
		if (!path_fits(s->routes[i].path, r->head.path))
			continue;
		if (method_fits(s->routes[i].methods, r->head.method)) {
			r->route = &s->routes[i];
			return (0);
		}
		allowed |= s->routes[i].methods;
	}
	if (allowed == 0)
		return (404);
	add_allow(r, allowed);
	return (405);
}

/* The host of a Host field, without port and brackets, in buf. */
static bool
host_part(const char *host, char *buf, size_t size)
{
	const char *end;

	if (*host == '[') {
		end = strchr(++host, ']');
		if (end == NULL)
			return (false);
	} else {
		end = host + strcspn(host, ":");
	}
	if ((size_t)(end - host) >= size)
		return (false);
	memcpy(buf, host, (size_t)(end - host));
	buf[end - host] = '\0';
	return (true);
}

static bool
host_fits(const struct http_req *r)
{
	const char *const *h = r->server->o.hosts;
	uint8_t addr[16];
	char host[256];

	if (h == NULL)
		return (true);
	if (r->head.host == NULL ||
	    !host_part(r->head.host, host, sizeof host))
		return (false);
	if (inet_pton(AF_INET, host, addr) == 1 ||
	    inet_pton(AF_INET6, host, addr) == 1 ||
	    strcasecmp(host, "localhost") == 0)
		return (true);
	for (; *h != NULL; h++)
		if (strcasecmp(*h, host) == 0)
			return (true);
	return (false);
}

static int
check_request(struct http_req *r)
{
	if (!host_fits(r))
		return (421);
	if (r->head.coding != HTTP_IDENTITY && !inflate_available())
		return (415);
	if (r->head.length > 0 &&
	    (uint64_t)r->head.length > r->server->o.max_body)
		return (413);
	return (find_route(r));
}

static bool
has_request_body(const struct http_req *r)
{
	return (r->head.chunked || r->head.length > 0);
}

/* A wrong path or method does not cost the connection, but for a body that
 * would have to be read. */
static void
not_found(struct http_conn *hc, int status)
{
	set_phase(hc, HTTP_HANDLING, 0);
	http_respond_error(hc->req, status, 0, "%s",
	    http_status_text(status));
}

static void
read_head(struct http_conn *hc)
{
	const struct http_opts *o = &hc->server->o;
	struct slice in = conn_in(hc->c);
	struct http_req *r;
	int status = 400;
	ssize_t n;

	/* RFC 9112 section 2.2: an empty line before a request is ignored. */
	if (hc->scanned == 0 && in.len >= 2 && in.p[0] == '\r' &&
	    in.p[1] == '\n') {
		conn_consume(hc->c, 2);
		conn_want(hc->c, 1);
		return;
	}
	if (hc->phase == HTTP_WAITING)
		set_phase(hc, HTTP_HEADING, o->header_ms);
	n = http_head_find(in, &hc->scanned, o->max_header, &status);
	if (n == 0) {
		conn_want(hc->c, in.len + 1);
		return;
	}
	if (n == -1) {
		refuse(hc, status);
		return;
	}
	r = req_new(hc);
	status = http_head_parse(&r->head,
	    slice_of(in.p, (size_t)n), o->max_fields);
	conn_consume(hc->c, (size_t)n);
	if (status == 0)
		status = check_request(r);
	if (status == 0)
		start_body(hc);
	else if ((status == 404 || status == 405) && !has_request_body(r))
		not_found(hc, status);
	else
		refuse(hc, status);
}

/* Callbacks. */

static void
on_data(struct conn *c, void *ctx)
{
	struct http_conn *hc = ctx;
	size_t len = conn_in(c).len;

	switch (hc->phase) {
	case HTTP_WAITING:
	case HTTP_HEADING:
		read_head(hc);
		break;
	case HTTP_READING:
		if (hc->req->head.chunked)
			read_chunked(hc);
		else
			read_counted(hc);
		break;
	default:
		/* The next request waits, up to a bound. */
		if (len >= hc->server->o.max_header)
			conn_pause(c);
		else
			conn_want(c, len + 1);
		break;
	}
}

static void
on_eof(struct conn *c, void *ctx)
{
	struct http_conn *hc = ctx;

	(void)c;
	hc->eof = true;
	switch (hc->phase) {
	case HTTP_WAITING:
	case HTTP_HEADING:
	case HTTP_READING:
		hc_free(hc);
		break;
	default:
		/* It may have closed one direction only: answer. */
		break;
	}
}

static void
on_drained(struct conn *c, void *ctx)
{
	struct http_conn *hc = ctx;

	(void)c;
	if (hc->phase == HTTP_ANSWERING)
		wait_for_request(hc);
}

static void
on_closed(struct conn *c, void *ctx, const struct err *err)
{
	(void)c;
	(void)err;
	hc_free(ctx);
}

static const struct conn_ops conn_ops = {
	.data = on_data, .eof = on_eof, .drained = on_drained,
	.closed = on_closed
};

/* How long a phase in which n bytes moved may have lasted. */
static int64_t
allowed_ms(const struct http_opts *o, size_t n)
{
	return (o->body_ms + (int64_t)(n / o->body_rate) * 1000);
}

static void
on_timer(struct loop_timer *t)
{
	struct http_conn *hc = container_of(t, struct http_conn, timer);
	const struct http_opts *o = &hc->server->o;
	int64_t age = (loop_now_ns(hc->server->loop) - hc->since) / 1000000;
	int64_t left = 0;

	if (hc->phase == HTTP_READING) {
		if (!hc->req->head.chunked)
			hc->req->received = conn_in(hc->c).len;
		left = allowed_ms(o, hc->req->received) - age;
	} else if (hc->phase >= HTTP_ANSWERING) {
		left = allowed_ms(o, hc->out - conn_pending_out(hc->c)) - age;
	}
	if (left > 0)
		timer_arm(t, left);
	else if (hc->phase == HTTP_HEADING || hc->phase == HTTP_READING)
		refuse(hc, 408);
	else
		hc_free(hc);
}

static void
on_accept(struct loop *l, int fd, void *ctx)
{
	struct http_server *s = ctx;
	struct http_conn *hc = xcalloc(1, sizeof *hc);

	hc->server = s;
	hc->next = s->conns;
	if (s->conns != NULL)
		s->conns->prev = hc;
	s->conns = hc;
	timer_init(&hc->timer, l, on_timer);
	hc->c = conn_new(l, fd, &conn_ops, hc);
	conn_set_marks(hc->c, 0, 0);
	conn_idle(hc->c, s->o.idle_ms);
	/* Who has never asked anything gets less patience. */
	set_phase(hc, HTTP_WAITING, s->o.header_ms);
}

/* Servers. */

#define DEFAULT(field, value)	((field) = (field) == 0 ? (value) : (field))

static void
fill_in(struct http_opts *o)
{
	DEFAULT(o->listen.max_conns, 512);
	DEFAULT(o->max_header, 16384);
	DEFAULT(o->max_fields, 100);
	DEFAULT(o->max_body, 16 << 20);
	DEFAULT(o->max_held, 256 << 20);
	if (o->max_held < 2 * o->max_body)
		o->max_held = 2 * o->max_body;
	DEFAULT(o->header_ms, 10000);
	DEFAULT(o->body_ms, 30000);
	DEFAULT(o->body_rate, 65536);
	DEFAULT(o->idle_ms, 60000);
	DEFAULT(o->max_requests, 10000);
}

struct http_server *
http_server_new(struct loop *l, const struct http_opts *o,
    const struct http_route *routes, size_t n, void *ctx, struct err *e)
{
	struct http_server *s = xcalloc(1, sizeof *s);

	s->loop = l;
	s->o = *o;
	s->routes = routes;
	s->nroutes = n;
	s->ctx = ctx;
	s->refs = 1;
	fill_in(&s->o);
	s->listener = o->unix_path != NULL ?
	    listener_unix(l, o->unix_path, 0600, &s->o.listen, on_accept, s,
	    e) : listener_tcp(l, &s->o.listen, on_accept, s, e);
	if (s->listener == NULL) {
		free(s);
		return (NULL);
	}
	return (s);
}

void
http_server_free(struct http_server *s)
{
	if (s == NULL)
		return;
	loop_assert(s->loop);
	while (s->conns != NULL)
		hc_free(s->conns);
	listener_free(s->listener);
	s->listener = NULL;
	server_unref(s);
}

uint16_t
http_server_port(const struct http_server *s)
{
	return (listener_port(s->listener));
}

const char *
http_server_name(const struct http_server *s)
{
	return (listener_name(s->listener));
}

unsigned
http_server_conns(const struct http_server *s)
{
	return (listener_conns(s->listener));
}
