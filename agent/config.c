/*
 * From files to the model of one agent.
 *
 * Flume drops what is broken, with a line in its log, and runs the rest; so a
 * spelling mistake costs a flow and nobody notices.  Here the same conditions
 * are errors, all reported at once, unless Flume's way is asked for.  What
 * would change the meaning of the file (a sink group, an unknown selector) is
 * an error in either way.
 */
#include "agent/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config_build.h"
#include "base/mem.h"
#include "base/str.h"

/* Sections below an agent. */
static const struct section {
	const char	*name;
	const char	*refused;	/* why, and what to do instead */
} sections[] = {
	{ "sources", NULL },
	{ "channels", NULL },
	{ "sinks", NULL },
	{ "broker", NULL },
	{ "monitor", NULL },
	{ "data", NULL },
	{ "sinkgroups", "sink groups are not in this version; remove the "
	    "group. Sinks on one channel share its load without one, and a "
	    "kafka sink takes several kafka.bootstrap.servers" },
	{ "configfilters", "config filters are not in this version; write "
	    "${env:NAME} where a filter's value is used" },
};

static const struct section *
section_find(const char *name)
{
	size_t i;

	for (i = 0; i < NELEM(sections); i++)
		if (strcmp(sections[i].name, name) == 0)
			return (&sections[i]);
	return (NULL);
}

/* --- which agent --- */

/* Has it any section of an agent's?  Other keys are for ${key}. */
static bool
is_agent(const struct conf *c)
{
	const struct conf *child;

	for (child = c->children; child != NULL; child = child->next)
		if (section_find(child->name) != NULL)
			return (true);
	return (false);
}

static const char **
agent_names(const struct conf *root, size_t *n)
{
	const struct conf *c;
	const char **v = NULL;
	size_t cap = 0;

	*n = 0;
	for (c = root->children; c != NULL; c = c->next)
		if (is_agent(c)) {
			GROW(v, *n, cap);
			v[(*n)++] = c->name;
		}
	return (v);
}

static void
report_agents(struct conf_problems *p, const char *file, const char *name,
    const char *const *v, size_t n)
{
	struct sb sb = SB_INIT;
	size_t i;

	for (i = 0; i < n; i++)
		sb_printf(&sb, "%s%s", i > 0 ? ", " : "", v[i]);
	if (n == 0)
		conf_error_at(p, file, 0, "the configuration has no agent; "
		    "its keys look like %s.sources = r1",
		    name == NULL ? "a1" : name);
	else if (name == NULL)
		conf_error_at(p, file, 0, "the configuration has several "
		    "agents; choose one with -n: %s", sb.ptr);
	else
		conf_error_at(p, file, 0, "the configuration has no agent "
		    "'%s'; it has %s%s", name, sb.ptr,
		    config_did_you_mean(name, v, n));
	sb_fini(&sb);
}

/* The node of the agent called name (NULL: the only one), or NULL. */
static struct conf *
agent_choose(struct conf *root, const char *file, const char *name,
    struct conf_problems *p)
{
	const char **v;
	struct conf *c;
	size_t n;

	v = agent_names(root, &n);
	for (c = root->children; c != NULL; c = c->next)
		if (is_agent(c) && (name == NULL ? n == 1 :
		    strcmp(c->name, name) == 0))
			break;
	if (c == NULL)
		report_agents(p, file, name, v, n);
	free(v);
	return (c);
}

static bool
lists_something(const struct conf *agent)
{
	const struct conf *c;

	for (c = agent->children; c != NULL; c = c->next)
		if (section_find(c->name) != NULL &&
		    (c->value != NULL || c->mapping))
			return (true);
	return (false);
}

/* Keys of an agent that lists nothing, next to one of nearly the same name:
 * al.sources.r1.type for a1.sources.r1.type. */
static void
report_stray_agents(struct config_build *b)
{
	const char *chosen = b->cfg->name;
	const struct conf *c;

	for (c = b->cfg->root->children; c != NULL; c = c->next)
		if (c != b->cfg->node && is_agent(c) && !lists_something(c) &&
		    str_nearest(c->name, &chosen, 1) != NULL)
			conf_warn(b->p, c, "%s.*: agent '%s' lists nothing, "
			    "so nothing reads these keys; did you mean '%s'?",
			    c->name, c->name, chosen);
}

/* --- its sections --- */

static void
report_section(struct config_build *b, const struct conf *c)
{
	char key[CONF_KEY_SIZE], what[2 * CONF_KEY_SIZE];
	const char *names[NELEM(sections)];
	size_t i;

	for (i = 0; i < NELEM(sections); i++)
		names[i] = sections[i].name;
	conf_key(c, key, sizeof key);
	snprintf(what, sizeof what, "%s", key);
	if (*c->name == '\0')
		config_broken(b, c, what, "%s: a part of the key is empty; "
		    "take the extra dot away", key);
	else
		config_broken(b, c, what, "%s: an agent has no section '%s'%s",
		    key, c->name, config_did_you_mean(c->name, names,
		    NELEM(names)));
}

/* What stands below data but data.dir. */
static void
report_data(struct conf *c, void *ctx)
{
	struct config_build *b = ctx;
	char key[CONF_KEY_SIZE];

	if (strcmp(c->name, "dir") != 0)
		conf_error(b->p, c, "%s: there is no such key; did you mean "
		    "'data.dir'?", conf_key(c, key, sizeof key));
}

static void
check_sections(struct config_build *b)
{
	const struct section *s;
	struct conf *c;

	if (b->cfg->node->value != NULL)
		conf_error(b->p, b->cfg->node, "%s is an agent and can have no "
		    "value of its own", b->cfg->name);
	for (c = b->cfg->node->children; c != NULL; c = c->next) {
		s = section_find(c->name);
		if (s == NULL)
			report_section(b, c);
		else if (s->refused != NULL)
			conf_error(b->p, c, "%s.%s: %s", b->cfg->name, s->name,
			    s->refused);
		else if (strcmp(s->name, "data") == 0)
			conf_walk_unused(c, report_data, b);
	}
}

/* --- the whole --- */

enum { FROM_SOURCE = 1, TO_SINK = 2 };

/* How each channel is used. */
static unsigned char *
channel_uses(const struct agent_config *cfg)
{
	unsigned char *uses = xcalloc(cfg->nchannels + 1, 1);
	size_t i, j;

	for (i = 0; i < cfg->nsources; i++)
		for (j = 0; j < cfg->sources[i].nchannels; j++)
			uses[cfg->sources[i].channels[j]] |= FROM_SOURCE;
	for (i = 0; i < cfg->nsinks; i++)
		uses[cfg->sinks[i].channel] |= TO_SINK;
	return (uses);
}

/* Takes unused channels out and renumbers the others. */
static void
remove_channels(struct agent_config *cfg, const unsigned char *uses)
{
	size_t *map = xcalloc(cfg->nchannels + 1, sizeof *map);
	struct source_config *s;
	size_t i, n = 0;

	for (i = 0; i < cfg->nchannels; i++) {
		map[i] = n;
		if (uses[i] == 0)
			config_component_fini(&cfg->channels[i].c);
		else
			cfg->channels[n++] = cfg->channels[i];
	}
	cfg->nchannels = n;
	for (i = 0; i < cfg->nsources; i++) {
		s = &cfg->sources[i];
		config_remap(s->channels, s->nchannels, map);
		config_selector_remap(&s->selector, map);
	}
	for (i = 0; i < cfg->nsinks; i++)
		config_remap(&cfg->sinks[i].channel, 1, map);
	free(map);
}

static void
check_channels(struct config_build *b)
{
	unsigned char *uses = channel_uses(b->cfg);
	const struct component_config *c;
	char what[CONF_KEY_SIZE];
	size_t i;

	for (i = 0; i < b->cfg->nchannels; i++) {
		c = &b->cfg->channels[i].c;
		snprintf(what, sizeof what, "channel %s", c->name);
		if (uses[i] == 0)
			config_broken(b, c->node, what, "%s is used by no "
			    "source and no sink; name it in one, or remove it",
			    what);
		else if (uses[i] == FROM_SOURCE)
			conf_warn(b->p, c->node, "%s has no sink: when it is "
			    "full, its sources stop", what);
		else if (uses[i] == TO_SINK)
			conf_warn(b->p, c->node, "%s has no source: it only "
			    "runs empty", what);
	}
	if (b->lenient)
		remove_channels(b->cfg, uses);
	free(uses);
}

/* Is there anything to run? */
static void
check_whole(struct config_build *b)
{
	const struct agent_config *cfg = b->cfg;

	if (cfg->nchannels + cfg->nsources + cfg->nsinks == 0 &&
	    cfg->broker != NULL)
		return;
	if (cfg->nchannels == 0)
		conf_error(b->p, cfg->node, "agent %s has no channel%s; add "
		    "%s.channels = c1 and %s.channels.c1.type = file",
		    cfg->name, b->lenient ? " that can be used" : "",
		    cfg->name, cfg->name);
	else if (cfg->nsources + cfg->nsinks == 0)
		conf_error(b->p, cfg->node, "agent %s has neither a source nor "
		    "a sink%s; there is nothing to run", cfg->name,
		    b->lenient ? " that can be used" : "");
}

static void
read_files(struct conf *root, const char *const *paths, size_t n,
    struct conf_problems *p)
{
	struct err e;
	size_t i;

	for (i = 0; i < n; i++) {
		e = (struct err)ERR_INIT;
		if (conf_read_file(root, paths[i], p, &e) == -1)
			conf_error(p, NULL, "%s", e.msg);
	}
}

static void
build(struct config_build *b)
{
	size_t before = b->p->errors;

	conf_substitute(b->cfg->node, b->p);
	check_sections(b);
	report_stray_agents(b);
	config_channels_read(b);
	config_sources_read(b);
	config_sinks_read(b);
	b->cfg->broker = conf_find(b->cfg->node, "broker");
	/* What a broken component would have used is not worth a message. */
	if (b->p->errors == before)
		check_channels(b);
	if (b->p->errors == before)
		check_whole(b);
}

/* The settings of one component alone, without an instance. */
static void
check_settings(const struct component_config *c, struct conf_problems *p)
{
	const struct setting *tables[1] = { c->plugin->settings };
	void *to;

	if (tables[0] == NULL)
		return;
	to = xcalloc(1, c->plugin->size);
	settings_fill(tables[0], to, c->node, p);
	settings_report_unused(c->node, tables, NELEM(tables), c->who, p);
	settings_fini(tables[0], to);
	free(to);
}

/*
 * The model is not used, so nobody else will look at the settings of the
 * components that are whole: all mistakes are said at once.
 */
static void
check_the_rest(const struct agent_config *cfg, struct conf_problems *p)
{
	const struct source_config *s;
	size_t i, j;

	for (i = 0; i < cfg->nchannels; i++)
		check_settings(&cfg->channels[i].c, p);
	for (i = 0; i < cfg->nsources; i++) {
		s = &cfg->sources[i];
		check_settings(&s->c, p);
		for (j = 0; j < s->ninterceptors; j++)
			check_settings(&s->interceptors[j], p);
	}
	for (i = 0; i < cfg->nsinks; i++)
		check_settings(&cfg->sinks[i].c, p);
}

struct agent_config *
agent_config_load(const char *const *paths, size_t npaths, const char *name,
    unsigned flags, struct conf_problems *p)
{
	struct agent_config *cfg = xcalloc(1, sizeof *cfg);
	struct config_build b = { cfg, p, flags & AGENT_CONFIG_LENIENT };
	size_t before = p->errors;

	/* Flume does not look at a component's own keys. */
	p->unknown_ok = b.lenient;
	cfg->root = conf_new();
	read_files(cfg->root, paths, npaths, p);
	if (p->errors == before ||
	    (cfg->root->children != NULL && !p->cut_short))
		cfg->node = agent_choose(cfg->root,
		    npaths == 1 ? paths[0] : NULL, name, p);
	if (cfg->node != NULL) {
		cfg->name = xstrdup(cfg->node->name);
		build(&b);
	}
	if (p->errors == before)
		return (cfg);
	check_the_rest(cfg, p);
	agent_config_free(cfg);
	return (NULL);
}

size_t
agent_config_names(const char *const *paths, size_t npaths, char ***names)
{
	struct conf_problems p = { 0 };
	struct conf *root = conf_new();
	const struct conf *c;
	size_t n = 0, cap = 0;

	*names = NULL;
	read_files(root, paths, npaths, &p);
	for (c = root->children; c != NULL; c = c->next)
		if (is_agent(c) && lists_something(c)) {
			GROW(*names, n, cap);
			(*names)[n++] = xstrdup(c->name);
		}
	conf_problems_fini(&p);
	conf_free(root);
	return (n);
}

void
agent_config_free(struct agent_config *cfg)
{
	size_t i;

	if (cfg == NULL)
		return;
	for (i = 0; i < cfg->nsources; i++)
		config_source_fini(&cfg->sources[i]);
	for (i = 0; i < cfg->nchannels; i++)
		config_component_fini(&cfg->channels[i].c);
	for (i = 0; i < cfg->nsinks; i++)
		config_component_fini(&cfg->sinks[i].c);
	free(cfg->sources);
	free(cfg->channels);
	free(cfg->sinks);
	free(cfg->name);
	conf_free(cfg->root);
	free(cfg);
}
