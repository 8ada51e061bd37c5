/* The metrics of the components: the host's common ones and each plugin's. */
#include <stdlib.h>
#include <string.h>

#include "agent/graph_priv.h"
#include "base/mem.h"

#define COMMON(kind, field, text)					\
	METRIC_COUNTER(struct kind, common.field, #field "_total", text)

static const struct metric source_common[] = {
	COMMON(source, received_records, "Records read or received."),
	COMMON(source, received_bytes,
	    "Bytes of their bodies and headers."),
	COMMON(source, batches, "Batches they came in."),
	COMMON(source, accepted_records, "Records the channels took."),
	COMMON(source, filtered_records,
	    "Records dropped by an interceptor."),
	COMMON(source, pauses,
	    "Times the source had to wait for room in a channel."),
	METRIC_END
};
static const struct metric channel_common[] = {
	COMMON(channel, put_records, "Records put."),
	COMMON(channel, put_bytes, "Bytes of their bodies and headers."),
	COMMON(channel, taken_records, "Records leased to sinks."),
	COMMON(channel, committed_records, "Records committed by sinks."),
	COMMON(channel, rolled_back_records, "Records rolled back by sinks."),
	COMMON(channel, full, "Times there was no room."),
	METRIC_END
};
static const struct metric sink_common[] = {
	COMMON(sink, delivered_records, "Records delivered and committed."),
	COMMON(sink, delivered_bytes, "Bytes of their bodies and headers."),
	COMMON(sink, leases, "Leases they came in."),
	COMMON(sink, failures, "Deliveries that failed and were tried again."),
	METRIC_END
};

static void
add_objects(struct graph *g, const struct component_config *c, const void *obj,
    const struct metric *common)
{
	static const char *const prefixes[] = {
		"leat_source_", "leat_channel_", "leat_sink_"
	};
	struct metric_object o = { .obj = obj, .prefix = prefixes[c->kind] };

	g->objects = xreallocarray(g->objects, g->nobjects + 2,
	    sizeof *g->objects);
	o.labels = xasprintf("agent=\"%s\",%s=\"%s\"", g->cfg->name,
	    component_kind_names[c->kind], c->name);
	o.table = common;
	g->objects[g->nobjects++] = o;
	if (c->plugin->metrics == NULL)
		return;
	o.table = c->plugin->metrics;
	o.labels = xstrdup(o.labels);
	g->objects[g->nobjects++] = o;
}

void
graph_build_objects(struct graph *g)
{
	size_t i;

	graph_free_objects(g);
	for (i = 0; i < g->cfg->nsources; i++)
		add_objects(g, &g->cfg->sources[i].c, g->sources[i]->source,
		    source_common);
	for (i = 0; i < g->cfg->nchannels; i++)
		add_objects(g, &g->cfg->channels[i].c,
		    g->channels[i]->channel, channel_common);
	for (i = 0; i < g->cfg->nsinks; i++)
		add_objects(g, &g->cfg->sinks[i].c, g->sinks[i]->sink,
		    sink_common);
}

void
graph_free_objects(struct graph *g)
{
	size_t i;

	for (i = 0; i < g->nobjects; i++)
		free((char *)(uintptr_t)g->objects[i].labels);
	free(g->objects);
	g->objects = NULL;
	g->nobjects = 0;
}

size_t
graph_metrics(struct graph *g, const struct metric_object **v)
{
	*v = g->objects;
	return (g->nobjects);
}
