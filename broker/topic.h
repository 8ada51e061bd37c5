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
 * A topic's name, id and partition structs never change; its configuration is
 * replaced as a whole (topic_config_get).  A deleted topic stays valid for who
 * holds a reference, its partitions refuse everything (PARTITION_GONE).
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
	_Atomic(const struct topic_config *) config;
	atomic_bool		 deleted;
	atomic_uint		 refs;
	void			*retired;	/* old arrays and configs */
};

/* A reference, or NULL.  Any thread. */
struct topic	*topic_find(struct broker *, struct slice name);
struct topic	*topic_find_id(struct broker *, const struct uuid *);
struct topic	*topic_ref(struct topic *);
void		 topic_unref(struct topic *);		/* NULL is fine */
/* NULL when index is not one of the topic's.  Valid as long as the topic. */
struct partition *topic_partition(struct topic *, int32_t index);
/* The current configuration; valid as long as the topic. */
const struct topic_config *topic_config_get(const struct topic *);

/* [a-zA-Z0-9._-]{1,249}, not "." or ".." . */
bool		 topic_name_valid(struct slice name);

/*
 * The topic of committed offsets, created on first use with
 * offsets.topic.num.partitions partitions, cleanup.policy=compact and segments
 * of offsets.topic.segment.bytes.  A reference; create false: NULL with
 * ERR_NOT_FOUND when it is not there.
 */
struct topic	*topic_offsets(struct broker *, bool create, struct err *);

#endif
