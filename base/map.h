/*
 * A hash map from bytes to a pointer: open addressing, keys copied.  Seeded
 * once per process, so that outside data cannot aim at one bucket.  No locks:
 * its owner's.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct map;

struct map *map_new(void);
/* Frees the map; values are the caller's (walk them first). NULL is fine. */
void	 map_free(struct map *);
size_t	 map_size(const struct map *);
/* NULL when absent. Values must not be NULL. */
void	*map_get(const struct map *, struct slice key);
/* Returns the old value, or NULL. */
void	*map_put(struct map *, struct slice key, void *value);
/* Puts the key in; true when it was there already.  For a map that is a set:
 * its values mean nothing. */
bool	 map_again(struct map *, struct slice key);
/* Returns what was removed, or NULL. */
void	*map_remove(struct map *, struct slice key);
/*
 * Walks in no order; start with *it = 0; false at the end.  Removing the
 * entry just returned is allowed, adding is not.  key and value may be
 * NULL.
 */
bool	 map_next(const struct map *, size_t *it, struct slice *key,
	    void **value);

#endif
