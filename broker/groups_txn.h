/*
 * Offsets that are committed in a transaction: staged by TxnOffsetCommit in the
 * group's shard under the producer id, in memory and as transactional records
 * of __consumer_offsets; taken over when the commit marker comes, dropped on
 * abort.  While some are staged, OffsetFetch with require_stable answers
 * UNSTABLE_OFFSET_COMMIT for these partitions (KIP-447).
 */
#ifndef BROKER_GROUPS_TXN_H
#define BROKER_GROUPS_TXN_H

#include "broker/broker_priv.h"
#include "broker/partition.h"

/* The partition of __consumer_offsets that has this group. */
int32_t	 groups_partition(struct broker *, struct slice group);

/*
 * Writes the marker into that partition of __consumer_offsets, on its shard's
 * loop (after the shard is loaded), and carries it out.  done runs on its own
 * loop when the marker is synced; error: it could not be written, call again
 * later.  Any thread.
 */
struct groups_marker {
	struct completion	 done;
	struct txn_marker	 marker;
	int32_t			 partition;
	/* private */
	struct broker		*broker;
	struct loop_task	 task;
};
void	 groups_txn_end(struct broker *, struct groups_marker *);

#endif
