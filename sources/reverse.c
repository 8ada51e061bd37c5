/*
 * Three hold on to a struct reverse: its owner, its thread, and a task that is
 * on its way to the loop.  The last one frees it, so the owner can go while a
 * lookup hangs.
 */
#include "sources/reverse.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/thread.h"

#define KEEP_NS		(600 * INT64_C(1000000000))
#define WAIT_MS		5000
#define ENTRIES_MAX	4096
#define ADDR_MAX	64

struct job {
	char		 addr[ADDR_MAX];
	char		 name[NI_MAXHOST];	/* "": none */
	struct job	*next;
};

struct entry {			/* the loop's */
	char		*name;		/* NULL: no answer yet */
	bool		 asked;		/* a job is on its way */
	int64_t		 since_ns;	/* asked or answered then */
};

struct reverse {
	/* the loop's */
	struct loop	*loop;
	void		(*ready)(void *);
	void		*ctx;
	struct map	*entries;
	size_t		 waiting;	/* jobs on their way */
	struct loop_timer timer;

	struct thread	 thread;
	struct mutex	 lock;
	struct cond	 wakeup;
	/* under the lock */
	unsigned	 refs;
	bool		 closed, posted;
	struct job	*todo, **todo_tail;
	struct job	*done;
	struct loop_task task;
};

static bool
lookup(const char *addr, char *name, size_t size)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST }, *ai;
	bool found;

	if (getaddrinfo(addr, NULL, &hints, &ai) != 0)
		return (false);
	found = getnameinfo(ai->ai_addr, ai->ai_addrlen, name,
	    (socklen_t)size, NULL, 0, NI_NAMEREQD) == 0;
	freeaddrinfo(ai);
	return (found);
}

bool (*reverse_lookup)(const char *, char *, size_t) = lookup;

static void
jobs_free(struct job *j)
{
	struct job *next;

	for (; j != NULL; j = next) {
		next = j->next;
		free(j);
	}
}

/* Called with the lock held; gives it up. */
static void
drop_ref(struct reverse *v)
{
	bool last = --v->refs == 0;

	mutex_unlock(&v->lock);
	if (!last)
		return;
	jobs_free(v->todo);
	jobs_free(v->done);
	cond_fini(&v->wakeup);
	mutex_fini(&v->lock);
	free(v);
}

/* --- the thread --- */

static struct job *
next_job(struct reverse *v)
{
	struct job *j;

	while (v->todo == NULL && !v->closed)
		cond_wait(&v->wakeup, &v->lock);
	if (v->closed)
		return (NULL);
	j = v->todo;
	v->todo = j->next;
	if (v->todo == NULL)
		v->todo_tail = &v->todo;
	return (j);
}

static void
finish_job(struct reverse *v, struct job *j)
{
	j->next = v->done;
	v->done = j;
	if (v->closed || v->posted)
		return;
	v->posted = true;
	v->refs++;
	loop_post(v->loop, &v->task);
}

static void
thread_main(void *arg)
{
	struct reverse *v = arg;
	struct job *j;

	mutex_lock(&v->lock);
	while ((j = next_job(v)) != NULL) {
		mutex_unlock(&v->lock);
		if (!reverse_lookup(j->addr, j->name, sizeof j->name))
			j->name[0] = '\0';
		mutex_lock(&v->lock);
		finish_job(v, j);
	}
	drop_ref(v);
}

/* --- the loop --- */

static void
answer(struct reverse *v, const struct job *j)
{
	struct entry *e = map_get(v->entries, slice_str(j->addr));

	v->waiting--;
	if (e == NULL)
		return;
	free(e->name);
	e->name = xstrdup(j->name[0] != '\0' ? j->name : j->addr);
	e->asked = false;
	e->since_ns = loop_now_ns(v->loop);
}

static void
on_done(struct loop_task *t)
{
	struct reverse *v = container_of(t, struct reverse, task);
	struct job *done, *j;
	bool closed;

	mutex_lock(&v->lock);
	v->posted = false;
	closed = v->closed;
	done = v->done;
	v->done = NULL;
	drop_ref(v);		/* the owner still has one, unless closed */
	for (j = done; j != NULL && !closed; j = j->next)
		answer(v, j);
	jobs_free(done);
	if (!closed)
		v->ready(v->ctx);
}

/* Who has waited long enough takes the address. */
static void
on_timer(struct loop_timer *t)
{
	struct reverse *v = container_of(t, struct reverse, timer);

	if (v->waiting > 0)
		timer_arm(t, WAIT_MS);
	v->ready(v->ctx);
}

static void
ask(struct reverse *v, struct entry *e, const char *addr)
{
	struct job *j = xcalloc(1, sizeof *j);

	memcpy(j->addr, addr, strlen(addr) + 1);
	e->asked = true;
	e->since_ns = loop_now_ns(v->loop);
	v->waiting++;
	mutex_lock(&v->lock);
	*v->todo_tail = j;
	v->todo_tail = &j->next;
	cond_signal(&v->wakeup);
	mutex_unlock(&v->lock);
	if (!v->timer.armed)
		timer_arm(&v->timer, WAIT_MS);
}

static void
forget(struct reverse *v)
{
	struct entry *e;
	struct slice key;
	size_t it = 0;
	void *value;

	while (map_next(v->entries, &it, &key, &value)) {
		e = value;
		map_remove(v->entries, key);
		free(e->name);
		free(e);
	}
}

const char *
reverse_name(struct reverse *v, const char *addr)
{
	struct entry *e = map_get(v->entries, slice_str(addr));
	int64_t now = loop_now_ns(v->loop);

	if (e == NULL) {
		if (strlen(addr) >= ADDR_MAX || v->waiting >= ENTRIES_MAX)
			return (addr);
		if (map_size(v->entries) >= ENTRIES_MAX)
			forget(v);
		e = xcalloc(1, sizeof *e);
		map_put(v->entries, slice_str(addr), e);
		ask(v, e, addr);
		return (NULL);
	}
	if (e->name != NULL) {
		if (!e->asked && now - e->since_ns > KEEP_NS)
			ask(v, e, addr);
		return (e->name);
	}
	return (now - e->since_ns >= WAIT_MS * INT64_C(1000000) ? addr :
	    NULL);
}

struct reverse *
reverse_new(struct loop *l, void (*ready)(void *), void *ctx, struct err *e)
{
	struct reverse *v = xcalloc(1, sizeof *v);

	v->loop = l;
	v->ready = ready;
	v->ctx = ctx;
	v->refs = 2;
	v->todo_tail = &v->todo;
	v->task.fn = on_done;
	mutex_init(&v->lock);
	cond_init(&v->wakeup);
	if (thread_start(&v->thread, "reverse", thread_main, v, e) == -1) {
		cond_fini(&v->wakeup);
		mutex_fini(&v->lock);
		free(v);
		return (NULL);
	}
	pthread_detach(v->thread.id);
	v->entries = map_new();
	timer_init(&v->timer, l, on_timer);
	return (v);
}

void
reverse_free(struct reverse *v)
{
	if (v == NULL)
		return;
	loop_assert(v->loop);
	forget(v);
	map_free(v->entries);
	timer_fini(&v->timer);
	mutex_lock(&v->lock);
	v->closed = true;
	cond_signal(&v->wakeup);
	drop_ref(v);
}
