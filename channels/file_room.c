/*
 * Is there room?  Three limits: what is not committed yet (byteCapacity,
 * capacity), what is not synced yet (memory), and the disk
 * (minimumRequiredSpace, or an append that has failed for want of room).  An
 * empty channel takes one batch whatever its size.
 *
 * Spare segments were once full ones, so they never make the folder larger than
 * it was; when the disk is short of room they are given up first.
 */
#include "channels/file_priv.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#define SPACE_EVERY_NS	(INT64_C(100) * 1000000)

uint64_t
file_held_bytes(const struct file *f)
{
	return (f->put_bytes - f->mark.stored_bytes);
}

uint64_t
file_held_records(const struct file *f)
{
	return (f->put_records - f->mark.records);
}

/* Asked now and then only: it is a system call. */
static bool
disk_has_space(struct file *f)
{
	int64_t now = clock_mono_ns();
	uint64_t avail, total;

	if (f->space_at == 0 || now - f->space_at >= SPACE_EVERY_NS) {
		f->space_at = now;
		f->space = fs_space(f->dirfd, &avail, &total, NULL) == -1 ||
		    avail >= f->min_space;
	}
	return (f->space);
}

bool
file_disk_short(const struct file *f)
{
	return (f->disk_full || (f->space_at != 0 && !f->space));
}

static const char *
why_full(struct file *f, size_t records, size_t bytes)
{
	uint64_t held = file_held_bytes(f) + f->reserved_bytes;
	uint64_t pending = f->pending + f->reserved_bytes;

	if (f->disk_full)
		return ("the disk is full");
	if (!disk_has_space(f))
		return ("the disk has less free space than "
		    "minimumRequiredSpace");
	if (held > 0 && held + bytes > f->byte_capacity)
		return ("the channel holds byteCapacity");
	if (held > 0 && f->capacity > 0 && file_held_records(f) +
	    f->reserved_records + records > (uint64_t)f->capacity)
		return ("the channel holds capacity records");
	if (pending > 0 && pending + bytes > FILE_PENDING)
		return ("the disk is slower than the source");
	return (NULL);
}

/* Said when it begins and when it ends; others are full all the time. */
static void
say_space(struct file *f, const char *why)
{
	char size[32];

	if (why == NULL)
		log_info(f->channel.who, "there is room on the disk of %s "
		    "again: going on", f->path);
	else
		log_warn(f->channel.who, "%s: nothing is taken in, sources "
		    "wait, what is stored is still delivered; free some of "
		    "the disk of %s, or lower minimumRequiredSpace (%s)", why,
		    f->path, str_print_size(size, sizeof size, f->min_space));
}

int
file_reserve(struct channel *ch, size_t records, size_t bytes, struct err *e)
{
	struct file *f = file_of(ch);
	bool low, changed;
	const char *why;

	mutex_lock(&f->lock);
	why = why_full(f, records, bytes);
	low = why != NULL && file_disk_short(f);
	changed = low != f->said_space && (low || why == NULL);
	f->said_space = changed ? low : f->said_space;
	if (why == NULL) {
		f->reserved_records += records;
		f->reserved_bytes += bytes;
	} else {
		metric_add(&ch->common.full, 1);
		f->starved = true;
		/* The flusher looks for space while somebody waits for it. */
		cond_signal(&f->work);
	}
	mutex_unlock(&f->lock);
	if (changed)
		say_space(f, why);
	return (why == NULL ? 0 : err_set(e, ERR_FULL, "%s", why));
}

bool
file_room_now(struct file *f)
{
	/* Room worth waking a source for. */
	uint64_t bytes = f->byte_capacity / 16;
	uint64_t records = (uint64_t)f->capacity / 16;

	if (bytes > FILE_READ)
		bytes = FILE_READ;
	if (!f->starved || why_full(f, records, bytes) != NULL)
		return (false);
	f->starved = false;
	return (true);
}

void
file_cancel(struct channel *ch, size_t records, size_t bytes)
{
	struct file *f = file_of(ch);
	bool room;

	mutex_lock(&f->lock);
	f->reserved_records -= records;
	f->reserved_bytes -= bytes;
	room = file_room_now(f);
	mutex_unlock(&f->lock);
	if (room)
		ch->host->room(ch);
}
