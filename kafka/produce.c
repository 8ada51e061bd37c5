/*
 * One reader walks the request; what is kept between two partitions is the
 * topic and how many are left.  Nothing is allocated, and the first walk, in
 * begin, touches only the few bytes around the records.
 */
#include "kafka/produce.h"

#include "base/check.h"
#include "kafka/messages.h"

/* The next topic that has partitions: how many; 0 at the end. */
static int32_t
next_topic(struct kproduce *p)
{
	int32_t n;

	while (p->topics_left > 0 && !p->r.bad) {
		p->topics_left--;
		if (p->version >= 13)
			p->topic_id = kread_uuid(&p->r);
		else
			p->topic = kread_str(&p->r);
		n = kread_count(&p->r, 1, false);
		if (n > 0)
			return (n);
		kread_tags(&p->r);
	}
	return (0);
}

bool
kproduce_next(struct kproduce *p, struct kproduce_part *part)
{
	int32_t n = 0;

	if (p->parts_left == 0) {
		if ((n = next_topic(p)) == 0)
			return (false);
		p->parts_left = n;
	}
	part->topic = p->topic;
	part->topic_id = p->topic_id;
	part->topic_parts = n;
	part->index = kread_i32(&p->r);
	part->records = kread_bytes_null(&p->r);
	kread_tags(&p->r);
	if (--p->parts_left == 0)
		kread_tags(&p->r);		/* of the topic */
	return (!p->r.bad);
}

int
kproduce_begin(struct kproduce *p, int version, struct slice body,
    struct err *e)
{
	struct kproduce_part part;
	struct kproduce dry;

	CHECK(version >= 3 && version < 14);
	*p = (struct kproduce){
		.r = kreader_of(body, version >= kd_produce_request.flex),
		.version = version,
	};
	p->transactional_id = kread_str_null(&p->r);
	p->acks = kread_i16(&p->r);
	p->timeout_ms = kread_i32(&p->r);
	p->ntopics = kread_count(&p->r, 1, false);
	p->topics_left = p->ntopics;
	dry = *p;
	while (kproduce_next(&dry, &part))
		p->nparts++;
	kread_tags(&dry.r);			/* of the request */
	if (dry.r.bad)
		return (err_set(e, ERR_PROTO, "malformed Produce request, "
		    "version %d", version));
	return (0);
}
