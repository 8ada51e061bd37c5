/*
 * Planted faults, to be preloaded: what a test that passes must fail under.
 *
 *	SHIM_FAULT=read		one byte in 64 KiB of what is read from a path
 *				with SHIM_PATH in it is another one
 *	SHIM_FAULT=lie		the writes to such a path, from the SHIM_AFTER
 *				th on, say they were done and were not
 *
 * The program under test knows nothing of it.
 */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static int
hit(int fd, const char *fault)
{
	const char *want = getenv("SHIM_FAULT"), *path = getenv("SHIM_PATH");
	char link[64], name[4096];
	ssize_t n;

	if (want == NULL || path == NULL || strcmp(want, fault) != 0)
		return (0);
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, name, sizeof name - 1);
	if (n == -1)
		return (0);
	name[n] = '\0';
	return (strstr(name, path) != NULL);
}

static int
lies(int fd)
{
	static atomic_long calls;
	const char *after = getenv("SHIM_AFTER");

	return (hit(fd, "lie") && atomic_fetch_add(&calls, 1) >=
	    (after == NULL ? 0 : atol(after)));
}

static void
spoil(int fd, char *p, ssize_t n, off_t at)
{
	off_t i;

	if (n <= 0 || !hit(fd, "read"))
		return;
	for (i = 0; i < n; i++)
		if ((at + i) % 65536 == 30000 && p[i] != '\n')
			p[i] ^= 0x01;
}

static ssize_t
sum(const struct iovec *v, int n)
{
	ssize_t all = 0;

	while (n-- > 0)
		all += (ssize_t)v[n].iov_len;
	return (all);
}

#define REAL(name, type)	((type)dlsym(RTLD_NEXT, name))

ssize_t	pread64(int, void *, size_t, off_t);
ssize_t	pwrite64(int, const void *, size_t, off_t);
ssize_t	pwritev64(int, const struct iovec *, int, off_t);

ssize_t
pread64(int fd, void *p, size_t n, off_t at)
{
	ssize_t got = REAL("pread64", ssize_t (*)(int, void *, size_t,
	    off_t))(fd, p, n, at);

	spoil(fd, p, got, at);
	return (got);
}

ssize_t
pread(int fd, void *p, size_t n, off_t at)
{
	return (pread64(fd, p, n, at));
}

ssize_t
pwrite64(int fd, const void *p, size_t n, off_t at)
{
	if (lies(fd))
		return ((ssize_t)n);
	return (REAL("pwrite64", ssize_t (*)(int, const void *, size_t,
	    off_t))(fd, p, n, at));
}

ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
	return (pwrite64(fd, p, n, at));
}

ssize_t
pwritev64(int fd, const struct iovec *v, int n, off_t at)
{
	if (lies(fd))
		return (sum(v, n));
	return (REAL("pwritev64", ssize_t (*)(int, const struct iovec *, int,
	    off_t))(fd, v, n, at));
}

ssize_t
pwritev(int fd, const struct iovec *v, int n, off_t at)
{
	return (pwritev64(fd, v, n, at));
}

ssize_t
writev(int fd, const struct iovec *v, int n)
{
	if (lies(fd))
		return (sum(v, n));
	return (REAL("writev", ssize_t (*)(int, const struct iovec *,
	    int))(fd, v, n));
}

ssize_t
write(int fd, const void *p, size_t n)
{
	if (lies(fd))
		return ((ssize_t)n);
	return (REAL("write", ssize_t (*)(int, const void *, size_t))(fd, p,
	    n));
}
