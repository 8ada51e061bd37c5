#include "broker/topic_defaults.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "broker/settings.h"

/* The value of a key whose default the broker's settings say. */
static bool
number_of(const struct broker_config *cfg, int key, int64_t *v)
{
	switch (key) {
	case TOPIC_DELETE_RETENTION:
		*v = cfg->cleaner_delete_ms;
		return (true);
	case TOPIC_MAX_COMPACTION_LAG:
		*v = cfg->cleaner_max_lag_ms;
		return (true);
	case TOPIC_MIN_COMPACTION_LAG:
		*v = cfg->cleaner_min_lag_ms;
		return (true);
	case TOPIC_INDEX_INTERVAL:
		*v = (int64_t)cfg->index_interval;
		return (true);
	case TOPIC_MAX_MESSAGE:
		*v = (int64_t)cfg->max_message;
		return (true);
	case TOPIC_TIMESTAMP_AFTER:
		*v = cfg->timestamp_after_ms;
		return (true);
	case TOPIC_TIMESTAMP_BEFORE:
		*v = cfg->timestamp_before_ms;
		return (true);
	case TOPIC_RETENTION_BYTES:
		*v = cfg->retention_bytes;
		return (true);
	case TOPIC_RETENTION_MS:
		*v = broker_retention_ms(cfg);
		return (true);
	case TOPIC_SEGMENT_BYTES:
		*v = (int64_t)cfg->segment_bytes;
		return (true);
	case TOPIC_SEGMENT_MS:
		*v = broker_roll_ms(cfg);
		return (true);
	default:
		return (false);
	}
}

static const char *
text_of(const struct broker_config *cfg, int key, char *buf, size_t size)
{
	int64_t v;

	if (number_of(cfg, key, &v)) {
		snprintf(buf, size, "%" PRId64, v);
		return (buf);
	}
	switch (key) {
	case TOPIC_CLEANUP_POLICY:
		return (cfg->cleanup_policy);
	case TOPIC_COMPRESSION_TYPE:
		return (cfg->compression);
	case TOPIC_MIN_DIRTY_RATIO:
		return (cfg->cleaner_ratio);
	case TOPIC_TIMESTAMP_TYPE:
		return (topic_timestamp_types[cfg->timestamp_type]);
	default:
		return (topic_keys[key].def);
	}
}

/* What the settings say need not keep to the bounds of the key: broker_check
 * has seen it. */
static void
set_from(struct topic_config *c, const struct broker_config *cfg, int key,
    const char *text)
{
	int64_t v = 0;

	c->text[key] = xstrdup(text);
	if (!number_of(cfg, key, &v))
		(void)topic_config_parse(key, topic_keys[key].name, text, &v,
		    NULL);
	c->num[key] = v;
}

static void
fill(struct topic_defaults *d, const struct broker_config *cfg,
    const struct broker_config *builtin)
{
	char a[32], b[32];
	const char *given, *def;
	int i;

	for (i = 0; i < TOPIC_NKEYS; i++) {
		given = text_of(cfg, i, a, sizeof a);
		def = text_of(builtin, i, b, sizeof b);
		set_from(d->layer[DEFAULTS_BUILTIN], builtin, i, def);
		if (strcmp(given, def) != 0)
			set_from(d->layer[DEFAULTS_FILE], cfg, i, given);
	}
}

struct topic_defaults *
topic_defaults_new(const struct broker *b)
{
	struct conf_problems problems = { NULL, 0, 0, 0 };
	struct broker_config builtin = { NULL };
	struct topic_defaults *d = xcalloc(1, sizeof *d);
	int i;

	for (i = 0; i < DEFAULTS_LAYERS; i++)
		d->layer[i] = xcalloc(1, sizeof *d->layer[i]);
	settings_fill(broker_settings, &builtin, NULL, &problems);
	conf_problems_fini(&problems);
	fill(d, &b->cfg, &builtin);
	settings_fini(broker_settings, &builtin);
	topic_defaults_refresh(d);
	return (d);
}

void
topic_defaults_free(struct topic_defaults *d)
{
	int i;

	if (d == NULL)
		return;
	for (i = 0; i < DEFAULTS_LAYERS; i++)
		topic_config_free(d->layer[i]);
	free(d);
}

enum defaults_layer
topic_defaults_layer(const struct topic_defaults *d, int key)
{
	int i;

	for (i = 0; i < DEFAULTS_BUILTIN; i++)
		if (d->layer[i]->text[key] != NULL)
			break;
	return ((enum defaults_layer)i);
}

const char *
topic_defaults_text(const struct topic_defaults *d, int key)
{
	return (d->layer[topic_defaults_layer(d, key)]->text[key]);
}

void
topic_defaults_refresh(struct topic_defaults *d)
{
	int i;

	for (i = 0; i < TOPIC_NKEYS; i++)
		d->num[i] = d->layer[topic_defaults_layer(d, i)]->num[i];
}
