/* base/cursor, base/bytes. */
#include "test/unit/unit.h"

#include "base/bytes.h"
#include "base/cursor.h"

#define E(k, o, n)	{ SLICE(k), (o), SLICE(n) }

static struct cursor_set *
set_of(const struct cursor_entry *v, size_t n)
{
	struct cursor_set *s = cursor_set_new();

	for (size_t i = 0; i < n; i++)
		cursor_set_put(s, &v[i]);
	return (s);
}

/* "key:offset:note " in key order. */
static const char *
text(struct cursor_set *s)
{
	static char out[4096];
	struct cursor c = cursor_set_view(s);
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < c.n; i++)
		n += (size_t)snprintf(out + n, sizeof out - n,
		    "%.*s:%llu:%.*s ", (int)c.v[i].key.len, c.v[i].key.p,
		    (unsigned long long)c.v[i].offset, (int)c.v[i].note.len,
		    c.v[i].note.p);
	return (out);
}

enum op { PUT, MERGE, MIN };

static const struct {
	enum op			op;
	struct cursor_entry	a[3], b[3];
	const char		*want;
} rows[] = {
	{ PUT, { E("b", 1, "x"), E("a", 2, "y"), E("c", 3, "") },
	    { E("b", 0, "longer"), E("c", CURSOR_GONE, ""), E("d", 4, "") },
	    "a:2:y b:0:longer d:4: " },
	{ MERGE, { E("a", 5, "x"), E("b", 5, "x"), E("c", 5, "x") },
	    { E("a", 4, "new"), E("b", 5, "new"), E("c", 6, "new") },
	    "a:5:x b:5:new c:6:new " },
	{ MERGE, { E("a", 5, "x"), E("b", 5, "x"), E("c", 5, "x") },
	    { E("b", CURSOR_GONE, ""), E("z", CURSOR_GONE, ""), E("0", 1, "") },
	    "0:1: a:5:x c:5:x " },
	{ MIN, { E("a", 5, "x"), E("b", 5, "x"), E("c", 5, "x") },
	    { E("c", 6, "new"), E("b", 4, "new"), E("d", 1, "new") },
	    "b:4:new c:5:x " },
	{ MIN, { E("a", 5, "x"), E("b", 5, "x"), E("c", 5, "x") },
	    { E("a", CURSOR_GONE, ""), E("b", 4, "new"), E("b", 7, "b7") },
	    "b:5:x " },
	{ MIN, { E("a", 5, "x"), E("b", 5, "x"), E("c", 5, "x") },
	    { E("x", 1, ""), E("y", 1, ""), E("z", 1, "") }, "" },
};

START_TEST(test_row)
{
	struct cursor_set *s = set_of(rows[_i].a, 3);
	struct cursor c = { rows[_i].b, 3 };

	switch (rows[_i].op) {
	case PUT:
		for (size_t i = 0; i < c.n; i++)
			cursor_set_put(s, &c.v[i]);
		break;
	case MERGE:
		cursor_set_merge(s, &c);
		break;
	case MIN:
		cursor_set_min(s, &c);
	}
	ck_assert_str_eq(text(s), rows[_i].want);
	cursor_set_free(s);
	cursor_set_free(NULL);
}
END_TEST

/* A set's own view laid over it changes nothing and reads no freed bytes. */
START_TEST(test_self)
{
	static const struct cursor_entry v[] = {
		E("a", 1, "note"), E("b", 2, "x"), E("", 3, ""),
	};
	struct cursor_set *s = set_of(v, 3);
	struct cursor c = cursor_set_view(s);

	cursor_set_merge(s, &c);
	cursor_set_min(s, &c);
	ck_assert_str_eq(text(s), ":3: a:1:note b:2:x ");
	ck_assert_uint_eq(cursor_set_size(s), 3);
	ck_assert_uint_eq(cursor_set_get(s, SLICE("b"))->offset, 2);
	ck_assert_ptr_null(cursor_set_get(s, SLICE("c")));
	cursor_set_clear(s);
	ck_assert_uint_eq(cursor_set_size(s), 0);
	cursor_set_free(s);
}
END_TEST

/* Against a plain table: random puts and merges over few keys. */
START_TEST(test_model)
{
	static char note[CURSOR_NOTE_MAX];
	uint64_t model[32] = { 0 }, seed = 1, r;
	struct cursor_set *s = cursor_set_new();
	const struct cursor_entry *e;
	char key[8];

	for (int i = 0; i < 20000; i++) {
		unsigned k = (r = unit_random(&seed)) % 32;
		size_t most = i % 100 == 0 ? CURSOR_NOTE_MAX : 200;
		struct cursor_entry x = { slice_of(key, 3), r >> 8 & 0xff,
			slice_of(note, (r >> 16) % most) };

		snprintf(key, sizeof key, "k%02u", k);
		if (x.offset == 0)
			x.offset = CURSOR_GONE;
		if ((r >> 40 & 1) != 0) {
			cursor_set_put(s, &x);
			model[k] = x.offset;
		} else {
			cursor_set_merge(s, &(struct cursor){ &x, 1 });
			if (model[k] == CURSOR_GONE || model[k] <= x.offset)
				model[k] = x.offset;
		}
		if (model[k] == CURSOR_GONE)
			model[k] = 0;
		e = cursor_set_get(s, slice_of(key, 3));
		ck_assert_uint_eq(e == NULL ? 0 : e->offset, model[k]);
	}
	cursor_set_free(s);
}
END_TEST

START_TEST(test_encode)
{
	static const struct cursor_entry v[] = {
		E("a", 1, "note"), E("bb", UINT64_MAX - 1, ""), E("c", 0, "y"),
	};
	static const char bytes[] = "\0\0\0\3"
	    "\1a\0\0\0\0\0\0\0\1\0\4note"
	    "\2bb\377\377\377\377\377\377\377\376\0\0"
	    "\1c\0\0\0\0\0\0\0\0\0\1y";
	struct cursor_set *s = set_of(v, 3), *t = cursor_set_new();
	struct cursor c = cursor_set_view(s);
	uint8_t out[sizeof bytes];
	size_t n = cursor_encode(&c, out);

	ck_assert_uint_eq(n, sizeof bytes - 1);
	ck_assert_uint_eq(n, cursor_size(&c));
	ck_assert_mem_eq(out, bytes, n);
	UNIT_OK(cursor_decode(slice_of(out, n), t, e));
	ck_assert_str_eq(text(t), "a:1:note bb:18446744073709551614: c:0:y ");
	for (size_t i = 0; i < n; i++) {
		uint8_t *exact = (uint8_t *)xstrndup(out, i);

		exact = xreallocarray(exact, i, 1);	/* ASan sees the end */
		UNIT_ERR(cursor_decode(slice_of(exact, i), t, e),
		    ERR_CORRUPT);
		free(exact);
	}
	UNIT_ERR(cursor_decode(slice_of(bytes, sizeof bytes), t, e),
	    ERR_CORRUPT);		/* one byte more */
	ck_assert_uint_eq(cursor_set_size(t), 3);
	cursor_set_free(s);
	cursor_set_free(t);
}
END_TEST

/* Every changed byte is refused or gives some set; never a read outside. */
START_TEST(test_decode_flips)
{
	static const struct cursor_entry v[] = {
		E("a", 1, "note"), E("bb", 9, ""),
	};
	struct cursor_set *s = set_of(v, 2), *t = cursor_set_new();
	struct cursor c = cursor_set_view(s);
	uint8_t out[64];
	size_t n = cursor_encode(&c, out);

	for (size_t i = 0; i < n; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			out[i] ^= (uint8_t)(1 << bit);
			cursor_decode(slice_of(out, n), t, NULL);
			ck_assert_uint_le(cursor_set_size(t), 1000);
			out[i] ^= (uint8_t)(1 << bit);
		}
	cursor_set_free(s);
	cursor_set_free(t);
}
END_TEST

static const struct { int64_t v; size_t len; } varints[] = {
	{ 0, 1 }, { -1, 1 }, { 63, 1 }, { -64, 1 }, { 64, 2 }, { -65, 2 },
	{ 8191, 2 }, { 8192, 3 }, { INT32_MAX, 5 }, { INT32_MIN, 5 },
	{ (int64_t)INT32_MAX + 1, 5 }, { INT64_MAX, 10 }, { INT64_MIN, 10 },
};

START_TEST(test_varint)
{
	uint8_t b[VARLONG_MAX];
	int64_t v = varints[_i].v, got = 77;
	int32_t small = 77;
	uint8_t *end = put_varlong(b, v);

	ck_assert_uint_eq((size_t)(end - b), varints[_i].len);
	ck_assert_uint_eq(uvarint_len(zigzag64(v)), varints[_i].len);
	ck_assert_ptr_eq(get_varlong(b, end, &got), end);
	ck_assert_int_eq(got, v);
	ck_assert_ptr_null(get_varlong(b, end - 1, &got));
	if (v >= INT32_MIN && v <= INT32_MAX) {
		ck_assert_ptr_eq(get_varint(b, end, &small), end);
		ck_assert_int_eq(small, v);
	} else {
		ck_assert_ptr_null(get_varint(b, end, &small));
		ck_assert_int_eq(small, 77);
	}
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &test_row, .rows = NELEM(rows) },
	{ .fn = &test_self },
	{ .fn = &test_model },
	{ .fn = &test_encode },
	{ .fn = &test_decode_flips },
	{ .fn = &test_varint, .rows = NELEM(varints) },
};

int
main(void)
{
	return (UNIT_MAIN("cursor", tests));
}
