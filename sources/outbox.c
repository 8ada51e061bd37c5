/*
 * One item per batch: it waits in the list, is on its way, and comes back to
 * the front of the list when storing it failed.
 *
 * The timer does two things that never overlap in need: it offers again what
 * was refused for another reason than a full channel, and it ends the wait of
 * outbox_stop.
 */
#include "sources/outbox.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"

#define RETRY_MS	1000

struct outbox_item {
	struct completion	 stored;
	struct outbox		*box;
	struct batch		*batch;
	struct outbox_item	*next;
};

static void
append(struct outbox *o, struct batch *b)
{
	struct outbox_item *i = xcalloc(1, sizeof *i);

	i->box = o;
	i->batch = b;
	*o->tail = i;
	o->tail = &i->next;
}

static void
prepend(struct outbox *o, struct outbox_item *i)
{
	i->next = o->head;
	o->head = i;
	if (i->next == NULL)
		o->tail = &i->next;
}

static struct outbox_item *
take_first(struct outbox *o)
{
	struct outbox_item *i = o->head;

	o->head = i->next;
	if (o->head == NULL)
		o->tail = &o->head;
	i->next = NULL;
	return (i);
}

static void
item_free(struct outbox_item *i)
{
	batch_unref(i->batch);
	free(i);
}

static void
drop_first(struct outbox *o)
{
	metric_add(&o->dropped, o->head->batch->n);
	item_free(take_first(o));
}

static void
stop_if_done(struct outbox *o)
{
	struct completion *c = o->stopped;

	if (c == NULL || o->on_way > 0 || o->head != NULL)
		return;
	o->stopped = NULL;
	timer_disarm(&o->retry);
	completion_done(c, NULL);
}

/* The two halves take the place of the first one. */
static void
split_first(struct outbox *o)
{
	struct outbox_item *rest, *i = o->head;
	struct batch *b = i->batch;
	uint32_t half = b->n / 2, k;
	bool *keep = xcalloc(b->n, sizeof *keep);

	for (k = 0; k < half; k++)
		keep[k] = true;
	rest = xcalloc(1, sizeof *rest);
	rest->box = o;
	rest->batch = batch_tail(b, half);
	rest->next = i->next;
	i->next = rest;
	if (rest->next == NULL)
		o->tail = &rest->next;
	i->batch = batch_child(b, keep);
	batch_unref(b);
	free(keep);
}

static void
refused(struct outbox *o, const struct err *e)
{
	const char *who = o->source->who;

	if (e->code == ERR_FULL)
		return;		/* resume comes */
	if (e->code != ERR_TOO_LARGE) {
		log_warn(who, "a batch was not taken: %s; offered again in "
		    "%d ms", e->msg, RETRY_MS);
		if (o->stopped == NULL)
			timer_arm(&o->retry, RETRY_MS);
	} else if (o->head->batch->n > 1) {
		split_first(o);
	} else {
		log_error(who, "a record was dropped: %s", e->msg);
		drop_first(o);
	}
}

static void stored(struct completion *, const struct err *);

/* False: it has to wait. */
static bool
offer_first(struct outbox *o)
{
	struct outbox_item *i = o->head;
	struct err e = ERR_INIT;

	completion_init(&i->stored, o->source->loop, stored);
	if (source_emit(o->source, batch_ref(i->batch), &i->stored,
	    &e) == 0) {
		take_first(o);
		o->on_way++;
		return (true);
	}
	batch_unref(i->batch);		/* the one for emit */
	refused(o, &e);
	return (e.code == ERR_TOO_LARGE);
}

static void
offer(struct outbox *o)
{
	if (o->busy)
		return;
	o->busy = true;
	while (o->head != NULL && !o->paused &&
	    (!o->retry.armed || o->stopped != NULL))
		if (!offer_first(o))
			break;
	o->busy = false;
	if (o->head != NULL) {
		o->blocked = true;
	} else if (o->blocked && !o->paused && o->stopped == NULL) {
		o->blocked = false;
		o->room(o->ctx);
	}
	stop_if_done(o);
}

static void
stored(struct completion *c, const struct err *e)
{
	struct outbox_item *i = container_of(c, struct outbox_item, stored);
	struct outbox *o = i->box;

	o->on_way--;
	if (e == NULL) {
		item_free(i);
		stop_if_done(o);
		return;
	}
	log_warn(o->source->who, "a batch could not be stored: %s; it is "
	    "offered again, its records may come twice", e->msg);
	prepend(o, i);
	if (!o->retry.armed)
		timer_arm(&o->retry, RETRY_MS);
}

static void
on_timer(struct loop_timer *t)
{
	struct outbox *o = container_of(t, struct outbox, retry);
	int64_t before = metric_get(&o->dropped);

	if (o->stopped == NULL) {
		offer(o);
		return;
	}
	o->paused = false;
	offer(o);
	while (o->head != NULL)
		drop_first(o);
	if (metric_get(&o->dropped) > before)
		log_error(o->source->who, "stopped with %lld records that no "
		    "channel had room for; they are lost",
		    (long long)(metric_get(&o->dropped) - before));
	stop_if_done(o);
}

void
outbox_init(struct outbox *o, struct source *s, void (*room)(void *),
    void *ctx)
{
	o->source = s;
	o->room = room;
	o->ctx = ctx;
	o->tail = &o->head;
	timer_init(&o->retry, s->loop, on_timer);
}

void
outbox_fini(struct outbox *o)
{
	if (o->source == NULL)
		return;
	CHECK(o->on_way == 0);
	while (o->head != NULL)
		item_free(take_first(o));
	timer_fini(&o->retry);
	o->source = NULL;
}

void
outbox_put(struct outbox *o, struct batch *b)
{
	if (b->n == 0) {
		batch_unref(b);
		return;
	}
	append(o, b);
	offer(o);
}

bool
outbox_waits(const struct outbox *o)
{
	return (o->head != NULL || o->paused);
}

void
outbox_pause(struct outbox *o)
{
	o->paused = true;
	o->blocked = true;
}

void
outbox_resume(struct outbox *o)
{
	o->paused = false;
	offer(o);
}

void
outbox_stop(struct outbox *o, struct completion *done)
{
	o->stopped = done;
	timer_disarm(&o->retry);
	offer(o);
	if (o->stopped != NULL)
		timer_arm(&o->retry, OUTBOX_STOP_MS);
}
