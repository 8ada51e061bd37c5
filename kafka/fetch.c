/*
 * The rows of fetch_response in messages.def, written out for versions 4 to
 * 17.  Only the tagged section of a partition goes through the interpreter: it
 * is empty but for errors about epochs.
 */
#include "kafka/fetch.h"

#include "base/check.h"

void
kfetch_begin(struct kfetch *f, struct kwriter *w, int version,
    int32_t throttle_time_ms, int16_t error_code, int32_t session_id,
    int32_t ntopics)
{
	CHECK(version >= 4 && version < 18);
	*f = (struct kfetch){
		.w = w, .version = version, .topics_left = ntopics,
	};
	w->flex = version >= kd_fetch_response.flex;
	kwrite_i32(w, throttle_time_ms);
	if (version >= 7) {
		kwrite_i16(w, error_code);
		kwrite_i32(w, session_id);
	}
	kwrite_count(w, ntopics);
}

void
kfetch_topic(struct kfetch *f, struct slice name, struct kuuid id,
    int32_t nparts)
{
	CHECK(f->parts_left == 0 && f->topics_left > 0);
	f->topics_left--;
	f->parts_left = nparts;
	if (f->version >= 13)
		kwrite_uuid(f->w, id);
	else
		kwrite_str(f->w, name);
	kwrite_count(f->w, nparts);
	if (nparts == 0)
		kwrite_no_tags(f->w);
}

static void
write_aborted(struct kwriter *w,
    const struct km_fetch_response_partition *part)
{
	int32_t i;

	kwrite_count(w, part->aborted_transactions.n);
	for (i = 0; i < part->aborted_transactions.n; i++) {
		kwrite_i64(w, part->aborted_transactions.v[i].producer_id);
		kwrite_i64(w, part->aborted_transactions.v[i].first_offset);
		kwrite_no_tags(w);
	}
}

size_t
kfetch_partition(struct kfetch *f,
    const struct km_fetch_response_partition *part, size_t len)
{
	struct kwriter *w = f->w;

	CHECK(f->parts_left > 0);
	kwrite_i32(w, part->partition_index);
	kwrite_i16(w, part->error_code);
	kwrite_i64(w, part->high_watermark);
	kwrite_i64(w, part->last_stable_offset);
	if (f->version >= 5)
		kwrite_i64(w, part->log_start_offset);
	write_aborted(w, part);
	if (f->version >= 11)
		kwrite_i32(w, part->preferred_read_replica);
	kwrite_bytes_len(w, len);
	return (w->len);
}

void
kfetch_partition_end(struct kfetch *f,
    const struct km_fetch_response_partition *part)
{
	CHECK(f->parts_left > 0);
	if (f->w->flex)
		kw_encode_tags(&kd_fetch_response_partition, f->version, part,
		    f->w);
	if (--f->parts_left == 0)
		kwrite_no_tags(f->w);		/* of the topic */
}

void
kfetch_end(struct kfetch *f)
{
	CHECK(f->parts_left == 0 && f->topics_left == 0);
	kwrite_no_tags(f->w);
}
