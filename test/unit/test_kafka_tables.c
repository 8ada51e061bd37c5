/*
 * The tables: APIs, error codes, descriptors; and the partitioner's hash.
 */
#include <check.h>

#include "base/mem.h"
#include "kafka/apis.h"
#include "kafka/errors.h"
#include "kafka/messages.h"
#include "kafka/murmur2.h"

START_TEST(apis_sound)
{
	const struct kapi *a;
	size_t i;

	for (i = 0; i < nkapis; i++) {
		a = &kapis[i];
		if (i > 0)
			ck_assert_int_lt(kapis[i - 1].key, a->key);
		ck_assert_ptr_eq(kapi_get(a->key), a);
		ck_assert_int_le(a->min, a->max);
		ck_assert_int_le(a->advertised, a->min);
		/* The messages say the same first flexible version. */
		ck_assert_int_eq(a->flex, a->request->flex);
		ck_assert_int_eq(a->flex, a->response->flex);
		ck_assert(kapi_serves(a, a->min) && kapi_serves(a, a->max));
		ck_assert(!kapi_serves(a, a->max + 1));
		ck_assert(!kapi_serves(a, a->min - 1));
	}
	ck_assert_ptr_null(kapi_get(-1));
	ck_assert_ptr_null(kapi_get(4));
	ck_assert_ptr_null(kapi_get(KAPI_MAX));
	ck_assert_ptr_null(kapi_get(KAPI_MAX + 1));
	ck_assert_str_eq(kapi_name(KAPI_Metadata), "Metadata");
	ck_assert_str_eq(kapi_name(1000), "unknown");
}
END_TEST

/*
 * librdkafka before 2.11.1 looks whether the advertised range holds these
 * versions, and silently does without the feature when one does not
 * (confluentinc/librdkafka #5130).
 */
START_TEST(apis_librdkafka)
{
	static const struct { int key, low, high; } need[] = {
		{ KAPI_Produce, 0, 0 }, { KAPI_Produce, 3, 3 },
		{ KAPI_Produce, 7, 7 }, { KAPI_Fetch, 4, 4 },
		{ KAPI_Fetch, 10, 10 }, { KAPI_FindCoordinator, 0, 0 },
		{ KAPI_OffsetCommit, 1, 2 }, { KAPI_OffsetFetch, 1, 1 },
		{ KAPI_JoinGroup, 0, 0 }, { KAPI_SyncGroup, 0, 0 },
		{ KAPI_Heartbeat, 0, 0 }, { KAPI_LeaveGroup, 0, 0 },
		{ KAPI_ListOffsets, 1, 1 }, { KAPI_InitProducerId, 0, 0 },
		{ KAPI_ApiVersions, 0, 0 },
	};
	const struct kapi *a;
	size_t i;

	for (i = 0; i < NELEM(need); i++) {
		a = kapi_get(need[i].key);
		ck_assert_ptr_nonnull(a);
		ck_assert_msg(a->advertised <= need[i].high &&
		    a->max >= need[i].low, "%s %d", a->name, need[i].low);
	}
}
END_TEST

START_TEST(errors_sound)
{
	int code, other;

	for (code = -1; code <= 133; code++) {
		ck_assert_str_ne(kerr_name(code), "UNKNOWN_ERROR_CODE");
		ck_assert_uint_gt(strlen(kerr_text(code)), 4);
		for (other = -1; other < code; other++)
			ck_assert_str_ne(kerr_name(code), kerr_name(other));
	}
	ck_assert_str_eq(kerr_name(134), "UNKNOWN_ERROR_CODE");
	ck_assert_str_eq(kerr_name(-2), "UNKNOWN_ERROR_CODE");
	ck_assert_str_eq(kerr_name(KERR_NONE), "NONE");
	ck_assert_int_eq(KERR_UNKNOWN_SERVER_ERROR, -1);
	ck_assert(kerr_retriable(KERR_NOT_LEADER_OR_FOLLOWER));
	ck_assert(kerr_retriable(KERR_CORRUPT_MESSAGE));
	ck_assert(!kerr_retriable(KERR_NONE));
	ck_assert(!kerr_retriable(KERR_MESSAGE_TOO_LARGE));
	ck_assert(!kerr_retriable(4711));
}
END_TEST

/* What the interpreter relies on. */
static void
check_desc(const struct kdesc *d)
{
	const struct kfield *f;
	int tag = -1;

	for (f = d->fields; f < d->fields + d->nfields; f++) {
		ck_assert_msg(f->first <= f->last && f->first >= 0 &&
		    f->offset < d->size, "%s.%s", d->name, f->name);
		ck_assert_msg((f->kind == KK_STRUCT) == (f->child != NULL),
		    "%s.%s", d->name, f->name);
		if (f->null >= 0)
			ck_assert_msg(f->array || f->kind == KK_STR ||
			    f->kind == KK_BYTES || f->kind == KK_RECORDS,
			    "%s.%s cannot be null", d->name, f->name);
		if (f->tag >= 0) {
			ck_assert_msg(f->tag > tag, "%s.%s: tags ascend",
			    d->name, f->name);
			tag = f->tag;
		}
		if (f->child != NULL)
			check_desc(f->child);
	}
}

START_TEST(messages_sound)
{
	size_t i;

	for (i = 0; i < nkmessages; i++) {
		check_desc(kmessages[i]);
		ck_assert_ptr_eq(kmessage_get(kmessages[i]->name),
		    kmessages[i]);
	}
	ck_assert_ptr_null(kmessage_get("nothing"));
	ck_assert_ptr_null(kmessage_get("produce_request_topic"));
}
END_TEST

/* The vectors of Apache Kafka's own test of its partitioner. */
START_TEST(partitioner)
{
	static const struct { const char *key; int32_t hash; } cases[] = {
		{ "21", -973932308 },
		{ "foobar", -790332482 },
		{ "a-little-bit-long-string", -985981536 },
		{ "a-little-bit-longer-string", -1486304829 },
		{ "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
		    -58897971 },
		{ "abc", 479470107 },
		{ "", 275646681 },
	};
	size_t i;

	for (i = 0; i < NELEM(cases); i++)
		ck_assert_int_eq(kafka_murmur2(slice_str(cases[i].key)),
		    cases[i].hash);
	ck_assert_int_eq(kafka_partition(SLICE("21"), 7),
	    (-973932308 & 0x7fffffff) % 7);
	ck_assert_int_eq(kafka_partition(SLICE("21"), 1), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("kafka tables");
	TCase *t = tcase_create("tables");
	SRunner *r;
	int failed;

	tcase_add_test(t, apis_sound);
	tcase_add_test(t, apis_librdkafka);
	tcase_add_test(t, errors_sound);
	tcase_add_test(t, messages_sound);
	tcase_add_test(t, partitioner);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return (failed == 0 ? 0 : 1);
}
