/*
 * What a table says about keys it did not fill: which of a user's keys it does
 * not know, and whether the table itself is sound.
 */
#include "base/setting.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/setting_text.h"
#include "base/str.h"

static bool
is_noop(const struct setting *s)
{
	return ((s->flags & SETTING_IGNORED) != 0);
}

static bool
is_number(const struct setting *s)
{
	return (s->type == SET_INT || s->type == SET_SIZE ||
	    s->type == SET_DURATION);
}

/* --- what no table claims --- */

static bool
name_claims(const char *name, const char *key, bool prefix)
{
	size_t n = strlen(name);

	return (strncmp(key, name, n) == 0 &&
	    (key[n] == '\0' || (prefix && key[n] == '.')));
}

static bool
row_claims(const struct setting *s, const char *key)
{
	bool prefix = s->type == SET_TREE || is_noop(s);
	size_t i;

	if (name_claims(s->name, key, prefix))
		return (true);
	for (i = 0; s->aliases != NULL && s->aliases[i] != NULL; i++)
		if (name_claims(s->aliases[i], key, prefix))
			return (true);
	return (false);
}

struct unused {
	struct conf			*node;
	const struct setting *const	*tables;
	size_t				 n;
	const char			*what;
	struct conf_problems		*problems;
	const char			**names;	/* candidates */
	size_t				 n_names;
};

/* All keys a user could have meant. */
static void
candidates(struct unused *u)
{
	const struct setting *s;
	size_t i, k, cap = 0;

	for (i = 0; i < u->n; i++)
		for (s = u->tables[i]; s != NULL && s->type != SET_END; s++) {
			if (s->flags & (SETTING_HIDDEN | SETTING_IGNORED))
				continue;
			GROW(u->names, u->n_names, cap);
			u->names[u->n_names++] = s->name;
			for (k = 0; s->aliases != NULL &&
			    s->aliases[k] != NULL; k++) {
				GROW(u->names, u->n_names, cap);
				u->names[u->n_names++] = s->aliases[k];
			}
		}
}

static const char *
last_part(const char *key)
{
	const char *dot = strrchr(key, '.');

	return (dot == NULL ? key : dot + 1);
}

/* The nearest spelling, or a key of the same last part: somebody wrote topic
 * for kafka.topic. */
static const char *
suggestion(const struct unused *u, const char *key)
{
	const char *near = str_nearest(key, u->names, u->n_names);
	size_t i;

	for (i = 0; near == NULL && i < u->n_names; i++)
		if (strcasecmp(last_part(key), last_part(u->names[i])) == 0)
			near = u->names[i];
	return (near);
}

static bool
is_claimed(const struct unused *u, const char *key)
{
	const struct setting *s;
	size_t i;

	for (i = 0; i < u->n; i++)
		for (s = u->tables[i]; s != NULL && s->type != SET_END; s++)
			if (row_claims(s, key))
				return (true);
	return (false);
}

static void
report_unused(struct conf *c, void *ctx)
{
	struct unused *u = ctx;
	char full[CONF_KEY_SIZE], *key;
	const char *near;
	struct sb sb = SB_INIT;

	/* The node's own value is its owner's matter. */
	if (c == u->node)
		return;
	key = conf_key_below(u->node, c);
	if (!is_claimed(u, key)) {
		near = suggestion(u, key);
		sb_printf(&sb, "%s: %s has no setting '%.*s'; ",
		    conf_key(c, full, sizeof full), u->what, CONF_KEY_SIZE,
		    key);
		if (near != NULL)
			sb_printf(&sb, "did you mean '%s'?", near);
		else
			sb_puts(&sb, "remove it, or see leat explain for "
			    "those it has");
		(u->problems->unknown_ok ? conf_warn : conf_error)(u->problems,
		    c, "%s", sb.ptr);
		sb_fini(&sb);
	}
	free(key);
}

void
settings_report_unused(struct conf *node, const struct setting *const *tables,
    size_t n, const char *what, struct conf_problems *problems)
{
	struct unused u = { node, tables, n, what, problems, NULL, 0 };

	candidates(&u);
	conf_walk_unused(node, report_unused, &u);
	free(u.names);
}

void
settings_report_check(const struct conf *node, const char *what,
    const struct err *e, struct conf_problems *problems)
{
	char *key = xstrndup(e->msg, strcspn(e->msg, " :"));
	const struct conf *c = NULL;

	if (node != NULL && *key != '\0')
		c = conf_find(node, key);
	conf_error(problems, c != NULL && c->file != NULL ? c : node, "%s: %s",
	    what, e->msg);
	free(key);
}

/* --- the check of a table --- */

static int
row_check_number(const struct setting *s, const char *what, const char *text,
    struct err *e)
{
	int64_t v;

	if (text == NULL || setting_number(s, text, &v))
		return (0);
	return (err_set(e, ERR_CONFIG, "%s: %s '%s' is none", s->name, what,
	    text));
}

static int
row_check_default(const struct setting *s, struct err *e)
{
	struct setting at_zero[2] = { *s, SETTING_END };
	union {
		int64_t i;
		char *p;
		struct setting_list l;
	} obj = { .l = { NULL, 0 } };
	struct err why = ERR_INIT;

	if (s->def == NULL)
		return (0);
	if (s->type == SET_TREE || (s->flags & SETTING_REQUIRED))
		return (err_set(e, ERR_CONFIG, "%s: a default is of no use",
		    s->name));
	at_zero->offset = 0;
	if (setting_set(at_zero, &obj, s->def, &why) == -1)
		return (err_set(e, ERR_CONFIG, "%s: default '%s' %s", s->name,
		    s->def, why.msg));
	settings_fini(at_zero, &obj);
	return (0);
}

static int
row_check(const struct setting *s, struct err *e)
{
	size_t n = s->doc == NULL ? 0 : strlen(s->doc);

	if (s->name == NULL || *s->name == '\0')
		return (err_set(e, ERR_CONFIG, "a row without a name"));
	/* Of a key without effect it may be the half of one that says why. */
	if (n == 0 || (s->doc[n - 1] != '.' && !is_noop(s)))
		return (err_set(e, ERR_CONFIG, "%s: doc is not a sentence",
		    s->name));
	if (is_noop(s))
		return (0);
	if (s->type == SET_ENUM && s->names == NULL)
		return (err_set(e, ERR_CONFIG, "%s: no words to choose from",
		    s->name));
	if (is_number(s) && (row_check_number(s, "min", s->min, e) == -1 ||
	    row_check_number(s, "max", s->max, e) == -1))
		return (-1);
	return (row_check_default(s, e));
}

/* One key may have a value and keys below it: filegroups = f1 and
 * filegroups.f1 = /x; those are two rows. */
static bool
is_value_and_tree(const struct setting *s, const struct setting *t)
{
	return ((s->type == SET_TREE) != (t->type == SET_TREE));
}

/* Whether a row uses another's key or field. */
static int
rows_differ(const struct setting *s, const struct setting *t, struct err *e)
{
	bool same_field = !is_noop(s) && !is_noop(t) && s->offset == t->offset;
	size_t i;

	if (s != t && (same_field || (strcmp(s->name, t->name) == 0 &&
	    !is_value_and_tree(s, t))))
		return (err_set(e, ERR_CONFIG, "%s and %s: the same key or "
		    "field", t->name, s->name));
	for (i = 0; t->aliases != NULL && t->aliases[i] != NULL; i++)
		if (strcmp(s->name, t->aliases[i]) == 0)
			return (err_set(e, ERR_CONFIG, "%s: also an alias of "
			    "%s", s->name, t->name));
	return (0);
}

int
settings_check_table(const struct setting *table, struct err *e)
{
	const struct setting *s, *t;

	for (s = table; s->type != SET_END; s++) {
		if (row_check(s, e) == -1)
			return (-1);
		for (t = table; t->type != SET_END; t++)
			if (rows_differ(s, t, e) == -1)
				return (-1);
	}
	return (0);
}
