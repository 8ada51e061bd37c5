/*
 * Which partition of __consumer_offsets a group has, and of
 * __transaction_state a transactional id: Kafka's abs(key.hashCode()) % n.
 * Pure, any thread.
 */
#ifndef BROKER_JAVA_HASH_H
#define BROKER_JAVA_HASH_H

#include <stdint.h>

#include "base/slice.h"

/* n > 0.  Bytes that are not UTF-8 count as characters. */
int32_t	 java_partition(struct slice key, int32_t n);

#endif
