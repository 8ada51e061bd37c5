/*
 * The int16 in front says the version of what follows; the rest is the
 * interpreter's.  Keys and the offset's value have no arrays, so they need no
 * arena.
 */
#include "kafka/internal.h"

#define OFFSET_KEY	1	/* versions that we write */
#define GROUP_KEY	2
#define VALUE		3
#define VALUE_MAX	4	/* highest that we read */
#define TXN_KEY		0
#define TXN_VALUE_MAX	1

/* Splits off the version. */
static int
take_version(struct slice *in, int16_t *version, struct err *e)
{
	if (in->p == NULL || in->len < 2)
		return (err_set(e, ERR_CORRUPT, "record of %zu bytes has no "
		    "version", in->len));
	*version = (int16_t)get_be16(in->p);
	in->p += 2;
	in->len -= 2;
	return (0);
}

/* The interpreter's "malformed" is damage here: the bytes come from a log. */
static int
decode(const struct kdesc *desc, int version, struct slice in,
    struct arena *arena, void *out, struct err *e)
{
	if (kw_decode(desc, version, in, arena, out, NULL) == -1)
		return (err_set(e, ERR_CORRUPT, "%s, version %d: malformed",
		    desc->name, version));
	return (0);
}

static int
decode_value(const struct kdesc *desc, int16_t max, struct slice in,
    struct arena *arena, void *out, struct err *e)
{
	int16_t version = 0;

	if (take_version(&in, &version, e) == -1)
		return (-1);
	if (version < 0 || version > max)
		return (err_set(e, ERR_CORRUPT, "%s: version %d is not known",
		    desc->name, version));
	return (decode(desc, version, in, arena, out, e));
}

static void
encode(const struct kdesc *desc, int16_t version, const void *in,
    struct kwriter *w)
{
	kwrite_i16(w, version);
	kw_encode(desc, version, in, w);
}

int
kinternal_key_decode(struct slice in, struct kinternal_key *key,
    struct err *e)
{
	if (take_version(&in, &key->version, e) == -1)
		return (-1);
	switch (key->version) {
	case 0:
	case OFFSET_KEY:
		key->kind = KINTERNAL_OFFSET;
		return (decode(&kd_offset_commit_key, key->version, in, NULL,
		    &key->u.offset, e));
	case GROUP_KEY:
		key->kind = KINTERNAL_GROUP;
		return (decode(&kd_group_metadata_key, key->version, in, NULL,
		    &key->u.group, e));
	default:
		key->kind = KINTERNAL_OTHER;
		return (0);
	}
}

void
kinternal_offset_key(struct kwriter *w, struct slice group,
    struct slice topic, int32_t partition)
{
	struct km_offset_commit_key k = { group, topic, partition };

	encode(&kd_offset_commit_key, OFFSET_KEY, &k, w);
}

void
kinternal_group_key(struct kwriter *w, struct slice group)
{
	struct km_group_metadata_key k = { group };

	encode(&kd_group_metadata_key, GROUP_KEY, &k, w);
}

int
kinternal_offset_decode(struct slice in, struct km_offset_commit_value *v,
    struct err *e)
{
	return (decode_value(&kd_offset_commit_value, VALUE_MAX, in, NULL, v,
	    e));
}

void
kinternal_offset_encode(struct kwriter *w,
    const struct km_offset_commit_value *v)
{
	encode(&kd_offset_commit_value, VALUE, v, w);
}

int
kinternal_group_decode(struct slice in, struct arena *arena,
    struct km_group_metadata_value *v, struct err *e)
{
	return (decode_value(&kd_group_metadata_value, VALUE_MAX, in, arena, v,
	    e));
}

void
kinternal_group_encode(struct kwriter *w,
    const struct km_group_metadata_value *v)
{
	encode(&kd_group_metadata_value, VALUE, v, w);
}

int
kinternal_txn_key_decode(struct slice in, struct slice *id, struct err *e)
{
	struct km_transaction_log_key k;
	int16_t version = 0;

	if (take_version(&in, &version, e) == -1)
		return (-1);
	if (version != TXN_KEY)
		return (err_set(e, ERR_CORRUPT, "transaction_log_key: version "
		    "%d is not known", version));
	if (decode(&kd_transaction_log_key, version, in, NULL, &k, e) == -1)
		return (-1);
	*id = k.transactional_id;
	return (0);
}

void
kinternal_txn_key(struct kwriter *w, struct slice id)
{
	struct km_transaction_log_key k = { id };

	encode(&kd_transaction_log_key, TXN_KEY, &k, w);
}

int
kinternal_txn_decode(struct slice in, struct arena *arena,
    struct km_transaction_log_value *v, struct err *e)
{
	return (decode_value(&kd_transaction_log_value, TXN_VALUE_MAX, in,
	    arena, v, e));
}

void
kinternal_txn_encode(struct kwriter *w,
    const struct km_transaction_log_value *v)
{
	bool tagged = v->previous_producer_id != -1 ||
	    v->next_producer_id != -1 || v->client_transaction_version != 0;

	encode(&kd_transaction_log_value, tagged ? 1 : 0, v, w);
}
