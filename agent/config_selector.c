/*
 * A source's channel selector (Flume user guide, "Flume Channel Selectors").
 *
 * A mapping's header value is the rest of its key, dots and all:
 * selector.mapping.10.0.0.1 = c1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/config_build.h"
#include "base/mem.h"

#define CLASSES	"org.apache.flume.channel."

enum selector_kind { REPLICATING, MULTIPLEXING, LOAD_BALANCING };

static const struct {
	const char		*name;
	enum selector_kind	 kind;
} kinds[] = {
	{ "replicating", REPLICATING },
	{ CLASSES "ReplicatingChannelSelector", REPLICATING },
	{ "multiplexing", MULTIPLEXING },
	{ CLASSES "MultiplexingChannelSelector", MULTIPLEXING },
	{ "load_balancing", LOAD_BALANCING },
	{ CLASSES "LoadBalancingChannelSelector", LOAD_BALANCING },
};

static int
unknown_kind(struct config_build *b, const struct conf *node,
    const struct source_config *s)
{
	static const char *const names[] = { "replicating", "multiplexing" };
	char key[CONF_KEY_SIZE], what[CONF_KEY_SIZE];
	const char *hint = config_did_you_mean(node->value, names, 2);

	snprintf(what, sizeof what, "source %s", s->c.name);
	config_broken(b, node, what, "%s: '%s' is no selector%s%s",
	    conf_key(node, key, sizeof key), node->value,
	    *hint == '\0' ? "; there are replicating and multiplexing" : "",
	    hint);
	return (-1);
}

/* The selector's kind; -1 after an error. */
static int
selector_kind(struct config_build *b, const struct source_config *s)
{
	struct conf *node = conf_find(s->c.node, "selector.type");
	char key[CONF_KEY_SIZE];
	size_t i;

	if (node == NULL || node->value == NULL)
		return (REPLICATING);
	node->used = true;
	for (i = 0; i < NELEM(kinds); i++)
		if (strcasecmp(kinds[i].name, node->value) == 0)
			break;
	if (i == NELEM(kinds))
		return (unknown_kind(b, node, s));
	if (kinds[i].kind != LOAD_BALANCING)
		return (kinds[i].kind);
	conf_error(b->p, node, "%s: the load_balancing selector is not in this "
	    "version (nor can Flume use it from a file); give the source one "
	    "channel, and that channel several sinks",
	    conf_key(node, key, sizeof key));
	return (-1);
}

/* Channels of one selector key; -1 after an error. */
static int
read_channels(struct config_build *b, struct source_config *s,
    struct conf *node, size_t **v, size_t *n)
{
	char what[CONF_KEY_SIZE];
	bool complete;

	if (node == NULL || node->value == NULL)
		return (0);
	snprintf(what, sizeof what, "the selector of source %s", s->c.name);
	*v = config_channels(b, node, what, s->channels, s->nchannels, n,
	    &complete);
	return (complete ? 0 : -1);
}

/* selector.mapping.* or selector.optional.*; -1 after an error. */
static int
read_mappings(struct config_build *b, struct source_config *s,
    const char *path, struct mapping_config **v, size_t *n)
{
	struct conf *top = conf_find(s->c.node, path), *c;
	struct mapping_config *m;
	size_t cap = 0;
	int rc = 0;

	for (c = top; c != NULL; c = conf_next(top, c)) {
		if (c == top || c->value == NULL)
			continue;
		GROW(*v, *n, cap);
		m = &(*v)[(*n)++];
		*m = (struct mapping_config){ .value = conf_key_below(top, c) };
		if (read_channels(b, s, c, &m->channels, &m->n) == -1)
			rc = -1;
	}
	return (rc);
}

static int
read_multiplexing(struct config_build *b, struct source_config *s)
{
	struct selector_config *sel = &s->selector;
	struct conf *node = s->c.node;
	const char *header = conf_get(node, "selector.header");
	char key[CONF_KEY_SIZE];
	int rc = 0;

	sel->multiplexing = true;
	sel->header = xstrdup(header == NULL ? "flume.selector.header" :
	    header);
	if (read_mappings(b, s, "selector.mapping", &sel->map,
	    &sel->nmap) == -1)
		rc = -1;
	if (read_mappings(b, s, "selector.optional", &sel->optional,
	    &sel->noptional) == -1)
		rc = -1;
	if (read_channels(b, s, conf_find(node, "selector.default"),
	    &sel->def, &sel->ndef) == -1)
		rc = -1;
	if (rc == 0 && sel->ndef == 0)
		conf_warn(b->p, conf_find(node, "selector"), "%s.selector has "
		    "no default: a record whose header '%s' has none of the "
		    "mapped values is dropped", conf_key(node, key, sizeof key),
		    sel->header);
	return (rc);
}

int
config_selector(struct config_build *b, struct source_config *s)
{
	char what[CONF_KEY_SIZE];
	int kind = selector_kind(b, s), rc = -1;

	if (kind == REPLICATING)
		rc = read_channels(b, s, conf_find(s->c.node,
		    "selector.optional"), &s->selector.opt, &s->selector.nopt);
	else if (kind == MULTIPLEXING)
		rc = read_multiplexing(b, s);
	snprintf(what, sizeof what, "source %s", s->c.name);
	if (rc == -1 && b->lenient)
		config_broken(b, s->c.node, what,
		    "its selector cannot be made");
	return (rc);
}

static void
mappings_fini(struct mapping_config *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		free(v[i].value);
		free(v[i].channels);
	}
	free(v);
}

void
config_selector_fini(struct selector_config *s)
{
	mappings_fini(s->map, s->nmap);
	mappings_fini(s->optional, s->noptional);
	free(s->header);
	free(s->def);
	free(s->opt);
}

void
config_selector_remap(struct selector_config *s, const size_t *map)
{
	size_t i;

	for (i = 0; i < s->nmap; i++)
		config_remap(s->map[i].channels, s->map[i].n, map);
	for (i = 0; i < s->noptional; i++)
		config_remap(s->optional[i].channels, s->optional[i].n, map);
	config_remap(s->def, s->ndef, map);
	config_remap(s->opt, s->nopt, map);
}
