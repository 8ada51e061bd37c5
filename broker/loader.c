#include "broker/loader.h"

static void
loader_main(void *arg)
{
	struct loader *l = arg;
	struct load *job;
	void (*fn)(struct load *);

	mutex_lock(&l->lock);
	while (!l->stopping) {
		if ((job = l->queue) == NULL) {
			cond_wait(&l->wake, &l->lock);
			continue;
		}
		l->queue = job->next;
		job->busy = true;
		fn = job->fn;
		mutex_unlock(&l->lock);
		fn(job);
		mutex_lock(&l->lock);
	}
	mutex_unlock(&l->lock);
}

static void
unlink_queued(struct loader *l, struct load *job)
{
	struct load **pp;

	for (pp = &l->queue; *pp != NULL; pp = &(*pp)->next)
		if (*pp == job) {
			*pp = job->next;
			return;
		}
}

void
loader_queue(struct loader *l, struct load *job, void (*fn)(struct load *),
    bool first)
{
	struct load **pp = &l->queue;

	mutex_lock(&l->lock);
	unlink_queued(l, job);
	while (!first && *pp != NULL)
		pp = &(*pp)->next;
	if (!job->busy) {
		job->fn = fn;
		job->next = *pp;
		*pp = job;
	}
	mutex_unlock(&l->lock);
	cond_signal(&l->wake);
}

void
loader_done(struct loader *l, struct load *job)
{
	mutex_lock(&l->lock);
	job->busy = false;
	mutex_unlock(&l->lock);
}

void
loader_init(struct loader *l)
{
	mutex_init(&l->lock);
	cond_init(&l->wake);
}

void
loader_fini(struct loader *l)
{
	mutex_fini(&l->lock);
	cond_fini(&l->wake);
}

int
loader_start(struct loader *l, const char *name, struct err *e)
{
	return (thread_start(&l->thread, name, loader_main, l, e));
}

void
loader_stop(struct loader *l)
{
	mutex_lock(&l->lock);
	l->stopping = true;
	mutex_unlock(&l->lock);
	cond_broadcast(&l->wake);
	thread_join(&l->thread);
}
