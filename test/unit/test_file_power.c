/*
 * The file channel over power cuts: before and after each operation on the
 * disk it is opened as the cut has left it.
 */
#include "test/unit/channel_util.h"

#include "channels/file_priv.h"
#include "test/fake/fake_disk.h"

static const char *const small[] = { "maxFileSize", "64k", NULL };

#define LINES	8		/* of a batch */
#define CUTS	7		/* seeds at each operation */

struct run {
	struct chan	 c;
	atomic_int	 stored[2];	/* lines acknowledged, per source */
	atomic_int	 committed[2];
	atomic_bool	 early;		/* a planted fault: see below */
	atomic_bool	 over;		/* no more cuts */
	struct mutex	 cutting;	/* both flushers come here */
	uint64_t	 cuts;
	atomic_int	 reused;	/* spares that became segments */
	char		 verdict[200];	/* the first thing that was wrong */
};

static const char *const run_sources[] = { "r0", "r1" };
static const char *const run_files[] = { "0", "1" };

static void
wrong(struct run *r, const char *what, int file, int a, int b)
{
	if (r->verdict[0] == '\0')
		snprintf(r->verdict, sizeof r->verdict, "cut %llu, file %d: "
		    "%s: %d, %d", (unsigned long long)r->cuts, file, what, a,
		    b);
}

/* Takes everything; per file the first line and the one behind the last. */
static void
take_all(struct run *r, struct chan *x, int first[2], int next[2])
{
	struct lease l;
	const char *p;
	uint32_t i;
	int file, line;

	first[0] = first[1] = next[0] = next[1] = -1;
	while (x->ch->ops->take(x->ch, &l, 0, 0, 0, NULL) == 1) {
		if (lease_batch(&l, NULL) == -1)
			wrong(r, "a batch cannot be decoded", 0, 0, 0);
		for (i = 0; l.batch != NULL && i < l.n; i++) {
			p = (const char *)l.batch->records[l.first + i].body.p;
			file = p[0] - '0';
			line = atoi(p + 2);
			if (next[file] == -1)
				first[file] = line;
			else if (line != next[file])
				wrong(r, "order", file, line, next[file]);
			next[file] = line + 1;
		}
		x->ch->ops->commit(x->ch, &l, NULL);
	}
}

/* A power cut damages nothing, so nothing may be set aside. */
static int
files_aside(struct fake_disk *d)
{
	char *name = xasprintf("%s/channels/c1/log", fake_disk_path(d));
	DIR *dir = opendir(name);
	struct dirent *f;
	int n = 0;

	while ((f = readdir(dir)) != NULL)
		n += strstr(f->d_name, ".bad") != NULL;
	closedir(dir);
	free(name);
	return (n);
}

/* Opens the disk as the cut has left it and compares. */
static void
check_cut(struct run *r, struct fake_disk *after, const int stored[2],
    const int committed[2])
{
	struct chan x;
	struct err e = ERR_INIT;
	int first[2], next[2], f, cursor;

	r->cuts++;
	if (chan_open_err(&x, &channel_file, fake_disk_fs(after),
	    fake_disk_path(after), small, &e) == -1) {
		wrong(r, e.msg, -1, 0, 0);
		chan_free(&x);
		return;
	}
	if (files_aside(after) > 0)
		wrong(r, "something is set aside", -1, files_aside(after), 0);
	take_all(r, &x, first, next);
	for (f = 0; f < 2; f++) {
		cursor = chan_cursor(&x, run_sources[f], run_files[f]);
		if (next[f] == -1)	/* nothing waits */
			first[f] = next[f] = cursor;
		if (cursor != next[f])
			wrong(r, cursor > next[f] ? "position ahead of the "
			    "records" : "position behind the records", f,
			    cursor, next[f]);
		if (next[f] < stored[f])
			wrong(r, "stored lines are lost", f, next[f],
			    stored[f]);
		if (first[f] > committed[f])
			wrong(r, "lines are skipped", f, first[f],
			    committed[f]);
	}
	chan_close(&x);
}

static void
cut_at(struct fake_disk *d, const struct fake_op *op, struct run *r)
{
	struct fake_disk *left;
	int stored[2], committed[2], f;
	uint64_t seed;

	for (seed = 0; seed < CUTS; seed++) {
		for (f = 0; f < 2; f++) {
			stored[f] = atomic_load(&r->stored[f]);
			committed[f] = atomic_load(&r->committed[f]);
		}
		left = fake_disk_power_cut(d, seed < FAKE_CUT_RANDOM ? seed :
		    seed + op->number);
		check_cut(r, left, stored, committed);
		fake_disk_free(left);
	}
}

static void
cut_here(struct fake_disk *d, const struct fake_op *op, bool after, void *ctx)
{
	struct run *r = ctx;

	if (after && op->kind == FAKE_RENAME &&
	    strstr(op->name, ".log") != NULL)
		atomic_fetch_add(&r->reused, 1);
	if (atomic_load(&r->over) || (after && op->kind != FAKE_SYNC &&
	    op->kind != FAKE_SYNC_DIR))
		return;
	mutex_lock(&r->cutting);
	cut_at(d, op, r);
	mutex_unlock(&r->cutting);
}

struct run_put {
	struct completion	 done;
	struct run		*r;
	int			 file, next;
};

static void
run_stored(struct completion *done, const struct err *e)
{
	struct run_put *p = container_of(done, struct run_put, done);

	if (e == NULL)
		atomic_store(&p->r->stored[p->file], p->next);
	mutex_lock(&p->r->c.lock);
	p->r->c.pending--;
	cond_broadcast(&p->r->c.cond);
	mutex_unlock(&p->r->c.lock);
	free(p);
}

static void
run_put(struct run *r, int file, int first, size_t size)
{
	struct run_put *p = xcalloc(1, sizeof *p);
	struct batch *b = chan_batch(run_sources[file], run_files[file], first,
	    LINES, size);

	batch_seal(b);
	p->r = r;
	p->file = file;
	p->next = first + LINES;
	completion_init(&p->done, NULL, run_stored);
	mutex_lock(&r->c.lock);
	r->c.pending++;
	mutex_unlock(&r->c.lock);
	UNIT_OK(r->c.ch->ops->reserve(r->c.ch, b->n, b->charge, e));
	if (atomic_load(&r->early))
		atomic_store(&r->stored[file], first + LINES);
	r->c.ch->ops->put(r->c.ch, b, &p->done);
	batch_unref(b);
}

/* Commits one lease, and remembers it before the channel does. */
static void
run_commit(struct run *r)
{
	struct lease l;
	const char *p;

	if (r->c.ch->ops->take(r->c.ch, &l, 0, 0, 0, NULL) != 1)
		return;
	UNIT_OK(lease_batch(&l, e));
	p = (const char *)l.batch->records[l.first + l.n - 1].body.p;
	atomic_store(&r->committed[p[0] - '0'], atoi(p + 2) + 1);
	chan_commit(&r->c, &l);
}

/* Two sources, groups of one to four batches, several segments, a sink that
 * lags, and a restart in the middle. */
static void
run_work(struct run *r, struct fake_disk *d, int rounds)
{
	int i, k, next[2] = { 0, 0 };

	for (i = 0; i < rounds; i++) {
		for (k = 0; k < 1 + i % 4; k++) {
			run_put(r, k % 2, next[k % 2], (size_t)(50 + i % 3 *
			    1500));
			next[k % 2] += LINES;
		}
		chan_wait(&r->c);
		if (i % 2 == 1)
			run_commit(r);
		if (i == rounds / 2) {
			chan_close(&r->c);
			chan_open(&r->c, &channel_file, fake_disk_fs(d),
			    fake_disk_path(d), small);
		}
	}
}

/* A mark, though it is not due: what is committed is trimmed. */
static void
run_trim(struct run *r)
{
	struct file *f = file_of(r->c.ch);
	int64_t marks = metric_get(&f->metrics.marks);

	mutex_lock(&f->lock);
	f->mark_moved = true;
	f->marked_at = 0;
	cond_broadcast(&f->work);
	mutex_unlock(&f->lock);
	while (metric_get(&f->metrics.marks) == marks)
		usleep(200);
}

/*
 * A sink that keeps up, so that the segments go round.  Same: all batches of a
 * file are of one size, and new ones come to lie on old ones exactly, header
 * on header.
 */
static void
run_round(struct run *r, int from, int rounds, bool same)
{
	int i, k, first;
	size_t size;

	for (i = from; i < from + rounds; i++) {
		for (k = 0; k < 2; k++) {
			first = i * LINES;
			size = same ? 1500 : (size_t)(700 + i * 37 % 5 * 400);
			/* "0:8 " and "0:1024 " make equal lines */
			size -= first < 10 ? 1 : first < 100 ? 2 :
			    first < 1000 ? 3 : 4;
			run_put(r, k, first, size);
		}
		chan_wait(&r->c);
		run_commit(r);
		run_commit(r);
		run_trim(r);
	}
}

static void
run(struct run *r, bool lie, bool early, int rounds)
{
	struct fake_disk *d = fake_disk_new();

	log_set_sink(chan_quiet, NULL);
	memset(r, 0, sizeof *r);
	mutex_init(&r->cutting);
	atomic_store(&r->early, early);
	chan_open(&r->c, &channel_file, fake_disk_fs(d), fake_disk_path(d),
	    small);
	fake_disk_lie(d, lie);
	fake_disk_watch(d, cut_here, r);
	run_work(r, d, rounds);
	atomic_store(&r->over, true);
	fake_disk_lie(d, false);
	chan_close(&r->c);
	fake_disk_free(d);
}

START_TEST(test_power)
{
	struct run r;

	run(&r, false, false, 16);
	ck_assert_msg(r.verdict[0] == '\0', "%s", r.verdict);
	ck_assert_uint_gt(r.cuts, 500);
}
END_TEST

/* Segments are written over older ones.  Row 1: exactly. */
START_TEST(test_power_spares)
{
	struct fake_disk *d = fake_disk_new();
	struct run r;
	int reused;

	log_set_sink(chan_quiet, NULL);
	memset(&r, 0, sizeof r);
	mutex_init(&r.cutting);
	chan_open(&r.c, &channel_file, fake_disk_fs(d), fake_disk_path(d),
	    small);
	atomic_store(&r.over, true);
	fake_disk_watch(d, cut_here, &r);
	run_round(&r, 0, 12, _i == 1);
	reused = atomic_load(&r.reused);
	ck_assert_int_ge(reused, 1);
	atomic_store(&r.over, false);
	run_round(&r, 12, 14, _i == 1);
	atomic_store(&r.over, true);
	ck_assert_int_ge(atomic_load(&r.reused), reused + 3);
	chan_close(&r.c);
	fake_disk_free(d);
	ck_assert_msg(r.verdict[0] == '\0', "%s", r.verdict);
	ck_assert_uint_gt(r.cuts, 1000);
}
END_TEST

/* The first start is cut as well: an empty folder becomes a channel. */
START_TEST(test_power_first)
{
	struct fake_disk *d = fake_disk_new();
	struct run r;

	log_set_sink(chan_quiet, NULL);
	memset(&r, 0, sizeof r);
	mutex_init(&r.cutting);
	fake_disk_watch(d, cut_here, &r);
	chan_open(&r.c, &channel_file, fake_disk_fs(d), fake_disk_path(d),
	    small);
	atomic_store(&r.over, true);
	chan_close(&r.c);
	fake_disk_free(d);
	ck_assert_msg(r.verdict[0] == '\0', "%s", r.verdict);
	ck_assert_uint_gt(r.cuts, 50);
}
END_TEST

/* Recovery itself is cut, at each of its operations, over what a first cut has
 * left of a group that was perhaps not synced.  Row 1: in a segment that was
 * used before. */
START_TEST(test_power_twice)
{
	struct fake_disk *d = fake_disk_new(), *left;
	struct run r, second;
	uint64_t seed, cuts = 0;
	int f;

	log_set_sink(chan_quiet, NULL);
	memset(&r, 0, sizeof r);
	chan_open(&r.c, &channel_file, fake_disk_fs(d), fake_disk_path(d),
	    small);
	if (_i == 0)
		run_work(&r, d, 9);
	else
		run_round(&r, 0, 13, true);
	run_put(&r, 0, atomic_load(&r.stored[0]), 3000);
	for (seed = 0; seed < 12; seed++) {
		memset(&second, 0, sizeof second);
		for (f = 0; f < 2; f++) {
			atomic_store(&second.stored[f],
			    atomic_load(&r.stored[f]));
			atomic_store(&second.committed[f],
			    atomic_load(&r.committed[f]));
		}
		left = fake_disk_power_cut(d, seed);
		fake_disk_watch(left, cut_here, &second);
		chan_open(&second.c, &channel_file, fake_disk_fs(left),
		    fake_disk_path(left), small);
		atomic_store(&second.over, true);
		chan_close(&second.c);
		fake_disk_free(left);
		ck_assert_msg(second.verdict[0] == '\0', "seed %d: %s",
		    (int)seed, second.verdict);
		cuts += second.cuts;
	}
	ck_assert_uint_gt(cuts, 500);
	chan_wait(&r.c);
	chan_close(&r.c);
	fake_disk_free(d);
}
END_TEST

/* Negative controls: the same check finds what it is there to find. */
START_TEST(test_planted)
{
	struct run r;

	run(&r, _i == 0, _i == 1, 6);
	ck_assert_msg(strstr(r.verdict, "stored lines are lost") != NULL,
	    "the planted fault was not found: %s", r.verdict);
}
END_TEST

/* Positions that are written before their records. */
START_TEST(test_planted_cursor)
{
	struct fake_disk *d = fake_disk_new(), *left;
	struct batch *b;
	struct run r;
	int none[2] = { 0, 0 };

	log_set_sink(chan_quiet, NULL);
	memset(&r, 0, sizeof r);
	chan_open(&r.c, &channel_file, fake_disk_fs(d), fake_disk_path(d),
	    small);
	b = chan_batch("r0", "0", 8, 0, 10);	/* line 8 is next, says it */
	ck_assert(chan_put_batch(&r.c, b));
	chan_wait(&r.c);
	run_put(&r, 0, 0, 10);
	left = fake_disk_power_cut(d, FAKE_CUT_LOSE);
	chan_wait(&r.c);
	run_put(&r, 1, 0, 10);
	chan_wait(&r.c);
	fake_disk_free(left);
	left = fake_disk_power_cut(d, FAKE_CUT_LOSE);
	check_cut(&r, left, none, none);
	ck_assert_ptr_nonnull(strstr(r.verdict, "skipped"));
	fake_disk_free(left);
	chan_close(&r.c);
	fake_disk_free(d);
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &test_power },
	{ .fn = &test_power_spares, .rows = 2 },
	{ .fn = &test_power_first },
	{ .fn = &test_power_twice, .rows = 2 },
	{ .fn = &test_planted, .rows = 2 },
	{ .fn = &test_planted_cursor },
};

int
main(void)
{
	return (UNIT_MAIN("file channel over power cuts", tests));
}
