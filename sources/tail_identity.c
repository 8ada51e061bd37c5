/*
 * Keys, notes and marks.  A note is small (33 bytes and the path), because one
 * goes with every batch.
 */
#include "sources/tail_identity.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/crc32c.h"
#include "base/fs.h"

#define NOTE_VERSION	1
#define NOTE_FIXED	(1 + 4 + 4 + 4 + 8 + 2 + 2)

void
tail_id_of(const struct statx *st, struct tail_id *id)
{
	id->dev = (uint64_t)st->stx_dev_major << 32 | st->stx_dev_minor;
	id->ino = st->stx_ino;
	id->birth = 0;
	if ((st->stx_mask & STATX_BTIME) != 0)
		id->birth = (int64_t)((uint64_t)st->stx_btime.tv_sec *
		    1000000000u + st->stx_btime.tv_nsec);
}

bool
tail_id_eq(const struct tail_id *a, const struct tail_id *b)
{
	return (a->ino == b->ino && a->dev == b->dev && a->birth == b->birth);
}

void
tail_key_encode(const struct tail_id *id, uint32_t generation,
    uint8_t key[TAIL_KEY_SIZE])
{
	uint8_t *p = key;

	p = put_be64(p, id->dev);
	p = put_be64(p, id->ino);
	p = put_be64(p, (uint64_t)id->birth);
	put_be32(p, generation);
}

bool
tail_key_decode(struct slice s, struct tail_id *id, uint32_t *generation)
{
	if (s.len != TAIL_KEY_SIZE)
		return (false);
	id->dev = get_be64(s.p);
	id->ino = get_be64(s.p + 8);
	id->birth = (int64_t)get_be64(s.p + 16);
	*generation = get_be32(s.p + 24);
	return (true);
}

static uint8_t *
put_path(uint8_t *p, struct slice path)
{
	CHECK(path.len <= TAIL_PATH_MAX);
	p = put_be16(p, (uint16_t)path.len);
	if (path.len > 0)
		memcpy(p, path.p, path.len);
	return (p + path.len);
}

/*
 * version u8, prefix_crc u32, back_crc u32, part u32, size u64, then path and
 * logical, each u16 length and bytes; logical is empty when equal to path.
 */
size_t
tail_note_encode(const struct tail_note *n, uint8_t *out)
{
	uint8_t *p = out;

	*p++ = NOTE_VERSION;
	p = put_be32(p, n->mark.prefix_crc);
	p = put_be32(p, n->mark.back_crc);
	p = put_be32(p, n->mark.part);
	p = put_be64(p, n->size);
	p = put_path(p, n->path);
	p = put_path(p, slice_eq(n->path, n->logical) ?
	    slice_of(p, 0) : n->logical);
	return ((size_t)(p - out));
}

static bool
get_path(struct slice *in, struct slice *path)
{
	size_t len;

	if (in->len < 2)
		return (false);
	len = get_be16(in->p);
	if (len > TAIL_PATH_MAX || in->len - 2 < len)
		return (false);
	*path = slice_of(in->p + 2, len);
	*in = slice_of(in->p + 2 + len, in->len - 2 - len);
	return (memchr(path->p, '\0', len) == NULL);
}

bool
tail_note_decode(const struct cursor_entry *entry, struct tail_note *n)
{
	const uint8_t *p = entry->note.p;
	struct slice rest;

	if (entry->note.len < NOTE_FIXED || p[0] != NOTE_VERSION)
		return (false);
	n->mark.pos = entry->offset;
	n->mark.prefix_crc = get_be32(p + 1);
	n->mark.back_crc = get_be32(p + 5);
	n->mark.part = get_be32(p + 9);
	n->size = get_be64(p + 13);
	rest = slice_of(p + 21, entry->note.len - 21);
	if (!get_path(&rest, &n->path) || !get_path(&rest, &n->logical))
		return (false);
	if (n->logical.len == 0)
		n->logical = n->path;
	return (rest.len == 0 && n->path.len > 1 && n->path.p[0] == '/' &&
	    n->logical.p[0] == '/');
}

/* --- marks --- */

static uint32_t
prefix_len(uint64_t pos)
{
	return (pos < TAIL_PREFIX_MAX ? (uint32_t)pos : TAIL_PREFIX_MAX);
}

/* The bytes [from, to) of the file, from the window or read into tmp. */
static const uint8_t *
bytes_at(uint64_t from, uint64_t to, const struct tail_window *w, int fd,
    uint8_t *tmp, struct err *e)
{
	size_t len = (size_t)(to - from);
	ssize_t n;

	if (w != NULL && from >= w->off && to <= w->off + w->len)
		return (w->p + (from - w->off));
	if ((n = fs_pread(fd, tmp, len, (off_t)from, e)) == -1)
		return (NULL);
	if ((size_t)n < len) {
		err_set(e, ERR_CORRUPT, "bytes %llu to %llu are gone",
		    (unsigned long long)from, (unsigned long long)to);
		return (NULL);
	}
	return (tmp);
}

int
tail_mark_move(struct tail_mark *m, uint64_t pos, const struct tail_window *w,
    int fd, struct err *e)
{
	uint8_t tmp[TAIL_PREFIX_MAX];
	struct tail_mark to = *m;
	const uint8_t *p;
	uint32_t from = prefix_len(m->pos), upto = prefix_len(pos);

	CHECK(pos >= m->pos);
	to.pos = pos;
	if (upto > from) {
		if ((p = bytes_at(from, upto, w, fd, tmp, e)) == NULL)
			return (-1);
		to.prefix_crc = crc32c(m->prefix_crc, p, upto - from);
	}
	from = tail_back_len(&to);
	if ((p = bytes_at(pos - from, pos, w, fd, tmp, e)) == NULL)
		return (-1);
	to.back_crc = crc32c(0, p, from);
	*m = to;
	return (0);
}

int
tail_mark_make(struct tail_mark *m, uint64_t pos, int fd, struct err *e)
{
	struct tail_mark new = { 0 };

	if (tail_mark_move(&new, pos, NULL, fd, e) == -1)
		return (-1);
	*m = new;
	return (0);
}

int
tail_mark_check(const struct tail_mark *m, int fd, struct err *e)
{
	struct err why = ERR_INIT;
	struct tail_mark now;

	if (tail_mark_make(&now, m->pos, fd, &why) == -1) {
		if (why.code == ERR_CORRUPT)
			return (0);
		return (err_set(e, why.code, "%s", why.msg));
	}
	return (now.prefix_crc == m->prefix_crc &&
	    now.back_crc == m->back_crc);
}
