/* A whole small file, for the commands that are given one. */
#ifndef CLI_FILE_H
#define CLI_FILE_H

#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

/* "-" is standard input.  Appends to out, which is not NULL inside then; a file
 * of more than max bytes is refused. */
int	file_read(const char *path, size_t max, struct sb *out, struct err *);

#endif
