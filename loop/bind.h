/*
 * Binding sockets to what a user wrote as host and port, with messages that
 * say what to change.  For listen.c and udp.c.  Any thread; names are resolved
 * here, so it may block: for start-up.
 */
#ifndef LOOP_BIND_H
#define LOOP_BIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define BIND_MAX	8	/* addresses of one name */

struct bind_opts {
	const char	*host;		/* NULL, "", "*": every address */
	uint16_t	 port;		/* 0: one that is free, the same for
					   all addresses */
	int		 type;		/* SOCK_STREAM: listens, SOCK_DGRAM */
	size_t		 max;		/* stop after so many addresses */
	int		 backlog;
};

/* -> the count of sockets put in fds[BIND_MAX], close-on-exec and
 * non-blocking; -1.  Addresses of a family the machine does not have are
 * passed over as long as one works. */
ssize_t	 bind_host(const struct bind_opts *, int *fds, struct err *e);
uint16_t bind_port(int fd);
/* "127.0.0.1:9092", "[::1]:9092", "*:9092".  The caller frees it. */
char	*bind_name(const char *host, uint16_t port);
/* What host stands for is loopback addresses and nothing else. */
bool	 bind_is_loopback(const char *host);
/* -> a listening unix socket, -1. */
int	 bind_unix(const char *what, const char *path, mode_t mode,
	    int backlog, struct err *e);

#endif
