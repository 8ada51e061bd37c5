/*
 * A member's metadata, which the broker reads for the topics it is subscribed
 * to: any bytes.  What cannot be read names every topic, so that nothing of
 * such a group is deleted or expires.
 */
#include "test/fuzz/fuzz.h"

#include "base/bytes.h"
#include "base/check.h"
#include "broker/subscription.h"

static const struct group_limits limits = { 1, 1800000, 0, 100 };

/* int16 version, int32 count, then int16 length and bytes each. */
static bool
names(const uint8_t *p, size_t size, struct slice topic)
{
	size_t at = 6, len;
	uint32_t i, n;

	if (size < at)
		return (true);
	n = get_be32(p + 2);
	if (n > (size - at) / 2)
		return (true);
	for (i = 0; i < n; i++) {
		if (size - at < 2)
			return (true);
		len = get_be16(p + at);
		at += 2;
		if (len > INT16_MAX || len > size - at)
			return (true);
		if (slice_eq(slice_of(p + at, len), topic))
			return (true);
		at += len;
	}
	return (false);
}

static void
check(const struct group *g, const uint8_t *data, size_t size,
    struct slice topic)
{
	CHECK(group_subscribed(g, topic) == names(data, size, topic));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct group *g = group_new(SLICE("g"), &limits);
	struct group_protocol protocol = { SLICE("range"),
	    slice_of(data, size) };
	struct group_member m = { .id = SLICE("m"), .client_id = SLICE("c"),
	    .client_host = SLICE("h"), .session_ms = 1, .rebalance_ms = 1,
	    .protocols = &protocol, .nprotocols = 1 };

	group_restore(g, 1, SLICE("consumer"), SLICE("range"), 1);
	group_restore_member(g, &m, true);
	check(g, data, size, SLICE("t"));
	check(g, data, size, SLICE("topic"));
	group_free(g);
	return (0);
}
