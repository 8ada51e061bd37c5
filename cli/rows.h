/*
 * Output for programs: an array of objects on standard output, one a line.
 *
 *	struct rows r = ROWS_INIT;
 *	rows_begin(&r);
 *	rows_str(&r, "topic", name);
 *	rows_int(&r, "partition", 0);
 *	rows_end(&r);
 *	rows_fini(&r);			// the array ends
 */
#ifndef CLI_ROWS_H
#define CLI_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct rows {
	size_t		n;
	struct sb	line;
};
#define ROWS_INIT	{ 0, SB_INIT }

void	rows_begin(struct rows *);
void	rows_str(struct rows *, const char *key, const char *value);
void	rows_int(struct rows *, const char *key, int64_t);
void	rows_bool(struct rows *, const char *key, bool);
/* With three decimals. */
void	rows_num(struct rows *, const char *key, double);
void	rows_end(struct rows *);
/* An element that is a string, not an object. */
void	rows_name(struct rows *, const char *);
void	rows_fini(struct rows *);

#endif
