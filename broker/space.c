/*
 * One number, b->room.  That two appends may pass the check at once and both
 * write does not matter: the reserve is larger than what can be in flight, and
 * a disk that is really full fails the write, which is dealt with as well.
 */
#include "broker/space.h"

#include "base/log.h"
#include "base/str.h"

void
space_look(struct broker *b)
{
	struct err err = ERR_INIT;
	uint64_t avail, total;
	int64_t room;
	bool full;

	if (fs_space(b->dirfd, &avail, &total, &err) == -1) {
		log_warn("broker", "%s: %s", b->dir, err.msg);
		return;
	}
	room = (int64_t)avail - (int64_t)b->cfg.reserve;
	atomic_store(&b->room, room);
	full = room <= 0;
	if (full == atomic_exchange(&b->disk_full, full))
		return;
	if (full)
		log_error("broker", "%s: the disk is full (%llu bytes left, "
		    "dir.reserve.bytes=%llu); producers are told to try again",
		    b->dir, (unsigned long long)avail,
		    (unsigned long long)b->cfg.reserve);
	else
		log_info("broker", "%s: there is room again", b->dir);
}

int
space_check(struct broker *b, uint64_t bytes, struct err *e)
{
	if (atomic_load_explicit(&b->room, memory_order_relaxed) >=
	    (int64_t)bytes)
		return (0);
	return (err_set(e, ERR_FULL, "the disk is full"));
}

void
space_used(struct broker *b, uint64_t bytes)
{
	atomic_fetch_sub_explicit(&b->room, (int64_t)bytes,
	    memory_order_relaxed);
}

void
space_none(struct broker *b)
{
	atomic_store(&b->room, 0);
	if (!atomic_exchange(&b->disk_full, true))
		log_error("broker", "%s: the disk is full; producers are told "
		    "to try again", b->dir);
}

int
space_limit(struct broker *b, struct err *e)
{
	uint64_t avail, total, fifth, cap = UINT64_C(10) << 30;

	b->dir_max = b->cfg.dir_max;
	if (b->dir_max != 0)
		return (0);
	if (fs_space(b->dirfd, &avail, &total, e) == -1)
		return (-1);
	fifth = total / 5;
	b->dir_max = fifth < cap ? fifth : cap;
	return (0);
}
