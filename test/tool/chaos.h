/*
 * What the parts of `t chaos` share: a set of workers that use a broker while
 * somebody else kills it again and again, each with a ledger of what it was
 * told, and each with a check of that against what is there in the end.
 */
#ifndef TEST_TOOL_CHAOS_H
#define TEST_TOOL_CHAOS_H

#include <stdatomic.h>

#include "test/tool/tool.h"

struct chaos {
	const char	*brokers, *name;
	uint64_t	 seed;
	atomic_bool	 stop;
};

struct chaos_worker {
	const char	*name;
	void		*(*make)(struct chaos *);
	/* In its own thread, until stop and until something was done that can
	 * be checked. */
	void		 (*run)(void *);
	/* In the end, the broker being up: the number of complaints, each
	 * printed.  *did counts what was checked. */
	unsigned	 (*check)(void *, uint64_t *did);
};

extern const struct chaos_worker chaos_plain, chaos_keyed, chaos_txn,
    chaos_offsets, chaos_members, chaos_topics;

/* A producer or consumer with these settings and what all of them have. */
rd_kafka_t *chaos_client(struct chaos *, rd_kafka_type_t,
	    const char *const *settings,
	    void (*delivered)(rd_kafka_t *, const rd_kafka_message_t *,
	    void *), void *opaque);
/* Tries until the topic is there. */
void	 chaos_topic(struct chaos *, const char *name, int partitions,
	    const char *const *configs);
/* All records, by partition, from the first to the end. */
void	 chaos_read(struct chaos *, const char *topic, int partitions,
	    bool committed, void (*fn)(void *, const rd_kafka_message_t *),
	    void *ctx);
unsigned chaos_complain(const char *fmt, ...)
	    __attribute__((format(printf, 1, 2)));	/* 1 */
/* The number at the front of a record's value. */
int64_t	 chaos_number(const rd_kafka_message_t *);

#endif
