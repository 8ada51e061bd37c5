/*
 * The source's own positions, for when no durable channel keeps them: a small
 * append-only log in a folder of its own, that is written anew when it has
 * grown.
 *
 *	p = tail_pos_open(fs, "/var/lib/leat/sources/r1", &found, e);
 *	... tail_pos_view(p) ...		what the last run knew
 *	tail_pos_put(p, &delivered);		in memory
 *	tail_pos_flush(p, false, e);		survives kill -9
 *	tail_pos_flush(p, true, e);		survives a power cut
 *
 * Whatever is lost of it, the positions found later are ones that were put
 * once: behind the last ones, never ahead of them.  The format is in
 * doc/FORMAT.md.  One owner; not for two at once.
 */
#ifndef SOURCES_TAIL_POS_H
#define SOURCES_TAIL_POS_H

#include <stdbool.h>

#include "base/cursor.h"
#include "base/err.h"
#include "base/fs.h"

struct tail_pos;

/* Makes the folder when it is not there.  *found: positions were there. */
struct tail_pos *tail_pos_open(const struct fs *, const char *dir,
		    bool *found, struct err *);
/* NULL is fine.  Does not flush. */
void		 tail_pos_close(struct tail_pos *);
/* Valid until the next change. */
struct cursor	 tail_pos_view(struct tail_pos *);
/* Larger offsets win; CURSOR_GONE takes a key out. */
void		 tail_pos_put(struct tail_pos *, const struct cursor *);
/*
 * Writes what changed; with sync, it is on the disk on return.  -1: it could
 * not be written (ERR_FULL); nothing is forgotten, call again later.
 */
int		 tail_pos_flush(struct tail_pos *, bool sync, struct err *);
/* Something was put or written that a flush(sync) would still have to do. */
bool		 tail_pos_dirty(const struct tail_pos *);

/*
 * The reader alone: lays the frames of `log` over out; the bytes that are
 * good, 0 when it is no positions file.  *crc: what the next frame's is chained
 * to.  Total on any input.
 */
size_t		 tail_pos_decode(struct slice log, struct cursor_set *out,
		    uint32_t *crc);

#endif
