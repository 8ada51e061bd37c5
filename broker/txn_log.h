/*
 * A transactional id as a record of __transaction_state, in Kafka's schema.
 * Pure functions; no thread rule.
 */
#ifndef BROKER_TXN_LOG_H
#define BROKER_TXN_LOG_H

#include "base/err.h"
#include "broker/internal_log.h"
#include "broker/txn.h"

/* The id that a key names; it points into key.  ERR_CORRUPT. */
int	 txn_log_key(struct slice key, struct slice *id, struct err *e);
/* Fills one that txn_new just made, txn_restored is left to the caller.
 * ERR_CORRUPT: only good for txn_free. */
int	 txn_log_restore(struct txn *, struct slice value, struct err *e);

/* t->next, with the parts while it is open or prepared. */
void	 records_txn(struct records *, const struct txn *);
void	 records_txn_gone(struct records *, const struct txn *);

#endif
