/*
 * t proxy: stands between Kafka clients and a broker and does to the requests
 * of transactions (Produce, AddPartitionsToTxn, AddOffsetsToTxn, EndTxn,
 * TxnOffsetCommit) what a network can do:
 *
 *	late	the client's connection is cut, the request is held and goes to
 *		the broker some time later, when the client has long sent it
 *		again over another connection
 *	twice	the request goes to the broker, the client's connection is cut
 *		before the answer: the client sends it again
 *	slow	the request, and what comes behind it, waits a little
 *
 * The broker must advertise the proxy's address.  After --count of these it
 * writes --done FILE and passes everything on.  Ends at SIGTERM.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/flags.h"
#include "kafka/apis.h"
#include "test/tool/tool.h"

#define PAIRS		512
#define FRAME_MAX	(64u << 20)
#define MS		INT64_C(1000000)

struct bytes {
	uint8_t	*p;
	size_t	 len, cap;
};

/* A client's connection and ours to the broker. */
struct pair {
	int		 client, broker;	/* -1: closed */
	struct bytes	 in;			/* from the client */
	struct bytes	 up, down;		/* to be written */
	int64_t		 hold;			/* nothing goes up before */
	bool		 last;			/* up is a late request: then
						   close */
	int64_t		 linger;		/* to close at */
};

struct proxy {
	struct sockaddr_in	 to;
	int			 listener;
	struct tool_random	 random;
	int64_t			 count, done_count, kinds[3], percent;
	const char		*done;
	struct pair		 v[PAIRS];
};

enum kind { LATE, TWICE, SLOW };

static void
bytes_add(struct bytes *b, const uint8_t *p, size_t n)
{
	if (b->len + n > b->cap) {
		b->cap = (b->len + n) * 2;
		b->p = xreallocarray(b->p, b->cap, 1);
	}
	memcpy(b->p + b->len, p, n);
	b->len += n;
}

static void
bytes_drop(struct bytes *b, size_t n)
{
	memmove(b->p, b->p + n, b->len - n);
	b->len -= n;
}

static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static void
pair_free(struct pair *x)
{
	close_fd(&x->client);
	close_fd(&x->broker);
	free(x->in.p);
	free(x->up.p);
	free(x->down.p);
	*x = (struct pair){ .client = -1, .broker = -1 };
}

static bool
pair_used(const struct pair *x)
{
	return (x->client != -1 || x->broker != -1);
}

static void
nonblocking(int fd)
{
	int one = 1;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static void
accept_one(struct proxy *x)
{
	int fd = accept4(x->listener, NULL, NULL, SOCK_CLOEXEC), up;
	size_t i;

	if (fd == -1)
		return;
	up = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (up == -1)
		tool_die("socket: %s", strerror(errno));
	for (i = 0; i < PAIRS && pair_used(&x->v[i]); i++)
		;
	if (i == PAIRS || connect(up, (struct sockaddr *)&x->to,
	    sizeof x->to) == -1) {
		close(fd);
		close(up);
		return;
	}
	nonblocking(fd);
	nonblocking(up);
	x->v[i].client = fd;
	x->v[i].broker = up;
}

static bool
of_a_transaction(int16_t key)
{
	return (key == KAPI_Produce || key == KAPI_AddPartitionsToTxn ||
	    key == KAPI_AddOffsetsToTxn || key == KAPI_EndTxn ||
	    key == KAPI_TxnOffsetCommit);
}

static void
count(struct proxy *x, enum kind kind)
{
	FILE *f;

	x->kinds[kind]++;
	if (++x->done_count != x->count || x->done == NULL)
		return;
	if ((f = fopen(x->done, "we")) == NULL)
		tool_die("%s: %s", x->done, strerror(errno));
	fclose(f);
}

/* A whole request of n bytes at the front of in. */
static void
pass(struct proxy *x, struct pair *pr, size_t n)
{
	int16_t key = (int16_t)get_be16(pr->in.p + 4);
	int64_t now = clock_mono_ns();
	enum kind kind;

	bytes_add(&pr->up, pr->in.p, n);
	bytes_drop(&pr->in, n);
	if (x->done_count >= x->count || !of_a_transaction(key) ||
	    (int64_t)tool_random_below(&x->random, 100) >= x->percent)
		return;
	kind = (enum kind)tool_random_below(&x->random, 3);
	count(x, kind);
	if (kind != TWICE)
		pr->hold = now + (int64_t)tool_random_below(&x->random,
		    kind == LATE ? 120 : 15) * MS;
	if (kind != SLOW) {
		close_fd(&pr->client);
		pr->last = true;
	}
}

static void
take_requests(struct proxy *x, struct pair *pr)
{
	size_t n;

	while (pr->client != -1 && pr->in.len >= 8) {
		n = (size_t)get_be32(pr->in.p) + 4;
		if (n > FRAME_MAX || n < 12) {
			pair_free(pr);
			return;
		}
		if (pr->in.len < n)
			return;
		pass(x, pr, n);
	}
}

/* -1: closed. */
static int
read_some(int fd, struct bytes *to)
{
	static uint8_t buf[1 << 16];
	ssize_t n = read(fd, buf, sizeof buf);

	if (n > 0)
		bytes_add(to, buf, (size_t)n);
	return (n > 0 || (n == -1 && errno == EAGAIN) ? 0 : -1);
}

static int
write_some(int fd, struct bytes *from)
{
	ssize_t n = send(fd, from->p, from->len, MSG_NOSIGNAL);

	if (n > 0)
		bytes_drop(from, (size_t)n);
	return (n >= 0 || errno == EAGAIN ? 0 : -1);
}

static void
serve(struct proxy *x, struct pair *pr, short client, short broker)
{
	int64_t now = clock_mono_ns();

	if (client & (POLLIN | POLLHUP | POLLERR)) {
		if (read_some(pr->client, &pr->in) == -1) {
			pair_free(pr);
			return;
		}
		take_requests(x, pr);
	}
	if (pair_used(pr) && (broker & (POLLIN | POLLHUP | POLLERR)) &&
	    read_some(pr->broker, &pr->down) == -1) {
		pair_free(pr);
		return;
	}
	if (!pair_used(pr))
		return;
	if (pr->client == -1)
		pr->down.len = 0;	/* nobody hears it */
	if ((pr->down.len > 0 && write_some(pr->client, &pr->down) == -1) ||
	    (pr->up.len > 0 && now >= pr->hold &&
	    write_some(pr->broker, &pr->up) == -1)) {
		pair_free(pr);
		return;
	}
	/* What was held must be read by the broker before the end of the
	 * connection is. */
	if (pr->last && pr->up.len == 0) {
		if (pr->linger == 0)
			pr->linger = now + 200 * MS;
		else if (now > pr->linger)
			pair_free(pr);
	}
}

static void
turn(struct proxy *x)
{
	struct pollfd fds[2 * PAIRS + 1];
	size_t i;

	fds[0] = (struct pollfd){ x->listener, POLLIN, 0 };
	for (i = 0; i < PAIRS; i++) {
		/* A client whose requests are held is not read. */
		fds[2 * i + 1] = (struct pollfd){ x->v[i].up.len > FRAME_MAX ?
		    -1 : x->v[i].client, (short)(POLLIN |
		    (x->v[i].down.len > 0 ? POLLOUT : 0)), 0 };
		fds[2 * i + 2] = (struct pollfd){ x->v[i].broker, POLLIN, 0 };
	}
	poll(fds, 2 * PAIRS + 1, 1);
	for (i = 0; i < PAIRS; i++)
		if (pair_used(&x->v[i]))
			serve(x, &x->v[i], fds[2 * i + 1].revents,
			    fds[2 * i + 2].revents);
	if (fds[0].revents != 0)
		accept_one(x);
}

static void
listen_at(struct proxy *x, uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	int one = 1;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons(port);
	x->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (x->listener == -1 || setsockopt(x->listener, SOL_SOCKET,
	    SO_REUSEADDR, &one, sizeof one) == -1 || bind(x->listener,
	    (struct sockaddr *)&sin, sizeof sin) == -1 ||
	    listen(x->listener, 128) == -1)
		tool_die("port %u: %s", port, strerror(errno));
	nonblocking(x->listener);
}

int
tool_proxy(int argc, char **argv)
{
	static struct proxy x = { .percent = 10 };
	int64_t listen = 0, to = 0, seed = 0, shown = 0;
	const struct flag flags[] = {
		FLAG_INT_ROW("listen", &listen, "PORT", "Where clients come."),
		FLAG_INT_ROW("to", &to, "PORT", "The broker's."),
		FLAG_INT_ROW("count", &x.count, "N", "How often."),
		FLAG_INT_ROW("percent", &x.percent, "N", "Of the requests."),
		FLAG_STR_ROW("done", &x.done, "FILE", "Made after that."),
		FLAG_INT_ROW("seed", &seed, "N", "0: a random one."),
		FLAG_LAST
	};
	size_t i;
	int rc = flags_parse(flags, "t proxy", "A bad network.", argc, argv,
	    NULL);

	if (rc != 0)
		return (rc == FLAGS_HELP ? TOOL_OK : TOOL_TROUBLE);
	if (seed == 0 && getrandom(&seed, 4, 0) != 4)
		tool_die("getrandom");
	for (i = 0; i < PAIRS; i++)
		x.v[i].client = x.v[i].broker = -1;
	x.random.state = (uint64_t)seed;
	x.to = (struct sockaddr_in){ .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)to) };
	x.to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listen_at(&x, (uint16_t)listen);
	fprintf(stderr, "proxy: seed %" PRId64 ", ready\n", seed);
	for (;;) {
		turn(&x);
		if (x.done_count == x.count && shown++ == 0)
			fprintf(stderr, "proxy: %" PRId64 " late, %" PRId64
			    " twice, %" PRId64 " slow\n", x.kinds[LATE],
			    x.kinds[TWICE], x.kinds[SLOW]);
	}
}
