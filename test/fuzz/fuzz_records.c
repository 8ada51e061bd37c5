/*
 * Record batches and codecs.  The first byte says what: a codec's number, and
 * the rest is its input; otherwise the rest is a batch, whose CRC is set
 * right first, since no fuzzer guesses one.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "kafka/compress.h"
#include "kafka/errors.h"
#include "kafka/records.h"
#include "test/fuzz/fuzz.h"

#define INFLATED	(1 << 20)

static const struct kbatch_rules rules = {
	.version = 9, .max_bytes = 1 << 20, .deep = true,
	.max_inflated = INFLATED,
	.min_timestamp = INT64_MIN, .max_timestamp = INT64_MAX,
};

/* All slices of a record lie in memory that may be read. */
static void
touch(struct slice s)
{
	volatile uint8_t sum = 0;
	size_t i;

	for (i = 0; i < s.len; i++)
		sum = (uint8_t)(sum + s.p[i]);
}

static int32_t
walk(struct slice batch, bool *sound)
{
	struct kiter it = KITER_INIT;
	struct krecord_header h;
	struct krecord r;
	struct slice in;
	int32_t n = 0, k;
	int rc;

	if ((rc = kiter_open(&it, batch, INFLATED, NULL)) == 0)
		while ((rc = kiter_next(&it, &r, NULL)) == 1) {
			touch(r.key);
			touch(r.value);
			in = r.headers;
			for (k = 0; krecord_header(&in, &h); k++) {
				touch(h.key);
				touch(h.value);
			}
			CHECK(k == r.nheaders && in.len == 0);
			n++;
		}
	*sound = rc == 0;
	kiter_close(&it);
	return (n);
}

static void
batch(uint8_t *p, size_t size)
{
	struct slice in = slice_of(p, size);
	struct kbatch b;
	int32_t n, epoch;
	int16_t type;
	bool sound;

	if (kbatch_parse(in, &b, NULL) == -1 || kbatch_size(&b) > size)
		return;
	in.len = kbatch_size(&b);
	put_be32(p + 17, kbatch_crc(in));
	CHECK(kbatch_check(in, &b, NULL) == 0);
	n = walk(in, &sound);
	if (sound)
		CHECK(n == b.count);
	if (kbatch_validate(in, &rules, &b, NULL) == KERR_NONE)
		CHECK(sound && n == b.last_offset_delta + 1);
	(void)kbatch_control_parse(in, &type, &epoch, NULL);
	/* The patches carry the CRC over. */
	kbatch_set_producer(p, 1, 2, 3, true);
	CHECK(kbatch_check(in, &b, NULL) == 0);
	kbatch_set_append_time(p, 4);
	CHECK(kbatch_check(in, &b, NULL) == 0);
}

static void
unfold(int codec, struct slice in)
{
	uint8_t *out = NULL;
	size_t cap = 0, len;

	if (kcodec_unfold(codec, in, INFLATED, &out, &cap, &len, NULL) == 0) {
		CHECK(len <= INFLATED);
		touch(slice_of(out, len));
	}
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (size < 1)
		return (0);
	if (data[0] >= KCODEC_GZIP && data[0] <= KCODEC_ZSTD) {
		unfold(data[0], slice_of(data + 1, size - 1));
		return (0);
	}
	copy = malloc(size);
	memcpy(copy, data + 1, size - 1);
	batch(copy, size - 1);
	free(copy);
	return (0);
}
