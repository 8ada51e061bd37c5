/*
 * OffsetFetch.
 */
#include "base/map.h"
#include "broker/groups.h"

/*
 * Versions below 8 ask for one group and have structs of their own; the
 * request is brought into the form of version 8, the answer back from it.
 */
struct fetch {
	int32_t			 n;
	bool			 stable;	/* require_stable, KIP-447 */
	const struct km_offset_fetch_request_group *groups;
	struct km_offset_fetch_response out;	/* groups filled */
};

static struct slice
fetch_name(struct request *r, int32_t i)
{
	const struct fetch *f = visit_state(r);

	return (f->groups[i].group_id);
}

static const struct km_offset_fetch_request_group *
fetch_new_form(struct request *r)
{
	const struct km_offset_fetch_request *in = r->in;
	struct km_offset_fetch_request_group *g;
	struct karray a;
	int32_t i;

	a = request_array(r, &kd_offset_fetch_request_group, 1);
	g = a.v;
	g->group_id = in->group_id;
	a = request_array(r, &kd_offset_fetch_request_group_topic,
	    in->topics.n < 0 ? 0 : (size_t)in->topics.n);
	g->topics.v = a.v;
	g->topics.n = in->topics.n;
	for (i = 0; i < in->topics.n; i++) {
		g->topics.v[i].name = in->topics.v[i].name;
		g->topics.v[i].partition_indexes.v =
		    in->topics.v[i].partition_indexes.v;
		g->topics.v[i].partition_indexes.n =
		    in->topics.v[i].partition_indexes.n;
	}
	return (g);
}

static void
fetch_partition(struct request *r, const struct committed *c, int32_t index,
    struct km_offset_fetch_response_group_partition *out)
{
	out->partition_index = index;
	out->committed_offset = c == NULL ? -1 : c->offset;
	out->committed_leader_epoch = c == NULL ? -1 : c->leader_epoch;
	out->metadata = c == NULL ? SLICE("") : request_copy(r, c->metadata);
}

/* With an open transaction about to change it there is no stable offset. */
static void
fetch_one(struct request *r, const struct slot *slot, struct slice topic,
    int32_t index, struct km_offset_fetch_response_group_partition *out)
{
	const struct fetch *f = visit_state(r);
	const struct committed *c = NULL;

	if (slot != NULL && f->stable && staged_has(slot->shard->staged,
	    slot->group->id, topic, index))
		out->error_code = KERR_UNSTABLE_OFFSET_COMMIT;
	else if (slot != NULL)
		c = offsets_get(slot->offsets, topic, index);
	fetch_partition(r, c, index, out);
}

static void
fetch_asked(struct request *r, const struct km_offset_fetch_request_group *q,
    const struct slot *slot, struct km_offset_fetch_response_group *out)
{
	struct km_offset_fetch_response_group_topic *t;
	const int32_t *index;
	struct karray a;
	int32_t i, j;

	a = request_array(r, &kd_offset_fetch_response_group_topic,
	    q->topics.n < 0 ? 0 : (size_t)q->topics.n);
	out->topics.v = a.v;
	out->topics.n = a.n;
	for (i = 0; i < a.n; i++) {
		t = &out->topics.v[i];
		t->name = q->topics.v[i].name;
		index = q->topics.v[i].partition_indexes.v;
		t->partitions.n = q->topics.v[i].partition_indexes.n;
		t->partitions.v = request_array(r,
		    &kd_offset_fetch_response_group_partition,
		    (size_t)t->partitions.n).v;
		for (j = 0; j < t->partitions.n; j++)
			fetch_one(r, slot, t->name, index[j],
			    &t->partitions.v[j]);
	}
}

static void
fetch_listed(struct request *r, const struct slot *slot,
    const struct offsets *all, struct km_offset_fetch_response_group *out)
{
	struct km_offset_fetch_response_group_topic *to;
	const struct offsets_topic *t;
	struct karray a;
	size_t it = 0, j, n = 0;

	while (offsets_next(all, &it) != NULL)
		n++;
	a = request_array(r, &kd_offset_fetch_response_group_topic, n);
	out->topics.v = to = a.v;
	out->topics.n = a.n;
	it = 0;
	while (n > 0 && (t = offsets_next(all, &it)) != NULL) {
		to->name = request_copy(r, t->name);
		a = request_array(r, &kd_offset_fetch_response_group_partition,
		    t->n);
		to->partitions.v = a.v;
		to->partitions.n = a.n;
		for (j = 0; j < t->n; j++)
			fetch_one(r, slot, t->name, t->v[j].partition,
			    &to->partitions.v[j]);
		to++;
	}
}

/* All there are; who wants stable ones also hears of those that are staged for
 * the first time, or it would take them for never committed. */
static void
fetch_all(struct request *r, const struct slot *slot,
    struct km_offset_fetch_response_group *out)
{
	const struct fetch *f = visit_state(r);
	struct offsets *tmp = NULL;

	if (slot == NULL)
		return;
	fetch_listed(r, slot, f->stable ? slot_offsets(slot, &tmp) :
	    slot->offsets, out);
	offsets_free(tmp);
}

static void
fetch_synced(void *arg, int16_t error)
{
	struct request *r = arg;

	/* Of an error only the deletion of the topic is left, by a user who
	 * wants it so. */
	(void)error;
	visit_next(r);
}

static void
fetch_each(struct request *r, struct shard *s, int32_t i, int16_t error)
{
	struct fetch *f = visit_state(r);
	struct km_offset_fetch_response_group *out = &f->out.groups.v[i];
	const struct slot *slot;

	out->group_id = f->groups[i].group_id;
	if (out->error_code != KERR_NONE)
		error = out->error_code;	/* named again */
	else if (out->group_id.len == 0)
		error = KERR_INVALID_GROUP_ID;
	out->error_code = error;
	if (error != KERR_NONE) {
		visit_next(r);
		return;
	}
	slot = slot_find(s, out->group_id);
	if (f->groups[i].topics.n < 0)
		fetch_all(r, slot, out);
	else
		fetch_asked(r, &f->groups[i], slot, out);
	shard_synced(s, fetch_synced, r);
}

/* Below version 2 there is no error but those of the partitions. */
static void
fetch_spread_error(struct request *r,
    const struct km_offset_fetch_request_group *q,
    struct km_offset_fetch_response_group *out)
{
	int16_t error = out->error_code;
	int32_t i, j;

	fetch_asked(r, q, NULL, out);
	for (i = 0; i < out->topics.n; i++)
		for (j = 0; j < out->topics.v[i].partitions.n; j++)
			out->topics.v[i].partitions.v[j].error_code = error;
}

static void
fetch_old_form(struct request *r, struct km_offset_fetch_response *out,
    const struct km_offset_fetch_response_group *g)
{
	struct km_offset_fetch_response_partition *to;
	struct karray a;
	int32_t i, j;

	out->error_code = g->error_code;
	a = request_array(r, &kd_offset_fetch_response_topic,
	    (size_t)g->topics.n);
	out->topics.v = a.v;
	out->topics.n = a.n;
	for (i = 0; i < g->topics.n; i++) {
		out->topics.v[i].name = g->topics.v[i].name;
		a = request_array(r, &kd_offset_fetch_response_partition,
		    (size_t)g->topics.v[i].partitions.n);
		out->topics.v[i].partitions.v = to = a.v;
		out->topics.v[i].partitions.n = a.n;
		for (j = 0; j < a.n; j++) {
			const struct km_offset_fetch_response_group_partition
			    *from = &g->topics.v[i].partitions.v[j];

			to[j].partition_index = from->partition_index;
			to[j].committed_offset = from->committed_offset;
			to[j].committed_leader_epoch =
			    from->committed_leader_epoch;
			to[j].metadata = from->metadata;
			to[j].error_code = from->error_code;
		}
	}
}

static void
fetch_done(struct request *r)
{
	struct fetch *f = visit_state(r);
	struct km_offset_fetch_response_group *g = f->out.groups.v;

	if (r->version < 2 && g->error_code != KERR_NONE)
		fetch_spread_error(r, &f->groups[0], g);
	if (r->version < 8)
		fetch_old_form(r, &f->out, g);
	request_reply(r, &f->out);
}

void
handle_offset_fetch(struct request *r)
{
	const struct km_offset_fetch_request *in = r->in;
	struct fetch *f = request_alloc(r, sizeof *f);
	struct map *seen;
	struct karray a;
	int32_t i;

	kw_defaults(&kd_offset_fetch_response, &f->out);
	f->n = r->version < 8 ? 1 : in->groups.n;
	f->stable = in->require_stable;
	f->groups = r->version < 8 ? fetch_new_form(r) : in->groups.v;
	a = request_array(r, &kd_offset_fetch_response_group, (size_t)f->n);
	f->out.groups.v = a.v;
	f->out.groups.n = a.n;
	seen = map_new();
	for (i = 0; i < a.n; i++)
		if (map_again(seen, f->groups[i].group_id))
			f->out.groups.v[i].error_code = KERR_INVALID_REQUEST;
	map_free(seen);
	groups_visit(r, f, f->n, fetch_name, fetch_each, fetch_done);
}
