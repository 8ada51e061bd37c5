/*
 * Two slots of 4096 bytes.  Value number g stands in slot g & 1, so a write
 * never touches the newest one:
 *
 *	u32 magic, u32 length, u64 g, u32 CRC-32C of those 16 bytes and the
 *	value, value, zeroes				(big-endian)
 *
 * The file comes into being by rename, complete, with an empty value number 1
 * in it.  So a file without a valid slot is damage, never a write that a
 * crash cut short, and every later write goes over blocks that are there.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/crc32c.h"
#include "base/fs.h"

#define MAGIC		0x6c736c74u
#define SLOT		4096
#define HEAD		20
#define VALUE_MAX	4000

static void
slot_encode(uint8_t slot[SLOT], uint64_t generation, const void *value,
    uint32_t n)
{
	uint8_t *p = slot;

	memset(slot, 0, SLOT);
	p = put_be32(p, MAGIC);
	p = put_be32(p, n);
	p = put_be64(p, generation);
	if (n != 0)
		memcpy(slot + HEAD, value, n);
	put_be32(p, crc32c(crc32c(0, slot, 16), slot + HEAD, n));
}

/* The generation, or 0 when the slot is not valid. */
static uint64_t
slot_decode(const uint8_t *slot, unsigned number, uint32_t *n)
{
	uint64_t generation = get_be64(slot + 8);

	*n = get_be32(slot + 4);
	if (get_be32(slot) != MAGIC || *n > VALUE_MAX ||
	    (generation & 1) != number ||
	    get_be32(slot + 16) != crc32c(crc32c(0, slot, 16), slot + HEAD, *n))
		return (0);
	return (generation);
}

static int
slots_create(const struct fs *fs, int dirfd, const char *name, struct err *e)
{
	uint8_t file[2 * SLOT] = { 0 };

	slot_encode(file + SLOT, 1, NULL, 0);
	return (fs_replace(fs, dirfd, name, file, sizeof file, e));
}

/* Finds the newest value; generation stays 0 when there is none. */
static int
slots_read(struct fs_slots *s, void *value, bool *found, struct err *e)
{
	uint8_t file[2 * SLOT] = { 0 };
	uint64_t generation;
	uint32_t n, len = 0;
	const uint8_t *newest = NULL;

	if (fs_pread(s->fd, file, sizeof file, 0, e) == -1)
		return (-1);
	for (unsigned i = 0; i < 2; i++) {
		generation = slot_decode(file + i * SLOT, i, &n);
		if (generation <= s->generation)
			continue;
		s->generation = generation;
		newest = file + i * SLOT;
		len = n;
	}
	if (newest == NULL)
		return (err_set(e, ERR_CORRUPT, "neither slot is valid"));
	if (len != 0 && len != s->size)
		return (err_set(e, ERR_CORRUPT, "the value has %u bytes, not "
		    "%u", len, s->size));
	*found = len != 0;
	if (*found)
		memcpy(value, newest + HEAD, len);
	return (0);
}

/* Missing, or empty: what an administrator's touch(1) leaves. */
static bool
slots_missing(int dirfd, const char *name)
{
	struct stat st;

	return (fstatat(dirfd, name, &st, 0) == -1 || st.st_size == 0);
}

int
fs_slots_open(struct fs_slots *s, const struct fs *fs, int dirfd,
    const char *name, void *value, uint32_t size, bool *found, struct err *e)
{
	CHECK(size > 0 && size <= VALUE_MAX);
	*s = (struct fs_slots){ .fs = fs, .fd = -1, .size = size };
	if (slots_missing(dirfd, name) &&
	    slots_create(fs, dirfd, name, e) == -1)
		goto err0;
	if ((s->fd = fs->open(fs, dirfd, name, O_RDWR, e)) == -1)
		goto err0;
	/*
	 * What is read may be in the page cache alone, from a process that
	 * was killed before its sync; no one shall see it and lose it again.
	 */
	if (slots_read(s, value, found, e) == -1 ||
	    fs->sync(fs, s->fd, e) == -1 || fs->sync_dir(fs, dirfd, e) == -1)
		goto err1;
	return (0);
err1:
	fs_slots_close(s);
err0:
	return (err_ctx(e, "%s", name));
}

int
fs_slots_write(struct fs_slots *s, const void *value, struct err *e)
{
	uint64_t generation = s->generation + 1;
	uint8_t slot[SLOT];

	slot_encode(slot, generation, value, s->size);
	if (fs_pwrite(s->fs, s->fd, slot, SLOT,
	    (off_t)(generation & 1) * SLOT, e) == -1 ||
	    s->fs->sync(s->fs, s->fd, e) == -1)
		return (-1);
	s->generation = generation;
	return (0);
}

void
fs_slots_close(struct fs_slots *s)
{
	if (s->fd != -1)
		s->fs->close(s->fs, s->fd);
	s->fd = -1;
}
