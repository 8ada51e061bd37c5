/*
 * A table of the keys of a log with the latest offset of each, for compaction.
 * A key is known by a 128-bit hash (SipHash-2-4 with a key drawn for the
 * table), so that a place costs 24 bytes however long the key is, and nobody
 * can make two keys fall together.  Memory is what was asked for and no more:
 * a full table takes no further keys.
 *
 * Owner: the thread that cleans.
 */
#ifndef SEGLOG_KEY_MAP_H
#define SEGLOG_KEY_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct key_map;

/* bytes: at most; a few keys go in in any case. */
struct key_map *key_map_new(size_t bytes);
void	 key_map_free(struct key_map *);		/* NULL is fine */
size_t	 key_map_count(const struct key_map *);
/* The key stands at that offset, which is >= 0.  False: it is not in the table
 * and there is no place for it. */
bool	 key_map_put(struct key_map *, struct slice key, int64_t offset);
/* -1: not in the table. */
int64_t	 key_map_get(const struct key_map *, struct slice key);

#endif
