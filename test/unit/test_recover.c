/*
 * seglog recovery: a log cut at every byte, with every byte changed, with
 * pieces missing; groups; every crash inside recovery itself.
 */
#include "test/unit/seglog_util.h"

#include "base/bytes.h"
#include "base/log.h"

#define BASE0	"00000000000000000000.log"

static char path[64];
static int dir;

static void
quiet(enum log_level level, const char *line, void *ctx)
{
	(void)level;
	(void)line;
	(void)ctx;
}

static struct fs fast;

static void
setup(void)
{
	log_set_sink(quiet, NULL);
	fast = log_fast_fs();
	dir = unit_dir(path);
}

static void
done(void)
{
	unit_dir_remove(dir, path);
}

/* Writes a log of n batches of two records, and leaves it as a kill would. */
static void
make_log(int n, size_t size, uint64_t segment_bytes)
{
	struct seglog_options o = log_options(&fast, dir);
	struct seglog *log;
	int i;

	if (segment_bytes > 0)
		o.segment_bytes = segment_bytes;
	log = log_open(&o, NULL);
	for (i = 0; i < n; i++)
		log_put(log, 2, size, i);
	UNIT_OK(seglog_close(log, e));
}

static uint8_t *
slurp(const char *name, size_t *len)
{
	void *p;

	UNIT_OK(fs_slurp(dir, name, 1 << 24, &p, len, e));
	return (p);
}

static void
spill(const char *name, const uint8_t *p, size_t len)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, p, len), (ssize_t)len);
	close(fd);
}

/* Opens, checks that all in it is sound and gives how many records; the log
 * takes an append and is sound after it. */
static int64_t
recover(int64_t recovery_offset, struct seglog_recovery *rec, int64_t *end)
{
	struct seglog_options o = log_options(&fast, dir);
	struct seglog *log;
	int64_t n;

	o.recovery_offset = recovery_offset;
	log = log_open(&o, rec);
	*end = seglog_end(log);
	ck_assert_int_eq(*end, rec->end);
	ck_assert_int_eq(seglog_synced(log), *end);
	n = log_read_all(log, seglog_start(log), INT64_MAX, 1000);
	log_put(log, 3, 10, 100);
	ck_assert_int_eq(log_read_all(log, seglog_start(log), INT64_MAX, 1000),
	    n + 3);
	UNIT_OK(seglog_close(log, e));
	return (n);
}

/* Positions where batches end. */
static size_t
boundaries(const uint8_t *p, size_t len, size_t *v)
{
	struct kbatch k;
	size_t n = 0, at = 0;

	while (at < len) {
		UNIT_OK(kbatch_check(slice_of(p + at, len - at), &k, e));
		at += kbatch_size(&k);
		v[n++] = at;
	}
	return (n);
}

/* Bytes that are not the zeroes at the end: those are not counted as torn, as
 * nothing tells them from zeroes written ahead. */
static size_t
used(const uint8_t *p, size_t len)
{
	while (len > 0 && p[len - 1] == 0)
		len--;
	return (len);
}

static size_t
beyond(size_t n, size_t end)
{
	return (n > end ? n - end : 0);
}

/* Row 0: the file just ends; row 1: zeroes follow, as in a pre-zeroed one. */
START_TEST(test_cut)
{
	struct seglog_recovery rec;
	uint8_t *all, *part;
	size_t len, cut, ends[20], whole;
	int64_t end;

	setup();
	make_log(5, 20, 0);
	all = slurp(BASE0, &len);
	part = calloc(1, len + 5000);
	boundaries(all, len, ends);
	/* Records end with a zero (no headers), which one written ahead is as
	 * good as. */
	for (whole = 0; _i == 1 && whole < 5; whole++)
		ends[whole]--;
	for (cut = 0; cut <= len; cut++) {
		unit_dir_empty(dir);
		memset(part, 0, len + 5000);
		memcpy(part, all, cut);
		spill(BASE0, part, _i == 0 ? cut : len + 5000);
		for (whole = 0; whole < 5 && ends[whole] <= cut; whole++)
			;
		ck_assert_int_eq(recover(0, &rec, &end), 2 * (int64_t)whole);
		ck_assert_int_eq(end, 2 * (int64_t)whole);
		ck_assert_uint_eq(rec.quarantines, 0);
		ck_assert_uint_eq(rec.missing, 0);
		if (_i == 0)
			ck_assert_uint_eq(rec.torn, beyond(used(part, cut),
			    whole == 0 ? 0 : ends[whole - 1]));
	}
	free(all);
	free(part);
	done();
}
END_TEST

static int64_t
bad_bytes(void)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY);
	DIR *d = fdopendir(fd);
	struct dirent *f;
	struct stat st;
	int64_t n = 0;

	while ((f = readdir(d)) != NULL)
		if (strstr(f->d_name, ".bad") != NULL &&
		    fstatat(dir, f->d_name, &st, 0) == 0)
			n += st.st_size;
	closedir(d);
	return (n);
}

/*
 * Every byte changed, one at a time: exactly the batch it lies in is lost (or
 * none: the leader epoch is outside the CRC), set aside unless it is the last.
 * Row: which bits.
 */
START_TEST(test_flip)
{
	static const uint8_t bits[] = { 0x01, 0x80, 0xff };
	struct seglog_recovery rec;
	size_t len, at, ends[20], hit;
	int64_t end, n;
	uint8_t *all;

	setup();
	make_log(4, 20, 0);
	all = slurp(BASE0, &len);
	boundaries(all, len, ends);
	for (at = 0; at < len; at++) {
		unit_dir_empty(dir);
		all[at] ^= bits[_i];
		spill(BASE0, all, len);
		for (hit = 0; ends[hit] <= at; hit++)
			;
		n = recover(0, &rec, &end);
		if (n != 8) {
			ck_assert_msg(n == 6, "byte %zu: %lld records", at,
			    (long long)n);
			ck_assert_int_eq(end, hit == 3 ? 6 : 8);
			ck_assert_uint_eq(rec.quarantines, hit != 3);
			ck_assert_uint_eq(rec.torn, hit != 3 ? 0 :
			    used(all, len) - ends[2]);
			ck_assert_uint_eq(rec.quarantined, hit == 3 ? 0 :
			    ends[hit] - (hit == 0 ? 0 : ends[hit - 1]));
			ck_assert_int_eq(bad_bytes(), (int64_t)rec.quarantined);
		}
		all[at] ^= bits[_i];
	}
	free(all);
	done();
}
END_TEST

/* Reads each batch by its offset; how many are whole. */
static int
whole_batches(struct seglog *log, int64_t end)
{
	uint8_t buf[1000];
	struct seglog_range r;
	struct kbatch k;
	int64_t off;
	int n = 0;

	for (off = 0; off < end; off += 2) {
		if (seglog_read(log, off, end, 1, true, &r, NULL) == -1 ||
		    r.len == 0 || r.len > sizeof buf)
			continue;
		fs_pread(r.fd, buf, r.len, r.pos, NULL);
		n += kbatch_check(slice_of(buf, r.len), &k, NULL) == 0 &&
		    k.base_offset == off;
		seglog_release(&r);
	}
	return (n);
}

/* The same below recovery_offset, where only headers are looked at: whatever
 * is hit, the other batches are there, and the end is. */
START_TEST(test_flip_synced)
{
	struct seglog_options o;
	struct seglog *log;
	size_t len, at;
	uint8_t *all;

	setup();
	make_log(4, 20, 0);
	all = slurp(BASE0, &len);
	for (at = 0; at < len; at++) {
		unit_dir_empty(dir);
		all[at] ^= 0xff;
		spill(BASE0, all, len);
		all[at] ^= 0xff;
		o = log_options(&fast, dir);
		o.recovery_offset = 8;
		log = log_open(&o, NULL);
		ck_assert_int_eq(seglog_end(log), 8);
		ck_assert_msg(whole_batches(log, 8) >= 3, "byte %zu", at);
		UNIT_OK(seglog_close(log, e));
	}
	free(all);
	done();
}
END_TEST

/* The CRC is checked only above recovery_offset: how much of the changed
 * bytes must be found there. */
START_TEST(test_flip_found)
{
	struct seglog_recovery rec;
	size_t len, at, ends[20], found = 0;
	int64_t end;
	uint8_t *all;

	setup();
	make_log(4, 20, 0);
	all = slurp(BASE0, &len);
	boundaries(all, len, ends);
	for (at = 0; at < len; at++) {
		unit_dir_empty(dir);
		all[at] ^= 0xff;
		spill(BASE0, all, len);
		all[at] ^= 0xff;
		found += recover(0, &rec, &end) != 8;
	}
	ck_assert_uint_eq(found, len - 4 * 4);	/* all but the leader epochs */
	free(all);
	done();
}
END_TEST

/*
 * A piece in the middle is lost, at every place and length.  One case nothing
 * can tell: zeroes reach into the offset of the last batch, which lies outside
 * its CRC and has no neighbour to contradict it.
 */
START_TEST(test_holes)
{
	struct seglog_recovery rec;
	size_t len, from, to, ends[20], i, at;
	uint8_t *all, *part;
	int64_t end, n;
	int lost;
	bool tail;

	setup();
	make_log(6, 20, 0);
	all = slurp(BASE0, &len);
	part = malloc(len);
	boundaries(all, len, ends);
	for (from = 0; from < len; from += 17)
		for (to = from + 1; to <= len; to += 61) {
			if (to > ends[4] && to < ends[4] + 8)
				continue;	/* see below */
			unit_dir_empty(dir);
			memcpy(part, all, len);
			memset(part + from, 0, to - from);
			spill(BASE0, part, len);
			n = recover(0, &rec, &end);
			for (i = 0, lost = 0, tail = false; i < 6; i++) {
				at = i == 0 ? 0 : ends[i - 1];
				tail = memcmp(all + at, part + at, ends[i] -
				    at) != 0;
				lost += tail;
			}
			ck_assert_int_eq(n, 12 - 2 * lost);
			ck_assert_int_eq(end, tail ? n : 12);
			ck_assert_uint_eq(rec.quarantines, !tail && lost > 0);
		}
	free(all);
	free(part);
	done();
}
END_TEST

/* Several ranges over several segments at once; twice over the same folder. */
START_TEST(test_many_ranges)
{
	static const char *const names[] = { BASE0,
	    "00000000000000000006.log", "00000000000000000012.log" };
	struct seglog_recovery rec;
	uint8_t *p;
	size_t len, i, k, ends[20];
	int64_t end;

	setup();
	make_log(9, 50, 700);
	ck_assert_int_eq(log_files(dir, ".log"), 3);
	for (i = 0; i < 3; i++) {
		p = slurp(names[i], &len);
		ck_assert_uint_eq(boundaries(p, len, ends), 3);
		p[ends[i] - 3] ^= 1;
		spill(names[i], p, len);
		free(p);
	}
	/* 0: batches 1, 2 of three left; 1: 0, 2; 2: 0, 1 */
	ck_assert_int_eq(recover(0, &rec, &end), 12);
	ck_assert_uint_eq(rec.quarantines, 2);
	ck_assert_int_eq(end, 16);
	ck_assert_uint_eq(log_files(dir, ".bad"), 2);
	for (k = 0; k < 2; k++) {
		ck_assert_int_eq(recover(0, &rec, &end), 15 + 3 * (int)k);
		ck_assert_uint_eq(rec.quarantines, 0);
		ck_assert_uint_eq(rec.torn, 0);
	}
	done();
}
END_TEST

/* A batch inside the body of a record is not a batch of the log. */
START_TEST(test_embedded)
{
	struct seglog_options o;
	struct seglog_recovery rec;
	struct seglog_batch b;
	static uint8_t inner[LOG_BATCH_MAX], outer[LOG_BATCH_MAX];
	struct kbuilder k;
	struct seglog *log;
	size_t n, i;
	int64_t end;

	setup();
	make_log(2, 20, 0);
	o = log_options(&fast, dir);
	o.recovery_offset = 4;
	log = log_open(&o, NULL);
	log_batch(&b, inner, 0, 2, 20, 5);
	kbatch_rebase(inner, 4, 7);
	n = SEGLOG_HEADER + b.body.len;
	for (i = 0; i < 2; i++) {
		kbuilder_init(&k, outer, sizeof outer, 5);
		ck_assert(kbuilder_add(&k, 5, SLICE_NULL, slice_of(inner, n),
		    NULL, 0));
		n = kbuilder_finish(&k);
		memcpy(b.header, outer, SEGLOG_HEADER);
		b.body = slice_of(outer + SEGLOG_HEADER, n - SEGLOG_HEADER);
		memcpy(inner, outer, n);
	}
	UNIT_OK(seglog_append(log, &b, 1, e));
	UNIT_OK(seglog_close(log, e));
	o.dirfd = log_options(&fast, dir).dirfd;
	o.recovery_offset = 0;
	log = log_open(&o, &rec);
	ck_assert_int_eq(seglog_end(log), 5);
	ck_assert_uint_eq(rec.torn + rec.quarantined, 0);
	UNIT_OK(seglog_close(log, e));
	(void)end;
	done();
}
END_TEST

/* What was synced and is gone keeps its offsets. */
START_TEST(test_missing)
{
	struct seglog_recovery rec;
	int64_t end;

	setup();
	make_log(3, 20, 0);
	ck_assert_int_eq(recover(20, &rec, &end), 6);
	ck_assert_int_eq(end, 20);
	ck_assert_int_eq(rec.missing, 14);
	ck_assert_int_eq(recover(23, &rec, &end), 9);
	ck_assert_int_eq(rec.missing, 0);
	unit_dir_empty(dir);
	ck_assert_int_eq(recover(30, &rec, &end), 0);
	ck_assert_int_eq(end, 30);
	done();
}
END_TEST

/* Random bytes for each file: opens, and is sound. */
START_TEST(test_junk)
{
	struct seglog_recovery rec;
	uint8_t junk[3000];
	uint64_t seed = (uint64_t)_i + 1;
	size_t i;
	int64_t end;

	setup();
	for (i = 0; i < sizeof junk; i++)
		junk[i] = (uint8_t)unit_random(&seed) % (_i % 2 == 0 ? 256 : 3);
	spill(BASE0, junk, sizeof junk);
	spill("00000000000000000000.index", junk, 800);
	spill("00000000000000000000.timeindex", junk, 1200);
	spill("00000000000000000100.log", junk, 1000);
	spill("00000000000000000200.index", junk, 100);
	spill("00000000000000000200.log.new", junk, 100);
	ck_assert_int_eq(recover(_i % 3 == 0 ? 50 : 0, &rec, &end), 0);
	ck_assert_int_eq(log_files(dir, ".new"), 0);
	done();
}
END_TEST

/* --- groups: a batch of three records closes one --- */

struct groups {
	int	seen;
};

static bool
closes(void *ctx, struct slice batch)
{
	struct groups *g = ctx;
	struct kbatch k;

	UNIT_OK(kbatch_check(batch, &k, e));
	g->seen++;
	return (k.count == 3);
}

/* Groups {2, 2, 3} records; cut at every byte: whole groups remain. */
START_TEST(test_groups)
{
	struct seglog_options o;
	struct seglog_recovery rec;
	struct groups g = { 0 };
	struct seglog *log;
	uint8_t *all;
	size_t len, cut, ends[20], whole;
	int i;

	setup();
	o = log_options(&fast, dir);
	log = log_open(&o, NULL);
	for (i = 0; i < 9; i++)
		log_put(log, i % 3 == 2 ? 3 : 2, 20, i);
	UNIT_OK(seglog_close(log, e));
	all = slurp(BASE0, &len);
	boundaries(all, len, ends);
	for (cut = 0; cut <= len; cut++) {
		unit_dir_empty(dir);
		spill(BASE0, all, cut);
		for (whole = 0; whole < 3 && ends[3 * whole + 2] <= cut;
		    whole++)
			;
		o = log_options(&fast, dir);
		o.closes = closes;
		o.ctx = &g;
		log = log_open(&o, &rec);
		ck_assert_int_eq(seglog_end(log), 7 * (int64_t)whole);
		ck_assert_int_eq(log_read_all(log, 0, INT64_MAX, 1000),
		    7 * (int64_t)whole);
		ck_assert_uint_le(rec.torn, cut - (whole == 0 ? 0 :
		    ends[3 * whole - 1]));
		ck_assert_uint_ge(rec.torn, beyond(used(all, cut),
		    whole == 0 ? 0 : ends[3 * whole - 1]));
		UNIT_OK(seglog_close(log, e));
	}
	ck_assert_int_gt(g.seen, 100);
	free(all);
	done();
}
END_TEST

/* A last segment in which no group closes goes. */
START_TEST(test_group_segment)
{
	struct seglog_options o;
	struct groups g = { 0 };
	struct seglog *log;

	setup();
	o = log_options(&fast, dir);
	log = log_open(&o, NULL);
	log_put(log, 3, 20, 0);
	UNIT_OK(seglog_roll(log, e));
	if (_i == 1)
		log_put(log, 2, 20, 0);
	UNIT_OK(seglog_close(log, e));
	o = log_options(&fast, dir);
	o.closes = closes;
	o.ctx = &g;
	o.recovery_offset = _i == 2 ? 3 : 0;
	log = log_open(&o, NULL);
	ck_assert_int_eq(seglog_end(log), 3);
	ck_assert_int_eq(log_files(dir, ".log"), 1);
	log_put(log, 3, 20, 0);
	ck_assert_int_eq(log_read_all(log, 0, INT64_MAX, 1000), 6);
	UNIT_OK(seglog_close(log, e));
	done();
}
END_TEST

/* --- recovery cut short: it fails at its k-th change, then runs again --- */

static int left, nested;

#define FAILS(call)							\
	do {								\
		if (left-- <= 0)					\
			return (err_set(e, ERR_SYS, "power is gone"));	\
		return (call);						\
	} while (0)

static int
frail_pwritev(const struct fs *fs, int fd, const struct iovec *iov, int n,
    off_t off, struct err *e)
{
	(void)fs;
	FAILS(fs_real.pwritev(&fs_real, fd, iov, n, off, e));
}

static int
frail_sync(const struct fs *fs, int fd, struct err *e)
{
	(void)fs;
	FAILS(fs_real.sync(&fs_real, fd, e));
}

static int
frail_truncate(const struct fs *fs, int fd, off_t size, struct err *e)
{
	(void)fs;
	FAILS(fs_real.truncate(&fs_real, fd, size, e));
}

static int
frail_rename(const struct fs *fs, int dirfd, const char *from, const char *to,
    struct err *e)
{
	(void)fs;
	FAILS(fs_real.rename(&fs_real, dirfd, from, to, e));
}

static int
frail_unlink(const struct fs *fs, int dirfd, const char *name, struct err *e)
{
	(void)fs;
	FAILS(fs_real.unlink(&fs_real, dirfd, name, e));
}

static int
frail_sync_dir(const struct fs *fs, int dirfd, struct err *e)
{
	(void)fs;
	FAILS(fs_real.sync_dir(&fs_real, dirfd, e));
}

/* Damage in all three places: below the checkpoint, in front of valid
 * batches, and at the end. */
static void
make_damage(void)
{
	static const char *const names[] = { BASE0,
	    "00000000000000000006.log", "00000000000000000012.log" };
	size_t len, i, ends[20];
	uint8_t *p;

	make_log(9, 50, 700);
	for (i = 0; i < 3; i++) {
		p = slurp(names[i], &len);
		boundaries(p, len, ends);
		p[ends[i] - 3] ^= 1;
		spill(names[i], p, len);
		free(p);
	}
}

START_TEST(test_recovery_fails)
{
	struct fs frail = fs_real;
	struct seglog_options o;
	struct seglog *log;
	int64_t end;
	struct seglog_recovery rec;
	bool failed;

	frail.pwritev = frail_pwritev;
	frail.sync = frail_sync;
	frail.truncate = frail_truncate;
	frail.rename = frail_rename;
	frail.unlink = frail_unlink;
	frail.sync_dir = frail_sync_dir;
	setup();
	for (nested = 0, failed = true; failed; nested++) {
		unit_dir_empty(dir);
		make_damage();
		o = log_options(&fast, dir);
		o.fs = &frail;
		left = nested;
		failed = seglog_open(&log, &o, NULL, NULL) == -1;
		left = INT32_MAX;
		if (!failed)
			UNIT_OK(seglog_close(log, e));
		else
			close(o.dirfd);
		ck_assert_int_eq(recover(0, &rec, &end), 12);
		ck_assert_int_eq(end, 16);
		ck_assert_int_eq(log_files(dir, ".bad"), 2);
		ck_assert_int_eq(log_files(dir, ".new"), 0);
	}
	ck_assert_int_gt(nested, 15);
	done();
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &test_cut, .rows = 2 },
	{ .fn = &test_flip, .rows = 3 },
	{ .fn = &test_flip_synced },
	{ .fn = &test_flip_found },
	{ .fn = &test_holes },
	{ .fn = &test_many_ranges },
	{ .fn = &test_embedded },
	{ .fn = &test_missing },
	{ .fn = &test_junk, .rows = 12 },
	{ .fn = &test_groups },
	{ .fn = &test_group_segment, .rows = 3 },
	{ .fn = &test_recovery_fails },
};

int
main(void)
{
	return (UNIT_MAIN("seglog recovery", tests));
}
