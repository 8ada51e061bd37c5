/*
 * Power cuts at each step of a few transactions.  What the models call f16a
 * (data and offsets synced before Prepare), f16b (Prepare before the answer),
 * f18z (the epoch before its answer), f19a (markers before Complete), f19b and
 * f19c (Ongoing before its answer) are each a place between two operations of
 * this script; a broker that does one of them too early fails here.
 *
 * Transaction k writes the record "k" to the topics a and b, and one of the
 * first three the offset k for a group.  Odd ones are committed, even ones
 * aborted.  The records are answered before they are synced (acks=1): it is
 * EndTxn that has to wait for them.
 */
#include "test/unit/txns_client.h"

#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"
#include "test/fake/fake_disk.h"

#define TXNS	8
#define WITH_OFFSETS 3		/* the first of them */
#define MAX_CUTS 600

static struct bed bed;
static int64_t patience_ns = 20000000000;

struct told {			/* what the client knows */
	int	committed, aborted;	/* the last one */
	int64_t	pid;
	int	epoch;
};

static struct cut {
	struct fake_disk *after;
	struct told	  told;
	char		  op[80];
} cuts[MAX_CUTS];
static atomic_int ncuts;
/* One word each: the hook runs in other threads. */
static _Atomic int committed, aborted, epoch;
static _Atomic int64_t pid;

static int
start(struct bed *b, struct fake_disk *d, struct err *e)
{
	static const char *const settings[] = {
		"offsets.topic.num.partitions=1",
		"transaction.state.log.num.partitions=1",
		"num.network.threads=1", NULL
	};

	return (bed_try(b, fake_disk_fs(d), fake_disk_path(d), settings, e));
}

/* Each change of a partition's files, before and after it. */
static void
on_op(struct fake_disk *d, const struct fake_op *op, bool after, void *ctx)
{
	uint64_t *seed = ctx;
	struct told told = { atomic_load(&committed), atomic_load(&aborted),
	    atomic_load(&pid), atomic_load(&epoch) };
	int i;

	if (op->kind != FAKE_WRITE && op->kind != FAKE_SYNC)
		return;
	/* A disk that takes its time, so that what should have waited for a
	 * sync comes before it. */
	if (op->kind == FAKE_SYNC && !after)
		(void)clock_nanosleep(CLOCK_MONOTONIC, 0,
		    &(struct timespec){ .tv_nsec = 5000000 }, NULL);
	if ((i = atomic_fetch_add(&ncuts, 1)) >= MAX_CUTS)
		return;
	cuts[i].told = told;
	cuts[i].after = fake_disk_power_cut(d, *seed == 0 ? FAKE_CUT_LOSE :
	    *seed * 1000 + (uint64_t)i);
	fake_op_print(op, cuts[i].op, sizeof cuts[i].op - 7);
	strcat(cuts[i].op, after ? " after" : " before");
}

static void
offsets(int fd, const struct tp *p, int k)
{
	ck_assert_int_eq(tp_add_offsets(fd, p, "g"), 0);
	ck_assert_int_eq(tp_commit_offset(fd, p, "g", "a", k), 0);
}

static void
run_script(int fd)
{
	struct tp p = { .id = "tx" }, q;
	char value[8];
	int k;

	for (k = 1; k <= TXNS; k++) {
		if (k % 3 == 1) {
			ck_assert_int_eq(tp_init(fd, &p), 0);
			atomic_store(&epoch, p.epoch);
			atomic_store(&pid, p.pid);
		}
		snprintf(value, sizeof value, "%d", k);
		q = p;			/* a sequence for each topic */
		ck_assert_int_eq(tp_add(fd, &p, "a"), 0);
		ck_assert_int_eq(tp_add(fd, &p, "b"), 0);
		ck_assert_int_eq(tp_produce_acks(fd, &p, "a", value, 1), 0);
		ck_assert_int_eq(tp_produce_acks(fd, &q, "b", value, 1), 0);
		if (k <= WITH_OFFSETS)
			offsets(fd, &p, k);
		ck_assert_int_eq(tp_end(fd, &p, k % 2 == 1), 0);
		atomic_store(k % 2 == 1 ? &committed : &aborted, k);
	}
}

/* What is there when nothing is undecided any more; "?": it stays so. */
static const char *
settled(int fd, const char *topic)
{
	int64_t until = clock_mono_ns() + patience_ns;
	const char *text;

	while (strstr(text = tp_read(fd, topic), "...") != NULL) {
		if (clock_mono_ns() > until)
			return ("?");
		bed_reset();
	}
	return (text);
}

static bool
has(const char *text, int k)
{
	return (strchr(text, '0' + k) != NULL);
}

/* The differences from what was told, and from all or nothing. */
static int
differences(const struct cut *c)
{
	struct tp p = { .id = "tx" };
	struct err err = ERR_INIT;
	char a[64], b[64];
	int64_t offset;
	struct bed here;
	int fd, k, bad = 0, last = -1;

	if (start(&here, c->after, &err) == -1)
		return (1);
	fd = tp_connect(&here);
	/* This waits for what was left open, too. */
	bad += tp_init(fd, &p) != 0;
	bad += p.pid == c->told.pid && p.epoch <= c->told.epoch;
	snprintf(a, sizeof a, "%s", settled(fd, "a"));
	snprintf(b, sizeof b, "%s", settled(fd, "b"));
	offset = committed_at(fd, "g", "a", 0);
	for (k = 1; k <= TXNS; k++) {
		bad += has(a, k) != has(b, k);
		bad += has(a, k) && k % 2 == 0;
		bad += !has(a, k) && k % 2 == 1 && k <= c->told.committed;
		if (has(a, k) && k <= WITH_OFFSETS)
			last = k;
	}
	bad += offset != last || a[0] == '?' || b[0] == '?';
	/* And it goes on. */
	bad += tp_add(fd, &p, "a") != 0 || tp_produce(fd, &p, "a", "x") != 0 ||
	    tp_end(fd, &p, true) != 0;
	bad += strchr(settled(fd, "a"), 'x') == NULL;
	close(fd);
	bed_stop(&here);
	bed_reset();
	if (bad > 0)
		fprintf(stderr, "%s: a has %s, b has %s, offset %lld; told "
		    "%d\n", c->op, a, b, (long long)offset,
		    c->told.committed);
	return (bad);
}

static int
cut_each_step(uint64_t seed, bool lie)
{
	struct fake_disk *d = fake_disk_new();
	int fd, i, n, bad = 0;

	atomic_store(&ncuts, 0);
	atomic_store(&committed, 0);
	atomic_store(&aborted, 0);
	atomic_store(&pid, -1);
	UNIT_OK(start(&bed, d, e));
	fd = tp_connect(&bed);
	ck_assert_int_eq(bed_create(fd, "a", 1, NULL), 0);
	ck_assert_int_eq(bed_create(fd, "b", 1, NULL), 0);
	fake_disk_lie(d, lie);
	fake_disk_watch(d, on_op, &seed);
	run_script(fd);
	fake_disk_watch(d, NULL, NULL);
	fake_disk_lie(d, false);
	close(fd);
	bed_stop(&bed);
	n = atomic_load(&ncuts);
	ck_assert_int_gt(n, 40);
	for (i = 0; i < n && i < MAX_CUTS; i++) {
		if (bad == 0)
			bad = differences(&cuts[i]);
		fake_disk_free(cuts[i].after);
	}
	fake_disk_free(d);
	return (bad);
}

START_TEST(nothing_is_lost_or_torn)
{
	ck_assert_int_eq(cut_each_step((uint64_t)_i, false), 0);
}
END_TEST

/* The same over a disk that lies must lose something, or it tests nothing. */
START_TEST(a_lying_disk_loses)
{
	patience_ns = 200000000;
	ck_assert_int_gt(cut_each_step(1, true), 0);
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &nothing_is_lost_or_torn, .rows = 3 },
	{ .fn = &a_lying_disk_loses },
};

int
main(void)
{
	return (UNIT_MAIN("txns_power", tests));
}
