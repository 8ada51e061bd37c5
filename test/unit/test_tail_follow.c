/* sources/tail: rotation, truncation, discovery; running and stopped. */
#include "test/unit/source_rig.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "sources/sources.h"
#include "sources/tail_identity.h"

static struct rig r;

static void
begin(const char *pattern)
{
	rig_new(&r, &source_tail, true);
	rig_group(&r, pattern);
	rig_set(&r, "pollInterval", "20ms");
}

static void
read_all(const char *pattern, const char *name, const char *text, size_t n)
{
	begin(pattern);
	rig_write(&r, name, text);
	rig_start(&r);
	rig_wait_lines(&r, n);
}

static int64_t
metric(const char *name)
{
	return (rig_metric(&r, name));
}

static bool
metric_above(struct rig *rig, void *ctx)
{
	return (rig_metric(rig, ctx) > 0);
}

static bool
not_followed(struct rig *rig, void *end)
{
	struct where_row row;

	return (!rig_where(rig, end, &row));
}

static void
wait_not_followed(const char *end)
{
	rig_run(&r, not_followed, (void *)(uintptr_t)end);
}

/* --- renames --- */

/* The pain of Flume: a rename whose new name matches too. */
START_TEST(test_rename_inside)
{
	read_all("a\\.log.*", "a.log", "1\n2\n", 2);
	rig_rename(&r, "a.log", "a.log.1");
	rig_write(&r, "a.log", "3\n");
	rig_sync(&r);
	rig_write(&r, "a.log.1", "late\n");
	rig_sync(&r);
	rig_expect(&r, "1", "2", "3", "late", NULL);
	ck_assert_int_eq(metric("rotations_total"), 1);
	ck_assert_int_eq(metric("lost_bytes_total"), 0);
	rig_free(&r);
}
END_TEST

/* To a name no group wants, with lines not read yet. */
START_TEST(test_rename_outside)
{
	begin("a\\.log");
	rig_write(&r, "a.log", "1\n");
	r.room = 0;
	rig_start(&r);
	while (!r.paused)
		rig_turn(&r);
	rig_write(&r, "a.log", "2\n");
	rig_rename(&r, "a.log", "old");
	rig_write(&r, "old", "3\n");
	rig_write(&r, "a.log", "4\n");
	rig_room(&r, SIZE_MAX);
	rig_sync(&r);
	rig_expect(&r, "1", "2", "3", "4", NULL);
	rig_write(&r, "old", "late\n");
	rig_sync(&r);
	ck_assert_str_eq(r.lines[4].text, "late");
	rig_free(&r);
}
END_TEST

START_TEST(test_rename_chain)
{
	char text[32], to[32];
	int i, k;

	read_all("a\\.log", "a.log", "0\n", 1);
	for (i = 1; i <= 5; i++) {
		for (k = i; k > 1; k--) {
			snprintf(text, sizeof text, "a.log.%d", k - 1);
			snprintf(to, sizeof to, "a.log.%d", k);
			rig_rename(&r, text, to);
		}
		rig_rename(&r, "a.log", "a.log.1");
		snprintf(text, sizeof text, "%d\n", i);
		rig_next_tick(&r);
		rig_write(&r, "a.log", text);
	}
	rig_sync(&r);
	rig_expect(&r, "0", "1", "2", "3", "4", "5", NULL);
	ck_assert_int_eq(metric("lost_bytes_total"), 0);
	rig_free(&r);
}
END_TEST

/* To a folder nobody watches: the descriptor goes along. */
START_TEST(test_rename_away)
{
	begin("a\\.log");
	rig_set(&r, "idleTimeout", "100ms");
	rig_write(&r, "a.log", "1\n");
	rig_start(&r);
	rig_wait_lines(&r, 1);
	ck_assert_int_eq(mkdir(rig_path(&r, "../away"), 0755), 0);
	rig_rename(&r, "a.log", "../away/a.log");
	rig_write(&r, "../away/a.log", "2\n");
	rig_wait_lines(&r, 2);
	wait_not_followed("/a.log");
	ck_assert_int_eq(metric("lost_bytes_total"), 0);
	rig_free(&r);
}
END_TEST

/* Between two watched folders. */
START_TEST(test_rename_across)
{
	begin("*/a\\.log");
	ck_assert_int_eq(mkdir(rig_path(&r, "x"), 0755), 0);
	ck_assert_int_eq(mkdir(rig_path(&r, "y"), 0755), 0);
	rig_write(&r, "x/a.log", "1\n");
	rig_start(&r);
	rig_wait_lines(&r, 1);
	rig_rename(&r, "x/a.log", "y/a.log");
	rig_write(&r, "y/a.log", "2\n");
	rig_sync(&r);
	rig_expect(&r, "1", "2", NULL);
	rig_free(&r);
}
END_TEST

static const bool matching[] = { true, false };

START_TEST(test_rename_stopped)
{
	read_all(matching[_i] ? "a\\.log.*" : "a\\.log", "a.log", "1\n", 1);
	rig_write(&r, "a.log", "half");
	rig_sync(&r);
	rig_stop(&r);
	rig_write(&r, "a.log", " line\n2\n");
	rig_rename(&r, "a.log", "a.log.1");
	rig_write(&r, "a.log", "3\n");
	rig_start(&r);
	rig_sync(&r);
	rig_expect(&r, "1", "half line", "2", "3", NULL);
	rig_free(&r);
}
END_TEST

/* Two rotations while stopped: one generation was never seen under its name. */
START_TEST(test_rename_stopped_twice)
{
	read_all(matching[_i] ? "a\\.log.*" : "a\\.log", "a.log", "1\n", 1);
	rig_stop(&r);
	rig_write(&r, "a.log", "2\n");
	rig_rename(&r, "a.log", "a.log.1");
	rig_next_tick(&r);
	rig_write(&r, "a.log", "3\n");
	rig_rename(&r, "a.log.1", "a.log.2");
	rig_rename(&r, "a.log", "a.log.1");
	rig_next_tick(&r);
	rig_write(&r, "a.log", "4\n");
	/* Compressed ones are no generations. */
	rig_write(&r, "b.log.1.gz", "no\n");
	rig_start(&r);
	rig_sync(&r);
	rig_expect(&r, "1", "2", "3", "4", NULL);
	rig_free(&r);
}
END_TEST

/* Names of the date kind. */
START_TEST(test_rename_dates)
{
	read_all("a\\.log", "a.log", "1\n", 1);
	rig_stop(&r);
	rig_rename(&r, "a.log", "a-2026-11-20.log");
	rig_next_tick(&r);
	rig_write(&r, "a.log", "2\n");
	rig_rename(&r, "a.log", "a-2026-11-21.log");
	rig_next_tick(&r);
	rig_write(&r, "a.log", "3\n");
	rig_start(&r);
	rig_sync(&r);
	rig_expect(&r, "1", "2", "3", NULL);
	rig_free(&r);
}
END_TEST

/* A hard link is no second file; when one name goes, the other serves. */
START_TEST(test_hard_link)
{
	read_all("a.*", "a1", "1\n", 1);
	ck_assert_int_eq(link(rig_path(&r, "a1"), rig_path(&r, "a2")), 0);
	rig_write(&r, "a2", "2\n");
	rig_sync(&r);
	rig_delete(&r, "a1");
	rig_write(&r, "a2", "3\n");
	rig_sync(&r);
	rig_expect(&r, "1", "2", "3", NULL);
	rig_free(&r);
}
END_TEST

/* --- deletion --- */

START_TEST(test_deleted_open)
{
	int fd;

	begin("a");
	rig_set(&r, "idleTimeout", "50ms");
	rig_write(&r, "a", "1\n");
	r.room = 0;
	rig_start(&r);
	while (!r.paused)
		rig_turn(&r);
	fd = open(rig_path(&r, "a"), O_WRONLY | O_APPEND);
	rig_delete(&r, "a");
	ck_assert_int_eq(write(fd, "2\n", 2), 2);
	rig_room(&r, SIZE_MAX);
	rig_wait_lines(&r, 2);
	ck_assert_int_eq(write(fd, "3\n", 2), 2);
	rig_wait_lines(&r, 3);
	close(fd);
	wait_not_followed("/a");
	ck_assert_int_eq(metric("open_files"), 0);
	ck_assert_int_eq(metric("lost_bytes_total"), 0);
	/* Its entry is out of the channel's cursor. */
	rig_sync(&r);
	ck_assert_uint_eq(cursor_set_size(r.cursor), 1);
	rig_free(&r);
}
END_TEST

/* An unfinished last line of a deleted file is counted and said. */
START_TEST(test_deleted_partial)
{
	begin("a");
	rig_set(&r, "idleTimeout", "50ms");
	rig_write(&r, "a", "1\nhalf");
	rig_start(&r);
	rig_wait_lines(&r, 1);
	rig_delete(&r, "a");
	wait_not_followed("/a");
	ck_assert_int_eq(metric("lost_bytes_total"), 4);
	rig_free(&r);
}
END_TEST

START_TEST(test_deleted_recreated)
{
	read_all("a", "a", "1\n2\n3\n", 3);
	rig_delete(&r, "a");
	rig_write(&r, "a", "4\n");
	rig_sync(&r);
	rig_expect(&r, "1", "2", "3", "4", NULL);
	rig_free(&r);
}
END_TEST

/* While stopped, with bytes that were known and not read. */
START_TEST(test_vanished)
{
	begin("a");
	rig_set(&r, "batchSize", "1");
	rig_write(&r, "a", "1\n2\n3\n");
	r.room = 1;
	rig_start(&r);
	rig_wait_lines(&r, 1);
	rig_kill(&r);
	rig_delete(&r, "a");
	r.room = SIZE_MAX;
	rig_start(&r);
	rig_run(&r, metric_above, (void *)(uintptr_t)"lost_bytes_total");
	ck_assert_int_eq(metric("lost_bytes_total"), 4);
	rig_sync(&r);
	ck_assert_uint_eq(cursor_set_size(r.cursor), 1);
	rig_free(&r);
}
END_TEST

/* --- the same inode, another file --- */

static bool
same_inode(const char *name, ino_t ino)
{
	struct stat st;

	ck_assert_int_eq(stat(rig_path(&r, name), &st), 0);
	return (st.st_ino == ino);
}

/* The inode comes back while nobody looks, larger than the position. */
START_TEST(test_inode_reused)
{
	struct stat st;
	char name[32];
	int i;

	read_all("a", "a", "first line of the old file\n", 1);
	ck_assert_int_eq(stat(rig_path(&r, "a"), &st), 0);
	rig_stop(&r);
	rig_delete(&r, "a");
	for (i = 0; i < 100; i++) {
		rig_write(&r, "a", "first line of the new file\nsecond\n");
		if (same_inode("a", st.st_ino))
			break;
		snprintf(name, sizeof name, "other%d", i);
		rig_rename(&r, "a", name);
	}
	if (i == 100)	/* a file system that never does, as tmpfs */
		rig_write(&r, "a", "first line of the new file\nsecond\n");
	rig_start(&r);
	rig_sync(&r);
	rig_expect(&r, "first line of the old file",
	    "first line of the new file", "second", NULL);
	rig_free(&r);
}
END_TEST

/* Written anew in place, of the same size, nobody looking. */
START_TEST(test_rewritten_stopped)
{
	int fd;

	read_all("a", "a", "aaa\nbbb\n", 2);
	rig_stop(&r);
	fd = open(rig_path(&r, "a"), O_WRONLY | O_TRUNC);
	ck_assert_int_eq(write(fd, "ccc\nddd\n", 8), 8);
	close(fd);
	rig_start(&r);
	rig_wait_lines(&r, 4);
	rig_expect(&r, "aaa", "bbb", "ccc", "ddd", NULL);
	ck_assert_int_eq(metric("truncations_total"), 1);
	rig_free(&r);
}
END_TEST

/* --- truncation --- */

START_TEST(test_copytruncate)
{
	read_all("a", "a", "1\n2\n", 2);
	rig_write(&r, "a.1", "1\n2\n");		/* the copy */
	rig_truncate(&r, "a", 0);
	rig_sync(&r);
	rig_write(&r, "a", "3\n");
	rig_sync(&r);
	rig_stop(&r);
	rig_write(&r, "a", "4\n");
	rig_start(&r);
	rig_sync(&r);
	rig_expect(&r, "1", "2", "3", "4", NULL);
	rig_truncate(&r, "a", 0);
	rig_write(&r, "a", "5\n");
	rig_sync(&r);
	ck_assert_str_eq(r.lines[4].text, "5");
	ck_assert_int_eq(metric("lost_bytes_total"), 0);
	rig_free(&r);
}
END_TEST

START_TEST(test_copytruncate_stopped)
{
	read_all("a", "a", "1\n2\n", 2);
	rig_stop(&r);
	rig_write(&r, "a.1", "1\n2\n");
	rig_truncate(&r, "a", 0);
	rig_write(&r, "a", "three\nfour\n");	/* beyond the old position */
	rig_start(&r);
	rig_sync(&r);
	rig_expect(&r, "1", "2", "three", "four", NULL);
	ck_assert_int_eq(metric("truncations_total"), 1);
	rig_free(&r);
}
END_TEST

/* With unread bytes: what was lost is counted. */
START_TEST(test_truncated_unread)
{
	begin("a");
	rig_set(&r, "batchSize", "1");
	rig_write(&r, "a", "1\n2\n3\n4\n");
	r.room = 1;
	rig_start(&r);
	rig_wait_lines(&r, 1);
	while (!r.paused)
		rig_turn(&r);
	rig_truncate(&r, "a", 0);
	rig_run(&r, metric_above, (void *)(uintptr_t)"truncations_total");
	ck_assert_int_eq(metric("lost_bytes_total"), 6);
	rig_write(&r, "a", "5\n");
	rig_room(&r, SIZE_MAX);
	rig_sync(&r);
	/* The second was in the batch that was refused. */
	rig_expect(&r, "1", "2", "5", NULL);
	rig_free(&r);
}
END_TEST

/* Truncated and longer than before when it is looked at again. */
START_TEST(test_truncated_regrown)
{
	read_all("a", "a", "one\n", 1);
	r.room = 0;
	rig_write(&r, "a", "two\n");
	while (!r.paused)
		rig_turn(&r);
	rig_truncate(&r, "a", 0);
	rig_write(&r, "a", "a much longer line than before\nnext\n");
	rig_room(&r, SIZE_MAX);
	rig_sync(&r);
	rig_expect(&r, "one", "two", "a much longer line than before", "next",
	    NULL);
	ck_assert_int_eq(metric("truncations_total"), 1);
	rig_free(&r);
}
END_TEST

/* Only the unread end was cut off: what was read is not read again. */
START_TEST(test_cut_off)
{
	read_all("a", "a", "one\nhalf a line", 1);
	rig_truncate(&r, "a", 4);
	rig_write(&r, "a", "two\n");
	rig_sync(&r);
	rig_expect(&r, "one", "two", NULL);
	ck_assert_int_eq(metric("truncations_total"), 0);
	rig_free(&r);
}
END_TEST

/* A writer that goes on at its old offset leaves a hole of zero bytes. */
START_TEST(test_stale_writer)
{
	static char text[20001];
	int fd;

	begin("a");
	memset(text, 'x', 20000);
	text[19999] = '\n';
	rig_write(&r, "a", text);
	rig_start(&r);
	rig_wait_lines(&r, 1);
	fd = open(rig_path(&r, "a"), O_WRONLY);
	rig_truncate(&r, "a", 0);
	ck_assert_int_eq(pwrite(fd, "after\n", 6, 20000), 6);
	rig_sync(&r);
	ck_assert_int_eq(pwrite(fd, "more\n", 5, 20006), 5);
	rig_sync(&r);
	rig_stop(&r);
	ck_assert_int_eq(pwrite(fd, "end\n", 4, 20011), 4);
	rig_start(&r);
	rig_sync(&r);
	close(fd);
	ck_assert_uint_eq(r.n, 4);
	ck_assert_str_eq(r.lines[1].text, "after");
	ck_assert_str_eq(r.lines[2].text, "more");
	ck_assert_str_eq(r.lines[3].text, "end");
	rig_free(&r);
}
END_TEST

/* A sparse file of more than 4 GiB, truncated: no 32-bit number in the way. */
START_TEST(test_large_offset)
{
	uint64_t at = UINT64_C(5) << 30;
	int fd;

	begin("a");
	rig_set(&r, "startAt", "end");
	fd = open(rig_path(&r, "a"), O_WRONLY | O_CREAT, 0644);
	ck_assert_int_eq(pwrite(fd, "\n", 1, (off_t)at - 1), 1);
	rig_start(&r);
	rig_sync(&r);
	ck_assert_int_eq(pwrite(fd, "far\n", 4, (off_t)at), 4);
	rig_sync(&r);
	rig_expect(&r, "far", NULL);
	ck_assert_uint_eq(r.lines[0].end, at + 4);
	rig_stop(&r);
	ck_assert_int_eq(pwrite(fd, "on\n", 3, (off_t)at + 4), 3);
	rig_start(&r);
	rig_sync(&r);
	ck_assert_int_eq(ftruncate(fd, 0), 0);
	ck_assert_int_eq(pwrite(fd, "new\n", 4, 0), 4);
	rig_sync(&r);
	rig_expect(&r, "far", "on", "new", NULL);
	close(fd);
	rig_free(&r);
}
END_TEST

/* --- discovery --- */

START_TEST(test_new_files)
{
	begin("glob:**/*.log");
	rig_start(&r);
	rig_write(&r, "a.log", "1\n");
	rig_wait_lines(&r, 1);
	ck_assert_int_eq(mkdir(rig_path(&r, "x"), 0755), 0);
	ck_assert_int_eq(mkdir(rig_path(&r, "x/y"), 0755), 0);
	rig_write(&r, "x/y/b.log", "2\n");
	rig_wait_lines(&r, 2);
	rig_write(&r, "x/y/b.txt", "no\n");
	rig_write(&r, "x/c.log", "3\n");
	rig_wait_lines(&r, 3);
	/* A folder moved in with what is in it. */
	ck_assert_int_eq(mkdir(rig_path(&r, "../z"), 0755), 0);
	rig_write(&r, "../z/d.log", "4\n");
	rig_rename(&r, "../z", "z");
	rig_wait_lines(&r, 4);
	rig_sync(&r);
	rig_expect(&r, "1", "2", "3", "4", NULL);
	rig_free(&r);
}
END_TEST

/* The oldest first, as Flume does. */
START_TEST(test_by_mtime)
{
	struct timespec times[2] = { { 0, UTIME_OMIT }, { 0, 0 } };
	static const char *const names[] = { "c", "a", "b" };
	size_t i;

	begin("[abc]");
	for (i = 0; i < 3; i++) {
		char line[4] = { names[i][0], '\n', '\0' };

		rig_write(&r, names[i], line);
		times[1].tv_sec = 1000 + (time_t)i;
		ck_assert_int_eq(utimensat(AT_FDCWD, rig_path(&r, names[i]),
		    times, 0), 0);
	}
	rig_start(&r);
	rig_wait_lines(&r, 3);
	rig_expect(&r, "c", "a", "b", NULL);
	rig_free(&r);
}
END_TEST

START_TEST(test_folder_later)
{
	begin("later/x\\.log");
	rig_start(&r);
	rig_sync(&r);
	ck_assert_int_eq(mkdir(rig_path(&r, "later"), 0755), 0);
	rig_write(&r, "later/x.log", "1\n");
	rig_wait_lines(&r, 1);
	/* Deleted and made again, with another file of that name. */
	rig_delete(&r, "later/x.log");
	ck_assert_int_eq(rmdir(rig_path(&r, "later")), 0);
	rig_sync(&r);
	ck_assert_int_eq(mkdir(rig_path(&r, "later"), 0755), 0);
	rig_write(&r, "later/x.log", "2\n");
	rig_wait_lines(&r, 2);
	rig_expect(&r, "1", "2", NULL);
	rig_free(&r);
}
END_TEST

/* A folder that is not there at a start keeps its positions. */
START_TEST(test_folder_unmounted)
{
	begin("dir/x");
	ck_assert_int_eq(mkdir(rig_path(&r, "dir"), 0755), 0);
	rig_write(&r, "dir/x", "1\n");
	rig_start(&r);
	rig_wait_lines(&r, 1);
	rig_stop(&r);
	rig_rename(&r, "dir", "unmounted");
	rig_start(&r);
	rig_sync(&r);
	rig_rename(&r, "unmounted", "dir");
	rig_write(&r, "dir/x", "2\n");
	rig_wait_lines(&r, 2);
	rig_expect(&r, "1", "2", NULL);
	rig_free(&r);
}
END_TEST

START_TEST(test_exclude)
{
	char path[200];

	begin("glob:**/*");
	snprintf(path, sizeof path, "*.tmp  %s/secret/**", r.logs);
	rig_set(&r, "exclude", path);
	ck_assert_int_eq(mkdir(rig_path(&r, "secret"), 0755), 0);
	rig_write(&r, "a.tmp", "no\n");
	rig_write(&r, "secret/a", "no\n");
	rig_write(&r, "a", "yes\n");
	rig_start(&r);
	rig_sync(&r);
	rig_expect(&r, "yes", NULL);
	/* A file that is followed is, under an excluded name too. */
	rig_rename(&r, "a", "b.tmp");
	rig_write(&r, "b.tmp", "still\n");
	rig_sync(&r);
	rig_expect(&r, "yes", "still", NULL);
	rig_free(&r);
}
END_TEST

/* What is no regular file is never opened: a fifo would hold the loop. */
START_TEST(test_no_regular_file)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd;

	begin(".*");
	ck_assert_int_eq(mkfifo(rig_path(&r, "fifo"), 0644), 0);
	ck_assert_int_eq(mkdir(rig_path(&r, "dir"), 0755), 0);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(sun.sun_path, sizeof sun.sun_path, "%s/socket", r.logs);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof sun), 0);
	rig_write(&r, "file", "1\n");
	rig_start(&r);
	rig_sync(&r);
	rig_expect(&r, "1", NULL);
	ck_assert_int_eq(metric("files"), 2);
	/* A file replaced by a fifo under its name. */
	rig_delete(&r, "file");
	ck_assert_int_eq(mkfifo(rig_path(&r, "file"), 0644), 0);
	rig_sync(&r);
	close(fd);
	rig_free(&r);
}
END_TEST

START_TEST(test_symlink)
{
	begin("a");
	rig_set(&r, "followSymlinks", _i == 0 ? "false" : "true");
	rig_write(&r, "../t1", "1\n");
	rig_write(&r, "../t2", "two\n");
	ck_assert_int_eq(symlink("../t1", rig_path(&r, "a")), 0);
	rig_start(&r);
	rig_sync(&r);
	if (_i == 0) {
		ck_assert_uint_eq(r.n, 0);
		rig_free(&r);
		return;
	}
	rig_wait_lines(&r, 1);
	rig_write(&r, "../t1", "more\n");
	rig_wait_lines(&r, 2);
	/* The target is swapped. */
	rig_write(&r, "../t1", "last\n");
	ck_assert_int_eq(symlink("../t2", rig_path(&r, "new")), 0);
	rig_rename(&r, "new", "a");
	rig_wait_lines(&r, 4);
	rig_expect(&r, "1", "more", "last", "two", NULL);
	rig_free(&r);
}
END_TEST

/* A link to a directory above is not walked for ever. */
START_TEST(test_symlink_loop)
{
	begin("glob:**/*.log");
	rig_set(&r, "followSymlinks", "true");
	ck_assert_int_eq(mkdir(rig_path(&r, "x"), 0755), 0);
	ck_assert_int_eq(symlink("..", rig_path(&r, "x/up")), 0);
	rig_write(&r, "x/a.log", "1\n");
	rig_start(&r);
	rig_sync(&r);
	rig_expect(&r, "1", NULL);
	rig_free(&r);
}
END_TEST

/* --- files that cannot be read, and many files --- */

START_TEST(test_permission)
{
	if (geteuid() == 0)
		ck_assert_int_eq(setresuid(65534, 65534, 65534), 0);
	begin("[ab]");
	rig_write(&r, "a", "secret\n");
	rig_write(&r, "b", "open\n");
	ck_assert_int_eq(chmod(rig_path(&r, "a"), 0), 0);
	rig_start(&r);
	rig_sync(&r);
	rig_expect(&r, "open", NULL);
	ck_assert_int_eq(metric("unreadable_total"), 1);
	ck_assert_int_eq(chmod(rig_path(&r, "a"), 0644), 0);
	rig_wait_lines(&r, 2);
	ck_assert_int_eq(metric("unreadable_total"), 1);
	rig_free(&r);
}
END_TEST

/* 200 files and few descriptors: each line once, also renamed ones. */
START_TEST(test_few_descriptors)
{
	char name[32], to[32], line[64];
	size_t i, round;

	begin("f[0-9]+");
	rig_set(&r, "maxOpenFiles", "10");
	rig_start(&r);
	for (round = 0; round < 5; round++) {
		for (i = 0; i < 200; i++) {
			snprintf(name, sizeof name, "f%zu", i);
			snprintf(line, sizeof line, "%zu.%zu\n", i, round);
			rig_write(&r, name, line);
		}
		rig_wait_lines(&r, 200 * (round + 1));
		ck_assert_int_le(metric("open_files"), 10);
	}
	r.room = 0;
	for (i = 0; i < 200; i++) {
		snprintf(name, sizeof name, "f%zu", i);
		snprintf(to, sizeof to, "old%zu", i);
		rig_write(&r, name, "a\n");
		rig_rename(&r, name, to);
		rig_write(&r, name, "b\n");
	}
	while (!r.paused)
		rig_turn(&r);
	rig_room(&r, SIZE_MAX);
	rig_wait_lines(&r, 1400);
	rig_sync(&r);
	ck_assert_uint_eq(r.n, 1400);
	rig_free(&r);
}
END_TEST

/* The process's limit is reached: others' descriptors are given up. */
START_TEST(test_descriptor_limit)
{
	struct rlimit rl = { 64, 64 };
	char name[32];
	size_t i;

	begin("f[0-9]+");
	for (i = 0; i < 200; i++) {
		snprintf(name, sizeof name, "f%zu", i);
		rig_write(&r, name, "1\n");
	}
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &rl), 0);
	rig_set(&r, "maxOpenFiles", "1000");
	rig_start(&r);
	rig_wait_lines(&r, 200);
	ck_assert_int_le(metric("open_files"), 32);
	rig_free(&r);
}
END_TEST

static bool
all_closed(struct rig *rig, void *ctx)
{
	(void)ctx;
	return (rig_metric(rig, "open_files") == 0);
}

START_TEST(test_idle)
{
	begin("a");
	rig_set(&r, "idleTimeout", "30ms");
	rig_write(&r, "a", "1\nhalf");
	rig_start(&r);
	rig_wait_lines(&r, 1);
	rig_run(&r, all_closed, NULL);
	rig_write(&r, "a", " done\n");
	rig_wait_lines(&r, 2);
	rig_expect(&r, "1", "half done", NULL);
	rig_free(&r);
}
END_TEST

START_TEST(test_skip_binary)
{
	static const uint8_t gz[] = { 0x1f, 0x8b, 8, 0, '\n' };
	static const uint8_t nul[] = { 'a', 0, 'b', '\n' };
	struct where_row row;

	begin(".*");
	rig_set(&r, "skipBinary", "true");
	rig_write_bytes(&r, "compressed", gz, sizeof gz);
	rig_write_bytes(&r, "wtmp", nul, sizeof nul);
	rig_write(&r, "a.log.2.gz", "not even that\n");
	rig_write(&r, "empty", "");
	rig_write(&r, "text", "1\n");
	rig_start(&r);
	rig_sync(&r);
	rig_write(&r, "empty", "2\n");
	rig_write_bytes(&r, "wtmp", nul, sizeof nul);
	rig_sync(&r);
	rig_expect(&r, "1", "2", NULL);
	/* Nobody waits for what is left out. */
	ck_assert(rig_where(&r, "/wtmp", &row));
	ck_assert_str_eq(row.state, "left out: not text");
	ck_assert_int_eq(row.size, (int64_t)sizeof nul);
	ck_assert_int_eq(row.delivered, -1);
	ck_assert_int_eq(row.oldest_ms, -1);
	rig_free(&r);
}
END_TEST

/* Compressed after it was read, under a name that matches. */
START_TEST(test_compressed_later)
{
	read_all("a\\.log.*", "a.log", "1\n", 1);
	rig_stop(&r);
	rig_set(&r, "skipBinary", "true");
	rig_rename(&r, "a.log", "a.log.1");
	rig_write(&r, "a.log.1.gz", "\x1f\x8b...\n");
	rig_delete(&r, "a.log.1");
	rig_write(&r, "a.log", "2\n");
	rig_start(&r);
	rig_sync(&r);
	rig_expect(&r, "1", "2", NULL);
	rig_free(&r);
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &test_rename_inside },
	{ .fn = &test_rename_outside },
	{ .fn = &test_rename_chain },
	{ .fn = &test_rename_away },
	{ .fn = &test_rename_across },
	{ .fn = &test_rename_stopped, .rows = 2 },
	{ .fn = &test_rename_stopped_twice, .rows = 2 },
	{ .fn = &test_rename_dates },
	{ .fn = &test_hard_link },
	{ .fn = &test_deleted_open },
	{ .fn = &test_deleted_partial },
	{ .fn = &test_deleted_recreated },
	{ .fn = &test_vanished },
	{ .fn = &test_inode_reused },
	{ .fn = &test_rewritten_stopped },
	{ .fn = &test_copytruncate },
	{ .fn = &test_copytruncate_stopped },
	{ .fn = &test_truncated_unread },
	{ .fn = &test_truncated_regrown },
	{ .fn = &test_cut_off },
	{ .fn = &test_stale_writer },
	{ .fn = &test_large_offset },
	{ .fn = &test_new_files },
	{ .fn = &test_by_mtime },
	{ .fn = &test_folder_later },
	{ .fn = &test_folder_unmounted },
	{ .fn = &test_exclude },
	{ .fn = &test_no_regular_file },
	{ .fn = &test_symlink, .rows = 2 },
	{ .fn = &test_symlink_loop },
	{ .fn = &test_permission },
	{ .fn = &test_few_descriptors },
	{ .fn = &test_descriptor_limit },
	{ .fn = &test_idle },
	{ .fn = &test_skip_binary },
	{ .fn = &test_compressed_later },
};

int
main(void)
{
	return (UNIT_MAIN("tail_follow", tests));
}
