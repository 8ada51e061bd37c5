/* Lists of names, and what is said about a broken one. */
#include "agent/config_build.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

void
config_broken(struct config_build *b, const struct conf *where,
    const char *what, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) == -1)
		text = xstrdup(fmt);
	va_end(ap);
	if (b->lenient)
		conf_warn(b->p, where, "%s is dropped, as Flume does: %s",
		    what, text);
	else
		conf_error(b->p, where, "%s", text);
	free(text);
}

const char *
config_did_you_mean(const char *word, const char *const *v, size_t n)
{
	static char buf[CONF_KEY_SIZE];
	const char *near = str_nearest(word, v, n);

	if (near == NULL)
		return ("");
	snprintf(buf, sizeof buf, "; did you mean '%s'?", near);
	return (buf);
}

bool
config_names_has(const struct config_names *names, const char *name)
{
	size_t i;

	for (i = 0; i < names->n; i++)
		if (strcmp(names->v[i], name) == 0)
			return (true);
	return (false);
}

void
config_names_add(struct config_names *names, const char *name)
{
	GROW(names->v, names->n, names->cap);
	names->v[names->n++] = xstrdup(name);
}

void
config_names_fini(struct config_names *names)
{
	size_t i;

	for (i = 0; i < names->n; i++)
		free(names->v[i]);
	free(names->v);
	*names = (struct config_names){ NULL, 0, 0 };
}

/* A list nobody writes by hand; it bounds the work on one. */
#define NAMES_MAX	1000

/* A habit from elsewhere that Flume takes for a part of a name. */
static void
check_commas(struct config_build *b, const struct conf *node)
{
	char key[CONF_KEY_SIZE];

	if (!b->lenient && strchr(node->value, ',') != NULL)
		conf_error(b->p, node, "%s: '%s' has commas; separate names by "
		    "blanks", conf_key(node, key, sizeof key), node->value);
}

static void
add_word(struct config_build *b, const struct conf *node,
    struct config_names *names, const char *word)
{
	char key[CONF_KEY_SIZE];

	if (config_names_has(names, word))
		conf_warn(b->p, node, "%s names '%s' twice",
		    conf_key(node, key, sizeof key), word);
	else
		config_names_add(names, word);
}

void
config_names_read(struct config_build *b, struct conf *node,
    struct config_names *names)
{
	const struct conf *c;
	char key[CONF_KEY_SIZE], *copy, *rest, *word;

	if (node == NULL)
		return;
	if (node->value == NULL) {
		for (c = node->mapping ? node->children : NULL; c != NULL;
		    c = c->next)
			config_names_add(names, c->name);
		return;
	}
	node->used = true;
	check_commas(b, node);
	rest = copy = xstrdup(node->value);
	while (names->n < NAMES_MAX && (word = strsep(&rest, b->lenient ?
	    " \t\r\n\f\v" : " \t\r\n\f\v,")) != NULL)
		if (*word != '\0')
			add_word(b, node, names, word);
	if (names->n == NAMES_MAX)
		conf_error(b->p, node, "%s names more than %d components",
		    conf_key(node, key, sizeof key), NAMES_MAX - 1);
	free(copy);
}
