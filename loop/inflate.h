/*
 * Inflating a whole body into memory, bounded: never more than max bytes of
 * output, whatever the input says.  Any thread.
 */
#ifndef LOOP_INFLATE_H
#define LOOP_INFLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

/* Was it built with zlib? */
bool		 inflate_available(void);
/* gzip (all members) or zlib, told apart by their first bytes.  -> a buffer,
 * the caller's; NULL with ERR_CORRUPT, ERR_TOO_LARGE, or ERR_REFUSED when it
 * is not available. */
struct buf	*inflate_whole(struct slice in, size_t max, struct err *e);

#endif
