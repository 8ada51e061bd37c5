/*
 * The configuration of a topic: Kafka's keys, typed, with the broker's settings
 * as defaults (topic_defaults.h).  Of a topic that is in the catalogue, the
 * numbers are atomic and may be read by any thread at any time; the texts are
 * guarded by the catalogue's lock.  Changes come through topic_configure alone.
 *
 *	c = topic_config_new(b);
 *	if (topic_config_set(c, SLICE("retention.ms"), SLICE("1000"), e) == -1)
 *		...			names the key and what is allowed
 *	c->num[TOPIC_RETENTION_MS]
 */
#ifndef BROKER_TOPIC_CONFIG_H
#define BROKER_TOPIC_CONFIG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "broker/broker_priv.h"

enum topic_key {
#define TOPIC_KEY(id, key, type, def, min, max, broker, doc)	TOPIC_##id,
#include "broker/topic_keys.def"
	TOPIC_NKEYS
};

/* What has a configuration, as requests name it (ConfigResource.Type). */
enum {
	RESOURCE_TOPIC = 2, RESOURCE_BROKER = 4, RESOURCE_BROKER_LOGGER = 8,
	RESOURCE_CLIENT_METRICS = 16, RESOURCE_GROUP = 32
};

/* As DescribeConfigs numbers them. */
enum topic_key_type {
	TOPIC_KEY_BOOL = 1, TOPIC_KEY_STRING = 2, TOPIC_KEY_INT = 3,
	TOPIC_KEY_LONG = 5, TOPIC_KEY_DOUBLE = 6, TOPIC_KEY_LIST = 7
};

struct topic_key_row {
	const char		*name;
	enum topic_key_type	 type;
	const char		*def;		/* "": from the settings */
	int64_t			 min, max;
	const char		*broker;	/* the broker's key, or NULL */
	const char		*doc;
};
extern const struct topic_key_row topic_keys[TOPIC_NKEYS];

/* num[] of a DOUBLE is in parts of this. */
#define TOPIC_DOUBLE_UNIT	1000000

/* num[TOPIC_CLEANUP_POLICY] */
#define CLEANUP_DELETE	0x1
#define CLEANUP_COMPACT	0x2

extern const char *const topic_timestamp_types[];	/* NULL at the end */

#define TOPIC_VALUE_MAX	32767	/* bytes of a value */

struct topic_config {
	char		*text[TOPIC_NKEYS];	/* NULL: the default */
	_Atomic int64_t	 num[TOPIC_NKEYS];	/* numbers, bools, bits */
};

/* All defaults. */
struct topic_config *topic_config_new(const struct broker *);
struct topic_config *topic_config_dup(const struct topic_config *);
void	 topic_config_free(struct topic_config *);	/* NULL is fine */
/* The numbers of what is not set, as the defaults are now. */
void	 topic_config_defaults(const struct broker *, struct topic_config *);
/* Gives c the values of from, which gets c's texts and is to be freed. */
void	 topic_config_take(struct topic_config *c, struct topic_config *from);
/* The same keys are set, to the same. */
bool	 topic_config_same(const struct topic_config *,
	    const struct topic_config *);
/* Sets a topic's key.  ERR_CONFIG; then it is unchanged. */
int	 topic_config_set(struct topic_config *, struct slice key,
	    struct slice value, struct err *);
/* The same by number; messages call it name. */
int	 topic_config_put(struct topic_config *, int key, const char *name,
	    struct slice value, struct err *);
/* Back to the default. */
void	 topic_config_unset(const struct broker *, struct topic_config *,
	    int key);
/* Do the values agree with each other, and (internal) with what the broker
 * needs?  ERR_CONFIG. */
int	 topic_config_check(const struct topic_config *, bool internal,
	    struct err *);
/* The number of a text for that key.  ERR_CONFIG names it name. */
int	 topic_config_parse(int key, const char *name, const char *text,
	    int64_t *v, struct err *);
/* By the topic's name of a key, and by the broker's.  -1: no such key. */
int	 topic_key_find(struct slice key);
int	 topic_key_of_broker(struct slice name);
/* The text in force; the catalogue's lock is held if c is in it. */
const char *topic_config_text(const struct broker *,
	    const struct topic_config *, int key);

#endif
