/*
 * How much of a batch goes into a lease: shared by the channels.
 */
#ifndef CHANNELS_LEASE_H
#define CHANNELS_LEASE_H

#include <stddef.h>
#include <stdint.h>

#include "base/batch.h"

/*
 * Of the n records of b from first on, how many keep to both limits (0: none);
 * at least one.  *sum gets their bytes, counted as batch->bytes is.
 */
uint32_t lease_fit(const struct batch *b, uint32_t first, uint32_t n,
	    uint32_t records, size_t bytes, size_t *sum);

#endif
