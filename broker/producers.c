/*
 * A map from producer id to its state, and two lists: of those with an open
 * transaction, by its first offset, and of the others by the time of the last
 * write.  Expiry and the limit look only at the head of the second; what the
 * first can grow to is bounded by the open transactions of the coordinator.
 *
 * Sequence numbers count records, 31 bits, and go on with 0 behind INT32_MAX.
 * A batch's first and last number together identify it.  A producer without
 * state (expired, or from before a deleted log) may begin at any number
 * (KIP-360); with a new epoch, from a batch or a marker, it must begin at 0.
 * The broker's own batches (staged offsets) have no number.
 */
#include "broker/producers.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/map.h"
#include "base/mem.h"
#include "kafka/errors.h"

#define SNAPSHOT_VERSION	1
#define SNAPSHOT_HEADER		10	/* version, CRC, count */
#define SNAPSHOT_ENTRY		46

struct written {
	int32_t	 first, last;		/* sequence numbers */
	int64_t	 last_offset;
	int32_t	 delta;			/* last offset - base offset */
	int64_t	 timestamp;
};

struct producer {
	TAILQ_ENTRY(producer) link;
	int64_t		 id;
	int16_t		 epoch;
	int32_t		 coordinator_epoch;	/* of the last marker, or -1 */
	int64_t		 txn_first_offset;	/* -1: no open transaction */
	int64_t		 timestamp;		/* of the last batch */
	int64_t		 touched;		/* when it wrote last */
	unsigned	 n;			/* batches kept */
	struct written	 batches[PRODUCERS_BATCHES]; /* oldest first */
};

TAILQ_HEAD(producer_list, producer);

struct producers {
	struct map		*by_id;
	struct producer_list	 open;		/* by txn_first_offset */
	struct producer_list	 idle;		/* oldest write first */
	size_t			 max;
};

struct producers *
producers_new(size_t max)
{
	struct producers *p = xcalloc(1, sizeof *p);

	p->by_id = map_new();
	p->max = max;
	TAILQ_INIT(&p->open);
	TAILQ_INIT(&p->idle);
	return (p);
}

static struct slice
id_key(const int64_t *id)
{
	return (slice_of(id, sizeof *id));
}

static struct producer_list *
list_of(struct producers *p, const struct producer *x)
{
	return (x->txn_first_offset == -1 ? &p->idle : &p->open);
}

static void
forget(struct producers *p, struct producer *x)
{
	TAILQ_REMOVE(list_of(p, x), x, link);
	(void)map_remove(p->by_id, id_key(&x->id));
	free(x);
}

static void
clear(struct producers *p)
{
	while (!TAILQ_EMPTY(&p->open))
		forget(p, TAILQ_FIRST(&p->open));
	while (!TAILQ_EMPTY(&p->idle))
		forget(p, TAILQ_FIRST(&p->idle));
}

/* Opens a transaction at first, or ends it (-1), and puts x into its list.
 * They open in the order of their offsets, so the walk is short. */
static void
set_first(struct producers *p, struct producer *x, int64_t first)
{
	struct producer *y;

	TAILQ_REMOVE(list_of(p, x), x, link);
	x->txn_first_offset = first;
	if (first == -1) {
		TAILQ_INSERT_TAIL(&p->idle, x, link);
		return;
	}
	TAILQ_FOREACH_REVERSE(y, &p->open, producer_list, link)
		if (y->txn_first_offset <= first) {
			TAILQ_INSERT_AFTER(&p->open, y, x, link);
			return;
		}
	TAILQ_INSERT_HEAD(&p->open, x, link);
}

void
producers_free(struct producers *p)
{
	if (p == NULL)
		return;
	clear(p);
	map_free(p->by_id);
	free(p);
}

size_t
producers_count(const struct producers *p)
{
	return (map_size(p->by_id));
}

static struct producer *
find(const struct producers *p, int64_t id)
{
	return (map_get(p->by_id, id_key(&id)));
}

static struct producer *
add(struct producers *p, int64_t id, int16_t epoch)
{
	struct producer *x;

	if (producers_count(p) >= p->max && !TAILQ_EMPTY(&p->idle))
		forget(p, TAILQ_FIRST(&p->idle));
	x = xcalloc(1, sizeof *x);
	x->id = id;
	x->epoch = epoch;
	x->coordinator_epoch = -1;
	x->txn_first_offset = -1;
	(void)map_put(p->by_id, id_key(&x->id), x);
	TAILQ_INSERT_TAIL(&p->idle, x, link);
	return (x);
}

/* The state of this id, made when it is new; now the youngest. */
static struct producer *
touch(struct producers *p, int64_t id, int16_t epoch, int64_t now)
{
	struct producer *x = find(p, id);

	if (x == NULL)
		x = add(p, id, epoch);
	else if (x->txn_first_offset == -1) {
		TAILQ_REMOVE(&p->idle, x, link);
		TAILQ_INSERT_TAIL(&p->idle, x, link);
	}
	if (x->epoch != epoch) {
		x->epoch = epoch;
		x->n = 0;
	}
	x->touched = now;
	return (x);
}

static int32_t
sequence_add(int32_t s, int32_t n)
{
	return ((int32_t)(((uint32_t)s + (uint32_t)n) & INT32_MAX));
}

static int32_t
last_sequence(const struct kbatch *b)
{
	return (sequence_add(b->base_sequence, b->last_offset_delta));
}

static const struct written *
find_written(const struct producer *x, int32_t first, int32_t last)
{
	unsigned i;

	for (i = 0; i < x->n; i++)
		if (x->batches[i].first == first && x->batches[i].last == last)
			return (&x->batches[i]);
	return (NULL);
}

int16_t
producers_check(const struct producers *p, const struct kbatch *b,
    struct producers_seen *seen)
{
	const struct producer *x;
	const struct written *w;

	if (b->producer_id < 0)
		return (KERR_NONE);
	x = find(p, b->producer_id);
	if (x == NULL)
		return (KERR_NONE);
	if (b->producer_epoch < x->epoch)
		return (KERR_INVALID_PRODUCER_EPOCH);
	if (b->producer_epoch > x->epoch)
		return (b->base_sequence == 0 ? KERR_NONE :
		    KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	if (x->n == 0)			/* only markers were seen */
		return (b->base_sequence == 0 ? KERR_NONE :
		    KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	w = find_written(x, b->base_sequence, last_sequence(b));
	if (w != NULL) {
		seen->base_offset = w->last_offset - w->delta;
		seen->timestamp = w->timestamp;
		return (KERR_DUPLICATE_SEQUENCE_NUMBER);
	}
	if (b->base_sequence != sequence_add(x->batches[x->n - 1].last, 1))
		return (KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	return (KERR_NONE);
}

bool
producers_last(const struct producers *p, const struct kbatch *b)
{
	const struct producer *x = find(p, b->producer_id);

	if (x == NULL)
		return (false);
	if ((b->attributes & KATTR_CONTROL) != 0)
		return (x->n == 0 && x->epoch == b->producer_epoch);
	return (x->n > 0 && x->batches[x->n - 1].last_offset ==
	    kbatch_last_offset(b));
}

static void
remember(struct producer *x, const struct written *w)
{
	if (x->n == PRODUCERS_BATCHES) {
		memmove(x->batches, x->batches + 1,
		    (PRODUCERS_BATCHES - 1) * sizeof x->batches[0]);
		x->n--;
	}
	x->batches[x->n++] = *w;
}

void
producers_update(struct producers *p, const struct kbatch *b, int64_t now)
{
	struct producer *x;

	if (b->producer_id < 0)
		return;
	x = touch(p, b->producer_id, b->producer_epoch, now);
	x->timestamp = b->max_timestamp;
	if ((b->attributes & KATTR_TRANSACTIONAL) != 0 &&
	    x->txn_first_offset == -1)
		set_first(p, x, b->base_offset);
	if (b->base_sequence < 0)
		return;
	remember(x, &(struct written){
	    .first = b->base_sequence,
	    .last = last_sequence(b),
	    .last_offset = kbatch_last_offset(b),
	    .delta = b->last_offset_delta,
	    .timestamp = b->max_timestamp,
	});
}

int64_t
producers_end(struct producers *p, const struct kbatch *b,
    int32_t coordinator_epoch, int64_t now)
{
	struct producer *x = find(p, b->producer_id);
	int64_t first;

	if (b->producer_id < 0 || (x != NULL && b->producer_epoch < x->epoch))
		return (-1);
	x = touch(p, b->producer_id, b->producer_epoch, now);
	x->timestamp = b->max_timestamp;
	x->coordinator_epoch = coordinator_epoch;
	first = x->txn_first_offset;
	if (first != -1)
		set_first(p, x, -1);
	return (first);
}

int64_t
producers_open(const struct producers *p, int64_t id, int16_t *epoch)
{
	const struct producer *x = find(p, id);

	*epoch = x == NULL ? -1 : x->epoch;
	return (x == NULL ? -1 : x->txn_first_offset);
}

int64_t
producers_first_open(const struct producers *p)
{
	const struct producer *x = TAILQ_FIRST(&p->open);

	return (x == NULL ? INT64_MAX : x->txn_first_offset);
}

int
producers_scan(struct producers *p, const uint8_t *header, int64_t base,
    int64_t now, struct err *e)
{
	struct kbatch b;

	if (kbatch_parse(slice_of(header, KBATCH_HEADER), &b, e) == -1)
		return (-1);
	b.base_offset = base;
	if ((b.attributes & KATTR_CONTROL) == 0)
		producers_update(p, &b, now);
	return (0);
}

size_t
producers_expire(struct producers *p, int64_t now, int64_t age_ms)
{
	struct producer *x;
	size_t n = 0;

	while ((x = TAILQ_FIRST(&p->idle)) != NULL &&
	    now - x->touched >= age_ms) {
		forget(p, x);
		n++;
	}
	return (n);
}

static const struct written *
newest(const struct producer *x)
{
	static const struct written none = { -1, -1, -1, 0, -1 };

	return (x->n == 0 ? &none : &x->batches[x->n - 1]);
}

static void
tell(const struct producer_list *list,
    void (*fn)(void *, const struct producers_info *), void *ctx)
{
	const struct producer *x;

	TAILQ_FOREACH(x, list, link)
		fn(ctx, &(struct producers_info){
		    .producer_id = x->id,
		    .epoch = x->epoch,
		    .last_sequence = newest(x)->last,
		    .last_timestamp = x->timestamp,
		    .coordinator_epoch = x->coordinator_epoch,
		    .txn_first_offset = x->txn_first_offset,
		});
}

void
producers_each(const struct producers *p,
    void (*fn)(void *, const struct producers_info *), void *ctx)
{
	tell(&p->open, fn, ctx);
	tell(&p->idle, fn, ctx);
}

/*
 * The snapshot.  Apache Kafka writes one entry per producer, its last batch;
 * of several entries for a producer its reader keeps the last one.  We write
 * all batches that are kept, oldest first: so a clean restart does not forget
 * the older ones of five in flight, whose answers may have been lost.
 */

static uint8_t *
entry_encode(const struct producer *x, const struct written *w, uint8_t *q)
{
	q = put_be64(q, (uint64_t)x->id);
	q = put_be16(q, (uint16_t)x->epoch);
	q = put_be32(q, (uint32_t)w->last);
	q = put_be64(q, (uint64_t)w->last_offset);
	q = put_be32(q, (uint32_t)w->delta);
	q = put_be64(q, (uint64_t)(x->n == 0 ? x->timestamp : w->timestamp));
	q = put_be32(q, (uint32_t)x->coordinator_epoch);
	return (put_be64(q, (uint64_t)x->txn_first_offset));
}

static size_t
entries_of(const struct producer_list *list)
{
	const struct producer *x;
	size_t n = 0;

	TAILQ_FOREACH(x, list, link)
		n += x->n == 0 ? 1 : x->n;
	return (n);
}

static uint8_t *
list_encode(const struct producer_list *list, uint8_t *q)
{
	const struct producer *x;
	unsigned i;

	TAILQ_FOREACH(x, list, link) {
		if (x->n == 0)
			q = entry_encode(x, newest(x), q);
		for (i = 0; i < x->n; i++)
			q = entry_encode(x, &x->batches[i], q);
	}
	return (q);
}

uint8_t *
producers_encode(const struct producers *p, size_t *len)
{
	size_t n = entries_of(&p->open) + entries_of(&p->idle);
	uint8_t *buf, *q;

	*len = SNAPSHOT_HEADER + n * SNAPSHOT_ENTRY;
	buf = xmalloc(*len);
	q = put_be16(buf, SNAPSHOT_VERSION) + 4;
	q = put_be32(q, (uint32_t)n);
	q = list_encode(&p->open, q);
	(void)list_encode(&p->idle, q);
	(void)put_be32(buf + 2, crc32c(0, buf + 6, *len - 6));
	return (buf);
}

static void
entry_decode(struct producers *p, const uint8_t *q, int64_t now)
{
	struct producer *x;
	struct written w;
	int64_t first;

	x = touch(p, (int64_t)get_be64(q), (int16_t)get_be16(q + 8), now);
	w.last = (int32_t)get_be32(q + 10);
	w.last_offset = (int64_t)get_be64(q + 14);
	w.delta = (int32_t)get_be32(q + 22);
	w.timestamp = x->timestamp = (int64_t)get_be64(q + 26);
	x->coordinator_epoch = (int32_t)get_be32(q + 34);
	first = (int64_t)get_be64(q + 38);
	set_first(p, x, first < 0 ? -1 : first);
	if (w.last < 0)
		return;
	w.first = (int32_t)(((uint32_t)w.last - (uint32_t)w.delta) & INT32_MAX);
	remember(x, &w);
}

int
producers_decode(struct producers *p, struct slice in, int64_t now,
    struct err *e)
{
	const uint8_t *q;
	uint32_t i, n;

	clear(p);
	if (in.len < SNAPSHOT_HEADER)
		return (err_set(e, ERR_CORRUPT,
		    "producer snapshot is %zu bytes short",
		    SNAPSHOT_HEADER - in.len));
	if (get_be16(in.p) != SNAPSHOT_VERSION)
		return (err_set(e, ERR_CORRUPT,
		    "producer snapshot has version %d, this leat reads %d",
		    get_be16(in.p), SNAPSHOT_VERSION));
	if (get_be32(in.p + 2) != crc32c(0, in.p + 6, in.len - 6))
		return (err_set(e, ERR_CORRUPT,
		    "producer snapshot fails its checksum"));
	n = get_be32(in.p + 6);
	if ((in.len - SNAPSHOT_HEADER) / SNAPSHOT_ENTRY != n ||
	    (in.len - SNAPSHOT_HEADER) % SNAPSHOT_ENTRY != 0)
		return (err_set(e, ERR_CORRUPT,
		    "producer snapshot of %zu bytes counts %u entries",
		    in.len, n));
	q = in.p + SNAPSHOT_HEADER;
	for (i = 0; i < n; i++, q += SNAPSHOT_ENTRY)
		entry_decode(p, q, now);
	return (0);
}
