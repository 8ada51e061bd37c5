/*
 * The members of a group: finding, adding, removing them, their parked
 * requests and sessions, and the vote about the protocol.
 *
 * Each member counts in three places that must agree with its fields: by_id
 * (also ids handed out and not used yet), by_instance when it is static, and
 * supported, which counts for each protocol name the members that know it, so
 * that "all know it" is one look-up.
 */
#include "broker/group_priv.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/map.h"
#include "base/mem.h"

struct slice
own(struct slice s)
{
	uint8_t *p;

	if (s.p == NULL)
		return (SLICE_NULL);
	p = xmalloc(s.len + 1);
	if (s.len > 0)
		memcpy(p, s.p, s.len);
	p[s.len] = '\0';
	return (slice_of(p, s.len));
}

void
own_free(struct slice *s)
{
	free((void *)s->p);
	*s = SLICE_NULL;
}

struct group_member *
member_find(const struct group *g, struct slice id)
{
	struct group_member *m = map_get(g->by_id, id);

	return (m != NULL && !m->pending ? m : NULL);
}

struct group_member *
member_find_instance(const struct group *g, struct slice instance)
{
	return (instance.p == NULL ? NULL : map_get(g->by_instance, instance));
}

/* How many members know the protocol. */
static uintptr_t
supported(const struct group *g, struct slice name)
{
	return ((uintptr_t)map_get(g->supported, name));
}

static void
supported_add(struct group *g, struct slice name, int d)
{
	uintptr_t n = supported(g, name) + (uintptr_t)(intptr_t)d;

	if (n == 0)
		(void)map_remove(g->supported, name);
	else
		(void)map_put(g->supported, name, (void *)n);
}

/* A name that is listed twice counts once. */
static bool
protocol_repeated(const struct group_protocol *v, size_t i)
{
	size_t j;

	for (j = 0; j < i; j++)
		if (slice_eq(v[j].name, v[i].name))
			return (true);
	return (false);
}

/* Takes the member's protocols into account (d 1) or out of it (-1). */
static void
protocols_count(struct group *g, const struct group_member *m, int d)
{
	size_t i, bytes = 0;

	for (i = 0; i < m->nprotocols; i++) {
		supported_add(g, m->protocols[i].name, d);
		bytes += m->protocols[i].name.len +
		    m->protocols[i].metadata.len;
	}
	g->bytes = d > 0 ? g->bytes + bytes : g->bytes - bytes;
}

static void
protocols_free(struct group_member *m)
{
	size_t i;

	for (i = 0; i < m->nprotocols; i++) {
		own_free(&m->protocols[i].name);
		own_free(&m->protocols[i].metadata);
	}
	free(m->protocols);
	m->protocols = NULL;
	m->nprotocols = 0;
}

static void
protocols_set(struct group_member *m, const struct group_protocol *v, size_t n)
{
	size_t i;

	protocols_free(m);
	m->protocols = xcalloc(n == 0 ? 1 : n, sizeof *m->protocols);
	for (i = 0; i < n; i++) {
		if (protocol_repeated(v, i))
			continue;
		m->protocols[m->nprotocols].name = own(v[i].name);
		m->protocols[m->nprotocols++].metadata = own(v[i].metadata);
	}
}

struct group_member *
member_new_pending(struct group *g, struct slice id)
{
	struct group_member *m;

	if (g->npending >= GROUP_PENDING_MAX)
		member_remove(g, TAILQ_FIRST(&g->pending));
	m = xcalloc(1, sizeof *m);
	m->id = own(id);
	m->pending = true;
	m->knows_id = true;
	m->deadline = GROUP_NEVER;
	TAILQ_INSERT_TAIL(&g->pending, m, link);
	g->npending++;
	(void)map_put(g->by_id, m->id, m);
	return (m);
}

struct group_member *
member_new(struct group *g, const struct group_join *ev, struct slice id)
{
	struct group_member *m = xcalloc(1, sizeof *m);

	m->id = own(id);
	m->instance = own(ev->instance);
	m->client_id = own(ev->client_id);
	m->client_host = own(ev->client_host);
	m->assignment = own(SLICE(""));
	m->fresh = true;
	m->knows_id = slice_eq(ev->member_id, id);
	m->deadline = GROUP_NEVER;
	TAILQ_INSERT_TAIL(&g->members, m, link);
	g->nmembers++;
	(void)map_put(g->by_id, m->id, m);
	if (m->instance.p != NULL)
		(void)map_put(g->by_instance, m->instance, m);
	member_update(g, m, ev);
	if (g->leader != NULL)
		return (m);
	g->leader = m;
	if (!slice_eq(g->protocol_type, ev->protocol_type)) {
		own_free(&g->protocol_type);
		g->protocol_type = own(ev->protocol_type);
	}
	return (m);
}

static void
member_unlist(struct group *g, struct group_member *m)
{
	if (m->pending) {
		TAILQ_REMOVE(&g->pending, m, link);
		g->npending--;
		return;
	}
	TAILQ_REMOVE(&g->members, m, link);
	g->nmembers--;
	protocols_count(g, m, -1);
	if (m->instance.p != NULL)
		(void)map_remove(g->by_instance, m->instance);
	if (g->leader == m)
		g->leader = TAILQ_FIRST(&g->members);
}

void
member_remove(struct group *g, struct group_member *m)
{
	CHECK(m->join_req == NULL && m->sync_req == NULL);
	member_unlist(g, m);
	(void)map_remove(g->by_id, m->id);
	protocols_free(m);
	own_free(&m->id);
	own_free(&m->instance);
	own_free(&m->client_id);
	own_free(&m->client_host);
	own_free(&m->assignment);
	own_free(&m->shown_leader);
	free(m);
}

void
member_rename(struct group *g, struct group_member *m, struct slice id)
{
	(void)map_remove(g->by_id, m->id);
	own_free(&m->id);
	m->id = own(id);
	(void)map_put(g->by_id, m->id, m);
}

void
member_update(struct group *g, struct group_member *m,
    const struct group_join *ev)
{
	protocols_count(g, m, -1);
	protocols_set(m, ev->protocols, ev->nprotocols);
	protocols_count(g, m, 1);
	m->session_ms = ev->session_ms;
	m->rebalance_ms = ev->rebalance_ms > 0 ? ev->rebalance_ms :
	    ev->session_ms;
}

bool
member_matches(const struct group_member *m, const struct group_join *ev)
{
	size_t i;

	if (m->nprotocols != ev->nprotocols)
		return (false);
	for (i = 0; i < m->nprotocols; i++)
		if (!slice_eq(m->protocols[i].name, ev->protocols[i].name) ||
		    !slice_eq(m->protocols[i].metadata,
		    ev->protocols[i].metadata))
			return (false);
	return (true);
}

void
member_set_assignment(struct group_member *m, struct slice s)
{
	own_free(&m->assignment);
	m->assignment = own(s.p == NULL ? SLICE("") : s);
}

void
member_deadline(struct group *g, struct group_member *m, int64_t t)
{
	m->deadline = t;
	if (t < g->next)
		g->next = t;
}

void
member_session(struct group *g, struct group_member *m, int64_t now)
{
	member_deadline(g, m, now + m->session_ms);
}

bool
group_supports(const struct group *g, const struct group_join *ev)
{
	size_t i;

	if (ev->protocol_type.len == 0 || ev->nprotocols == 0)
		return (false);
	if (g->nmembers == 0)
		return (true);
	if (!slice_eq(g->protocol_type, ev->protocol_type))
		return (false);
	for (i = 0; i < ev->nprotocols; i++)
		if (supported(g, ev->protocols[i].name) == g->nmembers)
			return (true);
	return (false);
}

static size_t
votes_for(const struct group *g, struct slice name)
{
	const struct group_member *m;
	size_t i, n = 0;

	TAILQ_FOREACH(m, &g->members, link) {
		for (i = 0; i < m->nprotocols; i++)
			if (supported(g, m->protocols[i].name) == g->nmembers)
				break;
		n += i < m->nprotocols &&
		    slice_eq(m->protocols[i].name, name);
	}
	return (n);
}

/* Each member votes for the first of its protocols that all know; with equal
 * votes the one the oldest member likes better. */
struct slice
group_vote(const struct group *g)
{
	const struct group_member *m = TAILQ_FIRST(&g->members);
	struct slice best = SLICE_NULL;
	size_t i, n, most = 0;

	for (i = 0; m != NULL && i < m->nprotocols; i++) {
		if (supported(g, m->protocols[i].name) != g->nmembers)
			continue;
		n = votes_for(g, m->protocols[i].name);
		if (best.p == NULL || n > most) {
			best = m->protocols[i].name;
			most = n;
		}
	}
	return (best);
}

int64_t
group_rebalance_ms(const struct group *g)
{
	const struct group_member *m;
	int64_t max = 0;

	TAILQ_FOREACH(m, &g->members, link)
		if (m->rebalance_ms > max)
			max = m->rebalance_ms;
	return (max);
}

struct group_action *
action_add(struct group_actions *out, enum group_action_type type, void *req,
    int16_t error)
{
	struct group_action *a;

	GROW(out->v, out->n, out->cap);
	a = &out->v[out->n++];
	*a = (struct group_action){ .type = type, .req = req, .error = error,
	    .member_id = SLICE(""), .leader = SLICE("") };
	return (a);
}

void
member_fail_join(struct group *g, struct group_member *m, int16_t error,
    struct slice id, struct group_actions *out)
{
	if (m->join_req == NULL)
		return;
	action_add(out, GROUP_JOINED, m->join_req, error)->member_id = id;
	m->join_req = NULL;
	m->persist = 0;
	g->waiting--;
}

void
member_fail_sync(struct group_member *m, int16_t error,
    struct group_actions *out)
{
	if (m->sync_req == NULL)
		return;
	(void)action_add(out, GROUP_SYNCED, m->sync_req, error);
	m->sync_req = NULL;
}

void
member_park_join(struct group *g, struct group_member *m, void *req,
    int64_t now, struct group_actions *out)
{
	member_fail_join(g, m, KERR_REBALANCE_IN_PROGRESS, SLICE(""), out);
	member_fail_sync(m, KERR_REBALANCE_IN_PROGRESS, out);
	m->join_req = req;
	g->waiting++;
	member_deadline(g, m, m->fresh ? now + GROUP_NEW_MEMBER_MS :
	    GROUP_NEVER);
}

void
member_park_sync(struct group_member *m, void *req, struct group_actions *out)
{
	member_fail_sync(m, KERR_REBALANCE_IN_PROGRESS, out);
	m->sync_req = req;
	m->deadline = GROUP_NEVER;
}

void
member_joined(struct group *g, struct group_member *m,
    struct group_actions *out)
{
	struct group_action *a;

	a = action_add(out, GROUP_JOINED, m->join_req, KERR_NONE);
	a->member = m;
	a->member_id = m->id;
	a->skip = m->skip;
	if (m->shown_leader.p != NULL)
		a->leader = m->shown_leader;
	else {
		a->leader = g->leader->id;
		a->with_members = m == g->leader;
	}
	m->join_req = NULL;
	m->persist = 0;
	m->skip = false;
	m->fresh = false;
	m->knows_id = true;
	g->waiting--;
}

void
member_synced(struct group *g, struct group_member *m, int64_t now,
    struct group_actions *out)
{
	struct group_action *a;

	a = action_add(out, GROUP_SYNCED, m->sync_req, KERR_NONE);
	a->member = m;
	a->member_id = m->id;
	m->sync_req = NULL;
	member_session(g, m, now);
}
