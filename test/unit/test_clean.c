/* seglog: compaction, what stays and what goes. */
#include "test/unit/clean_util.h"

#include "base/bytes.h"
#include "base/log.h"
#include "seglog/key_map.h"

static struct clean_model m;
static struct clean_seen seen;

struct rig {
	char			 path[64];
	int			 dir;
	struct seglog_options	 o;
	struct seglog		*log;
	struct seglog_cleaning	 c;
	struct seglog_cleaned	 stats;
};

static struct rig rig;

static void
rig_open(int64_t recovery_offset)
{
	struct seglog_recovery rec;

	rig.o = log_options(&fs_real, rig.dir);
	rig.o.recovery_offset = recovery_offset;
	rig.log = log_open(&rig.o, &rec);
	ck_assert_uint_eq(rec.torn + rec.quarantined, 0);
	ck_assert_int_eq(rec.missing, 0);
}

static void
setup(void)
{
	memset(&m, 0, sizeof m);
	memset(&rig, 0, sizeof rig);
	rig.dir = unit_dir(rig.path);
	rig.c = clean_settings();
	rig_open(0);
}

static void
teardown(void)
{
	UNIT_OK(seglog_close(rig.log, e));
	unit_dir_remove(rig.dir, rig.path);
}

static void
one(int key, int value)
{
	clean_one(&m, rig.log, key, value);
}

/* Closes the active segment and syncs. */
static void
roll(void)
{
	UNIT_OK(seglog_roll(rig.log, e));
	log_sync(rig.log);
}

static void
look(void)
{
	clean_read(&m, rig.log, &seen);
	clean_check(&m, &seen, rig.stats.upto, m.n);
	ck_assert_msg(seen.wrong[0] == '\0', "%s", seen.wrong);
}

static void
clean(void)
{
	UNIT_OK(seglog_clean(rig.log, &rig.c, &rig.stats, e));
	look();
}

/* --- keys and values --- */

START_TEST(test_last_value)
{
	setup();
	one(1, 10);
	one(2, 20);
	one(1, 11);
	roll();
	one(1, 12);
	one(3, 30);
	roll();
	one(1, 13);		/* in the active one: not looked at */
	log_sync(rig.log);
	clean();
	ck_assert_int_eq(rig.stats.upto, 5);
	ck_assert_uint_eq(rig.stats.swaps, 1);
	ck_assert_uint_eq(rig.stats.removed, 2);
	ck_assert(!seen.there[0] && seen.there[1] && !seen.there[2]);
	ck_assert(seen.there[3] && seen.there[4] && seen.there[5]);
	ck_assert_int_eq(log_files(rig.dir, ".log"), 2);
	/* Nothing new: nothing is done. */
	clean();
	ck_assert_uint_eq(rig.stats.read, 0);
	teardown();
}
END_TEST

/* A batch that loses some records keeps base, last offset, codec, headers. */
START_TEST(test_batch)
{
	static const int codecs[] = {
		KCODEC_NONE, KCODEC_GZIP, KCODEC_SNAPPY, KCODEC_LZ4, KCODEC_ZSTD
	};
	struct clean_batch how = CLEAN_PLAIN;
	struct seglog_range r;
	struct kbatch b;
	uint8_t buf[4096];

	if (!kcodec_have(codecs[_i]))
		return;
	setup();
	how.codec = codecs[_i];
	how.producer = 7;
	how.sequence = 5;
	clean_put(&m, rig.log, &how, (int[]){ 1, 2, 1, 3, 2 },
	    (int[]){ 10, 20, 11, -1, 21 }, 5);
	one(2, 22);
	roll();
	clean();
	UNIT_OK(seglog_read(rig.log, 0, 5, 1, true, &r, e));
	ck_assert_int_eq(fs_pread(r.fd, buf, r.len, r.pos, NULL),
	    (ssize_t)r.len);
	UNIT_OK(kbatch_check(slice_of(buf, r.len), &b, e));
	seglog_release(&r);
	ck_assert_int_eq(b.base_offset, 0);
	ck_assert_int_eq(kbatch_last_offset(&b), 4);
	ck_assert_int_eq(b.count, 2);
	ck_assert_int_eq(kbatch_codec(&b), codecs[_i]);
	ck_assert_int_eq(b.base_sequence, 5);
	ck_assert_int_eq(b.producer_id, 7);
	ck_assert_int_eq(b.max_timestamp, 4);
	ck_assert_int_eq(kbatch_horizon(&b), CLEAN_NOW + 1000);
	ck_assert_int_eq(b.leader_epoch, 7);
	teardown();
}
END_TEST

START_TEST(test_tombstone)
{
	setup();
	one(1, 10);
	roll();
	one(1, -1);
	one(2, 20);
	roll();
	clean();
	ck_assert(!seen.there[0] && seen.there[1]);
	/* It stays for its time, through passes and a start. */
	rig.c.now_ms += 999;
	one(3, 30);
	roll();
	clean();
	ck_assert(seen.there[1]);
	UNIT_OK(seglog_close(rig.log, e));
	rig_open(0);
	rig.c.now_ms += 1;
	one(4, 40);
	roll();
	clean();
	ck_assert(!seen.there[1] && seen.there[2]);
	teardown();
}
END_TEST

/* Keyless records of before the topic was compacted go. */
START_TEST(test_keyless)
{
	struct seglog_range r;

	setup();
	log_put(rig.log, 3, 10, 1);
	m.n = 3;
	m.start = 3;
	one(1, 10);
	roll();
	UNIT_OK(seglog_clean(rig.log, &rig.c, &rig.stats, e));
	ck_assert_uint_eq(rig.stats.removed, 3);
	UNIT_OK(seglog_read(rig.log, 0, 4, 100000, true, &r, e));
	ck_assert_int_eq(r.base, 3);
	seglog_release(&r);
	teardown();
}
END_TEST

/* More keys than memory: the passes cover less each. */
START_TEST(test_full_table)
{
	int i, passes = 0;

	setup();
	rig.c.map_bytes = 0;		/* 58 keys */
	rig.c.segment_bytes = 2000;
	for (i = 0; i < 600; i++) {
		one((i * 7) % 60, i);
		if (i % 40 == 39)
			roll();
	}
	roll();
	do {
		clean();
		passes++;
	} while (rig.stats.upto < 600 && passes < 100);
	ck_assert_int_gt(passes, 1);
	ck_assert_int_lt(passes, 100);
	ck_assert_int_lt(seen.records, 130);
	teardown();
}
END_TEST

START_TEST(test_key_map)
{
	struct key_map *k = key_map_new(24000);
	char key[32];
	size_t n;
	int i;

	for (i = 0; i < 5000; i++) {
		snprintf(key, sizeof key, "%d", i);
		if (!key_map_put(k, slice_str(key), i))
			break;
	}
	n = key_map_count(k);
	ck_assert_uint_eq(n, 900);
	ck_assert_int_eq(i, 900);
	ck_assert(key_map_put(k, SLICE("17"), 70000));
	ck_assert(!key_map_put(k, SLICE("new"), 1));
	ck_assert_int_eq(key_map_get(k, SLICE("17")), 70000);
	ck_assert_int_eq(key_map_get(k, SLICE("899")), 899);
	ck_assert_int_eq(key_map_get(k, SLICE("900")), -1);
	ck_assert_int_eq(key_map_get(k, SLICE("")), -1);
	key_map_free(k);
}
END_TEST

/* --- producers and transactions --- */

static bool
remembers(void *ctx, const struct kbatch *b)
{
	return (kbatch_last_offset(b) == *(int64_t *)ctx);
}

START_TEST(test_last_sequence)
{
	struct clean_batch how = CLEAN_PLAIN;
	int64_t last = 1;
	int key = 1, value = 10;

	setup();
	rig.c.remember = remembers;
	rig.c.ctx = &last;
	how.producer = 9;
	how.sequence = 0;
	clean_put(&m, rig.log, &how, &key, &value, 1);
	how.sequence = 1;
	clean_put(&m, rig.log, &how, &key, &value, 1);
	one(1, 12);
	roll();
	clean();
	ck_assert_int_eq(seen.empty, 1);
	ck_assert_int_eq(seen.batches, 2);
	/* It is not known any more: the empty batch goes. */
	last = -7;
	one(2, 20);
	roll();
	clean();
	ck_assert_int_eq(seen.empty, 0);
	teardown();
}
END_TEST

static void
txn(int64_t producer, int key, int value)
{
	struct clean_batch how = CLEAN_PLAIN;

	how.producer = producer;
	how.sequence = 0;
	how.txn = true;
	clean_put(&m, rig.log, &how, &key, &value, 1);
}

START_TEST(test_aborted)
{
	setup();
	one(1, 10);
	txn(5, 1, 11);			/* 1, aborted: 10 stays */
	txn(6, 2, 20);			/* 2, committed */
	roll();
	clean_marker(&m, rig.log, 5, true);	/* 3 */
	clean_marker(&m, rig.log, 6, false);	/* 4 */
	one(9, 90);
	roll();
	clean();
	ck_assert(seen.there[0] && !seen.there[1] && seen.there[2]);
	/* Its marker stays until a pass finds nothing, and a horizon more. */
	ck_assert(seen.there[3] && seen.there[4]);
	one(9, 91);
	roll();
	clean();
	ck_assert(seen.there[3] && seen.there[4]);
	rig.c.now_ms += 1000;
	one(9, 92);
	roll();
	clean();
	ck_assert(!seen.there[3] && seen.there[4]);
	/* The committed one's, when its record has been replaced. */
	one(2, 21);
	roll();
	clean();
	ck_assert(!seen.there[2] && seen.there[4]);
	one(9, 93);
	roll();
	clean();
	rig.c.now_ms += 1000;
	one(9, 94);
	roll();
	clean();
	ck_assert(!seen.there[4]);
	teardown();
}
END_TEST

/* What is not decided stops the pass, and hides nothing. */
START_TEST(test_open_txn)
{
	setup();
	one(1, 10);
	one(1, 11);
	roll();
	txn(5, 1, 12);			/* 2 */
	one(2, 20);
	one(2, 21);
	roll();
	clean();
	ck_assert_int_eq(rig.stats.upto, 2);
	ck_assert(!seen.there[0] && seen.there[1] && seen.there[3]);
	/* The marker in the active segment is found. */
	clean_marker(&m, rig.log, 5, false);
	log_sync(rig.log);
	clean();
	ck_assert_int_eq(rig.stats.upto, 5);
	ck_assert(!seen.there[1] && seen.there[2] && !seen.there[3]);
	teardown();
}
END_TEST

/* --- holes --- */

/* The last batch in front of the active segment shows where the log ends. */
START_TEST(test_end)
{
	struct seglog_range r;

	setup();
	one(1, 10);
	one(1, -1);
	roll();
	clean();
	rig.c.now_ms += 1000;
	one(1, -1);
	roll();
	clean();
	rig.c.now_ms += 1000;
	one(1, -1);
	roll();
	clean();
	ck_assert_int_eq(seen.there[2], 0);
	UNIT_OK(seglog_read(rig.log, 0, INT64_MAX, 100000, true, &r, e));
	ck_assert_int_eq(r.next, seglog_end(rig.log));
	seglog_release(&r);
	teardown();
}
END_TEST

/* Every offset and limit can be asked for, times too; after a start without
 * any knowledge as well. */
START_TEST(test_holes)
{
	struct clean_batch how = CLEAN_PLAIN;
	struct seglog_range r;
	int64_t at, i;
	int again, key, value = 0;

	setup();
	rig.c.segment_bytes = 600;
	for (i = 0; i < 60; i++) {
		key = (int)(i * i % 7);
		how.ts = 100 + i;
		clean_put(&m, rig.log, &how, &key, &value, 1);
		if (i % 5 == 4)
			roll();
	}
	clean();
	ck_assert_int_lt(seen.records, 15);
	for (again = 0; again < 2; again++) {
		look();
		for (at = 0; at <= 60; at++) {
			UNIT_OK(seglog_read(rig.log, at, 60, 1, true, &r, e));
			for (i = at; i < 60 && !seen.there[i]; i++)
				;
			ck_assert_int_eq(r.len == 0, i == 60);
			if (r.len > 0)
				ck_assert_int_eq(r.base, i);
			seglog_release(&r);
			UNIT_OK(seglog_find_time(rig.log, 100 + at, 60, &r, e));
			ck_assert_int_eq(r.len == 0, i == 60);
			if (r.len > 0)
				ck_assert_int_eq(r.base, i);
			seglog_release(&r);
		}
		UNIT_OK(seglog_find_max_time(rig.log, 60, &r, e));
		ck_assert_int_eq(r.base, 59);
		seglog_release(&r);
		UNIT_OK(seglog_close(rig.log, e));
		rig_open(0);
		ck_assert_int_eq(seglog_end(rig.log), 60);
	}
	teardown();
}
END_TEST

/* A reader in flight keeps what it holds. */
START_TEST(test_reader)
{
	struct seglog_range r;
	uint8_t before[4096], after[4096];

	setup();
	one(1, 10);
	one(1, 11);
	roll();
	UNIT_OK(seglog_read(rig.log, 0, 2, 4096, true, &r, e));
	fs_pread(r.fd, before, r.len, r.pos, NULL);
	clean();
	ck_assert(!seen.there[0]);
	ck_assert_int_eq(fs_pread(r.fd, after, r.len, r.pos, NULL),
	    (ssize_t)r.len);
	ck_assert_int_eq(memcmp(before, after, r.len), 0);
	seglog_release(&r);
	teardown();
}
END_TEST

/* Records below the start go, in a segment that is still needed. */
START_TEST(test_below_start)
{
	setup();
	one(1, 10);
	one(2, 20);
	one(3, 30);
	roll();
	UNIT_OK(seglog_trim(rig.log, 1, NULL, e));
	m.start = 1;
	clean();
	ck_assert(!seen.there[0] && seen.there[1]);
	UNIT_OK(seglog_trim(rig.log, 3, NULL, e));
	ck_assert_int_eq(log_files(rig.dir, ".log"), 1);
	m.start = 3;
	teardown();
}
END_TEST

/* --- things that happen meanwhile --- */

struct meanwhile {
	int	 calls, at;
	bool	 stop;
};

static bool
on_pace(void *ctx, uint64_t bytes)
{
	struct meanwhile *w = ctx;

	(void)bytes;
	if (w->calls++ != w->at)
		return (true);
	if (!w->stop)
		UNIT_OK(seglog_trim(rig.log, 2, NULL, e));
	return (!w->stop);
}

static bool
remembers_not(void *ctx, const struct kbatch *b)
{
	(void)ctx;
	(void)b;
	return (false);
}

/* A trim or a stop at any moment of a pass; no file is left behind. */
START_TEST(test_meanwhile)
{
	struct meanwhile w = { .stop = _i >= 8, .at = _i % 8 };
	struct err err = ERR_INIT;
	int rc;

	setup();
	rig.c.remember = remembers_not;
	rig.c.pace = on_pace;
	rig.c.ctx = &w;
	one(1, 10);
	one(1, 11);
	roll();
	one(1, 12);
	one(2, 20);
	roll();
	one(1, 13);
	roll();
	rc = seglog_clean(rig.log, &rig.c, &rig.stats, &err);
	ck_assert_int_eq(rig.stats.stopped, w.stop && w.calls > w.at);
	if (!w.stop)
		m.start = seglog_start(rig.log);
	(void)rc;
	rig.stats.upto = 5;
	look();
	ck_assert_int_eq(log_files(rig.dir, ".cleaned"), 0);
	ck_assert_int_eq(log_files(rig.dir, ".swap"), 0);
	UNIT_OK(seglog_close(rig.log, e));
	rig_open(0);
	UNIT_OK(seglog_trim(rig.log, m.start, NULL, e));
	look();
	teardown();
}
END_TEST

/* A batch that is damaged stays as it is, whatever its key was. */
START_TEST(test_damaged)
{
	char name[] = "00000000000000000000.log";
	uint8_t byte;
	int fd;

	setup();
	one(1, 10);
	one(2, 20);
	one(1, 11);
	roll();
	fd = openat(rig.dir, name, O_RDWR);
	ck_assert_int_eq(pread(fd, &byte, 1, 70), 1);
	byte ^= 0x55;
	ck_assert_int_eq(pwrite(fd, &byte, 1, 70), 1);
	close(fd);
	UNIT_OK(seglog_clean(rig.log, &rig.c, &rig.stats, e));
	ck_assert_uint_eq(rig.stats.damaged, 1);
	ck_assert_uint_eq(rig.stats.kept, 2);
	teardown();
}
END_TEST

START_TEST(test_dirt)
{
	struct clean_batch how = CLEAN_PLAIN;
	struct seglog_dirt d;
	int key = 1, value = 1;

	setup();
	how.ts = 50;
	clean_put(&m, rig.log, &how, &key, &value, 1);
	roll();
	how.ts = 60;
	clean_put(&m, rig.log, &how, &key, &value, 1);
	roll();
	UNIT_OK(seglog_dirt(rig.log, INT64_MAX, INT64_MAX, &d, e));
	ck_assert_int_eq(d.upto, 2);
	ck_assert_int_eq(d.since_ms, 50);
	ck_assert_uint_eq(d.clean_bytes, 0);
	UNIT_OK(seglog_dirt(rig.log, INT64_MAX, 59, &d, e));
	ck_assert_int_eq(d.upto, 1);
	UNIT_OK(seglog_dirt(rig.log, 1, INT64_MAX, &d, e));
	ck_assert_int_eq(d.upto, 1);
	rig.c.upto = 1;
	clean();
	UNIT_OK(seglog_dirt(rig.log, INT64_MAX, INT64_MAX, &d, e));
	ck_assert_int_eq(d.cleaned, 1);
	ck_assert_int_eq(d.upto, 2);
	ck_assert_int_eq(d.since_ms, 60);
	ck_assert_uint_gt(d.clean_bytes, 0);
	teardown();
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &test_last_value },
	{ .fn = &test_batch, .rows = KCODEC_COUNT },
	{ .fn = &test_tombstone },
	{ .fn = &test_keyless },
	{ .fn = &test_full_table },
	{ .fn = &test_key_map },
	{ .fn = &test_last_sequence },
	{ .fn = &test_aborted },
	{ .fn = &test_open_txn },
	{ .fn = &test_end },
	{ .fn = &test_holes },
	{ .fn = &test_reader },
	{ .fn = &test_below_start },
	{ .fn = &test_meanwhile, .rows = 16 },
	{ .fn = &test_damaged },
	{ .fn = &test_dirt },
};

int
main(void)
{
	return (UNIT_MAIN("clean", tests));
}
