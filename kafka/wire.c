/*
 * The primitives.  A reader never stops at a bad byte: once its sticky bit is
 * set all getters yield zero and all counts are 0, so a walk over garbage is
 * short and one test at the end suffices.  A writer behaves likewise when it
 * is full.
 */
#include "kafka/wire.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"

/* --- reader --- */

uint32_t
kread_uvarint(struct kreader *r)
{
	const uint8_t *p;
	uint32_t v;

	if (r->bad)
		return (0);
	p = get_uvarint32(r->p, r->end, &v);
	if (p == NULL || p - r->p > VARINT_MAX || v > INT32_MAX) {
		r->bad = true;
		return (0);
	}
	r->p = p;
	return (v);
}

double
kread_f64(struct kreader *r)
{
	int64_t bits = kread_i64(r);
	double v;

	memcpy(&v, &bits, sizeof v);
	return (v);
}

struct kuuid
kread_uuid(struct kreader *r)
{
	const uint8_t *p = kread_raw(r, 16);
	struct kuuid u = { { 0 } };

	if (p != NULL)
		memcpy(u.b, p, sizeof u.b);
	return (u);
}

/* The bytes behind a length; -1 is null. */
static struct slice
read_slice(struct kreader *r, int64_t n, bool nullable)
{
	const uint8_t *p;

	if (n < 0) {
		if (n != -1 || !nullable)
			r->bad = true;
		return (SLICE_NULL);
	}
	p = kread_raw(r, (size_t)n);
	return (p == NULL ? SLICE_NULL : slice_of(p, (size_t)n));
}

static struct slice
read_str(struct kreader *r, bool nullable)
{
	int64_t n;

	n = r->flex ? (int64_t)kread_uvarint(r) - 1 : kread_i16(r);
	return (r->bad ? SLICE_NULL : read_slice(r, n, nullable));
}

static struct slice
read_bytes(struct kreader *r, bool nullable)
{
	int64_t n;

	n = r->flex ? (int64_t)kread_uvarint(r) - 1 : kread_i32(r);
	return (r->bad ? SLICE_NULL : read_slice(r, n, nullable));
}

struct slice
kread_str(struct kreader *r)
{
	return (read_str(r, false));
}

struct slice
kread_str_null(struct kreader *r)
{
	return (read_str(r, true));
}

struct slice
kread_bytes(struct kreader *r)
{
	return (read_bytes(r, false));
}

struct slice
kread_bytes_null(struct kreader *r)
{
	return (read_bytes(r, true));
}

int32_t
kread_count(struct kreader *r, size_t min, bool nullable)
{
	int64_t n;

	CHECK(min >= 1);
	n = r->flex ? (int64_t)kread_uvarint(r) - 1 : kread_i32(r);
	if (r->bad)
		return (0);
	if (n == -1 && nullable)
		return (-1);
	if (n < 0 || (uint64_t)n > kreader_left(r) / min) {
		r->bad = true;
		return (0);
	}
	return ((int32_t)n);
}

uint32_t
kread_tag(struct kreader *r, int64_t *prev, struct slice *value)
{
	uint32_t tag = kread_uvarint(r);

	*value = read_slice(r, kread_uvarint(r), false);
	if ((int64_t)tag <= *prev)
		r->bad = true;
	*prev = tag;
	return (tag);
}

void
kread_tags(struct kreader *r)
{
	struct slice value;
	int64_t prev = -1;
	uint32_t n;

	if (!r->flex)
		return;
	for (n = kread_uvarint(r); n > 0 && !r->bad; n--)
		(void)kread_tag(r, &prev, &value);
}

/* --- writer --- */

void
kwriter_init(struct kwriter *w, size_t cap, size_t limit)
{
	*w = (struct kwriter){ .limit = limit };
	if (cap > 0) {
		w->base = xmalloc(cap);
		w->cap = cap;
	}
}

void
kwriter_fini(struct kwriter *w)
{
	free(w->base);
	*w = (struct kwriter){ .base = NULL };
}

void
kwriter_reset(struct kwriter *w)
{
	w->len = 0;
	w->full = false;
}

uint8_t *
kwriter_room(struct kwriter *w, size_t n)
{
	size_t cap;

	if (w->full || n > w->limit || w->len > w->limit - n) {
		w->full = true;
		return (NULL);
	}
	if (w->len + n > w->cap) {
		cap = w->cap < 128 ? 256 : w->cap * 2;
		if (cap < w->len + n)
			cap = w->len + n;
		w->base = xreallocarray(w->base, cap, 1);
		w->cap = cap;
	}
	return (w->base + w->len);
}

void
kwrite_i8(struct kwriter *w, int8_t v)
{
	uint8_t *p = kwriter_room(w, 1);

	if (p != NULL) {
		*p = (uint8_t)v;
		w->len += 1;
	}
}

void
kwrite_i16(struct kwriter *w, int16_t v)
{
	uint8_t *p = kwriter_room(w, 2);

	if (p != NULL) {
		put_be16(p, (uint16_t)v);
		w->len += 2;
	}
}

void
kwrite_i32(struct kwriter *w, int32_t v)
{
	uint8_t *p = kwriter_room(w, 4);

	if (p != NULL) {
		put_be32(p, (uint32_t)v);
		w->len += 4;
	}
}

void
kwrite_i64(struct kwriter *w, int64_t v)
{
	uint8_t *p = kwriter_room(w, 8);

	if (p != NULL) {
		put_be64(p, (uint64_t)v);
		w->len += 8;
	}
}

void
kwrite_uvarint(struct kwriter *w, uint32_t v)
{
	uint8_t *p = kwriter_room(w, VARINT_MAX);

	if (p != NULL)
		w->len += (size_t)(put_uvarint(p, v) - p);
}

void
kwrite_f64(struct kwriter *w, double v)
{
	int64_t bits;

	memcpy(&bits, &v, sizeof bits);
	kwrite_i64(w, bits);
}

void
kwrite_uuid(struct kwriter *w, struct kuuid u)
{
	kwrite_raw(w, u.b, sizeof u.b);
}

void
kwrite_raw(struct kwriter *w, const void *src, size_t n)
{
	uint8_t *p = kwriter_room(w, n);

	if (p != NULL && n > 0) {
		memcpy(p, src, n);
		w->len += n;
	}
}

/* A length of at most max, or null for -1; wide: four bytes in the old form. */
static void
write_len(struct kwriter *w, int64_t n, int64_t max, bool wide)
{
	if (n > max)
		w->full = true;
	else if (w->flex)
		kwrite_uvarint(w, (uint32_t)(n + 1));
	else if (wide)
		kwrite_i32(w, (int32_t)n);
	else
		kwrite_i16(w, (int16_t)n);
}

/* Longest string: the old form has an int16. */
static int64_t
str_max(const struct kwriter *w)
{
	return (w->flex ? INT32_MAX - 1 : INT16_MAX);
}

static int64_t
len_of(struct slice s)
{
	return (s.len > INT32_MAX ? INT32_MAX : (int64_t)s.len);
}

void
kwrite_str(struct kwriter *w, struct slice s)
{
	write_len(w, len_of(s), str_max(w), false);
	kwrite_raw(w, s.p, s.len);
}

void
kwrite_str_null(struct kwriter *w, struct slice s)
{
	if (s.p == NULL)
		write_len(w, -1, str_max(w), false);
	else
		kwrite_str(w, s);
}

void
kwrite_bytes_len(struct kwriter *w, size_t n)
{
	write_len(w, n > INT32_MAX ? INT32_MAX : (int64_t)n, INT32_MAX - 1,
	    true);
}

void
kwrite_bytes(struct kwriter *w, struct slice s)
{
	kwrite_bytes_len(w, s.len);
	kwrite_raw(w, s.p, s.len);
}

void
kwrite_bytes_null(struct kwriter *w, struct slice s)
{
	if (s.p == NULL)
		write_len(w, -1, INT32_MAX - 1, true);
	else
		kwrite_bytes(w, s);
}

void
kwrite_count(struct kwriter *w, int32_t n)
{
	write_len(w, n, INT32_MAX - 1, true);
}

void
kwrite_no_tags(struct kwriter *w)
{
	if (w->flex)
		kwrite_uvarint(w, 0);
}
