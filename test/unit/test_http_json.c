/* sources/http_json.c and http_charset.c. */
#include "test/unit/unit.h"

#include "base/str.h"
#include "sources/http_charset.h"
#include "sources/http_json.h"

static struct sb shown;

/* "a=1 b=2|body;" per event, or "!" and the message. */
static const char *
read_text(const void *text, size_t len, size_t max)
{
	struct buf *buf = buf_new(len == 0 ? 1 : len);
	struct batch *b = batch_new();
	struct err e = ERR_INIT;
	struct header h;
	uint32_t i, it;

	shown.len = 0;
	sb_puts(&shown, "");
	memcpy(buf->data, text, len);
	batch_hold(b, buf);
	if (http_json_read(b, buf->data, len, max, &e) == -1) {
		sb_printf(&shown, "!%s", e.msg);
		b->n = 0;
	}
	for (i = 0; i < b->n; i++) {
		for (it = 0; batch_next_header(b, &b->records[i], &it, &h);)
			sb_printf(&shown, "%s%.*s=%.*s", it == 1 ? "" : " ",
			    (int)h.name.len, h.name.p,
			    (int)h.value.len, h.value.p);
		sb_puts(&shown, "|");
		sb_add(&shown, b->records[i].body.p, b->records[i].body.len);
		sb_puts(&shown, ";");
	}
	batch_unref(b);
	buf_unref(buf);
	return (shown.ptr == NULL ? "" : shown.ptr);
}

static const struct {
	const char *text, *want;
} rows[] = {
	/* TestJSONHandler */
	{ "[{\"headers\":{\"a\": \"b\"},\"body\": \"random_body\"},"
	    "{\"headers\":{\"e\": \"f\"},\"body\": \"random_body2\"}]",
	    "a=b|random_body;e=f|random_body2;" },
	{ "[{\"headers\" : {\"a\": \"b\"}},{\"headers\" : {\"e\": \"f\"},"
	    "\"body\": \"random_body2\"}]", "a=b|;e=f|random_body2;" },
	{ "[{\"headers\":{\"a\": \"b\"},\"body\": \"rand\\\"om_body2\"}]",
	    "a=b|rand\"om_body2;" },
	{ "[{\"headers\":{\"a\": \"b\"},\"body\": "
	    "\"<html><body>test</body></html>\"}]",
	    "a=b|<html><body>test</body></html>;" },
	{ "[{\"headers\": {\"a\": \"b\",\"c\": \"d\"},\"body\": \"x\"},"
	    "{\"body\": \"y\"},{\"headers\": {}, \"body\": \"z\"}]",
	    "a=b c=d|x;|y;|z;" },
	{ "{[\"a\": \"b\"],\"body\": \"random_body\"},"
	    "{\"headers\" : {\"e\": \"f\"},\"body\": \"random_body2\"}",
	    "!an array of events is expected at byte 0" },
	{ "{\"headers\":{}, \"body\":\"x\"}",
	    "!an array of events is expected at byte 0" },
	/* TestHTTPSource */
	{ "[{\"a\": \"b\",[\"d\":\"e\"],\"body\": \"random_body\"}]",
	    "!a name in double quotes is expected at byte 11" },
	/* Lenient */
	{ "[{\"body\":12}]", "|12;" },
	{ "[{\"body\":-1.50e+03}]", "|-1.50e+03;" },
	{ "[{\"body\":12345678901234567890123}]",
	    "|12345678901234567890123;" },
	{ "[{\"body\":true},{\"body\":false},{\"body\":null}]",
	    "|true;|false;|;" },
	{ "[{\"headers\":{\"n\":1.10,\"t\":true,\"z\":null}}]",
	    "n=1.10 t=true z=|;" },
	{ "[{\"headers\":null}]", "|;" },
	{ "[{\"other\":{\"x\":[1,{\"y\":[[]]},\"]\"]},\"body\":\"b\"}]",
	    "|b;" },
	{ "[{\"other\":[],\"more\":{},\"body\":\"b\"}]", "|b;" },
	{ "[{\"body\":\"a\nb\tc\"}]", "|a\nb\tc;" },
	{ "[]", "" }, { " [ ] ", "" }, { "[{}]", "|;" },
	{ "[{},{}]", "|;|;" },
	{ "\xef\xbb\xbf[{\"body\":\"bom\"}]", "|bom;" },
	{ "[{\"body\":\"a\",\"body\":\"b\",\"headers\":{\"x\":\"1\"},"
	    "\"headers\":{\"y\":\"1\",\"y\":\"2\"}}]", "y=2|b;" },
	/* Strings */
	{ "[{\"body\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}]",
	    "|\"\\/\b\f\n\r\t;" },
	{ "[{\"body\":\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00!\"}]",
	    "|A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80!;" },
	{ "[{\"body\":\"\\ud83d\\ud83d\\ude00\\udc00x\"}]",
	    "|\xef\xbf\xbd\xf0\x9f\x98\x80\xef\xbf\xbdx;" },
	{ "[{\"headers\":{\"\\u0061\":\"\\n\"},\"body\":\"\\\\\"}]",
	    "a=\n|\\;" },
	{ "[{\"body\":\"\\x\"}]", "!an unknown escape at byte 11" },
	{ "[{\"body\":\"\\u12\"}]",
	    "!\\u without four hexadecimal digits at byte 12" },
	{ "[{\"body\":\"x", "!the body ends inside a string at byte 11" },
	{ "[{\"body\":\"x\\", "!the body ends inside a string at byte 12" },
	{ "[{\"body\":\"\xff\"}]", "!bytes that are not UTF-8 at byte 10" },
	/* Not JSON, or not this shape */
	{ "", "!an array of events is expected at byte 0" },
	{ "null", "!an array of events is expected at byte 0" },
	{ "[null]", "!an event must be an object with headers and body at "
	    "byte 1" },
	{ "[1]", "!an event must be an object with headers and body at "
	    "byte 1" },
	{ "[{}", "!',' or ']' is expected at byte 3" },
	{ "[{},]", "!an event must be an object with headers and body at "
	    "byte 4" },
	{ "[{\"body\":\"a\",}]",
	    "!a name in double quotes is expected at byte 13" },
	{ "[{}] x", "!something stands behind the array at byte 5" },
	{ "[{}][{}]", "!something stands behind the array at byte 4" },
	{ "[{\"body\":{}}]",
	    "!an object or array where a string belongs at byte 9" },
	{ "[{\"body\":[\"a\"]}]",
	    "!an object or array where a string belongs at byte 9" },
	{ "[{\"headers\":[]}]", "!headers must be an object at byte 12" },
	{ "[{\"headers\":{\"a\":{}}}]",
	    "!an object or array where a string belongs at byte 17" },
	{ "[{\"body\":01}]", "!a string, number, true, false or null is "
	    "expected at byte 9" },
	{ "[{\"body\":1.}]", "!a string, number, true, false or null is "
	    "expected at byte 9" },
	{ "[{\"body\":nan}]", "!a string, number, true, false or null is "
	    "expected at byte 9" },
	{ "[{\"body\" \"a\"}]", "!':' is expected at byte 9" },
	{ "[{\"o\":[1 2]}]", "!',' or ']' is expected at byte 9" },
	{ "[{\"o\":[1}]", "!',' or ']' is expected at byte 8" },
	{ "[{\"o\":{\"a\":1]}]", "!',' or '}' is expected at byte 12" },
};

START_TEST(test_rows)
{
	ck_assert_str_eq(read_text(rows[_i].text, strlen(rows[_i].text), 100),
	    rows[_i].want);
}
END_TEST

/* Each beginning of a good text is an error, not a crash. */
START_TEST(test_prefixes)
{
	const char *text = "[{\"headers\":{\"a\":\"\\u00e9\"},\"o\":[1,"
	    "{\"p\":null}],\"body\":\"x\\\"\"}]";
	size_t n;

	for (n = 0; n < strlen(text); n++)
		ck_assert_int_eq(*read_text(text, n, 100), '!');
	ck_assert_str_eq(read_text(text, n, 100), "a=\xc3\xa9|x\";");
}
END_TEST

START_TEST(test_limits)
{
	struct sb text = SB_INIT;
	int i;

	ck_assert_str_eq(read_text("[{},{},{}]", 10, 3), "|;|;|;");
	ck_assert_str_eq(read_text("[{},{},{}]", 10, 2),
	    "!more than 2 events in one request");
	for (_i = 0; _i < 2; _i++) {
		text.len = 0;
		sb_puts(&text, "[{\"headers\":{");
		for (i = 0; i < HTTP_JSON_HEADERS_MAX + _i; i++)
			sb_printf(&text, "%s\"h%d\":\"\"", i ? "," : "", i);
		sb_puts(&text, "}}]");
		read_text(text.ptr, text.len, 9);
		ck_assert((*shown.ptr == '!') == (_i == 1));
	}
	for (_i = 0; _i < 2; _i++) {
		text.len = 0;
		sb_puts(&text, "[{\"o\":");
		for (i = 0; i < HTTP_JSON_DEPTH_MAX + _i; i++)
			sb_puts(&text, i % 2 ? "{\"a\":" : "[");
		sb_puts(&text, "1");
		while (i-- > 0)
			sb_puts(&text, i % 2 ? "}" : "]");
		sb_puts(&text, "}]");
		read_text(text.ptr, text.len, 9);
		ck_assert((*shown.ptr == '!') == (_i == 1));
	}
	sb_fini(&text);
}
END_TEST

/* --- charsets --- */

static const struct {
	const char *type;
	int want;	/* -1: refused */
} types[] = {
	{ NULL, HTTP_UTF8 },
	{ "application/json", HTTP_UTF8 },
	{ "application/json; charset=UTF-8", HTTP_UTF8 },
	{ "application/json;charset=utf-16", HTTP_UTF16 },
	{ "application/json; q=1; Charset=\"UTF-32\"", HTTP_UTF32 },
	{ "application/json; charset=UTF-16 ; x=y", HTTP_UTF16 },
	{ "application/json; charset=ISO-8859-1", -1 },
	{ "application/json; charset=", -1 },
	{ "application/json; charset=UTF-160", -1 },
};

START_TEST(test_types)
{
	enum http_charset c;
	struct err e = ERR_INIT;
	int rc = http_charset_of(types[_i].type, &c, &e);

	ck_assert_int_eq(rc, types[_i].want == -1 ? -1 : 0);
	if (rc == 0)
		ck_assert_int_eq((int)c, types[_i].want);
}
END_TEST

#define B(lit)	lit, sizeof (lit) - 1

static const struct {
	enum http_charset c;
	const char *in;
	size_t len;
	const char *want;	/* NULL: refused */
} decoded[] = {
	{ HTTP_UTF16, B("\xfe\xff\0a\x20\xac"), "a\xe2\x82\xac" },
	{ HTTP_UTF16, B("\xff\xfe" "a\0\xac\x20"), "a\xe2\x82\xac" },
	{ HTTP_UTF16, B("\0a\x20\xac"), "a\xe2\x82\xac" },
	{ HTTP_UTF16, B("\xd8\x3d\xde\x00"), "\xf0\x9f\x98\x80" },
	{ HTTP_UTF16, B("\xd8\x3d\0a"), NULL },
	{ HTTP_UTF16, B("\0a\0"), NULL },
	{ HTTP_UTF16, B(""), "" },
	{ HTTP_UTF32, B("\0\0\xfe\xff\0\0\0a"), "a" },
	{ HTTP_UTF32, B("\xff\xfe\0\0a\0\0\0"), "a" },
	{ HTTP_UTF32, B("\0\0\x20\xac"), "\xe2\x82\xac" },
	{ HTTP_UTF32, B("\0\x11\0\0"), NULL },
};

START_TEST(test_decode)
{
	struct err e = ERR_INIT;
	struct buf *b = http_charset_decode(decoded[_i].c,
	    slice_of(decoded[_i].in, decoded[_i].len), &e);

	if (decoded[_i].want == NULL) {
		ck_assert_ptr_null(b);
		ck_assert_int_eq(e.code, ERR_PROTO);
		return;
	}
	ck_assert_ptr_nonnull(b);
	UNIT_SLICE(slice_of(b->data, b->len), decoded[_i].want);
	buf_unref(b);
}
END_TEST

/* The longest UTF-8 there is for what UTF-16 holds fits. */
START_TEST(test_decode_grows)
{
	uint8_t in[2000];
	struct err e = ERR_INIT;
	struct buf *b;
	size_t i;

	for (i = 0; i < sizeof in; i += 2) {
		in[i] = 0x20;
		in[i + 1] = 0xac;
	}
	b = http_charset_decode(HTTP_UTF16, slice_of(in, sizeof in), &e);
	ck_assert_ptr_nonnull(b);
	ck_assert_uint_eq(b->len, sizeof in / 2 * 3);
	buf_unref(b);
}
END_TEST

START_TEST(test_encode)
{
	struct batch *b = batch_new();

	batch_add(b, SLICE("a\xf0\x9f\x98\x80"));
	batch_add(b, SLICE(""));
	batch_add(b, SLICE("\xe2\x82\xac"));
	UNIT_OK(http_charset_encode(_i == 0 ? HTTP_UTF16 : HTTP_UTF32, b, e));
	if (_i == 0) {
		ck_assert(slice_eq(b->records[0].body,
		    SLICE("\xfe\xff\0a\xd8\x3d\xde\0")));
		ck_assert(slice_eq(b->records[2].body,
		    SLICE("\xfe\xff\x20\xac")));
	} else {
		ck_assert(slice_eq(b->records[0].body,
		    SLICE("\0\0\0a\0\1\xf6\0")));
		ck_assert(slice_eq(b->records[2].body,
		    SLICE("\0\0\x20\xac")));
	}
	ck_assert_uint_eq(b->records[1].body.len, 0);
	batch_unref(b);
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &test_rows, .rows = NELEM(rows) },
	{ .fn = &test_prefixes },
	{ .fn = &test_limits },
	{ .fn = &test_types, .rows = NELEM(types) },
	{ .fn = &test_decode, .rows = NELEM(decoded) },
	{ .fn = &test_decode_grows },
	{ .fn = &test_encode, .rows = 2 },
};

int
main(void)
{
	return (UNIT_MAIN("http_json", tests));
}
