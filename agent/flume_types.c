/*
 * What a user who comes from Flume is told about a type that is not there.
 *
 * The registry is asked first, so a row here does not matter once leat has
 * the plugin; and a nearest type is named only when the registry has it.
 */
#include "agent/flume_types.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

#define F	"org.apache.flume."
#define SOURCE(alias, cls, near, why)					\
	{ COMPONENT_SOURCE, alias, F "source." cls, near, why }
#define CHANNEL(alias, cls, near, why)					\
	{ COMPONENT_CHANNEL, alias, F "channel." cls, near, why }
#define SINK(alias, cls, near, why)					\
	{ COMPONENT_SINK, alias, F "sink." cls, near, why }
#define INTERCEPTOR(alias, cls, near, why)				\
	{ COMPONENT_INTERCEPTOR, alias, F cls, near, why }

#define HADOOP	"Flume's writes through Hadoop's Java libraries"
#define DEAD	"what Flume's talked to is gone"

static const struct flume_type types[] = {
	SOURCE("seq", "SequenceGeneratorSource", NULL, NULL),
	SOURCE("netcat", "NetcatSource", "syslogtcp",
	    "lines over TCP can go to that one"),
	SOURCE("netcatudp", "NetcatUdpSource", "syslogudp",
	    "datagrams can go to that one"),
	SOURCE("exec", "ExecSource", "taildir",
	    "it follows a file as tail -F does, and forgets nothing"),
	SOURCE("avro", "AvroSource", "http",
	    "Flume's speaks Avro's RPC between Flume agents"),
	SOURCE("thrift", "ThriftSource", "http",
	    "Flume's speaks Thrift's RPC between Flume agents"),
	SOURCE("syslogtcp", "SyslogTcpSource", NULL, NULL),
	SOURCE("multiport_syslogtcp", "MultiportSyslogTCPSource", "syslogtcp",
	    "one such source per port does the same"),
	SOURCE("syslogudp", "SyslogUDPSource", NULL, NULL),
	SOURCE("spooldir", "SpoolDirectorySource", "taildir",
	    "a file group over the folder reads its files"),
	SOURCE("taildir", "taildir.TaildirSource", NULL, NULL),
	SOURCE("http", "http.HTTPSource", NULL, NULL),
	SOURCE("jms", "jms.JMSSource", NULL, "JMS is an interface of Java's"),
	SOURCE(NULL, "kafka.KafkaSource", NULL,
	    "a program that consumes a topic reads it better at the source"),
	SOURCE(NULL, "StressSource", "seq", "that one makes records, too"),
	SOURCE(NULL, "scribe.ScribeSource", NULL, DEAD),
	SOURCE(NULL, "twitter.TwitterSource", NULL, DEAD),
	SOURCE(NULL, "avroLegacy.AvroLegacySource", NULL, DEAD),
	SOURCE(NULL, "thriftLegacy.ThriftLegacySource", NULL, DEAD),

	CHANNEL("memory", "MemoryChannel", NULL, NULL),
	CHANNEL("file", "file.FileChannel", NULL, NULL),
	CHANNEL("jdbc", "jdbc.JdbcChannel", "file",
	    "that one is durable without a database"),
	CHANNEL("spillablememory", "SpillableMemoryChannel", "file",
	    "that one holds as much and is durable"),
	CHANNEL(NULL, "kafka.KafkaChannel", "file",
	    "with a kafka sink behind it the records end in the same topic"),
	CHANNEL(NULL, "PseudoTxnMemoryChannel", "memory",
	    "Flume has it for its tests only"),

	SINK("null", "NullSink", NULL, NULL),
	SINK("logger", "LoggerSink", NULL, NULL),
	SINK("file_roll", "RollingFileSink", NULL, NULL),
	SINK(NULL, "kafka.KafkaSink", NULL, NULL),
	SINK("hdfs", "hdfs.HDFSEventSink", "file_roll", HADOOP),
	SINK("hive", "hive.HiveSink", "kafka", HADOOP),
	SINK("http", "http.HttpSink", "kafka", NULL),
	SINK("avro", "AvroSink", "kafka",
	    "Flume's speaks Avro's RPC between Flume agents"),
	SINK("thrift", "ThriftSink", "kafka",
	    "Flume's speaks Thrift's RPC between Flume agents"),
	SINK("irc", "irc.IRCSink", NULL, DEAD),
	SINK("hbase", "hbase.HBaseSink", "kafka", HADOOP),
	SINK("asynchbase", "hbase.AsyncHBaseSink", "kafka", HADOOP),
	SINK("hbase2", "hbase2.HBase2Sink", "kafka", HADOOP),
	SINK("morphline_solr", "solr.morphline.MorphlineSolrSink", "kafka",
	    DEAD),
	SINK("elasticsearch", "elasticsearch.ElasticSearchSink", "kafka",
	    "Flume itself removed it in 1.10"),
	SINK(NULL, "kudu.KuduSink", "kafka", HADOOP),
	SINK(NULL, "kite.DatasetSink", "kafka",
	    "Flume itself removed it in 1.10"),

	INTERCEPTOR("timestamp", "interceptor.TimestampInterceptor", NULL,
	    NULL),
	INTERCEPTOR("host", "interceptor.HostInterceptor", NULL, NULL),
	INTERCEPTOR("static", "interceptor.StaticInterceptor", NULL, NULL),
	INTERCEPTOR("remove_header", "interceptor.RemoveHeaderInterceptor",
	    NULL, NULL),
	INTERCEPTOR("regex_filter", "interceptor.RegexFilteringInterceptor",
	    NULL, NULL),
	INTERCEPTOR("regex_extractor", "interceptor.RegexExtractorInterceptor",
	    NULL, NULL),
	INTERCEPTOR("search_replace",
	    "interceptor.SearchAndReplaceInterceptor", NULL, NULL),
	INTERCEPTOR(NULL, "sink.solr.morphline.UUIDInterceptor", NULL, NULL),
	INTERCEPTOR(NULL, "sink.solr.morphline.MorphlineInterceptor", NULL,
	    DEAD),
	{ .class_name = NULL }
};

static bool
is_class(const char *class_name, const char *type)
{
	size_t n = strlen(class_name);

	return (strncasecmp(class_name, type, n) == 0 && (type[n] == '\0' ||
	    strcasecmp(type + n, "$Builder") == 0));
}

const struct flume_type *
flume_type_find(enum component_kind kind, const char *type)
{
	const struct flume_type *t;

	for (t = types; t->class_name != NULL; t++)
		if (t->kind == kind && (is_class(t->class_name, type) ||
		    (t->alias != NULL && strcasecmp(t->alias, type) == 0)))
			return (t);
	return (NULL);
}

/* The words a user may write, joined; at most max, without class names. */
static size_t
type_words(enum component_kind kind, const char **v, size_t max)
{
	const struct plugin *p;
	size_t i, k, n = 0;

	for (i = 0; (p = registry_nth(kind, i)) != NULL; i++) {
		if (n < max)
			v[n++] = p->name;
		for (k = 0; p->aliases != NULL && p->aliases[k] != NULL; k++)
			if (n < max && strchr(p->aliases[k], '.') == NULL)
				v[n++] = p->aliases[k];
	}
	return (n);
}

static void
add_all(struct sb *sb, enum component_kind kind)
{
	const struct plugin *p;
	size_t i;

	for (i = 0; (p = registry_nth(kind, i)) != NULL; i++)
		sb_printf(sb, "%s%s", i > 0 ? ", " : "", p->name);
}

/* Flume has it, leat does not. */
static void
explain_flume(struct sb *sb, const struct flume_type *t, const char *type)
{
	const char *kind = component_kind_names[t->kind];
	bool near = t->nearest != NULL &&
	    registry_find(t->kind, t->nearest) != NULL;

	sb_printf(sb, "leat does not have Flume's %s '%s'", kind,
	    t->alias != NULL ? t->alias : type);
	if (near)
		sb_printf(sb, "; the nearest it has is '%s'", t->nearest);
	if (t->why != NULL && (near || t->nearest == NULL))
		sb_printf(sb, ": %s", t->why);
	if (!near) {
		sb_printf(sb, "; it has the %ss ", kind);
		add_all(sb, t->kind);
	}
}

const char *
registry_explain_missing(enum component_kind kind, const char *type,
    char *buf, size_t size)
{
	const struct flume_type *t = flume_type_find(kind, type);
	const char *words[64], *near, *what = component_kind_names[kind];
	struct sb sb = SB_INIT;

	near = str_nearest(type, words, type_words(kind, words, 64));
	if (t != NULL)
		explain_flume(&sb, t, type);
	else if (near != NULL)
		sb_printf(&sb, "'%s' is no type of %s; did you mean '%s'?",
		    type, what, near);
	else if (strchr(type, '.') != NULL) {
		sb_printf(&sb, "'%s' is a Java class, which leat cannot load; "
		    "it has the %ss ", type, what);
		add_all(&sb, kind);
	} else {
		sb_printf(&sb, "'%s' is no type of %s; there are ", type, what);
		add_all(&sb, kind);
	}
	str_printable(buf, size, slice_str(sb.ptr));
	sb_fini(&sb);
	return (buf);
}
