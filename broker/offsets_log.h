/*
 * One partition of __consumer_offsets as a file of state: records of committed
 * offsets and of groups, in Kafka's own schemas, the last one per key holds.
 *
 * Writing collects records and appends them as one batch:
 *
 *	struct records rs = RECORDS_INIT;
 *	records_offset(&rs, group, topic, 3, &committed);
 *	records_group(&rs, g);
 *	if (records_append(&rs, partition, &wait, e) == -1)
 *		...				nothing was written
 *	records_fini(&rs);
 *
 * Reading back hands the records of the whole log, in order, to two calls.
 *
 * Thread rule: a struct records belongs to one thread; appending is for any
 * thread, loading for the one that loads the shard.
 */
#ifndef BROKER_OFFSETS_LOG_H
#define BROKER_OFFSETS_LOG_H

#include <stdint.h>

#include "broker/group.h"
#include "broker/internal_log.h"
#include "broker/offsets.h"
#include "kafka/internal.h"

void	 records_offset(struct records *, struct slice group,
	    struct slice topic, int32_t partition, const struct committed *);
void	 records_offset_gone(struct records *, struct slice group,
	    struct slice topic, int32_t partition);
/* The group as it is now; its members' metadata is that of the chosen
 * protocol. */
void	 records_group(struct records *, const struct group *);
void	 records_group_gone(struct records *, struct slice group);

/* Slices are valid during the calls.  producer_id -1: not in a transaction. */
struct offsets_log_ops {
	/* c NULL: a tombstone. */
	void	(*offset)(void *ctx, int64_t producer_id, struct slice group,
		    struct slice topic, int32_t partition,
		    const struct committed *c);
	/* The encoded GroupMetadataValue; p NULL: a tombstone. */
	void	(*group)(void *ctx, struct slice group, struct slice value);
	/* The end of a transaction. */
	void	(*marker)(void *ctx, int64_t producer_id, bool commit);
	void	*ctx;
};
/*
 * Opens the partition and reads it all.  Batches and records that make no
 * sense are skipped and logged.
 */
int	 offsets_log_load(struct partition *, const struct offsets_log_ops *,
	    struct err *);

/* Fills a group that group_new just made from its stored value; group_restored
 * is left to the caller.  ERR_CORRUPT: nothing was done. */
int	 offsets_log_restore(struct group *, struct slice value, struct err *);

#endif
