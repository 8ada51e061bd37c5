/*
 * The thread that keeps the folder in order: retention, the cap on its size,
 * the checkpoint, snapshots, folders of deleted topics.
 */
#ifndef BROKER_KEEPER_H
#define BROKER_KEEPER_H

#include "broker/broker_priv.h"

int	keeper_start(struct broker *, struct err *);
/* NULL keeper is fine. */
void	keeper_stop(struct broker *);
/* Does all of it once, in the caller's thread; nothing else may run it. For
 * tests, and the keeper itself. */
void	keeper_round(struct broker *, bool retention);

#endif
