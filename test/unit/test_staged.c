/* Offsets of open transactions. */
#include "test/unit/unit.h"

#include "broker/staged.h"

static struct staged *st;

static void
put(int64_t producer, const char *group, const char *topic, int32_t partition,
    int64_t offset)
{
	struct committed c = { .offset = offset, .at = offset,
	    .metadata = SLICE("m") };

	staged_put(st, producer, slice_str(group), slice_str(topic),
	    partition, &c);
}

static bool
has(const char *group, const char *topic, int32_t partition)
{
	return (staged_has(st, slice_str(group), slice_str(topic),
	    partition));
}

static char ended[200];

static void
on_end(void *ctx, struct slice group, const struct offsets *o)
{
	const struct offsets_topic *t;
	size_t it = 0, i, n;

	ck_assert_ptr_eq(ctx, st);
	while ((t = offsets_next(o, &it)) != NULL)
		for (i = 0; i < t->n; i++) {
			n = strlen(ended);
			snprintf(ended + n, sizeof ended - n,
			    "%.*s/%.*s-%d=%lld ", (int)group.len,
			    (const char *)group.p, (int)t->name.len,
			    (const char *)t->name.p, (int)t->v[i].partition,
			    (long long)t->v[i].offset);
		}
}

static const char *
end(int64_t producer)
{
	ended[0] = '\0';
	staged_end(st, producer, on_end, st);
	return (ended);
}

START_TEST(put_and_end)
{
	st = staged_new();
	ck_assert_str_eq(end(1), "");
	put(1, "g", "t", 0, 10);
	put(1, "g", "t", 1, 11);
	put(1, "g", "t", 0, 12);
	ck_assert_uint_eq(staged_transactions(st), 1);
	ck_assert(has("g", "t", 0));
	ck_assert(!has("g", "t", 2));
	ck_assert(!has("g", "u", 0));
	ck_assert(!has("h", "t", 0));
	ck_assert(staged_has_group(st, SLICE("g")));
	ck_assert_str_eq(end(2), "");
	ck_assert_str_eq(end(1), "g/t-0=12 g/t-1=11 ");
	ck_assert(!has("g", "t", 0));
	ck_assert(!staged_has_group(st, SLICE("g")));
	ck_assert_uint_eq(staged_transactions(st), 0);
	ck_assert_str_eq(end(1), "");
	staged_free(st);
}
END_TEST

START_TEST(transactions_are_apart)
{
	struct offsets *o = offsets_new();

	st = staged_new();
	put(1, "g", "t", 0, 10);
	put(2, "g", "t", 0, 20);
	put(2, "g", "t", 5, 25);
	put(2, "h", "t", 0, 30);
	ck_assert_uint_eq(staged_transactions(st), 2);
	ck_assert_uint_gt(staged_bytes(st, 2), staged_bytes(st, 1));
	ck_assert_uint_eq(staged_bytes(st, 3), 0);
	staged_keys(st, SLICE("g"), o);
	ck_assert_uint_eq(offsets_count(o), 2);
	staged_end(st, 2, NULL, NULL);
	ck_assert(has("g", "t", 0));
	ck_assert(!has("g", "t", 5));
	ck_assert(!staged_has_group(st, SLICE("h")));
	ck_assert_str_eq(end(1), "g/t-0=10 ");
	offsets_free(o);
	staged_free(st);
}
END_TEST

START_TEST(tombstones)
{
	st = staged_new();
	put(1, "g", "t", 0, 10);
	put(2, "g", "t", 0, 20);
	put(2, "g", "t", 1, 21);
	put(2, "h", "t", 0, 22);
	staged_remove(st, SLICE("g"), SLICE("t"), 7);
	staged_remove(st, SLICE("x"), SLICE("t"), 0);
	staged_remove(st, SLICE("g"), SLICE("t"), 0);
	ck_assert(!has("g", "t", 0));
	ck_assert(has("g", "t", 1));
	ck_assert_uint_eq(staged_transactions(st), 1);
	staged_remove(st, SLICE("g"), SLICE("t"), 1);
	ck_assert(!staged_has_group(st, SLICE("g")));
	ck_assert_str_eq(end(2), "h/t-0=22 ");
	staged_free(st);
}
END_TEST

/* Against a plain table, in any order. */
START_TEST(like_a_table)
{
	static int64_t table[4][3][5];	/* producer, group, partition; 0 none */
	static const char *const groups[] = { "a", "b", "c" };
	uint64_t state = 7;
	int i, p, g, k, n, any;

	st = staged_new();
	for (i = 1; i <= 20000; i++) {
		p = (int)(unit_random(&state) % 4);
		g = (int)(unit_random(&state) % 3);
		k = (int)(unit_random(&state) % 5);
		switch (unit_random(&state) % 8) {
		case 0:
			staged_end(st, p, NULL, NULL);
			memset(table[p], 0, sizeof table[p]);
			break;
		case 1:
			staged_remove(st, slice_str(groups[g]), SLICE("t"),
			    k);
			for (n = 0; n < 4; n++)
				table[n][g][k] = 0;
			break;
		default:
			put(p, groups[g], "t", k, i);
			table[p][g][k] = i;
		}
		for (any = n = 0; n < 4; n++)
			any |= table[n][g][k] != 0;
		ck_assert_int_eq(has(groups[g], "t", k), any);
	}
	staged_free(st);		/* also what is in it */
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &put_and_end },
	{ .fn = &transactions_are_apart },
	{ .fn = &tombstones },
	{ .fn = &like_a_table },
};

int
main(void)
{
	return (UNIT_MAIN("staged", tests));
}
