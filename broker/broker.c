/*
 * Start and stop.
 *
 * Order of a start: folder and lock, identity and epoch, checkpoint, catalogue,
 * flusher, producer ids, groups and transactions, listener, loops, keeper.
 * From the moment the loops run requests are answered; partitions open when
 * they are used.
 *
 * A stop goes the other way: nothing new comes in, long polls end, the flusher
 * and the groups answer what is left, and only when no thread but this one is
 * left are the logs closed and the last checkpoint written.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "broker/broker_priv.h"
#include "broker/checkpoint.h"
#include "broker/cleaner.h"
#include "broker/fetch_session.h"
#include "broker/flusher.h"
#include "broker/keeper.h"
#include "broker/partition.h"
#include "broker/server.h"
#include "broker/settings.h"
#include "broker/space.h"
#include "broker/topic.h"
#include "broker/txns.h"
#include "loop/listen.h"

#define FORMAT		1
#define META		"meta.properties"
#define STOP_MS		10000	/* for answers to leave */
#define SESSION_PARTITIONS	500000	/* of all fetch sessions */

#define M	struct broker
static const struct metric metrics[] = {
	METRIC_COUNTER(M, m.requests, "requests_total",
	    "Requests received."),
	METRIC_COUNTER(M, m.request_errors, "request_errors_total",
	    "Connections closed because of a request."),
	METRIC_GAUGE(M, m.connections, "connections", "Connections now."),
	METRIC_COUNTER(M, m.connections_total, "connections_total",
	    "Connections accepted."),
	METRIC_COUNTER(M, m.records_in, "records_in_total",
	    "Records appended."),
	METRIC_COUNTER(M, m.batches_in, "batches_in_total",
	    "Record batches appended."),
	METRIC_COUNTER(M, m.bytes_in, "bytes_in_total",
	    "Bytes of record batches appended."),
	METRIC_COUNTER(M, m.bytes_out, "bytes_out_total",
	    "Bytes of record batches fetched."),
	METRIC_COUNTER(M, m.duplicates, "duplicate_batches_total",
	    "Batches that an idempotent producer sent again."),
	METRIC_COUNTER(M, m.produce_errors, "produce_errors_total",
	    "Partitions of Produce requests answered with an error."),
	METRIC_GAUGE(M, m.topics, "topics", "Topics."),
	METRIC_GAUGE(M, m.partitions, "partitions", "Partitions."),
	METRIC_GAUGE(M, m.log_bytes, "log_bytes",
	    "Bytes of all open logs."),
	METRIC_GAUGE(M, m.unsynced_bytes, "unsynced_bytes",
	    "Bytes appended that are not on the disk."),
	METRIC_COUNTER(M, m.syncs, "syncs_total", "Syncs of a log."),
	METRIC_COUNTER(M, m.sync_ns, "sync_nanoseconds_total",
	    "Time they took."),
	METRIC_GAUGE(M, m.sync_ns_max, "sync_nanoseconds_max",
	    "The longest."),
	METRIC_COUNTER(M, m.retained_bytes, "retention_deleted_bytes_total",
	    "Bytes deleted by retention."),
	METRIC_COUNTER(M, m.capped_bytes, "cap_deleted_bytes_total",
	    "Bytes deleted because of dir.max.bytes, read or not."),
	METRIC_COUNTER(M, m.quarantined_bytes, "quarantined_bytes_total",
	    "Damaged bytes that were set aside."),
	METRIC_GAUGE(M, m.fetch_sessions, "fetch_sessions",
	    "Fetch sessions of consumers."),
	METRIC_COUNTER(M, m.cleaner_runs, "cleaner_runs_total",
	    "Passes of compaction over a partition."),
	METRIC_COUNTER(M, m.cleaner_read, "cleaner_read_bytes_total",
	    "Bytes that compaction read."),
	METRIC_COUNTER(M, m.cleaner_written, "cleaner_written_bytes_total",
	    "Bytes that it wrote."),
	METRIC_COUNTER(M, m.cleaner_records, "cleaner_removed_records_total",
	    "Records that it left out."),
	METRIC_GAUGE(M, m.cleaner_last_ms, "cleaner_last_milliseconds",
	    "How long the last pass took."),
	METRIC_GAUGE(M, m.groups, "groups", "Consumer groups."),
	METRIC_GAUGE(M, m.members, "group_members", "Members of them."),
	METRIC_COUNTER(M, m.rebalances, "rebalances_total",
	    "Rebalances completed."),
	METRIC_COUNTER(M, m.offset_commits, "offset_commits_total",
	    "Offsets committed."),
	METRIC_GAUGE(M, m.txn_ids, "transactional_ids",
	    "Transactional ids."),
	METRIC_COUNTER(M, m.txns_committed, "transactions_committed_total",
	    "Transactions committed."),
	METRIC_COUNTER(M, m.txns_aborted, "transactions_aborted_total",
	    "Transactions aborted."),
	METRIC_COUNTER(M, m.txns_timed_out, "transactions_timed_out_total",
	    "Of those aborted, the ones open for too long."),
	METRIC_COUNTER(M, m.txns_cut, "transactions_cut_total",
	    "Of those aborted, the ones open when the broker ended "
	    "uncleanly."),
	METRIC_END
};

/* --- identity --- */

static const char *
find_value(char *text, const char *key, char *buf, size_t size)
{
	size_t n = strlen(key);
	char *line, *save = NULL, *copy = xstrdup(text);

	*buf = '\0';
	for (line = strtok_r(copy, "\r\n", &save); line != NULL;
	    line = strtok_r(NULL, "\r\n", &save))
		if (strncmp(line, key, n) == 0 && line[n] == '=')
			snprintf(buf, size, "%s", line + n + 1);
	free(copy);
	return (*buf == '\0' ? NULL : buf);
}

static int
read_meta(struct broker *b, struct err *e)
{
	struct err err = ERR_INIT;
	char buf[64];
	int64_t epoch;
	void *text;
	size_t len;
	int rc = 0;

	if (fs_slurp(b->dirfd, META, 65536, &text, &len, &err) == -1) {
		if (err.code != ERR_NOT_FOUND) {
			if (e != NULL)
				*e = err;
			return (-1);
		}
		uuid_random(&b->cluster_id);
		b->leader_epoch = -1;
		return (0);
	}
	if (find_value(text, "cluster.id", buf, sizeof buf) == NULL ||
	    !uuid_parse(&b->cluster_id, buf) ||
	    find_value(text, "leader.epoch", buf, sizeof buf) == NULL ||
	    !str_int64(buf, &epoch) || epoch < -1 || epoch >= INT32_MAX)
		rc = err_set(e, ERR_CORRUPT, "%s/%s has no cluster.id or "
		    "leader.epoch", b->dir, META);
	else {
		b->leader_epoch = (int32_t)epoch;
		b->clean_start = find_value(text, "stopped", buf,
		    sizeof buf) != NULL && strcmp(buf, "clean") == 0;
	}
	free(text);
	return (rc);
}

static int
write_meta(struct broker *b, bool stopped, struct err *e)
{
	char text[256];
	int n;

	n = snprintf(text, sizeof text, "version=1\nnode.id=%d\n"
	    "cluster.id=%s\nleader.epoch=%d\n%s", b->node_id, b->cluster,
	    b->leader_epoch, stopped ? "stopped=clean\n" : "");
	return (fs_replace(b->fs, b->dirfd, META, text, (size_t)n, e));
}

/* The epoch of this start is on the disk before anything is stamped with it,
 * and the mark of the last stop is gone before anything changes. */
static int
bump_epoch(struct broker *b, struct err *e)
{
	b->leader_epoch++;
	uuid_print(&b->cluster_id, b->cluster);
	return (write_meta(b, false, e));
}

static int
open_folder(struct broker *b, const char *data_dir, struct err *e)
{
	b->dir = b->cfg.dir != NULL ? xstrdup(b->cfg.dir) :
	    xasprintf("%s/broker", data_dir);
	if ((b->dirfd = fs_open_dir(b->fs, b->dir, e)) == -1)
		return (err_ctx(e, "broker.dir"));
	if ((b->lockfd = fs_lock(b->dirfd, b->dir, e)) == -1 ||
	    fs_stamp(b->fs, b->dirfd, "broker", FORMAT, e) == -1 ||
	    read_meta(b, e) == -1 || bump_epoch(b, e) == -1 ||
	    space_limit(b, e) == -1)
		return (err_ctx(e, "%s", b->dir));
	space_look(b);
	return (0);
}

/* What clients are told: the setting, or where we listen. */
static int
find_address(struct broker *b, struct err *e)
{
	char name[256];
	uint16_t port;

	if (b->cfg.advertised != NULL) {
		if (broker_parse_address(b->cfg.advertised,
		    "advertised.listeners", &b->host, &port, e) == -1)
			return (-1);
	} else {
		if (broker_parse_address(b->cfg.listen, "listen", &b->host,
		    &port, e) == -1)
			return (-1);
		port = listener_port(b->listener);
		if (*b->host == '\0' || strcmp(b->host, "0.0.0.0") == 0 ||
		    strcmp(b->host, "::") == 0 || strcmp(b->host, "*") == 0) {
			if (gethostname(name, sizeof name) == -1)
				return (err_sys(e, "gethostname"));
			name[sizeof name - 1] = '\0';
			free(b->host);
			b->host = xstrdup(name);
		}
	}
	b->port = port;
	b->address = strchr(b->host, ':') == NULL ?
	    xasprintf("%s:%u", b->host, port) :
	    xasprintf("[%s]:%u", b->host, port);
	return (0);
}

/* Each open partition takes a few descriptors. */
static void
raise_descriptors(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) == -1 ||
	    lim.rlim_cur == lim.rlim_max)
		return;
	lim.rlim_cur = lim.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &lim) == -1)
		log_warn("broker", "cannot raise the limit on descriptors");
}

static int
start_all(struct broker *b, const char *data_dir, struct err *e)
{
	if (open_folder(b, data_dir, e) == -1)
		return (-1);
	checkpoint_open(b);
	if (catalogue_open(b, e) == -1 || flusher_start(b, e) == -1 ||
	    producer_ids_start(b, e) == -1 || server_init(b, e) == -1 ||
	    find_address(b, e) == -1 || groups_start(b, e) == -1 ||
	    txns_start(b, e) == -1 || keeper_start(b, e) == -1 ||
	    cleaner_start(b, e) == -1 || server_run(b, e) == -1)
		return (-1);
	return (0);
}

int
broker_start(struct broker **out, const void *settings, const char *data_dir,
    const struct fs *fs, struct err *e)
{
	struct broker *b;

	if (broker_check(settings, e) == -1)
		return (err_ctx(e, "broker"));
	b = xcalloc(1, sizeof *b);
	broker_config_copy(&b->cfg, settings);
	b->fs = fs;
	b->dirfd = b->lockfd = -1;
	b->node_id = (int32_t)b->cfg.node_id;
	mutex_init(&b->idle_lock);
	cond_init(&b->idle);
	b->metric_object = (struct metric_object){ metrics, b,
	    "leat_broker_", "" };
	b->fetch_sessions = fetch_sessions_new((size_t)b->cfg.fetch_sessions,
	    SESSION_PARTITIONS, &b->m.fetch_sessions);
	raise_descriptors();
	if (start_all(b, data_dir, e) == -1) {
		broker_stop(b);
		return (err_ctx(e, "broker"));
	}
	b->running = true;
	log_info("broker", "serving %s from %s, cluster=%s epoch=%d",
	    b->address, b->dir, b->cluster, b->leader_epoch);
	*out = b;
	return (0);
}

/* Everything is synced (the flusher has ended): close, then say up to where. */
static void
close_folder(struct broker *b)
{
	struct err err = ERR_INIT;

	if (b->checkpoint != NULL && b->catalogue != NULL &&
	    checkpoint_write(b, &err) == -1)
		log_warn("broker", "%s", err.msg);
	catalogue_close(b);
	checkpoint_close(b);
	/* Transactions that are open go on after a stop that says so. */
	if (b->running && write_meta(b, true, &err) == -1)
		log_warn("broker", "%s/%s: %s; open transactions will be "
		    "aborted at the next start", b->dir, META, err.msg);
	if (b->dirfd != -1)
		b->fs->close(b->fs, b->dirfd);
	if (b->lockfd != -1)
		close(b->lockfd);
}

void
broker_stop(struct broker *b)
{
	if (b == NULL)
		return;
	atomic_store(&b->stopping, true);
	if (b->running) {
		server_quiesce(b);
		txns_stop(b);		/* markers go through the groups */
		groups_stop(b);
	}
	server_stop(b, STOP_MS);
	keeper_stop(b);
	cleaner_stop(b);
	flusher_stop(b);
	txns_free(b);
	groups_free(b);
	producer_ids_free(b);
	server_free(b);
	fetch_sessions_free(b->fetch_sessions);
	close_folder(b);
	if (b->running)
		log_info("broker", "stopped");
	mutex_fini(&b->idle_lock);
	cond_fini(&b->idle);
	broker_config_fini(&b->cfg);
	free(b->dir);
	free(b->host);
	free(b->address);
	free(b);
}

const char *
broker_address(const struct broker *b)
{
	return (b->address);
}

size_t
broker_metrics(struct broker *b, const struct metric_object **v)
{
	*v = &b->metric_object;
	return (1);
}
