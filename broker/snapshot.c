#include "broker/snapshot.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define SUFFIX		".snapshot"
#define FILE_MAX	(1u << 30)
#define KEEP		2

struct offsets {
	int64_t	*v;
	size_t	 n, cap;
};

static int
descending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x < y ? 1 : x > y ? -1 : 0);
}

/* The offset in a name of 20 digits and the suffix; -1 for others. */
static int64_t
offset_of(const char *name)
{
	char *end;
	long long v;

	if (strspn(name, "0123456789") != 20 ||
	    strcmp(name + 20, SUFFIX) != 0)
		return (-1);
	v = strtoll(name, &end, 10);
	return (v);
}

/* Newest first. */
static struct offsets
list(int dirfd)
{
	struct offsets o = { NULL, 0, 0 };
	struct dirent *de;
	int64_t v;
	DIR *d;
	int fd;

	fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return (o);
	if ((d = fdopendir(fd)) == NULL) {
		close(fd);
		return (o);
	}
	while ((de = readdir(d)) != NULL)
		if ((v = offset_of(de->d_name)) >= 0) {
			GROW(o.v, o.n, o.cap);
			o.v[o.n++] = v;
		}
	closedir(d);
	if (o.n > 0)
		qsort(o.v, o.n, sizeof *o.v, descending);
	return (o);
}

static void
name_of(char buf[40], int64_t offset)
{
	snprintf(buf, 40, "%020lld" SUFFIX, (long long)offset);
}

static int
load_one(int dirfd, int64_t offset, struct producers *p, struct err *e)
{
	char name[40];
	void *bytes;
	size_t len;
	int rc;

	name_of(name, offset);
	if (fs_slurp(dirfd, name, FILE_MAX, &bytes, &len, e) == -1)
		return (-1);
	rc = producers_decode(p, slice_of(bytes, len), clock_wall_ms(), e);
	free(bytes);
	return (rc);
}

int64_t
snapshot_load(int dirfd, int64_t limit, struct producers *p, const char *what)
{
	struct offsets o = list(dirfd);
	struct err err = ERR_INIT;
	int64_t found = 0;
	size_t i;

	for (i = 0; i < o.n && found == 0; i++) {
		if (o.v[i] > limit)
			continue;
		if (load_one(dirfd, o.v[i], p, &err) == 0)
			found = o.v[i];
		else
			log_warn("broker", "%s: snapshot at %lld: %s", what,
			    (long long)o.v[i], err.msg);
	}
	free(o.v);
	return (found);
}

int
snapshot_cut(const struct fs *fs, int dirfd, int64_t end, struct err *e)
{
	struct offsets o = list(dirfd);
	char name[40];
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < o.n && o.v[i] > end; i++) {
		name_of(name, o.v[i]);
		rc = fs->unlink(fs, dirfd, name, e);
	}
	if (rc == 0 && i > 0)
		rc = fs->sync_dir(fs, dirfd, e);
	free(o.v);
	return (rc);
}

int
snapshot_save(const struct fs *fs, int dirfd, int64_t offset,
    const uint8_t *bytes, size_t len, struct err *e)
{
	struct offsets o;
	char name[40];
	size_t i;

	name_of(name, offset);
	if (fs_replace(fs, dirfd, name, bytes, len, e) == -1)
		return (-1);
	o = list(dirfd);
	for (i = KEEP; i < o.n; i++) {
		name_of(name, o.v[i]);
		(void)fs->unlink(fs, dirfd, name, NULL);
	}
	free(o.v);
	return (0);
}
