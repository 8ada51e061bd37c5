/*
 * TAILDIR: follows log files.
 *
 * Work is done in turns: a task reads one batch from the stream whose turn it
 * is and offers it, a few times, and posts itself again, so that the loop's
 * other sources have theirs.  Up to TAIL_SLOTS batches are on their way at
 * once: reading goes on while a channel writes and syncs.  It stops when
 * there is nothing to read, when the channels are full, or when all slots are
 * on their way; an event, resume() or stored() start it again.
 *
 * What is offered and not taken is kept and offered again before anything
 * else.  A position in memory moves when its batch was taken; where a restart
 * goes on is tail_resume.c's.
 */
#include "sources/tail.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sources/sources.h"

#define TURN		8	/* batches before the loop has a look around */
#define NOTICES_MAX	256	/* entries in one batch without records */

static struct tail *
tail_of(struct source *s)
{
	return (container_of(s, struct tail, source));
}

void
tail_kick(struct tail *t)
{
	if (t->started && !t->stopping && !t->work.queued)
		loop_post(t->source.loop, &t->work);
}

/* --- slots --- */

static struct tail_slot *
slot_get(struct tail *t)
{
	struct tail_slot *s = TAILQ_FIRST(&t->idle);

	if (s == NULL)
		return (NULL);
	TAILQ_REMOVE(&t->idle, s, link);
	s->file = NULL;
	s->batch = NULL;
	s->nnotices = 0;
	return (s);
}

static void
slot_put(struct tail_slot *s)
{
	batch_unref(s->batch);
	s->batch = NULL;
	TAILQ_INSERT_HEAD(&s->tail->idle, s, link);
}

/* Stopped is: nothing on its way, and no task of ours in the loop's queue. */
void
tail_stop_if_done(struct tail *t)
{
	struct completion *c = t->stopped;

	if (c == NULL || t->inflight > 0 || t->work.queued ||
	    t->settle.queued)
		return;
	t->stopped = NULL;
	tail_resume_stop(t);
	completion_done(c, NULL);
}

/* Back to before what was not stored; everything behind it is read again. */
static void
rewind_file(struct tail_slot *s)
{
	struct tail_file *f = s->file;

	if (f->retired || f->generation != s->generation ||
	    s->from.pos >= f->mark.pos)
		return;
	f->mark = s->from;
	f->seen = f->mark.pos;
}

static void
not_stored(struct tail_slot *s, const struct err *e)
{
	struct tail *t = s->tail;

	if (t->stopping)
		return;
	log_warn(t->source.who, "a batch was taken and could not be stored: "
	    "%s; it is read again", e->msg);
	t->rewinding = true;
	if (s->file != NULL)
		rewind_file(s);
}

static void
stored(struct completion *c, const struct err *e)
{
	struct tail_slot *s = container_of(c, struct tail_slot, stored);
	struct tail_file *f = s->file;
	struct tail *t = s->tail;

	t->inflight--;
	if (e != NULL)
		not_stored(s, e);
	else if (f != NULL && f->generation == s->generation &&
	    s->to.pos > f->stored) {
		f->stored = s->to.pos;
		tail_resume_stored(t);
	}
	if (f != NULL && t->rewinding && !f->retired)
		tail_file_wake(f, -1);
	if (f != NULL)
		tail_follow_unref(f);
	slot_put(s);
	if (t->inflight == 0)
		t->rewinding = false;
	tail_kick(t);
	tail_stop_if_done(t);
}

/* --- offering --- */

static void
file_taken(struct tail_slot *s)
{
	struct tail_file *f = s->file;
	struct tail *t = s->tail;
	int64_t now = loop_now_ns(t->source.loop);

	metric_add(&t->metrics.bytes, (int64_t)(s->to.pos - s->from.pos));
	if (f->retired || f->generation != s->generation)
		return;
	if (f->old_ns == 0)
		f->old_ns = now;
	if (f->young_ns == 0) {
		f->young_ns = now;
		f->young_pos = f->mark.pos;
	}
	f->mark = s->to;
	f->seen = f->mark.pos;
}

static void
notices_taken(struct tail *t, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		free((void *)t->notices[i].note.p);
	t->nnotices -= n;
	if (t->nnotices == 0)
		return;
	memmove(t->notices, t->notices + n, t->nnotices * sizeof *t->notices);
}

/* No channel can ever take it whole: it is read again in smaller pieces, and a
 * single line that is still too large stops its file, not the others. */
static void
too_large(struct tail_slot *s, const struct err *e)
{
	struct tail_file *f = s->file;
	struct tail *t = s->tail;

	if (s->batch->n > 1)
		t->read_limit = (s->to.pos - s->from.pos) / 2;
	else if (!f->retired) {
		if (f->warned != EMSGSIZE)
			log_error(t->source.who, "%s: the line at byte %llu "
			    "cannot be taken: %s; the file is not read on "
			    "file=%s", f->path, (unsigned long long)
			    s->from.pos, e->msg, f->path);
		f->warned = EMSGSIZE;
		tail_file_block(f, "stopped at a line no channel can take",
		    true);
	}
	f->dirty = true;
	tail_follow_unref(f);
	slot_put(s);
	tail_kick(t);
}

static void
refused(struct tail_slot *s, const struct err *e)
{
	struct tail *t = s->tail;

	if (e->code == ERR_TOO_LARGE && s->file != NULL) {
		too_large(s, e);
		return;
	}
	t->held = s;
	if (e->code == ERR_FULL)
		return;		/* resume() comes */
	t->backoff_ms += t->set.backoff_increment;
	if (t->backoff_ms > t->set.max_backoff)
		t->backoff_ms = t->set.max_backoff;
	log_warn(t->source.who, "a batch was not taken: %s; offered again in "
	    "%lld ms", e->msg, (long long)t->backoff_ms);
	timer_arm(&t->backoff, t->backoff_ms);
}

/* True: taken. */
static bool
offer(struct tail *t, struct tail_slot *s)
{
	struct err e = ERR_INIT;
	uint32_t n = s->batch->n;

	completion_init(&s->stored, t->source.loop, stored);
	t->inflight++;
	t->held = NULL;
	if (source_emit(&t->source, s->batch, &s->stored, &e) == -1) {
		t->inflight--;
		refused(s, &e);
		return (false);
	}
	s->batch = NULL;
	t->backoff_ms = 0;
	metric_add(&t->metrics.lines, n);
	if (s->file != NULL)
		file_taken(s);
	else
		notices_taken(t, s->nnotices);
	return (true);
}

/* --- what to offer --- */

void
tail_notice(struct tail *t, const uint8_t key[TAIL_KEY_SIZE],
    uint64_t offset, struct slice note)
{
	struct tail_notice *n;

	if (t->pos != NULL)
		return;		/* nobody asks */
	GROW(t->notices, t->nnotices, t->capnotices);
	n = &t->notices[t->nnotices++];
	memcpy(n->key, key, sizeof n->key);
	n->offset = offset;
	n->note = slice_of(xstrndup(note.p, note.len), note.len);
	tail_kick(t);
}

static void
make_notice_batch(struct tail *t, struct tail_slot *s)
{
	struct cursor_entry v[NOTICES_MAX];
	struct cursor c = { v, 0 };
	struct batch *b = batch_new();
	const struct tail_notice *n;

	for (; c.n < t->nnotices && c.n < NOTICES_MAX; c.n++) {
		n = &t->notices[c.n];
		v[c.n].key = slice_of(n->key, sizeof n->key);
		v[c.n].offset = n->offset;
		v[c.n].note = n->note;
	}
	batch_set_cursor(b, &c);
	b->source = t->source.name;
	b->timestamp = clock_wall_ms();
	s->batch = b;
	s->nnotices = (uint32_t)c.n;
}

static void
stream_next(struct tail *t, struct tail_stream *s)
{
	TAILQ_REMOVE(&t->ready, s, ready);
	TAILQ_INSERT_TAIL(&t->ready, s, ready);
	s->turns = 0;
}

/* The oldest generation with something to read; NULL: none. */
static struct tail_file *
stream_file(const struct tail_stream *s)
{
	struct tail_file *f;

	TAILQ_FOREACH(f, &s->files, generation_link)
		if (f->dirty && f->blocked == NULL)
			return (f);
	return (NULL);
}

static bool
read_file(struct tail_file *f, struct tail_slot *s)
{
	enum tail_got got = tail_read(f, s);

	if (got == TAIL_NOTHING && f->flush && !f->dirty && !f->retired &&
	    f->blocked == NULL)
		got = tail_read_partial(f, s);
	if (got == TAIL_NOTHING)
		f->flush = false;
	if (got != TAIL_BATCH)
		return (false);
	f->refs++;
	return (true);
}

/* The next batch, into the slot.  False: none now; *more: but there may be. */
static bool
next_batch(struct tail *t, struct tail_slot *s, bool *more)
{
	struct tail_stream *stream = TAILQ_FIRST(&t->ready);
	struct tail_file *f;

	if (t->nnotices > 0) {
		make_notice_batch(t, s);
		return (true);
	}
	*more = stream != NULL;
	if (stream == NULL)
		return (false);
	if ((f = stream_file(stream)) == NULL) {
		TAILQ_REMOVE(&t->ready, stream, ready);
		stream->queued = false;
		return (false);
	}
	if (read_file(f, s)) {
		if (++stream->turns >= t->set.max_batch_count)
			stream_next(t, stream);
		return (true);
	}
	if (f->dirty)		/* again, after the others */
		stream_next(t, stream);
	return (false);
}

static bool
may_work(const struct tail *t)
{
	return (t->started && !t->stopping && !t->paused && !t->rewinding &&
	    !t->backoff.armed);
}

static void
work(struct loop_task *task)
{
	struct tail *t = container_of(task, struct tail, work);
	struct tail_slot *s;
	bool more = true;
	int i;

	for (i = 0; i < TURN && more && may_work(t); i++) {
		if (t->held != NULL) {
			if (!offer(t, t->held))
				return;
			continue;
		}
		if ((s = slot_get(t)) == NULL)
			return;		/* stored() comes */
		if (!next_batch(t, s, &more))
			slot_put(s);
		else if (!offer(t, s))
			return;
	}
	if (more && may_work(t))
		tail_kick(t);
	tail_stop_if_done(t);
}

static void
backoff_over(struct loop_timer *timer)
{
	tail_kick(container_of(timer, struct tail, backoff));
}

/* --- the plugin --- */

static void
tail_pause(struct source *s)
{
	tail_of(s)->paused = true;
}

static void
tail_resume(struct source *s)
{
	struct tail *t = tail_of(s);

	t->paused = false;
	tail_kick(t);
}

static void
tail_delivered(struct source *s, const struct cursor *upto)
{
	tail_resume_delivered(tail_of(s), upto);
}

static int
tail_check(struct source *s, struct err *e)
{
	struct tail *t = tail_of(s);

	if (t->set.long_lines == LONG_DEAD_LETTER)
		return (err_set(e, ERR_CONFIG, "longLines = dead-letter is not "
		    "there yet; split, truncate and stop are"));
	if (t->set.position_file != NULL && t->set.position_file[0] != '/')
		return (err_set(e, ERR_CONFIG, "positionFile \"%s\" is not an "
		    "absolute path", t->set.position_file));
	return (tail_groups_make(t, e));
}

static void
init(struct tail *t)
{
	size_t i;

	t->by_id = map_new();
	t->streams = map_new();
	TAILQ_INIT(&t->lost);
	TAILQ_INIT(&t->retry);
	TAILQ_INIT(&t->links);
	TAILQ_INIT(&t->open);
	TAILQ_INIT(&t->ready);
	TAILQ_INIT(&t->idle);
	t->scratch = xmalloc(TAIL_READ_SIZE);
	for (i = 0; i < TAIL_SLOTS; i++) {
		t->slots[i].tail = t;
		TAILQ_INSERT_TAIL(&t->idle, &t->slots[i], link);
	}
	t->work.fn = work;
	timer_init(&t->backoff, t->source.loop, backoff_over);
}

static bool
is_empty(const struct tail *t, const struct tail_group *g)
{
	const struct tail_file *f;
	size_t it = 0;
	void *v;

	while (map_next(t->by_id, &it, NULL, &v)) {
		f = v;
		if (f->stream != NULL && f->stream->group == g)
			return (false);
	}
	return (true);
}

/* A misspelt path looks like a log that is not there yet: it is said. */
static void
say_empty(const struct tail *t)
{
	const struct tail_group *g;
	size_t i;

	for (i = 0; i < t->ngroups; i++) {
		g = &t->groups[i];
		if (!is_empty(t, g))
			continue;
		if (access(g->pattern.base, F_OK) == -1)
			log_warn(t->source.who, "filegroups.%s: there is no "
			    "folder %s yet; it is waited for", g->name,
			    g->pattern.base);
		else
			log_info(t->source.who, "filegroups.%s: no file "
			    "matches %s yet; it is waited for", g->name,
			    g->pattern.text);
	}
}

static int
tail_start(struct source *s, const struct cursor *from, struct err *e)
{
	struct tail *t = tail_of(s);
	int64_t n;

	init(t);
	tail_raise_limit(t);
	if (tail_resume_start(t, from, e) == -1 ||
	    tail_scan_start(t, e) == -1 || tail_resume_started(t, e) == -1)
		return (-1);
	n = metric_get(&t->metrics.files);
	log_info(s->who, "following %lld file%s in %zu folder%s",
	    (long long)n, n == 1 ? "" : "s", map_size(t->dirs),
	    map_size(t->dirs) == 1 ? "" : "s");
	say_empty(t);
	t->started = true;
	tail_kick(t);
	return (0);
}

static void
tail_stop(struct source *s, struct completion *done)
{
	struct tail *t = tail_of(s);

	t->stopping = true;
	t->stopped = done;
	timer_disarm(&t->backoff);
	tail_scan_stop(t);
	if (t->held != NULL) {		/* never taken, so never read */
		if (t->held->file != NULL)
			tail_follow_unref(t->held->file);
		slot_put(t->held);
		t->held = NULL;
	}
	tail_stop_if_done(t);
}

/* After check, start or stop. */
static void
tail_free(struct source *s)
{
	struct tail *t = tail_of(s);

	if (t->by_id != NULL) {
		notices_taken(t, t->nnotices);
		free(t->notices);
		tail_resume_free(t);
		tail_follow_free(t);
		tail_scan_free(t);
		timer_fini(&t->backoff);
		free(t->scratch);
	}
	tail_groups_free(t);
}

/* --- where --- */

static const char *
file_state(const struct tail *t, const struct tail_file *f)
{
	if (f->blocked != NULL)
		return (f->blocked);
	if (t->paused && f->dirty)
		return (f->lost ? "waiting for room, without a name" :
		    "waiting for room");
	if (f->dirty)
		return (f->lost ? "reading, without a name" : "reading");
	if (f->size > f->mark.pos)
		return (f->lost ? "unfinished last line, without a name" :
		    "unfinished last line");
	return (f->lost ? "following, without a name" : "following");
}

static int64_t
oldest_ms(const struct tail *t, const struct tail_file *f)
{
	int64_t since = f->delivered < f->mark.pos ? f->old_ns : 0;

	if (since == 0 && f->size > f->mark.pos)
		since = f->active_ns;
	return (since == 0 ? 0 :
	    (loop_now_ns(t->source.loop) - since) / 1000000 + 1);
}

static void
tail_where(struct source *s, where_fn *fn, void *ctx)
{
	struct tail *t = tail_of(s);
	struct where_row row;
	struct tail_file *f;
	size_t it = 0;
	void *v;

	while (t->by_id != NULL && map_next(t->by_id, &it, NULL, &v)) {
		f = v;
		row = (struct where_row){
			.name = f->path,
			.state = file_state(t, f),
			.size = (int64_t)f->size,
			.read = -1, .stored = -1, .delivered = -1,
			.oldest_ms = -1
		};
		/* Nobody waits for what will not be read. */
		if (f->blocked != tail_not_text) {
			row.read = (int64_t)f->mark.pos;
			row.stored = (int64_t)f->stored;
			row.delivered = (int64_t)f->delivered;
			row.oldest_ms = oldest_ms(t, f);
		}
		fn(ctx, &row);
	}
}

/* --- tables --- */

static const char *const long_names[] = { "split", "truncate", "dead-letter",
    "stop", NULL };
static const char *const start_names[] = { "beginning", "end", NULL };

static const struct setting settings[] = {
	SETTING_TREE(struct tail, set.groups, "filegroups",
	    .flags = SETTING_REQUIRED,
	    .doc = "Names of the file groups. filegroups.<name>: absolute path "
	    "whose last part is a regular expression (Java's syntax, as far as "
	    "PCRE2 knows it) that matches the whole file name. Directory parts "
	    "may be globs (*, ?, [a-z]); ** as a part stands for directories "
	    "at any depth. With glob: in front of the path, the last part is a "
	    "glob as well. In globs, names that begin with a dot match only a "
	    "part that does."),
	SETTING_TREE(struct tail, set.headers, "headers",
	    .doc = "headers.<group>.<key>: a header for each line of that "
	    "group."),
	SETTING_LIST(struct tail, set.exclude, "exclude",
	    .doc = "Globs of files to leave out: of the name, or, with a slash "
	    "in it, of the whole path."),
	SETTING_STR(struct tail, set.position_file, "positionFile",
	    .doc = "Flume's JSON file of positions. Read once, at the first "
	    "start, to go on where Flume stopped; then kept up to date for "
	    "others to read. Positions that count are kept with the channel or "
	    "in the data folder. Without the key, "
	    "~/.flume/taildir_position.json is looked for at the first start."),
	SETTING_BOOL(struct tail, set.skip_to_end, "skipToEnd", .def = "false",
	    .doc = "Files without a position that are there at a start are "
	    "followed from their end."),
	SETTING_ENUM(struct tail, set.start_at, "startAt",
	    .names = start_names, .def = "beginning",
	    .doc = "Where files begin that are there at the very first start: "
	    "at their beginning or behind their last whole line. Later ones "
	    "are always read whole."),
	SETTING_BOOL(struct tail, set.byte_offset_header, "byteOffsetHeader",
	    .def = "false",
	    .doc = "Adds the header byteoffset: where in its file the line "
	    "begins."),
	SETTING_BOOL(struct tail, set.file_header, "fileHeader",
	    .def = "false",
	    .doc = "Adds a header with the path under which the file was "
	    "found; it stays when the file is renamed."),
	SETTING_STR(struct tail, set.file_header_key, "fileHeaderKey",
	    .def = "file", .doc = "Name of that header."),
	SETTING_DURATION(struct tail, set.idle_timeout, "idleTimeout",
	    .def = "120000", .min = "1",
	    .doc = "Files that have not grown for so long are closed; they are "
	    "opened again when they do."),
	SETTING_DURATION(struct tail, set.write_pos_interval,
	    "writePosInterval", .def = "3000", .min = "1",
	    .doc = "How often positionFile is written and the source's own "
	    "positions are synced to the disk."),
	SETTING_INT(struct tail, set.batch_size, "batchSize", .def = "0",
	    .min = "0", .max = "10000000",
	    .doc = "At most so many lines in a batch; 0: what one read of "
	    "256 KiB holds. A batch never waits for more lines."),
	SETTING_INT(struct tail, set.max_batch_count, "maxBatchCount",
	    .def = "16", .min = "1",
	    .doc = "Batches from one file before the next one has its turn."),
	SETTING_DURATION(struct tail, set.backoff_increment,
	    "backoffSleepIncrement", .def = "1000", .min = "1",
	    .doc = "Pause after a batch that no channel took for another "
	    "reason than being full; longer by as much each time."),
	SETTING_DURATION(struct tail, set.max_backoff, "maxBackoffSleep",
	    .def = "5000", .min = "1", .doc = "The longest such pause."),
	SETTING_NOOP("cachePatternMatching",
	    "Folders are watched, so there is no listing to be cached."),
	SETTING_SIZE(struct tail, set.max_line_bytes, "maxLineBytes",
	    .def = "1000000", .min = "1", .max = "256m",
	    .doc = "Longest line in one record."),
	SETTING_ENUM(struct tail, set.long_lines, "longLines",
	    .names = long_names, .def = "split",
	    .doc = "What becomes of longer lines. split: consecutive records "
	    "with the headers line.part (1, 2, ...) and, on the last, "
	    "line.last. truncate: the first maxLineBytes, and the full length "
	    "in the header line.truncated. stop: the file is not read on."),
	SETTING_BOOL(struct tail, set.strip_cr, "stripCR", .def = "false",
	    .doc = "Takes one carriage return from the end of each line, as "
	    "Flume does."),
	SETTING_BOOL(struct tail, set.skip_binary, "skipBinary",
	    .def = "false",
	    .doc = "Leaves out compressed files and files with zero bytes in "
	    "their first KiB."),
	SETTING_BOOL(struct tail, set.follow_symlinks, "followSymlinks",
	    .def = "false",
	    .doc = "Follows symbolic links to files and directories; such "
	    "files are looked at once per pollInterval."),
	SETTING_DURATION(struct tail, set.flush_partial_after,
	    "flushPartialAfter", .def = "0",
	    .doc = "An unfinished last line goes out after so long without "
	    "growth, as a part of a line (line.part, without line.last); its "
	    "rest follows as the next part. 0: it waits for its end."),
	SETTING_INT(struct tail, set.max_open_files, "maxOpenFiles",
	    .def = "0", .min = "0", .max = "1000000",
	    .doc = "Files held open at once; the least recently used is closed "
	    "and opened again when it grows. 0: 1024, or half of what the "
	    "process may open."),
	SETTING_DURATION(struct tail, set.poll_interval, "pollInterval",
	    .def = "1000", .min = "10",
	    .doc = "How often to look at what cannot be watched: folders on "
	    "network file systems, symbolic links, files that could not be "
	    "opened, folders that are not there."),
	SETTING_END
};

static const struct metric metrics[] = {
	METRIC_GAUGE(struct tail, metrics.files, "files",
	    "Files followed."),
	METRIC_GAUGE(struct tail, metrics.open_files, "open_files",
	    "Files held open."),
	METRIC_COUNTER(struct tail, metrics.bytes, "read_bytes_total",
	    "Bytes of files that were handed on."),
	METRIC_COUNTER(struct tail, metrics.lines, "lines_total",
	    "Lines, and parts of long lines, that were handed on."),
	METRIC_COUNTER(struct tail, metrics.lost_bytes, "lost_bytes_total",
	    "Bytes that were truncated or deleted before they were read."),
	METRIC_COUNTER(struct tail, metrics.long_lines, "long_lines_total",
	    "Lines longer than maxLineBytes."),
	METRIC_COUNTER(struct tail, metrics.rotations, "rotations_total",
	    "Renamed files."),
	METRIC_COUNTER(struct tail, metrics.truncations, "truncations_total",
	    "Files truncated or written anew."),
	METRIC_COUNTER(struct tail, metrics.rescans, "rescans_total",
	    "Listings of folders."),
	METRIC_COUNTER(struct tail, metrics.unreadable, "unreadable_total",
	    "Files that could not be opened."),
	METRIC_END
};

static const char *const aliases[] = {
	"taildir", "org.apache.flume.source.taildir.TaildirSource", NULL
};

const struct source_ops source_tail = {
	.plugin = {
		.name = "TAILDIR",
		.aliases = aliases,
		.doc = "Follows log files through rotation, line by line.",
		.size = sizeof (struct tail),
		.settings = settings,
		.metrics = metrics
	},
	.check = tail_check,
	.start = tail_start,
	.pause = tail_pause,
	.resume = tail_resume,
	.delivered = tail_delivered,
	.stop = tail_stop,
	.free = tail_free,
	.where = tail_where
};
