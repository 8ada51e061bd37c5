#define PCRE2_CODE_UNIT_WIDTH 8
#include "sources/tail_pattern.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

/* A name is short; an expression that needs more than this on one is taken
 * for not matching, so that it cannot stop the loop. */
#define MATCH_LIMIT	100000
#define DEPTH_LIMIT	1000

#define GLOB_PREFIX	"glob:"

static bool
part_any(const char *part)
{
	return (strcmp(part, "**") == 0);
}

static bool
has_wildcard(const char *s)
{
	return (strpbrk(s, "*?[") != NULL);
}

static bool
glob_name(const char *glob, const char *name)
{
	if (name[0] == '.' && glob[0] != '.')
		return (false);
	return (str_glob(glob, name, false));
}

static int
compile(struct tail_pattern *p, struct err *e)
{
	uint32_t flags = PCRE2_ANCHORED | PCRE2_ENDANCHORED |
	    PCRE2_NEVER_BACKSLASH_C;
	PCRE2_UCHAR why[200];
	PCRE2_SIZE at;
	int code;

#ifdef PCRE2_MATCH_INVALID_UTF
	flags |= PCRE2_UTF | PCRE2_MATCH_INVALID_UTF;
#endif
	p->code = pcre2_compile((PCRE2_SPTR)p->last, PCRE2_ZERO_TERMINATED,
	    flags, &code, &at, NULL);
	if (p->code == NULL) {
		pcre2_get_error_message(code, why, sizeof why);
		return (err_set(e, ERR_CONFIG, "\"%s\" is no regular "
		    "expression: %s at character %zu (for shell patterns "
		    "write " GLOB_PREFIX "%s)", p->last, (char *)why,
		    (size_t)at + 1, p->text));
	}
	p->match = pcre2_match_data_create(1, NULL);
	p->limits = pcre2_match_context_create(NULL);
	if (p->match == NULL || p->limits == NULL)
		return (err_set(e, ERR_SYS, "no memory for \"%s\"", p->last));
	pcre2_set_match_limit(p->limits, MATCH_LIMIT);
	pcre2_set_depth_limit(p->limits, DEPTH_LIMIT);
	return (0);
}

static bool
expression_matches(const struct tail_pattern *p, const char *name)
{
	return (pcre2_match(p->code, (PCRE2_SPTR)name, strlen(name), 0, 0,
	    p->match, p->limits) >= 0);
}

/* Splits the directories in front of `last` into base and parts. */
static int
split_directory(struct tail_pattern *p, char *dir, struct err *e)
{
	char *part, *save = NULL, *base = xstrdup("");
	size_t cap = 0;

	for (part = strtok_r(dir, "/", &save); part != NULL;
	    part = strtok_r(NULL, "/", &save)) {
		if (strcmp(part, ".") == 0)
			continue;
		if (strcmp(part, "..") == 0) {
			free(base);
			return (err_set(e, ERR_CONFIG, "\"..\" cannot stand "
			    "in \"%s\"", p->text));
		}
		if (p->nparts == 0 && !has_wildcard(part)) {
			char *longer = xasprintf("%s/%s", base, part);

			free(base);
			base = longer;
			continue;
		}
		GROW(p->parts, p->nparts, cap);
		p->parts[p->nparts++] = xstrdup(part);
	}
	if (base[0] == '\0') {
		free(base);
		base = xstrdup("/");
	}
	p->base = base;
	if (p->nparts > TAIL_PARTS_MAX)
		return (err_set(e, ERR_CONFIG, "\"%s\" has more than %d "
		    "directory parts behind the first wildcard", p->text,
		    TAIL_PARTS_MAX));
	return (0);
}

int
tail_pattern_parse(struct tail_pattern *p, const char *text, struct err *e)
{
	const char *path = text, *slash;
	char *dir;
	int rc;

	memset(p, 0, sizeof *p);
	p->glob = strncmp(text, GLOB_PREFIX, strlen(GLOB_PREFIX)) == 0;
	if (p->glob)
		path += strlen(GLOB_PREFIX);
	p->text = xstrdup(path);
	slash = strrchr(path, '/');
	if (path[0] != '/')
		rc = err_set(e, ERR_CONFIG, "\"%s\" is not an absolute path",
		    path);
	else if (slash[1] == '\0')
		rc = err_set(e, ERR_CONFIG, "\"%s\" ends with a slash: a "
		    "pattern for the file name is missing", path);
	else {
		p->last = xstrdup(slash + 1);
		dir = xstrndup(path, (size_t)(slash - path));
		rc = split_directory(p, dir, e);
		free(dir);
		if (rc == 0 && !p->glob)
			rc = compile(p, e);
	}
	if (rc == -1)
		tail_pattern_fini(p);
	return (rc);
}

void
tail_pattern_fini(struct tail_pattern *p)
{
	size_t i;

	for (i = 0; i < p->nparts; i++)
		free(p->parts[i]);
	free(p->parts);
	free(p->text);
	free(p->base);
	free(p->last);
	pcre2_match_context_free(p->limits);
	pcre2_match_data_free(p->match);
	pcre2_code_free(p->code);
	memset(p, 0, sizeof *p);
}

/* A double star may stand for no directory at all. */
static tail_parts
closure(const struct tail_pattern *p, tail_parts at)
{
	size_t i;

	for (i = 0; i < p->nparts; i++)
		if ((at & 1u << i) != 0 && part_any(p->parts[i]))
			at |= 1u << (i + 1);
	return (at);
}

tail_parts
tail_pattern_begin(const struct tail_pattern *p)
{
	return (closure(p, 1));
}

tail_parts
tail_pattern_enter(const struct tail_pattern *p, tail_parts at,
    const char *name)
{
	tail_parts to = 0;
	size_t i;

	for (i = 0; i < p->nparts; i++) {
		if ((at & 1u << i) == 0)
			continue;
		if (part_any(p->parts[i]))
			to |= name[0] == '.' ? 0 : 1u << i;
		else if (glob_name(p->parts[i], name))
			to |= 1u << (i + 1);
	}
	return (closure(p, to));
}

bool
tail_pattern_file(const struct tail_pattern *p, tail_parts at,
    const char *name)
{
	if ((at & 1u << p->nparts) == 0)
		return (false);
	return (p->glob ? glob_name(p->last, name) :
	    expression_matches(p, name));
}

bool
tail_pattern_path(const struct tail_pattern *p, const char *path)
{
	size_t len = strcmp(p->base, "/") == 0 ? 0 : strlen(p->base);
	tail_parts at = tail_pattern_begin(p);
	const char *slash;
	char *part;

	if (strncmp(path, p->base, len) != 0 || path[len] != '/')
		return (false);
	for (path += len + 1; (slash = strchr(path, '/')) != NULL;
	    path = slash + 1) {
		part = xstrndup(path, (size_t)(slash - path));
		at = tail_pattern_enter(p, at, part);
		free(part);
	}
	return (tail_pattern_file(p, at, path));
}

/* Separator, digits and separators, with at least one digit; len bytes. */
static bool
rotation_mark(const char *s, size_t len)
{
	if (len < 2 || memchr(".-_", s[0], 3) == NULL)
		return (false);
	return (strspn(s, "0123456789.-_:T") >= len &&
	    strcspn(s, "0123456789") < len);
}

bool
tail_name_origin(const char *name, size_t *it, char *out)
{
	size_t len = strlen(name), i, end;
	const char *dot = strrchr(name, '.');
	bool inner;

	/* First all cuts that reach the end, then those before the suffix. */
	for (; *it < 2 * len; (*it)++) {
		inner = *it >= len;
		i = *it % len;
		if (i == 0 || (inner && (dot == NULL || name + i >= dot)))
			continue;
		end = inner ? (size_t)(dot - name) : len;
		if (!rotation_mark(name + i, end - i))
			continue;
		memcpy(out, name, i);
		memcpy(out + i, name + end, len - end + 1);
		(*it)++;
		return (true);
	}
	return (false);
}
