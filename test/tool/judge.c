#include "test/tool/judge.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "test/tool/line.h"

#define COMPLAINTS	10	/* are printed, the rest is counted */

struct judged {
	char		*name;
	uint64_t	 owed;		/* highest seq of the ledger */
	uint64_t	 high, prev;	/* highest, last seen */
	int32_t		 partition;
	uint64_t	 rewinds;
};

struct judge {
	struct judge_limits	 limits;
	struct map		*files;
	uint64_t		 lines, doubled, rewinds, worst, missing;
	uint64_t		 foreign, complaints;
};

struct judge *
judge_new(const struct judge_limits *limits)
{
	struct judge *j = xcalloc(1, sizeof *j);

	j->limits = *limits;
	j->files = map_new();
	return (j);
}

void
judge_free(struct judge *j)
{
	size_t it = 0;
	void *v;

	while (map_next(j->files, &it, NULL, &v)) {
		struct judged *f = v;

		free(f->name);
		free(f);
	}
	map_free(j->files);
	free(j);
}

static struct judged *
file_of(struct judge *j, struct slice name)
{
	struct judged *f = map_get(j->files, name);

	if (f == NULL) {
		f = xcalloc(1, sizeof *f);
		f->name = xstrndup(name.p, name.len);
		f->partition = -1;
		map_put(j->files, name, f);
	}
	return (f);
}

void
judge_owe(struct judge *j, const char *ledger)
{
	struct slice all = tool_map(ledger), s;
	struct judged *f;
	char name[64];
	uint64_t seq;

	while (tool_line(&all, &s)) {
		char *text = xstrndup(s.p, s.len);

		if (sscanf(text, "%63s %" SCNu64, name, &seq) != 2)
			tool_die("%s: \"%s\" is not FILE SEQ", ledger, text);
		free(text);
		f = file_of(j, slice_str(name));
		if (seq > f->owed)
			f->owed = seq;
	}
}

static void
complain(struct judge *j, const char *file, uint64_t seq, const char *what,
    uint64_t other)
{
	if (j->complaints++ < COMPLAINTS)
		printf("%s line %" PRIu64 ": %s %" PRIu64 "\n", file, seq,
		    what, other);
}

static void
rewound(struct judge *j, struct judged *f, uint64_t seq)
{
	uint64_t back = f->prev - seq + 1;

	j->rewinds++;
	f->rewinds++;
	if (back > j->worst)
		j->worst = back;
	if (j->limits.window >= 0 && back > (uint64_t)j->limits.window)
		complain(j, f->name, seq, "a step back too far, from",
		    f->prev);
	if (j->limits.rewinds >= 0 &&
	    f->rewinds > (uint64_t)j->limits.rewinds)
		complain(j, f->name, seq, "a step back too many, number",
		    f->rewinds);
}

static void
judge_seq(struct judge *j, struct judged *f, uint64_t seq)
{
	j->lines++;
	if (seq <= f->prev)
		rewound(j, f, seq);
	else if (seq > f->prev + 1) {
		if (j->limits.gaps)
			j->missing += seq - f->prev - 1;
		else
			complain(j, f->name, seq, f->prev == f->high ?
			    "lines miss in front of it, after" :
			    "out of order, after", f->prev);
	}
	if (seq <= f->high)
		j->doubled++;
	else
		f->high = seq;
	f->prev = seq;
}

void
judge_line(struct judge *j, struct slice s, int32_t partition)
{
	const char *wrong;
	struct judged *f;
	struct line l;
	char buf[100];

	wrong = line_parse(s, &l);
	if (wrong != NULL) {
		j->foreign++;
		if (!j->limits.foreign && j->complaints++ < COMPLAINTS)
			printf("%s: \"%s\"\n", wrong,
			    str_printable(buf, sizeof buf, s));
		return;
	}
	f = file_of(j, l.file);
	if (f->partition != -1 && f->partition != partition)
		complain(j, f->name, l.seq, "in another partition than",
		    (uint64_t)f->partition);
	f->partition = partition;
	judge_seq(j, f, l.seq);
}

bool
judge_complete(const struct judge *j)
{
	size_t it = 0;
	void *v;

	while (map_next(j->files, &it, NULL, &v)) {
		struct judged *f = v;

		if (f->high < f->owed)
			return (false);
	}
	return (map_size(j->files) > 0);
}

int
judge_verdict(struct judge *j)
{
	size_t it = 0;
	void *v;

	while (map_next(j->files, &it, NULL, &v)) {
		struct judged *f = v;

		if (f->high < f->owed)
			complain(j, f->name, f->owed, "and those before it "
			    "never came, after", f->high);
	}
	if (map_size(j->files) == 0)
		complain(j, "no", 0, "at all, files", 0);
	printf("%zu files, %" PRIu64 " lines, %" PRIu64 " of them again in %"
	    PRIu64 " steps back, the longest %" PRIu64 " lines; %" PRIu64
	    " missing, %" PRIu64 " foreign; %" PRIu64 " complaints\n",
	    map_size(j->files), j->lines, j->doubled, j->rewinds, j->worst,
	    j->missing, j->foreign, j->complaints);
	return (j->complaints == 0 ? TOOL_OK : TOOL_FAILED);
}
