/* What the commands read: times, durations, topics, plans, settings. */
#include <librdkafka/rdkafka.h>

#include "base/str.h"
#include "cli/pairs.h"
#include "cli/partitions.h"
#include "cli/plan.h"
#include "cli/when.h"
#include "test/unit/unit.h"

#define BAD	INT64_MIN

/* --- times --- */

static const struct {
	const char	*text;
	int64_t		 ms;
} times[] = {
	{ "1970-01-01T00:00:00.000", 0 },
	{ "1970-01-01T00:00:00", 0 },
	{ "1970-01-01T00:00:00.001Z", 1 },
	{ "1969-12-31T23:59:59.999", -1 },
	{ "2026-11-21T15:04:05.123", 1795273445123 },
	{ "2026-11-21T15:04:05.123Z", 1795273445123 },
	{ "2026-11-21T16:04:05.123+01", 1795273445123 },
	{ "2026-11-21T16:34:05.123+0130", 1795273445123 },
	{ "2026-11-21T09:34:05.123-05:30", 1795273445123 },
	{ "2024-02-29T00:00:00.000", 1709164800000 },
	{ "2000-02-29T00:00:00.000", 951782400000 },
	{ "2100-02-29T00:00:00.000", BAD },
	{ "2023-02-29T00:00:00.000", BAD },
	{ "2026-13-01T00:00:00.000", BAD },
	{ "2026-00-01T00:00:00.000", BAD },
	{ "2026-01-00T00:00:00.000", BAD },
	{ "2026-01-01T24:00:00.000", BAD },
	{ "2026-01-01T00:60:00.000", BAD },
	{ "2026-01-01T00:00:60.000", BAD },
	{ "2026-01-01T00:00:00.1", BAD },
	{ "2026-01-01T00:00:00.1234", BAD },
	{ "2026-01-01T00:00:00.", BAD },
	{ "2026-01-01T00:00:00.000 ", BAD },
	{ "2026-01-01T00:00:00.000z", BAD },
	{ "2026-01-01T00:00:00.000Z1", BAD },
	{ "2026-01-01T00:00:00.000+1", BAD },
	{ "2026-01-01T00:00:00.000+01:0", BAD },
	{ "2026-01-01T00:00:00.000+24", BAD },
	{ "2026-01-01 00:00:00.000", BAD },
	{ "26-01-01T00:00:00.000", BAD },
	{ "+026-01-01T00:00:00.000", BAD },
	{ "", BAD },
};

START_TEST(test_when)
{
	int64_t ms = BAD;
	bool ok = when_parse(times[_i].text, &ms);

	ck_assert_msg(ms == times[_i].ms && ok == (ms != BAD), "%s: %lld",
	    times[_i].text, (long long)ms);
}
END_TEST

START_TEST(test_when_print)
{
	char buf[32];

	ck_assert_str_eq(when_print(buf, 1795273445123),
	    "2026-11-21 15:04:05:123");
}
END_TEST

static const struct {
	const char	*text;
	int64_t		 ms;
} spans[] = {
	{ "P1D", 86400000 }, { "PT1H", 3600000 }, { "PT1M", 60000 },
	{ "PT1S", 1000 }, { "P1DT2H3M4.5S", 93784500 },
	{ "PT0S", 0 }, { "PT0.001S", 1 }, { "PT0,25S", 250 },
	{ "PT1.123456789S", 1123 }, { "PT1.S", 1000 },
	{ "-PT1H", -3600000 }, { "PT-1H", -3600000 }, { "-PT-1H", 3600000 },
	{ "+P+1D", 86400000 }, { "pt1h", 3600000 }, { "P7DT12H", 648000000 },
	{ "P0DT0H0M0S", 0 }, { "PT-0.5S", -500 },
	{ "P", BAD }, { "PT", BAD }, { "P1DT", BAD }, { "", BAD },
	{ "1D", BAD }, { "P1", BAD }, { "P1H", BAD }, { "PT1D", BAD },
	{ "PT1M1H", BAD }, { "PT1H1H", BAD }, { "PT1.5H", BAD },
	{ "P1W", BAD }, { "P1Y", BAD }, { "PT1S ", BAD }, { "PTT1S", BAD },
	{ "P1D2D", BAD }, { "PT.5S", BAD }, { "PTS", BAD }, { "P--1D", BAD },
	{ "P999999999999999D", BAD }, { "P9999999999999999D", BAD },
	{ "PT999999999999999S", 999999999999999000 },
};

START_TEST(test_duration)
{
	int64_t ms = BAD;
	bool ok = when_duration(spans[_i].text, &ms);

	ck_assert_msg(ms == spans[_i].ms && ok == (ms != BAD), "%s: %lld",
	    spans[_i].text, (long long)ms);
}
END_TEST

/* --- partitions --- */

static const struct {
	const char	*text, *want;		/* NULL: refused */
} topics[] = {
	{ "t", "t/-1 " }, { "t:0", "t/0 " }, { "a.b-c_D9:3,1", "a.b-c_D9/3 "
	    "a.b-c_D9/1 " }, { "t:2147483647", "t/2147483647 " },
	{ "", NULL }, { ":0", NULL }, { "t:", NULL }, { "t:0,", NULL },
	{ "t:,0", NULL }, { "t:-1", NULL }, { "t:2147483648", NULL },
	{ "t:x", NULL }, { "a b", NULL }, { "..", NULL }, { "t:0:1", NULL },
	{ "t,u", NULL },
};

START_TEST(test_topic)
{
	rd_kafka_topic_partition_list_t *l;
	struct sb out = SB_INIT;
	bool ok;
	int i;

	l = rd_kafka_topic_partition_list_new(1);
	ok = partitions_parse(l, topics[_i].text);
	ck_assert_msg(ok == (topics[_i].want != NULL), "%s", topics[_i].text);
	for (i = 0; ok && i < l->cnt; i++)
		sb_printf(&out, "%s/%d ", l->elems[i].topic,
		    l->elems[i].partition);
	if (ok)
		ck_assert_str_eq(out.ptr, topics[_i].want);
	rd_kafka_topic_partition_list_destroy(l);
	sb_fini(&out);
}
END_TEST

START_TEST(test_partitions_there)
{
	struct rd_kafka_metadata_partition p[] = { { .id = 0 }, { .id = 1 } };
	char orders[] = "orders", sales[] = "sales", gone[] = "gone";
	struct rd_kafka_metadata_topic t[] = {
		{ .topic = orders, .partition_cnt = 2, .partitions = p },
		{ .topic = sales, .partition_cnt = 1, .partitions = p },
		{ .topic = gone, .err = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART }
	};
	struct rd_kafka_metadata md = { .topic_cnt = 3, .topics = t };
	static const struct {
		const char	*names[3], *want, *said;
	} rows[] = {
		{ { "sales", "orders" }, "orders/0 orders/1 sales/0 ", NULL },
		{ { "orders:1", "orders:1,0", "orders" },
		    "orders/0 orders/1 ", NULL },
		{ { "order" }, NULL, "topic order does not exist; did you "
		    "mean orders?" },
		{ { "gone" }, NULL, "topic gone does not exist" },
		{ { "orders:2" }, NULL, "topic orders has 2 partitions: there "
		    "is no partition 2" },
		{ { "orders:0", "sales:1" }, NULL, "topic sales has 1 "
		    "partition: there is no partition 1" },
	};
	rd_kafka_topic_partition_list_t *l, *there;
	size_t i, j;
	int k;

	for (i = 0; i < NELEM(rows); i++) {
		struct sb out = SB_INIT;
		struct err e = ERR_INIT;

		l = rd_kafka_topic_partition_list_new(1);
		for (j = 0; j < 3 && rows[i].names[j] != NULL; j++)
			ck_assert(partitions_parse(l, rows[i].names[j]));
		there = partitions_there(l, &md, &e);
		ck_assert((there != NULL) == (rows[i].want != NULL));
		for (k = 0; there != NULL && k < there->cnt; k++)
			sb_printf(&out, "%s/%d ", there->elems[k].topic,
			    there->elems[k].partition);
		if (there != NULL) {
			ck_assert_str_eq(out.ptr, rows[i].want);
			rd_kafka_topic_partition_list_destroy(there);
		} else
			ck_assert_ptr_nonnull(strstr(e.msg, rows[i].said));
		rd_kafka_topic_partition_list_destroy(l);
		sb_fini(&out);
	}
}
END_TEST

/* --- plans --- */

static char *
plan_text(const struct plan *p)
{
	struct sb out = SB_INIT;
	size_t i;

	sb_puts(&out, "");
	for (i = 0; i < p->n; i++)
		sb_printf(&out, "%s/%s/%d/%lld ", p->v[i].group == NULL ? "-" :
		    p->v[i].group, p->v[i].topic, p->v[i].partition,
		    (long long)p->v[i].offset);
	return (sb_take(&out));
}

static void
try_plan(int (*parse)(struct plan *, const char *, size_t, struct err *),
    const char *text, const char *want, const char *said)
{
	struct plan p = { 0 };
	struct err e = ERR_INIT;
	int rc = parse(&p, text, strlen(text), &e);
	char *got = plan_text(&p);

	if (want != NULL) {
		ck_assert_msg(rc == 0, "%s: %s", text, e.msg);
		ck_assert_str_eq(got, want);
	} else {
		ck_assert_msg(rc == -1, "%s", text);
		ck_assert_msg(strstr(e.msg, said) != NULL, "%s", e.msg);
		ck_assert_int_eq(e.code, ERR_CONFIG);
	}
	free(got);
	plan_fini(&p);
}

static const struct {
	const char	*text, *want, *said;
} csvs[] = {
	{ "", "", NULL },
	{ "t,0,5\n", "-/t/0/5 ", NULL },
	{ "t,0,5", "-/t/0/5 ", NULL },
	{ "t,0,5\r\n\n  \nu,1,0\r\n", "-/t/0/5 -/u/1/0 ", NULL },
	{ "g,t,0,9223372036854775807\n", "g/t/0/9223372036854775807 ", NULL },
	{ "\"my, \"\"group\"\"\",t,0,5\n", "my, \"group\"/t/0/5 ", NULL },
	{ "\"t\",\"0\",\"5\"\n", "-/t/0/5 ", NULL },
	{ ",t,0,5\n", "/t/0/5 ", NULL },
	{ "t,0,5\nt,0\n", NULL, "line 2: give topic,partition,offset" },
	{ "t\n", NULL, "line 1: give topic" },
	{ "a,b,c,1,2\n", NULL, "line 1: too many fields" },
	{ "t,x,5\n", NULL, "line 1: 'x' is not a partition" },
	{ "t,-1,5\n", NULL, "'-1' is not a partition" },
	{ "t,2147483648,5\n", NULL, "is not a partition" },
	{ "t,0,-1\n", NULL, "'-1' is not an offset" },
	{ "t,0,9223372036854775808\n", NULL, "is not an offset" },
	{ "t,0,\n", NULL, "'' is not an offset" },
	{ "a b,0,1\n", NULL, "'a b' cannot be a topic" },
	{ "\"t,0,1\n", NULL, "line 1: a quote is not closed" },
	{ "\"t\"x,0,1\n", NULL, "line 1: a quote is not closed, or something "
	    "follows it" },
};

START_TEST(test_csv)
{
	try_plan(plan_csv, csvs[_i].text, csvs[_i].want, csvs[_i].said);
}
END_TEST

START_TEST(test_csv_field)
{
	static const char *const names[] = { "plain", "a,b", "a\"b", " a ",
	    "", "\"", ",", "g 1" };
	struct plan p = { 0 };
	struct sb text = SB_INIT;
	struct err e = ERR_INIT;
	size_t i;

	for (i = 0; i < NELEM(names); i++) {
		plan_csv_field(&text, names[i]);
		sb_puts(&text, ",t,0,1\n");
	}
	ck_assert_int_eq(plan_csv(&p, text.ptr, text.len, &e), 0);
	ck_assert_uint_eq(p.n, NELEM(names));
	for (i = 0; i < NELEM(names); i++)
		ck_assert_str_eq(p.v[i].group, names[i]);
	ck_assert_int_eq(plan_csv(&p, "t,0,1\0,2\n", 9, &e), -1);
	sb_fini(&text);
	plan_fini(&p);
}
END_TEST

#define ROW(t, p, o)	"{\"topic\": " t ", \"partition\": " p		\
	", \"offset\": " o "}"
#define ROWS(rows)	"{\"partitions\": [" rows "], \"version\": 1}"
static const struct {
	const char	*text, *want, *said;
} jsons[] = {
	{ ROWS(""), "", NULL },
	{ "{\"partitions\": []}", "", NULL },
	{ ROWS(ROW("\"t\"", "0", "5")), "-/t/0/5 ", NULL },
	{ ROWS(ROW("\"t\"", "1", "-1") "," ROW("\"t\"", "0", "0")),
	    "-/t/1/-1 -/t/0/0 ", NULL },
	{ "", NULL, "line 1 column 0" },
	{ "[]", NULL, "there is no array \"partitions\"" },
	{ "{}", NULL, "there is no array \"partitions\"" },
	{ "{\"partitions\": 1}", NULL, "there is no array" },
	{ "{\"partitions\": [], \"version\": 2}", NULL, "\"version\" is not "
	    "1" },
	{ ROWS("1"), NULL, "partitions[0]: \"topic\" is not" },
	{ ROWS(ROW("5", "0", "5")), NULL, "\"topic\" is not" },
	{ ROWS(ROW("\"\"", "0", "5")), NULL, "\"topic\" is not" },
	{ ROWS(ROW("\"t\"", "\"0\"", "5")), NULL, "\"partition\" is not" },
	{ ROWS(ROW("\"t\"", "-1", "5")), NULL, "\"partition\" is not" },
	{ ROWS(ROW("\"t\"", "2147483648", "5")), NULL, "\"partition\" is "
	    "not" },
	{ ROWS(ROW("\"t\"", "0", "-2")), NULL, "\"offset\" is not" },
	{ ROWS(ROW("\"t\"", "0", "1.5")), NULL, "\"offset\" is not" },
	{ ROWS(ROW("\"t\"", "0", "99999999999999999999")), NULL, "line 1" },
	{ ROWS(ROW("\"t\"", "0", "1") "," ROW("\"u\"", "0", "1") ","
	    ROW("\"t\"", "0", "2")), NULL, "topic t partition 0 stands there "
	    "twice" },
};

START_TEST(test_json)
{
	try_plan(plan_json, jsons[_i].text, jsons[_i].want, jsons[_i].said);
}
END_TEST

/* --- settings --- */

static const struct {
	const char	*text, *want, *said;
} settings[] = {
	{ "a=1", "a=1;", NULL },
	{ "a=1,b=2", "a=1;b=2;", NULL },
	{ "a=[x,y],b=2", "a=x,y;b=2;", NULL },
	{ "b=2,a=[x,y]", "b=2;a=x,y;", NULL },
	{ "a=[]", "a=;", NULL },
	{ "a=", "a=;", NULL },
	{ "a=,b=", "a=;b=;", NULL },
	{ " a = 1 , b = [ x , y ] ", "a=1;b=x , y;", NULL },
	{ "a=b=c", "a=b=c;", NULL },
	{ "a=x[1]", "a=x[1];", NULL },
	{ "", NULL, "give key=value" },
	{ "a", NULL, "'a': give key=value" },
	{ "a=1,b", NULL, "'b': give key=value" },
	{ "a=1,", NULL, "give key=value" },
	{ "=1", NULL, "a key is missing" },
	{ "a=1,a=2", NULL, "a is given twice" },
	{ "a=[x,y", NULL, "a: the [brackets]" },
	{ "a=[x]y", NULL, "a: the [brackets]" },
};

static char *
pairs_text(const struct pairs *p)
{
	struct sb out = SB_INIT;
	size_t i;

	sb_puts(&out, "");
	for (i = 0; i < p->n; i++)
		sb_printf(&out, "%s=%s;", p->v[i].key, p->v[i].value);
	return (sb_take(&out));
}

START_TEST(test_pairs)
{
	struct pairs p = { 0 };
	struct err e = ERR_INIT;
	int rc = pairs_parse(&p, settings[_i].text, &e);
	char *got = pairs_text(&p);

	if (settings[_i].want != NULL) {
		ck_assert_msg(rc == 0, "%s: %s", settings[_i].text, e.msg);
		ck_assert_str_eq(got, settings[_i].want);
	} else {
		ck_assert_int_eq(rc, -1);
		ck_assert_msg(strstr(e.msg, settings[_i].said) != NULL, "%s",
		    e.msg);
	}
	free(got);
	pairs_fini(&p);
}
END_TEST

START_TEST(test_pairs_keys)
{
	struct pairs p = { 0 };
	struct err e = ERR_INIT;

	ck_assert_int_eq(pairs_parse_keys(&p, "a, b", &e), 0);
	ck_assert_uint_eq(p.n, 2);
	ck_assert_ptr_nonnull(pairs_find(&p, "b"));
	ck_assert_ptr_null(pairs_find(&p, "b")->value);
	ck_assert_int_eq(pairs_parse_keys(&p, "c,a", &e), -1);
	ck_assert_int_eq(pairs_parse_keys(&p, "d=1", &e), -1);
	ck_assert_int_eq(pairs_parse_keys(&p, "", &e), -1);
	pairs_fini(&p);
}
END_TEST

int
main(void)
{
	static const struct unit_test tests[] = {
		{ .fn = &test_when, .rows = NELEM(times) },
		{ .fn = &test_when_print },
		{ .fn = &test_duration, .rows = NELEM(spans) },
		{ .fn = &test_topic, .rows = NELEM(topics) },
		{ .fn = &test_partitions_there },
		{ .fn = &test_csv, .rows = NELEM(csvs) },
		{ .fn = &test_csv_field },
		{ .fn = &test_json, .rows = NELEM(jsons) },
		{ .fn = &test_pairs, .rows = NELEM(settings) },
		{ .fn = &test_pairs_keys },
	};

	return (UNIT_MAIN("cli_parse", tests));
}
