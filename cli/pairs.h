/* "key=value,key=[a,b]" of leat configs --add-config. */
#ifndef CLI_PAIRS_H
#define CLI_PAIRS_H

#include <stddef.h>

#include "base/err.h"

struct pair {
	char	*key;
	char	*value;		/* NULL: a key alone */
};

struct pairs {
	struct pair	*v;
	size_t		 n, cap;
};

/* Adds the pairs of text; a value with commas stands in [brackets], which do
 * not belong to it.  *e names what is wrong. */
int	pairs_parse(struct pairs *, const char *text, struct err *e);
/* Adds "key,key". */
int	pairs_parse_keys(struct pairs *, const char *text, struct err *e);
/* Adds one. */
void	pairs_set(struct pairs *, const char *key, const char *value);
const struct pair *pairs_find(const struct pairs *, const char *key);
void	pairs_fini(struct pairs *);

#endif
