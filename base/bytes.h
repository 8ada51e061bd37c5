/*
 * Numbers as bytes: big-endian, varint, zig-zag.  Inline, any alignment.
 *
 * The put functions write at p and return the byte behind what they wrote;
 * the caller has made the room (VARINT_MAX for varints).  The get functions
 * for fixed widths read at p without a bound; the varint readers take the end
 * and return NULL when the number runs past it or past its width.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VARINT_MAX	5	/* bytes of a 32-bit varint */
#define VARLONG_MAX	10	/* bytes of a 64-bit varint */

#define BYTES_DEF(name, type, to, from)					\
static inline uint8_t *							\
put_##name(uint8_t *p, type v)						\
{									\
	v = (type)to(v);						\
	memcpy(p, &v, sizeof v);					\
	return (p + sizeof v);						\
}									\
static inline type							\
get_##name(const void *p)						\
{									\
	type v;								\
	memcpy(&v, p, sizeof v);					\
	return ((type)from(v));						\
}
BYTES_DEF(be16, uint16_t, htobe16, be16toh)
BYTES_DEF(be32, uint32_t, htobe32, be32toh)
BYTES_DEF(be64, uint64_t, htobe64, be64toh)
#undef BYTES_DEF

static inline uint32_t
zigzag32(int32_t v)
{
	return (((uint32_t)v << 1) ^ (uint32_t)(v >> 31));
}

static inline int32_t
unzigzag32(uint32_t v)
{
	return ((int32_t)(v >> 1) ^ -(int32_t)(v & 1));
}

static inline uint64_t
zigzag64(int64_t v)
{
	return (((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
}

static inline int64_t
unzigzag64(uint64_t v)
{
	return ((int64_t)(v >> 1) ^ -(int64_t)(v & 1));
}

/* Unsigned LEB128, low group first (Kafka's "uvarint"). */
static inline uint8_t *
put_uvarint(uint8_t *p, uint64_t v)
{
	while (v >= 0x80) {
		*p++ = (uint8_t)v | 0x80;
		v >>= 7;
	}
	*p++ = (uint8_t)v;
	return (p);
}

/* Bytes that put_uvarint(v) writes. */
static inline size_t
uvarint_len(uint64_t v)
{
	return (1 + (size_t)(63 - __builtin_clzll(v | 1)) / 7);
}

static inline const uint8_t *
get_uvarint64(const uint8_t *p, const uint8_t *end, uint64_t *v)
{
	uint64_t r = 0;
	unsigned shift;

	for (shift = 0; shift < 70 && p < end; shift += 7, p++) {
		if (shift == 63 && *p > 1)
			return (NULL);
		r |= (uint64_t)(*p & 0x7f) << shift;
		if ((*p & 0x80) == 0) {
			*v = r;
			return (p + 1);
		}
	}
	return (NULL);
}

static inline const uint8_t *
get_uvarint32(const uint8_t *p, const uint8_t *end, uint32_t *v)
{
	uint64_t r;

	p = get_uvarint64(p, end, &r);
	if (p == NULL || r > UINT32_MAX)
		return (NULL);
	*v = (uint32_t)r;
	return (p);
}

/* Zig-zag varints, as inside Kafka's records ("varint", "varlong"). */
static inline uint8_t *
put_varint(uint8_t *p, int32_t v)
{
	return (put_uvarint(p, zigzag32(v)));
}

static inline uint8_t *
put_varlong(uint8_t *p, int64_t v)
{
	return (put_uvarint(p, zigzag64(v)));
}

static inline const uint8_t *
get_varint(const uint8_t *p, const uint8_t *end, int32_t *v)
{
	uint32_t u;

	if ((p = get_uvarint32(p, end, &u)) != NULL)
		*v = unzigzag32(u);
	return (p);
}

static inline const uint8_t *
get_varlong(const uint8_t *p, const uint8_t *end, int64_t *v)
{
	uint64_t u;

	if ((p = get_uvarint64(p, end, &u)) != NULL)
		*v = unzigzag64(u);
	return (p);
}

#endif
