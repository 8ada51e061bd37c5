/* malloc(3) and friends that do not come back empty-handed. */
#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/check.h"

static void out_of_memory(size_t) __attribute__((noreturn, cold));

static void
out_of_memory(size_t n)
{
	dprintf(STDERR_FILENO, "leat: out of memory (%zu bytes wanted)\n", n);
	_exit(EX_OSERR);
}

void *
xmalloc(size_t n)
{
	void *p = malloc(n == 0 ? 1 : n);

	if (p == NULL)
		out_of_memory(n);
	return (p);
}

void *
xcalloc(size_t n, size_t size)
{
	void *p = n == 0 || size == 0 ? calloc(1, 1) : calloc(n, size);

	if (p == NULL)
		out_of_memory(n * size);
	return (p);
}

void *
xreallocarray(void *p, size_t n, size_t size)
{
	size_t total;

	CHECK(!__builtin_mul_overflow(n, size, &total));
	p = realloc(p, total == 0 ? 1 : total);
	if (p == NULL)
		out_of_memory(total);
	return (p);
}

char *
xstrdup(const char *s)
{
	return (xstrndup(s, strlen(s)));
}

/* Exactly n bytes, whatever is in them; a NUL behind. */
char *
xstrndup(const void *s, size_t n)
{
	char *p;

	CHECK(n < SIZE_MAX);
	p = xmalloc(n + 1);
	if (n != 0)
		memcpy(p, s, n);
	p[n] = '\0';
	return (p);
}

char *
xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *p;

	va_start(ap, fmt);
	if (vasprintf(&p, fmt, ap) == -1)
		out_of_memory(0);
	va_end(ap);
	return (p);
}
