/*
 * One struct route per source.
 *
 * An emit that was taken lives in a struct emit until every required channel
 * has stored it; its completions count down on the source's loop.
 *
 * Delivered cursors come from the runners' threads.  They are merged into one
 * set per channel under the mutex, and a task on the loop hands the smallest
 * of the channels' offsets per file on to the source: what only some sinks
 * have committed is not delivered.
 */
#include "agent/route.h"

#include <stdlib.h>
#include <string.h>

#include "agent/selector.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

struct lane {			/* one channel of the route */
	struct channel		*channel;
	bool			 required;
	struct cursor_set	*incoming;	/* under the mutex */
	struct cursor_set	*gone;		/* likewise: files no longer
						   there, at offset 0 */
	struct cursor_set	*delivered;	/* the loop's */
};

struct route {
	/* owner: the source's loop, but for what stands under the mutex */
	struct source		*source;
	struct interceptor	**interceptors;
	size_t			 ninterceptors;
	struct selector		*selector;
	struct lane		*lanes;
	size_t			 nlanes;
	bool			 started;	/* the source can be told */
	atomic_bool		 paused;

	struct loop_task	 room_task;
	atomic_bool		 room_posted;

	struct mutex		 mutex;
	struct loop_task	 delivered_task;
	bool			 delivered_posted;	/* under the mutex */
};

/* --- emit --- */

struct emit;

struct emit_lane {
	struct completion	 stored;
	struct emit		*emit;
};

struct emit {
	struct completion	*stored;	/* the source's; may be NULL */
	unsigned		 pending;
	bool			 failed;
	struct err		 err;
	struct emit_lane	 lanes[];
};

static void
emit_lane_stored(struct completion *c, const struct err *e)
{
	struct emit *m = container_of(c, struct emit_lane, stored)->emit;

	if (e != NULL && !m->failed) {
		m->failed = true;
		m->err = *e;
	}
	if (--m->pending > 0)
		return;
	completion_done(m->stored, m->failed ? &m->err : NULL);
	free(m);
}

/* Cancels what was reserved in the first n channels. */
static void
unreserve(struct route *r, struct batch *const *shares, const bool *reserved,
    size_t n)
{
	struct channel *ch;
	size_t i;

	for (i = 0; i < n; i++) {
		if (!reserved[i])
			continue;
		ch = r->lanes[i].channel;
		ch->ops->cancel(ch, shares[i]->n, shares[i]->charge);
	}
}

/* Room in every required channel, or none is kept. */
static int
reserve(struct route *r, struct batch *const *shares, uint64_t required,
    bool *reserved, struct err *e)
{
	struct channel *ch;
	size_t i;
	bool need;

	for (i = 0; i < r->nlanes; i++) {
		ch = r->lanes[i].channel;
		need = (required & UINT64_C(1) << i) != 0;
		reserved[i] = ch->ops->reserve(ch, shares[i]->n,
		    shares[i]->charge, need ? e : NULL) == 0;
		if (!reserved[i] && need) {
			unreserve(r, shares, reserved, i);
			return (err_ctx(e, "%s", ch->who));
		}
	}
	return (0);
}

static void
put_all(struct route *r, struct batch *const *shares, uint64_t required,
    const bool *reserved, struct completion *stored)
{
	struct channel *ch;
	struct emit *m;
	size_t i;

	m = xcalloc(1, sizeof *m + r->nlanes * sizeof m->lanes[0]);
	m->stored = stored;
	m->pending = (unsigned)__builtin_popcountll(required);
	CHECK(m->pending > 0 || required == 0);
	for (i = 0; i < r->nlanes; i++) {
		if (!reserved[i])
			continue;
		ch = r->lanes[i].channel;
		if ((required & UINT64_C(1) << i) == 0) {
			ch->ops->put(ch, shares[i], NULL);
			continue;
		}
		m->lanes[i].emit = m;
		completion_init(&m->lanes[i].stored, r->source->loop,
		    emit_lane_stored);
		ch->ops->put(ch, shares[i], &m->lanes[i].stored);
	}
	if (required == 0) {	/* only optional channels, or none */
		completion_done(stored, NULL);
		free(m);
	}
}

static void
intercept(struct route *r, struct batch *b)
{
	struct source_metrics *m = &r->source->common;
	uint32_t n = b->n;
	size_t i;

	for (i = 0; i < r->ninterceptors; i++)
		r->interceptors[i]->ops->apply(r->interceptors[i], b);
	batch_seal(b);
	metric_add(&m->received_records, n);
	metric_add(&m->received_bytes, (int64_t)b->bytes);
	metric_add(&m->batches, 1);
	metric_add(&m->filtered_records, n - b->n);
}

static void
pause_source(struct route *r)
{
	if (r->paused)
		return;
	r->paused = true;
	metric_add(&r->source->common.pauses, 1);
	r->source->ops->pause(r->source);
}

static int
route_emit(struct source *s, struct batch *b, struct completion *stored,
    struct err *err)
{
	struct route *r = s->host_data;
	struct batch *shares[SELECTOR_CHANNELS_MAX];
	bool reserved[SELECTOR_CHANNELS_MAX];
	struct err e = ERR_INIT;
	uint64_t required;
	size_t i;
	int rc;

	loop_assert(s->loop);
	if (!b->sealed)		/* offered for the first time */
		intercept(r, b);
	selector_split(r->selector, b, shares, &required);
	rc = reserve(r, shares, required, reserved, &e);
	if (rc == 0) {
		put_all(r, shares, required, reserved, stored);
		metric_add(&s->common.accepted_records, b->n);
	}
	for (i = 0; i < r->nlanes; i++)
		batch_unref(shares[i]);
	if (rc == 0) {
		batch_unref(b);
		return (0);
	}
	if (e.code == ERR_FULL)
		pause_source(r);
	err_set(err, e.code, "%s", e.msg);
	return (-1);
}

const struct source_host route_host = { .emit = route_emit };

/* --- room --- */

static void
room_now(struct loop_task *t)
{
	struct route *r = container_of(t, struct route, room_task);

	atomic_store(&r->room_posted, false);
	if (!r->paused)
		return;
	r->paused = false;
	r->source->ops->resume(r->source);
}

void
route_room(struct route *r)
{
	if (!atomic_exchange(&r->room_posted, true))
		loop_post(r->source->loop, &r->room_task);
}

/* --- delivered --- */

/* The smallest offset all required channels have delivered of one file;
 * false when one of them has said nothing yet. */
static bool
covered(const struct route *r, const struct cursor_entry *in,
    struct cursor_entry *out)
{
	const struct cursor_entry *c;
	size_t i;

	*out = *in;
	for (i = 0; i < r->nlanes; i++) {
		if (!r->lanes[i].required)
			continue;
		c = cursor_set_get(r->lanes[i].delivered, in->key);
		if (c == NULL)
			return (false);
		if (c->offset < out->offset)
			*out = *c;
	}
	return (true);
}

static void
hand_on(struct route *r, const struct cursor *moved)
{
	struct cursor_entry *v;
	struct cursor c;
	size_t i, n = 0;

	v = xcalloc(moved->n + 1, sizeof *v);
	for (i = 0; i < moved->n; i++)
		if (covered(r, &moved->v[i], &v[n]))
			n++;
	c.v = v;
	c.n = n;
	if (n > 0)
		r->source->ops->delivered(r->source, &c);
	free(v);
}

/* A file that is gone needs no offset any more. */
static void
forget(struct lane *l, struct cursor_set *gone)
{
	struct cursor_entry e = { .offset = CURSOR_GONE };
	struct cursor one = { &e, 1 }, view = cursor_set_view(gone);
	size_t i;

	for (i = 0; i < view.n; i++) {
		e.key = view.v[i].key;
		cursor_set_merge(l->delivered, &one);
	}
}

static void
tell_lane(struct route *r, struct lane *l)
{
	struct cursor_set *in, *gone;
	struct cursor moved;

	mutex_lock(&r->mutex);
	in = l->incoming;
	gone = l->gone;
	l->incoming = l->gone = NULL;
	mutex_unlock(&r->mutex);
	if (in != NULL) {
		moved = cursor_set_view(in);
		cursor_set_merge(l->delivered, &moved);
		if (l->required)
			hand_on(r, &moved);
	}
	if (gone != NULL)
		forget(l, gone);
	cursor_set_free(in);
	cursor_set_free(gone);
}

static void
tell_delivered(struct route *r)
{
	size_t i;

	for (i = 0; i < r->nlanes; i++)
		tell_lane(r, &r->lanes[i]);
}

static void
delivered_now(struct loop_task *t)
{
	struct route *r = container_of(t, struct route, delivered_task);

	mutex_lock(&r->mutex);
	r->delivered_posted = false;
	mutex_unlock(&r->mutex);
	if (r->started)
		tell_delivered(r);
}

static void
note_delivered(struct lane *l, const struct cursor *c)
{
	struct cursor_entry e;
	size_t i;

	if (l->incoming == NULL)
		l->incoming = cursor_set_new();
	cursor_set_merge(l->incoming, c);
	for (i = 0; i < c->n; i++) {
		if (c->v[i].offset != CURSOR_GONE)
			continue;
		if (l->gone == NULL)
			l->gone = cursor_set_new();
		e = (struct cursor_entry){ c->v[i].key, 0, SLICE("") };
		cursor_set_put(l->gone, &e);
	}
}

void
route_delivered(struct route *r, struct channel *ch, const struct cursor *c)
{
	bool post = false;
	size_t i;

	if (r->source->ops->delivered == NULL)
		return;
	mutex_lock(&r->mutex);
	for (i = 0; i < r->nlanes; i++) {
		if (r->lanes[i].channel != ch)
			continue;
		note_delivered(&r->lanes[i], c);
		post = !r->delivered_posted;
		r->delivered_posted = true;
	}
	mutex_unlock(&r->mutex);
	if (post)
		loop_post(r->source->loop, &r->delivered_task);
}

/* --- life --- */

bool
route_paused(const struct route *r)
{
	return (atomic_load(&r->paused));
}

bool
route_source_is(const struct route *r, const char *name)
{
	return (strcmp(r->source->name, name) == 0);
}

int
route_start(struct route *r, struct err *e)
{
	struct interceptor *x;
	size_t i;

	r->started = false;
	for (i = 0; i < r->ninterceptors; i++) {
		x = r->interceptors[i];
		if (x->ops->start != NULL && x->ops->start(x, e) == -1)
			return (err_ctx(e, "interceptor %s", x->name));
	}
	return (0);
}

void
route_started(struct route *r)
{
	r->started = true;
	if (r->source->ops->delivered != NULL)
		tell_delivered(r);
}

int
route_cursor(struct route *r, struct cursor_set *out, bool *own,
    struct err *e)
{
	struct cursor_set *one;
	struct cursor view;
	struct channel *ch;
	bool first = true;
	size_t i;
	int rc = 0;

	*own = false;
	for (i = 0; i < r->nlanes && rc == 0; i++) {
		ch = r->lanes[i].channel;
		if (!r->lanes[i].required)
			continue;
		if (!ch->ops->durable) {
			*own = true;
			continue;
		}
		one = cursor_set_new();
		rc = ch->ops->cursor(ch, r->source->name, one, e);
		view = cursor_set_view(one);
		if (rc == 0 && view.n > 0 && first)
			cursor_set_merge(out, &view);
		else if (rc == 0 && view.n > 0)
			cursor_set_min(out, &view);
		first = first && view.n == 0;
		cursor_set_free(one);
	}
	return (rc);
}

struct route *
route_new(struct source *s, const struct source_config *cfg,
    struct channel *const *channels, struct interceptor **interceptors,
    size_t n)
{
	struct route *r = xcalloc(1, sizeof *r);
	uint64_t required;
	size_t i;

	r->source = s;
	r->ninterceptors = n;
	r->interceptors = interceptors;
	r->selector = selector_new(&cfg->selector, cfg->channels,
	    cfg->nchannels);
	required = selector_required(r->selector);
	r->nlanes = cfg->nchannels;
	r->lanes = xcalloc(r->nlanes, sizeof *r->lanes);
	for (i = 0; i < r->nlanes; i++) {
		r->lanes[i].channel = channels[i];
		r->lanes[i].required = (required & UINT64_C(1) << i) != 0;
		r->lanes[i].delivered = cursor_set_new();
	}
	mutex_init(&r->mutex);
	r->room_task.fn = room_now;
	r->delivered_task.fn = delivered_now;
	s->host = &route_host;
	s->host_data = r;
	return (r);
}

void
route_free(struct route *r)
{
	size_t i;

	if (r == NULL)
		return;
	for (i = 0; i < r->ninterceptors; i++)
		r->interceptors[i]->ops->free(r->interceptors[i]);
	free(r->interceptors);
	for (i = 0; i < r->nlanes; i++) {
		cursor_set_free(r->lanes[i].incoming);
		cursor_set_free(r->lanes[i].gone);
		cursor_set_free(r->lanes[i].delivered);
	}
	free(r->lanes);
	selector_free(r->selector);
	mutex_fini(&r->mutex);
	free(r);
}
