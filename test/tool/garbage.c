/*
 * t garbage: sends a port what makes no sense: noise, and frames that begin
 * like Kafka's but lie about lengths, keys, versions and counts.  It does not
 * matter what comes back.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "cli/flags.h"
#include "test/tool/tool.h"

#define SIZE	20000

static size_t
noise(struct tool_random *r, uint8_t *p)
{
	size_t n = 1 + (size_t)tool_random_below(r, SIZE - 1), i;

	for (i = 0; i < n; i++)
		p[i] = (uint8_t)tool_random_next(r);
	return (n);
}

/* A frame's length and request header, then noise. */
static size_t
frame(struct tool_random *r, uint8_t *p)
{
	size_t n = noise(r, p);
	uint32_t len = (uint32_t)(n - 4);

	if (n < 20)
		return (n);
	if (tool_random_below(r, 4) == 0)	/* a lie */
		len = (uint32_t)tool_random_next(r);
	put_be32(p, len);
	put_be16(p + 4, (uint16_t)tool_random_below(r, 64));
	put_be16(p + 6, (uint16_t)tool_random_below(r, 14));
	put_be16(p + 12, (uint16_t)tool_random_below(r, 8));
	return (n);
}

static size_t
text(struct tool_random *r, uint8_t *p)
{
	static const char *const v[] = {
		"GET / HTTP/1.1\r\nContent-Length: 99999999999999\r\n\r\n",
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n[{{{{",
		"<999>1 - - - - - -\n", "99999999 <13>x\n", "<>\n\n\n<1",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
	};
	const char *s = v[tool_random_below(r, sizeof v / sizeof v[0])];
	size_t n = strlen(s);

	memcpy(p, s, n);
	return (n);
}

static void
send_one(const struct sockaddr_in *sin, int type, const uint8_t *p, size_t n)
{
	struct timeval short_time = { 0, 200000 };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	uint8_t buf[4096];

	if (fd == -1 ||
	    connect(fd, (const struct sockaddr *)sin, sizeof *sin) == -1)
		tool_die("no one listens there");
	if (type == SOCK_DGRAM && n > 8000)
		n = 8000;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &short_time,
	    sizeof short_time);
	/* The other end may close at any moment: that is its answer. */
	if (send(fd, p, n, MSG_NOSIGNAL) > 0 && type == SOCK_STREAM) {
		shutdown(fd, SHUT_WR);
		while (recv(fd, buf, sizeof buf, 0) > 0)
			;
	}
	close(fd);
}

int
tool_garbage(int argc, char **argv)
{
	static size_t (*const kinds[])(struct tool_random *, uint8_t *) = {
		noise, frame, frame, text
	};
	int64_t port = 0, count = 50, seed = 1, i;
	bool udp = false;
	const struct flag flags[] = {
		FLAG_INT_ROW("port", &port, "PORT", "Of 127.0.0.1."),
		FLAG_INT_ROW("count", &count, "N", "Connections."),
		FLAG_INT_ROW("seed", &seed, "N", "Of the noise."),
		FLAG_BOOL_ROW("udp", &udp, "Datagrams."),
		FLAG_LAST
	};
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct tool_random r;
	uint8_t buf[SIZE];
	size_t n;
	int rc = flags_parse(flags, "t garbage", "Sends nonsense.", argc,
	    argv, NULL);

	if (rc != 0)
		return (rc == FLAGS_HELP ? TOOL_OK : TOOL_TROUBLE);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons((uint16_t)port);
	r.state = (uint64_t)seed;
	for (i = 0; i < count; i++) {
		n = kinds[tool_random_below(&r, 4)](&r, buf);
		send_one(&sin, udp ? SOCK_DGRAM : SOCK_STREAM, buf, n);
	}
	return (TOOL_OK);
}
