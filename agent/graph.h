/*
 * The components of one agent as instances, joined, and their life: built and
 * checked whole from the configuration, started from the sinks to the sources,
 * stopped from the sources to the sinks.
 *
 *	g = graph_new(cfg, &env, loops, n, &problems);	touches nothing
 *	graph_start(g, e);
 *	next = graph_new(...);  graph_reload(&g, next);	the changed ones only
 *	graph_stop(g);
 *	graph_free(g);
 *
 * Thread rule: the main thread; the loops run meanwhile in theirs, from before
 * graph_new until after graph_free.
 */
#ifndef AGENT_GRAPH_H
#define AGENT_GRAPH_H

#include <jansson.h>

#include "agent/config.h"
#include "base/metric.h"
#include "plugin/plugin.h"

struct graph;

/*
 * Instances of everything in cfg, settings filled, checked, unknown keys
 * reported; NULL when problems has errors.  cfg becomes the graph's, also
 * then.  env and loops outlive it.  loops may be NULL when it is never started
 * (leat check).
 */
struct graph	*graph_new(struct agent_config *,
		    const struct plugin_env *, struct loop *const *loops,
		    size_t nloops, struct conf_problems *);
/* Not started, or stopped; the loops still run. NULL is fine. */
void		 graph_free(struct graph *);

/* Opens channels, starts sinks with their runners, then sources.  On an error
 * what was started is stopped again; the message names the component. */
int		 graph_start(struct graph *, struct err *e);
/*
 * Stops the sources, lets memory channels run empty for at most drain_ms,
 * stops the sinks, closes the channels (durable ones keep what they hold).
 */
void		 graph_stop(struct graph *, int64_t drain_ms);

/*
 * Replaces *g by next, which was never started: a channel whose settings are
 * the same goes on with what it holds, a source or sink likewise when its
 * channels go on; the others stop, and start anew.  *g is next afterwards; how
 * many components were stopped and started is said in the log.  One that does
 * not start is named, stays stopped, and is tried at the next reload.  0, or
 * -1 when there is such a one.
 */
int		 graph_reload(struct graph **g, struct graph *next,
		    int64_t drain_ms);

/* Adds the components' metrics as Prometheus text objects: the array is the
 * graph's, valid until it changes. */
size_t		 graph_metrics(struct graph *, const struct metric_object **);
/* What `leat where` shows: {"sources": [...], "channels": [...],
 * "sinks": [...]}; the caller's reference. */
json_t		*graph_where(struct graph *);

#endif
