/*
 * Every key has a text, the user's or the default, and the number that was
 * parsed from it: the value itself, 0 or 1, the index of a word, or the bits
 * of a list.  What has no effect here is still checked, so that a topic that
 * is created here could be created in Kafka.
 */
#include "broker/topic_config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "broker/settings.h"

const struct topic_key_row topic_keys[TOPIC_NKEYS] = {
#define TOPIC_KEY(id, key, type, def, min, max, broker, doc)		\
	{ key, TOPIC_KEY_##type, def, min, max, broker, doc },
#include "broker/topic_keys.def"
};

static const char *const compressions[] = {
	"uncompressed", "zstd", "lz4", "snappy", "gzip", "producer", NULL
};
static const char *const timestamp_types[] = {
	"CreateTime", "LogAppendTime", NULL
};

int
topic_key_find(struct slice key)
{
	int i;

	for (i = 0; i < TOPIC_NKEYS; i++)
		if (slice_eq_str(key, topic_keys[i].name))
			return (i);
	return (-1);
}

/* The value of a key whose default the broker's settings say. */
static bool
default_number(const struct broker_config *cfg, int key, int64_t *v)
{
	switch (key) {
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
default_text(const struct broker_config *cfg, int key, char *buf, size_t size)
{
	int64_t v;

	if (default_number(cfg, key, &v)) {
		snprintf(buf, size, "%" PRId64, v);
		return (buf);
	}
	switch (key) {
	case TOPIC_CLEANUP_POLICY:
		return (cfg->cleanup_policy);
	case TOPIC_COMPRESSION_TYPE:
		return (cfg->compression);
	case TOPIC_TIMESTAMP_TYPE:
		return (timestamp_types[cfg->timestamp_type]);
	default:
		return (topic_keys[key].def);
	}
}

const char *
topic_config_text(const struct broker *b, const struct topic_config *c,
    int key, char *buf, size_t size)
{
	if (c != NULL && c->text[key] != NULL)
		return (c->text[key]);
	return (default_text(&b->cfg, key, buf, size));
}

static int
bad(struct err *e, int key, const char *value, const char *want)
{
	char shown[80];

	return (err_set(e, ERR_CONFIG, "Invalid value %s for configuration "
	    "%s: %s", str_printable(shown, sizeof shown, slice_str(value)),
	    topic_keys[key].name, want));
}

static int
parse_word(const char *const *words, const char *s, int64_t *v)
{
	int i;

	for (i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], s) == 0) {
			*v = i;
			return (0);
		}
	return (-1);
}

static int
parse_policy(const char *s, int64_t *v)
{
	struct slice w;
	const char *end;

	for (*v = 0;; s = end + 1) {
		end = s + strcspn(s, ", ");
		w = slice_of(s, (size_t)(end - s));
		if (slice_eq_str(w, "delete"))
			*v |= CLEANUP_DELETE;
		else if (slice_eq_str(w, "compact"))
			*v |= CLEANUP_COMPACT;
		else if (w.len != 0)
			return (-1);
		if (*end == '\0')
			return (0);
	}
}

static int
parse_text(int key, const char *s, int64_t *v, struct err *e)
{
	*v = 0;
	switch (key) {
	case TOPIC_CLEANUP_POLICY:
		return (parse_policy(s, v) == 0 ? 0 :
		    bad(e, key, s, "delete, compact, or both"));
	case TOPIC_COMPRESSION_TYPE:
		return (parse_word(compressions, s, v) == 0 ? 0 :
		    bad(e, key, s, "uncompressed, zstd, lz4, snappy, gzip or "
		    "producer"));
	case TOPIC_TIMESTAMP_TYPE:
		return (parse_word(timestamp_types, s, v) == 0 ? 0 :
		    bad(e, key, s, "CreateTime or LogAppendTime"));
	default:
		return (0);
	}
}

static int
parse_number(int key, const char *s, int64_t *v, struct err *e)
{
	const struct topic_key_row *row = &topic_keys[key];
	char want[80];

	if (str_int64(s, v) && *v >= row->min && *v <= row->max)
		return (0);
	snprintf(want, sizeof want, "a number from %" PRId64 " to %" PRId64,
	    row->min, row->max);
	return (bad(e, key, s, want));
}

static int
parse_double(int key, const char *s, int64_t *v, struct err *e)
{
	char *end;
	double d = strtod(s, &end);

	if (*s == '\0' || *end != '\0' || !(d >= 0 && d <= 1))
		return (bad(e, key, s, "a number from 0 to 1"));
	*v = 0;
	return (0);
}

static int
parse_bool(int key, const char *s, int64_t *v, struct err *e)
{
	if (strcmp(s, "true") != 0 && strcmp(s, "false") != 0)
		return (bad(e, key, s, "true or false"));
	*v = *s == 't';
	return (0);
}

static int
parse(int key, const char *s, int64_t *v, struct err *e)
{
	switch (topic_keys[key].type) {
	case TOPIC_KEY_BOOL:
		return (parse_bool(key, s, v, e));
	case TOPIC_KEY_INT:
	case TOPIC_KEY_LONG:
		return (parse_number(key, s, v, e));
	case TOPIC_KEY_DOUBLE:
		return (parse_double(key, s, v, e));
	case TOPIC_KEY_STRING:
	case TOPIC_KEY_LIST:
		break;
	}
	return (parse_text(key, s, v, e));
}

/* Defaults need not keep to the bounds of the key: broker_check has seen
 * them. */
static void
set_default(const struct broker *b, struct topic_config *c, int key)
{
	char buf[32];

	if (!default_number(&b->cfg, key, &c->num[key]))
		(void)parse(key, default_text(&b->cfg, key, buf, sizeof buf),
		    &c->num[key], NULL);
}

struct topic_config *
topic_config_new(const struct broker *b)
{
	struct topic_config *c = xcalloc(1, sizeof *c);
	int i;

	for (i = 0; i < TOPIC_NKEYS; i++)
		set_default(b, c, i);
	return (c);
}

struct topic_config *
topic_config_dup(const struct topic_config *from)
{
	struct topic_config *c = xmalloc(sizeof *c);
	int i;

	*c = *from;
	c->older = NULL;
	for (i = 0; i < TOPIC_NKEYS; i++)
		if (from->text[i] != NULL)
			c->text[i] = xstrdup(from->text[i]);
	return (c);
}

void
topic_config_free(struct topic_config *c)
{
	int i;

	if (c == NULL)
		return;
	for (i = 0; i < TOPIC_NKEYS; i++)
		free(c->text[i]);
	free(c);
}

int
topic_config_set(const struct broker *b, struct topic_config *c,
    struct slice key, struct slice value, struct err *e)
{
	char shown[80], *text;
	int64_t v;
	int k;

	if ((k = topic_key_find(key)) == -1)
		return (err_set(e, ERR_CONFIG, "Unknown topic config name: %s",
		    str_printable(shown, sizeof shown, key)));
	if (value.p == NULL) {
		free(c->text[k]);
		c->text[k] = NULL;
		set_default(b, c, k);
		return (0);
	}
	text = xstrndup(value.p, value.len);
	if (strlen(text) != value.len || parse(k, text, &v, e) == -1) {
		if (strlen(text) != value.len)
			bad(e, k, text, "it holds a NUL byte");
		free(text);
		return (-1);
	}
	free(c->text[k]);
	c->text[k] = text;
	c->num[k] = v;
	return (0);
}
