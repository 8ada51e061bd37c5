/*
 * The file holds the first id that was never in a block.  The mutex is held
 * across the block's fsync: once in a thousand ids, and who waits for it wants
 * an id of that block.
 */
#include "broker/producer_ids.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/txns.h"
#include "kafka/errors.h"
#include "kafka/messages.h"

#define FILE_NAME	"producer-ids"

struct producer_ids {		/* owner: its mutex */
	struct mutex	lock;
	struct fs_slots	slots;
	int64_t		next, end;	/* of the block */
};

struct producer_ids *
producer_ids_open(const struct fs *fs, int dirfd, struct err *e)
{
	struct producer_ids *p = xcalloc(1, sizeof *p);
	uint8_t value[8];
	bool found;

	if (fs_slots_open(&p->slots, fs, dirfd, FILE_NAME, value,
	    sizeof value, &found, e) == -1) {
		err_ctx(e, FILE_NAME);
		free(p);
		return (NULL);
	}
	mutex_init(&p->lock);
	p->next = p->end = found ? (int64_t)get_be64(value) : 0;
	return (p);
}

void
producer_ids_close(struct producer_ids *p)
{
	if (p == NULL)
		return;
	fs_slots_close(&p->slots);
	mutex_fini(&p->lock);
	free(p);
}

static int
claim(struct producer_ids *p, struct err *e)
{
	struct err err = ERR_INIT;
	uint8_t value[8];

	(void)put_be64(value, (uint64_t)p->end + PRODUCER_IDS_BLOCK);
	if (fs_slots_write(&p->slots, value, &err) == -1) {
		if (err.code != ERR_FULL)
			fatal_disk(FILE_NAME ": %s", err.msg);
		return (err_set(e, ERR_FULL, FILE_NAME ": %s", err.msg));
	}
	p->next = p->end;
	p->end += PRODUCER_IDS_BLOCK;
	return (0);
}

int
producer_ids_next(struct producer_ids *p, int64_t *id, struct err *e)
{
	int rc = 0;

	mutex_lock(&p->lock);
	if (p->next == p->end)
		rc = claim(p, e);
	if (rc == 0)
		*id = p->next++;
	mutex_unlock(&p->lock);
	return (rc);
}

/* --- the broker's --- */

int
producer_ids_start(struct broker *b, struct err *e)
{
	b->producer_ids = producer_ids_open(b->fs, b->dirfd, e);
	return (b->producer_ids == NULL ? -1 : 0);
}

void
producer_ids_free(struct broker *b)
{
	producer_ids_close(b->producer_ids);
	b->producer_ids = NULL;
}

void
handle_init_producer_id(struct request *r)
{
	const struct km_init_producer_id_request *in = r->in;
	struct km_init_producer_id_response out;
	struct err err = ERR_INIT;

	if (in->transactional_id.p != NULL) {
		txns_init(r);
		return;
	}
	kw_defaults(&kd_init_producer_id_response, &out);
	out.producer_epoch = -1;
	if (producer_ids_next(r->broker->producer_ids, &out.producer_id,
	    &err) == 0)
		out.producer_epoch = 0;
	else {
		log_error("broker", "no producer id: %s", err.msg);
		out.error_code = KERR_COORDINATOR_NOT_AVAILABLE;
	}
	request_reply(r, &out);
}
