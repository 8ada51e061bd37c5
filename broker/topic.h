/*
 * The catalogue: which topics exist, with their ids, partition counts and
 * configuration, durable before any call here returns.
 *
 *	t = topic_find(b, name);		a reference, or NULL
 *	p = topic_partition(t, 3);		NULL: no such partition
 *	...
 *	topic_unref(t);
 *
 * Threads: any; the catalogue has one mutex, held shortly for look-ups; changes
 * are made one at a time under a second one, which is held across their I/O.
 * A topic's name, id and partition structs never change; the numbers of its
 * configuration may at any time (topic_config.h).  A deleted topic stays valid
 * for who holds a reference, its partitions refuse everything
 * (PARTITION_GONE).
 */
#ifndef BROKER_TOPIC_H
#define BROKER_TOPIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/random.h"
#include "base/slice.h"
#include "broker/broker_priv.h"
#include "broker/topic_defaults.h"

#define TOPIC_NAME_MAX	249
#define TOPIC_OFFSETS	"__consumer_offsets"
#define TOPIC_TXN	"__transaction_state"

struct partition;
struct topic_config;

struct topic {
	struct broker		*broker;
	char			*name;
	struct uuid		 id;
	bool			 internal;
	_Atomic int32_t		 npartitions;	/* grows only */
	_Atomic(struct partition **) partitions;
	struct topic_config	*config;	/* see topic_config.h */
	atomic_bool		 deleted;
	atomic_uint		 refs;
	struct partition	***retired;	/* arrays that were outgrown */
	size_t			 nretired;
};

/* A reference, or NULL.  Any thread. */
struct topic	*topic_find(struct broker *, struct slice name);
struct topic	*topic_find_id(struct broker *, const struct uuid *);
struct topic	*topic_ref(struct topic *);
void		 topic_unref(struct topic *);		/* NULL is fine */
/* NULL when index is not one of the topic's.  Valid as long as the topic. */
struct partition *topic_partition(struct topic *, int32_t index);
/* Its configuration; valid as long as the topic. */
const struct topic_config *topic_config_get(struct topic *);
/* All topics by name, with a reference each; free(array). */
size_t		 topic_list(struct broker *, struct topic ***);

/* [a-zA-Z0-9._-]{1,249}, not "." or ".." . */
bool		 topic_name_valid(struct slice name);

/* A topic to be made. */
struct topic_spec {
	struct slice		 name;		/* valid */
	int32_t			 partitions;	/* > 0 */
	struct topic_config	*config;	/* taken over; NULL: defaults */
	struct topic		*topic;		/* out: a reference, or NULL */
	struct err		 err;		/* out, when topic is NULL */
};
/*
 * Makes n topics with one write of the catalogue.  Each has its own result:
 * ERR_EXISTS, ERR_FULL (max.partitions), ERR_SYS.
 */
void		 topic_create(struct broker *, struct topic_spec *, size_t n);
/* What topic_create would say: err, of those that it would refuse. */
void		 topic_create_check(struct broker *, struct topic_spec *,
		    size_t n);
/* Finds or makes one with the defaults: auto.create.topics.enable. */
struct topic	*topic_auto(struct broker *, struct slice name, struct err *);
/* ERR_NOT_FOUND: deleted meanwhile; ERR_FULL; ERR_REFUSED: no more than now. */
int		 topic_grow(struct topic *, int32_t partitions, struct err *);
/* The caller keeps its reference.  ERR_NOT_FOUND: deleted already. */
int		 topic_delete(struct topic *, struct err *);

/*
 * Changes what is set for a topic, or for all topics of the broker
 * (topic_defaults.h): edit gets a copy to work on, under the lock of changes,
 * and may fail.  What comes of it is durable before this returns 0, and in
 * force.  dry: edit and check only.  ERR_CONFIG; ERR_NOT_FOUND: deleted;
 * ERR_FULL; ERR_SYS.
 */
typedef int topic_config_edit(struct broker *, struct topic_config *,
	    void *ctx, struct err *);
int		 topic_configure(struct topic *, topic_config_edit *, void *ctx,
		    bool dry, struct err *);
int		 topic_defaults_configure(struct broker *,
		    enum defaults_layer, topic_config_edit *, void *ctx,
		    bool dry, struct err *);

/*
 * The topic of committed offsets, created on first use with
 * offsets.topic.num.partitions partitions, cleanup.policy=compact and segments
 * of offsets.topic.segment.bytes.  A reference; create false: NULL with
 * ERR_NOT_FOUND when it is not there.
 */
struct topic	*topic_offsets(struct broker *, bool create, struct err *);
/* The same for the transactions: transaction.state.log.num.partitions and
 * .segment.bytes. */
struct topic	*topic_txn(struct broker *, bool create, struct err *);

/* Reads the file "topics"; the checkpoint is there.  A file that fails its
 * checksum: ERR_CORRUPT. */
int		 catalogue_open(struct broker *, struct err *);
/* Drops the topics; nobody else has a reference any more. */
void		 catalogue_close(struct broker *);
/* Removes the folders of deleted topics that nobody uses any more: from the
 * keeper's thread. */
void		 catalogue_sweep(struct broker *);

#endif
