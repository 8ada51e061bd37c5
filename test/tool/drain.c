/*
 * t drain: fetches a partition from its start and throws it away, with as
 * little work as a client can do; for what a Fetch costs the broker.
 *
 * t sendfile: the least a server can do for the same bytes: sendfile(2) of
 * files into a loopback connection whose other end, a child, throws them away.
 * Prints what that cost the sender.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/flags.h"
#include "kafka/frame.h"
#include "kafka/messages.h"
#include "kafka/records.h"
#include "test/tool/raw.h"
#include "test/tool/tool.h"

#define FETCH_VERSION	11
#define FETCH_BYTES	(1 << 20)	/* what Kafka's consumer asks for */
#define ANSWER_MAX	(64u << 20)

struct drain {
	int		 fd;
	struct slice	 topic;
	int32_t		 partition;
	int64_t		 offset, records;
	uint64_t	 bytes;
	uint8_t		*in;
	struct arena	 arena;
};

static void
send_fetch(struct drain *d)
{
	struct km_fetch_request_partition p;
	struct km_fetch_request_topic t;
	struct km_fetch_request q;
	struct kwriter w;
	size_t at;

	kw_defaults(&kd_fetch_request, &q);
	kw_defaults(&kd_fetch_request_topic, &t);
	kw_defaults(&kd_fetch_request_partition, &p);
	p.partition = d->partition;
	p.fetch_offset = d->offset;
	p.partition_max_bytes = FETCH_BYTES;
	t.topic = d->topic;
	t.partitions.v = &p;
	t.partitions.n = 1;
	q.max_wait_ms = 500;
	q.min_bytes = 1;
	q.max_bytes = ANSWER_MAX / 2;
	q.topics.v = &t;
	q.topics.n = 1;
	kwriter_init(&w, 256, 4096);
	at = kframe_request_begin(&w, kapi_get(KAPI_Fetch), FETCH_VERSION, 1,
	    SLICE("drain"));
	kw_encode(&kd_fetch_request, FETCH_VERSION, &q, &w);
	kframe_end(&w, at, 0);
	if (send(d->fd, w.base, w.len, 0) != (ssize_t)w.len)
		tool_die("the connection was closed");
	kwriter_fini(&w);
}

/* Whole batches move the offset. */
static void
take_batches(struct drain *d, struct slice records)
{
	struct kbatch b;

	d->bytes += records.len;
	while (records.len > 0 && kbatch_parse(records, &b, NULL) == 0 &&
	    kbatch_size(&b) <= records.len) {
		d->records += b.count;
		d->offset = b.base_offset + b.last_offset_delta + 1;
		records.p += kbatch_size(&b);
		records.len -= kbatch_size(&b);
	}
}

/* true while there is more below the high watermark. */
static bool
take_answer(struct drain *d)
{
	struct km_fetch_response a;
	struct err e = ERR_INIT;
	struct slice body;
	uint8_t prefix[4];
	int32_t id;
	uint32_t n;

	raw_read(d->fd, prefix, sizeof prefix);
	if ((n = get_be32(prefix)) > ANSWER_MAX)
		tool_die("an answer of %" PRIu32 " bytes", n);
	raw_read(d->fd, d->in, n);
	arena_reset(&d->arena);
	if (kframe_response(slice_of(d->in, n), kapi_get(KAPI_Fetch),
	    FETCH_VERSION, &id, &body, &e) == -1 ||
	    kw_decode(&kd_fetch_response, FETCH_VERSION, body, &d->arena, &a,
	    &e) == -1)
		tool_die("%s", e.msg);
	if (a.error_code != 0 || a.responses.n != 1 ||
	    a.responses.v[0].partitions.n != 1 ||
	    a.responses.v[0].partitions.v[0].error_code != 0)
		tool_die("Fetch was refused");
	take_batches(d, a.responses.v[0].partitions.v[0].records);
	return (d->offset < a.responses.v[0].partitions.v[0].high_watermark);
}

int
tool_drain(int argc, char **argv)
{
	const char *brokers = NULL, *topic = NULL;
	int64_t partition = 0, begin;
	const struct flag flags[] = {
		FLAG_STR_ROW("brokers", &brokers, "HOST:PORT", "Where from."),
		FLAG_STR_ROW("topic", &topic, "TOPIC", "What."),
		FLAG_INT_ROW("partition", &partition, "N", "Which one."),
		FLAG_LAST
	};
	int rc = flags_parse(flags, "t drain", "Fetches and throws away.",
	    argc, argv, NULL);
	struct drain d = { .fd = -1 };

	if (rc != 0)
		return (rc == FLAGS_HELP ? TOOL_OK : TOOL_TROUBLE);
	if (brokers == NULL || topic == NULL)
		tool_die("drain: give --brokers and --topic");
	begin = clock_mono_ns();
	d.fd = raw_dial(brokers);
	d.topic = slice_str(topic);
	d.partition = (int32_t)partition;
	d.in = xmalloc(ANSWER_MAX);
	arena_init(&d.arena, 4096, 1 << 20);
	do
		send_fetch(&d);
	while (take_answer(&d));
	printf("records=%" PRId64 "\nbytes=%" PRIu64 "\nseconds=%.3f\n",
	    d.records, d.bytes, (double)(clock_mono_ns() - begin) / 1e9);
	arena_fini(&d.arena);
	free(d.in);
	close(d.fd);
	return (TOOL_OK);
}

/* --- the yardstick --- */

static void
throw_away(int fd)
{
	uint8_t *p = xmalloc(FETCH_BYTES);

	while (recv(fd, p, FETCH_BYTES, 0) > 0)
		;
	_exit(0);
}

static void
send_file(int to, const char *path, uint64_t *bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd == -1)
		tool_die("%s: %s", path, strerror(errno));
	while ((n = sendfile(to, fd, NULL, FETCH_BYTES)) > 0)
		*bytes += (uint64_t)n;
	if (n == -1)
		tool_die("%s: %s", path, strerror(errno));
	close(fd);
}

/* Two ends of a TCP connection on loopback, as a broker has them. */
static void
tcp_pair(int v[2])
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof sin;
	char address[32];
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (l == -1 || bind(l, (struct sockaddr *)&sin, sizeof sin) == -1 ||
	    listen(l, 1) == -1 ||
	    getsockname(l, (struct sockaddr *)&sin, &len) == -1)
		tool_die("listen: %s", strerror(errno));
	snprintf(address, sizeof address, "127.0.0.1:%u",
	    (unsigned)ntohs(sin.sin_port));
	v[1] = raw_dial(address);
	if ((v[0] = accept(l, NULL, NULL)) == -1)
		tool_die("accept: %s", strerror(errno));
	close(l);
}

int
tool_sendfile(int argc, char **argv)
{
	uint64_t bytes = 0;
	struct rusage ru;
	int i, v[2];
	pid_t child;

	if (argc < 2)
		tool_die("usage: t sendfile FILE...");
	tcp_pair(v);
	if ((child = fork()) == -1)
		tool_die("fork");
	if (child == 0) {
		close(v[0]);
		throw_away(v[1]);
	}
	close(v[1]);
	for (i = 1; i < argc; i++)
		send_file(v[0], argv[i], &bytes);
	close(v[0]);
	getrusage(RUSAGE_SELF, &ru);
	waitpid(child, NULL, 0);
	printf("bytes=%" PRIu64 "\ncpu=%.3f\n", bytes,
	    (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
	    (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6);
	return (TOOL_OK);
}
