/*
 * memory: batches by reference, in memory.
 *
 * Room is counted in what a batch pins (its charge) and, where the key is set,
 * in records.  A batch is charged whole until all of it, and all before it, is
 * committed.  An empty channel takes one batch whatever its size, so that a
 * small capacity slows a source down and never stops it.
 *
 * Nothing outlives the process; the sources that can read again do so, as
 * their positions move only when a batch is delivered.
 */
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "channels/channels.h"
#include "channels/lease.h"
#include "channels/ledger.h"

struct item {
	struct unit	 unit;
	struct batch	*batch;
	struct item	*next;		/* in the list of delivered ones */
};

struct memory {
	struct channel	 channel;
	/* settings */
	int64_t		 capacity;	/* records; 0: bytes alone count */
	uint64_t	 byte_capacity;

	struct mutex	 lock;		/* everything below */
	struct cond	 came;
	struct ledger	 ledger;
	uint64_t	 wakes;
	uint64_t	 records, bytes;	/* held or reserved */
	uint64_t	 held_records, held_bytes;
	bool		 starved;	/* a reserve has failed since the last
					   room() */
	uint64_t	 want_records, want_bytes;	/* the least of them */
	struct item	*gone_head, **gone_tail; /* delivered, to be told */
	bool		 telling;
};

static struct memory *
memory_of(struct channel *ch)
{
	return (container_of(ch, struct memory, channel));
}

static int
memory_open(struct channel *ch, struct err *e)
{
	struct memory *m = memory_of(ch);

	(void)e;
	mutex_init(&m->lock);
	cond_init(&m->came);
	m->gone_tail = &m->gone_head;
	return (0);
}

/* --- room --- */

static bool
has_room(const struct memory *m, uint64_t records, uint64_t bytes)
{
	if (m->records == 0 && m->bytes == 0)
		return (true);
	return (m->bytes + bytes <= m->byte_capacity && (m->capacity == 0 ||
	    m->records + records <= (uint64_t)m->capacity));
}

static int
memory_reserve(struct channel *ch, size_t records, size_t bytes, struct err *e)
{
	struct memory *m = memory_of(ch);
	bool room;

	mutex_lock(&m->lock);
	room = has_room(m, records, bytes);
	if (room) {
		m->records += records;
		m->bytes += bytes;
	} else {
		metric_add(&ch->common.full, 1);
		if (!m->starved || records < m->want_records)
			m->want_records = records;
		if (!m->starved || bytes < m->want_bytes)
			m->want_bytes = bytes;
		m->starved = true;
	}
	mutex_unlock(&m->lock);
	return (room ? 0 : err_set(e, ERR_FULL, "the channel is full"));
}

/* Gives room back; true when host->room is to be called, without the lock. */
static bool
release(struct memory *m, uint64_t records, uint64_t bytes)
{
	CHECK(m->records >= records && m->bytes >= bytes);
	m->records -= records;
	m->bytes -= bytes;
	if (!m->starved || !has_room(m, m->want_records, m->want_bytes))
		return (false);
	m->starved = false;
	return (true);
}

static void
memory_cancel(struct channel *ch, size_t records, size_t bytes)
{
	struct memory *m = memory_of(ch);
	bool room;

	mutex_lock(&m->lock);
	room = release(m, records, bytes);
	mutex_unlock(&m->lock);
	if (room)
		ch->host->room(ch);
}

/* --- what is delivered --- */

static void
item_free(struct item *it)
{
	batch_unref(it->batch);
	free(it);
}

/*
 * Takes what is done off the ledger and tells the host.  One thread tells at a
 * time, in order; another one that comes meanwhile leaves its items to it.
 * Called with the lock; returns without it.
 */
static void
settle(struct memory *m)
{
	struct channel *ch = &m->channel;
	struct unit *u;
	struct item *it;
	bool room = false;

	while ((u = ledger_pop(&m->ledger)) != NULL) {
		it = container_of(u, struct item, unit);
		it->next = NULL;
		*m->gone_tail = it;
		m->gone_tail = &it->next;
		m->held_records -= it->batch->n;
		m->held_bytes -= it->batch->charge;
		room |= release(m, it->batch->n, it->batch->charge);
	}
	while (!m->telling && (it = m->gone_head) != NULL) {
		if ((m->gone_head = it->next) == NULL)
			m->gone_tail = &m->gone_head;
		m->telling = true;
		mutex_unlock(&m->lock);
		if (it->batch->cursor.n > 0)
			ch->host->delivered(ch, it->batch->source,
			    &it->batch->cursor);
		item_free(it);
		mutex_lock(&m->lock);
		m->telling = false;
	}
	mutex_unlock(&m->lock);
	if (room)
		ch->host->room(ch);
}

/* --- putting --- */

static void
memory_put(struct channel *ch, struct batch *b, struct completion *stored)
{
	struct memory *m = memory_of(ch);
	struct item *it = xmalloc(sizeof *it);

	it->batch = batch_ref(b);
	mutex_lock(&m->lock);
	ledger_add(&m->ledger, &it->unit, b->n);
	m->held_records += b->n;
	m->held_bytes += b->charge;
	metric_add(&ch->common.put_records, b->n);
	metric_add(&ch->common.put_bytes, (int64_t)b->bytes);
	if (b->n > 0)
		cond_signal(&m->came);
	settle(m);
	completion_done(stored, NULL);
}

/* --- taking --- */

static void
lease_next(struct memory *m, struct unit *u, uint32_t first, uint32_t n,
    struct lease *l, uint32_t records, size_t bytes)
{
	struct item *it = container_of(u, struct item, unit);

	*l = (struct lease){ .channel = &m->channel, .batch = it->batch,
	    .first = first, .hint = it->batch->hint, .priv = it };
	l->n = lease_fit(it->batch, first, n, records, bytes, &l->bytes);
	ledger_lease(&m->ledger, l->n);
	metric_add(&m->channel.common.taken_records, l->n);
}

static int
memory_take(struct channel *ch, struct lease *l, uint32_t records,
    size_t bytes, int timeout_ms, struct err *e)
{
	struct memory *m = memory_of(ch);
	int64_t until = clock_mono_ns() + (int64_t)timeout_ms * 1000000;
	uint32_t first, n;
	struct unit *u;
	uint64_t wakes;
	bool got;

	(void)e;
	mutex_lock(&m->lock);
	wakes = m->wakes;
	while (!(got = ledger_peek(&m->ledger, &u, &first, &n)) &&
	    m->wakes == wakes && timeout_ms > 0 &&
	    cond_wait_until(&m->came, &m->lock, until))
		continue;
	if (got)
		lease_next(m, u, first, n, l, records, bytes);
	mutex_unlock(&m->lock);
	return (got);
}

static int
memory_commit(struct channel *ch, struct lease *l, struct err *e)
{
	struct memory *m = memory_of(ch);
	struct item *it = l->priv;

	(void)e;
	mutex_lock(&m->lock);
	ledger_commit(&m->ledger, &it->unit, l->n);
	metric_add(&ch->common.committed_records, l->n);
	settle(m);
	return (0);
}

static void
memory_rollback(struct channel *ch, struct lease *l)
{
	struct memory *m = memory_of(ch);
	struct item *it = l->priv;

	mutex_lock(&m->lock);
	ledger_rollback(&m->ledger, &it->unit, l->first, l->n);
	metric_add(&ch->common.rolled_back_records, l->n);
	cond_signal(&m->came);
	mutex_unlock(&m->lock);
}

static void
memory_wake(struct channel *ch)
{
	struct memory *m = memory_of(ch);

	mutex_lock(&m->lock);
	m->wakes++;
	cond_broadcast(&m->came);
	mutex_unlock(&m->lock);
}

static void
memory_fill(struct channel *ch, struct channel_fill *f)
{
	struct memory *m = memory_of(ch);

	mutex_lock(&m->lock);
	*f = (struct channel_fill){ m->held_records, m->held_bytes,
	    (uint64_t)m->capacity, m->byte_capacity };
	mutex_unlock(&m->lock);
}

/* --- the end --- */

static int
memory_cursor(struct channel *ch, const char *source, struct cursor_set *out,
    struct err *e)
{
	(void)ch;
	(void)source;
	(void)e;
	cursor_set_clear(out);
	return (0);
}

static void
memory_close(struct channel *ch)
{
	struct memory *m = memory_of(ch);
	struct unit *u;

	if (m->held_records > 0)
		log_info(ch->who, "%llu records were not delivered; sources "
		    "that can read again do so at the next start",
		    (unsigned long long)m->held_records);
	while ((u = ledger_drop(&m->ledger)) != NULL)
		item_free(container_of(u, struct item, unit));
	ledger_fini(&m->ledger);
	cond_fini(&m->came);
	mutex_fini(&m->lock);
}

static const struct setting settings[] = {
	SETTING_INT(struct memory, capacity, "capacity", .min = "1",
	    .doc = "Most records in the channel. Not set: byteCapacity alone "
	    "counts (Flume: 100)."),
	SETTING_SIZE(struct memory, byte_capacity, "byteCapacity",
	    .def = "16MiB", .min = "1", .doc = "Most bytes of memory that "
	    "batches in the channel may pin. A batch that is larger is taken "
	    "when the channel is empty."),
	SETTING_NOOP("byteCapacityBufferPercentage", "Headers are counted as "
	    "they are; no share is set aside for them."),
	SETTING_NOOP("transactionCapacity", "A transaction is a batch, as the "
	    "source reads it and as the sink asks for it."),
	SETTING_NOOP("keep-alive", "Nobody waits in a full channel: the source "
	    "is paused and goes on when there is room."),
	SETTING_END
};

static void
memory_free(struct channel *ch)
{
	settings_fini(settings, memory_of(ch));
	free(memory_of(ch));
}

static const char *const aliases[] = {
	"org.apache.flume.channel.MemoryChannel", NULL
};

const struct channel_ops channel_memory = {
	.plugin = {
		.name = "memory",
		.aliases = aliases,
		.doc = "Keeps batches in memory: fast, and empty after a "
		    "restart; files are then read again from where delivery "
		    "stood.",
		.size = sizeof (struct memory),
		.settings = settings
	},
	.open = memory_open,
	.cursor = memory_cursor,
	.reserve = memory_reserve,
	.cancel = memory_cancel,
	.put = memory_put,
	.take = memory_take,
	.commit = memory_commit,
	.rollback = memory_rollback,
	.wake = memory_wake,
	.fill = memory_fill,
	.close = memory_close,
	.free = memory_free
};
