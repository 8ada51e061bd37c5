/* The index of aborted transactions: its bytes, its searches against a plain
 * list, segments that come, go and are merged, and a disk that is full. */
#include "test/unit/unit.h"

#include <errno.h>

#include "base/bytes.h"
#include "broker/txn_index.h"
#include "test/fake/fake_disk.h"

static struct fake_disk *d;
static struct txn_index *ti;
static int dirfd_;

static void
segment_file(int64_t base)
{
	char name[40];
	int fd;

	snprintf(name, sizeof name, "%020lld.log", (long long)base);
	fd = openat(dirfd_, name, O_RDWR | O_CREAT, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
}

static bool
has_file(int64_t base)
{
	char name[40];

	snprintf(name, sizeof name, "%020lld.txnindex", (long long)base);
	return (faccessat(dirfd_, name, F_OK, 0) == 0);
}

static bool
load(int64_t known)
{
	bool whole = txn_index_load(&ti, fake_disk_fs(d), dirfd_, "t-0",
	    known);

	return (whole);
}

static void
setup(void)
{
	d = fake_disk_new();
	dirfd_ = open(fake_disk_path(d), O_RDONLY | O_DIRECTORY);
	segment_file(0);
	ck_assert(load(0));
	UNIT_OK(txn_index_settle(ti, e));
}

static void
teardown(void)
{
	txn_index_free(ti);
	close(dirfd_);
	fake_disk_free(d);
}

/* As after a restart; known: where the snapshot is. */
static bool
again(int64_t known)
{
	bool whole;

	txn_index_free(ti);
	whole = load(known);
	UNIT_OK(txn_index_settle(ti, e));
	return (whole);
}

static void
add(int64_t id, int64_t first, int64_t last, int64_t stable)
{
	txn_index_add(ti, &(struct txn_entry){ id, first, last, stable });
}

static void
roll(int64_t base)
{
	segment_file(base);
	txn_index_segment(ti, base);
}

/* "id:first-last ..." of what find gives. */
static const char *
found(int64_t from, int64_t upto)
{
	static char text[4096];
	struct txn_entry *v;
	size_t i, n;

	UNIT_OK(txn_index_find(ti, from, upto, &v, &n, e));
	text[0] = '\0';
	for (i = 0; i < n; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text),
		    "%s%lld:%lld-%lld", i > 0 ? " " : "",
		    (long long)v[i].producer_id, (long long)v[i].first,
		    (long long)v[i].last);
	free(v);
	return (text);
}

START_TEST(layout)
{
	uint8_t b[TXN_ENTRY];
	struct txn_entry *v;
	size_t n;

	txn_entry_encode(b, &(struct txn_entry){ 0x0102030405060708, 3, 9,
	    7 });
	ck_assert_int_eq(memcmp(b, "\0\0\1\2\3\4\5\6\7\10\0\0\0\0\0\0\0\3"
	    "\0\0\0\0\0\0\0\11\0\0\0\0\0\0\0\7", TXN_ENTRY), 0);
	UNIT_OK(txn_index_decode(slice_of(b, sizeof b), &v, &n, e));
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(v->producer_id, 0x0102030405060708);
	ck_assert_int_eq(v->first, 3);
	ck_assert_int_eq(v->last, 9);
	ck_assert_int_eq(v->stable, 7);
	free(v);
}
END_TEST

START_TEST(refuses_damage)
{
	uint8_t b[3 * TXN_ENTRY], c[sizeof b];
	struct txn_entry *v;
	size_t i, n;

	for (i = 0; i < 3; i++)
		txn_entry_encode(b + i * TXN_ENTRY, &(struct txn_entry){ 5,
		    (int64_t)i * 10, (int64_t)i * 10 + 5, 0 });
	for (i = 0; i < sizeof b; i++) {
		struct err e = ERR_INIT;

		ck_assert_int_eq(txn_index_decode(slice_of(b, i), &v, &n, &e),
		    i % TXN_ENTRY == 0 ? 0 : -1);
		ck_assert_uint_eq(n, i / TXN_ENTRY);
		free(v);
	}
	memcpy(c, b, sizeof b);
	memset(c + TXN_ENTRY, 0, TXN_ENTRY);	/* a hole */
	ck_assert_int_eq(txn_index_decode(slice_of(c, sizeof c), &v, &n,
	    NULL), -1);
	ck_assert_uint_eq(n, 1);
	free(v);
	memcpy(c, b + TXN_ENTRY, TXN_ENTRY);	/* twice the same marker */
	ck_assert_int_eq(txn_index_decode(slice_of(c, sizeof c), &v, &n,
	    NULL), -1);
	free(v);
}
END_TEST

START_TEST(no_file_without_aborts)
{
	setup();
	roll(100);
	ck_assert(!has_file(0) && !has_file(100));
	add(5, 110, 120, 121);
	ck_assert(!has_file(0) && has_file(100));
	roll(200);
	ck_assert(has_file(200));		/* from now on */
	UNIT_OK(txn_index_sync(ti, e));
	ck_assert(again(200));
	ck_assert_str_eq(found(0, 1000), "5:110-120");
	teardown();
}
END_TEST

START_TEST(bounds_of_a_search)
{
	setup();
	add(5, 10, 20, 12);
	add(6, 12, 30, 31);
	add(7, 40, 50, 51);
	ck_assert_str_eq(found(0, 10), "");
	ck_assert_str_eq(found(0, 11), "5:10-20");
	ck_assert_str_eq(found(20, 21), "5:10-20 6:12-30");
	ck_assert_str_eq(found(21, 31), "6:12-30");
	ck_assert_str_eq(found(31, 40), "");
	ck_assert_str_eq(found(31, 41), "7:40-50");
	ck_assert_str_eq(found(0, 100), "5:10-20 6:12-30 7:40-50");
	ck_assert_str_eq(found(51, 100), "");
	teardown();
}
END_TEST

/* Below the snapshot the files count, behind it what is added again. */
START_TEST(known_up_to_the_snapshot)
{
	setup();
	add(5, 10, 20, 21);
	roll(25);
	add(6, 22, 30, 31);
	txn_index_free(ti);
	ck_assert(load(30));
	add(7, 28, 30, 31);		/* the log says otherwise now */
	UNIT_OK(txn_index_settle(ti, e));
	ck_assert_str_eq(found(0, 100), "5:10-20 7:28-30");
	ck_assert(again(31));
	ck_assert_str_eq(found(0, 100), "5:10-20 7:28-30");
	teardown();
}
END_TEST

START_TEST(loss_is_noticed)
{
	char name[40];

	setup();
	add(5, 10, 20, 21);
	roll(100);
	roll(200);
	add(6, 210, 220, 221);
	UNIT_OK(txn_index_sync(ti, e));
	ck_assert(again(300));
	snprintf(name, sizeof name, "%020d.txnindex", 100 + _i * 100);
	ck_assert_int_eq(unlinkat(dirfd_, name, 0), 0);
	txn_index_free(ti);
	ck_assert(!load(300));
	add(5, 10, 20, 21);			/* the owner's part */
	add(6, 210, 220, 221);
	UNIT_OK(txn_index_settle(ti, e));
	ck_assert(again(300));
	ck_assert_str_eq(found(0, 1000), "5:10-20 6:210-220");
	teardown();
}
END_TEST

START_TEST(trimmed)
{
	setup();
	add(5, 10, 20, 21);
	roll(100);
	add(6, 90, 120, 121);
	roll(200);
	txn_index_trim(ti, 99);
	ck_assert(has_file(0));
	txn_index_trim(ti, 150);
	ck_assert(!has_file(0) && has_file(100) && has_file(200));
	ck_assert_str_eq(found(0, 1000), "6:90-120");
	txn_index_trim(ti, 1000);		/* the active one stays */
	ck_assert(!has_file(100) && has_file(200));
	teardown();
}
END_TEST

/* Segments that went while nobody looked: as a crash in between leaves it. */
START_TEST(files_without_a_segment)
{
	setup();
	add(5, 10, 20, 21);
	roll(100);
	add(6, 90, 120, 121);
	UNIT_OK(txn_index_sync(ti, e));
	ck_assert_int_eq(unlinkat(dirfd_, "00000000000000000000.log", 0), 0);
	ck_assert(again(300));
	ck_assert(!has_file(0));
	ck_assert_str_eq(found(0, 1000), "6:90-120");
	teardown();
}
END_TEST

static void
three_segments(void)
{
	add(5, 10, 20, 21);
	add(6, 12, 30, 31);
	roll(100);
	add(7, 90, 120, 121);
	roll(200);
	add(8, 210, 220, 221);
	roll(300);
	add(9, 310, 320, 321);
}

#define ALL	"5:10-20 6:12-30 7:90-120 8:210-220 9:310-320"

static void
merge_segments(void)
{
	ck_assert_int_eq(unlinkat(dirfd_, "00000000000000000100.log", 0), 0);
	ck_assert_int_eq(unlinkat(dirfd_, "00000000000000000200.log", 0), 0);
}

START_TEST(merged)
{
	setup();
	three_segments();
	UNIT_OK(txn_index_cleaned(ti, 0, e));
	ck_assert(has_file(0) && has_file(100) && has_file(200));
	merge_segments();
	UNIT_OK(txn_index_cleaned(ti, 0, e));
	ck_assert(has_file(0) && !has_file(100) && !has_file(200));
	ck_assert_str_eq(found(0, 1000), ALL);
	ck_assert_str_eq(found(100, 205), "7:90-120");
	UNIT_OK(txn_index_sync(ti, e));
	ck_assert(again(400));
	ck_assert_str_eq(found(0, 1000), ALL);
	teardown();
}
END_TEST

START_TEST(cleaned)
{
	setup();
	three_segments();
	UNIT_OK(txn_index_cleaned(ti, 30, e));
	ck_assert_str_eq(found(0, 1000), "6:12-30 7:90-120 8:210-220 "
	    "9:310-320");
	UNIT_OK(txn_index_cleaned(ti, 121, e));
	ck_assert_str_eq(found(0, 1000), "8:210-220 9:310-320");
	/* Never in the active segment. */
	UNIT_OK(txn_index_cleaned(ti, 1000, e));
	ck_assert_str_eq(found(0, 1000), "9:310-320");
	UNIT_OK(txn_index_sync(ti, e));
	ck_assert(again(400));
	ck_assert_str_eq(found(0, 1000), "9:310-320");
	teardown();
}
END_TEST

/* A crash at any operation: with the next start all is right. */
START_TEST(cleaning_cut_short)
{
	static const enum fake_kind kinds[] = { FAKE_CREATE, FAKE_WRITE,
	    FAKE_RENAME, FAKE_UNLINK };
	struct err err = ERR_INIT;

	setup();
	three_segments();
	UNIT_OK(txn_index_sync(ti, e));
	merge_segments();
	fake_disk_fail(d, kinds[_i], 1, EIO);
	(void)txn_index_cleaned(ti, 0, &err);
	fake_disk_fail(d, kinds[_i], 0, 0);
	ck_assert_str_eq(found(0, 1000), ALL);
	ck_assert(again(400));
	ck_assert_str_eq(found(0, 1000), ALL);
	teardown();
}
END_TEST

START_TEST(full_disk)
{
	struct err e = ERR_INIT;

	setup();
	add(5, 10, 20, 21);
	fake_disk_full_after(d, 10);
	add(6, 12, 30, 31);
	add(7, 40, 50, 51);
	ck_assert_int_eq(txn_index_sync(ti, &e), -1);
	ck_assert_str_eq(found(0, 1000), "5:10-20 6:12-30 7:40-50");
	fake_disk_full_after(d, UINT64_MAX);
	add(8, 60, 70, 71);
	ck_assert_int_eq(txn_index_sync(ti, &e), 0);
	ck_assert(again(100));
	ck_assert_str_eq(found(0, 1000), "5:10-20 6:12-30 7:40-50 8:60-70");
	teardown();
}
END_TEST

/* Against a plain list: entries as a log makes them. */
START_TEST(searches)
{
	struct txn_entry v[600];
	struct txn_entry *got;
	uint64_t state = (uint64_t)_i + 3;
	int64_t open[8], at = 0, from, upto, low;
	size_t i, k, n = 0, ngot, want;

	for (i = 0; i < 8; i++)
		open[i] = -1;
	setup();
	while (n < NELEM(v)) {
		i = unit_random(&state) % 8;
		if (unit_random(&state) % 50 == 0)
			roll(at);
		if (open[i] == -1) {
			open[i] = at++;
			continue;
		}
		for (k = 0, low = at + 1; k < 8; k++)
			if (k != i && open[k] != -1 && open[k] < low)
				low = open[k];
		v[n] = (struct txn_entry){ (int64_t)i, open[i], at++, low };
		add(v[n].producer_id, v[n].first, v[n].last, v[n].stable);
		n++;
		open[i] = -1;
	}
	for (k = 0; k < 2000; k++) {
		from = (int64_t)(unit_random(&state) % (uint64_t)at);
		upto = from + (int64_t)(unit_random(&state) % 60);
		UNIT_OK(txn_index_find(ti, from, upto, &got, &ngot, e));
		for (i = 0, want = 0; i < n; i++) {
			if (v[i].first >= upto || v[i].last < from)
				continue;
			ck_assert_uint_lt(want, ngot);
			ck_assert_int_eq(memcmp(&got[want++], &v[i],
			    sizeof v[i]), 0);
		}
		ck_assert_uint_eq(want, ngot);
		free(got);
	}
	teardown();
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &layout },
	{ .fn = &refuses_damage },
	{ .fn = &no_file_without_aborts },
	{ .fn = &bounds_of_a_search },
	{ .fn = &known_up_to_the_snapshot },
	{ .fn = &loss_is_noticed, .rows = 2 },
	{ .fn = &trimmed },
	{ .fn = &files_without_a_segment },
	{ .fn = &merged },
	{ .fn = &cleaned },
	{ .fn = &cleaning_cut_short, .rows = 4 },
	{ .fn = &full_disk },
	{ .fn = &searches, .rows = 3 },
};

int
main(void)
{
	return (UNIT_MAIN("txn_index", tests));
}
