/*
 * t null-broker: a Kafka broker that acknowledges what is produced and forgets
 * it, so that a producer is what limits a measurement.  One thread; answers
 * what a producer asks: ApiVersions, Metadata, InitProducerId,
 * FindCoordinator, Produce.
 *
 * Prints "listening on HOST:PORT".  With --expect N it writes --done FILE when
 * that many records have come.  With --verify FILE it holds each record
 * against the next line of the file (one topic, one partition) and ends with
 * status 1 at the first that differs.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/mem.h"
#include "cli/flags.h"
#include "kafka/errors.h"
#include "kafka/frame.h"
#include "kafka/messages.h"
#include "kafka/produce.h"
#include "kafka/records.h"
#include "test/tool/tool.h"

#define FRAME_MAX	(100u << 20)
#define IN_SIZE		((size_t)2 << 20)

struct null {
	const char	*done, *verify;
	int64_t		 port, expect, partitions;
	int		 ep, listener;
	uint64_t	 records, bytes;
	struct slice	 rest;		/* of the file to verify */
	struct kiter	 iter;
	struct arena	 arena;
};

struct peer {
	int		 fd;
	uint8_t		*in;
	size_t		 len, cap;
	struct kwriter	 out;
	size_t		 sent;
};

/* --- what is counted --- */

static void
verify(struct null *n, struct slice batch)
{
	struct krecord rec;
	struct err e = ERR_INIT;
	int rc;

	if (kiter_open(&n->iter, batch, FRAME_MAX, &e) == -1)
		tool_die("%s", e.msg);
	while ((rc = kiter_next(&n->iter, &rec, &e)) == 1) {
		n->records++;
		if (tool_line_is(&n->rest, rec.value))
			continue;
		printf("record %" PRIu64 " is not that line\n", n->records);
		exit(TOOL_FAILED);
	}
	if (rc == -1)
		tool_die("%s", e.msg);
}

static void
write_done(const struct null *n)
{
	char *tmp = xasprintf("%s.tmp", n->done);
	FILE *f = fopen(tmp, "we");

	if (f == NULL)
		tool_die("%s: %s", tmp, strerror(errno));
	fprintf(f, "records=%" PRIu64 "\nbytes=%" PRIu64 "\n", n->records,
	    n->bytes);
	fclose(f);
	if (rename(tmp, n->done) == -1)
		tool_die("rename %s", tmp);
	free(tmp);
}

static void
swallow(struct null *n, struct slice batch)
{
	bool enough = n->expect > 0 && n->records >= (uint64_t)n->expect;
	struct err e = ERR_INIT;
	struct kbatch b;

	if (kbatch_parse(batch, &b, &e) == -1)
		tool_die("%s", e.msg);
	n->bytes += batch.len;
	if (n->verify != NULL)
		verify(n, batch);
	else
		n->records += (uint64_t)b.count;
	if (!enough && n->expect > 0 && n->records >= (uint64_t)n->expect &&
	    n->done != NULL)
		write_done(n);
}

/* --- answers --- */

static void
answer_produce(struct null *n, const struct kframe *h, struct kwriter *w)
{
	struct km_produce_response a;
	struct km_produce_response_topic *t = NULL;
	struct kproduce_part part;
	struct err e = ERR_INIT;
	struct kproduce p;
	int32_t i = 0;
	size_t at;

	if (kproduce_begin(&p, h->version, h->body, &e) == -1)
		tool_die("%s", e.msg);
	kw_defaults(&kd_produce_response, &a);
	KARRAY_NEW(a.responses, &kd_produce_response_topic,
	    (size_t)p.ntopics, &n->arena);
	a.responses.n = 0;
	while (kproduce_next(&p, &part)) {
		if (part.topic_parts > 0) {
			t = &a.responses.v[a.responses.n++];
			t->name = part.topic;
			KARRAY_NEW(t->partition_responses,
			    &kd_produce_response_partition,
			    (size_t)part.topic_parts, &n->arena);
			i = 0;
		}
		t->partition_responses.v[i].index = part.index;
		t->partition_responses.v[i++].base_offset =
		    (int64_t)n->records;
		swallow(n, part.records);
	}
	if (p.acks == 0)
		return;
	at = kframe_response_begin(w, h->api, h->version, h->correlation_id);
	kw_encode(&kd_produce_response, h->version, &a, w);
	kframe_end(w, at, 0);
}

static void
fill_topic(struct null *n, struct km_metadata_response_topic *t,
    struct slice name)
{
	static int32_t me = 1;
	int32_t i;

	t->name = name;
	KARRAY_NEW(t->partitions, &kd_metadata_response_partition,
	    (size_t)n->partitions, &n->arena);
	for (i = 0; i < t->partitions.n; i++) {
		t->partitions.v[i].partition_index = i;
		t->partitions.v[i].leader_id = me;
		t->partitions.v[i].replica_nodes.v = &me;
		t->partitions.v[i].replica_nodes.n = 1;
		t->partitions.v[i].isr_nodes.v = &me;
		t->partitions.v[i].isr_nodes.n = 1;
	}
}

static void
answer_metadata(struct null *n, const void *request, void *response)
{
	const struct km_metadata_request *q = request;
	struct km_metadata_response *a = response;
	int32_t i;

	KARRAY_NEW(a->brokers, &kd_metadata_response_broker, 1, &n->arena);
	a->brokers.v[0].node_id = a->controller_id = 1;
	a->brokers.v[0].host = SLICE("127.0.0.1");
	a->brokers.v[0].port = (int32_t)n->port;
	a->cluster_id = SLICE("null");
	KARRAY_NEW(a->topics, &kd_metadata_response_topic,
	    q->topics.n > 0 ? (size_t)q->topics.n : 0, &n->arena);
	for (i = 0; i < a->topics.n; i++)
		fill_topic(n, &a->topics.v[i], q->topics.v[i].name);
}

/* Fetch is only said: librdkafka takes it for a sign of record batches. */
static const int16_t offered[] = {
	KAPI_Produce, KAPI_Fetch, KAPI_Metadata, KAPI_FindCoordinator, KAPI_ApiVersions,
	KAPI_InitProducerId
};

static void
answer_versions(struct null *n, const void *request, void *response)
{
	struct km_api_versions_response *a = response;
	size_t i;

	(void)request;
	KARRAY_NEW(a->api_keys, &kd_api_versions_response_api_key,
	    NELEM(offered), &n->arena);
	for (i = 0; i < NELEM(offered); i++) {
		a->api_keys.v[i].api_key = offered[i];
		a->api_keys.v[i].min_version = kapi_get(offered[i])->advertised;
		a->api_keys.v[i].max_version = kapi_get(offered[i])->max;
	}
}

static void
answer_producer_id(struct null *n, const void *request, void *response)
{
	struct km_init_producer_id_response *a = response;

	(void)n;
	(void)request;
	a->producer_id = 1000;
	a->producer_epoch = 0;
}

static void
answer_coordinator(struct null *n, const void *request, void *response)
{
	struct km_find_coordinator_response *a = response;

	(void)request;
	a->node_id = 1;
	a->host = SLICE("127.0.0.1");
	a->port = (int32_t)n->port;
}

static const struct {
	int16_t	key;
	void	(*fn)(struct null *, const void *, void *);
} answers[] = {
	{ KAPI_Metadata, answer_metadata },
	{ KAPI_ApiVersions, answer_versions },
	{ KAPI_InitProducerId, answer_producer_id },
	{ KAPI_FindCoordinator, answer_coordinator }
};

static int
answer(struct null *n, struct slice frame, struct kwriter *w)
{
	struct err e = ERR_INIT;
	struct kframe h;
	void *q, *a;
	size_t i, at;

	if (kframe_request(frame, &h, &e) == -1 || !h.served)
		return (-1);
	arena_reset(&n->arena);
	if (h.key == KAPI_Produce) {
		answer_produce(n, &h, w);
		return (0);
	}
	for (i = 0; i < NELEM(answers) && answers[i].key != h.key; i++)
		;
	if (i == NELEM(answers))
		return (-1);
	q = arena_alloc(&n->arena, h.api->request->size);
	a = arena_alloc(&n->arena, h.api->response->size);
	if (kw_decode(h.api->request, h.version, h.body, &n->arena, q,
	    &e) == -1)
		return (-1);
	kw_defaults(h.api->response, a);
	answers[i].fn(n, q, a);
	at = kframe_response_begin(w, h.api, h.version, h.correlation_id);
	kw_encode(h.api->response, h.version, a, w);
	kframe_end(w, at, 0);
	return (0);
}

/* --- connections --- */

static void
peer_close(struct peer *p)
{
	close(p->fd);
	free(p->in);
	kwriter_fini(&p->out);
	free(p);
}

static int
peer_send(struct peer *p)
{
	ssize_t n;

	while (p->sent < p->out.len) {
		n = send(p->fd, p->out.base + p->sent, p->out.len - p->sent,
		    MSG_NOSIGNAL);
		if (n == -1)	/* answers are small: no one lets them wait */
			return (-1);
		p->sent += (size_t)n;
	}
	kwriter_reset(&p->out);
	p->sent = 0;
	return (0);
}

/* Every whole frame that is there. */
static int
peer_frames(struct null *n, struct peer *p)
{
	struct err e = ERR_INIT;
	size_t at = 0;
	uint32_t len;

	while (kframe_length(slice_of(p->in + at, p->len - at), FRAME_MAX,
	    &len, &e) == 0) {
		if (p->len - at < (size_t)len + 4)
			break;
		if (answer(n, slice_of(p->in + at + 4, len), &p->out) == -1)
			return (-1);
		at += (size_t)len + 4;
	}
	if (e.code != ERR_NONE)
		return (-1);
	memmove(p->in, p->in + at, p->len - at);
	p->len -= at;
	return (peer_send(p));
}

static int
peer_read(struct null *n, struct peer *p)
{
	ssize_t got;

	if (p->cap - p->len < IN_SIZE / 2) {
		p->cap = p->cap * 2 + IN_SIZE;
		p->in = xreallocarray(p->in, p->cap, 1);
	}
	got = recv(p->fd, p->in + p->len, p->cap - p->len, 0);
	if (got <= 0)
		return (-1);
	p->len += (size_t)got;
	return (peer_frames(n, p));
}

static void
accept_one(struct null *n)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct peer *p;
	int fd = accept4(n->listener, NULL, NULL, SOCK_CLOEXEC), on = 1;

	if (fd == -1)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	p = xcalloc(1, sizeof *p);
	p->fd = fd;
	kwriter_init(&p->out, 4096, 1 << 20);
	ev.data.ptr = p;
	if (epoll_ctl(n->ep, EPOLL_CTL_ADD, fd, &ev) == -1)
		tool_die("epoll_ctl");
}

static void
open_listener(struct null *n)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct epoll_event ev = { .events = EPOLLIN };
	socklen_t len = sizeof sin;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons((uint16_t)n->port);
	n->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	n->ep = epoll_create1(EPOLL_CLOEXEC);
	if (n->listener == -1 || n->ep == -1 ||
	    bind(n->listener, (struct sockaddr *)&sin, sizeof sin) == -1 ||
	    listen(n->listener, 16) == -1 ||
	    getsockname(n->listener, (struct sockaddr *)&sin, &len) == -1 ||
	    epoll_ctl(n->ep, EPOLL_CTL_ADD, n->listener, &ev) == -1)
		tool_die("listen: %s", strerror(errno));
	n->port = ntohs(sin.sin_port);
	printf("listening on 127.0.0.1:%d\n", (int)n->port);
	fflush(stdout);
}

static void
serve(struct null *n)
{
	struct epoll_event ev[16];
	int i, got;

	for (;;) {
		got = epoll_wait(n->ep, ev, NELEM(ev), -1);
		for (i = 0; i < got; i++) {
			struct peer *p = ev[i].data.ptr;

			if (p == NULL)
				accept_one(n);
			else if (peer_read(n, p) == -1)
				peer_close(p);
		}
	}
}

int
tool_null_broker(int argc, char **argv)
{
	struct null n = { .partitions = 1, .iter = KITER_INIT };
	const struct flag flags[] = {
		FLAG_INT_ROW("port", &n.port, "PORT", "0: any."),
		FLAG_INT_ROW("partitions", &n.partitions, "N", "Of a topic."),
		FLAG_INT_ROW("expect", &n.expect, "N", "Records until --done."),
		FLAG_STR_ROW("done", &n.done, "FILE", "Written then."),
		FLAG_STR_ROW("verify", &n.verify, "FILE", "Its lines, in order."),
		FLAG_LAST
	};
	int rc = flags_parse(flags, "t null-broker", "Forgets everything.",
	    argc, argv, NULL);

	if (rc != 0)
		return (rc == FLAGS_HELP ? TOOL_OK : TOOL_TROUBLE);
	if (n.verify != NULL) {
		n.rest = tool_map(n.verify);
		/* Not while somebody measures: */
		madvise((void *)(uintptr_t)n.rest.p, n.rest.len,
		    MADV_POPULATE_READ);
	}
	arena_init(&n.arena, 65536, 64 << 20);
	open_listener(&n);
	serve(&n);
	return (TOOL_OK);
}
