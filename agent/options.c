#include "agent/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/mem.h"

enum {
	OPT_DATA_DIR = 256, OPT_SOCKET, OPT_LOG_LEVEL, OPT_LENIENT,
	OPT_NO_RELOAD
};

static const struct option long_options[] = {
	{ "name", required_argument, NULL, 'n' },
	{ "conf-file", required_argument, NULL, 'f' },
	{ "conf", required_argument, NULL, 'c' },
	{ "output", required_argument, NULL, 'o' },
	{ "poll-interval", required_argument, NULL, 'i' },
	{ "zkConnString", required_argument, NULL, 'z' },
	{ "conf-uri", required_argument, NULL, 'u' },
	{ "data-dir", required_argument, NULL, OPT_DATA_DIR },
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "log-level", required_argument, NULL, OPT_LOG_LEVEL },
	{ "flume-lenient", no_argument, NULL, OPT_LENIENT },
	{ "no-reload-conf", no_argument, NULL, OPT_NO_RELOAD },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

void
options_add_file(struct options *o, const char *path)
{
	o->files = xreallocarray(o->files, o->nfiles + 1, sizeof *o->files);
	o->files[o->nfiles++] = path;
}

/* Flume's system properties: the monitoring port means something here, the
 * logging ones did something to log4j. */
static int
java_property(struct options *o, const char *arg)
{
	static const char port[] = "flume.monitoring.port=";
	char *end;

	if (strncmp(arg, port, sizeof port - 1) != 0)
		return (0);
	o->monitor_port = strtol(arg + sizeof port - 1, &end, 10);
	if (*end == '\0' && o->monitor_port > 0 && o->monitor_port < 65536)
		return (0);
	fprintf(stderr, "leat: -D%s: the port must be 1 to 65535\n", arg);
	return (EX_USAGE);
}

static int
poll_interval(struct options *o, const char *arg)
{
	char *end;

	o->poll_s = strtol(arg, &end, 10);
	if (*end == '\0' && o->poll_s > 0 && o->poll_s <= 86400)
		return (0);
	fprintf(stderr, "leat: -i %s: give seconds, 1 to 86400\n", arg);
	return (EX_USAGE);
}

static int
refused(const char *what, const char *instead)
{
	fprintf(stderr, "leat: %s is not available; %s\n", what, instead);
	return (EX_USAGE);
}

static int
take(struct options *o, int c, const char *arg)
{
	switch (c) {
	case 'n':
		o->name = arg;
		return (0);
	case 'f':
		options_add_file(o, arg);
		return (0);
	case 'o':
		o->json = strcmp(arg, "json") == 0;
		o->mdoc = strcmp(arg, "mdoc") == 0;
		if (o->json || o->mdoc || strcmp(arg, "text") == 0)
			return (0);
		fprintf(stderr, "leat: -o %s: give json or text\n", arg);
		return (EX_USAGE);
	case 'D':
		return (java_property(o, arg));
	case 'z':
		return (refused("configuration from ZooKeeper",
		    "give a file with -f"));
	case 'u':
		return (refused("configuration from a URI",
		    "give a file with -f"));
	case OPT_DATA_DIR:
		o->data_dir = arg;
		return (0);
	case OPT_SOCKET:
		o->socket = arg;
		return (0);
	case OPT_LOG_LEVEL:
		o->log_level = arg;
		return (0);
	case OPT_LENIENT:
		o->lenient = true;
		return (0);
	case 'h':
		o->help = true;
		return (0);
	case 'i':
		return (poll_interval(o, arg));
	case OPT_NO_RELOAD:
		o->no_reload = true;
		return (0);
	case 'c':		/* Flume's folder of flume-env.sh */
		return (0);
	default:
		return (EX_USAGE);
	}
}

/* getopt's complaint, as the other commands word it. */
static int
refuse_option(int c, int argc, char **argv)
{
	const char *arg = argv[optind > 1 && optind <= argc ? optind - 1 : 0];

	if (c == ':')
		fprintf(stderr, "leat %s: %s wants a value", argv[0], arg);
	else
		fprintf(stderr, "leat %s: %s: there is no such option, or "
		    "it takes no value", argv[0], arg);
	fprintf(stderr, "; see leat %s --help\n", argv[0]);
	return (EX_USAGE);
}

int
options_parse(struct options *o, int argc, char **argv)
{
	int c, rc;

	memset(o, 0, sizeof *o);
	o->monitor_port = -1;
	o->poll_s = 30;
	optind = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":n:f:c:o:i:z:u:D:h",
	    long_options, NULL)) != -1) {
		if (c == ':' || c == '?')
			return (refuse_option(c, argc, argv));
		if ((rc = take(o, c, optarg)) != 0)
			return (rc);
	}
	o->rest = argv + optind;
	o->nrest = argc - optind;
	return (0);
}

void
options_fini(struct options *o)
{
	free(o->files);
}
