/* Power cuts: what a client was told of offsets, groups and producer ids is
 * there afterwards, also when the log was just being compacted. */
#include "test/unit/groups_client.h"

#include <stdatomic.h>

#include "test/fake/fake_disk.h"

static struct bed bed;

static int
try_start(struct bed *b, struct fake_disk *d, struct err *e)
{
	static const char *const settings[] = {
		"group.initial.rebalance.delay.ms=0",
		"offsets.topic.num.partitions=3", NULL
	};

	return (bed_try(b, fake_disk_fs(d), fake_disk_path(d), settings, e));
}

static void
start(struct bed *b, struct fake_disk *d)
{
	UNIT_OK(try_start(b, d, e));
}

/* --- after each acknowledgement --- */

#define PARTITIONS	4
#define STEPS		40

struct told {			/* what the client knows */
	int64_t	offsets[3][PARTITIONS];	/* of groups g0 .. g2; -1 none */
	int64_t	producer_id;
	char	member[64];	/* of group m; "" none */
	int32_t	generation;
};

static const char *
group_name(int i)
{
	static const char *const names[] = { "g0", "g1", "g2" };

	return (names[i]);
}

static void
step_member(int fd, struct told *told)
{
	struct km_join_group_response *j;

	j = join_call(fd, 3, "m", told->member, NULL);
	ck_assert_int_eq(j->error_code, 0);
	snprintf(told->member, sizeof told->member, "%s",
	    text_of(j->member_id));
	ck_assert_int_eq(sync_call(fd, 3, "m", told->member,
	    j->generation_id, "assigned")->error_code, 0);
	told->generation = j->generation_id;
}

static void
step(int fd, struct told *told, uint64_t *state)
{
	int g = (int)(unit_random(state) % 3);
	int32_t p = (int32_t)(unit_random(state) % PARTITIONS);
	int64_t offset = (int64_t)(unit_random(state) % 1000000);

	switch (unit_random(state) % 10) {
	case 0:
		if (delete_group(fd, 2, group_name(g)) == 0)
			for (p = 0; p < PARTITIONS; p++)
				told->offsets[g][p] = -1;
		break;
	case 1:
		step_member(fd, told);
		break;
	case 2:
		told->producer_id = init_producer(fd, 4, NULL)->producer_id;
		break;
	default:
		ck_assert_int_eq(COMMIT(fd, .group = group_name(g),
		    .partition = p, .offset = offset), 0);
		told->offsets[g][p] = offset;
		break;
	}
}

/* Compares with what a broker on this disk says; the differences.  A broker
 * that does not start is one. */
static int
differences(struct fake_disk *after, const struct told *told)
{
	struct err err = ERR_INIT;
	struct bed b;
	int fd, g, bad = 0;
	int32_t p;

	if (try_start(&b, after, &err) == -1)
		return (1);
	fd = bed_connect(&b);
	for (g = 0; g < 3; g++)
		for (p = 0; p < PARTITIONS; p++)
			bad += committed_at(fd, group_name(g), "t", p) !=
			    told->offsets[g][p];
	bad += init_producer(fd, 4, NULL)->producer_id <= told->producer_id;
	if (told->member[0] != '\0')
		bad += beat_call(fd, 3, "m", told->member,
		    told->generation) != 0;
	close(fd);
	bed_stop(&b);
	return (bad);
}

static int
cut_each_step(bool lie)
{
	struct fake_disk *d = fake_disk_new(), *after;
	struct told told = { .producer_id = -1 };
	uint64_t state = 42;
	int fd, i, bad = 0;

	memset(told.offsets, 0xff, sizeof told.offsets);
	start(&bed, d);
	fd = bed_connect(&bed);
	ck_assert_int_eq(bed_create(fd, "t", PARTITIONS, NULL), 0);
	fake_disk_lie(d, lie);
	for (i = 0; i < STEPS; i++) {
		step(fd, &told, &state);
		after = fake_disk_power_cut(d, (uint64_t)(i % 8 == 0 ?
		    FAKE_CUT_LOSE : i));
		bad += differences(after, &told);
		fake_disk_free(after);
	}
	fake_disk_lie(d, false);
	close(fd);
	bed_stop(&bed);
	fake_disk_free(d);
	return (bad);
}

START_TEST(what_was_told_is_there)
{
	ck_assert_int_eq(cut_each_step(false), 0);
}
END_TEST

/* The same over a disk that lies must lose something, or it tests nothing. */
START_TEST(a_lying_disk_loses)
{
	ck_assert_int_gt(cut_each_step(true), 0);
}
END_TEST

/* --- in the middle of a compaction --- */

#define WIDE		1000
#define ROUNDS		30		/* some 2 MB */
#define MAX_CUTS	40

static struct cut {
	struct fake_disk *after;
	int		  acked;	/* rounds told by then */
} cuts[MAX_CUTS];
static atomic_int ncuts, acked;
static atomic_bool cleaning;

/* From the first cleaned segment on, every change is cut: before and after
 * it. */
static void
on_op(struct fake_disk *d, const struct fake_op *op, bool after, void *ctx)
{
	int told = atomic_load(&acked), i;

	(void)ctx;
	(void)after;
	if (strstr(op->name, ".log.cleaned") != NULL)
		atomic_store(&cleaning, true);
	if (!atomic_load(&cleaning))
		return;
	i = atomic_fetch_add(&ncuts, 1);
	if (i >= MAX_CUTS)
		return;
	cuts[i].acked = told;
	cuts[i].after = fake_disk_power_cut(d, (uint64_t)i);
}

static void
check_cut(const struct cut *c)
{
	struct bed b;
	int64_t offset, first = -1;
	int32_t i;
	int fd;

	start(&b, c->after);
	fd = bed_connect(&b);
	ck_assert_int_eq(committed_at(fd, "g", "wide", 999) >= 0, 1);
	ck_assert_int_eq(committed_at(fd, "kept", "t", 2), 77);
	for (i = 0; i < WIDE; i += 111) {
		offset = committed_at(fd, "g", "wide", i) - i;
		if (first == -1)
			first = offset;
		ck_assert_int_eq(offset, first);	/* of one request */
		ck_assert_int_ge(offset, (c->acked - 1) * 10);
	}
	ck_assert_int_eq(committed_at(fd, "gone", "t", 1), -1);
	close(fd);
	bed_stop(&b);
}

START_TEST(cut_while_compacting)
{
	struct fake_disk *d = fake_disk_new();
	int fd, i, n;

	bed_start(&bed, fake_disk_fs(d), fake_disk_path(d),
	    "offsets.topic.num.partitions=1",
	    "offsets.topic.segment.bytes=200k", "log.cleaner.backoff.ms=1",
	    NULL);
	fd = bed_connect(&bed);
	ck_assert_int_eq(bed_create(fd, "t", PARTITIONS, NULL), 0);
	ck_assert_int_eq(bed_create(fd, "wide", WIDE, NULL), 0);
	ck_assert_int_eq(COMMIT(fd, .group = "kept", .partition = 2,
	    .offset = 77), 0);
	ck_assert_int_eq(COMMIT(fd, .group = "gone", .partition = 1,
	    .offset = 5), 0);
	ck_assert_int_eq(delete_group(fd, 2, "gone"), 0);
	fake_disk_watch(d, on_op, NULL);
	for (i = 0; i < ROUNDS || (atomic_load(&ncuts) < MAX_CUTS &&
	    i < 100 * ROUNDS); i++) {
		commit_many(fd, "g", "wide", WIDE, i * 10);
		atomic_store(&acked, i + 1);
	}
	fake_disk_watch(d, NULL, NULL);
	close(fd);
	bed_stop(&bed);
	n = atomic_load(&ncuts);
	ck_assert_int_gt(n, 10);
	for (i = 0; i < n && i < MAX_CUTS; i++) {
		check_cut(&cuts[i]);
		fake_disk_free(cuts[i].after);
	}
	fake_disk_free(d);
}
END_TEST

/* --- a full disk --- */

START_TEST(full_disk_is_answered)
{
	struct fake_disk *d = fake_disk_new();
	int fd, rc = 0, i;

	start(&bed, d);
	fd = bed_connect(&bed);
	ck_assert_int_eq(bed_create(fd, "t", PARTITIONS, NULL), 0);
	ck_assert_int_eq(COMMIT(fd, .offset = 1), 0);
	fake_disk_full_after(d, 1000);
	for (i = 2; i < 100 && rc == 0; i++)
		rc = COMMIT(fd, .offset = i);
	ck_assert_int_eq(rc, KERR_COORDINATOR_NOT_AVAILABLE);
	ck_assert_int_eq(committed_at(fd, "g", "t", 0), i - 2);
	fake_disk_full_after(d, UINT64_MAX);
	ck_assert_int_eq(COMMIT(fd, .offset = 500), 0);
	ck_assert_int_eq(committed_at(fd, "g", "t", 0), 500);
	close(fd);
	bed_stop(&bed);
	start(&bed, d);
	fd = bed_connect(&bed);
	ck_assert_int_eq(committed_at(fd, "g", "t", 0), 500);
	close(fd);
	bed_stop(&bed);
	fake_disk_free(d);
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &what_was_told_is_there },
	{ .fn = &a_lying_disk_loses },
	{ .fn = &cut_while_compacting },
	{ .fn = &full_disk_is_answered },
};

int
main(void)
{
	return (UNIT_MAIN("groups_power", tests));
}
