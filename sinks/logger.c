/*
 * logger: shows records on standard output, one line or dump each, in the form
 * of Flume's logger sink (user guide, "Logger Sink"):
 *
 *	Event: { headers:{k=v} body: 48 65 6C 6C 6F             Hello }
 *
 * For looking and trying; standard output keeps it apart from leat's own log.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/format.h"
#include "sinks/sinks.h"

#define ROW	16	/* bytes of a dump row */

struct logger {
	struct sink	 sink;
	int64_t		 max_bytes;
};

static const struct setting settings[] = {
	SETTING_INT(struct logger, max_bytes, "maxBytesToLog", .def = "16",
	    .min = "0", .max = "1048576",
	    .doc = "Bytes of a body that are shown."),
	SETTING_END
};

static void
dump_row(struct sb *out, const uint8_t *p, size_t n, size_t offset)
{
	size_t i;

	if (offset > 0)
		sb_printf(out, "%08zX", offset);
	for (i = 0; i < ROW; i++) {
		if (i < n)
			sb_printf(out, " %02X", p[i]);
		else
			sb_puts(out, "   ");
	}
	sb_puts(out, " ");
	for (i = 0; i < n; i++)
		sb_printf(out, "%c", p[i] >= 0x20 && p[i] < 0x7f ? p[i] : '.');
}

static void
show(struct sb *out, const struct batch *b, const struct record *r,
    size_t max)
{
	size_t len = r->body.len < max ? r->body.len : max, i, n;

	sb_puts(out, "Event: { headers:");
	format_headers(out, b, r);
	sb_puts(out, " body:");
	for (i = 0; i < len; i += ROW) {
		n = len - i < ROW ? len - i : ROW;
		if (i > 0)
			sb_puts(out, "\n");
		dump_row(out, r->body.p + i, n, i);
	}
	sb_puts(out, " }\n");
}

static int
write_all(const char *p, size_t n, struct err *e)
{
	ssize_t w;

	while (n > 0) {
		w = write(STDOUT_FILENO, p, n);
		if (w == -1 && errno == EINTR)
			continue;
		if (w == -1)
			return (err_sys(e, "write to standard output"));
		p += w;
		n -= (size_t)w;
	}
	return (0);
}

static void
logger_deliver(struct sink *k, struct lease *l, struct completion *done)
{
	struct logger *g = (struct logger *)k;
	struct err e = ERR_INIT;
	struct sb out = SB_INIT;
	uint32_t i;
	int rc;

	rc = lease_batch(l, &e);
	for (i = 0; rc == 0 && i < l->n; i++)
		show(&out, l->batch, &l->batch->records[l->first + i],
		    (size_t)g->max_bytes);
	if (rc == 0 && out.len > 0)
		rc = write_all(out.ptr, out.len, &e);
	sb_fini(&out);
	completion_done(done, rc == 0 ? NULL : &e);
}

static void
logger_stop(struct sink *k)
{
	(void)k;
}

static void
logger_free(struct sink *k)
{
	settings_fini(settings, k);
	free(k);
}

static const char *const aliases[] = {
	"org.apache.flume.sink.LoggerSink", NULL
};

const struct sink_ops sink_logger = {
	.plugin = {
		.name = "logger",
		.aliases = aliases,
		.doc = "Shows records on standard output.",
		.size = sizeof (struct logger),
		.settings = settings
	},
	.deliver = logger_deliver,
	.stop = logger_stop,
	.free = logger_free
};
