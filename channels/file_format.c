#include "channels/file_format.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "kafka/records.h"

#define VALUE_VERSION	1
#define GROUP_FIXED	(2 + 16 + 8 + 8 + 8 + 8 + 4 + 8 + 8)
#define SNAPSHOT_FIXED	(2 + 16)

/* --- cursor changes --- */

void
changes_add(struct sb *b, const char *source, const struct cursor *c)
{
	size_t n = strlen(source), size = cursor_size(c);
	uint8_t head[1 + 255 + 4], *p = head, *bytes;

	CHECK(n <= 255 && size <= UINT32_MAX);
	*p++ = (uint8_t)n;
	memcpy(p, source, n);
	p = put_be32(p + n, (uint32_t)size);
	sb_add(b, head, (size_t)(p - head));
	bytes = xmalloc(size);
	cursor_encode(c, bytes);
	sb_add(b, bytes, size);
	free(bytes);
}

bool
changes_next(struct slice *in, struct slice *source, struct slice *cursor)
{
	const uint8_t *p = in->p, *end = p + in->len;
	size_t n;

	if (end - p < 1 || (size_t)(end - p) < 1 + (n = *p) + 4)
		return (false);
	*source = slice_of(p + 1, n);
	p += 1 + n;
	n = get_be32(p);
	p += 4;
	if ((size_t)(end - p) < n)
		return (false);
	*cursor = slice_of(p, n);
	*in = slice_of(p + n, (size_t)(end - p) - n);
	return (true);
}

/* --- control batches --- */

static uint8_t *
control_encode(int type, struct slice value, int64_t ts, size_t *size)
{
	size_t cap = kbuilder_bound(1, 4 + value.len, 0);
	uint8_t *buf = xmalloc(cap), key[4];
	struct kbuilder b;

	put_be16(put_be16(key, 0), (uint16_t)type);
	kbuilder_init(&b, buf, cap, ts);
	b.attributes = KATTR_CONTROL;
	CHECK(kbuilder_add(&b, ts, slice_of(key, sizeof key), value, NULL, 0));
	*size = kbuilder_finish(&b);
	return (buf);
}

/* The type and value of a control batch; -1: it is none of ours. */
static int
control_parse(struct slice batch, struct slice *value)
{
	struct kiter it = KITER_INIT;
	struct krecord r;
	int type = -1;

	if (kiter_open(&it, batch, 0, NULL) == 0 &&
	    (it.batch.attributes & KATTR_CONTROL) != 0 &&
	    kbatch_codec(&it.batch) == 0 && it.batch.count == 1 &&
	    kiter_next(&it, &r, NULL) == 1 && r.key.p != NULL &&
	    r.key.len == 4 && get_be16(r.key.p) == 0 && r.value.p != NULL) {
		type = get_be16(r.key.p + 2);
		*value = r.value;
	}
	kiter_close(&it);
	return (type == FORMAT_SNAPSHOT || type == FORMAT_GROUP ? type : -1);
}

int
control_type(struct slice batch)
{
	struct slice value;

	return (control_parse(batch, &value));
}

static int
value_of(struct slice batch, int type, size_t fixed, struct slice *v,
    struct err *e)
{
	if (control_parse(batch, v) != type || v->len < fixed)
		return (err_set(e, ERR_CORRUPT, "not a control record of type "
		    "%d", type));
	if (get_be16(v->p) != VALUE_VERSION)
		return (err_set(e, ERR_CORRUPT, "control record of version %d",
		    get_be16(v->p)));
	return (0);
}

/* --- groups --- */

uint32_t
group_sum(uint32_t sum, const uint8_t *header)
{
	return (crc32c(crc32c(sum, header + 8, 4), header + 17, 4));
}

uint8_t *
group_encode(const struct group *g, int64_t ts, size_t *size)
{
	uint8_t *value = xmalloc(GROUP_FIXED + g->changes.len), *p, *out;

	p = put_be16(value, VALUE_VERSION);
	memcpy(p, g->channel.b, 16);
	p = put_be64(p + 16, g->number);
	p = put_be64(p, (uint64_t)g->prev_synced);
	p = put_be64(p, (uint64_t)g->first);
	p = put_be64(p, g->bytes);
	p = put_be32(p, g->crc);
	p = put_be64(p, g->records);
	p = put_be64(p, g->stored_bytes);
	if (g->changes.len > 0)
		memcpy(p, g->changes.p, g->changes.len);
	out = control_encode(FORMAT_GROUP, slice_of(value, GROUP_FIXED +
	    g->changes.len), ts, size);
	free(value);
	return (out);
}

int
group_parse(struct slice batch, struct group *g, struct err *e)
{
	struct slice v;
	const uint8_t *p;

	if (value_of(batch, FORMAT_GROUP, GROUP_FIXED, &v, e) == -1)
		return (-1);
	p = v.p + 2;
	memcpy(g->channel.b, p, 16);
	g->number = get_be64(p + 16);
	g->prev_synced = (int64_t)get_be64(p + 24);
	g->first = (int64_t)get_be64(p + 32);
	g->bytes = get_be64(p + 40);
	g->crc = get_be32(p + 48);
	g->records = get_be64(p + 52);
	g->stored_bytes = get_be64(p + 60);
	g->changes = slice_of(v.p + GROUP_FIXED, v.len - GROUP_FIXED);
	return (0);
}

uint8_t *
snapshot_encode(const struct uuid *channel, struct slice changes, int64_t ts,
    size_t *size)
{
	uint8_t *value = xmalloc(SNAPSHOT_FIXED + changes.len), *p, *out;

	p = put_be16(value, VALUE_VERSION);
	memcpy(p, channel->b, 16);
	if (changes.len > 0)
		memcpy(p + 16, changes.p, changes.len);
	out = control_encode(FORMAT_SNAPSHOT, slice_of(value, SNAPSHOT_FIXED +
	    changes.len), ts, size);
	free(value);
	return (out);
}

int
snapshot_parse(struct slice batch, struct uuid *channel, struct slice *changes,
    struct err *e)
{
	struct slice v;

	if (value_of(batch, FORMAT_SNAPSHOT, SNAPSHOT_FIXED, &v, e) == -1)
		return (-1);
	memcpy(channel->b, v.p + 2, 16);
	*changes = slice_of(v.p + SNAPSHOT_FIXED, v.len - SNAPSHOT_FIXED);
	return (0);
}

/* --- mark --- */

void
mark_encode(const struct mark *m, uint8_t out[MARK_SIZE])
{
	uint8_t *p = out;

	p = put_be64(p, VALUE_VERSION);
	memcpy(p, m->channel.b, 16);
	p = put_be64(p + 16, (uint64_t)m->offset);
	p = put_be64(p, m->records);
	p = put_be64(p, m->stored_bytes);
	put_be64(p, (uint64_t)m->synced);
}

int
mark_decode(const uint8_t in[MARK_SIZE], struct mark *m, struct err *e)
{
	if (get_be64(in) != VALUE_VERSION)
		return (err_set(e, ERR_CORRUPT, "mark of version %llu",
		    (unsigned long long)get_be64(in)));
	memcpy(m->channel.b, in + 8, 16);
	m->offset = (int64_t)get_be64(in + 24);
	m->records = get_be64(in + 32);
	m->stored_bytes = get_be64(in + 40);
	m->synced = (int64_t)get_be64(in + 48);
	if (m->offset < 0 || m->synced < m->offset)
		return (err_set(e, ERR_CORRUPT, "mark with offsets %lld, %lld",
		    (long long)m->offset, (long long)m->synced));
	return (0);
}

/* --- recovery --- */

static bool
is_whole(struct group_check *c, const struct group *g)
{
	if (!c->known) {
		c->channel = g->channel;
		c->known = true;
	}
	return (memcmp(g->channel.b, c->channel.b, 16) == 0 &&
	    g->number > c->number && g->first == c->first &&
	    g->bytes == c->bytes && g->crc == c->crc);
}

static void
begin_group(struct group_check *c, int64_t first)
{
	c->first = c->next = first;
	c->bytes = 0;
	c->crc = 0;
}

static void
broken_until(struct group_check *c, int64_t end)
{
	c->broken = true;
	c->broken_end = end;
}

bool
group_closes(void *check, struct slice batch)
{
	struct group_check *c = check;
	struct kbatch b;
	struct group g;
	bool whole, keep;

	if (kbatch_parse(batch, &b, NULL) == -1)
		return (false);
	if (!c->started || b.base_offset != c->next) {
		if (c->started)
			broken_until(c, b.base_offset);
		c->started = true;
		begin_group(c, b.base_offset);
	}
	c->next = kbatch_last_offset(&b) + 1;
	if (control_type(batch) != FORMAT_GROUP) {
		c->bytes += kbatch_size(&b);
		c->crc = group_sum(c->crc, batch.p);
		return (false);
	}
	whole = group_parse(batch, &g, NULL) == 0 && is_whole(c, &g);
	keep = whole && (!c->broken || g.prev_synced >= c->broken_end);
	if (whole)
		c->number = g.number;
	else
		broken_until(c, c->next);
	if (keep)
		c->broken = false;
	begin_group(c, c->next);
	return (keep);
}
