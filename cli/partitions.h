/*
 * Lists of partitions: as the user names them, as the cluster has them, and
 * their offsets.  Topics may be given as "TOPIC" or "TOPIC:0,2".
 */
#ifndef CLI_PARTITIONS_H
#define CLI_PARTITIONS_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

#include "base/err.h"
#include "cli/client.h"

/* Adds what text names; a topic alone has the partition
 * RD_KAFKA_PARTITION_UA.  False: it cannot be read. */
bool	partitions_parse(rd_kafka_topic_partition_list_t *, const char *text);
/* The same sorted and each once, a topic alone with all of its partitions; NULL
 * when one of them is not there.  The caller destroys it. */
rd_kafka_topic_partition_list_t *
	partitions_there(const rd_kafka_topic_partition_list_t *,
	    const struct rd_kafka_metadata *, struct err *e);

#define OFFSETS_EARLIEST	(-2)
#define OFFSETS_LATEST		(-1)
/*
 * Sets each one's offset: where its log begins or ends, or that of the first
 * record which is not older than `when` ms, the end when there is none.  A
 * partition that does not answer fails the call.
 */
int	partitions_offsets(rd_kafka_t *, const struct client_flags *,
	    rd_kafka_topic_partition_list_t *, int64_t when, struct err *e);

/* "topic x does not exist; did you mean y?" */
int	no_topic(const struct rd_kafka_metadata *, const char *topic,
	    struct err *e);
/* The topic, or NULL when it is not there. */
const struct rd_kafka_metadata_topic *topic_in(
	    const struct rd_kafka_metadata *, const char *topic);
/* First error of the partitions, with their names. */
int	partitions_error(const rd_kafka_topic_partition_list_t *,
	    struct err *e);

#endif
