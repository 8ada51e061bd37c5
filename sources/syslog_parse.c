/*
 * SYSLOG_PLAIN follows the two regular expressions that Flume's SyslogUtils
 * has, by hand: priority, an optional digit of version, an optional blank,
 * stamp, host, text.  The digit may belong to the stamp, so both ways are
 * tried.  SYSLOG_MULTIPORT goes from blank to blank.
 */
#include "sources/syslog_parse.h"

#include <arpa/inet.h>
#include <string.h>

#define HOST_TEXT	64	/* longer ones are no IPv6 address */

static bool
is_digit(uint8_t c)
{
	return (c >= '0' && c <= '9');
}

static bool
is_blank(uint8_t c)
{
	return (c == ' ' || (c >= '\t' && c <= '\r'));
}

static bool
is_word(uint8_t c)
{
	return (is_digit(c) || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z') || c == '_');
}

static struct slice
part(struct slice s, size_t from, size_t to)
{
	return (slice_of(s.p + from, to - from));
}

static struct slice
behind(struct slice s, size_t n)
{
	return (part(s, n, s.len));
}

/* "<digits>" of at most max digits. -> bytes, 0: none. */
static size_t
parse_priority(struct syslog_msg *m, size_t max)
{
	struct slice s = m->line;
	size_t i;
	int v = 0;

	if (s.len == 0 || s.p[0] != '<')
		return (0);
	for (i = 1; i < s.len && i <= max && is_digit(s.p[i]); i++)
		if ((v = v * 10 + (s.p[i] - '0')) > SYSLOG_PRI_MAX)
			return (0);
	if (i == 1 || i == s.len || s.p[i] != '>')
		return (0);
	m->pri = v;
	m->priority = part(s, 1, i);
	return (i + 1);
}

static bool
is_ipv6(struct slice s)
{
	char text[HOST_TEXT];
	uint8_t addr[16];

	if (s.len >= sizeof text || memchr(s.p, ':', s.len) == NULL)
		return (false);
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	return (inet_pton(AF_INET6, text, addr) == 1);
}

/* [\w][\w.@-]*, an IPv6 address, or "-" where null is allowed. */
static bool
is_host(struct slice s, bool null)
{
	size_t i;

	if (s.len == 1 && s.p[0] == '-')
		return (null);
	for (i = 0; i < s.len; i++)
		if (!is_word(s.p[i]) && (i == 0 || (s.p[i] != '.' &&
		    s.p[i] != '@' && s.p[i] != '-')))
			return (is_ipv6(s));
	return (s.len > 0);
}

/* Blank, host, blank, text. */
static bool
parse_host(struct syslog_msg *m, struct slice s, bool null)
{
	size_t i;

	if (s.len == 0 || !is_blank(s.p[0]))
		return (false);
	for (i = 1; i < s.len && !is_blank(s.p[i]); i++)
		;
	if (i == s.len || !is_host(part(s, 1, i), null))
		return (false);
	m->host = part(s, 1, i);
	m->text = behind(s, i + 1);
	return (true);
}

static bool
parse_header(struct syslog_msg *m, struct slice s, struct syslog_clock *k)
{
	struct syslog_time t;
	bool null = false, known = false;
	size_t n;

	if ((n = syslog_time_5424(&t, s)) > 0) {
		null = known = true;
	} else if (s.len > 0 && s.p[0] == '-') {
		null = true;
		n = 1;
	} else if ((n = syslog_time_3164(&t, s)) > 0) {
		known = true;
	}
	if (n == 0 || !parse_host(m, behind(s, n), null))
		return (false);
	m->stamp = part(s, 0, n);
	m->timed = known && syslog_time_ms(&t, true, k, &m->time_ms);
	return (true);
}

static bool
parse_versioned(struct syslog_msg *m, struct slice s, size_t version,
    struct syslog_clock *k)
{
	struct slice rest = behind(s, version);

	if (rest.len > 0 && is_blank(rest.p[0]))
		rest = behind(rest, 1);
	if (!parse_header(m, rest, k))
		return (false);
	if (version > 0)
		m->version = part(s, 0, version);
	return (true);
}

static void
parse_plain(struct syslog_msg *m, struct syslog_clock *k)
{
	size_t n = parse_priority(m, 3);
	struct slice s;

	if (n == 0) {
		m->invalid = true;
		return;
	}
	s = behind(m->line, n);
	m->parsed = (s.len > 0 && is_digit(s.p[0]) &&
	    parse_versioned(m, s, 1, k)) || parse_versioned(m, s, 0, k);
}

/* --- multiport --- */

/* -> bytes up to and with the blank behind the stamp, 0: no stamp. */
static size_t
parse_stamp(struct syslog_msg *m, struct slice s, struct syslog_clock *k)
{
	struct syslog_time t;
	size_t n = 0;

	if (s.len > 0 && s.p[0] == '-') {
		n = 1;
		m->time_ms = k->now_ms;
	} else if (s.len > 0 && s.p[0] >= 'A' && s.p[0] <= 'Z') {
		n = syslog_time_3164(&t, s);
	} else {
		n = syslog_time_5424(&t, s);
		if (n > 0 && !t.zoned)
			n = 0;
	}
	if (n == 0 || n >= s.len || s.p[n] != ' ' ||
	    (s.p[0] != '-' && !syslog_time_ms(&t, false, k, &m->time_ms)))
		return (0);
	m->timed = true;
	m->stamp = part(s, 0, n);
	return (n + 1);
}

static bool
parse_strict(struct syslog_msg *m, struct syslog_clock *k)
{
	size_t n = parse_priority(m, 5);
	const uint8_t *blank;
	struct slice s;

	if (n == 0)
		return (false);
	s = behind(m->line, n);
	if (s.len > 2 && s.p[0] == '1' && s.p[1] == ' ') {
		m->version = part(s, 0, 1);
		s = behind(s, 2);
	}
	if ((n = parse_stamp(m, s, k)) == 0)
		return (false);
	s = behind(s, n);
	blank = s.len == 0 ? NULL : memchr(s.p, ' ', s.len);
	if (blank == NULL)
		return (false);
	n = (size_t)(blank - s.p);
	m->host = part(s, 0, n);
	if (n + 1 < s.len)
		m->text = behind(s, n + 1);
	return (true);
}

void
syslog_parse(struct syslog_msg *m, enum syslog_dialect d, struct slice line,
    struct syslog_clock *k)
{
	*m = (struct syslog_msg){ .line = line, .text = line };
	if (d == SYSLOG_PLAIN)
		parse_plain(m, k);
	else if (parse_strict(m, k))
		m->parsed = true;
	else
		*m = (struct syslog_msg){ .line = line, .text = line,
		    .invalid = true };
}

/* --- the body --- */

static void
keep(struct sb *sb, struct slice s, const char *before, const char *after)
{
	if (s.p == NULL)
		return;
	sb_puts(sb, before);
	sb_add(sb, s.p, s.len);
	sb_puts(sb, after);
}

static struct slice
from(const struct syslog_msg *m, const uint8_t *p)
{
	return (slice_of(p, (size_t)(m->line.p + m->line.len - p)));
}

struct slice
syslog_body(const struct syslog_msg *m, unsigned fields, struct sb *sb)
{
	if (!m->parsed || fields == 0)
		return (m->text);
	if (m->version.p == NULL && (fields & ~SYSLOG_KEEP_VERSION) ==
	    (SYSLOG_KEEP_ALL & ~SYSLOG_KEEP_VERSION))
		return (m->line);
	if (fields == SYSLOG_KEEP_ALL || m->text.p == m->line.p)
		return (m->line);
	if (fields == SYSLOG_KEEP_HOSTNAME)
		return (from(m, m->host.p));
	if (fields == (SYSLOG_KEEP_HOSTNAME | SYSLOG_KEEP_TIMESTAMP))
		return (from(m, m->stamp.p));
	sb->len = 0;
	if (fields & SYSLOG_KEEP_PRIORITY)
		keep(sb, m->priority, "<", ">");
	if (fields & SYSLOG_KEEP_VERSION)
		keep(sb, m->version, "", " ");
	if (fields & SYSLOG_KEEP_TIMESTAMP)
		keep(sb, m->stamp, "", " ");
	if (fields & SYSLOG_KEEP_HOSTNAME)
		keep(sb, m->host, "", " ");
	sb_add(sb, m->text.p, m->text.len);
	return (slice_of(sb->ptr, sb->len));
}
