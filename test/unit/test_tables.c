/*
 * The tables of every plugin in the registry, of the broker and of the
 * monitor: what they say must hold, and no two plugins may share a name.
 */
#include <ctype.h>

#include "agent/monitor.h"
#include "agent/registry.h"
#include "broker/broker.h"
#include "test/unit/unit.h"

#define KINDS	4

static void
check_settings(const char *who, const struct setting *s)
{
	struct err e = ERR_INIT;

	ck_assert_msg(settings_check_table(s, &e) == 0, "%s: %s", who, e.msg);
}

/* Snake case, counters in _total, a sentence each. */
static void
check_metrics(const char *who, const struct metric *m)
{
	const char *p;
	size_t n;

	for (; m != NULL && m->type != METRIC_LAST; m++) {
		for (p = m->name; *p != '\0'; p++)
			ck_assert_msg(islower((unsigned char)*p) ||
			    isdigit((unsigned char)*p) || *p == '_',
			    "%s: %s", who, m->name);
		n = strlen(m->name);
		ck_assert_msg((m->type == METRIC_IS_COUNTER) == (n > 6 &&
		    strcmp(m->name + n - 6, "_total") == 0), "%s: %s", who,
		    m->name);
		n = strlen(m->doc);
		ck_assert_msg(n > 0 && m->doc[n - 1] == '.', "%s: %s", who,
		    m->doc);
	}
}

START_TEST(plugins)
{
	const struct plugin *p;
	size_t kind, i;

	for (kind = 0; kind < KINDS; kind++)
		for (i = 0; (p = registry_nth(kind, i)) != NULL; i++) {
			ck_assert_uint_gt(p->size, 0);
			ck_assert_msg(strlen(p->doc) > 0, "%s", p->name);
			check_settings(p->name, p->settings);
			check_metrics(p->name, p->metrics);
		}
}
END_TEST

/* Each name and alias finds its own plugin, in any case. */
START_TEST(names)
{
	const struct plugin *p;
	size_t kind, i, k, j;
	char upper[128];

	for (kind = 0; kind < KINDS; kind++)
		for (i = 0; (p = registry_nth(kind, i)) != NULL; i++) {
			ck_assert_ptr_eq(registry_find(kind, p->name), p);
			for (k = 0; p->aliases != NULL &&
			    p->aliases[k] != NULL; k++) {
				for (j = 0; p->aliases[k][j] != '\0'; j++)
					upper[j] = (char)toupper((unsigned char)
					    p->aliases[k][j]);
				upper[j] = '\0';
				ck_assert_ptr_eq(registry_find(kind, upper),
				    p);
			}
		}
}
END_TEST

/* Flume's names of what leat has lead to it. */
START_TEST(flume_names)
{
	static const struct {
		enum component_kind kind;
		const char *type;
	} v[] = {
#define F	"org.apache.flume."
		{ COMPONENT_SOURCE, "TAILDIR" },
		{ COMPONENT_SOURCE, F "source.taildir.TaildirSource" },
		{ COMPONENT_SOURCE, "syslogtcp" },
		{ COMPONENT_SOURCE, F "source.SyslogTcpSource" },
		{ COMPONENT_SOURCE, "syslogudp" },
		{ COMPONENT_SOURCE, F "source.SyslogUDPSource" },
		{ COMPONENT_SOURCE, "multiport_syslogtcp" },
		{ COMPONENT_SOURCE, F "source.MultiportSyslogTCPSource" },
		{ COMPONENT_SOURCE, "http" },
		{ COMPONENT_SOURCE, F "source.http.HTTPSource" },
		{ COMPONENT_SOURCE, "seq" },
		{ COMPONENT_SOURCE, F "source.SequenceGeneratorSource" },
		{ COMPONENT_CHANNEL, "memory" },
		{ COMPONENT_CHANNEL, F "channel.MemoryChannel" },
		{ COMPONENT_CHANNEL, "file" },
		{ COMPONENT_CHANNEL, F "channel.file.FileChannel" },
		{ COMPONENT_SINK, F "sink.kafka.KafkaSink" },
		{ COMPONENT_SINK, "logger" },
		{ COMPONENT_SINK, F "sink.LoggerSink" },
		{ COMPONENT_SINK, "null" },
		{ COMPONENT_SINK, F "sink.NullSink" },
		{ COMPONENT_SINK, "file_roll" },
		{ COMPONENT_SINK, F "sink.RollingFileSink" },
		{ COMPONENT_INTERCEPTOR, "timestamp" },
		{ COMPONENT_INTERCEPTOR,
		    F "interceptor.TimestampInterceptor$Builder" },
		{ COMPONENT_INTERCEPTOR,
		    F "interceptor.HostInterceptor$Builder" },
		{ COMPONENT_INTERCEPTOR,
		    F "interceptor.StaticInterceptor$Builder" },
		{ COMPONENT_INTERCEPTOR,
		    F "interceptor.RegexFilteringInterceptor$Builder" },
	};
	size_t i;

	for (i = 0; i < NELEM(v); i++)
		ck_assert_msg(registry_find(v[i].kind, v[i].type) != NULL,
		    "%s", v[i].type);
}
END_TEST

/* What leat does not have is named, with the nearest type. */
START_TEST(missing_types)
{
	static const struct {
		enum component_kind kind;
		const char *type, *says;
	} v[] = {
		{ COMPONENT_SOURCE, "exec", "the nearest it has is 'taildir'" },
		{ COMPONENT_SOURCE, F "source.SpoolDirectorySource",
		    "Flume's source 'spooldir'; the nearest it has is" },
		{ COMPONENT_CHANNEL, "jdbc", "the nearest it has is 'file'" },
		{ COMPONENT_SINK, "HDFS", "the nearest it has is 'file_roll'" },
		{ COMPONENT_SINK, "kafak", "did you mean 'kafka'?" },
		{ COMPONENT_INTERCEPTOR, "com.example.Mine$Builder",
		    "is a Java class, which leat cannot load" },
	};
	char text[512];
	size_t i;

	for (i = 0; i < NELEM(v); i++) {
		registry_explain_missing(v[i].kind, v[i].type, text,
		    sizeof text);
		ck_assert_msg(strstr(text, v[i].says) != NULL, "%s", text);
	}
}
END_TEST

START_TEST(others)
{
	check_settings("broker", broker_settings);
	check_settings("monitor", monitor_settings);
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &plugins },
	{ .fn = &names },
	{ .fn = &flume_names },
	{ .fn = &missing_types },
	{ .fn = &others },
};

int
main(void)
{
	return (UNIT_MAIN("tables", tests));
}
