/*
 * seglog with spares: what becomes one and what does not, and recovery of a
 * segment behind whose end lies what its file held before.
 */
#include "test/unit/seglog_util.h"

#include "base/log.h"

#define BATCH	200		/* about the bytes of one here */
#define OLD	8		/* batches of the file's first use */
#define FIRST	100		/* where that begins */
#define BASE	(FIRST + 3 * OLD)	/* where its second begins */
#define NAME	"00000000000000000124.log"

static char path[64];
static int dir;
static struct fs fast;

static void
quiet(enum log_level level, const char *line, void *ctx)
{
	(void)level;
	(void)line;
	(void)ctx;
}

static struct seglog_options
options(void)
{
	struct seglog_options o = log_options(&fast, dir);

	o.spares = 2;
	o.closes = log_closes_own;
	return (o);
}

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

/* One segment more, of n batches, synced. */
static void
add_segment(struct seglog *log, int n)
{
	UNIT_OK(seglog_roll(log, e));
	while (n-- > 0)
		log_put_even(log, 50);
	log_sync(log);
}

static struct seglog *
make(int segments)
{
	struct seglog_options o = options();
	struct seglog *log = log_open(&o, NULL);

	while (segments-- > 0)
		add_segment(log, 3);
	return (log);
}

static void
trim(struct seglog *log, int64_t start)
{
	UNIT_OK(seglog_trim(log, start, NULL, e));
}

static int64_t
file_size(const char *name)
{
	struct stat st;

	ck_assert_int_eq(fstatat(dir, name, &st, 0), 0);
	return (st.st_size);
}

/* --- what becomes a spare --- */

START_TEST(test_kept)
{
	struct seglog *log;
	struct stat st, again;
	uint64_t bytes;

	setup();
	log = make(6);
	ck_assert_int_eq(fstatat(dir, "00000000000000000009.log", &st, 0), 0);
	bytes = seglog_bytes(log);
	trim(log, 20);			/* two segments, and a bit */
	ck_assert_int_eq(log_files(dir, ".spare"), 2);
	ck_assert_uint_gt(seglog_spare_bytes(log), 0);
	ck_assert_uint_eq(seglog_bytes(log) + seglog_spare_bytes(log), bytes);
	ck_assert_int_eq(log_files(dir, ".index"), 3);
	trim(log, 36);			/* two more: enough is enough */
	ck_assert_int_eq(log_files(dir, ".spare"), 2);
	ck_assert_int_eq(log_files(dir, ".log"), 2);
	add_segment(log, 1);		/* the same file, cut at the roll */
	ck_assert_int_eq(log_files(dir, ".spare"), 1);
	ck_assert_int_eq(fstatat(dir, "00000000000000000054.log", &again, 0),
	    0);
	ck_assert_uint_eq(again.st_ino, st.st_ino);
	ck_assert_int_eq(again.st_size, st.st_size);
	add_segment(log, 4);
	ck_assert_int_lt(file_size("00000000000000000054.log"),
	    st.st_size / 2);
	ck_assert_int_eq(log_files(dir, ".spare"), 0);
	ck_assert_uint_eq(seglog_spare_bytes(log), 0);
	add_segment(log, 2);
	ck_assert_int_eq(log_read_all(log, 36, INT64_MAX, 1000), 39);
	UNIT_OK(seglog_close(log, e));
	done();
}
END_TEST

/* Files are exact after a clean stop, and the spares are there again. */
START_TEST(test_reopened)
{
	struct seglog_options o;
	struct seglog_recovery rec;
	struct seglog *log;
	int64_t old;

	setup();
	log = make(4);
	trim(log, 27);
	old = file_size("00000000000000000009.spare");
	add_segment(log, 1);
	ck_assert_int_eq(file_size("00000000000000000036.log"), old);
	UNIT_OK(seglog_close(log, e));
	ck_assert_int_lt(file_size("00000000000000000036.log"), old / 2);
	o = options();
	o.recovery_offset = 39;
	log = log_open(&o, &rec);
	ck_assert_uint_eq(rec.scanned + rec.torn + rec.quarantined, 0);
	ck_assert_uint_gt(seglog_spare_bytes(log), 0);
	add_segment(log, 2);
	ck_assert_int_eq(log_files(dir, ".spare"), 0);
	ck_assert_int_eq(log_read_all(log, 27, INT64_MAX, 1000), 18);
	UNIT_OK(seglog_close(log, e));
	done();
}
END_TEST

/* Given up: fewer are wanted, or none at the next open, or with the log. */
START_TEST(test_given_up)
{
	struct seglog_options o;
	struct seglog *log;

	setup();
	log = make(5);
	trim(log, 30);
	if (_i == 0) {
		seglog_set_spares(log, 1);
		ck_assert_int_eq(log_files(dir, ".spare"), 1);
		seglog_set_spares(log, 0);
		ck_assert_int_eq(log_files(dir, ".spare"), 0);
		ck_assert_uint_eq(seglog_spare_bytes(log), 0);
		trim(log, 36);
		ck_assert_int_eq(log_files(dir, ".spare"), 0);
		seglog_set_spares(log, 9);
		add_segment(log, 3);
		add_segment(log, 3);
		add_segment(log, 3);
		trim(log, 63);
		ck_assert_int_eq(log_files(dir, ".spare"), 2);
	}
	ck_assert_int_eq(log_files(dir, ".spare"), 2);
	UNIT_OK(seglog_close(log, e));
	if (_i == 1) {
		o = options();
		o.spares = 0;
		log = log_open(&o, NULL);
		UNIT_OK(seglog_close(log, e));
	} else
		UNIT_OK(seglog_destroy(&fast, dir, e));
	ck_assert_int_eq(log_files(dir, ".spare"), 0);
	done();
}
END_TEST

/* Whoever reads a segment goes on reading it as it was: row 0 held since it was
 * active, row 1 since it was closed. */
START_TEST(test_held)
{
	struct seglog_options o = { 0 };
	struct seglog_range r;
	struct seglog *log;

	setup();
	o = options();
	log = log_open(&o, NULL);
	add_segment(log, 3);
	if (_i == 0)
		UNIT_OK(seglog_read(log, 0, 9, 1000, true, &r, e));
	add_segment(log, 3);
	if (_i == 1)
		UNIT_OK(seglog_read(log, 0, 9, 1000, true, &r, e));
	add_segment(log, 3);
	trim(log, 18);
	ck_assert_int_eq(log_files(dir, ".spare"), 1);
	add_segment(log, 3);
	add_segment(log, 3);
	ck_assert_int_eq(log_check_range(&r), 9);
	seglog_release(&r);
	ck_assert_int_eq(log_read_all(log, 18, INT64_MAX, 1000), 27);
	UNIT_OK(seglog_close(log, e));
	done();
}
END_TEST

/* Spares that cannot be used do no harm: one that is gone, one that is another
 * file as well. */
START_TEST(test_useless)
{
	struct seglog *log;

	setup();
	log = make(4);
	trim(log, 18);
	ck_assert_int_eq(unlinkat(dir, "00000000000000000000.spare", 0), 0);
	ck_assert_int_eq(linkat(dir, "00000000000000000009.spare", dir, "x",
	    0), 0);
	add_segment(log, 1);
	add_segment(log, 1);
	ck_assert_int_eq(log_files(dir, ".spare"), 0);
	ck_assert_int_gt(file_size("x"), 3 * BATCH);
	ck_assert_int_eq(log_read_all(log, 18, INT64_MAX, 1000), 24);
	UNIT_OK(seglog_close(log, e));
	done();
}
END_TEST

/* --- recovery --- */

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

struct image {
	uint8_t	*old, *new, *file;
	size_t	 nold, nnew;
	size_t	 ends[4];	/* of the new batches */
};

/* The bytes of both uses of a file; with even the new batches lie on old ones
 * exactly. */
static void
image_make(struct image *im, bool even)
{
	struct seglog_options o = log_options(&fast, dir);
	struct seglog *log;
	struct kbatch k;
	size_t at = 0;
	int i;

	o.recovery_offset = FIRST;
	log = log_open(&o, NULL);
	for (i = 0; i < OLD; i++)
		log_put_even(log, 50);
	UNIT_OK(seglog_roll(log, e));
	for (i = 0; i < 4; i++)
		log_put_even(log, even ? 50 : (size_t)(35 + 7 * i));
	UNIT_OK(seglog_close(log, e));
	im->old = slurp("00000000000000000100.log", &im->nold);
	im->new = slurp(NAME, &im->nnew);
	im->file = xmalloc(im->nold);
	ck_assert_uint_lt(im->nnew, im->nold);
	for (i = 0; i < 4; i++) {
		UNIT_OK(kbatch_check(slice_of(im->new + at, im->nnew - at), &k,
		    e));
		im->ends[i] = at += kbatch_size(&k);
	}
	unit_dir_empty(dir);
}

static void
image_free(struct image *im)
{
	free(im->old);
	free(im->new);
	free(im->file);
}

/* The file with the new bytes up to cut. */
static void
image_cut(struct image *im, size_t cut)
{
	memcpy(im->file, im->old, im->nold);
	memcpy(im->file, im->new, cut);
}

/* The i-th new batch stands in the file, whoever wrote its last bytes. */
static bool
stands(const struct image *im, int i)
{
	size_t from = i == 0 ? 0 : im->ends[i - 1];

	return (memcmp(im->file + from, im->new + from, im->ends[i] - from) ==
	    0);
}

/* Opens the file in a log of its own; how many batches are there. */
static int
recover(const struct image *im, int64_t recovery_offset,
    struct seglog_recovery *rec)
{
	struct seglog_options o;
	struct seglog *log;
	int64_t n, end;

	unit_dir_empty(dir);
	spill(NAME, im->file, im->nold);
	o = options();
	o.recovery_offset = recovery_offset;
	log = log_open(&o, rec);
	ck_assert_int_ge(seglog_start(log), BASE);
	n = log_read_all(log, seglog_start(log), INT64_MAX, 1000);
	end = seglog_end(log);
	ck_assert_int_ge(end, recovery_offset);
	log_put_even(log, 50);
	ck_assert_int_eq(log_read_all(log, end, INT64_MAX, 1000), 3);
	UNIT_OK(seglog_close(log, e));
	ck_assert_int_eq(n % 3, 0);
	return ((int)n / 3);
}

/*
 * Cut at every byte: whole new batches remain and nothing of the old ones, cut
 * in silence where no new batch had been begun.  Row: even.
 */
START_TEST(test_cut)
{
	struct seglog_recovery rec;
	struct image im;
	size_t cut, end;
	int whole;

	setup();
	image_make(&im, _i == 1);
	for (cut = 0; cut <= im.nnew; cut++) {
		image_cut(&im, cut);
		for (whole = 0; whole < 4 && stands(&im, whole); whole++)
			continue;
		end = whole == 0 ? 0 : im.ends[whole - 1];
		ck_assert_int_eq(recover(&im, BASE, &rec), whole);
		ck_assert_uint_eq(rec.quarantines, 0);
		ck_assert_int_eq(rec.missing, 0);
		if (cut <= end)
			ck_assert_uint_eq(rec.torn, 0);
		if (cut >= end + SEGLOG_HEADER)
			ck_assert_uint_gt(rec.torn, 0);
		ck_assert_uint_lt(rec.torn, 2 * BATCH + SEGLOG_HEADER);
	}
	image_free(&im);
	done();
}
END_TEST

/* A sector in the middle is the old one: the batches it touches are lost, not
 * set aside, as nothing that was synced lies behind; the others are groups of
 * their own here and stay. */
START_TEST(test_sector)
{
	struct seglog_recovery rec;
	struct image im;
	size_t at;
	int i, lost, n;

	setup();
	image_make(&im, _i == 1);
	for (at = 0; at + 64 <= im.nnew; at++) {
		image_cut(&im, im.nnew);
		memcpy(im.file + at, im.old + at, 64);
		for (i = 0, lost = 0; i < 4; i++)
			lost += !stands(&im, i);
		n = recover(&im, BASE, &rec);
		/* Of even ones the header may be the old one's all but for
		 * what the CRC does not cover. */
		ck_assert_int_ge(n, 4 - lost);
		ck_assert_int_le(n, 4);
	}
	image_free(&im);
	done();
}
END_TEST

/*
 * Every byte of what was synced changed: the batch it lies in is set aside, or
 * stays with readers to find out; the others are there, the last one too, whose
 * neighbour is an old one.
 */
START_TEST(test_flip)
{
	struct seglog_recovery rec;
	struct seglog_options o;
	struct seglog *log;
	struct seglog_range r;
	struct image im;
	size_t at, hit;
	int i, n;

	setup();
	image_make(&im, _i == 1);
	for (at = 0; at < im.nnew; at++) {
		image_cut(&im, im.nnew);
		im.file[at] ^= 0x81;
		for (hit = 0; im.ends[hit] <= at; hit++)
			continue;
		unit_dir_empty(dir);
		spill(NAME, im.file, im.nold);
		o = options();
		o.recovery_offset = BASE + 12;
		log = log_open(&o, &rec);
		ck_assert_int_eq(seglog_end(log), BASE + 12);
		for (i = 0, n = 0; i < 4; i++) {
			if (i == (int)hit || BASE + 3 * i < seglog_start(log))
				continue;
			UNIT_OK(seglog_read(log, BASE + 3 * i, INT64_MAX, 1,
			    true, &r, e));
			n += r.base == BASE + 3 * i &&
			    log_check_range(&r) == 3;
			seglog_release(&r);
		}
		ck_assert_msg(n == 3, "byte %zu: %d", at, n);
		ck_assert_uint_le(rec.quarantined, 2 * BATCH + SEGLOG_HEADER);
		UNIT_OK(seglog_close(log, e));
	}
	image_free(&im);
	done();
}
END_TEST

/* Nothing was written yet; alone, and behind another segment. */
START_TEST(test_untouched)
{
	struct seglog_recovery rec;
	struct seglog_options o;
	struct seglog *log;
	struct image im;

	setup();
	image_make(&im, false);
	image_cut(&im, 0);
	if (_i == 1)
		spill("00000000000000000100.log", im.old, im.nold);
	spill(NAME, im.file, im.nold);
	o = options();
	o.recovery_offset = BASE;
	log = log_open(&o, &rec);
	ck_assert_int_eq(seglog_end(log), BASE);
	ck_assert_uint_eq(rec.torn + rec.quarantined, 0);
	ck_assert_int_eq(log_files(dir, ".log"), 1);
	log_put_even(log, 50);
	ck_assert_int_eq(log_read_all(log, BASE, INT64_MAX, 1000), 3);
	UNIT_OK(seglog_close(log, e));
	image_free(&im);
	done();
}
END_TEST

/* The cut at a roll was lost: the next segment says where this one ends. */
START_TEST(test_roll_lost)
{
	struct seglog_recovery rec;
	struct seglog_options o;
	struct seglog *log;
	struct image im;
	uint8_t *next;
	size_t n;

	setup();
	image_make(&im, _i == 1);
	image_cut(&im, im.nnew);
	o = log_options(&fast, dir);
	o.recovery_offset = BASE + 12;
	log = log_open(&o, NULL);
	log_put_even(log, 50);
	UNIT_OK(seglog_close(log, e));
	next = slurp("00000000000000000136.log", &n);
	spill(NAME, im.file, im.nold);
	o = options();
	o.recovery_offset = BASE + 12;
	log = log_open(&o, &rec);
	ck_assert_uint_eq(rec.torn + rec.quarantined, 0);
	ck_assert_int_eq(log_read_all(log, BASE, INT64_MAX, 1000), 15);
	ck_assert_int_eq(file_size(NAME), (int64_t)im.nnew);
	UNIT_OK(seglog_close(log, e));
	free(next);
	image_free(&im);
	done();
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &test_kept },
	{ .fn = &test_reopened },
	{ .fn = &test_given_up, .rows = 3 },
	{ .fn = &test_held, .rows = 2 },
	{ .fn = &test_useless },
	{ .fn = &test_cut, .rows = 2 },
	{ .fn = &test_sector, .rows = 2 },
	{ .fn = &test_flip, .rows = 2 },
	{ .fn = &test_untouched, .rows = 2 },
	{ .fn = &test_roll_lost, .rows = 2 },
};

int
main(void)
{
	return (UNIT_MAIN("seglog spares", tests));
}
