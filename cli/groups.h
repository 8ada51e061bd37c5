/* What the files of leat consumer-groups share. */
#ifndef CLI_GROUPS_H
#define CLI_GROUPS_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "cli/client.h"
#include "cli/flags.h"
#include "cli/rows.h"

#define GROUPS_NONE	INT64_MIN	/* of a number that was not given */

/* What --reset-offsets is to do. */
struct groups_reset {
	bool		 to_earliest, to_latest, to_current;
	int64_t		 to_offset, shift_by;		/* or GROUPS_NONE */
	const char	*to_datetime, *by_duration, *from_file;
	bool		 dry_run, execute, export;
};

struct groups {
	struct client_flags	 client;
	bool			 list, describe, delete, reset, delete_offsets;
	bool			 all, all_topics, members, offsets, verbose;
	const char		*state;		/* NULL, "", or names */
	struct flag_list	 names, topics;
	struct groups_reset	 to;
	rd_kafka_t		*rk;
	const struct rd_kafka_metadata *md;
	struct rows		 out;		/* of -o json */
};

/* The groups that the flags name; with --all-groups, those there are.  Free
 * with groups_names_fini. */
int	groups_names(struct groups *, struct flag_list *out, struct err *e);
void	groups_names_fini(struct flag_list *);

/* Calls each for every one of the groups, also those that do not exist, once
 * their coordinators are ready.  Ends at the first -1. */
int	groups_each(struct groups *, const struct flag_list *names,
	    int (*each)(void *ctx, const rd_kafka_ConsumerGroupDescription_t *,
	    struct err *), void *ctx, struct err *e);
/* DEAD: there is no such group. */
rd_kafka_consumer_group_state_t groups_state(
	    const rd_kafka_ConsumerGroupDescription_t *);

/* What the group has committed, sorted; NULL with *e set.  To be called within
 * groups_each: a coordinator that is not ready would crash librdkafka 2.0. */
rd_kafka_topic_partition_list_t *groups_committed(struct groups *,
	    const char *group, struct err *e);
/* The partitions that --topic names, NULL with *e set. */
rd_kafka_topic_partition_list_t *groups_topics(struct groups *,
	    struct err *e);

int	groups_describe(struct groups *, struct err *e);
int	groups_reset_offsets(struct groups *, struct err *e);
/* What is wrong with the flags of --reset-offsets, or NULL. */
const char *groups_reset_check(const struct groups *);

#endif
