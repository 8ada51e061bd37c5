/*
 * One classic consumer group (KIP-62, 345, 394, 814) as a pure state machine:
 * events in, actions out.  No I/O, no clock, no sockets: the time comes with
 * each event, a parked request is an opaque pointer, and what has to be
 * written or answered is handed back as a list of actions.
 *
 *	group_join(g, &ev, now, &out);
 *	for (i = 0; i < out.n; i++)
 *		... answer, or write the group's record ...
 *	out.n = 0;
 *	timer_arm(&timer, group_deadline(g) - now);	-> group_tick
 *
 * Invariants: a request taken by group_join or group_sync is answered by
 * exactly one action, or given back by group_cancel; the generation never goes
 * down; a Stable group has a leader among its members; an Empty group has no
 * members; assignments are shown only after their record was written.
 *
 * Slices in actions, and the members they point to, are valid until the next
 * call on the same group.  Fields are read by others, changed here only.
 * Owner: the loop the group is hashed to.  now: milliseconds of any clock that
 * does not go back.
 */
#ifndef BROKER_GROUP_H
#define BROKER_GROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/slice.h"

#define GROUP_NEVER		INT64_MAX
/* A member that waits for its first join's answer cannot send heartbeats. */
#define GROUP_NEW_MEMBER_MS	(5 * 60 * 1000)
/* Ids handed out and not yet used; the oldest is forgotten beyond this. */
#define GROUP_PENDING_MAX	1000
/* Bytes of one member's protocols, names and metadata together. */
#define GROUP_METADATA_MAX	(1024 * 1024)
/* The same of all members: their record has to be written in one batch. */
#define GROUP_BYTES_MAX		(32 * 1024 * 1024)
#define GROUP_PROTOCOLS_MAX	100

enum group_state {
	GROUP_EMPTY, GROUP_PREPARING, GROUP_COMPLETING, GROUP_STABLE
};

struct group_limits {
	int64_t		 session_min_ms;   /* group.min.session.timeout.ms */
	int64_t		 session_max_ms;   /* group.max.session.timeout.ms */
	int64_t		 initial_delay_ms; /* group.initial.rebalance.delay */
	int64_t		 max_size;	   /* group.max.size */
};

struct group_protocol {
	struct slice	 name;
	struct slice	 metadata;
};

struct group_member {
	TAILQ_ENTRY(group_member) link;
	struct slice	 id;		/* slices here are the member's own */
	struct slice	 instance;	/* p NULL: dynamic member */
	struct slice	 client_id;
	struct slice	 client_host;
	int32_t		 session_ms;
	int32_t		 rebalance_ms;
	struct group_protocol *protocols; /* in order of preference */
	size_t		 nprotocols;
	struct slice	 assignment;	/* of this generation; empty: none */

	bool		 pending;	/* id handed out, has not joined yet */
	bool		 fresh;		/* its first join is not answered yet */
	bool		 knows_id;	/* the client has been told its id */
	bool		 sync_due;	/* has not sent SyncGroup yet */
	int64_t		 deadline;	/* of its session; NEVER: parked */
	void		*join_req;	/* parked requests */
	void		*sync_req;
	/* A static member that took over an instance in a Stable group: its
	 * join waits for this record; 0: none. */
	uint64_t	 persist;
	struct slice	 shown_leader;	/* instead of the leader; p NULL */
	bool		 skip;		/* skip_assignment */
};
TAILQ_HEAD(group_members, group_member);

struct group {
	struct slice	 id;
	const struct group_limits *limits;
	enum group_state state;
	int32_t		 generation;
	struct slice	 protocol_type;	/* p NULL until the first member */
	struct slice	 protocol;	/* p NULL: none chosen */
	struct group_member *leader;
	struct group_members members;	/* in order of joining */
	size_t		 nmembers;
	struct group_members pending;
	size_t		 npending;
	/* When the state last changed, wall clock; set by the one who writes
	 * the record. */
	int64_t		 state_ms;

	/* private */
	struct map	*by_id;		/* members and pending */
	struct map	*by_instance;
	struct map	*supported;	/* protocol name -> its count */
	size_t		 bytes;		/* of the members' protocols */
	size_t		 waiting;	/* members with a join_req */
	bool		 initial;	/* PREPARING came from EMPTY */
	bool		 grew;		/* a member came during the delay */
	bool		 lost;		/* a member left, group_left to come */
	int64_t		 delay_ms, left_ms;	/* of the initial delay */
	int64_t		 join_deadline, sync_deadline;
	int64_t		 next;		/* lower bound of all deadlines */
	uint64_t	 persist;	/* the last record asked for */
	uint64_t	 assigning;	/* the assignment's; 0: none */
};

enum group_action_type {
	GROUP_JOINED,		/* answer a JoinGroup */
	GROUP_SYNCED,		/* answer a SyncGroup */
	GROUP_PERSIST		/* write the group's record, then call
				   group_persisted with number */
};

struct group_action {
	enum group_action_type type;
	void		*req;
	int16_t		 error;
	/* Error JOINED: the id to answer with (79: the one to use), else
	 * empty.  Success: the member's. */
	struct slice	 member_id;
	const struct group_member *member;	/* success */
	struct slice	 leader;	/* JOINED */
	bool		 with_members;	/* JOINED: list all (the leader) */
	bool		 skip;		/* JOINED: skip_assignment */
	uint64_t	 number;	/* PERSIST */
};

struct group_actions {
	struct group_action *v;
	size_t		 n, cap;
};
void	 group_actions_fini(struct group_actions *);

struct group *group_new(struct slice id, const struct group_limits *);
/* No request is parked any more (group_close). NULL is fine. */
void	 group_free(struct group *);

struct group_join {
	void		*req;
	struct slice	 member_id;	/* empty: none yet */
	struct slice	 instance;	/* p NULL: dynamic */
	struct slice	 client_id;
	struct slice	 client_host;
	int32_t		 session_ms;
	int32_t		 rebalance_ms;
	struct slice	 protocol_type;
	const struct group_protocol *protocols;
	size_t		 nprotocols;
	/* An id nobody has yet: <client or instance>-<uuid>; for when one is
	 * needed. */
	struct slice	 new_id;
	bool		 known_id;	/* v4+: joins in two steps */
	bool		 can_skip;	/* v9+: understands skip_assignment */
};
/* JoinGroup; all is copied. */
void	 group_join(struct group *, const struct group_join *, int64_t now,
	    struct group_actions *);

struct group_assignment {
	struct slice	 member_id;
	struct slice	 bytes;
};
struct group_sync {
	void		*req;
	struct slice	 member_id;
	struct slice	 instance;
	int32_t		 generation;
	struct slice	 protocol_type;	/* p NULL: not said (below v5) */
	struct slice	 protocol;
	const struct group_assignment *assignments;
	size_t		 n;
};
void	 group_sync(struct group *, const struct group_sync *, int64_t now,
	    struct group_actions *);

/* The error code to answer. */
int16_t	 group_heartbeat(struct group *, struct slice member_id,
	    struct slice instance, int32_t generation, int64_t now);
/*
 * One member of a LeaveGroup; group_left follows the last one of the request,
 * so that a batch means one rebalance.
 */
int16_t	 group_leave(struct group *, struct slice member_id,
	    struct slice instance, struct group_actions *);
void	 group_left(struct group *, int64_t now, struct group_actions *);
/* May this member commit offsets?  Counts as a sign of life. */
int16_t	 group_check_commit(struct group *, struct slice member_id,
	    struct slice instance, int32_t generation, int64_t now);
/* The same in a transaction: without a member also while there are some, and
 * during a rebalance, as older clients cannot say who they are (KIP-447). */
int16_t	 group_check_txn_commit(struct group *, struct slice member_id,
	    struct slice instance, int32_t generation, int64_t now);
int16_t	 group_check_delete(const struct group *);

/* The record with this number is on the disk (error 0), or is not. */
void	 group_persisted(struct group *, uint64_t number, int16_t error,
	    int64_t now, struct group_actions *);
/*
 * The connection of a parked request is gone: it is forgotten without an
 * answer.  False: it was not (or no longer) parked.
 */
bool	 group_cancel(struct group *, void *req, int64_t now,
	    struct group_actions *);
/* Answers everything that is parked with this error; the broker stops. */
void	 group_close(struct group *, int16_t error, struct group_actions *);

/* When group_tick is due at the latest; may be early. GROUP_NEVER: never. */
int64_t	 group_deadline(const struct group *);
void	 group_tick(struct group *, int64_t now, struct group_actions *);

/* --- for the record on disk --- */

/*
 * Rebuilds a group that group_new just made from its stored record: first
 * this, then each member, then group_restored, after which it is Stable (or
 * Empty) and all sessions begin anew.
 */
void	 group_restore(struct group *, int32_t generation,
	    struct slice protocol_type, struct slice protocol,
	    int64_t state_ms);
void	 group_restore_member(struct group *, const struct group_member *,
	    bool leader);	/* with one protocol, the chosen one */
void	 group_restored(struct group *, int64_t now, struct group_actions *);

/* Nothing in it that would be missed: no members, no ids handed out, no record
 * written.  The owner may free it. */
bool	 group_vacant(const struct group *);
/* The member's metadata for the chosen protocol; empty if there is none. */
struct slice group_metadata(const struct group *, const struct group_member *);
const struct group_member *group_find(const struct group *,
	    struct slice member_id);		/* joined members; or NULL */
/* "Empty", "PreparingRebalance", "CompletingRebalance", "Stable". */
const char *group_state_name(enum group_state);

#endif
