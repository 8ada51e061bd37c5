/*
 * The body Flume's JSONHandler takes: an array of events,
 *
 *	[{"headers": {"a": "b"}, "body": "text"}, ...]
 *
 * read in one pass straight into a batch, in place: strings lie in the buffer
 * as they came, or are unescaped where they stand.  A document tree would cost
 * a hostile body of 16 MiB a gigabyte, and would not keep a number's own
 * text, which is why this is not done with a JSON library.
 *
 * As lenient as Flume's Gson where senders rely on it: numbers and booleans
 * are strings, with their own text; control characters may stand in strings;
 * other members are skipped; a missing or null body is empty, missing or null
 * headers are none, a null value is "".  Comments, single quotes and bare
 * words are refused; so are null events, which cost Flume an error 500.  The
 * last of two equal names holds.
 *
 * Pure and total.
 */
#ifndef SOURCES_HTTP_JSON_H
#define SOURCES_HTTP_JSON_H

#include <stddef.h>

#include "base/batch.h"
#include "base/err.h"

#define HTTP_JSON_HEADERS_MAX	256	/* of an event */
#define HTTP_JSON_DEPTH_MAX	512	/* of a member that is skipped */

/*
 * Adds the events of text to b.  text is UTF-8 in a buffer that b holds and
 * nobody else has; it is written to.  At most max events.  -1: b is of no use
 * any more; ERR_PROTO what is wrong and at which byte, ERR_TOO_LARGE.
 */
int	http_json_read(struct batch *b, uint8_t *text, size_t len, size_t max,
	    struct err *e);

#endif
