/*
 * The thread that syncs: whenever a partition has bytes that are not on the
 * disk.  While it syncs, more arrive and share the next sync.
 */
#ifndef BROKER_FLUSHER_H
#define BROKER_FLUSHER_H

#include "broker/broker_priv.h"
#include "broker/partition.h"

int	flusher_start(struct broker *, struct err *);
/* Syncs what is left, then ends the thread.  NULL flusher is fine. */
void	flusher_stop(struct broker *);
/* p has something to sync; takes a reference on its topic.  Any thread. */
void	flusher_add(struct broker *, struct partition *);

#endif
