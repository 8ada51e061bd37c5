/* base/fs: the real one, its helpers, the slots. */
#include "test/unit/unit.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fs.h"

static const struct fs *const fs = &fs_real;
static char path[64];
static int dir;

static void
setup(void)
{
	dir = unit_dir(path);
}

static void
done(void)
{
	unit_dir_remove(dir, path);
}

static int
make(const char *name)
{
	int fd;

	UNIT_OK(fd = fs->open(fs, dir, name, O_RDWR | O_CREAT, e));
	return (fd);
}

START_TEST(test_open)
{
	struct stat st;
	int fd;

	setup();
	umask(0);
	fd = make("f");
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fs->close(fs, fd), 0);
	ck_assert_int_eq(fs->close(fs, fd), -1);
	UNIT_ERR(fs->open(fs, dir, "none", O_RDONLY, e), ERR_SYS);
	UNIT_OK(fs->mkdir(fs, dir, "d", e));
	UNIT_OK(fs->mkdir(fs, dir, "d", e));
	ck_assert_int_eq(fstatat(dir, "d", &st, 0), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0700);
	UNIT_OK(fs->rename(fs, dir, "f", "g", e));
	UNIT_ERR(fs->rename(fs, dir, "f", "g", e), ERR_SYS);
	UNIT_OK(fs->unlink(fs, dir, "g", e));
	UNIT_ERR(fs->unlink(fs, dir, "g", e), ERR_SYS);
	UNIT_OK(fs->rmdir(fs, dir, "d", e));
	UNIT_OK(fs->sync_dir(fs, dir, e));
	UNIT_ERR(fs->sync(fs, -1, e), ERR_SYS);
	done();
}
END_TEST

/* More vectors than IOV_MAX, empty ones among them. */
START_TEST(test_pwritev)
{
	static struct iovec v[3000];
	static char got[10000];
	size_t want = 0;
	int fd;

	setup();
	fd = make("f");
	for (size_t i = 0; i < NELEM(v); i++) {
		v[i].iov_base = (void *)"abcdefg";
		v[i].iov_len = i % 5;
		want += v[i].iov_len;
	}
	UNIT_OK(fs->pwritev(fs, fd, v, NELEM(v), 100, e));
	UNIT_OK(fs->pwritev(fs, fd, v, 0, 0, e));
	UNIT_OK(fs->pwritev(fs, fd, v, 1, 0, e));
	UNIT_OK(fs->sync(fs, fd, e));
	ck_assert_int_eq(fs_pread(fd, got, sizeof got, 100, NULL),
	    (ssize_t)want);
	ck_assert_mem_eq(got, "aababcabcdaab", 13);
	UNIT_OK(fs->truncate(fs, fd, 50, e));
	ck_assert_int_eq(fs_pread(fd, got, sizeof got, 0, NULL), 50);
	ck_assert_int_eq(fs_pread(fd, got, sizeof got, 50, NULL), 0);
	fs->close(fs, fd);
	done();
}
END_TEST

/* A limit of the process cuts the write short, then refuses it. */
START_TEST(test_short_write)
{
	static char data[10000];
	struct rlimit lim = { 4096, RLIM_INFINITY };
	struct err why = ERR_INIT;
	int fd;

	setup();
	fd = make("f");
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &lim), 0);
	ck_assert_int_eq(fs_pwrite(fs, fd, data, sizeof data, 0, &why), -1);
	ck_assert_int_eq(why.sys, EFBIG);
	lim.rlim_cur = RLIM_INFINITY;
	setrlimit(RLIMIT_FSIZE, &lim);
	fs->close(fs, fd);
	done();
}
END_TEST

START_TEST(test_full)
{
	int fd = open("/dev/full", O_WRONLY);

	if (fd == -1)
		return;
	UNIT_ERR(fs_pwrite(fs, fd, "x", 1, 0, e), ERR_FULL);
	close(fd);
}
END_TEST

START_TEST(test_zero)
{
	static char got[3000000];
	struct stat st;
	struct err why = ERR_INIT;
	int fd;

	setup();
	fd = make("f");
	memset(got, 'x', sizeof got);
	UNIT_OK(fs_pwrite(fs, fd, got, 5000, 0, e));
	if (fs->zero(fs, fd, 1000, 2500001, &why) == -1) {
		ck_assert_int_eq(why.code, ERR_REFUSED);
		goto out;
	}
	ck_assert_int_eq(fs_pread(fd, got, sizeof got, 0, NULL), 2501001);
	ck_assert_int_eq(got[999], 'x');
	for (size_t i = 1000; i < 2501001; i++)
		ck_assert_int_eq(got[i], 0);
	fstat(fd, &st);
	ck_assert_int_ge(st.st_blocks * 512, 2500001);
	UNIT_OK(fs->zero(fs, fd, 0, 0, e));
out:
	fs->close(fs, fd);
	done();
}
END_TEST

START_TEST(test_open_dir)
{
	char deep[128];
	struct stat st;
	int fd;

	setup();
	umask(0);
	snprintf(deep, sizeof deep, "%s//a/b/c/", path);
	for (int i = 0; i < 2; i++) {
		UNIT_OK(fd = fs_open_dir(fs, deep, e));
		fstat(fd, &st);
		ck_assert(S_ISDIR(st.st_mode));
		ck_assert_int_eq(st.st_mode & 0777, 0700);
		close(fd);
	}
	ck_assert_int_eq(fchdir(dir), 0);
	UNIT_OK(fd = fs_open_dir(fs, "x/../y", e));
	close(fd);
	ck_assert_int_eq(fstatat(dir, "y", &st, 0), 0);
	close(make("file"));
	UNIT_ERR(fs_open_dir(fs, "file/z", e), ERR_SYS);
	UNIT_ERR(fs_open_dir(fs, "", e), ERR_CONFIG);
	ck_assert_int_eq(chdir("/"), 0);
	done();
}
END_TEST

START_TEST(test_replace_slurp)
{
	static char big[100000];
	void *p;
	size_t n;

	setup();
	UNIT_ERR(fs_slurp(dir, "f", 10, &p, &n, e), ERR_NOT_FOUND);
	UNIT_OK(fs_replace(fs, dir, "f", "hello", 5, e));
	UNIT_OK(fs_slurp(dir, "f", 5, &p, &n, e));
	ck_assert_uint_eq(n, 5);
	ck_assert_str_eq(p, "hello");
	free(p);
	UNIT_ERR(fs_slurp(dir, "f", 4, &p, &n, e), ERR_TOO_LARGE);
	UNIT_OK(fs_replace(fs, dir, "f", big, sizeof big, e));
	UNIT_OK(fs_slurp(dir, "f", sizeof big, &p, &n, e));
	ck_assert_uint_eq(n, sizeof big);
	free(p);
	UNIT_ERR(fs_slurp(dir, "f", sizeof big - 1, &p, &n, e),
	    ERR_TOO_LARGE);
	UNIT_OK(fs_replace(fs, dir, "f", "", 0, e));
	UNIT_OK(fs_slurp(dir, "f", 0, &p, &n, e));
	ck_assert_uint_eq(n, 0);
	free(p);
	ck_assert_int_eq(faccessat(dir, "f.tmp", F_OK, 0), -1);
	UNIT_OK(fs->mkdir(fs, dir, "d", e));
	UNIT_ERR(fs_replace(fs, dir, "d", "x", 1, e), ERR_SYS);
	ck_assert_int_eq(faccessat(dir, "d.tmp", F_OK, 0), -1);
	done();
}
END_TEST

START_TEST(test_lock)
{
	struct err why = ERR_INIT;
	char want[32];
	int fd, status;
	pid_t pid;

	setup();
	UNIT_OK(fd = fs_lock(dir, "folder /x", e));
	snprintf(want, sizeof want, "by process %ld", (long)getpid());
	ck_assert_int_eq(fs_lock(dir, "folder /x", &why), -1);
	ck_assert_int_eq(why.code, ERR_REFUSED);
	ck_assert_ptr_nonnull(strstr(why.msg, want));
	ck_assert_ptr_nonnull(strstr(why.msg, "folder /x"));
	close(fd);
	/* It goes with its process, however that ends. */
	if ((pid = fork()) == 0) {
		if (fs_lock(dir, "x", NULL) == -1)
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	UNIT_OK(fd = fs_lock(dir, "x", e));
	close(fd);
	done();
}
END_TEST

START_TEST(test_stamp)
{
	setup();
	close(make("lock"));
	UNIT_OK(fs_stamp(fs, dir, "channel", 2, e));
	UNIT_OK(fs_stamp(fs, dir, "channel", 2, e));
	UNIT_OK(fs_stamp(fs, dir, "channel", 3, e));
	UNIT_ERR(fs_stamp(fs, dir, "channel", 1, e), ERR_REFUSED);
	UNIT_ERR(fs_stamp(fs, dir, "broker", 2, e), ERR_REFUSED);
	UNIT_OK(fs_replace(fs, dir, "format", "what\n", 5, e));
	UNIT_ERR(fs_stamp(fs, dir, "channel", 2, e), ERR_REFUSED);
	unit_dir_empty(dir);
	close(make("precious"));
	UNIT_ERR(fs_stamp(fs, dir, "channel", 2, e), ERR_REFUSED);
	done();
}
END_TEST

START_TEST(test_space)
{
	uint64_t avail = 0, total = 0;

	setup();
	UNIT_OK(fs_space(dir, &avail, &total, e));
	ck_assert_uint_gt(total, 0);
	ck_assert_uint_le(avail, total);
	done();
}
END_TEST

static int
slots_open(struct fs_slots *s, uint64_t *value, bool *found, struct err *e)
{
	return (fs_slots_open(s, fs, dir, "slots", value, sizeof *value,
	    found, e));
}

START_TEST(test_slots)
{
	struct fs_slots s;
	uint64_t value = 77, i;
	bool found = true;

	setup();
	UNIT_OK(slots_open(&s, &value, &found, e));
	ck_assert(!found);
	ck_assert_uint_eq(value, 77);
	fs_slots_close(&s);
	UNIT_OK(slots_open(&s, &value, &found, e));
	ck_assert(!found);
	for (i = 1; i <= 5; i++) {
		UNIT_OK(fs_slots_write(&s, &i, e));
		fs_slots_close(&s);
		UNIT_OK(slots_open(&s, &value, &found, e));
		ck_assert(found);
		ck_assert_uint_eq(value, i);
	}
	fs_slots_close(&s);
	UNIT_ERR(fs_slots_open(&s, fs, dir, "slots", &value, 4, &found, e),
	    ERR_CORRUPT);
	done();
}
END_TEST

/*
 * Any damage to the newer slot brings back the older value; damage to both is
 * told.  Every byte that counts is damaged once.
 */
START_TEST(test_slots_damage)
{
	struct fs_slots s;
	uint64_t value, one = 1, two = 2;
	bool found;
	char c, bad;
	int fd;

	setup();
	UNIT_OK(slots_open(&s, &value, &found, e));
	UNIT_OK(fs_slots_write(&s, &one, e));	/* number 2, slot 0 */
	UNIT_OK(fs_slots_write(&s, &two, e));	/* number 3, slot 1 */
	fs_slots_close(&s);
	fd = make("slots");
	for (off_t at = 4096; at < 4096 + 28; at++) {
		fs_pread(fd, &c, 1, at, NULL);
		bad = (char)(c ^ 0x40);
		UNIT_OK(fs_pwrite(fs, fd, &bad, 1, at, e));
		UNIT_OK(slots_open(&s, &value, &found, e));
		ck_assert(found);
		ck_assert_uint_eq(value, 1);
		fs_slots_close(&s);
		UNIT_OK(fs_pwrite(fs, fd, &c, 1, at, e));
	}
	UNIT_OK(fs_pwrite(fs, fd, "x", 1, 0, e));
	UNIT_OK(slots_open(&s, &value, &found, e));
	ck_assert_uint_eq(value, 2);
	fs_slots_close(&s);
	UNIT_OK(fs_pwrite(fs, fd, "x", 1, 4096, e));
	UNIT_ERR(slots_open(&s, &value, &found, e), ERR_CORRUPT);
	UNIT_OK(fs->truncate(fs, fd, 0, e));
	UNIT_OK(slots_open(&s, &value, &found, e));	/* empty: a new one */
	ck_assert(!found);
	fs_slots_close(&s);
	close(fd);
	done();
}
END_TEST

/* The newer value after a slot was torn is written over the torn one. */
START_TEST(test_slots_after_damage)
{
	struct fs_slots s;
	uint64_t value, v;
	bool found;
	int fd;

	setup();
	UNIT_OK(slots_open(&s, &value, &found, e));
	for (v = 1; v <= 2; v++)
		UNIT_OK(fs_slots_write(&s, &v, e));
	fs_slots_close(&s);
	fd = make("slots");
	UNIT_OK(fs_pwrite(fs, fd, "torn", 4, 4096 + 20, e));
	close(fd);
	UNIT_OK(slots_open(&s, &value, &found, e));
	ck_assert_uint_eq(value, 1);
	v = 9;
	UNIT_OK(fs_slots_write(&s, &v, e));
	fs_slots_close(&s);
	UNIT_OK(slots_open(&s, &value, &found, e));
	ck_assert_uint_eq(value, 9);
	fs_slots_close(&s);
	done();
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &test_open },
	{ .fn = &test_pwritev },
	{ .fn = &test_short_write },
	{ .fn = &test_full },
	{ .fn = &test_zero },
	{ .fn = &test_open_dir },
	{ .fn = &test_replace_slurp },
	{ .fn = &test_lock },
	{ .fn = &test_stamp },
	{ .fn = &test_space },
	{ .fn = &test_slots },
	{ .fn = &test_slots_damage },
	{ .fn = &test_slots_after_damage },
};

int
main(void)
{
	return (UNIT_MAIN("fs", tests));
}
