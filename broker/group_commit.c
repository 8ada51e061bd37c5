/*
 * OffsetCommit and OffsetFetch.
 */
#include "broker/groups.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/topic.h"

/* --- OffsetCommit --- */

/* The answer, with the same error for every partition to begin with. */
static struct km_offset_commit_response *
commit_new(struct request *r, int16_t error)
{
	const struct km_offset_commit_request *in = r->in;
	struct km_offset_commit_response *out;
	struct karray a;
	int32_t i, j;

	out = request_alloc(r, sizeof *out);
	kw_defaults(&kd_offset_commit_response, out);
	a = request_array(r, &kd_offset_commit_response_topic,
	    (size_t)in->topics.n);
	out->topics.v = a.v;
	out->topics.n = a.n;
	for (i = 0; i < in->topics.n; i++) {
		out->topics.v[i].name = in->topics.v[i].name;
		a = request_array(r, &kd_offset_commit_response_partition,
		    (size_t)in->topics.v[i].partitions.n);
		out->topics.v[i].partitions.v = a.v;
		out->topics.v[i].partitions.n = a.n;
		for (j = 0; j < a.n; j++) {
			out->topics.v[i].partitions.v[j].partition_index =
			    in->topics.v[i].partitions.v[j].partition_index;
			out->topics.v[i].partitions.v[j].error_code = error;
		}
	}
	return (out);
}

static void
commit_fail(struct request *r, int16_t error)
{
	request_reply(r, commit_new(r, error));
}

struct commit {			/* in the request's memory */
	struct request	*r;
	struct km_offset_commit_response *out;
};

static void
commit_done(void *arg, int16_t error)
{
	struct commit *c = arg;
	struct km_offset_commit_response_topic *t;
	int32_t i, j;

	for (i = 0; i < c->out->topics.n; i++) {
		t = &c->out->topics.v[i];
		for (j = 0; j < t->partitions.n; j++)
			if (t->partitions.v[j].error_code == KERR_NONE)
				t->partitions.v[j].error_code = error;
	}
	request_reply(c->r, c->out);
}

static int16_t
commit_check_partition(const struct broker *b, struct topic *t,
    const struct km_offset_commit_request_partition *p)
{
	if (t == NULL || p->partition_index < 0 ||
	    p->partition_index >= atomic_load(&t->npartitions))
		return (KERR_UNKNOWN_TOPIC_OR_PARTITION);
	if (p->committed_metadata.len > (size_t)b->cfg.offset_metadata_max)
		return (KERR_OFFSET_METADATA_TOO_LARGE);
	return (KERR_NONE);
}

static struct committed
commit_value(const struct km_offset_commit_request_partition *p, int64_t now)
{
	return ((struct committed){
		.partition = p->partition_index,
		.leader_epoch = p->committed_leader_epoch,
		.offset = p->committed_offset,
		.commit_ms = now,
		.metadata = p->committed_metadata.p == NULL ? SLICE("") :
		    p->committed_metadata,
	});
}

/* Decides on every partition; the good ones are collected as records. */
static void
commit_collect(struct request *r, struct slot *slot,
    struct km_offset_commit_response *out, int64_t now)
{
	const struct km_offset_commit_request *in = r->in;
	const struct km_offset_commit_request_topic *it;
	struct committed c;
	struct topic *t;
	int16_t *error;
	int32_t i, j;

	for (i = 0; i < in->topics.n; i++) {
		it = &in->topics.v[i];
		t = topic_find(r->broker, it->name);
		for (j = 0; j < it->partitions.n; j++) {
			error = &out->topics.v[i].partitions.v[j].error_code;
			*error = commit_check_partition(r->broker, t,
			    &it->partitions.v[j]);
			if (*error != KERR_NONE)
				continue;
			c = commit_value(&it->partitions.v[j], now);
			records_offset(&slot->shard->records, slot->group->id,
			    it->name, c.partition, &c);
		}
		topic_unref(t);
	}
}

/* What was written is now so in memory. */
static void
commit_apply(struct request *r, struct slot *slot,
    const struct km_offset_commit_response *out, int64_t now)
{
	const struct km_offset_commit_request *in = r->in;
	const struct km_offset_commit_request_topic *it;
	struct committed c;
	int32_t i, j;

	for (i = 0; i < in->topics.n; i++) {
		it = &in->topics.v[i];
		for (j = 0; j < it->partitions.n; j++) {
			if (out->topics.v[i].partitions.v[j].error_code !=
			    KERR_NONE)
				continue;
			c = commit_value(&it->partitions.v[j], now);
			offsets_put(slot->offsets, it->name, c.partition, &c);
		}
	}
}

static void
commit_write(struct request *r, struct slot *slot)
{
	struct commit *c = request_alloc(r, sizeof *c);
	int64_t now = clock_wall_ms();
	struct err err = ERR_INIT;

	c->r = r;
	c->out = commit_new(r, KERR_NONE);
	commit_collect(r, slot, c->out, now);
	if (slot->shard->records.n == 0) {
		commit_done(c, KERR_NONE);
		return;
	}
	/* The answer may come from within shard_write only through the loop,
	 * so r is still there when the memory follows. */
	if (shard_write(slot->shard, commit_done, c, &err) == 0) {
		commit_apply(r, slot, c->out, now);
		metric_add_shared(&r->broker->m.offset_commits, 1);
		return;
	}
	log_error("broker", "offsets of a group cannot be stored: %s", err.msg);
	commit_done(c, coordinator_error(&err));
}

/* Who commits to a group that is not there: a consumer without group
 * management makes it, a member's generation is an old one. */
static int16_t
commit_slot(struct request *r, struct shard *s, struct slot **slot)
{
	const struct km_offset_commit_request *in = r->in;

	*slot = slot_find(s, in->group_id);
	if (*slot == NULL && in->generation_id_or_member_epoch >= 0)
		return (r->version >= 9 ? KERR_GROUP_ID_NOT_FOUND :
		    KERR_ILLEGAL_GENERATION);
	if (*slot == NULL && (*slot = slot_get(s, in->group_id)) == NULL)
		return (KERR_COORDINATOR_NOT_AVAILABLE);
	return (group_check_commit((*slot)->group, in->member_id,
	    in->group_instance_id, in->generation_id_or_member_epoch,
	    shard_now(s)));
}

static void
commit(struct request *r, struct shard *s, int16_t error)
{
	struct slot *slot = NULL;

	if (error == KERR_NONE)
		error = commit_slot(r, s, &slot);
	if (error == KERR_NONE)
		commit_write(r, slot);
	else
		commit_fail(r, error);
	if (slot != NULL)
		slot_run(slot);
}

void
handle_offset_commit(struct request *r)
{
	const struct km_offset_commit_request *in = r->in;

	if (in->group_id.len == 0)
		commit_fail(r, KERR_INVALID_GROUP_ID);
	else
		groups_route(r, in->group_id, commit);
}

/* --- OffsetFetch --- */

/*
 * Versions below 8 ask for one group and have structs of their own; the
 * request is brought into the form of version 8, the answer back from it.
 */
struct fetch {
	int32_t			 n;
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
			fetch_partition(r, slot == NULL ? NULL :
			    offsets_get(slot->offsets, t->name, index[j]),
			    index[j], &t->partitions.v[j]);
	}
}

static void
fetch_all(struct request *r, const struct slot *slot,
    struct km_offset_fetch_response_group *out)
{
	struct km_offset_fetch_response_group_topic *to;
	const struct offsets_topic *t;
	struct karray a;
	size_t it = 0, j, n = 0;

	while (slot != NULL && offsets_next(slot->offsets, &it) != NULL)
		n++;
	a = request_array(r, &kd_offset_fetch_response_group_topic, n);
	out->topics.v = to = a.v;
	out->topics.n = a.n;
	it = 0;
	while (n > 0 && (t = offsets_next(slot->offsets, &it)) != NULL) {
		to->name = request_copy(r, t->name);
		a = request_array(r, &kd_offset_fetch_response_group_partition,
		    t->n);
		to->partitions.v = a.v;
		to->partitions.n = a.n;
		for (j = 0; j < t->n; j++)
			fetch_partition(r, &t->v[j], t->v[j].partition,
			    &to->partitions.v[j]);
		to++;
	}
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
	if (out->group_id.len == 0)
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
	struct karray a;

	kw_defaults(&kd_offset_fetch_response, &f->out);
	f->n = r->version < 8 ? 1 : in->groups.n;
	f->groups = r->version < 8 ? fetch_new_form(r) : in->groups.v;
	a = request_array(r, &kd_offset_fetch_response_group, (size_t)f->n);
	f->out.groups.v = a.v;
	f->out.groups.n = a.n;
	groups_visit(r, f, f->n, fetch_name, fetch_each, fetch_done);
}
