/*
 * iconv(3) with the byte order in the charset's name, because its plain UTF-16
 * is little-endian where Java's is big-endian.
 */
#include "sources/http_charset.h"

#include <iconv.h>
#include <stdlib.h>
#include <strings.h>

#include "base/mem.h"

static const struct {
	const char		*name;
	enum http_charset	 charset;
} names[] = {
	{ "utf-8", HTTP_UTF8 }, { "utf8", HTTP_UTF8 },
	{ "utf-16", HTTP_UTF16 }, { "utf-32", HTTP_UTF32 }
};

/* The value of charset=, unquoted. */
static bool
charset_param(const char *type, struct slice *out)
{
	const char *p;
	size_t n;

	for (p = strchr(type, ';'); p != NULL; p = strchr(p, ';')) {
		p++;
		p += strspn(p, " \t");
		if (strncasecmp(p, "charset=", 8) != 0)
			continue;
		p += 8;
		if (*p == '"')
			n = strcspn(++p, "\"");
		else
			n = strcspn(p, "; \t");
		*out = slice_of(p, n);
		return (true);
	}
	return (false);
}

int
http_charset_of(const char *type, enum http_charset *out, struct err *e)
{
	struct slice s;
	size_t i;

	*out = HTTP_UTF8;
	if (type == NULL || !charset_param(type, &s))
		return (0);
	for (i = 0; i < NELEM(names); i++)
		if (strlen(names[i].name) == s.len &&
		    strncasecmp(names[i].name, (const char *)s.p, s.len) == 0) {
			*out = names[i].charset;
			return (0);
		}
	return (err_set(e, ERR_PROTO, "charset %.*s is not taken; send UTF-8, "
	    "UTF-16 or UTF-32", (int)s.len, (const char *)s.p));
}

/* The charset's name for iconv; takes the mark off. */
static const char *
with_order(enum http_charset c, struct slice *in)
{
	static const struct {
		enum http_charset	 charset;
		const char		*name;
		struct slice		 mark;
	} marks[] = {
		{ HTTP_UTF16, "UTF-16BE", { (const uint8_t *)"\xfe\xff", 2 } },
		{ HTTP_UTF16, "UTF-16LE", { (const uint8_t *)"\xff\xfe", 2 } },
		{ HTTP_UTF32, "UTF-32BE",
		    { (const uint8_t *)"\0\0\xfe\xff", 4 } },
		{ HTTP_UTF32, "UTF-32LE",
		    { (const uint8_t *)"\xff\xfe\0\0", 4 } },
	};
	size_t i;

	for (i = 0; i < NELEM(marks); i++)
		if (marks[i].charset == c && in->len >= marks[i].mark.len &&
		    memcmp(in->p, marks[i].mark.p, marks[i].mark.len) == 0) {
			in->p += marks[i].mark.len;
			in->len -= marks[i].mark.len;
			return (marks[i].name);
		}
	return (c == HTTP_UTF16 ? "UTF-16BE" : "UTF-32BE");
}

/* All of in, into a buffer that is large enough for it.  -> bytes, -1. */
static ssize_t
convert(iconv_t cd, struct slice in, uint8_t *out, size_t size)
{
	char *from = (char *)(uintptr_t)in.p, *to = (char *)out;
	size_t left = size;

	if (iconv(cd, &from, &in.len, &to, &left) == (size_t)-1)
		return (-1);
	return ((ssize_t)(size - left));
}

struct buf *
http_charset_decode(enum http_charset c, struct slice in, struct err *e)
{
	const char *name = with_order(c, &in);
	iconv_t cd = iconv_open("UTF-8", name);
	struct buf *b;
	ssize_t n;

	if (cd == (iconv_t)-1) {
		err_sys(e, "iconv from %s", name);
		return (NULL);
	}
	/* Two bytes of UTF-16 are at most three of UTF-8. */
	b = buf_new(in.len + in.len / 2 + 8);
	n = convert(cd, in, b->data, b->cap);
	iconv_close(cd);
	if (n == -1) {
		err_set(e, ERR_PROTO, "the body is not well-formed %s", name);
		buf_unref(b);
		return (NULL);
	}
	b->len = (size_t)n;
	return (b);
}

static int
encode_one(iconv_t cd, struct batch *b, struct record *r, bool mark,
    uint8_t *scratch, size_t size)
{
	ssize_t n;

	if (r->body.len == 0)
		return (0);
	n = convert(cd, r->body, scratch + 2, size - 2);
	if (n == -1)
		return (-1);
	scratch[0] = 0xfe;
	scratch[1] = 0xff;
	r->body = batch_copy(b, mark ? slice_of(scratch, (size_t)n + 2) :
	    slice_of(scratch + 2, (size_t)n));
	return (0);
}

int
http_charset_encode(enum http_charset c, struct batch *b, struct err *e)
{
	const char *name = c == HTTP_UTF16 ? "UTF-16BE" : "UTF-32BE";
	iconv_t cd = iconv_open(name, "UTF-8");
	size_t longest = 0;
	uint8_t *scratch;
	uint32_t i;
	int rc = 0;

	if (cd == (iconv_t)-1)
		return (err_sys(e, "iconv to %s", name));
	for (i = 0; i < b->n; i++)
		if (b->records[i].body.len > longest)
			longest = b->records[i].body.len;
	/* One byte of UTF-8 is at most four of UTF-32. */
	scratch = xmalloc(4 * longest + 2);
	for (i = 0; i < b->n && rc == 0; i++)
		rc = encode_one(cd, b, &b->records[i], c == HTTP_UTF16,
		    scratch, 4 * longest + 2);
	free(scratch);
	iconv_close(cd);
	return (rc == 0 ? 0 : err_set(e, ERR_PROTO, "a body cannot be encoded "
	    "as %s", name));
}
