/*
 * A listener has one socket per address of its host.  Whether it accepts now
 * depends on three brakes: the owner's pause, the limit of places, and a
 * short pause after the process or the system ran out of something, or when
 * so many come that accepting them keeps the loop from those it has; set_wants
 * is the one place that looks at them.
 *
 * listener_leave comes from any thread.  `full` is set by the loop before it
 * looks at the count once more, and taken down by whoever lowers the count;
 * the one who takes it down wakes the loop, so no place is lost and the task
 * is posted once.
 */
#include "loop/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/addr.h"
#include "loop/bind.h"

#define BACKLOG		1024
#define TURN_NS		150000	/* of accepting, then others' turn */
#define STORM_MS	1	/* for them, if a turn was not enough */
#define SHORT_MS	100	/* pause when descriptors or memory are short */

struct lsock {
	struct loop_fd	 io;
	struct listener	*l;
	int		 fd;
};

struct listener {		/* its loop's, but the atomics */
	struct loop	*loop;
	char		*what, *name;
	listen_accept_fn *fn;
	void		*ctx;
	struct lsock	 socks[BIND_MAX];
	size_t		 nsocks;
	uint16_t	 port;
	char		*path;		/* unix: to be unlinked */
	ino_t		 ino;
	unsigned	 max;
	int		 spare;		/* a descriptor kept for EMFILE */
	struct loop_timer retry;
	bool		 paused, resting;
	struct loop	**deal;
	size_t		 ndeal, next;
	struct loop_task task;		/* a place is free again */
	atomic_uint	 conns;
	atomic_bool	 full;
	atomic_bool	 posted;	/* task is on its way */
	atomic_bool	 closed;
	atomic_uint	 refs;		/* owner, places, task */
};

/* A descriptor on its way to another loop. */
struct dealt {
	struct loop_task task;
	struct listener	*l;
	struct loop	*loop;
	int		 fd;
};

static void
unref(struct listener *l)
{
	if (atomic_fetch_sub(&l->refs, 1) > 1)
		return;
	free(l->deal);
	free(l->path);
	free(l->name);
	free(l->what);
	free(l);
}

static void
set_wants(struct listener *l)
{
	bool on = !l->paused && !l->resting && !atomic_load(&l->full);
	size_t i;

	for (i = 0; i < l->nsocks; i++)
		loop_fd_want(&l->socks[i].io, on ? LOOP_READ : 0);
}

/* Places. */

static void
on_place(struct loop_task *t)
{
	struct listener *l = container_of(t, struct listener, task);

	atomic_store(&l->posted, false);
	if (!atomic_load(&l->closed))
		set_wants(l);
	unref(l);
}

void
listener_leave(struct listener *l)
{
	CHECK(atomic_fetch_sub(&l->conns, 1) > 0);
	if (atomic_exchange(&l->full, false) &&
	    !atomic_exchange(&l->posted, true)) {
		atomic_fetch_add(&l->refs, 1);
		loop_post(l->loop, &l->task);
	}
	unref(l);
}

/* False at the limit; then nothing is accepted until a place is free. */
static bool
has_place(struct listener *l)
{
	if (l->max == 0 || atomic_load(&l->conns) < l->max)
		return (true);
	atomic_store(&l->full, true);
	if (atomic_load(&l->conns) < l->max &&
	    atomic_exchange(&l->full, false))
		return (true);
	set_wants(l);
	return (false);
}

/* Accepting. */

static void
on_dealt(struct loop_task *t)
{
	struct dealt *d = container_of(t, struct dealt, task);

	if (!atomic_load(&d->l->closed)) {
		d->l->fn(d->loop, d->fd, d->l->ctx);
	} else {
		close(d->fd);
		listener_leave(d->l);
	}
	free(d);
}

static void
hand_over(struct listener *l, int fd)
{
	struct dealt *d;

	atomic_fetch_add(&l->conns, 1);
	atomic_fetch_add(&l->refs, 1);
	if (l->ndeal == 0) {
		l->fn(l->loop, fd, l->ctx);
		return;
	}
	d = xcalloc(1, sizeof *d);
	d->task.fn = on_dealt;
	d->l = l;
	d->fd = fd;
	d->loop = l->deal[l->next];
	l->next = (l->next + 1) % l->ndeal;
	loop_post(d->loop, &d->task);
}

static void
rest(struct listener *l, int ms)
{
	l->resting = true;
	set_wants(l);
	timer_arm(&l->retry, ms);
}

static void
pause_shortly(struct listener *l, int err)
{
	log_warn(l->what, "cannot accept on %s: %s; trying again in %d ms",
	    l->name, strerror(err), SHORT_MS);
	rest(l, SHORT_MS);
}

/* Lets one waiting peer know, rather than leave it hanging in the backlog. */
static void
turn_one_away(struct listener *l, int fd)
{
	int c;

	if (l->spare != -1)
		close(l->spare);
	c = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (c != -1)
		close(c);
	l->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* False: stop accepting for now. */
static bool
accept_failed(struct listener *l, int fd, int err)
{
	switch (err) {
	case EAGAIN:
		return (false);
	case EMFILE:
	case ENFILE:
		turn_one_away(l, fd);
		/* FALLTHROUGH */
	case ENOBUFS:
	case ENOMEM:
		pause_shortly(l, err);
		return (false);
	case EBADF:
	case EFAULT:
	case EINVAL:
	case ENOTSOCK:
	case EOPNOTSUPP:
		pause_shortly(l, err);
		return (false);
	default:
		/* The connection's own network error (accept(2)): next. */
		return (true);
	}
}

static void
on_acceptable(struct loop_fd *f, unsigned ready)
{
	struct lsock *s = container_of(f, struct lsock, io);
	struct listener *l = s->l;
	int64_t until = clock_mono_ns() + TURN_NS;
	int fd;

	(void)ready;
	/* accepted() may free the listener. */
	atomic_fetch_add(&l->refs, 1);
	while (!atomic_load(&l->closed) && !l->paused && has_place(l)) {
		if (clock_mono_ns() >= until) {
			rest(l, STORM_MS);
			break;
		}
		fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd != -1)
			hand_over(l, fd);
		else if (!accept_failed(l, s->fd, errno))
			break;
	}
	unref(l);
}

static void
on_retry(struct loop_timer *t)
{
	struct listener *l = container_of(t, struct listener, retry);

	l->resting = false;
	set_wants(l);
}

/* Making. */

static struct listener *
listener_alloc(struct loop *loop, const struct listen_opts *o,
    listen_accept_fn *fn, void *ctx)
{
	struct listener *l = xcalloc(1, sizeof *l);

	loop_assert(loop);
	l->loop = loop;
	l->what = o->what == NULL ? NULL : xstrdup(o->what);
	l->fn = fn;
	l->ctx = ctx;
	l->max = o->max_conns;
	l->task.fn = on_place;
	atomic_store(&l->refs, 1);
	timer_init(&l->retry, loop, on_retry);
	l->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return (l);
}

static void
watch_sockets(struct listener *l, const int *fds, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		l->socks[i].fd = fds[i];
		l->socks[i].l = l;
		loop_fd_init(&l->socks[i].io, l->loop, fds[i], on_acceptable);
	}
	l->nsocks = n;
	set_wants(l);
}

struct listener *
listener_tcp(struct loop *loop, const struct listen_opts *o,
    listen_accept_fn *fn, void *ctx, struct err *e)
{
	struct listener *l;
	int fds[BIND_MAX];
	struct bind_opts b = { .host = o->host,
	    .port = o->port, .type = SOCK_STREAM, .max = BIND_MAX,
	    .backlog = o->backlog == 0 ? BACKLOG : o->backlog };
	ssize_t n = bind_host(&b, fds, e);

	if (n == -1)
		return (NULL);
	l = listener_alloc(loop, o, fn, ctx);
	l->port = bind_port(fds[0]);
	l->name = bind_name(o->host, l->port);
	watch_sockets(l, fds, (size_t)n);
	return (l);
}

struct listener *
listener_unix(struct loop *loop, const char *path, mode_t mode,
    const struct listen_opts *o, listen_accept_fn *fn, void *ctx,
    struct err *e)
{
	struct listener *l;
	struct stat st;
	int fd = bind_unix(o->what, path, mode,
	    o->backlog == 0 ? BACKLOG : o->backlog, e);

	if (fd == -1)
		return (NULL);
	l = listener_alloc(loop, o, fn, ctx);
	l->name = xstrdup(path);
	l->path = xstrdup(path);
	l->ino = stat(path, &st) == 0 ? st.st_ino : 0;
	watch_sockets(l, &fd, 1);
	return (l);
}

void
listener_deal(struct listener *l, struct loop *const *loops, size_t n)
{
	loop_assert(l->loop);
	free(l->deal);
	l->deal = xreallocarray(NULL, n, sizeof *loops);
	memcpy(l->deal, loops, n * sizeof *loops);
	l->ndeal = n;
	l->next = 0;
}

uint16_t
listener_port(const struct listener *l)
{
	return (l->port);
}

const char *
listener_name(const struct listener *l)
{
	return (l->name);
}

unsigned
listener_conns(const struct listener *l)
{
	return (atomic_load(&((struct listener *)(uintptr_t)l)->conns));
}

void
listener_pause(struct listener *l)
{
	loop_assert(l->loop);
	l->paused = true;
	set_wants(l);
}

void
listener_resume(struct listener *l)
{
	loop_assert(l->loop);
	l->paused = false;
	set_wants(l);
}

bool
listen_is_loopback(const char *host)
{
	return (bind_is_loopback(host));
}

/* Another listener may have taken the path over meanwhile. */
static void
unlink_own(const struct listener *l)
{
	struct stat st;

	if (l->path != NULL && stat(l->path, &st) == 0 &&
	    st.st_ino == l->ino)
		unlink(l->path);
}

void
listener_free(struct listener *l)
{
	size_t i;

	if (l == NULL)
		return;
	loop_assert(l->loop);
	atomic_store(&l->closed, true);
	atomic_store(&l->full, false);
	unlink_own(l);
	for (i = 0; i < l->nsocks; i++) {
		loop_fd_fini(&l->socks[i].io);
		close(l->socks[i].fd);
	}
	l->nsocks = 0;
	timer_fini(&l->retry);
	if (l->spare != -1)
		close(l->spare);
	l->spare = -1;
	unref(l);
}
