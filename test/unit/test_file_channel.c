/* The file channel: restarts, damage, a full disk, spare segments. */
#include "test/unit/channel_util.h"

#include <errno.h>
#include <sys/stat.h>

#include "channels/file_format.h"
#include "channels/file_priv.h"
#include "test/fake/fake_disk.h"

static char path[64];
static int dir;
static struct chan c;

static const char *const small[] = { "maxFileSize", "64k", NULL };

static void
setup(void)
{
	log_set_sink(chan_quiet, NULL);
	dir = unit_dir(path);
	chan_open(&c, &channel_file, &fs_real, path, small);
}

static void
reopen(void)
{
	chan_close(&c);
	chan_open(&c, &channel_file, &fs_real, path, small);
}

static void
done(void)
{
	chan_close(&c);
	unit_dir_remove(dir, path);
}

static int
segments(void)
{
	int fd = openat(dir, "channels/c1/log", O_RDONLY | O_DIRECTORY), n = 0;
	DIR *d = fdopendir(fd);
	struct dirent *f;

	while ((f = readdir(d)) != NULL)
		n += strstr(f->d_name, ".log") != NULL;
	closedir(d);
	return (n);
}

/* --- restarts --- */

START_TEST(test_restart)
{
	struct lease l;

	setup();
	chan_put(&c, "r1", "f", 0, 100, 50);
	chan_put(&c, "r2", "g", 0, 10, 50);
	chan_put(&c, "r1", "f", 100, 50, 50);
	chan_wait(&c);
	chan_drain(&c, "f", 0, 30, 30, 0);
	chan_take(&c, &l, 5, 0);
	c.ch->ops->rollback(c.ch, &l);
	reopen();
	/* A clean stop remembers the record, not only the batch. */
	ck_assert_uint_eq(chan_fill(&c).records, 160);
	ck_assert_int_eq(chan_cursor(&c, "r1", "f"), 150);
	ck_assert_int_eq(chan_cursor(&c, "r2", "g"), 10);
	ck_assert_int_eq(chan_cursor(&c, "r2", "f"), 0);
	ck_assert_int_eq(chan_cursor(&c, "r3", "f"), 0);
	chan_drain(&c, "f", 30, 70, 0, 0);
	chan_drain(&c, "g", 0, 10, 0, 0);
	chan_put(&c, "r1", "f", 150, 10, 50);
	chan_wait(&c);
	reopen();
	chan_drain(&c, "f", 100, 50, 0, 0);
	chan_drain(&c, "f", 150, 10, 0, 0);
	chan_take_none(&c);
	chan_wait_told(&c, "f", 160);
	ck_assert_uint_eq(chan_fill(&c).records, 0);
	ck_assert_uint_eq(chan_fill(&c).bytes, 0);
	reopen();
	chan_take_none(&c);
	ck_assert_int_eq(chan_cursor(&c, "r1", "f"), 160);
	ck_assert_uint_eq(chan_fill(&c).records, 0);
	done();
}
END_TEST

/* What the channel holds already is left out, wherever batches begin. */
START_TEST(test_prefix)
{
	setup();
	chan_put(&c, "r1", "f", 0, 100, 10);
	chan_wait(&c);
	if (_i == 1)
		reopen();
	chan_put(&c, "r1", "f", 50, 30, 10);	/* all of it held */
	chan_put(&c, "r1", "f", 80, 40, 10);	/* half of it */
	chan_put(&c, "r1", "f", 0, 1, 10);	/* far behind */
	chan_put(&c, "r2", "f", 0, 5, 10);	/* another source's */
	chan_put(&c, "r1", "f", 120, 5, 10);
	chan_wait(&c);
	ck_assert_int_eq(chan_cursor(&c, "r1", "f"), 125);
	chan_drain(&c, "f", 0, 100, 0, 0);
	chan_drain(&c, "f", 100, 20, 0, 0);
	chan_drain(&c, "f", 0, 5, 0, 0);
	chan_drain(&c, "f", 120, 5, 0, 0);
	chan_take_none(&c);
	done();
}
END_TEST

/* Positions of files that are gone go, in the log and in the snapshots. */
START_TEST(test_gone)
{
	struct cursor_entry v[2] = {
		{ SLICE("old"), CURSOR_GONE, SLICE("") },
		{ SLICE("new"), 70, SLICE("n") }
	};
	struct batch *b;
	int i;

	setup();
	chan_put(&c, "r1", "old", 0, 10, 10);
	b = chan_batch("r1", "new", 0, 7, 10);
	batch_set_cursor(b, &(struct cursor){ v, 2 });
	ck_assert(chan_put_batch(&c, b));
	chan_wait(&c);
	ck_assert_int_eq(chan_cursor(&c, "r1", "old"), 0);
	ck_assert_int_eq(chan_cursor(&c, "r1", "new"), 7);
	reopen();
	ck_assert_int_eq(chan_cursor(&c, "r1", "old"), 0);
	ck_assert_int_eq(chan_cursor(&c, "r1", "new"), 7);
	chan_drain(&c, "old", 0, 10, 0, 0);
	chan_drain(&c, "new", 0, 7, 0, 0);
	for (i = 0; i < 20; i++) {	/* many segments further */
		chan_put(&c, "r2", "g", 10 * i, 10, 3000);
		chan_wait(&c);
		chan_drain(&c, "g", 10 * i, 10, 0, 0);
	}
	reopen();
	ck_assert_int_eq(chan_cursor(&c, "r1", "old"), 0);
	ck_assert_int_eq(chan_cursor(&c, "r1", "new"), 7);
	ck_assert_int_eq(chan_cursor(&c, "r2", "g"), 200);
	done();
}
END_TEST

/* Segments go when all in them is committed. */
START_TEST(test_segments)
{
	int i, n;

	setup();
	for (i = 0; i < 50; i++) {
		chan_put(&c, "r1", "f", 10 * i, 10, 2000);
		chan_wait(&c);
	}
	n = segments();
	ck_assert_int_ge(n, 12);
	chan_drain(&c, "f", 0, 250, 0, 0);
	reopen();
	ck_assert_int_le(segments(), n / 2 + 2);
	ck_assert_int_gt(segments(), 2);
	chan_drain(&c, "f", 250, 250, 0, 0);
	reopen();
	ck_assert_int_le(segments(), 1);
	done();
}
END_TEST

/* A whole plain batch is leased as it was stored. */
START_TEST(test_stored)
{
	struct kiter it = KITER_INIT;
	struct krecord r;
	struct kbatch k;
	struct lease l;
	int i = 0;

	setup();
	chan_put(&c, "r1", "f", 0, 100, 10);
	chan_wait(&c);
	ck_assert_int_eq(c.ch->ops->take(c.ch, &l, 1000, 0, 5000, NULL), 1);
	ck_assert_ptr_null(l.batch);
	ck_assert_uint_eq(l.n, 100);
	ck_assert_uint_eq(l.bytes, 100 * 14 + 90);
	ck_assert_int_eq(l.hint, 42);
	UNIT_OK(kbatch_check(l.stored, &k, e));
	ck_assert_uint_eq(kbatch_size(&k), l.stored.len);
	ck_assert_int_eq(k.count, 100);
	ck_assert_int_eq(k.base_timestamp, 1000);
	UNIT_OK(kiter_open(&it, l.stored, 0, e));
	while (kiter_next(&it, &r, NULL) == 1)
		ck_assert_int_eq(atoi((const char *)r.value.p + 2), i++);
	ck_assert_int_eq(i, 100);
	kiter_close(&it);
	UNIT_OK(lease_batch(&l, e));
	chan_is(&l, 99, "f", 99);
	c.ch->ops->rollback(c.ch, &l);
	chan_take(&c, &l, 99, 0);
	ck_assert_ptr_null(l.stored.p);
	c.ch->ops->rollback(c.ch, &l);
	chan_drain(&c, "f", 0, 100, 0, 0);
	done();
}
END_TEST

START_TEST(test_one_user)
{
	struct chan other;
	int fd;

	setup();
	UNIT_ERR(chan_open_err(&other, &channel_file, &fs_real, path, small,
	    e), ERR_REFUSED);
	chan_free(&other);
	chan_close(&c);
	fd = openat(dir, "channels/c1/format", O_WRONLY | O_TRUNC);
	ck_assert_int_eq(write(fd, "leat file-channel 99\n", 21), 21);
	close(fd);
	UNIT_ERR(chan_open_err(&other, &channel_file, &fs_real, path, small,
	    e), ERR_REFUSED);
	chan_free(&other);
	unit_dir_remove(dir, path);
}
END_TEST

START_TEST(test_folder)
{
	const char *kv[] = { "dataDirs", NULL, NULL };
	struct stat st;
	char *sub;

	log_set_sink(chan_quiet, NULL);
	dir = unit_dir(path);
	sub = xasprintf("%s/a/b,%s/c", path, path);
	kv[1] = sub;
	chan_open(&c, &channel_file, &fs_real, path, kv);
	ck_assert_int_eq(fstatat(dir, "a/b/log", &st, 0), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0700);
	ck_assert_int_eq(fstatat(dir, "a/b/mark", &st, 0), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	ck_assert_int_eq(fstatat(dir, "c", &st, 0), -1);
	free(sub);
	done();
}
END_TEST

/* --- damage --- */

static void
flip(const char *name, off_t at)
{
	uint8_t b;
	int fd = openat(dir, name, O_RDWR);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pread(fd, &b, 1, at), 1);
	b ^= 0x10;
	ck_assert_int_eq(pwrite(fd, &b, 1, at), 1);
	close(fd);
}

/* Stored records rot: theirs are lost, counted and kept aside; the others
 * come.  Row: where in the batch (its length, its body). */
START_TEST(test_rot)
{
	static const off_t at[] = { 11, 100 };
	struct kbatch k;
	struct stat st;
	uint8_t head[KBATCH_HEADER];
	off_t pos = 0;
	int i, fd;

	setup();
	for (i = 0; i < 6; i++) {
		chan_put(&c, "r1", "f", 10 * i, 10, 300);
		chan_wait(&c);
	}
	chan_close(&c);
	fd = openat(dir, "channels/c1/log/00000000000000000000.log", O_RDONLY);
	for (i = 0; i < 5; i++) {	/* snapshot, 10, group, 10, group */
		ck_assert_int_eq(pread(fd, head, sizeof head, pos),
		    sizeof head);
		UNIT_OK(kbatch_parse(slice_of(head, sizeof head), &k, e));
		pos += (off_t)kbatch_size(&k);
	}
	close(fd);
	flip("channels/c1/log/00000000000000000000.log", pos + at[_i]);
	chan_open(&c, &channel_file, &fs_real, path, small);
	chan_drain(&c, "f", 0, 20, 0, 0);
	chan_drain(&c, "f", 30, 30, 0, 0);
	chan_take_none(&c);
	chan_wait_told(&c, "f", 60);
	ck_assert_int_eq(chan_cursor(&c, "r1", "f"), 60);
	ck_assert_uint_eq(chan_fill(&c).records, 0);
	ck_assert_uint_eq(chan_fill(&c).bytes, 0);
	if (_i == 1) {
		ck_assert_int_eq(metric_get(&file_of(c.ch)->metrics.damaged),
		    1);
		ck_assert_int_eq(fstatat(dir,
		    "channels/c1/00000000000000000023.bad", &st, 0), 0);
	}
	reopen();
	chan_take_none(&c);
	done();
}
END_TEST

/* The mark is lost: what is there comes again, nothing else is. */
START_TEST(test_mark_lost)
{
	setup();
	chan_put(&c, "r1", "f", 0, 10, 50);
	chan_wait(&c);
	chan_put(&c, "r1", "f", 10, 10, 50);
	chan_wait(&c);
	chan_drain(&c, "f", 0, 10, 0, 0);
	chan_close(&c);
	if (_i == 0) {
		flip("channels/c1/mark", 30);
		flip("channels/c1/mark", 4096 + 30);
	} else
		unlinkat(dir, "channels/c1/mark", 0);
	chan_open(&c, &channel_file, &fs_real, path, small);
	ck_assert_int_eq(chan_cursor(&c, "r1", "f"), 20);
	chan_drain(&c, "f", 0, 10, 0, 0);
	chan_drain(&c, "f", 10, 10, 0, 0);
	chan_put(&c, "r1", "f", 20, 10, 50);
	chan_wait(&c);
	chan_drain(&c, "f", 20, 10, 0, 0);
	ck_assert_uint_eq(chan_fill(&c).records, 0);
	ck_assert_uint_eq(chan_fill(&c).bytes, 0);
	done();
}
END_TEST

/* The snapshot at the head of the last segment rots: older ones tell. */
START_TEST(test_snapshot_rot)
{
	char name[64], last[64] = "";
	int i;

	setup();
	chan_put(&c, "r2", "g", 0, 5, 10);
	for (i = 0; i < 20; i++) {
		chan_put(&c, "r1", "f", 10 * i, 10, 1000);
		chan_wait(&c);
	}
	chan_close(&c);
	for (i = 0; i < 400; i++) {
		snprintf(name, sizeof name, "channels/c1/log/%020d.log", i);
		if (faccessat(dir, name, F_OK, 0) == 0)
			strcpy(last, name);
	}
	flip(last, 70);
	chan_open(&c, &channel_file, &fs_real, path, small);
	ck_assert_int_eq(chan_cursor(&c, "r2", "g"), 5);
	ck_assert_int_eq(chan_cursor(&c, "r1", "f"), 200);
	done();
}
END_TEST

/* --- a full disk, a failing one --- */

START_TEST(test_full)
{
	struct fake_disk *d = fake_disk_new();
	int i;

	log_set_sink(chan_quiet, NULL);
	chan_open(&c, &channel_file, fake_disk_fs(d), fake_disk_path(d),
	    small);
	for (i = 0; i < 8; i++)
		chan_put(&c, "r1", "f", 10 * i, 10, 2000);
	chan_wait(&c);
	/* Too large for the room that was zeroed before. */
	fake_disk_full_after(d, 100);
	chan_put(&c, "r1", "f", 80, 10, 20000);
	while (c.ch->ops->reserve(c.ch, 1, 100, NULL) == 0)
		c.ch->ops->cancel(c.ch, 1, 100);
	ck_assert_int_eq(c.pending, 1);
	chan_drain(&c, "f", 0, 30, 0, 0);	/* goes on meanwhile */
	ck_assert_int_eq(c.pending, 1);
	ck_assert_int_eq(atomic_load(&c.rooms), 0);
	fake_disk_full_after(d, UINT64_MAX);
	chan_wait(&c);
	ck_assert_int_eq(c.failed, 0);
	while (atomic_load(&c.rooms) == 0)
		usleep(1000);
	chan_put(&c, "r1", "f", 90, 10, 2000);
	chan_drain(&c, "f", 30, 70, 0, 0);
	chan_close(&c);
	fake_disk_free(d);
}
END_TEST

/* What commits free is enough to go on. */
START_TEST(test_full_freed)
{
	struct fake_disk *d = fake_disk_new();
	int i;

	log_set_sink(chan_quiet, NULL);
	chan_open(&c, &channel_file, fake_disk_fs(d), fake_disk_path(d),
	    small);
	for (i = 0; i < 20; i++) {
		chan_put(&c, "r1", "f", 10 * i, 10, 2000);
		chan_wait(&c);
	}
	fake_disk_full_after(d, 100);
	chan_put(&c, "r1", "f", 200, 10, 15000);
	chan_drain(&c, "f", 0, 150, 0, 0);
	chan_wait(&c);
	chan_drain(&c, "f", 150, 60, 0, 0);
	chan_close(&c);
	fake_disk_free(d);
}
END_TEST

static int
spares(const char *folder)
{
	DIR *d = opendir(folder);
	struct dirent *f;
	int n = 0;

	while ((f = readdir(d)) != NULL)
		n += strstr(f->d_name, ".spare") != NULL;
	closedir(d);
	return (n);
}

/* Emptied segments are kept and written over, the metric tells them, and they
 * are given up when the disk has no room. */
START_TEST(test_spares)
{
	struct fake_disk *d = fake_disk_new();
	char *log = xasprintf("%s/channels/c1/log", fake_disk_path(d));
	metric_t *disk;
	int i;

	log_set_sink(chan_quiet, NULL);
	chan_open(&c, &channel_file, fake_disk_fs(d), fake_disk_path(d),
	    small);
	disk = &file_of(c.ch)->metrics.disk_bytes;
	for (i = 0; i < 20; i++) {
		chan_put(&c, "r1", "f", 10 * i, 10, 2000);
		chan_wait(&c);
	}
	chan_drain(&c, "f", 0, 200, 0, 0);
	while (spares(log) < FILE_SPARES)
		usleep(1000);
	while (metric_get(disk) > 3 * 65536 || metric_get(disk) < 2 * 40000)
		usleep(1000);
	/* One is not room enough, both are. */
	fake_disk_full_after(d, 100);
	chan_put(&c, "r1", "f", 200, 10, 9000);
	chan_wait(&c);
	ck_assert_int_gt(metric_get(&file_of(c.ch)->metrics.waits_for_disk),
	    0);
	ck_assert_int_eq(spares(log), 0);
	chan_drain(&c, "f", 200, 10, 0, 0);
	chan_close(&c);
	free(log);
	fake_disk_free(d);
}
END_TEST

/* Stopped while the disk is full: the source is told that it was not stored. */
START_TEST(test_full_stop)
{
	struct fake_disk *d = fake_disk_new();

	log_set_sink(chan_quiet, NULL);
	chan_open(&c, &channel_file, fake_disk_fs(d), fake_disk_path(d),
	    small);
	fake_disk_full_after(d, 100);
	chan_put(&c, "r1", "f", 0, 10, 20000);
	while (c.ch->ops->reserve(c.ch, 1, 100, NULL) == 0)
		c.ch->ops->cancel(c.ch, 1, 100);
	c.ch->ops->close(c.ch);
	ck_assert_int_eq(c.pending, 0);
	ck_assert_int_eq(c.failed, 1);
	chan_free(&c);
	fake_disk_full_after(d, UINT64_MAX);
	chan_open(&c, &channel_file, fake_disk_fs(d), fake_disk_path(d),
	    small);
	ck_assert_int_eq(chan_cursor(&c, "r1", "f"), 0);
	chan_take_none(&c);
	chan_close(&c);
	fake_disk_free(d);
}
END_TEST

/* A failed sync ends the process; nothing was acknowledged. */
START_TEST(test_sync_fails)
{
	struct fake_disk *d = fake_disk_new();

	log_set_sink(chan_quiet, NULL);
	chan_open(&c, &channel_file, fake_disk_fs(d), fake_disk_path(d),
	    small);
	fake_disk_fail_sync(d, 1);
	chan_put(&c, "r1", "f", 0, 10, 20);
	chan_wait(&c);
	ck_abort_msg("it was stored");
}
END_TEST

/* --- formats --- */

START_TEST(test_format)
{
	struct cursor_entry entry = { SLICE("key"), 77, SLICE("note") };
	struct cursor cursor = { &entry, 1 };
	struct slice in, source, bytes;
	struct group g = { .number = 5, .prev_synced = 6, .first = 7,
	    .bytes = 8, .crc = 9, .records = 10, .stored_bytes = 11 }, out;
	struct mark m = { .offset = 3, .records = 4, .stored_bytes = 5,
	    .synced = 6 }, n;
	struct sb changes = SB_INIT;
	uint8_t *p, mark[MARK_SIZE];
	struct uuid id;
	size_t size, i;

	changes_add(&changes, "r1", &cursor);
	changes_add(&changes, "r2", &cursor);
	g.changes = slice_of(changes.ptr, changes.len);
	uuid_random(&g.channel);
	p = group_encode(&g, 1234, &size);
	ck_assert_int_eq(control_type(slice_of(p, size)), FORMAT_GROUP);
	UNIT_OK(group_parse(slice_of(p, size), &out, e));
	ck_assert_uint_eq(out.number, 5);
	ck_assert_int_eq(out.first, 7);
	ck_assert_uint_eq(out.stored_bytes, 11);
	ck_assert(slice_eq(out.changes, g.changes));
	ck_assert_int_eq(memcmp(out.channel.b, g.channel.b, 16), 0);
	for (i = 0; i < size; i++)
		UNIT_ERR(group_parse(slice_of(p, i), &out, e), ERR_CORRUPT);
	UNIT_ERR(snapshot_parse(slice_of(p, size), &id, &in, e), ERR_CORRUPT);
	free(p);
	p = snapshot_encode(&g.channel, g.changes, 1234, &size);
	UNIT_OK(snapshot_parse(slice_of(p, size), &id, &in, e));
	ck_assert(changes_next(&in, &source, &bytes));
	UNIT_SLICE(source, "r1");
	ck_assert(changes_next(&in, &source, &bytes));
	UNIT_SLICE(source, "r2");
	ck_assert(!changes_next(&in, &source, &bytes));
	for (i = 0; i < changes.len; i++) {
		in = slice_of(changes.ptr, i);
		while (changes_next(&in, &source, &bytes))
			ck_assert(bytes.p + bytes.len <= (uint8_t *)changes.ptr
			    + i);
	}
	free(p);
	sb_fini(&changes);
	mark_encode(&m, mark);
	UNIT_OK(mark_decode(mark, &n, e));
	ck_assert_int_eq(memcmp(&m, &n, sizeof m), 0);
	mark[7] = 2;
	UNIT_ERR(mark_decode(mark, &n, e), ERR_CORRUPT);
}
END_TEST

/* A group's closing batch, as doc/FORMAT.md describes it. */
START_TEST(test_golden)
{
	static const char want[] =
	    "0000000000000000000000a1ffffffff0234eb9046002000000000000001"
	    "8bcfe568000000018bcfe56800ffffffffffffffffffffffffffff000000"
	    "01dc0100000008000003e9c6010001a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3"
	    "a30000000000000001000000000000000000000000000000000000000000"
	    "0000b548b0f2bb0000000000000002000000000000005b02723100000016"
	    "00000001036b6579000000000000001200046e6f746500";
	struct cursor_entry entry = { SLICE("key"), 18, SLICE("note") };
	struct group g = { .number = 1, .bytes = 0xb5, .crc = 0x48b0f2bb,
	    .records = 2, .stored_bytes = 0x5b };
	struct sb changes = SB_INIT;
	char hex[3];
	uint8_t *p;
	size_t size, i;

	memset(g.channel.b, 0xa3, 16);
	changes_add(&changes, "r1", &(struct cursor){ &entry, 1 });
	g.changes = slice_of(changes.ptr, changes.len);
	p = group_encode(&g, 1700000000000, &size);
	for (i = 0; i < sizeof want / 2; i++) {
		snprintf(hex, sizeof hex, "%02x", p[i]);
		ck_assert_msg(memcmp(hex, want + 2 * i, 2) == 0,
		    "byte %zu is %s", i, hex);
	}
	ck_assert_uint_eq(size, 173);
	free(p);
	sb_fini(&changes);
}
END_TEST

/* A group of no batches at an offset, as recovery comes upon it. */
static bool
see_group(struct group_check *check, int64_t offset, uint64_t number,
    int64_t prev_synced, bool whole)
{
	struct group g = { .channel = check->channel, .number = number,
	    .prev_synced = prev_synced, .first = offset,
	    .crc = whole ? 0 : 1 };
	uint8_t *p;
	size_t size;
	bool closes;

	p = group_encode(&g, 1234, &size);
	kbatch_rebase(p, offset, 0);
	closes = group_closes(check, slice_of(p, size));
	free(p);
	return (closes);
}

/*
 * The next group is written while one is synced.  Row 0: the first of the two
 * is torn, so the second goes with it.  Row 1: a third one says that the first
 * was synced, so it is damage, and what follows stays.  Row 2: the same with
 * bytes that are no batch.
 */
START_TEST(test_torn_or_rotten)
{
	struct group_check check = { .known = true };

	ck_assert(see_group(&check, 0, 1, 0, true));
	ck_assert(see_group(&check, 1, 2, 0, true));
	if (_i < 2)
		ck_assert(!see_group(&check, 2, 3, 2, false));
	ck_assert(!see_group(&check, 3, 4, 2, true));
	if (_i == 0)
		return;
	ck_assert(see_group(&check, 4, 5, 3, true));
	ck_assert(see_group(&check, 5, 6, 3, true));
	ck_assert(!see_group(&check, 7, 7, 6, true));
	ck_assert(see_group(&check, 8, 8, 7, true));
}
END_TEST

/* A sink that keeps up gets what was put without a look at the disk, one that
 * does not gets the rest from there; both get the same. */
START_TEST(test_ahead)
{
	const size_t size = 100000;	/* of a line */
	struct file *f;
	int i;

	setup();
	f = file_of(c.ch);
	chan_put(&c, "r1", "f", 0, 10, size);
	chan_wait(&c);
	ck_assert_uint_gt(f->ahead, 10 * size);
	chan_drain(&c, "f", 0, 10, 0, 0);
	ck_assert_uint_eq(f->ahead, 0);
	for (i = 1; i < 20; i++) {
		chan_put(&c, "r1", "f", 10 * i, 10, size);
		chan_wait(&c);
		ck_assert_uint_le(f->ahead, FILE_AHEAD);
	}
	chan_drain(&c, "f", 10, 190, 0, 0);
	ck_assert_uint_eq(f->ahead, 0);
	chan_put(&c, "r1", "f", 200, 10, size);
	chan_wait(&c);
	ck_assert_uint_gt(f->ahead, 10 * size);
	reopen();
	chan_drain(&c, "f", 200, 10, 0, 0);
	done();
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &test_golden },
	{ .fn = &test_restart },
	{ .fn = &test_prefix, .rows = 2 },
	{ .fn = &test_gone },
	{ .fn = &test_segments },
	{ .fn = &test_stored },
	{ .fn = &test_one_user },
	{ .fn = &test_folder },
	{ .fn = &test_rot, .rows = 2 },
	{ .fn = &test_mark_lost, .rows = 2 },
	{ .fn = &test_snapshot_rot },
	{ .fn = &test_full },
	{ .fn = &test_full_freed },
	{ .fn = &test_spares },
	{ .fn = &test_full_stop },
	{ .fn = &test_sync_fails, .exit = 74 },
	{ .fn = &test_format },
	{ .fn = &test_torn_or_rotten, .rows = 3 },
	{ .fn = &test_ahead },
};

int
main(void)
{
	return (UNIT_MAIN("file channel", tests));
}
