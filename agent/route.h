/*
 * The way of a batch from its source to its channels: interceptors, selector,
 * fan-out; and back again: what has been delivered by all sinks.
 *
 * Fan-out reserves in every required channel first and puts then in all, so
 * that a full channel leaves nobody with half a batch; optional channels get
 * it when they have room.  A refused batch pauses the source until every
 * channel that was full has room again.
 *
 * Threads: route_emit and the source's calls on the source's loop;
 * route_room and route_delivered from any.
 */
#ifndef AGENT_ROUTE_H
#define AGENT_ROUTE_H

#include "agent/config.h"
#include "plugin/channel.h"
#include "plugin/interceptor.h"
#include "plugin/source.h"

struct route;

/*
 * channels[i] is the instance for cfg->channels[i] (indices as in the source's
 * list); interceptors are in order and become the route's.  The source's host
 * fields are set here.
 */
struct route	*route_new(struct source *, const struct source_config *,
		    struct channel *const *channels,
		    struct interceptor **interceptors, size_t n);
void		 route_free(struct route *);	/* NULL is fine */

/* Starts the interceptors; on the source's loop.  The source is told what has
 * been delivered only from route_started() on, after its own start. */
int		 route_start(struct route *, struct err *e);
void		 route_started(struct route *);

/*
 * The cursor to start from: the smallest of the required channels, a channel
 * that knows nothing of the source left out; *own is true when one of them is
 * not durable and the source keeps its own positions.
 */
int		 route_cursor(struct route *, struct cursor_set *out, bool *own,
		    struct err *e);

/* A channel of the route has room again. */
void		 route_room(struct route *);
/* A channel's sinks have committed through a cursor of this source. */
void		 route_delivered(struct route *, struct channel *,
		    const struct cursor *);

/* The source waits for room.  On its loop, or as a hint from elsewhere. */
bool		 route_paused(const struct route *);
/* The route is that of this source. */
bool		 route_source_is(const struct route *, const char *name);

extern const struct source_host route_host;

#endif
