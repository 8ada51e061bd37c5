/*
 * What a topic gets for the keys it does not set: from the broker's file, or
 * from what was set while it runs (AlterConfigs of a broker), which is kept in
 * the catalogue's file.  The nearest layer that has a key counts.
 */
#ifndef BROKER_TOPIC_DEFAULTS_H
#define BROKER_TOPIC_DEFAULTS_H

#include <stdatomic.h>
#include <stdint.h>

#include "broker/topic_config.h"

/* From the nearest to the farthest. */
enum defaults_layer {
	DEFAULTS_NODE,		/* set for the broker by its id */
	DEFAULTS_CLUSTER,	/* set for all brokers, "" */
	DEFAULTS_FILE,		/* the settings that were given */
	DEFAULTS_BUILTIN,	/* has every key */
	DEFAULTS_LAYERS
};

/* As DescribeConfigs numbers where a value comes from. */
#define CONFIG_SOURCE_TOPIC	1
#define CONFIG_SOURCE_OF(layer)	(2 + (int)(layer))

struct topic_defaults {
	/* Of NODE and CLUSTER the catalogue's lock; the others are const. */
	struct topic_config	*layer[DEFAULTS_LAYERS];
	_Atomic int64_t		 num[TOPIC_NKEYS];	/* in force */
};

struct topic_defaults *topic_defaults_new(const struct broker *);
void	 topic_defaults_free(struct topic_defaults *);	/* NULL is fine */
/* A layer changed: finds out what is in force.  With the catalogue's lock. */
void	 topic_defaults_refresh(struct topic_defaults *);
/* The layer that a key comes from.  With the catalogue's lock. */
enum defaults_layer topic_defaults_layer(const struct topic_defaults *,
	    int key);
/* Its text there. */
const char *topic_defaults_text(const struct topic_defaults *, int key);

#endif
