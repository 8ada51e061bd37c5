/*
 * OffsetDelete (KIP-496): some offsets of a group go, also of one with members,
 * as long as none of them reads the topic.
 */
#include "broker/groups.h"

#include "base/log.h"
#include "broker/subscription.h"
#include "broker/topic.h"

static void
delete_fail(struct request *r, int16_t error)
{
	struct km_offset_delete_response out;

	kw_defaults(&kd_offset_delete_response, &out);
	out.error_code = error;
	request_reply(r, &out);
}

/* The answer, without errors. */
static struct km_offset_delete_response *
delete_new(struct request *r)
{
	const struct km_offset_delete_request *in = r->in;
	struct km_offset_delete_response *out;
	struct km_offset_delete_response_topic *t;
	struct karray a;
	int32_t i, j;

	out = request_alloc(r, sizeof *out);
	kw_defaults(&kd_offset_delete_response, out);
	a = request_array(r, &kd_offset_delete_response_topic,
	    (size_t)in->topics.n);
	out->topics.v = a.v;
	out->topics.n = a.n;
	for (i = 0; i < out->topics.n; i++) {
		t = &out->topics.v[i];
		t->name = in->topics.v[i].name;
		a = request_array(r, &kd_offset_delete_response_partition,
		    (size_t)in->topics.v[i].partitions.n);
		t->partitions.v = a.v;
		t->partitions.n = a.n;
		for (j = 0; j < a.n; j++)
			t->partitions.v[j].partition_index =
			    in->topics.v[i].partitions.v[j].partition_index;
	}
	return (out);
}

/* Of the group as a whole: other protocols do not say what they read. */
static int16_t
check_group(const struct slot *slot)
{
	if (slot == NULL)
		return (KERR_GROUP_ID_NOT_FOUND);
	if (slot->group->state != GROUP_EMPTY &&
	    !slice_eq_str(slot->group->protocol_type, "consumer"))
		return (KERR_NON_EMPTY_GROUP);
	return (KERR_NONE);
}

static int16_t
check_partition(struct broker *b, const struct slot *slot,
    struct slice name, int32_t partition)
{
	struct topic *t = topic_find(b, name);
	bool there = t != NULL && partition >= 0 &&
	    partition < atomic_load(&t->npartitions);

	topic_unref(t);
	if (!there)
		return (KERR_UNKNOWN_TOPIC_OR_PARTITION);
	if (slot->group->state != GROUP_EMPTY &&
	    group_subscribed(slot->group, name))
		return (KERR_GROUP_SUBSCRIBED_TO_TOPIC);
	return (KERR_NONE);
}

/* Decides on every partition; tombstones for those that are there. */
static void
delete_collect(struct slot *slot, struct km_offset_delete_response *out)
{
	struct shard *s = slot->shard;
	struct km_offset_delete_response_partition *p;
	struct slice name;
	int32_t i, j;

	for (i = 0; i < out->topics.n; i++)
		for (j = 0; j < out->topics.v[i].partitions.n; j++) {
			name = out->topics.v[i].name;
			p = &out->topics.v[i].partitions.v[j];
			p->error_code = check_partition(s->groups->broker,
			    slot, name, p->partition_index);
			if (p->error_code != KERR_NONE ||
			    (offsets_get(slot->offsets, name,
			    p->partition_index) == NULL &&
			    !staged_has(s->staged, slot->group->id, name,
			    p->partition_index)))
				continue;
			records_offset_gone(&s->records, slot->group->id,
			    name, p->partition_index);
		}
}

static void
delete_apply(struct slot *slot, const struct km_offset_delete_response *out)
{
	const struct km_offset_delete_response_topic *t;
	int32_t i, j;

	for (i = 0; i < out->topics.n; i++) {
		t = &out->topics.v[i];
		for (j = 0; j < t->partitions.n; j++)
			if (t->partitions.v[j].error_code == KERR_NONE)
				slot_forget(slot, t->name,
				    t->partitions.v[j].partition_index);
	}
}

struct deletion {
	struct request	*r;
	struct km_offset_delete_response *out;
};

static void
delete_synced(void *arg, int16_t error)
{
	struct deletion *d = arg;

	(void)error;		/* the topic is gone, and they with it */
	request_reply(d->r, d->out);
}

static void
delete_offsets(struct request *r, struct shard *s, int16_t error)
{
	const struct km_offset_delete_request *in = r->in;
	struct deletion *d = request_alloc(r, sizeof *d);
	struct err err = ERR_INIT;
	struct slot *slot = NULL;

	if (error == KERR_NONE)
		error = check_group(slot = slot_find(s, in->group_id));
	if (error != KERR_NONE) {
		delete_fail(r, error);
		return;
	}
	d->r = r;
	d->out = delete_new(r);
	delete_collect(slot, d->out);
	if (s->records.n > 0 && shard_write(s, NULL, NULL, &err) == -1) {
		log_error("broker", "offsets of a group cannot be deleted: %s",
		    err.msg);
		delete_fail(r, coordinator_error(&err));
		return;
	}
	delete_apply(slot, d->out);
	slot_run(slot);
	shard_synced(s, delete_synced, d);
}

void
handle_offset_delete(struct request *r)
{
	const struct km_offset_delete_request *in = r->in;

	if (in->group_id.len == 0)
		delete_fail(r, KERR_INVALID_GROUP_ID);
	else
		groups_route(r, in->group_id, delete_offsets);
}
