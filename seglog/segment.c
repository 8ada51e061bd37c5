/*
 * One segment: <base>.log, <base>.index, <base>.timeindex.
 *
 * The indexes are Kafka's.  An entry of .index {i32 last offset of a batch
 * less base, i32 position of that batch} is added for the first batch that
 * begins more than index_interval bytes behind the batch of the last entry;
 * with it, when the largest timestamp has grown, an entry of .timeindex {i64
 * largest timestamp so far, i32 last offset of the batch that has it}, and one
 * more when the segment is closed, so that the last entry always tells the
 * newest timestamp.
 *
 * Indexes are caches.  A position from one is used only after the header found
 * there has the offset that the entry claims, an index whose last entry is far
 * from the end of the file is incomplete; both are rebuilt by walking the
 * headers.
 */
#include "seglog/seglog_priv.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

/* --- steady arrays --- */

static unsigned
steady_chunk(uint32_t i, uint32_t *off)
{
	uint32_t k = i / STEADY_FIRST + 1;
	unsigned c = 31 - (unsigned)__builtin_clz(k);

	*off = i - STEADY_FIRST * ((1U << c) - 1);
	return (c);
}

void *
steady_at(const struct steady *s, uint32_t i)
{
	uint32_t off;
	unsigned c = steady_chunk(i, &off);

	return ((char *)s->chunk[c] + (size_t)off * s->size);
}

void *
steady_add(struct steady *s)
{
	uint32_t off;
	unsigned c = steady_chunk(s->n, &off);

	CHECK(c < STEADY_CHUNKS);
	if (s->chunk[c] == NULL)
		s->chunk[c] = xmalloc(((size_t)STEADY_FIRST << c) * s->size);
	s->n++;
	return ((char *)s->chunk[c] + (size_t)off * s->size);
}

void
steady_fini(struct steady *s)
{
	unsigned i;

	for (i = 0; i < STEADY_CHUNKS; i++) {
		free(s->chunk[i]);
		s->chunk[i] = NULL;
	}
	s->n = 0;
}

/* --- names --- */

void
segment_name(char buf[SEG_NAME_MAX], int64_t base, const char *suffix)
{
	snprintf(buf, SEG_NAME_MAX, "%020lld%s", (long long)base, suffix);
}

bool
segment_parse_name(const char *name, const char *suffix, int64_t *base)
{
	uint64_t v = 0;
	int i;

	for (i = 0; i < 20; i++) {
		if (name[i] < '0' || name[i] > '9' || v > INT64_MAX / 10)
			return (false);
		v = v * 10 + (uint64_t)(name[i] - '0');
	}
	if (v > INT64_MAX || strcmp(name + 20, suffix) != 0)
		return (false);
	*base = (int64_t)v;
	return (true);
}

static int
open_part(struct seglog *log, int64_t base, const char *suffix, int flags,
    struct err *e)
{
	char name[SEG_NAME_MAX];
	struct err why = ERR_INIT;
	int fd;

	segment_name(name, base, suffix);
	fd = log->opt.fs->open(log->opt.fs, log->opt.dirfd, name, flags, &why);
	if (fd != -1)
		return (fd);
	return (err_set(e, why.sys == ENOENT ? ERR_NOT_FOUND : why.code,
	    "%s: %s: %s", log->name, name, why.msg));
}

void
segment_unlink_part(struct seglog *log, int64_t base, const char *suffix)
{
	char name[SEG_NAME_MAX];
	struct err e = ERR_INIT;

	segment_name(name, base, suffix);
	if (log->opt.fs->unlink(log->opt.fs, log->opt.dirfd, name, &e) == -1 &&
	    e.sys != ENOENT)
		log_warn(NULL, "%s: %s is not removed: %s", log->name, name,
		    e.msg);
}

void
segment_drop_index(struct seglog *log, int64_t base)
{
	segment_unlink_part(log, base, ".index");
	segment_unlink_part(log, base, ".timeindex");
}

void
segment_unlink(struct seglog *log, int64_t base)
{
	segment_unlink_part(log, base, ".log");
	segment_drop_index(log, base);
}

/* --- life --- */

/* One more segment on the file; NULL: the first. */
static atomic_uint *
users_add(atomic_uint *users)
{
	if (users == NULL)
		users = xcalloc(1, sizeof *users);
	atomic_fetch_add_explicit(users, 1, memory_order_relaxed);
	return (users);
}

static void
users_drop(atomic_uint *users)
{
	if (atomic_fetch_sub_explicit(users, 1, memory_order_acq_rel) == 1)
		free(users);
}

static struct segment *
segment_new(struct seglog *log, int64_t base, atomic_uint *users)
{
	struct segment *s = xcalloc(1, sizeof *s);

	atomic_init(&s->refs, 1);
	s->log = log;
	s->fs = log->opt.fs;
	s->users = users_add(users);
	s->base = s->next = s->synced_next = base;
	atomic_init(&s->fd, -1);
	s->index_fd = s->times_fd = -1;
	s->max_ts = s->max_ts_last = -1;
	s->index.size = sizeof (struct index_entry);
	s->times.size = sizeof (struct time_entry);
	mutex_init(&s->loading);
	return (s);
}

bool
segment_alone(const struct segment *s)
{
	return (atomic_load_explicit(&s->refs, memory_order_acquire) == 1 &&
	    atomic_load_explicit(s->users, memory_order_acquire) == 1);
}

struct segment *
segment_create(struct seglog *log, int64_t base, struct err *e)
{
	struct segment *s;
	uint64_t size = 0;
	int fd;

	if ((fd = spare_take(log, base, &size)) == -1 &&
	    (fd = open_part(log, base, ".log", O_RDWR | O_CREAT | O_TRUNC,
	    e)) == -1)
		return (NULL);
	s = segment_new(log, base, NULL);
	s->zeroed = size;
	s->active = true;
	atomic_store(&s->fd, fd);
	atomic_store(&s->loaded, true);
	s->since_ms = clock_wall_ms();
	return (s);
}

struct segment *
segment_cleaned(struct seglog *log, int64_t base, struct err *e)
{
	struct segment *s;
	int fd;

	fd = open_part(log, base, ".log" SEG_CLEANED,
	    O_RDWR | O_CREAT | O_TRUNC, e);
	if (fd == -1)
		return (NULL);
	s = segment_new(log, base, NULL);
	s->cleaned = true;
	atomic_store(&s->fd, fd);
	atomic_store(&s->loaded, true);
	return (s);
}

struct segment *
segment_closed(struct seglog *log, int64_t base, uint64_t size, int64_t next,
    const struct segment *was)
{
	struct segment *s = segment_new(log, base,
	    was == NULL ? NULL : was->users);

	s->size = s->synced_size = size;
	s->next = s->synced_next = next;
	return (s);
}

struct segment *
segment_ref(struct segment *s)
{
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return (s);
}

static void
unmap(struct seg_map *m)
{
	if (m->p != NULL)
		munmap((void *)(uintptr_t)m->p, m->len);
	m->p = NULL;
	m->len = 0;
}

void
segment_unref(struct segment *s)
{
	int fd;

	if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
		return;
	if ((fd = atomic_load(&s->fd)) != -1)
		s->fs->close(s->fs, fd);
	if (s->index_fd != -1)
		s->fs->close(s->fs, s->index_fd);
	if (s->times_fd != -1)
		s->fs->close(s->fs, s->times_fd);
	unmap(&s->index_map);
	unmap(&s->times_map);
	steady_fini(&s->index);
	steady_fini(&s->times);
	mutex_fini(&s->loading);
	users_drop(s->users);
	free(s);
}

/* --- walking headers --- */

void
walk_init(struct walk *w, int fd, uint64_t pos, uint64_t size)
{
	w->fd = fd;
	w->pos = pos;
	w->size = size;
	w->at = 0;
	w->have = 0;
}

const uint8_t *
walk_bytes(const struct walk *w)
{
	return (w->buf + (w->pos - w->at));
}

/* Small batches share a window, large ones cost a small read each. */
static int
walk_fill(struct walk *w, struct err *e)
{
	size_t want = w->size - w->pos < sizeof w->buf ?
	    (size_t)(w->size - w->pos) : sizeof w->buf;
	ssize_t n;

	if (w->pos >= w->at && w->pos + KBATCH_HEADER <= w->at + w->have)
		return (0);
	n = fs_pread(w->fd, w->buf, want, (off_t)w->pos, e);
	if (n == -1)
		return (-1);
	w->at = w->pos;
	w->have = (size_t)n;
	return (0);
}

int
walk_header(struct walk *w, struct err *e)
{
	if (w->pos == w->size)
		return (0);
	if (walk_fill(w, e) == -1)
		return (-1);
	if (kbatch_parse(slice_of(walk_bytes(w), w->have - (w->pos - w->at)),
	    &w->h, e) == -1)
		return (-1);
	if (kbatch_size(&w->h) > w->size - w->pos)
		return (err_set(e, ERR_CORRUPT, "batch of %zu bytes at %llu "
		    "passes the end", kbatch_size(&w->h),
		    (unsigned long long)w->pos));
	return (1);
}

void
walk_next(struct walk *w)
{
	w->pos += kbatch_size(&w->h);
}

/* --- indexes --- */

static void
index_time(struct segment *s)
{
	struct time_entry *t;

	if (s->max_ts < 0 || (s->times.n > 0 &&
	    ((struct time_entry *)steady_at(&s->times, s->times.n - 1))->ts >=
	    s->max_ts))
		return;
	t = steady_add(&s->times);
	t->ts = s->max_ts;
	t->last = (int32_t)(s->max_ts_last - s->base);
}

void
segment_index(struct segment *s, const struct kbatch *b, uint64_t pos)
{
	struct index_entry *x;

	if (b->max_timestamp > s->max_ts) {
		s->max_ts = b->max_timestamp;
		s->max_ts_last = kbatch_last_offset(b);
	}
	if ((int64_t)pos - s->indexed_pos <=
	    (int64_t)s->log->opt.index_interval)
		return;
	x = steady_add(&s->index);
	x->last = (int32_t)(kbatch_last_offset(b) - s->base);
	x->pos = (int32_t)pos;
	s->indexed_pos = (int64_t)pos;
	index_time(s);
}

static uint8_t *
encode_index(const struct segment *s, size_t *len)
{
	uint8_t *buf = xmalloc((size_t)s->index.n * SEG_INDEX_ENTRY + 1);
	uint8_t *p = buf;
	const struct index_entry *x;
	uint32_t i;

	for (i = 0; i < s->index.n; i++) {
		x = steady_at(&s->index, i);
		p = put_be32(p, (uint32_t)x->last);
		p = put_be32(p, (uint32_t)x->pos);
	}
	*len = (size_t)(p - buf);
	return (buf);
}

static uint8_t *
encode_times(const struct segment *s, size_t *len)
{
	uint8_t *buf = xmalloc((size_t)s->times.n * SEG_TIME_ENTRY + 1);
	uint8_t *p = buf;
	const struct time_entry *t;
	uint32_t i;

	for (i = 0; i < s->times.n; i++) {
		t = steady_at(&s->times, i);
		p = put_be64(p, (uint64_t)t->ts);
		p = put_be32(p, (uint32_t)t->last);
	}
	*len = (size_t)(p - buf);
	return (buf);
}

/* A file of a segment, which may be one that is being made. */
static int
open_own(struct segment *s, const char *suffix, int flags, struct err *e)
{
	char full[SEG_NAME_MAX];

	snprintf(full, sizeof full, "%s%s", suffix,
	    s->cleaned ? SEG_CLEANED : "");
	return (open_part(s->log, s->base, full, flags, e));
}

static int
write_part(struct segment *s, const char *suffix, uint8_t *buf, size_t len,
    struct err *e)
{
	int fd;

	fd = open_own(s, suffix, O_RDWR | O_CREAT | O_TRUNC, e);
	if (fd != -1 && len > 0 &&
	    fs_pwrite(s->fs, fd, buf, len, 0, e) == -1) {
		s->fs->close(s->fs, fd);
		fd = -1;
	}
	free(buf);
	return (fd);
}

int
segment_write_index(struct segment *s, struct err *e)
{
	uint8_t *buf;
	size_t len;

	index_time(s);
	buf = encode_index(s, &len);
	if ((s->index_fd = write_part(s, ".index", buf, len, e)) == -1)
		goto err0;
	buf = encode_times(s, &len);
	if ((s->times_fd = write_part(s, ".timeindex", buf, len, e)) == -1)
		goto err1;
	return (0);
err1:
	s->fs->close(s->fs, s->index_fd);
	s->index_fd = -1;
err0:
	if (!s->cleaned)
		segment_drop_index(s->log, s->base);
	return (-1);
}

static int
map_part(struct segment *s, const char *suffix, size_t entry,
    struct seg_map *m)
{
	struct stat st;
	void *p;
	int fd;

	fd = open_own(s, suffix, O_RDONLY, NULL);
	if (fd == -1)
		return (-1);
	if (fstat(fd, &st) == -1 || st.st_size % (off_t)entry != 0)
		goto err1;
	if (st.st_size > 0) {
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd,
		    0);
		if (p == MAP_FAILED)
			goto err1;
		m->p = p;
		m->len = (size_t)st.st_size;
	}
	s->fs->close(s->fs, fd);
	return (0);
err1:
	s->fs->close(s->fs, fd);
	return (-1);
}

void
map_index_at(const struct seg_map *m, uint32_t i, struct index_entry *x)
{
	const uint8_t *p = m->p + (size_t)i * SEG_INDEX_ENTRY;

	x->last = (int32_t)get_be32(p);
	x->pos = (int32_t)get_be32(p + 4);
}

void
map_time_at(const struct seg_map *m, uint32_t i, struct time_entry *t)
{
	const uint8_t *p = m->p + (size_t)i * SEG_TIME_ENTRY;

	t->ts = (int64_t)get_be64(p);
	t->last = (int32_t)get_be32(p + 8);
}

/* Walks on from w, adding entries; *next: the offset behind the last one. */
static int
index_walk(struct segment *s, struct walk *w, int64_t *next, struct err *e)
{
	int rc;

	while ((rc = walk_header(w, e)) == 1) {
		segment_index(s, &w->h, w->pos);
		*next = kbatch_last_offset(&w->h) + 1;
		walk_next(w);
	}
	return (rc);
}

/* True when the header at the entry's position is the one it speaks of. */
static bool
entry_true(const struct segment *s, const struct index_entry *x, struct walk *w)
{
	if (x->pos < 0 || (uint64_t)x->pos >= w->size)
		return (false);
	w->pos = (uint64_t)x->pos;
	return (walk_header(w, NULL) == 1 &&
	    kbatch_last_offset(&w->h) - s->base == x->last);
}

/*
 * Takes the entries of the files into memory, if the last one is right, and
 * leaves w at its batch; otherwise w at 0.  The batches from there on are not
 * in the index yet, but for the first.
 */
static void
index_take_files(struct segment *s, struct walk *w)
{
	struct index_entry x = { 0, 0 };
	struct time_entry t;
	uint32_t i, n, nt;

	if (map_part(s, ".index", SEG_INDEX_ENTRY, &s->index_map) == -1 ||
	    map_part(s, ".timeindex", SEG_TIME_ENTRY, &s->times_map) == -1)
		goto out;
	s->saved_size = s->size;
	n = (uint32_t)(s->index_map.len / SEG_INDEX_ENTRY);
	nt = (uint32_t)(s->times_map.len / SEG_TIME_ENTRY);
	if (n == 0)
		goto out;
	map_index_at(&s->index_map, n - 1, &x);
	if (!entry_true(s, &x, w))
		goto out;
	for (i = 0; i < n; i++)
		map_index_at(&s->index_map, i, steady_add(&s->index));
	for (i = 0; i < nt; i++) {
		map_time_at(&s->times_map, i, &t);
		if (t.last > x.last || t.ts <= s->max_ts)
			break;
		*(struct time_entry *)steady_add(&s->times) = t;
		s->max_ts = t.ts;
		s->max_ts_last = s->base + t.last;
	}
	s->indexed_pos = x.pos;
out:
	w->pos = (uint64_t)s->indexed_pos;
	unmap(&s->index_map);
	unmap(&s->times_map);
}

struct segment *
segment_reopen(struct seglog *log, int64_t base, struct err *e)
{
	struct segment *s;
	struct stat st;
	struct walk w;
	int fd;

	fd = open_part(log, base, ".log", O_RDWR, e);
	if (fd == -1)
		return (NULL);
	s = segment_new(log, base, NULL);
	atomic_store(&s->fd, fd);
	atomic_store(&s->loaded, true);
	s->active = true;
	if (fstat(fd, &st) == -1) {
		err_sys(e, "%s: %020lld.log", log->name, (long long)base);
		goto err1;
	}
	s->size = s->zeroed = s->synced_size = (uint64_t)st.st_size;
	walk_init(&w, fd, 0, s->size);
	s->since_ms = clock_wall_ms();
	if (walk_header(&w, NULL) == 1 && w.h.base_timestamp >= 0 &&
	    kbatch_horizon(&w.h) == -1 && w.h.base_timestamp < s->since_ms)
		s->since_ms = w.h.base_timestamp;
	index_take_files(s, &w);
	if (index_walk(s, &w, &s->next, e) == -1) {
		err_ctx(e, "%s: %020lld.log", log->name, (long long)base);
		goto err1;
	}
	s->synced_next = s->next;
	s->nindex = s->index.n;
	s->ntimes = s->times.n;
	return (s);
err1:
	segment_unref(s);
	return (NULL);
}

/*
 * The mapped index is good when its last entry is true, and from there to the
 * end no further entry was due: otherwise entries are missing.
 */
static bool
maps_good(struct segment *s, int fd)
{
	struct index_entry x = { 0, 0 };
	struct time_entry t = { -1, -1 };
	struct walk w;
	int64_t max = -1;
	uint32_t n = (uint32_t)(s->index_map.len / SEG_INDEX_ENTRY);
	uint32_t nt = (uint32_t)(s->times_map.len / SEG_TIME_ENTRY);
	int rc;

	walk_init(&w, fd, 0, s->size);
	if (n > 0) {
		map_index_at(&s->index_map, n - 1, &x);
		if (!entry_true(s, &x, &w))
			return (false);
	}
	while ((rc = walk_header(&w, NULL)) == 1) {
		if ((int64_t)w.pos - x.pos >
		    (int64_t)s->log->opt.index_interval)
			return (false);
		if (w.h.max_timestamp > max)
			max = w.h.max_timestamp;
		walk_next(&w);
	}
	if (nt > 0)
		map_time_at(&s->times_map, nt - 1, &t);
	if (rc == -1 || max > t.ts)
		return (false);
	s->max_ts = t.ts;
	s->max_ts_last = s->base + t.last;
	return (true);
}

/* Both indexes anew, in memory, and written for the next start. */
static void
rebuild(struct segment *s, int fd)
{
	struct err why = ERR_INIT;
	struct walk w;
	int64_t next;

	log_info(NULL, "%s: %020lld.log: rebuilding its index", s->log->name,
	    (long long)s->base);
	unmap(&s->index_map);
	unmap(&s->times_map);
	steady_fini(&s->index);
	steady_fini(&s->times);
	s->max_ts = s->max_ts_last = -1;
	s->indexed_pos = 0;
	walk_init(&w, fd, 0, s->size);
	/* What lies in front of damage stays readable. */
	if (index_walk(s, &w, &next, &why) == -1)
		log_error(NULL, "%s: %020lld.log: unreadable from byte %llu: "
		    "%s", s->log->name, (long long)s->base,
		    (unsigned long long)w.pos, why.msg);
	if (segment_write_index(s, &why) == -1)
		log_warn(NULL, "%s: %020lld.index is not written: %s",
		    s->log->name, (long long)s->base, why.msg);
}

int
segment_map_index(struct segment *s, struct err *e)
{
	if (map_part(s, ".index", SEG_INDEX_ENTRY, &s->index_map) == -1 ||
	    map_part(s, ".timeindex", SEG_TIME_ENTRY, &s->times_map) == -1)
		return (err_sys(e, "%s: the index of a cleaned segment",
		    s->log->name));
	steady_fini(&s->index);
	steady_fini(&s->times);
	return (0);
}

int
segment_load(struct segment *s, struct err *e)
{
	int fd, rc = 0;

	if (atomic_load_explicit(&s->loaded, memory_order_acquire))
		return (0);
	mutex_lock(&s->loading);
	if (atomic_load_explicit(&s->loaded, memory_order_acquire))
		goto out;
	fd = open_part(s->log, s->base, ".log", O_RDONLY, e);
	if (fd == -1) {
		rc = -1;
		goto out;
	}
	atomic_store(&s->fd, fd);
	if (map_part(s, ".index", SEG_INDEX_ENTRY, &s->index_map) == -1 ||
	    map_part(s, ".timeindex", SEG_TIME_ENTRY, &s->times_map) == -1 ||
	    !maps_good(s, fd))
		rebuild(s, fd);
	atomic_store_explicit(&s->loaded, true, memory_order_release);
out:
	mutex_unlock(&s->loading);
	return (rc);
}
