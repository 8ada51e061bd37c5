/*
 * Where messages end on a stream: at a newline, or after a count of octets
 * (RFC 6587 section 3.4.1), told apart for each message.
 *
 *	struct syslog_framer f = { .max = 2500 };
 *
 *	while ((n = syslog_frame(&f, rest, false, &m)) > 0) {
 *		if (m.text.p != NULL)
 *			... m.text, m.cut
 *		rest = rest + n;
 *	}
 *
 * A count is taken as one when '<' stands behind it and a frame of that length
 * is allowed; any other line that begins with a digit is a line.  A
 * message longer than max is cut there; what is left of it is the next one.
 * Total: every byte is handed out once, but the newlines, counts and one
 * newline at the end of a counted frame.
 */
#ifndef SOURCES_SYSLOG_FRAME_H
#define SOURCES_SYSLOG_FRAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

/* The longest frame that is believed, unless max is larger: a count that lies
 * can swallow so many bytes of the messages behind it and no more. */
#define SYSLOG_FRAME_MAX	131072

struct syslog_framer {
	size_t	max;		/* bytes of a message; at least 10 */
	/* private; zero at first */
	size_t	left;		/* octets of the counted frame still to come */
	size_t	scanned;	/* bytes without a newline, seen already */
};

struct syslog_frame {
	struct slice	text;	/* p NULL: bytes to skip, no message */
	bool		cut;	/* longer than max, or the stream ended */
	bool		counted;
};

/* The next message at the beginning of in.  -> bytes used up; 0: it is not
 * all there yet.  last: no more will come, so what is there is all. */
size_t	syslog_frame(struct syslog_framer *, struct slice in, bool last,
	    struct syslog_frame *);

#endif
