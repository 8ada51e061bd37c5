/*
 * seq: counts from 0, one record per number, for trying out a configuration.
 *
 * The number is the position: with a durable channel the next start goes on
 * behind the last number it holds; without one it begins again at 0.  A batch
 * that was refused keeps its numbers.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "plugin/source.h"
#include "sources/sources.h"

#define KEY		"seq"
#define SLOTS		16	/* batches on their way at once */
#define TURN		32	/* batches before the loop looks around */
#define RETRY_MS	1000

struct seq;

struct seq_slot {
	struct completion	 stored;
	struct seq		*seq;
	uint64_t		 first;
	struct seq_slot		*next;
};

struct seq {
	struct source		 source;	/* first */
	int64_t			 batch_size, total;
	uint64_t		 next;
	uint64_t		 stored, delivered;
	struct seq_slot		 slots[SLOTS];
	struct seq_slot		*idle;
	struct batch		*held;		/* refused */
	uint64_t		 held_first;
	unsigned		 inflight;
	bool			 ready, paused, stopping, rewinding;
	struct loop_task	 work;
	struct loop_timer	 retry;
	struct completion	*stopped;
};

static struct seq *
seq_of(struct source *s)
{
	return (container_of(s, struct seq, source));
}

static void
kick(struct seq *q)
{
	if (!q->work.queued && !q->stopping)
		loop_post(q->source.loop, &q->work);
}

static void
stop_if_done(struct seq *q)
{
	struct completion *c = q->stopped;

	if (c == NULL || q->inflight > 0 || q->work.queued)
		return;
	q->stopped = NULL;
	completion_done(c, NULL);
}

static void
stored(struct completion *c, const struct err *e)
{
	struct seq_slot *slot = container_of(c, struct seq_slot, stored);
	struct seq *q = slot->seq;

	q->inflight--;
	slot->next = q->idle;
	q->idle = slot;
	if (e != NULL && !q->stopping) {
		log_warn(q->source.who, "a batch was taken and could not be "
		    "stored: %s; its numbers come again", e->msg);
		q->rewinding = true;
		if (slot->first < q->next)
			q->next = slot->first;
	}
	if (q->inflight == 0)
		q->rewinding = false;
	if (!q->rewinding && q->inflight == 0)
		q->stored = q->next;
	kick(q);
	stop_if_done(q);
}

static struct batch *
make_batch(struct seq *q, uint64_t first)
{
	uint64_t n = (uint64_t)q->batch_size, left, i;
	struct batch *b = batch_new();
	struct cursor_entry entry;
	struct cursor c = { &entry, 1 };
	char text[24];
	int len;

	left = (uint64_t)q->total - first;
	if (n > left)
		n = left;
	for (i = first; i < first + n; i++) {
		len = snprintf(text, sizeof text, "%" PRIu64, i);
		batch_add(b, batch_copy(b, slice_of(text,
		    (size_t)len)))->end = i + 1;
	}
	entry = (struct cursor_entry){ SLICE(KEY), first + n, SLICE("") };
	batch_set_cursor(b, &c);
	b->source = q->source.name;
	b->timestamp = clock_wall_ms();
	return (b);
}

static bool
may_work(const struct seq *q)
{
	return (q->ready && !q->paused && !q->stopping && !q->rewinding &&
	    !q->retry.armed && q->idle != NULL &&
	    (q->held != NULL || q->next < (uint64_t)q->total));
}

static void
offer(struct seq *q)
{
	struct seq_slot *slot = q->idle;
	struct err e = ERR_INIT;
	uint64_t upto;

	if (q->held == NULL) {
		q->held = make_batch(q, q->next);
		q->held_first = q->next;
	}
	upto = q->held->cursor.v[0].offset;
	slot->first = q->held_first;
	q->idle = slot->next;
	q->inflight++;
	completion_init(&slot->stored, q->source.loop, stored);
	if (source_emit(&q->source, q->held, &slot->stored, &e) == 0) {
		q->held = NULL;
		q->next = upto;
		return;
	}
	q->inflight--;
	slot->next = q->idle;
	q->idle = slot;
	if (e.code == ERR_FULL)
		return;		/* resume() comes */
	log_warn(q->source.who, "a batch was not taken: %s; offered again in "
	    "%d ms", e.msg, RETRY_MS);
	timer_arm(&q->retry, RETRY_MS);
}

static void
work(struct loop_task *task)
{
	struct seq *q = container_of(task, struct seq, work);
	int i;

	for (i = 0; i < TURN && may_work(q); i++)
		offer(q);
	if (may_work(q))
		kick(q);
	stop_if_done(q);
}

static void
retry(struct loop_timer *timer)
{
	kick(container_of(timer, struct seq, retry));
}

static int
seq_start(struct source *s, const struct cursor *from, struct err *e)
{
	struct seq *q = seq_of(s);
	size_t i;

	(void)e;
	for (i = 0; from != NULL && i < from->n; i++)
		if (slice_eq_str(from->v[i].key, KEY))
			q->next = from->v[i].offset;
	q->stored = q->delivered = q->next;
	for (i = 0; i < SLOTS; i++) {
		q->slots[i].seq = q;
		q->slots[i].next = q->idle;
		q->idle = &q->slots[i];
	}
	q->work.fn = work;
	timer_init(&q->retry, s->loop, retry);
	q->ready = true;
	kick(q);
	return (0);
}

static void
seq_pause(struct source *s)
{
	seq_of(s)->paused = true;
}

static void
seq_resume(struct source *s)
{
	seq_of(s)->paused = false;
	kick(seq_of(s));
}

static void
seq_delivered(struct source *s, const struct cursor *upto)
{
	size_t i;

	for (i = 0; i < upto->n; i++)
		if (slice_eq_str(upto->v[i].key, KEY))
			seq_of(s)->delivered = upto->v[i].offset;
}

static void
seq_stop(struct source *s, struct completion *done)
{
	struct seq *q = seq_of(s);

	q->stopping = true;
	q->stopped = done;
	timer_disarm(&q->retry);
	stop_if_done(q);
}

static void
seq_free(struct source *s)
{
	struct seq *q = seq_of(s);

	batch_unref(q->held);
	if (q->ready)
		timer_fini(&q->retry);
}

static void
seq_where(struct source *s, where_fn *fn, void *ctx)
{
	const struct seq *q = seq_of(s);
	struct where_row row = {
		.name = "numbers",
		.state = q->next >= (uint64_t)q->total ? "done" :
		    q->paused ? "waiting for room" : "counting",
		.size = -1,
		.read = (int64_t)q->next,
		.stored = (int64_t)q->stored,
		.delivered = (int64_t)q->delivered,
		.oldest_ms = q->delivered < q->next ? -1 : 0
	};

	fn(ctx, &row);
}

static const struct setting settings[] = {
	SETTING_INT(struct seq, batch_size, "batchSize", .def = "1",
	    .min = "1", .max = "1000000", .doc = "Records in a batch."),
	SETTING_INT(struct seq, total, "totalEvents",
	    .def = "9223372036854775807", .min = "0",
	    .doc = "The source rests after so many records."),
	SETTING_END
};

static const char *const aliases[] = {
	"org.apache.flume.source.SequenceGeneratorSource", NULL
};

const struct source_ops source_seq = {
	.plugin = {
		.name = "seq",
		.aliases = aliases,
		.doc = "Counts from 0, one record per number.",
		.size = sizeof (struct seq),
		.settings = settings
	},
	.start = seq_start,
	.pause = seq_pause,
	.resume = seq_resume,
	.delivered = seq_delivered,
	.stop = seq_stop,
	.free = seq_free,
	.where = seq_where
};
