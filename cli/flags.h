/*
 * Command-line flags by table: Kafka's names, "--flag value" or
 * "--flag=value"; --help is printed from the same table.
 *
 *	const struct flag flags[] = {
 *		FLAG_BOOL_ROW("list", &o.list, "List the topics."),
 *		FLAG_STR_ROW("topic", &o.topic, "TOPIC", "Name."),
 *		FLAG_LAST
 *	};
 *	rc = flags_parse(flags, "leat topics", argc, argv);
 */
#ifndef CLI_FLAGS_H
#define CLI_FLAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum flag_type {
	FLAG_END, FLAG_BOOL, FLAG_STR, FLAG_INT, FLAG_LIST, FLAG_WORD,
	FLAG_WORDS, FLAG_MAYBE
};

struct flag_list {
	const char	**v;
	size_t		  n;
};

struct flag {
	enum flag_type	 type;
	const char	*name;		/* without the dashes */
	void		*to;
	const char	*value;		/* what stands for it in --help */
	const char	*doc;
};

#define FLAG_BOOL_ROW(name, to, doc)					\
	{ FLAG_BOOL, (name), (to) + 0 * sizeof (char [_Generic((to),	\
	  bool *: 1, default: -1)]), NULL, (doc) }
#define FLAG_STR_ROW(name, to, val, doc)				\
	{ FLAG_STR, (name), (to) + 0 * sizeof (char [_Generic((to),	\
	  const char **: 1, default: -1)]), (val), (doc) }
#define FLAG_INT_ROW(name, to, val, doc)				\
	{ FLAG_INT, (name), (to) + 0 * sizeof (char [_Generic((to),	\
	  int64_t *: 1, default: -1)]), (val), (doc) }
/* One of the words of val, "json|text". */
#define FLAG_WORD_ROW(name, to, val, doc)				\
	{ FLAG_WORD, (name), (to) + 0 * sizeof (char [_Generic((to),	\
	  const char **: 1, default: -1)]), (val), (doc) }
/* May be given several times. */
#define FLAG_LIST_ROW(name, to, val, doc)				\
	{ FLAG_LIST, (name), (to) + 0 * sizeof (char [_Generic((to),	\
	  struct flag_list *: 1, default: -1)]), (val), (doc) }
/* Several values behind it, up to the next flag; may be given several times. */
#define FLAG_WORDS_ROW(name, to, val, doc)				\
	{ FLAG_WORDS, (name), (to) + 0 * sizeof (char [_Generic((to),	\
	  struct flag_list *: 1, default: -1)]), (val), (doc) }
/* With a value or without, "" then. */
#define FLAG_MAYBE_ROW(name, to, val, doc)				\
	{ FLAG_MAYBE, (name), (to) + 0 * sizeof (char [_Generic((to),	\
	  const char **: 1, default: -1)]), (val), (doc) }
#define FLAG_LAST	{ FLAG_END, NULL, NULL, NULL, NULL }

#define FLAGS_HELP	(-1)	/* help was printed */

/* 0, FLAGS_HELP, or CLI_USAGE after a message.  No operands are allowed unless
 * rest is given, which gets them (argv is reordered in place). */
int	flags_parse(const struct flag *, const char *command,
	    const char *summary, int argc, char **argv, struct flag_list *rest);
void	flag_list_fini(struct flag_list *);

#endif
