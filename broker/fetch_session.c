#include "broker/fetch_session.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/thread.h"
#include "kafka/errors.h"

#define WITH_SESSIONS	7		/* version */
#define WITH_IDS	13
#define EPOCH_FIRST	0		/* please make one */
#define EPOCH_LAST	(-1)		/* close it, or none is wanted */
#define IDLE_MS		120000
#define NAME_MAX_LEN	249

struct part {
	TAILQ_ENTRY(part) link;
	int32_t		 partition, epoch, max;
	int64_t		 offset;
	int64_t		 high, start;	/* as told last; -1 */
	struct kuuid	 id;
	size_t		 len;		/* of the name */
	char		 name[];
};

struct session {
	TAILQ_ENTRY(session) link;
	int32_t		 id;
	int32_t		 epoch;		/* of the next request */
	bool		 ids;
	int64_t		 used;
	size_t		 n;
	struct map	*by_key;
	TAILQ_HEAD(, part) parts;	/* in the order they are looked at */
};

struct fetch_sessions {			/* owner: its mutex */
	struct mutex	 lock;
	size_t		 slots, max_parts;
	size_t		 n, nparts;
	metric_t	*gauge;
	struct map	*by_id;
	TAILQ_HEAD(, session) list;	/* used longest ago first */
};

struct fetch_sessions *
fetch_sessions_new(size_t slots, size_t partitions, metric_t *gauge)
{
	struct fetch_sessions *s = xcalloc(1, sizeof *s);

	mutex_init(&s->lock);
	s->slots = slots;
	s->max_parts = partitions;
	s->gauge = gauge;
	s->by_id = map_new();
	TAILQ_INIT(&s->list);
	return (s);
}

/* --- partitions of a session --- */

struct key {
	uint8_t	 b[NAME_MAX_LEN + 1 + 4];
	size_t	 len;
};

/* Names that are longer than any topic's are all the same. */
static struct slice
key_of(struct key *k, bool ids, struct slice name, const struct kuuid *id,
    int32_t partition)
{
	if (ids) {
		k->len = sizeof *id;
		memcpy(k->b, id, k->len);
	} else {
		k->len = name.len > NAME_MAX_LEN ? NAME_MAX_LEN + 1 : name.len;
		if (k->len > 0)
			memcpy(k->b, name.p, k->len);
	}
	memcpy(k->b + k->len, &partition, sizeof partition);
	k->len += sizeof partition;
	return (slice_of(k->b, k->len));
}

static struct part *
part_find(struct session *x, const struct fetch_want *w)
{
	struct key k;

	return (map_get(x->by_key, key_of(&k, x->ids, w->name, &w->id,
	    w->partition)));
}

static struct part *
part_add(struct fetch_sessions *s, struct session *x,
    const struct fetch_want *w)
{
	size_t len = x->ids || w->name.len > NAME_MAX_LEN ? 0 : w->name.len;
	struct part *p = xcalloc(1, sizeof *p + len);
	struct key k;

	p->partition = w->partition;
	p->id = w->id;
	p->high = p->start = -1;
	p->len = len;
	if (len > 0)
		memcpy(p->name, w->name.p, len);
	(void)map_put(x->by_key, key_of(&k, x->ids, w->name, &w->id,
	    w->partition), p);
	TAILQ_INSERT_TAIL(&x->parts, p, link);
	x->n++;
	s->nparts++;
	return (p);
}

static void
part_remove(struct fetch_sessions *s, struct session *x, struct part *p)
{
	struct key k;

	(void)map_remove(x->by_key, key_of(&k, x->ids,
	    slice_of(p->name, p->len), &p->id, p->partition));
	TAILQ_REMOVE(&x->parts, p, link);
	free(p);
	x->n--;
	s->nparts--;
}

/* --- sessions --- */

static struct slice
id_key(const int32_t *id)
{
	return (slice_of(id, sizeof *id));
}

static struct session *
find(struct fetch_sessions *s, int32_t id)
{
	return (map_get(s->by_id, id_key(&id)));
}

static void
session_remove(struct fetch_sessions *s, struct session *x)
{
	struct part *p;

	while ((p = TAILQ_FIRST(&x->parts)) != NULL)
		part_remove(s, x, p);
	(void)map_remove(s->by_id, id_key(&x->id));
	TAILQ_REMOVE(&s->list, x, link);
	map_free(x->by_key);
	free(x);
	s->n--;
	metric_add_shared(s->gauge, -1);
}

void
fetch_sessions_free(struct fetch_sessions *s)
{
	struct session *x;

	if (s == NULL)
		return;
	while ((x = TAILQ_FIRST(&s->list)) != NULL)
		session_remove(s, x);
	map_free(s->by_id);
	mutex_fini(&s->lock);
	free(s);
}

static void
session_use(struct fetch_sessions *s, struct session *x, int64_t now)
{
	TAILQ_REMOVE(&s->list, x, link);
	TAILQ_INSERT_TAIL(&s->list, x, link);
	x->used = now;
	x->epoch = x->epoch == INT32_MAX ? 1 : x->epoch + 1;
}

/* Is there room for one with n partitions, or can it be made? */
static bool
make_room(struct fetch_sessions *s, size_t n, int64_t now)
{
	struct session *x;

	if (s->slots == 0 || n > s->max_parts)
		return (false);
	while (s->n >= s->slots || s->nparts + n > s->max_parts) {
		x = TAILQ_FIRST(&s->list);
		if (now - x->used <= IDLE_MS)
			return (false);
		session_remove(s, x);
	}
	return (true);
}

static struct session *
session_add(struct fetch_sessions *s, bool ids, int64_t now)
{
	struct session *x = xcalloc(1, sizeof *x);
	uint32_t id;

	do {
		random_bytes(&id, sizeof id);
		x->id = (int32_t)(id & INT32_MAX);
	} while (x->id == 0 || find(s, x->id) != NULL);
	x->ids = ids;
	x->by_key = map_new();
	TAILQ_INIT(&x->parts);
	(void)map_put(s->by_id, id_key(&x->id), x);
	TAILQ_INSERT_TAIL(&s->list, x, link);
	s->n++;
	metric_add_shared(s->gauge, 1);
	session_use(s, x, now);
	return (x);
}

/* --- a request --- */

static void
want_add(struct fetch_plan *plan, const struct fetch_want *w)
{
	GROW(plan->v, plan->n, plan->cap);
	plan->v[plan->n++] = *w;
}

static struct fetch_want
want_of(const struct fetch_plan *plan, const struct km_fetch_request_topic *t,
    const struct km_fetch_request_partition *p)
{
	return ((struct fetch_want){
	    .name = plan->ids ? SLICE_NULL : t->topic, .id = t->topic_id,
	    .partition = p->partition, .epoch = p->current_leader_epoch,
	    .max = p->partition_max_bytes, .offset = p->fetch_offset });
}

/* A request that stands for itself. */
static void
plan_alone(struct fetch_plan *plan, const struct km_fetch_request *in)
{
	const struct km_fetch_request_topic *t;
	struct fetch_want w;
	int32_t i, j;

	for (i = 0; i < in->topics.n; i++)
		for (t = &in->topics.v[i], j = 0; j < t->partitions.n; j++) {
			w = want_of(plan, t, &t->partitions.v[j]);
			want_add(plan, &w);
		}
}

/* False: no room. */
static bool
update(struct fetch_sessions *s, struct session *x, struct fetch_plan *plan,
    const struct km_fetch_request *in)
{
	const struct km_fetch_request_topic *t;
	struct fetch_want w;
	struct part *p;
	int32_t i, j;

	for (i = 0; i < in->topics.n; i++)
		for (t = &in->topics.v[i], j = 0; j < t->partitions.n; j++) {
			w = want_of(plan, t, &t->partitions.v[j]);
			if ((p = part_find(x, &w)) == NULL) {
				if (s->nparts >= s->max_parts)
					return (false);
				p = part_add(s, x, &w);
			}
			p->epoch = w.epoch;
			p->max = w.max;
			p->offset = w.offset;
		}
	return (true);
}

static void
forget(struct fetch_sessions *s, struct session *x,
    const struct km_fetch_request *in)
{
	const struct km_fetch_request_forgotten *t;
	struct fetch_want w = { .max = 0 };
	struct part *p;
	int32_t i, j;

	for (i = 0; i < in->forgotten_topics_data.n; i++) {
		t = &in->forgotten_topics_data.v[i];
		w.name = t->topic;
		w.id = t->topic_id;
		for (j = 0; j < t->partitions.n; j++) {
			w.partition = t->partitions.v[j];
			if ((p = part_find(x, &w)) != NULL)
				part_remove(s, x, p);
		}
	}
}

/* All of the session; a name is copied once for partitions in a row. */
static void
plan_session(struct fetch_plan *plan, const struct session *x)
{
	struct slice name = SLICE_NULL;
	const struct part *p;

	TAILQ_FOREACH(p, &x->parts, link) {
		if (!x->ids && (name.p == NULL ||
		    !slice_eq(name, slice_of(p->name, p->len))))
			name = arena_copy(&plan->names,
			    slice_of(p->name, p->len));
		want_add(plan, &(struct fetch_want){ .name = name,
		    .id = p->id, .partition = p->partition,
		    .epoch = p->epoch, .max = p->max, .offset = p->offset });
	}
}

static int16_t
begin_next(struct fetch_sessions *s, const struct km_fetch_request *in,
    int64_t now, struct fetch_plan *plan)
{
	struct session *x = find(s, in->session_id);

	if (x == NULL)
		return (KERR_FETCH_SESSION_ID_NOT_FOUND);
	if (x->ids != plan->ids)
		return (KERR_FETCH_SESSION_TOPIC_ID_ERROR);
	if (x->epoch != in->session_epoch)
		return (KERR_INVALID_FETCH_SESSION_EPOCH);
	forget(s, x, in);
	if (!update(s, x, plan, in)) {
		session_remove(s, x);
		return (KERR_FETCH_SESSION_ID_NOT_FOUND);
	}
	if (x->n == 0) {
		session_remove(s, x);
		return (KERR_NONE);
	}
	session_use(s, x, now);
	plan->kind = FETCH_NEXT;
	plan->id = x->id;
	plan_session(plan, x);
	return (KERR_NONE);
}

int16_t
fetch_session_begin(struct fetch_sessions *s,
    const struct km_fetch_request *in, int version, int64_t now,
    struct fetch_plan *plan)
{
	int16_t error = KERR_NONE;
	struct session *x;

	*plan = (struct fetch_plan){ .kind = FETCH_ALONE,
	    .ids = version >= WITH_IDS };
	arena_init(&plan->names, 4096, 0);
	if (version < WITH_SESSIONS) {
		plan_alone(plan, in);
		return (KERR_NONE);
	}
	mutex_lock(&s->lock);
	if (in->session_epoch != EPOCH_FIRST &&
	    in->session_epoch != EPOCH_LAST)
		error = begin_next(s, in, now, plan);
	else if (in->session_id != 0 &&
	    (x = find(s, in->session_id)) != NULL)
		session_remove(s, x);
	mutex_unlock(&s->lock);
	if (in->session_epoch == EPOCH_FIRST)
		plan->kind = FETCH_CREATE;
	if (plan->kind != FETCH_NEXT && error == KERR_NONE)
		plan_alone(plan, in);
	return (error);
}

void
fetch_plan_fini(struct fetch_plan *plan)
{
	free(plan->v);
	arena_fini(&plan->names);
}

/* --- its answer --- */

static void
remember(struct part *p, const struct fetch_told *t)
{
	p->high = t->error ? -1 : t->high;	/* then the next one is news */
	p->start = t->error ? -1 : t->start;
}

static int32_t
create(struct fetch_sessions *s, const struct fetch_plan *plan,
    const struct fetch_told *told, int64_t now)
{
	const struct fetch_want *w;
	struct session *x;
	struct part *p;
	size_t i;

	if (plan->n == 0 || !make_room(s, plan->n, now))
		return (0);
	x = session_add(s, plan->ids, now);
	for (i = 0; i < plan->n; i++) {
		w = &plan->v[i];
		if ((p = part_find(x, w)) == NULL)
			p = part_add(s, x, w);
		p->epoch = w->epoch;
		p->max = w->max;
		p->offset = w->offset;
		remember(p, &told[i]);
	}
	return (x->id);
}

/* What gave records goes to the end, so that the others have their turn. */
static void
next(struct session *x, const struct fetch_plan *plan, struct fetch_told *told)
{
	struct fetch_told *t;
	struct part *p;
	size_t i;

	for (i = 0; i < plan->n; i++) {
		t = &told[i];
		t->included = t->error || t->records;
		p = x == NULL ? NULL : part_find(x, &plan->v[i]);
		if (p == NULL)
			continue;		/* by a request meanwhile */
		if (p->high != t->high || p->start != t->start)
			t->included = true;
		remember(p, t);
		if (t->records) {
			TAILQ_REMOVE(&x->parts, p, link);
			TAILQ_INSERT_TAIL(&x->parts, p, link);
		}
	}
}

int32_t
fetch_session_end(struct fetch_sessions *s, const struct fetch_plan *plan,
    struct fetch_told *told, int64_t now)
{
	int32_t id = plan->id;
	size_t i;

	for (i = 0; i < plan->n; i++)
		told[i].included = true;
	if (plan->kind == FETCH_ALONE)
		return (0);
	mutex_lock(&s->lock);
	if (plan->kind == FETCH_CREATE)
		id = create(s, plan, told, now);
	else
		next(find(s, id), plan, told);
	mutex_unlock(&s->lock);
	return (id);
}
