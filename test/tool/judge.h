/*
 * Says whether what arrived is what was written.
 *
 * Per file: the sequence numbers ascend by one.  A step back is a re-delivery
 * (at least once): from there they ascend by one again, so that whatever is
 * seen twice is a run of the recent past and nothing is passed over.  How far
 * a step back may reach and how many there may be are limits.
 *
 *	struct judge *j = judge_new(&limits);
 *	judge_owe(j, "ledger");
 *	judge_line(j, value, partition);	for each record
 *	if (judge_complete(j)) ...		everything owed is here
 *	rc = judge_verdict(j);			prints; TOOL_OK or TOOL_FAILED
 *	judge_free(j);
 */
#ifndef TEST_TOOL_JUDGE_H
#define TEST_TOOL_JUDGE_H

#include "test/tool/tool.h"

struct judge_limits {
	int64_t	window;		/* lines a step back may reach; -1 any */
	int64_t	rewinds;	/* steps back per file; -1 any */
	bool	foreign;	/* other lines are passed over */
	bool	gaps;		/* lines may miss: they are counted */
};

struct judge;

struct judge *judge_new(const struct judge_limits *);
void	judge_free(struct judge *);
/* Reads a ledger: "FILE SEQ" lines, the highest per file counts. */
void	judge_owe(struct judge *, const char *ledger);
void	judge_line(struct judge *, struct slice, int32_t partition);
bool	judge_complete(const struct judge *);
int	judge_verdict(struct judge *);

#endif
