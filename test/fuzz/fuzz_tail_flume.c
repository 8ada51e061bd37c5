/* Flume's Taildir position file. */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "base/check.h"
#include "sources/tail_flume.h"

struct written {
	struct sb	sb;
	bool		first;
};

static void
entry(void *ctx, uint64_t inode, uint64_t pos, const char *file)
{
	struct written *w = ctx;

	CHECK(file[0] == '/');
	CHECK(pos <= INT64_MAX);
	tail_flume_add(&w->sb, &w->first, inode, pos, file);
}

/* What was read, written and read again, is the same. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct written one = { SB_INIT, true }, two = { SB_INIT, true };
	struct err e = ERR_INIT;
	size_t n;

	n = tail_flume_read(slice_of(data, size), entry, &one, NULL);
	tail_flume_end(&one.sb, one.first);
	CHECK(tail_flume_read(slice_of(one.sb.ptr, one.sb.len), entry, &two,
	    &e) == n);
	CHECK(e.code == ERR_NONE);
	tail_flume_end(&two.sb, two.first);
	CHECK(strcmp(one.sb.ptr, two.sb.ptr) == 0);
	sb_fini(&one.sb);
	sb_fini(&two.sb);
	return (0);
}
