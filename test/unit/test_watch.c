/* Watched directories. An operation's events are queued when it returns, so
 * one turn of the loop sees them. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "loop/watch.h"
#include "test/unit/loop_util.h"

static struct loop *l;
static struct watch *w;
static char root[64];
static struct sb seen;		/* "d/name:CM d/other:D " */
static unsigned overflows, logged;
static void (*inside)(struct watch_dir *);	/* done in the callback */
static unsigned stop_after;

static void
on_changed(void *ctx, struct watch_dir *d, const char *name, unsigned what)
{
	static const char letters[] = "CMKVDI*G";
	unsigned i;

	ck_assert_str_eq(ctx, "ctx");
	sb_printf(&seen, "%s/%s:", (char *)watch_dir_ctx(d), name);
	for (i = 0; letters[i] != '\0'; i++)
		if (what & (1u << i))
			sb_add(&seen, &letters[i], 1);
	sb_puts(&seen, " ");
	if (inside != NULL)
		inside(d);
	if (stop_after > 0 && --stop_after == 0)
		loop_stop(l);
}

static void
on_overflow(void *ctx)
{
	(void)ctx;
	overflows++;
}

static const struct watch_ops ops = { on_changed, on_overflow };

static void
count_log(enum log_level level, const char *line, void *ctx)
{
	(void)level;
	(void)line;
	(void)ctx;
	logged++;
}

static void
make_watch(int64_t poll_ms)
{
	static char ctx[] = "ctx";
	struct err e = ERR_INIT;

	w = watch_new(l, &ops, ctx, poll_ms, &e);
	ck_assert_msg(w != NULL, "%s", e.msg);
}

static void
setup(void)
{
	l = make_loop();
	strcpy(root, "/tmp/leat-watch-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	ck_assert_int_eq(chdir(root), 0);
	ck_assert_int_eq(mkdir("a", 0700), 0);
	ck_assert_int_eq(mkdir("b", 0700), 0);
	overflows = logged = stop_after = 0;
	inside = NULL;
	log_set_sink(count_log, NULL);
	make_watch(10);
}

static void
teardown(void)
{
	char *cmd = xasprintf("rm -rf %s", root);

	watch_free(w);
	loop_free(l);
	sb_fini(&seen);
	log_set_sink(NULL, NULL);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(system(cmd), 0);
	free(cmd);
}

static struct watch_dir *
add(const char *path, const char *label)
{
	struct err e = ERR_INIT;
	struct watch_dir *d = watch_add(w, path, (void *)(uintptr_t)label,
	    &e);

	ck_assert_msg(d != NULL, "%s", e.msg);
	return (d);
}

/* What was seen since the last call. */
static const char *
look(void)
{
	static char last[4096];

	turn_loop(l);
	snprintf(last, sizeof last, "%s", seen.ptr == NULL ? "" : seen.ptr);
	sb_fini(&seen);
	return (last);
}

static void
put(const char *path, const char *text, int flags)
{
	int fd = open(path, O_WRONLY | flags, 0600);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(write(fd, text, strlen(text)),
	    (ssize_t)strlen(text));
	close(fd);
}

START_TEST(test_names)
{
	int fd;

	add("a", "a");
	add("b", "b");
	ck_assert_uint_eq(watch_count(w), 2);
	ck_assert_str_eq(look(), "");
	fd = open("a/x", O_CREAT | O_WRONLY, 0600);
	ck_assert_str_eq(look(), "a/x:C ");
	ck_assert_int_eq(write(fd, "1", 1), 1);
	ck_assert_str_eq(look(), "a/x:M ");
	close(fd);
	ck_assert_str_eq(look(), "a/x:K ");
	ck_assert_int_eq(rename("a/x", "a/y"), 0);
	ck_assert_str_eq(look(), "a/x:V a/y:C ");
	ck_assert_int_eq(rename("a/y", "b/y"), 0);
	ck_assert_str_eq(look(), "a/y:V b/y:C ");
	ck_assert_int_eq(truncate("b/y", 0), 0);
	ck_assert_str_eq(look(), "b/y:M ");
	ck_assert_int_eq(link("b/y", "a/l"), 0);
	ck_assert_str_eq(look(), "a/l:C ");
	ck_assert_int_eq(unlink("b/y"), 0);
	ck_assert_str_eq(look(), "b/y:D ");
	ck_assert_int_eq(mkdir("b/sub", 0700), 0);
	ck_assert_str_eq(look(), "b/sub:CI ");
	ck_assert_int_eq(chmod("a/l", 0640), 0);
	ck_assert_str_eq(look(), "");
}
END_TEST

/* One event per name, in the order of the first, whatever came between. */
START_TEST(test_merged)
{
	unsigned i;

	add("a", "a");
	add("b", "b");
	for (i = 0; i < 100; i++) {
		put("a/x", "1", O_CREAT | O_APPEND);
		put("b/x", "1", O_CREAT | O_APPEND);
		put("a/y", "1", O_CREAT | O_APPEND);
	}
	ck_assert_int_eq(unlink("a/y"), 0);
	ck_assert_str_eq(look(), "a/x:CMK b/x:CMK a/y:CMKD ");
	ck_assert_str_eq(look(), "");
}
END_TEST

/* Writes to an unlinked file that is still open. */
START_TEST(test_unlinked_but_open)
{
	int fd = open("a/x", O_CREAT | O_WRONLY, 0600);

	add("a", "a");
	ck_assert_int_eq(unlink("a/x"), 0);
	ck_assert_str_eq(look(), "a/x:D ");
	ck_assert_int_eq(write(fd, "late", 4), 4);
	ck_assert_str_eq(look(), "a/x:M ");
	close(fd);
}
END_TEST

START_TEST(test_gone)
{
	struct watch_dir *a = add("a", "a"), *b = add("b", "b");

	put("a/x", "1", O_CREAT);
	ck_assert_int_eq(unlink("a/x"), 0);
	ck_assert_int_eq(rmdir("a"), 0);
	ck_assert_str_eq(look(), "a/x:CMKD a/:G ");
	ck_assert_int_eq(rename("b", "c"), 0);
	ck_assert_str_eq(look(), "b/:G ");
	put("c/x", "1", O_CREAT);
	ck_assert_str_eq(look(), "");
	ck_assert_int_eq(mkdir("a", 0700), 0);
	watch_remove(w, a);
	add("a", "A");
	put("a/x", "1", O_CREAT);
	ck_assert_str_eq(look(), "A/x:CMK ");
	watch_remove(w, b);
	ck_assert_uint_eq(watch_count(w), 1);
}
END_TEST

/* The same directory twice, under two names. */
START_TEST(test_same_directory)
{
	struct watch_dir *one = add("a", "one"), *two;

	ck_assert_int_eq(symlink("a", "link"), 0);
	two = add("link", "two");
	ck_assert_str_eq(watch_dir_path(two), "link");
	put("a/x", "1", O_CREAT);
	ck_assert_str_eq(look(), "two/x:CMK one/x:CMK ");
	watch_remove(w, two);
	put("a/x", "1", 0);
	ck_assert_str_eq(look(), "one/x:MK ");
	watch_remove(w, one);
	put("a/x", "1", 0);
	ck_assert_str_eq(look(), "");
	add("a", "three");
	put("a/x", "1", 0);
	ck_assert_str_eq(look(), "three/x:MK ");
}
END_TEST

static struct watch_dir *victim;

static void
remove_victim(struct watch_dir *d)
{
	(void)d;
	if (victim != NULL)
		watch_remove(w, victim);
	victim = NULL;
}

static void
remove_self(struct watch_dir *d)
{
	watch_remove(w, d);
}

static void
free_all(struct watch_dir *d)
{
	(void)d;
	watch_free(w);
	w = NULL;
	inside = NULL;
}

/* A removed directory gets nothing more, not even of this wakeup. */
START_TEST(test_remove_inside)
{
	add("a", "a");
	victim = add("b", "b");
	inside = remove_victim;
	put("a/x", "1", O_CREAT);
	put("b/x", "1", O_CREAT);
	ck_assert_str_eq(look(), "a/x:CMK ");
	/* The next one on the same node. */
	victim = add("a", "second");
	add("a", "third");
	put("a/x", "1", 0);
	ck_assert_str_eq(look(), "third/x:MK a/x:MK ");
	inside = remove_self;
	put("a/x", "1", 0);
	put("a/y", "1", O_CREAT);
	ck_assert_str_eq(look(), "third/x:MK a/x:MK ");
	ck_assert_uint_eq(watch_count(w), 0);
}
END_TEST

START_TEST(test_free_inside)
{
	add("a", "a");
	add("a", "b");
	inside = free_all;
	put("a/x", "1", O_CREAT);
	put("a/y", "1", O_CREAT);
	ck_assert_str_eq(look(), "b/x:CMK ");
}
END_TEST

static void
readd(struct watch_dir *d)
{
	inside = NULL;
	watch_remove(w, d);
	ck_assert_int_eq(mkdir("a", 0700), 0);
	add("a", "again");
}

START_TEST(test_readd_inside_gone)
{
	add("a", "a");
	inside = readd;
	ck_assert_int_eq(rmdir("a"), 0);
	ck_assert_str_eq(look(), "a/:G ");
	put("a/x", "1", O_CREAT);
	ck_assert_str_eq(look(), "again/x:CMK ");
}
END_TEST

static const struct {
	const char	*path;
	enum err_code	 code;
} bad_paths[] = {
	{ "none", ERR_NOT_FOUND }, { "none/none", ERR_NOT_FOUND },
	{ "file", ERR_SYS }, { "file/x", ERR_SYS }, { "", ERR_NOT_FOUND },
};

START_TEST(test_bad_paths)
{
	struct err e = ERR_INIT;

	put("file", "1", O_CREAT);
	ck_assert_ptr_null(watch_add(w, bad_paths[_i].path, NULL, &e));
	ck_assert_int_eq(e.code, bad_paths[_i].code);
	ck_assert_ptr_nonnull(strstr(e.msg, bad_paths[_i].path));
	ck_assert_uint_eq(watch_count(w), 0);
}
END_TEST

/* More events than the kernel queues (fs.inotify.max_queued_events). */
START_TEST(test_overflow)
{
	int a = open("a/x", O_CREAT | O_WRONLY, 0600);
	int b = open("a/y", O_CREAT | O_WRONLY, 0600);
	unsigned i, max = 16384;
	FILE *f = fopen("/proc/sys/fs/inotify/max_queued_events", "r");

	if (f != NULL) {
		ck_assert_int_eq(fscanf(f, "%u", &max), 1);
		fclose(f);
	}
	add("a", "a");
	for (i = 0; i < max / 2 + 10; i++) {
		ck_assert_int_eq(write(a, "1", 1), 1);
		ck_assert_int_eq(write(b, "1", 1), 1);
	}
	while (overflows == 0)
		look();
	look();
	ck_assert_uint_eq(overflows, 1);
	ck_assert_int_eq(write(a, "1", 1), 1);
	ck_assert_str_eq(look(), "a/x:M ");
	close(a);
	close(b);
}
END_TEST

/* Polling. */

START_TEST(test_polled)
{
	struct watch_dir *a = add("a", "a"), *b = add("b", "b");

	ck_assert(!watch_dir_polled(a));
	watch_dir_poll(w, a);
	ck_assert(watch_dir_polled(a));
	put("a/x", "1", O_CREAT);
	put("b/x", "1", O_CREAT);
	stop_after = 4;
	run_loop(l);
	ck_assert_str_eq(look(), "b/x:CMK a/:* a/:* a/:* ");
	ck_assert_int_eq(unlink("a/x"), 0);
	ck_assert_int_eq(rmdir("a"), 0);
	stop_after = 1;
	run_loop(l);
	ck_assert_str_eq(look(), "a/:G ");
	watch_remove(w, a);
	/* Removal inside, of the one that is next. */
	watch_dir_poll(w, b);
	ck_assert_int_eq(mkdir("a", 0700), 0);
	a = add("a", "a");
	watch_dir_poll(w, a);
	victim = b;
	inside = remove_victim;
	stop_after = 2;
	run_loop(l);
	ck_assert_str_eq(look(), "a/:* a/:* ");
}
END_TEST

/* proc reports no changes: polled without being told to, and said once. */
START_TEST(test_polled_file_system)
{
	struct watch_dir *p, *q;

	if (access("/proc/self/fd", R_OK) == -1)
		return;
	p = add("/proc/self/fd", "p");
	q = add("/proc/self", "q");
	ck_assert(watch_dir_polled(p));
	ck_assert(watch_dir_polled(q));
	ck_assert_uint_eq(logged, 1);
	stop_after = 2;
	run_loop(l);
	ck_assert_str_eq(look(), "q/:* p/:* ");
}
END_TEST

/* No inotify instance to be had: everything is polled. */
START_TEST(test_no_instance)
{
	int fd = open("/dev/null", O_RDONLY);
	struct rlimit old, few;
	struct watch *keep = w;
	struct watch_dir *a;

	close(fd);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	few.rlim_cur = (rlim_t)fd;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	make_watch(1);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	a = add("a", "a");
	ck_assert(watch_dir_polled(a));
	add("b", "b");
	ck_assert_uint_eq(logged, 1);
	stop_after = 2;
	run_loop(l);
	ck_assert_str_eq(look(), "b/:* a/:* ");
	watch_free(w);
	w = keep;
}
END_TEST

/* The limit of watches, in a user namespace of our own. */
static bool
limit_watches(unsigned n)
{
	int fd;

	if (unshare(CLONE_NEWUSER) == -1)
		return (false);
	if ((fd = open("/proc/sys/user/max_inotify_watches", O_WRONLY)) == -1)
		return (false);
	n = (unsigned)dprintf(fd, "%u", n);
	close(fd);
	return (n > 0);
}

START_TEST(test_no_watch_left)
{
	struct watch_dir *a, *b, *c;

	ck_assert_int_eq(mkdir("c", 0700), 0);
	watch_free(w);
	if (!limit_watches(1)) {
		make_watch(1);
		return;
	}
	make_watch(1);
	a = add("a", "a");
	b = add("b", "b");
	c = add("c", "c");
	ck_assert(!watch_dir_polled(a));
	ck_assert(watch_dir_polled(b));
	ck_assert(watch_dir_polled(c));
	ck_assert_uint_eq(logged, 1);
}
END_TEST

START_TEST(test_many)
{
	char path[32], want[64];
	unsigned i;

	for (i = 0; i < 2000; i++) {
		snprintf(path, sizeof path, "a/%u", i);
		ck_assert_int_eq(mkdir(path, 0700), 0);
		add(path, "d");
	}
	ck_assert_uint_eq(watch_count(w), 2000);
	for (i = 0; i < 2000; i += 400) {
		snprintf(path, sizeof path, "a/%u/f%u", i, i);
		put(path, "1", O_CREAT);
		snprintf(want, sizeof want, "d/f%u:CMK ", i);
		ck_assert_str_eq(look(), want);
	}
}
END_TEST

static TCase *
cases(void)
{
	TCase *t = tcase_create("all");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_names);
	tcase_add_test(t, test_merged);
	tcase_add_test(t, test_unlinked_but_open);
	tcase_add_test(t, test_gone);
	tcase_add_test(t, test_same_directory);
	tcase_add_test(t, test_remove_inside);
	tcase_add_test(t, test_free_inside);
	tcase_add_test(t, test_readd_inside_gone);
	tcase_add_loop_test(t, test_bad_paths, 0, NELEM(bad_paths));
	tcase_add_test(t, test_overflow);
	tcase_add_test(t, test_polled);
	tcase_add_test(t, test_polled_file_system);
	tcase_add_test(t, test_no_instance);
	tcase_add_test(t, test_no_watch_left);
	tcase_add_test(t, test_many);
	return (t);
}

int
main(void)
{
	Suite *s = suite_create("watch");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, cases());
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return (failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}
