/* Where an agent keeps its state, and what its broker is told. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/ini.h"
#include "base/mem.h"
#include "broker/broker.h"

/* [agent] data.dir of leat.ini with the agent's name behind it, or NULL. */
static char *
dir_from_ini(const char *name)
{
	struct conf_problems p = { 0 };
	struct conf *ini = ini_load(&p);
	const char *dir = conf_get(ini, "agent.data.dir");
	char *path = dir == NULL ? NULL : xasprintf("%s/%s", dir, name);

	conf_problems_fini(&p);
	conf_free(ini);
	return (path);
}

static char *
default_dir(const char *name)
{
	const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (geteuid() == 0 || home == NULL)
		return (xasprintf("%s/lib/leat/%s", LOCALSTATEDIR, name));
	if (xdg != NULL && xdg[0] == '/')
		return (xasprintf("%s/leat/%s", xdg, name));
	return (xasprintf("%s/.local/state/leat/%s", home, name));
}

char *
agent_data_dir(const char *given, const struct agent_config *cfg,
    const char *name)
{
	const char *dir = given;
	char *path;

	if (dir == NULL && cfg != NULL)
		dir = conf_get(cfg->node, "data.dir");
	if (dir != NULL)
		return (xstrdup(dir));
	if (cfg != NULL)
		name = cfg->name;
	path = dir_from_ini(name);
	return (path != NULL ? path : default_dir(name));
}

char *
agent_socket_path(const char *data_dir)
{
	return (xasprintf("%s/leat.sock", data_dir));
}

bool
agent_wants_broker(const struct agent_config *cfg)
{
	const struct sink_config *k;
	size_t i;

	if (cfg->broker != NULL)
		return (true);
	for (i = 0; i < cfg->nsinks; i++) {
		k = &cfg->sinks[i];
		if (strcmp(k->c.plugin->name, "kafka") == 0 &&
		    conf_find(k->c.node, "kafka.bootstrap.servers") == NULL &&
		    conf_find(k->c.node, "brokerList") == NULL)
			return (true);
	}
	return (false);
}

void *
agent_broker_settings(const struct agent_config *cfg, struct conf_problems *p)
{
	const struct setting *tables[1] = { broker_settings };
	void *settings = xcalloc(1, broker_settings_size);
	size_t before = p->errors;
	struct err e = ERR_INIT;

	settings_fill(broker_settings, settings, cfg->broker, p);
	if (cfg->broker != NULL)
		settings_report_unused(cfg->broker, tables, 1, "broker", p);
	if (p->errors == before && broker_check(settings, &e) == -1)
		settings_report_check(cfg->broker, "broker", &e, p);
	return (settings);
}

void
agent_broker_settings_free(void *settings)
{
	if (settings == NULL)
		return;
	settings_fini(broker_settings, settings);
	free(settings);
}
