/*
 * Trees and problems as text, so that a test is a table of input and
 * expected output.
 */
#ifndef TEST_UNIT_CONF_TEXT_H
#define TEST_UNIT_CONF_TEXT_H

#include "base/conf.h"

typedef void conf_reader_fn(struct conf *, struct slice, const char *,
	    struct conf_problems *);

/* "key=value@line;key2=..." of all values, in the tree's order (free). */
char	*conf_text_tree(const struct conf *);
/* What conf_problems_print prints (free). */
char	*conf_text_problems(const struct conf_problems *);
/* A tree read from a string as file "f". */
struct conf *conf_text_read(conf_reader_fn *, const char *text,
	    struct conf_problems *);

/* One case: the tree that comes out, and for each problem a piece of its line,
 * separated by '|'; there must be no others. */
struct conf_case {
	const char	*text, *tree, *problems;
};
/* Fails the running test with the case's number and what differs. */
void	conf_case_check(conf_reader_fn *, const struct conf_case *, int i);
/* The second half alone. */
void	conf_problems_check(const struct conf_problems *, const char *expected,
	    const char *what);

#endif
