/* What a fake disk knows: files, folders, names; and how it comes and goes. */
#include "test/fake/fake_priv.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"

static struct slice
inode_key(const ino_t *ino)
{
	return (slice_of(ino, sizeof *ino));
}

struct node *
fake_node_new(struct fake_disk *d, ino_t ino, bool dir, const char *name)
{
	struct node *n = xcalloc(1, sizeof *n);

	snprintf(n->name, sizeof n->name, "%s", name);
	n->dir = dir;
	n->linked = true;
	if (dir)
		n->names = map_new();
	n->next = d->nodes;
	d->nodes = n;
	map_put(d->inodes, inode_key(&ino), n);
	return (n);
}

static struct node *
node_of_stat(struct fake_disk *d, const struct stat *st)
{
	return (st->st_dev != d->dev ? NULL :
	    map_get(d->inodes, inode_key(&st->st_ino)));
}

/* NULL: not of this disk, or not known. */
struct node *
fake_node_of_fd(struct fake_disk *d, int fd)
{
	struct stat st;

	return (fstat(fd, &st) == -1 ? NULL : node_of_stat(d, &st));
}

/* A known node whose name is there; a reused number is not it. */
struct node *
fake_node_at(struct fake_disk *d, int dirfd, const char *name)
{
	struct stat st;
	struct node *n;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return (NULL);
	n = node_of_stat(d, &st);
	return (n != NULL && n->linked && n->dir == !!S_ISDIR(st.st_mode) ?
	    n : NULL);
}

void
fake_node_unlinked(struct fake_disk *d, struct node *n)
{
	if (n == NULL)
		return;
	n->linked = false;
	if (!n->dir)
		d->used -= n->file.size;
}

const char *
fake_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return (slash == NULL ? path : slash + 1);
}

/* The folder that path's last part lies in; NULL: none of ours. */
struct node *
fake_parent_of(struct fake_disk *d, int dirfd, const char *path)
{
	const char *base = fake_base_name(path);
	struct node *n;
	char *dir;
	int fd;

	if (base == path)
		return (fake_node_of_fd(d, dirfd));
	dir = xstrndup(path, (size_t)(base - path));
	fd = openat(dirfd, dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	if (fd == -1)
		return (NULL);
	n = fake_node_of_fd(d, fd);
	close(fd);
	return (n);
}

/* A file or folder that came from outside: durable as it is. */
struct node *
fake_node_adopt(struct fake_disk *d, struct node *parent, int dirfd,
    const char *path)
{
	const char *name = fake_base_name(path);
	struct node *n;
	struct stat st;
	uint8_t page[FAKE_PAGE];
	ssize_t got;
	off_t off;
	int fd;

	if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)))
		return (NULL);
	n = fake_node_new(d, st.st_ino, S_ISDIR(st.st_mode), name);
	map_put(parent->names, slice_str(name), n);
	if (n->dir)
		return (n);
	if ((fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC)) != -1) {
		for (off = 0; (got = fs_pread(fd, page, sizeof page, off,
		    NULL)) > 0; off += got)
			fake_image_set(&n->file.durable, (uint64_t)off, page,
			    (size_t)got);
		close(fd);
	}
	n->file.size = n->file.durable.size;
	d->used += n->file.size;
	return (n);
}

void
fake_name_change(struct fake_disk *d, struct node *dir, const char *from,
    const char *to, struct node *node)
{
	GROW(d->v, d->n, d->cap);
	d->v[d->n++] = (struct name_change){ .dir = dir,
		.from = from == NULL ? NULL : xstrdup(fake_base_name(from)),
		.to = to == NULL ? NULL : xstrdup(fake_base_name(to)),
		.node = node };
	if (to != NULL && node != NULL)
		snprintf(node->name, sizeof node->name, "%s",
		    fake_base_name(to));
}

void
fake_name_apply(struct map *names, const struct name_change *c)
{
	if (c->from != NULL)
		map_remove(names, slice_str(c->from));
	if (c->to != NULL)
		map_put(names, slice_str(c->to), c->node);
}

static void
name_change_free(struct name_change *c)
{
	free(c->from);
	free(c->to);
}

/* The folder's changes leave the list; they are durable, or lost for good. */
void
fake_names_settle(struct fake_disk *d, struct node *dir, bool durable)
{
	size_t i, n = 0;

	for (i = 0; i < d->n; i++) {
		if (d->v[i].dir != dir) {
			d->v[n++] = d->v[i];
			continue;
		}
		if (durable)
			fake_name_apply(dir->names, &d->v[i]);
		name_change_free(&d->v[i]);
	}
	d->n = n;
}

/* --- the disk --- */

struct fake_disk *
fake_disk_new(void)
{
	struct fake_disk *d = xcalloc(1, sizeof *d);
	const char *base = getenv("TMPDIR");
	struct stat st;

	if (base == NULL)
		base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	snprintf(d->path, sizeof d->path, "%s/leat-disk-XXXXXX", base);
	CHECK(mkdtemp(d->path) != NULL);
	CHECK(stat(d->path, &st) == 0);
	d->fs = fake_disk_vtable;
	mutex_init(&d->lock);
	d->dev = st.st_dev;
	d->inodes = map_new();
	d->limit = UINT64_MAX;
	d->root = fake_node_new(d, st.st_ino, true, "/");
	return (d);
}

static void
remove_below(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *e;
	DIR *dir;

	if (fd == -1)
		return;
	if ((dir = fdopendir(fd)) == NULL) {
		close(fd);
		return;
	}
	while ((e = readdir(dir)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, e->d_name, 0) == 0)
			continue;
		remove_below(fd, e->d_name);
		unlinkat(fd, e->d_name, AT_REMOVEDIR);
	}
	closedir(dir);
}

/* The nodes and what is pending; the real folder stays. */
static void
disk_forget(struct fake_disk *d)
{
	struct node *n;

	while ((n = d->nodes) != NULL) {
		d->nodes = n->next;
		fake_file_fini(&n->file);
		map_free(n->names);
		free(n);
	}
	for (size_t i = 0; i < d->n; i++)
		name_change_free(&d->v[i]);
	d->n = 0;
	d->used = 0;
	map_free(d->inodes);
}

void
fake_disk_free(struct fake_disk *d)
{
	if (d == NULL)
		return;
	disk_forget(d);
	remove_below(AT_FDCWD, d->path);
	rmdir(d->path);
	mutex_fini(&d->lock);
	free(d->v);
	free(d->log);
	free(d);
}

const struct fs *
fake_disk_fs(struct fake_disk *d)
{
	return (&d->fs);
}

const char *
fake_disk_path(const struct fake_disk *d)
{
	return (d->path);
}

static void
adopt_below(struct fake_disk *d, struct node *parent, int fd)
{
	struct dirent *e;
	struct node *n;
	DIR *dir = fdopendir(fd);
	int sub;

	CHECK(dir != NULL);
	while ((e = readdir(dir)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		n = fake_node_adopt(d, parent, fd, e->d_name);
		if (n == NULL || !n->dir)
			continue;
		sub = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		CHECK(sub != -1);
		adopt_below(d, n, sub);
	}
	closedir(dir);
}

void
fake_disk_adopt(struct fake_disk *d)
{
	int fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	CHECK(fd != -1 && fstat(fd, &st) == 0);
	mutex_lock(&d->lock);
	disk_forget(d);
	d->inodes = map_new();
	d->root = fake_node_new(d, st.st_ino, true, "/");
	adopt_below(d, d->root, fd);
	mutex_unlock(&d->lock);
}
