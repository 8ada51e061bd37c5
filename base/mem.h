/*
 * Memory for small control structures: it succeeds or the process ends with
 * a message.  Data from outside is bounded by settings before it comes here.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

void	*xmalloc(size_t n) __attribute__((malloc, returns_nonnull));
void	*xcalloc(size_t n, size_t size)
	    __attribute__((malloc, returns_nonnull));
/* Overflow of n * size is a CHECK. */
void	*xreallocarray(void *p, size_t n, size_t size)
	    __attribute__((returns_nonnull));
char	*xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
char	*xstrndup(const void *s, size_t n)
	    __attribute__((malloc, returns_nonnull));
char	*xasprintf(const char *fmt, ...)
	    __attribute__((malloc, returns_nonnull, format(printf, 1, 2)));

/*
 * Makes room for one more element in a growing array.  v is the array's
 * pointer, n its used count, cap its capacity variable:
 *	GROW(list->v, list->n, list->cap);  list->v[list->n++] = x;
 */
#define GROW(v, n, cap)							\
	do {								\
		if ((n) == (cap)) {					\
			(cap) = (cap) == 0 ? 8 : (cap) * 2;		\
			(v) = xreallocarray((v), (cap), sizeof *(v));	\
		}							\
	} while (0)

#define NELEM(a)	(sizeof (a) / sizeof (a)[0])

/* The struct that holds member m, from a pointer to that member. */
#define container_of(p, type, m)					\
	((type *)((char *)(p) - offsetof(type, m)))

#endif
