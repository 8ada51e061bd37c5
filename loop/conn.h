/*
 * A connection: a stream socket on one loop, with a receive buffer that is
 * read(2) into straight, and an output queue of copied bytes, referenced bytes
 * and file ranges (sendfile).
 *
 *	static const struct conn_ops ops = { .data = on_data, .closed = gone };
 *	c = conn_new(loop, fd, &ops, peer);
 *
 *	static void
 *	on_data(struct conn *c, void *ctx)
 *	{
 *		struct slice in = conn_in(c);		at least conn_want bytes
 *		size_t n = 4 + get_be32(in.p);		(bounded first)
 *
 *		conn_want(c, n);			called again when
 *		if (in.len < n)				they are all there
 *			return;
 *		frame = conn_take(c, n);
 *		conn_want(c, 4);
 *		...
 *	}
 *
 * The data callback is called again as long as what is wanted is there and the
 * last call took something or raised conn_want, so it need not loop itself: and
 * should not, as other connections have their turn between calls.
 *
 * Invariants: closed comes at most once, as the last call, never from inside a
 * call of ours, and not after conn_free.  Nothing is written inside
 * conn_write*: what one round queues leaves together at its end.  SIGPIPE is
 * never raised.  Memory for input is at most twice what the peer has sent
 * plus 64 KiB, whatever conn_want says.
 *
 * Thread rule: the loop's thread, all of it.
 */
#ifndef LOOP_CONN_H
#define LOOP_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "loop/loop.h"

struct conn;

struct conn_ops {
	/* conn_in has at least conn_want bytes. */
	void	(*data)(struct conn *, void *ctx);
	/* The peer will send no more; what is left is in conn_in.  Answers can
	 * still be written; the owner calls conn_finish or conn_free when it
	 * likes.  NULL: the connection is closed at once. */
	void	(*eof)(struct conn *, void *ctx);
	/* Pending output was above the high mark and fell to the low one.  May
	 * be NULL. */
	void	(*drained)(struct conn *, void *ctx);
	/* It is over; the conn is gone when this returns (conn_free in it is
	 * allowed and changes nothing).  conn_in is still there to read.
	 * err NULL: the peer closed, or conn_finish has sent everything.
	 * ERR_TIMEOUT: idle.  ERR_SYS: errno.  ERR_CORRUPT: a file was
	 * shorter than the range that was to be sent. */
	void	(*closed)(struct conn *, void *ctx, const struct err *err);
};

/*
 * Takes over fd, a connected stream socket (made non-blocking here; TCP_NODELAY
 * and SO_KEEPALIVE where it is TCP).  Reads from the next round on.  ops and
 * ctx stay the caller's.  Never fails; a socket that is dead already is
 * reported through closed.
 */
struct conn	*conn_new(struct loop *, int fd, const struct conn_ops *,
		    void *ctx);
/*
 * Closes now: unsent output is dropped, every release callback has run when
 * this returns, closed is not called.  Allowed inside any callback of c.
 * NULL is fine.
 */
void		 conn_free(struct conn *);
/* Reads no more, sends what is queued, then closed(NULL).  The owner may not
 * write any more.  A peer that takes nothing is given up after conn_idle's
 * time, or 30 s where that is not set. */
void		 conn_finish(struct conn *);

struct loop	*conn_loop(const struct conn *);
void		*conn_ctx(const struct conn *);
/* Replaces the callbacks, e.g. when a protocol is recognised. */
void		 conn_set_ops(struct conn *, const struct conn_ops *, void *);
/* "192.0.2.1:4711", "[2001:db8::1]:4711", "unix".  Valid as long as c. */
const char	*conn_peer(const struct conn *);
/* The address alone, without the port. */
const char	*conn_peer_host(const struct conn *);
/* The local end, in the form of conn_peer. */
const char	*conn_local(const struct conn *);
/* Closes with ERR_TIMEOUT after ms in which no byte moved; 0: never.
 * A connection with paused reading and no output does not time out. */
void		 conn_idle(struct conn *, int64_t ms);

/* Input. */

/* What has arrived and was not consumed.  Valid until the next conn_consume
 * or conn_take, or the return to the loop. */
struct slice	 conn_in(const struct conn *);
/* Drops the first n bytes of conn_in. */
void		 conn_consume(struct conn *, size_t n);
/* data is called only when n bytes are there (at least 1; 1 at first).  The
 * caller has bounded n. */
void		 conn_want(struct conn *, size_t n);
/*
 * Takes the first n bytes of conn_in out: a buffer with data and len set to
 * them and one reference, the caller's.  Not copied when they fill at least
 * half of the receive buffer, as a frame announced with conn_want does.
 */
struct buf	*conn_take(struct conn *, size_t n);
/* Reading off and on.  While paused, data is not called and the end of the
 * connection is not noticed but by writing.  On: data is called again, from
 * the loop, if what is wanted is already there. */
void		 conn_pause(struct conn *);
void		 conn_resume(struct conn *);

/*
 * Output.  Everything leaves in the order of the calls.  A release callback
 * runs once on the loop, when the bytes are sent or dropped; it must not call
 * back into the conn.
 */
void		 conn_write(struct conn *, const void *, size_t);
/* The bytes stay as they are until release(arg). release may be NULL. */
void		 conn_write_ref(struct conn *, struct slice,
		    void (*release)(void *), void *arg);
/* Takes over the caller's reference; sends data[0..len). */
void		 conn_write_buf(struct conn *, struct buf *);
/* len bytes of fd from offset off, by sendfile.  The file may grow but never
 * shrink below the range. */
void		 conn_write_file(struct conn *, int fd, off_t off, size_t len,
		    void (*release)(void *), void *arg);
/* Bytes queued and not yet with the kernel. */
size_t		 conn_pending_out(const struct conn *);
/* Defaults: 256 KiB and 1 MiB.  Writing above high is allowed; it is for the
 * owner to stop (conn_pause) and go on when drained comes. */
void		 conn_set_marks(struct conn *, size_t low, size_t high);
/* Pending output is above high, and drained will come. */
bool		 conn_full(const struct conn *);

#endif
