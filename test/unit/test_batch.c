/* base/arena, base/buf, base/batch. */
#include "test/unit/unit.h"

#include <stdint.h>

#include "base/batch.h"
#include "base/thread.h"

START_TEST(test_arena)
{
	struct arena a;
	uint8_t *p[200];
	struct slice s;
	size_t i;

	arena_init(&a, 256, 0);
	for (int round = 0; round < 3; round++) {
		for (i = 0; i < NELEM(p); i++) {
			p[i] = arena_alloc(&a, i * 7);
			ck_assert_uint_eq((uintptr_t)p[i] % 16, 0);
			memset(p[i], (int)i, i * 7);
		}
		for (i = 1; i < NELEM(p); i++) {
			ck_assert_uint_eq(p[i][0], i);
			ck_assert_uint_eq(p[i][i * 7 - 1], i);
		}
		s = arena_copy(&a, SLICE("hello"));
		ck_assert_mem_eq(s.p, "hello", 6);
		ck_assert_uint_eq(s.len, 5);
		arena_reset(&a);
		ck_assert_uint_eq(a.used, 0);
	}
	arena_fini(&a);
}
END_TEST

START_TEST(test_arena_limit)
{
	struct arena a;

	arena_init(&a, 64, 1024);
	ck_assert_ptr_null(arena_alloc(&a, 1025));
	ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX));
	ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX - 8));
	ck_assert_ptr_null(arena_copy(&a, slice_of("x", SIZE_MAX)).p);
	ck_assert_ptr_nonnull(arena_alloc(&a, 512));
	ck_assert_ptr_nonnull(arena_zalloc(&a, 512));
	ck_assert_ptr_null(arena_alloc(&a, 1));
	ck_assert_ptr_null(arena_copy(&a, SLICE("")).p);
	arena_reset(&a);
	ck_assert_ptr_nonnull(arena_alloc(&a, 1024));
	arena_fini(&a);
}
END_TEST

static int released;

static void
release(struct buf *b)
{
	released++;
	free(b);
}

START_TEST(test_buf)
{
	struct buf *b = buf_new(100), *many[64];
	size_t i, round;

	ck_assert_uint_eq(b->cap, 100);
	memset(b->data, 1, 100);
	b->release = release;
	buf_ref(b);
	buf_unref(b);
	ck_assert_int_eq(released, 0);
	buf_unref(b);
	ck_assert_int_eq(released, 1);
	buf_unref(NULL);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < NELEM(many); i++) {
			many[i] = buf_new((i % 3 + 1) * 128 * 1024);
			ck_assert_uint_eq(many[i]->cap, (i % 3 + 1) * 131072);
			ck_assert_uint_eq(many[i]->len, 0);
			memset(many[i]->data, (int)i, many[i]->cap);
		}
		for (i = 0; i < NELEM(many); i++) {
			ck_assert_uint_eq(many[i]->data[0], i);
			ck_assert_uint_eq(many[i]->data[many[i]->cap - 1], i);
			buf_unref(many[i]);
		}
	}
}
END_TEST

static struct batch *
make(unsigned n)
{
	struct batch *b = batch_new();
	struct buf *buf = buf_new(16 * n + 1);
	struct cursor_entry e = { SLICE("file"), 16 * n, SLICE("note") };

	batch_hold(b, buf);
	for (unsigned i = 0; i < n; i++) {
		snprintf((char *)buf->data + 16 * i, 17, "%016u", i);
		batch_add(b, slice_of(buf->data + 16 * i, 16))->end =
		    16 * (i + 1);
	}
	batch_set_cursor(b, &(struct cursor){ &e, 1 });
	buf_unref(buf);
	return (b);
}

static unsigned
number(const struct batch *b, uint32_t i)
{
	char digits[17] = "";

	ck_assert_uint_eq(b->records[i].body.len, 16);
	memcpy(digits, b->records[i].body.p, 16);
	return ((unsigned)atoi(digits));
}

START_TEST(test_batch_add)
{
	struct batch *b;

	for (int round = 0; round < 3; round++) {
		b = make(5000);
		ck_assert(batch_plain(b));
		batch_seal(b);
		ck_assert(batch_plain(b));
		ck_assert_uint_eq(b->n, 5000);
		ck_assert_uint_eq(b->bytes, 16 * 5000);
		ck_assert_uint_ge(b->charge, 16 * 5000);
		ck_assert_int_eq(b->hint, BATCH_NO_HINT);
		ck_assert_uint_eq(b->timestamp, 0);
		ck_assert_uint_eq(b->cursor.n, 1);
		UNIT_SLICE(b->cursor.v[0].key, "file");
		UNIT_SLICE(b->cursor.v[0].note, "note");
		for (uint32_t i = 0; i < b->n; i++)
			ck_assert_uint_eq(number(b, i), i);
		batch_unref(batch_ref(b));
		batch_unref(b);
	}
	batch_unref(NULL);
}
END_TEST

START_TEST(test_batch_hold)
{
	struct batch *b = batch_new();
	struct buf *one = buf_new(1000), *two = buf_new(500);

	one->release = two->release = release;
	batch_hold(b, one);
	batch_hold(b, one);
	batch_hold(b, two);
	ck_assert_uint_eq(b->charge, 1500);
	batch_hold(b, one);
	ck_assert_uint_eq(b->charge, 2500);
	buf_unref(one);
	buf_unref(two);
	ck_assert_int_eq(released, 0);
	batch_seal(b);
	batch_unref(b);
	ck_assert_int_eq(released, 2);
}
END_TEST

/* All headers of a record as "a=1,b=2,". */
static const char *
headers(const struct batch *b, uint32_t record)
{
	static char text[4096];
	struct header h;
	size_t n = 0;

	text[0] = '\0';
	for (uint32_t it = 0; batch_next_header(b, &b->records[record], &it,
	    &h);)
		n += (size_t)snprintf(text + n, sizeof text - n, "%.*s=%.*s,",
		    (int)h.name.len, h.name.p, (int)h.value.len, h.value.p);
	return (text);
}

static void
set(struct batch *b, int record, const char *name, const char *value,
    bool replace)
{
	batch_set(b, record < 0 ? NULL : &b->records[record], slice_str(name),
	    slice_str(value), replace);
}

START_TEST(test_batch_headers)
{
	struct batch *b = make(3);

	set(b, -1, "host", "h", true);
	set(b, 1, "host", "own", true);
	set(b, 1, "k", "v", true);
	ck_assert(!batch_plain(b));
	ck_assert_str_eq(headers(b, 0), "host=h,");
	ck_assert_str_eq(headers(b, 1), "host=own,k=v,");
	UNIT_SLICE(batch_get(b, &b->records[1], SLICE("host")), "own");
	UNIT_SLICE(batch_get(b, &b->records[2], SLICE("host")), "h");
	ck_assert_ptr_null(batch_get(b, &b->records[2], SLICE("k")).p);

	set(b, -1, "host", "other", false);	/* it is there: stays */
	set(b, 0, "host", "x", false);
	set(b, -1, "k", "all", false);		/* record 1 keeps its own */
	ck_assert_str_eq(headers(b, 0), "host=h,k=all,");
	ck_assert_str_eq(headers(b, 1), "host=own,k=v,");

	set(b, -1, "host", "new", true);
	ck_assert_str_eq(headers(b, 1), "k=v,host=new,");

	/* One record loses a common header, the others keep it. */
	batch_unset(b, &b->records[1], SLICE("host"));
	ck_assert_str_eq(headers(b, 0), "host=new,k=all,");
	ck_assert_str_eq(headers(b, 1), "k=v,");
	ck_assert_str_eq(headers(b, 2), "host=new,k=all,");

	batch_unset(b, NULL, SLICE("k"));
	ck_assert_str_eq(headers(b, 1), "");
	set(b, 1, "empty", "", true);
	ck_assert_ptr_nonnull(batch_get(b, &b->records[1],
	    SLICE("empty")).p);
	batch_seal(b);
	ck_assert(!batch_plain(b));
	ck_assert_uint_eq(b->bytes, 3 * 16 + 2 * 7 + 5);
	batch_unref(b);
}
END_TEST

/* Many headers on a record, also on one that brought an array of its own. */
START_TEST(test_batch_many_headers)
{
	struct header given[3];
	struct batch *b = make(2);
	char name[16];
	int i;

	for (i = 0; i < 3; i++)
		given[i] = (struct header){ slice_str("g"), slice_str("x") };
	b->records[1].headers = given;
	b->records[1].nheaders = 3;
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "h%d", i);
		set(b, 0, name, name, true);
		set(b, 1, name, name, true);
	}
	for (i = 0; i < 100; i += 2) {
		snprintf(name, sizeof name, "h%d", i);
		batch_unset(b, &b->records[0], slice_str(name));
	}
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "h%d", i);
		ck_assert_int_eq(batch_get(b, &b->records[0],
		    slice_str(name)).p != NULL, i % 2);
		UNIT_SLICE(batch_get(b, &b->records[1], slice_str(name)),
		    name);
	}
	ck_assert_uint_eq(b->records[0].nheaders, 50);
	ck_assert_uint_eq(b->records[1].nheaders, 103);
	batch_unref(b);
}
END_TEST

START_TEST(test_batch_drop)
{
	struct batch *b = make(10);

	for (uint32_t i = 0; i < b->n; i += 3)
		batch_drop(b, &b->records[i]);
	batch_seal(b);
	ck_assert_uint_eq(b->n, 6);
	ck_assert_uint_eq(b->bytes, 6 * 16);
	for (uint32_t i = 0; i < b->n; i++)
		ck_assert_uint_eq(number(b, i), i / 2 * 3 + i % 2 + 1);
	ck_assert_uint_eq(b->cursor.v[0].offset, 160);
	batch_unref(b);
}
END_TEST

START_TEST(test_batch_drop_all)
{
	struct batch *b = make(4);

	for (uint32_t i = 0; i < 4; i++)
		batch_drop(b, &b->records[i]);
	batch_seal(b);
	ck_assert_uint_eq(b->n, 0);
	ck_assert_uint_eq(b->bytes, 0);
	ck_assert_uint_eq(b->cursor.n, 1);
	batch_unref(b);
}
END_TEST

/* A small batch does not sit on the array of a large one before it. */
START_TEST(test_batch_charge)
{
	struct batch *b;

	for (int i = 0; i < 8; i++) {
		b = make(i % 2 == 0 ? 20000 : 1);
		batch_seal(b);
		ck_assert_uint_ge(b->charge, 16 * b->n);
		ck_assert_uint_le(b->charge, 8192 + 128 * b->n);
		batch_unref(b);
	}
}
END_TEST

START_TEST(test_batch_child)
{
	struct batch *b = make(100), *child, *grand, *tail, *none;
	bool keep[100] = { false };
	uint32_t i;

	b->source = "r1";
	b->timestamp = 7;
	b->hint = 3;
	set(b, -1, "host", "h", true);
	set(b, 50, "own", "o", true);
	batch_seal(b);
	for (i = 0; i < 100; i += 10)
		keep[i] = true;
	child = batch_child(b, keep);
	batch_unref(b);			/* the child keeps the bytes */
	ck_assert_uint_eq(child->n, 10);
	ck_assert_str_eq(child->source, "r1");
	ck_assert_int_eq(child->timestamp, 7);
	ck_assert_int_eq(child->hint, 3);
	ck_assert(!batch_plain(child));
	ck_assert_uint_eq(child->bytes, 10 * 21 + 4);
	ck_assert_uint_ge(child->charge, 1600);
	tail = batch_tail(child, 5);
	memset(keep, 0, sizeof keep);
	none = batch_child(child, keep);
	keep[9] = true;
	grand = batch_child(child, keep);
	batch_unref(child);
	ck_assert_uint_eq(none->n, 0);
	ck_assert_uint_eq(none->cursor.v[0].offset, 1600);
	ck_assert_uint_eq(grand->n, 1);
	ck_assert_uint_eq(number(grand, 0), 90);
	ck_assert_uint_eq(tail->n, 5);
	ck_assert_uint_eq(number(tail, 0), 50);
	ck_assert_str_eq(headers(tail, 0), "own=o,host=h,");
	ck_assert_str_eq(headers(tail, 1), "host=h,");
	batch_unref(none);
	batch_unref(grand);
	child = batch_tail(tail, 2);
	batch_unref(tail);
	ck_assert_uint_eq(child->n, 3);
	ck_assert_uint_eq(number(child, 0), 70);
	tail = batch_tail(child, 3);
	ck_assert_uint_eq(tail->n, 0);
	batch_unref(child);
	batch_unref(tail);
}
END_TEST

START_TEST(test_batch_sealed)
{
	struct batch *b = make(1);

	dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
	batch_seal(b);
	batch_add(b, SLICE("x"));
}
END_TEST

/* References from several threads; the last one frees (ASan, TSan). */
static void
ref_thread(void *arg)
{
	struct batch *b = arg;
	bool keep[64];

	memset(keep, 1, sizeof keep);
	for (int i = 0; i < 2000; i++) {
		struct batch *r = batch_ref(b), *c = batch_child(b, keep);
		struct batch *t = batch_tail(c, 32), *own = make(8);

		batch_unref(c);
		ck_assert_uint_eq(number(t, 0), 32);
		batch_seal(own);
		batch_unref(own);
		batch_unref(t);
		batch_unref(r);
	}
	batch_unref(b);
}

START_TEST(test_batch_threads)
{
	struct batch *b = make(64);
	struct thread t[4];

	batch_seal(b);
	for (size_t i = 0; i < NELEM(t); i++)
		UNIT_OK(thread_start(&t[i], "ref", ref_thread, batch_ref(b),
		    e));
	batch_unref(b);
	for (size_t i = 0; i < NELEM(t); i++)
		thread_join(&t[i]);
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &test_arena },
	{ .fn = &test_arena_limit },
	{ .fn = &test_buf },
	{ .fn = &test_batch_add },
	{ .fn = &test_batch_hold },
	{ .fn = &test_batch_headers },
	{ .fn = &test_batch_many_headers },
	{ .fn = &test_batch_drop },
	{ .fn = &test_batch_drop_all },
	{ .fn = &test_batch_charge },
	{ .fn = &test_batch_child },
	{ .fn = &test_batch_sealed, .signal = SIGABRT },
	{ .fn = &test_batch_threads },
};

int
main(void)
{
	return (UNIT_MAIN("batch", tests));
}
