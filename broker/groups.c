/*
 * Start, stop, and the way of a request to the loop that owns its group.
 *
 * A request that may wait long (JoinGroup, SyncGroup) tells the group when its
 * connection is lost: its home loop posts a cancel to the group's loop.  The
 * request may be answered before the cancel arrives and its memory be in use
 * again by then; but the user of that memory came to the group's loop behind
 * the cancel, as it was freed after the cancel was posted, so the pointer in
 * the cancel is only compared with requests that were there before it.
 */
#include "broker/groups.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "broker/java_hash.h"
#include "broker/topic.h"

/* --- who owns what --- */

struct shard *
groups_shard(struct groups *gs, struct slice group)
{
	return (&gs->shards[java_partition(group, gs->nshards)]);
}

int64_t
shard_now(const struct shard *s)
{
	return (loop_now_ns(s->home->loop) / 1000000);
}

void
shard_ready(struct shard *s, struct shard_wait *w)
{
	struct groups *gs = s->groups;
	struct shard_wait **pp;

	if (s->state == SHARD_READY) {
		w->fn(w, KERR_NONE);
		return;
	}
	if (gs->closed) {
		w->fn(w, KERR_NOT_COORDINATOR);
		return;
	}
	s->state = SHARD_LOADING;
	for (pp = &s->waits; *pp != NULL; pp = &(*pp)->next)
		;
	w->next = NULL;
	*pp = w;
	shard_load(s, true);
}

/* --- requests --- */

struct karray
request_array(struct request *r, const struct kdesc *desc, size_t n)
{
	struct karray a = { NULL, (int32_t)n };
	size_t i;

	if (n == 0)
		return (a);
	a.v = request_alloc(r, n * desc->size);
	for (i = 0; i < n; i++)
		kw_defaults(desc, (uint8_t *)a.v + i * desc->size);
	return (a);
}

struct slice
request_copy(struct request *r, struct slice s)
{
	uint8_t *p;

	if (s.p == NULL)
		return (s);
	p = request_alloc(r, s.len + 1);
	if (s.len > 0)
		memcpy(p, s.p, s.len);
	return (slice_of(p, s.len));
}

struct routed {			/* in the request's memory; r->data */
	struct request		*r;
	struct shard		*shard;
	struct slice		 group;
	group_handler		*fn;
	struct shard_wait	 wait;
};

static void
routed_ready(struct shard_wait *w, int16_t error)
{
	struct routed *v = container_of(w, struct routed, wait);

	v->fn(v->r, v->shard, error);
}

static void
routed_arrived(struct request *r)
{
	struct routed *v = r->data;

	v->wait.fn = routed_ready;
	shard_ready(v->shard, &v->wait);
}

void
groups_route(struct request *r, struct slice group, group_handler *fn)
{
	struct routed *v = request_alloc(r, sizeof *v);

	v->r = r;
	v->group = group;
	v->shard = groups_shard(r->broker->groups, group);
	v->fn = fn;
	r->data = v;
	request_move(r, v->shard->home, routed_arrived);
}

struct cancel {
	struct loop_task	 task;
	struct shard		*shard;
	struct request		*r;		/* only compared */
	char			*group;
	size_t			 len;
};

/* It still waits for the shard to be loaded. */
static bool
cancel_wait(struct shard *s, const struct request *r)
{
	struct shard_wait **pp;

	for (pp = &s->waits; *pp != NULL; pp = &(*pp)->next)
		if ((*pp)->fn == routed_ready &&
		    container_of(*pp, struct routed, wait)->r == r) {
			*pp = (*pp)->next;
			return (true);
		}
	return (false);
}

static void
cancel_task(struct loop_task *t)
{
	struct cancel *c = container_of(t, struct cancel, task);
	struct shard *s = c->shard;
	struct slot *slot = NULL;

	if (cancel_wait(s, c->r))
		request_silent(c->r);
	else if (s->state == SHARD_READY)
		slot = slot_find(s, slice_of(c->group, c->len));
	if (slot != NULL) {
		if (group_cancel(slot->group, c->r, shard_now(s), &s->out))
			request_silent(c->r);
		slot_run(slot);
	}
	free(c->group);
	free(c);
}

static void
routed_gone(struct request *r)
{
	const struct routed *v = r->data;
	struct cancel *c;

	if (atomic_load(&v->shard->groups->closed))
		return;			/* it is answered anyway */
	c = xcalloc(1, sizeof *c);
	c->shard = v->shard;
	c->r = r;
	c->len = v->group.len;
	c->group = xstrndup(v->group.p, v->group.len);
	c->task.fn = cancel_task;
	loop_post(v->shard->home->loop, &c->task);
}

void
groups_park(struct request *r, struct slice group, group_handler *fn)
{
	r->gone = routed_gone;
	groups_route(r, group, fn);
}

/* --- several groups --- */

struct visit {
	struct request		*r;
	void			*state;		/* the handler's */
	int32_t			 i, n;
	visit_name		*name;		/* NULL: i is a shard */
	visit_each		*each;
	request_handler		*done;
	struct shard		*shard;
	struct shard_wait	 wait;
	bool			 running;	/* inside visit_run */
	bool			 again;
};

static void	visit_run(struct visit *);

static void
visit_ready(struct shard_wait *w, int16_t error)
{
	struct visit *v = container_of(w, struct visit, wait);

	v->each(v->r, v->shard, v->i++, error);
}

static void
visit_arrived(struct request *r)
{
	struct visit *v = r->data;

	v->wait.fn = visit_ready;
	shard_ready(v->shard, &v->wait);
}

static void
visit_moved(struct request *r)
{
	visit_run(r->data);
}

/* One step; false: the request is somebody else's now. */
static bool
visit_step(struct visit *v)
{
	struct groups *gs = v->r->broker->groups;

	if (v->i >= v->n) {
		v->done(v->r);
		return (false);
	}
	v->shard = v->name == NULL ? &gs->shards[v->i] :
	    groups_shard(gs, v->name(v->r, v->i));
	if (broker_on_loop(v->shard->home)) {
		visit_arrived(v->r);
		return (true);
	}
	v->running = false;
	request_move(v->r, v->shard->home, visit_moved);
	return (false);
}

/* Steps that end at once do not nest: a request may name many groups. */
static void
visit_run(struct visit *v)
{
	v->running = true;
	do {
		v->again = false;
		if (!visit_step(v))
			return;
	} while (v->again);
	v->running = false;
}

void
visit_next(struct request *r)
{
	struct visit *v = r->data;

	if (v->running)
		v->again = true;
	else
		visit_run(v);
}

void *
visit_state(struct request *r)
{
	struct visit *v = r->data;

	return (v->state);
}

void
groups_visit(struct request *r, void *state, int32_t n, visit_name *name,
    visit_each *each, request_handler *done)
{
	struct visit *v = request_alloc(r, sizeof *v);

	*v = (struct visit){ .r = r, .state = state, .n = n, .name = name,
	    .each = each, .done = done };
	r->data = v;
	visit_run(v);
}

void
groups_visit_shards(struct request *r, void *state, visit_each *each,
    request_handler *done)
{
	groups_visit(r, state, r->broker->groups->nshards, NULL, each, done);
}

/* --- start and stop --- */

static void
expiry_tick(struct loop_timer *t)
{
	struct groups_loop *gl = container_of(t, struct groups_loop, expiry);
	struct groups *gs = gl->groups;
	int32_t i;

	for (i = 0; i < gs->nshards; i++)
		if (gs->shards[i].home == gl->home &&
		    gs->shards[i].state == SHARD_READY)
			shard_expire(&gs->shards[i], clock_wall_ms());
	timer_arm(t, gs->broker->cfg.offsets_check_ms);
}

static void
shards_init(struct groups *gs, struct topic *t)
{
	struct broker *b = gs->broker;
	struct shard *s;
	int32_t i;

	gs->nshards = t == NULL ? (int32_t)b->cfg.offsets_partitions :
	    atomic_load(&t->npartitions);
	gs->shards = xcalloc((size_t)gs->nshards, sizeof *gs->shards);
	for (i = 0; i < gs->nshards; i++) {
		s = &gs->shards[i];
		s->groups = gs;
		s->index = i;
		s->home = broker_loop_of(b, (uint32_t)i);
		s->slots = map_new();
		s->staged = staged_new();
		s->records = (struct records)RECORDS_INIT;
		s->state = SHARD_READY;
		if (t == NULL)
			continue;
		s->state = SHARD_LOADING;
		s->topic = topic_ref(t);
		s->log = topic_partition(t, i);
		shard_load(s, false);
	}
}

static void
loops_init(struct groups *gs)
{
	struct broker *b = gs->broker;
	struct groups_loop *gl;
	unsigned i;

	gs->loops = xcalloc(b->nloops, sizeof *gs->loops);
	for (i = 0; i < b->nloops; i++) {
		gl = &gs->loops[i];
		gl->groups = gs;
		gl->home = &b->loops[i];
		timer_init(&gl->expiry, gl->home->loop, expiry_tick);
		timer_arm(&gl->expiry, b->cfg.offsets_check_ms);
	}
}

int
groups_start(struct broker *b, struct err *e)
{
	struct groups *gs = xcalloc(1, sizeof *gs);
	struct topic *t;

	b->groups = gs;
	gs->broker = b;
	gs->limits = (struct group_limits){
		.session_min_ms = b->cfg.group_min_session_ms,
		.session_max_ms = b->cfg.group_max_session_ms,
		.initial_delay_ms = b->cfg.group_initial_delay_ms,
		.max_size = b->cfg.group_max_size,
	};
	loader_init(&gs->loader);
	sync_calls_init(&gs->writes);
	t = topic_offsets(b, false, NULL);
	shards_init(gs, t);
	topic_unref(t);
	loops_init(gs);
	return (loader_start(&gs->loader, "groups", e));
}

static void
shard_close(struct shard *s)
{
	struct shard_wait *w;
	struct slot *slot;
	void *v;
	size_t it = 0;
	bool ready = s->state == SHARD_READY;

	s->state = SHARD_FAILED;	/* no timer is armed any more */
	while ((w = s->waits) != NULL) {
		s->waits = w->next;
		w->fn(w, KERR_NOT_COORDINATOR);
	}
	while (ready && map_next(s->slots, &it, NULL, &v)) {
		slot = v;
		timer_fini(&slot->timer);
		group_close(slot->group, KERR_NOT_COORDINATOR, &s->out);
		slot_run(slot);
	}
}

static void
loop_close(void *arg)
{
	struct groups_loop *gl = arg;
	struct groups *gs = gl->groups;
	int32_t i;

	timer_fini(&gl->expiry);
	for (i = 0; i < gs->nshards; i++)
		if (gs->shards[i].home == gl->home)
			shard_close(&gs->shards[i]);
}

void
groups_stop(struct broker *b)
{
	struct groups *gs = b->groups;
	unsigned i;

	if (gs == NULL)
		return;
	loader_stop(&gs->loader);
	atomic_store(&gs->closed, true);
	for (i = 0; i < b->nloops; i++)
		loop_call(b->loops[i].loop, loop_close, &gs->loops[i]);
	sync_calls_wait(&gs->writes);	/* the flusher still runs */
}

static void
slots_free(struct map *m)
{
	size_t it = 0;
	void *v;

	while (m != NULL && map_next(m, &it, NULL, &v))
		slot_free(v);
	map_free(m);
}

static void
shard_free(struct shard *s)
{
	slots_free(s->slots);
	slots_free(s->loading);
	staged_free(s->staged);
	staged_free(s->loading_staged);
	group_actions_fini(&s->out);
	records_fini(&s->records);
	topic_unref(s->topic);
}

void
groups_free(struct broker *b)
{
	struct groups *gs = b->groups;
	unsigned j;
	int32_t i;

	if (gs == NULL)
		return;
	loader_stop(&gs->loader);
	for (j = 0; j < b->nloops; j++)	/* the start failed: no loop ran */
		timer_fini(&gs->loops[j].expiry);
	for (i = 0; i < gs->nshards; i++)
		shard_free(&gs->shards[i]);
	free(gs->loops);
	free(gs->shards);
	loader_fini(&gs->loader);
	sync_calls_fini(&gs->writes);
	free(gs);
	b->groups = NULL;
}
