/* What the files of leat configs share. */
#ifndef CLI_CONFIGS_H
#define CLI_CONFIGS_H

#include <librdkafka/rdkafka.h>

#include "base/err.h"
#include "cli/client.h"
#include "cli/pairs.h"

/* A topic or a broker, and what is set for it alone. */
struct entity {
	rd_kafka_ResourceType_t	 type;
	const char		*name;
	struct pairs		 now;	/* value NULL: it is not shown to us */
};

/*
 * Sets the pairs of set, takes the keys of unset away, and leaves everything
 * else as it is.  Two files have it: the one with IncrementalAlterConfigs is
 * compiled where librdkafka has that (2.2 and later).
 */
int	configs_alter(rd_kafka_t *, const struct client_flags *,
	    const struct entity *, const struct pairs *set,
	    const struct pairs *unset, struct err *e);

/* The error of the one resource of an answer. */
int	configs_result(const rd_kafka_ConfigResource_t *const *, size_t n,
	    struct err *e);

#endif
