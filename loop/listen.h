/*
 * Listening sockets: TCP on a host name or address, and unix.
 *
 *	struct listen_opts o = { .what = "broker", .host = "127.0.0.1",
 *	    .port = 9092, .max_conns = 1000 };
 *	l = listener_tcp(loop, &o, accepted, broker, e);
 *	listener_deal(l, loops, nloops);
 *
 * accepted() owns the descriptor (non-blocking, close-on-exec) and a place: it
 * calls listener_leave once when the connection is over.  At max_conns the
 * listener stops accepting until a place is given back; new peers wait in
 * the kernel's backlog.  When the process has no descriptor left, one
 * connection is accepted with a spare one and closed, so that its peer knows,
 * and accepting pauses for a moment.
 *
 * Thread rule: the loop's thread, but listener_leave (any).
 */
#ifndef LOOP_LISTEN_H
#define LOOP_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "loop/loop.h"

struct listener;

struct listen_opts {
	const char	*what;		/* who listens, for the log; copied */
	/* A name or address; NULL, "" or "*": every address.  All addresses a
	 * name has are bound. */
	const char	*host;
	uint16_t	 port;		/* 0: the kernel chooses */
	unsigned	 max_conns;	/* 0: no limit but descriptors */
	int		 backlog;	/* 0: 1024 */
};

/* fd belongs to the callee.  loop: the one it was dealt to, which is the
 * thread this runs in. */
typedef void listen_accept_fn(struct loop *loop, int fd, void *ctx);

/*
 * Binds and listens; accepts from the next round on.  A failed bind names the
 * address, the port and what to change.
 */
struct listener	*listener_tcp(struct loop *, const struct listen_opts *,
		    listen_accept_fn *, void *ctx, struct err *e);
/* A unix socket at path with this mode.  One that nobody listens on any more
 * is replaced; it is unlinked by listener_free. */
struct listener	*listener_unix(struct loop *, const char *path, mode_t mode,
		    const struct listen_opts *, listen_accept_fn *, void *ctx,
		    struct err *e);
/* Deal to these loops in turn instead of the listener's own. The array is
 * copied; the loops outlive the listener and its connections. */
void		 listener_deal(struct listener *, struct loop *const *,
		    size_t n);
/* The real port; 0 for a unix socket. */
uint16_t	 listener_port(const struct listener *);
/* "127.0.0.1:9092", "[::1]:9092", "*:9092" or the path. */
const char	*listener_name(const struct listener *);
/* A place is free again.  Any thread. */
void		 listener_leave(struct listener *);
/* Places taken. */
unsigned	 listener_conns(const struct listener *);
/* Stop and go on accepting (the backlog fills meanwhile). */
void		 listener_pause(struct listener *);
void		 listener_resume(struct listener *);
/*
 * Closes the sockets: no accepted() on this loop any more.  On loops dealt to
 * one may be running now; what comes after, on the way still, is closed there,
 * so a loop_call to each of them after this is a barrier.  The memory lives on
 * until the last place was given back; so must the listener's loop.  NULL is
 * fine.
 */
void		 listener_free(struct listener *);

/* True when host (as in listen_opts) stands for loopback addresses only;
 * *any is what NULL, "" and "*" are.  A name that does not resolve: false. */
bool		 listen_is_loopback(const char *host);

#endif
