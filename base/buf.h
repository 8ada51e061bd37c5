/*
 * A refcounted byte buffer.  Read buffers are shared by the batches made from
 * them; the last reference frees.  The count is atomic; the bytes are written
 * by the one who made the buffer, before it is shared, and then never again.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	atomic_uint	 refs;
	size_t		 cap;		/* bytes at data */
	size_t		 len;		/* used, for the writer's convenience */
	void		(*release)(struct buf *);	/* NULL: free() */
	uint8_t		*data;
};

/* One allocation of cap bytes behind the struct; one reference. */
struct buf	*buf_new(size_t cap);
/* A buffer of cap bytes, no less than before, with the first len bytes of the
 * one given, whose only reference is the caller's and is used up.  For one that
 * grows step by step: what is not written yet takes no memory. */
struct buf	*buf_grow(struct buf *, size_t len, size_t cap);
struct buf	*buf_ref(struct buf *);
/* NULL is fine. */
void		 buf_unref(struct buf *);

#endif
