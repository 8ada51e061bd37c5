/*
 * Named threads, a mutex that knows its owner, a condition with a deadline.
 * A mutex is never held across a wait, an fsync or a callback.
 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct thread {
	pthread_t	 id;
	char		 name[16];
	void		(*fn)(void *);
	void		*arg;
	bool		 started;
};

/* All signals are blocked in the new thread; main alone takes them. */
int	thread_start(struct thread *, const char *name, void (*fn)(void *),
	    void *arg, struct err *e);
void	thread_join(struct thread *);		/* not started: nothing */
/* A number that differs between live threads. */
uintptr_t thread_self(void);

struct mutex {
	pthread_mutex_t	m;
	_Atomic uintptr_t owner;
};
#define MUTEX_INIT	{ PTHREAD_MUTEX_INITIALIZER, 0 }

void	mutex_init(struct mutex *);
void	mutex_fini(struct mutex *);
void	mutex_lock(struct mutex *);
void	mutex_unlock(struct mutex *);
void	mutex_assert_held(const struct mutex *);	/* CHECK */

struct cond { pthread_cond_t c; };
#define COND_INIT	{ PTHREAD_COND_INITIALIZER }

void	cond_init(struct cond *);
void	cond_fini(struct cond *);
void	cond_signal(struct cond *);
void	cond_broadcast(struct cond *);
void	cond_wait(struct cond *, struct mutex *);
/* False when deadline (clock_mono_ns) has passed. */
bool	cond_wait_until(struct cond *, struct mutex *, int64_t deadline_ns);

#endif
