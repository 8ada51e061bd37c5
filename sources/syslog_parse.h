/*
 * One syslog message: RFC 3164, RFC 5424 up to the host, as Flume's two
 * parsers read them.  Pure and total; slices point into the line.
 *
 *	syslog_parse(&m, SYSLOG_PLAIN, line, &clock);
 *	body = syslog_body(&m, keep, scratch);
 *
 * SYSLOG_PLAIN is the reading of syslogtcp and syslogudp: a message whose
 * header is not understood is still good and stays whole.  SYSLOG_MULTIPORT
 * is that of multiport_syslogtcp: the header must be understood.  They also
 * differ in the names of headers, in what '-' means, and in the zone of an
 * RFC 3164 stamp (local; UTC).
 *
 * On purpose not as Flume does it:
 *  - a priority above 191 is invalid (RFC 5424 section 6.2.1);
 *  - a zone counts beside a fraction, and ".5" is 500 ms;
 *  - any number of digits of a fraction;
 *  - IPv6 addresses are hosts in SYSLOG_PLAIN too;
 *  - '\r' before the line's end stays in the body without hiding the header;
 *  - SYSLOG_MULTIPORT: a stamp of RFC 3164 that cannot be read makes the
 *    message invalid instead of being from 1970, and a date gets its year by
 *    the same rule in both;
 *  - version and priority are those of this message, not of an earlier one.
 */
#ifndef SOURCES_SYSLOG_PARSE_H
#define SOURCES_SYSLOG_PARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/str.h"
#include "sources/syslog_time.h"

enum syslog_dialect { SYSLOG_PLAIN, SYSLOG_MULTIPORT };

/* keepFields: what stays in the body. */
#define SYSLOG_KEEP_PRIORITY	0x01
#define SYSLOG_KEEP_VERSION	0x02
#define SYSLOG_KEEP_TIMESTAMP	0x04
#define SYSLOG_KEEP_HOSTNAME	0x08
#define SYSLOG_KEEP_ALL		0x0f

#define SYSLOG_PRI_MAX		191

struct syslog_msg {
	struct slice	line;
	struct slice	text;		/* behind the header, or the line */
	int		pri;		/* 0 - 191 */
	bool		invalid;	/* no priority, or no header where one
					   must be */
	bool		parsed;		/* the header was understood; only then
					   the rest means something */
	/* As they stand in the line; p NULL: not there. "-" is there. */
	struct slice	priority, version, stamp, host;
	bool		timed;
	int64_t		time_ms;
};

void	syslog_parse(struct syslog_msg *, enum syslog_dialect,
	    struct slice line, struct syslog_clock *);

/* The body with the fields of keep in front of the text.  A part of the line
 * where it can be, else put together in scratch. */
struct slice syslog_body(const struct syslog_msg *, unsigned keep,
	    struct sb *scratch);

#endif
