/*
 * Idempotent producers: numbers into three partitions, without keys and, into
 * a compacted topic, with a few keys.  A reader beside them notes at which
 * offset it saw which number: an offset must not hold another one later.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/thread.h"
#include "test/tool/chaos.h"

#define PARTITIONS	3
#define KEYS		40
#define NUMBERS		4000000		/* per partition, at most */
#define MS		1000000

struct produce {
	struct chaos	*chaos;
	const char	*topic;
	bool		 keyed;
	int64_t		 next[PARTITIONS];	/* number */
	int64_t		*acked[PARTITIONS];	/* number -> offset + 1 */
	int64_t		*seen[PARTITIONS];	/* offset -> number + 1 */
	/* of the check */
	unsigned	 complaints;
	uint64_t	 did;
	int64_t		 last[PARTITIONS];
	int64_t		 newest[PARTITIONS][KEYS];
};

static void *
make(struct chaos *c, const char *topic, bool keyed)
{
	struct produce *p = xcalloc(1, sizeof *p);
	int i;

	p->chaos = c;
	p->topic = topic;
	p->keyed = keyed;
	for (i = 0; i < PARTITIONS; i++) {
		p->acked[i] = xcalloc(NUMBERS, sizeof *p->acked[i]);
		p->seen[i] = xcalloc(NUMBERS, sizeof *p->seen[i]);
		p->last[i] = -1;
	}
	return (p);
}

static void *
make_plain(struct chaos *c)
{
	return (make(c, "chaos-plain", false));
}

static void *
make_keyed(struct chaos *c)
{
	return (make(c, "chaos-keyed", true));
}

static void
delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	struct produce *p = opaque;

	(void)rk;
	if (m->err != 0)
		tool_die("chaos: %s: %s", p->topic, rd_kafka_err2str(m->err));
	p->acked[m->partition][chaos_number(m)] = m->offset + 1;
}

static void
note(struct produce *p, const rd_kafka_message_t *m)
{
	if (m->offset < NUMBERS)
		p->seen[m->partition][m->offset] = chaos_number(m) + 1;
}

static void
reader(void *arg)
{
	static const char *const settings[] = {
		"group.id", "chaos-seen", "enable.auto.commit", "false", NULL
	};
	struct produce *p = arg;
	rd_kafka_t *rk = chaos_client(p->chaos, RD_KAFKA_CONSUMER, settings,
	    NULL, NULL);
	rd_kafka_topic_partition_list_t *v;
	rd_kafka_message_t *m;
	int i;

	rd_kafka_poll_set_consumer(rk);
	v = rd_kafka_topic_partition_list_new(PARTITIONS);
	for (i = 0; i < PARTITIONS; i++)
		rd_kafka_topic_partition_list_add(v, p->topic, i)->offset = 0;
	rd_kafka_assign(rk, v);
	rd_kafka_topic_partition_list_destroy(v);
	while (!atomic_load(&p->chaos->stop)) {
		if ((m = rd_kafka_consumer_poll(rk, 50)) == NULL)
			continue;
		if (m->err == 0)
			note(p, m);
		rd_kafka_message_destroy(m);
	}
	rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
}

static bool
send_one(struct produce *p, rd_kafka_t *rk, struct tool_random *r)
{
	int32_t part = (int32_t)tool_random_below(r, PARTITIONS);
	char value[200], text[16], *key = NULL;
	int64_t n = p->next[part];
	size_t klen = 0;

	if (n >= NUMBERS)
		return (false);
	memset(value, '.', sizeof value);
	value[snprintf(value, sizeof value, "%" PRId64, n)] = ' ';
	if (p->keyed) {
		key = text;
		klen = (size_t)snprintf(text, sizeof text, "k%d",
		    (int)(n % KEYS));
	}
	if (rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(p->topic),
	    RD_KAFKA_V_PARTITION(part), RD_KAFKA_V_VALUE(value, sizeof value),
	    RD_KAFKA_V_KEY(key, klen),
	    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END) != 0)
		return (false);
	p->next[part]++;
	return (true);
}

static void
run(void *arg)
{
	static const char *const settings[] = {
		"enable.idempotence", "true", "message.timeout.ms", "0",
		"linger.ms", "1", "queue.buffering.max.messages", "2000", NULL
	};
	static const char *const compacted[] = {
		"cleanup.policy", "compact", "segment.bytes", "1048576",
		"min.cleanable.dirty.ratio", "0.01", NULL
	};
	struct produce *p = arg;
	struct tool_random r = { p->chaos->seed + p->keyed };
	struct thread t;
	rd_kafka_t *rk;

	chaos_topic(p->chaos, p->topic, PARTITIONS,
	    p->keyed ? compacted : NULL);
	if (thread_start(&t, "reader", reader, p, NULL) == -1)
		tool_die("thread");
	rk = chaos_client(p->chaos, RD_KAFKA_PRODUCER, settings, delivered, p);
	while (!atomic_load(&p->chaos->stop)) {
		if (!send_one(p, rk, &r))
			rd_kafka_poll(rk, 10);
		rd_kafka_poll(rk, 0);
		if (tool_random_below(&r, 4) == 0)
			tool_sleep_ns(MS / 2);
	}
	if (rd_kafka_flush(rk, 60000) != 0)
		tool_die("chaos: %s: not everything was delivered", p->topic);
	rd_kafka_destroy(rk);
	thread_join(&t);
}

static void
hold(void *ctx, const rd_kafka_message_t *m)
{
	struct produce *p = ctx;
	int64_t n = chaos_number(m), seen, acked;
	int part = (int)m->partition;

	p->did++;
	seen = m->offset < NUMBERS ? p->seen[part][m->offset] : 0;
	acked = p->acked[part][n];
	if (n <= p->last[part])
		p->complaints += chaos_complain("%s-%d offset %" PRId64
		    ": number %" PRId64 " behind %" PRId64, p->topic, part,
		    m->offset, n, p->last[part]);
	else if (!p->keyed && n != p->last[part] + 1)
		p->complaints += chaos_complain("%s-%d: numbers %" PRId64
		    " to %" PRId64 " are lost", p->topic, part,
		    p->last[part] + 1, n - 1);
	if (seen != 0 && seen != n + 1)
		p->complaints += chaos_complain("%s-%d: offset %" PRId64
		    " had number %" PRId64 ", now %" PRId64, p->topic, part,
		    m->offset, seen - 1, n);
	if (acked != 0 && acked != m->offset + 1)
		p->complaints += chaos_complain("%s-%d: number %" PRId64
		    " was acknowledged at offset %" PRId64 ", is at %" PRId64,
		    p->topic, part, n, acked - 1, m->offset);
	p->last[part] = n;
	p->newest[part][n % KEYS] = n + 1;
}

/* All was delivered: the last number is there, of each key. */
static void
hold_end(struct produce *p, int part)
{
	int64_t n, last = p->next[part] - 1;

	if (p->last[part] != last)
		p->complaints += chaos_complain("%s-%d ends with number %"
		    PRId64 ", not %" PRId64, p->topic, part, p->last[part],
		    last);
	for (n = last; p->keyed && n >= 0 && n > last - KEYS; n--)
		if (p->newest[part][n % KEYS] != n + 1)
			p->complaints += chaos_complain("%s-%d: key k%d ends "
			    "with %" PRId64 ", not %" PRId64, p->topic, part,
			    (int)(n % KEYS), p->newest[part][n % KEYS] - 1,
			    n);
}

static unsigned
check(void *arg, uint64_t *did)
{
	struct produce *p = arg;
	unsigned complaints;
	int i;

	chaos_read(p->chaos, p->topic, PARTITIONS, false, hold, p);
	for (i = 0; i < PARTITIONS; i++) {
		hold_end(p, i);
		free(p->acked[i]);
		free(p->seen[i]);
	}
	*did = p->did;
	complaints = p->complaints;
	free(p);
	return (complaints);
}

const struct chaos_worker chaos_plain = {
	"plain", make_plain, run, check
}, chaos_keyed = {
	"keyed", make_keyed, run, check
};
