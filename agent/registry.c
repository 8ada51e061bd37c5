#include "agent/registry.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/flume_types.h"
#include "base/mem.h"
#include "base/str.h"
#include "channels/channels.h"
#include "interceptors/interceptors.h"
#include "sinks/sinks.h"
#include "sources/sources.h"

const char *const component_kind_names[] = {
	"source", "channel", "sink", "interceptor", NULL
};

static const struct plugin *const sources[] = {
	&source_tail.plugin,
	&source_syslogtcp.plugin,
	&source_syslogudp.plugin,
	&source_multiport_syslogtcp.plugin,
	&source_http.plugin,
	&source_seq.plugin,
	NULL
};

static const struct plugin *const channels[] = {
	&channel_memory.plugin,
	&channel_file.plugin,
	NULL
};

static const struct plugin *const sinks[] = {
	&sink_kafka.plugin,
	&sink_logger.plugin,
	&sink_null.plugin,
	&sink_file_roll.plugin,
	NULL
};

static const struct plugin *const interceptors[] = {
	&interceptor_timestamp.plugin,
	&interceptor_host.plugin,
	&interceptor_static.plugin,
	&interceptor_regex_filter.plugin,
	NULL
};

static const struct plugin *const *const tables[] = {
	sources, channels, sinks, interceptors
};

static bool
is_called(const struct plugin *p, const char *type)
{
	size_t i;

	if (strcasecmp(p->name, type) == 0)
		return (true);
	for (i = 0; p->aliases != NULL && p->aliases[i] != NULL; i++)
		if (strcasecmp(p->aliases[i], type) == 0)
			return (true);
	return (false);
}

const struct plugin *
registry_nth(enum component_kind kind, size_t i)
{
	size_t n;

	for (n = 0; n < i; n++)
		if (tables[kind][n] == NULL)
			return (NULL);
	return (tables[kind][i]);
}

const struct plugin *
registry_find(enum component_kind kind, const char *type)
{
	size_t i;

	for (i = 0; tables[kind][i] != NULL; i++)
		if (is_called(tables[kind][i], type))
			return (tables[kind][i]);
	return (NULL);
}
