/*
 * What a file channel reads back: control batches, positions, the mark.  The
 * input is a batch; its checksum is the reader's affair.  What is accepted is
 * the same again when it is written and read once more.
 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "channels/file_format.h"
#include "test/fuzz/fuzz.h"

static void
walk_changes(struct slice in)
{
	struct cursor_set *set = cursor_set_new();
	struct slice source, cursor;

	while (changes_next(&in, &source, &cursor))
		cursor_decode(cursor, set, NULL);
	cursor_set_free(set);
}

static void
try_group(struct slice in)
{
	struct group g, again;
	uint8_t *p;
	size_t n;

	if (group_parse(in, &g, NULL) == -1)
		return;
	CHECK(control_type(in) == FORMAT_GROUP);
	walk_changes(g.changes);
	p = group_encode(&g, 0, &n);
	CHECK(group_parse(slice_of(p, n), &again, NULL) == 0);
	CHECK(slice_eq(g.changes, again.changes));
	CHECK(g.number == again.number && g.crc == again.crc &&
	    g.first == again.first && g.records == again.records);
	free(p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of(data, size), changes;
	struct group_check check = { .known = false };
	struct mark mark;
	struct uuid id;

	try_group(in);
	if (snapshot_parse(in, &id, &changes, NULL) == 0)
		walk_changes(changes);
	group_closes(&check, in);
	group_closes(&check, in);
	if (size >= MARK_SIZE && mark_decode(data, &mark, NULL) == 0)
		CHECK(mark.synced >= mark.offset);
	return (0);
}
