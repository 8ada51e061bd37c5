/*
 * The thread that compacts: cleanup.policy=compact, Kafka's log cleaner.
 */
#ifndef BROKER_CLEANER_H
#define BROKER_CLEANER_H

#include "broker/broker_priv.h"

struct partition;

int	cleaner_start(struct broker *, struct err *e);
/* Ends a pass that is under way; what it has replaced stays.  NULL cleaner is
 * fine. */
void	cleaner_stop(struct broker *);
/* One pass over a partition, whatever its configuration says about when.  In
 * the caller's thread, when the cleaner does not run: for tests. */
int	cleaner_pass(struct partition *, struct err *e);

#endif
