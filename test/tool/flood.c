/*
 * t flood: one Produce request with one batch, made once and sent again and
 * again, a few on their way at a time: what a broker takes when its client
 * costs nothing.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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

#define PRODUCE_VERSION	9
#define ANSWER_MAX	4096u

struct flood {
	int		 fd;
	struct kwriter	 frame;
	int64_t		 at_once, sent, answered;	/* requests */
};

/* A batch of records of size bytes each, at most max in all: their count. */
static uint32_t
make_batch(uint8_t *buf, size_t max, size_t size, struct slice *batch)
{
	uint8_t *value = xmalloc(size);
	struct kbuilder k;
	uint32_t n = 0;
	size_t i;

	for (i = 0; i < size; i++)
		value[i] = (uint8_t)('a' + i % 26);
	kbuilder_init(&k, buf, max, clock_wall_ms());
	while (kbuilder_add(&k, k.base_timestamp, SLICE_NULL,
	    slice_of(value, size), NULL, 0))
		n++;
	*batch = slice_of(buf, kbuilder_finish(&k));
	free(value);
	return (n);
}

static void
make_frame(struct kwriter *w, const char *topic, int16_t acks,
    struct slice batch)
{
	struct km_produce_request_partition p;
	struct km_produce_request_topic t;
	struct km_produce_request q;
	size_t at;

	kw_defaults(&kd_produce_request, &q);
	kw_defaults(&kd_produce_request_topic, &t);
	kw_defaults(&kd_produce_request_partition, &p);
	p.records = batch;
	t.name = slice_str(topic);
	t.partition_data.v = &p;
	t.partition_data.n = 1;
	q.acks = acks;
	q.timeout_ms = 30000;
	q.topic_data.v = &t;
	q.topic_data.n = 1;
	kwriter_init(w, batch.len + 4096, batch.len + 8192);
	at = kframe_request_begin(w, kapi_get(KAPI_Produce), PRODUCE_VERSION,
	    1, SLICE("flood"));
	kw_encode(&kd_produce_request, PRODUCE_VERSION, &q, w);
	kframe_end(w, at, 0);
}

static void
send_one(struct flood *f)
{
	size_t at = 0;
	ssize_t n;

	while (at < f->frame.len) {
		n = send(f->fd, f->frame.base + at, f->frame.len - at, 0);
		if (n <= 0)
			tool_die("the connection was closed");
		at += (size_t)n;
	}
	f->sent++;
}

static void
take_answer(struct flood *f, struct arena *arena)
{
	struct km_produce_response a;
	struct err e = ERR_INIT;
	uint8_t in[ANSWER_MAX];
	struct slice body;
	uint32_t n;
	int32_t id;

	raw_read(f->fd, in, 4);
	if ((n = get_be32(in)) > sizeof in)
		tool_die("an answer of %" PRIu32 " bytes", n);
	raw_read(f->fd, in, n);
	arena_reset(arena);
	if (kframe_response(slice_of(in, n), kapi_get(KAPI_Produce),
	    PRODUCE_VERSION, &id, &body, &e) == -1 ||
	    kw_decode(&kd_produce_response, PRODUCE_VERSION, body, arena, &a,
	    &e) == -1)
		tool_die("%s", e.msg);
	if (a.responses.n != 1 || a.responses.v[0].partition_responses.n != 1 ||
	    a.responses.v[0].partition_responses.v[0].error_code != 0)
		tool_die("Produce was refused");
	f->answered++;
}

static void
run(struct flood *f, int64_t requests)
{
	struct arena arena;

	arena_init(&arena, 4096, 1 << 20);
	while (f->answered < requests) {
		while (f->sent < requests && f->sent - f->answered <
		    f->at_once)
			send_one(f);
		take_answer(f, &arena);
	}
	arena_fini(&arena);
}

int
tool_flood(int argc, char **argv)
{
	const char *brokers = NULL, *topic = NULL, *acks = "all";
	struct flood f = { .fd = -1, .at_once = 5 };
	int64_t count = 1000000, size = 200, batch = 131072, begin, n;
	const struct flag flags[] = {
		FLAG_STR_ROW("brokers", &brokers, "HOST:PORT", "Where to."),
		FLAG_STR_ROW("topic", &topic, "TOPIC", "Partition 0 of it."),
		FLAG_INT_ROW("count", &count, "N", "At least so many records."),
		FLAG_INT_ROW("size", &size, "BYTES", "Of each."),
		FLAG_INT_ROW("batch", &batch, "BYTES", "Of each batch."),
		FLAG_INT_ROW("at-once", &f.at_once, "N", "Requests on their "
		    "way; 5 unless said."),
		FLAG_STR_ROW("acks", &acks, "N", "1 or all."),
		FLAG_LAST
	};
	int rc = flags_parse(flags, "t flood", "The same request, again and "
	    "again.", argc, argv, NULL);
	struct slice bytes;
	uint8_t *buf;
	double took;

	if (rc != 0)
		return (rc == FLAGS_HELP ? TOOL_OK : TOOL_TROUBLE);
	if (brokers == NULL || topic == NULL || size < 1 || count < 1 ||
	    batch < size + 100 || f.at_once < 1)
		tool_die("flood: give --brokers, --topic and a batch larger "
		    "than a record");
	buf = xmalloc((size_t)batch);
	n = make_batch(buf, (size_t)batch, (size_t)size, &bytes);
	make_frame(&f.frame, topic, strcmp(acks, "all") == 0 ? -1 : 1, bytes);
	f.fd = raw_dial(brokers);
	begin = clock_mono_ns();
	run(&f, (count + n - 1) / n);
	took = (double)(clock_mono_ns() - begin) / 1e9;
	printf("records=%" PRId64 "\nbytes=%" PRIu64 "\nseconds=%.3f\n",
	    f.answered * n, (uint64_t)f.answered * bytes.len, took);
	kwriter_fini(&f.frame);
	free(buf);
	close(f.fd);
	return (TOOL_OK);
}
