/*
 * The loop on libevent.  libevent keeps the timers' heap and epoll; the queue
 * of posted tasks is ours, because libevent's would need its locks on every
 * call.
 *
 * A round is: wait, run what is ready, run the tasks posted so far, then some
 * of those that are late, at least one: whoever has much to do takes turns with
 * others of his kind, and all of them are one in the eyes of the rest.  While
 * several of them wait the loop never sleeps, so after its round it offers the
 * processor to other threads: a flusher that is woken beside it would wait for
 * the end of its slice.
 *
 * Tasks lie on a stack that any thread pushes to and the loop takes whole and
 * reverses, so no pop races a push.  The eventfd is written only when the
 * loop said that it is about to sleep: it stores `asleep` and then looks at
 * the stack again, a poster pushes and then looks at `asleep`; with sequential
 * consistency one of the two sees the other.
 */
#include "loop/loop.h"

#include <event2/event.h>
#include <event2/event_struct.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

#define LATE_NS		50000	/* of a round for late tasks */
#define TIMER_MAX_MS	INT64_C(315360000000)	/* ten years */

struct timer_impl {
	struct event	ev;
	int64_t		due_ns;
};

struct loop {			/* its thread's, but the atomics */
	struct event_base	*base;
	struct event		*wake_ev;
	int			 wake_fd;
	char			*name;
	int64_t			 now;		/* 0: not read in this round */
	_Atomic uintptr_t	 owner;		/* 0: nobody runs it any more */
	_Atomic(struct loop_task *) tasks;	/* newest first */
	struct loop_task	*late, **late_tail;
	atomic_bool		 asleep;
	atomic_bool		 stop;
};

/* The two directions are events of their own: waiting for one more is then
 * one epoll_ctl, where changing one event would be two. */
struct fd_impl {
	struct event	rd, wr;
};

static void
woken(evutil_socket_t fd, short what, void *arg)
{
	uint64_t n;

	(void)what;
	(void)arg;
	while (read(fd, &n, sizeof n) == -1 && errno == EINTR)
		;
}

static struct event_base *
base_new(void)
{
	struct event_config *cfg;
	struct event_base *base;

	if ((cfg = event_config_new()) == NULL)
		return (NULL);
	event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK);
	base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	return (base);
}

/* sendfile has no MSG_NOSIGNAL. A handler that the program has set stays. */
static void
ignore_sigpipe(void)
{
	struct sigaction sa;

	if (sigaction(SIGPIPE, NULL, &sa) == 0 && sa.sa_handler == SIG_DFL)
		signal(SIGPIPE, SIG_IGN);
}

struct loop *
loop_new(const char *name, struct err *e)
{
	struct loop *l = xcalloc(1, sizeof *l);

	ignore_sigpipe();
	l->name = xstrdup(name);
	l->late_tail = &l->late;
	if ((l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) == -1) {
		err_sys(e, "loop %s: eventfd", name);
		goto err0;
	}
	if ((l->base = base_new()) == NULL) {
		err_set(e, ERR_SYS, "loop %s: no event base: out of memory "
		    "or descriptors", name);
		goto err1;
	}
	l->wake_ev = event_new(l->base, l->wake_fd, EV_READ | EV_PERSIST,
	    woken, NULL);
	if (l->wake_ev == NULL || event_add(l->wake_ev, NULL) == -1) {
		err_set(e, ERR_SYS, "loop %s: cannot wait for the eventfd",
		    name);
		goto err2;
	}
	atomic_store(&l->owner, thread_self());
	return (l);

err2:
	if (l->wake_ev != NULL)
		event_free(l->wake_ev);
	event_base_free(l->base);
err1:
	close(l->wake_fd);
err0:
	free(l->name);
	free(l);
	return (NULL);
}

/* -> the queued tasks, oldest first. */
static struct loop_task *
take_tasks(struct loop *l)
{
	struct loop_task *t, *next, *first = NULL;

	for (t = atomic_exchange(&l->tasks, NULL); t != NULL; t = next) {
		next = t->next;
		t->next = first;
		first = t;
	}
	return (first);
}

/* Only those queued so far: what they post waits for the descriptors. */
static bool
run_tasks(struct loop *l)
{
	struct loop_task *t, *next;
	bool any = false;

	for (t = take_tasks(l); t != NULL; t = next) {
		next = t->next;
		t->next = NULL;
		t->queued = false;
		t->fn(t);
		any = true;
	}
	return (any);
}

/* At least one, and no more than were there, until the time is over. */
static bool
run_late(struct loop *l, int64_t ns)
{
	struct loop_task *t, **end = l->late_tail;
	int64_t until;
	bool last;

	if (l->late == NULL)
		return (false);
	until = ns == INT64_MAX ? ns : clock_mono_ns() + ns;
	do {
		t = l->late;
		last = &t->next == end;
		if ((l->late = t->next) == NULL)
			l->late_tail = &l->late;
		t->next = NULL;
		t->queued = false;
		t->fn(t);
	} while (!last && clock_mono_ns() < until);
	return (true);
}

static void
run_round(struct loop *l)
{
	int flags = EVLOOP_ONCE;

	atomic_store(&l->asleep, true);
	if (atomic_load(&l->tasks) != NULL || l->late != NULL ||
	    atomic_load(&l->stop))
		flags |= EVLOOP_NONBLOCK;
	l->now = 0;
	if (event_base_loop(l->base, flags) == -1)
		log_error(l->name, "waiting for events failed: %s",
		    strerror(errno));
	atomic_store(&l->asleep, false);
	run_tasks(l);
	if (run_late(l, LATE_NS) && l->late != NULL)
		sched_yield();
}

void
loop_run(struct loop *l)
{
	atomic_store(&l->owner, thread_self());
	do
		run_round(l);
	while (!atomic_load(&l->stop));
	run_tasks(l);
	atomic_store(&l->stop, false);
	atomic_store(&l->owner, 0);
}

static void
wake(struct loop *l)
{
	uint64_t one = 1;

	if (!atomic_exchange(&l->asleep, false))
		return;
	/* Full (EAGAIN) wakes as well. */
	while (write(l->wake_fd, &one, sizeof one) == -1 && errno == EINTR)
		;
}

void
loop_stop(struct loop *l)
{
	atomic_store(&l->stop, true);
	wake(l);
}

/* Tasks that came after the last round still run: each may be a completion
 * somebody waits for. */
void
loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	atomic_store(&l->owner, thread_self());
	while (run_tasks(l) || run_late(l, INT64_MAX))
		;
	event_free(l->wake_ev);
	event_base_free(l->base);
	close(l->wake_fd);
	free(l->name);
	free(l);
}

const char *
loop_name(const struct loop *l)
{
	return (l->name);
}

void
loop_assert(const struct loop *l)
{
	uintptr_t owner = atomic_load_explicit(&l->owner,
	    memory_order_relaxed);

	CHECK(owner == 0 || owner == thread_self());
}

int64_t
loop_now_ns(const struct loop *l)
{
	/* A cache: reading the time does not change the loop. */
	struct loop *m = (struct loop *)(uintptr_t)l;

	if (m->now == 0)
		m->now = clock_mono_ns();
	return (m->now);
}

void
loop_post(struct loop *l, struct loop_task *t)
{
	struct loop_task *head = atomic_load(&l->tasks);

	CHECK(!t->queued);
	t->queued = true;
	do
		t->next = head;
	while (!atomic_compare_exchange_weak(&l->tasks, &head, t));
	wake(l);
}

void
loop_post_late(struct loop *l, struct loop_task *t)
{
	loop_assert(l);
	CHECK(!t->queued);
	t->queued = true;
	t->next = NULL;
	*l->late_tail = t;
	l->late_tail = &t->next;
}

struct call {
	struct loop_task	task;
	void			(*fn)(void *);
	void			*arg;
	struct mutex		 m;
	struct cond		 c;
	bool			 done;
};

static void
run_call(struct loop_task *t)
{
	struct call *call = container_of(t, struct call, task);

	call->fn(call->arg);
	mutex_lock(&call->m);
	call->done = true;
	cond_signal(&call->c);
	mutex_unlock(&call->m);
}

void
loop_call(struct loop *l, void (*fn)(void *), void *arg)
{
	struct call call = { .task = { .fn = run_call }, .fn = fn,
	    .arg = arg };

	CHECK(atomic_load(&l->owner) != thread_self());
	mutex_init(&call.m);
	cond_init(&call.c);
	loop_post(l, &call.task);
	mutex_lock(&call.m);
	while (!call.done)
		cond_wait(&call.c, &call.m);
	mutex_unlock(&call.m);
	cond_fini(&call.c);
	mutex_fini(&call.m);
}

/* Timers. */

/* libevent's clock is the coarse one, which may be a few ms behind: so it can
 * fire early, and is asked again for the rest. */
static int64_t
precise_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec);
}

static void
timer_add(struct timer_impl *impl, int64_t ns)
{
	struct timeval tv = { .tv_sec = (time_t)(ns / 1000000000),
	    .tv_usec = (suseconds_t)(ns % 1000000000 / 1000) };

	CHECK(event_add(&impl->ev, &tv) == 0);
}

static void
timer_fired(evutil_socket_t fd, short what, void *arg)
{
	struct loop_timer *t = arg;
	struct timer_impl *impl = t->impl;
	int64_t left = impl->due_ns - precise_ns();

	(void)fd;
	(void)what;
	if (left > 0) {
		timer_add(impl, left + 999);
		return;
	}
	t->armed = false;
	t->fn(t);
}

void
timer_init(struct loop_timer *t, struct loop *l,
    void (*fn)(struct loop_timer *))
{
	*t = (struct loop_timer){ .fn = fn, .loop = l };
}

void
timer_arm(struct loop_timer *t, int64_t ms)
{
	struct timer_impl *impl = t->impl;

	loop_assert(t->loop);
	CHECK(ms >= 0);
	if (impl == NULL) {
		t->impl = impl = xcalloc(1, sizeof *impl);
		event_assign(&impl->ev, t->loop->base, -1, 0, timer_fired, t);
	}
	if (ms > TIMER_MAX_MS)
		ms = TIMER_MAX_MS;
	impl->due_ns = ms == 0 ? 0 : precise_ns() + ms * 1000000;
	timer_add(impl, ms * 1000000);
	t->armed = true;
}

void
timer_disarm(struct loop_timer *t)
{
	if (!t->armed)
		return;
	loop_assert(t->loop);
	event_del(&((struct timer_impl *)t->impl)->ev);
	t->armed = false;
}

void
timer_fini(struct loop_timer *t)
{
	timer_disarm(t);
	free(t->impl);
	t->impl = NULL;
}

/* Descriptors. */

static void
fd_ready(evutil_socket_t fd, short what, void *arg)
{
	struct loop_fd *f = arg;

	(void)fd;
	f->fn(f, ((what & EV_READ) ? LOOP_READ : 0) |
	    ((what & EV_WRITE) ? LOOP_WRITE : 0));
}

void
loop_fd_init(struct loop_fd *f, struct loop *l, int fd,
    void (*fn)(struct loop_fd *, unsigned ready))
{
	struct fd_impl *impl = xcalloc(1, sizeof *impl);

	loop_assert(l);
	*f = (struct loop_fd){ .fn = fn, .loop = l, .fd = fd, .impl = impl };
	event_assign(&impl->rd, l->base, fd, EV_READ | EV_PERSIST, fd_ready,
	    f);
	event_assign(&impl->wr, l->base, fd, EV_WRITE | EV_PERSIST, fd_ready,
	    f);
}

static void
fd_set_one(struct loop_fd *f, struct event *ev, bool on)
{
	if (!on)
		event_del(ev);
	else if (event_add(ev, NULL) == -1)
		log_error(f->loop->name, "cannot wait for descriptor %d: %s",
		    f->fd, strerror(errno));
}

void
loop_fd_want(struct loop_fd *f, unsigned want)
{
	struct fd_impl *impl = f->impl;
	unsigned change = want ^ f->want;

	if (change == 0)
		return;
	loop_assert(f->loop);
	f->want = want;
	if (change & LOOP_READ)
		fd_set_one(f, &impl->rd, want & LOOP_READ);
	if (change & LOOP_WRITE)
		fd_set_one(f, &impl->wr, want & LOOP_WRITE);
}

void
loop_fd_fini(struct loop_fd *f)
{
	if (f->impl == NULL)
		return;
	loop_fd_want(f, 0);
	free(f->impl);
	f->impl = NULL;
}
