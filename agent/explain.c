/*
 * leat explain: a component's settings, printed from its table.  With -o mdoc
 * all of them as the part of leat.conf(5) that is not written by hand.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "agent/agent.h"
#include "agent/flume_types.h"
#include "agent/monitor.h"
#include "agent/options.h"
#include "agent/registry.h"
#include "base/mem.h"
#include "base/str.h"
#include "broker/broker.h"

static const char usage[] =
"usage: leat explain [-o json] TYPE\n"
"       leat explain\n"
"\n"
"Prints the settings of a source, channel, sink or interceptor type (Flume's\n"
"class names work too), or of `broker` or `monitor`.  Without TYPE, a list.\n";

#define KINDS	4	/* of enum component_kind */

static void
list_types(void)
{
	const struct plugin *p;
	size_t i;
	int kind;

	for (kind = 0; kind < KINDS; kind++) {
		printf("%ss:\n", component_kind_names[kind]);
		for (i = 0; (p = registry_nth(kind, i)) != NULL; i++)
			printf("  %-20s %s\n", p->name, p->doc);
	}
	printf("sections:\n"
	    "  %-20s %s\n  %-20s %s\n",
	    "broker", "The built-in Kafka-protocol broker.",
	    "monitor", "Metrics and health over HTTP.");
}

static void
explain_plugin(const struct plugin *p, int kind, bool json)
{
	if (!json) {
		printf("%s (%s): %s\n\n", p->name, component_kind_names[kind],
		    p->doc);
	}
	settings_explain(p->settings, json ? SETTING_JSON : SETTING_TEXT,
	    stdout);
}

/* Flume's of that name or the nearest of any kind. */
static void
unknown(const char *type)
{
	const char *words[64], *near;
	const struct plugin *p;
	size_t i, n = 0;
	char why[256];
	int kind;

	for (kind = 0; kind < KINDS; kind++)
		if (flume_type_find(kind, type) != NULL) {
			fprintf(stderr, "leat explain: %s\n",
			    registry_explain_missing(kind, type, why,
			    sizeof why));
			return;
		}
	for (kind = 0; kind < KINDS; kind++)
		for (i = 0; (p = registry_nth(kind, i)) != NULL; i++)
			if (n + 2 < NELEM(words))
				words[n++] = p->name;
	words[n++] = "broker";
	words[n++] = "monitor";
	near = str_nearest(type, words, n);
	fprintf(stderr, "leat explain: there is no type '%s'%s%s%s\n"
	    "leat explain without a type lists what there is\n", type,
	    near == NULL ? "" : "; did you mean '", near == NULL ? "" : near,
	    near == NULL ? "" : "'?");
}

static int
explain(const char *type, bool json)
{
	const struct plugin *p;
	int kind, found = 0;

	if (strcmp(type, "broker") == 0 || strcmp(type, "monitor") == 0) {
		settings_explain(type[0] == 'b' ? broker_settings :
		    monitor_settings, json ? SETTING_JSON : SETTING_TEXT,
		    stdout);
		return (0);
	}
	for (kind = 0; kind < KINDS; kind++) {
		p = registry_find(kind, type);
		if (p == NULL)
			continue;
		if (found++ > 0)
			printf("\n");
		explain_plugin(p, kind, json);
	}
	if (found > 0)
		return (0);
	unknown(type);
	return (EX_USAGE);
}

static void
manual_part(const char *title, const char *doc,
    const char *const *aliases, const struct setting *table)
{
	size_t i;

	printf(".Ss %s\n%s\n", title, doc);
	for (i = 0; aliases != NULL && aliases[i] != NULL; i++)
		printf("%s\n.Li %s%s\n", i == 0 ? "Also" : ",", aliases[i],
		    aliases[i + 1] == NULL ? " ." : "");
	settings_explain(table, SETTING_MDOC, stdout);
}

static void
manual(void)
{
	const struct plugin *p;
	char title[64];
	size_t i;
	int kind;

	for (kind = 0; kind < KINDS; kind++)
		for (i = 0; (p = registry_nth(kind, i)) != NULL; i++) {
			snprintf(title, sizeof title, "%c%s %s",
			    component_kind_names[kind][0] - 'a' + 'A',
			    component_kind_names[kind] + 1, p->name);
			manual_part(title, p->doc, p->aliases, p->settings);
		}
	manual_part("Section broker", "The built-in broker, below "
	    "AGENT.broker; in server.properties without that.", NULL,
	    broker_settings);
	manual_part("Section monitor", "Metrics and health over HTTP, below "
	    "AGENT.monitor.", NULL, monitor_settings);
}

int
explain_command(int argc, char **argv)
{
	struct options o;
	int rc;

	if ((rc = options_parse(&o, argc, argv)) != 0)
		goto out;
	if (o.help)
		fputs(usage, stdout);
	else if (o.mdoc)
		manual();
	else if (o.nrest == 0)
		list_types();
	else
		rc = explain(o.rest[0], o.json);
out:
	options_fini(&o);
	return (rc);
}
