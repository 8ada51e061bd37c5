/*
 * loop/loop.h on a virtual clock: link test/fake/libfakeloop.a before the
 * archive of loop/, and time passes only when the test says so.  A second of
 * session timeout costs a microsecond, and what happens is the same each time.
 *
 *	l = loop_new("test", &e);
 *	group = group_new(l, ...);		arms its timers as always
 *	fake_run();				what was posted
 *	fake_advance(10 * 1000);		ten seconds, timer by timer
 *	ck_assert(group_is_empty(group));
 *	fake_fire(l, fd, LOOP_READ);		fd is ready: its handler runs
 *
 * All fake loops of a process share the clock; clock_mono_ns and clock_wall_ms
 * read it as well from the first loop_new to the last loop_free.  Everything
 * runs in the calling thread, but loop_post may come from any: fake_run takes
 * what has arrived.
 *
 * loop_run runs tasks and jumps from timer to timer until loop_stop; when
 * nothing is left that could stop it, that is a CHECK.  loop_call calls.
 */
#ifndef TEST_FAKE_FAKE_LOOP_H
#define TEST_FAKE_FAKE_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop/loop.h"

/* When the clock begins. */
#define FAKE_START_NS	INT64_C(1000000000)
#define FAKE_START_MS	INT64_C(1700000000000)	/* 2023-11-14 22:13:20 UTC */

/* Runs posted tasks of all loops, and what they post, until none is left.
 * Timers that are due now (armed with 0) run too. */
void	fake_run(void);
/* fake_run; then lets ms pass, each timer at its time with a fake_run behind
 * it. */
void	fake_advance(int64_t ms);
/* Moves the wall clock alone, as an administrator does. */
void	fake_step_wall(int64_t ms);
/* ms until the next timer of any loop is due; -1 when none is armed. */
int64_t	fake_next_timer(void);
/* Armed timers, queued tasks, descriptors waited for: to see what leaks. */
size_t	fake_timers(void);
size_t	fake_tasks(void);
size_t	fake_fds(void);
/* fd is ready: calls the handler of the loop_fd on it with what of `ready` is
 * wanted, then fake_run.  False when nobody wanted it. */
bool	fake_fire(struct loop *, int fd, unsigned ready);
/* What is waited for on fd; 0 for nothing. */
unsigned fake_wanted(struct loop *, int fd);

#endif
