/*
 * What every plugin declares, and what every instance knows.
 *
 * A plugin is one const struct at the end of its file; built-in ones stand in
 * the table of agent/registry.c.  Life of an instance: zeroed plugin.size
 * bytes -> settings filled by its table -> check -> start or open -> (pause,
 * resume) -> stop or close -> free.  `leat check` runs up to check and stops,
 * so check touches no file and no port.
 */
#ifndef PLUGIN_PLUGIN_H
#define PLUGIN_PLUGIN_H

#include <stddef.h>

#include "base/batch.h"
#include "base/cursor.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/metric.h"
#include "base/setting.h"
#include "loop/completion.h"
#include "loop/loop.h"

struct plugin {
	const char		*name;		/* "taildir", the short type */
	const char *const	*aliases;	/* Flume's class name, ...;
						   NULL-ended; compared without
						   case */
	const char		*doc;		/* one sentence */
	size_t			 size;		/* of the instance */
	const struct setting	*settings;
	const struct metric	*metrics;	/* offsets in the instance; may
						   be NULL */
};

struct broker;

/* What the agent gives to all its components; outlives them. */
struct plugin_env {
	const char	*agent;		/* the agent's name, "a1" */
	const char	*data_dir;	/* where state goes unless a key says
					   otherwise; exists, 0700 */
	const struct fs	*fs;
	struct broker	*broker;	/* the built-in one, or NULL */
};

#endif
