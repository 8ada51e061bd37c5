/*
 * The contract of a sink.  Its runner (agent/runner.c) takes leases from the
 * channel, hands up to `inflight` of them at once to deliver, and commits in
 * lease order or rolls back with back-off: retrying, ordering, draining and
 * counting exist there once, not in the sinks.
 */
#ifndef PLUGIN_SINK_H
#define PLUGIN_SINK_H

#include "plugin/channel.h"
#include "plugin/plugin.h"

struct sink;

struct sink_ops {
	struct plugin	plugin;
	int	(*check)(struct sink *, struct err *);
	/* Acquires.  A destination that is not there now is no failure: deliver
	 * reports it and the runner tries again. */
	int	(*start)(struct sink *, struct err *);
	/*
	 * Delivers the lease, now or later; done once, from any thread.  The
	 * lease stays valid until then.  Failure: ERR_UNCERTAIN, ERR_SYS,
	 * ERR_TIMEOUT ...: the runner rolls back this and all later leases and
	 * tries again after a pause.  ERR_TOO_LARGE, ERR_REFUSED: it can never
	 * succeed; by default the lane stops with the message and tries again
	 * with the longest pause, so that nothing is skipped in silence.
	 */
	void	(*deliver)(struct sink *, struct lease *, struct completion *);
	/* All deliveries are done (completed) when it returns. */
	void	(*stop)(struct sink *);
	void	(*free)(struct sink *);
	/* One line for `leat where`: "to 127.0.0.1:9092, connected".  NULL:
	 * none. */
	void	(*status)(struct sink *, char *buf, size_t size);
	/* After a while without a lease (runner idle, ~ms): roll files, flush.
	 * Runner's thread. NULL: nothing. */
	void	(*idle)(struct sink *);
};

struct sink_metrics {		/* kept by the runner */
	metric_t	delivered_records, delivered_bytes, leases;
	metric_t	failures;
};

struct sink {
	/* owner: its runner's thread, but for done() */
	const struct sink_ops	*ops;
	const char		*name;
	const char		*who;		/* "sink=k1" */
	const struct plugin_env	*env;
	struct sink_metrics	 common;
	/* Set by check or start: */
	uint32_t		 inflight;	/* leases at once; 0: 1 */
	/* No further lease with so many bytes under way; 0: any. */
	size_t			 inflight_bytes;
	uint32_t		 batch_records;	/* largest lease; 0: any */
	size_t			 batch_bytes;	/* likewise */
};

#endif
