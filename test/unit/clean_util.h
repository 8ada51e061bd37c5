/*
 * What the tests of compaction share: a log whose every record is remembered,
 * and a reader that holds what is left of it against that.
 */
#ifndef TEST_UNIT_CLEAN_UTIL_H
#define TEST_UNIT_CLEAN_UTIL_H

#include "test/unit/seglog_util.h"

#include "kafka/compress.h"

#define CLEAN_MOST	4096
#define CLEAN_KEYS	64
#define CLEAN_NOW	1000000

enum clean_fate { FATE_OPEN, FATE_COMMITTED, FATE_ABORTED };

struct clean_record {
	int	 key;		/* -1: a marker */
	int	 value;		/* -1: a tombstone */
	int64_t	 producer;	/* -1: none */
	bool	 txn;
	bool	 abort;		/* of a marker */
	enum clean_fate fate;
};

struct clean_model {
	struct clean_record	 v[CLEAN_MOST];	/* by offset */
	int64_t			 n;
	int64_t			 start;		/* deleted below */
};

static inline void
clean_key(int key, char buf[32])
{
	snprintf(buf, 32, "key-%d", key);
}

static inline void
clean_append(struct seglog *log, uint8_t *bytes, size_t size)
{
	struct seglog_batch b;

	memcpy(b.header, bytes, SEGLOG_HEADER);
	b.body = slice_of(bytes + SEGLOG_HEADER, size - SEGLOG_HEADER);
	UNIT_OK(seglog_append(log, &b, 1, e));
}

/* What a batch is like. */
struct clean_batch {
	int	 codec;
	int64_t	 ts;
	int64_t	 producer;
	int32_t	 sequence;
	bool	 txn;
};
#define CLEAN_PLAIN	{ .ts = 1, .producer = -1, .sequence = -1 }

/* One batch of n records; value -1: none. */
static inline void
clean_put(struct clean_model *m, struct seglog *log,
    const struct clean_batch *how, const int *keys, const int *values, int n)
{
	static uint8_t plain[LOG_BATCH_MAX], packed[2 * LOG_BATCH_MAX];
	struct krecord_header header = { SLICE("h"), SLICE("x") };
	struct kbuilder b;
	char key[32], value[48];
	size_t size;
	int i;

	kbuilder_init(&b, plain, sizeof plain, how->ts);
	b.producer_id = how->producer;
	b.producer_epoch = how->producer < 0 ? -1 : 0;
	b.base_sequence = how->sequence;
	b.attributes = how->txn ? KATTR_TRANSACTIONAL : 0;
	for (i = 0; i < n; i++) {
		clean_key(keys[i], key);
		snprintf(value, sizeof value, "%d of %s", values[i], key);
		ck_assert(kbuilder_add(&b, how->ts + i, slice_str(key),
		    values[i] == -1 ? SLICE_NULL : slice_str(value), &header,
		    i % 2 == 0));
		if (m != NULL) {
			ck_assert_int_lt(m->n, CLEAN_MOST);
			m->v[m->n++] = (struct clean_record){ keys[i],
			    values[i], how->producer, how->txn, false,
			    how->txn ? FATE_OPEN : FATE_COMMITTED };
		}
	}
	size = kbuilder_finish(&b);
	if (how->codec != KCODEC_NONE) {
		UNIT_OK(kbatch_compress(slice_of(plain, size), how->codec,
		    1, packed, sizeof packed, &size, e));
		clean_append(log, packed, size);
	} else
		clean_append(log, plain, size);
}

static inline void
clean_one(struct clean_model *m, struct seglog *log, int key, int value)
{
	struct clean_batch how = CLEAN_PLAIN;

	clean_put(m, log, &how, &key, &value, 1);
}

static inline void
clean_marker(struct clean_model *m, struct seglog *log, int64_t producer,
    bool abort)
{
	uint8_t buf[KBATCH_CONTROL_SIZE];
	int64_t i;

	kbatch_control(buf, abort ? KCONTROL_ABORT : KCONTROL_COMMIT, producer,
	    0, 0, 1);
	clean_append(log, buf, sizeof buf);
	for (i = 0; i < m->n; i++)
		if (m->v[i].txn && m->v[i].producer == producer &&
		    m->v[i].fate == FATE_OPEN)
			m->v[i].fate = abort ? FATE_ABORTED : FATE_COMMITTED;
	m->v[m->n++] = (struct clean_record){ -1, -1, producer, true, abort,
	    FATE_COMMITTED };
}

static inline bool
clean_remembers_none(void *ctx, const struct kbatch *b)
{
	(void)ctx;
	(void)b;
	return (false);
}

static inline struct seglog_cleaning
clean_settings(void)
{
	return ((struct seglog_cleaning){
		.upto = INT64_MAX, .now_ms = CLEAN_NOW,
		.delete_retention_ms = 1000, .segment_bytes = 1 << 20,
		.map_bytes = 1 << 16, .max_inflated = 1 << 20,
		.remember = clean_remembers_none });
}

/* --- reading it back --- */

struct clean_seen {
	bool	 there[CLEAN_MOST];	/* by offset */
	int64_t	 last[CLEAN_KEYS];	/* offset of the last value a reader of
					   committed records sees; -1 none */
	int	 batches, empty, markers, records;
	char	 wrong[160];
};

static inline void
clean_wrong(struct clean_seen *s, const char *what, int64_t a)
{
	if (s->wrong[0] == '\0')
		snprintf(s->wrong, sizeof s->wrong, "%s at %lld", what,
		    (long long)a);
}

static inline void
clean_look(const struct clean_model *m, struct clean_seen *s,
    const struct krecord *r)
{
	const struct clean_record *want = &m->v[r->offset % CLEAN_MOST];
	char key[32], value[48];

	clean_key(want->key, key);
	snprintf(value, sizeof value, "%d of %s", want->value, key);
	if (r->offset >= m->n)
		clean_wrong(s, "an offset that was never written", r->offset);
	else if (!slice_eq_str(r->key, key) ||
	    (want->value == -1) != (r->value.p == NULL) ||
	    (want->value != -1 && !slice_eq_str(r->value, value)))
		clean_wrong(s, "another record", r->offset);
	else {
		s->there[r->offset] = true;
		s->records++;
		if (want->fate != FATE_ABORTED)
			s->last[want->key] = want->value == -1 ? -1 :
			    r->offset;
	}
}

static inline void
clean_look_batch(const struct clean_model *m, struct clean_seen *s,
    struct slice bytes, int64_t *prev)
{
	struct kiter it = KITER_INIT;
	struct krecord r;
	struct kbatch b;
	int64_t max = -1;
	int rc = 0;

	if (kbatch_check(bytes, &b, NULL) == -1 || b.base_offset <= *prev) {
		clean_wrong(s, "a bad batch", *prev);
		return;
	}
	*prev = kbatch_last_offset(&b);
	s->batches++;
	if (b.count == 0)
		s->empty++;
	if ((b.attributes & KATTR_CONTROL) != 0) {
		s->markers++;
		s->there[b.base_offset] = true;
		return;
	}
	if (kiter_open(&it, bytes, 1 << 20, NULL) == -1)
		clean_wrong(s, "it does not unfold", b.base_offset);
	else
		while ((rc = kiter_next(&it, &r, NULL)) == 1) {
			clean_look(m, s, &r);
			if (r.timestamp > max)
				max = r.timestamp;
		}
	if (rc == -1 || max != b.max_timestamp)
		clean_wrong(s, "records or their timestamps", b.base_offset);
	kiter_close(&it);
}

/* Reads all of the log. */
static inline void
clean_read(const struct clean_model *m, struct seglog *log,
    struct clean_seen *s)
{
	int64_t at = seglog_start(log), prev = at - 1;
	static uint8_t buf[4 * LOG_BATCH_MAX];
	struct seglog_range r;
	int i;

	memset(s, 0, sizeof *s);
	for (i = 0; i < CLEAN_KEYS; i++)
		s->last[i] = -1;
	while (s->wrong[0] == '\0' && seglog_read(log, at, INT64_MAX, 1, true,
	    &r, NULL) == 0 && r.len > 0) {
		ck_assert_uint_le(r.len, sizeof buf);
		fs_pread(r.fd, buf, r.len, r.pos, NULL);
		clean_look_batch(m, s, slice_of(buf, r.len), &prev);
		at = r.next;
		seglog_release(&r);
	}
	seglog_release(&r);
	if (at != seglog_end(log))
		clean_wrong(s, "the reading ends early", at);
}

/*
 * What compaction up to cleaned may have left of records 0 to end: of each key
 * the last committed value is there, what was not cleaned is there, nothing
 * comes back.
 */
static inline void
clean_check(const struct clean_model *m, struct clean_seen *s, int64_t cleaned,
    int64_t end)
{
	int64_t want[CLEAN_KEYS], i;
	int k;

	for (k = 0; k < CLEAN_KEYS; k++)
		want[k] = -1;
	for (i = m->start; i < end; i++) {
		if (i >= cleaned && !s->there[i])
			clean_wrong(s, "not cleaned and gone", i);
		if (m->v[i].key >= 0 && m->v[i].fate != FATE_ABORTED)
			want[m->v[i].key] = m->v[i].value == -1 ? -1 : i;
	}
	for (k = 0; k < CLEAN_KEYS; k++)
		if (want[k] != s->last[k])
			clean_wrong(s, want[k] == -1 ? "a key came back" :
			    "the last value is not", want[k] == -1 ?
			    s->last[k] : want[k]);
}

#endif
