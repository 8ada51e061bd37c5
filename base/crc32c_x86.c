/*
 * SSE4.2's crc32 instruction takes 8 bytes per cycle but answers after three,
 * so three stretches of the input are summed at once and put together: the
 * CRC of a stretch followed by n bytes is its product with x^(8n).  PCLMULQDQ
 * multiplies two reflected polynomials of 32 bits to one of 64 that is short
 * of a factor x, and crc32 over these 64 bits multiplies by x^32 and reduces;
 * so the constant for n bytes is x^(8n - 33).
 */
#include "base/crc32c_hw.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#define LONG	4096	/* bytes per stretch */
#define SHORT	256

/* A constant for a shift over one stretch, another over two. */
static uint32_t long1, long2, short1, short2;

static inline uint64_t
load(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return (v);
}

__attribute__((target("sse4.2,pclmul")))
static inline uint64_t
shift(uint64_t crc, uint32_t by)
{
	__m128i a = _mm_cvtsi64_si128((long long)crc);
	__m128i product = _mm_clmulepi64_si128(a, _mm_cvtsi64_si128(by), 0);

	return (_mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product)));
}

/* Three stretches of len bytes each. */
__attribute__((target("sse4.2,pclmul")))
static inline uint64_t
triple(uint64_t a, const uint8_t *p, size_t len, uint32_t by1, uint32_t by2)
{
	uint64_t b = 0, c = 0;

	for (const uint8_t *end = p + len; p < end; p += 8) {
		a = _mm_crc32_u64(a, load(p));
		b = _mm_crc32_u64(b, load(p + len));
		c = _mm_crc32_u64(c, load(p + 2 * len));
	}
	return (shift(a, by2) ^ shift(b, by1) ^ c);
}

__attribute__((target("sse4.2,pclmul")))
static uint32_t
sum(uint32_t raw, const uint8_t *p, size_t n)
{
	uint64_t c = raw;

	for (; n >= 3 * LONG; n -= 3 * LONG, p += 3 * LONG)
		c = triple(c, p, LONG, long1, long2);
	for (; n >= 3 * SHORT; n -= 3 * SHORT, p += 3 * SHORT)
		c = triple(c, p, SHORT, short1, short2);
	for (; n >= 8; n -= 8, p += 8)
		c = _mm_crc32_u64(c, load(p));
	for (; n > 0; n--)
		c = _mm_crc32_u8((uint32_t)c, *p++);
	return ((uint32_t)c);
}

crc32c_fn *
crc32c_x86(void)
{
	__builtin_cpu_init();
	if (!__builtin_cpu_supports("sse4.2") ||
	    !__builtin_cpu_supports("pclmul"))
		return (NULL);
	long1 = crc32c_power(8 * LONG - 33);
	long2 = crc32c_power(16 * LONG - 33);
	short1 = crc32c_power(8 * SHORT - 33);
	short2 = crc32c_power(16 * SHORT - 33);
	return (sum);
}

#else

crc32c_fn *
crc32c_x86(void)
{
	return (NULL);
}

#endif
