/*
 * Record batches: against batches of another implementation, each changed
 * byte, each cut, and the codecs.
 */
#include "config.h"

#include <check.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "kafka/compress.h"
#include "kafka/errors.h"
#include "kafka/records.h"
#include "test/unit/golden.h"

#define INFLATED	(1 << 20)
#define RECORDS_MAX	200
#define HEADERS_MAX	8

static uint8_t buf[1 << 20], buf2[1 << 20];

/* A batch as the golden text has it. */
static char *
batch_text(struct slice batch)
{
	struct kiter it = KITER_INIT;
	struct krecord_header h;
	struct err e = ERR_INIT;
	struct krecord r;
	struct slice in;
	char *text;
	size_t n, i;
	int rc, k, first = 1;
	FILE *out = open_memstream(&text, &n);

	ck_assert_msg(kiter_open(&it, batch, INFLATED, &e) == 0, "%s", e.msg);
	for (; (rc = kiter_next(&it, &r, &e)) == 1; first = 0) {
		fprintf(out, "%s%" PRId64 "@%" PRId64, first ? "" : ";",
		    r.offset, r.timestamp);
		for (k = 0; k < 2; k++) {
			in = k == 0 ? r.key : r.value;
			fputs(in.p == NULL ? ":null" : ":x", out);
			for (i = 0; i < in.len; i++)
				fprintf(out, "%02x", in.p[i]);
		}
		fputs(":[", out);
		in = r.headers;
		for (k = 0; krecord_header(&in, &h); k++) {
			fprintf(out, "%s%.*s=%s", k > 0 ? "," : "",
			    (int)h.key.len, (const char *)h.key.p,
			    h.value.p == NULL ? "null" : "x");
			for (i = 0; i < h.value.len; i++)
				fprintf(out, "%02x", h.value.p[i]);
		}
		ck_assert_int_eq(k, r.nheaders);
		ck_assert_uint_eq(in.len, 0);
		fputc(']', out);
	}
	ck_assert_msg(rc == 0, "%s", e.msg);
	kiter_close(&it);
	fclose(out);
	return (text);
}

/* The records of a batch, built anew by kbuilder_add(). */
static size_t
rebuild(struct slice batch, uint8_t *to, size_t cap)
{
	struct krecord_header h[HEADERS_MAX];
	struct kiter it = KITER_INIT;
	struct kbuilder b;
	struct krecord r;
	struct slice in;
	uint32_t n;

	ck_assert_int_eq(kiter_open(&it, batch, INFLATED, NULL), 0);
	kbuilder_init(&b, to, cap, it.batch.base_timestamp);
	b.attributes = it.batch.attributes & ~KATTR_CODEC;
	b.leader_epoch = it.batch.leader_epoch;
	b.producer_id = it.batch.producer_id;
	b.producer_epoch = it.batch.producer_epoch;
	b.base_sequence = it.batch.base_sequence;
	while (kiter_next(&it, &r, NULL) == 1) {
		in = r.headers;
		for (n = 0; n < HEADERS_MAX && krecord_header(&in, &h[n]); n++)
			;
		ck_assert(kbuilder_add(&b, r.timestamp, r.key, r.value, h, n));
	}
	kiter_close(&it);
	return (kbuilder_finish(&b));
}

START_TEST(golden_batches)
{
	struct err e = ERR_INIT;
	struct kbatch b;
	struct golden g;
	struct slice in;
	size_t n;
	char *text;

	for (golden_open(&g, "batches.txt"); golden_next(&g);) {
		in = golden_hex(g.field[1]);
		ck_assert_msg(kbatch_check(in, &b, &e) == 0, "%s: %s",
		    g.field[0], e.msg);
		ck_assert_uint_eq(kbatch_size(&b), in.len);
		if (!kcodec_have(kbatch_codec(&b))) {
			golden_free(in);
			continue;
		}
		text = batch_text(in);
		ck_assert_str_eq(text, g.field[2]);
		free(text);
		n = rebuild(in, buf, sizeof buf);
		text = batch_text(slice_of(buf, n));
		ck_assert_str_eq(text, g.field[2]);
		free(text);
		if (kbatch_codec(&b) == KCODEC_NONE)
			ck_assert_msg(slice_eq(slice_of(buf, n), in),
			    "%s: built anew it differs", g.field[0]);
		golden_free(in);
	}
}
END_TEST

START_TEST(golden_producer)
{
	struct golden g;
	struct kbatch b;
	struct slice in;
	int n = 0;

	for (golden_open(&g, "batches.txt"); golden_next(&g);) {
		if (strcmp(g.field[0], "producer") != 0)
			continue;
		in = golden_hex(g.field[1]);
		ck_assert_int_eq(kbatch_parse(in, &b, NULL), 0);
		ck_assert(b.producer_id == 4000000007 &&
		    b.producer_epoch == 12 && b.base_sequence == 345 &&
		    b.count == 3 && b.last_offset_delta == 2 &&
		    b.attributes == 0 && b.magic == 2);
		golden_free(in);
		n++;
	}
	ck_assert_int_eq(n, 1);
}
END_TEST

/* Every cut and every changed byte is seen, but in what the CRC leaves out. */
START_TEST(damage_is_seen)
{
	struct golden g;
	struct kbatch b;
	struct slice in;
	uint8_t *p;
	size_t i;

	for (golden_open(&g, "batches.txt"); golden_next(&g);) {
		in = golden_hex(g.field[1]);
		for (i = 0; i < in.len; i++)
			ck_assert_int_eq(kbatch_check(slice_of(in.p, i), &b,
			    NULL), -1);
		p = memcpy(buf, in.p, in.len);
		for (i = 8; i < in.len; i++) {
			if (i >= 12 && i < 16)
				continue;
			p[i] ^= 0x10;
			ck_assert_msg(kbatch_check(slice_of(p, in.len), &b,
			    NULL) == -1, "%s: byte %zu changed", g.field[0], i);
			p[i] ^= 0x10;
		}
		golden_free(in);
	}
}
END_TEST

/* The same without the CRC's help: an iterator over damaged records ends. */
START_TEST(iterator_is_total)
{
	struct kiter it = KITER_INIT;
	struct krecord r;
	struct golden g;
	struct slice in;
	uint8_t *copy;
	size_t i, k;
	int rc, n;

	for (golden_open(&g, "batches.txt"); golden_next(&g);) {
		in = golden_hex(g.field[1]);
		for (i = KBATCH_HEADER; i < in.len; i++)
			for (k = 0; k < 8; k++) {
				copy = memcpy(malloc(in.len), in.p, in.len);
				copy[i] ^= (uint8_t)(1 << k);
				n = 0;
				rc = kiter_open(&it, slice_of(copy, in.len),
				    INFLATED, NULL);
				while (rc == 0 && kiter_next(&it, &r, NULL) ==
				    1)
					n++;
				ck_assert_int_le(n, RECORDS_MAX);
				free(copy);
			}
		golden_free(in);
	}
	kiter_close(&it);
}
END_TEST

/* --- building --- */

static size_t
sample(struct kbuilder *b, uint8_t *to, size_t cap, int n)
{
	struct slice key, value;
	char text[64];
	int i;

	kbuilder_init(b, to, cap, 1000);
	for (i = 0; i < n; i++) {
		key = i % 2 == 0 ? SLICE_NULL : SLICE("key");
		snprintf(text, sizeof text, "value %d", i);
		value = slice_str(text);
		ck_assert(kbuilder_add(b, 1000 + (i * 7) % 50, key, value,
		    NULL, 0));
	}
	return (kbuilder_finish(b));
}

/* The fast way writes what the general one does, whatever the sizes. */
START_TEST(values_equal_add)
{
	static const size_t sizes[] = { 0, 1, 57, 58, 59, 60, 61, 62, 63, 64,
	    120, 200, 8180, 8181, 8185, 8190, 8192, 70000 };
	static uint8_t data[70000];
	struct slice v[200];
	struct kbuilder a, b;
	size_t i, na, nb;

	for (i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * 31);
	for (i = 0; i < NELEM(v); i++)
		v[i] = slice_of(data, i < NELEM(sizes) ? sizes[i] : i);
	kbuilder_init(&a, buf, sizeof buf, 5);
	for (i = 0; i < NELEM(v); i++)
		ck_assert(kbuilder_add(&a, 5, SLICE_NULL, v[i], NULL, 0));
	na = kbuilder_finish(&a);
	kbuilder_init(&b, buf2, sizeof buf2, 5);
	ck_assert_uint_eq(kbuilder_values(&b, v, sizeof v[0], NELEM(v)),
	    NELEM(v));
	nb = kbuilder_finish(&b);
	ck_assert(slice_eq(slice_of(buf, na), slice_of(buf2, nb)));
}
END_TEST

START_TEST(values_stride)
{
	struct { int before; struct slice body; int behind; } in[3] = {
		{ 1, SLICE("a"), 2 }, { 3, SLICE("bb"), 4 },
		{ 5, SLICE(""), 6 },
	};
	struct kbuilder b;
	char *text;

	kbuilder_init(&b, buf, sizeof buf, 9);
	ck_assert_uint_eq(kbuilder_values(&b, &in[0].body, sizeof in[0], 3),
	    3);
	text = batch_text(slice_of(buf, kbuilder_finish(&b)));
	ck_assert_str_eq(text, "0@9:null:x61:[];1@9:null:x6262:[];"
	    "2@9:null:x:[]");
	free(text);
}
END_TEST

/* In memory of exactly the bound everything fits, and nothing is written
 * behind a smaller one. */
START_TEST(builder_bound)
{
	struct krecord_header h = { SLICE("name"), SLICE("some value") };
	struct slice v = SLICE("0123456789"), values[100];
	size_t bound = kbuilder_bound(100, 100 * (10 + 4 + 10), 100), cap;
	struct kbuilder b;
	uint8_t *p;
	int i;

	p = malloc(bound);
	kbuilder_init(&b, p, bound, 0);
	for (i = 0; i < 100; i++)
		ck_assert(kbuilder_add(&b, INT64_MAX, SLICE_NULL, v, &h, 1));
	ck_assert_uint_le(kbuilder_finish(&b), bound);
	free(p);

	for (i = 0; i < 100; i++)
		values[i] = v;
	for (cap = KBATCH_HEADER; cap < 1000; cap++) {
		p = malloc(cap);
		kbuilder_init(&b, p, cap, 0);
		kbuilder_values(&b, values, sizeof values[0], 100);
		while (kbuilder_add(&b, 7, v, v, &h, 1))
			;
		ck_assert_uint_le(kbuilder_size(&b), cap);
		if (b.count > 0)
			ck_assert_uint_eq(kbuilder_finish(&b),
			    kbuilder_size(&b));
		free(p);
	}
}
END_TEST

START_TEST(builder_refuses)
{
	struct krecord_header h = { SLICE("k"), { (const uint8_t *)"", 500 } };
	struct slice huge = { (const uint8_t *)"", SIZE_MAX };
	struct kbuilder b;

	kbuilder_init(&b, buf, 200, 0);
	ck_assert(!kbuilder_add(&b, 0, huge, SLICE_NULL, NULL, 0));
	ck_assert(!kbuilder_add(&b, 0, SLICE_NULL, huge, NULL, 0));
	ck_assert(!kbuilder_add(&b, 0, SLICE_NULL, SLICE_NULL, &h, 1));
	ck_assert(!kbuilder_add(&b, 0, SLICE_NULL, SLICE_NULL, NULL,
	    UINT32_MAX));
	ck_assert_uint_eq(kbuilder_size(&b), KBATCH_HEADER);
	ck_assert(kbuilder_add(&b, 0, SLICE_NULL, SLICE_NULL, NULL, 0));
}
END_TEST

/* Timestamps before the base, and so far that the delta wraps. */
START_TEST(builder_timestamps)
{
	static const int64_t ts[] = { 5, -5, INT64_MAX, INT64_MIN, 0 };
	struct kiter it = KITER_INIT;
	struct kbuilder b;
	struct krecord r;
	size_t i;

	kbuilder_init(&b, buf, sizeof buf, 5);
	for (i = 0; i < NELEM(ts); i++)
		ck_assert(kbuilder_add(&b, ts[i], SLICE_NULL, SLICE("v"), NULL,
		    0));
	ck_assert_int_eq(kiter_open(&it, slice_of(buf, kbuilder_finish(&b)),
	    0, NULL), 0);
	ck_assert(it.batch.max_timestamp == INT64_MAX);
	for (i = 0; i < NELEM(ts); i++) {
		ck_assert_int_eq(kiter_next(&it, &r, NULL), 1);
		ck_assert(r.timestamp == ts[i] && r.offset == (int64_t)i);
	}
	ck_assert_int_eq(kiter_next(&it, &r, NULL), 0);
	kiter_close(&it);
}
END_TEST

START_TEST(patches)
{
	struct kbuilder b;
	struct kbatch h;
	size_t n = sample(&b, buf, sizeof buf, 100);
	struct slice in = slice_of(buf, n);

	kbatch_rebase(buf, 1LL << 40, 7);
	ck_assert_int_eq(kbatch_check(in, &h, NULL), 0);
	ck_assert(h.base_offset == 1LL << 40 && h.leader_epoch == 7);
	ck_assert(kbatch_last_offset(&h) == (1LL << 40) + 99);

	kbatch_set_producer(buf, 4711, 3, 99, true);
	ck_assert_int_eq(kbatch_check(in, &h, NULL), 0);
	ck_assert(h.producer_id == 4711 && h.producer_epoch == 3 &&
	    h.base_sequence == 99 && h.attributes == KATTR_TRANSACTIONAL);
	kbatch_set_producer(buf, -1, -1, -1, false);
	ck_assert_int_eq(kbatch_check(in, &h, NULL), 0);
	ck_assert_int_eq(h.attributes, 0);

	kbatch_set_append_time(buf, 123456);
	ck_assert_int_eq(kbatch_check(in, &h, NULL), 0);
	ck_assert(h.max_timestamp == 123456 &&
	    h.attributes == KATTR_LOG_APPEND_TIME);

	/* Damage stays damage. */
	buf[n - 1] ^= 1;
	kbatch_set_producer(buf, 1, 1, 1, false);
	kbatch_set_append_time(buf, 5);
	ck_assert_int_eq(kbatch_check(in, &h, NULL), -1);
}
END_TEST

/* All records of a LogAppendTime batch have its time. */
START_TEST(append_time)
{
	struct kiter it = KITER_INIT;
	struct kbuilder b;
	struct krecord r;
	size_t n = sample(&b, buf, sizeof buf, 10);
	int64_t offset, ts;

	kbatch_set_append_time(buf, 777);
	ck_assert_int_eq(kiter_open(&it, slice_of(buf, n), 0, NULL), 0);
	while (kiter_next(&it, &r, NULL) == 1)
		ck_assert_int_eq(r.timestamp, 777);
	ck_assert_int_eq(kbatch_find_time(&it, slice_of(buf, n), 0, 777, 0,
	    &offset, &ts, NULL), 1);
	ck_assert(offset == 0 && ts == 777);
	kiter_close(&it);
}
END_TEST

START_TEST(control)
{
	uint8_t *p = malloc(KBATCH_CONTROL_SIZE);
	struct slice in = slice_of(p, KBATCH_CONTROL_SIZE);
	struct kbuilder b;
	struct kbatch h;
	int32_t epoch;
	int16_t type;

	kbatch_control(p, KCONTROL_COMMIT, 12, 3, 45, 999);
	ck_assert_int_eq(kbatch_check(in, &h, NULL), 0);
	ck_assert(h.attributes == (KATTR_CONTROL | KATTR_TRANSACTIONAL) &&
	    h.producer_id == 12 && h.producer_epoch == 3 && h.count == 1 &&
	    h.base_sequence == -1 && h.max_timestamp == 999);
	ck_assert_int_eq(kbatch_control_parse(in, &type, &epoch, NULL), 0);
	ck_assert(type == KCONTROL_COMMIT && epoch == 45);
	kbatch_control(p, KCONTROL_ABORT, 12, 3, -1, 999);
	ck_assert_int_eq(kbatch_control_parse(in, &type, &epoch, NULL), 0);
	ck_assert(type == KCONTROL_ABORT && epoch == -1);
	/* A compressed one is refused, and nothing is unfolded for it. */
	put_be16(p + 21, KATTR_CONTROL | KCODEC_GZIP);
	ck_assert_int_eq(kbatch_control_parse(in, &type, &epoch, NULL), -1);
	in = slice_of(buf, sample(&b, buf, sizeof buf, 1));
	ck_assert_int_eq(kbatch_control_parse(in, &type, &epoch, NULL), -1);
	free(p);
}
END_TEST

/* --- validation --- */

static const struct kbatch_rules lax = {
	.version = 9, .max_bytes = 1 << 20, .deep = true,
	.max_inflated = INFLATED,
	.min_timestamp = INT64_MIN, .max_timestamp = INT64_MAX,
};

static int
validate(size_t n, const struct kbatch_rules *rules)
{
	struct err e = ERR_INIT;
	struct kbatch b;
	int code = kbatch_validate(slice_of(buf, n), rules, &b, &e);

	ck_assert_msg((e.code == ERR_NONE) == (code == KERR_NONE), "%s %s",
	    kerr_name(code), e.msg);
	return (code);
}

/* The CRC anew, after a change of the header by hand. */
static void
reseal(size_t n)
{
	put_be32(buf + 17, kbatch_crc(slice_of(buf, n)));
}

START_TEST(validate_header)
{
	/* Change one field of a good batch; each 32 bits at a place. */
	static const struct { size_t at; uint32_t v; int code; } cases[] = {
		{ 4, 1, KERR_INVALID_RECORD },		/* base offset */
		{ 57, 4, KERR_INVALID_RECORD },		/* count */
		{ 57, 0, KERR_INVALID_RECORD },
		{ 57, 0x80000000, KERR_CORRUPT_MESSAGE },
		{ 23, 5, KERR_INVALID_RECORD },		/* last delta */
		{ 8, 48, KERR_CORRUPT_MESSAGE },	/* length */
		{ 8, 0x7fffffff, KERR_CORRUPT_MESSAGE },
		{ 43, 0, KERR_INVALID_RECORD },		/* producer id >= 0 */
	};
	struct kbuilder b;
	size_t i, n;

	for (i = 0; i < NELEM(cases); i++) {
		n = sample(&b, buf, sizeof buf, 5);
		ck_assert_int_eq(validate(n, &lax), KERR_NONE);
		put_be32(buf + cases[i].at, cases[i].v);
		reseal(n);
		ck_assert_msg(validate(n, &lax) == cases[i].code, "case %zu",
		    i);
	}
}
END_TEST

START_TEST(validate_attributes)
{
	static const struct { uint16_t v; int code; } cases[] = {
		{ KATTR_CONTROL, KERR_INVALID_RECORD },
		{ KATTR_LOG_APPEND_TIME, KERR_INVALID_TIMESTAMP },
		{ 5, KERR_UNSUPPORTED_COMPRESSION_TYPE },
		{ 7, KERR_UNSUPPORTED_COMPRESSION_TYPE },
	};
	struct kbatch_rules old = lax;
	struct kbuilder b;
	size_t i, n;

	for (i = 0; i < NELEM(cases); i++) {
		n = sample(&b, buf, sizeof buf, 5);
		put_be16(buf + 21, cases[i].v);
		reseal(n);
		ck_assert_int_eq(validate(n, &lax), cases[i].code);
	}
	/* zstd is of Produce 7. */
	old.version = 6;
	old.deep = false;
	put_be16(buf + 21, KCODEC_ZSTD);
	reseal(n);
	ck_assert_int_eq(validate(n, &old),
	    KERR_UNSUPPORTED_COMPRESSION_TYPE);
	old.version = 7;
	ck_assert_int_eq(validate(n, &old), KERR_NONE);
}
END_TEST

START_TEST(validate_shape)
{
	struct kbatch_rules rules = lax;
	struct kbatch h;
	struct kbuilder b;
	size_t n = sample(&b, buf, sizeof buf, 5);

	ck_assert_int_eq(kbatch_validate(SLICE_NULL, &lax, &h, NULL),
	    KERR_INVALID_RECORD);
	ck_assert_int_eq(validate(0, &lax), KERR_INVALID_RECORD);
	ck_assert_int_eq(validate(16, &lax), KERR_CORRUPT_MESSAGE);
	ck_assert_int_eq(validate(n - 1, &lax), KERR_CORRUPT_MESSAGE);
	ck_assert_int_eq(validate(n + 1, &lax), KERR_INVALID_RECORD);
	rules.max_bytes = (uint32_t)n;
	ck_assert_int_eq(validate(n, &rules), KERR_NONE);
	rules.max_bytes--;
	ck_assert_int_eq(validate(n, &rules), KERR_MESSAGE_TOO_LARGE);
	buf[n - 1] ^= 1;
	ck_assert_int_eq(validate(n, &lax), KERR_CORRUPT_MESSAGE);
	buf[16] = 1;
	ck_assert_int_eq(validate(n, &lax), KERR_INVALID_RECORD);
}
END_TEST

START_TEST(validate_records)
{
	struct kbatch_rules rules = lax;
	struct kbuilder b;
	size_t n = sample(&b, buf, sizeof buf, 5);

	rules.need_key = true;
	ck_assert_int_eq(validate(n, &rules), KERR_INVALID_RECORD);
	rules.need_key = false;
	/* Timestamps are 1000 to 1028. */
	rules.max_timestamp = 1028;
	rules.min_timestamp = 1000;
	ck_assert_int_eq(validate(n, &rules), KERR_NONE);
	rules.max_timestamp = 1027;
	ck_assert_int_eq(validate(n, &rules), KERR_INVALID_TIMESTAMP);
	rules.max_timestamp = 1028;
	rules.min_timestamp = 1001;
	ck_assert_int_eq(validate(n, &rules), KERR_INVALID_TIMESTAMP);
	/* The offset delta of the first record: length, attributes, time. */
	ck_assert_uint_eq(buf[KBATCH_HEADER + 3], 0);
	buf[KBATCH_HEADER + 3] = 2;
	reseal(n);
	ck_assert_int_eq(validate(n, &lax), KERR_INVALID_RECORD);
	rules = lax;
	rules.deep = false;
	ck_assert_int_eq(validate(n, &rules), KERR_NONE);
}
END_TEST

/* --- time --- */

START_TEST(find_time)
{
	static const int64_t ts[] = { 10, 30, 20, 30, 40, 40 };
	static const struct { int64_t from, ts; int rc; int64_t offset, found; }
	cases[] = {
		{ 0, 0, 1, 100, 10 }, { 0, 10, 1, 100, 10 },
		{ 0, 11, 1, 101, 30 }, { 102, 11, 1, 102, 20 },
		{ 103, 31, 1, 104, 40 }, { 0, 41, 0, 0, 0 },
		{ 106, 0, 0, 0, 0 }, { 105, 0, 1, 105, 40 },
	};
	struct kiter it = KITER_INIT;
	struct kbuilder b;
	int64_t offset, found;
	struct slice in;
	size_t i;

	kbuilder_init(&b, buf, sizeof buf, ts[0]);
	for (i = 0; i < NELEM(ts); i++)
		ck_assert(kbuilder_add(&b, ts[i], SLICE_NULL, SLICE("v"), NULL,
		    0));
	b.base_offset = 100;
	in = slice_of(buf, kbuilder_finish(&b));
	for (i = 0; i < NELEM(cases); i++) {
		ck_assert_int_eq(kbatch_find_time(&it, in, cases[i].from,
		    cases[i].ts, 0, &offset, &found, NULL), cases[i].rc);
		if (cases[i].rc == 1)
			ck_assert(offset == cases[i].offset &&
			    found == cases[i].found);
	}
	ck_assert_int_eq(kbatch_find_max_time(&it, in, 0, &offset, &found,
	    NULL), 1);
	ck_assert(offset == 104 && found == 40);
	kiter_close(&it);
}
END_TEST

/* --- compression; the loop is over the codecs --- */

START_TEST(compress_roundtrip)
{
	static const int counts[] = { 1, 2, 50, 5000 };
	struct err e = ERR_INIT;
	struct kbuilder b;
	struct kbatch h;
	size_t i, n, z;
	uint8_t *out;
	char *plain, *text;

	if (!kcodec_have(_i))
		return;
	for (i = 0; i < NELEM(counts); i++) {
		n = sample(&b, buf, sizeof buf, counts[i]);
		kbatch_set_producer(buf, 5, 6, 7, true);
		plain = batch_text(slice_of(buf, n));
		z = KBATCH_HEADER + kcodec_bound(_i, n - KBATCH_HEADER);
		out = malloc(z);
		ck_assert_msg(kbatch_compress(slice_of(buf, n), _i, INT_MIN,
		    out, z, &z, &e) == 0, "%s", e.msg);
		ck_assert_int_eq(kbatch_check(slice_of(out, z), &h, NULL), 0);
		ck_assert_uint_eq(kbatch_size(&h), z);
		ck_assert_int_eq(kbatch_codec(&h), _i);
		ck_assert(h.producer_id == 5 && h.count == counts[i] &&
		    (h.attributes & KATTR_TRANSACTIONAL) != 0);
		text = batch_text(slice_of(out, z));
		ck_assert_str_eq(text, plain);
		free(text);
		free(plain);
		free(out);
	}
}
END_TEST

/* The bound on the output holds to the byte. */
START_TEST(compress_bounded)
{
	static uint8_t zeros[200000];
	struct err e = ERR_INIT;
	uint8_t *out = NULL;
	size_t cap = 0, n, z;

	if (!kcodec_have(_i))
		return;
	ck_assert_int_eq(kcodec_fold(_i, INT_MIN, slice_of(zeros,
	    sizeof zeros), buf, sizeof buf, &z, &e), 0);
	ck_assert_int_eq(kcodec_unfold(_i, slice_of(buf, z), sizeof zeros,
	    &out, &cap, &n, &e), 0);
	ck_assert(slice_eq(slice_of(out, n), slice_of(zeros, sizeof zeros)));
	ck_assert_int_eq(kcodec_unfold(_i, slice_of(buf, z),
	    sizeof zeros - 1, &out, &cap, &n, &e), -1);
	ck_assert_int_eq(e.code, ERR_TOO_LARGE);
	ck_assert_int_eq(kcodec_unfold(_i, slice_of(buf, z), 0, &out, &cap,
	    &n, &e), -1);
	free(out);
}
END_TEST

/* Cut anywhere it is refused; changed anywhere it ends. */
START_TEST(compress_damaged)
{
	size_t cap = 0, len, n, z, i;
	struct kbuilder b;
	uint8_t *out = NULL, *copy;
	int rc;

	if (!kcodec_have(_i))
		return;
	n = sample(&b, buf, sizeof buf, 40);
	ck_assert_int_eq(kcodec_fold(_i, INT_MIN, slice_of(buf, n), buf2,
	    sizeof buf2, &z, NULL), 0);
	for (i = 0; i < z; i++) {
		copy = memcpy(malloc(i + 1), buf2, i);
		rc = kcodec_unfold(_i, slice_of(copy, i), INFLATED, &out,
		    &cap, &len, NULL);
		/* Framed snappy may end behind any of its blocks. */
		ck_assert_msg(rc == -1 || (_i == KCODEC_SNAPPY && len < n),
		    "%s: %zu of %zu bytes were taken", kcodec_name(_i), i, z);
		free(copy);
		copy = memcpy(malloc(z), buf2, z);
		copy[i] ^= 0x41;
		kcodec_unfold(_i, slice_of(copy, z), INFLATED, &out, &cap,
		    &len, NULL);
		free(copy);
	}
	free(out);
}
END_TEST

START_TEST(compress_no_room)
{
	struct err e = ERR_INIT;
	size_t z;

	if (!kcodec_have(_i))
		return;
	ck_assert_int_eq(kcodec_fold(_i, INT_MIN, SLICE("abc"), buf, 3, &z,
	    &e), -1);
	ck_assert_int_eq(e.code, ERR_FULL);
}
END_TEST

START_TEST(compress_unknown)
{
	struct err e = ERR_INIT;
	struct kiter it = KITER_INIT;
	struct kbuilder b;
	size_t n = sample(&b, buf, sizeof buf, 3);

	put_be16(buf + 21, 6);
	ck_assert_int_eq(kiter_open(&it, slice_of(buf, n), INFLATED, &e), -1);
	ck_assert_int_eq(e.code, ERR_REFUSED);
	ck_assert_int_eq(kcodec_of("lz4"), KCODEC_LZ4);
	ck_assert_int_eq(kcodec_of("lzma"), -1);
	ck_assert_str_eq(kcodec_name(4), "zstd");
	ck_assert_str_eq(kcodec_name(5), "unknown");
	kiter_close(&it);
}
END_TEST

START_TEST(snappy_raw)
{
	struct slice in, want;
	uint8_t *out = NULL;
	size_t cap = 0, n;
	struct golden g;

	for (golden_open(&g, "snappy.txt"); golden_next(&g);) {
		in = golden_hex(g.field[1]);
		want = golden_hex(g.field[2]);
		if (kcodec_have(KCODEC_SNAPPY)) {
			ck_assert_int_eq(kcodec_unfold(KCODEC_SNAPPY, in,
			    INFLATED, &out, &cap, &n, NULL), 0);
			ck_assert(slice_eq(slice_of(out, n), want));
		}
		golden_free(in);
		golden_free(want);
	}
	free(out);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("kafka records");
	TCase *t = tcase_create("records");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, golden_batches);
	tcase_add_test(t, golden_producer);
	tcase_add_test(t, damage_is_seen);
	tcase_add_test(t, iterator_is_total);
	tcase_add_test(t, values_equal_add);
	tcase_add_test(t, values_stride);
	tcase_add_test(t, builder_bound);
	tcase_add_test(t, builder_refuses);
	tcase_add_test(t, builder_timestamps);
	tcase_add_test(t, patches);
	tcase_add_test(t, append_time);
	tcase_add_test(t, control);
	tcase_add_test(t, validate_header);
	tcase_add_test(t, validate_attributes);
	tcase_add_test(t, validate_shape);
	tcase_add_test(t, validate_records);
	tcase_add_test(t, find_time);
	tcase_add_loop_test(t, compress_roundtrip, 1, KCODEC_COUNT);
	tcase_add_loop_test(t, compress_bounded, 1, KCODEC_COUNT);
	tcase_add_loop_test(t, compress_damaged, 1, KCODEC_COUNT);
	tcase_add_loop_test(t, compress_no_room, 1, KCODEC_COUNT);
	tcase_add_test(t, compress_unknown);
	tcase_add_test(t, snappy_raw);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return (failed == 0 ? 0 : 1);
}
