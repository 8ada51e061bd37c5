/* Parsing and printing of small text; nothing here looks at the locale. */
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/mem.h"
#include "base/utf8.h"

static bool
is_digit(char c)
{
	return (c >= '0' && c <= '9');
}

static bool
is_blank(char c)
{
	return (c == ' ' || (c >= '\t' && c <= '\r'));
}

static char
to_lower(char c)
{
	return (c >= 'A' && c <= 'Z' ? (char)(c + 32) : c);
}

/* Reads digits at *s and moves it behind them; false: none, or too many. */
static bool
digits(const char **s, uint64_t *out)
{
	uint64_t v = 0;
	const char *p = *s;

	for (; is_digit(*p); p++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return (false);
	if (p == *s)
		return (false);
	*s = p;
	*out = v;
	return (true);
}

/* A magnitude and its sign to a signed number. */
static bool
with_sign(uint64_t v, bool minus, int64_t *out)
{
	if (v > (uint64_t)INT64_MAX + minus)
		return (false);
	*out = minus ? (int64_t)(0 - v) : (int64_t)v;
	return (true);
}

bool
str_int64(const char *s, int64_t *out)
{
	bool minus = *s == '-';
	uint64_t v;

	if (*s == '-' || *s == '+')
		s++;
	return (digits(&s, &v) && *s == '\0' && with_sign(v, minus, out));
}

bool
str_size(const char *s, uint64_t *out)
{
	static const char units[] = "kmgt";
	const char *unit;
	uint64_t v, factor = 1;

	if (!digits(&s, &v))
		return (false);
	while (*s == ' ')
		s++;
	if (*s != '\0' && (unit = strchr(units, to_lower(*s))) != NULL) {
		factor <<= 10 * (unit - units + 1);
		s++;
		if (to_lower(s[0]) == 'i' && to_lower(s[1]) == 'b')
			s++;
	}
	if (to_lower(*s) == 'b')
		s++;
	if (*s != '\0' || __builtin_mul_overflow(v, factor, &v))
		return (false);
	*out = v;
	return (true);
}

static const struct { const char *name; uint64_t ms; } durations[] = {
	{ "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 }, { "min", 60 * 1000 },
	{ "h", 3600 * 1000 }, { "d", 24 * 3600 * 1000 },
};

bool
str_duration(const char *s, int64_t unit_ms, int64_t *out)
{
	uint64_t v, unit = 0;
	bool minus = *s == '-';

	s += minus;
	if (!digits(&s, &v))
		return (false);
	while (*s == ' ')
		s++;
	if (*s == '\0')
		unit = (uint64_t)unit_ms;
	for (size_t i = 0; unit == 0 && i < NELEM(durations); i++)
		if (strcasecmp(s, durations[i].name) == 0)
			unit = durations[i].ms;
	return (unit != 0 && !__builtin_mul_overflow(v, unit, &v) &&
	    with_sign(v, minus, out));
}

bool
str_bool(const char *s, bool *out)
{
	static const char *const words[] = {
		"false", "true", "no", "yes", "off", "on", "0", "1",
	};

	for (size_t i = 0; i < NELEM(words); i++)
		if (strcasecmp(s, words[i]) == 0) {
			*out = i % 2 == 1;
			return (true);
		}
	return (false);
}

const char *
str_print_size(char *buf, size_t size, uint64_t bytes)
{
	static const char units[] = "KMGTPE";
	double v = (double)bytes / 1024;
	size_t i = 0;

	if (bytes < 1024) {
		snprintf(buf, size, "%u B", (unsigned)bytes);
		return (buf);
	}
	/* 1023.95 would print as 1024.0. */
	for (; v >= 1023.95; v /= 1024)
		i++;
	snprintf(buf, size, "%.1f %ciB", v, units[i]);
	return (buf);
}

const char *
str_print_duration(char *buf, size_t size, int64_t ms)
{
	static const struct { const char *name, *sub; uint64_t ms, subms; }
	units[] = {
		{ "d", "h", 86400000, 3600000 },
		{ "h", "min", 3600000, 60000 },
		{ "min", "s", 60000, 1000 },
	};
	uint64_t v = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms, sub;
	const char *sign = ms < 0 ? "-" : "";
	size_t i = 0;

	while (i < NELEM(units) && v < units[i].ms)
		i++;
	if (i == NELEM(units)) {
		if (v < 1000)
			snprintf(buf, size, "%s%u ms", sign, (unsigned)v);
		else
			snprintf(buf, size, "%s%u.%u s", sign,
			    (unsigned)(v / 1000), (unsigned)(v % 1000 / 100));
		return (buf);
	}
	sub = v % units[i].ms / units[i].subms;
	if (sub == 0)
		snprintf(buf, size, "%s%llu %s", sign,
		    (unsigned long long)(v / units[i].ms), units[i].name);
	else
		snprintf(buf, size, "%s%llu %s %llu %s", sign,
		    (unsigned long long)(v / units[i].ms), units[i].name,
		    (unsigned long long)sub, units[i].sub);
	return (buf);
}

static unsigned
min3(unsigned a, unsigned b, unsigned c)
{
	a = a < b ? a : b;
	return (a < c ? a : c);
}

/* Optimal string alignment, three rows of the table at a time. */
unsigned
str_distance(const char *a, const char *b, unsigned limit)
{
	size_t na = strlen(a), nb = strlen(b), i, j;
	unsigned *rows, *cur, *prev, *prev2, *t, d, least;

	if ((na > nb ? na - nb : nb - na) > limit)
		return (limit + 1);
	rows = xcalloc(3 * (nb + 1), sizeof *rows);
	cur = rows;
	prev = rows + nb + 1;
	prev2 = prev + nb + 1;
	for (j = 0; j <= nb; j++)
		cur[j] = (unsigned)j;
	for (i = 1, least = 0; i <= na && least <= limit; i++) {
		t = prev2, prev2 = prev, prev = cur, cur = t;
		least = cur[0] = (unsigned)i;
		for (j = 1; j <= nb; j++) {
			d = min3(prev[j] + 1, cur[j - 1] + 1,
			    prev[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && prev2[j - 2] + 1 < d)
				d = prev2[j - 2] + 1;
			cur[j] = d;
			least = d < least ? d : least;
		}
	}
	d = least > limit ? limit + 1 : cur[nb];
	free(rows);
	return (d > limit ? limit + 1 : d);
}

static char *
lower_copy(const char *s)
{
	char *p = xstrdup(s);

	for (char *q = p; *q != '\0'; q++)
		*q = to_lower(*q);
	return (p);
}

const char *
str_nearest(const char *word, const char *const *v, size_t n)
{
	unsigned limit = (unsigned)(strlen(word) / 3), d;
	const char *best = NULL;
	char *lower = lower_copy(word), *candidate;

	if (limit == 0)
		limit = 1;
	for (size_t i = 0; i < n; i++) {
		candidate = lower_copy(v[i]);
		d = str_distance(lower, candidate, limit);
		free(candidate);
		if (d > limit)
			continue;
		best = v[i];
		if (d == 0)
			break;
		limit = d - 1;
	}
	free(lower);
	return (best);
}

size_t
str_words(char *s, char **v, size_t max)
{
	size_t n = 0;

	while (n < max) {
		while (is_blank(*s))
			s++;
		if (*s == '\0')
			break;
		v[n++] = s;
		while (*s != '\0' && !is_blank(*s))
			s++;
		if (*s != '\0')
			*s++ = '\0';
	}
	return (n);
}

char *
str_trim(char *s)
{
	char *end;

	while (is_blank(*s))
		s++;
	end = s + strlen(s);
	while (end > s && is_blank(end[-1]))
		end--;
	*end = '\0';
	return (s);
}

/* One character as it is to be shown: its bytes in, at most 8 bytes out. */
static size_t
printable_one(const uint8_t *p, size_t left, char out[9], size_t *used)
{
	size_t n = utf8_len(p, left);

	*used = n == 0 ? 1 : n;
	if (n == 0 || utf8_is_control(p, n)) {
		for (size_t i = 0; i < *used; i++)
			snprintf(out + 4 * i, 5, "\\x%02x", p[i]);
		return (4 * *used);
	}
	memcpy(out, p, n);
	return (n);
}

/* keep: the longest end so far that still leaves room for "...". */
const char *
str_printable(char *buf, size_t size, struct slice s)
{
	size_t len = 0, keep = 0, n, used;
	char one[9];

	if (size == 0)
		return (buf);
	while (s.len > 0) {
		n = printable_one(s.p, s.len, one, &used);
		if (len + n + 1 > size) {
			len = keep;
			for (n = 0; n < 3 && len + 1 < size; n++)
				buf[len++] = '.';
			break;
		}
		memcpy(buf + len, one, n);
		len += n;
		if (len + 4 <= size)
			keep = len;
		s = slice_of(s.p + used, s.len - used);
	}
	buf[len] = '\0';
	return (buf);
}
