/*
 * A UDP socket read in batches (recvmmsg), with an exact count of what the
 * kernel dropped for want of room.
 *
 * Thread rule: the loop's thread.
 */
#ifndef LOOP_UDP_H
#define LOOP_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/slice.h"
#include "loop/loop.h"

struct udp_socket;

struct udp_opts {
	const char	*what;		/* who listens, for the log */
	const char	*host;		/* as in listen_opts */
	uint16_t	 port;
	size_t		 rcvbuf;	/* SO_RCVBUF; 0: 4 MiB. Said once when
					   the kernel gives less */
	size_t		 max_datagram;	/* 0: 65536; longer ones are cut */
};

struct udp_datagram {
	struct slice	 data;
	bool		 cut;		/* it was longer than max_datagram */
	const struct sockaddr *peer;
	socklen_t	 peer_len;
};

/* 1..64 datagrams of one address, in order; valid during the call. */
typedef void udp_batch_fn(struct udp_socket *, const struct udp_datagram *,
	    size_t n, void *ctx);

/* A port in use is named as by listener_tcp. */
struct udp_socket *udp_open(struct loop *, const struct udp_opts *,
		    udp_batch_fn *, void *ctx, struct err *e);
/* NULL is fine.  Allowed inside the callback. */
void		 udp_close(struct udp_socket *);
uint16_t	 udp_port(const struct udp_socket *);
const char	*udp_name(const struct udp_socket *);
/*
 * Datagrams that came since udp_open and the kernel dropped.  It is asked
 * (SO_MEMINFO), so the number is exact at any time, not only after the next
 * datagram.
 */
uint64_t	 udp_drops(struct udp_socket *);
/* Not reading (the kernel drops and counts once its buffer is full). */
void		 udp_pause(struct udp_socket *);
void		 udp_resume(struct udp_socket *);
/* "192.0.2.1:514" of a peer; buf of at least 64. Returns buf. */
const char	*udp_peer(char *buf, size_t, const struct udp_datagram *);

#endif
