/*
 * The table of built-in plugins: the one place that names them.  Types are
 * compared without case with each plugin's name and aliases (Flume's class
 * names among them).
 */
#ifndef AGENT_REGISTRY_H
#define AGENT_REGISTRY_H

#include <stddef.h>

#include "plugin/plugin.h"

enum component_kind {
	COMPONENT_SOURCE, COMPONENT_CHANNEL, COMPONENT_SINK,
	COMPONENT_INTERCEPTOR
};

extern const char *const component_kind_names[];	/* "source", ... */

/*
 * The plugin of that kind for a type, or NULL.  Each ops struct begins with its
 * struct plugin, so the result may be cast to struct source_ops and so on.
 */
const struct plugin *registry_find(enum component_kind, const char *type);
/* The i-th plugin of a kind; NULL behind the last. */
const struct plugin *registry_nth(enum component_kind, size_t i);

/*
 * Why a type is not to be had: a component of Flume's that leat does not have
 * (named, with the nearest one), a misspelling ("did you mean"), or unknown.
 * One sentence into buf.
 */
const char *registry_explain_missing(enum component_kind, const char *type,
	    char *buf, size_t size);

#endif
