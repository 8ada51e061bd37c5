/*
 * For tests of sources that listen: a source in a rig whose port is asked of
 * its `where`, and plain blocking clients beside it.
 */
#ifndef TEST_UNIT_NET_UTIL_H
#define TEST_UNIT_NET_UTIL_H

#include "test/unit/source_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

struct net_ports {
	uint16_t	v[16];
	size_t		n;
	const char	*state;
};

static inline void
net_port_row(void *ctx, const struct where_row *row)
{
	struct net_ports *p = ctx;
	const char *colon = strrchr(row->name, ':');

	ck_assert_ptr_nonnull(colon);
	if (p->n < NELEM(p->v))
		p->v[p->n++] = (uint16_t)atoi(colon + 1);
	p->state = row->state;
}

static inline struct net_ports
net_ports(struct rig *r)
{
	struct net_ports p = { .n = 0 };

	r->ops->where(r->source, net_port_row, &p);
	ck_assert_uint_gt(p.n, 0);
	return (p);
}

static inline uint16_t
net_port(struct rig *r)
{
	return (net_ports(r).v[0]);
}

/* A client of 127.0.0.1:port. */
static inline int
net_client(uint16_t port, int type)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_msg(connect(fd, (struct sockaddr *)&sin, sizeof sin) == 0,
	    "connect: %s", strerror(errno));
	return (fd);
}

static inline void
net_send(int fd, const void *p, size_t n)
{
	ck_assert_int_eq(send(fd, p, n, MSG_NOSIGNAL), (ssize_t)n);
}

static inline void
net_puts(int fd, const char *text)
{
	net_send(fd, text, strlen(text));
}

/* True when the peer has closed; reads what is there into text (if any). */
struct net_reader {
	int	 fd;
	char	 text[65536];
	size_t	 len;
	bool	 closed;
};

static inline void
net_read(struct net_reader *n)
{
	ssize_t got;

	while (!n->closed && n->len < sizeof n->text - 1) {
		got = recv(n->fd, n->text + n->len,
		    sizeof n->text - 1 - n->len, MSG_DONTWAIT);
		if (got == -1 && (errno == EAGAIN || errno == EINTR))
			break;
		if (got <= 0)
			n->closed = true;
		else
			n->len += (size_t)got;
	}
	n->text[n->len] = '\0';
}

static inline bool
net_is_closed(struct rig *r, void *ctx)
{
	struct net_reader *n = ctx;

	(void)r;
	net_read(n);
	return (n->closed);
}

struct net_metric {
	const char	*name;
	int64_t		 want;
};

static inline bool
net_has_metric(struct rig *r, void *ctx)
{
	const struct net_metric *m = ctx;

	return (rig_metric(r, m->name) == m->want);
}

static inline void
net_wait_metric(struct rig *r, const char *name, int64_t want)
{
	struct net_metric m = { name, want };

	rig_run(r, net_has_metric, &m);
}

#endif
