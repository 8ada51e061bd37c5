#include "cli/histogram.h"

#include <string.h>

#include "base/mem.h"

#define SUB	(UINT64_C(1) << HISTOGRAM_BITS)
#define LARGEST	((UINT64_C(1) << HISTOGRAM_TOP) - 1)

static size_t
bucket_of(uint64_t v)
{
	unsigned shift;

	if (v < SUB)
		return ((size_t)v);
	shift = (unsigned)(63 - __builtin_clzll(v)) - HISTOGRAM_BITS;
	return (((size_t)shift << HISTOGRAM_BITS) + (size_t)(v >> shift));
}

/* The largest value of a bucket. */
static uint64_t
top_of(size_t bucket)
{
	unsigned shift;

	if (bucket < SUB)
		return (bucket);
	shift = (unsigned)(bucket >> HISTOGRAM_BITS) - 1;
	return ((((bucket & (SUB - 1)) + SUB + 1) << shift) - 1);
}

void
histogram_add(struct histogram *h, uint64_t us)
{
	if (us > LARGEST)
		us = LARGEST;
	h->v[bucket_of(us)]++;
	h->n++;
	h->sum += us;
	if (us > h->max)
		h->max = us;
}

void
histogram_reset(struct histogram *h)
{
	memset(h, 0, sizeof *h);
}

double
histogram_ms(const struct histogram *h, double q)
{
	uint64_t want = (uint64_t)(q * (double)h->n), seen = 0, top;
	size_t i;

	for (i = 0; i < NELEM(h->v); i++) {
		seen += h->v[i];
		if (seen > want || (seen == h->n && seen > 0)) {
			top = top_of(i);
			return ((double)(top < h->max ? top : h->max) / 1000);
		}
	}
	return (0);
}

double
histogram_mean_ms(const struct histogram *h)
{
	return (h->n == 0 ? 0 : (double)h->sum / (double)h->n / 1000);
}

double
histogram_max_ms(const struct histogram *h)
{
	return ((double)h->max / 1000);
}
