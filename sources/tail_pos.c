/*
 * A frame is length u32, CRC u32, and a cursor as base/cursor.h encodes it.
 * The CRC goes on from the one of the frame before, so a frame from an earlier
 * life of the same blocks does not pass for the next one.  Reading stops at
 * the first frame that is not right; everything before it was put in this
 * order, and nothing behind it counts.
 *
 * The file begins with its name and version and the first frame holds all
 * entries; writing it anew is a file beside it, synced and renamed.
 */
#include "sources/tail_pos.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/crc32c.h"
#include "base/mem.h"

#define MAGIC		"leatpos1"
#define MAGIC_SIZE	8
#define FRAME_HEAD	8
#define NAME		"positions"
#define FILE_MAX	((size_t)1 << 30)
#define SLACK		(64 * 1024)

struct tail_pos {
	const struct fs		*fs;
	int			 dirfd, fd;
	struct cursor_set	*all;
	struct cursor_set	*changed;	/* since the last frame */
	struct cursor_set	*removed;	/* likewise; keys */
	uint64_t		 size;		/* of the good log */
	uint64_t		 base;		/* size when written anew */
	uint32_t		 crc;
	bool			 unsynced;
};

/* --- reading --- */

static uint32_t
seed(void)
{
	return (crc32c(0, MAGIC, MAGIC_SIZE));
}

size_t
tail_pos_decode(struct slice log, struct cursor_set *out, uint32_t *crc)
{
	size_t at = MAGIC_SIZE, len;
	uint32_t next;

	*crc = seed();
	if (log.len < MAGIC_SIZE || memcmp(log.p, MAGIC, MAGIC_SIZE) != 0)
		return (0);
	while (log.len - at >= FRAME_HEAD) {
		len = get_be32(log.p + at);
		if (len > log.len - at - FRAME_HEAD)
			break;
		next = crc32c(*crc, log.p + at + FRAME_HEAD, len);
		if (next != get_be32(log.p + at + 4) || cursor_decode(slice_of(
		    log.p + at + FRAME_HEAD, len), out, NULL) == -1)
			break;
		*crc = next;
		at += FRAME_HEAD + len;
	}
	return (at);
}

/* --- writing --- */

static uint8_t *
frame(const struct cursor *c, uint32_t *crc, size_t *size)
{
	size_t len = cursor_size(c);
	uint8_t *buf = xmalloc(MAGIC_SIZE + FRAME_HEAD + len), *p = buf;

	memcpy(p, MAGIC, MAGIC_SIZE);	/* for whom it begins a file */
	p += MAGIC_SIZE;
	cursor_encode(c, p + FRAME_HEAD);
	*crc = crc32c(*crc, p + FRAME_HEAD, len);
	put_be32(p, (uint32_t)len);
	put_be32(p + 4, *crc);
	*size = MAGIC_SIZE + FRAME_HEAD + len;
	return (buf);
}

static void
all_written(struct tail_pos *p)
{
	cursor_set_clear(p->changed);
	cursor_set_clear(p->removed);
}

static int
write_anew(struct tail_pos *p, struct err *e)
{
	struct cursor all = cursor_set_view(p->all);
	uint32_t crc = seed();
	uint8_t *buf;
	size_t size;
	int rc, fd;

	buf = frame(&all, &crc, &size);
	rc = fs_replace(p->fs, p->dirfd, NAME, buf, size, e);
	free(buf);
	if (rc == -1)
		return (-1);
	fd = p->fs->open(p->fs, p->dirfd, NAME, O_RDWR, e);
	if (fd == -1)
		return (-1);
	if (p->fd != -1)
		p->fs->close(p->fs, p->fd);
	p->fd = fd;
	p->size = p->base = size;
	p->crc = crc;
	p->unsynced = false;
	all_written(p);
	return (0);
}

static int
append(struct tail_pos *p, struct err *e)
{
	struct cursor changed = cursor_set_view(p->changed);
	struct cursor removed = cursor_set_view(p->removed), c;
	struct cursor_entry *v;
	uint32_t crc = p->crc;
	uint8_t *buf;
	size_t i, size;
	int rc;

	c.n = changed.n + removed.n;
	if (c.n == 0)
		return (0);
	c.v = v = xreallocarray(NULL, c.n, sizeof *v);
	for (i = 0; i < removed.n; i++) {
		v[i] = removed.v[i];
		v[i].offset = CURSOR_GONE;
	}
	for (i = 0; i < changed.n; i++)
		v[removed.n + i] = changed.v[i];
	buf = frame(&c, &crc, &size);
	rc = fs_pwrite(p->fs, p->fd, buf + MAGIC_SIZE, size - MAGIC_SIZE,
	    (off_t)p->size, e);
	free(buf);
	free(v);
	if (rc == -1)
		return (-1);
	p->size += size - MAGIC_SIZE;
	p->crc = crc;
	p->unsynced = true;
	all_written(p);
	return (0);
}

int
tail_pos_flush(struct tail_pos *p, bool sync, struct err *e)
{
	struct err why = ERR_INIT;

	if (append(p, e) == -1)
		return (-1);
	if (p->size > 2 * p->base + SLACK && write_anew(p, e) == -1)
		return (-1);
	if (sync && p->unsynced) {
		if (p->fs->sync(p->fs, p->fd, &why) == -1)
			fatal_disk("positions: %s", why.msg);
		p->unsynced = false;
	}
	return (0);
}

bool
tail_pos_dirty(const struct tail_pos *p)
{
	return (p->unsynced || cursor_set_size(p->changed) > 0 ||
	    cursor_set_size(p->removed) > 0);
}

struct cursor
tail_pos_view(struct tail_pos *p)
{
	return (cursor_set_view(p->all));
}

void
tail_pos_put(struct tail_pos *p, const struct cursor *c)
{
	const struct cursor_entry *old;
	struct cursor_entry gone;
	size_t i;

	for (i = 0; i < c->n; i++) {
		old = cursor_set_get(p->all, c->v[i].key);
		if (c->v[i].offset == CURSOR_GONE) {
			if (old == NULL)
				continue;
			gone = (struct cursor_entry){ c->v[i].key, 0,
			    slice_of("", 0) };
			cursor_set_put(p->removed, &gone);
			cursor_set_put(p->changed, &c->v[i]);
		} else if (old == NULL || old->offset < c->v[i].offset) {
			gone = c->v[i];
			gone.offset = CURSOR_GONE;
			cursor_set_put(p->removed, &gone);
			cursor_set_put(p->changed, &c->v[i]);
		} else
			continue;
		cursor_set_put(p->all, &c->v[i]);
	}
}

/* --- life --- */

static int
load(struct tail_pos *p, bool *found, struct err *e)
{
	struct err why = ERR_INIT;
	void *text;
	size_t len;

	*found = false;
	if (fs_slurp(p->dirfd, NAME, FILE_MAX, &text, &len, &why) == -1) {
		if (why.code == ERR_NOT_FOUND)
			return (write_anew(p, e));
		return (err_set(e, why.code, "%s", why.msg));
	}
	p->size = p->base = tail_pos_decode(slice_of(text, len), p->all,
	    &p->crc);
	free(text);
	if (p->size == 0 && len >= MAGIC_SIZE)
		return (err_set(e, ERR_CORRUPT, NAME " is no file of "
		    "positions, or one of a newer leat; move it away to begin "
		    "without"));
	*found = p->size > MAGIC_SIZE;
	if (p->size < len)	/* torn: what is behind is never read again */
		return (write_anew(p, e));
	p->fd = p->fs->open(p->fs, p->dirfd, NAME, O_RDWR, e);
	return (p->fd == -1 ? -1 : 0);
}

struct tail_pos *
tail_pos_open(const struct fs *fs, const char *dir, bool *found,
    struct err *e)
{
	struct tail_pos *p = xcalloc(1, sizeof *p);

	p->fs = fs;
	p->fd = -1;
	p->all = cursor_set_new();
	p->changed = cursor_set_new();
	p->removed = cursor_set_new();
	if ((p->dirfd = fs_open_dir(fs, dir, e)) != -1 &&
	    load(p, found, e) == 0)
		return (p);
	err_ctx(e, "positions in %s", dir);
	tail_pos_close(p);
	return (NULL);
}

void
tail_pos_close(struct tail_pos *p)
{
	if (p == NULL)
		return;
	if (p->fd != -1)
		p->fs->close(p->fs, p->fd);
	if (p->dirfd != -1)
		p->fs->close(p->fs, p->dirfd);
	cursor_set_free(p->all);
	cursor_set_free(p->changed);
	cursor_set_free(p->removed);
	free(p);
}
