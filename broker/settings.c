/*
 * The keys below a1.broker., or of a server.properties.
 *
 * Names, meanings and defaults are Kafka's where Kafka has the key; a key of
 * Kafka that has no meaning for one node with one copy is accepted with the
 * reason, so that an existing server.properties loads.  Keys for TLS, SASL and
 * quotas are not here: whoever sets them expects protection that would not be
 * there, and is told that the key is unknown.
 */
#include "broker/settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "broker/topic_config.h"
#include "loop/listen.h"

static const char *const listen_aliases[] = { "listeners", NULL };
static const char *const dir_aliases[] = { "log.dirs", "log.dir", NULL };
static const char *const node_aliases[] = { "broker.id", NULL };
static const char *const loops_aliases[] = { "loops", NULL };
static const char *const timestamp_types[] = {
	"CreateTime", "LogAppendTime", NULL
};

#define B	struct broker_config
#define REPLICA	"One node stores one copy: there is no replication."
#define KRAFT	"There is no quorum of controllers: this node is it."
#define SOCKET	"The kernel sizes socket buffers itself."
#define CLEANER	"The cleaner has buffers of its own size."
#define FORMAT	"Batches have format 2."
#define PURGATORY "Whoever waits is woken at once; nothing is purged."
#define FLUSH	"acks=all is always answered after the disk has it, acks=1 " \
		"never waits."

const struct setting broker_settings[] = {
	SETTING_STR(B, listen, "listen", .aliases = listen_aliases,
	    .def = "127.0.0.1:9092",
	    .doc = "Where to listen: host:port, or PLAINTEXT://host:port as in "
	    "Kafka.  Port 0 lets the kernel choose."),
	SETTING_STR(B, advertised, "advertised.listeners",
	    .doc = "The address that clients are told, host:port or "
	    "PLAINTEXT://host:port; by default where it listens."),
	SETTING_BOOL(B, allow_insecure, "allow.insecure", .def = "false",
	    .doc = "Allow listening on other than loopback addresses: whoever "
	    "can reach the port can read and write everything."),
	SETTING_STR(B, dir, "dir", .aliases = dir_aliases,
	    .doc = "The folder of the topics; by default \"broker\" in the "
	    "data folder."),
	SETTING_SIZE(B, dir_max, "dir.max.bytes", .def = "0",
	    .doc = "How large the folder may become: the oldest closed "
	    "segments are deleted beyond it, read or not.  0: the smaller of "
	    "10 GiB and 20 % of the file system."),
	SETTING_SIZE(B, reserve, "dir.reserve.bytes", .def = "64m",
	    .doc = "Room on the disk that is kept from producers, for offset "
	    "commits and retention."),
	SETTING_INT(B, node_id, "node.id", .aliases = node_aliases,
	    .def = "1", .min = "0", .max = "2147483647",
	    .doc = "The id that clients see."),

	SETTING_INT(B, loops, "num.network.threads", .aliases = loops_aliases,
	    .def = "0", .min = "0", .max = "64",
	    .doc = "Threads that serve connections.  0: one for two cores, at "
	    "most 4."),
	SETTING_INT(B, max_connections, "max.connections", .def = "2000",
	    .min = "1", .max = "1000000",
	    .doc = "Connections at a time; more wait in the backlog."),
	SETTING_DURATION(B, idle_ms, "connections.max.idle.ms",
	    .def = "10m", .min = "0",
	    .doc = "Closes a connection after this time in silence.  0: "
	    "never."),
	SETTING_SIZE(B, max_request, "socket.request.max.bytes",
	    .def = "100m", .min = "64k", .max = "1g",
	    .doc = "The largest Produce request; others are at most 16 MiB."),
	SETTING_SIZE(B, inflight_bytes, "connection.inflight.max.bytes",
	    .def = "32m", .min = "64k",
	    .doc = "Bytes of requests that one connection may have "
	    "unanswered, and of answers that wait for an earlier one; beyond "
	    "it no more is read from it."),
	SETTING_INT(B, inflight_requests, "connection.inflight.max.requests",
	    .def = "128", .min = "1", .max = "10000",
	    .doc = "The same for their number."),
	SETTING_SIZE(B, queued_bytes, "queued.max.request.bytes",
	    .def = "512m", .min = "1m",
	    .doc = "Bytes of unanswered requests of all connections together; "
	    "beyond it a connection is read only when it has none."),
	SETTING_SIZE(B, fetch_max, "fetch.max.bytes", .def = "57671680",
	    .min = "1k", .max = "1g",
	    .doc = "The largest answer to a fetch, but for one batch that is "
	    "larger."),

	SETTING_INT(B, fetch_sessions,
	    "max.incremental.fetch.session.cache.slots", .def = "1000",
	    .min = "0", .max = "1000000",
	    .doc = "Fetch sessions of consumers that are kept; 0: none."),

	SETTING_INT(B, num_partitions, "num.partitions", .def = "1",
	    .min = "1", .max = "10000",
	    .doc = "Partitions of a topic that does not say."),
	SETTING_INT(B, max_partitions, "max.partitions", .def = "10000",
	    .min = "1", .max = "1000000",
	    .doc = "Partitions of all topics together, without those of the "
	    "broker's own; a request for more is refused."),
	SETTING_BOOL(B, auto_create, "auto.create.topics.enable",
	    .def = "true", .doc = "Create a topic when it is first used."),
	SETTING_BOOL(B, delete_enable, "delete.topic.enable", .def = "true",
	    .doc = "Allow deleting topics."),
	SETTING_BOOL(B, any_replication, "accept.any.replication.factor",
	    .def = "false",
	    .doc = "Accept topics with any replication factor; one copy is "
	    "stored all the same.  For programs that insist on 3."),
	SETTING_SIZE(B, max_message, "message.max.bytes", .def = "1048588",
	    .min = "61", .max = "1g",
	    .doc = "The largest record batch, compressed as it is.  Per "
	    "topic: max.message.bytes."),
	SETTING_INT(B, retention_ms, "log.retention.ms", .def = "-2",
	    .min = "-2",
	    .doc = "How long records are kept, milliseconds; -1: for ever; "
	    "-2: as log.retention.minutes says.  Per topic: retention.ms."),
	SETTING_INT(B, retention_minutes, "log.retention.minutes",
	    .def = "-2", .min = "-2", .max = "1000000000",
	    .doc = "The same in minutes; -2: as log.retention.hours says."),
	SETTING_INT(B, retention_hours, "log.retention.hours", .def = "168",
	    .min = "-1", .max = "100000000", .doc = "The same in hours."),
	SETTING_INT(B, retention_bytes, "log.retention.bytes", .def = "-1",
	    .min = "-1",
	    .doc = "Bytes kept of a partition; -1: any.  Per topic: "
	    "retention.bytes."),
	SETTING_DURATION(B, retention_check_ms,
	    "log.retention.check.interval.ms", .def = "5m", .min = "1",
	    .doc = "How often it is looked for what may go."),
	SETTING_SIZE(B, segment_bytes, "log.segment.bytes", .def = "1g",
	    .min = "4k", .max = "2147483647",
	    .doc = "The size of a file of a partition; what is deleted is "
	    "whole files.  At most 1/16 of dir.max.bytes is used.  Per topic: "
	    "segment.bytes."),
	SETTING_INT(B, roll_ms, "log.roll.ms", .def = "-2", .min = "-2",
	    .doc = "A new file after this time, milliseconds; -2: as "
	    "log.roll.hours says.  Per topic: segment.ms."),
	SETTING_INT(B, roll_hours, "log.roll.hours", .def = "168",
	    .min = "1", .max = "100000000", .doc = "The same in hours."),
	SETTING_SIZE(B, index_interval, "log.index.interval.bytes",
	    .def = "4k", .min = "1", .max = "1g",
	    .doc = "Bytes of a partition per entry of its index."),
	SETTING_STR(B, cleanup_policy, "log.cleanup.policy",
	    .def = "delete",
	    .doc = "delete, compact or both.  Per topic: cleanup.policy."),
	SETTING_BOOL(B, cleaner_enable, "log.cleaner.enable", .def = "true",
	    .doc = "Compact the topics that have cleanup.policy=compact."),
	SETTING_SIZE(B, cleaner_map, "log.cleaner.dedupe.buffer.size",
	    .def = "16m", .min = "4k", .max = "16g",
	    .doc = "Memory for the keys of one pass, 24 bytes each; when it "
	    "does not do, a pass covers less."),
	SETTING_SIZE(B, cleaner_rate, "log.cleaner.io.max.bytes.per.second",
	    .def = "0",
	    .doc = "How much compaction may read and write in a second.  0: "
	    "any."),
	SETTING_DURATION(B, cleaner_backoff_ms, "log.cleaner.backoff.ms",
	    .def = "15s", .min = "1",
	    .doc = "How often it is looked for what can be compacted."),
	SETTING_STR(B, cleaner_ratio, "log.cleaner.min.cleanable.ratio",
	    .def = "0.5",
	    .doc = "How large a part of a partition, 0 to 1, must be new for "
	    "it to be compacted again.  Per topic: "
	    "min.cleanable.dirty.ratio."),
	SETTING_INT(B, cleaner_delete_ms, "log.cleaner.delete.retention.ms",
	    .def = "86400000", .min = "0",
	    .doc = "How long a record without value, which deletes its key, "
	    "stays after its first compaction.  Per topic: "
	    "delete.retention.ms."),
	SETTING_INT(B, cleaner_min_lag_ms,
	    "log.cleaner.min.compaction.lag.ms", .def = "0", .min = "0",
	    .doc = "How long a record is safe from compaction.  Per topic: "
	    "min.compaction.lag.ms."),
	SETTING_INT(B, cleaner_max_lag_ms,
	    "log.cleaner.max.compaction.lag.ms",
	    .def = "9223372036854775807", .min = "1",
	    .doc = "How long a record may wait for it.  Per topic: "
	    "max.compaction.lag.ms."),
	SETTING_STR(B, compression, "compression.type", .def = "producer",
	    .doc = "Shown to clients; batches are stored as the producer "
	    "compressed them."),
	SETTING_ENUM(B, timestamp_type, "log.message.timestamp.type",
	    .names = timestamp_types, .def = "CreateTime",
	    .doc = "Whose clock stamps records: the producer's or the "
	    "broker's.  Per topic: message.timestamp.type."),
	SETTING_INT(B, timestamp_before_ms,
	    "log.message.timestamp.before.max.ms",
	    .def = "9223372036854775807", .min = "0",
	    .doc = "How old a record's time may be."),
	SETTING_INT(B, timestamp_after_ms,
	    "log.message.timestamp.after.max.ms", .def = "3600000",
	    .min = "0",
	    .doc = "How far in the future a record's time may be."),

	SETTING_INT(B, offsets_partitions, "offsets.topic.num.partitions",
	    .def = "50", .min = "1", .max = "1000",
	    .doc = "Partitions of __consumer_offsets, when it is created."),
	SETTING_SIZE(B, offsets_segment_bytes, "offsets.topic.segment.bytes",
	    .def = "4m", .min = "4k", .max = "2147483647",
	    .doc = "Its segment.bytes: the newest file is not compacted, and "
	    "a start reads all of it."),
	SETTING_INT(B, offsets_retention_min, "offsets.retention.minutes",
	    .def = "10080", .min = "1", .max = "1000000000",
	    .doc = "How long the offsets of a group without members are "
	    "kept."),
	SETTING_DURATION(B, offsets_check_ms,
	    "offsets.retention.check.interval.ms", .def = "10m", .min = "1",
	    .doc = "How often it is looked for offsets that may go."),
	SETTING_INT(B, offset_metadata_max, "offset.metadata.max.bytes",
	    .def = "4096", .min = "0", .max = "32767",
	    .doc = "The longest text that may go with a committed offset."),
	SETTING_DURATION(B, group_initial_delay_ms,
	    "group.initial.rebalance.delay.ms", .def = "0", .min = "0",
	    .doc = "How long a new group waits for more members before its "
	    "first rebalance."),
	SETTING_DURATION(B, group_min_session_ms,
	    "group.min.session.timeout.ms", .def = "6s", .min = "1",
	    .doc = "The shortest session timeout a member may ask for."),
	SETTING_DURATION(B, group_max_session_ms,
	    "group.max.session.timeout.ms", .def = "30m", .min = "1",
	    .doc = "The longest one."),
	SETTING_INT(B, group_max_size, "group.max.size", .def = "10000",
	    .min = "1", .max = "1000000", .doc = "Members of a group."),
	SETTING_INT(B, max_groups, "max.groups", .def = "10000", .min = "1",
	    .max = "10000000", .doc = "Groups at a time."),
	SETTING_DURATION(B, producer_expiry_ms,
	    "producer.id.expiration.ms", .def = "24h", .min = "1",
	    .doc = "How long a partition remembers a producer that is "
	    "silent."),
	SETTING_INT(B, max_producers, "max.producers.per.partition",
	    .def = "100000", .min = "1", .max = "10000000",
	    .doc = "How many it remembers; the longest silent go first."),

	SETTING_INT(B, txn_max_timeout_ms, "transaction.max.timeout.ms",
	    .def = "900000", .min = "1", .max = "2147483647",
	    .doc = "The longest transaction.timeout.ms a producer may ask "
	    "for, milliseconds."),
	SETTING_INT(B, txn_expiry_ms, "transactional.id.expiration.ms",
	    .def = "604800000", .min = "1",
	    .doc = "How long a transactional id without an open transaction "
	    "is remembered, milliseconds."),
	SETTING_DURATION(B, txn_sweep_ms,
	    "transaction.abort.timed.out.transaction.cleanup.interval.ms",
	    .def = "10s", .min = "1",
	    .doc = "How often it is looked for transactions that are open for "
	    "too long, and for silent transactional ids."),
	SETTING_INT(B, txn_partitions, "transaction.state.log.num.partitions",
	    .def = "50", .min = "1", .max = "1000",
	    .doc = "Partitions of __transaction_state, when it is created."),
	SETTING_SIZE(B, txn_segment_bytes,
	    "transaction.state.log.segment.bytes", .def = "100m",
	    .min = "4k", .max = "2147483647", .doc = "Its segment.bytes."),
	SETTING_INT(B, txn_max_ids, "max.transactional.ids", .def = "100000",
	    .min = "1", .max = "10000000",
	    .doc = "Transactional ids at a time."),

	SETTING_NOOP("process.roles", KRAFT),
	SETTING_NOOP("controller.quorum.voters", KRAFT),
	SETTING_NOOP("controller.quorum.bootstrap.servers", KRAFT),
	SETTING_NOOP("controller.listener.names", KRAFT),
	SETTING_NOOP("zookeeper.connect", KRAFT),
	SETTING_NOOP("zookeeper.connection.timeout.ms", KRAFT),
	SETTING_NOOP("zookeeper.session.timeout.ms", KRAFT),
	SETTING_NOOP("inter.broker.listener.name", REPLICA),
	SETTING_NOOP("inter.broker.protocol.version", REPLICA),
	SETTING_NOOP("listener.security.protocol.map",
	    "There is one listener, without TLS."),
	SETTING_NOOP("default.replication.factor", REPLICA),
	SETTING_NOOP("min.insync.replicas", REPLICA),
	SETTING_NOOP("num.replica.fetchers", REPLICA),
	SETTING_NOOP("replica.lag.time.max.ms", REPLICA),
	SETTING_NOOP("replica.fetch.max.bytes", REPLICA),
	SETTING_NOOP("unclean.leader.election.enable", REPLICA),
	SETTING_NOOP("auto.leader.rebalance.enable", REPLICA),
	SETTING_NOOP("offsets.topic.replication.factor", REPLICA),
	SETTING_NOOP("transaction.state.log.replication.factor", REPLICA),
	SETTING_NOOP("transaction.state.log.min.isr", REPLICA),
	SETTING_NOOP("share.coordinator.state.topic.replication.factor",
	    REPLICA),
	SETTING_NOOP("share.coordinator.state.topic.min.isr", REPLICA),
	SETTING_NOOP("controlled.shutdown.enable", REPLICA),
	SETTING_NOOP("broker.rack", REPLICA),
	SETTING_NOOP("num.io.threads",
	    "The threads of num.network.threads do all the work."),
	SETTING_NOOP("background.threads",
	    "One thread syncs, one keeps the folder in order, one compacts."),
	SETTING_NOOP("num.recovery.threads.per.data.dir",
	    "A partition recovers when it is first used."),
	SETTING_NOOP("queued.max.requests",
	    "connection.inflight.max.requests is the bound."),
	SETTING_NOOP("socket.send.buffer.bytes", SOCKET),
	SETTING_NOOP("socket.receive.buffer.bytes", SOCKET),
	SETTING_NOOP("socket.listen.backlog.size", SOCKET),
	SETTING_NOOP("log.flush.interval.messages", FLUSH),
	SETTING_NOOP("log.flush.interval.ms", FLUSH),
	SETTING_NOOP("log.flush.scheduler.interval.ms", FLUSH),
	SETTING_NOOP("log.flush.offset.checkpoint.interval.ms",
	    "The checkpoint is renewed every second."),
	SETTING_NOOP("log.segment.delete.delay.ms",
	    "A file that is being read is deleted when its last reader is "
	    "done."),
	SETTING_NOOP("log.preallocate", "Files grow as they are written."),
	SETTING_NOOP("log.index.size.max.bytes", "Indexes grow as needed."),
	SETTING_NOOP("log.cleaner.threads", "One thread cleans."),
	SETTING_NOOP("transaction.remove.expired.transaction.cleanup"
	    ".interval.ms", "Silent transactional ids are looked for together "
	    "with transactions that are open for too long."),
	SETTING_NOOP("controlled.shutdown.max.retries", REPLICA),
	SETTING_NOOP("controlled.shutdown.retry.backoff.ms", REPLICA),
	SETTING_NOOP("leader.imbalance.check.interval.seconds", REPLICA),
	SETTING_NOOP("leader.imbalance.per.broker.percentage", REPLICA),
	SETTING_NOOP("replica.fetch.wait.max.ms", REPLICA),
	SETTING_NOOP("replica.fetch.min.bytes", REPLICA),
	SETTING_NOOP("replica.fetch.response.max.bytes", REPLICA),
	SETTING_NOOP("replica.high.watermark.checkpoint.interval.ms", REPLICA),
	SETTING_NOOP("replica.socket.timeout.ms", REPLICA),
	SETTING_NOOP("replica.socket.receive.buffer.bytes", REPLICA),
	SETTING_NOOP("num.replica.alter.log.dirs.threads", REPLICA),
	SETTING_NOOP("replica.selector.class", REPLICA),
	SETTING_NOOP("metadata.log.dir", KRAFT),
	SETTING_NOOP("broker.heartbeat.interval.ms", KRAFT),
	SETTING_NOOP("broker.session.timeout.ms", KRAFT),
	SETTING_NOOP("controller.quorum.election.timeout.ms", KRAFT),
	SETTING_NOOP("controller.quorum.fetch.timeout.ms", KRAFT),
	SETTING_NOOP("reserved.broker.max.id", KRAFT),
	SETTING_NOOP("broker.id.generation.enable", KRAFT),
	SETTING_NOOP("log.cleaner.io.buffer.size", CLEANER),
	SETTING_NOOP("log.cleaner.io.buffer.load.factor", CLEANER),
	SETTING_NOOP("log.flush.start.offset.checkpoint.interval.ms",
	    "The checkpoint is renewed every second."),
	SETTING_NOOP("log.roll.jitter.ms", "Files are rolled without jitter."),
	SETTING_NOOP("log.roll.jitter.hours",
	    "Files are rolled without jitter."),
	SETTING_NOOP("log.message.format.version", FORMAT),
	SETTING_NOOP("log.message.downconversion.enable", FORMAT),
	SETTING_NOOP("log.message.timestamp.difference.max.ms",
	    "log.message.timestamp.before.max.ms and after.max.ms are looked "
	    "at."),
	SETTING_NOOP("offsets.topic.compression.codec",
	    "Offsets are not compressed."),
	SETTING_NOOP("offsets.load.buffer.size",
	    "Offsets are read in steps of their own."),
	SETTING_NOOP("offsets.commit.timeout.ms",
	    "A commit is answered when the disk has it."),
	SETTING_NOOP("offsets.commit.required.acks",
	    "A commit is answered when the disk has it."),
	SETTING_NOOP("fetch.purgatory.purge.interval.requests", PURGATORY),
	SETTING_NOOP("producer.purgatory.purge.interval.requests", PURGATORY),
	SETTING_NOOP("delete.records.purgatory.purge.interval.requests",
	    PURGATORY),
	SETTING_NOOP("group.coordinator.rebalance.protocols",
	    "Groups have the classic protocol."),
	SETTING_END
};
const size_t broker_settings_size = sizeof (struct broker_config);

/*
 * "PLAINTEXT://host:port", "host:port", "[::1]:9092", "://:9092" and ":9092"
 * (every address).  *host is the caller's.
 */
int
broker_parse_address(const char *text, const char *key, char **host,
    uint16_t *port, struct err *e)
{
	const char *p = text, *colon, *end;
	int64_t n;

	if (strchr(text, ',') != NULL)
		return (err_set(e, ERR_CONFIG, "%s = %s: there is one "
		    "listener; give one address", key, text));
	if ((colon = strstr(text, "://")) != NULL) {
		if (strncmp(text, "PLAINTEXT://", 12) != 0 && colon != text)
			return (err_set(e, ERR_CONFIG, "%s = %s: the one "
			    "protocol is PLAINTEXT; TLS and SASL are not part "
			    "of this version", key, text));
		p = colon + 3;
	}
	colon = strrchr(p, ':');
	if (colon == NULL || !str_int64(colon + 1, &n) || n < 0 || n > 65535)
		return (err_set(e, ERR_CONFIG, "%s = %s: not host:port; "
		    "give one as 127.0.0.1:9092", key, text));
	end = colon;
	if (*p == '[' && end > p + 1 && end[-1] == ']') {
		p++;
		end--;
	}
	*host = xstrndup(p, (size_t)(end - p));
	*port = (uint16_t)n;
	return (0);
}

static int
check_listen(const struct broker_config *cfg, struct err *e)
{
	uint16_t port;
	char *host;
	int rc = 0;

	if (broker_parse_address(cfg->listen, "listen", &host, &port,
	    e) == -1)
		return (-1);
	if (!cfg->allow_insecure && !listen_is_loopback(host))
		rc = err_set(e, ERR_CONFIG, "listen = %s: there is no TLS and "
		    "no authentication yet, so anybody who reaches this port "
		    "can read and write everything; set allow.insecure = true "
		    "if that is wanted", cfg->listen);
	free(host);
	return (rc);
}

static int
check_advertised(const struct broker_config *cfg, struct err *e)
{
	uint16_t port;
	char *host;
	int rc = 0;

	if (cfg->advertised == NULL)
		return (0);
	if (broker_parse_address(cfg->advertised, "advertised.listeners",
	    &host, &port, e) == -1)
		return (-1);
	if (*host == '\0' || port == 0)
		rc = err_set(e, ERR_CONFIG, "advertised.listeners = %s: "
		    "clients need a host and a port", cfg->advertised);
	free(host);
	return (rc);
}

int
broker_check(const void *settings, struct err *e)
{
	const struct broker_config *cfg = settings;
	int64_t ratio;

	if (check_listen(cfg, e) == -1 || check_advertised(cfg, e) == -1)
		return (-1);
	if (cfg->group_min_session_ms > cfg->group_max_session_ms)
		return (err_set(e, ERR_CONFIG, "group.min.session.timeout.ms "
		    "is above group.max.session.timeout.ms"));
	if (cfg->max_message > cfg->max_request)
		return (err_set(e, ERR_CONFIG, "message.max.bytes is above "
		    "socket.request.max.bytes: no such message could arrive"));
	if (topic_config_parse(TOPIC_MIN_DIRTY_RATIO,
	    "log.cleaner.min.cleanable.ratio", cfg->cleaner_ratio, &ratio,
	    e) == -1)
		return (-1);
	return (broker_check_policy(cfg->cleanup_policy, e));
}

int
broker_check_policy(const char *text, struct err *e)
{
	struct slice s;
	const char *p, *end;

	for (p = text;; p = end + 1) {
		end = p + strcspn(p, ", ");
		s = slice_of(p, (size_t)(end - p));
		if (s.len != 0 && !slice_eq_str(s, "delete") &&
		    !slice_eq_str(s, "compact"))
			return (err_set(e, ERR_CONFIG, "log.cleanup.policy = "
			    "%s: delete, compact, or both with a comma", text));
		if (*end == '\0')
			return (0);
	}
}

/* What the three keys say together; -1: for ever. */
int64_t
broker_retention_ms(const struct broker_config *cfg)
{
	if (cfg->retention_ms != -2)
		return (cfg->retention_ms);
	if (cfg->retention_minutes != -2)
		return (cfg->retention_minutes < 0 ? -1 :
		    cfg->retention_minutes * 60000);
	return (cfg->retention_hours < 0 ? -1 :
	    cfg->retention_hours * 3600000);
}

int64_t
broker_roll_ms(const struct broker_config *cfg)
{
	return (cfg->roll_ms > 0 ? cfg->roll_ms : cfg->roll_hours * 3600000);
}

/* A copy that owns its strings. */
void
broker_config_copy(struct broker_config *to, const struct broker_config *from)
{
	*to = *from;
#define DUP(m)	to->m = from->m == NULL ? NULL : xstrdup(from->m)
	DUP(listen);
	DUP(advertised);
	DUP(dir);
	DUP(cleaner_ratio);
	DUP(cleanup_policy);
	DUP(compression);
#undef DUP
}

void
broker_config_fini(struct broker_config *cfg)
{
	settings_fini(broker_settings, cfg);
}
