/* base/err, base/check, base/mem, base/clock, base/random. */
#include "test/unit/unit.h"

#include <errno.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"

START_TEST(test_err_set)
{
	struct err e = ERR_INIT;

	ck_assert_int_eq(err_set(&e, ERR_FULL, "channel %s is full", "c1"), -1);
	ck_assert_int_eq(e.code, ERR_FULL);
	ck_assert_int_eq(e.sys, 0);
	ck_assert_str_eq(e.msg, "channel c1 is full");
	ck_assert_int_eq(err_set(NULL, ERR_FULL, "x"), -1);
	ck_assert_int_eq(err_ctx(NULL, "x"), -1);
	ck_assert_int_eq(err_sys(NULL, "x"), -1);
}
END_TEST

START_TEST(test_err_sys)
{
	struct err e = ERR_INIT;

	errno = EACCES;
	ck_assert_int_eq(err_sys(&e, "open %s", "/x"), -1);
	ck_assert_int_eq(errno, EACCES);
	ck_assert_int_eq(e.code, ERR_SYS);
	ck_assert_int_eq(e.sys, EACCES);
	ck_assert_str_eq(e.msg, "open /x: Permission denied");
	err_ctx(&e, "channel %s", "c1");
	ck_assert_str_eq(e.msg, "channel c1: open /x: Permission denied");
	ck_assert_int_eq(e.code, ERR_SYS);
	ck_assert_int_eq(e.sys, EACCES);
}
END_TEST

/* The message's own text as an argument, and texts that are too long. */
START_TEST(test_err_long)
{
	struct err e = ERR_INIT;
	char big[2000];

	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	err_set(&e, ERR_SYS, "inner");
	err_set(&e, ERR_FULL, "outer of %s", e.msg);
	ck_assert_str_eq(e.msg, "outer of inner");
	err_set(&e, ERR_SYS, "%s", big);
	ck_assert_uint_eq(strlen(e.msg), sizeof e.msg - 1);
	err_set(&e, ERR_SYS, "y");
	err_ctx(&e, "%s", big);
	ck_assert_uint_eq(strlen(e.msg), sizeof e.msg - 1);
	errno = EIO;
	err_sys(&e, "%s", big);
	ck_assert_int_eq(e.sys, EIO);
}
END_TEST

static void
stderr_to_null(void)
{
	int fd = open("/dev/null", O_WRONLY);

	dup2(fd, STDERR_FILENO);
}

START_TEST(test_check_fails)
{
	int two = 2;

	stderr_to_null();
	CHECK(two == 2);
	CHECK(two == 3);
}
END_TEST

START_TEST(test_fatal_disk)
{
	stderr_to_null();
	fatal_disk("%s is gone", "it");
}
END_TEST

START_TEST(test_mem)
{
	int *v = NULL;
	size_t n = 0, cap = 0;
	char *s;

	for (int i = 0; i < 1000; i++) {
		GROW(v, n, cap);
		v[n++] = i;
	}
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(v[i], i);
	free(v);
	s = xasprintf("%d-%s", 7, "a");
	ck_assert_str_eq(s, "7-a");
	free(s);
	s = xstrndup("a\0b", 3);
	ck_assert_mem_eq(s, "a\0b\0", 4);
	free(s);
	free(xmalloc(0));
	free(xcalloc(0, 8));
}
END_TEST

START_TEST(test_mem_overflow)
{
	volatile size_t huge = SIZE_MAX / 2;

	stderr_to_null();
	free(xreallocarray(NULL, huge, 3));
}
END_TEST

static int64_t fake_now = 42;

static int64_t
fake_clock(void *ctx)
{
	return (*(int64_t *)ctx);
}

START_TEST(test_clock)
{
	int64_t a = clock_mono_ns(), b = clock_mono_ns();

	ck_assert_int_le(a, b);
	ck_assert_int_gt(clock_wall_ms(), (int64_t)1700000000 * 1000);
	clock_replace(fake_clock, fake_clock, &fake_now);
	ck_assert_int_eq(clock_mono_ns(), 42);
	ck_assert_int_eq(clock_wall_ms(), 42);
	clock_replace(NULL, NULL, NULL);
	ck_assert_int_ge(clock_mono_ns(), b);
}
END_TEST

START_TEST(test_uuid)
{
	struct uuid a, b;
	char text[23];

	for (int i = 0; i < 2000; i++) {
		uuid_random(&a);
		ck_assert_int_eq(a.b[6] >> 4, 4);
		ck_assert_int_eq(a.b[8] >> 6, 2);
		uuid_print(&a, text);
		ck_assert_uint_eq(strlen(text), 22);
		ck_assert_int_ne(text[0], '-');
		ck_assert(uuid_parse(&b, text));
		ck_assert_mem_eq(&a, &b, sizeof a);
	}
}
END_TEST

/* Kafka's ZERO_UUID and METADATA_TOPIC_ID (KIP-500) print like this. */
START_TEST(test_uuid_known)
{
	struct uuid u = { { 0 } }, v;
	char text[23];

	ck_assert_str_eq(uuid_print(&u, text), "AAAAAAAAAAAAAAAAAAAAAA");
	u.b[15] = 1;
	ck_assert_str_eq(uuid_print(&u, text), "AAAAAAAAAAAAAAAAAAAAAQ");
	memset(u.b, 0xff, sizeof u.b);
	ck_assert_str_eq(uuid_print(&u, text), "_____________________w");
	ck_assert(uuid_parse(&v, text));
	ck_assert_mem_eq(&u, &v, sizeof u);
}
END_TEST

static const char *const bad_uuids[] = {
	"", "AAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAA",
	"AAAAAAAAAAAAAAAAAAAAAB", "AAAAAAAAAA+AAAAAAAAAAA",
	"AAAAAAAAAA AAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAA==",
};

START_TEST(test_uuid_bad)
{
	struct uuid u = { { 7 } };

	ck_assert(!uuid_parse(&u, bad_uuids[_i]));
	ck_assert_int_eq(u.b[0], 7);
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &test_err_set },
	{ .fn = &test_err_sys },
	{ .fn = &test_err_long },
	{ .fn = &test_check_fails, .signal = SIGABRT },
	{ .fn = &test_fatal_disk, .exit = 74 },
	{ .fn = &test_mem },
	{ .fn = &test_mem_overflow, .signal = SIGABRT },
	{ .fn = &test_clock },
	{ .fn = &test_uuid },
	{ .fn = &test_uuid_known },
	{ .fn = &test_uuid_bad, .rows = NELEM(bad_uuids) },
};

int
main(void)
{
	return (UNIT_MAIN("err", tests));
}
