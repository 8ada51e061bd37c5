/*
 * A map from topic to an array sorted by partition: few topics with many
 * partitions each, asked for one by one and listed by topic.
 */
#include "broker/offsets.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"

#define RECORD_OVERHEAD	48	/* key and value but for texts, about */

struct offsets {
	struct map	*topics;
	size_t		 count;
	size_t		 bytes;
};

struct offsets *
offsets_new(void)
{
	struct offsets *o = xcalloc(1, sizeof *o);

	o->topics = map_new();
	return (o);
}

static size_t
committed_bytes(const struct offsets_topic *t, const struct committed *c)
{
	return (RECORD_OVERHEAD + t->name.len + c->metadata.len);
}

static void
topic_free(struct offsets_topic *t)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		free((void *)t->v[i].metadata.p);
	free(t->v);
	free((void *)t->name.p);
	free(t);
}

void
offsets_free(struct offsets *o)
{
	void *t;
	size_t it = 0;

	if (o == NULL)
		return;
	while (map_next(o->topics, &it, NULL, &t))
		topic_free(t);
	map_free(o->topics);
	free(o);
}

size_t
offsets_count(const struct offsets *o)
{
	return (o->count);
}

size_t
offsets_bytes(const struct offsets *o)
{
	return (o->bytes);
}

/* The index of the partition, or where it belongs. */
static size_t
place(const struct offsets_topic *t, int32_t partition)
{
	size_t lo = 0, hi = t->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (t->v[mid].partition < partition)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (lo);
}

static bool
is_at(const struct offsets_topic *t, size_t i, int32_t partition)
{
	return (i < t->n && t->v[i].partition == partition);
}

static struct slice
copy(struct slice s)
{
	return (slice_of(xstrndup(s.len == 0 ? "" : (const void *)s.p, s.len),
	    s.len));
}

static struct offsets_topic *
topic_get(struct offsets *o, struct slice name)
{
	struct offsets_topic *t = map_get(o->topics, name);

	if (t != NULL)
		return (t);
	t = xcalloc(1, sizeof *t);
	t->name = copy(name);
	(void)map_put(o->topics, name, t);
	return (t);
}

void
offsets_put(struct offsets *o, struct slice topic, int32_t partition,
    const struct committed *c)
{
	struct offsets_topic *t = topic_get(o, topic);
	size_t i = place(t, partition);
	struct slice metadata = copy(c->metadata);

	if (is_at(t, i, partition)) {
		o->bytes -= committed_bytes(t, &t->v[i]);
		free((void *)t->v[i].metadata.p);
	} else {
		GROW(t->v, t->n, t->cap);
		memmove(&t->v[i + 1], &t->v[i], (t->n - i) * sizeof t->v[0]);
		t->n++;
		o->count++;
	}
	t->v[i] = *c;
	t->v[i].partition = partition;
	t->v[i].metadata = metadata;
	o->bytes += committed_bytes(t, &t->v[i]);
}

const struct offsets_topic *
offsets_topic(const struct offsets *o, struct slice topic)
{
	return (map_get(o->topics, topic));
}

const struct committed *
offsets_get(const struct offsets *o, struct slice topic, int32_t partition)
{
	const struct offsets_topic *t = map_get(o->topics, topic);
	size_t i;

	if (t == NULL)
		return (NULL);
	i = place(t, partition);
	return (is_at(t, i, partition) ? &t->v[i] : NULL);
}

bool
offsets_remove(struct offsets *o, struct slice topic, int32_t partition)
{
	struct offsets_topic *t = map_get(o->topics, topic);
	size_t i = t == NULL ? 0 : place(t, partition);

	if (t == NULL || !is_at(t, i, partition))
		return (false);
	o->bytes -= committed_bytes(t, &t->v[i]);
	o->count--;
	free((void *)t->v[i].metadata.p);
	t->n--;
	memmove(&t->v[i], &t->v[i + 1], (t->n - i) * sizeof t->v[0]);
	if (t->n == 0) {
		(void)map_remove(o->topics, t->name);
		topic_free(t);
	}
	return (true);
}

const struct offsets_topic *
offsets_next(const struct offsets *o, size_t *it)
{
	void *t;

	return (map_next(o->topics, it, NULL, &t) ? t : NULL);
}
