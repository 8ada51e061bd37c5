/*
 * What group.c, group_member.c and group_rebalance.c share: the members' book
 * keeping, and the steps of a rebalance.
 */
#ifndef BROKER_GROUP_PRIV_H
#define BROKER_GROUP_PRIV_H

#include "broker/group.h"
#include "kafka/errors.h"

/* --- group_member.c --- */

/* Copies of bytes that the group owns; free with own_free. */
struct slice own(struct slice);
void	 own_free(struct slice *);

struct group_member *member_find(const struct group *, struct slice id);
struct group_member *member_find_instance(const struct group *,
	    struct slice instance);
/* A handed-out id that joins later. */
struct group_member *member_new_pending(struct group *, struct slice id);
/* A joined member of its own; the request is parked by the caller. */
struct group_member *member_new(struct group *, const struct group_join *,
	    struct slice id);
/* Out of all lists, freed.  Nothing of it is parked. */
void	 member_remove(struct group *, struct group_member *);
/* A static member goes on under a new id. */
void	 member_rename(struct group *, struct group_member *,
	    struct slice id);
/* Takes over protocols and timeouts of a join. */
void	 member_update(struct group *, struct group_member *,
	    const struct group_join *);
/* Does the join say what the member said before? */
bool	 member_matches(const struct group_member *,
	    const struct group_join *);
void	 member_set_assignment(struct group_member *, struct slice);
void	 member_session(struct group *, struct group_member *, int64_t now);
void	 member_deadline(struct group *, struct group_member *, int64_t);

/* Common to the candidates and all members. */
bool	 group_supports(const struct group *, const struct group_join *);
/* The members' vote; p NULL when there are none. */
struct slice group_vote(const struct group *);
int64_t	 group_rebalance_ms(const struct group *);

/* --- actions --- */

struct group_action *action_add(struct group_actions *,
	    enum group_action_type, void *req, int16_t error);
/* Answers a parked request of the member, if there is one. */
void	 member_fail_join(struct group *, struct group_member *, int16_t error,
	    struct slice id, struct group_actions *);
void	 member_fail_sync(struct group_member *, int16_t error,
	    struct group_actions *);
/* Parks; an earlier one of the same member is told to rejoin. */
void	 member_park_join(struct group *, struct group_member *, void *req,
	    int64_t now, struct group_actions *);
void	 member_park_sync(struct group_member *, void *req,
	    struct group_actions *);
/* Answers with the current generation. */
void	 member_joined(struct group *, struct group_member *,
	    struct group_actions *);
void	 member_synced(struct group *, struct group_member *, int64_t now,
	    struct group_actions *);

/* --- group_rebalance.c --- */

/* Starts a rebalance when the state allows it, else looks whether the one
 * under way is complete. */
void	 rebalance(struct group *, int64_t now, struct group_actions *);
/* Is the one under way complete? */
void	 rebalance_check(struct group *, int64_t now, struct group_actions *);
/* A member is gone: rebalance or check, by state. */
void	 rebalance_lost(struct group *, int64_t now, struct group_actions *);
/* Forgets the assignment; whoever waits for it gets the error. */
void	 rebalance_reset_sync(struct group *, int16_t error, int64_t now,
	    struct group_actions *);
void	 rebalance_tick(struct group *, int64_t now, struct group_actions *);
uint64_t group_persist(struct group *, struct group_actions *);

#endif
