/*
 * java.util.Properties.load(), to the letter, because that is what Flume's
 * files were written against.
 *
 * Two steps, as in the JDK.  logical_line() joins natural lines: it skips
 * blank lines and comments, takes the backslash off a continued line and the
 * blanks off the next one.  Then the line is split at the first separator
 * that is not escaped, and the escapes of both parts are undone.  What follows
 * from the grammar and surprises people gets a warning: a lost backslash, a
 * '#' behind a value, a comment sign on a continuation line.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf_read.h"
#include "base/mem.h"

struct props {
	struct conf_reader	 r;
	const char		*p, *end;
	int			 line;		/* of p */
	int			 start;		/* of the logical line */
	struct sb		 text;		/* the logical line, escaped */
};

static bool
is_blank(char c)
{
	return (c == ' ' || c == '\t' || c == '\f');
}

static bool
is_eol(char c)
{
	return (c == '\n' || c == '\r');
}

static void
skip_blanks(struct props *s)
{
	while (s->p < s->end && is_blank(*s->p))
		s->p++;
}

static void
skip_eol(struct props *s)
{
	if (s->p == s->end)
		return;
	if (*s->p++ == '\r' && s->p < s->end && *s->p == '\n')
		s->p++;
	s->line++;
}

/* The natural line from p on; p stands at its end then. */
static struct slice
natural_line(struct props *s)
{
	const char *from = s->p;

	while (s->p < s->end && !is_eol(*s->p))
		s->p++;
	return (slice_of(from, (size_t)(s->p - from)));
}

static bool
is_continued(struct slice line)
{
	size_t n = 0;

	while (n < line.len && line.p[line.len - 1 - n] == '\\')
		n++;
	return (n % 2 == 1);
}

/* To the first natural line that is neither blank nor a comment. */
static bool
skip_to_content(struct props *s)
{
	for (;;) {
		skip_blanks(s);
		if (s->p == s->end)
			return (false);
		if (*s->p == '#' || *s->p == '!')
			natural_line(s);
		else if (!is_eol(*s->p))
			return (true);
		skip_eol(s);
	}
}

static void
warn_continued_comment(struct props *s)
{
	if (s->p < s->end && (*s->p == '#' || *s->p == '!'))
		conf_warn_at(s->r.problems, s->r.file, s->line,
		    "'%c' starts no comment here: the backslash at the end of "
		    "the line before makes this line part of its value", *s->p);
}

/* Collects the rest of a logical line, p being at its first character. */
static void
join_lines(struct props *s)
{
	struct slice line;
	bool more;

	do {
		if (s->text.len == 0)
			s->start = s->line;
		line = natural_line(s);
		more = is_continued(line);
		sb_add(&s->text, line.p, line.len - (more ? 1 : 0));
		skip_eol(s);
		if (more) {
			skip_blanks(s);
			warn_continued_comment(s);
			/* A blank line ends a continuation. */
			more = s->p < s->end && !is_eol(*s->p);
		}
	} while (more);
}

static bool
logical_line(struct props *s)
{
	s->text.len = 0;
	while (s->text.len == 0) {
		if (!skip_to_content(s))
			return (false);
		join_lines(s);
	}
	return (true);
}

/* The key's length and where the value starts. */
static size_t
split(struct slice line, size_t *value)
{
	const char *p = (const char *)line.p;
	size_t key = 0, i;
	bool separated;

	while (key < line.len && p[key] != '=' && p[key] != ':' &&
	    !is_blank(p[key]))
		key += p[key] == '\\' && key + 1 < line.len ? 2 : 1;
	separated = false;
	for (i = key; i < line.len; i++) {
		if (!separated && (p[i] == '=' || p[i] == ':'))
			separated = true;
		else if (!is_blank(p[i]))
			break;
	}
	*value = i;
	return (key);
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return (c - '0');
	if (c >= 'a' && c <= 'f')
		return (c - 'a' + 10);
	return (c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1);
}

/* The four digits of \uXXXX; -1 when they are none. */
static int32_t
hex4(const char *p, const char *end)
{
	int32_t v = 0;
	int i, d;

	if (end - p < 4)
		return (-1);
	for (i = 0; i < 4; i++) {
		if ((d = hex_value(p[i])) == -1)
			return (-1);
		v = v << 4 | d;
	}
	return (v);
}

static void
add_utf8(struct sb *sb, uint32_t c)
{
	char b[4];
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4, i;
	static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	for (i = n; i-- > 1; c >>= 6)
		b[i] = (char)(0x80 | (c & 0x3f));
	b[0] = (char)(lead[n] | c);
	sb_add(sb, b, n);
}

static const char *
unicode_error(struct props *s, const char *p, const char *end, const char *why)
{
	int n = end - p < 6 ? (int)(end - p) : 6;

	conf_error_at(s->r.problems, s->r.file, s->start,
	    "'%.*s' %s; for a backslash itself write \\\\", n, p, why);
	return (NULL);
}

/* p is at the backslash of \u; returns behind it, NULL after an error. */
static const char *
unescape_unicode(struct props *s, const char *p, const char *end,
    struct sb *out)
{
	int32_t c = hex4(p + 2, end), low = -1;

	if (c == -1)
		return (unicode_error(s, p, end,
		    "is not \\u with four hexadecimal digits"));
	if (c == 0)
		return (unicode_error(s, p, end,
		    "is a NUL, which no key or value can hold"));
	if (c < 0xd800 || c > 0xdfff) {
		add_utf8(out, (uint32_t)c);
		return (p + 6);
	}
	if (c < 0xdc00 && end - p >= 12 && p[6] == '\\' && p[7] == 'u')
		low = hex4(p + 8, end);
	if (low < 0xdc00 || low > 0xdfff)
		return (unicode_error(s, p, end,
		    "is half of a surrogate pair without the other half"));
	add_utf8(out, 0x10000 + (((uint32_t)c - 0xd800) << 10) +
	    ((uint32_t)low - 0xdc00));
	return (p + 12);
}

/* What stands behind a backslash in a regular expression or a Windows path
 * was most likely meant to keep it. */
static void
warn_lost_backslash(struct props *s, char c, bool *warned)
{
	if (*warned || (!isalnum((unsigned char)c) &&
	    strchr(".*+?()[]{}|^$", c) == NULL))
		return;
	*warned = true;
	conf_warn_at(s->r.problems, s->r.file, s->start,
	    "'\\%c' reads as '%c' in a properties file; to keep the backslash "
	    "write \\\\%c", c, c, c);
}

/* Undoes the escapes of [p, end); a new string, NULL after an error. */
static char *
unescape(struct props *s, const char *p, const char *end)
{
	static const char from[] = "tnrf", to[] = "\t\n\r\f";
	struct sb out = SB_INIT;
	const char *stop, *e;
	bool warned = false;

	sb_puts(&out, "");
	while (p < end) {
		stop = memchr(p, '\\', (size_t)(end - p));
		sb_add(&out, p, (size_t)((stop == NULL ? end : stop) - p));
		if (stop == NULL || stop + 1 == end)
			break;
		if (stop[1] == 'u') {
			p = unescape_unicode(s, stop, end, &out);
			if (p == NULL) {
				sb_fini(&out);
				return (NULL);
			}
			continue;
		}
		if ((e = strchr(from, stop[1])) != NULL)
			sb_add(&out, &to[e - from], 1);
		else {
			warn_lost_backslash(s, stop[1], &warned);
			sb_add(&out, stop + 1, 1);
		}
		p = stop + 2;
	}
	return (sb_take(&out));
}

/* "value   # remark": the remark is part of the value, to everybody's
 * surprise (Flume's own guide has such examples). */
static void
warn_trailing_comment(struct props *s, const char *value)
{
	const char *p;

	for (p = strchr(value, '#'); p != NULL; p = strchr(p + 1, '#'))
		if (p > value && is_blank(p[-1]) && is_blank(p[1])) {
			conf_warn_at(s->r.problems, s->r.file, s->start,
			    "'# ...' behind a value is part of the value; put "
			    "the comment on a line of its own");
			return;
		}
}

static void
put_line(struct props *s)
{
	const char *p = s->text.ptr;
	size_t key_len, at;
	char *key, *value = NULL;

	key_len = split(slice_of(p, s->text.len), &at);
	key = unescape(s, p, p + key_len);
	if (key != NULL)
		value = unescape(s, p + at, p + s->text.len);
	if (value != NULL) {
		warn_trailing_comment(s, value);
		conf_put(&s->r, key, value, s->start);
	}
	free(key);
	free(value);
}

void
conf_read_properties(struct conf *root, struct slice text, const char *file,
    struct conf_problems *problems)
{
	struct props s = { .r = { root, file, problems }, .line = 1 };
	struct sb utf8 = SB_INIT;

	if (conf_text(&s.r, text, &utf8) && utf8.len > 0) {
		s.p = utf8.ptr;
		s.end = s.p + utf8.len;
		while (logical_line(&s))
			put_line(&s);
	}
	sb_fini(&s.text);
	sb_fini(&utf8);
}
