/* The growing string of str.h. */
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/utf8.h"

/* Room for n more bytes and the NUL. */
static void
sb_room(struct sb *b, size_t n)
{
	size_t want, cap = b->cap == 0 ? 64 : b->cap;

	CHECK(!__builtin_add_overflow(b->len, n, &want) &&
	    want < SIZE_MAX / 2);
	if (want < b->cap)
		return;
	while (cap <= want)
		cap *= 2;
	b->ptr = xreallocarray(b->ptr, cap, 1);
	b->cap = cap;
}

void
sb_add(struct sb *b, const void *p, size_t n)
{
	sb_room(b, n);
	if (n != 0)
		memcpy(b->ptr + b->len, p, n);
	b->len += n;
	b->ptr[b->len] = '\0';
}

void
sb_puts(struct sb *b, const char *s)
{
	sb_add(b, s, strlen(s));
}

void
sb_printf(struct sb *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	sb_room(b, 64);
	va_start(ap, fmt);
	n = vsnprintf(b->ptr + b->len, b->cap - b->len, fmt, ap);
	va_end(ap);
	CHECK(n >= 0);
	if ((size_t)n >= b->cap - b->len) {
		sb_room(b, (size_t)n);
		va_start(ap, fmt);
		vsnprintf(b->ptr + b->len, b->cap - b->len, fmt, ap);
		va_end(ap);
	}
	b->len += (size_t)n;
}

static const char *
json_escape(uint8_t c)
{
	switch (c) {
	case '"':	return ("\\\"");
	case '\\':	return ("\\\\");
	case '\b':	return ("\\b");
	case '\f':	return ("\\f");
	case '\n':	return ("\\n");
	case '\r':	return ("\\r");
	case '\t':	return ("\\t");
	default:	return (NULL);
	}
}

void
sb_json(struct sb *b, struct slice s)
{
	const char *escape;
	size_t n, i;

	sb_add(b, "\"", 1);
	for (i = 0; i < s.len; i += n) {
		n = utf8_len(s.p + i, s.len - i);
		if (n == 0) {
			sb_puts(b, "\xef\xbf\xbd");
			n = 1;
		} else if ((escape = json_escape(s.p[i])) != NULL)
			sb_puts(b, escape);
		else if (s.p[i] < 0x20 || s.p[i] == 0x7f)
			sb_printf(b, "\\u%04x", s.p[i]);
		else
			sb_add(b, s.p + i, n);
	}
	sb_add(b, "\"", 1);
}

char *
sb_take(struct sb *b)
{
	char *p;

	sb_room(b, 0);
	b->ptr[b->len] = '\0';
	p = b->ptr;
	*b = (struct sb)SB_INIT;
	return (p);
}

void
sb_fini(struct sb *b)
{
	free(b->ptr);
	*b = (struct sb)SB_INIT;
}
