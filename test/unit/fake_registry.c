/*
 * A registry of a few types without code behind them, for tests of the
 * configuration model: it stands in for agent/registry.c, which would pull in
 * every plugin.
 */
#include "agent/registry.h"

#include <strings.h>

#define F	"org.apache.flume."

static const char *const taildir_aliases[] = {
	F "source.taildir.TaildirSource", NULL
};
static const char *const kafka_aliases[] = {
	F "sink.kafka.KafkaSink", NULL
};
static const char *const timestamp_aliases[] = {
	F "interceptor.TimestampInterceptor$Builder", NULL
};

static const struct plugin plugins[4][3] = {
	[COMPONENT_SOURCE] = { { .name = "taildir",
	    .aliases = taildir_aliases }, { .name = "seq" } },
	[COMPONENT_CHANNEL] = { { .name = "memory" }, { .name = "file" } },
	[COMPONENT_SINK] = { { .name = "kafka", .aliases = kafka_aliases },
	    { .name = "logger" } },
	[COMPONENT_INTERCEPTOR] = { { .name = "timestamp",
	    .aliases = timestamp_aliases }, { .name = "static" } },
};

const char *const component_kind_names[] = {
	"source", "channel", "sink", "interceptor", NULL
};

const struct plugin *
registry_nth(enum component_kind kind, size_t i)
{
	return (plugins[kind][i].name == NULL ? NULL : &plugins[kind][i]);
}

const struct plugin *
registry_find(enum component_kind kind, const char *type)
{
	const struct plugin *p;

	for (p = plugins[kind]; p->name != NULL; p++)
		if (strcasecmp(p->name, type) == 0 || (p->aliases != NULL &&
		    strcasecmp(p->aliases[0], type) == 0))
			return (p);
	return (NULL);
}
