/* sources/seq. */
#include "test/unit/source_rig.h"

#include "sources/sources.h"

static struct rig r;

static void
begin(bool durable, const char *batch, const char *total)
{
	rig_new(&r, &source_seq, durable);
	rig_set(&r, "batchSize", batch);
	rig_set(&r, "totalEvents", total);
}

static void
expect_numbers(size_t from, size_t n)
{
	char text[24];
	size_t i;

	ck_assert_uint_eq(r.n, n);
	for (i = 0; i < n; i++) {
		snprintf(text, sizeof text, "%zu", from + i);
		ck_assert_str_eq(r.lines[i].text, text);
		ck_assert_uint_eq(r.lines[i].end, from + i + 1);
	}
}

START_TEST(test_counts)
{
	begin(false, "7", "100");
	rig_start(&r);
	rig_wait_lines(&r, 100);
	for (int i = 0; i < 10; i++)
		rig_turn(&r);
	expect_numbers(0, 100);
	rig_free(&r);
}
END_TEST

/* With a durable channel it goes on where that stands. */
START_TEST(test_resumes)
{
	begin(true, "3", "60");
	r.room = 7;
	rig_start(&r);
	rig_wait_lines(&r, 21);
	rig_kill(&r);
	r.room = SIZE_MAX;
	rig_start(&r);
	rig_wait_lines(&r, 60);
	expect_numbers(0, 60);
	rig_free(&r);
}
END_TEST

/* A refused batch keeps its numbers; a full channel stops it. */
START_TEST(test_refused)
{
	int i;

	begin(false, "1", "50");
	r.room = 10;
	rig_start(&r);
	rig_wait_lines(&r, 10);
	for (i = 0; i < 10; i++)
		rig_turn(&r);
	ck_assert(r.paused);
	rig_room(&r, SIZE_MAX);
	rig_wait_lines(&r, 50);
	expect_numbers(0, 50);
	rig_free(&r);
}
END_TEST

START_TEST(test_not_stored)
{
	begin(true, "1", "40");
	r.hold_store = true;
	rig_start(&r);
	rig_wait_taken(&r, 16);
	rig_store(&r, 5);
	while (r.ntaken > 0)
		rig_store_fails(&r, ERR_UNCERTAIN);
	r.hold_store = false;
	rig_wait_lines(&r, 40);
	expect_numbers(0, 40);
	rig_free(&r);
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &test_counts },
	{ .fn = &test_resumes },
	{ .fn = &test_refused },
	{ .fn = &test_not_stored },
};

int
main(void)
{
	return (UNIT_MAIN("seq", tests));
}
