/*
 * t hostile: many connections to a broker, each of which misbehaves in one way
 * until the tool is ended.  Some do their worst and are held open then:
 *
 *	idle	one small request, its answer, and silence
 *	half	the beginning of a large Produce request
 *	deaf	requests for all topics, whose answers nobody reads
 *
 * "ready CONNECTIONS BYTES" on standard output says that all is sent that the
 * broker takes, and that no more comes back.  Others go on and on, and are
 * ready when each has had its turn:
 *
 *	malformed	a request that cannot be read; the broker must close,
 *			and is connected to again
 *	oversized	the same with a request that is said to have 2 GiB
 *	storm		connects and closes
 *	slow		a large request, byte by byte
 *	flood		small requests as many as are taken
 *	greedy		the same with requests for all topics
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "cli/flags.h"
#include "test/tool/tool.h"

#define BLOCKED_MS	1000	/* it takes no more */
#define CLOSED_MS	10000	/* it must have closed */
#define SLOW_NS		1000000	/* between bytes */

struct link {
	int	fd;
	size_t	cut;		/* bytes sent of a request that is cut */
};

struct hostile {
	struct sockaddr_in	 sin;
	int64_t			 bytes;		/* of each connection */
	int64_t			 sent;		/* of all */
};

static int
dial(const struct hostile *h)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1 || connect(fd, (const struct sockaddr *)&h->sin,
	    sizeof h->sin) == -1)
		tool_die("connect: %s", strerror(errno));
	return (fd);
}

/* Sends as much as is taken; -> how much. */
static size_t
push(struct hostile *h, int fd, const uint8_t *p, size_t n)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	size_t done = 0;
	ssize_t k;

	while (done < n) {
		k = send(fd, p + done, n - done, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (k > 0)
			done += (size_t)k;
		else if (errno != EAGAIN || poll(&pfd, 1, BLOCKED_MS) != 1)
			break;
	}
	h->sent += (int64_t)done;
	return (done);
}

/* A request without a body. */
static size_t
request(uint8_t *p, uint32_t len, uint16_t key, uint16_t version)
{
	put_be32(p, len);
	put_be16(p + 4, key);
	put_be16(p + 6, version);
	put_be32(p + 8, 1);
	put_be16(p + 12, 0xffff);	/* no client id */
	return (14);
}

static void
idle(struct hostile *h, int fd)
{
	uint8_t buf[4096];
	size_t n = request(buf, 10, 18, 0);

	push(h, fd, buf, n);
	if (recv(fd, buf, sizeof buf, 0) <= 0)
		tool_die("no answer");
}

static void
half(struct hostile *h, int fd)
{
	size_t n = (size_t)h->bytes, at;
	uint8_t *p = xcalloc(1, n + 14);

	at = request(p, 90 << 20, 0, 3);
	push(h, fd, p, at + n);
	free(p);
}

static size_t
all_topics(uint8_t *p)
{
	size_t n = request(p, 14, 3, 1);

	put_be32(p + n, 0xffffffff);
	return (n + 4);
}

static void
deaf(struct hostile *h, int fd)
{
	uint8_t buf[18];
	size_t n = all_topics(buf);
	int64_t left;

	for (left = h->bytes; left > 0; left -= (int64_t)n)
		if (push(h, fd, buf, n) < n)
			break;
}

/* --- those that go on --- */

static void
storm(struct hostile *h, struct link *l)
{
	const struct linger now = { 1, 0 };	/* no port is kept */

	setsockopt(l->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	close(l->fd);
	*l = (struct link){ .fd = dial(h) };
}

/* The broker is to close the connection; then there is another one. */
static void
refused(struct hostile *h, struct link *l, const uint8_t *p, size_t n)
{
	struct pollfd pfd = { .fd = l->fd, .events = POLLIN };
	uint8_t buf[4096];

	push(h, l->fd, p, n);
	do {
		if (poll(&pfd, 1, CLOSED_MS) != 1)
			tool_die("the broker did not close the connection");
	} while (recv(l->fd, buf, sizeof buf, 0) > 0);
	storm(h, l);
}

static void
malformed(struct hostile *h, struct link *l)
{
	uint8_t buf[34];
	size_t n = request(buf, sizeof buf - 4, 3, 1);

	memset(buf + n, 0x7e, sizeof buf - n);
	refused(h, l, buf, sizeof buf);
}

static void
oversized(struct hostile *h, struct link *l)
{
	uint8_t buf[14];

	refused(h, l, buf, request(buf, INT32_MAX, 0, 3));
}

static void
begin_slow(struct hostile *h, int fd)
{
	uint8_t buf[14];

	push(h, fd, buf, request(buf, 90 << 20, 0, 3));
}

static void
slow(struct hostile *h, struct link *l)
{
	static const uint8_t zero;

	tool_sleep_ns(SLOW_NS);
	if (push(h, l->fd, &zero, 1) != 1)
		tool_die("a slow connection was closed");
}

/* Sends the request of n bytes again and again, as much as is taken now, and
 * reads what is there of the answers. */
static void
burst(struct hostile *h, struct link *l, const uint8_t *p, size_t n)
{
	static uint8_t out[1 << 16], in[1 << 20];
	struct pollfd pfd = { .fd = l->fd, .events = POLLIN | POLLOUT };
	size_t len = sizeof out / n * n, i;
	ssize_t k;

	for (i = 0; i < len; i += n)
		memcpy(out + i, p, n);
	/* A part of the last one may be there already. */
	k = send(l->fd, out + l->cut, len - l->cut,
	    MSG_NOSIGNAL | MSG_DONTWAIT);
	if (k == -1 && errno != EAGAIN)
		tool_die("a flooding connection was closed");
	if (k > 0) {
		l->cut = (l->cut + (size_t)k) % n;
		h->sent += k;
	}
	if (recv(l->fd, in, sizeof in, MSG_DONTWAIT) <= 0 && k <= 0)
		poll(&pfd, 1, 1);
}

static void
flood(struct hostile *h, struct link *l)
{
	uint8_t buf[26];
	size_t n = request(buf, sizeof buf - 4, 0, 3);

	memset(buf + n, 0, sizeof buf - n);
	put_be16(buf + n, 0xffff);	/* no transaction; acks=0, no topics */
	burst(h, l, buf, sizeof buf);
}

static void
greedy(struct hostile *h, struct link *l)
{
	uint8_t buf[18];

	burst(h, l, buf, all_topics(buf));
}

/* What lies here and is not read. */
static int64_t
waiting(const struct link *v, int64_t count)
{
	int64_t i, sum = 0;
	int n;

	for (i = 0; i < count; i++)
		if (ioctl(v[i].fd, FIONREAD, &n) == 0)
			sum += n;
	return (sum);
}

/* Returns when no more comes: the broker has stopped sending. */
static void
settle(const struct link *v, int64_t count)
{
	int64_t before = -1, now;
	int same = 0;

	while (same < 5) {
		now = waiting(v, count);
		same = now == before ? same + 1 : 0;
		before = now;
		tool_sleep_ns(BLOCKED_MS * 1000000 / 5);
	}
}

static const struct {
	const char	*name;
	void		(*begin)(struct hostile *, int fd);
	void		(*go_on)(struct hostile *, struct link *);
} ways[] = {
	{ "idle", idle, NULL },
	{ "half", half, NULL },
	{ "deaf", deaf, NULL },
	{ "malformed", NULL, malformed },
	{ "oversized", NULL, oversized },
	{ "storm", NULL, storm },
	{ "slow", begin_slow, slow },
	{ "flood", NULL, flood },
	{ "greedy", NULL, greedy }
};

static void
say_ready(const struct hostile *h, int64_t count)
{
	printf("ready %lld %lld\n", (long long)count, (long long)h->sent);
	fflush(stdout);
}

int
tool_hostile(int argc, char **argv)
{
	int64_t port = 0, count = 100, bytes = 1000, i, round;
	const char *way = "idle";
	const struct flag flags[] = {
		FLAG_INT_ROW("port", &port, "PORT", "Of 127.0.0.1."),
		FLAG_STR_ROW("way", &way, "WAY", "idle, half, deaf, ..."),
		FLAG_INT_ROW("count", &count, "N", "Connections."),
		FLAG_INT_ROW("bytes", &bytes, "N", "To send on each."),
		FLAG_LAST
	};
	struct hostile h = { .sin = { .sin_family = AF_INET } };
	struct rlimit lim;
	size_t w;
	struct link *v;
	int rc = flags_parse(flags, "t hostile", "Holds bad connections.",
	    argc, argv, NULL);

	if (rc != 0)
		return (rc == FLAGS_HELP ? TOOL_OK : TOOL_TROUBLE);
	h.sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	h.sin.sin_port = htons((uint16_t)port);
	h.bytes = bytes;
	if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
		lim.rlim_cur = lim.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &lim);
	}
	for (w = 0; w < NELEM(ways) && strcmp(ways[w].name, way) != 0; w++)
		;
	if (w == NELEM(ways))
		tool_die("no such way: %s", way);
	v = xcalloc((size_t)count + 1, sizeof *v);
	for (i = 0; i < count; i++) {
		v[i].fd = dial(&h);
		if (ways[w].begin != NULL)
			ways[w].begin(&h, v[i].fd);
	}
	if (ways[w].go_on == NULL) {
		settle(v, count);
		say_ready(&h, count);
		pause();
		return (TOOL_OK);
	}
	for (round = 0;; round++) {
		for (i = 0; i < count; i++)
			ways[w].go_on(&h, &v[i]);
		if (round == 0)
			say_ready(&h, count);
	}
}
