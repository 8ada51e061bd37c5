/* A bed for tests of broker/group.h: requests are numbers, answers are kept
 * per number, records are written at once unless told otherwise. */
#ifndef TEST_GROUP_BED_H
#define TEST_GROUP_BED_H

#include "test/unit/unit.h"

#include "broker/group.h"
#include "kafka/errors.h"

#define BED_REQUESTS	4096

struct answer {
	int	n;			/* times answered */
	int	type, error, generation;
	bool	skip;
	int	nmembers;		/* listed */
	char	id[80], leader[80], protocol[40], assignment[80];
};

static struct group_limits limits;
static struct group *g;
static struct group_actions out;
static int64_t now;
static struct answer answers[BED_REQUESTS];
static int nrequests;
static bool persist_at_once;
static uint64_t persist_last;		/* asked for, not written yet; or 0 */
static int persists;

static void
text(char *to, size_t size, struct slice s)
{
	ck_assert_uint_lt(s.len, size);
	if (s.len > 0)
		memcpy(to, s.p, s.len);
	to[s.len] = '\0';
}

static void
bed_answer(const struct group_action *a)
{
	struct answer *r = a->req;
	const struct group_member *m;

	r->n++;
	r->type = (int)a->type;
	r->error = a->error;
	text(r->id, sizeof r->id, a->member_id);
	if (a->error != 0)
		return;
	r->generation = g->generation;
	text(r->protocol, sizeof r->protocol, g->protocol);
	if (a->type == GROUP_SYNCED) {
		text(r->assignment, sizeof r->assignment,
		    a->member->assignment);
		return;
	}
	text(r->leader, sizeof r->leader, a->leader);
	r->skip = a->skip;
	if (a->with_members)
		TAILQ_FOREACH(m, &g->members, link)
			r->nmembers++;
}

/* Carries out what an event asked for. */
static void
run(void)
{
	size_t i;

	for (i = 0; i < out.n; i++) {
		if (out.v[i].type != GROUP_PERSIST) {
			bed_answer(&out.v[i]);
			continue;
		}
		persists++;
		persist_last = out.v[i].number;
	}
	out.n = 0;
	if (persist_at_once && persist_last != 0) {
		uint64_t number = persist_last;

		persist_last = 0;
		group_persisted(g, number, 0, now, &out);
		run();
	}
}

static void
bed_open(void)
{
	limits = (struct group_limits){ .session_min_ms = 6000,
	    .session_max_ms = 1800000, .initial_delay_ms = 0, .max_size = 5 };
	g = group_new(SLICE("g"), &limits);
	now = 1000000;
	nrequests = persists = 0;
	persist_last = 0;
	persist_at_once = true;
	memset(answers, 0, sizeof answers);
}

static void
bed_close(void)
{
	group_close(g, KERR_COORDINATOR_NOT_AVAILABLE, &out);
	run();
	group_free(g);
	group_actions_fini(&out);
}

static struct answer *
request(void)
{
	ck_assert_int_lt(nrequests, BED_REQUESTS);
	return (&answers[nrequests++]);
}

/* "range:meta sticky:x" -> protocols. */
static size_t
protocols(const char *s, struct group_protocol *v, char *buf, size_t size)
{
	size_t n = 0;
	char *p, *colon, *save = NULL;

	snprintf(buf, size, "%s", s);
	for (p = strtok_r(buf, " ", &save); p != NULL;
	    p = strtok_r(NULL, " ", &save)) {
		colon = strchr(p, ':');
		v[n].metadata = colon == NULL ? SLICE("") :
		    slice_str(colon + 1);
		v[n++].name = colon == NULL ? slice_str(p) :
		    slice_of(p, (size_t)(colon - p));
	}
	return (n);
}

struct join {
	const char	*id, *new_id, *instance, *type, *protocols;
	int		 session, rebalance, version;
};

static struct answer *
do_join(struct join j)
{
	struct group_protocol v[8];
	char buf[256];
	struct answer *r = request();
	struct group_join ev = {
		.req = r,
		.member_id = slice_str(j.id == NULL ? "" : j.id),
		.instance = slice_str(j.instance),
		.client_id = SLICE("client"),
		.client_host = SLICE("/127.0.0.1"),
		.session_ms = j.session == 0 ? 10000 : j.session,
		.rebalance_ms = j.rebalance == 0 ? 60000 : j.rebalance,
		.protocol_type = slice_str(j.type == NULL ? "consumer" :
		    j.type),
		.protocols = v,
		.new_id = slice_str(j.new_id == NULL ? "new" : j.new_id),
		.known_id = j.version >= 4,
		.can_skip = j.version >= 9,
	};

	ev.nprotocols = protocols(j.protocols == NULL ? "range:m" :
	    j.protocols, v, buf, sizeof buf);
	group_join(g, &ev, now, &out);
	run();
	return (r);
}

#define JOIN(...)	do_join((struct join){ __VA_ARGS__ })

struct sync {
	const char	*id, *instance, *type, *protocol;
	int		 generation;
	const char	*a[8];		/* member, assignment, ... */
};

static struct answer *
do_sync(struct sync s)
{
	struct group_assignment v[4];
	struct answer *r = request();
	struct group_sync ev = {
		.req = r,
		.member_id = slice_str(s.id),
		.instance = slice_str(s.instance),
		.generation = s.generation,
		.protocol_type = slice_str(s.type),
		.protocol = slice_str(s.protocol),
		.assignments = v,
	};

	for (; ev.n < 4 && s.a[ev.n * 2] != NULL; ev.n++) {
		v[ev.n].member_id = slice_str(s.a[ev.n * 2]);
		v[ev.n].bytes = slice_str(s.a[ev.n * 2 + 1]);
	}
	group_sync(g, &ev, now, &out);
	run();
	return (r);
}

#define SYNC(...)	do_sync((struct sync){ __VA_ARGS__ })

static inline int
beat(const char *id, const char *instance, int generation)
{
	return (group_heartbeat(g, slice_str(id), slice_str(instance),
	    generation, now));
}

static inline int
leave(const char *id, const char *instance)
{
	int error = group_leave(g, slice_str(id), slice_str(instance), &out);

	group_left(g, now, &out);
	run();
	return (error);
}

static inline int
commit(const char *id, const char *instance, int generation)
{
	return (group_check_commit(g, slice_str(id), slice_str(instance),
	    generation, now));
}

static inline void
pass(int64_t ms)
{
	int64_t end = now + ms;

	while (group_deadline(g) <= end) {
		if (group_deadline(g) > now)
			now = group_deadline(g);
		group_tick(g, now, &out);
		run();
	}
	now = end;
}

/* Two members, a (the leader) and b, Stable in generation 2. */
static inline void
bed_two(void)
{
	struct answer *b;

	(void)JOIN(.new_id = "a");
	b = JOIN(.new_id = "b");
	(void)JOIN(.id = "a");
	ck_assert_int_eq(b->n, 1);
	ck_assert_int_eq(g->generation, 2);
	(void)SYNC(.id = "b", .generation = 2);
	(void)SYNC(.id = "a", .generation = 2,
	    .a = { "a", "one", "b", "two" });
	ck_assert_int_eq(g->state, GROUP_STABLE);
}

/* The state that a table row wants, around bed_two's members. */
static inline void
bed_state(enum group_state s)
{
	if (s == GROUP_EMPTY)
		return;
	bed_two();
	if (s == GROUP_STABLE)
		return;
	(void)JOIN(.id = "b", .protocols = "range:other");
	if (s == GROUP_COMPLETING)
		(void)JOIN(.id = "a", .protocols = "range:other");
	ck_assert_int_eq(g->state, s);
}

/* A test over an empty g. */
#define GROUP_TEST(name)						\
	static void name##_body(int);					\
	START_TEST(name)						\
	{								\
		bed_open();						\
		name##_body(_i);					\
		bed_close();						\
	}								\
	END_TEST							\
	static void							\
	name##_body(int _i __attribute__((unused)))

#define ANSWERED(r, code)						\
	do {								\
		const struct answer *r_ = (r);				\
									\
		ck_assert_int_eq(r_->n, 1);				\
		ck_assert_int_eq(r_->error, (code));			\
	} while (0)
#define OK(r)		ANSWERED(r, 0)
#define FAILED(r, code)	ANSWERED(r, code)
#define PARKED(r)	ck_assert_int_eq((r)->n, 0)

#endif
