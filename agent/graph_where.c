/* What `leat where` shows, as JSON. */
#include <stdio.h>
#include <string.h>

#include "agent/graph_priv.h"
#include "base/str.h"

struct where_call {
	struct source_node	*node;
	json_t			*rows;
};

static void
where_row(void *ctx, const struct where_row *r)
{
	json_t *rows = ctx, *name = json_string(r->name);
	char safe[512];

	if (name == NULL)	/* not UTF-8 */
		name = json_string(str_printable(safe, sizeof safe,
		    slice_str(r->name)));
	json_array_append_new(rows, json_pack(
	    "{s:o, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "name", name,
	    "state", r->state, "size", (json_int_t)r->size,
	    "read", (json_int_t)r->read, "stored", (json_int_t)r->stored,
	    "delivered", (json_int_t)r->delivered,
	    "lag", (json_int_t)(r->size < 0 || r->delivered < 0 ? -1 :
	    r->size - r->delivered),
	    "oldest_ms", (json_int_t)r->oldest_ms));
}

static void
where_on_loop(void *arg)
{
	struct where_call *call = arg;
	struct source *s = call->node->source;

	if (s->ops->where != NULL)
		s->ops->where(s, where_row, call->rows);
}

static json_t *
where_source(struct source_node *n)
{
	struct where_call call = { n, json_array() };
	const struct source_metrics *m = &n->source->common;

	if (n->started)
		loop_call(n->source->loop, where_on_loop, &call);
	return (json_pack("{s:s, s:s, s:I, s:I, s:b, s:o}",
	    "name", n->source->name, "type", n->cfg->c.plugin->name,
	    "received", (json_int_t)metric_get(&m->received_records),
	    "accepted", (json_int_t)metric_get(&m->accepted_records),
	    "waiting_for_room", n->route != NULL && route_paused(n->route),
	    "files", call.rows));
}

static json_t *
where_channel(struct channel_node *n)
{
	struct channel_fill f = { 0 };

	if (n->open)
		n->channel->ops->fill(n->channel, &f);
	return (json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}",
	    "name", n->channel->name, "type", n->cfg->c.plugin->name,
	    "records", (json_int_t)f.records, "bytes", (json_int_t)f.bytes,
	    "capacity_records", (json_int_t)f.capacity_records,
	    "capacity_bytes", (json_int_t)f.capacity_bytes));
}

static json_t *
where_sink(struct graph *g, struct sink_node *n)
{
	char state[600] = "stopped", to[256] = "";

	if (n->runner != NULL)
		runner_state(n->runner, state, sizeof state);
	if (n->started && n->sink->ops->status != NULL)
		n->sink->ops->status(n->sink, to, sizeof to);
	return (json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}",
	    "name", n->sink->name, "type", n->cfg->c.plugin->name,
	    "channel", g->cfg->channels[n->cfg->channel].c.name,
	    "to", to, "state", state, "delivered", (json_int_t)
	    metric_get(&n->sink->common.delivered_records)));
}

json_t *
graph_where(struct graph *g)
{
	json_t *sources = json_array(), *channels = json_array(),
	    *sinks = json_array();
	size_t i;

	for (i = 0; i < g->cfg->nsources; i++)
		json_array_append_new(sources, where_source(g->sources[i]));
	for (i = 0; i < g->cfg->nchannels; i++)
		json_array_append_new(channels,
		    where_channel(g->channels[i]));
	for (i = 0; i < g->cfg->nsinks; i++)
		json_array_append_new(sinks, where_sink(g, g->sinks[i]));
	return (json_pack("{s:s, s:o, s:o, s:o}", "agent", g->cfg->name,
	    "sources", sources, "channels", channels, "sinks", sinks));
}
