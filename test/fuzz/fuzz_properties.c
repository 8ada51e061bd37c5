/*
 * Properties files: whatever the bytes, the reader ends, values come out
 * trimmed and not empty, and a tree that is written down again with all
 * escapes reads back the same.  Then substitution over it.
 */
#include <stdlib.h>

#include "base/check.h"
#include "base/conf.h"
#include "base/str.h"
#include "test/fuzz/fuzz.h"

static void
add_escaped(struct sb *sb, const char *s)
{
	static const char plain[] = "\t\n\r\f", letters[] = "tnrf";
	const char *e;

	for (; *s != '\0'; s++) {
		if ((e = strchr(plain, *s)) != NULL)
			sb_printf(sb, "\\%c", letters[e - plain]);
		else if (strchr(" \\=:#!", *s) != NULL)
			sb_printf(sb, "\\%c", *s);
		else
			sb_add(sb, s, 1);
	}
}

static void
check_same(struct conf *a, struct conf *b)
{
	const struct conf *x = a, *y = b;

	for (; x != NULL || y != NULL;
	    x = conf_next(a, x), y = conf_next(b, y)) {
		CHECK(x != NULL && y != NULL);
		CHECK(strcmp(x->name, y->name) == 0);
		CHECK((x->value == NULL) == (y->value == NULL));
		CHECK(x->value == NULL || strcmp(x->value, y->value) == 0);
	}
}

/* Nodes that lost their value to an empty one are left out by the copy. */
static bool
has_hollow_leaf(struct conf *root)
{
	struct conf *c;

	for (c = root; c != NULL; c = conf_next(root, c))
		if (c != root && c->value == NULL && c->children == NULL)
			return (true);
	return (false);
}

static void
check_copy(struct conf *root)
{
	struct conf_problems problems = { 0 };
	struct conf *copy = conf_new(), *c;
	struct sb sb = SB_INIT;
	char *key;

	/* A key may begin with a byte order mark; the file then must not. */
	sb_puts(&sb, "\n");
	for (c = root; c != NULL; c = conf_next(root, c)) {
		if (c->value == NULL)
			continue;
		CHECK(*c->value != '\0' && (unsigned char)*c->value > ' ');
		CHECK(c->line > 0);
		key = conf_key_below(root, c);
		add_escaped(&sb, key);
		free(key);
		sb_puts(&sb, " = ");
		add_escaped(&sb, c->value);
		sb_puts(&sb, "\n");
	}
	if (sb.len < CONF_FILE_MAX) {
		conf_read_properties(copy, slice_of(sb.ptr, sb.len), "copy",
		    &problems);
		CHECK(problems.errors == 0);
		check_same(root, copy);
	}
	sb_fini(&sb);
	conf_free(copy);
	conf_problems_fini(&problems);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_problems problems = { 0 };
	struct conf *root = conf_new();

	conf_read_properties(root, slice_of(data, size), "fuzz", &problems);
	if (!has_hollow_leaf(root))
		check_copy(root);
	conf_substitute(root, &problems);
	conf_problems_fini(&problems);
	conf_free(root);
	return (0);
}
