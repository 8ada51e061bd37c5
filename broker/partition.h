/*
 * A partition: one seglog, its producers, and who waits for it.
 *
 * The high watermark is the log's synced end: nobody sees records above it.
 * An append inside the broker that must be durable:
 *
 *	struct sync_wait w;			stays until fn ran
 *	sync_wait_init(&w, loop, on_durable);
 *	if (partition_append(p, &batch, 1, APPEND_RESERVE, &w, e) == -1)
 *		...				fn does not run
 *
 * and reading what is there:
 *
 *	partition_open(p, e);			recovers it when need be
 *	seglog_read(p->log, off, seglog_synced(p->log), max, true, &range, e);
 *
 * Threads: any.  p->lock guards appends, the producers and the lists; it is
 * held across the append's write(2), and by the one who opens the log across
 * its recovery, which is before anybody else can use it.
 */
#ifndef BROKER_PARTITION_H
#define BROKER_PARTITION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/err.h"
#include "base/thread.h"
#include "broker/topic.h"
#include "loop/completion.h"
#include "seglog/seglog.h"

struct epochs;
struct partition_txns;
struct producers;

/* Who waits until the synced end reaches offset. */
struct sync_wait {
	struct completion	 done;
	/* private */
	int64_t			 offset;
	struct sync_wait	*next;
};

/* done.fn runs once on loop (NULL: in the flusher's thread, where it must be
 * short), with &w->done; error: the topic was deleted meanwhile. */
void	sync_wait_init(struct sync_wait *, struct loop *,
	    void (*fn)(struct completion *, const struct err *));

/*
 * Who waits for new data: fn runs once, when the synced end moves or the topic
 * is deleted, in whatever thread did that and under the partition's lock: it
 * only posts a task.  Taken off again with partition_unwatch, after which fn
 * does not run.
 */
struct watcher {
	void		(*fn)(struct watcher *);
	/* private */
	struct watcher	*next, **prev;		/* prev NULL: not in a list */
};

enum partition_state { PARTITION_CLOSED, PARTITION_OPEN, PARTITION_GONE };

struct partition {		/* owner: its mutex, but the atomics */
	struct topic		*topic;
	int32_t			 index;
	struct mutex		 lock;
	_Atomic int		 state;		/* enum partition_state */
	struct seglog		*log;		/* fixed once open */
	int			 dirfd;		/* the folder; the log's own is
						   another */
	struct producers	*producers;
	struct partition_txns	*txns;		/* fixed once open */
	struct epochs		*epochs;
	bool			 stamped;	/* has this start's epoch */
	struct sync_wait	*waits, **waits_tail;	/* by offset */
	struct watcher		*watchers;
	TAILQ_ENTRY(partition)	 dirty_next;	/* flusher's lists */
	enum { FLUSH_TAKEN, FLUSH_NOW, FLUSH_LATER } flush; /* its lock */
	_Atomic int64_t		 followed_ns;	/* the last fetch at its end */
	bool			 dirty;		/* given to the flusher */
	bool			 hurried;	/* and in its first list */
	int64_t			 unsynced;	/* bytes since the last sync */
	int64_t			 snapshot;	/* offset of the last one */
	int64_t			 snapshot_bytes;/* appended since it */
	int64_t			 clean_after_ns; /* the cleaner's thread: not
						   before */
	/* From the checkpoint, until it is open. */
	int64_t			 recovery_offset;
	int64_t			 start;
};

/* Opens the log on its first use.  Any thread.  ERR_NOT_FOUND: deleted. */
int	partition_open(struct partition *, struct err *);
static inline bool
partition_is_open(struct partition *p)
{
	return (atomic_load_explicit(&p->state, memory_order_acquire) ==
	    PARTITION_OPEN);
}
/* "events-3", for messages; in buf. */
const char *partition_name(const struct partition *, char buf[272]);

#define APPEND_RESERVE	0x01	/* may use the room kept for the broker's own
				   records when the disk is full */

/*
 * Appends batches as they are (their CRC done).  Opens the log when need be.
 * wait may be NULL: acks=1.  The bases are set in the batches.  ERR_FULL: no
 * room now; ERR_NOT_FOUND: deleted; ERR_SYS.  On -1 nothing was appended and
 * wait does not run.
 */
int	partition_append(struct partition *, struct seglog_batch *, size_t n,
	    unsigned flags, struct sync_wait *, struct err *);
/* The same with the lock held and the log open, for who must look at the
 * producers in one go with the append.  Both bring the producers up to date. */
int	partition_append_locked(struct partition *, struct seglog_batch *,
	    size_t n, unsigned flags, struct sync_wait *, struct err *);
/* wait runs when everything appended before the call is synced; at once, in
 * this call, when it is already. */
void	partition_wait(struct partition *, struct sync_wait *);
void	partition_wait_locked(struct partition *, struct sync_wait *);
/* A fetch has come to the end of what is synced.  Whoever does that wants the
 * next record soon, though it may not wait here (max_wait 0 asks again). */
void	partition_followed(struct partition *);

/* --- transactions: partition_txn.c --- */

/*
 * A producer's transactional batches are taken only while its transaction has
 * this partition: from partition_txn_begin, which the coordinator calls when
 * its record that names the partition is on the disk, to partition_txn_end.
 * That is memory: after a start the coordinator begins again what is open.
 * Check, append and end are one critical section each, so no batch of an ended
 * transaction comes behind its marker.
 *
 * The last stable offset is the end for read_committed: the lowest first
 * offset of the transactions that are open, or whose marker is not synced yet,
 * and never above the synced end.
 */
struct txn_marker {
	int64_t	 producer_id;
	int16_t	 epoch;			/* lower ones are refused from now on */
	int32_t	 coordinator_epoch;
	bool	 commit;
	bool	 foreign;		/* not its coordinator's: see below */
};

/* Idempotent.  Opens the log.  A higher epoch takes the place of a lower one.
 * ERR_NOT_FOUND: deleted; ERR_SYS. */
int	partition_txn_begin(struct partition *, int64_t producer_id,
	    int16_t epoch, struct err *);
/*
 * Appends the marker (a control batch), ends the transaction here, and on
 * abort adds it to the aborted index.  Also when nothing is open: a marker that
 * is written again after a crash does no harm.  wait as in partition_append;
 * ERR_NOT_FOUND: deleted, which ends it, too.  A foreign marker that may not be
 * written (partition_txn_foreign) is ERR_REFUSED, and does nothing where
 * nothing is open.
 */
int	partition_txn_end(struct partition *, const struct txn_marker *,
	    struct sync_wait *, struct err *);
/*
 * An operator may end what no coordinator will: of this producer and epoch, and
 * of a transaction that its coordinator has not.  KERR_NONE, or
 * KERR_INVALID_TXN_STATE: it has it; KERR_INVALID_PRODUCER_EPOCH: another epoch
 * has one open; KERR_COORDINATOR_LOAD_IN_PROGRESS: not known yet.  Opens the
 * log; KERR_UNKNOWN_TOPIC_OR_PARTITION: deleted; KERR_KAFKA_STORAGE_ERROR.
 * *first: where it began; -1: nothing is open (and KERR_NONE).  It does not see
 * a transaction that is prepared and gets its markers: its coordinator does.
 */
int16_t	partition_txn_foreign(struct partition *, const struct txn_marker *,
	    int64_t *first);
/* May a transactional batch of this producer be appended now?  KERR_NONE, or
 * KERR_INVALID_TXN_STATE, KERR_INVALID_PRODUCER_EPOCH, or after a start, while
 * that is not known, KERR_COORDINATOR_LOAD_IN_PROGRESS.  The lock is held. */
int16_t	partition_txn_check_locked(struct partition *, int64_t producer_id,
	    int16_t epoch);
/* Does its transaction have this partition already?  Takes the lock. */
bool	partition_txn_has(struct partition *, int64_t producer_id,
	    int16_t epoch);
/* The last stable offset.  The log is open; any thread, without the lock. */
int64_t	partition_stable(struct partition *);

struct aborted_txn {
	int64_t	 producer_id, first_offset, last_offset;
};
/*
 * The aborted transactions with records in [from, upto), oldest first, into an
 * array (free) of *n.  May read .txnindex files.
 */
int	partition_aborted(struct partition *, int64_t from, int64_t upto,
	    struct aborted_txn **v, size_t *n, struct err *);

/*
 * For compaction, whose one thread calls it before each pass with
 * seglog_dirt.cleaned, and after it with the same: the records of
 * aborted transactions whose marker is below are gone, so nobody is to be told
 * of them any more (and is not, when their markers go).  The log is open,
 * without the lock.
 */
int	partition_txn_cleaned(struct partition *, int64_t upto, struct err *);

void	partition_watch(struct partition *, struct watcher *);
void	partition_unwatch(struct partition *, struct watcher *);

/* --- for the broker's own threads --- */

struct partition *partition_new(struct topic *, int32_t index);
/* Writes the producers' snapshot and closes the log. */
void	partition_free(struct partition *);
/* The topic is deleted: refuses from now on, lets go who waits. */
void	partition_gone(struct partition *);
/* The flusher: makes durable what is there and lets go who waited for it. */
void	partition_flush(struct partition *);
/* Snapshots the producers when much was appended since the last one. */
void	partition_tick(struct partition *);
/* DeleteRecords and retention: whole segments below go.  The lock is held. */
int	partition_trim_locked(struct partition *, int64_t start,
	    uint64_t *freed, struct err *);
/* Closes the active segment, when there is something in it. */
int	partition_roll_locked(struct partition *, struct err *);
/* The topic's configuration has changed. */
void	partition_configure(struct partition *);
/* segment.bytes, but no more than dir.max.bytes allows. */
uint64_t partition_segment_bytes(struct partition *);
/* Does the folder name, in the broker's, belong to that topic? */
bool	partition_folder_is(struct broker *, const char *name,
	    const struct uuid *);
/* Removes the files of a partition's folder. */
int	partition_clear(struct broker *, int dirfd, struct err *);

#endif
