#include "broker/sync_calls.h"

#include <stdlib.h>

#include "base/mem.h"
#include "kafka/errors.h"

struct sync_call {
	struct sync_wait	 wait;
	struct sync_calls	*calls;
	sync_call_fn		*fn;
	void			*arg;
};

void
sync_calls_init(struct sync_calls *s)
{
	mutex_init(&s->lock);
	cond_init(&s->idle);
	s->n = 0;
}

void
sync_calls_fini(struct sync_calls *s)
{
	mutex_fini(&s->lock);
	cond_fini(&s->idle);
}

void
sync_calls_add(struct sync_calls *s, int d)
{
	mutex_lock(&s->lock);
	s->n += (size_t)(ssize_t)d;
	if (s->n == 0)
		cond_signal(&s->idle);
	mutex_unlock(&s->lock);
}

void
sync_calls_wait(struct sync_calls *s)
{
	mutex_lock(&s->lock);
	while (s->n > 0)
		cond_wait(&s->idle, &s->lock);
	mutex_unlock(&s->lock);
}

int16_t
coordinator_error(const struct err *e)
{
	return (e->code == ERR_TOO_LARGE ? KERR_UNKNOWN_SERVER_ERROR :
	    KERR_COORDINATOR_NOT_AVAILABLE);
}

void
sync_call_free(struct sync_call *c)
{
	if (c == NULL)
		return;
	sync_calls_add(c->calls, -1);
	free(c);
}

static void
call_done(struct completion *done, const struct err *err)
{
	struct sync_wait *w = container_of(done, struct sync_wait, done);
	struct sync_call *c = container_of(w, struct sync_call, wait);

	c->fn(c->arg, err == NULL ? KERR_NONE : coordinator_error(err));
	sync_call_free(c);
}

struct sync_call *
sync_call_new(struct sync_calls *s, struct loop *loop, sync_call_fn *fn,
    void *arg)
{
	struct sync_call *c = xcalloc(1, sizeof *c);

	c->calls = s;
	c->fn = fn;
	c->arg = arg;
	sync_calls_add(s, 1);
	sync_wait_init(&c->wait, loop, call_done);
	return (c);
}

struct sync_wait *
sync_call_wait(struct sync_call *c)
{
	return (c == NULL ? NULL : &c->wait);
}
