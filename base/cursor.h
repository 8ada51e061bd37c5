/*
 * A cursor: how far a source has been read, as a set of (file, offset).
 *
 * An entry's key names one file (or stream) by its identity, opaque bytes the
 * source chooses; keys of one source compare bytewise.  offset is the number
 * of bytes (or records, for seq) of that file that are covered.  note is
 * opaque too and travels with the entry (tail keeps path and checksums in
 * it); of two entries for a key, the note of the one with the larger offset
 * wins.  offset CURSOR_GONE takes the key out of a set.
 *
 * struct cursor is a plain array that borrows its slices (as a batch carries
 * it); struct cursor_set owns its memory and merges.  No locks: data.
 */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include <stdbool.h>

#include "base/err.h"
#include "base/slice.h"

#define CURSOR_GONE		UINT64_MAX
#define CURSOR_KEY_MAX		255
#define CURSOR_NOTE_MAX		8192

struct cursor_entry {
	struct slice	key;
	uint64_t	offset;
	struct slice	note;
};

struct cursor {
	const struct cursor_entry	*v;
	size_t				 n;
};

struct cursor_set;

struct cursor_set *cursor_set_new(void);
void	 cursor_set_free(struct cursor_set *);		/* NULL is fine */
size_t	 cursor_set_size(const struct cursor_set *);
/* NULL when the key is not there; valid until the next change. */
const struct cursor_entry *
	 cursor_set_get(const struct cursor_set *, struct slice key);
/* Lays a newer cursor over the set: larger offsets win, GONE removes. */
void	 cursor_set_merge(struct cursor_set *, const struct cursor *);
/* Sets unconditionally, also to a smaller offset (a file was truncated). */
void	 cursor_set_put(struct cursor_set *, const struct cursor_entry *);
/*
 * Takes the smaller offset of each key that is in both; a key missing from
 * either side is removed: where a set says nothing, nothing is covered.
 */
void	 cursor_set_min(struct cursor_set *, const struct cursor *);
/* A view in key order; valid until the next change. */
struct cursor cursor_set_view(struct cursor_set *);
void	 cursor_set_clear(struct cursor_set *);

/*
 * As bytes: u32 count, then per entry u8 key length, key, u64 offset,
 * u16 note length, note; big-endian.  encode returns the bytes written,
 * size what encode will write.  decode is total; entries are merged into out
 * with put semantics; the bytes need not stay.
 */
size_t	 cursor_size(const struct cursor *);
size_t	 cursor_encode(const struct cursor *, uint8_t *out);
int	 cursor_decode(struct slice in, struct cursor_set *out, struct err *e);
/* Cuts one entry off the front of the bytes behind the count, GONE ones as
 * well; false at the end, and when it does not fit.  Borrows the bytes. */
bool	 cursor_next(struct slice *in, struct cursor_entry *out);

#endif
