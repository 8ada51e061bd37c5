/*
 * File groups, from the settings filegroups and headers.  Both are trees: their
 * keys are names that the user chose.
 */
#include "sources/tail.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static struct tail_group *
group_named(struct tail *t, const char *name)
{
	size_t i;

	for (i = 0; i < t->ngroups; i++)
		if (strcmp(t->groups[i].name, name) == 0)
			return (&t->groups[i]);
	return (NULL);
}

static int
add_group(struct tail *t, const char *name, struct err *e)
{
	const char *text = NULL;
	struct tail_group *g;
	struct conf *c;

	if (group_named(t, name) != NULL)
		return (err_set(e, ERR_CONFIG, "filegroups names %s twice",
		    name));
	if ((c = conf_find(t->set.groups, name)) != NULL)
		text = c->value;
	if (text == NULL)
		return (err_set(e, ERR_CONFIG, "filegroups.%s is missing: the "
		    "path and pattern of file group %s", name, name));
	g = &t->groups[t->ngroups];
	if (tail_pattern_parse(&g->pattern, text, e) == -1)
		return (err_ctx(e, "filegroups.%s", name));
	g->name = xstrdup(name);
	t->ngroups++;
	return (0);
}

static int
add_groups(struct tail *t, struct err *e)
{
	char *names, *word, *save = NULL;
	int rc = 0;

	names = xstrdup(t->set.groups == NULL ||
	    t->set.groups->value == NULL ? "" : t->set.groups->value);
	t->groups = xcalloc(strlen(names) + 1, sizeof *t->groups);
	for (word = strtok_r(names, " \t", &save); word != NULL && rc == 0;
	    word = strtok_r(NULL, " \t", &save))
		rc = add_group(t, word, e);
	free(names);
	if (rc == 0 && t->ngroups == 0)
		return (err_set(e, ERR_CONFIG, "filegroups is missing: the "
		    "names of the file groups"));
	return (rc);
}

/* Every value below node is a header; its name is the dotted rest of the key,
 * as in Flume. */
static void
add_headers(struct tail_group *g, const struct conf *node, const char *prefix)
{
	const struct conf *c;
	struct header *h;
	char *name;

	for (c = node->children; c != NULL; c = c->next) {
		name = xasprintf("%s%s%s", prefix, prefix[0] == '\0' ? "" : ".",
		    c->name);
		add_headers(g, c, name);
		if (c->value == NULL) {
			free(name);
			continue;
		}
		g->headers = xreallocarray(g->headers, g->nheaders + 1,
		    sizeof *g->headers);
		h = &g->headers[g->nheaders++];
		h->name = slice_str(name);
		h->value = slice_str(xstrdup(c->value));
	}
}

static int
check_headers(struct tail *t, struct err *e)
{
	struct tail_group *g;
	struct conf *c;

	if (t->set.headers == NULL)
		return (0);
	for (c = t->set.headers->children; c != NULL; c = c->next) {
		if ((g = group_named(t, c->name)) == NULL)
			return (err_set(e, ERR_CONFIG, "headers.%s is for a "
			    "file group that filegroups does not name",
			    c->name));
		add_headers(g, c, "");
	}
	return (0);
}

static int
check_patterns(struct tail *t, struct err *e)
{
	struct conf *c;

	for (c = t->set.groups->children; c != NULL; c = c->next)
		if (group_named(t, c->name) == NULL)
			return (err_set(e, ERR_CONFIG, "filegroups.%s is not "
			    "among the names of filegroups", c->name));
	return (0);
}

int
tail_groups_make(struct tail *t, struct err *e)
{
	if (add_groups(t, e) == -1 || check_patterns(t, e) == -1)
		return (-1);
	return (check_headers(t, e));
}

void
tail_groups_free(struct tail *t)
{
	struct tail_group *g;
	size_t i, k;

	for (i = 0; i < t->ngroups; i++) {
		g = &t->groups[i];
		for (k = 0; k < g->nheaders; k++) {
			free((void *)g->headers[k].name.p);
			free((void *)g->headers[k].value.p);
		}
		free(g->headers);
		free(g->name);
		tail_pattern_fini(&g->pattern);
	}
	free(t->groups);
}
