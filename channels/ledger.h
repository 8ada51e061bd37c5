/*
 * Who has what of a channel: the order of its batches, which records of them
 * are leased, come back, or are committed.
 *
 * A unit is one batch in order of arrival, embedded in what the channel keeps
 * about it.  Records of a unit are leased in order; leases are committed in
 * any order and rolled back in any; what came back is leased again before
 * anything newer.  A unit whose records are all committed, and all units
 * before it as well, is done: ledger_pop gives it back, in order.  A unit
 * without records is done when it comes to the front.
 *
 *	ledger_add(&l, &item->unit, n);
 *	while (ledger_peek(&l, &unit, &first, &n)) { ledger_lease(&l, take); }
 *	ledger_commit(&l, unit, n);  or  ledger_rollback(&l, unit, first, n);
 *	while ((unit = ledger_pop(&l)) != NULL)
 *		free its item
 *
 * No locks: under the channel's mutex.
 */
#ifndef CHANNELS_LEDGER_H
#define CHANNELS_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct unit {
	struct unit	*next;
	uint64_t	 seq;
	uint32_t	 n;		/* records in it */
	uint32_t	 leased;	/* the first so many were leased once */
	uint32_t	 done;		/* so many are committed */
};

struct returned {		/* a rolled-back lease */
	struct unit	*unit;
	uint32_t	 first, n;
};

struct ledger {
	struct unit	*head, *tail;
	struct unit	*cursor;	/* the first with records never leased,
					   or NULL */
	uint64_t	 seq;
	size_t		 units;
	struct returned	*back;		/* sorted, the last comes first */
	size_t		 nback, capback;
};

void	 ledger_add(struct ledger *, struct unit *, uint32_t n);
/* The first so many records of a unit just added were committed earlier; less
 * than all. */
void	 ledger_skip(struct unit *, uint32_t n);
/* What a lease would begin with: false when there is nothing. */
bool	 ledger_peek(struct ledger *, struct unit **, uint32_t *first,
	    uint32_t *n);
/* Leases the first n records of what peek has shown; 0 < n <= peek's. */
void	 ledger_lease(struct ledger *, uint32_t n);
void	 ledger_commit(struct ledger *, struct unit *, uint32_t n);
void	 ledger_rollback(struct ledger *, struct unit *, uint32_t first,
	    uint32_t n);
/* The first record of the oldest unit that is not committed, when nothing is
 * leased. */
uint32_t ledger_first(const struct ledger *);
/* The oldest unit, off the list, if it is done; else NULL. */
struct unit *ledger_pop(struct ledger *);
/* The oldest unit, off the list, done or not; NULL when empty.  To free all;
 * nothing is leased. */
struct unit *ledger_drop(struct ledger *);
void	 ledger_fini(struct ledger *);	/* empty */

#endif
