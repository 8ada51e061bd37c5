/* Sinks that need no broker: logger, null, file_roll; and plugin/format. */
#include <errno.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "plugin/format.h"
#include "sinks/sinks.h"
#include "test/fake/fake_disk.h"
#include "test/unit/capture.h"
#include "test/unit/sink_rig.h"

/* --- a clock that the test moves --- */

static int64_t now_ns = 1000000000, now_ms = 1700000000123;

static int64_t
fake_mono(void *ctx)
{
	(void)ctx;
	return (now_ns);
}

static int64_t
fake_wall(void *ctx)
{
	(void)ctx;
	return (now_ms);
}

static void
pass(int64_t ms)
{
	now_ns += ms * 1000000;
	now_ms += ms;
}

/* --- plugin/format --- */

START_TEST(test_format)
{
	struct batch *b = batch_new();
	struct sb out = SB_INIT;

	batch_set(b, NULL, SLICE("host"), SLICE("h1"), true);
	rig_add(b, "one", NULL);
	rig_add(b, "", "k", "v", "host", "h2", NULL);
	batch_seal(b);
	format_record(&out, FORMAT_TEXT, true, b, &b->records[0]);
	format_record(&out, FORMAT_TEXT, false, b, &b->records[0]);
	sb_puts(&out, "|");
	format_record(&out, FORMAT_HEADER_AND_TEXT, true, b, &b->records[0]);
	format_record(&out, FORMAT_HEADER_AND_TEXT, true, b, &b->records[1]);
	ck_assert_str_eq(out.ptr, "one\none|{host=h1} one\n{k=v, host=h2} \n");
	sb_fini(&out);
	batch_unref(b);
	b = batch_new();
	rig_add(b, "x", NULL);
	batch_seal(b);
	format_record(&out, FORMAT_HEADER_AND_TEXT, false, b, b->records);
	ck_assert_str_eq(out.ptr, "{} x");
	sb_fini(&out);
	batch_unref(b);
}
END_TEST

/* --- logger --- */

static char *
shown(const char *setting, struct batch *b)
{
	struct sink_rig r = { .env.fs = &fs_real };
	struct capture c;

	rig_make(&r, &sink_logger, setting, NULL);
	capture_begin(&c);
	UNIT_OK(rig_deliver(&r, b, e));
	capture_end(&c);
	ck_assert_str_eq(c.err, "");
	free(c.err);
	r.sink->ops->stop(r.sink);
	rig_free(&r);
	return (c.out);
}

/* Flume's user guide, "Logger Sink", and its TestLoggerSink. */
static const struct {
	const char	*setting, *body, *text;
} dumps[] = {
	{ "maxBytesToLog=16", "Hello world!\r", "Event: { headers:{} body: "
	    "48 65 6C 6C 6F 20 77 6F 72 6C 64 21 0D          Hello world!. "
	    "}\n" },
	{ "maxBytesToLog=16", "Hello", "Event: { headers:{} body: "
	    "48 65 6C 6C 6F                                  Hello }\n" },
	{ "maxBytesToLog=16", "", "Event: { headers:{} body: }\n" },
	{ "maxBytesToLog=0", "Hello", "Event: { headers:{} body: }\n" },
	{ "maxBytesToLog=16", "0123456789abcdefgh", "Event: { headers:{} "
	    "body: 30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66 "
	    "0123456789abcdef }\n" },
	{ "maxBytesToLog=18", "0123456789abcdefgh\xff", "Event: { headers:{} "
	    "body: 30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66 "
	    "0123456789abcdef\n"
	    "00000010 67 68                                           gh }\n" },
	{ "maxBytesToLog=4", "\xc3\x9f\t~", "Event: { headers:{} body: "
	    "C3 9F 09 7E                                     ...~ }\n" },
};

START_TEST(test_logger)
{
	struct batch *b = batch_new();
	char *text;

	rig_add(b, dumps[_i].body, NULL);
	text = shown(dumps[_i].setting, b);
	ck_assert_str_eq(text, dumps[_i].text);
	free(text);
}
END_TEST

START_TEST(test_logger_headers)
{
	struct batch *b = batch_new();
	char *text;

	batch_set(b, NULL, SLICE("host"), SLICE("h"), true);
	rig_add(b, "", "a", "1", NULL);
	rig_add(b, "", NULL);
	text = shown("maxBytesToLog=16", b);
	ck_assert_str_eq(text, "Event: { headers:{a=1, host=h} body: }\n"
	    "Event: { headers:{host=h} body: }\n");
	free(text);
}
END_TEST

START_TEST(test_logger_part_of_batch)
{
	struct sink_rig r = { .env.fs = &fs_real };
	struct rig_delivery d;
	struct batch *b = batch_new(), *half;
	struct capture c;
	bool keep[] = { false, true, true };

	rig_add(b, "1", NULL);
	rig_add(b, "2", NULL);
	rig_add(b, "3", NULL);
	batch_seal(b);
	half = batch_child(b, keep);
	batch_unref(b);
	rig_make(&r, &sink_logger, NULL);
	capture_begin(&c);
	rig_send(&r, &d, half);
	UNIT_OK(rig_wait(&d, e));
	capture_end(&c);
	ck_assert_ptr_null(strstr(c.out, "body: 31"));
	ck_assert_ptr_nonnull(strstr(c.out, "body: 32"));
	ck_assert_ptr_nonnull(strstr(c.out, "body: 33"));
	capture_fini(&c);
	rig_free(&r);
}
END_TEST

START_TEST(test_logger_write_fails)
{
	struct sink_rig r = { .env.fs = &fs_real };
	struct batch *b = batch_new();
	struct err err = ERR_INIT;
	int saved = dup(STDOUT_FILENO), full, rc;

	rig_make(&r, &sink_logger, NULL);
	rig_add(b, "x", NULL);
	full = open("/dev/full", O_WRONLY);
	dup2(full, STDOUT_FILENO);
	rc = rig_deliver(&r, b, &err);
	dup2(saved, STDOUT_FILENO);
	close(full);
	close(saved);
	ck_assert_int_eq(rc, -1);
	ck_assert_ptr_nonnull(strstr(err.msg, "standard output"));
	rig_free(&r);
}
END_TEST

/* --- null --- */

static char logged[4096];

static void
keep_line(enum log_level level, const char *line, void *ctx)
{
	(void)level;
	(void)ctx;
	strncat(logged, line, sizeof logged - strlen(logged) - 2);
	strcat(logged, "\n");
}

START_TEST(test_null)
{
	struct sink_rig r = { .env.fs = &fs_real };
	struct batch *b;
	int i, k;

	log_set_sink(keep_line, NULL);
	rig_make(&r, &sink_null, "batchSize=7", "logEveryNEvents=10", NULL);
	UNIT_OK(r.sink->ops->start(r.sink, e));
	ck_assert_uint_eq(r.sink->batch_records, 7);
	for (i = 0; i < 5; i++) {
		b = batch_new();
		for (k = 0; k < 6; k++)
			rig_add(b, "x", NULL);
		UNIT_OK(rig_deliver(&r, b, e));
	}
	log_set_sink(NULL, NULL);
	/* 6, 12, 18, 24, 30: said when a multiple of 10 is passed. */
	ck_assert_ptr_nonnull(strstr(logged, "12 records discarded"));
	ck_assert_ptr_nonnull(strstr(logged, "24 records discarded"));
	ck_assert_ptr_nonnull(strstr(logged, "30 records discarded"));
	ck_assert_ptr_null(strstr(logged, "18 records discarded"));
	r.sink->ops->stop(r.sink);
	rig_free(&r);
}
END_TEST

/* --- file_roll --- */

struct roll {
	struct sink_rig	 rig;
	struct fake_disk *disk;
	char		*dir_setting;
};

static void
roll_open(struct roll *f, const char *a, const char *b)
{
	clock_replace(fake_mono, fake_wall, NULL);
	f->disk = fake_disk_new();
	f->rig.env.fs = fake_disk_fs(f->disk);
	f->dir_setting = xasprintf("sink.directory=%s",
	    fake_disk_path(f->disk));
	rig_make(&f->rig, &sink_file_roll, f->dir_setting, a, b, NULL);
	UNIT_OK(f->rig.sink->ops->start(f->rig.sink, e));
}

static void
roll_close(struct roll *f)
{
	f->rig.sink->ops->stop(f->rig.sink);
	rig_free(&f->rig);
	fake_disk_free(f->disk);
	free(f->dir_setting);
	clock_replace(NULL, NULL, NULL);
}

static int
roll_put(struct roll *f, const char *body, struct err *e)
{
	struct batch *b = batch_new();

	rig_add(b, body, "k", "v", NULL);
	return (rig_deliver(&f->rig, b, e));
}

static int
not_hidden(const struct dirent *d)
{
	return (d->d_name[0] != '.');
}

/* "name=content name=content", sorted by name. */
static char *
roll_files(const struct roll *f)
{
	struct sb out = SB_INIT;
	struct dirent **v;
	char path[512];
	void *text;
	size_t len;
	int i, n;

	n = scandir(fake_disk_path(f->disk), &v, not_hidden, alphasort);
	ck_assert_int_ge(n, 0);
	sb_puts(&out, "");
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof path, "%s/%s", fake_disk_path(f->disk),
		    v[i]->d_name);
		UNIT_OK(fs_slurp(AT_FDCWD, path, 65536, &text, &len, e));
		sb_printf(&out, "%s%s=%s", i == 0 ? "" : " ", v[i]->d_name,
		    (char *)text);
		free(text);
		free(v[i]);
	}
	free(v);
	return (sb_take(&out));
}

static void
roll_has(const struct roll *f, const char *expected)
{
	char *files = roll_files(f);

	ck_assert_str_eq(files, expected);
	free(files);
}

START_TEST(test_roll_by_time)
{
	struct roll f = { 0 };

	roll_open(&f, "sink.rollInterval=30", NULL);
	roll_has(&f, "");
	UNIT_OK(roll_put(&f, "a", e));
	pass(29999);
	UNIT_OK(roll_put(&f, "b", e));
	pass(1);
	UNIT_OK(roll_put(&f, "c", e));
	roll_has(&f, "1700000000123-1=a\nb\n 1700000000123-2=c\n");
	pass(60000);
	f.rig.sink->ops->idle(f.rig.sink);	/* closes, makes no empty one */
	roll_has(&f, "1700000000123-1=a\nb\n 1700000000123-2=c\n");
	UNIT_OK(roll_put(&f, "d", e));
	roll_has(&f, "1700000000123-1=a\nb\n 1700000000123-2=c\n "
	    "1700000000123-3=d\n");
	roll_close(&f);
}
END_TEST

START_TEST(test_roll_never)
{
	struct roll f = { 0 };

	roll_open(&f, "sink.rollInterval=0", "sink.serializer=HEADER_AND_TEXT");
	UNIT_OK(roll_put(&f, "a", e));
	pass(INT64_C(1000) * 86400 * 365);
	f.rig.sink->ops->idle(f.rig.sink);
	UNIT_OK(roll_put(&f, "b", e));
	roll_has(&f, "1700000000123-1={k=v} a\n{k=v} b\n");
	roll_close(&f);
}
END_TEST

START_TEST(test_roll_names)
{
	struct roll f = { 0 };

	setenv("TZ", "UTC", 1);
	tzset();
	roll_open(&f, "sink.pathManager=rolltime",
	    "sink.pathManager.prefix=app-");
	UNIT_OK(roll_put(&f, "a", e));
	pass(31000);
	UNIT_OK(roll_put(&f, "b", e));
	roll_has(&f, "app-20231114221320-1=a\n app-20231114221351-2=b\n");
	roll_close(&f);
	roll_open(&f, "sink.pathManager.extension=log",
	    "sink.serializer.appendNewline=false");
	UNIT_OK(roll_put(&f, "a", e));
	UNIT_OK(roll_put(&f, "b", e));
	roll_has(&f, "1700000031123-1.log=ab");
	roll_close(&f);
}
END_TEST

/* A file of that name, of an earlier start in the same millisecond, is never
 * written over. */
START_TEST(test_roll_existing_name)
{
	struct roll f = { 0 };
	char path[512];
	int fd;

	roll_open(&f, "sink.rollInterval=0", NULL);
	snprintf(path, sizeof path, "%s/1700000000123-1",
	    fake_disk_path(f.disk));
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	ck_assert_int_eq(write(fd, "old", 3), 3);
	close(fd);
	UNIT_ERR(roll_put(&f, "a", e), ERR_SYS);
	UNIT_OK(roll_put(&f, "a", e));
	roll_has(&f, "1700000000123-1=old 1700000000123-2=a\n");
	roll_close(&f);
}
END_TEST

/* What a failed write left is cut off, so that the retry doubles nothing. */
START_TEST(test_roll_write_fails)
{
	struct roll f = { 0 };

	roll_open(&f, "sink.rollInterval=0", NULL);
	UNIT_OK(roll_put(&f, "first", e));
	fake_disk_full_after(f.disk, 3);
	UNIT_ERR(roll_put(&f, "second", e), ERR_FULL);
	roll_has(&f, "1700000000123-1=first\n");
	fake_disk_full_after(f.disk, UINT64_MAX);
	UNIT_OK(roll_put(&f, "second", e));
	fake_disk_fail(f.disk, FAKE_WRITE, 1, EIO);
	UNIT_ERR(roll_put(&f, "third", e), ERR_SYS);
	UNIT_OK(roll_put(&f, "third", e));
	roll_has(&f, "1700000000123-1=first\nsecond\nthird\n");
	roll_close(&f);
}
END_TEST

/* A file that cannot be cut back is left for a new one: the retry may double
 * there, but never writes behind half a record. */
START_TEST(test_roll_truncate_fails)
{
	struct roll f = { 0 };

	roll_open(&f, "sink.rollInterval=0", NULL);
	UNIT_OK(roll_put(&f, "first", e));
	fake_disk_full_after(f.disk, 3);
	fake_disk_fail(f.disk, FAKE_TRUNCATE, 1, EIO);
	UNIT_ERR(roll_put(&f, "second", e), ERR_FULL);
	fake_disk_full_after(f.disk, UINT64_MAX);
	UNIT_OK(roll_put(&f, "second", e));
	roll_has(&f, "1700000000123-1=first\nsec 1700000000123-2=second\n");
	roll_close(&f);
}
END_TEST

START_TEST(test_roll_survives_power_cut)
{
	struct roll f = { 0 };
	struct fake_disk *after;
	char path[512];
	void *text;
	size_t len;

	roll_open(&f, "sink.rollInterval=0", NULL);
	UNIT_OK(roll_put(&f, "committed", e));
	after = fake_disk_power_cut(f.disk, FAKE_CUT_LOSE);
	snprintf(path, sizeof path, "%s/1700000000123-1",
	    fake_disk_path(after));
	UNIT_OK(fs_slurp(AT_FDCWD, path, 100, &text, &len, e));
	ck_assert_str_eq(text, "committed\n");
	free(text);
	fake_disk_free(after);
	roll_close(&f);
}
END_TEST

/* The disk is not to be trusted: the process ends with status 74. */
START_TEST(test_roll_sync_fails)
{
	struct roll f = { 0 };
	struct err err = ERR_INIT;
	int status;
	pid_t pid;

	roll_open(&f, "sink.rollInterval=0", NULL);
	pid = fork();
	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		close(STDERR_FILENO);
		fake_disk_fail_sync(f.disk, 1);
		roll_put(&f, "a", &err);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 74);
	roll_close(&f);
}
END_TEST

START_TEST(test_roll_directory)
{
	struct sink_rig r = { .env.fs = &fs_real };
	const char *none[] = { NULL };
	struct err err = ERR_INIT;

	ck_assert_int_eq(rig_try(&r, &sink_file_roll, none, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.msg, "sink.directory"));
	rig_make(&r, &sink_file_roll, "sink.directory=/does/not/exist", NULL);
	ck_assert_int_eq(r.sink->ops->start(r.sink, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.msg, "/does/not/exist"));
	rig_free(&r);
}
END_TEST

#define SIXTY	"123456789012345678901234567890123456789012345678901234567890"

static const char *const bad_names[][2] = {
	{ "sink.pathManager.prefix=a/b", "sink.pathManager.prefix" },
	{ "sink.pathManager.extension=../x", "sink.pathManager.extension" },
	{ "sink.pathManager.prefix=" SIXTY SIXTY SIXTY SIXTY, "too long" },
	{ "sink.serializer=avro", "text" },
	{ "sink.pathManager=x.y.Z", "rolltime" },
};

START_TEST(test_roll_bad_settings)
{
	const char *v[] = { "sink.directory=/tmp", bad_names[_i][0], NULL };
	struct sink_rig r = { .env.fs = &fs_real };
	struct err err = ERR_INIT;

	ck_assert_int_eq(rig_try(&r, &sink_file_roll, v, &err), -1);
	ck_assert_msg(strstr(err.msg, bad_names[_i][1]) != NULL, "%s",
	    err.msg);
}
END_TEST

/* --- the tables --- */

START_TEST(test_tables)
{
	static const struct sink_ops *const all[] = {
		&sink_logger, &sink_null, &sink_file_roll, &sink_kafka
	};

	UNIT_OK(settings_check_table(all[_i]->plugin.settings, e));
}
END_TEST

int
main(void)
{
	static const struct unit_test tests[] = {
		{ .fn = &test_format },
		{ .fn = &test_logger, .rows = NELEM(dumps) },
		{ .fn = &test_logger_headers },
		{ .fn = &test_logger_part_of_batch },
		{ .fn = &test_logger_write_fails },
		{ .fn = &test_null },
		{ .fn = &test_roll_by_time },
		{ .fn = &test_roll_never },
		{ .fn = &test_roll_names },
		{ .fn = &test_roll_existing_name },
		{ .fn = &test_roll_write_fails },
		{ .fn = &test_roll_truncate_fails },
		{ .fn = &test_roll_survives_power_cut },
		{ .fn = &test_roll_sync_fails },
		{ .fn = &test_roll_directory },
		{ .fn = &test_roll_bad_settings, .rows = NELEM(bad_names) },
		{ .fn = &test_tables, .rows = 4 },
	};

	return (UNIT_MAIN("sinks", tests));
}
