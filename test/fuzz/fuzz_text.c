/*
 * Small texts: a pattern and a string, apart by a newline.  The glob is held
 * against a plain recursive one; the parsers and printers against themselves.
 */
#include "test/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/str.h"
#include "base/utf8.h"

/* For patterns of stars, question marks and plain bytes, no double stars. */
static bool
slow_glob(const char *p, const char *s, bool path)
{
	if (*p == '\0')
		return (*s == '\0');
	if (*p == '*')
		return (slow_glob(p + 1, s, path) || (*s != '\0' &&
		    !(path && *s == '/') && slow_glob(p, s + 1, path)));
	return (*s != '\0' && (*p == *s || (*p == '?' &&
	    !(path && *s == '/'))) && slow_glob(p + 1, s + 1, path));
}

static void
try_glob(const char *p, const char *s)
{
	bool path = str_glob(p, s, true), plain = str_glob(p, s, false);

	if (strpbrk(p, "[\\") != NULL || strlen(s) > 24 || strlen(p) > 12)
		return;
	CHECK(plain == slow_glob(p, s, false));
	if (strstr(p, "**") == NULL)
		CHECK(path == slow_glob(p, s, true));
	else if (slow_glob(p, s, true))
		CHECK(path);
}

static void
try_parsers(const char *s)
{
	struct uuid u;
	char text[23], small[40];
	uint64_t size;
	int64_t v;
	bool b;

	if (uuid_parse(&u, s))
		CHECK(strcmp(uuid_print(&u, text), s) == 0);
	if (str_size(s, &size))
		str_print_size(small, sizeof small, size);
	if (str_duration(s, 1, &v))
		str_print_duration(small, sizeof small, v);
	str_int64(s, &v);
	str_bool(s, &b);
	CHECK(str_distance(s, s, 3) == 0);
}

/* What is shown is well-formed, without control characters, and fits. */
static void
try_printable(struct slice s, size_t room)
{
	char *buf = xmalloc(room);
	struct sb json = SB_INIT;
	size_t n, i, len;

	n = strlen(str_printable(buf, room, s));
	CHECK(n < room);
	for (i = 0; i < n; i += len) {
		len = utf8_len((uint8_t *)buf + i, n - i);
		CHECK(len != 0 && !utf8_is_control((uint8_t *)buf + i, len));
	}
	sb_json(&json, s);
	for (i = 0; i < json.len; i += len) {
		len = utf8_len((uint8_t *)json.ptr + i, json.len - i);
		CHECK(len != 0 && (uint8_t)json.ptr[i] >= 0x20);
	}
	sb_fini(&json);
	free(buf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *p = xstrndup(data, size), *s = strchr(p, '\n');

	try_printable(slice_of(data, size), size % 50 + 1);
	try_parsers(p);
	if (s != NULL) {
		*s++ = '\0';
		try_glob(p, s);
		str_distance(p, s, 5);
	}
	free(p);
	return (0);
}
