/*
 * What survives: power cuts at every sync, kill -9, full disks; and the direct
 * path, which has no socket to hide behind.
 */
#include "test/unit/unit.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/thread.h"
#include "broker/broker.h"
#include "kafka/errors.h"
#include "kafka/records.h"
#include "test/fake/fake_disk.h"
#include "test/unit/broker_bed.h"

#define SEEDS	12	/* FAKE_CUT_LOSE and friends, and random ones */

static struct bed bed;
static int fd;

/* A batch whose records are "<partition>.<number>". */
static struct slice
stamped(int64_t id, int32_t seq, const char *value)
{
	struct slice s = bed_batch(value, 1);

	kbatch_set_producer((uint8_t *)s.p, id, 0, seq, false);
	return (s);
}

/* All that was acknowledged is there, with its offset. */
static void
check_after(struct fake_disk *after, const char *topic, int acked)
{
	char want[64], *text;
	int64_t base;
	int i;

	bed_start(&bed, fake_disk_fs(after), fake_disk_path(after), NULL);
	fd = bed_connect(&bed);
	ck_assert_ptr_nonnull(bed_topic(fd, topic));
	ck_assert_int_ge(bed_offset(fd, 7, topic, 0, -1, NULL), acked);
	for (i = 0; i < acked; i++) {
		text = bed_read(fd, topic, 0, i);
		snprintf(want, sizeof want, "v%d@%d", i, i);
		ck_assert_msg(strncmp(text, want, strlen(want)) == 0,
		    "at %d: %s", i, text);
	}
	/* The producer is known: its last batch again is no new one. */
	if (acked > 0) {
		snprintf(want, sizeof want, "v%d", acked - 1);
		ck_assert_int_eq(bed_produce_bytes(fd, 9, topic, 0, -1,
		    stamped(9, acked - 1, want), &base), 0);
		ck_assert_int_eq(base, acked - 1);
	}
	ck_assert_int_eq(bed_produce(fd, topic, 0, -1, "later", 1, &base), 0);
	ck_assert_int_ge(base, acked);
	close(fd);
	bed_stop(&bed);
}

/*
 * A broker writes, the power goes at some moment, and another one starts on
 * what is left.
 */
START_TEST(power_cut)
{
	struct fake_disk *d = fake_disk_new(), *after[8];
	int acked[8], i, cuts = 0;
	char value[32];

	bed_start(&bed, fake_disk_fs(d), fake_disk_path(d), NULL);
	fd = bed_connect(&bed);
	ck_assert_int_eq(bed_create(fd, "t", 1, "segment.bytes=400"), 0);
	for (i = 0; i < 24; i++) {
		if (i % 3 == 0) {
			acked[cuts] = i;
			after[cuts++] = fake_disk_power_cut(d, (uint64_t)_i);
		}
		snprintf(value, sizeof value, "v%d", i);
		ck_assert_int_eq(bed_produce_bytes(fd, 9, "t", 0, -1,
		    stamped(9, i, value), NULL), 0);
	}
	close(fd);
	bed_stop(&bed);
	for (i = 0; i < cuts; i++) {
		check_after(after[i], "t", acked[i]);
		fake_disk_free(after[i]);
	}
	fake_disk_free(d);
}
END_TEST

/* The negative control: over a disk that lies, something is lost. */
START_TEST(lying_disk)
{
	struct fake_disk *d = fake_disk_new(), *after;

	bed_start(&bed, fake_disk_fs(d), fake_disk_path(d), NULL);
	fd = bed_connect(&bed);
	ck_assert_int_eq(bed_create(fd, "t", 1, NULL), 0);
	ck_assert_int_eq(bed_produce(fd, "t", 0, -1, "a", 1, NULL), 0);
	fake_disk_lie(d, true);
	ck_assert_int_eq(bed_produce(fd, "t", 0, -1, "b", 1, NULL), 0);
	after = fake_disk_power_cut(d, FAKE_CUT_LOSE);
	close(fd);
	bed_stop(&bed);
	bed_start(&bed, fake_disk_fs(after), fake_disk_path(after), NULL);
	fd = bed_connect(&bed);
	ck_assert_int_eq(bed_offset(fd, 7, "t", 0, -1, NULL), 1);
	close(fd);
	bed_stop(&bed);
	fake_disk_free(after);
	fake_disk_free(d);
}
END_TEST

/* Topics that were answered are there, deleted ones are not, at any cut. */
START_TEST(topics_cut)
{
	struct fake_disk *d = fake_disk_new(), *after;
	struct km_delete_topics_request q;
	struct slice gone = SLICE("gone");
	struct kuuid id, id2;

	bed_start(&bed, fake_disk_fs(d), fake_disk_path(d), NULL);
	fd = bed_connect(&bed);
	ck_assert_int_eq(bed_create(fd, "gone", 2, NULL), 0);
	ck_assert_int_eq(bed_create(fd, "kept", 3, "retention.ms=77777"), 0);
	ck_assert_int_eq(bed_produce(fd, "gone", 0, -1, "x", 1, NULL), 0);
	kw_defaults(&kd_delete_topics_request, &q);
	q.topic_names.v = &gone;
	q.topic_names.n = 1;
	(void)bed_call(fd, KAPI_DeleteTopics, 1, &q);
	ck_assert_int_eq(bed_create(fd, "gone", 1, NULL), 0);
	id = bed_topic(fd, "kept")->topic_id;
	after = fake_disk_power_cut(d, (uint64_t)_i);
	close(fd);
	bed_stop(&bed);
	bed_start(&bed, fake_disk_fs(after), fake_disk_path(after), NULL);
	fd = bed_connect(&bed);
	id2 = bed_topic(fd, "kept")->topic_id;
	ck_assert_mem_eq(&id, &id2, sizeof id);
	ck_assert_int_eq(bed_topic(fd, "kept")->partitions.n, 3);
	ck_assert_int_eq(bed_topic(fd, "gone")->partitions.n, 1);
	ck_assert_int_eq(bed_offset(fd, 7, "gone", 0, -1, NULL), 0);
	close(fd);
	bed_stop(&bed);
	fake_disk_free(after);
	fake_disk_free(d);
}
END_TEST

/* A full disk: producers are told to try again, and it works when there is
 * room. */
START_TEST(full)
{
	struct fake_disk *d = fake_disk_new();
	int16_t error;
	int64_t base;
	int i;

	bed_start(&bed, fake_disk_fs(d), fake_disk_path(d), NULL);
	fd = bed_connect(&bed);
	ck_assert_int_eq(bed_create(fd, "t", 1, NULL), 0);
	ck_assert_int_eq(bed_produce(fd, "t", 0, -1, "x", 1, NULL), 0);
	fake_disk_full_after(d, 100);
	error = 0;
	for (i = 0; error == 0; i++)
		error = bed_produce(fd, "t", 0, -1, "0123456789", 1, NULL);
	ck_assert_int_eq(error, KERR_KAFKA_STORAGE_ERROR);
	fake_disk_full_after(d, UINT64_MAX);
	/* The keeper looks every second. */
	do {
		usleep(1000);
		error = bed_produce(fd, "t", 0, -1, "y", 1, &base);
	} while (error == KERR_KAFKA_STORAGE_ERROR);
	ck_assert_int_eq(error, 0);
	ck_assert_int_eq(base, i);
	close(fd);
	bed_stop(&bed);
	fake_disk_free(d);
}
END_TEST

/* dir.reserve.bytes above what the disk has: nothing of a client fits, offset
 * commits do. */
START_TEST(reserve)
{
	struct km_offset_commit_request_partition part;
	struct km_offset_commit_request_topic t = { .name = SLICE("t"),
	    .partitions = { &part, 1 } };
	struct km_offset_commit_request q;
	struct km_offset_commit_response *a;
	char dir[64];
	int dfd = unit_dir(dir), i;

	bed_start(&bed, &fs_real, dir, "dir.reserve.bytes=1000t", NULL);
	fd = bed_connect(&bed);
	ck_assert_int_eq(bed_create(fd, "t", 1, NULL), 0);
	ck_assert_int_eq(bed_produce(fd, "t", 0, -1, "x", 1, NULL),
	    KERR_KAFKA_STORAGE_ERROR);
	kw_defaults(&kd_offset_commit_request, &q);
	kw_defaults(&kd_offset_commit_request_partition, &part);
	q.group_id = SLICE("g");
	q.member_id = SLICE("");
	q.topics.v = &t;
	q.topics.n = 1;
	/* The coordinator loads for a moment. */
	for (i = 0; i < 1000; i++) {
		a = bed_call(fd, KAPI_OffsetCommit, 5, &q);
		if (a->topics.v[0].partitions.v[0].error_code !=
		    KERR_COORDINATOR_LOAD_IN_PROGRESS &&
		    a->topics.v[0].partitions.v[0].error_code !=
		    KERR_NOT_COORDINATOR)
			break;
		usleep(1000);
	}
	ck_assert_int_eq(a->topics.v[0].partitions.v[0].error_code, 0);
	close(fd);
	bed_stop(&bed);
	unit_dir_remove(dfd, dir);
}
END_TEST

/* A sync that fails ends the process, with the exit status for it. */
START_TEST(sync_fails)
{
	struct fake_disk *d = fake_disk_new();

	bed_start(&bed, fake_disk_fs(d), fake_disk_path(d), NULL);
	fd = bed_connect(&bed);
	ck_assert_int_eq(bed_create(fd, "t", 1, NULL), 0);
	ck_assert_int_eq(bed_produce(fd, "t", 0, -1, "x", 1, NULL), 0);
	fake_disk_fail_sync(d, 1);
	(void)bed_produce(fd, "t", 0, -1, "x", 1, NULL);
	ck_abort_msg("it was answered");
}
END_TEST

/* --- files of the folder that are not as they were written --- */

static void
change_file(const char *dir, const char *name, int how)
{
	char path[160];
	struct stat st;
	uint8_t c;
	int f;

	snprintf(path, sizeof path, "%s/broker/%s", dir, name);
	f = open(path, O_RDWR);
	if (f == -1)		/* one of the two checkpoints */
		return;
	ck_assert_int_eq(fstat(f, &st), 0);
	switch (how) {
	case 0:
		ck_assert_int_eq(ftruncate(f, 0), 0);
		break;
	case 1:
		ck_assert_int_eq(ftruncate(f, st.st_size / 2), 0);
		break;
	default:
		ck_assert_int_eq(pread(f, &c, 1, st.st_size * (how - 1) / 9),
		    1);
		c ^= 0x15;
		ck_assert_int_eq(pwrite(f, &c, 1, st.st_size * (how - 1) / 9),
		    1);
	}
	close(f);
}

#define CHANGES	10

/* What can be rebuilt is; what cannot is refused by name, and left alone. */
static const struct {
	const char	*file;
	bool		 refused;
} files[] = {
	{ "checkpoint-0", false },
	{ "t-0/leader-epoch-checkpoint", false },
	{ "t-0/00000000000000000020.snapshot", false },
	{ "topics", true },
};

START_TEST(damaged)
{
	const char *none[] = { NULL };
	struct err err = ERR_INIT;
	char dir[64];
	int dfd = unit_dir(dir), i, rc;

	bed_start(&bed, &fs_real, dir, NULL);
	fd = bed_connect(&bed);
	ck_assert_int_eq(bed_create(fd, "t", 1, "retention.ms=99999"), 0);
	for (i = 0; i < 20; i++)
		ck_assert_int_eq(bed_produce_bytes(fd, 9, "t", 0, -1,
		    stamped(9, i, "x"), NULL), 0);
	close(fd);
	bed_stop(&bed);
	change_file(dir, files[_i / CHANGES].file, _i % CHANGES);
	if (_i / CHANGES == 0)
		change_file(dir, "checkpoint-1", _i % CHANGES);
	rc = bed_try(&bed, &fs_real, dir, none, &err);
	if (files[_i / CHANGES].refused) {
		ck_assert_int_eq(rc, -1);
		ck_assert_int_eq(err.code, ERR_CORRUPT);
		ck_assert_ptr_nonnull(strstr(err.msg, "/topics"));
		unit_dir_remove(dfd, dir);
		return;
	}
	ck_assert_msg(rc == 0, "%s", err.msg);
	fd = bed_connect(&bed);
	ck_assert_int_eq(bed_offset(fd, 7, "t", 0, -1, NULL), 20);
	ck_assert_int_eq(bed_produce_bytes(fd, 9, "t", 0, -1,
	    stamped(9, 19, "x"), NULL), 0);
	ck_assert_int_eq(bed_offset(fd, 7, "t", 0, -1, NULL), 20);
	close(fd);
	bed_stop(&bed);
	unit_dir_remove(dfd, dir);
}
END_TEST

/* A snapshot from beyond the end tells of what a crash took; it must not be
 * there any more when the log has grown past it. */
START_TEST(stale_snapshot)
{
	char dir[64], from[160], to[160];
	struct stat st;
	int dfd = unit_dir(dir);

	bed_start(&bed, &fs_real, dir, NULL);
	fd = bed_connect(&bed);
	ck_assert_int_eq(bed_create(fd, "t", 1, NULL), 0);
	ck_assert_int_eq(bed_produce(fd, "t", 0, -1, "x", 20, NULL), 0);
	close(fd);
	bed_stop(&bed);
	snprintf(from, sizeof from,
	    "%s/broker/t-0/00000000000000000020.snapshot", dir);
	snprintf(to, sizeof to,
	    "%s/broker/t-0/00000000000000001000.snapshot", dir);
	ck_assert_int_eq(link(from, to), 0);
	bed_start(&bed, &fs_real, dir, NULL);
	fd = bed_connect(&bed);
	ck_assert_int_eq(bed_offset(fd, 7, "t", 0, -1, NULL), 20);
	ck_assert_int_eq(stat(from, &st), 0);
	ck_assert_int_eq(stat(to, &st), -1);
	close(fd);
	bed_stop(&bed);
	unit_dir_remove(dfd, dir);
}
END_TEST

/* --- the direct path --- */

struct waited {
	struct completion	 done;
	struct mutex		 lock;
	struct cond		 cond;
	int			 n;
	enum err_code		 code;
};

static void
on_done(struct completion *c, const struct err *err)
{
	struct waited *w = container_of(c, struct waited, done);

	mutex_lock(&w->lock);
	w->n++;
	w->code = err == NULL ? ERR_NONE : err->code;
	mutex_unlock(&w->lock);
	cond_signal(&w->cond);
}

static void
await(struct waited *w)
{
	mutex_lock(&w->lock);
	while (w->n == 0)
		cond_wait(&w->cond, &w->lock);
	w->n = 0;
	mutex_unlock(&w->lock);
}

static struct seglog_batch
pieces(struct slice s)
{
	struct seglog_batch b;

	memcpy(b.header, s.p, SEGLOG_HEADER);
	b.body = slice_of(s.p + SEGLOG_HEADER, s.len - SEGLOG_HEADER);
	b.base_offset = -1;
	return (b);
}

START_TEST(direct)
{
	static const char *const topics[] = { "plain", "stamped" };
	struct waited w = { .lock = MUTEX_INIT, .cond = COND_INIT };
	struct seglog_batch b;
	struct broker_topic *t;
	struct err err = ERR_INIT;
	char dir[64];
	int dfd = unit_dir(dir), i;

	bed_start(&bed, &fs_real, dir, "num.partitions=2", NULL);
	fd = bed_connect(&bed);
	ck_assert_int_eq(bed_create(fd, "stamped", 2,
	    "message.timestamp.type=LogAppendTime"), 0);
	UNIT_ERR(broker_topic_open(bed.broker, "a/b", true, &t, e),
	    ERR_REFUSED);
	UNIT_ERR(broker_topic_open(bed.broker, "none", false, &t, e),
	    ERR_NOT_FOUND);
	UNIT_OK(broker_topic_open(bed.broker, topics[_i], true, &t, e));
	ck_assert_int_eq(broker_topic_partitions(t), 2);
	for (i = 0; i < 20; i++) {
		completion_init(&w.done, NULL, on_done);
		b = pieces(bed_batch("d", 5));
		ck_assert_msg(broker_append(t, i % 2, &b, i < 10 ? -1 : 1,
		    &w.done, &err) == 0, "%s", err.msg);
		ck_assert_int_eq(b.base_offset, i / 2 * 5);
		await(&w);
		ck_assert_int_eq(w.code, ERR_NONE);
		if (i < 10)
			ck_assert_int_ge(bed_offset(fd, 7, topics[_i], i % 2,
			    -1, NULL), i / 2 * 5 + 5);
	}
	b = pieces(bed_batch("d", 5));
	UNIT_ERR(broker_append(t, 2, &b, 1, &w.done, e), ERR_NOT_FOUND);
	b.body.len--;
	UNIT_ERR(broker_append(t, 0, &b, 1, &w.done, e), ERR_CORRUPT);
	ck_assert_int_eq(strncmp(bed_read(fd, topics[_i], 1, 5), "d@5 d@6",
	    7), 0);
	broker_topic_close(t);
	close(fd);
	bed_stop(&bed);
	unit_dir_remove(dfd, dir);
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &power_cut, .rows = SEEDS },
	{ .fn = &lying_disk },
	{ .fn = &topics_cut, .rows = SEEDS },
	{ .fn = &full },
	{ .fn = &reserve },
	{ .fn = &sync_fails, .exit = 74 },
	{ .fn = &damaged, .rows = NELEM(files) * CHANGES },
	{ .fn = &stale_snapshot },
	{ .fn = &direct, .rows = 2 },
};

int
main(void)
{
	return (UNIT_MAIN("broker disk", tests));
}
