/*
 * The Fetch response, written in pieces: everything but the records is encoded
 * into a kwriter, and the records go out from elsewhere (a file range, or
 * bytes copied in).
 *
 *	kfetch_begin(&f, &w, version, ...);
 *	kfetch_topic(&f, name, id, nparts);
 *	at = kfetch_partition(&f, &part, len);	cut here: w's bytes up to at,
 *	queue the file range of len bytes	then the range
 *	kfetch_partition_end(&f, &part);
 *	kfetch_end(&f);
 *
 * The caller keeps the positions and sends: w from 0 to the first position,
 * range, w from there to the next, and so on.  For a small range read the
 * bytes into kwriter_room() between partition and partition_end instead and
 * remember no position.  Sizes are fixed before the first byte leaves, as
 * records carry their length in front.
 *
 * The bytes are those that kw_encode() with kd_fetch_response gives; tests
 * hold the two against each other.
 */
#ifndef KAFKA_FETCH_H
#define KAFKA_FETCH_H

#include "kafka/messages.h"

struct kfetch {
	struct kwriter	*w;
	int		 version;
	int32_t		 topics_left, parts_left;
};

/* Versions 4 to 17.  ntopics: how many topics follow. */
void	 kfetch_begin(struct kfetch *, struct kwriter *, int version,
	    int32_t throttle_time_ms, int16_t error_code, int32_t session_id,
	    int32_t ntopics);

/* A topic with nparts partitions to follow.  Up to version 12 it is named, from
 * 13 on it is the id. */
void	 kfetch_topic(struct kfetch *, struct slice name, struct kuuid id,
	    int32_t nparts);

/*
 * The fields of a partition up to the records, which have len bytes (part's
 * own records field is not looked at).  Gives the position in w where the
 * records belong.
 */
size_t	 kfetch_partition(struct kfetch *,
	    const struct km_fetch_response_partition *part, size_t len);

/* What stands behind the records: the tagged fields of part. */
void	 kfetch_partition_end(struct kfetch *,
	    const struct km_fetch_response_partition *part);

/* The end of the response, without node endpoints; CHECKs that all announced
 * parts were written. */
void	 kfetch_end(struct kfetch *);

#endif
