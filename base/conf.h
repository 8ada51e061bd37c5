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

struct map;

/* A configuration file is refused above this size. */
#define CONF_FILE_MAX	(16 * 1024 * 1024)
/* Parts of a key; the last one takes the rest, dots and all.  So the tree is
 * never deep, whatever the file says. */
#define CONF_DEPTH_MAX	32
/* Longest dotted key that messages show in full. */
#define CONF_KEY_SIZE	256

struct conf {
	char		*name;		/* one part of the key */
	char		*value;		/* NULL: only children */
	const char	*file;		/* of the value, or of the first child;
					   the tree's own copy */
	int		 line;
	bool		 used;
	bool		 mapping;	/* a mapping of a YAML file: its
					   children are its list */
	bool		 apart;		/* a component of its own, see
					   conf_walk_unused */
	unsigned char	 mark;		/* conf_substitute's */
	struct conf	*parent, *children, *next;
	struct conf	*last;		/* child */
	struct map	*index;		/* children by name, when many */
};

/*
 * All problems of a load; printed together at the end.  Texts are made
 * printable when they are added.  Beyond a thousand they are only counted.
 */
struct conf_problems {
	struct conf_problem {
		char	*file;		/* NULL: of no file */
		int	 line;		/* 0: of the whole file */
		bool	 warning;
		char	*text;		/* reason, and the fix */
	}	*v;
	size_t	 n, cap, errors;
	size_t	 dropped;		/* not kept */
	bool	 cut_short;		/* a file was not read to its end: what
					   seems to be missing may be there */
	bool	 unknown_ok;		/* keys that no table knows are
					   warnings (Flume says nothing) */
};

void	conf_error(struct conf_problems *, const struct conf *where,
	    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void	conf_error_at(struct conf_problems *, const char *file, int line,
	    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void	conf_warn(struct conf_problems *, const struct conf *where,
	    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void	conf_warn_at(struct conf_problems *, const char *file, int line,
	    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* "file:12: error: text" per line, sorted by file and line, what was reported
 * first first; then those of no file. */
void	conf_problems_print(const struct conf_problems *, int fd);
void	conf_problems_fini(struct conf_problems *);

struct conf *conf_new(void);			/* an empty root */
void	conf_free(struct conf *root);		/* NULL is fine */

/* Sets a dotted key; a later value replaces the earlier one (Flume: last one
 * wins).  Returns the node. */
struct conf *conf_set(struct conf *root, const char *key, const char *value,
	    const char *file, int line);
/* The same without a value: the node is made when it is not there. */
struct conf *conf_node(struct conf *root, const char *key, const char *file,
	    int line);
/* A child, or a dotted path below; NULL when absent.  Does not mark. */
struct conf *conf_find(const struct conf *, const char *path);
/* The value there, marked used; NULL when absent. */
const char *conf_get(struct conf *, const char *path);
/* Lists of siblings (x->children) with the same names and values in the same
 * order, all the way down. */
bool	conf_same(const struct conf *a, const struct conf *b);
/* Marks the node and all below it as used. */
void	conf_use_all(struct conf *);
/* The dotted key from the root, in buf. */
const char *conf_key(const struct conf *, char *buf, size_t size);
/* The dotted key from top, which is above; whole, for the caller to free. */
char	*conf_key_below(const struct conf *top, const struct conf *);
/* The next node below top after node in the tree's order, NULL at the end;
 * start with top itself.  Nothing may be added meanwhile. */
struct conf *conf_next(const struct conf *top, const struct conf *node);
/* Calls fn for each node with a value that nobody used, in the tree's order.
 * Nodes marked `apart`, and what is below them, are left out unless they are
 * the top: a source's interceptors report their own keys. */
void	conf_walk_unused(struct conf *, void (*fn)(struct conf *, void *),
	    void *ctx);

/*
 * The readers.  text need not be NUL-terminated; file is kept as a name.
 * Errors go to problems with their line; what could be read is in root.
 * Total on any input.
 *
 * Common to all: text is UTF-8, with or without a byte order mark; values are
 * trimmed; an empty value takes the key away, with a warning; a key that is
 * set twice in one file gets a warning, and the last one holds; a NUL is an
 * error, as is a file above CONF_FILE_MAX.
 *
 * properties: java.util.Properties to the letter, as Flume reads it, \uXXXX
 * included.  Bytes that are not UTF-8 are read as Latin-1, with a warning.
 */
void	conf_read_properties(struct conf *root, struct slice text,
	    const char *file, struct conf_problems *);
/* YAML 1.1 through libyaml: mappings nest, sequences of scalars become one
 * blank-separated value (Flume's lists), scalars are text, keys may hold
 * dots.  Aliases and a second document are refused. */
void	conf_read_yaml(struct conf *root, struct slice text, const char *file,
	    struct conf_problems *);
/* INI through inih: [profile prod] key = v becomes profile.prod.key, with
 * dots in the key kept as nesting.  What inih would cut or join in silence
 * (lines over 190 bytes, indented lines) is an error. */
void	conf_read_ini(struct conf *root, struct slice text, const char *file,
	    struct conf_problems *);
/* Picks the reader by the name's end (.yaml, .yml, .ini, else properties).
 * -1: the file could not be read; mistakes in it go to problems. */
int	conf_read_file(struct conf *root, const char *path,
	    struct conf_problems *, struct err *);

/*
 * ${env:X}, ${env:X:-default}, ${key} with a full key of the same tree, $${
 * for a plain ${, nesting as in ${${env:SITE}.port}: Flume 1.10's rules, in
 * the values of node and all below it.  What Flume leaves as it stands (unset,
 * without default) or resolves through Java (sys, java, date) is an error at
 * its line.  A key that is referred to counts as used.
 */
void	conf_substitute(struct conf *node, struct conf_problems *);

#endif
