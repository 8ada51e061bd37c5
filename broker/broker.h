/*
 * The built-in broker: a durable single-node Kafka on this machine's disk.
 *
 *	broker_settings_fill() ... broker_start(&b, &settings, e)
 *	broker_address(b)		"127.0.0.1:9092"
 *	broker_stop(b)
 *
 * Everything outside the folder speaks the Kafka protocol to it, with one
 * exception: the Kafka sink's direct path, which appends a record batch to a
 * partition without a socket (broker_append).
 */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/metric.h"
#include "base/setting.h"
#include "loop/completion.h"
#include "seglog/seglog.h"

struct broker;
struct broker_topic;

/* The keys below a1.broker., with the names of Kafka's server.properties plus
 * listen, dir, dir.max.bytes, allow.insecure.  size: of what it fills. */
extern const struct setting broker_settings[];
extern const size_t broker_settings_size;

/*
 * Starts: locks and opens the folder, binds, serves from its own threads.
 * settings was filled from broker_settings, is copied.  data_dir is used when
 * `dir` is not set.  Errors name the key to change (port in use, folder
 * locked).
 */
int	 broker_start(struct broker **, const void *settings,
	    const char *data_dir, const struct fs *, struct err *e);
/* Stops accepting, finishes what is in flight, syncs, writes the checkpoint,
 * joins the threads.  broker_append must not be called any more. */
void	 broker_stop(struct broker *);
/* settings agree with each other; no side effects. */
int	 broker_check(const void *settings, struct err *e);

/* Advertised host:port. */
const char *broker_address(const struct broker *);
/* Objects to show under /metrics; the array is the broker's, valid until
 * stop. */
size_t	 broker_metrics(struct broker *, const struct metric_object **);

/*
 * A topic for the direct path; created with num.partitions when it is not
 * there and create is true (synchronously, durable).  ERR_NOT_FOUND,
 * ERR_REFUSED (bad name).  Any thread.  Hold it for as long as it is used.
 */
int	 broker_topic_open(struct broker *, const char *name, bool create,
	    struct broker_topic **, struct err *e);
void	 broker_topic_close(struct broker_topic *);	/* NULL is fine */
int32_t	 broker_topic_partitions(const struct broker_topic *);

/*
 * Appends one record batch (header with CRC done, body borrowed for the call).
 * acks 1: done runs when it is in the page cache, in this call; acks -1: when
 * it is on the disk, from the broker's flusher.  The same checks as a Produce
 * request's apply (max.message.bytes: ERR_TOO_LARGE).  ERR_FULL: disk cap or
 * disk full, try again; ERR_NOT_FOUND: the topic was deleted.  -1: done does
 * not run.  base_offset is set in batch.
 */
int	 broker_append(struct broker_topic *, int32_t partition,
	    struct seglog_batch *batch, int acks, struct completion *done,
	    struct err *e);

#endif
