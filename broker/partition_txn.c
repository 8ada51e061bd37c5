/*
 * The producers say which transactions are open and where they began; here is
 * what they do not know: who may write in one, which ones have ended with a
 * marker that is not synced yet, and which were aborted.
 *
 * `unstable` is the lowest first offset of the open ones and of those whose
 * marker is not synced; it is set before the append that opens the first, so
 * that no sync of that append comes earlier.  Hence a reader who loads the
 * synced end first and `unstable` second never sees a record whose transaction
 * was undecided when it was synced.
 */
#include "broker/partition_txn.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "broker/producers.h"
#include "broker/txn_index.h"
#include "broker/txns.h"
#include "kafka/errors.h"
#include "kafka/records.h"

/* A producer may write in a transaction here. */
struct permission {
	int64_t	 producer_id;
	int16_t	 epoch;
};

/* A transaction whose marker is not synced yet. */
struct ended {
	STAILQ_ENTRY(ended) link;
	int64_t		 first, last;	/* last: the marker */
};

struct partition_txns {		/* owner: the partition's mutex, but: */
	_Atomic int64_t		 unstable;	/* INT64_MAX: nothing is */
	struct map		*permissions;	/* by producer id; NULL: none */
	STAILQ_HEAD(, ended)	 ended;		/* by marker */
	struct txn_index	*index;		/* has a mutex */
	int64_t			 segment;	/* that it knows as active */
	/* While it opens with a damaged index: the producers of the part of
	 * the log that their snapshot knows already. */
	struct producers	*before;
};

/* --- the last stable offset --- */

static void
set_unstable(struct partition *p)
{
	int64_t first = producers_first_open(p->producers);
	const struct ended *x;

	STAILQ_FOREACH(x, &p->txns->ended, link)
		if (x->first < first)
			first = x->first;
	atomic_store_explicit(&p->txns->unstable, first, memory_order_release);
}

int64_t
partition_stable(struct partition *p)
{
	int64_t synced = seglog_synced(p->log), start = seglog_start(p->log);
	int64_t unstable = atomic_load_explicit(&p->txns->unstable,
	    memory_order_acquire);

	if (unstable >= synced)
		return (synced);
	return (unstable < start ? start : unstable);
}

void
partition_txn_synced(struct partition *p, int64_t synced)
{
	struct ended *x;

	if (STAILQ_EMPTY(&p->txns->ended))
		return;
	while ((x = STAILQ_FIRST(&p->txns->ended)) != NULL &&
	    x->last < synced) {
		STAILQ_REMOVE_HEAD(&p->txns->ended, link);
		free(x);
	}
	set_unstable(p);
}

/* --- what is appended, or found in the log --- */

/*
 * A marker at b->base_offset: ends what is open by the state in q.  Where that
 * began; -1: nothing was.
 */
static int64_t
end_by(struct partition *p, struct producers *q, const struct kbatch *b,
    int16_t type, int32_t coordinator_epoch)
{
	int64_t first, next;

	first = producers_end(q, b, coordinator_epoch, clock_wall_ms());
	if (first == -1 || type != KCONTROL_ABORT)
		return (first);
	next = producers_first_open(q);
	txn_index_add(p->txns->index, &(struct txn_entry){
	    .producer_id = b->producer_id, .first = first,
	    .last = b->base_offset,
	    .stable = next < b->base_offset ? next : b->base_offset + 1 });
	return (first);
}

static bool
is_marker(struct slice batch, int16_t *type, int32_t *coordinator_epoch)
{
	return (kbatch_control_parse(batch, type, coordinator_epoch,
	    NULL) == 0 && (*type == KCONTROL_ABORT ||
	    *type == KCONTROL_COMMIT));
}

static void
appended_marker(struct partition *p, const struct seglog_batch *sb,
    const struct kbatch *b)
{
	uint8_t bytes[2 * KBATCH_CONTROL_SIZE];
	int32_t coordinator_epoch;
	struct ended *x;
	int64_t first;
	int16_t type;

	if (sb->body.len > sizeof bytes - SEGLOG_HEADER)
		return;
	memcpy(bytes, sb->header, SEGLOG_HEADER);
	memcpy(bytes + SEGLOG_HEADER, sb->body.p, sb->body.len);
	if (!is_marker(slice_of(bytes, SEGLOG_HEADER + sb->body.len), &type,
	    &coordinator_epoch))
		return;
	first = end_by(p, p->producers, b, type, coordinator_epoch);
	if (first == -1)
		return;
	x = xmalloc(sizeof *x);
	x->first = first;
	x->last = b->base_offset;
	STAILQ_INSERT_TAIL(&p->txns->ended, x, link);
}

static bool
parse(const struct seglog_batch *sb, struct kbatch *b)
{
	return (kbatch_parse(slice_of(sb->header, SEGLOG_HEADER), b,
	    NULL) == 0 && b->producer_id >= 0);
}

void
partition_txn_appending(struct partition *p, const struct seglog_batch *v,
    size_t n)
{
	struct kbatch b;
	size_t i;

	if (atomic_load(&p->txns->unstable) != INT64_MAX)
		return;
	for (i = 0; i < n; i++)
		if (parse(&v[i], &b) &&
		    (b.attributes & KATTR_TRANSACTIONAL) != 0) {
			atomic_store_explicit(&p->txns->unstable,
			    seglog_end(p->log), memory_order_release);
			return;
		}
}

void
partition_txn_appended(struct partition *p, const struct seglog_batch *v,
    size_t n)
{
	struct kbatch b;
	size_t i;

	if (n > 0)
		partition_txn_rolled(p);
	for (i = 0; i < n; i++) {
		if (!parse(&v[i], &b))
			continue;
		b.base_offset = v[i].base_offset;
		if ((b.attributes & KATTR_CONTROL) != 0)
			appended_marker(p, &v[i], &b);
		else
			producers_update(p->producers, &b, clock_wall_ms());
	}
	if (atomic_load(&p->txns->unstable) != INT64_MAX)
		set_unstable(p);
}

void
partition_txn_rolled(struct partition *p)
{
	uint64_t bytes;
	int64_t base;

	seglog_active(p->log, &base, &bytes);
	if (base == p->txns->segment)
		return;
	p->txns->segment = base;
	txn_index_segment(p->txns->index, base);
}

void
partition_txn_trimmed(struct partition *p)
{
	txn_index_trim(p->txns->index, seglog_start(p->log));
}

int
partition_txn_save(struct partition *p, struct err *e)
{
	return (txn_index_sync(p->txns->index, e));
}

/* --- opening and closing --- */

int64_t
partition_txn_load(struct partition *p, const char *name)
{
	struct broker *b = p->topic->broker;
	struct partition_txns *x = xcalloc(1, sizeof *x);

	p->txns = x;
	atomic_init(&x->unstable, INT64_MAX);
	x->segment = -1;
	STAILQ_INIT(&x->ended);
	if (txn_index_load(&x->index, b->fs, p->dirfd, name, p->snapshot))
		return (p->snapshot);
	x->before = producers_new((size_t)b->cfg.max_producers);
	return (0);
}

/* Whose state a batch at this offset changes. */
static struct producers *
state_at(struct partition *p, int64_t offset)
{
	return (p->txns->before != NULL && offset < p->snapshot ?
	    p->txns->before : p->producers);
}

int
partition_txn_scan(struct partition *p, const uint8_t *header, int64_t base,
    struct err *e)
{
	return (producers_scan(state_at(p, base), header, base,
	    clock_wall_ms(), e));
}

int
partition_txn_scan_control(struct partition *p, struct slice batch,
    struct err *e)
{
	int32_t coordinator_epoch;
	struct kbatch b;
	int16_t type;

	if (kbatch_parse(batch, &b, e) == -1)
		return (-1);
	if (is_marker(batch, &type, &coordinator_epoch))
		(void)end_by(p, state_at(p, b.base_offset), &b, type,
		    coordinator_epoch);
	return (0);
}

int
partition_txn_settle(struct partition *p, struct err *e)
{
	producers_free(p->txns->before);
	p->txns->before = NULL;
	set_unstable(p);
	return (txn_index_settle(p->txns->index, e));
}

static void
free_permissions(struct map *m)
{
	size_t it = 0;
	void *x;

	if (m == NULL)
		return;
	while (map_next(m, &it, NULL, &x))
		free(x);
	map_free(m);
}

void
partition_txn_free(struct partition *p)
{
	struct partition_txns *t = p->txns;
	struct ended *x;

	if (t == NULL)
		return;
	while ((x = STAILQ_FIRST(&t->ended)) != NULL) {
		STAILQ_REMOVE_HEAD(&t->ended, link);
		free(x);
	}
	free_permissions(t->permissions);
	txn_index_free(t->index);
	producers_free(t->before);
	free(t);
	p->txns = NULL;
}

/* --- for the coordinator --- */

static struct slice
id_key(const int64_t *id)
{
	return (slice_of(id, sizeof *id));
}

static struct permission *
find_permission(struct partition *p, int64_t id)
{
	return (p->txns->permissions == NULL ? NULL :
	    map_get(p->txns->permissions, id_key(&id)));
}

static void
permit(struct partition *p, int64_t id, int16_t epoch)
{
	struct permission *x = find_permission(p, id);

	if (x == NULL) {
		if (p->txns->permissions == NULL)
			p->txns->permissions = map_new();
		x = xmalloc(sizeof *x);
		*x = (struct permission){ id, epoch };
		(void)map_put(p->txns->permissions, id_key(&x->producer_id),
		    x);
	}
	if (epoch > x->epoch)
		x->epoch = epoch;
}

int
partition_txn_begin(struct partition *p, int64_t producer_id, int16_t epoch,
    struct err *e)
{
	int rc = 0;

	if (partition_open(p, e) == -1)
		return (-1);
	mutex_lock(&p->lock);
	if (partition_is_open(p))
		permit(p, producer_id, epoch);
	else
		rc = err_set(e, ERR_NOT_FOUND, "the topic was deleted");
	mutex_unlock(&p->lock);
	return (rc);
}

int16_t
partition_txn_check_locked(struct partition *p, int64_t producer_id,
    int16_t epoch)
{
	const struct permission *x = find_permission(p, producer_id);
	int16_t known;

	mutex_assert_held(&p->lock);
	(void)producers_open(p->producers, producer_id, &known);
	if (known > epoch || (x != NULL && x->epoch > epoch))
		return (KERR_INVALID_PRODUCER_EPOCH);
	if (x != NULL && x->epoch == epoch)
		return (KERR_NONE);
	return (txns_known(p->topic->broker) ? KERR_INVALID_TXN_STATE :
	    KERR_COORDINATOR_LOAD_IN_PROGRESS);
}

bool
partition_txn_has(struct partition *p, int64_t producer_id, int16_t epoch)
{
	const struct permission *x;
	bool has;

	mutex_lock(&p->lock);
	x = p->txns == NULL ? NULL : find_permission(p, producer_id);
	has = x != NULL && x->epoch == epoch;
	mutex_unlock(&p->lock);
	return (has);
}

static void
revoke(struct partition *p, const struct txn_marker *m)
{
	struct permission *x = find_permission(p, m->producer_id);

	if (x == NULL || x->epoch > m->epoch)
		return;
	(void)map_remove(p->txns->permissions, id_key(&m->producer_id));
	free(x);
}

static int
append_marker(struct partition *p, const struct txn_marker *m,
    struct sync_wait *wait, struct err *e)
{
	uint8_t bytes[KBATCH_CONTROL_SIZE];
	struct seglog_batch sb;

	kbatch_control(bytes, m->commit ? KCONTROL_COMMIT : KCONTROL_ABORT,
	    m->producer_id, m->epoch, m->coordinator_epoch, clock_wall_ms());
	memcpy(sb.header, bytes, SEGLOG_HEADER);
	sb.body = slice_of(bytes + SEGLOG_HEADER,
	    sizeof bytes - SEGLOG_HEADER);
	return (partition_append_locked(p, &sb, 1, APPEND_RESERVE, wait, e));
}

static int16_t
check_foreign(struct partition *p, const struct txn_marker *m, int64_t *first)
{
	int16_t epoch;

	if (!txns_known(p->topic->broker))
		return (KERR_COORDINATOR_LOAD_IN_PROGRESS);
	*first = producers_open(p->producers, m->producer_id, &epoch);
	if (find_permission(p, m->producer_id) != NULL)
		return (KERR_INVALID_TXN_STATE);
	if (*first == -1)
		return (KERR_NONE);
	if (epoch != m->epoch)
		return (KERR_INVALID_PRODUCER_EPOCH);
	return (KERR_NONE);
}

int16_t
partition_txn_foreign(struct partition *p, const struct txn_marker *m,
    int64_t *first)
{
	struct err err = ERR_INIT;
	int16_t error;

	*first = -1;
	if (partition_open(p, &err) == -1)
		return (err.code == ERR_NOT_FOUND ?
		    KERR_UNKNOWN_TOPIC_OR_PARTITION :
		    KERR_KAFKA_STORAGE_ERROR);
	mutex_lock(&p->lock);
	error = check_foreign(p, m, first);
	mutex_unlock(&p->lock);
	return (error);
}

/* -> 0, 1: nothing is open, -1. */
static int
admit_foreign(struct partition *p, const struct txn_marker *m, struct err *e)
{
	int16_t error;
	int64_t first;

	if (!m->foreign)
		return (0);
	error = check_foreign(p, m, &first);
	if (error != KERR_NONE)
		return (err_set(e, ERR_REFUSED, "%s", kerr_text(error)));
	return (first == -1);
}

int
partition_txn_end(struct partition *p, const struct txn_marker *m,
    struct sync_wait *wait, struct err *e)
{
	char name[272];
	int16_t known;
	int rc;

	if (partition_open(p, e) == -1)
		return (-1);
	mutex_lock(&p->lock);
	if ((rc = admit_foreign(p, m, e)) != 0) {
		mutex_unlock(&p->lock);
		if (rc == 1 && wait != NULL)
			partition_wait(p, wait);
		return (rc == 1 ? 0 : -1);
	}
	revoke(p, m);
	(void)producers_open(p->producers, m->producer_id, &known);
	if (known <= m->epoch)
		rc = append_marker(p, m, wait, e);
	mutex_unlock(&p->lock);
	if (known <= m->epoch)
		return (rc);
	/* A producer of a higher epoch writes here: nothing of the older one
	 * is open any more. */
	log_warn("broker", "partition=%s: a transaction marker of producer "
	    "%lld with epoch %d came late: epoch %d is there",
	    partition_name(p, name), (long long)m->producer_id, m->epoch,
	    known);
	if (wait != NULL)
		partition_wait(p, wait);
	return (0);
}

int
partition_txn_cleaned(struct partition *p, int64_t upto, struct err *e)
{
	return (txn_index_cleaned(p->txns->index, upto, e));
}

/* --- for readers --- */

int
partition_aborted(struct partition *p, int64_t from, int64_t upto,
    struct aborted_txn **v, size_t *n, struct err *e)
{
	struct txn_entry *found;
	size_t i;

	if (txn_index_find(p->txns->index, from, upto, &found, n, e) == -1)
		return (-1);
	*v = *n == 0 ? NULL : xreallocarray(NULL, *n, sizeof **v);
	for (i = 0; i < *n; i++)
		(*v)[i] = (struct aborted_txn){ found[i].producer_id,
		    found[i].first, found[i].last };
	free(found);
	return (0);
}
