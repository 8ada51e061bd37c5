/*
 * See completion.h.  The error is copied only when there is one: struct err
 * is half a kilobyte, and most completions are good news.
 */
#include "loop/completion.h"

#include "base/check.h"
#include "base/mem.h"

static void
run(struct loop_task *t)
{
	struct completion *c = container_of(t, struct completion, task);

	c->fn(c, c->failed ? &c->err : NULL);
}

void
completion_init(struct completion *c, struct loop *l,
    void (*fn)(struct completion *, const struct err *))
{
	c->fn = fn;
	c->loop = l;
	c->task = (struct loop_task){ .fn = run };
	c->failed = false;
	c->pending = true;
}

void
completion_done(struct completion *c, const struct err *err)
{
	if (c == NULL)
		return;
	CHECK(c->pending);
	c->pending = false;
	if (c->loop == NULL) {
		c->fn(c, err);
		return;
	}
	if ((c->failed = err != NULL))
		c->err = *err;
	loop_post(c->loop, &c->task);
}
