/* Tables of settings: filling, messages, words. */
#include "base/setting.h"
#include "base/str.h"
#include "test/unit/conf_text.h"
#include "test/unit/unit.h"

struct thing {
	char			*name, *password;
	bool			 flag;
	int64_t			 batch, wait, plain;
	uint64_t		 size;
	int			 mode;
	struct setting_list	 groups, levels;
	struct conf		*producer, *group;
};

static const char *const modes[] = { "fast", "safe", "exact", NULL };
static const char *const batch_aliases[] = { "batch-size", "flumeBatchSize",
    NULL };
static const char *const levels[] = { "low", "high", NULL };

static const struct setting table[] = {
	SETTING_STR(struct thing, name, "kafka.topic",
	    .flags = SETTING_REQUIRED, .doc = "Where records go."),
	SETTING_STR(struct thing, password, "password",
	    .flags = SETTING_SECRET, .doc = "A secret."),
	SETTING_BOOL(struct thing, flag, "fileHeader", .def = "true",
	    .doc = "Whether it is on."),
	SETTING_INT(struct thing, batch, "batchSize", .def = "100",
	    .min = "1", .max = "1000000", .aliases = batch_aliases,
	    .doc = "Records per batch.  More is faster."),
	SETTING_INT(struct thing, plain, "offset", .doc = "Any number."),
	SETTING_SIZE(struct thing, size, "maxBody", .def = "16m", .min = "1k",
	    .doc = "The largest body."),
	SETTING_DURATION(struct thing, wait, "keep-alive", .def = "3s",
	    .unit_ms = 1000, .max = "1h", .doc = "How long to wait."),
	SETTING_ENUM(struct thing, mode, "mode", .def = "safe",
	    .names = modes, .doc = "How it goes about it."),
	SETTING_LIST(struct thing, groups, "groups", .doc = "Some words."),
	SETTING_LIST(struct thing, levels, "levels", .names = levels,
	    .max = "2", .doc = "Known words."),
	SETTING_TREE(struct thing, producer, "kafka.producer",
	    .doc = "Passed on."),
	SETTING_TREE(struct thing, group, "groups", .doc = "By group."),
	SETTING_NOOP("runner", "leat has no runners."),
	SETTING_END
};

static struct conf *
read_node(const char *text, struct conf_problems *p)
{
	return (conf_text_read(conf_read_properties, text, p));
}

START_TEST(fill_values)
{
	struct conf_problems p = { 0 };
	struct thing t;
	struct conf *root = read_node(
	    "a.k.kafka.topic = t1\na.k.batch-size = 5\na.k.maxBody = 64k\n"
	    "a.k.keep-alive = 10\na.k.mode = EXACT\na.k.groups = f1 f2,f3\n"
	    "a.k.fileHeader = no\na.k.kafka.producer.acks = all\n"
	    "a.k.offset = -7\na.k.levels = high low\na.k.groups.f1 = x\n", &p);

	memset(&t, 0xff, sizeof t);
	ck_assert_uint_eq(settings_fill(table, &t, conf_find(root, "a.k"), &p),
	    0);
	ck_assert_str_eq(t.name, "t1");
	ck_assert(t.password == NULL);
	ck_assert(!t.flag);
	ck_assert_int_eq(t.batch, 5);
	ck_assert_int_eq(t.plain, -7);
	ck_assert_uint_eq(t.size, 65536);
	ck_assert_int_eq(t.wait, 10000);
	ck_assert_int_eq(t.mode, 2);
	ck_assert_uint_eq(t.groups.n, 3);
	ck_assert_str_eq(t.groups.v[2], "f3");
	ck_assert_str_eq(conf_get(t.group, "f1"), "x");
	ck_assert_uint_eq(t.levels.n, 2);
	ck_assert_str_eq(conf_get(t.producer, "acks"), "all");
	settings_report_unused(root, (const struct setting *[]){ NULL }, 1,
	    "thing", &p);
	ck_assert_uint_eq(p.n, 0);
	settings_fini(table, &t);
	ck_assert(t.name == NULL);
	conf_free(root);
}
END_TEST

START_TEST(fill_defaults)
{
	struct conf_problems p = { 0 };
	struct thing t;

	memset(&t, 0xff, sizeof t);
	ck_assert_uint_eq(settings_fill(table, &t, NULL, &p), 1);
	conf_problems_check(&p, "error: kafka.topic is missing; add "
	    "kafka.topic = text (Where records go.)", "defaults");
	ck_assert(t.name == NULL);
	ck_assert(t.flag);
	ck_assert_int_eq(t.batch, 100);
	ck_assert_int_eq(t.plain, 0);
	ck_assert_uint_eq(t.size, 16 << 20);
	ck_assert_int_eq(t.wait, 3000);
	ck_assert_int_eq(t.mode, 1);
	ck_assert_uint_eq(t.groups.n, 0);
	ck_assert(t.producer == NULL);
	settings_fini(table, &t);
	conf_problems_fini(&p);
}
END_TEST

/* An alias holds although the name is the beginning of another key. */
START_TEST(alias_beside_prefix)
{
	struct conf_problems p = { 0 };
	struct conf *root = read_node("kafka.topic = t\n"
	    "batchSize.of.what = 7\nflumeBatchSize = 12\n", &p);
	struct thing t;

	ck_assert_uint_eq(settings_fill(table, &t, root, &p), 0);
	ck_assert_int_eq(t.batch, 12);
	settings_fini(table, &t);
	conf_free(root);
	conf_problems_fini(&p);
}
END_TEST

/* A value on line 1 of node a.k, and what is said about it. */
static const struct {
	const char *pair, *problems;
} wrong[] = {
	{ "batchSize = abc", "f:1: error: a.k.batchSize: 'abc' is not a "
	    "number; give a whole number from 1 to 1000000" },
	{ "batchSize = 0", "'0' is too small; give a whole number from 1 to" },
	{ "batchSize = 1000001", "'1000001' is too large; give a whole" },
	{ "batchSize = 99999999999999999999", "is too large; give" },
	{ "batchSize = 1_000", "'1_000' is not a number" },
	{ "batchSize = 0x10", "'0x10' is not a number" },
	{ "batchSize = 10k", "'10k' is not a number" },
	{ "flumeBatchSize = x", "a.k.flumeBatchSize: 'x' is not a number" },
	{ "batchSize = 7\na.k.batch-size = 8", "f:2: warning: a.k.batch-size is "
	    "another spelling of a.k.batchSize" },
	{ "fileHeader = maybe", "'maybe' is neither true nor false" },
	{ "maxBody = 12q", "'12q' is not a size; give a size in bytes, as "
	    "4096, 64k or 10m, of at least 1k" },
	{ "maxBody = -1", "'-1' is not a size" },
	{ "maxBody = 1", "'1' is too small" },
	{ "keep-alive = soon", "is not a duration; give a duration, as 250ms, "
	    "5s, 10m or a number of seconds, of at most 1h" },
	{ "keep-alive = 3601", "'3601' is too large" },
	{ "mode = save", "'save' is not known; did you mean 'safe'? It can be "
	    "one of fast, safe, exact" },
	{ "mode = xyzzy", "'xyzzy' is not known; give one of fast" },
	{ "levels = low middle", "'low middle' is not known; give a list" },
	{ "levels = low high low", "has too many words" },
	{ "runner.type = x\na.k.runner.y = z", "f:1: warning: a.k.runner has "
	    "no effect. leat has no runners." },
	/* unknown keys */
	{ "batchsize = 1", "a.k.batchsize: thing has no setting 'batchsize'; "
	    "did you mean 'batchSize'?" },
	{ "batchSise = 1", "did you mean 'batchSize'?" },
	{ "topic = 1", "a.k.topic: thing has no setting 'topic'; did you "
	    "mean 'kafka.topic'?" },
	{ "frobnicate = 1", "has no setting 'frobnicate'; remove it, or see" },
	{ "batchSize.x = 1", "has no setting 'batchSize.x'; did you mean "
	    "'batchSize'?" },
	/* all at once */
	{ "mode = x\na.k.batchSize = y\na.k.zzz = 1", "'x' is not|'y' is not|"
	    "no setting 'zzz'" },
};

START_TEST(fill_wrong)
{
	struct conf_problems p = { 0 };
	const struct setting *tables[] = { table, NULL };
	char *text = xasprintf("a.k.%s\na.k.kafka.topic=t\n", wrong[_i].pair);
	struct conf *root = read_node(text, &p);
	struct thing t;
	char what[16];

	settings_fill(table, &t, conf_find(root, "a.k"), &p);
	settings_report_unused(conf_find(root, "a.k"), tables, 2, "thing", &p);
	snprintf(what, sizeof what, "case %d", _i);
	conf_problems_check(&p, wrong[_i].problems, what);
	settings_fini(table, &t);
	free(text);
	conf_free(root);
	conf_problems_fini(&p);
}
END_TEST

/* What the whole is refused for stands at the line of the setting it names. */
static const struct { const char *msg, *problem; } together[] = {
	{ "mode = safe does not go with batchSize = 3",
	    "f:2: error: thing: mode = safe does" },
	{ "batchSize: too many", "f:1: error: thing: batchSize: too" },
	{ "name is missing", "f:1: error: thing: name is missing" },
	{ ": odd", "f:1: error: thing: : odd" },
};

START_TEST(refused_together)
{
	struct conf_problems p = { 0 };
	struct conf *root = read_node("a.k.batchSize = 3\na.k.mode = safe\n",
	    &p);
	struct err e = ERR_INIT;

	err_set(&e, ERR_CONFIG, "%s", together[_i].msg);
	settings_report_check(conf_find(root, "a.k"), "thing", &e, &p);
	conf_problems_check(&p, together[_i].problem, together[_i].msg);
	conf_problems_fini(&p);
	settings_report_check(NULL, "thing", &e, &p);
	ck_assert_uint_eq(p.errors, 1);
	conf_free(root);
	conf_problems_fini(&p);
}
END_TEST

START_TEST(unknown_as_warning)
{
	struct conf_problems p = { .unknown_ok = true };
	const struct setting *tables[] = { table };
	struct conf *root = read_node("bachSize = 1\n", &p);

	settings_report_unused(root, tables, 1, "thing", &p);
	conf_problems_check(&p, "f:1: warning: bachSize: thing has no setting "
	    "'bachSize'; did you mean 'batchSize'?", "warning");
	ck_assert_uint_eq(p.errors, 0);
	conf_free(root);
	conf_problems_fini(&p);
}
END_TEST

/* What is secret is not in a message, not even when it is wrong. */
START_TEST(secret_is_not_shown)
{
	static const struct setting secret[] = {
		SETTING_INT(struct thing, plain, "pin", .max = "9999",
		    .flags = SETTING_SECRET, .doc = "A pin."),
		SETTING_END
	};
	struct conf_problems p = { 0 };
	struct conf *root = read_node("pin = 123456", &p);
	struct thing t;
	char *text, buf[32];

	ck_assert_uint_eq(settings_fill(secret, &t, root, &p), 1);
	text = conf_text_problems(&p);
	ck_assert(strstr(text, "pin: the value is too large") != NULL);
	ck_assert(strstr(text, "123456") == NULL);
	ck_assert_str_eq(setting_print(secret, &t, buf, sizeof buf),
	    "(hidden)");
	free(text);
	conf_free(root);
	conf_problems_fini(&p);
}
END_TEST

/* What is printed reads back as the same value. */
START_TEST(print_and_read)
{
	static const struct { const char *key, *in, *out; } v[] = {
		{ "batchSize", "17", "17" }, { "maxBody", "65536", "64k" },
		{ "maxBody", "1025", "1025" }, { "maxBody", "2 MiB", "2m" },
		{ "keep-alive", "90", "90s" }, { "keep-alive", "120", "2m" },
		{ "keep-alive", "1500ms", "1500ms" },
		{ "fileHeader", "on", "true" }, { "mode", "Fast", "fast" },
		{ "groups", " a\tb,c ", "a b c" }, { "groups", ",", "" },
		{ "kafka.topic", "x y", "x y" },
	};
	struct conf_problems p = { 0 };
	const struct setting *s;
	struct conf *root;
	struct thing t;
	char buf[64];
	size_t i;
	int round;

	for (i = 0; i < NELEM(v); i++)
		for (round = 0; round < 2; round++) {
			root = conf_new();
			conf_set(root, "kafka.topic", "t", "f", 1);
			conf_set(root, v[i].key, round == 0 ? v[i].in : buf,
			    "f", 1);
			ck_assert_uint_eq(settings_fill(table, &t, root, &p),
			    0);
			for (s = table; strcmp(s->name, v[i].key) != 0; s++)
				;
			ck_assert_str_eq(setting_print(s, &t, buf, sizeof buf),
			    v[i].out);
			settings_fini(table, &t);
			conf_free(root);
		}
}
END_TEST

static char *
explain(enum setting_format format)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	settings_explain(table, format, f);
	fclose(f);
	return (text);
}

START_TEST(explain_text)
{
	char *text = explain(SETTING_TEXT), *line, *rest = text;

	ck_assert(strstr(text, "  batchSize       a whole number from 1 to "
	    "1000000; default 100; also spelled\n"
	    "                  batch-size, flumeBatchSize\n"
	    "                  Records per batch. More is faster.\n") != NULL);
	ck_assert(strstr(text, "  kafka.topic     text; required\n") != NULL);
	ck_assert(strstr(text, "  runner          no effect\n") != NULL);
	while ((line = strsep(&rest, "\n")) != NULL)
		ck_assert_uint_le(strlen(line), 78);
	free(text);
}
END_TEST

START_TEST(explain_mdoc)
{
	char *text = explain(SETTING_MDOC);

	ck_assert(strncmp(text, ".Bl -tag -width Ds\n", 19) == 0);
	ck_assert(strstr(text, ".It Cm mode\n(one of fast, safe, exact; default "
	    "safe)\nHow it goes about it.\n") != NULL);
	ck_assert(strstr(text, "Records per batch.\nMore is faster.\n") !=
	    NULL);
	ck_assert_str_eq(text + strlen(text) - 4, ".El\n");
	free(text);
}
END_TEST

START_TEST(explain_json)
{
	char *text = explain(SETTING_JSON);

	ck_assert(strstr(text, "{\"name\": \"batchSize\", \"type\": \"integer\", "
	    "\"default\": \"100\", \"min\": \"1\", \"max\": \"1000000\", "
	    "\"aliases\": [\"batch-size\", \"flumeBatchSize\"], "
	    "\"required\": false, \"secret\": false, \"doc\": \"Records per "
	    "batch.  More is faster.\"}") != NULL);
	ck_assert(strstr(text, "\"type\": \"ignored\"") != NULL);
	free(text);
}
END_TEST

static const struct {
	struct setting t[3];
	const char *msg;
} bad_tables[] = {
	{ { SETTING_INT(struct thing, plain, "a", .def = "x", .doc = "A.") },
	    "a: default 'x' is not a number" },
	{ { SETTING_INT(struct thing, plain, "a", .min = "x", .doc = "A.") },
	    "a: min 'x' is none" },
	{ { SETTING_INT(struct thing, plain, "a", .def = "5", .max = "4",
	    .doc = "A.") }, "a: default '5' is too large" },
	{ { SETTING_INT(struct thing, plain, "a") }, "doc is not a sentence" },
	{ { SETTING_INT(struct thing, plain, "a", .doc = "No stop") },
	    "doc is not a sentence" },
	{ { SETTING_ENUM(struct thing, mode, "a", .doc = "A.") },
	    "no words to choose" },
	{ { SETTING_ENUM(struct thing, mode, "a", .names = modes,
	    .def = "none", .doc = "A.") }, "default 'none' is not known" },
	{ { SETTING_STR(struct thing, name, "a", .def = "x",
	    .flags = SETTING_REQUIRED, .doc = "A.") }, "a default is of no" },
	{ { SETTING_STR(struct thing, name, "a", .doc = "A."),
	    SETTING_STR(struct thing, password, "a", .doc = "A.") },
	    "the same key or field" },
	{ { SETTING_STR(struct thing, name, "a", .doc = "A."),
	    SETTING_STR(struct thing, name, "b", .doc = "A.") },
	    "the same key or field" },
	{ { SETTING_STR(struct thing, name, "batch-size", .doc = "A."),
	    SETTING_INT(struct thing, batch, "b", .aliases = batch_aliases,
	    .doc = "A.") }, "also an alias of b" },
};

START_TEST(table_check)
{
	struct err e = ERR_INIT;
	size_t i;

	ck_assert_int_eq(settings_check_table(table, &e), 0);
	for (i = 0; i < NELEM(bad_tables); i++) {
		ck_assert_int_eq(settings_check_table(bad_tables[i].t, &e),
		    -1);
		ck_assert_msg(strstr(e.msg, bad_tables[i].msg) != NULL,
		    "%zu: %s", i, e.msg);
	}
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &fill_values },
	{ .fn = &fill_defaults },
	{ .fn = &alias_beside_prefix },
	{ .fn = &fill_wrong, .rows = NELEM(wrong) },
	{ .fn = &refused_together, .rows = NELEM(together) },
	{ .fn = &unknown_as_warning },
	{ .fn = &secret_is_not_shown },
	{ .fn = &print_and_read },
	{ .fn = &explain_text },
	{ .fn = &explain_mdoc },
	{ .fn = &explain_json },
	{ .fn = &table_check },
};

int
main(void)
{
	return (UNIT_MAIN("setting", tests));
}
