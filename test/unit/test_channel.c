/* What both channels promise: row 0 is memory, row 1 is file. */
#include "test/unit/channel_util.h"

#include <pthread.h>

static char path[64];
static int dir;
static struct chan c;

static const struct channel_ops *const kinds[] = {
	&channel_memory, &channel_file
};

static void
setup(int kind, const char *key, const char *value)
{
	const char *const kv[] = { key, value, NULL };

	log_set_sink(chan_quiet, NULL);
	dir = unit_dir(path);
	chan_open(&c, kinds[kind], &fs_real, path, key == NULL ? NULL : kv);
}

static void
done(void)
{
	chan_close(&c);
	unit_dir_remove(dir, path);
}

START_TEST(test_order)
{
	setup(_i, NULL, NULL);
	chan_take_none(&c);
	chan_put(&c, "r1", "f", 0, 10, 5);
	chan_put(&c, "r1", "f", 10, 1, 5);
	chan_put(&c, "r1", "f", 11, 100, 200);
	chan_wait(&c);
	ck_assert_uint_eq(chan_fill(&c).records, 111);
	ck_assert_uint_gt(chan_fill(&c).bytes, 20000);
	chan_drain(&c, "f", 0, 111, 0, 0);
	chan_take_none(&c);
	chan_wait_told(&c, "f", 111);
	ck_assert_uint_eq(chan_fill(&c).records, 0);
	ck_assert_uint_eq(chan_fill(&c).bytes, 0);
	ck_assert_int_eq(metric_get(&c.ch->common.put_records), 111);
	ck_assert_int_eq(metric_get(&c.ch->common.taken_records), 111);
	ck_assert_int_eq(metric_get(&c.ch->common.committed_records), 111);
	done();
}
END_TEST

/* Leases of a part: by records, by bytes, at least one record. */
START_TEST(test_limits)
{
	struct lease l;

	setup(_i, NULL, NULL);
	chan_put(&c, "r1", "f", 0, 10, 100);
	chan_put(&c, "r1", "f", 10, 3, 100);
	chan_wait(&c);
	chan_take(&c, &l, 4, 0);
	ck_assert_uint_eq(l.n, 4);
	ck_assert_int_eq(l.hint, 42);
	chan_is(&l, 0, "f", 0);
	chan_commit(&c, &l);
	chan_take(&c, &l, 0, 1);
	ck_assert_uint_eq(l.n, 1);
	ck_assert_uint_eq(l.bytes, 104);
	chan_is(&l, 0, "f", 4);
	chan_commit(&c, &l);
	chan_take(&c, &l, 0, 250);
	ck_assert_uint_eq(l.n, 2);
	ck_assert_uint_eq(l.bytes, 208);
	chan_commit(&c, &l);
	chan_take(&c, &l, 100, 100000);	/* not beyond the batch */
	ck_assert_uint_eq(l.n, 3);
	chan_is(&l, 2, "f", 9);
	ck_assert_int_eq(chan_told(&c, "f"), 0);
	chan_commit(&c, &l);
	chan_drain(&c, "f", 10, 3, 2, 0);
	chan_wait_told(&c, "f", 13);
	done();
}
END_TEST

/* Committed out of order: told in order; rolled back: offered again first. */
START_TEST(test_leases)
{
	struct lease v[6], l;
	int i;

	setup(_i, NULL, NULL);
	for (i = 0; i < 6; i++)
		chan_put(&c, "r1", "f", 10 * i, 10, 20);
	chan_wait(&c);
	for (i = 0; i < 5; i++) {
		chan_take(&c, &v[i], 0, 0);
		chan_is(&v[i], 0, "f", 10 * i);
	}
	chan_commit(&c, &v[1]);
	chan_commit(&c, &v[4]);
	ck_assert_int_eq(chan_told(&c, "f"), 0);
	c.ch->ops->rollback(c.ch, &v[2]);
	c.ch->ops->rollback(c.ch, &v[0]);
	for (i = 0; i < 2; i++) {	/* split, rolled back, joined */
		chan_take(&c, &l, 3, 0);
		chan_is(&l, 0, "f", 0);
		ck_assert_uint_eq(l.n, 3);
		c.ch->ops->rollback(c.ch, &l);
	}
	chan_take(&c, &v[0], 0, 0);
	ck_assert_uint_eq(v[0].n, 10);
	chan_is(&v[0], 0, "f", 0);
	chan_take(&c, &v[2], 0, 0);
	chan_is(&v[2], 0, "f", 20);
	chan_take(&c, &v[5], 0, 0);
	chan_is(&v[5], 0, "f", 50);
	chan_take_none(&c);
	chan_commit(&c, &v[0]);
	ck_assert_int_le(chan_told(&c, "f"), 20);
	chan_commit(&c, &v[2]);
	chan_commit(&c, &v[3]);
	chan_commit(&c, &v[5]);
	chan_wait_told(&c, "f", 60);
	ck_assert_uint_eq(chan_fill(&c).records, 0);
	ck_assert_int_eq(metric_get(&c.ch->common.rolled_back_records), 26);
	done();
}
END_TEST

/* A batch of which nothing is left moves the cursor when it is its turn. */
START_TEST(test_empty_batch)
{
	setup(_i, NULL, NULL);
	chan_put(&c, "r1", "f", 0, 5, 5);
	chan_put(&c, "r1", "f", 5, 0, 5);
	chan_put(&c, "r2", "g", 7, 0, 5);
	chan_put(&c, "r1", "f", 5, 2, 5);
	chan_wait(&c);
	ck_assert_int_eq(chan_told(&c, "g"), 0);
	chan_drain(&c, "f", 0, 5, 0, 0);
	chan_drain(&c, "f", 5, 2, 0, 0);
	chan_wait_told(&c, "g", 7);
	chan_wait_told(&c, "f", 7);
	chan_put(&c, "r2", "g", 9, 0, 5);
	chan_wait(&c);
	chan_take_none(&c);
	chan_wait_told(&c, "g", 9);
	done();
}
END_TEST

/* Headers: common, own, empty values, many kinds of records in one batch. */
START_TEST(test_headers)
{
	struct batch *b;
	struct lease l;
	uint32_t it = 0;
	struct header h;

	setup(_i, NULL, NULL);
	b = chan_batch("r1", "f", 0, 3, 5);
	batch_set(b, NULL, SLICE("host"), SLICE("web1"), true);
	chan_put_batch(&c, b);
	b = chan_batch("r1", "f", 3, 3, 5);
	batch_set(b, NULL, SLICE("host"), SLICE("web1"), true);
	batch_set(b, &b->records[1], SLICE("host"), SLICE("web2"), true);
	batch_set(b, &b->records[2], SLICE("empty"), SLICE(""), true);
	chan_put_batch(&c, b);
	chan_wait(&c);
	chan_take(&c, &l, 0, 0);
	ck_assert_ptr_null(l.stored.p);
	ck_assert_uint_eq(l.bytes, 3 * (9 + 8));
	UNIT_SLICE(batch_get(l.batch, &l.batch->records[2], SLICE("host")),
	    "web1");
	ck_assert(batch_next_header(l.batch, &l.batch->records[0], &it, &h));
	ck_assert(!batch_next_header(l.batch, &l.batch->records[0], &it, &h));
	chan_commit(&c, &l);
	chan_take(&c, &l, 2, 0);
	chan_commit(&c, &l);
	chan_take(&c, &l, 2, 0);
	ck_assert_uint_eq(l.first, 2);
	UNIT_SLICE(batch_get(l.batch, &l.batch->records[0], SLICE("host")),
	    "web1");
	UNIT_SLICE(batch_get(l.batch, &l.batch->records[1], SLICE("host")),
	    "web2");
	UNIT_SLICE(batch_get(l.batch, &l.batch->records[2], SLICE("empty")),
	    "");
	ck_assert_ptr_null(batch_get(l.batch, &l.batch->records[1],
	    SLICE("empty")).p);
	ck_assert_int_eq(l.batch->timestamp, 1003);
	chan_commit(&c, &l);
	done();
}
END_TEST

/* Capacity in records: full, told when there is room, and one batch of any
 * size when it is empty. */
START_TEST(test_capacity)
{
	struct lease l;

	setup(_i, "capacity", "25");
	chan_put(&c, "r1", "f", 0, 10, 5);
	chan_put(&c, "r1", "f", 10, 10, 5);
	chan_wait(&c);
	ck_assert_int_eq(chan_put_batch(&c, chan_batch("r1", "f", 20, 10, 5)),
	    false);
	ck_assert_int_eq(atomic_load(&c.rooms), 0);
	ck_assert_int_eq(metric_get(&c.ch->common.full), 1);
	chan_drain(&c, "f", 0, 10, 0, 0);
	ck_assert_int_eq(atomic_load(&c.rooms), 1);
	chan_put(&c, "r1", "f", 20, 10, 5);
	chan_wait(&c);
	chan_drain(&c, "f", 10, 20, 0, 0);
	ck_assert_int_eq(atomic_load(&c.rooms), 1);
	chan_put(&c, "r1", "f", 30, 100, 5);
	chan_wait(&c);
	UNIT_ERR(c.ch->ops->reserve(c.ch, 1, 1, e), ERR_FULL);
	chan_take(&c, &l, 0, 0);
	chan_commit(&c, &l);
	ck_assert_int_eq(atomic_load(&c.rooms), 2);
	UNIT_OK(c.ch->ops->reserve(c.ch, 20, 100, e));
	UNIT_ERR(c.ch->ops->reserve(c.ch, 20, 100, e), ERR_FULL);
	c.ch->ops->cancel(c.ch, 20, 100);
	ck_assert_int_eq(atomic_load(&c.rooms), 3);
	done();
}
END_TEST

static void *
wake_it(void *arg)
{
	while (atomic_load((atomic_int *)arg) == 0)
		c.ch->ops->wake(c.ch);
	return (NULL);
}

START_TEST(test_settings)
{
	UNIT_OK(settings_check_table(kinds[_i]->plugin.settings, e));
}
END_TEST

START_TEST(test_wake)
{
	atomic_int stop = 0;
	struct lease l;
	pthread_t t;

	setup(_i, NULL, NULL);
	pthread_create(&t, NULL, wake_it, &stop);
	ck_assert_int_eq(c.ch->ops->take(c.ch, &l, 0, 0, 60000, NULL), 0);
	atomic_store(&stop, 1);
	pthread_join(t, NULL);
	ck_assert_int_eq(c.ch->ops->take(c.ch, &l, 0, 0, 1, NULL), 0);
	done();
}
END_TEST

/* --- threads: two sources, three sinks that commit and roll back --- */

#define LINES	20000
#define PART	50

static atomic_uchar seen[2][LINES];
static atomic_int taken;

static void *
source(void *arg)
{
	static const char *const names[] = { "r0", "r1" };
	int which = (int)(intptr_t)arg, i;
	char file[2] = { (char)('0' + which), 0 };

	for (i = 0; i < LINES; i += PART)
		while (!chan_put_batch(&c, chan_batch(names[which], file, i,
		    PART, 50)))
			usleep(100);
	return (NULL);
}

static void *
sink(void *arg)
{
	uint64_t seed = (uint64_t)(intptr_t)arg;
	struct lease l;
	uint32_t i;
	const uint8_t *p;
	int line;

	while (atomic_load(&taken) < 2 * LINES) {
		if (c.ch->ops->take(c.ch, &l, 1 + unit_random(&seed) % 100, 0,
		    10, NULL) != 1)
			continue;
		UNIT_OK(lease_batch(&l, e));
		if (unit_random(&seed) % 4 == 0) {
			c.ch->ops->rollback(c.ch, &l);
			continue;
		}
		for (i = 0; i < l.n; i++) {
			p = l.batch->records[l.first + i].body.p;
			line = atoi((const char *)p + 2);
			ck_assert_int_eq(atomic_fetch_add(&seen[p[0] -
			    '0'][line], 1), 0);
		}
		atomic_fetch_add(&taken, (int)l.n);
		chan_commit(&c, &l);
	}
	return (NULL);
}

START_TEST(test_threads)
{
	pthread_t t[5];
	intptr_t i;

	setup(_i, "capacity", "2000");
	for (i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, source, (void *)i);
	for (i = 2; i < 5; i++)
		pthread_create(&t[i], NULL, sink, (void *)i);
	for (i = 0; i < 5; i++)
		pthread_join(t[i], NULL);
	chan_wait(&c);
	ck_assert_int_eq(atomic_load(&taken), 2 * LINES);
	chan_wait_told(&c, "0", LINES);
	chan_wait_told(&c, "1", LINES);
	ck_assert_uint_eq(chan_fill(&c).records, 0);
	ck_assert_uint_eq(chan_fill(&c).bytes, 0);
	done();
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &test_order, .rows = 2 },
	{ .fn = &test_limits, .rows = 2 },
	{ .fn = &test_leases, .rows = 2 },
	{ .fn = &test_empty_batch, .rows = 2 },
	{ .fn = &test_headers, .rows = 2 },
	{ .fn = &test_capacity, .rows = 2 },
	{ .fn = &test_settings, .rows = 2 },
	{ .fn = &test_wake, .rows = 2 },
	{ .fn = &test_threads, .rows = 2 },
};

int
main(void)
{
	return (UNIT_MAIN("channels", tests));
}
