/*
 * Which topics the members of a classic group say they read.  A broker looks
 * into the metadata for this alone (Kafka's ConsumerProtocolSubscription).
 */
#ifndef BROKER_SUBSCRIPTION_H
#define BROKER_SUBSCRIPTION_H

#include "broker/group.h"

/* Is any member subscribed to the topic?  What cannot be read names all. */
bool	 group_subscribed(const struct group *, struct slice topic);

#endif
