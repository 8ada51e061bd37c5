/*
 * The transaction coordinator (KIP-98, KIP-360, KIP-890): which transactional
 * id has which producer id and epoch, which partitions its open transaction
 * has, and how it ends.  txn.h is one id as a pure state machine; its records
 * are in __transaction_state, in Kafka's schemas (kafka/internal.h).
 *
 *	Init            record synced ............... answer
 *	AddPartitions   record synced, then partition_txn_begin of each, answer
 *	EndTxn          what the partitions and offsets have is synced
 *	                PrepareCommit or -Abort synced ....... answer
 *	                markers appended and synced, of all partitions
 *	                CompleteCommit or -Abort
 *
 * An id belongs to a partition of __transaction_state by Kafka's hash, that
 * partition to one loop, which alone writes it.  After a start, what is
 * Prepared gets its markers (again); what is Ongoing goes on after a clean
 * stop and is aborted with a new epoch after an unclean one.
 */
#ifndef BROKER_TXNS_H
#define BROKER_TXNS_H

#include "broker/broker_priv.h"
#include "broker/partition.h"

/* As groups_start, groups_stop and groups_free. */
int	 txns_start(struct broker *, struct err *);
void	 txns_stop(struct broker *);
void	 txns_free(struct broker *);
/* InitProducerId with a transactional id. */
void	 txns_init(struct request *);
/* Has all been read since the start, and what is open been begun again?  Until
 * then a missing permission says nothing.  Any thread. */
bool	 txns_known(struct broker *);
/* A topic was deleted, durably: open transactions forget its partitions. */
void	 txns_topic_deleted(struct broker *, const char *name);

/*
 * The fence against requests that were held up in the network: for a producer
 * id and epoch, and each class of request, one that came over an older
 * connection than the newest one that was heard is refused.  Call it when the
 * request has passed its epoch check: that raises the fence.  Requests of
 * connections that were never greeted are refused, too, as nothing is known of
 * their order.  Who has no producer id yet (-1) passes: it gets an epoch of its
 * own.  KERR_NONE; else the answer, which nobody waits for:
 * KERR_NETWORK_EXCEPTION.  Any thread.
 */
enum txn_fence {
	TXN_FENCE_COORDINATOR,	/* InitProducerId, Add*, EndTxn */
	TXN_FENCE_OFFSETS,	/* TxnOffsetCommit */
	TXN_FENCES
};
int16_t	 txns_fence(struct request *, enum txn_fence, int64_t producer_id,
	    int16_t epoch);

/*
 * Transactions version 2 (KIP-890): Produce 12 and TxnOffsetCommit 5 add their
 * partition themselves.  fn runs on loop when the partition's record is synced
 * and partition_txn_begin was called, or with the error to answer.  t is
 * referenced meanwhile.
 */
struct txn_add {
	struct loop	*loop;
	void		(*fn)(struct txn_add *, int16_t error);
	struct slice	 transactional_id;	/* valid until fn */
	int64_t		 producer_id;
	int16_t		 epoch;
	struct topic	*topic;
	const int32_t	*partitions;		/* valid until fn */
	size_t		 n;
	/* private */
	struct txn_add	*next;
	struct loop_task task;
	int16_t		 error;
};
void	 txns_add(struct broker *, struct txn_add *);

#endif
