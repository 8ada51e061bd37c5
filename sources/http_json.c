/*
 * Recursive descent without the recursion: the shape is fixed down to the
 * header's value, and what is skipped counts brackets on a bit stack.
 */
#include "sources/http_json.h"

#include <string.h>

#include "base/utf8.h"

struct json {
	uint8_t		*start, *p, *end;
	struct err	*e;
	struct header	 headers[HTTP_JSON_HEADERS_MAX];
	uint32_t	 nheaders;
	struct slice	 body;
};

static int
wrong(const struct json *j, const char *what)
{
	return (err_set(j->e, ERR_PROTO, "%s at byte %zu", what,
	    (size_t)(j->p - j->start)));
}

/* The next byte that is not a blank; it is not consumed.  0 at the end. */
static uint8_t
peek(struct json *j)
{
	while (j->p < j->end && (*j->p == ' ' || *j->p == '\n' ||
	    *j->p == '\r' || *j->p == '\t'))
		j->p++;
	return (j->p < j->end ? *j->p : 0);
}

static bool
take(struct json *j, uint8_t c)
{
	if (peek(j) != c)
		return (false);
	j->p++;
	return (true);
}

/* --- strings --- */

static int
hex4(const uint8_t *p, const uint8_t *end, uint32_t *out)
{
	uint32_t v = 0;
	int i;
	uint8_t c;

	if (end - p < 4)
		return (-1);
	for (i = 0; i < 4; i++) {
		c = p[i] | 0x20;
		if (p[i] >= '0' && p[i] <= '9')
			v = v << 4 | (uint32_t)(p[i] - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (uint32_t)(c - 'a' + 10);
		else
			return (-1);
	}
	*out = v;
	return (0);
}

static uint8_t *
put_utf8(uint8_t *out, uint32_t c)
{
	if (c < 0x80) {
		*out++ = (uint8_t)c;
		return (out);
	}
	if (c < 0x800) {
		*out++ = (uint8_t)(0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*out++ = (uint8_t)(0xe0 | c >> 12);
		} else {
			*out++ = (uint8_t)(0xf0 | c >> 18);
			*out++ = (uint8_t)(0x80 | (c >> 12 & 0x3f));
		}
		*out++ = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	}
	*out++ = (uint8_t)(0x80 | (c & 0x3f));
	return (out);
}

/* Behind "\u": one character, of two escapes when it is a pair; half a pair
 * becomes U+FFFD. */
static int
unescape_u(struct json *j, uint8_t **out)
{
	uint32_t c, low;

	if (hex4(j->p, j->end, &c) == -1)
		return (wrong(j, "\\u without four hexadecimal digits"));
	j->p += 4;
	if (c >= 0xd800 && c < 0xdc00 && j->end - j->p >= 6 &&
	    j->p[0] == '\\' && j->p[1] == 'u' &&
	    hex4(j->p + 2, j->end, &low) == 0 &&
	    low >= 0xdc00 && low < 0xe000) {
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		j->p += 6;
	} else if (c >= 0xd800 && c < 0xe000) {
		c = 0xfffd;
	}
	*out = put_utf8(*out, c);
	return (0);
}

static int
unescape_one(struct json *j, uint8_t **out)
{
	static const char from[] = "\"\\/bfnrt'", to[] = "\"\\/\b\f\n\r\t'";
	const char *k;

	if (j->p == j->end)
		return (wrong(j, "the body ends inside a string"));
	if (*j->p == 'u') {
		j->p++;
		return (unescape_u(j, out));
	}
	k = *j->p == '\0' ? NULL : strchr(from, *j->p);
	if (k == NULL)
		return (wrong(j, "an unknown escape"));
	*(*out)++ = (uint8_t)to[k - from];
	j->p++;
	return (0);
}

/* From the first backslash on, to the closing quote; j->p is behind it. */
static int
unescape(struct json *j, uint8_t **out)
{
	while (j->p < j->end && *j->p != '"') {
		if (*j->p != '\\') {
			*(*out)++ = *j->p++;
			continue;
		}
		j->p++;
		if (unescape_one(j, out) == -1)
			return (-1);
	}
	if (j->p == j->end)
		return (wrong(j, "the body ends inside a string"));
	j->p++;
	return (0);
}

/* A string; j->p is at its quote. */
static int
read_string(struct json *j, struct slice *s)
{
	uint8_t *from = ++j->p, *out;
	size_t left = (size_t)(j->end - from), n;
	const uint8_t *quote, *escape;

	quote = left == 0 ? NULL : memchr(from, '"', left);
	n = quote == NULL ? left : (size_t)(quote - from);
	escape = n == 0 ? NULL : memchr(from, '\\', n);
	if (escape != NULL) {
		j->p = out = from + (escape - from);
		if (unescape(j, &out) == -1)
			return (-1);
		*s = slice_of(from, (size_t)(out - from));
		return (0);
	}
	if (quote == NULL) {
		j->p = j->end;
		return (wrong(j, "the body ends inside a string"));
	}
	j->p = from + n + 1;
	*s = slice_of(from, n);
	return (0);
}

/* --- scalars --- */

static bool
is_word(uint8_t c)
{
	return ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z') || c == '+' || c == '-' || c == '.');
}

static size_t
digits(const uint8_t *p, const uint8_t *end)
{
	const uint8_t *q = p;

	while (q < end && *q >= '0' && *q <= '9')
		q++;
	return ((size_t)(q - p));
}

/* RFC 8259 section 6 */
static bool
is_number(struct slice s)
{
	const uint8_t *p = s.p, *end = s.p + s.len;
	size_t n;

	if (p < end && *p == '-')
		p++;
	n = digits(p, end);
	if (n == 0 || (n > 1 && *p == '0'))
		return (false);
	p += n;
	if (p < end && *p == '.') {
		if ((n = digits(++p, end)) == 0)
			return (false);
		p += n;
	}
	if (p < end && (*p | 0x20) == 'e') {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		if ((n = digits(p, end)) == 0)
			return (false);
		p += n;
	}
	return (p == end);
}

/* A string, or a number, true or false with its own text; null is "". */
static int
read_scalar(struct json *j, struct slice *s)
{
	uint8_t c = peek(j), *from = j->p;

	if (c == '"')
		return (read_string(j, s));
	while (j->p < j->end && is_word(*j->p))
		j->p++;
	*s = slice_of(from, (size_t)(j->p - from));
	if (slice_eq_str(*s, "null"))
		s->len = 0;
	else if (!slice_eq_str(*s, "true") && !slice_eq_str(*s, "false") &&
	    !is_number(*s)) {
		j->p = from;
		return (wrong(j, c == '{' || c == '[' ?
		    "an object or array where a string belongs" :
		    "a string, number, true, false or null is expected"));
	}
	return (0);
}

static int
read_name(struct json *j, struct slice *name)
{
	if (peek(j) != '"')
		return (wrong(j, "a name in double quotes is expected"));
	if (read_string(j, name) == -1)
		return (-1);
	if (!take(j, ':'))
		return (wrong(j, "':' is expected"));
	return (0);
}

/* --- what is skipped --- */

struct nest {
	uint8_t		bits[HTTP_JSON_DEPTH_MAX / 8];	/* set: object */
	unsigned	depth;
};

static bool
in_object(const struct nest *n)
{
	unsigned top = n->depth - 1;

	return (n->bits[top / 8] >> top % 8 & 1);
}

static int
open_nest(struct json *j, struct nest *n, bool object)
{
	unsigned at = n->depth;

	if (at == HTTP_JSON_DEPTH_MAX)
		return (wrong(j, "too many brackets inside each other"));
	j->p++;
	n->bits[at / 8] &= (uint8_t)~(1u << at % 8);
	n->bits[at / 8] |= (uint8_t)(object << at % 8);
	n->depth++;
	return (0);
}

/* Behind a value: closes what ends here, else goes to the next one. */
static int
after_value(struct json *j, struct nest *n)
{
	struct slice name;

	while (n->depth > 0) {
		if (take(j, in_object(n) ? '}' : ']')) {
			n->depth--;
			continue;
		}
		if (!take(j, ','))
			return (wrong(j, in_object(n) ?
			    "',' or '}' is expected" :
			    "',' or ']' is expected"));
		return (in_object(n) ? read_name(j, &name) : 0);
	}
	return (0);
}

/* One step: a scalar, or into an object or array. */
static int
skip_step(struct json *j, struct nest *n)
{
	struct slice s;
	uint8_t c = peek(j);

	if (c != '{' && c != '[')
		return (read_scalar(j, &s) == -1 ? -1 : after_value(j, n));
	if (open_nest(j, n, c == '{') == -1)
		return (-1);
	if (peek(j) == (c == '{' ? '}' : ']'))
		return (after_value(j, n));
	return (c == '{' ? read_name(j, &s) : 0);
}

static int
skip_value(struct json *j)
{
	struct nest n = { .depth = 0 };

	do
		if (skip_step(j, &n) == -1)
			return (-1);
	while (n.depth > 0);
	return (0);
}

/* --- events --- */

static int
set_header(struct json *j, struct slice name, struct slice value)
{
	uint32_t i;

	for (i = 0; i < j->nheaders; i++)
		if (slice_eq(j->headers[i].name, name)) {
			j->headers[i].value = value;
			return (0);
		}
	if (j->nheaders == HTTP_JSON_HEADERS_MAX)
		return (wrong(j, "too many headers in one event"));
	j->headers[j->nheaders++] = (struct header){ name, value };
	return (0);
}

static bool
take_null(struct json *j)
{
	if (peek(j) != 'n' || j->end - j->p < 4 ||
	    memcmp(j->p, "null", 4) != 0)
		return (false);
	j->p += 4;
	return (true);
}

/* The members of an object, behind its bracket, by fn. */
static int
read_members(struct json *j, int (*fn)(struct json *, struct slice name))
{
	struct slice name;

	if (take(j, '}'))
		return (0);
	do {
		if (read_name(j, &name) == -1 || fn(j, name) == -1)
			return (-1);
	} while (take(j, ','));
	return (take(j, '}') ? 0 : wrong(j, "',' or '}' is expected"));
}

static int
header_member(struct json *j, struct slice name)
{
	struct slice value;

	if (read_scalar(j, &value) == -1)
		return (-1);
	return (set_header(j, name, value));
}

static int
event_member(struct json *j, struct slice name)
{
	if (slice_eq_str(name, "body"))
		return (read_scalar(j, &j->body));
	if (!slice_eq_str(name, "headers"))
		return (skip_value(j));
	j->nheaders = 0;
	if (take_null(j))
		return (0);
	if (!take(j, '{'))
		return (wrong(j, "headers must be an object"));
	return (read_members(j, header_member));
}

static int
read_event(struct json *j, struct batch *b)
{
	struct record *r;

	j->nheaders = 0;
	j->body = slice_of(j->start, 0);
	if (!take(j, '{'))
		return (wrong(j, "an event must be an object with headers and "
		    "body"));
	if (read_members(j, event_member) == -1)
		return (-1);
	r = batch_add(b, j->body);
	if (j->nheaders > 0)
		batch_set_own(b, r, j->headers, j->nheaders);
	return (0);
}

static int
read_events(struct json *j, struct batch *b, size_t max)
{
	if (!take(j, '['))
		return (wrong(j, "an array of events is expected"));
	if (take(j, ']'))
		return (0);
	do {
		if (b->n >= max)
			return (err_set(j->e, ERR_TOO_LARGE, "more than %zu "
			    "events in one request", max));
		if (read_event(j, b) == -1)
			return (-1);
	} while (take(j, ','));
	return (take(j, ']') ? 0 : wrong(j, "',' or ']' is expected"));
}

static int
check_utf8(struct json *j)
{
	size_t n;

	for (; j->p < j->end; j->p += n)
		if ((n = utf8_len(j->p, (size_t)(j->end - j->p))) == 0)
			return (wrong(j, "bytes that are not UTF-8"));
	j->p = j->start;
	return (0);
}

int
http_json_read(struct batch *b, uint8_t *text, size_t len, size_t max,
    struct err *e)
{
	struct json j = { .start = text, .p = text, .end = text + len,
	    .e = e };

	if (check_utf8(&j) == -1)
		return (-1);
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		j.p += 3;
	if (read_events(&j, b, max) == -1)
		return (-1);
	peek(&j);
	if (j.p < j.end)
		return (wrong(&j, "something stands behind the array"));
	return (0);
}
