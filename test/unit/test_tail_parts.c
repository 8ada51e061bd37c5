/* sources/tail_pattern, tail_identity, tail_flume and tail_pos. */
#include "test/unit/unit.h"

#include <sys/stat.h>

#include "base/crc32c.h"
#include "base/log.h"
#include "base/map.h"
#include "sources/tail_flume.h"
#include "sources/tail_identity.h"
#include "sources/tail_pattern.h"
#include "sources/tail_pos.h"
#include "test/fake/fake_disk.h"

/* --- patterns --- */

static const struct {
	const char	*pattern, *path;
	bool		 match;
} paths[] = {
	/* Flume: the last part is an expression for the whole name. */
	{ "/var/log/[ab].log", "/var/log/a.log", true },
	{ "/var/log/[ab].log", "/var/log/a.log.1", false },
	{ "/var/log/[ab].log", "/var/log/xa.log", false },
	{ "/var/log/[ab].log", "/var/log/aXlog", true },
	{ "/var/log/c\\.log\\..*", "/var/log/c.log.yyyy.MM-01", true },
	{ "/var/log/c\\.log\\..*", "/var/log/c.log", false },
	{ "/var/log/.*log.*", "/var/log/.hidden.log", true },
	{ "/var/log/.*", "/var/log/sub/x", false },
	{ "/var/log/a|b", "/var/log/b", true },
	{ "/var/log/a|bc", "/var/log/b", false },
	{ "/x.*", "/xyz", true },
	{ "/x.*", "/a/xyz", false },
	{ "/var//log/./x", "/var/log/x", true },
	/* Directory parts may be globs. */
	{ "/var/log/*/x\\.log", "/var/log/a/x.log", true },
	{ "/var/log/*/x\\.log", "/var/log/x.log", false },
	{ "/var/log/*/x\\.log", "/var/log/a/b/x.log", false },
	{ "/var/log/*/x\\.log", "/var/log/.a/x.log", false },
	{ "/var/log/**/x\\.log", "/var/log/x.log", true },
	{ "/var/log/**/x\\.log", "/var/log/a/b/c/x.log", true },
	{ "/var/log/**/x\\.log", "/var/log/a/.git/x.log", false },
	{ "/v/**/in/*/x", "/v/a/in/b/in/c/x", true },
	{ "/v/**/in/*/x", "/v/in/c/x", true },
	{ "/v/**/in/*/x", "/v/in/x", false },
	/* glob: makes one of the last part as well. */
	{ "glob:/var/log/*.log", "/var/log/a.log", true },
	{ "glob:/var/log/*.log", "/var/log/aXlog", false },
	{ "glob:/var/log/*.log", "/var/log/.a.log", false },
	{ "glob:/var/log/.*.log", "/var/log/.a.log", true },
	{ "glob:/v/**/app-[0-9].log", "/v/x/y/app-3.log", true },
	{ "glob:/v/**/app-[0-9].log", "/v/x/y/app-x.log", false },
	/* An expression that needs for ever does not match, soon. */
	{ "/v/(a+)+b", "/v/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", false },
	{ "/v/f.o", "/v/f\xff" "o", false },
	{ "/v/f.o", "/v/f\xc3\xa4o", true },
};

START_TEST(test_pattern)
{
	struct tail_pattern p;

	UNIT_OK(tail_pattern_parse(&p, paths[_i].pattern, e));
	ck_assert_msg(tail_pattern_path(&p, paths[_i].path) ==
	    paths[_i].match, "%s on %s", paths[_i].pattern, paths[_i].path);
	tail_pattern_fini(&p);
}
END_TEST

static const char *const bad_patterns[] = { "", "x.log", "/var/log/", "/",
    "/var/log/(", "/var/log/*.log", "/a/../b", "glob:x",
    "/*/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/x" };

START_TEST(test_pattern_bad)
{
	struct tail_pattern p;

	UNIT_ERR(tail_pattern_parse(&p, bad_patterns[_i], e), ERR_CONFIG);
}
END_TEST

static const struct {
	const char	*name, *origin;
	bool		 is;
} origins[] = {
	{ "app.log.1", "app.log", true },
	{ "app.log-20261121", "app.log", true },
	{ "app.log.2026-11-21-09", "app.log", true },
	{ "app.3.log", "app.log", true },
	{ "app-2026-11-21.log", "app.log", true },
	{ "app-2026-11-21.log", "app-2026.log", true },
	{ "app.log.1.gz", "app.log", false },
	{ "app.log", "app.log", false },
	{ "apple.log", "app.log", false },
	{ "app.log.old", "app.log", false },
	{ "app.log.", "app.log", false },
	{ "1", "", false },
};

START_TEST(test_origin)
{
	char out[64];
	bool found = false;
	size_t it = 0;

	while (tail_name_origin(origins[_i].name, &it, out))
		found = found || strcmp(out, origins[_i].origin) == 0;
	ck_assert_msg(found == origins[_i].is, "%s", origins[_i].name);
}
END_TEST

/* --- identity --- */

START_TEST(test_key)
{
	struct tail_id id = { UINT64_C(8) << 32 | 1, 1234567, -5 }, back;
	uint8_t key[TAIL_KEY_SIZE];
	static const uint8_t golden[TAIL_KEY_SIZE] = {
		0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0x12, 0xd6, 0x87,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfb, 0, 0, 0, 7
	};
	uint32_t generation;

	tail_key_encode(&id, 7, key);
	ck_assert_mem_eq(key, golden, sizeof key);
	ck_assert(tail_key_decode(slice_of(key, sizeof key), &back,
	    &generation));
	ck_assert(tail_id_eq(&id, &back));
	ck_assert_uint_eq(generation, 7);
	ck_assert(!tail_key_decode(slice_of(key, 27), &back, &generation));
}
END_TEST

START_TEST(test_note)
{
	/* Version 1, for ever: a note of an older leat must be read. */
	static const uint8_t golden[] = { 1, 1, 2, 3, 4, 5, 6, 7, 8,
	    0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 4, '/', 'a', '.', '1',
	    0, 2, '/', 'a' };
	struct tail_note n = { .mark = { 0, 0x01020304, 0x05060708, 9 },
	    .size = UINT64_C(1) << 32, .path = SLICE("/a.1"),
	    .logical = SLICE("/a") }, back;
	uint8_t buf[CURSOR_NOTE_MAX];
	struct cursor_entry entry = { .offset = 77 };
	size_t len = tail_note_encode(&n, buf), i;

	ck_assert_uint_eq(len, sizeof golden);
	ck_assert_mem_eq(buf, golden, len);
	for (i = 0; i < len; i++) {
		entry.note = slice_of(buf, i);
		ck_assert(!tail_note_decode(&entry, &back));
	}
	entry.note = slice_of(buf, len);
	ck_assert(tail_note_decode(&entry, &back));
	ck_assert_uint_eq(back.mark.pos, 77);
	ck_assert_uint_eq(back.mark.part, 9);
	ck_assert_uint_eq(back.size, n.size);
	UNIT_SLICE(back.path, "/a.1");
	UNIT_SLICE(back.logical, "/a");
	n.logical = n.path;
	ck_assert_uint_eq(tail_note_encode(&n, buf), sizeof golden - 2);
	entry.note = slice_of(buf, sizeof golden - 2);
	ck_assert(tail_note_decode(&entry, &back));
	UNIT_SLICE(back.logical, "/a.1");
}
END_TEST

START_TEST(test_note_largest)
{
	static char a[TAIL_PATH_MAX], b[TAIL_PATH_MAX];
	uint8_t buf[CURSOR_NOTE_MAX];
	struct tail_note n = { .path = slice_of(a, sizeof a),
	    .logical = slice_of(b, sizeof b) };

	memset(a, '/', sizeof a);
	memset(b, 'b', sizeof b);
	ck_assert_uint_le(tail_note_encode(&n, buf), CURSOR_NOTE_MAX);
}
END_TEST

static int
temp_file(const void *p, size_t n)
{
	FILE *f = tmpfile();
	int fd;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fd = dup(fileno(f)), 0);
	fclose(f);
	ck_assert_int_eq(pwrite(fd, p, n, 0), (ssize_t)n);
	return (fd);
}

/* Moved in any steps, with or without the bytes at hand, it is the same. */
START_TEST(test_mark)
{
	static uint8_t bytes[5000];
	struct tail_mark once, steps = { 0 };
	struct tail_window w;
	uint64_t seed = 1, pos;
	int fd, i;

	for (i = 0; i < (int)sizeof bytes; i++)
		bytes[i] = (uint8_t)unit_random(&seed);
	fd = temp_file(bytes, sizeof bytes);
	for (pos = 0; pos < sizeof bytes; pos += unit_random(&seed) % 700) {
		w = (struct tail_window){ bytes + steps.pos, steps.pos,
		    pos - steps.pos };
		UNIT_OK(tail_mark_move(&steps, pos, pos % 2 ? &w : NULL, fd,
		    e));
		UNIT_OK(tail_mark_make(&once, pos, fd, e));
		ck_assert_mem_eq(&once, &steps, sizeof once);
		ck_assert_int_eq(tail_mark_check(&steps, fd, NULL), 1);
	}
	/* A byte in the prefix, one before the position, and one in between,
	 * which nobody looks at. */
	UNIT_OK(tail_mark_make(&once, 4000, fd, e));
	bytes[100] ^= 1;
	ck_assert_int_eq(pwrite(fd, bytes, sizeof bytes, 0), sizeof bytes);
	ck_assert_int_eq(tail_mark_check(&once, fd, NULL), 0);
	bytes[100] ^= 1, bytes[3999] ^= 1;
	ck_assert_int_eq(pwrite(fd, bytes, sizeof bytes, 0), sizeof bytes);
	ck_assert_int_eq(tail_mark_check(&once, fd, NULL), 0);
	bytes[3999] ^= 1, bytes[2000] ^= 1;
	ck_assert_int_eq(pwrite(fd, bytes, sizeof bytes, 0), sizeof bytes);
	ck_assert_int_eq(tail_mark_check(&once, fd, NULL), 1);
	ck_assert_int_eq(ftruncate(fd, 3999), 0);
	ck_assert_int_eq(tail_mark_check(&once, fd, NULL), 0);
	close(fd);
}
END_TEST

/* --- Flume's position file --- */

static struct sb seen;

static void
note_entry(void *ctx, uint64_t inode, uint64_t pos, const char *file)
{
	(void)ctx;
	sb_printf(&seen, "%llu %llu %s;", (unsigned long long)inode,
	    (unsigned long long)pos, file);
}

static const struct {
	const char	*text, *entries;
	bool		 whole;
} flume_files[] = {
	{ "[{\"inode\":2496272,\"pos\":12,\"file\":\"/var/log/a.log\"},"
	  "{\"inode\":2496275,\"pos\":0,\"file\":\"/b\"}]",
	  "2496272 12 /var/log/a.log;2496275 0 /b;", true },
	{ "[]", "", true },
	{ " [ ] ", "", true },
	/* Members in any order, blanks, and what Gson escapes. */
	{ " [ { \"file\" : \"/a\\u003db\\u0026\\u003c\\u003e\\u0027\", "
	  "\"pos\":3 ,\"inode\":9} ] ", "9 3 /a=b&<>';", true },
	{ "", "", false },
	{ "\n", "", false },
	{ "{}", "", false },
	{ "null", "", false },
	/* Cut off. */
	{ "[", "", false },
	{ "[{\"inode\":1,\"pos\":2,\"file\":\"/a\"}", "1 2 /a;", false },
	{ "[{\"inode\":1,\"pos\":2,\"file\":\"/a\"},", "1 2 /a;", false },
	{ "[{\"inode\":1,\"pos\":2,\"file\":\"/a\"},{\"inode\":1,\"po",
	  "1 2 /a;", false },
	/* Nonsense ends it. */
	{ "[{\"inode\":1,\"pos\":-2,\"file\":\"/a\"}]", "", false },
	{ "[{\"inode\":1,\"pos\":2,\"file\":\"a\"}]", "", false },
	{ "[{\"inode\":1,\"pos\":\"2\",\"file\":\"/a\"}]", "", false },
	{ "[{\"inode\":1,\"pos\":2}]", "", false },
	{ "[{\"inode\":1,\"pos\":2,\"file\":\"/a\\u0000b\"}]", "", false },
	/* Java's long is signed. */
	{ "[{\"inode\":-1,\"pos\":2,\"file\":\"/a\"}]",
	  "18446744073709551615 2 /a;", true },
};

START_TEST(test_flume)
{
	struct err e = ERR_INIT;

	seen = (struct sb)SB_INIT;
	sb_puts(&seen, "");
	tail_flume_read(slice_str(flume_files[_i].text), note_entry, NULL,
	    &e);
	ck_assert_str_eq(seen.ptr == NULL ? "" : seen.ptr,
	    flume_files[_i].entries);
	ck_assert_msg((e.code == ERR_NONE) == flume_files[_i].whole, "%s",
	    flume_files[_i].text);
	sb_fini(&seen);
}
END_TEST

START_TEST(test_flume_written)
{
	struct err e = ERR_INIT;
	struct sb sb = SB_INIT;
	bool first = true;

	tail_flume_add(&sb, &first, 7, 8, "/a \"b\\\x01");
	tail_flume_add(&sb, &first, UINT64_MAX, 9, "/c");
	tail_flume_end(&sb, first);
	seen = (struct sb)SB_INIT;
	ck_assert_uint_eq(tail_flume_read(slice_of(sb.ptr, sb.len),
	    note_entry, NULL, &e), 2);
	ck_assert_int_eq(e.code, ERR_NONE);
	ck_assert_str_eq(seen.ptr,
	    "7 8 /a \"b\\\x01;18446744073709551615 9 /c;");
	sb_fini(&sb);
	sb_fini(&seen);
}
END_TEST

/* --- positions --- */

static void
put(struct tail_pos *p, const char *key, uint64_t offset)
{
	struct cursor_entry entry = { slice_str(key), offset, SLICE("note") };
	struct cursor c = { &entry, 1 };

	tail_pos_put(p, &c);
}

static uint64_t
offset_of(struct tail_pos *p, const char *key)
{
	struct cursor c = tail_pos_view(p);
	size_t i;

	for (i = 0; i < c.n; i++)
		if (slice_eq_str(c.v[i].key, key))
			return (c.v[i].offset);
	return (UINT64_MAX);
}

static struct tail_pos *
open_pos(struct fake_disk *d, bool *found)
{
	struct err e = ERR_INIT;
	struct tail_pos *p;
	char dir[512];

	snprintf(dir, sizeof dir, "%s/sources/r1", fake_disk_path(d));
	p = tail_pos_open(fake_disk_fs(d), dir, found, &e);
	ck_assert_msg(p != NULL, "%s", e.msg);
	return (p);
}

START_TEST(test_pos)
{
	struct fake_disk *d = fake_disk_new();
	struct tail_pos *p;
	bool found;

	p = open_pos(d, &found);
	ck_assert(!found);
	put(p, "a", 10);
	put(p, "b", 5);
	put(p, "a", 7);			/* smaller: not taken */
	put(p, "c", 1);
	put(p, "c", CURSOR_GONE);
	put(p, "nobody", CURSOR_GONE);
	UNIT_OK(tail_pos_flush(p, false, e));
	ck_assert(tail_pos_dirty(p));
	put(p, "b", CURSOR_GONE);
	put(p, "b", 2);			/* came back */
	UNIT_OK(tail_pos_flush(p, true, e));
	ck_assert(!tail_pos_dirty(p));
	tail_pos_close(p);
	p = open_pos(d, &found);
	ck_assert(found);
	ck_assert_uint_eq(tail_pos_view(p).n, 2);
	ck_assert_uint_eq(offset_of(p, "a"), 10);
	ck_assert_uint_eq(offset_of(p, "b"), 2);
	tail_pos_close(p);
	fake_disk_free(d);
}
END_TEST

/* Much is written, little is kept. */
START_TEST(test_pos_compacts)
{
	struct fake_disk *d = fake_disk_new();
	struct tail_pos *p;
	struct stat st;
	char path[512];
	bool found;
	int i;

	p = open_pos(d, &found);
	for (i = 1; i <= 20000; i++) {
		put(p, i % 2 ? "a" : "b", (uint64_t)i);
		UNIT_OK(tail_pos_flush(p, false, e));
	}
	snprintf(path, sizeof path, "%s/sources/r1/positions",
	    fake_disk_path(d));
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_lt(st.st_size, 80000);
	tail_pos_close(p);
	p = open_pos(d, &found);
	ck_assert_uint_eq(offset_of(p, "a"), 19999);
	ck_assert_uint_eq(offset_of(p, "b"), 20000);
	tail_pos_close(p);
	fake_disk_free(d);
}
END_TEST

/* The disk is full for a while: nothing is forgotten. */
START_TEST(test_pos_full)
{
	struct fake_disk *d = fake_disk_new();
	struct tail_pos *p;
	bool found;

	p = open_pos(d, &found);
	put(p, "a", 1);
	UNIT_OK(tail_pos_flush(p, true, e));
	fake_disk_full_after(d, 10);
	put(p, "a", 2);
	put(p, "b", 3);
	UNIT_ERR(tail_pos_flush(p, true, e), ERR_FULL);
	ck_assert(tail_pos_dirty(p));
	fake_disk_full_after(d, UINT64_MAX);
	put(p, "a", 4);
	UNIT_OK(tail_pos_flush(p, true, e));
	tail_pos_close(p);
	p = open_pos(d, &found);
	ck_assert_uint_eq(offset_of(p, "a"), 4);
	ck_assert_uint_eq(offset_of(p, "b"), 3);
	tail_pos_close(p);
	fake_disk_free(d);
}
END_TEST

/*
 * Power cuts at every operation.  Key k's offset only grows; `put_now` is what
 * was put, `synced` what a flush with sync returned for.  What is found after a
 * cut lies between the two, for each key; and going on from there works.
 */
#define KEYS	4

static uint64_t put_now[KEYS], synced[KEYS];
static const char *const keys[KEYS] = { "a", "b", "c", "d" };

static void
check_after(struct fake_disk *d, uint64_t seed)
{
	struct fake_disk *after = fake_disk_power_cut(d, seed);
	struct tail_pos *p;
	uint64_t at;
	bool found;
	int k;

	p = open_pos(after, &found);
	for (k = 0; k < KEYS; k++) {
		at = offset_of(p, keys[k]);
		if (at == UINT64_MAX)
			at = 0;
		ck_assert_uint_ge(at, synced[k]);
		ck_assert_uint_le(at, put_now[k]);
	}
	put(p, "e", 99);
	UNIT_OK(tail_pos_flush(p, true, e));
	tail_pos_close(p);
	p = open_pos(after, &found);
	ck_assert_uint_eq(offset_of(p, "e"), 99);
	tail_pos_close(p);
	fake_disk_free(after);
}

static void
cut_here(struct fake_disk *d, const struct fake_op *op, bool after, void *ctx)
{
	uint64_t *seed = ctx, i;

	(void)op;
	if (after)
		return;
	for (i = 0; i < FAKE_CUT_RANDOM; i++)
		check_after(d, i);
	for (i = 0; i < 3; i++)
		check_after(d, FAKE_CUT_RANDOM + unit_random(seed) % 100000);
}

START_TEST(test_pos_power)
{
	struct fake_disk *d = fake_disk_new();
	uint64_t seed = 1 + (uint64_t)_i, r;
	struct tail_pos *p;
	bool found;
	int i, k;

	p = open_pos(d, &found);
	fake_disk_watch(d, cut_here, &seed);
	for (i = 0; i < 60; i++) {
		r = unit_random(&seed);
		k = (int)(r % KEYS);
		put_now[k] += 1 + (r >> 8) % 1000;
		put(p, keys[k], put_now[k]);
		if ((r >> 32) % 3 != 0)
			continue;
		UNIT_OK(tail_pos_flush(p, (r >> 40) % 3 == 0, e));
		if ((r >> 40) % 3 == 0)
			memcpy(synced, put_now, sizeof synced);
		if ((r >> 48) % 7 == 0) {	/* kill -9, start */
			tail_pos_close(p);
			p = open_pos(d, &found);
			for (k = 0; k < KEYS; k++)
				ck_assert(put_now[k] == 0 ||
				    offset_of(p, keys[k]) == put_now[k]);
		}
	}
	tail_pos_close(p);
	fake_disk_free(d);
}
END_TEST

/* Over a disk that lies the test above must fail. */
START_TEST(test_pos_power_control)
{
	struct fake_disk *d = fake_disk_new(), *after;
	struct tail_pos *p;
	bool found;

	p = open_pos(d, &found);
	fake_disk_lie(d, true);
	put(p, "a", 10);
	UNIT_OK(tail_pos_flush(p, true, e));
	after = fake_disk_power_cut(d, FAKE_CUT_LOSE);
	tail_pos_close(p);
	p = open_pos(after, &found);
	ck_assert_uint_eq(offset_of(p, "a"), UINT64_MAX);
	tail_pos_close(p);
	fake_disk_free(after);
	fake_disk_free(d);
}
END_TEST

/* A failed sync ends the process: what was promised cannot be kept. */
START_TEST(test_pos_sync_fails)
{
	struct fake_disk *d = fake_disk_new();
	struct tail_pos *p;
	bool found;

	p = open_pos(d, &found);
	put(p, "a", 10);
	fake_disk_fail_sync(d, 1);
	tail_pos_flush(p, true, NULL);
}
END_TEST

/* Another file's bytes, or a newer leat's: refused, not overwritten. */
START_TEST(test_pos_foreign)
{
	struct fake_disk *d = fake_disk_new();
	struct err why = ERR_INIT;
	struct tail_pos *p;
	char dir[512];
	bool found;
	int fd;

	tail_pos_close(open_pos(d, &found));
	snprintf(dir, sizeof dir, "%s/sources/r1", fake_disk_path(d));
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	UNIT_OK(fs_replace(fake_disk_fs(d), fd, "positions", "leatpos2xxxx",
	    12, e));
	p = tail_pos_open(fake_disk_fs(d), dir, &found, &why);
	ck_assert_ptr_null(p);
	ck_assert_int_eq(why.code, ERR_CORRUPT);
	close(fd);
	fake_disk_free(d);
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &test_pattern, .rows = NELEM(paths) },
	{ .fn = &test_pattern_bad, .rows = NELEM(bad_patterns) },
	{ .fn = &test_origin, .rows = NELEM(origins) },
	{ .fn = &test_key },
	{ .fn = &test_note },
	{ .fn = &test_note_largest },
	{ .fn = &test_mark },
	{ .fn = &test_flume, .rows = NELEM(flume_files) },
	{ .fn = &test_flume_written },
	{ .fn = &test_pos },
	{ .fn = &test_pos_compacts },
	{ .fn = &test_pos_full },
	{ .fn = &test_pos_power, .rows = 5 },
	{ .fn = &test_pos_power_control },
	{ .fn = &test_pos_sync_fails, .exit = 74 },
	{ .fn = &test_pos_foreign },
};

int
main(void)
{
	return (UNIT_MAIN("tail_parts", tests));
}
