/*
 * Where each partition's synced end and start were at a moment: so that a start
 * after a crash checks only what was written since.
 *
 * Two files, written in turn, each with a generation and a CRC; the newest good
 * one counts.  A missing checkpoint costs time, not data: everything is then
 * read and checked.
 */
#ifndef BROKER_CHECKPOINT_H
#define BROKER_CHECKPOINT_H

#include "broker/broker_priv.h"

/* Reads it; the folder is open.  Damage is said in the log. */
void	checkpoint_open(struct broker *);
/* What it says of a partition; zeroes when it says nothing. */
void	checkpoint_get(struct broker *, const struct uuid *topic,
	    int32_t partition, int64_t *synced, int64_t *start);
/*
 * Writes what is now, durably, if it differs from what was written last.
 * Any thread, one at a time (it has a mutex).
 */
int	checkpoint_write(struct broker *, struct err *);
void	checkpoint_close(struct broker *);

#endif
