/*
 * Patterns of file groups: which paths belong to one.
 *
 *	/var/log/app/.*\.log		Flume's: the last part is a regular
 *					expression (Java's syntax as PCRE2 knows
 *					it) that matches the whole file name
 *	/var/log/(glob)/.*\.log		directory parts may be globs; a double
 *					star as a part stands for any depth
 *	glob:/var/log/(glob)/app-*.log	the last part is a glob too
 *
 * Only the prefix "glob:" makes a glob of the last part, so that a Flume file
 * keeps its meaning.  In globs a name that begins with a dot is matched by a
 * part that begins with one; expressions see every name.
 *
 * Read only after parsing, but for the match data: one loop.
 */
#ifndef SOURCES_TAIL_PATTERN_H
#define SOURCES_TAIL_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define TAIL_PARTS_MAX	30

struct tail_pattern {
	char	 *text;		/* as configured */
	char	 *base;		/* the literal directories in front; "/" */
	char	**parts;	/* directory parts behind it, globs */
	size_t	  nparts;
	char	 *last;
	bool	  glob;		/* last is one */
	void	 *code, *match, *limits;	/* PCRE2's */
};

/*
 * Which directory parts are done, as a set of numbers: bit i says that the
 * parts before i matched.  0: no file below can match.
 */
typedef uint32_t tail_parts;

int	 tail_pattern_parse(struct tail_pattern *, const char *text,
	    struct err *);
void	 tail_pattern_fini(struct tail_pattern *);

/* At base. */
tail_parts tail_pattern_begin(const struct tail_pattern *);
/* In the directory `name` of a directory where the state was `at`. */
tail_parts tail_pattern_enter(const struct tail_pattern *, tail_parts at,
	    const char *name);
/* Does a file of that name match, in a directory with that state? */
bool	 tail_pattern_file(const struct tail_pattern *, tail_parts at,
	    const char *name);
/* All of it on a whole path. */
bool	 tail_pattern_path(const struct tail_pattern *, const char *path);

/*
 * The names from which rotation may have made this one: a separator, then
 * digits, dates and separators are taken from its end or from before its
 * suffix: app.log.1, app.log-20261121, app-2026-11-21.log, app.3.log.  Start
 * with *it = 0; out holds strlen(name) + 1 bytes; false at the end.
 */
bool	 tail_name_origin(const char *name, size_t *it, char *out);

#endif
