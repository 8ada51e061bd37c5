/*
 * Shared by the codec files: the output that grows to a bound, and the table
 * of what a codec can do.
 */
#ifndef KAFKA_COMPRESS_PRIV_H
#define KAFKA_COMPRESS_PRIV_H

#include "kafka/compress.h"

struct kunfold {
	uint8_t	**out;
	size_t	 *cap;
	size_t	  len;
	size_t	  max;
};

/*
 * Room behind len for some bytes more, want if that is within the bound: how
 * many there are, 0 with ERR_TOO_LARGE when the bound is reached.
 */
size_t	kunfold_room(struct kunfold *, size_t want, struct err *e);

struct kcodec_ops {
	int	(*unfold)(struct slice in, struct kunfold *, struct err *);
	size_t	(*bound)(size_t n);
	/* cap is at least bound(in.len) */
	int	(*fold)(int level, struct slice in, uint8_t *out, size_t cap,
		    size_t *len, struct err *);
};

/* Each is there when its library is. */
extern const struct kcodec_ops kcodec_gzip;
extern const struct kcodec_ops kcodec_snappy;
extern const struct kcodec_ops kcodec_lz4;
extern const struct kcodec_ops kcodec_zstd;

#endif
