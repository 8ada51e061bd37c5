/*
 * A request that goes from loop to loop, to ask the shards of each.
 */
#include "broker/txns_priv.h"

struct tour {			/* in the request's memory; r->data */
	unsigned		 loop;
	void			(*each)(struct request *, struct txns_shard *);
	request_handler		*done;
	void			*state;
};

static void	tour_next(struct request *);

static void
tour_stop(struct request *r)
{
	struct tour *tour = r->data;
	struct txns *ts = r->broker->txns;
	const struct broker_loop *home = &r->broker->loops[tour->loop];
	int32_t i;

	for (i = 0; i < ts->nshards; i++)
		if (ts->shards[i].home == home)
			tour->each(r, &ts->shards[i]);
	tour->loop++;
	tour_next(r);
}

static void
tour_next(struct request *r)
{
	struct tour *tour = r->data;

	if (tour->loop < r->broker->nloops)
		request_move(r, &r->broker->loops[tour->loop], tour_stop);
	else
		tour->done(r);
}

void
txns_tour(struct request *r, void *state,
    void (*each)(struct request *, struct txns_shard *),
    request_handler *done)
{
	struct tour *tour = request_alloc(r, sizeof *tour);

	*tour = (struct tour){ .each = each, .done = done, .state = state };
	r->data = tour;
	tour_next(r);
}

void *
txns_tour_state(struct request *r)
{
	struct tour *tour = r->data;

	return (tour->state);
}
