/*
 * The contract of a source.
 *
 * A source lives on one loop; all its calls come there.  It reads, makes
 * batches and offers them:
 *
 *	batch_seal(b) is done by the host, after the interceptors.
 *	source_emit(&s->source, b, &slot->stored, e)
 *	   0		taken.  `stored` runs once on this loop when every
 *			required channel holds it (durable channel: on disk).
 *	  -1 ERR_FULL	nothing was taken anywhere, pause() was called; keep the
 *			batch and offer it again after resume().
 *	  -1 ERR_TOO_LARGE  it can never fit: split it, or drop it and say so.
 *	  -1 other	nothing was taken; the message says why.
 */
#ifndef PLUGIN_SOURCE_H
#define PLUGIN_SOURCE_H

#include "plugin/plugin.h"

struct source;

/* One row of `leat where`: a file, a listener, a stream. */
struct where_row {
	const char	*name;		/* path or address */
	const char	*state;		/* "following", "paused", ... */
	int64_t		 size;		/* bytes there; -1: not a file */
	int64_t		 read;		/* read by the source; this and the two
					   below: -1: it is left out */
	int64_t		 stored;	/* in every required channel */
	int64_t		 delivered;	/* committed by every required sink */
	int64_t		 oldest_ms;	/* age of the oldest byte not delivered;
					   0: none waits; -1: not known */
};
typedef void where_fn(void *ctx, const struct where_row *);

struct source_ops {
	struct plugin	plugin;
	/* Settings agree with each other; no side effects. */
	int	(*check)(struct source *, struct err *);
	/*
	 * Acquires; may emit from now on.  from: where its required channels
	 * stand (the smallest of them) when all of them are durable; NULL
	 * otherwise: the source then keeps positions itself and moves them on
	 * delivered() only, and a durable channel beside a memory one leaves
	 * out what it holds already.  An empty cursor means: the channels are
	 * durable and have seen nothing of this source yet.
	 */
	int	(*start)(struct source *, const struct cursor *from,
		    struct err *);
	void	(*pause)(struct source *);	/* downstream is full */
	void	(*resume)(struct source *);	/* there is room again */
	/* Every required sink has committed what this cursor covers (only the
	 * entries that moved). */
	void	(*delivered)(struct source *, const struct cursor *upto);
	/* No emit after the completion.  Batches on their way are finished by
	 * the host: delivered() may still come until free(). */
	void	(*stop)(struct source *, struct completion *);
	/* Releases what it made; its settings and itself are the host's. */
	void	(*free)(struct source *);
	/* Shows its files; on its loop.  NULL: one row by the host. */
	void	(*where)(struct source *, where_fn *, void *ctx);
};

struct source_host {
	int	(*emit)(struct source *, struct batch *, struct completion *,
		    struct err *);
};

struct source_metrics {		/* kept by the host; loop's thread */
	metric_t	received_records, received_bytes, batches;
	metric_t	accepted_records, filtered_records;
	metric_t	pauses;
};

struct source {
	/* owner: its loop */
	const struct source_ops	*ops;
	const char		*name;		/* "r1" */
	const char		*who;		/* "source=r1", for log lines */
	struct loop		*loop;
	const struct plugin_env	*env;
	const struct source_host *host;
	void			*host_data;
	struct source_metrics	 common;
};

/* See above.  Takes over the caller's reference of b when it returns 0. */
static inline int
source_emit(struct source *s, struct batch *b, struct completion *stored,
    struct err *e)
{
	return (s->host->emit(s, b, stored, e));
}

#endif
