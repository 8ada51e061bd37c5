/*
 * The producers of a partition on disk: Kafka's <offset>.snapshot, what the
 * batches below offset say.  The two newest are kept, as the last one may lie
 * beyond what a crash left of the log.
 */
#ifndef BROKER_SNAPSHOT_H
#define BROKER_SNAPSHOT_H

#include <stdint.h>

#include "base/err.h"
#include "base/fs.h"
#include "broker/producers.h"

/*
 * Reads the newest one at or below limit into p.  Its offset; 0 when there is
 * none: then p is empty.
 */
int64_t	snapshot_load(int dirfd, int64_t limit, struct producers *p,
	    const char *what);
/*
 * Removes, durably, those above end: they tell of batches that a crash took,
 * and would be believed once the log has grown past them again.
 */
int	snapshot_cut(const struct fs *, int dirfd, int64_t end, struct err *);
/* Durable on return; older ones but one are removed. */
int	snapshot_save(const struct fs *, int dirfd, int64_t offset,
	    const uint8_t *bytes, size_t len, struct err *);

#endif
