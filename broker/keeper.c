/*
 * A round each second.  Retention is asked of every open partition every
 * log.retention.check.interval.ms; the cap is looked at in every round, and
 * takes the oldest closed segment of all topics that may lose records, closing
 * the oldest active one when there is none.
 *
 * In its first rounds the keeper opens the partitions that have a folder, one
 * after the other, so that their size counts and old records go even when
 * nobody asks for them.
 */
#include "broker/keeper.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "broker/checkpoint.h"
#include "broker/partition.h"
#include "broker/space.h"
#include "broker/topic.h"
#include "broker/topic_config.h"

#define ROUND_NS	1000000000

struct keeper {
	struct broker	*broker;
	struct thread	 thread;
	struct mutex	 lock;
	struct cond	 wake;
	bool		 stop;		/* lock */
};

/* Calls fn for each partition of each topic. */
static void
each_partition(struct broker *b, void (*fn)(struct partition *, void *),
    void *ctx)
{
	struct topic **v;
	size_t i, n;
	int32_t k;

	n = topic_list(b, &v);
	for (i = 0; i < n; i++) {
		for (k = 0; k < atomic_load(&v[i]->npartitions); k++)
			fn(topic_partition(v[i], k), ctx);
		topic_unref(v[i]);
	}
	free(v);
}

static bool
may_delete(struct partition *p)
{
	const struct topic_config *c = topic_config_get(p->topic);

	return (partition_is_open(p) &&
	    (c->num[TOPIC_CLEANUP_POLICY] & CLEANUP_DELETE) != 0);
}

/* --- retention --- */

static bool
active_is_old(struct partition *p, int64_t now, int64_t keep_ms)
{
	int64_t newest, since;

	if (keep_ms < 0 || seglog_end(p->log) == 0)
		return (false);
	seglog_active_age(p->log, &newest, &since);
	return (newest >= 0 && newest < now - keep_ms);
}

static int
retain_locked(struct partition *p, uint64_t *freed, struct err *e)
{
	const struct topic_config *c = topic_config_get(p->topic);
	int64_t keep_ms = c->num[TOPIC_RETENTION_MS], now = clock_wall_ms();
	int64_t start;

	if (active_is_old(p, now, keep_ms) &&
	    partition_roll_locked(p, e) == -1)
		return (-1);
	start = seglog_retain(p->log, now, keep_ms,
	    c->num[TOPIC_RETENTION_BYTES]);
	if (start <= seglog_start(p->log) || start > seglog_synced(p->log))
		return (0);
	return (partition_trim_locked(p, start, freed, e));
}

static void
retain(struct partition *p, void *ctx)
{
	struct err err = ERR_INIT;
	uint64_t freed = 0;
	char name[272];
	int rc;

	(void)ctx;
	if (!may_delete(p))
		return;
	mutex_lock(&p->lock);
	rc = retain_locked(p, &freed, &err);
	mutex_unlock(&p->lock);
	if (rc == -1)
		log_warn("broker", "partition=%s: retention: %s",
		    partition_name(p, name), err.msg);
	if (freed == 0)
		return;
	metric_add_shared(&p->topic->broker->m.retained_bytes,
	    (int64_t)freed);
	log_info("broker", "partition=%s: retention deleted bytes=%llu, "
	    "begins at offset=%lld now", partition_name(p, name),
	    (unsigned long long)freed, (long long)seglog_start(p->log));
}

/* --- the cap --- */

struct oldest {
	struct partition	*p;	/* with a reference on its topic */
	int64_t			 newest_ms;
	int64_t			 end;
	bool			 active;	/* only active ones seen */
};

static void
find_oldest(struct partition *p, void *ctx)
{
	struct oldest *o = ctx;
	int64_t end, newest, since;
	uint64_t bytes;
	bool active;

	if (!may_delete(p))
		return;
	active = !seglog_oldest(p->log, &end, &bytes, &newest);
	if (active) {
		seglog_active_age(p->log, &newest, &since);
		if (seglog_bytes(p->log) == 0)
			return;
	}
	if (o->p != NULL && newest >= o->newest_ms)
		return;
	if (o->p != NULL)
		topic_unref(o->p->topic);
	topic_ref(p->topic);
	*o = (struct oldest){ p, newest, end, active };
}

/* Drops the oldest closed segment of p, or closes its active one. */
static int
drop_oldest(const struct oldest *o, uint64_t *freed, struct err *e)
{
	struct partition *p = o->p;
	int64_t start;
	int rc;

	mutex_lock(&p->lock);
	start = seglog_start(p->log);
	rc = o->active ? partition_roll_locked(p, e) :
	    partition_trim_locked(p, o->end, freed, e);
	mutex_unlock(&p->lock);
	if (rc == 0 && *freed > 0)
		log_warn("broker", "topic=%s partition=%d: dir.max.bytes=%llu "
		    "is reached: deleted offsets %lld to %lld, bytes=%llu, "
		    "read or not", p->topic->name, p->index,
		    (unsigned long long)p->topic->broker->dir_max,
		    (long long)start, (long long)o->end - 1,
		    (unsigned long long)*freed);
	return (rc);
}

static void
add_bytes(struct partition *p, void *ctx)
{
	if (partition_is_open(p))
		*(uint64_t *)ctx += seglog_bytes(p->log);
}

static void
keep_cap(struct broker *b)
{
	struct err err = ERR_INIT;
	struct oldest o;
	uint64_t total = 0, freed;

	each_partition(b, add_bytes, &total);
	while (total > b->dir_max) {
		o = (struct oldest){ NULL };
		each_partition(b, find_oldest, &o);
		if (o.p == NULL)
			break;
		freed = 0;
		if (drop_oldest(&o, &freed, &err) == -1) {
			log_warn("broker", "dir.max.bytes: %s", err.msg);
			topic_unref(o.p->topic);
			break;
		}
		topic_unref(o.p->topic);
		metric_add_shared(&b->m.capped_bytes, (int64_t)freed);
		total -= freed;
	}
	metric_set(&b->m.log_bytes, (int64_t)total);
}

/* --- rounds --- */

static void
tick(struct partition *p, void *ctx)
{
	(void)ctx;
	partition_tick(p);
}

void
keeper_round(struct broker *b, bool retention)
{
	struct err err = ERR_INIT;

	if (retention)
		each_partition(b, retain, NULL);
	keep_cap(b);
	each_partition(b, tick, NULL);
	space_look(b);
	catalogue_sweep(b);
	if (checkpoint_write(b, &err) == -1)
		log_warn("broker", "%s", err.msg);
}

static bool
stopping(struct keeper *k)
{
	bool stop;

	mutex_lock(&k->lock);
	stop = k->stop;
	mutex_unlock(&k->lock);
	return (stop);
}

static void
open_one(struct partition *p, void *ctx)
{
	struct err err = ERR_INIT;
	char name[272];
	struct stat st;

	if (stopping(ctx) || partition_is_open(p) ||
	    fstatat(p->topic->broker->dirfd, partition_name(p, name), &st,
	    0) == -1)
		return;
	if (partition_open(p, &err) == -1 && err.code != ERR_NOT_FOUND)
		log_warn("broker", "%s", err.msg);
}

/* False: the end. */
static bool
sleep_round(struct keeper *k, int64_t until)
{
	bool stop;

	mutex_lock(&k->lock);
	while (!k->stop && cond_wait_until(&k->wake, &k->lock, until))
		;
	stop = k->stop;
	mutex_unlock(&k->lock);
	return (!stop);
}

static void
keeper_run(void *arg)
{
	struct keeper *k = arg;
	struct broker *b = k->broker;
	int64_t every = b->cfg.retention_check_ms * 1000000;
	int64_t now, due;

	each_partition(b, open_one, k);
	due = clock_mono_ns();
	do {
		now = clock_mono_ns();
		keeper_round(b, now >= due);
		if (now >= due)
			due = now + every;
		now += every < ROUND_NS ? every : ROUND_NS;
	} while (sleep_round(k, now));
}

int
keeper_start(struct broker *b, struct err *e)
{
	struct keeper *k = xcalloc(1, sizeof *k);

	k->broker = b;
	mutex_init(&k->lock);
	cond_init(&k->wake);
	b->keeper = k;
	return (thread_start(&k->thread, "keeper", keeper_run, k, e));
}

void
keeper_stop(struct broker *b)
{
	struct keeper *k = b->keeper;

	if (k == NULL)
		return;
	mutex_lock(&k->lock);
	k->stop = true;
	mutex_unlock(&k->lock);
	cond_signal(&k->wake);
	thread_join(&k->thread);
	mutex_fini(&k->lock);
	cond_fini(&k->wake);
	free(k);
	b->keeper = NULL;
}
