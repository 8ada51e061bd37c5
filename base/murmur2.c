/*
 * MurmurHash2, 32 bits, little-endian words, as Kafka's producers compute it
 * (seed 0x9747b28c).  Unsigned arithmetic throughout; Java's int wraps in the
 * same way.
 */
#include "base/murmur2.h"

#define SEED	0x9747b28cu
#define M	0x5bd1e995u
#define R	24

static uint32_t
word_le(const uint8_t *p)
{
	return ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24);
}

int32_t
murmur2(struct slice key)
{
	const uint8_t *p = key.p;
	size_t n = key.len;
	uint32_t h = SEED ^ (uint32_t)n, k;

	for (; n >= 4; n -= 4, p += 4) {
		k = word_le(p) * M;
		k ^= k >> R;
		h = h * M ^ k * M;
	}
	switch (n) {
	case 3:
		h ^= (uint32_t)p[2] << 16;
		/* FALLTHROUGH */
	case 2:
		h ^= (uint32_t)p[1] << 8;
		/* FALLTHROUGH */
	case 1:
		h = (h ^ p[0]) * M;
	}
	h = (h ^ h >> 13) * M;
	return ((int32_t)(h ^ h >> 15));
}
