/*
 * Offsets of partitions that a user wrote to a file: the CSV of
 * consumer-groups --reset-offsets, the JSON of delete-records.
 */
#ifndef CLI_PLAN_H
#define CLI_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define PLAN_MAX_FILE	((size_t)64 << 20)

struct plan_row {
	char	*group;		/* NULL: the row names none */
	char	*topic;
	int32_t	 partition;
	int64_t	 offset;
};

struct plan {
	struct plan_row	*v;
	size_t		 n, cap;
};

/*
 * Both read all of the text or set *e, which names the line or row; the plan is
 * the caller's to free in both cases.  Topics are of Kafka's letters,
 * partitions are not below 0.
 */
/* Lines of "topic,partition,offset" or "group,topic,partition,offset"; a field
 * may stand in double quotes, empty lines do not count. */
int	plan_csv(struct plan *, const char *text, size_t, struct err *e);
/* {"partitions": [{"topic": "t", "partition": 0, "offset": 5}, ...],
 *  "version": 1}; offset -1 is the end, no partition may stand there twice. */
int	plan_json(struct plan *, const char *text, size_t, struct err *e);
void	plan_fini(struct plan *);

/* A field as plan_csv reads it back. */
struct sb;
void	plan_csv_field(struct sb *, const char *);

/* Of letters, digits, '.', '_', '-', and not too long. */
int	plan_is_topic(const char *);

#endif
