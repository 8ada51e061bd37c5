/* seglog: compaction of random logs, and the power cut at each of its steps. */
#include "test/unit/clean_util.h"

#include "base/log.h"
#include "test/fake/fake_disk.h"

#define RUNS		8
#define CUTS		6

static struct clean_model m;

struct run {
	uint64_t	 seed, cuts;
	bool		 nested;
	int64_t		 synced;
	int64_t		 active;	/* base of the active segment */
	int64_t		 now_ms;
	char		 verdict[240];
};

static void
quiet(enum log_level level, const char *line, void *ctx)
{
	(void)level;
	(void)line;
	(void)ctx;
}

static struct seglog_options
options(struct fake_disk *d, int64_t recovery_offset)
{
	const struct fs *fs = fake_disk_fs(d);
	struct seglog_options o;
	int dir;

	UNIT_OK(dir = fs_open_dir(fs, fake_disk_path(d), e));
	o = log_options(fs, dir);
	fs->close(fs, dir);
	o.recovery_offset = recovery_offset;
	o.segment_bytes = 1200;
	return (o);
}

static struct seglog_cleaning
settings(const struct run *r)
{
	struct seglog_cleaning c = clean_settings();

	c.now_ms = r->now_ms;
	c.segment_bytes = 2500;
	c.map_bytes = r->seed % 3 == 0 ? 0 : 1 << 16;
	return (c);
}

static void
wrong(struct run *r, const char *what, int64_t a)
{
	if (r->verdict[0] == '\0')
		snprintf(r->verdict, sizeof r->verdict, "run %llu, cut %llu: "
		    "%s (%lld)", (unsigned long long)r->seed,
		    (unsigned long long)r->cuts, what, (long long)a);
}

static void
check(struct run *r, struct seglog *log, const char *when)
{
	static struct clean_seen s;

	clean_read(&m, log, &s);
	clean_check(&m, &s, r->active, seglog_end(log));
	if (s.wrong[0] != '\0') {
		wrong(r, s.wrong, seglog_end(log));
		wrong(r, when, 0);
	}
}

static void	cut_recovery(struct fake_disk *, const struct fake_op *, bool,
		    void *);

/* What a cut left: it opens, all is there, another pass does no harm. */
static void
check_left(struct run *r, struct fake_disk *left, int64_t recovery_offset,
    bool nested)
{
	struct seglog_options o = options(left, recovery_offset);
	struct seglog_cleaning c = settings(r);
	struct seglog_cleaned stats;
	struct seglog_recovery rec;
	struct err why = ERR_INIT;
	struct seglog *log;

	r->cuts++;
	if (nested)
		fake_disk_watch(left, cut_recovery, r);
	if (seglog_open(&log, &o, &rec, &why) == -1) {
		wrong(r, why.msg, 0);
		fake_disk_fs(left)->close(fake_disk_fs(left), o.dirfd);
		return;
	}
	fake_disk_watch(left, NULL, NULL);
	if (rec.end < r->synced || rec.missing != 0 || rec.quarantined != 0)
		wrong(r, "what was synced is not there", rec.end);
	check(r, log, "after the cut");
	if (log_files(o.dirfd, ".swap") + log_files(o.dirfd, ".cleaned") != 0)
		wrong(r, "files are left", 0);
	if (seglog_clean(log, &c, &stats, &why) == -1)
		wrong(r, why.msg, 0);
	check(r, log, "after the next pass");
	UNIT_OK(seglog_close(log, e));
}

static void
cut_recovery(struct fake_disk *d, const struct fake_op *op, bool after,
    void *ctx)
{
	struct run *r = ctx;
	struct fake_disk *left;

	if (after)
		return;
	left = fake_disk_power_cut(d, op->number % (FAKE_CUT_RANDOM + 3));
	check_left(r, left, 0, false);
	fake_disk_free(left);
}

static void
cut_here(struct fake_disk *d, const struct fake_op *op, bool after, void *ctx)
{
	struct run *r = ctx;
	struct fake_disk *left;
	uint64_t seed;

	/* Behind an operation is before the next one. */
	for (seed = 0; !after && seed < CUTS && r->verdict[0] == '\0';
	    seed++) {
		left = fake_disk_power_cut(d, seed < FAKE_CUT_RANDOM ? seed :
		    seed + 100 * op->number);
		check_left(r, left, seed % 2 == 0 ? 0 : r->synced,
		    r->nested && seed == FAKE_CUT_KEEP);
		fake_disk_free(left);
	}
}

/* --- random logs --- */

struct producer {
	bool	open;
};

static void
put_random(struct seglog *log, uint64_t *state, struct producer *producers)
{
	struct clean_batch how = CLEAN_PLAIN;
	int keys[5], values[5], n = 1 + (int)(unit_random(state) % 5), i;
	int p = (int)(unit_random(state) % 3);

	for (i = 0; i < n; i++) {
		keys[i] = (int)(unit_random(state) % 12);
		values[i] = unit_random(state) % 4 == 0 ? -1 :
		    (int)(unit_random(state) % 1000);
	}
	how.ts = (int64_t)(unit_random(state) % 10000);
	if (unit_random(state) % 4 == 0 && kcodec_have(KCODEC_LZ4))
		how.codec = KCODEC_LZ4;
	if (unit_random(state) % 3 == 0) {
		how.producer = p;
		how.sequence = 0;
		how.txn = producers[p].open = true;
	} else if (producers[p].open && unit_random(state) % 2 == 0) {
		clean_marker(&m, log, p, unit_random(state) % 2 == 0);
		producers[p].open = false;
		return;
	}
	clean_put(&m, log, &how, keys, values, n);
}

static void
pass(struct run *r, struct fake_disk *d, struct seglog *log)
{
	struct seglog_cleaning c = settings(r);
	struct seglog_cleaned stats;
	uint64_t bytes;

	log_sync(log);
	r->synced = seglog_synced(log);
	seglog_active(log, &r->active, &bytes);
	if (d != NULL)
		fake_disk_watch(d, cut_here, r);
	UNIT_OK(seglog_clean(log, &c, &stats, e));
	if (d != NULL)
		fake_disk_watch(d, NULL, NULL);
	check(r, log, "after a pass");
}

/* Appends, passes, starts; the power is cut in the passes. */
static void
run(struct run *r, uint64_t seed, int rounds, bool cuts, bool lie)
{
	struct fake_disk *d = fake_disk_new();
	struct producer producers[3] = { { false } };
	struct seglog_options o;
	struct seglog *log;
	uint64_t state = seed;
	int i, k;

	log_set_sink(quiet, NULL);
	memset(r, 0, sizeof *r);
	memset(&m, 0, sizeof m);
	r->seed = seed;
	r->nested = seed % 4 == 1;
	r->now_ms = CLEAN_NOW;
	fake_disk_lie(d, lie);
	o = options(d, 0);
	log = log_open(&o, NULL);
	for (i = 0; i < rounds; i++) {
		for (k = 0; k < 30; k++)
			put_random(log, &state, producers);
		pass(r, cuts ? d : NULL, log);
		r->now_ms += (int64_t)(unit_random(&state) % 1500);
		if (unit_random(&state) % 3 != 0)
			continue;
		UNIT_OK(seglog_close(log, e));
		o = options(d, unit_random(&state) % 2 == 0 ? 0 : m.n);
		log = log_open(&o, NULL);
		check(r, log, "after a stop");
	}
	ck_assert_int_eq(seglog_end(log), m.n);
	UNIT_OK(seglog_close(log, e));
	fake_disk_free(d);
}

START_TEST(test_model)
{
	static struct run r;
	uint64_t seed;

	for (seed = 1; seed <= RUNS; seed++) {
		run(&r, 1000 * (uint64_t)_i + seed, 25, false, false);
		ck_assert_msg(r.verdict[0] == '\0', "%s", r.verdict);
	}
}
END_TEST

START_TEST(test_power)
{
	static struct run r;

	run(&r, (uint64_t)_i + 1, 3, true, false);
	ck_assert_msg(r.verdict[0] == '\0', "%s", r.verdict);
	ck_assert_uint_gt(r.cuts, 100);
}
END_TEST

/* The negative control. */
START_TEST(test_lie)
{
	static struct run r;

	run(&r, 1, 3, true, true);
	ck_assert_msg(r.verdict[0] != '\0', "it was not found out");
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &test_model, .rows = 4 },
	{ .fn = &test_power, .rows = 5 },
	{ .fn = &test_lie },
};

int
main(void)
{
	return (UNIT_MAIN("clean_power", tests));
}
