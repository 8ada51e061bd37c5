/*
 * An arena: bump allocation with a limit, freed all at once.  One per request
 * or batch.  Owner: whoever owns the request or batch; no locks.
 *
 * With ARENA_MALLOC defined (the sanitizer builds) every allocation is a
 * malloc of its own, so that ASan sees each overrun.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/slice.h"

struct arena {
	struct arena_chunk	*head;
	size_t			 used;		/* bytes handed out */
	size_t			 limit;		/* 0: none */
	size_t			 chunk;		/* size of the next chunk */
};

/* limit bounds what alloc hands out in total, in bytes; 0 for none. */
void	 arena_init(struct arena *, size_t chunk, size_t limit);
/* Aligned for any type; NULL when the limit would be passed. Not zeroed. */
void	*arena_alloc(struct arena *, size_t n);
void	*arena_zalloc(struct arena *, size_t n);
/* Copies; the copy is NUL-terminated (the NUL is not in len). p NULL at the
 * limit. */
struct slice arena_copy(struct arena *, struct slice);
/* Forgets all, keeps one chunk of moderate size for the next round. */
void	 arena_reset(struct arena *);
void	 arena_fini(struct arena *);

#endif
