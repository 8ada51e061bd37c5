/* Cursors as bytes: what decodes encodes again, and is the same set then. */
#include "test/fuzz/fuzz.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/cursor.h"
#include "base/mem.h"

static void
same(struct cursor a, struct cursor b)
{
	CHECK(a.n == b.n);
	for (size_t i = 0; i < a.n; i++) {
		CHECK(slice_eq(a.v[i].key, b.v[i].key));
		CHECK(a.v[i].offset == b.v[i].offset);
		CHECK(slice_eq(a.v[i].note, b.v[i].note));
		CHECK(i == 0 || slice_cmp(a.v[i - 1].key, a.v[i].key) < 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor_set *one = cursor_set_new(), *two = cursor_set_new();
	struct cursor c;
	uint8_t *bytes;
	size_t n;

	if (cursor_decode(slice_of(data, size), one, NULL) == 0) {
		c = cursor_set_view(one);
		n = cursor_size(&c);
		CHECK(n <= size);
		bytes = xmalloc(n);
		CHECK(cursor_encode(&c, bytes) == n);
		CHECK(cursor_decode(slice_of(bytes, n), two, NULL) == 0);
		same(c, cursor_set_view(two));
		cursor_set_min(two, &c);
		same(c, cursor_set_view(two));
		free(bytes);
	} else
		CHECK(cursor_set_size(one) == 0);
	cursor_set_free(one);
	cursor_set_free(two);
	return (0);
}
