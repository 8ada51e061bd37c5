/* test/fake/fake_disk: it must be right before it may judge others. */
#include "test/unit/unit.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/check.h"
#include "test/fake/fake_disk.h"

static struct fake_disk *disk;
static const struct fs *fs;
static int root;

static void
setup(void)
{
	disk = fake_disk_new();
	fs = fake_disk_fs(disk);
	UNIT_OK(root = fs_open_dir(fs, fake_disk_path(disk), e));
}

static void
done(void)
{
	close(root);
	fake_disk_free(disk);
}

static int
make(const char *name)
{
	int fd;

	UNIT_OK(fd = fs->open(fs, root, name, O_RDWR | O_CREAT, e));
	return (fd);
}

static void
put(int fd, const char *s, off_t off)
{
	UNIT_OK(fs_pwrite(fs, fd, s, strlen(s), off, e));
}

static void
sync_both(int fd)
{
	UNIT_OK(fs->sync(fs, fd, e));
	UNIT_OK(fs->sync_dir(fs, root, e));
}

/* The file's text after a cut; "-" when it is not there. */
static const char *
after(uint64_t seed, const char *name)
{
	static char text[65536];
	struct fake_disk *d = fake_disk_power_cut(disk, seed);
	char path[200];
	void *p;
	size_t n;

	snprintf(path, sizeof path, "%s/%s", fake_disk_path(d), name);
	if (fs_slurp(AT_FDCWD, path, sizeof text - 1, &p, &n, NULL) == 0) {
		memcpy(text, p, n + 1);
		for (size_t i = 0; i < n; i++)
			if (text[i] == '\0')
				text[i] = '0';
		free(p);
	} else
		strcpy(text, "-");
	fake_disk_free(d);
	return (text);
}

START_TEST(test_corners)
{
	int fd;

	setup();
	fd = make("f");
	put(fd, "one", 0);
	ck_assert_str_eq(after(FAKE_CUT_LOSE, "f"), "-");
	ck_assert_str_eq(after(FAKE_CUT_KEEP, "f"), "one");
	ck_assert_str_eq(after(FAKE_CUT_SIZES, "f"), "000");
	ck_assert_str_eq(after(FAKE_CUT_DATA, "f"), "-");
	ck_assert_str_eq(after(FAKE_CUT_NAMES, "f"), "");
	UNIT_OK(fs->sync(fs, fd, e));
	ck_assert_str_eq(after(FAKE_CUT_LOSE, "f"), "-");
	ck_assert_str_eq(after(FAKE_CUT_NAMES, "f"), "one");
	UNIT_OK(fs->sync_dir(fs, root, e));
	ck_assert_uint_eq(fake_disk_pending(disk), 0);
	for (uint64_t seed = 0; seed < 30; seed++)
		ck_assert_str_eq(after(seed, "f"), "one");
	put(fd, "two22", 0);
	ck_assert_str_eq(after(FAKE_CUT_LOSE, "f"), "one");
	ck_assert_str_eq(after(FAKE_CUT_SIZES, "f"), "one00");
	ck_assert_str_eq(after(FAKE_CUT_DATA, "f"), "two22");
	close(fd);
	done();
}
END_TEST

START_TEST(test_names)
{
	int fd, sub;

	setup();
	fd = make("a");
	put(fd, "a", 0);
	sync_both(fd);
	UNIT_OK(fs->rename(fs, root, "a", "b", e));
	ck_assert_str_eq(after(FAKE_CUT_LOSE, "a"), "a");
	ck_assert_str_eq(after(FAKE_CUT_LOSE, "b"), "-");
	ck_assert_str_eq(after(FAKE_CUT_NAMES, "a"), "-");
	ck_assert_str_eq(after(FAKE_CUT_NAMES, "b"), "a");
	UNIT_OK(fs->sync_dir(fs, root, e));
	UNIT_OK(fs->unlink(fs, root, "b", e));
	ck_assert_str_eq(after(FAKE_CUT_LOSE, "b"), "a");
	ck_assert_str_eq(after(FAKE_CUT_KEEP, "b"), "-");
	UNIT_OK(fs->sync_dir(fs, root, e));
	ck_assert_str_eq(after(FAKE_CUT_LOSE, "b"), "-");
	close(fd);

	/* A file in a new folder needs both folders synced. */
	UNIT_OK(fs->mkdir(fs, root, "d", e));
	UNIT_OK(sub = fs->open(fs, root, "d", O_RDONLY | O_DIRECTORY, e));
	UNIT_OK(fd = fs->open(fs, sub, "f", O_RDWR | O_CREAT, e));
	put(fd, "x", 0);
	UNIT_OK(fs->sync(fs, fd, e));
	UNIT_OK(fs->sync_dir(fs, sub, e));
	ck_assert_str_eq(after(FAKE_CUT_LOSE, "d/f"), "-");
	UNIT_OK(fs->sync_dir(fs, root, e));
	ck_assert_str_eq(after(FAKE_CUT_LOSE, "d/f"), "x");
	UNIT_OK(fs->unlink(fs, root, "d/f", e));
	UNIT_OK(fs->rmdir(fs, root, "d", e));
	ck_assert_str_eq(after(FAKE_CUT_LOSE, "d/f"), "x");
	ck_assert_str_eq(after(FAKE_CUT_KEEP, "d/f"), "-");
	close(sub);
	close(fd);
	done();
}
END_TEST

/*
 * Three pages, synced, then written over twice: what is found over many seeds
 * is made of sectors of one of the versions, and all kinds of damage occur.
 */
START_TEST(test_pages)
{
	bool torn = false, subset = false, all = false, none = false;
	static char data[3 * 4096 + 1];
	const char *got;
	int fd, i;

	setup();
	fd = make("f");
	for (i = 0; i < 3; i++) {
		memset(data, 'a' + i, sizeof data - 1);
		put(fd, data, 0);
		if (i == 0)
			sync_both(fd);
	}
	for (uint64_t seed = 0; seed < 400; seed++) {
		got = after(seed, "f");
		ck_assert_uint_eq(strlen(got), sizeof data - 1);
		for (i = 0; i < 24; i++) {
			const char *p = got + 512 * i;

			ck_assert(*p >= 'a' && *p <= 'c');
			ck_assert_mem_eq(p, p + 1, 511);
			torn |= i % 8 != 0 && *p != p[-512];
			subset |= i % 8 == 0 && i > 0 && *p != p[-512];
		}
		all |= got[0] == 'c' && memcmp(got, got + 1, 12287) == 0;
		none |= got[0] == 'a' && memcmp(got, got + 1, 12287) == 0;
	}
	ck_assert(torn && subset && all && none);
	close(fd);
	done();
}
END_TEST

/* What is written behind a truncation does not persist without it. */
START_TEST(test_truncate)
{
	int fd;

	setup();
	fd = make("f");
	put(fd, "0123456789", 0);
	sync_both(fd);
	UNIT_OK(fs->truncate(fs, fd, 4, e));
	put(fd, "ab", 4);
	for (uint64_t seed = 0; seed < 200; seed++) {
		const char *got = after(seed, "f");

		ck_assert_msg(strcmp(got, "0123456789") == 0 ||
		    strcmp(got, "0123") == 0 || strcmp(got, "012300") == 0 ||
		    strcmp(got, "0123ab") == 0, "seed %d: %s", (int)seed, got);
	}
	sync_both(fd);
	ck_assert_str_eq(after(FAKE_CUT_LOSE, "f"), "0123ab");
	close(fd);
	UNIT_OK(fd = fs->open(fs, root, "f", O_RDWR | O_CREAT | O_TRUNC, e));
	ck_assert_str_eq(after(FAKE_CUT_LOSE, "f"), "0123ab");
	ck_assert_str_eq(after(FAKE_CUT_KEEP, "f"), "");
	close(fd);
	done();
}
END_TEST

START_TEST(test_zero)
{
	char got[16] = "";
	int fd;

	setup();
	fd = make("f");
	put(fd, "0123456789", 0);
	UNIT_OK(fs->zero(fs, fd, 5, 100000, e));
	ck_assert_int_eq(fs_pread(fd, got, 10, 0, NULL), 10);
	ck_assert_mem_eq(got, "01234\0\0\0\0\0", 10);
	ck_assert_int_eq(lseek(fd, 0, SEEK_END), 100005);
	sync_both(fd);
	put(fd, "x", 50000);
	UNIT_OK(fs->truncate(fs, fd, 60000, e));
	sync_both(fd);
	ck_assert_uint_eq(strlen(after(FAKE_CUT_LOSE, "f")), 60000);
	ck_assert_int_eq(after(FAKE_CUT_KEEP, "f")[50000], 'x');
	close(fd);
	done();
}
END_TEST

/* --- fs_replace: cut at every operation, always the old or the new --- */

struct judge {
	uint64_t	 seeds;
	const char	*old, *new;
	bool		 acked;
	int		 cuts, bad;
};

static void
judge(struct fake_disk *d, const struct fake_op *op, bool late, void *ctx)
{
	struct judge *j = ctx;
	const char *got;

	(void)d;
	(void)op;
	(void)late;
	for (uint64_t seed = 0; seed < j->seeds; seed++, j->cuts++) {
		got = after(seed, "f");
		if (strcmp(got, j->new) != 0 &&
		    (j->acked || strcmp(got, j->old) != 0))
			j->bad++;
	}
}

static struct judge
judge_replace(bool with_sync)
{
	struct judge j = { .seeds = 40, .old = "old", .new = "new text" };
	int fd;

	setup();
	UNIT_OK(fs_replace(fs, root, "f", j.old, 3, e));
	fake_disk_watch(disk, judge, &j);
	if (with_sync) {
		UNIT_OK(fs_replace(fs, root, "f", j.new, 8, e));
	} else {
		fd = make("f.tmp");
		put(fd, j.new, 0);
		UNIT_OK(fs->rename(fs, root, "f.tmp", "f", e));
		UNIT_OK(fs->sync_dir(fs, root, e));
		close(fd);
	}
	j.acked = true;
	judge(disk, NULL, true, &j);
	done();
	return (j);
}

START_TEST(test_replace)
{
	struct judge j = judge_replace(true);

	ck_assert_int_gt(j.cuts, 300);
	ck_assert_int_eq(j.bad, 0);
	j = judge_replace(false);
	ck_assert_int_gt(j.bad, 0);
}
END_TEST

/* --- fs_slots: never less than was acknowledged, nor more than tried --- */

struct slots_judge { uint64_t acked, tried; int bad, cuts; };

static void
judge_slots(struct fake_disk *d, const struct fake_op *op, bool late,
    void *ctx)
{
	struct slots_judge *j = ctx;
	struct fake_disk *cut;
	struct fs_slots s;
	uint64_t value;
	bool found;
	int dir, rc;

	(void)op;
	(void)late;
	for (uint64_t seed = 0; seed < 25; seed++, j->cuts++) {
		cut = fake_disk_power_cut(d, seed);
		dir = open(fake_disk_path(cut), O_RDONLY | O_DIRECTORY);
		value = 0;
		rc = fs_slots_open(&s, fake_disk_fs(cut), dir, "s", &value,
		    sizeof value, &found, NULL);
		if (rc == -1 || value < j->acked || value > j->tried ||
		    found != (value != 0))
			j->bad++;
		if (rc == 0)
			fs_slots_close(&s);
		close(dir);
		fake_disk_free(cut);
	}
}

static struct slots_judge
run_slots(bool lie)
{
	struct slots_judge j = { 0 };
	struct fs_slots s;
	uint64_t value;
	bool found;

	setup();
	fake_disk_lie(disk, lie);
	fake_disk_watch(disk, judge_slots, &j);
	UNIT_OK(fs_slots_open(&s, fs, root, "s", &value, sizeof value, &found,
	    e));
	for (j.tried = 1; j.tried <= 6; j.tried++) {
		UNIT_OK(fs_slots_write(&s, &j.tried, e));
		j.acked = j.tried;
	}
	fs_slots_close(&s);
	done();
	return (j);
}

START_TEST(test_slots)
{
	struct slots_judge j = run_slots(false);

	ck_assert_int_gt(j.cuts, 500);
	ck_assert_int_eq(j.bad, 0);
	ck_assert_int_gt(run_slots(true).bad, 0);
}
END_TEST

START_TEST(test_fail)
{
	char got[4] = "";
	int fd;

	setup();
	fd = make("f");
	put(fd, "one", 0);
	sync_both(fd);
	put(fd, "two", 0);
	fake_disk_fail_sync(disk, 2);
	UNIT_OK(fs->sync(fs, fd, e));
	put(fd, "xyz", 0);
	{
		struct err why = ERR_INIT;

		ck_assert_int_eq(fs->sync(fs, fd, &why), -1);
		ck_assert_int_eq(why.sys, EIO);
	}
	UNIT_OK(fs->sync(fs, fd, e));	/* as Linux: "fine", and lost */
	fs_pread(fd, got, 3, 0, NULL);
	ck_assert_str_eq(got, "xyz");
	ck_assert_str_eq(after(FAKE_CUT_KEEP, "f"), "two");
	fake_disk_fail(disk, FAKE_RENAME, 1, ENOSPC);
	UNIT_ERR(fs->rename(fs, root, "f", "g", e), ERR_FULL);
	UNIT_OK(fs->rename(fs, root, "f", "g", e));
	fake_disk_fail(disk, FAKE_WRITE, 1, EIO);
	fake_disk_fail(disk, FAKE_WRITE, 0, 0);
	put(fd, "x", 0);
	close(fd);
	done();
}
END_TEST

START_TEST(test_full)
{
	char got[32] = "";
	int fd, other;

	setup();
	fd = make("f");
	other = make("g");
	put(other, "12345", 0);
	put(fd, "abc", 0);
	fake_disk_full_after(disk, 4);
	put(fd, "ABC", 0);		/* no growth: no room taken */
	UNIT_ERR(fs_pwrite(fs, fd, "defghij", 7, 3, e), ERR_FULL);
	ck_assert_int_eq(fs_pread(fd, got, 31, 0, NULL), 7);
	ck_assert_str_eq(got, "ABCdefg");
	UNIT_ERR(fs_pwrite(fs, fd, "x", 1, 7, e), ERR_FULL);
	UNIT_ERR(fs->zero(fs, fd, 0, 8, e), ERR_FULL);
	UNIT_OK(fs->zero(fs, fd, 0, 7, e));
	UNIT_OK(fs->unlink(fs, root, "g", e));
	put(fd, "12345", 7);
	UNIT_ERR(fs_pwrite(fs, fd, "x", 1, 12, e), ERR_FULL);
	UNIT_OK(fs->truncate(fs, fd, 6, e));
	put(fd, "123456", 6);
	UNIT_ERR(fs_pwrite(fs, fd, "x", 1, 12, e), ERR_FULL);
	fake_disk_full_after(disk, UINT64_MAX);
	put(fd, "x", 12);
	close(fd);
	close(other);
	done();
}
END_TEST

START_TEST(test_lie)
{
	int fd;

	setup();
	fake_disk_lie(disk, true);
	fd = make("f");
	put(fd, "one", 0);
	sync_both(fd);
	ck_assert_str_eq(after(FAKE_CUT_LOSE, "f"), "-");
	ck_assert_uint_gt(fake_disk_pending(disk), 0);
	fake_disk_lie(disk, false);
	sync_both(fd);
	ck_assert_str_eq(after(FAKE_CUT_LOSE, "f"), "one");
	close(fd);
	done();
}
END_TEST

START_TEST(test_adopt)
{
	int fd;

	setup();
	ck_assert_int_eq(mkdirat(root, "d", 0700), 0);
	fd = openat(root, "d/f", O_RDWR | O_CREAT, 0600);
	ck_assert_int_eq(write(fd, "hello", 5), 5);
	close(fd);
	fd = openat(root, "g", O_RDWR | O_CREAT, 0600);
	ck_assert_int_eq(write(fd, "there", 5), 5);
	close(fd);
	ck_assert_str_eq(after(FAKE_CUT_KEEP, "d/f"), "-");
	UNIT_OK(fd = fs->open(fs, root, "g", O_RDWR, e));
	ck_assert_str_eq(after(FAKE_CUT_LOSE, "g"), "there");
	put(fd, "now", 0);
	ck_assert_str_eq(after(FAKE_CUT_LOSE, "g"), "there");
	fake_disk_adopt(disk);
	ck_assert_str_eq(after(FAKE_CUT_LOSE, "d/f"), "hello");
	ck_assert_str_eq(after(FAKE_CUT_LOSE, "g"), "nowre");
	close(fd);
	done();
}
END_TEST

START_TEST(test_log)
{
	const struct fake_op *v;
	char text[100];
	size_t n;
	int fd;

	setup();
	n = fake_disk_ops(disk);
	fd = make("f");
	put(fd, "abc", 8);
	sync_both(fd);
	ck_assert_uint_eq(fake_disk_ops(disk), n + 4);
	v = fake_disk_log(disk, &n);
	ck_assert_str_eq(fake_op_print(&v[n - 3], text, sizeof text) +
	    strcspn(text, " "), " write f 8+3");
	ck_assert_int_eq(v[n - 4].kind, FAKE_CREATE);
	ck_assert_int_eq(v[n - 2].kind, FAKE_SYNC);
	ck_assert_int_eq(v[n - 1].kind, FAKE_SYNC_DIR);
	ck_assert_uint_eq(v[n - 1].number, n);
	close(fd);
	done();
}
END_TEST

/*
 * Random operations.  After a cut that keeps everything the files are what a
 * reader sees now; after one that loses everything they are what they were
 * at their last sync; any seed gives the same disk twice; what is found on a
 * cut disk is durable there.
 */
#define FILES	4

static void
same(uint64_t seed, const char *name)
{
	char *first = xstrdup(after(seed, name));
	struct fake_disk *cut = fake_disk_power_cut(disk, seed), *keep = disk;

	ck_assert_str_eq(after(seed, name), first);
	disk = cut;
	ck_assert_str_eq(after(FAKE_CUT_LOSE, name), first);
	disk = keep;
	fake_disk_free(cut);
	free(first);
}

static void
random_op(int fd, char *synced, uint64_t *state)
{
	static char data[9000];
	uint64_t r = unit_random(state);
	size_t len = (r >> 8) % (sizeof data - 1), off = (r >> 32) % 12000;

	memset(data, 'a' + (int)(r >> 56) % 26, len);
	switch (r % 6) {
	case 0:
		UNIT_OK(fs->truncate(fs, fd, (off_t)off, e));
		break;
	case 1:
		UNIT_OK(fs->zero(fs, fd, (off_t)off, (off_t)len, e));
		break;
	case 2:
		UNIT_OK(fs->sync(fs, fd, e));
		memset(synced, 0, 30000);
		ck_assert_int_ge(fs_pread(fd, synced, 29999, 0, NULL), 0);
		for (off = 0; off < (size_t)lseek(fd, 0, SEEK_END); off++)
			if (synced[off] == '\0')
				synced[off] = '0';
		break;
	default:
		UNIT_OK(fs_pwrite(fs, fd, data, len, (off_t)off, e));
	}
}

START_TEST(test_model)
{
	static char synced[FILES][30000], now[30000];
	uint64_t state = 11 + (uint64_t)_i;
	char name[] = "f0";
	int fd[FILES], i, round;

	setup();
	for (i = 0; i < FILES; i++) {
		name[1] = (char)('0' + i);
		fd[i] = make(name);
	}
	UNIT_OK(fs->sync_dir(fs, root, e));
	for (round = 0; round < 60; round++) {
		i = (int)(unit_random(&state) % FILES);
		name[1] = (char)('0' + i);
		random_op(fd[i], synced[i], &state);
		ck_assert_str_eq(after(FAKE_CUT_LOSE, name), synced[i]);
		memset(now, 0, sizeof now);
		fs_pread(fd[i], now, sizeof now - 1, 0, NULL);
		for (off_t k = 0; k < lseek(fd[i], 0, SEEK_END); k++)
			if (now[k] == '\0')
				now[k] = '0';
		ck_assert_str_eq(after(FAKE_CUT_KEEP, name), now);
		same(FAKE_CUT_RANDOM + (uint64_t)round, name);
	}
	for (i = 0; i < FILES; i++)
		close(fd[i]);
	done();
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &test_corners },
	{ .fn = &test_names },
	{ .fn = &test_pages },
	{ .fn = &test_truncate },
	{ .fn = &test_zero },
	{ .fn = &test_replace },
	{ .fn = &test_slots },
	{ .fn = &test_fail },
	{ .fn = &test_full },
	{ .fn = &test_lie },
	{ .fn = &test_adopt },
	{ .fn = &test_log },
	{ .fn = &test_model, .rows = 4 },
};

int
main(void)
{
	return (UNIT_MAIN("fake_disk", tests));
}
