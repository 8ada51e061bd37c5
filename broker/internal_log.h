/*
 * One partition of an internal topic as a file of state: records with a key,
 * the last one per key holds.
 *
 * Writing collects records and appends them as one batch:
 *
 *	struct records rs = RECORDS_INIT;
 *	records_key(&rs);
 *	kinternal_group_key(&rs.w, group);
 *	records_value(&rs, false);
 *	kinternal_group_encode(&rs.w, &value);
 *	records_end(&rs);
 *	if (records_append(&rs, partition, &wait, e) == -1)
 *		...				nothing was written
 *	records_fini(&rs);
 *
 * Thread rule: a struct records belongs to one thread; appending is for any
 * thread, reading for one at a time.
 */
#ifndef BROKER_INTERNAL_LOG_H
#define BROKER_INTERNAL_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/partition.h"
#include "kafka/records.h"
#include "kafka/wire.h"

/* The largest batch: a group whose record is larger cannot be stored. */
#define RECORDS_MAX	(64u << 20)

/* A transaction that records belong to.  may is asked with the partition's lock
 * held, when the partition itself takes this producer's: KERR_NONE or an error,
 * with which nothing is written. */
struct records_txn {
	int64_t		 producer_id;
	int16_t		 epoch;
	int16_t		(*may)(struct records_txn *);
	int16_t		 error;		/* of the checks */
};

struct records {
	struct kwriter	 w;		/* keys and values back to back */
	struct records_row {
		size_t	 key, value, end;
		bool	 gone;		/* tombstone: value null */
	}		*v;
	size_t		 n, cap;
	struct records_txn *txn;	/* of what is collected; NULL: none */
	uint64_t	 written;	/* bytes of the last append */
	int64_t		 base;		/* offset of the last append */
};

#define RECORDS_INIT	{ .w = { .limit = RECORDS_MAX } }
void	 records_fini(struct records *);
/* Forgets what was collected. */
void	 records_drop(struct records *);
size_t	 records_bytes(const struct records *);

/* A record: its key is written to rs->w behind the first call, its value behind
 * the second; gone: a tombstone, without one. */
void	 records_key(struct records *);
void	 records_value(struct records *, bool gone);
void	 records_end(struct records *);
/* The value of the last one, until the next is begun. */
struct slice records_last_value(const struct records *);

/*
 * Appends what was collected, as one batch stamped now (wall clock), and
 * forgets it, also on an error.  wait: as in partition_append.  ERR_TOO_LARGE:
 * more than RECORDS_MAX; ERR_REFUSED: rs->txn->error says why.  Without records
 * nothing is written, and wait runs when what was there is synced.
 */
int	 records_append(struct records *, struct partition *,
	    struct sync_wait *, struct err *);

/* b is the batch of the record, which may be a control batch.  Slices are valid
 * during the call.  An error set in e is said in the log, once per batch. */
typedef void internal_record_fn(void *ctx, const struct kbatch *b,
	    const struct krecord *, struct err *e);
/*
 * Opens the partition and reads it all, in order.  Batches that make no sense
 * are skipped and logged.  *bytes gets the size read.
 */
int	 internal_log_read(struct partition *, internal_record_fn *, void *ctx,
	    uint64_t *bytes, struct err *);

/*
 * Opens a partition of an internal topic.  t is a reference that is taken over,
 * or NULL, e then being set: on success it is in *topic, else given back.
 * NULL with ERR_NOT_FOUND: no such partition; else as partition_open.
 */
struct partition *internal_log_open(struct topic *t, int32_t index,
	    struct topic **topic, struct err *e);

#endif
