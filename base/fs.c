/* fs_real: the kernel, with interrupted and short calls dealt with. */
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define IOV_CHUNK	64
#define ZERO_CHUNK	((size_t)64 * 1024)

/* err_sys with "no room" told apart. */
static int
fs_err(struct err *e, const char *what, const char *name)
{
	bool full = errno == ENOSPC || errno == EDQUOT;

	if (name != NULL)
		err_sys(e, "%s %s", what, name);
	else
		err_sys(e, "%s", what);
	if (full && e != NULL)
		e->code = ERR_FULL;
	return (-1);
}

static int
real_open(const struct fs *fs, int dirfd, const char *name, int flags,
    struct err *e)
{
	int fd;

	(void)fs;
	do
		fd = openat(dirfd, name, flags | O_CLOEXEC, 0600);
	while (fd == -1 && errno == EINTR);
	return (fd == -1 ? fs_err(e, "open", name) : fd);
}

/* The descriptor is gone whatever close says; EINTR is no failure on Linux. */
static int
real_close(const struct fs *fs, int fd)
{
	(void)fs;
	return (close(fd) == -1 && errno != EINTR ? -1 : 0);
}

/* Takes n bytes off the front of iov; the number of vectors used up. */
static int
iov_advance(struct iovec *iov, int cnt, size_t n)
{
	int i;

	for (i = 0; i < cnt && n >= iov[i].iov_len; i++)
		n -= iov[i].iov_len;
	if (i < cnt) {
		iov[i].iov_base = (char *)iov[i].iov_base + n;
		iov[i].iov_len -= n;
	}
	return (i);
}

/* All of up to IOV_CHUNK vectors. */
static int
write_chunk(int fd, struct iovec *iov, int cnt, off_t *off, struct err *e)
{
	ssize_t n;
	int used;

	used = iov_advance(iov, cnt, 0);	/* skips empty ones */
	while (used < cnt) {
		n = pwritev(fd, iov + used, cnt - used, *off);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == 0)
			errno = ENOSPC;
		if (n <= 0)
			return (fs_err(e, "write", NULL));
		*off += n;
		used += iov_advance(iov + used, cnt - used, (size_t)n);
	}
	return (0);
}

static int
real_pwritev(const struct fs *fs, int fd, const struct iovec *iov, int n,
    off_t off, struct err *e)
{
	struct iovec v[IOV_CHUNK];
	int cnt;

	(void)fs;
	for (; n > 0; n -= cnt, iov += cnt) {
		cnt = n < IOV_CHUNK ? n : IOV_CHUNK;
		memcpy(v, iov, (size_t)cnt * sizeof *v);
		if (write_chunk(fd, v, cnt, &off, e) == -1)
			return (-1);
	}
	return (0);
}

/* SYNC_FILE_RANGE_WRITE alone leaves write errors to fdatasync(2). */
static void
real_start(const struct fs *fs, int fd, off_t off, off_t len)
{
	(void)fs;
#ifdef SYNC_FILE_RANGE_WRITE
	(void)sync_file_range(fd, off, len, SYNC_FILE_RANGE_WRITE);
#else
	(void)fd;
	(void)off;
	(void)len;
#endif
}

static int
real_sync(const struct fs *fs, int fd, struct err *e)
{
	int rc;

	(void)fs;
	do
		rc = fdatasync(fd);
	while (rc == -1 && errno == EINTR);
	return (rc == -1 ? fs_err(e, "fdatasync", NULL) : 0);
}

static int
real_sync_dir(const struct fs *fs, int dirfd, struct err *e)
{
	int rc;

	(void)fs;
	do
		rc = fsync(dirfd);
	while (rc == -1 && errno == EINTR);
	return (rc == -1 ? fs_err(e, "fsync of a folder", NULL) : 0);
}

static int
real_truncate(const struct fs *fs, int fd, off_t size, struct err *e)
{
	int rc;

	(void)fs;
	do
		rc = ftruncate(fd, size);
	while (rc == -1 && errno == EINTR);
	return (rc == -1 ? fs_err(e, "truncate", NULL) : 0);
}

static int
real_reserve(int fd, off_t off, off_t len, struct err *e)
{
	int rc;

	do
		rc = fallocate(fd, 0, off, len);
	while (rc == -1 && errno == EINTR);
	if (rc == -1 && (errno == EOPNOTSUPP || errno == ENOSYS))
		return (err_set(e, ERR_REFUSED, "the file system cannot "
		    "reserve room in a file"));
	return (rc == -1 ? fs_err(e, "reserve room", NULL) : 0);
}

/*
 * Reserved extents are "unwritten"; the first write to each would convert it
 * and make a journal entry of every fdatasync.  So the zeroes are written.
 */
static int
real_zero(const struct fs *fs, int fd, off_t off, off_t len, struct err *e)
{
	static const char zeroes[ZERO_CHUNK];
	struct iovec v[16];
	size_t n;
	int cnt;

	if (len > 0 && real_reserve(fd, off, len, e) == -1)
		return (-1);
	while (len > 0) {
		for (cnt = 0, n = 0; cnt < (int)NELEM(v) &&
		    (off_t)n < len; cnt++) {
			v[cnt].iov_base = (void *)zeroes;
			v[cnt].iov_len = ZERO_CHUNK;
			if ((off_t)(n + ZERO_CHUNK) > len)
				v[cnt].iov_len = (size_t)len - n;
			n += v[cnt].iov_len;
		}
		if (real_pwritev(fs, fd, v, cnt, off, e) == -1)
			return (-1);
		off += (off_t)n;
		len -= (off_t)n;
	}
	return (0);
}

static int
real_rename(const struct fs *fs, int dirfd, const char *from, const char *to,
    struct err *e)
{
	(void)fs;
	return (renameat(dirfd, from, dirfd, to) == -1 ?
	    fs_err(e, "rename to", to) : 0);
}

static int
real_unlink(const struct fs *fs, int dirfd, const char *name, struct err *e)
{
	(void)fs;
	return (unlinkat(dirfd, name, 0) == -1 ? fs_err(e, "unlink", name) : 0);
}

static int
real_mkdir(const struct fs *fs, int dirfd, const char *name, struct err *e)
{
	(void)fs;
	if (mkdirat(dirfd, name, 0700) == -1 && errno != EEXIST)
		return (fs_err(e, "create folder", name));
	return (0);
}

static int
real_rmdir(const struct fs *fs, int dirfd, const char *name, struct err *e)
{
	(void)fs;
	return (unlinkat(dirfd, name, AT_REMOVEDIR) == -1 ?
	    fs_err(e, "remove folder", name) : 0);
}

const struct fs fs_real = {
	.open = real_open,
	.close = real_close,
	.pwritev = real_pwritev,
	.sync = real_sync,
	.start = real_start,
	.sync_dir = real_sync_dir,
	.truncate = real_truncate,
	.zero = real_zero,
	.rename = real_rename,
	.unlink = real_unlink,
	.mkdir = real_mkdir,
	.rmdir = real_rmdir,
};
