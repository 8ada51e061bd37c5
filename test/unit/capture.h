/*
 * What a piece of code writes to standard output and standard error.
 *
 *	struct capture c;
 *	capture_begin(&c);
 *	rc = some_command(argc, argv);
 *	capture_end(&c);
 *	... c.out and c.err are strings ...
 *	capture_fini(&c);
 */
#ifndef TEST_UNIT_CAPTURE_H
#define TEST_UNIT_CAPTURE_H

#include "test/unit/unit.h"

struct capture {
	int	 saved[2], file[2];
	char	*out, *err;
};

static inline int
capture_file(void)
{
	char path[] = "/tmp/leat-capture-XXXXXX";
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	unlink(path);
	return (fd);
}

static inline void
capture_begin(struct capture *c)
{
	fflush(stdout);
	fflush(stderr);
	for (int i = 0; i < 2; i++) {
		c->file[i] = capture_file();
		c->saved[i] = dup(1 + i);
		ck_assert_int_ge(dup2(c->file[i], 1 + i), 0);
	}
}

static inline char *
capture_read(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	char *text = xcalloc(1, (size_t)size + 1);

	ck_assert_int_eq(pread(fd, text, (size_t)size, 0), size);
	close(fd);
	return (text);
}

static inline void
capture_end(struct capture *c)
{
	fflush(stdout);
	fflush(stderr);
	for (int i = 0; i < 2; i++) {
		dup2(c->saved[i], 1 + i);
		close(c->saved[i]);
	}
	c->out = capture_read(c->file[0]);
	c->err = capture_read(c->file[1]);
}

static inline void
capture_fini(struct capture *c)
{
	free(c->out);
	free(c->err);
}

#endif
