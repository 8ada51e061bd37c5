/* agent/route and agent/selector: fan-out, back-pressure, delivered cursors. */
#include "agent/route.h"
#include "agent/selector.h"
#include "test/fake/fake_loop.h"
#include "test/unit/unit.h"

/* --- a channel that does what the test says --- */

struct fake_channel {
	struct channel		 channel;
	bool			 full, defer;
	uint64_t		 reserved, cancelled;
	struct batch		*got[16];
	struct completion	*waiting[16];
	size_t			 n;
	struct cursor_entry	 known;
	bool			 knows;
};

static int
fake_cursor(struct channel *c, const char *source, struct cursor_set *out,
    struct err *e)
{
	struct fake_channel *f = (struct fake_channel *)c;

	(void)source;
	(void)e;
	if (f->knows)
		cursor_set_put(out, &f->known);
	return (0);
}

static int
fake_reserve(struct channel *c, size_t records, size_t bytes, struct err *e)
{
	struct fake_channel *f = (struct fake_channel *)c;

	(void)bytes;
	if (f->full)
		return (err_set(e, ERR_FULL, "no room"));
	f->reserved += records;
	return (0);
}

static void
fake_cancel(struct channel *c, size_t records, size_t bytes)
{
	(void)bytes;
	((struct fake_channel *)c)->cancelled += records;
}

static void
fake_put(struct channel *c, struct batch *b, struct completion *stored)
{
	struct fake_channel *f = (struct fake_channel *)c;

	f->got[f->n] = batch_ref(b);
	f->waiting[f->n++] = stored;
	if (!f->defer)
		completion_done(stored, NULL);
}

static const struct channel_ops memory_like = {
	.plugin = { .name = "fake" }, .cursor = fake_cursor,
	.reserve = fake_reserve, .cancel = fake_cancel, .put = fake_put
};
static const struct channel_ops durable_like = {
	.plugin = { .name = "fake" }, .durable = true, .cursor = fake_cursor,
	.reserve = fake_reserve, .cancel = fake_cancel, .put = fake_put
};

/* --- a source that notes what it is told --- */

struct fake_source {
	struct source		 source;
	unsigned		 pauses, resumes, stored;
	struct completion	 done;
	uint64_t		 delivered;
	unsigned		 deliveries;
};

static void
fake_pause(struct source *s)
{
	((struct fake_source *)s)->pauses++;
}

static void
fake_resume(struct source *s)
{
	((struct fake_source *)s)->resumes++;
}

static void
fake_delivered(struct source *s, const struct cursor *c)
{
	struct fake_source *f = (struct fake_source *)s;

	f->deliveries++;
	f->delivered = c->v[0].offset;
}

static const struct source_ops source_like = {
	.pause = fake_pause, .resume = fake_resume, .delivered = fake_delivered
};

static void
stored(struct completion *c, const struct err *e)
{
	ck_assert_ptr_null(e);
	container_of(c, struct fake_source, done)->stored++;
}

/* --- the bed --- */

struct bed {
	struct fake_source	 src;
	struct fake_channel	 ch[3];
	struct channel		*channels[3];
	struct source_config	 cfg;
	size_t			 indices[3];
	struct route		*route;
};

static void
bed_open(struct bed *b, size_t n, const struct channel_ops *ops)
{
	struct err e = ERR_INIT;
	size_t i;

	b->src.source.ops = &source_like;
	b->src.source.name = "r1";
	b->src.source.who = "source=r1";
	b->src.source.loop = loop_new("test", &e);
	completion_init(&b->src.done, b->src.source.loop, stored);
	for (i = 0; i < n; i++) {
		b->ch[i].channel.ops = ops;
		b->ch[i].channel.who = "channel=c";
		b->channels[i] = &b->ch[i].channel;
		b->indices[i] = i;
	}
	b->cfg.channels = b->indices;
	b->cfg.nchannels = n;
	b->route = route_new(&b->src.source, &b->cfg, b->channels,
	    xcalloc(1, sizeof (struct interceptor *)), 0);
}

static void
bed_close(struct bed *b)
{
	size_t i, j;

	for (i = 0; i < NELEM(b->ch); i++)
		for (j = 0; j < b->ch[i].n; j++)
			batch_unref(b->ch[i].got[j]);
	fake_run();
	route_free(b->route);
	loop_free(b->src.source.loop);
}

static struct batch *
make_batch(unsigned n)
{
	struct batch *b = batch_new();
	unsigned i;

	for (i = 0; i < n; i++)
		batch_add(b, batch_copy(b, SLICE("line")));
	return (b);
}

static int
emit(struct bed *b, struct batch *batch, struct err *e)
{
	return (source_emit(&b->src.source, batch, &b->src.done, e));
}

/* --- tests --- */

START_TEST(test_all_or_none)
{
	struct bed b = { 0 };
	struct batch *batch = make_batch(3);

	bed_open(&b, 3, &memory_like);
	b.ch[2].full = true;
	UNIT_ERR(emit(&b, batch, e), ERR_FULL);
	ck_assert_uint_eq(b.ch[0].n + b.ch[1].n + b.ch[2].n, 0);
	ck_assert_uint_eq(b.ch[0].reserved, b.ch[0].cancelled);
	ck_assert_uint_eq(b.src.pauses, 1);
	/* room somewhere else does not matter, room at all resumes */
	b.ch[2].full = false;
	route_room(b.route);
	route_room(b.route);
	fake_run();
	ck_assert_uint_eq(b.src.resumes, 1);
	UNIT_OK(emit(&b, batch, e));
	fake_run();
	ck_assert_uint_eq(b.src.stored, 1);
	ck_assert_uint_eq(b.ch[0].n, 1);
	ck_assert_uint_eq(b.ch[2].n, 1);
	bed_close(&b);
}
END_TEST

START_TEST(test_stored_by_all)
{
	struct bed b = { 0 };

	bed_open(&b, 2, &memory_like);
	b.ch[1].defer = true;
	UNIT_OK(emit(&b, make_batch(1), e));
	fake_run();
	ck_assert_uint_eq(b.src.stored, 0);
	completion_done(b.ch[1].waiting[0], NULL);
	fake_run();
	ck_assert_uint_eq(b.src.stored, 1);
	bed_close(&b);
}
END_TEST

START_TEST(test_optional_is_skipped_when_full)
{
	struct bed b = { 0 };
	size_t opt[] = { 1 };

	b.cfg.selector.opt = opt;
	b.cfg.selector.nopt = 1;
	bed_open(&b, 2, &memory_like);
	b.ch[1].full = true;
	UNIT_OK(emit(&b, make_batch(2), e));
	fake_run();
	ck_assert_uint_eq(b.src.stored, 1);
	ck_assert_uint_eq(b.src.pauses, 0);
	ck_assert_uint_eq(b.ch[0].n, 1);
	ck_assert_uint_eq(b.ch[1].n, 0);
	bed_close(&b);
}
END_TEST

static void
deliver(struct bed *b, size_t ch, uint64_t offset)
{
	struct cursor_entry v = { SLICE("file"), offset, SLICE("") };
	struct cursor c = { &v, 1 };

	route_delivered(b->route, b->channels[ch], &c);
	fake_run();
}

START_TEST(test_delivered_is_the_smallest)
{
	struct bed b = { 0 };

	bed_open(&b, 2, &memory_like);
	route_started(b.route);
	deliver(&b, 0, 100);
	ck_assert_uint_eq(b.src.deliveries, 0);
	deliver(&b, 1, 40);
	ck_assert_uint_eq(b.src.delivered, 40);
	deliver(&b, 1, 70);
	ck_assert_uint_eq(b.src.delivered, 70);
	deliver(&b, 1, 170);
	ck_assert_uint_eq(b.src.delivered, 100);
	bed_close(&b);
}
END_TEST

/* A sink empties a durable channel while the source is not there yet. */
START_TEST(test_delivered_waits_for_the_start)
{
	struct bed b = { 0 };

	bed_open(&b, 1, &durable_like);
	UNIT_OK(route_start(b.route, e));
	deliver(&b, 0, 100);
	deliver(&b, 0, 150);
	ck_assert_uint_eq(b.src.deliveries, 0);
	route_started(b.route);
	ck_assert_uint_eq(b.src.delivered, 150);
	deliver(&b, 0, 170);
	ck_assert_uint_eq(b.src.delivered, 170);
	bed_close(&b);
}
END_TEST

START_TEST(test_start_cursor)
{
	struct bed b = { 0 };
	struct cursor_set *set = cursor_set_new();
	const struct cursor_entry *got;
	bool own;

	bed_open(&b, 3, &durable_like);
	b.ch[0].known = (struct cursor_entry){ SLICE("f"), 90, SLICE("") };
	b.ch[2].known = (struct cursor_entry){ SLICE("f"), 30, SLICE("") };
	b.ch[0].knows = b.ch[2].knows = true;	/* 1 is new: left out */
	UNIT_OK(route_cursor(b.route, set, &own, e));
	ck_assert(!own);
	got = cursor_set_get(set, SLICE("f"));
	ck_assert_ptr_nonnull(got);
	ck_assert_uint_eq(got->offset, 30);
	b.ch[1].channel.ops = &memory_like;
	cursor_set_clear(set);
	UNIT_OK(route_cursor(b.route, set, &own, e));
	ck_assert(own);
	cursor_set_free(set);
	bed_close(&b);
}
END_TEST

/* Flume's TestMultiplexingChannelSelector, by its cases. */
static const struct {
	const char	*value;		/* NULL: no header */
	unsigned	 required, optional;	/* bits of ch1..ch3 */
} mux[] = {
	{ "foo", 0x3, 0x4 },
	{ "bar", 0x6, 0x0 },
	{ "xyz", 0x7, 0x0 },
	{ NULL, 0x5, 0x0 },
	{ "bar1", 0x5, 0x0 },
	{ "zebra", 0x5, 0x2 },
};

START_TEST(test_multiplexing)
{
	size_t ch12[] = { 0, 1 }, ch23[] = { 1, 2 }, ch123[] = { 0, 1, 2 };
	size_t ch13[] = { 0, 2 };
	struct mapping_config map[] = {
		{ (char *)"foo", ch12, 2 }, { (char *)"bar", ch23, 2 },
		{ (char *)"xyz", ch123, 3 }
	};
	struct mapping_config optional[] = {
		{ (char *)"foo", ch23, 2 }, { (char *)"xyz", ch13, 2 },
		{ (char *)"zebra", ch12, 2 }
	};
	struct selector_config cfg = {
		.multiplexing = true, .header = (char *)"myheader",
		.map = map, .nmap = 3, .optional = optional, .noptional = 3,
		.def = ch13, .ndef = 2
	};
	struct selector *s = selector_new(&cfg, ch123, 3);
	struct batch *b = make_batch(1), *out[3];
	uint64_t required;
	unsigned i, got = 0;

	if (mux[_i].value != NULL)
		batch_set(b, NULL, SLICE("myheader"),
		    slice_str(mux[_i].value), true);
	batch_seal(b);
	selector_split(s, b, out, &required);
	for (i = 0; i < 3; i++) {
		got |= (out[i]->n == 1) << i;
		batch_unref(out[i]);
	}
	ck_assert_uint_eq(got, mux[_i].required | mux[_i].optional);
	ck_assert_uint_eq(required & mux[_i].required, mux[_i].required);
	batch_unref(b);
	selector_free(s);
}
END_TEST

START_TEST(test_mixed_batch_is_split)
{
	size_t all[] = { 0, 1 }, first[] = { 0 }, second[] = { 1 };
	struct mapping_config map[] = {
		{ (char *)"a", first, 1 }, { (char *)"b", second, 1 }
	};
	struct selector_config cfg = {
		.multiplexing = true, .header = (char *)"h", .map = map,
		.nmap = 2
	};
	struct selector *s = selector_new(&cfg, all, 2);
	struct batch *b = make_batch(3), *out[2];
	uint64_t required;

	batch_set(b, &b->records[0], SLICE("h"), SLICE("a"), true);
	batch_set(b, &b->records[1], SLICE("h"), SLICE("b"), true);
	batch_set(b, &b->records[2], SLICE("h"), SLICE("a"), true);
	batch_seal(b);
	selector_split(s, b, out, &required);
	ck_assert_uint_eq(out[0]->n, 2);
	ck_assert_uint_eq(out[1]->n, 1);
	ck_assert_uint_eq(required, 3);
	batch_unref(out[0]);
	batch_unref(out[1]);
	batch_unref(b);
	selector_free(s);
}
END_TEST

int
main(void)
{
	static const struct unit_test tests[] = {
		{ .fn = &test_all_or_none },
		{ .fn = &test_stored_by_all },
		{ .fn = &test_optional_is_skipped_when_full },
		{ .fn = &test_delivered_is_the_smallest },
		{ .fn = &test_delivered_waits_for_the_start },
		{ .fn = &test_start_cursor },
		{ .fn = &test_multiplexing, .rows = NELEM(mux) },
		{ .fn = &test_mixed_batch_is_split },
	};

	return (UNIT_MAIN("route", tests));
}
