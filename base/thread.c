/*
 * Over pthreads.  A pthread call can fail here only when we misuse it, so
 * the results are CHECKed; thread_start alone can meet a limit of the system.
 */
#include "base/thread.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"

static void *
thread_main(void *arg)
{
	struct thread *t = arg;

	pthread_setname_np(pthread_self(), t->name);
	t->fn(t->arg);
	return (NULL);
}

int
thread_start(struct thread *t, const char *name, void (*fn)(void *),
    void *arg, struct err *e)
{
	sigset_t all, old;
	int rc;

	snprintf(t->name, sizeof t->name, "%.15s", name);
	t->fn = fn;
	t->arg = arg;
	t->started = false;
	sigfillset(&all);
	CHECK(pthread_sigmask(SIG_SETMASK, &all, &old) == 0);
	rc = pthread_create(&t->id, NULL, thread_main, t);
	CHECK(pthread_sigmask(SIG_SETMASK, &old, NULL) == 0);
	if (rc != 0) {
		errno = rc;
		return (err_sys(e, "start thread %s", name));
	}
	t->started = true;
	return (0);
}

void
thread_join(struct thread *t)
{
	if (!t->started)
		return;
	CHECK(pthread_join(t->id, NULL) == 0);
	t->started = false;
}

uintptr_t
thread_self(void)
{
	return ((uintptr_t)pthread_self());
}

void
mutex_init(struct mutex *m)
{
	CHECK(pthread_mutex_init(&m->m, NULL) == 0);
	atomic_init(&m->owner, 0);
}

void
mutex_fini(struct mutex *m)
{
	CHECK(atomic_load_explicit(&m->owner, memory_order_relaxed) == 0);
	CHECK(pthread_mutex_destroy(&m->m) == 0);
}

/*
 * The owner is written under the mutex; a thread can see its own name in it
 * only if it holds the mutex, so relaxed order is enough.
 */
static bool
mutex_mine(const struct mutex *m)
{
	return (atomic_load_explicit(&m->owner, memory_order_relaxed) ==
	    thread_self());
}

static void
mutex_own(struct mutex *m, uintptr_t owner)
{
	atomic_store_explicit(&m->owner, owner, memory_order_relaxed);
}

void
mutex_lock(struct mutex *m)
{
	CHECK(!mutex_mine(m));
	CHECK(pthread_mutex_lock(&m->m) == 0);
	mutex_own(m, thread_self());
}

void
mutex_unlock(struct mutex *m)
{
	CHECK(mutex_mine(m));
	mutex_own(m, 0);
	CHECK(pthread_mutex_unlock(&m->m) == 0);
}

void
mutex_assert_held(const struct mutex *m)
{
	CHECK(mutex_mine(m));
}

void
cond_init(struct cond *c)
{
	CHECK(pthread_cond_init(&c->c, NULL) == 0);
}

void
cond_fini(struct cond *c)
{
	CHECK(pthread_cond_destroy(&c->c) == 0);
}

void
cond_signal(struct cond *c)
{
	CHECK(pthread_cond_signal(&c->c) == 0);
}

void
cond_broadcast(struct cond *c)
{
	CHECK(pthread_cond_broadcast(&c->c) == 0);
}

void
cond_wait(struct cond *c, struct mutex *m)
{
	CHECK(mutex_mine(m));
	mutex_own(m, 0);
	CHECK(pthread_cond_wait(&c->c, &m->m) == 0);
	mutex_own(m, thread_self());
}

/*
 * The deadline is on clock_mono_ns, which a test may have replaced; what is
 * left of it is waited for on the kernel's monotonic clock.
 */
bool
cond_wait_until(struct cond *c, struct mutex *m, int64_t deadline_ns)
{
	int64_t left = deadline_ns - clock_mono_ns(), at;
	struct timespec ts;
	int rc;

	CHECK(mutex_mine(m));
	if (left <= 0)
		return (false);
	clock_gettime(CLOCK_MONOTONIC, &ts);
	if (__builtin_add_overflow((int64_t)ts.tv_sec * 1000000000 +
	    ts.tv_nsec, left, &at))
		at = INT64_MAX;
	ts.tv_sec = at / 1000000000;
	ts.tv_nsec = at % 1000000000;
	mutex_own(m, 0);
	rc = pthread_cond_clockwait(&c->c, &m->m, CLOCK_MONOTONIC, &ts);
	mutex_own(m, thread_self());
	CHECK(rc == 0 || rc == ETIMEDOUT);
	return (rc == 0);
}
