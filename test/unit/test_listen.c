/* Listeners and UDP sockets, on loopback and ports the kernel chooses. */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "loop/addr.h"
#include "loop/listen.h"
#include "loop/udp.h"
#include "test/unit/loop_util.h"

#define MANY	64

static struct loop *l;
static int got[MANY];		/* accepted descriptors */
static unsigned ngot, stop_at;
static unsigned warnings;

static void
count_warnings(enum log_level level, const char *line, void *ctx)
{
	(void)line;
	(void)ctx;
	warnings += level == LOG_WARN;
}

static void
setup(void)
{
	l = make_loop();
	ngot = 0;
	stop_at = 1;
	warnings = 0;
	log_set_sink(count_warnings, NULL);
}

static void
teardown(void)
{
	log_set_sink(NULL, NULL);
	while (ngot > 0)
		close(got[--ngot]);
	loop_free(l);
}

static void
accepted(struct loop *loop, int fd, void *ctx)
{
	(void)ctx;
	ck_assert_ptr_eq(loop, l);
	loop_assert(loop);
	got[ngot++] = fd;
	if (ngot == stop_at)
		loop_stop(l);
}

static struct listener *
listen_on(const char *host, unsigned max)
{
	struct listen_opts o = { .what = "test", .host = host,
	    .max_conns = max };
	struct err e = ERR_INIT;
	struct listener *ls = listener_tcp(l, &o, accepted, NULL, &e);

	ck_assert_msg(ls != NULL, "%s", e.msg);
	return (ls);
}

/* Non-blocking: the backlog takes it. */
static int
dial(const char *addr, uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
	    .sin_port = htons(port) };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6,
	    .sin6_port = htons(port) };
	bool v6 = strchr(addr, ':') != NULL;
	int fd = socket(v6 ? AF_INET6 : AF_INET,
	    SOCK_STREAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, addr, &sin.sin_addr);
	inet_pton(AF_INET6, addr, &sin6.sin6_addr);
	if (connect(fd, v6 ? (struct sockaddr *)&sin6 :
	    (struct sockaddr *)&sin, v6 ? sizeof sin6 : sizeof sin) == 0)
		return (fd);
	close(fd);
	return (-1);
}

static bool
have_ipv6(void)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6,
	    .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool yes = fd != -1 &&
	    bind(fd, (struct sockaddr *)&sin6, sizeof sin6) == 0;

	if (fd != -1)
		close(fd);
	return (yes);
}

static const struct {
	const char	*host, *dial, *prefix;
	bool		 v6;
} hosts[] = {
	{ "127.0.0.1", "127.0.0.1", "127.0.0.1:", false },
	{ "::1", "::1", "[::1]:", true },
	{ "*", "127.0.0.1", "*:", false },
	{ "", "::1", "*:", true },
	{ "localhost", "127.0.0.1", "localhost:", false },
	{ NULL, "127.0.0.1", "*:", false },
};

START_TEST(test_hosts)
{
	struct listener *ls;
	char want[64];
	int fd;

	if (hosts[_i].v6 && !have_ipv6())
		return;
	ls = listen_on(hosts[_i].host, 0);
	ck_assert_uint_ne(listener_port(ls), 0);
	snprintf(want, sizeof want, "%s%u", hosts[_i].prefix,
	    (unsigned)listener_port(ls));
	ck_assert_str_eq(listener_name(ls), want);
	fd = dial(hosts[_i].dial, listener_port(ls));
	ck_assert_int_ne(fd, -1);
	run_loop(l);
	ck_assert_uint_eq(ngot, 1);
	ck_assert_uint_eq(listener_conns(ls), 1);
	ck_assert(fcntl(got[0], F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(got[0], F_GETFD) & FD_CLOEXEC);
	listener_leave(ls);
	ck_assert_uint_eq(listener_conns(ls), 0);
	listener_free(ls);
	close(fd);
}
END_TEST

static const struct {
	const char	*host;
	bool		 loopback;
} loopbacks[] = {
	{ "127.0.0.1", true }, { "127.9.9.9", true }, { "::1", true },
	{ "::ffff:127.0.0.1", true }, { "localhost", true },
	{ "0.0.0.0", false }, { "::", false }, { "*", false }, { "", false },
	{ NULL, false }, { "192.0.2.1", false }, { "no such host", false },
};

START_TEST(test_loopback)
{
	ck_assert_int_eq(listen_is_loopback(loopbacks[_i].host),
	    loopbacks[_i].loopback);
}
END_TEST

START_TEST(test_port_in_use)
{
	struct listener *ls = listen_on("127.0.0.1", 0);
	struct listen_opts o = { .what = "source r1", .host = "127.0.0.1",
	    .port = listener_port(ls) };
	struct err e = ERR_INIT;

	ck_assert_ptr_null(listener_tcp(l, &o, accepted, NULL, &e));
	ck_assert_int_eq(e.code, ERR_SYS);
	ck_assert_int_eq(e.sys, EADDRINUSE);
	ck_assert_ptr_nonnull(strstr(e.msg, listener_name(ls)));
	ck_assert_ptr_nonnull(strstr(e.msg, "set another port"));
	listener_free(ls);
}
END_TEST

static const struct {
	const char	*host;
	enum err_code	 code;
	const char	*says;
} bad_hosts[] = {
	{ "no.such.host.invalid", ERR_CONFIG, "'no.such.host.invalid'" },
	{ "192.0.2.77", ERR_SYS, "no interface of this machine" },
	{ "1.2.3.4.5", ERR_CONFIG, "'1.2.3.4.5'" },
};

START_TEST(test_bad_hosts)
{
	struct listen_opts o = { .what = "test", .host = bad_hosts[_i].host };
	struct err e = ERR_INIT;

	ck_assert_ptr_null(listener_tcp(l, &o, accepted, NULL, &e));
	ck_assert_int_eq(e.code, bad_hosts[_i].code);
	ck_assert_ptr_nonnull(strstr(e.msg, bad_hosts[_i].says));
}
END_TEST

/* At the limit nothing is accepted; a place given back lets one in. */
START_TEST(test_max_conns)
{
	struct listener *ls = listen_on("127.0.0.1", 2);
	int fds[5];
	unsigned i;

	for (i = 0; i < 5; i++)
		fds[i] = dial("127.0.0.1", listener_port(ls));
	for (i = 0; i < 5; i++)
		turn_loop(l);
	ck_assert_uint_eq(ngot, 2);
	ck_assert_uint_eq(listener_conns(ls), 2);
	for (i = 3; i <= 5; i++) {
		listener_leave(ls);
		stop_at = i;
		run_loop(l);
		turn_loop(l);
		ck_assert_uint_eq(ngot, i);
		ck_assert_uint_eq(listener_conns(ls), 2);
	}
	listener_free(ls);
	listener_leave(ls);
	listener_leave(ls);
	for (i = 0; i < 5; i++)
		close(fds[i]);
}
END_TEST

START_TEST(test_pause)
{
	struct listener *ls = listen_on("127.0.0.1", 0);
	int fd;

	listener_pause(ls);
	fd = dial("127.0.0.1", listener_port(ls));
	turn_loop(l);
	turn_loop(l);
	ck_assert_uint_eq(ngot, 0);
	listener_resume(ls);
	run_loop(l);
	ck_assert_uint_eq(ngot, 1);
	listener_leave(ls);
	listener_free(ls);
	close(fd);
}
END_TEST

/* No descriptor is left: the peer is told by a close, and accepting goes on
 * when there are descriptors again. */
START_TEST(test_emfile)
{
	struct listener *ls = listen_on("127.0.0.1", 0);
	int a = dial("127.0.0.1", listener_port(ls)), b, fd;
	struct rlimit old, few;
	char ch;

	turn_loop(l);		/* epoll is set up */
	ck_assert_uint_eq(ngot, 1);
	b = dial("127.0.0.1", listener_port(ls));
	fd = open("/dev/null", O_RDONLY);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	few.rlim_cur = (rlim_t)fd;
	close(fd);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	turn_loop(l);
	ck_assert_uint_eq(ngot, 1);
	ck_assert_uint_eq(warnings, 1);
	ck_assert_int_eq(read(b, &ch, 1), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	fd = dial("127.0.0.1", listener_port(ls));
	stop_at = 2;
	run_loop(l);
	ck_assert_uint_eq(ngot, 2);
	listener_leave(ls);
	listener_leave(ls);
	listener_free(ls);
	close(a);
	close(b);
	close(fd);
}
END_TEST

/* Dealing. */

static atomic_uint dealt[2];
static struct loop *deal_loops[2];
static struct listener *deal_listener;

static void
accept_dealt(struct loop *loop, int fd, void *ctx)
{
	(void)ctx;
	loop_assert(loop);
	atomic_fetch_add(&dealt[loop == deal_loops[1]], 1);
	close(fd);
	listener_leave(deal_listener);
	if (atomic_load(&dealt[0]) + atomic_load(&dealt[1]) == 20)
		loop_stop(l);
}

static void
run_other(void *arg)
{
	loop_run(arg);
}

START_TEST(test_deal)
{
	struct listen_opts o = { .what = "t", .host = "127.0.0.1",
	    .max_conns = 3 };
	struct thread t[2] = { 0 };
	struct err e = ERR_INIT;
	int fds[20];
	unsigned i;

	deal_listener = listener_tcp(l, &o, accept_dealt, NULL, &e);
	for (i = 0; i < 2; i++) {
		deal_loops[i] = make_loop();
		ck_assert_int_eq(thread_start(&t[i], "deal", run_other,
		    deal_loops[i], &e), 0);
	}
	listener_deal(deal_listener, deal_loops, 2);
	for (i = 0; i < 20; i++)
		fds[i] = dial("127.0.0.1", listener_port(deal_listener));
	run_loop(l);
	ck_assert_uint_eq(atomic_load(&dealt[0]), 10);
	ck_assert_uint_eq(atomic_load(&dealt[1]), 10);
	listener_free(deal_listener);
	for (i = 0; i < 2; i++) {
		loop_stop(deal_loops[i]);
		thread_join(&t[i]);
		loop_free(deal_loops[i]);
	}
	for (i = 0; i < 20; i++)
		close(fds[i]);
}
END_TEST

/* A descriptor is on its way when the listener goes. */
START_TEST(test_free_while_dealt)
{
	struct listen_opts o = { .what = "t", .host = "127.0.0.1" };
	struct loop *other = make_loop();
	struct err e = ERR_INIT;
	char ch;
	int fd;

	deal_listener = listener_tcp(l, &o, accept_dealt, NULL, &e);
	listener_deal(deal_listener, &other, 1);
	fd = dial("127.0.0.1", listener_port(deal_listener));
	turn_loop(l);
	ck_assert_uint_eq(listener_conns(deal_listener), 1);
	listener_free(deal_listener);
	turn_loop(other);
	ck_assert_int_eq(read(fd, &ch, 1), 0);
	close(fd);
	loop_free(other);
}
END_TEST

static struct listener *freed_inside;

static void
accept_and_free(struct loop *loop, int fd, void *ctx)
{
	int64_t end = clock_mono_ns() + *(const int64_t *)ctx;

	close(fd);
	listener_leave(freed_inside);
	listener_free(freed_inside);
	loop_stop(loop);
	while (clock_mono_ns() < end)
		;
}

/* Row 1: for longer than a turn; the rest behind it does not begin. */
START_TEST(test_free_inside)
{
	struct listen_opts o = { .what = "t", .host = "127.0.0.1" };
	struct err e = ERR_INIT;
	int64_t ns = _i * INT64_C(1000000), end;
	int fd;

	freed_inside = listener_tcp(l, &o, accept_and_free, &ns, &e);
	fd = dial("127.0.0.1", listener_port(freed_inside));
	run_loop(l);
	end = clock_mono_ns() + 5 * ns;
	while (clock_mono_ns() < end)
		turn_loop(l);
	close(fd);
}
END_TEST

/* Unix sockets. */

static int
dial_unix(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof sun.sun_path, "%s", path);
	if (connect(fd, (struct sockaddr *)&sun, sizeof sun) == 0)
		return (fd);
	close(fd);
	return (-1);
}

START_TEST(test_unix)
{
	char dir[] = "/tmp/leat-listen-XXXXXX", *path, *file;
	struct listen_opts o = { .what = "agent" };
	struct err e = ERR_INIT;
	struct listener *ls;
	struct stat st;
	int fd;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	path = xasprintf("%s/sock", dir);
	ls = listener_unix(l, path, 0600, &o, accepted, NULL, &e);
	ck_assert_msg(ls != NULL, "%s", e.msg);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	ck_assert_str_eq(listener_name(ls), path);
	fd = dial_unix(path);
	ck_assert_int_ne(fd, -1);
	run_loop(l);
	ck_assert_uint_eq(ngot, 1);
	/* A second one is refused, and does not break the first. */
	ck_assert_ptr_null(listener_unix(l, path, 0600, &o, accepted, NULL,
	    &e));
	ck_assert_int_eq(e.code, ERR_EXISTS);
	ck_assert_ptr_nonnull(strstr(e.msg, path));
	listener_leave(ls);
	listener_free(ls);
	ck_assert_int_eq(stat(path, &st), -1);
	close(fd);
	/* A file that is no socket stays. */
	file = xasprintf("%s/file", dir);
	close(open(file, O_CREAT | O_WRONLY, 0600));
	ck_assert_ptr_null(listener_unix(l, file, 0600, &o, accepted, NULL,
	    &e));
	ck_assert_int_eq(stat(file, &st), 0);
	unlink(file);
	rmdir(dir);
	free(file);
	free(path);
}
END_TEST

START_TEST(test_unix_stale)
{
	char dir[] = "/tmp/leat-listen-XXXXXX", *path;
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct listen_opts o = { .what = "agent" };
	struct err e = ERR_INIT;
	struct listener *ls;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_ptr_nonnull(mkdtemp(dir));
	path = xasprintf("%s/sock", dir);
	snprintf(sun.sun_path, sizeof sun.sun_path, "%s", path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof sun), 0);
	close(fd);		/* as a process that was killed leaves it */
	ls = listener_unix(l, path, 0600, &o, accepted, NULL, &e);
	ck_assert_msg(ls != NULL, "%s", e.msg);
	listener_free(ls);
	rmdir(dir);
	free(path);
}
END_TEST

START_TEST(test_unix_long_path)
{
	struct listen_opts o = { .what = "agent" };
	struct err e = ERR_INIT;
	char path[200];

	memset(path, 'x', sizeof path - 1);
	path[sizeof path - 1] = '\0';
	ck_assert_ptr_null(listener_unix(l, path, 0600, &o, accepted, NULL,
	    &e));
	ck_assert_int_eq(e.code, ERR_CONFIG);
}
END_TEST

/* UDP. */

static struct {
	unsigned	 n, batches, stop_at;
	uint64_t	 sum;		/* of the numbers in the datagrams */
	bool		 cut, close;
	size_t		 len;
	char		 peer[64];
} udp;

static void
on_batch(struct udp_socket *u, const struct udp_datagram *d, size_t n,
    void *ctx)
{
	size_t i;
	uint32_t v;

	(void)ctx;
	ck_assert_uint_ge(n, 1);
	ck_assert_uint_le(n, 64);
	udp.batches++;
	for (i = 0; i < n; i++) {
		udp.cut = udp.cut || d[i].cut;
		udp.len = d[i].data.len;
		if (d[i].data.len == sizeof v) {
			memcpy(&v, d[i].data.p, sizeof v);
			udp.sum += v;
		}
	}
	udp_peer(udp.peer, sizeof udp.peer, &d[0]);
	udp.n += (unsigned)n;
	if (udp.n >= udp.stop_at) {
		if (udp.close)
			udp_close(u);
		loop_stop(l);
	}
}

static struct udp_socket *
open_udp(size_t rcvbuf, size_t max)
{
	struct udp_opts o = { .what = "test", .host = "127.0.0.1",
	    .rcvbuf = rcvbuf, .max_datagram = max };
	struct err e = ERR_INIT;
	struct udp_socket *u;

	memset(&udp, 0, sizeof udp);
	u = udp_open(l, &o, on_batch, NULL, &e);
	ck_assert_msg(u != NULL, "%s", e.msg);
	return (u);
}

static int
dial_udp(uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
	    .sin_addr = { htonl(INADDR_LOOPBACK) }, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sin, sizeof sin), 0);
	return (fd);
}

START_TEST(test_udp)
{
	struct udp_socket *u = open_udp(0, 0);
	int fd = dial_udp(udp_port(u));
	uint32_t i;

	for (i = 1; i <= 200; i++)
		ck_assert_int_eq(send(fd, &i, sizeof i, 0), sizeof i);
	udp.stop_at = 200;
	run_loop(l);
	ck_assert_uint_eq(udp.n, 200);
	ck_assert_uint_eq(udp.sum, 200 * 201 / 2);
	ck_assert_uint_le(udp.batches, 5);
	ck_assert(strncmp(udp.peer, "127.0.0.1:", 10) == 0);
	ck_assert(strncmp(udp_name(u), "127.0.0.1:", 10) == 0);
	ck_assert_uint_eq(udp_drops(u), 0);
	udp_close(u);
	close(fd);
}
END_TEST

/* sent = received + drops, whatever the order of asking. */
START_TEST(test_udp_drops)
{
	struct udp_socket *u = open_udp(4096, 2048);
	int fd = dial_udp(udp_port(u));
	unsigned i, sent = 0, turn;

	udp_pause(u);
	for (turn = 0; turn < 3; turn++) {
		for (i = 0; i < 500; i++)
			sent += send(fd, "0123456789", 10, 0) == 10;
		if (turn == 1)
			ck_assert_uint_gt(udp_drops(u), 0);
		udp_resume(u);
		for (i = 0; i < 20; i++)
			turn_loop(l);
		udp_pause(u);
	}
	ck_assert_uint_gt(udp_drops(u), 0);
	ck_assert_uint_gt(udp.n, 0);
	ck_assert_uint_eq(udp.n + udp_drops(u), sent);
	udp_close(u);
	close(fd);
}
END_TEST

START_TEST(test_udp_cut_and_close_inside)
{
	struct udp_socket *u = open_udp(0, 16);
	int fd = dial_udp(udp_port(u));

	udp.stop_at = 1;
	ck_assert_int_eq(send(fd, "0123456789abcdef", 16, 0), 16);
	run_loop(l);
	ck_assert(!udp.cut);
	udp.stop_at = 2;
	udp.close = true;
	ck_assert_int_eq(send(fd, "0123456789abcdef!", 17, 0), 17);
	run_loop(l);
	ck_assert(udp.cut);
	ck_assert_uint_eq(udp.len, 16);
	close(fd);
}
END_TEST

START_TEST(test_udp_port_in_use)
{
	struct udp_socket *u = open_udp(0, 0);
	struct udp_opts o = { .what = "source s", .host = "127.0.0.1",
	    .port = udp_port(u) };
	struct err e = ERR_INIT;

	ck_assert_ptr_null(udp_open(l, &o, on_batch, NULL, &e));
	ck_assert_int_eq(e.sys, EADDRINUSE);
	ck_assert_ptr_nonnull(strstr(e.msg, udp_name(u)));
	udp_close(u);
}
END_TEST

/* Addresses. */

static const struct {
	const char	*addr, *text, *host;
} addrs[] = {
	{ "192.0.2.1", "192.0.2.1:514", "192.0.2.1" },
	{ "2001:db8::1", "[2001:db8::1]:514", "2001:db8::1" },
	{ "::ffff:192.0.2.1", "192.0.2.1:514", "192.0.2.1" },
};

START_TEST(test_addr_text)
{
	struct sockaddr_storage ss = { 0 };
	struct sockaddr *sa = (struct sockaddr *)&ss;
	char buf[ADDR_TEXT];

	if (strchr(addrs[_i].addr, ':') == NULL) {
		ss.ss_family = AF_INET;
		inet_pton(AF_INET, addrs[_i].addr,
		    &((struct sockaddr_in *)sa)->sin_addr);
	} else {
		ss.ss_family = AF_INET6;
		inet_pton(AF_INET6, addrs[_i].addr,
		    &((struct sockaddr_in6 *)sa)->sin6_addr);
	}
	addr_set_port(sa, 514);
	ck_assert_uint_eq(addr_port(sa), 514);
	ck_assert_str_eq(addr_text(buf, sizeof buf, sa, true), addrs[_i].text);
	ck_assert_str_eq(addr_text(buf, sizeof buf, sa, false),
	    addrs[_i].host);
}
END_TEST

static TCase *
cases(void)
{
	TCase *t = tcase_create("all");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, test_hosts, 0, NELEM(hosts));
	tcase_add_loop_test(t, test_loopback, 0, NELEM(loopbacks));
	tcase_add_test(t, test_port_in_use);
	tcase_add_loop_test(t, test_bad_hosts, 0, NELEM(bad_hosts));
	tcase_add_test(t, test_max_conns);
	tcase_add_test(t, test_pause);
	tcase_add_test(t, test_emfile);
	tcase_add_test(t, test_deal);
	tcase_add_test(t, test_free_while_dealt);
	tcase_add_loop_test(t, test_free_inside, 0, 2);
	tcase_add_test(t, test_unix);
	tcase_add_test(t, test_unix_stale);
	tcase_add_test(t, test_unix_long_path);
	tcase_add_test(t, test_udp);
	tcase_add_test(t, test_udp_drops);
	tcase_add_test(t, test_udp_cut_and_close_inside);
	tcase_add_test(t, test_udp_port_in_use);
	tcase_add_loop_test(t, test_addr_text, 0, NELEM(addrs));
	return (t);
}

int
main(void)
{
	Suite *s = suite_create("listen");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, cases());
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return (failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}
