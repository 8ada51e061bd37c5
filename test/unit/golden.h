/*
 * Reading the golden vectors (test/golden/make.py says what they are), and
 * messages as text, in the form that the vectors have.
 */
#ifndef TEST_UNIT_GOLDEN_H
#define TEST_UNIT_GOLDEN_H

#include <stdio.h>

#include "base/slice.h"
#include "kafka/wire.h"

#define GOLDEN_FIELDS	6

struct golden {
	FILE	*f;
	char	*line;
	size_t	 cap;
	char	*field[GOLDEN_FIELDS];	/* of the line, at its blanks */
	int	 n;
};

/* test/golden/NAME; ends the test when it cannot be read. */
void		 golden_open(struct golden *, const char *name);
/* The next line; false at the end, which closes. */
bool		 golden_next(struct golden *);

/* The bytes of a field in hex ("-": none), in a heap block of their size. */
struct slice	 golden_hex(const char *hex);
void		 golden_free(struct slice);

/* A decoded message as text; free() it. */
char		*message_text(const struct kdesc *, int version, const void *);

#endif
