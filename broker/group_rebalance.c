/*
 * The steps of a rebalance.
 *
 *	EMPTY ----> PREPARING ----> COMPLETING ----> STABLE
 *		    ^   |  ^             |             |
 *		    |   |  +-------------+-------------+
 *		 (all gone: EMPTY)   a member came, went or changed
 *
 * PREPARING waits until all known members have sent JoinGroup again, at most
 * the largest of their rebalance timeouts; coming from EMPTY it waits for the
 * initial delay instead, so that consumers started together end up in one
 * generation.  COMPLETING waits for the leader's assignment, and expels who
 * has not sent SyncGroup within the rebalance timeout.  A static member that
 * is away keeps its place in the new generation until its session ends.
 */
#include "broker/group_priv.h"

#include "base/check.h"
#include "base/mem.h"

static void
set_join_deadline(struct group *g, int64_t t)
{
	g->join_deadline = t;
	if (t < g->next)
		g->next = t;
}

static void
set_sync_deadline(struct group *g, int64_t t)
{
	g->sync_deadline = t;
	if (t < g->next)
		g->next = t;
}

uint64_t
group_persist(struct group *g, struct group_actions *out)
{
	action_add(out, GROUP_PERSIST, NULL, KERR_NONE)->number = ++g->persist;
	return (g->persist);
}

void
rebalance_reset_sync(struct group *g, int16_t error, int64_t now,
    struct group_actions *out)
{
	struct group_member *m;

	g->assigning = 0;
	TAILQ_FOREACH(m, &g->members, link) {
		member_set_assignment(m, SLICE(""));
		if (m->sync_req == NULL)
			continue;
		member_fail_sync(m, error, out);
		member_session(g, m, now);
	}
}

/* Who has not come back is out, but for static members. */
static void
drop_absent(struct group *g)
{
	struct group_member *m, *next;

	for (m = TAILQ_FIRST(&g->members); m != NULL; m = next) {
		next = TAILQ_NEXT(m, link);
		if (m->join_req == NULL && m->instance.p == NULL)
			member_remove(g, m);
	}
}

/* A leader among those who wait; false when nobody does. */
static bool
elect(struct group *g)
{
	struct group_member *m;

	if (g->leader != NULL && g->leader->join_req != NULL)
		return (true);
	TAILQ_FOREACH(m, &g->members, link)
		if (m->join_req != NULL) {
			g->leader = m;
			return (true);
		}
	return (false);
}

/* Kafka's generations are 32 bits and never negative. */
static void
next_generation(struct group *g)
{
	g->generation = g->generation == INT32_MAX ? 1 : g->generation + 1;
	own_free(&g->protocol);
	g->initial = false;
}

static void
begin_sync(struct group *g, int64_t now, struct group_actions *out)
{
	struct group_member *m;

	g->state = GROUP_COMPLETING;
	g->protocol = own(group_vote(g));
	TAILQ_FOREACH(m, &g->members, link) {
		m->sync_due = true;
		member_set_assignment(m, SLICE(""));
		if (m->join_req == NULL)
			continue;	/* static, away; its session runs */
		member_joined(g, m, out);
		member_session(g, m, now);
	}
	set_sync_deadline(g, now + group_rebalance_ms(g));
}

static void
complete(struct group *g, int64_t now, struct group_actions *out)
{
	g->join_deadline = GROUP_NEVER;
	drop_absent(g);
	if (!elect(g) && g->nmembers > 0) {
		/* Only static members, all away: until one returns or the
		 * last session ends. */
		set_join_deadline(g, now + group_rebalance_ms(g));
		return;
	}
	next_generation(g);
	if (g->nmembers > 0) {
		begin_sync(g, now, out);
		return;
	}
	g->state = GROUP_EMPTY;
	(void)group_persist(g, out);
}

static bool
all_joined(const struct group *g)
{
	return (g->waiting == g->nmembers && g->npending == 0);
}

void
rebalance_check(struct group *g, int64_t now, struct group_actions *out)
{
	if (g->state == GROUP_PREPARING && !g->initial && all_joined(g))
		complete(g, now, out);
}

/* A join that waits for a record in a Stable group waits for the rebalance
 * from now on. */
static void
recall_takeovers(struct group *g)
{
	struct group_member *m;

	TAILQ_FOREACH(m, &g->members, link) {
		m->persist = 0;
		m->skip = false;
		own_free(&m->shown_leader);
	}
}

static void
begin_initial(struct group *g, int64_t now)
{
	int64_t left = group_rebalance_ms(g) - g->limits->initial_delay_ms;

	g->initial = true;
	g->grew = false;
	g->delay_ms = g->limits->initial_delay_ms;
	g->left_ms = left > 0 ? left : 0;
	g->state = GROUP_PREPARING;
	set_join_deadline(g, now + g->delay_ms);
}

static void
begin(struct group *g, int64_t now, struct group_actions *out)
{
	struct group_member *m;

	if (g->state == GROUP_COMPLETING)
		rebalance_reset_sync(g, KERR_REBALANCE_IN_PROGRESS, now, out);
	recall_takeovers(g);
	TAILQ_FOREACH(m, &g->members, link)
		m->sync_due = false;
	g->sync_deadline = GROUP_NEVER;
	if (g->state == GROUP_EMPTY) {
		begin_initial(g, now);
		if (g->delay_ms == 0)
			complete(g, now, out);
		return;
	}
	g->state = GROUP_PREPARING;
	g->initial = false;
	set_join_deadline(g, now + group_rebalance_ms(g));
	rebalance_check(g, now, out);
}

void
rebalance(struct group *g, int64_t now, struct group_actions *out)
{
	if (g->state == GROUP_PREPARING)
		rebalance_check(g, now, out);
	else
		begin(g, now, out);
}

void
rebalance_lost(struct group *g, int64_t now, struct group_actions *out)
{
	if (g->state == GROUP_STABLE || g->state == GROUP_COMPLETING)
		begin(g, now, out);
	else
		rebalance_check(g, now, out);
}

/* The initial delay is over: once more when members came, as far as the
 * rebalance timeout allows. */
static void
initial_tick(struct group *g, int64_t now, struct group_actions *out)
{
	int64_t delay = g->limits->initial_delay_ms;

	if (!g->grew || g->left_ms == 0) {
		complete(g, now, out);
		return;
	}
	g->grew = false;
	if (delay > g->left_ms)
		delay = g->left_ms;
	g->left_ms -= delay;
	g->delay_ms = delay;
	set_join_deadline(g, now + delay);
}

static void
expel_silent(struct group *g, int64_t now, struct group_actions *out)
{
	struct group_member *m, *next;
	bool any = false;

	g->sync_deadline = GROUP_NEVER;
	for (m = TAILQ_FIRST(&g->members); m != NULL; m = next) {
		next = TAILQ_NEXT(m, link);
		if (!m->sync_due)
			continue;
		member_remove(g, m);
		any = true;
	}
	if (any)
		rebalance_lost(g, now, out);
}

/* The sync deadline comes first: it may only remove members before answers
 * that show them are made. */
void
rebalance_tick(struct group *g, int64_t now, struct group_actions *out)
{
	if (g->sync_deadline <= now)
		expel_silent(g, now, out);
	if (g->join_deadline > now)
		return;
	g->join_deadline = GROUP_NEVER;
	if (g->state == GROUP_PREPARING && g->initial)
		initial_tick(g, now, out);
	else if (g->state == GROUP_PREPARING)
		complete(g, now, out);
}
