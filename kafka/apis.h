/*
 * The APIs of the Kafka protocol that we know: keys, versions, messages.  The
 * list is apis.def.  Const tables, any thread.
 */
#ifndef KAFKA_APIS_H
#define KAFKA_APIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kafka/wire.h"

/* KAPI_Produce = 0, KAPI_Fetch = 1, ... */
enum kapi_key {
#define API(key, Name, name, min, max, adv, flex)	KAPI_##Name = (key),
#include "kafka/apis.def"
};

#define KAPI_MAX	127		/* keys are below */

struct kapi {
	int16_t			 key;
	int16_t			 min, max;	/* served */
	int16_t			 advertised;	/* lowest in ApiVersions */
	int16_t			 flex;		/* first flexible version; -1
						   none */
	const char		*name;		/* "Produce" */
	const struct kdesc	*request;
	const struct kdesc	*response;
};

/* Ascending by key. */
extern const struct kapi kapis[];
extern const size_t nkapis;

/* NULL for a key that is not in the list. */
const struct kapi	*kapi_get(int key);

/* "Produce", or "unknown". */
const char		*kapi_name(int key);

static inline bool
kapi_serves(const struct kapi *a, int version)
{
	return (version >= a->min && version <= a->max);
}

static inline bool
kapi_flexible(const struct kapi *a, int version)
{
	return (a->flex >= 0 && version >= a->flex);
}

#endif
