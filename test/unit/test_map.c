/* base/map, base/crc32c. */
#include "test/unit/unit.h"

#include "base/crc32c.h"
#include "base/crc32c_hw.h"
#include "base/map.h"

START_TEST(test_map)
{
	struct map *m = map_new();
	int a, b;

	ck_assert_ptr_null(map_get(m, SLICE("x")));
	ck_assert_ptr_null(map_remove(m, SLICE("x")));
	ck_assert_ptr_null(map_put(m, SLICE("x"), &a));
	ck_assert_ptr_null(map_put(m, SLICE(""), &b));
	ck_assert_ptr_eq(map_put(m, SLICE("x"), &b), &a);
	ck_assert_ptr_eq(map_get(m, SLICE("x")), &b);
	ck_assert_ptr_eq(map_get(m, SLICE("")), &b);
	ck_assert_ptr_null(map_get(m, SLICE("x\0")));
	ck_assert_uint_eq(map_size(m), 2);
	ck_assert_ptr_eq(map_remove(m, SLICE("")), &b);
	ck_assert_uint_eq(map_size(m), 1);
	map_free(m);
	map_free(NULL);
}
END_TEST

/* Random puts and removes over 500 keys against a table. */
START_TEST(test_map_model)
{
	static char values[1000];
	void *model[500] = { NULL };
	struct map *m = map_new();
	uint64_t seed = 3, r;
	size_t n = 0, it, seen;
	char key[16];
	void *v;

	for (int i = 0; i < 100000; i++) {
		unsigned k = (r = unit_random(&seed)) % 500;
		struct slice s = slice_of(key, (size_t)snprintf(key,
		    sizeof key, "%u", k));

		if ((r >> 32 & 3) == 0) {
			ck_assert_ptr_eq(map_remove(m, s), model[k]);
			n -= model[k] != NULL;
			model[k] = NULL;
		} else {
			v = &values[r >> 40 & 511];
			ck_assert_ptr_eq(map_put(m, s, v), model[k]);
			n += model[k] == NULL;
			model[k] = v;
		}
		ck_assert_ptr_eq(map_get(m, s), model[k]);
		ck_assert_uint_eq(map_size(m), n);
	}
	for (it = seen = 0; map_next(m, &it, NULL, &v); seen++)
		;
	ck_assert_uint_eq(seen, n);
	map_free(m);
}
END_TEST

START_TEST(test_map_walk_removing)
{
	struct map *m = map_new();
	bool seen[300] = { false };
	struct slice key;
	size_t it, n = 0;
	uint16_t k;
	void *v;

	for (k = 0; k < 300; k++)
		map_put(m, slice_of(&k, sizeof k), &seen[k]);
	for (it = 0; map_next(m, &it, &key, &v); n++) {
		ck_assert(!*(bool *)v);
		*(bool *)v = true;
		memcpy(&k, key.p, sizeof k);
		ck_assert_ptr_eq(&seen[k], v);
		if (k % 2 == 0)
			ck_assert_ptr_eq(map_remove(m, key), v);
	}
	ck_assert_uint_eq(n, 300);
	ck_assert_uint_eq(map_size(m), 150);
	map_free(m);
}
END_TEST

/* RFC 3720 B.4, and the check value of the catalogues. */
START_TEST(test_crc_known)
{
	uint8_t b[32];

	ck_assert_uint_eq(crc32c(0, "123456789", 9), 0xe3069283);
	ck_assert_uint_eq(crc32c(0, "", 0), 0);
	memset(b, 0, sizeof b);
	ck_assert_uint_eq(crc32c(0, b, sizeof b), 0x8a9136aa);
	memset(b, 0xff, sizeof b);
	ck_assert_uint_eq(crc32c(0, b, sizeof b), 0x62a8ab43);
	for (uint8_t i = 0; i < 32; i++)
		b[i] = i;
	ck_assert_uint_eq(crc32c(0, b, sizeof b), 0x46dd794e);
}
END_TEST

static uint32_t
crc_slow(uint32_t crc, const uint8_t *p, size_t n)
{
	crc = ~crc;
	while (n-- > 0) {
		crc ^= *p++;
		for (int k = 0; k < 8; k++)
			crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
	}
	return (~crc);
}

/* Both versions, any length and alignment, in one go, in two, combined. */
START_TEST(test_crc_random)
{
	static uint8_t b[40000];
	uint64_t seed = 5, r;
	size_t off, n, cut;
	uint32_t want, first;

	for (size_t i = 0; i < sizeof b; i++)
		b[i] = (uint8_t)unit_random(&seed);
	for (int i = 0; i < 1500; i++) {
		r = unit_random(&seed);
		off = r % 16;
		n = (r >> 8) % (i % 3 == 0 ? 100 : i % 3 == 1 ? 2000 : 39000);
		cut = n == 0 ? 0 : (r >> 32) % n;
		want = crc_slow(0, b + off, n);
		ck_assert_uint_eq(crc32c(0, b + off, n), want);
		ck_assert_uint_eq(~crc32c_soft(~0u, b + off, n), want);
		first = crc32c(0, b + off, cut);
		ck_assert_uint_eq(crc32c(first, b + off + cut, n - cut), want);
		ck_assert_uint_eq(crc32c_combine(first,
		    crc32c(0, b + off + cut, n - cut), n - cut), want);
	}
}
END_TEST

/* Lengths far beyond memory: n zeroes once and twice is 2n zeroes. */
START_TEST(test_crc_combine_long)
{
	uint32_t once = crc32c(0, "\0", 1), a;
	size_t n = 1;

	for (; n < (size_t)1 << 62; n *= 2) {
		a = crc32c_combine(once, once, n);
		ck_assert_uint_eq(crc32c_combine(crc32c_combine(7, once, n),
		    once, n), crc32c_combine(7, a, 2 * n));
		once = a;
	}
	ck_assert_uint_eq(crc32c_combine(7, 0, n),
	    crc32c_combine(crc32c_combine(7, 0, n / 2), 0, n / 2));
	ck_assert_uint_eq(crc32c_combine(7, 9, 0), 7 ^ 9);
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &test_map },
	{ .fn = &test_map_model },
	{ .fn = &test_map_walk_removing },
	{ .fn = &test_crc_known },
	{ .fn = &test_crc_random },
	{ .fn = &test_crc_combine_long },
};

int
main(void)
{
	return (UNIT_MAIN("map", tests));
}
