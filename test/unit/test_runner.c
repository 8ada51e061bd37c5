/* agent/runner over the memory channel: order, commits, failures, stop. */
#include "agent/runner.h"
#include "base/clock.h"
#include "base/thread.h"
#include "channels/channels.h"
#include "test/unit/unit.h"

/* --- a sink that keeps bodies, and fails when it is told to --- */

struct fake_sink {
	struct sink		 sink;
	struct mutex		 mutex;
	struct cond		 cond;
	struct sb		 got;		/* bodies, a blank behind each */
	int			 fail;		/* deliveries to fail */
	enum err_code		 code;
	bool			 hold;		/* complete later */
	struct completion	*held[8];
	size_t			 nheld;
	unsigned		 deliveries;
};

static void
fake_deliver(struct sink *k, struct lease *l, struct completion *done)
{
	struct fake_sink *f = (struct fake_sink *)k;
	struct err e = ERR_INIT;
	const struct record *r;
	uint32_t i;
	bool fail, hold;

	lease_batch(l, &e);
	mutex_lock(&f->mutex);
	f->deliveries++;
	fail = f->fail > 0;
	if (fail)
		f->fail--;
	for (i = 0; !fail && i < l->n; i++) {
		r = &l->batch->records[l->first + i];
		sb_add(&f->got, r->body.p, r->body.len);
		sb_puts(&f->got, " ");
	}
	hold = f->hold;
	if (hold)
		f->held[f->nheld++] = done;
	cond_broadcast(&f->cond);
	mutex_unlock(&f->mutex);
	if (fail) {
		err_set(&e, f->code, "told to fail");
		completion_done(done, &e);
	} else if (!hold)
		completion_done(done, NULL);
}

static void
fake_stop(struct sink *k)
{
	struct fake_sink *f = (struct fake_sink *)k;
	size_t i;

	for (i = 0; i < f->nheld; i++)
		completion_done(f->held[i], NULL);
	f->nheld = 0;
}

static const struct sink_ops sink_like = {
	.plugin = { .name = "fake" }, .deliver = fake_deliver,
	.stop = fake_stop
};

/* --- the bed --- */

struct bed {
	struct channel		*ch;
	struct fake_sink	 k;
	struct runner		*r;
	struct plugin_env	 env;
	struct mutex		 mutex;
	struct cond		 cond;
	uint64_t		 delivered;
};

static void
host_room(struct channel *ch)
{
	(void)ch;
}

static void
host_delivered(struct channel *ch, const char *source, const struct cursor *c)
{
	struct bed *b = ch->host_data;

	(void)source;
	mutex_lock(&b->mutex);
	b->delivered = c->v[0].offset;
	cond_broadcast(&b->cond);
	mutex_unlock(&b->mutex);
}

static const struct channel_host host = { host_room, host_delivered };

static void
bed_open(struct bed *b, uint32_t inflight)
{
	struct conf_problems p = { 0 };

	mutex_init(&b->mutex);
	cond_init(&b->cond);
	b->ch = xcalloc(1, channel_memory.plugin.size);
	settings_fill(channel_memory.plugin.settings, b->ch, NULL, &p);
	b->ch->ops = &channel_memory;
	b->ch->name = "c1";
	b->ch->who = "channel=c1";
	b->ch->env = &b->env;
	b->ch->host = &host;
	b->ch->host_data = b;
	UNIT_OK(channel_memory.open(b->ch, e));
	mutex_init(&b->k.mutex);
	cond_init(&b->k.cond);
	b->k.sink.ops = &sink_like;
	b->k.sink.name = "k1";
	b->k.sink.who = "sink=k1";
	b->k.sink.inflight = inflight;
	UNIT_OK(runner_start(&b->r, &b->k.sink, b->ch, e));
}

static void
bed_close(struct bed *b)
{
	runner_stop(b->r);
	channel_memory.close(b->ch);
	channel_memory.free(b->ch);
	sb_fini(&b->k.got);
}

static void
put(struct bed *b, const char *body, uint64_t offset)
{
	struct cursor_entry v = { SLICE("f"), offset, SLICE("") };
	struct cursor c = { &v, 1 };
	struct batch *batch = batch_new();

	batch->source = "r1";
	batch_add(batch, batch_copy(batch, slice_str(body)));
	batch_set_cursor(batch, &c);
	batch_seal(batch);
	UNIT_OK(channel_memory.reserve(b->ch, batch->n, batch->charge, e));
	channel_memory.put(b->ch, batch, NULL);
	batch_unref(batch);
}

static void
wait_delivered(struct bed *b, uint64_t offset)
{
	int64_t until = clock_mono_ns() + INT64_C(20000000000);

	mutex_lock(&b->mutex);
	while (b->delivered != offset)
		ck_assert(cond_wait_until(&b->cond, &b->mutex, until));
	mutex_unlock(&b->mutex);
}

static void
wait_deliveries(struct bed *b, unsigned n)
{
	int64_t until = clock_mono_ns() + INT64_C(20000000000);

	mutex_lock(&b->k.mutex);
	while (b->k.deliveries < n)
		ck_assert(cond_wait_until(&b->k.cond, &b->k.mutex, until));
	mutex_unlock(&b->k.mutex);
}

/* The runner counts the commit right behind its report. */
static void
wait_idle(struct bed *b)
{
	int64_t until = clock_mono_ns() + INT64_C(20000000000);

	while (!runner_idle(b->r))
		ck_assert(clock_mono_ns() < until);
}

/* --- tests --- */

START_TEST(test_delivers_and_commits)
{
	struct bed b = { 0 };

	bed_open(&b, 4);
	put(&b, "a", 1);
	put(&b, "b", 2);
	put(&b, "c", 3);
	wait_delivered(&b, 3);
	ck_assert_str_eq(b.k.got.ptr, "a b c ");
	wait_idle(&b);
	bed_close(&b);
}
END_TEST

START_TEST(test_failure_is_tried_again_in_order)
{
	struct bed b = { 0 };

	b.k.fail = 2;
	b.k.code = ERR_UNCERTAIN;
	bed_open(&b, 1);
	put(&b, "a", 1);
	put(&b, "b", 2);
	wait_delivered(&b, 2);
	ck_assert_str_eq(b.k.got.ptr, "a b ");
	ck_assert_int_eq(metric_get(&b.k.sink.common.failures), 2);
	bed_close(&b);
}
END_TEST

START_TEST(test_commit_waits_for_the_head)
{
	struct bed b = { 0 };
	struct completion *second;
	char state[200];

	b.k.hold = true;
	bed_open(&b, 4);
	put(&b, "a", 1);
	wait_deliveries(&b, 1);
	ck_assert_str_eq(runner_state(b.r, state, sizeof state),
	    "1 batch on the way");
	put(&b, "b", 2);
	wait_deliveries(&b, 2);
	ck_assert_str_eq(runner_state(b.r, state, sizeof state),
	    "2 batches on the way");
	second = b.k.held[1];
	b.k.nheld = 1;
	completion_done(second, NULL);
	ck_assert_uint_eq(b.delivered, 0);
	b.k.nheld = 0;
	completion_done(b.k.held[0], NULL);
	wait_delivered(&b, 2);
	bed_close(&b);
}
END_TEST

/* Row 0: as many leases as may be under way; row 1: as many bytes. */
START_TEST(test_stop_while_held)
{
	struct bed b = { 0 };

	b.k.hold = true;
	b.k.sink.inflight_bytes = _i == 0 ? 0 : 2;
	bed_open(&b, _i == 0 ? 2 : 4);
	put(&b, "a", 1);
	put(&b, "b", 2);
	put(&b, "c", 3);	/* no room for it */
	wait_deliveries(&b, 2);
	bed_close(&b);		/* completes what is held, commits it */
	ck_assert_uint_eq(b.delivered, 2);
}
END_TEST

START_TEST(test_refused_is_not_skipped)
{
	struct bed b = { 0 };
	char state[200];

	b.k.fail = 1;
	b.k.code = ERR_TOO_LARGE;
	bed_open(&b, 1);
	put(&b, "a", 1);
	wait_deliveries(&b, 1);
	while (strstr(runner_state(b.r, state, sizeof state),
	    "told to fail") == NULL)
		wait_deliveries(&b, 1);
	bed_close(&b);		/* does not wait out the pause */
	ck_assert_uint_eq(b.delivered, 0);
}
END_TEST

int
main(void)
{
	static const struct unit_test tests[] = {
		{ .fn = &test_delivers_and_commits },
		{ .fn = &test_failure_is_tried_again_in_order },
		{ .fn = &test_commit_waits_for_the_head },
		{ .fn = &test_stop_while_held, .rows = 2 },
		{ .fn = &test_refused_is_not_skipped },
	};

	return (UNIT_MAIN("runner", tests));
}
