#include "test/unit/sink_rig.h"

#include <stdarg.h>

#include "base/clock.h"
#include "test/unit/unit.h"

#define WAIT_NS		INT64_C(60000000000)	/* a delivery that hangs */
#define SETTINGS_MAX	32

int
rig_try(struct sink_rig *r, const struct sink_ops *ops,
    const char *const *settings, struct err *e)
{
	struct conf_problems p = { 0 };
	struct conf *node;
	char *key, *eq;
	int rc = 0;

	r->conf = conf_new();
	node = conf_node(r->conf, "a1.sinks.k1", "test", 1);
	for (; *settings != NULL; settings++) {
		key = xasprintf("a1.sinks.k1.%s", *settings);
		eq = strchr(key, '=');
		ck_assert_ptr_nonnull(eq);
		*eq = '\0';
		conf_set(r->conf, key, eq + 1, "test", 1);
		free(key);
	}
	r->sink = xcalloc(1, ops->plugin.size);
	r->sink->ops = ops;
	r->sink->name = "k1";
	r->sink->who = "sink=k1";
	r->sink->env = &r->env;
	if (settings_fill(ops->plugin.settings, r->sink, node, &p) > 0)
		rc = err_set(e, ERR_CONFIG, "%s", p.v[0].text);
	else if (ops->check != NULL)
		rc = ops->check(r->sink, e);
	conf_problems_fini(&p);
	if (rc == -1)
		rig_free(r);
	return (rc);
}

void
rig_make(struct sink_rig *r, const struct sink_ops *ops, ...)
{
	const char *v[SETTINGS_MAX];
	size_t n = 0;
	va_list ap;

	va_start(ap, ops);
	do {
		ck_assert_uint_lt(n, SETTINGS_MAX);
		v[n] = va_arg(ap, const char *);
	} while (v[n++] != NULL);
	va_end(ap);
	UNIT_OK(rig_try(r, ops, v, e));
}

void
rig_free(struct sink_rig *r)
{
	r->sink->ops->free(r->sink);
	r->sink = NULL;
	conf_free(r->conf);
}

struct record *
rig_add(struct batch *b, const char *body, ...)
{
	struct record *r = batch_add(b, batch_copy(b, slice_str(body)));
	const char *name;
	va_list ap;

	va_start(ap, body);
	while ((name = va_arg(ap, const char *)) != NULL)
		batch_set(b, r, slice_str(name),
		    slice_str(va_arg(ap, const char *)), true);
	va_end(ap);
	return (r);
}

static void
delivered(struct completion *c, const struct err *e)
{
	struct rig_delivery *d = container_of(c, struct rig_delivery, done);

	mutex_lock(&d->mutex);
	d->over = true;
	d->failed = e != NULL;
	if (e != NULL)
		d->err = *e;
	cond_broadcast(&d->cond);
	mutex_unlock(&d->mutex);
}

void
rig_send_lease(struct sink_rig *r, struct rig_delivery *d,
    const struct lease *l)
{
	memset(d, 0, sizeof *d);
	mutex_init(&d->mutex);
	cond_init(&d->cond);
	d->lease = *l;
	completion_init(&d->done, NULL, delivered);
	r->sink->ops->deliver(r->sink, &d->lease, &d->done);
}

void
rig_send(struct sink_rig *r, struct rig_delivery *d, struct batch *b)
{
	if (!b->sealed)
		batch_seal(b);
	rig_send_lease(r, d, &(struct lease){ .batch = b, .n = b->n,
	    .bytes = b->bytes, .hint = b->hint });
	d->batch = b;
}

bool
rig_is_over(struct rig_delivery *d)
{
	bool over;

	mutex_lock(&d->mutex);
	over = d->over;
	mutex_unlock(&d->mutex);
	return (over);
}

int
rig_wait(struct rig_delivery *d, struct err *e)
{
	int64_t until = clock_mono_ns() + WAIT_NS;

	mutex_lock(&d->mutex);
	while (!d->over)
		ck_assert_msg(cond_wait_until(&d->cond, &d->mutex, until),
		    "the sink never completes");
	mutex_unlock(&d->mutex);
	mutex_fini(&d->mutex);
	cond_fini(&d->cond);
	batch_unref(d->batch);
	if (!d->failed)
		return (0);
	*e = d->err;
	return (-1);
}

int
rig_deliver(struct sink_rig *r, struct batch *b, struct err *e)
{
	struct rig_delivery d;

	rig_send(r, &d, b);
	return (rig_wait(&d, e));
}
