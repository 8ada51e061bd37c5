/*
 * DescribeConfigs: every key of a topic with its value, where it comes from and
 * what it means; the same of what topics get from the broker; and the broker's
 * settings under Kafka's names.  Tools build
 * their pages from it, and programs read one key, change it and write all.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "broker/broker_priv.h"
#include "broker/catalogue.h"
#include "broker/topic.h"
#include "broker/topic_config.h"
#include "kafka/errors.h"
#include "kafka/messages.h"

#define SOURCE_STATIC	CONFIG_SOURCE_OF(DEFAULTS_FILE)
#define SOURCE_DEFAULT	CONFIG_SOURCE_OF(DEFAULTS_BUILTIN)

typedef struct km_describe_configs_request_resource resource_in;
typedef struct km_describe_configs_response_result resource_out;
typedef struct km_describe_configs_response_config config_out;

/* Keys of Kafka's that have one value here, and that tools look for. */
static const struct {
	const char	*name, *value;
	int8_t		 type;
	const char	*doc;
} fixed[] = {
	{ "default.replication.factor", "1", TOPIC_KEY_INT,
	    "One copy is stored." },
	{ "offsets.topic.replication.factor", "1", TOPIC_KEY_INT,
	    "One copy is stored." },
	{ "inter.broker.protocol.version", "3.9", TOPIC_KEY_STRING,
	    "The version of Kafka whose protocol is served." },
	{ "security.inter.broker.protocol", "PLAINTEXT", TOPIC_KEY_STRING,
	    "There is one broker." },
	{ "log.cleaner.enable", "false", TOPIC_KEY_BOOL,
	    "Compaction is not part of this version." },
};

static bool
wanted(const resource_in *in, const char *name)
{
	int32_t i;

	if (in->configuration_keys.n < 0)
		return (true);
	for (i = 0; i < in->configuration_keys.n; i++)
		if (slice_eq_str(in->configuration_keys.v[i], name))
			return (true);
	return (false);
}

static config_out *
add(struct request *r, resource_out *out, const char *name, const char *value,
    int source, int type, const char *doc)
{
	const struct km_describe_configs_request *in = r->in;
	config_out *c = &out->configs.v[out->configs.n++];

	kw_defaults(&kd_describe_configs_response_config, c);
	c->name = slice_str(name);
	c->value = value == NULL ? SLICE_NULL :
	    arena_copy(&r->arena, slice_str(value));
	c->config_source = (int8_t)source;
	c->is_default = source == SOURCE_DEFAULT;
	c->config_type = (int8_t)type;
	if (in->include_documentation && doc != NULL)
		c->documentation = slice_str(doc);
	return (c);
}

static void
add_synonym(config_out *c, const char *name, struct slice value, int source)
{
	struct km_describe_configs_response_synonym *s =
	    &c->synonyms.v[c->synonyms.n++];

	s->name = slice_str(name);
	s->value = value;
	s->source = (int8_t)source;
}

static void
room_for_synonyms(struct request *r, config_out *c)
{
	KARRAY_NEW(c->synonyms, &kd_describe_configs_response_synonym,
	    1 + DEFAULTS_LAYERS, &r->arena);
	c->synonyms.n = 0;
}

/* What the broker's layers say of a key, the nearest first.  With the
 * catalogue's lock. */
static void
add_layers(struct request *r, config_out *c, int key)
{
	const struct topic_defaults *d = r->broker->defaults;
	const char *text;
	int i;

	for (i = 0; i < DEFAULTS_LAYERS; i++)
		if ((text = d->layer[i]->text[key]) != NULL)
			add_synonym(c, topic_keys[key].broker,
			    arena_copy(&r->arena, slice_str(text)),
			    CONFIG_SOURCE_OF(i));
}

/* --- settings --- */

/* A number as such, without units; what tools parse. */
static const char *
setting_value(const struct setting *row, const void *obj, char *buf,
    size_t size)
{
	const char *p = (const char *)obj + row->offset;

	switch (row->type) {
	case SET_INT:
	case SET_DURATION:
		snprintf(buf, size, "%" PRId64, *(const int64_t *)p);
		return (buf);
	case SET_SIZE:
		snprintf(buf, size, "%" PRIu64, *(const uint64_t *)p);
		return (buf);
	case SET_STR:
		return (*(char *const *)p);
	default:
		return (setting_print(row, obj, buf, size));
	}
}

static int8_t
setting_kind(const struct setting *row)
{
	switch (row->type) {
	case SET_BOOL:
		return (TOPIC_KEY_BOOL);
	case SET_INT:
		return (TOPIC_KEY_INT);
	case SET_SIZE:
	case SET_DURATION:
		return (TOPIC_KEY_LONG);
	default:
		return (TOPIC_KEY_STRING);
	}
}

static bool
setting_is_default(const struct setting *row, const void *obj,
    const void *defaults)
{
	char a[64], b[64];
	const char *x = setting_value(row, obj, a, sizeof a);
	const char *y = setting_value(row, defaults, b, sizeof b);

	return (x == y || (x != NULL && y != NULL && strcmp(x, y) == 0));
}

/* Kafka's name where the first one is ours. */
static const char *
setting_name(const struct setting *row)
{
	if (strcmp(row->name, "listen") == 0 || strcmp(row->name, "dir") == 0)
		return (row->aliases[0]);
	return (row->name);
}

static void
add_setting(struct request *r, resource_out *out, const struct setting *row,
    const struct broker_config *defaults)
{
	const struct km_describe_configs_request *q = r->in;
	struct broker *b = r->broker;
	const char *name = setting_name(row), *value;
	char buf[64];
	config_out *c;
	int source = setting_is_default(row, &b->cfg, defaults) ?
	    SOURCE_DEFAULT : SOURCE_STATIC;

	value = strcmp(row->name, "dir") == 0 ? b->dir :
	    setting_value(row, &b->cfg, buf, sizeof buf);
	c = add(r, out, name, value, source, setting_kind(row), row->doc);
	c->read_only = true;
	if (!q->include_synonyms)
		return;
	room_for_synonyms(r, c);
	add_synonym(c, name, c->value, source);
}

/* But those that topics get from the broker: add_defaults has them. */
static void
add_settings(struct request *r, const resource_in *in, resource_out *out)
{
	struct conf_problems problems = { NULL, 0, 0, 0 };
	struct broker_config defaults = { NULL };
	const struct setting *row;

	settings_fill(broker_settings, &defaults, NULL, &problems);
	conf_problems_fini(&problems);
	for (row = broker_settings; row->type != SET_END; row++)
		if ((row->flags & SETTING_IGNORED) == 0 &&
		    topic_key_of_broker(slice_str(row->name)) == -1 &&
		    wanted(in, setting_name(row)))
			add_setting(r, out, row, &defaults);
	settings_fini(broker_settings, &defaults);
}

/* What topics get from the broker.  cluster: only what was set for all
 * brokers. */
static void
add_defaults(struct request *r, const resource_in *in, resource_out *out,
    bool cluster)
{
	const struct km_describe_configs_request *q = r->in;
	const struct topic_defaults *d = r->broker->defaults;
	const struct topic_key_row *row;
	enum defaults_layer from;
	config_out *c;
	int i;

	mutex_lock(&r->broker->catalogue->lock);
	for (i = 0; i < TOPIC_NKEYS; i++) {
		row = &topic_keys[i];
		from = cluster ? DEFAULTS_CLUSTER : topic_defaults_layer(d, i);
		if (row->broker == NULL || d->layer[from]->text[i] == NULL ||
		    !wanted(in, row->broker))
			continue;
		c = add(r, out, row->broker, d->layer[from]->text[i],
		    CONFIG_SOURCE_OF(from), row->type, row->doc);
		if (!q->include_synonyms)
			continue;
		room_for_synonyms(r, c);
		if (cluster)
			add_synonym(c, row->broker, c->value,
			    CONFIG_SOURCE_OF(from));
		else
			add_layers(r, c, i);
	}
	mutex_unlock(&r->broker->catalogue->lock);
}

static void
describe_broker(struct request *r, const resource_in *in, resource_out *out)
{
	const struct setting *row;
	char id[16];
	size_t i, n = 0;

	snprintf(id, sizeof id, "%d", r->broker->node_id);
	if (in->resource_name.len != 0 && !slice_eq_str(in->resource_name,
	    id)) {
		out->error_code = KERR_INVALID_REQUEST;
		out->error_message = SLICE("There is no broker with this id.");
		return;
	}
	for (row = broker_settings; row->type != SET_END; row++)
		n++;
	KARRAY_NEW(out->configs, &kd_describe_configs_response_config,
	    n + TOPIC_NKEYS + NELEM(fixed) + 1, &r->arena);
	out->configs.n = 0;
	/* "" asks for what was set for the whole cluster at run time. */
	add_defaults(r, in, out, in->resource_name.len == 0);
	if (in->resource_name.len == 0)
		return;
	add_settings(r, in, out);
	if (wanted(in, "broker.id"))
		add(r, out, "broker.id", id, SOURCE_STATIC, TOPIC_KEY_INT,
		    "The id that clients see.")->read_only = true;
	for (i = 0; i < NELEM(fixed); i++)
		if (wanted(in, fixed[i].name))
			add(r, out, fixed[i].name, fixed[i].value,
			    SOURCE_DEFAULT, fixed[i].type,
			    fixed[i].doc)->read_only = true;
}

/* --- topics --- */

/* With the catalogue's lock. */
static void
add_key(struct request *r, resource_out *out, const struct topic_config *tc,
    int key)
{
	const struct km_describe_configs_request *q = r->in;
	const struct topic_key_row *row = &topic_keys[key];
	struct broker *b = r->broker;
	bool mine = tc->text[key] != NULL;
	config_out *c;

	c = add(r, out, row->name, topic_config_text(b, tc, key),
	    mine ? CONFIG_SOURCE_TOPIC :
	    CONFIG_SOURCE_OF(topic_defaults_layer(b->defaults, key)),
	    row->type, row->doc);
	if (!q->include_synonyms)
		return;
	room_for_synonyms(r, c);
	if (mine)
		add_synonym(c, row->name, c->value, CONFIG_SOURCE_TOPIC);
	if (row->broker != NULL)
		add_layers(r, c, key);
}

static void
describe_topic(struct request *r, const resource_in *in, resource_out *out)
{
	struct broker *b = r->broker;
	struct topic *t;
	int i;

	if ((t = topic_find(b, in->resource_name)) == NULL) {
		out->error_code = topic_name_valid(in->resource_name) ?
		    KERR_UNKNOWN_TOPIC_OR_PARTITION :
		    KERR_INVALID_TOPIC_EXCEPTION;
		out->error_message = SLICE("There is no such topic.");
		return;
	}
	KARRAY_NEW(out->configs, &kd_describe_configs_response_config,
	    TOPIC_NKEYS, &r->arena);
	out->configs.n = 0;
	mutex_lock(&b->catalogue->lock);
	for (i = 0; i < TOPIC_NKEYS; i++)
		if (wanted(in, topic_keys[i].name))
			add_key(r, out, topic_config_get(t), i);
	mutex_unlock(&b->catalogue->lock);
	topic_unref(t);
}

static bool
named_before(struct map *seen, const resource_in *in)
{
	char key[1 + 256];	/* longer names are nobody's */
	size_t n = in->resource_name.len < sizeof key - 1 ?
	    in->resource_name.len : sizeof key - 1;

	key[0] = (char)in->resource_type;
	if (n > 0)
		memcpy(key + 1, in->resource_name.p, n);
	return (map_again(seen, slice_of(key, 1 + n)));
}

static void
describe(struct request *r, const resource_in *in, bool again,
    resource_out *out)
{
	out->resource_type = in->resource_type;
	out->resource_name = in->resource_name;
	if (again) {
		out->error_code = KERR_INVALID_REQUEST;
		out->error_message = SLICE("The resource is named twice.");
	} else if (in->resource_type == RESOURCE_TOPIC) {
		describe_topic(r, in, out);
	} else if (in->resource_type == RESOURCE_BROKER) {
		describe_broker(r, in, out);
	} else {
		out->error_code = KERR_INVALID_REQUEST;
		out->error_message = SLICE("Only topics and brokers have a "
		    "configuration here.");
	}
}

void
handle_describe_configs(struct request *r)
{
	const struct km_describe_configs_request *in = r->in;
	struct km_describe_configs_response resp;
	struct map *seen = map_new();
	int32_t i;

	kw_defaults(&kd_describe_configs_response, &resp);
	KARRAY_NEW(resp.results, &kd_describe_configs_response_result,
	    (size_t)in->resources.n, &r->arena);
	for (i = 0; i < in->resources.n; i++)
		describe(r, &in->resources.v[i],
		    named_before(seen, &in->resources.v[i]),
		    &resp.results.v[i]);
	map_free(seen);
	request_reply(r, &resp);
}
