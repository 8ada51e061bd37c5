/*
 * The loops that serve: one thread each.  The listener is on the first and
 * deals connections to all in turn.
 */
#include "broker/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "broker/connection.h"
#include "broker/fetch.h"
#include "broker/settings.h"
#include "loop/listen.h"

#define PART_MS		INT64_C(200)	/* for connections to end by
					   themselves */

bool
broker_on_loop(const struct broker_loop *bl)
{
	return (bl->self == thread_self());
}

struct broker_loop *
broker_loop_of(struct broker *b, uint32_t hash)
{
	return (&b->loops[hash % b->nloops]);
}

void
server_count_up(struct broker *b, size_t *n)
{
	mutex_lock(&b->idle_lock);
	(*n)++;
	mutex_unlock(&b->idle_lock);
}

void
server_count_down(struct broker *b, size_t *n)
{
	mutex_lock(&b->idle_lock);
	(*n)--;
	mutex_unlock(&b->idle_lock);
	cond_signal(&b->idle);
}

static struct broker_loop *
find_loop(struct broker *b, const struct loop *loop)
{
	unsigned i;

	for (i = 0; i < b->nloops; i++)
		if (b->loops[i].loop == loop)
			return (&b->loops[i]);
	CHECK(i < b->nloops);
	return (NULL);
}

static void
on_accept(struct loop *loop, int fd, void *ctx)
{
	connection_accept(find_loop(ctx, loop), fd);
}

/* --- start and stop --- */

static void
loop_main(void *arg)
{
	struct broker_loop *bl = arg;

	bl->self = thread_self();
	loop_run(bl->loop);
}

static int
start_listener(struct broker *b, struct err *e)
{
	struct listen_opts o = { .what = "broker" };
	struct loop *loops[BROKER_MAX_LOOPS];
	char *host;
	unsigned i;

	if (broker_parse_address(b->cfg.listen, "listen", &host, &o.port,
	    e) == -1)
		return (-1);
	o.host = host;
	o.max_conns = (unsigned)b->cfg.max_connections;
	b->listener = listener_tcp(b->loops[0].loop, &o, on_accept, b, e);
	free(host);
	if (b->listener == NULL)
		return (err_ctx(e, "listen"));
	for (i = 0; i < b->nloops; i++)
		loops[i] = b->loops[i].loop;
	listener_deal(b->listener, loops, b->nloops);
	return (0);
}

/* One loop for two processors: the flusher and the clients beside it need one
 * as well, and an answer that has to wait for a second loop comes later. */
static unsigned
count_loops(const struct broker *b)
{
	long n = (long)b->cfg.loops;

	if (n == 0) {
		n = (sysconf(_SC_NPROCESSORS_ONLN) + 1) / 2;
		n = n < 1 ? 1 : n > 4 ? 4 : n;
	}
	return (n > BROKER_MAX_LOOPS ? BROKER_MAX_LOOPS : (unsigned)n);
}

int
server_init(struct broker *b, struct err *e)
{
	char name[24];
	unsigned i;

	b->nloops = count_loops(b);
	b->loops = xcalloc(b->nloops, sizeof *b->loops);
	for (i = 0; i < b->nloops; i++) {
		b->loops[i].broker = b;
		b->loops[i].index = i;
		snprintf(name, sizeof name, "broker-%u", i);
		if ((b->loops[i].loop = loop_new(name, e)) == NULL)
			return (-1);
	}
	return (start_listener(b, e));
}

/* Waits for one of the counts under the lock to be 0. */
static void
wait_idle(struct broker *b, const size_t *n, int64_t deadline)
{
	mutex_lock(&b->idle_lock);
	while (*n > 0 && cond_wait_until(&b->idle, &b->idle_lock, deadline))
		;
	mutex_unlock(&b->idle_lock);
}

static void
on_running(struct loop_task *t)
{
	struct broker_loop *bl = container_of(t, struct broker_loop, running);
	struct broker *b = bl->broker;

	server_count_down(b, &b->nstarting);
}

/* Returns when all loops run: only then can they be called. */
int
server_run(struct broker *b, struct err *e)
{
	struct broker_loop *bl;
	char name[24];
	unsigned i;

	for (i = 0; i < b->nloops; i++) {
		bl = &b->loops[i];
		snprintf(name, sizeof name, "broker-%u", i);
		bl->running.fn = on_running;
		server_count_up(b, &b->nstarting);
		loop_post(bl->loop, &bl->running);
		if (thread_start(&bl->thread, name, loop_main, bl, e) == -1)
			return (-1);
	}
	wait_idle(b, &b->nstarting, INT64_MAX);
	return (0);
}

static void
close_listener(void *arg)
{
	struct broker *b = arg;

	listener_pause(b->listener);
}

/* Reads no more; connections without a request end. */
static void
quiet_loop(void *arg)
{
	struct broker_loop *bl = arg;
	struct broker_conn *bc, *next;

	for (bc = bl->conns; bc != NULL; bc = next) {
		next = bc->next;
		connection_quiet(bc);
	}
	fetch_wake_all(bl);
}

static void
drop_loop(void *arg)
{
	struct broker_loop *bl = arg;
	struct broker_conn *bc;

	while ((bc = bl->conns) != NULL)
		connection_cut(bc);
}

static void
on_each_loop(struct broker *b, void (*fn)(void *))
{
	unsigned i;

	for (i = 0; i < b->nloops; i++)
		if (b->loops[i].thread.started)
			loop_call(b->loops[i].loop, fn, &b->loops[i]);
}

void
server_quiesce(struct broker *b)
{
	if (!b->loops[0].thread.started)
		return;
	loop_call(b->loops[0].loop, close_listener, b);
	on_each_loop(b, quiet_loop);
}

static void
free_listener(void *arg)
{
	struct broker *b = arg;

	listener_free(b->listener);
}

void
server_stop(struct broker *b, int64_t deadline_ms)
{
	int64_t deadline = clock_mono_ns() + deadline_ms * 1000000;
	unsigned i;

	if (b->listener == NULL)
		return;
	wait_idle(b, &b->nrequests, deadline);
	/* The last answers are on their way; a client that keeps its side open
	 * does not hold up the stop. */
	wait_idle(b, &b->nconns, clock_mono_ns() + PART_MS * 1000000);
	on_each_loop(b, drop_loop);
	/* What is orphaned now is answered by the flusher and the groups. */
	wait_idle(b, &b->nrequests, INT64_MAX);
	if (b->loops[0].thread.started)
		loop_call(b->loops[0].loop, free_listener, b);
	else
		free_listener(b);
	for (i = 0; i < b->nloops; i++) {
		if (b->loops[i].thread.started) {
			loop_stop(b->loops[i].loop);
			thread_join(&b->loops[i].thread);
		}
	}
}

void
server_free(struct broker *b)
{
	unsigned i;

	for (i = 0; b->loops != NULL && i < b->nloops; i++)
		if (b->loops[i].loop != NULL)
			loop_free(b->loops[i].loop);
	free(b->loops);
	b->loops = NULL;
}
