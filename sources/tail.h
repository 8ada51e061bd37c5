/*
 * What the files of the TAILDIR source share.  Nobody else includes it.
 *
 *	tail.c			the plugin: settings, life, the turn of work
 *	tail_groups.c		file groups, from the settings
 *	tail_read.c		bytes of one file into one batch
 *	tail_file.c		one file: open, grown, cut off, closed
 *	tail_follow.c		which files: new, renamed, lost, retired
 *	tail_scan.c		directories: listing, watching, polling
 *	tail_resume.c		where it stood: cursor, positions, Flume's file
 *	tail_pattern.c tail_identity.c tail_pos.c tail_flume.c	on their own
 *
 * A *stream* is what people call a log file: all generations of one name, so
 * app.log and what it was renamed to.  They are read oldest first, into the
 * same partition.  Streams with something to read take turns.
 *
 * Reading keeps no bytes between two turns: a read begins 256 bytes before the
 * position, which shows at once whether the file is still the one that was
 * read, and goes on at the last line end.  So a file at rest costs its struct
 * and its name.
 *
 * Everything here belongs to the source's loop.
 */
#ifndef SOURCES_TAIL_H
#define SOURCES_TAIL_H

#include <sys/queue.h>

#include "base/map.h"
#include "base/metric.h"
#include "base/setting.h"
#include "loop/watch.h"
#include "plugin/source.h"
#include "sources/tail_identity.h"
#include "sources/tail_pattern.h"

#define TAIL_READ_SIZE	(256 * 1024)
#define TAIL_SLOTS	32		/* batches on their way at once */

struct tail;
struct tail_pos;

struct tail_group {
	char			*name;
	struct tail_pattern	 pattern;
	struct header		*headers;	/* of headers.<g>; owned */
	size_t			 nheaders;
};

TAILQ_HEAD(tail_files, tail_file);
TAILQ_HEAD(tail_streams, tail_stream);

struct tail_stream {
	struct tail_group	*group;
	char			*path;		/* the logical name */
	int32_t			 hint;
	struct tail_files	 files;		/* oldest first */
	TAILQ_ENTRY(tail_stream) ready;
	bool			 queued;	/* in tail.ready */
	int64_t			 turns;		/* batches in a row */
};

struct tail_dir {
	struct tail		*tail;
	char			*path;		/* no slash behind, but "/" */
	struct watch_dir	*watch;		/* NULL: not (yet) there */
	tail_parts		*at;		/* per group */
	struct map		*names;		/* -> struct tail_file */
	struct tail_dir		*parent;	/* NULL: a base */
	TAILQ_HEAD(, tail_dir)	 children;
	TAILQ_ENTRY(tail_dir)	 sibling;
	uint64_t		 dev, ino;
	int64_t			 listed_ms;	/* wall clock */
	bool			 base;		/* of a group: waited for */
	bool			 warned, warned_link;
};

struct tail_file {
	struct tail		*tail;
	struct tail_stream	*stream;
	struct tail_id		 id;
	uint32_t		 generation;
	struct tail_mark	 mark;		/* read up to here */
	uint64_t		 seen;		/* no line end in [pos, seen) */
	uint64_t		 size;		/* as last seen */
	uint64_t		 stored, delivered;
	int			 fd;		/* -1: closed */
	struct tail_dir		*dir;		/* NULL: name lost */
	char			*path;		/* the last one known */
	const char		*blocked;	/* why it is not read */
	bool			 dirty;		/* there may be something */
	bool			 link;		/* reached through a link */
	bool			 retry;		/* in tail.retry */
	bool			 lost;		/* in tail.lost */
	bool			 retired;
	bool			 flush;		/* the unfinished line, too */
	bool			 after_cut;	/* may begin with a hole */
	bool			 checked;	/* for skipBinary */
	uint8_t			 searched;	/* times, while lost */
	unsigned		 round;		/* listing that saw it */
	uint16_t		 refs;		/* slots */
	int			 warned;	/* errno said last */
	int64_t			 active_ns;	/* grew or was read */
	int64_t			 old_ns;	/* read then, not delivered */
	int64_t			 young_ns;	/* likewise, at young_pos */
	uint64_t		 young_pos;
	TAILQ_ENTRY(tail_file)	 generation_link;
	TAILQ_ENTRY(tail_file)	 open_link, lost_link, retry_link, link_link;
};

/* A batch from its reading to its storing. */
struct tail_slot {
	struct completion	 stored;
	struct tail		*tail;
	struct tail_file	*file;		/* NULL: cursor only */
	struct batch		*batch;		/* until it is taken */
	struct tail_mark	 from, to;
	uint32_t		 generation;
	uint32_t		 nnotices;	/* of tail.notices in it */
	TAILQ_ENTRY(tail_slot)	 link;
};

/* A cursor entry that goes out without records. */
struct tail_notice {
	uint8_t		 key[TAIL_KEY_SIZE];
	uint64_t	 offset;
	struct slice	 note;			/* owned */
};

struct tail_found;

enum tail_long { LONG_SPLIT, LONG_TRUNCATE, LONG_DEAD_LETTER, LONG_STOP };
enum tail_start { START_BEGINNING, START_END };

struct tail_settings {
	struct conf		*groups, *headers;
	struct setting_list	 exclude;
	char			*position_file;
	bool			 byte_offset_header, skip_to_end, strip_cr;
	bool			 skip_binary, follow_symlinks, file_header;
	bool			 cache_matching;
	char			*file_header_key;
	int64_t			 idle_timeout, write_pos_interval;
	int64_t			 batch_size, max_batch_count;
	int64_t			 backoff_increment, max_backoff;
	uint64_t		 max_line_bytes;
	int			 long_lines, start_at;
	int64_t			 flush_partial_after, max_open_files;
	int64_t			 poll_interval;
};

struct tail_metrics {
	metric_t	files, open_files;
	metric_t	bytes, lines, lost_bytes, long_lines;
	metric_t	rotations, truncations, rescans, unreadable;
};

struct tail {
	struct source		 source;	/* first */
	struct tail_settings	 set;
	struct tail_metrics	 metrics;
	struct tail_group	*groups;
	size_t			 ngroups;

	/* tail_follow.c */
	struct map		*by_id;		/* id -> file */
	struct map		*streams;	/* group, path -> stream */
	struct tail_files	 lost, retry, links;
	struct tail_files	 open;		/* least recently used first */
	size_t			 nopen, max_open;
	struct tail_found	*found;
	size_t			 nfound, capfound;
	bool			 starting;	/* the first scan */
	bool			 settling;

	/* tail_scan.c */
	struct watch		*watch;
	struct map		*dirs;		/* path -> dir */
	size_t			 nmissing;	/* bases that are not there */
	unsigned		 round;		/* of listings */
	struct loop_timer	 tick, sweep, reconcile;
	struct loop_task	 settle;

	/* tail.c */
	struct tail_streams	 ready;
	TAILQ_HEAD(, tail_slot)	 idle;
	struct tail_slot	 slots[TAIL_SLOTS];
	struct tail_slot	*held;		/* refused; offered again */
	struct tail_notice	*notices;
	size_t			 nnotices, capnotices, sent_notices;
	struct loop_task	 work;
	struct loop_timer	 backoff;
	int64_t			 backoff_ms;
	unsigned		 inflight;
	bool			 paused, stopping, rewinding, started;
	struct completion	*stopped;
	uint8_t			*scratch;	/* TAIL_READ_SIZE */
	uint64_t		 read_limit;	/* what a channel can take; 0 */
	uint64_t		 line_bytes;	/* mean of the last batch */

	/* tail_resume.c */
	struct map		*known;		/* id -> struct tail_known */
	struct map		*births;	/* the same, without device */
	struct map		*imported;	/* inode -> struct tail_known */
	bool			 first;		/* nothing was known */
	bool			 search_known;	/* some were not found yet */
	struct tail_pos		*pos;		/* NULL: a channel keeps them */
	struct cursor_set	*gone;		/* retired, not all delivered */
	struct loop_timer	 pos_timer, export_timer;
	bool			 export_dirty, pos_published;
	int64_t			 synced_ns;
};

/* tail.c */
void	 tail_kick(struct tail *);		/* there may be work */
void	 tail_stop_if_done(struct tail *);
/* Puts a cursor entry on its way, for the channel that keeps positions. */
void	 tail_notice(struct tail *, const uint8_t key[TAIL_KEY_SIZE],
	    uint64_t offset, struct slice note);

/* tail_groups.c */
int	 tail_groups_make(struct tail *, struct err *);
void	 tail_groups_free(struct tail *);

/* tail_read.c */
enum tail_got { TAIL_NOTHING, TAIL_AGAIN, TAIL_BATCH };
/*
 * Reads the file's next batch into the slot: BATCH.  NOTHING: it has no
 * complete line now, or is blocked; no longer dirty.  AGAIN: call again, in
 * turn with others.
 */
enum tail_got tail_read(struct tail_file *, struct tail_slot *);
/* The unfinished last line, for flushPartialAfter. */
enum tail_got tail_read_partial(struct tail_file *, struct tail_slot *);

/* tail_file.c */
/* The `blocked` of a file that is no text: its bytes are nobody's lag. */
extern const char tail_not_text[];
/* Open, verified and its size known; false: not now, blocked or lost. */
bool	 tail_file_ready(struct tail_file *);
/* Something happened to it. size: from a stat just made, or -1. */
void	 tail_file_wake(struct tail_file *, int64_t size);
/* The bytes at and before the position are not those that were read: begins
 * again at 0, as the next generation, and says what was lost. */
void	 tail_file_rewritten(struct tail_file *, const char *how);
void	 tail_file_lost_bytes(struct tail_file *, uint64_t n,
	    const char *how);
void	 tail_file_block(struct tail_file *, const char *why, bool retry);
void	 tail_file_unblock(struct tail_file *);
void	 tail_file_close(struct tail_file *);
/* Closes what was idle for idleTimeout; when to come again, ms, or -1. */
int64_t	 tail_file_sweep(struct tail *);
void	 tail_file_key(const struct tail_file *, uint8_t key[TAIL_KEY_SIZE]);
/* The note for a mark of it, into buf of CURSOR_NOTE_MAX. */
struct slice tail_file_note(const struct tail_file *,
	    const struct tail_mark *, uint8_t *buf);
bool	 tail_file_has_name(const struct tail_file *);
void	 tail_raise_limit(struct tail *);

/* tail_follow.c */
/* A regular file stands under this name now. */
void	 tail_follow_name(struct tail_dir *, const char *name,
	    const struct statx *, bool link);
/* Nothing to follow stands there any more. */
void	 tail_follow_gone(struct tail_dir *, const char *name);
/* To be called when a round of names is over: takes up new files, oldest
 * first, and looks for those that lost their name. */
void	 tail_follow_settle(struct tail *);
/* Anything lost, or known and not seen yet: names must be looked at. */
bool	 tail_follow_searching(const struct tail *);
/* Once per pollInterval, while tail_follow_waiting. */
void	 tail_follow_tick(struct tail *);
bool	 tail_follow_waiting(const struct tail *);
struct tail_file *tail_follow_by_key(struct tail *, struct slice key);
void	 tail_follow_unref(struct tail_file *);
void	 tail_follow_free(struct tail *);

/* tail_scan.c */
int	 tail_scan_start(struct tail *, struct err *);
void	 tail_scan_stop(struct tail *);
void	 tail_scan_free(struct tail *);
/* Lists all directories again. */
void	 tail_scan_all(struct tail *);
/* Forgets the directory of that path if it is no longer there. */
void	 tail_scan_check(struct tail *, const char *dir);
/* Lists the directory of that path, if it is one of ours. */
void	 tail_scan_path(struct tail *, const char *dir);
/* What stands under this name? */
void	 tail_scan_look(struct tail_dir *, const char *name);
/* The group that wants a file of that name there; NULL: none. */
struct tail_group *tail_scan_wants(const struct tail_dir *,
	    const char *name);
bool	 tail_scan_excluded(const struct tail *, const char *path);
/* Arms the timers that are needed now. */
void	 tail_scan_timers(struct tail *);

/* tail_resume.c */
/* What was known of a file at the start. */
struct tail_known {
	struct tail_id		 id;
	uint32_t		 generation;
	struct tail_mark	 mark;
	uint64_t		 size;
	char			*path, *logical;
	bool			 imported;	/* from Flume: of id only the
						   inode, of mark the pos */
	uint8_t			 missed;	/* searches */
};
/* Reads what is known.  from as in source_ops.start. */
int	 tail_resume_start(struct tail *, const struct cursor *from,
	    struct err *);
/* The first scan is done: where files begin is kept. */
int	 tail_resume_started(struct tail *, struct err *);
void	 tail_resume_stop(struct tail *);
void	 tail_resume_free(struct tail *);
/* What is known of the file that stands under this path; NULL: nothing. */
struct tail_known *tail_resume_find(struct tail *, const struct tail_id *,
	    const char *path, uint64_t size);
/* Sets where a new file begins, as k says (freed) or, k NULL, the settings. */
void	 tail_resume_file(struct tail_file *, struct tail_known *k);
/* Puts the position of a file on its way to where positions are kept. */
void	 tail_resume_publish(struct tail_file *);
void	 tail_resume_settled(struct tail *);
/* Entries whose files were not found are given up after a while. */
bool	 tail_resume_waiting(const struct tail *);
void	 tail_resume_tick(struct tail *);
/* This key is no more: its position goes away when pos was delivered. */
void	 tail_resume_forget(struct tail *, const uint8_t key[TAIL_KEY_SIZE],
	    uint64_t pos, uint64_t delivered);
void	 tail_resume_delivered(struct tail *, const struct cursor *);
/* Positions moved: Flume's file is to be written again. */
void	 tail_resume_stored(struct tail *);

#endif
