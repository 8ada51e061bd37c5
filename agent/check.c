/* leat check: validates a configuration without touching a file or a port. */
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/graph.h"
#include "agent/monitor.h"
#include "agent/options.h"

static const char usage[] =
"usage: leat check [-n NAME] [--flume-lenient] FILE ...\n"
"\n"
"Checks a configuration: every mistake with file, line, reason and fix.\n"
"Without -n all agents in it.\n"
"Starts nothing.  Exit status 0 when it is good, 78 when it is not.\n";

static void
check_monitor(struct agent_config *cfg, struct conf_problems *p)
{
	struct conf *node = conf_find(cfg->node, "monitor");
	const struct setting *tables[1] = { monitor_settings };
	struct monitor_settings m = { 0 };
	struct err e = ERR_INIT;

	if (node == NULL)
		return;
	settings_fill(monitor_settings, &m, node, p);
	settings_report_unused(node, tables, 1, "monitor", p);
	if (monitor_check(&m, &e) == -1)
		settings_report_check(node, "monitor", &e, p);
	settings_fini(monitor_settings, &m);
}

/* cfg becomes the graph's; NULL when there were errors. */
static struct graph *
check_components(struct agent_config *cfg, struct conf_problems *p)
{
	static struct plugin_env env = {
		.data_dir = "/nonexistent", .fs = &fs_real
	};

	env.agent = cfg->name;
	agent_broker_settings_free(agent_broker_settings(cfg, p));
	check_monitor(cfg, p);
	return (graph_new(cfg, &env, NULL, 0, p));
}

static const char *
plural(size_t n)
{
	return (n == 1 ? "" : "s");
}

/* agent: its name, when it is one of several; or NULL. */
static void
summary(const struct agent_config *cfg, const char *agent,
    const struct conf_problems *p)
{
	size_t warnings = p->n - p->errors;

	if (p->errors > 0) {
		if (agent != NULL)
			printf("agent %s: ", agent);
		printf("%zu error%s\n", p->errors, plural(p->errors));
		return;
	}
	printf("agent %s is good: %zu source%s, %zu channel%s, %zu sink%s%s",
	    cfg->name, cfg->nsources, plural(cfg->nsources),
	    cfg->nchannels, plural(cfg->nchannels), cfg->nsinks,
	    plural(cfg->nsinks),
	    agent_wants_broker(cfg) ? ", with the built-in broker" : "");
	if (warnings > 0)
		printf(" (%zu warning%s)", warnings, plural(warnings));
	printf("\n");
}

/* One agent of the files; several: say which. */
static int
check_agent(const struct options *o, const char *name, bool several)
{
	struct conf_problems p = { 0 };
	struct agent_config *cfg;
	struct graph *g = NULL;
	int rc;

	cfg = agent_config_load(o->files, o->nfiles, name,
	    o->lenient ? AGENT_CONFIG_LENIENT : 0, &p);
	if (cfg != NULL)
		g = check_components(cfg, &p);
	if (several && p.n > 0)
		fprintf(stderr, "agent %s:\n", name);
	conf_problems_print(&p, STDERR_FILENO);
	summary(cfg, several ? name : NULL, &p);
	fflush(stdout);
	rc = p.errors > 0 || cfg == NULL ? EX_CONFIG : 0;
	graph_free(g);
	conf_problems_fini(&p);
	return (rc);
}

/* What comes from a pipe can be read once only. */
static bool
can_read_again(const struct options *o)
{
	struct stat st;
	size_t i;

	for (i = 0; i < o->nfiles; i++)
		if (stat(o->files[i], &st) == -1 || !S_ISREG(st.st_mode))
			return (false);
	return (true);
}

/* The one with the name, the only one, or all. */
static int
check_agents(const struct options *o)
{
	char **names = NULL;
	size_t i, n = 0;
	int rc = 0;

	if (o->name == NULL && can_read_again(o))
		n = agent_config_names(o->files, o->nfiles, &names);
	if (n < 2)
		rc = check_agent(o, o->name, false);
	for (i = 0; n >= 2 && i < n; i++)
		if (check_agent(o, names[i], true) != 0)
			rc = EX_CONFIG;
	for (i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return (rc);
}

int
check_command(int argc, char **argv)
{
	struct options o;
	int i, rc;

	if ((rc = options_parse(&o, argc, argv)) != 0 || o.help) {
		if (o.help)
			fputs(usage, stdout);
		goto out;
	}
	for (i = 0; i < o.nrest; i++)
		options_add_file(&o, o.rest[i]);
	if (o.nfiles == 0) {
		fputs(usage, stderr);
		rc = EX_USAGE;
		goto out;
	}
	rc = check_agents(&o);
out:
	options_fini(&o);
	return (rc);
}
