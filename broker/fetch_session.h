/*
 * Fetch sessions (KIP-227): what a consumer fetches again and again is kept
 * here, so that its requests name only what has changed, and so do the
 * answers.
 *
 *	error = fetch_session_begin(s, in, version, now, &plan);
 *	if (error == KERR_NONE)
 *		look at plan.v[0 .. plan.n), fill told[]
 *		id = fetch_session_end(s, &plan, told, now);
 *		answer with id and the partitions that are told[].included
 *	fetch_plan_fini(&plan);
 *
 * A session belongs to topic ids (from version 13 on) or to names.  It is
 * bounded by slots and by partitions of all sessions together; when there is
 * no room the one that was used longest ago makes it, if that is more than two
 * minutes ago, as in Kafka; else the client gets none, and goes on with full
 * requests.
 *
 * Threads: any; it has a mutex.
 */
#ifndef BROKER_FETCH_SESSION_H
#define BROKER_FETCH_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/metric.h"
#include "kafka/messages.h"

struct fetch_sessions;

/* gauge: the number of sessions. */
struct fetch_sessions *fetch_sessions_new(size_t slots, size_t partitions,
	    metric_t *gauge);
void	 fetch_sessions_free(struct fetch_sessions *);	/* NULL is fine */

struct fetch_want {
	struct slice	name;		/* p NULL: by id */
	struct kuuid	id;
	int32_t		partition, epoch, max;
	int64_t		offset;
};

/* What one request asks for. */
struct fetch_plan {
	struct fetch_want	*v;
	size_t			 n;
	/* private */
	size_t			 cap;
	enum { FETCH_ALONE, FETCH_CREATE, FETCH_NEXT } kind;
	bool			 ids;
	int32_t			 id;		/* of the session; 0 */
	struct arena		 names;
};

/*
 * KERR_NONE; else the error of the whole answer, and the plan is empty:
 * FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH or
 * FETCH_SESSION_TOPIC_ID_ERROR.  Names point into the request or the plan.
 * now: wall, ms.
 */
int16_t	 fetch_session_begin(struct fetch_sessions *,
	    const struct km_fetch_request *, int version, int64_t now,
	    struct fetch_plan *);
void	 fetch_plan_fini(struct fetch_plan *);

/* What is answered for plan.v[i]. */
struct fetch_told {
	int64_t	 high, start;
	bool	 error, records;
	bool	 included;		/* out: it is news */
};
/* The session id to answer; 0: none. */
int32_t	 fetch_session_end(struct fetch_sessions *, const struct fetch_plan *,
	    struct fetch_told *, int64_t now);

#endif
