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
#include "broker/topic_defaults.h"

const struct topic_key_row topic_keys[TOPIC_NKEYS] = {
#define TOPIC_KEY(id, key, type, def, min, max, broker, doc)		\
	{ key, TOPIC_KEY_##type, def, min, max, broker, doc },
#include "broker/topic_keys.def"
};

static const char *const compressions[] = {
	"uncompressed", "zstd", "lz4", "snappy", "gzip", "producer", NULL
};
const char *const topic_timestamp_types[] = {
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

int
topic_key_of_broker(struct slice name)
{
	int i;

	for (i = 0; i < TOPIC_NKEYS; i++)
		if (topic_keys[i].broker != NULL &&
		    slice_eq_str(name, topic_keys[i].broker))
			return (i);
	return (-1);
}

static int
bad(struct err *e, const char *name, const char *value, const char *want)
{
	char shown[80];

	return (err_set(e, ERR_CONFIG, "Invalid value %s for configuration "
	    "%s: %s", str_printable(shown, sizeof shown, slice_str(value)),
	    name, want));
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
parse_text(int key, const char *name, const char *s, int64_t *v,
    struct err *e)
{
	*v = 0;
	switch (key) {
	case TOPIC_CLEANUP_POLICY:
		return (parse_policy(s, v) == 0 ? 0 :
		    bad(e, name, s, "delete, compact, or both"));
	case TOPIC_COMPRESSION_TYPE:
		return (parse_word(compressions, s, v) == 0 ? 0 :
		    bad(e, name, s, "uncompressed, zstd, lz4, snappy, gzip or "
		    "producer"));
	case TOPIC_TIMESTAMP_TYPE:
		return (parse_word(topic_timestamp_types, s, v) == 0 ? 0 :
		    bad(e, name, s, "CreateTime or LogAppendTime"));
	default:
		return (0);
	}
}

static int
parse_number(int key, const char *name, const char *s, int64_t *v,
    struct err *e)
{
	const struct topic_key_row *row = &topic_keys[key];
	char want[80];

	if (str_int64(s, v) && *v >= row->min && *v <= row->max)
		return (0);
	snprintf(want, sizeof want, "a number from %" PRId64 " to %" PRId64,
	    row->min, row->max);
	return (bad(e, name, s, want));
}

static int
parse_double(const char *name, const char *s, int64_t *v,
    struct err *e)
{
	char *end;
	double d = strtod(s, &end);

	if (*s == '\0' || *end != '\0' || !(d >= 0 && d <= 1))
		return (bad(e, name, s, "a number from 0 to 1"));
	*v = (int64_t)(d * TOPIC_DOUBLE_UNIT);
	return (0);
}

static int
parse_bool(const char *name, const char *s, int64_t *v, struct err *e)
{
	if (strcmp(s, "true") != 0 && strcmp(s, "false") != 0)
		return (bad(e, name, s, "true or false"));
	*v = *s == 't';
	return (0);
}

int
topic_config_parse(int key, const char *name, const char *s, int64_t *v,
    struct err *e)
{
	switch (topic_keys[key].type) {
	case TOPIC_KEY_BOOL:
		return (parse_bool(name, s, v, e));
	case TOPIC_KEY_INT:
	case TOPIC_KEY_LONG:
		return (parse_number(key, name, s, v, e));
	case TOPIC_KEY_DOUBLE:
		return (parse_double(name, s, v, e));
	case TOPIC_KEY_STRING:
	case TOPIC_KEY_LIST:
		break;
	}
	return (parse_text(key, name, s, v, e));
}

struct topic_config *
topic_config_new(const struct broker *b)
{
	struct topic_config *c = xcalloc(1, sizeof *c);

	topic_config_defaults(b, c);
	return (c);
}

void
topic_config_defaults(const struct broker *b, struct topic_config *c)
{
	int i;

	for (i = 0; i < TOPIC_NKEYS; i++)
		if (c->text[i] == NULL)
			c->num[i] = b->defaults->num[i];
}

struct topic_config *
topic_config_dup(const struct topic_config *from)
{
	struct topic_config *c = xcalloc(1, sizeof *c);
	int i;

	for (i = 0; i < TOPIC_NKEYS; i++) {
		c->num[i] = from->num[i];
		if (from->text[i] != NULL)
			c->text[i] = xstrdup(from->text[i]);
	}
	return (c);
}

void
topic_config_take(struct topic_config *c, struct topic_config *from)
{
	char *text;
	int i;

	for (i = 0; i < TOPIC_NKEYS; i++) {
		text = c->text[i];
		c->text[i] = from->text[i];
		from->text[i] = text;
		c->num[i] = from->num[i];
	}
}

bool
topic_config_same(const struct topic_config *a, const struct topic_config *b)
{
	int i;

	for (i = 0; i < TOPIC_NKEYS; i++)
		if ((a->text[i] == NULL) != (b->text[i] == NULL) ||
		    (a->text[i] != NULL && strcmp(a->text[i], b->text[i]) != 0))
			return (false);
	return (true);
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

const char *
topic_config_text(const struct broker *b, const struct topic_config *c,
    int key)
{
	return (c->text[key] != NULL ? c->text[key] :
	    topic_defaults_text(b->defaults, key));
}

int
topic_config_put(struct topic_config *c, int key, const char *name,
    struct slice value, struct err *e)
{
	char *text;
	int64_t v;

	if (value.len > TOPIC_VALUE_MAX ||
	    memchr(value.p, '\0', value.len) != NULL)
		return (err_set(e, ERR_CONFIG, "Invalid value for "
		    "configuration %s: longer than %d bytes, or with a NUL "
		    "byte", name, TOPIC_VALUE_MAX));
	text = xstrndup(value.p, value.len);
	if (topic_config_parse(key, name, text, &v, e) == -1) {
		free(text);
		return (-1);
	}
	free(c->text[key]);
	c->text[key] = text;
	c->num[key] = v;
	return (0);
}

void
topic_config_unset(const struct broker *b, struct topic_config *c, int key)
{
	free(c->text[key]);
	c->text[key] = NULL;
	c->num[key] = b->defaults->num[key];
}

int
topic_config_set(struct topic_config *c, struct slice key,
    struct slice value, struct err *e)
{
	char shown[80];
	int k;

	if ((k = topic_key_find(key)) == -1)
		return (err_set(e, ERR_CONFIG, "Unknown topic config name: %s",
		    str_printable(shown, sizeof shown, key)));
	return (topic_config_put(c, k, topic_keys[k].name, value, e));
}

int
topic_config_check(const struct topic_config *c, bool internal, struct err *e)
{
	if (c->num[TOPIC_MIN_COMPACTION_LAG] > c->num[TOPIC_MAX_COMPACTION_LAG])
		return (err_set(e, ERR_CONFIG, "min.compaction.lag.ms is "
		    "above max.compaction.lag.ms"));
	if (internal && c->num[TOPIC_CLEANUP_POLICY] != CLEANUP_COMPACT)
		return (err_set(e, ERR_CONFIG, "Invalid value for "
		    "configuration cleanup.policy: the broker needs every key "
		    "of this topic, so it stays compact"));
	return (0);
}
