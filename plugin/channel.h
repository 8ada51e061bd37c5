/*
 * The contract of a channel: the only object between a source's loop and a
 * sink's runner.  Any thread may call; a channel has one mutex, held for
 * moving references of batches, never across a wait, an fsync or a callback.
 *
 * Putting: reserve room, then put (cannot fail then) or cancel.  Taking: a
 * lease is a part of one batch, in order; commit leases in any order, the mark
 * moves when they are contiguous; rollback offers the lease again before newer
 * records.
 */
#ifndef PLUGIN_CHANNEL_H
#define PLUGIN_CHANNEL_H

#include "plugin/plugin.h"

struct channel;

struct lease {
	struct channel		*channel;
	struct batch		*batch;		/* NULL until lease_batch(),
						   when the channel holds it
						   encoded */
	uint32_t		 first, n;	/* these records of it */
	size_t			 bytes;		/* of their bodies and
						   headers */
	int32_t			 hint;		/* batch's, or BATCH_NO_HINT */
	/*
	 * One whole Kafka record batch v2 (61-byte header and records) holding
	 * exactly this lease, with no headers; p NULL when there is none.
	 * Valid until commit or rollback.  producer fields are the channel's
	 * own use: whoever passes it on patches the header and the CRC.
	 */
	struct slice		 stored;
	uint64_t		 token;		/* private to the channel */
	void			*priv;
};

struct channel_host {
	/* There is room again after a failed reserve.  Any thread, no lock of
	 * the channel held. */
	void	(*room)(struct channel *);
	/* The commit mark passed a cursor of that source.  Any thread, in
	 * order per source, no lock held. */
	void	(*delivered)(struct channel *, const char *source,
		    const struct cursor *upto);
};

struct channel_fill {
	uint64_t	records, bytes;		/* not committed yet */
	uint64_t	capacity_records;	/* 0: only bytes count */
	uint64_t	capacity_bytes;
};

struct channel_ops {
	struct plugin	plugin;
	bool		durable;
	int	(*check)(struct channel *, struct err *);
	int	(*open)(struct channel *, struct err *);
	/* The last cursor it holds of a source; empty when none.  Owned by the
	 * caller's set. */
	int	(*cursor)(struct channel *, const char *source,
		    struct cursor_set *out, struct err *);
	/* Room now?  0, or -1 ERR_FULL (host->room comes later),
	 * ERR_TOO_LARGE (more than the whole capacity), ERR_SYS (disk). */
	int	(*reserve)(struct channel *, size_t records, size_t bytes,
		    struct err *);
	void	(*cancel)(struct channel *, size_t records, size_t bytes);
	/*
	 * Within a reservation of b's n and charge; takes a reference of its
	 * own.  stored runs once when the channel holds it: at once (memory) or
	 * after its sync (file).  A batch without records moves the cursor.  A
	 * prefix that the channel holds already (by origin) is left out.
	 */
	void	(*put)(struct channel *, struct batch *, struct completion *);
	/*
	 * The next lease of at most that many records and bytes (0: no limit; a
	 * single record always fits).  Waits up to timeout_ms.  1, 0 nothing
	 * came or wake() was called, -1.
	 */
	int	(*take)(struct channel *, struct lease *, uint32_t records,
		    size_t bytes, int timeout_ms, struct err *);
	/* Decodes lease->batch; called through lease_batch(). NULL: always
	 * there. */
	int	(*decode)(struct channel *, struct lease *, struct err *);
	int	(*commit)(struct channel *, struct lease *, struct err *);
	void	(*rollback)(struct channel *, struct lease *);
	void	(*wake)(struct channel *);	/* a waiting take returns 0 */
	void	(*fill)(struct channel *, struct channel_fill *);
	/* Syncs, releases.  Leases were committed or rolled back before. */
	void	(*close)(struct channel *);
	void	(*free)(struct channel *);
};

struct channel_metrics {	/* kept by the channel, under its mutex */
	metric_t	put_records, put_bytes, taken_records;
	metric_t	committed_records, rolled_back_records, full;
};

struct channel {
	/* owner: its own mutex */
	const struct channel_ops *ops;
	const char		*name;
	const char		*who;		/* "channel=c1" */
	const struct plugin_env	*env;
	const struct channel_host *host;
	void			*host_data;
	struct channel_metrics	 common;
};

/* lease->batch is there afterwards: the records are batch->records[first ..
 * first + n). */
static inline int
lease_batch(struct lease *l, struct err *e)
{
	if (l->batch != NULL)
		return (0);
	return (l->channel->ops->decode(l->channel, l, e));
}

#endif
