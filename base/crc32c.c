/*
 * Dispatch, the portable version (slicing by 8: eight tables, eight bytes per
 * round), and combination: appending lenb bytes multiplies the CRC of A by
 * x^(8 lenb), which takes one multiplication per set bit of the length.
 */
#include "base/crc32c.h"

#include <endian.h>
#include <string.h>

#include "base/crc32c_hw.h"

#define POLY	0x82f63b78u	/* 0x1edc6f41 reflected */

static uint32_t table[8][256];
static uint32_t power[64];	/* x^(2^i); the order divides 2^31 - 1 */
static crc32c_fn *best = crc32c_soft;

/* a times b modulo the polynomial. */
static uint32_t
multiply(uint32_t a, uint32_t b)
{
	uint32_t r = 0;

	for (; a != 0; a <<= 1) {
		if ((a & 0x80000000u) != 0)
			r ^= b;
		b = (b & 1) != 0 ? b >> 1 ^ POLY : b >> 1;
	}
	return (r);
}

uint32_t
crc32c_power(uint64_t n)
{
	uint32_t r = 0x80000000u;	/* 1 */

	for (unsigned i = 0; n != 0; n >>= 1, i++)
		if ((n & 1) != 0)
			r = multiply(power[i], r);
	return (r);
}

static void __attribute__((constructor))
crc32c_init(void)
{
	uint32_t c;
	unsigned i, k;

	for (i = 0; i < 256; i++) {
		c = i;
		for (k = 0; k < 8; k++)
			c = (c & 1) != 0 ? c >> 1 ^ POLY : c >> 1;
		table[0][i] = c;
	}
	for (k = 1; k < 8; k++)
		for (i = 0; i < 256; i++)
			table[k][i] = table[k - 1][i] >> 8 ^
			    table[0][table[k - 1][i] & 0xff];
	power[0] = 0x40000000u;		/* x */
	for (i = 1; i < 64; i++)
		power[i] = multiply(power[i - 1], power[i - 1]);
	if (crc32c_x86() != NULL)
		best = crc32c_x86();
}

uint32_t
crc32c_soft(uint32_t c, const uint8_t *p, size_t n)
{
	uint64_t v;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&v, p, 8);
		v = le64toh(v) ^ c;
		c = table[7][v & 0xff] ^ table[6][v >> 8 & 0xff] ^
		    table[5][v >> 16 & 0xff] ^ table[4][v >> 24 & 0xff] ^
		    table[3][v >> 32 & 0xff] ^ table[2][v >> 40 & 0xff] ^
		    table[1][v >> 48 & 0xff] ^ table[0][v >> 56];
	}
	while (n-- > 0)
		c = c >> 8 ^ table[0][(c ^ *p++) & 0xff];
	return (c);
}

uint32_t
crc32c(uint32_t crc, const void *p, size_t n)
{
	return (~best(~crc, p, n));
}

/* The inversions of A and of B cancel out. */
uint32_t
crc32c_combine(uint32_t crca, uint32_t crcb, size_t lenb)
{
	uint64_t bits;

	if (__builtin_mul_overflow((uint64_t)lenb, 8, &bits))
		return (crc32c_combine(crc32c_combine(crca, 0, lenb / 2),
		    crcb, lenb - lenb / 2));
	return (multiply(crc32c_power(bits), crca) ^ crcb);
}
