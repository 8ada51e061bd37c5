/*
 * Substitution in values, after Apache Commons Text's StringSubstitutor as
 * Flume 1.10 sets it up, with its accidents taken out:
 *
 *  - A value is expanded once and kept, and a reference takes the expanded
 *    value; Flume's result depends on the order of a hash table.  So the work
 *    is bounded by the size of the file and of the results, both limited.
 *  - What comes from the environment is text: a password with "${" in it is
 *    not expanded again.
 *  - A default is expanded only when it is needed.
 *  - What cannot be resolved is an error; Flume leaves it as it stands, and a
 *    file named "${env:LOGDIR}/x" is what the user gets.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/conf_read.h"
#include "base/mem.h"

#define DEPTH_MAX	32		/* references in references */
#define VALUE_MAX	(1024 * 1024)	/* bytes of one result */
#define TOTAL_MAX	(64 * 1024 * 1024)

enum { MARK_NEW, MARK_BUSY, MARK_DONE };

struct subst {
	struct conf		*root;
	struct conf		*at;		/* whose value is expanded */
	struct conf_problems	*problems;
	size_t			 total;		/* bytes of all results */
	int			 depth;
};

static int	expand(struct subst *, struct slice, struct sb *);
static int	expand_node(struct subst *, struct conf *);

static bool
starts(struct slice s, size_t i, const char *what)
{
	size_t n = strlen(what);

	return (s.len - i >= n && memcmp(s.p + i, what, n) == 0);
}

static struct slice
cut(struct slice s, size_t from, size_t to)
{
	return (slice_of(s.p + from, to - from));
}

/* Reports about the value being expanded; -1. */
#define FAIL(s, ...)	(conf_error((s)->problems, (s)->at, __VA_ARGS__), -1)
/* printf arguments for a piece of the value. */
#define TEXT(t)								\
	(int)((t).len < 100 ? (t).len : 100), (const char *)(t).p

/* The closing brace of the reference that starts at i; s.len if none. */
static size_t
find_close(struct slice s, size_t i)
{
	size_t open = 0;

	for (; i < s.len; i++) {
		if (starts(s, i, "${")) {
			open++;
			i++;
		} else if (s.p[i] == '}' && --open == 0)
			return (i);
	}
	return (s.len);
}

/* The ":-" of a reference's inside, outside of inner ones; s.len if none. */
static size_t
find_default(struct slice s)
{
	size_t i, open = 0;

	for (i = 0; i < s.len; i++) {
		if (starts(s, i, "${"))
			open++;
		else if (s.p[i] == '}' && open > 0)
			open--;
		else if (open == 0 && starts(s, i, ":-"))
			return (i);
	}
	return (s.len);
}

/* X of "env:X" (any case), else NULL. */
static const char *
env_name(const char *name)
{
	return (strncasecmp(name, "env:", 4) == 0 ? name + 4 : NULL);
}

static int
bad_lookup(struct subst *s, const char *name)
{
	static const char *const java[] = { "sys:", "java:", "date:" };
	int n = (int)strcspn(name, ":");
	size_t i;

	for (i = 0; i < NELEM(java); i++)
		if (strncasecmp(name, java[i], strlen(java[i])) == 0)
			return (FAIL(s, "${%s}: '%.*s' asks the Java runtime, "
			    "which leat does not have; use ${env:NAME}, or "
			    "write the value", name, n, name));
	return (FAIL(s, "${%s}: leat knows no lookup '%.*s'; use ${env:NAME} "
	    "for an environment variable or ${key} for another key's value; "
	    "a plain ${ is written $${", name, n, name));
}

static int
not_found(struct subst *s, const char *name)
{
	const char *env = env_name(name);

	if (env != NULL && *env == '\0')
		return (FAIL(s, "${env:} names no variable; write "
		    "${env:NAME}"));
	if (env != NULL)
		return (FAIL(s, "${env:%s}: the environment has no %s; set it, "
		    "or give a default: ${env:%s:-value}", env, env, env));
	if (strchr(name, '[') != NULL)
		return (FAIL(s, "${%s}: config filters are not in this version;"
		    " use ${env:NAME}", name));
	return (FAIL(s, "${%s}: no key '%s' in the configuration; for an "
	    "environment variable write ${env:%s}, for a plain ${ write $${",
	    name, name, name));
}

/* Adds the value of another key: 0, 1 when it has none, -1 after an error. */
static int
add_key(struct subst *s, const char *key, struct sb *out)
{
	struct conf *c = conf_find(s->root, key);

	if (c == NULL || c->value == NULL)
		return (1);
	c->used = true;
	if (c->mark == MARK_BUSY)
		return (FAIL(s, "${%s} leads back to itself; break the circle",
		    key));
	if (expand_node(s, c) == -1)
		return (-1);
	if (c->value == NULL)
		return (1);
	sb_puts(out, c->value);
	return (0);
}

/*
 * Adds what a name (expanded already) stands for: 0, 1, -1 as above.  An unset
 * environment variable falls back on a key of its name, as in Flume.
 */
static int
resolve(struct subst *s, const char *name, struct sb *out)
{
	const char *env, *value;
	struct conf *c;

	if (strchr(name, ':') == NULL)
		return (add_key(s, name, out));
	if ((env = env_name(name)) == NULL)
		return (bad_lookup(s, name));
	if ((value = getenv(env)) != NULL) {
		sb_puts(out, value);
		return (0);
	}
	/* PORT = ${env:PORT} is no circle. */
	c = conf_find(s->root, env);
	return (c != NULL && c->mark == MARK_BUSY ? 1 : add_key(s, env, out));
}

/* A reference without its ${ and }. */
static int
expand_reference(struct subst *s, struct slice ref, struct sb *out)
{
	size_t def = find_default(ref);
	struct sb name = SB_INIT;
	const char *n;
	int rc;

	rc = expand(s, cut(ref, 0, def), &name);
	n = name.ptr == NULL ? "" : name.ptr;
	if (rc == 0)
		rc = resolve(s, n, out);
	if (rc == 1 && def < ref.len)
		rc = expand(s, cut(ref, def + 2, ref.len), out);
	else if (rc == 1)
		rc = not_found(s, n);
	sb_fini(&name);
	return (rc);
}

/* Text up to and with the reference at i, which moves behind it. */
static int
expand_at(struct subst *s, struct slice in, size_t *i, struct sb *out)
{
	size_t close;

	if (*i > 0 && in.p[*i - 1] == '$') {
		/* $${: the first $ is in out, and stays for the second. */
		sb_puts(out, "{");
		*i += 2;
		return (0);
	}
	if ((close = find_close(in, *i)) == in.len) {
		conf_warn(s->problems, s->at, "'%.*s' has a ${ without its }: "
		    "kept as text", TEXT(in));
		sb_add(out, in.p + *i, in.len - *i);
		*i = in.len;
		return (0);
	}
	if (expand_reference(s, cut(in, *i + 2, close), out) == -1)
		return (-1);
	*i = close + 1;
	return (0);
}

static int
expand(struct subst *s, struct slice in, struct sb *out)
{
	size_t i = 0, from = 0;
	int rc = 0;

	if (++s->depth > DEPTH_MAX)
		rc = FAIL(s, "references are nested more than %d deep",
		    DEPTH_MAX);
	while (rc == 0 && i < in.len) {
		if (!starts(in, i, "${")) {
			i++;
			continue;
		}
		sb_add(out, in.p + from, i - from);
		rc = expand_at(s, in, &i, out);
		from = i;
		if (rc == 0 && out->len > VALUE_MAX)
			rc = FAIL(s, "the value grows over %d bytes with what "
			    "it refers to", VALUE_MAX);
	}
	if (rc == 0)
		sb_add(out, in.p + from, in.len - from);
	s->depth--;
	return (rc);
}

/* The result is a value like any other: trimmed, and none when empty. */
static void
store(struct subst *s, struct conf *c, const char *text)
{
	char key[CONF_KEY_SIZE];

	free(c->value);
	if ((c->value = conf_trimmed(text)) == NULL)
		conf_warn(s->problems, c, "%s is empty after substitution and "
		    "is ignored", conf_key(c, key, sizeof key));
}

static int
expand_value(struct subst *s, struct conf *c)
{
	struct sb out = SB_INIT;
	int rc;

	if (s->total > TOTAL_MAX)
		return (-1);
	rc = expand(s, slice_str(c->value), &out);
	/* Failed work counts, so that the sum of all work is bounded. */
	s->total += out.len;
	if (s->total > TOTAL_MAX)
		rc = FAIL(s, "all values together grow over %d bytes with "
		    "what they refer to", TOTAL_MAX);
	if (rc == 0)
		store(s, c, out.ptr == NULL ? "" : out.ptr);
	sb_fini(&out);
	return (rc);
}

/* Expands the value of c once; -1 after an error, which is reported. */
static int
expand_node(struct subst *s, struct conf *c)
{
	struct conf *before = s->at;
	int rc = 0;

	if (c->mark == MARK_DONE || c->value == NULL)
		return (0);
	if (strstr(c->value, "${") != NULL) {
		c->mark = MARK_BUSY;
		s->at = c;
		rc = expand_value(s, c);
		s->at = before;
	}
	c->mark = MARK_DONE;
	return (rc);
}

void
conf_substitute(struct conf *top, struct conf_problems *problems)
{
	struct subst s = { .root = top, .problems = problems };
	struct conf *c;

	while (s.root->parent != NULL)
		s.root = s.root->parent;
	for (c = top; c != NULL; c = conf_next(top, c))
		expand_node(&s, c);
}
