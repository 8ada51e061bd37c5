/*
 * A disk for tests of durability: a struct fs that works on a real temporary
 * folder and remembers beside it what a power cut could take back.
 *
 *	struct fake_disk *d = fake_disk_new(), *after;
 *
 *	thing_open(&t, fake_disk_fs(d), fake_disk_path(d), ...);
 *	... thing_write, thing_sync, note what was acknowledged ...
 *	for (seed = 0; seed < 100; seed++) {
 *		after = fake_disk_power_cut(d, seed);
 *		thing_open(&u, fake_disk_fs(after), fake_disk_path(after), ...);
 *		... all that was acknowledged is there, nothing else is odd ...
 *		fake_disk_free(after);
 *	}
 *	fake_disk_free(d);
 *
 * A cut leaves the disk as it is and gives a new one, with the tree as it
 * would be found after the power came back; everything on that is durable.
 * So the program under test goes on, and one run can be cut at each of its
 * operations (fake_disk_watch).  A kill -9 needs no call: drop the program's
 * objects and open them again on the same disk; what was not synced is still
 * there and still not durable.
 *
 * What may happen to what was not synced:
 *  - Data.  The page cache is written back in pages of 4096 bytes, in any
 *    order, each in any version it had since the last sync of its file; one
 *    version can be torn over another in sectors of 512 bytes.
 *  - Sizes.  A file has any of the sizes it had since its last sync, with or
 *    without the data: what was not written back reads as zeroes.
 *  - Truncations persist in order; what was written behind one does not
 *    persist without it.
 *  - Names.  create, rename, unlink, mkdir and rmdir of a folder persist with
 *    sync_dir of that folder and not with the sync of a file.  Before, any
 *    prefix of them in the order of all folders, any prefix per folder, or
 *    any subset does.  A rename happens whole or not at all.
 *
 * Seeds choose among these.  FAKE_CUT_LOSE and the other names below are the
 * corner cases; every other seed is a mixture drawn from it, the same one for
 * the same seed and history.
 *
 * Descriptors are real ones, so reading needs nothing from here.  What is
 * changed behind this disk's back (by open(2), as fs_lock does) is not seen:
 * such a file does not survive a cut, unless fake_disk_adopt() or an open
 * through the disk made it known.  Folders outside fake_disk_path() are passed
 * through without being synced or remembered.
 *
 * Any thread; one lock inside.
 */
#ifndef TEST_FAKE_FAKE_DISK_H
#define TEST_FAKE_FAKE_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fs.h"

struct fake_disk;

enum fake_kind {
	FAKE_CREATE,		/* open() that made a file */
	FAKE_WRITE,
	FAKE_ZERO,
	FAKE_TRUNCATE,		/* also open() with O_TRUNC of a file */
	FAKE_SYNC,
	FAKE_SYNC_DIR,
	FAKE_RENAME,
	FAKE_UNLINK,
	FAKE_MKDIR,
	FAKE_RMDIR,
	FAKE_KINDS
};

/* An operation that changed the disk, or made a change durable. */
struct fake_op {
	uint64_t	number;		/* from 1 on */
	enum fake_kind	kind;
	char		name[48];	/* of file or folder, without path */
	uint64_t	off, len;	/* of a write or zero; len: new size
					   of a truncation */
};

enum {
	FAKE_CUT_LOSE,		/* nothing that was not synced */
	FAKE_CUT_KEEP,		/* everything: a cut of nothing, as kill -9 */
	FAKE_CUT_SIZES,		/* all names and sizes, no data */
	FAKE_CUT_DATA,		/* all data and sizes, no names */
	FAKE_CUT_NAMES,		/* all names, no data and no sizes */
	FAKE_CUT_RANDOM		/* this seed and above: drawn */
};

/* An empty one in a new temporary folder ($TMPDIR, else /dev/shm or /tmp). */
struct fake_disk *fake_disk_new(void);
/* Removes the folder too.  Descriptors are the test's to close. */
void	 fake_disk_free(struct fake_disk *);	/* NULL is fine */
const struct fs *fake_disk_fs(struct fake_disk *);
const char *fake_disk_path(const struct fake_disk *);

/* The tree as it stands now, with whatever was put there from outside, is
 * durable from now on. */
void	 fake_disk_adopt(struct fake_disk *);

/*
 * A new disk as a power cut now could leave it.  To compare: read what was
 * acknowledged first, then cut, so that another thread's acknowledgement in
 * between does no harm.
 */
struct fake_disk *fake_disk_power_cut(struct fake_disk *, uint64_t seed);

/* Operations since the start; the list of them, valid until the next one. */
uint64_t fake_disk_ops(struct fake_disk *);
const struct fake_op *fake_disk_log(struct fake_disk *, size_t *n);
/* Changes that are not durable yet (writes, truncations, names). */
size_t	 fake_disk_pending(struct fake_disk *);
/* "7 write 00000.log 4096+512", for messages.  Static text in buf. */
const char *fake_op_print(const struct fake_op *, char *buf, size_t);

/*
 * fn is called before and after every operation that succeeds or fails, in
 * the thread that does it and without the lock: it may cut.  Sync points are
 * those of kind FAKE_SYNC and FAKE_SYNC_DIR; before them the most is at stake.
 * An operation's own hook is not called again for what fn does on the disk.
 */
void	 fake_disk_watch(struct fake_disk *, void (*fn)(struct fake_disk *,
	    const struct fake_op *, bool after, void *ctx), void *ctx);

/*
 * The n-th operation of that kind from now on (1: the next) fails with errno
 * sys and has no effect; later ones work again.  n = 0 takes it back.  After a
 * failed sync what it should have made durable never will be, however often
 * sync is called: that is what Linux does.
 */
void	 fake_disk_fail(struct fake_disk *, enum fake_kind, uint64_t n,
	    int sys);
/* The n-th sync of a file fails with EIO. */
void	 fake_disk_fail_sync(struct fake_disk *, uint64_t n);

/*
 * Room for that many bytes more than now; UINT64_MAX: no limit (the start).
 * Growth of files takes room, truncation and unlink give it back.  A write
 * that does not fit is done as far as it fits and is ERR_FULL; zero() does
 * nothing then.  fs_space() does not know of it.
 */
void	 fake_disk_full_after(struct fake_disk *, uint64_t bytes);

/* A disk that lies: sync returns 0 and makes nothing durable.  The negative
 * control: a test that does not fail over a lying disk tests nothing. */
void	 fake_disk_lie(struct fake_disk *, bool lie);

/* A file system that cannot zero ahead: zero is refused. */
void	 fake_disk_no_zero(struct fake_disk *);

#endif
