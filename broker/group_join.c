/*
 * JoinGroup, SyncGroup, Heartbeat and LeaveGroup: requests become events of
 * broker/group.h, its actions become answers.
 */
#include "broker/groups.h"

#include "base/random.h"

static void
join_fail(struct request *r, int16_t error, struct slice member_id)
{
	struct km_join_group_response out;

	kw_defaults(&kd_join_group_response, &out);
	out.error_code = error;
	out.member_id = member_id;
	request_reply(r, &out);
}

static void
join_members(struct request *r, const struct group *g,
    struct km_join_group_response *out)
{
	struct karray a = request_array(r, &kd_join_group_response_member,
	    g->nmembers);
	struct km_join_group_response_member *v = a.v;
	const struct group_member *m;

	out->members.v = v;
	out->members.n = a.n;
	TAILQ_FOREACH(m, &g->members, link) {
		v->member_id = m->id;
		v->group_instance_id = m->instance;
		v->metadata = group_metadata(g, m);
		v++;
	}
}

void
join_answer(struct slot *slot, const struct group_action *a)
{
	const struct group *g = slot->group;
	struct km_join_group_response out;
	struct request *r = a->req;
	const struct km_join_group_request *in = r->in;

	if (a->error != KERR_NONE) {
		join_fail(r, a->error, a->member_id.len > 0 ? a->member_id :
		    in->member_id);
		return;
	}
	kw_defaults(&kd_join_group_response, &out);
	out.generation_id = g->generation;
	out.protocol_type = g->protocol_type;
	out.protocol_name = g->protocol;
	out.leader = a->leader;
	out.skip_assignment = a->skip;
	out.member_id = a->member_id;
	if (a->with_members)
		join_members(r, g, &out);
	request_reply(r, &out);
}

/* An id that nobody has: what the member is called, and a uuid. */
static struct slice
new_member_id(struct request *r, struct slice name)
{
	static const char hex[] = "0123456789abcdef";
	struct uuid u;
	char *p, *q;
	size_t i;

	uuid_random(&u);
	p = q = request_alloc(r, name.len + 37);
	if (name.len > 0)
		memcpy(p, name.p, name.len);
	q += name.len;
	for (i = 0; i < sizeof u.b; i++) {
		if (i == 0 || (i >= 4 && i <= 10 && i % 2 == 0))
			*q++ = '-';
		*q++ = hex[u.b[i] >> 4];
		*q++ = hex[u.b[i] & 15];
	}
	return (slice_of(p, (size_t)(q - p)));
}

static struct group_protocol *
join_protocols(struct request *r, const struct km_join_group_request *in)
{
	struct group_protocol *v;
	int32_t i;

	v = request_alloc(r, (size_t)in->protocols.n * sizeof *v + 1);
	for (i = 0; i < in->protocols.n; i++) {
		v[i].name = in->protocols.v[i].name;
		v[i].metadata = in->protocols.v[i].metadata;
	}
	return (v);
}

/* Java's way to write a peer's address. */
static struct slice
client_host(struct request *r)
{
	size_t n = strlen(r->peer);
	char *p = request_alloc(r, n + 2);

	p[0] = '/';
	memcpy(p + 1, r->peer, n);
	return (slice_of(p, n + 1));
}

static void
join_event(struct request *r, struct group_join *ev)
{
	const struct km_join_group_request *in = r->in;
	struct slice client = r->client_id.p == NULL ? SLICE("") :
	    r->client_id;

	*ev = (struct group_join){
		.req = r,
		.member_id = in->member_id,
		.instance = in->group_instance_id,
		.client_id = client,
		.client_host = client_host(r),
		.session_ms = in->session_timeout_ms,
		.rebalance_ms = r->version == 0 ? in->session_timeout_ms :
		    in->rebalance_timeout_ms,
		.protocol_type = in->protocol_type,
		.protocols = join_protocols(r, in),
		.nprotocols = (size_t)in->protocols.n,
		.new_id = new_member_id(r, in->group_instance_id.p == NULL ?
		    client : in->group_instance_id),
		.known_id = r->version >= 4,
		.can_skip = r->version >= 9,
	};
}

static void
join(struct request *r, struct shard *s, int16_t error)
{
	const struct km_join_group_request *in = r->in;
	struct group_join ev;
	struct slot *slot;

	if (error != KERR_NONE) {
		join_fail(r, error, in->member_id);
		return;
	}
	slot = slot_find(s, in->group_id);
	if (slot == NULL && in->member_id.len > 0) {
		join_fail(r, KERR_UNKNOWN_MEMBER_ID, in->member_id);
		return;
	}
	if (slot == NULL && (slot = slot_get(s, in->group_id)) == NULL) {
		join_fail(r, KERR_COORDINATOR_NOT_AVAILABLE, in->member_id);
		return;
	}
	join_event(r, &ev);
	group_join(slot->group, &ev, shard_now(s), &s->out);
	slot_run(slot);
}

void
handle_join_group(struct request *r)
{
	const struct km_join_group_request *in = r->in;

	if (in->group_id.len == 0)
		join_fail(r, KERR_INVALID_GROUP_ID, in->member_id);
	else
		groups_park(r, in->group_id, join);
}

/* --- SyncGroup --- */

static void
sync_fail(struct request *r, int16_t error)
{
	struct km_sync_group_response out;

	kw_defaults(&kd_sync_group_response, &out);
	out.error_code = error;
	request_reply(r, &out);
}

void
sync_answer(struct slot *slot, const struct group_action *a)
{
	struct km_sync_group_response out;

	if (a->error != KERR_NONE) {
		sync_fail(a->req, a->error);
		return;
	}
	kw_defaults(&kd_sync_group_response, &out);
	out.protocol_type = slot->group->protocol_type;
	out.protocol_name = slot->group->protocol;
	out.assignment = a->member->assignment;
	request_reply(a->req, &out);
}

static void
sync_group(struct request *r, struct shard *s, int16_t error)
{
	const struct km_sync_group_request *in = r->in;
	struct group_sync ev = {
		.req = r,
		.member_id = in->member_id,
		.instance = in->group_instance_id,
		.generation = in->generation_id,
		.protocol_type = in->protocol_type,
		.protocol = in->protocol_name,
		.n = (size_t)in->assignments.n,
	};
	struct group_assignment *v;
	struct slot *slot = NULL;
	size_t i;

	if (error == KERR_NONE && (slot = slot_find(s, in->group_id)) == NULL)
		error = KERR_UNKNOWN_MEMBER_ID;
	if (error != KERR_NONE) {
		sync_fail(r, error);
		return;
	}
	ev.assignments = v = request_alloc(r, ev.n * sizeof *v + 1);
	for (i = 0; i < ev.n; i++) {
		v[i].member_id = in->assignments.v[i].member_id;
		v[i].bytes = in->assignments.v[i].assignment;
	}
	group_sync(slot->group, &ev, shard_now(s), &s->out);
	slot_run(slot);
}

void
handle_sync_group(struct request *r)
{
	const struct km_sync_group_request *in = r->in;

	if (in->group_id.len == 0)
		sync_fail(r, KERR_INVALID_GROUP_ID);
	else
		groups_park(r, in->group_id, sync_group);
}

/* --- Heartbeat --- */

static void
beat_answer(struct request *r, int16_t error)
{
	struct km_heartbeat_response out;

	kw_defaults(&kd_heartbeat_response, &out);
	out.error_code = error;
	request_reply(r, &out);
}

static void
beat(struct request *r, struct shard *s, int16_t error)
{
	const struct km_heartbeat_request *in = r->in;
	struct slot *slot = NULL;

	if (error == KERR_NONE && (slot = slot_find(s, in->group_id)) == NULL)
		error = KERR_UNKNOWN_MEMBER_ID;
	if (slot != NULL) {
		error = group_heartbeat(slot->group, in->member_id,
		    in->group_instance_id, in->generation_id, shard_now(s));
		slot_run(slot);
	}
	beat_answer(r, error);
}

void
handle_heartbeat(struct request *r)
{
	const struct km_heartbeat_request *in = r->in;

	if (in->group_id.len == 0)
		beat_answer(r, KERR_INVALID_GROUP_ID);
	else
		groups_route(r, in->group_id, beat);
}

/* --- LeaveGroup --- */

static void
leave_fail(struct request *r, int16_t error)
{
	struct km_leave_group_response out;

	kw_defaults(&kd_leave_group_response, &out);
	out.error_code = error;
	request_reply(r, &out);
}

static int16_t
leave_one(struct slot *slot, struct slice member_id, struct slice instance)
{
	if (slot == NULL)
		return (KERR_UNKNOWN_MEMBER_ID);
	return (group_leave(slot->group, member_id, instance,
	    &slot->shard->out));
}

/* v3 and later: several members, an error for each (KIP-345). */
static void
leave_batch(struct request *r, struct slot *slot,
    struct km_leave_group_response *out)
{
	const struct km_leave_group_request *in = r->in;
	struct km_leave_group_response_member *v;
	struct karray a;
	int32_t i;

	a = request_array(r, &kd_leave_group_response_member,
	    (size_t)in->members.n);
	out->members.v = v = a.v;
	out->members.n = a.n;
	for (i = 0; i < in->members.n; i++) {
		v[i].member_id = in->members.v[i].member_id;
		v[i].group_instance_id = in->members.v[i].group_instance_id;
		v[i].error_code = leave_one(slot, v[i].member_id,
		    v[i].group_instance_id);
	}
}

static void
leave(struct request *r, struct shard *s, int16_t error)
{
	const struct km_leave_group_request *in = r->in;
	struct km_leave_group_response out;
	struct slot *slot;

	if (error != KERR_NONE) {
		leave_fail(r, error);
		return;
	}
	slot = slot_find(s, in->group_id);
	kw_defaults(&kd_leave_group_response, &out);
	if (r->version >= 3)
		leave_batch(r, slot, &out);
	else
		out.error_code = leave_one(slot, in->member_id, SLICE_NULL);
	if (slot != NULL) {
		group_left(slot->group, shard_now(s), &s->out);
		slot_run(slot);
	}
	request_reply(r, &out);
}

void
handle_leave_group(struct request *r)
{
	const struct km_leave_group_request *in = r->in;

	if (in->group_id.len == 0)
		leave_fail(r, KERR_INVALID_GROUP_ID);
	else
		groups_route(r, in->group_id, leave);
}
