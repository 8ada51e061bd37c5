/* Connections over socket pairs, and over TCP where that matters. */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "loop/conn.h"
#include "loop/inbuf.h"
#include "test/unit/loop_util.h"

static struct loop *l;
static struct conn *c;
static int peer = -1;		/* the other end, blocking */
static struct thread helper;

/* What the callbacks saw. */
static struct {
	unsigned	 data, eof, drained, closed;
	enum err_code	 code;
	bool		 clean;		/* closed with err NULL */
	size_t		 left;		/* in conn_in then */
} saw;

static void
setup(void)
{
	l = make_loop();
	c = NULL;
	peer = -1;
	helper = (struct thread){ 0 };
	memset(&saw, 0, sizeof saw);
}

static void
teardown(void)
{
	thread_join(&helper);
	conn_free(c);
	if (peer != -1)
		close(peer);
	loop_free(l);
}

static void
help(void (*fn)(void *), void *arg)
{
	struct err e = ERR_INIT;

	ck_assert_int_eq(thread_start(&helper, "peer", fn, arg, &e), 0);
}

static void
on_closed(struct conn *conn, void *ctx, const struct err *err)
{
	(void)ctx;
	ck_assert_ptr_eq(conn, c);
	saw.closed++;
	saw.clean = err == NULL;
	saw.code = err == NULL ? ERR_NONE : err->code;
	saw.left = conn_in(conn).len;
	c = NULL;
	loop_stop(l);
}

static void
on_drained(struct conn *conn, void *ctx)
{
	(void)conn;
	(void)ctx;
	saw.drained++;
}

static void
keep_data(struct conn *conn, void *ctx)
{
	(void)conn;
	(void)ctx;
	saw.data++;
}

static void
stop_data(struct conn *conn, void *ctx)
{
	(void)conn;
	(void)ctx;
	saw.data++;
	loop_stop(l);
}

static const struct conn_ops keep_ops = {
	.data = keep_data, .drained = on_drained, .closed = on_closed
};

static void
connect_pair(const struct conn_ops *ops, void *ctx)
{
	int sv[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    sv), 0);
	peer = sv[1];
	c = conn_new(l, sv[0], ops, ctx);
}

/* TCP on loopback, either family. */
static void
connect_tcp(const struct conn_ops *ops, void *ctx)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
	    .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof sin;
	int ls = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(ls, (struct sockaddr *)&sin, len), 0);
	ck_assert_int_eq(listen(ls, 1), 0);
	ck_assert_int_eq(getsockname(ls, (struct sockaddr *)&sin, &len), 0);
	peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(peer, (struct sockaddr *)&sin, len), 0);
	c = conn_new(l, accept(ls, NULL, NULL), ops, ctx);
	close(ls);
}

static uint8_t
pattern(size_t i)
{
	return ((uint8_t)(i * 31 + (i >> 8) * 7));
}

static void
write_all(int fd, const void *p, size_t n)
{
	ssize_t w;

	for (; n > 0; n -= (size_t)w, p = (const char *)p + w)
		ck_assert_int_gt(w = write(fd, p, n), 0);
}

/* Reads to the end; -> bytes. */
static size_t
read_all(int fd, uint8_t *p, size_t size)
{
	size_t got = 0;
	ssize_t n;

	while ((n = read(fd, p + got, size - got)) > 0)
		got += (size_t)n;
	return (got);
}

/* Frames: a 4-byte length and as many bytes. */

struct frames {
	size_t	 size, count, chunk;	/* written chunk bytes at a time */
	size_t	 got;
	size_t	 shared;		/* taken without a copy */
};

static const struct frames frame_cases[] = {
	{ .size = 0, .count = 3, .chunk = 1 },
	{ .size = 1, .count = 100, .chunk = 3 },
	{ .size = 10, .count = 5000, .chunk = 65536 },
	{ .size = 100, .count = 3, .chunk = 1 },
	{ .size = 4092, .count = 50, .chunk = 4096 },
	{ .size = 4093, .count = 50, .chunk = 8192 },
	{ .size = 40000, .count = 20, .chunk = 1000 },
	{ .size = 65532, .count = 20, .chunk = 100000 },
	{ .size = 1 << 20, .count = 8, .chunk = 1 << 20 },
	{ .size = 1 << 20, .count = 4, .chunk = 777 },
	{ .size = 9 << 20, .count = 2, .chunk = 1 << 20 },
};

static void
frame_data(struct conn *conn, void *ctx)
{
	struct frames *f = ctx;
	struct slice in = conn_in(conn);
	struct buf *b;
	size_t i, n;

	ck_assert_uint_ge(in.len, 4);
	n = get_be32(in.p);
	ck_assert_uint_eq(n, f->size);
	conn_want(conn, 4 + n);
	if (in.len < 4 + n)
		return;
	b = conn_take(conn, 4 + n);
	ck_assert_uint_eq(b->len, 4 + n);
	f->shared += b->data == in.p;
	for (i = 0; i < n; i++)
		if (b->data[4 + i] != pattern(i + f->got))
			ck_abort_msg("frame %zu differs at %zu", f->got, i);
	buf_unref(b);
	conn_want(conn, 4);
	f->got++;
}

static const struct conn_ops frame_ops = {
	.data = frame_data, .closed = on_closed
};

static void
send_frames(void *arg)
{
	const struct frames *f = arg;
	size_t i, j, n, one = 4 + f->size, all = one * f->count;
	uint8_t *p = xmalloc(all);

	for (i = 0; i < f->count; i++) {
		put_be32(p + i * one, (uint32_t)f->size);
		for (j = 0; j < f->size; j++)
			p[i * one + 4 + j] = pattern(i + j);
	}
	for (i = 0; i < all; i += n) {
		n = all - i < f->chunk ? all - i : f->chunk;
		write_all(peer, p + i, n);
	}
	free(p);
	shutdown(peer, SHUT_WR);
}

START_TEST(test_frames)
{
	struct frames f = frame_cases[_i];

	connect_pair(&frame_ops, &f);
	conn_want(c, 4);
	help(send_frames, &f);
	run_loop(l);
	ck_assert_uint_eq(f.got, f.count);
	ck_assert(saw.clean);
	ck_assert_uint_eq(saw.left, 0);
	/* Large frames are not copied out of the receive buffer. */
	if (f.size >= 65532)
		ck_assert_uint_eq(f.shared, f.count);
}
END_TEST

/* A length alone allocates nothing: what came, plus 64 KiB. */
START_TEST(test_inbuf_bound)
{
	uint8_t chunk[3000];
	struct inbuf b;
	size_t sent = 0;
	bool more;
	int sv[2];

	memset(chunk, 7, sizeof chunk);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	inbuf_init(&b);
	b.want = 1u << 30;
	while (sent < 3000000) {
		write_all(sv[1], chunk, sizeof chunk);
		sent += sizeof chunk;
		ck_assert_int_gt(inbuf_fill(&b, sv[0], &more), 0);
		ck_assert_uint_le(b.buf->cap, sent + 65536);
	}
	while (inbuf_len(&b) < sent)
		ck_assert_int_gt(inbuf_fill(&b, sv[0], &more), 0);
	inbuf_consume(&b, sent);
	inbuf_trim(&b);
	ck_assert_ptr_null(b.buf);
	inbuf_fini(&b);
	close(sv[0]);
	close(sv[1]);
}
END_TEST

/* Output. */

static unsigned released;

static void
on_release(void *arg)
{
	ck_assert_str_eq(arg, "arg");
	released++;
}

static char arg_text[] = "arg";

/* An unlinked file of n pattern bytes. */
static int
make_file(size_t n)
{
	char path[] = "conn-XXXXXX";
	uint8_t *p = xmalloc(n + 1);
	int fd = mkstemp(path);
	size_t i;

	ck_assert_int_ne(fd, -1);
	unlink(path);
	for (i = 0; i < n; i++)
		p[i] = pattern(i);
	write_all(fd, p, n);
	free(p);
	return (fd);
}

struct sink {
	uint8_t	*p;
	size_t	 size, got;
};

static void
read_peer(void *arg)
{
	struct sink *s = arg;

	s->got = read_all(peer, s->p, s->size);
	shutdown(peer, SHUT_WR);	/* which ends the linger */
}

static void
check_mixed(const struct sink *s, size_t filesize)
{
	const uint8_t *p = s->p;
	size_t i;

	ck_assert_uint_eq(s->got, 6 + 4 + filesize + 5 + 5000);
	ck_assert(memcmp(p, "copied" "refd", 10) == 0);
	for (i = 0; i < filesize; i++)
		ck_assert_uint_eq(p[10 + i], pattern(1000 + i));
	p += 10 + filesize;
	ck_assert(memcmp(p, "tail.", 5) == 0);
	for (i = 0; i < 5000; i++)
		ck_assert_uint_eq(p[5 + i], 'z');
}

static const bool over_tcp[] = { false, true };

START_TEST(test_output_mixed)
{
	size_t filesize = 3 << 20;
	int fd = make_file(1000 + filesize);
	struct sink s = { .p = xmalloc(4 << 20), .size = 4 << 20 };
	struct buf *b = buf_new(5000);

	memset(b->data, 'z', 5000);
	b->len = 5000;
	released = 0;
	if (over_tcp[_i])
		connect_tcp(&keep_ops, NULL);
	else
		connect_pair(&keep_ops, NULL);
	conn_write(c, "cop", 3);
	conn_write(c, "ied", 3);
	conn_write_ref(c, SLICE("refd"), on_release, arg_text);
	conn_write_file(c, fd, 1000, filesize, on_release, arg_text);
	conn_write_file(c, fd, 0, 0, on_release, arg_text);
	ck_assert_uint_eq(released, 1);
	conn_write(c, "tail.", 5);
	conn_write_buf(c, b);
	ck_assert_uint_eq(conn_pending_out(c), 6 + 4 + filesize + 5 + 5000);
	conn_finish(c);
	help(read_peer, &s);
	run_loop(l);
	thread_join(&helper);
	helper.started = false;
	ck_assert(saw.clean);
	ck_assert_uint_eq(released, 3);
	check_mixed(&s, filesize);
	free(s.p);
	close(fd);
}
END_TEST

/* Far more small pieces than an iovec takes. */
START_TEST(test_output_many_pieces)
{
	struct sink s = { .p = xmalloc(100000), .size = 100000 };
	unsigned i;

	released = 0;
	connect_pair(&keep_ops, NULL);
	for (i = 0; i < 1000; i++) {
		conn_write(c, "ab", 2);
		conn_write_ref(c, SLICE("cd"), on_release, arg_text);
	}
	turn_loop(l);
	turn_loop(l);
	ck_assert_uint_eq(conn_pending_out(c), 0);
	ck_assert_uint_eq(released, 1000);
	conn_free(c);
	c = NULL;
	s.got = read_all(peer, s.p, s.size);
	ck_assert_uint_eq(s.got, 4000);
	for (i = 0; i < 4000; i++)
		ck_assert_uint_eq(s.p[i], "abcd"[i % 4]);
	free(s.p);
}
END_TEST

START_TEST(test_free_releases)
{
	int fd = make_file(10);

	released = 0;
	connect_pair(&keep_ops, NULL);
	conn_write_ref(c, SLICE("x"), on_release, arg_text);
	conn_write_file(c, fd, 0, 10, on_release, arg_text);
	conn_free(c);
	ck_assert_uint_eq(released, 2);
	c = NULL;
	turn_loop(l);
	ck_assert_uint_eq(saw.closed, 0);
	close(fd);
}
END_TEST

START_TEST(test_short_file)
{
	int fd = make_file(100);

	released = 0;
	connect_pair(&keep_ops, NULL);
	conn_write_file(c, fd, 50, 51, on_release, arg_text);
	run_loop(l);
	ck_assert_uint_eq(saw.closed, 1);
	ck_assert_int_eq(saw.code, ERR_CORRUPT);
	ck_assert_uint_eq(released, 1);
	close(fd);
}
END_TEST

static void
stop_drained(struct conn *conn, void *ctx)
{
	(void)ctx;
	ck_assert(!conn_full(conn));
	ck_assert_uint_le(conn_pending_out(conn), 1000);
	saw.drained++;
	loop_stop(l);
}

START_TEST(test_marks)
{
	static const struct conn_ops ops = {
		.data = keep_data, .drained = stop_drained,
		.closed = on_closed
	};
	size_t size = 8 << 20;
	struct sink s = { .p = xmalloc(size), .size = size };
	uint8_t *p = xcalloc(1, size);

	connect_pair(&ops, NULL);
	conn_set_marks(c, 1000, size - 1);
	conn_write_ref(c, slice_of(p, size - 1), NULL, NULL);
	ck_assert(!conn_full(c));
	conn_write(c, "x", 1);
	ck_assert(conn_full(c));
	turn_loop(l);
	turn_loop(l);
	ck_assert_uint_eq(saw.drained, 0);
	help(read_peer, &s);
	run_loop(l);
	ck_assert_uint_eq(saw.drained, 1);
	ck_assert_uint_eq(saw.closed, 0);
	while (conn_pending_out(c) > 0)
		turn_loop(l);
	conn_free(c);
	c = NULL;
	thread_join(&helper);
	helper.started = false;
	ck_assert_uint_eq(s.got, size);
	free(p);
	free(s.p);
}
END_TEST

/* Reading on and off. */

static const struct conn_ops stop_ops = {
	.data = stop_data, .drained = on_drained, .closed = on_closed
};

START_TEST(test_pause)
{
	connect_pair(&stop_ops, NULL);
	conn_pause(c);
	write_all(peer, "abc", 3);
	turn_loop(l);
	turn_loop(l);
	ck_assert_uint_eq(saw.data, 0);
	conn_resume(c);
	run_loop(l);
	ck_assert_uint_eq(saw.data, 1);
	ck_assert(slice_eq_str(conn_in(c), "abc"));
	/* What was left while paused comes again on resume. */
	conn_pause(c);
	turn_loop(l);
	ck_assert_uint_eq(saw.data, 1);
	conn_resume(c);
	run_loop(l);
	ck_assert_uint_eq(saw.data, 2);
	/* And when less is wanted. */
	conn_want(c, 4);
	turn_loop(l);
	ck_assert_uint_eq(saw.data, 2);
	conn_want(c, 3);
	run_loop(l);
	ck_assert_uint_eq(saw.data, 3);
	conn_consume(c, 3);
	turn_loop(l);
	ck_assert_uint_eq(saw.data, 3);
}
END_TEST

static void
pausing_data(struct conn *conn, void *ctx)
{
	(void)ctx;
	saw.data++;
	conn_consume(conn, 1);
	conn_pause(conn);
	loop_stop(l);
}

START_TEST(test_pause_inside)
{
	static const struct conn_ops ops = {
		.data = pausing_data, .closed = on_closed
	};
	unsigned i;

	connect_pair(&ops, NULL);
	write_all(peer, "abcde", 5);
	close(peer);
	peer = -1;
	for (i = 1; i <= 5; i++) {
		run_loop(l);
		ck_assert_uint_eq(saw.data, i);
		turn_loop(l);
		ck_assert_uint_eq(saw.data, i);
		ck_assert_uint_eq(saw.closed, 0);
		conn_resume(c);
	}
	run_loop(l);
	ck_assert_uint_eq(saw.closed, 1);
	ck_assert(saw.clean);
}
END_TEST

static void
resuming_drained(struct conn *conn, void *ctx)
{
	(void)ctx;
	saw.drained++;
	conn_resume(conn);
}

/* The input that waited is delivered after drained, without new bytes. */
START_TEST(test_resume_in_drained)
{
	static const struct conn_ops ops = {
		.data = stop_data, .drained = resuming_drained,
		.closed = on_closed
	};

	connect_pair(&ops, NULL);
	write_all(peer, "x", 1);
	run_loop(l);
	conn_pause(c);
	conn_set_marks(c, 0, 1);
	conn_write(c, "abc", 3);
	run_loop(l);
	ck_assert_uint_eq(saw.drained, 1);
	ck_assert_uint_eq(saw.data, 2);
}
END_TEST

/* A peer whose input takes long is left for others, and comes back. */

static struct conn *other;
static unsigned saw_before_other;

static void
slow_data(struct conn *conn, void *ctx)
{
	int64_t end = clock_mono_ns() + 200000;
	const int *other_peer = ctx;

	if (saw.data++ == 0)
		write_all(*other_peer, "x", 1);
	conn_consume(conn, 1);
	while (clock_mono_ns() < end)
		;
}

static void
other_data(struct conn *conn, void *ctx)
{
	(void)ctx;
	conn_consume(conn, 1);
	saw_before_other = saw.data;
}

START_TEST(test_turns)
{
	static const struct conn_ops slow = {
		.data = slow_data, .closed = on_closed
	};
	static const struct conn_ops quick = { .data = other_data };
	uint8_t bytes[100] = { 0 };
	int sv[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	other = conn_new(l, sv[0], &quick, NULL);
	connect_pair(&slow, &sv[1]);
	saw_before_other = 0;
	write_all(peer, bytes, sizeof bytes);
	close(peer);
	peer = -1;
	run_loop(l);
	ck_assert_uint_eq(saw.data, sizeof bytes);
	ck_assert(saw.clean);
	ck_assert_uint_gt(saw_before_other, 0);
	ck_assert_uint_lt(saw_before_other, 5);
	conn_free(other);
	close(sv[1]);
}
END_TEST

static unsigned order_light, order_heavy, order;

static void
light_data(struct conn *conn, void *ctx)
{
	(void)ctx;
	conn_consume(conn, 1);
	order_light = ++order;
}

static void
heavy_data(struct conn *conn, void *ctx)
{
	int64_t end = clock_mono_ns() + *(const int64_t *)ctx;

	conn_consume(conn, 1);
	order_heavy = ++order;
	while (clock_mono_ns() < end)
		;
}

/* Who has used up a turn comes behind the others, until he uses less. */
START_TEST(test_heavy)
{
	static const struct conn_ops heavy = { .data = heavy_data };
	static const struct conn_ops light = { .data = light_data };
	int64_t ns = 200000;
	unsigned first = 0;
	int sv[2], i;

	connect_pair(&heavy, &ns);
	write_all(peer, "x", 1);
	turn_loop(l);
	ck_assert_uint_eq(order_heavy, 1);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	other = conn_new(l, sv[0], &light, NULL);
	turn_loop(l);
	for (i = 0; i < 10; i++) {
		order = order_heavy = order_light = 0;
		write_all(peer, "x", 1);
		write_all(sv[1], "x", 1);
		while (order < 2)
			turn_loop(l);
		ck_assert_uint_eq(order_light, 1);
		ck_assert_uint_eq(order_heavy, 2);
	}
	ns = 0;
	for (i = 0; i < 100 && first == 0; i++) {
		order = order_heavy = order_light = 0;
		write_all(peer, "x", 1);
		write_all(sv[1], "x", 1);
		while (order < 2)
			turn_loop(l);
		first += order_heavy == 1;
	}
	ck_assert_uint_gt(first, 0);
	conn_free(other);
	close(sv[1]);
}
END_TEST

/* An owner that is busy for a while wants nothing meanwhile; input that it
 * wants again then is not overtaken by the end behind it. */

static struct loop_task not_busy;

static void
want_again(struct loop_task *t)
{
	(void)t;
	conn_want(c, 1);
}

static void
busy_data(struct conn *conn, void *ctx)
{
	(void)ctx;
	conn_consume(conn, 1);
	if (saw.data++ > 0)
		return;
	conn_want(conn, 100);
	loop_post(l, &not_busy);
	close(peer);
	peer = -1;
}

START_TEST(test_eof_behind_input)
{
	static const struct conn_ops ops = {
		.data = busy_data, .closed = on_closed
	};

	not_busy = (struct loop_task){ .fn = want_again };
	connect_pair(&ops, NULL);
	write_all(peer, "ab", 2);
	run_loop(l);
	ck_assert_uint_eq(saw.data, 2);
	ck_assert(saw.clean);
	ck_assert_uint_eq(saw.left, 0);
}
END_TEST

/* The end. */

START_TEST(test_peer_closes)
{
	connect_pair(&keep_ops, NULL);
	conn_want(c, 10);
	write_all(peer, "part", 4);
	close(peer);
	peer = -1;
	run_loop(l);
	ck_assert_uint_eq(saw.data, 0);
	ck_assert(saw.clean);
	ck_assert_uint_eq(saw.left, 4);
}
END_TEST

static void
answering_eof(struct conn *conn, void *ctx)
{
	(void)ctx;
	saw.eof++;
	conn_write(conn, "answer", 6);
	conn_finish(conn);
}

START_TEST(test_half_close)
{
	static const struct conn_ops ops = {
		.data = keep_data, .eof = answering_eof, .closed = on_closed
	};
	uint8_t got[16];

	connect_tcp(&ops, NULL);
	write_all(peer, "question", 8);
	shutdown(peer, SHUT_WR);
	run_loop(l);
	ck_assert_uint_eq(saw.eof, 1);
	ck_assert_uint_eq(saw.closed, 1);
	ck_assert(saw.clean);
	ck_assert_uint_eq(read_all(peer, got, sizeof got), 6);
}
END_TEST

START_TEST(test_reset)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	connect_tcp(&keep_ops, NULL);
	setsockopt(peer, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	close(peer);
	peer = -1;
	run_loop(l);
	ck_assert_int_eq(saw.code, ERR_SYS);
}
END_TEST

/* The peer is gone and we only write: an error, no signal. */
START_TEST(test_write_to_the_dead)
{
	static const uint8_t bytes[100000];
	int fd = make_file(100000);

	connect_pair(&keep_ops, NULL);
	conn_pause(c);
	close(peer);
	peer = -1;
	if (_i == 0)
		conn_write(c, bytes, sizeof bytes);
	else
		conn_write_file(c, fd, 0, 100000, NULL, NULL);
	run_loop(l);
	ck_assert_int_eq(saw.code, ERR_SYS);
	close(fd);
}
END_TEST

/* An answer survives input that nobody read (no reset before it). */
START_TEST(test_finish_with_unread_input)
{
	static const uint8_t junk[50000];
	uint8_t got[16];

	connect_tcp(&keep_ops, NULL);
	conn_pause(c);
	write_all(peer, junk, sizeof junk);
	conn_write(c, "too large", 9);
	conn_finish(c);
	turn_loop(l);
	turn_loop(l);
	write_all(peer, junk, sizeof junk);
	ck_assert_uint_eq(read_all(peer, got, sizeof got), 9);
	shutdown(peer, SHUT_WR);
	run_loop(l);
	ck_assert(saw.clean);
}
END_TEST

START_TEST(test_finish_lingers_not_forever)
{
	connect_pair(&keep_ops, NULL);
	conn_finish(c);
	run_loop(l);		/* the peer never closes */
	ck_assert(saw.clean);
}
END_TEST

START_TEST(test_idle)
{
	connect_pair(&keep_ops, NULL);
	conn_idle(c, 20);
	run_loop(l);
	ck_assert_int_eq(saw.code, ERR_TIMEOUT);
}
END_TEST

static void
on_stop_timer(struct loop_timer *t)
{
	(void)t;
	loop_stop(l);
}

START_TEST(test_idle_not_while_paused)
{
	struct loop_timer t;

	timer_init(&t, l, on_stop_timer);
	timer_arm(&t, 60);
	connect_pair(&keep_ops, NULL);
	conn_pause(c);
	conn_idle(c, 10);
	run_loop(l);
	ck_assert_uint_eq(saw.closed, 0);
	conn_resume(c);
	run_loop(l);
	ck_assert_int_eq(saw.code, ERR_TIMEOUT);
	timer_fini(&t);
}
END_TEST

/* conn_free inside each callback. */

enum where { IN_DATA, IN_EOF, IN_DRAINED, IN_CLOSED };

static void
free_here(struct conn *conn, void *ctx, enum where here)
{
	if (*(enum where *)ctx != here)
		return;
	conn_write(conn, "dropped", 7);
	conn_free(conn);
	conn_write(conn, "dropped", 7);
	conn_write_ref(conn, SLICE("dropped"), on_release, arg_text);
	ck_assert_uint_eq(conn_pending_out(conn), 0);
	c = NULL;
	loop_stop(l);
}

static void
free_data(struct conn *conn, void *ctx)
{
	conn_consume(conn, 1);
	free_here(conn, ctx, IN_DATA);
}

static void
free_eof(struct conn *conn, void *ctx)
{
	free_here(conn, ctx, IN_EOF);
	if (*(enum where *)ctx == IN_CLOSED)
		conn_finish(conn);
}

static void
free_drained(struct conn *conn, void *ctx)
{
	free_here(conn, ctx, IN_DRAINED);
}

static void
free_closed(struct conn *conn, void *ctx, const struct err *err)
{
	(void)err;
	saw.closed++;
	free_here(conn, ctx, IN_CLOSED);
}

static const struct conn_ops free_ops = {
	.data = free_data, .eof = free_eof, .drained = free_drained,
	.closed = free_closed
};

START_TEST(test_free_inside)
{
	enum where here = (enum where)_i;
	char got[16];

	released = 0;
	connect_pair(&free_ops, &here);
	conn_set_marks(c, 0, 1);
	if (here == IN_DRAINED)
		conn_write(c, "xyz", 3);
	else
		write_all(peer, "ab", 2);
	shutdown(peer, SHUT_WR);
	run_loop(l);
	turn_loop(l);
	ck_assert_uint_eq(saw.closed, here == IN_CLOSED);
	ck_assert_uint_eq(released, 1);
	ck_assert_int_eq(read(peer, got, sizeof got),
	    here == IN_DRAINED ? 3 : 0);
}
END_TEST

/* Others. */

static void
switching_data(struct conn *conn, void *ctx)
{
	(void)ctx;
	conn_consume(conn, 1);
	conn_set_ops(conn, &stop_ops, NULL);
}

START_TEST(test_set_ops)
{
	static const struct conn_ops ops = {
		.data = switching_data, .closed = on_closed
	};

	connect_pair(&ops, NULL);
	write_all(peer, "ab", 2);
	run_loop(l);
	ck_assert_uint_eq(saw.data, 1);
	ck_assert(slice_eq_str(conn_in(c), "b"));
}
END_TEST

START_TEST(test_names)
{
	char want[64];
	struct sockaddr_in sin;
	socklen_t len = sizeof sin;

	connect_tcp(&keep_ops, arg_text);
	getsockname(peer, (struct sockaddr *)&sin, &len);
	snprintf(want, sizeof want, "127.0.0.1:%u",
	    (unsigned)ntohs(sin.sin_port));
	ck_assert_str_eq(conn_peer(c), want);
	ck_assert_str_eq(conn_peer_host(c), "127.0.0.1");
	getpeername(peer, (struct sockaddr *)&sin, &len);
	snprintf(want, sizeof want, "127.0.0.1:%u",
	    (unsigned)ntohs(sin.sin_port));
	ck_assert_str_eq(conn_local(c), want);
	ck_assert_ptr_eq(conn_ctx(c), arg_text);
	ck_assert_ptr_eq(conn_loop(c), l);
	conn_free(c);
	close(peer);
	connect_pair(&keep_ops, NULL);
	ck_assert_str_eq(conn_peer(c), "unix");
}
END_TEST

static TCase *
cases(void)
{
	TCase *t = tcase_create("all");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, test_frames, 0, NELEM(frame_cases));
	tcase_add_test(t, test_inbuf_bound);
	tcase_add_loop_test(t, test_output_mixed, 0, NELEM(over_tcp));
	tcase_add_test(t, test_output_many_pieces);
	tcase_add_test(t, test_free_releases);
	tcase_add_test(t, test_short_file);
	tcase_add_test(t, test_marks);
	tcase_add_test(t, test_pause);
	tcase_add_test(t, test_pause_inside);
	tcase_add_test(t, test_resume_in_drained);
	tcase_add_test(t, test_turns);
	tcase_add_test(t, test_heavy);
	tcase_add_test(t, test_eof_behind_input);
	tcase_add_test(t, test_peer_closes);
	tcase_add_test(t, test_half_close);
	tcase_add_test(t, test_reset);
	tcase_add_loop_test(t, test_write_to_the_dead, 0, 2);
	tcase_add_test(t, test_finish_with_unread_input);
	tcase_add_test(t, test_finish_lingers_not_forever);
	tcase_add_test(t, test_idle);
	tcase_add_test(t, test_idle_not_while_paused);
	tcase_add_loop_test(t, test_free_inside, IN_DATA, IN_CLOSED + 1);
	tcase_add_test(t, test_set_ops);
	tcase_add_test(t, test_names);
	return (t);
}

int
main(void)
{
	Suite *s = suite_create("conn");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, cases());
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return (failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}
