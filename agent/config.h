/*
 * The model of one agent, read from its configuration tree: which components
 * there are and how they are joined.  Built and checked whole before anything
 * starts; every mistake is reported with file, line, reason and fix.
 *
 *	struct conf_problems p = { 0 };
 *	cfg = agent_config_load(paths, npaths, "a1", 0, &p);
 *	conf_problems_print(&p, STDERR_FILENO);
 *	if (cfg == NULL) return (EX_CONFIG);
 */
#ifndef AGENT_CONFIG_H
#define AGENT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/registry.h"
#include "base/conf.h"

#define AGENT_CONFIG_LENIENT	0x1	/* Flume's way: drop what is broken and
					   say what was dropped (warnings);
					   sets problems->unknown_ok */

struct component_config {
	char			*name;		/* "r1" */
	char			*who;		/* "source=r1" */
	enum component_kind	 kind;
	const struct plugin	*plugin;
	struct conf		*node;		/* a1.sources.r1; in the tree */
};

struct channel_config {
	struct component_config	 c;
};

/* value -> channels, as indices into agent_config.channels */
struct mapping_config {
	char	*value;
	size_t	*channels;
	size_t	 n;
};

struct selector_config {
	bool	 multiplexing;		/* else replicating */
	char	*header;		/* "flume.selector.header" */
	struct mapping_config *map;	/* required channels per header value */
	size_t	 nmap;
	struct mapping_config *optional;/* optional channels per header value */
	size_t	 noptional;
	size_t	*def;			/* required without a mapping */
	size_t	 ndef;
	size_t	*opt;			/* replicating: the optional ones */
	size_t	 nopt;
};

struct source_config {
	struct component_config	 c;
	size_t			*channels;	/* indices, in order */
	size_t			 nchannels;
	struct component_config	*interceptors;	/* in order */
	size_t			 ninterceptors;
	struct selector_config	 selector;
};

struct sink_config {
	struct component_config	 c;
	size_t			 channel;	/* index */
};

struct agent_config {
	char			*name;
	struct conf		*root;		/* owns the tree */
	struct conf		*node;		/* the agent's subtree */
	struct conf		*broker;	/* a1.broker, or NULL */
	struct source_config	*sources;
	size_t			 nsources;
	struct channel_config	*channels;
	size_t			 nchannels;
	struct sink_config	*sinks;
	size_t			 nsinks;
};

/*
 * Reads the files in order (later ones win), substitutes, builds the model of
 * agent `name` and checks its structure; component settings are filled and
 * checked later, by the graph.  name NULL: the only agent in the files, an
 * error when there are several.  NULL when there were errors (all are in
 * problems).  Sections known below an agent: sources, channels, sinks, broker,
 * monitor, data (for data.dir), and Flume's that are refused by name.
 */
struct agent_config *agent_config_load(const char *const *paths, size_t npaths,
	    const char *name, unsigned flags, struct conf_problems *);
/* The names of the agents that these files list components of, as far as they
 * can be read; strings and array are the caller's (free). */
size_t	 agent_config_names(const char *const *paths, size_t npaths,
	    char ***names);
void	agent_config_free(struct agent_config *);	/* NULL is fine */

#endif
