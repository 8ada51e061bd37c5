/*
 * Snapshots of a partition's producers: any bytes are refused or taken, and
 * what was taken says the same after it was written and read again.  The
 * input's checksum is put right, so that what is behind it is reached.
 */
#include "test/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "broker/producers.h"

/* Written, read and written again: the same bytes. */
static void
check_round(const struct producers *p)
{
	struct producers *q = producers_new(SIZE_MAX);
	size_t len, len2;
	uint8_t *a = producers_encode(p, &len), *b;

	CHECK(producers_decode(q, slice_of(a, len), 0, NULL) == 0);
	CHECK(producers_count(p) == producers_count(q));
	b = producers_encode(q, &len2);
	CHECK(len == len2 && memcmp(a, b, len) == 0);
	free(a);
	free(b);
	producers_free(q);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct producers *p = producers_new(100);
	struct producers_seen seen;
	struct kbatch batch = { .producer_epoch = 1, .magic = 2 };
	uint8_t *copy = xmalloc(size);

	memcpy(copy, data, size);
	if (size > 6)
		(void)put_be32(copy + 2, crc32c(0, copy + 6, size - 6));
	if (producers_decode(p, slice_of(copy, size), 0, NULL) == 0) {
		check_round(p);
		batch.producer_id = (int64_t)get_be64(copy + size - 8) & 7;
		batch.base_sequence = copy[size - 1];
		if (producers_check(p, &batch, &seen) == 0)
			producers_update(p, &batch, 1);
	} else
		CHECK(producers_count(p) == 0);
	free(copy);
	producers_free(p);
	return (0);
}
