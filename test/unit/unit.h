/*
 * What the unit tests share: a main from a table, and a temporary folder.
 *
 *	static const struct unit_test tests[] = {
 *		{ .fn = &test_add },
 *		{ .fn = &test_row, .rows = NELEM(rows) },	_i is the row
 *		{ .fn = &test_dies, .signal = SIGABRT },
 *	};
 *	int main(void) { return (UNIT_MAIN("map", tests)); }
 *
 * Each row runs in a process of its own (CK_FORK=no under a debugger).
 */
#ifndef TEST_UNIT_UNIT_H
#define TEST_UNIT_UNIT_H

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/slice.h"

struct unit_test {
	const TTest	**fn;		/* START_TEST makes a variable */
	int		 rows;		/* 0: no table */
	int		 signal;	/* the test is to die of it */
	int		 exit;		/* the exit status it is to have */
};

static inline int
unit_main(const char *name, const struct unit_test *v, size_t n)
{
	Suite *suite = suite_create(name);
	TCase *tc = tcase_create(name);
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 120);
	for (size_t i = 0; i < n; i++)
		_tcase_add_test(tc, *v[i].fn, v[i].signal, v[i].exit, 0,
		    v[i].rows == 0 ? 1 : v[i].rows);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return (failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}
#define UNIT_MAIN(name, tests)	unit_main((name), (tests), NELEM(tests))

/* A call that is to return 0 (or a descriptor), with its message if not. */
#define UNIT_OK(call)							\
	do {								\
		struct err e_ = ERR_INIT, *e = &e_;			\
		ck_assert_msg((call) != -1, "%s: %s", #call, e->msg);	\
	} while (0)

/* A call that is to return -1 with that code. */
#define UNIT_ERR(call, want)						\
	do {								\
		struct err e_ = ERR_INIT, *e = &e_;			\
		ck_assert_int_eq((call), -1);				\
		ck_assert_msg(e->code == (want), "%s: code %d: %s",	\
		    #call, e->code, e->msg);				\
	} while (0)

/* s is these bytes. */
#define UNIT_SLICE(s, text)						\
	do {								\
		struct slice s_ = (s);					\
		ck_assert_msg(slice_eq_str(s_, (text)), "%.*s, not %s",	\
		    (int)s_.len, (const char *)s_.p, (text));		\
	} while (0)

/* A new temporary folder ($TMPDIR when that is short enough, else /tmp): its
 * descriptor; its path in path. */
static inline int
unit_dir(char path[64])
{
	const char *tmp = getenv("TMPDIR");
	int fd;

	if (tmp == NULL || tmp[0] != '/' || strlen(tmp) > 40)
		tmp = "/tmp";
	snprintf(path, 64, "%s/leat-unit-XXXXXX", tmp);
	ck_assert_ptr_nonnull(mkdtemp(path));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return (fd);
}

/* Removes what is in the folder, and below. */
static inline void
unit_dir_empty(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), sub;
	DIR *dir = fdopendir(fd);
	struct dirent *d;

	ck_assert_ptr_nonnull(dir);
	while ((d = readdir(dir)) != NULL) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (unlinkat(dirfd, d->d_name, 0) == 0)
			continue;
		sub = openat(dirfd, d->d_name, O_RDONLY | O_DIRECTORY);
		if (sub != -1) {
			unit_dir_empty(sub);
			close(sub);
		}
		unlinkat(dirfd, d->d_name, AT_REMOVEDIR);
	}
	closedir(dir);
}

/* Removes the folder of unit_dir and closes its descriptor. */
static inline void
unit_dir_remove(int dirfd, const char *path)
{
	unit_dir_empty(dirfd);
	close(dirfd);
	rmdir(path);
}

/* A repeatable sequence for tests that draw cases: splitmix64. */
static inline uint64_t
unit_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (z ^ z >> 31);
}

#endif
