/*
 * Deleting a topic writes a `gone` line first, then renames each folder to
 * <id>.<n>-delete, then answers; the files go when the last user of the topic
 * is gone, in the keeper's thread.  After a crash the `gone` lines say what is
 * left to do; a folder is renamed only when the id inside it is the deleted
 * topic's.
 */
#include "broker/catalogue_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "broker/partition.h"
#include "broker/txns.h"

void
catalogue_gone_add(struct catalogue *c, struct slice name,
    const struct uuid *id, int32_t partitions, bool used)
{
	struct gone *g = xcalloc(1, sizeof *g);

	g->name = xstrndup(name.p, name.len);
	g->id = *id;
	g->partitions = partitions;
	g->used = used;
	g->next = c->gone;
	c->gone = g;
}

void
catalogue_gone_free(struct gone *g)
{
	free(g->name);
	free(g);
}

/* "<id>.<n>-delete" */
static void
gone_folder(char *buf, size_t size, const struct uuid *id, int32_t n)
{
	char text[23];

	snprintf(buf, size, "%s.%d-delete", uuid_print(id, text), n);
}

void
catalogue_move_folders(struct broker *b, const char *name,
    const struct uuid *id, int32_t n)
{
	char from[TOPIC_NAME_MAX + 16], to[64];
	struct err err = ERR_INIT;
	int32_t i;

	for (i = 0; i < n; i++) {
		snprintf(from, sizeof from, "%s-%d", name, i);
		gone_folder(to, sizeof to, id, i);
		if (!partition_folder_is(b, from, id))
			continue;
		if (b->fs->rename(b->fs, b->dirfd, from, to, &err) == -1)
			log_warn("broker", "deleted topic=%s: %s", name,
			    err.msg);
	}
	if (b->fs->sync_dir(b->fs, b->dirfd, &err) == -1)
		fatal_disk("%s: %s", b->dir, err.msg);
}

static int
delete_locked(struct topic *t, struct err *e)
{
	struct broker *b = t->broker;
	struct catalogue *c = b->catalogue;
	struct catalogue_change ch = { .without = t };
	int32_t i, n = atomic_load(&t->npartitions);

	if (atomic_load(&t->deleted))
		return (err_set(e, ERR_NOT_FOUND, "the topic was deleted"));
	if (catalogue_write(b, &ch, e) == -1)
		return (-1);
	mutex_lock(&c->lock);
	atomic_store(&t->deleted, true);
	map_remove(c->by_name, slice_str(t->name));
	map_remove(c->by_id, slice_of(t->id.b, sizeof t->id.b));
	catalogue_gone_add(c, slice_str(t->name), &t->id, n, true);
	if (!t->internal)
		c->npartitions -= n;
	mutex_unlock(&c->lock);
	metric_add_shared(&b->m.topics, -1);
	for (i = 0; i < n; i++)
		partition_gone(topic_partition(t, i));
	catalogue_move_folders(b, t->name, &t->id, n);
	return (0);
}

int
topic_delete(struct topic *t, struct err *e)
{
	struct broker *b = t->broker;
	int rc;

	mutex_lock(&b->catalogue->change);
	rc = delete_locked(t, e);
	mutex_unlock(&b->catalogue->change);
	if (rc == -1)
		return (-1);
	log_info("broker", "deleted topic=%s", t->name);
	groups_topic_deleted(b, t->name);
	txns_topic_deleted(b, t->name);
	topic_unref(t);			/* the map's */
	return (0);
}

void
catalogue_unused(struct broker *b, const struct uuid *id)
{
	struct gone *g;

	mutex_lock(&b->catalogue->lock);
	for (g = b->catalogue->gone; g != NULL; g = g->next)
		if (memcmp(&g->id, id, sizeof *id) == 0)
			g->used = false;
	mutex_unlock(&b->catalogue->lock);
}

static int
remove_folder(struct broker *b, const char *name, struct err *e)
{
	struct err err = ERR_INIT;
	int dirfd, rc;

	dirfd = b->fs->open(b->fs, b->dirfd, name, O_RDONLY | O_DIRECTORY,
	    &err);
	if (dirfd == -1 && err.sys == ENOENT)
		return (0);
	if (dirfd == -1) {
		if (e != NULL)
			*e = err;
		return (-1);
	}
	rc = partition_clear(b, dirfd, e);
	b->fs->close(b->fs, dirfd);
	return (rc == -1 ? -1 : b->fs->rmdir(b->fs, b->dirfd, name, e));
}

static bool
remove_folders(struct broker *b, const struct gone *g)
{
	struct err err = ERR_INIT;
	char name[64];
	bool all = true;
	int32_t i;

	for (i = 0; i < g->partitions; i++) {
		gone_folder(name, sizeof name, &g->id, i);
		if (remove_folder(b, name, &err) == -1) {
			log_warn("broker", "cannot remove %s/%s: %s", b->dir,
			    name, err.msg);
			all = false;
		}
	}
	return (all);
}

/* Takes out of the list what nobody uses. */
static struct gone *
take_unused(struct catalogue *c)
{
	struct gone **p, *g, *v = NULL;

	mutex_lock(&c->lock);
	for (p = &c->gone; (g = *p) != NULL;)
		if (g->used) {
			p = &g->next;
		} else {
			*p = g->next;
			g->next = v;
			v = g;
		}
	mutex_unlock(&c->lock);
	return (v);
}

void
catalogue_sweep(struct broker *b)
{
	struct catalogue *c = b->catalogue;
	struct gone *v, *g;

	mutex_lock(&c->change);
	for (v = take_unused(c); (g = v) != NULL;) {
		v = g->next;
		if (remove_folders(b, g)) {
			catalogue_gone_free(g);
			continue;
		}
		mutex_lock(&c->lock);
		g->next = c->gone;
		c->gone = g;
		mutex_unlock(&c->lock);
	}
	mutex_unlock(&c->change);
}
