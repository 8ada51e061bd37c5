/*
 * Before the log is open the files are read, behind the snapshot the log tells
 * again; then they are settled: each entry in the file of the segment that has
 * its marker.
 */
#include "broker/txn_index_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

#define FILE_MAX	((size_t)1 << 30)

/* --- loading --- */

static int
load_file(struct txn_index *ti, int64_t base, int64_t known, struct err *e)
{
	struct txn_entry *v = NULL;
	char name[TI_NAME_MAX];
	void *bytes;
	size_t i, len, n = 0;
	int rc;

	ti_file_name(name, base);
	if (fs_slurp(ti->dirfd, name, FILE_MAX, &bytes, &len, e) == -1)
		return (-1);
	rc = txn_index_decode(slice_of(bytes, len), &v, &n, e);
	for (i = 0; i < n && v[i].last < known; i++)
		ti_entries_add(&ti->loaded, &v[i]);
	free(v);
	free(bytes);
	return (rc == -1 ? err_ctx(e, "%s", name) : 0);
}

/* Each segment that begins below known, from the first index on, has one. */
static int
none_missing(const struct bases *logs, const struct bases *indexes,
    int64_t known, struct err *e)
{
	size_t i, j = 0;

	for (i = 0; indexes->n > 0 && i < logs->n && logs->v[i] < known; i++) {
		if (logs->v[i] < indexes->v[0])
			continue;
		while (j < indexes->n && indexes->v[j] < logs->v[i])
			j++;
		if (j == indexes->n || indexes->v[j] != logs->v[i])
			return (err_set(e, ERR_CORRUPT, "%020lld" TI_SUFFIX
			    " is missing", (long long)logs->v[i]));
	}
	return (0);
}

static int
cmp_last(const void *a, const void *b)
{
	const struct txn_entry *x = a, *y = b;

	return (x->last < y->last ? -1 : x->last > y->last);
}

/* By marker, each once: compaction may have been cut short, which leaves an
 * entry in the files of two segments. */
static void
sort_loaded(struct entries *l)
{
	size_t i, n = 0;

	if (l->n > 1)
		qsort(l->v, l->n, sizeof *l->v, cmp_last);
	for (i = 0; i < l->n; i++)
		if (n == 0 || l->v[i].last != l->v[n - 1].last)
			l->v[n++] = l->v[i];
	l->n = n;
}

bool
txn_index_load(struct txn_index **out, const struct fs *fs, int dirfd,
    const char *name, int64_t known)
{
	struct txn_index *ti = xcalloc(1, sizeof *ti);
	struct bases logs, indexes;
	struct err err = ERR_INIT;
	size_t i;
	int rc;

	mutex_init(&ti->lock);
	ti->fs = fs;
	ti->dirfd = dirfd;
	ti->name = xstrdup(name);
	rc = ti_list_folder(dirfd, &logs, &indexes, &err);
	if (rc == 0)
		rc = none_missing(&logs, &indexes, known, &err);
	for (i = 0; rc == 0 && i < indexes.n; i++)
		rc = load_file(ti, indexes.v[i], known, &err);
	free(logs.v);
	free(indexes.v);
	sort_loaded(&ti->loaded);
	*out = ti;
	if (rc == 0)
		return (true);
	log_warn("broker", "partition=%s: %s: the index of aborted "
	    "transactions is made again from the log", name, err.msg);
	ti_entries_free(&ti->loaded);
	return (false);
}

/* --- settling --- */

/* Does the file hold exactly these bytes? */
static bool
file_says(struct txn_index *ti, int64_t base, const uint8_t *want, size_t len)
{
	char name[TI_NAME_MAX];
	void *bytes;
	size_t have;
	bool same;

	ti_file_name(name, base);
	if (fs_slurp(ti->dirfd, name, FILE_MAX, &bytes, &have, NULL) == -1)
		return (false);
	same = have == len && memcmp(bytes, want, len) == 0;
	free(bytes);
	return (same);
}

/* One segment's file out of n entries, durably. */
static int
settle_part(struct txn_index *ti, int64_t base, const struct txn_entry *v,
    size_t n, struct err *e)
{
	struct part *pt = ti_part_add(ti, base);
	char name[TI_NAME_MAX];
	uint8_t *buf = ti_encode(v, n);
	size_t i;
	int rc = 0;

	for (i = 0; i < n; i++)
		ti_part_note(pt, &v[i]);
	pt->n = n;
	ti_file_name(name, base);
	if (!file_says(ti, base, buf, n * TXN_ENTRY))
		rc = fs_replace(ti->fs, ti->dirfd, name, buf, n * TXN_ENTRY,
		    e);
	free(buf);
	return (rc);
}

/* The entries go to the segments their markers are in. */
static int
settle_parts(struct txn_index *ti, const struct bases *logs, struct err *e)
{
	const struct entries *l = &ti->loaded;
	size_t i, from = 0, to;
	int64_t next;

	while (from < l->n && l->v[from].last < logs->v[0])
		from++;				/* deleted with theirs */
	for (i = 0; i < logs->n; i++) {
		next = i + 1 < logs->n ? logs->v[i + 1] : INT64_MAX;
		for (to = from; to < l->n && l->v[to].last < next; to++)
			;
		if ((ti->n > 0 || to > from) && settle_part(ti, logs->v[i],
		    l->v + from, to - from, e) == -1)
			return (-1);
		from = to;
	}
	return (0);
}

static bool
has_part(const struct txn_index *ti, int64_t base)
{
	size_t i;

	for (i = 0; i < ti->n; i++)
		if (ti->v[i].base == base)
			return (true);
	return (false);
}

int
txn_index_settle(struct txn_index *ti, struct err *e)
{
	struct bases logs, indexes;
	size_t i;
	int rc;

	mutex_lock(&ti->lock);
	rc = ti_list_folder(ti->dirfd, &logs, &indexes, e);
	if (rc == 0 && logs.n > 0) {
		ti->active = logs.v[logs.n - 1];
		rc = settle_parts(ti, &logs, e);
	}
	for (i = 0; rc == 0 && i < indexes.n; i++)
		if (!has_part(ti, indexes.v[i]))
			ti_unlink_file(ti, indexes.v[i]);
	ti_entries_free(&ti->loaded);
	ti->settled = true;
	mutex_unlock(&ti->lock);
	free(logs.v);
	free(indexes.v);
	return (rc);
}
