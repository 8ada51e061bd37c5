/* sources/tail: lines, batches, settings, back-pressure. */
#include "sources/tail.h"
#include "test/unit/source_rig.h"

#include <sys/stat.h>

#include "sources/sources.h"

static struct rig r;

static void
begin(const char *pattern)
{
	rig_new(&r, &source_tail, true);
	rig_group(&r, pattern);
}

/* --- lines --- */

START_TEST(test_lines)
{
	begin("a\\.log");
	rig_write(&r, "a.log", "one\n\ntwo\r\nthr\ree\nrest");
	rig_start(&r);
	rig_wait_lines(&r, 4);
	rig_expect(&r, "one", "", "two\r", "thr\ree", NULL);
	ck_assert_uint_eq(r.lines[3].end, 17);
	rig_write(&r, "a.log", " of it\nx\n");
	rig_wait_lines(&r, 6);
	ck_assert_str_eq(r.lines[4].text, "rest of it");
	ck_assert_str_eq(r.lines[5].text, "x");
	ck_assert_int_eq(rig_metric(&r, "lines_total") , 6);
	ck_assert_int_eq(rig_metric(&r, "read_bytes_total"), 30);
	rig_free(&r);
}
END_TEST

/* Flume's testNewLineBoundaries. */
START_TEST(test_strip_cr)
{
	begin("a");
	rig_set(&r, "stripCR", "true");
	rig_write(&r, "a", "file1line1\nfile1line2\rfile1line2\n"
	    "file1line3\r\nfile1line4\n\r\n\r\r\n");
	rig_start(&r);
	rig_wait_lines(&r, 6);
	rig_expect(&r, "file1line1", "file1line2\rfile1line2", "file1line3",
	    "file1line4", "", "\r", NULL);
	rig_free(&r);
}
END_TEST

/* Flume's testBackoffWithoutNewLine, testIncludeEmptyFile. */
START_TEST(test_partial)
{
	begin("f.*");
	rig_write(&r, "f1", "file1line1\nfile1");
	rig_write(&r, "f0", "");
	rig_start(&r);
	rig_wait_lines(&r, 1);
	rig_write(&r, "f1", "line2\nfile1line3\nfile1line4");
	rig_sync(&r);
	rig_expect(&r, "file1line1", "file1line2", "file1line3", NULL);
	rig_write(&r, "f0", "\n");
	rig_sync(&r);
	rig_expect(&r, "file1line1", "file1line2", "file1line3", "", NULL);
	rig_free(&r);
}
END_TEST

/* Any bytes; nothing is cut at a zero byte or changed. */
START_TEST(test_bytes)
{
	static uint8_t all[512];
	size_t i, n = 0;

	for (i = 0; i < 256; i++)
		if (i != '\n')
			all[n++] = (uint8_t)i;
	all[n++] = '\n';
	begin("a");
	rig_write_bytes(&r, "a", all, n);
	rig_start(&r);
	rig_wait_lines(&r, 1);
	ck_assert_uint_eq(r.lines[0].len, n - 1);
	rig_free(&r);
}
END_TEST

/* Lines of all lengths around the size of a read, in one file. */
START_TEST(test_sizes)
{
	static const size_t sizes[] = { 0, 1, 255, 256, 257, 1023, 1024, 1025,
	    262143, 262144, 262145, 3, 262400, 524288, 524289, 999999,
	    1000000, 5 };
	char *line = xmalloc(1000001);
	size_t i;

	begin("a");
	for (i = 0; i < NELEM(sizes); i++) {
		memset(line, 'a' + (int)i, sizes[i]);
		line[sizes[i]] = '\n';
		rig_write_bytes(&r, "a", line, sizes[i] + 1);
	}
	rig_start(&r);
	rig_wait_lines(&r, NELEM(sizes));
	for (i = 0; i < NELEM(sizes); i++) {
		ck_assert_uint_eq(r.lines[i].len, sizes[i]);
		if (sizes[i] > 0)
			ck_assert_int_eq(r.lines[i].text[sizes[i] - 1],
			    'a' + (int)i);
	}
	free(line);
	rig_free(&r);
}
END_TEST

/* --- long lines --- */

static void
write_long(size_t n)
{
	char *line = xmalloc(n);

	memset(line, 'x', n);
	rig_write_bytes(&r, "a", line, n);
	free(line);
}

START_TEST(test_split)
{
	begin("a");
	rig_set(&r, "maxLineBytes", "100");
	rig_write(&r, "a", "first\n");
	write_long(250);
	rig_write(&r, "a", "\n");
	write_long(100);
	rig_write(&r, "a", "\nlast\n");
	rig_start(&r);
	rig_wait_lines(&r, 6);
	ck_assert_str_eq(r.lines[0].headers, "");
	ck_assert_str_eq(r.lines[1].headers, "line.part=1");
	ck_assert_str_eq(r.lines[2].headers, "line.part=2");
	ck_assert_str_eq(r.lines[3].headers, "line.part=3 line.last=true");
	ck_assert_uint_eq(r.lines[3].len, 50);
	ck_assert_uint_eq(r.lines[3].end, 6 + 251);
	ck_assert_uint_eq(r.lines[4].len, 100);
	ck_assert_str_eq(r.lines[4].headers, "");
	ck_assert_str_eq(r.lines[5].text, "last");
	ck_assert_int_eq(rig_metric(&r, "long_lines_total"), 1);
	rig_free(&r);
}
END_TEST

/* The parts of a line that is still being written, over restarts. */
START_TEST(test_split_growing)
{
	int i;

	begin("a");
	rig_set(&r, "maxLineBytes", "1000");
	rig_start(&r);
	for (i = 0; i < 5; i++) {
		write_long(999);
		rig_sync(&r);
		rig_stop(&r);
		rig_start(&r);
		rig_sync(&r);
	}
	rig_write(&r, "a", "\nnext\n");
	rig_wait_lines(&r, 6);
	ck_assert_str_eq(r.lines[0].headers, "line.part=1");
	ck_assert_str_eq(r.lines[3].headers, "line.part=4");
	ck_assert_uint_eq(r.lines[3].len, 1000);
	ck_assert_str_eq(r.lines[4].headers, "line.part=5 line.last=true");
	ck_assert_uint_eq(r.lines[4].len, 995);
	ck_assert_str_eq(r.lines[5].text, "next");
	rig_free(&r);
}
END_TEST

START_TEST(test_truncate)
{
	begin("a");
	rig_set(&r, "maxLineBytes", "100");
	rig_set(&r, "longLines", "truncate");
	write_long(700000);
	rig_write(&r, "a", "\nnext\n");
	write_long(101);
	rig_start(&r);
	rig_wait_lines(&r, 2);
	ck_assert_uint_eq(r.lines[0].len, 100);
	ck_assert_str_eq(r.lines[0].headers, "line.truncated=700000");
	ck_assert_uint_eq(r.lines[0].end, 700001);
	ck_assert_str_eq(r.lines[1].text, "next");
	rig_write(&r, "a", "\n");
	rig_wait_lines(&r, 3);
	ck_assert_str_eq(r.lines[2].headers, "line.truncated=101");
	rig_stop(&r);
	rig_write(&r, "a", "end\n");
	rig_start(&r);
	rig_wait_lines(&r, 4);
	ck_assert_str_eq(r.lines[3].text, "end");
	rig_free(&r);
}
END_TEST

START_TEST(test_long_stop)
{
	struct where_row row;

	begin("[ab]");
	rig_set(&r, "maxLineBytes", "100");
	rig_set(&r, "longLines", "stop");
	rig_write(&r, "a", "before\n");
	write_long(101);
	rig_write(&r, "a", "\nafter\n");
	rig_write(&r, "b", "other\n");
	rig_start(&r);
	rig_wait_lines(&r, 2);
	rig_write(&r, "a", "more\n");
	rig_write(&r, "b", "others go on\n");
	rig_sync(&r);
	rig_wait_lines(&r, 3);
	ck_assert(rig_where(&r, "/a", &row));
	ck_assert_str_eq(row.state, "stopped at a line longer than "
	    "maxLineBytes");
	ck_assert_int_eq(row.read, 7);
	rig_stop(&r);
	rig_set(&r, "maxLineBytes", "101");
	rig_start(&r);
	rig_wait_lines(&r, 6);
	ck_assert_uint_eq(r.lines[3].len, 101);
	rig_free(&r);
}
END_TEST

/* A line of 64 MiB passes with the memory of two of its parts. */
START_TEST(test_long_memory)
{
	size_t i, sum = 0;

	begin("a");
	for (i = 0; i < 64; i++)
		write_long(1024 * 1024);
	rig_write(&r, "a", "\n");
	rig_start(&r);
	rig_wait_lines(&r, 68);
	for (i = 0; i < r.n; i++)
		sum += r.lines[i].len;
	ck_assert_uint_eq(sum, 64 << 20);
	ck_assert_uint_lt(r.charge_max, 3 << 20);
	rig_free(&r);
}
END_TEST

START_TEST(test_flush_partial)
{
	begin("a");
	rig_set(&r, "flushPartialAfter", "20ms");
	rig_write(&r, "a", "one\nhalf");
	rig_start(&r);
	rig_wait_lines(&r, 2);
	ck_assert_str_eq(r.lines[1].text, "half");
	ck_assert_str_eq(r.lines[1].headers, "line.part=1");
	rig_write(&r, "a", " and half\ntwo\n");
	rig_wait_lines(&r, 4);
	ck_assert_str_eq(r.lines[2].text, " and half");
	ck_assert_str_eq(r.lines[2].headers, "line.part=2 line.last=true");
	ck_assert_str_eq(r.lines[3].headers, "");
	rig_free(&r);
}
END_TEST

/* --- headers --- */

START_TEST(test_headers)
{
	char want[300];

	begin("a");
	rig_set(&r, "headers.g.team", "web");
	rig_set(&r, "headers.g.dotted.name", "v");
	rig_set(&r, "fileHeader", "true");
	rig_set(&r, "fileHeaderKey", "path");
	rig_set(&r, "byteOffsetHeader", "true");
	rig_write(&r, "a", "0123456789\n0123456789\n");
	rig_start(&r);
	rig_wait_lines(&r, 2);
	snprintf(want, sizeof want, "byteoffset=0 team=web dotted.name=v "
	    "path=%s/a", r.logs);
	ck_assert_str_eq(r.lines[0].headers, want);
	/* The path stays the one under which it was found. */
	rig_rename(&r, "a", "b");
	rig_write(&r, "b", "x\n");
	rig_wait_lines(&r, 3);
	want[11] = '2';
	snprintf(want, sizeof want, "byteoffset=22 team=web dotted.name=v "
	    "path=%s/a", r.logs);
	ck_assert_str_eq(r.lines[2].headers, want);
	rig_free(&r);
}
END_TEST

/* One partition for a name, whatever becomes of the file; others differ. */
START_TEST(test_hint)
{
	begin("[a-z]+");
	rig_write(&r, "a", "1\n");
	rig_start(&r);
	rig_wait_lines(&r, 1);
	rig_rename(&r, "a", "a.1");
	rig_write(&r, "a", "2\n");
	rig_wait_lines(&r, 2);
	rig_write(&r, "a.1", "3\n");
	rig_wait_lines(&r, 3);
	rig_stop(&r);
	rig_write(&r, "a.1", "4\n");
	rig_start(&r);
	rig_wait_lines(&r, 4);
	rig_write(&r, "b", "5\n");
	rig_wait_lines(&r, 5);
	ck_assert_int_ge(r.lines[0].hint, 0);
	ck_assert_int_eq(r.lines[0].hint, r.lines[1].hint);
	ck_assert_int_eq(r.lines[0].hint, r.lines[2].hint);
	ck_assert_int_eq(r.lines[0].hint, r.lines[3].hint);
	ck_assert_int_ne(r.lines[0].hint, r.lines[4].hint);
	rig_free(&r);
}
END_TEST

/* --- batches --- */

START_TEST(test_batch_size)
{
	struct rig_batch *rb;
	int i;

	begin("a");
	rig_set(&r, "batchSize", "10");
	for (i = 0; i < 1000; i++)
		rig_write(&r, "a", "012345678901234567890123456789012345\n");
	r.hold_delivery = true;
	rig_start(&r);
	rig_wait_lines(&r, 1000);
	TAILQ_FOREACH(rb, &r.kept, link)
		ck_assert_uint_le(rb->batch->n, 10);
	/* A batch of 10 lines does not pin a whole read. */
	ck_assert_uint_lt(r.charge_max, 20000);
	rig_free(&r);
}
END_TEST

/* Streams with data take turns. */
START_TEST(test_fair)
{
	struct rig_batch *rb;
	const char *first = "";
	unsigned turns = 0, i;

	begin("[ab]");
	rig_set(&r, "batchSize", "1");
	rig_set(&r, "maxBatchCount", "2");
	rig_write(&r, "a", "a\na\na\na\na\na\n");
	rig_write(&r, "b", "b\nb\nb\nb\nb\nb\n");
	r.hold_delivery = true;
	rig_start(&r);
	rig_wait_lines(&r, 12);
	i = 0;
	TAILQ_FOREACH(rb, &r.kept, link) {
		if (rb->batch->n == 0)
			continue;
		if (i++ % 2 == 0) {
			ck_assert_str_ne(first, r.lines[i - 1].text);
			first = r.lines[i - 1].text;
			turns++;
		} else
			ck_assert_str_eq(first, r.lines[i - 1].text);
	}
	ck_assert_uint_eq(turns, 6);
	rig_free(&r);
}
END_TEST

/* Reading goes on while batches are stored, up to a bound. */
START_TEST(test_in_flight)
{
	int i;

	begin("a");
	rig_set(&r, "batchSize", "1");
	for (i = 0; i < 100; i++)
		rig_write(&r, "a", "x\n");
	r.hold_store = true;
	rig_start(&r);
	rig_wait_taken(&r, TAIL_SLOTS);
	for (i = 0; i < 10; i++)
		rig_turn(&r);
	ck_assert_uint_eq(r.ntaken, TAIL_SLOTS);
	rig_store(&r, 3);
	rig_wait_taken(&r, TAIL_SLOTS + 3);
	r.hold_store = false;
	rig_store(&r, 100);
	rig_wait_lines(&r, 100);
	rig_free(&r);
}
END_TEST

/* --- back-pressure --- */

START_TEST(test_full)
{
	struct where_row row;
	int i;

	begin("a");
	rig_set(&r, "batchSize", "1");
	for (i = 0; i < 5; i++)
		rig_write(&r, "a", i % 2 ? "odd\n" : "even\n");
	r.room = 2;
	rig_start(&r);
	rig_wait_lines(&r, 2);
	for (i = 0; i < 10; i++)
		rig_turn(&r);
	ck_assert(r.paused);
	ck_assert(rig_where(&r, "/a", &row));
	ck_assert_str_eq(row.state, "waiting for room");
	ck_assert_int_eq(row.size, 23);
	ck_assert_int_eq(row.read, 9);
	ck_assert_int_gt(row.oldest_ms, 0);
	rig_room(&r, 1);
	rig_wait_lines(&r, 3);
	rig_room(&r, SIZE_MAX);
	rig_wait_lines(&r, 5);
	rig_expect(&r, "even", "odd", "even", "odd", "even", NULL);
	rig_free(&r);
}
END_TEST

/* Stopped while a batch is refused: it is read again. */
START_TEST(test_full_stop)
{
	begin("a");
	rig_write(&r, "a", "one\ntwo\n");
	r.room = 0;
	rig_start(&r);
	while (!r.paused)
		rig_turn(&r);
	rig_stop(&r);
	r.room = SIZE_MAX;
	rig_start(&r);
	rig_wait_lines(&r, 2);
	rig_expect(&r, "one", "two", NULL);
	rig_free(&r);
}
END_TEST

/* Another refusal: offered again after a pause. */
START_TEST(test_refused)
{
	int i;

	begin("a");
	rig_set(&r, "backoffSleepIncrement", "1ms");
	rig_set(&r, "maxBackoffSleep", "2ms");
	rig_write(&r, "a", "one\n");
	r.refuse = ERR_SYS;
	rig_start(&r);
	for (i = 0; i < 20; i++)
		rig_turn(&r);
	ck_assert_uint_eq(r.n, 0);
	r.refuse = 0;
	rig_wait_lines(&r, 1);
	rig_free(&r);
}
END_TEST

/* A channel smaller than a batch: it comes in pieces. */
START_TEST(test_too_large)
{
	int i;

	begin("a");
	for (i = 0; i < 100; i++)
		rig_write(&r, "a", "0123456789\n");
	r.largest = 7;
	rig_start(&r);
	rig_wait_lines(&r, 100);
	rig_free(&r);
}
END_TEST

static bool
is_blocked(struct rig *rig, void *ctx)
{
	struct where_row row;

	(void)ctx;
	return (rig_where(rig, "/a", &row) && strcmp(row.state,
	    "stopped at a line no channel can take") == 0);
}

static int
refuse_long(struct source *s, struct batch *b, struct completion *c,
    struct err *e);

static const struct source_host *real_host;
static const struct source_host long_host = { .emit = refuse_long };
static bool long_fits;

static int
refuse_long(struct source *s, struct batch *b, struct completion *c,
    struct err *e)
{
	uint32_t i;

	for (i = 0; i < b->n && !long_fits; i++)
		if (b->records[i].body.len > 100)
			return (err_set(e, ERR_TOO_LARGE, "too large"));
	return (real_host->emit(s, b, c, e));
}

/* A line that never fits stops its file, not the others, and is not lost. */
START_TEST(test_too_large_line)
{
	begin("[ab]");
	rig_set(&r, "pollInterval", "20ms");
	rig_write(&r, "a", "before\n");
	write_long(200);
	rig_write(&r, "a", "\nafter\n");
	rig_start(&r);
	real_host = r.source->host;
	r.source->host = &long_host;
	rig_run(&r, is_blocked, NULL);
	rig_write(&r, "b", "other\n");
	rig_wait_lines(&r, 2);
	long_fits = true;
	rig_wait_lines(&r, 4);
	ck_assert_str_eq(r.lines[3].text, "after");
	rig_free(&r);
}
END_TEST

/* Taken, and then not stored: read again. */
START_TEST(test_not_stored)
{
	int i;

	begin("a");
	rig_set(&r, "batchSize", "1");
	rig_write(&r, "a", "1\n2\n3\n");
	r.hold_store = true;
	rig_start(&r);
	rig_wait_taken(&r, 3);
	rig_store(&r, 1);
	rig_store_fails(&r, ERR_UNCERTAIN);
	for (i = 0; i < 5; i++)
		rig_turn(&r);
	ck_assert_uint_eq(r.emitted, 3);	/* until all are back */
	rig_store_fails(&r, ERR_UNCERTAIN);
	r.hold_store = false;
	rig_wait_lines(&r, 3);
	rig_expect(&r, "1", "2", "3", NULL);
	rig_free(&r);
}
END_TEST

/* --- where and settings --- */

START_TEST(test_where)
{
	struct where_row row;

	begin("a");
	rig_write(&r, "a", "1\n2\n");
	r.hold_store = r.hold_delivery = true;
	rig_start(&r);
	rig_wait_taken(&r, 1);
	ck_assert(rig_where(&r, "/a", &row));
	ck_assert_int_eq(row.size, 4);
	ck_assert_int_eq(row.read, 4);
	ck_assert_int_eq(row.stored, 0);
	ck_assert_int_eq(row.delivered, 0);
	ck_assert_int_gt(row.oldest_ms, 0);
	rig_store(&r, 1);
	rig_turn(&r);
	ck_assert(rig_where(&r, "/a", &row));
	ck_assert_int_eq(row.stored, 4);
	rig_deliver(&r, r.nkept);
	ck_assert(rig_where(&r, "/a", &row));
	ck_assert_int_eq(row.delivered, 4);
	ck_assert_int_eq(row.oldest_ms, 0);
	ck_assert_str_eq(row.state, "following");
	ck_assert_int_eq(rig_metric(&r, "files"), 1);
	rig_free(&r);
}
END_TEST

static const struct { const char *key, *value; } bad_settings[] = {
	{ "filegroups", "g g" },
	{ "filegroups", "g h" },
	{ "filegroups", " " },
	{ "filegroups", "other" },
	{ "filegroups.g", "relative.log" },
	{ "filegroups.g", "/var/log/(" },
	{ "headers.nobody.x", "y" },
	{ "longLines", "dead-letter" },
	{ "positionFile", "relative.json" },
};

START_TEST(test_bad_setting)
{
	rig_new(&r, &source_tail, true);
	rig_set(&r, "filegroups", "g");
	rig_set(&r, "filegroups.g", "/nowhere/x");
	rig_set(&r, bad_settings[_i].key, bad_settings[_i].value);
	rig_start_fails(&r, ERR_CONFIG);
	rig_free(&r);
}
END_TEST

START_TEST(test_tables)
{
	UNIT_OK(settings_check_table(source_tail.plugin.settings, e));
	UNIT_OK(settings_check_table(source_seq.plugin.settings, e));
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &test_lines },
	{ .fn = &test_strip_cr },
	{ .fn = &test_partial },
	{ .fn = &test_bytes },
	{ .fn = &test_sizes },
	{ .fn = &test_split },
	{ .fn = &test_split_growing },
	{ .fn = &test_truncate },
	{ .fn = &test_long_stop },
	{ .fn = &test_long_memory },
	{ .fn = &test_flush_partial },
	{ .fn = &test_headers },
	{ .fn = &test_hint },
	{ .fn = &test_batch_size },
	{ .fn = &test_fair },
	{ .fn = &test_in_flight },
	{ .fn = &test_full },
	{ .fn = &test_full_stop },
	{ .fn = &test_refused },
	{ .fn = &test_too_large },
	{ .fn = &test_too_large_line },
	{ .fn = &test_not_stored },
	{ .fn = &test_where },
	{ .fn = &test_bad_setting, .rows = NELEM(bad_settings) },
	{ .fn = &test_tables },
};

int
main(void)
{
	return (UNIT_MAIN("tail", tests));
}
