/*
 * Transactions in a partition: who may write, what readers of committed
 * records see, and that a restart or a power cut changes nothing of it.
 *
 * A model knows of every offset whose it is and what became of it.  What a
 * consumer with read_committed sees, by the filter that KIP-98 gives clients,
 * is held against it.
 */
#include "test/unit/unit.h"

#include <stdatomic.h>

#include "base/thread.h"
#include "broker/broker_priv.h"
#include "broker/partition.h"
#include "broker/topic.h"
#include "kafka/errors.h"
#include "kafka/records.h"
#include "test/fake/fake_disk.h"
#include "test/unit/broker_bed.h"

static struct bed bed;
static int fd;
static struct topic *topic;
static struct partition *p;

static void
up(const struct fs *fs, const char *dir)
{
	bed_start(&bed, fs, dir, "log.retention.check.interval.ms=3600000",
	    NULL);
	fd = bed_connect(&bed);
	if (bed_topic(fd, "t") == NULL)
		ck_assert_int_eq(bed_create(fd, "t", 1, "segment.bytes=1000"),
		    0);
	topic = topic_find(bed.broker, slice_str("t"));
	p = topic_partition(topic, 0);
	UNIT_OK(partition_open(p, e));
}

static void
down(void)
{
	topic_unref(topic);
	close(fd);
	bed_stop(&bed);
}

/* --- what a producer and its coordinator do --- */

static struct slice
txn_batch(int64_t id, int16_t epoch, int32_t seq, bool transactional, int n)
{
	struct slice s = bed_batch("v", n);

	kbatch_set_producer((uint8_t *)s.p, id, epoch, seq, transactional);
	return (s);
}

static int16_t
put(int version, int64_t id, int16_t epoch, int32_t seq, int64_t *base)
{
	return (bed_produce_bytes(fd, version, "t", 0, -1,
	    txn_batch(id, epoch, seq, true, 1), base));
}

static void
begin(int64_t id, int16_t epoch)
{
	UNIT_OK(partition_txn_begin(p, id, epoch, e));
}

struct done {
	struct sync_wait	 wait;
	struct mutex		 lock;
	struct cond		 cond;
	bool			 there;
};

static void
on_done(struct completion *c, const struct err *err)
{
	struct done *d = container_of(c, struct done, wait.done);

	ck_assert_ptr_null(err);
	mutex_lock(&d->lock);
	d->there = true;
	cond_signal(&d->cond);
	mutex_unlock(&d->lock);
}

/* The marker is synced on return. */
static void
finish(int64_t id, int16_t epoch, bool commit)
{
	struct txn_marker m = { id, epoch, 3, commit };
	struct done d = { .there = false };

	mutex_init(&d.lock);
	cond_init(&d.cond);
	sync_wait_init(&d.wait, NULL, on_done);
	UNIT_OK(partition_txn_end(p, &m, &d.wait, e));
	mutex_lock(&d.lock);
	while (!d.there)
		cond_wait(&d.cond, &d.lock);
	mutex_unlock(&d.lock);
	cond_fini(&d.cond);
	mutex_fini(&d.lock);
}

/* --- a consumer with read_committed --- */

static struct km_fetch_response_partition *
fetch(int64_t offset, int8_t isolation)
{
	struct bed_fetch f = { .version = 12, .topic = "t", .offset = offset,
	    .isolation = isolation, .part_bytes = 700 };

	return (bed_fetch(fd, &f));
}

struct reader {
	int64_t	 seen[4096];
	size_t	 n;
	int64_t	 aborting[256];		/* producers */
	size_t	 naborting;
};

static bool
is_aborting(const struct reader *r, int64_t id)
{
	size_t i;

	for (i = 0; i < r->naborting; i++)
		if (r->aborting[i] == id)
			return (true);
	return (false);
}

static void
read_control(struct reader *r, struct slice batch, const struct kbatch *b)
{
	int32_t epoch;
	int16_t type;
	size_t i;

	UNIT_OK(kbatch_control_parse(batch, &type, &epoch, e));
	for (i = 0; type == KCONTROL_ABORT && i < r->naborting; i++)
		if (r->aborting[i] == b->producer_id)
			r->aborting[i] = -1;
}

/* The batches of an answer; the next offset. */
static int64_t
read_batches(struct reader *r, const struct km_fetch_response_partition *a,
    int64_t offset)
{
	struct slice in = a->records;
	struct kbatch b;
	int64_t at;
	int32_t i;

	r->naborting = 0;
	for (; in.len > 0; in.p += kbatch_size(&b), in.len -= kbatch_size(&b)) {
		UNIT_OK(kbatch_check(in, &b, e));
		for (i = 0; i < a->aborted_transactions.n; i++)
			if (a->aborted_transactions.v[i].first_offset >= 0 &&
			    a->aborted_transactions.v[i].first_offset <=
			    kbatch_last_offset(&b)) {
				r->aborting[r->naborting++] =
				    a->aborted_transactions.v[i].producer_id;
				a->aborted_transactions.v[i].first_offset = -1;
			}
		if ((b.attributes & KATTR_CONTROL) != 0)
			read_control(r, in, &b);
		else if ((b.attributes & KATTR_TRANSACTIONAL) == 0 ||
		    !is_aborting(r, b.producer_id))
			for (at = b.base_offset; at <= kbatch_last_offset(&b);
			    at++)
				if (at >= offset)
					r->seen[r->n++] = at;
		offset = kbatch_last_offset(&b) + 1;
	}
	return (offset);
}

/* Everything that is visible from offset on. */
static void
read_all(struct reader *r, int64_t offset)
{
	struct km_fetch_response_partition *a;

	r->n = 0;
	for (;;) {
		a = fetch(offset, 1);
		ck_assert_int_eq(a->error_code, 0);
		ck_assert_int_ge(a->aborted_transactions.n, 0);
		ck_assert_int_le(a->last_stable_offset, a->high_watermark);
		if (a->records.len == 0)
			return;
		offset = read_batches(r, a, offset);
		ck_assert_int_le(offset, a->last_stable_offset);
	}
}

/* --- the model --- */

enum fate { MARKER, PLAIN, OPEN, COMMITTED, ABORTED };

#define PRODUCERS	6

struct model {
	struct { int64_t id; enum fate fate; } at[4096];
	int64_t		end;
	struct {
		int32_t	seq;
		bool	begun, open;
		int16_t	epoch;
	} of[PRODUCERS];		/* with id 100 + i */
	uint64_t	state;
};

static int64_t
model_stable(const struct model *m)
{
	int64_t i;

	for (i = 0; i < m->end; i++)
		if (m->at[i].fate == OPEN)
			break;
	return (i);
}

static void
model_put(struct model *m, int i, bool transactional)
{
	int n = 1 + (int)(unit_random(&m->state) % 3), k;
	int64_t base;

	ck_assert_int_eq(bed_produce_bytes(fd, 9, "t", 0, -1, transactional ?
	    txn_batch(100 + i, m->of[i].epoch, m->of[i].seq, true, n) :
	    bed_batch("p", n), &base), 0);
	ck_assert_int_eq(base, m->end);
	for (k = 0; k < n; k++, m->end++) {
		m->at[m->end].id = 100 + i;
		m->at[m->end].fate = transactional ? OPEN : PLAIN;
	}
	if (transactional) {
		m->of[i].seq += n;
		m->of[i].open = true;
	}
}

static void
model_finish(struct model *m, int i, bool commit)
{
	int64_t k;

	finish(100 + i, m->of[i].epoch, commit);
	for (k = 0; k < m->end; k++)
		if (m->at[k].fate == OPEN && m->at[k].id == 100 + i)
			m->at[k].fate = commit ? COMMITTED : ABORTED;
	m->at[m->end].id = 100 + i;
	m->at[m->end++].fate = MARKER;
	m->of[i].begun = m->of[i].open = false;
}

static void
model_step(struct model *m)
{
	int i = (int)(unit_random(&m->state) % PRODUCERS);

	switch (unit_random(&m->state) % 8) {
	case 0:
		model_put(m, i, false);
		break;
	case 1:
	case 2:
		if (m->of[i].begun)
			model_finish(m, i, unit_random(&m->state) % 2 == 0);
		break;
	default:
		if (!m->of[i].begun)
			begin(100 + i, m->of[i].epoch);
		m->of[i].begun = true;
		model_put(m, i, true);
		break;
	}
}

/* The coordinator begins again what is open. */
static void
model_resume(const struct model *m)
{
	int i;

	for (i = 0; i < PRODUCERS; i++)
		if (m->of[i].begun)
			begin(100 + i, m->of[i].epoch);
}

/* What is seen from offset on is what the model says. */
static void
model_check(const struct model *m, int64_t offset)
{
	int64_t stable = model_stable(m), i;
	struct reader r;
	size_t k = 0;

	ck_assert_int_eq(partition_stable(p), stable);
	read_all(&r, offset);
	for (i = offset; i < stable; i++) {
		if (m->at[i].fate == MARKER || m->at[i].fate == ABORTED)
			continue;
		ck_assert_msg(k < r.n && r.seen[k] == i, "from %lld: offset "
		    "%lld is not seen", (long long)offset, (long long)i);
		k++;
	}
	ck_assert_msg(k == r.n, "from %lld: %lld is seen", (long long)offset,
	    k < r.n ? (long long)r.seen[k] : -1);
}

static void
model_check_some(const struct model *m)
{
	int64_t offset;

	for (offset = 0; offset <= model_stable(m); offset += 7)
		model_check(m, offset);
}

/* --- permissions --- */

START_TEST(only_in_a_transaction)
{
	struct fake_disk *d = fake_disk_new();
	int64_t base;

	up(fake_disk_fs(d), fake_disk_path(d));
	ck_assert_int_eq(put(9, 5, 0, 0, NULL), KERR_INVALID_TXN_STATE);
	ck_assert_int_eq(put(11, 5, 0, 0, NULL), KERR_TRANSACTION_ABORTABLE);
	begin(5, 0);
	begin(5, 0);
	ck_assert_int_eq(put(11, 5, 1, 0, NULL), KERR_TRANSACTION_ABORTABLE);
	ck_assert_int_eq(put(9, 5, 0, 0, &base), 0);
	ck_assert_int_eq(base, 0);
	ck_assert_int_eq(put(9, 5, 0, 7, NULL),
	    KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	/* Not outside of its own transaction, nobody else of it. */
	ck_assert_int_eq(bed_produce_bytes(fd, 9, "t", 0, -1,
	    txn_batch(5, 0, 1, false, 1), NULL), KERR_INVALID_TXN_STATE);
	ck_assert_int_eq(bed_produce_bytes(fd, 9, "t", 0, -1,
	    txn_batch(6, 0, 0, false, 1), NULL), 0);
	ck_assert_int_eq(put(9, 6, 0, 1, NULL), KERR_INVALID_TXN_STATE);
	finish(5, 0, true);
	ck_assert_int_eq(put(9, 5, 0, 1, NULL), KERR_INVALID_TXN_STATE);
	/* One that is sent again is known behind its marker, too. */
	ck_assert_int_eq(put(9, 5, 0, 0, &base), 0);
	ck_assert_int_eq(base, 0);
	begin(5, 0);
	ck_assert_int_eq(put(9, 5, 0, 1, &base), 0);
	ck_assert_int_eq(base, 3);
	down();
	fake_disk_free(d);
}
END_TEST

START_TEST(epochs_fence)
{
	struct fake_disk *d = fake_disk_new();
	int64_t base;

	up(fake_disk_fs(d), fake_disk_path(d));
	begin(5, 3);
	begin(5, 2);			/* late: no step back */
	ck_assert_int_eq(put(9, 5, 2, 0, NULL), KERR_INVALID_PRODUCER_EPOCH);
	ck_assert_int_eq(put(9, 5, 3, 0, NULL), 0);
	begin(5, 4);
	ck_assert_int_eq(put(9, 5, 3, 1, NULL), KERR_INVALID_PRODUCER_EPOCH);
	/* The coordinator aborts with a new epoch. */
	finish(5, 4, false);
	ck_assert_int_eq(put(11, 5, 3, 1, NULL), KERR_INVALID_PRODUCER_EPOCH);
	ck_assert_int_eq(put(9, 5, 4, 0, NULL), KERR_INVALID_TXN_STATE);
	begin(5, 4);
	ck_assert_int_eq(put(9, 5, 4, 2, NULL),
	    KERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	ck_assert_int_eq(put(9, 5, 4, 0, &base), 0);
	ck_assert_int_eq(base, 2);
	/* A marker of an older epoch ends nothing, and is not written. */
	finish(5, 3, false);
	ck_assert_int_eq(partition_stable(p), 2);
	finish(5, 4, true);
	ck_assert_int_eq(partition_stable(p), 4);
	down();
	fake_disk_free(d);
}
END_TEST

START_TEST(marker_without_transaction)
{
	struct fake_disk *d = fake_disk_new();
	struct txn_marker m = { 5, 0, 0, true };
	struct err err = ERR_INIT;
	struct aborted_txn *v;
	size_t n;

	up(fake_disk_fs(d), fake_disk_path(d));
	finish(5, 0, false);
	begin(5, 0);
	finish(5, 0, false);
	ck_assert_int_eq(partition_stable(p), 2);
	UNIT_OK(partition_aborted(p, 0, 100, &v, &n, e));
	ck_assert_uint_eq(n, 0);
	free(v);
	UNIT_OK(topic_delete(topic, e));
	ck_assert_int_eq(partition_txn_begin(p, 5, 0, &err), -1);
	ck_assert_int_eq(err.code, ERR_NOT_FOUND);
	ck_assert_int_eq(partition_txn_end(p, &m, NULL, &err), -1);
	ck_assert_int_eq(err.code, ERR_NOT_FOUND);
	down();
	fake_disk_free(d);
}
END_TEST

/* --- readers --- */

static int64_t
latest(int8_t isolation)
{
	struct km_list_offsets_request q;
	struct km_list_offsets_response *a;

	kw_defaults(&kd_list_offsets_request, &q);
	q.isolation_level = isolation;
	q.topics.n = 1;
	q.topics.v = &(struct km_list_offsets_request_topic){
	    .name = SLICE("t"), .partitions = { .n = 1,
	    .v = &(struct km_list_offsets_request_partition){
	    .timestamp = -1, .current_leader_epoch = -1 } } };
	a = bed_call(fd, KAPI_ListOffsets, 7, &q);
	ck_assert_int_eq(a->topics.v[0].partitions.v[0].error_code, 0);
	return (a->topics.v[0].partitions.v[0].offset);
}

START_TEST(ends_of_readers)
{
	struct fake_disk *d = fake_disk_new();
	struct km_fetch_response_partition *a;

	up(fake_disk_fs(d), fake_disk_path(d));
	ck_assert_int_eq(bed_produce(fd, "t", 0, -1, "a", 3, NULL), 0);
	begin(5, 0);
	ck_assert_int_eq(put(9, 5, 0, 0, NULL), 0);
	ck_assert_int_eq(bed_produce(fd, "t", 0, -1, "b", 2, NULL), 0);
	ck_assert_int_eq(latest(0), 6);
	ck_assert_int_eq(latest(1), 3);
	a = fetch(0, 0);
	ck_assert_int_eq(a->aborted_transactions.n, -1);
	ck_assert_int_eq(a->last_stable_offset, 3);
	ck_assert_int_eq(a->high_watermark, 6);
	ck_assert_int_eq(bed_count(a->records), 6);
	a = fetch(0, 1);
	ck_assert_int_eq(a->aborted_transactions.n, 0);
	ck_assert_int_eq(a->last_stable_offset, 3);
	ck_assert_int_eq(a->high_watermark, 6);
	ck_assert_int_eq(bed_count(a->records), 3);
	ck_assert_int_eq(bed_count(fetch(3, 1)->records), 0);
	ck_assert_int_eq(fetch(5, 1)->error_code, 0);
	finish(5, 0, false);
	a = fetch(2, 1);
	ck_assert_int_eq(a->last_stable_offset, 7);
	ck_assert_int_eq(a->aborted_transactions.n, 1);
	ck_assert_int_eq(a->aborted_transactions.v[0].producer_id, 5);
	ck_assert_int_eq(a->aborted_transactions.v[0].first_offset, 3);
	ck_assert_int_eq(latest(1), 7);
	down();
	fake_disk_free(d);
}
END_TEST

START_TEST(producers_are_told)
{
	struct fake_disk *d = fake_disk_new();
	int32_t index[] = { 0, 1 };
	struct km_describe_producers_request_topic t = { .name = SLICE("t"),
	    .partition_indexes = { index, 2 } };
	struct km_describe_producers_request q = { .topics = { &t, 1 } };
	struct km_describe_producers_response *a;
	struct km_describe_producers_response_producer *x;

	up(fake_disk_fs(d), fake_disk_path(d));
	begin(5, 2);
	ck_assert_int_eq(put(9, 5, 2, 0, NULL), 0);
	finish(5, 2, true);
	begin(6, 0);
	ck_assert_int_eq(put(9, 6, 0, 0, NULL), 0);
	a = bed_call(fd, KAPI_DescribeProducers, 0, &q);
	ck_assert_int_eq(a->topics.v[0].partitions.v[1].error_code,
	    KERR_UNKNOWN_TOPIC_OR_PARTITION);
	ck_assert_int_eq(a->topics.v[0].partitions.v[0].error_code, 0);
	ck_assert_int_eq(
	    a->topics.v[0].partitions.v[0].active_producers.n, 2);
	x = a->topics.v[0].partitions.v[0].active_producers.v;
	ck_assert_int_eq(x[0].producer_id, 6);
	ck_assert_int_eq(x[0].current_txn_start_offset, 2);
	ck_assert_int_eq(x[0].coordinator_epoch, -1);
	ck_assert_int_eq(x[1].producer_id, 5);
	ck_assert_int_eq(x[1].producer_epoch, 2);
	ck_assert_int_eq(x[1].last_sequence, 0);
	ck_assert_int_eq(x[1].coordinator_epoch, 3);
	ck_assert_int_eq(x[1].current_txn_start_offset, -1);
	down();
	fake_disk_free(d);
}
END_TEST

/* A fetch that waits counts only what it may show, and hears of the marker. */
START_TEST(waiter_hears_of_the_marker)
{
	struct fake_disk *d = fake_disk_new();
	struct bed_fetch f = { .version = 12, .topic = "t", .isolation = 1,
	    .max_wait = 20000, .min_bytes = 1 };
	struct km_fetch_response *a;
	int other;

	up(fake_disk_fs(d), fake_disk_path(d));
	other = bed_connect(&bed);
	begin(5, 0);
	ck_assert_int_eq(put(9, 5, 0, 0, NULL), 0);
	bed_send_fetch(other, 9, &f);
	ck_assert_int_eq(put(9, 5, 0, 1, NULL), 0);
	finish(5, 0, true);
	a = bed_recv(other, KAPI_Fetch, 12, 9);
	/* Had the records alone woken it, the marker would not be there. */
	ck_assert_int_eq(a->responses.v[0].partitions.v[0].last_stable_offset,
	    3);
	ck_assert_int_eq(bed_count(
	    a->responses.v[0].partitions.v[0].records), 3);
	close(other);
	down();
	fake_disk_free(d);
}
END_TEST

/* --- the model against everything --- */

START_TEST(readers_see_what_was_committed)
{
	struct fake_disk *d = fake_disk_new();
	struct model m = { .state = (uint64_t)_i + 1 };
	int i;

	up(fake_disk_fs(d), fake_disk_path(d));
	for (i = 0; i < 120; i++) {
		model_step(&m);
		if (i % 20 == 0)
			model_check(&m, 0);
		bed_reset();
	}
	model_check_some(&m);
	down();
	fake_disk_free(d);
}
END_TEST

static const char *const damages[] = { "none", "cut", "bytes", "gone",
    "no snapshot", "zeroes" };

static void
damage_file(int dir, const char *name, const char *how)
{
	int file = openat(dir, name, O_RDWR);

	ck_assert_int_ge(file, 0);
	if (strcmp(how, "cut") == 0 && lseek(file, 0, SEEK_END) > 0)
		ck_assert_int_eq(ftruncate(file, 33), 0);
	else if (strcmp(how, "bytes") == 0)
		ck_assert_int_eq(pwrite(file, "\377\377", 2, 20), 2);
	else if (strcmp(how, "zeroes") == 0)
		ck_assert_int_eq(ftruncate(file, 3400), 0);
	close(file);
}

static bool
is_oldest(int dir, const char *name)
{
	char other[64];
	int64_t base;

	for (base = 0; base < strtoll(name, NULL, 10); base++) {
		snprintf(other, sizeof other, "%020lld.txnindex",
		    (long long)base);
		if (faccessat(dir, other, F_OK, 0) == 0)
			return (false);
	}
	return (true);
}

/* Damages the index files.  "gone" leaves the oldest: that others are missing
 * is noticed then. */
static void
damage(const char *path, const char *how)
{
	char sub[512];
	struct dirent *de;
	bool snapshot = strcmp(how, "no snapshot") == 0;
	DIR *v;
	int dir;

	snprintf(sub, sizeof sub, "%s/broker/t-0", path);
	v = opendir(sub);
	ck_assert_ptr_nonnull(v);
	dir = dirfd(v);
	while ((de = readdir(v)) != NULL)
		if ((snapshot && strstr(de->d_name, ".snapshot") != NULL) ||
		    (strcmp(how, "gone") == 0 &&
		    strstr(de->d_name, ".txnindex") != NULL &&
		    !is_oldest(dir, de->d_name)))
			ck_assert_int_eq(unlinkat(dir, de->d_name, 0), 0);
		else if (strstr(de->d_name, ".txnindex") != NULL)
			damage_file(dir, de->d_name, how);
	closedir(v);
}

START_TEST(restarts)
{
	const char *how = damages[_i % (int)NELEM(damages)];
	struct fake_disk *d = fake_disk_new();
	struct model m = { .state = (uint64_t)_i + 40 };
	int i, round;

	up(fake_disk_fs(d), fake_disk_path(d));
	for (round = 0; round < 3; round++) {
		for (i = 0; i < 50; i++)
			model_step(&m);
		model_check(&m, 0);
		down();
		damage(fake_disk_path(d), how);
		up(fake_disk_fs(d), fake_disk_path(d));
		model_check_some(&m);
		model_resume(&m);
		bed_reset();
	}
	model_check(&m, model_stable(&m));
	down();
	fake_disk_free(d);
}
END_TEST

/* --- power cuts --- */

/*
 * After a cut: what is visible was committed, or is of a transaction that was
 * still undecided when the power went and whose marker made it to the disk;
 * what was told to be durable is there.
 */
static void
check_cut(struct fake_disk *after, const struct model *m, int64_t durable)
{
	struct reader r;
	int64_t stable, i;
	size_t k;

	up(fake_disk_fs(after), fake_disk_path(after));
	stable = partition_stable(p);
	ck_assert_int_ge(seglog_end(p->log), durable);
	ck_assert_int_le(stable, model_stable(m));
	read_all(&r, 0);
	for (k = 0; k < r.n; k++)
		ck_assert_msg(m->at[r.seen[k]].fate == COMMITTED ||
		    m->at[r.seen[k]].fate == PLAIN, "offset %lld is seen",
		    (long long)r.seen[k]);
	for (i = 0, k = 0; i < stable && i < durable; i++)
		if (m->at[i].fate == COMMITTED || m->at[i].fate == PLAIN) {
			ck_assert(k < r.n);
			ck_assert_int_eq(r.seen[k++], i);
		}
	down();
	bed_reset();
}

#define CUTS	14

/* The broker goes on, and each cut is looked at when it has stopped. */
static void
cut_often(uint64_t seed, bool again)
{
	struct fake_disk *d = fake_disk_new(), *after[CUTS];
	struct model *m = xcalloc(CUTS, sizeof *m), now = { .state = seed };
	int i, c;

	up(fake_disk_fs(d), fake_disk_path(d));
	for (c = 0; c < CUTS; c++) {
		if (again && c == CUTS / 2) {
			down();
			up(fake_disk_fs(d), fake_disk_path(d));
			model_resume(&now);
		}
		for (i = 0; i < 10; i++)
			model_step(&now);
		m[c] = now;
		after[c] = fake_disk_power_cut(d, c % 3 == 0 ? FAKE_CUT_LOSE :
		    seed * CUTS + (uint64_t)c);
	}
	down();
	for (c = 0; c < CUTS; c++) {
		check_cut(after[c], &m[c], m[c].end);
		fake_disk_free(after[c]);
	}
	free(m);
	fake_disk_free(d);
}

START_TEST(power_cut)
{
	cut_often((uint64_t)_i + 7, _i % 2 == 1);
}
END_TEST

/* Cuts in the middle of what is being done. */
static struct fake_disk *mid[64];
static int64_t mid_stable[64];		/* what readers were told before */
static size_t nmid;
static atomic_bool stopping;

static void
on_op(struct fake_disk *d, const struct fake_op *op, bool after, void *ctx)
{
	uint64_t *seed = ctx;

	if (after || (op->kind != FAKE_SYNC && op->kind != FAKE_RENAME) ||
	    nmid == NELEM(mid) || op->number % 5 != 0)
		return;
	mid_stable[nmid] = atomic_load(&stopping) ? 0 : partition_stable(p);
	mid[nmid] = fake_disk_power_cut(d, nmid % 2 == 0 ? FAKE_CUT_LOSE :
	    (*seed)++);
	nmid++;
}

/* The marker that decided of the record at offset. */
static int64_t
marker_of(const struct model *m, int64_t offset)
{
	int64_t i;

	for (i = offset; i < m->end; i++)
		if (m->at[i].fate == MARKER && m->at[i].id ==
		    m->at[offset].id)
			break;
	return (i);
}

/* What is visible is not of an aborted transaction, and of a committed one
 * only when the log has its marker; and what readers were told stays. */
static void
check_mid(struct fake_disk *after, const struct model *last, int64_t told)
{
	struct reader r;
	size_t k;

	up(fake_disk_fs(after), fake_disk_path(after));
	ck_assert_int_ge(partition_stable(p), told);
	read_all(&r, 0);
	for (k = 0; k < r.n; k++)
		ck_assert_msg(last->at[r.seen[k]].fate == PLAIN ||
		    (last->at[r.seen[k]].fate == COMMITTED &&
		    marker_of(last, r.seen[k]) < seglog_end(p->log)),
		    "offset %lld is seen", (long long)r.seen[k]);
	down();
	bed_reset();
}

START_TEST(power_cut_at_syncs)
{
	struct fake_disk *d = fake_disk_new();
	uint64_t seed = (uint64_t)_i * 100 + FAKE_CUT_RANDOM;
	struct model m = { .state = (uint64_t)_i + 99 };
	size_t k;
	int i;

	up(fake_disk_fs(d), fake_disk_path(d));
	fake_disk_watch(d, on_op, &seed);
	for (i = 0; i < 120; i++)
		model_step(&m);
	for (i = 0; i < PRODUCERS; i++)
		if (m.of[i].begun)
			model_finish(&m, i, true);
	atomic_store(&stopping, true);
	down();			/* with its snapshot */
	fake_disk_watch(d, NULL, NULL);
	ck_assert_uint_gt(nmid, 20);
	for (k = 0; k < nmid; k++) {
		check_mid(mid[k], &m, mid_stable[k]);
		fake_disk_free(mid[k]);
	}
	fake_disk_free(d);
}
END_TEST

/* The negative control: an index that is not told again and not there. */
START_TEST(without_index_aborted_records_show)
{
	struct fake_disk *d = fake_disk_new();
	char path[512];
	struct reader r;

	up(fake_disk_fs(d), fake_disk_path(d));
	begin(5, 0);
	ck_assert_int_eq(put(9, 5, 0, 0, NULL), 0);
	finish(5, 0, false);
	read_all(&r, 0);
	ck_assert_uint_eq(r.n, 0);
	down();
	snprintf(path, sizeof path, "%s/broker/t-0/%020d.txnindex",
	    fake_disk_path(d), 0);
	ck_assert_int_eq(unlink(path), 0);
	up(fake_disk_fs(d), fake_disk_path(d));
	read_all(&r, 0);
	ck_assert_uint_eq(r.n, 1);
	down();
	fake_disk_free(d);
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &only_in_a_transaction },
	{ .fn = &epochs_fence },
	{ .fn = &marker_without_transaction },
	{ .fn = &ends_of_readers },
	{ .fn = &producers_are_told },
	{ .fn = &waiter_hears_of_the_marker },
	{ .fn = &readers_see_what_was_committed, .rows = 4 },
	{ .fn = &restarts, .rows = (int)NELEM(damages) * 2 },
	{ .fn = &power_cut, .rows = 6 },
	{ .fn = &power_cut_at_syncs, .rows = 4 },
	{ .fn = &without_index_aborted_records_show },
};

int
main(void)
{
	return (UNIT_MAIN("partition_txn", tests));
}
