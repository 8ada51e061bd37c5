/*
 * A batch goes whole to a channel in nearly every case (replicating, or one
 * header value for the whole batch); children are made only when the records of
 * one batch differ.
 *
 * Per record the channels are two bit sets, required and optional.  A channel
 * that gets none of a batch still gets the empty child: its cursor moves, so
 * that it does not hold the source back at the next start.
 */
#include "agent/selector.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/map.h"
#include "base/mem.h"

struct target {
	uint64_t	required, optional;
};

struct selector {
	size_t		 n;		/* channels of the source */
	struct slice	 header;	/* p NULL: replicating */
	struct map	*values;	/* header value -> struct target */
	struct target	 def;		/* no mapping fits */
	uint64_t	 required;	/* any record may need them */
};

/* The bits of channels given by their agent-wide indices. */
static uint64_t
bits_of(const size_t *v, size_t nv, const size_t *channels, size_t n)
{
	uint64_t bits = 0;
	size_t i, j;

	for (i = 0; i < nv; i++)
		for (j = 0; j < n; j++)
			if (channels[j] == v[i])
				bits |= UINT64_C(1) << j;
	return (bits);
}

static struct target *
value_target(struct selector *s, const char *value)
{
	struct target *t = map_get(s->values, slice_str(value));

	if (t == NULL) {
		t = xcalloc(1, sizeof *t);
		*t = s->def;
		map_put(s->values, slice_str(value), t);
	}
	return (t);
}

static void
multiplexing_init(struct selector *s, const struct selector_config *cfg,
    const size_t *channels, size_t n)
{
	struct target *t;
	size_t i;

	s->header = slice_str(cfg->header);
	s->values = map_new();
	s->def.required = bits_of(cfg->def, cfg->ndef, channels, n);
	s->required = s->def.required;
	for (i = 0; i < cfg->nmap; i++) {
		t = value_target(s, cfg->map[i].value);
		t->required = bits_of(cfg->map[i].channels, cfg->map[i].n,
		    channels, n);
		s->required |= t->required;
	}
	for (i = 0; i < cfg->noptional; i++) {
		t = value_target(s, cfg->optional[i].value);
		t->optional = bits_of(cfg->optional[i].channels,
		    cfg->optional[i].n, channels, n) & ~t->required;
	}
}

struct selector *
selector_new(const struct selector_config *cfg, const size_t *channels,
    size_t n)
{
	struct selector *s = xcalloc(1, sizeof *s);
	uint64_t all;

	CHECK(n > 0 && n <= SELECTOR_CHANNELS_MAX);
	s->n = n;
	if (cfg->multiplexing) {
		multiplexing_init(s, cfg, channels, n);
		return (s);
	}
	all = n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
	s->def.optional = bits_of(cfg->opt, cfg->nopt, channels, n);
	s->def.required = all & ~s->def.optional;
	s->required = s->def.required;
	return (s);
}

void
selector_free(struct selector *s)
{
	size_t it = 0;
	void *v;

	if (s == NULL)
		return;
	if (s->values != NULL)
		while (map_next(s->values, &it, NULL, &v))
			free(v);
	map_free(s->values);
	free(s);
}

uint64_t
selector_required(const struct selector *s)
{
	return (s->required);
}

static struct target
record_target(const struct selector *s, const struct batch *b,
    const struct record *r)
{
	struct slice value = batch_get(b, r, s->header);
	struct target *t = NULL;

	if (value.p != NULL)
		t = map_get(s->values, value);
	return (t != NULL ? *t : s->def);
}

/* The share of one channel, from each record's channels. */
static struct batch *
share(struct batch *b, const uint64_t *to, uint64_t bit)
{
	struct batch *child;
	bool *keep;
	uint32_t i, n = 0;

	for (i = 0; i < b->n; i++)
		n += (to[i] & bit) != 0;
	if (n == b->n)
		return (batch_ref(b));
	keep = xcalloc(b->n + 1, sizeof *keep);
	for (i = 0; i < b->n; i++)
		keep[i] = (to[i] & bit) != 0;
	child = batch_child(b, keep);
	free(keep);
	return (child);
}

void
selector_split(const struct selector *s, struct batch *b, struct batch **out,
    uint64_t *required)
{
	struct target t;
	uint64_t *to;
	uint32_t i;

	if (s->header.p == NULL) {
		for (i = 0; i < s->n; i++)
			out[i] = batch_ref(b);
		*required = s->required;
		return;
	}
	/* Every channel that may be required takes part, if only with the
	 * cursor. */
	*required = s->required;
	to = xcalloc((size_t)b->n + 1, sizeof *to);
	for (i = 0; i < b->n; i++) {
		t = record_target(s, b, &b->records[i]);
		to[i] = t.required | t.optional;
		*required |= t.required;
	}
	for (i = 0; i < s->n; i++)
		out[i] = share(b, to, UINT64_C(1) << i);
	free(to);
}
