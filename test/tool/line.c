#include "test/tool/line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"

static void
fill(uint8_t *p, size_t n, struct tool_random *r)
{
	bool text = tool_random_below(r, 4) != 0;
	uint64_t v = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (i % 8 == 0)
			v = tool_random_next(r);
		p[i] = (uint8_t)(v >> 8 * (i % 8));
		if (text)
			p[i] = ' ' + p[i] % 95;
		else if (p[i] == '\n')
			p[i] = '\r';
	}
}

static size_t
payload_size(struct tool_random *r, size_t max)
{
	size_t n;

	if (tool_random_below(r, 512) == 0)
		max *= 100;
	n = (size_t)tool_random_below(r, max + 1);
	return (n > LINE_PAYLOAD_MAX ? LINE_PAYLOAD_MAX : n);
}

size_t
line_make(char *buf, const char *file, uint64_t seq, uint64_t seed,
    size_t max)
{
	uint64_t state = seed ^ crc32c(0, file, strlen(file));
	struct tool_random r = { state + seq * 0x9e3779b97f4a7c15 };
	size_t n = payload_size(&r, max);
	uint32_t crc;
	int a, b;

	a = snprintf(buf, 96, "%s %llu %zu ", file, (unsigned long long)seq,
	    n);
	fill((uint8_t *)buf + a + 9, n, &r);
	crc = crc32c(crc32c(0, buf, (size_t)a), buf + a + 9, n);
	b = snprintf(buf + a, 9, "%08x", crc);
	buf[a + b] = ' ';
	buf[a + 9 + (int)n] = '\n';
	return ((size_t)a + 9 + n + 1);
}

/* The word at the front, and the blank behind it passed over. */
static bool
word(struct slice *s, struct slice *out)
{
	const uint8_t *blank = memchr(s->p, ' ', s->len < 64 ? s->len : 64);

	if (blank == NULL || blank == s->p)
		return (false);
	*out = slice_of(s->p, (size_t)(blank - s->p));
	s->len -= out->len + 1;
	s->p = blank + 1;
	return (true);
}

static bool
number(struct slice s, int base, uint64_t *out)
{
	char buf[32], *end;

	if (s.len >= sizeof buf)
		return (false);
	memcpy(buf, s.p, s.len);
	buf[s.len] = '\0';
	*out = strtoull(buf, &end, base);
	return (*end == '\0');
}

const char *
line_parse(struct slice s, struct line *l)
{
	const uint8_t *begin = s.p;
	struct slice seq, len, crc;
	uint64_t n, sum;

	if (!word(&s, &l->file) || !word(&s, &seq) || !word(&s, &len) ||
	    !word(&s, &crc) || !number(seq, 10, &l->seq) ||
	    !number(len, 10, &n) || !number(crc, 16, &sum))
		return ("not a line of ours");
	l->payload = s;
	if (s.len != n)
		return ("its length is wrong");
	if (crc32c(crc32c(0, begin, (size_t)(crc.p - begin)), s.p, s.len) !=
	    sum)
		return ("its CRC is wrong");
	return (NULL);
}
