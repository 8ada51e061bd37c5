#include "test/tool/produce.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "kafka/frame.h"
#include "kafka/messages.h"
#include "kafka/records.h"
#include "test/tool/raw.h"
#include "test/tool/tool.h"

#define PRODUCE_VERSION	9
#define ANSWER_MAX	4096u

static uint32_t
make_batch(uint8_t *buf, size_t max, size_t size, uint32_t most,
    struct slice *batch)
{
	uint8_t *value = xmalloc(size);
	struct kbuilder k;
	uint32_t n = 0;
	size_t i;

	for (i = 0; i < size; i++)
		value[i] = (uint8_t)('a' + i % 26);
	kbuilder_init(&k, buf, max, clock_wall_ms());
	while (n < most && kbuilder_add(&k, k.base_timestamp, SLICE_NULL,
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
	    1, SLICE("t"));
	kw_encode(&kd_produce_request, PRODUCE_VERSION, &q, w);
	kframe_end(w, at, 0);
}

uint32_t
produce_init(struct produce *p, const char *topic, int16_t acks, size_t size,
    size_t batch, uint32_t most)
{
	uint8_t *buf = xmalloc(batch);
	struct slice bytes;
	uint32_t n = make_batch(buf, batch, size, most, &bytes);

	make_frame(&p->frame, topic, acks, bytes);
	arena_init(&p->arena, 4096, 1 << 20);
	p->bytes = bytes.len;
	free(buf);
	return (n);
}

void
produce_fini(struct produce *p)
{
	kwriter_fini(&p->frame);
	arena_fini(&p->arena);
}

void
produce_send(const struct produce *p, int fd)
{
	size_t at = 0;
	ssize_t n;

	while (at < p->frame.len) {
		n = send(fd, p->frame.base + at, p->frame.len - at,
		    MSG_NOSIGNAL);
		if (n <= 0)
			tool_die("the connection was closed");
		at += (size_t)n;
	}
}

void
produce_answer(struct produce *p, int fd)
{
	struct km_produce_response a;
	struct err e = ERR_INIT;
	uint8_t in[ANSWER_MAX];
	struct slice body;
	uint32_t n;
	int32_t id;

	raw_read(fd, in, 4);
	if ((n = get_be32(in)) > sizeof in)
		tool_die("an answer of %" PRIu32 " bytes", n);
	raw_read(fd, in, n);
	arena_reset(&p->arena);
	if (kframe_response(slice_of(in, n), kapi_get(KAPI_Produce),
	    PRODUCE_VERSION, &id, &body, &e) == -1 ||
	    kw_decode(&kd_produce_response, PRODUCE_VERSION, body, &p->arena,
	    &a, &e) == -1)
		tool_die("%s", e.msg);
	if (a.responses.n != 1 || a.responses.v[0].partition_responses.n != 1 ||
	    a.responses.v[0].partition_responses.v[0].error_code != 0)
		tool_die("Produce was refused");
}
