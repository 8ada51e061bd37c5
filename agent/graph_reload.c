/*
 * A reload touches what changed.  A channel is kept when a channel of that
 * name, type and settings runs; a source or sink when its own part of the file
 * is the same and its channels are kept.  Kept nodes move from the old graph to
 * the new one as they are, running.
 *
 * Order: stop the sources that go, let memory channels that go or that such a
 * source fed run empty (so that nothing is lost, and a source that starts anew
 * does not read again what is still under way), stop the sinks that go, close
 * the channels that go; then start the new ones from the sinks to the sources.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/graph_priv.h"
#include "base/log.h"
#include "base/mem.h"

struct plan {
	struct graph	*old, *next;
	/* for each old one its place in next, plus 1; 0: it goes */
	size_t		*channels, *sources, *sinks;
	bool		*stop;		/* old sources */
	bool		*drain;		/* old channels */
	size_t		 kept, stopped, started;
};

static bool
same_component(const struct component_config *a,
    const struct component_config *b)
{
	return (strcmp(a->name, b->name) == 0 && a->plugin == b->plugin &&
	    conf_same(a->node->children, b->node->children));
}

/* --- what is kept --- */

static void
plan_channels(struct plan *p)
{
	size_t i, j;

	for (i = 0; i < p->old->cfg->nchannels; i++)
		for (j = 0; j < p->next->cfg->nchannels; j++)
			if (p->old->channels[i]->open && same_component(
			    &p->old->cfg->channels[i].c,
			    &p->next->cfg->channels[j].c))
				p->channels[i] = j + 1;
}

static bool
source_stays(const struct plan *p, const struct source_config *a,
    const struct source_config *b)
{
	size_t i;

	if (!same_component(&a->c, &b->c) || a->nchannels != b->nchannels)
		return (false);
	for (i = 0; i < a->nchannels; i++)
		if (p->channels[a->channels[i]] != b->channels[i] + 1)
			return (false);
	return (true);
}

static void
plan_sources(struct plan *p)
{
	const struct source_config *a;
	size_t i, j;

	for (i = 0; i < p->old->cfg->nsources; i++) {
		a = &p->old->cfg->sources[i];
		for (j = 0; j < p->next->cfg->nsources; j++)
			if (p->old->sources[i]->started && source_stays(p, a,
			    &p->next->cfg->sources[j]))
				p->sources[i] = j + 1;
		p->stop[i] = p->sources[i] == 0;
		for (j = 0; p->stop[i] && j < a->nchannels; j++)
			p->drain[a->channels[j]] = true;
	}
}

static void
plan_sinks(struct plan *p)
{
	const struct sink_config *a, *b;
	size_t i, j;

	for (i = 0; i < p->old->cfg->nsinks; i++) {
		a = &p->old->cfg->sinks[i];
		for (j = 0; j < p->next->cfg->nsinks; j++) {
			b = &p->next->cfg->sinks[j];
			if (p->old->sinks[i]->started &&
			    same_component(&a->c, &b->c) &&
			    p->channels[a->channel] == b->channel + 1)
				p->sinks[i] = j + 1;
		}
	}
}

static void
plan_init(struct plan *p, struct graph *old, struct graph *next)
{
	size_t i;

	p->old = old;
	p->next = next;
	p->channels = xcalloc(old->cfg->nchannels + 1, sizeof (size_t));
	p->sources = xcalloc(old->cfg->nsources + 1, sizeof (size_t));
	p->sinks = xcalloc(old->cfg->nsinks + 1, sizeof (size_t));
	p->stop = xcalloc(old->cfg->nsources + 1, sizeof (bool));
	p->drain = xcalloc(old->cfg->nchannels + 1, sizeof (bool));
	plan_channels(p);
	plan_sources(p);
	plan_sinks(p);
	for (i = 0; i < old->cfg->nchannels; i++)
		p->drain[i] = p->drain[i] || p->channels[i] == 0;
}

static void
plan_fini(struct plan *p)
{
	free(p->channels);
	free(p->sources);
	free(p->sinks);
	free(p->stop);
	free(p->drain);
}

/* --- out with the old --- */

static void
stop_old(struct plan *p, int64_t drain_ms)
{
	struct graph *g = p->old;
	size_t i;

	graph_stop_sources(g, p->stop);
	if (!graph_drain(g, p->drain, drain_ms))
		log_warn(NULL, "reload: a memory channel did not run empty in "
		    "%lld ms: followed files are read again from what was "
		    "delivered, other records in it are lost",
		    (long long)drain_ms);
	for (i = 0; i < g->cfg->nsinks; i++)
		if (p->sinks[i] == 0)
			sink_node_stop(g->sinks[i]);
	graph_unjoin(g, p->stop);
	for (i = 0; i < g->cfg->nchannels; i++)
		if (p->channels[i] == 0)
			channel_node_close(g->channels[i]);
}

/* Moves what is kept to its place in the new graph. */
#define KEEP(p, kind, free_node, n)					\
	do {								\
		for (size_t i_ = 0; i_ < (n); i_++) {			\
			if ((p)->kind[i_] == 0) {			\
				(p)->stopped++;				\
				continue;				\
			}						\
			free_node((p)->next->kind[(p)->kind[i_] - 1]);	\
			(p)->next->kind[(p)->kind[i_] - 1] =		\
			    (p)->old->kind[i_];				\
			(p)->old->kind[i_]->cfg =			\
			    &(p)->next->cfg->kind[(p)->kind[i_] - 1];	\
			(p)->old->kind[i_] = NULL;			\
			(p)->kept++;					\
		}							\
	} while (0)

/* --- in with the new --- */

static int
start_new(struct plan *p)
{
	struct graph *g = p->next;
	struct err e;
	size_t i;
	int rc = 0;

#define START(call) do {						\
		e = (struct err)ERR_INIT;				\
		if ((call) == -1) {					\
			log_error(NULL, "reload: %s: it stays stopped; " \
			    "mend it and send SIGHUP again", e.msg);	\
			rc = -1;					\
		}							\
	} while (0)
	for (i = 0; i < g->cfg->nchannels; i++)
		START(channel_node_open(g->channels[i], &e));
	for (i = 0; i < g->cfg->nsinks; i++)
		START(sink_node_start(g, g->sinks[i], &e));
	for (i = 0; i < g->cfg->nsources; i++)
		START(source_node_start(g, g->sources[i], &e));
#undef START
	return (rc);
}

int
graph_reload(struct graph **gp, struct graph *next, int64_t drain_ms)
{
	struct plan p = { 0 };
	const size_t nchannels = (*gp)->cfg->nchannels;
	const size_t nsources = (*gp)->cfg->nsources;
	const size_t nsinks = (*gp)->cfg->nsinks;
	int rc;

	plan_init(&p, *gp, next);
	stop_old(&p, drain_ms);
	KEEP(&p, channels, channel_node_free, nchannels);
	KEEP(&p, sources, source_node_free, nsources);
	KEEP(&p, sinks, sink_node_free, nsinks);
	p.started = next->cfg->nchannels + next->cfg->nsources +
	    next->cfg->nsinks - p.kept;
	/* The nodes that went are gone before the new ones start: they may
	 * share files and ports. */
	graph_free(p.old);
	*gp = next;
	graph_build_objects(next);
	rc = start_new(&p);
	log_info(NULL, "reloaded: %zu components go on, %zu stopped, %zu "
	    "started", p.kept, p.stopped, p.started);
	plan_fini(&p);
	return (rc);
}
