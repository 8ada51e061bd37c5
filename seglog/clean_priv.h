/*
 * What the files of compaction share: a pass over a log.
 *
 *	clean.c		the pass: which segments, which records
 *	clean_txn.c	which transactions were aborted
 *	clean_out.c	writing a cleaned segment
 *	key_map.c	the latest offset of each key
 *	swap.c		putting it in the place of the old ones
 */
#ifndef SEGLOG_CLEAN_PRIV_H
#define SEGLOG_CLEAN_PRIV_H

#include "seglog/seglog_priv.h"

struct map;

/* --- clean_txn.c --- */

struct txn_span {		/* an aborted transaction */
	int64_t	 producer;
	int64_t	 first, last;	/* its first record, its marker */
};

struct txns {			/* owner: the pass */
	struct txn_span	*aborted;	/* by producer, then offset */
	size_t		 n, cap;
	struct map	*open;		/* producer: has records and no marker
					   yet */
	struct map	*met;		/* the same for what the pass has come
					   across */
};
#define TXNS_MOST	((size_t)1 << 18)	/* aborted ones in one pass */

/*
 * Reads the headers from start on to behind *upto, until all transactions are
 * decided that begin below it.  *upto is moved to the first that is not, or to
 * where there are too many.
 */
int	 txns_find(struct txns *, struct seglog *, int64_t start,
	    int64_t *upto, struct err *e);
void	 txns_fini(struct txns *);
/* Has the transaction of this batch been aborted? */
bool	 txns_aborted(const struct txns *, const struct kbatch *);
/* The pass has come to a batch of records of a transaction. */
void	 txns_meet(struct txns *, const struct kbatch *);
/* To a marker: true when nothing of its transaction was met. */
bool	 txns_close(struct txns *, const struct kbatch *);

/* --- clean_out.c --- */

struct clean_out {		/* owner: the pass */
	const struct seglog_cleaning	*c;
	struct seglog_cleaned		*stats;
	struct segment			*s;	/* being written */
	uint8_t				*buf;
	size_t				 n;
	uint64_t			 unsynced;
};

int	 clean_out_begin(struct clean_out *, struct seglog *, int64_t base,
	    struct err *e);
/* Adds a batch, whole.  ERR_TOO_LARGE: a segment cannot become larger. */
int	 clean_out_batch(struct clean_out *, struct slice batch,
	    struct err *e);
/* The segment with its indexes, all synced. */
int	 clean_out_finish(struct clean_out *, struct err *e);
/* Bytes were read or written; -1: the pass is to stop. */
int	 clean_pace(const struct seglog_cleaning *, struct seglog_cleaned *,
	    uint64_t bytes, struct err *e);

#endif
