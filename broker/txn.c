#include "broker/txn.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "kafka/errors.h"

static void
push(struct txn_actions *out, struct txn_action a)
{
	GROW(out->v, out->n, out->cap);
	out->v[out->n++] = a;
}

static void
act(struct txn_actions *out, enum txn_action_type type)
{
	push(out, (struct txn_action){ .type = type });
}

static void
answer(struct txn_actions *out, void *req, int16_t error)
{
	if (req != NULL)
		push(out, (struct txn_action){ TXN_ANSWER, req, error, -1,
		    -1 });
}

/* With the producer id and epoch to go on with. */
static void
answer_ids(struct txn_actions *out, void *req, const struct txn_image *im)
{
	bool other = im->next_id != -1;

	if (req != NULL)
		push(out, (struct txn_action){ TXN_ANSWER, req, KERR_NONE,
		    other ? 0 : im->epoch,
		    other ? im->next_id : im->producer_id });
}

static bool
prepared(enum txn_state s)
{
	return (s == TXN_PREPARE_COMMIT || s == TXN_PREPARE_ABORT);
}

/* --- the partitions --- */

static int
part_cmp(const struct txn_part *p, struct slice topic, int32_t partition)
{
	size_t len = strlen(p->topic), n = len < topic.len ? len : topic.len;
	int c = n == 0 ? 0 : memcmp(p->topic, topic.p, n);

	if (c == 0 && len != topic.len)
		c = len < topic.len ? -1 : 1;
	if (c == 0 && p->partition != partition)
		c = p->partition < partition ? -1 : 1;
	return (c);
}

/* Where it is, or would be. */
static bool
part_find(const struct txn *t, struct slice topic, int32_t partition,
    size_t *at)
{
	size_t lo = 0, hi = t->nparts, mid;
	int c;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		c = part_cmp(&t->parts[mid], topic, partition);
		if (c == 0) {
			*at = mid;
			return (true);
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	*at = lo;
	return (false);
}

struct txn_part *
txn_part(const struct txn *t, struct slice topic, int32_t partition)
{
	size_t at;

	return (part_find(t, topic, partition, &at) ? &t->parts[at] : NULL);
}

static void
part_add(struct txn *t, struct slice topic, int32_t partition, bool logged)
{
	size_t at;

	if (part_find(t, topic, partition, &at))
		return;
	GROW(t->parts, t->nparts, t->cap);
	memmove(t->parts + at + 1, t->parts + at,
	    (t->nparts++ - at) * sizeof t->parts[0]);
	t->parts[at] = (struct txn_part){ .topic = xstrndup(topic.p,
	    topic.len), .partition = partition, .logged = logged };
}

static void
parts_drop(struct txn *t, bool (*drop)(const struct txn_part *, void *),
    void *arg)
{
	size_t i, n = 0;

	for (i = 0; i < t->nparts; i++)
		if (drop(&t->parts[i], arg))
			free(t->parts[i].topic);
		else
			t->parts[n++] = t->parts[i];
	t->nparts = n;
}

static bool
any(const struct txn_part *p, void *arg)
{
	(void)p;
	(void)arg;
	return (true);
}

static bool
unlogged(const struct txn_part *p, void *arg)
{
	(void)arg;
	return (!p->logged);
}

static bool
of_topic(const struct txn_part *p, void *arg)
{
	return (slice_eq_str(*(const struct slice *)arg, p->topic));
}

void
txn_forget(struct txn *t, struct slice topic)
{
	parts_drop(t, of_topic, &topic);
}

/* --- life --- */

struct txn *
txn_new(struct slice id)
{
	struct txn *t = xcalloc(1, sizeof *t);

	t->id = slice_of(xstrndup(id.p, id.len), id.len);
	t->now = (struct txn_image){ .producer_id = -1, .previous_id = -1,
	    .next_id = -1, .epoch = -1, .last_epoch = -1, .start_ms = -1 };
	return (t);
}

void
txn_free(struct txn *t)
{
	if (t == NULL)
		return;
	parts_drop(t, any, NULL);
	free(t->parts);
	free((void *)t->id.p);
	free(t);
}

void
txn_actions_fini(struct txn_actions *out)
{
	free(out->v);
	*out = (struct txn_actions){ NULL, 0, 0 };
}

bool
txn_busy(const struct txn *t)
{
	return (t->step != TXN_IDLE);
}

bool
txn_exhausted(const struct txn *t)
{
	return (t->now.producer_id == -1 || t->now.epoch >= TXN_EPOCH_LAST);
}

/* --- writing --- */

static struct txn_image *
next_of(struct txn *t, enum txn_state state, int64_t now)
{
	t->next = t->now;
	t->next.state = state;
	t->next.update_ms = now;
	return (&t->next);
}

static void
begin_write(struct txn *t, enum txn_step step, void *asked,
    struct txn_actions *out)
{
	t->step = step;
	t->adding = false;
	t->asked = asked;
	act(out, TXN_WRITE);
}

/* The epoch that is written is nobody's: whoever had the old one is refused. */
static void
fence(struct txn *t, int16_t last_epoch, int64_t now, struct txn_actions *out)
{
	struct txn_image *im = next_of(t, TXN_PREPARE_ABORT, now);

	if (im->epoch < INT16_MAX)
		im->epoch++;
	im->last_epoch = last_epoch;
	begin_write(t, TXN_FENCING, NULL, out);
}

void
txn_fence(struct txn *t, int64_t now, struct txn_actions *out)
{
	CHECK(t->step == TXN_IDLE && t->now.state == TXN_ONGOING);
	fence(t, -1, now, out);
}

bool
txn_overdue(const struct txn *t, int64_t now)
{
	return (t->step == TXN_IDLE && t->now.state == TXN_ONGOING &&
	    now - t->now.start_ms >= t->now.timeout_ms);
}

bool
txn_silent(const struct txn *t, int64_t now, int64_t expiry_ms)
{
	return (t->step == TXN_IDLE && t->now.state != TXN_ONGOING &&
	    !prepared(t->now.state) && now - t->now.update_ms >= expiry_ms);
}

/* --- who may --- */

int16_t
txn_check(const struct txn *t, int64_t producer_id, int16_t epoch)
{
	const struct txn_image *im = &t->now;

	/* It was told the ids that come with Complete. */
	if (prepared(im->state) && im->next_id != -1 &&
	    im->next_id == producer_id && epoch == 0)
		return (KERR_NONE);
	if (im->producer_id == -1 || im->producer_id != producer_id)
		return (KERR_INVALID_PRODUCER_ID_MAPPING);
	return (im->epoch == epoch ? KERR_NONE : KERR_PRODUCER_FENCED);
}

/*
 * An EndTxn that was carried out left the epoch behind it, or the last epoch
 * of the id before this one.
 */
static bool
ended_before(const struct txn *t, int64_t producer_id, int16_t epoch)
{
	const struct txn_image *im = &t->now;

	if (im->version < 2)
		return (false);
	if (producer_id == im->producer_id)
		return (epoch >= 0 && epoch == im->epoch - 1);
	return (producer_id == im->previous_id && im->epoch == 0 &&
	    epoch == TXN_EPOCH_LAST);
}

int16_t
txn_check_end(const struct txn *t, int64_t producer_id, int16_t epoch)
{
	return (ended_before(t, producer_id, epoch) ? KERR_NONE :
	    txn_check(t, producer_id, epoch));
}

/* --- InitProducerId --- */

/* Is the id that came along this one's, now or before it was exhausted? */
static bool
init_id_valid(const struct txn_image *im, const struct txn_init *ev)
{
	return (ev->producer_id == im->producer_id ||
	    (ev->producer_id == im->previous_id &&
	    ev->epoch >= TXN_EPOCH_LAST));
}

static void
init_write(struct txn *t, const struct txn_init *ev, bool known, int64_t now,
    struct txn_actions *out)
{
	struct txn_image *im = next_of(t, TXN_EMPTY, now);

	im->last_epoch = known ? ev->epoch : -1;
	im->version = 0;
	im->timeout_ms = ev->timeout_ms;
	im->start_ms = -1;
	im->previous_id = -1;
	if (txn_exhausted(t)) {
		im->previous_id = t->now.producer_id;
		im->producer_id = ev->new_id;
		im->epoch = 0;
	} else
		im->epoch++;
	begin_write(t, TXN_WRITING, ev->req, out);
}

/* It has been carried out, and its answer was lost. */
static bool
init_repeated(const struct txn_image *im, const struct txn_init *ev)
{
	return (im->last_epoch != -1 && ev->epoch == im->last_epoch &&
	    im->state != TXN_ONGOING);
}

void
txn_init(struct txn *t, const struct txn_init *ev, int64_t now,
    struct txn_actions *out)
{
	const struct txn_image *im = &t->now;
	bool known = ev->producer_id != -1 && im->producer_id != -1;

	if (txn_busy(t) || prepared(im->state))
		answer(out, ev->req, KERR_CONCURRENT_TRANSACTIONS);
	else if (known && !init_id_valid(im, ev))
		answer(out, ev->req, KERR_PRODUCER_FENCED);
	else if (known && init_repeated(im, ev) &&
	    im->epoch <= TXN_EPOCH_LAST)
		answer_ids(out, ev->req, im);
	else if (known && !init_repeated(im, ev) &&
	    (ev->producer_id != im->producer_id || ev->epoch != im->epoch))
		answer(out, ev->req, KERR_PRODUCER_FENCED);
	else if (im->state == TXN_ONGOING) {
		fence(t, known ? im->epoch : -1, now, out);
		answer(out, ev->req, KERR_CONCURRENT_TRANSACTIONS);
	} else
		init_write(t, ev, known, now, out);
}

/* --- AddPartitionsToTxn, AddOffsetsToTxn --- */

static bool
all_logged(const struct txn *t, const struct txn_adding *ev)
{
	size_t i, at;

	for (i = 0; i < ev->n; i++)
		if (!part_find(t, ev->names[i].topic, ev->names[i].partition,
		    &at))
			return (false);
	return (t->now.state == TXN_ONGOING);
}

void
txn_add(struct txn *t, const struct txn_adding *ev, int64_t now,
    struct txn_actions *out)
{
	struct txn_image *im;
	size_t i;

	if (txn_busy(t) || prepared(t->now.state)) {
		answer(out, ev->req, KERR_CONCURRENT_TRANSACTIONS);
		return;
	}
	if (all_logged(t, ev)) {
		push(out, (struct txn_action){ .type = TXN_BEGIN,
		    .req = ev->req });
		return;
	}
	for (i = 0; i < ev->n; i++)
		part_add(t, ev->names[i].topic, ev->names[i].partition,
		    false);
	im = next_of(t, TXN_ONGOING, now);
	im->version = ev->version;
	if (t->now.state != TXN_ONGOING)
		im->start_ms = now;
	begin_write(t, TXN_WRITING, ev->req, out);
	t->adding = true;
}

/* --- EndTxn --- */

enum end_verdict { END_GO, END_DONE, END_BUSY, END_STATE, END_OLD };

/*
 * Version 1: an end in the direction of the last one is its repetition, as the
 * epoch does not tell.
 */
static enum end_verdict
judge_v1(enum txn_state state, bool commit)
{
	switch (state) {
	case TXN_ONGOING:
		return (END_GO);
	case TXN_PREPARE_COMMIT:
		return (commit ? END_BUSY : END_STATE);
	case TXN_PREPARE_ABORT:
		return (commit ? END_STATE : END_BUSY);
	case TXN_COMPLETE_COMMIT:
		return (commit ? END_DONE : END_STATE);
	case TXN_COMPLETE_ABORT:
		return (commit ? END_STATE : END_DONE);
	default:
		return (END_STATE);
	}
}

/*
 * Version 2: the epoch tells.  A client that does not know whether anything
 * was added may abort what has not begun.
 */
static enum end_verdict
judge_v2(enum txn_state state, bool commit, bool again)
{
	if (state == TXN_ONGOING)
		return (again ? END_OLD : END_GO);
	if (again)
		return (judge_v1(state, commit));
	if (prepared(state))
		return (END_BUSY);
	return (commit ? END_STATE : END_GO);
}

static void
end_begin(struct txn *t, const struct txn_ending *ev, int64_t now,
    struct txn_actions *out)
{
	struct txn_image *im;

	im = next_of(t, ev->commit ? TXN_PREPARE_COMMIT : TXN_PREPARE_ABORT,
	    now);
	im->version = ev->version;
	im->next_id = -1;
	if (ev->version >= 2) {
		if (txn_exhausted(t))
			im->next_id = ev->new_id;
		im->last_epoch = im->epoch;
		if (im->epoch < INT16_MAX)
			im->epoch++;
	}
	if (!ev->commit || t->nparts == 0) {
		begin_write(t, TXN_WRITING, ev->req, out);
		return;
	}
	t->step = TXN_SYNCING;
	t->adding = false;
	t->asked = ev->req;
	act(out, TXN_SYNC);
}

void
txn_end(struct txn *t, const struct txn_ending *ev, int64_t now,
    struct txn_actions *out)
{
	enum txn_state state = t->now.state;
	enum end_verdict verdict;

	if (txn_busy(t) && !prepared(state))
		verdict = END_BUSY;
	else if (ev->version >= 2)
		verdict = judge_v2(state, ev->commit,
		    ended_before(t, ev->producer_id, ev->epoch));
	else
		verdict = judge_v1(state, ev->commit);
	switch (verdict) {
	case END_GO:
		end_begin(t, ev, now, out);
		break;
	case END_DONE:
		answer_ids(out, ev->req, &t->now);
		break;
	case END_BUSY:
		answer(out, ev->req, KERR_CONCURRENT_TRANSACTIONS);
		break;
	case END_STATE:
		answer(out, ev->req, KERR_INVALID_TXN_STATE);
		break;
	case END_OLD:
		answer(out, ev->req, KERR_PRODUCER_FENCED);
		break;
	}
}

/* --- steps --- */

static void *
take_asked(struct txn *t)
{
	void *req = t->asked;

	t->asked = NULL;
	return (req);
}

void
txn_synced(struct txn *t, int16_t error, struct txn_actions *out)
{
	CHECK(t->step == TXN_SYNCING);
	if (error == KERR_NONE) {
		t->step = TXN_WRITING;
		act(out, TXN_WRITE);
		return;
	}
	t->step = TXN_IDLE;
	answer(out, take_asked(t), error);
}

static void
write_failed(struct txn *t, int16_t error, struct txn_actions *out)
{
	if (t->step != TXN_WRITING) {
		act(out, TXN_LATER);
		return;
	}
	t->step = TXN_IDLE;
	if (t->adding)
		parts_drop(t, unlogged, NULL);
	answer(out, take_asked(t), error);
}

static void
write_done_add(struct txn *t, struct txn_actions *out)
{
	size_t i;

	for (i = 0; i < t->nparts; i++)
		t->parts[i].logged = true;
	t->step = TXN_IDLE;
	push(out, (struct txn_action){ .type = TXN_BEGIN,
	    .req = take_asked(t) });
}

void
txn_written(struct txn *t, int16_t error, int64_t now,
    struct txn_actions *out)
{
	CHECK(t->step == TXN_WRITING || t->step == TXN_FENCING ||
	    t->step == TXN_COMPLETING);
	if (error != KERR_NONE) {
		write_failed(t, error, out);
		return;
	}
	t->now = t->next;
	if (t->adding) {
		write_done_add(t, out);
		return;
	}
	answer_ids(out, take_asked(t), &t->now);
	if (!prepared(t->now.state)) {
		parts_drop(t, any, NULL);
		t->step = TXN_IDLE;
	} else if (t->nparts > 0) {
		t->step = TXN_MARKING;
		act(out, TXN_MARK);
	} else {
		t->step = TXN_MARKING;
		txn_marked(t, now, out);
	}
}

static bool
all_marked(const struct txn *t)
{
	size_t i;

	for (i = 0; i < t->nparts; i++)
		if (!t->parts[i].marked)
			return (false);
	return (true);
}

void
txn_marked(struct txn *t, int64_t now, struct txn_actions *out)
{
	struct txn_image *im;

	CHECK(t->step == TXN_MARKING && prepared(t->now.state));
	if (!all_marked(t)) {
		act(out, TXN_LATER);
		return;
	}
	im = next_of(t, t->now.state == TXN_PREPARE_COMMIT ?
	    TXN_COMPLETE_COMMIT : TXN_COMPLETE_ABORT, now);
	if (im->next_id != -1) {
		im->previous_id = im->producer_id;
		im->producer_id = im->next_id;
		im->next_id = -1;
		im->epoch = 0;
	}
	begin_write(t, TXN_COMPLETING, NULL, out);
}

void
txn_again(struct txn *t, int64_t now, struct txn_actions *out)
{
	(void)now;
	if (t->step == TXN_MARKING)
		act(out, TXN_MARK);
	else if (t->step == TXN_FENCING || t->step == TXN_COMPLETING)
		act(out, TXN_WRITE);
}

/* --- the start --- */

void
txn_restore_part(struct txn *t, struct slice topic, int32_t partition)
{
	part_add(t, topic, partition, true);
}

void
txn_restored(struct txn *t, bool clean, int64_t now, struct txn_actions *out)
{
	if (prepared(t->now.state)) {
		t->step = TXN_MARKING;
		act(out, TXN_MARK);
	} else if (t->now.state != TXN_ONGOING)
		parts_drop(t, any, NULL);
	else if (clean)
		act(out, TXN_BEGIN);
	else
		fence(t, -1, now, out);
}

bool
txn_is_open(enum txn_state s)
{
	return (s == TXN_ONGOING || prepared(s));
}

const char *
txn_state_name(enum txn_state s)
{
	static const char *const names[] = {
		[TXN_EMPTY] = "Empty",
		[TXN_ONGOING] = "Ongoing",
		[TXN_PREPARE_COMMIT] = "PrepareCommit",
		[TXN_PREPARE_ABORT] = "PrepareAbort",
		[TXN_COMPLETE_COMMIT] = "CompleteCommit",
		[TXN_COMPLETE_ABORT] = "CompleteAbort",
		[TXN_DEAD] = "Dead",
	};

	return (names[s]);
}
