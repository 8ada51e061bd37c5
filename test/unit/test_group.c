/* The consumer group as a state machine: the tables of errors, each rule of
 * joining, syncing and leaving, the clock, and records on disk. */
#include "group_bed.h"

/* --- errors, by state --- */

enum what { DO_JOIN, DO_SYNC, DO_BEAT, DO_COMMIT, DO_TXN, DO_LEAVE };

static const struct row {
	enum group_state state;		/* generation 2, or 3 when COMPLETING */
	enum what	 what;
	const char	*id, *instance;
	int		 generation;
	int		 want;
} rows[] = {
	{ GROUP_EMPTY, DO_BEAT, "x", NULL, 0, KERR_UNKNOWN_MEMBER_ID },
	{ GROUP_EMPTY, DO_SYNC, "x", NULL, 0, KERR_UNKNOWN_MEMBER_ID },
	{ GROUP_EMPTY, DO_LEAVE, "x", NULL, 0, KERR_UNKNOWN_MEMBER_ID },
	{ GROUP_EMPTY, DO_LEAVE, "", "i", 0, KERR_UNKNOWN_MEMBER_ID },
	{ GROUP_EMPTY, DO_COMMIT, "", NULL, -1, KERR_NONE },
	{ GROUP_EMPTY, DO_COMMIT, "x", NULL, 0, KERR_UNKNOWN_MEMBER_ID },
	{ GROUP_EMPTY, DO_COMMIT, "x", NULL, -1, KERR_NONE },
	{ GROUP_EMPTY, DO_JOIN, "x", NULL, 0, KERR_UNKNOWN_MEMBER_ID },

	{ GROUP_PREPARING, DO_BEAT, "a", NULL, 2, KERR_REBALANCE_IN_PROGRESS },
	{ GROUP_PREPARING, DO_BEAT, "a", NULL, 1, KERR_ILLEGAL_GENERATION },
	{ GROUP_PREPARING, DO_BEAT, "x", NULL, 2, KERR_UNKNOWN_MEMBER_ID },
	{ GROUP_PREPARING, DO_SYNC, "a", NULL, 2, KERR_REBALANCE_IN_PROGRESS },
	{ GROUP_PREPARING, DO_SYNC, "a", NULL, 1, KERR_ILLEGAL_GENERATION },
	{ GROUP_PREPARING, DO_SYNC, "x", NULL, 2, KERR_UNKNOWN_MEMBER_ID },
	{ GROUP_PREPARING, DO_COMMIT, "a", NULL, 2, KERR_NONE },
	{ GROUP_PREPARING, DO_COMMIT, "", NULL, -1, KERR_UNKNOWN_MEMBER_ID },
	{ GROUP_PREPARING, DO_COMMIT, "a", NULL, 1, KERR_ILLEGAL_GENERATION },
	{ GROUP_PREPARING, DO_LEAVE, "x", NULL, 0, KERR_UNKNOWN_MEMBER_ID },
	{ GROUP_PREPARING, DO_LEAVE, "a", NULL, 0, KERR_NONE },
	{ GROUP_PREPARING, DO_JOIN, "x", NULL, 0, KERR_UNKNOWN_MEMBER_ID },

	{ GROUP_COMPLETING, DO_BEAT, "a", NULL, 3, KERR_NONE },
	{ GROUP_COMPLETING, DO_BEAT, "a", NULL, 2, KERR_ILLEGAL_GENERATION },
	{ GROUP_COMPLETING, DO_SYNC, "a", NULL, 2, KERR_ILLEGAL_GENERATION },
	{ GROUP_COMPLETING, DO_SYNC, "x", NULL, 3, KERR_UNKNOWN_MEMBER_ID },
	{ GROUP_COMPLETING, DO_COMMIT, "a", NULL, 3,
	    KERR_REBALANCE_IN_PROGRESS },
	{ GROUP_COMPLETING, DO_COMMIT, "a", NULL, 2, KERR_ILLEGAL_GENERATION },
	{ GROUP_COMPLETING, DO_LEAVE, "b", NULL, 0, KERR_NONE },

	{ GROUP_STABLE, DO_BEAT, "a", NULL, 2, KERR_NONE },
	{ GROUP_STABLE, DO_BEAT, "a", NULL, 3, KERR_ILLEGAL_GENERATION },
	{ GROUP_STABLE, DO_BEAT, "x", NULL, 2, KERR_UNKNOWN_MEMBER_ID },
	{ GROUP_STABLE, DO_BEAT, "a", "i", 2, KERR_UNKNOWN_MEMBER_ID },
	{ GROUP_STABLE, DO_SYNC, "a", NULL, 2, KERR_NONE },
	{ GROUP_STABLE, DO_SYNC, "a", NULL, 1, KERR_ILLEGAL_GENERATION },
	{ GROUP_STABLE, DO_COMMIT, "a", NULL, 2, KERR_NONE },
	{ GROUP_STABLE, DO_COMMIT, "x", NULL, 2, KERR_UNKNOWN_MEMBER_ID },
	{ GROUP_STABLE, DO_COMMIT, "", NULL, -1, KERR_UNKNOWN_MEMBER_ID },
	{ GROUP_STABLE, DO_COMMIT, "a", NULL, 9, KERR_ILLEGAL_GENERATION },
	{ GROUP_STABLE, DO_LEAVE, "", "nobody", 0, KERR_UNKNOWN_MEMBER_ID },

	/* In a transaction a rebalance and other members do no harm. */
	{ GROUP_EMPTY, DO_TXN, "", NULL, -1, KERR_NONE },
	{ GROUP_EMPTY, DO_TXN, "x", NULL, 0, KERR_UNKNOWN_MEMBER_ID },
	{ GROUP_EMPTY, DO_TXN, "", NULL, 0, KERR_UNKNOWN_MEMBER_ID },
	{ GROUP_PREPARING, DO_TXN, "a", NULL, 2, KERR_NONE },
	{ GROUP_PREPARING, DO_TXN, "", NULL, -1, KERR_NONE },
	{ GROUP_COMPLETING, DO_TXN, "a", NULL, 3, KERR_NONE },
	{ GROUP_COMPLETING, DO_TXN, "a", NULL, 2, KERR_ILLEGAL_GENERATION },
	{ GROUP_COMPLETING, DO_TXN, "", NULL, -1, KERR_NONE },
	{ GROUP_STABLE, DO_TXN, "a", NULL, 2, KERR_NONE },
	{ GROUP_STABLE, DO_TXN, "a", NULL, 1, KERR_ILLEGAL_GENERATION },
	{ GROUP_STABLE, DO_TXN, "x", NULL, 2, KERR_UNKNOWN_MEMBER_ID },
	{ GROUP_STABLE, DO_TXN, "a", NULL, -1, KERR_ILLEGAL_GENERATION },
	{ GROUP_STABLE, DO_TXN, "", NULL, -1, KERR_NONE },
	{ GROUP_STABLE, DO_JOIN, "b", NULL, 0, KERR_NONE },
};

GROUP_TEST(error_row)
{
	const struct row *r = &rows[_i];
	int got = -1;

	bed_state(r->state);
	switch (r->what) {
	case DO_JOIN:
		got = JOIN(.id = r->id, .instance = r->instance)->error;
		break;
	case DO_SYNC:
		got = SYNC(.id = r->id, .instance = r->instance,
		    .generation = r->generation)->error;
		break;
	case DO_BEAT:
		got = beat(r->id, r->instance, r->generation);
		break;
	case DO_COMMIT:
		got = commit(r->id, r->instance, r->generation);
		break;
	case DO_TXN:
		got = group_check_txn_commit(g, slice_str(r->id),
		    slice_str(r->instance), r->generation, now);
		break;
	case DO_LEAVE:
		got = leave(r->id, r->instance);
		break;
	}
	ck_assert_int_eq(got, r->want);
}

GROUP_TEST(join_is_checked)
{
	bed_two();
	FAILED(JOIN(.session = 5999), KERR_INVALID_SESSION_TIMEOUT);
	FAILED(JOIN(.session = 1800001), KERR_INVALID_SESSION_TIMEOUT);
	FAILED(JOIN(.type = "connect"), KERR_INCONSISTENT_GROUP_PROTOCOL);
	FAILED(JOIN(.protocols = "sticky:x"),
	    KERR_INCONSISTENT_GROUP_PROTOCOL);
	FAILED(JOIN(.protocols = ""), KERR_INCONSISTENT_GROUP_PROTOCOL);
	FAILED(JOIN(.id = "a", .type = "connect"),
	    KERR_INCONSISTENT_GROUP_PROTOCOL);
	ck_assert_int_eq(g->state, GROUP_STABLE);
}

GROUP_TEST(first_join_needs_a_protocol)
{
	FAILED(JOIN(.type = ""), KERR_INCONSISTENT_GROUP_PROTOCOL);
	FAILED(JOIN(.protocols = ""), KERR_INCONSISTENT_GROUP_PROTOCOL);
	ck_assert(group_vacant(g));
}

GROUP_TEST(too_large_metadata_is_refused)
{
	static char big[GROUP_METADATA_MAX + 1];
	struct group_protocol one = { SLICE("range"),
	    { (const uint8_t *)big, sizeof big } };
	struct group_protocol many[GROUP_PROTOCOLS_MAX + 1];
	struct group_join ev = { .req = request(), .member_id = SLICE(""),
	    .client_id = SLICE("c"), .client_host = SLICE("h"),
	    .session_ms = 10000, .rebalance_ms = 10000,
	    .protocol_type = SLICE("consumer"), .protocols = &one,
	    .nprotocols = 1, .new_id = SLICE("x") };
	size_t i;

	group_join(g, &ev, now, &out);
	run();
	FAILED(&answers[0], KERR_INVALID_REQUEST);
	for (i = 0; i <= GROUP_PROTOCOLS_MAX; i++)
		many[i] = (struct group_protocol){ SLICE("r"), SLICE("") };
	ev.req = request();
	ev.protocols = many;
	ev.nprotocols = i;
	group_join(g, &ev, now, &out);
	run();
	FAILED(&answers[1], KERR_INVALID_REQUEST);
}

GROUP_TEST(metadata_of_all_members_is_bounded)
{
	static char big[GROUP_METADATA_MAX - 10];
	struct group_protocol one = { SLICE("range"),
	    { (const uint8_t *)big, sizeof big } };
	struct group_join ev = { .member_id = SLICE(""),
	    .client_id = SLICE("c"), .client_host = SLICE("h"),
	    .session_ms = 10000, .rebalance_ms = 10000,
	    .protocol_type = SLICE("consumer"), .protocols = &one,
	    .nprotocols = 1 };
	int i, most = GROUP_BYTES_MAX / GROUP_METADATA_MAX;
	char id[16];

	limits.max_size = 1000;
	for (i = 0; i <= most; i++) {
		snprintf(id, sizeof id, "m%d", i);
		ev.new_id = slice_str(id);
		ev.req = request();
		group_join(g, &ev, now, &out);
		run();
	}
	FAILED(&answers[most], KERR_GROUP_MAX_SIZE_REACHED);
	ck_assert_uint_eq(g->nmembers, (size_t)most);
	ck_assert_int_eq(leave("m3", NULL), 0);
	ev.req = request();
	group_join(g, &ev, now, &out);
	run();
	PARKED(&answers[most + 1]);
}

GROUP_TEST(sync_protocol_must_agree)
{
	bed_two();
	FAILED(SYNC(.id = "a", .generation = 2, .type = "connect"),
	    KERR_INCONSISTENT_GROUP_PROTOCOL);
	FAILED(SYNC(.id = "a", .generation = 2, .type = "consumer",
	    .protocol = "sticky"), KERR_INCONSISTENT_GROUP_PROTOCOL);
	OK(SYNC(.id = "a", .generation = 2, .type = "consumer",
	    .protocol = "range"));
}

GROUP_TEST(group_is_full)
{
	char id[16];
	int i;

	limits.max_size = 3;
	bed_two();
	(void)JOIN(.new_id = "c");		/* rebalance: c waits */
	FAILED(JOIN(.id = "x"), KERR_UNKNOWN_MEMBER_ID);
	(void)JOIN(.id = "a");
	(void)JOIN(.id = "b");
	ck_assert_int_eq(g->state, GROUP_COMPLETING);
	for (i = 0; i < 3; i++) {
		snprintf(id, sizeof id, "n%d", i);
		FAILED(JOIN(.new_id = id), KERR_GROUP_MAX_SIZE_REACHED);
	}
	ck_assert_uint_eq(g->nmembers, 3);
	OK(JOIN(.id = "b"));			/* who is in stays in */
}

/* --- joining --- */

GROUP_TEST(member_id_is_required)
{
	struct answer *r = JOIN(.version = 4, .new_id = "c-1");

	FAILED(r, KERR_MEMBER_ID_REQUIRED);
	ck_assert_str_eq(r->id, "c-1");
	ck_assert_uint_eq(g->npending, 1);
	ck_assert_uint_eq(g->nmembers, 0);
	r = JOIN(.version = 4, .id = "c-1");
	OK(r);
	ck_assert_str_eq(r->id, "c-1");
	ck_assert_str_eq(r->leader, "c-1");
	ck_assert_int_eq(r->nmembers, 1);
	ck_assert_int_eq(r->generation, 1);
	ck_assert_uint_eq(g->npending, 0);
}

GROUP_TEST(pending_id_is_forgotten)
{
	(void)JOIN(.version = 4, .new_id = "c-1");
	pass(9999);
	ck_assert_uint_eq(g->npending, 1);
	pass(1);
	ck_assert_uint_eq(g->npending, 0);
	ck_assert(group_vacant(g));
	FAILED(JOIN(.version = 4, .id = "c-1"), KERR_UNKNOWN_MEMBER_ID);
}

GROUP_TEST(pending_ids_are_bounded)
{
	char id[16];
	int i;

	for (i = 0; i < GROUP_PENDING_MAX + 10; i++) {
		snprintf(id, sizeof id, "p%d", i);
		FAILED(JOIN(.version = 4, .new_id = id),
		    KERR_MEMBER_ID_REQUIRED);
	}
	ck_assert_uint_eq(g->npending, GROUP_PENDING_MAX);
	FAILED(JOIN(.version = 4, .id = "p9"), KERR_UNKNOWN_MEMBER_ID);
	OK(JOIN(.version = 4, .id = "p10"));
}

GROUP_TEST(a_pending_id_holds_the_rebalance)
{
	struct answer *a;

	bed_two();
	(void)JOIN(.version = 4, .new_id = "c");
	ck_assert_int_eq(g->state, GROUP_STABLE);	/* not by itself */
	a = JOIN(.id = "a");			/* the leader: rebalance */
	(void)JOIN(.id = "b");
	PARKED(a);
	pass(9000);
	ck_assert_int_eq(beat("a", NULL, 2), KERR_REBALANCE_IN_PROGRESS);
	pass(1000);				/* its session ends */
	OK(a);
	ck_assert_int_eq(g->generation, 3);
	ck_assert_uint_eq(g->nmembers, 2);
}

GROUP_TEST(pending_id_can_leave)
{
	bed_two();
	(void)JOIN(.version = 4, .new_id = "c");
	ck_assert_int_eq(leave("c", NULL), KERR_NONE);
	ck_assert_uint_eq(g->npending, 0);
	ck_assert_int_eq(g->state, GROUP_STABLE);
}

GROUP_TEST(two_members_one_leader)
{
	struct answer *a, *b, *sa, *sb;

	a = JOIN(.new_id = "a");
	OK(a);
	b = JOIN(.new_id = "b");
	PARKED(b);
	a = JOIN(.id = "a");
	OK(a);
	OK(b);
	ck_assert_str_eq(a->leader, "a");
	ck_assert_str_eq(b->leader, "a");
	ck_assert_int_eq(a->nmembers, 2);
	ck_assert_int_eq(b->nmembers, 0);
	sb = SYNC(.id = "b", .generation = 2);
	PARKED(sb);
	sa = SYNC(.id = "a", .generation = 2, .a = { "a", "one" });
	OK(sa);
	OK(sb);
	ck_assert_str_eq(sa->assignment, "one");
	ck_assert_str_eq(sb->assignment, "");	/* not in the leader's map */
}

GROUP_TEST(initial_delay)
{
	struct answer *a, *b;

	limits.initial_delay_ms = 3000;
	a = JOIN(.new_id = "a", .rebalance = 10000);
	pass(2999);
	PARKED(a);
	pass(1);
	OK(a);					/* nobody else came */
	ck_assert_int_eq(leave("a", NULL), 0);
	ck_assert_int_eq(g->state, GROUP_EMPTY);

	a = JOIN(.new_id = "a", .rebalance = 8000);
	pass(2000);
	b = JOIN(.new_id = "b", .rebalance = 8000);
	pass(1000);				/* b came: 3 s more */
	PARKED(a);
	pass(2999);
	PARKED(a);
	pass(1);
	OK(a);
	OK(b);
	ck_assert_int_eq(a->nmembers, 2);
}

GROUP_TEST(initial_delay_ends_at_the_rebalance_timeout)
{
	char id[16];
	int i;

	limits.initial_delay_ms = 3000;
	limits.max_size = 100;
	for (i = 0; i < 20; i++) {
		snprintf(id, sizeof id, "m%d", i);
		(void)JOIN(.new_id = id, .rebalance = 8000);
		pass(500);
	}
	ck_assert_int_eq(answers[0].n, 1);
	ck_assert_int_eq(g->generation, 1);
	ck_assert_int_eq(answers[0].nmembers, 16);	/* of the first 8 s */
}

GROUP_TEST(initial_delay_and_all_leave)
{
	limits.initial_delay_ms = 3000;
	(void)JOIN(.new_id = "a", .version = 4);
	(void)JOIN(.id = "a", .version = 4);
	ck_assert_int_eq(leave("a", NULL), 0);
	ck_assert_int_eq(answers[1].error, KERR_UNKNOWN_MEMBER_ID);
	pass(3000);
	ck_assert_int_eq(g->state, GROUP_EMPTY);
}

GROUP_TEST(rejoin_in_stable)
{
	struct answer *r;

	bed_two();
	r = JOIN(.id = "b");			/* follower, unchanged */
	OK(r);
	ck_assert_int_eq(r->generation, 2);
	ck_assert_int_eq(r->nmembers, 0);
	ck_assert_int_eq(g->state, GROUP_STABLE);
	r = JOIN(.id = "b", .protocols = "range:new");
	PARKED(r);
	ck_assert_int_eq(g->state, GROUP_PREPARING);
	(void)JOIN(.id = "a");
	OK(r);
	ck_assert_int_eq(g->generation, 3);
}

GROUP_TEST(leader_rejoin_is_a_rebalance)
{
	struct answer *r;

	bed_two();
	r = JOIN(.id = "a");
	PARKED(r);
	ck_assert_int_eq(g->state, GROUP_PREPARING);
}

GROUP_TEST(rejoin_in_completing)
{
	struct answer *r, *s;

	bed_state(GROUP_COMPLETING);
	r = JOIN(.id = "a", .protocols = "range:other");
	OK(r);					/* the answer was lost */
	ck_assert_int_eq(r->generation, 3);
	ck_assert_int_eq(r->nmembers, 2);
	s = SYNC(.id = "b", .generation = 3);
	PARKED(s);
	r = JOIN(.id = "a", .protocols = "range:changed");
	PARKED(r);
	FAILED(s, KERR_REBALANCE_IN_PROGRESS);
	ck_assert_int_eq(g->state, GROUP_PREPARING);
}

GROUP_TEST(join_again_replaces_the_parked_one)
{
	struct answer *first, *second;

	bed_two();
	first = JOIN(.id = "b", .protocols = "range:x");
	second = JOIN(.id = "b", .protocols = "range:x");
	FAILED(first, KERR_REBALANCE_IN_PROGRESS);
	PARKED(second);
	(void)JOIN(.id = "a");
	OK(second);
}

GROUP_TEST(rebalance_timeout_drops_the_absent)
{
	struct answer *a;

	bed_two();
	a = JOIN(.id = "a", .rebalance = 20000);	/* b's is 60000 */
	for (int i = 0; i < 7; i++) {
		pass(8000);
		ck_assert_int_eq(beat("b", NULL, 2),
		    KERR_REBALANCE_IN_PROGRESS);
	}
	PARKED(a);
	pass(4000);
	OK(a);
	ck_assert_int_eq(a->nmembers, 1);
	ck_assert_int_eq(beat("b", NULL, 3), KERR_UNKNOWN_MEMBER_ID);
}

GROUP_TEST(leader_is_kept_or_elected)
{
	struct answer *a, *b;

	bed_two();
	b = JOIN(.id = "b", .protocols = "range:n");
	a = JOIN(.id = "a");
	OK(b);
	ck_assert_str_eq(a->leader, "a");	/* though b was first */
	ck_assert_int_eq(leave("a", NULL), 0);
	b = JOIN(.id = "b");
	OK(b);
	ck_assert_str_eq(b->leader, "b");
}

GROUP_TEST(protocol_vote)
{
	struct answer *c;

	(void)JOIN(.new_id = "a", .protocols = "range:1 sticky:1 own:1");
	(void)JOIN(.new_id = "b", .protocols = "sticky:2 range:2");
	c = JOIN(.new_id = "c", .protocols = "sticky:3 range:3");
	(void)JOIN(.id = "a", .protocols = "range:1 sticky:1 own:1");
	OK(c);
	ck_assert_str_eq(c->protocol, "sticky");	/* 2 against 1 */
	ck_assert(slice_eq_str(group_metadata(g,
	    group_find(g, SLICE("b"))), "2"));
}

GROUP_TEST(any_protocol_type)
{
	OK(JOIN(.new_id = "w", .type = "connect", .protocols = "sessioned:z"));
	ck_assert(slice_eq_str(g->protocol_type, "connect"));
}

/* --- static members --- */

static void
bed_static(void)
{
	(void)JOIN(.new_id = "i-1", .instance = "i", .version = 5);
	(void)JOIN(.new_id = "j-1", .instance = "j", .version = 5);
	(void)JOIN(.id = "i-1", .instance = "i", .version = 5);
	(void)SYNC(.id = "i-1", .instance = "i", .generation = 2,
	    .a = { "i-1", "one", "j-1", "two" });
	(void)SYNC(.id = "j-1", .instance = "j", .generation = 2);
	ck_assert_int_eq(g->state, GROUP_STABLE);
}

GROUP_TEST(static_member_needs_no_second_step)
{
	OK(JOIN(.new_id = "i-1", .instance = "i", .version = 5));
	ck_assert_uint_eq(g->npending, 0);
}

GROUP_TEST(static_restart_without_rebalance)
{
	struct answer *r, *s;

	bed_static();
	r = JOIN(.new_id = "j-2", .instance = "j", .version = 5);
	OK(r);
	ck_assert_str_eq(r->id, "j-2");
	ck_assert_int_eq(r->generation, 2);
	ck_assert_str_eq(r->leader, "i-1");
	ck_assert_int_eq(g->state, GROUP_STABLE);
	s = SYNC(.id = "j-2", .instance = "j", .generation = 2);
	OK(s);
	ck_assert_str_eq(s->assignment, "two");
	ck_assert_int_eq(beat("j-1", "j", 2), KERR_FENCED_INSTANCE_ID);
	ck_assert_int_eq(commit("j-1", "j", 2), KERR_FENCED_INSTANCE_ID);
	FAILED(SYNC(.id = "j-1", .instance = "j", .generation = 2),
	    KERR_FENCED_INSTANCE_ID);
	FAILED(JOIN(.id = "j-1", .instance = "j", .version = 5),
	    KERR_FENCED_INSTANCE_ID);
	ck_assert_int_eq(leave("j-1", "j"), KERR_FENCED_INSTANCE_ID);
	ck_assert_int_eq(beat("j-1", NULL, 2), KERR_UNKNOWN_MEMBER_ID);
	ck_assert_int_eq(beat("j-2", "j", 2), 0);
}

GROUP_TEST(static_leader_restart)
{
	struct answer *r;

	bed_static();
	r = JOIN(.new_id = "i-2", .instance = "i", .version = 5);
	OK(r);
	ck_assert_str_eq(r->leader, "i-1");	/* it is not to assign */
	ck_assert_int_eq(r->nmembers, 0);
	r = JOIN(.new_id = "i-3", .instance = "i", .version = 9);
	OK(r);
	ck_assert_str_eq(r->leader, "i-3");
	ck_assert(r->skip);
	ck_assert_int_eq(r->nmembers, 2);
	ck_assert_int_eq(g->state, GROUP_STABLE);
}

GROUP_TEST(static_restart_waits_for_its_record)
{
	struct answer *r;

	bed_static();
	persist_at_once = false;
	r = JOIN(.new_id = "j-2", .instance = "j", .version = 5);
	PARKED(r);
	group_persisted(g, persist_last, 0, now, &out);
	run();
	OK(r);
	r = JOIN(.new_id = "j-3", .instance = "j", .version = 5);
	group_persisted(g, persist_last, KERR_COORDINATOR_NOT_AVAILABLE, now,
	    &out);
	run();
	FAILED(r, KERR_COORDINATOR_NOT_AVAILABLE);
	r = JOIN(.new_id = "j-4", .instance = "j", .version = 5);
	PARKED(r);
	(void)JOIN(.id = "i-1", .instance = "i", .version = 5);
	OK(r);					/* by the rebalance */
	group_persisted(g, persist_last, 0, now, &out);
	run();
	OK(r);
	ck_assert_int_eq(r->generation, 3);
}

GROUP_TEST(static_restart_with_other_protocols)
{
	struct answer *r;

	(void)JOIN(.new_id = "i-1", .instance = "i", .version = 5,
	    .protocols = "range:1 sticky:1");
	(void)SYNC(.id = "i-1", .instance = "i", .generation = 1);
	r = JOIN(.new_id = "i-2", .instance = "i", .version = 5,
	    .protocols = "sticky:1 range:1");
	OK(r);
	ck_assert_int_eq(r->generation, 2);	/* the vote changed */
	ck_assert_str_eq(r->protocol, "sticky");
}

GROUP_TEST(static_restart_in_completing)
{
	struct answer *s, *r;

	bed_static();
	(void)JOIN(.id = "i-1", .instance = "i", .version = 5);
	(void)JOIN(.id = "j-1", .instance = "j", .version = 5);
	ck_assert_int_eq(g->state, GROUP_COMPLETING);
	s = SYNC(.id = "j-1", .instance = "j", .generation = 3);
	PARKED(s);
	r = JOIN(.new_id = "j-2", .instance = "j", .version = 5);
	FAILED(s, KERR_FENCED_INSTANCE_ID);
	PARKED(r);
	ck_assert_int_eq(g->state, GROUP_PREPARING);
}

GROUP_TEST(static_restart_fences_a_parked_join)
{
	struct answer *old;

	bed_static();
	old = JOIN(.id = "i-1", .instance = "i", .version = 5);
	PARKED(old);
	(void)JOIN(.new_id = "i-2", .instance = "i", .version = 5);
	FAILED(old, KERR_FENCED_INSTANCE_ID);
}

GROUP_TEST(static_member_keeps_its_place)
{
	struct answer *r;

	bed_static();
	r = JOIN(.id = "i-1", .instance = "i", .version = 5,
	    .session = 300000);
	for (int i = 0; i < 7; i++) {
		pass(8000);
		ck_assert_int_eq(beat("j-1", "j", 2),
		    KERR_REBALANCE_IN_PROGRESS);
	}
	pass(4000);				/* the rebalance timeout */
	OK(r);
	ck_assert_int_eq(r->nmembers, 2);	/* j is away, but in it */
	pass(6000);				/* its session ends */
	ck_assert_ptr_null(group_find(g, SLICE("j-1")));
	ck_assert_int_eq(g->state, GROUP_PREPARING);
}

GROUP_TEST(static_leave_by_instance)
{
	bed_static();
	ck_assert_int_eq(leave("", "j"), KERR_NONE);
	ck_assert_uint_eq(g->nmembers, 1);
	ck_assert_int_eq(g->state, GROUP_PREPARING);
}

GROUP_TEST(static_restart_in_a_full_group)
{
	limits.max_size = 2;
	bed_static();
	OK(JOIN(.new_id = "j-2", .instance = "j", .version = 5));
	FAILED(JOIN(.new_id = "k-1", .instance = "k", .version = 5),
	    KERR_GROUP_MAX_SIZE_REACHED);
}

/* --- sync, leave, time --- */

GROUP_TEST(sync_waits_for_the_record)
{
	struct answer *a, *b;

	bed_state(GROUP_COMPLETING);
	persist_at_once = false;
	b = SYNC(.id = "b", .generation = 3);
	a = SYNC(.id = "a", .generation = 3, .a = { "b", "x" });
	PARKED(a);
	PARKED(b);
	ck_assert_int_eq(g->state, GROUP_COMPLETING);
	group_persisted(g, persist_last, 0, now, &out);
	run();
	OK(a);
	OK(b);
	ck_assert_str_eq(b->assignment, "x");
}

GROUP_TEST(record_not_written)
{
	struct answer *a, *b;

	bed_state(GROUP_COMPLETING);
	persist_at_once = false;
	b = SYNC(.id = "b", .generation = 3);
	a = SYNC(.id = "a", .generation = 3, .a = { "b", "x" });
	group_persisted(g, persist_last, KERR_COORDINATOR_NOT_AVAILABLE, now,
	    &out);
	run();
	FAILED(a, KERR_COORDINATOR_NOT_AVAILABLE);
	FAILED(b, KERR_COORDINATOR_NOT_AVAILABLE);
	ck_assert_int_eq(g->state, GROUP_PREPARING);
}

GROUP_TEST(record_of_an_old_generation_changes_nothing)
{
	struct answer *a;
	uint64_t old;

	bed_state(GROUP_COMPLETING);
	persist_at_once = false;
	a = SYNC(.id = "a", .generation = 3, .a = { "b", "x" });
	old = persist_last;
	(void)JOIN(.new_id = "c");
	FAILED(a, KERR_REBALANCE_IN_PROGRESS);
	group_persisted(g, old, 0, now, &out);
	run();
	ck_assert_int_eq(g->state, GROUP_PREPARING);
	(void)JOIN(.id = "a");
	(void)JOIN(.id = "b");
	ck_assert_int_eq(g->state, GROUP_COMPLETING);
	group_persisted(g, old, 0, now, &out);
	run();
	ck_assert_int_eq(g->state, GROUP_COMPLETING);
	ck_assert_uint_eq(group_find(g, SLICE("b"))->assignment.len, 0);
}

GROUP_TEST(who_never_syncs_is_expelled)
{
	struct answer *a;

	bed_state(GROUP_COMPLETING);		/* rebalance timeout 60 s */
	a = SYNC(.id = "a", .generation = 3, .a = { "a", "x" });
	OK(a);
	ck_assert_int_eq(g->state, GROUP_STABLE);
	for (int i = 0; i < 7; i++) {
		pass(8000);
		(void)beat("a", NULL, 3);
		ck_assert_int_eq(beat("b", NULL, 3), 0);
	}
	pass(4000);
	ck_assert_ptr_null(group_find(g, SLICE("b")));
	ck_assert_int_eq(g->state, GROUP_PREPARING);
}

GROUP_TEST(leader_never_syncs)
{
	struct answer *b;

	bed_state(GROUP_COMPLETING);
	b = SYNC(.id = "b", .generation = 3);
	for (int i = 0; i < 7; i++) {
		pass(8000);
		(void)beat("a", NULL, 3);
	}
	PARKED(b);
	pass(4000);
	FAILED(b, KERR_REBALANCE_IN_PROGRESS);
	b = JOIN(.id = "b", .protocols = "range:other");
	OK(b);
	ck_assert_str_eq(b->leader, "b");
}

GROUP_TEST(session_ends)
{
	bed_two();
	pass(6000);
	ck_assert_int_eq(beat("a", NULL, 2), 0);
	pass(4000);
	ck_assert_ptr_null(group_find(g, SLICE("b")));
	ck_assert_ptr_nonnull(group_find(g, SLICE("a")));
	ck_assert_int_eq(beat("a", NULL, 2), KERR_REBALANCE_IN_PROGRESS);
	pass(10000);
	ck_assert_int_eq(g->state, GROUP_EMPTY);
	ck_assert_uint_eq(g->nmembers, 0);
}

GROUP_TEST(commit_is_a_sign_of_life)
{
	bed_two();
	for (int i = 0; i < 5; i++) {
		pass(6000);
		ck_assert_int_eq(commit("a", NULL, 2), 0);
		ck_assert_int_eq(beat("b", NULL, 2), 0);
	}
	ck_assert_int_eq(g->state, GROUP_STABLE);
	ck_assert_uint_eq(g->nmembers, 2);
}

GROUP_TEST(a_parked_member_does_not_expire)
{
	struct answer *b;

	bed_two();
	b = JOIN(.id = "b", .protocols = "range:n");
	for (int i = 0; i < 5; i++) {
		pass(8000);
		(void)beat("a", NULL, 2);
	}
	PARKED(b);				/* 40 s, its session is 10 s */
	(void)JOIN(.id = "a");
	OK(b);
	pass(10000);
	ck_assert_uint_eq(g->nmembers, 0);
}

GROUP_TEST(a_new_member_waits_five_minutes)
{
	struct answer *c;

	bed_two();
	(void)JOIN(.id = "b", .rebalance = 900000,
	    .protocols = "range:n");
	c = JOIN(.new_id = "c");
	while (now < 1000000 + GROUP_NEW_MEMBER_MS - 8000) {
		pass(8000);
		(void)beat("a", NULL, 2);
	}
	PARKED(c);
	pass(8000);
	FAILED(c, KERR_UNKNOWN_MEMBER_ID);
}

GROUP_TEST(all_leave)
{
	int before;

	bed_two();
	before = persists;
	ck_assert_int_eq(group_leave(g, SLICE("a"), SLICE_NULL, &out), 0);
	ck_assert_int_eq(group_leave(g, SLICE("zz"), SLICE_NULL, &out),
	    KERR_UNKNOWN_MEMBER_ID);
	ck_assert_int_eq(group_leave(g, SLICE("b"), SLICE_NULL, &out), 0);
	group_left(g, now, &out);
	run();
	ck_assert_int_eq(g->state, GROUP_EMPTY);
	ck_assert_int_eq(g->generation, 3);
	ck_assert_int_eq(persists, before + 1);	/* one rebalance */
	ck_assert(!group_vacant(g));
	ck_assert_int_eq(group_check_delete(g), 0);
}

GROUP_TEST(leave_answers_what_is_parked)
{
	struct answer *b;

	bed_state(GROUP_COMPLETING);
	b = SYNC(.id = "b", .generation = 3);
	ck_assert_int_eq(leave("b", NULL), 0);
	FAILED(b, KERR_UNKNOWN_MEMBER_ID);
	bed_close();
	bed_open();
	bed_two();
	b = JOIN(.id = "b", .protocols = "range:n");
	ck_assert_int_eq(leave("b", NULL), 0);
	FAILED(b, KERR_UNKNOWN_MEMBER_ID);
}

GROUP_TEST(delete_wants_an_empty_group)
{
	ck_assert_int_eq(group_check_delete(g), 0);
	bed_two();
	ck_assert_int_eq(group_check_delete(g), KERR_NON_EMPTY_GROUP);
}

/* --- lost connections --- */

GROUP_TEST(cancel_join_of_a_nameless_member)
{
	struct answer *a, *c;

	bed_two();
	c = JOIN(.new_id = "c");		/* v0: never told its id */
	a = JOIN(.id = "a");
	(void)JOIN(.id = "b");
	ck_assert_int_eq(g->state, GROUP_COMPLETING);
	OK(c);
	c = JOIN(.new_id = "d");
	ck_assert(group_cancel(g, c, now, &out));
	run();
	PARKED(c);
	ck_assert(!group_cancel(g, c, now, &out));
	ck_assert_ptr_null(group_find(g, SLICE("d")));
	(void)a;
}

GROUP_TEST(cancel_join_of_a_known_member)
{
	struct answer *b, *again;

	bed_two();
	b = JOIN(.id = "b", .protocols = "range:n");
	ck_assert(group_cancel(g, b, now, &out));
	run();
	(void)JOIN(.id = "a");
	ck_assert_int_eq(g->state, GROUP_PREPARING);	/* b is awaited */
	again = JOIN(.id = "b", .protocols = "range:n");
	OK(again);
	PARKED(b);
	ck_assert_int_eq(again->generation, 3);
}

GROUP_TEST(cancelled_member_expires)
{
	struct answer *a, *b;

	bed_two();
	b = JOIN(.id = "b", .protocols = "range:n");
	a = JOIN(.new_id = "c");
	ck_assert(group_cancel(g, b, now, &out));
	run();
	ck_assert_int_eq(leave("a", NULL), 0);
	PARKED(a);
	pass(10000);
	OK(a);
	ck_assert_int_eq(a->nmembers, 1);
}

GROUP_TEST(cancel_sync)
{
	struct answer *b;

	bed_state(GROUP_COMPLETING);
	b = SYNC(.id = "b", .generation = 3);
	ck_assert(group_cancel(g, b, now, &out));
	run();
	OK(SYNC(.id = "a", .generation = 3, .a = { "b", "x" }));
	PARKED(b);
	b = SYNC(.id = "b", .generation = 3);
	OK(b);
	ck_assert_str_eq(b->assignment, "x");
}

GROUP_TEST(close_answers_everything)
{
	struct answer *b, *c;

	bed_state(GROUP_COMPLETING);
	b = SYNC(.id = "b", .generation = 3);
	c = JOIN(.new_id = "c");
	group_close(g, KERR_NOT_COORDINATOR, &out);
	run();
	FAILED(b, KERR_REBALANCE_IN_PROGRESS);
	FAILED(c, KERR_NOT_COORDINATOR);
}

/* --- records --- */

GROUP_TEST(restored_group_goes_on)
{
	struct group_protocol pr = { SLICE("range"), SLICE("m") };
	struct group_member m = { .id = SLICE("a"), .instance = SLICE_NULL,
	    .client_id = SLICE("c"), .client_host = SLICE("h"),
	    .session_ms = 10000, .rebalance_ms = 60000, .protocols = &pr,
	    .nprotocols = 1, .assignment = SLICE("one") };
	struct answer *r;

	group_restore(g, 7, SLICE("consumer"), SLICE("range"), 123);
	group_restore_member(g, &m, false);
	m.id = SLICE("b");
	m.instance = SLICE("i");
	group_restore_member(g, &m, true);
	group_restore_member(g, &m, true);	/* twice is once */
	group_restored(g, now, &out);
	run();
	ck_assert_int_eq(g->state, GROUP_STABLE);
	ck_assert_uint_eq(g->nmembers, 2);
	ck_assert_int_eq(beat("a", NULL, 7), 0);
	ck_assert_int_eq(beat("b", "i", 7), 0);
	ck_assert_int_eq(commit("a", NULL, 7), 0);
	r = SYNC(.id = "a", .generation = 7);
	OK(r);
	ck_assert_str_eq(r->assignment, "one");
	OK(JOIN(.id = "a"));			/* follower: unchanged */
	PARKED(JOIN(.id = "b", .instance = "i"));	/* the leader */
	pass(10000);
	ck_assert_ptr_null(group_find(g, SLICE("a")));
}

GROUP_TEST(restored_group_above_the_limit)
{
	struct group_protocol pr = { SLICE("range"), SLICE("m") };
	struct group_member m = { .client_id = SLICE("c"),
	    .client_host = SLICE("h"), .session_ms = 10000,
	    .rebalance_ms = 60000, .protocols = &pr, .nprotocols = 1,
	    .assignment = SLICE("one") };
	char id[16];
	int i;

	group_restore(g, 7, SLICE("consumer"), SLICE("range"), 123);
	for (i = 0; i < 6; i++) {
		snprintf(id, sizeof id, "m%d", i);
		m.id = slice_str(id);
		group_restore_member(g, &m, i == 0);
	}
	group_restored(g, now, &out);
	run();
	ck_assert_int_eq(g->state, GROUP_PREPARING);
}

GROUP_TEST(generation_does_not_go_negative)
{
	group_restore(g, INT32_MAX, SLICE("consumer"), SLICE_NULL, 1);
	group_restored(g, now, &out);
	OK(JOIN(.new_id = "a"));
	ck_assert_int_eq(g->generation, 1);
}

/* --- random events against the invariants --- */

static uint64_t seed;

static unsigned
dice(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return ((unsigned)(seed >> 33) % n);
}

static char ids[BED_REQUESTS][24];
static int nids;

static const char *
any_id(void)
{
	return (nids == 0 || dice(20) == 0 ? "nobody" :
	    ids[nids - 1 - (int)dice((unsigned)(nids < 12 ? nids : 12))]);
}

static const char *
new_id(void)
{
	snprintf(ids[nids], sizeof ids[0], "m%d", nids);
	return (ids[nids++]);
}

static bool cancelled[BED_REQUESTS];

static void
random_event(void)
{
	static const char *const instances[] = { "i", "j", NULL, NULL, NULL };
	static const char *const sets[] = { "range:a", "range:b",
	    "range:a sticky:a", "sticky:a range:a" };
	const struct group_member *m = NULL;
	const char *instance = instances[dice(5)], *id = any_id();
	int version = dice(2) ? 3 : dice(2) ? 5 : 9, n;

	switch (dice(10)) {
	case 0:
		(void)JOIN(.new_id = new_id(), .instance = instance,
		    .version = version, .protocols = sets[dice(4)]);
		break;
	case 1:
	case 2:
	case 3:
		m = group_find(g, slice_str(id));
		(void)JOIN(.id = id, .instance = m == NULL ? NULL :
		    (const char *)m->instance.p, .version = version,
		    .protocols = sets[dice(4)], .new_id = new_id());
		break;
	case 4:
	case 5:
		m = group_find(g, slice_str(id));
		(void)SYNC(.id = id, .instance = m == NULL ? NULL :
		    (const char *)m->instance.p,
		    .generation = g->generation - (dice(10) == 0),
		    .a = { any_id(), "x", any_id(), "y" });
		break;
	case 6:
		(void)beat(id, NULL, g->generation);
		break;
	case 7:
		if (dice(3) == 0)
			(void)leave(id, NULL);
		break;
	case 8:
		pass((int64_t)dice(dice(4) == 0 ? 30000 : 3000));
		break;
	case 9:
		n = (int)dice((unsigned)nrequests + 1);
		if (dice(3) == 0 && n < nrequests) {
			if (group_cancel(g, &answers[n], now, &out))
				cancelled[n] = true;
			run();
		} else if (persist_last != 0) {
			uint64_t number = persist_last;

			persist_last = 0;
			group_persisted(g, number, dice(8) == 0 ?
			    KERR_COORDINATOR_NOT_AVAILABLE : 0, now, &out);
			run();
		}
		break;
	}
}

static void
invariants(int32_t *generation)
{
	const struct group_member *m;
	size_t n = 0, waiting = 0, leaders = 0;

	TAILQ_FOREACH(m, &g->members, link) {
		n++;
		waiting += m->join_req != NULL;
		leaders += m == g->leader;
		ck_assert(!m->pending);
		ck_assert(m->join_req == NULL || m->sync_req == NULL);
		ck_assert_ptr_eq(group_find(g, m->id), m);
		if (m->sync_req != NULL)
			ck_assert_int_eq(g->state, GROUP_COMPLETING);
		if (m->deadline == GROUP_NEVER)
			ck_assert(m->join_req != NULL || m->sync_req != NULL);
		else
			ck_assert_int_ge(m->deadline, group_deadline(g));
	}
	ck_assert_uint_eq(n, g->nmembers);
	ck_assert_uint_eq(waiting, g->waiting);
	ck_assert_uint_eq(leaders, n > 0 ? 1 : 0);
	ck_assert_int_ge(g->generation, *generation);
	*generation = g->generation;
	if (g->state == GROUP_EMPTY)
		ck_assert_uint_eq(n, 0);
	if (g->state == GROUP_STABLE || g->state == GROUP_COMPLETING) {
		ck_assert_uint_gt(n, 0);
		ck_assert_ptr_nonnull(g->protocol.p);
	}
	if (g->state == GROUP_PREPARING)
		ck_assert_int_ne(g->join_deadline, GROUP_NEVER);
}

GROUP_TEST(random_events)
{
	int32_t generation = 0;
	int i;

	seed = (uint64_t)_i * 7919 + 1;
	limits.initial_delay_ms = _i % 3 * 1000;
	limits.max_size = 4;
	persist_at_once = _i % 2 == 0;
	nids = 0;
	memset(cancelled, 0, sizeof cancelled);
	for (i = 0; i < 1500; i++) {
		random_event();
		invariants(&generation);
	}
	group_close(g, KERR_NOT_COORDINATOR, &out);
	run();
	for (i = 0; i < nrequests; i++)
		ck_assert_msg(answers[i].n == (cancelled[i] ? 0 : 1),
		    "request %d was answered %d times", i, answers[i].n);
}

static const struct unit_test tests[] = {
	{ .fn = &error_row, .rows = NELEM(rows) },
	{ .fn = &join_is_checked },
	{ .fn = &first_join_needs_a_protocol },
	{ .fn = &too_large_metadata_is_refused },
	{ .fn = &metadata_of_all_members_is_bounded },
	{ .fn = &sync_protocol_must_agree },
	{ .fn = &group_is_full },
	{ .fn = &member_id_is_required },
	{ .fn = &pending_id_is_forgotten },
	{ .fn = &pending_ids_are_bounded },
	{ .fn = &a_pending_id_holds_the_rebalance },
	{ .fn = &pending_id_can_leave },
	{ .fn = &two_members_one_leader },
	{ .fn = &initial_delay },
	{ .fn = &initial_delay_ends_at_the_rebalance_timeout },
	{ .fn = &initial_delay_and_all_leave },
	{ .fn = &rejoin_in_stable },
	{ .fn = &leader_rejoin_is_a_rebalance },
	{ .fn = &rejoin_in_completing },
	{ .fn = &join_again_replaces_the_parked_one },
	{ .fn = &rebalance_timeout_drops_the_absent },
	{ .fn = &leader_is_kept_or_elected },
	{ .fn = &protocol_vote },
	{ .fn = &any_protocol_type },
	{ .fn = &static_member_needs_no_second_step },
	{ .fn = &static_restart_without_rebalance },
	{ .fn = &static_leader_restart },
	{ .fn = &static_restart_waits_for_its_record },
	{ .fn = &static_restart_with_other_protocols },
	{ .fn = &static_restart_in_completing },
	{ .fn = &static_restart_fences_a_parked_join },
	{ .fn = &static_member_keeps_its_place },
	{ .fn = &static_leave_by_instance },
	{ .fn = &static_restart_in_a_full_group },
	{ .fn = &sync_waits_for_the_record },
	{ .fn = &record_not_written },
	{ .fn = &record_of_an_old_generation_changes_nothing },
	{ .fn = &who_never_syncs_is_expelled },
	{ .fn = &leader_never_syncs },
	{ .fn = &session_ends },
	{ .fn = &commit_is_a_sign_of_life },
	{ .fn = &a_parked_member_does_not_expire },
	{ .fn = &a_new_member_waits_five_minutes },
	{ .fn = &all_leave },
	{ .fn = &leave_answers_what_is_parked },
	{ .fn = &delete_wants_an_empty_group },
	{ .fn = &cancel_join_of_a_nameless_member },
	{ .fn = &cancel_join_of_a_known_member },
	{ .fn = &cancelled_member_expires },
	{ .fn = &cancel_sync },
	{ .fn = &close_answers_everything },
	{ .fn = &restored_group_goes_on },
	{ .fn = &restored_group_above_the_limit },
	{ .fn = &generation_does_not_go_negative },
	{ .fn = &random_events, .rows = 40 },
};

int
main(void)
{
	return (UNIT_MAIN("group", tests));
}
