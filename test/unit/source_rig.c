#include "test/unit/source_rig.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/str.h"

#define WAIT_MS	20000

/* --- the host --- */

static char *
headers_text(const struct batch *b, const struct record *r)
{
	struct sb sb = SB_INIT;
	struct header h;
	uint32_t it;

	sb_puts(&sb, "");
	for (it = 0; batch_next_header(b, r, &it, &h);)
		sb_printf(&sb, "%s%.*s=%.*s", sb.len > 0 ? " " : "",
		    (int)h.name.len, (const char *)h.name.p,
		    (int)h.value.len, (const char *)h.value.p);
	if (sb.ptr == NULL)
		return (xstrdup(""));
	return (sb_take(&sb));
}

static void
keep_lines(struct rig *r, const struct batch *b)
{
	const struct record *rec;
	struct rig_line *l;
	uint32_t i;

	for (i = 0; i < b->n; i++) {
		rec = &b->records[i];
		GROW(r->lines, r->n, r->cap);
		l = &r->lines[r->n++];
		l->text = xstrndup(rec->body.p, rec->body.len);
		l->len = rec->body.len;
		l->headers = headers_text(b, rec);
		l->end = rec->end;
		l->hint = b->hint;
		if (l->len > 5 && memcmp(l->text, "sync-", 5) == 0) {
			r->n--;
			r->syncs = (unsigned)atoi(l->text + 5);
			free(l->text);
			free(l->headers);
		}
	}
}

static void
deliver_now(struct loop_task *task)
{
	struct rig *r = container_of(task, struct rig, deliver_task);

	if (!r->hold_delivery)
		rig_deliver(r, r->nkept);
}

/* From taken to kept. */
static void
store_one(struct rig *r)
{
	struct rig_batch *rb = TAILQ_FIRST(&r->taken);
	struct completion *c = rb->stored;

	TAILQ_REMOVE(&r->taken, rb, link);
	r->ntaken--;
	TAILQ_INSERT_TAIL(&r->kept, rb, link);
	r->nkept++;
	rb->stored = NULL;
	if (r->durable) {
		keep_lines(r, rb->batch);
		cursor_set_merge(r->cursor, &rb->batch->cursor);
	}
	completion_done(c, NULL);
	if (!r->deliver_task.queued)
		loop_post(r->loop, &r->deliver_task);
}

void
rig_store(struct rig *r, size_t n)
{
	for (; n > 0 && r->ntaken > 0; n--)
		store_one(r);
}

void
rig_store_fails(struct rig *r, enum err_code code)
{
	struct rig_batch *rb = TAILQ_FIRST(&r->taken);
	struct err e = ERR_INIT;

	err_set(&e, code, "the test says so");
	TAILQ_REMOVE(&r->taken, rb, link);
	r->ntaken--;
	completion_done(rb->stored, &e);
	batch_unref(rb->batch);
	free(rb);
}

void
rig_deliver(struct rig *r, size_t n)
{
	struct rig_batch *rb;

	for (; n > 0 && (rb = TAILQ_FIRST(&r->kept)) != NULL; n--) {
		TAILQ_REMOVE(&r->kept, rb, link);
		r->nkept--;
		if (!r->durable)
			keep_lines(r, rb->batch);
		if (r->source != NULL && r->ops->delivered != NULL)
			r->ops->delivered(r->source, &rb->batch->cursor);
		batch_unref(rb->batch);
		free(rb);
	}
}

static int
refuse(struct rig *r, struct batch *b, struct err *e)
{
	if (r->refuse != 0)
		return (err_set(e, r->refuse, "the test says so"));
	if (r->largest > 0 && b->n > r->largest)
		return (err_set(e, ERR_TOO_LARGE, "%u records", b->n));
	r->paused = true;
	r->ops->pause(r->source);
	return (err_set(e, ERR_FULL, "full"));
}

static int
rig_emit(struct source *s, struct batch *b, struct completion *stored,
    struct err *e)
{
	struct rig *r = s->host_data;
	struct rig_batch *rb;

	ck_assert_ptr_eq(b->source, s->name);
	ck_assert(b->n == 0 || b->cursor.n == 1 ||
	    r->ops->delivered == NULL);
	if (!b->sealed)
		batch_seal(b);
	if (b->charge > r->charge_max)
		r->charge_max = b->charge;
	ck_assert(!r->paused);
	if ((r->room == 0 && b->n > 0) || r->refuse != 0 ||
	    (r->largest > 0 && b->n > r->largest))
		return (refuse(r, b, e));
	if (r->room != SIZE_MAX && b->n > 0)
		r->room--;
	rb = xcalloc(1, sizeof *rb);
	rb->batch = b;
	rb->stored = stored;
	TAILQ_INSERT_TAIL(&r->taken, rb, link);
	r->ntaken++;
	r->emitted += rb->batch->n > 0;
	if (!r->hold_store || (r->ntaken == 1 && rb->batch->n == 0))
		store_one(r);
	return (0);
}

static const struct source_host rig_host = { .emit = rig_emit };

void
rig_room(struct rig *r, size_t n)
{
	r->room = n;
	if (r->paused) {
		r->paused = false;
		r->ops->resume(r->source);
	}
}

/* --- life --- */

void
rig_new(struct rig *r, const struct source_ops *ops, bool durable)
{
	struct err e = ERR_INIT;

	memset(r, 0, sizeof *r);
	r->ops = ops;
	r->durable = durable;
	r->dirfd = unit_dir(r->dir);
	snprintf(r->logs, sizeof r->logs, "%s/logs", r->dir);
	snprintf(r->data, sizeof r->data, "%s/data", r->dir);
	ck_assert_int_eq(mkdir(r->logs, 0755), 0);
	ck_assert_int_eq(mkdir(r->data, 0700), 0);
	r->env = (struct plugin_env){ .agent = "a1", .data_dir = r->data,
	    .fs = &fs_real };
	r->conf = conf_new();
	r->room = SIZE_MAX;
	r->cursor = cursor_set_new();
	r->deliver_task.fn = deliver_now;
	TAILQ_INIT(&r->taken);
	TAILQ_INIT(&r->kept);
	r->loop = loop_new("test", &e);
	ck_assert_msg(r->loop != NULL, "%s", e.msg);
	setenv("HOME", r->dir, 1);
}

void
rig_set(struct rig *r, const char *key, const char *value)
{
	conf_set(r->conf, key, value, "test", 1);
}

void
rig_group(struct rig *r, const char *pattern)
{
	char text[512];

	rig_set(r, "filegroups", "g sync");
	if (strncmp(pattern, "glob:", 5) == 0)
		snprintf(text, sizeof text, "glob:%s/%s", r->logs,
		    pattern + 5);
	else
		snprintf(text, sizeof text, "%s/%s", r->logs, pattern);
	rig_set(r, "filegroups.g", text);
	snprintf(text, sizeof text, "%s/sync", r->dir);
	rig_set(r, "filegroups.sync", text);
}

static struct source *
make_source(struct rig *r)
{
	struct conf_problems problems = { 0 };
	struct source *s = xcalloc(1, r->ops->plugin.size);

	s->ops = r->ops;
	s->name = "r1";
	s->who = "source=r1";
	s->loop = r->loop;
	s->env = &r->env;
	s->host = &rig_host;
	s->host_data = r;
	if (settings_fill(r->ops->plugin.settings, s, r->conf, &problems) > 0)
		conf_problems_print(&problems, 2);
	ck_assert_uint_eq(problems.errors, 0);
	conf_problems_fini(&problems);
	return (s);
}

static int
try_start(struct rig *r, struct err *e)
{
	struct cursor from = cursor_set_view(r->cursor);

	r->paused = false;
	r->source = make_source(r);
	if (r->ops->check != NULL && r->ops->check(r->source, e) == -1)
		return (-1);
	return (r->ops->start(r->source, r->durable ? &from : NULL, e));
}

static void
free_source(struct rig *r)
{
	r->ops->free(r->source);
	settings_fini(r->ops->plugin.settings, r->source);
	free(r->source);
	r->source = NULL;
}

void
rig_start(struct rig *r)
{
	struct err e = ERR_INIT;

	ck_assert_msg(try_start(r, &e) == 0, "%s", e.msg);
}

void
rig_start_fails(struct rig *r, enum err_code code)
{
	struct err e = ERR_INIT;

	ck_assert_int_eq(try_start(r, &e), -1);
	ck_assert_msg(e.code == code, "code %d: %s", e.code, e.msg);
	free_source(r);
}

static bool stopped;

static void
on_stopped(struct completion *c, const struct err *e)
{
	(void)c;
	ck_assert_ptr_null(e);
	stopped = true;
}

static bool
is_stopped(struct rig *r, void *ctx)
{
	(void)r;
	(void)ctx;
	return (stopped);
}

static void
stop_source(struct rig *r)
{
	struct completion c;

	stopped = false;
	completion_init(&c, r->loop, on_stopped);
	r->ops->stop(r->source, &c);
	rig_run(r, is_stopped, NULL);
	while (r->deliver_task.queued)
		rig_turn(r);
}

/* As the agent stops: what a memory channel still holds is delivered between
 * the source's stop and its free. */
void
rig_stop(struct rig *r)
{
	rig_store(r, r->ntaken);
	stop_source(r);
	rig_deliver(r, r->nkept);
	free_source(r);
}

static void
drop(struct rig_batches *q, size_t *n)
{
	struct rig_batch *rb;

	while ((rb = TAILQ_FIRST(q)) != NULL) {
		TAILQ_REMOVE(q, rb, link);
		batch_unref(rb->batch);
		free(rb);
	}
	*n = 0;
}

/*
 * The process's memory is gone: what was not stored, what a memory channel
 * held, and what the source had not written.  The source is stopped in truth,
 * so its file of positions is put back to what it was.
 */
void
rig_kill(struct rig *r)
{
	char path[160];
	void *before = NULL;
	size_t len = 0, n;
	struct cursor_set *cursor = cursor_set_new();
	struct cursor view = cursor_set_view(r->cursor);
	int fd;

	snprintf(path, sizeof path, "%s/sources/r1", r->data);
	fd = open(path, O_RDONLY | O_DIRECTORY);
	if (fd != -1 && fs_slurp(fd, "positions", 1 << 30, &before, &len,
	    NULL) == -1)
		before = NULL;
	cursor_set_merge(cursor, &view);
	n = r->n;
	r->hold_delivery = r->hold_store = true;
	rig_store(r, r->ntaken);	/* so that it can stop */
	drop(&r->kept, &r->nkept);
	stop_source(r);
	free_source(r);
	drop(&r->kept, &r->nkept);
	for (; r->n > n; r->n--) {
		free(r->lines[r->n - 1].text);
		free(r->lines[r->n - 1].headers);
	}
	cursor_set_free(r->cursor);
	r->cursor = cursor;
	if (before != NULL)
		UNIT_OK(fs_replace(&fs_real, fd, "positions", before, len, e));
	free(before);
	if (fd != -1)
		close(fd);
	r->hold_delivery = r->hold_store = false;
}

void
rig_free(struct rig *r)
{
	size_t i;

	if (r->source != NULL)
		rig_stop(r);
	drop(&r->kept, &r->nkept);
	loop_free(r->loop);
	for (i = 0; i < r->n; i++) {
		free(r->lines[i].text);
		free(r->lines[i].headers);
	}
	free(r->lines);
	cursor_set_free(r->cursor);
	conf_free(r->conf);
	unit_dir_remove(r->dirfd, r->dir);
}

/* --- running --- */

struct waiting {
	struct loop_timer	 timer;
	struct rig		*rig;
	bool			 (*done)(struct rig *, void *);
	void			*ctx;
	int64_t			 until;
	bool			 late;
};

static void
look(struct loop_timer *t)
{
	struct waiting *w = container_of(t, struct waiting, timer);

	w->late = loop_now_ns(w->rig->loop) > w->until;
	if (w->late || w->done(w->rig, w->ctx))
		loop_stop(w->rig->loop);
	else
		timer_arm(t, 1);
}

void
rig_run(struct rig *r, bool (*done)(struct rig *, void *), void *ctx)
{
	struct waiting w = { .rig = r, .done = done, .ctx = ctx };
	size_t i;

	w.until = loop_now_ns(r->loop) + WAIT_MS * INT64_C(1000000);
	timer_init(&w.timer, r->loop, look);
	timer_arm(&w.timer, 0);
	loop_run(r->loop);
	timer_fini(&w.timer);
	if (!w.late)
		return;
	for (i = r->n > 20 ? r->n - 20 : 0; i < r->n; i++)
		fprintf(stderr, "line %zu: %.60s\n", i, r->lines[i].text);
	ck_abort_msg("waited %d ms in vain; %zu lines came", WAIT_MS, r->n);
}

void
rig_turn(struct rig *r)
{
	loop_stop(r->loop);
	loop_run(r->loop);
}

static bool
has_lines(struct rig *r, void *ctx)
{
	return (r->n >= *(size_t *)ctx);
}

void
rig_wait_lines(struct rig *r, size_t n)
{
	rig_run(r, has_lines, &n);
	ck_assert_uint_eq(r->n, n);
}

static bool
has_taken(struct rig *r, void *ctx)
{
	return (r->emitted >= *(size_t *)ctx);
}

void
rig_wait_taken(struct rig *r, size_t n)
{
	rig_run(r, has_taken, &n);
}

static bool
has_sync(struct rig *r, void *ctx)
{
	return (r->syncs >= *(unsigned *)ctx);
}

void
rig_sync(struct rig *r)
{
	static unsigned syncs;
	unsigned want = ++syncs;
	char text[32];
	int fd;

	snprintf(text, sizeof text, "sync-%u\n", want);
	fd = openat(r->dirfd, "sync", O_WRONLY | O_CREAT | O_APPEND, 0644);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
	rig_run(r, has_sync, &want);
}

/* --- what it says of itself --- */

int64_t
rig_metric(struct rig *r, const char *name)
{
	const struct metric *m;

	for (m = r->ops->plugin.metrics; m->type != METRIC_LAST; m++)
		if (strcmp(m->name, name) == 0)
			return (metric_get((metric_t *)((char *)r->source +
			    m->offset)));
	ck_abort_msg("no metric %s", name);
	return (0);
}

struct looking {
	const char		*end;
	struct where_row	*row;
	bool			 found;
};

static void
where_row(void *ctx, const struct where_row *row)
{
	struct looking *l = ctx;
	size_t n = strlen(row->name), len = strlen(l->end);

	if (n < len || strcmp(row->name + n - len, l->end) != 0)
		return;
	*l->row = *row;
	l->found = true;
}

bool
rig_where(struct rig *r, const char *end, struct where_row *row)
{
	struct looking l = { end, row, false };

	r->ops->where(r->source, where_row, &l);
	return (l.found);
}

/* --- files --- */

const char *
rig_path(struct rig *r, const char *name)
{
	static char path[4][512];
	static unsigned i;
	char *p = path[i++ % 4];

	snprintf(p, sizeof path[0], "%s/%s", r->logs, name);
	return (p);
}

void
rig_write_bytes(struct rig *r, const char *name, const void *p, size_t n)
{
	int fd = open(rig_path(r, name), O_WRONLY | O_CREAT | O_APPEND, 0644);

	ck_assert_msg(fd >= 0, "%s: %s", name, strerror(errno));
	ck_assert_int_eq(write(fd, p, n), (ssize_t)n);
	close(fd);
}

void
rig_write(struct rig *r, const char *name, const char *text)
{
	rig_write_bytes(r, name, text, strlen(text));
}

void
rig_rename(struct rig *r, const char *from, const char *to)
{
	ck_assert_int_eq(rename(rig_path(r, from), rig_path(r, to)), 0);
}

void
rig_delete(struct rig *r, const char *name)
{
	ck_assert_int_eq(unlink(rig_path(r, name)), 0);
}

void
rig_truncate(struct rig *r, const char *name, off_t size)
{
	ck_assert_int_eq(truncate(rig_path(r, name), size), 0);
}

static struct statx_timestamp
birth_now(struct rig *r)
{
	struct statx st;
	int fd;

	fd = openat(r->dirfd, "tick", O_WRONLY | O_CREAT | O_EXCL, 0644);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &st), 0);
	close(fd);
	unlinkat(r->dirfd, "tick", 0);
	return (st.stx_btime);
}

void
rig_next_tick(struct rig *r)
{
	struct statx_timestamp first = birth_now(r), now;

	do
		now = birth_now(r);
	while (now.tv_sec == first.tv_sec && now.tv_nsec == first.tv_nsec);
}

void
rig_expect(struct rig *r, ...)
{
	const char *want;
	size_t n = 0;
	va_list ap;

	va_start(ap, r);
	while ((want = va_arg(ap, const char *)) != NULL) {
		ck_assert_msg(n < r->n, "line %zu (%s) is missing", n, want);
		ck_assert_str_eq(r->lines[n].text, want);
		n++;
	}
	va_end(ap);
	ck_assert_msg(n == r->n, "%zu lines came, %zu are right; then %s",
	    r->n, n, n < r->n ? r->lines[n].text : "");
}
