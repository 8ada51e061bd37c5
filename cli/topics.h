/* What the files of leat topics share. */
#ifndef CLI_TOPICS_H
#define CLI_TOPICS_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "cli/client.h"

struct topics {
	struct client_flags	 client;
	bool			 list, create, describe, alter, delete;
	bool			 if_exists, if_not_exists, exclude_internal;
	bool			 overridden;	/* only topics with settings */
	bool			 under_replicated, unavailable, under_min_isr,
				 at_min_isr;	/* only such partitions */
	const char		*topic;
	int64_t			 partitions, replication;
	struct flag_list	 configs;
	rd_kafka_t		*rk;
};

/* The topics that are asked for, sorted; NULL-ended, the caller's to free. */
const struct rd_kafka_metadata_topic **topics_chosen(const struct topics *,
	    const struct rd_kafka_metadata *);
/* -1 when --topic is not there and --if-exists was not given. */
int	topics_must_exist(struct topics *, const struct rd_kafka_metadata *,
	    bool *there, struct err *e);
int	topics_describe(struct topics *, const struct rd_kafka_metadata *,
	    struct err *e);

#endif
