/*
 * The hash of Kafka's default partitioner: 32-bit MurmurHash2 with Kafka's
 * seed, and the partition of a key as Java's client picks it.
 */
#ifndef KAFKA_MURMUR2_H
#define KAFKA_MURMUR2_H

#include <stdint.h>

#include "base/slice.h"

int32_t	 kafka_murmur2(struct slice key);

/* (hash & 0x7fffffff) % partitions; partitions > 0. */
int32_t	 kafka_partition(struct slice key, int32_t partitions);

#endif
