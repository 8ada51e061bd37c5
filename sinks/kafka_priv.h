/*
 * What the files of the Kafka sink share: its settings, and the two ways out.
 */
#ifndef SINKS_KAFKA_PRIV_H
#define SINKS_KAFKA_PRIV_H

#include "base/map.h"
#include "plugin/sink.h"

struct kafka_sink;

/* A way out.  Calls as in struct sink_ops; state is the way's own. */
struct kafka_way {
	int	(*start)(struct kafka_sink *, struct err *);
	void	(*deliver)(struct kafka_sink *, struct lease *,
		    struct completion *);
	void	(*stop)(struct kafka_sink *);
	void	(*status)(struct kafka_sink *, char *buf, size_t size);
};

extern const struct kafka_way kafka_client;	/* librdkafka */
extern const struct kafka_way kafka_direct;	/* broker of this process */

enum kafka_acks { ACKS_ALL, ACKS_ONE, ACKS_NONE };

/* A header that is sent. */
struct kafka_header {
	char		*name;		/* in the record; may hold dots */
	struct slice	 kafka_name;
};

struct kafka_sink {
	struct sink		 sink;

	/* settings */
	char			*servers;	/* NULL: the built-in broker */
	char			*topic;
	int64_t			 batch_size;
	bool			 topic_override;
	char			*topic_header;
	bool			 avro;
	int64_t			 partition;	/* -1: not fixed */
	char			*partition_header;
	char			*timestamp_header;
	struct conf		*headers;	/* header.<flume> = <kafka> */
	struct conf		*producer;	/* kafka.producer.* */
	char			*required_acks;	/* Flume's old key */
	int			 delivery;

	/* from check */
	enum kafka_acks		 acks;
	bool			 topic_template;	/* has %{header} */
	struct kafka_header	*mapped;	/* headers, flat; ours */
	size_t			 nheaders;	/* of mapped, and the bytes */
	size_t			 header_bytes;	/* of their Kafka names */

	/* from start */
	const struct kafka_way	*way;
	void			*state;		/* of the way */
	uint32_t		 turn;		/* for records without a file */
	metric_t		 unmapped_timestamps;
};

/* Where one record goes and what it becomes. */
struct kafka_record {
	struct slice	topic;
	struct slice	key;		/* p NULL: none */
	struct slice	value;
	int32_t		partition;	/* -1: by key or hint */
	int64_t		timestamp;
};

/*
 * True when no header of the batch says anything about topic, key, partition,
 * time or Kafka headers: every record goes the plain way, body as value.
 */
bool	 kafka_is_plain(const struct kafka_sink *, const struct batch *);
/* By Flume's rules.  Slices live in the batch or the arena; a NUL stands
 * behind the topic.  ERR_REFUSED: a partition header that is no number, a
 * topic with a NUL in it. */
int	 kafka_record_make(struct kafka_sink *, const struct batch *,
	    const struct record *, struct arena *, struct kafka_record *,
	    struct err *e);
/*
 * The Kafka headers of a record: up to max of them into names and values; the
 * count.
 */
uint32_t kafka_record_headers(const struct kafka_sink *,
	    const struct batch *, const struct record *, struct header *out,
	    uint32_t max);
#define KAFKA_HEADERS_MAX	64

/*
 * kafka.producer.* as librdkafka's settings, Java's names translated; into
 * conf (a rd_kafka_conf_t).  ERR_CONFIG names the key and what to do.
 */
int	 kafka_producer_conf(const struct kafka_sink *, void *conf,
	    struct err *e);

/* The partition that key, hint or turn give among n. */
int32_t	 kafka_choose_partition(struct slice key, int32_t hint, uint32_t turn,
	    int32_t n);

#endif
