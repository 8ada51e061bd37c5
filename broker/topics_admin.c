/*
 * CreateTopics, DeleteTopics, CreatePartitions.  Each topic of a request has
 * its own result; the topics of one CreateTopics are written with one change of
 * the catalogue.  All of it is durable before the answer.
 */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "broker/broker_priv.h"
#include "broker/catalogue.h"
#include "broker/topic.h"
#include "broker/topic_config.h"
#include "kafka/errors.h"
#include "kafka/messages.h"

#define TOPIC_PARTITIONS_MAX	100000

static struct slice
say(struct request *r, const struct err *err)
{
	return (arena_copy(&r->arena, slice_str(err->msg)));
}

static int16_t
error_of(const struct err *err)
{
	switch (err->code) {
	case ERR_EXISTS:
		return (KERR_TOPIC_ALREADY_EXISTS);
	case ERR_NOT_FOUND:
		return (KERR_UNKNOWN_TOPIC_OR_PARTITION);
	case ERR_CONFIG:
		return (KERR_INVALID_CONFIG);
	case ERR_REFUSED:
		return (KERR_INVALID_PARTITIONS);
	case ERR_FULL:
		return (err->sys == 0 ? KERR_POLICY_VIOLATION :
		    KERR_KAFKA_STORAGE_ERROR);
	default:
		return (KERR_KAFKA_STORAGE_ERROR);
	}
}

/* --- CreateTopics --- */

typedef struct km_create_topics_request_topic topic_in;
typedef struct km_create_topics_response_topic topic_out;

static int16_t
fail(struct request *r, struct slice *message, int16_t error, const char *why)
{
	*message = arena_copy(&r->arena, slice_str(why));
	return (error);
}

/* Without any.replication.factor there is one answer to where a replica is. */
static bool
placed_here(const struct broker *b, const int32_t *ids, int32_t n)
{
	return (n > 0 && (b->cfg.any_replication ||
	    (n == 1 && ids[0] == b->node_id)));
}

/* A manual assignment: partitions 0..n-1, each on this one node. */
static int16_t
check_assignment(struct request *r, const topic_in *in, int32_t *partitions,
    struct slice *message)
{
	int32_t i, n = in->assignments.n;
	bool *named;

	if (in->num_partitions != -1 || in->replication_factor != -1)
		return (fail(r, message, KERR_INVALID_REQUEST, "Both "
		    "partitions or replication factor and an assignment were "
		    "given."));
	if (n > TOPIC_PARTITIONS_MAX)
		return (fail(r, message, KERR_INVALID_PARTITIONS,
		    "There are too many partitions."));
	named = request_alloc(r, (size_t)n * sizeof *named);
	for (i = 0; i < n; i++) {
		const struct km_create_topics_request_assignment *a =
		    &in->assignments.v[i];

		if (a->partition_index < 0 || a->partition_index >= n)
			return (fail(r, message,
			    KERR_INVALID_REPLICA_ASSIGNMENT, "Partitions must "
			    "be numbered from 0 on."));
		if (named[a->partition_index])
			return (fail(r, message,
			    KERR_INVALID_REPLICA_ASSIGNMENT,
			    "A partition is named twice."));
		named[a->partition_index] = true;
		if (!placed_here(r->broker, a->broker_ids.v, a->broker_ids.n))
			return (fail(r, message,
			    KERR_INVALID_REPLICA_ASSIGNMENT, "There is one "
			    "broker: each partition has one replica on it."));
	}
	*partitions = n;
	return (KERR_NONE);
}

static int16_t
check_counts(struct request *r, const topic_in *in, int32_t *partitions,
    struct slice *message)
{
	if (in->num_partitions == 0 || in->num_partitions < -1 ||
	    in->num_partitions > TOPIC_PARTITIONS_MAX)
		return (fail(r, message, KERR_INVALID_PARTITIONS,
		    "Number of partitions must be larger than 0, or -1 for "
		    "the broker's default."));
	if (in->replication_factor == 0 || in->replication_factor < -1 ||
	    (in->replication_factor > 1 && !r->broker->cfg.any_replication))
		return (fail(r, message, KERR_INVALID_REPLICATION_FACTOR,
		    "Replication factor must be 1, or -1 for the broker's "
		    "default: there is one broker."));
	*partitions = in->num_partitions == -1 ?
	    (int32_t)r->broker->cfg.num_partitions : in->num_partitions;
	return (KERR_NONE);
}

static int16_t
check_config(struct request *r, const topic_in *in, struct topic_config *c,
    struct slice *message)
{
	struct err err = ERR_INIT;
	int32_t i;

	for (i = 0; i < in->configs.n; i++) {
		if (in->configs.v[i].value.p == NULL) {
			err_set(&err, ERR_CONFIG, "Null value for "
			    "configuration %.*s",
			    (int)in->configs.v[i].name.len,
			    (const char *)in->configs.v[i].name.p);
		} else if (topic_config_set(c, in->configs.v[i].name,
		    in->configs.v[i].value, &err) == 0) {
			continue;
		}
		*message = say(r, &err);
		return (KERR_INVALID_CONFIG);
	}
	if (topic_config_check(c, false, &err) == 0)
		return (KERR_NONE);
	*message = say(r, &err);
	return (KERR_INVALID_CONFIG);
}

static int16_t
check_topic(struct request *r, const topic_in *in, struct topic_spec *spec,
    struct slice *message)
{
	int16_t error;

	if (!topic_name_valid(in->name))
		return (fail(r, message, KERR_INVALID_TOPIC_EXCEPTION,
		    "Topic name is invalid: letters, digits, '.', '_' and "
		    "'-', at most 249, not \".\" or \"..\"."));
	if (slice_eq_str(in->name, TOPIC_OFFSETS) ||
	    slice_eq_str(in->name, TOPIC_TXN))
		return (fail(r, message, KERR_INVALID_TOPIC_EXCEPTION,
		    "The broker makes this topic itself."));
	error = in->assignments.n > 0 ?
	    check_assignment(r, in, &spec->partitions, message) :
	    check_counts(r, in, &spec->partitions, message);
	if (error != KERR_NONE)
		return (error);
	return (check_config(r, in, spec->config, message));
}

static void
show_config(struct request *r, topic_out *out, const struct topic_config *c)
{
	struct km_create_topics_response_config *k;
	struct broker *b = r->broker;
	int i;

	KARRAY_NEW(out->configs, &kd_create_topics_response_config,
	    TOPIC_NKEYS, &r->arena);
	mutex_lock(&b->catalogue->lock);
	for (i = 0; i < TOPIC_NKEYS; i++) {
		k = &out->configs.v[i];
		k->name = slice_str(topic_keys[i].name);
		k->value = arena_copy(&r->arena,
		    slice_str(topic_config_text(b, c, i)));
		k->config_source = (int8_t)(c->text[i] != NULL ?
		    CONFIG_SOURCE_TOPIC : CONFIG_SOURCE_OF(
		    topic_defaults_layer(b->defaults, i)));
	}
	mutex_unlock(&b->catalogue->lock);
}

static void
created(struct request *r, topic_out *out, struct topic *t)
{
	memcpy(out->topic_id.b, t->id.b, sizeof out->topic_id.b);
	out->num_partitions = atomic_load(&t->npartitions);
	out->replication_factor = 1;
	show_config(r, out, topic_config_get(t));
}

/* validate_only: what would come of it. */
static void
validated(struct request *r, topic_out *out, struct topic_spec *spec)
{
	if (spec->err.code != ERR_NONE) {
		out->error_code = error_of(&spec->err);
		out->error_message = say(r, &spec->err);
	} else {
		out->num_partitions = spec->partitions;
		out->replication_factor = 1;
		show_config(r, out, spec->config);
	}
	topic_config_free(spec->config);
}

/* A map of the names to their first place; a name that is there twice leads to
 * the map itself. */
static struct map *
names_of(const struct km_create_topics_request *in)
{
	struct map *names = map_new();
	int32_t i;

	for (i = 0; i < in->topics.n; i++)
		if (map_put(names, in->topics.v[i].name,
		    &in->topics.v[i]) != NULL)
			map_put(names, in->topics.v[i].name, names);
	return (names);
}

static void
create_all(struct request *r, struct topic_spec *specs, topic_out **outs,
    size_t n)
{
	const struct km_create_topics_request *in = r->in;
	size_t i;

	if (in->validate_only) {
		topic_create_check(r->broker, specs, n);
		for (i = 0; i < n; i++)
			validated(r, outs[i], &specs[i]);
		return;
	}
	topic_create(r->broker, specs, n);
	for (i = 0; i < n; i++) {
		if (specs[i].topic != NULL) {
			created(r, outs[i], specs[i].topic);
			topic_unref(specs[i].topic);
			continue;
		}
		outs[i]->error_code = error_of(&specs[i].err);
		outs[i]->error_message = say(r, &specs[i].err);
	}
}

void
handle_create_topics(struct request *r)
{
	const struct km_create_topics_request *in = r->in;
	struct km_create_topics_response resp;
	struct topic_spec *specs;
	struct map *names = names_of(in);
	topic_out **outs, *out;
	size_t n = 0;
	int32_t i;

	kw_defaults(&kd_create_topics_response, &resp);
	KARRAY_NEW(resp.topics, &kd_create_topics_response_topic,
	    (size_t)in->topics.n, &r->arena);
	specs = request_alloc(r, ((size_t)in->topics.n + 1) * sizeof *specs);
	outs = request_alloc(r, ((size_t)in->topics.n + 1) * sizeof *outs);
	for (i = 0; i < in->topics.n; i++) {
		out = &resp.topics.v[i];
		out->name = in->topics.v[i].name;
		specs[n].name = out->name;
		specs[n].config = topic_config_new(r->broker);
		out->error_code = map_get(names, out->name) == names ?
		    fail(r, &out->error_message, KERR_INVALID_REQUEST,
		    "The topic is named twice.") :
		    check_topic(r, &in->topics.v[i], &specs[n],
		    &out->error_message);
		if (out->error_code == KERR_NONE) {
			outs[n++] = out;
			continue;
		}
		topic_config_free(specs[n].config);
		specs[n].config = NULL;
	}
	map_free(names);
	create_all(r, specs, outs, n);
	request_reply(r, &resp);
}

/* --- DeleteTopics --- */

typedef struct km_delete_topics_response_topic deleted_out;

static void
delete_topic(struct request *r, struct topic *t, deleted_out *out)
{
	struct err err = ERR_INIT;

	out->name = arena_copy(&r->arena, slice_str(t->name));
	memcpy(out->topic_id.b, t->id.b, sizeof out->topic_id.b);
	if (!r->broker->cfg.delete_enable) {
		out->error_code = fail(r, &out->error_message,
		    KERR_TOPIC_DELETION_DISABLED,
		    "delete.topic.enable is false.");
	} else if (t->internal) {
		out->error_code = fail(r, &out->error_message,
		    KERR_INVALID_TOPIC_EXCEPTION,
		    "The broker needs this topic.");
	} else if (topic_delete(t, &err) == -1) {
		out->error_code = error_of(&err);
		out->error_message = say(r, &err);
	}
}

static void
delete_named(struct request *r, struct slice name, deleted_out *out)
{
	struct topic *t = topic_find(r->broker, name);

	out->name = name;
	if (t == NULL) {
		out->error_code = KERR_UNKNOWN_TOPIC_OR_PARTITION;
		return;
	}
	delete_topic(r, t, out);
	topic_unref(t);
}

static void
delete_by_id(struct request *r, const struct kuuid *kid, deleted_out *out)
{
	struct uuid id;
	struct topic *t;

	memcpy(id.b, kid->b, sizeof id.b);
	out->topic_id = *kid;
	if ((t = topic_find_id(r->broker, &id)) == NULL) {
		out->error_code = KERR_UNKNOWN_TOPIC_ID;
		return;
	}
	delete_topic(r, t, out);
	topic_unref(t);
}

void
handle_delete_topics(struct request *r)
{
	const struct km_delete_topics_request *in = r->in;
	struct km_delete_topics_response resp;
	bool old = r->version < 6;
	int32_t i, n = old ? in->topic_names.n : in->topics.n;

	kw_defaults(&kd_delete_topics_response, &resp);
	KARRAY_NEW(resp.responses, &kd_delete_topics_response_topic, (size_t)n,
	    &r->arena);
	for (i = 0; i < n; i++) {
		deleted_out *out = &resp.responses.v[i];

		if (old)
			delete_named(r, in->topic_names.v[i], out);
		else if (in->topics.v[i].name.p != NULL)
			delete_named(r, in->topics.v[i].name, out);
		else
			delete_by_id(r, &in->topics.v[i].topic_id, out);
	}
	request_reply(r, &resp);
}

/* --- CreatePartitions --- */

static bool
all_placed_here(const struct broker *b,
    const struct km_create_partitions_request_topic *in)
{
	int32_t i;

	for (i = 0; i < in->assignments.n; i++)
		if (!placed_here(b, in->assignments.v[i].broker_ids.v,
		    in->assignments.v[i].broker_ids.n))
			return (false);
	return (true);
}

static int16_t
grow(struct request *r, const struct km_create_partitions_request_topic *in,
    bool dry, struct slice *message)
{
	struct topic *t = topic_find(r->broker, in->name);
	struct err err = ERR_INIT;
	int16_t error = KERR_NONE;
	int32_t have;

	if (t == NULL)
		return (fail(r, message, KERR_UNKNOWN_TOPIC_OR_PARTITION,
		    "There is no such topic."));
	have = atomic_load(&t->npartitions);
	if (t->internal)
		error = fail(r, message, KERR_INVALID_TOPIC_EXCEPTION,
		    "The broker needs this topic as it is.");
	else if (in->count <= have || in->count > TOPIC_PARTITIONS_MAX)
		error = fail(r, message, KERR_INVALID_PARTITIONS,
		    "The number of partitions can only grow.");
	else if (in->assignments.n >= 0 &&
	    in->assignments.n != in->count - have)
		error = fail(r, message, KERR_INVALID_REPLICA_ASSIGNMENT,
		    "The assignment has not as many entries as partitions "
		    "are new.");
	else if (!all_placed_here(r->broker, in))
		error = fail(r, message, KERR_INVALID_REPLICA_ASSIGNMENT,
		    "There is one broker: each partition has one replica on "
		    "it.");
	else if (!dry && topic_grow(t, in->count, &err) == -1) {
		error = error_of(&err);
		*message = say(r, &err);
	}
	topic_unref(t);
	return (error);
}

void
handle_create_partitions(struct request *r)
{
	const struct km_create_partitions_request *in = r->in;
	struct km_create_partitions_response resp;
	int32_t i;

	kw_defaults(&kd_create_partitions_response, &resp);
	KARRAY_NEW(resp.results, &kd_create_partitions_response_result,
	    (size_t)in->topics.n, &r->arena);
	for (i = 0; i < in->topics.n; i++) {
		resp.results.v[i].name = in->topics.v[i].name;
		resp.results.v[i].error_code = grow(r, &in->topics.v[i],
		    in->validate_only, &resp.results.v[i].error_message);
	}
	request_reply(r, &resp);
}
