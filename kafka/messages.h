/*
 * The messages as C structs and descriptors, both made from messages.def:
 *
 *	struct km_produce_request		the struct
 *	kd_produce_request			its descriptor, for wire.h
 *
 * Strings, bytes and records are struct slice (p NULL: null); arrays are
 * struct { T *v; int32_t n; } (n -1: null); a struct that may be null is an
 * array of one or null; BOOL is bool, F64 double; the rest are integers of
 * their width.  A zeroed struct is valid but has not the defaults
 * (-1 for most epochs and times): begin with kw_defaults().
 */
#ifndef KAFKA_MESSAGES_H
#define KAFKA_MESSAGES_H

#include "kafka/wire.h"

typedef bool		km_BOOL;
typedef int8_t		km_I8;
typedef int16_t		km_I16;
typedef int32_t		km_I32;
typedef int64_t		km_I64;
typedef double		km_F64;
typedef struct kuuid	km_UUID;
typedef struct slice	km_STR;
typedef struct slice	km_BYTES;
typedef struct slice	km_RECORDS;

#define KM_CAT_(a, b)	a##b
#define KM_CAT(a, b)	KM_CAT_(a, b)

#define STRUCT					struct KM_CAT(km_, T) {
#define MESSAGE(flex)				STRUCT
#define F(kind, name, a, b, null, tag, d)	km_##kind name;
#define V(kind, name, a, b, null, tag)					\
	struct { km_##kind *v; int32_t n; } name;
#define A(s, name, a, b, null, tag)					\
	struct { struct km_##s *v; int32_t n; } name;
#define S(s, name, a, b, tag)			struct km_##s name;
#define N(s, name, a, b)						\
	struct { struct km_##s *v; int32_t n; } name;
#define END	}; extern const struct kdesc KM_CAT(kd_, T);
#include "kafka/messages.def"

/* Every message (not the structs inside), for tests and tools. */
extern const struct kdesc *const kmessages[];
extern const size_t nkmessages;
/* By name ("produce_request"); NULL when there is none. */
const struct kdesc *kmessage_get(const char *name);

#endif
