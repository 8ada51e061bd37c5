/* The model of one agent, and what is said about a broken one. */
#include "agent/config.h"
#include "base/str.h"
#include "test/unit/conf_text.h"
#include "test/unit/unit.h"

/* The shortest good agent; cases add to it and override it. */
#define GOOD								\
	"a1.sources=r1\na1.channels=c1\na1.sinks=k1\n"			\
	"a1.sources.r1.type=seq\na1.sources.r1.channels=c1\n"		\
	"a1.channels.c1.type=memory\n"					\
	"a1.sinks.k1.type=logger\na1.sinks.k1.channel=c1\n"

/* A file that goes away when it is closed; its name is good until then. */
static FILE *
text_file(const char *text, char *path, size_t size)
{
	FILE *f = tmpfile();

	ck_assert(f != NULL);
	fputs(text, f);
	fflush(f);
	snprintf(path, size, "/proc/self/fd/%d", fileno(f));
	return (f);
}

static struct agent_config *
load(const char *text, const char *name, unsigned flags,
    struct conf_problems *p)
{
	char path[64];
	const char *paths[] = { path };
	FILE *f = text_file(text, path, sizeof path);
	struct agent_config *cfg = agent_config_load(paths, 1, name, flags, p);

	fclose(f);
	return (cfg);
}

/* --- the model as text --- */

static void
add_channels(struct sb *sb, const struct agent_config *cfg, const char *what,
    const size_t *v, size_t n)
{
	size_t i;

	sb_printf(sb, "%s[", what);
	for (i = 0; i < n; i++)
		sb_printf(sb, "%s%s", i > 0 ? " " : "",
		    cfg->channels[v[i]].c.name);
	sb_puts(sb, "]");
}

static void
add_source(struct sb *sb, const struct agent_config *cfg,
    const struct source_config *s)
{
	const struct selector_config *sel = &s->selector;
	size_t i;

	sb_printf(sb, "%s:%s", s->c.who, s->c.plugin->name);
	add_channels(sb, cfg, "", s->channels, s->nchannels);
	for (i = 0; i < s->ninterceptors; i++)
		sb_printf(sb, " %s:%s", s->interceptors[i].who,
		    s->interceptors[i].plugin->name);
	if (sel->multiplexing)
		sb_printf(sb, " by %s", sel->header);
	for (i = 0; i < sel->nmap; i++) {
		sb_printf(sb, " %s", sel->map[i].value);
		add_channels(sb, cfg, "", sel->map[i].channels, sel->map[i].n);
	}
	for (i = 0; i < sel->noptional; i++) {
		sb_printf(sb, " optional %s", sel->optional[i].value);
		add_channels(sb, cfg, "", sel->optional[i].channels,
		    sel->optional[i].n);
	}
	if (sel->ndef > 0)
		add_channels(sb, cfg, " default", sel->def, sel->ndef);
	if (sel->nopt > 0)
		add_channels(sb, cfg, " optional", sel->opt, sel->nopt);
	sb_puts(sb, "; ");
}

static char *
model_text(const struct agent_config *cfg)
{
	struct sb sb = SB_INIT;
	size_t i;

	sb_printf(&sb, "%s: ", cfg->name);
	for (i = 0; i < cfg->nsources; i++)
		add_source(&sb, cfg, &cfg->sources[i]);
	for (i = 0; i < cfg->nchannels; i++)
		sb_printf(&sb, "%s:%s; ", cfg->channels[i].c.who,
		    cfg->channels[i].c.plugin->name);
	for (i = 0; i < cfg->nsinks; i++)
		sb_printf(&sb, "%s:%s[%s]; ", cfg->sinks[i].c.who,
		    cfg->sinks[i].c.plugin->name,
		    cfg->channels[cfg->sinks[i].channel].c.name);
	return (sb_take(&sb));
}

/* --- good ones --- */

#define GOOD_MODEL "a1: source=r1:seq[c1]; channel=c1:memory; " \
	"sink=k1:logger[c1]; "

static const struct {
	const char *text, *model, *problems;
} good[] = {
	{ GOOD, GOOD_MODEL, "" },
	/* properties before their list, odd blanks, types in any case */
	{ "a1.sinks.k1.channel c1\na1.sinks.k1.type:LOGGER\n"
	    "a1.channels.c1.type = Memory\na1.sources.r1.type = SEQ\n"
	    "a1.sources.r1.channels = c1 \na1.sources = \tr1\n"
	    "a1.channels = c1\na1.sinks = k1\n", GOOD_MODEL, "" },
	/* class names */
	{ GOOD "a1.sinks.k1.type=org.apache.flume.sink.kafka.KafkaSink\n",
	    "a1: source=r1:seq[c1]; channel=c1:memory; sink=k1:kafka[c1]; ",
	    "is set again" },
	/* two flows in one agent; fan-out, fan-in */
	{ "x.sources = s1 s2\nx.channels = fast safe\nx.sinks = k l\n"
	    "x.sources.s1.type = taildir\nx.sources.s1.channels = fast safe\n"
	    "x.sources.s2.type = seq\nx.sources.s2.channels = safe\n"
	    "x.channels.fast.type = memory\nx.channels.safe.type = file\n"
	    "x.sinks.k.type = kafka\nx.sinks.k.channel = fast\n"
	    "x.sinks.l.type = logger\nx.sinks.l.channel = safe\n",
	    "x: source=s1:taildir[fast safe]; source=s2:seq[safe]; "
	    "channel=fast:memory; channel=safe:file; sink=k:kafka[fast]; "
	    "sink=l:logger[safe]; ", "" },
	/* interceptors in order */
	{ GOOD "a1.sources.r1.interceptors = i2 i1\n"
	    "a1.sources.r1.interceptors.i1.type = static\n"
	    "a1.sources.r1.interceptors.i2.type = "
	    "org.apache.flume.interceptor.TimestampInterceptor$Builder\n",
	    "a1: source=r1:seq[c1] source=r1 interceptor=i2:timestamp "
	    "source=r1 interceptor=i1:static; channel=c1:memory; "
	    "sink=k1:logger[c1]; ", "" },
	/* selectors, as in Flume's TestMultiplexingChannelSelector */
	{ "a1.channels=ch1 ch2 ch3\na1.channels.ch1.type=memory\n"
	    "a1.channels.ch2.type=memory\na1.channels.ch3.type=memory\n"
	    "a1.sources=r1\na1.sources.r1.type=seq\n"
	    "a1.sources.r1.channels=ch1 ch2 ch3\n"
	    "a1.sources.r1.selector.type=multiplexing\n"
	    "a1.sources.r1.selector.header=myheader\n"
	    "a1.sources.r1.selector.mapping.foo=ch1 ch2\n"
	    "a1.sources.r1.selector.mapping.10.0.0.1=ch2  ch3\n"
	    "a1.sources.r1.selector.mapping.a\\ b=ch1\n"
	    "a1.sources.r1.selector.optional.foo=ch3\n"
	    "a1.sources.r1.selector.default=ch1 ch3\n",
	    "a1: source=r1:seq[ch1 ch2 ch3] by myheader foo[ch1 ch2] "
	    "10.0.0.1[ch2 ch3] a b[ch1] optional foo[ch3] default[ch1 ch3]; "
	    "channel=ch1:memory; channel=ch2:memory; channel=ch3:memory; ",
	    "ch1 has no sink|ch2 has no sink|ch3 has no sink" },
	{ GOOD "a1.channels=c1 c2\na1.channels.c2.type=file\n"
	    "a1.sources.r1.channels=c1 c2\n"
	    "a1.sources.r1.selector.optional=c2\n",
	    "a1: source=r1:seq[c1 c2] optional[c2]; channel=c1:memory; "
	    "channel=c2:file; sink=k1:logger[c1]; ",
	    "set again|c2 has no sink|set again" },
	/* only sources or only sinks is legal */
	{ "a1.channels=c1\na1.channels.c1.type=file\na1.sinks=k1\n"
	    "a1.sinks.k1.type=logger\na1.sinks.k1.channel=c1\n",
	    "a1: channel=c1:file; sink=k1:logger[c1]; ", "c1 has no source" },
	/* a broker alone */
	{ "a1.broker.listen=127.0.0.1:9092\n", "a1: ", "" },
	/* names twice */
	{ GOOD "a1.sinks.k1.channel=c1 c1\n", GOOD_MODEL,
	    "set again|names 'c1' twice" },
	/* keys of any component that have no effect */
	{ GOOD "a1.sources.r1.maxBackoffSleep=1\na1.sinks.k1.runner.type=x\n"
	    "a1.channels.c1.config=a.B\n", GOOD_MODEL,
	    "a1.sources.r1.maxBackoffSleep has no effect. This source does|"
	    "a1.sinks.k1.runner has no effect|a1.channels.c1.config has no" },
	/* substitution from the same file, and keys of another agent */
	{ "TYPE = seq\nb.sources = x\nb.sources.x.port = ${env:LEAT_NONE}\n"
	    GOOD "a1.sources.r1.type = ${TYPE}\n", NULL, NULL },
};

START_TEST(good_case)
{
	struct conf_problems p = { 0 };
	struct agent_config *cfg;
	char *text, what[16];

	snprintf(what, sizeof what, "case %d", _i);
	cfg = load(good[_i].text, strstr(good[_i].text, "b.sources") != NULL ?
	    "a1" : NULL, 0, &p);
	text = conf_text_problems(&p);
	ck_assert_msg(cfg != NULL, "%s: %s", what, text);
	free(text);
	if (good[_i].problems != NULL)
		conf_problems_check(&p, good[_i].problems, what);
	text = model_text(cfg);
	ck_assert_msg(strcmp(text, good[_i].model == NULL ? GOOD_MODEL :
	    good[_i].model) == 0, "%s: got %s", what, text);
	free(text);
	agent_config_free(cfg);
	conf_problems_fini(&p);
}
END_TEST

/* In YAML a mapping of components is its own list. */
START_TEST(good_yaml)
{
	static const char yaml[] =
	    "a1:\n"
	    "  sources:\n"
	    "    r1:\n"
	    "      type: taildir\n"
	    "      channels: [c1]\n"
	    "      interceptors:\n"
	    "        i1: {type: timestamp}\n"
	    "  channels: {c1: {type: file}}\n"
	    "  sinks:\n"
	    "    k1: {type: kafka, channel: c1, kafka.topic: t}\n";
	char dir[] = "/tmp/leat.config.XXXXXX", path[64], *text;
	const char *paths[] = { path };
	struct conf_problems p = { 0 };
	struct agent_config *cfg;
	FILE *f;

	ck_assert(mkdtemp(dir) != NULL);
	snprintf(path, sizeof path, "%s/a.yaml", dir);
	f = fopen(path, "w");
	fputs(yaml, f);
	fclose(f);
	cfg = agent_config_load(paths, 1, NULL, 0, &p);
	unlink(path);
	rmdir(dir);
	conf_problems_check(&p, "", "yaml");
	ck_assert(cfg != NULL);
	text = model_text(cfg);
	ck_assert_str_eq(text, "a1: source=r1:taildir[c1] source=r1 "
	    "interceptor=i1:timestamp; channel=c1:file; sink=k1:kafka[c1]; ");
	free(text);
	agent_config_free(cfg);
}
END_TEST

/* Everything the model has read counts as used; the rest is the plugins'. */
START_TEST(what_is_used)
{
	struct conf_problems p = { 0 };
	struct agent_config *cfg;
	struct conf *c;

	cfg = load(GOOD "a1.sources.r1.interceptors=i1\n"
	    "a1.sources.r1.interceptors.i1.type=static\n"
	    "a1.sources.r1.interceptors.i1.key=k\n"
	    "a1.sources.r1.selector.type=replicating\n"
	    "a1.sources.r1.port=1\n", "a1", 0, &p);
	ck_assert(cfg != NULL);
	for (c = cfg->node; c != NULL; c = conf_next(cfg->node, c))
		if (c->value != NULL)
			ck_assert_msg(c->used == (strcmp(c->name, "port") !=
			    0 && strcmp(c->name, "key") != 0), "%s", c->name);
	ck_assert(cfg->sources[0].interceptors[0].node->apart);
	ck_assert(conf_find(cfg->node, "sources.r1.port") != NULL);
	agent_config_free(cfg);
	conf_problems_fini(&p);
}
END_TEST

/* --- broken ones; the same text strictly and Flume's way --- */

#define NO_SINK		"|channel c1 has no sink"
#define R1_GONE		"source r1 is dropped, as Flume does: "
#define K1_GONE		"sink k1 is dropped, as Flume does: "

static const struct {
	const char *text, *strict, *lenient;
	const char *model;		/* lenient; NULL: an error there too */
} broken[] = {
	/* lists and components */
	{ GOOD "a1.sources.r2.type=seq\n",
	    ":9: error: a1.sources.r2 has keys, but a1.sources = r1 does not "
	    "list it (line 1); add 'r2' there",
	    ":9: warning: source r2 is dropped, as Flume does: ", GOOD_MODEL },
	{ GOOD "a1.sinks=k1 k2\n",
	    "set again|error: a1.sinks lists 'k2', but there is no "
	    "a1.sinks.k2.type; add it",
	    "set again|sink k2 is dropped", GOOD_MODEL },
	{ GOOD "a1.sources=source1\na1.sources.surce1.type=seq\n",
	    "a1.sources.r1 has keys, but|set again|error: a1.sources lists "
	    "'source1', but there is no a1.sources.source1.type; did you mean "
	    "'surce1' (line 10)?",
	    "source r1 is dropped|channel c1 has no source|set again|"
	    "source source1 is dropped",
	    "a1: channel=c1:memory; sink=k1:logger[c1]; " },
	{ "a1.channels=c1\na1.channels.c1.type=file\n"
	    "a1.sources.r1.type=seq\na1.sources.r1.channels=c1\n",
	    ":3: error: a1.sources.r1 has keys, but a1.sources lists nothing; "
	    "add a1.sources = r1",
	    "no channel that can be used|channel c1 is dropped|"
	    "source r1 is dropped", NULL },
	{ GOOD "a1.sources=r1,r2\n",
	    "set again|'r1,r2' has commas; separate|lists 'r2', but there is",
	    "source r1 is dropped|has no source|set again|"
	    "source r1,r2 is dropped", "a1: channel=c1:memory; sink=k1:logger[c1]; " },
	{ "a1.sources=r1\na1.sources.r1.channels=c1\na1.channels=c1\n"
	    "a1.channels.c1.type=file\n",
	    ":2: error: a1.sources.r1.type is missing; add",
	    ":1: error: agent a1 has no channel|:2: warning: " R1_GONE
	    "|channel c1 is dropped",
	    NULL },
	{ GOOD "a1.sinks=k1 k.2\na1.sinks.k.2.type=logger\n",
	    "set again|a1.sinks lists 'k.2', but a name cannot hold a dot|"
	    "a1.sinks.k has keys", NULL, GOOD_MODEL },
	/* joints */
	{ GOOD "a1.sources.r1.channels=c1 c9\n",
	    "set again|a1.sources.r1.channels: agent a1 has no channel 'c9'; "
	    "did you mean 'c1'?",
	    "set again|channel c9 of source r1 is dropped", GOOD_MODEL },
	{ GOOD "a1.sources.r1.channels=xyz\n",
	    "set again|agent a1 has no channel 'xyz'",
	    "has no source|set again|channel xyz of source r1 is dropped|"
	    R1_GONE "none of its", "a1: channel=c1:memory; sink=k1:logger[c1]; " },
	{ "a1.sources=r1\na1.channels=c1\na1.sources.r1.type=seq\n"
	    "a1.channels.c1.type=file\na1.sources.r1.channel=c1\n",
	    ":5: error: a1.sources.r1.channel: the key is "
	    "a1.sources.r1.channels here",
	    "the key is", NULL },
	{ GOOD "a1.sources.r1.channels=\n",
	    ":4: error: a1.sources.r1.channels is missing|its earlier one",
	    ":4: warning: " R1_GONE "|has no source|its earlier one",
	    "a1: channel=c1:memory; sink=k1:logger[c1]; " },
	{ GOOD "a1.sinks.k1.channel=c2\n",
	    "set again|a1.sinks.k1.channel: agent a1 has no channel 'c2'",
	    "has no sink|set again|channel c2 of sink k1 is dropped|"
	    K1_GONE "its channel",
	    "a1: source=r1:seq[c1]; channel=c1:memory; " },
	{ "a1.channels=c1\na1.channels.c1.type=file\na1.sinks=k1\n"
	    "a1.sinks.k1.type=logger\na1.sinks.k1.channels=c1\n",
	    ":5: error: a1.sinks.k1.channels: the key is a1.sinks.k1.channel",
	    "the key is", NULL },
	{ "a1.channels=c1\na1.channels.c1.type=file\na1.sinks=k1\n"
	    "a1.sinks.k1.type=logger\n",
	    ":4: error: a1.sinks.k1.channel is missing",
	    "has no channel|channel c1 is dropped|" K1_GONE, NULL },
	{ GOOD "a1.channels=c1 c2\na1.channels.c2.type=memory\n"
	    "a1.sinks.k1.channel=c1 c2\n",
	    "set again|set again|a1.sinks.k1.channel names 2 channels; a sink",
	    "set again|set again|a sink takes", NULL },
	{ GOOD "a1.channels=c1 c2\na1.channels.c2.type=memory\n",
	    "set again|channel c2 is used by no source and no sink",
	    "set again|channel c2 is dropped", GOOD_MODEL },
	{ "a1.channels=c0 c1\na1.channels.c0.type=file\n" GOOD
	    "a1.channels=c0 c1\na1.sources.r1.selector.optional=c1\n",
	    "channel c0 is used by no|set again|set again",
	    "channel c0 is dropped|set again|set again",
	    "a1: source=r1:seq[c1] optional[c1]; channel=c1:memory; "
	    "sink=k1:logger[c1]; " },
	/* a channel that is broken itself is reported once */
	{ GOOD "a1.channels.c1.type=\n",
	    "a1.channels.c1.type is missing|its earlier one", NULL, NULL },
	{ "a1.sources=r1\na1.sources.r1.type=seq\na1.sources.r1.channels=c1\n"
	    "a1.channels=c1\na1.channels.c1.type=foo\n",
	    ":5: error: channel c1: 'foo' is no type of channel; there are "
	    "memory, file", NULL, NULL },
	/* the whole */
	{ "a1.sources=r1\na1.sources.r1.type=seq\na1.sources.r1.channels=c1\n",
	    "has no channel 'c1'", NULL, NULL },
	{ "a1.channels=c1\na1.channels.c1.type=file\n",
	    "channel c1 is used by no", "has no channel|c1 is dropped", NULL },
	{ "a1.sources=r1\n", "lists 'r1', but there is no",
	    "source r1 is dropped|agent a1 has no channel", NULL },
	/* sections */
	{ GOOD "a1.source.r2.type=seq\n",
	    ":9: error: a1.source: an agent has no section 'source'; did you "
	    "mean 'sources'?", ":9: warning: a1.source is dropped",
	    GOOD_MODEL },
	{ GOOD "a1.channel.c1.capacity=1\n", "did you mean 'channels'?",
	    "a1.channel is dropped", GOOD_MODEL },
	{ GOOD "a1..x=1\n", "a part of the key is empty", "is dropped",
	    GOOD_MODEL },
	{ GOOD "a1=1\n", "can have no value", "can have no value", NULL },
	{ GOOD "a1.data.dri=/x\n", "a1.data.dri: there is no such key",
	    "no such key", NULL },
	{ GOOD "a1.sinkgroups=g1\na1.sinkgroups.g1.sinks=k1\n",
	    ":9: error: a1.sinkgroups: sink groups are not in this version",
	    "sink groups are not", NULL },
	{ GOOD "a1.configfilters=f1\n", "config filters are not",
	    "config filters are not", NULL },
	/* types */
	{ GOOD "a1.sources.r1.type=taildri\n",
	    "set again|source r1: 'taildri' is no type of source; did you mean "
	    "'taildir'?", "set again|did you mean", NULL },
	{ GOOD "a1.sources.r1.type=exec\n",
	    "set again|leat does not have Flume's source 'exec'; the nearest "
	    "it has is 'taildir': it follows a file", "set again|exec", NULL },
	{ GOOD "a1.sinks.k1.type=org.apache.flume.sink.hdfs.HDFSEventSink\n",
	    "set again|leat does not have Flume's sink 'hdfs'; it has the "
	    "sinks kafka, logger", "set again|hdfs", NULL },
	{ GOOD "a1.channels.c1.type=SPILLABLEMEMORY\n",
	    "set again|the nearest it has is 'file'", NULL, NULL },
	{ GOOD "a1.sources.r1.type=com.example.MySource\n",
	    "set again|'com.example.MySource' is a Java class, which leat "
	    "cannot load; it has the sources taildir, seq",
	    "set again|Java", NULL },
	{ GOOD "a1.sources.r1.interceptors=i1\na1.sources.r1.interceptors.i1."
	    "type=org.apache.flume.sink.solr.morphline.UUIDInterceptor$Builder",
	    "leat does not have Flume's interceptor", NULL, NULL },
	/* interceptors */
	{ GOOD "a1.sources.r1.interceptors=i1 i2\n"
	    "a1.sources.r1.interceptors.i1.type=static\n",
	    "a1.sources.r1.interceptors lists 'i2'",
	    R1_GONE "one of its|channel c1 has no source|interceptor i2 is",
	    "a1: channel=c1:memory; sink=k1:logger[c1]; " },
	{ GOOD "a1.sources.r1.interceptors.i1.type=static\n",
	    "a1.sources.r1.interceptors lists nothing; add",
	    "interceptor i1 is dropped", GOOD_MODEL },
	/* selectors */
	{ GOOD "a1.sources.r1.selector.type=multiplex\n",
	    "'multiplex' is no selector; did you mean 'multiplexing'?",
	    R1_GONE "its selector|has no source|is no selector",
	    "a1: channel=c1:memory; sink=k1:logger[c1]; " },
	{ GOOD "a1.sources.r1.selector.type=load_balancing\n",
	    "the load_balancing selector is not in this version", NULL, NULL },
	{ GOOD "a1.channels=c1 c2\na1.channels.c2.type=file\n"
	    "a1.sinks=k1 k2\na1.sinks.k2.type=logger\na1.sinks.k2.channel=c2\n"
	    "a1.sources.r1.selector.type=multiplexing\n"
	    "a1.sources.r1.selector.mapping.x=c2\n",
	    "set again|set again|selector.mapping.x: 'c2' is not among the "
	    "source's channels", NULL, "a1: channel=c1:memory; "
	    "channel=c2:file; sink=k1:logger[c1]; sink=k2:logger[c2]; " },
	{ GOOD "a1.sources.r1.selector.optional=c9\n",
	    "'c9' is not among the source's channels", NULL,
	    "a1: channel=c1:memory; sink=k1:logger[c1]; " },
	/* unset variables, with the agent's other mistakes */
	{ GOOD "a1.sources.r1.x=${env:LEAT_NONE}\na1.source.y=1\n",
	    "the environment has no LEAT_NONE|no section 'source'", NULL,
	    NULL },
};

START_TEST(broken_strict)
{
	struct conf_problems p = { 0 };
	struct agent_config *cfg = load(broken[_i].text, "a1", 0, &p);
	char what[32];

	snprintf(what, sizeof what, "strict case %d", _i);
	conf_problems_check(&p, broken[_i].strict, what);
	ck_assert_msg(cfg == NULL && p.errors > 0, "%s", what);
	conf_problems_fini(&p);
}
END_TEST

START_TEST(broken_lenient)
{
	struct conf_problems p = { 0 };
	struct agent_config *cfg = load(broken[_i].text, "a1",
	    AGENT_CONFIG_LENIENT, &p);
	char what[32], *text;

	snprintf(what, sizeof what, "lenient case %d", _i);
	if (broken[_i].lenient != NULL)
		conf_problems_check(&p, broken[_i].lenient, what);
	if (broken[_i].model == NULL)
		ck_assert_msg(cfg == NULL && p.errors > 0, "%s", what);
	else {
		ck_assert_msg(cfg != NULL && p.errors == 0, "%s", what);
		text = model_text(cfg);
		ck_assert_msg(strcmp(text, broken[_i].model) == 0,
		    "%s: got %s", what, text);
		free(text);
	}
	agent_config_free(cfg);
	conf_problems_fini(&p);
}
END_TEST

/* --- which agent --- */

#define TWO "agent1.channels=c\nagent2.channels=c\nPORT=1\n"

static const struct {
	const char *text, *name, *problems;
} choices[] = {
	{ TWO, NULL, "choose one with -n: agent1, agent2" },
	{ TWO, "agent3", "no agent 'agent3'; it has agent1, "
	    "agent2; did you mean 'agent1'?" },
	{ TWO, "PORT", "no agent 'PORT'; it has agent1, agent2" },
	{ "PORT=1\n", NULL, "has no agent; its keys look like a1.sources" },
	{ "", "x", "has no agent; its keys look like x.sources" },
	{ "al.sources.r1.port=1\n" GOOD, "a1", "al.*: agent 'al' lists "
	    "nothing, so nothing reads these keys; did you mean 'a1'?" },
};

START_TEST(agent_choice)
{
	struct conf_problems p = { 0 };
	struct agent_config *cfg;
	char what[32];

	snprintf(what, sizeof what, "choice %d", _i);
	cfg = load(choices[_i].text, choices[_i].name, 0, &p);
	conf_problems_check(&p, choices[_i].problems, what);
	ck_assert((cfg == NULL) == (p.errors > 0));
	agent_config_free(cfg);
	conf_problems_fini(&p);
}
END_TEST

/* A list of more names than anybody can mean is refused, and at once. */
START_TEST(long_list)
{
	struct conf_problems p = { 0 };
	struct sb sb = SB_INIT;
	int i;

	sb_puts(&sb, "a1.sources=");
	for (i = 0; i < 200000; i++)
		sb_printf(&sb, "r%d ", i);
	ck_assert(load(sb.ptr, "a1", 0, &p) == NULL);
	ck_assert(strstr(p.v[0].text, "names more than 999") != NULL);
	sb_fini(&sb);
	conf_problems_fini(&p);
}
END_TEST

START_TEST(files_merge)
{
	char one[64], two[64], *text;
	const char *paths[] = { one, two, "/nonexistent/leat.conf" };
	FILE *f1 = text_file(GOOD "a1.sources.r1.port=${PORT}\n", one, 64);
	FILE *f2 = text_file("a1.sinks.k1.type=kafka\nPORT=7\n", two, 64);
	struct conf_problems p = { 0 };
	struct agent_config *cfg = agent_config_load(paths, 2, "a1", 0, &p);

	ck_assert(cfg != NULL);
	ck_assert_uint_eq(p.n, 0);
	ck_assert_str_eq(cfg->sinks[0].c.plugin->name, "kafka");
	ck_assert_str_eq(conf_get(cfg->node, "sources.r1.port"), "7");
	agent_config_free(cfg);
	ck_assert(agent_config_load(paths, 3, "a1", 0, &p) == NULL);
	text = conf_text_problems(&p);
	ck_assert(strstr(text, "/nonexistent/leat.conf") != NULL);
	free(text);
	conf_problems_fini(&p);
	fclose(f1);
	fclose(f2);
}
END_TEST

/*
 * Several agents in one file, after Flume's own test resource: the first is
 * good, the others each have what Flume would pass over.
 */
static const char hosts[] =
    "# five hosts, one file\n"
    "host1.sources = source1\n"
    "host1.channels = channel1\n"
    "host1.sinks = sink1\n"
    "host1.sources.source1.type = seq\n"
    "host1.sources.source1.channels = channel1\n"
    "host1.channels.channel1.type = memory\n"
    "host1.channels.channel1.capacity = 10000\n"
    "host1.sinks.sink1.type = logger\n"
    "host1.sinks.sink1.channel = channel1\n"
    "! nothing but sources, of no known type\n"
    "host2.sources = one two\n"
    "host2.sources.one.type = foo\n"
    "host2.sources.two.type = netcat\n"
    "! a sink on a channel that is not there\n"
    "host3.sources = s\n"
    "host3.channels = c d\n"
    "host3.sinks = k\n"
    "host3.sources.s.type = seq\n"
    "host3.sources.s.channels = \\\n"
    "    c \\\n"
    "    missing\n"
    "host3.channels.c.type = memory\n"
    "host3.channels.d.capacity = 5\n"
    "host3.sinks.k.type = logger\n"
    "host3.sinks.k.channel = other\n"
    "! a group with a sink that is not there, and old keys\n"
    "host5.channels = c\n"
    "host5.channels.c.type = memory\n"
    "host5.sinks = k\n"
    "host5.sinks.k.type = logger\n"
    "host5.sinks.k.channel = c\n"
    "host5.sinkgroups = g\n"
    "host5.sinkgroups.g.sinks = k nobody\n"
    "host5.sinkgroups.g.policy.type = failover\n";

static const struct {
	const char *name, *strict;
} host_cases[] = {
	{ "host1", NULL },
	{ "host2", ":13: error: source one: 'foo' is no type|:13: error: "
	    "host2.sources.one.channels is missing|:14: error: source two: "
	    "leat does not have Flume's source 'netcat'; it has|:14: error: "
	    "host2.sources.two.channels is missing" },
	{ "host3", ":20: error: host3.sources.s.channels: agent host3 has no "
	    "channel 'missing'|:24: error: host3.channels.d.type is missing|"
	    ":26: error: host3.sinks.k.channel: agent host3 has no channel "
	    "'other'" },
	{ "host4", "no agent 'host4'; it has host1, host2, host3, host5; did" },
	{ "host5", ":33: error: host5.sinkgroups: sink groups are not" },
};

START_TEST(five_hosts)
{
	struct conf_problems p = { 0 };
	struct agent_config *cfg = load(hosts, host_cases[_i].name, 0, &p);
	char *text;

	if (host_cases[_i].strict == NULL) {
		ck_assert_uint_eq(p.n, 0);
		text = model_text(cfg);
		ck_assert_str_eq(text, "host1: source=source1:seq[channel1]; "
		    "channel=channel1:memory; sink=sink1:logger[channel1]; ");
		free(text);
	} else {
		ck_assert(cfg == NULL);
		conf_problems_check(&p, host_cases[_i].strict,
		    host_cases[_i].name);
	}
	agent_config_free(cfg);
	conf_problems_fini(&p);
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &good_case, .rows = NELEM(good) },
	{ .fn = &good_yaml },
	{ .fn = &what_is_used },
	{ .fn = &broken_strict, .rows = NELEM(broken) },
	{ .fn = &broken_lenient, .rows = NELEM(broken) },
	{ .fn = &agent_choice, .rows = NELEM(choices) },
	{ .fn = &five_hosts, .rows = NELEM(host_cases) },
	{ .fn = &long_list },
	{ .fn = &files_merge },
};

int
main(void)
{
	return (UNIT_MAIN("config", tests));
}
