#include "test/unit/broker_bed.h"

#include <check.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/mem.h"
#include "base/setting.h"
#include "base/str.h"
#include "kafka/errors.h"
#include "kafka/frame.h"
#include "kafka/records.h"

#define WAIT_S	30		/* an answer that does not come */

/* Of the thread: several may be clients. */
static _Thread_local struct arena arena;
static _Thread_local bool arena_there;
static _Thread_local int32_t next_id = 1000000;

static struct arena *
bed_arena(void)
{
	if (!arena_there) {
		arena_init(&arena, 65536, 0);
		arena_there = true;
	}
	return (&arena);
}

void
bed_reset(void)
{
	if (arena_there)
		arena_fini(&arena);
	arena_there = false;
}

static void
set(struct conf *root, const char *setting)
{
	char *key = xstrdup(setting), *eq = strchr(key, '=');

	ck_assert(eq != NULL);
	*eq = '\0';
	conf_set(root, key, eq + 1, "test", 1);
	free(key);
}

int
bed_try(struct bed *bed, const struct fs *fs, const char *dir,
    const char *const *settings, struct err *e)
{
	void *cfg = xcalloc(1, broker_settings_size);
	struct conf_problems problems = { NULL, 0, 0, 0 };
	struct conf *root = conf_new();
	int rc;

	set(root, "listen=127.0.0.1:0");
	set(root, "num.network.threads=2");
	for (; *settings != NULL; settings++)
		set(root, *settings);
	if (settings_fill(broker_settings, cfg, root, &problems) != 0)
		ck_abort_msg("%s", problems.v[0].text);
	rc = broker_start(&bed->broker, cfg, dir, fs, e);
	settings_fini(broker_settings, cfg);
	conf_problems_fini(&problems);
	conf_free(root);
	free(cfg);
	if (rc == -1)
		return (-1);
	snprintf(bed->address, sizeof bed->address, "%s",
	    broker_address(bed->broker));
	bed->port = (uint16_t)atoi(strrchr(bed->address, ':') + 1);
	return (0);
}

void
bed_start(struct bed *bed, const struct fs *fs, const char *dir, ...)
{
	const char *v[32];
	struct err err = ERR_INIT;
	va_list ap;
	size_t n = 0;

	va_start(ap, dir);
	while ((v[n] = va_arg(ap, const char *)) != NULL)
		n++;
	va_end(ap);
	ck_assert_msg(bed_try(bed, fs, dir, v, &err) == 0, "%s", err.msg);
}

void
bed_stop(struct bed *bed)
{
	broker_stop(bed->broker);
	bed->broker = NULL;
	bed_reset();
}

int
bed_connect(const struct bed *bed)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
	    .sin_port = htons(bed->port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval tv = { .tv_sec = WAIT_S };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert(fd != -1);
	ck_assert(connect(fd, (struct sockaddr *)&sin, sizeof sin) == 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	return (fd);
}

static void
write_all(int fd, const uint8_t *p, size_t n)
{
	ssize_t done;

	while (n > 0) {
		done = send(fd, p, n, MSG_NOSIGNAL);
		ck_assert_msg(done > 0, "send: %s", strerror(errno));
		p += done;
		n -= (size_t)done;
	}
}

void
bed_write(int fd, const void *p, size_t n, bool frame)
{
	uint8_t len[4];

	put_be32(len, (uint32_t)n);
	if (frame)
		write_all(fd, len, 4);
	write_all(fd, p, n);
}

/* False: the end of the connection came before the first byte. */
static bool
read_all(int fd, uint8_t *p, size_t n)
{
	size_t done = 0;
	ssize_t k;

	while (done < n) {
		k = recv(fd, p + done, n - done, 0);
		if (k == -1 && errno == ECONNRESET)
			k = 0;
		ck_assert_msg(k >= 0, "no answer: %s", strerror(errno));
		if (k == 0) {
			ck_assert_msg(done == 0, "half an answer");
			return (false);
		}
		done += (size_t)k;
	}
	return (true);
}

uint8_t *
bed_frame(int fd, size_t *len)
{
	uint8_t head[4], *p;

	if (!read_all(fd, head, 4))
		return (NULL);
	*len = get_be32(head);
	p = xmalloc(*len + 1);
	ck_assert(read_all(fd, p, *len));
	return (p);
}

bool
bed_closed(int fd)
{
	size_t len;
	uint8_t *p = bed_frame(fd, &len);

	free(p);
	return (p == NULL);
}

void
bed_send(int fd, int api, int version, int32_t id, const void *body)
{
	const struct kapi *a = kapi_get(api);
	struct kwriter w;
	size_t at;

	kwriter_init(&w, 256, 1u << 30);
	at = kframe_request_begin(&w, a, version, id, SLICE("bed"));
	kw_encode(a->request, version, body, &w);
	kframe_end(&w, at, 0);
	ck_assert(!w.full);
	write_all(fd, w.base, w.len);
	kwriter_fini(&w);
}

void *
bed_recv(int fd, int api, int version, int32_t id)
{
	const struct kapi *a = kapi_get(api);
	struct err err = ERR_INIT;
	struct slice frame, body;
	int32_t got;
	size_t len;
	uint8_t *p;
	void *out;

	p = bed_frame(fd, &len);
	ck_assert_msg(p != NULL, "%s v%d: the broker closed", a->name,
	    version);
	frame = arena_copy(bed_arena(), slice_of(p, len));
	free(p);
	out = arena_zalloc(bed_arena(), a->response->size);
	ck_assert_msg(kframe_response(frame, a, version, &got, &body, &err) ==
	    0, "%s", err.msg);
	ck_assert_int_eq(got, id);
	ck_assert_msg(kw_decode(a->response, version, body, bed_arena(), out,
	    &err) == 0, "%s v%d: %s", a->name, version, err.msg);
	return (out);
}

void *
bed_call(int fd, int api, int version, const void *body)
{
	int32_t id = next_id++;

	bed_send(fd, api, version, id, body);
	return (bed_recv(fd, api, version, id));
}

struct slice
bed_batch_at(const char *value, int n, int64_t timestamp)
{
	size_t cap = kbuilder_bound((size_t)n, strlen(value) * (size_t)n, 0);
	struct kbuilder b;
	uint8_t *p;
	int i;

	p = arena_alloc(bed_arena(), cap);
	kbuilder_init(&b, p, cap, timestamp);
	for (i = 0; i < n; i++)
		ck_assert(kbuilder_add(&b, timestamp + i, SLICE_NULL,
		    slice_str(value), NULL, 0));
	return (slice_of(p, kbuilder_finish(&b)));
}

struct slice
bed_batch(const char *value, int n)
{
	return (bed_batch_at(value, n, clock_wall_ms()));
}

static void
fill_produce(struct km_produce_request *q, const char *topic,
    int32_t partition, int16_t acks, struct slice records)
{
	kw_defaults(&kd_produce_request, q);
	q->acks = acks;
	q->timeout_ms = 1000;
	KARRAY_NEW(q->topic_data, &kd_produce_request_topic, 1, bed_arena());
	q->topic_data.v[0].name = slice_str(topic);
	KARRAY_NEW(q->topic_data.v[0].partition_data,
	    &kd_produce_request_partition, 1, bed_arena());
	q->topic_data.v[0].partition_data.v[0].index = partition;
	q->topic_data.v[0].partition_data.v[0].records = records;
}

void
bed_send_produce(int fd, int32_t id, const char *topic, int32_t partition,
    int16_t acks, struct slice records)
{
	struct km_produce_request q;

	fill_produce(&q, topic, partition, acks, records);
	bed_send(fd, KAPI_Produce, 9, id, &q);
}

int16_t
bed_produce_bytes(int fd, int version, const char *topic, int32_t partition,
    int16_t acks, struct slice records, int64_t *base)
{
	struct km_produce_response *a;
	struct km_produce_request q;

	fill_produce(&q, topic, partition, acks, records);
	a = bed_call(fd, KAPI_Produce, version, &q);
	ck_assert_int_eq(a->responses.n, 1);
	ck_assert_int_eq(a->responses.v[0].partition_responses.n, 1);
	ck_assert(slice_eq_str(a->responses.v[0].name, topic));
	if (base != NULL)
		*base = a->responses.v[0].partition_responses.v[0].base_offset;
	return (a->responses.v[0].partition_responses.v[0].error_code);
}

int16_t
bed_produce(int fd, const char *topic, int32_t partition, int16_t acks,
    const char *value, int n, int64_t *base)
{
	return (bed_produce_bytes(fd, 9, topic, partition, acks,
	    bed_batch(value, n), base));
}

void
bed_send_fetch(int fd, int32_t id, const struct bed_fetch *f)
{
	struct km_fetch_request q;

	kw_defaults(&kd_fetch_request, &q);
	q.max_wait_ms = f->max_wait;
	q.min_bytes = f->min_bytes;
	q.isolation_level = f->isolation;
	q.max_bytes = f->max_bytes == 0 ? INT32_MAX : f->max_bytes;
	KARRAY_NEW(q.topics, &kd_fetch_request_topic, 1, bed_arena());
	q.topics.v[0].topic = slice_str(f->topic);
	KARRAY_NEW(q.topics.v[0].partitions, &kd_fetch_request_partition, 1,
	    bed_arena());
	q.topics.v[0].partitions.v[0].partition = f->partition;
	q.topics.v[0].partitions.v[0].fetch_offset = f->offset;
	q.topics.v[0].partitions.v[0].current_leader_epoch =
	    f->epoch == 0 ? -1 : f->epoch;
	q.topics.v[0].partitions.v[0].partition_max_bytes =
	    f->part_bytes == 0 ? 1 << 20 : f->part_bytes;
	bed_send(fd, KAPI_Fetch, f->version, id, &q);
}

struct km_fetch_response_partition *
bed_fetch(int fd, const struct bed_fetch *f)
{
	struct km_fetch_response *a;
	int32_t id = next_id++;

	bed_send_fetch(fd, id, f);
	a = bed_recv(fd, KAPI_Fetch, f->version, id);
	ck_assert_int_eq(a->error_code, 0);
	ck_assert_int_eq(a->responses.n, 1);
	ck_assert_int_eq(a->responses.v[0].partitions.n, 1);
	return (&a->responses.v[0].partitions.v[0]);
}

static void
each_record(struct slice in, void (*fn)(const struct krecord *, void *),
    void *ctx)
{
	struct kiter it = KITER_INIT;
	struct err err = ERR_INIT;
	struct kbatch b;
	struct krecord rec;

	while (in.len > 0) {
		ck_assert_msg(kbatch_check(in, &b, &err) == 0, "%s", err.msg);
		ck_assert(kiter_open(&it, in, 1u << 26, &err) == 0);
		while (kiter_next(&it, &rec, &err) == 1)
			fn(&rec, ctx);
		in.p += kbatch_size(&b);
		in.len -= kbatch_size(&b);
	}
	kiter_close(&it);
}

static void
count_record(const struct krecord *rec, void *ctx)
{
	(void)rec;
	++*(int *)ctx;
}

int
bed_count(struct slice records)
{
	int n = 0;

	each_record(records, count_record, &n);
	return (n);
}

static void
print_record(const struct krecord *rec, void *ctx)
{
	struct sb *s = ctx;

	sb_printf(s, "%s%.*s@%lld", s->len > 0 ? " " : "",
	    (int)rec->value.len, (const char *)rec->value.p,
	    (long long)rec->offset);
}

char *
bed_read(int fd, const char *topic, int32_t partition, int64_t offset)
{
	struct bed_fetch f = { .version = 12, .topic = topic,
	    .partition = partition, .offset = offset };
	struct km_fetch_response_partition *p = bed_fetch(fd, &f);
	struct sb s = SB_INIT;
	char *text;

	ck_assert_int_eq(p->error_code, 0);
	sb_puts(&s, "");
	each_record(p->records, print_record, &s);
	text = (char *)arena_copy(bed_arena(), slice_of(s.ptr, s.len)).p;
	sb_fini(&s);
	return (text);
}

int64_t
bed_offset(int fd, int version, const char *topic, int32_t partition,
    int64_t timestamp, int16_t *error)
{
	struct km_list_offsets_request q;
	struct km_list_offsets_response *a;
	struct km_list_offsets_response_partition *p;

	kw_defaults(&kd_list_offsets_request, &q);
	q.replica_id = -1;
	KARRAY_NEW(q.topics, &kd_list_offsets_request_topic, 1, bed_arena());
	q.topics.v[0].name = slice_str(topic);
	KARRAY_NEW(q.topics.v[0].partitions,
	    &kd_list_offsets_request_partition, 1, bed_arena());
	q.topics.v[0].partitions.v[0].partition_index = partition;
	q.topics.v[0].partitions.v[0].timestamp = timestamp;
	a = bed_call(fd, KAPI_ListOffsets, version, &q);
	p = &a->topics.v[0].partitions.v[0];
	if (error != NULL)
		*error = p->error_code;
	else
		ck_assert_int_eq(p->error_code, 0);
	if (version == 0)
		return (p->old_style_offsets.n > 0 ?
		    p->old_style_offsets.v[0] : -1);
	return (p->offset);
}

int16_t
bed_create(int fd, const char *topic, int32_t partitions, const char *config)
{
	struct km_create_topics_request q;
	struct km_create_topics_response *a;
	struct km_create_topics_request_topic *t;
	const char *eq;

	kw_defaults(&kd_create_topics_request, &q);
	KARRAY_NEW(q.topics, &kd_create_topics_request_topic, 1, bed_arena());
	t = &q.topics.v[0];
	t->name = slice_str(topic);
	t->num_partitions = partitions;
	t->replication_factor = 1;
	if (config != NULL) {
		eq = strchr(config, '=');
		KARRAY_NEW(t->configs, &kd_create_topics_request_config, 1,
		    bed_arena());
		t->configs.v[0].name = slice_of(config,
		    (size_t)(eq - config));
		t->configs.v[0].value = slice_str(eq + 1);
	}
	a = bed_call(fd, KAPI_CreateTopics, 7, &q);
	ck_assert_int_eq(a->topics.n, 1);
	return (a->topics.v[0].error_code);
}

struct km_metadata_response_topic *
bed_topic(int fd, const char *topic)
{
	struct km_metadata_request q;
	struct km_metadata_response *a;

	kw_defaults(&kd_metadata_request, &q);
	q.allow_auto_topic_creation = false;
	KARRAY_NEW(q.topics, &kd_metadata_request_topic, 1, bed_arena());
	q.topics.v[0].name = slice_str(topic);
	a = bed_call(fd, KAPI_Metadata, 12, &q);
	ck_assert_int_eq(a->topics.n, 1);
	return (a->topics.v[0].error_code == 0 ? &a->topics.v[0] : NULL);
}
