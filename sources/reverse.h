/*
 * Names of peers by reverse lookup, for clientHostnameHeader.  A lookup may
 * block for long, so a thread of its own does it, one after the other, and
 * answers are kept for ten minutes.
 *
 *	v = reverse_new(loop, ready, ctx, e);
 *	name = reverse_name(v, "192.0.2.1");
 *	if (name == NULL)
 *		... ask again when ready(ctx) comes
 *
 * What has no name, or none in five seconds, is called by its address.
 *
 * Owner: the loop.  Only the lookup runs elsewhere.
 */
#ifndef SOURCES_REVERSE_H
#define SOURCES_REVERSE_H

#include <stddef.h>

#include "base/err.h"
#include "loop/loop.h"

struct reverse;

/* ready(ctx) runs on the loop when there are new answers. */
struct reverse	*reverse_new(struct loop *, void (*ready)(void *), void *ctx,
		    struct err *e);
/* Does not wait for a lookup that hangs.  NULL is fine. */
void		 reverse_free(struct reverse *);
/* The name, the address itself when it has none, or NULL: not known yet.
 * Valid until the return to the loop. */
const char	*reverse_name(struct reverse *, const char *addr);

/* Tests: looks up instead of the system; false when there is no name. */
extern bool	(*reverse_lookup)(const char *addr, char *name, size_t size);

#endif
