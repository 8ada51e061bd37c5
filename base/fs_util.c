/* The helpers of fs.h that build on any struct fs. */
#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"

int
fs_pwrite(const struct fs *fs, int fd, const void *p, size_t n, off_t off,
    struct err *e)
{
	struct iovec iov = { .iov_base = (void *)p, .iov_len = n };

	return (fs->pwritev(fs, fd, &iov, 1, off, e));
}

ssize_t
fs_pread(int fd, void *p, size_t len, off_t off, struct err *e)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = pread(fd, (char *)p + done, len - done, off + (off_t)done);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return (err_sys(e, "read"));
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return ((ssize_t)done);
}

/*
 * Opens one part of a path below parent, after creating it when it is not
 * there.  The parent is synced even when the part is there: an earlier
 * process may have died between creating and syncing it.  What cannot be
 * opened for reading (a folder of others on the way) is only passed through,
 * and a parent that cannot be synced (a read-only file system) is no obstacle.
 */
static int
open_part(const struct fs *fs, int parent, const char *name, struct err *e)
{
	struct err why = ERR_INIT;
	bool made = false;
	int fd;

	fd = fs->open(fs, parent, name, O_RDONLY | O_DIRECTORY, &why);
	if (fd == -1 && why.sys == ENOENT) {
		if (fs->mkdir(fs, parent, name, e) == -1)
			return (-1);
		made = true;
		fd = fs->open(fs, parent, name, O_RDONLY | O_DIRECTORY, &why);
	}
	if (fd == -1 && why.sys == EACCES)
		fd = fs->open(fs, parent, name, O_PATH | O_DIRECTORY, &why);
	if (fd == -1) {
		if (e != NULL)
			*e = why;
		return (-1);
	}
	if (fs->sync_dir(fs, parent, &why) == -1 &&
	    (made || why.sys == EIO || why.code == ERR_FULL)) {
		if (e != NULL)
			*e = why;
		fs->close(fs, fd);
		return (-1);
	}
	return (fd);
}

int
fs_open_dir(const struct fs *fs, const char *path, struct err *e)
{
	char *copy = xstrdup(path), *save = NULL, *part;
	int fd, next;

	if (*path == '\0') {
		free(copy);
		return (err_set(e, ERR_CONFIG, "the path of a folder is "
		    "empty"));
	}
	fd = fs->open(fs, AT_FDCWD, *path == '/' ? "/" : ".",
	    O_RDONLY | O_DIRECTORY, e);
	for (part = strtok_r(copy, "/", &save); part != NULL && fd != -1;
	    part = strtok_r(NULL, "/", &save)) {
		next = open_part(fs, fd, part, e);
		fs->close(fs, fd);
		fd = next;
	}
	free(copy);
	return (fd == -1 ? err_ctx(e, "folder %s", path) : fd);
}

static int
write_new(const struct fs *fs, int dirfd, const char *name, const void *p,
    size_t n, struct err *e)
{
	int fd = fs->open(fs, dirfd, name, O_WRONLY | O_CREAT | O_TRUNC, e);

	if (fd == -1)
		return (-1);
	if (fs_pwrite(fs, fd, p, n, 0, e) == -1 || fs->sync(fs, fd, e) == -1) {
		fs->close(fs, fd);
		return (err_ctx(e, "%s", name));
	}
	fs->close(fs, fd);	/* all it could say, sync has said */
	return (0);
}

int
fs_replace(const struct fs *fs, int dirfd, const char *name, const void *p,
    size_t n, struct err *e)
{
	char *temp = xasprintf("%s.tmp", name);

	if (write_new(fs, dirfd, temp, p, n, e) == -1 ||
	    fs->rename(fs, dirfd, temp, name, e) == -1)
		goto err0;
	free(temp);
	return (fs->sync_dir(fs, dirfd, e));
err0:
	fs->unlink(fs, dirfd, temp, NULL);
	free(temp);
	return (-1);
}

/* From where the descriptor stands: a pipe has no offsets. */
static ssize_t
read_on(int fd, void *p, size_t len, struct err *e)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = read(fd, (char *)p + done, len - done);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return (err_sys(e, "read"));
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return ((ssize_t)done);
}

/* Reads to the end of fd, or one byte more than max. */
static int
slurp_fd(int fd, size_t max, char **out, size_t *len, struct err *e)
{
	size_t cap = 4096, n = 0;
	char *p = xmalloc(cap + 1);
	ssize_t got;

	for (;;) {
		got = read_on(fd, p + n, cap - n, e);
		if (got == -1)
			goto err0;
		n += (size_t)got;
		if (n < cap)
			break;
		if (n > max) {
			err_set(e, ERR_TOO_LARGE, "larger than %zu bytes", max);
			goto err0;
		}
		cap *= 2;
		p = xreallocarray(p, cap + 1, 1);
	}
	if (n > max) {
		err_set(e, ERR_TOO_LARGE, "larger than %zu bytes", max);
		goto err0;
	}
	p[n] = '\0';
	*out = p;
	*len = n;
	return (0);
err0:
	free(p);
	return (-1);
}

int
fs_slurp(int dirfd, const char *name, size_t max, void **out, size_t *len,
    struct err *e)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC), rc;
	char *p;

	if (fd == -1) {
		err_sys(e, "open %s", name);
		if (errno == ENOENT && e != NULL)
			e->code = ERR_NOT_FOUND;
		return (-1);
	}
	rc = slurp_fd(fd, max, &p, len, e);
	close(fd);
	if (rc == -1)
		return (err_ctx(e, "%s", name));
	*out = p;
	return (0);
}

static int
lock_refused(int fd, const char *what, struct err *e)
{
	char pid[24] = "";
	ssize_t n = fs_pread(fd, pid, sizeof pid - 1, 0, NULL);

	if (n > 0)
		pid[strcspn(pid, "\n")] = '\0';
	if (n <= 0 || pid[0] == '\0')
		return (err_set(e, ERR_REFUSED, "%s is in use by another "
		    "process", what));
	return (err_set(e, ERR_REFUSED, "%s is in use by process %s; stop "
	    "that one, or use another folder", what, pid));
}

/*
 * An open-file-description lock: unlike the classic POSIX lock it is not lost
 * when some other descriptor of the file is closed.
 */
int
fs_lock(int dirfd, const char *what, struct err *e)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = openat(dirfd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char pid[24];
	int n;

	if (fd == -1)
		return (err_sys(e, "%s: open its lock file", what));
	if (fcntl(fd, F_OFD_SETLK, &lock) == -1) {
		if (errno == EAGAIN || errno == EACCES)
			lock_refused(fd, what, e);
		else
			err_sys(e, "%s: lock", what);
		goto err0;
	}
	/* The number is a help for people: a full disk is no obstacle. */
	n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) == -1 || pwrite(fd, pid, (size_t)n, 0) != n)
		errno = 0;
	return (fd);
err0:
	close(fd);
	return (-1);
}

/* Nothing in it but what may stand in a folder that is about to be ours. */
static int
dir_is_fresh(int dirfd, bool *fresh, struct err *e)
{
	static const char *const known[] = {
		".", "..", "lock", "format.tmp", "lost+found",
	};
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *d;
	size_t i;
	DIR *dir;

	if (fd == -1 || (dir = fdopendir(fd)) == NULL) {
		err_sys(e, "list the folder");
		if (fd != -1)
			close(fd);
		return (-1);
	}
	*fresh = true;
	while (*fresh && (d = readdir(dir)) != NULL) {
		for (i = 0; i < NELEM(known); i++)
			if (strcmp(d->d_name, known[i]) == 0)
				break;
		*fresh = i < NELEM(known);
	}
	closedir(dir);
	return (0);
}

static int
stamp_create(const struct fs *fs, int dirfd, const char *kind, int version,
    struct err *e)
{
	char text[128];
	bool fresh;

	if (dir_is_fresh(dirfd, &fresh, e) == -1)
		return (-1);
	if (!fresh)
		return (err_set(e, ERR_REFUSED, "the folder is not empty and "
		    "has no file \"format\", so it is not the folder of a leat "
		    "%s; choose another or empty it", kind));
	snprintf(text, sizeof text, "leat %s %d\n", kind, version);
	return (fs_replace(fs, dirfd, "format", text, strlen(text), e));
}

int
fs_stamp(const struct fs *fs, int dirfd, const char *kind, int version,
    struct err *e)
{
	struct err why = ERR_INIT;
	char has[64];
	void *text;
	size_t len;
	int found, n;

	if (fs_slurp(dirfd, "format", 256, &text, &len, &why) == -1) {
		if (why.code == ERR_NOT_FOUND)
			return (stamp_create(fs, dirfd, kind, version, e));
		if (e != NULL)
			*e = why;
		return (-1);
	}
	n = sscanf(text, "leat %63s %d", has, &found);
	free(text);
	if (n != 2)
		return (err_set(e, ERR_REFUSED, "the folder's file \"format\" "
		    "is not one of leat"));
	if (strcmp(has, kind) != 0)
		return (err_set(e, ERR_REFUSED, "the folder holds a %s, not a "
		    "%s; choose another folder", has, kind));
	if (found > version)
		return (err_set(e, ERR_REFUSED, "the folder has format %s %d, "
		    "this program knows up to %d; use a newer leat", kind,
		    found, version));
	return (0);
}

int
fs_space(int dirfd, uint64_t *avail, uint64_t *total, struct err *e)
{
	struct statvfs st;
	int rc;

	do
		rc = fstatvfs(dirfd, &st);
	while (rc == -1 && errno == EINTR);
	if (rc == -1)
		return (err_sys(e, "free space"));
	*avail = (uint64_t)st.f_bavail * st.f_frsize;
	*total = (uint64_t)st.f_blocks * st.f_frsize;
	return (0);
}
