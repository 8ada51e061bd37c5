/*
 * Replacing segments by a cleaned one, so that a crash at any point leaves the
 * old ones or the new one.
 *
 *  1. The new one is complete and synced: <base>.log.cleaned and its indexes.
 *     Up to here a start forgets it.
 *  2. The file "compaction" says that there may be holes below the end of what
 *     is replaced.  Recovery takes all below that for synced and whole, as the
 *     cleaner has read and synced it; so a hole is no damage even when the
 *     owner's own mark is lost.
 *  3. <base>.log.cleaned becomes <base>-<end>.swap: from here on a start does
 *     the rest.
 *  4. The list gets the new segment; readers of the old ones read on through
 *     their descriptors.
 *  5. The logs between base and end, and all indexes from base on, go.
 *  6. <base>-<end>.swap becomes <base>.log, its indexes get their names.
 *
 * The folder is synced after 3, 5 and 6: old and new segments are never there
 * together without the name that says which of them hold.
 */
#include "seglog/seglog_priv.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/mem.h"

#define SWAP_SUFFIX	".swap"
#define VALUE_SIZE	16

static void
swap_name(char buf[SEG_NAME_MAX], int64_t base, int64_t end)
{
	snprintf(buf, SEG_NAME_MAX, "%020lld-%020lld" SWAP_SUFFIX,
	    (long long)base, (long long)end);
}

bool
swap_parse_name(const char *name, int64_t *base, int64_t *end)
{
	char first[21];

	if (strlen(name) != 20 + 1 + 20 + strlen(SWAP_SUFFIX) ||
	    name[20] != '-')
		return (false);
	memcpy(first, name, 20);
	first[20] = '\0';
	return (segment_parse_name(first, "", base) &&
	    segment_parse_name(name + 21, SWAP_SUFFIX, end) && *base < *end);
}

/* --- how far it was cleaned --- */

void
swap_load(struct seglog *log)
{
	struct seglog_options *o = &log->opt;
	struct err why = ERR_INIT;
	struct fs_slots slots;
	uint8_t v[VALUE_SIZE];
	struct stat st;
	bool found;

	if (fstatat(o->dirfd, SWAP_FILE, &st, 0) == -1 && errno == ENOENT)
		return;
	if (fs_slots_open(&slots, o->fs, o->dirfd, SWAP_FILE, v, sizeof v,
	    &found, &why) == -1) {
		log_error(NULL, "%s: %s: %s; the log is cleaned again from its "
		    "beginning", log->name, SWAP_FILE, why.msg);
		return;
	}
	fs_slots_close(&slots);
	if (!found)
		return;
	log->holes = (int64_t)get_be64(v);
	atomic_store(&log->cleaned, (int64_t)get_be64(v + 8));
	if (log->holes > o->recovery_offset)
		o->recovery_offset = log->holes;
}

int
swap_save(struct seglog *log, int64_t holes, int64_t cleaned, struct err *e)
{
	const struct seglog_options *o = &log->opt;
	uint8_t v[VALUE_SIZE], old[VALUE_SIZE];
	struct fs_slots slots;
	bool found;
	int rc;

	if (holes < log->holes)
		holes = log->holes;
	put_be64(v, (uint64_t)holes);
	put_be64(v + 8, (uint64_t)cleaned);
	rc = fs_slots_open(&slots, o->fs, o->dirfd, SWAP_FILE, old, sizeof old,
	    &found, e);
	if (rc == 0) {
		if ((rc = fs_slots_write(&slots, v, e)) == -1)
			atomic_store(&log->failed, true);
		fs_slots_close(&slots);
	}
	if (rc == -1)
		return (err_ctx(e, "%s: %s", log->name, SWAP_FILE));
	log->holes = holes;
	atomic_store(&log->cleaned, cleaned);
	return (0);
}

/* --- files --- */

static int
rename_part(struct seglog *log, const char *from, const char *to,
    struct err *e)
{
	return (log->opt.fs->rename(log->opt.fs, log->opt.dirfd, from, to, e));
}

static int
sync_folder(struct seglog *log, struct err *e)
{
	if (log->opt.fs->sync_dir(log->opt.fs, log->opt.dirfd, e) == 0)
		return (0);
	atomic_store(&log->failed, true);
	return (-1);
}

static void
unlink_name(struct seglog *log, const char *name)
{
	struct err why = ERR_INIT;

	if (log->opt.fs->unlink(log->opt.fs, log->opt.dirfd, name, &why) ==
	    -1 && why.sys != ENOENT)
		log_warn(NULL, "%s: %s is not removed: %s", log->name, name,
		    why.msg);
}

static void
unlink_cleaned(struct seglog *log, int64_t base)
{
	segment_unlink_part(log, base, ".log" SEG_CLEANED);
	segment_unlink_part(log, base, ".index" SEG_CLEANED);
	segment_unlink_part(log, base, ".timeindex" SEG_CLEANED);
}

void
swap_discard(struct seglog *log, struct segment *s)
{
	unlink_cleaned(log, s->base);
	segment_unref(s);
}

/* Steps 5 and 6; index: that of the new one has been written. */
static int
rename_all(struct seglog *log, int64_t base, int64_t end, bool index,
    struct err *e)
{
	char from[SEG_NAME_MAX], to[SEG_NAME_MAX];
	int64_t *v;
	size_t i, n;

	if (recover_list(log, ".log", &v, &n, e) == -1)
		return (-1);
	segment_drop_index(log, base);
	for (i = 0; i < n; i++)
		if (v[i] > base && v[i] < end)
			segment_unlink(log, v[i]);
	free(v);
	if (sync_folder(log, e) == -1)
		return (-1);
	swap_name(from, base, end);
	segment_name(to, base, ".log");
	if (rename_part(log, from, to, e) == -1)
		return (-1);
	if (index) {
		segment_name(from, base, ".index" SEG_CLEANED);
		segment_name(to, base, ".index");
		rename_part(log, from, to, NULL);
		segment_name(from, base, ".timeindex" SEG_CLEANED);
		segment_name(to, base, ".timeindex");
		rename_part(log, from, to, NULL);
	}
	return (sync_folder(log, e));
}

/* --- swapping --- */

/* The list; the old ones are the caller's then.  False: they are not all
 * there any more. */
static bool
replace_in_list(struct seglog *log, struct segment **old, size_t n,
    struct segment *s)
{
	uint64_t bytes = 0;
	size_t i, k;

	for (i = 0; i < log->n && log->segs[i] != old[0]; i++)
		;
	if (log->n - i <= n)
		return (false);
	for (k = 0; k < n; k++) {
		if (log->segs[i + k] != old[k])
			return (false);
		bytes += old[k]->size;
	}
	log->segs[i] = s;
	memmove(log->segs + i + 1, log->segs + i + n,
	    (log->n - i - n) * sizeof *log->segs);
	log->n -= n - 1;
	log->swapping = s;
	log->swap_trimmed = false;
	atomic_fetch_add(&log->bytes, s->size - bytes);
	return (true);
}

static bool
publish(struct seglog *log, struct segment **old, size_t n, struct segment *s,
    struct mutex *writer)
{
	bool done;
	size_t i;

	if (writer != NULL)
		mutex_lock(writer);
	mutex_lock(&log->lock);
	done = replace_in_list(log, old, n, s);
	mutex_unlock(&log->lock);
	if (writer != NULL)
		mutex_unlock(writer);
	for (i = 0; done && i < n; i++)
		segment_unref(old[i]);		/* the list's reference */
	return (done);
}

/* The files have their names: who trims removes them from now on. */
static void
settle(struct seglog *log, int64_t base)
{
	bool trimmed;

	mutex_lock(&log->lock);
	trimmed = log->swap_trimmed;
	log->swapping = NULL;
	mutex_unlock(&log->lock);
	if (trimmed)
		segment_unlink(log, base);
}

static int
begin(struct seglog *log, int64_t base, int64_t end, struct err *e)
{
	char from[SEG_NAME_MAX], to[SEG_NAME_MAX];

	if (end > log->holes && swap_save(log, end,
	    atomic_load(&log->cleaned), e) == -1)
		return (-1);
	segment_name(from, base, ".log" SEG_CLEANED);
	swap_name(to, base, end);
	if (rename_part(log, from, to, e) == -1)
		return (-1);
	return (sync_folder(log, e));
}

int
swap_segments(struct seglog *log, struct segment **old, size_t n,
    struct segment *s, struct mutex *writer, bool *done, struct err *e)
{
	char name[SEG_NAME_MAX];
	int64_t base = s->base, end = old[n - 1]->next;

	*done = false;
	if (begin(log, base, end, e) == -1) {
		/* It may have its new name: only a start can tell. */
		log->swap_broken = true;
		segment_unref(s);
		return (-1);
	}
	s->next = s->synced_next = end;
	if (!publish(log, old, n, s, writer)) {
		swap_name(name, base, end);
		unlink_name(log, name);
		swap_discard(log, s);
		return (sync_folder(log, e));
	}
	*done = true;
	if (rename_all(log, base, end, true, e) == -1) {
		log->swap_broken = true;
		return (-1);
	}
	settle(log, base);
	return (0);
}

/* --- after a crash --- */

static int
recover_one(struct seglog *log, const char *name, struct err *e)
{
	int64_t base, end;

	if (!swap_parse_name(name, &base, &end))
		return (0);
	log_info(NULL, "%s: finishing the replacement of the segments from "
	    "%lld to %lld by a cleaned one", log->name, (long long)base,
	    (long long)end - 1);
	return (rename_all(log, base, end, false, e));
}

int
swap_recover(struct seglog *log, struct err *e)
{
	struct dirent *d;
	DIR *dir;
	int fd, rc = 0;

	fd = openat(log->opt.dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || (dir = fdopendir(fd)) == NULL) {
		err_sys(e, "%s: opening the folder", log->name);
		if (fd != -1)
			close(fd);
		return (-1);
	}
	while (rc == 0 && (d = readdir(dir)) != NULL)
		rc = recover_one(log, d->d_name, e);
	closedir(dir);
	return (rc);
}
