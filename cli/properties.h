/*
 * "--property key=value" of the console commands: a table of text settings.
 */
#ifndef CLI_PROPERTIES_H
#define CLI_PROPERTIES_H

#include <stdbool.h>

#include "cli/flags.h"

struct property {
	const char	*key;
	const char	*value;		/* default; replaced by the user's */
};

/* 0, or CLI_USAGE after a message; table ends with key NULL. */
int	properties_parse(struct property *table, const struct flag_list *,
	    const char *command);
const char *property(const struct property *table, const char *key);
bool	property_true(const struct property *table, const char *key);

#endif
