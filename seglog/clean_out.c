/*
 * Writing a cleaned segment in pieces, synced every few of them, so that the
 * sync at its end finds little to do and nobody else's sync waits for it.
 */
#include "seglog/clean_priv.h"

#include <stdlib.h>

#include "base/mem.h"

#define PIECE		((size_t)256 << 10)
#define SYNC_EVERY	((uint64_t)8 << 20)

int
clean_pace(const struct seglog_cleaning *c, struct seglog_cleaned *stats,
    uint64_t bytes, struct err *e)
{
	if (c->pace == NULL || c->pace(c->ctx, bytes))
		return (0);
	stats->stopped = true;
	return (err_set(e, ERR_REFUSED, "stopped"));
}

int
clean_out_begin(struct clean_out *o, struct seglog *log, int64_t base,
    struct err *e)
{
	o->n = 0;
	o->unsynced = 0;
	if (o->buf == NULL)
		o->buf = xmalloc(PIECE);
	o->s = segment_cleaned(log, base, e);
	return (o->s == NULL ? -1 : 0);
}

static int
sync_fd(struct clean_out *o, int fd, struct err *e)
{
	if (o->s->fs->sync(o->s->fs, fd, e) == 0)
		return (0);
	atomic_store(&o->s->log->failed, true);
	return (-1);
}

/* At the end of what was written before. */
static int
write_out(struct clean_out *o, const uint8_t *p, size_t n, uint64_t at,
    struct err *e)
{
	int fd = atomic_load(&o->s->fd);

	if (fs_pwrite(o->s->fs, fd, p, n, (off_t)at, e) == -1)
		return (-1);
	o->stats->written += n;
	o->unsynced += n;
	if (o->unsynced >= SYNC_EVERY) {
		if (sync_fd(o, fd, e) == -1)
			return (-1);
		o->unsynced = 0;
	}
	return (clean_pace(o->c, o->stats, n, e));
}

static int
flush(struct clean_out *o, struct err *e)
{
	size_t n = o->n;

	o->n = 0;
	return (n == 0 ? 0 : write_out(o, o->buf, n, o->s->size - n, e));
}

int
clean_out_batch(struct clean_out *o, struct slice batch, struct err *e)
{
	struct segment *s = o->s;
	struct kbatch h;

	if (kbatch_parse(batch, &h, e) == -1)
		return (-1);
	if (batch.len > SEG_MAX_BYTES - s->size)
		return (err_set(e, ERR_TOO_LARGE, "%s: %020lld.log becomes too "
		    "large", s->log->name, (long long)s->base));
	if (o->n + batch.len > PIECE && flush(o, e) == -1)
		return (-1);
	segment_index(s, &h, s->size);
	if (batch.len > PIECE &&
	    write_out(o, batch.p, batch.len, s->size, e) == -1)
		return (-1);
	if (batch.len <= PIECE) {
		memcpy(o->buf + o->n, batch.p, batch.len);
		o->n += batch.len;
	}
	s->size += batch.len;
	return (0);
}

int
clean_out_finish(struct clean_out *o, struct err *e)
{
	struct segment *s = o->s;

	if (flush(o, e) == -1 || segment_write_index(s, e) == -1 ||
	    sync_fd(o, atomic_load(&s->fd), e) == -1 ||
	    sync_fd(o, s->index_fd, e) == -1 ||
	    sync_fd(o, s->times_fd, e) == -1)
		return (-1);
	s->fs->close(s->fs, s->index_fd);
	s->fs->close(s->fs, s->times_fd);
	s->index_fd = s->times_fd = -1;
	s->synced_size = s->size;
	return (segment_map_index(s, e));
}
