/*
 * The handlers: a broker of its own, and a session with it over connections.
 *
 *	u8 flags, then requests of
 *	u16 API, u16 version, u32 length, body (cut at the end of the input)
 *
 * Each is put into a frame with the right header.  Of an API's number 0x8000
 * says the second connection, 0x4000 that the next request does not wait for
 * the answer.  Flags: 1 what follows is sent as it is instead; 2 CRCs of record
 * batches stay as they are; 4 the connections are reset at the end, with
 * requests unanswered; 8 then the broker is started anew on its folder, and the
 * same once more.
 *
 * A body that decodes is changed before it is sent: times that a request waits
 * for are capped, and what only the broker can know stands there as a place to
 * be filled from the answers of the connection (places[] below): "$" as member
 * id, -2 as producer id, epoch, generation or fetch session, ff...ff as topic
 * id.  test/golden/sessions.py makes the corpus.
 *
 * Answers come in order, of a version that was asked for, and decode without a
 * rest; a connection ends only over what is no request, and the broker answers
 * another one afterwards.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <ftw.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "broker/broker.h"
#include "kafka/frame.h"
#include "kafka/messages.h"
#include "kafka/records.h"
#include "test/fuzz/fuzz.h"
#include "test/fuzz/scratch.h"

#define RAW		1
#define NO_FIT		2
#define LEAVE		4
#define AGAIN		8
#define SECOND		0x8000
#define NO_WAIT		0x4000

#define REQUESTS	32	/* of one input */
#define RAW_MAX		(64u << 10)
#define LIMIT		(64u << 20)	/* of an answer */
#define ANSWER_S	30

FUZZ_STRIDE(97);		/* an input takes some ms: a start, a stop */

/* --- the broker --- */

static const char *path;
static struct broker *broker;
static struct fs fast;

static const char *const settings[][2] = {
	{ "listen", "127.0.0.1:0" },
	{ "num.network.threads", "2" },
	{ "dir.max.bytes", "64m" },
	{ "dir.reserve.bytes", "0" },
	{ "max.partitions", "64" },
	{ "max.groups", "16" },
	{ "group.max.size", "8" },
	{ "group.min.session.timeout.ms", "1" },
	{ "max.transactional.ids", "16" },
	{ "max.producers.per.partition", "16" },
	{ "max.incremental.fetch.session.cache.slots", "4" },
	{ "offsets.topic.num.partitions", "2" },
	{ "transaction.state.log.num.partitions", "2" },
	{ "log.segment.bytes", "4k" },
};

static void
leave(void)
{
	rmdir(path);
}

static void
init(void)
{
	scratch_begin(&path, &fast);
	atexit(leave);
}

static void
start(void)
{
	void *cfg = xcalloc(1, broker_settings_size);
	struct conf_problems problems = { NULL, 0, 0, 0 };
	struct conf *root = conf_new();
	size_t i;

	for (i = 0; i < sizeof settings / sizeof settings[0]; i++)
		conf_set(root, settings[i][0], settings[i][1], "fuzz", 1);
	CHECK(settings_fill(broker_settings, cfg, root, &problems) == 0);
	CHECK(broker_start(&broker, cfg, path, &fast, NULL) == 0);
	settings_fini(broker_settings, cfg);
	conf_problems_fini(&problems);
	conf_free(root);
	free(cfg);
}

static int
delete(const char *name, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	return (ftw->level == 0 ? 0 : remove(name));
}

static void
clean(void)
{
	CHECK(nftw(path, delete, 16, FTW_DEPTH | FTW_PHYS) == 0);
}

/* --- what is filled in, what is capped --- */

enum place { MEMBER, PRODUCER, EPOCH, GENERATION, SESSION, TOPIC, NPLACES };

static const struct {
	const char	*name;
	uint8_t		 kind;
	enum place	 place;
} places[] = {
	{ "member_id", KK_STR, MEMBER },
	{ "producer_id", KK_I64, PRODUCER },
	{ "producer_epoch", KK_I16, EPOCH },
	{ "generation_id", KK_I32, GENERATION },
	{ "generation_id_or_member_epoch", KK_I32, GENERATION },
	{ "session_id", KK_I32, SESSION },
	{ "topic_id", KK_UUID, TOPIC },
};

static const struct {
	const char	*name;
	int32_t		 most;
} caps[] = {
	{ "max_wait_ms", 5 },
	{ "rebalance_timeout_ms", 20 },
};
#define OLD_REBALANCE_MS	100	/* JoinGroup 0 has one time for both */

/* Of the answers of one connection: the first of each message counts. */
struct memory {
	char		 member[256];
	size_t		 nmember;
	int64_t		 number[NPLACES];
	struct kuuid	 topic;
};

struct visit {
	struct memory	*memory;
	struct arena	*arena;
	unsigned	 flags;
	unsigned	 seen;		/* places, learning */
	bool		 old_join;
};
typedef void visitor(struct visit *, const struct kfield *, void *);

static void
walk(const struct kdesc *d, void *at, visitor *fn, struct visit *v)
{
	const struct kfield *f;
	struct karray *a;
	uint8_t *p;
	int32_t i;

	for (f = d->fields; f < d->fields + d->nfields; f++) {
		p = (uint8_t *)at + f->offset;
		a = (struct karray *)p;
		if (f->kind != KK_STRUCT && !f->array)
			fn(v, f, p);
		else if (f->kind == KK_STRUCT && !f->array)
			walk(f->child, p, fn, v);
		for (i = 0; f->kind == KK_STRUCT && f->array && i < a->n; i++)
			walk(f->child, (uint8_t *)a->v + (size_t)i *
			    f->child->size, fn, v);
	}
}

static int64_t
number(const struct kfield *f, const void *p)
{
	return (f->kind == KK_I64 ? *(const int64_t *)p :
	    f->kind == KK_I32 ? *(const int32_t *)p : *(const int16_t *)p);
}

static void
set_number(const struct kfield *f, void *p, int64_t n)
{
	if (f->kind == KK_I64)
		*(int64_t *)p = n;
	else if (f->kind == KK_I32)
		*(int32_t *)p = (int32_t)n;
	else
		*(int16_t *)p = (int16_t)n;
}

/* Which place the field is, NPLACES if none. */
static enum place
place_of(const struct kfield *f)
{
	size_t i;

	for (i = 0; i < sizeof places / sizeof places[0]; i++)
		if (places[i].kind == f->kind &&
		    strcmp(places[i].name, f->name) == 0)
			return (places[i].place);
	return (NPLACES);
}

static bool
all_bytes(const struct kuuid *u, uint8_t value)
{
	size_t i;

	for (i = 0; i < sizeof u->b; i++)
		if (u->b[i] != value)
			return (false);
	return (true);
}

/* Producers of batches, then CRCs. */
static void
fit_batches(struct visit *v, struct slice *s)
{
	struct slice in = arena_copy(v->arena, *s);
	const struct memory *m = v->memory;
	struct kbatch b;
	uint8_t *p;

	CHECK(in.p != NULL);
	*s = in;
	while (kbatch_parse(in, &b, NULL) == 0 && kbatch_size(&b) <= in.len) {
		p = (uint8_t *)(uintptr_t)in.p;
		if (b.producer_id == -2)
			kbatch_set_producer(p, m->number[PRODUCER],
			    (int16_t)m->number[EPOCH], b.base_sequence,
			    (b.attributes & KATTR_TRANSACTIONAL) != 0);
		if ((v->flags & NO_FIT) == 0)
			put_be32(p + 17, kbatch_crc(slice_of(p,
			    kbatch_size(&b))));
		in.p += kbatch_size(&b);
		in.len -= kbatch_size(&b);
	}
}

static void
cap(const struct kfield *f, void *p, const char *name, int32_t most)
{
	if (f->kind == KK_I32 && strcmp(f->name, name) == 0 &&
	    *(int32_t *)p > most)
		*(int32_t *)p = most;
}

/* A field of a request, before it is sent. */
static void
adapt(struct visit *v, const struct kfield *f, void *p)
{
	const struct memory *m = v->memory;
	enum place place = place_of(f);
	struct slice *s = p;
	size_t i;

	if (f->kind == KK_RECORDS && s->len > 0)
		fit_batches(v, s);
	else if (place == MEMBER && slice_eq_str(*s, "$"))
		*s = slice_of(m->member, m->nmember);
	else if (place == TOPIC && all_bytes(p, 0xff))
		*(struct kuuid *)p = m->topic;
	else if (place != MEMBER && place != TOPIC && place != NPLACES &&
	    number(f, p) == -2)
		set_number(f, p, m->number[place]);
	for (i = 0; i < sizeof caps / sizeof caps[0]; i++)
		cap(f, p, caps[i].name, caps[i].most);
	if (v->old_join)
		cap(f, p, "session_timeout_ms", OLD_REBALANCE_MS);
}

static void
check_batches(struct slice in)
{
	struct kbatch b;

	while (in.len > 0) {
		CHECK(kbatch_check(in, &b, NULL) == 0);
		in.p += kbatch_size(&b);
		in.len -= kbatch_size(&b);
	}
}

/* A field of an answer. */
static void
learn(struct visit *v, const struct kfield *f, void *p)
{
	struct memory *m = v->memory;
	enum place place = place_of(f);
	const struct slice *s = p;

	if (f->kind == KK_RECORDS)
		check_batches(*s);
	if (place == NPLACES || (v->seen & 1u << place) != 0)
		return;
	if (place == MEMBER) {
		if (s->len == 0 || s->len > sizeof m->member)
			return;
		memcpy(m->member, s->p, s->len);
		m->nmember = s->len;
	} else if (place == TOPIC) {
		if (all_bytes(p, 0))
			return;
		m->topic = *(struct kuuid *)p;
	} else {
		if (number(f, p) < 0 || (place == SESSION &&
		    number(f, p) == 0))
			return;
		m->number[place] = number(f, p);
	}
	v->seen |= 1u << place;
}

/* --- a connection --- */

struct asked {			/* a request that was sent */
	const struct kapi	*api;	/* NULL: not known */
	int			 version;	/* of the answer */
	bool			 may_close;
	bool			 may_be_silent;
	bool			 silent;
};

struct peer {
	int		 fd;		/* -1: none */
	int32_t		 sent, got;	/* correlation ids: next to be sent,
					   answered */
	struct asked	 asked[REQUESTS + 1];
	struct memory	 memory;
};

static void
peer_connect(struct peer *p)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct linger reset = { .l_onoff = 1 };
	struct timeval tv = { .tv_sec = ANSWER_S };
	int one = 1;
	const char *port = strrchr(broker_address(broker), ':') + 1;

	sin.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(p->fd != -1);
	/* libFuzzer has an alarm. */
	while (connect(p->fd, (struct sockaddr *)&sin, sizeof sin) == -1)
		if (errno != EINTR)
			err(1, "connect");
	setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	p->sent = p->got = 0;
}

static void
peer_close(struct peer *p)
{
	if (p->fd != -1)
		close(p->fd);
	p->fd = -1;
}

/* What is not taken any more is seen when reading. */
static void
peer_write(struct peer *p, const uint8_t *b, size_t n)
{
	ssize_t done;

	while (n > 0 && ((done = send(p->fd, b, n, MSG_NOSIGNAL)) > 0 ||
	    errno == EINTR)) {
		done = done == -1 ? 0 : done;
		b += done;
		n -= (size_t)done;
	}
}

/* False: the connection ended before the first byte. */
static bool
peer_bytes(struct peer *p, uint8_t *b, size_t n)
{
	size_t done = 0;
	ssize_t k;

	while (done < n) {
		k = recv(p->fd, b + done, n - done, 0);
		if (k == -1 && errno == EINTR)
			continue;
		CHECK(k >= 0 || errno == ECONNRESET);	/* no answer */
		if (k <= 0) {
			CHECK(done == 0 || k == -1);
			return (false);
		}
		done += (size_t)k;
	}
	return (true);
}

/* The next frame without its length, to be freed; p NULL at the end. */
static struct slice
peer_frame(struct peer *p)
{
	uint8_t head[KFRAME_PREFIX], *b;
	uint32_t n;

	if (!peer_bytes(p, head, sizeof head))
		return (SLICE_NULL);
	n = get_be32(head);
	CHECK(n >= 4 && n <= LIMIT);
	b = xmalloc(n);
	if (!peer_bytes(p, b, n)) {
		free(b);
		return (SLICE_NULL);
	}
	return (slice_of(b, n));
}

static void
check_answer(struct peer *p, const struct asked *q, struct slice frame)
{
	struct visit v = { .memory = &p->memory };
	struct arena arena;
	struct slice body;
	int32_t id;
	size_t used;
	void *out;

	CHECK(q->api != NULL && kapi_serves(q->api, q->version));
	CHECK(kframe_response(frame, q->api, q->version, &id, &body, NULL) ==
	    0);
	CHECK(id == p->got);
	arena_init(&arena, 4096, LIMIT);
	out = xcalloc(1, q->api->response->size);
	CHECK(kw_decode_prefix(q->api->response, q->version, body, &used,
	    &arena, out, NULL) == 0);
	CHECK(used == body.len);
	walk(q->api->response, out, learn, &v);
	free(out);
	arena_fini(&arena);
}

/* The broker has ended the connection: was there a reason? */
static void
check_end(struct peer *p)
{
	int32_t i;

	for (i = p->got; i < p->sent && !p->asked[i].may_close; i++)
		;
	CHECK(i < p->sent);
	peer_close(p);
}

/* Takes one answer, or the end. */
static void
peer_read(struct peer *p)
{
	struct slice frame = peer_frame(p);

	if (frame.p == NULL) {
		check_end(p);
		return;
	}
	while (p->got < p->sent && p->asked[p->got].may_be_silent &&
	    (int32_t)get_be32(frame.p) != p->got)
		p->got++;
	CHECK(p->got < p->sent && !p->asked[p->got].silent);
	check_answer(p, &p->asked[p->got], frame);
	p->got++;
	free((void *)(uintptr_t)frame.p);
}

/* Waits for all answers that are sure to come, or the end. */
static void
peer_await(struct peer *p)
{
	int32_t last = p->sent;

	while (last > 0 && p->asked[last - 1].may_be_silent)
		last--;
	while (p->fd != -1 && p->got < last)
		peer_read(p);
}

/* --- requests --- */

struct said {
	uint16_t	 api, version;
	struct slice	 body;
};

/* The header of an API that is not known is the old one. */
static size_t
begin(struct kwriter *w, const struct kapi *api, const struct said *q,
    int32_t id)
{
	size_t at = w->len;

	if (api != NULL)
		return (kframe_request_begin(w, api, (int16_t)q->version, id,
		    SLICE("fuzz")));
	kwrite_i32(w, 0);
	kwrite_i16(w, (int16_t)(q->api & ~(SECOND | NO_WAIT)));
	kwrite_i16(w, (int16_t)q->version);
	kwrite_i32(w, id);
	kwrite_str(w, SLICE("fuzz"));
	return (at);
}

/* The body as it is sent, and what that may lead to. */
static void
write_body(struct peer *p, const struct kapi *api, const struct said *q,
    unsigned flags, struct kwriter *w)
{
	struct asked *a = &p->asked[p->sent];
	struct visit v = { .memory = &p->memory, .flags = flags };
	struct arena arena;
	size_t at = w->len;
	void *in;

	arena_init(&arena, 4096, LIMIT);
	in = xcalloc(1, api->request->size);
	if (kw_decode(api->request, q->version, q->body, &arena, in, NULL) ==
	    -1) {
		a->may_close = true;
		a->may_be_silent = api->key == KAPI_Produce;
		kwrite_raw(w, q->body.p, q->body.len);
	} else {
		/* The broker allows each byte 16 of memory. */
		a->may_close = arena.used > 8 * q->body.len + (32u << 10);
		a->silent = api->key == KAPI_Produce &&
		    ((struct km_produce_request *)in)->acks == 0;
		a->may_close |= a->silent;
		a->may_be_silent = a->silent;
		v.arena = &arena;
		v.old_join = api->key == KAPI_JoinGroup && q->version == 0;
		walk(api->request, in, adapt, &v);
		kw_encode(api->request, q->version, in, w);
		CHECK(!w->full && w->len >= at);
	}
	free(in);
	arena_fini(&arena);
}

static void
say(struct peer *p, const struct said *q, unsigned flags)
{
	int key = q->api & ~(SECOND | NO_WAIT);
	const struct kapi *api = kapi_get(key);
	struct asked *a;
	struct kwriter w;
	size_t at;

	if (p->fd == -1)
		peer_connect(p);
	a = &p->asked[p->sent];
	*a = (struct asked){ .api = api, .version = q->version };
	kwriter_init(&w, 256, LIMIT);
	at = begin(&w, api, q, p->sent);
	if (api != NULL && kapi_serves(api, (int16_t)q->version)) {
		write_body(p, api, q, flags, &w);
	} else {
		/* A version of ApiVersions is answered with what is there. */
		a->may_close = key != KAPI_ApiVersions;
		a->version = key == KAPI_ApiVersions ? 0 : q->version;
		kwrite_raw(&w, q->body.p, q->body.len);
	}
	kframe_end(&w, at, 0);
	p->sent++;
	peer_write(p, w.base, w.len);
	kwriter_fini(&w);
}

static const struct said versions = { .api = KAPI_ApiVersions };

static void
run_session(struct slice in, unsigned flags)
{
	struct peer peers[2] = { { .fd = -1 }, { .fd = -1 } }, *p;
	struct said q;
	uint32_t n;
	int i;

	for (i = 0; i < REQUESTS && in.len >= 8; i++) {
		q.api = get_be16(in.p);
		q.version = get_be16(in.p + 2);
		n = get_be32(in.p + 4);
		in = slice_of(in.p + 8, in.len - 8);
		if (n > in.len)
			n = (uint32_t)in.len;
		q.body = slice_of(in.p, n);
		in = slice_of(in.p + n, in.len - n);
		p = &peers[(q.api & SECOND) != 0];
		say(p, &q, flags);
		if ((q.api & NO_WAIT) == 0)
			peer_await(p);
	}
	for (p = peers; p < peers + 2; p++) {
		/* What is silent is so for good. */
		if (p->fd != -1 && (flags & LEAVE) == 0) {
			say(p, &versions, flags);
			peer_await(p);
		}
		peer_close(p);
	}
}

/* --- bytes as they are --- */

/* The correlation ids of the frames in there, in order, -1 at the end. */
static int32_t
next_id(struct slice *in)
{
	struct kframe h;
	uint32_t n;

	if (kframe_length(*in, RAW_MAX, &n, NULL) != 0 ||
	    in->len - KFRAME_PREFIX < n ||
	    kframe_request(slice_of(in->p + KFRAME_PREFIX, n), &h, NULL) ==
	    -1) {
		in->len = 0;
		return (-1);
	}
	*in = slice_of(in->p + KFRAME_PREFIX + n, in->len - KFRAME_PREFIX - n);
	return (h.correlation_id);
}

static void
run_raw(struct slice in)
{
	struct peer p = { .fd = -1 };
	struct slice frame;
	int32_t id;

	if (in.len > RAW_MAX)
		in.len = RAW_MAX;
	peer_connect(&p);
	peer_write(&p, in.p, in.len);
	CHECK(shutdown(p.fd, SHUT_WR) == 0 || errno == ENOTCONN);
	while ((frame = peer_frame(&p)).p != NULL) {
		id = (int32_t)get_be32(frame.p);
		while (in.len > 0 && next_id(&in) != id)
			;
		free((void *)(uintptr_t)frame.p);
	}
	peer_close(&p);
}

static void
check_alive(void)
{
	struct peer p = { .fd = -1 };

	say(&p, &versions, 0);
	peer_await(&p);
	CHECK(p.got == 1);
	peer_close(&p);
}

static void
run(struct slice in, unsigned flags)
{
	start();
	if ((flags & RAW) != 0)
		run_raw(in);
	else
		run_session(in, flags);
	check_alive();
	broker_stop(broker);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;

	if (size == 0)
		return (0);
	if (!ready)
		init();
	ready = true;
	run(slice_of(data + 1, size - 1), data[0]);
	if ((data[0] & AGAIN) != 0)
		run(slice_of(data + 1, size - 1), data[0]);
	clean();
	return (0);
}
