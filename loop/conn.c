/*
 * Every way into this file from the loop (descriptor, task, timer) is
 * enter ... leave.  Between them callbacks may call anything, conn_free too:
 * that only marks, and leave does what was marked, once: report the end, free
 * the memory, or wait for the right descriptor events.  Calls from outside of
 * callbacks mark likewise and post the task, which is an enter ... leave too.
 *
 * Ending with conn_finish: output is flushed, then our side is shut down and
 * the peer's input thrown away until it closes or LINGER_MS are over.  Closing
 * at once with unread input would make the kernel send a reset, which can
 * overtake the last answer (RFC 9112 section 9.6).
 *
 * Turns: a peer that floods us fills a buffer with requests that take the owner
 * milliseconds.  So deliver stops after TURN_NS, and nothing is read before it
 * has come to the end of the buffer in later turns.  A connection that has used
 * up a turn is heavy until one of its turns is shorter: what it sends then
 * waits behind what the light ones send, whose answers are awaited.
 */
#include "loop/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "loop/addr.h"
#include "loop/inbuf.h"
#include "loop/outq.h"

#define READ_BUDGET	(1024 * 1024)	/* per wakeup, then others' turn */
#define TURN_NS		50000		/* of the owner, likewise */
#define WRITE_BUDGET	(4 * 1024 * 1024)
#define LINGER_MS	2000
#define STALL_MS	30000	/* of a finish without conn_idle */

struct conn {			/* its loop's */
	struct loop	*loop;
	const struct conn_ops *ops;
	void		*ctx;
	int		 fd;
	struct loop_fd	 io;
	struct loop_task task;
	struct loop_timer timer;	/* idle, then linger */
	int64_t		 idle_ns;
	int64_t		 active_ns;	/* when a byte last moved */
	struct inbuf	 in;
	struct outq	 out;
	size_t		 low, high;
	struct err	 err;
	unsigned	 busy;		/* depth of enter */
	bool		 delivering;	/* deliver looks at the input again */
	bool		 behind;	/* its turn was over with input left:
					   the task goes on */
	bool		 heavy;		/* its last turn was used up */
	bool		 readable;	/* to be read by the task */
	bool		 paused;
	bool		 eof;		/* the peer sends no more */
	bool		 eof_told;
	bool		 blocked;	/* the socket takes no more output */
	bool		 full;		/* drained is owed */
	bool		 finishing;
	bool		 lingering;
	bool		 over;		/* closed(err) is owed */
	bool		 failed;	/* err is set */
	bool		 freed;		/* no callback any more */
	char		 peer[ADDR_TEXT], host[ADDR_TEXT], local[ADDR_TEXT];
};

/* The end. */

static void
end(struct conn *c)
{
	c->over = true;
}

static void
end_error(struct conn *c)
{
	c->over = true;
	c->failed = true;
}

/* Everything but the memory. */
static void
let_go(struct conn *c)
{
	timer_fini(&c->timer);
	loop_fd_fini(&c->io);
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
	outq_fini(&c->out);
}

static void
free_memory(struct conn *c)
{
	inbuf_fini(&c->in);
	free(c);
}

void
conn_free(struct conn *c)
{
	if (c == NULL || c->freed)
		return;
	loop_assert(c->loop);
	c->freed = true;
	let_go(c);
	if (c->busy == 0 && !c->task.queued)
		free_memory(c);
}

static void
report_end(struct conn *c)
{
	const struct conn_ops *ops = c->ops;

	c->busy++;
	if (ops->closed != NULL)
		ops->closed(c, c->ctx, c->failed ? &c->err : NULL);
	c->busy--;
	if (!c->freed)
		conn_free(c);
	else if (!c->task.queued)
		free_memory(c);
}

/* Input. */

static bool
may_deliver(const struct conn *c)
{
	return (!c->freed && !c->over && !c->paused && !c->finishing);
}

static void
post(struct conn *c)
{
	if (!c->freed && !c->task.queued)
		loop_post(c->loop, &c->task);
}

static void
post_late(struct conn *c)
{
	if (!c->freed && !c->task.queued)
		loop_post_late(c->loop, &c->task);
}

static int64_t
turn_begin(void)
{
	return (clock_mono_ns() + TURN_NS);
}

static void
turn_over(struct conn *c, int64_t until)
{
	c->heavy = clock_mono_ns() >= until;
}

static void
deliver(struct conn *c, int64_t until)
{
	size_t len, want;

	c->behind = false;
	while (may_deliver(c) && (len = inbuf_len(&c->in)) >= c->in.want) {
		want = c->in.want;
		c->delivering = true;
		c->ops->data(c, c->ctx);
		c->delivering = false;
		if (inbuf_len(&c->in) == len && c->in.want <= want)
			return;
		if (may_deliver(c) && inbuf_len(&c->in) >= c->in.want &&
		    clock_mono_ns() >= until) {
			c->behind = true;
			post_late(c);
			return;
		}
	}
}

/* The end comes behind the input: not before a task that is to deliver it. */
static void
deliver_eof(struct conn *c)
{
	if (!c->eof || c->eof_told || c->task.queued || !may_deliver(c))
		return;
	c->eof_told = true;
	if (c->ops->eof != NULL)
		c->ops->eof(c, c->ctx);
	else
		end(c);
}

/* -> bytes read; 0: nothing more now. */
static size_t
read_some(struct conn *c, bool *more)
{
	ssize_t n = inbuf_fill(&c->in, c->fd, more);

	if (n > 0) {
		c->active_ns = loop_now_ns(c->loop);
		return ((size_t)n);
	}
	if (n == 0) {
		c->eof = true;
	} else if (errno != EAGAIN && errno != EWOULDBLOCK) {
		err_sys(&c->err, "receive from %s", c->peer);
		end_error(c);
	}
	return (0);
}

static void
read_on(struct conn *c, int64_t until)
{
	size_t n, total = 0;
	bool more = true;

	c->readable = false;
	while (more && total < READ_BUDGET && may_deliver(c) && !c->eof &&
	    !c->behind) {
		n = read_some(c, &more);
		total += n;
		if (n > 0)
			deliver(c, until);
	}
}

static void
on_readable(struct conn *c)
{
	int64_t until;

	if (c->heavy) {
		c->readable = true;
		post_late(c);
		return;
	}
	until = turn_begin();
	read_on(c, until);
	turn_over(c, until);
	deliver_eof(c);
}

static void
on_lingering(struct conn *c)
{
	char junk[16384];
	ssize_t n = recv(c->fd, junk, sizeof junk, 0);

	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
		end(c);
}

/* Output. */

static void
all_sent(struct conn *c)
{
	if (!c->finishing || c->lingering)
		return;
	if (c->eof || shutdown(c->fd, SHUT_WR) == -1) {
		end(c);
		return;
	}
	c->lingering = true;
	timer_arm(&c->timer, LINGER_MS);
}

static void
flush(struct conn *c)
{
	size_t before = c->out.bytes;
	int r;

	if (c->freed || c->over)
		return;
	r = outq_flush(&c->out, c->fd, WRITE_BUDGET, &c->err);
	if (c->out.bytes != before)
		c->active_ns = loop_now_ns(c->loop);
	c->blocked = c->out.bytes > 0;
	if (r == -1) {
		err_ctx(&c->err, "%s", c->peer);
		end_error(c);
	} else if (!c->blocked) {
		all_sent(c);
	}
}

static void
tell_drained(struct conn *c)
{
	if (c->freed || c->over || !c->full || c->out.bytes > c->low)
		return;
	c->full = false;
	if (c->ops->drained != NULL && !c->finishing)
		c->ops->drained(c, c->ctx);
}

/* In and out. */

static void
enter(struct conn *c)
{
	c->busy++;
}

static void
wait_for(struct conn *c)
{
	unsigned want = c->blocked ? LOOP_WRITE : 0;

	if (!c->eof && (c->lingering || (!c->paused && !c->finishing)))
		want |= LOOP_READ;
	loop_fd_want(&c->io, want);
}

static void
leave(struct conn *c)
{
	if (!c->blocked)
		flush(c);
	tell_drained(c);
	if (--c->busy > 0)
		return;
	if (!c->freed && c->over)
		report_end(c);
	else if (c->freed && !c->task.queued)
		free_memory(c);
	else if (!c->freed) {
		inbuf_trim(&c->in);
		wait_for(c);
		/* drained may have written or finished. */
		if (!c->blocked && (c->out.bytes > 0 ||
		    (c->finishing && !c->lingering)))
			post(c);
	}
}

/* Something was marked: act on it before the round is over. */
static void
kick(struct conn *c)
{
	if (c->busy == 0)
		post(c);
}

/* The owner changed what deliver looks at, and deliver is not running. */
static void
look_again(struct conn *c)
{
	if (!c->delivering && inbuf_len(&c->in) >= c->in.want)
		post(c);
}

static void
on_task(struct loop_task *t)
{
	struct conn *c = container_of(t, struct conn, task);
	bool turn = c->behind || c->readable;
	int64_t until;

	enter(c);
	if (!c->freed) {
		until = turn_begin();
		deliver(c, until);
		if (c->readable)
			read_on(c, until);
		if (turn)
			turn_over(c, until);
		deliver_eof(c);
	}
	leave(c);
}

static void
on_ready(struct loop_fd *f, unsigned ready)
{
	struct conn *c = container_of(f, struct conn, io);

	enter(c);
	if (ready & LOOP_WRITE)
		flush(c);
	if ((ready & LOOP_READ) && c->lingering && !c->freed && !c->over)
		on_lingering(c);
	else if (ready & LOOP_READ)
		on_readable(c);
	leave(c);
}

static void
on_timer(struct loop_timer *t)
{
	struct conn *c = container_of(t, struct conn, timer);
	int64_t left;

	enter(c);
	left = c->active_ns + c->idle_ns - loop_now_ns(c->loop);
	if (c->lingering) {
		end(c);
	} else if (c->paused && c->out.bytes == 0) {
		timer_arm(&c->timer, c->idle_ns / 1000000);
	} else if (left > 0) {
		timer_arm(&c->timer, left / 1000000 + 1);
	} else {
		err_set(&c->err, ERR_TIMEOUT, "%s: nothing moved for %lld ms",
		    c->peer, (long long)(c->idle_ns / 1000000));
		end_error(c);
	}
	leave(c);
}

/* For others. */

static void
name_ends(struct conn *c)
{
	struct sockaddr_storage ss = { .ss_family = AF_UNSPEC };
	struct sockaddr *sa = (struct sockaddr *)&ss;
	socklen_t len = sizeof ss;

	getpeername(c->fd, sa, &len);
	addr_text(c->peer, sizeof c->peer, sa, true);
	addr_text(c->host, sizeof c->host, sa, false);
	len = sizeof ss;
	getsockname(c->fd, sa, &len);
	addr_text(c->local, sizeof c->local, sa, true);
}

struct conn *
conn_new(struct loop *l, int fd, const struct conn_ops *ops, void *ctx)
{
	struct conn *c = xcalloc(1, sizeof *c);
	int one = 1;

	c->loop = l;
	c->fd = fd;
	c->ops = ops;
	c->ctx = ctx;
	c->low = 256 * 1024;
	c->high = 1024 * 1024;
	c->task.fn = on_task;
	inbuf_init(&c->in);
	timer_init(&c->timer, l, on_timer);
	/* Both fail harmlessly: a socket pair has no TCP. */
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
	name_ends(c);
	loop_fd_init(&c->io, l, fd, on_ready);
	loop_fd_want(&c->io, LOOP_READ);
	return (c);
}

void
conn_finish(struct conn *c)
{
	loop_assert(c->loop);
	c->finishing = true;
	if (c->idle_ns == 0)
		conn_idle(c, STALL_MS);
	kick(c);
}

struct loop *
conn_loop(const struct conn *c)
{
	return (c->loop);
}

void *
conn_ctx(const struct conn *c)
{
	return (c->ctx);
}

void
conn_set_ops(struct conn *c, const struct conn_ops *ops, void *ctx)
{
	loop_assert(c->loop);
	c->ops = ops;
	c->ctx = ctx;
}

const char *
conn_peer(const struct conn *c)
{
	return (c->peer);
}

const char *
conn_peer_host(const struct conn *c)
{
	return (c->host);
}

const char *
conn_local(const struct conn *c)
{
	return (c->local);
}

void
conn_idle(struct conn *c, int64_t ms)
{
	loop_assert(c->loop);
	if (c->freed || c->lingering)
		return;
	c->idle_ns = ms * 1000000;
	c->active_ns = loop_now_ns(c->loop);
	if (ms == 0)
		timer_disarm(&c->timer);
	else
		timer_arm(&c->timer, ms);
}

struct slice
conn_in(const struct conn *c)
{
	return (inbuf_slice(&c->in));
}

void
conn_consume(struct conn *c, size_t n)
{
	inbuf_consume(&c->in, n);
	look_again(c);
}

void
conn_want(struct conn *c, size_t n)
{
	c->in.want = n == 0 ? 1 : n;
	look_again(c);
}

struct buf *
conn_take(struct conn *c, size_t n)
{
	return (inbuf_take(&c->in, n));
}

void
conn_pause(struct conn *c)
{
	loop_assert(c->loop);
	c->paused = true;
	if (c->busy == 0 && !c->freed)
		wait_for(c);
}

void
conn_resume(struct conn *c)
{
	loop_assert(c->loop);
	if (!c->paused)
		return;
	c->paused = false;
	c->active_ns = loop_now_ns(c->loop);
	if (!c->delivering)
		post(c);
}

/* Output: noted here, sent at the end of the round. */

static void
queued(struct conn *c)
{
	loop_assert(c->loop);
	if (c->out.bytes > c->high)
		c->full = true;
	if (!c->blocked)
		kick(c);
}

void
conn_write(struct conn *c, const void *p, size_t n)
{
	if (c->freed)
		return;
	outq_copy(&c->out, p, n);
	queued(c);
}

void
conn_write_ref(struct conn *c, struct slice s, void (*release)(void *),
    void *arg)
{
	if (c->freed) {
		if (release != NULL)
			release(arg);
		return;
	}
	outq_ref(&c->out, s, release, arg);
	queued(c);
}

void
conn_write_buf(struct conn *c, struct buf *b)
{
	if (c->freed) {
		buf_unref(b);
		return;
	}
	outq_buf(&c->out, b);
	queued(c);
}

void
conn_write_file(struct conn *c, int fd, off_t off, size_t len,
    void (*release)(void *), void *arg)
{
	if (c->freed) {
		if (release != NULL)
			release(arg);
		return;
	}
	outq_file(&c->out, fd, off, len, release, arg);
	queued(c);
}

size_t
conn_pending_out(const struct conn *c)
{
	return (c->out.bytes);
}

void
conn_set_marks(struct conn *c, size_t low, size_t high)
{
	CHECK(low <= high);
	c->low = low;
	c->high = high;
}

bool
conn_full(const struct conn *c)
{
	return (c->full);
}
