/*
 * Flume's Taildir position file: a JSON array of
 *
 *	{"inode":2496272,"pos":12,"file":"/var/log/app.log"}
 *
 * Flume overwrites it in place, so it may be empty or cut off; what stands in
 * front of the cut counts.  Data only; no thread rule.
 */
#ifndef SOURCES_TAIL_FLUME_H
#define SOURCES_TAIL_FLUME_H

#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "base/str.h"

typedef void tail_flume_fn(void *ctx, uint64_t inode, uint64_t pos,
	    const char *file);

/*
 * Calls fn for each entry that is whole and makes sense; their number.  What
 * was left out, if anything, is said in e (ERR_CORRUPT).  Total on any input.
 */
size_t	 tail_flume_read(struct slice text, tail_flume_fn *, void *ctx,
	    struct err *e);

/* Adds one entry to an array that begins with first = true. */
void	 tail_flume_add(struct sb *, bool *first, uint64_t inode,
	    uint64_t pos, const char *file);
/* Closes the array. */
void	 tail_flume_end(struct sb *, bool first);

#endif
