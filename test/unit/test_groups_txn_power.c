/*
 * Power cuts while offsets are committed in transactions.  A model knows what
 * each group has; from the disk of a cut comes a broker that has what the model
 * had before the request that was under way, or after it, and also when the
 * markers of what was open come then: nothing lost, nothing twice, nothing of
 * an aborted one.
 */
#include "test/unit/groups_txn_client.h"

#include "test/fake/fake_disk.h"

#define GROUPS		2
#define PARTITIONS	3
#define PRODUCERS	3
#define STEPS		150
#define MAX_CUTS	60

struct entry {
	int64_t	offset;			/* -1: none */
	int	at;			/* the step */
};
typedef struct entry table[GROUPS][PARTITIONS];
struct model {
	table	committed;
	table	staged[PRODUCERS];
	bool	open[PRODUCERS];
};

static const char *const groups[GROUPS] = { "g", "h" };
static struct bed bed;

/* lock: what the request under way makes of what. */
static struct mutex lock;
static struct model before, after_;
static struct cut {
	struct fake_disk *disk;
	struct model	  models[2];
} cuts[MAX_CUTS];
static int ncuts, nops;
static uint64_t every;

/* --- the model --- */

static void
model_init(struct model *m)
{
	memset(m, 0, sizeof *m);
	memset(m->committed, 0xff, sizeof m->committed);
	memset(m->staged, 0xff, sizeof m->staged);
}

static void
model_end(struct model *m, int producer, bool commit)
{
	table *t = &m->staged[producer];
	int g, p;

	for (g = 0; g < GROUPS; g++)
		for (p = 0; p < PARTITIONS; p++)
			if (commit && (*t)[g][p].offset != -1 &&
			    m->committed[g][p].at < (*t)[g][p].at)
				m->committed[g][p] = (*t)[g][p];
	memset(*t, 0xff, sizeof *t);
	m->open[producer] = false;
}

static void
model_delete(struct model *m, int g, int p)
{
	int i;

	m->committed[g][p] = (struct entry){ -1, -1 };
	for (i = 0; i < PRODUCERS; i++)
		m->staged[i][g][p] = (struct entry){ -1, -1 };
}

static int64_t
model_stable(const struct model *m, int g, int p)
{
	int i;

	for (i = 0; i < PRODUCERS; i++)
		if (m->staged[i][g][p].offset != -1)
			return (-KERR_UNSTABLE_OFFSET_COMMIT);
	return (m->committed[g][p].offset);
}

static bool
model_is(const struct model *m, int fd)
{
	bool same = true;
	int g, p;

	for (g = 0; g < GROUPS && same; g++)
		for (p = 0; p < PARTITIONS && same; p++)
			same = committed_at(fd, groups[g], "t", p) ==
			    m->committed[g][p].offset &&
			    stable_at(fd, 7, groups[g], "t", p) ==
			    model_stable(m, g, p);
	return (same);
}

/* --- the run --- */

static void
on_op(struct fake_disk *d, const struct fake_op *op, bool after, void *ctx)
{
	struct cut *c;

	(void)op;
	(void)after;
	(void)ctx;
	mutex_lock(&lock);
	if (nops++ % every == 0 && ncuts < MAX_CUTS) {
		c = &cuts[ncuts++];
		c->models[0] = before;
		c->models[1] = after_;
		c->disk = fake_disk_power_cut(d, ncuts % 4 == 0 ?
		    FAKE_CUT_LOSE : (uint64_t)(FAKE_CUT_RANDOM + nops));
	}
	mutex_unlock(&lock);
}

static void
asked(const struct model *m)
{
	mutex_lock(&lock);
	after_ = *m;
	mutex_unlock(&lock);
}

static void
answered(void)
{
	mutex_lock(&lock);
	before = after_;
	mutex_unlock(&lock);
}

static void
step_end(struct model *m, int producer, bool commit)
{
	model_end(m, producer, commit);
	asked(m);
	ck_assert(txn_end(&bed, "g", producer, 0, commit));
}

static void
step_stage(int fd, struct model *m, int producer, int g, int p, int i)
{
	m->open[producer] = true;
	m->staged[producer][g][p] = (struct entry){ 1000 + i, i };
	asked(m);
	txn_begin(&bed, groups[g], producer, 0);
	ck_assert_int_eq(TXN_COMMIT(fd, .group = groups[g],
	    .producer = producer, .partition = p, .offset = 1000 + i), 0);
}

static void
step(int fd, struct model *m, uint64_t *state, int i)
{
	int producer = (int)(unit_random(state) % PRODUCERS);
	int g = (int)(unit_random(state) % GROUPS);
	int p = (int)(unit_random(state) % PARTITIONS);

	switch (unit_random(state) % 10) {
	case 0:
	case 1:
		step_end(m, producer, unit_random(state) % 3 != 0);
		break;
	case 2:
	case 3:
		m->committed[g][p] = (struct entry){ 1000 + i, i };
		asked(m);
		ck_assert_int_eq(COMMIT(fd, .group = groups[g],
		    .partition = p, .offset = 1000 + i), 0);
		break;
	case 4:
		if (m->committed[g][p].offset == -1)
			break;
		model_delete(m, g, p);
		asked(m);
		ck_assert_int_eq(delete_offset(fd, groups[g], "t", p), 0);
		break;
	default:
		step_stage(fd, m, producer, g, p, i);
		break;
	}
	answered();
}

static int
try_start(struct bed *b, struct fake_disk *d, struct err *e)
{
	static const char *const settings[] = {
		"offsets.topic.num.partitions=1", "loops=1", NULL
	};

	return (bed_try(b, fake_disk_fs(d), fake_disk_path(d), settings, e));
}

static void
run(bool lie)
{
	struct fake_disk *d = fake_disk_new();
	uint64_t state = 11;
	struct model m;
	int fd, i;

	mutex_init(&lock);
	ncuts = nops = 0;
	every = 13;
	model_init(&m);
	before = after_ = m;
	UNIT_OK(try_start(&bed, d, e));
	fd = txn_connect(&bed);
	ck_assert_int_eq(bed_create(fd, "t", PARTITIONS, NULL), 0);
	fake_disk_lie(d, lie);
	fake_disk_watch(d, on_op, NULL);
	for (i = 0; i < STEPS; i++)
		step(fd, &m, &state, i);
	fake_disk_watch(d, NULL, NULL);
	fake_disk_lie(d, false);
	close(fd);
	bed_stop(&bed);
	fake_disk_free(d);
	mutex_fini(&lock);
}

/* --- the disks that were left --- */

/* The markers of what was open, by the number of the cut. */
static void
end_all(const struct bed *b, struct model *m, int how)
{
	int i;

	for (i = 0; i < PRODUCERS; i++)
		if (m->open[i]) {
			ck_assert(txn_end(b, "g", i, 0, (how + i) % 2));
			model_end(m, i, (how + i) % 2);
		}
}

/* Does a broker on this disk say what the model says, also when all have
 * ended, and when it is started once more? */
static bool
holds(struct fake_disk *d, struct model m, int how)
{
	struct err err = ERR_INIT;
	struct bed b;
	bool ok;
	int fd;

	if (try_start(&b, d, &err) == -1)
		return (false);
	fd = txn_connect(&b);
	ok = model_is(&m, fd);
	if (ok) {
		end_all(&b, &m, how);
		ok = model_is(&m, fd);
	}
	close(fd);
	bed_stop(&b);
	if (!ok || try_start(&b, d, &err) == -1)
		return (false);
	fd = txn_connect(&b);
	ok = model_is(&m, fd);
	close(fd);
	bed_stop(&b);
	return (ok);
}

static int
differences(void)
{
	struct fake_disk *copy;
	int i, bad = 0;

	ck_assert_int_gt(ncuts, 20);
	for (i = 0; i < ncuts; i++) {
		/* Looking changes the disk: each model has its own. */
		copy = fake_disk_power_cut(cuts[i].disk, FAKE_CUT_KEEP);
		if (!holds(copy, cuts[i].models[0], i) &&
		    !holds(cuts[i].disk, cuts[i].models[1], i))
			bad++;
		fake_disk_free(copy);
		fake_disk_free(cuts[i].disk);
	}
	return (bad);
}

START_TEST(what_was_told_is_there)
{
	run(false);
	ck_assert_int_eq(differences(), 0);
}
END_TEST

/* The same over a disk that lies must lose something, or it tests nothing. */
START_TEST(a_lying_disk_loses)
{
	run(true);
	ck_assert_int_gt(differences(), 0);
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &what_was_told_is_there },
	{ .fn = &a_lying_disk_loses },
};

int
main(void)
{
	return (UNIT_MAIN("groups_txn_power", tests));
}
