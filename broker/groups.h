/*
 * The group coordinator: which loop owns which group, what is known of it, and
 * how a request gets there.
 *
 * A group belongs to a partition of __consumer_offsets (Kafka's hash of its
 * name), the partition's groups form a shard, and a shard belongs to one loop:
 * so one loop alone writes a partition, and memory and log change in the same
 * order.  A shard is read from its partition after the start, by the loader's
 * thread, while requests for it wait.
 *
 *	void
 *	handle_heartbeat(struct request *r)
 *	{
 *		const struct km_heartbeat_request *in = r->in;
 *
 *		groups_route(r, in->group_id, heartbeat);
 *	}
 *	static void				on the shard's loop, loaded
 *	heartbeat(struct request *r, struct shard *s, int16_t error)
 *
 * Memory changes when the record is appended; who asked is answered when it
 * is synced, and who only reads waits for what is under way (shard_synced): so
 * nobody is told what a power cut could take back.
 *
 * Thread rule: everything of a shard is its loop's, but while it is being
 * loaded (only waits is, then).
 */
#ifndef BROKER_GROUPS_H
#define BROKER_GROUPS_H

#include "broker/broker_priv.h"
#include "broker/group.h"
#include "broker/loader.h"
#include "broker/offsets.h"
#include "broker/offsets_log.h"
#include "broker/staged.h"
#include "broker/sync_calls.h"
#include "kafka/errors.h"
#include "kafka/messages.h"

enum shard_state { SHARD_LOADING, SHARD_READY, SHARD_FAILED };

struct slot {			/* a group and its offsets */
	struct shard		*shard;
	struct group		*group;
	struct offsets		*offsets;
	struct loop_timer	 timer;		/* group_tick */
	unsigned		 writes;	/* that will call back for it */
	bool			 removed;	/* but kept for writes */
	/* The group's record as it is in the log; p NULL: none.  Not always
	 * what the group is now: that is stored when a rebalance is over. */
	struct slice		 value;		/* owned */
	size_t			 nmembers;	/* counted in the metrics */
	int32_t			 generation;
};

struct shard_wait {
	void			(*fn)(struct shard_wait *, int16_t error);
	struct shard_wait	*next;
};

struct shard {			/* owner: home's thread */
	struct groups		*groups;
	int32_t			 index;
	struct broker_loop	*home;
	enum shard_state	 state;
	struct topic		*topic;		/* a reference; NULL: not yet */
	struct partition	*log;		/* of topic */
	struct map		*slots;
	struct staged		*staged;	/* its groups have slots */
	struct shard_wait	*waits;
	struct group_actions	 out;
	struct records		 records;
	/* the loader's */
	struct load		 load;
	struct map		*loading;	/* slots */
	struct staged		*loading_staged;
	struct loop_task	 loaded;
	struct err		 load_err;
};

struct groups_loop {		/* owner: its loop */
	struct groups		*groups;
	struct broker_loop	*home;
	struct loop_timer	 expiry;
};

struct groups {
	struct broker		*broker;
	struct group_limits	 limits;
	struct shard		*shards;
	int32_t			 nshards;
	struct groups_loop	*loops;
	_Atomic int64_t		 count;		/* groups, of all loops */
	struct loader		 loader;
	struct sync_calls	 writes;	/* that will call back */
	atomic_bool		 closed;	/* nothing is loaded any more */
};

/* --- groups.c --- */

typedef void group_handler(struct request *, struct shard *, int16_t error);

/* Calls fn on the loop of the group's shard, when that is loaded; error: it
 * cannot be. */
void	 groups_route(struct request *, struct slice group, group_handler *);
/* The same, and gone tells when the connection is lost meanwhile: called there,
 * also before fn was. */
void	 groups_park(struct request *, struct slice group, group_handler *);
struct shard *groups_shard(struct groups *, struct slice group);
/* w->fn runs when the shard is loaded or failed to, at once if it is.  On the
 * shard's loop. */
void	 shard_ready(struct shard *, struct shard_wait *);

/*
 * Walks over several groups, each on its own shard's loop:
 *
 *	groups_visit(r, state, n, name_of, each, done);
 *
 * each(r, shard, i, error) handles the group name_of(r, i) and then calls
 * visit_next(r), now or later; after the last one done(r) is called.
 */
typedef struct slice visit_name(struct request *, int32_t i);
typedef void visit_each(struct request *, struct shard *, int32_t i,
    int16_t error);
void	 groups_visit(struct request *, void *state, int32_t n, visit_name *,
	    visit_each *, request_handler *done);
void	*visit_state(struct request *);
void	 visit_next(struct request *);
/* Walks over all shards. */
void	 groups_visit_shards(struct request *, void *state, visit_each *,
	    request_handler *done);

/* n elements of desc with defaults, in the request's memory. */
struct karray request_array(struct request *, const struct kdesc *, size_t n);
/* A copy in the request's memory; p NULL stays. */
struct slice request_copy(struct request *, struct slice);
int64_t	 shard_now(const struct shard *);		/* for group.h, ms */

/* --- slots, in groups_slot.c --- */

struct slot *slot_new(struct shard *, struct slice group);
struct slot *slot_find(const struct shard *, struct slice group);
/* Makes it when it is not there; NULL: max.groups. */
struct slot *slot_get(struct shard *, struct slice group);
/* Carries out shard->out, moves the timer, frees what is vacant: the last call
 * of everything that touches a group. */
void	 slot_run(struct slot *);
/* Writes tombstones of everything it has and forgets it; false: the log could
 * not be written, nothing was done. */
bool	 slot_delete(struct slot *, struct err *);
void	 slot_free(struct slot *);
/* Everything of the group that a commit made, or will when its transaction
 * commits; *tmp is for offsets_free. */
const struct offsets *slot_offsets(const struct slot *, struct offsets **tmp);
/* A tombstone of it is in the log: forgets one, also staged. */
void	 slot_forget(struct slot *, struct slice topic, int32_t partition);
/* An offset of a transaction that was committed, in the order of the log. */
void	 slot_take_over(struct slot *, const struct offsets *);
/* After the load: takes it in, the group's record becomes the group.  The
 * caller then calls slot_run. */
void	 slot_restore(struct slot *);
/* Forgets offsets for which old says so, also of those that are staged, with
 * tombstones; -1: nothing was done.  In the end the group itself when nothing
 * is left of it. */
int	 slot_prune(struct slot *, bool (*old)(const struct slot *, void *,
	    const struct offsets_topic *, const struct committed *),
	    void *arg, struct err *);
/* group_join.c: answers a parked request. */
void	 join_answer(struct slot *, const struct group_action *);
void	 sync_answer(struct slot *, const struct group_action *);

/* --- writing, in groups_log.c --- */

/* Appends shard->records.  fn(arg, error), if not NULL, runs on the shard's
 * loop when they are on the disk; -1: they were not written, fn is not run. */
int	 shard_write(struct shard *, void (*fn)(void *, int16_t error),
	    void *arg, struct err *);
/* Appends the end of a transaction to the log, as shard_write does records. */
int	 shard_write_marker(struct shard *, const struct txn_marker *,
	    sync_call_fn *fn, void *arg, struct err *);
/* fn runs when everything appended so far is on the disk. */
void	 shard_synced(struct shard *, sync_call_fn *fn, void *arg);
/* The partition, created on first use; -1 with the reason. */
int	 shard_log(struct shard *, struct err *);
/* Offsets and groups whose time is over. */
void	 shard_expire(struct shard *, int64_t now_ms);

/* --- loading, in groups_load.c --- */

/* Asks for a shard to be loaded; first: before the others. */
void	 shard_load(struct shard *, bool first);

#endif
