/*
 * The files of the index of aborted transactions: their entries, their names,
 * which of them a folder has.
 */
#include "broker/txn_index_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/mem.h"

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
bool
ti_entry_decode(const uint8_t *p, int64_t prev, struct txn_entry *t)
{
	t->producer_id = (int64_t)get_be64(p + 2);
	t->first = (int64_t)get_be64(p + 10);
	t->last = (int64_t)get_be64(p + 18);
	t->stable = (int64_t)get_be64(p + 26);
	return (get_be16(p) == 0 && t->producer_id >= 0 && t->first >= 0 &&
	    t->last > t->first && t->last > prev && t->stable >= 0 &&
	    t->stable <= t->last + 1);
}

void
ti_entries_add(struct entries *l, const struct txn_entry *t)
{
	GROW(l->v, l->n, l->cap);
	l->v[l->n++] = *t;
}

void
ti_entries_free(struct entries *l)
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
		if (!ti_entry_decode(in.p + at, prev, &t))
			break;
		prev = t.last;
		ti_entries_add(&l, &t);
	}
	*v = l.v;
	*n = l.n;
	return (at == in.len ? 0 : err_set(e, ERR_CORRUPT,
	    "no entry of an aborted transaction at byte %zu of %zu", at,
	    in.len));
}

/* --- files --- */

void
ti_file_name(char buf[TI_NAME_MAX], int64_t base)
{
	snprintf(buf, TI_NAME_MAX, "%020lld" TI_SUFFIX, (long long)base);
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

void
ti_bases_add(struct bases *l, int64_t base)
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
int
ti_list_folder(int dirfd, struct bases *logs, struct bases *indexes,
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
			ti_bases_add(logs, base);
		else if ((base = base_of(de->d_name, TI_SUFFIX)) >= 0)
			ti_bases_add(indexes, base);
	closedir(d);
	bases_sort(logs);
	bases_sort(indexes);
	return (0);
}

int
ti_open_file(struct txn_index *ti, int64_t base, int flags, struct err *e)
{
	char name[TI_NAME_MAX];

	ti_file_name(name, base);
	return (ti->fs->open(ti->fs, ti->dirfd, name, flags, e));
}

void
ti_unlink_file(struct txn_index *ti, int64_t base)
{
	char name[TI_NAME_MAX];
	struct err err = ERR_INIT;

	ti_file_name(name, base);
	if (ti->fs->unlink(ti->fs, ti->dirfd, name, &err) == -1 &&
	    err.sys != ENOENT)
		log_warn("broker", "partition=%s: %s is not removed: %s",
		    ti->name, name, err.msg);
}

uint8_t *
ti_encode(const struct txn_entry *v, size_t n)
{
	uint8_t *buf = xmalloc(n * TXN_ENTRY + 1);
	size_t i;

	for (i = 0; i < n; i++)
		txn_entry_encode(buf + i * TXN_ENTRY, &v[i]);
	return (buf);
}
