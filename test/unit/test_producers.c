/* Sequence numbers of idempotent producers: every row of what a batch may
 * meet, expiry, and the snapshot. */
#include "broker/producers.h"

#include "test/unit/unit.h"

#include "base/bytes.h"
#include "kafka/errors.h"

static struct producers *p;

/* A test over an empty p. */
#define PRODUCERS_TEST(name)						\
	static void name##_body(int);					\
	START_TEST(name)						\
	{								\
		p = producers_new(100);					\
		name##_body(_i);					\
		producers_free(p);					\
	}								\
	END_TEST							\
	static void							\
	name##_body(int _i __attribute__((unused)))

static struct kbatch
batch(int64_t id, int16_t epoch, int32_t seq, int32_t n, int64_t base)
{
	return ((struct kbatch){ .base_offset = base,
	    .last_offset_delta = n - 1,
	    .count = n, .max_timestamp = 1000 + base, .producer_id = id,
	    .producer_epoch = epoch, .base_sequence = seq, .magic = 2 });
}

static int
check_one(int64_t id, int16_t epoch, int32_t seq, int32_t n,
    struct producers_seen *seen)
{
	struct kbatch b = batch(id, epoch, seq, n, 0);
	struct producers_seen dummy;

	return (producers_check(p, &b, seen == NULL ? &dummy : seen));
}

static void
put(int64_t id, int16_t epoch, int32_t seq, int32_t n, int64_t base,
    int64_t now)
{
	struct kbatch b = batch(id, epoch, seq, n, base);

	producers_update(p, &b, now);
}

/* Seven batches of ten records at offset 100, epoch 3: numbers 0..69; those
 * from 20 on are the five kept. */
static const struct row {
	int16_t	epoch;
	int32_t	seq, n;
	int	want;
	int64_t	base;
} rows[] = {
	{ 3, 70, 5, KERR_NONE, 0 },
	{ 3, 60, 10, KERR_DUPLICATE_SEQUENCE_NUMBER, 160 },
	{ 3, 20, 10, KERR_DUPLICATE_SEQUENCE_NUMBER, 120 },
	{ 3, 10, 10, KERR_OUT_OF_ORDER_SEQUENCE_NUMBER, 0 },
	{ 3, 60, 9, KERR_OUT_OF_ORDER_SEQUENCE_NUMBER, 0 },
	{ 3, 65, 5, KERR_OUT_OF_ORDER_SEQUENCE_NUMBER, 0 },
	{ 3, 71, 1, KERR_OUT_OF_ORDER_SEQUENCE_NUMBER, 0 },
	{ 3, 0, 70, KERR_OUT_OF_ORDER_SEQUENCE_NUMBER, 0 },
	{ 2, 70, 1, KERR_INVALID_PRODUCER_EPOCH, 0 },
	{ 2, 60, 10, KERR_INVALID_PRODUCER_EPOCH, 0 },
	{ 4, 0, 1, KERR_NONE, 0 },
	{ 4, 70, 1, KERR_OUT_OF_ORDER_SEQUENCE_NUMBER, 0 },
};

static void
fill_seven(void)
{
	int i;

	for (i = 0; i < 7; i++)
		put(9, 3, i * 10, 10, 100 + i * 10, 1);
}

PRODUCERS_TEST(row)
{
	const struct row *r = &rows[_i];
	struct producers_seen seen = { -1, -1 };

	fill_seven();
	ck_assert_int_eq(check_one(9, r->epoch, r->seq, r->n, &seen), r->want);
	if (r->want == KERR_DUPLICATE_SEQUENCE_NUMBER) {
		ck_assert_int_eq(seen.base_offset, r->base);
		ck_assert_int_eq(seen.timestamp, 1000 + r->base);
	}
}

PRODUCERS_TEST(no_producer_id)
{
	put(-1, -1, -1, 3, 0, 1);
	ck_assert_uint_eq(producers_count(p), 0);
	ck_assert_int_eq(check_one(-1, -1, -1, 3, NULL), KERR_NONE);
}

PRODUCERS_TEST(unknown_begins_anywhere)
{
	ck_assert_int_eq(check_one(5, 0, 12345, 3, NULL), KERR_NONE);
	put(5, 0, 12345, 3, 0, 1);
	ck_assert_int_eq(check_one(5, 0, 12348, 1, NULL), KERR_NONE);
}

PRODUCERS_TEST(sequence_wraps)
{
	struct producers_seen seen;

	/* ends exactly at the largest number */
	put(5, 0, INT32_MAX - 9, 10, 0, 1);
	ck_assert_int_eq(check_one(5, 0, 0, 4, NULL), KERR_NONE);
	/* and a batch that wraps inside */
	put(6, 0, INT32_MAX - 1, 5, 50, 1);
	ck_assert_int_eq(check_one(6, 0, 3, 1, NULL), KERR_NONE);
	ck_assert_int_eq(check_one(6, 0, 4, 1, NULL),
	    KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	ck_assert_int_eq(check_one(6, 0, INT32_MAX - 1, 5, &seen),
	    KERR_DUPLICATE_SEQUENCE_NUMBER);
	ck_assert_int_eq(seen.base_offset, 50);
}

PRODUCERS_TEST(new_epoch_forgets_batches)
{
	put(5, 0, 0, 10, 0, 1);
	put(5, 1, 0, 10, 10, 1);
	ck_assert_int_eq(check_one(5, 1, 10, 1, NULL), KERR_NONE);
	ck_assert_int_eq(check_one(5, 0, 10, 1, NULL),
	    KERR_INVALID_PRODUCER_EPOCH);
}

PRODUCERS_TEST(expiry_goes_by_the_last_write)
{
	put(1, 0, 0, 1, 0, 100);
	put(2, 0, 0, 1, 1, 200);
	put(1, 0, 1, 1, 2, 300);
	ck_assert_uint_eq(producers_expire(p, 299, 100), 0);
	ck_assert_uint_eq(producers_expire(p, 300, 100), 1);	/* 2 */
	ck_assert_uint_eq(producers_count(p), 1);
	ck_assert_int_eq(check_one(2, 0, 77, 1, NULL), KERR_NONE);
	ck_assert_int_eq(check_one(1, 0, 77, 1, NULL),
	    KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
}

PRODUCERS_TEST(limit_forgets_the_oldest)
{
	int i;

	for (i = 0; i < 100; i++)
		put(i, 0, 0, 1, i, i);
	put(0, 0, 1, 1, 100, 100);		/* 0 is young again */
	put(1000, 0, 0, 1, 101, 101);
	ck_assert_uint_eq(producers_count(p), 100);
	ck_assert_int_eq(check_one(0, 0, 5, 1, NULL),
	    KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	ck_assert_int_eq(check_one(1, 0, 5, 1, NULL), KERR_NONE);
}

static void
same_answers(void)
{
	size_t i;

	for (i = 0; i < NELEM(rows); i++) {
		struct producers_seen seen = { -1, -1 };

		ck_assert_int_eq(check_one(9, rows[i].epoch, rows[i].seq,
		    rows[i].n, &seen), rows[i].want);
		if (rows[i].want == KERR_DUPLICATE_SEQUENCE_NUMBER)
			ck_assert_int_eq(seen.base_offset, rows[i].base);
	}
}

PRODUCERS_TEST(snapshot_answers_the_same)
{
	uint8_t *buf;
	size_t len;

	fill_seven();
	put(10, 0, 0, 1, 1, 1);
	buf = producers_encode(p, &len);
	ck_assert_uint_eq(len, 10 + 6 * 46);
	put(9, 3, 70, 1, 170, 1);		/* replaced by decode */
	ck_assert_int_eq(producers_decode(p, slice_of(buf, len), 5, NULL), 0);
	free(buf);
	ck_assert_uint_eq(producers_count(p), 2);
	same_answers();
}

PRODUCERS_TEST(snapshot_layout)
{
	uint8_t *buf;
	size_t len;

	put(0x0102030405060708, 9, 20, 3, 500, 1);
	buf = producers_encode(p, &len);
	ck_assert_uint_eq(len, 56);
	ck_assert_uint_eq(get_be16(buf), 1);
	ck_assert_uint_eq(get_be32(buf + 6), 1);
	ck_assert_uint_eq(get_be64(buf + 10), 0x0102030405060708);
	ck_assert_uint_eq(get_be16(buf + 18), 9);
	ck_assert_uint_eq(get_be32(buf + 20), 22);
	ck_assert_uint_eq(get_be64(buf + 24), 502);
	ck_assert_uint_eq(get_be32(buf + 32), 2);
	ck_assert_uint_eq(get_be64(buf + 36), 1500);
	ck_assert_uint_eq(get_be32(buf + 44), 0xffffffff);
	ck_assert_uint_eq(get_be64(buf + 48), UINT64_MAX);
	free(buf);
}

PRODUCERS_TEST(snapshot_refuses_damage)
{
	struct err e = ERR_INIT;
	uint8_t *buf;
	size_t i, len;

	fill_seven();
	buf = producers_encode(p, &len);
	for (i = 0; i < len; i++)
		ck_assert_int_eq(producers_decode(p, slice_of(buf, i), 1, &e),
		    -1);
	for (i = 0; i < len; i++) {
		buf[i] ^= 0x10;
		ck_assert_int_eq(producers_decode(p, slice_of(buf, len), 1,
		    &e), -1);
		ck_assert_int_eq(e.code, ERR_CORRUPT);
		ck_assert_uint_eq(producers_count(p), 0);
		buf[i] ^= 0x10;
	}
	ck_assert_int_eq(producers_decode(p, slice_of(buf, len), 1, &e), 0);
	free(buf);
}

static void
header(uint8_t *h, const struct kbatch *b)
{
	memset(h, 0, KBATCH_HEADER);
	(void)put_be64(h, (uint64_t)b->base_offset);
	(void)put_be32(h + 8, 100);
	h[16] = 2;
	(void)put_be16(h + 21, (uint16_t)b->attributes);
	(void)put_be32(h + 23, (uint32_t)b->last_offset_delta);
	(void)put_be64(h + 35, (uint64_t)b->max_timestamp);
	(void)put_be64(h + 43, (uint64_t)b->producer_id);
	(void)put_be16(h + 51, (uint16_t)b->producer_epoch);
	(void)put_be32(h + 53, (uint32_t)b->base_sequence);
	(void)put_be32(h + 57, (uint32_t)b->count);
}

PRODUCERS_TEST(scan_answers_the_same)
{
	uint8_t h[KBATCH_HEADER];
	struct kbatch b;
	int i;

	for (i = 0; i < 7; i++) {
		b = batch(9, 3, i * 10, 10, 100 + i * 10);
		header(h, &b);
		ck_assert_int_eq(producers_scan(p, h, b.base_offset, 1, NULL),
		    0);
	}
	same_answers();
	memset(h, 0xff, sizeof h);
	ck_assert_int_eq(producers_scan(p, h, 0, 1, NULL), -1);
}

PRODUCERS_TEST(marker_moves_the_epoch)
{
	struct kbatch b = batch(9, 4, -1, 1, 170);

	fill_seven();
	b.attributes = KATTR_CONTROL | KATTR_TRANSACTIONAL;
	ck_assert_int_eq(producers_end(p, &b, 7, 1), -1);
	ck_assert_int_eq(check_one(9, 3, 70, 1, NULL),
	    KERR_INVALID_PRODUCER_EPOCH);
	ck_assert_int_eq(check_one(9, 4, 0, 1, NULL), KERR_NONE);
	ck_assert_int_eq(check_one(9, 4, 70, 1, NULL),
	    KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	/* one that comes late moves nothing */
	b.producer_epoch = 3;
	ck_assert_int_eq(producers_end(p, &b, 7, 1), -1);
	ck_assert_int_eq(check_one(9, 4, 0, 1, NULL), KERR_NONE);
}

PRODUCERS_TEST(open_transactions_do_not_expire)
{
	struct kbatch b = batch(9, 0, 0, 1, 0);

	b.attributes = KATTR_TRANSACTIONAL;
	producers_update(p, &b, 1);
	ck_assert_uint_eq(producers_expire(p, 1000, 10), 0);
	b = batch(9, 0, -1, 1, 1);
	b.attributes = KATTR_CONTROL | KATTR_TRANSACTIONAL;
	ck_assert_int_eq(producers_end(p, &b, 0, 1), 0);
	ck_assert_uint_eq(producers_expire(p, 1000, 10), 1);
}

static const struct unit_test tests[] = {
	{ .fn = &row, .rows = NELEM(rows) },
	{ .fn = &no_producer_id },
	{ .fn = &unknown_begins_anywhere },
	{ .fn = &sequence_wraps },
	{ .fn = &new_epoch_forgets_batches },
	{ .fn = &expiry_goes_by_the_last_write },
	{ .fn = &limit_forgets_the_oldest },
	{ .fn = &snapshot_answers_the_same },
	{ .fn = &snapshot_layout },
	{ .fn = &snapshot_refuses_damage },
	{ .fn = &scan_answers_the_same },
	{ .fn = &marker_moves_the_epoch },
	{ .fn = &open_transactions_do_not_expire },
};

int
main(void)
{
	return (UNIT_MAIN("producers", tests));
}
