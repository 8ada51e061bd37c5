#include "agent/conf_watch.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/mem.h"

#define REST_S	1	/* unchanged for so long: whoever wrote it is done */

struct seen {
	dev_t		 dev;
	ino_t		 ino;
	off_t		 size;
	struct timespec	 mtime;
};

struct conf_watch {
	/* owner: the main loop */
	struct loop_timer	 timer;
	const char *const	*paths;
	size_t			 n;
	int64_t			 interval_ms;
	void			(*changed)(void *ctx);
	void			*ctx;
	struct seen		 seen[];
};

static bool
look(const char *path, struct seen *s)
{
	struct stat st;

	if (stat(path, &st) == -1)
		return (false);
	memset(s, 0, sizeof *s);
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	s->size = st.st_size;
	s->mtime = st.st_mtim;
	return (true);
}

static bool
same(const struct seen *a, const struct seen *b)
{
	return (a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	    a->mtime.tv_sec == b->mtime.tv_sec &&
	    a->mtime.tv_nsec == b->mtime.tv_nsec);
}

static void
tick(struct loop_timer *t)
{
	struct conf_watch *w = container_of(t, struct conf_watch, timer);
	bool changed = false, resting = true;
	struct seen *now = xcalloc(w->n, sizeof *now);
	size_t i;

	for (i = 0; i < w->n; i++) {
		now[i] = w->seen[i];
		if (!look(w->paths[i], &now[i]))
			continue;
		changed = changed || !same(&now[i], &w->seen[i]);
		resting = resting && time(NULL) - now[i].mtime.tv_sec > REST_S;
	}
	timer_arm(&w->timer, changed && !resting ? REST_S * 1000 :
	    w->interval_ms);
	if (changed && resting) {
		memcpy(w->seen, now, w->n * sizeof *now);
		w->changed(w->ctx);
	}
	free(now);
}

struct conf_watch *
conf_watch_start(struct loop *loop, const char *const *paths, size_t n,
    int64_t interval_ms, void (*changed)(void *ctx), void *ctx)
{
	struct conf_watch *w = xcalloc(1, sizeof *w + n * sizeof w->seen[0]);
	size_t i;

	w->paths = paths;
	w->n = n;
	w->interval_ms = interval_ms;
	w->changed = changed;
	w->ctx = ctx;
	for (i = 0; i < n; i++)
		look(paths[i], &w->seen[i]);
	timer_init(&w->timer, loop, tick);
	timer_arm(&w->timer, interval_ms);
	return (w);
}

void
conf_watch_stop(struct conf_watch *w)
{
	if (w == NULL)
		return;
	timer_fini(&w->timer);
	free(w);
}
