/*
 * The table of apis.def, and an index from key to row.
 */
#include "kafka/apis.h"

#include "base/mem.h"
#include "kafka/messages.h"

const struct kapi kapis[] = {
#define API(k, Name, stem, lo, hi, adv, flx)				\
	{ .key = k, .name = #Name, .min = lo, .max = hi,		\
	  .advertised = adv, .flex = flx,				\
	  .request = &kd_##stem##_request,				\
	  .response = &kd_##stem##_response },
#include "kafka/apis.def"
};
const size_t nkapis = NELEM(kapis);

/* Place in the list, counted from the first line. */
enum {
#define API(k, Name, stem, lo, hi, adv, flx)	ROW_##Name,
#include "kafka/apis.def"
};

/* Row + 1, so that 0 is "not there". */
static const uint8_t row_by_key[KAPI_MAX + 1] = {
#define API(k, Name, stem, lo, hi, adv, flx)	[k] = ROW_##Name + 1,
#include "kafka/apis.def"
};

const struct kapi *
kapi_get(int key)
{
	if (key < 0 || key > KAPI_MAX || row_by_key[key] == 0)
		return (NULL);
	return (&kapis[row_by_key[key] - 1]);
}

const char *
kapi_name(int key)
{
	const struct kapi *a = kapi_get(key);

	return (a == NULL ? "unknown" : a->name);
}
