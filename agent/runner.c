/*
 * The slots are a ring in lease order: [head, tail) are with the sink.  A
 * delivery's completion runs in the sink's thread of choice; it marks its
 * slot, and whoever finds the head done commits, one thread at a time
 * (committing), so that channel_commit and its callbacks see no lock of ours.
 *
 * After a failure no lease is taken until every outstanding delivery has
 * completed; then all of them are rolled back, the newest first, so that the
 * channel offers them again in their old order.  A lease delivered behind a
 * failed one is rolled back with it and delivered again: order before
 * duplicates.
 */
#include "agent/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

#define BACKOFF_FIRST_MS	100
#define BACKOFF_LAST_MS		5000
#define TAKE_WAIT_MS		250

enum slot_state { SLOT_SENT, SLOT_DONE, SLOT_FAILED };

struct slot {
	struct runner		*runner;
	struct lease		 lease;
	struct completion	 done;
	enum slot_state		 state;
};

struct runner {
	/* owner: the mutex; sink and channel never change */
	struct sink		*sink;
	struct channel		*channel;
	struct thread		 thread;
	struct mutex		 mutex;
	struct cond		 cond;
	struct slot		*slots;
	uint32_t		 nslots;
	uint32_t		 head, tail;	/* free-running */
	uint32_t		 outstanding;	/* with the sink */
	size_t			 bytes;		/* of [head, tail) */
	bool			 committing;
	bool			 stop;
	bool			 failed;
	int64_t			 backoff_ms;
	struct err		 why;
};

static struct slot *
slot_at(struct runner *r, uint32_t i)
{
	return (&r->slots[i % r->nslots]);
}

/* --- commit --- */

static void
commit_one(struct runner *r, struct slot *s)
{
	struct err e = ERR_INIT;

	metric_add(&r->sink->common.delivered_records, s->lease.n);
	metric_add(&r->sink->common.delivered_bytes, (int64_t)s->lease.bytes);
	metric_add(&r->sink->common.leases, 1);
	if (r->channel->ops->commit(r->channel, &s->lease, &e) == -1)
		log_error(r->sink->who, "commit in %s: %s: what was just "
		    "delivered will be delivered again after a restart",
		    r->channel->who, e.msg);
}

/* Commits from the head what is done.  Called and returns with the lock. */
static void
commit_ready(struct runner *r)
{
	struct slot *s;

	if (r->committing || r->failed)
		return;
	r->committing = true;
	while (r->head != r->tail && !r->failed) {
		s = slot_at(r, r->head);
		if (s->state != SLOT_DONE)
			break;
		mutex_unlock(&r->mutex);
		commit_one(r, s);
		mutex_lock(&r->mutex);
		r->head++;
		r->bytes -= s->lease.bytes;
		r->backoff_ms = 0;
	}
	r->committing = false;
	cond_broadcast(&r->cond);
}

static void
slot_done(struct completion *c, const struct err *e)
{
	struct slot *s = container_of(c, struct slot, done);
	struct runner *r = s->runner;

	mutex_lock(&r->mutex);
	r->outstanding--;
	s->state = e == NULL ? SLOT_DONE : SLOT_FAILED;
	if (e != NULL && !r->failed) {
		r->failed = true;
		r->why = *e;
	}
	commit_ready(r);
	cond_broadcast(&r->cond);
	mutex_unlock(&r->mutex);
}

/* --- failure --- */

/* What stands done before the first failure is delivered: commit it; roll
 * back the rest.  Nothing is outstanding.  With the lock. */
static void
roll_back(struct runner *r)
{
	struct slot *s;

	while (r->committing)
		cond_wait(&r->cond, &r->mutex);
	r->failed = false;
	commit_ready(r);
	while (r->tail != r->head) {
		s = slot_at(r, --r->tail);
		r->bytes -= s->lease.bytes;
		mutex_unlock(&r->mutex);
		r->channel->ops->rollback(r->channel, &s->lease);
		mutex_lock(&r->mutex);
	}
}

static bool
is_final(const struct err *e)
{
	return (e->code == ERR_TOO_LARGE || e->code == ERR_REFUSED);
}

/* Waits out a failure.  With the lock. */
static void
recover(struct runner *r)
{
	int64_t until;

	while (r->outstanding > 0)
		cond_wait(&r->cond, &r->mutex);
	metric_add(&r->sink->common.failures, 1);
	r->backoff_ms = r->backoff_ms == 0 ? BACKOFF_FIRST_MS :
	    r->backoff_ms * 2;
	if (r->backoff_ms > BACKOFF_LAST_MS || is_final(&r->why))
		r->backoff_ms = BACKOFF_LAST_MS;
	log_warn(r->sink->who, "%s: nothing is lost, trying again in %lld ms",
	    r->why.msg, (long long)r->backoff_ms);
	until = r->backoff_ms;
	roll_back(r);
	r->backoff_ms = until;
	until = clock_mono_ns() + r->backoff_ms * 1000000;
	while (!r->stop && cond_wait_until(&r->cond, &r->mutex, until))
		continue;
}

/* --- the thread --- */

static void
deliver(struct runner *r, const struct lease *lease)
{
	struct slot *s;

	mutex_lock(&r->mutex);
	s = slot_at(r, r->tail++);
	s->runner = r;
	s->lease = *lease;
	r->bytes += lease->bytes;
	s->state = SLOT_SENT;
	r->outstanding++;
	completion_init(&s->done, NULL, slot_done);
	mutex_unlock(&r->mutex);
	r->sink->ops->deliver(r->sink, &s->lease, &s->done);
}

static bool
has_room(const struct runner *r)
{
	size_t most = r->sink->inflight_bytes;

	return (r->tail - r->head < r->nslots &&
	    (most == 0 || r->bytes < most));
}

/* Until a slot is free; false to stop. */
static bool
wait_for_slot(struct runner *r)
{
	bool go;

	mutex_lock(&r->mutex);
	for (;;) {
		if (r->stop || (!r->failed && has_room(r)))
			break;
		if (r->failed)
			recover(r);
		else
			cond_wait(&r->cond, &r->mutex);
	}
	go = !r->stop;
	mutex_unlock(&r->mutex);
	return (go);
}

static void
take_failed(struct runner *r, const struct err *e)
{
	mutex_lock(&r->mutex);
	r->failed = true;
	r->why = *e;
	mutex_unlock(&r->mutex);
}

static void
runner_main(void *arg)
{
	struct runner *r = arg;
	struct sink *k = r->sink;
	struct lease lease;
	struct err e;
	int rc;

	while (wait_for_slot(r)) {
		memset(&lease, 0, sizeof lease);
		e = (struct err)ERR_INIT;
		rc = r->channel->ops->take(r->channel, &lease,
		    k->batch_records, k->batch_bytes, TAKE_WAIT_MS, &e);
		if (rc == 1)
			deliver(r, &lease);
		else if (rc == -1)
			take_failed(r, &e);
		else if (k->ops->idle != NULL)
			k->ops->idle(k);
	}
}

/* --- life --- */

int
runner_start(struct runner **out, struct sink *k, struct channel *ch,
    struct err *e)
{
	struct runner *r = xcalloc(1, sizeof *r);
	char name[16];

	r->sink = k;
	r->channel = ch;
	r->nslots = k->inflight == 0 ? 1 : k->inflight;
	r->slots = xcalloc(r->nslots, sizeof *r->slots);
	mutex_init(&r->mutex);
	cond_init(&r->cond);
	snprintf(name, sizeof name, "sink %s", k->name);
	if (thread_start(&r->thread, name, runner_main, r, e) == -1) {
		free(r->slots);
		free(r);
		return (-1);
	}
	*out = r;
	return (0);
}

bool
runner_idle(struct runner *r)
{
	struct channel_fill fill = { 0 };
	bool idle;

	mutex_lock(&r->mutex);
	idle = r->head == r->tail;
	mutex_unlock(&r->mutex);
	if (!idle)
		return (false);
	r->channel->ops->fill(r->channel, &fill);
	return (fill.records == 0);
}

const char *
runner_state(struct runner *r, char *buf, size_t size)
{
	mutex_lock(&r->mutex);
	if (r->failed || r->backoff_ms > 0)
		snprintf(buf, size, "trying again: %s", r->why.msg);
	else if (r->outstanding > 0)
		snprintf(buf, size, "%zu batch%s on the way",
		    (size_t)r->outstanding, r->outstanding == 1 ? "" : "es");
	else
		snprintf(buf, size, "idle");
	mutex_unlock(&r->mutex);
	return (buf);
}

void
runner_stop(struct runner *r)
{
	if (r == NULL)
		return;
	mutex_lock(&r->mutex);
	r->stop = true;
	cond_broadcast(&r->cond);
	mutex_unlock(&r->mutex);
	r->channel->ops->wake(r->channel);
	thread_join(&r->thread);
	r->sink->ops->stop(r->sink);
	mutex_lock(&r->mutex);
	while (r->outstanding > 0)
		cond_wait(&r->cond, &r->mutex);
	roll_back(r);
	mutex_unlock(&r->mutex);
	mutex_fini(&r->mutex);
	cond_fini(&r->cond);
	free(r->slots);
	free(r);
}
