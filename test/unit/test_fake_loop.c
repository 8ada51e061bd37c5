/* The fake loop keeps what loop.h promises, on its own clock. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "loop/completion.h"
#include "loop/conn.h"
#include "test/fake/fake_loop.h"

static struct loop *l;
static char trace[64];

static void
setup(void)
{
	l = loop_new("fake", NULL);
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

struct tick {
	struct loop_timer t;
	char		 c;
	int64_t		 again_ms;
	int64_t		 at_ns;
};

static void
on_tick(struct loop_timer *t)
{
	struct tick *k = container_of(t, struct tick, t);

	ck_assert(!t->armed);
	k->at_ns = loop_now_ns(l);
	note(k->c);
	if (k->again_ms > 0)
		timer_arm(t, k->again_ms);
}

START_TEST(test_timers)
{
	struct tick a = { .c = 'a' }, b = { .c = 'b', .again_ms = 10 },
	    c = { .c = 'c' };

	timer_init(&a.t, l, on_tick);
	timer_init(&b.t, l, on_tick);
	timer_init(&c.t, l, on_tick);
	timer_arm(&a.t, 25);
	timer_arm(&b.t, 10);
	timer_arm(&c.t, 25);
	ck_assert_uint_eq(fake_timers(), 3);
	ck_assert_int_eq(fake_next_timer(), 10);
	fake_advance(9);
	ck_assert_str_eq(trace, "");
	fake_advance(1);
	ck_assert_str_eq(trace, "b");
	fake_advance(20);
	ck_assert_str_eq(trace, "bbacb");
	ck_assert_int_eq(a.at_ns, FAKE_START_NS + 25000000);
	ck_assert_int_eq(clock_mono_ns(), FAKE_START_NS + 30000000);
	ck_assert_int_eq(clock_wall_ms(), FAKE_START_MS + 30);
	fake_step_wall(-5);
	ck_assert_int_eq(clock_wall_ms(), FAKE_START_MS + 25);
	timer_disarm(&b.t);
	fake_advance(1000);
	ck_assert_str_eq(trace, "bbacb");
	ck_assert_int_eq(fake_next_timer(), -1);
	timer_arm(&a.t, 0);
	fake_run();
	ck_assert_str_eq(trace, "bbacba");
	timer_fini(&b.t);
	ck_assert_uint_eq(fake_timers(), 0);
}
END_TEST

struct letter {
	struct loop_task task;
	char		 c;
	struct letter	*then;
};

static void
on_letter(struct loop_task *t)
{
	struct letter *x = container_of(t, struct letter, task);

	note(x->c);
	if (x->then != NULL)
		loop_post(l, &x->then->task);
	if (x->c == '!')
		loop_stop(l);
}

START_TEST(test_tasks)
{
	struct letter stop = { .task = { .fn = on_letter }, .c = '!' };
	struct letter a = { .task = { .fn = on_letter }, .c = 'a',
	    .then = &stop };
	struct letter b = { .task = { .fn = on_letter }, .c = 'b' };

	loop_post(l, &a.task);
	loop_post(l, &b.task);
	ck_assert_uint_eq(fake_tasks(), 2);
	loop_run(l);
	ck_assert_str_eq(trace, "ab!");
	ck_assert_uint_eq(fake_tasks(), 0);
	ck_assert(!b.task.queued);
}
END_TEST

/* The real conn and completion on the fake loop. */

static void
on_data(struct conn *c, void *ctx)
{
	(void)ctx;
	conn_write(c, conn_in(c).p, conn_in(c).len);
	conn_consume(c, conn_in(c).len);
}

static void
on_closed(struct conn *c, void *ctx, const struct err *err)
{
	(void)c;
	(void)ctx;
	note(err != NULL && err->code == ERR_TIMEOUT ? 't' : 'x');
}

START_TEST(test_conn)
{
	static const struct conn_ops ops = {
		.data = on_data, .closed = on_closed
	};
	struct conn *c;
	char buf[8];
	int sv[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	c = conn_new(l, sv[0], &ops, NULL);
	conn_idle(c, 60000);
	ck_assert_uint_eq(fake_fds(), 1);
	ck_assert_uint_eq(fake_wanted(l, sv[0]), LOOP_READ);
	ck_assert(!fake_fire(l, sv[0], LOOP_WRITE));
	ck_assert_int_eq(write(sv[1], "hello", 5), 5);
	ck_assert(fake_fire(l, sv[0], LOOP_READ | LOOP_WRITE));
	ck_assert_int_eq(read(sv[1], buf, sizeof buf), 5);
	fake_advance(59999);
	ck_assert_str_eq(trace, "");
	fake_advance(2);
	ck_assert_str_eq(trace, "t");
	ck_assert_uint_eq(fake_fds(), 0);
	close(sv[1]);
}
END_TEST

/* A peer that never reads: a finish is given up in the end. */
START_TEST(test_conn_stalls)
{
	static const struct conn_ops ops = {
		.data = on_data, .closed = on_closed
	};
	static const uint8_t bytes[8 << 20];
	struct conn *c;
	int sv[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	c = conn_new(l, sv[0], &ops, NULL);
	conn_write_ref(c, slice_of(bytes, sizeof bytes), NULL, NULL);
	conn_finish(c);
	fake_run();
	ck_assert_uint_eq(fake_wanted(l, sv[0]), LOOP_WRITE);
	fake_advance(29999);
	ck_assert_str_eq(trace, "");
	fake_advance(2);
	ck_assert_str_eq(trace, "t");
	close(sv[1]);
}
END_TEST

static void
on_done(struct completion *c, const struct err *err)
{
	(void)c;
	note(err == NULL ? 'd' : 'e');
}

START_TEST(test_completion)
{
	struct completion c;

	completion_init(&c, l, on_done);
	completion_done(&c, NULL);
	ck_assert_str_eq(trace, "");
	fake_run();
	ck_assert_str_eq(trace, "d");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("fake_loop");
	TCase *t = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_timers);
	tcase_add_test(t, test_tasks);
	tcase_add_test(t, test_conn);
	tcase_add_test(t, test_conn_stalls);
	tcase_add_test(t, test_completion);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return (failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}
