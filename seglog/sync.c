/*
 * Making appended batches durable.
 *
 * One flusher at a time, beside the appender.  It notes where the end is, then
 * syncs: the segments closed since the last time, oldest first, with their
 * indexes; the active one; the folder, if a segment is new.  Only then it
 * publishes what it noted.  What is appended meanwhile waits for the next
 * call: that is the whole group commit.
 */
#include "seglog/seglog_priv.h"

#include <stdlib.h>

/* What one sync has to do; everything in it is held. */
struct job {
	struct segment	**retired;
	size_t		 nretired;
	struct segment	*active;
	uint64_t	 size;
	int64_t		 next;
	bool		 dir;
};

static void
job_take(struct seglog *log, struct job *j)
{
	mutex_lock(&log->lock);
	j->retired = log->retired;
	j->nretired = log->nretired;
	log->retired = NULL;
	log->nretired = log->capretired = 0;
	j->active = segment_ref(log->segs[log->n - 1]);
	j->size = j->active->size;
	j->next = j->active->next;
	j->dir = log->new_file;
	log->new_file = false;
	mutex_unlock(&log->lock);
}

static void
job_drop(struct job *j)
{
	size_t i;

	for (i = 0; i < j->nretired; i++)
		segment_unref(j->retired[i]);
	free(j->retired);
	segment_unref(j->active);
}

static int
sync_retired(const struct fs *fs, struct segment *s, struct err *e)
{
	if (fs->sync(fs, atomic_load(&s->fd), e) == -1)
		return (-1);
	if (s->index_fd != -1 && (fs->sync(fs, s->index_fd, e) == -1 ||
	    fs->sync(fs, s->times_fd, e) == -1))
		return (-1);
	return (0);
}

static int
job_run(struct seglog *log, struct job *j, struct err *e)
{
	const struct fs *fs = log->opt.fs;
	size_t i;

	for (i = 0; i < j->nretired; i++)
		if (sync_retired(fs, j->retired[i], e) == -1)
			return (-1);
	if (j->next > j->active->synced_next &&
	    fs->sync(fs, atomic_load(&j->active->fd), e) == -1)
		return (-1);
	if (j->dir && fs->sync_dir(fs, log->opt.dirfd, e) == -1)
		return (-1);
	return (0);
}

static void
publish(struct seglog *log, struct job *j)
{
	mutex_lock(&log->lock);
	j->active->synced_size = j->size;
	j->active->synced_next = j->next;
	mutex_unlock(&log->lock);
	atomic_store_explicit(&log->synced, j->next, memory_order_release);
}

int
seglog_sync(struct seglog *log, int64_t *synced, struct err *e)
{
	struct job j;
	int rc;

	if (atomic_load(&log->failed))
		return (err_set(e, ERR_SYS, "%s: an earlier sync has failed",
		    log->name));
	if (!seglog_dirty(log)) {
		if (synced != NULL)
			*synced = seglog_synced(log);
		return (0);
	}
	job_take(log, &j);
	rc = job_run(log, &j, e);
	if (rc == 0)
		publish(log, &j);
	else {
		atomic_store(&log->failed, true);
		err_ctx(e, "%s", log->name);
	}
	if (rc == 0 && synced != NULL)
		*synced = j.next;
	job_drop(&j);
	return (rc);
}
