/*
 * Glob matching without recursion.  When something does not match, the last
 * star takes one more byte; when that star may not (a '/' is in the way), the
 * last double star does.  Earlier stars need never be taken up again: the
 * later ones can take whatever they could have.  So it is quadratic at worst.
 */
#include "base/str.h"

struct star {
	const char	*pattern;	/* behind the star; NULL: none seen */
	const char	*s;		/* where its rest was tried last */
	bool		 parts;		/* double star: takes whole parts */
};

/*
 * Matches c against the bracket expression at *p (behind the '[') and moves
 * *p behind it.  Returns 1, 0, or -1 when there is no closing bracket.
 */
static int
bracket(const char **p, unsigned char c)
{
	const char *q = *p, *first;
	bool not = *q == '!' || *q == '^', hit = false;
	unsigned char lo, hi;

	first = q += not;
	for (; *q != ']' || q == first; q++) {
		if (*q == '\\' && q[1] != '\0')
			q++;
		if (*q == '\0')
			return (-1);
		lo = hi = (unsigned char)*q;
		if (q[1] == '-' && q[2] != ']' && q[2] != '\0') {
			q += 2;
			if (*q == '\\' && q[1] != '\0')
				q++;
			hi = (unsigned char)*q;
		}
		hit |= c >= lo && c <= hi;
	}
	*p = q + 1;
	return (hit != not);
}

/* Matches one byte of s; moves *p behind what it matched against. */
static bool
one(const char **p, char c, bool path)
{
	const char *q = *p;
	int r;

	*p = q + 1;
	switch (*q) {
	case '?':
		return (!path || c != '/');
	case '[':
		q++;
		if ((r = bracket(&q, (unsigned char)c)) == -1)
			return (c == '[');
		*p = q;
		return (r == 1 && (!path || c != '/'));
	case '\\':
		if (q[1] != '\0') {
			*p = q + 2;
			return (q[1] == c);
		}
		/* FALLTHROUGH */
	default:
		return (*q == c);
	}
}

/* Notes the star at p; the pattern behind it. */
static const char *
star_at(const char *pattern, const char *p, const char *s, bool path,
    struct star *star, struct star *twin)
{
	bool begin = p == pattern || p[-1] == '/';

	if (!path || p[1] != '*') {
		*star = (struct star){ p + 1, s, false };
		return (p + 1);
	}
	while (*p == '*')
		p++;
	star->pattern = NULL;
	if (begin && *p == '/')
		*twin = (struct star){ p + 1, s, true };
	else
		*twin = (struct star){ p, s, false };
	return (twin->pattern);
}

/* Lets the star take more; false when it cannot. */
static bool
star_more(struct star *star, bool stop_at_slash)
{
	if (star->pattern == NULL || *star->s == '\0' ||
	    (stop_at_slash && *star->s == '/'))
		return (false);
	if (star->parts) {
		star->s = strchr(star->s, '/');
		if (star->s == NULL) {
			star->pattern = NULL;
			return (false);
		}
	}
	star->s++;
	return (true);
}

bool
str_glob(const char *pattern, const char *s, bool path)
{
	struct star star = { NULL, NULL, false }, twin = star;
	const char *p = pattern;

	for (;;) {
		if (*p == '*') {
			p = star_at(pattern, p, s, path, &star, &twin);
			continue;
		}
		if (*s == '\0' && *p == '\0')
			return (true);
		if (*s != '\0' && *p != '\0' && one(&p, *s, path)) {
			s++;
			continue;
		}
		if (star_more(&star, path)) {
			p = star.pattern;
			s = star.s;
		} else if (star_more(&twin, false)) {
			star.pattern = NULL;
			p = twin.pattern;
			s = twin.s;
		} else
			return (false);
	}
}
