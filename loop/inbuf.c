/*
 * How the buffer grows.  Small input is read ahead into 4 to 64 KiB, as much
 * as reads have lately filled.  A frame that does not fit makes it grow to
 * what has arrived (FIONREAD tells what the kernel already holds), at least by
 * 64 KiB, at most to the frame: so a peer makes us hold little more than what
 * it has sent, and the next frame's bytes are not read into it.  A frame that
 * comes in one piece is never copied; one that comes in crumbs is a mapping
 * that grows (buf_grow).
 */
#include "loop/inbuf.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/check.h"

#define AHEAD_MIN	4096
#define AHEAD_MAX	65536
#define KEEP		16384	/* an empty buffer up to this size is kept */

void
inbuf_init(struct inbuf *b)
{
	*b = (struct inbuf){ .want = 1, .ahead = AHEAD_MIN };
}

void
inbuf_fini(struct inbuf *b)
{
	buf_unref(b->buf);
	b->buf = NULL;
	b->start = b->end = 0;
}

size_t
inbuf_len(const struct inbuf *b)
{
	return (b->end - b->start);
}

struct slice
inbuf_slice(const struct inbuf *b)
{
	if (b->buf == NULL)
		return (slice_of("", 0));
	return (slice_of(b->buf->data + b->start, inbuf_len(b)));
}

void
inbuf_consume(struct inbuf *b, size_t n)
{
	CHECK(n <= inbuf_len(b));
	b->start += n;
	if (b->start == b->end)
		b->start = b->end = 0;
}

static void
move_to_front(struct inbuf *b)
{
	size_t len = inbuf_len(b);

	memmove(b->buf->data, b->buf->data + b->start, len);
	b->start = 0;
	b->end = len;
}

static size_t
max(size_t a, size_t b)
{
	return (a > b ? a : b);
}

static size_t
min(size_t a, size_t b)
{
	return (a < b ? a : b);
}

/* What the kernel holds for us, bounded by what makes sense to ask for. */
static size_t
available(int fd)
{
	int n = 0;

	return (ioctl(fd, FIONREAD, &n) == -1 || n < 0 ? 0 : (size_t)n);
}

static size_t
grown(const struct inbuf *b, int fd)
{
	size_t len = inbuf_len(b);
	size_t cap = len + max(AHEAD_MAX, available(fd));

	/* Without a frame to come (the owner lets it pile up), by doubling. */
	return (b->want > len ? max(min(cap, b->want), b->buf->cap) : 2 * len);
}

/* Makes room for at least one byte more. */
static void
make_room(struct inbuf *b, int fd)
{
	size_t len = inbuf_len(b);
	size_t goal = max(b->want, len + 1);

	if (b->buf == NULL) {
		b->buf = buf_new(max(b->ahead, min(goal, AHEAD_MAX)));
		return;
	}
	if (b->start + goal > b->buf->cap &&
	    (goal <= b->buf->cap || b->end == b->buf->cap))
		move_to_front(b);
	if (b->end == b->buf->cap)
		b->buf = buf_grow(b->buf, len, grown(b, fd));
}

static void
adapt(struct inbuf *b, size_t n, bool filled)
{
	if (filled && b->ahead < AHEAD_MAX)
		b->ahead *= 2;
	else if (n < b->ahead / 4 && b->ahead > AHEAD_MIN)
		b->ahead /= 2;
}

ssize_t
inbuf_fill(struct inbuf *b, int fd, bool *more)
{
	size_t room;
	ssize_t n;

	make_room(b, fd);
	room = b->buf->cap - b->end;
	do
		n = recv(fd, b->buf->data + b->end, room, 0);
	while (n == -1 && errno == EINTR);
	*more = n > 0 && (size_t)n == room;
	if (n > 0) {
		b->end += (size_t)n;
		adapt(b, (size_t)n, *more);
	}
	return (n);
}

/* A copy, for a frame that would pin a mostly foreign buffer. */
static struct buf *
take_copy(struct inbuf *b, size_t n)
{
	struct buf *out = buf_new(n);

	if (n > 0)
		memcpy(out->data, b->buf->data + b->start, n);
	out->len = n;
	inbuf_consume(b, n);
	return (out);
}

struct buf *
inbuf_take(struct inbuf *b, size_t n)
{
	struct buf *out = b->buf;
	size_t rest;

	CHECK(n <= inbuf_len(b));
	if (n == 0 || n < out->cap / 2)
		return (take_copy(b, n));
	rest = inbuf_len(b) - n;
	b->buf = NULL;
	if (rest > 0) {
		b->buf = buf_new(max(rest, b->ahead));
		memcpy(b->buf->data, out->data + b->start + n, rest);
	}
	out->data += b->start;
	out->cap = out->len = n;
	b->start = 0;
	b->end = rest;
	return (out);
}

void
inbuf_trim(struct inbuf *b)
{
	if (b->buf != NULL && inbuf_len(b) == 0 && b->buf->cap > KEEP)
		inbuf_fini(b);
}
