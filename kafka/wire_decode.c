/*
 * The interpreter, from bytes to structs.  It walks the rows of a descriptor in
 * order; what a row is (its kind, whether an array, null, tagged) decides by
 * one switch.
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

#include "kafka/wire_priv.h"

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
	[KK_F64] = { sizeof(double), 8 },
	[KK_UUID] = { sizeof(struct kuuid), 16 },
	[KK_STR] = { sizeof(struct slice), 0 },
	[KK_BYTES] = { sizeof(struct slice), 0 },
	[KK_RECORDS] = { sizeof(struct slice), 0 },
};

size_t
kfield_size(const struct kfield *f)
{
	return (f->kind == KK_STRUCT ? f->child->size : kinds[f->kind].size);
}

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
	case KK_F64:
		*(double *)at = (double)f->def;
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
	case KK_F64:
		*(double *)at = kread_f64(r);
		break;
	case KK_UUID:
		*(struct kuuid *)at = kread_uuid(r);
		break;
	case KK_STR:
		*(struct slice *)at =
		    (nullable ? kread_str_null : kread_str)(r);
		break;
	case KK_BYTES:
	case KK_RECORDS:
		*(struct slice *)at =
		    (nullable ? kread_bytes_null : kread_bytes)(r);
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
	size_t size = kfield_size(f);
	uint8_t *v;
	int32_t i, n;

	if (f->single)
		n = kread_i8(&d->r) < 0 ? -1 : 1;
	else
		n = kread_count(&d->r, elem_min(f, d->version, d->r.flex),
		    kfield_nullable(f, d->version));
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
		decode_value(&d->r, f, kfield_nullable(f, d->version), at);
}

static const struct kfield *
field_by_tag(const struct kdesc *desc, int version, uint32_t tag)
{
	const struct kfield *f;

	for (f = desc->fields; f < desc->fields + desc->nfields; f++)
		if (f->tag >= 0 && (uint32_t)f->tag == tag &&
		    kfield_in(f, version))
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
		tag = kread_tag(&d->r, &prev, &value);
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
		if (f->tag >= 0 || !kfield_in(f, d->version))
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
		if (f->tag >= 0 || !kfield_in(f, version))
			continue;
		if (f->array)
			sum += flex || f->single ? 1 : 4;
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
