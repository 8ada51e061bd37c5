/* base/str: parsing, printing, nearest words, globs, the growing string. */
#include "test/unit/unit.h"

#include "base/str.h"

#define BAD	INT64_MIN + 7	/* the parser is to refuse */

static const struct { const char *s; int64_t want; } ints[] = {
	{ "0", 0 }, { "-0", 0 }, { "+12", 12 }, { "-7", -7 }, { "007", 7 },
	{ "9223372036854775807", INT64_MAX },
	{ "-9223372036854775808", INT64_MIN },
	{ "9223372036854775808", BAD }, { "-9223372036854775809", BAD },
	{ "99999999999999999999999", BAD }, { "", BAD }, { "-", BAD },
	{ "+-1", BAD }, { " 1", BAD }, { "1 ", BAD }, { "1x", BAD },
	{ "0x10", BAD }, { "1.0", BAD },
};

START_TEST(test_int)
{
	int64_t v = BAD;

	ck_assert_int_eq(str_int64(ints[_i].s, &v), ints[_i].want != BAD);
	ck_assert_int_eq(v, ints[_i].want);
}
END_TEST

static const struct { const char *s; int64_t want; } sizes[] = {
	{ "0", 0 }, { "4096", 4096 }, { "64k", 65536 }, { "64K", 65536 },
	{ "10MB", 10485760 }, { "1 GiB", 1073741824 }, { "2g", 2147483648 },
	{ "3t", 3298534883328 }, { "5b", 5 }, { "5 B", 5 }, { "1kib", 1024 },
	{ "16777216t", BAD }, { "k", BAD }, { "", BAD }, { "-1", BAD },
	{ "1kk", BAD }, { "1ki", BAD }, { "1 x", BAD }, { "1.5g", BAD },
	{ " 1", BAD }, { "99999999999999999999", BAD }, { "1bb", BAD },
};

START_TEST(test_size)
{
	uint64_t v = (uint64_t)(BAD);

	ck_assert_int_eq(str_size(sizes[_i].s, &v), sizes[_i].want != BAD);
	ck_assert_int_eq((int64_t)v, sizes[_i].want);
}
END_TEST

static const struct { const char *s; int64_t unit, want; } durations[] = {
	{ "250", 1, 250 }, { "250", 1000, 250000 }, { "250ms", 1000, 250 },
	{ "5s", 1, 5000 }, { "10m", 1, 600000 }, { "10 min", 1, 600000 },
	{ "2h", 1, 7200000 }, { "7d", 1, 604800000 }, { "-1", 1, -1 },
	{ "5 S", 1, 5000 }, { "", 1, BAD }, { "s", 1, BAD }, { "5x", 1, BAD },
	{ "5 s ", 1, BAD }, { "9223372036854775807", 1, INT64_MAX },
	{ "9223372036854775807s", 1, BAD }, { "1h30m", 1, BAD },
};

START_TEST(test_duration)
{
	int64_t v = BAD;

	ck_assert_int_eq(str_duration(durations[_i].s, durations[_i].unit, &v),
	    durations[_i].want != BAD);
	ck_assert_int_eq(v, durations[_i].want);
}
END_TEST

static const struct { const char *s; int want; } bools[] = {
	{ "true", 1 }, { "TRUE", 1 }, { "yes", 1 }, { "on", 1 }, { "1", 1 },
	{ "false", 0 }, { "No", 0 }, { "off", 0 }, { "0", 0 },
	{ "", -1 }, { "2", -1 }, { "y", -1 }, { "true ", -1 },
};

START_TEST(test_bool)
{
	bool v = true;

	ck_assert_int_eq(str_bool(bools[_i].s, &v), bools[_i].want != -1);
	ck_assert_int_eq(v, bools[_i].want != 0);
}
END_TEST

static const struct { uint64_t v; const char *want; } printed_sizes[] = {
	{ 0, "0 B" }, { 1023, "1023 B" }, { 1024, "1.0 KiB" },
	{ 1181116006, "1.1 GiB" }, { 1048575, "1.0 MiB" },
	{ UINT64_MAX, "16.0 EiB" },
};

START_TEST(test_print_size)
{
	char buf[32];

	ck_assert_str_eq(str_print_size(buf, sizeof buf, printed_sizes[_i].v),
	    printed_sizes[_i].want);
}
END_TEST

static const struct { int64_t v; const char *want; } printed_durations[] = {
	{ 0, "0 ms" }, { 350, "350 ms" }, { 5250, "5.2 s" },
	{ 60000, "1 min" }, { 200000, "3 min 20 s" },
	{ 7500000, "2 h 5 min" }, { 90000000, "1 d 1 h" }, { -350, "-350 ms" },
	{ INT64_MIN, "-106751991167 d 7 h" },
};

START_TEST(test_print_duration)
{
	char buf[64];

	ck_assert_str_eq(str_print_duration(buf, sizeof buf,
	    printed_durations[_i].v), printed_durations[_i].want);
}
END_TEST

static const struct { const char *a, *b; unsigned limit, want; } distances[] = {
	{ "", "", 3, 0 }, { "abc", "abc", 3, 0 }, { "", "abc", 3, 3 },
	{ "", "abcd", 3, 4 }, { "kitten", "sitting", 9, 3 },
	{ "kitten", "sitting", 2, 3 }, { "ab", "ba", 3, 1 },
	{ "ca", "abc", 9, 3 }, { "capactiy", "capacity", 3, 1 },
	{ "xxxxxxxx", "yyyyyyyy", 2, 3 },
};

START_TEST(test_distance)
{
	ck_assert_uint_eq(str_distance(distances[_i].a, distances[_i].b,
	    distances[_i].limit), distances[_i].want);
	ck_assert_uint_eq(str_distance(distances[_i].b, distances[_i].a,
	    distances[_i].limit), distances[_i].want);
}
END_TEST

static const struct { const char *word, *want; } nearest[] = {
	{ "capactiy", "capacity" }, { "CAPACITY", "capacity" },
	{ "batchsize", "batchSize" }, { "tpe", "type" }, { "x", NULL },
	{ "channelz", "channels" }, { "nothing alike", NULL },
	{ "", NULL },
};

START_TEST(test_nearest)
{
	static const char *const words[] = {
		"type", "channels", "capacity", "batchSize", "idleTimeout",
	};
	const char *got = str_nearest(nearest[_i].word, words, NELEM(words));

	ck_assert_pstr_eq(got, nearest[_i].want);
}
END_TEST

START_TEST(test_words)
{
	char s[] = "  a bb\tccc\n d", t[] = "x", u[] = "  \t ", *v[4];
	char trim[] = " \t a b \n";

	ck_assert_uint_eq(str_words(s, v, 4), 4);
	ck_assert_str_eq(v[0], "a");
	ck_assert_str_eq(v[2], "ccc");
	ck_assert_str_eq(v[3], "d");
	ck_assert_uint_eq(str_words(t, v, 0), 0);
	ck_assert_uint_eq(str_words(t, v, 1), 1);
	ck_assert_uint_eq(str_words(u, v, 4), 0);
	ck_assert_str_eq(str_trim(trim), "a b");
	ck_assert_str_eq(str_trim(u), "");
}
END_TEST

static const struct { const char *p, *s; bool path, want; } globs[] = {
	{ "", "", 0, 1 }, { "", "a", 0, 0 }, { "a", "", 0, 0 },
	{ "*", "", 0, 1 }, { "*", "a/b", 0, 1 }, { "*", "a/b", 1, 0 },
	{ "*.log", "x.log", 1, 1 }, { "*.log", "x.log.1", 1, 0 },
	{ "*.log*", "x.log.1", 1, 1 }, { "a*b*c", "aXbYbZc", 0, 1 },
	{ "a*b*c", "aXbYbZ", 0, 0 }, { "?", "a", 1, 1 }, { "?", "/", 1, 0 },
	{ "?", "/", 0, 1 }, { "[a-c]x", "bx", 0, 1 }, { "[a-c]x", "dx", 0, 0 },
	{ "[!a-c]x", "dx", 0, 1 }, { "[^a-c]x", "bx", 0, 0 },
	{ "[]a]", "]", 0, 1 }, { "[!]]", "a", 0, 1 }, { "[a-]", "-", 0, 1 },
	{ "[!a]", "/", 1, 0 }, { "[", "[", 0, 1 }, { "[a", "[a", 0, 1 },
	{ "[a", "a", 0, 0 }, { "\\*", "*", 0, 1 }, { "\\*", "a", 0, 0 },
	{ "a\\", "a\\", 0, 1 }, { "[\\]]", "]", 0, 1 },
	{ "[\xe0-\xff]", "\xe9", 0, 1 },
	{ "/var/log/*/*.log", "/var/log/a/b.log", 1, 1 },
	{ "/var/log/*/*.log", "/var/log/a/c/b.log", 1, 0 },
	{ "/var/log/**/*.log", "/var/log/a/c/b.log", 1, 1 },
	{ "/var/log/**/*.log", "/var/log/b.log", 1, 1 },
	{ "/var/log/**/*.log", "/var/log/b.txt", 1, 0 },
	{ "/var/log/**/x/*.log", "/var/log/a/x/c/x/b.log", 1, 1 },
	{ "/var/log/**/x/*.log", "/var/log/a/x/c/y/b.log", 1, 0 },
	{ "**", "a/b/c", 1, 1 }, { "**/c", "c", 1, 1 }, { "**/c", "a/c", 1, 1 },
	{ "**/c", "ac", 1, 0 }, { "a/**", "a/b/c", 1, 1 },
	{ "a/**", "a", 1, 0 },
	{ "a**c", "a/b/c", 1, 1 }, { "a**/c", "ab/x/c", 1, 1 },
	{ "**/a/**/b", "x/a/y/z/b", 1, 1 }, { "**/a/**/b", "x/y/z/b", 1, 0 },
	{ "*a*/b", "xay/b", 1, 1 }, { "**", "a/b", 0, 1 },
};

START_TEST(test_glob)
{
	ck_assert_int_eq(str_glob(globs[_i].p, globs[_i].s, globs[_i].path),
	    globs[_i].want);
}
END_TEST

/* What is exponential in a naive matcher takes no time. */
START_TEST(test_glob_hostile)
{
	char s[5001], p[2001];

	memset(s, 'a', sizeof s - 1);
	s[sizeof s - 1] = '\0';
	for (size_t i = 0; i < sizeof p - 1; i += 2)
		memcpy(p + i, "*a", 2);
	p[sizeof p - 2] = 'b';
	p[sizeof p - 1] = '\0';
	ck_assert(!str_glob(p, s, true));
}
END_TEST

static const struct { const char *s; size_t n, size; const char *want; }
printables[] = {
	{ "abc", 3, 99, "abc" }, { "a\nb\0c\x7f", 6, 99, "a\\x0ab\\x00c\\x7f" },
	{ "\xc3\xa9", 2, 99, "\xc3\xa9" }, { "\xc3", 1, 99, "\\xc3" },
	{ "\xc2\x9b", 2, 99, "\\xc2\\x9b" }, { "\xed\xa0\x80", 3, 99,
	    "\\xed\\xa0\\x80" }, { "\xf0\x9f\x98\x80", 4, 99,
	    "\xf0\x9f\x98\x80" }, { "\xc0\xaf", 2, 99, "\\xc0\\xaf" },
	{ "abcdef", 6, 7, "abcdef" }, { "abcdef", 6, 6, "ab..." },
	{ "abcdef", 6, 4, "..." }, { "abcdef", 6, 3, ".." },
	{ "abcdef", 6, 1, "" }, { "a\xc3\xa9""defgh", 8, 7, "a\xc3\xa9..." },
	{ "a\xc3\xa9""defgh", 8, 6, "a..." },
};

START_TEST(test_printable)
{
	char *buf = xmalloc(printables[_i].size);

	ck_assert_str_eq(str_printable(buf, printables[_i].size,
	    slice_of(printables[_i].s, printables[_i].n)),
	    printables[_i].want);
	free(buf);
}
END_TEST

static const struct { const char *s; size_t n; const char *want; } jsons[] = {
	{ "", 0, "\"\"" }, { "a\"b\\c", 5, "\"a\\\"b\\\\c\"" },
	{ "\n\r\t\b\f", 5, "\"\\n\\r\\t\\b\\f\"" },
	{ "\0\x1f", 2, "\"\\u0000\\u001f\"" },
	{ "\xc3\xa9\xff", 3, "\"\xc3\xa9\xef\xbf\xbd\"" },
	{ "\xe2\x82", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
};

START_TEST(test_json)
{
	struct sb b = SB_INIT;

	sb_json(&b, slice_of(jsons[_i].s, jsons[_i].n));
	ck_assert_str_eq(b.ptr, jsons[_i].want);
	sb_fini(&b);
}
END_TEST

START_TEST(test_sb)
{
	struct sb b = SB_INIT;
	char *s;

	for (int i = 0; i < 100; i++)
		sb_printf(&b, "%d,", i);
	sb_printf(&b, "%0500d", 0);
	ck_assert_uint_eq(b.len, 290 + 500);
	ck_assert_uint_eq(strlen(b.ptr), b.len);
	s = sb_take(&b);
	ck_assert_ptr_null(b.ptr);
	ck_assert_int_eq(strncmp(s, "0,1,2,", 6), 0);
	free(s);
	s = sb_take(&b);
	ck_assert_str_eq(s, "");
	free(s);
	sb_puts(&b, "");
	ck_assert_str_eq(b.ptr, "");
	sb_fini(&b);
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &test_int, .rows = NELEM(ints) },
	{ .fn = &test_size, .rows = NELEM(sizes) },
	{ .fn = &test_duration, .rows = NELEM(durations) },
	{ .fn = &test_bool, .rows = NELEM(bools) },
	{ .fn = &test_print_size, .rows = NELEM(printed_sizes) },
	{ .fn = &test_print_duration, .rows = NELEM(printed_durations) },
	{ .fn = &test_distance, .rows = NELEM(distances) },
	{ .fn = &test_nearest, .rows = NELEM(nearest) },
	{ .fn = &test_words },
	{ .fn = &test_glob, .rows = NELEM(globs) },
	{ .fn = &test_glob_hostile },
	{ .fn = &test_printable, .rows = NELEM(printables) },
	{ .fn = &test_json, .rows = NELEM(jsons) },
	{ .fn = &test_sb },
};

int
main(void)
{
	return (UNIT_MAIN("str", tests));
}
