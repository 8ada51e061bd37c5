/* The grammar of java.util.Properties, as Flume's files use it. */
#include "base/str.h"
#include "test/unit/conf_text.h"
#include "test/unit/unit.h"

static const struct conf_case grammar[] = {
	/* separators */
	{ "a=b", "a=b@1" },
	{ "a:b", "a=b@1" },
	{ "a b", "a=b@1" },
	{ "a\tb", "a=b@1" },
	{ "a\fb", "a=b@1" },
	{ "  a  =  b  ", "a=b@1" },
	{ "a = = b", "a== b@1" },
	{ "a : = b", "a== b@1" },
	{ "a b = c", "a=b = c@1" },
	{ "a\\ b = c", "a b=c@1" },
	{ "a\\=b = c", "a=b=c@1" },
	{ "a\\:b : c", "a:b=c@1" },
	{ "a\\\\=b", "a\\=b@1" },
	{ "a = http\\://h:80/?x=y", "a=http://h:80/?x=y@1" },
	{ "a = b=c:d", "a=b=c:d@1" },
	/* natural lines */
	{ "a=1\nb=2\rc=3\r\nd=4", "a=1@1;b=2@2;c=3@3;d=4@4" },
	{ "\n\r\r\n\n a=1", "a=1@5" },
	{ "a=1\n\r\nb=2", "a=1@1;b=2@3" },
	{ "", "" },
	{ " \t\f", "" },
	/* comments */
	{ "# c\n! d\n  # e\n\t! f\na=1", "a=1@5" },
	{ "# c \\\na=1", "a=1@2" },
	{ "#\ra=1", "a=1@2" },
	{ "a=1 #c", "a=1 #c@1" },
	{ "a=#c", "a=#c@1" },
	{ "a=!c", "a=!c@1" },
	{ "\\#a=1\n\\!b=2", "#a=1@1;!b=2@2" },
	{ "a=/x # c", "a=/x # c@1", "f:1: warning: '# ...'" },
	/* continuation */
	{ "a=1 \\\n   2\nb=3", "a=1 2@1;b=3@3" },
	{ "a=1\\\r\n2\\\r3", "a=123@1" },
	{ "a\\\n  b = c", "ab=c@1" },
	{ "a=x\\\\\nb=y", "a=x\\@1;b=y@2" },
	{ "a=x\\\\\\\ny", "a=x\\y@1" },
	{ "a=1\\\n#b=2\nc=3", "a=1#b=2@1;c=3@3", "f:2: warning: '#' starts" },
	{ "a=1\\\n  !b=2", "a=1!b=2@1", "f:2: warning: '!' starts" },
	{ "a=1\\\n\nb=2", "a=1@1;b=2@3" },
	{ "a=1\\\n   \nb=2", "a=1@1;b=2@3" },
	{ "a=1\\", "a=1@1" },
	{ "a=1\\\n", "a=1@1" },
	{ "\\\na=1", "a=1@2" },
	{ "\\\n\n# c\na=1", "a=1@4" },
	{ "\\", "" },
	/* escapes */
	{ "a=x\\ty\\nz", "a=x\ty\nz@1" },
	{ "a=C\\:\\\\data", "a=C:\\data@1" },
	{ "a=\\-\\,\\'\\/", "a=-,'/@1" },
	{ "a=.*\\.log", "a=.*.log@1", "'\\.' reads as '.'" },
	{ "a=.*\\\\.log", "a=.*\\.log@1" },
	{ "a=\\d+", "a=d+@1", "'\\d' reads as 'd'" },
	{ "a=\\\\d+\\\\w", "a=\\d+\\w@1" },
	{ "a=\\u0041\\u00e4\\u20AC", "a=A\xc3\xa4\xe2\x82\xac@1" },
	{ "a=\\uD83D\\uDE00", "a=\xf0\x9f\x98\x80@1" },
	{ "\\u0061=1", "a=1@1" },
	{ "a=\\u002", "", "f:1: error: '\\u002' is not \\u with four" },
	{ "a=\\u00g0\nb=1", "b=1@2", "f:1: error: '\\u00g0' is not" },
	{ "a=1\\\n\\u", "", "f:1: error: '\\u' is not" },
	{ "a=\\uD83Dx", "", "f:1: error: '\\uD83D' is half" },
	{ "a=\\uDE00", "", "f:1: error: '\\uDE00' is half" },
	{ "a=\\uD83D\\u0041", "", "is half" },
	{ "a=\\u0000", "", "is a NUL" },
	/* Java's trim takes all up to the blank, escaped ones too */
	{ "a=b\\ \\ ", "a=b@1" },
	{ "a=\\tb\\n", "a=b@1" },
	{ "a\\ =b", "a=b@1" },
	{ "a = b\\u0009", "a=b@1" },
	/* empty values and keys */
	{ "a=", "", "f:1: warning: a has no value" },
	{ "a", "", "f:1: warning: a has no value" },
	{ "a=\\ ", "", "f:1: warning: a has no value" },
	{ "a=1\na=", "", "f:2: warning: a has no value: its earlier one (f:1)" },
	{ "= b", "", "f:1: error: a value without a key" },
	{ ": b\nc=1", "c=1@2", "f:1: error: a value without a key" },
	/* duplicates, order, nesting */
	{ "a=1\na=2", "a=2@2", "f:2: warning: a is set again: its value of line 1" },
	{ "a.b=1\na=2\na.c=3", "a=2@2;a.b=1@1;a.c=3@3" },
	{ "a..b=1\n.c=2\nd.=3", "a..b=1@1;.c=2@2;d.=3@3" },
	/* encodings */
	{ "\xef\xbb\xbf" "a=1", "a=1@1" },
	{ "a=\xc3\xa4", "a=\xc3\xa4@1" },
	{ "x=1\na=\xe4", "x=1@1;a=\xc3\xa4@2", "f:2: warning: 1 byte is not UTF-8" },
	{ "a=\xe4\xc3\xa4\xff", "a=\xc3\xa4\xc3\xa4\xc3\xbf@1", "2 bytes are not" },
	{ "a=\xed\xa0\x80", "a=\xc3\xad\xc2\xa0\xc2\x80@1", "3 bytes are not" },
};

START_TEST(grammar_case)
{
	conf_case_check(conf_read_properties, &grammar[_i], _i);
}
END_TEST

START_TEST(nul_is_an_error)
{
	struct conf_problems p = { 0 };
	struct conf *root = conf_new();

	conf_read_properties(root, SLICE("a=1\nb=\0\n"), "f", &p);
	ck_assert(root->children == NULL);
	conf_problems_check(&p, "f:2: error: a NUL byte", "NUL");
	conf_free(root);
	conf_problems_fini(&p);
}
END_TEST

START_TEST(size_is_limited)
{
	struct conf_problems p = { 0 };
	struct conf *root = conf_new();
	size_t len = CONF_FILE_MAX + 1;
	char *text = xmalloc(len);

	memset(text, '\n', len);
	conf_read_properties(root, slice_of(text, len), "f", &p);
	conf_problems_check(&p, "f: error: the file has 16777217 bytes", "size");
	conf_problems_fini(&p);
	conf_read_properties(root, slice_of(text, len - 1), "f", &p);
	ck_assert_uint_eq(p.n, 0);
	free(text);
	conf_free(root);
	conf_problems_fini(&p);
}
END_TEST

/* A line of a megabyte, and a hundred thousand keys below one node. */
START_TEST(long_and_many)
{
	struct conf_problems p = { 0 };
	struct conf *root = conf_new();
	struct sb sb = SB_INIT;
	int i;

	sb_puts(&sb, "long = ");
	for (i = 0; i < 100000; i++)
		sb_puts(&sb, "0123456789");
	sb_puts(&sb, "\n");
	for (i = 0; i < 100000; i++)
		sb_printf(&sb, "a.k%d = %d\n", i, i);
	conf_read_properties(root, slice_of(sb.ptr, sb.len), "f", &p);
	ck_assert_uint_eq(p.n, 0);
	ck_assert_uint_eq(strlen(conf_get(root, "long")), 1000000);
	ck_assert_str_eq(conf_get(root, "a.k77777"), "77777");
	ck_assert_int_eq(conf_find(root, "a.k77777")->line, 77779);
	sb_fini(&sb);
	conf_free(root);
	conf_problems_fini(&p);
}
END_TEST

/* As many parts as somebody likes: the tree stays flat, the key whole. */
START_TEST(deep_key)
{
	struct conf_problems p = { 0 };
	struct conf *root = conf_new(), *c;
	struct sb sb = SB_INIT;
	int i, depth = 0;

	for (i = 0; i < 5000; i++)
		sb_puts(&sb, "a.");
	sb_puts(&sb, "b");
	c = conf_set(root, sb.ptr, "v", "f", 1);
	ck_assert_ptr_eq(conf_find(root, sb.ptr), c);
	for (; c != NULL; c = c->parent)
		depth++;
	ck_assert_int_eq(depth, CONF_DEPTH_MAX + 1);
	sb_fini(&sb);
	conf_free(root);
	conf_problems_fini(&p);
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &grammar_case, .rows = NELEM(grammar) },
	{ .fn = &nul_is_an_error },
	{ .fn = &size_is_limited },
	{ .fn = &long_and_many },
	{ .fn = &deep_key },
};

int
main(void)
{
	return (UNIT_MAIN("properties", tests));
}
