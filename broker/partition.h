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

#include "base/err.h"
#include "base/thread.h"
#include "broker/topic.h"
#include "loop/completion.h"
#include "seglog/seglog.h"

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

/* Who waits for new data: fn runs once, in the flusher's thread, without a
 * lock, when the synced end moves or the topic is deleted.  Taken off again
 * with partition_unwatch, after which fn does not run. */
struct watcher {
	void		(*fn)(struct watcher *);
	/* private */
	struct watcher	*next, **prev;
};

enum partition_state { PARTITION_CLOSED, PARTITION_OPEN, PARTITION_GONE };

struct partition {		/* owner: its mutex, but the atomics */
	struct topic		*topic;
	int32_t			 index;
	struct mutex		 lock;
	_Atomic int		 state;
	struct seglog		*log;		/* fixed once open */
	struct producers	*producers;
	int64_t			 recovery_offset; /* from the checkpoint */
	struct sync_wait	*waits, **waits_tail;	/* by offset */
	struct watcher		*watchers;
	struct partition	*dirty_next;	/* flusher's list */
	bool			 dirty;		/* in that list */
	_Atomic int64_t		 log_start;	/* DeleteRecords; else 0 */
};

/* Opens the log on its first use.  Any thread.  ERR_NOT_FOUND: deleted. */
int	partition_open(struct partition *, struct err *);
/* "events-3", for messages; valid as long as buf. */
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
/* wait runs when everything appended before the call is synced; at once, in
 * this call, when it is already. */
void	partition_wait(struct partition *, struct sync_wait *);

void	partition_watch(struct partition *, struct watcher *);
void	partition_unwatch(struct partition *, struct watcher *);

#endif
