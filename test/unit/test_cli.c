/* The commands' words: flags, properties, dump-log, exit statuses. */
#include "base/clock.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/flags.h"
#include "cli/histogram.h"
#include "cli/properties.h"
#include "kafka/records.h"
#include "test/unit/capture.h"

/* Splits at blanks; "" stands for an empty word. */
static int
words(char *text, char **argv)
{
	int n = (int)str_words(text, argv, 30), i;

	for (i = 0; i < n; i++)
		if (strcmp(argv[i], "\"\"") == 0)
			argv[i][0] = '\0';
	argv[n] = NULL;
	return (n);
}

/* --- flags --- */

struct given {
	bool			 list, create;
	const char		*topic, *output, *state;
	int64_t			 n;
	struct flag_list	 configs, props, rest;
};

static int
parse(struct given *g, char *line, bool operands)
{
	const struct flag flags[] = {
		FLAG_BOOL_ROW("list", &g->list, "List the topics."),
		FLAG_BOOL_ROW("create", &g->create, "Create one."),
		FLAG_STR_ROW("topic", &g->topic, "NAME", "The topic."),
		FLAG_STR_ROW("old-topic", &g->topic, "NAME", NULL),
		FLAG_INT_ROW("partitions", &g->n, "N", "How many."),
		FLAG_LIST_ROW("config", &g->configs, "KEY=VALUE", "One more."),
		FLAG_WORD_ROW("output", &g->output, "json|text", "Form."),
		FLAG_WORDS_ROW("props", &g->props, "KEY=VALUE ...", "Them."),
		FLAG_MAYBE_ROW("state", &g->state, "STATE", "Its state."),
		FLAG_LAST
	};
	char *argv[32];
	int argc = words(line, argv);

	return (flags_parse(flags, "leat x", "Does x.", argc, argv,
	    operands ? &g->rest : NULL));
}

/* What the line gives: status, and what is printed to standard error. */
static const struct {
	const char	*line;
	int		 rc;
	const char	*said;
	const char	*values;	/* list create topic n configs rest
					 * props state */
} lines[] = {
	{ "x", 0, "", "0 0 - 7 [] [] [] -" },
	{ "x --list", 0, "", "1 0 - 7 [] [] [] -" },
	{ "x --topic t --list --create", 0, "", "1 1 t 7 [] [] [] -" },
	{ "x --topic=t=u", 0, "", "0 0 t=u 7 [] [] [] -" },
	{ "x --topic= --list", 0, "", "1 0  7 [] [] [] -" },
	{ "x --topic \"\"", 0, "", "0 0  7 [] [] [] -" },
	{ "x --topic a --topic b", 0, "", "0 0 b 7 [] [] [] -" },
	{ "x --topic -", 0, "", "0 0 - 7 [] [] [] -" },
	{ "x --old-topic t", 0, "", "0 0 t 7 [] [] [] -" },
	{ "x --partitions -3", 0, "", "0 0 - -3 [] [] [] -" },
	{ "x --config a=1 --config=b=2", 0, "", "0 0 - 7 [a=1 b=2] [] [] -" },
	{ "x one --list two", 0, "", "1 0 - 7 [] [one two] [] -" },
	{ "x -o json", 0, "", "0 0 - 7 [] [] [] -" },
	{ "x --props a=1 b=2 --list --props=c=3 --props d=4", 0, "",
	    "1 0 - 7 [] [] [a=1 b=2 c=3 d=4] -" },
	{ "x --props a=1 -l", 64, "leat x: -l: flags begin with --", NULL },
	{ "x --props --list", 64, "--props wants a value", NULL },
	{ "x --props", 64, "leat x: --props wants a value: KEY=VALUE ...\n",
	    NULL },
	{ "x --state", 0, "", "0 0 - 7 [] [] [] " },
	{ "x --state --list", 0, "", "1 0 - 7 [] [] [] " },
	{ "x --state -o json", 0, "", "0 0 - 7 [] [] [] " },
	{ "x --state a,b --list", 0, "", "1 0 - 7 [] [] [] a,b" },
	{ "x --state=a", 0, "", "0 0 - 7 [] [] [] a" },
	{ "x --partitions many", 64, "leat x: --partitions many: give a whole "
	    "number\n", NULL },
	{ "x --partitions 3x", 64, "leat x: --partitions 3x: give a whole "
	    "number\n", NULL },
	{ "x --partitions 99999999999999999999", 64, "give a whole number",
	    NULL },
	{ "x --lisst", 64, "leat x: --lisst: there is no such flag; did you "
	    "mean --list?\nleat x --help lists them\n", NULL },
	{ "x --q", 64, "leat x: --q: there is no such flag\nleat x --help "
	    "lists them\n", NULL },
	{ "x --", 64, "there is no such flag", NULL },
	{ "x --topic", 64, "leat x: --topic wants a value: NAME\n", NULL },
	{ "x --topic --list", 64, "leat x: --topic wants a value: NAME\n",
	    NULL },
	{ "x --topic --list=1", 64, "--topic wants a value", NULL },
	{ "x --list=false", 64, "leat x: --list takes no value\n", NULL },
	{ "x -l", 64, "leat x: -l: flags begin with --; leat x --help lists "
	    "them\n", NULL },
	{ "x -o yaml", 64, "leat x: --output yaml: give json or text\n",
	    NULL },
	{ "x --output jso", 64, "give json or text", NULL },
	{ "x --output \"\"", 64, "give json or text", NULL },
};

static void
add_list(struct sb *out, const struct flag_list *l)
{
	size_t i;

	sb_puts(out, " [");
	for (i = 0; i < l->n; i++)
		sb_printf(out, "%s%s", i == 0 ? "" : " ", l->v[i]);
	sb_puts(out, "]");
}

START_TEST(test_flags)
{
	struct given g = { .n = 7 };
	struct sb out = SB_INIT;
	struct capture c;
	char *line = xstrdup(lines[_i].line);
	int rc;

	capture_begin(&c);
	rc = parse(&g, line, true);
	capture_end(&c);
	ck_assert_int_eq(rc, lines[_i].rc);
	if (rc == 0)
		ck_assert_str_eq(c.err, "");
	ck_assert_msg(strstr(c.err, lines[_i].said) != NULL, "%s", c.err);
	if (lines[_i].values != NULL) {
		sb_printf(&out, "%d %d %s %lld", g.list, g.create,
		    g.topic == NULL ? "-" : g.topic, (long long)g.n);
		add_list(&out, &g.configs);
		add_list(&out, &g.rest);
		add_list(&out, &g.props);
		sb_printf(&out, " %s", g.state == NULL ? "-" : g.state);
		ck_assert_str_eq(out.ptr, lines[_i].values);
		sb_fini(&out);
	}
	capture_fini(&c);
	flag_list_fini(&g.configs);
	flag_list_fini(&g.props);
	flag_list_fini(&g.rest);
	free(line);
}
END_TEST

START_TEST(test_flags_without_operands)
{
	struct given g = { .n = 7 };
	char line[] = "x topic1";
	struct capture c;
	int rc;

	capture_begin(&c);
	rc = parse(&g, line, false);
	capture_end(&c);
	ck_assert_int_eq(rc, CLI_USAGE);
	ck_assert_ptr_nonnull(strstr(c.err, "topic1: flags begin with --"));
	capture_fini(&c);
}
END_TEST

START_TEST(test_help)
{
	struct given g = { .n = 7 };
	char line[] = "x --help";
	struct capture c;
	int rc;

	capture_begin(&c);
	rc = parse(&g, line, false);
	capture_end(&c);
	ck_assert_int_eq(rc, FLAGS_HELP);
	ck_assert_str_eq(c.err, "");
	ck_assert_str_eq(c.out, "usage: leat x [--flag value ...]\n\nDoes x.\n"
	    "\n  --list                           List the topics."
	    "\n  --create                         Create one."
	    "\n  --topic NAME                     The topic."
	    "\n  --partitions N                   How many."
	    "\n  --config KEY=VALUE               One more."
	    "\n  --output json|text               Form."
	    "\n  --props KEY=VALUE ...            Them."
	    "\n  --state [STATE]                  Its state.\n");
	capture_fini(&c);
}
END_TEST

/* --- properties --- */

START_TEST(test_properties)
{
	struct property table[] = {
		{ "print.key", "false" }, { "key.separator", "\t" },
		{ "null.marker", NULL }, { NULL, NULL }
	};
	const char *good[] = { "print.key=true", "key.separator==",
	    "print.key=TRUE" };
	const char *bad[] = { "print.kye=true", "print.key", "=x", "" };
	struct flag_list l = { good, 3 };
	struct capture c;
	size_t i;
	int rc;

	ck_assert(!property_true(table, "print.key"));
	ck_assert_ptr_null(property(table, "null.marker"));
	ck_assert_int_eq(properties_parse(table, &l, "leat x"), 0);
	ck_assert(property_true(table, "print.key"));
	ck_assert_str_eq(property(table, "key.separator"), "=");
	for (i = 0; i < NELEM(bad); i++) {
		l = (struct flag_list){ &bad[i], 1 };
		capture_begin(&c);
		rc = properties_parse(table, &l, "leat x");
		capture_end(&c);
		ck_assert_int_eq(rc, CLI_USAGE);
		ck_assert_ptr_nonnull(strstr(c.err, "print.key key.separator "
		    "null.marker"));
		capture_fini(&c);
	}
}
END_TEST

/* --- dump-log --- */

static int
command(const char *line, struct capture *c)
{
	char *copy = xstrdup(line), *argv[32];
	const struct command *cmd = cli_commands;
	int argc = words(copy, argv), rc;

	while (strcmp(cmd->name, argv[0]) != 0) {
		cmd++;
		ck_assert_ptr_nonnull(cmd->name);
	}
	capture_begin(c);
	rc = cmd->run(argc, argv);
	capture_end(c);
	free(copy);
	return (rc);
}

static size_t
put_batch(uint8_t *p, int64_t base, const char *key, const char *value)
{
	struct krecord_header h = { SLICE("h"), SLICE("v") };
	struct kbuilder kb;

	kbuilder_init(&kb, p, 1000, 1700000000000);
	kb.base_offset = base;
	kb.leader_epoch = 2;
	ck_assert(kbuilder_add(&kb, 1700000000000, slice_str(key),
	    slice_str(value), NULL, 0));
	ck_assert(kbuilder_add(&kb, 1700000000005, SLICE_NULL, SLICE_NULL, &h,
	    1));
	return (kbuilder_finish(&kb));
}

static int
dump_as(const char *name, const char *flags, const uint8_t *p, size_t n,
    struct capture *c)
{
	char path[64], line[200];
	int dirfd = unit_dir(path), fd, rc;

	fd = openat(dirfd, name, O_WRONLY | O_CREAT, 0600);
	ck_assert_int_eq(write(fd, p, n), (ssize_t)n);
	close(fd);
	snprintf(line, sizeof line, "dump-log %s --files %s/%s", flags, path,
	    name);
	rc = command(line, c);
	unit_dir_remove(dirfd, path);
	return (rc);
}

static int
dump(const char *flags, const uint8_t *p, size_t n, struct capture *c)
{
	return (dump_as("00.log", flags, p, n, c));
}

START_TEST(test_dump_good)
{
	uint8_t buf[2000];
	size_t n = put_batch(buf, 40, "k", "value \"1\"");
	char want[300];
	struct capture c;

	n += put_batch(buf + n, 42, "k2", "v2");
	ck_assert_int_eq(dump("", buf, n, &c), CLI_OK);
	ck_assert_str_eq(c.err, "");
	ck_assert_ptr_nonnull(strstr(c.out, "Dumping /"));
	snprintf(want, sizeof want, "position: 0 baseOffset: 40 lastOffset: "
	    "41 count: 2 baseSequence: -1 producerId: -1 producerEpoch: -1 "
	    "partitionLeaderEpoch: 2 isControl: false maxTimestamp: "
	    "1700000000005 size: ");
	ck_assert_ptr_nonnull(strstr(c.out, want));
	ck_assert_ptr_nonnull(strstr(c.out, "baseOffset: 42"));
	ck_assert_ptr_null(strstr(c.out, "isvalid: false"));
	ck_assert_ptr_null(strstr(c.out, "value"));
	capture_fini(&c);
	ck_assert_int_eq(dump("--print-data-log", buf, n, &c), CLI_OK);
	ck_assert_ptr_nonnull(strstr(c.out, "| offset: 40 CreateTime: "
	    "1700000000000 key: \"k\" payload: \"value \\\"1\\\"\"\n"
	    "| offset: 41 CreateTime: 1700000000005 key: null payload: null"));
	capture_fini(&c);
	ck_assert_int_eq(dump("--deep-iteration -o json", buf, n, &c), CLI_OK);
	ck_assert_ptr_nonnull(strstr(c.out, "{\"position\": 0, \"baseOffset\""
	    ": 40, "));
	ck_assert_ptr_nonnull(strstr(c.out, "{\"offset\": 42, \"timestamp\": "
	    "1700000000000, \"key\": \"k2\", \"payload\": \"v2\"}\n"));
	ck_assert_ptr_null(strstr(c.out, "Dumping"));
	capture_fini(&c);
}
END_TEST

START_TEST(test_dump_zero_tail)
{
	uint8_t buf[2000] = { 0 };
	size_t n = put_batch(buf, 0, "k", "v");
	char want[100];
	struct capture c;

	ck_assert_int_eq(dump("", buf, sizeof buf, &c), CLI_OK);
	snprintf(want, sizeof want, "\n%zu zero bytes behind", sizeof buf - n);
	ck_assert_ptr_nonnull(strstr(c.out, want));
	capture_fini(&c);
	ck_assert_int_eq(dump("", buf + 1000, 1000, &c), CLI_OK);
	capture_fini(&c);
	ck_assert_int_eq(dump("", buf, 0, &c), CLI_OK);
	capture_fini(&c);
}
END_TEST

/* A segment that is being written over an older one ends where the older one's
 * bytes begin, within a batch of it (row 1), or before anything was written
 * (row 2). */
START_TEST(test_dump_older)
{
	static const char name[] = "00000000000000000040.log";
	uint8_t buf[2000];
	size_t n, new;
	char want[100];
	struct capture c;

	n = put_batch(buf, 10, "k", "the first of the older ones");
	n += put_batch(buf + n, 12, "k", "older");
	n += put_batch(buf + n, 14, "k", "old");
	new = _i == 2 ? 0 : put_batch(buf, 40, "k", _i == 0 ?
	    "the first of the newer ones" : "new");
	ck_assert_int_eq(dump_as(name, "", buf, n, &c), CLI_OK);
	snprintf(want, sizeof want, "\n%zu bytes behind the last batch",
	    n - new);
	ck_assert_ptr_nonnull(strstr(c.out, want));
	ck_assert_ptr_null(strstr(c.out, "baseOffset: 1"));
	ck_assert_int_eq(strstr(c.out, "baseOffset: 40") != NULL, _i != 2);
	capture_fini(&c);
	ck_assert_int_eq(dump_as(name, "", buf, new + 20, &c),
	    CLI_FAILED);
	capture_fini(&c);
}
END_TEST

/* Wherever the file is cut, dump-log says so and where. */
START_TEST(test_dump_cut)
{
	uint8_t buf[2000];
	size_t first = put_batch(buf, 0, "k", "v"), n, cut;
	char want[100];
	struct capture c;

	n = first + put_batch(buf + first, 2, "k", "v");
	for (cut = first + 9; cut < n; cut++) {
		ck_assert_int_eq(dump("", buf, cut, &c), CLI_FAILED);
		snprintf(want, sizeof want, "no whole batch at position %zu, "
		    "%zu bytes before the end", first, cut - first);
		ck_assert_msg(strstr(c.err, want) != NULL, "%s", c.err);
		ck_assert_ptr_nonnull(strstr(c.out, "position: 0 "));
		capture_fini(&c);
	}
}
END_TEST

START_TEST(test_dump_damaged)
{
	uint8_t buf[2000];
	size_t n = put_batch(buf, 0, "k", "v");
	struct capture c;

	n += put_batch(buf + n, 2, "k", "v");
	buf[KBATCH_HEADER + 3] ^= 1;		/* in a record: the CRC says */
	ck_assert_int_eq(dump("--print-data-log", buf, n, &c), CLI_FAILED);
	ck_assert_ptr_nonnull(strstr(c.out, "isvalid: false"));
	ck_assert_ptr_nonnull(strstr(c.out, "isvalid: true"));
	ck_assert_ptr_nonnull(strstr(c.err, "1 batch fails its checksum"));
	capture_fini(&c);
	buf[8] = 0x7f;				/* the length */
	ck_assert_int_eq(dump("", buf, n, &c), CLI_FAILED);
	ck_assert_ptr_nonnull(strstr(c.err, "no whole batch at position 0"));
	capture_fini(&c);
}
END_TEST

/* --- histogram --- */

START_TEST(test_histogram)
{
	static struct histogram h;
	uint64_t i;

	ck_assert(histogram_ms(&h, 0.5) == 0 && histogram_mean_ms(&h) == 0);
	for (i = 1; i <= 100000; i++)
		histogram_add(&h, i);
	ck_assert_uint_eq(h.n, 100000);
	ck_assert_double_eq_tol(histogram_mean_ms(&h), 50.0005, 1e-9);
	ck_assert_double_eq_tol(histogram_max_ms(&h), 100, 1e-9);
	ck_assert_double_eq_tol(histogram_ms(&h, 0.5), 50, 50 * 0.016);
	ck_assert_double_eq_tol(histogram_ms(&h, 0.99), 99, 99 * 0.016);
	ck_assert_double_eq_tol(histogram_ms(&h, 0.00001), 0.002, 1e-9);
	ck_assert_double_eq_tol(histogram_ms(&h, 1), 100, 1e-9);
	histogram_reset(&h);
	histogram_add(&h, 0);
	ck_assert(h.n == 1 && histogram_ms(&h, 0.5) == 0);
	histogram_add(&h, UINT64_MAX);
	ck_assert_double_gt(histogram_ms(&h, 0.999), 1e9);
}
END_TEST

/* Whatever is added alone is found again, 1/64 off at most. */
START_TEST(test_histogram_values)
{
	static struct histogram h;
	uint64_t v, x;
	int bit;

	for (bit = 0; bit < HISTOGRAM_TOP; bit++)
		for (x = 0; x < 3; x++) {
			v = (UINT64_C(1) << bit) + x - 1;
			histogram_reset(&h);
			histogram_add(&h, v);
			histogram_add(&h, UINT64_MAX);
			ck_assert_double_ge(histogram_ms(&h, 0) * 1000,
			    (double)v - 1e-3);
			ck_assert_double_le(histogram_ms(&h, 0) * 1000,
			    (double)v * (1 + 1.0 / 64) + 1e-3);
		}
}
END_TEST

/* --- exit statuses --- */

static const struct {
	const char	*line;
	int		 rc;
	const char	*said;
} statuses[] = {
	{ "dump-log", CLI_USAGE, "which file" },
	{ "dump-log /does/not/exist.log", CLI_FAILED, "/does/not/exist.log: "
	    "No such file" },
	{ "dump-log --files /does/not/a.log,/does/not/b.log", CLI_FAILED,
	    "/does/not/b.log" },
	{ "dump-log /tmp", CLI_FAILED, "/tmp: " },
	{ "topics", CLI_USAGE, "give one of --list, --create" },
	{ "topics --list --create --topic t", CLI_USAGE, "give one of" },
	{ "topics --create", CLI_USAGE, "which topic" },
	{ "topics --list --topics-with-overrides", CLI_USAGE,
	    "give one, with --describe" },
	{ "topics --describe --topics-with-overrides --at-min-isr-partitions",
	    CLI_USAGE, "give one, with --describe" },
	{ "topics --list --bootstrap-server 127.0.0.1:1", CLI_UNAVAILABLE,
	    "no broker answers at 127.0.0.1:1" },
	{ "topics --list --command-config /does/not/exist", CLI_FAILED,
	    "/does/not/exist" },
	{ "topics --list --profile nobody", CLI_CONFIG, "[profile nobody]" },
	{ "topics --list -o xml", CLI_USAGE, "give json or text" },
	{ "topics --help", CLI_OK, "" },
	{ "console-producer", CLI_USAGE, "which topic" },
	{ "console-producer --topic t --property nothing=1", CLI_USAGE,
	    "parse.key" },
	{ "console-producer --topic t --producer-property nothing=1",
	    CLI_CONFIG, "No such configuration property" },
	{ "console-producer --topic t --producer-property nothing",
	    CLI_CONFIG, "give key=value" },
	{ "console-producer --topic t --bootstrap-server 127.0.0.1:1",
	    CLI_UNAVAILABLE, "no broker answers at 127.0.0.1:1" },
	{ "console-consumer", CLI_USAGE, "which topic" },
	{ "console-consumer --topic t --group g --partition 1", CLI_USAGE,
	    "exclude each other" },
	{ "console-consumer --topic t --offset 5", CLI_USAGE,
	    "--offset needs --partition" },
	{ "console-consumer --topic t --partition 0 --offset x", CLI_USAGE,
	    "give earliest, latest or a number" },
	{ "console-consumer --topic t --isolation-level dirty", CLI_USAGE,
	    "give read_committed or read_uncommitted" },
	{ "consumer-groups", CLI_USAGE, "give one of" },
	{ "consumer-groups --describe", CLI_USAGE, "which group" },
	{ "consumer-groups --delete", CLI_USAGE, "which group" },
	{ "consumer-groups --describe --group g --all-groups", CLI_USAGE,
	    "--group and --all-groups exclude each other" },
	{ "consumer-groups --describe --group g --members --state", CLI_USAGE,
	    "exclude each other" },
	{ "consumer-groups --reset-offsets", CLI_USAGE, "which group" },
	{ "consumer-groups --reset-offsets --group g", CLI_USAGE, "where to? "
	    "Give one of --to-earliest" },
	{ "consumer-groups --reset-offsets --group g --to-latest --shift-by "
	    "-1 --topic t", CLI_USAGE, "where to? Give one of" },
	{ "consumer-groups --reset-offsets --group g --to-latest", CLI_USAGE,
	    "which topics? Give --all-topics or" },
	{ "consumer-groups --reset-offsets --group g --to-latest --topic t "
	    "--all-topics", CLI_USAGE, "which topics" },
	{ "consumer-groups --reset-offsets --group g --to-latest --topic t:x",
	    CLI_USAGE, "--topic t:x: give NAME or NAME:PARTITION,..." },
	{ "consumer-groups --reset-offsets --group g --topic t --to-offset -1",
	    CLI_USAGE, "an offset is not below 0" },
	{ "consumer-groups --reset-offsets --group g --topic t --to-datetime "
	    "2026-11-21", CLI_USAGE, "give YYYY-MM-DDTHH:MM:SS.mmm" },
	{ "consumer-groups --reset-offsets --group g --topic t --by-duration "
	    "1h", CLI_USAGE, "give PnDTnHnMnS" },
	{ "consumer-groups --reset-offsets --group g --topic t --to-latest "
	    "--dry-run --execute", CLI_USAGE, "--dry-run and --execute" },
	{ "consumer-groups --delete-offsets --group g", CLI_USAGE, "of which "
	    "topics" },
	{ "consumer-groups --delete-offsets --all-groups --topic t",
	    CLI_USAGE, "which group? Give --group NAME" },
	{ "consumer-groups --delete-offsets --group g --group h --topic t",
	    CLI_USAGE, "of one --group" },
	{ "configs", CLI_USAGE, "give one of --describe, --alter" },
	{ "configs --describe", CLI_USAGE, "of what? Give one of --topic" },
	{ "configs --describe --topic t --broker 1", CLI_USAGE, "of what?" },
	{ "configs --describe --topic t --entity-name u", CLI_USAGE,
	    "--entity-name goes with --entity-type" },
	{ "configs --describe --entity-type users", CLI_USAGE, "--entity-type "
	    "users: give topics or brokers" },
	{ "configs --describe --topic t --add-config a=1", CLI_USAGE,
	    "go with --alter" },
	{ "configs --alter --entity-type topics --add-config a=1", CLI_USAGE,
	    "which one? Give --entity-name" },
	{ "configs --alter --topic t", CLI_USAGE, "give --add-config" },
	{ "configs --alter --topic t --add-config a", CLI_USAGE,
	    "--add-config: 'a': give key=value" },
	{ "configs --alter --topic t --delete-config a=1", CLI_USAGE,
	    "--delete-config: 'a=1': give keys only" },
	{ "configs --alter --topic t --add-config a=1 --delete-config a",
	    CLI_USAGE, "a is to be set and to be deleted" },
	{ "delete-records", CLI_USAGE, "what? Give --offset-json-file" },
	{ "delete-records --topic t --partition 0", CLI_USAGE, "what? Give" },
	{ "delete-records --topic t --partition 0 --before-offset 1 "
	    "--offset-json-file f", CLI_USAGE, "what? Give" },
	{ "delete-records --topic t --partition -1 --before-offset 1",
	    CLI_USAGE, "a partition is not below 0" },
	{ "delete-records --topic t --partition 0 --before-offset -2",
	    CLI_USAGE, "give an offset, or -1 for the end" },
	{ "delete-records --offset-json-file /does/not/exist", CLI_FAILED,
	    "/does/not/exist: No such file" },
	{ "perf", CLI_USAGE, "Give producer, consumer or latency" },
	{ "perf --help", CLI_OK, "" },
	{ "perf produce", CLI_USAGE, "Give producer, consumer or latency" },
	{ "perf producer --num-records 1 --record-size 1", CLI_USAGE,
	    "which topic" },
	{ "perf producer --topic t --record-size 1", CLI_USAGE, "how many" },
	{ "perf producer --topic t --num-records 1", CLI_USAGE, "of what? "
	    "Give one of --record-size" },
	{ "perf producer --topic t --num-records 1 --record-size 1 "
	    "--payload-monotonic", CLI_USAGE, "of what?" },
	{ "perf producer --topic t --num-records 1 --record-size 0",
	    CLI_USAGE, "--record-size: give" },
	{ "perf producer --topic t --num-records 1 --record-size 1 "
	    "--throughput 0", CLI_USAGE, "--throughput: give" },
	{ "perf producer --topic t --num-records 1 --record-size 1 "
	    "--producer-props acks=1 nothing=1", CLI_CONFIG,
	    "No such configuration property" },
	{ "perf producer --topic t --num-records 1 --record-size 1 "
	    "--producer-props acks=1 bootstrap.servers=127.0.0.1:1",
	    CLI_UNAVAILABLE, "no broker answers at 127.0.0.1:1" },
	{ "perf consumer --messages 1", CLI_USAGE, "which topic" },
	{ "perf consumer --topic t", CLI_USAGE, "how many" },
	{ "perf consumer --topic t --messages 1 --timeout 0", CLI_USAGE,
	    "--timeout and --reporting-interval" },
	{ "perf consumer --topic t --messages 1 --bootstrap-server "
	    "127.0.0.1:1", CLI_UNAVAILABLE, "no broker answers" },
	{ "perf latency --topic t", CLI_USAGE, "how many" },
	{ "perf latency --topic t --num-records 1 --producer-acks 0",
	    CLI_USAGE, "give 1 or all" },
};

START_TEST(test_status)
{
	struct capture c;
	int rc;

	setenv("HOME", "/does/not/exist", 1);
	setenv("XDG_CONFIG_HOME", "/does/not/exist", 1);
	rc = command(statuses[_i].line, &c);
	ck_assert_msg(rc == statuses[_i].rc, "%d: %s", rc, c.err);
	ck_assert_msg(strstr(c.err, statuses[_i].said) != NULL, "%s", c.err);
	if (rc != CLI_OK)
		ck_assert_str_eq(c.out, "");
	capture_fini(&c);
}
END_TEST

int
main(void)
{
	static const struct unit_test tests[] = {
		{ .fn = &test_flags, .rows = NELEM(lines) },
		{ .fn = &test_flags_without_operands },
		{ .fn = &test_help },
		{ .fn = &test_properties },
		{ .fn = &test_dump_good },
		{ .fn = &test_dump_zero_tail },
		{ .fn = &test_dump_older, .rows = 3 },
		{ .fn = &test_dump_cut },
		{ .fn = &test_dump_damaged },
		{ .fn = &test_histogram },
		{ .fn = &test_histogram_values },
		{ .fn = &test_status, .rows = NELEM(statuses) },
	};

	return (UNIT_MAIN("cli", tests));
}
