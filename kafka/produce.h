/*
 * The Produce request, walked without building structs: the hot way of a
 * broker.  Hands out one partition after the other with its records in place.
 *
 *	struct kproduce p;
 *	if (kproduce_begin(&p, version, body, e) == -1)
 *		...
 *	while (kproduce_next(&p, &part))
 *		append part.records to part.topic / part.index
 *
 * begin walks through to the end once, so that a malformed request is known
 * before anything of it is appended.
 *
 * The walk reads the same bytes in the same way as kw_decode() with
 * kd_produce_request does; tests hold the two against each other.
 */
#ifndef KAFKA_PRODUCE_H
#define KAFKA_PRODUCE_H

#include "kafka/wire.h"

struct kproduce {
	struct slice	transactional_id;	/* p NULL: null */
	int16_t		acks;
	int32_t		timeout_ms;
	int32_t		ntopics;		/* in the request */
	size_t		nparts;			/* of all topics */

	/* private */
	struct kreader	r;
	int32_t		topics_left, parts_left;
	struct slice	topic;
	struct kuuid	topic_id;
	int		version;
};

struct kproduce_part {
	struct slice	topic;		/* p NULL from version 13 on: */
	struct kuuid	topic_id;	/* it is given by its id */
	int32_t		index;
	int32_t		topic_parts;	/* > 0 at the first partition of a
					   topic: how many it has in all */
	struct slice	records;	/* p NULL: null */
};

/* Versions 3 to 13.  -1 with ERR_PROTO when the request is malformed. */
int	 kproduce_begin(struct kproduce *, int version, struct slice body,
	    struct err *e);

/* The next partition; false when there is none left.  A topic without
 * partitions is passed over. */
bool	 kproduce_next(struct kproduce *, struct kproduce_part *);

#endif
