/* leat check: validates a configuration without touching a file or a port. */
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

static void
summary(const struct agent_config *cfg, const struct conf_problems *p)
{
	size_t warnings = p->n - p->errors;

	if (p->errors > 0) {
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

int
check_command(int argc, char **argv)
{
	struct conf_problems p = { 0 };
	struct agent_config *cfg;
	struct graph *g = NULL;
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
	cfg = agent_config_load(o.files, o.nfiles, o.name,
	    o.lenient ? AGENT_CONFIG_LENIENT : 0, &p);
	if (cfg != NULL)
		g = check_components(cfg, &p);
	conf_problems_print(&p, STDERR_FILENO);
	summary(cfg, &p);
	rc = p.errors > 0 || cfg == NULL ? EX_CONFIG : 0;
	graph_free(g);
	conf_problems_fini(&p);
out:
	options_fini(&o);
	return (rc);
}
