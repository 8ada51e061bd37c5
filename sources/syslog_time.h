/*
 * The time stamps of syslog: RFC 5424's (a profile of RFC 3339, here also
 * without a zone) and RFC 3164's, which has neither year nor zone.
 *
 *	struct syslog_clock k = { .now_ms = clock_wall_ms() };
 *
 *	if ((n = syslog_time_3164(&t, in)) > 0)
 *		known = syslog_time_ms(&t, true, &k, &ms);
 *
 * Pure and total: any bytes, no reads past the slice.  A clock belongs to one
 * thread.
 */
#ifndef SOURCES_SYSLOG_TIME_H
#define SOURCES_SYSLOG_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct syslog_clock {
	int64_t	now_ms;		/* for the year of RFC 3164, set by the owner */
	/* private: the local minute that was asked for last */
	bool	cached;
	int64_t	minute, minute_ms;
};

struct syslog_time {
	int	year;		/* -1: not given */
	int	month, day, hour, minute, second, ms;
	bool	zoned;
	int	offset;		/* minutes east of UTC, when zoned */
};

/*
 * A stamp at the beginning of in.  -> its length, 0 when there is none.  The
 * shape alone is looked at: the 31st of February has one.
 *	5424: 2003-10-11T22:14:15[.digits][Z or +hh:mm or -hh:mm]
 *	3164: "Oct 11 22:14:15", one or two blanks before the day
 */
size_t	syslog_time_5424(struct syslog_time *, struct slice in);
size_t	syslog_time_3164(struct syslog_time *, struct slice in);

/*
 * Milliseconds since 1970.  local: a stamp without a zone is in this
 * machine's zone, else UTC.  A stamp without a year is in the latest year
 * that does not put it more than a month ahead of now.  False when there is
 * no such date or time of day.
 */
bool	syslog_time_ms(const struct syslog_time *, bool local,
	    struct syslog_clock *, int64_t *ms);

#endif
