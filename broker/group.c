/*
 * The events of a consumer group.  Each one checks in the order Apache Kafka
 * does, so that a client sees the same code when two things are wrong at once,
 * then changes members (group_member.c) and lets the rebalance decide what
 * follows (group_rebalance.c).
 */
#include "broker/group_priv.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/map.h"
#include "base/mem.h"

struct group *
group_new(struct slice id, const struct group_limits *limits)
{
	struct group *g = xcalloc(1, sizeof *g);

	g->id = own(id);
	g->limits = limits;
	g->state = GROUP_EMPTY;
	TAILQ_INIT(&g->members);
	TAILQ_INIT(&g->pending);
	g->by_id = map_new();
	g->by_instance = map_new();
	g->supported = map_new();
	g->join_deadline = g->sync_deadline = g->next = GROUP_NEVER;
	return (g);
}

void
group_free(struct group *g)
{
	struct group_member *m;

	if (g == NULL)
		return;
	while ((m = TAILQ_FIRST(&g->pending)) != NULL)
		member_remove(g, m);
	while ((m = TAILQ_FIRST(&g->members)) != NULL)
		member_remove(g, m);
	map_free(g->by_id);
	map_free(g->by_instance);
	map_free(g->supported);
	own_free(&g->id);
	own_free(&g->protocol_type);
	own_free(&g->protocol);
	free(g);
}

void
group_actions_fini(struct group_actions *out)
{
	free(out->v);
	*out = (struct group_actions){ NULL, 0, 0 };
}

/* The member a request claims to come from.  An instance decides first: its
 * old holder is fenced, not unknown. */
static int16_t
identify(const struct group *g, struct slice id, struct slice instance,
    struct group_member **m)
{
	if (instance.p != NULL) {
		*m = member_find_instance(g, instance);
		if (*m == NULL)
			return (KERR_UNKNOWN_MEMBER_ID);
		return (slice_eq((*m)->id, id) ? KERR_NONE :
		    KERR_FENCED_INSTANCE_ID);
	}
	*m = member_find(g, id);
	return (*m == NULL ? KERR_UNKNOWN_MEMBER_ID : KERR_NONE);
}

/* --- JoinGroup --- */

static void
join_refuse(const struct group_join *ev, int16_t error, struct slice id,
    struct group_actions *out)
{
	action_add(out, GROUP_JOINED, ev->req, error)->member_id = id;
}

static bool
join_has_room(const struct group *g, const struct group_join *ev)
{
	const struct group_member *m = member_find(g, ev->member_id);
	size_t max = (size_t)g->limits->max_size;

	if (m == NULL && ev->instance.p != NULL && ev->member_id.len == 0)
		m = member_find_instance(g, ev->instance);
	switch (g->state) {
	case GROUP_EMPTY:
		return (true);
	case GROUP_PREPARING:
		return ((m != NULL && m->join_req != NULL) || g->waiting < max);
	default:
		return (m != NULL || g->nmembers < max);
	}
}

static size_t
join_bytes(const struct group_join *ev)
{
	size_t i, n = 0;

	for (i = 0; i < ev->nprotocols; i++)
		n += ev->protocols[i].name.len + ev->protocols[i].metadata.len;
	return (n);
}

static int16_t
join_check(const struct group *g, const struct group_join *ev)
{
	if (ev->session_ms < g->limits->session_min_ms ||
	    ev->session_ms > g->limits->session_max_ms)
		return (KERR_INVALID_SESSION_TIMEOUT);
	if (ev->nprotocols > GROUP_PROTOCOLS_MAX ||
	    join_bytes(ev) > GROUP_METADATA_MAX)
		return (KERR_INVALID_REQUEST);
	if (!join_has_room(g, ev) ||
	    g->bytes + join_bytes(ev) > GROUP_BYTES_MAX)
		return (KERR_GROUP_MAX_SIZE_REACHED);
	if (!group_supports(g, ev))
		return (KERR_INCONSISTENT_GROUP_PROTOCOL);
	return (KERR_NONE);
}

static void
join_add(struct group *g, const struct group_join *ev, struct slice id,
    int64_t now, struct group_actions *out)
{
	struct group_member *m = member_new(g, ev, id);

	if (g->state == GROUP_PREPARING && g->initial)
		g->grew = true;
	member_park_join(g, m, ev->req, now, out);
	rebalance(g, now, out);
}

static void
join_answer_now(struct group *g, struct group_member *m,
    const struct group_join *ev, int64_t now, struct group_actions *out)
{
	member_park_join(g, m, ev->req, now, out);
	member_joined(g, m, out);
	member_session(g, m, now);
}

static void
join_update(struct group *g, struct group_member *m,
    const struct group_join *ev, int64_t now, struct group_actions *out)
{
	member_update(g, m, ev);
	member_park_join(g, m, ev->req, now, out);
	rebalance(g, now, out);
}

/*
 * A static member in a Stable group whose protocols change nothing: it goes on
 * in this generation under its new id, once the record says so.  A client that
 * does not know skip_assignment is shown the old id as the leader, so that it
 * does not think it has to make an assignment.
 */
static void
takeover_stable(struct group *g, struct group_member *m,
    const struct group_join *ev, struct slice old, struct group_actions *out)
{
	bool leads = g->leader == m;

	own_free(&m->shown_leader);
	m->skip = leads && ev->can_skip;
	if (leads && !ev->can_skip)
		m->shown_leader = own(old);
	m->sync_due = false;
	m->persist = group_persist(g, out);
}

/* The instance comes back under a new id: its old holder is fenced. */
static void
join_takeover(struct group *g, struct group_member *m,
    const struct group_join *ev, int64_t now, struct group_actions *out)
{
	struct slice old = own(m->id);

	member_fail_join(g, m, KERR_FENCED_INSTANCE_ID, SLICE(""), out);
	member_fail_sync(m, KERR_FENCED_INSTANCE_ID, out);
	member_rename(g, m, ev->new_id);
	own_free(&m->client_id);
	m->client_id = own(ev->client_id);
	own_free(&m->client_host);
	m->client_host = own(ev->client_host);
	m->knows_id = m->fresh = false;
	member_update(g, m, ev);
	member_park_join(g, m, ev->req, now, out);
	if (g->state == GROUP_STABLE && slice_eq(g->protocol, group_vote(g)))
		takeover_stable(g, m, ev, old, out);
	else
		rebalance(g, now, out);
	own_free(&old);
}

static void
join_new(struct group *g, const struct group_join *ev, int64_t now,
    struct group_actions *out)
{
	struct group_member *m = member_find_instance(g, ev->instance);

	if (m != NULL) {
		join_takeover(g, m, ev, now, out);
		return;
	}
	if (ev->instance.p == NULL && ev->known_id) {
		m = member_new_pending(g, ev->new_id);
		m->session_ms = ev->session_ms;
		member_session(g, m, now);
		join_refuse(ev, KERR_MEMBER_ID_REQUIRED, m->id, out);
		return;
	}
	join_add(g, ev, ev->new_id, now, out);
}

/* A known member again.  An answer that was lost is given again when nothing
 * changed; else everybody joins anew. */
static void
join_again(struct group *g, struct group_member *m,
    const struct group_join *ev, int64_t now, struct group_actions *out)
{
	bool same = member_matches(m, ev);

	if ((g->state == GROUP_COMPLETING && same) ||
	    (g->state == GROUP_STABLE && same && m != g->leader))
		join_answer_now(g, m, ev, now, out);
	else
		join_update(g, m, ev, now, out);
}

void
group_join(struct group *g, const struct group_join *ev, int64_t now,
    struct group_actions *out)
{
	struct group_member *m;
	int16_t error = join_check(g, ev);

	if (error != KERR_NONE) {
		join_refuse(ev, error, SLICE(""), out);
		return;
	}
	if (ev->member_id.len == 0) {
		join_new(g, ev, now, out);
		return;
	}
	m = map_get(g->by_id, ev->member_id);
	if (m != NULL && m->pending && ev->instance.p == NULL) {
		member_remove(g, m);
		join_add(g, ev, ev->member_id, now, out);
		return;
	}
	error = identify(g, ev->member_id, ev->instance, &m);
	if (error != KERR_NONE)
		join_refuse(ev, error, SLICE(""), out);
	else
		join_again(g, m, ev, now, out);
}

/* --- SyncGroup --- */

static bool
disagrees(struct slice said, struct slice known)
{
	return (said.p != NULL && known.p != NULL && !slice_eq(said, known));
}

static int16_t
sync_check(const struct group *g, const struct group_sync *ev,
    struct group_member **m)
{
	int16_t error = identify(g, ev->member_id, ev->instance, m);

	if (error != KERR_NONE)
		return (error);
	if (ev->generation != g->generation)
		return (KERR_ILLEGAL_GENERATION);
	if (disagrees(ev->protocol_type, g->protocol_type) ||
	    disagrees(ev->protocol, g->protocol))
		return (KERR_INCONSISTENT_GROUP_PROTOCOL);
	if (g->state == GROUP_EMPTY)
		return (KERR_UNKNOWN_MEMBER_ID);
	return (g->state == GROUP_PREPARING ? KERR_REBALANCE_IN_PROGRESS :
	    KERR_NONE);
}

/* The leader's word: who is not in it gets nothing. */
static void
sync_assign(struct group *g, const struct group_sync *ev,
    struct group_actions *out)
{
	struct group_member *m;
	size_t i;

	for (i = 0; i < ev->n; i++) {
		m = member_find(g, ev->assignments[i].member_id);
		if (m != NULL)
			member_set_assignment(m, ev->assignments[i].bytes);
	}
	g->assigning = group_persist(g, out);
}

void
group_sync(struct group *g, const struct group_sync *ev, int64_t now,
    struct group_actions *out)
{
	struct group_member *m;
	int16_t error = sync_check(g, ev, &m);

	if (error != KERR_NONE) {
		(void)action_add(out, GROUP_SYNCED, ev->req, error);
		return;
	}
	m->sync_due = false;
	member_park_sync(m, ev->req, out);
	if (g->state == GROUP_STABLE)
		member_synced(g, m, now, out);
	else if (m == g->leader && g->assigning == 0)
		sync_assign(g, ev, out);
}

/* --- the rest of the requests --- */

int16_t
group_heartbeat(struct group *g, struct slice member_id, struct slice instance,
    int32_t generation, int64_t now)
{
	struct group_member *m;
	int16_t error = identify(g, member_id, instance, &m);

	if (error != KERR_NONE)
		return (error);
	if (generation != g->generation)
		return (KERR_ILLEGAL_GENERATION);
	if (m->join_req == NULL && m->sync_req == NULL)
		member_session(g, m, now);
	return (g->state == GROUP_PREPARING ? KERR_REBALANCE_IN_PROGRESS :
	    KERR_NONE);
}

static void
member_expel(struct group *g, struct group_member *m,
    struct group_actions *out)
{
	member_fail_join(g, m, KERR_UNKNOWN_MEMBER_ID, SLICE(""), out);
	member_fail_sync(m, KERR_UNKNOWN_MEMBER_ID, out);
	member_remove(g, m);
}

int16_t
group_leave(struct group *g, struct slice member_id, struct slice instance,
    struct group_actions *out)
{
	struct group_member *m = NULL;
	int16_t error = KERR_NONE;

	if (member_id.len == 0) {
		m = member_find_instance(g, instance);
		error = m == NULL ? KERR_UNKNOWN_MEMBER_ID : KERR_NONE;
	} else {
		m = map_get(g->by_id, member_id);
		if (m == NULL || !m->pending)
			error = identify(g, member_id, instance, &m);
	}
	if (error == KERR_NONE) {
		g->lost |= !m->pending;
		member_expel(g, m, out);
	}
	return (error);
}

void
group_left(struct group *g, int64_t now, struct group_actions *out)
{
	if (g->lost)
		rebalance_lost(g, now, out);
	else
		rebalance_check(g, now, out);
	g->lost = false;
}

static int16_t
check_commit(struct group *g, struct slice member_id, struct slice instance,
    int32_t generation, bool transactional, int64_t now)
{
	struct group_member *m;
	int16_t error;

	if (g->state == GROUP_EMPTY && generation < 0)
		return (KERR_NONE);
	if (generation < 0 && member_id.len == 0 && instance.p == NULL)
		return (transactional ? KERR_NONE : KERR_UNKNOWN_MEMBER_ID);
	error = identify(g, member_id, instance, &m);
	if (error != KERR_NONE)
		return (error);
	if (generation != g->generation)
		return (KERR_ILLEGAL_GENERATION);
	if (g->state == GROUP_COMPLETING && !transactional)
		return (KERR_REBALANCE_IN_PROGRESS);
	if (m->join_req == NULL && m->sync_req == NULL)
		member_session(g, m, now);
	return (KERR_NONE);
}

int16_t
group_check_commit(struct group *g, struct slice member_id,
    struct slice instance, int32_t generation, int64_t now)
{
	return (check_commit(g, member_id, instance, generation, false, now));
}

int16_t
group_check_txn_commit(struct group *g, struct slice member_id,
    struct slice instance, int32_t generation, int64_t now)
{
	return (check_commit(g, member_id, instance, generation, true, now));
}

int16_t
group_check_delete(const struct group *g)
{
	return (g->state == GROUP_EMPTY ? KERR_NONE : KERR_NON_EMPTY_GROUP);
}

/* --- what comes back from the log, the connections and the clock --- */

static void
assigned(struct group *g, int16_t error, int64_t now,
    struct group_actions *out)
{
	struct group_member *m;

	g->assigning = 0;
	if (error != KERR_NONE) {
		rebalance_reset_sync(g, error, now, out);
		rebalance(g, now, out);
		return;
	}
	g->state = GROUP_STABLE;
	TAILQ_FOREACH(m, &g->members, link)
		if (m->sync_req != NULL)
			member_synced(g, m, now, out);
}

void
group_persisted(struct group *g, uint64_t number, int16_t error, int64_t now,
    struct group_actions *out)
{
	struct group_member *m;

	if (g->assigning == number && g->state == GROUP_COMPLETING) {
		assigned(g, error, now, out);
		return;
	}
	TAILQ_FOREACH(m, &g->members, link) {
		if (m->persist != number)
			continue;
		if (error != KERR_NONE)
			member_fail_join(g, m, error, SLICE(""), out);
		else
			member_joined(g, m, out);
		member_session(g, m, now);
		break;
	}
}

bool
group_cancel(struct group *g, void *req, int64_t now,
    struct group_actions *out)
{
	struct group_member *m;

	TAILQ_FOREACH(m, &g->members, link)
		if (m->join_req == req || m->sync_req == req)
			break;
	if (m == NULL)
		return (false);
	if (m->join_req == req) {
		m->join_req = NULL;
		m->persist = 0;
		g->waiting--;
	} else
		m->sync_req = NULL;
	if (!m->knows_id && m->instance.p == NULL) {
		/* Nobody knows its id: it can never come back. */
		member_remove(g, m);
		rebalance_lost(g, now, out);
	} else
		member_session(g, m, now);
	return (true);
}

void
group_close(struct group *g, int16_t error, struct group_actions *out)
{
	struct group_member *m;

	TAILQ_FOREACH(m, &g->members, link) {
		member_fail_join(g, m, error, SLICE(""), out);
		member_fail_sync(m, error, out);
	}
}

int64_t
group_deadline(const struct group *g)
{
	return (g->next);
}

static void
deadline_lower(int64_t *min, int64_t t)
{
	if (t < *min)
		*min = t;
}

static void
deadlines_renew(struct group *g)
{
	const struct group_member *m;

	g->next = GROUP_NEVER;
	TAILQ_FOREACH(m, &g->members, link)
		deadline_lower(&g->next, m->deadline);
	TAILQ_FOREACH(m, &g->pending, link)
		deadline_lower(&g->next, m->deadline);
	deadline_lower(&g->next, g->join_deadline);
	deadline_lower(&g->next, g->sync_deadline);
}

/* All sessions that ended go first, then one rebalance follows. */
static bool
expire(struct group *g, struct group_members *list, int64_t now,
    struct group_actions *out)
{
	struct group_member *m, *next;
	bool any = false;

	for (m = TAILQ_FIRST(list); m != NULL; m = next) {
		next = TAILQ_NEXT(m, link);
		if (m->deadline > now)
			continue;
		member_expel(g, m, out);
		any = true;
	}
	return (any);
}

void
group_tick(struct group *g, int64_t now, struct group_actions *out)
{
	if (now < g->next)
		return;
	g->lost = expire(g, &g->members, now, out);
	(void)expire(g, &g->pending, now, out);
	group_left(g, now, out);
	rebalance_tick(g, now, out);
	deadlines_renew(g);
}

/* --- the record on disk --- */

void
group_restore(struct group *g, int32_t generation, struct slice protocol_type,
    struct slice protocol, int64_t state_ms)
{
	g->generation = generation;
	own_free(&g->protocol_type);
	own_free(&g->protocol);
	g->protocol_type = own(protocol_type);
	g->protocol = own(protocol);
	g->state_ms = state_ms;
}

void
group_restore_member(struct group *g, const struct group_member *in,
    bool leader)
{
	struct group_join ev = {
		.member_id = in->id,
		.instance = in->instance,
		.client_id = in->client_id,
		.client_host = in->client_host,
		.session_ms = in->session_ms,
		.rebalance_ms = in->rebalance_ms,
		.protocol_type = g->protocol_type,
		.protocols = in->protocols,
		.nprotocols = in->nprotocols,
	};
	struct group_member *m;

	if (member_find(g, in->id) != NULL ||
	    member_find_instance(g, in->instance) != NULL)
		return;
	m = member_new(g, &ev, in->id);
	m->fresh = false;
	m->knows_id = true;
	member_set_assignment(m, in->assignment);
	if (leader)
		g->leader = m;
}

void
group_restored(struct group *g, int64_t now, struct group_actions *out)
{
	struct group_member *m;

	if (g->nmembers == 0)
		return;
	g->state = GROUP_STABLE;
	if (g->protocol.p == NULL)
		g->protocol = own(group_vote(g));
	TAILQ_FOREACH(m, &g->members, link)
		member_session(g, m, now);
	if (g->nmembers > (size_t)g->limits->max_size)
		rebalance(g, now, out);
}

bool
group_vacant(const struct group *g)
{
	return (g->state == GROUP_EMPTY && g->nmembers == 0 &&
	    g->npending == 0 && g->generation == 0);
}

struct slice
group_metadata(const struct group *g, const struct group_member *m)
{
	size_t i;

	for (i = 0; i < m->nprotocols; i++)
		if (slice_eq(m->protocols[i].name, g->protocol))
			return (m->protocols[i].metadata);
	return (SLICE(""));
}

const struct group_member *
group_find(const struct group *g, struct slice member_id)
{
	return (member_find(g, member_id));
}

const char *
group_state_name(enum group_state s)
{
	static const char *const names[] = {
		[GROUP_EMPTY] = "Empty",
		[GROUP_PREPARING] = "PreparingRebalance",
		[GROUP_COMPLETING] = "CompletingRebalance",
		[GROUP_STABLE] = "Stable",
	};

	return (names[s]);
}
