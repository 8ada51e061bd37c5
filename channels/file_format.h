/*
 * What the file channel writes: its control batches and its mark, as bytes.
 * doc/FORMAT.md has the tables.  Pure functions, no thread rule.
 */
#ifndef CHANNELS_FILE_FORMAT_H
#define CHANNELS_FILE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/err.h"
#include "base/random.h"
#include "base/slice.h"
#include "base/str.h"

/* Types in the keys of our control records; Kafka's own ones are small. */
#define FORMAT_SNAPSHOT	1000
#define FORMAT_GROUP	1001

/* --- cursor changes: {u8 name length, name, u32 length, cursor} ... --- */

void	 changes_add(struct sb *, const char *source, const struct cursor *);
/* Cuts one off the front; false at the end, or when the rest makes no sense. */
bool	 changes_next(struct slice *in, struct slice *source,
	    struct slice *cursor);

/* --- the batch that closes a group --- */

struct group {
	struct uuid	 channel;
	uint64_t	 number;
	int64_t		 prev_synced;	/* synced end when it was written */
	int64_t		 first;		/* offset of its first batch */
	uint64_t	 bytes;		/* of its batches, without this one */
	uint32_t	 crc;		/* group_sum over them */
	uint64_t	 records;	/* data records ever put, this
					   included */
	uint64_t	 stored_bytes;	/* bytes of data batches, likewise */
	struct slice	 changes;
};

/* Adds one batch to the sum; its first 61 bytes. */
uint32_t group_sum(uint32_t sum, const uint8_t *header);
/* A new buffer with the whole batch (free), *size its bytes. */
uint8_t	*group_encode(const struct group *, int64_t ts, size_t *size);
/* g->changes points into the batch. */
int	 group_parse(struct slice batch, struct group *, struct err *e);

/* --- the batch that begins a segment: all cursors --- */

uint8_t	*snapshot_encode(const struct uuid *, struct slice changes, int64_t ts,
	    size_t *size);
int	 snapshot_parse(struct slice batch, struct uuid *,
	    struct slice *changes, struct err *e);

/* FORMAT_SNAPSHOT, FORMAT_GROUP; -1: neither.  A control batch. */
int	 control_type(struct slice batch);

/* --- the mark: what is committed --- */

#define MARK_SIZE	56

struct mark {
	struct uuid	 channel;
	int64_t		 offset;	/* all below is committed */
	uint64_t	 records;	/* data records ever committed */
	uint64_t	 stored_bytes;
	int64_t		 synced;	/* all below was synced, whole groups */
};

void	 mark_encode(const struct mark *, uint8_t out[MARK_SIZE]);
int	 mark_decode(const uint8_t in[MARK_SIZE], struct mark *, struct err *e);

/* --- recovery: which groups are whole --- */

/*
 * Goes over the batches of a log in order, as seglog's `closes`.  A group is
 * kept when it is whole and what stands before it is whole, or is damage and
 * no torn write: it was synced before this group was written.  A group that
 * is whole but does not prove that is kept with a later one that does.
 */
struct group_check {
	struct uuid	 channel;
	bool		 known;		/* channel is set; else the first one is
					   taken */
	bool		 started;
	bool		 broken;	/* bad bytes or a bad group since the
					   last one that was kept */
	int64_t		 broken_end;	/* behind the last of that */
	int64_t		 next;		/* offset of the batch to come */
	uint64_t	 number;	/* of the last group */
	int64_t		 first;		/* of the group being read */
	uint64_t	 bytes;
	uint32_t	 crc;
};
bool	 group_closes(void *check, struct slice batch);

#endif
