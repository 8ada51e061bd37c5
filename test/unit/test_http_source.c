/* sources/http.c over real sockets; the cases of Flume's TestHTTPSource. */
#include "test/unit/net_util.h"

#include "base/str.h"
#include "sources/sources.h"

#define TWO	"[{\"headers\":{\"a\":\"b\"},\"body\":\"one\"}," \
		"{\"headers\":{\"e\":\"f\"},\"body\":\"two\"}]"

static struct rig r;
static struct net_reader client;

static void
begin(void)
{
	rig_new(&r, &source_http, false);
	rig_set(&r, "bind", "127.0.0.1");
	rig_set(&r, "port", "0");
}

static void
open_client(struct net_reader *n)
{
	memset(n, 0, sizeof *n);
	n->fd = net_client(net_port(&r), SOCK_STREAM);
}

static void
ask(struct net_reader *n, const char *method, const char *target,
    const char *fields, const void *body, size_t len)
{
	struct sb sb = SB_INIT;

	n->len = 0;
	sb_printf(&sb, "%s %s HTTP/1.1\r\nHost: localhost\r\n%s"
	    "Content-Length: %zu\r\n\r\n", method, target, fields, len);
	sb_add(&sb, body, len);
	net_send(n->fd, sb.ptr, sb.len);
	sb_fini(&sb);
}

/* The whole answer is there. */
static bool
answered(struct rig *rig, void *ctx)
{
	struct net_reader *n = ctx;
	const char *end, *length;

	(void)rig;
	net_read(n);
	if ((end = strstr(n->text, "\r\n\r\n")) == NULL)
		return (false);
	length = strstr(n->text, "Content-Length: ");
	ck_assert_ptr_nonnull(length);
	return (n->len >= (size_t)(end + 4 - n->text) +
	    (size_t)atoi(length + 16));
}

static int
status_of(struct net_reader *n)
{
	rig_run(&r, answered, n);
	return (atoi(n->text + 9));
}

static int
post(const char *fields, const char *body)
{
	ask(&client, "POST", "/", fields, body, strlen(body));
	return (status_of(&client));
}

static void
start(void)
{
	rig_start(&r);
	open_client(&client);
}

static void
end(void)
{
	close(client.fd);
	rig_free(&r);
}

/* 200 with an empty body comes when it is stored, not before. */
START_TEST(test_two)
{
	int i;

	begin();
	start();
	r.hold_store = true;
	ask(&client, _i == 0 ? "POST" : "GET", "/any/path", "", TWO,
	    sizeof TWO - 1);
	rig_wait_taken(&r, 1);
	for (i = 0; i < 20; i++) {
		rig_turn(&r);
		net_read(&client);
	}
	ck_assert_uint_eq(client.len, 0);
	ck_assert_int_eq(rig_metric(&r, "waiting_requests"), 1);
	rig_store(&r, 1);
	ck_assert_int_eq(status_of(&client), 200);
	ck_assert_ptr_nonnull(strstr(client.text, "Content-Length: 0\r\n"));
	rig_wait_lines(&r, 2);
	rig_expect(&r, "one", "two", NULL);
	ck_assert_str_eq(r.lines[0].headers, "a=b");
	ck_assert_str_eq(r.lines[1].headers, "e=f");
	ck_assert_int_eq(rig_metric(&r, "waiting_requests"), 0);
	end();
}
END_TEST

static const struct {
	const char *method, *fields, *body;
	int status;
	const char *says;
} answers[] = {
	{ "TRACE", "", "", 403, "{\"error\": \"" },
	{ "OPTIONS", "", "", 403, "{\"error\": \"" },
	{ "PUT", "", "", 405, "" },
	{ "DELETE", "", "", 405, "" },
	{ "POST", "", "[]", 200, "" },
	{ "POST", "", "", 400, "no body" },
	{ "POST", "", "{}", 400, "an array of events" },
	{ "POST", "", "[{\"a\": \"b\",[\"d\":\"e\"],\"body\": \"r\"}]", 400,
	    "{\"error\": \"a name in double quotes is expected at byte 11\"}" },
	{ "POST", "", "[null]", 400, "must be an object" },
	{ "POST", "Content-Type: application/json; charset=ISO-8859-1\r\n",
	    "[]", 400, "charset ISO-8859-1 is not taken" },
	{ "POST", "", "[{},{},{},{}]", 413, "more than 3 events" },
	{ "POST", "", "[{\"body\":\"\xff\"}]", 400, "UTF-8" },
};

START_TEST(test_answers)
{
	begin();
	rig_set(&r, "maxEvents", "3");
	start();
	ask(&client, answers[_i].method, "/", answers[_i].fields,
	    answers[_i].body, strlen(answers[_i].body));
	ck_assert_int_eq(status_of(&client), answers[_i].status);
	ck_assert_msg(strstr(client.text, answers[_i].says) != NULL, "%s",
	    client.text);
	ck_assert_uint_eq(r.emitted, 0);
	/* The connection goes on. */
	ck_assert_int_eq(post("", "[{\"body\":\"x\"}]"), 200);
	rig_wait_lines(&r, 1);
	end();
}
END_TEST

START_TEST(test_full)
{
	begin();
	start();
	r.room = 0;
	ck_assert_int_eq(post("", TWO), 503);
	ck_assert_ptr_nonnull(strstr(client.text, "Retry-After: 1\r\n"));
	ck_assert_ptr_nonnull(strstr(client.text,
	    "{\"error\": \"the channel is full\"}"));
	/* Paused: refused without asking the channel. */
	ck_assert_int_eq(post("", TWO), 503);
	ck_assert_int_eq(rig_metric(&r, "refused_requests_total"), 2);
	rig_room(&r, SIZE_MAX);
	ck_assert_int_eq(post("", TWO), 200);
	rig_wait_lines(&r, 2);
	end();
}
END_TEST

START_TEST(test_refused)
{
	begin();
	start();
	r.refuse = _i == 0 ? ERR_TOO_LARGE : ERR_SYS;
	ck_assert_int_eq(post("", TWO), _i == 0 ? 413 : 503);
	ck_assert_ptr_nonnull(strstr(client.text, "the test says so"));
	ck_assert_int_eq(rig_metric(&r, "failed_requests_total"), _i);
	r.refuse = 0;
	ck_assert_int_eq(post("", TWO), 200);
	end();
}
END_TEST

START_TEST(test_store_fails)
{
	begin();
	start();
	r.hold_store = true;
	ask(&client, "POST", "/", "", TWO, sizeof TWO - 1);
	rig_wait_taken(&r, 1);
	rig_store_fails(&r, ERR_SYS);
	ck_assert_int_eq(status_of(&client), 503);
	ck_assert_int_eq(rig_metric(&r, "failed_requests_total"), 1);
	end();
}
END_TEST

/* As many as may wait; the next one is told to come later. */
START_TEST(test_waiting)
{
	struct net_reader more[3];
	int i;

	begin();
	rig_set(&r, "maxWaiting", "2");
	start();
	r.hold_store = true;
	for (i = 0; i < 3; i++) {
		open_client(&more[i]);
		ask(&more[i], "POST", "/", "", TWO, sizeof TWO - 1);
		if (i < 2)
			rig_wait_taken(&r, (size_t)i + 1);
	}
	ck_assert_int_eq(status_of(&more[2]), 429);
	ck_assert_ptr_nonnull(strstr(more[2].text, "Retry-After: 1\r\n"));
	ck_assert_int_eq(rig_metric(&r, "busy_requests_total"), 1);
	rig_store(&r, 2);
	ck_assert_int_eq(status_of(&more[0]), 200);
	ck_assert_int_eq(status_of(&more[1]), 200);
	for (i = 0; i < 3; i++)
		close(more[i].fd);
	end();
}
END_TEST

/* The client dies while its request is read; and while it waits. */
START_TEST(test_killed)
{
	struct linger now = { .l_onoff = 1 };
	int i;

	begin();
	start();
	net_puts(client.fd, "POST / HTTP/1.1\r\nHost: h\r\n"
	    "Content-Length: 100\r\n\r\n[{\"body\":\"x");
	for (i = 0; i < 10; i++)
		rig_turn(&r);
	setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	close(client.fd);
	open_client(&client);
	r.hold_store = true;
	ask(&client, "POST", "/", "", TWO, sizeof TWO - 1);
	rig_wait_taken(&r, 1);
	setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	close(client.fd);
	for (i = 0; i < 10; i++)
		rig_turn(&r);
	rig_store(&r, 1);
	rig_wait_lines(&r, 2);
	net_wait_metric(&r, "waiting_requests", 0);
	open_client(&client);
	r.hold_store = false;
	ck_assert_int_eq(post("", TWO), 200);
	end();
}
END_TEST

/* Stop answers who waits, refuses who comes, and ends then. */
static bool stopped;

static void
on_stopped(struct completion *c, const struct err *e)
{
	(void)c;
	ck_assert_ptr_null(e);
	stopped = true;
}

static bool
is_stopped(struct rig *rig, void *ctx)
{
	(void)rig;
	(void)ctx;
	return (stopped);
}

START_TEST(test_stop)
{
	struct net_reader other;
	struct completion c;

	begin();
	start();
	open_client(&other);
	r.hold_store = true;
	ask(&client, "POST", "/", "", TWO, sizeof TWO - 1);
	rig_wait_taken(&r, 1);
	completion_init(&c, r.loop, on_stopped);
	r.ops->stop(r.source, &c);
	ask(&other, "POST", "/", "", TWO, sizeof TWO - 1);
	ck_assert_int_eq(status_of(&other), 503);
	ck_assert(!stopped);
	rig_store(&r, 1);
	rig_run(&r, is_stopped, NULL);
	ck_assert_int_eq(status_of(&client), 200);
	rig_run(&r, net_is_closed, &client);
	close(other.fd);
	r.ops->free(r.source);
	settings_fini(r.ops->plugin.settings, r.source);
	free(r.source);
	r.source = NULL;
	end();
}
END_TEST

/* UTF-16 and UTF-32, there and back. */
START_TEST(test_charsets)
{
	static const char *const names[] = { "UTF-16", "UTF-32" };
	const char *text = "[{\"headers\":{\"h\":\"x\"},\"body\":\"ab\"}]";
	size_t width = _i == 0 ? 2 : 4, i, len = strlen(text) * width;
	char *body = xcalloc(1, len), fields[64];

	for (i = 0; text[i] != '\0'; i++)
		body[i * width + width - 1] = text[i];
	begin();
	start();
	snprintf(fields, sizeof fields,
	    "Content-Type: application/json; charset=%s\r\n", names[_i]);
	ask(&client, "POST", "/", fields, body, len);
	ck_assert_int_eq(status_of(&client), 200);
	rig_wait_lines(&r, 1);
	ck_assert_str_eq(r.lines[0].headers, "h=x");
	if (_i == 0) {
		ck_assert_uint_eq(r.lines[0].len, 6);
		ck_assert_mem_eq(r.lines[0].text, "\xfe\xff\0a\0b", 6);
	} else {
		ck_assert_uint_eq(r.lines[0].len, 8);
		ck_assert_mem_eq(r.lines[0].text, "\0\0\0a\0\0\0b", 8);
	}
	free(body);
	end();
}
END_TEST

START_TEST(test_big)
{
	struct sb body = SB_INIT;
	struct net_reader big;
	size_t i, at = 0;
	ssize_t n;

	begin();
	start();
	sb_puts(&body, "[");
	for (i = 0; i < 50000; i++)
		sb_printf(&body, "%s{\"headers\":{\"k\":\"%zu\"},\"body\":"
		    "\"line \\u0023 %zu\"}", i ? "," : "", i, i);
	sb_puts(&body, "]");
	open_client(&big);
	net_puts(big.fd, "POST / HTTP/1.1\r\nHost: h\r\n");
	{
		char length[64];

		snprintf(length, sizeof length, "Content-Length: %zu\r\n\r\n",
		    body.len);
		net_puts(big.fd, length);
	}
	while (at < body.len) {
		n = send(big.fd, body.ptr + at, body.len - at,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		at += n > 0 ? (size_t)n : 0;
		rig_turn(&r);
	}
	ck_assert_int_eq(status_of(&big), 200);
	rig_wait_lines(&r, 50000);
	ck_assert_str_eq(r.lines[49999].text, "line # 49999");
	ck_assert_str_eq(r.lines[49999].headers, "k=49999");
	ck_assert_uint_eq(r.emitted, 1);
	sb_fini(&body);
	close(big.fd);
	end();
}
END_TEST

START_TEST(test_body_limit)
{
	begin();
	rig_set(&r, "maxBody", "1k");
	start();
	net_puts(client.fd, "POST / HTTP/1.1\r\nHost: h\r\n"
	    "Content-Length: 1025\r\n\r\n");
	ck_assert_int_eq(status_of(&client), 413);
	end();
}
END_TEST

/* --- blobs --- */

static const char *const blob_names[] = {
	"org.apache.flume.source.http.BLOBHandler", "blob",
	"org.apache.flume.sink.solr.morphline.BlobHandler"
};

START_TEST(test_blob)
{
	begin();
	rig_set(&r, "handler", blob_names[_i]);
	rig_set(&r, "handler.mandatoryParameters", "param1, param2");
	rig_set(&r, "handler.maxBlobLength", "10");
	start();
	ask(&client, "POST", "/?param1=v%201&param2=a+b&param1=second&flag&=x",
	    "", "a,b,c\n\0", 7);
	ck_assert_int_eq(status_of(&client), 200);
	rig_wait_lines(&r, 1);
	ck_assert_uint_eq(r.lines[0].len, 7);
	ck_assert_mem_eq(r.lines[0].text, "a,b,c\n\0", 7);
	ck_assert_str_eq(r.lines[0].headers, "param1=v 1 param2=a b flag=");
	ask(&client, "POST", "/?param1=x", "", "a", 1);
	ck_assert_int_eq(status_of(&client), 400);
	ck_assert_ptr_nonnull(strstr(client.text,
	    "the parameter param2 is missing"));
	ask(&client, "POST", "/?param1=x&param2=%zz", "", "a", 1);
	ck_assert_int_eq(status_of(&client), 400);
	ask(&client, "POST", "/?param1=x&param2=y", "", "12345678901", 11);
	ck_assert_int_eq(status_of(&client), 413);
	ask(&client, "POST", "/?param1=x&param2=y", "", "", 0);
	ck_assert_int_eq(status_of(&client), 200);
	rig_wait_lines(&r, 2);
	ck_assert_str_eq(r.lines[1].text, "");
	end();
}
END_TEST

/* --- refusals --- */

static const struct {
	const char *key, *value, *says;
} refusals[] = {
	{ "bind", "0.0.0.0", "add a1.sources.r1.allow.insecure = true" },
	{ "ssl", "true", "no TLS" },
	{ "enableSSL", "true", "no TLS" },
	{ "handler", "com.example.MyHandler", "com.example.MyHandler" },
	{ "maxHeld", "20m", "maxHeld = 20.0 MiB" },
};

START_TEST(test_refusals)
{
	struct conf_problems problems = { 0 };
	struct source *s = xcalloc(1, source_http.plugin.size);
	struct err e = ERR_INIT;

	begin();
	rig_set(&r, refusals[_i].key, refusals[_i].value);
	s->ops = &source_http;
	s->name = "r1";
	s->env = &r.env;
	ck_assert_uint_eq(settings_fill(source_http.plugin.settings, s, r.conf,
	    &problems), 0);
	ck_assert_int_eq(source_http.check(s, &e), -1);
	ck_assert_int_eq(e.code, ERR_CONFIG);
	ck_assert_msg(strstr(e.msg, refusals[_i].says) != NULL, "%s", e.msg);
	settings_fini(source_http.plugin.settings, s);
	free(s);
	conf_problems_fini(&problems);
	rig_free(&r);
}
END_TEST

/* Flume's Jetty keys are known, and said to do nothing. */
START_TEST(test_jetty)
{
	struct conf_problems problems = { 0 };
	struct source *s = xcalloc(1, source_http.plugin.size);

	begin();
	rig_set(&r, "QueuedThreadPool.maxThreads", "5");
	rig_set(&r, "HttpConfiguration.sendServerVersion", "false");
	rig_set(&r, "keystore", "/x");
	ck_assert_uint_eq(settings_fill(source_http.plugin.settings, s, r.conf,
	    &problems), 0);
	ck_assert_uint_eq(problems.n, 3);
	ck_assert(problems.v[0].warning);
	settings_fini(source_http.plugin.settings, s);
	free(s);
	conf_problems_fini(&problems);
	rig_free(&r);
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &test_two, .rows = 2 },
	{ .fn = &test_answers, .rows = NELEM(answers) },
	{ .fn = &test_full },
	{ .fn = &test_refused, .rows = 2 },
	{ .fn = &test_store_fails },
	{ .fn = &test_waiting },
	{ .fn = &test_killed },
	{ .fn = &test_stop },
	{ .fn = &test_charsets, .rows = 2 },
	{ .fn = &test_big },
	{ .fn = &test_body_limit },
	{ .fn = &test_blob, .rows = NELEM(blob_names) },
	{ .fn = &test_refusals, .rows = NELEM(refusals) },
	{ .fn = &test_jetty },
};

int
main(void)
{
	return (UNIT_MAIN("http_source", tests));
}
