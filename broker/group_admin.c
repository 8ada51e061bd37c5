/*
 * FindCoordinator, ListGroups, DescribeGroups and DeleteGroups.
 */
#include "broker/groups.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "broker/topic.h"

/* --- FindCoordinator --- */

#define KEY_GROUP	0
#define KEY_TRANSACTION	1

/* This node coordinates every group and every transactional id. */
static int16_t
find_one(int8_t type, struct slice key, struct slice *message)
{
	if (type != KEY_GROUP && type != KEY_TRANSACTION) {
		*message = SLICE("the key type is not known");
		return (KERR_INVALID_REQUEST);
	}
	if (key.len > 0)
		return (KERR_NONE);
	if (type == KEY_GROUP) {
		*message = SLICE("the group id is empty");
		return (KERR_INVALID_GROUP_ID);
	}
	*message = SLICE("the transactional id is empty");
	return (KERR_INVALID_REQUEST);
}

static void
find_fill(struct request *r, int8_t type, struct slice key,
    struct km_find_coordinator_response_coordinator *c)
{
	const struct broker *b = r->broker;

	c->key = key;
	c->error_message = SLICE_NULL;
	c->error_code = find_one(type, key, &c->error_message);
	c->node_id = c->error_code == KERR_NONE ? b->node_id : -1;
	c->host = c->error_code == KERR_NONE ? slice_str(b->host) : SLICE("");
	c->port = c->error_code == KERR_NONE ? b->port : -1;
}

void
handle_find_coordinator(struct request *r)
{
	const struct km_find_coordinator_request *in = r->in;
	struct km_find_coordinator_response_coordinator one;
	struct km_find_coordinator_response out;
	struct karray a;
	int32_t i;

	kw_defaults(&kd_find_coordinator_response, &out);
	a = request_array(r, &kd_find_coordinator_response_coordinator,
	    r->version < 4 ? 0 : (size_t)in->coordinator_keys.n);
	out.coordinators.v = a.v;
	out.coordinators.n = a.n;
	for (i = 0; i < a.n; i++)
		find_fill(r, in->key_type, in->coordinator_keys.v[i],
		    &out.coordinators.v[i]);
	if (r->version < 4) {
		find_fill(r, in->key_type, in->key, &one);
		out.error_code = one.error_code;
		out.error_message = one.error_message;
		out.node_id = one.node_id;
		out.host = one.host;
		out.port = one.port;
	}
	request_reply(r, &out);
}

/* --- ListGroups --- */

struct list {			/* in the request's memory, v is not */
	struct km_list_groups_response_group *v;
	size_t			 n, cap;
	int16_t			 error;
};

static bool
is_word(struct slice s, const char *word)
{
	size_t i;

	if (s.len != strlen(word))
		return (false);
	for (i = 0; i < s.len; i++)
		if ((s.p[i] | 0x20) != (word[i] | 0x20))
			return (false);
	return (true);
}

static bool
listed(const struct slice *v, int32_t n, const char *word)
{
	int32_t i;

	for (i = 0; i < n; i++)
		if (is_word(v[i], word))
			return (true);
	return (n <= 0);
}

static void
list_add(struct request *r, struct list *l, const struct group *g)
{
	const struct km_list_groups_request *in = r->in;
	struct km_list_groups_response_group *to;

	if (!listed(in->states_filter.v, in->states_filter.n,
	    group_state_name(g->state)) ||
	    !listed(in->types_filter.v, in->types_filter.n, "classic"))
		return;
	GROW(l->v, l->n, l->cap);
	to = &l->v[l->n++];
	kw_defaults(&kd_list_groups_response_group, to);
	to->group_id = request_copy(r, g->id);
	to->protocol_type = g->protocol_type.p == NULL ? SLICE("") :
	    request_copy(r, g->protocol_type);
	to->group_state = slice_str(group_state_name(g->state));
	to->group_type = SLICE("classic");
}

static void
list_each(struct request *r, struct shard *s, int32_t i, int16_t error)
{
	struct list *l = visit_state(r);
	size_t it = 0;
	void *v;

	(void)i;
	if (error != KERR_NONE)
		l->error = error;
	while (error == KERR_NONE && map_next(s->slots, &it, NULL, &v))
		list_add(r, l, ((struct slot *)v)->group);
	visit_next(r);
}

static void
list_done(struct request *r)
{
	struct list *l = visit_state(r);
	struct km_list_groups_response out;
	struct km_list_groups_response_group *v = l->v;

	kw_defaults(&kd_list_groups_response, &out);
	out.error_code = l->error;
	out.groups.v = v;
	out.groups.n = (int32_t)l->n;
	request_reply(r, &out);
	free(v);
}

void
handle_list_groups(struct request *r)
{
	groups_visit_shards(r, request_alloc(r, sizeof (struct list)),
	    list_each, list_done);
}

/* --- DescribeGroups --- */

static struct slice
describe_name(struct request *r, int32_t i)
{
	const struct km_describe_groups_request *in = r->in;

	return (in->groups.v[i]);
}

/* What the members said is shown when a protocol is chosen, i.e. Stable. */
static void
describe_members(struct request *r, const struct group *g,
    struct km_describe_groups_response_group *out)
{
	bool stable = g->state == GROUP_STABLE;
	struct karray a = request_array(r,
	    &kd_describe_groups_response_member, g->nmembers);
	struct km_describe_groups_response_member *v = a.v;
	const struct group_member *m;

	out->members.v = v;
	out->members.n = a.n;
	TAILQ_FOREACH(m, &g->members, link) {
		v->member_id = request_copy(r, m->id);
		v->group_instance_id = request_copy(r, m->instance);
		v->client_id = request_copy(r, m->client_id);
		v->client_host = request_copy(r, m->client_host);
		v->member_metadata = stable ? request_copy(r,
		    group_metadata(g, m)) : SLICE("");
		v->member_assignment = stable ? request_copy(r,
		    m->assignment) : SLICE("");
		v++;
	}
}

static void
describe_one(struct request *r, const struct group *g,
    struct km_describe_groups_response_group *out)
{
	out->group_state = slice_str(group_state_name(g->state));
	if (g->protocol_type.p != NULL)
		out->protocol_type = request_copy(r, g->protocol_type);
	if (g->state == GROUP_STABLE)
		out->protocol_data = request_copy(r, g->protocol);
	describe_members(r, g, out);
}

static void
describe_each(struct request *r, struct shard *s, int32_t i, int16_t error)
{
	struct km_describe_groups_response *all = visit_state(r);
	struct km_describe_groups_response_group *out = &all->groups.v[i];
	const struct slot *slot = NULL;

	out->group_id = describe_name(r, i);
	if (out->error_code != KERR_NONE) {	/* named again */
		visit_next(r);
		return;
	}
	out->error_code = error;
	if (out->group_id.len == 0)
		out->error_code = KERR_INVALID_GROUP_ID;
	else if (error == KERR_NONE)
		slot = slot_find(s, out->group_id);
	if (slot != NULL)
		describe_one(r, slot->group, out);
	else if (out->error_code == KERR_NONE) {
		out->group_state = SLICE("Dead");
		if (r->version >= 6) {
			out->error_code = KERR_GROUP_ID_NOT_FOUND;
			out->error_message = SLICE("there is no such group");
		}
	}
	visit_next(r);
}

static void
describe_done(struct request *r)
{
	request_reply(r, visit_state(r));
}

void
handle_describe_groups(struct request *r)
{
	const struct km_describe_groups_request *in = r->in;
	struct km_describe_groups_response *out;
	struct map *seen;
	struct karray a;
	int32_t i;

	out = request_alloc(r, sizeof *out);
	kw_defaults(&kd_describe_groups_response, out);
	a = request_array(r, &kd_describe_groups_response_group,
	    (size_t)in->groups.n);
	out->groups.v = a.v;
	out->groups.n = a.n;
	seen = map_new();
	for (i = 0; i < a.n; i++)
		if (map_again(seen, in->groups.v[i]))
			out->groups.v[i].error_code = KERR_INVALID_REQUEST;
	map_free(seen);
	groups_visit(r, out, a.n, describe_name, describe_each,
	    describe_done);
}

/* --- DeleteGroups --- */

static struct slice
delete_name(struct request *r, int32_t i)
{
	const struct km_delete_groups_request *in = r->in;

	return (in->groups_names.v[i]);
}

static void
delete_synced(void *arg, int16_t error)
{
	(void)error;		/* the topic is gone, and the group with it */
	visit_next(arg);
}

static int16_t
delete_one(struct slot *slot)
{
	struct err err = ERR_INIT;
	int16_t error;

	if (slot == NULL)
		return (KERR_GROUP_ID_NOT_FOUND);
	error = group_check_delete(slot->group);
	/* An open transaction would lose what it is about to commit. */
	if (staged_has_group(slot->shard->staged, slot->group->id))
		error = KERR_NON_EMPTY_GROUP;
	if (error == KERR_NONE && !slot_delete(slot, &err)) {
		log_error("broker", "a group cannot be deleted: %s", err.msg);
		error = coordinator_error(&err);
	}
	return (error);
}

static void
delete_each(struct request *r, struct shard *s, int32_t i, int16_t error)
{
	struct km_delete_groups_response *all = visit_state(r);
	struct km_delete_groups_response_result *out = &all->results.v[i];

	out->group_id = delete_name(r, i);
	if (out->group_id.len == 0)
		error = KERR_INVALID_GROUP_ID;
	if (error == KERR_NONE)
		error = delete_one(slot_find(s, out->group_id));
	out->error_code = error;
	if (error == KERR_NONE)
		shard_synced(s, delete_synced, r);
	else
		visit_next(r);
}

static void
delete_done(struct request *r)
{
	request_reply(r, visit_state(r));
}

void
handle_delete_groups(struct request *r)
{
	const struct km_delete_groups_request *in = r->in;
	struct km_delete_groups_response *out;
	struct karray a;

	out = request_alloc(r, sizeof *out);
	kw_defaults(&kd_delete_groups_response, out);
	a = request_array(r, &kd_delete_groups_response_result,
	    (size_t)in->groups_names.n);
	out->results.v = a.v;
	out->results.n = a.n;
	groups_visit(r, out, a.n, delete_name, delete_each, delete_done);
}
