/*
 * A small HTTP/1.1 server (RFC 9112) on one loop, for sources, metrics and the
 * console.  Requests are complete when a handler sees them: headers within
 * their limits, the body received, unchunked and inflated within max_body.
 *
 *	static const struct http_route routes[] = {
 *		{ HTTP_GET, "/metrics", metrics },
 *		{ HTTP_GET | HTTP_POST, "/api/" "*", api },
 *	};
 *	struct http_opts o = { .listen = { .what = "source r1",
 *	    .host = "127.0.0.1", .port = 8080, .max_conns = 200 } };
 *	s = http_server_new(loop, &o, routes, NELEM(routes), source, e);
 *
 * A handler answers now or later, exactly once, with http_respond; until then
 * the request stays valid, also when the client is gone meanwhile.  Requests
 * of one connection are handled one at a time, so answers are in order and
 * pipelining is bounded.
 *
 * Refused before a handler runs: 400 malformed (bare CR, obs-fold, no or two
 * Hosts, Content-Length with Transfer-Encoding or twice, bad chunk), 404, 405
 * with Allow, 408 too slow, 413 body, 414 target, 415 content coding,
 * 417, 421 (hosts), 431 header, 501 method or transfer coding, 503 with
 * Retry-After when bodies fill max_held, 505.
 *
 * Thread rule: the loop's thread.
 */
#ifndef LOOP_HTTP_H
#define LOOP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "loop/listen.h"
#include "loop/loop.h"

#define HTTP_GET	0x01	/* HEAD comes with it, without its body */
#define HTTP_POST	0x02
#define HTTP_PUT	0x04
#define HTTP_DELETE	0x08
#define HTTP_PATCH	0x10
#define HTTP_OPTIONS	0x20
#define HTTP_HEAD	0x40	/* what http_method says; GET allows it */
#define HTTP_TRACE	0x80

struct http_server;
struct http_req;

struct http_route {
	unsigned	 methods;
	/* Compared with the decoded path; one that ends in '*' is a prefix.
	 * The first that fits is taken. */
	const char	*path;
	void		(*fn)(struct http_req *, void *ctx);
};

/* Zero in a field is its default. */
struct http_opts {
	struct listen_opts listen;	/* max_conns 0: 512 */
	const char *unix_path;		/* a unix socket, 0600, instead */
	size_t	 max_header;		/* 16 KiB, start line and fields */
	unsigned max_fields;		/* 100 */
	size_t	 max_body;		/* 16 MiB, before and after inflation */
	size_t	 max_held;		/* bodies of all requests together;
					   256 MiB, at least 2 * max_body */
	int64_t	 header_ms;		/* 10 s from its first byte on */
	int64_t	 body_ms;		/* 30 s for the whole body ... */
	size_t	 body_rate;		/* ... plus 1 s per this many bytes
					   that came; 64 KiB.  The same for
					   a client that reads its answer */
	int64_t	 idle_ms;		/* 60 s between requests, or without
					   a byte moving */
	unsigned max_requests;		/* per connection; 10,000 */
	/* Host must be an address, "localhost" or one of these names (NULL at
	 * the end), else 421: against DNS rebinding.  NULL: any Host. */
	const char *const *hosts;
};

/* routes and ctx stay the caller's, as long as the server. */
struct http_server *http_server_new(struct loop *, const struct http_opts *,
		    const struct http_route *routes, size_t n, void *ctx,
		    struct err *e);
/* Closes the listener and all connections.  Requests not yet answered stay
 * valid until they are; the answer goes nowhere.  NULL is fine. */
void		 http_server_free(struct http_server *);
uint16_t	 http_server_port(const struct http_server *);
const char	*http_server_name(const struct http_server *);
unsigned	 http_server_conns(const struct http_server *);

/* The request.  Everything is valid until http_respond. */

unsigned	 http_method(const struct http_req *);	/* one of the bits */
const char	*http_method_name(const struct http_req *);
/* Percent-decoded; without NUL, dot segments are refused with 400. */
const char	*http_path(const struct http_req *);
/* The raw text behind '?', "" when there is none. */
const char	*http_query(const struct http_req *);
/* A parameter of the query, decoded ('+' is a space) into buf; NULL when it
 * is not there or does not fit. */
const char	*http_param(const struct http_req *, const char *name,
		    char *buf, size_t size);
/* A field's value without outer blanks; name in any case; the values of a
 * repeated field: the first.  NULL when it is not there. */
const char	*http_field(const struct http_req *, const char *name);
/* All fields, i = 0, 1, ...; false behind the last.  Names in lower case. */
bool		 http_field_at(const struct http_req *, size_t i,
		    const char **name, const char **value);
struct slice	 http_body(const struct http_req *);
/* Takes the body out: the caller's reference, NULL when it is empty. */
struct buf	*http_take_body(struct http_req *);
const char	*http_peer(const struct http_req *);	/* host:port */
/* For the handler's own use. */
void		 http_set_data(struct http_req *, void *);
void		*http_data(const struct http_req *);
/* The client is gone; the answer is still due. */
bool		 http_gone(const struct http_req *);

/* The answer. */

/* Adds a field to the answer; control bytes in value become blanks. */
void		 http_add_field(struct http_req *, const char *name,
		    const char *fmt, ...)
		    __attribute__((format(printf, 3, 4)));
/*
 * Answers; req is gone then.  type: Content-Type, NULL for none.  The body is
 * copied.  Date, Content-Length, Connection and X-Content-Type-Options are
 * added here.
 */
void		 http_respond(struct http_req *, int status, const char *type,
		    struct slice body);
/* The same with a body that stays as it is until release(arg) (which may be
 * NULL, for bytes that always stay). */
void		 http_respond_ref(struct http_req *, int status,
		    const char *type, struct slice body,
		    void (*release)(void *), void *arg);
/* text/plain with the sentence and a newline; 503 and 429 get Retry-After
 * of retry_s seconds when it is not 0. */
void		 http_respond_error(struct http_req *, int status,
		    unsigned retry_s, const char *fmt, ...)
		    __attribute__((format(printf, 4, 5)));
/* "Not Found" */
const char	*http_status_text(int status);

#endif
