/*
 * A batch of records: the unit of everything between a source and a sink.
 *
 * A record (Flume: event) is a body and headers.  Bodies are slices of the
 * bytes the source read; the batch holds references on those buffers, so
 * nothing is copied.  Life:
 *
 *	b = batch_new();
 *	batch_hold(b, buf);			the batch keeps the bytes
 *	r = batch_add(b, body);			per record
 *	batch_set(b, r, name, value, true);	its header; r NULL: on all
 *	b->cursor = ...				where the source stands after it
 *	batch_seal(b);				const from here on, any thread
 *	batch_ref / batch_unref
 *
 * Before the seal the batch belongs to the thread that made it (the source's
 * loop); interceptors edit it there.  After the seal nothing in it changes and
 * it may be shared; only the reference count moves.
 *
 * One batch holds records of one origin: one file, one connection, one HTTP
 * request.  Headers common to all records are stored once (common), a
 * record's own ones override them.  Names and values are bytes; lookups are
 * exact.
 */
#ifndef BASE_BATCH_H
#define BASE_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/cursor.h"
#include "base/slice.h"

struct header {
	struct slice	name;
	struct slice	value;
};

#define RECORD_DROPPED	0x01	/* batch_drop()ped; gone after the seal */

struct record {
	struct slice	 body;
	struct header	*headers;	/* its own; NULL when none */
	uint32_t	 nheaders;
	uint16_t	 flags;
	uint16_t	 shift;		/* private: room at headers as power
					   of two; 0: not batch.c's array */
	uint64_t	 end;		/* origin: offset just behind it in its
					   file; 0 when it has no origin */
};

#define BATCH_NO_HINT	(-1)

struct batch {
	struct record	*records;
	uint32_t	 n;
	uint32_t	 cap;
	struct header	*common;
	uint32_t	 ncommon;
	uint32_t	 capcommon;

	const char	*source;	/* its name; outlives the batch */
	struct cursor	 cursor;	/* after this batch; n == 0: none.
					   Entries live in the arena. */
	int64_t		 timestamp;	/* ms since 1970: when it was read */
	int32_t		 hint;		/* murmur2 of source and file, >= 0,
					   for the partition; or
					   BATCH_NO_HINT */
	bool		 sealed;
	size_t		 bytes;		/* bodies and headers; after the seal */
	size_t		 charge;	/* memory it pins: buffers, arena */

	/* private to batch.c */
	atomic_uint	 refs;
	struct arena	 arena;
	struct buf	**bufs;
	uint32_t	 nbufs, capbufs;
	struct batch	*parent;	/* a child keeps its parent's bytes */
	bool		 plain;		/* of a sealed one */
};

struct batch	*batch_new(void);
struct batch	*batch_ref(struct batch *);
void		 batch_unref(struct batch *);		/* NULL is fine */

/* Takes a reference of its own on b; charged in full.  The last one held
 * twice in a row counts once. */
void		 batch_hold(struct batch *, struct buf *b);

/* Room for n more records in all, for who knows how many come. */
void		 batch_reserve(struct batch *, uint32_t n);

/* The body must lie in a held buffer or in the batch's arena.  The pointer
 * is valid until the next batch_add.  Inline: it runs once per line. */
static inline struct record *
batch_add(struct batch *b, struct slice body)
{
	struct record *r;

	CHECK(!b->sealed);
	if (__builtin_expect(b->n == b->cap, 0))
		batch_reserve(b, 1);
	r = &b->records[b->n++];
	*r = (struct record){ .body = body };
	return (r);
}

/* Copies the bytes into the batch; NUL-terminated, p is never NULL. */
struct slice	 batch_copy(struct batch *, struct slice);

/*
 * Sets a header on one record, or on all with r == NULL: on those there are
 * and on those still to be added.  Copies name and value.  With replace false
 * a header that is already there stays.
 */
void		 batch_set(struct batch *, struct record *r, struct slice name,
		    struct slice value, bool replace);
/*
 * Gives a record without headers these n, with names that differ.  The array
 * is copied, the bytes are not: they lie in a held buffer, in the batch's
 * arena, or are static.  For sources that set the same few on each record.
 */
void		 batch_set_own(struct batch *, struct record *r,
		    const struct header *v, uint32_t n);
/* Takes the header away from one record, or all with r == NULL. */
void		 batch_unset(struct batch *, struct record *r,
		    struct slice name);
/* The record's value, its own before the common one; p NULL: not set. */
struct slice	 batch_get(const struct batch *, const struct record *r,
		    struct slice name);

/*
 * All headers of a record, own ones first, then the common ones they do not
 * override.  Start with *it = 0; false at the end.
 *	for (it = 0; batch_next_header(b, r, &it, &h);)
 */
bool		 batch_next_header(const struct batch *, const struct record *r,
		    uint32_t *it, struct header *h);

/* True when no record has a header, of its own or common. */
bool		 batch_plain(const struct batch *);

void		 batch_drop(struct batch *, struct record *r);

/* Copies a cursor into the arena and makes it the batch's. */
void		 batch_set_cursor(struct batch *, const struct cursor *);

/* Removes dropped records (records may move), adds up bytes and charge.  Const
 * from here on. */
void		 batch_seal(struct batch *);

/*
 * A child with the records for which keep[i] is set, over the same bytes;
 * common headers, source, cursor, timestamp and hint are those of the parent.
 * The parent is sealed, the child too.
 */
struct batch	*batch_child(struct batch *parent, const bool *keep);

/* A child with the records from index first on: what is left of a batch when
 * a channel already holds the prefix.  Sealed. */
struct batch	*batch_tail(struct batch *parent, uint32_t first);

#endif
