/*
 * Filling an object from its table.
 *
 * All numbers (int, size, duration) go through one signed 64-bit value, which
 * is what bounds are compared in; a size above 8 EiB is refused.  A value that
 * is wrong is reported, and the field gets its default, so that the code
 * which follows never sees a half-filled object.
 */
#include "base/setting.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/setting_text.h"
#include "base/str.h"

#define SHOWN	64	/* bytes of a value in a message */

static void *
field(const struct setting *s, const void *obj)
{
	CHECK(s->offset != SIZE_MAX);
	return ((char *)obj + s->offset);
}

static bool
is_noop(const struct setting *s)
{
	return ((s->flags & SETTING_IGNORED) != 0);
}

bool
setting_number(const struct setting *s, const char *text, int64_t *v)
{
	uint64_t size;

	switch (s->type) {
	case SET_INT:
		return (str_int64(text, v));
	case SET_DURATION:
		return (str_duration(text, s->unit_ms == 0 ? 1 : s->unit_ms,
		    v));
	default:
		if (!str_size(text, &size) || size > INT64_MAX)
			return (false);
		*v = (int64_t)size;
		return (true);
	}
}

static int
word_index(const char *const *names, const char *word)
{
	int i;

	for (i = 0; names[i] != NULL; i++)
		if (strcasecmp(names[i], word) == 0)
			return (i);
	return (-1);
}

static const char *
nearest_word(const char *const *names, const char *word)
{
	size_t n = 0;

	while (names[n] != NULL)
		n++;
	return (str_nearest(word, names, n));
}

/* --- one value: text to field; an error says why not --- */

static int
number_set(const struct setting *s, void *obj, const char *text, struct err *e)
{
	char allowed[SETTING_ALLOWED_SIZE];
	const char *why = NULL;
	int64_t v, bound;

	if (!setting_number(s, text, &v)) {
		if (s->type == SET_INT && strspn(text, "0123456789") ==
		    strlen(text))
			why = "is too large";
		else
			why = s->type == SET_INT ? "is not a number" :
			    s->type == SET_SIZE ? "is not a size" :
			    "is not a duration";
	} else if (s->min != NULL && setting_number(s, s->min, &bound) &&
	    v < bound)
		why = "is too small";
	else if (s->max != NULL && setting_number(s, s->max, &bound) &&
	    v > bound)
		why = "is too large";
	if (why != NULL)
		return (err_set(e, ERR_CONFIG, "%s; give %s", why,
		    setting_allowed(s, allowed, sizeof allowed)));
	if (s->type == SET_SIZE)
		*(uint64_t *)field(s, obj) = (uint64_t)v;
	else
		*(int64_t *)field(s, obj) = v;
	return (0);
}

static int
bool_set(const struct setting *s, void *obj, const char *text, struct err *e)
{
	if (!str_bool(text, field(s, obj)))
		return (err_set(e, ERR_CONFIG,
		    "is neither true nor false; give one of the two"));
	return (0);
}

/* Reports a word that is not in .names. */
static int
unknown_word(const struct setting *s, const char *word, struct err *e)
{
	char allowed[SETTING_ALLOWED_SIZE];
	const char *near = nearest_word(s->names, word);

	setting_allowed(s, allowed, sizeof allowed);
	if (near != NULL)
		return (err_set(e, ERR_CONFIG, "is not known; did you mean "
		    "'%s'? It can be %s", near, allowed));
	return (err_set(e, ERR_CONFIG, "is not known; give %s", allowed));
}

static int
enum_set(const struct setting *s, void *obj, const char *text, struct err *e)
{
	int i = word_index(s->names, text);

	if (i == -1)
		return (unknown_word(s, text, e));
	*(int *)field(s, obj) = i;
	return (0);
}

static void
list_fini(struct setting_list *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	l->v = NULL;
	l->n = 0;
}

static void
list_split(struct setting_list *l, const char *text, const char *separators)
{
	size_t cap = 0, n;

	l->v = NULL;
	for (l->n = 0; *text != '\0'; text += n) {
		text += strspn(text, separators);
		if ((n = strcspn(text, separators)) == 0)
			break;
		GROW(l->v, l->n, cap);
		l->v[l->n++] = xstrndup(text, n);
	}
}

static int
list_count_check(const struct setting *s, size_t n, struct err *e)
{
	char allowed[SETTING_ALLOWED_SIZE];
	int64_t v;

	if (s->min != NULL && str_int64(s->min, &v) && (int64_t)n < v)
		return (err_set(e, ERR_CONFIG, "has too few words; give %s",
		    setting_allowed(s, allowed, sizeof allowed)));
	if (s->max != NULL && str_int64(s->max, &v) && (int64_t)n > v)
		return (err_set(e, ERR_CONFIG, "has too many words; give %s",
		    setting_allowed(s, allowed, sizeof allowed)));
	return (0);
}

static int
list_set(const struct setting *s, void *obj, const char *text, struct err *e)
{
	struct setting_list *out = field(s, obj), l;
	size_t i;

	list_split(&l, text, s->names == NULL ? " \t\r\n\f\v," : " \t\r\n\f\v");
	for (i = 0; s->names != NULL && i < l.n; i++)
		if (word_index(s->names, l.v[i]) == -1) {
			unknown_word(s, l.v[i], e);
			goto err1;
		}
	if (list_count_check(s, l.n, e) == -1)
		goto err1;
	*out = l;
	return (0);
err1:	list_fini(&l);
	return (-1);
}

int
setting_set(const struct setting *s, void *obj, const char *text, struct err *e)
{
	switch (s->type) {
	case SET_STR:
		*(char **)field(s, obj) = xstrdup(text);
		return (0);
	case SET_BOOL:
		return (bool_set(s, obj, text, e));
	case SET_ENUM:
		return (enum_set(s, obj, text, e));
	case SET_LIST:
		return (list_set(s, obj, text, e));
	default:
		return (number_set(s, obj, text, e));
	}
}

/* --- defaults --- */

static void
zero_set(const struct setting *s, void *obj)
{
	void *p = field(s, obj);

	switch (s->type) {
	case SET_STR:
		*(char **)p = NULL;
		break;
	case SET_BOOL:
		*(bool *)p = false;
		break;
	case SET_ENUM:
		*(int *)p = 0;
		break;
	case SET_LIST:
		*(struct setting_list *)p = (struct setting_list){ NULL, 0 };
		break;
	case SET_TREE:
		*(struct conf **)p = NULL;
		break;
	default:
		*(int64_t *)p = 0;
		break;
	}
}

static void
default_set(const struct setting *s, void *obj)
{
	struct err e = ERR_INIT;

	zero_set(s, obj);
	if (s->def != NULL)
		CHECK(setting_set(s, obj, s->def, &e) == 0);
}

/* --- filling --- */

/* The key under its name, or under the first alias that is there.  A second
 * spelling beside it is worth a word: only one of them can hold. */
static struct conf *
row_find(const struct setting *s, struct conf *node, struct conf_problems *p)
{
	struct conf *found, *c;
	char k1[CONF_KEY_SIZE], k2[CONF_KEY_SIZE];
	size_t i;

	if (node == NULL)
		return (NULL);
	found = conf_find(node, s->name);
	for (i = 0; s->aliases != NULL && s->aliases[i] != NULL; i++) {
		if ((c = conf_find(node, s->aliases[i])) == NULL)
			continue;
		/* "dir" may be there for the sake of "dir.max.bytes" alone. */
		if (found == NULL || (found->value == NULL && c->value != NULL))
			found = c;
		else if (c->value != NULL && found->value != NULL) {
			c->used = true;
			conf_warn(p, c, "%s is another spelling of %s, which "
			    "is set too: that one holds, this one is not used",
			    conf_key(c, k1, sizeof k1),
			    conf_key(found, k2, sizeof k2));
		}
	}
	return (found);
}

static void
report_value(const struct setting *s, const struct conf *c,
    const struct err *e, struct conf_problems *p)
{
	char key[CONF_KEY_SIZE], shown[SHOWN];

	conf_key(c, key, sizeof key);
	if (s->flags & SETTING_SECRET)
		conf_error(p, c, "%s: the value %s", key, e->msg);
	else
		conf_error(p, c, "%s: '%s' %s", key, str_printable(shown,
		    sizeof shown, slice_str(c->value)), e->msg);
}

static void
report_missing(const struct setting *s, const struct conf *node,
    struct conf_problems *p)
{
	char key[CONF_KEY_SIZE], allowed[SETTING_ALLOWED_SIZE];
	const char *at = node == NULL ? "" : conf_key(node, key, sizeof key);

	conf_error(p, node, "%s%s%s is missing; add %s%s%s = %s (%s)",
	    at, *at == '\0' ? "" : ".", s->name, at, *at == '\0' ? "" : ".",
	    s->name, setting_allowed(s, allowed, sizeof allowed), s->doc);
}

static size_t
fill_tree(const struct setting *s, void *obj, struct conf *c)
{
	*(struct conf **)field(s, obj) = c;
	if (c != NULL)
		conf_use_all(c);
	return (0);
}

static size_t
fill_noop(const struct setting *s, struct conf *c, struct conf_problems *p)
{
	char key[CONF_KEY_SIZE];

	if (c == NULL)
		return (0);
	conf_warn(p, c, "%s has no effect. %s",
	    conf_key(c, key, sizeof key), s->doc);
	conf_use_all(c);
	return (0);
}

/* The number of errors: 0 or 1. */
static size_t
fill_row(const struct setting *s, void *obj, struct conf *node,
    struct conf_problems *p)
{
	struct conf *c = row_find(s, node, p);
	struct err e = ERR_INIT;

	if (is_noop(s))
		return (fill_noop(s, c, p));
	if (s->type == SET_TREE)
		return (fill_tree(s, obj, c));
	default_set(s, obj);
	if (c == NULL || c->value == NULL) {
		if ((s->flags & SETTING_REQUIRED) == 0)
			return (0);
		report_missing(s, node, p);
		return (1);
	}
	c->used = true;
	settings_fini((const struct setting[]){ *s, SETTING_END }, obj);
	if (setting_set(s, obj, c->value, &e) == 0)
		return (0);
	default_set(s, obj);
	report_value(s, c, &e, p);
	return (1);
}

size_t
settings_fill(const struct setting *s, void *obj, struct conf *node,
    struct conf_problems *p)
{
	size_t errors = 0;

	for (; s->type != SET_END; s++)
		errors += fill_row(s, obj, node, p);
	return (errors);
}

void
settings_fini(const struct setting *s, void *obj)
{
	for (; s->type != SET_END; s++) {
		if (is_noop(s))
			continue;
		if (s->type == SET_STR) {
			free(*(char **)field(s, obj));
			*(char **)field(s, obj) = NULL;
		} else if (s->type == SET_LIST)
			list_fini(field(s, obj));
	}
}
