/*
 * The fence.  A client opens its connections one after the other, and asks on
 * the newer one what it asked in vain on the older; so what comes over the
 * older one after the newer one was heard, was held up in the network and has
 * nobody who waits for its answer.
 *
 * One entry for each live transactional id, by its producer id: what it knows
 * belongs to one epoch, and a higher one begins with nothing.
 */
#include <stdlib.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "broker/txns_priv.h"

struct fence {
	int16_t		epoch;
	uint64_t	newest[TXN_FENCES];	/* connections */
};

struct txns_fences {		/* owner: its mutex */
	struct mutex	lock;
	struct map	*ids;
};

struct txns_fences *
fences_new(void)
{
	struct txns_fences *fs = xcalloc(1, sizeof *fs);

	mutex_init(&fs->lock);
	fs->ids = map_new();
	return (fs);
}

void
fences_free(struct txns_fences *fs)
{
	size_t it = 0;
	void *f;

	if (fs == NULL)
		return;
	while (map_next(fs->ids, &it, NULL, &f))
		free(f);
	map_free(fs->ids);
	mutex_fini(&fs->lock);
	free(fs);
}

static struct slice
key_of(int64_t producer_id, uint8_t buf[8])
{
	(void)put_be64(buf, (uint64_t)producer_id);
	return (slice_of(buf, 8));
}

void
fences_add(struct txns_fences *fs, int64_t producer_id)
{
	struct fence *f = xcalloc(1, sizeof *f);
	uint8_t buf[8];

	f->epoch = -1;
	mutex_lock(&fs->lock);
	free(map_put(fs->ids, key_of(producer_id, buf), f));
	mutex_unlock(&fs->lock);
}

void
fences_remove(struct txns_fences *fs, int64_t producer_id)
{
	uint8_t buf[8];

	mutex_lock(&fs->lock);
	free(map_remove(fs->ids, key_of(producer_id, buf)));
	mutex_unlock(&fs->lock);
}

/* False: an older connection than one that was heard. */
static bool
raise_fence(struct fence *f, enum txn_fence class, int16_t epoch,
    uint64_t connection)
{
	if (f == NULL || epoch < f->epoch)
		return (true);
	if (epoch > f->epoch)
		*f = (struct fence){ .epoch = epoch };
	if (connection < f->newest[class])
		return (false);
	f->newest[class] = connection;
	return (true);
}

int16_t
txns_fence(struct request *r, enum txn_fence class, int64_t producer_id,
    int16_t epoch)
{
	struct txns_fences *fs = r->broker->txns->fences;
	uint8_t buf[8];
	bool ok;

	if (producer_id == -1)
		return (KERR_NONE);
	if (!r->greeted) {
		log_warn("broker", "client=%s: a transactional request is "
		    "refused: the connection carried no ApiVersions, SASL, "
		    "FindCoordinator or InitProducerId before it", r->peer);
		return (KERR_NETWORK_EXCEPTION);
	}
	mutex_lock(&fs->lock);
	ok = raise_fence(map_get(fs->ids, key_of(producer_id, buf)), class,
	    epoch, r->conn_number);
	mutex_unlock(&fs->lock);
	if (ok)
		return (KERR_NONE);
	log_info("broker", "client=%s producer=%lld epoch=%d: refused a "
	    "request that was held up, its connection was given up",
	    r->peer, (long long)producer_id, epoch);
	return (KERR_NETWORK_EXCEPTION);
}
