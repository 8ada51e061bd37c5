/*
 * The rules that hold for every format of configuration file, and the choice
 * of the format.
 */
#include "base/conf_read.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/utf8.h"

#define BOM	"\xef\xbb\xbf"

static int
line_of(struct slice text, size_t pos)
{
	int line = 1;
	size_t i;

	for (i = 0; i < pos; i++)
		if (text.p[i] == '\n' || (text.p[i] == '\r' &&
		    (i + 1 == text.len || text.p[i + 1] != '\n')))
			line++;
	return (line);
}

/* Latin-1's byte is the code point. */
static void
add_latin1(struct sb *sb, uint8_t b)
{
	char c[2] = { (char)(0xc0 | b >> 6), (char)(0x80 | (b & 0x3f)) };

	sb_add(sb, c, sizeof c);
}

static void
text_to_utf8(const struct conf_reader *r, struct slice text, struct sb *out)
{
	size_t i, n, from = 0, bad = 0, first = 0;

	for (i = 0; i < text.len; i += n) {
		if ((n = utf8_len(text.p + i, text.len - i)) != 0)
			continue;
		sb_add(out, text.p + from, i - from);
		add_latin1(out, text.p[i]);
		if (bad++ == 0)
			first = i;
		n = 1;
		from = i + 1;
	}
	sb_add(out, text.p + from, text.len - from);
	if (bad > 0)
		conf_warn_at(r->problems, r->file, line_of(text, first),
		    "%zu byte%s not UTF-8 (the first is 0x%02x here): read as "
		    "Latin-1; save the file as UTF-8", bad,
		    bad == 1 ? " is" : "s are", text.p[first]);
}

bool
conf_text(const struct conf_reader *r, struct slice text, struct sb *out)
{
	const uint8_t *nul;

	if (text.len > CONF_FILE_MAX) {
		conf_error_at(r->problems, r->file, 0,
		    "the file has %zu bytes; a configuration may have %d",
		    text.len, CONF_FILE_MAX);
		return (false);
	}
	if (text.len >= 3 && memcmp(text.p, BOM, 3) == 0)
		text = slice_of(text.p + 3, text.len - 3);
	nul = text.len == 0 ? NULL : memchr(text.p, 0, text.len);
	if (nul != NULL) {
		conf_error_at(r->problems, r->file,
		    line_of(text, (size_t)(nul - text.p)),
		    "a NUL byte: this is no text file, or it is UTF-16; save "
		    "it as UTF-8");
		return (false);
	}
	if (text.len > 0)
		text_to_utf8(r, text, out);
	return (true);
}

/* As Java's String.trim: all up to the blank, control characters included. */
static char *
trim(char *s)
{
	size_t n;

	while (*s != '\0' && (unsigned char)*s <= ' ')
		s++;
	for (n = strlen(s); n > 0 && (unsigned char)s[n - 1] <= ' '; n--)
		;
	s[n] = '\0';
	return (s);
}

char *
conf_trimmed(const char *value)
{
	char *copy = xstrdup(value), *s = trim(copy), *out;

	out = *s == '\0' ? NULL : xstrdup(s);
	free(copy);
	return (out);
}

/* Flume merges first and drops empty values then: an empty value takes an
 * earlier one away. */
static void
put_empty(const struct conf_reader *r, struct conf *old, const char *key,
    int line)
{
	if (old == NULL || old->value == NULL) {
		conf_warn_at(r->problems, r->file, line,
		    "%.*s has no value and is ignored", CONF_KEY_SIZE, key);
		return;
	}
	conf_warn_at(r->problems, r->file, line,
	    "%.*s has no value: its earlier one (%s:%d) is dropped",
	    CONF_KEY_SIZE, key, old->file, old->line);
	free(old->value);
	old->value = NULL;
}

void
conf_put(const struct conf_reader *r, char *key, char *value, int line)
{
	struct conf *old;

	key = trim(key);
	value = trim(value);
	if (*key == '\0') {
		conf_error_at(r->problems, r->file, line,
		    "a value without a key; write key = value");
		return;
	}
	old = conf_find(r->root, key);
	if (*value == '\0') {
		put_empty(r, old, key, line);
		return;
	}
	if (old != NULL && old->value != NULL && old->file != NULL &&
	    strcmp(old->file, r->file) == 0)
		conf_warn_at(r->problems, r->file, line,
		    "%.*s is set again: its value of line %d is not used",
		    CONF_KEY_SIZE, key, old->line);
	conf_set(r->root, key, value, r->file, line);
}

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return (n >= k && strcasecmp(s + n - k, end) == 0);
}

int
conf_read_file(struct conf *root, const char *path,
    struct conf_problems *problems, struct err *e)
{
	struct slice text;
	void *data;
	size_t len;

	if (fs_slurp(AT_FDCWD, path, CONF_FILE_MAX, &data, &len, e) == -1)
		return (-1);
	text = slice_of(data, len);
	if (ends_with(path, ".yaml") || ends_with(path, ".yml"))
		conf_read_yaml(root, text, path, problems);
	else if (ends_with(path, ".ini"))
		conf_read_ini(root, text, path, problems);
	else
		conf_read_properties(root, text, path, problems);
	free(data);
	return (0);
}
