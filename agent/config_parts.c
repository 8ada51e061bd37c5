/*
 * Channels, sources and sinks: the components that a list names, and how they
 * are joined.
 *
 * A component with a mistake is still read to its end, so that all of its
 * mistakes are reported together, and only then left out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config_build.h"
#include "agent/selector.h"
#include "base/mem.h"
#include "base/str.h"

/* --- components of a list --- */

static struct conf *
child_of(const struct conf *c, const char *name)
{
	return (strchr(name, '.') != NULL ? NULL : conf_find(c, name));
}

/* The child nearest to a name that no list names; NULL if none is near. */
static struct conf *
nearest_unlisted(const struct conf *section, const struct config_names *names,
    const char *name)
{
	const struct conf *c;
	const char **v = NULL, *near;
	size_t n = 0, cap = 0;

	for (c = section->children; c != NULL; c = c->next)
		if (!config_names_has(names, c->name)) {
			GROW(v, n, cap);
			v[n++] = c->name;
		}
	near = str_nearest(name, v, n);
	free(v);
	return (near == NULL ? NULL : child_of(section, near));
}

/* A listed name without keys of its own. */
static void
report_undefined(struct config_build *b, struct conf *section, const char *what,
    const struct config_names *names, const char *name)
{
	struct conf *near = nearest_unlisted(section, names, name);
	char key[CONF_KEY_SIZE];

	conf_key(section, key, sizeof key);
	if (strchr(name, '.') != NULL) {
		config_broken(b, section, what, "%s lists '%s', but a name "
		    "cannot hold a dot, which ends it in a key", key, name);
		return;
	}
	if (near == NULL) {
		config_broken(b, section, what, "%s lists '%s', but there is "
		    "no %s.%s.type; add it, or take the name off the list",
		    key, name, key, name);
		return;
	}
	config_broken(b, section, what, "%s lists '%s', but there is no "
	    "%s.%s.type; did you mean '%s' (line %d)?", key, name, key, name,
	    near->name, near->line);
	/* That one needs no message of its own. */
	near->used = true;
}

static const struct plugin *
find_type(struct config_build *b, struct conf *node, enum component_kind kind,
    const char *what)
{
	const struct plugin *plugin;
	const char *type = conf_get(node, "type");
	char key[CONF_KEY_SIZE], text[512];

	if (type == NULL) {
		conf_key(node, key, sizeof key);
		config_broken(b, node, what, "%s.type is missing; add %s.type "
		    "= ...: which kind of %s it is", key, key,
		    component_kind_names[kind]);
		return (NULL);
	}
	/* Flume aborts here in either case: there is nothing to drop. */
	if ((plugin = registry_find(kind, type)) == NULL)
		conf_error(b->p, conf_find(node, "type"), "%s: %s", what,
		    registry_explain_missing(kind, type, text, sizeof text));
	return (plugin);
}

/* Keys of components that no list names: Flume says nothing about them. */
static void
report_unlisted(struct config_build *b, struct conf *section,
    enum component_kind kind, const struct config_names *names)
{
	char key[CONF_KEY_SIZE], *what;
	struct conf *c;

	conf_key(section, key, sizeof key);
	for (c = section->children; c != NULL; c = c->next) {
		if (config_names_has(names, c->name) || c->used)
			continue;
		what = xasprintf("%s %s", component_kind_names[kind], c->name);
		if (section->value == NULL)
			config_broken(b, c, what, "%s.%s has keys, but %s "
			    "lists nothing; add %s = %s", key, c->name, key,
			    key, c->name);
		else
			config_broken(b, c, what, "%s.%s has keys, but %s = %s "
			    "does not list it (line %d); add '%s' there, or "
			    "remove the keys", key, c->name, key,
			    section->value, section->line, c->name);
		free(what);
	}
}

void
config_component_fini(struct component_config *c)
{
	free(c->name);
	free(c->who);
}

/* Keys that Flume accepts for a component of any type. */
static const struct setting any_component[] = {
	SETTING_NOOP("runner", "leat runs components in its own way."),
	SETTING_NOOP("config", "leat checks settings by its own tables."),
	SETTING_END
};
static const struct setting any_source[] = {
	SETTING_NOOP("backoffSleepIncrement", "This source does not poll."),
	SETTING_NOOP("maxBackoffSleep", "This source does not poll."),
	SETTING_END
};

/* Rows whose key the plugin has no row of its own for. */
static void
accept_common(struct config_build *b, const struct component_config *c,
    const struct setting *rows)
{
	const struct setting *own;
	struct setting one[2] = { { SET_END }, SETTING_END };

	for (; rows->type != SET_END; rows++) {
		for (own = c->plugin->settings; own != NULL &&
		    own->type != SET_END; own++)
			if (strcmp(own->name, rows->name) == 0)
				break;
		one[0] = *rows;
		if (own == NULL || own->type == SET_END)
			settings_fill(one, NULL, c->node, b->p);
	}
}

static void
component_init(struct config_build *b, struct component_config *c,
    struct conf *node, enum component_kind kind, const char *owner,
    const char *what)
{
	const char *word = component_kind_names[kind];

	c->name = xstrdup(node->name);
	c->who = xasprintf("%s%s%s=%s", owner, *owner == '\0' ? "" : " ", word,
	    node->name);
	c->kind = kind;
	c->node = node;
	c->plugin = find_type(b, node, kind, what);
	node->apart = true;
	if (c->plugin == NULL)
		return;
	accept_common(b, c, any_component);
	if (kind == COMPONENT_SOURCE)
		accept_common(b, c, any_source);
}

struct component_config *
config_components(struct config_build *b, struct conf *section,
    enum component_kind kind, const char *owner, size_t *n, bool *complete)
{
	struct config_names names = { NULL, 0, 0 };
	struct component_config *v;
	struct conf *node;
	char *what;
	size_t i;

	*n = 0;
	*complete = true;
	if (section == NULL)
		return (NULL);
	config_names_read(b, section, &names);
	v = xcalloc(names.n + 1, sizeof *v);
	for (i = 0; i < names.n; i++) {
		what = xasprintf("%s %s", component_kind_names[kind],
		    names.v[i]);
		node = child_of(section, names.v[i]);
		if (node != NULL && node->children != NULL)
			component_init(b, &v[(*n)++], node, kind, owner, what);
		else {
			report_undefined(b, section, what, &names, names.v[i]);
			*complete = false;
		}
		free(what);
	}
	report_unlisted(b, section, kind, &names);
	config_names_fini(&names);
	return (v);
}

/* --- channels of sources, sinks and selectors --- */

static size_t
channel_index(const struct agent_config *cfg, const char *name)
{
	size_t i;

	for (i = 0; i < cfg->nchannels; i++)
		if (strcmp(cfg->channels[i].c.name, name) == 0)
			return (i);
	return (SIZE_MAX);
}

static bool
is_in(size_t x, const size_t *v, size_t n)
{
	size_t i;

	for (i = 0; v != NULL && i < n; i++)
		if (v[i] == x)
			return (true);
	return (v == NULL);
}

/* A channel that was reported itself is not reported again by its users. */
static bool
is_known_channel(const struct config_build *b, const char *name)
{
	const struct conf *section = conf_find(b->cfg->node, "channels");

	return (section != NULL && child_of(section, name) != NULL);
}

static void
report_channel(struct config_build *b, const struct conf *node,
    const char *what, const char *name, const size_t *within, size_t n_within)
{
	const struct agent_config *cfg = b->cfg;
	char key[CONF_KEY_SIZE], *text;
	const char **v = xcalloc(cfg->nchannels + 1, sizeof *v);
	size_t i, n = 0;

	for (i = 0; i < cfg->nchannels; i++)
		if (is_in(i, within, n_within))
			v[n++] = cfg->channels[i].c.name;
	text = xasprintf("channel %s of %s", name, what);
	conf_key(node, key, sizeof key);
	if (within != NULL)
		config_broken(b, node, text, "%s: '%s' is not among the "
		    "source's channels%s", key, name,
		    config_did_you_mean(name, v, n));
	else
		config_broken(b, node, text, "%s: agent %s has no channel "
		    "'%s'%s", key, cfg->name, name,
		    config_did_you_mean(name, v, n));
	free(text);
	free(v);
}

size_t *
config_channels(struct config_build *b, struct conf *node, const char *what,
    const size_t *within, size_t n_within, size_t *n, bool *complete)
{
	struct config_names names = { NULL, 0, 0 };
	size_t *v, i, at;

	config_names_read(b, node, &names);
	v = xcalloc(names.n + 1, sizeof *v);
	*n = 0;
	*complete = true;
	for (i = 0; i < names.n; i++) {
		at = channel_index(b->cfg, names.v[i]);
		if (at != SIZE_MAX && is_in(at, within, n_within)) {
			v[(*n)++] = at;
			continue;
		}
		*complete = false;
		if (b->lenient || at != SIZE_MAX ||
		    !is_known_channel(b, names.v[i]))
			report_channel(b, node, what, names.v[i], within,
			    n_within);
	}
	config_names_fini(&names);
	return (v);
}

static struct conf *
value_node(const struct conf *node, const char *name)
{
	struct conf *c = conf_find(node, name);

	return (c == NULL || c->value == NULL ? NULL : c);
}

/* The singular for the plural, or the other way round. */
static struct conf *
wrong_number(struct config_build *b, struct conf *node, const char *right,
    const char *wrong)
{
	char key[CONF_KEY_SIZE];
	struct conf *c = value_node(node, wrong);

	if (c == NULL)
		return (NULL);
	conf_key(node, key, sizeof key);
	conf_error(b->p, c, "%s.%s: the key is %s.%s here", key, wrong, key,
	    right);
	c->used = true;
	return (c);
}

void
config_remap(size_t *v, size_t n, const size_t *map)
{
	size_t i;

	for (i = 0; i < n; i++)
		v[i] = map[v[i]];
}

/* --- channels --- */

void
config_channels_read(struct config_build *b)
{
	struct agent_config *cfg = b->cfg;
	struct component_config *v;
	size_t i, n;
	bool complete;

	v = config_components(b, conf_find(cfg->node, "channels"),
	    COMPONENT_CHANNEL, "", &n, &complete);
	cfg->channels = xcalloc(n + 1, sizeof *cfg->channels);
	for (i = 0; i < n; i++)
		if (v[i].plugin != NULL)
			cfg->channels[cfg->nchannels++].c = v[i];
		else
			config_component_fini(&v[i]);
	free(v);
}

/* --- sources --- */

void
config_source_fini(struct source_config *s)
{
	size_t i;

	for (i = 0; i < s->ninterceptors; i++)
		config_component_fini(&s->interceptors[i]);
	free(s->interceptors);
	free(s->channels);
	config_selector_fini(&s->selector);
	config_component_fini(&s->c);
}

static int
source_channels(struct config_build *b, struct source_config *s)
{
	struct conf *node = value_node(s->c.node, "channels");
	char key[CONF_KEY_SIZE], what[CONF_KEY_SIZE];
	bool complete;

	conf_key(s->c.node, key, sizeof key);
	snprintf(what, sizeof what, "source %s", s->c.name);
	if (node == NULL && wrong_number(b, s->c.node, "channels", "channel"))
		return (-1);
	if (node == NULL) {
		config_broken(b, s->c.node, what, "%s.channels is missing; add "
		    "the channels it writes to", key);
		return (-1);
	}
	s->channels = config_channels(b, node, what, NULL, 0, &s->nchannels,
	    &complete);
	if (s->nchannels == 0 && b->lenient)
		config_broken(b, node, what, "none of its channels is there");
	if (s->nchannels > SELECTOR_CHANNELS_MAX) {
		conf_error(b->p, node, "%s.channels names %zu channels; a "
		    "source may have %d", key, s->nchannels,
		    SELECTOR_CHANNELS_MAX);
		return (-1);
	}
	return (s->nchannels == 0 ? -1 : 0);
}

static int
source_interceptors(struct config_build *b, struct source_config *s)
{
	char what[CONF_KEY_SIZE];
	bool complete;
	size_t i;

	s->interceptors = config_components(b,
	    conf_find(s->c.node, "interceptors"), COMPONENT_INTERCEPTOR,
	    s->c.who, &s->ninterceptors, &complete);
	for (i = 0; i < s->ninterceptors; i++)
		if (s->interceptors[i].plugin == NULL)
			complete = false;
	if (complete)
		return (0);
	/* Records that miss an interceptor would be wrong ones. */
	snprintf(what, sizeof what, "source %s", s->c.name);
	if (b->lenient)
		config_broken(b, s->c.node, what,
		    "one of its interceptors is not to be had");
	return (-1);
}

/* Whether the source can be kept. */
static bool
source_read(struct config_build *b, struct source_config *s)
{
	bool ok = s->c.plugin != NULL;

	if (source_interceptors(b, s) == -1)
		ok = false;
	if (source_channels(b, s) == -1)
		return (false);
	return (config_selector(b, s) == 0 && ok);
}

void
config_sources_read(struct config_build *b)
{
	struct agent_config *cfg = b->cfg;
	struct component_config *v;
	struct source_config *s;
	size_t i, n;
	bool complete;

	v = config_components(b, conf_find(cfg->node, "sources"),
	    COMPONENT_SOURCE, "", &n, &complete);
	cfg->sources = xcalloc(n + 1, sizeof *cfg->sources);
	for (i = 0; i < n; i++) {
		s = &cfg->sources[cfg->nsources];
		s->c = v[i];
		if (source_read(b, s))
			cfg->nsources++;
		else {
			config_source_fini(s);
			memset(s, 0, sizeof *s);
		}
	}
	free(v);
}

/* --- sinks --- */

/* Whether the sink can be kept. */
static bool
sink_read(struct config_build *b, struct sink_config *k)
{
	struct conf *node = value_node(k->c.node, "channel");
	char key[CONF_KEY_SIZE], what[CONF_KEY_SIZE];
	size_t *v, n;
	bool complete;

	conf_key(k->c.node, key, sizeof key);
	snprintf(what, sizeof what, "sink %s", k->c.name);
	if (node == NULL && wrong_number(b, k->c.node, "channel", "channels"))
		return (false);
	if (node == NULL) {
		config_broken(b, k->c.node, what, "%s.channel is missing; add "
		    "the channel it takes from", key);
		return (false);
	}
	v = config_channels(b, node, what, NULL, 0, &n, &complete);
	if (n > 1)
		conf_error(b->p, node, "%s.channel names %zu channels; a sink "
		    "takes from one", key, n);
	else if (n == 1)
		k->channel = v[0];
	else if (b->lenient)
		config_broken(b, node, what, "its channel is not there");
	free(v);
	return (n == 1 && complete && k->c.plugin != NULL);
}

void
config_sinks_read(struct config_build *b)
{
	struct agent_config *cfg = b->cfg;
	struct component_config *v;
	struct sink_config *k;
	size_t i, n;
	bool complete;

	v = config_components(b, conf_find(cfg->node, "sinks"),
	    COMPONENT_SINK, "", &n, &complete);
	cfg->sinks = xcalloc(n + 1, sizeof *cfg->sinks);
	for (i = 0; i < n; i++) {
		k = &cfg->sinks[cfg->nsinks];
		k->c = v[i];
		if (sink_read(b, k))
			cfg->nsinks++;
		else
			config_component_fini(&k->c);
	}
	free(v);
}
