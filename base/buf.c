/*
 * Read buffers come and go thousands of times a second in one or two sizes.
 * Giving each back to the kernel would cost a page fault per 4 KiB of log, so
 * a few large ones wait in a pool for the next buf_new of the same size.  The
 * pool is bounded in bytes; the one that has waited longest makes room.
 *
 * A buffer that grows in small steps to a large size is a mapping: the kernel
 * then moves pages instead of bytes.
 */
#include "config.h"

#include "base/buf.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/thread.h"

#define HEAD		64	/* data begins on a cache line of its own */
#define POOL_MIN	((size_t)32 * 1024)	/* below, malloc is fine */
#define POOL_SLOTS	16
#define MAP_MIN		((size_t)256 * 1024)	/* of buf_grow */
#ifdef ARENA_MALLOC
#define POOL_BYTES	((size_t)0)	/* let ASan see a use after free */
#else
#define POOL_BYTES	((size_t)4 * 1024 * 1024)
#endif

struct mapped {
	struct buf	 buf;
	size_t		 size;		/* of the mapping */
};

_Static_assert(sizeof (struct mapped) <= HEAD, "it fits its head");

static struct {
	struct mutex	 lock;
	struct buf	*v[POOL_SLOTS];		/* the oldest first */
	size_t		 n, bytes;
} pool = { .lock = MUTEX_INIT };

static struct buf *
pool_remove(size_t i)
{
	struct buf *b = pool.v[i];

	pool.n--;
	pool.bytes -= b->cap;
	memmove(pool.v + i, pool.v + i + 1, (pool.n - i) * sizeof *pool.v);
	return (b);
}

/* The newest of that size: its bytes are most likely still in a cache. */
static struct buf *
pool_get(size_t cap)
{
	struct buf *b = NULL;
	size_t i;

	mutex_lock(&pool.lock);
	for (i = pool.n; i-- > 0 && b == NULL;)
		if (pool.v[i]->cap == cap)
			b = pool_remove(i);
	mutex_unlock(&pool.lock);
	return (b);
}

static void
pool_put(struct buf *b)
{
	struct buf *out[POOL_SLOTS];
	size_t n = 0;

	mutex_lock(&pool.lock);
	while (pool.n == POOL_SLOTS ||
	    (pool.n > 0 && pool.bytes + b->cap > POOL_BYTES))
		out[n++] = pool_remove(0);
	pool.v[pool.n++] = b;
	pool.bytes += b->cap;
	mutex_unlock(&pool.lock);
	while (n > 0)
		free(out[--n]);
}

static bool
pool_fits(size_t cap)
{
	return (cap >= POOL_MIN && cap <= POOL_BYTES);
}

struct buf *
buf_new(size_t cap)
{
	struct buf *b = pool_fits(cap) ? pool_get(cap) : NULL;

	CHECK(cap <= SIZE_MAX - HEAD);
	if (b == NULL)
		b = xmalloc(HEAD + cap);
	atomic_init(&b->refs, 1);
	b->cap = cap;
	b->len = 0;
	b->release = NULL;
	b->data = (uint8_t *)b + HEAD;
	return (b);
}

static void
unmap(struct buf *b)
{
	CHECK(munmap(b, ((struct mapped *)b)->size) == 0);
}

/* old NULL: a new one. */
static struct buf *
map(struct buf *old, size_t cap)
{
	size_t size = HEAD + cap;
	struct mapped *m;
	void *p;

	CHECK(cap <= SIZE_MAX - HEAD);
	if (old == NULL)
		p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	else
		p = mremap(old, ((struct mapped *)old)->size, size,
		    MREMAP_MAYMOVE);
	CHECK(p != MAP_FAILED);
	m = p;
	if (old == NULL) {
		atomic_init(&m->buf.refs, 1);
		m->buf.len = 0;
		m->buf.release = unmap;
	}
	m->buf.cap = cap;
	m->buf.data = (uint8_t *)m + HEAD;
	m->size = size;
	return (&m->buf);
}

struct buf *
buf_grow(struct buf *b, size_t len, size_t cap)
{
	struct buf *nb;

	CHECK(atomic_load(&b->refs) == 1 && len <= b->cap && cap >= b->cap);
	if (b->release == unmap && b->data == (uint8_t *)b + HEAD)
		return (map(b, cap));
	nb = cap >= MAP_MIN ? map(NULL, cap) : buf_new(cap);
	if (len > 0)
		memcpy(nb->data, b->data, len);
	buf_unref(b);
	return (nb);
}

struct buf *
buf_ref(struct buf *b)
{
	CHECK(atomic_fetch_add_explicit(&b->refs, 1,
	    memory_order_relaxed) != 0);
	return (b);
}

void
buf_unref(struct buf *b)
{
	unsigned old;

	if (b == NULL)
		return;
	old = atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel);
	CHECK(old != 0);
	if (old > 1)
		return;
	if (b->release != NULL)
		b->release(b);
	else if (pool_fits(b->cap))
		pool_put(b);
	else
		free(b);
}
