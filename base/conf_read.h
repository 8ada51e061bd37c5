/*
 * What the readers of configuration files share; for base/conf_*.c alone.
 *
 * A reader checks its text with conf_text, finds keys and values in whatever
 * way its format has, and hands each pair to conf_put, which is where the
 * rules stand that hold for every format (conf.h).
 */
#ifndef BASE_CONF_READ_H
#define BASE_CONF_READ_H

#include "base/conf.h"
#include "base/str.h"

struct conf_reader {
	struct conf		*root;
	const char		*file;
	struct conf_problems	*problems;
};

/*
 * Checks the size, takes the byte order mark off, and makes the text UTF-8 in
 * *out: bytes that are not are read as Latin-1, with a warning.  False, with
 * an error, when the text cannot be read at all.  The caller frees *out.
 */
bool	conf_text(const struct conf_reader *, struct slice text,
	    struct sb *out);

/* Sets key to value; trims both in place.  line is where the key starts. */
void	conf_put(const struct conf_reader *, char *key, char *value, int line);

/* A trimmed copy, NULL when nothing is left. */
char	*conf_trimmed(const char *value);

#endif
