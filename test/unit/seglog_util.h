/*
 * What the tests of logs share: batches whose records tell their own offset,
 * so that a reader can tell what is missing, double or out of place.
 */
#ifndef TEST_UNIT_SEGLOG_UTIL_H
#define TEST_UNIT_SEGLOG_UTIL_H

#include "test/unit/unit.h"

#include <inttypes.h>
#include <sys/stat.h>

#include "kafka/records.h"
#include "seglog/seglog.h"

#define LOG_BATCH_MAX	65536

/* For thousands of small logs, none of which meets a power cut: no syncs. */
static inline int
log_no_sync(const struct fs *fs, int fd, struct err *e)
{
	(void)fs;
	(void)fd;
	(void)e;
	return (0);
}

static inline struct fs
log_fast_fs(void)
{
	struct fs fast = fs_real;

	fast.sync = fast.sync_dir = log_no_sync;
	return (fast);
}

/* Options that never roll, over a descriptor of its own on the folder. */
static inline struct seglog_options
log_options(const struct fs *fs, int dir)
{
	struct seglog_options o;
	struct err e = ERR_INIT;

	memset(&o, 0, sizeof o);
	o.fs = fs;
	o.dirfd = fs->open(fs, dir, ".", O_RDONLY | O_DIRECTORY, &e);
	ck_assert_msg(o.dirfd != -1, "%s", e.msg);
	o.name = "t";
	o.segment_bytes = 1 << 20;
	o.index_interval = 256;
	o.leader_epoch = 7;
	o.scan_from = INT64_MAX;
	return (o);
}

static inline struct seglog *
log_open(const struct seglog_options *o, struct seglog_recovery *rec)
{
	struct seglog *log = NULL;

	UNIT_OK(seglog_open(&log, o, rec, e));
	return (log);
}

/*
 * One batch of n records of which the first is at offset first: value
 * "<offset>" and size bytes more, key none, timestamp ts.
 */
static inline void
log_batch(struct seglog_batch *b, uint8_t *buf, int64_t first, uint32_t n,
    size_t size, int64_t ts)
{
	char value[LOG_BATCH_MAX];
	struct kbuilder k;
	uint32_t i;
	int len;

	kbuilder_init(&k, buf, LOG_BATCH_MAX, ts);
	for (i = 0; i < n; i++) {
		memset(value, 'x', size + 24);
		len = sprintf(value, "%" PRId64 " ", first + i);
		value[len] = 'x';
		ck_assert(kbuilder_add(&k, ts, SLICE_NULL,
		    slice_of(value, (size_t)len + size), NULL, 0));
	}
	size = kbuilder_finish(&k);
	memcpy(b->header, buf, SEGLOG_HEADER);
	b->body = slice_of(buf + SEGLOG_HEADER, size - SEGLOG_HEADER);
}

static inline int
log_put_err(struct seglog *log, uint32_t n, size_t size, int64_t ts,
    struct err *e)
{
	uint8_t *buf = xmalloc(LOG_BATCH_MAX);	/* a hook may append, too */
	struct seglog_batch b;
	int rc;

	log_batch(&b, buf, seglog_end(log), n, size, ts);
	rc = seglog_append(log, &b, 1, e);
	free(buf);
	return (rc);
}

static inline void
log_put(struct seglog *log, uint32_t n, size_t size, int64_t ts)
{
	UNIT_OK(log_put_err(log, n, size, ts, e));
}

static inline void
log_sync(struct seglog *log)
{
	UNIT_OK(seglog_sync(log, NULL, e));
}

/* For a log with spares, as `closes`: each batch is a group of its own, if its
 * first record says the offset that it has. */
static inline bool
log_closes_own(void *ctx, struct slice batch)
{
	struct kiter it = KITER_INIT;
	struct krecord r;
	bool own;

	(void)ctx;
	UNIT_OK(kiter_open(&it, batch, 1 << 20, e));
	own = kiter_next(&it, &r, NULL) == 1 &&
	    strtoll((const char *)r.value.p, NULL, 10) == r.offset;
	kiter_close(&it);
	return (own);
}

/* A batch of three records whose bytes do not depend on the offset. */
static inline void
log_put_even(struct seglog *log, size_t size)
{
	int64_t at = seglog_end(log);

	log_put(log, 3, size - (size_t)snprintf(NULL, 0, "%" PRId64, at), 1);
}

/* Each record of one batch says the offset it has. */
static inline void
log_check_batch(struct slice batch)
{
	struct kiter it = KITER_INIT;
	struct krecord r;
	struct kbatch k;
	int rc;

	UNIT_OK(kbatch_check(batch, &k, e));
	UNIT_OK(kiter_open(&it, batch, 1 << 20, e));
	while ((rc = kiter_next(&it, &r, NULL)) == 1)
		ck_assert_int_eq(strtoll((const char *)r.value.p, NULL, 10),
		    r.offset);
	ck_assert_int_eq(rc, 0);
	kiter_close(&it);
}

/*
 * Checks a range and gives the number of records in it: whole batches, CRCs
 * right, offsets growing, from r->base to r->next.
 */
static inline int64_t
log_check_range(const struct seglog_range *r)
{
	uint8_t *buf = malloc(r->len + 1);
	int64_t last = r->base - 1, records = 0;
	struct kbatch k;
	size_t at = 0;

	ck_assert_int_eq(fs_pread(r->fd, buf, r->len, r->pos, NULL),
	    (ssize_t)r->len);
	for (; at < r->len; at += kbatch_size(&k)) {
		UNIT_OK(kbatch_check(slice_of(buf + at, r->len - at), &k, e));
		ck_assert_int_gt(k.base_offset, last);
		if (at == 0)
			ck_assert_int_eq(k.base_offset, r->base);
		log_check_batch(slice_of(buf + at, kbatch_size(&k)));
		records += kbatch_last_offset(&k) - k.base_offset + 1;
		last = kbatch_last_offset(&k);
	}
	ck_assert_int_le(last + 1, r->next);
	free(buf);
	return (records);
}

/* Reads all from offset to limit in ranges of at most max bytes; the number
 * of records. */
static inline int64_t
log_read_all(struct seglog *log, int64_t offset, int64_t limit, size_t max)
{
	struct seglog_range r;
	int64_t records = 0;

	for (;;) {
		UNIT_OK(seglog_read(log, offset, limit, max, true, &r, e));
		if (r.len == 0)
			break;
		ck_assert_int_le(r.next, limit > seglog_end(log) ?
		    seglog_end(log) : limit);
		records += log_check_range(&r);
		offset = r.next;
		seglog_release(&r);
	}
	return (records);
}

/* Files of the folder whose names end so. */
static inline int
log_files(int dir, const char *suffix)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY), n = 0;
	DIR *d = fdopendir(fd);
	struct dirent *f;
	size_t len = strlen(suffix), have;

	while ((f = readdir(d)) != NULL) {
		have = strlen(f->d_name);
		n += have >= len && strcmp(f->d_name + have - len, suffix) == 0;
	}
	closedir(d);
	return (n);
}

#endif
