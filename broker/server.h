/*
 * Connections and the way of a request: accept, frame, dispatch, answer in
 * order.  The calls of a handler are in broker_priv.h.
 */
#ifndef BROKER_SERVER_H
#define BROKER_SERVER_H

#include "broker/broker_priv.h"
#include "kafka/wire.h"

/*
 * An answer as it leaves: the bytes of buf, with file ranges in between.  Made
 * by who wants more than request_reply does (Fetch).
 */
struct answer_file {
	size_t		 at;		/* behind this many bytes of buf */
	int		 fd;
	off_t		 pos;
	size_t		 len;
	void		(*release)(void *);	/* on any thread */
	void		*arg;
};
struct answer {
	struct buf		*buf;
	struct answer_file	*files;		/* ascending by at */
	size_t			 nfiles;
};

/* Takes over the answer, a whole frame; otherwise as request_reply. */
void	request_answer(struct request *, struct answer *);
/* Takes the bytes of a writer that holds a whole frame; it is empty then. */
struct answer *answer_of(struct kwriter *);
void	answer_free(struct answer *);	/* releases its files; NULL is fine */
/* The frame of r's request is not needed any more: in, body and client_id are
 * gone. */
void	request_drop_frame(struct request *);

/* Is there a handler for this key? */
bool	server_has_handler(int16_t key);
/* Answers ApiVersions of a version that is not served. */
void	api_versions_fallback(struct request *);

/* The one feature (KIP-584) that is told, finalized at this level. */
#define FEATURE_NAME	"transaction.version"
#define FEATURE_LEVEL	2

/* Makes the loops and binds; nothing is accepted before server_run. */
int	server_init(struct broker *, struct err *);
/* Starts the loops' threads. */
int	server_run(struct broker *, struct err *);
/* No connection and no request comes any more; long polls end.  The loops
 * still run. */
void	server_quiesce(struct broker *);
/* Waits until all requests are answered and the answers sent, or deadline_ms
 * have passed; then closes everything and ends the threads. */
void	server_stop(struct broker *, int64_t deadline_ms);
/* Frees the loops. */
void	server_free(struct broker *);

#endif
