/*
 * Which channels a record goes to: Flume's replicating and multiplexing
 * selectors (user guide, "Flume Channel Selectors").
 */
#ifndef AGENT_SELECTOR_H
#define AGENT_SELECTOR_H

#include "agent/config.h"
#include "base/batch.h"

/* At most this many channels per source. */
#define SELECTOR_CHANNELS_MAX	64

struct selector;

/* channels: the source's, n of them; places below are indices into it. */
struct selector	*selector_new(const struct selector_config *,
		    const size_t *channels, size_t n);
void		 selector_free(struct selector *);

/* Channels that some record may need: the source's durable authority. */
uint64_t	 selector_required(const struct selector *);

/*
 * The share of each channel: out[i] is the batch itself (with a reference), a
 * child with the records that go there, or a child without records, which only
 * moves the cursor.  *required: bit i set when channel i must take its share.
 * b is sealed.
 */
void		 selector_split(const struct selector *, struct batch *b,
		    struct batch **out, uint64_t *required);

#endif
