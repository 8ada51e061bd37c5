/*
 * What the files of the file channel share.
 *
 *	put ----> arrivals ----> flusher: group, append, sync ----> synced
 *	(encodes in the		    |				      |
 *	 source's thread)	    +-> mark, trim	 take: reads units
 *						 commit: units are done, the
 *						 mark moves, delivered()
 *
 * One thread, the flusher, owns the seglog and the mark file.  One mutex guards
 * the rest; it is not held for reading, writing, syncing or a callback.
 */
#ifndef CHANNELS_FILE_PRIV_H
#define CHANNELS_FILE_PRIV_H

#include "base/buf.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/thread.h"
#include "channels/channels.h"
#include "channels/file_format.h"
#include "channels/ledger.h"
#include "kafka/records.h"
#include "seglog/seglog.h"

#define FILE_KIND	"file-channel"
#define FILE_VERSION	1
#define FILE_PENDING	((uint64_t)16 << 20)	/* put and not synced */
#define FILE_READ	((size_t)1 << 20)	/* one read of takes */
#define FILE_AHEAD	((uint64_t)8 << 20)	/* in units not leased yet that
						   were not read back */
#define FILE_FLUSHERS	2
#define FILE_SPARES	2			/* segments to be used again */
#define FILE_MARK_NS	(INT64_C(100) * 1000000)

/* How a data batch says what Kafka's header has no field for (FORMAT.md). */
#define FILE_PLAIN	0		/* producer_epoch: no record headers */
#define FILE_HEADERS	1

/* A batch that was put and is not synced yet. */
struct arrival {
	struct arrival		*next;
	struct buf		*data;	/* the whole batch; NULL: no records */
	uint32_t		 n;
	struct sb		 changes;	/* of positions; may be empty */
	struct completion	*stored;
};

/* A stored batch that has been read for a take; or a control batch (n 0). */
struct stored {
	struct unit	 unit;
	struct buf	*buf;		/* what `bytes` lies in */
	struct slice	 bytes;		/* the whole batch */
	int64_t		 offset, next;
	uint32_t	 records;	/* that count as committed with it */
	uint32_t	 size;		/* of bodies and headers */
	int32_t		 hint;
	bool		 plain, control, damaged;
	bool		 ahead;		/* counts in file.ahead */
	struct batch	*batch;		/* decoded, or NULL */
	struct stored	*gone;		/* in a list of units, or of delivered
					   ones */
};

struct units {			/* in order, on their way to the ledger */
	struct stored	*head, **tail;
	int64_t		 next;		/* offset behind the last one */
};

struct position {		/* where one source stands */
	char			*source;
	struct cursor_set	*set;
};

struct positions {
	struct position		*v;
	size_t			 n, cap;
};

struct file_metrics {
	metric_t	groups, group_bytes, batches;
	metric_t	marks, waits_for_disk, damaged, disk_bytes;
};

struct file {
	struct channel		 channel;
	struct file_metrics	 metrics;
	/* settings */
	struct setting_list	 data_dirs;
	int64_t			 capacity;
	uint64_t		 byte_capacity, segment_bytes, min_space;
	bool			 sync_each;
	struct conf		*encryption;

	char			*path;
	int			 dirfd, lock_fd;
	struct seglog		*log;
	struct fs_slots		 slots;
	struct thread		 flushers[FILE_FLUSHERS];

	struct mutex		 lock;		/* everything below */
	struct cond		 work;		/* for a flusher without one */
	struct cond		 turn;		/* for one that waits to sync */
	struct cond		 came;		/* for takes */
	bool			 writing, syncing;	/* a flusher is */

	struct positions	 live;		/* with all that was put */

	/* putting */
	struct arrival		*head, **tail;
	uint64_t		 pending;	/* encoded bytes, not synced */
	uint64_t		 reserved_records, reserved_bytes;
	/* ever, as stored */
	uint64_t		 put_records, put_bytes;
	bool			 starved;
	bool			 disk_full;	/* an append has failed */
	int64_t			 space_at;	/* when `space` was asked */
	bool			 space;
	bool			 said_space;	/* the disk is short of it */
	bool			 stop;

	/* the flusher that is writing */
	struct positions	 written;	/* in groups */
	uint64_t		 group_number;
	uint64_t		 written_records, written_bytes;

	/* taking */
	struct ledger		 ledger;
	int64_t			 read_offset;	/* of the next batch to read */
	bool			 reading;
	uint64_t		 ahead;		/* bytes */
	uint64_t		 wakes;
	struct stored		*gone_head, **gone_tail;
	bool			 telling;
	struct mark		 mark;		/* as it should be on disk, but
						   for synced */
	bool			 mark_moved;
	int64_t			 marked_at;
};

static inline struct file *
file_of(struct channel *ch)
{
	return (container_of(ch, struct file, channel));
}

/* A size for buf_new that others ask for as well, so that buffers are used
 * again: a fresh megabyte costs more in page faults than in copying. */
static inline size_t
file_buf_size(size_t n)
{
	return (n < FILE_READ / 8 ? n :
	    (n + FILE_READ / 16 - 1) / (FILE_READ / 16) * (FILE_READ / 16));
}

/* --- file_room.c --- */
int	 file_reserve(struct channel *, size_t records, size_t bytes,
	    struct err *e);
void	 file_cancel(struct channel *, size_t records, size_t bytes);
/* True when somebody waits and there is room: room() is to be called without
 * the lock.  With the lock. */
bool	 file_room_now(struct file *);
/* The last look at the disk has found too little room.  With the lock. */
bool	 file_disk_short(const struct file *);
uint64_t file_held_bytes(const struct file *);
uint64_t file_held_records(const struct file *);

/* --- file_cursor.c --- */
int	 file_cursor(struct channel *, const char *source,
	    struct cursor_set *out, struct err *e);
/* Records of b that are held already, from the front.  With the lock. */
uint32_t file_held_prefix(struct file *, const struct batch *b);
/* Lays a batch's cursor over what is held and says what has changed.  With the
 * lock. */
void	 file_cursor_put(struct file *, const struct batch *,
	    struct sb *changes);
/* Reads live and written from the control batches of the log, at open. */
void	 file_cursor_load(struct file *);
void	 positions_clear(struct positions *);
/* Lays changes over them. */
int	 positions_apply(struct positions *, struct slice changes,
	    struct err *e);
/* Adds all of them as changes. */
void	 positions_snapshot(const struct positions *, struct sb *out);

/* --- file_write.c --- */
void	 file_put(struct channel *, struct batch *, struct completion *);
/* A flusher's thread; returns when f->stop is set and all is written. */
void	 file_flusher(void *f);
int	 file_write_mark(struct file *, struct err *e);

/* --- file_read.c --- */
void	 units_init(struct units *, int64_t next);
void	 units_free(struct units *);
/* A stored batch, whose header is k, at the end; bytes lie in buf. */
struct stored *units_add(struct units *, struct buf *, struct slice bytes,
	    const struct kbatch *k);
/* Synced units for the takes, which need not read them back, when they have
 * come as far as `first` and have little to do; else they stay.  With the
 * lock. */
void	 file_offer(struct file *, struct units *, int64_t first);
/* What is done leaves the ledger and is told.  Called with the lock; returns
 * without it. */
void	 file_settle(struct file *);
int	 file_take(struct channel *, struct lease *, uint32_t records,
	    size_t bytes, int timeout_ms, struct err *e);
int	 file_decode(struct channel *, struct lease *, struct err *e);
int	 file_commit(struct channel *, struct lease *, struct err *e);
void	 file_rollback(struct channel *, struct lease *);
/* Moves the mark to the first record that is not committed, though its batch
 * is not done; frees what was read.  Nothing is leased.  With the lock. */
void	 file_read_end(struct file *);

#endif
