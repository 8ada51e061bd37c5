/*
 * Descriptor tables, made from messages.def: one array of fields per struct,
 * the kdesc around it, and the list of the messages.
 */
#include "kafka/messages.h"

#include <string.h>

#include "base/mem.h"

/*
 * The interpreter reads and writes array fields through struct karray: their
 * typed twins must have its layout.
 */
struct twin {
	struct km_produce_request	*v;
	int32_t				 n;
};
_Static_assert(sizeof(struct twin) == sizeof(struct karray) &&
    offsetof(struct twin, n) == offsetof(struct karray, n), "array layout");

#define KM		struct KM_CAT(km_, T)
#define ROW(knd, nm, arr, one, kid, a, b, nul, tg, d)			\
	{ .name = #nm, .child = kid, .def = d,				\
	  .offset = offsetof(KM, nm), .kind = KK_##knd, .array = arr,	\
	  .single = one, .first = a, .last = b, .null = nul, .tag = tg },

#define STRUCT		static const struct kfield KM_CAT(fields_, T)[] = {
#define MESSAGE(flex)	STRUCT
#define F(kind, name, a, b, null, tag, d)				\
	ROW(kind, name, false, false, NULL, a, b, null, tag, d)
#define V(kind, name, a, b, null, tag)					\
	ROW(kind, name, true, false, NULL, a, b, null, tag, 0)
#define A(s, name, a, b, null, tag)					\
	ROW(STRUCT, name, true, false, &kd_##s, a, b, null, tag, 0)
#define S(s, name, a, b, tag)						\
	ROW(STRUCT, name, false, false, &kd_##s, a, b, NO, tag, 0)
#define N(s, name, a, b)						\
	ROW(STRUCT, name, true, true, &kd_##s, a, b, a, NO, 0)
#define END };
#include "kafka/messages.def"

/* The second pass needs no rows. */
#define F(kind, name, a, b, null, tag, d)
#define V(kind, name, a, b, null, tag)
#define A(s, name, a, b, null, tag)
#define S(s, name, a, b, tag)
#define N(s, name, a, b)
#define END
#define QUOTE_(x)	#x
#define QUOTE(x)	QUOTE_(x)
#define DESC(flx)							\
	const struct kdesc KM_CAT(kd_, T) = {				\
		.name = QUOTE(T), .fields = KM_CAT(fields_, T),		\
		.nfields = NELEM(KM_CAT(fields_, T)),			\
		.size = sizeof(KM), .flex = flx				\
	};
#define STRUCT		DESC(NO)
#define MESSAGE(flex)	DESC(flex)
#include "kafka/messages.def"

#define F(kind, name, a, b, null, tag, d)
#define V(kind, name, a, b, null, tag)
#define A(s, name, a, b, null, tag)
#define S(s, name, a, b, tag)
#define N(s, name, a, b)
#define END
#define STRUCT
#define MESSAGE(flex)	&KM_CAT(kd_, T),
const struct kdesc *const kmessages[] = {
#include "kafka/messages.def"
};
const size_t nkmessages = NELEM(kmessages);

const struct kdesc *
kmessage_get(const char *name)
{
	size_t i;

	for (i = 0; i < nkmessages; i++)
		if (strcmp(kmessages[i]->name, name) == 0)
			return (kmessages[i]);
	return (NULL);
}
