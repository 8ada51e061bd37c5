/* The HTTP server, over TCP and with clients that misbehave. */
#include "config.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "loop/http.h"
#include "loop/http_head.h"
#include "loop/inflate.h"
#include "test/unit/loop_util.h"

#ifdef HAVE_ZLIB
#include <zlib.h>
#endif

static struct loop *l;
static struct http_server *s;
static unsigned handled, released;
static struct http_req *kept;	/* by /later */

/* Handlers. */

static void
echo(struct http_req *r, void *ctx)
{
	struct slice body = http_body(r);
	struct sb sb = SB_INIT;
	char buf[64];

	ck_assert_str_eq(ctx, "ctx");
	handled++;
	sb_printf(&sb, "%s %s?%s %zu:", http_method_name(r), http_path(r),
	    http_query(r), body.len);
	if (body.len < 100)
		sb_add(&sb, body.p, body.len);
	if (http_param(r, "p", buf, sizeof buf) != NULL)
		sb_printf(&sb, " p=%s", buf);
	if (http_field(r, "X-Test") != NULL)
		sb_printf(&sb, " x=%s", http_field(r, "X-TEST"));
	http_respond(r, 200, "text/plain", slice_of(sb.ptr, sb.len));
	sb_fini(&sb);
}

static void
later(struct http_req *r, void *ctx)
{
	(void)ctx;
	handled++;
	ck_assert_ptr_null(kept);
	kept = r;
}

static void
full(struct http_req *r, void *ctx)
{
	(void)ctx;
	http_add_field(r, "X-Odd", "a\r\nSet-Cookie: b");
	http_respond_error(r, 503, 7, "channel %s is full", "c1");
}

static void
on_release(void *arg)
{
	(void)arg;
	released++;
}

static uint8_t big[4 << 20];

static void
large(struct http_req *r, void *ctx)
{
	(void)ctx;
	http_respond_ref(r, 200, "application/octet-stream",
	    slice_of(big, sizeof big), on_release, NULL);
}

static void
empty(struct http_req *r, void *ctx)
{
	(void)ctx;
	http_respond(r, 204, NULL, SLICE(""));
}

static const struct http_route routes[] = {
	{ HTTP_GET | HTTP_POST, "/echo", echo },
	{ HTTP_GET | HTTP_POST | HTTP_PUT, "/tree/" "*", echo },
	{ HTTP_GET | HTTP_POST, "/later", later },
	{ HTTP_GET, "/full", full },
	{ HTTP_GET, "/large", large },
	{ HTTP_DELETE, "/empty", empty },
	{ HTTP_OPTIONS, "/options", echo },
};

static char ctx_text[] = "ctx";

static void
start(const struct http_opts *given)
{
	struct http_opts o = { .max_body = 1000 };
	struct err e = ERR_INIT;

	if (given != NULL)
		o = *given;
	o.listen.what = "test";
	if (o.listen.host == NULL)
		o.listen.host = "127.0.0.1";
	s = http_server_new(l, &o, routes, NELEM(routes), ctx_text, &e);
	ck_assert_msg(s != NULL, "%s", e.msg);
}

static void
setup(void)
{
	l = make_loop();
	s = NULL;
	kept = NULL;
	handled = released = 0;
}

static void
teardown(void)
{
	http_server_free(s);
	loop_free(l);
}

/* A client: a socket and what it has received. */

struct client {
	int	 fd;
	bool	 eof;
	struct sb in;
};

static struct client
dial(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
	    .sin_addr = { htonl(INADDR_LOOPBACK) },
	    .sin_port = htons(http_server_port(s)) };
	struct client k = { .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC,
	    0) };

	ck_assert_int_eq(connect(k.fd, (struct sockaddr *)&sin, sizeof sin),
	    0);
	return (k);
}

static void
hang_up(struct client *k)
{
	close(k->fd);
	sb_fini(&k->in);
}

/* One turn of the loop and of the client. */
static void
turn(struct client *k)
{
	char buf[65536];
	ssize_t n;

	turn_loop(l);
	while (!k->eof &&
	    (n = recv(k->fd, buf, sizeof buf, MSG_DONTWAIT)) != -1) {
		if (n == 0)
			k->eof = true;
		sb_add(&k->in, buf, (size_t)n);
	}
}

static void
say(struct client *k, const char *text, size_t len)
{
	ck_assert_int_eq(send(k->fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void
says(struct client *k, const char *text)
{
	say(k, text, strlen(text));
}

/* Until the end of the connection. */
static void
to_end(struct client *k)
{
	while (!k->eof)
		turn(k);
}

static void
until(struct client *k, const char *text)
{
	while (k->in.ptr == NULL || strstr(k->in.ptr, text) == NULL) {
		ck_assert_msg(!k->eof, "no '%s' in: %s", text, k->in.ptr);
		turn(k);
	}
}

static int
status_of(const struct client *k)
{
	int status = 0;

	if (k->in.ptr != NULL)
		sscanf(k->in.ptr, "HTTP/1.1 %d ", &status);
	return (status);
}

/*
 * One request per row, sent whole and then byte by byte; the connection is
 * closed after each.  has: what the answer contains.
 */
#define H	"Host: x\r\n"
#define END	"Connection: close\r\n\r\n"

static const struct {
	const char	*request;
	int		 status;
	const char	*has;
} cases[] = {
	{ "GET /echo HTTP/1.1\r\n" H END, 200, "GET /echo? 0:" },
	{ "\r\n\r\nGET /echo HTTP/1.1\r\n" H END, 200, "GET /echo? 0:" },
	{ "GET /echo HTTP/1.0\r\n\r\n", 200, "GET /echo?" },
	{ "GET /echo?a=b&p=1%2b2+3&q HTTP/1.1\r\n" H END, 200, " p=1+2 3" },
	{ "GET /echo?p HTTP/1.1\r\n" H END, 200, " p=" },
	{ "GET /echo?q=p HTTP/1.1\r\n" H END, 200, "\r\n\r\nGET /echo?q=p 0:" },
	{ "GET http://x/echo HTTP/1.1\r\n" H END, 200, "GET /echo? 0:" },
	{ "GET http://x HTTP/1.1\r\n" H END, 404, "Not Found" },
	{ "GET /%65cho HTTP/1.1\r\n" H END, 200, "GET /echo?" },
	{ "GET /tree/a/b HTTP/1.1\r\n" H END, 200, "GET /tree/a/b?" },
	{ "GET /tree/ HTTP/1.1\r\n" H END, 200, "GET /tree/?" },
	{ "GET /tree HTTP/1.1\r\n" H END, 404, "Not Found\n" },
	{ "GET /full HTTP/1.1\r\n" H END, 503, "Retry-After: 7\r\n" },
	{ "GET /full HTTP/1.1\r\n" H END, 503, "channel c1 is full\n" },
	{ "GET /full HTTP/1.1\r\n" H END, 503, "X-Odd: a  Set-Cookie: b\r\n" },
	{ "DELETE /empty HTTP/1.1\r\n" H END, 204, "Date: " },
	{ "GET /echo HTTP/1.1\r\nhOST:x\r\nx-TEST: \t a b \t\r\n" END, 200,
	    " x=a b" },
	{ "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n" END "hello",
	    200, "POST /echo? 5:hello" },
	{ "POST /echo HTTP/1.1\r\n" H END, 200, "POST /echo? 0:" },
	{ "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n" END
	    "3\r\nabc\r\n0A;x=\"y\"\r\n0123456789\r\n0\r\nT: v\r\n\r\n",
	    200, "POST /echo? 13:abc0123456789" },
	{ "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n" END
	    "0\r\n\r\n", 200, "POST /echo? 0:" },
	{ "OPTIONS /options HTTP/1.1\r\n" H END, 200, "OPTIONS /options?" },
	{ "OPTIONS * HTTP/1.1\r\n" H END, 404, "Not Found" },
	/* Routes. */
	{ "PUT /echo HTTP/1.1\r\n" H END, 405,
	    "Allow: GET, HEAD, POST\r\n" },
	{ "GET /empty HTTP/1.1\r\n" H END, 405, "Allow: DELETE\r\n" },
	{ "DELETE /echo HTTP/1.1\r\n" H END, 405,
	    "Allow: GET, HEAD, POST\r\n" },
	/* Malformed. */
	{ "GET /echo HTTP/1.1\n" H END, 400, "close" },
	{ "GET /echo HTTP/1.1\r\nHost: x\n\r\n", 400, "close" },
	{ "GET /echo HTTP/1.1\r\n\r\n", 400, "close" },
	{ "GET /echo HTTP/1.1\r\n" H H "\r\n", 400, "close" },
	{ "GET /echo HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "close" },
	{ "GET /echo HTTP/1.1\r\n" H "X-A: b\r\n folded\r\n\r\n", 400,
	    "close" },
	{ "GET /echo HTTP/1.1\r\n" H "X-A : b\r\n\r\n", 400, "close" },
	{ "GET /echo HTTP/1.1\r\n" H ": b\r\n\r\n", 400, "close" },
	{ "GET /echo HTTP/1.1\r\n" H "no colon\r\n\r\n", 400, "close" },
	{ "GET /echo HTTP/1.1\r\n" H "X: a\rb\r\n\r\n", 400, "close" },
	{ "GET /echo HTTP/1.1\r\n" H "X: a\001b\r\n\r\n", 400, "close" },
	{ "GET  /echo HTTP/1.1\r\n" H "\r\n", 400, "close" },
	{ "GET /echo\r\n" H "\r\n", 400, "close" },
	{ "GET\r\n" H "\r\n", 400, "close" },
	{ "GET /echo HTTP/1.1 \r\n" H "\r\n", 400, "close" },
	{ "GET /echo HTTX/1.1\r\n" H "\r\n", 400, "close" },
	{ "GET /echo HTTP/2.0\r\n" H "\r\n", 505, "close" },
	{ "GET echo HTTP/1.1\r\n" H "\r\n", 400, "close" },
	{ "GET /%zz HTTP/1.1\r\n" H "\r\n", 400, "close" },
	{ "GET /%4 HTTP/1.1\r\n" H "\r\n", 400, "close" },
	{ "GET /%00 HTTP/1.1\r\n" H "\r\n", 400, "close" },
	{ "GET /a%0ab HTTP/1.1\r\n" H "\r\n", 400, "close" },
	{ "GET /tree/../echo HTTP/1.1\r\n" H "\r\n", 400, "close" },
	{ "GET /tree/%2e%2E/echo HTTP/1.1\r\n" H "\r\n", 400, "close" },
	{ "GET /tree%2f.. HTTP/1.1\r\n" H "\r\n", 400, "close" },
	{ "GET /tree/..x HTTP/1.1\r\n" H END, 200, "/tree/..x" },
	{ "GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n", 400, "close" },
	{ "G@T /echo HTTP/1.1\r\n" H "\r\n", 400, "close" },
	{ "BREW /echo HTTP/1.1\r\n" H "\r\n", 501, "close" },
	{ "get /echo HTTP/1.1\r\n" H "\r\n", 501, "close" },
	{ "\x16\x03\x01\x02\x0a\r\n\r\n", 400, "close" },
	/* Lengths. */
	{ "POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\n"
	    "Transfer-Encoding: chunked\r\n\r\nabc", 400, "close" },
	{ "POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\n"
	    "Content-Length: 3\r\n\r\nabc", 400, "close" },
	{ "POST /echo HTTP/1.1\r\n" H "Content-Length: 3, 3\r\n\r\nabc", 400,
	    "close" },
	{ "POST /echo HTTP/1.1\r\n" H "Content-Length: +3\r\n\r\nabc", 400,
	    "close" },
	{ "POST /echo HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n", 400,
	    "close" },
	{ "POST /echo HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", 400,
	    "close" },
	{ "POST /echo HTTP/1.1\r\n" H "Content-Length: 1001\r\n\r\n", 413,
	    "close" },
	{ "POST /echo HTTP/1.1\r\n" H
	    "Content-Length: 99999999999999999999999\r\n\r\n", 413, "close" },
	{ "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n\r\n", 501,
	    "close" },
	{ "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n"
	    "\r\n", 501, "close" },
	{ "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n", 400, "close" },
	{ "POST /echo HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n",
	    400, "close" },
	{ "POST /echo HTTP/1.1\r\n" H "Expect: more\r\n\r\n", 417, "close" },
	{ "POST /echo HTTP/1.1\r\n" H "Content-Encoding: br\r\n\r\n", 415,
	    "close" },
	/* Chunks. */
	{ "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
	    "x\r\n", 400, "close" },
	{ "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
	    "\r\n", 400, "close" },
	{ "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
	    "3\nabc", 400, "close" },
	{ "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
	    "3\r\nabcd\r\n", 400, "close" },
	{ "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
	    "3\r\nabc\n", 400, "close" },
	{ "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
	    "0000000000000003\r\n", 400, "close" },
	{ "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
	    "0x3\r\n", 400, "close" },
	{ "POST /none HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc", 404,
	    "close" },
};

static void
check_case(const struct client *k, int i)
{
	ck_assert_msg(status_of(k) == cases[i].status, "%s\n-> %s",
	    cases[i].request, k->in.ptr);
	ck_assert_msg(strstr(k->in.ptr, cases[i].has) != NULL, "%s\n-> %s",
	    cases[i].request, k->in.ptr);
	/* One answer, not two. */
	ck_assert_ptr_null(strstr(k->in.ptr + 5, "HTTP/1.1"));
}

START_TEST(test_case)
{
	struct client k;
	size_t i, len = strlen(cases[_i].request);

	start(NULL);
	k = dial();
	say(&k, cases[_i].request, len);
	to_end(&k);
	check_case(&k, _i);
	hang_up(&k);
	k = dial();
	for (i = 0; i < len && !k.eof; i++) {
		send(k.fd, cases[_i].request + i, 1, MSG_NOSIGNAL);
		turn(&k);
	}
	to_end(&k);
	check_case(&k, _i);
	hang_up(&k);
}
END_TEST

START_TEST(test_head)
{
	struct client k;

	start(NULL);
	k = dial();
	says(&k, "HEAD /echo HTTP/1.1\r\n" H END);
	to_end(&k);
	ck_assert_int_eq(status_of(&k), 200);
	ck_assert_ptr_nonnull(strstr(k.in.ptr, "Content-Length: 14\r\n"));
	ck_assert_ptr_null(strstr(k.in.ptr, "HEAD /echo"));
	ck_assert_str_eq(k.in.ptr + k.in.len - 4, "\r\n\r\n");
	hang_up(&k);
}
END_TEST

START_TEST(test_keep_alive_and_pipeline)
{
	struct client k;
	unsigned i;

	start(NULL);
	k = dial();
	says(&k, "GET /echo?1 HTTP/1.1\r\n" H "\r\n");
	until(&k, "?1 0:");
	says(&k, "POST /echo?2 HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nab"
	    "GET /none HTTP/1.1\r\n" H "\r\n"
	    "GET /echo?3 HTTP/1.1\r\n" H "\r\n");
	until(&k, "?3 0:");
	ck_assert(strstr(k.in.ptr, "?2 2:ab") < strstr(k.in.ptr, "404"));
	ck_assert_uint_eq(http_server_conns(s), 1);
	for (i = 0; i < 500; i++)
		says(&k, "GET /echo HTTP/1.1\r\n" H "\r\n");
	says(&k, "GET /echo?last HTTP/1.1\r\n" H "\r\n");
	shutdown(k.fd, SHUT_WR);
	to_end(&k);
	ck_assert_ptr_nonnull(strstr(k.in.ptr, "?last 0:"));
	ck_assert_uint_eq(handled, 504);
	hang_up(&k);
	while (http_server_conns(s) > 0)
		turn_loop(l);
}
END_TEST

START_TEST(test_http10_keep_alive)
{
	struct client k;

	start(NULL);
	k = dial();
	says(&k, "GET /echo?1 HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
	until(&k, "?1 0:");
	ck_assert_ptr_nonnull(strstr(k.in.ptr, "Connection: keep-alive\r\n"));
	says(&k, "GET /echo?2 HTTP/1.0\r\n\r\n");
	to_end(&k);
	ck_assert_ptr_nonnull(strstr(k.in.ptr, "?2 0:"));
	hang_up(&k);
}
END_TEST

START_TEST(test_max_requests)
{
	struct http_opts o = { .max_requests = 2 };
	struct client k;

	start(&o);
	k = dial();
	says(&k, "GET /echo HTTP/1.1\r\n" H "\r\nGET /echo HTTP/1.1\r\n" H
	    "\r\nGET /echo HTTP/1.1\r\n" H "\r\n");
	to_end(&k);
	ck_assert_uint_eq(handled, 2);
	ck_assert_ptr_nonnull(strstr(k.in.ptr, "Connection: close\r\n"));
	hang_up(&k);
}
END_TEST

START_TEST(test_continue)
{
	struct client k;

	start(NULL);
	k = dial();
	says(&k, "POST /echo HTTP/1.1\r\n" H "Expect: 100-continue\r\n"
	    "Content-Length: 3\r\n\r\n");
	until(&k, "HTTP/1.1 100 Continue\r\n\r\n");
	ck_assert_uint_eq(handled, 0);
	says(&k, "abc");
	until(&k, "POST /echo? 3:abc");
	/* Too large: no 100, the answer at once. */
	sb_fini(&k.in);
	says(&k, "POST /echo HTTP/1.1\r\n" H "Expect: 100-continue\r\n"
	    "Content-Length: 3000\r\n\r\n");
	to_end(&k);
	ck_assert_int_eq(status_of(&k), 413);
	hang_up(&k);
}
END_TEST

/* Answers that come later. */

START_TEST(test_later)
{
	struct client k;
	char buf[16];

	start(NULL);
	k = dial();
	says(&k, "POST /later?a=b HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\n"
	    "abcGET /echo HTTP/1.1\r\n" H END);
	while (kept == NULL)
		turn(&k);
	turn(&k);
	ck_assert_uint_eq(handled, 1);	/* the second waits */
	ck_assert(slice_eq_str(http_body(kept), "abc"));
	ck_assert_str_eq(http_param(kept, "a", buf, sizeof buf), "b");
	ck_assert(strncmp(http_peer(kept), "127.0.0.1:", 10) == 0);
	ck_assert(!http_gone(kept));
	http_set_data(kept, buf);
	ck_assert_ptr_eq(http_data(kept), buf);
	http_respond(kept, 202, "text/plain", SLICE("late"));
	to_end(&k);
	ck_assert_int_eq(status_of(&k), 202);
	ck_assert_ptr_nonnull(strstr(k.in.ptr, "lateHTTP/1.1 200 OK"));
	hang_up(&k);
}
END_TEST

START_TEST(test_later_and_gone)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };
	struct client k;
	struct buf *b;

	start(NULL);
	k = dial();
	says(&k, "POST /later HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc");
	while (kept == NULL)
		turn(&k);
	setsockopt(k.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	hang_up(&k);
	while (!http_gone(kept))
		turn_loop(l);
	ck_assert(slice_eq_str(http_body(kept), "abc"));
	b = http_take_body(kept);
	ck_assert_uint_eq(b->len, 3);
	ck_assert_uint_eq(http_body(kept).len, 0);
	buf_unref(b);
	http_respond_ref(kept, 200, NULL, SLICE("x"), on_release, NULL);
	ck_assert_uint_eq(released, 1);
}
END_TEST

/* The server goes before the answer. */
START_TEST(test_later_and_server_gone)
{
	struct client k;

	start(NULL);
	k = dial();
	says(&k, "GET /later HTTP/1.1\r\n" H "X-A: b\r\n\r\n");
	while (kept == NULL)
		turn(&k);
	http_server_free(s);
	s = NULL;
	to_end(&k);
	ck_assert(http_gone(kept));
	ck_assert_str_eq(http_field(kept, "x-a"), "b");
	http_respond(kept, 200, NULL, SLICE("x"));
	hang_up(&k);
}
END_TEST

/* A half-closed client still gets its answer. */
START_TEST(test_later_half_closed)
{
	struct client k;

	start(NULL);
	k = dial();
	says(&k, "GET /later HTTP/1.1\r\n" H "\r\n");
	shutdown(k.fd, SHUT_WR);
	while (kept == NULL)
		turn(&k);
	turn(&k);
	turn(&k);
	http_respond(kept, 200, NULL, SLICE("late"));
	to_end(&k);
	ck_assert_ptr_nonnull(strstr(k.in.ptr, "\r\n\r\nlate"));
	hang_up(&k);
}
END_TEST

/* Limits. */

START_TEST(test_large_answer)
{
	struct client k;

	start(NULL);
	memset(big, 'z', sizeof big);
	k = dial();
	says(&k, "GET /large HTTP/1.1\r\n" H END);
	to_end(&k);
	ck_assert_uint_gt(k.in.len, sizeof big);
	ck_assert_uint_eq(released, 1);
	hang_up(&k);
}
END_TEST

static const struct {
	const char	*what;
	unsigned	 lines, name, value;	/* fields and their sizes */
	size_t		 target;
	int		 status;
} header_cases[] = {
	{ "all fit", 98, 10, 100, 10, 200 },
	{ "101 fields", 101, 5, 5, 10, 431 },
	{ "long fields", 20, 10, 1000, 10, 431 },
	{ "one long field", 1, 10, 20000, 10, 431 },
	{ "long target", 0, 0, 0, 20000, 414 },
};

START_TEST(test_header_limits)
{
	struct sb sb = SB_INIT;
	struct client k;
	unsigned i;

	start(NULL);
	sb_printf(&sb, "GET /echo?%0*d HTTP/1.1\r\n" H,
	    (int)header_cases[_i].target, 0);
	for (i = 0; i < header_cases[_i].lines; i++)
		sb_printf(&sb, "X%0*u: %0*u\r\n",
		    (int)header_cases[_i].name - 1, i,
		    (int)header_cases[_i].value, i);
	sb_puts(&sb, END);
	k = dial();
	say(&k, sb.ptr, sb.len);
	to_end(&k);
	ck_assert_msg(status_of(&k) == header_cases[_i].status, "%s: %s",
	    header_cases[_i].what, k.in.ptr);
	hang_up(&k);
	sb_fini(&sb);
}
END_TEST

/* No end of the head in sight: refused at the limit, not at the timeout. */
START_TEST(test_endless_head)
{
	struct client k;
	char junk[1000];
	unsigned i;

	start(NULL);
	memset(junk, 'a', sizeof junk);
	k = dial();
	says(&k, "GET /echo HTTP/1.1\r\nX: ");
	for (i = 0; i < 20 && !k.eof; i++) {
		send(k.fd, junk, sizeof junk, MSG_NOSIGNAL);
		turn(&k);
	}
	shutdown(k.fd, SHUT_WR);
	to_end(&k);
	ck_assert_int_eq(status_of(&k), 431);
	hang_up(&k);
}
END_TEST

static const struct {
	const char	*said;
	int		 status;	/* 0: closed without a word */
} slow_cases[] = {
	{ "", 0 },
	{ "GET /echo HTTP/1.1\r\nHo", 408 },
	{ "\r\n", 0 },
	{ "POST /echo HTTP/1.1\r\n" H "Content-Length: 100\r\n\r\nabc", 408 },
	{ "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
	    "3\r\nabc", 408 },
};

START_TEST(test_slow)
{
	struct http_opts o = { .header_ms = 20, .body_ms = 20 };
	struct client k;

	start(&o);
	k = dial();
	says(&k, slow_cases[_i].said);
	to_end(&k);
	ck_assert_int_eq(status_of(&k), slow_cases[_i].status);
	hang_up(&k);
	while (http_server_conns(s) > 0)
		turn_loop(l);
}
END_TEST

/* Bytes that keep dripping do not extend the time for the head. */
START_TEST(test_slowloris)
{
	/* More room than a fast machine fills in the time. */
	struct http_opts o = { .header_ms = 50, .max_header = 1 << 24 };
	struct client k;

	start(&o);
	k = dial();
	says(&k, "GET /echo HTTP/1.1\r\n");
	while (!k.eof) {
		send(k.fd, "X: y\r\n", 1, MSG_NOSIGNAL);
		turn(&k);
		if (status_of(&k) != 0)
			break;
	}
	ck_assert_int_eq(status_of(&k), 408);
	hang_up(&k);
}
END_TEST

/* A client that asks and does not read is let go. */
START_TEST(test_never_reads)
{
	struct http_opts o = { .body_ms = 50, .body_rate = 1 << 30 };
	struct client k;

	start(&o);
	k = dial();
	says(&k, "GET /large HTTP/1.1\r\n" H "\r\n"
	    "GET /large HTTP/1.1\r\n" H "\r\n"
	    "GET /large HTTP/1.1\r\n" H "\r\n"
	    "GET /large HTTP/1.1\r\n" H "\r\n");
	turn_loop(l);
	ck_assert_uint_eq(http_server_conns(s), 1);
	while (http_server_conns(s) > 0)
		turn_loop(l);
	hang_up(&k);
}
END_TEST

START_TEST(test_idle)
{
	struct http_opts o = { .idle_ms = 30 };
	struct client k;

	start(&o);
	k = dial();
	says(&k, "GET /echo HTTP/1.1\r\n" H "\r\n");
	to_end(&k);
	ck_assert_int_eq(status_of(&k), 200);
	ck_assert_ptr_null(strstr(k.in.ptr, "408"));
	hang_up(&k);
}
END_TEST

/* The body of one request fills what the server will hold. */
START_TEST(test_max_held)
{
	struct http_opts o = { .max_body = 100, .max_held = 200 };
	struct client k[3];
	char body[100];
	unsigned i;

	start(&o);
	memset(body, 'b', sizeof body);
	for (i = 0; i < 3; i++) {
		k[i] = dial();
		says(&k[i], "POST /later HTTP/1.1\r\n" H
		    "Content-Length: 100\r\n\r\n");
		say(&k[i], body, i < 2 ? 99 : 100);
		turn(&k[i]);
		turn(&k[i]);
	}
	while (status_of(&k[2]) == 0)
		turn(&k[2]);
	ck_assert_int_eq(status_of(&k[2]), 503);
	ck_assert_ptr_nonnull(strstr(k[2].in.ptr, "Retry-After: "));
	hang_up(&k[0]);
	say(&k[1], body, 1);
	while (kept == NULL)
		turn(&k[1]);
	ck_assert_uint_eq(http_body(kept).len, 100);
	http_respond(kept, 200, NULL, SLICE(""));
	hang_up(&k[1]);
	hang_up(&k[2]);
}
END_TEST

START_TEST(test_max_conns)
{
	struct http_opts o = { .listen = { .max_conns = 1 } };
	struct client a, b;
	unsigned i;

	start(&o);
	a = dial();
	b = dial();
	says(&a, "GET /echo HTTP/1.1\r\n" H "\r\n");
	says(&b, "GET /echo HTTP/1.1\r\n" H END);
	until(&a, "GET /echo");
	for (i = 0; i < 5; i++)
		turn(&b);
	ck_assert_uint_eq(handled, 1);
	hang_up(&a);
	to_end(&b);
	ck_assert_int_eq(status_of(&b), 200);
	hang_up(&b);
}
END_TEST

static const struct {
	const char	*host;
	int		 status;
} host_cases[] = {
	{ "localhost", 200 }, { "LOCALHOST:80", 200 }, { "127.0.0.1:1", 200 },
	{ "[::1]:80", 200 }, { "[::1]", 200 }, { "good.example", 200 },
	{ "evil.example", 421 }, { "good.example.evil", 421 }, { "", 421 },
	{ "[::1", 421 },
};

START_TEST(test_hosts)
{
	static const char *const names[] = { "good.example", NULL };
	struct http_opts o = { .hosts = names };
	struct client k;
	char req[128];

	start(&o);
	k = dial();
	snprintf(req, sizeof req, "GET /echo HTTP/1.1\r\nHost: %s\r\n" END,
	    host_cases[_i].host);
	says(&k, req);
	to_end(&k);
	ck_assert_int_eq(status_of(&k), host_cases[_i].status);
	hang_up(&k);
}
END_TEST

#ifdef HAVE_ZLIB

/* -> the bytes, deflated; bits: 31 gzip, 15 zlib. */
static size_t
deflated(const char *text, size_t len, int bits, uint8_t *out, size_t size)
{
	z_stream z = { 0 };
	size_t n;

	ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, bits, 9,
	    Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)text;
	z.avail_in = (uInt)len;
	z.next_out = out;
	z.avail_out = (uInt)size;
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	n = size - z.avail_out;
	deflateEnd(&z);
	return (n);
}

static const struct {
	const char	*coding;
	int		 bits, status;
	size_t		 size, cut, members;
	const char	*has;
} gzip_cases[] = {
	{ "gzip", 31, 200, 10, 0, 1, " 10:aaaaaaaaaa" },
	{ "x-gzip", 31, 200, 1000, 0, 1, " 1000:" },
	{ "deflate", 15, 200, 10, 0, 1, " 10:aaaaaaaaaa" },
	{ "gzip", 31, 200, 10, 0, 3, " 30:aaaaaaaaaa" },
	{ "gzip", 31, 200, 0, 0, 1, " 0:" },
	{ "gzip", 31, 413, 1001, 0, 1, "Too Large" },
	{ "gzip", 31, 413, 10 << 20, 0, 1, "Too Large" },
	{ "gzip", 31, 413, 999, 0, 2, "Too Large" },
	{ "gzip", 31, 400, 10, 1, 1, "Bad Request" },
	{ "gzip", -15, 400, 10, 0, 1, "Bad Request" },
};

START_TEST(test_gzip)
{
	static char text[10 << 20];
	static uint8_t packed[65536];
	struct client k;
	char head[256];
	struct http_opts o = { .max_body = 1000 };
	size_t i, all = 0;

	memset(text, 'a', sizeof text);
	for (i = 0; i < gzip_cases[_i].members; i++)
		all += deflated(text, gzip_cases[_i].size,
		    gzip_cases[_i].bits, packed + all, sizeof packed - all);
	all -= gzip_cases[_i].cut;
	snprintf(head, sizeof head, "POST /echo HTTP/1.1\r\n" H
	    "Content-Encoding: %s\r\nContent-Length: %zu\r\n" END,
	    gzip_cases[_i].coding, all);
	if (all > 1000)		/* the bomb itself is let in */
		o.max_body = all;
	start(&o);
	k = dial();
	says(&k, head);
	say(&k, (char *)packed, all);
	to_end(&k);
	ck_assert_msg(status_of(&k) == gzip_cases[_i].status, "%s", k.in.ptr);
	ck_assert_ptr_nonnull(strstr(k.in.ptr, gzip_cases[_i].has));
	hang_up(&k);
}
END_TEST

/* Every prefix and every flipped byte: refused, or within the bound. */
START_TEST(test_inflate_total)
{
	static char text[5000];
	uint8_t packed[8192], *copy;
	struct err e = ERR_INIT;
	struct buf *b;
	size_t i, n;

	for (i = 0; i < sizeof text; i++)
		text[i] = (char)(i * i % 251);
	n = deflated(text, sizeof text, 31, packed, sizeof packed);
	for (i = 0; i < n; i++) {
		copy = xmalloc(i + 1);
		memcpy(copy, packed, i);
		ck_assert_ptr_null(inflate_whole(slice_of(copy, i), 10000,
		    &e));
		free(copy);
	}
	for (i = 0; i < n; i++) {
		packed[i] ^= 0x41;
		b = inflate_whole(slice_of(packed, n), 10000, &e);
		ck_assert(b == NULL || b->len <= 10000);
		buf_unref(b);
		packed[i] ^= 0x41;
	}
	b = inflate_whole(slice_of(packed, n), sizeof text, &e);
	ck_assert_uint_eq(b->len, sizeof text);
	ck_assert_int_eq(memcmp(b->data, text, sizeof text), 0);
	buf_unref(b);
	ck_assert_ptr_null(inflate_whole(slice_of(packed, n),
	    sizeof text - 1, &e));
	ck_assert_int_eq(e.code, ERR_TOO_LARGE);
}
END_TEST

#endif

/* Extensions and trailers are bounded. */
START_TEST(test_chunk_overhead)
{
	struct http_chunks k = { 0 };
	struct slice data;
	unsigned i;
	int r = 0;

	r = (int)http_chunks_next(&k, SLICE("5;"), &data);
	for (i = 0; i < 100000 && r != -1; i++)
		r = (int)http_chunks_next(&k, SLICE("x"), &data);
	ck_assert_int_eq(r, -1);
	ck_assert_uint_lt(i, 20000);
}
END_TEST

START_TEST(test_unix)
{
	char dir[] = "/tmp/leat-http-XXXXXX", path[64];
	struct http_opts o = { .unix_path = path };

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/s", dir);
	start(&o);
	ck_assert_str_eq(http_server_name(s), path);
	ck_assert_int_eq(access(path, F_OK), 0);
	http_server_free(s);
	s = NULL;
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(test_fields)
{
	const char *name, *value;
	struct client k;

	start(NULL);
	k = dial();
	says(&k, "GET /later HTTP/1.1\r\nHost: x\r\nX-B: 1\r\nX-B: 2\r\n\r\n");
	while (kept == NULL)
		turn(&k);
	ck_assert_str_eq(http_field(kept, "X-b"), "1");
	ck_assert(http_field_at(kept, 2, &name, &value));
	ck_assert_str_eq(name, "x-b");
	ck_assert_str_eq(value, "2");
	ck_assert(!http_field_at(kept, 3, &name, &value));
	http_respond(kept, 299, NULL, SLICE(""));
	until(&k, "HTTP/1.1 299 Status\r\n");
	hang_up(&k);
}
END_TEST

static void
add_limits(TCase *t)
{
	tcase_add_test(t, test_large_answer);
	tcase_add_loop_test(t, test_header_limits, 0, NELEM(header_cases));
	tcase_add_test(t, test_endless_head);
	tcase_add_loop_test(t, test_slow, 0, NELEM(slow_cases));
	tcase_add_test(t, test_slowloris);
	tcase_add_test(t, test_never_reads);
	tcase_add_test(t, test_idle);
	tcase_add_test(t, test_max_held);
	tcase_add_test(t, test_max_conns);
	tcase_add_loop_test(t, test_hosts, 0, NELEM(host_cases));
	tcase_add_test(t, test_chunk_overhead);
#ifdef HAVE_ZLIB
	tcase_add_loop_test(t, test_gzip, 0, NELEM(gzip_cases));
	tcase_add_test(t, test_inflate_total);
#endif
}

int
main(void)
{
	Suite *suite = suite_create("http");
	TCase *t = tcase_create("all");
	SRunner *sr = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, test_case, 0, NELEM(cases));
	tcase_add_test(t, test_head);
	tcase_add_test(t, test_keep_alive_and_pipeline);
	tcase_add_test(t, test_http10_keep_alive);
	tcase_add_test(t, test_max_requests);
	tcase_add_test(t, test_continue);
	tcase_add_test(t, test_later);
	tcase_add_test(t, test_later_and_gone);
	tcase_add_test(t, test_later_and_server_gone);
	tcase_add_test(t, test_later_half_closed);
	tcase_add_test(t, test_unix);
	tcase_add_test(t, test_fields);
	add_limits(t);
	suite_add_tcase(suite, t);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return (failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}
