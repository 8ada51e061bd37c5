/*
 * A broker in the test's own process, on a port of its own, and a small client
 * that speaks the protocol to it through the codec.
 *
 *	struct bed bed;
 *	bed_start(&bed, fs, dir, "num.partitions=3", NULL);
 *	fd = bed_connect(&bed);
 *	bed_produce(fd, "t", 0, -1, "hello", 3, &base);	   -> error code
 *	...
 *	bed_stop(&bed);
 *
 * Everything else fails the test.  What a call returns lives until the next
 * bed_reset or bed_stop.  Several threads may be clients at a time.
 */
#ifndef TEST_UNIT_BROKER_BED_H
#define TEST_UNIT_BROKER_BED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fs.h"
#include "broker/broker.h"
#include "kafka/messages.h"
#include "kafka/apis.h"

struct bed {
	struct broker	*broker;
	char		 address[64];
	uint16_t	 port;
};

/* Settings "key=value", NULL at the end; listen is set here. */
void	 bed_start(struct bed *, const struct fs *, const char *dir, ...);
/* The same, -1 when it does not start; err says why. */
int	 bed_try(struct bed *, const struct fs *, const char *dir,
	    const char *const *settings, struct err *);
void	 bed_stop(struct bed *);
/* Frees what decoded answers were made of. */
void	 bed_reset(void);

int	 bed_connect(const struct bed *);
/* Sends a request, by name ("Metadata"); 1, 2, ... are correlation ids. */
void	 bed_send(int fd, int api, int version, int32_t id, const void *body);
/* Reads the next answer and decodes it; its correlation id is checked. */
void	*bed_recv(int fd, int api, int version, int32_t id);
void	*bed_call(int fd, int api, int version, const void *body);
/* Raw bytes, with the length in front when `frame`. */
void	 bed_write(int fd, const void *, size_t, bool frame);
/* The next frame without its length; free it. NULL: the broker closed. */
uint8_t	*bed_frame(int fd, size_t *len);
/* Waits for the broker to close the connection. */
bool	 bed_closed(int fd);

/* A batch of n records with that value, and codec, in new memory. */
struct slice bed_batch(const char *value, int n);
struct slice bed_batch_at(const char *value, int n, int64_t timestamp);
/* Produces records to one partition; the error code.  version 9. */
int16_t	 bed_produce_bytes(int fd, int version, const char *topic,
	    int32_t partition, int16_t acks, struct slice records,
	    int64_t *base);
int16_t	 bed_produce(int fd, const char *topic, int32_t partition,
	    int16_t acks, const char *value, int n, int64_t *base);
/* Sends the same and does not wait. */
void	 bed_send_produce(int fd, int32_t id, const char *topic,
	    int32_t partition, int16_t acks, struct slice records);

struct bed_fetch {
	int		 version;
	const char	*topic;
	int32_t		 partition;
	int64_t		 offset;
	int32_t		 max_wait, min_bytes, max_bytes, part_bytes;
	int32_t		 epoch;		/* current leader epoch; -1 */
	int8_t		 isolation;	/* 1: read_committed */
};
void	 bed_send_fetch(int fd, int32_t id, const struct bed_fetch *);
struct km_fetch_response_partition *
	 bed_fetch(int fd, const struct bed_fetch *);
/* Fetches from offset on, 12 as version: the records as "value@offset ...". */
char	*bed_read(int fd, const char *topic, int32_t partition,
	    int64_t offset);
/* The number of records in fetched bytes. */
int	 bed_count(struct slice records);

/* ListOffsets of one partition; -1 as offset and the code in *error. */
int64_t	 bed_offset(int fd, int version, const char *topic, int32_t partition,
	    int64_t timestamp, int16_t *error);
/* CreateTopics of one topic; configs "key=value" or NULL. */
int16_t	 bed_create(int fd, const char *topic, int32_t partitions,
	    const char *config);
/* Metadata of one topic, without creating it: NULL when it is not there. */
struct km_metadata_response_topic *
	 bed_topic(int fd, const char *topic);

#endif
