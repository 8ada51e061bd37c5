/* sources/tail: where it goes on after a stop, a kill, and Flume. */
#include "test/unit/source_rig.h"

#include <stdarg.h>
#include <sys/stat.h>

#include "base/log.h"
#include "sources/sources.h"
#include "sources/tail_identity.h"
#include "sources/tail_pos.h"
#include "test/fake/fake_disk.h"

static struct rig r;

static void
begin(bool durable, const char *pattern)
{
	rig_new(&r, &source_tail, durable);
	rig_group(&r, pattern);
	rig_set(&r, "pollInterval", "20ms");
}

static const bool kinds[] = { true, false };

/* --- over both kinds of channel --- */

START_TEST(test_restart)
{
	int i;
	char line[32];

	begin(kinds[_i], "a");
	for (i = 0; i < 10; i++) {
		snprintf(line, sizeof line, "%d\n", i);
		rig_write(&r, "a", line);
		rig_start(&r);
		rig_wait_lines(&r, (size_t)i + 1);
		rig_stop(&r);
	}
	rig_start(&r);
	rig_sync(&r);
	ck_assert_uint_eq(r.n, 10);
	rig_free(&r);
}
END_TEST

/* Delivered between the stop and the end, while the channel is drained. */
START_TEST(test_drained)
{
	begin(kinds[_i], "a");
	rig_set(&r, "batchSize", "1");
	rig_write(&r, "a", "1\n2\n3\n");
	r.hold_delivery = true;
	rig_start(&r);
	rig_wait_taken(&r, 3);
	rig_stop(&r);
	ck_assert_uint_eq(r.n, 3);
	r.hold_delivery = false;
	rig_start(&r);
	rig_sync(&r);
	rig_expect(&r, "1", "2", "3", NULL);
	rig_free(&r);
}
END_TEST

/* Taken, and on no disk: read again.  Durable: stored is enough. */
START_TEST(test_kill)
{
	begin(kinds[_i], "a");
	rig_set(&r, "batchSize", "1");
	rig_write(&r, "a", "1\n2\n3\n4\n");
	r.hold_store = r.hold_delivery = true;
	rig_start(&r);
	rig_wait_taken(&r, 4);
	rig_store(&r, 2);
	rig_kill(&r);
	if (kinds[_i])
		rig_expect(&r, "1", "2", NULL);
	else
		rig_expect(&r, NULL);
	rig_start(&r);
	rig_sync(&r);
	rig_expect(&r, "1", "2", "3", "4", NULL);
	rig_free(&r);
}
END_TEST

/* --- own positions --- */

static bool
position_written(struct rig *rig, void *offset)
{
	struct cursor_set *set = cursor_set_new();
	struct cursor c;
	char path[160];
	bool found = false;
	uint32_t crc;
	size_t i, len;
	void *text;

	snprintf(path, sizeof path, "%s/sources/r1/positions", rig->data);
	if (fs_slurp(AT_FDCWD, path, 1 << 20, &text, &len, NULL) == 0) {
		tail_pos_decode(slice_of(text, len), set, &crc);
		free(text);
	}
	c = cursor_set_view(set);
	for (i = 0; i < c.n; i++)
		found = found || c.v[i].offset == *(uint64_t *)offset;
	cursor_set_free(set);
	return (found);
}

/* They move on delivered() alone: not when taken, not when stored. */
START_TEST(test_moved_on_delivery)
{
	uint64_t first = 2;

	begin(false, "a");
	rig_set(&r, "batchSize", "1");
	rig_write(&r, "a", "1\n2\n3\n");
	r.hold_delivery = true;
	rig_start(&r);
	rig_wait_taken(&r, 3);
	rig_deliver(&r, 1);
	rig_run(&r, position_written, &first);
	rig_kill(&r);
	rig_start(&r);
	rig_sync(&r);
	rig_expect(&r, "1", "2", "3", NULL);
	rig_free(&r);
}
END_TEST

/* Renamed, while what was read is not delivered. */
START_TEST(test_not_delivered)
{
	begin(false, "a");
	rig_set(&r, "idleTimeout", "50ms");
	rig_write(&r, "a", "1\n");
	r.hold_delivery = true;
	rig_start(&r);
	rig_wait_taken(&r, 1);
	rig_rename(&r, "a", "old");
	rig_write(&r, "a", "2\n");
	rig_wait_taken(&r, 2);
	rig_kill(&r);
	rig_start(&r);
	rig_sync(&r);
	rig_expect(&r, "1", "2", NULL);
	rig_free(&r);
}
END_TEST

static off_t
positions_size(void)
{
	struct stat st;
	char path[160];

	snprintf(path, sizeof path, "%s/sources/r1/positions", r.data);
	ck_assert_int_eq(stat(path, &st), 0);
	return (st.st_size);
}

/* A retired file's entry goes away, after the last of it was delivered. */
START_TEST(test_positions_pruned)
{
	char name[16];
	off_t size;
	int i;

	begin(false, "f.*");
	rig_set(&r, "idleTimeout", "20ms");
	rig_start(&r);
	rig_sync(&r);
	rig_stop(&r);
	rig_start(&r);
	for (i = 0; i < 20; i++) {
		snprintf(name, sizeof name, "f%d", i);
		rig_write(&r, name, "line\n");
	}
	rig_wait_lines(&r, 20);
	rig_stop(&r);
	size = positions_size();
	rig_start(&r);
	for (i = 0; i < 20; i++) {
		snprintf(name, sizeof name, "f%d", i);
		rig_delete(&r, name);
	}
	while (rig_metric(&r, "files") > 1)
		rig_sync(&r);
	rig_stop(&r);
	/* The log has grown by removals; what a start reads has not. */
	rig_start(&r);
	ck_assert_int_eq(rig_metric(&r, "files"), 1);
	rig_stop(&r);
	ck_assert_int_gt(positions_size(), 0);
	ck_assert_int_gt(size, 0);
	rig_free(&r);
}
END_TEST

/* A positions file that is none is not written over. */
START_TEST(test_positions_foreign)
{
	char path[160];
	int fd;

	begin(false, "a");
	rig_start(&r);
	rig_stop(&r);
	snprintf(path, sizeof path, "%s/sources/r1/positions", r.data);
	fd = open(path, O_WRONLY | O_TRUNC);
	ck_assert_int_eq(write(fd, "something else", 14), 14);
	close(fd);
	rig_start_fails(&r, ERR_CORRUPT);
	rig_free(&r);
}
END_TEST

/* An entry of a newer leat: refused, since it would be read from 0. */
START_TEST(test_note_unknown)
{
	static const uint8_t key[28] = { 1 };
	struct cursor_entry entry = { slice_of(key, 28), 5, SLICE("\2newer") };

	begin(true, "a");
	cursor_set_put(r.cursor, &entry);
	rig_start_fails(&r, ERR_CORRUPT);
	rig_free(&r);
}
END_TEST

/* The source of that name was of another type. */
START_TEST(test_key_unknown)
{
	struct cursor_entry entry = { SLICE("seq"), 5, SLICE("") };

	begin(true, "a");
	cursor_set_put(r.cursor, &entry);
	rig_write(&r, "a", "1\n");
	rig_start(&r);
	rig_wait_lines(&r, 1);
	rig_free(&r);
}
END_TEST

/*
 * Power cuts at every write of the positions, with a sink that keeps what it
 * was given: no line is lost, and the lines come again only from a point that
 * was delivered.
 */
static const struct fs *disk_fs;

static size_t
count(const char *text)
{
	size_t i, n = 0;

	for (i = 0; i < r.n; i++)
		n += strcmp(r.lines[i].text, text) == 0;
	return (n);
}

START_TEST(test_positions_power)
{
	struct fake_disk *disk = fake_disk_new(), *after;
	uint64_t seed = 1 + (uint64_t)_i;
	char line[32];
	int i, k;

	begin(false, "a");
	rig_set(&r, "writePosInterval", "1ms");
	r.env.fs = disk_fs = fake_disk_fs(disk);
	r.env.data_dir = fake_disk_path(disk);
	for (i = 0; i < 8; i++) {
		rig_start(&r);
		for (k = 0; k < 5; k++) {
			snprintf(line, sizeof line, "%d.%d\n", i, k);
			rig_write(&r, "a", line);
			if (unit_random(&seed) % 2)
				rig_sync(&r);
		}
		rig_sync(&r);
		after = fake_disk_power_cut(disk, unit_random(&seed) %
		    (FAKE_CUT_RANDOM + 10));
		rig_stop(&r);
		fake_disk_free(disk);
		disk = after;
		r.env.fs = fake_disk_fs(disk);
		r.env.data_dir = fake_disk_path(disk);
	}
	rig_start(&r);
	rig_sync(&r);
	for (i = 0; i < 8; i++)
		for (k = 0; k < 5; k++) {
			snprintf(line, sizeof line, "%d.%d", i, k);
			ck_assert_uint_ge(count(line), 1);
		}
	rig_stop(&r);
	rig_free(&r);
	fake_disk_free(disk);
}
END_TEST

/* The device has another number since: the same files. */
START_TEST(test_device_number)
{
	struct cursor_set *other = cursor_set_new();
	struct cursor c;
	struct cursor_entry entry;
	uint8_t key[TAIL_KEY_SIZE];
	uint32_t generation;
	struct tail_id id;
	uint64_t dev = 0;
	size_t i;

	begin(true, "a.*");
	rig_write(&r, "a1", "1\n");
	rig_write(&r, "a2", "2\n");
	rig_start(&r);
	rig_wait_lines(&r, 2);
	rig_stop(&r);
	c = cursor_set_view(r.cursor);
	for (i = 0; i < c.n; i++) {
		entry = c.v[i];
		ck_assert(tail_key_decode(entry.key, &id, &generation));
		dev = id.dev;
		id.dev += 77;
		tail_key_encode(&id, generation, key);
		entry.key = slice_of(key, sizeof key);
		cursor_set_put(other, &entry);
	}
	cursor_set_free(r.cursor);
	r.cursor = other;
	rig_write(&r, "a1", "3\n");
	rig_start(&r);
	rig_sync(&r);
	rig_expect(&r, "1", "2", "3", NULL);
	/* Under the new number only. */
	c = cursor_set_view(r.cursor);
	ck_assert_uint_eq(c.n, 3);
	for (i = 0; i < c.n; i++) {
		ck_assert(tail_key_decode(c.v[i].key, &id, &generation));
		ck_assert_uint_eq(id.dev, dev);
	}
	rig_free(&r);
}
END_TEST

/* --- where a file begins --- */

START_TEST(test_skip_to_end)
{
	begin(kinds[_i], "[ab]");
	rig_set(&r, "skipToEnd", "true");
	rig_write(&r, "a", "old\nold half");
	rig_start(&r);
	rig_write(&r, "b", "new file\n");
	rig_wait_lines(&r, 1);
	rig_stop(&r);
	/* What came while it was stopped is read: the end was noted. */
	rig_write(&r, "a", " line\nnew\n");
	rig_write(&r, "b", "more\n");
	rig_start(&r);
	rig_sync(&r);
	rig_wait_lines(&r, 4);
	ck_assert_uint_eq(count("old"), 0);
	ck_assert_uint_eq(count("old half line"), 1);
	ck_assert_uint_eq(count("new"), 1);
	ck_assert_uint_eq(count("more"), 1);
	rig_free(&r);
}
END_TEST

/* Only what is there at the very first start. */
START_TEST(test_start_at_end)
{
	begin(kinds[_i], "[abc]");
	rig_set(&r, "startAt", "end");
	rig_write(&r, "a", "old\n");
	rig_start(&r);
	rig_write(&r, "b", "1\n");
	rig_wait_lines(&r, 1);
	rig_stop(&r);
	rig_write(&r, "c", "2\n");
	rig_write(&r, "a", "3\n");
	rig_start(&r);
	rig_sync(&r);
	ck_assert_uint_eq(r.n, 3);
	ck_assert_uint_eq(count("old"), 0);
	rig_free(&r);
}
END_TEST

/* --- Flume --- */

static ino_t
inode(const char *name)
{
	struct stat st;

	ck_assert_int_eq(stat(rig_path(&r, name), &st), 0);
	return (st.st_ino);
}

static char *
slurp(const char *path)
{
	void *text;
	size_t len;

	UNIT_OK(fs_slurp(AT_FDCWD, path, 1 << 20, &text, &len, e));
	return (text);
}

static void
flume_file(const char *fmt, ...)
{
	char path[128], text[2048];
	va_list ap;
	int fd;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	snprintf(path, sizeof path, "%s/pos.json", r.dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
	rig_set(&r, "positionFile", path);
}

#define ENTRY	"{\"inode\":%llu,\"pos\":%d,\"file\":\"%s\"}"

/* Goes on where Flume stopped; Flume's testLoadPositionFile: a position
 * beyond the end counts for nothing. */
START_TEST(test_flume_import)
{
	begin(kinds[_i], "[a-z]");
	rig_write(&r, "a", "1\n2\n");
	rig_write(&r, "b", "3\n");
	rig_write(&r, "c", "4\n");
	rig_write(&r, "d", "5\n");
	flume_file("[" ENTRY "," ENTRY "," ENTRY "]",
	    (unsigned long long)inode("a"), 2, rig_path(&r, "a"),
	    (unsigned long long)inode("b"), 99, rig_path(&r, "b"),
	    (unsigned long long)inode("c") + 100000, 2, rig_path(&r, "c"));
	rig_start(&r);
	rig_sync(&r);
	ck_assert_uint_eq(r.n, 4);
	ck_assert_uint_eq(count("1"), 0);
	/* Once: the file is ours now, whatever somebody writes into it. */
	rig_stop(&r);
	flume_file("[]");
	rig_start(&r);
	rig_sync(&r);
	ck_assert_uint_eq(r.n, 4);
	rig_free(&r);
}
END_TEST

/* Rotated between Flume's last look and our first. */
START_TEST(test_flume_renamed)
{
	begin(true, "a");
	rig_write(&r, "a", "1\n2\n");
	flume_file("[" ENTRY "]", (unsigned long long)inode("a"), 2,
	    rig_path(&r, "a"));
	rig_rename(&r, "a", "a.1");
	rig_write(&r, "a", "3\n");
	rig_start(&r);
	rig_sync(&r);
	rig_expect(&r, "2", "3", NULL);
	rig_free(&r);
}
END_TEST

/* Torn by a crash: what is left of it counts. */
START_TEST(test_flume_torn)
{
	begin(true, "[ab]");
	rig_write(&r, "a", "1\n2\n");
	rig_write(&r, "b", "3\n");
	flume_file("[" ENTRY ",{\"inode\":5,\"po",
	    (unsigned long long)inode("a"), 4, rig_path(&r, "a"));
	rig_start(&r);
	rig_sync(&r);
	rig_expect(&r, "3", NULL);
	rig_free(&r);
}
END_TEST

START_TEST(test_flume_empty)
{
	begin(true, "a");
	rig_write(&r, "a", "1\n");
	flume_file("%s", "");
	rig_start(&r);
	rig_sync(&r);
	rig_expect(&r, "1", NULL);
	rig_free(&r);
}
END_TEST

/* Without the key, where Flume keeps it. */
START_TEST(test_flume_default)
{
	char from[128], dir[128], to[160];

	begin(true, "a");
	rig_write(&r, "a", "1\n2\n");
	flume_file("[" ENTRY "]", (unsigned long long)inode("a"), 2,
	    rig_path(&r, "a"));
	snprintf(from, sizeof from, "%s/pos.json", r.dir);
	snprintf(dir, sizeof dir, "%s/.flume", r.dir);
	snprintf(to, sizeof to, "%s/taildir_position.json", dir);
	ck_assert_int_eq(mkdir(dir, 0755), 0);
	ck_assert_int_eq(rename(from, to), 0);
	conf_free(r.conf);
	r.conf = conf_new();
	rig_group(&r, "a");
	rig_start(&r);
	rig_sync(&r);
	rig_expect(&r, "2", NULL);
	rig_free(&r);
}
END_TEST

/* What Flume would find if one went back to it. */
START_TEST(test_flume_export)
{
	char path[128], want[256], *text;

	begin(kinds[_i], "a");
	snprintf(path, sizeof path, "%s/new/pos.json", r.dir);
	rig_set(&r, "positionFile", path);
	rig_set(&r, "writePosInterval", "5ms");
	rig_write(&r, "a", "1\n2\nhalf");
	rig_start(&r);
	rig_wait_lines(&r, 2);
	rig_sync(&r);
	rig_stop(&r);
	text = slurp(path);
	snprintf(want, sizeof want, ENTRY, (unsigned long long)inode("a"), 4,
	    rig_path(&r, "a"));
	ck_assert_msg(strstr(text, want) != NULL, "%s in %s", want, text);
	free(text);
	rig_free(&r);
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &test_restart, .rows = 2 },
	{ .fn = &test_drained, .rows = 2 },
	{ .fn = &test_kill, .rows = 2 },
	{ .fn = &test_moved_on_delivery },
	{ .fn = &test_not_delivered },
	{ .fn = &test_positions_pruned },
	{ .fn = &test_positions_foreign },
	{ .fn = &test_note_unknown },
	{ .fn = &test_key_unknown },
	{ .fn = &test_positions_power, .rows = 10 },
	{ .fn = &test_device_number },
	{ .fn = &test_skip_to_end, .rows = 2 },
	{ .fn = &test_start_at_end, .rows = 2 },
	{ .fn = &test_flume_import, .rows = 2 },
	{ .fn = &test_flume_renamed },
	{ .fn = &test_flume_torn },
	{ .fn = &test_flume_empty },
	{ .fn = &test_flume_default },
	{ .fn = &test_flume_export, .rows = 2 },
};

int
main(void)
{
	return (UNIT_MAIN("tail_resume", tests));
}
