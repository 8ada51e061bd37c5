/*
 * What runs the transactional ids (txns.h has the contract, txn.h the machine):
 *
 *	txns.c		shards, start and stop, the way of a request
 *	txns_slot.c	an id, and the execution of what its machine asks for
 *	txns_parts.c	what that does in the partitions
 *	txns_load.c	reading a shard back
 *	txns_api.c	InitProducerId, Add*ToTxn, EndTxn, txns_add
 *	txns_admin.c	DescribeTransactions, ListTransactions
 *	txns_operator.c	WriteTxnMarkers
 *	txns_tour.c	a request that asks all shards
 *	txns_fence.c	the fence
 *
 * Thread rule: everything of a shard is its loop's, but while it is being
 * loaded (only waits is, then).
 */
#ifndef BROKER_TXNS_PRIV_H
#define BROKER_TXNS_PRIV_H

#include "broker/groups_txn.h"
#include "broker/internal_log.h"
#include "broker/loader.h"
#include "broker/sync_calls.h"
#include "broker/txn.h"
#include "broker/txns.h"
#include "kafka/errors.h"
#include "kafka/messages.h"

struct map;
struct txn_slot;
struct txns_fences;

struct txns {
	struct broker		*broker;
	struct txns_shard	*shards;
	int32_t			 nshards;
	struct txns_loop	*loops;
	struct txns_fences	*fences;
	_Atomic int64_t		 count;		/* ids, of all loops */
	struct loader		 loader;
	struct sync_calls	 calls;		/* that will come back */
	_Atomic int32_t		 unread;	/* shards that are not loaded */
	atomic_bool		 closed;	/* nothing new is begun */
};

struct txns_loop {		/* owner: its loop */
	struct txns		*txns;
	struct broker_loop	*home;
	struct loop_timer	 sweep;
};

struct txns_wait {
	void			(*fn)(struct txns_wait *, int16_t error);
	struct txns_wait	*next;
};

enum txns_state { TXNS_LOADING, TXNS_READY, TXNS_FAILED };

struct txns_shard {		/* owner: home's thread */
	struct txns		*txns;
	int32_t			 index;
	struct broker_loop	*home;
	enum txns_state		 state;
	struct topic		*topic;		/* a reference; NULL: not yet */
	struct partition	*log;		/* of topic */
	struct map		*slots;
	struct txns_wait	*waits;
	struct records		 records;
	/* the loader's */
	struct load		 load;
	struct map		*loading;
	struct loop_task	 loaded;
	struct err		 load_err;
};

/* A request to one id.  Its owner has it until done. */
struct txns_ask {
	struct txns_ask		*next;		/* among the parked ones */
	/* Asks the machine; again when it was parked. */
	void			(*ask)(struct txns_ask *, struct txn_slot *);
	/* error, or the ids; the ask is its owner's again. */
	void			(*done)(struct txns_ask *, int16_t error,
				    int64_t producer_id, int16_t epoch);
	/* What TXN_BEGIN is for. */
	const struct txn_name	*names;
	size_t			 n;
};

struct txn_slot {		/* owner: its shard's loop */
	struct txns_shard	*shard;
	struct txn		*txn;
	struct txn_actions	 out;
	struct loop_timer	 retry;
	int64_t			 backoff_ms;	/* of it; 0: nothing failed */
	struct txns_ask		*parked;	/* until the machine is idle */
	size_t			 waiting;	/* for so many syncs */
	bool			 failed;	/* one of them did */
	bool			 running;	/* in txn_slot_run */
	int64_t			 fenced_id;	/* in the fence, or -1 */
};

/* --- txns.c --- */

struct txns_shard *txns_shard_of(struct txns *, struct slice id);
/* w->fn runs when the shard is loaded or failed to, at once if it is.  On the
 * shard's loop. */
void	 txns_ready(struct txns_shard *, struct txns_wait *);
/* Lets go who waits for the shard. */
void	 txns_wake(struct txns_shard *, int16_t error);
/* The partition, created on first use; -1 with the reason. */
int	 txns_log(struct txns_shard *, struct err *);
int64_t	 txns_now(void);		/* for txn.h: wall clock, ms */

/* --- txns_slot.c --- */

struct txn_slot *txn_slot_new(struct txns_shard *, struct slice id);
struct txn_slot *txn_slot_find(const struct txns_shard *, struct slice id);
/* Makes it when it is not there; NULL: max.transactional.ids. */
struct txn_slot *txn_slot_get(struct txns_shard *, struct slice id);
void	 txn_slot_free(struct txn_slot *);
/* After the load: takes it in and goes on with it. */
void	 txn_slot_restored(struct txn_slot *);
/* Asks now, or parks it. */
void	 txn_slot_ask(struct txn_slot *, struct txns_ask *);
/* Carries out what the machine asks for: the last call of everything that
 * touches it; the slot may be gone then. */
void	 txn_slot_run(struct txn_slot *);
/* What is over: an open transaction beyond its timeout, a silent id.  The slot
 * may be gone then. */
void	 txn_slot_sweep(struct txn_slot *, int64_t now);
/* No more parked requests, no more timer. */
void	 txn_slot_close(struct txn_slot *);

/* The id as text for messages, in buf. */
const char *txn_slot_name(const struct txn_slot *, char buf[80]);

/* --- txns_parts.c: TXN_BEGIN (a NULL: of all), TXN_SYNC, TXN_MARK --- */

void	 txn_slot_begin(struct txn_slot *, struct txns_ask *a);
void	 txn_slot_sync(struct txn_slot *);
void	 txn_slot_mark(struct txn_slot *);

/* --- txns_tour.c --- */

/* Calls each(r, s) for all shards, on their loops, then done(r), on one of
 * them.  state is what txns_tour_state gives to them; r->data is taken. */
void	 txns_tour(struct request *r, void *state,
	    void (*each)(struct request *, struct txns_shard *),
	    request_handler *done);
void	*txns_tour_state(struct request *r);

/* --- txns_load.c --- */

/* Asks for a shard to be loaded; first: before the others. */
void	 txns_load(struct txns_shard *, bool first);

/* --- txns_fence.c --- */

struct txns_fences *fences_new(void);
void	 fences_free(struct txns_fences *);		/* NULL is fine */
void	 fences_add(struct txns_fences *, int64_t producer_id);
void	 fences_remove(struct txns_fences *, int64_t producer_id);

#endif
