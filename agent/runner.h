/*
 * A sink's runner: one thread that takes leases from the channel, hands up to
 * sink->inflight of them to the sink, and commits them in lease order.  A
 * failure rolls back everything not committed and tries again after a pause
 * that doubles from 100 ms to 5 s; nothing is given up, nothing skipped.
 */
#ifndef AGENT_RUNNER_H
#define AGENT_RUNNER_H

#include "plugin/sink.h"

struct runner;

/* The sink was started. Neither becomes the runner's. */
int	 runner_start(struct runner **, struct sink *, struct channel *,
	    struct err *e);
/* True when nothing is taken and not committed, and the channel is empty. */
bool	 runner_idle(struct runner *);
/* "idle", how much is on the way, or why nothing is: the last failure.  Into
 * buf. */
const char *runner_state(struct runner *, char *buf, size_t size);
/* Stops taking, stops the sink (its deliveries complete), commits what was
 * delivered, rolls back the rest, joins the thread. NULL is fine. */
void	 runner_stop(struct runner *);

#endif
