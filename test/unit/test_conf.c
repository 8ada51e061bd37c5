/* The tree, problems, substitution, YAML, INI, and the choice of reader. */
#include "base/str.h"
#include "test/unit/conf_text.h"
#include "test/unit/unit.h"

/* --- tree --- */

START_TEST(tree_lookup)
{
	struct conf *root = conf_new(), *c;
	char key[32];

	conf_set(root, "a1.sources", "r1", "f", 1);
	c = conf_set(root, "a1.sources.r1.type", "seq", "f", 2);
	ck_assert_str_eq(conf_key(c, key, sizeof key), "a1.sources.r1.type");
	ck_assert_ptr_eq(conf_find(root, "a1.sources.r1.type"), c);
	ck_assert_ptr_eq(conf_find(conf_find(root, "a1"), "sources.r1.type"),
	    c);
	ck_assert(conf_find(root, "a1.sources.r2") == NULL);
	ck_assert(!c->used);
	ck_assert_str_eq(conf_get(root, "a1.sources.r1.type"), "seq");
	ck_assert(c->used);
	ck_assert(conf_get(root, "a1.sources.r1") == NULL);
	ck_assert_int_eq(conf_find(root, "a1.sources.r1")->line, 2);
	conf_set(root, "a1.sources.r1.type", "netcat", "g", 7);
	ck_assert_str_eq(c->value, "netcat");
	ck_assert_str_eq(c->file, "g");
	ck_assert_int_eq(c->line, 7);
	ck_assert_str_eq(conf_key(c, key, 8), "a1.sour");
	conf_free(root);
	conf_free(NULL);
}
END_TEST

static void
count(struct conf *c, void *ctx)
{
	(void)c;
	++*(int *)ctx;
}

START_TEST(tree_unused)
{
	struct conf *root = conf_new();
	int n = 0;

	conf_set(root, "a.b", "1", "f", 1);
	conf_set(root, "a.b.c", "2", "f", 2);
	conf_set(root, "a.d", "3", "f", 3);
	conf_walk_unused(root, count, &n);
	ck_assert_int_eq(n, 3);
	conf_use_all(conf_find(root, "a.b"));
	n = 0;
	conf_walk_unused(root, count, &n);
	ck_assert_int_eq(n, 1);
	conf_set(root, "a.e.x", "4", "f", 4);
	conf_set(root, "a.e.y.z", "5", "f", 5);
	conf_find(root, "a.e")->apart = true;
	n = 0;
	conf_walk_unused(root, count, &n);
	ck_assert_int_eq(n, 1);
	n = 0;
	conf_walk_unused(conf_find(root, "a.e"), count, &n);
	ck_assert_int_eq(n, 2);
	conf_free(root);
}
END_TEST

START_TEST(problems_order)
{
	struct conf_problems p = { 0 };
	struct conf *root = conf_new(), *c;
	char *text;

	c = conf_set(root, "a", "1", "b.conf", 10);
	conf_error(&p, NULL, "of no file");
	conf_error_at(&p, "b.conf", 9, "nine");
	conf_warn(&p, c, "ten %d", 1);
	conf_error(&p, c, "ten %d", 2);
	conf_warn_at(&p, "a.conf", 0, "esc \x1b[31m");
	ck_assert_uint_eq(p.errors, 3);
	text = conf_text_problems(&p);
	ck_assert_str_eq(text,
	    "a.conf: warning: esc \\x1b[31m\n"
	    "b.conf:9: error: nine\n"
	    "b.conf:10: warning: ten 1\n"
	    "b.conf:10: error: ten 2\n"
	    "error: of no file\n");
	free(text);
	conf_problems_fini(&p);
	conf_free(root);
}
END_TEST

START_TEST(problems_limit)
{
	struct conf_problems p = { 0 };
	char *text;
	int i;

	for (i = 0; i < 1500; i++)
		conf_error_at(&p, "f", i + 1, "bad");
	ck_assert_uint_eq(p.errors, 1500);
	ck_assert_uint_eq(p.n, 1000);
	text = conf_text_problems(&p);
	ck_assert(strstr(text, "and 500 more\n") != NULL);
	free(text);
	conf_problems_fini(&p);
}
END_TEST

/* --- substitution --- */

static const struct conf_case substitution[] = {
	{ "a=${env:LEAT_T}", "a=env text@1" },
	{ "a=x${env:LEAT_T}y", "a=xenv texty@1" },
	{ "a=${ENV:LEAT_T}", "a=env text@1" },
	{ "a=${env:LEAT_NOT:-def}", "a=def@1" },
	{ "a=${env:LEAT_NOT:-}x", "a=x@1" },
	{ "a=${env:LEAT_NOT:-}", "", "a is empty after substitution" },
	{ "a=${env:LEAT_EMPTY}", "", "a is empty after substitution" },
	{ "a=${env:LEAT_NOT:-a:-b}", "a=a:-b@1" },
	{ "a=${env:LEAT_T:-${env:LEAT_NOT}}", "a=env text@1" },
	{ "a=${env:LEAT_NOT:-${env:LEAT_T}}", "a=env text@1" },
	{ "a=1\nb=${env:LEAT_NOT}", "a=1@1;b=${env:LEAT_NOT}@2",
	    "f:2: error: ${env:LEAT_NOT}: the environment has no LEAT_NOT" },
	{ "a=${env:}", "a=${env:}@1", "names no variable" },
	/* the environment is text: it is not expanded again */
	{ "a=${env:LEAT_REF}", "a=${b}@1" },
	/* an override file's key stands in for an unset variable */
	{ "a=${env:PORT_T}\nPORT_T=44444", "a=44444@1;PORT_T=44444@2" },
	{ "PORT_T=${env:PORT_T:-1}", "PORT_T=1@1" },
	/* other keys, full ones, in any order, chained */
	{ "a=${x.y}\nx.y=1", "a=1@1;x.y=1@2" },
	{ "a=${b}\nb=${c}\nc=1", "a=1@1;b=1@2;c=1@3" },
	{ "c=1\nb=${c}\na=${b}${b}", "c=1@1;b=1@2;a=11@3" },
	{ "a=${b:-d}", "a=d@1" },
	{ "a=${nope}", "a=${nope}@1", "no key 'nope' in the configuration" },
	{ "a=${b}\nb=${a}", "a=${b}@1;b=${a}@2",
	    "f:2: error: ${a} leads back to itself" },
	{ "a=${a}", "a=${a}@1", "${a} leads back to itself" },
	/* nesting: Flume's ${${sys:env}_BIND} */
	{ "a=${${env:LEAT_SITE}.port}\nsouth.port=7", "a=7@1;south.port=7@2" },
	{ "a=${${env:LEAT_NOT:-south}.port}\nsouth.port=7",
	    "a=7@1;south.port=7@2" },
	/* escapes, and what is no reference */
	{ "a=$${b}", "a=${b}@1" },
	{ "a=$$${b}", "a=$${b}@1" },
	{ "a=$${${env:LEAT_T}}", "a=${env text}@1" },
	{ "a=$1 $ {b} }", "a=$1 $ {b} }@1" },
	{ "a=x${b", "a=x${b@1", "f:1: warning: 'x${b' has a ${ without" },
	{ "a=${b ${env:LEAT_T}", "a=${b ${env:LEAT_T}@1", "without its }" },
	{ "a=b$", "a=b$@1" },
	/* what leat does not have */
	{ "a=${sys:user.home}", "a=${sys:user.home}@1",
	    "f:1: error: ${sys:user.home}: 'sys' asks the Java runtime" },
	{ "a=${java:version}", "a=${java:version}@1", "'java' asks the Java" },
	{ "a=${date:yyyy}", "a=${date:yyyy}@1", "'date' asks the Java" },
	{ "a=${script:x}", "a=${script:x}@1", "no lookup 'script'" },
	{ "a=${f1['k']}", "a=${f1['k']}@1", "config filters" },
};

START_TEST(substitution_case)
{
	const struct conf_case *c = &substitution[_i];
	struct conf_problems p = { 0 };
	struct conf *root = conf_text_read(conf_read_properties, c->text, &p);
	char *tree, what[32];

	setenv("LEAT_T", "env text", 1);
	setenv("LEAT_SITE", "south", 1);
	setenv("LEAT_REF", "${b}", 1);
	setenv("LEAT_EMPTY", "", 1);
	unsetenv("LEAT_NOT");
	unsetenv("PORT_T");
	conf_substitute(root, &p);
	tree = conf_text_tree(root);
	snprintf(what, sizeof what, "case %d", _i);
	ck_assert_msg(strcmp(tree, c->tree) == 0, "%s: wanted '%s', got '%s'",
	    what, c->tree, tree);
	conf_problems_check(&p, c->problems == NULL ? "" : c->problems, what);
	free(tree);
	conf_free(root);
	conf_problems_fini(&p);
}
END_TEST

/* Only the named subtree is expanded, and what it refers to is used. */
START_TEST(substitution_subtree)
{
	struct conf_problems p = { 0 };
	struct conf *root;

	root = conf_text_read(conf_read_properties,
	    "a1.x=${PORT}\na2.x=${env:LEAT_NOT}\nPORT=1\nOTHER=2", &p);
	conf_substitute(conf_find(root, "a1"), &p);
	ck_assert_uint_eq(p.n, 0);
	ck_assert_str_eq(conf_find(root, "a1.x")->value, "1");
	ck_assert(conf_find(root, "PORT")->used);
	ck_assert(!conf_find(root, "OTHER")->used);
	conf_free(root);
	conf_problems_fini(&p);
}
END_TEST

/* Ten lines that would be 10^9 bytes: refused, and quickly. */
START_TEST(substitution_bomb)
{
	struct conf_problems p = { 0 };
	struct conf *root = conf_new();
	struct sb sb = SB_INIT;
	int i, k;

	for (i = 0; i < 10; i++) {
		sb_printf(&sb, "k%d=", i);
		for (k = 0; k < 10; k++)
			sb_printf(&sb, "${k%d}", i + 1);
		sb_puts(&sb, "\n");
	}
	sb_puts(&sb, "k10=0123456789\n");
	conf_read_properties(root, slice_of(sb.ptr, sb.len), "f", &p);
	conf_substitute(root, &p);
	ck_assert_uint_eq(p.errors, 1);
	ck_assert(strstr(p.v[0].text, "grows over 1048576 bytes") != NULL);
	sb_fini(&sb);
	conf_free(root);
	conf_problems_fini(&p);
}
END_TEST

/* A chain of references is followed to a fixed depth. */
START_TEST(substitution_chain)
{
	struct conf_problems p = { 0 };
	struct conf *root = conf_new();
	char key[16], value[16];
	int i;

	for (i = 0; i < 100000; i++) {
		snprintf(key, sizeof key, "k%d", i);
		snprintf(value, sizeof value, "${k%d}", i + 1);
		conf_set(root, key, value, "f", i + 1);
	}
	conf_substitute(root, &p);
	ck_assert(p.errors > 0);
	ck_assert(strstr(p.v[0].text, "nested more than 32 deep") != NULL);
	conf_free(root);
	conf_problems_fini(&p);
}
END_TEST

/* --- YAML --- */

static const struct conf_case yaml[] = {
	{ "a: 1", "a=1@1" },
	{ "a:\n  b:\n    c: x y\n  d: 'q'\n", "a.b.c=x y@3;a.d=q@4" },
	{ "a: {b: [c1, c2], e: \"t\\tx\"}", "a.b=c1 c2@1;a.e=t\tx@1" },
	{ "a:\n- x\n- y\nb: 2", "a=x y@1;b=2@4" },
	{ "a1.sources: r1\na1.sources.r1:\n  kafka.topic: t",
	    "a1.sources=r1@1;a1.sources.r1.kafka.topic=t@3" },
	{ "type: null\nx: yes\ny: 010\nz: ~", "type=null@1;x=yes@2;y=010@3;"
	    "z=~@4" },
	{ "a: |\n  two\n  lines\n", "a=two\nlines@1" },
	{ "a: ''\nb: []\nc:\n", "", "a has no value|b has no value|"
	    "f:3: warning: c has no value" },
	{ "a: 1\na: 2", "a=2@2", "f:2: warning: a is set again" },
	{ "# nothing\n", "" },
	{ "", "" },
	{ "---\na: 1\n...\n", "a=1@2" },
	{ "\xef\xbb\xbf" "a: \xc3\xa4", "a=\xc3\xa4@1" },
	{ "a: 1\nb: [1, 2\n", "a=1@1", "f:3: error: not YAML: " },
	{ "a: 1\nb: 2\n\tc: 3", "a=1@1", "f:3: error: not YAML: " },
	{ "# \xc3\xa4\na:\n\tb: 3", "", "; it is a tab: indent with "
	    "blanks" },
	{ "x: &k 1\ny: *k\nz: 2", "x=1@1;z=2@3", "f:2: error: *k: aliases" },
	{ "- a\n- b", "", "f:1: error: the file must be a mapping" },
	{ "word", "", "f:1: error: the file must be a mapping" },
	{ "a: 1\n---\nb: 2", "a=1@1", "f:2: error: a second document" },
	{ "a: [b, [c], {d: e}, f]", "a=b f@1", "f:1: error: an item|an item" },
	{ "a: [b c, '', d]", "a=d@1", "'b c' cannot be an item|'' cannot be" },
	{ "[k]: v\nb: 1", "b=1@2", "f:1: error: a key must be plain text" },
	{ "'': v\nb: 1", "b=1@2", "f:1: error: an empty key" },
	{ "a: \"x\\0y\"", "", "f:1: error: a value holds a NUL" },
};

START_TEST(yaml_case)
{
	conf_case_check(conf_read_yaml, &yaml[_i], _i);
}
END_TEST

START_TEST(yaml_mapping_flag)
{
	struct conf_problems p = { 0 };
	struct conf *root;

	root = conf_text_read(conf_read_yaml,
	    "a1:\n  sources:\n    r1: {type: seq}\n  channels: [c1]\n", &p);
	ck_assert(conf_find(root, "a1.sources")->mapping);
	ck_assert(!conf_find(root, "a1.channels")->mapping);
	ck_assert(!conf_find(root, "a1.sources.r1.type")->mapping);
	conf_free(root);
	conf_problems_fini(&p);
}
END_TEST

/* Millions of open brackets: libyaml alone would take hours. */
START_TEST(yaml_depth)
{
	static const char *const units[] = { "{a: ", "[", "? ", "a: [{b: [" };
	struct conf_problems p = { 0 };
	struct conf *root = conf_new();
	struct sb sb = SB_INIT;
	int i;

	for (i = 0; i < 1000000; i++)
		sb_puts(&sb, units[_i]);
	conf_read_yaml(root, slice_of(sb.ptr, sb.len), "f", &p);
	ck_assert_uint_ge(p.errors, 1);
	ck_assert(root->children == NULL || root->children->children == NULL ||
	    strstr(p.v[0].text, "nested more than 32") != NULL);
	sb_fini(&sb);
	conf_free(root);
	conf_problems_fini(&p);
}
END_TEST

/* --- INI --- */

static const struct conf_case ini[] = {
	{ "a = 1\n[s]\nb.c=2\nd : 3", "a=1@1;s.b.c=2@3;s.d=3@4" },
	{ "[profile prod]\nbootstrap.servers = k1:9092,k2:9092",
	    "profile.prod.bootstrap.servers=k1:9092,k2:9092@2" },
	{ "[profile   x ]\r\nk = v\r\n", "profile.x.k=v@2" },
	{ "# c\n; d\n  ; e\nk = v ; remark", "k=v@4" },
	{ "\xef\xbb\xbf" "k = v", "k=v@1" },
	{ "k =\n= v\nx = 1", "x=1@3", "k has no value|a value without a key" },
	{ "k = 1\nnonsense\nx = 2", "k=1@1;x=2@3", "f:2: error: neither a" },
	{ "[open\nx = 2", "x=2@2", "f:1: error: neither a" },
	{ "k = 1\n  more\nx = 2", "k=1@1;x=2@3", "f:2: error: the line is ind" },
	{ "k = 1\n\fmore\nx = 2", "k=1@1;x=2@3", "f:2: error: the line is ind" },
	{ "[a123456789b123456789c123456789d123456789e123456789]\nk = v",
	    "k=v@2", "f:1: error: the section's name is longer" },
	{ "k = 1\nk = 2", "k=2@2", "f:2: warning: k is set again" },
	{ "", "" },
};

START_TEST(ini_case)
{
	conf_case_check(conf_read_ini, &ini[_i], _i);
}
END_TEST

/* The longest line arrives whole, the next longer one is refused, and a
 * long comment is no matter. */
START_TEST(ini_long_lines)
{
	struct conf_problems p = { 0 };
	struct conf *root = conf_new();
	struct sb sb = SB_INIT;

	sb_printf(&sb, "a = %0186d\nb = %0187d\n# %0500d\nc = 1\n", 0, 0, 0);
	conf_read_ini(root, slice_of(sb.ptr, sb.len), "f", &p);
	ck_assert_uint_eq(strlen(conf_get(root, "a")), 186);
	ck_assert(conf_get(root, "b") == NULL);
	ck_assert_str_eq(conf_get(root, "c"), "1");
	conf_problems_check(&p, "f:2: error: the line is longer", "long");
	sb_fini(&sb);
	conf_free(root);
	conf_problems_fini(&p);
}
END_TEST

/* --- files --- */

static void
write_file(char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	ck_assert(f != NULL);
	fputs(text, f);
	fclose(f);
}

START_TEST(file_kinds)
{
	char dir[] = "/tmp/leat.conf.XXXXXX", path[64];
	static const char *const names[] = { "a.conf", "b.YAML", "c.yml",
	    "d.ini", "e.yaml.properties" };
	static const char *const texts[] = { "[k] = 1", "\"[k]\": 1",
	    "'[k]': 1", "[k]\nx = 1", "'[k]': 1" };
	static const char *const trees[] = { "[k]=1@1", "[k]=1@1", "[k]=1@1",
	    "k.x=1@2", "'[k]'=1@1" };
	struct conf_problems p = { 0 };
	struct err e = ERR_INIT;
	struct conf *root;
	char *tree;
	size_t i;

	ck_assert(mkdtemp(dir) != NULL);
	for (i = 0; i < NELEM(names); i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		write_file(path, texts[i]);
		root = conf_new();
		ck_assert_int_eq(conf_read_file(root, path, &p, &e), 0);
		tree = conf_text_tree(root);
		ck_assert_str_eq(tree, trees[i]);
		ck_assert_str_eq(root->children->file, path);
		free(tree);
		conf_free(root);
		unlink(path);
	}
	ck_assert_uint_eq(p.n, 0);
	root = conf_new();
	ck_assert_int_eq(conf_read_file(root, path, &p, &e), -1);
	ck_assert_int_eq(e.code, ERR_NOT_FOUND);
	ck_assert(strstr(e.msg, path) != NULL);
	conf_free(root);
	rmdir(dir);
}
END_TEST

/* Two files: the later one wins without a word, and may take a value away. */
START_TEST(two_files)
{
	struct conf_problems p = { 0 };
	struct conf *root = conf_new();
	char *tree;

	conf_read_properties(root, SLICE("a=1\nb=2\nc=3"), "f", &p);
	conf_read_properties(root, SLICE("b=4"), "g", &p);
	ck_assert_uint_eq(p.n, 0);
	conf_read_properties(root, SLICE("\nc="), "h", &p);
	conf_problems_check(&p, "h:2: warning: c has no value: its earlier one "
	    "(f:3)", "two files");
	tree = conf_text_tree(root);
	ck_assert_str_eq(tree, "a=1@1;b=4@1");
	ck_assert_str_eq(conf_find(root, "b")->file, "g");
	free(tree);
	conf_free(root);
	conf_problems_fini(&p);
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &tree_lookup },
	{ .fn = &tree_unused },
	{ .fn = &problems_order },
	{ .fn = &problems_limit },
	{ .fn = &substitution_case, .rows = NELEM(substitution) },
	{ .fn = &substitution_subtree },
	{ .fn = &substitution_bomb },
	{ .fn = &substitution_chain },
	{ .fn = &yaml_case, .rows = NELEM(yaml) },
	{ .fn = &yaml_mapping_flag },
	{ .fn = &yaml_depth, .rows = 4 },
	{ .fn = &ini_case, .rows = NELEM(ini) },
	{ .fn = &ini_long_lines },
	{ .fn = &file_kinds },
	{ .fn = &two_files },
};

int
main(void)
{
	return (UNIT_MAIN("conf", tests));
}
