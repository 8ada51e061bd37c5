/*
 * The look-up side: maps by name and by id, references, arrays of partitions.
 * What is written down, and what happens to folders, is catalogue.c.
 *
 * A topic's partition array is replaced when it grows; readers hold no lock, so
 * the old ones stay until the topic goes.  That is rare.
 */
#include "broker/topic.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"
#include "broker/catalogue.h"
#include "broker/partition.h"
#include "broker/topic_config.h"

bool
topic_name_valid(struct slice name)
{
	size_t i;
	uint8_t c;

	if (name.len == 0 || name.len > TOPIC_NAME_MAX ||
	    slice_eq_str(name, ".") || slice_eq_str(name, ".."))
		return (false);
	for (i = 0; i < name.len; i++) {
		c = name.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && c != '.' && c != '_' &&
		    c != '-')
			return (false);
	}
	return (true);
}

struct topic *
topic_ref(struct topic *t)
{
	atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
	return (t);
}

struct topic *
topic_find(struct broker *b, struct slice name)
{
	struct catalogue *c = b->catalogue;
	struct topic *t;

	mutex_lock(&c->lock);
	if ((t = map_get(c->by_name, name)) != NULL)
		topic_ref(t);
	mutex_unlock(&c->lock);
	return (t);
}

struct topic *
topic_find_id(struct broker *b, const struct uuid *id)
{
	struct catalogue *c = b->catalogue;
	struct topic *t;

	mutex_lock(&c->lock);
	if ((t = map_get(c->by_id, slice_of(id->b, sizeof id->b))) != NULL)
		topic_ref(t);
	mutex_unlock(&c->lock);
	return (t);
}

struct partition *
topic_partition(struct topic *t, int32_t index)
{
	struct partition **v;

	if (index < 0 || index >= atomic_load(&t->npartitions))
		return (NULL);
	v = atomic_load(&t->partitions);
	return (v[index]);
}

const struct topic_config *
topic_config_get(struct topic *t)
{
	return (t->config);
}

static int
by_name(const void *a, const void *b)
{
	const struct topic *const *x = a, *const *y = b;

	return (slice_cmp(slice_str((*x)->name), slice_str((*y)->name)));
}

size_t
topic_list(struct broker *b, struct topic ***out)
{
	struct catalogue *c = b->catalogue;
	struct topic **v;
	size_t it = 0, n = 0;
	void *value;

	mutex_lock(&c->lock);
	v = xcalloc(map_size(c->by_name) + 1, sizeof (struct topic *));
	while (map_next(c->by_name, &it, NULL, &value))
		v[n++] = topic_ref(value);
	mutex_unlock(&c->lock);
	qsort(v, n, sizeof (struct topic *), by_name);
	*out = v;
	return (n);
}

/* A topic that is in no map yet; one reference. */
struct topic *
topic_new(struct broker *b, struct slice name, const struct uuid *id,
    int32_t partitions, struct topic_config *config)
{
	struct topic *t = xcalloc(1, sizeof *t);

	t->broker = b;
	t->name = xstrndup(name.p, name.len);
	t->id = *id;
	t->internal = slice_eq_str(name, TOPIC_OFFSETS) ||
	    slice_eq_str(name, TOPIC_TXN);
	t->config = config != NULL ? config : topic_config_new(b);
	atomic_init(&t->refs, 1);
	topic_set_partitions(t, partitions);
	return (t);
}

/* Under the catalogue's change lock, or before anybody knows the topic. */
void
topic_set_partitions(struct topic *t, int32_t n)
{
	struct partition **old = atomic_load(&t->partitions), **v;
	int32_t i, have = atomic_load(&t->npartitions);

	CHECK(n > have);
	v = xcalloc((size_t)n, sizeof (struct partition *));
	for (i = 0; i < n; i++)
		v[i] = i < have ? old[i] : partition_new(t, i);
	if (old != NULL) {
		t->retired = xreallocarray(t->retired, t->nretired + 1,
		    sizeof *t->retired);
		t->retired[t->nretired++] = old;
	}
	atomic_store(&t->partitions, v);
	atomic_store(&t->npartitions, n);
	metric_add_shared(&t->broker->m.partitions, n - have);
}

static void
topic_free(struct topic *t)
{
	struct partition **v = atomic_load(&t->partitions);
	int32_t i, n = atomic_load(&t->npartitions);
	size_t k;

	for (i = 0; i < n; i++)
		partition_free(v[i]);
	metric_add_shared(&t->broker->m.partitions, -n);
	free(v);
	for (k = 0; k < t->nretired; k++)
		free(t->retired[k]);
	free(t->retired);
	topic_config_free(t->config);
	if (atomic_load(&t->deleted))
		catalogue_unused(t->broker, &t->id);
	free(t->name);
	free(t);
}

void
topic_unref(struct topic *t)
{
	if (t == NULL)
		return;
	if (atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) == 1)
		topic_free(t);
}

struct topic *
topic_auto(struct broker *b, struct slice name, struct err *e)
{
	struct topic_spec spec = { .name = name };
	struct topic *t;

	if ((t = topic_find(b, name)) != NULL)
		return (t);
	spec.partitions = (int32_t)b->cfg.num_partitions;
	topic_create(b, &spec, 1);
	if (spec.topic == NULL && spec.err.code == ERR_EXISTS)
		spec.topic = topic_find(b, name);	/* made meanwhile */
	if (spec.topic == NULL && e != NULL)
		*e = spec.err;
	return (spec.topic);
}

/* --- the broker's own --- */

static struct topic_config *
internal_config(struct broker *b, uint64_t segment_bytes)
{
	struct topic_config *c = topic_config_new(b);
	char *size;

	size = xasprintf("%llu", (unsigned long long)segment_bytes);
	CHECK(topic_config_set(c, SLICE("cleanup.policy"),
	    SLICE("compact"), NULL) == 0);
	CHECK(topic_config_set(c, SLICE("segment.bytes"), slice_str(size),
	    NULL) == 0);
	free(size);
	return (c);
}

static struct topic *
topic_internal(struct broker *b, struct slice name, bool create,
    int64_t partitions, uint64_t segment_bytes, struct err *e)
{
	struct topic_spec spec = { .name = name };
	struct topic *t;

	if ((t = topic_find(b, spec.name)) != NULL)
		return (t);
	if (!create) {
		err_set(e, ERR_NOT_FOUND, "there is no %.*s yet",
		    (int)name.len, (const char *)name.p);
		return (NULL);
	}
	spec.partitions = (int32_t)partitions;
	spec.config = internal_config(b, segment_bytes);
	topic_create(b, &spec, 1);
	if (spec.topic == NULL && spec.err.code == ERR_EXISTS)
		spec.topic = topic_find(b, spec.name);
	if (spec.topic == NULL && e != NULL)
		*e = spec.err;
	return (spec.topic);
}

struct topic *
topic_offsets(struct broker *b, bool create, struct err *e)
{
	return (topic_internal(b, SLICE(TOPIC_OFFSETS), create,
	    b->cfg.offsets_partitions, b->cfg.offsets_segment_bytes, e));
}

struct topic *
topic_txn(struct broker *b, bool create, struct err *e)
{
	return (topic_internal(b, SLICE(TOPIC_TXN), create,
	    b->cfg.txn_partitions, b->cfg.txn_segment_bytes, e));
}
