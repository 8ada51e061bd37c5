/* Interceptors, with the cases of Flume's own tests for each. */
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "interceptors/interceptors.h"
#include "test/unit/unit.h"

#define WALL	INT64_C(1700000000123)

static int64_t
fake_wall(void *ctx)
{
	(void)ctx;
	return (WALL);
}

static int64_t
fake_mono(void *ctx)
{
	(void)ctx;
	return (1);
}

/* --- an interceptor made from settings --- */

struct rig {
	struct interceptor	*i;
	struct conf		*conf;
};

static int
rig_try(struct rig *r, const struct interceptor_ops *ops, const char *s1,
    const char *s2, const char *s3, struct err *e)
{
	const char *v[] = { s1, s2, s3 };
	struct conf_problems p = { 0 };
	struct conf *node;
	char *key, *eq;
	int rc = 0;

	r->conf = conf_new();
	node = conf_node(r->conf, "i1", "test", 1);
	for (size_t k = 0; k < NELEM(v); k++) {
		if (v[k] == NULL)
			continue;
		key = xasprintf("i1.%s", v[k]);
		eq = strchr(key, '=');
		*eq = '\0';
		conf_set(r->conf, key, eq + 1, "test", 1);
		free(key);
	}
	r->i = xcalloc(1, ops->plugin.size);
	r->i->ops = ops;
	r->i->name = "i1";
	r->i->who = "source=r1 interceptor=i1";
	if (settings_fill(ops->plugin.settings, r->i, node, &p) > 0)
		rc = err_set(e, ERR_CONFIG, "%s", p.v[0].text);
	else if (ops->check != NULL)
		rc = ops->check(r->i, e);
	if (rc == 0 && ops->start != NULL)
		rc = ops->start(r->i, e);
	conf_problems_fini(&p);
	return (rc);
}

static void
rig_make(struct rig *r, const struct interceptor_ops *ops, const char *s1,
    const char *s2, const char *s3)
{
	UNIT_OK(rig_try(r, ops, s1, s2, s3, e));
}

static void
rig_free(struct rig *r)
{
	r->i->ops->free(r->i);
	conf_free(r->conf);
}

/* Bodies, '|' between, through the interceptor; each with that header. */
static char *
through(struct rig *r, const char *bodies, const char *name, const char *value)
{
	struct batch *b = batch_new();
	struct sb out = SB_INIT;
	struct record *rec;
	struct header h;
	const char *end;
	uint32_t i, it;

	for (;; bodies = end + 1) {
		end = strchrnul(bodies, '|');
		rec = batch_add(b, batch_copy(b, slice_of(bodies,
		    (size_t)(end - bodies))));
		if (name != NULL)
			batch_set(b, rec, slice_str(name), slice_str(value),
			    true);
		if (*end == '\0')
			break;
	}
	r->i->ops->apply(r->i, b);
	batch_seal(b);
	sb_puts(&out, "");
	for (i = 0; i < b->n; i++) {
		sb_printf(&out, "%s%.*s", i == 0 ? "" : "|",
		    (int)b->records[i].body.len, b->records[i].body.p);
		for (it = 0; batch_next_header(b, &b->records[i], &it, &h);)
			sb_printf(&out, " %.*s=%.*s", (int)h.name.len,
			    h.name.p, (int)h.value.len, h.value.p);
	}
	batch_unref(b);
	return (sb_take(&out));
}

/* --- what headers come out: a table for all that set one --- */

static const struct {
	const struct interceptor_ops *ops;
	const char	*settings[3], *name, *value, *out;
} headers[] = {
	/* TestTimestampInterceptor */
	{ &interceptor_timestamp, { NULL }, NULL, NULL,
	    "x timestamp=1700000000123" },
	{ &interceptor_timestamp, { "preserveExisting=true" }, "timestamp",
	    "1", "x timestamp=1" },
	{ &interceptor_timestamp, { "preserveExisting=false" }, "timestamp",
	    "1", "x timestamp=1700000000123" },
	{ &interceptor_timestamp, { "headerName=t2" }, "timestamp", "1",
	    "x timestamp=1 t2=1700000000123" },
	{ &interceptor_timestamp, { "preserveExisting=true" }, NULL, NULL,
	    "x timestamp=1700000000123" },
	/* TestStaticInterceptor */
	{ &interceptor_static, { NULL }, NULL, NULL, "x key=value" },
	{ &interceptor_static, { "key=myKey", "value=myVal" }, NULL, NULL,
	    "x myKey=myVal" },
	{ &interceptor_static, { "key=k", "value=new",
	    "preserveExisting=false" }, "k", "old", "x k=new" },
	{ &interceptor_static, { "key=k", "value=new" }, "k", "old",
	    "x k=old" },
};

START_TEST(test_headers)
{
	const char *const *s = headers[_i].settings;
	struct rig r;
	char *out;

	clock_replace(fake_mono, fake_wall, NULL);
	rig_make(&r, headers[_i].ops, s[0], s[1], s[2]);
	out = through(&r, "x", headers[_i].name, headers[_i].value);
	ck_assert_str_eq(out, headers[_i].out);
	free(out);
	rig_free(&r);
	clock_replace(NULL, NULL, NULL);
}
END_TEST

/* --- host (TestHostInterceptor) --- */

static int
host_in(struct rig *r, const char *s1, const char *s2, const char *s3,
    char value[512])
{
	char name[256], *out;

	rig_make(r, &interceptor_host, s1, s2, s3);
	out = through(r, "x", NULL, NULL);
	ck_assert_int_eq(gethostname(name, sizeof name), 0);
	value[0] = '\0';
	sscanf(out, "x %*[^=]=%511s", value);
	free(out);
	return (value[0] == '\0' ? -1 : 0);
}

START_TEST(test_host)
{
	char value[512], out[600], *got;
	struct rig r;

	if (host_in(&r, NULL, NULL, NULL, value) == -1) {
		rig_free(&r);	/* this machine's own name has no address */
		return;
	}
	ck_assert_msg(strspn(value, "0123456789abcdef.:%") > 0, "%s", value);
	got = through(&r, "x", "host", "other");
	snprintf(out, sizeof out, "x host=%s", value);
	ck_assert_str_eq(got, out);	/* overwritten */
	free(got);
	rig_free(&r);

	host_in(&r, "preserveExisting=true", NULL, NULL, value);
	got = through(&r, "x", "host", "other");
	ck_assert_str_eq(got, "x host=other");
	free(got);
	rig_free(&r);

	host_in(&r, "useIP=false", "hostHeader=from", NULL, value);
	ck_assert_str_ne(value, "");
	got = through(&r, "x", "host", "other");
	snprintf(out, sizeof out, "x host=other from=%s", value);
	ck_assert_str_eq(got, out);
	free(got);
	rig_free(&r);
}
END_TEST

/* --- regex_filter (TestRegexFilteringInterceptor) --- */

static const struct {
	const char	*regex, *exclude, *in, *out;
} filters[] = {
	{ NULL, NULL, "test|more||", "test|more||" },
	{ "regex=(INFO.*)|(WARNING.*)", NULL,
	    "INFO: a message|WARNING: b|ERROR: c|", "INFO: a message|WARNING: b"
	    },
	{ "regex=.*DEBUG.*", "excludeEvents=true",
	    "this contains DEBUG here|this does not|DEBUG",
	    "this does not" },
	{ "regex=b", NULL, "abc|xyz", "abc" },		/* found anywhere */
	{ "regex=^b", NULL, "abc|bcd", "bcd" },
	{ "regex=\\d{3}", NULL, "a12|a123", "a123" },
	{ "regex=^$", "excludeEvents=true", "a||b", "a|b" },
	{ "regex=\xc3\x9f", NULL, "stra\xc3\x9f" "e|strasse",
	    "stra\xc3\x9f" "e" },
	{ "regex=nothing", NULL, "a|b", "" },
};

START_TEST(test_filter)
{
	struct rig r;
	char *out;

	rig_make(&r, &interceptor_regex_filter, filters[_i].regex,
	    filters[_i].exclude, NULL);
	out = through(&r, filters[_i].in, NULL, NULL);
	ck_assert_str_eq(out, filters[_i].out);
	free(out);
	rig_free(&r);
}
END_TEST

START_TEST(test_filter_bad)
{
	struct err err = ERR_INIT;
	struct rig r;

	ck_assert_int_eq(rig_try(&r, &interceptor_regex_filter, "regex=a(b",
	    NULL, NULL, &err), -1);
	ck_assert_int_eq(err.code, ERR_CONFIG);
	ck_assert_ptr_nonnull(strstr(err.msg, "a(b"));
	rig_free(&r);		/* also after a check that failed */
}
END_TEST

START_TEST(test_filter_bytes)
{
	static const uint8_t odd[] = { 0, 0xff, 'a', 0xfe };
	struct batch *b = batch_new();
	struct rig r;

	rig_make(&r, &interceptor_regex_filter, "regex=a", NULL, NULL);
	batch_add(b, batch_copy(b, slice_of(odd, sizeof odd)));
	batch_add(b, batch_copy(b, slice_of(odd, 2)));
	batch_add(b, SLICE_NULL);
	r.i->ops->apply(r.i, b);
	batch_seal(b);
	ck_assert_uint_eq(b->n, 1);
	batch_unref(b);
	rig_free(&r);
}
END_TEST

static unsigned warnings;

static void
count_line(enum log_level level, const char *line, void *ctx)
{
	(void)line;
	(void)ctx;
	warnings += level == LOG_WARN;
}

/* What cannot be decided is kept, for include and exclude alike. */
START_TEST(test_filter_gives_up)
{
	char body[64], *out;
	struct rig r;

	memset(body, 'a', sizeof body);
	body[sizeof body - 1] = '\0';
	body[sizeof body - 2] = '!';
	log_set_sink(count_line, NULL);
	rig_make(&r, &interceptor_regex_filter, "regex=(a+)+$",
	    _i == 0 ? "excludeEvents=false" : "excludeEvents=true", NULL);
	out = through(&r, body, NULL, NULL);
	ck_assert_str_eq(out, body);
	free(out);
	ck_assert_uint_eq(warnings, 1);
	rig_free(&r);
	log_set_sink(NULL, NULL);
}
END_TEST

/* A long record needs more of the matcher's stack, not a smaller pattern. */
START_TEST(test_filter_long)
{
	size_t n = 256 << 10;
	char *body = xmalloc(n + 1), *out;
	struct rig r;

	memset(body, 'a', n);
	memcpy(body + n - 1, "c", 2);
	log_set_sink(count_line, NULL);
	rig_make(&r, &interceptor_regex_filter, "regex=^(?:a|b)*c$",
	    "excludeEvents=true", NULL);
	out = through(&r, body, NULL, NULL);
	ck_assert_uint_eq(strlen(out), 0);
	free(out);
	free(body);
	ck_assert_uint_eq(warnings, 0);
	rig_free(&r);
	log_set_sink(NULL, NULL);
}
END_TEST

START_TEST(test_tables)
{
	static const struct interceptor_ops *const all[] = {
		&interceptor_timestamp, &interceptor_host,
		&interceptor_static, &interceptor_regex_filter
	};

	UNIT_OK(settings_check_table(all[_i]->plugin.settings, e));
}
END_TEST

int
main(void)
{
	static const struct unit_test tests[] = {
		{ .fn = &test_headers, .rows = NELEM(headers) },
		{ .fn = &test_host },
		{ .fn = &test_filter, .rows = NELEM(filters) },
		{ .fn = &test_filter_bad },
		{ .fn = &test_filter_bytes },
		{ .fn = &test_filter_gives_up, .rows = 2 },
		{ .fn = &test_filter_long },
		{ .fn = &test_tables, .rows = 4 },
	};

	return (UNIT_MAIN("interceptors", tests));
}
