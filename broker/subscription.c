#include "broker/subscription.h"

#include "kafka/wire.h"

/* int16 version, array of topic names, ... */
static bool
names(struct slice metadata, struct slice topic)
{
	struct kreader r = kreader_of(metadata, false);
	int32_t i, n;

	(void)kread_i16(&r);
	n = kread_count(&r, 2, false);
	for (i = 0; i < n && !r.bad; i++)
		if (slice_eq(kread_str(&r), topic))
			return (true);
	return (r.bad);
}

bool
group_subscribed(const struct group *g, struct slice topic)
{
	const struct group_member *m;

	if (!slice_eq_str(g->protocol_type, "consumer"))
		return (true);
	TAILQ_FOREACH(m, &g->members, link)
		if (names(group_metadata(g, m), topic))
			return (true);
	return (false);
}
