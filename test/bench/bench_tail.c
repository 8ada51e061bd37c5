/*
 * How fast TAILDIR reads: one large file of lines of 200 bytes, a host that
 * takes every batch and lets it go.
 *
 *	bench_tail [MiB [line bytes]]
 *
 * and how much a number of files at rest costs:
 *
 *	bench_tail idle FILES SECONDS
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sources/sources.h"

static uint64_t lines, bytes, want;
static struct loop *loop;
static struct plugin_env env = { .agent = "bench", .fs = &fs_real };
static struct cursor none;
static char dir[64] = "/tmp/leat-bench-XXXXXX";

static int
take(struct source *s, struct batch *b, struct completion *stored,
    struct err *e)
{
	(void)s;
	(void)e;
	batch_seal(b);
	lines += b->n;
	bytes += b->bytes;
	batch_unref(b);
	completion_done(stored, NULL);
	if (lines >= want)
		loop_stop(loop);
	return (0);
}

static const struct source_host host = { .emit = take };

static struct source *
make(const char *pattern)
{
	struct source *s = xcalloc(1, source_tail.plugin.size);
	struct conf_problems problems = { 0 };
	struct conf *conf = conf_new();
	struct err e = ERR_INIT;

	conf_set(conf, "filegroups", "g", "bench", 1);
	conf_set(conf, "filegroups.g", pattern, "bench", 1);
	s->ops = &source_tail;
	s->name = "r1";
	s->who = "source=r1";
	s->loop = loop;
	s->env = &env;
	s->host = &host;
	if (settings_fill(source_tail.plugin.settings, s, conf,
	    &problems) > 0 || s->ops->check(s, &e) == -1 ||
	    s->ops->start(s, &none, &e) == -1)
		errx(1, "%s", e.msg);
	return (s);
}

static double
cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return ((double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	    (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6);
}

static void
bench_read(size_t mib, size_t len)
{
	size_t size = mib << 20, n, i;
	char path[100], *text;
	double cpu;
	int64_t t;
	int fd;

	text = xmalloc(1 << 20);
	n = (1 << 20) / len;
	for (i = 0; i < n * len; i++)
		text[i] = i % len == len - 1 ? '\n' : (char)('a' + i % 23);
	snprintf(path, sizeof path, "%s/log", dir);
	fd = open(path, O_WRONLY | O_CREAT, 0644);
	for (i = 0; i < size / (n * len); i++)
		if (write(fd, text, n * len) == -1)
			err(1, "%s", path);
	want = i * n;
	close(fd);
	t = clock_mono_ns();
	cpu = cpu_seconds();
	make(path);
	loop_run(loop);
	t = clock_mono_ns() - t;
	cpu = cpu_seconds() - cpu;
	printf("%llu lines of %zu bytes in %.3f s: %.2f million lines/s, "
	    "%.0f MB/s; %.3f s of CPU\n", (unsigned long long)lines, len,
	    (double)t / 1e9, (double)lines * 1e3 / (double)t,
	    (double)bytes * 1e3 / (double)t, cpu);
	unlink(path);
	free(text);
}

static void
time_over(struct loop_timer *t)
{
	(void)t;
	loop_stop(loop);
}

static void
bench_idle(size_t files, int64_t seconds)
{
	struct loop_timer timer;
	char path[100];
	struct rusage u;
	double start;
	size_t i;
	int fd;

	want = UINT64_MAX;
	for (i = 0; i < files; i++) {
		snprintf(path, sizeof path, "%s/f%zu.log", dir, i);
		fd = open(path, O_WRONLY | O_CREAT, 0644);
		if (write(fd, "one line\n", 9) == -1)
			err(1, "%s", path);
		close(fd);
	}
	snprintf(path, sizeof path, "%s/.*\\.log", dir);
	start = cpu_seconds();
	make(path);
	timer_init(&timer, loop, time_over);
	timer_arm(&timer, 2000);
	loop_run(loop);
	printf("%zu files, %llu lines: %.3f s of CPU until all are read\n",
	    files, (unsigned long long)lines, cpu_seconds() - start);
	start = cpu_seconds();
	timer_arm(&timer, seconds * 1000);
	loop_run(loop);
	getrusage(RUSAGE_SELF, &u);
	printf("at rest: %.4f %% of a core, %ld MiB\n", (cpu_seconds() -
	    start) * 100 / (double)seconds, u.ru_maxrss / 1024);
	for (i = 0; i < files; i++) {
		snprintf(path, sizeof path, "%s/f%zu.log", dir, i);
		unlink(path);
	}
}

int
main(int argc, char **argv)
{
	struct err e = ERR_INIT;

	if (mkdtemp(dir) == NULL || (loop = loop_new("bench", &e)) == NULL)
		errx(1, "%s", e.msg);
	env.data_dir = dir;
	setenv("HOME", dir, 1);
	if (argc == 4 && strcmp(argv[1], "idle") == 0)
		bench_idle((size_t)atol(argv[2]), atol(argv[3]));
	else
		bench_read(argc > 1 ? (size_t)atol(argv[1]) : 1024,
		    argc > 2 ? (size_t)atol(argv[2]) : 200);
	rmdir(dir);
	return (0);
}
