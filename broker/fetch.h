/* Fetches that wait; the handler is in handlers.def.  Thread: the loop's. */
#ifndef BROKER_FETCH_H
#define BROKER_FETCH_H

#include "broker/broker_priv.h"

/* Answers every fetch that waits on this loop with what there is. */
void	fetch_wake_all(struct broker_loop *);

#endif
