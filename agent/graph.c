/*
 * Instances are zeroed memory of plugin.size bytes that begin with struct
 * source, channel, sink or interceptor.  The host side of the channel contract
 * (room, delivered) is here, because it is the graph that knows which routes
 * end in a channel.
 */
#include "agent/graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/route.h"
#include "agent/runner.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/thread.h"
#include "plugin/sink.h"

struct source_node {
	struct source			*source;
	const struct source_config	*cfg;
	struct route			*route;
	bool				 started;
	struct completion		 stopped;
	struct graph			*graph;
};

struct channel_node {
	struct channel			*channel;
	const struct channel_config	*cfg;
	struct route			**routes;	/* that end here */
	size_t				 nroutes;
	bool				 open;
};

struct sink_node {
	struct sink			*sink;
	const struct sink_config	*cfg;
	struct runner			*runner;
	bool				 started;
};

struct graph {
	/* owner: the main thread */
	const struct agent_config	*cfg;
	const struct plugin_env		*env;
	struct loop *const		*loops;
	size_t				 nloops;
	struct source_node		*sources;
	struct channel_node		*channels;
	struct sink_node		*sinks;
	struct metric_object		*objects;
	size_t				 nobjects;
	/* sources still stopping; under the mutex */
	struct mutex			 mutex;
	struct cond			 cond;
	size_t				 stopping;
};

/* --- the host side of channels --- */

static void
channel_room(struct channel *ch)
{
	struct channel_node *n = ch->host_data;
	size_t i;

	for (i = 0; i < n->nroutes; i++)
		route_room(n->routes[i]);
}

static void
channel_delivered(struct channel *ch, const char *source,
    const struct cursor *c)
{
	struct channel_node *n = ch->host_data;
	size_t i;

	for (i = 0; i < n->nroutes; i++)
		if (route_source_is(n->routes[i], source))
			route_delivered(n->routes[i], ch, c);
}

static const struct channel_host channel_host = {
	.room = channel_room,
	.delivered = channel_delivered
};

/* --- instances --- */

/* A zeroed instance with its settings; problems are counted by the caller. */
static void *
instance(const struct component_config *c, struct conf_problems *p)
{
	const struct setting *tables[1] = { c->plugin->settings };
	void *obj = xcalloc(1, c->plugin->size);

	settings_fill(c->plugin->settings, obj, c->node, p);
	settings_report_unused(c->node, tables, NELEM(tables), c->who, p);
	return (obj);
}

/* Runs a component's check unless its settings are wrong already. */
#define CHECK_COMPONENT(obj, c, before, p)				\
	do {								\
		struct err e_ = ERR_INIT;				\
		if ((p)->errors == (before) &&				\
		    (obj)->ops->check != NULL &&			\
		    (obj)->ops->check((obj), &e_) == -1)		\
			conf_error((p), (c)->node, "%s: %s", (c)->who,	\
			    e_.msg);					\
	} while (0)

static void
build_channel(struct graph *g, size_t i, struct conf_problems *p)
{
	const struct component_config *c = &g->cfg->channels[i].c;
	struct channel_node *n = &g->channels[i];
	size_t before = p->errors;

	n->cfg = &g->cfg->channels[i];
	n->channel = instance(c, p);
	n->channel->ops = (const struct channel_ops *)c->plugin;
	n->channel->name = c->name;
	n->channel->who = c->who;
	n->channel->env = g->env;
	n->channel->host = &channel_host;
	n->channel->host_data = n;
	CHECK_COMPONENT(n->channel, c, before, p);
}

static void
build_sink(struct graph *g, size_t i, struct conf_problems *p)
{
	const struct component_config *c = &g->cfg->sinks[i].c;
	struct sink_node *n = &g->sinks[i];
	size_t before = p->errors;

	n->cfg = &g->cfg->sinks[i];
	n->sink = instance(c, p);
	n->sink->ops = (const struct sink_ops *)c->plugin;
	n->sink->name = c->name;
	n->sink->who = c->who;
	n->sink->env = g->env;
	CHECK_COMPONENT(n->sink, c, before, p);
}

static struct interceptor *
build_interceptor(struct graph *g, const struct component_config *c,
    struct conf_problems *p)
{
	struct interceptor *x;
	size_t before = p->errors;

	x = instance(c, p);
	x->ops = (const struct interceptor_ops *)c->plugin;
	x->name = c->name;
	x->who = c->who;
	x->env = g->env;
	CHECK_COMPONENT(x, c, before, p);
	return (x);
}

/* Joins a source with its channels. */
static void
build_route(struct graph *g, struct source_node *n,
    struct interceptor **interceptors)
{
	struct channel **channels;
	struct channel_node *cn;
	size_t i;

	channels = xcalloc(n->cfg->nchannels, sizeof *channels);
	for (i = 0; i < n->cfg->nchannels; i++)
		channels[i] = g->channels[n->cfg->channels[i]].channel;
	n->route = route_new(n->source, n->cfg, channels, interceptors,
	    n->cfg->ninterceptors);
	free(channels);
	for (i = 0; i < n->cfg->nchannels; i++) {
		cn = &g->channels[n->cfg->channels[i]];
		cn->routes = xreallocarray(cn->routes, cn->nroutes + 1,
		    sizeof *cn->routes);
		cn->routes[cn->nroutes++] = n->route;
	}
}

static void
build_source(struct graph *g, size_t i, struct conf_problems *p)
{
	const struct source_config *cfg = &g->cfg->sources[i];
	struct source_node *n = &g->sources[i];
	struct interceptor **interceptors;
	size_t j, before = p->errors;

	n->graph = g;
	n->cfg = cfg;
	n->source = instance(&cfg->c, p);
	n->source->ops = (const struct source_ops *)cfg->c.plugin;
	n->source->name = cfg->c.name;
	n->source->who = cfg->c.who;
	n->source->env = g->env;
	n->source->loop = g->loops == NULL ? NULL : g->loops[i % g->nloops];
	CHECK_COMPONENT(n->source, &cfg->c, before, p);
	interceptors = xcalloc(cfg->ninterceptors + 1, sizeof *interceptors);
	for (j = 0; j < cfg->ninterceptors; j++)
		interceptors[j] = build_interceptor(g,
		    &cfg->interceptors[j], p);
	build_route(g, n, interceptors);
}

/* --- metrics --- */

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

static void
build_objects(struct graph *g)
{
	size_t i;

	for (i = 0; i < g->cfg->nsources; i++)
		add_objects(g, &g->cfg->sources[i].c, g->sources[i].source,
		    source_common);
	for (i = 0; i < g->cfg->nchannels; i++)
		add_objects(g, &g->cfg->channels[i].c, g->channels[i].channel,
		    channel_common);
	for (i = 0; i < g->cfg->nsinks; i++)
		add_objects(g, &g->cfg->sinks[i].c, g->sinks[i].sink,
		    sink_common);
}

size_t
graph_metrics(struct graph *g, const struct metric_object **v)
{
	*v = g->objects;
	return (g->nobjects);
}

/* --- new, free --- */

struct graph *
graph_new(const struct agent_config *cfg, const struct plugin_env *env,
    struct loop *const *loops, size_t nloops, struct conf_problems *p)
{
	struct graph *g = xcalloc(1, sizeof *g);
	size_t i, before = p->errors;

	g->cfg = cfg;
	g->env = env;
	g->loops = loops;
	g->nloops = nloops;
	mutex_init(&g->mutex);
	cond_init(&g->cond);
	g->sources = xcalloc(cfg->nsources + 1, sizeof *g->sources);
	g->channels = xcalloc(cfg->nchannels + 1, sizeof *g->channels);
	g->sinks = xcalloc(cfg->nsinks + 1, sizeof *g->sinks);
	for (i = 0; i < cfg->nchannels; i++)
		build_channel(g, i, p);
	for (i = 0; i < cfg->nsinks; i++)
		build_sink(g, i, p);
	for (i = 0; i < cfg->nsources; i++)
		build_source(g, i, p);
	build_objects(g);
	if (p->errors > before) {
		graph_free(g);
		return (NULL);
	}
	return (g);
}

static void
free_source(void *arg)
{
	struct source_node *n = arg;

	n->source->ops->free(n->source);
}

void
graph_free(struct graph *g)
{
	size_t i;

	if (g == NULL)
		return;
	for (i = 0; i < g->cfg->nsources; i++) {
		if (g->sources[i].source->loop == NULL)
			free_source(&g->sources[i]);
		else
			loop_call(g->sources[i].source->loop, free_source,
			    &g->sources[i]);
		route_free(g->sources[i].route);
	}
	for (i = 0; i < g->cfg->nsinks; i++)
		g->sinks[i].sink->ops->free(g->sinks[i].sink);
	for (i = 0; i < g->cfg->nchannels; i++) {
		g->channels[i].channel->ops->free(g->channels[i].channel);
		free(g->channels[i].routes);
	}
	for (i = 0; i < g->nobjects; i++)
		free((char *)g->objects[i].labels);
	free(g->objects);
	free(g->sources);
	free(g->channels);
	free(g->sinks);
	mutex_fini(&g->mutex);
	cond_fini(&g->cond);
	free(g);
}

/* --- start --- */

struct start_call {
	struct source_node	*node;
	struct err		*e;
	int			 rc;
};

static void
start_source_on_loop(void *arg)
{
	struct start_call *call = arg;
	struct source_node *n = call->node;
	struct cursor_set *from = cursor_set_new();
	struct cursor view;
	bool own;

	call->rc = route_start(n->route, call->e);
	if (call->rc == 0)
		call->rc = route_cursor(n->route, from, &own, call->e);
	if (call->rc == 0) {
		view = cursor_set_view(from);
		call->rc = n->source->ops->start(n->source,
		    own ? NULL : &view, call->e);
	}
	cursor_set_free(from);
}

static int
start_source(struct source_node *n, struct err *e)
{
	struct start_call call = { n, e, 0 };

	loop_call(n->source->loop, start_source_on_loop, &call);
	if (call.rc == -1)
		return (err_ctx(e, "%s", n->source->who));
	n->started = true;
	return (0);
}

static int
start_sink(struct graph *g, struct sink_node *n, struct err *e)
{
	struct channel *ch = g->channels[n->cfg->channel].channel;

	if (n->sink->ops->start != NULL &&
	    n->sink->ops->start(n->sink, e) == -1)
		return (err_ctx(e, "%s", n->sink->who));
	n->started = true;
	if (runner_start(&n->runner, n->sink, ch, e) == -1)
		return (err_ctx(e, "%s", n->sink->who));
	return (0);
}

int
graph_start(struct graph *g, struct err *e)
{
	struct channel *ch;
	size_t i;

	for (i = 0; i < g->cfg->nchannels; i++) {
		ch = g->channels[i].channel;
		if (ch->ops->open(ch, e) == -1) {
			err_ctx(e, "%s", ch->who);
			goto err0;
		}
		g->channels[i].open = true;
	}
	for (i = 0; i < g->cfg->nsinks; i++)
		if (start_sink(g, &g->sinks[i], e) == -1)
			goto err0;
	for (i = 0; i < g->cfg->nsources; i++)
		if (start_source(&g->sources[i], e) == -1)
			goto err0;
	return (0);
err0:
	graph_stop(g, 0);
	return (-1);
}

/* --- stop --- */

static void
source_stopped(struct completion *c, const struct err *e)
{
	struct source_node *n = container_of(c, struct source_node, stopped);
	struct graph *g = n->graph;

	if (e != NULL)
		log_warn(n->source->who, "stop: %s", e->msg);
	mutex_lock(&g->mutex);
	g->stopping--;
	cond_broadcast(&g->cond);
	mutex_unlock(&g->mutex);
}

static void
stop_source_on_loop(void *arg)
{
	struct source_node *n = arg;

	completion_init(&n->stopped, n->source->loop, source_stopped);
	n->source->ops->stop(n->source, &n->stopped);
}

static void
stop_sources(struct graph *g)
{
	size_t i;

	for (i = 0; i < g->cfg->nsources; i++) {
		if (!g->sources[i].started)
			continue;
		mutex_lock(&g->mutex);
		g->stopping++;
		mutex_unlock(&g->mutex);
		loop_call(g->sources[i].source->loop, stop_source_on_loop,
		    &g->sources[i]);
		g->sources[i].started = false;
	}
	mutex_lock(&g->mutex);
	while (g->stopping > 0)
		cond_wait(&g->cond, &g->mutex);
	mutex_unlock(&g->mutex);
}

/* Memory channels would forget what they hold: give the sinks a moment. */
static void
drain(struct graph *g, int64_t drain_ms)
{
	int64_t until = clock_mono_ns() + drain_ms * 1000000;
	struct sink_node *n;
	bool busy = true;
	size_t i;

	while (busy && clock_mono_ns() < until) {
		busy = false;
		for (i = 0; i < g->cfg->nsinks; i++) {
			n = &g->sinks[i];
			if (n->runner == NULL || g->channels[
			    n->cfg->channel].channel->ops->durable)
				continue;
			busy = busy || !runner_idle(n->runner);
		}
		mutex_lock(&g->mutex);
		if (busy)
			cond_wait_until(&g->cond, &g->mutex,
			    clock_mono_ns() + 2000000);
		mutex_unlock(&g->mutex);
	}
}

static void
nothing(void *arg)
{
	(void)arg;
}

void
graph_stop(struct graph *g, int64_t drain_ms)
{
	struct channel *ch;
	size_t i;

	stop_sources(g);
	drain(g, drain_ms);
	for (i = 0; i < g->cfg->nsinks; i++) {
		if (g->sinks[i].runner != NULL)
			runner_stop(g->sinks[i].runner);
		else if (g->sinks[i].started)
			g->sinks[i].sink->ops->stop(g->sinks[i].sink);
		g->sinks[i].runner = NULL;
		g->sinks[i].started = false;
	}
	/* What was delivered last is on its way to the sources. */
	for (i = 0; i < g->nloops; i++)
		loop_call(g->loops[i], nothing, NULL);
	for (i = 0; i < g->cfg->nchannels; i++) {
		ch = g->channels[i].channel;
		if (g->channels[i].open)
			ch->ops->close(ch);
		g->channels[i].open = false;
	}
}

/* --- where --- */

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
	    "{s:o, s:s, s:I, s:I, s:I, s:I, s:I}", "name", name,
	    "state", r->state, "size", (json_int_t)r->size,
	    "read", (json_int_t)r->read, "stored", (json_int_t)r->stored,
	    "delivered", (json_int_t)r->delivered,
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
	    "waiting_for_room", route_paused(n->route),
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
		json_array_append_new(sources, where_source(&g->sources[i]));
	for (i = 0; i < g->cfg->nchannels; i++)
		json_array_append_new(channels,
		    where_channel(&g->channels[i]));
	for (i = 0; i < g->cfg->nsinks; i++)
		json_array_append_new(sinks, where_sink(g, &g->sinks[i]));
	return (json_pack("{s:s, s:o, s:o, s:o}", "agent", g->cfg->name,
	    "sources", sources, "channels", channels, "sinks", sinks));
}
