/* seglog: the power is cut before and after each operation on the disk. */
#include "test/unit/seglog_util.h"

#include "base/log.h"
#include "test/fake/fake_disk.h"

#define CUTS	9		/* seeds at each operation */

struct run {
	int64_t		 synced;	/* what was acknowledged */
	int64_t		 known;		/* an older value of it: a checkpoint */
	int64_t		 trimmed;
	unsigned	 spares;
	int		 reused;	/* of them */
	bool		 careless;	/* a planted fault: see below */
	uint64_t	 cuts;
	char		 verdict[160];	/* the first thing that was wrong */
};

static void
quiet(enum log_level level, const char *line, void *ctx)
{
	(void)level;
	(void)line;
	(void)ctx;
}

static void
wrong(struct run *r, const char *what, int64_t a, int64_t b)
{
	if (r->verdict[0] == '\0')
		snprintf(r->verdict, sizeof r->verdict, "cut %llu: %s: %lld, "
		    "%lld", (unsigned long long)r->cuts, what, (long long)a,
		    (long long)b);
}

/* Takes a batch for a group without a look at what it says. */
static bool
any(void *ctx, struct slice batch)
{
	(void)ctx;
	(void)batch;
	return (true);
}

static struct seglog_options
options(struct fake_disk *d, int64_t recovery_offset, const struct run *r)
{
	const struct fs *fs = fake_disk_fs(d);
	struct seglog_options o;
	int dir;

	UNIT_OK(dir = fs_open_dir(fs, fake_disk_path(d), e));
	o = log_options(fs, dir);
	fs->close(fs, dir);
	o.recovery_offset = recovery_offset;
	o.segment_bytes = 6000;
	o.zero_ahead = 4096;
	if (r != NULL && r->spares > 0) {
		o.spares = r->spares;
		o.closes = r->careless ? any : log_closes_own;
	}
	return (o);
}

/* All that is there from offset to limit is whole and in its place; *n: how
 * many records, up to the first that is not. */
static bool
sound(struct seglog *log, int64_t offset, int64_t limit, int64_t *n)
{
	uint8_t buf[4096];
	struct seglog_range r;
	struct kbatch k;
	struct slice batch;
	bool ok;

	for (*n = 0;; *n += k.count, offset = r.next) {
		if (seglog_read(log, offset, limit, 1, true, &r, NULL) == -1)
			return (false);
		if (r.len == 0)
			return (true);
		batch = slice_of(buf, r.len);
		ok = r.len <= sizeof buf && r.base >= offset &&
		    r.next > r.base &&
		    fs_pread(r.fd, buf, r.len, r.pos, NULL) ==
		    (ssize_t)r.len && kbatch_check(batch, &k, NULL) == 0 &&
		    log_closes_own(NULL, batch);
		seglog_release(&r);
		if (!ok)
			return (false);
	}
}

/* The power cut damages nothing that was synced. */
static bool
set_aside(const struct run *r, struct fake_disk *left)
{
	DIR *dir = opendir(fake_disk_path(left));
	struct dirent *f;
	bool found = false;

	while ((f = readdir(dir)) != NULL)
		found |= strstr(f->d_name, ".bad") != NULL &&
		    strtoll(f->d_name, NULL, 10) < r->synced;
	closedir(dir);
	return (found);
}

static void
check_cut(struct run *r, struct fake_disk *left, int64_t recovery_offset)
{
	struct seglog_options o = options(left, recovery_offset, r);
	struct seglog_recovery rec;
	struct err why = ERR_INIT;
	struct seglog *log;
	int64_t n, want = r->synced - r->trimmed;

	r->cuts++;
	if (seglog_open(&log, &o, &rec, &why) == -1) {
		wrong(r, why.msg, 0, 0);
		fake_disk_fs(left)->close(fake_disk_fs(left), o.dirfd);
		return;
	}
	if (seglog_start(log) > r->trimmed)
		wrong(r, "the first segment is gone", seglog_start(log),
		    r->trimmed);
	else if (!sound(log, seglog_start(log), r->trimmed, &n))
		wrong(r, "what was trimmed is there, but not as it was",
		    seglog_start(log), r->trimmed);
	else if (rec.end < r->synced)
		wrong(r, "the end is before what was synced", rec.end,
		    r->synced);
	else if (!sound(log, r->trimmed, r->synced, &n) || n != want)
		wrong(r, "synced records are missing", n, want);
	else if (set_aside(r, left))
		wrong(r, "synced records are set aside", rec.quarantines, 0);
	else if (!sound(log, r->trimmed, INT64_MAX, &n))
		wrong(r, "what else is kept is not sound", r->synced,
		    rec.end);
	if (rec.missing != 0)
		wrong(r, "missing", rec.missing, 0);
	log_put(log, 3, 50, 1);
	UNIT_OK(seglog_close(log, e));
}

static void
cut_here(struct fake_disk *d, const struct fake_op *op, bool after, void *ctx)
{
	struct run *r = ctx;
	struct fake_disk *left;
	uint64_t seed;

	if (after && op->kind == FAKE_RENAME &&
	    strstr(op->name, ".log") != NULL)
		r->reused++;
	for (seed = 0; seed < CUTS; seed++) {
		left = fake_disk_power_cut(d, seed < FAKE_CUT_RANDOM ? seed :
		    seed + 100 * op->number);
		check_cut(r, left, seed % 2 == 0 ? 0 : r->known);
		fake_disk_free(left);
	}
}

/* Small and large appends, some synced, over several segments and a clean
 * stop. */
static void
run(struct run *r, bool lie)
{
	struct fake_disk *d = fake_disk_new();
	struct seglog_options o;
	struct seglog *log;
	int i;

	log_set_sink(quiet, NULL);
	memset(r, 0, sizeof *r);
	fake_disk_lie(d, lie);
	fake_disk_watch(d, cut_here, r);
	o = options(d, 0, NULL);
	log = log_open(&o, NULL);
	for (i = 0; i < 24; i++) {
		log_put(log, 2, (size_t)(50 + i % 5 * 300), i);
		if (i % 3 == 1) {
			log_sync(log);
			r->known = r->synced;
			r->synced = seglog_synced(log);
		}
		if (i == 13) {
			UNIT_OK(seglog_close(log, e));
			r->synced = 28;
			o = options(d, 28, NULL);
			log = log_open(&o, NULL);
		}
	}
	UNIT_OK(seglog_close(log, e));
	fake_disk_watch(d, NULL, NULL);
	fake_disk_free(d);
}

/*
 * Segments are trimmed and written over, the new batches exactly on the old
 * ones, with a sector ending within a header, behind the offset: there a torn
 * write gives an old batch a new offset.
 */
static void
run_spares(struct run *r, bool lie, bool careless)
{
	struct fake_disk *d = fake_disk_new();
	struct seglog_options o;
	struct seglog *log;
	int i;

	log_set_sink(quiet, NULL);
	memset(r, 0, sizeof *r);
	r->spares = 2;
	r->careless = careless;
	o = options(d, 0, r);
	log = log_open(&o, NULL);
	for (i = 0; i < 60; i++) {
		if (i == 34) {	/* from here on offsets have three digits */
			fake_disk_lie(d, lie);
			fake_disk_watch(d, cut_here, r);
		}
		log_put_even(log, 478);
		if (i % 3 == 1) {
			log_sync(log);
			r->known = r->synced;
			r->synced = seglog_synced(log);
		}
		if (i % 4 == 3) {
			r->trimmed = r->known;
			UNIT_OK(seglog_trim(log, r->trimmed, NULL, e));
		}
	}
	UNIT_OK(seglog_close(log, e));
	fake_disk_watch(d, NULL, NULL);
	fake_disk_free(d);
}

START_TEST(test_power_spares)
{
	struct run r;

	run_spares(&r, false, false);
	ck_assert_msg(r.verdict[0] == '\0', "%s", r.verdict);
	ck_assert_uint_gt(r.cuts, 1000);
	ck_assert_int_ge(r.reused, 4);
}
END_TEST

START_TEST(test_power)
{
	struct run r;

	run(&r, false);
	ck_assert_msg(r.verdict[0] == '\0', "%s", r.verdict);
	ck_assert_uint_gt(r.cuts, 1000);
}
END_TEST

/* The negative controls: a disk that lies about its syncs is found out, and an
 * owner who takes batches written over older ones without a look at them. */
START_TEST(test_lie)
{
	struct run r;

	if (_i == 0)
		run(&r, true);
	else
		run_spares(&r, _i == 1, _i == 2);
	ck_assert_msg(r.verdict[0] != '\0', "it was not");
}
END_TEST

/* A failed sync is final: nothing is published, no second try, no append. */
START_TEST(test_sync_fails)
{
	struct fake_disk *d = fake_disk_new();
	struct seglog_options o = options(d, 0, NULL);
	struct seglog *log = log_open(&o, NULL);
	uint64_t ops;
	int64_t synced = -7;

	log_set_sink(quiet, NULL);
	log_put(log, 2, 50, 1);
	log_sync(log);
	log_put(log, 2, 50, 1);
	fake_disk_fail_sync(d, 1);
	UNIT_ERR(seglog_sync(log, &synced, e), ERR_SYS);
	ck_assert_int_eq(synced, -7);
	ck_assert_int_eq(seglog_synced(log), 2);
	ops = fake_disk_ops(d);
	UNIT_ERR(seglog_sync(log, &synced, e), ERR_SYS);
	UNIT_ERR(log_put_err(log, 1, 50, 1, e), ERR_SYS);
	UNIT_OK(seglog_close(log, e));
	ck_assert_uint_eq(fake_disk_ops(d), ops);
	fake_disk_free(d);
}
END_TEST

/* Full at every byte: the append is whole or not there, and the log goes on. */
START_TEST(test_full)
{
	struct fake_disk *d = fake_disk_new();
	struct seglog_options o = options(d, 0, NULL);
	struct seglog *log;
	uint64_t room;
	int64_t end;
	int rc;

	log_set_sink(quiet, NULL);
	o.zero_ahead = 0;
	log = log_open(&o, NULL);
	for (room = 0; room < 400; room += 7) {
		end = seglog_end(log);
		fake_disk_full_after(d, room);
		rc = log_put_err(log, 2, 60, 1, NULL);
		ck_assert_int_eq(seglog_end(log), rc == 0 ? end + 2 : end);
		fake_disk_full_after(d, UINT64_MAX);
		log_put(log, 1, 10, 1);
		ck_assert_int_eq(log_read_all(log, 0, INT64_MAX, 1000),
		    seglog_end(log));
	}
	UNIT_OK(seglog_close(log, e));
	fake_disk_free(d);
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &test_power },
	{ .fn = &test_power_spares },
	{ .fn = &test_lie, .rows = 3 },
	{ .fn = &test_sync_fails },
	{ .fn = &test_full },
};

int
main(void)
{
	return (UNIT_MAIN("seglog over power cuts", tests));
}
