/* Loops, tasks, timers, descriptors, completions. */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "loop/completion.h"
#include "loop/loop.h"
#include "test/unit/loop_util.h"

static struct loop *l;
static char trace[64];		/* a letter per thing that happened */

static void
setup(void)
{
	l = make_loop();
	trace[0] = '\0';
}

static void
teardown(void)
{
	loop_free(l);
}

static void
note(char c)
{
	size_t n = strlen(trace);

	ck_assert_uint_lt(n + 1, sizeof trace);
	trace[n] = c;
	trace[n + 1] = '\0';
}

struct letter {
	struct loop_task task;
	char		 c;
	struct letter	*then;		/* posted by this one */
};

static void
on_letter(struct loop_task *t)
{
	struct letter *x = container_of(t, struct letter, task);

	ck_assert(!t->queued);
	loop_assert(l);
	note(x->c);
	if (x->then != NULL)
		loop_post(l, &x->then->task);
	if (x->c == '!')
		loop_stop(l);
}

#define LETTER(ch, th)	{ .task = { .fn = on_letter }, .c = ch, .then = th }

START_TEST(test_post_order)
{
	struct letter stop = LETTER('!', NULL);
	struct letter later = LETTER('d', &stop);
	struct letter a = LETTER('a', &later), b = LETTER('b', NULL),
	    c = LETTER('c', NULL);

	loop_post(l, &a.task);
	loop_post(l, &b.task);
	loop_post(l, &c.task);
	run_loop(l);
	ck_assert_str_eq(trace, "abcd!");
}
END_TEST

START_TEST(test_post_again)
{
	struct letter a = LETTER('a', NULL);

	loop_post(l, &a.task);
	turn_loop(l);
	loop_post(l, &a.task);
	turn_loop(l);
	ck_assert_str_eq(trace, "aa");
}
END_TEST

START_TEST(test_post_twice_is_our_mistake)
{
	struct letter a = LETTER('a', NULL);

	loop_post(l, &a.task);
	loop_post(l, &a.task);
}
END_TEST

/* What is left when a loop is freed still runs. */
static void
check_free(void (*post)(struct loop *, struct loop_task *))
{
	struct letter b = LETTER('b', NULL), a = LETTER('a', &b);
	struct loop *keep = l;

	l = make_loop();
	post(l, &a.task);
	loop_free(l);
	l = keep;
	ck_assert_str_eq(trace, "ab");
}

START_TEST(test_free_runs_what_is_left)
{
	check_free(loop_post);
}
END_TEST

/* Late tasks: behind the others, one of those that take long a round, and what
 * one of them posts waits for the next. */

static void
on_long(struct loop_task *t)
{
	int64_t end = clock_mono_ns() + 100000;

	on_letter(t);
	while (clock_mono_ns() < end)
		;
}

static void
on_late_again(struct loop_task *t)
{
	on_letter(t);
	loop_post_late(l, t);
}

START_TEST(test_late)
{
	struct letter a = LETTER('a', NULL), b = LETTER('b', NULL),
	    n = LETTER('n', NULL), m = LETTER('m', NULL),
	    again = LETTER('x', NULL);

	a.task.fn = b.task.fn = on_long;
	loop_post_late(l, &a.task);
	loop_post_late(l, &b.task);
	loop_post(l, &n.task);
	turn_loop(l);
	ck_assert_str_eq(trace, "na");
	loop_post(l, &n.task);
	turn_loop(l);
	ck_assert_str_eq(trace, "nanb");
	again.task.fn = on_late_again;
	loop_post_late(l, &again.task);
	turn_loop(l);
	turn_loop(l);
	ck_assert_str_eq(trace, "nanbxx");
	loop_post_late(l, &m.task);
	again.task.fn = on_letter;
	turn_loop(l);
	if (strcmp(trace, "nanbxxx") == 0)	/* the time was over */
		turn_loop(l);
	ck_assert_str_eq(trace, "nanbxxxm");
}
END_TEST

START_TEST(test_free_runs_late)
{
	check_free(loop_post_late);
}
END_TEST

/* Many threads post to a loop that sleeps most of the time. */

#define POSTERS	4
#define POSTS	2000

static unsigned posted_ran;

struct numbered {
	struct loop_task task;
	unsigned	 poster, i;
};
static unsigned next_of[POSTERS];

static void
on_numbered(struct loop_task *t)
{
	struct numbered *n = container_of(t, struct numbered, task);

	ck_assert_uint_eq(n->i, next_of[n->poster]);
	next_of[n->poster]++;
	free(n);
	if (++posted_ran == POSTERS * POSTS)
		loop_stop(l);
}

static void
poster(void *arg)
{
	struct numbered *n;
	unsigned i;

	for (i = 0; i < POSTS; i++) {
		n = xcalloc(1, sizeof *n);
		n->task.fn = on_numbered;
		n->poster = *(unsigned *)arg;
		n->i = i;
		loop_post(l, &n->task);
	}
}

START_TEST(test_post_from_threads)
{
	struct thread t[POSTERS] = { 0 };
	unsigned i, id[POSTERS];
	struct err e = ERR_INIT;

	for (i = 0; i < POSTERS; i++) {
		id[i] = i;
		ck_assert_int_eq(thread_start(&t[i], "poster", poster, &id[i],
		    &e), 0);
	}
	run_loop(l);
	for (i = 0; i < POSTERS; i++)
		thread_join(&t[i]);
	ck_assert_uint_eq(posted_ran, POSTERS * POSTS);
}
END_TEST

static uintptr_t called_in;

static void
on_call(void *arg)
{
	called_in = thread_self();
	(*(int *)arg)++;
}

static void
caller(void *arg)
{
	int i;

	for (i = 0; i < 1000; i++)
		loop_call(l, on_call, arg);
	loop_stop(l);
}

START_TEST(test_call)
{
	struct thread t = { 0 };
	struct err e = ERR_INIT;
	int n = 0;

	ck_assert_int_eq(thread_start(&t, "caller", caller, &n, &e), 0);
	run_loop(l);
	thread_join(&t);
	ck_assert_int_eq(n, 1000);
	ck_assert(called_in == thread_self());
}
END_TEST

static void
assert_foreign(void *arg)
{
	loop_assert(arg);
}

START_TEST(test_assert)
{
	struct thread t = { 0 };
	struct err e = ERR_INIT;

	loop_assert(l);
	ck_assert_int_eq(thread_start(&t, "x", assert_foreign, l, &e), 0);
	thread_join(&t);
}
END_TEST

START_TEST(test_stop_before_run)
{
	struct letter a = LETTER('a', NULL);

	loop_post(l, &a.task);
	loop_stop(l);
	loop_run(l);
	ck_assert_str_eq(trace, "a");
	ck_assert_str_eq(loop_name(l), "test");
}
END_TEST

/* Timers. */

struct tick {
	struct loop_timer t;
	char		 c;
	unsigned	 again;
	struct tick	*disarms;
};

static void
on_tick(struct loop_timer *t)
{
	struct tick *k = container_of(t, struct tick, t);

	ck_assert(!t->armed);
	note(k->c);
	if (k->disarms != NULL)
		timer_disarm(&k->disarms->t);
	if (k->again > 0) {
		k->again--;
		timer_arm(t, 1);
	} else if (k->c == '!') {
		loop_stop(l);
	}
}

START_TEST(test_timers)
{
	struct tick a = { .c = 'a' }, b = { .c = 'b' }, c = { .c = 'c' },
	    stop = { .c = '!', .again = 2 };

	timer_init(&a.t, l, on_tick);
	timer_init(&b.t, l, on_tick);
	timer_init(&c.t, l, on_tick);
	timer_init(&stop.t, l, on_tick);
	timer_arm(&a.t, 20);
	timer_arm(&b.t, 1);
	timer_arm(&c.t, 1);
	timer_arm(&stop.t, 40);
	timer_arm(&a.t, 5);	/* moved, not doubled */
	timer_disarm(&c.t);
	ck_assert(!c.t.armed && a.t.armed);
	run_loop(l);
	ck_assert_str_eq(trace, "ba!!!");
	timer_fini(&a.t);
	timer_fini(&b.t);
	timer_fini(&c.t);
	timer_fini(&stop.t);
}
END_TEST

static int64_t armed_ns;
static unsigned exact_ms;

static void
on_exact(struct loop_timer *t)
{
	ck_assert_int_ge(clock_mono_ns() - armed_ns,
	    (int64_t)exact_ms * 1000000);
	if (++exact_ms > 20) {
		loop_stop(l);
		return;
	}
	armed_ns = clock_mono_ns();
	timer_arm(t, exact_ms);
}

START_TEST(test_timer_never_early)
{
	struct loop_timer t;

	timer_init(&t, l, on_exact);
	exact_ms = 1;
	armed_ns = clock_mono_ns();
	timer_arm(&t, 1);
	run_loop(l);
	timer_arm(&t, INT64_MAX);
	ck_assert(t.armed);
	timer_fini(&t);
	ck_assert(!t.armed);
}
END_TEST

/* Both are due in one round; the first takes the second back. */
START_TEST(test_timer_disarmed_when_due)
{
	struct tick a = { .c = 'a' }, b = { .c = 'b' };

	timer_init(&a.t, l, on_tick);
	timer_init(&b.t, l, on_tick);
	a.disarms = &b;
	b.disarms = &a;
	timer_arm(&a.t, 0);
	timer_arm(&b.t, 0);
	turn_loop(l);
	turn_loop(l);
	ck_assert_uint_eq(strlen(trace), 1);
	timer_fini(&a.t);
	timer_fini(&b.t);
}
END_TEST

START_TEST(test_timer_zeroed)
{
	struct loop_timer t = { 0 };

	timer_disarm(&t);
	timer_fini(&t);
}
END_TEST

START_TEST(test_now)
{
	int64_t a = loop_now_ns(l);

	ck_assert_int_gt(a, 0);
	ck_assert_int_eq(loop_now_ns(l), a);
	turn_loop(l);
	ck_assert_int_ge(loop_now_ns(l), a);
}
END_TEST

/* Descriptors. */

struct end {
	struct loop_fd	 f;
	char		 c;
	unsigned	 ready;
	bool		 stay;
};

static void
on_end(struct loop_fd *f, unsigned ready)
{
	struct end *e = container_of(f, struct end, f);

	note(e->c);
	e->ready |= ready;
	if (!e->stay)
		loop_fd_fini(f);
	loop_stop(l);
}

START_TEST(test_fd)
{
	struct end r = { .c = 'r', .stay = true };
	int sv[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	loop_fd_init(&r.f, l, sv[0], on_end);
	turn_loop(l);
	loop_fd_want(&r.f, LOOP_READ);
	turn_loop(l);
	ck_assert_str_eq(trace, "");
	ck_assert_int_eq(write(sv[1], "x", 1), 1);
	run_loop(l);
	ck_assert_uint_eq(r.ready, LOOP_READ);
	turn_loop(l);		/* level-triggered */
	ck_assert_str_eq(trace, "rr");
	loop_fd_want(&r.f, LOOP_WRITE);
	r.ready = 0;
	run_loop(l);
	ck_assert_uint_eq(r.ready, LOOP_WRITE);
	loop_fd_want(&r.f, 0);
	turn_loop(l);
	ck_assert_str_eq(trace, "rrr");
	loop_fd_fini(&r.f);
	loop_fd_fini(&r.f);
	close(sv[0]);
	close(sv[1]);
}
END_TEST

/* Readable and writable at once; the handler goes at the first. */
START_TEST(test_fd_fini_inside)
{
	struct end r = { .c = 'x' };
	int sv[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	ck_assert_int_eq(write(sv[1], "x", 1), 1);
	loop_fd_init(&r.f, l, sv[0], on_end);
	loop_fd_want(&r.f, LOOP_READ | LOOP_WRITE);
	run_loop(l);
	turn_loop(l);
	ck_assert_str_eq(trace, "x");
	close(sv[0]);
	close(sv[1]);
}
END_TEST

/* Completions. */

struct done {
	struct completion c;
	unsigned	 n;
	enum err_code	 code;
	char		 msg[sizeof ((struct err *)0)->msg];
};

static void
on_done(struct completion *c, const struct err *err)
{
	struct done *d = container_of(c, struct done, c);

	d->n++;
	d->code = err == NULL ? ERR_NONE : err->code;
	if (err != NULL)
		snprintf(d->msg, sizeof d->msg, "%s", err->msg);
	if (c->loop != NULL)
		loop_stop(l);
}

START_TEST(test_completion_direct)
{
	struct err e = ERR_INIT;
	struct done d = { .n = 0 };

	completion_done(NULL, NULL);
	completion_init(&d.c, NULL, on_done);
	completion_done(&d.c, NULL);
	ck_assert_uint_eq(d.n, 1);
	ck_assert_int_eq(d.code, ERR_NONE);
	err_set(&e, ERR_FULL, "no room");
	completion_init(&d.c, NULL, on_done);
	completion_done(&d.c, &e);
	ck_assert_uint_eq(d.n, 2);
	ck_assert_int_eq(d.code, ERR_FULL);
}
END_TEST

static void
fail_it(void *arg)
{
	struct err e = ERR_INIT;

	err_set(&e, ERR_REFUSED, "not %d", 7);
	completion_done(arg, &e);
}

START_TEST(test_completion_posted)
{
	struct done d = { .n = 0 };
	struct thread t = { 0 };
	struct err e = ERR_INIT;

	completion_init(&d.c, l, on_done);
	completion_done(&d.c, NULL);
	ck_assert_uint_eq(d.n, 0);
	run_loop(l);
	ck_assert_uint_eq(d.n, 1);
	completion_init(&d.c, l, on_done);
	ck_assert_int_eq(thread_start(&t, "x", fail_it, &d.c, &e), 0);
	run_loop(l);
	thread_join(&t);
	ck_assert_uint_eq(d.n, 2);
	ck_assert_int_eq(d.code, ERR_REFUSED);
	ck_assert_str_eq(d.msg, "not 7");
}
END_TEST

START_TEST(test_completion_twice)
{
	struct done d = { .n = 0 };

	completion_init(&d.c, NULL, on_done);
	completion_done(&d.c, NULL);
	completion_done(&d.c, NULL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("loop");
	TCase *t = tcase_create("all"), *a = tcase_create("aborts");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_post_order);
	tcase_add_test(t, test_post_again);
	tcase_add_test(t, test_free_runs_what_is_left);
	tcase_add_test(t, test_late);
	tcase_add_test(t, test_free_runs_late);
	tcase_add_test(t, test_post_from_threads);
	tcase_add_test(t, test_call);
	tcase_add_test(t, test_stop_before_run);
	tcase_add_test(t, test_timers);
	tcase_add_test(t, test_timer_disarmed_when_due);
	tcase_add_test(t, test_timer_zeroed);
	tcase_add_test(t, test_timer_never_early);
	tcase_add_test(t, test_now);
	tcase_add_test(t, test_fd);
	tcase_add_test(t, test_fd_fini_inside);
	tcase_add_test(t, test_completion_direct);
	tcase_add_test(t, test_completion_posted);
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	/* A signal can only be expected of a child. */
	if (srunner_fork_status(sr) == CK_FORK) {
		tcase_add_checked_fixture(a, setup, teardown);
		tcase_add_test_raise_signal(a, test_post_twice_is_our_mistake,
		    SIGABRT);
		tcase_add_test_raise_signal(a, test_assert, SIGABRT);
		tcase_add_test_raise_signal(a, test_completion_twice, SIGABRT);
		suite_add_tcase(s, a);
	}
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return (failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}
