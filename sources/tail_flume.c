/*
 * The array is walked by hand and each object in it is read by jansson, so
 * that a file that is cut off gives what it still has.
 */
#include "sources/tail_flume.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

static size_t
skip_blanks(struct slice s, size_t at)
{
	while (at < s.len && memchr(" \t\r\n", s.p[at], 4) != NULL)
		at++;
	return (at);
}

/* One object at s; *len is what it takes. */
static bool
read_object(struct slice s, size_t *len, tail_flume_fn *fn, void *ctx)
{
	json_t *o, *inode, *pos, *file;
	json_error_t why;
	bool good;

	o = json_loadb((const char *)s.p, s.len, JSON_DISABLE_EOF_CHECK, &why);
	if (o == NULL)
		return (false);
	*len = (size_t)why.position;
	inode = json_object_get(o, "inode");
	pos = json_object_get(o, "pos");
	file = json_object_get(o, "file");
	good = json_is_integer(inode) && json_is_integer(pos) &&
	    json_is_string(file) && json_integer_value(pos) >= 0 &&
	    json_string_value(file)[0] == '/' &&
	    strlen(json_string_value(file)) == json_string_length(file);
	if (good)
		fn(ctx, (uint64_t)json_integer_value(inode),
		    (uint64_t)json_integer_value(pos),
		    json_string_value(file));
	json_decref(o);
	return (good);
}

size_t
tail_flume_read(struct slice s, tail_flume_fn *fn, void *ctx, struct err *e)
{
	size_t at = skip_blanks(s, 0), n = 0, len;

	if (at == s.len) {
		err_set(e, ERR_CORRUPT, "it is empty");
		return (0);
	}
	if (s.p[at] != '[') {
		err_set(e, ERR_CORRUPT, "it does not begin with [");
		return (0);
	}
	at = skip_blanks(s, at + 1);
	if (at < s.len && s.p[at] == ']')
		return (0);
	for (;;) {
		if (at >= s.len || s.p[at] != '{' || !read_object(slice_of(
		    s.p + at, s.len - at), &len, fn, ctx))
			break;
		n++;
		at = skip_blanks(s, at + len);
		if (at < s.len && s.p[at] == ']')
			return (n);
		if (at >= s.len || s.p[at] != ',')
			break;
		at = skip_blanks(s, at + 1);
	}
	err_set(e, ERR_CORRUPT, "it makes no sense from byte %zu on; %zu "
	    "entries before it count", at, n);
	return (n);
}

void
tail_flume_add(struct sb *sb, bool *first, uint64_t inode, uint64_t pos,
    const char *file)
{
	sb_printf(sb, "%s{\"inode\":%" PRId64 ",\"pos\":%" PRIu64 ",\"file\":",
	    *first ? "[" : ",", (int64_t)inode, pos);
	sb_json(sb, slice_str(file));
	sb_puts(sb, "}");
	*first = false;
}

void
tail_flume_end(struct sb *sb, bool first)
{
	sb_puts(sb, first ? "[]" : "]");
}
