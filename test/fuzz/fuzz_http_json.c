/*
 * Events as JSON, against jansson: what that takes as an array of objects with
 * the right members, our reader takes with the same bodies and headers.
 */
#include "test/fuzz/fuzz.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "sources/http_json.h"

#define EVENTS_MAX	100

/* Of our own text; a number keeps its own form, jansson's is another one. */
static bool
same_scalar(const json_t *v, struct slice s)
{
	if (v == NULL || json_is_null(v))
		return (s.len == 0);
	if (json_is_string(v))
		return (slice_eq(s, slice_of(json_string_value(v),
		    json_string_length(v))));
	if (json_is_boolean(v))
		return (slice_eq_str(s, json_is_true(v) ? "true" : "false"));
	return (json_is_number(v) && s.len > 0);
}

static bool
is_scalar(const json_t *v)
{
	return (v == NULL || (!json_is_object(v) && !json_is_array(v)));
}

static void
same_headers(const json_t *headers, const struct batch *b,
    const struct record *r)
{
	struct header h;
	uint32_t it;
	json_t *v;

	CHECK(r->nheaders == json_object_size(headers));
	for (it = 0; batch_next_header(b, r, &it, &h);) {
		v = json_object_getn(headers, (const char *)h.name.p,
		    h.name.len);
		CHECK(v != NULL && same_scalar(v, h.value));
	}
}

static bool
headers_fit(const json_t *headers)
{
	const char *name;
	json_t *v;

	if (headers == NULL || json_is_null(headers))
		return (true);
	if (!json_is_object(headers) ||
	    json_object_size(headers) > HTTP_JSON_HEADERS_MAX)
		return (false);
	json_object_foreach((json_t *)(uintptr_t)headers, name, v)
		if (!is_scalar(v))
			return (false);
	return (true);
}

static bool
fits(const json_t *array)
{
	const json_t *event;
	size_t i;

	if (!json_is_array(array) || json_array_size(array) > EVENTS_MAX)
		return (false);
	for (i = 0; i < json_array_size(array); i++) {
		event = json_array_get(array, i);
		if (!json_is_object(event) ||
		    !is_scalar(json_object_get(event, "body")) ||
		    !headers_fit(json_object_get(event, "headers")))
			return (false);
	}
	return (true);
}

/* jansson's own limit of depth is above ours for what is skipped. */
static json_t *
oracle(const uint8_t *data, size_t size)
{
	size_t i, open = 0;

	for (i = 0; i < size; i++)
		open += data[i] == '[' || data[i] == '{';
	if (open > HTTP_JSON_DEPTH_MAX || size == 0)
		return (NULL);
	return (json_loadb((const char *)data, size,
	    JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL));
}

static void
compare(const json_t *array, const struct batch *b)
{
	const json_t *event;
	uint32_t i;

	CHECK(b->n == json_array_size(array));
	for (i = 0; i < b->n; i++) {
		event = json_array_get(array, i);
		CHECK(same_scalar(json_object_get(event, "body"),
		    b->records[i].body));
		same_headers(json_object_get(event, "headers"), b,
		    &b->records[i]);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *array = oracle(data, size);
	struct buf *buf = buf_new(size == 0 ? 1 : size);
	struct batch *b = batch_new();
	struct err e = ERR_INIT;
	int rc;

	if (size > 0)
		memcpy(buf->data, data, size);
	batch_hold(b, buf);
	rc = http_json_read(b, buf->data, size, EVENTS_MAX, &e);
	CHECK(rc == 0 || e.code == ERR_PROTO || e.code == ERR_TOO_LARGE);
	if (rc == 0 && array != NULL)
		CHECK(fits(array));
	if (array != NULL && fits(array)) {
		CHECK(rc == 0);
		compare(array, b);
	}
	json_decref(array);
	batch_unref(b);
	buf_unref(buf);
	return (0);
}
