/* See fake_loop.h.  Timers and descriptors are in plain lists: a test has a
 * few of them, and the order of equal timers must be that of arming. */
#include "test/fake/fake_loop.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"

#define MANY	1000000		/* tasks in one fake_run: they never end */

/* What is behind impl of a timer. */
struct fake_timer {
	struct fake_timer *next;
	struct loop_timer *t;
	int64_t		 due;
	uint64_t	 seq;
};

/* What is behind impl of a loop_fd. */
struct fake_fd {
	struct fake_fd	*next;
	struct loop_fd	*f;
};

struct loop {
	struct loop	*next;
	char		*name;
	uintptr_t	 owner;
	struct fake_timer *timers;
	struct fake_fd	*fds;
	struct loop_task *first, **last;
	atomic_bool	 stop;
};

static struct loop *loops;
static int64_t now_ns = FAKE_START_NS, wall_off_ms;
static uint64_t next_seq;
/* Of the task queues, for posts from other threads. */
static struct mutex lock = MUTEX_INIT;

static int64_t
fake_mono_ns(void *ctx)
{
	(void)ctx;
	return (now_ns);
}

static int64_t
fake_wall_ms(void *ctx)
{
	(void)ctx;
	return (FAKE_START_MS + (now_ns - FAKE_START_NS) / 1000000 +
	    wall_off_ms);
}

/* loop.h */

struct loop *
loop_new(const char *name, struct err *e)
{
	struct loop *l = xcalloc(1, sizeof *l);

	(void)e;
	if (loops == NULL) {
		now_ns = FAKE_START_NS;
		wall_off_ms = 0;
		clock_replace(fake_mono_ns, fake_wall_ms, NULL);
	}
	l->name = xstrdup(name);
	l->owner = thread_self();
	l->last = &l->first;
	l->next = loops;
	loops = l;
	return (l);
}

static struct loop_task *
pop_task(struct loop *l)
{
	struct loop_task *t;

	mutex_lock(&lock);
	if ((t = l->first) != NULL) {
		if ((l->first = t->next) == NULL)
			l->last = &l->first;
		t->next = NULL;
		t->queued = false;
	}
	mutex_unlock(&lock);
	return (t);
}

void
loop_free(struct loop *l)
{
	struct loop_task *t;
	struct loop **p;

	if (l == NULL)
		return;
	while ((t = pop_task(l)) != NULL)
		t->fn(t);
	for (p = &loops; *p != l; p = &(*p)->next)
		;
	*p = l->next;
	CHECK(l->timers == NULL && l->fds == NULL);
	free(l->name);
	free(l);
	if (loops == NULL)
		clock_replace(NULL, NULL, NULL);
}

const char *
loop_name(const struct loop *l)
{
	return (l->name);
}

void
loop_assert(const struct loop *l)
{
	CHECK(l->owner == thread_self());
}

int64_t
loop_now_ns(const struct loop *l)
{
	(void)l;
	return (now_ns);
}

void
loop_post(struct loop *l, struct loop_task *t)
{
	mutex_lock(&lock);
	CHECK(!t->queued);
	t->queued = true;
	t->next = NULL;
	*l->last = t;
	l->last = &t->next;
	mutex_unlock(&lock);
}

/* Its time stands still while tasks run: none of them keeps others waiting. */
void
loop_post_late(struct loop *l, struct loop_task *t)
{
	loop_post(l, t);
}

void
loop_call(struct loop *l, void (*fn)(void *), void *arg)
{
	loop_assert(l);
	fn(arg);
}

void
loop_stop(struct loop *l)
{
	atomic_store(&l->stop, true);
}

void
loop_run(struct loop *l)
{
	int64_t ms;

	l->owner = thread_self();
	fake_run();
	while (!atomic_load(&l->stop)) {
		ms = fake_next_timer();
		CHECK(ms != -1);	/* else it would wait for ever */
		fake_advance(ms);
	}
	atomic_store(&l->stop, false);
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
	struct fake_timer *f = xcalloc(1, sizeof *f);

	CHECK(ms >= 0);
	loop_assert(t->loop);
	timer_disarm(t);
	f->t = t;
	f->due = now_ns + ms * 1000000;
	f->seq = next_seq++;
	f->next = t->loop->timers;
	t->loop->timers = f;
	t->impl = f;
	t->armed = true;
}

void
timer_disarm(struct loop_timer *t)
{
	struct fake_timer **p;

	if (!t->armed)
		return;
	loop_assert(t->loop);
	for (p = &t->loop->timers; *p != t->impl; p = &(*p)->next)
		;
	*p = (*p)->next;
	free(t->impl);
	t->impl = NULL;
	t->armed = false;
}

void
timer_fini(struct loop_timer *t)
{
	timer_disarm(t);
}

void
loop_fd_init(struct loop_fd *f, struct loop *l, int fd,
    void (*fn)(struct loop_fd *, unsigned ready))
{
	struct fake_fd *ff = xcalloc(1, sizeof *ff);

	loop_assert(l);
	*f = (struct loop_fd){ .fn = fn, .loop = l, .fd = fd, .impl = ff };
	ff->f = f;
	ff->next = l->fds;
	l->fds = ff;
}

void
loop_fd_want(struct loop_fd *f, unsigned want)
{
	loop_assert(f->loop);
	f->want = want;
}

void
loop_fd_fini(struct loop_fd *f)
{
	struct fake_fd **p;

	if (f->impl == NULL)
		return;
	loop_assert(f->loop);
	for (p = &f->loop->fds; *p != f->impl; p = &(*p)->next)
		;
	*p = (*p)->next;
	free(f->impl);
	f->impl = NULL;
	f->want = 0;
}

/* fake_loop.h */

/* The timer that is due first, of those armed together the first armed. */
static struct fake_timer *
first_timer(void)
{
	struct fake_timer *f, *best = NULL;
	struct loop *l;

	for (l = loops; l != NULL; l = l->next)
		for (f = l->timers; f != NULL; f = f->next)
			if (best == NULL || f->due < best->due ||
			    (f->due == best->due && f->seq < best->seq))
				best = f;
	return (best);
}

static bool
fire_timer(int64_t upto)
{
	struct fake_timer *f = first_timer();
	struct loop_timer *t;

	if (f == NULL || f->due > upto)
		return (false);
	if (f->due > now_ns)
		now_ns = f->due;
	t = f->t;
	timer_disarm(t);
	t->fn(t);
	return (true);
}

static bool
run_task(void)
{
	struct loop_task *t = NULL;
	struct loop *l;

	for (l = loops; l != NULL && t == NULL; l = l->next)
		t = pop_task(l);
	if (t != NULL)
		t->fn(t);
	return (t != NULL);
}

void
fake_run(void)
{
	unsigned n = 0;

	while (run_task() || fire_timer(now_ns))
		CHECK(++n < MANY);
}

void
fake_advance(int64_t ms)
{
	int64_t end;

	CHECK(ms >= 0);
	fake_run();
	end = now_ns + ms * 1000000;
	while (fire_timer(end))
		fake_run();
	now_ns = end;
}

void
fake_step_wall(int64_t ms)
{
	wall_off_ms += ms;
}

int64_t
fake_next_timer(void)
{
	struct fake_timer *f = first_timer();

	if (f == NULL)
		return (-1);
	return (f->due <= now_ns ? 0 : (f->due - now_ns + 999999) / 1000000);
}

size_t
fake_timers(void)
{
	struct fake_timer *f;
	struct loop *l;
	size_t n = 0;

	for (l = loops; l != NULL; l = l->next)
		for (f = l->timers; f != NULL; f = f->next)
			n++;
	return (n);
}

size_t
fake_tasks(void)
{
	struct loop_task *t;
	struct loop *l;
	size_t n = 0;

	mutex_lock(&lock);
	for (l = loops; l != NULL; l = l->next)
		for (t = l->first; t != NULL; t = t->next)
			n++;
	mutex_unlock(&lock);
	return (n);
}

size_t
fake_fds(void)
{
	struct fake_fd *f;
	struct loop *l;
	size_t n = 0;

	for (l = loops; l != NULL; l = l->next)
		for (f = l->fds; f != NULL; f = f->next)
			n += f->f->want != 0;
	return (n);
}

static struct loop_fd *
find_fd(struct loop *l, int fd)
{
	struct fake_fd *f;

	for (f = l->fds; f != NULL; f = f->next)
		if (f->f->fd == fd)
			return (f->f);
	return (NULL);
}

unsigned
fake_wanted(struct loop *l, int fd)
{
	struct loop_fd *f = find_fd(l, fd);

	return (f == NULL ? 0 : f->want);
}

bool
fake_fire(struct loop *l, int fd, unsigned ready)
{
	struct loop_fd *f = find_fd(l, fd);

	if (f == NULL || (f->want & ready) == 0)
		return (false);
	f->fn(f, f->want & ready);
	fake_run();
	return (true);
}
