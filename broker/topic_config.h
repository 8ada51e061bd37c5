/*
 * The configuration of a topic: Kafka's keys, typed, with the broker's settings
 * as defaults.  A struct topic_config never changes once it was published; a
 * change makes a new one.
 *
 *	c = topic_config_new(b);
 *	if (topic_config_set(c, SLICE("retention.ms"), SLICE("1000"), e) == -1)
 *		...			names the key and what is allowed
 *	c->num[TOPIC_RETENTION_MS]
 */
#ifndef BROKER_TOPIC_CONFIG_H
#define BROKER_TOPIC_CONFIG_H

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

/* num[TOPIC_CLEANUP_POLICY] */
#define CLEANUP_DELETE	0x1
#define CLEANUP_COMPACT	0x2

struct topic_config {		/* const once published */
	char		*text[TOPIC_NKEYS];	/* NULL: the default */
	int64_t		 num[TOPIC_NKEYS];	/* numbers, bools, bits */
	struct topic_config *older;		/* who it replaced */
};

/* All defaults. */
struct topic_config *topic_config_new(const struct broker *);
struct topic_config *topic_config_dup(const struct topic_config *);
void	 topic_config_free(struct topic_config *);
/* p NULL as value: back to the default.  ERR_CONFIG; then it is unchanged. */
int	 topic_config_set(const struct broker *, struct topic_config *,
	    struct slice key, struct slice value, struct err *);
/* -1: no such key. */
int	 topic_key_find(struct slice key);
/* The value in force as text, in buf when it must be made. */
const char *topic_config_text(const struct broker *,
	    const struct topic_config *, int key, char *buf, size_t size);

#endif
