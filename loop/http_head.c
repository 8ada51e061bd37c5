/*
 * The head is copied once and cut into strings in place.  Fields that decide
 * about the message itself are in a table; the rest is kept for the handler.
 */
#include "loop/http_head.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "loop/http.h"

#define OVERHEAD_MAX	16384	/* chunk extensions and trailers of a body */

static const struct {
	const char	*name;
	unsigned	 bit;
} methods[] = {
	{ "GET", HTTP_GET }, { "HEAD", HTTP_HEAD }, { "POST", HTTP_POST },
	{ "PUT", HTTP_PUT }, { "DELETE", HTTP_DELETE },
	{ "PATCH", HTTP_PATCH }, { "OPTIONS", HTTP_OPTIONS },
	{ "TRACE", HTTP_TRACE },
};

ssize_t
http_head_find(struct slice in, size_t *scanned, size_t max, int *status)
{
	const uint8_t *lf;
	size_t pos, start = *scanned;

	while (start < in.len &&
	    (lf = memchr(in.p + start, '\n', in.len - start)) != NULL) {
		pos = (size_t)(lf - in.p);
		*status = pos >= max ? start == 0 ? 414 : 431 : 400;
		if (pos >= max || pos == start || in.p[pos - 1] != '\r')
			return (-1);
		if (pos == start + 1)
			return ((ssize_t)pos + 1);
		*scanned = start = pos + 1;
	}
	*status = start == 0 ? 414 : 431;
	return (in.len > max ? -1 : 0);
}

/* RFC 9110 section 5.6.2 */
static bool
is_tchar(unsigned char c)
{
	return ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	    (c >= 'a' && c <= 'z') ||
	    (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL));
}

static bool
is_token(const char *s)
{
	if (*s == '\0')
		return (false);
	while (is_tchar((unsigned char)*s))
		s++;
	return (*s == '\0');
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return (c - '0');
	if (c >= 'a' && c <= 'f')
		return (c - 'a' + 10);
	if (c >= 'A' && c <= 'F')
		return (c - 'A' + 10);
	return (-1);
}

bool
http_decode(char *s, bool plus)
{
	char *out = s;
	int c, hi, lo;

	for (; *s != '\0'; s++) {
		c = (unsigned char)*s;
		if (c == '%') {
			if ((hi = hex(s[1])) == -1 || (lo = hex(s[2])) == -1)
				return (false);
			c = hi << 4 | lo;
			s += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		if (c < 0x20 || c == 0x7f)
			return (false);
		*out++ = (char)c;
	}
	*out = '\0';
	return (true);
}

/* "." or ".." between slashes. */
static bool
has_dot_segment(const char *path)
{
	const char *p = path;
	size_t n;

	while (*p == '/') {
		p++;
		n = strcspn(p, "/");
		if ((n == 1 && p[0] == '.') ||
		    (n == 2 && p[0] == '.' && p[1] == '.'))
			return (true);
		p += n;
	}
	return (false);
}

/* origin-form, absolute-form, or "*" (RFC 9112 section 3.2) */
static int
parse_target(struct http_head *h, char *t)
{
	static char root[] = "/";
	char *p, *q;

	for (p = t; *p != '\0'; p++)
		if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f ||
		    *p == '#')
			return (400);
	if (strncasecmp(t, "http://", 7) == 0) {
		t = strpbrk(t + 7, "/?");
		if (t == NULL) {
			h->path = root;
			return (0);
		}
	}
	if (*t != '/' && strcmp(t, "*") != 0)
		return (400);
	if ((q = strchr(t, '?')) != NULL) {
		*q = '\0';
		h->query = q + 1;
	}
	h->path = t;
	return (http_decode(t, false) && !has_dot_segment(t) ? 0 : 400);
}

static int
parse_version(struct http_head *h, const char *v)
{
	if (strncmp(v, "HTTP/", 5) != 0 || strlen(v) != 8 || v[6] != '.' ||
	    v[5] < '0' || v[5] > '9' || v[7] < '0' || v[7] > '9')
		return (400);
	if (v[5] != '1')
		return (505);
	h->minor = v[7] == '0' ? 0 : 1;
	h->keep_alive = h->minor == 1;
	return (0);
}

static int
parse_method(struct http_head *h, const char *name)
{
	size_t i;

	if (!is_token(name))
		return (400);
	for (i = 0; i < NELEM(methods); i++)
		if (strcmp(name, methods[i].name) == 0) {
			h->method = methods[i].bit;
			h->method_name = methods[i].name;
			return (0);
		}
	return (501);
}

static int
parse_start(struct http_head *h, char *line)
{
	char *target, *version;
	int status;

	if ((target = strchr(line, ' ')) == NULL)
		return (400);
	*target++ = '\0';
	if ((version = strchr(target, ' ')) == NULL)
		return (400);
	*version++ = '\0';
	if ((status = parse_version(h, version)) != 0 ||
	    (status = parse_method(h, line)) != 0)
		return (status);
	return (parse_target(h, target));
}

/* Fields that say something about the message. */

static int
on_host(struct http_head *h, const char *v)
{
	if (h->host != NULL || strpbrk(v, " \t,/@") != NULL)
		return (400);
	h->host = v;
	return (0);
}

static int
on_length(struct http_head *h, const char *v)
{
	int64_t n = 0;

	if (h->length != -1 || *v == '\0')
		return (400);
	for (; *v != '\0'; v++) {
		if (*v < '0' || *v > '9')
			return (400);
		if (n > (INT64_MAX - 9) / 10)
			return (413);
		n = n * 10 + (*v - '0');
	}
	h->length = n;
	return (0);
}

static int
on_transfer(struct http_head *h, const char *v)
{
	if (h->chunked || h->minor == 0)
		return (400);
	if (strcasecmp(v, "chunked") != 0)
		return (501);
	h->chunked = true;
	return (0);
}

static int
on_connection(struct http_head *h, const char *v)
{
	size_t n;

	for (; *v != '\0'; v += n) {
		v += strspn(v, ", \t");
		n = strcspn(v, ", \t");
		if (n == 5 && strncasecmp(v, "close", 5) == 0)
			h->keep_alive = false;
		else if (n == 10 && strncasecmp(v, "keep-alive", 10) == 0 &&
		    h->minor == 0)
			h->keep_alive = true;
	}
	return (0);
}

static int
on_expect(struct http_head *h, const char *v)
{
	if (strcasecmp(v, "100-continue") != 0)
		return (417);
	h->expect = h->minor > 0;
	return (0);
}

static int
on_coding(struct http_head *h, const char *v)
{
	if (h->coded)
		return (415);
	h->coded = true;
	if (strcasecmp(v, "gzip") == 0 || strcasecmp(v, "x-gzip") == 0)
		h->coding = HTTP_GZIP;
	else if (strcasecmp(v, "deflate") == 0)
		h->coding = HTTP_DEFLATE;
	else if (strcasecmp(v, "identity") != 0)
		return (415);
	return (0);
}

static const struct {
	const char	*name;
	int		(*fn)(struct http_head *, const char *value);
} known[] = {
	{ "connection", on_connection },
	{ "content-encoding", on_coding },
	{ "content-length", on_length },
	{ "expect", on_expect },
	{ "host", on_host },
	{ "transfer-encoding", on_transfer },
};

static int
add_field(struct http_head *h, const char *name, const char *value)
{
	size_t i;

	GROW(h->fields, h->nfields, h->cap);
	h->fields[h->nfields++] = (struct http_field_line){ name, value };
	for (i = 0; i < NELEM(known); i++)
		if (strcmp(name, known[i].name) == 0)
			return (known[i].fn(h, value));
	return (0);
}

static void
lower(char *s)
{
	for (; *s != '\0'; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s += 'a' - 'A';
}

static int
parse_field(struct http_head *h, char *line)
{
	char *value = strchr(line, ':'), *p, *last;

	if (value == NULL)
		return (400);
	*value++ = '\0';
	if (!is_token(line))	/* a folded line begins with a blank */
		return (400);
	value += strspn(value, " \t");
	for (last = p = value; *p != '\0'; p++) {
		if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
			return (400);
		if (*p != ' ' && *p != '\t')
			last = p + 1;
	}
	*last = '\0';
	lower(line);
	return (add_field(h, line, value));
}

/* What the fields say together. */
static int
check(const struct http_head *h)
{
	if (h->chunked && h->length != -1)
		return (400);
	if (h->minor > 0 && h->host == NULL)
		return (400);
	return (0);
}

int
http_head_parse(struct http_head *h, struct slice in, unsigned max_fields)
{
	char *line, *end;
	int status;

	*h = (struct http_head){ .query = "", .length = -1 };
	if (in.len < 4 || memchr(in.p, '\0', in.len) != NULL)
		return (400);
	h->text = xstrndup(in.p, in.len);
	for (line = h->text; *line != '\0'; line = end + 2) {
		/* Every line ends with CRLF: http_head_find has looked. */
		end = strchr(line, '\n') - 1;
		*end = '\0';
		if (end == line)
			break;
		if (line == h->text)
			status = parse_start(h, line);
		else if (h->nfields == max_fields)
			status = 431;
		else
			status = parse_field(h, line);
		if (status != 0)
			return (status);
	}
	return (check(h));
}

void
http_head_fini(struct http_head *h)
{
	free(h->fields);
	free(h->text);
	*h = (struct http_head){ .query = "", .length = -1 };
}

/*
 * Chunks (RFC 9112 section 7.1):
 *	size [;extension] CRLF data CRLF ... 0 CRLF trailers CRLF
 * A byte at a time but for the data.
 */

enum { SIZE, EXT, SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILER, TRAILER_LF };

static int
size_byte(struct http_chunks *k, uint8_t c)
{
	int d = hex((char)c);

	if (d >= 0) {
		if (++k->digits > 15)
			return (-1);
		k->left = k->left << 4 | (unsigned)d;
		return (0);
	}
	if (k->digits == 0)
		return (-1);
	if (c == '\r')
		k->state = SIZE_LF;
	else if (c == ';' || c == ' ' || c == '\t')
		k->state = EXT;
	else
		return (-1);
	return (0);
}

static int
skipped_byte(struct http_chunks *k, uint8_t c, unsigned at_cr)
{
	if (++k->overhead > OVERHEAD_MAX)
		return (-1);
	if (c == '\r')
		k->state = at_cr;
	else if ((c < 0x20 && c != '\t') || c == 0x7f)
		return (-1);
	else
		k->line++;
	return (0);
}

static int
line_feed(struct http_chunks *k)
{
	switch (k->state) {
	case SIZE_LF:
		k->state = k->left == 0 ? TRAILER : DATA;
		k->digits = 0;
		k->line = 0;
		break;
	case DATA_LF:
		k->state = SIZE;
		break;
	default:
		k->done = k->line == 0;
		k->line = 0;
		k->state = TRAILER;
		break;
	}
	return (0);
}

static int
chunk_byte(struct http_chunks *k, uint8_t c)
{
	switch (k->state) {
	case SIZE:
		return (size_byte(k, c));
	case EXT:
		return (skipped_byte(k, c, SIZE_LF));
	case TRAILER:
		return (skipped_byte(k, c, TRAILER_LF));
	case DATA_CR:
		k->state = DATA_LF;
		return (c == '\r' ? 0 : -1);
	default:
		return (c == '\n' ? line_feed(k) : -1);
	}
}

ssize_t
http_chunks_next(struct http_chunks *k, struct slice in, struct slice *data)
{
	size_t i = 0;

	*data = slice_of("", 0);
	while (i < in.len && !k->done && k->state != DATA)
		if (chunk_byte(k, in.p[i++]) == -1)
			return (-1);
	if (k->state == DATA && i < in.len) {
		*data = slice_of(in.p + i, in.len - i);
		if (data->len > k->left)
			data->len = (size_t)k->left;
		i += data->len;
		k->left -= data->len;
		if (k->left == 0)
			k->state = DATA_CR;
	}
	return ((ssize_t)i);
}
