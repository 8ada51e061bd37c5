/*
 * Which leader epoch began at which offset, of one partition: Kafka's file
 * leader-epoch-checkpoint, a text of "epoch start" lines.  A consumer that
 * asks where its epoch ended finds out that records it has seen were lost in a
 * crash (KIP-101, KIP-320).  Owner: the partition's mutex.
 */
#ifndef BROKER_EPOCHS_H
#define BROKER_EPOCHS_H

#include <stdint.h>

#include "base/err.h"
#include "base/fs.h"

struct epochs;

/* Reads the file; a missing or damaged one is empty (said in the log). */
struct epochs	*epochs_load(int dirfd, const char *what);
void		 epochs_free(struct epochs *);
/* Takes out what begins above end: those records are gone. */
void		 epochs_cut(struct epochs *, int64_t end);
/* Adds an epoch that begins at start, and writes the file, durably. */
int		 epochs_add(struct epochs *, const struct fs *, int dirfd,
		    int32_t epoch, int64_t start, struct err *);
/*
 * The largest epoch <= the one asked for and where it ended: the start of the
 * next one, or end.  Both -1 when there is none.
 */
void		 epochs_find(const struct epochs *, int32_t epoch, int64_t end,
		    int32_t *found, int64_t *ended);
/* The epoch in which offset was written, or will be as far as is known; -1. */
int32_t		 epochs_at(const struct epochs *, int64_t offset);

#endif
