/*
 * Many durations in little memory: counted in buckets that are at most 1/64
 * of their value wide, so a percentile is off by less than 2 %.
 */
#ifndef CLI_HISTOGRAM_H
#define CLI_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BITS	6
#define HISTOGRAM_TOP	40	/* bits of the largest value: 12 days of us */

struct histogram {
	uint64_t	n, sum, max;
	uint64_t	v[(HISTOGRAM_TOP - HISTOGRAM_BITS + 1) <<
			    HISTOGRAM_BITS];
};

void	 histogram_add(struct histogram *, uint64_t us);
void	 histogram_reset(struct histogram *);
/* In ms; 0 when nothing was added.  q: 0.5 is the median. */
double	 histogram_ms(const struct histogram *, double q);
double	 histogram_mean_ms(const struct histogram *);
double	 histogram_max_ms(const struct histogram *);

#endif
