/*
 * Instances are zeroed memory of plugin.size bytes that begin with struct
 * source, channel, sink or interceptor.  The host side of the channel contract
 * (room, delivered) is here, because it is the graph that knows which routes
 * end in a channel.
 *
 * Nodes are allocated one by one and do not move: threads that commit in a
 * channel hold on to its node while a reload moves it to another graph.
 */
#include "agent/graph.h"

#include <stdlib.h>

#include "agent/graph_priv.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

static struct config_ref *
config_hold(struct config_ref *r)
{
	r->refs++;
	return (r);
}

static void
config_release(struct config_ref *r)
{
	if (--r->refs > 0)
		return;
	agent_config_free(r->cfg);
	free(r);
}

/* --- the host side of channels --- */

static void
channel_room(struct channel *ch)
{
	struct channel_node *n = ch->host_data;
	size_t i;

	mutex_lock(&n->mutex);
	for (i = 0; i < n->nroutes; i++)
		route_room(n->routes[i]);
	mutex_unlock(&n->mutex);
}

static void
channel_delivered(struct channel *ch, const char *source,
    const struct cursor *c)
{
	struct channel_node *n = ch->host_data;
	size_t i;

	mutex_lock(&n->mutex);
	for (i = 0; i < n->nroutes; i++)
		if (route_source_is(n->routes[i], source))
			route_delivered(n->routes[i], ch, c);
	mutex_unlock(&n->mutex);
}

static const struct channel_host channel_host = {
	.room = channel_room,
	.delivered = channel_delivered
};

static void
join(struct channel_node *n, struct route *r)
{
	mutex_lock(&n->mutex);
	n->routes = xreallocarray(n->routes, n->nroutes + 1,
	    sizeof *n->routes);
	n->routes[n->nroutes++] = r;
	mutex_unlock(&n->mutex);
}

static void
part(struct channel_node *n, const struct route *r)
{
	size_t i;

	mutex_lock(&n->mutex);
	for (i = 0; i < n->nroutes; i++)
		if (n->routes[i] == r)
			n->routes[i--] = n->routes[--n->nroutes];
	mutex_unlock(&n->mutex);
}

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
			settings_report_check((c)->node, (c)->who, &e_,	\
			    (p));					\
	} while (0)

static struct channel_node *
channel_node_new(struct graph *g, const struct channel_config *cfg,
    struct conf_problems *p)
{
	struct channel_node *n = xcalloc(1, sizeof *n);
	size_t before = p->errors;

	n->cfg = cfg;
	n->ref = config_hold(g->ref);
	mutex_init(&n->mutex);
	n->channel = instance(&cfg->c, p);
	n->channel->ops = (const struct channel_ops *)cfg->c.plugin;
	n->channel->name = cfg->c.name;
	n->channel->who = cfg->c.who;
	n->channel->env = g->env;
	n->channel->host = &channel_host;
	n->channel->host_data = n;
	CHECK_COMPONENT(n->channel, &cfg->c, before, p);
	return (n);
}

static struct sink_node *
sink_node_new(struct graph *g, const struct sink_config *cfg,
    struct conf_problems *p)
{
	struct sink_node *n = xcalloc(1, sizeof *n);
	size_t before = p->errors;

	n->cfg = cfg;
	n->ref = config_hold(g->ref);
	n->sink = instance(&cfg->c, p);
	n->sink->ops = (const struct sink_ops *)cfg->c.plugin;
	n->sink->name = cfg->c.name;
	n->sink->who = cfg->c.who;
	n->sink->env = g->env;
	CHECK_COMPONENT(n->sink, &cfg->c, before, p);
	return (n);
}

static struct interceptor *
interceptor_new(struct graph *g, const struct component_config *c,
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

static struct source_node *
source_node_new(struct graph *g, const struct source_config *cfg, size_t i,
    struct conf_problems *p)
{
	struct source_node *n = xcalloc(1, sizeof *n);
	size_t j, before = p->errors;

	n->graph = g;
	n->cfg = cfg;
	n->ref = config_hold(g->ref);
	n->source = instance(&cfg->c, p);
	n->source->ops = (const struct source_ops *)cfg->c.plugin;
	n->source->name = cfg->c.name;
	n->source->who = cfg->c.who;
	n->source->env = g->env;
	n->source->loop = g->loops == NULL ? NULL : g->loops[i % g->nloops];
	CHECK_COMPONENT(n->source, &cfg->c, before, p);
	n->interceptors = xcalloc(cfg->ninterceptors + 1,
	    sizeof *n->interceptors);
	for (j = 0; j < cfg->ninterceptors; j++)
		n->interceptors[j] = interceptor_new(g, &cfg->interceptors[j],
		    p);
	return (n);
}

static void
free_source(void *arg)
{
	struct source *s = arg;

	s->ops->free(s);
	settings_fini(s->ops->plugin.settings, s);
	free(s);
}

void
source_node_free(struct source_node *n)
{
	size_t i;

	if (n == NULL)
		return;
	if (n->source->loop == NULL)
		free_source(n->source);
	else
		loop_call(n->source->loop, free_source, n->source);
	for (i = 0; n->interceptors != NULL && i < n->cfg->ninterceptors; i++)
		n->interceptors[i]->ops->free(n->interceptors[i]);
	free(n->interceptors);
	route_free(n->route);
	config_release(n->ref);
	free(n);
}

void
channel_node_free(struct channel_node *n)
{
	if (n == NULL)
		return;
	n->channel->ops->free(n->channel);
	mutex_fini(&n->mutex);
	free(n->routes);
	config_release(n->ref);
	free(n);
}

void
sink_node_free(struct sink_node *n)
{
	if (n == NULL)
		return;
	n->sink->ops->free(n->sink);
	config_release(n->ref);
	free(n);
}

/* --- new, free --- */

struct graph *
graph_new(struct agent_config *cfg, const struct plugin_env *env,
    struct loop *const *loops, size_t nloops, struct conf_problems *p)
{
	struct graph *g = xcalloc(1, sizeof *g);
	size_t i, before = p->errors;

	g->ref = xcalloc(1, sizeof *g->ref);
	g->ref->cfg = cfg;
	g->ref->refs = 1;
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
		g->channels[i] = channel_node_new(g, &cfg->channels[i], p);
	for (i = 0; i < cfg->nsinks; i++)
		g->sinks[i] = sink_node_new(g, &cfg->sinks[i], p);
	for (i = 0; i < cfg->nsources; i++)
		g->sources[i] = source_node_new(g, &cfg->sources[i], i, p);
	graph_build_objects(g);
	if (p->errors > before) {
		graph_free(g);
		return (NULL);
	}
	return (g);
}

void
graph_free(struct graph *g)
{
	size_t i;

	if (g == NULL)
		return;
	graph_free_objects(g);
	for (i = 0; i < g->cfg->nsources; i++)
		source_node_free(g->sources[i]);
	for (i = 0; i < g->cfg->nsinks; i++)
		sink_node_free(g->sinks[i]);
	for (i = 0; i < g->cfg->nchannels; i++)
		channel_node_free(g->channels[i]);
	free(g->sources);
	free(g->channels);
	free(g->sinks);
	mutex_fini(&g->mutex);
	cond_fini(&g->cond);
	config_release(g->ref);
	free(g);
}

/* --- start --- */

int
channel_node_open(struct channel_node *n, struct err *e)
{
	if (n->open)
		return (0);
	if (n->channel->ops->open(n->channel, e) == -1)
		return (err_ctx(e, "%s", n->channel->who));
	n->open = true;
	return (0);
}

int
sink_node_start(struct graph *g, struct sink_node *n, struct err *e)
{
	struct channel_node *ch = g->channels[n->cfg->channel];

	if (n->started)
		return (0);
	if (!ch->open)
		return (err_set(e, ERR_CLOSED, "%s: its channel %s is not "
		    "open", n->sink->who, ch->channel->name));
	if (n->sink->ops->start != NULL &&
	    n->sink->ops->start(n->sink, e) == -1)
		return (err_ctx(e, "%s", n->sink->who));
	n->started = true;
	if (runner_start(&n->runner, n->sink, ch->channel, e) == -1) {
		sink_node_stop(n);
		return (err_ctx(e, "%s", n->sink->who));
	}
	return (0);
}

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
	if (call->rc == 0)
		route_started(n->route);
	cursor_set_free(from);
}

/* Joins a source with its channels; all of them must be open. */
static int
make_route(struct graph *g, struct source_node *n, struct err *e)
{
	struct channel **channels;
	struct channel_node *ch;
	size_t i;

	channels = xcalloc(n->cfg->nchannels, sizeof *channels);
	for (i = 0; i < n->cfg->nchannels; i++) {
		ch = g->channels[n->cfg->channels[i]];
		channels[i] = ch->channel;
		if (ch->open)
			continue;
		free(channels);
		return (err_set(e, ERR_CLOSED, "its channel %s is not open",
		    ch->channel->name));
	}
	n->route = route_new(n->source, n->cfg, channels, n->interceptors,
	    n->cfg->ninterceptors);
	n->interceptors = NULL;
	free(channels);
	for (i = 0; i < n->cfg->nchannels; i++)
		join(g->channels[n->cfg->channels[i]], n->route);
	return (0);
}

int
source_node_start(struct graph *g, struct source_node *n, struct err *e)
{
	struct start_call call = { n, e, 0 };

	if (n->started)
		return (0);
	n->graph = g;
	if (n->route == NULL && make_route(g, n, e) == -1)
		return (err_ctx(e, "%s", n->source->who));
	loop_call(n->source->loop, start_source_on_loop, &call);
	if (call.rc == -1)
		return (err_ctx(e, "%s", n->source->who));
	n->started = true;
	return (0);
}

int
graph_start(struct graph *g, struct err *e)
{
	size_t i;

	for (i = 0; i < g->cfg->nchannels; i++)
		if (channel_node_open(g->channels[i], e) == -1)
			goto err0;
	for (i = 0; i < g->cfg->nsinks; i++)
		if (sink_node_start(g, g->sinks[i], e) == -1)
			goto err0;
	for (i = 0; i < g->cfg->nsources; i++)
		if (source_node_start(g, g->sources[i], e) == -1)
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

void
graph_stop_sources(struct graph *g, const bool *stop)
{
	struct source_node *n;
	size_t i;

	for (i = 0; i < g->cfg->nsources; i++) {
		n = g->sources[i];
		if (!n->started || (stop != NULL && !stop[i]))
			continue;
		n->graph = g;
		mutex_lock(&g->mutex);
		g->stopping++;
		mutex_unlock(&g->mutex);
		loop_call(n->source->loop, stop_source_on_loop, n);
		n->started = false;
	}
	mutex_lock(&g->mutex);
	while (g->stopping > 0)
		cond_wait(&g->cond, &g->mutex);
	mutex_unlock(&g->mutex);
}

static bool
is_busy(struct graph *g, const bool *drain)
{
	struct sink_node *n;
	size_t i;

	for (i = 0; i < g->cfg->nsinks; i++) {
		n = g->sinks[i];
		if (n->runner == NULL ||
		    (drain != NULL && !drain[n->cfg->channel]))
			continue;
		if (!g->channels[n->cfg->channel]->channel->ops->durable &&
		    !runner_idle(n->runner))
			return (true);
	}
	return (false);
}

bool
graph_drain(struct graph *g, const bool *drain, int64_t drain_ms)
{
	int64_t until = clock_mono_ns() + drain_ms * 1000000;
	bool busy;

	while ((busy = is_busy(g, drain)) && clock_mono_ns() < until) {
		mutex_lock(&g->mutex);
		cond_wait_until(&g->cond, &g->mutex,
		    clock_mono_ns() + 2000000);
		mutex_unlock(&g->mutex);
	}
	return (!busy);
}

void
sink_node_stop(struct sink_node *n)
{
	if (n->runner != NULL)
		runner_stop(n->runner);
	else if (n->started)
		n->sink->ops->stop(n->sink);
	n->runner = NULL;
	n->started = false;
}

void
channel_node_close(struct channel_node *n)
{
	if (n->open)
		n->channel->ops->close(n->channel);
	n->open = false;
}

static void
nothing(void *arg)
{
	(void)arg;
}

void
graph_settle(struct graph *g)
{
	size_t i;

	for (i = 0; i < g->nloops; i++)
		loop_call(g->loops[i], nothing, NULL);
}

/* Takes a source's route off its channels: nothing is reported to it then. */
static void
unjoin(struct graph *g, struct source_node *n)
{
	size_t i;

	if (n->route == NULL)
		return;
	for (i = 0; i < n->cfg->nchannels; i++)
		part(g->channels[n->cfg->channels[i]], n->route);
}

void
graph_unjoin(struct graph *g, const bool *which)
{
	size_t i;

	for (i = 0; i < g->cfg->nsources; i++)
		if (which == NULL || which[i])
			unjoin(g, g->sources[i]);
	graph_settle(g);
}

void
graph_stop(struct graph *g, int64_t drain_ms)
{
	size_t i;

	graph_stop_sources(g, NULL);
	graph_drain(g, NULL, drain_ms);
	for (i = 0; i < g->cfg->nsinks; i++)
		sink_node_stop(g->sinks[i]);
	for (i = 0; i < g->cfg->nchannels; i++)
		channel_node_close(g->channels[i]);
	graph_unjoin(g, NULL);
}
