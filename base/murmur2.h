/*
 * MurmurHash2 as Kafka's producers compute it (32 bits, seed 0x9747b28c): it
 * picks the partition of a key, here and in a Java client.
 */
#ifndef BASE_MURMUR2_H
#define BASE_MURMUR2_H

#include <stdint.h>

#include "base/slice.h"

int32_t	 murmur2(struct slice key);

#endif
