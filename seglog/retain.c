/*
 * What goes: whole closed segments from the front.
 *
 * seglog_trim moves the start first, so that no new reader finds the
 * segments, then unlinks them oldest first; whoever still holds one reads on
 * through its descriptor.  One that nobody holds may become a spare instead;
 * that it is one is synced before it can be written over, or else a power cut
 * would give the old segment back with new bytes in it.  The log does not
 * remember the start itself: after a crash it is the first segment that is
 * there, and the owner, who has its own durable mark, trims again.
 */
#include "seglog/seglog_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

/*
 * Takes the segments wholly below start off the list; the caller frees.  One
 * whose file a swap has yet to name is left to the swap to remove.
 */
static size_t
take_below(struct seglog *log, int64_t start, struct segment ***out,
    struct segment **left)
{
	size_t n = 0;

	*left = NULL;

	mutex_lock(&log->lock);
	while (n + 1 < log->n && log->segs[n]->next <= start)
		if (log->segs[n++] == log->swapping) {
			*left = log->swapping;
			log->swap_trimmed = true;
		}
	*out = NULL;
	if (n > 0) {
		*out = xmalloc(n * sizeof **out);
		memcpy(*out, log->segs, n * sizeof **out);
		log->n -= n;
		memmove(log->segs, log->segs + n, log->n * sizeof *log->segs);
	}
	mutex_unlock(&log->lock);
	return (n);
}

int
seglog_trim(struct seglog *log, int64_t new_start, uint64_t *freed,
    struct err *e)
{
	const struct fs *fs = log->opt.fs;
	struct segment **v, *left;
	uint64_t bytes = 0;
	size_t i, n;
	bool kept = false;

	if (new_start > seglog_end(log))
		return (err_set(e, ERR_NOT_FOUND, "%s: offset %lld is beyond "
		    "the end", log->name, (long long)new_start));
	if (new_start > seglog_start(log))
		atomic_store_explicit(&log->start, new_start,
		    memory_order_release);
	n = take_below(log, new_start, &v, &left);
	for (i = 0; i < n; i++) {
		bytes += v[i]->size;
		if (v[i] != left && spare_keep(log, v[i]))
			kept = true;
		else if (v[i] != left)
			segment_unlink(log, v[i]->base);
		segment_unref(v[i]);
	}
	free(v);
	atomic_fetch_sub_explicit(&log->bytes, bytes, memory_order_relaxed);
	if (freed != NULL)
		*freed = bytes;
	if (kept && fs->sync_dir(fs, log->opt.dirfd, e) == -1) {
		atomic_store(&log->failed, true);
		return (err_ctx(e, "%s", log->name));
	}
	return (0);
}

/* The newest timestamp of a closed segment; a segment that cannot be read is
 * taken for new, and stays. */
static int64_t
newest(struct segment *s)
{
	return (segment_load(s, NULL) == -1 ? INT64_MAX : s->max_ts);
}

/* The i-th closed segment, held; NULL when there is none. */
static struct segment *
closed_at(struct seglog *log, size_t i)
{
	struct segment *s = NULL;

	mutex_lock(&log->lock);
	if (i + 1 < log->n)
		s = segment_ref(log->segs[i]);
	mutex_unlock(&log->lock);
	return (s);
}

int64_t
seglog_retain(struct seglog *log, int64_t now_ms, int64_t keep_ms,
    int64_t keep_bytes)
{
	int64_t start = seglog_start(log);
	uint64_t total = seglog_bytes(log);
	struct segment *s;
	bool old, big;
	size_t i;

	for (i = 0; (s = closed_at(log, i)) != NULL; i++) {
		big = keep_bytes >= 0 && total - s->size >=
		    (uint64_t)keep_bytes;
		old = !big && keep_ms >= 0 && newest(s) < now_ms - keep_ms;
		if (big || old) {
			total -= s->size;
			if (s->next > start)
				start = s->next;
		}
		segment_unref(s);
		if (!big && !old)
			break;
	}
	return (start);
}

bool
seglog_oldest(struct seglog *log, int64_t *end, uint64_t *bytes,
    int64_t *newest_ms)
{
	struct segment *s = closed_at(log, 0);

	if (s == NULL)
		return (false);
	*end = s->next;
	*bytes = s->size;
	*newest_ms = newest(s);
	segment_unref(s);
	return (true);
}

void
seglog_active_age(struct seglog *log, int64_t *newest_ms, int64_t *since_ms)
{
	struct segment *s;

	mutex_lock(&log->lock);
	s = log->segs[log->n - 1];
	*newest_ms = s->max_ts;
	*since_ms = s->since_ms;
	mutex_unlock(&log->lock);
}

static bool
is_ours(const char *name)
{
	static const char *const suffixes[] = {
		".log", ".index", ".timeindex", ".bad", ".log.new", ".bad.new",
		".spare", ".log" SEG_CLEANED, ".index" SEG_CLEANED,
		".timeindex" SEG_CLEANED
	};
	int64_t base, end;
	size_t i;

	for (i = 0; i < NELEM(suffixes); i++)
		if (segment_parse_name(name, suffixes[i], &base))
			return (true);
	return (swap_parse_name(name, &base, &end) ||
	    strncmp(name, SWAP_FILE, strlen(SWAP_FILE)) == 0);
}

int
seglog_destroy(const struct fs *fs, int dirfd, struct err *e)
{
	struct dirent *d;
	DIR *dir;
	int fd, rc = 0;

	fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || (dir = fdopendir(fd)) == NULL) {
		err_sys(e, "opening a log folder");
		if (fd != -1)
			close(fd);
		return (-1);
	}
	while (rc == 0 && (d = readdir(dir)) != NULL)
		if (is_ours(d->d_name))
			rc = fs->unlink(fs, dirfd, d->d_name, e);
	closedir(dir);
	return (rc == -1 ? -1 : fs->sync_dir(fs, dirfd, e));
}
