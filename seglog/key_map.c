/* Linear probing in a table of a fixed size, nine tenths of which are used. */
#include "seglog/key_map.h"

#include <endian.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/random.h"
#include "base/siphash.h"

#define PLACES_MIN	64

struct place {
	uint64_t	 hash[2];
	int64_t		 offset;	/* and 1; 0: free */
};

struct key_map {
	uint64_t	 seed[2];
	size_t		 places, n, most;
	struct place	 v[];
};

struct key_map *
key_map_new(size_t bytes)
{
	size_t places = bytes / sizeof (struct place);
	struct key_map *m;

	if (places < PLACES_MIN)
		places = PLACES_MIN;
	/* Pages that no key falls into are never there. */
	m = xcalloc(1, sizeof *m + places * sizeof m->v[0]);
	random_bytes(m->seed, sizeof m->seed);
	m->places = places;
	m->most = places - places / 10;
	return (m);
}

void
key_map_free(struct key_map *m)
{
	free(m);
}

size_t
key_map_count(const struct key_map *m)
{
	return (m->n);
}

/* SipHash-2-4 of 128 bits. */
static void
hash(const struct key_map *m, struct slice s, uint64_t out[2])
{
	uint64_t v[4] = {
		m->seed[0] ^ 0x736f6d6570736575,
		m->seed[1] ^ 0x646f72616e646f6d ^ 0xee,
		m->seed[0] ^ 0x6c7967656e657261,
		m->seed[1] ^ 0x7465646279746573,
	};
	uint64_t w, last = (uint64_t)s.len << 56;
	size_t i, shift;

	for (i = 0; i + 8 <= s.len; i += 8) {
		memcpy(&w, s.p + i, 8);
		w = le64toh(w);
		v[3] ^= w;
		sip_round(v);
		sip_round(v);
		v[0] ^= w;
	}
	for (shift = 0; i < s.len; i++, shift += 8)
		last |= (uint64_t)s.p[i] << shift;
	v[3] ^= last;
	sip_round(v);
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xee;
	for (i = 0; i < 4; i++)
		sip_round(v);
	out[0] = v[0] ^ v[1] ^ v[2] ^ v[3];
	v[1] ^= 0xdd;
	for (i = 0; i < 4; i++)
		sip_round(v);
	out[1] = v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* The place of the key, or the free one where it would be. */
static size_t
find(const struct key_map *m, const uint64_t h[2])
{
	size_t i = h[0] % m->places;

	while (m->v[i].offset != 0 &&
	    (m->v[i].hash[0] != h[0] || m->v[i].hash[1] != h[1]))
		i = i + 1 == m->places ? 0 : i + 1;
	return (i);
}

bool
key_map_put(struct key_map *m, struct slice key, int64_t offset)
{
	struct place *p;
	uint64_t h[2];

	hash(m, key, h);
	p = &m->v[find(m, h)];
	if (p->offset == 0) {
		if (m->n == m->most)
			return (false);
		m->n++;
		p->hash[0] = h[0];
		p->hash[1] = h[1];
	}
	p->offset = offset + 1;
	return (true);
}

int64_t
key_map_get(const struct key_map *m, struct slice key)
{
	uint64_t h[2];

	hash(m, key, h);
	return (m->v[find(m, h)].offset - 1);
}
