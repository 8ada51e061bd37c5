/* Compaction in a running broker: what clients see of it, transactions and
 * producers, and that the cleaner finds what is to do. */
#include "test/unit/unit.h"

#include <sys/stat.h>

#include "base/thread.h"
#include "broker/cleaner.h"
#include "broker/partition.h"
#include "broker/producers.h"
#include "broker/topic.h"
#include "kafka/errors.h"
#include "test/unit/broker_bed.h"

static struct bed bed;
static char path[64];
static int dirfd_, fd_;
static struct topic *topic;
static struct partition *p;

static void
find_topic(void)
{
	topic = topic_find(bed.broker, SLICE("t"));
	ck_assert_ptr_nonnull(topic);
	p = topic_partition(topic, 0);
	UNIT_OK(partition_open(p, e));
}

/* A topic t that only the test compacts. */
static void
setup(void)
{
	dirfd_ = unit_dir(path);
	bed_start(&bed, &fs_real, path, "log.cleaner.enable=false",
	    "log.cleaner.delete.retention.ms=0", NULL);
	fd_ = bed_connect(&bed);
	ck_assert_int_eq(bed_create(fd_, "t", 1, "cleanup.policy=compact"), 0);
	find_topic();
}

static void
restart(void)
{
	topic_unref(topic);
	close(fd_);
	bed_stop(&bed);
	bed_start(&bed, &fs_real, path, "log.cleaner.enable=false",
	    "log.cleaner.delete.retention.ms=0", NULL);
	fd_ = bed_connect(&bed);
	find_topic();
}

static void
teardown(void)
{
	topic_unref(topic);
	close(fd_);
	bed_stop(&bed);
	unit_dir_remove(dirfd_, path);
}

/* --- appending and cleaning --- */

struct put {
	int64_t	 producer;
	int32_t	 sequence;
	bool	 txn;
};

static void
append(const char *key, const char *value, struct put how)
{
	struct seglog_batch sb;
	struct kbuilder k;
	uint8_t buf[1024];
	size_t n;

	kbuilder_init(&k, buf, sizeof buf, 1000);
	ck_assert(kbuilder_add(&k, 1000, slice_str(key), value == NULL ?
	    SLICE_NULL : slice_str(value), NULL, 0));
	k.producer_id = how.producer;
	k.producer_epoch = how.producer == -1 ? -1 : 0;
	k.base_sequence = how.sequence;
	k.attributes = how.txn ? KATTR_TRANSACTIONAL : 0;
	n = kbuilder_finish(&k);
	memcpy(sb.header, buf, SEGLOG_HEADER);
	sb.body = slice_of(buf + SEGLOG_HEADER, n - SEGLOG_HEADER);
	UNIT_OK(partition_append(p, &sb, 1, 0, NULL, e));
}

static void
put(const char *key, const char *value)
{
	append(key, value, (struct put){ -1, -1, false });
}

static void
txn(int64_t producer, const char *key, const char *value)
{
	UNIT_OK(partition_txn_begin(p, producer, 0, e));
	append(key, value, (struct put){ producer, 0, true });
}

static void
end(int64_t producer, bool commit)
{
	struct txn_marker m = { producer, 0, 0, commit };

	UNIT_OK(partition_txn_end(p, &m, NULL, e));
}

static struct mutex synced_lock = MUTEX_INIT;
static struct cond synced_cond = COND_INIT;
static bool synced;

static void
on_synced(struct completion *c, const struct err *err)
{
	(void)c;
	(void)err;
	mutex_lock(&synced_lock);
	synced = true;
	mutex_unlock(&synced_lock);
	cond_signal(&synced_cond);
}

/* Waits until the disk has it. */
static void
flush(void)
{
	struct sync_wait w;

	synced = false;
	sync_wait_init(&w, NULL, on_synced);
	partition_wait(p, &w);
	mutex_lock(&synced_lock);
	while (!synced)
		cond_wait(&synced_cond, &synced_lock);
	mutex_unlock(&synced_lock);
}

static void
clean(void)
{
	mutex_lock(&p->lock);
	UNIT_OK(partition_roll_locked(p, e));
	mutex_unlock(&p->lock);
	flush();
	UNIT_OK(cleaner_pass(p, e));
}

/* What a consumer gets from there on: "value@offset"; of a marker the offset
 * alone. */
static void
expect(int64_t offset, const char *want)
{
	char all[1000] = "", *some;

	while (*(some = bed_read(fd_, "t", 0, offset)) != '\0') {
		ck_assert_uint_lt(strlen(all) + strlen(some), 990);
		if (*all != '\0')
			strcat(all, " ");
		strcat(all, some);
		offset = strtoll(strrchr(some, '@') + 1, NULL, 10) + 1;
	}
	ck_assert_str_eq(all, want);
}

/* --- what a client sees --- */

START_TEST(holes)
{
	int i;

	setup();
	put("a", "1");
	put("b", "2");
	put("a", "3");
	put("c", "4");
	put("c", "5");
	clean();
	for (i = 0; i < 2; i++) {
		expect(0, "2@1 3@2 5@4");
		expect(2, "3@2 5@4");
		expect(3, "5@4");
		expect(5, "");
		ck_assert_int_eq(bed_offset(fd_, 7, "t", 0, -2, NULL), 0);
		ck_assert_int_eq(bed_offset(fd_, 7, "t", 0, -1, NULL), 5);
		ck_assert_int_eq(bed_offset(fd_, 7, "t", 0, 0, NULL), 1);
		restart();
	}
	put("a", "6");
	clean();
	expect(0, "2@1 5@4 6@5");
	teardown();
}
END_TEST

START_TEST(no_key)
{
	setup();
	ck_assert_int_eq(bed_produce(fd_, "t", 0, -1, "x", 1, NULL),
	    KERR_INVALID_RECORD);
	teardown();
}
END_TEST

/* --- producers and transactions --- */

/* Takes away what is known beside the log itself. */
static void
forget(void)
{
	int fd = openat(dirfd_, "broker/t-0", O_RDONLY | O_DIRECTORY);
	DIR *d = fdopendir(fd);
	struct dirent *f;

	while ((f = readdir(d)) != NULL)
		if (strstr(f->d_name, ".snapshot") != NULL)
			unlinkat(fd, f->d_name, 0);
	closedir(d);
	unlinkat(dirfd_, "broker/checkpoint-0", 0);
	unlinkat(dirfd_, "broker/checkpoint-1", 0);
}

START_TEST(sequence_is_remembered)
{
	struct producers_seen seen;
	struct kbatch b = { .producer_id = 7, .base_sequence = 1,
	    .base_offset = 1, .count = 1 };
	int i;

	setup();
	append("a", "1", (struct put){ 7, 0, false });
	append("a", "2", (struct put){ 7, 1, false });
	put("a", "3");
	clean();
	expect(0, "3@2");
	/* Also when only the log can tell: its last batch is there. */
	for (i = 0; i < 2; i++) {
		ck_assert_int_eq(producers_check(p->producers, &b, &seen),
		    KERR_DUPLICATE_SEQUENCE_NUMBER);
		ck_assert_int_eq(seen.base_offset, 1);
		topic_unref(topic);
		close(fd_);
		bed_stop(&bed);
		forget();
		bed_start(&bed, &fs_real, path, "log.cleaner.enable=false",
		    NULL);
		fd_ = bed_connect(&bed);
		find_topic();
	}
	expect(0, "3@2");
	teardown();
}
END_TEST

static size_t
aborted(void)
{
	struct aborted_txn *v;
	size_t n;

	UNIT_OK(partition_aborted(p, 0, INT64_MAX, &v, &n, e));
	free(v);
	return (n);
}

START_TEST(transactions)
{
	int i;

	setup();
	put("a", "1");
	txn(5, "a", "2");
	end(5, false);				/* 2: abort */
	txn(6, "b", "3");
	end(6, true);				/* 4 */
	clean();
	expect(0, "1@0 @2 3@3 @4");
	ck_assert_uint_eq(aborted(), 1);
	/* The index forgets it before its marker goes: else a reader would
	 * skip the producer's next transaction.  Its batch stays without
	 * records, as the producer's last one, until there is another. */
	put("x", "4");
	clean();
	ck_assert_uint_eq(aborted(), 0);
	txn(5, "c", "5");			/* 6 */
	end(5, true);
	for (i = 8; i < 11; i++) {
		put("x", "6");
		clean();
	}
	ck_assert_uint_eq(aborted(), 0);
	expect(0, "1@0 3@3 @4 5@6 @7 6@10");
	restart();
	ck_assert_uint_eq(aborted(), 0);
	expect(0, "1@0 3@3 @4 5@6 @7 6@10");
	teardown();
}
END_TEST

START_TEST(open_transaction)
{
	setup();
	put("a", "1");
	put("a", "2");
	clean();
	txn(5, "a", "3");
	put("b", "4");
	put("b", "5");
	clean();
	expect(0, "2@1 3@2 4@3 5@4");
	end(5, true);
	clean();
	expect(0, "3@2 5@4 @5");
	teardown();
}
END_TEST

/* --- by itself --- */

/* Small segments and ratio: the log is compacted while it is written to. */
START_TEST(by_itself)
{
	struct stat st;
	char key[16];
	int i;

	dirfd_ = unit_dir(path);
	bed_start(&bed, &fs_real, path, "log.cleaner.backoff.ms=1",
	    "log.cleaner.min.cleanable.ratio=0.01", NULL);
	fd_ = bed_connect(&bed);
	ck_assert_int_eq(bed_create(fd_, "t", 1, "cleanup.policy=compact"), 0);
	find_topic();
	seglog_set_roll(p->log, 2000, 0);
	for (i = 0; i < 100000; i++) {
		snprintf(key, sizeof key, "%d", i % 10);
		put(key, "x");
		if (i % 100 != 0)
			continue;
		flush();
		/* Some 80 bytes each were written. */
		if (i > 1000 && seglog_bytes(p->log) < 8 * (uint64_t)i)
			break;
	}
	ck_assert_int_lt(i, 100000);
	ck_assert_int_eq(bed_offset(fd_, 7, "t", 0, -1, NULL), i + 1);
	ck_assert_int_eq(fstatat(dirfd_, "broker/t-0/compaction", &st, 0), 0);
	teardown();
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &holes },
	{ .fn = &no_key },
	{ .fn = &sequence_is_remembered },
	{ .fn = &transactions },
	{ .fn = &open_transaction },
	{ .fn = &by_itself },
};

int
main(void)
{
	return (UNIT_MAIN("cleaner", tests));
}
