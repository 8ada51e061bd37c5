/*
 * The file "topics".  It is text, replaced as a whole by fs_replace, so a
 * change is there or not:
 *
 *	leat-topics 1
 *	node [<broker's key>=<value, %XX>]...		only when there is one
 *	cluster [<broker's key>=<value, %XX>]...
 *	topic <name> <id> <partitions> [<key>=<value, %XX>]...
 *	gone <name> <id> <partitions>
 *	crc <CRC-32C of all before, hex>
 */
#include "broker/catalogue_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "broker/topic_config.h"
#include "broker/topic_defaults.h"

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

static const char *const layer_words[] = {
	[DEFAULTS_NODE] = "node", [DEFAULTS_CLUSTER] = "cluster"
};

static void
put_layers(struct broker *b, struct sb *s, const struct catalogue_change *ch)
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
put_all(struct catalogue *c, struct sb *s, const struct catalogue_change *ch)
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

int
catalogue_write(struct broker *b, const struct catalogue_change *ch,
    struct err *e)
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
		catalogue_gone_add(c, slice_str(w[1]), &id, (int32_t)parts,
		    false);
		return (0);
	}
	if (strcmp(w[0], "topic") != 0)
		return (err_set(e, ERR_CORRUPT, "a line makes no sense"));
	config = topic_config_new(b);
	read_config(config, w[1], false, w + 4, n - 4);
	t = topic_new(b, slice_str(w[1]), &id, (int32_t)parts, config);
	mutex_lock(&c->lock);
	catalogue_publish(c, t);
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
catalogue_read(struct broker *b, struct err *e)
{
	struct err err = ERR_INIT;
	void *text;
	size_t len;
	int rc;

	if (fs_slurp(b->dirfd, FILE_NAME, FILE_MAX, &text, &len, &err) == -1) {
		if (err.code == ERR_NOT_FOUND)
			return (0);
		if (e != NULL)
			*e = err;
		return (-1);
	}
	rc = read_text(b, text, len, e);
	free(text);
	return (rc == -1 ? err_ctx(e, "%s/%s", b->dir, FILE_NAME) : 0);
}
