#include "test/fuzz/scratch.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"

static void
quiet(enum log_level level, const char *line, void *ctx)
{
	(void)level;
	(void)line;
	(void)ctx;
}

static int
no_sync(const struct fs *fs, int fd, struct err *e)
{
	(void)fs;
	(void)fd;
	(void)e;
	return (0);
}

static void
no_start(const struct fs *fs, int fd, off_t off, off_t len)
{
	(void)fs;
	(void)fd;
	(void)off;
	(void)len;
}

void
scratch_begin(const char **path, struct fs *fs)
{
	static char name[] = "/tmp/leat-fuzz-XXXXXX";

	log_set_sink(quiet, NULL);
	*fs = fs_real;
	fs->sync = fs->sync_dir = no_sync;
	fs->start = no_start;
	CHECK(mkdtemp(name) != NULL);
	*path = name;
}
