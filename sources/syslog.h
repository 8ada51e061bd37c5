/*
 * What the three syslog sources share: their settings and metrics, and how a
 * message becomes a record.  Private to sources/syslog*.c.
 */
#ifndef SOURCES_SYSLOG_H
#define SOURCES_SYSLOG_H

#include <iconv.h>

#include "plugin/source.h"
#include "sources/outbox.h"
#include "sources/reverse.h"
#include "sources/syslog_parse.h"

struct syslog {			/* its loop's */
	struct source		 source;	/* first */

	/* settings */
	char			*host;
	int64_t			 port;
	struct setting_list	 ports;
	int64_t			 event_size, batch_size;
	struct setting_list	 keep_fields;
	char			*ip_header, *name_header, *port_header;
	char			*charset;
	struct conf		*port_charsets;
	bool			 allow_insecure, ssl;
	struct conf		*formats;
	int64_t			 max_conns, idle_ms;
	uint64_t		 rcvbuf;

	/* metrics */
	metric_t		 invalid, incomplete, counted;
	metric_t		 accepted, conns, idle_closed;
	metric_t		 kernel_drops;

	enum syslog_dialect	 dialect;
	unsigned		 keep;		/* SYSLOG_KEEP_* */
	struct outbox		 out;
	struct reverse		*names;		/* with clientHostnameHeader */
	struct syslog_clock	 clock;
	struct sb		 scratch;
	void			*own;		/* of the one source */

	/* syslog_stop */
	uint64_t		 reads, reads_seen;
	int			 ticks;
	struct loop_timer	 linger;
	void			(*close)(struct syslog *);
	struct completion	*stopped;
};

/* Where a batch's messages come from. */
struct syslog_origin {
	bool		 utf8, ascii;	/* bytes must be that, else Invalid */
};

static inline struct syslog *
syslog_of(struct source *s)
{
	return ((struct syslog *)s);
}

/* The part of check that all have. */
int	syslog_check(struct source *, struct err *);
/* Prepares to make records; room as in outbox_init; named(y): names of peers
 * became known. */
int	syslog_begin(struct syslog *, enum syslog_dialect,
	    void (*room)(void *), void (*named)(void *), struct err *);
void	syslog_end(struct syslog *);
/* Stops: first what has arrived already is read, as peers get no answer that
 * would tell them; then close(y), then what is held is stored. */
void	syslog_stop(struct syslog *, void (*close)(struct syslog *),
	    struct completion *);

/* A new batch that keeps buf; sets the clock. */
struct batch *syslog_batch(struct syslog *, struct buf *buf);
/* Adds a message that lies in the batch's buffer; cut: not all of it. */
struct record *syslog_add(struct syslog *, struct batch *,
	    const struct syslog_origin *, struct slice line, bool cut);

void	syslog_pause(struct source *);
void	syslog_resume(struct source *);

extern const char *const syslog_keep_words[];

/* Rows of the settings tables, so that each text stands once. */
#define SYSLOG_SETTINGS \
	SETTING_LIST(struct syslog, keep_fields, "keepFields", \
	    .def = "none", .names = syslog_keep_words, \
	    .doc = "What of the header stays in the body as well: none " \
	    "(or false), all (or true), or some of priority, version, " \
	    "timestamp, hostname."), \
	SETTING_STR(struct syslog, ip_header, "clientIPHeader", \
	    .doc = "Header that gets the address of the peer."), \
	SETTING_STR(struct syslog, name_header, "clientHostnameHeader", \
	    .doc = "Header that gets the peer's name by reverse lookup, or " \
	    "its address when it has none in five seconds.  TCP waits for it " \
	    "before it reads; over UDP the first messages of a peer get its " \
	    "address."), \
	SETTING_BOOL(struct syslog, allow_insecure, "allow.insecure", \
	    .def = "false", .doc = "Allows a host that is not loopback: " \
	    "there is neither encryption nor authentication."), \
	SETTING_TREE(struct syslog, formats, "format", \
	    .flags = SETTING_HIDDEN, .doc = "Refused.")

#define SYSLOG_HOST \
	SETTING_STR(struct syslog, host, "host", \
	    .aliases = (const char *const[]){ "bind", NULL }, \
	    .def = "0.0.0.0", \
	    .doc = "Name or address to listen on; 0.0.0.0, as in Flume, is " \
	    "every one, and needs allow.insecure.")

#define SYSLOG_TCP_SETTINGS \
	SETTING_INT(struct syslog, event_size, "eventSize", \
	    .def = "2500", .min = "1", .max = "16777216", \
	    .doc = "Longest message in bytes, at least 10; what is longer " \
	    "is cut there, marked Incomplete, and its rest is a message of " \
	    "its own."), \
	SETTING_INT(struct syslog, batch_size, "batchSize", \
	    .def = "1000", .min = "1", .max = "1000000", \
	    .doc = "Most records in a batch; one is made of what a read " \
	    "brings, without waiting for more."), \
	SETTING_INT(struct syslog, max_conns, "maxConnections", \
	    .def = "1000", .min = "1", .max = "1000000", \
	    .doc = "Connections of a port at once; more wait until one " \
	    "ends."), \
	SETTING_DURATION(struct syslog, idle_ms, "idleTimeout", \
	    .def = "0", .min = "0", \
	    .doc = "Closes a connection that was silent for so long; 0: " \
	    "never."), \
	SETTING_BOOL(struct syslog, ssl, "ssl", .def = "false", \
	    .doc = "TLS; refused, this version has none."), \
	SYSLOG_NO_TLS("keystore"), \
	SYSLOG_NO_TLS("keystore-password"), \
	SYSLOG_NO_TLS("keystore-type"), \
	SYSLOG_NO_TLS("include-protocols"), \
	SYSLOG_NO_TLS("exclude-protocols"), \
	SYSLOG_NO_TLS("include-cipher-suites"), \
	SYSLOG_NO_TLS("exclude-cipher-suites")
#define SYSLOG_NO_TLS(key) \
	SETTING_NOOP(key, "this version has no TLS on listeners.")

#define SYSLOG_METRICS \
	METRIC_COUNTER(struct syslog, invalid, "invalid_total", \
	    "Messages with flume.syslog.status Invalid."), \
	METRIC_COUNTER(struct syslog, incomplete, "incomplete_total", \
	    "Messages with flume.syslog.status Incomplete."), \
	METRIC_COUNTER(struct syslog, out.dropped, "dropped_records_total", \
	    "Records that fit in no channel, or had no room at stop.")

#define SYSLOG_TCP_METRICS \
	METRIC_COUNTER(struct syslog, counted, "octet_counted_total", \
	    "Messages framed by a count of octets."), \
	METRIC_COUNTER(struct syslog, accepted, "connections_total", \
	    "Connections accepted."), \
	METRIC_GAUGE(struct syslog, conns, "connections", \
	    "Connections open now."), \
	METRIC_COUNTER(struct syslog, idle_closed, \
	    "idle_connections_closed_total", \
	    "Connections closed by idleTimeout.")

#endif
