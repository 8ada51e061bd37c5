/*
 * The way out of a source that cannot read again what it has read: batches
 * leave in order, and one that was refused waits here.
 *
 *	outbox_init(&x->out, &x->source, room, x);
 *	outbox_put(&x->out, batch);
 *	if (outbox_waits(&x->out))
 *		... read no more until room() comes
 *
 * A batch is held until it is stored.  One that was taken and could not be
 * stored is offered again, so its records may come twice but are not lost.
 * One that can never fit is split; a single record that can never fit is
 * dropped, counted and said.
 *
 * Owner: the source's loop.
 */
#ifndef SOURCES_OUTBOX_H
#define SOURCES_OUTBOX_H

#include "plugin/source.h"

struct outbox {
	struct source		*source;
	void			(*room)(void *);
	void			*ctx;
	metric_t		 dropped;	/* records, see above */
	/* private */
	struct outbox_item	*head, **tail;	/* waiting, in order */
	size_t			 on_way;	/* taken, not stored yet */
	bool			 paused, busy;
	bool			 blocked;	/* room is owed */
	struct loop_timer	 retry;
	struct completion	*stopped;
};

/* room(ctx) runs when nothing waits any more; it may call outbox_put. */
void	outbox_init(struct outbox *, struct source *, void (*room)(void *),
	    void *ctx);
/* Drops what waits.  Nothing may be on its way.  Zeroed memory is fine. */
void	outbox_fini(struct outbox *);

/* Takes over the reference.  An empty batch is fine. */
void	outbox_put(struct outbox *, struct batch *);
/* A batch waits: do not read on. */
bool	outbox_waits(const struct outbox *);

/* The source's pause and resume. */
void	outbox_pause(struct outbox *);
void	outbox_resume(struct outbox *);

/*
 * Completes when everything put has been stored.  What still has no room after
 * OUTBOX_STOP_MS is dropped, counted and said.
 */
#define OUTBOX_STOP_MS	5000
void	outbox_stop(struct outbox *, struct completion *);

#endif
