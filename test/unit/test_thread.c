/* base/thread, base/log. */
#include "test/unit/unit.h"

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"

static struct shared {
	struct mutex	lock;
	struct cond	cond;
	int		turn, count;
} shared = { MUTEX_INIT, COND_INIT, 0, 0 };

/* Two threads take turns. */
static void
turns(void *arg)
{
	int me = *(int *)arg;

	for (int i = 0; i < 1000; i++) {
		mutex_lock(&shared.lock);
		while (shared.turn != me)
			cond_wait(&shared.cond, &shared.lock);
		mutex_assert_held(&shared.lock);
		shared.count++;
		shared.turn = 1 - me;
		cond_broadcast(&shared.cond);
		mutex_unlock(&shared.lock);
	}
}

START_TEST(test_turns)
{
	int ids[] = { 0, 1 };
	struct thread t[2];

	for (int i = 0; i < 2; i++)
		UNIT_OK(thread_start(&t[i], "a-name-that-is-too-long", turns,
		    &ids[i], e));
	ck_assert_str_eq(t[0].name, "a-name-that-is-");
	for (int i = 0; i < 2; i++) {
		thread_join(&t[i]);
		thread_join(&t[i]);	/* not started any more: nothing */
	}
	ck_assert_int_eq(shared.count, 2000);
}
END_TEST

static void
look(void *arg)
{
	sigset_t mask;
	char name[16];

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	pthread_getname_np(pthread_self(), name, sizeof name);
	*(bool *)arg = sigismember(&mask, SIGTERM) && sigismember(&mask,
	    SIGHUP) && strcmp(name, "look") == 0;
}

START_TEST(test_start)
{
	struct thread t;
	sigset_t mask;
	bool ok = false;

	UNIT_OK(thread_start(&t, "look", look, &ok, e));
	thread_join(&t);
	ck_assert(ok);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	ck_assert(!sigismember(&mask, SIGTERM));
}
END_TEST

START_TEST(test_deadline)
{
	int64_t begin = clock_mono_ns();
	struct mutex m;
	struct cond c;

	mutex_init(&m);
	cond_init(&c);
	mutex_lock(&m);
	ck_assert(!cond_wait_until(&c, &m, begin));
	while (cond_wait_until(&c, &m, begin + 20000000))
		;
	ck_assert_int_ge(clock_mono_ns(), begin + 20000000);
	mutex_assert_held(&m);
	mutex_unlock(&m);
	cond_fini(&c);
	mutex_fini(&m);
}
END_TEST

static void
signal_it(void *arg)
{
	(void)arg;
	mutex_lock(&shared.lock);
	shared.turn = 7;
	cond_signal(&shared.cond);
	mutex_unlock(&shared.lock);
}

START_TEST(test_signal)
{
	struct thread t;
	bool in_time = true;

	mutex_lock(&shared.lock);
	UNIT_OK(thread_start(&t, "signal", signal_it, NULL, e));
	while (shared.turn != 7 && in_time)
		in_time = cond_wait_until(&shared.cond, &shared.lock,
		    INT64_MAX);
	ck_assert(in_time);
	mutex_unlock(&shared.lock);
	thread_join(&t);
}
END_TEST

static void
quiet(void)
{
	dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
}

START_TEST(test_lock_twice)
{
	quiet();
	mutex_lock(&shared.lock);
	mutex_lock(&shared.lock);
}
END_TEST

START_TEST(test_not_held)
{
	quiet();
	mutex_assert_held(&shared.lock);
}
END_TEST

/* --- log --- */

static struct { char last[4096]; int n; } heard;

static void
hear(enum log_level level, const char *line, void *ctx)
{
	(void)level;
	(void)ctx;
	heard.n++;
	snprintf(heard.last, sizeof heard.last, "%s", line);
}

static int64_t now_ns;

static int64_t
now(void *ctx)
{
	(void)ctx;
	return (now_ns);
}

START_TEST(test_log_line)
{
	int evaluated = 0;

	log_set_sink(hear, NULL);
	log_info("source=r1", "following %d files", 12);
	ck_assert_str_eq(heard.last, "info source=r1: following 12 files");
	log_error(NULL, "a\nb\x1b[31m%s", "\xff");
	ck_assert_str_eq(heard.last, "error a\\x0ab\\x1b[31m\\xff");
	log_debug(NULL, "%d", ++evaluated);
	ck_assert_int_eq(evaluated, 0);
	ck_assert_int_eq(heard.n, 2);
	log_max = LOG_DEBUG;
	errno = ENOENT;
	log_debug(NULL, "%d %m", ++evaluated);
	ck_assert_str_eq(heard.last, "debug 1 No such file or directory");
	ck_assert_int_eq(errno, ENOENT);
	log_set_sink(NULL, NULL);
}
END_TEST

START_TEST(test_log_level)
{
	enum log_level level = LOG_ERROR;

	ck_assert(log_level_parse("debug", &level));
	ck_assert_int_eq(level, LOG_DEBUG);
	ck_assert(!log_level_parse("loud", &level));
	ck_assert_int_eq(level, LOG_DEBUG);
}
END_TEST

static void
repeat(int times)
{
	while (times-- > 0)
		log_warn(NULL, "it failed, try %d", times);
}

START_TEST(test_log_limit)
{
	log_set_sink(hear, NULL);
	now_ns = 1;
	clock_replace(now, now, NULL);
	repeat(100);
	ck_assert_int_eq(heard.n, 10);
	now_ns += (int64_t)59 * 1000000000;
	repeat(1);
	ck_assert_int_eq(heard.n, 10);
	/* Any other line, a minute later, says it. */
	now_ns += (int64_t)2 * 1000000000;
	log_max = LOG_DEBUG;
	log_debug(NULL, "other");
	ck_assert_int_eq(heard.n, 12);
	log_debug(NULL, "other");
	ck_assert_int_eq(heard.n, 13);
	/* And the site is free again. */
	repeat(100);
	ck_assert_int_eq(heard.n, 23);
	now_ns += (int64_t)61 * 1000000000;
	repeat(1);
	ck_assert_int_eq(heard.n, 25);
	ck_assert_str_eq(heard.last, "warn it failed, try 0");
	clock_replace(NULL, NULL, NULL);
}
END_TEST

/* The line that says what was left out comes before the one that is due. */
static char first[4096];

static void
hear_first(enum log_level level, const char *line, void *ctx)
{
	(void)level;
	(void)ctx;
	if (first[0] == '\0')
		snprintf(first, sizeof first, "%s", line);
}

START_TEST(test_log_limit_text)
{
	now_ns = 1;
	clock_replace(now, now, NULL);
	log_set_sink(hear, NULL);
	repeat(15);
	now_ns += (int64_t)61 * 1000000000;
	log_set_sink(hear_first, NULL);
	log_info(NULL, "x");
	ck_assert_str_eq(first,
	    "warn 5 more in the last minute like: it failed, try %d");
	clock_replace(NULL, NULL, NULL);
}
END_TEST

/* What comes out of stderr: one whole line, with a stamp, cut when long. */
START_TEST(test_log_stderr)
{
	char big[5000], got[8192];
	int fds[2];
	ssize_t n;

	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	ck_assert_int_eq(pipe(fds), 0);
	dup2(fds[1], STDERR_FILENO);
	unsetenv("JOURNAL_STREAM");
	log_info("a=b", "%s", big);
	n = read(fds[0], got, sizeof got - 1);
	ck_assert_int_gt(n, 1000);
	ck_assert_int_lt(n, 4096);
	got[n] = '\0';
	ck_assert_int_eq(got[n - 1], '\n');
	ck_assert_int_eq(got[4], '-');
	ck_assert_int_eq(got[10], 'T');
	ck_assert_int_eq(got[23], 'Z');
	ck_assert_int_eq(strncmp(got + 24, " info a=b: xxx", 14), 0);
}
END_TEST

static void
shout(void *arg)
{
	(void)arg;
	for (int i = 0; i < 500; i++)
		repeat(1);
}

static atomic_int shouted;

static void
count(enum log_level level, const char *line, void *ctx)
{
	(void)level;
	(void)line;
	(void)ctx;
	atomic_fetch_add(&shouted, 1);
}

START_TEST(test_log_threads)
{
	struct thread t[4];

	log_set_sink(count, NULL);
	for (size_t i = 0; i < NELEM(t); i++)
		UNIT_OK(thread_start(&t[i], "shout", shout, NULL, e));
	for (size_t i = 0; i < NELEM(t); i++)
		thread_join(&t[i]);
	ck_assert_int_eq(atomic_load(&shouted), 10);
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &test_turns },
	{ .fn = &test_start },
	{ .fn = &test_deadline },
	{ .fn = &test_signal },
	{ .fn = &test_lock_twice, .signal = SIGABRT },
	{ .fn = &test_not_held, .signal = SIGABRT },
	{ .fn = &test_log_line },
	{ .fn = &test_log_level },
	{ .fn = &test_log_limit },
	{ .fn = &test_log_limit_text },
	{ .fn = &test_log_stderr },
	{ .fn = &test_log_threads },
};

int
main(void)
{
	return (UNIT_MAIN("thread", tests));
}
