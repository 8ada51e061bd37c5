/*
 * The aborted transactions of a partition, for readers of committed records:
 * Kafka's <base>.txnindex beside each segment, with one entry of 34 bytes for
 * each abort marker in the segment, in the order of the markers.
 *
 *	txn_index_load(&ti, fs, dirfd, name, snapshot)	before the log opens
 *	txn_index_add(ti, &entry)			for each marker behind
 *	txn_index_settle(ti, e)				the log is open
 *	...
 *	txn_index_add, txn_index_segment, txn_index_trim; txn_index_find
 *
 * The files have no checksum, and an entry is not synced before its marker is.
 * They are believed only below the offset of the producers' snapshot, which is
 * not written before txn_index_sync: what lies behind is told again by the
 * markers of the log, which are read from there on anyway.  A file that is not
 * in order, or is missing between others, makes load say so, and the owner
 * tells all markers of the log again.
 *
 * A partition has no such file before its first aborted transaction; from that
 * segment on each one has, if only an empty one, so that a loss is noticed.
 *
 * Threads: any; it has a mutex of its own, held across small reads and writes
 * of these files.
 */
#ifndef BROKER_TXN_INDEX_H
#define BROKER_TXN_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/slice.h"

#define TXN_ENTRY	34	/* bytes of an entry */

struct txn_entry {
	int64_t	 producer_id;
	int64_t	 first;		/* of its records here */
	int64_t	 last;		/* the marker */
	int64_t	 stable;	/* end for read_committed behind it: no later
				   entry begins below */
};

void	 txn_entry_encode(uint8_t out[TXN_ENTRY], const struct txn_entry *);
/*
 * The entries of a whole file, into a new array (free).  ERR_CORRUPT when they
 * are not what such a file can hold: then *n are those before.
 */
int	 txn_index_decode(struct slice in, struct txn_entry **v, size_t *n,
	    struct err *e);

struct txn_index;

/*
 * Reads the folder's files: entries of markers below known.  True: they are
 * all there; false: some are damaged or missing, the index is empty, and all
 * markers of the log are to be added again.  fs and dirfd outlive it.
 */
bool	 txn_index_load(struct txn_index **, const struct fs *, int dirfd,
	    const char *name, int64_t known);
void	 txn_index_free(struct txn_index *);		/* NULL is fine */

/*
 * A marker was appended, the newest so far.  When its entry cannot be written
 * it is kept in memory, and written later.
 */
void	 txn_index_add(struct txn_index *, const struct txn_entry *);
/* Recovery is done: the segments are those of the folder.  The files are made
 * to say, durably, what was loaded and added. */
int	 txn_index_settle(struct txn_index *, struct err *e);
/* The log's active segment begins at base now.  Nothing when it did. */
void	 txn_index_segment(struct txn_index *, int64_t base);
/* What was added is on the disk.  -1: it cannot be written now.  A sync that
 * fails is fatal. */
int	 txn_index_sync(struct txn_index *, struct err *e);
/* The log begins at start now: its files of deleted segments go. */
void	 txn_index_trim(struct txn_index *, int64_t start);
/*
 * Compaction has removed the records of all aborted transactions whose marker
 * is below upto, and may have put segments together: entries go that are not
 * needed any more, the others to the segment that has their marker now.  To be
 * called before the markers are removed, too: a reader who is told of an
 * aborted transaction expects to meet its marker.  One call at a time; not
 * under the partition's lock.
 */
int	 txn_index_cleaned(struct txn_index *, int64_t upto, struct err *e);

/*
 * The entries with first < upto and last >= from, in the order of their
 * markers, into a new array (free).
 */
int	 txn_index_find(struct txn_index *, int64_t from, int64_t upto,
	    struct txn_entry **v, size_t *n, struct err *e);

#endif
