/*
 * An array that grows by one entry per start of the broker in which the
 * partition was written to.  Beyond ENTRIES_MAX the oldest go: who asks for
 * them is told "unknown" and starts from its offset.
 */
#include "broker/epochs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#define FILE_NAME	"leader-epoch-checkpoint"
#define FILE_MAX	(1u << 20)
#define ENTRIES_MAX	10000

struct epoch {
	int32_t	epoch;
	int64_t	start;
};

struct epochs {
	struct epoch	*v;
	size_t		 n, cap;
};

static void
append(struct epochs *ep, int32_t epoch, int64_t start)
{
	if (ep->n == ENTRIES_MAX)
		memmove(ep->v, ep->v + 1, --ep->n * sizeof *ep->v);
	GROW(ep->v, ep->n, ep->cap);
	ep->v[ep->n++] = (struct epoch){ epoch, start };
}

static int
read_lines(struct epochs *ep, char *text)
{
	char *save = NULL, *line;
	int version, n, epoch, i;
	long long start;

	if (sscanf(text, "%d %d", &version, &n) != 2 || version != 0)
		return (-1);
	line = strtok_r(text, "\n", &save);
	line = strtok_r(NULL, "\n", &save);
	for (i = 0; i < n; i++) {
		line = strtok_r(NULL, "\n", &save);
		if (line == NULL ||
		    sscanf(line, "%d %lld", &epoch, &start) != 2 ||
		    (ep->n > 0 && epoch <= ep->v[ep->n - 1].epoch))
			return (-1);
		append(ep, epoch, start);
	}
	return (0);
}

struct epochs *
epochs_load(int dirfd, const char *what)
{
	struct epochs *ep = xcalloc(1, sizeof *ep);
	struct err err = ERR_INIT;
	void *text;
	size_t len;

	if (fs_slurp(dirfd, FILE_NAME, FILE_MAX, &text, &len, &err) == -1) {
		if (err.code != ERR_NOT_FOUND)
			log_warn("broker", "%s: %s: %s", what, FILE_NAME,
			    err.msg);
		return (ep);
	}
	if (read_lines(ep, text) == -1) {
		log_warn("broker", "%s: %s is damaged; its epochs are "
		    "forgotten", what, FILE_NAME);
		ep->n = 0;
	}
	free(text);
	return (ep);
}

void
epochs_free(struct epochs *ep)
{
	if (ep == NULL)
		return;
	free(ep->v);
	free(ep);
}

void
epochs_cut(struct epochs *ep, int64_t end)
{
	while (ep->n > 0 && ep->v[ep->n - 1].start > end)
		ep->n--;
}

int
epochs_add(struct epochs *ep, const struct fs *fs, int dirfd, int32_t epoch,
    int64_t start, struct err *e)
{
	struct sb s = SB_INIT;
	size_t i;
	int rc;

	/* An epoch that never got a record is replaced. */
	while (ep->n > 0 && (ep->v[ep->n - 1].start >= start ||
	    ep->v[ep->n - 1].epoch >= epoch))
		ep->n--;
	append(ep, epoch, start);
	sb_printf(&s, "0\n%zu\n", ep->n);
	for (i = 0; i < ep->n; i++)
		sb_printf(&s, "%d %lld\n", ep->v[i].epoch,
		    (long long)ep->v[i].start);
	rc = fs_replace(fs, dirfd, FILE_NAME, s.ptr, s.len, e);
	if (rc == -1)
		ep->n--;
	sb_fini(&s);
	return (rc);
}

void
epochs_find(const struct epochs *ep, int32_t epoch, int64_t end,
    int32_t *found, int64_t *ended)
{
	size_t i;

	*found = -1;
	*ended = -1;
	for (i = ep->n; i-- > 0;)
		if (ep->v[i].epoch <= epoch) {
			*found = ep->v[i].epoch;
			*ended = i + 1 < ep->n ? ep->v[i + 1].start : end;
			return;
		}
}

int32_t
epochs_at(const struct epochs *ep, int64_t offset)
{
	size_t i;

	for (i = ep->n; i-- > 0;)
		if (ep->v[i].start <= offset)
			return (ep->v[i].epoch);
	return (-1);
}
