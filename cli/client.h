/*
 * A Kafka client for the commands: made from the flags all of them share, and
 * honest about a broker that cannot be reached.
 */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

#include "base/err.h"
#include "cli/flags.h"

#define CLIENT_TIMEOUT_MS	5000

struct client_flags {
	const char	*bootstrap;	/* --bootstrap-server */
	const char	*config;	/* --command-config FILE */
	const char	*profile;	/* --profile NAME of leat.ini */
	const char	*output;	/* -o json|text */
	/* Set by the command, not by a flag: */
	struct flag_list props;		/* key=value, the strongest */
	void		(*prepare)(rd_kafka_conf_t *);	/* its callbacks */
	void		*opaque;		/* of those callbacks */
};

/* The rows of these flags, for the commands' tables. */
#define CLIENT_FLAGS(c)							\
	FLAG_STR_ROW("bootstrap-server", &(c)->bootstrap, "HOST:PORT,...", \
	    "The cluster; 127.0.0.1:9092 unless set here or in a profile."), \
	FLAG_STR_ROW("broker-list", &(c)->bootstrap, "HOST:PORT", NULL), \
	FLAG_STR_ROW("command-config", &(c)->config, "FILE",		\
	    "Client settings, one key=value per line."),		\
	FLAG_STR_ROW("profile", &(c)->profile, "NAME",			\
	    "Client settings of [profile NAME] in leat.ini."),		\
	FLAG_WORD_ROW("output", &(c)->output, "json|text",		\
	    "Output for programs or people (-o for short).")

/* True for -o json. */
bool	 client_json(const struct client_flags *);

/*
 * extra: NULL-ended key, value pairs that win over profile and file.  NULL
 * with *e set.  The flags outlive the client.
 */
rd_kafka_t *client_new(rd_kafka_type_t, const struct client_flags *,
	    const char *const *extra, struct err *e);
/* The servers that it talks to. */
const char *client_servers(const struct client_flags *);

/*
 * Metadata of one topic, or of all with topic NULL, within CLIENT_TIMEOUT_MS.
 * ERR_TIMEOUT: nobody answers; the message names the address and the reason.
 */
int	 client_metadata(rd_kafka_t *, const struct client_flags *,
	    const char *topic, const struct rd_kafka_metadata **,
	    struct err *e);
/* What librdkafka last said went wrong, or "". */
const char *client_last_error(void);
/* Prints "leat COMMAND: message" and gives the exit status for the error. */
int	 client_failed(const char *command, const struct err *e);

/*
 * Waits for the result of an admin request on queue; NULL with *e on time-out
 * or when the request as a whole failed.  The caller destroys the event.
 */
rd_kafka_event_t *client_wait(rd_kafka_queue_t *, const struct client_flags *,
	    struct err *e);

#endif
