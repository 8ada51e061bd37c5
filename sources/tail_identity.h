/*
 * Which file a position belongs to, and how a file is known to be that one
 * again.
 *
 * A name says nothing: files are renamed, and inode numbers are used again.
 * So a followed file is (device, inode, birth time), and what was read of it
 * is held against its bytes: the checksum of the first 1 KiB at most, as far
 * as it was read (the known prefix grows with the file), and that of the 256
 * bytes at most just before the position.  When one of them differs, the
 * content is another: copied away and truncated, written anew in place, or an
 * inode that came back.  The same file with another content gets the next
 * generation, so that its small offsets stand beside the larger old one.
 *
 *	key   dev u64, ino u64, birth i64 (ns since 1970, 0: not known),
 *	      generation u32; big-endian
 *	note  see tail_note_encode; both are described in doc/FORMAT.md
 *
 * Plain data; no thread rule.
 */
#ifndef SOURCES_TAIL_IDENTITY_H
#define SOURCES_TAIL_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/cursor.h"
#include "base/err.h"
#include "base/slice.h"

#define TAIL_KEY_SIZE	28
#define TAIL_ID_SIZE	24	/* the key without the generation */
#define TAIL_PREFIX_MAX	1024
#define TAIL_BACK_MAX	256
/* Longer paths are not followed, so that two of them fit into a note. */
#define TAIL_PATH_MAX	4000

struct tail_id {
	uint64_t	dev, ino;
	int64_t		birth;
};

/* A position and what stands before it. */
struct tail_mark {
	uint64_t	pos;
	uint32_t	prefix_crc;	/* of the first min(pos, 1024) bytes */
	uint32_t	back_crc;	/* of the min(pos, 256) before pos */
	uint32_t	part;		/* pieces of the line at pos that went
					   out already; 0: pos begins a line */
};

struct tail_note {
	struct tail_mark mark;		/* pos comes from the entry's offset */
	uint64_t	size;		/* of the file, when this was read */
	struct slice	path;		/* its name then */
	struct slice	logical;	/* the name that matched its group */
};

/* Bytes of a file that were read already: [off, off + len). */
struct tail_window {
	const uint8_t	*p;
	uint64_t	 off;
	size_t		 len;
};

void	 tail_id_of(const struct statx *, struct tail_id *);
bool	 tail_id_eq(const struct tail_id *, const struct tail_id *);

void	 tail_key_encode(const struct tail_id *, uint32_t generation,
	    uint8_t key[TAIL_KEY_SIZE]);
/* False when these bytes are no key. */
bool	 tail_key_decode(struct slice, struct tail_id *, uint32_t *generation);

/* Into out, CURSOR_NOTE_MAX bytes large; the length. */
size_t	 tail_note_encode(const struct tail_note *, uint8_t *out);
/* False when these bytes are no note; slices point into them. */
bool	 tail_note_decode(const struct cursor_entry *, struct tail_note *);

static inline uint32_t
tail_back_len(const struct tail_mark *m)
{
	return (m->pos < TAIL_BACK_MAX ? (uint32_t)m->pos : TAIL_BACK_MAX);
}

/*
 * Moves the mark forward, to pos.  The bytes are taken from the window where it
 * has them, else read from fd.  -1: they could not be read (any more), the mark
 * is as it was.
 */
int	 tail_mark_move(struct tail_mark *, uint64_t pos,
	    const struct tail_window *, int fd, struct err *);
/* Makes the mark of a position nothing is known about but its number. */
int	 tail_mark_make(struct tail_mark *, uint64_t pos, int fd, struct err *);
/* 1: the file's bytes are those the mark knows; 0: they differ, or are not
 * there; -1: reading failed. */
int	 tail_mark_check(const struct tail_mark *, int fd, struct err *);

#endif
