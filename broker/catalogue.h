/*
 * Between topic.c and catalogue.c: the maps, and what the file says of topics
 * that are being deleted.
 */
#ifndef BROKER_CATALOGUE_H
#define BROKER_CATALOGUE_H

#include "base/map.h"
#include "base/thread.h"
#include "broker/topic.h"

/* A deleted topic whose folders are not all gone. */
struct gone {
	char		*name;
	struct uuid	 id;
	int32_t		 partitions;
	bool		 used;		/* a struct topic of it still lives */
	struct gone	*next;
};

struct catalogue {
	struct mutex	 lock;		/* the maps and the list */
	struct map	*by_name;	/* struct topic; one reference */
	struct map	*by_id;		/* the same topics */
	struct gone	*gone;
	int64_t		 npartitions;	/* without those of internal topics */
	struct mutex	 change;	/* one change at a time, over its I/O;
					   taken before lock */
};

struct topic	*topic_new(struct broker *, struct slice name,
		    const struct uuid *, int32_t partitions,
		    struct topic_config *config);
void		 topic_set_partitions(struct topic *, int32_t n);
/* The last reference of a deleted topic is gone. */
void		 catalogue_unused(struct broker *, const struct uuid *);

#endif
