/*
 * The offsets that open transactions of one shard have committed to groups,
 * until the marker comes: (producer id, group, topic, partition) -> offset.
 * Pure data; owner: the loop of the shard, or who loads it.
 *
 *	staged_put(st, 7, group, topic, 3, &(struct committed){ ... });
 *	staged_has(st, group, topic, 3)			true
 *	staged_end(st, 7, take_over, ctx);		forgotten
 */
#ifndef BROKER_STAGED_H
#define BROKER_STAGED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "broker/offsets.h"

/* Bytes, as offsets_bytes counts, that one transaction may have in a shard. */
#define STAGED_BYTES_MAX	(16u << 20)

struct staged;

struct staged	*staged_new(void);
void		 staged_free(struct staged *);		/* NULL is fine */
size_t		 staged_transactions(const struct staged *);
/* Of one transaction; 0: it has none. */
size_t		 staged_bytes(const struct staged *, int64_t producer_id);

/* Copies; replaces what the same transaction has there. */
void		 staged_put(struct staged *, int64_t producer_id,
		    struct slice group, struct slice topic, int32_t partition,
		    const struct committed *);
/* Does any transaction have the partition; anything of the group? */
bool		 staged_has(const struct staged *, struct slice group,
		    struct slice topic, int32_t partition);
bool		 staged_has_group(const struct staged *, struct slice group);
/* Puts what any transaction has of the group, where there is nothing yet. */
void		 staged_keys(const struct staged *, struct slice group,
		    struct offsets *);
/* A tombstone: no transaction has it any more. */
void		 staged_remove(struct staged *, struct slice group,
		    struct slice topic, int32_t partition);
/*
 * The transaction is over: for each of its groups fn is called (NULL: not),
 * when that is forgotten here already, with what it had.
 */
void		 staged_end(struct staged *, int64_t producer_id,
		    void (*fn)(void *ctx, struct slice group,
			const struct offsets *), void *ctx);

#endif
