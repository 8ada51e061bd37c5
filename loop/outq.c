/*
 * Pieces in an array with a moving head.  Memory leaves by sendmsg, as many
 * pieces at once as an iovec takes; when a file range follows, with MSG_MORE,
 * so that a response's header shares its first segment with the records behind
 * it.  sendfile has no such flag, but a range that ends a response ends a
 * segment rightly.
 */
#include "loop/outq.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/mem.h"

#define CHUNK	2048	/* the least that is allocated for copied bytes */
#define IOV	64

struct outq_piece {
	const uint8_t	*p;		/* NULL: a file range */
	size_t		 len;		/* left to send */
	struct buf	*chunk;		/* copied bytes: it may get more */
	int		 fd;
	off_t		 off;
	void		(*release)(void *);
	void		*arg;
};

static void
piece_done(struct outq_piece *o)
{
	buf_unref(o->chunk);
	if (o->release != NULL)
		o->release(o->arg);
}

void
outq_fini(struct outq *q)
{
	for (; q->head < q->n; q->head++)
		piece_done(&q->v[q->head]);
	free(q->v);
	*q = (struct outq){ 0 };
}

static void
push(struct outq *q, struct outq_piece o)
{
	if (q->head == q->n) {
		q->head = q->n = 0;
	} else if (q->n == q->cap && q->head > q->cap / 2) {
		memmove(q->v, q->v + q->head,
		    (q->n - q->head) * sizeof *q->v);
		q->n -= q->head;
		q->head = 0;
	}
	GROW(q->v, q->n, q->cap);
	q->v[q->n++] = o;
	q->bytes += o.len;
}

/* Adds to the last chunk what fits; -> how much. */
static size_t
append(struct outq *q, const uint8_t *p, size_t n)
{
	struct outq_piece *last = q->head < q->n ? &q->v[q->n - 1] : NULL;
	struct buf *chunk = last == NULL ? NULL : last->chunk;

	if (chunk == NULL)
		return (0);
	if (n > chunk->cap - chunk->len)
		n = chunk->cap - chunk->len;
	memcpy(chunk->data + chunk->len, p, n);
	chunk->len += n;
	last->len += n;
	q->bytes += n;
	return (n);
}

void
outq_copy(struct outq *q, const void *data, size_t n)
{
	const uint8_t *p = data;
	struct buf *chunk;
	size_t done;

	if (n == 0)
		return;
	done = append(q, p, n);
	p += done;
	n -= done;
	if (n == 0)
		return;
	chunk = buf_new(n > CHUNK ? n : CHUNK);
	memcpy(chunk->data, p, n);
	chunk->len = n;
	push(q, (struct outq_piece){ .p = chunk->data, .len = n,
	    .chunk = chunk });
}

void
outq_ref(struct outq *q, struct slice s, void (*release)(void *), void *arg)
{
	if (s.len == 0) {
		if (release != NULL)
			release(arg);
		return;
	}
	push(q, (struct outq_piece){ .p = s.p, .len = s.len,
	    .release = release, .arg = arg });
}

static void
unref(void *arg)
{
	buf_unref(arg);
}

void
outq_buf(struct outq *q, struct buf *b)
{
	outq_ref(q, slice_of(b->data, b->len), unref, b);
}

void
outq_file(struct outq *q, int fd, off_t off, size_t len,
    void (*release)(void *), void *arg)
{
	if (len == 0) {
		if (release != NULL)
			release(arg);
		return;
	}
	push(q, (struct outq_piece){ .fd = fd, .off = off, .len = len,
	    .release = release, .arg = arg });
}

/* n bytes from the front have left. */
static void
advance(struct outq *q, size_t n)
{
	struct outq_piece *o, done;

	q->bytes -= n;
	while (n > 0) {
		o = &q->v[q->head];
		if (n < o->len) {
			if (o->p != NULL)
				o->p += n;
			o->len -= n;
			return;
		}
		n -= o->len;
		done = *o;
		q->head++;
		piece_done(&done);
	}
}

static int
send_error(struct err *e)
{
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return (1);
	return (err_sys(e, "send"));
}

/* -> 0 with *sent, 1, -1. */
static int
send_memory(struct outq *q, int fd, size_t budget, size_t *sent,
    struct err *e)
{
	struct iovec iov[IOV];
	struct msghdr m = { .msg_iov = iov };
	size_t i, total = 0;
	ssize_t n;

	for (i = q->head; i < q->n && q->v[i].p != NULL && m.msg_iovlen < IOV &&
	    total < budget; i++) {
		iov[m.msg_iovlen].iov_base = (void *)(uintptr_t)q->v[i].p;
		iov[m.msg_iovlen++].iov_len = q->v[i].len;
		total += q->v[i].len;
	}
	do
		n = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT |
		    (i < q->n ? MSG_MORE : 0));
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return (send_error(e));
	*sent = (size_t)n;
	advance(q, (size_t)n);
	return ((size_t)n < total);
}

static int
send_range(struct outq *q, int fd, size_t budget, size_t *sent,
    struct err *e)
{
	struct outq_piece *o = &q->v[q->head];
	size_t len = o->len < budget ? o->len : budget;
	off_t off = o->off;
	ssize_t n;

	do
		n = sendfile(fd, o->fd, &off, len);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return (send_error(e));
	if (n == 0)
		return (err_set(e, ERR_CORRUPT, "a file to send ends at or "
		    "before offset %lld, %zu bytes short", (long long)o->off,
		    o->len));
	*sent = (size_t)n;
	o->off = off;
	advance(q, (size_t)n);
	return (0);
}

int
outq_flush(struct outq *q, int fd, size_t budget, struct err *e)
{
	size_t sent;
	int r = 0;

	while (q->head < q->n && budget > 0 && r == 0) {
		sent = 0;
		if (q->v[q->head].p != NULL)
			r = send_memory(q, fd, budget, &sent, e);
		else
			r = send_range(q, fd, budget, &sent, e);
		budget -= sent < budget ? sent : budget;
	}
	return (r);
}
