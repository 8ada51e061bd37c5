/*
 * The codec: which message, which version, then its bytes.  What decodes is
 * encoded and decoded again, to the same bytes; the Produce walk agrees with
 * the interpreter.
 *
 *	byte 0	key of an API; INTERNAL: a record of an internal topic;
 *		FRAME: a request frame, header and body
 *	byte 1	version, and RESPONSE for the response; of an internal one
 *		which: key, value of an offset, value of a group, key and
 *		value of a transaction
 *	rest	the message
 */
#include <stdlib.h>

#include "base/check.h"
#include "kafka/frame.h"
#include "kafka/internal.h"
#include "kafka/messages.h"
#include "kafka/produce.h"
#include "test/fuzz/fuzz.h"

#define LIMIT	(4 << 20)	/* of a message, decoded or encoded */
#define FRAME		255
#define INTERNAL	254
#define RESPONSE	0x80

static void
encode_twice(const struct kdesc *d, int version, const void *first,
    struct arena *arena)
{
	struct kwriter a, b;
	void *again = calloc(1, d->size);

	kwriter_init(&a, 0, LIMIT);
	kwriter_init(&b, 0, LIMIT);
	kw_encode(d, version, first, &a);
	if (!a.full &&
	    kw_decode(d, version, kwriter_slice(&a), arena, again, NULL) == 0) {
		kw_encode(d, version, again, &b);
		CHECK(slice_eq(kwriter_slice(&a), kwriter_slice(&b)));
	} else {
		CHECK(a.full || arena->used > LIMIT / 2);
	}
	kwriter_fini(&a);
	kwriter_fini(&b);
	free(again);
}

/* The walk takes whatever the interpreter takes, and sees the same parts. */
static void
walk(int version, struct slice in, const struct km_produce_request *q)
{
	struct kproduce_part part;
	struct kproduce p;
	int32_t t, i;

	CHECK(kproduce_begin(&p, version, in, NULL) == 0);
	CHECK(p.ntopics == q->topic_data.n && p.acks == q->acks);
	for (t = 0; t < q->topic_data.n; t++)
		for (i = 0; i < q->topic_data.v[t].partition_data.n; i++) {
			CHECK(kproduce_next(&p, &part));
			CHECK(part.records.p == q->topic_data.v[t]
			    .partition_data.v[i].records.p);
		}
	CHECK(!kproduce_next(&p, &part));
}

static void
message(const struct kdesc *d, int version, struct slice in)
{
	struct kproduce p;
	struct arena arena;
	void *out = calloc(1, d->size);
	bool produce = d == &kd_produce_request && version >= 3 &&
	    version <= 11;
	int rc;

	arena_init(&arena, 4096, LIMIT);
	rc = kw_decode(d, version, in, &arena, out, NULL);
	if (rc == 0 && produce)
		walk(version, in, out);
	else if (produce)
		(void)kproduce_begin(&p, version, in, NULL);
	if (rc == 0)
		encode_twice(d, version, out, &arena);
	arena_fini(&arena);
	free(out);
}

static void
internal(int which, struct slice in)
{
	struct km_group_metadata_value group;
	struct km_offset_commit_value offset;
	struct km_transaction_log_value txn;
	struct kinternal_key key;
	struct arena arena;
	struct slice id;

	arena_init(&arena, 4096, LIMIT);
	if (which == 0)
		(void)kinternal_key_decode(in, &key, NULL);
	else if (which == 1)
		(void)kinternal_offset_decode(in, &offset, NULL);
	else if (which == 2)
		(void)kinternal_group_decode(in, &arena, &group, NULL);
	else if (which == 3)
		(void)kinternal_txn_key_decode(in, &id, NULL);
	else
		(void)kinternal_txn_decode(in, &arena, &txn, NULL);
	arena_fini(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct kapi *api;
	struct kframe h;
	struct slice in;

	if (size < 2)
		return (0);
	in = slice_of(data + 2, size - 2);
	if (data[0] == FRAME) {
		if (kframe_request(slice_of(data + 1, size - 1), &h, NULL) ==
		    0 && h.served)
			message(h.api->request, h.version, h.body);
	} else if (data[0] == INTERNAL) {
		internal(data[1] % 5, in);
	} else if ((api = kapi_get(data[0])) != NULL) {
		message((data[1] & RESPONSE) != 0 ? api->response :
		    api->request, data[1] & 15, in);
	}
	return (0);
}
