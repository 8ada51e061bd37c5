/*
 * Two small servers on the main loop.  The unix socket needs no protocol: who
 * connects gets the JSON and the end of the stream.
 */
#include "agent/monitor.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "loop/conn.h"
#include "loop/http.h"
#include "loop/listen.h"

#define SOCKET_CLIENTS_MAX	16

struct monitor {
	/* owner: the main loop */
	const struct monitor_ops	*ops;
	void				*ctx;
	struct http_server		*http;
	struct listener			*socket;
};

const struct setting monitor_settings[] = {
	SETTING_STR(struct monitor_settings, bind, "bind",
	    .def = "127.0.0.1", .doc = "Address that /metrics, /health and "
	    "/ready are served on."),
	SETTING_INT(struct monitor_settings, port, "port", .def = "0",
	    .min = "0", .max = "65535", .doc = "Port of /metrics, /health "
	    "and /ready; 0 for none. Flume's usual one is 41414."),
	SETTING_BOOL(struct monitor_settings, allow_insecure,
	    "allow.insecure", .def = "false", .doc = "Allows a bind address "
	    "other than loopback; there is no authentication."),
	SETTING_END
};

int
monitor_check(const struct monitor_settings *s, struct err *e)
{
	if (s->port != 0 && !s->allow_insecure &&
	    !listen_is_loopback(s->bind))
		return (err_set(e, ERR_CONFIG, "bind = %s is open to the "
		    "network without authentication; bind to 127.0.0.1, or "
		    "set allow.insecure = true", s->bind));
	return (0);
}

/* --- HTTP --- */

static void
metrics(struct http_req *req, void *ctx)
{
	struct monitor *m = ctx;
	struct sb sb = SB_INIT;

	m->ops->metrics(m->ctx, &sb);
	http_respond(req, 200, "text/plain; version=0.0.4; charset=utf-8",
	    slice_of(sb.ptr, sb.len));
	sb_fini(&sb);
}

static void
health(struct http_req *req, void *ctx)
{
	(void)ctx;
	http_respond(req, 200, "text/plain", SLICE("ok\n"));
}

static void
ready(struct http_req *req, void *ctx)
{
	struct monitor *m = ctx;
	const char *why = m->ops->ready(m->ctx);

	if (why == NULL)
		http_respond(req, 200, "text/plain", SLICE("ready\n"));
	else
		http_respond_error(req, 503, 1, "%s", why);
}

static const struct http_route routes[] = {
	{ HTTP_GET, "/metrics", metrics },
	{ HTTP_GET, "/health", health },
	{ HTTP_GET, "/ready", ready },
};

/* --- the unix socket --- */

static void
socket_data(struct conn *c, void *ctx)
{
	(void)ctx;
	conn_consume(c, conn_in(c).len);
}

static void
socket_closed(struct conn *c, void *ctx, const struct err *e)
{
	struct monitor *m = ctx;

	(void)c;
	(void)e;
	listener_leave(m->socket);
}

static const struct conn_ops socket_ops = {
	.data = socket_data,
	.closed = socket_closed
};

static void
socket_accept(struct loop *loop, int fd, void *ctx)
{
	struct monitor *m = ctx;
	struct conn *c = conn_new(loop, fd, &socket_ops, m);
	json_t *where = m->ops->where(m->ctx);
	char *text = json_dumps(where, JSON_INDENT(1));

	conn_idle(c, 5000);
	if (text != NULL)
		conn_write(c, text, strlen(text));
	conn_finish(c);
	free(text);
	json_decref(where);
}

/* --- life --- */

int
monitor_start(struct monitor **out, struct loop *loop,
    const struct monitor_settings *s, const char *socket_path,
    const struct monitor_ops *ops, void *ctx, struct err *e)
{
	struct monitor *m = xcalloc(1, sizeof *m);
	struct listen_opts where = {
		.what = "leat where", .max_conns = SOCKET_CLIENTS_MAX
	};
	struct http_opts http = {
		.listen = { .what = "monitor", .host = s->bind,
		    .port = (uint16_t)s->port, .max_conns = 64 },
		.max_body = 1024
	};

	m->ops = ops;
	m->ctx = ctx;
	m->socket = listener_unix(loop, socket_path, 0600, &where,
	    socket_accept, m, e);
	if (m->socket == NULL)
		goto err0;
	if (s->port != 0) {
		m->http = http_server_new(loop, &http, routes, NELEM(routes),
		    m, e);
		if (m->http == NULL) {
			err_ctx(e, "monitor.port");
			goto err1;
		}
		log_info(NULL, "metrics at http://%s/metrics",
		    http_server_name(m->http));
	}
	*out = m;
	return (0);
err1:
	listener_free(m->socket);
err0:
	free(m);
	return (-1);
}

void
monitor_stop(struct monitor *m)
{
	if (m == NULL)
		return;
	http_server_free(m->http);
	listener_free(m->socket);
	free(m);
}
