/*
 * Records are encoded into one buffer and remembered by their places in it, as
 * the buffer moves while it grows; the batch is built when its size is known.
 */
#include "broker/offsets_log.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "kafka/records.h"

#define READ_SIZE	(1u << 20)

void
records_fini(struct records *rs)
{
	kwriter_fini(&rs->w);
	free(rs->v);
	*rs = (struct records)RECORDS_INIT;
}

void
records_drop(struct records *rs)
{
	kwriter_reset(&rs->w);
	rs->n = 0;
}

size_t
records_bytes(const struct records *rs)
{
	return (rs->w.len);
}

static void
row_begin(struct records *rs)
{
	GROW(rs->v, rs->n, rs->cap);
	rs->v[rs->n++] = (struct records_row){ .key = rs->w.len };
}

static void
row_value(struct records *rs, bool gone)
{
	rs->v[rs->n - 1].value = rs->w.len;
	rs->v[rs->n - 1].gone = gone;
}

static void
row_end(struct records *rs)
{
	rs->v[rs->n - 1].end = rs->w.len;
}

void
records_offset(struct records *rs, struct slice group, struct slice topic,
    int32_t partition, const struct committed *c)
{
	struct km_offset_commit_value v;

	row_begin(rs);
	kinternal_offset_key(&rs->w, group, topic, partition);
	row_value(rs, false);
	kw_defaults(&kd_offset_commit_value, &v);
	v.offset = c->offset;
	v.leader_epoch = c->leader_epoch;
	v.metadata = c->metadata;
	v.commit_timestamp = c->commit_ms;
	kinternal_offset_encode(&rs->w, &v);
	row_end(rs);
}

void
records_offset_gone(struct records *rs, struct slice group,
    struct slice topic, int32_t partition)
{
	row_begin(rs);
	kinternal_offset_key(&rs->w, group, topic, partition);
	row_value(rs, true);
	row_end(rs);
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

	row_begin(rs);
	kinternal_group_key(&rs->w, g->id);
	row_value(rs, false);
	kinternal_group_encode(&rs->w, &v);
	row_end(rs);
	free(v.members.v);
}

void
records_group_value(struct records *rs, struct slice group, struct slice value)
{
	row_begin(rs);
	kinternal_group_key(&rs->w, group);
	row_value(rs, false);
	kwrite_raw(&rs->w, value.p, value.len);
	row_end(rs);
}

struct slice
records_last_value(const struct records *rs)
{
	const struct records_row *r = &rs->v[rs->n - 1];

	return (slice_of(rs->w.base + r->value, r->end - r->value));
}

void
records_group_gone(struct records *rs, struct slice group)
{
	row_begin(rs);
	kinternal_group_key(&rs->w, group);
	row_value(rs, true);
	row_end(rs);
}

static void
build(const struct records *rs, struct kbuilder *b, int64_t now)
{
	const struct records_row *r;
	struct slice key, value;
	size_t i;

	for (i = 0; i < rs->n; i++) {
		r = &rs->v[i];
		key = slice_of(rs->w.base + r->key, r->value - r->key);
		value = r->gone ? SLICE_NULL :
		    slice_of(rs->w.base + r->value, r->end - r->value);
		(void)kbuilder_add(b, now, key, value, NULL, 0);
	}
}

static int
append(struct records *rs, struct partition *p, struct sync_wait *wait,
    struct err *e)
{
	int64_t now = clock_wall_ms();
	struct seglog_batch batch;
	struct kbuilder b;
	size_t cap, size;
	uint8_t *buf;
	int rc;

	cap = kbuilder_bound(rs->n, rs->w.len, 0);
	buf = xmalloc(cap);
	kbuilder_init(&b, buf, cap, now);
	build(rs, &b, now);
	size = kbuilder_finish(&b);
	memcpy(batch.header, buf, SEGLOG_HEADER);
	batch.body = slice_of(buf + SEGLOG_HEADER, size - SEGLOG_HEADER);
	rc = partition_append(p, &batch, 1, APPEND_RESERVE, wait, e);
	rs->written = rc == 0 ? size : 0;
	free(buf);
	return (rc);
}

int
records_append(struct records *rs, struct partition *p, struct sync_wait *wait,
    struct err *e)
{
	int rc = 0;

	rs->written = 0;
	if (rs->w.full)
		rc = err_set(e, ERR_TOO_LARGE,
		    "records of more than %u bytes", RECORDS_MAX);
	else if (rs->n > 0)
		rc = append(rs, p, wait, e);
	else if (wait != NULL)
		partition_wait(p, wait);
	records_drop(rs);
	return (rc);
}

/* --- reading back --- */

static void
take_offset(const struct offsets_log_ops *ops,
    const struct km_offset_commit_key *k, struct slice value, struct err *e)
{
	struct km_offset_commit_value v;
	struct committed c;

	if (value.p == NULL) {
		ops->offset(ops->ctx, k->group, k->topic, k->partition, NULL);
		return;
	}
	if (kinternal_offset_decode(value, &v, e) == -1)
		return;
	c = (struct committed){ .partition = k->partition,
	    .leader_epoch = v.leader_epoch, .offset = v.offset,
	    .commit_ms = v.commit_timestamp, .metadata = v.metadata };
	ops->offset(ops->ctx, k->group, k->topic, k->partition, &c);
}

static void
take_record(const struct offsets_log_ops *ops, const struct krecord *rec,
    struct err *e)
{
	struct kinternal_key k;

	if (kinternal_key_decode(rec->key, &k, e) == -1)
		return;
	if (k.kind == KINTERNAL_OFFSET)
		take_offset(ops, &k.u.offset, rec->value, e);
	else if (k.kind == KINTERNAL_GROUP)
		ops->group(ops->ctx, k.u.group.group, rec->value);
}

static void
take_batch(struct kiter *it, struct slice batch, const char *name,
    const struct offsets_log_ops *ops)
{
	struct err err = ERR_INIT;
	struct krecord rec;
	struct kbatch b;

	if (kbatch_check(batch, &b, &err) == 0 &&
	    (b.attributes & KATTR_CONTROL) == 0 &&
	    kiter_open(it, batch, RECORDS_MAX, &err) == 0)
		while (kiter_next(it, &rec, &err) == 1)
			take_record(ops, &rec, &err);
	if (err.code != ERR_NONE)
		log_error("broker", "partition=%s: skipped records at "
		    "offset=%lld that make no sense: %s", name,
		    (long long)get_be64(batch.p), err.msg);
}

/* Whole batches, as seglog gives them; stops at the first that is not. */
static void
take_range(struct kiter *it, struct slice in, const char *name,
    const struct offsets_log_ops *ops)
{
	struct kbatch b;
	size_t size;

	while (in.len > 0) {
		if (kbatch_parse(in, &b, NULL) == -1)
			return;
		size = kbatch_size(&b);
		if (size > in.len)
			return;
		take_batch(it, slice_of(in.p, size), name, ops);
		in = slice_of(in.p + size, in.len - size);
	}
}

/* One range from *off on, which moves behind it. 0: no more. */
static int
load_range(struct partition *p, int64_t *off, struct kiter *it,
    const char *name, const struct offsets_log_ops *ops, uint64_t *bytes,
    struct err *e)
{
	struct seglog_range range;
	ssize_t n;
	uint8_t *buf;

	if (seglog_read(p->log, *off, seglog_synced(p->log), READ_SIZE, true,
	    &range, e) == -1)
		return (-1);
	if (range.len == 0)
		return (0);
	buf = xmalloc(range.len);
	n = fs_pread(range.fd, buf, range.len, range.pos, e);
	*off = range.next;
	*bytes += range.len;
	seglog_release(&range);
	if (n > 0)
		take_range(it, slice_of(buf, (size_t)n), name, ops);
	free(buf);
	return (n == -1 ? -1 : 1);
}

int
offsets_log_load(struct partition *p, const struct offsets_log_ops *ops,
    uint64_t *bytes, struct err *e)
{
	struct kiter it = KITER_INIT;
	char name[272];
	int64_t off;
	int rc;

	*bytes = 0;
	(void)partition_name(p, name);
	if (partition_open(p, e) == -1)
		return (-1);
	off = seglog_start(p->log);
	do
		rc = load_range(p, &off, &it, name, ops, bytes, e);
	while (rc == 1);
	kiter_close(&it);
	return (rc == -1 ? err_ctx(e, "read %s", name) : 0);
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
