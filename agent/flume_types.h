/*
 * Flume's component types that leat does not have, with the nearest one that
 * it may have.  The names are Flume's: aliases of its configuration enums and
 * class names (Flume user guide 1.11).
 */
#ifndef AGENT_FLUME_TYPES_H
#define AGENT_FLUME_TYPES_H

#include <stddef.h>

#include "agent/registry.h"

struct flume_type {
	enum component_kind	 kind;
	const char		*alias;		/* NULL: class name only */
	const char		*class_name;
	const char		*nearest;	/* a type of leat's, or NULL */
	const char		*why;		/* a sentence's second half */
};

/* By alias or class name (also NAME$Builder), without case; NULL if none. */
const struct flume_type *flume_type_find(enum component_kind,
	    const char *type);

#endif
