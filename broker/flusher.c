/*
 * One sync at a time.  Two lists of dirty partitions: those that somebody waits
 * for, taken at once and as a whole, each synced once whatever was appended to
 * it meanwhile, with no linger: the sync itself is what requests gather behind;
 * and those that nobody waits for, taken when the oldest of them is due.
 */
#include "broker/flusher.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broker/topic.h"

#define LATER_NS	(INT64_C(10) * 1000000)

TAILQ_HEAD(dirty_list, partition);

struct flusher {
	struct broker		*broker;
	struct thread		 thread;
	struct mutex		 lock;		/* all below */
	struct cond		 wake;
	struct dirty_list	 now, later;
	int64_t			 due;		/* of the oldest of later */
	bool			 stop;
};

/* Both lists, when the time of the second has come.  With the lock. */
static bool
later_is_due(const struct flusher *f)
{
	return (!TAILQ_EMPTY(&f->later) &&
	    (f->stop || f->due <= clock_mono_ns()));
}

/* What is to be synced, or an empty list: it is time to stop. */
static void
take(struct flusher *f, struct dirty_list *v)
{
	struct partition *p;

	TAILQ_INIT(v);
	mutex_lock(&f->lock);
	while (TAILQ_EMPTY(&f->now) && !later_is_due(f) && !f->stop)
		if (TAILQ_EMPTY(&f->later))
			cond_wait(&f->wake, &f->lock);
		else
			cond_wait_until(&f->wake, &f->lock, f->due);
	TAILQ_CONCAT(v, &f->now, dirty_next);
	if (later_is_due(f))
		TAILQ_CONCAT(v, &f->later, dirty_next);
	TAILQ_FOREACH(p, v, dirty_next)
		p->flush = FLUSH_TAKEN;
	mutex_unlock(&f->lock);
}

static void
flusher_run(void *arg)
{
	struct flusher *f = arg;
	struct dirty_list v;
	struct partition *p;

	for (take(f, &v); !TAILQ_EMPTY(&v); take(f, &v))
		while ((p = TAILQ_FIRST(&v)) != NULL) {
			TAILQ_REMOVE(&v, p, dirty_next);
			partition_flush(p);
			topic_unref(p->topic);
		}
}

void
flusher_add(struct broker *b, struct partition *p, bool hurry)
{
	struct flusher *f = b->flusher;
	bool wake;

	topic_ref(p->topic);
	mutex_lock(&f->lock);
	if (hurry) {
		wake = TAILQ_EMPTY(&f->now);
		TAILQ_INSERT_TAIL(&f->now, p, dirty_next);
		p->flush = FLUSH_NOW;
	} else {
		if ((wake = TAILQ_EMPTY(&f->later)))
			f->due = clock_mono_ns() + LATER_NS;
		TAILQ_INSERT_TAIL(&f->later, p, dirty_next);
		p->flush = FLUSH_LATER;
	}
	mutex_unlock(&f->lock);
	if (wake)
		cond_signal(&f->wake);
}

void
flusher_hurry(struct broker *b, struct partition *p)
{
	struct flusher *f = b->flusher;

	mutex_lock(&f->lock);
	if (p->flush == FLUSH_LATER) {
		TAILQ_REMOVE(&f->later, p, dirty_next);
		TAILQ_INSERT_TAIL(&f->now, p, dirty_next);
		p->flush = FLUSH_NOW;
		cond_signal(&f->wake);
	}
	mutex_unlock(&f->lock);
}

int
flusher_start(struct broker *b, struct err *e)
{
	struct flusher *f = xcalloc(1, sizeof *f);

	f->broker = b;
	mutex_init(&f->lock);
	cond_init(&f->wake);
	TAILQ_INIT(&f->now);
	TAILQ_INIT(&f->later);
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
