/* A folder for a target that needs one, on a disk that is never waited for. */
#ifndef TEST_FUZZ_SCRATCH_H
#define TEST_FUZZ_SCRATCH_H

#include "base/fs.h"

/* Makes a folder, whose path is for the caller to keep and to remove, and
 * silences the log.  *fs is the kernel's but for syncs, which do nothing. */
void	scratch_begin(const char **path, struct fs *fs);

#endif
