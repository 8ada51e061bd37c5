/*
 * An event loop: one thread, its timers, descriptors and posted tasks.  The
 * only code that includes libevent is in this folder; everything else uses
 * these calls, and tests link test/fake/fake_loop.c instead, the same symbols
 * on a virtual clock.
 *
 * Thread rule: everything but loop_post, loop_stop and loop_free belongs to
 * the loop's thread (loop_assert); before loop_run, to the thread that made
 * the loop.  A handler's first act is to note that it is no longer pending;
 * this code has done so before it calls.
 */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct loop;

/* name is for messages; copied.  SIGPIPE is ignored in the whole process from
 * here on, unless it has a handler. */
struct loop	*loop_new(const char *name, struct err *e);
/* Runs until loop_stop, in this thread, which becomes the owner. */
void		 loop_run(struct loop *);
/* Any thread; loop_run returns after the tasks already posted have run. */
void		 loop_stop(struct loop *);
/* After loop_run has returned; runs the tasks that came since.  NULL is
 * fine. */
void		 loop_free(struct loop *);
const char	*loop_name(const struct loop *);
/* CHECK that the caller is the loop's thread; after loop_run has returned,
 * any thread may take the loop's things down. */
void		 loop_assert(const struct loop *);
/* The loop's time: monotonic, cached for the round. */
int64_t		 loop_now_ns(const struct loop *);

/*
 * A task: runs once on the loop, soon, in the order of posting.  Intrusive;
 * posting one that is queued already is a CHECK.  loop_post is for any thread
 * and also for "after this handler" on the loop itself.
 */
struct loop_task {
	void			(*fn)(struct loop_task *);
	struct loop_task	*next;
	bool			 queued;
};
void		 loop_post(struct loop *, struct loop_task *);
/* The same for work that others shall not have to wait for: it runs behind
 * what is ready and what was posted, in turn, each round at least one and then
 * as many as 50 us allow.  The loop's own thread. */
void		 loop_post_late(struct loop *, struct loop_task *);
/* Posts and waits until it ran; not from the loop's own thread, and only
 * while the loop runs or will run. */
void		 loop_call(struct loop *, void (*fn)(void *), void *arg);

/* A timer; zeroed memory is an unarmed one. */
struct loop_timer {
	void		(*fn)(struct loop_timer *);
	struct loop	*loop;
	bool		 armed;
	void		*impl;		/* private */
};
void		 timer_init(struct loop_timer *, struct loop *,
		    void (*fn)(struct loop_timer *));
/* Fires once, ms from now (0: next round), never earlier.  Re-arming moves
 * it.  Times beyond ten years are ten years. */
void		 timer_arm(struct loop_timer *, int64_t ms);
void		 timer_disarm(struct loop_timer *);
void		 timer_fini(struct loop_timer *);

/* Readiness of a descriptor, level-triggered. */
#define LOOP_READ	0x1
#define LOOP_WRITE	0x2
struct loop_fd {
	void		(*fn)(struct loop_fd *, unsigned ready);
	struct loop	*loop;
	int		 fd;
	unsigned	 want;
	void		*impl;		/* private */
};
void		 loop_fd_init(struct loop_fd *, struct loop *, int fd,
		    void (*fn)(struct loop_fd *, unsigned ready));
/* Changes what is waited for; 0 for nothing. */
void		 loop_fd_want(struct loop_fd *, unsigned want);
void		 loop_fd_fini(struct loop_fd *);	/* does not close fd */

#endif
