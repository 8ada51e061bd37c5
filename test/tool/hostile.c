/*
 * t hostile: many connections to a broker, each of which misbehaves in one way
 * and is then held open until the tool is ended:
 *
 *	idle	one small request, its answer, and silence
 *	half	the beginning of a large Produce request
 *	deaf	requests for all topics, whose answers nobody reads
 *
 * "ready CONNECTIONS BYTES" on standard output says that all is sent that the
 * broker takes, and that no more comes back.
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

static void
deaf(struct hostile *h, int fd)
{
	uint8_t buf[32];
	size_t n = request(buf, 14, 3, 1);
	int64_t left;

	put_be32(buf + n, 0xffffffff);	/* all topics */
	n += 4;
	for (left = h->bytes; left > 0; left -= (int64_t)n)
		if (push(h, fd, buf, n) < n)
			break;
}

/* What lies here and is not read. */
static int64_t
waiting(const int *fds, int64_t count)
{
	int64_t i, sum = 0;
	int n;

	for (i = 0; i < count; i++)
		if (ioctl(fds[i], FIONREAD, &n) == 0)
			sum += n;
	return (sum);
}

/* Returns when no more comes: the broker has stopped sending. */
static void
settle(const int *fds, int64_t count)
{
	int64_t before = -1, now;
	int same = 0;

	while (same < 5) {
		now = waiting(fds, count);
		same = now == before ? same + 1 : 0;
		before = now;
		tool_sleep_ns(BLOCKED_MS * 1000000 / 5);
	}
}

static const struct {
	const char	*name;
	void		(*run)(struct hostile *, int fd);
} ways[] = { { "idle", idle }, { "half", half }, { "deaf", deaf } };

int
tool_hostile(int argc, char **argv)
{
	int64_t port = 0, count = 100, bytes = 1000, i;
	const char *way = "idle";
	const struct flag flags[] = {
		FLAG_INT_ROW("port", &port, "PORT", "Of 127.0.0.1."),
		FLAG_STR_ROW("way", &way, "WAY", "idle, half or deaf."),
		FLAG_INT_ROW("count", &count, "N", "Connections."),
		FLAG_INT_ROW("bytes", &bytes, "N", "To send on each."),
		FLAG_LAST
	};
	struct hostile h = { .sin = { .sin_family = AF_INET } };
	struct rlimit lim;
	size_t w;
	int *fds;
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
	fds = xcalloc((size_t)count + 1, sizeof *fds);
	for (i = 0; i < count; i++)
		ways[w].run(&h, fds[i] = dial(&h));
	settle(fds, count);
	printf("ready %lld %lld\n", (long long)count, (long long)h.sent);
	fflush(stdout);
	pause();
	return (TOOL_OK);
}
