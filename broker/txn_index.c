/*
 * In memory is a list of the segments that have a file, with the bounds of
 * their entries; the entries are read from the files, which are small and in
 * the page cache, when a reader's range meets these bounds.  No descriptor is
 * kept: transactions that abort are rare.
 */
#include "broker/txn_index.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

#define SUFFIX		".txnindex"
#define NAME_MAX_LEN	40
#define FILE_MAX	((size_t)1 << 30)
#define READ_AT_ONCE	2048		/* entries */

struct entries {
	struct txn_entry	*v;
	size_t			 n, cap;
};

struct part {				/* one segment's */
	int64_t		 base;
	size_t		 n;		/* entries in the file */
	int64_t		 min_first, max_last;	/* of all; n and tail */
	struct entries	 tail;		/* those not written yet */
	bool		 dirty;		/* to be synced */
};

struct txn_index {			/* owner: its mutex */
	struct mutex	 lock;
	const struct fs	*fs;
	int		 dirfd;
	char		*name;
	bool		 settled;
	bool		 new_file;	/* an entry of the folder to sync */
	bool		 failed;	/* writing has, and it was said */
	struct part	*v;		/* by base; the last is active */
	size_t		 n, cap;
	int64_t		 active;	/* base of the log's active segment */
	struct entries	 loaded;	/* until it is settled */
};

/* --- the format --- */

void
txn_entry_encode(uint8_t out[TXN_ENTRY], const struct txn_entry *t)
{
	uint8_t *q = put_be16(out, 0);

	q = put_be64(q, (uint64_t)t->producer_id);
	q = put_be64(q, (uint64_t)t->first);
	q = put_be64(q, (uint64_t)t->last);
	(void)put_be64(q, (uint64_t)t->stable);
}

/* Behind an entry whose marker was prev: can this be one? */
static bool
entry_decode(const uint8_t *p, int64_t prev, struct txn_entry *t)
{
	t->producer_id = (int64_t)get_be64(p + 2);
	t->first = (int64_t)get_be64(p + 10);
	t->last = (int64_t)get_be64(p + 18);
	t->stable = (int64_t)get_be64(p + 26);
	return (get_be16(p) == 0 && t->producer_id >= 0 && t->first >= 0 &&
	    t->last > t->first && t->last > prev && t->stable >= 0 &&
	    t->stable <= t->last + 1);
}

static void
entries_add(struct entries *l, const struct txn_entry *t)
{
	GROW(l->v, l->n, l->cap);
	l->v[l->n++] = *t;
}

static void
entries_free(struct entries *l)
{
	free(l->v);
	*l = (struct entries){ NULL, 0, 0 };
}

int
txn_index_decode(struct slice in, struct txn_entry **v, size_t *n,
    struct err *e)
{
	struct entries l = { NULL, 0, 0 };
	struct txn_entry t;
	int64_t prev = -1;
	size_t at;

	for (at = 0; in.len - at >= TXN_ENTRY; at += TXN_ENTRY) {
		if (!entry_decode(in.p + at, prev, &t))
			break;
		prev = t.last;
		entries_add(&l, &t);
	}
	*v = l.v;
	*n = l.n;
	return (at == in.len ? 0 : err_set(e, ERR_CORRUPT,
	    "no entry of an aborted transaction at byte %zu of %zu", at,
	    in.len));
}

/* --- files --- */

static void
file_name(char buf[NAME_MAX_LEN], int64_t base)
{
	snprintf(buf, NAME_MAX_LEN, "%020lld" SUFFIX, (long long)base);
}

/* The number in a name of 20 digits and the suffix; -1 for others. */
static int64_t
base_of(const char *name, const char *suffix)
{
	if (strspn(name, "0123456789") != 20 || strcmp(name + 20, suffix) != 0)
		return (-1);
	return (strtoll(name, NULL, 10));
}

static int
cmp_base(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x < y ? -1 : x > y);
}

struct bases {
	int64_t	*v;
	size_t	 n, cap;
};

static void
bases_add(struct bases *l, int64_t base)
{
	GROW(l->v, l->n, l->cap);
	l->v[l->n++] = base;
}

static void
bases_sort(struct bases *l)
{
	if (l->n > 1)
		qsort(l->v, l->n, sizeof *l->v, cmp_base);
}

/* The folder's segments and indexes, each by base. */
static int
list_folder(int dirfd, struct bases *logs, struct bases *indexes,
    struct err *e)
{
	struct dirent *de;
	int64_t base;
	DIR *d;
	int fd;

	*logs = *indexes = (struct bases){ NULL, 0, 0 };
	fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || (d = fdopendir(fd)) == NULL) {
		if (fd != -1)
			close(fd);
		return (err_sys(e, "read folder"));
	}
	while ((de = readdir(d)) != NULL)
		if ((base = base_of(de->d_name, ".log")) >= 0)
			bases_add(logs, base);
		else if ((base = base_of(de->d_name, SUFFIX)) >= 0)
			bases_add(indexes, base);
	closedir(d);
	bases_sort(logs);
	bases_sort(indexes);
	return (0);
}

static int
open_file(struct txn_index *ti, int64_t base, int flags, struct err *e)
{
	char name[NAME_MAX_LEN];

	file_name(name, base);
	return (ti->fs->open(ti->fs, ti->dirfd, name, flags, e));
}

static void
unlink_file(struct txn_index *ti, int64_t base)
{
	char name[NAME_MAX_LEN];
	struct err err = ERR_INIT;

	file_name(name, base);
	if (ti->fs->unlink(ti->fs, ti->dirfd, name, &err) == -1 &&
	    err.sys != ENOENT)
		log_warn("broker", "partition=%s: %s is not removed: %s",
		    ti->name, name, err.msg);
}

static uint8_t *
encode_all(const struct txn_entry *v, size_t n)
{
	uint8_t *buf = xmalloc(n * TXN_ENTRY + 1);
	size_t i;

	for (i = 0; i < n; i++)
		txn_entry_encode(buf + i * TXN_ENTRY, &v[i]);
	return (buf);
}

/* --- the list of segments --- */

static struct part *
part_last(struct txn_index *ti)
{
	return (ti->n == 0 ? NULL : &ti->v[ti->n - 1]);
}

static struct part *
part_add(struct txn_index *ti, int64_t base)
{
	GROW(ti->v, ti->n, ti->cap);
	ti->v[ti->n] = (struct part){ .base = base, .min_first = INT64_MAX,
	    .max_last = -1 };
	return (&ti->v[ti->n++]);
}

static void
part_note(struct part *pt, const struct txn_entry *t)
{
	if (t->first < pt->min_first)
		pt->min_first = t->first;
	pt->max_last = t->last;
}

static void
parts_drop(struct txn_index *ti, size_t from, size_t n)
{
	size_t i;

	if (n == 0)
		return;		/* v may be NULL, which memmove refuses */
	for (i = from; i < from + n; i++)
		entries_free(&ti->v[i].tail);
	memmove(ti->v + from, ti->v + from + n,
	    (ti->n - from - n) * sizeof *ti->v);
	ti->n -= n;
}

/* Appends what is not in the file yet. */
static int
part_write(struct txn_index *ti, struct part *pt, struct err *e)
{
	uint8_t *buf;
	int fd, rc;

	fd = open_file(ti, pt->base, O_RDWR | O_CREAT, e);
	if (fd == -1)
		return (-1);
	buf = encode_all(pt->tail.v, pt->tail.n);
	rc = pt->tail.n == 0 ? 0 : fs_pwrite(ti->fs, fd, buf,
	    pt->tail.n * TXN_ENTRY, (off_t)(pt->n * TXN_ENTRY), e);
	ti->fs->close(ti->fs, fd);
	free(buf);
	pt->dirty = ti->new_file = true;
	if (rc == -1)
		return (-1);
	pt->n += pt->tail.n;
	entries_free(&pt->tail);
	return (0);
}

static void
say_unwritten(struct txn_index *ti, int rc, const struct err *err)
{
	if (rc == -1 && !ti->failed)
		log_warn("broker", "partition=%s: the index of aborted "
		    "transactions is kept in memory until it can be written: "
		    "%s", ti->name, err->msg);
	ti->failed = rc == -1;
}

/* --- loading --- */

static int
load_file(struct txn_index *ti, int64_t base, int64_t known, struct err *e)
{
	struct txn_entry *v = NULL;
	char name[NAME_MAX_LEN];
	void *bytes;
	size_t i, len, n = 0;
	int rc;

	file_name(name, base);
	if (fs_slurp(ti->dirfd, name, FILE_MAX, &bytes, &len, e) == -1)
		return (-1);
	rc = txn_index_decode(slice_of(bytes, len), &v, &n, e);
	for (i = 0; i < n && v[i].last < known; i++)
		entries_add(&ti->loaded, &v[i]);
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
			return (err_set(e, ERR_CORRUPT, "%020lld" SUFFIX
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
	rc = list_folder(dirfd, &logs, &indexes, &err);
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
	entries_free(&ti->loaded);
	return (false);
}

void
txn_index_free(struct txn_index *ti)
{
	if (ti == NULL)
		return;
	parts_drop(ti, 0, ti->n);
	entries_free(&ti->loaded);
	mutex_fini(&ti->lock);
	free(ti->v);
	free(ti->name);
	free(ti);
}

/* --- settling --- */

/* Does the file hold exactly these bytes? */
static bool
file_says(struct txn_index *ti, int64_t base, const uint8_t *want, size_t len)
{
	char name[NAME_MAX_LEN];
	void *bytes;
	size_t have;
	bool same;

	file_name(name, base);
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
	struct part *pt = part_add(ti, base);
	char name[NAME_MAX_LEN];
	uint8_t *buf = encode_all(v, n);
	size_t i;
	int rc = 0;

	for (i = 0; i < n; i++)
		part_note(pt, &v[i]);
	pt->n = n;
	file_name(name, base);
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
	rc = list_folder(ti->dirfd, &logs, &indexes, e);
	if (rc == 0 && logs.n > 0) {
		ti->active = logs.v[logs.n - 1];
		rc = settle_parts(ti, &logs, e);
	}
	for (i = 0; rc == 0 && i < indexes.n; i++)
		if (!has_part(ti, indexes.v[i]))
			unlink_file(ti, indexes.v[i]);
	entries_free(&ti->loaded);
	ti->settled = true;
	mutex_unlock(&ti->lock);
	free(logs.v);
	free(indexes.v);
	return (rc);
}

/* --- growing --- */

void
txn_index_add(struct txn_index *ti, const struct txn_entry *t)
{
	struct err err = ERR_INIT;
	struct part *pt;

	mutex_lock(&ti->lock);
	if (!ti->settled)
		entries_add(&ti->loaded, t);
	else {
		pt = part_last(ti);
		if (pt == NULL || pt->base != ti->active)
			pt = part_add(ti, ti->active);
		entries_add(&pt->tail, t);
		part_note(pt, t);
		say_unwritten(ti, part_write(ti, pt, &err), &err);
	}
	mutex_unlock(&ti->lock);
}

void
txn_index_segment(struct txn_index *ti, int64_t base)
{
	struct err err = ERR_INIT;

	mutex_lock(&ti->lock);
	if (base != ti->active) {
		ti->active = base;
		if (ti->n > 0)
			say_unwritten(ti, part_write(ti, part_add(ti, base),
			    &err), &err);
	}
	mutex_unlock(&ti->lock);
}

static int
sync_file(struct txn_index *ti, int64_t base, struct err *e)
{
	struct err err = ERR_INIT;
	int fd, rc;

	fd = open_file(ti, base, O_RDWR, &err);
	if (fd == -1 && err.sys == ENOENT)
		return (0);			/* trimmed meanwhile */
	if (fd == -1) {
		*e = err;
		return (-1);
	}
	rc = ti->fs->sync(ti->fs, fd, &err);
	ti->fs->close(ti->fs, fd);
	if (rc == -1)
		fatal_disk("partition %s: %020lld" SUFFIX ": %s", ti->name,
		    (long long)base, err.msg);
	return (0);
}

/* They were not synced after all. */
static void
give_back(struct txn_index *ti)
{
	size_t i;

	mutex_lock(&ti->lock);
	for (i = 0; i < ti->n; i++)
		ti->v[i].dirty = true;
	ti->new_file = true;
	mutex_unlock(&ti->lock);
}

/* Writes what is not written; the bases of the files to sync. */
static int
take_dirty(struct txn_index *ti, struct bases *dirty, bool *dir, struct err *e)
{
	struct part *pt;
	size_t i;
	int rc = 0;

	mutex_lock(&ti->lock);
	for (i = 0; rc == 0 && i < ti->n; i++)
		if (ti->v[i].tail.n > 0)
			rc = part_write(ti, &ti->v[i], e);
	for (i = 0; rc == 0 && i < ti->n; i++) {
		pt = &ti->v[i];
		if (pt->dirty)
			bases_add(dirty, pt->base);
		pt->dirty = false;
	}
	*dir = rc == 0 && ti->new_file;
	if (rc == 0)
		ti->new_file = false;
	mutex_unlock(&ti->lock);
	return (rc);
}

int
txn_index_sync(struct txn_index *ti, struct err *e)
{
	struct bases dirty = { NULL, 0, 0 };
	struct err err = ERR_INIT;
	size_t i;
	bool dir;
	int rc;

	rc = take_dirty(ti, &dirty, &dir, e);
	if (rc == -1)
		return (-1);
	for (i = 0; rc == 0 && i < dirty.n; i++)
		rc = sync_file(ti, dirty.v[i], e);
	free(dirty.v);
	if (rc == -1)
		give_back(ti);
	else if (dir && ti->fs->sync_dir(ti->fs, ti->dirfd, &err) == -1)
		fatal_disk("partition %s: sync failed: %s", ti->name, err.msg);
	return (rc);
}

void
txn_index_trim(struct txn_index *ti, int64_t start)
{
	size_t i, n = 0;

	mutex_lock(&ti->lock);
	while (n + 1 < ti->n && ti->v[n + 1].base <= start)
		n++;
	for (i = 0; i < n; i++)
		unlink_file(ti, ti->v[i].base);
	parts_drop(ti, 0, n);
	mutex_unlock(&ti->lock);
}

/* --- reading --- */

/* What a reader looks for, and what it has. */
struct search {
	int64_t		 from, upto;
	struct entries	 found;
	bool		 end;		/* no later entry can be one */
};

static void
search_look(struct search *s, const struct txn_entry *t)
{
	if (t->last >= s->from && t->first < s->upto)
		entries_add(&s->found, t);
	if (t->stable >= s->upto)
		s->end = true;
}

/* The first of n entries with its marker at from or behind. */
static int
seek(int fd, size_t n, int64_t from, size_t *at, struct err *e)
{
	size_t lo = 0, hi = n, mid;
	uint8_t b[8];

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (fs_pread(fd, b, sizeof b, (off_t)(mid * TXN_ENTRY + 18),
		    e) != sizeof b)
			return (-1);
		if ((int64_t)get_be64(b) < from)
			lo = mid + 1;
		else
			hi = mid;
	}
	*at = lo;
	return (0);
}

static int
search_file(struct search *s, int fd, size_t n, struct err *e)
{
	uint8_t *buf = xmalloc((size_t)READ_AT_ONCE * TXN_ENTRY);
	struct txn_entry t;
	size_t at, i, k;
	int rc;

	rc = seek(fd, n, s->from, &at, e);
	for (; rc == 0 && at < n && !s->end; at += k) {
		k = n - at < READ_AT_ONCE ? n - at : READ_AT_ONCE;
		if (fs_pread(fd, buf, k * TXN_ENTRY, (off_t)(at * TXN_ENTRY),
		    e) != (ssize_t)(k * TXN_ENTRY))
			rc = -1;
		for (i = 0; rc == 0 && i < k && !s->end; i++)
			if (entry_decode(buf + i * TXN_ENTRY, -1, &t))
				search_look(s, &t);
			else
				rc = -1;
	}
	free(buf);
	return (rc);
}

static int
search_part(struct txn_index *ti, struct search *s, const struct part *pt,
    struct err *e)
{
	int fd, rc = 0;
	size_t i;

	if (pt->max_last < s->from || pt->min_first >= s->upto)
		return (0);
	if (pt->n > 0) {
		if ((fd = open_file(ti, pt->base, O_RDONLY, e)) == -1)
			return (-1);
		rc = search_file(s, fd, pt->n, e);
		ti->fs->close(ti->fs, fd);
	}
	for (i = 0; rc == 0 && i < pt->tail.n; i++)
		search_look(s, &pt->tail.v[i]);
	return (rc);
}

int
txn_index_find(struct txn_index *ti, int64_t from, int64_t upto,
    struct txn_entry **v, size_t *n, struct err *e)
{
	struct search s = { .from = from, .upto = upto };
	struct err err = ERR_INIT;
	size_t i;
	int rc = 0;

	mutex_lock(&ti->lock);
	for (i = 0; rc == 0 && i < ti->n && !s.end; i++)
		if ((rc = search_part(ti, &s, &ti->v[i], &err)) == -1)
			err_set(e, ERR_CORRUPT, "%020lld" SUFFIX " does not "
			    "have its %zu entries%s%s",
			    (long long)ti->v[i].base, ti->v[i].n,
			    err.msg[0] == '\0' ? "" : ": ", err.msg);
	mutex_unlock(&ti->lock);
	if (rc == -1)
		entries_free(&s.found);
	*v = s.found.v;
	*n = s.found.n;
	return (rc);
}

/* --- compaction --- */

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
		rc = search_part(ti, &s, &ti->v[i], e);
	mutex_unlock(&ti->lock);
	for (i = 0; i < s.found.n; i++)
		if (s.found.v[i].last >= upto)
			entries_add(l, &s.found.v[i]);
		else
			*stale = true;
	entries_free(&s.found);
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
	buf = encode_all(l->v, l->n);
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
	char name[NAME_MAX_LEN];
	size_t i, a, b;

	parts_between(ti, base, next, &a, &b);
	if (a == b)				/* trimmed meanwhile */
		return (ti->fs->unlink(ti->fs, ti->dirfd, from, e));
	file_name(name, base);
	if (ti->fs->rename(ti->fs, ti->dirfd, from, name, e) == -1)
		return (-1);
	for (i = a; i < b; i++)
		if (ti->v[i].base != base)
			unlink_file(ti, ti->v[i].base);
	parts_drop(ti, a + 1, b - a - 1);
	entries_free(&ti->v[a].tail);
	ti->v[a] = (struct part){ .base = base, .n = l->n,
	    .min_first = INT64_MAX, .max_last = -1 };
	for (i = 0; i < l->n; i++)
		part_note(&ti->v[a], &l->v[i]);
	ti->new_file = true;
	return (0);
}

/* Closed segments: nothing is added to their parts meanwhile. */
static int
clean_segment(struct txn_index *ti, int64_t base, int64_t next, int64_t upto,
    struct err *e)
{
	struct entries l = { NULL, 0, 0 };
	char name[NAME_MAX_LEN];
	bool stale;
	int rc;

	rc = gather(ti, base, next, upto, &l, &stale, e);
	if (rc == 0 && stale) {
		snprintf(name, sizeof name, "%020lld" SUFFIX ".tmp",
		    (long long)base);
		rc = write_new(ti, name, &l, e);
		mutex_lock(&ti->lock);
		if (rc == 0)
			rc = replace_parts(ti, base, next, name, &l, e);
		mutex_unlock(&ti->lock);
	}
	entries_free(&l);
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
	rc = list_folder(ti->dirfd, &logs, &indexes, e);
	for (i = 0; rc == 0 && i + 1 < logs.n; i++)
		rc = clean_segment(ti, logs.v[i], logs.v[i + 1], upto, e);
	free(logs.v);
	free(indexes.v);
	return (rc);
}
