/* sources/syslogtcp.c, syslogudp.c, outbox.c over real sockets. */
#include "test/unit/net_util.h"

#include <poll.h>

#include "base/thread.h"
#include "sources/reverse.h"
#include "sources/sources.h"

#define LINE	"<10>2012-04-13T11:11:11Z localhost.localdomain " \
		"test syslog data"
#define GOOD	"Facility=1 Severity=2 priority=10 " \
		"host=localhost.localdomain timestamp=1334315471000"

static struct rig r;

static void
begin(const struct source_ops *ops)
{
	rig_new(&r, ops, false);
	rig_set(&r, "host", "127.0.0.1");
	rig_set(&r, ops == &source_multiport_syslogtcp ? "ports" : "port",
	    "0");
}

static const struct {
	const struct source_ops *ops;
	int type;
} both[] = {
	{ &source_syslogtcp, SOCK_STREAM },
	{ &source_syslogudp, SOCK_DGRAM },
};

static const struct {
	const char *keep, *want;
} keeps[] = {
	{ "none", "test syslog data" },
	{ "false", "test syslog data" },
	{ "all", LINE },
	{ "true", LINE },
	{ "hostname", "localhost.localdomain test syslog data" },
	{ "timestamp", "2012-04-13T11:11:11Z test syslog data" },
	{ "timestamp hostname priority version", LINE },
	{ "hostname all", LINE },
};

/* Ten messages, as Flume's TestSyslogTcpSource and TestSyslogUdpSource. */
START_TEST(test_ten)
{
	size_t row = (size_t)_i / 2, i;
	int type = both[_i % 2].type, fd;

	begin(both[_i % 2].ops);
	rig_set(&r, "keepFields", keeps[row].keep);
	rig_set(&r, "clientIPHeader", "ip");
	rig_start(&r);
	fd = net_client(net_port(&r), type);
	for (i = 0; i < 10; i++)
		net_puts(fd, LINE "\n");
	rig_wait_lines(&r, 10);
	for (i = 0; i < 10; i++) {
		ck_assert_str_eq(r.lines[i].text, keeps[row].want);
		ck_assert_str_eq(r.lines[i].headers, GOOD " ip=127.0.0.1");
	}
	close(fd);
	rig_free(&r);
}
END_TEST

/* Bad and good in one buffer, and what follows is not touched by it. */
START_TEST(test_bad_and_good)
{
	int fd;

	begin(&source_syslogtcp);
	rig_start(&r);
	fd = net_client(net_port(&r), SOCK_STREAM);
	net_puts(fd, "hi guys! <10F> bad bad data\n"
	    "<10>Good good good data\nhi guys! <20> bad bad data\n"
	    "<20>Good really good data\n" LINE "\n<10>1 - - x\n<10>- h y\n");
	rig_wait_lines(&r, 7);
	rig_expect(&r, "hi guys! <10F> bad bad data",
	    "<10>Good good good data", "hi guys! <20> bad bad data",
	    "<20>Good really good data", "test syslog data", "x", "y", NULL);
	ck_assert_str_eq(r.lines[0].headers,
	    "Facility=0 Severity=0 flume.syslog.status=Invalid");
	ck_assert_str_eq(r.lines[1].headers, "Facility=1 Severity=2");
	ck_assert_str_eq(r.lines[2].headers, r.lines[0].headers);
	ck_assert_str_eq(r.lines[3].headers, "Facility=2 Severity=4");
	ck_assert_str_eq(r.lines[4].headers, GOOD);
	ck_assert_str_eq(r.lines[5].headers,
	    "Facility=1 Severity=2 priority=10 version=1");
	/* Flume would still say version=1. */
	ck_assert_str_eq(r.lines[6].headers,
	    "Facility=1 Severity=2 priority=10 host=h");
	ck_assert_int_eq(rig_metric(&r, "invalid_total"), 2);
	close(fd);
	rig_free(&r);
}
END_TEST

START_TEST(test_event_size)
{
	int fd;

	begin(&source_syslogtcp);
	rig_set(&r, "eventSize", "5");	/* 10 is the least */
	rig_start(&r);
	fd = net_client(net_port(&r), SOCK_STREAM);
	net_puts(fd, "<10> bad bad data bad bad\n");
	rig_wait_lines(&r, 3);
	rig_expect(&r, "<10> bad b", "ad data ba", "d bad", NULL);
	ck_assert_str_eq(r.lines[0].headers,
	    "Facility=1 Severity=2 flume.syslog.status=Incomplete");
	ck_assert_str_eq(r.lines[1].headers,
	    "Facility=0 Severity=0 flume.syslog.status=Invalid");
	ck_assert_int_eq(rig_metric(&r, "incomplete_total"), 1);
	close(fd);
	rig_free(&r);
}
END_TEST

/* Byte by byte, newlines and counts mixed. */
START_TEST(test_fragments)
{
	const char text[] = LINE "\n13 <10>- h a\nb c\n<10>- h d\n"
	    "11 <10>- h e\n\n8 <10>- h f\n";
	struct net_ports p;
	size_t i;
	int fd;

	begin(&source_syslogtcp);
	rig_start(&r);
	p = net_ports(&r);
	fd = net_client(p.v[0], SOCK_STREAM);
	for (i = 0; i < sizeof text - 1; i++) {
		net_send(fd, text + i, 1);
		rig_turn(&r);
	}
	shutdown(fd, SHUT_WR);
	net_wait_metric(&r, "connections", 0);
	rig_expect(&r, "test syslog data", "a\nb c", "d", "e\n", "", "f",
	    NULL);
	ck_assert_int_eq(rig_metric(&r, "octet_counted_total"), 3);
	close(fd);
	rig_free(&r);
}
END_TEST

/* A connection that ends or breaks inside a message. */
START_TEST(test_partial)
{
	struct linger now = { .l_onoff = 1 };
	int fd;

	begin(&source_syslogtcp);
	rig_start(&r);
	fd = net_client(net_port(&r), SOCK_STREAM);
	net_puts(fd, "<10>- h one\n<10>- h tw");
	close(fd);
	rig_wait_lines(&r, 2);
	rig_expect(&r, "one", "tw", NULL);
	ck_assert_ptr_nonnull(strstr(r.lines[1].headers,
	    "flume.syslog.status=Incomplete"));

	fd = net_client(net_port(&r), SOCK_STREAM);
	net_puts(fd, "<10>- h three\n<10>- h fo");
	rig_wait_lines(&r, 3);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	close(fd);		/* a reset */
	rig_wait_lines(&r, 4);
	ck_assert_str_eq(r.lines[3].text, "fo");
	net_wait_metric(&r, "connections", 0);
	rig_free(&r);
}
END_TEST

START_TEST(test_garbage)
{
	uint64_t seed = 1;
	uint8_t bytes[60000];
	size_t i, sum = 0, newlines = 0;
	int fd;

	begin(&source_syslogtcp);
	rig_start(&r);
	fd = net_client(net_port(&r), SOCK_STREAM);
	for (i = 0; i < sizeof bytes; i++) {
		bytes[i] = (uint8_t)unit_random(&seed);
		newlines += bytes[i] == '\n';
	}
	net_send(fd, bytes, sizeof bytes);
	close(fd);
	net_wait_metric(&r, "connections_total", 1);
	net_wait_metric(&r, "connections", 0);
	for (i = 0; i < 5; i++)
		rig_turn(&r);
	for (i = 0; i < r.n; i++)
		sum += r.lines[i].len;
	/* All bytes but the newlines between lines. */
	ck_assert_uint_eq(sum + newlines, sizeof bytes);
	rig_free(&r);
}
END_TEST

/* Fills the sockets until nothing more goes; -> lines sent. */
static size_t
fill(int fd)
{
	char line[4200];
	size_t n = 0, len, at = 0;
	ssize_t sent;
	int quiet = 0;

	for (;;) {
		len = (size_t)snprintf(line, sizeof line,
		    "<10>- h %zu %02000d\n", n, 7);
		sent = send(fd, line + at, len - at,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		rig_turn(&r);
		if (sent == -1 && ++quiet > 200)
			break;
		if (sent == -1)
			continue;
		quiet = 0;
		at += (size_t)sent;
		if (at < len)
			continue;
		at = 0;
		n++;
	}
	if (at == 0)
		return (n);
	/* The end of the line that was begun goes out when there is room. */
	r.own = xasprintf("%s", line + at);
	return (n + 1);
}

/* A full channel: nobody is read any more, nothing is lost or doubled. */
START_TEST(test_full)
{
	struct pollfd p;
	char want[32];
	size_t n, i;
	int fd;

	begin(&source_syslogtcp);
	rig_start(&r);
	r.room = 3;
	fd = net_client(net_port(&r), SOCK_STREAM);
	n = fill(fd);
	ck_assert_uint_le(r.emitted, 3);
	ck_assert(r.paused);
	ck_assert_str_eq(net_ports(&r).state, "waiting for room");
	rig_room(&r, SIZE_MAX);
	p = (struct pollfd){ .fd = fd, .events = POLLOUT };
	while (r.own != NULL && poll(&p, 1, 0) != 1)
		rig_turn(&r);
	if (r.own != NULL)
		net_puts(fd, r.own);
	rig_wait_lines(&r, n);
	for (i = 0; i < n; i++) {
		snprintf(want, sizeof want, "%zu ", i);
		ck_assert_int_eq(strncmp(r.lines[i].text, want,
		    strlen(want)), 0);
	}
	free(r.own);
	close(fd);
	rig_free(&r);
}
END_TEST

/* Connections opened while it is full wait as well. */
START_TEST(test_full_new_connection)
{
	int a, b;

	begin(&source_syslogtcp);
	rig_start(&r);
	r.room = 0;
	a = net_client(net_port(&r), SOCK_STREAM);
	net_puts(a, "<10>- h a\n");
	net_wait_metric(&r, "connections_total", 1);
	while (!r.paused)
		rig_turn(&r);
	b = net_client(net_port(&r), SOCK_STREAM);
	net_puts(b, "<10>- h b\n");
	net_wait_metric(&r, "connections_total", 2);
	ck_assert_uint_eq(r.n, 0);
	rig_room(&r, SIZE_MAX);
	rig_wait_lines(&r, 2);
	rig_expect(&r, "a", "b", NULL);
	close(a);
	close(b);
	rig_free(&r);
}
END_TEST

START_TEST(test_many)
{
	enum { PEERS = 200, EACH = 20 };
	int fd[PEERS], next[PEERS] = { 0 }, i, k, peer, number;
	char line[64];

	begin(&source_syslogtcp);
	rig_start(&r);
	for (i = 0; i < PEERS; i++)
		fd[i] = net_client(net_port(&r), SOCK_STREAM);
	for (k = 0; k < EACH; k++)
		for (i = 0; i < PEERS; i++) {
			snprintf(line, sizeof line, "<10>- h %d %d\n", i, k);
			net_puts(fd[i], line);
		}
	rig_wait_lines(&r, PEERS * EACH);
	for (i = 0; i < PEERS * EACH; i++) {
		ck_assert_int_eq(sscanf(r.lines[i].text, "%d %d", &peer,
		    &number), 2);
		ck_assert_int_eq(next[peer]++, number);
	}
	ck_assert_int_eq(rig_metric(&r, "connections"), PEERS);
	for (i = 0; i < PEERS; i++)
		close(fd[i]);
	net_wait_metric(&r, "connections", 0);
	rig_free(&r);
}
END_TEST

START_TEST(test_max_connections)
{
	int a, b;

	begin(&source_syslogtcp);
	rig_set(&r, "maxConnections", "1");
	rig_start(&r);
	a = net_client(net_port(&r), SOCK_STREAM);
	net_puts(a, "<10>- h a\n");
	rig_wait_lines(&r, 1);
	b = net_client(net_port(&r), SOCK_STREAM);
	net_puts(b, "<10>- h b\n");
	net_puts(a, "<10>- h a\n");
	rig_wait_lines(&r, 2);
	ck_assert_int_eq(rig_metric(&r, "connections_total"), 1);
	close(a);
	rig_wait_lines(&r, 3);
	rig_expect(&r, "a", "a", "b", NULL);
	close(b);
	rig_free(&r);
}
END_TEST

START_TEST(test_idle)
{
	struct net_reader n = { .len = 0 };

	begin(&source_syslogtcp);
	rig_set(&r, "idleTimeout", "30ms");
	rig_start(&r);
	n.fd = net_client(net_port(&r), SOCK_STREAM);
	net_puts(n.fd, "<10>- h never ended");
	rig_run(&r, net_is_closed, &n);
	rig_wait_lines(&r, 1);
	rig_expect(&r, "never ended", NULL);
	ck_assert_int_eq(rig_metric(&r, "idle_connections_closed_total"), 1);
	close(n.fd);
	rig_free(&r);
}
END_TEST

/* What was taken and could not be stored is offered again. */
START_TEST(test_store_fails)
{
	int fd;

	begin(&source_syslogtcp);
	rig_start(&r);
	r.hold_store = true;
	fd = net_client(net_port(&r), SOCK_STREAM);
	net_puts(fd, "<10>- h a\n<10>- h b\n");
	rig_wait_taken(&r, 1);
	rig_store_fails(&r, ERR_SYS);
	r.hold_store = false;
	rig_wait_lines(&r, 2);
	rig_expect(&r, "a", "b", NULL);
	close(fd);
	rig_free(&r);
}
END_TEST

/* Too large for the channel: split as far as it takes. */
START_TEST(test_split)
{
	int fd;

	begin(&source_syslogtcp);
	rig_start(&r);
	r.largest = 2;
	fd = net_client(net_port(&r), SOCK_STREAM);
	net_puts(fd, "<10>- h a\n<10>- h b\n<10>- h c\n<10>- h d\n"
	    "<10>- h e\n<10>- h f\n<10>- h g\n");
	rig_wait_lines(&r, 7);
	rig_expect(&r, "a", "b", "c", "d", "e", "f", "g", NULL);
	/* A record that fits in no channel is dropped and counted. */
	r.refuse = ERR_TOO_LARGE;
	net_puts(fd, "<10>- h h\n<10>- h i\n<10>- h j\n");
	net_wait_metric(&r, "dropped_records_total", 3);
	r.refuse = 0;
	net_puts(fd, "<10>- h k\n");
	rig_wait_lines(&r, 8);
	ck_assert_str_eq(r.lines[7].text, "k");
	close(fd);
	rig_free(&r);
}
END_TEST

START_TEST(test_batch_size)
{
	int fd;

	begin(&source_syslogtcp);
	rig_set(&r, "batchSize", "2");
	rig_start(&r);
	r.room = 0;
	fd = net_client(net_port(&r), SOCK_STREAM);
	net_puts(fd, "<10>- h a\n<10>- h b\n<10>- h c\n<10>- h d\n"
	    "<10>- h e\n");
	while (!r.paused)
		rig_turn(&r);
	rig_room(&r, SIZE_MAX);
	rig_wait_lines(&r, 5);
	rig_expect(&r, "a", "b", "c", "d", "e", NULL);
	ck_assert_uint_eq(r.emitted, 3);
	close(fd);
	rig_free(&r);
}
END_TEST

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

/* It stops when what it holds is stored; what never is, is counted. */
START_TEST(test_stop_while_full)
{
	struct completion c;
	int fd, i;

	begin(&source_syslogtcp);
	rig_start(&r);
	r.room = 0;
	fd = net_client(net_port(&r), SOCK_STREAM);
	net_puts(fd, "<10>- h a\n<10>- h b\n");
	while (!r.paused)
		rig_turn(&r);
	stopped = false;
	completion_init(&c, r.loop, on_stopped);
	r.ops->stop(r.source, &c);
	for (i = 0; i < 20; i++)
		rig_turn(&r);
	ck_assert(!stopped);
	if (_i == 0)
		rig_room(&r, SIZE_MAX);
	else
		r.paused = false;	/* for the last try */
	rig_run(&r, is_stopped, NULL);
	for (i = 0; i < 5; i++)
		rig_turn(&r);
	ck_assert_uint_eq(r.n, _i == 0 ? 2 : 0);
	ck_assert_int_eq(rig_metric(&r, "dropped_records_total"),
	    _i == 0 ? 0 : 2);
	close(fd);
	r.ops->free(r.source);
	settings_fini(r.ops->plugin.settings, r.source);
	free(r.source);
	r.source = NULL;
	rig_free(&r);
}
END_TEST

/* --- names --- */

static bool
has_name(const char *addr, char *name, size_t size)
{
	ck_assert_str_eq(addr, "127.0.0.1");
	snprintf(name, size, "client.example.org");
	return (true);
}

static bool
has_none(const char *addr, char *name, size_t size)
{
	(void)addr;
	(void)name;
	(void)size;
	return (false);
}

static bool
have_name(struct rig *rig, void *ctx)
{
	const char *text = rig->n == 0 ? "" : rig->lines[rig->n - 1].headers;

	if (strstr(text, "peer=client.example.org") != NULL)
		return (true);
	net_puts(*(int *)ctx, LINE);
	return (false);
}

START_TEST(test_names)
{
	int fd;

	reverse_lookup = _i == 0 ? has_name : has_none;
	begin(&source_syslogtcp);
	rig_set(&r, "clientHostnameHeader", "peer");
	rig_start(&r);
	fd = net_client(net_port(&r), SOCK_STREAM);
	net_puts(fd, LINE "\n");
	rig_wait_lines(&r, 1);
	ck_assert_str_eq(r.lines[0].headers, _i == 0 ?
	    GOOD " peer=client.example.org" : GOOD " peer=127.0.0.1");
	close(fd);
	rig_free(&r);
}
END_TEST

START_TEST(test_names_udp)
{
	int fd;

	reverse_lookup = has_name;
	begin(&source_syslogudp);
	rig_set(&r, "clientHostnameHeader", "peer");
	rig_start(&r);
	fd = net_client(net_port(&r), SOCK_DGRAM);
	net_puts(fd, LINE);
	rig_wait_lines(&r, 1);
	ck_assert_str_eq(r.lines[0].headers, GOOD " peer=127.0.0.1");
	rig_run(&r, have_name, &fd);
	close(fd);
	rig_free(&r);
}
END_TEST

static struct mutex hung = MUTEX_INIT;

static bool
hangs(const char *addr, char *name, size_t size)
{
	mutex_lock(&hung);
	mutex_unlock(&hung);
	return (has_name(addr, name, size));
}

/* It stops while a lookup hangs. */
START_TEST(test_names_hang)
{
	int fd;

	mutex_lock(&hung);
	reverse_lookup = hangs;
	begin(&source_syslogtcp);
	rig_set(&r, "clientHostnameHeader", "peer");
	rig_start(&r);
	fd = net_client(net_port(&r), SOCK_STREAM);
	net_puts(fd, LINE "\n");
	net_wait_metric(&r, "connections", 1);
	ck_assert_uint_eq(r.n, 0);
	close(fd);
	rig_stop(&r);
	mutex_unlock(&hung);
	rig_free(&r);
}
END_TEST

/* What had arrived before the stop is read. */
START_TEST(test_stop_reads)
{
	int type = both[_i].type, fd, i;

	begin(both[_i].ops);
	rig_start(&r);
	fd = net_client(net_port(&r), type);
	for (i = 0; i < 500; i++)
		net_puts(fd, LINE "\n");
	if (type == SOCK_STREAM)
		net_puts(fd, "<10>- h begun");
	rig_stop(&r);
	ck_assert_uint_eq(r.n, type == SOCK_STREAM ? 501 : 500);
	close(fd);
	rig_free(&r);
}
END_TEST

/* --- multiport --- */

START_TEST(test_ports)
{
	char line[64], want[128];
	struct net_ports p;
	int fd[8];
	size_t i;

	begin(&source_multiport_syslogtcp);
	rig_set(&r, "ports", "0 0 0 0 0 0 0 0");
	rig_set(&r, "portHeader", "port");
	rig_set(&r, "clientIPHeader", "ip");
	rig_start(&r);
	p = net_ports(&r);
	ck_assert_uint_eq(p.n, 8);
	for (i = 0; i < 8; i++) {
		fd[i] = net_client(p.v[i], SOCK_STREAM);
		snprintf(line, sizeof line, "<10>2012-04-13T11:11:11Z h %zu\n",
		    i);
		net_puts(fd[i], line);
		rig_wait_lines(&r, i + 1);
		snprintf(want, sizeof want, "Priority=10 Facility=1 Severity=2 "
		    "host=h timestamp=1334315471000 ip=127.0.0.1 port=%u",
		    p.v[i]);
		ck_assert_str_eq(r.lines[i].headers, want);
	}
	for (i = 0; i < 8; i++)
		close(fd[i]);
	rig_free(&r);
}
END_TEST

/* TestMultiportSyslogTCPSource: in pieces of 11, 16 and 21 bytes. */
START_TEST(test_pieces)
{
	const char text[] = "<1>- - blah blam foo\n";
	int fd;

	begin(&source_multiport_syslogtcp);
	rig_start(&r);
	fd = net_client(net_port(&r), SOCK_STREAM);
	net_send(fd, text, 11);
	rig_turn(&r);
	net_send(fd, text + 11, 5);
	rig_turn(&r);
	net_send(fd, text + 16, 5);
	rig_wait_lines(&r, 1);
	rig_expect(&r, "blah blam foo", NULL);
	close(fd);
	rig_free(&r);
}
END_TEST

#define FEFF	"<10>2012-08-17T02:14:00-07:00 192.168.1.110 \xfe\xff"

START_TEST(test_charset)
{
	int fd;

	begin(&source_multiport_syslogtcp);
	if (_i == 1)
		rig_set(&r, "charset.default", "ISO-8859-1");
	rig_start(&r);
	fd = net_client(net_port(&r), SOCK_STREAM);
	net_puts(fd, FEFF "\n");
	rig_wait_lines(&r, 1);
	rig_expect(&r, _i == 0 ? FEFF : "\xfe\xff", NULL);
	ck_assert_int_eq(rig_metric(&r, "invalid_total"), _i == 0);
	close(fd);
	rig_free(&r);
}
END_TEST

/* --- udp --- */

START_TEST(test_datagrams)
{
	static char big[65000];
	int fd;

	begin(&source_syslogudp);
	rig_start(&r);
	fd = net_client(net_port(&r), SOCK_DGRAM);
	memset(big, 'x', sizeof big);
	memcpy(big, "<10>- h ", 8);
	net_send(fd, big, 1000);
	net_send(fd, big, sizeof big);
	net_puts(fd, "\n");
	net_puts(fd, "");
	net_puts(fd, "<10>- h two\nlines\n");
	net_puts(fd, "5 <10>no count here");
	rig_wait_lines(&r, 4);
	ck_assert_uint_eq(r.lines[0].len, 992);
	ck_assert_uint_eq(r.lines[1].len, sizeof big - 8);
	ck_assert_str_eq(r.lines[2].text, "two\nlines");
	ck_assert_str_eq(r.lines[3].text, "5 <10>no count here");
	close(fd);
	rig_free(&r);
}
END_TEST

static bool
all_accounted(struct rig *rig, void *ctx)
{
	return (rig->n + (size_t)rig_metric(rig, "kernel_drops_total") >=
	    *(size_t *)ctx);
}

/* Full: the kernel drops.  What was sent is what came and what it counted. */
START_TEST(test_drops)
{
	size_t sent, i;
	char line[600];
	int fd;

	begin(&source_syslogudp);
	rig_set(&r, "receiveBufferBytes", "16k");
	rig_start(&r);
	fd = net_client(net_port(&r), SOCK_DGRAM);
	r.room = 2;
	for (sent = 0; sent < 3000; sent++) {
		snprintf(line, sizeof line, "<10>- h %zu %0400d", sent, 7);
		net_puts(fd, line);
		if (sent == 1000)
			r.room += 10;
		if (sent % 10 == 0)
			rig_turn(&r);
	}
	ck_assert(r.paused);
	rig_room(&r, SIZE_MAX);
	rig_run(&r, all_accounted, &sent);
	/* And it goes on. */
	net_puts(fd, "<10>- h last");
	sent++;
	rig_run(&r, all_accounted, &sent);
	ck_assert_uint_eq(r.n + (size_t)rig_metric(&r, "kernel_drops_total"),
	    sent);
	ck_assert_int_gt(rig_metric(&r, "kernel_drops_total"), 0);
	ck_assert_str_eq(r.lines[r.n - 1].text, "last");
	for (i = 1; i < r.n - 1; i++)	/* in order */
		ck_assert_int_gt(atoi(r.lines[i].text),
		    atoi(r.lines[i - 1].text));
	close(fd);
	rig_free(&r);
}
END_TEST

/* --- refusals --- */

static const struct {
	const struct source_ops *ops;
	const char *key, *value, *says;
} refusals[] = {
	{ &source_syslogtcp, "host", "0.0.0.0",
	    "add a1.sources.r1.allow.insecure = true" },
	{ &source_syslogudp, "host", "0.0.0.0",
	    "add a1.sources.r1.allow.insecure = true" },
	{ &source_multiport_syslogtcp, "host", "::",
	    "add a1.sources.r1.allow.insecure = true" },
	{ &source_syslogtcp, "ssl", "true", "no TLS" },
	{ &source_multiport_syslogtcp, "ssl", "true", "no TLS" },
	{ &source_syslogtcp, "format.regex.1", ".*", "not in this version" },
	{ &source_syslogtcp, "keepFields", "none hostname", "one of them" },
	{ &source_multiport_syslogtcp, "ports", "1 x", "'x' is no port" },
	{ &source_multiport_syslogtcp, "ports", "65536", "no port" },
	{ &source_multiport_syslogtcp, "charset.default", "klingon",
	    "no known charset" },
	{ &source_multiport_syslogtcp, "charset.default", "UTF-16LE",
	    "ASCII" },
	{ &source_multiport_syslogtcp, "charset.port.17", "klingon",
	    "no known charset" },
	{ &source_multiport_syslogtcp, "charset.port.x", "UTF-8",
	    "'x' is no port" },
};

START_TEST(test_refusals)
{
	struct conf_problems problems = { 0 };
	const struct source_ops *ops = refusals[_i].ops;
	struct source *s = xcalloc(1, ops->plugin.size);
	struct err e = ERR_INIT;

	begin(ops);
	rig_set(&r, refusals[_i].key, refusals[_i].value);
	s->ops = ops;
	s->name = "r1";
	s->env = &r.env;
	ck_assert_uint_eq(settings_fill(ops->plugin.settings, s, r.conf,
	    &problems), 0);
	ck_assert_int_eq(ops->check(s, &e), -1);
	ck_assert_int_eq(e.code, ERR_CONFIG);
	ck_assert_msg(strstr(e.msg, refusals[_i].says) != NULL, "%s", e.msg);
	settings_fini(ops->plugin.settings, s);
	free(s);
	conf_problems_fini(&problems);
	rig_free(&r);
}
END_TEST

START_TEST(test_allow_insecure)
{
	int fd;

	begin(&source_syslogtcp);
	rig_set(&r, "host", "0.0.0.0");
	rig_set(&r, "allow.insecure", "true");
	rig_start(&r);
	fd = net_client(net_port(&r), SOCK_STREAM);
	net_puts(fd, "<10>- h a\n");
	rig_wait_lines(&r, 1);
	close(fd);
	rig_free(&r);
}
END_TEST

START_TEST(test_port_in_use)
{
	const struct source_ops *ops = both[_i].ops;
	struct sockaddr_in sin = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof sin;
	int fd = socket(AF_INET, both[_i].type, 0);
	char port[8];

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, sizeof sin), 0);
	if (both[_i].type == SOCK_STREAM)
		ck_assert_int_eq(listen(fd, 1), 0);
	getsockname(fd, (struct sockaddr *)&sin, &len);
	begin(ops);
	snprintf(port, sizeof port, "%u", ntohs(sin.sin_port));
	rig_set(&r, "port", port);
	rig_start_fails(&r, ERR_SYS);
	close(fd);
	rig_free(&r);
}
END_TEST

START_TEST(test_tables)
{
	static const struct source_ops *const v[] = { &source_syslogtcp,
	    &source_syslogudp, &source_multiport_syslogtcp, &source_http };

	UNIT_OK(settings_check_table(v[_i]->plugin.settings, e));
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &test_ten, .rows = 2 * NELEM(keeps) },
	{ .fn = &test_bad_and_good },
	{ .fn = &test_event_size },
	{ .fn = &test_fragments },
	{ .fn = &test_partial },
	{ .fn = &test_garbage },
	{ .fn = &test_full },
	{ .fn = &test_full_new_connection },
	{ .fn = &test_many },
	{ .fn = &test_max_connections },
	{ .fn = &test_idle },
	{ .fn = &test_store_fails },
	{ .fn = &test_split },
	{ .fn = &test_batch_size },
	{ .fn = &test_stop_while_full, .rows = 2 },
	{ .fn = &test_stop_reads, .rows = NELEM(both) },
	{ .fn = &test_names, .rows = 2 },
	{ .fn = &test_names_udp },
	{ .fn = &test_names_hang },
	{ .fn = &test_ports },
	{ .fn = &test_pieces },
	{ .fn = &test_charset, .rows = 2 },
	{ .fn = &test_datagrams },
	{ .fn = &test_drops },
	{ .fn = &test_refusals, .rows = NELEM(refusals) },
	{ .fn = &test_allow_insecure },
	{ .fn = &test_port_in_use, .rows = NELEM(both) },
	{ .fn = &test_tables, .rows = 4 },
};

int
main(void)
{
	return (UNIT_MAIN("syslog_net", tests));
}
