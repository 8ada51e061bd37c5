#include "broker/java_hash.h"

/* The next UTF-16 unit of a text, as Java has it; a byte that is not UTF-8
 * counts as itself.  A pair's second half comes with the next call. */
static uint32_t
utf16_next(struct slice s, size_t *i, uint32_t *low)
{
	static const uint8_t lead[] = { 0x1f, 0x0f, 0x07 };
	uint32_t c = s.p[(*i)++], v;
	size_t n = c >= 0xf0 && c < 0xf5 ? 3 : c >= 0xe0 ? 2 :
	    c >= 0xc2 ? 1 : 0, j;

	if (c >= 0xf5 || n == 0 || s.len - *i < n)
		return (c);
	v = c & lead[n - 1];
	for (j = 0; j < n; j++) {
		if ((s.p[*i + j] & 0xc0) != 0x80)
			return (c);
		v = v << 6 | (s.p[*i + j] & 0x3f);
	}
	*i += n;
	if (v < 0x10000)
		return (v);
	*low = 0xdc00 | ((v - 0x10000) & 0x3ff);
	return (0xd800 | (v - 0x10000) >> 10);
}

/* Java's String.hashCode, with which Kafka picks the partition. */
static uint32_t
java_hash(struct slice s)
{
	uint32_t h = 0, low = 0;
	size_t i = 0;

	while (i < s.len) {
		h = h * 31 + utf16_next(s, &i, &low);
		if (low != 0)
			h = h * 31 + low;
		low = 0;
	}
	return (h);
}

int32_t
java_partition(struct slice key, int32_t n)
{
	uint32_t h = java_hash(key);

	if ((int32_t)h < 0)
		h = h == 0x80000000u ? 0 : -h;
	return ((int32_t)(h % (uint32_t)n));
}
