/*
 * What http.c (connections and requests coming in) and http_reply.c (answers,
 * and what a handler asks about its request) share.
 */
#ifndef LOOP_HTTP_PRIV_H
#define LOOP_HTTP_PRIV_H

#include "base/str.h"
#include "loop/addr.h"
#include "loop/conn.h"
#include "loop/http.h"
#include "loop/http_head.h"

struct http_conn;

struct http_server {		/* its loop's */
	struct loop	*loop;
	struct http_opts o;		/* with the defaults filled in */
	const struct http_route *routes;
	size_t		 nroutes;
	void		*ctx;
	struct listener	*listener;
	struct http_conn *conns;
	size_t		 held;		/* bytes of bodies */
	unsigned	 refs;		/* the owner's, one per request */
};

enum http_phase {
	HTTP_WAITING,		/* for a request */
	HTTP_HEADING,		/* its head is coming */
	HTTP_READING,		/* its body is coming */
	HTTP_HANDLING,
	HTTP_ANSWERING,		/* the answer is not all sent */
	HTTP_CLOSING		/* the last answer is not all sent */
};

struct http_conn {		/* the loop's */
	struct http_server *server;
	struct conn	*c;
	struct http_conn *prev, *next;
	enum http_phase	 phase;
	struct loop_timer timer;
	int64_t		 since;		/* when the phase began, ns */
	size_t		 scanned;	/* of the head */
	size_t		 out;		/* bytes of the answer */
	unsigned	 served;
	bool		 eof;
	struct http_req	*req;
};

struct http_req {		/* the loop's */
	struct http_server *server;
	struct http_conn *hc;		/* NULL: the client is gone */
	struct http_head head;
	const struct http_route *route;
	struct http_chunks chunks;
	size_t		 received;
	size_t		 held;		/* of server->held */
	struct buf	*body;
	struct sb	 fields;	/* of the answer */
	void		*data;
	char		 peer[ADDR_TEXT];
};

/* Accounts n bytes of body to req; false when the server holds too many. */
bool	http_req_hold(struct http_req *, size_t n);
void	http_req_free(struct http_req *);
/* The answer is queued: what now.  keep: the connection stays. */
void	http_conn_answered(struct http_conn *, bool keep);
/* Answers a request that no handler sees, and closes. */
void	http_conn_refuse(struct http_conn *, int status);

#endif
