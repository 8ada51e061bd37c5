/*
 * A thread that reads the partitions of an internal topic back after the
 * start, one by one, those that somebody waits for first.
 */
#ifndef BROKER_LOADER_H
#define BROKER_LOADER_H

#include <stdbool.h>

#include "base/err.h"
#include "base/thread.h"

struct load {			/* owner: the loader's mutex */
	/* Runs in the thread, and in the end has loader_done called, there or
	 * later. */
	void		(*fn)(struct load *);
	/* private */
	struct load	*next;
	bool		 busy;
};

struct loader {			/* owner: its mutex */
	struct thread	 thread;
	struct mutex	 lock;
	struct cond	 wake;
	struct load	*queue;
	bool		 stopping;
};

void	 loader_init(struct loader *);
void	 loader_fini(struct loader *);
int	 loader_start(struct loader *, const char *name, struct err *e);
/* Ends the thread behind the load it is at; again, or never started: fine. */
void	 loader_stop(struct loader *);
/* first: before the others.  Asking again only moves it, and does nothing
 * while it is being loaded.  fn: see above, the same each time.  Any thread. */
void	 loader_queue(struct loader *, struct load *,
	    void (*fn)(struct load *), bool first);
void	 loader_done(struct loader *, struct load *);

#endif
