/*
 * Producer ids, none of them twice, whatever crashes: they are taken from
 * blocks, and a block is marked as used, durably, before its first id leaves.
 * A start begins with a new block.
 *
 *	if (producer_ids_next(b->producer_ids, &id, e) == -1) ...
 */
#ifndef BROKER_PRODUCER_IDS_H
#define BROKER_PRODUCER_IDS_H

#include <stdint.h>

#include "base/err.h"
#include "base/fs.h"

#define PRODUCER_IDS_BLOCK	1000

struct producer_ids;

/* The file "producer-ids" in dirfd.  ERR_CORRUPT: both its copies are bad. */
struct producer_ids *producer_ids_open(const struct fs *, int dirfd,
	    struct err *e);
void	 producer_ids_close(struct producer_ids *);	/* NULL is fine */
/* A new id, >= 0.  Any thread.  ERR_FULL: no room on the disk, try again. */
int	 producer_ids_next(struct producer_ids *, int64_t *id, struct err *e);

#endif
