/* One transactional id as a state machine: every event in every state, what
 * only some paths reach, and random walks over a log that is cut. */
#include "test/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "broker/txn.h"
#include "broker/txn_log.h"
#include "kafka/errors.h"

#define PID	7
#define REQ	((void *)1)

static struct txn *t;
static struct txn_actions out;
static char text[256];

static const char *const letters[] = {
	"E", "O", "PC", "PA", "CC", "CA", "D"
};

/* "W:PA+1 51": the actions, with what is written and how the epoch changes, and
 * the answers' errors. */
static const char *
said(void)
{
	size_t i, n = 0;

	text[0] = '\0';
	for (i = 0; i < out.n; i++) {
		n += (size_t)snprintf(text + n, sizeof text - n, "%s",
		    i == 0 ? "" : " ");
		switch (out.v[i].type) {
		case TXN_ANSWER:
			n += (size_t)snprintf(text + n, sizeof text - n, "%d",
			    out.v[i].error);
			break;
		case TXN_WRITE:
			n += (size_t)snprintf(text + n, sizeof text - n,
			    "W:%s%+d", letters[t->next.state],
			    t->next.epoch - t->now.epoch);
			break;
		case TXN_BEGIN:
			n += (size_t)snprintf(text + n, sizeof text - n, "B");
			break;
		case TXN_SYNC:
			n += (size_t)snprintf(text + n, sizeof text - n, "S");
			break;
		case TXN_MARK:
			n += (size_t)snprintf(text + n, sizeof text - n, "M");
			break;
		case TXN_LATER:
			n += (size_t)snprintf(text + n, sizeof text - n, "L");
			break;
		}
	}
	out.n = 0;
	return (text);
}

#define SAID(s)	ck_assert_str_eq(said(), s)

static void
written(void)
{
	txn_written(t, KERR_NONE, 100, &out);
}

static void
init(int64_t pid, int epoch)
{
	struct txn_init ev = { .req = REQ, .timeout_ms = 1000,
	    .producer_id = pid, .epoch = (int16_t)epoch, .new_id = PID };

	if (t->now.producer_id != -1)
		ev.new_id = t->now.producer_id + 1;
	txn_init(t, &ev, 100, &out);
}

static void
add(const char *topic, int16_t version)
{
	struct txn_name name = { slice_str(topic), 0 };
	struct txn_adding ev = { REQ, version, &name, 1 };
	int16_t error = txn_check(t, t->now.producer_id, t->now.epoch);

	ck_assert_int_eq(error, KERR_NONE);
	txn_add(t, &ev, 100, &out);
}

static void
end_as(int64_t pid, int epoch, int16_t version, bool commit)
{
	struct txn_ending ev = { REQ, version, pid, (int16_t)epoch, commit,
	    pid + 1 };
	int16_t error = version >= 2 ?
	    txn_check_end(t, pid, (int16_t)epoch) :
	    txn_check(t, pid, (int16_t)epoch);

	if (error == KERR_NONE)
		txn_end(t, &ev, 100, &out);
	else {
		GROW(out.v, out.n, out.cap);
		out.v[out.n++] = (struct txn_action){ .type = TXN_ANSWER,
		    .error = error };
	}
}

static void
end(int16_t version, bool commit)
{
	end_as(t->now.producer_id, t->now.epoch, version, commit);
}

static void
mark_all(void)
{
	size_t i;

	for (i = 0; i < t->nparts; i++)
		t->parts[i].marked = true;
	txn_marked(t, 100, &out);
}

/* --- how to get to each state --- */

static void
make(void)
{
	txn_free(t);
	t = txn_new(SLICE("id"));
	init(-1, -1);
	SAID("W:E+1");
	written();
	SAID("0");
	ck_assert_int_eq(t->now.producer_id, PID);
}

static void
make_ongoing(int16_t version)
{
	make();
	add("t", version);
	SAID("W:O+0");
	written();
	SAID("B");
}

static void
make_prepared(int16_t version, bool commit)
{
	make_ongoing(version);
	end(version, commit);
	if (commit)
		txn_synced(t, KERR_NONE, &out);
	written();
	out.n = 0;
}

static void
make_complete(int16_t version, bool commit)
{
	make_prepared(version, commit);
	mark_all();
	written();
	out.n = 0;
}

static void
make_state(int state)
{
	switch (state) {
	case 0: make(); break;
	case 1: make_ongoing(0); break;
	case 2: make_prepared(0, true); break;
	case 3: make_prepared(0, false); break;
	case 4: make_complete(0, true); break;
	case 5: make_complete(0, false); break;
	case 6: make_ongoing(2); break;
	case 7: make_prepared(2, true); break;
	case 8: make_prepared(2, false); break;
	case 9: make_complete(2, true); break;
	case 10: make_complete(2, false); break;
	case 11: make(); init(-1, -1); break;
	case 12: make_ongoing(0); add("u", 0); break;
	case 13: make_ongoing(0); end(0, true); break;
	case 14: make_ongoing(0); txn_fence(t, 100, &out); break;
	case 15: make_prepared(0, true); mark_all(); break;
	}
	out.n = 0;
}

static void
do_event(int event)
{
	int64_t pid = t->now.producer_id;
	int epoch = t->now.epoch;

	switch (event) {
	case 0: init(-1, -1); break;
	case 1: init(pid, epoch); break;
	case 2: init(pid, epoch - 5); break;
	case 3: add("t", 0); break;
	case 4: add("x", 0); break;
	case 5: end(0, true); break;
	case 6: end(0, false); break;
	case 7: end(2, true); break;
	case 8: end(2, false); break;
	case 9: end_as(pid, epoch - 1, 2, true); break;
	case 10: end_as(pid, epoch - 1, 2, false); break;
	case 11: end_as(pid + 1, epoch, 0, true); break;
	}
}

#define EVENTS	12
static const struct {
	const char *state;
	/* init, with the epoch, with an old one, add one it has, another;
	 * version 1 commit, abort; version 2 commit, abort, and the same again
	 * with the epoch before; another producer's */
	const char *said[EVENTS];
} table[] = {
	{ "Empty", { "W:E+1", "W:E+1", "90", "W:O+0", "W:O+0", "48", "48",
	    "48", "W:PA+1", "90", "90", "49" } },
	{ "Ongoing", { "W:PA+1 51", "W:PA+1 51", "90", "B", "W:O+0", "S",
	    "W:PA+0", "S", "W:PA+1", "90", "90", "49" } },
	{ "PrepareCommit", { "51", "51", "51", "51", "51", "51", "48", "51",
	    "51", "90", "90", "49" } },
	{ "PrepareAbort", { "51", "51", "51", "51", "51", "48", "51", "51",
	    "51", "90", "90", "49" } },
	{ "CompleteCommit", { "W:E+1", "W:E+1", "90", "W:O+0", "W:O+0", "0",
	    "48", "48", "W:PA+1", "90", "90", "49" } },
	{ "CompleteAbort", { "W:E+1", "W:E+1", "90", "W:O+0", "W:O+0", "48",
	    "0", "48", "W:PA+1", "90", "90", "49" } },
	{ "Ongoing 2", { "W:PA+1 51", "W:PA+1 51", "90", "B", "W:O+0", "S",
	    "W:PA+0", "S", "W:PA+1", "90", "90", "49" } },
	{ "PrepareCommit 2", { "51", "51", "51", "51", "51", "51", "48", "51",
	    "51", "51", "48", "49" } },
	{ "PrepareAbort 2", { "51", "51", "51", "51", "51", "48", "51", "51",
	    "51", "48", "51", "49" } },
	{ "CompleteCommit 2", { "W:E+1", "W:E+1", "90", "W:O+0", "W:O+0", "0",
	    "48", "48", "W:PA+1", "0", "48", "49" } },
	{ "CompleteAbort 2", { "W:E+1", "W:E+1", "90", "W:O+0", "W:O+0", "48",
	    "0", "48", "W:PA+1", "48", "0", "49" } },
	{ "init writing", { "51", "51", "51", "51", "51", "51", "51", "51",
	    "51", "90", "90", "49" } },
	{ "add writing", { "51", "51", "51", "51", "51", "51", "51", "51",
	    "51", "90", "90", "49" } },
	{ "syncing", { "51", "51", "51", "51", "51", "51", "51", "51", "51",
	    "90", "90", "49" } },
	{ "fencing", { "51", "51", "51", "51", "51", "51", "51", "51", "51",
	    "90", "90", "49" } },
	{ "completing", { "51", "51", "51", "51", "51", "51", "48", "51",
	    "51", "90", "90", "49" } },
};

START_TEST(every_event_in_every_state)
{
	int event;

	for (event = 0; event < EVENTS; event++) {
		make_state(_i);
		do_event(event);
		ck_assert_msg(strcmp(said(), table[_i].said[event]) == 0,
		    "%s, event %d: \"%s\", not \"%s\"", table[_i].state,
		    event, text, table[_i].said[event]);
	}
}
END_TEST

/* --- the whole way --- */

START_TEST(commits_in_order)
{
	make_ongoing(0);
	end(0, true);
	SAID("S");			/* the data */
	txn_synced(t, KERR_NONE, &out);
	SAID("W:PC+0");
	ck_assert_int_eq(t->now.state, TXN_ONGOING);
	written();
	SAID("0 M");			/* the answer, then markers */
	txn_marked(t, 100, &out);
	SAID("L");			/* none is marked */
	txn_again(t, 100, &out);
	SAID("M");
	ck_assert_int_eq(t->now.state, TXN_PREPARE_COMMIT);
	mark_all();
	SAID("W:CC+0");
	txn_written(t, KERR_COORDINATOR_NOT_AVAILABLE, 100, &out);
	SAID("L");
	txn_again(t, 100, &out);
	SAID("W:CC+0");
	written();
	SAID("");
	ck_assert_int_eq(t->nparts, 0);
	ck_assert_int_eq(txn_busy(t), false);
}
END_TEST

START_TEST(what_fails_is_undone)
{
	make();
	add("t", 0);
	out.n = 0;
	txn_written(t, KERR_COORDINATOR_NOT_AVAILABLE, 100, &out);
	SAID("15");
	ck_assert_int_eq(t->nparts, 0);
	ck_assert_int_eq(t->now.state, TXN_EMPTY);
	make_ongoing(0);
	add("u", 0);
	out.n = 0;
	txn_written(t, KERR_COORDINATOR_NOT_AVAILABLE, 100, &out);
	SAID("15");
	ck_assert_int_eq(t->nparts, 1);
	add("u", 0);
	SAID("W:O+0");			/* not "it has it already" */
	written();
	SAID("B");
	end(0, true);
	SAID("S");
	txn_synced(t, KERR_COORDINATOR_NOT_AVAILABLE, &out);
	SAID("15");
	end(0, true);
	SAID("S");
	txn_synced(t, KERR_NONE, &out);
	SAID("W:PC+0");
	txn_written(t, KERR_COORDINATOR_NOT_AVAILABLE, 100, &out);
	SAID("15");
	ck_assert_int_eq(t->now.state, TXN_ONGOING);
}
END_TEST

START_TEST(timeout_bumps_the_epoch)
{
	make_ongoing(0);
	ck_assert(!txn_overdue(t, 1099));
	ck_assert(txn_overdue(t, 1100));
	txn_fence(t, 1100, &out);
	SAID("W:PA+1");
	txn_written(t, KERR_COORDINATOR_NOT_AVAILABLE, 100, &out);
	SAID("L");			/* and nothing else meanwhile */
	ck_assert(txn_busy(t) && !txn_overdue(t, 2000));
	txn_again(t, 100, &out);
	SAID("W:PA+1");
	written();
	SAID("M");
	ck_assert_int_eq(txn_check(t, PID, 0), KERR_PRODUCER_FENCED);
	mark_all();
	written();
	out.n = 0;
	end_as(PID, 0, 0, true);
	SAID("90");
	ck_assert(!txn_silent(t, 1099, 1000));
	ck_assert(txn_silent(t, 1100, 1000));
}
END_TEST

START_TEST(init_aborts_and_then_gets_an_epoch)
{
	make_ongoing(0);
	init(-1, -1);
	SAID("W:PA+1 51");
	written();
	mark_all();
	written();
	SAID("M W:CA+0");
	init(-1, -1);
	SAID("W:E+1");
	written();
	ck_assert_int_eq(t->now.epoch, 2);
	out.n = 0;
	/* Who continues gets the epoch that aborted its own. */
	make_ongoing(0);
	init(PID, 0);
	SAID("W:PA+1 51");
	written();
	mark_all();
	written();
	out.n = 0;
	init(PID, 0);
	ck_assert_int_eq(out.v[0].epoch, 1);
	SAID("0");
}
END_TEST

/* KIP-360: the answer was lost, the client asks the same again. */
START_TEST(init_repeated)
{
	make();
	init(PID, 0);
	written();
	ck_assert_int_eq(t->now.epoch, 1);
	out.n = 0;
	init(PID, 0);
	ck_assert_int_eq(out.v[0].epoch, 1);
	SAID("0");
	init(-1, -1);
	written();
	out.n = 0;
	init(PID, 0);			/* a zombie's now */
	SAID("90");
}
END_TEST

START_TEST(epochs_run_out)
{
	make();
	t->now.epoch = TXN_EPOCH_LAST;
	init(PID, TXN_EPOCH_LAST);
	SAID("W:E-32766");
	written();
	SAID("0");
	ck_assert_int_eq(t->now.producer_id, PID + 1);
	ck_assert_int_eq(t->now.previous_id, PID);
	init(PID, TXN_EPOCH_LAST);	/* its answer was lost */
	ck_assert_int_eq(out.v[0].producer_id, PID + 1);
	SAID("0");
	init(PID, 5);
	SAID("90");
	/* A fence has the one epoch above the last. */
	make_ongoing(0);
	t->now.epoch = TXN_EPOCH_LAST;
	txn_fence(t, 100, &out);
	SAID("W:PA+1");
	written();
	mark_all();
	written();
	out.n = 0;
	init(-1, -1);
	written();
	ck_assert_int_eq(t->now.producer_id, PID + 1);
	ck_assert_int_eq(t->now.epoch, 0);
	out.n = 0;
}
END_TEST

START_TEST(version_2_changes_the_id_when_epochs_run_out)
{
	make_ongoing(2);
	t->now.epoch = TXN_EPOCH_LAST;
	end(2, true);
	txn_synced(t, KERR_NONE, &out);
	SAID("S W:PC+1");
	written();
	ck_assert_int_eq(out.v[0].producer_id, PID + 1);
	ck_assert_int_eq(out.v[0].epoch, 0);
	SAID("0 M");
	ck_assert_int_eq(t->now.producer_id, PID);	/* markers have it */
	/* The client goes on with what it was told, and has to wait. */
	ck_assert_int_eq(txn_check(t, PID + 1, 0), KERR_NONE);
	end_as(PID + 1, 0, 2, false);
	SAID("51");
	end_as(PID, TXN_EPOCH_LAST, 2, true);
	SAID("51");
	end_as(PID, TXN_EPOCH_LAST, 2, false);
	SAID("48");
	mark_all();
	written();
	out.n = 0;
	ck_assert_int_eq(t->now.producer_id, PID + 1);
	ck_assert_int_eq(t->now.epoch, 0);
	end_as(PID, TXN_EPOCH_LAST, 2, true);
	ck_assert_int_eq(out.v[0].producer_id, PID + 1);
	SAID("0");
	end_as(PID, TXN_EPOCH_LAST, 2, false);
	SAID("48");
}
END_TEST

/* An epoch for each transaction: the end of the last one is not taken for the
 * end of this one, which is what version 1 cannot tell. */
START_TEST(version_2_knows_late_ends)
{
	make_complete(2, true);
	add("t", 2);
	written();
	out.n = 0;
	end_as(PID, 0, 2, true);
	SAID("90");
	ck_assert_int_eq(t->now.state, TXN_ONGOING);
	end_as(PID, 1, 2, false);
	SAID("W:PA+1");
	/* An abort of what never began. */
	make();
	end(2, false);
	SAID("W:PA+1");
	written();
	SAID("0 W:CA+0");
	written();
	ck_assert_int_eq(t->now.epoch, 1);
}
END_TEST

START_TEST(a_topic_that_is_deleted_drops_out)
{
	make_ongoing(0);
	add("u", 0);
	written();
	end(0, true);
	txn_synced(t, KERR_NONE, &out);
	written();
	out.n = 0;
	txn_part(t, SLICE("t"), 0)->marked = true;
	txn_marked(t, 100, &out);
	SAID("L");
	txn_forget(t, SLICE("u"));
	txn_again(t, 100, &out);
	SAID("M");
	txn_marked(t, 100, &out);
	SAID("W:CC+0");
}
END_TEST

/* --- the log --- */

static struct slice
record(const struct txn *x)
{
	static struct records rs = RECORDS_INIT;
	struct slice v;

	records_drop(&rs);
	records_txn(&rs, x);
	v = records_last_value(&rs);
	return (slice_of(xstrndup(v.p, v.len), v.len));
}

static struct txn *
from_record(struct slice v)
{
	struct txn *x = txn_new(SLICE("id"));

	UNIT_OK(txn_log_restore(x, v, e));
	return (x);
}

START_TEST(through_the_log)
{
	struct slice v;

	make_ongoing(0);
	add("u", 0);
	v = record(t);
	ck_assert_int_eq(v.p[1], 0);	/* version 0 is enough */
	txn_free(t);
	t = from_record(v);
	free((void *)v.p);
	ck_assert_int_eq(t->now.state, TXN_ONGOING);
	ck_assert_int_eq(t->nparts, 2);
	ck_assert_int_eq(t->now.timeout_ms, 1000);
	ck_assert_int_eq(t->now.start_ms, 100);
	out.n = 0;
	txn_restored(t, true, 200, &out);
	SAID("B");
	txn_restored(t, false, 200, &out);
	SAID("W:PA+1");
	written();
	SAID("M");

	make_ongoing(2);
	t->now.epoch = TXN_EPOCH_LAST;
	end(2, true);
	out.n = 0;
	v = record(t);
	ck_assert_int_eq(v.p[1], 1);
	txn_free(t);
	t = from_record(v);
	free((void *)v.p);
	txn_restored(t, false, 200, &out);
	SAID("M");
	mark_all();
	SAID("W:CC-32767");
	ck_assert_int_eq(t->next.producer_id, PID + 1);
}
END_TEST

START_TEST(damaged_records_are_refused)
{
	struct err err = ERR_INIT;
	struct txn *x = txn_new(SLICE("id"));
	struct slice v, id;
	uint8_t *p;
	size_t n;

	make_ongoing(0);
	end(0, false);
	out.n = 0;
	v = record(t);
	for (n = 0; n < v.len; n++) {
		ck_assert_int_eq(txn_log_restore(x, slice_of(v.p, n), &err),
		    -1);
		ck_assert_int_eq(err.code, ERR_CORRUPT);
		err = (struct err)ERR_INIT;
	}
	p = (uint8_t *)v.p;
	p[16] = 9;			/* the status */
	ck_assert_int_eq(txn_log_restore(x, v, &err), -1);
	ck_assert_int_eq(txn_log_key(SLICE("\0\1\0\1x"), &id, &err), -1);
	ck_assert_int_eq(txn_log_key(SLICE("\0\0\0\1x"), &id, NULL), 0);
	ck_assert(slice_eq_str(id, "x"));
	free((void *)v.p);
	txn_free(x);
}
END_TEST

/* --- random walks --- */

/*
 * Clients that ask at random, steps that succeed or fail, and crashes that cut
 * the log somewhere behind what was synced.  Each transaction has a number;
 * a client that was told that one is committed or aborted, has to be right,
 * and no transaction may have markers of both kinds.
 */
#define WALKS	300
#define STEPS	400
#define TXNS	(STEPS * 4 + 1)

struct entry {			/* of the log */
	struct slice	 value;
	int		 number;
};

struct walk {
	uint64_t	 seed;
	struct entry	 log[STEPS * 4];
	size_t		 n, synced;
	int		 number, next_number;	/* of the open transaction */
	int		 numbers;
	char		 fate[TXNS];		/* 0, 'c' or 'a' */
	int		 asked;			/* 'c', 'a', 'i', 'A' or 0 */
	int		 asked_number;
	bool		 writing, syncing, marking, later;
	int16_t		 version;
	int64_t		 pid;			/* the highest seen, and */
	int16_t		 epoch;			/* its epoch */
};

static void
take_answer(struct walk *w, const struct txn_action *a)
{
	if (a->error != KERR_NONE || w->asked == 0) {
		w->asked = 0;
		return;
	}
	if (w->asked == 'c' || w->asked == 'a')
		/* Told: the record is on the disk, so are its markers due. */
		ck_assert_msg(w->fate[w->asked_number] == w->asked,
		    "seed %llu: told '%c' of %d, which is '%c'",
		    (unsigned long long)w->seed, w->asked, w->asked_number,
		    w->fate[w->asked_number]);
	w->asked = 0;
}

static void
decide(struct walk *w, int number, char fate)
{
	ck_assert_msg(w->fate[number] == 0 || w->fate[number] == fate,
	    "seed %llu: transaction %d has markers of both kinds",
	    (unsigned long long)w->seed, number);
	w->fate[number] = fate;
}

static void	take(struct walk *);

static void
begin_writing(struct walk *w)
{
	w->next_number = w->number;
	if (t->next.state == TXN_ONGOING && t->now.state != TXN_ONGOING)
		w->next_number = ++w->numbers;
	if (t->next.state == TXN_PREPARE_ABORT &&
	    t->now.state != TXN_ONGOING)	/* of what never began */
		w->asked_number = w->next_number = ++w->numbers;
	w->log[w->n++] = (struct entry){ record(t), w->next_number };
	if (t->step == TXN_COMPLETING) {
		txn_written(t, KERR_NONE, 100, &out);
		take(w);
	} else
		w->writing = true;
}

static void
take(struct walk *w)
{
	struct txn_actions mine = out;
	size_t i;

	out = (struct txn_actions){ NULL, 0, 0 };
	for (i = 0; i < mine.n; i++)
		switch (mine.v[i].type) {
		case TXN_ANSWER:
			take_answer(w, &mine.v[i]);
			break;
		case TXN_BEGIN:
			w->asked = 0;
			break;
		case TXN_SYNC:
			w->syncing = true;
			break;
		case TXN_WRITE:
			begin_writing(w);
			break;
		case TXN_MARK:
			w->marking = true;
			break;
		case TXN_LATER:
			w->later = true;
			break;
		}
	txn_actions_fini(&mine);
}

static void
step_done(struct walk *w)
{
	bool fails = unit_random(&w->seed) % 6 == 0;
	int16_t error = fails ? KERR_COORDINATOR_NOT_AVAILABLE : KERR_NONE;
	size_t i;

	if (w->later) {
		w->later = false;
		txn_again(t, 100, &out);
	} else if (w->syncing) {
		w->syncing = false;
		txn_synced(t, error, &out);
	} else if (w->writing) {
		w->writing = false;
		if (fails)
			free((void *)w->log[--w->n].value.p);
		else {
			w->synced = w->n;
			w->number = w->next_number;
			if (t->next.state == TXN_PREPARE_COMMIT)
				decide(w, w->number, 'c');
			if (t->next.state == TXN_PREPARE_ABORT)
				decide(w, w->number, 'a');
		}
		txn_written(t, error, 100, &out);
	} else if (w->marking) {
		w->marking = false;
		decide(w, w->number, t->now.state == TXN_PREPARE_COMMIT ?
		    'c' : 'a');
		for (i = 0; i < t->nparts; i++)
			t->parts[i].marked |= unit_random(&w->seed) % 3 != 0;
		txn_marked(t, 100, &out);
	}
	take(w);
}

static void
ask(struct walk *w)
{
	int64_t pid = t->now.producer_id;
	int epoch = t->now.epoch;
	bool late = unit_random(&w->seed) % 4 == 0;

	if (w->asked != 0)
		return;			/* one at a time */
	w->asked_number = w->number;
	switch (unit_random(&w->seed) % 6) {
	case 0:
		w->asked = 'i';
		init(unit_random(&w->seed) % 2 == 0 ? -1 : pid,
		    epoch - late);
		break;
	case 1:
		w->asked = 'c';
		end_as(pid, epoch - late, w->version, true);
		break;
	case 2:
		w->asked = 'a';
		end_as(pid, epoch - late, w->version, false);
		break;
	default:
		if (pid == -1)
			return;
		w->asked = 'A';
		add(unit_random(&w->seed) % 2 == 0 ? "t" : "u", w->version);
		break;
	}
	take(w);
}

static void
crash(struct walk *w)
{
	size_t keep = w->synced + (size_t)(unit_random(&w->seed) %
	    (w->n - w->synced + 1));

	while (w->n > keep)
		free((void *)w->log[--w->n].value.p);
	w->synced = w->n;
	w->asked = 0;
	w->writing = w->syncing = w->marking = w->later = false;
	txn_free(t);
	if (w->n == 0) {
		t = txn_new(SLICE("id"));
		return;
	}
	t = from_record(w->log[w->n - 1].value);
	w->number = w->log[w->n - 1].number;
	if (t->now.state == TXN_PREPARE_COMMIT)
		decide(w, w->number, 'c');
	if (t->now.state == TXN_PREPARE_ABORT)
		decide(w, w->number, 'a');
	txn_restored(t, false, 100, &out);
	take(w);
}

static void
check_epoch(struct walk *w)
{
	ck_assert_msg(t->now.producer_id > w->pid ||
	    (t->now.producer_id == w->pid && t->now.epoch >= w->epoch),
	    "seed %llu: producer %lld epoch %d after %lld %d",
	    (unsigned long long)w->seed, (long long)t->now.producer_id,
	    t->now.epoch, (long long)w->pid, w->epoch);
	w->pid = t->now.producer_id;
	w->epoch = t->now.epoch;
}

static void
walk(uint64_t seed, int16_t version)
{
	struct walk *w = xcalloc(1, sizeof *w);
	int i;

	w->seed = seed;
	w->version = version;
	w->pid = -1;
	w->epoch = -1;
	txn_free(t);
	t = txn_new(SLICE("id"));
	for (i = 0; i < STEPS; i++) {
		if (unit_random(&w->seed) % 40 == 0)
			crash(w);
		else if (unit_random(&w->seed) % 2 == 0)
			ask(w);
		else
			step_done(w);
		check_epoch(w);
		/* Some begin close to the last epoch. */
		if (seed % 3 == 0 && t->now.epoch == 1 && !txn_busy(t) &&
		    w->n > 0 && t->now.state == TXN_EMPTY) {
			t->now.epoch = TXN_EPOCH_LAST - 3;
			t->next = t->now;
			free((void *)w->log[w->n - 1].value.p);
			w->log[w->n - 1].value = record(t);
		}
	}
	ck_assert_int_gt(w->numbers, 3);
	while (w->n > 0)
		free((void *)w->log[--w->n].value.p);
	free(w);
}

START_TEST(random_walks)
{
	uint64_t i;

	for (i = 0; i < WALKS; i++)
		walk(i, i % 2 == 0 ? 0 : 2);
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &every_event_in_every_state, .rows = NELEM(table) },
	{ .fn = &commits_in_order },
	{ .fn = &what_fails_is_undone },
	{ .fn = &timeout_bumps_the_epoch },
	{ .fn = &init_aborts_and_then_gets_an_epoch },
	{ .fn = &init_repeated },
	{ .fn = &epochs_run_out },
	{ .fn = &version_2_changes_the_id_when_epochs_run_out },
	{ .fn = &version_2_knows_late_ends },
	{ .fn = &a_topic_that_is_deleted_drops_out },
	{ .fn = &through_the_log },
	{ .fn = &damaged_records_are_refused },
	{ .fn = &random_walks },
};

int
main(void)
{
	return (UNIT_MAIN("txn", tests));
}
