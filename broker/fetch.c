/*
 * Fetch.  Nothing is copied but small ranges: an answer is encoded bytes with
 * file ranges in between, all of them whole batches below the synced end.
 *
 * A fetch that does not find min_bytes waits on all its partitions: each has
 * it in its list of watchers, and the flusher posts its task when a synced end
 * has moved.  Watching comes before the last look, so no movement is missed.
 * One that must not wait (max_wait_ms 0) and has come to the end waits all the
 * same for a sync that is on its way, a moment at most: asking again would
 * take as long.
 * With read_committed the end is the last stable offset, which moves together
 * with the synced end, as it waits for synced markers.
 * Which partitions a request is about says fetch_session.h.
 */
#include "broker/fetch.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/fetch_session.h"
#include "broker/partition.h"
#include "broker/server.h"
#include "broker/topic.h"
#include "kafka/errors.h"
#include "kafka/fetch.h"
#include "kafka/frame.h"
#include "kafka/messages.h"

#define COPY_BELOW	(16u << 10)	/* sendfile is not worth its call */
/* A partition that is asked for costs memory for the answer as well. */
#define PARTS_MAX	100000
#define READ_COMMITTED	1		/* isolation_level */
#define MOMENT_MS	5		/* for records that are appended */

struct fetch_part {
	struct watcher		 watcher;
	struct fetch		*fetch;
	const struct fetch_want	*want;
	struct topic		*topic;		/* a reference, or NULL */
	struct partition	*p;		/* NULL: see error */
	int16_t			 error;
	int64_t			 high, stable, start;
	struct seglog_range	 range;		/* held while len > 0 */
};

struct fetch {			/* owner: its loop */
	struct request		*r;
	const struct km_fetch_request *in;
	struct fetch_plan	 plan;
	struct fetch_part	*v;		/* of plan.v, one each */
	size_t			 n;
	struct loop_timer	 timer;
	struct loop_task	 task;
	atomic_bool		 woken;		/* the task is on its way */
	bool			 waiting;	/* in the loop's list */
	bool			 final;		/* answer with what there is */
	bool			 due;		/* more is there, not synced */
	bool			 brief;		/* waits for that alone */
	bool			 answered;	/* the task frees it */
	struct fetch		*next, **prev;
};

/* --- looking --- */

static int16_t
check_epoch(const struct broker *b, int32_t epoch)
{
	if (epoch == -1 || epoch == b->leader_epoch)
		return (KERR_NONE);
	return (epoch < b->leader_epoch ? KERR_FENCED_LEADER_EPOCH :
	    KERR_UNKNOWN_LEADER_EPOCH);
}

static int16_t
error_of(const struct err *err, int version)
{
	if (err->code == ERR_NOT_FOUND)
		return (KERR_UNKNOWN_TOPIC_OR_PARTITION);
	return (version <= 5 ? KERR_NOT_LEADER_OR_FOLLOWER :
	    KERR_KAFKA_STORAGE_ERROR);
}

/* Reads one partition: its ends, and a range of at most max bytes. */
static void
look_at(struct fetch_part *fp, size_t max, bool one, const struct request *r)
{
	const struct km_fetch_request *in = r->in;
	struct err err = ERR_INIT;
	struct seglog *log;
	int64_t limit;

	fp->range.len = 0;
	if (atomic_load(&fp->p->state) == PARTITION_GONE) {
		fp->error = KERR_UNKNOWN_TOPIC_OR_PARTITION;
		return;
	}
	log = fp->p->log;
	fp->stable = partition_stable(fp->p);
	fp->high = seglog_synced(log);
	fp->start = seglog_start(log);
	if (fp->want->offset < fp->start ||
	    fp->want->offset > seglog_end(log)) {
		fp->error = KERR_OFFSET_OUT_OF_RANGE;
		return;
	}
	limit = in->isolation_level == READ_COMMITTED ? fp->stable : fp->high;
	if (fp->want->offset >= fp->high) {
		partition_followed(fp->p);
		fp->fetch->due |= seglog_end(log) > fp->high;
	}
	if (max == 0 || fp->want->offset >= limit)
		return;
	if (seglog_read(log, fp->want->offset, limit, max, one, &fp->range,
	    &err) == -1) {
		fp->range.len = 0;
		fp->error = err.code == ERR_NOT_FOUND ?
		    KERR_OFFSET_OUT_OF_RANGE : error_of(&err, r->version);
	}
}

static void
let_go(struct fetch *f)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		if (f->v[i].range.len > 0) {
			seglog_release(&f->v[i].range);
			f->v[i].range.len = 0;
		}
}

/* Bytes that this partition may give when the answer has total already.  The
 * first one with records gives a batch whatever the limits say (KIP-74). */
static size_t
share_of(const struct fetch *f, const struct fetch_part *fp, size_t total)
{
	size_t max = f->r->broker->cfg.fetch_max;
	size_t part = fp->want->max > 0 ? (size_t)fp->want->max : 0;

	if (f->in->max_bytes >= 0 && (size_t)f->in->max_bytes < max)
		max = (size_t)f->in->max_bytes;
	max = total < max ? max - total : 0;
	if (part < max)
		max = part;
	return (max == 0 && total == 0 ? 1 : max);
}

/* Collects what there is; true when it is to be answered now. */
static bool
collect(struct fetch *f)
{
	bool now = f->final || f->n == 0;
	struct fetch_part *fp;
	size_t i, total = 0;

	for (i = 0; i < f->n; i++) {
		fp = &f->v[i];
		if (fp->error == KERR_NONE) {
			look_at(fp, share_of(f, fp, total), total == 0,
			    f->r);
			total += fp->range.len;
		}
		if (fp->error != KERR_NONE)
			now = true;
	}
	if (now || (int64_t)total >= f->in->min_bytes)
		return (true);
	let_go(f);
	return (false);
}

/* --- answering --- */

struct held {
	struct seglog_range	 range;
	struct topic		*topic;
};

static void
release_held(void *arg)
{
	struct held *h = arg;

	seglog_release(&h->range);
	topic_unref(h->topic);
	free(h);
}

static void
add_file(struct answer *a, size_t *cap, size_t at, struct fetch_part *fp)
{
	struct held *h = xmalloc(sizeof *h);

	h->range = fp->range;
	h->topic = topic_ref(fp->topic);
	GROW(a->files, a->nfiles, *cap);
	a->files[a->nfiles++] = (struct answer_file){
		.at = at, .fd = h->range.fd, .pos = h->range.pos,
		.len = h->range.len, .release = release_held, .arg = h
	};
	fp->range.len = 0;
}

/* Puts the records in: as bytes when they are few, else as a file range. */
static int
put_records(struct fetch_part *fp, struct kwriter *w, size_t at,
    struct answer *a, size_t *cap)
{
	size_t len = fp->range.len;
	uint8_t *to;

	if (len == 0)
		return (0);
	if (len >= COPY_BELOW) {
		add_file(a, cap, at, fp);
		return (0);
	}
	if ((to = kwriter_room(w, len)) == NULL ||
	    fs_pread(fp->range.fd, to, len, fp->range.pos, NULL) !=
	    (ssize_t)len)
		return (-1);
	w->len += len;
	seglog_release(&fp->range);
	fp->range.len = 0;
	return (0);
}

/* Which of the records were aborted (free the array); when that cannot be
 * read, they are not given away. */
static void
set_aborted(struct fetch *f, struct fetch_part *fp,
    struct km_fetch_response_partition *out)
{
	struct aborted_txn *v = NULL;
	struct err err = ERR_INIT;
	size_t i, n = 0;

	out->aborted_transactions.n = 0;
	if (fp->range.len == 0)
		return;
	if (partition_aborted(fp->p, fp->want->offset, fp->range.next, &v, &n,
	    &err) == -1) {
		log_error("broker", "topic=%s: %s", fp->topic->name, err.msg);
		seglog_release(&fp->range);
		fp->error = error_of(&err, f->r->version);
		return;
	}
	out->aborted_transactions.v = xcalloc(n + 1,
	    sizeof *out->aborted_transactions.v);
	out->aborted_transactions.n = (int32_t)n;
	for (i = 0; i < n; i++) {
		out->aborted_transactions.v[i].producer_id = v[i].producer_id;
		out->aborted_transactions.v[i].first_offset =
		    v[i].first_offset;
	}
	free(v);
}

static int
put_partition(struct fetch *f, struct kfetch *k, struct fetch_part *fp,
    struct answer *a, size_t *cap)
{
	struct km_fetch_response_partition part;
	size_t at;

	kw_defaults(&kd_fetch_response_partition, &part);
	part.aborted_transactions.n = -1;
	if (f->in->isolation_level == READ_COMMITTED)
		set_aborted(f, fp, &part);
	part.partition_index = fp->want->partition;
	part.error_code = fp->error;
	part.high_watermark = fp->error == KERR_NONE ? fp->high : -1;
	part.last_stable_offset = fp->error == KERR_NONE ? fp->stable : -1;
	part.log_start_offset = fp->error == KERR_NONE ? fp->start : -1;
	metric_add_shared(&f->r->broker->m.bytes_out, (int64_t)fp->range.len);
	at = kfetch_partition(k, &part, fp->range.len);
	free(part.aborted_transactions.v);
	if (put_records(fp, k->w, at, a, cap) == -1)
		return (-1);
	kfetch_partition_end(k, &part);
	return (0);
}

/* Partitions from v[0] on of the same topic. */
static size_t
same_topic(struct fetch_part *const *v, size_t n)
{
	const struct fetch_want *a = v[0]->want, *b;
	size_t i;

	for (i = 1; i < n; i++) {
		b = v[i]->want;
		if (!slice_eq(a->name, b->name) ||
		    memcmp(&a->id, &b->id, sizeof a->id) != 0)
			break;
	}
	return (i);
}

static int
put_all(struct fetch *f, struct kfetch *k, struct fetch_part *const *v,
    size_t n, struct answer *a, size_t *cap)
{
	size_t i, run;

	for (; n > 0; v += run, n -= run) {
		run = same_topic(v, n);
		kfetch_topic(k, v[0]->want->name, v[0]->want->id,
		    (int32_t)run);
		for (i = 0; i < run; i++)
			if (put_partition(f, k, v[i], a, cap) == -1)
				return (-1);
	}
	return (0);
}

/* What the client has to hear of goes to v; *n of them.  The session id. */
static int32_t
choose(struct fetch *f, struct fetch_part **v, size_t *n)
{
	struct fetch_told *told = xcalloc(f->n + 1, sizeof *told);
	struct fetch_part *fp;
	int32_t id;
	size_t i;

	for (i = 0; i < f->n; i++) {
		fp = &f->v[i];
		told[i].error = fp->error != KERR_NONE;
		told[i].records = fp->range.len > 0;
		told[i].high = fp->high;
		told[i].start = fp->start;
	}
	id = fetch_session_end(f->r->broker->fetch_sessions, &f->plan, told,
	    clock_wall_ms());
	for (i = 0, *n = 0; i < f->n; i++)
		if (told[i].included)
			v[(*n)++] = &f->v[i];
	free(told);
	return (id);
}

static int32_t
count_topics(struct fetch_part *const *v, size_t n)
{
	int32_t topics = 0;
	size_t run;

	for (; n > 0; v += run, n -= run, topics++)
		run = same_topic(v, n);
	return (topics);
}

static size_t
files_len(const struct answer *a)
{
	size_t i, n = 0;

	for (i = 0; i < a->nfiles; i++)
		n += a->files[i].len;
	return (n);
}

/* The answer, or NULL when reading failed. */
static struct answer *
make_answer(struct fetch *f)
{
	struct fetch_part **v = xcalloc(f->n + 1, sizeof *v);
	struct answer files = { NULL }, *a;
	struct request *r = f->r;
	struct kfetch k;
	struct kwriter w;
	size_t at, n, cap = 0;
	int32_t id = choose(f, v, &n);
	int rc;

	kwriter_init(&w, 256, 1u << 30);
	at = kframe_response_begin(&w, kapi_get(KAPI_Fetch), r->version,
	    r->correlation);
	kfetch_begin(&k, &w, r->version, 0, KERR_NONE, id,
	    count_topics(v, n));
	rc = put_all(f, &k, v, n, &files, &cap);
	free(v);
	if (rc == -1 || w.full) {
		kwriter_fini(&w);
		a = xcalloc(1, sizeof *a);
		a->files = files.files;
		a->nfiles = files.nfiles;
		answer_free(a);
		return (NULL);
	}
	kfetch_end(&k);
	kframe_end(&w, at, files_len(&files));
	a = answer_of(&w);
	a->files = files.files;
	a->nfiles = files.nfiles;
	return (a);
}

static void
unwatch_all(struct fetch *f)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		if (f->v[i].p != NULL)
			partition_unwatch(f->v[i].p, &f->v[i].watcher);
}

static void
fetch_free(struct fetch *f)
{
	size_t i;

	let_go(f);
	for (i = 0; i < f->n; i++)
		topic_unref(f->v[i].topic);
	fetch_plan_fini(&f->plan);
	free(f->v);
	free(f);
}

static void
respond(struct fetch *f)
{
	struct request *r = f->r;
	struct answer *a;

	if (f->waiting) {
		unwatch_all(f);
		timer_fini(&f->timer);
		*f->prev = f->next;
		if (f->next != NULL)
			f->next->prev = f->prev;
	}
	a = make_answer(f);
	r->gone = NULL;
	if (atomic_load(&f->woken))
		f->answered = true;	/* the task is still to come */
	else
		fetch_free(f);
	if (a != NULL)
		request_answer(r, a);
	else
		request_close(r, "records could not be read");
}

/* --- waiting --- */

static void
on_watch(struct watcher *w)
{
	struct fetch_part *fp = container_of(w, struct fetch_part, watcher);
	struct fetch *f = fp->fetch;

	if (!atomic_exchange(&f->woken, true))
		loop_post(f->r->home->loop, &f->task);
}

static void
watch_all(struct fetch *f)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		if (f->v[i].p != NULL)
			partition_watch(f->v[i].p, &f->v[i].watcher);
}

static void
look_again(struct fetch *f)
{
	unwatch_all(f);
	if (!collect(f)) {
		watch_all(f);
		if (!collect(f))
			return;
	}
	respond(f);
}

static void
finish_now(struct fetch *f)
{
	f->final = true;
	(void)collect(f);
	respond(f);
}

static void
on_task(struct loop_task *t)
{
	struct fetch *f = container_of(t, struct fetch, task);

	atomic_store(&f->woken, false);
	if (f->answered)
		fetch_free(f);
	else if (f->brief)
		finish_now(f);
	else
		look_again(f);
}

static void
on_timer(struct loop_timer *t)
{
	finish_now(container_of(t, struct fetch, timer));
}

static void
on_gone(struct request *r)
{
	finish_now(r->data);
}

void
fetch_wake_all(struct broker_loop *bl)
{
	while (bl->fetches != NULL)
		finish_now(bl->fetches);
}

static void
wait_for_more(struct fetch *f)
{
	struct broker_loop *bl = f->r->home;

	f->waiting = true;
	f->next = bl->fetches;
	f->prev = &bl->fetches;
	if (f->next != NULL)
		f->next->prev = &f->next;
	bl->fetches = f;
	f->task.fn = on_task;
	timer_init(&f->timer, bl->loop, on_timer);
	timer_arm(&f->timer, f->brief ? MOMENT_MS : f->in->max_wait_ms);
	f->r->gone = on_gone;
	f->r->data = f;
	look_again(f);
}

/* --- the request --- */

static void
prepare(struct fetch *f, struct fetch_part *fp, struct topic *t,
    const struct fetch_want *want)
{
	struct broker *b = f->r->broker;
	struct err err = ERR_INIT;
	struct partition *p;

	fp->fetch = f;
	fp->watcher.fn = on_watch;
	fp->want = want;
	fp->high = fp->start = -1;
	p = t == NULL ? NULL : topic_partition(t, want->partition);
	if (p == NULL) {
		fp->error = t == NULL && want->name.p == NULL ?
		    KERR_UNKNOWN_TOPIC_ID : KERR_UNKNOWN_TOPIC_OR_PARTITION;
		return;
	}
	fp->topic = topic_ref(t);
	fp->error = check_epoch(b, want->epoch);
	if (fp->error != KERR_NONE)
		return;
	if (partition_open(p, &err) == -1)
		fp->error = error_of(&err, f->r->version);
	else
		fp->p = p;
}

static struct topic *
find_topic(struct broker *b, const struct fetch_want *want)
{
	struct uuid id;

	if (want->name.p != NULL)
		return (topic_find(b, want->name));
	memcpy(id.b, want->id.b, sizeof id.b);
	return (topic_find_id(b, &id));
}

/* Takes the plan over. */
static struct fetch *
fetch_new(struct request *r, const struct fetch_plan *plan)
{
	struct fetch *f = xcalloc(1, sizeof *f);
	const struct fetch_want *w, *last = NULL;
	struct topic *t = NULL;

	f->r = r;
	f->in = r->in;
	f->plan = *plan;
	f->v = xcalloc(plan->n + 1, sizeof *f->v);
	for (; f->n < plan->n; f->n++, last = w) {
		w = &plan->v[f->n];
		if (last == NULL || !slice_eq(w->name, last->name) ||
		    memcmp(&w->id, &last->id, sizeof w->id) != 0) {
			topic_unref(t);
			t = find_topic(r->broker, w);
		}
		prepare(f, &f->v[f->n], t, w);
	}
	topic_unref(t);
	return (f);
}

static void
refuse_session(struct request *r, int16_t error)
{
	struct km_fetch_response resp;

	kw_defaults(&kd_fetch_response, &resp);
	resp.error_code = error;
	request_reply(r, &resp);
}

void
handle_fetch(struct request *r)
{
	const struct km_fetch_request *in = r->in;
	struct fetch_plan plan;
	struct fetch *f;
	int16_t error;

	error = fetch_session_begin(r->broker->fetch_sessions, in, r->version,
	    clock_wall_ms(), &plan);
	if (error != KERR_NONE || plan.n > PARTS_MAX) {
		fetch_plan_fini(&plan);
		if (error != KERR_NONE)
			refuse_session(r, error);
		else
			request_close(r, "it asks for too many partitions");
		return;
	}
	f = fetch_new(r, &plan);
	f->brief = in->max_wait_ms <= 0;
	if (collect(f) || (f->brief && !f->due) ||
	    atomic_load(&r->broker->stopping))
		respond(f);
	else
		wait_for_more(f);
}
