/*
 * How much may still be written.  The keeper looks at the file system every
 * second; in between appends count down what it found.  The last
 * dir.reserve.bytes are for the broker's own records alone.  Any thread.
 */
#ifndef BROKER_SPACE_H
#define BROKER_SPACE_H

#include "broker/broker_priv.h"

/* Looks at the disk now. */
void	space_look(struct broker *);
/* May a client append that much?  ERR_FULL says why not. */
int	space_check(struct broker *, uint64_t bytes, struct err *);
/* That much was written. */
void	space_used(struct broker *, uint64_t bytes);
/* The kernel said that the disk is full. */
void	space_none(struct broker *);
/* dir.max.bytes, or what it is when not set. */
int	space_limit(struct broker *, struct err *);

#endif
