/*
 * The index follows compaction: segments that have become one have one file,
 * without the entries that no reader needs any more.
 */
#include "broker/txn_index_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"

/* The parts with base in [base, next). */
static void
parts_between(const struct txn_index *ti, int64_t base, int64_t next,
    size_t *a, size_t *b)
{
	for (*a = 0; *a < ti->n && ti->v[*a].base < base; (*a)++)
		;
	for (*b = *a; *b < ti->n && ti->v[*b].base < next; (*b)++)
		;
}

/* The entries of these parts with their marker at upto or behind, in l; *stale
 * says whether that is not what the file of base has. */
static int
gather(struct txn_index *ti, int64_t base, int64_t next, int64_t upto,
    struct entries *l, bool *stale, struct err *e)
{
	struct search s = { .from = 0, .upto = INT64_MAX };
	size_t i, b;
	int rc = 0;

	mutex_lock(&ti->lock);
	parts_between(ti, base, next, &i, &b);
	*stale = b > i && (b - i > 1 || ti->v[i].base != base);
	for (; rc == 0 && i < b; i++)
		rc = ti_search_part(ti, &s, &ti->v[i], e);
	mutex_unlock(&ti->lock);
	for (i = 0; i < s.found.n; i++)
		if (s.found.v[i].last >= upto)
			ti_entries_add(l, &s.found.v[i]);
		else
			*stale = true;
	ti_entries_free(&s.found);
	return (rc);
}

static int
write_new(struct txn_index *ti, const char *name, const struct entries *l,
    struct err *e)
{
	uint8_t *buf;
	int fd, rc;

	fd = ti->fs->open(ti->fs, ti->dirfd, name, O_RDWR | O_CREAT | O_TRUNC,
	    e);
	if (fd == -1)
		return (-1);
	buf = ti_encode(l->v, l->n);
	rc = l->n == 0 ? 0 : fs_pwrite(ti->fs, fd, buf, l->n * TXN_ENTRY, 0,
	    e);
	if (rc == 0 && ti->fs->sync(ti->fs, fd, e) == -1)
		fatal_disk("partition %s: %s: sync failed", ti->name, name);
	ti->fs->close(ti->fs, fd);
	free(buf);
	return (rc);
}

/* The new file takes the place of those of the parts, and so does its part. */
static int
replace_parts(struct txn_index *ti, int64_t base, int64_t next,
    const char *from, const struct entries *l, struct err *e)
{
	char name[TI_NAME_MAX];
	size_t i, a, b;

	parts_between(ti, base, next, &a, &b);
	if (a == b)				/* trimmed meanwhile */
		return (ti->fs->unlink(ti->fs, ti->dirfd, from, e));
	ti_file_name(name, base);
	if (ti->fs->rename(ti->fs, ti->dirfd, from, name, e) == -1)
		return (-1);
	for (i = a; i < b; i++)
		if (ti->v[i].base != base)
			ti_unlink_file(ti, ti->v[i].base);
	ti_parts_drop(ti, a + 1, b - a - 1);
	ti_entries_free(&ti->v[a].tail);
	ti->v[a] = (struct part){ .base = base, .n = l->n,
	    .min_first = INT64_MAX, .max_last = -1 };
	for (i = 0; i < l->n; i++)
		ti_part_note(&ti->v[a], &l->v[i]);
	ti->new_file = true;
	return (0);
}

/* Closed segments: nothing is added to their parts meanwhile. */
static int
clean_segment(struct txn_index *ti, int64_t base, int64_t next, int64_t upto,
    struct err *e)
{
	struct entries l = { NULL, 0, 0 };
	char name[TI_NAME_MAX];
	bool stale;
	int rc;

	rc = gather(ti, base, next, upto, &l, &stale, e);
	if (rc == 0 && stale) {
		snprintf(name, sizeof name, "%020lld" TI_SUFFIX ".tmp",
		    (long long)base);
		rc = write_new(ti, name, &l, e);
		mutex_lock(&ti->lock);
		if (rc == 0)
			rc = replace_parts(ti, base, next, name, &l, e);
		mutex_unlock(&ti->lock);
	}
	ti_entries_free(&l);
	return (rc);
}

int
txn_index_cleaned(struct txn_index *ti, int64_t upto, struct err *e)
{
	struct bases logs, indexes;
	size_t i;
	bool any;
	int rc;

	mutex_lock(&ti->lock);
	any = ti->n > 0;
	mutex_unlock(&ti->lock);
	if (!any)
		return (0);
	rc = ti_list_folder(ti->dirfd, &logs, &indexes, e);
	for (i = 0; rc == 0 && i + 1 < logs.n; i++)
		rc = clean_segment(ti, logs.v[i], logs.v[i + 1], upto, e);
	free(logs.v);
	free(indexes.v);
	return (rc);
}
