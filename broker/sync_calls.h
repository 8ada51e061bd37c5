/*
 * "Call me on my loop when it is on the disk", counted, so that a stop can
 * wait for the last of them:
 *
 *	c = sync_call_new(&calls, loop, fn, arg);
 *	if (partition_append(p, &batch, 1, 0, sync_call_wait(c), e) == -1)
 *		sync_call_free(c);		fn does not run
 *	...
 *	sync_calls_wait(&calls);		the flusher still runs
 *
 * Threads: any.
 */
#ifndef BROKER_SYNC_CALLS_H
#define BROKER_SYNC_CALLS_H

#include "base/thread.h"
#include "broker/partition.h"

struct sync_calls {		/* owner: its mutex */
	struct mutex	lock;
	struct cond	idle;
	size_t		n;
};
struct sync_call;
typedef void sync_call_fn(void *arg, int16_t error);

void	 sync_calls_init(struct sync_calls *);
void	 sync_calls_fini(struct sync_calls *);
/* For callbacks that come in another way. */
void	 sync_calls_add(struct sync_calls *, int d);
/* Until there are none. */
void	 sync_calls_wait(struct sync_calls *);

/* What a coordinator's client gets for a record that was not written. */
int16_t	 coordinator_error(const struct err *);

/* fn runs once on loop, with KERR_NONE or coordinator_error. */
struct sync_call *sync_call_new(struct sync_calls *, struct loop *,
	    sync_call_fn *fn, void *arg);
/* What to give to partition_append or partition_wait; NULL of NULL. */
struct sync_wait *sync_call_wait(struct sync_call *);
/* It was given to nobody, or that failed.  NULL is fine. */
void	 sync_call_free(struct sync_call *);

#endif
