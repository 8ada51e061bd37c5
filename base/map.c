/*
 * Linear probing over a power-of-two table, SipHash-1-3 (Aumasson and
 * Bernstein) with a key drawn once per process.  Removal leaves a tombstone,
 * so that a walk may remove; a put that finds the table three quarters used
 * (tombstones count) builds a new one.
 */
#include "base/map.h"

#include <endian.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/siphash.h"

struct slot {
	uint64_t	 hash;
	uint8_t		*key;		/* NULL: never used */
	size_t		 len;
	void		*value;		/* NULL with a key: a tombstone */
};

struct map {
	struct slot	*v;
	size_t		 cap, n, used;	/* used: n and tombstones */
};

static uint8_t tombstone[1];
static uint64_t seed[2];

static void
seed_draw(void)
{
	random_bytes(seed, sizeof seed);
}

static uint64_t
map_hash(struct slice s)
{
	uint64_t v[4] = {
		seed[0] ^ 0x736f6d6570736575, seed[1] ^ 0x646f72616e646f6d,
		seed[0] ^ 0x6c7967656e657261, seed[1] ^ 0x7465646279746573,
	};
	uint64_t m = 0, last = (uint64_t)s.len << 56;
	size_t i;

	for (i = 0; i + 8 <= s.len; i += 8) {
		memcpy(&m, s.p + i, 8);
		m = le64toh(m);
		v[3] ^= m;
		sip_round(v);
		v[0] ^= m;
	}
	for (size_t shift = 0; i < s.len; i++, shift += 8)
		last |= (uint64_t)s.p[i] << shift;
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (i = 0; i < 3; i++)
		sip_round(v);
	return (v[0] ^ v[1] ^ v[2] ^ v[3]);
}

struct map *
map_new(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	CHECK(pthread_once(&once, seed_draw) == 0);
	return (xcalloc(1, sizeof (struct map)));
}

static void
slot_free_key(struct slot *s)
{
	if (s->key != tombstone)
		free(s->key);
}

void
map_free(struct map *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->cap; i++)
		slot_free_key(&m->v[i]);
	free(m->v);
	free(m);
}

size_t
map_size(const struct map *m)
{
	return (m->n);
}

static struct slot *
map_find(const struct map *m, struct slice key, uint64_t hash)
{
	struct slot *s;
	size_t i;

	if (m->cap == 0)
		return (NULL);
	for (i = hash & (m->cap - 1); ; i = (i + 1) & (m->cap - 1)) {
		s = &m->v[i];
		if (s->key == NULL)
			return (NULL);
		if (s->value != NULL && s->hash == hash &&
		    slice_eq(slice_of(s->key, s->len), key))
			return (s);
	}
}

void *
map_get(const struct map *m, struct slice key)
{
	struct slot *s = map_find(m, key, map_hash(key));

	return (s == NULL ? NULL : s->value);
}

static struct slot *
map_free_slot(struct map *m, uint64_t hash)
{
	size_t i = hash & (m->cap - 1);

	while (m->v[i].key != NULL)
		i = (i + 1) & (m->cap - 1);
	return (&m->v[i]);
}

static void
map_rebuild(struct map *m)
{
	struct map new = { .cap = 16, .n = m->n, .used = m->n };

	while (new.cap / 2 <= m->n)
		new.cap *= 2;
	new.v = xcalloc(new.cap, sizeof *new.v);
	for (size_t i = 0; i < m->cap; i++)
		if (m->v[i].value != NULL)
			*map_free_slot(&new, m->v[i].hash) = m->v[i];
	free(m->v);
	*m = new;
}

void *
map_put(struct map *m, struct slice key, void *value)
{
	uint64_t hash = map_hash(key);
	struct slot *s = map_find(m, key, hash);
	void *old;

	CHECK(value != NULL);
	if (s != NULL) {
		old = s->value;
		s->value = value;
		return (old);
	}
	if (m->cap == 0 || m->used + 1 > m->cap / 4 * 3)
		map_rebuild(m);
	s = map_free_slot(m, hash);
	s->hash = hash;
	s->key = (uint8_t *)xstrndup(key.p, key.len);
	s->len = key.len;
	s->value = value;
	m->n++;
	m->used++;
	return (NULL);
}

bool
map_again(struct map *m, struct slice key)
{
	return (map_put(m, key, m) != NULL);
}

void *
map_remove(struct map *m, struct slice key)
{
	struct slot *s = map_find(m, key, map_hash(key));
	void *old;

	if (s == NULL)
		return (NULL);
	old = s->value;
	free(s->key);
	s->key = tombstone;
	s->len = 0;
	s->value = NULL;
	m->n--;
	return (old);
}

bool
map_next(const struct map *m, size_t *it, struct slice *key, void **value)
{
	const struct slot *s;

	while (*it < m->cap) {
		s = &m->v[(*it)++];
		if (s->value == NULL)
			continue;
		if (key != NULL)
			*key = slice_of(s->key, s->len);
		if (value != NULL)
			*value = s->value;
		return (true);
	}
	return (false);
}
