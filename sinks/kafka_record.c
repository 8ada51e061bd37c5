/*
 * Flume's rules for topic, key, partition, time and headers (user guide,
 * "Kafka Sink"; where guide and code of 1.11 differ, the code).
 */
#include <stdlib.h>

#include "base/bytes.h"
#include "base/str.h"
#include "kafka/murmur2.h"
#include "sinks/kafka_priv.h"

/* --- plain or not --- */

static bool
matters(const struct kafka_sink *k, struct slice name)
{
	size_t i;

	if (slice_eq_str(name, "key"))
		return (true);
	if (k->topic_override && slice_eq_str(name, k->topic_header))
		return (true);
	if (k->partition_header != NULL &&
	    slice_eq_str(name, k->partition_header))
		return (true);
	if (k->timestamp_header != NULL &&
	    slice_eq_str(name, k->timestamp_header))
		return (true);
	for (i = 0; i < k->nheaders; i++)
		if (slice_eq_str(name, k->mapped[i].name))
			return (true);
	return (false);
}

static bool
any_matters(const struct kafka_sink *k, const struct header *v, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (matters(k, v[i].name))
			return (true);
	return (false);
}

bool
kafka_is_plain(const struct kafka_sink *k, const struct batch *b)
{
	uint32_t i;

	if (k->avro || k->topic_template)
		return (false);
	if (any_matters(k, b->common, b->ncommon))
		return (false);
	for (i = 0; i < b->n; i++)
		if (any_matters(k, b->records[i].headers,
		    b->records[i].nheaders))
			return (false);
	return (true);
}

/* --- one record --- */

/* kafka.topic with its %{header} parts filled in; an absent header is "". */
static struct slice
expand_topic(const struct kafka_sink *k, const struct batch *b,
    const struct record *r, struct arena *a)
{
	const char *p = k->topic, *open, *close;
	struct sb out = SB_INIT;
	struct slice v, topic;

	while ((open = strstr(p, "%{")) != NULL &&
	    (close = strchr(open, '}')) != NULL) {
		sb_add(&out, p, (size_t)(open - p));
		v = batch_get(b, r, slice_of(open + 2,
		    (size_t)(close - open - 2)));
		sb_add(&out, v.p, v.len);
		p = close + 1;
	}
	sb_puts(&out, p);
	topic = arena_copy(a, slice_of(out.ptr, out.len));
	sb_fini(&out);
	return (topic);
}

static struct slice
topic_of(const struct kafka_sink *k, const struct batch *b,
    const struct record *r, struct arena *a)
{
	struct slice topic = SLICE_NULL;

	if (k->topic_override)
		topic = batch_get(b, r, slice_str(k->topic_header));
	if (topic.p != NULL && topic.len > 0)
		return (arena_copy(a, topic));	/* with its NUL */
	if (k->topic_template)
		return (expand_topic(k, b, r, a));
	return (slice_str(k->topic));
}

/* A header's decimal value; false when it is absent or no number. */
static bool
number(struct slice s, int64_t *v)
{
	char text[24];

	if (s.p == NULL || s.len >= sizeof text)
		return (false);
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	return (str_int64(text, v));
}

static int
partition_of(const struct kafka_sink *k, const struct batch *b,
    const struct record *r, int32_t *partition, struct err *e)
{
	struct slice s = SLICE_NULL;
	int64_t v;
	char shown[64];

	*partition = (int32_t)k->partition;
	if (k->partition_header != NULL)
		s = batch_get(b, r, slice_str(k->partition_header));
	if (s.p == NULL)
		return (0);
	if (number(s, &v) && v >= 0 && v <= INT32_MAX) {
		*partition = (int32_t)v;
		return (0);
	}
	return (err_set(e, ERR_REFUSED, "header %s = '%s' is no partition "
	    "number; mend what sets it, or remove partitionIdHeader",
	    k->partition_header, str_printable(shown, sizeof shown, s)));
}

/* Avro's long: zig-zag, then base 128. */
static uint8_t *
put_avro(uint8_t *p, struct slice s)
{
	p = put_varlong(p, (int64_t)s.len);
	if (s.len > 0)
		memcpy(p, s.p, s.len);
	return (p + s.len);
}

/* The record as an AvroFlumeEvent: map of headers, bytes. */
static struct slice
avro_of(const struct batch *b, const struct record *r, struct arena *a)
{
	size_t n = 0, size = 4 * VARLONG_MAX + r->body.len;
	struct header h;
	uint32_t it;
	uint8_t *buf, *p;

	for (it = 0; batch_next_header(b, r, &it, &h); n++)
		size += 2 * VARLONG_MAX + h.name.len + h.value.len;
	p = buf = arena_alloc(a, size);
	if (p == NULL)
		return (SLICE_NULL);
	if (n > 0)
		p = put_varlong(p, (int64_t)n);
	for (it = 0; batch_next_header(b, r, &it, &h);)
		p = put_avro(put_avro(p, h.name), h.value);
	*p++ = 0;		/* end of the map */
	p = put_avro(p, r->body);
	return (slice_of(buf, (size_t)(p - buf)));
}

int
kafka_record_make(struct kafka_sink *k, const struct batch *b,
    const struct record *r, struct arena *a, struct kafka_record *out,
    struct err *e)
{
	struct slice when = SLICE_NULL;
	char shown[64];
	int64_t ms;

	out->topic = topic_of(k, b, r, a);
	out->key = batch_get(b, r, SLICE("key"));
	out->value = k->avro ? avro_of(b, r, a) : r->body;
	if (out->value.p == NULL)
		out->value = SLICE("");
	out->timestamp = b->timestamp;
	if (k->timestamp_header != NULL)
		when = batch_get(b, r, slice_str(k->timestamp_header));
	if (when.p != NULL && (!number(when, &ms) || ms < 0))
		metric_add(&k->unmapped_timestamps, 1);
	else if (when.p != NULL)
		out->timestamp = ms;
	if (memchr(out->topic.p, '\0', out->topic.len) != NULL)
		return (err_set(e, ERR_REFUSED, "'%s' cannot be a topic; mend "
		    "what sets header %s", str_printable(shown, sizeof shown,
		    out->topic), k->topic_header));
	return (partition_of(k, b, r, &out->partition, e));
}

uint32_t
kafka_record_headers(const struct kafka_sink *k, const struct batch *b,
    const struct record *r, struct header *out, uint32_t max)
{
	uint32_t n = 0;
	size_t i;

	for (i = 0; i < k->nheaders && n < max; i++) {
		out[n].value = batch_get(b, r, slice_str(k->mapped[i].name));
		out[n].name = k->mapped[i].kafka_name;
		if (out[n].value.p != NULL)
			n++;
	}
	return (n);
}

int32_t
kafka_choose_partition(struct slice key, int32_t hint, uint32_t turn,
    int32_t n)
{
	if (key.p != NULL)
		return (kafka_partition(key, n));
	if (hint != BATCH_NO_HINT)
		return (hint % n);
	return ((int32_t)(turn % (uint32_t)n));
}
