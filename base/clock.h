/*
 * The two clocks.  Intervals and timeouts use the monotonic one, only stamps
 * that people or Kafka see use the wall.  Tests replace both.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

int64_t	clock_mono_ns(void);
int64_t	clock_wall_ms(void);		/* since 1970-01-01 UTC */

/* Tests: both clocks come from fn(ctx); NULL restores. */
void	clock_replace(int64_t (*mono_ns)(void *), int64_t (*wall_ms)(void *),
	    void *ctx);

#endif
