/*
 * Frames and headers.  A frame is an int32 length and that many bytes; a
 * request frame holds a request header (v1, or v2 in flexible versions) and
 * the request, a response frame a response header (v0, or v1 in flexible
 * versions, but always v0 for ApiVersions, KIP-511) and the response.
 *
 * Broker side:
 *
 *	kframe_length(bytes, max, &n, e);	1: four bytes are not there yet
 *	kframe_request(frame, &h, e);		frame: the n bytes behind them
 *	if (!h.served) ...		ApiVersions answers, others close
 *	kw_decode(h.api->request, h.version, h.body, ...);
 *
 *	at = kframe_response_begin(&w, h.api, h.version, h.correlation_id);
 *	kw_encode(h.api->response, h.version, &answer, &w);
 *	kframe_end(&w, at, 0);
 *
 * Pure functions; slices point into the frame.
 */
#ifndef KAFKA_FRAME_H
#define KAFKA_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "kafka/apis.h"

#define KFRAME_PREFIX	4	/* bytes of the length */

struct kframe {
	const struct kapi	*api;		/* NULL: key not known */
	int16_t			 key;
	int16_t			 version;
	bool			 served;	/* known, version in range */
	int32_t			 correlation_id;
	struct slice		 client_id;	/* p NULL: null */
	struct slice		 body;
};

/*
 * The length of the frame that begins at in, without the prefix: 0 and *len
 * when four bytes are there, 1 when they are not yet.  -1 with ERR_PROTO when
 * it is below 8 (no header fits), ERR_TOO_LARGE above max: close the
 * connection.
 */
int	 kframe_length(struct slice in, uint32_t max, uint32_t *len,
	    struct err *e);

/*
 * Parses the request header of a frame (without the length prefix).  -1 with
 * ERR_PROTO when there is no such header.  A key or version that is not served
 * is no error here: see h->api and h->served; of such a frame only key,
 * version and correlation id are sure, and body is empty.
 */
int	 kframe_request(struct slice frame, struct kframe *h, struct err *e);

/*
 * Begins a frame: a place for the length, then the header.  Gives the position
 * of the frame in w, for kframe_end().
 */
size_t	 kframe_response_begin(struct kwriter *w, const struct kapi *,
	    int version, int32_t correlation_id);
/* client_id p NULL: null. */
size_t	 kframe_request_begin(struct kwriter *w, const struct kapi *,
	    int version, int32_t correlation_id, struct slice client_id);

/*
 * Writes the length of the frame that began at `at`: what was written since,
 * and extra bytes that go out from elsewhere (file ranges).
 */
void	 kframe_end(struct kwriter *w, size_t at, size_t extra);

/* Client side: correlation id and body of a response frame. */
int	 kframe_response(struct slice frame, const struct kapi *, int version,
	    int32_t *correlation_id, struct slice *body, struct err *e);

#endif
