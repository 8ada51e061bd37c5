/*
 * One socket per address of the host.  recvmmsg fills up to BATCH datagrams
 * into one block; its pages are touched only as far as datagrams reach, so
 * room for the longest ones costs address space, not memory.
 *
 * Drops: the kernel counts per socket in 32 bits and tells the count with each
 * datagram (SO_RXQ_OVFL, from the moment it was queued) and on request
 * (SO_MEMINFO, since Linux 4.12).  Both are the same counter; differences are
 * added up, so its wrapping does not matter.
 */
#include "loop/udp.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "loop/addr.h"
#include "loop/bind.h"

#define BATCH		64
#define ROUNDS		4	/* batches per wakeup, then others' turn */
#define RCVBUF		(4 * 1024 * 1024)
#define DATAGRAM	65536

struct usock {
	struct loop_fd	 io;
	struct udp_socket *u;
	int		 fd;
	uint32_t	 drops;		/* as last read */
};

struct slot {
	struct sockaddr_storage peer;
	char	control[CMSG_SPACE(sizeof(uint32_t))];
};

struct udp_socket {		/* its loop's */
	struct loop	*loop;
	char		*what, *name;
	udp_batch_fn	*fn;
	void		*ctx;
	struct usock	 socks[BIND_MAX];
	size_t		 nsocks;
	uint64_t	 drops;
	size_t		 max;		/* of a datagram */
	uint8_t		*data;		/* BATCH * max */
	struct mmsghdr	 msgs[BATCH];
	struct iovec	 iov[BATCH];
	struct slot	 slots[BATCH];
	bool		 paused, busy, closed;
};

static void
count_drops(struct usock *s, uint32_t now)
{
	uint32_t more = now - s->drops;

	if (more > INT32_MAX)
		return;		/* queued before the kernel was last asked */
	s->u->drops += more;
	s->drops = now;
}

static void
drops_from_control(struct usock *s, struct msghdr *m)
{
	struct cmsghdr *c;
	uint32_t n;

	for (c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET ||
		    c->cmsg_type != SO_RXQ_OVFL)
			continue;
		memcpy(&n, CMSG_DATA(c), sizeof n);
		count_drops(s, n);
	}
}

static void
drops_from_kernel(struct usock *s)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof info;

	if (getsockopt(s->fd, SOL_SOCKET, SO_MEMINFO, info, &len) == 0 &&
	    len > SK_MEMINFO_DROPS * sizeof *info)
		count_drops(s, info[SK_MEMINFO_DROPS]);
}

static void
prepare(struct udp_socket *u)
{
	size_t i;

	for (i = 0; i < BATCH; i++) {
		u->iov[i].iov_base = u->data + i * u->max;
		u->iov[i].iov_len = u->max;
		u->msgs[i].msg_hdr = (struct msghdr){
		    .msg_name = &u->slots[i].peer,
		    .msg_namelen = sizeof u->slots[i].peer,
		    .msg_iov = &u->iov[i], .msg_iovlen = 1,
		    .msg_control = u->slots[i].control,
		    .msg_controllen = sizeof u->slots[i].control };
	}
}

static void
deliver(struct usock *s, size_t n)
{
	struct udp_socket *u = s->u;
	struct udp_datagram d[BATCH];
	struct msghdr *m;
	size_t i;

	for (i = 0; i < n; i++) {
		m = &u->msgs[i].msg_hdr;
		d[i].data = slice_of(u->iov[i].iov_base, u->msgs[i].msg_len);
		d[i].cut = m->msg_flags & MSG_TRUNC;
		d[i].peer = (struct sockaddr *)&u->slots[i].peer;
		d[i].peer_len = m->msg_namelen;
		drops_from_control(s, m);
	}
	u->fn(u, d, n, u->ctx);
}

/* -> datagrams; 0: none now. */
static size_t
receive(struct usock *s)
{
	int n;

	prepare(s->u);
	do
		n = recvmmsg(s->fd, s->u->msgs, BATCH, MSG_DONTWAIT, NULL);
	while (n == -1 && errno == EINTR);
	if (n == -1 && errno != EAGAIN)
		log_warn(s->u->what, "receive on %s: %s", s->u->name,
		    strerror(errno));
	return (n > 0 ? (size_t)n : 0);
}

static void
let_go(struct udp_socket *u)
{
	free(u->data);
	free(u->name);
	free(u->what);
	free(u);
}

static void
on_readable(struct loop_fd *f, unsigned ready)
{
	struct usock *s = container_of(f, struct usock, io);
	struct udp_socket *u = s->u;
	size_t n = BATCH;
	int i;

	(void)ready;
	u->busy = true;
	for (i = 0; i < ROUNDS && n == BATCH && !u->paused && !u->closed; i++)
		if ((n = receive(s)) > 0)
			deliver(s, n);
	u->busy = false;
	if (u->closed)
		let_go(u);
}

/* The kernel cuts at net.core.rmem_max, and shows twice what it took. */
static void
set_rcvbuf(struct udp_socket *u, int fd, size_t want)
{
	int size = want > INT32_MAX / 2 ? INT32_MAX / 2 : (int)want;
	socklen_t len = sizeof size;
	char a[32], b[32];

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, len) == 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, len);
	if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &len) == 0 &&
	    (size_t)size / 2 < want)
		log_warn(u->what, "%s has a receive buffer of %s instead of "
		    "%s; raise net.core.rmem_max, or bursts are dropped",
		    u->name, str_print_size(a, sizeof a, (uint64_t)size / 2),
		    str_print_size(b, sizeof b, want));
}

static void
add_socket(struct udp_socket *u, int fd, size_t rcvbuf)
{
	struct usock *s = &u->socks[u->nsocks++];
	int one = 1;

	s->u = u;
	s->fd = fd;
	set_rcvbuf(u, fd, rcvbuf);
	setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &one, sizeof one);
	loop_fd_init(&s->io, u->loop, fd, on_readable);
	loop_fd_want(&s->io, LOOP_READ);
}

struct udp_socket *
udp_open(struct loop *l, const struct udp_opts *o, udp_batch_fn *fn,
    void *ctx, struct err *e)
{
	struct bind_opts b = { .host = o->host,
	    .port = o->port, .type = SOCK_DGRAM, .max = BIND_MAX };
	struct udp_socket *u;
	int fds[BIND_MAX];
	ssize_t i, n;

	loop_assert(l);
	if ((n = bind_host(&b, fds, e)) == -1)
		return (NULL);
	u = xcalloc(1, sizeof *u);
	u->loop = l;
	u->what = xstrdup(o->what == NULL ? "udp" : o->what);
	u->name = bind_name(o->host, bind_port(fds[0]));
	u->fn = fn;
	u->ctx = ctx;
	u->max = o->max_datagram == 0 ? DATAGRAM : o->max_datagram;
	u->data = xreallocarray(NULL, BATCH, u->max);
	for (i = 0; i < n; i++)
		add_socket(u, fds[i], o->rcvbuf == 0 ? RCVBUF : o->rcvbuf);
	return (u);
}

void
udp_close(struct udp_socket *u)
{
	size_t i;

	if (u == NULL || u->closed)
		return;
	loop_assert(u->loop);
	for (i = 0; i < u->nsocks; i++) {
		loop_fd_fini(&u->socks[i].io);
		close(u->socks[i].fd);
	}
	u->closed = true;
	if (!u->busy)
		let_go(u);
}

uint16_t
udp_port(const struct udp_socket *u)
{
	return (bind_port(u->socks[0].fd));
}

const char *
udp_name(const struct udp_socket *u)
{
	return (u->name);
}

uint64_t
udp_drops(struct udp_socket *u)
{
	size_t i;

	loop_assert(u->loop);
	for (i = 0; i < u->nsocks && !u->closed; i++)
		drops_from_kernel(&u->socks[i]);
	return (u->drops);
}

static void
set_reading(struct udp_socket *u, bool on)
{
	size_t i;

	loop_assert(u->loop);
	u->paused = !on;
	for (i = 0; i < u->nsocks && !u->closed; i++)
		loop_fd_want(&u->socks[i].io, on ? LOOP_READ : 0);
}

void
udp_pause(struct udp_socket *u)
{
	set_reading(u, false);
}

void
udp_resume(struct udp_socket *u)
{
	set_reading(u, true);
}

const char *
udp_peer(char *buf, size_t size, const struct udp_datagram *d)
{
	return (addr_text(buf, size, d->peer, true));
}
