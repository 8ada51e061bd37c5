/*
 * What the files of a request's way share: server.c has the loops, connection.c
 * the connections with their queues, request.c the requests themselves.
 */
#ifndef BROKER_CONNECTION_H
#define BROKER_CONNECTION_H

#include "broker/broker_priv.h"
#include "broker/server.h"
#include "kafka/frame.h"

struct conn;

struct broker_conn {		/* owner: its loop */
	struct broker_loop	*home;
	struct conn		*conn;
	struct broker_conn	*next, **prev;
	struct request		*head, **tail;	/* in order of arrival */
	size_t			 nrequests;
	size_t			 bytes;
	bool			 paused;
	bool			 closing;	/* nothing more is sent */
	bool			 quiet;		/* stop: nothing more is read */
	uint64_t		 number;
	bool			 greeted;	/* see greets() */
	char			 host[64];
};

enum {	/* of a request */
	REQUEST_OPEN, REQUEST_ANSWERED, REQUEST_SILENT, REQUEST_CLOSES
};

/* --- server.c --- */

/* One more, or one less, of what is waited for at the start and the stop: a
 * count that idle_lock guards.  Any thread. */
void	server_count_up(struct broker *, size_t *n);
void	server_count_down(struct broker *, size_t *n);

/* --- connection.c; the connection's loop --- */

/* Makes a connection of an accepted socket, and closes it when its time is
 * over.  While the broker stops it is closed at once. */
void	connection_accept(struct broker_loop *, int fd);
/* Hands the answers that are due to the socket.  It may end, but stays. */
void	connection_send(struct broker_conn *);
/* Nothing more is read; it ends when its requests are answered. */
void	connection_quiet(struct broker_conn *);
/* Ends now; what is still being worked on is orphaned. */
void	connection_cut(struct broker_conn *);

/* --- request.c --- */

/* Gives it to its handler, or refuses it. */
void	request_dispatch(struct request *, const struct kframe *);
/* After it has left the queue, or of one that is orphaned. */
void	request_free(struct request *);
/* Queues it at the connection; the answer is used up. */
void	answer_send(struct conn *, struct answer *);

#endif
