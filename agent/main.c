/* leat: one program, its commands in one table. */
#include <config.h>

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "agent/agent.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"

static int help_command(int argc, char **argv);
static int version_command(int argc, char **argv);

static const struct command agent_commands[] = {
	{ "agent", agent_command, "run an agent: sources, channels, sinks, "
	    "built-in broker" },
	{ "broker", broker_command, "run the built-in broker alone" },
	{ "check", check_command, "check a configuration" },
	{ "explain", explain_command, "show a component's settings" },
	{ "where", where_command, "show where every line is" },
	{ "version", version_command, "show the version" },
	{ "help", help_command, "show this" },
	{ NULL, NULL, NULL }
};

static const struct command *const tables[] = {
	agent_commands, cli_commands
};

static int
version_command(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("leat %s\n", PACKAGE_VERSION);
	return (0);
}

static void
print_help(FILE *f)
{
	const struct command *c;
	size_t i;

	fprintf(f, "usage: leat COMMAND [ARGUMENT ...]\n\n"
	    "Collects log lines into Kafka topics, with a Kafka-protocol "
	    "broker built in.\n\n");
	for (i = 0; i < NELEM(tables); i++)
		for (c = tables[i]; c->name != NULL; c++)
			fprintf(f, "  %-18s %s\n", c->name, c->summary);
	fprintf(f, "\nleat COMMAND --help says more; leat(1) and "
	    "leat.conf(5) say all.\n");
}

static int
help_command(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	print_help(stdout);
	return (0);
}

static const struct command *
find(const char *name)
{
	const struct command *c;
	size_t i;

	for (i = 0; i < NELEM(tables); i++)
		for (c = tables[i]; c->name != NULL; c++)
			if (strcmp(c->name, name) == 0)
				return (c);
	return (NULL);
}

static int
unknown(const char *name)
{
	const char *words[64];
	const struct command *c;
	const char *near;
	size_t i, n = 0;

	for (i = 0; i < NELEM(tables); i++)
		for (c = tables[i]; c->name != NULL && n < NELEM(words); c++)
			words[n++] = c->name;
	near = str_nearest(name, words, n);
	fprintf(stderr, "leat: there is no command %s", name);
	if (near != NULL)
		fprintf(stderr, "; did you mean %s?", near);
	fprintf(stderr, "\nleat help lists the commands\n");
	return (EX_USAGE);
}

int
main(int argc, char **argv)
{
	const struct command *c;

	if (argc < 2) {
		print_help(stderr);
		return (EX_USAGE);
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return (help_command(argc, argv));
	if (strcmp(argv[1], "--version") == 0)
		return (version_command(argc, argv));
	if ((c = find(argv[1])) == NULL)
		return (unknown(argv[1]));
	return (c->run(argc - 1, argv + 1));
}
