/*
 * One sync at a time: the list of dirty partitions is taken as a whole, and
 * each is synced once, whatever was appended to it meanwhile.  No timer and no
 * linger: the sync itself is what requests gather behind.
 */
#include "broker/flusher.h"

#include <stdlib.h>

#include "base/mem.h"
#include "broker/topic.h"

struct flusher {
	struct broker		*broker;
	struct thread		 thread;
	struct mutex		 lock;
	struct cond		 wake;
	struct partition	*head, **tail;	/* lock */
	bool			 stop;		/* lock */
};

static struct partition *
take_all(struct flusher *f)
{
	struct partition *v;

	mutex_lock(&f->lock);
	while (f->head == NULL && !f->stop)
		cond_wait(&f->wake, &f->lock);
	v = f->head;
	f->head = NULL;
	f->tail = &f->head;
	mutex_unlock(&f->lock);
	return (v);
}

static void
flusher_run(void *arg)
{
	struct flusher *f = arg;
	struct partition *v, *p;

	while ((v = take_all(f)) != NULL)
		while ((p = v) != NULL) {
			v = p->dirty_next;
			partition_flush(p);
			topic_unref(p->topic);
		}
}

void
flusher_add(struct broker *b, struct partition *p)
{
	struct flusher *f = b->flusher;
	bool first;

	topic_ref(p->topic);
	p->dirty_next = NULL;
	mutex_lock(&f->lock);
	first = f->head == NULL;
	*f->tail = p;
	f->tail = &p->dirty_next;
	mutex_unlock(&f->lock);
	if (first)
		cond_signal(&f->wake);
}

int
flusher_start(struct broker *b, struct err *e)
{
	struct flusher *f = xcalloc(1, sizeof *f);

	f->broker = b;
	mutex_init(&f->lock);
	cond_init(&f->wake);
	f->tail = &f->head;
	b->flusher = f;
	return (thread_start(&f->thread, "flusher", flusher_run, f, e));
}

void
flusher_stop(struct broker *b)
{
	struct flusher *f = b->flusher;

	if (f == NULL)
		return;
	mutex_lock(&f->lock);
	f->stop = true;
	mutex_unlock(&f->lock);
	cond_signal(&f->wake);
	thread_join(&f->thread);
	mutex_fini(&f->lock);
	cond_fini(&f->wake);
	free(f);
	b->flusher = NULL;
}
