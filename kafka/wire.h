/*
 * The wire codec: readers and writers for Kafka's primitive types, and the
 * interpreter that decodes and encodes whole messages by their descriptor
 * (messages.h).
 *
 * Reading is total: any bytes, any length.  A getter past the end yields zero
 * and sets the reader's sticky bit, which is looked at once, at the end:
 *
 *	struct kreader r = kreader_of(body, flexible);
 *	n = kread_i32(&r);
 *	name = kread_str(&r);
 *	if (r.bad)
 *		return (err_set(e, ERR_PROTO, "malformed request"));
 *
 * Writing grows one buffer; lengths and counts are written in the form that
 * the message's version wants ("compact" in flexible versions, KIP-482):
 *
 *	struct kwriter w;
 *	kwriter_init(&w, 512, 1 << 20);
 *	w.flex = true;
 *	kwrite_str(&w, name);
 *	if (w.full) ...
 *	kwriter_fini(&w);
 *
 * A whole message, decoded into structs whose strings, bytes and records are
 * slices of the input (they live as long as the input) and whose arrays lie
 * in the arena:
 *
 *	struct km_metadata_request q;
 *	if (kw_decode(&kd_metadata_request, 9, body, &arena, &q, e) == -1)
 *		...
 *	struct km_metadata_response a;
 *	kw_defaults(&kd_metadata_response, &a);
 *	KARRAY_NEW(a.brokers, &kd_metadata_response_broker, 1, &arena);
 *	a.brokers.v[0].host = SLICE("127.0.0.1");
 *	kw_encode(&kd_metadata_response, 9, &a, &w);
 *
 * No state, no locks: a reader, a writer and an arena belong to one thread.
 */
#ifndef KAFKA_WIRE_H
#define KAFKA_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/slice.h"

struct kwriter;

struct kuuid {
	uint8_t	b[16];
};

/*
 * An array in a decoded message.  The fields have typed twins of this layout,
 * struct { T *v; int32_t n; }; n is -1 for null, so that loops from 0 to n
 * need no test for it.
 */
struct karray {
	void	*v;
	int32_t	 n;
};

/* --- descriptors: made by messages.def, not by hand --- */

enum kkind {
	KK_BOOL, KK_I8, KK_I16, KK_I32, KK_I64, KK_F64,
	KK_UUID,
	KK_STR, KK_BYTES, KK_RECORDS,
	KK_STRUCT
};

struct kdesc;

struct kfield {
	const char		*name;
	const struct kdesc	*child;		/* of KK_STRUCT */
	int64_t			 def;
	uint16_t		 offset;	/* in the struct */
	uint8_t			 kind;		/* enum kkind */
	bool			 array;
	bool			 single;	/* an array of one or null, on
						   the wire a struct or null */
	int8_t			 first, last;	/* versions that have it */
	int8_t			 null;		/* from then on; -1 never */
	int8_t			 tag;		/* -1: not tagged */
};

struct kdesc {
	const char		*name;		/* "metadata_request" */
	const struct kfield	*fields;
	uint16_t		 nfields;
	uint16_t		 size;		/* of the C struct */
	int8_t			 flex;		/* first flexible version of a
						   message; -1 none */
};

/* --- the interpreter --- */

/*
 * Decodes one message of that version from all of in.  Bytes behind it are
 * ignored, as Kafka does.  -1 with ERR_PROTO when the bytes are no such message
 * (short, null where null is not allowed, counts beyond the bytes, tags out of
 * order), ERR_TOO_LARGE when the arena's limit is passed; then *out is not to
 * be used.  Fields the version lacks get their default.
 */
int	 kw_decode(const struct kdesc *, int version, struct slice in,
	    struct arena *, void *out, struct err *e);

/* The same, and *used says how many bytes of in it took. */
int	 kw_decode_prefix(const struct kdesc *, int version, struct slice in,
	    size_t *used, struct arena *, void *out, struct err *e);

/*
 * Appends the message in that version.  What the version lacks is left out;
 * null where the version has no null is written as empty; tagged fields equal
 * to their default are omitted.  Sets w->flex.
 */
void	 kw_encode(const struct kdesc *, int version, const void *in,
	    struct kwriter *w);

/* The tagged section of a struct alone, for writers by hand (fetch.h). */
void	 kw_encode_tags(const struct kdesc *, int version, const void *in,
	    struct kwriter *w);

/* Fills a struct with its defaults; arrays empty. */
void	 kw_defaults(const struct kdesc *, void *out);

/*
 * Makes an array of n elements, each with its defaults.  -1 when the arena's
 * limit is passed (the array is then empty).
 */
int	 karray_new(struct karray *, const struct kdesc *, size_t n,
	    struct arena *);

/* The same for a field: KARRAY_NEW(resp.topics, &kd_..., n, &arena). */
#define KARRAY_NEW(field, desc, count, arena)				\
	(__extension__ ({						\
		struct karray ka_ = { NULL, 0 };			\
		int rc_ = karray_new(&ka_, (desc), (count), (arena));	\
		_Static_assert(sizeof (field) == sizeof ka_, "array");	\
		(field).v = ka_.v;					\
		(field).n = ka_.n;					\
		rc_;							\
	}))

/* Least number of bytes that a struct of that version can take. */
size_t	 kw_min_size(const struct kdesc *, int version, bool flex);

/* --- reader --- */

struct kreader {
	const uint8_t	*p, *end;
	bool		 flex;		/* compact lengths, tagged sections */
	bool		 bad;		/* sticky: some getter failed */
};

static inline struct kreader
kreader_of(struct slice s, bool flex)
{
	const uint8_t *p = s.p == NULL ? (const uint8_t *)"" : s.p;

	return ((struct kreader){ p, p + s.len, flex, false });
}

static inline size_t
kreader_left(const struct kreader *r)
{
	return ((size_t)(r->end - r->p));
}

/* n bytes in place; NULL and bad when there are fewer. */
static inline const uint8_t *
kread_raw(struct kreader *r, size_t n)
{
	const uint8_t *p = r->p;

	if (r->bad || n > kreader_left(r)) {
		r->bad = true;
		return (NULL);
	}
	r->p += n;
	return (p);
}

static inline int8_t
kread_i8(struct kreader *r)
{
	const uint8_t *p = kread_raw(r, 1);

	return (p == NULL ? 0 : (int8_t)*p);
}

static inline int16_t
kread_i16(struct kreader *r)
{
	const uint8_t *p = kread_raw(r, 2);

	return (p == NULL ? 0 : (int16_t)get_be16(p));
}

static inline int32_t
kread_i32(struct kreader *r)
{
	const uint8_t *p = kread_raw(r, 4);

	return (p == NULL ? 0 : (int32_t)get_be32(p));
}

static inline int64_t
kread_i64(struct kreader *r)
{
	const uint8_t *p = kread_raw(r, 8);

	return (p == NULL ? 0 : (int64_t)get_be64(p));
}

/* At most five bytes, at most INT32_MAX. */
uint32_t	 kread_uvarint(struct kreader *);
double		 kread_f64(struct kreader *);
struct kuuid	 kread_uuid(struct kreader *);

/*
 * A string (kread_str) or bytes and records (kread_bytes), in the form that
 * r->flex says.  The nullable ones give p == NULL for null; for the others
 * null is bad.
 */
struct slice	 kread_str(struct kreader *);
struct slice	 kread_str_null(struct kreader *);
struct slice	 kread_bytes(struct kreader *);
struct slice	 kread_bytes_null(struct kreader *);

/*
 * The count of an array whose elements take at least min bytes each (min >= 1);
 * more than can lie in what is left is bad.  -1 for null, which is bad unless
 * nullable.
 */
int32_t		 kread_count(struct kreader *, size_t min, bool nullable);

/*
 * One step of a tagged section: the tag, and its bytes in *value.  *prev is
 * the last tag, -1 at first; one that does not ascend is bad.
 */
uint32_t	 kread_tag(struct kreader *, int64_t *prev,
		    struct slice *value);

/* Skips a tagged section when r->flex; tags must ascend. */
void		 kread_tags(struct kreader *);

/* --- writer --- */

struct kwriter {
	uint8_t	*base;
	size_t	 len, cap;
	size_t	 limit;		/* len never passes it */
	bool	 flex;
	bool	 full;		/* sticky: something did not fit */
};

/* cap: bytes to begin with, may be 0; limit: bytes at most. */
void		 kwriter_init(struct kwriter *, size_t cap, size_t limit);
void		 kwriter_fini(struct kwriter *);
/* Forgets what was written, keeps the memory. */
void		 kwriter_reset(struct kwriter *);
/* Room for n more bytes behind len: the place, or NULL and full.  The caller
 * adds to len what it used.  Valid until the next write. */
uint8_t		*kwriter_room(struct kwriter *, size_t n);

static inline struct slice
kwriter_slice(const struct kwriter *w)
{
	return (slice_of(w->base, w->len));
}

void	 kwrite_i8(struct kwriter *, int8_t);
void	 kwrite_i16(struct kwriter *, int16_t);
void	 kwrite_i32(struct kwriter *, int32_t);
void	 kwrite_i64(struct kwriter *, int64_t);
void	 kwrite_uvarint(struct kwriter *, uint32_t);
void	 kwrite_f64(struct kwriter *, double);
void	 kwrite_uuid(struct kwriter *, struct kuuid);
void	 kwrite_raw(struct kwriter *, const void *p, size_t n);
/* p == NULL is written as empty; the nullable ones write null. A string longer
 * than its form can say makes the writer full. */
void	 kwrite_str(struct kwriter *, struct slice);
void	 kwrite_str_null(struct kwriter *, struct slice);
void	 kwrite_bytes(struct kwriter *, struct slice);
void	 kwrite_bytes_null(struct kwriter *, struct slice);
/* Length of bytes or records alone; the bytes follow from elsewhere. */
void	 kwrite_bytes_len(struct kwriter *, size_t n);
/* Count of an array; -1 writes null. */
void	 kwrite_count(struct kwriter *, int32_t n);
/* The empty tagged section when w->flex. */
void	 kwrite_no_tags(struct kwriter *);

#endif
