/*
 * Keys and values of the records in __consumer_offsets and __transaction_state,
 * as Apache Kafka has them: a version (int16), then the message of that
 * version.
 *
 * Key versions 0 and 1 are an offset (offset_commit_key), 2 a group
 * (group_metadata_key).  We write the key versions 1 and 2 and the value
 * versions 3, and read the value versions 0 to 4 of either.
 *
 * In __transaction_state, the key version is 0.  Of the value we write version
 * 0, or 1 when it has what only that can say, and read both.
 */
#ifndef KAFKA_INTERNAL_H
#define KAFKA_INTERNAL_H

#include "kafka/messages.h"

enum kinternal_kind {
	KINTERNAL_OFFSET,	/* u.offset */
	KINTERNAL_GROUP,	/* u.group */
	KINTERNAL_OTHER		/* a key version we do not write; skip it */
};

struct kinternal_key {
	enum kinternal_kind	kind;
	int16_t			version;
	union {
		struct km_offset_commit_key	offset;
		struct km_group_metadata_key	group;
	} u;
};

/* Slices point into in.  -1 with ERR_CORRUPT. */
int	 kinternal_key_decode(struct slice in, struct kinternal_key *,
	    struct err *e);
void	 kinternal_offset_key(struct kwriter *, struct slice group,
	    struct slice topic, int32_t partition);
void	 kinternal_group_key(struct kwriter *, struct slice group);

/* -1 with ERR_CORRUPT, also for a version that is not known. */
int	 kinternal_offset_decode(struct slice in,
	    struct km_offset_commit_value *, struct err *e);
void	 kinternal_offset_encode(struct kwriter *,
	    const struct km_offset_commit_value *);

/* Members lie in the arena. */
int	 kinternal_group_decode(struct slice in, struct arena *,
	    struct km_group_metadata_value *, struct err *e);
void	 kinternal_group_encode(struct kwriter *,
	    const struct km_group_metadata_value *);

/* The id points into in.  -1 with ERR_CORRUPT, also for another version. */
int	 kinternal_txn_key_decode(struct slice in, struct slice *id,
	    struct err *e);
void	 kinternal_txn_key(struct kwriter *, struct slice id);
/* Partitions lie in the arena. */
int	 kinternal_txn_decode(struct slice in, struct arena *,
	    struct km_transaction_log_value *, struct err *e);
void	 kinternal_txn_encode(struct kwriter *,
	    const struct km_transaction_log_value *);

#endif
