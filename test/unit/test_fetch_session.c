/* Fetch sessions (KIP-227) and topic ids in Fetch (KIP-516): first the cache
 * alone, under a clock of the test's, then through a broker. */
#include "test/unit/unit.h"

#include "broker/broker_priv.h"
#include "broker/fetch_session.h"
#include "broker/topic.h"
#include "kafka/errors.h"
#include "test/unit/broker_bed.h"

/* --- the cache --- */

static struct fetch_sessions *s;
static metric_t count;
static int64_t now = 1000;
static struct fetch_plan plan;
static struct fetch_told told[16];

static struct km_fetch_request q;
static struct km_fetch_request_topic topics[16];
static struct km_fetch_request_partition parts[16];
static struct km_fetch_request_forgotten forgotten[4];
static int32_t forgotten_parts[4];

/* Begins a request with nothing in it. */
static void
ask(int32_t id, int32_t epoch)
{
	kw_defaults(&kd_fetch_request, &q);
	q.session_id = id;
	q.session_epoch = epoch;
	q.topics.v = topics;
	q.forgotten_topics_data.v = forgotten;
}

static void
ask_for(const char *name, int32_t partition, int64_t offset)
{
	int32_t i = q.topics.n++;

	kw_defaults(&kd_fetch_request_topic, &topics[i]);
	kw_defaults(&kd_fetch_request_partition, &parts[i]);
	if (name != NULL)
		topics[i].topic = slice_str(name);
	topics[i].topic_id.b[0] = (uint8_t)(name == NULL ? 7 : 0);
	topics[i].partitions.v = &parts[i];
	topics[i].partitions.n = 1;
	parts[i].partition = partition;
	parts[i].fetch_offset = offset;
}

static void
no_more(const char *name, int32_t partition)
{
	int32_t i = q.forgotten_topics_data.n++;

	kw_defaults(&kd_fetch_request_forgotten, &forgotten[i]);
	forgotten[i].topic = slice_str(name);
	forgotten[i].partitions.v = &forgotten_parts[i];
	forgotten[i].partitions.n = 1;
	forgotten_parts[i] = partition;
}

static int16_t
begin(int version)
{
	size_t i;
	int16_t error = fetch_session_begin(s, &q, version, now, &plan);

	for (i = 0; i < NELEM(told); i++)
		told[i] = (struct fetch_told){ .high = 10, .start = 0 };
	return (error);
}

/* The plan as "name-partition@offset ...". */
static const char *
planned(void)
{
	static char text[512];
	size_t i;

	text[0] = '\0';
	for (i = 0; i < plan.n; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text),
		    "%s%.*s-%d@%lld", i > 0 ? " " : "",
		    (int)plan.v[i].name.len, (const char *)plan.v[i].name.p,
		    plan.v[i].partition, (long long)plan.v[i].offset);
	return (text);
}

/* Ends it: the session; which were included, as bits. */
static int32_t
end(unsigned *included)
{
	int32_t id = fetch_session_end(s, &plan, told, now);
	size_t i;

	if (included != NULL)
		for (*included = 0, i = 0; i < plan.n; i++)
			*included |= told[i].included ? 1u << i : 0;
	fetch_plan_fini(&plan);
	return (id);
}

/* A new session over a-0, a-1, b-0; 0: declined. */
static int32_t
make(int version)
{
	ask(0, 0);
	ask_for(version >= 13 ? NULL : "a", 0, 5);
	ask_for(version >= 13 ? NULL : "a", 1, 6);
	ask_for(version >= 13 ? NULL : "b", 2, 7);
	ck_assert_int_eq(begin(version), 0);
	return (end(NULL));
}

static void
drop(int16_t error)
{
	ck_assert_int_ne(error, 0);
	ck_assert_uint_eq(plan.n, 0);
	fetch_plan_fini(&plan);
}

static void
setup(void)
{
	s = fetch_sessions_new(3, 10, &count);
}

static void
teardown(void)
{
	fetch_sessions_free(s);
	ck_assert_int_eq(metric_get(&count), 0);
}

START_TEST(incremental)
{
	unsigned included;
	int32_t id;

	setup();
	id = make(12);
	ck_assert_int_gt(id, 0);
	ck_assert_int_eq(metric_get(&count), 1);
	ask(id, 1);			/* all as before */
	ck_assert_int_eq(begin(12), 0);
	ck_assert_str_eq(planned(), "a-0@5 a-1@6 b-2@7");
	ck_assert_int_eq(end(&included), id);
	ck_assert_uint_eq(included, 0);
	ask(id, 2);			/* one moves on, one is new */
	ask_for("a", 1, 9);
	ask_for("c", 0, 1);
	ck_assert_int_eq(begin(12), 0);
	ck_assert_str_eq(planned(), "a-0@5 a-1@9 b-2@7 c-0@1");
	told[1].records = true;
	told[2].high = 11;
	ck_assert_int_eq(end(&included), id);
	ck_assert_uint_eq(included, 2 + 4 + 8);
	ask(id, 3);			/* who gave records is the last now */
	no_more("a", 0);
	no_more("x", 0);
	ck_assert_int_eq(begin(12), 0);
	ck_assert_str_eq(planned(), "b-2@7 c-0@1 a-1@9");
	told[0].high = 11;
	told[1].start = 3;
	told[2].error = true;
	(void)end(&included);
	ck_assert_uint_eq(included, 2 + 4);
	ask(id, 4);			/* behind an error all is news */
	ck_assert_int_eq(begin(12), 0);
	told[0].high = 11;
	told[1].start = 3;
	(void)end(&included);
	ck_assert_uint_eq(included, 4);
	teardown();
}
END_TEST

START_TEST(refused)
{
	int32_t id, ids;

	setup();
	id = make(12);
	ids = make(13);
	ck_assert_int_gt(id, 0);
	ck_assert_int_gt(ids, 0);
	ask(id, 2);
	ck_assert_int_eq(begin(12), KERR_INVALID_FETCH_SESSION_EPOCH);
	drop(KERR_INVALID_FETCH_SESSION_EPOCH);
	ask(id, 1);
	ck_assert_int_eq(begin(13), KERR_FETCH_SESSION_TOPIC_ID_ERROR);
	drop(KERR_FETCH_SESSION_TOPIC_ID_ERROR);
	ask(ids, 1);
	ck_assert_int_eq(begin(12), KERR_FETCH_SESSION_TOPIC_ID_ERROR);
	drop(KERR_FETCH_SESSION_TOPIC_ID_ERROR);
	/* And still there, with their epochs. */
	ask(id, 1);
	ck_assert_int_eq(begin(12), 0);
	ck_assert_int_eq(end(NULL), id);
	ask(ids, 1);
	ck_assert_int_eq(begin(13), 0);
	ck_assert_uint_eq(plan.n, 3);
	ck_assert(plan.v[0].name.p == NULL && plan.v[0].id.b[0] == 7);
	ck_assert_int_eq(end(NULL), ids);
	ask(77 + id, 1);
	if (id + 77 != ids) {
		ck_assert_int_eq(begin(12), KERR_FETCH_SESSION_ID_NOT_FOUND);
		drop(KERR_FETCH_SESSION_ID_NOT_FOUND);
	}
	teardown();
}
END_TEST

START_TEST(closed)
{
	int32_t id, other;

	setup();
	id = make(12);
	ask(id, -1);
	ck_assert_int_eq(begin(12), 0);
	ck_assert_uint_eq(plan.n, 0);
	ck_assert_int_eq(end(NULL), 0);
	ck_assert_int_eq(metric_get(&count), 0);
	id = make(12);
	ask(id, 0);			/* a new one in its place */
	ask_for("a", 0, 1);
	ck_assert_int_eq(begin(12), 0);
	other = end(NULL);
	ck_assert_int_ne(other, id);
	ck_assert_int_eq(metric_get(&count), 1);
	ask(other, 1);			/* forgets all it has */
	no_more("a", 0);
	ck_assert_int_eq(begin(12), 0);
	ck_assert_int_eq(end(NULL), 0);
	ck_assert_int_eq(metric_get(&count), 0);
	ask(0, -1);
	ask_for("a", 0, 1);
	ck_assert_int_eq(begin(6), 0);
	ck_assert_str_eq(planned(), "a-0@1");
	ck_assert_int_eq(end(NULL), 0);
	teardown();
}
END_TEST

/* Three slots, ten partitions. */
START_TEST(bounded)
{
	int32_t a, b, c, i;

	setup();
	a = make(12);
	now += 1000;
	b = make(12);
	now += 1000;
	c = make(12);
	ck_assert(a > 0 && b > 0 && c > 0);
	ck_assert_int_eq(make(12), 0);		/* all of them are in use */
	ask(a, 1);
	ck_assert_int_eq(begin(12), 0);
	(void)end(NULL);
	now += 119500;				/* b: two minutes ago */
	i = make(12);
	ck_assert_int_gt(i, 0);
	ck_assert_int_eq(metric_get(&count), 3);
	ask(b, 1);
	ck_assert_int_eq(begin(12), KERR_FETCH_SESSION_ID_NOT_FOUND);
	drop(KERR_FETCH_SESSION_ID_NOT_FOUND);
	/* Partitions: nine are there.  A session that wants more goes. */
	ask(c, 1);
	ask_for("c", 0, 0);
	ck_assert_int_eq(begin(12), 0);
	(void)end(NULL);
	ask(c, 2);
	ask_for("c", 1, 0);
	ck_assert_int_eq(begin(12), KERR_FETCH_SESSION_ID_NOT_FOUND);
	drop(KERR_FETCH_SESSION_ID_NOT_FOUND);
	ck_assert_int_eq(metric_get(&count), 2);
	ask(0, 0);
	for (i = 0; i < 5; i++)
		ask_for("d", i, 0);
	ck_assert_int_eq(begin(12), 0);
	ck_assert_int_eq(end(NULL), 0);
	ask(0, 0);
	for (i = 0; i < 11; i++)
		ask_for("d", i, 0);
	now += 1000000;
	ck_assert_int_eq(begin(12), 0);
	ck_assert_int_eq(end(NULL), 0);
	ck_assert_int_eq(metric_get(&count), 2);
	teardown();
}
END_TEST

/* A second request of a session while the first is being answered. */
START_TEST(overtaken)
{
	struct fetch_plan first;
	int32_t id;

	setup();
	id = make(12);
	ask(id, 1);
	ck_assert_int_eq(begin(12), 0);
	first = plan;
	ask(id, -1);
	ck_assert_int_eq(begin(12), 0);
	(void)end(NULL);
	told[1].records = true;
	ck_assert_int_eq(fetch_session_end(s, &first, told, now), id);
	ck_assert(!told[0].included && told[1].included);
	fetch_plan_fini(&first);
	teardown();
}
END_TEST

/* --- through a broker --- */

static struct bed bed;
static char dir[64];
static int dirfd_, fd;

static struct km_fetch_response *
call(int version)
{
	q.max_bytes = INT32_MAX;
	return (bed_call(fd, KAPI_Fetch, version, &q));
}

static void
want(const char *name, int32_t partition, int64_t offset)
{
	ask_for(name, partition, offset);
	parts[q.topics.n - 1].partition_max_bytes = 1 << 20;
	parts[q.topics.n - 1].current_leader_epoch = -1;
}

static void
up(const char *setting)
{
	dirfd_ = unit_dir(dir);
	bed_start(&bed, &fs_real, dir, setting, NULL);
	fd = bed_connect(&bed);
	ck_assert_int_eq(bed_create(fd, "t", 3, NULL), 0);
	ck_assert_int_eq(bed_produce(fd, "t", 0, -1, "a", 2, NULL), 0);
}

static void
down(void)
{
	close(fd);
	bed_stop(&bed);
	unit_dir_remove(dirfd_, dir);
}

START_TEST(by_session)
{
	struct km_fetch_response *a;
	int32_t id, i;

	up(NULL);
	ask(0, 0);
	for (i = 0; i < 3; i++)
		want("t", i, 0);
	a = call(12);
	id = a->session_id;
	ck_assert_int_gt(id, 0);
	ck_assert_int_eq(a->responses.n, 1);
	ck_assert_int_eq(a->responses.v[0].partitions.n, 3);
	ck_assert_int_eq(bed_count(a->responses.v[0].partitions.v[0].records),
	    2);
	ask(id, 1);
	want("t", 0, 2);
	a = call(12);
	ck_assert_int_eq(a->session_id, id);
	ck_assert_int_eq(a->responses.n, 0);
	ck_assert_int_eq(bed_produce(fd, "t", 2, -1, "b", 3, NULL), 0);
	ask(id, 2);
	q.min_bytes = 1;
	q.max_wait_ms = 20000;
	a = call(12);
	ck_assert_int_eq(a->responses.n, 1);
	ck_assert_int_eq(a->responses.v[0].partitions.n, 1);
	ck_assert_int_eq(
	    a->responses.v[0].partitions.v[0].partition_index, 2);
	ck_assert_int_eq(bed_count(a->responses.v[0].partitions.v[0].records),
	    3);
	ask(id, 2);
	a = call(12);
	ck_assert_int_eq(a->error_code, KERR_INVALID_FETCH_SESSION_EPOCH);
	ask(id, -1);
	a = call(12);
	ck_assert_int_eq(a->error_code, 0);
	ask(id, 3);
	a = call(12);
	ck_assert_int_eq(a->error_code, KERR_FETCH_SESSION_ID_NOT_FOUND);
	down();
}
END_TEST

START_TEST(switched_off)
{
	struct km_fetch_response *a;

	up("max.incremental.fetch.session.cache.slots=0");
	ask(0, 0);
	want("t", 0, 0);
	a = call(12);
	ck_assert_int_eq(a->session_id, 0);
	ck_assert_int_eq(a->responses.v[0].partitions.n, 1);
	down();
}
END_TEST

/* Versions 13 to 17: by id, and nothing else. */
START_TEST(by_id)
{
	int version = 13 + _i;
	struct km_fetch_response *a;
	struct kuuid id;

	up(NULL);
	id = bed_topic(fd, "t")->topic_id;
	ask(0, -1);
	want(NULL, 0, 1);
	topics[0].topic_id = id;
	want(NULL, 0, 0);			/* of nobody */
	want(NULL, 9, 0);
	topics[2].topic_id = id;
	a = call(version);
	ck_assert_int_eq(a->responses.n, 3);
	ck_assert_mem_eq(&a->responses.v[0].topic_id, &id, sizeof id);
	ck_assert_int_eq(a->responses.v[0].partitions.v[0].error_code, 0);
	ck_assert_int_eq(bed_count(a->responses.v[0].partitions.v[0].records),
	    2);
	ck_assert_int_eq(a->responses.v[1].partitions.v[0].error_code,
	    KERR_UNKNOWN_TOPIC_ID);
	ck_assert_int_eq(a->responses.v[2].partitions.v[0].error_code,
	    KERR_UNKNOWN_TOPIC_OR_PARTITION);
	down();
}
END_TEST

/* A session by id over a topic that is deleted and made again. */
START_TEST(by_id_of_another_topic)
{
	struct km_fetch_response *a;
	struct kuuid id;
	int32_t session;
	struct topic *t;

	up(NULL);
	id = bed_topic(fd, "t")->topic_id;
	ask(0, 0);
	want(NULL, 0, 0);
	topics[0].topic_id = id;
	session = call(17)->session_id;
	t = topic_find(bed.broker, slice_str("t"));
	UNIT_OK(topic_delete(t, e));
	topic_unref(t);
	ck_assert_int_eq(bed_create(fd, "t", 1, NULL), 0);
	ask(session, 1);
	a = call(17);
	ck_assert_int_eq(a->responses.v[0].partitions.v[0].error_code,
	    KERR_UNKNOWN_TOPIC_ID);
	down();
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &incremental },
	{ .fn = &refused },
	{ .fn = &closed },
	{ .fn = &bounded },
	{ .fn = &overtaken },
	{ .fn = &by_session },
	{ .fn = &switched_off },
	{ .fn = &by_id, .rows = 5 },
	{ .fn = &by_id_of_another_topic },
};

int
main(void)
{
	return (UNIT_MAIN("fetch_session", tests));
}
