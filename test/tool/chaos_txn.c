/*
 * Transactions: each writes a few numbered records into two partitions and
 * commits or aborts.  Committed ones must be there whole, aborted ones not at
 * all, and one whose end is not known whole or not at all.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "test/tool/chaos.h"

#define PARTITIONS	2
#define MOST		8		/* records of a transaction */
#define TXNS		1000000

enum outcome { UNKNOWN, COMMITTED, ABORTED };

struct txn {
	uint8_t	outcome;
	uint8_t	n;			/* records */
	uint8_t	found;			/* bits, by the check */
};

struct txns {
	struct chaos		*chaos;
	struct tool_random	 random;
	char			 id[64];	/* and the topic's name */
	rd_kafka_t		*rk;
	struct txn		*v;
	int64_t			 n, known;	/* known: how they ended */
	unsigned		 complaints;
	uint64_t		 did;
};

static void *
make(struct chaos *c)
{
	struct txns *t = xcalloc(1, sizeof *t);

	t->chaos = c;
	t->random.state = c->seed + 2;
	snprintf(t->id, sizeof t->id, "chaos-txn-%s", c->name);
	t->v = xcalloc(TXNS, sizeof *t->v);
	return (t);
}

/* A new producer with the same id: what the old one left open is aborted. */
static void
begin_again(struct txns *t)
{
	const char *const settings[] = {
		"transactional.id", t->id, "transaction.timeout.ms",
		"60000", "linger.ms", "0", NULL
	};
	rd_kafka_error_t *e;
	bool fatal;

	do {
		if (t->rk != NULL)
			rd_kafka_destroy_flags(t->rk,
			    RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
		t->rk = chaos_client(t->chaos, RD_KAFKA_PRODUCER, settings,
		    NULL, NULL);
		fatal = false;
		while (!fatal &&
		    (e = rd_kafka_init_transactions(t->rk, 5000)) != NULL) {
			fatal = !rd_kafka_error_is_retriable(e);
			rd_kafka_error_destroy(e);
		}
	} while (fatal);
}

/* 0: done; 1: it wants to be aborted; -1: nothing is known. */
static int
insist(rd_kafka_error_t *(*call)(rd_kafka_t *, int), rd_kafka_t *rk)
{
	rd_kafka_error_t *e;
	int rc = 0;
	bool again;

	do {
		again = false;
		if ((e = call(rk, 10000)) == NULL)
			return (0);
		if (rd_kafka_error_txn_requires_abort(e))
			rc = 1;
		else if (rd_kafka_error_is_retriable(e) &&
		    !rd_kafka_error_is_fatal(e))
			again = true;
		else
			rc = -1;
		rd_kafka_error_destroy(e);
	} while (again);
	return (rc);
}

static void
write_records(struct txns *t, int64_t id, int n)
{
	char value[64];
	int i, len;

	for (i = 0; i < n; i++) {
		len = snprintf(value, sizeof value, "%" PRId64 " %d of %d", id,
		    i, n);
		rd_kafka_producev(t->rk, RD_KAFKA_V_TOPIC(t->id),
		    RD_KAFKA_V_PARTITION(i % PARTITIONS),
		    RD_KAFKA_V_VALUE(value, (size_t)len),
		    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
		    RD_KAFKA_V_END);
	}
}

static void
one(struct txns *t)
{
	struct txn *x = &t->v[t->n];
	rd_kafka_error_t *e = rd_kafka_begin_transaction(t->rk);
	int rc;

	if (e != NULL) {
		rd_kafka_error_destroy(e);
		begin_again(t);
		return;
	}
	x->n = (uint8_t)(1 + tool_random_below(&t->random, MOST));
	write_records(t, t->n++, x->n);
	if (tool_random_below(&t->random, 4) == 0)
		rc = 1;
	else if ((rc = insist(rd_kafka_commit_transaction, t->rk)) == 0)
		x->outcome = COMMITTED;
	if (rc == 1 && (rc = insist(rd_kafka_abort_transaction, t->rk)) == 0)
		x->outcome = ABORTED;
	if (rc != 0)
		begin_again(t);
	t->known += x->outcome != UNKNOWN;
}

static void
run(void *arg)
{
	struct txns *t = arg;

	chaos_topic(t->chaos, t->id, PARTITIONS, NULL);
	begin_again(t);
	while ((!atomic_load(&t->chaos->stop) || t->known == 0) &&
	    t->n < TXNS)
		one(t);
	rd_kafka_destroy(t->rk);
	t->rk = NULL;
	begin_again(t);		/* ends what is open */
	rd_kafka_destroy(t->rk);
}

static void
found(void *ctx, const rd_kafka_message_t *m)
{
	struct txns *t = ctx;
	int64_t id;
	char s[64];
	int i, n;

	snprintf(s, sizeof s, "%.*s", (int)m->len, (const char *)m->payload);
	if (sscanf(s, "%" SCNd64 " %d of %d", &id, &i, &n) != 3 || id < 0 ||
	    id >= t->n || n != t->v[id].n || i < 0 || i >= n)
		t->complaints += chaos_complain("record '%s' was never "
		    "written", s);
	else if (t->v[id].found & 1 << i)
		t->complaints += chaos_complain("transaction %" PRId64
		    " record %d is there twice", id, i);
	else
		t->v[id].found |= (uint8_t)(1 << i);
}

static unsigned
check(void *arg, uint64_t *did)
{
	static const char *const names[] = { "unknown", "committed",
	    "aborted" };
	struct txns *t = arg;
	int64_t id;
	unsigned complaints;
	int all, got;

	chaos_read(t->chaos, t->id, PARTITIONS, true, found, t);
	for (id = 0; id < t->n; id++) {
		all = (1 << t->v[id].n) - 1;
		got = t->v[id].found;
		if ((got == all && t->v[id].outcome != ABORTED) ||
		    (got == 0 && t->v[id].outcome != COMMITTED))
			continue;
		t->complaints += chaos_complain("transaction %" PRId64
		    ", %s: records %#x of %#x", id, names[t->v[id].outcome],
		    (unsigned)got, (unsigned)all);
	}
	*did = (uint64_t)t->known;
	complaints = t->complaints;
	free(t->v);
	free(t);
	return (complaints);
}

const struct chaos_worker chaos_txn = { "txn", make, run, check };
