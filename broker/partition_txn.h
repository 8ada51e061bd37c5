/*
 * Transactions of a partition: what the others of partition*.c tell it.  The
 * calls for everybody else are in partition.h.  The lock is held, but where it
 * says otherwise.
 */
#ifndef BROKER_PARTITION_TXN_H
#define BROKER_PARTITION_TXN_H

#include "broker/partition.h"

struct partition_txns;

/* --- while it opens: producers and snapshot are there --- */

/* Loads the index of aborted transactions: the offset to scan the log from. */
int64_t	 partition_txn_load(struct partition *, const char *name);
/* A batch of the log, by its header; then, if it is a control batch, whole. */
int	 partition_txn_scan(struct partition *, const uint8_t *header,
	    int64_t base, struct err *e);
int	 partition_txn_scan_control(struct partition *, struct slice batch,
	    struct err *e);
/* The log is open. */
int	 partition_txn_settle(struct partition *, struct err *e);
/* Nobody uses it any more, or it did not open. */
void	 partition_txn_free(struct partition *);

/* --- while it is open --- */

/* These batches are about to be appended; were; or, with n 0, could not be. */
void	 partition_txn_appending(struct partition *,
	    const struct seglog_batch *, size_t n);
void	 partition_txn_appended(struct partition *,
	    const struct seglog_batch *, size_t n);
/* The synced end has moved there. */
void	 partition_txn_synced(struct partition *, int64_t synced);
/* The log's start has moved. */
void	 partition_txn_trimmed(struct partition *);
/* A new segment may have begun. */
void	 partition_txn_rolled(struct partition *);
/* Before a snapshot of the producers is saved: it may be believed only when
 * the index of what lies below is on the disk.  Without the lock. */
int	 partition_txn_save(struct partition *, struct err *e);

#endif
