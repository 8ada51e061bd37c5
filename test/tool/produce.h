/* One Produce request with one batch, made once and sent again and again. */
#ifndef TEST_TOOL_PRODUCE_H
#define TEST_TOOL_PRODUCE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "kafka/wire.h"

struct produce {
	struct kwriter	frame;
	struct arena	arena;
	size_t		bytes;		/* of the batch */
};

/* To partition 0 of the topic: records of size bytes, as many as fit into
 * batch bytes and no more than most.  -> their number.  A failure of what is
 * here is tool_die()'s. */
uint32_t produce_init(struct produce *, const char *topic, int16_t acks,
	    size_t size, size_t batch, uint32_t most);
void	produce_fini(struct produce *);
/* All of it, to a blocking socket. */
void	produce_send(const struct produce *, int fd);
/* The next answer, which must not be an error. */
void	produce_answer(struct produce *, int fd);

#endif
