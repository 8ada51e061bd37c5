/*
 * The contract of an interceptor: edits or drops records of a batch that is
 * not sealed yet, on the source's loop.  Not to be shared between sources.
 */
#ifndef PLUGIN_INTERCEPTOR_H
#define PLUGIN_INTERCEPTOR_H

#include "plugin/plugin.h"

struct interceptor;

struct interceptor_ops {
	struct plugin	plugin;
	int	(*check)(struct interceptor *, struct err *);
	/* check and start may be NULL. */
	int	(*start)(struct interceptor *, struct err *);
	/* batch_set, batch_drop, ...: cannot fail. */
	void	(*apply)(struct interceptor *, struct batch *);
	void	(*free)(struct interceptor *);
};

struct interceptor {
	/* owner: the source's loop */
	const struct interceptor_ops	*ops;
	const char			*name;
	const char			*who;	/* "source=r1 interceptor=i1" */
	const struct plugin_env		*env;
};

#endif
