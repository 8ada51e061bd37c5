/*
 * sources/syslog_*: the messages of Flume's own tests and what it makes of
 * them, but where sources/syslog_parse.h says that it differs; framing.
 */
#include "test/unit/unit.h"

#include <inttypes.h>
#include <time.h>

#include "base/str.h"
#include "sources/syslog.h"
#include "sources/syslog_frame.h"

#define NOW	INT64_C(1795219200000)	/* 2026-11-21T00:00:00Z */
#define UBUNTU	"ubuntu-11.cloudera.com"

/* --- records --- */

static struct sb shown;

/* "a=1 b=2|body" */
static const char *
show(const struct batch *b, const struct record *r)
{
	struct header h;
	uint32_t it;

	shown.len = 0;
	for (it = 0; batch_next_header(b, r, &it, &h);)
		sb_printf(&shown, "%.*s=%.*s ", (int)h.name.len, h.name.p,
		    (int)h.value.len, h.value.p);
	if (shown.len > 0)
		shown.len--;
	sb_puts(&shown, "|");
	sb_add(&shown, r->body.p, r->body.len);
	return (shown.ptr);
}

static const char *
record_of(enum syslog_dialect d, unsigned keep, const char *line, bool cut,
    struct syslog_origin origin)
{
	struct syslog y = { .dialect = d, .keep = keep,
	    .clock = { .now_ms = NOW } };
	struct buf *buf = buf_new(strlen(line) + 1);
	struct batch *b = batch_new();
	struct record *r;
	const char *text;

	batch_hold(b, buf);
	memcpy(buf->data, line, strlen(line) + 1);
	r = syslog_add(&y, b, &origin, slice_of(buf->data, strlen(line)), cut);
	batch_seal(b);
	text = show(b, r);
	batch_unref(b);
	buf_unref(buf);
	sb_fini(&y.scratch);
	return (text);
}

static void
zone(const char *tz)
{
	setenv("TZ", tz, 1);
	tzset();
}

#define GOOD	"Facility=1 Severity=2 priority=10 "
#define V1	GOOD "version=1 "
#define HOST	"host=" UBUNTU " "
#define BAD	"Facility=0 Severity=0 flume.syslog.status=Invalid|"

static const struct {
	const char *name, *line, *want;
} plain_rows[] = {
	{ "H0", "<10>2012-04-13T11:11:11+08:00 " UBUNTU " some msg",
	    GOOD HOST "timestamp=1334286671000|some msg" },
	{ "H1", "<10>1 2012-04-13T11:11:11 " UBUNTU " some msg",
	    V1 HOST "timestamp=1334333471000|some msg" },
	{ "H2", "<10>1 2012-04-13T11:11:11Z " UBUNTU " some msg",
	    V1 HOST "timestamp=1334315471000|some msg" },
	{ "H3", "<10>1 2012-04-13T11:11:11+08:00 " UBUNTU " some msg",
	    V1 HOST "timestamp=1334286671000|some msg" },
	{ "H4", "<10>1 - " UBUNTU " some msg",
	    V1 "host=" UBUNTU "|some msg" },
	{ "H5", "<10>1 2012-04-13T11:11:11 - some msg",
	    V1 "timestamp=1334333471000|some msg" },
	{ "H6", "<10>1 2012-04-13T11:11:11Z - some msg",
	    V1 "timestamp=1334315471000|some msg" },
	{ "H7", "<10>1 2012-04-13T11:11:11+08:00 - some msg",
	    V1 "timestamp=1334286671000|some msg" },
	{ "H8", "<10>1 2012-04-13T11:11:11.999 " UBUNTU " some msg",
	    V1 HOST "timestamp=1334333471999|some msg" },
	{ "H9", "<10>Oct 11 22:14:15 " UBUNTU " some msg",
	    GOOD HOST "timestamp=1791774855000|some msg" },
	{ "H10", "<10>Feb  5 12:32:18 " UBUNTU " some msg",
	    GOOD HOST "timestamp=1770312738000|some msg" },
	/* Flume ignores the zone here. */
	{ "H11", "<10>2014-10-03T17:20:01.123456-07:00 " UBUNTU " some msg",
	    GOOD HOST "timestamp=1412382001123|some msg" },
	{ "3164+-", "<10>Oct 11 22:14:15 " UBUNTU " - hyphen_null_breaks_5424"
	    "_pattern [07/Jun/2012:14:46:44 -0600]",
	    GOOD HOST "timestamp=1791774855000|- hyphen_null_breaks_5424"
	    "_pattern [07/Jun/2012:14:46:44 -0600]" },
	{ "B1", "<10F> bad bad data", BAD "<10F> bad bad data" },
	{ "B2", "hi guys! <10> bad bad data",
	    BAD "hi guys! <10> bad bad data" },
	{ "B3", "<> bad bad data", BAD "<> bad bad data" },
	{ "B4", "<123123123123123123123123123123> bad bad data",
	    BAD "<123123123123123123123123123123> bad bad data" },
	{ "G1", "<10>Good good good data",
	    "Facility=1 Severity=2|<10>Good good good data" },
	{ "GG", "<20>Good really good data",
	    "Facility=2 Severity=4|<20>Good really good data" },
	{ "highest", "<191>x", "Facility=23 Severity=7|<191>x" },
	{ "too high", "<192>x", BAD "<192>x" },
	{ "zero", "<0>x", "Facility=0 Severity=0|<0>x" },
	{ "only <", "<", BAD "<" },
	{ "no end", "<10", BAD "<10" },
	{ "no text", "<10>", "Facility=1 Severity=2|<10>" },
	{ "5 is 500 ms", "<10>2012-04-13T11:11:11.5Z h m",
	    GOOD "host=h timestamp=1334315471500|m" },
	{ "ns", "<10>2012-04-13T11:11:11.123456789Z h m",
	    GOOD "host=h timestamp=1334315471123|m" },
	{ "ipv6", "<10>1 2012-04-13T11:11:11Z 2001:db8::1 m",
	    V1 "host=2001:db8::1 timestamp=1334315471000|m" },
	{ "not ipv6", "<10>Oct 11 22:14:15 su: m",
	    "Facility=1 Severity=2|<10>Oct 11 22:14:15 su: m" },
	{ "cr", "<10>1 2012-04-13T11:11:11Z h m\r",
	    V1 "host=h timestamp=1334315471000|m\r" },
	{ "version sticks", "<10>12012-04-13T11:11:11Z h m",
	    V1 "host=h timestamp=1334315471000|m" },
	{ "version 2", "<10>2 2012-04-13T11:11:11Z h m",
	    GOOD "version=2 host=h timestamp=1334315471000|m" },
	{ "no such day", "<10>1 2012-02-30T11:11:11Z h m",
	    V1 "host=h|m" },
	{ "no such hour", "<10>1 2012-02-28T24:11:11Z h m",
	    V1 "host=h|m" },
	{ "leap day", "<10>1 2012-02-29T00:00:00Z h m",
	    V1 "host=h timestamp=1330473600000|m" },
	{ "no such month", "<10>Foo 11 22:14:15 h m",
	    "Facility=1 Severity=2|<10>Foo 11 22:14:15 h m" },
	{ "empty text", "<10>1 2012-04-13T11:11:11Z h ",
	    V1 "host=h timestamp=1334315471000|" },
	{ "no blank behind host", "<10>1 2012-04-13T11:11:11Z h",
	    "Facility=1 Severity=2|<10>1 2012-04-13T11:11:11Z h" },
};

START_TEST(test_plain)
{
	zone("XYZ5");		/* five hours behind UTC, always */
	ck_assert_str_eq(record_of(SYSLOG_PLAIN, 0, plain_rows[_i].line, false,
	    (struct syslog_origin){ 0 }), plain_rows[_i].want);
}
END_TEST

#define MGOOD	"Priority=10 Facility=1 Severity=2 "
#define MBAD	"flume.syslog.status=Invalid|"

static const struct {
	const char *name, *line, *want;
} multi_rows[] = {
	{ "utc .52", "<10>1985-04-12T23:20:50.52Z h m",
	    MGOOD "host=h timestamp=482196050520|m" },
	{ "zone .52", "<10>1985-04-12T19:20:50.52-04:00 h m",
	    MGOOD "host=h timestamp=482196050520|m" },
	{ ".003", "<10>2003-10-11T22:14:15.003Z h m",
	    MGOOD "host=h timestamp=1065910455003|m" },
	{ ".000003", "<10>2003-08-24T05:14:15.000003-07:00 h m",
	    MGOOD "host=h timestamp=1061727255000|m" },
	{ "-08", "<10>2012-04-13T11:11:11-08:00 h m",
	    MGOOD "host=h timestamp=1334344271000|m" },
	{ ".0001", "<10>2012-04-13T08:08:08.0001+00:00 h m",
	    MGOOD "host=h timestamp=1334304488000|m" },
	{ ".251", "<10>2012-04-13T08:08:08.251+00:00 h m",
	    MGOOD "host=h timestamp=1334304488251|m" },
	{ "su root", "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for "
	    "lonvick on /dev/pts/8", "Priority=34 Facility=4 Severity=2 "
	    "host=mymachine timestamp=1791756855000|su: 'su root' failed for "
	    "lonvick on /dev/pts/8" },
	{ "BFG", "<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!",
	    "Priority=13 Facility=1 Severity=5 host=10.0.0.99 "
	    "timestamp=1770312738000|Use the BFG!" },
	{ "do-nuts", "<165>Aug 24 05:34:00 CST 1987 mymachine myproc[10]: %% "
	    "It's time to make the do-nuts.  %%", "Priority=165 Facility=20 "
	    "Severity=5 host=CST timestamp=1787549640000|1987 mymachine "
	    "myproc[10]: %% It's time to make the do-nuts.  %%" },
	{ "scapegoat", "<0>Oct 22 10:52:12 scapegoat 1990 Oct 22 10:52:01 TZ-6 "
	    "scapegoat.dmz.example.org 10.1.2.3 sched[0]: That's All Folks!",
	    "Priority=0 Facility=0 Severity=0 host=scapegoat "
	    "timestamp=1792666332000|1990 Oct 22 10:52:01 TZ-6 "
	    "scapegoat.dmz.example.org 10.1.2.3 sched[0]: That's All Folks!" },
	{ "ID47", "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - "
	    "ID47 - BOM'su root' failed for lonvick on /dev/pts/8",
	    "Priority=34 Facility=4 Severity=2 Version=1 "
	    "host=mymachine.example.com timestamp=1065910455003|su - ID47 - "
	    "BOM'su root' failed for lonvick on /dev/pts/8" },
	{ "myproc", "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc "
	    "8710 - - %% It's time to make the do-nuts.",
	    "Priority=165 Facility=20 Severity=5 Version=1 host=192.0.2.1 "
	    "timestamp=1061727255000|myproc 8710 - - %% It's time to make the "
	    "do-nuts." },
	{ "snarf", "<13>2003-08-24T05:14:15Z localhost snarf?",
	    "Priority=13 Facility=1 Severity=5 host=localhost "
	    "timestamp=1061702055000|snarf?" },
	{ "shnap", "<13>2012-08-16T14:34:03-08:00 127.0.0.1 test shnap!",
	    "Priority=13 Facility=1 Severity=5 host=127.0.0.1 "
	    "timestamp=1345156443000|test shnap!" },
	{ "now", "<10>- - blah blam foo",
	    MGOOD "host=- timestamp=1795219200000|blah blam foo" },
	{ "ipv6", "<10>1 2012-04-13T08:08:08Z fe80::1%eth0 m",
	    MGOOD "Version=1 host=fe80::1%eth0 timestamp=1334304488000|m" },
	{ "no zone", "<10>1 2012-04-13T11:11:11 h m",
	    MBAD "<10>1 2012-04-13T11:11:11 h m" },
	{ "no date", "<10>Good good good data",
	    MBAD "<10>Good good good data" },
	{ "no host", "<10>1 2012-04-13T11:11:11Z h",
	    MBAD "<10>1 2012-04-13T11:11:11Z h" },
	{ "nothing behind it", "<10>1 2012-04-13T11:11:11Z h ",
	    MGOOD "Version=1 host=h timestamp=1334315471000|"
	    "<10>1 2012-04-13T11:11:11Z h " },
	{ "B1", "<10F> bad bad data", MBAD "<10F> bad bad data" },
	{ "B3", "<> bad bad data", MBAD "<> bad bad data" },
	{ "zeros", "<00010>- h m", "Priority=00010 Facility=1 Severity=2 "
	    "host=h timestamp=1795219200000|m" },
	{ "six digits", "<000010>- h m", MBAD "<000010>- h m" },
};

START_TEST(test_multiport)
{
	zone("XYZ5");		/* stamps without a zone are UTC here */
	ck_assert_str_eq(record_of(SYSLOG_MULTIPORT, 0, multi_rows[_i].line,
	    false, (struct syslog_origin){ 0 }), multi_rows[_i].want);
}
END_TEST

/* With all, the body is the message, of each of them. */
START_TEST(test_multiport_keep_all)
{
	const char *line = multi_rows[_i].line, *got;

	got = record_of(SYSLOG_MULTIPORT, SYSLOG_KEEP_ALL, line, false,
	    (struct syslog_origin){ 0 });
	ck_assert_str_eq(strchr(got, '|') + 1, line);
}
END_TEST

#define FULL	"<10>1 2012-04-13T11:11:11+08:00 " UBUNTU " some msg"
#define P	SYSLOG_KEEP_PRIORITY
#define V	SYSLOG_KEEP_VERSION
#define T	SYSLOG_KEEP_TIMESTAMP
#define H	SYSLOG_KEEP_HOSTNAME

static const struct {
	unsigned keep;
	const char *line, *want;
} keep_rows[] = {
	{ 0, FULL, "some msg" },
	{ H, FULL, UBUNTU " some msg" },
	{ T | H, FULL, "2012-04-13T11:11:11+08:00 " UBUNTU " some msg" },
	{ P | T | H, FULL,
	    "<10>2012-04-13T11:11:11+08:00 " UBUNTU " some msg" },
	{ P | V | T | H, FULL, FULL },
	{ P | H, FULL, "<10>" UBUNTU " some msg" },
	{ V, FULL, "1 some msg" },
	{ V | T, FULL, "1 2012-04-13T11:11:11+08:00 some msg" },
	{ P, "<10>Oct 11 22:14:15 h m", "<10>m" },
	{ V, "<10>Oct 11 22:14:15 h m", "m" },
	{ P | T | H, "<10>Oct 11 22:14:15 h m", "<10>Oct 11 22:14:15 h m" },
	{ T | H, "<10>1 - - m", "- - m" },
	{ P, "<10>Good good", "<10>Good good" },
	{ H, "nonsense", "nonsense" },
};

START_TEST(test_keep)
{
	const char *got = record_of(SYSLOG_PLAIN, keep_rows[_i].keep,
	    keep_rows[_i].line, false, (struct syslog_origin){ 0 });

	ck_assert_str_eq(strchr(got, '|') + 1, keep_rows[_i].want);
}
END_TEST

#define FEFF	"<10>2012-08-17T02:14:00-07:00 192.168.1.110 \xfe\xff"

START_TEST(test_charsets)
{
	struct syslog_origin utf8 = { .utf8 = true }, ascii = { .ascii = true },
	    latin1 = { .utf8 = false };

	ck_assert_str_eq(record_of(SYSLOG_MULTIPORT, 0, FEFF, false, utf8),
	    MBAD FEFF);
	ck_assert_str_eq(record_of(SYSLOG_MULTIPORT, 0, FEFF, false, latin1),
	    MGOOD "host=192.168.1.110 timestamp=1345194840000|\xfe\xff");
	ck_assert_str_eq(record_of(SYSLOG_MULTIPORT, 0, "<10>- h \xc3\xa9",
	    false, utf8), MGOOD "host=h timestamp=1795219200000|\xc3\xa9");
	ck_assert_str_eq(record_of(SYSLOG_MULTIPORT, 0, "<10>- h \xc3\xa9",
	    false, ascii), MBAD "<10>- h \xc3\xa9");
	/* A cut may go through a character. */
	ck_assert_str_eq(record_of(SYSLOG_MULTIPORT, 0, "<10>- h \xc3",
	    true, utf8), MGOOD "host=h timestamp=1795219200000 "
	    "flume.syslog.status=Incomplete|\xc3");
}
END_TEST

/* --- the year of RFC 3164 --- */

static int64_t
utc(int year, int month, int day)
{
	struct tm tm = { .tm_year = year - 1900, .tm_mon = month - 1,
	    .tm_mday = day, .tm_hour = 12 };

	return ((int64_t)timegm(&tm) * 1000);
}

/* Ten months back to one month ahead of each of 14 months. */
START_TEST(test_year)
{
	static const char *const names[] = { "Jan", "Feb", "Mar", "Apr",
	    "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	int now_at = 2026 * 12 + _i, at;
	struct syslog_clock k = { .now_ms = utc(now_at / 12, now_at % 12 + 1,
	    15) };
	struct syslog_time t;
	char text[32];
	int64_t ms;

	zone("UTC0");
	for (at = now_at - 10; at <= now_at + 1; at++) {
		snprintf(text, sizeof text, "%s 15 12:00:00", names[at % 12]);
		ck_assert_uint_eq(syslog_time_3164(&t, slice_str(text)), 15);
		ck_assert(syslog_time_ms(&t, true, &k, &ms));
		ck_assert_int_eq(ms, utc(at / 12, at % 12 + 1, 15));
	}
}
END_TEST

/* A month ahead to the second is this year, a second more is the last one. */
START_TEST(test_year_edge)
{
	struct syslog_clock k = { .now_ms = utc(2026, 1, 31) };
	struct syslog_time t;
	int64_t ms;

	zone("UTC0");
	syslog_time_3164(&t, SLICE("Feb 28 12:00:00"));
	ck_assert(syslog_time_ms(&t, true, &k, &ms));
	ck_assert_int_eq(ms, utc(2026, 2, 28));
	syslog_time_3164(&t, SLICE("Feb 28 12:00:01"));
	ck_assert(syslog_time_ms(&t, true, &k, &ms));
	ck_assert_int_eq(ms, utc(2025, 2, 28) + 1000);
	/* No year around has that day. */
	syslog_time_3164(&t, SLICE("Feb 29 12:00:00"));
	ck_assert(!syslog_time_ms(&t, true, &k, &ms));
	k = (struct syslog_clock){ .now_ms = utc(2028, 2, 1) };
	ck_assert(syslog_time_ms(&t, true, &k, &ms));
	ck_assert_int_eq(ms, utc(2028, 2, 29));
}
END_TEST

/* Summer time, and the one minute that is remembered. */
START_TEST(test_summer)
{
	struct syslog_clock k = { .now_ms = NOW };
	struct syslog_time t;
	int64_t ms;
	int i;

	zone("EST5EDT,M3.2.0,M11.1.0");
	for (i = 0; i < 3; i++) {
		syslog_time_5424(&t, SLICE("2012-04-13T11:11:11"));
		ck_assert(syslog_time_ms(&t, true, &k, &ms));
		ck_assert_int_eq(ms, 1334329871000);
		syslog_time_5424(&t, SLICE("2012-01-13T11:11:12"));
		ck_assert(syslog_time_ms(&t, true, &k, &ms));
		ck_assert_int_eq(ms, 1326471072000);
	}
}
END_TEST

/* --- frames --- */

/* What comes out of the stream, fed in steps: "text|", cut "text~". */
static const char *
frames_of(const char *in, size_t len, size_t max, size_t step)
{
	struct syslog_framer f = { .max = max };
	struct syslog_frame m;
	size_t at = 0, have = 0, n;
	uint8_t *copy;
	bool last;

	shown.len = 0;
	sb_puts(&shown, "");
	do {
		have = len - have < step ? len : have + step;
		last = have == len;
		/* In a block of exactly what is there. */
		copy = xmalloc(have - at + 1);
		memcpy(copy, in + at, have - at);
		for (n = 0; at < have;) {
			size_t used = syslog_frame(&f, slice_of(copy + n,
			    have - at), last, &m);

			if (used == 0)
				break;
			if (m.text.p != NULL) {
				sb_add(&shown, m.text.p, m.text.len);
				sb_puts(&shown, m.cut ? "~" : "|");
			}
			n += used;
			at += used;
		}
		free(copy);
	} while (!last);
	ck_assert_uint_eq(at, len);
	return (shown.ptr == NULL ? "" : shown.ptr);
}

static const struct {
	size_t max;
	const char *in, *want;
} frame_rows[] = {
	{ 100, "<10>a\n<10>b\n", "<10>a|<10>b|" },
	{ 100, "\n\n<10>a\n\n", "<10>a|" },
	{ 100, "<10>a\r\n", "<10>a\r|" },
	{ 100, "5 <10>a5 <10>b", "<10>a|<10>b|" },
	{ 100, "5 <10>a<10>b\n5 <10>c", "<10>a|<10>b|<10>c|" },
	{ 100, "6 <10>a\n6 <10>b\n", "<10>a|<10>b|" },
	{ 100, "5 <10>a\n5 <10>b\n", "<10>a|<10>b|" },
	{ 100, "9 <10>a\nb\nc", "<10>a\nb\nc|" },
	{ 100, "no end", "no end~" },
	{ 100, "9 <10>a", "<10>a~" },
	{ 100, "83 ", "83 ~" },
	{ 100, "83", "83~" },
	{ 100, "83 bottles\n", "83 bottles|" },
	{ 100, "05 <10>a\n", "05 <10>a|" },
	{ 100, "2012-04-13 <x>\n", "2012-04-13 <x>|" },
	/* Lies: too short, too long, absurd. */
	{ 100, "3 <10>a\n<10>b\n", "<10|>a|<10>b|" },
	{ 100, "8 <10>a\n<10>b\n<10>c\n", "<10>a\n<1|0>b|<10>c|" },
	{ 100, "9999999 <10>a\n<10>b\n", "9999999 <10>a|<10>b|" },
	{ 100, "99999999999999999999999999 <10>a\n",
	    "99999999999999999999999999 <10>a|" },
	{ 100, "131073 <10>a\n", "131073 <10>a|" },
	{ 100, "0 <10>a\n", "0 <10>a|" },
	/* Over-long lines and frames. */
	{ 10, "<10> bad bad data bad bad\n",
	    "<10> bad b~ad data ba~d bad|" },
	{ 10, "0123456789\nx\n", "0123456789|x|" },
	{ 10, "abcdefghijk\n", "abcdefghij~k|" },
	{ 10, "14 <10>6789012345<10>b\n", "<10>678901~2345|<10>b|" },
	{ 10, "10 <10>678901<10>b\n", "<10>678901|<10>b|" },
	{ 10, "11 <10>678901\n<10>b\n", "<10>678901~<10>b|" },
};

START_TEST(test_frames)
{
	const char *in = frame_rows[_i].in;
	size_t len = strlen(in), step;

	for (step = 1; step <= len; step++)
		ck_assert_str_eq(frames_of(in, len, frame_rows[_i].max, step),
		    frame_rows[_i].want);
}
END_TEST

/* Bytes of every kind: nothing is lost or seen twice, however they come. */
START_TEST(test_frames_garbage)
{
	static const char alphabet[] = "<>0123456789 \n\n\0\xff""a";
	uint64_t seed = 4711;
	char in[400], *whole;
	size_t i, round, step;

	for (round = 0; round < 300; round++) {
		for (i = 0; i < sizeof in; i++)
			in[i] = alphabet[unit_random(&seed) %
			    (sizeof alphabet - 1)];
		frames_of(in, sizeof in, 25, sizeof in);
		whole = xstrndup(shown.ptr, i = shown.len);
		for (step = 1; step < 40; step += 6) {
			frames_of(in, sizeof in, 25, step);
			ck_assert_uint_eq(shown.len, i);
			ck_assert_mem_eq(shown.ptr, whole, i);
		}
		free(whole);
	}
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &test_plain, .rows = NELEM(plain_rows) },
	{ .fn = &test_multiport, .rows = NELEM(multi_rows) },
	{ .fn = &test_multiport_keep_all, .rows = NELEM(multi_rows) },
	{ .fn = &test_keep, .rows = NELEM(keep_rows) },
	{ .fn = &test_charsets },
	{ .fn = &test_year, .rows = 14 },
	{ .fn = &test_year_edge },
	{ .fn = &test_summer },
	{ .fn = &test_frames, .rows = NELEM(frame_rows) },
	{ .fn = &test_frames_garbage },
};

int
main(void)
{
	return (UNIT_MAIN("syslog", tests));
}
