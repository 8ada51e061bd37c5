/*
 * The idempotent producers of one partition (KIP-98, KIP-360): which producer
 * has written up to which sequence number, and its last five batches, so that
 * a batch that is sent again is recognised and answered with the offset it got
 * the first time; and where its open transaction began.  Pure: no I/O, no
 * clock.
 *
 *	switch (producers_check(p, &batch, &seen)) {
 *	case KERR_NONE:
 *		append; batch.base_offset = ...
 *		producers_update(p, &batch, now);
 *		break;
 *	case KERR_DUPLICATE_SEQUENCE_NUMBER:
 *		answer success with seen.base_offset, append nothing
 *		break;
 *	default:
 *		answer the error
 *	}
 *
 * check, append and update are one critical section of the partition's mutex,
 * which owns the struct.  After a restart the state is a snapshot plus the
 * headers of the batches behind it, handed to producers_scan in order; it then
 * says exactly what the recovered log says.
 */
#ifndef BROKER_PRODUCERS_H
#define BROKER_PRODUCERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "kafka/records.h"

#define PRODUCERS_BATCHES	5	/* that a producer may have in flight */

struct producers;

/* max: producers kept; the one that wrote longest ago is forgotten first, never
 * one with an open transaction. */
struct producers *producers_new(size_t max);
void	 producers_free(struct producers *);		/* NULL is fine */
size_t	 producers_count(const struct producers *);

/* What a repeated batch got the first time. */
struct producers_seen {
	int64_t	 base_offset;
	int64_t	 timestamp;		/* its max timestamp */
};

/*
 * May this batch of a client be appended?  KERR_NONE: yes (also when it has no
 * producer id); KERR_DUPLICATE_SEQUENCE_NUMBER: it is there already, *seen is
 * set; else the error to answer: KERR_INVALID_PRODUCER_EPOCH,
 * KERR_OUT_OF_ORDER_SEQUENCE_NUMBER.  Changes nothing.
 */
int16_t	 producers_check(const struct producers *, const struct kbatch *,
	    struct producers_seen *seen);
/* The batch, with its base offset, was appended at now (wall, ms).  A
 * transactional one opens the producer's transaction.  No control batch. */
void	 producers_update(struct producers *, const struct kbatch *,
	    int64_t now);
/* A marker was: it ends the transaction and moves the epoch, or does nothing
 * when its epoch is an older one.  Where the transaction began; -1: none. */
int64_t	 producers_end(struct producers *, const struct kbatch *marker,
	    int32_t coordinator_epoch, int64_t now);
/*
 * update for a batch read back from the log, by its first 61 bytes, at the
 * offset base; a control batch is for the caller and producers_end.  -1 with
 * ERR_CORRUPT when it is no batch header.
 */
int	 producers_scan(struct producers *, const uint8_t *header,
	    int64_t base, int64_t now, struct err *e);

/* Is this batch of the log the last one that is known of its producer? */
bool	 producers_last(const struct producers *, const struct kbatch *);
/* Where the producer's open transaction began, -1: none; and its epoch, -1:
 * not known. */
int64_t	 producers_open(const struct producers *, int64_t producer_id,
	    int16_t *epoch);
/* The first offset of the oldest open transaction; INT64_MAX: none is. */
int64_t	 producers_first_open(const struct producers *);

/* Forgets who has not written for age_ms; the number. */
size_t	 producers_expire(struct producers *, int64_t now, int64_t age_ms);

/* For DescribeProducers: calls fn for each, those with an open transaction
 * first, then by their last write. */
struct producers_info {
	int64_t	 producer_id;
	int16_t	 epoch;
	int32_t	 last_sequence;		/* -1: none */
	int64_t	 last_timestamp;
	int32_t	 coordinator_epoch;	/* of the last marker; -1 */
	int64_t	 txn_first_offset;	/* of the open transaction; -1 */
};
void	 producers_each(const struct producers *,
	    void (*fn)(void *, const struct producers_info *), void *);

/*
 * As a snapshot file (Kafka's <offset>.snapshot: i16 version 1, CRC-32C of what
 * follows, i32 count, then 46 bytes per kept batch of each producer).  encode:
 * a new buffer (free) of *len bytes.  decode replaces everything by what in
 * says; -1 with ERR_CORRUPT leaves the struct empty.
 */
uint8_t	*producers_encode(const struct producers *, size_t *len);
int	 producers_decode(struct producers *, struct slice in, int64_t now,
	    struct err *e);

#endif
