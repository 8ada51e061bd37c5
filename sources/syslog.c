/*
 * Headers are an array on the stack that goes into the batch in one copy:
 * names and small numbers are static, host, priority and version lie in the
 * read buffer, and only the time stamp is written anew.
 */
#include "sources/syslog.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "loop/listen.h"

#define STATUS		SLICE("flume.syslog.status")
#define TICK_MS		10	/* of syslog_stop: a round without input ends */
#define TICKS		50	/* so does this */

const char *const syslog_keep_words[] = {
	"none", "false", "all", "true", "priority", "version", "timestamp",
	"hostname", NULL
};

static const unsigned keep_bits[] = {
	0, 0, SYSLOG_KEEP_ALL, SYSLOG_KEEP_ALL, SYSLOG_KEEP_PRIORITY,
	SYSLOG_KEEP_VERSION, SYSLOG_KEEP_TIMESTAMP, SYSLOG_KEEP_HOSTNAME
};

static unsigned
keep_of(const struct setting_list *l)
{
	unsigned keep = 0;
	size_t i, k;

	for (i = 0; i < l->n; i++)
		for (k = 0; syslog_keep_words[k] != NULL; k++)
			if (strcasecmp(l->v[i], syslog_keep_words[k]) == 0)
				keep |= keep_bits[k];
	return (keep);
}

/* "none", and something else. */
static bool
contradicts(const struct setting_list *l)
{
	size_t i;

	for (i = 0; i < l->n && l->n > 1; i++)
		if (strcasecmp(l->v[i], "none") == 0 ||
		    strcasecmp(l->v[i], "false") == 0)
			return (true);
	return (false);
}

static int
check_host(struct syslog *y, struct err *e)
{
	if (y->allow_insecure || listen_is_loopback(y->host))
		return (0);
	return (err_set(e, ERR_CONFIG, "host = %s is not loopback, and whoever "
	    "reaches it can write records; give host = 127.0.0.1, or add "
	    "%s.sources.%s.allow.insecure = true", y->host,
	    y->source.env->agent, y->source.name));
}

int
syslog_check(struct source *s, struct err *e)
{
	struct syslog *y = syslog_of(s);

	if (y->ssl)
		return (err_set(e, ERR_CONFIG, "ssl = true: this version has "
		    "no TLS on listeners; put a TLS proxy such as stunnel in "
		    "front, and listen on loopback"));
	if (y->formats != NULL)
		return (err_set(e, ERR_CONFIG, "format.*: message formats of "
		    "one's own are not in this version; remove the keys, "
		    "messages of another form stay whole"));
	if (contradicts(&y->keep_fields))
		return (err_set(e, ERR_CONFIG, "keepFields has none beside "
		    "other words; give one of them"));
	return (check_host(y, e));
}

int
syslog_begin(struct syslog *y, enum syslog_dialect d, void (*room)(void *),
    void (*named)(void *), struct err *e)
{
	y->dialect = d;
	y->keep = keep_of(&y->keep_fields);
	outbox_init(&y->out, &y->source, room, y);
	if (y->name_header == NULL)
		return (0);
	y->names = reverse_new(y->source.loop, named, y, e);
	return (y->names == NULL ? -1 : 0);
}

void
syslog_end(struct syslog *y)
{
	outbox_fini(&y->out);
	timer_fini(&y->linger);
	reverse_free(y->names);
	y->names = NULL;
	sb_fini(&y->scratch);
}

static void
on_tick(struct loop_timer *t)
{
	struct syslog *y = container_of(t, struct syslog, linger);

	if (y->reads != y->reads_seen && !outbox_waits(&y->out) &&
	    --y->ticks > 0) {
		y->reads_seen = y->reads;
		timer_arm(t, TICK_MS);
		return;
	}
	y->close(y);
	outbox_stop(&y->out, y->stopped);
}

void
syslog_stop(struct syslog *y, void (*close)(struct syslog *),
    struct completion *done)
{
	y->close = close;
	y->stopped = done;
	y->reads_seen = y->reads;
	y->ticks = TICKS;
	timer_init(&y->linger, y->source.loop, on_tick);
	timer_arm(&y->linger, TICK_MS);
}

struct batch *
syslog_batch(struct syslog *y, struct buf *buf)
{
	struct batch *b = batch_new();

	y->reads++;
	batch_hold(b, buf);
	b->source = y->source.name;
	b->timestamp = y->clock.now_ms = clock_wall_ms();
	return (b);
}

/* --- headers --- */

struct headers {
	struct header	v[8];
	uint32_t	n;
};

static void
add(struct headers *h, struct slice name, struct slice value)
{
	h->v[h->n++] = (struct header){ name, value };
}

static struct slice
number(int n)
{
	static const char digits[] =
	    "0 1 2 3 4 5 6 7 8 9 1011121314151617181920212223";

	return (slice_of(digits + 2 * n, n < 10 ? 1 : 2));
}

static struct slice
milliseconds(struct batch *b, int64_t ms)
{
	char text[24];
	int n = snprintf(text, sizeof text, "%" PRId64, ms);

	return (batch_copy(b, slice_of(text, (size_t)n)));
}

static bool
is_null(struct slice s)
{
	return (s.len == 1 && s.p[0] == '-');
}

static void
plain_headers(struct headers *h, const struct syslog_msg *m)
{
	add(h, SLICE("Facility"), number(m->pri / 8));
	add(h, SLICE("Severity"), number(m->pri % 8));
	if (!m->parsed)
		return;
	add(h, SLICE("priority"), m->priority);
	if (m->version.p != NULL)
		add(h, SLICE("version"), m->version);
	if (!is_null(m->host))
		add(h, SLICE("host"), m->host);
}

static void
multiport_headers(struct headers *h, const struct syslog_msg *m)
{
	if (!m->parsed)
		return;
	add(h, SLICE("Priority"), m->priority);
	add(h, SLICE("Facility"), number(m->pri / 8));
	add(h, SLICE("Severity"), number(m->pri % 8));
	if (m->version.p != NULL)
		add(h, SLICE("Version"), m->version);
	add(h, SLICE("host"), m->host);
}

/* --- records --- */

static bool
is_encoded(const struct syslog_origin *o, struct slice s)
{
	size_t i, n;

	for (i = 0; (o->utf8 || o->ascii) && i < s.len; i += n) {
		n = s.p[i] < 0x80 ? 1 : 0;
		if (n == 0 && o->utf8)
			n = utf8_len(s.p + i, s.len - i);
		if (n == 0)
			return (false);
	}
	return (true);
}

static void
parse(struct syslog *y, const struct syslog_origin *o, struct slice line,
    bool cut, struct syslog_msg *m)
{
	/* The cut may go through a character. */
	if (!cut && !is_encoded(o, line))
		*m = (struct syslog_msg){ .line = line, .text = line,
		    .invalid = true };
	else
		syslog_parse(m, y->dialect, line, &y->clock);
}

static struct slice
body_of(struct syslog *y, struct batch *b, const struct syslog_msg *m)
{
	struct slice body = syslog_body(m, y->keep, &y->scratch);

	if (y->scratch.ptr != NULL && body.p == (uint8_t *)y->scratch.ptr)
		body = batch_copy(b, body);
	return (body);
}

struct record *
syslog_add(struct syslog *y, struct batch *b, const struct syslog_origin *o,
    struct slice line, bool cut)
{
	struct headers h = { .n = 0 };
	struct syslog_msg m;
	struct record *r;

	parse(y, o, line, cut, &m);
	r = batch_add(b, body_of(y, b, &m));
	if (y->dialect == SYSLOG_PLAIN)
		plain_headers(&h, &m);
	else
		multiport_headers(&h, &m);
	if (m.timed)
		add(&h, SLICE("timestamp"), milliseconds(b, m.time_ms));
	if (m.invalid) {
		add(&h, STATUS, SLICE("Invalid"));
		metric_add(&y->invalid, 1);
	} else if (cut) {
		add(&h, STATUS, SLICE("Incomplete"));
		metric_add(&y->incomplete, 1);
	}
	batch_set_own(b, r, h.v, h.n);
	return (r);
}

void
syslog_pause(struct source *s)
{
	outbox_pause(&syslog_of(s)->out);
}

void
syslog_resume(struct source *s)
{
	outbox_resume(&syslog_of(s)->out);
}
