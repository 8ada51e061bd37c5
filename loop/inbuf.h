/*
 * The receive buffer of a connection: contiguous, read(2) into straight, its
 * bytes handed out without copying when a frame fills most of it.  Owned by
 * its connection.
 *
 * Invariant: while a frame is coming the capacity is at most what has arrived
 * plus 64 KiB, whatever want says; so a length field alone allocates nothing.
 */
#ifndef LOOP_INBUF_H
#define LOOP_INBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/slice.h"

struct inbuf {
	struct buf	*buf;		/* NULL while empty */
	size_t		 start, end;	/* what is there, in buf->data */
	size_t		 want;		/* bytes of the frame that is coming */
	size_t		 ahead;		/* how much to read when unsure */
};

void		 inbuf_init(struct inbuf *);
void		 inbuf_fini(struct inbuf *);
struct slice	 inbuf_slice(const struct inbuf *);
size_t		 inbuf_len(const struct inbuf *);
void		 inbuf_consume(struct inbuf *, size_t n);
struct buf	*inbuf_take(struct inbuf *, size_t n);
/*
 * One recv(2).  -> bytes read; 0 at the end of the stream; -1 with errno (not
 * EINTR).  *more: the space was filled, there may be more right now.
 */
ssize_t		 inbuf_fill(struct inbuf *, int fd, bool *more);
/* Gives the memory back when nothing is in it; for the end of a round. */
void		 inbuf_trim(struct inbuf *);

#endif
