/*
 * What the files of the broker share: the broker and its loops, a request's
 * way, and the table of handlers.  topic.h and partition.h have the rest.
 *
 * A request is read on its connection's loop, decoded, and given to the
 * handler of its API:
 *
 *	void
 *	handle_heartbeat(struct request *r)
 *	{
 *		const struct km_heartbeat_request *in = r->in;
 *
 *		request_move(r, group_loop(r->broker, in->group_id), on_owner);
 *	}
 *
 * The handler, or whoever it gave the request to, calls exactly one of
 * request_reply, request_silent and request_close, now or later.  Answers
 * leave in the order of the requests, whatever the order of these calls;
 * requests of one connection are handed out in order, the next one without
 * waiting for the answer to the earlier.
 *
 * Thread rule: a request belongs to one thread at a time: the loop it was read
 * on, then whoever it was handed to (request_move, a sync_wait, a mutex-guarded
 * list).  Its arena and its decoded body go with it and live until the answer.
 * A request outlives its connection; the answer then goes nowhere.
 */
#ifndef BROKER_BROKER_PRIV_H
#define BROKER_BROKER_PRIV_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/metric.h"
#include "base/random.h"
#include "base/slice.h"
#include "base/thread.h"
#include "broker/broker.h"
#include "loop/loop.h"

#define BROKER_MAX_LOOPS	64
#define BROKER_MAX_API		128

struct answer;
struct broker_conn;
struct catalogue;
struct checkpoint;
struct cleaner;
struct fetch;
struct flusher;
struct groups;
struct keeper;
struct listener;
struct partition;
struct producer_ids;
struct topic;
struct topic_defaults;
struct txns;

/* What broker_settings fills: see settings.c for the keys. */
struct broker_config {
	char		*listen;
	char		*advertised;
	char		*dir;
	bool		 allow_insecure;
	int64_t		 node_id;
	int64_t		 loops;			/* 0: by the cores */
	int64_t		 max_connections;
	int64_t		 idle_ms;
	uint64_t	 max_request;		/* socket.request.max.bytes */
	uint64_t	 inflight_bytes;	/* per connection */
	int64_t		 inflight_requests;	/* per connection */
	uint64_t	 queued_bytes;		/* of all connections */
	uint64_t	 fetch_max;
	int64_t		 fetch_sessions;	/* at most; 0: none */
	uint64_t	 dir_max;		/* 0: derived from the disk */
	uint64_t	 reserve;

	/* Topics: defaults of the keys in topic_config.h. */
	int64_t		 num_partitions;
	int64_t		 max_partitions;	/* of all topics together */
	bool		 auto_create;
	bool		 delete_enable;
	bool		 any_replication;	/* any factor, one copy */
	uint64_t	 max_message;
	int64_t		 retention_ms;
	int64_t		 retention_minutes;
	int64_t		 retention_hours;
	int64_t		 retention_bytes;
	int64_t		 retention_check_ms;
	uint64_t	 segment_bytes;
	int64_t		 roll_ms;
	int64_t		 roll_hours;
	uint64_t	 index_interval;
	char		*cleanup_policy;
	char		*compression;
	int		 timestamp_type;	/* 1: LogAppendTime */
	int64_t		 timestamp_before_ms;
	int64_t		 timestamp_after_ms;

	/* Compaction. */
	bool		 cleaner_enable;
	uint64_t	 cleaner_map;		/* memory for keys */
	uint64_t	 cleaner_rate;		/* bytes a second; 0: any */
	int64_t		 cleaner_backoff_ms;
	char		*cleaner_ratio;		/* 0 to 1 */
	int64_t		 cleaner_delete_ms;
	int64_t		 cleaner_min_lag_ms;
	int64_t		 cleaner_max_lag_ms;

	/* Groups and producers. */
	int64_t		 offsets_partitions;
	uint64_t	 offsets_segment_bytes;
	int64_t		 offsets_retention_min;	/* minutes */
	int64_t		 offsets_check_ms;
	int64_t		 offset_metadata_max;
	int64_t		 group_initial_delay_ms;
	int64_t		 group_min_session_ms;
	int64_t		 group_max_session_ms;
	int64_t		 group_max_size;	/* members of a group */
	int64_t		 max_groups;
	int64_t		 producer_expiry_ms;
	int64_t		 max_producers;		/* per partition */

	/* Transactions. */
	int64_t		 txn_max_timeout_ms;
	int64_t		 txn_expiry_ms;
	int64_t		 txn_sweep_ms;
	int64_t		 txn_partitions;
	uint64_t	 txn_segment_bytes;
	int64_t		 txn_max_ids;
};

struct broker_metrics {		/* any thread: metric_add_shared */
	metric_t	requests;
	metric_t	request_errors;		/* connections closed for one */
	metric_t	connections;		/* now */
	metric_t	connections_total;
	metric_t	bytes_in;		/* of record batches */
	metric_t	bytes_out;
	metric_t	records_in;
	metric_t	batches_in;
	metric_t	duplicates;		/* batches sent again */
	metric_t	produce_errors;		/* partitions refused */
	metric_t	topics;
	metric_t	partitions;
	metric_t	log_bytes;
	metric_t	unsynced_bytes;
	metric_t	syncs;
	metric_t	sync_ns;
	metric_t	sync_ns_max;
	metric_t	retained_bytes;		/* deleted by retention */
	metric_t	capped_bytes;		/* deleted by dir.max.bytes */
	metric_t	quarantined_bytes;
	metric_t	fetch_sessions;
	metric_t	cleaner_runs;
	metric_t	cleaner_read;		/* bytes */
	metric_t	cleaner_written;
	metric_t	cleaner_records;	/* removed */
	metric_t	cleaner_last_ms;
	metric_t	groups;
	metric_t	members;
	metric_t	rebalances;
	metric_t	offset_commits;
	metric_t	txn_ids;
	metric_t	txns_committed;
	metric_t	txns_aborted;
	metric_t	txns_timed_out;		/* of those aborted */
	metric_t	txns_cut;		/* cut short */
};

struct broker_loop {		/* owner: its thread, once it runs */
	struct broker		*broker;
	struct loop		*loop;
	struct thread		 thread;
	_Atomic uintptr_t	 self;		/* the thread's thread_self() */
	unsigned		 index;
	struct loop_task	 running;	/* it has begun */
	struct broker_conn	*conns;		/* all of this loop */
	struct fetch		*fetches;	/* that wait */
	struct produce		*produces;	/* that wait, oldest first */
};

struct broker {			/* const after start but what says otherwise */
	struct broker_config	 cfg;
	const struct fs		*fs;
	int			 dirfd;
	int			 lockfd;
	char			*dir;
	char			*address;	/* advertised host:port */
	char			*host;		/* advertised */
	int32_t			 port;
	int32_t			 node_id;
	struct uuid		 cluster_id;
	char			 cluster[23];	/* the same as text */
	int32_t			 leader_epoch;	/* of this start */
	bool			 clean_start;	/* the last stop was one */
	uint64_t		 dir_max;
	struct broker_loop	*loops;
	unsigned		 nloops;
	struct listener		*listener;	/* owner: loops[0] */
	struct catalogue	*catalogue;	/* topics; own mutex */
	struct topic_defaults	*defaults;	/* catalogue.c */
	struct flusher		*flusher;
	struct cleaner		*cleaner;	/* compaction; NULL: off */
	struct keeper		*keeper;	/* retention and checkpoint */
	struct checkpoint	*checkpoint;
	struct fetch_sessions	*fetch_sessions;	/* own mutex */
	struct groups		*groups;	/* groups.c */
	struct producer_ids	*producer_ids;	/* producer_ids.c */
	struct txns		*txns;		/* txns.c */
	bool			 running;	/* the loops were started */
	atomic_bool		 stopping;
	/* Bytes that may still be appended before the reserve begins: set by
	 * the keeper, counted down by appends. */
	_Atomic int64_t		 room;
	atomic_bool		 disk_full;	/* said in the log */
	struct mutex		 idle_lock;
	struct cond		 idle;		/* one of these became less */
	size_t			 nrequests;	/* idle_lock: not answered */
	atomic_size_t		 queued;	/* bytes of requests in
						   queues */
	size_t			 nconns;	/* idle_lock */
	size_t			 nstarting;	/* idle_lock: loops */
	_Atomic uint64_t	 conn_numbers;	/* given out */
	struct broker_metrics	 m;
	struct metric_object	 metric_object;
};

struct request;
typedef void request_handler(struct request *);

struct request {		/* owner: see the thread rule above */
	struct broker		*broker;
	struct broker_loop	*home;		/* the connection's */
	struct broker_conn	*conn;		/* home's thread only; NULL when
						   the connection is gone */
	int16_t			 api;
	int16_t			 version;
	int32_t			 correlation;
	struct slice		 client_id;	/* p NULL: none */
	struct slice		 body;		/* undecoded */
	void			*in;		/* decoded: struct km_..., e.g.
						   km_heartbeat_request; NULL
						   for a raw handler */
	struct arena		 arena;
	const char		*peer;		/* host; as long as r */
	/* Of the connection: higher for one that was opened later, by the
	 * client's clock, if it was greeted: had an answer that clients wait
	 * for before this request came (txns.h: the fence). */
	uint64_t		 conn_number;	/* from 1 */
	bool			 greeted;
	/* For whoever owns the request: a place in its list, and a pointer. */
	struct request		*next;
	void			*data;

	/* Set by a handler that keeps r on its home loop: the connection is
	 * gone and the answer not needed; called there, may answer. */
	request_handler		*gone;

	/* private to server.c */
	struct buf		*frame;
	size_t			 charge;
	struct loop_task	 task;
	request_handler		*moved;
	struct request		*queue_next;
	int			 outcome;	/* of the handler */
	int			 state;		/* the same, home's */
	struct answer		*answer;
};

/*
 * Encodes body (the response struct of r's API, any memory) at r's version and
 * gives the request back.  Any thread; body and what it points to are not used
 * after the call, r is gone.
 */
void	request_reply(struct request *, const void *body);
/* No answer at all (Produce with acks=0). */
void	request_silent(struct request *);
/* Closes the connection once the earlier answers are out: a malformed request,
 * or acks=0 that failed.  why is for the log, limited in rate; NULL: say
 * nothing. */
void	request_close(struct request *, const char *why);
/*
 * Runs fn(r) on that loop: in this call when it is the caller's own, else
 * posted.  r belongs to that loop's thread from then on.
 */
void	request_move(struct request *, struct broker_loop *to,
	    request_handler *fn);
/* Zeroed memory that lives as long as the request.  The arena is bounded by
 * the size of the request; what an answer needs beyond that is in here, too.
 * Never NULL. */
void	*request_alloc(struct request *, size_t n);

/* The loop that owns the thing with this hash. */
struct broker_loop *broker_loop_of(struct broker *, uint32_t hash);
/* The caller's loop; CHECK that it is one of this broker's. */
bool	broker_on_loop(const struct broker_loop *);

/*
 * One row per API that is served: broker/handlers.def, HANDLER(Name, name) for
 * handle_name(), names as in kafka/apis.def; RAW_HANDLER when it reads r->body
 * itself (r->in is NULL).  ApiVersions is answered from it.
 */
#define HANDLER(Name, name)	request_handler handle_##name;
#define RAW_HANDLER(Name, name)	request_handler handle_##name;
#include "broker/handlers.def"
#undef HANDLER
#undef RAW_HANDLER

/*
 * groups.c and producer_ids.c, called by broker_start and broker_stop.  start
 * comes before the loops run and after the catalogue is there; stop when no
 * new request comes any more and the loops still run: parked requests are
 * answered or closed before it returns, timers disarmed on their loops, and
 * state that can be saved is in the log (it is synced after).
 */
int	groups_start(struct broker *, struct err *);
void	groups_stop(struct broker *);
/* The loops have ended: free everything.  NULL fields are fine. */
void	groups_free(struct broker *);
int	producer_ids_start(struct broker *, struct err *);
void	producer_ids_free(struct broker *);
/* A topic was deleted, durably: drop its committed offsets.  Any thread. */
void	groups_topic_deleted(struct broker *, const char *name);

#endif
