/*
 * Headers are small and fixed: read and written by hand with the codec's
 * primitives.  The client id of a request keeps its old form in header v2 too
 * (KIP-482).
 */
#include "kafka/frame.h"

#include "base/check.h"

#define HEADER_MIN	8	/* key, version, correlation id */

int
kframe_length(struct slice in, uint32_t max, uint32_t *len, struct err *e)
{
	int32_t n;

	if (in.len < KFRAME_PREFIX)
		return (1);
	n = (int32_t)get_be32(in.p);
	if (n < HEADER_MIN)
		return (err_set(e, ERR_PROTO, "frame length %d: no Kafka "
		    "request is that short", n));
	if ((uint32_t)n > max)
		return (err_set(e, ERR_TOO_LARGE, "frame length %d is above "
		    "the limit of %u bytes", n, max));
	*len = (uint32_t)n;
	return (0);
}

int
kframe_request(struct slice frame, struct kframe *h, struct err *e)
{
	struct kreader r = kreader_of(frame, false);

	*h = (struct kframe){ .body = SLICE("") };
	h->key = kread_i16(&r);
	h->version = kread_i16(&r);
	h->correlation_id = kread_i32(&r);
	h->api = kapi_get(h->key);
	h->served = h->api != NULL && kapi_serves(h->api, h->version);
	if (!h->served) {
		if (r.bad)
			return (err_set(e, ERR_PROTO, "frame of %zu bytes has "
			    "no request header", frame.len));
		return (0);
	}
	h->client_id = kread_str_null(&r);
	r.flex = kapi_flexible(h->api, h->version);
	kread_tags(&r);
	if (r.bad)
		return (err_set(e, ERR_PROTO, "malformed header of a %s "
		    "request, version %d", h->api->name, h->version));
	h->body = slice_of(r.p, kreader_left(&r));
	return (0);
}

/* ApiVersions answers must be readable before the version is agreed. */
static bool
response_header_flexible(const struct kapi *api, int version)
{
	return (api->key != KAPI_ApiVersions && kapi_flexible(api, version));
}

size_t
kframe_response_begin(struct kwriter *w, const struct kapi *api, int version,
    int32_t correlation_id)
{
	size_t at = w->len;

	kwrite_i32(w, 0);
	kwrite_i32(w, correlation_id);
	w->flex = response_header_flexible(api, version);
	kwrite_no_tags(w);
	return (at);
}

size_t
kframe_request_begin(struct kwriter *w, const struct kapi *api, int version,
    int32_t correlation_id, struct slice client_id)
{
	size_t at = w->len;

	kwrite_i32(w, 0);
	kwrite_i16(w, api->key);
	kwrite_i16(w, (int16_t)version);
	kwrite_i32(w, correlation_id);
	w->flex = false;
	kwrite_str_null(w, client_id);
	w->flex = kapi_flexible(api, version);
	kwrite_no_tags(w);
	return (at);
}

void
kframe_end(struct kwriter *w, size_t at, size_t extra)
{
	size_t n;

	if (w->full)
		return;
	CHECK(at + KFRAME_PREFIX <= w->len);
	n = w->len - at - KFRAME_PREFIX + extra;
	if (n > INT32_MAX) {
		w->full = true;
		return;
	}
	put_be32(w->base + at, (uint32_t)n);
}

int
kframe_response(struct slice frame, const struct kapi *api, int version,
    int32_t *correlation_id, struct slice *body, struct err *e)
{
	struct kreader r;

	r = kreader_of(frame, response_header_flexible(api, version));
	*correlation_id = kread_i32(&r);
	kread_tags(&r);
	if (r.bad)
		return (err_set(e, ERR_PROTO, "malformed header of a %s "
		    "response", api->name));
	*body = slice_of(r.p, kreader_left(&r));
	return (0);
}
