/*
 * A set is an array sorted by key.  Almost every change moves the offset of
 * an entry that is there; new keys mostly come in order (an encoded set).
 * Key and note of an entry lie in one block; the room for the note is its
 * length rounded up, so that a note that keeps its size is overwritten.
 */
#include "base/cursor.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"

#define NOTE_STEP	64

struct cursor_set {
	struct cursor_entry	*v;
	size_t			 n, cap;
};

struct cursor_set *
cursor_set_new(void)
{
	return (xcalloc(1, sizeof (struct cursor_set)));
}

void
cursor_set_clear(struct cursor_set *s)
{
	for (size_t i = 0; i < s->n; i++)
		free((void *)s->v[i].key.p);
	s->n = 0;
}

void
cursor_set_free(struct cursor_set *s)
{
	if (s == NULL)
		return;
	cursor_set_clear(s);
	free(s->v);
	free(s);
}

size_t
cursor_set_size(const struct cursor_set *s)
{
	return (s->n);
}

/* Where the key is or belongs; true when it is there. */
static bool
set_find(const struct cursor_set *s, struct slice key, size_t *at)
{
	size_t lo = 0, hi = s->n, mid;
	int c;

	/* Sets are often built in key order. */
	if (hi > 0 && slice_cmp(s->v[hi - 1].key, key) < 0)
		lo = hi;
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		c = slice_cmp(s->v[mid].key, key);
		if (c == 0) {
			*at = mid;
			return (true);
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	*at = lo;
	return (false);
}

const struct cursor_entry *
cursor_set_get(const struct cursor_set *s, struct slice key)
{
	size_t i;

	return (set_find(s, key, &i) ? &s->v[i] : NULL);
}

static size_t
note_room(size_t len)
{
	return ((len + NOTE_STEP - 1) / NOTE_STEP * NOTE_STEP);
}

static void
entry_fill(struct cursor_entry *to, uint8_t *block, size_t keylen,
    const struct cursor_entry *from)
{
	if (from->note.len != 0)
		memmove(block + keylen, from->note.p, from->note.len);
	to->key = slice_of(block, keylen);
	to->note = slice_of(block + keylen, from->note.len);
	to->offset = from->offset;
}

static void
set_insert(struct cursor_set *s, size_t at, const struct cursor_entry *from)
{
	uint8_t *block;

	CHECK(from->key.len <= CURSOR_KEY_MAX);
	CHECK(from->note.len <= CURSOR_NOTE_MAX);
	block = xmalloc(from->key.len + note_room(from->note.len));
	if (from->key.len != 0)
		memcpy(block, from->key.p, from->key.len);
	GROW(s->v, s->n, s->cap);
	memmove(s->v + at + 1, s->v + at, (s->n - at) * sizeof *s->v);
	s->n++;
	entry_fill(&s->v[at], block, from->key.len, from);
}

static void
set_update(struct cursor_set *s, size_t at, const struct cursor_entry *from)
{
	struct cursor_entry *to = &s->v[at];
	size_t keylen = to->key.len;
	uint8_t *block = (uint8_t *)to->key.p, *old = NULL;

	CHECK(from->note.len <= CURSOR_NOTE_MAX);
	if (from->note.len > note_room(to->note.len)) {
		old = block;	/* from may be a view of it: free it last */
		block = xmalloc(keylen + note_room(from->note.len));
		if (keylen != 0)
			memcpy(block, old, keylen);
	}
	entry_fill(to, block, keylen, from);
	free(old);
}

static void
set_remove(struct cursor_set *s, size_t at)
{
	free((void *)s->v[at].key.p);
	s->n--;
	memmove(s->v + at, s->v + at + 1, (s->n - at) * sizeof *s->v);
}

void
cursor_set_put(struct cursor_set *s, const struct cursor_entry *e)
{
	size_t at;

	if (set_find(s, e->key, &at)) {
		if (e->offset == CURSOR_GONE)
			set_remove(s, at);
		else
			set_update(s, at, e);
	} else if (e->offset != CURSOR_GONE)
		set_insert(s, at, e);
}

void
cursor_set_merge(struct cursor_set *s, const struct cursor *c)
{
	const struct cursor_entry *old;

	for (size_t i = 0; i < c->n; i++) {
		old = cursor_set_get(s, c->v[i].key);
		if (old == NULL || old->offset <= c->v[i].offset)
			cursor_set_put(s, &c->v[i]);
	}
}

/* Both sides in key order, the kept entries moved down. */
void
cursor_set_min(struct cursor_set *s, const struct cursor *c)
{
	struct cursor_set *other = cursor_set_new();
	const struct cursor_entry *o;
	size_t i, n = 0;

	cursor_set_merge(other, c);
	for (i = 0; i < s->n; i++) {
		o = cursor_set_get(other, s->v[i].key);
		if (o == NULL) {
			free((void *)s->v[i].key.p);
			continue;
		}
		if (o->offset < s->v[i].offset)
			set_update(s, i, o);
		s->v[n++] = s->v[i];
	}
	s->n = n;
	cursor_set_free(other);
}

struct cursor
cursor_set_view(struct cursor_set *s)
{
	return ((struct cursor){ s->v, s->n });
}

size_t
cursor_size(const struct cursor *c)
{
	size_t size = 4;

	for (size_t i = 0; i < c->n; i++)
		size += 1 + c->v[i].key.len + 8 + 2 + c->v[i].note.len;
	return (size);
}

static uint8_t *
put_bytes(uint8_t *p, struct slice s)
{
	if (s.len != 0)
		memcpy(p, s.p, s.len);
	return (p + s.len);
}

size_t
cursor_encode(const struct cursor *c, uint8_t *out)
{
	uint8_t *p = out;

	CHECK(c->n <= UINT32_MAX);
	p = put_be32(p, (uint32_t)c->n);
	for (size_t i = 0; i < c->n; i++) {
		CHECK(c->v[i].key.len <= CURSOR_KEY_MAX);
		CHECK(c->v[i].note.len <= CURSOR_NOTE_MAX);
		*p++ = (uint8_t)c->v[i].key.len;
		p = put_bytes(p, c->v[i].key);
		p = put_be64(p, c->v[i].offset);
		p = put_be16(p, (uint16_t)c->v[i].note.len);
		p = put_bytes(p, c->v[i].note);
	}
	return ((size_t)(p - out));
}

bool
cursor_next(struct slice *in, struct cursor_entry *e)
{
	const uint8_t *p = in->p, *end = p + in->len;
	size_t n;

	if (end - p < 1)
		return (false);
	n = *p++;
	if ((size_t)(end - p) < n + 8 + 2)
		return (false);
	e->key = slice_of(p, n);
	p += n;
	e->offset = get_be64(p);
	p += 8;
	n = get_be16(p);
	p += 2;
	if (n > CURSOR_NOTE_MAX || (size_t)(end - p) < n)
		return (false);
	e->note = slice_of(p, n);
	p += n;
	*in = slice_of(p, (size_t)(end - p));
	return (true);
}

static bool
entries_decode(struct slice in, uint32_t n, struct cursor_set *out)
{
	struct cursor_entry e;

	for (; n > 0; n--) {
		if (!cursor_next(&in, &e))
			return (false);
		if (out != NULL)
			cursor_set_put(out, &e);
	}
	return (in.len == 0);
}

/* Once to see that all is well, once to take it: out changes whole or not. */
int
cursor_decode(struct slice in, struct cursor_set *out, struct err *e)
{
	uint32_t n;

	if (in.len < 4)
		return (err_set(e, ERR_CORRUPT, "cursor of %zu bytes is too "
		    "short", in.len));
	n = get_be32(in.p);
	in = slice_of(in.p + 4, in.len - 4);
	if (!entries_decode(in, n, NULL))
		return (err_set(e, ERR_CORRUPT, "cursor of %u entries does "
		    "not fit its %zu bytes", n, in.len));
	entries_decode(in, n, out);
	return (0);
}
