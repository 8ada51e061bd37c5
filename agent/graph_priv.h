/* What the files of the graph share: its nodes. */
#ifndef AGENT_GRAPH_PRIV_H
#define AGENT_GRAPH_PRIV_H

#include "agent/graph.h"
#include "agent/route.h"
#include "agent/runner.h"
#include "base/thread.h"
#include "plugin/sink.h"

/* A configuration that instances still point into.  Main thread only. */
struct config_ref {
	struct agent_config	*cfg;
	unsigned		 refs;
};

struct source_node {
	struct source			*source;
	const struct source_config	*cfg;
	struct config_ref		*ref;
	struct interceptor		**interceptors;	/* until the route has
							   them */
	struct route			*route;		/* once started */
	struct graph			*graph;
	struct completion		 stopped;
	bool				 started;
};

struct channel_node {
	struct channel			*channel;
	const struct channel_config	*cfg;
	struct config_ref		*ref;
	bool				 open;
	/* sources come and go while sinks commit */
	struct mutex			 mutex;
	struct route			**routes;	/* that end here */
	size_t				 nroutes;
};

struct sink_node {
	struct sink			*sink;
	const struct sink_config	*cfg;
	struct config_ref		*ref;
	struct runner			*runner;
	bool				 started;
};

struct graph {
	/* owner: the main thread */
	struct config_ref		*ref;
	const struct agent_config	*cfg;		/* ref's */
	const struct plugin_env		*env;
	struct loop *const		*loops;
	size_t				 nloops;
	struct source_node		**sources;	/* as in cfg */
	struct channel_node		**channels;
	struct sink_node		**sinks;
	struct metric_object		*objects;
	size_t				 nobjects;
	/* sources still stopping; under the mutex */
	struct mutex			 mutex;
	struct cond			 cond;
	size_t				 stopping;
};

/* Nodes: instance, settings, check; NULL is fine for the free functions. */
void	source_node_free(struct source_node *);
void	channel_node_free(struct channel_node *);
void	sink_node_free(struct sink_node *);

/* Starting and stopping single nodes; what runs already is left alone. */
int	channel_node_open(struct channel_node *, struct err *e);
int	sink_node_start(struct graph *, struct sink_node *, struct err *e);
int	source_node_start(struct graph *, struct source_node *,
	    struct err *e);
void	channel_node_close(struct channel_node *);
void	sink_node_stop(struct sink_node *);
/* The sources of g for which stop[i] is set (NULL: all), side by side. */
void	graph_stop_sources(struct graph *g, const bool *stop);
/* Memory channels would forget what they hold: gives the sinks of the channels
 * for which drain[i] is set (NULL: all) until drain_ms.  False: some are
 * left. */
bool	graph_drain(struct graph *g, const bool *drain, int64_t drain_ms);
/* Nothing more is reported to these sources (NULL: to all), and what was has
 * arrived on their loops. */
void	graph_unjoin(struct graph *, const bool *which);
/* What was reported to the sources' loops has arrived there. */
void	graph_settle(struct graph *);

/* graph_metrics.c */
void	graph_build_objects(struct graph *);
void	graph_free_objects(struct graph *);

#endif
