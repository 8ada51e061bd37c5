/*
 * One transactional id as a pure state machine (KIP-98, 360, 890): events in,
 * actions out, as group.h does it.  No I/O, no clock: the time comes with each
 * event, a request is an opaque pointer.
 *
 *	if ((error = txn_check(t, id, epoch)) == KERR_NONE)
 *		txn_add(t, &ev, now, &out);
 *	for (i = 0; i < out.n; i++)
 *		... answer, write t's record, ...
 *
 * What is true (t->now) is what the last synced record says; what is being
 * written (t->next) becomes true with txn_written.  One thing at a time: while
 * a step is under way the answer to everything else is CONCURRENT_TRANSACTIONS,
 * and the owner may hold such requests back until txn_busy is false again.
 *
 *	EndTxn: SYNC -> txn_synced: WRITE Prepare -> txn_written: ANSWER,
 *	MARK -> txn_marked: WRITE Complete -> txn_written
 *
 * Invariants: a request is answered by exactly one action; the epoch never goes
 * down but with a new producer id; Prepare is left for its Complete only, when
 * all parts are marked; parts are empty in Empty and Complete.
 *
 * Owner: the loop the id is hashed to.  now: wall clock, ms.
 */
#ifndef BROKER_TXN_H
#define BROKER_TXN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum txn_state {		/* Kafka's numbers */
	TXN_EMPTY, TXN_ONGOING, TXN_PREPARE_COMMIT, TXN_PREPARE_ABORT,
	TXN_COMPLETE_COMMIT, TXN_COMPLETE_ABORT, TXN_DEAD, TXN_STATES
};

/* The highest epoch a client gets; one above it is for fencing it. */
#define TXN_EPOCH_LAST	(INT16_MAX - 1)

/* What a record says, but for the partitions. */
struct txn_image {
	enum txn_state	 state;
	int64_t		 producer_id;	/* -1: none yet */
	int64_t		 previous_id;	/* before the ids were changed, or -1 */
	int64_t		 next_id;	/* after this end, or -1 */
	int16_t		 epoch;
	int16_t		 last_epoch;	/* KIP-360; -1; not in the record */
	int16_t		 version;	/* of transactions: 0 or 2 */
	int32_t		 timeout_ms;
	int64_t		 start_ms;	/* -1: not begun */
	int64_t		 update_ms;
};

struct txn_part {
	char		*topic;
	int32_t		 partition;
	bool		 logged;	/* named by a synced record */
	bool		 marked;	/* has its marker, synced */
};

enum txn_step {
	TXN_IDLE,
	TXN_WRITING,			/* t->next, for t->asked */
	TXN_SYNCING,			/* the data, before Prepare */
	TXN_FENCING,			/* an abort with a new epoch, again
					   until it is written */
	TXN_MARKING,
	TXN_COMPLETING
};

struct txn {
	struct slice	 id;		/* owned */
	struct txn_image now, next;
	enum txn_step	 step;
	bool		 adding;	/* WRITING for txn_add */
	void		*asked;		/* NULL: nobody */
	struct txn_part	*parts;		/* by topic, partition */
	size_t		 nparts, cap;
};

enum txn_action_type {
	TXN_ANSWER,	/* req, with error, or producer_id and epoch */
	TXN_BEGIN,	/* partition_txn_begin of what req names, then answer
			   it; req NULL: of all parts */
	TXN_SYNC,	/* wait for what all parts have, then txn_synced */
	TXN_WRITE,	/* append t->next with the parts; txn_written when it
			   is synced, in COMPLETING when it is appended */
	TXN_MARK,	/* the parts that are not marked, then txn_marked */
	TXN_LATER	/* it failed: txn_again after a while */
};

struct txn_action {
	enum txn_action_type type;
	void		*req;
	int16_t		 error;
	int16_t		 epoch;
	int64_t		 producer_id;
};

struct txn_actions {
	struct txn_action *v;
	size_t		 n, cap;
};
void	 txn_actions_fini(struct txn_actions *);

struct txn *txn_new(struct slice id);
void	 txn_free(struct txn *);	/* NULL is fine */

/* May this producer ask?  KERR_NONE, INVALID_PRODUCER_ID_MAPPING or
 * PRODUCER_FENCED. */
int16_t	 txn_check(const struct txn *, int64_t producer_id, int16_t epoch);
/* The same for an EndTxn of transactions version 2, which may also be the
 * repetition of one that was carried out, and so have the epoch before. */
int16_t	 txn_check_end(const struct txn *, int64_t producer_id,
	    int16_t epoch);
/* Does the next id have to come along? */
bool	 txn_exhausted(const struct txn *);
bool	 txn_busy(const struct txn *);

struct txn_init {
	void		*req;
	int32_t		 timeout_ms;
	int64_t		 producer_id;	/* -1: a new producer */
	int16_t		 epoch;
	int64_t		 new_id;	/* when txn_exhausted */
};
/* InitProducerId. */
void	 txn_init(struct txn *, const struct txn_init *, int64_t now,
	    struct txn_actions *);

struct txn_name {
	struct slice	 topic;
	int32_t		 partition;
};
/* AddPartitionsToTxn and AddOffsetsToTxn, behind txn_check; version: 0, or 2
 * when a Produce or TxnOffsetCommit does it itself. */
struct txn_adding {
	void		*req;
	int16_t		 version;
	const struct txn_name *names;
	size_t		 n;
};
void	 txn_add(struct txn *, const struct txn_adding *, int64_t now,
	    struct txn_actions *);

/* EndTxn, behind txn_check, or txn_check_end when version is 2. */
struct txn_ending {
	void		*req;
	int16_t		 version;
	int64_t		 producer_id;
	int16_t		 epoch;
	bool		 commit;
	int64_t		 new_id;	/* when txn_exhausted and version 2 */
};
void	 txn_end(struct txn *, const struct txn_ending *, int64_t now,
	    struct txn_actions *);

/* --- what the actions lead to --- */

void	 txn_synced(struct txn *, int16_t error, struct txn_actions *);
void	 txn_written(struct txn *, int16_t error, int64_t now,
	    struct txn_actions *);
void	 txn_marked(struct txn *, int64_t now, struct txn_actions *);
void	 txn_again(struct txn *, int64_t now, struct txn_actions *);

/* --- the time, topics, the start --- */

/* NULL: it is not one of this transaction's. */
struct txn_part *txn_part(const struct txn *, struct slice topic,
	    int32_t partition);

bool	 txn_overdue(const struct txn *, int64_t now);
/* Aborts what is open, with an epoch of its own; only when not busy. */
void	 txn_fence(struct txn *, int64_t now, struct txn_actions *);
bool	 txn_silent(const struct txn *, int64_t now, int64_t expiry_ms);
/* The topic was deleted, or never was there. */
void	 txn_forget(struct txn *, struct slice topic);
/*
 * t->now and the parts are as a record said (txn_restore_part): goes on after
 * a clean stop; aborts what is open after another.
 */
void	 txn_restore_part(struct txn *, struct slice topic, int32_t partition);
void	 txn_restored(struct txn *, bool clean, int64_t now,
	    struct txn_actions *);

/* Ongoing, or prepared: its partitions have it open, or may have. */
bool	 txn_is_open(enum txn_state);
/* "Empty", "Ongoing", "PrepareCommit", ... */
const char *txn_state_name(enum txn_state);

#endif
