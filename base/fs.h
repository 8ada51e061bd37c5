/*
 * Durable I/O: every change to a file that must survive a crash goes through
 * a struct fs.  fs_real is the kernel; tests link test/fake/fake_disk.c, which
 * remembers what was synced and can show the disk as a power cut would leave
 * it (unsynced writes dropped, torn, reordered), fill up and fail.
 *
 * File descriptors are real ones in both, so reading (pread, sendfile, mmap
 * for reading) needs no vtable.  Writable mappings of durable state do not
 * exist here.  Calls return 0 or a descriptor, or -1 with *e set: ERR_SYS with
 * errno, ENOSPC and EDQUOT as ERR_FULL.  EINTR and short writes are dealt with
 * inside.  Any thread; two threads do not write one file.
 */
#ifndef BASE_FS_H
#define BASE_FS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/err.h"

struct fs {
	/* open(2) relative to dirfd (or AT_FDCWD); O_CLOEXEC is added, new
	 * files get mode 0600. */
	int	(*open)(const struct fs *, int dirfd, const char *name,
		    int flags, struct err *);
	int	(*close)(const struct fs *, int fd);
	/* Writes all of iov at off.  On an error an unknown part is written. */
	int	(*pwritev)(const struct fs *, int fd, const struct iovec *iov,
		    int n, off_t off, struct err *);
	/* Data and size are on the disk on return.  A failure is for the
	 * caller to hand to fatal_disk(): it is never tried again. */
	int	(*sync)(const struct fs *, int fd, struct err *);
	/* A hint, without a result: [off, off + len) was written and may go to
	 * the disk now, so that the sync to come finds less to do.  It does not
	 * wait for the disk; what goes wrong is for the sync to say. */
	void	(*start)(const struct fs *, int fd, off_t off, off_t len);
	/* The same as sync for a directory's entries. */
	int	(*sync_dir)(const struct fs *, int dirfd, struct err *);
	int	(*truncate)(const struct fs *, int fd, off_t size,
		    struct err *);
	/* Reserves and zeroes [off, off + len): later writes there need no new
	 * blocks. Not supported by the file system: ERR_REFUSED. */
	int	(*zero)(const struct fs *, int fd, off_t off, off_t len,
		    struct err *);
	int	(*rename)(const struct fs *, int dirfd, const char *from,
		    const char *to, struct err *);
	int	(*unlink)(const struct fs *, int dirfd, const char *name,
		    struct err *);
	int	(*mkdir)(const struct fs *, int dirfd, const char *name,
		    struct err *);		/* mode 0700; EEXIST is fine */
	int	(*rmdir)(const struct fs *, int dirfd, const char *name,
		    struct err *);
};

extern const struct fs fs_real;

/* --- helpers over any struct fs; all built from the calls above --- */

/* One buffer at off. */
int	fs_pwrite(const struct fs *, int fd, const void *, size_t, off_t off,
	    struct err *);
/* Reads len bytes at off: the count, less than len only at the end of file. */
ssize_t	fs_pread(int fd, void *, size_t len, off_t off, struct err *);
/* Creates path and its missing parents, 0700, syncs each parent, and opens it
 * as a directory: the descriptor. */
int	fs_open_dir(const struct fs *, const char *path, struct err *);
/* Writes name atomically: temp file, sync, rename, sync_dir. */
int	fs_replace(const struct fs *, int dirfd, const char *name,
	    const void *, size_t, struct err *);
/* Reads a whole file of at most max bytes into a new buffer (free). Missing:
 * ERR_NOT_FOUND. NUL-terminated, *len without the NUL. */
int	fs_slurp(int dirfd, const char *name, size_t max, void **out,
	    size_t *len, struct err *);
/* An exclusive lock on dirfd/"lock" that the kernel drops with the process:
 * the descriptor to keep. Held by another: ERR_REFUSED naming its pid. */
int	fs_lock(int dirfd, const char *what, struct err *);
/*
 * The format stamp of a data folder: creates dirfd/"format" with the text
 * "leat <kind> <version>\n" in an empty folder; otherwise its kind must be
 * equal and its version not newer, else ERR_REFUSED with a sentence.
 */
int	fs_stamp(const struct fs *, int dirfd, const char *kind, int version,
	    struct err *);
/* Bytes an unprivileged process can still write there. */
int	fs_space(int dirfd, uint64_t *avail, uint64_t *total, struct err *);

/*
 * A small durable value in two alternating slots with generation and CRC:
 * write() goes to the older slot and syncs, open takes the newest valid one.
 * size is fixed at open, 1 to 4000 bytes; an all-new file has no value.
 */
struct fs_slots {
	const struct fs	*fs;
	int		 fd;
	uint32_t	 size;
	uint64_t	 generation;
};
/* Opens or creates name (and syncs file and dirfd). *found: a valid value was
 * read into value, and is durable.  Both slots bad in a file with content, or
 * a value of another size: ERR_CORRUPT. */
int	fs_slots_open(struct fs_slots *, const struct fs *, int dirfd,
	    const char *name, void *value, uint32_t size, bool *found,
	    struct err *);
/* On an error the older value is still there; it may have been the sync that
 * failed, so it is one for fatal_disk(). */
int	fs_slots_write(struct fs_slots *, const void *value, struct err *);
void	fs_slots_close(struct fs_slots *);

#endif
