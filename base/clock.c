#include "base/clock.h"

#include <stddef.h>
#include <time.h>

static struct {
	int64_t	(*mono_ns)(void *);
	int64_t	(*wall_ms)(void *);
	void	*ctx;
} fake;

static int64_t
clock_read(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ((int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec);
}

int64_t
clock_mono_ns(void)
{
	return (fake.mono_ns != NULL ? fake.mono_ns(fake.ctx) :
	    clock_read(CLOCK_MONOTONIC));
}

int64_t
clock_wall_ms(void)
{
	return (fake.wall_ms != NULL ? fake.wall_ms(fake.ctx) :
	    clock_read(CLOCK_REALTIME) / 1000000);
}

void
clock_replace(int64_t (*mono_ns)(void *), int64_t (*wall_ms)(void *),
    void *ctx)
{
	fake.mono_ns = mono_ns;
	fake.wall_ms = wall_ms;
	fake.ctx = ctx;
}
