/*
 * The folder of a partition: partition.metadata says whose it is.
 */
#include "broker/partition_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"

#define METADATA	"partition.metadata"

static bool
read_id(int dirfd, struct uuid *id, bool *missing, struct err *e)
{
	struct err err = ERR_INIT;
	char *text, *at;
	void *p;
	size_t len;
	bool ok;

	*missing = false;
	if (fs_slurp(dirfd, METADATA, 4096, &p, &len, &err) == -1) {
		*missing = err.code == ERR_NOT_FOUND;
		if (!*missing && e != NULL)
			*e = err;
		return (false);
	}
	text = p;
	ok = (at = strstr(text, "topic_id: ")) != NULL;
	if (ok) {
		at += strlen("topic_id: ");
		at[strcspn(at, "\r\n ")] = '\0';
		ok = uuid_parse(id, at);
	}
	free(text);
	if (!ok)
		err_set(e, ERR_CORRUPT, "%s has no topic_id", METADATA);
	return (ok);
}

bool
partition_folder_is(struct broker *b, const char *name, const struct uuid *id)
{
	struct uuid found;
	bool missing, same;
	int fd;

	fd = openat(b->dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return (false);
	/* Without the file nothing was ever written there. */
	same = read_id(fd, &found, &missing, NULL) ?
	    memcmp(&found, id, sizeof found) == 0 : missing;
	close(fd);
	return (same);
}

static int
write_id(struct partition *p, struct err *e)
{
	char text[80], id[23];
	int n;

	n = snprintf(text, sizeof text, "version: 0\ntopic_id: %s\n",
	    uuid_print(&p->topic->id, id));
	return (fs_replace(p->topic->broker->fs, p->dirfd, METADATA, text,
	    (size_t)n, e));
}

static int
check_id(struct partition *p, struct err *e)
{
	struct uuid id;
	bool missing;

	if (!read_id(p->dirfd, &id, &missing, e))
		return (missing ? write_id(p, e) : -1);
	if (memcmp(&id, &p->topic->id, sizeof id) != 0)
		return (err_set(e, ERR_CORRUPT, "the folder belongs to an "
		    "earlier topic of this name; move it away"));
	return (0);
}

int
partition_folder_dir(struct broker *b, const char *name, struct err *e)
{
	return (b->fs->open(b->fs, b->dirfd, name, O_RDONLY | O_DIRECTORY,
	    e));
}

int
partition_folder_open(struct partition *p, const char *name, struct err *e)
{
	struct broker *b = p->topic->broker;
	struct err err = ERR_INIT;

	p->dirfd = partition_folder_dir(b, name, &err);
	if (p->dirfd == -1 && err.sys != ENOENT)
		return (partition_folder_dir(b, name, e));
	if (p->dirfd == -1 &&
	    (b->fs->mkdir(b->fs, b->dirfd, name, e) == -1 ||
	    (p->dirfd = partition_folder_dir(b, name, e)) == -1))
		return (-1);
	/* Also when it was there: its maker may have died before this. */
	if (b->fs->sync_dir(b->fs, b->dirfd, e) == -1)
		fatal_disk("%s: sync failed", b->dir);
	if (check_id(p, e) == 0)
		return (0);
	b->fs->close(b->fs, p->dirfd);
	p->dirfd = -1;
	return (-1);
}

static bool
ours(const char *name)
{
	size_t n = strlen(name);

	return (strcmp(name, METADATA) == 0 ||
	    strncmp(name, "leader-epoch-checkpoint", 23) == 0 ||
	    (n > 9 && strcmp(name + n - 9, ".snapshot") == 0) ||
	    (n > 9 && strcmp(name + n - 9, ".txnindex") == 0) ||
	    (n > 4 && strcmp(name + n - 4, ".tmp") == 0));
}

int
partition_clear(struct broker *b, int dirfd, struct err *e)
{
	struct dirent *de;
	DIR *d;
	int fd, rc = 0;

	if (seglog_destroy(b->fs, dirfd, e) == -1)
		return (-1);
	fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || (d = fdopendir(fd)) == NULL) {
		if (fd != -1)
			close(fd);
		return (err_sys(e, "read folder"));
	}
	while (rc == 0 && (de = readdir(d)) != NULL)
		if (ours(de->d_name))
			rc = b->fs->unlink(b->fs, dirfd, de->d_name, e);
	closedir(d);
	return (rc);
}
