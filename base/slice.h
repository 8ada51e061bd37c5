/*
 * A slice: pointer and length, borrowed bytes.  The header of whoever hands
 * one out says how long it stays valid.  p == NULL is "null" where a format
 * knows null; an empty slice has p != NULL and len 0.
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const uint8_t	*p;
	size_t		 len;
};

#define SLICE_NULL	((struct slice){ NULL, 0 })
/* A slice of a string literal. */
#define SLICE(lit)							\
	((struct slice){ (const uint8_t *)(lit), sizeof (lit) - 1 })

static inline struct slice
slice_of(const void *p, size_t len)
{
	return ((struct slice){ p, len });
}

/* s == NULL gives SLICE_NULL. */
static inline struct slice
slice_str(const char *s)
{
	return ((struct slice){ (const uint8_t *)s,
	    s == NULL ? 0 : strlen(s) });
}

static inline bool
slice_eq(struct slice a, struct slice b)
{
	return (a.len == b.len &&
	    (a.len == 0 || memcmp(a.p, b.p, a.len) == 0));
}

static inline bool
slice_eq_str(struct slice a, const char *s)
{
	return (slice_eq(a, slice_str(s)));
}

/* Bytewise order; a prefix sorts first. */
static inline int
slice_cmp(struct slice a, struct slice b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n == 0 ? 0 : memcmp(a.p, b.p, n);

	return (c != 0 ? c : a.len < b.len ? -1 : a.len > b.len);
}

#endif
