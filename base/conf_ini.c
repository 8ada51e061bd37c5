/*
 * INI through inih.
 *
 * inih works in a buffer of 200 bytes, and what does not fit it cuts in
 * silence: long lines, and section names of 50 bytes or more.  It also takes
 * an indented line for a continuation of the value before.  Its input comes
 * through next_line() here, which sees each line first: it reports such
 * lines and hands inih an empty one instead.  It also is what knows the line
 * number, as Debian's inih does not tell its handler.
 */
#include <stdlib.h>
#include <string.h>

#include <ini.h>

#include "base/conf_read.h"
#include "base/mem.h"

/* inih's buffer has room for 200 with line end and NUL; a margin. */
#define LINE_MAX_INI	190
#define SECTION_MAX	49

struct ini {
	struct conf_reader	 r;
	const char		*p, *end;
	int			 line;		/* of what inih has now */
};

/* Why inih must not see a line; NULL when it may. */
static const char *
line_objection(struct slice line)
{
	const char *p = (const char *)line.p, *close;
	size_t blanks = 0;

	while (blanks < line.len && strchr(" \t\r\f\v", p[blanks]) != NULL)
		blanks++;
	if (blanks == line.len || p[blanks] == '#' || p[blanks] == ';')
		return (NULL);
	if (line.len > LINE_MAX_INI)
		return ("the line is longer than 190 bytes, the most an .ini "
		    "file may have; shorten it, or use a properties file");
	if (blanks > 0)
		return ("the line is indented, which would join it to the one "
		    "before; remove the blanks at its start");
	if (p[0] != '[')
		return (NULL);
	close = memchr(p, ']', line.len);
	if (close != NULL && close - p - 1 > SECTION_MAX)
		return ("the section's name is longer than 49 bytes; "
		    "shorten it");
	return (NULL);
}

static struct slice
cut_line(struct ini *s)
{
	const char *from = s->p, *eol = memchr(s->p, '\n',
	    (size_t)(s->end - s->p));
	size_t len;

	len = (size_t)((eol == NULL ? s->end : eol) - from);
	s->p = eol == NULL ? s->end : eol + 1;
	if (len > 0 && from[len - 1] == '\r')
		len--;
	return (slice_of(from, len));
}

/* inih's fgets. */
static char *
next_line(char *buf, int size, void *stream)
{
	struct ini *s = stream;
	const char *why;
	struct slice line;

	if (s->p == s->end)
		return (NULL);
	s->line++;
	line = cut_line(s);
	if ((why = line_objection(line)) != NULL)
		conf_error_at(s->r.problems, s->r.file, s->line, "%s", why);
	/* A long comment is no matter, but must not arrive in pieces. */
	if (why != NULL || line.len + 2 > (size_t)size)
		line.len = 0;
	memcpy(buf, line.p, line.len);
	memcpy(buf + line.len, "\n", 2);
	return (buf);
}

/* "profile prod" is profile.prod. */
static void
add_section(struct sb *key, const char *section)
{
	char *copy = xstrdup(section), *words[SECTION_MAX];
	size_t i, n = str_words(copy, words, NELEM(words));

	for (i = 0; i < n; i++)
		sb_printf(key, "%s.", words[i]);
	free(copy);
}

static int
on_pair(void *user, const char *section, const char *name, const char *value)
{
	struct ini *s = user;
	struct sb key = SB_INIT;
	char *v;

	if (name == NULL || *name == '\0') {
		conf_error_at(s->r.problems, s->r.file, s->line,
		    "a value without a key; write key = value");
		return (1);
	}
	v = xstrdup(value == NULL ? "" : value);
	add_section(&key, section);
	sb_puts(&key, name);
	conf_put(&s->r, key.ptr, v, s->line);
	free(v);
	sb_fini(&key);
	return (1);
}

void
conf_read_ini(struct conf *root, struct slice text, const char *file,
    struct conf_problems *problems)
{
	struct ini s = { .r = { root, file, problems } };
	struct sb utf8 = SB_INIT;
	int line = 0;

	if (conf_text(&s.r, text, &utf8) && utf8.len > 0) {
		s.p = utf8.ptr;
		s.end = s.p + utf8.len;
		line = ini_parse_stream(next_line, &s, on_pair, &s);
	}
	if (line > 0)
		conf_error_at(problems, file, line, "neither a [section] nor "
		    "key = value; a comment begins with '#'");
	else if (line < 0)
		conf_error_at(problems, file, 0, "no memory for the parser");
	sb_fini(&utf8);
}
