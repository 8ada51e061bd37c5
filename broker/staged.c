/*
 * A part is what one transaction has of one group.  It is in two lists: of its
 * transaction, found by the producer id, and of its group, found by the name.
 * Either list is there while it has parts; a part while it has offsets.
 */
#include "broker/staged.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "base/map.h"
#include "base/mem.h"

struct part {
	TAILQ_ENTRY(part) of_txn;
	TAILQ_ENTRY(part) of_group;
	struct txn	*txn;
	struct parts	*group;
	struct offsets	*offsets;
};
TAILQ_HEAD(part_list, part);

struct txn {
	int64_t		 producer_id;
	struct part_list parts;
};

struct parts {			/* of a group */
	struct slice	 name;		/* owned */
	struct part_list parts;
};

struct staged {
	struct map	*txns;		/* producer id -> struct txn */
	struct map	*groups;	/* name -> struct parts */
};

struct staged *
staged_new(void)
{
	struct staged *st = xcalloc(1, sizeof *st);

	st->txns = map_new();
	st->groups = map_new();
	return (st);
}

static struct slice
id_key(const int64_t *id)
{
	return (slice_of(id, sizeof *id));
}

static struct txn *
txn_find(const struct staged *st, int64_t producer_id)
{
	return (map_get(st->txns, id_key(&producer_id)));
}

static struct txn *
txn_get(struct staged *st, int64_t producer_id)
{
	struct txn *t = txn_find(st, producer_id);

	if (t != NULL)
		return (t);
	t = xcalloc(1, sizeof *t);
	t->producer_id = producer_id;
	TAILQ_INIT(&t->parts);
	(void)map_put(st->txns, id_key(&t->producer_id), t);
	return (t);
}

static struct parts *
group_get(struct staged *st, struct slice name)
{
	struct parts *g = map_get(st->groups, name);

	if (g != NULL)
		return (g);
	g = xcalloc(1, sizeof *g);
	g->name = slice_of(xstrndup(name.p, name.len), name.len);
	TAILQ_INIT(&g->parts);
	(void)map_put(st->groups, g->name, g);
	return (g);
}

/* Out of its group's list, which goes when it was the last. */
static void
part_leave(struct staged *st, struct part *p)
{
	struct parts *g = p->group;

	TAILQ_REMOVE(&g->parts, p, of_group);
	if (!TAILQ_EMPTY(&g->parts))
		return;
	(void)map_remove(st->groups, g->name);
	free((void *)g->name.p);
	free(g);
}

static void
part_free(struct part *p)
{
	offsets_free(p->offsets);
	free(p);
}

void
staged_end(struct staged *st, int64_t producer_id,
    void (*fn)(void *, struct slice, const struct offsets *), void *ctx)
{
	struct txn *t = map_remove(st->txns, id_key(&producer_id));
	struct slice name;
	struct part *p;

	if (t == NULL)
		return;
	while ((p = TAILQ_FIRST(&t->parts)) != NULL) {
		TAILQ_REMOVE(&t->parts, p, of_txn);
		name = slice_of(xstrndup(p->group->name.p,
		    p->group->name.len), p->group->name.len);
		part_leave(st, p);
		if (fn != NULL)
			fn(ctx, name, p->offsets);
		free((void *)name.p);
		part_free(p);
	}
	free(t);
}

void
staged_free(struct staged *st)
{
	size_t it;
	void *t;

	if (st == NULL)
		return;
	while (it = 0, map_next(st->txns, &it, NULL, &t))
		staged_end(st, ((struct txn *)t)->producer_id, NULL, NULL);
	map_free(st->txns);
	map_free(st->groups);
	free(st);
}

size_t
staged_transactions(const struct staged *st)
{
	return (map_size(st->txns));
}

size_t
staged_bytes(const struct staged *st, int64_t producer_id)
{
	const struct txn *t = txn_find(st, producer_id);
	const struct part *p;
	size_t n = 0;

	if (t != NULL)
		TAILQ_FOREACH(p, &t->parts, of_txn)
			n += offsets_bytes(p->offsets);
	return (n);
}

static struct part *
part_get(struct staged *st, int64_t producer_id, struct slice group)
{
	struct parts *g = group_get(st, group);
	struct part *p;

	TAILQ_FOREACH(p, &g->parts, of_group)
		if (p->txn->producer_id == producer_id)
			return (p);
	p = xcalloc(1, sizeof *p);
	p->txn = txn_get(st, producer_id);
	p->group = g;
	p->offsets = offsets_new();
	TAILQ_INSERT_TAIL(&p->txn->parts, p, of_txn);
	TAILQ_INSERT_TAIL(&g->parts, p, of_group);
	return (p);
}

void
staged_put(struct staged *st, int64_t producer_id, struct slice group,
    struct slice topic, int32_t partition, const struct committed *c)
{
	offsets_put(part_get(st, producer_id, group)->offsets, topic,
	    partition, c);
}

bool
staged_has_group(const struct staged *st, struct slice group)
{
	return (map_get(st->groups, group) != NULL);
}

bool
staged_has(const struct staged *st, struct slice group, struct slice topic,
    int32_t partition)
{
	const struct parts *g = map_get(st->groups, group);
	const struct part *p;

	if (g != NULL)
		TAILQ_FOREACH(p, &g->parts, of_group)
			if (offsets_get(p->offsets, topic, partition) != NULL)
				return (true);
	return (false);
}

void
staged_keys(const struct staged *st, struct slice group, struct offsets *to)
{
	const struct parts *g = map_get(st->groups, group);
	const struct offsets_topic *t;
	const struct part *p;
	size_t it, i;

	if (g == NULL)
		return;
	TAILQ_FOREACH(p, &g->parts, of_group)
		for (it = 0; (t = offsets_next(p->offsets, &it)) != NULL;)
			for (i = 0; i < t->n; i++)
				if (offsets_get(to, t->name,
				    t->v[i].partition) == NULL)
					offsets_put(to, t->name,
					    t->v[i].partition, &t->v[i]);
}

static void
part_drop(struct staged *st, struct part *p)
{
	struct txn *t = p->txn;

	part_leave(st, p);
	TAILQ_REMOVE(&t->parts, p, of_txn);
	part_free(p);
	if (TAILQ_EMPTY(&t->parts)) {
		(void)map_remove(st->txns, id_key(&t->producer_id));
		free(t);
	}
}

void
staged_remove(struct staged *st, struct slice group, struct slice topic,
    int32_t partition)
{
	struct parts *g = map_get(st->groups, group);
	struct part *p, *next;

	/* The group's list goes with its last part, so none is asked of it
	 * after that. */
	for (p = g == NULL ? NULL : TAILQ_FIRST(&g->parts); p != NULL;
	    p = next) {
		next = TAILQ_NEXT(p, of_group);
		if (offsets_remove(p->offsets, topic, partition) &&
		    offsets_count(p->offsets) == 0)
			part_drop(st, p);
	}
}
