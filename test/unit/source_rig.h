/*
 * A source under test on a real loop, with a host that is a channel and its
 * sink in one: it takes batches, stores them, delivers them, each at once or
 * when the test says, and keeps what a channel of that kind would have after a
 * crash.
 *
 *	rig_new(&r, &source_tail, durable);
 *	rig_set(&r, "filegroups", "g");
 *	rig_start(&r);
 *	rig_wait_lines(&r, 3);
 *	ck_assert_str_eq(r.lines[0].text, "one");
 *	rig_kill(&r);  rig_start(&r);		as after kill -9
 *	rig_free(&r);
 *
 * r.lines is what came through for good: of a durable channel what was stored,
 * of a memory channel what was delivered.
 */
#ifndef TEST_UNIT_SOURCE_RIG_H
#define TEST_UNIT_SOURCE_RIG_H

#include "test/unit/unit.h"

#include <sys/queue.h>

#include "plugin/source.h"

struct rig;

struct rig_line {
	char		*text;
	size_t		 len;
	char		*headers;	/* "a=1 b=2", sorted by place */
	uint64_t	 end;
	int32_t		 hint;
};

struct rig_batch {
	struct rig		*rig;
	struct batch		*batch;
	struct completion	*stored;	/* NULL: it is */
	TAILQ_ENTRY(rig_batch)	 link;
};

struct rig {
	const struct source_ops	*ops;
	bool			 durable;
	struct loop		*loop;
	char			 dir[64], logs[80], data[80];
	int			 dirfd;
	struct plugin_env	 env;
	struct conf		*conf;
	struct source		*source;	/* NULL: not running */

	TAILQ_HEAD(rig_batches, rig_batch) taken, kept;
	size_t			 ntaken, nkept, emitted;
	struct cursor_set	*cursor;	/* a durable channel's */
	size_t			 room;		/* batches; then it is full */
	size_t			 largest;	/* records; 0: no limit */
	enum err_code		 refuse;	/* instead of taking; or 0 */
	bool			 hold_store, hold_delivery;
	struct loop_task	 deliver_task;
	size_t			 charge_max;	/* largest batch seen */
	bool			 paused;
	void			*own;		/* the test's */

	struct rig_line		*lines;
	size_t			 n, cap;
	unsigned		 syncs;
};

void	 rig_new(struct rig *, const struct source_ops *, bool durable);
void	 rig_free(struct rig *);
/* Before rig_start. */
void	 rig_set(struct rig *, const char *key, const char *value);
/* The usual: group g with this pattern below the folder of logs. */
void	 rig_group(struct rig *, const char *pattern);
void	 rig_start(struct rig *);
/* start() or check() fails, with that code. */
void	 rig_start_fails(struct rig *, enum err_code);
void	 rig_stop(struct rig *);
/* As kill -9 would leave it. */
void	 rig_kill(struct rig *);

/* Runs the loop until done(ctx), or fails the test. */
void	 rig_run(struct rig *, bool (*done)(struct rig *, void *), void *ctx);
/* One round of what is due. */
void	 rig_turn(struct rig *);
void	 rig_wait_lines(struct rig *, size_t n);
/* Until this many batches were offered and taken. */
void	 rig_wait_taken(struct rig *, size_t n);
/* Until everything that happened to files before this call was seen. TAILDIR
 * with rig_group only; not while it is full. */
void	 rig_sync(struct rig *);
/* Lets the host take so many more batches; resumes a paused source. */
void	 rig_room(struct rig *, size_t n);
void	 rig_store(struct rig *, size_t n);	/* the oldest n */
void	 rig_store_fails(struct rig *, enum err_code);	/* the oldest */
void	 rig_deliver(struct rig *, size_t n);

/* A counter or gauge of the source, by name. */
int64_t	 rig_metric(struct rig *, const char *name);
/* The row of `leat where` for a path that ends in this. */
bool	 rig_where(struct rig *, const char *end, struct where_row *);

/* Files below the folder of logs. */
void	 rig_write(struct rig *, const char *name, const char *text);
void	 rig_write_bytes(struct rig *, const char *name, const void *,
	    size_t);
void	 rig_rename(struct rig *, const char *from, const char *to);
void	 rig_delete(struct rig *, const char *name);
void	 rig_truncate(struct rig *, const char *name, off_t size);
const char *rig_path(struct rig *, const char *name);	/* static */

/* Until files that are made now are younger than those made before: birth
 * times have the resolution of the kernel's tick. */
void	 rig_next_tick(struct rig *);

/* The lines that came through are exactly these, NULL-ended. */
void	 rig_expect(struct rig *, ...) __attribute__((sentinel));

#endif
