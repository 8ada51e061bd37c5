/*
 * A completion: "done, once, on your loop".  Intrusive, inside its owner; no
 * allocation.  The one who takes a completion calls completion_done exactly
 * once; there is no cancel, so the owner stays until it came.
 */
#ifndef LOOP_COMPLETION_H
#define LOOP_COMPLETION_H

#include "base/err.h"
#include "loop/loop.h"

struct completion {
	/* err is NULL on success; valid during the call only.  ERR_UNCERTAIN:
	 * it may have happened. */
	void		(*fn)(struct completion *, const struct err *err);
	struct loop	*loop;		/* where fn runs; NULL: in the caller's
					   thread, inside completion_done */
	/* private */
	struct loop_task task;
	struct err	 err;
	bool		 failed;
	bool		 pending;	/* CHECKed: no second done */
};

void	completion_init(struct completion *, struct loop *,
	    void (*fn)(struct completion *, const struct err *));
/* Any thread.  NULL completion: nothing.  err is copied. */
void	completion_done(struct completion *, const struct err *err);

#endif
