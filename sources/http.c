/*
 * http: events by POST (or GET), answered 200 when every required channel
 * holds them.
 *
 * A request's body becomes a batch in place; the request waits with its batch
 * until `stored`.  There is no queue in here: what a channel has no room for
 * is answered 503 at once, and when too many requests wait already, 429.  Both
 * say Retry-After; a client that tries again loses nothing.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "loop/http.h"
#include "loop/http_head.h"
#include "sources/http_charset.h"
#include "sources/http_json.h"
#include "sources/sources.h"

#define RETRY_S		"1"
#define PARAMS_MAX	256	/* headers of a blob */

struct http {			/* its loop's */
	struct source		 source;	/* first */

	/* settings */
	char			*bind;
	int64_t			 port;
	char			*handler_name;
	struct setting_list	 mandatory;
	uint64_t		 max_blob;
	bool			 allow_insecure, ssl;
	int64_t			 max_conns, max_waiting, max_events;
	uint64_t		 max_body, max_held, max_header;
	int64_t			 header_ms, body_ms, idle_ms;

	/* metrics */
	metric_t		 requests, bad, busy, full, failed, waiting;

	const struct handler	*handler;
	struct http_server	*server;
	bool			 paused, stopping;
	struct completion	*stopped;
	struct loop_task	 end;
};

/* Makes a batch of a request, or says what is wrong with it. */
struct handler {
	const char *const	*names;
	struct batch		*(*read)(struct http *, struct http_req *,
				    struct err *);
};

/* A request that waits until it is stored. */
struct waiting {
	struct completion	 stored;
	struct http		*h;
	struct http_req		*req;
};

static struct http *
http_of(struct source *s)
{
	return (container_of(s, struct http, source));
}

/* --- answers --- */

static void
refuse(struct http_req *req, int status, const char *why)
{
	struct sb sb = SB_INIT;

	sb_puts(&sb, "{\"error\": ");
	sb_json(&sb, slice_str(why));
	sb_puts(&sb, "}\n");
	if (status == 429 || status == 503)
		http_add_field(req, "Retry-After", RETRY_S);
	http_respond(req, status, "application/json",
	    slice_of(sb.ptr, sb.len));
	sb_fini(&sb);
}

static void
refuse_bad(struct http *h, struct http_req *req, const struct err *e)
{
	metric_add(&h->bad, 1);
	refuse(req, e->code == ERR_TOO_LARGE ? 413 :
	    e->code == ERR_PROTO ? 400 : 500, e->msg);
}

static void
refuse_full(struct http *h, struct http_req *req, const char *why)
{
	metric_add(&h->full, 1);
	refuse(req, 503, why);
}

/* --- handlers --- */

static struct batch *
batch_for(struct http *h, struct buf *buf)
{
	struct batch *b = batch_new();

	if (buf != NULL)
		batch_hold(b, buf);
	b->source = h->source.name;
	b->timestamp = clock_wall_ms();
	return (b);
}

/* The body as UTF-8 in a buffer that is ours alone. */
static struct buf *
utf8_body(struct http_req *req, enum http_charset c, struct err *e)
{
	struct buf *raw = http_take_body(req), *b;

	if (raw == NULL) {
		err_set(e, ERR_PROTO, "the request has no body; an array of "
		    "events is expected");
		return (NULL);
	}
	if (c == HTTP_UTF8)
		return (raw);
	b = http_charset_decode(c, slice_of(raw->data, raw->len), e);
	buf_unref(raw);
	return (b);
}

static struct batch *
json_read(struct http *h, struct http_req *req, struct err *e)
{
	enum http_charset c;
	struct batch *b;
	struct buf *buf;
	int rc;

	if (http_charset_of(http_field(req, "Content-Type"), &c, e) == -1)
		return (NULL);
	if ((buf = utf8_body(req, c, e)) == NULL)
		return (NULL);
	b = batch_for(h, buf);
	rc = http_json_read(b, buf->data, buf->len, (size_t)h->max_events, e);
	buf_unref(buf);
	if (rc == 0 && c != HTTP_UTF8)
		rc = http_charset_encode(c, b, e);
	if (rc == 0)
		return (b);
	batch_unref(b);
	return (NULL);
}

/* One parameter, "name=value" or "name", cut in place. */
static int
set_param(struct batch *b, struct record *r, char *param, struct err *e)
{
	char *value = strchr(param, '=');

	if (value != NULL)
		*value++ = '\0';
	if (!http_decode(param, true) ||
	    (value != NULL && !http_decode(value, true)))
		return (err_set(e, ERR_PROTO, "a parameter of the query is not "
		    "well-formed"));
	if (*param == '\0')
		return (0);
	if (r->nheaders == PARAMS_MAX)
		return (err_set(e, ERR_PROTO, "more than %d parameters",
		    PARAMS_MAX));
	batch_set(b, r, slice_str(param),
	    value == NULL ? slice_of("", 0) : slice_str(value), false);
	return (0);
}

static int
set_params(struct batch *b, struct record *r, const char *query,
    struct err *e)
{
	char *copy = xstrdup(query), *next = copy, *param;
	int rc = 0;

	while (rc == 0 && (param = strsep(&next, "&")) != NULL)
		rc = set_param(b, r, param, e);
	free(copy);
	return (rc);
}

static int
check_mandatory(const struct http *h, const struct batch *b,
    const struct record *r, struct err *e)
{
	const char *name;
	size_t i;

	for (i = 0; i < h->mandatory.n; i++) {
		name = h->mandatory.v[i];
		if (batch_get(b, r, slice_str(name)).p == NULL)
			return (err_set(e, ERR_PROTO, "the parameter %s is "
			    "missing", name));
	}
	return (0);
}

static struct batch *
blob_read(struct http *h, struct http_req *req, struct err *e)
{
	struct buf *buf = http_take_body(req);
	struct batch *b = batch_for(h, buf);
	struct record *r;
	size_t len = buf == NULL ? 0 : buf->len;

	r = batch_add(b, buf == NULL ? slice_of("", 0) :
	    slice_of(buf->data, len));
	buf_unref(buf);
	if (len > h->max_blob) {
		err_set(e, ERR_TOO_LARGE, "the body has %zu bytes, "
		    "handler.maxBlobLength allows %llu", len,
		    (unsigned long long)h->max_blob);
		goto err0;
	}
	if (set_params(b, r, http_query(req), e) == -1 ||
	    check_mandatory(h, b, r, e) == -1)
		goto err0;
	return (b);
err0:	batch_unref(b);
	return (NULL);
}

static const char *const json_names[] = {
	"org.apache.flume.source.http.JSONHandler", "json", NULL
};
static const char *const blob_names[] = {
	"org.apache.flume.source.http.BLOBHandler",
	"org.apache.flume.sink.solr.morphline.BlobHandler", "blob", NULL
};
static const struct handler handlers[] = {
	{ json_names, json_read },
	{ blob_names, blob_read },
};

static const struct handler *
handler_find(const char *name)
{
	size_t i, k;

	for (i = 0; i < NELEM(handlers); i++)
		for (k = 0; handlers[i].names[k] != NULL; k++)
			if (strcasecmp(handlers[i].names[k], name) == 0)
				return (&handlers[i]);
	return (NULL);
}

/* --- requests --- */

/* The last answer is on its way into the socket before the server goes. */
static void
end_now(struct loop_task *t)
{
	struct http *h = container_of(t, struct http, end);

	http_server_free(h->server);
	h->server = NULL;
	completion_done(h->stopped, NULL);
}

static void
stop_if_done(struct http *h)
{
	if (h->stopped != NULL && metric_get(&h->waiting) == 0 &&
	    !h->end.queued)
		loop_post(h->source.loop, &h->end);
}

static void
stored(struct completion *c, const struct err *e)
{
	struct waiting *w = container_of(c, struct waiting, stored);
	struct http *h = w->h;

	metric_add(&h->waiting, -1);
	if (e == NULL) {
		http_respond(w->req, 200, NULL, slice_of("", 0));
	} else {
		metric_add(&h->failed, 1);
		log_warn(h->source.who, "a request was taken and could not be "
		    "stored: %s", e->msg);
		refuse(w->req, 503, e->msg);
	}
	free(w);
	stop_if_done(h);
}

static void
not_taken(struct http *h, struct http_req *req, const struct err *e)
{
	if (e->code == ERR_FULL) {
		refuse_full(h, req, "the channel is full");
	} else if (e->code == ERR_TOO_LARGE) {
		metric_add(&h->bad, 1);
		refuse(req, 413, e->msg);
	} else {
		metric_add(&h->failed, 1);
		log_warn(h->source.who, "a request was not taken: %s", e->msg);
		refuse(req, 503, e->msg);
	}
}

static void
emit(struct http *h, struct http_req *req, struct batch *b)
{
	struct waiting *w = xcalloc(1, sizeof *w);
	struct err e = ERR_INIT;

	w->h = h;
	w->req = req;
	completion_init(&w->stored, h->source.loop, stored);
	metric_add(&h->waiting, 1);
	if (source_emit(&h->source, b, &w->stored, &e) == 0)
		return;
	metric_add(&h->waiting, -1);
	batch_unref(b);
	free(w);
	not_taken(h, req, &e);
}

static void
on_events(struct http_req *req, void *ctx)
{
	struct http *h = ctx;
	struct err e = ERR_INIT;
	struct batch *b;

	metric_add(&h->requests, 1);
	if (h->stopping || h->paused) {
		refuse_full(h, req, h->stopping ? "the source stops" :
		    "the channel is full");
		return;
	}
	if (metric_get(&h->waiting) >= h->max_waiting) {
		metric_add(&h->busy, 1);
		refuse(req, 429, "too many requests wait for the channel");
		return;
	}
	if ((b = h->handler->read(h, req, &e)) == NULL) {
		refuse_bad(h, req, &e);
	} else if (b->n == 0) {
		batch_unref(b);
		http_respond(req, 200, NULL, slice_of("", 0));
	} else {
		emit(h, req, b);
	}
}

static void
on_forbidden(struct http_req *req, void *ctx)
{
	struct http *h = ctx;

	metric_add(&h->requests, 1);
	metric_add(&h->bad, 1);
	refuse(req, 403, "this method is not allowed here; send events by "
	    "POST");
}

static const struct http_route routes[] = {
	{ HTTP_GET | HTTP_POST, "*", on_events },
	{ HTTP_OPTIONS | HTTP_TRACE, "*", on_forbidden },
};

/* --- life --- */

static int
check_limits(const struct http *h, struct err *e)
{
	char a[32], b[32];

	if (h->max_held < 2 * h->max_body)
		return (err_set(e, ERR_CONFIG, "maxHeld = %s does not hold two "
		    "bodies of maxBody = %s; raise the one or lower the other",
		    str_print_size(a, sizeof a, h->max_held),
		    str_print_size(b, sizeof b, h->max_body)));
	return (0);
}

static int
check(struct source *s, struct err *e)
{
	struct http *h = http_of(s);

	if (h->ssl)
		return (err_set(e, ERR_CONFIG, "ssl = true: this version has "
		    "no TLS on listeners; put a TLS proxy in front, and "
		    "listen on loopback"));
	if (handler_find(h->handler_name) == NULL)
		return (err_set(e, ERR_CONFIG, "handler = %s is not in this "
		    "program, which runs no Java classes; it has %s and %s",
		    h->handler_name, json_names[0], blob_names[0]));
	if (!h->allow_insecure && !listen_is_loopback(h->bind))
		return (err_set(e, ERR_CONFIG, "bind = %s is not loopback, and "
		    "whoever reaches it can write records; give bind = "
		    "127.0.0.1, or add %s.sources.%s.allow.insecure = true",
		    h->bind, s->env->agent, s->name));
	return (check_limits(h, e));
}

static int
start(struct source *s, const struct cursor *from, struct err *e)
{
	struct http *h = http_of(s);
	struct http_opts o = {
		.listen = { .what = s->who, .host = h->bind,
		    .port = (uint16_t)h->port,
		    .max_conns = (unsigned)h->max_conns },
		.max_header = h->max_header, .max_body = h->max_body,
		.max_held = h->max_held, .header_ms = h->header_ms,
		.body_ms = h->body_ms, .idle_ms = h->idle_ms
	};
	char a[32], b[32];

	(void)from;
	h->handler = handler_find(h->handler_name);
	h->end.fn = end_now;
	h->server = http_server_new(s->loop, &o, routes, NELEM(routes), h, e);
	if (h->server == NULL)
		return (-1);
	log_info(s->who, "listening on %s (http); bodies up to %s, all "
	    "together up to %s", http_server_name(h->server),
	    str_print_size(a, sizeof a, h->max_body),
	    str_print_size(b, sizeof b, h->max_held));
	return (0);
}

static void
pause_requests(struct source *s)
{
	http_of(s)->paused = true;
}

static void
resume(struct source *s)
{
	http_of(s)->paused = false;
}

static void
stop(struct source *s, struct completion *done)
{
	struct http *h = http_of(s);

	h->stopping = true;
	h->stopped = done;
	if (h->server == NULL)
		completion_done(done, NULL);
	else
		stop_if_done(h);
}

static void
free_source(struct source *s)
{
	http_server_free(http_of(s)->server);
	http_of(s)->server = NULL;
}

static void
where(struct source *s, where_fn *fn, void *ctx)
{
	struct http *h = http_of(s);
	struct where_row row = { .size = -1, .read = -1, .stored = -1,
	    .delivered = -1, .oldest_ms = -1 };

	if (h->server == NULL)
		return;
	row.name = http_server_name(h->server);
	row.state = h->paused ? "waiting for room" : "listening";
	fn(ctx, &row);
}

/* --- tables --- */

#define JETTY	"there is no Jetty here; see maxConnections, maxBody and the " \
		"timeouts."
#define NO_TLS	"this version has no TLS on listeners."

static const struct setting settings[] = {
	SETTING_STR(struct http, bind, "bind", .def = "0.0.0.0",
	    .doc = "Name or address to listen on; 0.0.0.0, as in Flume, is "
	    "every one, and needs allow.insecure."),
	SETTING_INT(struct http, port, "port", .min = "0", .max = "65535",
	    .flags = SETTING_REQUIRED,
	    .doc = "Port to listen on; 0 takes one that is free."),
	SETTING_STR(struct http, handler_name, "handler",
	    .def = "org.apache.flume.source.http.JSONHandler",
	    .doc = "What a body is: JSONHandler (json), an array of "
	    "{headers, body}; or BLOBHandler (blob), one record with the "
	    "query's parameters as headers."),
	SETTING_LIST(struct http, mandatory, "handler.mandatoryParameters",
	    .doc = "BLOBHandler: parameters a request must have."),
	SETTING_SIZE(struct http, max_blob, "handler.maxBlobLength",
	    .def = "100000000", .min = "1",
	    .doc = "BlobHandler: longest body; maxBody bounds it too."),
	SETTING_BOOL(struct http, allow_insecure, "allow.insecure",
	    .def = "false", .doc = "Allows a bind address that is not "
	    "loopback: there is neither encryption nor authentication."),
	SETTING_INT(struct http, max_conns, "maxConnections", .def = "512",
	    .min = "1", .max = "1000000",
	    .doc = "Connections at once; more wait until one ends."),
	SETTING_INT(struct http, max_waiting, "maxWaiting", .def = "256",
	    .min = "1", .max = "1000000",
	    .doc = "Requests that may wait for the channel to store them; "
	    "more are answered 429."),
	SETTING_INT(struct http, max_events, "maxEvents", .def = "1000000",
	    .min = "1", .max = "100000000",
	    .doc = "Events in one request; more are answered 413."),
	SETTING_SIZE(struct http, max_body, "maxBody", .def = "16m",
	    .min = "1k", .max = "1g",
	    .doc = "Longest body of a request, also after inflation; longer "
	    "ones are answered 413."),
	SETTING_SIZE(struct http, max_held, "maxHeld", .def = "256m",
	    .min = "2k",
	    .doc = "Bodies of all connections together, at least twice "
	    "maxBody; beyond it requests are answered 503."),
	SETTING_SIZE(struct http, max_header, "maxHeader", .def = "16k",
	    .min = "1k", .max = "1m", .doc = "Longest head of a request."),
	SETTING_DURATION(struct http, header_ms, "headerTimeout",
	    .def = "10s", .min = "1",
	    .doc = "How long the head of a request may take."),
	SETTING_DURATION(struct http, body_ms, "bodyTimeout", .def = "30s",
	    .min = "1", .doc = "How long a body may take, and a second more "
	    "for each 64 KiB of it."),
	SETTING_DURATION(struct http, idle_ms, "idleTimeout", .def = "60s",
	    .min = "1", .doc = "Closes a connection that was silent for so "
	    "long."),
	SETTING_BOOL(struct http, ssl, "ssl", .def = "false",
	    .aliases = (const char *const[]){ "enableSSL", NULL },
	    .doc = "TLS; refused, this version has none."),
	SETTING_NOOP("keystore", NO_TLS),
	SETTING_NOOP("keystore-password", NO_TLS),
	SETTING_NOOP("keystorePassword", NO_TLS),
	SETTING_NOOP("keystore-type", NO_TLS),
	SETTING_NOOP("include-protocols", NO_TLS),
	SETTING_NOOP("exclude-protocols", NO_TLS),
	SETTING_NOOP("excludeProtocols", NO_TLS),
	SETTING_NOOP("include-cipher-suites", NO_TLS),
	SETTING_NOOP("exclude-cipher-suites", NO_TLS),
	SETTING_NOOP("QueuedThreadPool", JETTY),
	SETTING_NOOP("HttpConfiguration", JETTY),
	SETTING_NOOP("ServerConnector", JETTY),
	SETTING_NOOP("SslContextFactory", JETTY),
	SETTING_END
};

static const struct metric metrics[] = {
	METRIC_COUNTER(struct http, requests, "requests_total",
	    "Requests that reached the source."),
	METRIC_COUNTER(struct http, bad, "bad_requests_total",
	    "Requests answered 400, 403, 413 or 500."),
	METRIC_COUNTER(struct http, busy, "busy_requests_total",
	    "Requests answered 429: too many waited."),
	METRIC_COUNTER(struct http, full, "refused_requests_total",
	    "Requests answered 503: the channel was full, or the source "
	    "stopped."),
	METRIC_COUNTER(struct http, failed, "failed_requests_total",
	    "Requests answered 503: they could not be stored."),
	METRIC_GAUGE(struct http, waiting, "waiting_requests",
	    "Requests that wait for the channel now."),
	METRIC_END
};

static const char *const aliases[] = {
	"org.apache.flume.source.http.HTTPSource", NULL
};

const struct source_ops source_http = {
	.plugin = {
		.name = "http",
		.aliases = aliases,
		.doc = "Receives events over HTTP, as JSON or as one body "
		    "each.",
		.size = sizeof(struct http),
		.settings = settings,
		.metrics = metrics
	},
	.check = check,
	.start = start,
	.pause = pause_requests,
	.resume = resume,
	.stop = stop,
	.free = free_source,
	.where = where
};
