/*
 * Stamps are read by patterns, so that the two shapes stand here as text.
 * Dates go through days since 1970 in the proleptic Gregorian calendar; only
 * the local zone needs the C library, which is asked once per minute of the
 * stamps, not once per message.
 */
#include "sources/syslog_time.h"

#include <time.h>

static bool
is_digit(uint8_t c)
{
	return (c >= '0' && c <= '9');
}

/*
 * Reads in by a pattern: '#' is a digit, anything else itself.  The numbers go
 * to v in order.  -> bytes, 0: it does not fit.
 */
static size_t
scan(const char *pattern, struct slice in, int *v)
{
	size_t i;

	for (i = 0; pattern[i] != '\0'; i++) {
		if (i == in.len)
			return (0);
		if (pattern[i] != '#') {
			if (in.p[i] != (uint8_t)pattern[i])
				return (0);
			continue;
		}
		if (!is_digit(in.p[i]))
			return (0);
		if (i == 0 || pattern[i - 1] != '#')
			*v = 0;
		*v = *v * 10 + (in.p[i] - '0');
		if (pattern[i + 1] != '#')
			v++;
	}
	return (i);
}

static struct slice
behind(struct slice in, size_t n)
{
	return (slice_of(in.p + n, in.len - n));
}

/* ".5" is half a second, however many digits there are. */
static size_t
scan_fraction(struct slice in, int *ms)
{
	int weight = 100;
	size_t i = 1;

	if (in.len < 2 || in.p[0] != '.' || !is_digit(in.p[1]))
		return (0);
	for (; i < in.len && is_digit(in.p[i]); i++, weight /= 10)
		*ms += (in.p[i] - '0') * weight;
	return (i);
}

static size_t
scan_zone(struct slice in, struct syslog_time *t)
{
	int v[2];

	if (in.len > 0 && in.p[0] == 'Z') {
		t->zoned = true;
		return (1);
	}
	if (in.len == 0 || (in.p[0] != '+' && in.p[0] != '-') ||
	    scan("##:##", behind(in, 1), v) == 0)
		return (0);
	t->zoned = true;
	t->offset = v[0] * 60 + v[1];
	if (in.p[0] == '-')
		t->offset = -t->offset;
	return (6);
}

size_t
syslog_time_5424(struct syslog_time *t, struct slice in)
{
	size_t n;
	int v[6];

	if ((n = scan("####-##-##T##:##:##", in, v)) == 0)
		return (0);
	*t = (struct syslog_time){ .year = v[0], .month = v[1], .day = v[2],
	    .hour = v[3], .minute = v[4], .second = v[5] };
	n += scan_fraction(behind(in, n), &t->ms);
	n += scan_zone(behind(in, n), t);
	return (n);
}

/* "Jan" -> 1; 0: not a month. */
static int
month_of(struct slice in)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int i;

	for (i = 0; in.len >= 3 && i < 12; i++)
		if (memcmp(names + 3 * i, in.p, 3) == 0)
			return (i + 1);
	return (0);
}

size_t
syslog_time_3164(struct syslog_time *t, struct slice in)
{
	static const char *const shapes[] = {
		" ## ##:##:##", " # ##:##:##", "  # ##:##:##", "  ## ##:##:##"
	};
	size_t i, n = 0;
	int month = month_of(in), v[4];

	for (i = 0; month != 0 && n == 0 &&
	    i < sizeof shapes / sizeof shapes[0]; i++)
		n = scan(shapes[i], behind(in, 3), v);
	if (n == 0)
		return (0);
	*t = (struct syslog_time){ .year = -1, .month = month, .day = v[0],
	    .hour = v[1], .minute = v[2], .second = v[3] };
	return (3 + n);
}

/* --- to milliseconds --- */

static bool
is_leap(int y)
{
	return ((y % 4 == 0 && y % 100 != 0) || y % 400 == 0);
}

static int
days_in(int year, int month)
{
	static const int days[] = {
		31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
	};

	return (month == 2 && is_leap(year) ? 29 : days[month - 1]);
}

/* Days from 1970-01-01, by eras of 400 years that begin in March. */
static int64_t
days_of(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 +
	    day - 1;

	return (era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
	    of_year - 719468);
}

static bool
is_valid(const struct syslog_time *t, int year)
{
	return (t->month >= 1 && t->month <= 12 && t->day >= 1 &&
	    t->day <= days_in(year, t->month) && t->hour <= 23 &&
	    t->minute <= 59 && t->second <= 59 && t->offset > -24 * 60 &&
	    t->offset < 24 * 60);
}

/* The start of a minute of local time. */
static int64_t
local_minute_ms(const struct syslog_time *t, int year, int64_t minute,
    struct syslog_clock *k)
{
	struct tm tm = { .tm_year = year - 1900, .tm_mon = t->month - 1,
	    .tm_mday = t->day, .tm_hour = t->hour, .tm_min = t->minute,
	    .tm_isdst = -1 };

	if (!k->cached || k->minute != minute) {
		k->minute = minute;
		k->minute_ms = (int64_t)mktime(&tm) * 1000;
		k->cached = true;
	}
	return (k->minute_ms);
}

static int64_t
ms_in_year(const struct syslog_time *t, int year, bool local,
    struct syslog_clock *k)
{
	int64_t minute = days_of(year, t->month, t->day) * 1440 +
	    t->hour * 60 + t->minute;
	int64_t ms = (minute - t->offset) * 60000;

	if (!t->zoned && local)
		ms = local_minute_ms(t, year, minute, k);
	return (ms + t->second * 1000 + t->ms);
}

static bool
broken_down(int64_t ms, bool local, struct tm *tm)
{
	time_t now = (time_t)(ms / 1000);

	return ((local ? localtime_r(&now, tm) : gmtime_r(&now, tm)) != NULL);
}

/* Now plus one month of the calendar; the 31st may become the 30th. */
static int64_t
a_month_ahead(const struct tm *now, bool local, struct syslog_clock *k)
{
	struct syslog_time t = { .month = now->tm_mon + 2,
	    .day = now->tm_mday, .hour = now->tm_hour,
	    .minute = now->tm_min, .second = now->tm_sec, .ms = 999 };
	int year = now->tm_year + 1900;

	if (t.month == 13) {
		t.month = 1;
		year++;
	}
	if (t.day > days_in(year, t.month))
		t.day = days_in(year, t.month);
	return (ms_in_year(&t, year, local, k));
}

static bool
ms_without_year(const struct syslog_time *t, bool local,
    struct syslog_clock *k, int64_t *ms)
{
	int64_t limit, v;
	struct tm now;
	int year, this_year;

	if (!broken_down(k->now_ms, local, &now))
		return (false);
	limit = a_month_ahead(&now, local, k);
	this_year = now.tm_year + 1900;
	for (year = this_year + 1; year >= this_year - 1; year--) {
		if (!is_valid(t, year))
			continue;
		v = ms_in_year(t, year, local, k);
		if (v <= limit) {
			*ms = v;
			return (true);
		}
	}
	return (false);
}

bool
syslog_time_ms(const struct syslog_time *t, bool local,
    struct syslog_clock *k, int64_t *ms)
{
	if (t->year == -1)
		return (ms_without_year(t, local, k, ms));
	if (!is_valid(t, t->year))
		return (false);
	*ms = ms_in_year(t, t->year, local, k);
	return (true);
}
