/*
 * What the tests of channels share: a host, and batches whose records say
 * which line of which file they are.
 */
#ifndef TEST_UNIT_CHANNEL_UTIL_H
#define TEST_UNIT_CHANNEL_UTIL_H

#include "test/unit/unit.h"

#include <inttypes.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/thread.h"
#include "channels/channels.h"
#include "kafka/records.h"

#define LINE_BYTES	10	/* a line's share of its file's offsets */

struct chan {
	struct channel		*ch;
	struct plugin_env	 env;
	atomic_int		 rooms;
	struct mutex		 lock;
	struct cond		 cond;
	struct cursor_set	*delivered;	/* of all sources */
	int			 tells;
	uint64_t		 last_told;
	int			 pending;	/* puts that are not stored */
	int			 failed;	/* stored with an error */
};

static inline void
chan_room(struct channel *ch)
{
	struct chan *c = ch->host_data;

	atomic_fetch_add(&c->rooms, 1);
}

static inline void
chan_delivered(struct channel *ch, const char *source, const struct cursor *c)
{
	struct chan *x = ch->host_data;

	ck_assert_ptr_nonnull(source);
	mutex_lock(&x->lock);
	cursor_set_merge(x->delivered, c);
	x->tells++;
	cond_broadcast(&x->cond);
	mutex_unlock(&x->lock);
}

static const struct channel_host chan_host = { chan_room, chan_delivered };

/* A channel with settings {key, value, ..., NULL}, opened. */
static inline int
chan_open_err(struct chan *c, const struct channel_ops *ops,
    const struct fs *fs, const char *data_dir, const char *const *kv,
    struct err *e)
{
	struct conf_problems problems;
	struct conf *conf = conf_new();

	memset(c, 0, sizeof *c);
	memset(&problems, 0, sizeof problems);
	mutex_init(&c->lock);
	cond_init(&c->cond);
	c->delivered = cursor_set_new();
	c->env = (struct plugin_env){ .agent = "a1", .data_dir = data_dir,
	    .fs = fs };
	c->ch = xcalloc(1, ops->plugin.size);
	c->ch->ops = ops;
	c->ch->name = "c1";
	c->ch->who = "channel=c1";
	c->ch->env = &c->env;
	c->ch->host = &chan_host;
	c->ch->host_data = c;
	for (; kv != NULL && *kv != NULL; kv += 2)
		conf_set(conf, kv[0], kv[1], "f", 1);
	ck_assert_int_eq(settings_fill(ops->plugin.settings, c->ch, conf,
	    &problems), 0);
	conf_problems_fini(&problems);
	conf_free(conf);
	return (ops->open(c->ch, e));
}

static inline void
chan_open(struct chan *c, const struct channel_ops *ops, const struct fs *fs,
    const char *data_dir, const char *const *kv)
{
	UNIT_OK(chan_open_err(c, ops, fs, data_dir, kv, e));
}

static inline void
chan_free(struct chan *c)
{
	c->ch->ops->free(c->ch);
	cursor_set_free(c->delivered);
	cond_fini(&c->cond);
	mutex_fini(&c->lock);
}

static inline void
chan_close(struct chan *c)
{
	c->ch->ops->close(c->ch);
	chan_free(c);
}

/* n lines of a file from `first` on, of size bytes each and a bit. */
static inline struct batch *
chan_batch(const char *source, const char *file, int first, int n, size_t size)
{
	struct cursor_entry entry;
	struct batch *b = batch_new();
	struct record *r;
	struct slice body;
	char *text;
	int i, len;

	b->source = source;
	b->timestamp = 1000 + first;
	b->hint = 42;
	text = malloc(size + 300);
	for (i = 0; i < n; i++) {
		len = sprintf(text, "%s:%d ", file, first + i);
		memset(text + len, 'x', size);
		body = batch_copy(b, slice_of(text, (size_t)len + size));
		r = batch_add(b, body);
		r->end = (uint64_t)(first + i + 1) * LINE_BYTES;
	}
	free(text);
	entry = (struct cursor_entry){ slice_str(file),
	    (uint64_t)(first + n) * LINE_BYTES, SLICE("note") };
	batch_set_cursor(b, &(struct cursor){ &entry, 1 });
	return (b);
}

struct chan_put {
	struct completion	 done;
	struct chan		*c;
};

static inline void
chan_stored(struct completion *done, const struct err *e)
{
	struct chan_put *p = container_of(done, struct chan_put, done);

	mutex_lock(&p->c->lock);
	p->c->pending--;
	p->c->failed += e != NULL;
	cond_broadcast(&p->c->cond);
	mutex_unlock(&p->c->lock);
	free(p);
}

/* Seals, reserves and puts; takes over the reference.  False: no room. */
static inline bool
chan_put_batch(struct chan *c, struct batch *b)
{
	struct chan_put *p;

	if (!b->sealed)
		batch_seal(b);
	if (c->ch->ops->reserve(c->ch, b->n, b->charge, NULL) == -1) {
		batch_unref(b);
		return (false);
	}
	p = xcalloc(1, sizeof *p);
	p->c = c;
	completion_init(&p->done, NULL, chan_stored);
	mutex_lock(&c->lock);
	c->pending++;
	mutex_unlock(&c->lock);
	c->ch->ops->put(c->ch, b, &p->done);
	batch_unref(b);
	return (true);
}

/* Until all that was put is stored. */
static inline void
chan_wait(struct chan *c)
{
	mutex_lock(&c->lock);
	while (c->pending > 0)
		cond_wait(&c->cond, &c->lock);
	mutex_unlock(&c->lock);
}

static inline void
chan_put(struct chan *c, const char *source, const char *file, int first,
    int n, size_t size)
{
	ck_assert(chan_put_batch(c, chan_batch(source, file, first, n, size)));
}

/* A lease that must come within 5 s; with its batch. */
static inline void
chan_take(struct chan *c, struct lease *l, uint32_t records, size_t bytes)
{
	struct err why = ERR_INIT;
	int rc = c->ch->ops->take(c->ch, l, records, bytes, 5000, &why);

	ck_assert_msg(rc == 1, "take: %d %s", rc, why.msg);
	UNIT_OK(lease_batch(l, e));
}

/* Nothing to take now. */
static inline void
chan_take_none(struct chan *c)
{
	struct lease l;

	ck_assert_int_eq(c->ch->ops->take(c->ch, &l, 0, 0, 0, NULL), 0);
}

static inline void
chan_commit(struct chan *c, struct lease *l)
{
	UNIT_OK(c->ch->ops->commit(c->ch, l, e));
}

/* The i-th record of a lease is that line. */
static inline void
chan_is(const struct lease *l, uint32_t i, const char *file, int line)
{
	const struct record *r = &l->batch->records[l->first + i];
	char want[300];
	int len = sprintf(want, "%s:%d ", file, line);

	ck_assert_uint_lt(i, l->n);
	ck_assert_msg(r->body.len >= (size_t)len &&
	    memcmp(r->body.p, want, (size_t)len) == 0, "%.*s, not %s",
	    (int)(r->body.len < 30 ? r->body.len : 30), r->body.p, want);
}

/* The next n lines of a file come, in any leases, and are committed. */
static inline void
chan_drain(struct chan *c, const char *file, int first, int n,
    uint32_t records, size_t bytes)
{
	struct lease l;
	uint32_t i;

	while (n > 0) {
		chan_take(c, &l, records, bytes);
		ck_assert_int_le(l.n, n);
		for (i = 0; i < l.n; i++)
			chan_is(&l, i, file, first++);
		n -= (int)l.n;
		chan_commit(c, &l);
	}
}

/* How far the sinks have come in that file; 0: nothing. */
static inline int
chan_told(struct chan *c, const char *file)
{
	const struct cursor_entry *e;
	int n;

	mutex_lock(&c->lock);
	e = cursor_set_get(c->delivered, slice_str(file));
	n = e == NULL ? 0 : (int)(e->offset / LINE_BYTES);
	mutex_unlock(&c->lock);
	return (n);
}

/* Until it has been told how far that file is delivered; 5 s. */
static inline void
chan_wait_told(struct chan *c, const char *file, int line)
{
	int64_t until = clock_mono_ns() + INT64_C(5000000000);
	int told;

	while ((told = chan_told(c, file)) < line) {
		mutex_lock(&c->lock);
		ck_assert_msg(cond_wait_until(&c->cond, &c->lock,
		    clock_mono_ns() + 10000000) || clock_mono_ns() < until,
		    "%s is told up to %d", file, told);
		mutex_unlock(&c->lock);
	}
	ck_assert_int_eq(told, line);
}

/* How far the channel says it holds that file. */
static inline int
chan_cursor(struct chan *c, const char *source, const char *file)
{
	struct cursor_set *set = cursor_set_new();
	const struct cursor_entry *held;
	int n;

	UNIT_OK(c->ch->ops->cursor(c->ch, source, set, e));
	held = cursor_set_get(set, slice_str(file));
	n = held == NULL ? 0 : (int)(held->offset / LINE_BYTES);
	cursor_set_free(set);
	return (n);
}

static inline struct channel_fill
chan_fill(struct chan *c)
{
	struct channel_fill f;

	c->ch->ops->fill(c->ch, &f);
	return (f);
}

static inline void
chan_quiet(enum log_level level, const char *line, void *ctx)
{
	(void)level;
	(void)line;
	(void)ctx;
}

#endif
