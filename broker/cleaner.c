/*
 * In each round the cleaner looks at all open partitions with
 * cleanup.policy=compact, and as long as one has enough to do, the dirtiest of
 * them gets a pass.  How far a log was cleaned is remembered in its own
 * folder (seglog/swap.c), so a start begins where the last pass ended.
 *
 * The active segment is never compacted.  So it is closed here when it is
 * older than segment.ms or max.compaction.lag.ms, also when nothing is appended
 * any more.
 *
 * The partition's lock is taken for moments only: to ask about a producer, to
 * put a segment in its place.
 */
#include "broker/cleaner.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/partition.h"
#include "broker/producers.h"
#include "broker/space.h"
#include "broker/topic.h"
#include "broker/topic_config.h"

#define NICE		10
#define INFLATED_MAX	(256u << 20)	/* of a batch: what Produce takes */
#define AGAIN_NS	(300 * (int64_t)1000000000) /* behind a failure */
#define LOUD		((uint64_t)1 << 20)	/* bytes worth a line */

struct cleaner {
	struct broker	*broker;
	struct thread	 thread;
	struct mutex	 lock;
	struct cond	 wake;
	bool		 stop;		/* lock */
};

static int64_t
number(struct partition *p, int key)
{
	return (topic_config_get(p->topic)->num[key]);
}

static bool
is_compacted(struct partition *p)
{
	return (partition_is_open(p) &&
	    (number(p, TOPIC_CLEANUP_POLICY) & CLEANUP_COMPACT) != 0);
}

/* Sleeps until then; false: it is to stop. */
static bool
sleep_until(struct cleaner *c, int64_t deadline_ns)
{
	bool stop;

	mutex_lock(&c->lock);
	while (!c->stop && cond_wait_until(&c->wake, &c->lock, deadline_ns))
		;
	stop = c->stop;
	mutex_unlock(&c->lock);
	return (!stop);
}

/* --- what a pass asks --- */

struct job {			/* owner: the thread of the pass */
	struct partition	*p;
	struct cleaner		*cleaner;	/* NULL: nobody stops it */
	int64_t			 began_ns;
	uint64_t		 bytes;
};

/* log.cleaner.io.max.bytes.per.second */
static bool
on_pace(void *ctx, uint64_t bytes)
{
	struct job *j = ctx;
	struct broker *b = j->p->topic->broker;
	int64_t due = 0;

	j->bytes += bytes;
	if (b->cfg.cleaner_rate > 0)
		due = j->began_ns + (int64_t)((double)j->bytes * 1e9 /
		    (double)b->cfg.cleaner_rate);
	if (atomic_load(&j->p->topic->deleted))
		return (false);
	return (j->cleaner == NULL || sleep_until(j->cleaner, due));
}

static bool
on_remember(void *ctx, const struct kbatch *batch)
{
	struct partition *p = ((struct job *)ctx)->p;
	bool last;

	mutex_lock(&p->lock);
	last = producers_last(p->producers, batch);
	mutex_unlock(&p->lock);
	return (last);
}

/* --- one pass --- */

static void
say(struct partition *p, const struct seglog_cleaned *s, int64_t ms)
{
	char name[272];

	if (s->before < LOUD)
		return;
	log_info("broker", "partition=%s: compacted up to offset=%lld: "
	    "bytes=%llu are %llu now, records=%llu kept, %llu gone, in %lld "
	    "ms", partition_name(p, name), (long long)s->upto,
	    (unsigned long long)s->before, (unsigned long long)s->after,
	    (unsigned long long)s->kept, (unsigned long long)s->removed,
	    (long long)ms);
}

static void
count(struct broker *b, const struct seglog_cleaned *s, int64_t ms)
{
	metric_add_shared(&b->m.cleaner_runs, 1);
	metric_add_shared(&b->m.cleaner_read, (int64_t)s->read);
	metric_add_shared(&b->m.cleaner_written, (int64_t)s->written);
	metric_add_shared(&b->m.cleaner_records, (int64_t)s->removed);
	metric_set(&b->m.cleaner_last_ms, ms);
}

/*
 * The index of aborted transactions goes along, one pass behind: what this pass
 * removes is told until the next one, to whoever has just taken a range of an
 * old segment and asks which of it was aborted.
 */
static int
clean_both(struct partition *p, const struct seglog_cleaning *how,
    const struct seglog_dirt *d, struct seglog_cleaned *s, struct err *e)
{
	int rc;

	if (partition_txn_cleaned(p, d->cleaned, e) == -1)
		return (-1);
	rc = seglog_clean(p->log, how, s, e);
	if (s->failed)
		fatal_disk("partition %s-%d: %s", p->topic->name, p->index,
		    rc == -1 && e != NULL ? e->msg : "a sync has failed");
	if (partition_txn_cleaned(p, d->cleaned, rc == 0 ? e : NULL) == -1)
		return (-1);
	return (rc);
}

static int
clean(struct partition *p, struct cleaner *c, const struct seglog_dirt *d,
    struct seglog_cleaned *s, struct err *e)
{
	struct broker *b = p->topic->broker;
	struct job job = { p, c, clock_mono_ns(), 0 };
	struct seglog_cleaning how = {
		.upto = d->upto, .now_ms = clock_wall_ms(),
		.delete_retention_ms = number(p, TOPIC_DELETE_RETENTION),
		.segment_bytes = partition_segment_bytes(p),
		.map_bytes = b->cfg.cleaner_map,
		.max_inflated = INFLATED_MAX, .writer = &p->lock,
		.pace = on_pace, .remember = on_remember, .ctx = &job
	};
	int64_t ms;
	int rc;

	if (how.delete_retention_ms > INT64_MAX - how.now_ms)
		how.delete_retention_ms = INT64_MAX - how.now_ms;
	memset(s, 0, sizeof *s);
	rc = clean_both(p, &how, d, s, e);
	ms = (clock_mono_ns() - job.began_ns) / 1000000;
	count(b, s, ms);
	if (rc == 0)
		say(p, s, ms);
	return (rc);
}

int
cleaner_pass(struct partition *p, struct err *e)
{
	struct seglog_cleaned s;
	struct seglog_dirt d;

	return (seglog_dirt(p->log, partition_stable(p), INT64_MAX, &d, e) ==
	    -1 ? -1 : clean(p, NULL, &d, &s, e));
}

/* --- which partition, and when --- */

struct choice {
	struct partition	*p;	/* with a reference on its topic */
	double			 ratio;
	struct seglog_dirt	 dirt;
};

static bool
is_due(struct partition *p, const struct seglog_dirt *d, double *ratio)
{
	int64_t lag = number(p, TOPIC_MAX_COMPACTION_LAG);

	if (d->dirty_bytes == 0)
		return (false);
	*ratio = (double)d->dirty_bytes /
	    (double)(d->clean_bytes + d->dirty_bytes);
	if (d->since_ms >= 0 && clock_wall_ms() - d->since_ms > lag) {
		*ratio = 2;		/* before all others */
		return (true);
	}
	return (*ratio * TOPIC_DOUBLE_UNIT >
	    (double)number(p, TOPIC_MIN_DIRTY_RATIO));
}

static void
put_off(struct partition *p, const char *what, const struct err *err)
{
	char name[272];

	p->clean_after_ns = clock_mono_ns() + AGAIN_NS;
	log_warn("broker", "partition=%s: %s: %s; tried again in 5 minutes",
	    partition_name(p, name), what, err->msg);
}

static void
roll_old(struct partition *p)
{
	int64_t age = number(p, TOPIC_SEGMENT_MS), newest, since, base;
	struct err err = ERR_INIT;
	uint64_t bytes;
	int rc = 0;

	if (number(p, TOPIC_MAX_COMPACTION_LAG) < age)
		age = number(p, TOPIC_MAX_COMPACTION_LAG);
	mutex_lock(&p->lock);
	if (partition_is_open(p)) {
		seglog_active_age(p->log, &newest, &since);
		seglog_active(p->log, &base, &bytes);
		if (bytes > 0 && clock_wall_ms() - since >= age)
			rc = partition_roll_locked(p, &err);
	}
	mutex_unlock(&p->lock);
	if (rc == -1)
		put_off(p, "its active segment cannot be closed", &err);
}

static void
consider(struct partition *p, struct choice *best)
{
	int64_t lag = number(p, TOPIC_MIN_COMPACTION_LAG);
	struct err err = ERR_INIT;
	struct seglog_dirt d;
	double ratio;

	roll_old(p);
	if (seglog_dirt(p->log, partition_stable(p), lag == 0 ? INT64_MAX :
	    clock_wall_ms() - lag, &d, &err) == -1) {
		put_off(p, "cannot be compacted", &err);
		return;
	}
	if (!is_due(p, &d, &ratio) ||
	    (best->p != NULL && ratio <= best->ratio))
		return;
	if (best->p != NULL)
		topic_unref(best->p->topic);
	topic_ref(p->topic);
	*best = (struct choice){ p, ratio, d };
}

static void
choose(struct broker *b, struct choice *best)
{
	int64_t now = clock_mono_ns();
	struct partition *p;
	struct topic **v;
	size_t i, n;
	int32_t k;

	*best = (struct choice){ NULL, 0, { 0 } };
	n = topic_list(b, &v);
	for (i = 0; i < n; i++) {
		for (k = 0; k < atomic_load(&v[i]->npartitions); k++) {
			p = topic_partition(v[i], k);
			if (is_compacted(p) && now >= p->clean_after_ns)
				consider(p, best);
		}
		topic_unref(v[i]);
	}
	free(v);
}

static void
clean_chosen(struct cleaner *c, const struct choice *x)
{
	struct partition *p = x->p;
	struct broker *b = c->broker;
	struct err err = ERR_INIT;
	struct seglog_cleaned s;

	/* There is one new segment beside the old ones at a time. */
	if (space_check(b, partition_segment_bytes(p) < x->dirt.clean_bytes +
	    x->dirt.dirty_bytes ? partition_segment_bytes(p) :
	    x->dirt.clean_bytes + x->dirt.dirty_bytes, &err) == -1)
		put_off(p, "no room to compact it", &err);
	else if (clean(p, c, &x->dirt, &s, &err) == -1) {
		if (!s.stopped)
			put_off(p, "compaction", &err);
	} else if (s.upto <= x->dirt.cleaned)
		/* All of it waits for a transaction. */
		p->clean_after_ns = clock_mono_ns() +
		    b->cfg.cleaner_backoff_ms * 1000000;
}

static void
cleaner_run(void *arg)
{
	struct cleaner *c = arg;
	struct choice x;
	bool run = true;

	/* Linux has a niceness per thread, and takes 0 for the caller. */
	(void)setpriority(PRIO_PROCESS, 0, NICE);
	while (run) {
		choose(c->broker, &x);
		if (x.p == NULL) {
			run = sleep_until(c, clock_mono_ns() +
			    c->broker->cfg.cleaner_backoff_ms * 1000000);
			continue;
		}
		clean_chosen(c, &x);
		topic_unref(x.p->topic);
		run = sleep_until(c, 0);
	}
}

int
cleaner_start(struct broker *b, struct err *e)
{
	struct cleaner *c;

	if (!b->cfg.cleaner_enable)
		return (0);
	c = xcalloc(1, sizeof *c);
	c->broker = b;
	mutex_init(&c->lock);
	cond_init(&c->wake);
	b->cleaner = c;
	return (thread_start(&c->thread, "cleaner", cleaner_run, c, e));
}

void
cleaner_stop(struct broker *b)
{
	struct cleaner *c = b->cleaner;

	if (c == NULL)
		return;
	mutex_lock(&c->lock);
	c->stop = true;
	mutex_unlock(&c->lock);
	cond_signal(&c->wake);
	thread_join(&c->thread);
	mutex_fini(&c->lock);
	cond_fini(&c->wake);
	free(c);
	b->cleaner = NULL;
}
