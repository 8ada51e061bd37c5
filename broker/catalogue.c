/*
 * Topics come, grow, are configured, and what is there at a start.
 *
 * The file "topics" (catalogue_file.c) is the authority: a topic exists when it
 * is in it.  A topic's folders are made when its partitions are first used;
 * catalogue_delete.c takes them away.  Folders that the file does not name are
 * left alone.
 */
#include "broker/catalogue_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "broker/partition.h"
#include "broker/topic_config.h"
#include "broker/topic_defaults.h"
#include "seglog/seglog.h"

/* --- creating and growing --- */

void
catalogue_publish(struct catalogue *c, struct topic *t)
{
	topic_config_defaults(t->broker, t->config);
	CHECK(map_put(c->by_name, slice_str(t->name), topic_ref(t)) == NULL);
	CHECK(map_put(c->by_id, slice_of(t->id.b, sizeof t->id.b), t) == NULL);
	if (!t->internal)
		c->npartitions += atomic_load(&t->npartitions);
	metric_add_shared(&t->broker->m.topics, 1);
}

static int
room_for(struct broker *b, int64_t more, int64_t pending, struct err *e)
{
	if (b->catalogue->npartitions + pending + more >
	    b->cfg.max_partitions)
		return (err_set(e, ERR_FULL, "there would be more than "
		    "max.partitions = %lld partitions",
		    (long long)b->cfg.max_partitions));
	return (0);
}

/*
 * May this one be made?  pending counts the partitions of those that may; names
 * has theirs.
 */
static int
spec_check(struct broker *b, struct topic_spec *s, struct map *names,
    int64_t *pending)
{
	bool internal = slice_eq_str(s->name, TOPIC_OFFSETS);
	struct topic *t;

	if ((t = topic_find(b, s->name)) != NULL || map_again(names, s->name)) {
		topic_unref(t);
		return (err_set(&s->err, ERR_EXISTS,
		    "Topic '%.*s' already exists.", (int)s->name.len,
		    (const char *)s->name.p));
	}
	if (internal)
		return (0);
	if (room_for(b, s->partitions, *pending, &s->err) == -1)
		return (-1);
	*pending += s->partitions;
	return (0);
}

static void
spec_make(struct broker *b, struct topic_spec *s)
{
	struct uuid id;

	uuid_random(&id);
	s->topic = topic_new(b, s->name, &id, s->partitions, s->config);
	s->config = NULL;
}

void
topic_create_check(struct broker *b, struct topic_spec *v, size_t n)
{
	struct map *names = map_new();
	int64_t pending = 0;
	size_t i;

	mutex_lock(&b->catalogue->change);
	for (i = 0; i < n; i++)
		(void)spec_check(b, &v[i], names, &pending);
	mutex_unlock(&b->catalogue->change);
	map_free(names);
}

static void
create_failed(struct topic_spec *v, size_t n, const struct err *err)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (v[i].topic != NULL) {
			topic_unref(v[i].topic);
			v[i].topic = NULL;
			v[i].err = *err;
		}
}

static void
create_locked(struct broker *b, struct topic_spec *v, size_t n)
{
	struct catalogue_change ch = { NULL };
	struct map *names = map_new();
	struct err err = ERR_INIT;
	int64_t pending = 0;
	size_t i;

	ch.added = xcalloc(n + 1, sizeof (struct topic *));
	for (i = 0; i < n; i++)
		if (spec_check(b, &v[i], names, &pending) == 0) {
			spec_make(b, &v[i]);
			ch.added[ch.nadded++] = v[i].topic;
		}
	map_free(names);
	if (ch.nadded > 0 && catalogue_write(b, &ch, &err) == -1)
		create_failed(v, n, &err);
	mutex_lock(&b->catalogue->lock);
	for (i = 0; i < n; i++)
		if (v[i].topic != NULL)
			catalogue_publish(b->catalogue, v[i].topic);
	mutex_unlock(&b->catalogue->lock);
	free(ch.added);
}

void
topic_create(struct broker *b, struct topic_spec *v, size_t n)
{
	size_t i;

	mutex_lock(&b->catalogue->change);
	create_locked(b, v, n);
	mutex_unlock(&b->catalogue->change);
	for (i = 0; i < n; i++) {
		topic_config_free(v[i].config);
		v[i].config = NULL;
		if (v[i].topic != NULL)
			log_info("broker", "created topic=%s partitions=%d",
			    v[i].topic->name, v[i].partitions);
	}
}

static int
grow_locked(struct topic *t, int32_t n, struct err *e)
{
	struct broker *b = t->broker;
	struct catalogue_change ch = { .grown = t, .partitions = n };
	int32_t have = atomic_load(&t->npartitions);

	if (atomic_load(&t->deleted))
		return (err_set(e, ERR_NOT_FOUND, "the topic was deleted"));
	if (n <= have)
		return (err_set(e, ERR_REFUSED, "The topic %s currently has "
		    "%d partition(s); %d would not be an increase.", t->name,
		    have, n));
	if (room_for(b, n - have, 0, e) == -1 ||
	    catalogue_write(b, &ch, e) == -1)
		return (-1);
	topic_set_partitions(t, n);
	mutex_lock(&b->catalogue->lock);
	b->catalogue->npartitions += n - have;
	mutex_unlock(&b->catalogue->lock);
	log_info("broker", "topic=%s has partitions=%d now", t->name, n);
	return (0);
}

int
topic_grow(struct topic *t, int32_t n, struct err *e)
{
	int rc;

	mutex_lock(&t->broker->catalogue->change);
	rc = grow_locked(t, n, e);
	mutex_unlock(&t->broker->catalogue->change);
	return (rc);
}

/* --- configuring --- */

/* What came of edit, or NULL. */
static struct topic_config *
edited(struct broker *b, const struct topic_config *from,
    topic_config_edit *edit, void *ctx, struct err *e)
{
	struct topic_config *c;

	mutex_lock(&b->catalogue->lock);
	c = topic_config_dup(from);
	mutex_unlock(&b->catalogue->lock);
	if (edit(b, c, ctx, e) == 0)
		return (c);
	topic_config_free(c);
	return (NULL);
}

/* Logs that are open look at these when they append. */
static void
apply(struct topic *t)
{
	int32_t i, n = atomic_load(&t->npartitions);

	for (i = 0; i < n; i++)
		partition_configure(topic_partition(t, i));
}

static int
configure_locked(struct topic *t, topic_config_edit *edit, void *ctx, bool dry,
    struct err *e)
{
	struct broker *b = t->broker;
	struct catalogue_change ch = { .configured = t };
	struct topic_config *c;
	int rc;

	if (atomic_load(&t->deleted))
		return (err_set(e, ERR_NOT_FOUND, "the topic was deleted"));
	if ((c = edited(b, t->config, edit, ctx, e)) == NULL)
		return (-1);
	ch.config = c;
	rc = topic_config_check(c, t->internal, e);
	if (rc == 0 && !dry && !topic_config_same(c, t->config) &&
	    (rc = catalogue_write(b, &ch, e)) == 0) {
		mutex_lock(&b->catalogue->lock);
		topic_config_take(t->config, c);
		mutex_unlock(&b->catalogue->lock);
		apply(t);
		log_info("broker", "topic=%s is configured anew", t->name);
	}
	topic_config_free(c);
	return (rc);
}

int
topic_configure(struct topic *t, topic_config_edit *edit, void *ctx, bool dry,
    struct err *e)
{
	struct catalogue *c = t->broker->catalogue;
	int rc;

	mutex_lock(&c->change);
	rc = configure_locked(t, edit, ctx, dry, e);
	mutex_unlock(&c->change);
	return (rc);
}

/* The layer has changed: all topics get what is new. */
static void
defaults_changed(struct broker *b, struct topic_config *layer,
    struct topic_config *from)
{
	struct topic **v;
	size_t i, n;

	mutex_lock(&b->catalogue->lock);
	topic_config_take(layer, from);
	topic_defaults_refresh(b->defaults);
	mutex_unlock(&b->catalogue->lock);
	n = topic_list(b, &v);
	for (i = 0; i < n; i++) {
		mutex_lock(&b->catalogue->lock);
		topic_config_defaults(b, v[i]->config);
		mutex_unlock(&b->catalogue->lock);
		apply(v[i]);
		topic_unref(v[i]);
	}
	free(v);
}

static int
defaults_locked(struct broker *b, enum defaults_layer which,
    topic_config_edit *edit, void *ctx, bool dry, struct err *e)
{
	struct topic_config *layer = b->defaults->layer[which], *c;
	struct catalogue_change ch = { .layer = layer };
	int rc = 0;

	if ((c = edited(b, layer, edit, ctx, e)) == NULL)
		return (-1);
	ch.config = c;
	if (!dry && !topic_config_same(c, layer) &&
	    (rc = catalogue_write(b, &ch, e)) == 0) {
		defaults_changed(b, layer, c);
		log_info("broker", "the defaults of topics are configured "
		    "anew");
	}
	topic_config_free(c);
	return (rc);
}

int
topic_defaults_configure(struct broker *b, enum defaults_layer which,
    topic_config_edit *edit, void *ctx, bool dry, struct err *e)
{
	int rc;

	CHECK(which == DEFAULTS_NODE || which == DEFAULTS_CLUSTER);
	mutex_lock(&b->catalogue->change);
	rc = defaults_locked(b, which, edit, ctx, dry, e);
	mutex_unlock(&b->catalogue->change);
	return (rc);
}

/* --- start and stop --- */

int
catalogue_open(struct broker *b, struct err *e)
{
	struct catalogue *c = xcalloc(1, sizeof *c);
	struct gone *g;

	mutex_init(&c->lock);
	mutex_init(&c->change);
	c->by_name = map_new();
	c->by_id = map_new();
	b->catalogue = c;
	b->defaults = topic_defaults_new(b);
	if (catalogue_read(b, e) == -1)
		return (-1);
	for (g = c->gone; g != NULL; g = g->next)
		catalogue_move_folders(b, g->name, &g->id, g->partitions);
	return (0);
}

void
catalogue_close(struct broker *b)
{
	struct catalogue *c = b->catalogue;
	struct gone *g;
	void *value;
	size_t it = 0;

	if (c == NULL)
		return;
	while (map_next(c->by_name, &it, NULL, &value))
		topic_unref(value);
	map_free(c->by_name);
	map_free(c->by_id);
	while ((g = c->gone) != NULL) {
		c->gone = g->next;
		catalogue_gone_free(g);
	}
	mutex_fini(&c->lock);
	mutex_fini(&c->change);
	free(c);
	b->catalogue = NULL;
	topic_defaults_free(b->defaults);
	b->defaults = NULL;
}
