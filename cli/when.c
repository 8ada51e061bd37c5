#include "cli/when.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Exactly n digits at *s, within lo and hi; moves *s behind them. */
static bool
digits(const char **s, int n, int lo, int hi, int *out)
{
	int v = 0, i;

	for (i = 0; i < n; i++) {
		if (!isdigit((unsigned char)(*s)[i]))
			return (false);
		v = v * 10 + ((*s)[i] - '0');
	}
	*s += n;
	*out = v;
	return (v >= lo && v <= hi);
}

static bool
literal(const char **s, char c)
{
	if (**s != c)
		return (false);
	(*s)++;
	return (true);
}

static int
days_of(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31,
	    30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return (days[month - 1] + (month == 2 && leap));
}

/* What follows the time: the minutes that it is ahead of UTC. */
static bool
zone(const char *s, int *minutes)
{
	int sign = *s == '-' ? -1 : 1, h, m = 0;

	*minutes = 0;
	if (*s == '\0')
		return (true);
	if (*s == 'Z')
		return (s[1] == '\0');
	if (*s++ != '+' && sign == 1)
		return (false);
	if (!digits(&s, 2, 0, 23, &h))
		return (false);
	if (*s != '\0') {
		literal(&s, ':');
		if (!digits(&s, 2, 0, 59, &m))
			return (false);
	}
	*minutes = sign * (h * 60 + m);
	return (*s == '\0');
}

bool
when_parse(const char *s, int64_t *ms)
{
	struct tm tm = { 0 };
	int year, month, milli = 0, ahead;

	if (!digits(&s, 4, 0, 9999, &year) || !literal(&s, '-') ||
	    !digits(&s, 2, 1, 12, &month) || !literal(&s, '-') ||
	    !digits(&s, 2, 1, days_of(year, month), &tm.tm_mday) ||
	    !literal(&s, 'T') ||
	    !digits(&s, 2, 0, 23, &tm.tm_hour) || !literal(&s, ':') ||
	    !digits(&s, 2, 0, 59, &tm.tm_min) || !literal(&s, ':') ||
	    !digits(&s, 2, 0, 59, &tm.tm_sec))
		return (false);
	if (literal(&s, '.') && !digits(&s, 3, 0, 999, &milli))
		return (false);
	if (!zone(s, &ahead))
		return (false);
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	*ms = ((int64_t)timegm(&tm) - ahead * 60) * 1000 + milli;
	return (true);
}

/* A signed number at *s, of at most 15 digits, and its thousandths. */
static bool
number(const char **s, int64_t *thousandths, bool *fraction)
{
	const char *p = *s;
	int64_t v = 0, scale = 100;
	bool minus = *p == '-';
	int n = 0;

	if (*p == '-' || *p == '+')
		p++;
	for (; isdigit((unsigned char)*p); p++, n++) {
		if (n == 15)
			return (false);
		v = v * 10 + (*p - '0');
	}
	if (n == 0)
		return (false);
	v *= 1000;
	*fraction = *p == '.' || *p == ',';
	if (*fraction)
		for (p++; isdigit((unsigned char)*p); p++, scale /= 10)
			v += (*p - '0') * scale;
	*thousandths = minus ? -v : v;
	*s = p;
	return (true);
}

static const struct part {
	char	unit;
	bool	of_day;		/* behind the T */
	int64_t	seconds;
} parts[] = {
	{ 'D', false, 86400 }, { 'H', true, 3600 }, { 'M', true, 60 },
	{ 'S', true, 1 }
};
#define PARTS	(sizeof parts / sizeof parts[0])

bool
when_duration(const char *s, int64_t *ms)
{
	bool minus = *s == '-', of_day = false, fraction, wanted = true;
	int64_t sum = 0, v;
	size_t next = 0;

	if (*s == '-' || *s == '+')
		s++;
	if (toupper((unsigned char)*s++) != 'P')
		return (false);
	while (*s != '\0') {
		if (!of_day && toupper((unsigned char)*s) == 'T') {
			of_day = wanted = true;
			s++;
		}
		if (!number(&s, &v, &fraction))
			return (false);
		while (next < PARTS && (parts[next].of_day != of_day ||
		    parts[next].unit != toupper((unsigned char)*s)))
			next++;
		if (next == PARTS || (fraction && parts[next].unit != 'S') ||
		    __builtin_mul_overflow(v, parts[next].seconds, &v) ||
		    __builtin_add_overflow(sum, v, &sum))
			return (false);
		next++;
		s++;
		wanted = false;
	}
	if (wanted || (minus && __builtin_sub_overflow(0, sum, &sum)))
		return (false);
	*ms = sum;
	return (true);
}

const char *
when_print(char buf[32], int64_t ms)
{
	time_t s = (time_t)(ms / 1000);
	char text[24];
	struct tm tm;

	gmtime_r(&s, &tm);
	strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
	snprintf(buf, 32, "%s:%03d", text, (int)(ms % 1000));
	return (buf);
}
