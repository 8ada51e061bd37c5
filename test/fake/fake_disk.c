/*
 * The real folder holds what a reader sees now.  Beside it stand the nodes:
 * a file's bytes as they are durable and its changes since (fake_image.c), a
 * folder's names as they are durable; and one list of all changes of names
 * that are not.  Nodes are found by inode number; a number that is used again
 * gets a new node, the old one stays for the names that still lead to it.
 */
#include "test/fake/fake_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/mem.h"
#include "test/fake/fake_priv.h"

static _Thread_local bool watching;	/* inside a watch function */

static const char *const kind_names[] = {
	"create", "write", "zero", "truncate", "sync", "sync_dir", "rename",
	"unlink", "mkdir", "rmdir",
};

static struct fake_disk *
disk_of(const struct fs *fs)
{
	return ((struct fake_disk *)container_of(fs, struct fake_disk, fs));
}

/* --- the frame around each operation --- */

static void
op_watch(struct fake_disk *d, const struct fake_op *op, bool after)
{
	if (d->watch == NULL || watching)
		return;
	watching = true;
	d->watch(d, op, after, d->watch_ctx);
	watching = false;
}

/* Counts down to an ordered failure; its errno, or 0. */
static int
op_failure(struct fake_disk *d, enum fake_kind kind)
{
	if (d->fail_in[kind] == 0 || --d->fail_in[kind] > 0)
		return (0);
	return (d->fail_sys[kind]);
}

/*
 * Numbers the operation, shows it to the watcher and takes the lock.  Returns
 * 0, or the errno it is to fail with.  op_end follows in both cases.
 */
static int
op_begin(struct fake_disk *d, struct fake_op *op, enum fake_kind kind,
    const char *name, uint64_t off, uint64_t len)
{
	*op = (struct fake_op){ .kind = kind, .off = off, .len = len };
	snprintf(op->name, sizeof op->name, "%s", fake_base_name(name));
	mutex_lock(&d->lock);
	op->number = d->nlog + 1;
	GROW(d->log, d->nlog, d->caplog);
	d->log[d->nlog++] = *op;
	mutex_unlock(&d->lock);
	op_watch(d, op, false);
	mutex_lock(&d->lock);
	return (op_failure(d, kind));
}

static int
op_end(struct fake_disk *d, const struct fake_op *op, int rc)
{
	mutex_unlock(&d->lock);
	op_watch(d, op, true);
	return (rc);
}

static int
op_refuse(const struct fake_op *op, int sys, struct err *e)
{
	errno = sys;
	err_sys(e, "%s %s", kind_names[op->kind], op->name);
	if (e != NULL && (sys == ENOSPC || sys == EDQUOT))
		e->code = ERR_FULL;
	return (-1);
}

static void
name_of_fd(struct fake_disk *d, int fd, char name[48])
{
	struct node *n;

	mutex_lock(&d->lock);
	n = fake_node_of_fd(d, fd);
	snprintf(name, 48, "%s", n == NULL ? "?" : n->name);
	mutex_unlock(&d->lock);
}

/* --- files --- */

/* For open of what is there: makes it known, and notes O_TRUNC. */
static int
open_there(struct fake_disk *d, int dirfd, const char *name, int flags,
    struct err *e)
{
	struct node *parent, *n;
	struct fake_op op;
	int fd, sys;

	mutex_lock(&d->lock);
	n = fake_node_at(d, dirfd, name);
	if (n == NULL && (parent = fake_parent_of(d, dirfd, name)) != NULL &&
	    strcmp(fake_base_name(name), ".") != 0 &&
	    strcmp(fake_base_name(name), "..") != 0)
		n = fake_node_adopt(d, parent, dirfd, name);
	mutex_unlock(&d->lock);
	if ((flags & O_TRUNC) == 0 || n == NULL || n->file.size == 0)
		return (fs_real.open(&fs_real, dirfd, name, flags, e));
	if ((sys = op_begin(d, &op, FAKE_TRUNCATE, name, 0, 0)) != 0)
		return (op_end(d, &op, op_refuse(&op, sys, e)));
	fd = fs_real.open(&fs_real, dirfd, name, flags, e);
	if (fd != -1) {
		if (n->linked)
			d->used -= n->file.size;
		fake_file_truncate(&n->file, 0);
	}
	return (op_end(d, &op, fd));
}

static int
fake_open(const struct fs *fs, int dirfd, const char *name, int flags,
    struct err *e)
{
	struct fake_disk *d = disk_of(fs);
	struct node *parent;
	struct fake_op op;
	struct stat st;
	int fd, sys;

	if (fstatat(dirfd, name, &st, 0) == 0 || (flags & O_CREAT) == 0)
		return (open_there(d, dirfd, name, flags, e));
	if ((sys = op_begin(d, &op, FAKE_CREATE, name, 0, 0)) != 0)
		return (op_end(d, &op, op_refuse(&op, sys, e)));
	fd = fs_real.open(&fs_real, dirfd, name, flags, e);
	if (fd != -1 && (parent = fake_parent_of(d, dirfd, name)) != NULL &&
	    fstat(fd, &st) == 0)
		fake_name_change(d, parent, NULL, name,
		    fake_node_new(d, st.st_ino, false, fake_base_name(name)));
	return (op_end(d, &op, fd));
}

static int
fake_close(const struct fs *fs, int fd)
{
	(void)fs;
	return (fs_real.close(&fs_real, fd));
}

/* How much of [off, off + len) there is room for; takes it. */
static uint64_t
room_take(struct fake_disk *d, const struct node *n, uint64_t off,
    uint64_t len)
{
	uint64_t end = off + len, room = d->limit - d->used, growth;

	if (end <= n->file.size || !n->linked)
		return (len);
	growth = end - n->file.size;
	if (d->limit != UINT64_MAX && growth > room) {
		end = n->file.size + room;
		growth = room;
		len = end > off ? end - off : 0;
		if (len == 0)
			return (0);
	}
	d->used += growth;
	return (len);
}

/* The first len bytes of iov. */
static int
write_real(int fd, const struct iovec *iov, int n, uint64_t off, uint64_t len,
    struct err *e)
{
	uint64_t part;
	int i, rc = 0;

	for (i = 0; i < n && len > 0 && rc == 0; i++) {
		part = iov[i].iov_len < len ? iov[i].iov_len : len;
		rc = fs_pwrite(&fs_real, fd, iov[i].iov_base, part,
		    (off_t)off, e);
		off += part;
		len -= part;
	}
	return (rc);
}

static int
fake_pwritev(const struct fs *fs, int fd, const struct iovec *iov, int n,
    off_t off, struct err *e)
{
	struct fake_disk *d = disk_of(fs);
	uint64_t len = 0, fits;
	struct fake_op op;
	struct node *node;
	char name[48];
	int i, rc, sys;

	for (i = 0; i < n; i++)
		len += iov[i].iov_len;
	name_of_fd(d, fd, name);
	sys = op_begin(d, &op, FAKE_WRITE, name, (uint64_t)off, len);
	if (sys != 0)
		return (op_end(d, &op, op_refuse(&op, sys, e)));
	if ((node = fake_node_of_fd(d, fd)) == NULL)
		return (op_end(d, &op, fs_real.pwritev(&fs_real, fd, iov, n,
		    off, e)));
	fits = room_take(d, node, (uint64_t)off, len);
	rc = write_real(fd, iov, n, (uint64_t)off, fits, e);
	if (rc == 0) {
		fake_file_write(&node->file, iov, n, (uint64_t)off, fits);
		if (fits < len)
			rc = op_refuse(&op, ENOSPC, e);
	}
	return (op_end(d, &op, rc));
}

static int
fake_sync(const struct fs *fs, int fd, struct err *e)
{
	struct fake_disk *d = disk_of(fs);
	struct fake_op op;
	struct node *n;
	char name[48];
	int sys;

	name_of_fd(d, fd, name);
	sys = op_begin(d, &op, FAKE_SYNC, name, 0, 0);
	n = fake_node_of_fd(d, fd);
	if (sys != 0) {
		if (n != NULL)
			fake_file_doom(&n->file);
		return (op_end(d, &op, op_refuse(&op, sys, e)));
	}
	if (n != NULL && !d->lie)
		fake_file_sync(&n->file);
	if (n == NULL && fcntl(fd, F_GETFD) == -1)
		return (op_end(d, &op, op_refuse(&op, EBADF, e)));
	return (op_end(d, &op, 0));
}

static int
fake_truncate(const struct fs *fs, int fd, off_t size, struct err *e)
{
	struct fake_disk *d = disk_of(fs);
	uint64_t to = (uint64_t)size;
	struct fake_op op;
	struct node *n;
	char name[48];
	int rc, sys;

	name_of_fd(d, fd, name);
	sys = op_begin(d, &op, FAKE_TRUNCATE, name, 0, to);
	if (sys != 0)
		return (op_end(d, &op, op_refuse(&op, sys, e)));
	rc = fs_real.truncate(&fs_real, fd, size, e);
	if (rc == 0 && (n = fake_node_of_fd(d, fd)) != NULL) {
		/* A hole takes no room. */
		if (to < n->file.size && n->linked)
			d->used -= n->file.size - to;
		else if (n->linked)
			d->used += to - n->file.size;
		fake_file_truncate(&n->file, to);
	}
	return (op_end(d, &op, rc));
}

/* Zeroes what is there and leaves a hole for the rest: the same to a reader. */
static int
zero_real(int fd, uint64_t off, uint64_t len, uint64_t size, struct err *e)
{
	static const char zeroes[65536];
	uint64_t end = off + len, stop = end < size ? end : size, part;

	for (; off < stop; off += part) {
		part = stop - off < sizeof zeroes ? stop - off : sizeof zeroes;
		if (fs_pwrite(&fs_real, fd, zeroes, part, (off_t)off, e) == -1)
			return (-1);
	}
	return (end > size ? fs_real.truncate(&fs_real, fd, (off_t)end, e) :
	    0);
}

static int
fake_zero(const struct fs *fs, int fd, off_t at, off_t n, struct err *e)
{
	struct fake_disk *d = disk_of(fs);
	uint64_t off = (uint64_t)at, len = (uint64_t)n, used;
	struct fake_op op;
	struct node *node;
	char name[48];
	int rc, sys;

	if (d->no_zero)
		return (err_set(e, ERR_REFUSED, "zero: not supported"));
	name_of_fd(d, fd, name);
	sys = op_begin(d, &op, FAKE_ZERO, name, off, len);
	if (sys != 0)
		return (op_end(d, &op, op_refuse(&op, sys, e)));
	if ((node = fake_node_of_fd(d, fd)) == NULL)
		return (op_end(d, &op, fs_real.zero(&fs_real, fd, at, n, e)));
	used = d->used;
	if (room_take(d, node, off, len) < len) {
		d->used = used;
		return (op_end(d, &op, op_refuse(&op, ENOSPC, e)));
	}
	rc = zero_real(fd, off, len, node->file.size, e);
	if (rc == 0)
		fake_file_zero(&node->file, off, len);
	return (op_end(d, &op, rc));
}

/* What it has started is as unsure as any write before its sync. */
static void
fake_start(const struct fs *fs, int fd, off_t at, off_t n)
{
	(void)fs;
	(void)fd;
	(void)at;
	(void)n;
}

/* --- names --- */

static int
fake_sync_dir(const struct fs *fs, int dirfd, struct err *e)
{
	struct fake_disk *d = disk_of(fs);
	struct fake_op op;
	struct node *n;
	char name[48];
	int sys;

	name_of_fd(d, dirfd, name);
	sys = op_begin(d, &op, FAKE_SYNC_DIR, name, 0, 0);
	n = fake_node_of_fd(d, dirfd);
	if (n != NULL && (sys != 0 || !d->lie))
		fake_names_settle(d, n, sys == 0);
	return (op_end(d, &op, sys == 0 ? 0 : op_refuse(&op, sys, e)));
}

static int
fake_rename(const struct fs *fs, int dirfd, const char *from, const char *to,
    struct err *e)
{
	struct fake_disk *d = disk_of(fs);
	struct node *parent, *n, *gone;
	struct fake_op op;
	int rc, sys;

	if ((sys = op_begin(d, &op, FAKE_RENAME, to, 0, 0)) != 0)
		return (op_end(d, &op, op_refuse(&op, sys, e)));
	parent = fake_parent_of(d, dirfd, from);
	CHECK(parent == fake_parent_of(d, dirfd, to));
	n = fake_node_at(d, dirfd, from);
	if (n == NULL && parent != NULL)
		n = fake_node_adopt(d, parent, dirfd, from);
	gone = fake_node_at(d, dirfd, to);
	rc = fs_real.rename(&fs_real, dirfd, from, to, e);
	if (rc == 0 && parent != NULL && n != NULL && n != gone) {
		fake_node_unlinked(d, gone);
		fake_name_change(d, parent, from, to, n);
	}
	return (op_end(d, &op, rc));
}

static int
remove_name(struct fake_disk *d, enum fake_kind kind, int dirfd,
    const char *name, struct err *e)
{
	struct node *parent, *n;
	struct fake_op op;
	int rc, sys;

	if ((sys = op_begin(d, &op, kind, name, 0, 0)) != 0)
		return (op_end(d, &op, op_refuse(&op, sys, e)));
	parent = fake_parent_of(d, dirfd, name);
	n = fake_node_at(d, dirfd, name);
	rc = (kind == FAKE_UNLINK ? fs_real.unlink : fs_real.rmdir)(&fs_real,
	    dirfd, name, e);
	if (rc == 0 && parent != NULL) {
		fake_node_unlinked(d, n);
		fake_name_change(d, parent, name, NULL, NULL);
	}
	return (op_end(d, &op, rc));
}

static int
fake_unlink(const struct fs *fs, int dirfd, const char *name, struct err *e)
{
	return (remove_name(disk_of(fs), FAKE_UNLINK, dirfd, name, e));
}

static int
fake_rmdir(const struct fs *fs, int dirfd, const char *name, struct err *e)
{
	return (remove_name(disk_of(fs), FAKE_RMDIR, dirfd, name, e));
}

static int
fake_mkdir(const struct fs *fs, int dirfd, const char *name, struct err *e)
{
	struct fake_disk *d = disk_of(fs);
	struct node *parent;
	struct fake_op op;
	struct stat st;
	int rc, sys;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return (fs_real.mkdir(&fs_real, dirfd, name, e));
	if ((sys = op_begin(d, &op, FAKE_MKDIR, name, 0, 0)) != 0)
		return (op_end(d, &op, op_refuse(&op, sys, e)));
	rc = fs_real.mkdir(&fs_real, dirfd, name, e);
	if (rc == 0 && (parent = fake_parent_of(d, dirfd, name)) != NULL &&
	    fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		fake_name_change(d, parent, NULL, name,
		    fake_node_new(d, st.st_ino, true, fake_base_name(name)));
	return (op_end(d, &op, rc));
}

const struct fs fake_disk_vtable = {
	.open = fake_open,
	.close = fake_close,
	.pwritev = fake_pwritev,
	.sync = fake_sync,
	.start = fake_start,
	.sync_dir = fake_sync_dir,
	.truncate = fake_truncate,
	.zero = fake_zero,
	.rename = fake_rename,
	.unlink = fake_unlink,
	.mkdir = fake_mkdir,
	.rmdir = fake_rmdir,
};

/* --- looking on, and mischief --- */

uint64_t
fake_disk_ops(struct fake_disk *d)
{
	uint64_t n;

	mutex_lock(&d->lock);
	n = d->nlog;
	mutex_unlock(&d->lock);
	return (n);
}

const struct fake_op *
fake_disk_log(struct fake_disk *d, size_t *n)
{
	const struct fake_op *v;

	mutex_lock(&d->lock);
	*n = d->nlog;
	v = d->log;
	mutex_unlock(&d->lock);
	return (v);
}

size_t
fake_disk_pending(struct fake_disk *d)
{
	size_t n;

	mutex_lock(&d->lock);
	n = d->n;
	for (struct node *node = d->nodes; node != NULL; node = node->next)
		n += node->file.n;
	mutex_unlock(&d->lock);
	return (n);
}

const char *
fake_op_print(const struct fake_op *op, char *buf, size_t size)
{
	int n = snprintf(buf, size, "%llu %s %s",
	    (unsigned long long)op->number, kind_names[op->kind], op->name);

	if ((op->off != 0 || op->len != 0) && (size_t)n < size)
		snprintf(buf + n, size - (size_t)n, " %llu+%llu",
		    (unsigned long long)op->off, (unsigned long long)op->len);
	return (buf);
}

void
fake_disk_watch(struct fake_disk *d, void (*fn)(struct fake_disk *,
    const struct fake_op *, bool, void *), void *ctx)
{
	mutex_lock(&d->lock);
	d->watch = fn;
	d->watch_ctx = ctx;
	mutex_unlock(&d->lock);
}

void
fake_disk_fail(struct fake_disk *d, enum fake_kind kind, uint64_t n, int sys)
{
	mutex_lock(&d->lock);
	d->fail_in[kind] = n;
	d->fail_sys[kind] = sys;
	mutex_unlock(&d->lock);
}

void
fake_disk_fail_sync(struct fake_disk *d, uint64_t n)
{
	fake_disk_fail(d, FAKE_SYNC, n, EIO);
}

void
fake_disk_full_after(struct fake_disk *d, uint64_t bytes)
{
	mutex_lock(&d->lock);
	if (__builtin_add_overflow(d->used, bytes, &d->limit))
		d->limit = UINT64_MAX;
	mutex_unlock(&d->lock);
}

void
fake_disk_no_zero(struct fake_disk *d)
{
	d->no_zero = true;
}

void
fake_disk_lie(struct fake_disk *d, bool lie)
{
	mutex_lock(&d->lock);
	d->lie = lie;
	mutex_unlock(&d->lock);
}
