/*
 * A frame longer than max is handed out in pieces; left says how much of it
 * is still to come, so the state between two calls is two numbers.
 */
#include "sources/syslog_frame.h"

#include <stdint.h>
#include <string.h>

#define DIGITS	8	/* of a count */

enum count { COUNT_NONE, COUNT_PARTIAL, COUNT_WHOLE };

static size_t
frame_limit(const struct syslog_framer *f)
{
	return (f->max > SYSLOG_FRAME_MAX ? f->max : SYSLOG_FRAME_MAX);
}

/* "83 <": *n bytes without the '<', and the count in *octets. */
static enum count
parse_count(const struct syslog_framer *f, struct slice in, size_t *n,
    size_t *octets)
{
	size_t i;

	*octets = 0;
	for (i = 0; i < in.len && i < DIGITS; i++) {
		if (in.p[i] < '0' || in.p[i] > '9')
			break;
		*octets = *octets * 10 + (in.p[i] - '0');
	}
	if (i == in.len && i > 0 && in.p[0] != '0')
		return (COUNT_PARTIAL);
	if (i == 0 || in.p[0] == '0' || in.p[i] != ' ' ||
	    *octets > frame_limit(f))
		return (COUNT_NONE);
	*n = i + 1;
	if (*n == in.len)
		return (COUNT_PARTIAL);
	return (in.p[*n] == '<' ? COUNT_WHOLE : COUNT_NONE);
}

/* A piece of a counted frame that begins at in. */
static size_t
counted(struct syslog_framer *f, struct slice in, bool last,
    struct syslog_frame *m)
{
	size_t n = f->left > f->max ? f->max : f->left, used;

	if (in.len < n && !last)
		return (0);
	m->counted = true;
	m->cut = in.len < n || n < f->left;
	if (in.len < n)
		f->left = n = in.len;	/* it ends here */
	f->left -= n;
	used = n;
	if (f->left == 0 && n > 0 && in.p[n - 1] == '\n')
		n--;
	m->text = slice_of(n == 0 ? NULL : in.p, n);
	return (used);
}

static size_t
line(struct syslog_framer *f, struct slice in, bool last,
    struct syslog_frame *m)
{
	size_t want = in.len < f->max + 1 ? in.len : f->max + 1;
	size_t from = f->scanned < want ? f->scanned : want, n;
	const uint8_t *lf;

	lf = want == from ? NULL : memchr(in.p + from, '\n', want - from);
	if (lf == NULL && in.len <= f->max && !last) {
		f->scanned = in.len;
		return (0);
	}
	f->scanned = 0;
	n = lf != NULL ? (size_t)(lf - in.p) : want < f->max ? want : f->max;
	m->cut = lf == NULL;
	if (n > 0)
		m->text = slice_of(in.p, n);
	return (lf != NULL ? n + 1 : n);
}

size_t
syslog_frame(struct syslog_framer *f, struct slice in, bool last,
    struct syslog_frame *m)
{
	size_t n = 0, octets, used;

	*m = (struct syslog_frame){ .text = SLICE_NULL };
	if (in.len == 0)
		return (0);
	if (f->left > 0)
		return (counted(f, in, last, m));
	if (f->scanned > 0)
		return (line(f, in, last, m));
	switch (parse_count(f, in, &n, &octets)) {
	case COUNT_PARTIAL:
		return (last ? line(f, in, last, m) : 0);
	case COUNT_NONE:
		return (line(f, in, last, m));
	case COUNT_WHOLE:
		break;
	}
	/* It is waited for with its count, so that nothing changes while it
	 * comes. */
	f->left = octets;
	used = counted(f, slice_of(in.p + n, in.len - n), last, m);
	if (used == 0) {
		f->left = 0;
		return (0);
	}
	return (n + used);
}
