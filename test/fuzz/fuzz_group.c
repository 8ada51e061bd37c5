/*
 * A consumer group under any order of events: two bytes are one event.  Every
 * request is answered once, and what group.h promises holds after each.  The
 * group is also written as a record and read back.
 */
#include "test/fuzz/fuzz.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"
#include "broker/group.h"
#include "broker/offsets_log.h"
#include "kafka/errors.h"

#define MAX_EVENTS	600

static const struct group_limits limits = { 10, 100000, 50, 4 };

struct run {
	struct group	*g;
	struct group_actions out;
	int		 answered[MAX_EVENTS];	/* a request is a place here */
	bool		 asked[MAX_EVENTS], cancelled[MAX_EVENTS];
	uint64_t	 persist;
	int64_t		 now;
};

static const char *const names[] = { "", "a", "b", "c", "d", "e", "f", "g" };

static void
act(struct run *r)
{
	size_t i;

	for (i = 0; i < r->out.n; i++)
		if (r->out.v[i].type == GROUP_PERSIST)
			r->persist = r->out.v[i].number;
		else
			++*(int *)r->out.v[i].req;
	r->out.n = 0;
}

/* The owner makes new ids from uuids: nobody has one yet. */
static bool
taken(const struct group *g, struct slice id)
{
	const struct group_member *m;

	TAILQ_FOREACH(m, &g->pending, link)
		if (slice_eq(m->id, id))
			return (true);
	return (group_find(g, id) != NULL);
}

static void
join(struct run *r, int *req, uint8_t how)
{
	struct group_protocol p[2] = {
		{ SLICE("one"), slice_str(names[how >> 6]) },
		{ SLICE("two"), SLICE("") },
	};
	struct group_join ev = {
		.req = req, .member_id = slice_str(names[how & 7]),
		.instance = (how & 0x18) == 0x18 ? SLICE("static") :
		    SLICE_NULL,
		.client_id = SLICE(""), .client_host = SLICE(""),
		.session_ms = 100, .rebalance_ms = 500,
		.protocol_type = SLICE("t"), .protocols = p,
		.nprotocols = how & 0x20 ? 2 : 1,
		.new_id = slice_str(names[1 + (size_t)(how >> 3) % 7]),
		.known_id = how & 0x40, .can_skip = how & 0x80,
	};

	if (ev.member_id.len == 0 && taken(r->g, ev.new_id)) {
		++*req;
		return;
	}
	group_join(r->g, &ev, r->now, &r->out);
}

static void
sync_group(struct run *r, int *req, uint8_t how)
{
	struct group_assignment a = { slice_str(names[how & 7]), SLICE("x") };
	struct group_sync ev = { .req = req,
	    .member_id = slice_str(names[how & 7]),
	    .instance = how & 8 ? SLICE("static") : SLICE_NULL,
	    .generation = r->g->generation - (how >> 7),
	    .assignments = &a, .n = 1 };

	group_sync(r->g, &ev, r->now, &r->out);
}

static void
event(struct run *r, size_t i, uint8_t what, uint8_t how)
{
	struct slice id = slice_str(names[how & 7]);
	size_t n = i - how % 16 < i ? i - how % 16 : 0;

	switch (what % 8) {
	case 0:
	case 1:
		r->asked[i] = true;
		join(r, &r->answered[i], how);
		break;
	case 2:
		r->asked[i] = true;
		sync_group(r, &r->answered[i], how);
		break;
	case 3:
		(void)group_heartbeat(r->g, id, SLICE_NULL,
		    r->g->generation, r->now);
		break;
	case 4:
		(void)group_leave(r->g, id, SLICE_NULL, &r->out);
		group_left(r->g, r->now, &r->out);
		break;
	case 5:
		r->now += how;
		group_tick(r->g, r->now, &r->out);
		break;
	case 6:
		if (group_cancel(r->g, &r->answered[n], r->now, &r->out))
			r->cancelled[n] = true;
		break;
	case 7:
		if (r->persist == 0)
			break;
		group_persisted(r->g, r->persist, how & 1 ?
		    KERR_COORDINATOR_NOT_AVAILABLE : KERR_NONE, r->now,
		    &r->out);
		r->persist = 0;
		break;
	}
	act(r);
}

static void
check_group(const struct group *g, int32_t generation)
{
	const struct group_member *m;
	size_t n = 0, leaders = 0;

	TAILQ_FOREACH(m, &g->members, link) {
		n++;
		leaders += m == g->leader;
		CHECK(group_find(g, m->id) == m);
		CHECK(m->deadline != GROUP_NEVER || m->join_req != NULL ||
		    m->sync_req != NULL);
	}
	CHECK(n == g->nmembers);
	CHECK(leaders == (n > 0));
	CHECK(g->generation >= generation);
	CHECK(g->state != GROUP_EMPTY || n == 0);
	CHECK(g->state != GROUP_STABLE || (n > 0 && g->protocol.p != NULL));
}

static void
check_record(const struct group *g)
{
	struct records rs = RECORDS_INIT;
	struct group *copy = group_new(g->id, &limits);

	records_group(&rs, g);
	CHECK(offsets_log_restore(copy, records_last_value(&rs), NULL) == 0);
	CHECK(copy->nmembers == g->nmembers);
	CHECK(copy->generation == g->generation);
	group_free(copy);
	records_fini(&rs);
}

/* The bytes as they come are a stored group, too. */
static void
try_record(const uint8_t *data, size_t size)
{
	struct group_actions out = { NULL, 0, 0 };
	struct group *g = group_new(SLICE("g"), &limits);

	if (offsets_log_restore(g, slice_of(data, size), NULL) == 0) {
		group_restored(g, 1, &out);
		check_record(g);
		group_tick(g, INT32_MAX, &out);
	}
	group_free(g);
	group_actions_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run *r = xcalloc(1, sizeof *r);
	int32_t generation = 0;
	size_t i;

	try_record(data, size);
	r->g = group_new(SLICE("g"), &limits);
	r->now = 1;
	for (i = 0; i < MAX_EVENTS && 2 * i + 1 < size; i++) {
		event(r, i, data[2 * i], data[2 * i + 1]);
		check_group(r->g, generation);
		generation = r->g->generation;
	}
	check_record(r->g);
	group_close(r->g, KERR_NOT_COORDINATOR, &r->out);
	act(r);
	for (i = 0; i < MAX_EVENTS; i++)
		CHECK(r->answered[i] == (r->asked[i] && !r->cancelled[i]));
	group_free(r->g);
	group_actions_fini(&r->out);
	free(r);
	return (0);
}
