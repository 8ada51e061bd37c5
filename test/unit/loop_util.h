/*
 * For tests that run a real loop: run it until a handler calls loop_stop, and
 * fail when that does not happen.
 */
#ifndef TEST_UNIT_LOOP_UTIL_H
#define TEST_UNIT_LOOP_UTIL_H

#include <check.h>

#include "loop/loop.h"

#define TOO_LONG_MS	20000

static inline void
too_long(struct loop_timer *t)
{
	(void)t;
	ck_abort_msg("the loop was not stopped in %d ms", TOO_LONG_MS);
}

static inline void
run_loop(struct loop *l)
{
	struct loop_timer t;

	timer_init(&t, l, too_long);
	timer_arm(&t, TOO_LONG_MS);
	loop_run(l);
	timer_fini(&t);
}

/* Runs what is due now, without waiting for anything. */
static inline void
turn_loop(struct loop *l)
{
	loop_stop(l);
	loop_run(l);
}

static inline struct loop *
make_loop(void)
{
	struct err e = ERR_INIT;
	struct loop *l = loop_new("test", &e);

	ck_assert_msg(l != NULL, "%s", e.msg);
	return (l);
}

#endif
