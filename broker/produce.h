/*
 * Appending what clients produce: the checks, shared by Produce requests and
 * the direct path.
 */
#ifndef BROKER_PRODUCE_H
#define BROKER_PRODUCE_H

#include "broker/partition.h"
#include "kafka/records.h"

struct produced {
	int64_t		 base_offset;
	int64_t		 append_time;	/* -1: the producer's clock counts */
	int64_t		 start;		/* of the log */
	bool		 synced;	/* a repeated batch, already on disk */
	struct kbatch_refused refused;	/* records, when it was refused */
};

/*
 * Checks and appends one batch, whole and contiguous at records; its header is
 * changed in place.  version is the request's (zstd).  wait: as
 * partition_append; also for a batch that was there already.  The error code
 * to answer, with e saying why; then wait does not run.
 */
int16_t	 produce_batch(struct topic *, struct partition *,
	    struct slice records, int version, int acks, struct sync_wait *,
	    struct produced *, struct err *e);

#endif
