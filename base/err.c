/*
 * Messages are formatted aside and copied then, so that an argument may be
 * the very message that is replaced.
 */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void
err_fill(struct err *e, enum err_code code, int sys, const char *msg)
{
	size_t n;

	e->code = code;
	e->sys = sys;
	n = strnlen(msg, sizeof e->msg - 1);
	memcpy(e->msg, msg, n);
	e->msg[n] = '\0';
}

int
err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
	char msg[sizeof e->msg];
	va_list ap;

	if (e == NULL)
		return (-1);
	va_start(ap, fmt);
	vsnprintf(msg, sizeof msg, fmt, ap);
	va_end(ap);
	err_fill(e, code, 0, msg);
	return (-1);
}

int
err_sys(struct err *e, const char *fmt, ...)
{
	char msg[sizeof e->msg], text[128];
	int sys = errno;
	size_t n;
	va_list ap;

	if (e == NULL)
		return (-1);
	va_start(ap, fmt);
	vsnprintf(msg, sizeof msg, fmt, ap);
	va_end(ap);
	n = strlen(msg);
	snprintf(msg + n, sizeof msg - n, ": %s",
	    strerror_r(sys, text, sizeof text));
	err_fill(e, ERR_SYS, sys, msg);
	errno = sys;
	return (-1);
}

int
err_ctx(struct err *e, const char *fmt, ...)
{
	char msg[2 * sizeof e->msg];
	va_list ap;
	size_t n;

	if (e == NULL)
		return (-1);
	va_start(ap, fmt);
	vsnprintf(msg, sizeof e->msg, fmt, ap);
	va_end(ap);
	n = strlen(msg);
	snprintf(msg + n, sizeof msg - n, ": %s", e->msg);
	err_fill(e, e->code, e->sys, msg);
	return (-1);
}
