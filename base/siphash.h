/*
 * The round of SipHash (Aumasson and Bernstein), which its users put together
 * to the variant they need.
 */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stdint.h>

static inline uint64_t
sip_rot(uint64_t v, int n)
{
	return (v << n | v >> (64 - n));
}

static inline void
sip_round(uint64_t v[4])
{
	v[0] += v[1]; v[1] = sip_rot(v[1], 13) ^ v[0]; v[0] = sip_rot(v[0], 32);
	v[2] += v[3]; v[3] = sip_rot(v[3], 16) ^ v[2];
	v[0] += v[3]; v[3] = sip_rot(v[3], 21) ^ v[0];
	v[2] += v[1]; v[1] = sip_rot(v[1], 17) ^ v[2]; v[2] = sip_rot(v[2], 32);
}

#endif
