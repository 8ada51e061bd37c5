/*
 * What the files of the index of aborted transactions share: txn_index.c has
 * its life, txn_index_file.c the files, txn_index_load.c what is found at the
 * start, txn_index_clean.c compaction.  With the lock, unless said otherwise.
 */
#ifndef BROKER_TXN_INDEX_PRIV_H
#define BROKER_TXN_INDEX_PRIV_H

#include "base/thread.h"
#include "broker/txn_index.h"

#define TI_SUFFIX		".txnindex"
#define TI_NAME_MAX	40

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

struct bases {
	int64_t	*v;
	size_t	 n, cap;
};

/* What a reader looks for, and what it has. */
struct search {
	int64_t		 from, upto;
	struct entries	 found;
	bool		 end;		/* no later entry can be one */
};

/* --- txn_index_file.c; none of these needs the lock --- */

void	 ti_entries_add(struct entries *, const struct txn_entry *);
void	 ti_entries_free(struct entries *);
/* Behind an entry whose marker was prev (-1: none): can this be one? */
bool	 ti_entry_decode(const uint8_t *, int64_t prev, struct txn_entry *);
/* The bytes of n entries, for the caller to free. */
uint8_t	*ti_encode(const struct txn_entry *, size_t n);

void	 ti_file_name(char buf[TI_NAME_MAX], int64_t base);
/* The folder's segments and indexes, each by base; both are the caller's to
 * free, also after an error. */
int	 ti_list_folder(int dirfd, struct bases *logs, struct bases *indexes,
	    struct err *);
void	 ti_bases_add(struct bases *, int64_t base);
int	 ti_open_file(struct txn_index *, int64_t base, int flags,
	    struct err *);
void	 ti_unlink_file(struct txn_index *, int64_t base);

/* --- txn_index.c --- */

/* A new last one.  Valid until the next is added. */
struct part *ti_part_add(struct txn_index *, int64_t base);
/* The bounds take in an entry. */
void	 ti_part_note(struct part *, const struct txn_entry *);
void	 ti_parts_drop(struct txn_index *, size_t from, size_t n);
/* What of the part is looked for, added to what was found. */
int	 ti_search_part(struct txn_index *, struct search *,
	    const struct part *, struct err *);

#endif
