/*
 * How the interpreter works.  Both directions walk the rows of a descriptor in
 * order; what a row is (its kind, whether an array, null, tagged) decides by
 * one switch.  Decoding never stops at a bad byte: the reader's sticky bit
 * makes all further getters yield zero and all further counts 0, so a walk
 * over garbage is short, and one test at the end suffices.
 *
 * Tagged fields get their default in the walk over the rows and their value,
 * if there is one, from the tagged section behind it.  Each tagged value is
 * read by a reader of its own that ends where its size says, so that a lie in
 * the size cannot reach the next field.
 *
 * Before an array is allocated its count is held against the bytes that are
 * left, by the least size an element of this version can have.
 */
#include "kafka/wire.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"

/* C size and least size on the wire, by kind. */
static const struct {
	uint8_t	size;
	uint8_t	wire;		/* 0: depends on the form */
} kinds[] = {
	[KK_BOOL] = { sizeof(bool), 1 },
	[KK_I8] = { sizeof(int8_t), 1 },
	[KK_I16] = { sizeof(int16_t), 2 },
	[KK_I32] = { sizeof(int32_t), 4 },
	[KK_I64] = { sizeof(int64_t), 8 },
	[KK_UUID] = { sizeof(struct kuuid), 16 },
	[KK_STR] = { sizeof(struct slice), 0 },
	[KK_BYTES] = { sizeof(struct slice), 0 },
	[KK_RECORDS] = { sizeof(struct slice), 0 },
};

static size_t
elem_size(const struct kfield *f)
{
	return (f->kind == KK_STRUCT ? f->child->size : kinds[f->kind].size);
}

static bool
has_field(const struct kfield *f, int version)
{
	return (version >= f->first && version <= f->last);
}

static bool
may_be_null(const struct kfield *f, int version)
{
	return (f->null >= 0 && version >= f->null);
}

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

/*
 * One step of a tagged section: the tag, and its bytes in *value.  *prev is
 * the last tag, -1 at first.
 */
static uint32_t
read_tag(struct kreader *r, int64_t *prev, struct slice *value)
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
		(void)read_tag(r, &prev, &value);
}

/* --- decoding --- */

struct decode {
	struct kreader	 r;
	int		 version;
	struct arena	*arena;
	bool		 no_room;	/* the arena's limit was passed */
};

static void	decode_struct(struct decode *, const struct kdesc *, void *);

static void
store_default(const struct kfield *f, void *at)
{
	struct karray none = { NULL, 0 };

	if (f->array) {
		memcpy(at, &none, sizeof none);
		return;
	}
	switch ((enum kkind)f->kind) {
	case KK_BOOL:
		*(bool *)at = f->def != 0;
		break;
	case KK_I8:
		*(int8_t *)at = (int8_t)f->def;
		break;
	case KK_I16:
		*(int16_t *)at = (int16_t)f->def;
		break;
	case KK_I32:
		*(int32_t *)at = (int32_t)f->def;
		break;
	case KK_I64:
		*(int64_t *)at = f->def;
		break;
	case KK_UUID:
		memset(at, 0, sizeof(struct kuuid));
		break;
	case KK_STR:
	case KK_BYTES:
	case KK_RECORDS:
		*(struct slice *)at = f->null >= 0 ? SLICE_NULL : SLICE("");
		break;
	case KK_STRUCT:
		kw_defaults(f->child, at);
		break;
	}
}

/* One value, not an array, of a kind that is no struct. */
static void
decode_value(struct kreader *r, const struct kfield *f, bool nullable, void *at)
{
	switch ((enum kkind)f->kind) {
	case KK_BOOL:
		*(bool *)at = kread_i8(r) != 0;
		break;
	case KK_I8:
		*(int8_t *)at = kread_i8(r);
		break;
	case KK_I16:
		*(int16_t *)at = kread_i16(r);
		break;
	case KK_I32:
		*(int32_t *)at = kread_i32(r);
		break;
	case KK_I64:
		*(int64_t *)at = kread_i64(r);
		break;
	case KK_UUID:
		*(struct kuuid *)at = kread_uuid(r);
		break;
	case KK_STR:
		*(struct slice *)at = read_str(r, nullable);
		break;
	case KK_BYTES:
	case KK_RECORDS:
		*(struct slice *)at = read_bytes(r, nullable);
		break;
	case KK_STRUCT:
		break;
	}
}

/* Least size of one element on the wire; at least 1. */
static size_t
elem_min(const struct kfield *f, int version, bool flex)
{
	size_t n;

	if (f->kind == KK_STRUCT)
		n = kw_min_size(f->child, version, flex);
	else if ((n = kinds[f->kind].wire) == 0)
		n = flex ? 1 : f->kind == KK_STR ? 2 : 4;
	return (n == 0 ? 1 : n);
}

static void
decode_array(struct decode *d, const struct kfield *f, void *at)
{
	struct karray a = { NULL, 0 };
	size_t size = elem_size(f);
	uint8_t *v;
	int32_t i, n;

	n = kread_count(&d->r, elem_min(f, d->version, d->r.flex),
	    may_be_null(f, d->version));
	if (n > 0) {
		v = arena_alloc(d->arena, (size_t)n * size);
		if (v == NULL) {
			d->r.bad = d->no_room = true;
			n = 0;
		}
		for (i = 0; i < n; i++, v += size) {
			if (i == 0)
				a.v = v;
			if (f->kind == KK_STRUCT)
				decode_struct(d, f->child, v);
			else
				decode_value(&d->r, f, false, v);
		}
	}
	a.n = n;
	memcpy(at, &a, sizeof a);
}

static void
decode_field(struct decode *d, const struct kfield *f, void *at)
{
	if (f->array)
		decode_array(d, f, at);
	else if (f->kind == KK_STRUCT)
		decode_struct(d, f->child, at);
	else
		decode_value(&d->r, f, may_be_null(f, d->version), at);
}

static const struct kfield *
field_by_tag(const struct kdesc *desc, int version, uint32_t tag)
{
	const struct kfield *f;

	for (f = desc->fields; f < desc->fields + desc->nfields; f++)
		if (f->tag >= 0 && (uint32_t)f->tag == tag &&
		    has_field(f, version))
			return (f);
	return (NULL);
}

static void
decode_tags(struct decode *d, const struct kdesc *desc, uint8_t *out)
{
	const struct kfield *f;
	struct kreader outer;
	struct slice value;
	int64_t prev = -1;
	uint32_t n, tag;

	for (n = kread_uvarint(&d->r); n > 0 && !d->r.bad; n--) {
		tag = read_tag(&d->r, &prev, &value);
		f = field_by_tag(desc, d->version, tag);
		if (f == NULL || d->r.bad)
			continue;
		outer = d->r;
		d->r = kreader_of(value, true);
		decode_field(d, f, out + f->offset);
		outer.bad = d->r.bad || d->r.p != d->r.end;
		d->r = outer;
	}
}

static void
decode_struct(struct decode *d, const struct kdesc *desc, void *out)
{
	const struct kfield *f;
	uint8_t *at;

	for (f = desc->fields; f < desc->fields + desc->nfields; f++) {
		at = (uint8_t *)out + f->offset;
		if (f->tag >= 0 || !has_field(f, d->version))
			store_default(f, at);
		else
			decode_field(d, f, at);
	}
	if (d->r.flex)
		decode_tags(d, desc, out);
}

int
kw_decode_prefix(const struct kdesc *desc, int version, struct slice in,
    size_t *used, struct arena *arena, void *out, struct err *e)
{
	bool flex = desc->flex >= 0 && version >= desc->flex;
	struct decode d = { kreader_of(in, flex), version, arena, false };
	const uint8_t *begin = d.r.p;

	decode_struct(&d, desc, out);
	if (d.no_room)
		return (err_set(e, ERR_TOO_LARGE, "%s v%d: decoded message is "
		    "larger than its limit of %zu bytes", desc->name, version,
		    arena->limit));
	if (d.r.bad)
		return (err_set(e, ERR_PROTO, "%s v%d: malformed message of "
		    "%zu bytes", desc->name, version, in.len));
	*used = (size_t)(d.r.p - begin);
	return (0);
}

int
kw_decode(const struct kdesc *desc, int version, struct slice in,
    struct arena *arena, void *out, struct err *e)
{
	size_t used;

	return (kw_decode_prefix(desc, version, in, &used, arena, out, e));
}

size_t
kw_min_size(const struct kdesc *desc, int version, bool flex)
{
	const struct kfield *f;
	size_t sum = flex ? 1 : 0;

	for (f = desc->fields; f < desc->fields + desc->nfields; f++) {
		if (f->tag >= 0 || !has_field(f, version))
			continue;
		if (f->array)
			sum += flex ? 1 : 4;
		else if (f->kind == KK_STRUCT)
			sum += kw_min_size(f->child, version, flex);
		else
			sum += elem_min(f, version, flex);
	}
	return (sum);
}

void
kw_defaults(const struct kdesc *desc, void *out)
{
	const struct kfield *f;

	for (f = desc->fields; f < desc->fields + desc->nfields; f++)
		store_default(f, (uint8_t *)out + f->offset);
}

int
karray_new(struct karray *a, const struct kdesc *desc, size_t n,
    struct arena *arena)
{
	uint8_t *v;
	size_t i;

	*a = (struct karray){ NULL, 0 };
	if (n == 0)
		return (0);
	if (n > INT32_MAX || (v = arena_zalloc(arena, n * desc->size)) == NULL)
		return (-1);
	a->v = v;
	a->n = (int32_t)n;
	for (i = 0; i < n; i++)
		kw_defaults(desc, v + i * desc->size);
	return (0);
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

/* --- encoding --- */

static void	encode_struct(const struct kdesc *, int, const void *,
		    struct kwriter *);

static void
encode_value(const struct kfield *f, bool nullable, const void *at,
    struct kwriter *w)
{
	struct slice s;

	switch ((enum kkind)f->kind) {
	case KK_BOOL:
		kwrite_i8(w, *(const bool *)at);
		break;
	case KK_I8:
		kwrite_i8(w, *(const int8_t *)at);
		break;
	case KK_I16:
		kwrite_i16(w, *(const int16_t *)at);
		break;
	case KK_I32:
		kwrite_i32(w, *(const int32_t *)at);
		break;
	case KK_I64:
		kwrite_i64(w, *(const int64_t *)at);
		break;
	case KK_UUID:
		kwrite_uuid(w, *(const struct kuuid *)at);
		break;
	case KK_STR:
		s = *(const struct slice *)at;
		(nullable ? kwrite_str_null : kwrite_str)(w, s);
		break;
	case KK_BYTES:
	case KK_RECORDS:
		s = *(const struct slice *)at;
		(nullable ? kwrite_bytes_null : kwrite_bytes)(w, s);
		break;
	case KK_STRUCT:
		break;
	}
}

static void
encode_array(const struct kfield *f, int version, const void *at,
    struct kwriter *w)
{
	struct karray a;
	const uint8_t *v;
	int32_t i;

	memcpy(&a, at, sizeof a);
	if (a.n < 0 && !may_be_null(f, version))
		a.n = 0;
	kwrite_count(w, a.n < 0 ? -1 : a.n);
	v = a.v;
	for (i = 0; i < a.n; i++, v += elem_size(f)) {
		if (f->kind == KK_STRUCT)
			encode_struct(f->child, version, v, w);
		else
			encode_value(f, false, v, w);
	}
}

static void
encode_field(const struct kfield *f, int version, const void *at,
    struct kwriter *w)
{
	if (f->array)
		encode_array(f, version, at, w);
	else if (f->kind == KK_STRUCT)
		encode_struct(f->child, version, at, w);
	else
		encode_value(f, may_be_null(f, version), at, w);
}

static bool	is_default(const struct kfield *, const void *at);

static bool
all_default(const struct kdesc *desc, const uint8_t *in)
{
	const struct kfield *f;

	for (f = desc->fields; f < desc->fields + desc->nfields; f++)
		if (!is_default(f, in + f->offset))
			return (false);
	return (true);
}

static bool
is_default(const struct kfield *f, const void *at)
{
	static const struct kuuid zero;
	struct karray a;

	if (f->array) {
		memcpy(&a, at, sizeof a);
		return (a.n <= 0);
	}
	switch ((enum kkind)f->kind) {
	case KK_BOOL:
		return (*(const bool *)at == (f->def != 0));
	case KK_I8:
		return (*(const int8_t *)at == f->def);
	case KK_I16:
		return (*(const int16_t *)at == f->def);
	case KK_I32:
		return (*(const int32_t *)at == f->def);
	case KK_I64:
		return (*(const int64_t *)at == f->def);
	case KK_UUID:
		return (memcmp(at, &zero, sizeof zero) == 0);
	case KK_STR:
	case KK_BYTES:
	case KK_RECORDS:
		return (f->null >= 0 ? ((const struct slice *)at)->p == NULL :
		    ((const struct slice *)at)->len == 0);
	case KK_STRUCT:
		return (all_default(f->child, at));
	}
	return (false);
}

/*
 * A tagged value: its size is known only when it is written, so it is written
 * first and moved up by the length of its size.
 */
static void
encode_tag(const struct kfield *f, int version, const void *at,
    struct kwriter *w)
{
	size_t begin, n, k;

	kwrite_uvarint(w, (uint32_t)f->tag);
	begin = w->len;
	encode_field(f, version, at, w);
	n = w->len - begin;
	k = uvarint_len(n);
	if (kwriter_room(w, k) == NULL)
		return;
	memmove(w->base + begin + k, w->base + begin, n);
	put_uvarint(w->base + begin, n);
	w->len += k;
}

/* Is this row part of the tagged section that is to be written? */
static bool
wants_tag(const struct kfield *f, int version, const uint8_t *in)
{
	return (f->tag >= 0 && has_field(f, version) &&
	    !is_default(f, in + f->offset));
}

/* Rows of a struct stand in ascending order of their tags. */
void
kw_encode_tags(const struct kdesc *desc, int version, const void *in,
    struct kwriter *w)
{
	const struct kfield *f, *end = desc->fields + desc->nfields;
	uint32_t n = 0;

	for (f = desc->fields; f < end; f++)
		n += wants_tag(f, version, in);
	kwrite_uvarint(w, n);
	if (n == 0)
		return;
	for (f = desc->fields; f < end; f++)
		if (wants_tag(f, version, in))
			encode_tag(f, version,
			    (const uint8_t *)in + f->offset, w);
}

static void
encode_struct(const struct kdesc *desc, int version, const void *in,
    struct kwriter *w)
{
	const struct kfield *f;

	for (f = desc->fields; f < desc->fields + desc->nfields; f++)
		if (f->tag < 0 && has_field(f, version))
			encode_field(f, version,
			    (const uint8_t *)in + f->offset, w);
	if (w->flex)
		kw_encode_tags(desc, version, in, w);
}

void
kw_encode(const struct kdesc *desc, int version, const void *in,
    struct kwriter *w)
{
	w->flex = desc->flex >= 0 && version >= desc->flex;
	encode_struct(desc, version, in, w);
}
