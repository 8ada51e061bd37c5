/*
 * Tables of settings.  One table per plugin says everything about its keys
 * once: the parser, the bounds, "did you mean", `leat explain` and the manual
 * page are read from it.
 *
 *	static const struct setting settings[] = {
 *		SETTING_STR(struct tail, position_file, "positionFile",
 *		    .doc = "Where positions are kept."),
 *		SETTING_INT(struct tail, batch_size, "batchSize", .def = "1000",
 *		    .min = "1", .max = "1000000", .doc = "Records per batch."),
 *		SETTING_END
 *	};
 *
 * Defaults and bounds are text in the user's units, parsed by the same parser
 * as the user's value.  A wrong C type in a row does not compile.
 */
#ifndef BASE_SETTING_H
#define BASE_SETTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/conf.h"

enum setting_type {
	SET_END, SET_STR, SET_BOOL, SET_INT, SET_SIZE, SET_DURATION, SET_ENUM,
	SET_LIST, SET_TREE
};

#define SETTING_REQUIRED	0x01
#define SETTING_SECRET		0x02	/* value never printed */
#define SETTING_HIDDEN		0x04	/* not in explain nor the manual */
#define SETTING_IGNORED		0x08	/* Flume knows it, it has no effect
					   here: doc says why; a warning */

struct setting {
	enum setting_type	 type;
	size_t			 offset;
	const char		*name;		/* key; may hold dots */
	const char *const	*aliases;	/* spellings, NULL-ended */
	const char		*def;		/* NULL: zero or NULL */
	const char		*min, *max;
	const char *const	*names;		/* SET_ENUM, NULL-ended */
	int64_t			 unit_ms;	/* SET_DURATION: of a bare
						   number */
	unsigned		 flags;
	const char		*doc;		/* sentences */
};

/* List of words, split at white space (and commas with .names = NULL); with
 * .names each word must be one of them; .min and .max count the words. */
struct setting_list {
	char	**v;
	size_t	  n;
};

#define SETTING_TYPE_CHECK(st, m, T)					\
	(0 * sizeof (char [_Generic(((st *)0)->m, T: 1, default: -1)]))
#define SETTING_ROW(t, st, m, T, key, ...)				\
	{ .type = (t),							\
	  .offset = offsetof(st, m) + SETTING_TYPE_CHECK(st, m, T),	\
	  .name = (key), __VA_ARGS__ }
#define SETTING_STR(st, m, key, ...)					\
	SETTING_ROW(SET_STR, st, m, char *, key, __VA_ARGS__)
#define SETTING_BOOL(st, m, key, ...)					\
	SETTING_ROW(SET_BOOL, st, m, bool, key, __VA_ARGS__)
#define SETTING_INT(st, m, key, ...)					\
	SETTING_ROW(SET_INT, st, m, int64_t, key, __VA_ARGS__)
#define SETTING_SIZE(st, m, key, ...)					\
	SETTING_ROW(SET_SIZE, st, m, uint64_t, key, __VA_ARGS__)
/* Milliseconds in an int64_t; a bare number is .unit_ms each (0: 1). */
#define SETTING_DURATION(st, m, key, ...)				\
	SETTING_ROW(SET_DURATION, st, m, int64_t, key, __VA_ARGS__)
/* Index into .names. */
#define SETTING_ENUM(st, m, key, ...)					\
	SETTING_ROW(SET_ENUM, st, m, int, key, __VA_ARGS__)
#define SETTING_LIST(st, m, key, ...)					\
	SETTING_ROW(SET_LIST, st, m, struct setting_list, key, __VA_ARGS__)
/* The subtree below key, for the plugin to walk ("kafka.producer"); all of it
 * counts as used.  NULL when absent.  Lives as long as the tree. */
#define SETTING_TREE(st, m, key, ...)					\
	SETTING_ROW(SET_TREE, st, m, struct conf *, key, __VA_ARGS__)
/* A key of Flume's that is accepted and has no effect. */
#define SETTING_NOOP(key, why)						\
	{ .type = SET_STR, .offset = SIZE_MAX, .name = (key),		\
	  .flags = SETTING_IGNORED, .doc = (why) }
#define SETTING_END	{ .type = SET_END }

/*
 * Fills obj from the children of node (NULL: defaults only).  All mistakes go
 * to problems: bad value with what is allowed, missing required key.  Strings
 * and lists are allocated; setting_fini frees them.  The number of errors.
 */
size_t	settings_fill(const struct setting *, void *obj, struct conf *node,
	    struct conf_problems *);
void	settings_fini(const struct setting *, void *obj);
/* A value of the filled object as text that would be read back the same
 * ("64k", "5s", a secret as "(hidden)"); cut at size.  Returns buf. */
const char *setting_print(const struct setting *, const void *obj, char *buf,
	    size_t);
/*
 * Reports each value below node that no table row of tables[0..n) (NULLs are
 * fine) claims and nobody used, as an error with "did you mean".  what names
 * the component for the sentence "WHAT has no setting": "source=r1".
 * With problems->unknown_ok they are warnings.
 */
void	settings_report_unused(struct conf *node,
	    const struct setting *const *tables, size_t n, const char *what,
	    struct conf_problems *);
/*
 * Reports, as "WHAT: message", what its owner says of settings that are right
 * each and wrong together: at the line of the setting that the message begins
 * with ("port: ...", "bind = ::1 ..."), else at node (NULL: of no file).
 */
void	settings_report_check(const struct conf *node, const char *what,
	    const struct err *, struct conf_problems *);
/* Parses def, min and max of every row; for the unit test over all tables. */
int	settings_check_table(const struct setting *, struct err *);

enum setting_format { SETTING_TEXT, SETTING_MDOC, SETTING_JSON };
/* Prints the table for people (explain), for leat.conf.5, for programs. */
void	settings_explain(const struct setting *, enum setting_format, FILE *);

#endif
