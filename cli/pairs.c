#include "cli/pairs.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

const struct pair *
pairs_find(const struct pairs *p, const char *key)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if (strcmp(p->v[i].key, key) == 0)
			return (&p->v[i]);
	return (NULL);
}

void
pairs_set(struct pairs *p, const char *key, const char *value)
{
	GROW(p->v, p->n, p->cap);
	p->v[p->n++] = (struct pair){ xstrdup(key), value == NULL ? NULL :
	    xstrdup(value) };
}

void
pairs_fini(struct pairs *p)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		free(p->v[i].key);
		free(p->v[i].value);
	}
	free(p->v);
}

static int
add(struct pairs *p, const char *key, const char *value, struct err *e)
{
	if (key[0] == '\0')
		return (err_set(e, ERR_CONFIG, "a key is missing"));
	if (pairs_find(p, key) != NULL)
		return (err_set(e, ERR_CONFIG, "%.200s is given twice", key));
	pairs_set(p, key, value);
	return (0);
}

/* Where the value at s ends: at a comma or the end of the text.  NULL: the
 * brackets it begins with do not end it. */
static char *
value_end(char *s)
{
	char *end;

	if (*s != '[')
		return (s + strcspn(s, ","));
	end = strchr(s, ']');
	if (end == NULL)
		return (NULL);
	end++;
	end += strspn(end, " \t");
	return (*end == ',' || *end == '\0' ? end : NULL);
}

static char *
unbracketed(char *s)
{
	size_t n;

	s = str_trim(s);
	n = strlen(s);
	if (*s != '[')
		return (s);
	s[n - 1] = '\0';
	return (str_trim(s + 1));
}

int
pairs_parse(struct pairs *p, const char *text, struct err *e)
{
	char *copy = xstrdup(text), *s = copy, *key, *eq, *end;
	int rc = 0;

	while (rc == 0 && s != NULL) {
		key = s;
		eq = s + strcspn(s, "=,");
		if (*eq != '=') {
			*eq = '\0';
			rc = err_set(e, ERR_CONFIG, "'%.200s': give "
			    "key=value", str_trim(key));
			break;
		}
		*eq = '\0';
		s = eq + 1 + strspn(eq + 1, " \t");
		end = value_end(s);
		if (end == NULL) {
			rc = err_set(e, ERR_CONFIG, "%.200s: the [brackets] "
			    "of its value do not match", str_trim(key));
			break;
		}
		eq = s;
		s = *end == ',' ? end + 1 : NULL;
		*end = '\0';
		rc = add(p, str_trim(key), unbracketed(eq), e);
	}
	free(copy);
	return (rc);
}

int
pairs_parse_keys(struct pairs *p, const char *text, struct err *e)
{
	char *copy = xstrdup(text), *s = copy, *key;
	int rc = 0;

	while (rc == 0 && s != NULL) {
		key = strsep(&s, ",");
		rc = strchr(key, '=') == NULL ? add(p, str_trim(key), NULL,
		    e) : err_set(e, ERR_CONFIG, "'%.200s': give keys only",
		    key);
	}
	free(copy);
	return (rc);
}
