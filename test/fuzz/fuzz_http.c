/*
 * HTTP heads and chunked bodies.  Holds that the head's end is found at the
 * same place however the bytes arrive, and that chunks decode to the same body
 * whole and byte by byte.
 */
#include "test/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/str.h"
#include "loop/http_head.h"

#define HEAD_MAX	4096

static ssize_t
find_in_steps(struct slice in, int *status)
{
	size_t scanned = 0, n;
	ssize_t r = 0;

	for (n = 0; n <= in.len && r == 0; n++)
		r = http_head_find(slice_of(in.p, n), &scanned, HEAD_MAX,
		    status);
	return (r);
}

/* -> bytes used up, -1. */
static ssize_t
decode(struct slice in, size_t step, struct sb *body)
{
	struct http_chunks k = { 0 };
	struct slice data;
	size_t used = 0, n;
	ssize_t r;

	while (used < in.len && !k.done) {
		n = in.len - used < step ? in.len - used : step;
		r = http_chunks_next(&k, slice_of(in.p + used, n), &data);
		if (r == -1)
			return (-1);
		CHECK(r > 0 && (size_t)r <= n && data.len <= (size_t)r);
		sb_add(body, data.p, data.len);
		used += (size_t)r;
	}
	return ((ssize_t)used);
}

static void
fuzz_chunks(struct slice in)
{
	struct sb a = SB_INIT, b = SB_INIT;
	ssize_t na = decode(in, in.len, &a), nb = decode(in, 1, &b);

	CHECK(na == nb);
	CHECK(a.len == b.len && (a.len == 0 ||
	    memcmp(a.ptr, b.ptr, a.len) == 0));
	sb_fini(&a);
	sb_fini(&b);
}

static void
check_head(const struct http_head *h)
{
	size_t i;

	CHECK(h->path != NULL && h->query != NULL && h->method_name != NULL);
	CHECK(*h->path == '/' || strcmp(h->path, "*") == 0);
	CHECK(strstr(h->path, "/../") == NULL);
	CHECK(!h->chunked || h->length == -1);
	CHECK(h->length >= -1);
	for (i = 0; i < h->nfields; i++)
		CHECK(h->fields[i].name[0] != '\0' &&
		    strpbrk(h->fields[i].value, "\r\n") == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of(data, size);
	int status = 0, status_steps = 0;
	struct http_head h;
	size_t scanned = 0;
	ssize_t n;

	n = http_head_find(in, &scanned, HEAD_MAX, &status);
	CHECK(n == find_in_steps(in, &status_steps));
	if (n <= 0) {
		CHECK(n == 0 || status == status_steps);
		fuzz_chunks(in);
		return (0);
	}
	CHECK((size_t)n <= size);
	status = http_head_parse(&h, slice_of(data, (size_t)n), 100);
	CHECK(status == 0 || (status >= 400 && status <= 505));
	if (status == 0)
		check_head(&h);
	http_head_fini(&h);
	fuzz_chunks(slice_of(data + n, size - (size_t)n));
	return (0);
}
