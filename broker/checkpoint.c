/*
 * Format of checkpoint-0 and checkpoint-1, big-endian: "LCP1", u32 CRC-32C of
 * what follows, u64 generation, u32 count, then per partition 16 bytes topic
 * id, i32 partition, i64 synced end, i64 start.  A file may be longer than
 * that: it is overwritten in place, and the count says where it ends.
 */
#include "broker/checkpoint.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/crc32c.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "broker/partition.h"
#include "broker/topic.h"
#include "seglog/seglog.h"

#define HEAD	20
#define ENTRY	36
#define KEY	20
#define FILE_MAX (256u << 20)

static const char *const names[2] = { "checkpoint-0", "checkpoint-1" };

struct checkpoint {
	struct mutex	 lock;
	int		 fd[2];
	uint64_t	 generation;
	uint8_t		*last;		/* entries as read or written last */
	size_t		 nlast;
	struct map	*read;		/* key -> its entry in `loaded` */
	uint8_t		*loaded;
};

/* The number of entries, or -1. */
static int64_t
check_file(const uint8_t *p, size_t len, uint64_t *generation)
{
	uint32_t n;

	if (len < HEAD || memcmp(p, "LCP1", 4) != 0)
		return (-1);
	n = get_be32(p + 16);
	if (n > (len - HEAD) / ENTRY ||
	    crc32c(0, p + 8, HEAD - 8 + (size_t)n * ENTRY) != get_be32(p + 4))
		return (-1);
	*generation = get_be64(p + 8);
	return (n);
}

static void
read_file(struct broker *b, struct checkpoint *c, int i)
{
	struct err err = ERR_INIT;
	uint64_t generation;
	int64_t n;
	void *p;
	size_t len;

	if (fs_slurp(b->dirfd, names[i], FILE_MAX, &p, &len, &err) == -1) {
		if (err.code != ERR_NOT_FOUND)
			log_warn("broker", "%s: %s", names[i], err.msg);
		return;
	}
	n = check_file(p, len, &generation);
	if (n == -1 && len != 0)
		log_info("broker", "%s is not whole; the other one counts",
		    names[i]);
	if (n == -1 || (c->loaded != NULL && generation < c->generation)) {
		free(p);
		return;
	}
	free(c->loaded);
	c->loaded = p;
	c->nlast = (size_t)n;
	c->generation = generation;
}

void
checkpoint_open(struct broker *b)
{
	struct checkpoint *c = xcalloc(1, sizeof *c);
	uint8_t *p;
	size_t i;

	b->checkpoint = c;
	mutex_init(&c->lock);
	c->fd[0] = c->fd[1] = -1;
	c->read = map_new();
	read_file(b, c, 0);
	read_file(b, c, 1);
	c->last = xmalloc(c->nlast * ENTRY + 1);
	for (i = 0; i < c->nlast; i++) {
		p = c->loaded + HEAD + i * ENTRY;
		map_put(c->read, slice_of(p, KEY), p);
	}
	if (c->nlast > 0)
		memcpy(c->last, c->loaded + HEAD, c->nlast * ENTRY);
}

void
checkpoint_get(struct broker *b, const struct uuid *topic, int32_t partition,
    int64_t *synced, int64_t *start)
{
	uint8_t key[KEY], *p;

	*synced = *start = 0;
	memcpy(key, topic->b, 16);
	put_be32(key + 16, (uint32_t)partition);
	mutex_lock(&b->checkpoint->lock);
	p = map_get(b->checkpoint->read, slice_of(key, KEY));
	if (p != NULL) {
		*synced = (int64_t)get_be64(p + KEY);
		*start = (int64_t)get_be64(p + KEY + 8);
	}
	mutex_unlock(&b->checkpoint->lock);
}

static void
put_partition(struct sb *s, struct partition *p)
{
	int64_t synced = p->recovery_offset, start = p->start;
	uint8_t e[ENTRY], *q;

	if (partition_is_open(p)) {
		synced = seglog_synced(p->log);
		start = seglog_start(p->log);
	}
	if (synced == 0 && start == 0)
		return;
	memcpy(e, p->topic->id.b, 16);
	q = put_be32(e + 16, (uint32_t)p->index);
	q = put_be64(q, (uint64_t)synced);
	put_be64(q, (uint64_t)start);
	sb_add(s, e, sizeof e);
}

static void
put_all(struct broker *b, struct sb *s)
{
	uint8_t head[HEAD] = "LCP1";
	struct topic **v;
	size_t i, n;
	int32_t k;

	sb_add(s, head, sizeof head);
	n = topic_list(b, &v);
	for (i = 0; i < n; i++) {
		for (k = 0; k < atomic_load(&v[i]->npartitions); k++)
			put_partition(s, topic_partition(v[i], k));
		topic_unref(v[i]);
	}
	free(v);
}

static int
open_file(struct broker *b, struct checkpoint *c, int i, struct err *e)
{
	if (c->fd[i] != -1)
		return (0);
	c->fd[i] = b->fs->open(b->fs, b->dirfd, names[i], O_RDWR | O_CREAT,
	    e);
	if (c->fd[i] == -1)
		return (-1);
	return (b->fs->sync_dir(b->fs, b->dirfd, e));
}

static int
write_locked(struct broker *b, struct sb *s, struct err *e)
{
	struct checkpoint *c = b->checkpoint;
	int i = (int)((c->generation + 1) & 1);
	uint8_t *p = (uint8_t *)s->ptr;
	size_t n = (s->len - HEAD) / ENTRY;

	if (n == c->nlast && memcmp(p + HEAD, c->last, n * ENTRY) == 0)
		return (0);
	put_be64(p + 8, c->generation + 1);
	put_be32(p + 16, (uint32_t)n);
	put_be32(p + 4, crc32c(0, p + 8, s->len - 8));
	if (open_file(b, c, i, e) == -1 ||
	    fs_pwrite(b->fs, c->fd[i], p, s->len, 0, e) == -1)
		return (-1);
	if (b->fs->sync(b->fs, c->fd[i], e) == -1)
		fatal_disk("%s/%s: sync failed", b->dir, names[i]);
	c->generation++;
	free(c->last);
	c->last = xmalloc(n * ENTRY + 1);
	memcpy(c->last, p + HEAD, n * ENTRY);
	c->nlast = n;
	return (0);
}

int
checkpoint_write(struct broker *b, struct err *e)
{
	struct sb s = SB_INIT;
	int rc;

	mutex_lock(&b->checkpoint->lock);
	put_all(b, &s);
	rc = write_locked(b, &s, e);
	mutex_unlock(&b->checkpoint->lock);
	sb_fini(&s);
	return (rc == -1 ? err_ctx(e, "checkpoint") : 0);
}

void
checkpoint_close(struct broker *b)
{
	struct checkpoint *c = b->checkpoint;
	int i;

	if (c == NULL)
		return;
	for (i = 0; i < 2; i++)
		if (c->fd[i] != -1)
			b->fs->close(b->fs, c->fd[i]);
	map_free(c->read);
	free(c->loaded);
	free(c->last);
	mutex_fini(&c->lock);
	free(c);
	b->checkpoint = NULL;
}
