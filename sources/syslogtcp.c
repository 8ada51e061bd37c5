/*
 * syslogtcp and multiport_syslogtcp.
 *
 * What a read brings is framed in place; the messages' part of the buffer is
 * taken out of the connection, mostly without a copy, and becomes one batch
 * (or several of batchSize).  While a batch waits for room no connection is
 * read: TCP tells the peers.
 *
 * A message that has no end when its connection ends is kept, marked
 * Incomplete.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/mem.h"
#include "loop/conn.h"
#include "loop/listen.h"
#include "sources/sources.h"
#include "sources/syslog.h"
#include "sources/syslog_frame.h"

#define EVENT_SIZE_MIN	10	/* Flume's */

struct port {
	struct syslog		*y;
	struct listener		*listener;
	struct syslog_origin	 origin;
	char			 number[8];
	struct port		*next;
};

struct peer {
	struct port		*port;
	struct conn		*c;
	struct syslog_framer	 framer;
	char			*name;		/* for clientHostnameHeader */
	bool			 unnamed;	/* not read until it has one */
	struct peer		*prev, *next;
};

/* A frame of the read being looked at. */
struct found {
	size_t			 at, len;
	bool			 cut, counted;
};

struct tcp {
	struct port		*ports;
	struct peer		*peers;
	struct found		*frames;
	size_t			 n, cap;
};

static struct tcp *
tcp_of(const struct peer *p)
{
	return (p->port->y->own);
}

/* --- from bytes to batches --- */

/* Finds the frames in the input.  -> bytes they use up, up to batchSize of
 * them. */
static size_t
find_frames(struct peer *p, struct slice in, bool last)
{
	struct tcp *t = tcp_of(p);
	size_t limit = (size_t)p->port->y->batch_size, used = 0, n;
	struct syslog_frame f;

	t->n = 0;
	while (t->n < limit && (n = syslog_frame(&p->framer,
	    slice_of(in.p + used, in.len - used), last, &f)) > 0) {
		used += n;
		if (f.text.p == NULL)
			continue;
		GROW(t->frames, t->n, t->cap);
		t->frames[t->n++] = (struct found){ (size_t)(f.text.p - in.p),
		    f.text.len, f.cut, f.counted };
	}
	return (used);
}

static void
set_common(const struct peer *p, struct batch *b)
{
	const struct syslog *y = p->port->y;

	if (y->ip_header != NULL)
		batch_set(b, NULL, slice_str(y->ip_header),
		    slice_str(conn_peer_host(p->c)), true);
	if (y->name_header != NULL)
		batch_set(b, NULL, slice_str(y->name_header),
		    slice_str(p->name != NULL ? p->name :
		    conn_peer_host(p->c)), true);
	if (y->port_header != NULL)
		batch_set(b, NULL, slice_str(y->port_header),
		    slice_str(p->port->number), true);
}

/* Of the frames that were found; their bytes are in buf now. */
static struct batch *
make_batch(struct peer *p, struct buf *buf)
{
	struct syslog *y = p->port->y;
	struct tcp *t = y->own;
	struct batch *b = syslog_batch(y, buf);
	struct found *f;
	size_t i;

	batch_reserve(b, (uint32_t)t->n);
	set_common(p, b);
	for (i = 0; i < t->n; i++) {
		f = &t->frames[i];
		syslog_add(y, b, &p->port->origin,
		    slice_of(buf->data + f->at, f->len), f->cut);
		metric_add(&y->counted, f->counted);
	}
	return (b);
}

/* -> bytes used up. */
static size_t
read_input(struct peer *p, bool last)
{
	size_t used = find_frames(p, conn_in(p->c), last);
	struct buf *buf;

	if (tcp_of(p)->n == 0) {
		conn_consume(p->c, used);
		return (used);
	}
	buf = conn_take(p->c, used);
	outbox_put(&p->port->y->out, make_batch(p, buf));
	buf_unref(buf);
	return (used);
}

/* --- connections --- */

static void
peer_free(struct peer *p)
{
	struct tcp *t = tcp_of(p);

	if (p->prev != NULL)
		p->prev->next = p->next;
	else
		t->peers = p->next;
	if (p->next != NULL)
		p->next->prev = p->prev;
	conn_free(p->c);
	listener_leave(p->port->listener);
	metric_add(&p->port->y->conns, -1);
	free(p->name);
	free(p);
}

/* The rest, whole or not. */
static void
finish_peer(struct peer *p)
{
	while (read_input(p, true) > 0)
		;
	peer_free(p);
}

static void
on_data(struct conn *c, void *ctx)
{
	struct peer *p = ctx;
	size_t used = read_input(p, false);

	if (outbox_waits(&p->port->y->out))
		conn_pause(c);
	/* Not called again for the same bytes. */
	if (used == 0)
		conn_want(c, conn_in(c).len + 1);
	else
		conn_want(c, 1);
}

static void
on_eof(struct conn *c, void *ctx)
{
	(void)c;
	finish_peer(ctx);
}

static void
on_closed(struct conn *c, void *ctx, const struct err *err)
{
	struct peer *p = ctx;

	(void)c;
	if (err != NULL && err->code == ERR_TIMEOUT)
		metric_add(&p->port->y->idle_closed, 1);
	finish_peer(p);
}

static const struct conn_ops conn_ops = {
	.data = on_data, .eof = on_eof, .closed = on_closed
};

/* Reads when there is room and the peer's name is known. */
static void
may_read(struct peer *p)
{
	struct syslog *y = p->port->y;
	const char *name;

	if (p->unnamed &&
	    (name = reverse_name(y->names, conn_peer_host(p->c))) != NULL) {
		p->name = xstrdup(name);
		p->unnamed = false;
	}
	if (p->unnamed || outbox_waits(&y->out))
		conn_pause(p->c);
	else
		conn_resume(p->c);
}

static void
on_accept(struct loop *l, int fd, void *ctx)
{
	struct port *port = ctx;
	struct syslog *y = port->y;
	struct tcp *t = y->own;
	struct peer *p = xcalloc(1, sizeof *p);

	p->port = port;
	p->framer.max = (size_t)(y->event_size < EVENT_SIZE_MIN ?
	    EVENT_SIZE_MIN : y->event_size);
	p->next = t->peers;
	if (p->next != NULL)
		p->next->prev = p;
	t->peers = p;
	p->c = conn_new(l, fd, &conn_ops, p);
	conn_idle(p->c, y->idle_ms);
	p->unnamed = y->names != NULL;
	may_read(p);
	metric_add(&y->accepted, 1);
	metric_add(&y->conns, 1);
}

/* There is room, or names are known. */
static void
look_at_all(void *ctx)
{
	struct syslog *y = ctx;
	struct tcp *t = y->own;
	struct peer *p;

	for (p = t == NULL ? NULL : t->peers; p != NULL; p = p->next)
		may_read(p);
}

static void
pause_all(struct source *s)
{
	struct tcp *t = syslog_of(s)->own;
	struct peer *p;

	syslog_pause(s);
	for (p = t == NULL ? NULL : t->peers; p != NULL; p = p->next)
		conn_pause(p->c);
}

/* --- ports --- */

static struct port *
port_open(struct syslog *y, uint16_t number, struct err *e)
{
	struct tcp *t = y->own;
	struct port *p = xcalloc(1, sizeof *p);
	struct listen_opts o = { .what = y->source.who, .host = y->host,
	    .port = number, .max_conns = (unsigned)y->max_conns };

	p->y = y;
	p->listener = listener_tcp(y->source.loop, &o, on_accept, p, e);
	if (p->listener == NULL) {
		free(p);
		return (NULL);
	}
	snprintf(p->number, sizeof p->number, "%u",
	    listener_port(p->listener));
	p->next = t->ports;
	t->ports = p;
	log_info(y->source.who, "listening on %s",
	    listener_name(p->listener));
	return (p);
}

static void
close_all(struct syslog *y)
{
	struct tcp *t = y->own;
	struct port *p, *next;

	if (t == NULL)
		return;
	while (t->peers != NULL)
		finish_peer(t->peers);
	for (p = t->ports; p != NULL; p = next) {
		next = p->next;
		listener_free(p->listener);
		free(p);
	}
	free(t->frames);
	free(t);
	y->own = NULL;
}

static void
where(struct source *s, where_fn *fn, void *ctx)
{
	struct syslog *y = syslog_of(s);
	struct tcp *t = y->own;
	struct where_row row = { .size = -1, .read = -1, .stored = -1,
	    .delivered = -1, .oldest_ms = -1 };
	struct port *p;

	row.state = outbox_waits(&y->out) ? "waiting for room" : "listening";
	for (p = t == NULL ? NULL : t->ports; p != NULL; p = p->next) {
		row.name = listener_name(p->listener);
		fn(ctx, &row);
	}
}

/* --- syslogtcp --- */

static int
tcp_start(struct source *s, const struct cursor *from, struct err *e)
{
	struct syslog *y = syslog_of(s);

	(void)from;
	y->own = xcalloc(1, sizeof(struct tcp));
	if (syslog_begin(y, SYSLOG_PLAIN, look_at_all, look_at_all, e) == -1 ||
	    port_open(y, (uint16_t)y->port, e) == NULL)
		return (-1);
	return (0);
}

static void
tcp_stop(struct source *s, struct completion *done)
{
	syslog_stop(syslog_of(s), close_all, done);
}

static void
tcp_free(struct source *s)
{
	close_all(syslog_of(s));
	syslog_end(syslog_of(s));
}

static const struct setting tcp_settings[] = {
	SYSLOG_HOST,
	SETTING_INT(struct syslog, port, "port", .min = "0", .max = "65535",
	    .flags = SETTING_REQUIRED,
	    .doc = "Port to listen on; 0 takes one that is free."),
	SYSLOG_SETTINGS,
	SYSLOG_TCP_SETTINGS,
	SETTING_END
};

static const struct metric tcp_metrics[] = {
	SYSLOG_METRICS,
	SYSLOG_TCP_METRICS,
	METRIC_END
};

static const char *const tcp_aliases[] = {
	"org.apache.flume.source.SyslogTcpSource", NULL
};

const struct source_ops source_syslogtcp = {
	.plugin = {
		.name = "syslogtcp",
		.aliases = tcp_aliases,
		.doc = "Receives syslog messages over TCP, ended by newlines "
		    "or counted.",
		.size = sizeof(struct syslog),
		.settings = tcp_settings,
		.metrics = tcp_metrics
	},
	.check = syslog_check,
	.start = tcp_start,
	.pause = pause_all,
	.resume = syslog_resume,
	.stop = tcp_stop,
	.free = tcp_free,
	.where = where
};

/* --- multiport_syslogtcp --- */

static int
parse_port(const char *word, uint16_t *out, struct err *e)
{
	int64_t v;

	if (!str_int64(word, &v) || v < 0 || v > 65535)
		return (err_set(e, ERR_CONFIG, "ports: '%s' is no port; give "
		    "numbers from 0 to 65535 with blanks between them", word));
	*out = (uint16_t)v;
	return (0);
}

/* The charset of a port, which says what bytes must be.  Others than these
 * are taken as they come. */
static struct syslog_origin
origin_of(const struct syslog *y, const char *port)
{
	const char *name = y->charset;
	const struct conf *c = y->port_charsets == NULL ? NULL :
	    conf_find(y->port_charsets, port);

	if (c != NULL && c->value != NULL)
		name = c->value;
	return ((struct syslog_origin){
	    .utf8 = strcasecmp(name, "UTF-8") == 0 ||
		strcasecmp(name, "UTF8") == 0,
	    .ascii = strcasecmp(name, "US-ASCII") == 0 ||
		strcasecmp(name, "ASCII") == 0 });
}

static int
check_charset(const char *key, const char *name, struct err *e)
{
	iconv_t cd;

	if (strncasecmp(name, "UTF-16", 6) == 0 ||
	    strncasecmp(name, "UTF-32", 6) == 0)
		return (err_set(e, ERR_CONFIG, "%s = %s: a syslog header is "
		    "ASCII; give a charset that has it, such as UTF-8", key,
		    name));
	if ((cd = iconv_open("UTF-8", name)) == (iconv_t)-1)
		return (err_set(e, ERR_CONFIG, "%s = %s is no known charset; "
		    "give UTF-8, ISO-8859-1 or another one of iconv -l", key,
		    name));
	iconv_close(cd);
	return (0);
}

static int
check_port_charsets(const struct syslog *y, struct err *e)
{
	const struct conf *c = y->port_charsets;
	uint16_t port;

	for (c = c == NULL ? NULL : c->children; c != NULL; c = c->next) {
		if (parse_port(c->name, &port, e) == -1)
			return (err_ctx(e, "charset.port.%s", c->name));
		if (c->value != NULL &&
		    check_charset("charset.port.*", c->value, e) == -1)
			return (-1);
	}
	return (0);
}

static int
multiport_check(struct source *s, struct err *e)
{
	struct syslog *y = syslog_of(s);
	uint16_t port;
	size_t i;

	for (i = 0; i < y->ports.n; i++)
		if (parse_port(y->ports.v[i], &port, e) == -1)
			return (-1);
	if (check_charset("charset.default", y->charset, e) == -1 ||
	    check_port_charsets(y, e) == -1)
		return (-1);
	return (syslog_check(s, e));
}

static int
multiport_start(struct source *s, const struct cursor *from, struct err *e)
{
	struct syslog *y = syslog_of(s);
	uint16_t number = 0;
	struct port *p;
	size_t i;

	(void)from;
	y->own = xcalloc(1, sizeof(struct tcp));
	if (syslog_begin(y, SYSLOG_MULTIPORT, look_at_all, look_at_all,
	    e) == -1)
		return (-1);
	for (i = 0; i < y->ports.n; i++) {
		if (parse_port(y->ports.v[i], &number, e) == -1 ||
		    (p = port_open(y, number, e)) == NULL)
			return (-1);
		p->origin = origin_of(y, p->number);
	}
	return (0);
}

static const struct setting multiport_settings[] = {
	SYSLOG_HOST,
	SETTING_LIST(struct syslog, ports, "ports", .min = "1",
	    .flags = SETTING_REQUIRED,
	    .doc = "Ports to listen on, with blanks between them; all of them "
	    "must be free."),
	SETTING_STR(struct syslog, port_header, "portHeader",
	    .doc = "Header that gets the port a message came to."),
	SETTING_STR(struct syslog, charset, "charset.default",
	    .def = "UTF-8", .doc = "Charset of the messages.  Their bytes are "
	    "kept as they are; with UTF-8 and US-ASCII a message that is not "
	    "well-formed gets the status Invalid."),
	SETTING_TREE(struct syslog, port_charsets, "charset.port",
	    .doc = "Charset of one port, as charset.port.N."),
	SETTING_NOOP("readBufferBytes", "a read takes what has arrived."),
	SETTING_NOOP("readBufferSize", "a read takes what has arrived."),
	SETTING_NOOP("numProcessors", "all connections of a source are served "
	    "by its loop."),
	SYSLOG_SETTINGS,
	SYSLOG_TCP_SETTINGS,
	SETTING_END
};

static const char *const multiport_aliases[] = {
	"org.apache.flume.source.MultiportSyslogTCPSource", NULL
};

const struct source_ops source_multiport_syslogtcp = {
	.plugin = {
		.name = "multiport_syslogtcp",
		.aliases = multiport_aliases,
		.doc = "Receives syslog messages over TCP on many ports.",
		.size = sizeof(struct syslog),
		.settings = multiport_settings,
		.metrics = tcp_metrics
	},
	.check = multiport_check,
	.start = multiport_start,
	.pause = pause_all,
	.resume = syslog_resume,
	.stop = tcp_stop,
	.free = tcp_free,
	.where = where
};
