/* Committed offsets in memory, and groups as records and back. */
#include "test/unit/unit.h"

#include "broker/offsets.h"
#include "broker/offsets_log.h"

static struct committed
at(int64_t offset, const char *metadata)
{
	return ((struct committed){ .leader_epoch = 3, .offset = offset,
	    .commit_ms = 5, .metadata = slice_str(metadata) });
}

static void
put(struct offsets *o, const char *topic, int32_t partition, int64_t offset,
    const char *metadata)
{
	struct committed c = at(offset, metadata);

	offsets_put(o, slice_str(topic), partition, &c);
}

START_TEST(put_and_get)
{
	struct offsets *o = offsets_new();
	const struct committed *c;

	ck_assert_ptr_null(offsets_get(o, SLICE("t"), 0));
	put(o, "t", 3, 30, "three");
	put(o, "t", 1, 10, "");
	put(o, "t", 2, 20, "two");
	put(o, "u", 3, 99, "");
	ck_assert_uint_eq(offsets_count(o), 4);
	c = offsets_get(o, SLICE("t"), 3);
	ck_assert_int_eq(c->offset, 30);
	ck_assert_int_eq(c->leader_epoch, 3);
	UNIT_SLICE(c->metadata, "three");
	put(o, "t", 3, 31, "again");
	ck_assert_uint_eq(offsets_count(o), 4);
	UNIT_SLICE(offsets_get(o, SLICE("t"), 3)->metadata, "again");
	ck_assert_ptr_null(offsets_get(o, SLICE("t"), 4));
	offsets_free(o);
}
END_TEST

START_TEST(partitions_are_sorted)
{
	struct offsets *o = offsets_new();
	const struct offsets_topic *t;
	uint64_t state = 1;
	size_t i, it = 0;

	for (i = 0; i < 2000; i++)
		put(o, "t", (int32_t)(unit_random(&state) % 500), (int64_t)i,
		    "m");
	t = offsets_next(o, &it);
	ck_assert_uint_eq(t->n, offsets_count(o));
	for (i = 1; i < t->n; i++)
		ck_assert_int_lt(t->v[i - 1].partition, t->v[i].partition);
	ck_assert_ptr_null(offsets_next(o, &it));
	offsets_free(o);
}
END_TEST

START_TEST(removal)
{
	struct offsets *o = offsets_new();
	int32_t i;

	for (i = 0; i < 100; i++)
		put(o, "t", i, i, "some metadata");
	for (i = 0; i < 100; i++) {
		ck_assert(offsets_remove(o, SLICE("t"), (i * 37) % 100));
		ck_assert(!offsets_remove(o, SLICE("t"), (i * 37) % 100));
	}
	ck_assert_uint_eq(offsets_count(o), 0);
	ck_assert_ptr_null(offsets_topic(o, SLICE("t")));
	ck_assert(!offsets_remove(o, SLICE("x"), 0));
	offsets_free(o);
}
END_TEST

/* --- a group's record --- */

static const struct group_limits limits = { 1, 1800000, 0, 100 };

static void
join(struct group *g, const char *new_id, const char *instance,
    struct group_actions *out)
{
	struct group_protocol p[2] = {
		{ SLICE("range"), slice_str(new_id) },
		{ SLICE("sticky"), SLICE("other") },
	};
	struct group_join ev = { .req = out, .member_id = SLICE(""),
	    .instance = slice_str(instance), .client_id = SLICE("c"),
	    .client_host = SLICE("/h"), .session_ms = 10000,
	    .rebalance_ms = 60000, .protocol_type = SLICE("consumer"),
	    .protocols = p, .nprotocols = 2, .new_id = slice_str(new_id) };

	group_join(g, &ev, 1, out);
	out->n = 0;
}

START_TEST(group_there_and_back)
{
	struct group *g = group_new(SLICE("g"), &limits), *h;
	struct group_assignment as = { SLICE("a"), SLICE("assigned") };
	struct group_sync ev = { .req = g, .member_id = SLICE("a"),
	    .instance = SLICE("i"), .generation = 1, .assignments = &as,
	    .n = 1 };
	struct group_actions out = { NULL, 0, 0 };
	struct records rs = RECORDS_INIT;
	const struct group_member *m;

	join(g, "a", "i", &out);
	group_sync(g, &ev, 1, &out);
	g->state_ms = 77;
	records_group(&rs, g);
	h = group_new(SLICE("g"), &limits);
	UNIT_OK(offsets_log_restore(h, records_last_value(&rs), e));
	group_restored(h, 1, &out);
	ck_assert_int_eq(h->state, GROUP_STABLE);
	ck_assert_int_eq(h->generation, 1);
	ck_assert_int_eq(h->state_ms, 77);
	UNIT_SLICE(h->protocol, "range");
	UNIT_SLICE(h->protocol_type, "consumer");
	m = group_find(h, SLICE("a"));
	ck_assert_ptr_eq(m, h->leader);
	UNIT_SLICE(m->instance, "i");
	UNIT_SLICE(m->client_id, "c");
	UNIT_SLICE(m->client_host, "/h");
	UNIT_SLICE(m->assignment, "assigned");
	UNIT_SLICE(group_metadata(h, m), "a");
	ck_assert_int_eq(m->session_ms, 10000);
	ck_assert_int_eq(m->rebalance_ms, 60000);
	out.n = 0;
	group_close(g, 16, &out);
	group_free(g);
	group_free(h);
	group_actions_fini(&out);
	records_fini(&rs);
}
END_TEST

START_TEST(damaged_group)
{
	struct group *g = group_new(SLICE("g"), &limits), *h;
	struct group_actions out = { NULL, 0, 0 };
	struct records rs = RECORDS_INIT;
	struct slice value;
	size_t i;

	join(g, "a", NULL, &out);
	records_group(&rs, g);
	value = records_last_value(&rs);
	for (i = 0; i < value.len; i++) {
		h = group_new(SLICE("g"), &limits);
		UNIT_ERR(offsets_log_restore(h, slice_of(value.p, i), e),
		    ERR_CORRUPT);
		ck_assert(group_vacant(h));
		group_free(h);
	}
	out.n = 0;
	group_close(g, 16, &out);
	group_free(g);
	group_actions_fini(&out);
	records_fini(&rs);
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &put_and_get },
	{ .fn = &partitions_are_sorted },
	{ .fn = &removal },
	{ .fn = &group_there_and_back },
	{ .fn = &damaged_group },
};

int
main(void)
{
	return (UNIT_MAIN("offsets", tests));
}
