/*
 * A sink on its own: made from settings as the agent makes it, and fed with
 * leases over batches of the test.
 *
 *	struct sink_rig r = { .env.fs = &fs_real };
 *	rig_make(&r, &sink_null, "batchSize=10", NULL);
 *	UNIT_OK(r.sink->ops->start(r.sink, e));
 *	b = batch_new();
 *	rig_add(b, "body", "header", "value", NULL);
 *	UNIT_OK(rig_deliver(&r, b, e));		seals, waits, frees the batch
 *	r.sink->ops->stop(r.sink);
 *	rig_free(&r);
 */
#ifndef TEST_UNIT_SINK_RIG_H
#define TEST_UNIT_SINK_RIG_H

#include "base/thread.h"
#include "plugin/sink.h"

struct sink_rig {
	struct plugin_env	 env;
	struct sink		*sink;
	struct conf		*conf;
};

/* Settings "key=value", NULL at the end; check has passed. */
void	rig_make(struct sink_rig *, const struct sink_ops *, ...)
	    __attribute__((sentinel));
/* The same; -1 when a setting or check refuses, with all of it in err. */
int	rig_try(struct sink_rig *, const struct sink_ops *,
	    const char *const *settings, struct err *);
void	rig_free(struct sink_rig *);

/* A record, with headers name, value, ..., NULL. */
struct record *rig_add(struct batch *, const char *body, ...)
	    __attribute__((sentinel));

/* One lease on its way. */
struct rig_delivery {
	struct completion	 done;
	struct lease		 lease;
	struct batch		*batch;		/* rig_send's, to be freed */
	struct mutex		 mutex;
	struct cond		 cond;
	bool			 over, failed;
	struct err		 err;
};
/* Takes over the batch, and gives all of it to the sink. */
void	rig_send(struct sink_rig *, struct rig_delivery *, struct batch *);
/* The same with a lease of the test's own, as a channel makes it. */
void	rig_send_lease(struct sink_rig *, struct rig_delivery *,
	    const struct lease *);
/* Waits until the sink is done with it: 0, or -1 with its error. */
int	rig_wait(struct rig_delivery *, struct err *);
/* Is it done? */
bool	rig_is_over(struct rig_delivery *);
int	rig_deliver(struct sink_rig *, struct batch *, struct err *);

#endif
