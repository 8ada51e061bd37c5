/*
 * Making a folder right again after a crash.
 *
 * Recovery reads what may not have been synced, from recovery_offset on, and
 * sorts it into runs of valid batches and bad ranges between them; nothing is
 * changed while it reads.  A batch is valid when its header makes sense, its
 * base offset is the one expected at that place, and its CRC fits.  Where one
 * is not:
 *
 *  - only zeroes follow: the end (a pre-zeroed segment);
 *  - only batches with offsets below the segment's own follow, and what is
 *    left of one: the end (a file that was a spare, which nobody cut yet);
 *  - a valid batch with a larger offset follows somewhere: a bad range;
 *  - nothing valid follows: a torn tail.
 *
 * Then it changes the folder, from the end to the front, so that a crash in
 * between leaves a folder on which recovery does the same again:
 *
 *  - segments and bytes behind the last valid batch (the last batch that
 *    closes a group, when the owner has groups) are cut;
 *  - a bad range is copied to <offset>.bad, what follows it to a segment of
 *    its own, <offset of the next valid batch>.log.new, renamed into place;
 *    then the old segment is cut in front of the range.  A crash between the
 *    last two leaves batches twice: those whose offset is not below the base
 *    of the next segment are not looked at;
 *  - a tail is set aside too, not only cut, where it lies below
 *    recovery_offset: it was synced, so it is damage and no torn write.
 *
 * A block that cannot be read (EIO) reads as 0xff, which is never valid.
 */
#include "seglog/seglog_priv.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/log.h"
#include "base/mem.h"

#define WINDOW		((size_t)256 * 1024)
#define BLOCK		4096
#define SEARCH_CRC	((uint64_t)64 << 20)	/* see find_valid */

/* --- listing --- */

struct listing {
	int64_t	*v;
	size_t	 n, cap;
};

static int
cmp_base(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x < y ? -1 : x > y);
}

/* Left by a crash of an earlier recovery, or by a deletion. */
static bool
is_leftover(const struct seglog *log, const char *name)
{
	char other[SEG_NAME_MAX];
	struct stat st;
	int64_t base;

	if (segment_parse_name(name, ".log.new", &base) ||
	    segment_parse_name(name, ".bad.new", &base) ||
	    segment_parse_name(name, ".log" SEG_CLEANED, &base) ||
	    segment_parse_name(name, ".index" SEG_CLEANED, &base) ||
	    segment_parse_name(name, ".timeindex" SEG_CLEANED, &base))
		return (true);
	if (segment_parse_name(name, ".spare", &base))
		return (log->opt.spares == 0);
	if (!segment_parse_name(name, ".index", &base) &&
	    !segment_parse_name(name, ".timeindex", &base))
		return (false);
	segment_name(other, base, ".log");
	return (fstatat(log->opt.dirfd, other, &st, 0) == -1 &&
	    errno == ENOENT);
}

static int
open_folder(struct seglog *log, DIR **dir, struct err *e)
{
	int fd = openat(log->opt.dirfd, ".",
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd != -1 && (*dir = fdopendir(fd)) != NULL)
		return (0);
	err_sys(e, "%s: opening the folder", log->name);
	if (fd != -1)
		close(fd);
	return (-1);
}

int
recover_list(struct seglog *log, const char *suffix, int64_t **v, size_t *n,
    struct err *e)
{
	struct listing l = { NULL, 0, 0 };
	struct dirent *d;
	int64_t base;
	DIR *dir;

	if (open_folder(log, &dir, e) == -1)
		return (-1);
	while ((d = readdir(dir)) != NULL)
		if (segment_parse_name(d->d_name, suffix, &base)) {
			GROW(l.v, l.n, l.cap);
			l.v[l.n++] = base;
		}
	closedir(dir);
	if (l.n > 1)
		qsort(l.v, l.n, sizeof *l.v, cmp_base);
	*v = l.v;
	*n = l.n;
	return (0);
}

static int
remove_leftovers(struct seglog *log, struct err *e)
{
	const struct fs *fs = log->opt.fs;
	struct dirent *d;
	DIR *dir;
	int rc = 0;

	if (open_folder(log, &dir, e) == -1)
		return (-1);
	while (rc == 0 && (d = readdir(dir)) != NULL)
		if (is_leftover(log, d->d_name))
			rc = fs->unlink(fs, log->opt.dirfd, d->d_name, e);
	closedir(dir);
	return (rc);
}

/* --- a window over one file --- */

struct file {
	int		 fd;
	uint64_t	 size;
	uint8_t		*buf;
	size_t		 cap;
	uint64_t	 at;
	size_t		 have;
	int64_t		 old;	/* batches with smaller offsets are what the
				   file held before it was used again */
};

static void
read_blocks(const struct file *f, uint8_t *p, size_t n, uint64_t pos)
{
	size_t i, part;
	ssize_t got = fs_pread(f->fd, p, n, (off_t)pos, NULL);

	if (got == (ssize_t)n)
		return;
	for (i = 0; i < n; i += part) {
		part = BLOCK - (pos + i) % BLOCK;
		if (part > n - i)
			part = n - i;
		if (fs_pread(f->fd, p + i, part, (off_t)(pos + i), NULL) !=
		    (ssize_t)part)
			memset(p + i, 0xff, part);
	}
}

/* n bytes at pos, which lie in the file; valid until the next call. */
static const uint8_t *
file_get(struct file *f, uint64_t pos, size_t n)
{
	size_t want;

	if (pos >= f->at && pos + n <= f->at + f->have)
		return (f->buf + (pos - f->at));
	want = n > WINDOW ? n : WINDOW;
	if (want > f->size - pos)
		want = (size_t)(f->size - pos);
	if (want > f->cap) {
		f->buf = xreallocarray(f->buf, want, 1);
		f->cap = want;
	}
	read_blocks(f, f->buf, want, pos);
	f->at = pos;
	f->have = want;
	return (f->buf);
}

/* As many bytes at pos as are at hand, at least one; pos lies in the file. */
static const uint8_t *
file_some(struct file *f, uint64_t pos, size_t *n)
{
	const uint8_t *p = file_get(f, pos, 1);

	*n = (size_t)(f->at + f->have - pos);
	return (p);
}

/* The end of what is not zero: all bytes from there on are. */
static uint64_t
file_data_end(struct file *f)
{
	uint64_t pos = f->size;
	const uint8_t *p;
	size_t n;

	while (pos > 0) {
		n = pos < WINDOW ? (size_t)pos : WINDOW;
		p = file_get(f, pos - n, n);
		while (n > 0 && p[n - 1] == 0) {
			n--;
			pos--;
		}
		if (n > 0)
			break;
	}
	return (pos);
}

static bool
file_crc_fits(struct file *f, uint64_t pos, const struct kbatch *b)
{
	uint64_t at = pos + 21, end = pos + kbatch_size(b);
	const uint8_t *p;
	uint32_t crc = 0;
	size_t n;

	for (; at < end; at += n) {
		p = file_some(f, at, &n);
		if (n > end - at)
			n = (size_t)(end - at);
		crc = crc32c(crc, p, n);
	}
	return (crc == b->crc);
}

/* --- reading a segment --- */

/* A bad range, or a tail to cut. */
struct bad {
	size_t	 seg;		/* index in bases */
	uint64_t from, to;	/* to: where the next valid batch begins, or the
				   end of the file */
	int64_t	 expected;	/* offset that should stand at from */
	int64_t	 next;		/* base offset at to; -1: nothing valid */
};

struct place {
	size_t	 seg;
	uint64_t pos;
	int64_t	 next;
};

struct recovery {
	struct seglog		*log;
	struct seglog_recovery	*rec;
	int64_t			*bases;
	size_t			 n, first;
	uint64_t		*sizes;		/* of the files, as found */
	uint64_t		*ends;		/* of the bytes that are not
						   zero */
	struct bad		*bad;
	size_t			 nbad, capbad;
	struct place		 keep;		/* behind the last kept batch */
	bool			 trust;		/* the index may be used */
	bool			 dirty;		/* not as a clean stop leaves
						   it */
};

static void
add_bad(struct recovery *r, size_t seg, uint64_t from, uint64_t to,
    int64_t expected, int64_t next)
{
	GROW(r->bad, r->nbad, r->capbad);
	r->bad[r->nbad++] = (struct bad){ seg, from, to, expected, next };
}

/* A header at pos that could be one; the bytes need not be a batch. */
static bool
parse_at(struct file *f, uint64_t pos, struct kbatch *b)
{
	return (f->size - pos >= KBATCH_HEADER && kbatch_parse(slice_of(
	    file_get(f, pos, KBATCH_HEADER), KBATCH_HEADER), b, NULL) == 0 &&
	    kbatch_size(b) <= f->size - pos);
}

/* What the header behind the batch at pos says about its offset, which no CRC
 * covers: 1 it fits, 0 there is no header, -1 it does not fit. */
static int
next_agrees(struct file *f, uint64_t pos, const struct kbatch *b, bool gaps)
{
	struct kbatch next;
	int64_t want = kbatch_last_offset(b) + 1;

	if (!parse_at(f, pos + kbatch_size(b), &next) ||
	    next.base_offset < f->old)
		return (0);
	return (next.base_offset == want ||
	    (gaps && next.base_offset > want) ? 1 : -1);
}

/*
 * The next valid batch behind pos with an offset in [low, high).  Candidates
 * are found by their magic.  Bytes can be made to look like many long batches,
 * so the bytes summed in vain have a limit, behind which nothing is found.
 */
static bool
find_valid(struct file *f, uint64_t pos, uint64_t end, int64_t low,
    int64_t high, bool gaps, uint64_t *at, struct kbatch *b)
{
	uint64_t budget = SEARCH_CRC + 4 * (end - pos);
	const uint8_t *p, *hit;
	size_t n;

	for (pos += 16 + 1; pos < end; ) {
		p = file_some(f, pos, &n);
		if ((hit = memchr(p, KBATCH_MAGIC, n)) == NULL) {
			pos += n;
			continue;
		}
		pos += (uint64_t)(hit - p);
		*at = pos++ - 16;
		if (!parse_at(f, *at, b) || b->base_offset < low ||
		    kbatch_last_offset(b) >= high)
			continue;
		if (file_crc_fits(f, *at, b)) {
			if (next_agrees(f, *at, b, gaps) != -1)
				return (true);
			continue;
		}
		if (kbatch_size(b) > budget)
			return (false);
		budget -= kbatch_size(b);
	}
	return (false);
}

/* A whole batch was read: does it end what is to be kept? */
static bool
closes(struct recovery *r, struct file *f, uint64_t pos, const struct kbatch *b)
{
	const struct seglog_options *o = &r->log->opt;

	if (b->base_offset < o->recovery_offset)
		return (true);
	r->rec->scanned += kbatch_size(b);
	return (o->closes == NULL || o->closes(o->ctx,
	    slice_of(file_get(f, pos, kbatch_size(b)), kbatch_size(b))));
}

/*
 * The batch at pos, whose header is b.  Below recovery_offset the CRC was good
 * once and is the readers' affair, and there may be gaps between offsets; but
 * a length that leads nowhere or an offset that the next one contradicts would
 * take good batches along.
 */
static bool
is_valid(struct recovery *r, struct file *f, uint64_t pos, int64_t expected,
    const struct kbatch *b)
{
	int next;

	if (expected >= r->log->opt.recovery_offset)
		return (b->base_offset == expected && file_crc_fits(f, pos, b));
	if (b->base_offset < expected ||
	    kbatch_last_offset(b) >= r->log->opt.recovery_offset)
		return (false);
	next = next_agrees(f, pos, b, true);
	return (next == 1 || (next == 0 && file_crc_fits(f, pos, b)) ||
	    (next == -1 && b->base_offset == expected));
}

/*
 * Nothing valid follows pos: where what belongs to the log, though it is bad,
 * ends.  In a file that was used before, older bytes follow, from somewhere
 * within a batch of then on.  They begin at pos if no batch was begun there.
 */
static uint64_t
bad_end(struct recovery *r, struct file *f, uint64_t pos, uint64_t end,
    int64_t expected)
{
	struct kbatch b;
	uint64_t at;

	if (r->log->opt.spares == 0)
		return (end);
	if (expected >= r->log->opt.recovery_offset &&
	    !(parse_at(f, pos, &b) && b.base_offset == expected))
		return (pos);
	return (find_valid(f, pos, end, 0, f->old, true, &at, &b) ? at : end);
}

/* Reads one segment from pos on; *expected goes along. */
static void
read_segment(struct recovery *r, struct file *f, size_t seg, uint64_t pos,
    int64_t *expected)
{
	int64_t high = seg + 1 < r->n ? r->bases[seg + 1] :
	    r->bases[seg] + INT32_MAX;
	uint64_t end = file_data_end(f), at;
	struct kbatch b;

	while (pos < f->size) {
		if (parse_at(f, pos, &b) && kbatch_last_offset(&b) < high &&
		    is_valid(r, f, pos, *expected, &b)) {
			at = pos;
			pos += kbatch_size(&b);
			*expected = kbatch_last_offset(&b) + 1;
			if (closes(r, f, at, &b))
				r->keep = (struct place){ seg, pos, *expected };
		} else if (pos >= end)
			break;
		else if (find_valid(f, pos, end, *expected, high,
		    *expected < r->log->opt.recovery_offset, &at, &b)) {
			add_bad(r, seg, pos, at, *expected, b.base_offset);
			pos = at;
			*expected = b.base_offset;
		} else {
			end = bad_end(r, f, pos, end, *expected);
			if (pos < end)
				add_bad(r, seg, pos, end, *expected, -1);
			break;
		}
	}
	r->ends[seg] = pos < end ? end : pos;
	if (pos < f->size)
		r->dirty = true;
}

/* A position from which on headers can be walked to recovery_offset: from the
 * index when it has a true entry below it, else 0. */
static uint64_t
trusted_start(struct recovery *r, struct file *f, int64_t base,
    int64_t *expected)
{
	char name[SEG_NAME_MAX];
	uint8_t entry[SEG_INDEX_ENTRY];
	struct kbatch b;
	struct stat st;
	uint64_t pos = 0;
	off_t off;
	int fd;

	segment_name(name, base, ".index");
	fd = openat(r->log->opt.dirfd, name, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return (0);
	if (fstat(fd, &st) == -1)
		st.st_size = 0;
	for (off = st.st_size / SEG_INDEX_ENTRY; off-- > 0; ) {
		if (fs_pread(fd, entry, sizeof entry, off * SEG_INDEX_ENTRY,
		    NULL) != sizeof entry)
			break;
		if (base + (int32_t)get_be32(entry) >=
		    r->log->opt.recovery_offset)
			continue;
		pos = get_be32(entry + 4);
		if (pos < f->size && parse_at(f, pos, &b) &&
		    kbatch_last_offset(&b) == base + (int32_t)get_be32(entry))
			*expected = b.base_offset;
		else
			pos = 0;
		break;
	}
	close(fd);
	return (pos);
}

static int
read_file(struct recovery *r, size_t seg, int64_t *expected, struct err *e)
{
	char name[SEG_NAME_MAX];
	struct file f;
	struct stat st;
	uint64_t pos = 0;

	memset(&f, 0, sizeof f);
	segment_name(name, r->bases[seg], ".log");
	f.fd = openat(r->log->opt.dirfd, name, O_RDONLY | O_CLOEXEC);
	if (f.fd == -1 || fstat(f.fd, &st) == -1) {
		err_sys(e, "%s: %s", r->log->name, name);
		if (f.fd != -1)
			close(f.fd);
		return (-1);
	}
	r->sizes[seg] = f.size = (uint64_t)st.st_size;
	f.old = r->log->opt.spares > 0 ? r->bases[seg] : INT64_MIN;
	if (*expected < r->bases[seg] || seg == r->first)
		*expected = r->bases[seg];
	if (seg == r->first && r->trust)
		pos = trusted_start(r, &f, r->bases[seg], expected);
	if (seg == r->first)
		r->keep = (struct place){ seg, pos, *expected };
	/* After a failed write-back the page cache may hold what the disk does
	 * not: clean pages are read again (ATC'20, "Can Applications Recover
	 * from fsync Failures?"). */
	posix_fadvise(f.fd, (off_t)pos, 0, POSIX_FADV_DONTNEED);
	read_segment(r, &f, seg, pos, expected);
	close(f.fd);
	free(f.buf);
	return (0);
}

/* The last segment may be a new one that nothing was written to. */
static bool
stays_empty(const struct recovery *r, size_t seg)
{
	int64_t start = r->keep.next;

	if (start < r->log->opt.recovery_offset)
		start = r->log->opt.recovery_offset;
	return (seg + 1 == r->n && r->bases[seg] == start &&
	    r->log->opt.closes == NULL);
}

/* A group's owner wants each segment, but an only one, to begin with one. */
static bool
no_group(const struct recovery *r)
{
	return (r->log->opt.closes != NULL && r->keep.pos == 0 &&
	    r->keep.seg > 0);
}

static int
read_all(struct recovery *r, struct err *e)
{
	int64_t expected = 0;
	size_t i;

	/* A segment that ends at recovery_offset belongs to it: the sync of its
	 * end may have come before the cut of its zeroes. */
	while (r->first + 1 < r->n &&
	    r->bases[r->first + 1] < r->log->opt.recovery_offset)
		r->first++;
	for (i = r->first; i < r->n; i++)
		if (read_file(r, i, &expected, e) == -1)
			return (-1);
	if (r->keep.next != r->log->opt.recovery_offset || r->nbad > 0 ||
	    r->keep.pos < r->sizes[r->keep.seg] ||
	    (r->keep.seg + 1 < r->n && !stays_empty(r, r->keep.seg + 1)) ||
	    no_group(r))
		r->dirty = true;
	return (0);
}

/* --- changing the folder --- */

static int
open_part(struct recovery *r, int64_t base, const char *suffix, int flags,
    struct err *e)
{
	const struct fs *fs = r->log->opt.fs;
	char name[SEG_NAME_MAX];

	segment_name(name, base, suffix);
	return (fs->open(fs, r->log->opt.dirfd, name, flags, e));
}

/* Copies [from, to) of a segment to a new file, synced, under name.new. */
static int
copy_range(struct recovery *r, int64_t seg, uint64_t from, uint64_t to,
    int64_t base, const char *suffix, struct err *e)
{
	const struct fs *fs = r->log->opt.fs;
	struct file f;
	const uint8_t *p;
	uint64_t at;
	size_t n;
	int fd, rc = 0;

	memset(&f, 0, sizeof f);
	if ((f.fd = open_part(r, seg, ".log", O_RDONLY, e)) == -1)
		return (-1);
	fd = open_part(r, base, suffix, O_RDWR | O_CREAT | O_TRUNC, e);
	if (fd == -1) {
		fs->close(fs, f.fd);
		return (-1);
	}
	f.size = to;
	for (at = from; rc == 0 && at < to; at += n) {
		p = file_some(&f, at, &n);
		rc = fs_pwrite(fs, fd, p, n, (off_t)(at - from), e);
	}
	if (rc == 0)
		rc = fs->sync(fs, fd, e);
	fs->close(fs, fd);
	fs->close(fs, f.fd);
	free(f.buf);
	return (rc);
}

static int
rename_new(struct recovery *r, int64_t base, const char *from, const char *to,
    struct err *e)
{
	const struct fs *fs = r->log->opt.fs;
	char a[SEG_NAME_MAX], b[SEG_NAME_MAX];

	segment_name(a, base, from);
	segment_name(b, base, to);
	if (fs->rename(fs, r->log->opt.dirfd, a, b, e) == -1)
		return (-1);
	return (fs->sync_dir(fs, r->log->opt.dirfd, e));
}

/* Cuts a segment at size and syncs it; at 0 the file goes, unless keep. */
static int
cut_segment(struct recovery *r, int64_t base, uint64_t size, bool keep,
    struct err *e)
{
	const struct fs *fs = r->log->opt.fs;
	int fd, rc;

	segment_drop_index(r->log, base);
	if (size == 0 && !keep) {
		segment_unlink(r->log, base);
		return (fs->sync_dir(fs, r->log->opt.dirfd, e));
	}
	if ((fd = open_part(r, base, ".log", O_RDWR, e)) == -1)
		return (-1);
	rc = fs->truncate(fs, fd, (off_t)size, e);
	if (rc == 0)
		rc = fs->sync(fs, fd, e);
	fs->close(fs, fd);
	return (rc);
}

static int
save_bad(struct recovery *r, const struct bad *b, struct err *e)
{
	char name[SEG_NAME_MAX];
	struct stat st;

	r->rec->quarantined += b->to - b->from;
	r->rec->quarantines++;
	segment_name(name, b->expected, ".bad");
	log_error(NULL, "%s: %020lld.log: %llu damaged bytes at %llu, where "
	    "offset %lld should stand, are set aside in %s", r->log->name,
	    (long long)r->bases[b->seg],
	    (unsigned long long)(b->to - b->from), (unsigned long long)b->from,
	    (long long)b->expected, name);
	if (fstatat(r->log->opt.dirfd, name, &st, 0) == 0)
		return (0);	/* by an earlier recovery that was cut short */
	if (copy_range(r, r->bases[b->seg], b->from, b->to, b->expected,
	    ".bad.new", e) == -1)
		return (-1);
	return (rename_new(r, b->expected, ".bad.new", ".bad", e));
}

/* end: of the valid batches behind the range, in the file as it is now. */
static int
quarantine(struct recovery *r, const struct bad *b, uint64_t end, struct err *e)
{
	int64_t base = r->bases[b->seg];

	if (save_bad(r, b, e) == -1)
		return (-1);
	if (b->next != -1 &&
	    (copy_range(r, base, b->to, end, b->next, ".log.new", e) == -1 ||
	    rename_new(r, b->next, ".log.new", ".log", e) == -1))
		return (-1);
	if (b->next == base)
		return (0);	/* the new file has replaced the old one */
	return (cut_segment(r, base, b->from, false, e));
}

/* Repairs one segment in front of the kept end, last range first. */
static int
mend_segment(struct recovery *r, size_t seg, struct err *e)
{
	uint64_t end = seg == r->keep.seg ? r->keep.pos : r->ends[seg];
	bool cut = end < r->sizes[seg];

	for (; r->nbad > 0 && r->bad[r->nbad - 1].seg == seg; r->nbad--) {
		if (quarantine(r, &r->bad[r->nbad - 1], end, e) == -1)
			return (-1);
		end = r->bad[r->nbad - 1].from;
		cut = false;
	}
	return (cut ? cut_segment(r, r->bases[seg], end, true, e) : 0);
}

/* Sets aside what lies behind the kept end but was synced; the bytes. */
static int
save_tail(struct recovery *r, uint64_t *saved, struct err *e)
{
	const struct bad *b;

	*saved = 0;
	for (; r->nbad > 0; r->nbad--) {
		b = &r->bad[r->nbad - 1];
		if (b->seg < r->keep.seg ||
		    (b->seg == r->keep.seg && b->from < r->keep.pos))
			break;
		if (b->expected >= r->log->opt.recovery_offset)
			continue;
		if (save_bad(r, b, e) == -1)
			return (-1);
		*saved += b->to - b->from;
	}
	return (0);
}

/* Cuts everything behind the last batch that is kept, last segment first. */
static int
cut_tail(struct recovery *r, struct err *e)
{
	uint64_t saved, cut = 0;
	size_t i;

	if (save_tail(r, &saved, e) == -1)
		return (-1);
	for (i = r->n; i-- > r->keep.seg + 1; ) {
		cut += r->ends[i];
		if (cut_segment(r, r->bases[i], 0, stays_empty(r, i), e) == -1)
			return (-1);
	}
	if (r->ends[i] > r->keep.pos)
		cut += r->ends[i] - r->keep.pos;
	r->rec->torn = cut - saved;
	if (no_group(r)) {
		r->sizes[i] = 0;
		return (cut_segment(r, r->bases[i], 0, false, e));
	}
	return (0);
}

/* What is kept shall be on the disk before anyone reads it. */
static int
sync_all(struct recovery *r, struct err *e)
{
	const struct fs *fs = r->log->opt.fs;
	int64_t *v;
	size_t i, n;
	int fd, rc = 0;

	if (recover_list(r->log, ".log", &v, &n, e) == -1)
		return (-1);
	for (i = 0; rc == 0 && i < n; i++) {
		if (v[i] < r->bases[r->first])
			continue;
		segment_drop_index(r->log, v[i]);
		if ((fd = open_part(r, v[i], ".log", O_RDWR, e)) == -1) {
			rc = -1;
			break;
		}
		rc = fs->sync(fs, fd, e);
		fs->close(fs, fd);
	}
	free(v);
	return (rc == -1 ? -1 : fs->sync_dir(fs, r->log->opt.dirfd, e));
}

static int
mend(struct recovery *r, struct err *e)
{
	size_t i;

	if (!r->dirty)
		return (0);
	if (cut_tail(r, e) == -1)
		return (-1);
	for (i = r->keep.seg + 1; i-- > r->first; )
		if (mend_segment(r, i, e) == -1)
			return (-1);
	if (r->rec->torn > 0)
		log_warn(NULL, "%s: %llu bytes behind offset %lld were not "
		    "written completely and are cut", r->log->name,
		    (unsigned long long)r->rec->torn, (long long)r->keep.next);
	return (sync_all(r, e));
}

int
recover_files(struct seglog *log, bool trust, struct seglog_recovery *rec,
    struct err *e)
{
	struct recovery r;
	int rc;

	memset(&r, 0, sizeof r);
	r.log = log;
	r.rec = rec;
	r.trust = trust;
	if (swap_recover(log, e) == -1 || remove_leftovers(log, e) == -1 ||
	    recover_list(log, ".log", &r.bases, &r.n, e) == -1)
		return (err_ctx(e, "%s", log->name));
	r.sizes = xcalloc(r.n + 1, sizeof *r.sizes);
	r.ends = xcalloc(r.n + 1, sizeof *r.ends);
	rc = r.n == 0 ? 0 : read_all(&r, e);
	if (rc == 0 && r.n > 0 && (rc = mend(&r, e)) == -1)
		err_ctx(e, "%s", log->name);
	free(r.bases);
	free(r.sizes);
	free(r.ends);
	free(r.bad);
	return (rc);
}
