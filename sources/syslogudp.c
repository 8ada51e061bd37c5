/*
 * syslogudp: one message per datagram (RFC 5426 section 3.1).
 *
 * The datagrams of one recvmmsg are copied into one buffer and become one
 * batch.  While it waits for room the socket is not read: its kernel buffer
 * takes what it can, and what it drops is counted exactly.
 *
 * A newline at the end is not part of the message; one inside is, where Flume
 * would lose what stands behind it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "loop/addr.h"
#include "loop/udp.h"
#include "sources/sources.h"
#include "sources/syslog.h"

#define DROPS_MS	1000	/* how often the kernel is asked */

struct udp {
	struct syslog		*y;
	struct udp_socket	*socket;
	struct loop_timer	 timer;
};

static void
count_drops(struct udp *u)
{
	int64_t now = (int64_t)udp_drops(u->socket);
	int64_t more = now - metric_get(&u->y->kernel_drops);

	if (more <= 0)
		return;
	metric_set(&u->y->kernel_drops, now);
	log_warn(u->y->source.who, "the kernel dropped %lld datagrams for want "
	    "of room, %lld in all: they came faster than the channel took "
	    "them", (long long)more, (long long)now);
}

static void
on_timer(struct loop_timer *t)
{
	struct udp *u = container_of(t, struct udp, timer);

	count_drops(u);
	timer_arm(t, DROPS_MS);
}

static struct slice
message_of(const struct udp_datagram *d)
{
	struct slice s = d->data;

	if (s.len > 0 && s.p[s.len - 1] == '\n')
		s.len--;
	return (s);
}

static void
add_datagram(struct syslog *y, struct batch *b, const struct udp_datagram *d,
    struct slice message)
{
	static const struct syslog_origin any;
	struct record *r;
	char host[ADDR_TEXT];
	const char *name;

	r = syslog_add(y, b, &any, message, d->cut);
	if (y->ip_header == NULL && y->name_header == NULL)
		return;
	addr_text(host, sizeof host, d->peer, false);
	if (y->ip_header != NULL)
		batch_set(b, r, slice_str(y->ip_header), slice_str(host),
		    true);
	if (y->name_header != NULL) {
		name = reverse_name(y->names, host);
		batch_set(b, r, slice_str(y->name_header),
		    slice_str(name == NULL ? host : name), true);
	}
}

static void
on_datagrams(struct udp_socket *s, const struct udp_datagram *d, size_t n,
    void *ctx)
{
	struct udp *u = ctx;
	struct syslog *y = u->y;
	size_t i, bytes = 0;
	struct slice m;
	struct batch *b;
	struct buf *buf;

	for (i = 0; i < n; i++)
		bytes += message_of(&d[i]).len;
	buf = buf_new(bytes);
	b = syslog_batch(y, buf);
	for (i = 0; i < n; i++) {
		m = message_of(&d[i]);
		if (m.len == 0)
			continue;
		memcpy(buf->data + buf->len, m.p, m.len);
		m.p = buf->data + buf->len;
		buf->len += m.len;
		add_datagram(y, b, &d[i], m);
	}
	buf_unref(buf);
	outbox_put(&y->out, b);
	if (outbox_waits(&y->out))
		udp_pause(s);
}

static void
room(void *ctx)
{
	struct syslog *y = ctx;
	struct udp *u = y->own;

	udp_resume(u->socket);
}

/* The next datagrams of those peers get their names. */
static void
named(void *ctx)
{
	(void)ctx;
}

static int
start(struct source *s, const struct cursor *from, struct err *e)
{
	struct syslog *y = syslog_of(s);
	struct udp_opts o = { .what = s->who, .host = y->host,
	    .port = (uint16_t)y->port, .rcvbuf = y->rcvbuf };
	struct udp *u = xcalloc(1, sizeof *u);

	(void)from;
	u->y = y;
	u->socket = udp_open(s->loop, &o, on_datagrams, u, e);
	if (u->socket == NULL) {
		free(u);
		return (-1);
	}
	timer_init(&u->timer, s->loop, on_timer);
	timer_arm(&u->timer, DROPS_MS);
	y->own = u;
	if (syslog_begin(y, SYSLOG_PLAIN, room, named, e) == -1)
		return (-1);
	log_info(s->who, "listening on %s (udp)", udp_name(u->socket));
	return (0);
}

static void
pause_socket(struct source *s)
{
	struct udp *u = syslog_of(s)->own;

	syslog_pause(s);
	if (u != NULL)
		udp_pause(u->socket);
}

static void
close_socket(struct syslog *y)
{
	struct udp *u = y->own;

	if (u == NULL)
		return;
	count_drops(u);
	udp_close(u->socket);
	timer_fini(&u->timer);
	free(u);
	y->own = NULL;
}

static void
stop(struct source *s, struct completion *done)
{
	syslog_stop(syslog_of(s), close_socket, done);
}

static void
free_source(struct source *s)
{
	close_socket(syslog_of(s));
	syslog_end(syslog_of(s));
}

static void
where(struct source *s, where_fn *fn, void *ctx)
{
	struct syslog *y = syslog_of(s);
	struct udp *u = y->own;
	struct where_row row = { .size = -1, .read = -1, .stored = -1,
	    .delivered = -1, .oldest_ms = -1 };

	if (u == NULL)
		return;
	count_drops(u);
	row.name = udp_name(u->socket);
	row.state = outbox_waits(&y->out) ? "waiting for room" : "listening";
	fn(ctx, &row);
}

static const struct setting settings[] = {
	SYSLOG_HOST,
	SETTING_INT(struct syslog, port, "port", .min = "0", .max = "65535",
	    .flags = SETTING_REQUIRED,
	    .doc = "Port to listen on; 0 takes one that is free."),
	SETTING_SIZE(struct syslog, rcvbuf, "receiveBufferBytes",
	    .def = "4m", .min = "4k", .max = "1g",
	    .doc = "The kernel's buffer for datagrams that wait to be read; "
	    "it may be bounded by net.core.rmem_max."),
	SYSLOG_SETTINGS,
	SETTING_END
};

static const struct metric metrics[] = {
	SYSLOG_METRICS,
	METRIC_COUNTER(struct syslog, kernel_drops, "kernel_drops_total",
	    "Datagrams the kernel dropped because its buffer was full."),
	METRIC_END
};

static const char *const aliases[] = {
	"org.apache.flume.source.SyslogUDPSource", NULL
};

const struct source_ops source_syslogudp = {
	.plugin = {
		.name = "syslogudp",
		.aliases = aliases,
		.doc = "Receives syslog messages over UDP.",
		.size = sizeof(struct syslog),
		.settings = settings,
		.metrics = metrics
	},
	.check = syslog_check,
	.start = start,
	.pause = pause_socket,
	.resume = syslog_resume,
	.stop = stop,
	.free = free_source,
	.where = where
};
