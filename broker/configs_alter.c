/*
 * AlterConfigs and IncrementalAlterConfigs: of topics, and of what topics get
 * from the broker (topic_defaults.h).  The old API says all that is to be set,
 * the new one what is to be changed.  Each resource has its own result; what
 * was answered with NONE is on the disk and in force.
 *
 * Both requests are turned into the same list of changes.  Deleting what is not
 * set is no error, whatever it is: tools take throttles away that were never
 * there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "broker/broker_priv.h"
#include "broker/topic.h"
#include "broker/topic_config.h"
#include "kafka/errors.h"
#include "kafka/messages.h"

enum { OP_SET, OP_DELETE, OP_APPEND, OP_SUBTRACT };

struct alteration {
	struct slice	 name, value;	/* p NULL: null */
	int8_t		 op;
};

struct alter {			/* of one resource */
	struct request	*r;
	int8_t		 type;
	struct slice	 name;
	const struct alteration *v;
	size_t		 n;
	bool		 all;		/* what is not named is unset */
	bool		 dry;
	/* The result. */
	int16_t		 error;
	struct slice	 message;
};

static void
refuse(struct alter *a, int16_t error, const char *why)
{
	a->error = error;
	a->message = arena_copy(&a->r->arena, slice_str(why));
}

/* --- one key --- */

/* Is this word one of a list's? */
static bool
has_word(const char *list, struct slice word)
{
	size_t n;

	for (; *list != '\0'; list += n + (list[n] != '\0')) {
		n = strcspn(list, ", ");
		if (slice_eq(slice_of(list, n), word))
			return (true);
	}
	return (false);
}

static void
add_word(struct sb *s, struct slice word)
{
	if (s->len > 0)
		sb_puts(s, ",");
	sb_add(s, word.p, word.len);
}

/* The words of text for which has_word(other) is want. */
static void
add_words(struct sb *s, const char *text, const char *other, bool want)
{
	size_t n;

	for (; *text != '\0'; text += n + (text[n] != '\0')) {
		n = strcspn(text, ", ");
		if (n > 0 && has_word(other, slice_of(text, n)) == want)
			add_word(s, slice_of(text, n));
	}
}

/* The list in force, with the words or without them. */
static int
put_list(struct broker *b, struct topic_config *c, int key, const char *name,
    const struct alteration *al, struct err *e)
{
	const char *now = topic_config_text(b, c, key);
	struct sb s = SB_INIT;
	char *words;
	int rc;

	if (topic_keys[key].type != TOPIC_KEY_LIST)
		return (err_set(e, ERR_CONFIG, "Can't %s %s: it is not a "
		    "list", al->op == OP_APPEND ? "append to" : "subtract from",
		    name));
	if (al->value.len > TOPIC_VALUE_MAX)
		return (topic_config_put(c, key, name, al->value, e));
	words = xstrndup(al->value.p, al->value.len);
	add_words(&s, now, al->op == OP_SUBTRACT ? words : "", false);
	if (al->op == OP_APPEND)
		add_words(&s, words, now, false);
	rc = topic_config_put(c, key, name, slice_of(s.ptr == NULL ? "" : s.ptr,
	    s.len), e);
	free(words);
	sb_fini(&s);
	return (rc);
}

static int
put_one(struct broker *b, struct topic_config *c, int key, const char *name,
    const struct alteration *al, struct err *e)
{
	if (al->op == OP_DELETE) {
		topic_config_unset(b, c, key);
		return (0);
	}
	if (al->op == OP_SET)
		return (topic_config_put(c, key, name, al->value, e));
	return (put_list(b, c, key, name, al, e));
}

/* --- one resource --- */

static int
edit_topic(struct broker *b, struct topic_config *c, void *ctx, struct err *e)
{
	const struct alter *a = ctx;
	char shown[80];
	size_t i;
	int k;

	for (k = 0; a->all && k < TOPIC_NKEYS; k++)
		topic_config_unset(b, c, k);
	for (i = 0; i < a->n; i++) {
		k = topic_key_find(a->v[i].name);
		if (k == -1 && a->v[i].op == OP_DELETE)
			continue;		/* it is not set */
		if (k == -1)
			return (err_set(e, ERR_CONFIG,
			    "Unknown topic config name: %s", str_printable(
			    shown, sizeof shown, a->v[i].name)));
		if (put_one(b, c, k, topic_keys[k].name, &a->v[i], e) == -1)
			return (-1);
	}
	return (0);
}

static bool
is_setting(struct slice name)
{
	const struct setting *row;
	size_t i;

	for (row = broker_settings; row->type != SET_END; row++) {
		if (slice_eq_str(name, row->name))
			return (true);
		for (i = 0; row->aliases != NULL && row->aliases[i] != NULL;
		    i++)
			if (slice_eq_str(name, row->aliases[i]))
				return (true);
	}
	return (false);
}

static int
not_now(struct slice name, struct err *e)
{
	char shown[80];

	str_printable(shown, sizeof shown, name);
	if (!is_setting(name))
		return (err_set(e, ERR_CONFIG, "Unknown broker config name: "
		    "%s", shown));
	return (err_set(e, ERR_REFUSED, "%s cannot be changed while the broker "
	    "runs: set it in server.properties (as <agent>.broker.%s in "
	    "agent.conf) and start again", shown, shown));
}

static int
edit_defaults(struct broker *b, struct topic_config *c, void *ctx,
    struct err *e)
{
	const struct alter *a = ctx;
	size_t i;
	int k;

	for (k = 0; a->all && k < TOPIC_NKEYS; k++)
		topic_config_unset(b, c, k);
	for (i = 0; i < a->n; i++) {
		k = topic_key_of_broker(a->v[i].name);
		if (k == -1 && a->v[i].op == OP_DELETE)
			continue;		/* it is not set */
		if (k == -1)
			return (not_now(a->v[i].name, e));
		if (put_one(b, c, k, topic_keys[k].broker, &a->v[i], e) == -1)
			return (-1);
	}
	return (0);
}

static void
result(struct alter *a, int rc, const struct err *err)
{
	if (rc == 0)
		return;
	refuse(a, KERR_KAFKA_STORAGE_ERROR, err->msg);
	if (err->code == ERR_CONFIG)
		a->error = KERR_INVALID_CONFIG;
	else if (err->code == ERR_REFUSED)
		a->error = KERR_INVALID_REQUEST;
	else if (err->code == ERR_NOT_FOUND)
		a->error = KERR_UNKNOWN_TOPIC_OR_PARTITION;
	else if (err->code == ERR_FULL && err->sys == 0)
		a->error = KERR_POLICY_VIOLATION;
}

static void
alter_topic(struct alter *a)
{
	struct err err = ERR_INIT;
	struct topic *t;

	if (a->name.len == 0) {
		refuse(a, KERR_INVALID_REQUEST, "Default topic resources are "
		    "not allowed: configure the broker's log.* keys.");
		return;
	}
	if ((t = topic_find(a->r->broker, a->name)) == NULL) {
		refuse(a, topic_name_valid(a->name) ?
		    KERR_UNKNOWN_TOPIC_OR_PARTITION :
		    KERR_INVALID_TOPIC_EXCEPTION, "There is no such topic.");
		return;
	}
	result(a, topic_configure(t, edit_topic, a, a->dry, &err), &err);
	topic_unref(t);
}

static void
alter_broker(struct alter *a)
{
	struct broker *b = a->r->broker;
	struct err err = ERR_INIT;
	char id[16], text[160];

	snprintf(id, sizeof id, "%d", b->node_id);
	if (a->name.len != 0 && !slice_eq_str(a->name, id)) {
		snprintf(text, sizeof text, "There is no broker with this id: "
		    "it is %s, or nothing for all brokers.", id);
		refuse(a, KERR_INVALID_REQUEST, text);
		return;
	}
	result(a, topic_defaults_configure(b, a->name.len == 0 ?
	    DEFAULTS_CLUSTER : DEFAULTS_NODE, edit_defaults, a, a->dry, &err),
	    &err);
}

static bool
named_twice(const struct alter *a)
{
	struct map *seen = map_new();
	bool twice = false;
	size_t i;

	for (i = 0; i < a->n && !twice; i++)
		twice = map_put(seen, a->v[i].name, seen) != NULL;
	map_free(seen);
	return (twice);
}

/* What is wrong with the changes whatever they are for. */
static bool
make_sense(struct alter *a)
{
	size_t i;

	if (named_twice(a)) {
		refuse(a, KERR_INVALID_REQUEST, "Error due to duplicate config "
		    "keys");
		return (false);
	}
	for (i = 0; i < a->n; i++) {
		if (a->v[i].op < OP_SET || a->v[i].op > OP_SUBTRACT) {
			refuse(a, KERR_INVALID_REQUEST, "Unknown operation "
			    "type: it is 0 (set), 1 (delete), 2 (append) or "
			    "3 (subtract).");
			return (false);
		}
		if (a->v[i].op != OP_DELETE && a->v[i].value.p == NULL) {
			refuse(a, KERR_INVALID_REQUEST, "Null value not "
			    "supported: delete the key instead.");
			return (false);
		}
	}
	return (true);
}

static void
alter(struct alter *a)
{
	if (!make_sense(a))
		return;
	switch (a->type) {
	case RESOURCE_TOPIC:
		alter_topic(a);
		break;
	case RESOURCE_BROKER:
		alter_broker(a);
		break;
	case RESOURCE_BROKER_LOGGER:
		refuse(a, KERR_INVALID_REQUEST, "The log level is set with "
		    "--log-level at the start, for all of the program.");
		break;
	case RESOURCE_CLIENT_METRICS:
		refuse(a, KERR_INVALID_REQUEST, "Metrics of clients are not "
		    "collected.");
		break;
	case RESOURCE_GROUP:
		refuse(a, KERR_INVALID_REQUEST, "Groups have no configuration "
		    "of their own: members say their timeouts.");
		break;
	default:
		refuse(a, KERR_INVALID_REQUEST, "Only topics and brokers have "
		    "a configuration here.");
	}
}

/* --- the requests --- */

/* A resource may be named once; all of them are refused that are not. */
struct seen {
	struct map	*map;
	char		 key[1 + 32767];
};

static struct slice
resource_key(struct seen *s, int8_t type, struct slice name)
{
	size_t n = name.len < sizeof s->key - 1 ? name.len :
	    sizeof s->key - 1;

	s->key[0] = (char)type;
	if (n > 0)
		memcpy(s->key + 1, name.p, n);
	return (slice_of(s->key, 1 + n));
}

static struct seen *
seen_new(void)
{
	struct seen *s = xmalloc(sizeof *s);

	s->map = map_new();
	return (s);
}

static void
seen_free(struct seen *s)
{
	map_free(s->map);
	free(s);
}

/* Counts the resource: its value in the map is the first one's address, then
 * the map's own. */
static void
seen_add(struct seen *s, int8_t type, struct slice name, void *first)
{
	struct slice key = resource_key(s, type, name);

	if (map_put(s->map, key, first) != NULL)
		map_put(s->map, key, s);
}

static void
run(struct alter *a, struct seen *s)
{
	if (map_get(s->map, resource_key(s, a->type, a->name)) == s)
		refuse(a, KERR_INVALID_REQUEST, "Each resource must appear at "
		    "most once.");
	else
		alter(a);
}

void
handle_alter_configs(struct request *r)
{
	const struct km_alter_configs_request *in = r->in;
	struct km_alter_configs_response resp;
	struct seen *s = seen_new();
	int32_t i, k;

	kw_defaults(&kd_alter_configs_response, &resp);
	KARRAY_NEW(resp.responses, &kd_alter_configs_response_result,
	    (size_t)in->resources.n, &r->arena);
	for (i = 0; i < in->resources.n; i++)
		seen_add(s, in->resources.v[i].resource_type,
		    in->resources.v[i].resource_name, &in->resources.v[i]);
	for (i = 0; i < in->resources.n; i++) {
		const struct km_alter_configs_request_resource *q =
		    &in->resources.v[i];
		struct alteration *v = request_alloc(r,
		    ((size_t)q->configs.n + 1) * sizeof *v);
		struct alter a = { .r = r, .type = q->resource_type,
		    .name = q->resource_name, .v = v,
		    .n = (size_t)q->configs.n, .all = true,
		    .dry = in->validate_only };

		for (k = 0; k < q->configs.n; k++) {
			v[k].name = q->configs.v[k].name;
			v[k].value = q->configs.v[k].value;
		}
		run(&a, s);
		resp.responses.v[i].resource_type = a.type;
		resp.responses.v[i].resource_name = a.name;
		resp.responses.v[i].error_code = a.error;
		resp.responses.v[i].error_message = a.message;
	}
	seen_free(s);
	request_reply(r, &resp);
}

void
handle_incremental_alter_configs(struct request *r)
{
	const struct km_incremental_alter_configs_request *in = r->in;
	struct km_incremental_alter_configs_response resp;
	struct seen *s = seen_new();
	int32_t i, k;

	kw_defaults(&kd_incremental_alter_configs_response, &resp);
	KARRAY_NEW(resp.responses,
	    &kd_incremental_alter_configs_response_result,
	    (size_t)in->resources.n, &r->arena);
	for (i = 0; i < in->resources.n; i++)
		seen_add(s, in->resources.v[i].resource_type,
		    in->resources.v[i].resource_name, &in->resources.v[i]);
	for (i = 0; i < in->resources.n; i++) {
		const struct km_incremental_alter_configs_request_resource *q =
		    &in->resources.v[i];
		struct alteration *v = request_alloc(r,
		    ((size_t)q->configs.n + 1) * sizeof *v);
		struct alter a = { .r = r, .type = q->resource_type,
		    .name = q->resource_name, .v = v,
		    .n = (size_t)q->configs.n, .dry = in->validate_only };

		for (k = 0; k < q->configs.n; k++) {
			v[k].name = q->configs.v[k].name;
			v[k].value = q->configs.v[k].value;
			v[k].op = q->configs.v[k].config_operation;
		}
		run(&a, s);
		resp.responses.v[i].resource_type = a.type;
		resp.responses.v[i].resource_name = a.name;
		resp.responses.v[i].error_code = a.error;
		resp.responses.v[i].error_message = a.message;
	}
	seen_free(s);
	request_reply(r, &resp);
}
