/*
 * The codec against bytes that another implementation wrote, and against
 * bytes that nobody should have written.
 */
#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "kafka/apis.h"
#include "kafka/fetch.h"
#include "kafka/frame.h"
#include "kafka/internal.h"
#include "kafka/messages.h"
#include "kafka/produce.h"
#include "test/unit/golden.h"

#define MESSAGE_MAX	1024		/* of any km_ struct */

static union {
	uint8_t				 bytes[MESSAGE_MAX];
	int64_t				 align;
	struct km_produce_request	 produce;
	struct km_fetch_response	 fetch;
	struct km_group_metadata_value	 group;
} out;

static struct arena arena;
static struct kwriter w;

static void
setup(void)
{
	arena_init(&arena, 4096, 1 << 20);
	kwriter_init(&w, 0, 1 << 20);
}

static void
teardown(void)
{
	kwriter_fini(&w);
	arena_fini(&arena);
}

static int
decode(const struct kdesc *desc, int version, struct slice in, struct err *e)
{
	arena_reset(&arena);
	ck_assert_uint_le(desc->size, MESSAGE_MAX);
	return (kw_decode(desc, version, in, &arena, &out, e));
}

/* Each proper prefix of a message is refused; in a block of its size. */
static void
refuse_prefixes(const struct kdesc *desc, int version, struct slice in)
{
	struct slice cut;
	size_t n;

	for (n = 0; n < in.len; n++) {
		cut = slice_of(memcpy(malloc(n + 1), in.p, n), n);
		ck_assert_msg(decode(desc, version, cut, NULL) == -1,
		    "%s v%d: %zu of %zu bytes were taken", desc->name,
		    version, n, in.len);
		golden_free(cut);
	}
}

static void
golden_message(const struct kdesc *desc, int version, struct slice in,
    const char *text)
{
	struct err e = ERR_INIT;
	char *got;

	ck_assert_msg(decode(desc, version, in, &e) == 0, "%s", e.msg);
	got = message_text(desc, version, &out);
	ck_assert_msg(strcmp(got, text) == 0, "%s v%d: got %s, not %s",
	    desc->name, version, got, text);
	free(got);
	kwriter_reset(&w);
	kw_encode(desc, version, &out, &w);
	ck_assert_msg(slice_eq(kwriter_slice(&w), in) && !w.full,
	    "%s v%d: encoded anew it differs: %s", desc->name, version, text);
}

START_TEST(golden_wire)
{
	const struct kdesc *desc;
	struct golden g;
	struct slice in;
	int version, n = 0;

	for (golden_open(&g, "wire.txt"); golden_next(&g); n++) {
		desc = kmessage_get(g.field[0]);
		ck_assert_msg(desc != NULL, "no message %s", g.field[0]);
		version = atoi(g.field[1]);
		in = golden_hex(g.field[3]);
		golden_message(desc, version, in, g.field[4]);
		refuse_prefixes(desc, version, in);
		golden_free(in);
	}
	ck_assert_int_gt(n, 500);
}
END_TEST

/* There is a vector for each version that is served, both ways. */
START_TEST(golden_complete)
{
	static bool seen[KAPI_MAX + 1][2][32];
	const struct kdesc *desc;
	struct golden g;
	size_t i;
	int v;

	for (golden_open(&g, "wire.txt"); golden_next(&g);) {
		desc = kmessage_get(g.field[0]);
		for (i = 0; i < nkapis; i++)
			if (desc == kapis[i].request ||
			    desc == kapis[i].response)
				seen[kapis[i].key][desc == kapis[i].response]
				    [atoi(g.field[1])] = true;
	}
	for (i = 0; i < nkapis; i++)
		for (v = kapis[i].min; v <= kapis[i].max; v++)
			ck_assert_msg(seen[kapis[i].key][0][v] &&
			    seen[kapis[i].key][1][v], "%s v%d has no vector",
			    kapis[i].name, v);
}
END_TEST

START_TEST(golden_frames)
{
	const struct kapi *api;
	struct kframe h;
	struct slice q, a, body;
	struct golden g;
	size_t i, at;
	int32_t id;
	int v;

	for (golden_open(&g, "frames.txt"); golden_next(&g);) {
		for (i = 0; strcmp(kapis[i].name, g.field[0]) != 0; i++)
			ck_assert_uint_lt(i, nkapis - 1);
		api = &kapis[i];
		v = atoi(g.field[1]);
		q = golden_hex(g.field[2]);
		a = golden_hex(g.field[3]);

		ck_assert_int_eq(kframe_request(q, &h, NULL), 0);
		ck_assert(h.api == api && h.served && h.version == v &&
		    h.key == api->key && h.correlation_id == 66051 &&
		    slice_eq_str(h.client_id, "leat") && h.body.len == 0);
		for (i = 0; i < q.len; i++)
			ck_assert_int_eq(kframe_request(slice_of(q.p, i), &h,
			    NULL), -1);
		kwriter_reset(&w);
		at = kframe_request_begin(&w, api, v, 66051, SLICE("leat"));
		kframe_end(&w, at, 0);
		ck_assert(slice_eq(slice_of(w.base + 4, w.len - 4), q));
		ck_assert_uint_eq(get_be32(w.base), q.len);

		kwriter_reset(&w);
		at = kframe_response_begin(&w, api, v, 66051);
		kframe_end(&w, at, 1000);
		ck_assert(slice_eq(slice_of(w.base + 4, w.len - 4), a));
		ck_assert_uint_eq(get_be32(w.base), a.len + 1000);
		ck_assert_int_eq(kframe_response(a, api, v, &id, &body, NULL),
		    0);
		ck_assert(id == 66051 && body.len == 0);
		golden_free(q);
		golden_free(a);
	}
}
END_TEST

static const struct {
	const char	*hex;
	bool		 known, served;
	int		 rc;
} frames[] = {
	/* ApiVersions 99: only the fixed part is looked at. */
	{ "00120063" "00000007" "ffff", true, false, 0 },
	{ "00120063" "00000007", true, false, 0 },
	/* A key that nobody has. */
	{ "03e70000" "00000007", false, false, 0 },
	{ "ffff0000" "00000007", false, false, 0 },
	/* Produce 0 is advertised, not served. */
	{ "00000000" "00000007" "0000", true, false, 0 },
	{ "00030000" "00000007" "ffff", true, true, 0 },
	/* Cut, a client id that runs over, a negative one. */
	{ "00120063" "0000", true, false, -1 },
	{ "00030000" "00000007" "0003" "61", true, true, -1 },
	{ "00030000" "00000007" "fffe", true, true, -1 },
	/* Metadata 9 has a tagged section: unknown, descending, overrun. */
	{ "00030009" "00000007" "ffff" "01" "0501aa", true, true, 0 },
	{ "00030009" "00000007" "ffff" "02" "0501aa" "0401bb", true, true, -1 },
	{ "00030009" "00000007" "ffff" "02" "0501aa" "0501bb", true, true, -1 },
	{ "00030009" "00000007" "ffff" "01" "0505aa", true, true, -1 },
};

START_TEST(frame_headers)
{
	struct slice in = golden_hex(frames[_i].hex);
	struct kframe h;

	ck_assert_int_eq(kframe_request(in, &h, NULL), frames[_i].rc);
	ck_assert_int_eq(h.api != NULL, frames[_i].known);
	ck_assert_int_eq(h.served, frames[_i].served);
	if (frames[_i].rc == 0)
		ck_assert_int_eq(h.correlation_id, 7);
	golden_free(in);
}
END_TEST

START_TEST(frame_lengths)
{
	static const struct { const char *in; int rc; enum err_code code; }
	cases[] = {
		{ "", 1, 0 }, { "000000", 1, 0 },
		{ "00000008", 0, 0 }, { "00000064", 0, 0 },
		{ "00000065", -1, ERR_TOO_LARGE },
		{ "7fffffff", -1, ERR_TOO_LARGE },
		{ "00000007", -1, ERR_PROTO }, { "ffffffff", -1, ERR_PROTO },
		/* The first bytes of an HTTP request and of a TLS hello. */
		{ "47455420", -1, ERR_TOO_LARGE },
	};
	struct err e;
	struct slice in;
	uint32_t len;
	size_t i;

	for (i = 0; i < NELEM(cases); i++) {
		e = (struct err)ERR_INIT;
		in = golden_hex(cases[i].in);
		ck_assert_int_eq(kframe_length(in, 100, &len, &e),
		    cases[i].rc);
		ck_assert_int_eq(e.code, cases[i].code);
		golden_free(in);
	}
}
END_TEST

START_TEST(golden_internal)
{
	struct kinternal_key key;
	const struct kdesc *desc;
	struct golden g;
	struct slice in;
	char *text;
	int version;

	for (golden_open(&g, "internal.txt"); golden_next(&g);) {
		desc = kmessage_get(g.field[0]);
		version = atoi(g.field[1]);
		in = golden_hex(g.field[2]);
		/* The message behind the version. */
		golden_message(desc, version, slice_of(in.p + 2, in.len - 2),
		    g.field[3]);
		arena_reset(&arena);
		kwriter_reset(&w);
		if (desc == &kd_offset_commit_key ||
		    desc == &kd_group_metadata_key) {
			ck_assert_int_eq(kinternal_key_decode(in, &key, NULL),
			    0);
			text = message_text(desc, version, &key.u);
			ck_assert_int_eq(key.kind == KINTERNAL_GROUP,
			    desc == &kd_group_metadata_key);
			if (key.kind == KINTERNAL_GROUP)
				kinternal_group_key(&w, key.u.group.group);
			else
				kinternal_offset_key(&w, key.u.offset.group,
				    key.u.offset.topic,
				    key.u.offset.partition);
		} else if (desc == &kd_offset_commit_value) {
			struct km_offset_commit_value v;

			ck_assert_int_eq(kinternal_offset_decode(in, &v, NULL),
			    0);
			text = message_text(desc, version, &v);
			kinternal_offset_encode(&w, &v);
		} else if (desc == &kd_transaction_log_key) {
			struct km_transaction_log_key k;

			ck_assert_int_eq(kinternal_txn_key_decode(in,
			    &k.transactional_id, NULL), 0);
			text = message_text(desc, version, &k);
			kinternal_txn_key(&w, k.transactional_id);
		} else if (desc == &kd_transaction_log_value) {
			struct km_transaction_log_value v;

			ck_assert_int_eq(kinternal_txn_decode(in, &arena, &v,
			    NULL), 0);
			text = message_text(desc, version, &v);
			kinternal_txn_encode(&w, &v);
		} else {
			ck_assert_int_eq(kinternal_group_decode(in, &arena,
			    &out.group, NULL), 0);
			text = message_text(desc, version, &out.group);
			kinternal_group_encode(&w, &out.group);
		}
		ck_assert_str_eq(text, g.field[3]);
		free(text);
		/* Key versions 1 and 2 and value version 3 are ours too, and
		 * all of the transactions'. */
		if (strncmp(g.field[0], "transaction", 11) == 0 ||
		    (strstr(g.field[0], "value") != NULL ? version == 3 :
		    version != 0))
			ck_assert(slice_eq(kwriter_slice(&w), in));
		golden_free(in);
	}
}
END_TEST

START_TEST(internal_refused)
{
	struct km_offset_commit_value v;
	struct km_transaction_log_value txn;
	struct slice id;
	struct kinternal_key key;
	struct err e = ERR_INIT;

	ck_assert_int_eq(kinternal_key_decode(SLICE("\0"), &key, &e), -1);
	ck_assert_int_eq(e.code, ERR_CORRUPT);
	ck_assert_int_eq(kinternal_key_decode(SLICE("\0\1\0\5"), &key, NULL),
	    -1);
	ck_assert_int_eq(kinternal_key_decode(SLICE("\0\3xyz"), &key, NULL),
	    0);
	ck_assert_int_eq(key.kind, KINTERNAL_OTHER);
	ck_assert_int_eq(kinternal_txn_key_decode(SLICE("\0\1\0\1x"), &id,
	    NULL), -1);
	ck_assert_int_eq(kinternal_txn_decode(SLICE("\0\2"), &arena, &txn,
	    NULL), -1);
	ck_assert_int_eq(kinternal_offset_decode(SLICE("\0\5"), &v, &e), -1);
	ck_assert_int_eq(kinternal_offset_decode(SLICE("\377\377"), &v, &e),
	    -1);
}
END_TEST

/* Bytes that must be refused, though they are long enough. */
static const struct {
	const char		*what;
	const struct kdesc	*desc;
	int			 version;
	const char		*hex;
} hostile[] = {
	{ "two billion topics", &kd_metadata_request, 0, "7fffffff" "0000" },
	{ "null where it may not", &kd_metadata_request, 0, "ffffffff" },
	{ "count -2", &kd_metadata_request, 1, "fffffffe" },
	{ "null group", &kd_heartbeat_request, 0,
	    "ffff" "00000001" "0000" },
	{ "string of -2", &kd_heartbeat_request, 0,
	    "fffe" "00000001" "0000" },
	{ "uvarint of six bytes", &kd_list_groups_request, 3,
	    "808080808000" },
	{ "uvarint above 31 bits", &kd_list_groups_request, 4,
	    "ffffffff0f" "00" },
	{ "compact count beyond the bytes", &kd_list_groups_request, 4,
	    "05" "0161" "00" },
	{ "compact null where it may not", &kd_list_groups_request, 4,
	    "00" "00" },
	{ "tag twice", &kd_list_groups_request, 3, "02" "0000" "0000" },
	{ "tags descend", &kd_list_groups_request, 3, "02" "0100" "0000" },
	{ "tag overruns", &kd_list_groups_request, 3, "01" "0005" "00" },
	{ "more tags than bytes", &kd_list_groups_request, 3, "7f" },
	{ "known tag longer than its value", &kd_fetch_request, 12,
	    "ffffffff" "00000000" "00000000" "00000000" "00" "00000000"
	    "ffffffff" "01" "01" "01" "01" "0003" "026100" },
	{ "known tag shorter than its value", &kd_fetch_request, 12,
	    "ffffffff" "00000000" "00000000" "00000000" "00" "00000000"
	    "ffffffff" "01" "01" "01" "01" "0001" "0261" },
};

START_TEST(refuse_hostile)
{
	struct slice in = golden_hex(hostile[_i].hex);
	struct err e = ERR_INIT;

	ck_assert_msg(decode(hostile[_i].desc, hostile[_i].version, in,
	    &e) == -1, "%s was taken", hostile[_i].what);
	ck_assert_int_eq(e.code, ERR_PROTO);
	golden_free(in);
}
END_TEST

START_TEST(take_unknown_tags)
{
	struct slice in = golden_hex("02" "0701aa" "0900");
	struct err e = ERR_INIT;

	ck_assert_msg(decode(&kd_list_groups_request, 3, in, &e) == 0, "%s",
	    e.msg);
	golden_free(in);
}
END_TEST

/* A known tag among unknown ones is found. */
START_TEST(take_known_tag)
{
	struct km_fetch_request *q = (void *)&out;
	struct slice in = golden_hex("ffffffff" "00000000" "00000000"
	    "00000000" "00" "00000000" "ffffffff" "01" "01" "01"
	    "02" "0002" "0261" "0501aa");

	ck_assert_int_eq(decode(&kd_fetch_request, 12, in, NULL), 0);
	ck_assert(slice_eq_str(q->cluster_id, "a"));
	golden_free(in);
}
END_TEST

/* Few bytes, much memory: the arena's limit holds. */
START_TEST(refuse_beyond_arena)
{
	static uint8_t in[65536];
	struct err e = ERR_INIT;
	struct arena small;

	/* 60000 empty topics of one byte each, which take a struct each. */
	put_uvarint(in, 20001);
	arena_init(&small, 4096, 65536);
	ck_assert_int_eq(kw_decode(&kd_metadata_request, 9,
	    slice_of(in, sizeof in), &small, &out, &e), -1);
	ck_assert_int_eq(e.code, ERR_TOO_LARGE);
	arena_fini(&small);
}
END_TEST

START_TEST(writer_limit)
{
	struct kwriter small;
	int i;

	kwriter_init(&small, 0, 10);
	for (i = 0; i < 10; i++)
		kwrite_i8(&small, 1);
	ck_assert(!small.full);
	kwrite_i8(&small, 1);
	ck_assert(small.full && small.len == 10);
	kwriter_reset(&small);
	kwrite_raw(&small, "0123456789a", 11);
	ck_assert(small.full && small.len == 0);
	kwriter_fini(&small);
}
END_TEST

/* A string that its form cannot say is not cut in silence. */
START_TEST(writer_long_string)
{
	static uint8_t big[40000];

	kwrite_str(&w, slice_of(big, 32767));
	ck_assert(!w.full);
	kwrite_str(&w, slice_of(big, 32768));
	ck_assert(w.full);
	kwriter_reset(&w);
	w.flex = true;
	kwrite_str(&w, slice_of(big, 32768));
	ck_assert(!w.full);
	w.flex = false;
}
END_TEST

START_TEST(defaults)
{
	struct km_fetch_response r;
	int32_t i;

	kw_defaults(&kd_fetch_response, &r);
	ck_assert_int_eq(r.responses.n, 0);
	ck_assert_int_eq(KARRAY_NEW(r.responses, &kd_fetch_response_topic, 2,
	    &arena), 0);
	ck_assert_int_eq(KARRAY_NEW(r.responses.v[0].partitions,
	    &kd_fetch_response_partition, 3, &arena), 0);
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(r.responses.v[0].partitions.v[i]
		    .preferred_read_replica, -1);
		ck_assert_int_eq(r.responses.v[0].partitions.v[i]
		    .current_leader.leader_epoch, -1);
		ck_assert_int_eq(r.responses.v[0].partitions.v[i]
		    .log_start_offset, -1);
	}
	/* A struct of defaults can be encoded in every version. */
	for (i = 4; i <= 12; i++)
		kw_encode(&kd_fetch_response, i, &r, &w);
	ck_assert(!w.full);
}
END_TEST

/* --- the hand-written paths against the interpreter --- */

static void
compare_walk(int version, struct slice in)
{
	const struct km_produce_request *q = &out.produce;
	struct kproduce_part part;
	struct kproduce p;
	int32_t t, i;

	ck_assert_int_eq(decode(&kd_produce_request, version, in, NULL), 0);
	ck_assert_int_eq(kproduce_begin(&p, version, in, NULL), 0);
	ck_assert(slice_eq(p.transactional_id, q->transactional_id));
	ck_assert_int_eq(p.acks, q->acks);
	ck_assert_int_eq(p.timeout_ms, q->timeout_ms);
	ck_assert_int_eq(p.ntopics, q->topic_data.n);
	for (t = 0; t < q->topic_data.n; t++)
		for (i = 0; i < q->topic_data.v[t].partition_data.n; i++) {
			ck_assert(kproduce_next(&p, &part));
			ck_assert(slice_eq(part.topic,
			    q->topic_data.v[t].name));
			ck_assert_mem_eq(&part.topic_id,
			    &q->topic_data.v[t].topic_id, 16);
			ck_assert_int_eq(part.topic_parts, i > 0 ? 0 :
			    q->topic_data.v[t].partition_data.n);
			ck_assert_int_eq(part.index,
			    q->topic_data.v[t].partition_data.v[i].index);
			ck_assert(part.records.p == q->topic_data.v[t]
			    .partition_data.v[i].records.p);
			ck_assert_uint_eq(part.records.len, q->topic_data.v[t]
			    .partition_data.v[i].records.len);
		}
	ck_assert(!kproduce_next(&p, &part));
}

START_TEST(produce_walk)
{
	struct golden g;
	struct kproduce p;
	struct slice in;
	size_t i;
	int v, n = 0;

	for (golden_open(&g, "wire.txt"); golden_next(&g);) {
		if (strcmp(g.field[0], "produce_request") != 0)
			continue;
		v = atoi(g.field[1]);
		in = golden_hex(g.field[3]);
		compare_walk(v, in);
		for (i = 0; i < in.len; i++)
			ck_assert_int_eq(kproduce_begin(&p, v,
			    slice_of(in.p, i), NULL), -1);
		golden_free(in);
		n++;
	}
	ck_assert_int_gt(n, 17);
}
END_TEST

/* Topics without partitions are passed over, in both forms. */
START_TEST(produce_walk_empty)
{
	static const struct { int version; const char *hex; } cases[] = {
		{ 3, "ffff" "ffff" "00000001" "00000003"
		    "000161" "00000000"
		    "000162" "00000001" "00000007" "00000001" "58"
		    "000163" "00000000" },
		{ 9, "00" "ffff" "00000001" "04"
		    "0261" "01" "00"
		    "0262" "02" "00000007" "0258" "00" "00"
		    "0263" "01" "00" "00" },
		{ 3, "ffff" "ffff" "00000001" "00000000" },
	};
	struct slice in;
	size_t i;

	for (i = 0; i < NELEM(cases); i++) {
		in = golden_hex(cases[i].hex);
		compare_walk(cases[i].version, in);
		golden_free(in);
	}
}
END_TEST

static void
write_fetch(int version, const struct km_fetch_response *r)
{
	const struct km_fetch_response_partition *part;
	struct kfetch f;
	int32_t t, i;
	size_t at;

	kwriter_reset(&w);
	kfetch_begin(&f, &w, version, r->throttle_time_ms, r->error_code,
	    r->session_id, r->responses.n);
	for (t = 0; t < r->responses.n; t++) {
		kfetch_topic(&f, r->responses.v[t].topic,
		    r->responses.v[t].topic_id,
		    r->responses.v[t].partitions.n);
		for (i = 0; i < r->responses.v[t].partitions.n; i++) {
			part = &r->responses.v[t].partitions.v[i];
			at = kfetch_partition(&f, part, part->records.len);
			ck_assert_uint_eq(at, w.len);
			kwrite_raw(&w, part->records.p, part->records.len);
			kfetch_partition_end(&f, part);
		}
	}
	kfetch_end(&f);
}

START_TEST(fetch_writer)
{
	struct km_fetch_response_topic *topic;
	struct golden g;
	struct kwriter want;
	struct slice in;
	int32_t t, i;
	int v, n = 0;

	kwriter_init(&want, 0, 1 << 20);
	for (golden_open(&g, "wire.txt"); golden_next(&g);) {
		if (strcmp(g.field[0], "fetch_response") != 0)
			continue;
		v = atoi(g.field[1]);
		in = golden_hex(g.field[3]);
		ck_assert_int_eq(decode(&kd_fetch_response, v, in, NULL), 0);
		/* The writer has no null records: clients mishandle them. */
		for (t = 0; t < out.fetch.responses.n; t++) {
			topic = &out.fetch.responses.v[t];
			for (i = 0; i < topic->partitions.n; i++)
				if (topic->partitions.v[i].records.p == NULL)
					topic->partitions.v[i].records =
					    SLICE("");
		}
		out.fetch.node_endpoints.n = 0;	/* we send none */
		kwriter_reset(&want);
		kw_encode(&kd_fetch_response, v, &out, &want);
		write_fetch(v, &out.fetch);
		ck_assert(slice_eq(kwriter_slice(&w), kwriter_slice(&want)));
		golden_free(in);
		n++;
	}
	ck_assert_int_gt(n, 17);
	kwriter_fini(&want);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("kafka wire");
	TCase *t = tcase_create("wire");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, golden_wire);
	tcase_add_test(t, golden_complete);
	tcase_add_test(t, golden_frames);
	tcase_add_loop_test(t, frame_headers, 0, NELEM(frames));
	tcase_add_test(t, frame_lengths);
	tcase_add_test(t, golden_internal);
	tcase_add_test(t, internal_refused);
	tcase_add_loop_test(t, refuse_hostile, 0, NELEM(hostile));
	tcase_add_test(t, take_unknown_tags);
	tcase_add_test(t, take_known_tag);
	tcase_add_test(t, refuse_beyond_arena);
	tcase_add_test(t, writer_limit);
	tcase_add_test(t, writer_long_string);
	tcase_add_test(t, defaults);
	tcase_add_test(t, produce_walk);
	tcase_add_test(t, produce_walk_empty);
	tcase_add_test(t, fetch_writer);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return (failed == 0 ? 0 : 1);
}
