/*
 * Watched directories: which names in them were created, moved, written or
 * deleted.  One inotify instance per watch; meant for thousands of directories.
 *
 *	w = watch_new(loop, &ops, source, 1000, e);
 *	d = watch_add(w, "/var/log/app", dir, e);
 *
 * An event says "look at this name", never more: it may come late, come twice,
 * or for a name that is gone again.  Events of one (directory, name) within
 * one wakeup arrive as one, with all that happened ORed together, names in the
 * order of their first event.  Whoever must not miss anything lists the
 * directory after watch_add returned.
 *
 * A directory that cannot be watched (no watch left: ENOSPC; a network or user
 * space file system, whose changes elsewhere inotify does not see) is polled:
 * WATCH_SCAN comes every poll_ms.  That is said once in the log.
 *
 * Thread rule: the loop's thread.  Directories may be added and removed inside
 * the callbacks.
 */
#ifndef LOOP_WATCH_H
#define LOOP_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "loop/loop.h"

struct watch;
struct watch_dir;

#define WATCH_CREATED	0x01	/* made, linked, or moved in */
#define WATCH_MODIFIED	0x02	/* written or truncated */
#define WATCH_CLOSED	0x04	/* closed by one who could write */
#define WATCH_MOVED	0x08	/* moved out, or to another name */
#define WATCH_DELETED	0x10
#define WATCH_ISDIR	0x20	/* the name is a directory */
/* These come with name "". */
#define WATCH_SCAN	0x40	/* look at the whole directory */
#define WATCH_GONE	0x80	/* the directory itself was deleted, moved away
				   or unmounted: nothing more will come; remove
				   it, and add it again when it is back */

struct watch_ops {
	/* name is valid during the call. */
	void	(*changed)(void *ctx, struct watch_dir *, const char *name,
		    unsigned what);
	/* Events were lost (the kernel's queue overflowed): look at every
	 * directory. */
	void	(*overflow)(void *ctx);
};

/* poll_ms: the interval for directories that are polled. ops stays the
 * caller's. */
struct watch	*watch_new(struct loop *, const struct watch_ops *, void *ctx,
		    int64_t poll_ms, struct err *e);
/* Removes all directories.  NULL is fine. */
void		 watch_free(struct watch *);

/*
 * -> the directory, the watch's until watch_remove.  Adding the same
 * directory (by inode) under a second name gives a second struct, and both get
 * the events.  Fails with ERR_NOT_FOUND, or ERR_SYS when path is no
 * directory or may not be read.
 */
struct watch_dir *watch_add(struct watch *, const char *path, void *dir_ctx,
		    struct err *e);
/* No event for it any more, not even those of this wakeup. */
void		 watch_remove(struct watch *, struct watch_dir *);
void		*watch_dir_ctx(const struct watch_dir *);
const char	*watch_dir_path(const struct watch_dir *);
bool		 watch_dir_polled(const struct watch_dir *);
/* From now on polled whatever the file system is (a setting, and tests). */
void		 watch_dir_poll(struct watch *, struct watch_dir *);
size_t		 watch_count(const struct watch *);

#endif
