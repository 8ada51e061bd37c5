#include "broker/offsets_log.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

void
records_offset(struct records *rs, struct slice group, struct slice topic,
    int32_t partition, const struct committed *c)
{
	struct km_offset_commit_value v;

	records_key(rs);
	kinternal_offset_key(&rs->w, group, topic, partition);
	records_value(rs, false);
	kw_defaults(&kd_offset_commit_value, &v);
	v.offset = c->offset;
	v.leader_epoch = c->leader_epoch;
	v.metadata = c->metadata;
	v.commit_timestamp = c->commit_ms;
	kinternal_offset_encode(&rs->w, &v);
	records_end(rs);
}

void
records_offset_gone(struct records *rs, struct slice group,
    struct slice topic, int32_t partition)
{
	records_key(rs);
	kinternal_offset_key(&rs->w, group, topic, partition);
	records_value(rs, true);
	records_end(rs);
}

static void
member_value(const struct group *g, const struct group_member *m,
    struct km_group_metadata_value_member *v)
{
	kw_defaults(&kd_group_metadata_value_member, v);
	v->member_id = m->id;
	v->group_instance_id = m->instance;
	v->client_id = m->client_id;
	v->client_host = m->client_host;
	v->rebalance_timeout = m->rebalance_ms;
	v->session_timeout = m->session_ms;
	v->subscription = group_metadata(g, m);
	v->assignment = m->assignment;
}

void
records_group(struct records *rs, const struct group *g)
{
	struct km_group_metadata_value v;
	const struct group_member *m;
	size_t i = 0;

	kw_defaults(&kd_group_metadata_value, &v);
	v.protocol_type = g->protocol_type.p == NULL ? SLICE("") :
	    g->protocol_type;
	v.generation = g->generation;
	v.protocol = g->protocol;
	v.leader = g->leader == NULL ? SLICE_NULL : g->leader->id;
	v.current_state_timestamp = g->state_ms;
	v.members.v = xcalloc(g->nmembers, sizeof v.members.v[0]);
	v.members.n = (int32_t)g->nmembers;
	TAILQ_FOREACH(m, &g->members, link)
		member_value(g, m, &v.members.v[i++]);

	records_key(rs);
	kinternal_group_key(&rs->w, g->id);
	records_value(rs, false);
	kinternal_group_encode(&rs->w, &v);
	records_end(rs);
	free(v.members.v);
}

void
records_group_gone(struct records *rs, struct slice group)
{
	records_key(rs);
	kinternal_group_key(&rs->w, group);
	records_value(rs, true);
	records_end(rs);
}

/* --- reading back --- */

static void
take_offset(const struct offsets_log_ops *ops, int64_t producer_id,
    const struct km_offset_commit_key *k, const struct krecord *rec,
    struct err *e)
{
	struct km_offset_commit_value v;
	struct committed c;

	if (rec->value.p == NULL) {
		ops->offset(ops->ctx, producer_id, k->group, k->topic,
		    k->partition, NULL);
		return;
	}
	if (kinternal_offset_decode(rec->value, &v, e) == -1)
		return;
	c = (struct committed){ .partition = k->partition,
	    .leader_epoch = v.leader_epoch, .offset = v.offset,
	    .commit_ms = v.commit_timestamp, .at = rec->offset,
	    .metadata = v.metadata };
	ops->offset(ops->ctx, producer_id, k->group, k->topic, k->partition,
	    &c);
}

static void
take_record(const struct offsets_log_ops *ops, int64_t producer_id,
    const struct krecord *rec, struct err *e)
{
	struct kinternal_key k;

	if (kinternal_key_decode(rec->key, &k, e) == -1)
		return;
	if (k.kind == KINTERNAL_OFFSET)
		take_offset(ops, producer_id, &k.u.offset, rec, e);
	else if (k.kind == KINTERNAL_GROUP)
		ops->group(ops->ctx, k.u.group.group, rec->value);
}

/* Control records of other kinds are none of ours. */
static void
take_control(const struct offsets_log_ops *ops, int64_t producer_id,
    const struct krecord *rec)
{
	int type = rec->key.len < 4 ? -1 : get_be16(rec->key.p + 2);

	if (type == KCONTROL_COMMIT || type == KCONTROL_ABORT)
		ops->marker(ops->ctx, producer_id, type == KCONTROL_COMMIT);
}

static void
on_record(void *ctx, const struct kbatch *b, const struct krecord *rec,
    struct err *e)
{
	if ((b->attributes & KATTR_CONTROL) != 0)
		take_control(ctx, b->producer_id, rec);
	else
		take_record(ctx, (b->attributes & KATTR_TRANSACTIONAL) != 0 ?
		    b->producer_id : -1, rec, e);
}

int
offsets_log_load(struct partition *p, const struct offsets_log_ops *ops,
    struct err *e)
{
	uint64_t bytes;

	return (internal_log_read(p, on_record, (void *)ops, &bytes, e));
}

static void
restore_member(struct group *g, const struct km_group_metadata_value *v,
    const struct km_group_metadata_value_member *in)
{
	struct group_protocol protocol = {
		v->protocol.p == NULL ? SLICE("") : v->protocol,
		in->subscription
	};
	struct group_member m = {
		.id = in->member_id,
		.instance = in->group_instance_id,
		.client_id = in->client_id,
		.client_host = in->client_host,
		.session_ms = in->session_timeout,
		.rebalance_ms = in->rebalance_timeout,
		.protocols = &protocol,
		.nprotocols = 1,
		.assignment = in->assignment,
	};

	group_restore_member(g, &m, v->leader.p != NULL &&
	    slice_eq(v->leader, in->member_id));
}

int
offsets_log_restore(struct group *g, struct slice value, struct err *e)
{
	struct km_group_metadata_value v;
	struct arena arena;
	int32_t i;

	arena_init(&arena, 4096, RECORDS_MAX);
	if (kinternal_group_decode(value, &arena, &v, e) == -1) {
		arena_fini(&arena);
		return (-1);
	}
	group_restore(g, v.generation, v.protocol_type, v.protocol,
	    v.current_state_timestamp);
	for (i = 0; i < v.members.n; i++)
		restore_member(g, &v, &v.members.v[i]);
	arena_fini(&arena);
	return (0);
}
