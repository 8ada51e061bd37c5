/*
 * The file "topics" and the folders.
 *
 * The file is the authority: a topic exists when it is in it.  It is text,
 * replaced as a whole by fs_replace, so a change is there or not:
 *
 *	leat-topics 1
 *	node [<broker's key>=<value, %XX>]...		only when there is one
 *	cluster [<broker's key>=<value, %XX>]...
 *	topic <name> <id> <partitions> [<key>=<value, %XX>]...
 *	gone <name> <id> <partitions>
 *	crc <CRC-32C of all before, hex>
 *
 * A topic's folders are made when its partitions are first used.  Deleting
 * writes a `gone` line first, then renames each folder to <id>.<n>-delete, then
 * answers; the files go when the last user of the topic is gone, in the
 * keeper's thread.  After a crash the `gone` lines say what is left to do; a
 * folder is renamed only when the id inside it is the deleted topic's.
 * Folders that the file does not name are left alone.
 */
#include "broker/catalogue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/crc32c.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "broker/partition.h"
#include "broker/topic_config.h"
#include "broker/topic_defaults.h"
#include "broker/txns.h"
#include "seglog/seglog.h"

#define FILE_NAME	"topics"
#define FILE_MAX	(256u << 20)
#define FILE_HEAD	"leat-topics 1\n"

/* --- writing --- */

static void
put_escaped(struct sb *s, const char *v)
{
	for (; *v != '\0'; v++)
		if ((unsigned char)*v <= ' ' || *v == '%' ||
		    (unsigned char)*v >= 0x7f)
			sb_printf(s, "%%%02X", (unsigned char)*v);
		else
			sb_add(s, v, 1);
}

static void
put_config(struct sb *s, const struct topic_config *c, bool of_broker)
{
	int i;

	for (i = 0; i < TOPIC_NKEYS; i++) {
		if (c->text[i] == NULL)
			continue;
		sb_printf(s, " %s=", of_broker ? topic_keys[i].broker :
		    topic_keys[i].name);
		put_escaped(s, c->text[i]);
	}
	sb_puts(s, "\n");
}

static void
put_topic(struct sb *s, struct topic *t, int32_t partitions,
    const struct topic_config *c)
{
	char id[23];

	sb_printf(s, "topic %s %s %d", t->name, uuid_print(&t->id, id),
	    partitions);
	put_config(s, c, false);
}

/*
 * Writes the file as it would be with these changes.  added: topics that are
 * in no map yet; without: one that is left out and put as gone; grown: one that
 * gets this many partitions; configured: one that gets this config; layer: the
 * defaults that get it.
 */
struct change {
	struct topic	**added;
	size_t		  nadded;
	struct topic	 *without;
	struct topic	 *grown;
	int32_t		  partitions;
	struct topic	 *configured;
	const struct topic_config *layer;
	const struct topic_config *config;
};

static const char *const layer_words[] = {
	[DEFAULTS_NODE] = "node", [DEFAULTS_CLUSTER] = "cluster"
};

static void
put_layers(struct broker *b, struct sb *s, const struct change *ch)
{
	const struct topic_config *c;
	size_t i;
	int k;

	for (i = 0; i < NELEM(layer_words); i++) {
		c = b->defaults->layer[i];
		if (c == ch->layer)
			c = ch->config;
		for (k = 0; k < TOPIC_NKEYS && c->text[k] == NULL; k++)
			;
		if (k == TOPIC_NKEYS)
			continue;
		sb_puts(s, layer_words[i]);
		put_config(s, c, true);
	}
}

static void
put_all(struct catalogue *c, struct sb *s, const struct change *ch)
{
	struct topic *t;
	struct gone *g;
	char id[23];
	void *value;
	size_t i, it = 0;

	while (map_next(c->by_name, &it, NULL, &value)) {
		t = value;
		if (t != ch->without)
			put_topic(s, t, t == ch->grown ? ch->partitions :
			    atomic_load(&t->npartitions),
			    t == ch->configured ? ch->config : t->config);
	}
	for (i = 0; i < ch->nadded; i++)
		put_topic(s, ch->added[i],
		    atomic_load(&ch->added[i]->npartitions),
		    ch->added[i]->config);
	for (g = c->gone; g != NULL; g = g->next)
		sb_printf(s, "gone %s %s %d\n", g->name,
		    uuid_print(&g->id, id), g->partitions);
	if ((t = ch->without) != NULL)
		sb_printf(s, "gone %s %s %d\n", t->name,
		    uuid_print(&t->id, id), atomic_load(&t->npartitions));
}

/* With c->change held. */
static int
write_file(struct broker *b, const struct change *ch, struct err *e)
{
	struct catalogue *c = b->catalogue;
	struct sb s = SB_INIT;
	int rc;

	mutex_assert_held(&c->change);
	sb_puts(&s, FILE_HEAD);
	mutex_lock(&c->lock);
	put_layers(b, &s, ch);
	put_all(c, &s, ch);
	mutex_unlock(&c->lock);
	sb_printf(&s, "crc %08x\n", crc32c(0, s.ptr, s.len));
	if (s.len <= FILE_MAX)
		rc = fs_replace(b->fs, b->dirfd, FILE_NAME, s.ptr, s.len, e);
	else
		rc = err_set(e, ERR_FULL, "it would be larger than %u bytes",
		    FILE_MAX);
	sb_fini(&s);
	return (rc == -1 ? err_ctx(e, "%s/%s", b->dir, FILE_NAME) : 0);
}

/* --- creating and growing --- */

/* With c->lock held.  The defaults may have changed since t was made. */
static void
publish(struct catalogue *c, struct topic *t)
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
	struct change ch = { NULL };
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
	if (ch.nadded > 0 && write_file(b, &ch, &err) == -1)
		create_failed(v, n, &err);
	mutex_lock(&b->catalogue->lock);
	for (i = 0; i < n; i++)
		if (v[i].topic != NULL)
			publish(b->catalogue, v[i].topic);
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
	struct change ch = { .grown = t, .partitions = n };
	int32_t have = atomic_load(&t->npartitions);

	if (atomic_load(&t->deleted))
		return (err_set(e, ERR_NOT_FOUND, "the topic was deleted"));
	if (n <= have)
		return (err_set(e, ERR_REFUSED, "The topic %s currently has "
		    "%d partition(s); %d would not be an increase.", t->name,
		    have, n));
	if (room_for(b, n - have, 0, e) == -1 || write_file(b, &ch, e) == -1)
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
	struct change ch = { .configured = t };
	struct topic_config *c;
	int rc;

	if (atomic_load(&t->deleted))
		return (err_set(e, ERR_NOT_FOUND, "the topic was deleted"));
	if ((c = edited(b, t->config, edit, ctx, e)) == NULL)
		return (-1);
	ch.config = c;
	rc = topic_config_check(c, t->internal, e);
	if (rc == 0 && !dry && !topic_config_same(c, t->config) &&
	    (rc = write_file(b, &ch, e)) == 0) {
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
	struct change ch = { .layer = layer };
	int rc = 0;

	if ((c = edited(b, layer, edit, ctx, e)) == NULL)
		return (-1);
	ch.config = c;
	if (!dry && !topic_config_same(c, layer) &&
	    (rc = write_file(b, &ch, e)) == 0) {
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

/* --- deleting --- */

static void
gone_add(struct catalogue *c, struct slice name, const struct uuid *id,
    int32_t partitions, bool used)
{
	struct gone *g = xcalloc(1, sizeof *g);

	g->name = xstrndup(name.p, name.len);
	g->id = *id;
	g->partitions = partitions;
	g->used = used;
	g->next = c->gone;
	c->gone = g;
}

static void
gone_free(struct gone *g)
{
	free(g->name);
	free(g);
}

/* "<id>.<n>-delete" */
static void
gone_folder(char *buf, size_t size, const struct uuid *id, int32_t n)
{
	char text[23];

	snprintf(buf, size, "%s.%d-delete", uuid_print(id, text), n);
}

/* Moves the folders out of the way, so that the name is free.  A folder that
 * is not there was never used. */
static void
move_folders(struct broker *b, const char *name, const struct uuid *id,
    int32_t n)
{
	char from[TOPIC_NAME_MAX + 16], to[64];
	struct err err = ERR_INIT;
	int32_t i;

	for (i = 0; i < n; i++) {
		snprintf(from, sizeof from, "%s-%d", name, i);
		gone_folder(to, sizeof to, id, i);
		if (!partition_folder_is(b, from, id))
			continue;
		if (b->fs->rename(b->fs, b->dirfd, from, to, &err) == -1)
			log_warn("broker", "deleted topic=%s: %s", name,
			    err.msg);
	}
	if (b->fs->sync_dir(b->fs, b->dirfd, &err) == -1)
		fatal_disk("%s: %s", b->dir, err.msg);
}

static int
delete_locked(struct topic *t, struct err *e)
{
	struct broker *b = t->broker;
	struct catalogue *c = b->catalogue;
	struct change ch = { .without = t };
	int32_t i, n = atomic_load(&t->npartitions);

	if (atomic_load(&t->deleted))
		return (err_set(e, ERR_NOT_FOUND, "the topic was deleted"));
	if (write_file(b, &ch, e) == -1)
		return (-1);
	mutex_lock(&c->lock);
	atomic_store(&t->deleted, true);
	map_remove(c->by_name, slice_str(t->name));
	map_remove(c->by_id, slice_of(t->id.b, sizeof t->id.b));
	gone_add(c, slice_str(t->name), &t->id, n, true);
	if (!t->internal)
		c->npartitions -= n;
	mutex_unlock(&c->lock);
	metric_add_shared(&b->m.topics, -1);
	for (i = 0; i < n; i++)
		partition_gone(topic_partition(t, i));
	move_folders(b, t->name, &t->id, n);
	return (0);
}

int
topic_delete(struct topic *t, struct err *e)
{
	struct broker *b = t->broker;
	int rc;

	mutex_lock(&b->catalogue->change);
	rc = delete_locked(t, e);
	mutex_unlock(&b->catalogue->change);
	if (rc == -1)
		return (-1);
	log_info("broker", "deleted topic=%s", t->name);
	groups_topic_deleted(b, t->name);
	txns_topic_deleted(b, t->name);
	topic_unref(t);			/* the map's */
	return (0);
}

void
catalogue_unused(struct broker *b, const struct uuid *id)
{
	struct gone *g;

	mutex_lock(&b->catalogue->lock);
	for (g = b->catalogue->gone; g != NULL; g = g->next)
		if (memcmp(&g->id, id, sizeof *id) == 0)
			g->used = false;
	mutex_unlock(&b->catalogue->lock);
}

static int
remove_folder(struct broker *b, const char *name, struct err *e)
{
	struct err err = ERR_INIT;
	int dirfd, rc;

	dirfd = b->fs->open(b->fs, b->dirfd, name, O_RDONLY | O_DIRECTORY,
	    &err);
	if (dirfd == -1 && err.sys == ENOENT)
		return (0);
	if (dirfd == -1) {
		if (e != NULL)
			*e = err;
		return (-1);
	}
	rc = partition_clear(b, dirfd, e);
	b->fs->close(b->fs, dirfd);
	return (rc == -1 ? -1 : b->fs->rmdir(b->fs, b->dirfd, name, e));
}

static bool
remove_folders(struct broker *b, const struct gone *g)
{
	struct err err = ERR_INIT;
	char name[64];
	bool all = true;
	int32_t i;

	for (i = 0; i < g->partitions; i++) {
		gone_folder(name, sizeof name, &g->id, i);
		if (remove_folder(b, name, &err) == -1) {
			log_warn("broker", "cannot remove %s/%s: %s", b->dir,
			    name, err.msg);
			all = false;
		}
	}
	return (all);
}

/* Takes out of the list what nobody uses. */
static struct gone *
take_unused(struct catalogue *c)
{
	struct gone **p, *g, *v = NULL;

	mutex_lock(&c->lock);
	for (p = &c->gone; (g = *p) != NULL;)
		if (g->used) {
			p = &g->next;
		} else {
			*p = g->next;
			g->next = v;
			v = g;
		}
	mutex_unlock(&c->lock);
	return (v);
}

void
catalogue_sweep(struct broker *b)
{
	struct catalogue *c = b->catalogue;
	struct gone *v, *g;

	mutex_lock(&c->change);
	for (v = take_unused(c); (g = v) != NULL;) {
		v = g->next;
		if (remove_folders(b, g)) {
			gone_free(g);
			continue;
		}
		mutex_lock(&c->lock);
		g->next = c->gone;
		c->gone = g;
		mutex_unlock(&c->lock);
	}
	mutex_unlock(&c->change);
}

/* --- reading --- */

static void
unescape(char *s)
{
	char *to = s, hex[3] = "";

	for (; *s != '\0'; s++) {
		if (*s == '%' && s[1] != '\0' && s[2] != '\0') {
			hex[0] = s[1];
			hex[1] = s[2];
			*to++ = (char)strtoul(hex, NULL, 16);
			s += 2;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* A key that this version does not take any more is named and left out. */
static void
read_config(struct topic_config *c, const char *whose, bool of_broker,
    char **words, size_t n)
{
	struct err err = ERR_INIT;
	struct slice key;
	char *eq;
	size_t i;
	int k;

	for (i = 0; i < n; i++) {
		if ((eq = strchr(words[i], '=')) == NULL)
			continue;
		*eq = '\0';
		unescape(eq + 1);
		key = slice_str(words[i]);
		k = of_broker ? topic_key_of_broker(key) : topic_key_find(key);
		if (k == -1)
			log_warn("broker", "%s: %s: this version has no such "
			    "key", whose, words[i]);
		else if (topic_config_put(c, k, words[i], slice_str(eq + 1),
		    &err) == -1)
			log_warn("broker", "%s: %s", whose, err.msg);
	}
}

/* False: it is not such a line. */
static bool
read_layer(struct broker *b, char **w, size_t n)
{
	size_t i;

	for (i = 0; i < NELEM(layer_words); i++)
		if (n > 0 && strcmp(w[0], layer_words[i]) == 0) {
			read_config(b->defaults->layer[i], layer_words[i],
			    true, w + 1, n - 1);
			topic_defaults_refresh(b->defaults);
			return (true);
		}
	return (false);
}

static int
read_line(struct broker *b, char *line, struct err *e)
{
	char *w[TOPIC_NKEYS + 4];
	struct catalogue *c = b->catalogue;
	struct topic_config *config;
	struct topic *t;
	struct uuid id;
	int64_t parts;
	size_t n;

	n = str_words(line, w, NELEM(w));
	if (read_layer(b, w, n))
		return (0);
	if (n < 4 || !topic_name_valid(slice_str(w[1])) ||
	    !uuid_parse(&id, w[2]) || !str_int64(w[3], &parts) || parts < 1 ||
	    parts > INT32_MAX)
		return (err_set(e, ERR_CORRUPT, "a line makes no sense"));
	if (strcmp(w[0], "gone") == 0) {
		gone_add(c, slice_str(w[1]), &id, (int32_t)parts, false);
		return (0);
	}
	if (strcmp(w[0], "topic") != 0)
		return (err_set(e, ERR_CORRUPT, "a line makes no sense"));
	config = topic_config_new(b);
	read_config(config, w[1], false, w + 4, n - 4);
	t = topic_new(b, slice_str(w[1]), &id, (int32_t)parts, config);
	mutex_lock(&c->lock);
	publish(c, t);
	mutex_unlock(&c->lock);
	topic_unref(t);
	return (0);
}

static int
read_text(struct broker *b, char *text, size_t len, struct err *e)
{
	char *line, *end, want[16];
	size_t body;

	if (len < sizeof FILE_HEAD - 1 + 13 ||
	    strncmp(text, FILE_HEAD, sizeof FILE_HEAD - 1) != 0)
		return (err_set(e, ERR_CORRUPT, "it does not begin with %.*s",
		    (int)sizeof FILE_HEAD - 2, FILE_HEAD));
	body = len - 13;
	snprintf(want, sizeof want, "crc %08x\n", crc32c(0, text, body));
	if (memcmp(text + body, want, 13) != 0)
		return (err_set(e, ERR_CORRUPT, "it fails its checksum"));
	text[body] = '\0';
	for (line = text + sizeof FILE_HEAD - 1; *line != '\0'; line = end) {
		end = line + strcspn(line, "\n");
		if (*end != '\0')
			*end++ = '\0';
		if (read_line(b, line, e) == -1)
			return (-1);
	}
	return (0);
}

int
catalogue_open(struct broker *b, struct err *e)
{
	struct catalogue *c = xcalloc(1, sizeof *c);
	struct err err = ERR_INIT;
	struct gone *g;
	void *text;
	size_t len;
	int rc;

	mutex_init(&c->lock);
	mutex_init(&c->change);
	c->by_name = map_new();
	c->by_id = map_new();
	b->catalogue = c;
	b->defaults = topic_defaults_new(b);
	if (fs_slurp(b->dirfd, FILE_NAME, FILE_MAX, &text, &len, &err) == -1) {
		if (err.code == ERR_NOT_FOUND)
			return (0);
		if (e != NULL)
			*e = err;
		return (-1);
	}
	rc = read_text(b, text, len, e);
	free(text);
	if (rc == -1)
		return (err_ctx(e, "%s/%s", b->dir, FILE_NAME));
	for (g = c->gone; g != NULL; g = g->next)
		move_folders(b, g->name, &g->id, g->partitions);
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
		gone_free(g);
	}
	mutex_fini(&c->lock);
	mutex_fini(&c->change);
	free(c);
	b->catalogue = NULL;
	topic_defaults_free(b->defaults);
	b->defaults = NULL;
}
