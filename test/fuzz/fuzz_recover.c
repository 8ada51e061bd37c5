/*
 * Recovery of a log folder.  The input is what a crash may have left:
 *
 *	u8 flags, u8 recovery offset, u16 n, n bytes of the first segment, the
 *	rest of it the second
 *
 * Flags: 1 groups (a batch of two records closes one), 2 checksums are made to
 * fit, so that the fuzzer gets behind them, 4 the rest is the index of the
 * first segment instead, 8 the log has spares, which wants groups.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/check.h"
#include "kafka/records.h"
#include "seglog/seglog.h"
#include "test/fuzz/fuzz.h"
#include "test/fuzz/scratch.h"

#define GROUPS	1
#define FIT	2
#define INDEX	4
#define SPARES	8

static struct fs fast;
static int dir = -1;

static const char *path;

static void
clean(void)
{
	CHECK(seglog_destroy(&fast, dir, NULL) == 0);
}

static void
leave(void)
{
	clean();
	close(dir);
	rmdir(path);
}

static void
init(void)
{
	scratch_begin(&path, &fast);
	dir = open(path, O_RDONLY | O_DIRECTORY);
	CHECK(dir != -1);
	atexit(leave);
}

/* Writes a file; with fit, what looks like a batch gets the right CRC. */
static void
spill(const char *name, const uint8_t *data, size_t size, bool fit)
{
	uint8_t *copy = malloc(size + 1);
	struct kbatch k;
	size_t at = 0;
	int fd;

	CHECK(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	while (fit && kbatch_parse(slice_of(copy + at, size - at), &k, NULL) ==
	    0 && kbatch_size(&k) <= size - at) {
		put_be32(copy + at + 17, kbatch_crc(slice_of(copy + at,
		    kbatch_size(&k))));
		at += kbatch_size(&k);
	}
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	CHECK(fd != -1 && write(fd, copy, size) == (ssize_t)size);
	close(fd);
	free(copy);
}

static bool
closes(void *ctx, struct slice batch)
{
	struct kbatch k;

	(void)ctx;
	CHECK(kbatch_check(batch, &k, NULL) == 0);
	CHECK(kbatch_size(&k) == batch.len);
	return (k.count == 2);
}

static struct seglog *
reopen(unsigned flags, int64_t offset, struct seglog_recovery *rec)
{
	struct seglog_options o = { .fs = &fast, .name = "fuzz",
	    .index_interval = 128, .scan_from = INT64_MAX,
	    .recovery_offset = offset };
	struct seglog *log;

	o.dirfd = openat(dir, ".", O_RDONLY | O_DIRECTORY);
	if ((flags & (GROUPS | SPARES)) != 0)
		o.closes = closes;
	if ((flags & SPARES) != 0)
		o.spares = 2;
	CHECK(seglog_open(&log, &o, rec, NULL) == 0);
	CHECK(seglog_end(log) >= offset);
	CHECK(seglog_synced(log) == seglog_end(log));
	return (log);
}

/* With nothing taken on trust, all that is kept can be read. */
static void
read_all(struct seglog *log)
{
	int64_t at = seglog_start(log);
	struct seglog_range r;

	for (;;) {
		CHECK(seglog_read(log, at, INT64_MAX, 100, true, &r, NULL) ==
		    0);
		if (r.len == 0)
			return;
		CHECK(r.next > at);
		at = r.next;
		seglog_release(&r);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seglog_recovery first, second;
	struct seglog *log;
	int64_t offset;
	unsigned flags;
	size_t n;

	if (size < 4)
		return (0);
	if (dir == -1)
		init();
	flags = data[0];
	offset = data[1];
	n = get_be16(data + 2);
	data += 4;
	size -= 4;
	if (n > size)
		n = size;
	spill("00000000000000000000.log", data, n, (flags & FIT) != 0);
	if (n < size)
		spill((flags & INDEX) != 0 ? "00000000000000000000.index" :
		    "00000000000000000006.log", data + n, size - n,
		    (flags & FIT) != 0);
	log = reopen(flags, offset, &first);
	if (offset == 0)
		read_all(log);
	CHECK(seglog_close(log, NULL) == 0);
	log = reopen(flags, offset, &second);
	CHECK(second.end == first.end);
	/* What was trusted the first time may be looked at the second. */
	if (offset == 0)
		CHECK(second.torn == 0 && second.quarantines == 0);
	CHECK(seglog_close(log, NULL) == 0);
	clean();
	return (0);
}
