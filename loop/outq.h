/*
 * The output queue of a connection: copied bytes, referenced bytes and file
 * ranges, in order.  Owned by its connection.
 */
#ifndef LOOP_OUTQ_H
#define LOOP_OUTQ_H

#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

struct outq_piece;

struct outq {
	struct outq_piece *v;
	size_t		 head, n, cap;	/* v[head..n) are queued */
	size_t		 bytes;
};

/* Zeroed memory is an empty queue. fini runs every release callback. */
void	outq_fini(struct outq *);
void	outq_copy(struct outq *, const void *, size_t);
void	outq_ref(struct outq *, struct slice, void (*release)(void *), void *);
void	outq_buf(struct outq *, struct buf *);	/* takes the reference */
void	outq_file(struct outq *, int fd, off_t, size_t,
	    void (*release)(void *), void *);
/*
 * Sends up to about budget bytes.  0: all is sent, or the budget is used up;
 * 1: the socket takes no more now; -1: the socket (ERR_SYS) or a file
 * (ERR_CORRUPT when it is shorter than its range) failed.
 */
int	outq_flush(struct outq *, int fd, size_t budget, struct err *);

#endif
