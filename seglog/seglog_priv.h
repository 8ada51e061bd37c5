/*
 * What the files of seglog/ share.
 *
 * A segment is a file of record batches and its two indexes.  The last one of
 * a log is active: its indexes are in memory and grow with it.  All others are
 * closed: nothing in them changes, their indexes are files, mapped for reading
 * when first needed.  Closing the active one makes a new struct segment of the
 * closed kind; the old struct lives on until it is synced and its last reader
 * is gone, and takes the memory of its indexes with it.
 *
 * A spare is the file of a trimmed segment under the name <base>.spare, to be
 * written over as the next active segment.
 */
#ifndef SEGLOG_SEGLOG_PRIV_H
#define SEGLOG_SEGLOG_PRIV_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fs.h"
#include "base/thread.h"
#include "kafka/records.h"
#include "seglog/seglog.h"

#define SEG_NAME_MAX	64
#define SEG_CLEANED	".cleaned"	/* behind the names of a segment
					   that is being made */
#define SEG_INDEX_ENTRY	8
#define SEG_TIME_ENTRY	12
#define SEG_MAX_BYTES	INT32_MAX	/* positions are int32 in the index */

/*
 * An array that one thread grows while others read what was published to them:
 * chunks of doubling size, so that nothing ever moves.
 */
#define STEADY_FIRST	64
#define STEADY_CHUNKS	26
struct steady {
	size_t	 size;			/* of an element */
	uint32_t n;			/* the writer's count */
	void	*chunk[STEADY_CHUNKS];
};
void	*steady_at(const struct steady *, uint32_t i);
void	*steady_add(struct steady *);
void	 steady_fini(struct steady *);

struct index_entry {
	int32_t	 last;		/* last offset of the batch, less the base */
	int32_t	 pos;		/* where that batch begins */
};

struct time_entry {
	int64_t	 ts;		/* largest so far */
	int32_t	 last;		/* last offset of the batch that has it */
};

struct seg_map {		/* a file of index entries, mapped */
	const uint8_t	*p;
	size_t		 len;
};

struct segment {
	/* owner: the log's appender while active; const when closed, but for
	 * what `loading` guards */
	atomic_uint		 refs;
	struct seglog		*log;	/* for names; not used by release */
	const struct fs		*fs;
	int64_t			 base;
	bool			 active;	/* const */
	bool			 cleaned;	/* const: seglog_clean's */
	_Atomic int		 fd;		/* -1: not opened yet */

	/* under log->lock while active */
	uint64_t		 size;		/* published bytes */
	int64_t			 next;		/* offset behind them; closed:
						   where the next one begins */
	uint64_t		 synced_size;
	int64_t			 synced_next;
	uint32_t		 nindex, ntimes;
	int64_t			 max_ts, since_ms;
	int64_t			 max_ts_last;

	atomic_uint		*users;		/* segments on the same file */

	/* appender alone */
	uint64_t		 zeroed;	/* zeroes are written up to
						   here, or what the file held
						   before it was used again */
	uint64_t		 saved_size;	/* its index files are for
						   that */
	int64_t			 indexed_pos;	/* of the last index entry */
	int			 index_fd, times_fd;	/* to be synced */

	struct steady		 index, times;	/* active, or rebuilt */

	struct mutex		 loading;
	_Atomic bool		 loaded;
	struct seg_map		 index_map, times_map;
};

struct spare {
	int64_t		 base;
	uint64_t	 size;
};

struct seglog {
	/* owner: the appender; `lock` guards what it publishes */
	struct seglog_options	 opt;
	char			*name;
	struct mutex		 lock;
	struct segment		**segs;		/* by base; the last is
						   active */
	size_t			 n, cap;
	struct segment		**retired;	/* closed, not synced yet */
	size_t			 nretired, capretired;
	bool			 new_file;	/* an entry of the folder is not
						   synced */
	_Atomic int64_t		 start, end, synced;
	_Atomic uint64_t	 bytes;
	_Atomic uint64_t	 segment_bytes;
	_Atomic int64_t		 segment_ms;
	_Atomic bool		 failed;	/* a sync has failed */
	bool			 torn;		/* bytes behind the end that a
						   failed append left */
	bool			 no_zero;	/* zeroing does not work here */
	struct spare		*spares;	/* durable under their names */
	size_t			 nspares, capspares, max_spares;
	_Atomic uint64_t	 spare_bytes;

	/* compaction: owner: the thread that cleans */
	int64_t			 holes;		/* as the file says, swap.c */
	_Atomic int64_t		 cleaned;
	bool			 swap_broken;	/* for the next start */
	struct segment		*swapping;	/* lock: its file has not its
						   name yet */
	bool			 swap_trimmed;	/* lock: and was trimmed */
};

/* --- segment.c --- */

void	 segment_name(char buf[SEG_NAME_MAX], int64_t base, const char *suffix);
/* "<20 digits><suffix>": the number. */
bool	 segment_parse_name(const char *, const char *suffix, int64_t *base);

/* A new active segment with its file, a spare or a new one; the folder is not
 * synced. */
struct segment *segment_create(struct seglog *, int64_t base, struct err *e);
/* A closed one, not opened yet; was: what it was while active, or NULL. */
struct segment *segment_closed(struct seglog *, int64_t base, uint64_t size,
	    int64_t next, const struct segment *was);
/* Nobody but the caller has the segment or its file; it is on no list. */
bool	 segment_alone(const struct segment *);
/* The existing file as the active segment: reads as much of its index as is
 * right, walks the rest. */
struct segment *segment_reopen(struct seglog *, int64_t base, struct err *e);
/* A new closed one that is to replace others from that base on: open, under
 * names that end in SEG_CLEANED, for its maker to write. */
struct segment *segment_cleaned(struct seglog *, int64_t base, struct err *e);
struct segment *segment_ref(struct segment *);
void	 segment_unref(struct segment *);
/* Opens file and indexes of a closed segment, once; rebuilds bad indexes.
 * ERR_NOT_FOUND: the file has been deleted. */
int	 segment_load(struct segment *, struct err *e);

/* A batch is being added at pos: index entries when they are due.  They are
 * published with nindex and ntimes. */
void	 segment_index(struct segment *, const struct kbatch *, uint64_t pos);
/* Writes .index and .timeindex of what is in memory and keeps their
 * descriptors for the sync; on an error neither is there. */
int	 segment_write_index(struct segment *, struct err *e);
/* Unlinks the two index files; missing ones are fine. */
void	 segment_drop_index(struct seglog *, int64_t base);
void	 segment_unlink(struct seglog *, int64_t base);
/* One of the files. */
void	 segment_unlink_part(struct seglog *, int64_t base,
	    const char *suffix);
/* The index of a cleaned segment was written: read it from the files. */
int	 segment_map_index(struct segment *, struct err *e);

/* Entries of mapped index files. */
void	 map_index_at(const struct seg_map *, uint32_t i, struct index_entry *);
void	 map_time_at(const struct seg_map *, uint32_t i, struct time_entry *);

/* --- walking headers --- */

#define WALK_WINDOW	4096
struct walk {
	int		 fd;
	uint64_t	 pos;		/* of the batch in h */
	uint64_t	 size;		/* bytes that may be read */
	struct kbatch	 h;
	uint64_t	 at;		/* what buf holds */
	size_t		 have;
	uint8_t		 buf[WALK_WINDOW];
};
void	 walk_init(struct walk *, int fd, uint64_t pos, uint64_t size);
/* 1: h and header are those of the batch at pos; 0: pos is the end; -1. */
int	 walk_header(struct walk *, struct err *e);
const uint8_t *walk_bytes(const struct walk *);		/* the 61 of h */
void	 walk_next(struct walk *);

/* --- spare.c --- */

/* Finds the spares of the folder, at open. */
int	 spares_load(struct seglog *, struct err *e);
void	 spares_fini(struct seglog *);
/* The file of a trimmed segment, which is on no list any more, becomes a
 * spare; false: it is not wanted.  The folder must be synced before another
 * call. */
bool	 spare_keep(struct seglog *, const struct segment *);
/* A spare under the name of the segment at base, open; -1: there is none. */
int	 spare_take(struct seglog *, int64_t base, uint64_t *size);

/* --- swap.c --- */

#define SWAP_FILE	"compaction"

/* Reads how far the log was cleaned, if it ever was.  Before recovery. */
void	 swap_load(struct seglog *);
/* Writes it: there may be holes below holes, nothing below cleaned is dirty. */
int	 swap_save(struct seglog *, int64_t holes, int64_t cleaned,
	    struct err *e);
/*
 * Puts s, complete and synced, in the place of the n old ones, which follow
 * each other; writer as in struct seglog_cleaning.  *done false: one of the old
 * ones has been trimmed, and s is given up.  The reference to s goes over.
 */
int	 swap_segments(struct seglog *, struct segment **old, size_t n,
	    struct segment *s, struct mutex *writer, bool *done,
	    struct err *e);
/* Gives s up: removes its files and the reference. */
void	 swap_discard(struct seglog *, struct segment *s);
/* After a crash: finishes swaps that had begun. */
int	 swap_recover(struct seglog *, struct err *e);
/* "<base>-<end>.swap". */
bool	 swap_parse_name(const char *, int64_t *base, int64_t *end);

/* --- recover.c --- */

/* Makes the folder's files right: tails cut, bad bytes set aside, synced.
 * Afterwards every .log holds whole batches only, from recovery_offset on; with
 * trust false the segment it lies in holds nothing else at all. */
int	 recover_files(struct seglog *, bool trust, struct seglog_recovery *,
	    struct err *e);
/* The bases of the files that end so, ascending; *v is the caller's (free). */
int	 recover_list(struct seglog *, const char *suffix, int64_t **v,
	    size_t *n, struct err *e);

#endif
