#include "test/unit/conf_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "base/mem.h"
#include "base/str.h"

char *
conf_text_tree(const struct conf *root)
{
	struct sb sb = SB_INIT;
	char key[CONF_KEY_SIZE];
	const struct conf *c;

	sb_puts(&sb, "");
	for (c = root; c != NULL; c = conf_next(root, c))
		if (c->value != NULL)
			sb_printf(&sb, "%s%s=%s@%d", sb.len > 0 ? ";" : "",
			    conf_key(c, key, sizeof key), c->value, c->line);
	return (sb_take(&sb));
}

char *
conf_text_problems(const struct conf_problems *p)
{
	FILE *f = tmpfile();
	char *text;
	long len;

	ck_assert(f != NULL);
	conf_problems_print(p, fileno(f));
	len = lseek(fileno(f), 0, SEEK_END);
	rewind(f);
	text = xcalloc(1, (size_t)len + 1);
	ck_assert(fread(text, 1, (size_t)len, f) == (size_t)len);
	fclose(f);
	return (text);
}

struct conf *
conf_text_read(conf_reader_fn *read, const char *text, struct conf_problems *p)
{
	struct conf *root = conf_new();

	read(root, slice_str(text), "f", p);
	return (root);
}

void
conf_problems_check(const struct conf_problems *p, const char *expected,
    const char *what)
{
	char *got = conf_text_problems(p), *want = xstrdup(expected);
	char *line, *piece, *next_line = got, *next_piece = want;

	while ((piece = strsep(&next_piece, "|")) != NULL && *piece != '\0') {
		line = strsep(&next_line, "\n");
		ck_assert_msg(line != NULL && strstr(line, piece) != NULL,
		    "%s: wanted '%s', got '%s'", what, piece,
		    line == NULL ? "nothing" : line);
	}
	ck_assert_msg(next_line == NULL || *next_line == '\0',
	    "%s: also got: %s", what, next_line);
	free(got);
	free(want);
}

void
conf_case_check(conf_reader_fn *read, const struct conf_case *c, int i)
{
	struct conf_problems p = { 0 };
	struct conf *root = conf_text_read(read, c->text, &p);
	char *tree = conf_text_tree(root), what[32];

	snprintf(what, sizeof what, "case %d", i);
	ck_assert_msg(strcmp(tree, c->tree) == 0,
	    "%s: wanted '%s', got '%s'", what, c->tree, tree);
	conf_problems_check(&p, c->problems == NULL ? "" : c->problems, what);
	free(tree);
	conf_free(root);
	conf_problems_fini(&p);
}
