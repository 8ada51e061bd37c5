/*
 * An error: a code to branch on, and a sentence built from the inside out.
 *
 * The callee that fails says what failed and with which name; callers put
 * where in front; the top prints it once:
 *
 *	if (fd == -1)
 *		return (err_sys(e, "open %s", path));
 *	...
 *	if (segment_open(s, e) == -1)
 *		return (err_ctx(e, "channel %s", name));
 *
 * A struct err lives on the caller's stack, starts as ERR_INIT and is left
 * alone on success.  Every function here accepts e == NULL.  A function
 * either fills a struct err or logs, never both.  No thread rule: it is data.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>

enum err_code {
	ERR_NONE = 0,
	ERR_SYS,		/* a system call failed; sys holds errno */
	ERR_FULL,		/* no room now; nothing was taken */
	ERR_CLOSED,		/* stopped, or the peer is gone */
	ERR_CONFIG,		/* the user's settings are wrong */
	ERR_CORRUPT,		/* stored bytes fail their check */
	ERR_PROTO,		/* a peer's bytes make no sense */
	ERR_TIMEOUT,
	ERR_NOT_FOUND,
	ERR_EXISTS,
	ERR_TOO_LARGE,		/* can never fit, however long one waits */
	ERR_REFUSED,		/* the other side said no, for good */
	ERR_UNCERTAIN		/* it may have happened: do it again */
};

struct err {
	enum err_code	code;
	int		sys;		/* errno, 0 when none */
	char		msg[504];
};

#define ERR_INIT	{ ERR_NONE, 0, "" }

/* All three return -1, so that they can stand in a return statement. */

/* Says what went wrong. */
int	err_set(struct err *e, enum err_code code, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));

/* The same with errno's text behind: "what: strerror"; code is ERR_SYS. */
int	err_sys(struct err *e, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/* Puts "where: " in front of what is there; keeps the code. */
int	err_ctx(struct err *e, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

#endif
