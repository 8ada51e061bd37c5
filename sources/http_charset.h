/*
 * Charsets of a JSON body: UTF-8, UTF-16 and UTF-32, as Flume's JSONHandler
 * takes them.  UTF-16 and UTF-32 without a byte order mark are big-endian, and
 * a record's body is encoded again as Java does it: UTF-16 with a mark,
 * big-endian; UTF-32 big-endian without one.  Headers stay UTF-8.
 */
#ifndef SOURCES_HTTP_CHARSET_H
#define SOURCES_HTTP_CHARSET_H

#include "base/batch.h"
#include "base/err.h"

enum http_charset { HTTP_UTF8, HTTP_UTF16, HTTP_UTF32 };

/* From a Content-Type field; NULL or without charset: UTF-8.  -1, ERR_PROTO:
 * another one. */
int	http_charset_of(const char *content_type, enum http_charset *,
	    struct err *e);
/* The text as UTF-8 in a buffer of its own; not for HTTP_UTF8.  NULL,
 * ERR_PROTO: it is not well-formed. */
struct buf *http_charset_decode(enum http_charset, struct slice, struct err *e);
/* Encodes the body of each record, which is UTF-8. */
int	http_charset_encode(enum http_charset, struct batch *, struct err *e);

#endif
