/*
 * The configuration tree: what any of the readers makes of a file.
 *
 * A properties key "a1.sources.r1.filegroups.f1 = /x" becomes nested nodes;
 * a node can have a value and children.  Every value keeps its file and line.
 * Looking a value up marks it as used, so that what nobody asked for can be
 * reported.  Children keep the order of first appearance.  One thread.
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/slice.h"

struct conf {
	char		*name;		/* one part of the key */
	char		*value;		/* NULL: only children */
	const char	*file;		/* of the value, or of the first child */
	int		 line;
	bool		 used;
	struct conf	*parent, *children, *next;
};

/* All problems of a load, in order; printed together at the end. */
struct conf_problems {
	struct conf_problem {
		char	*file;
		int	 line;
		bool	 warning;
		char	*text;		/* reason, and the fix */
	}	*v;
	size_t	 n, cap, errors;
};

void	conf_error(struct conf_problems *, const struct conf *where,
	    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void	conf_error_at(struct conf_problems *, const char *file, int line,
	    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void	conf_warn(struct conf_problems *, const struct conf *where,
	    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* "file:12: error: text" per line, sorted by file and line. */
void	conf_problems_print(const struct conf_problems *, int fd);
void	conf_problems_fini(struct conf_problems *);

struct conf *conf_new(void);			/* an empty root */
void	conf_free(struct conf *);

/* Sets a dotted key; a later value replaces the earlier one (Flume: last one
 * wins).  Returns the node. */
struct conf *conf_set(struct conf *root, const char *key, const char *value,
	    const char *file, int line);
/* A child, or a dotted path below; NULL when absent.  Does not mark. */
struct conf *conf_find(const struct conf *, const char *path);
/* The value there, marked used; NULL when absent. */
const char *conf_get(struct conf *, const char *path);
/* Marks the node and all below it as used. */
void	conf_use_all(struct conf *);
/* The dotted key from the root, in buf. */
const char *conf_key(const struct conf *, char *buf, size_t size);
/* Calls fn for each node with a value that nobody used, in file order. */
void	conf_walk_unused(struct conf *, void (*fn)(struct conf *, void *),
	    void *ctx);

/*
 * The readers.  text need not be NUL-terminated; file is kept as a name.
 * Errors go to problems with their line; what could be read is in root.
 * Total on any input.
 *
 * properties: java.util.Properties to the letter, as Flume reads it: UTF-8 or
 * \uXXXX, values trimmed, empty value: warning and ignored.
 */
void	conf_read_properties(struct conf *root, struct slice text,
	    const char *file, struct conf_problems *);
/* YAML 1.1 through libyaml: mappings nest, sequences of scalars become one
 * blank-separated value (Flume's lists), scalars are text. */
void	conf_read_yaml(struct conf *root, struct slice text, const char *file,
	    struct conf_problems *);
/* INI through inih: [profile prod] key = v becomes profile.prod.key, with
 * dots in the key kept as nesting. */
void	conf_read_ini(struct conf *root, struct slice text, const char *file,
	    struct conf_problems *);
/* Picks the reader by the name's end (.yaml, .yml, .ini, else properties). */
int	conf_read_file(struct conf *root, const char *path,
	    struct conf_problems *, struct err *);

/*
 * ${env:X}, ${env:X:-default}, ${key} of the same tree, $${ escapes; as in
 * flume.md 1.5.  An unset variable without default is an error at its line.
 */
void	conf_substitute(struct conf *root, struct conf_problems *);

#endif
