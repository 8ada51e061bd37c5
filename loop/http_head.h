/*
 * The head of an HTTP/1 request and the chunks of a body (RFC 9112), total
 * parsers over bytes: no sockets, no state but the structs.  Strict where
 * leniency lets two parsers disagree about where a request ends (request
 * smuggling): lines end with CRLF, no folding, no blank before a colon, one
 * Host, one length.
 */
#ifndef LOOP_HTTP_HEAD_H
#define LOOP_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/slice.h"

enum http_coding { HTTP_IDENTITY, HTTP_GZIP, HTTP_DEFLATE };

struct http_field_line {
	const char	*name;		/* in lower case */
	const char	*value;
};

struct http_head {
	char		*text;		/* owns what the rest points to */
	unsigned	 method;	/* HTTP_GET, ... of http.h */
	const char	*method_name;
	char		*path;		/* decoded */
	const char	*query;		/* "" when there is none */
	int		 minor;		/* HTTP/1.minor */
	struct http_field_line *fields;
	size_t		 nfields, cap;
	const char	*host;		/* NULL with HTTP/1.0 perhaps */
	int64_t		 length;	/* Content-Length, -1 for none */
	bool		 chunked;
	bool		 keep_alive;
	bool		 expect;	/* 100-continue */
	enum http_coding coding;
	bool		 coded;		/* Content-Encoding was there */
};

/*
 * -> the length of the head at the start of in, with its empty line; 0: more
 * is needed; -1: refuse with *status.  *scanned is 0 at first and keeps how
 * far it looked.
 */
ssize_t	http_head_find(struct slice in, size_t *scanned, size_t max,
	    int *status);
/* Parses what http_head_find found.  -> 0, or the status to refuse with.  Call
 * http_head_fini in either case. */
int	http_head_parse(struct http_head *, struct slice, unsigned max_fields);
void	http_head_fini(struct http_head *);

/* Chunks: zeroed memory is the start. */
struct http_chunks {
	unsigned	 state;
	uint64_t	 left;		/* of this chunk */
	unsigned	 digits;
	size_t		 overhead;	/* extensions and trailers so far */
	size_t		 line;		/* bytes of this trailer line */
	bool		 done;
};
/*
 * -> bytes of in that were used up, at least 1 unless in is empty or it is
 * done; *data is the part of them that is body, perhaps empty.  -1: malformed.
 */
ssize_t	http_chunks_next(struct http_chunks *, struct slice in,
	    struct slice *data);

/* Percent-decodes s in place (plus: '+' is a blank).  False: malformed, or a
 * control byte. */
bool	http_decode(char *s, bool plus);

#endif
