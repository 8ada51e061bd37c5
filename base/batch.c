/*
 * Batches are made and freed at the pace of reads, so the struct, its array
 * of records and one chunk of its arena are kept for the next one, in a pool
 * that is bounded in bytes.
 *
 * A child shares everything with its parent but the array of records; a tail
 * shares that as well (cap == 0 says that the array is not its own).  Parents
 * are never children themselves except for a tail of a child, which needs the
 * child's array; so a chain has at most three links.
 */
#include "config.h"

#include "base/batch.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/thread.h"

#define RECORDS_MIN	64
#define ARENA_CHUNK	1024
#define POOL_SLOTS	32
#ifdef ARENA_MALLOC
#define POOL_BYTES	((size_t)0)	/* let ASan see a use after free */
#else
#define POOL_BYTES	((size_t)2 * 1024 * 1024)
#endif

static struct {
	struct mutex	 lock;
	struct batch	*v[POOL_SLOTS];
	size_t		 n, bytes;
} pool = { .lock = MUTEX_INIT };

static size_t
batch_weight(const struct batch *b)
{
	return (sizeof *b + b->cap * sizeof *b->records +
	    b->capbufs * sizeof *b->bufs + ARENA_CHUNK);
}

static struct batch *
pool_get(void)
{
	struct batch *b = NULL;

	mutex_lock(&pool.lock);
	if (pool.n > 0) {
		b = pool.v[--pool.n];
		pool.bytes -= batch_weight(b);
	}
	mutex_unlock(&pool.lock);
	return (b);
}

static bool
pool_put(struct batch *b)
{
	size_t weight = batch_weight(b);
	bool fits;

	mutex_lock(&pool.lock);
	fits = pool.n < POOL_SLOTS && pool.bytes + weight <= POOL_BYTES;
	if (fits) {
		pool.v[pool.n++] = b;
		pool.bytes += weight;
	}
	mutex_unlock(&pool.lock);
	return (fits);
}

struct batch *
batch_new(void)
{
	struct batch *b = pool_get();

	if (b == NULL) {
		b = xcalloc(1, sizeof *b);
		arena_init(&b->arena, ARENA_CHUNK, 0);
	}
	b->hint = BATCH_NO_HINT;
	atomic_init(&b->refs, 1);
	return (b);
}

struct batch *
batch_ref(struct batch *b)
{
	CHECK(atomic_fetch_add_explicit(&b->refs, 1,
	    memory_order_relaxed) != 0);
	return (b);
}

/* As good as new, with the memory that is worth keeping. */
static void
batch_clear(struct batch *b)
{
	struct batch old = *b;

	arena_reset(&old.arena);
	*b = (struct batch){
		.records = old.cap == 0 ? NULL : old.records,
		.cap = old.cap,
		.arena = old.arena,
		.bufs = old.bufs,
		.capbufs = old.capbufs,
	};
}

static void
batch_free(struct batch *b)
{
	struct batch *parent = b->parent;

	for (uint32_t i = 0; i < b->nbufs; i++)
		buf_unref(b->bufs[i]);
	batch_clear(b);
	if (!pool_put(b)) {
		arena_fini(&b->arena);
		free(b->records);
		free(b->bufs);
		free(b);
	}
	batch_unref(parent);
}

void
batch_unref(struct batch *b)
{
	unsigned old;

	if (b == NULL)
		return;
	old = atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel);
	CHECK(old != 0);
	if (old == 1)
		batch_free(b);
}

void
batch_hold(struct batch *b, struct buf *buf)
{
	CHECK(!b->sealed);
	if (b->nbufs > 0 && b->bufs[b->nbufs - 1] == buf)
		return;
	GROW(b->bufs, b->nbufs, b->capbufs);
	b->bufs[b->nbufs++] = buf_ref(buf);
	b->charge += buf->cap;
}

void
batch_reserve(struct batch *b, uint32_t n)
{
	uint64_t want = (uint64_t)b->n + n, cap = b->cap;

	CHECK(!b->sealed);
	CHECK(want <= UINT32_MAX / 2);
	if (want <= cap)
		return;
	cap = cap < RECORDS_MIN ? RECORDS_MIN : cap * 2;
	if (cap < want)
		cap = want;
	b->records = xreallocarray(b->records, cap, sizeof *b->records);
	b->cap = (uint32_t)cap;
}

/* The arena of a batch has no limit, so these cannot fail. */
static void *
batch_alloc(struct batch *b, size_t n)
{
	void *p = arena_alloc(&b->arena, n);

	CHECK(p != NULL);
	return (p);
}

struct slice
batch_copy(struct batch *b, struct slice s)
{
	struct slice copy = arena_copy(&b->arena, s);

	CHECK(copy.p != NULL);
	return (copy);
}

static struct header *
header_find(struct header *v, uint32_t n, struct slice name)
{
	for (uint32_t i = 0; i < n; i++)
		if (slice_eq(v[i].name, name))
			return (&v[i]);
	return (NULL);
}

static void
header_remove(struct header *v, uint32_t *n, struct slice name)
{
	struct header *h = header_find(v, *n, name);

	if (h == NULL)
		return;
	(*n)--;
	memmove(h, h + 1, (size_t)(v + *n - h) * sizeof *h);
}

/* Adds a header whose bytes are in the arena already. */
static void
record_append(struct batch *b, struct record *r, struct header h)
{
	uint16_t shift = 2;
	struct header *v;

	if (r->shift == 0 || r->nheaders == 1u << r->shift) {
		while (1u << shift <= r->nheaders)
			shift++;
		v = batch_alloc(b, sizeof *v << shift);
		if (r->nheaders != 0)
			memcpy(v, r->headers, r->nheaders * sizeof *v);
		r->headers = v;
		r->shift = shift;
	}
	r->headers[r->nheaders++] = h;
}

static void
common_append(struct batch *b, struct header h)
{
	struct header *v;

	if (b->ncommon == b->capcommon) {
		b->capcommon = b->capcommon == 0 ? 8 : b->capcommon * 2;
		v = batch_alloc(b, b->capcommon * sizeof *v);
		if (b->ncommon != 0)
			memcpy(v, b->common, b->ncommon * sizeof *v);
		b->common = v;
	}
	b->common[b->ncommon++] = h;
}

static void
set_all(struct batch *b, struct slice name, struct slice value, bool replace)
{
	struct header *h = header_find(b->common, b->ncommon, name);

	if (h != NULL && !replace)
		return;
	for (uint32_t i = 0; replace && i < b->n; i++)
		header_remove(b->records[i].headers, &b->records[i].nheaders,
		    name);
	value = batch_copy(b, value);
	if (h != NULL)
		h->value = value;
	else
		common_append(b, (struct header){ batch_copy(b, name), value });
}

void
batch_set(struct batch *b, struct record *r, struct slice name,
    struct slice value, bool replace)
{
	struct header *h;

	CHECK(!b->sealed);
	if (r == NULL) {
		set_all(b, name, value, replace);
		return;
	}
	if (!replace && batch_get(b, r, name).p != NULL)
		return;
	h = header_find(r->headers, r->nheaders, name);
	value = batch_copy(b, value);
	if (h != NULL)
		h->value = value;
	else
		record_append(b, r,
		    (struct header){ batch_copy(b, name), value });
}

void
batch_set_own(struct batch *b, struct record *r, const struct header *v,
    uint32_t n)
{
	CHECK(!b->sealed);
	CHECK(r->nheaders == 0);
	r->headers = batch_alloc(b, n * sizeof *v);
	memcpy(r->headers, v, n * sizeof *v);
	r->nheaders = n;
	r->shift = 0;
}

/* A common header that one record is to lose becomes every other's own. */
static void
common_push_down(struct batch *b, const struct header *common)
{
	struct header h = *common;
	struct record *r;

	for (uint32_t i = 0; i < b->n; i++) {
		r = &b->records[i];
		if (header_find(r->headers, r->nheaders, h.name) == NULL)
			record_append(b, r, h);
	}
	header_remove(b->common, &b->ncommon, h.name);
}

void
batch_unset(struct batch *b, struct record *r, struct slice name)
{
	struct header *h;

	CHECK(!b->sealed);
	if (r == NULL) {
		header_remove(b->common, &b->ncommon, name);
		for (uint32_t i = 0; i < b->n; i++)
			header_remove(b->records[i].headers,
			    &b->records[i].nheaders, name);
		return;
	}
	if ((h = header_find(b->common, b->ncommon, name)) != NULL)
		common_push_down(b, h);
	header_remove(r->headers, &r->nheaders, name);
}

struct slice
batch_get(const struct batch *b, const struct record *r, struct slice name)
{
	const struct header *h = header_find(r->headers, r->nheaders, name);

	if (h == NULL)
		h = header_find(b->common, b->ncommon, name);
	return (h == NULL ? SLICE_NULL : h->value);
}

bool
batch_next_header(const struct batch *b, const struct record *r,
    uint32_t *it, struct header *h)
{
	if (*it < r->nheaders) {
		*h = r->headers[(*it)++];
		return (true);
	}
	while (*it - r->nheaders < b->ncommon) {
		*h = b->common[(*it)++ - r->nheaders];
		if (header_find(r->headers, r->nheaders, h->name) == NULL)
			return (true);
	}
	return (false);
}

bool
batch_plain(const struct batch *b)
{
	if (b->sealed)
		return (b->plain);
	if (b->ncommon != 0)
		return (false);
	for (uint32_t i = 0; i < b->n; i++)
		if (b->records[i].nheaders != 0)
			return (false);
	return (true);
}

void
batch_drop(struct batch *b, struct record *r)
{
	CHECK(!b->sealed);
	r->flags |= RECORD_DROPPED;
}

void
batch_set_cursor(struct batch *b, const struct cursor *c)
{
	struct cursor_entry *v;

	CHECK(!b->sealed);
	v = batch_alloc(b, c->n * sizeof *v);
	for (size_t i = 0; i < c->n; i++) {
		v[i].key = batch_copy(b, c->v[i].key);
		v[i].offset = c->v[i].offset;
		v[i].note = batch_copy(b, c->v[i].note);
	}
	b->cursor = (struct cursor){ v, c->n };
}

static size_t
headers_bytes(const struct header *v, uint32_t n)
{
	size_t bytes = 0;

	for (uint32_t i = 0; i < n; i++)
		bytes += v[i].name.len + v[i].value.len;
	return (bytes);
}

/*
 * Common headers count for each record, as a channel's or a topic's bytes
 * will (overridden ones too: an upper bound).
 */
static void
batch_count(struct batch *b)
{
	size_t bytes = b->n * headers_bytes(b->common, b->ncommon);
	bool plain = b->ncommon == 0;
	const struct record *r;

	for (uint32_t i = 0; i < b->n; i++) {
		r = &b->records[i];
		bytes += r->body.len;
		if (__builtin_expect(r->nheaders != 0, 0)) {
			bytes += headers_bytes(r->headers, r->nheaders);
			plain = false;
		}
	}
	b->bytes = bytes;
	b->plain = plain;
}

/*
 * A batch may wait in a channel for long; one that is much smaller than the
 * array it got from the pool gives the rest back.
 */
static void
batch_shrink(struct batch *b)
{
	uint32_t cap = b->n < RECORDS_MIN ? RECORDS_MIN : b->n;

	if (b->cap / 4 < cap)
		return;
	b->records = xreallocarray(b->records, cap, sizeof *b->records);
	b->cap = cap;
}

void
batch_seal(struct batch *b)
{
	uint32_t i, n = 0;

	CHECK(!b->sealed);
	while (n < b->n && (b->records[n].flags & RECORD_DROPPED) == 0)
		n++;
	for (i = n; i < b->n; i++)
		if ((b->records[i].flags & RECORD_DROPPED) == 0)
			b->records[n++] = b->records[i];
	b->n = n;
	batch_shrink(b);
	batch_count(b);
	b->charge += sizeof *b + b->cap * sizeof *b->records + b->arena.used;
	b->sealed = true;
}

/* parent: who owns what the new one's records point to. */
static struct batch *
child_new(struct batch *of, struct batch *parent)
{
	struct batch *b = batch_new();

	CHECK(of->sealed);
	b->parent = batch_ref(parent);
	b->common = of->common;
	b->ncommon = of->ncommon;
	b->source = of->source;
	b->cursor = of->cursor;
	b->timestamp = of->timestamp;
	b->hint = of->hint;
	b->charge = of->charge;
	return (b);
}

static struct batch *
child_seal(struct batch *b)
{
	batch_shrink(b);
	batch_count(b);
	b->charge += sizeof *b + b->cap * sizeof *b->records;
	b->sealed = true;
	return (b);
}

struct batch *
batch_child(struct batch *of, const bool *keep)
{
	struct batch *b = child_new(of, of->parent != NULL ? of->parent : of);
	uint32_t i, n = 0;

	for (i = 0; i < of->n; i++)
		n += keep[i];
	batch_reserve(b, n);
	for (i = 0; i < of->n; i++)
		if (keep[i])
			b->records[b->n++] = of->records[i];
	return (child_seal(b));
}

struct batch *
batch_tail(struct batch *of, uint32_t first)
{
	bool borrowed = of->cap == 0 && of->parent != NULL;
	struct batch *b = child_new(of, borrowed ? of->parent : of);

	CHECK(first <= of->n);
	free(b->records);	/* what the pool gave it */
	b->records = of->n == 0 ? NULL : of->records + first;
	b->cap = 0;
	b->n = of->n - first;
	return (child_seal(b));
}
