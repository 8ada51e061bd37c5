/*
 * The thread that syncs: whenever a partition has bytes that are not on the
 * disk.  At once when somebody waits for them; otherwise within 10 ms, since
 * a sync per request of a producer that waits for none costs more than all
 * else that the broker does with it.  While it syncs, more arrive and share the
 * next sync.
 */
#ifndef BROKER_FLUSHER_H
#define BROKER_FLUSHER_H

#include "broker/broker_priv.h"
#include "broker/partition.h"

int	flusher_start(struct broker *, struct err *);
/* Syncs what is left, then ends the thread.  NULL flusher is fine. */
void	flusher_stop(struct broker *);
/* p has something to sync and is in no list; takes a reference on its topic.
 * Any thread, with p's lock; so is flusher_hurry. */
void	flusher_add(struct broker *, struct partition *, bool hurry);
/* Somebody waits for it now; nothing if its sync is about to begin. */
void	flusher_hurry(struct broker *, struct partition *);

#endif
