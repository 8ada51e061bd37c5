/*
 * The committed offsets of one group: (topic, partition) -> offset, leader
 * epoch, metadata, time.  Pure data; owner: the loop of the group.
 *
 *	o = offsets_new();
 *	offsets_put(o, topic, 3, &(struct committed){ .offset = 17, ... });
 *	c = offsets_get(o, topic, 3);			NULL: none
 *	for (t = NULL; (t = offsets_next(o, &it)) != NULL;)
 *		... t->name, t->v[0 .. t->n), sorted by partition
 */
#ifndef BROKER_OFFSETS_H
#define BROKER_OFFSETS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct committed {
	int32_t		 partition;
	int32_t		 leader_epoch;	/* -1: not said */
	int64_t		 offset;
	int64_t		 commit_ms;	/* wall */
	int64_t		 at;		/* in the log: a later one holds */
	struct slice	 metadata;	/* the store's own copy */
};

struct offsets_topic {
	struct slice	 name;		/* the store's own copy */
	struct committed *v;		/* by partition */
	size_t		 n, cap;
};

struct offsets;

struct offsets	*offsets_new(void);
void		 offsets_free(struct offsets *);	/* NULL is fine */
size_t		 offsets_count(const struct offsets *);	/* partitions */
/* Rough size of all as records, to say when rewriting pays. */
size_t		 offsets_bytes(const struct offsets *);

/* Copies; replaces what is there. */
void		 offsets_put(struct offsets *, struct slice topic,
		    int32_t partition, const struct committed *);
/* Valid until the next change; NULL: nothing committed. */
const struct committed *
		 offsets_get(const struct offsets *, struct slice topic,
		    int32_t partition);
const struct offsets_topic *
		 offsets_topic(const struct offsets *, struct slice topic);
/* False when it was not there. */
bool		 offsets_remove(struct offsets *, struct slice topic,
		    int32_t partition);
/* Walks; start with *it = 0; NULL at the end.  No changes meanwhile. */
const struct offsets_topic *
		 offsets_next(const struct offsets *, size_t *it);

#endif
