/*
 * Putting, and the flushers.
 *
 * A batch is encoded once, in the thread that puts it, before the mutex is
 * taken.  A flusher takes all that has arrived, up to a limit, as one group:
 * one write, one sync, and everyone in it is told.  What arrives meanwhile
 * waits for the next: the slower the disk, the larger the groups, and no
 * timer.
 *
 * There are two flushers, so that the next group is written during a sync.  A
 * flusher gives up writing only when it has become the one that syncs, which
 * keeps the groups in order.  At a low rate one thread does both without a
 * handover.
 *
 * A group goes into one segment.  A new segment begins with a group that
 * begins with a snapshot of all positions, and only when all before it is
 * synced.
 */
#include "channels/file_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define GROUP_BATCHES	512
#define GROUP_BYTES	((uint64_t)4 << 20)
#define RETRY_NS	(INT64_C(200) * 1000000)

/* --- encoding --- */

static void
encode_headers(struct kbuilder *k, const struct batch *b)
{
	struct krecord_header *v = NULL;
	uint32_t n, cap = 0, i, it;
	struct header h;

	for (i = 0; i < b->n; i++) {
		n = 0;
		for (it = 0; batch_next_header(b, &b->records[i], &it, &h);) {
			GROW(v, n, cap);
			v[n++] = (struct krecord_header){ h.name, h.value };
		}
		CHECK(kbuilder_add(k, b->timestamp, SLICE_NULL,
		    b->records[i].body, v, n));
	}
	free(v);
}

static size_t
count_headers(const struct batch *b)
{
	size_t n = (size_t)b->n * b->ncommon;
	uint32_t i;

	for (i = 0; !batch_plain(b) && i < b->n; i++)
		n += b->records[i].nheaders;
	return (n);
}

static struct buf *
encode(const struct batch *b)
{
	bool plain = batch_plain(b);
	struct kbuilder k;
	struct buf *buf;

	buf = buf_new(file_buf_size(kbuilder_bound(b->n, b->bytes,
	    count_headers(b))));
	kbuilder_init(&k, buf->data, buf->cap, b->timestamp);
	k.producer_id = b->hint;
	k.producer_epoch = plain ? FILE_PLAIN : FILE_HEADERS;
	k.base_sequence = b->bytes > INT32_MAX ? INT32_MAX :
	    (int32_t)b->bytes;
	if (plain)
		CHECK(kbuilder_values(&k, &b->records[0].body,
		    sizeof (struct record), b->n) == b->n);
	else
		encode_headers(&k, b);
	buf->len = kbuilder_finish(&k);
	return (buf);
}

static uint32_t
held_prefix(struct file *f, const struct batch *b)
{
	uint32_t n;

	mutex_lock(&f->lock);
	n = file_held_prefix(f, b);
	mutex_unlock(&f->lock);
	return (n);
}

/* Puts of one source come one after another, so nothing changes between the
 * look at what is held and the entry into the queue. */
void
file_put(struct channel *ch, struct batch *b, struct completion *done)
{
	struct file *f = file_of(ch);
	struct arrival *a = xcalloc(1, sizeof *a);
	struct batch *rest = NULL;
	uint32_t held = held_prefix(f, b);

	a->stored = done;
	if (held > 0 && held < b->n)
		rest = batch_tail(b, held);
	if (held < b->n) {
		a->data = encode(rest != NULL ? rest : b);
		a->n = b->n - held;
	}
	batch_unref(rest);
	mutex_lock(&f->lock);
	f->reserved_records -= b->n;
	f->reserved_bytes -= b->charge;
	if (a->n > 0) {
		f->pending += a->data->len;
		f->put_records += a->n;
		f->put_bytes += a->data->len;
		metric_add(&ch->common.put_records, a->n);
		metric_add(&ch->common.put_bytes, (int64_t)a->data->len);
	}
	file_cursor_put(f, b, &a->changes);
	*f->tail = a;
	f->tail = &a->next;
	if (!f->writing)
		cond_signal(&f->work);
	mutex_unlock(&f->lock);
}

/* --- one group --- */

struct task {
	struct arrival	*head;		/* in order of arrival */
	uint64_t	 records, bytes;
	size_t		 n;		/* arrivals with records */
	struct sb	 changes;
	bool		 rolled;	/* it has begun a segment */
	struct units	 units;		/* what was written, for the takes */
	int64_t		 first;		/* offset of the first of them */
};

/* Takes arrivals off the queue.  With the lock. */
static void
task_take(struct file *f, struct task *t)
{
	struct arrival *a, **last = &t->head;

	memset(t, 0, sizeof *t);
	units_init(&t->units, 0);
	while ((a = f->head) != NULL && (t->head == NULL ||
	    (t->n < GROUP_BATCHES && (a->data == NULL ||
	    t->bytes + a->data->len <= GROUP_BYTES)))) {
		if ((f->head = a->next) == NULL)
			f->tail = &f->head;
		*last = a;
		last = &a->next;
		a->next = NULL;
		if (a->data == NULL)
			continue;
		t->bytes += a->data->len;
		t->records += a->n;
		t->n++;
	}
}

/* The source and the only key of changes; false when there are more. */
static bool
only_key(const struct sb *changes, struct slice *source, struct slice *key)
{
	struct slice in = slice_of(changes->ptr, changes->len), cursor;

	if (!changes_next(&in, source, &cursor) || get_be32(cursor.p) != 1)
		return (false);
	*key = slice_of(cursor.p + 5, cursor.p[4]);
	return (true);
}

/* A position that the next batch moves on need not be told. */
static bool
superseded(const struct arrival *a)
{
	struct slice source, next_source, key, next_key;

	return (a->next != NULL && a->changes.len > 0 &&
	    a->next->changes.len > 0 &&
	    only_key(&a->changes, &source, &key) &&
	    only_key(&a->next->changes, &next_source, &next_key) &&
	    slice_eq(source, next_source) && slice_eq(key, next_key));
}

static void
task_changes(struct task *t)
{
	const struct arrival *a;

	for (a = t->head; a != NULL; a = a->next)
		if (!superseded(a))
			sb_add(&t->changes, a->changes.ptr, a->changes.len);
}

/* The batches of a group, on their way to the log; each has a reference. */
struct parts {
	struct seglog_batch	*v;
	struct buf		**buf;
	size_t			 n;
};

static void
parts_init(struct parts *p, size_t max)
{
	p->v = xmalloc(max * sizeof *p->v);
	p->buf = xmalloc(max * sizeof *p->buf);
	p->n = 0;
}

static void
parts_fini(struct parts *p)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		buf_unref(p->buf[i]);
	free(p->buf);
	free(p->v);
}

static void
parts_add(struct parts *p, struct buf *buf)
{
	struct seglog_batch *b = &p->v[p->n];

	memcpy(b->header, buf->data, SEGLOG_HEADER);
	b->body = slice_of(buf->data + SEGLOG_HEADER,
	    buf->len - SEGLOG_HEADER);
	p->buf[p->n++] = buf_ref(buf);
}

/* Takes over malloc'd bytes. */
static void
parts_add_bytes(struct parts *p, uint8_t *bytes, size_t size)
{
	struct buf *buf = buf_new(size);

	memcpy(buf->data, bytes, size);
	buf->len = size;
	parts_add(p, buf);
	buf_unref(buf);
	free(bytes);
}

/* The batches as they stand in the log now. */
static void
parts_written(const struct parts *p, struct task *t)
{
	struct kbatch k;
	size_t i;

	t->first = p->v[0].base_offset;
	for (i = 0; i < p->n; i++) {
		memcpy(p->buf[i]->data, p->v[i].header, SEGLOG_HEADER);
		CHECK(kbatch_parse(slice_of(p->v[i].header, SEGLOG_HEADER), &k,
		    NULL) == 0);
		units_add(&t->units, p->buf[i], slice_of(p->buf[i]->data,
		    p->buf[i]->len), &k);
	}
}

static void
wait_until_synced(struct file *f)
{
	mutex_lock(&f->lock);
	while (f->syncing)
		cond_wait(&f->turn, &f->lock);
	mutex_unlock(&f->lock);
}

/* A new segment when the group no longer fits. */
static int
roll(struct file *f, uint64_t bytes, bool *first, struct err *e)
{
	uint64_t active;
	int64_t base;

	seglog_active(f->log, &base, &active);
	*first = active == 0;
	if (*first || active + bytes <= f->segment_bytes)
		return (0);
	*first = true;
	wait_until_synced(f);
	return (seglog_roll(f->log, e));
}

/* Fills in what the closing batch says about the batches before it. */
static void
group_of(struct file *f, const struct task *t, const struct parts *p,
    struct group *g)
{
	size_t i;

	*g = (struct group){
		.channel = f->mark.channel,
		.number = f->group_number + 1,
		.prev_synced = seglog_synced(f->log),
		.first = seglog_end(f->log),
		.records = f->written_records + t->records,
		.stored_bytes = f->written_bytes + t->bytes,
		.changes = slice_of(t->changes.ptr, t->changes.len),
	};
	for (i = 0; i < p->n; i++) {
		g->bytes += p->buf[i]->len;
		g->crc = group_sum(g->crc, p->v[i].header);
	}
}

static void
add_snapshot(struct file *f, struct parts *p)
{
	struct sb all = SB_INIT;
	uint8_t *bytes;
	size_t size;

	positions_snapshot(&f->written, &all);
	bytes = snapshot_encode(&f->mark.channel, slice_of(all.ptr, all.len),
	    clock_wall_ms(), &size);
	parts_add_bytes(p, bytes, size);
	sb_fini(&all);
}

static int
task_append(struct file *f, struct task *t, struct err *e)
{
	const struct arrival *a;
	struct parts p;
	struct group g;
	uint8_t *close;
	size_t size;
	int rc;

	if (roll(f, t->bytes, &t->rolled, e) == -1)
		return (-1);
	parts_init(&p, t->n + 2);
	if (t->rolled)
		add_snapshot(f, &p);
	for (a = t->head; a != NULL; a = a->next)
		if (a->data != NULL)
			parts_add(&p, a->data);
	group_of(f, t, &p, &g);
	close = group_encode(&g, clock_wall_ms(), &size);
	parts_add_bytes(&p, close, size);
	if ((rc = seglog_append(f->log, p.v, p.n, e)) == 0) {
		parts_written(&p, t);
		metric_add(&f->metrics.group_bytes, (int64_t)(g.bytes + size));
	}
	parts_fini(&p);
	return (rc);
}

/* --- the mark --- */

int
file_write_mark(struct file *f, struct err *e)
{
	uint8_t bytes[MARK_SIZE];
	struct mark m;
	bool low;

	mutex_lock(&f->lock);
	m = f->mark;
	low = file_disk_short(f);
	f->mark_moved = false;
	f->marked_at = clock_mono_ns();
	mutex_unlock(&f->lock);
	m.synced = seglog_synced(f->log);
	mark_encode(&m, bytes);
	if (fs_slots_write(&f->slots, bytes, e) == -1)
		return (-1);
	metric_add(&f->metrics.marks, 1);
	seglog_set_spares(f->log, low ? 0 : FILE_SPARES);
	if (seglog_trim(f->log, m.offset, NULL, e) == -1)
		return (-1);
	metric_set(&f->metrics.disk_bytes, (int64_t)(seglog_bytes(f->log) +
	    seglog_spare_bytes(f->log)));
	return (0);
}

/* --- the thread --- */

static bool
stopping(struct file *f)
{
	bool stop;

	mutex_lock(&f->lock);
	stop = f->stop;
	mutex_unlock(&f->lock);
	return (stop);
}

static void
keep_mark(struct file *f)
{
	struct err e = ERR_INIT;

	if (file_write_mark(f, &e) == -1)
		fatal_disk("%s: the commit mark: %s", f->channel.who, e.msg);
}

/*
 * An append has failed and left nothing in the log.  Commits go on meanwhile
 * and may free segments.
 */
static void
wait_for_disk(struct file *f, const struct err *why)
{
	int64_t until = clock_mono_ns() + RETRY_NS;

	log_error(f->channel.who, "cannot write: %s: nothing is lost, trying "
	    "again", why->msg);
	metric_add(&f->metrics.waits_for_disk, 1);
	mutex_lock(&f->lock);
	f->disk_full = true;
	while (!f->stop && cond_wait_until(&f->work, &f->lock, until))
		continue;
	mutex_unlock(&f->lock);
	keep_mark(f);
}

/* False when it never will be written: stopped while the disk was full. */
static bool
task_write(struct file *f, struct task *t, struct err *e)
{
	task_changes(t);
	if (t->n == 0 && t->changes.len == 0)
		return (true);
	while (task_append(f, t, e) == -1) {
		if (stopping(f))
			return (false);
		wait_for_disk(f, e);
		*e = (struct err)ERR_INIT;
	}
	positions_apply(&f->written, slice_of(t->changes.ptr, t->changes.len),
	    NULL);
	f->group_number++;
	f->written_records += t->records;
	f->written_bytes += t->bytes;
	return (true);
}

/* The other flusher may write now.  With the lock. */
static void
end_writing(struct file *f)
{
	f->writing = false;
	if (f->head != NULL || f->stop)
		cond_signal(&f->work);
}

/* From writing to syncing, when the other one has synced. */
static void
go_on_to_sync(struct file *f)
{
	mutex_lock(&f->lock);
	while (f->syncing)
		cond_wait(&f->turn, &f->lock);
	f->syncing = true;
	end_writing(f);
	mutex_unlock(&f->lock);
}

static void
task_sync(struct file *f, struct task *t)
{
	struct err e = ERR_INIT;

	if (t->units.head == NULL)
		return;
	if (seglog_sync(f->log, NULL, &e) == -1)
		fatal_disk("%s: %s", f->channel.who, e.msg);
	metric_add(&f->metrics.groups, 1);
	metric_add(&f->metrics.batches, (int64_t)t->n);
}

/* Tells everyone in the group, in order. */
static void
task_done(struct file *f, struct task *t, const struct err *e)
{
	struct arrival *a;

	mutex_lock(&f->lock);
	f->pending -= t->bytes;
	if (e == NULL)
		f->disk_full = false;
	/* Recovery shall not have to read what lies in older segments. */
	f->mark_moved |= t->rolled;
	file_offer(f, &t->units, t->first);
	cond_broadcast(&f->came);
	mutex_unlock(&f->lock);
	units_free(&t->units);
	while ((a = t->head) != NULL) {
		t->head = a->next;
		completion_done(a->stored, e);
		buf_unref(a->data);
		sb_fini(&a->changes);
		free(a);
	}
	sb_fini(&t->changes);
	mutex_lock(&f->lock);
	f->syncing = false;
	cond_signal(&f->turn);
	file_settle(f);
}

/* When there is something to do though nothing has arrived. */
static int64_t
next_duty(struct file *f)
{
	if (f->mark_moved)
		return (f->marked_at + FILE_MARK_NS);
	return (f->starved ? clock_mono_ns() + RETRY_NS : INT64_MAX);
}

/*
 * Waits until there is something to write, or a duty, and nobody else writes;
 * true when there are arrivals.  With the lock.
 */
static bool
wait_for_work(struct file *f)
{
	int64_t due;

	while (f->writing || (f->head == NULL && !f->stop)) {
		due = f->writing ? INT64_MAX : next_duty(f);
		if (due <= clock_mono_ns())
			break;
		if (due == INT64_MAX)
			cond_wait(&f->work, &f->lock);
		else if (!cond_wait_until(&f->work, &f->lock, due) &&
		    !f->writing)
			break;
	}
	return (f->head != NULL);
}

/* With the lock. */
static bool
mark_due(const struct file *f)
{
	return (!f->writing && ((f->mark_moved &&
	    f->marked_at + FILE_MARK_NS <= clock_mono_ns()) ||
	    (file_disk_short(f) && seglog_spare_bytes(f->log) > 0)));
}

/* What is due besides groups: the mark, which gives up spare segments too, and
 * news of free space. */
static void
do_duties(struct file *f)
{
	bool mark, room;

	mutex_lock(&f->lock);
	mark = mark_due(f);
	f->writing |= mark;
	room = file_room_now(f);
	mutex_unlock(&f->lock);
	if (mark) {
		keep_mark(f);
		mutex_lock(&f->lock);
		end_writing(f);
		mutex_unlock(&f->lock);
	}
	if (room)
		f->channel.host->room(&f->channel);
}

/* One group from the queue to those who wait for it. */
static void
do_task(struct file *f, struct task *t, bool mark_late)
{
	struct err e = ERR_INIT;
	bool written;

	if (mark_late)
		keep_mark(f);
	written = task_write(f, t, &e);
	go_on_to_sync(f);
	task_sync(f, t);
	task_done(f, t, written ? NULL : &e);
}

/*
 * The mark is written behind a group, so that nobody waits for it, unless
 * there was no such moment for long: the other flusher wrote each time.
 */
void
file_flusher(void *arg)
{
	struct file *f = arg;
	bool more, stop, late;
	struct task t;

	do {
		mutex_lock(&f->lock);
		if ((more = wait_for_work(f))) {
			task_take(f, &t);
			f->writing = true;
		}
		late = f->mark_moved && f->marked_at + 2 * FILE_MARK_NS <=
		    clock_mono_ns();
		stop = f->stop;
		mutex_unlock(&f->lock);
		if (more)
			do_task(f, &t, late);
		do_duties(f);
	} while (more || !stop);
}
