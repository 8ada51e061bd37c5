/*
 * A list of chunks, the one that is being filled in front.  What is larger
 * than a chunk gets one of its own behind the front one, whose room is not
 * lost that way.  Chunks double up to CHUNK_MAX.
 */
#include "config.h"

#include "base/arena.h"

#include <stdlib.h>

#include "base/mem.h"

#define ALIGN		16
#define CHUNK_MAX	((size_t)64 * 1024)

struct arena_chunk {
	struct arena_chunk	*next;
	size_t			 size, used;	/* of data */
	uint8_t			 data[] __attribute__((aligned(ALIGN)));
};

#ifdef ARENA_MALLOC
static const bool one_malloc_each = true;
#else
static const bool one_malloc_each = false;
#endif

void
arena_init(struct arena *a, size_t chunk, size_t limit)
{
	*a = (struct arena){ .limit = limit, .chunk = chunk };
}

static struct arena_chunk *
chunk_new(size_t size)
{
	struct arena_chunk *c = xmalloc(sizeof *c + size);

	c->next = NULL;
	c->size = size;
	c->used = 0;
	return (c);
}

static void *
chunk_take(struct arena_chunk *c, size_t n)
{
	void *p = c->data + c->used;

	c->used += n;
	return (p);
}

/* A chunk for n bytes, in the list. */
static struct arena_chunk *
arena_grow(struct arena *a, size_t n)
{
	struct arena_chunk *c;

	if (one_malloc_each || (n > a->chunk && a->head != NULL)) {
		c = chunk_new(n);
		if (a->head != NULL) {
			c->next = a->head->next;
			a->head->next = c;
			return (c);
		}
	} else {
		c = chunk_new(n > a->chunk ? n : a->chunk);
		c->next = a->head;
		if (c->next != NULL && a->chunk < CHUNK_MAX)
			a->chunk *= 2;
	}
	a->head = c;
	return (c);
}

void *
arena_alloc(struct arena *a, size_t n)
{
	struct arena_chunk *c = a->head;
	size_t room = n, total;

	if (!one_malloc_each)
		room = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (room < n || __builtin_add_overflow(a->used, room, &total) ||
	    (a->limit != 0 && total > a->limit))
		return (NULL);
	if (c == NULL || one_malloc_each || c->size - c->used < room)
		c = arena_grow(a, room);
	a->used = total;
	return (chunk_take(c, room));
}

void *
arena_zalloc(struct arena *a, size_t n)
{
	void *p = arena_alloc(a, n);

	if (p != NULL)
		memset(p, 0, n);
	return (p);
}

struct slice
arena_copy(struct arena *a, struct slice s)
{
	uint8_t *p = s.len == SIZE_MAX ? NULL : arena_alloc(a, s.len + 1);

	if (p == NULL)
		return (SLICE_NULL);
	if (s.len != 0)
		memcpy(p, s.p, s.len);
	p[s.len] = '\0';
	return (slice_of(p, s.len));
}

static void
chunks_free(struct arena_chunk *c)
{
	struct arena_chunk *next;

	for (; c != NULL; c = next) {
		next = c->next;
		free(c);
	}
}

void
arena_reset(struct arena *a)
{
	a->used = 0;
	if (a->head == NULL)
		return;
	if (one_malloc_each || a->head->size > CHUNK_MAX) {
		arena_fini(a);
		return;
	}
	chunks_free(a->head->next);
	a->head->next = NULL;
	a->head->used = 0;
}

void
arena_fini(struct arena *a)
{
	chunks_free(a->head);
	a->head = NULL;
	a->used = 0;
}
