/*
 * A segmented append-only log of Kafka record batches (v2): one folder, files
 * named by their base offset in Kafka's own format (.log, .index, .timeindex).
 * The broker's partitions and the file channel are its two users.
 *
 * Invariants: bytes below the published end never change and are never cut;
 * offsets grow by one per record; synced <= end always; recovery cuts only
 * what fails its checksum with nothing valid behind it.
 *
 * Threads: appends, rolls and deletions belong to the owner's mutex (one
 * writer at a time); seglog_sync to one flusher thread at a time, beside the
 * writer; seglog_read, _end, _synced, _start to any thread, without a lock.
 * A segment deleted or cleaned while a range of it is held stays readable until
 * the range is released.  seglog_clean is for one thread beside all of them.
 *
 *	seglog_open(&log, &opt, &rec, e);
 *	seglog_append(log, batches, n, e);	page cache; offsets assigned
 *	seglog_sync(log, e);			on the disk; seglog_synced moves
 *	seglog_read(log, off, seglog_synced(log), max, true, &range, e);
 *	sendfile(sock, range.fd, &range.pos, range.len); seglog_release(&range);
 */
#ifndef SEGLOG_SEGLOG_H
#define SEGLOG_SEGLOG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/slice.h"

#define SEGLOG_HEADER	61	/* bytes of a record batch before its records */

struct kbatch;
struct mutex;
struct seglog;

struct seglog_options {
	const struct fs	*fs;
	int		 dirfd;		/* the folder; kept, closed at close */
	const char	*name;		/* for messages; copied */
	uint64_t	 segment_bytes;	/* roll before this would be passed */
	int64_t		 segment_ms;	/* roll an older segment; 0: no */
	uint32_t	 index_interval;/* bytes of log per index entry */
	uint64_t	 zero_ahead;	/* pre-zero the active segment in steps
					   of this; 0: grow as written */
	bool		 zero_earned;	/* zeroes never more than the segment
					   has bytes, and only while syncs
					   follow small appends closely */
	unsigned	 spares;	/* this many trimmed segments are kept
					   to be written again; only for a
					   log whose `closes` knows its own
					   groups (see there); 0: none */
	int32_t		 leader_epoch;	/* stamped into appended batches */
	int64_t		 recovery_offset; /* known to have been synced below;
					   0 when nothing is known */
	/* Called in order for each batch from scan_from on that is kept, with
	 * its 61 bytes: to rebuild what the owner keeps about its tail.  May
	 * be NULL.  -1 stops the open with that error. */
	int		(*scan)(void *ctx, const uint8_t *header, int64_t base,
			    struct err *);
	/* Also wanted: the whole batch, if it has one of these attributes (0:
	 * in any case). May be NULL. */
	int		(*scan_batch)(void *ctx, struct slice batch,
			    struct err *);
	int16_t		 scan_attributes;
	void		*ctx;
	int64_t		 scan_from;	/* INT64_MAX: nothing */
	/* When set, it sees each batch at or above recovery_offset in order,
	 * before any scan call; one for which it returns true closes a group.
	 * Recovery goes back to the end of the last closing batch, and a last
	 * segment without one is deleted.  With spares a batch that was torn
	 * over an older one may have a good CRC, the right offset (which no CRC
	 * covers) and the older one's records: closes has to find that out. */
	bool		(*closes)(void *ctx, struct slice batch);
};
#define SEGLOG_SCAN_LAST	(-1)	/* scan_from: all of the last segment */

/* What open found; all zero after a clean stop. */
struct seglog_recovery {
	uint64_t	scanned;	/* bytes read and checked */
	uint64_t	torn;		/* bytes cut from the tail */
	uint64_t	quarantined;	/* bytes set aside: bad, but not the
					   tail */
	uint32_t	quarantines;	/* files <base>.bad beside the log */
	int64_t		missing;	/* offsets below recovery_offset that
					   are gone; they are not given again */
	int64_t		end;
};

/*
 * Opens or creates.  Everything at or above recovery_offset is read and its
 * CRCs checked; what is kept of it is synced before this returns, so that no
 * reader sees what a power cut could still take.  Bad bytes below it, or with
 * a valid batch behind them, are moved to <base>.bad and the log goes on with
 * the next valid batch (a hole in the offsets); bad bytes at the very end are
 * cut.  Never fails for damaged content.
 */
int	 seglog_open(struct seglog **, const struct seglog_options *,
	    struct seglog_recovery *, struct err *e);
/* Syncs, cuts the zeroes off the active segment, closes. NULL is fine. */
int	 seglog_close(struct seglog *, struct err *e);

int64_t	 seglog_start(const struct seglog *);	/* first offset still there */
int64_t	 seglog_end(const struct seglog *);	/* the next offset */
int64_t	 seglog_synced(const struct seglog *);	/* end of what is durable */
uint64_t seglog_bytes(const struct seglog *);	/* of the .log files */
uint64_t seglog_spare_bytes(const struct seglog *);	/* of the spares */
bool	 seglog_dirty(const struct seglog *);	/* something to sync */
/* Base offset and size of the active segment; the appender's thread. */
void	 seglog_active(const struct seglog *, int64_t *base, uint64_t *bytes);

/* A batch to append: its header, which the log completes, and the rest. */
struct seglog_batch {
	uint8_t		header[SEGLOG_HEADER]; /* valid v2; CRC done */
	struct slice	body;		/* bytes 61.. ; borrowed for the call */
	int64_t		base_offset;	/* out */
};
/*
 * Appends n batches with one writev: base offset and leader epoch are put into
 * each header (both lie outside the CRC).  All or nothing: on an error the end
 * has not moved and the next append overwrites what was torn.  ERR_FULL: the
 * disk is full; ERR_SYS otherwise.  Batches of one call stand in one segment.
 */
int	 seglog_append(struct seglog *, struct seglog_batch *, size_t n,
	    struct err *e);
/* Starts a new segment when the active one is not empty. */
int	 seglog_roll(struct seglog *, struct err *e);

/*
 * Makes durable what was appended before the call and publishes it as synced;
 * with the folder's entry when a segment is new.  *synced (may be NULL) gets
 * the new synced end.  -1 is final: the caller ends the process
 * (fatal_disk()), nothing was published.
 */
int	 seglog_sync(struct seglog *, int64_t *synced, struct err *e);

/* A range of whole batches in one file; holds its segment. */
struct seglog_range {
	int		 fd;
	off_t		 pos;
	size_t		 len;
	int64_t		 base;		/* base offset of the first batch */
	int64_t		 next;		/* offset behind the last one */
	void		*segment;	/* private */
};
/*
 * Whole batches from the one that holds `offset` on, none with records at or
 * above `limit`, at most max bytes; with at_least_one the first batch comes
 * even when larger.  len 0 and no hold when there is nothing (offset == limit,
 * or a hole up to it).  ERR_NOT_FOUND: offset below start or above end.
 */
int	 seglog_read(struct seglog *, int64_t offset, int64_t limit, size_t max,
	    bool at_least_one, struct seglog_range *, struct err *e);
void	 seglog_release(struct seglog_range *);	/* twice is fine */

/*
 * The first batch, at or behind the start and below limit, whose max timestamp
 * is >= ts, as a range; len 0: none.
 */
int	 seglog_find_time(struct seglog *, int64_t ts, int64_t limit,
	    struct seglog_range *, struct err *e);
/* The batch with the largest timestamp below limit (ListOffsets -3). */
int	 seglog_find_max_time(struct seglog *, int64_t limit,
	    struct seglog_range *, struct err *e);

/*
 * Moves the start; whole segments below it are deleted, or become spares
 * (never the active one).  *freed (may be NULL) gets their bytes.  An error
 * other than ERR_NOT_FOUND is that of a sync, and final.
 */
int	 seglog_trim(struct seglog *, int64_t new_start, uint64_t *freed,
	    struct err *e);
/* From now on keeps at most n spares (and never more than the option says);
 * what is above goes.  The appender's thread. */
void	 seglog_set_spares(struct seglog *, unsigned n);
/*
 * The start that retention asks for: the oldest offset to keep so that closed
 * segments whose newest record is older than now_ms - keep_ms (-1: any age)
 * go, and the oldest ones beyond keep_bytes (-1: any size).  A whole active
 * segment that is too old is rolled by the caller first.
 */
int64_t	 seglog_retain(struct seglog *, int64_t now_ms, int64_t keep_ms,
	    int64_t keep_bytes);
/* The oldest closed segment: its end offset, bytes and newest timestamp; false
 * when only the active one is left (for the disk cap over many logs). */
bool	 seglog_oldest(struct seglog *, int64_t *end, uint64_t *bytes,
	    int64_t *newest_ms);
/* Largest timestamp of the active segment and when it was begun, wall ms. */
void	 seglog_active_age(struct seglog *, int64_t *newest_ms,
	    int64_t *since_ms);

/* --- compaction --- */

/* What compaction would find. */
struct seglog_dirt {
	int64_t		 cleaned;	/* what is below was cleaned before */
	int64_t		 upto;		/* what is above must wait */
	uint64_t	 clean_bytes;
	uint64_t	 dirty_bytes;	/* in between */
	int64_t		 since_ms;	/* first timestamp of it; -1: none */
};
/*
 * Closed and synced segments below limit; those with a record younger than
 * newest_ms, and all behind them, must wait (INT64_MAX: none).  -1: a segment
 * cannot be read.
 */
int	 seglog_dirt(struct seglog *, int64_t limit, int64_t newest_ms,
	    struct seglog_dirt *, struct err *e);

struct seglog_cleaning {
	int64_t		 upto;		/* as seglog_dirt says */
	int64_t		 now_ms;
	int64_t		 delete_retention_ms;
	uint64_t	 segment_bytes;	/* small ones are merged up to this */
	size_t		 map_bytes;	/* memory for the keys */
	size_t		 max_inflated;
	/* The writer's mutex (see Threads above): held while the list of
	 * segments changes, never across I/O.  NULL: the caller's own. */
	struct mutex	*writer;
	/* So many bytes were read or written: may wait; false: stop.  May be
	 * NULL. */
	bool		(*pace)(void *ctx, uint64_t bytes);
	/* Is this the last batch of a producer that is to be remembered?  It
	 * then stays, if need be without records.  May be NULL. */
	bool		(*remember)(void *ctx, const struct kbatch *);
	void		*ctx;
};

struct seglog_cleaned {
	int64_t		 upto;		/* cleaned up to here */
	uint64_t	 read, written;	/* bytes */
	uint64_t	 before, after;	/* bytes of the segments looked at */
	uint64_t	 kept, removed;	/* records */
	uint32_t	 damaged;	/* batches that could not be read and
					   stay as they are */
	uint32_t	 swaps;		/* segments that were made */
	bool		 stopped;	/* pace() said so */
	bool		 failed;	/* a sync has: the caller ends the
					   process, as with seglog_sync */
};
/*
 * One pass, by one thread at a time, beside the writer and the flusher: of all
 * records of a key below upto the last one stays, and those of aborted
 * transactions go.  Offsets stay; a batch that stays keeps its base and last
 * offset.  A record without value goes delete_retention_ms after the pass that
 * first met it, so does a transaction's marker after its last record.  Nothing
 * of a transaction that has no marker yet, or behind its beginning, is
 * touched; markers go only below where the last pass ended.  When the keys do
 * not fit into map_bytes, the pass ends earlier.
 * -1: what was replaced up to then is; the rest is as it was.
 */
int	 seglog_clean(struct seglog *, const struct seglog_cleaning *,
	    struct seglog_cleaned *, struct err *e);

/* Applies changed settings to what comes from now on. */
void	 seglog_set_roll(struct seglog *, uint64_t segment_bytes,
	    int64_t segment_ms);

/* Removes all files of a log folder (a deleted topic). Not open. */
int	 seglog_destroy(const struct fs *, int dirfd, struct err *e);

#endif
