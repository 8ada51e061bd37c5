/*
 * The log: opening, appending, rolling, closing.
 *
 * The appender works on the active segment alone and publishes under
 * log->lock: sizes and offsets of the segment, then the log's end.  Nothing
 * published is taken back, and nothing is published before the kernel has
 * taken all of it.
 *
 * Small appends go into space that was filled with zeroes before
 * (zero_ahead), so that the sync that follows need not write a new file size;
 * a large append gains nothing from that and is written past the zeroes.  In
 * a segment whose file was a spare all appends go over what it held before,
 * and the sync need not tell of new blocks either.
 */
#include "seglog/seglog_priv.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define STACK_BATCHES	32
#define ZERO_WORTH	8	/* appends that a step should be enough for */
#define ZERO_UNIT	UINT64_C(4096)
#define START_BYTES	((uint64_t)128 << 10) /* an append that is worth it */

/* --- numbers --- */

int64_t
seglog_start(const struct seglog *log)
{
	return (atomic_load_explicit(&log->start, memory_order_acquire));
}

int64_t
seglog_end(const struct seglog *log)
{
	return (atomic_load_explicit(&log->end, memory_order_acquire));
}

int64_t
seglog_synced(const struct seglog *log)
{
	return (atomic_load_explicit(&log->synced, memory_order_acquire));
}

uint64_t
seglog_bytes(const struct seglog *log)
{
	return (atomic_load_explicit(&log->bytes, memory_order_relaxed));
}

uint64_t
seglog_spare_bytes(const struct seglog *log)
{
	return (atomic_load_explicit(&log->spare_bytes, memory_order_relaxed));
}

bool
seglog_dirty(const struct seglog *log)
{
	return (seglog_synced(log) < seglog_end(log));
}

void
seglog_set_roll(struct seglog *log, uint64_t segment_bytes, int64_t segment_ms)
{
	if (segment_bytes == 0 || segment_bytes > SEG_MAX_BYTES)
		segment_bytes = SEG_MAX_BYTES;
	atomic_store(&log->segment_bytes, segment_bytes);
	atomic_store(&log->segment_ms, segment_ms);
}

static struct segment *
active_segment(const struct seglog *log)
{
	return (log->segs[log->n - 1]);
}

void
seglog_active(const struct seglog *log, int64_t *base, uint64_t *bytes)
{
	*base = active_segment(log)->base;
	*bytes = active_segment(log)->size;
}

/* --- opening --- */

static void
add_segment(struct seglog *log, struct segment *s)
{
	GROW(log->segs, log->n, log->cap);
	log->segs[log->n++] = s;
}

static int
add_closed(struct seglog *log, int64_t base, int64_t next, struct err *e)
{
	char name[SEG_NAME_MAX];
	struct stat st;

	segment_name(name, base, ".log");
	if (fstatat(log->opt.dirfd, name, &st, 0) == -1)
		return (err_sys(e, "%s: %s", log->name, name));
	add_segment(log, segment_closed(log, base, (uint64_t)st.st_size, next,
	    NULL));
	atomic_fetch_add(&log->bytes, (uint64_t)st.st_size);
	return (0);
}

/* The list of segments; the last one opened for appending. */
static int
load_segments(struct seglog *log, struct err *e)
{
	struct segment *s;
	int64_t *base;
	size_t i, n;
	int rc = -1;

	if (recover_list(log, ".log", &base, &n, e) == -1)
		return (-1);
	for (i = 0; i + 1 < n; i++)
		if (add_closed(log, base[i], base[i + 1], e) == -1)
			goto out;
	if (n == 0) {
		s = segment_create(log, log->opt.recovery_offset, e);
		log->new_file = true;
	} else
		s = segment_reopen(log, base[n - 1], e);
	if (s == NULL)
		goto out;
	add_segment(log, s);
	atomic_fetch_add(&log->bytes, s->size);
	atomic_store(&log->start, log->segs[0]->base);
	atomic_store(&log->end, s->next);
	atomic_store(&log->synced, s->next);
	rc = 0;
out:
	free(base);
	return (rc);
}

static void
unload_segments(struct seglog *log)
{
	while (log->n > 0)
		segment_unref(log->segs[--log->n]);
	atomic_store(&log->bytes, 0);
	log->new_file = false;
}

/*
 * Below recovery_offset the index saves reading most headers.  If those of the
 * last segment turn out to be damaged there, it is read from its beginning.
 */
static int
recover(struct seglog *log, struct seglog_recovery *rec, struct err *e)
{
	struct err why = ERR_INIT;

	if (recover_files(log, true, rec, e) == -1)
		return (-1);
	if (load_segments(log, &why) == 0)
		return (0);
	unload_segments(log);
	if (why.code != ERR_CORRUPT) {
		*e = why;
		return (-1);
	}
	log_error(NULL, "%s", why.msg);
	return (recover_files(log, false, rec, e) == -1 ? -1 :
	    load_segments(log, e));
}

/* Offsets that readers may have seen are not given to other records. */
static int
skip_missing(struct seglog *log, struct seglog_recovery *rec, struct err *e)
{
	int64_t end = seglog_end(log), want = log->opt.recovery_offset;
	struct segment *s, *old = active_segment(log);

	if (end >= want)
		return (0);
	log_error(NULL, "%s: the records from offset %lld to %lld were synced "
	    "and are gone", log->name, (long long)end, (long long)want - 1);
	rec->missing = want - end;
	atomic_store(&log->end, want);
	atomic_store(&log->synced, want);
	if (old->size > 0)
		return (seglog_roll(log, e));
	if ((s = segment_create(log, want, e)) == NULL)
		return (-1);
	segment_unlink(log, old->base);
	segment_unref(old);
	log->segs[log->n - 1] = s;
	log->new_file = true;
	atomic_store(&log->start, log->segs[0]->base);
	return (0);
}

/* --- scanning for the owner --- */

static int
scan_one(struct seglog *log, const struct walk *w, uint8_t **buf, size_t *cap,
    struct err *e)
{
	size_t n = kbatch_size(&w->h);
	ssize_t got;

	if (log->opt.scan != NULL && log->opt.scan(log->opt.ctx, walk_bytes(w),
	    w->h.base_offset, e) == -1)
		return (-1);
	if (log->opt.scan_batch == NULL || (log->opt.scan_attributes != 0 &&
	    (w->h.attributes & log->opt.scan_attributes) == 0))
		return (0);
	if (n > *cap) {
		*buf = xreallocarray(*buf, n, 1);
		*cap = n;
	}
	got = fs_pread(w->fd, *buf, n, (off_t)w->pos, e);
	if (got == -1)
		return (-1);
	if ((size_t)got < n)
		return (err_set(e, ERR_CORRUPT, "short batch"));
	return (log->opt.scan_batch(log->opt.ctx, slice_of(*buf, n), e));
}

static int
scan_segment(struct seglog *log, struct segment *s, struct err *e)
{
	uint8_t *buf = NULL;
	size_t cap = 0;
	struct walk w;
	int rc;

	if (segment_load(s, e) == -1)
		return (-1);
	walk_init(&w, atomic_load(&s->fd), 0, s->size);
	while ((rc = walk_header(&w, e)) == 1) {
		if (kbatch_last_offset(&w.h) >= log->opt.scan_from &&
		    (rc = scan_one(log, &w, &buf, &cap, e)) == -1)
			break;
		walk_next(&w);
	}
	free(buf);
	return (rc);
}

static int
scan(struct seglog *log, struct err *e)
{
	size_t i = 0;

	if (log->opt.scan == NULL && log->opt.scan_batch == NULL)
		return (0);
	if (log->opt.scan_from == SEGLOG_SCAN_LAST)
		i = log->n - 1;
	for (; i < log->n; i++)
		if ((i + 1 == log->n || log->segs[i]->next >
		    log->opt.scan_from) &&
		    scan_segment(log, log->segs[i], e) == -1)
			return (err_ctx(e, "%s", log->name));
	return (0);
}

static void
seglog_free(struct seglog *log)
{
	size_t i;

	for (i = 0; i < log->n; i++)
		segment_unref(log->segs[i]);
	for (i = 0; i < log->nretired; i++)
		segment_unref(log->retired[i]);
	free(log->segs);
	free(log->retired);
	spares_fini(log);
	mutex_fini(&log->lock);
	free(log->name);
	free(log);
}

int
seglog_open(struct seglog **out, const struct seglog_options *opt,
    struct seglog_recovery *rec, struct err *e)
{
	struct seglog *log = xcalloc(1, sizeof *log);
	struct seglog_recovery own;

	if (rec == NULL)
		rec = &own;
	memset(rec, 0, sizeof *rec);
	log->opt = *opt;
	log->opt.name = log->name = xstrdup(opt->name);
	if (log->opt.index_interval == 0)
		log->opt.index_interval = 4096;
	mutex_init(&log->lock);
	seglog_set_roll(log, opt->segment_bytes, opt->segment_ms);
	CHECK(opt->spares == 0 || opt->closes != NULL);
	swap_load(log);
	if (recover(log, rec, e) == -1 || skip_missing(log, rec, e) == -1 ||
	    scan(log, e) == -1 || spares_load(log, e) == -1)
		goto err0;
	rec->end = seglog_end(log);
	*out = log;
	return (0);
err0:
	seglog_free(log);
	return (-1);
}

/* --- appending --- */

/* Fills in the headers; gives the bytes and the number of records. */
static uint64_t
number_batches(struct seglog *log, struct seglog_batch *b, size_t n,
    int64_t *next, struct kbatch *h, struct iovec *iov)
{
	uint64_t bytes = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		b[i].base_offset = *next;
		kbatch_rebase(b[i].header, *next, log->opt.leader_epoch);
		CHECK(kbatch_parse(slice_of(b[i].header, SEGLOG_HEADER), &h[i],
		    NULL) == 0);
		CHECK(kbatch_size(&h[i]) == SEGLOG_HEADER + b[i].body.len);
		iov[2 * i].iov_base = b[i].header;
		iov[2 * i].iov_len = SEGLOG_HEADER;
		iov[2 * i + 1].iov_base = (void *)(uintptr_t)b[i].body.p;
		iov[2 * i + 1].iov_len = b[i].body.len;
		bytes += SEGLOG_HEADER + b[i].body.len;
		*next += (int64_t)h[i].last_offset_delta + 1;
	}
	return (bytes);
}

static bool
roll_due(struct seglog *log, uint64_t bytes, int64_t next)
{
	const struct segment *s = active_segment(log);
	int64_t age = atomic_load(&log->segment_ms);

	if (s->size == 0)
		return (false);
	if (s->size + bytes > atomic_load(&log->segment_bytes) ||
	    next - s->base > INT32_MAX)
		return (true);
	return (age > 0 && clock_wall_ms() - s->since_ms >= age);
}

/* How much to zero in one go. */
static uint64_t
zero_step(struct seglog *log, const struct segment *s)
{
	uint64_t step = log->opt.zero_ahead, unsynced;

	if (!log->opt.zero_earned)
		return (step);
	mutex_lock(&log->lock);
	unsynced = s->size - s->synced_size;
	mutex_unlock(&log->lock);
	if (unsynced > step / ZERO_WORTH)
		return (0);
	return (s->size < step ? (s->size + ZERO_UNIT - 1) & -ZERO_UNIT : step);
}

/* Zeroes for the next small appends; what fails here fails again, and with a
 * better message, in the write itself. */
static void
zero_ahead(struct seglog *log, struct segment *s, uint64_t bytes)
{
	const struct fs *fs = log->opt.fs;
	uint64_t limit = atomic_load(&log->segment_bytes);
	struct err why = ERR_INIT;
	uint64_t step;

	if (log->opt.zero_ahead == 0 || log->no_zero ||
	    s->size + bytes <= s->zeroed)
		return;
	step = zero_step(log, s);
	if (bytes > step / ZERO_WORTH)
		return;
	if (s->zeroed < s->size)
		s->zeroed = s->size;
	if (s->zeroed + step > limit)
		step = limit > s->zeroed ? limit - s->zeroed : 0;
	if (step < bytes)
		return;
	if (fs->zero(fs, atomic_load(&s->fd), (off_t)s->zeroed, (off_t)step,
	    &why) == 0)
		s->zeroed += step;
	else if (why.code == ERR_REFUSED)
		log->no_zero = true;
}

/* Takes away what a failed append left behind the end. */
static int
cut_torn(struct seglog *log, struct segment *s, struct err *e)
{
	if (!log->torn)
		return (0);
	if (log->opt.fs->truncate(log->opt.fs, atomic_load(&s->fd),
	    (off_t)s->size, e) == -1)
		return (err_ctx(e, "%s: %020lld.log: cannot cut a failed "
		    "append", log->name, (long long)s->base));
	s->zeroed = s->size;
	log->torn = false;
	return (0);
}

/* Makes n batches that were written at the end visible, all at once. */
static void
publish(struct seglog *log, struct segment *s, const struct kbatch *h,
    size_t n, uint64_t bytes, int64_t next)
{
	uint64_t pos = s->size;
	size_t i;

	mutex_lock(&log->lock);
	if (s->size == 0)
		s->since_ms = clock_wall_ms();
	for (i = 0; i < n; i++) {
		segment_index(s, &h[i], pos);
		pos += kbatch_size(&h[i]);
	}
	s->size += bytes;
	s->next = next;
	s->nindex = s->index.n;
	s->ntimes = s->times.n;
	atomic_store_explicit(&log->end, next, memory_order_release);
	mutex_unlock(&log->lock);
	atomic_fetch_add_explicit(&log->bytes, bytes, memory_order_relaxed);
}

/* Writes numbered batches at the end of the active segment. */
static int
append_write(struct seglog *log, const struct kbatch *h,
    const struct iovec *iov, size_t n, uint64_t bytes, int64_t next,
    struct err *e)
{
	struct segment *s = active_segment(log);

	if (cut_torn(log, s, e) == -1)
		return (-1);
	zero_ahead(log, s, bytes);
	if (log->opt.fs->pwritev(log->opt.fs, atomic_load(&s->fd), iov,
	    2 * (int)n, (off_t)s->size, e) == -1) {
		log->torn = true;
		cut_torn(log, s, NULL);
		return (err_ctx(e, "%s: %020lld.log", log->name,
		    (long long)s->base));
	}
	if (bytes >= START_BYTES)
		log->opt.fs->start(log->opt.fs, atomic_load(&s->fd),
		    (off_t)s->size, (off_t)bytes);
	publish(log, s, h, n, bytes, next);
	return (0);
}

int
seglog_append(struct seglog *log, struct seglog_batch *b, size_t n,
    struct err *e)
{
	struct iovec iov_stack[2 * STACK_BATCHES], *iov = iov_stack;
	struct kbatch h_stack[STACK_BATCHES], *h = h_stack;
	int64_t next = seglog_end(log);
	uint64_t bytes;
	int rc = -1;

	if (n > STACK_BATCHES) {
		iov = xmalloc(2 * n * sizeof *iov);
		h = xmalloc(n * sizeof *h);
	}
	CHECK(n > 0 && n < INT_MAX / 2);
	bytes = number_batches(log, b, n, &next, h, iov);
	if (bytes > SEG_MAX_BYTES || next - seglog_end(log) > INT32_MAX)
		err_set(e, ERR_TOO_LARGE, "%s: %llu bytes in one append",
		    log->name, (unsigned long long)bytes);
	else if (atomic_load(&log->failed))
		err_set(e, ERR_SYS, "%s: an earlier sync has failed",
		    log->name);
	else if (!roll_due(log, bytes, next) || seglog_roll(log, e) == 0)
		rc = append_write(log, h, iov, n, bytes, next, e);
	if (n > STACK_BATCHES) {
		free(iov);
		free(h);
	}
	return (rc);
}

/* --- rolling and closing --- */

/* Cuts off what lies behind the end of the active segment, zeroes or what its
 * file held before; *cut says whether there was any. */
static int
cut_zeroes(struct seglog *log, struct segment *s, bool *cut, struct err *e)
{
	*cut = s->zeroed > s->size || log->torn;
	if (*cut && log->opt.fs->truncate(log->opt.fs, atomic_load(&s->fd),
	    (off_t)s->size, e) == -1)
		return (err_ctx(e, "%s: %020lld.log", log->name,
		    (long long)s->base));
	s->zeroed = s->size;
	log->torn = false;
	return (0);
}

/* Indexes are caches: a full disk is no reason not to go on. */
static void
save_index(struct seglog *log, struct segment *s)
{
	struct err why = ERR_INIT;

	if (s->size > 0 && segment_write_index(s, &why) == -1)
		log_warn(NULL, "%s: %020lld.index is not written: %s",
		    log->name, (long long)s->base, why.msg);
}

int
seglog_roll(struct seglog *log, struct err *e)
{
	struct segment *old = active_segment(log), *closed, *s;
	int64_t end = seglog_end(log);
	bool cut;

	if (old->size == 0)
		return (0);
	if (cut_zeroes(log, old, &cut, e) == -1 ||
	    (s = segment_create(log, end, e)) == NULL)
		return (-1);
	save_index(log, old);
	closed = segment_closed(log, old->base, old->size, end, old);
	mutex_lock(&log->lock);
	GROW(log->retired, log->nretired, log->capretired);
	log->retired[log->nretired++] = old;
	log->segs[log->n - 1] = closed;
	add_segment(log, s);
	log->new_file = true;
	mutex_unlock(&log->lock);
	return (0);
}

/* What a clean stop leaves: exact files, all of them on the disk. */
static int
close_active(struct seglog *log, struct segment *s, struct err *e)
{
	const struct fs *fs = log->opt.fs;
	bool cut;

	if (cut_zeroes(log, s, &cut, e) == -1 ||
	    seglog_sync(log, NULL, e) == -1)
		return (-1);
	if (s->size != s->saved_size)
		save_index(log, s);
	if ((cut && fs->sync(fs, atomic_load(&s->fd), e) == -1) ||
	    (s->index_fd != -1 && (fs->sync(fs, s->index_fd, e) == -1 ||
	    fs->sync(fs, s->times_fd, e) == -1)) ||
	    (log->new_file && fs->sync_dir(fs, log->opt.dirfd, e) == -1))
		return (err_ctx(e, "%s", log->name));
	return (0);
}

int
seglog_close(struct seglog *log, struct err *e)
{
	const struct fs *fs;
	int dirfd, rc = 0;

	if (log == NULL)
		return (0);
	fs = log->opt.fs;
	dirfd = log->opt.dirfd;
	if (!atomic_load(&log->failed))
		rc = close_active(log, active_segment(log), e);
	seglog_free(log);
	fs->close(fs, dirfd);
	return (rc);
}
