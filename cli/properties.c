#include "cli/properties.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"

static struct property *
find(struct property *t, const char *key, size_t len)
{
	for (; t->key != NULL; t++)
		if (strlen(t->key) == len && memcmp(t->key, key, len) == 0)
			return (t);
	return (NULL);
}

int
properties_parse(struct property *table, const struct flag_list *given,
    const char *command)
{
	const char *eq, *names[32];
	struct property *p;
	size_t i, n;

	for (i = 0; i < given->n; i++) {
		eq = strchr(given->v[i], '=');
		p = eq == NULL ? NULL : find(table, given->v[i],
		    (size_t)(eq - given->v[i]));
		if (p != NULL) {
			p->value = eq + 1;
			continue;
		}
		fprintf(stderr, "%s: --property %s: give one of these as "
		    "key=value:", command, given->v[i]);
		for (n = 0; table[n].key != NULL && n < NELEM(names); n++)
			fprintf(stderr, " %s", table[n].key);
		fprintf(stderr, "\n");
		return (CLI_USAGE);
	}
	return (0);
}

const char *
property(const struct property *table, const char *key)
{
	for (; table->key != NULL; table++)
		if (strcmp(table->key, key) == 0)
			return (table->value);
	CHECK(!"a property of the table");
	return (NULL);
}

bool
property_true(const struct property *table, const char *key)
{
	return (strcasecmp(property(table, key), "true") == 0);
}
