/*
 * The hash of Kafka's default partitioner: 32-bit MurmurHash2 with Kafka's
 * seed, and the partition of a key as Java's client picks it.  The hash itself
 * is in base/, where sources find it too.
 */
#ifndef KAFKA_MURMUR2_H
#define KAFKA_MURMUR2_H

#include <stdint.h>

#include "base/murmur2.h"
#include "base/slice.h"

static inline int32_t
kafka_murmur2(struct slice key)
{
	return (murmur2(key));
}

/* (hash & 0x7fffffff) % partitions; partitions > 0. */
static inline int32_t
kafka_partition(struct slice key, int32_t partitions)
{
	return ((murmur2(key) & 0x7fffffff) % partitions);
}

#endif
