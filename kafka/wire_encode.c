/*
 * The interpreter, from structs to bytes: the same walk over the rows.
 */
#include "kafka/wire.h"

#include "kafka/wire_priv.h"

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
	case KK_F64:
		kwrite_f64(w, *(const double *)at);
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
	if (a.n < 0 && !kfield_nullable(f, version))
		a.n = 0;
	if (f->single)
		kwrite_i8(w, a.n < 1 ? -1 : 1);
	else
		kwrite_count(w, a.n < 0 ? -1 : a.n);
	v = a.v;
	for (i = 0; i < a.n; i++, v += kfield_size(f)) {
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
		encode_value(f, kfield_nullable(f, version), at, w);
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
	case KK_F64:
		return (*(const double *)at == (double)f->def);
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
	return (f->tag >= 0 && kfield_in(f, version) &&
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
		if (f->tag < 0 && kfield_in(f, version))
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
