/* seglog: appending, rolling, reading by offset and time, retention. */
#include "test/unit/seglog_util.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "base/clock.h"

static char path[64];
static int dir;
static struct seglog *log_;

static struct seglog_options
setup(void)
{
	dir = unit_dir(path);
	return (log_options(&fs_real, dir));
}

static void
done(void)
{
	UNIT_OK(seglog_close(log_, e));
	unit_dir_remove(dir, path);
}

static void
reopen(int64_t recovery_offset)
{
	struct seglog_options o = log_options(&fs_real, dir);
	struct seglog_recovery rec;

	UNIT_OK(seglog_close(log_, e));
	o.recovery_offset = recovery_offset;
	o.segment_bytes = 4096;
	log_ = log_open(&o, &rec);
	ck_assert_int_eq(rec.torn + rec.quarantined, 0);
}

START_TEST(test_empty)
{
	struct seglog_options o = setup();
	struct seglog_range r;

	log_ = log_open(&o, NULL);
	ck_assert_int_eq(seglog_end(log_), 0);
	ck_assert(!seglog_dirty(log_));
	UNIT_OK(seglog_read(log_, 0, 10, 100, true, &r, e));
	ck_assert_int_eq(r.len, 0);
	UNIT_ERR(seglog_read(log_, 1, 10, 100, true, &r, e), ERR_NOT_FOUND);
	UNIT_OK(seglog_find_time(log_, 0, 10, &r, e));
	ck_assert_int_eq(r.len, 0);
	UNIT_OK(seglog_find_max_time(log_, 10, &r, e));
	ck_assert_int_eq(r.len, 0);
	reopen(0);
	ck_assert_int_eq(log_files(dir, ".log"), 1);
	done();
}
END_TEST

START_TEST(test_append)
{
	struct seglog_options o = setup();
	struct seglog_batch v[100];
	static uint8_t buf[100][4096];
	uint8_t head[SEGLOG_HEADER];
	struct seglog_range r;
	struct kbatch k;
	int i;

	log_ = log_open(&o, NULL);
	log_put(log_, 3, 10, 5);
	ck_assert_int_eq(seglog_end(log_), 3);
	ck_assert_int_eq(seglog_synced(log_), 0);
	ck_assert(seglog_dirty(log_));
	for (i = 0; i < 100; i++)
		log_batch(&v[i], buf[i], 3 + 2 * i, 2, 20, 5);
	UNIT_OK(seglog_append(log_, v, 100, e));
	ck_assert_int_eq(v[99].base_offset, 201);
	log_sync(log_);
	ck_assert_int_eq(seglog_synced(log_), 203);
	ck_assert_int_eq(log_read_all(log_, 0, INT64_MAX, 500), 203);
	UNIT_OK(seglog_read(log_, 4, 203, 1 << 20, true, &r, e));
	ck_assert_int_eq(r.base, 3);
	ck_assert_int_eq(fs_pread(r.fd, head, sizeof head, r.pos, NULL),
	    sizeof head);
	UNIT_OK(kbatch_parse(slice_of(head, sizeof head), &k, e));
	ck_assert_int_eq(k.leader_epoch, 7);
	seglog_release(&r);
	seglog_release(&r);
	done();
}
END_TEST

/* Every start, several limits and sizes, over many segments. */
static off_t started_at, started;

static void
note_start(const struct fs *fs, int fd, off_t off, off_t len)
{
	(void)fs;
	(void)fd;
	started_at = off;
	started += len;
}

/* Large appends are on their way to the disk before the sync. */
START_TEST(test_early_write)
{
	struct seglog_options o = setup();
	struct seglog_batch v[100];
	static uint8_t buf[100][LOG_BATCH_MAX];
	struct fs fs = fs_real;
	off_t before;
	int i;

	fs.start = note_start;
	o.fs = &fs;
	log_ = log_open(&o, NULL);
	log_put(log_, 3, 10, 5);
	ck_assert_int_eq(started, 0);
	before = (off_t)seglog_bytes(log_);
	for (i = 0; i < 100; i++)
		log_batch(&v[i], buf[i], 3 + i, 1, 2000, 5);
	UNIT_OK(seglog_append(log_, v, 100, e));
	ck_assert_int_eq(started_at, before);
	ck_assert_int_eq(started, (off_t)seglog_bytes(log_) - before);
	ck_assert_int_gt(started, 200000);
	log_sync(log_);
	done();
}
END_TEST

START_TEST(test_ranges)
{
	struct seglog_options o = setup();
	static const size_t max[] = { 1, 300, 1000, 5000, 1 << 20 };
	struct seglog_range r;
	int64_t off, lim;
	int i, k;

	o.segment_bytes = 4096;
	log_ = log_open(&o, NULL);
	for (i = 0; i < 60; i++)
		log_put(log_, 1 + (uint32_t)i % 5, (size_t)(i * 37 % 300), i);
	for (k = 0; k < 2; k++) {
		ck_assert_int_gt(log_files(dir, ".log"), 5);
		for (off = 0; off <= seglog_end(log_); off++)
			for (i = 0; i < (int)NELEM(max); i++)
				for (lim = off; lim <= seglog_end(log_);
				    lim += 1 + (lim - off) * 2) {
					UNIT_OK(seglog_read(log_, off, lim,
					    max[i], true, &r, e));
					if (r.len == 0)
						continue;
					ck_assert_int_le(r.base, off);
					ck_assert_int_gt(r.next, off);
					ck_assert_int_le(r.next, lim);
					log_check_range(&r);
					seglog_release(&r);
				}
		for (i = 0; i < (int)NELEM(max); i++)
			ck_assert_int_eq(log_read_all(log_, 0, INT64_MAX,
			    max[i]), seglog_end(log_));
		UNIT_OK(seglog_read(log_, 0, INT64_MAX, 10, false, &r, e));
		ck_assert_int_eq(r.len, 0);
		log_sync(log_);
		reopen(seglog_end(log_));
	}
	done();
}
END_TEST

/* A range is as large as it may be: one batch more would not fit. */
START_TEST(test_range_full)
{
	struct seglog_options o = setup();
	struct seglog_range r, one;
	int64_t off, lim;
	int i;

	log_ = log_open(&o, NULL);
	for (i = 0; i < 200; i++)
		log_put(log_, 2, (size_t)(i * 7 % 50), i);
	for (off = 0; off < 400; off += 13)
		for (lim = off + 2; lim <= 400; lim += 31) {
			UNIT_OK(seglog_read(log_, off, lim, 2000, true, &r, e));
			UNIT_OK(seglog_read(log_, r.next, lim, 1, true, &one,
			    e));
			if (one.len > 0)
				ck_assert_uint_gt(r.len + one.len, 2000);
			seglog_release(&one);
			seglog_release(&r);
		}
	done();
}
END_TEST

START_TEST(test_roll_size)
{
	struct seglog_options o = setup();
	int i;

	o.segment_bytes = 1000;
	o.zero_ahead = 8192;
	log_ = log_open(&o, NULL);
	for (i = 0; i < 50; i++) {
		log_put(log_, 2, 100, i);
		if (i % 7 == 0)
			log_sync(log_);
	}
	log_put(log_, 1, 5000, 99);	/* larger than a segment */
	log_put(log_, 1, 5, 99);
	ck_assert_int_eq(log_files(dir, ".log"), 19);
	ck_assert_int_eq(log_files(dir, ".index"), 18);
	ck_assert_int_eq(log_read_all(log_, 0, INT64_MAX, 700), 102);
	log_sync(log_);
	reopen(0);
	ck_assert_int_eq(log_read_all(log_, 0, INT64_MAX, 700), 102);
	done();
}
END_TEST

static int64_t now_ms;

static int64_t
fake_wall(void *ctx)
{
	(void)ctx;
	return (now_ms);
}

static int64_t
fake_mono(void *ctx)
{
	(void)ctx;
	return (now_ms * 1000000);
}

START_TEST(test_roll_time)
{
	struct seglog_options o = setup();
	int64_t newest, since;

	now_ms = 1000000;
	clock_replace(fake_mono, fake_wall, NULL);
	o.segment_ms = 60000;
	log_ = log_open(&o, NULL);
	now_ms += 100000;		/* an empty segment does not grow old */
	log_put(log_, 1, 10, now_ms);
	now_ms += 59999;
	log_put(log_, 1, 10, now_ms);
	ck_assert_int_eq(log_files(dir, ".log"), 1);
	seglog_active_age(log_, &newest, &since);
	ck_assert_int_eq(newest, now_ms);
	ck_assert_int_eq(since, now_ms - 59999);
	now_ms += 1;
	log_put(log_, 1, 10, now_ms);
	ck_assert_int_eq(log_files(dir, ".log"), 2);
	seglog_set_roll(log_, 1 << 20, 0);
	now_ms += 1000000;
	log_put(log_, 1, 10, now_ms);
	ck_assert_int_eq(log_files(dir, ".log"), 2);
	seglog_set_roll(log_, 100, 0);
	log_put(log_, 1, 10, now_ms);
	ck_assert_int_eq(log_files(dir, ".log"), 3);
	done();
	clock_replace(NULL, NULL, NULL);
}
END_TEST

START_TEST(test_retention)
{
	struct seglog_options o = setup();
	int64_t end, newest, last;
	uint64_t bytes, freed;
	int i;

	o.segment_bytes = 1000;
	log_ = log_open(&o, NULL);
	for (i = 0; i < 40; i++)
		log_put(log_, 1, 200, 1000 * i);
	/* three batches a segment, 14 segments */
	ck_assert_int_eq(log_files(dir, ".log"), 14);
	ck_assert_int_eq(seglog_retain(log_, 1000000, -1, -1), 0);
	ck_assert_int_eq(seglog_retain(log_, 10000, 5000, -1), 3);
	ck_assert_int_eq(seglog_retain(log_, 1000000, 0, -1), 39);
	ck_assert_int_eq(seglog_retain(log_, 0, -1, 0), 39);
	bytes = seglog_bytes(log_);
	ck_assert_int_eq(seglog_retain(log_, 0, -1, (int64_t)bytes), 0);
	last = seglog_retain(log_, 0, -1, (int64_t)bytes / 2);
	ck_assert_int_ge(last, 15);
	ck_assert_int_le(last, 21);
	ck_assert(seglog_oldest(log_, &end, &bytes, &newest));
	ck_assert_int_eq(end, 3);
	ck_assert_int_eq(newest, 2000);
	UNIT_OK(seglog_trim(log_, 7, &freed, e));
	ck_assert_int_eq(freed, 2 * bytes);
	ck_assert_int_eq(seglog_start(log_), 7);
	ck_assert_int_eq(log_files(dir, ".log"), 12);
	ck_assert_int_eq(log_files(dir, ".index"), 11);
	ck_assert_int_eq(log_read_all(log_, 7, INT64_MAX, 300), 33);
	UNIT_ERR(seglog_trim(log_, 41, NULL, e), ERR_NOT_FOUND);
	UNIT_OK(seglog_trim(log_, 40, NULL, e));
	ck_assert_int_eq(log_files(dir, ".log"), 1);
	ck_assert(!seglog_oldest(log_, &end, &bytes, &newest));
	reopen(40);
	ck_assert_int_eq(seglog_start(log_), 39);
	ck_assert_int_eq(seglog_end(log_), 40);
	done();
}
END_TEST

START_TEST(test_trim_held)
{
	struct seglog_options o = setup();
	struct seglog_range r, gone;
	int i;

	o.segment_bytes = 1000;
	log_ = log_open(&o, NULL);
	for (i = 0; i < 10; i++)
		log_put(log_, 1, 200, i);
	UNIT_OK(seglog_read(log_, 0, 10, 1 << 20, true, &r, e));
	UNIT_OK(seglog_trim(log_, 10, NULL, e));
	UNIT_ERR(seglog_read(log_, 0, 10, 100, true, &gone, e), ERR_NOT_FOUND);
	ck_assert_int_eq(log_check_range(&r), 3);
	seglog_release(&r);
	done();
}
END_TEST

/* Timestamps: grow, stand still, fall back. */
static int64_t
stamp(int i)
{
	return (i < 40 ? 10 * i : i < 60 ? 400 : i < 80 ? 1000 - i : 500 + i);
}

static int64_t
slow_find(int n, int64_t from, int64_t ts, int64_t limit)
{
	int i;

	for (i = 0; i < n; i++)
		if (2 * i + 1 >= from && stamp(i) >= ts)
			return (2 * i + 2 <= limit ? 2 * i : -1);
	return (-1);
}

static int64_t
slow_max(int n, int64_t from, int64_t limit)
{
	int64_t best = -1;
	int i, at = -1;

	for (i = 0; i < n; i++)
		if (2 * i + 1 >= from && 2 * i + 2 <= limit &&
		    stamp(i) > best) {
			best = stamp(i);
			at = i;
		}
	return (at == -1 ? -1 : 2 * at);
}

static void
check_times(int n)
{
	struct seglog_range r;
	int64_t ts, limit;

	for (limit = 0; limit <= 2 * n; limit += 7) {
		for (ts = 0; ts < 1100; ts += 13) {
			UNIT_OK(seglog_find_time(log_, ts, limit, &r, e));
			ck_assert_int_eq(r.len == 0 ? -1 : r.base, slow_find(n,
			    seglog_start(log_), ts, limit));
			if (r.len > 0)
				ck_assert_int_eq(log_check_range(&r), 2);
			seglog_release(&r);
		}
		UNIT_OK(seglog_find_max_time(log_, limit, &r, e));
		ck_assert_int_eq(r.len == 0 ? -1 : r.base,
		    slow_max(n, seglog_start(log_), limit));
		seglog_release(&r);
	}
}

START_TEST(test_times)
{
	struct seglog_options o = setup();
	int i;

	o.segment_bytes = 4096;
	log_ = log_open(&o, NULL);
	for (i = 0; i < 120; i++)
		log_put(log_, 2, 50, stamp(i));
	check_times(120);
	log_sync(log_);
	reopen(240);
	check_times(120);
	reopen(0);
	check_times(120);
	UNIT_OK(seglog_trim(log_, 101, NULL, e));
	check_times(120);
	done();
}
END_TEST

/* Whatever stands in the index files, reading is right. */
START_TEST(test_index_damage)
{
	struct seglog_options o = setup();
	char name[64];
	uint8_t junk[64];
	int i, fd, kind;

	o.segment_bytes = 4096;
	log_ = log_open(&o, NULL);
	for (i = 0; i < 120; i++)
		log_put(log_, 2, 50, stamp(i));
	log_sync(log_);
	memset(junk, 0xa5, sizeof junk);
	for (kind = 0; kind < 6; kind++) {
		for (i = 0; i < 240; i++) {
			snprintf(name, sizeof name, "%020d.%s", i,
			    kind % 2 == 0 ? "index" : "timeindex");
			if ((fd = openat(dir, name, O_RDWR)) == -1)
				continue;
			if (kind < 2)
				ck_assert_int_eq(unlinkat(dir, name, 0), 0);
			else if (kind < 4)
				ck_assert_int_eq(ftruncate(fd, 16), 0);
			else
				ck_assert_int_eq(pwrite(fd, junk, 40, 8), 40);
			close(fd);
		}
		reopen(240);
		ck_assert_int_eq(log_read_all(log_, 0, INT64_MAX, 700), 240);
		if (kind % 2 == 0)
			check_times(120);
	}
	done();
}
END_TEST

START_TEST(test_clean_reopen)
{
	struct seglog_options o = setup();
	struct seglog_recovery rec;
	struct stat st;
	int i;

	o.zero_ahead = 1 << 16;
	log_ = log_open(&o, NULL);
	for (i = 0; i < 50; i++)
		log_put(log_, 2, 50, i);
	log_sync(log_);
	ck_assert_int_eq(fstatat(dir, "00000000000000000000.log", &st, 0), 0);
	ck_assert_int_eq(st.st_size, 1 << 16);
	UNIT_OK(seglog_close(log_, e));
	ck_assert_int_eq(fstatat(dir, "00000000000000000000.log", &st, 0), 0);
	ck_assert_int_lt(st.st_size, 1 << 14);
	o = log_options(&fs_real, dir);
	o.recovery_offset = 100;
	log_ = log_open(&o, &rec);
	ck_assert_int_eq(rec.scanned, 0);
	ck_assert_int_eq(seglog_end(log_), 100);
	ck_assert_int_eq(seglog_bytes(log_), (uint64_t)st.st_size);
	log_put(log_, 2, 50, 60);
	ck_assert_int_eq(log_read_all(log_, 0, INT64_MAX, 900), 102);
	done();
}
END_TEST

static uint64_t
file_size(void)
{
	struct stat st;

	ck_assert_int_eq(fstatat(dir, "00000000000000000000.log", &st, 0), 0);
	return ((uint64_t)st.st_size);
}

/* zero_earned: at most as many zeroes as bytes, and none between appends that
 * no sync follows. */
START_TEST(test_zero_earned)
{
	struct seglog_options o = setup();
	uint64_t bytes, ahead = 0, most = 0;
	int i;

	o.zero_ahead = 1 << 15;
	o.zero_earned = true;
	log_ = log_open(&o, NULL);
	for (i = 0; i < 2000; i++) {
		log_put(log_, 1, 50, i);
		log_sync(log_);
		bytes = seglog_bytes(log_);
		ck_assert_uint_ge(file_size(), bytes);
		ck_assert_uint_le(file_size(), 2 * bytes + 4096);
		if (file_size() - bytes > most)
			most = file_size() - bytes;
		ahead += file_size() > bytes;
	}
	ck_assert_uint_gt(ahead, 1900);
	ck_assert_uint_gt(most, 1 << 14);
	ck_assert_uint_le(most, 1 << 15);
	while (file_size() > seglog_bytes(log_))
		log_put(log_, 1, 1000, i);
	for (i = 0; i < 20; i++) {
		log_put(log_, 1, 1000, i);
		ck_assert_uint_eq(file_size(), seglog_bytes(log_));
	}
	log_sync(log_);
	reopen(0);
	ck_assert_uint_eq(file_size(), seglog_bytes(log_));
	done();
}
END_TEST

struct seen {
	int64_t	next;
	int	headers, batches;
};

static int
see_header(void *ctx, const uint8_t *header, int64_t base, struct err *e)
{
	struct seen *s = ctx;
	struct kbatch k;

	ck_assert_int_eq(kbatch_parse(slice_of(header, KBATCH_HEADER), &k, e),
	    0);
	ck_assert_int_eq(k.base_offset, base);
	if (s->next != -1)
		ck_assert_int_eq(base, s->next);
	s->next = base + k.last_offset_delta + 1;
	s->headers++;
	return (0);
}

static int
see_batch(void *ctx, struct slice batch, struct err *e)
{
	struct seen *s = ctx;

	(void)e;
	log_check_batch(batch);
	s->batches++;
	return (0);
}

static int
refuse_batch(void *ctx, struct slice batch, struct err *e)
{
	(void)ctx;
	(void)batch;
	return (err_set(e, ERR_REFUSED, "not this one"));
}

START_TEST(test_scan)
{
	struct seglog_options o = setup();
	struct seglog *other;
	struct seen seen = { -1, 0, 0 };
	int i;

	o.segment_bytes = 1000;
	log_ = log_open(&o, NULL);
	for (i = 0; i < 20; i++)
		log_put(log_, 2, 100, i);
	UNIT_OK(seglog_close(log_, e));
	o = log_options(&fs_real, dir);
	o.recovery_offset = 40;
	o.scan = see_header;
	o.scan_batch = see_batch;
	o.ctx = &seen;
	o.scan_from = 13;
	log_ = log_open(&o, NULL);
	ck_assert_int_eq(seen.next, 40);
	ck_assert_int_eq(seen.headers, 14);
	ck_assert_int_eq(seen.batches, 14);
	UNIT_OK(seglog_close(log_, e));
	o.dirfd = log_options(&fs_real, dir).dirfd;
	o.scan_from = SEGLOG_SCAN_LAST;
	seen = (struct seen){ -1, 0, 0 };
	log_ = log_open(&o, NULL);
	ck_assert_int_eq(seen.next, 40);
	ck_assert_int_lt(seen.headers, 4);
	o.scan_batch = refuse_batch;
	o.scan = NULL;
	UNIT_ERR(seglog_open(&other, &o, NULL, e), ERR_REFUSED);
	done();
}
END_TEST

/*
 * No room in the middle of an append: nothing of it is seen, and the next one
 * works.  (check writes a file of its own at each assertion: none below the
 * limit.)
 */
START_TEST(test_disk_full)
{
	struct seglog_options o = setup();
	static uint8_t buf[LOG_BATCH_MAX];
	struct seglog_batch b;
	struct rlimit was, now;
	struct err e = ERR_INIT;
	struct stat st;
	int rc;

	signal(SIGXFSZ, SIG_IGN);
	log_ = log_open(&o, NULL);
	log_put(log_, 2, 30000, 1);
	ck_assert_int_eq(fstatat(dir, "00000000000000000000.log", &st, 0), 0);
	getrlimit(RLIMIT_FSIZE, &was);
	now = was;
	now.rlim_cur = (rlim_t)st.st_size + 500;
	log_batch(&b, buf, 2, 1, 1000, 2);
	setrlimit(RLIMIT_FSIZE, &now);
	rc = seglog_append(log_, &b, 1, &e);
	setrlimit(RLIMIT_FSIZE, &was);
	ck_assert_int_eq(rc, -1);
	ck_assert_int_eq(e.sys, EFBIG);
	ck_assert_int_eq(seglog_end(log_), 2);
	ck_assert_int_eq(log_read_all(log_, 0, INT64_MAX, 5000), 2);
	ck_assert_int_eq(fstatat(dir, "00000000000000000000.log", &st, 0), 0);
	ck_assert_int_eq(st.st_size, (off_t)now.rlim_cur - 500);
	log_put(log_, 1, 10, 2);
	ck_assert_int_eq(log_read_all(log_, 0, INT64_MAX, 5000), 3);
	done();
}
END_TEST

START_TEST(test_destroy)
{
	struct seglog_options o = setup();
	int i, other;

	o.segment_bytes = 1000;
	log_ = log_open(&o, NULL);
	for (i = 0; i < 20; i++)
		log_put(log_, 2, 100, i);
	UNIT_OK(seglog_close(log_, e));
	other = openat(dir, "partition.metadata", O_CREAT | O_WRONLY, 0600);
	close(other);
	UNIT_OK(seglog_destroy(&fs_real, dir, e));
	ck_assert_int_eq(log_files(dir, ""), 3);	/* ., .., the other */
	unit_dir_remove(dir, path);
}
END_TEST

/* --- threads: one appender, one flusher, readers, a deleter --- */

#define THREAD_BATCHES	3000

static _Atomic int stop;

static void *
flusher(void *arg)
{
	int64_t synced;

	(void)arg;
	while (!atomic_load(&stop)) {
		UNIT_OK(seglog_sync(log_, &synced, e));
		ck_assert_int_le(synced, seglog_end(log_));
	}
	return (NULL);
}

/* Follows the synced end from where the log begins; may be overtaken by the
 * deleter. */
static void *
reader(void *arg)
{
	int64_t offset = 0, limit;
	struct seglog_range r;
	struct err e;

	(void)arg;
	while (offset < 2 * THREAD_BATCHES) {
		e = (struct err)ERR_INIT;
		limit = seglog_synced(log_);
		if (seglog_read(log_, offset, limit, 3000, true, &r, &e) ==
		    -1) {
			ck_assert_int_eq(e.code, ERR_NOT_FOUND);
			offset = seglog_start(log_);
			continue;
		}
		if (r.len == 0)
			continue;
		log_check_range(&r);
		ck_assert_int_eq(r.base, offset);
		offset = r.next;
		seglog_release(&r);
	}
	return (NULL);
}

static void *
seeker(void *arg)
{
	struct seglog_range r;

	(void)arg;
	while (!atomic_load(&stop)) {
		if (seglog_find_time(log_, 700, seglog_synced(log_), &r, NULL)
		    == 0)
			seglog_release(&r);
		if (seglog_find_max_time(log_, seglog_synced(log_), &r, NULL)
		    == 0)
			seglog_release(&r);
	}
	return (NULL);
}

START_TEST(test_threads)
{
	struct seglog_options o = setup();
	pthread_t t[5];
	int i;

	o.segment_bytes = 20000;
	o.zero_ahead = 16384;
	log_ = log_open(&o, NULL);
	pthread_create(&t[0], NULL, flusher, NULL);
	pthread_create(&t[1], NULL, reader, NULL);
	pthread_create(&t[2], NULL, reader, NULL);
	pthread_create(&t[3], NULL, seeker, NULL);
	for (i = 0; i < THREAD_BATCHES; i++) {
		log_put(log_, 2, 100, i);
		if (i % 100 == 99)
			UNIT_OK(seglog_trim(log_, 2 * i - 600 < 0 ? 0 :
			    2 * i - 600, NULL, e));
	}
	pthread_join(t[1], NULL);
	pthread_join(t[2], NULL);
	atomic_store(&stop, 1);
	pthread_join(t[0], NULL);
	pthread_join(t[3], NULL);
	done();
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &test_empty },
	{ .fn = &test_append },
	{ .fn = &test_early_write },
	{ .fn = &test_ranges },
	{ .fn = &test_range_full },
	{ .fn = &test_roll_size },
	{ .fn = &test_roll_time },
	{ .fn = &test_retention },
	{ .fn = &test_trim_held },
	{ .fn = &test_times },
	{ .fn = &test_index_damage },
	{ .fn = &test_clean_reopen },
	{ .fn = &test_zero_earned },
	{ .fn = &test_scan },
	{ .fn = &test_disk_full },
	{ .fn = &test_destroy },
	{ .fn = &test_threads },
};

int
main(void)
{
	return (UNIT_MAIN("seglog", tests));
}
