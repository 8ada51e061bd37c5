/*
 * The compression codecs of record batches: gzip (RFC 1952), snappy (in
 * xerial's framing, or raw when reading), lz4 (frame format, independent
 * blocks), zstd.  Output is bounded, so that a few bytes cannot unfold to
 * gigabytes.  Which ones there are depends on the libraries at build time.
 *
 * Pure functions, any thread.
 */
#ifndef KAFKA_COMPRESS_H
#define KAFKA_COMPRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum kcodec {
	KCODEC_NONE = 0,
	KCODEC_GZIP = 1,
	KCODEC_SNAPPY = 2,
	KCODEC_LZ4 = 3,
	KCODEC_ZSTD = 4
};
#define KCODEC_COUNT	5

/* "none", "gzip", ...; "unknown". */
const char	*kcodec_name(int codec);
/* By name; -1 when there is no such codec. */
int		 kcodec_of(const char *name);
/* Can this build do it? */
bool		 kcodec_have(int codec);

/*
 * Unfolds in to *out, growing it (malloc; *out NULL and *cap 0 to begin with)
 * up to max bytes.  Gives the length in *len.  -1: ERR_CORRUPT, ERR_TOO_LARGE
 * above max, ERR_REFUSED for a codec that this build lacks.  The caller frees
 * *out, after an error too.
 */
int		 kcodec_unfold(int codec, struct slice in, size_t max,
		    uint8_t **out, size_t *cap, size_t *len, struct err *e);

/* Upper bound of kcodec_fold()'s output for n bytes. */
size_t		 kcodec_bound(int codec, size_t n);

/*
 * Compresses in to out.  level: the library's number, INT_MIN for its default.
 * -1: ERR_REFUSED for a codec that this build lacks, ERR_FULL when cap is less
 * than the bound and does not do.
 */
int		 kcodec_fold(int codec, int level, struct slice in,
		    uint8_t *out, size_t cap, size_t *len, struct err *e);

/*
 * Writes the uncompressed batch anew with its records compressed; the header
 * is that of the batch but for length, codec and CRC.  cap at least
 * KBATCH_HEADER + kcodec_bound(codec, size - KBATCH_HEADER).
 */
int		 kbatch_compress(struct slice batch, int codec, int level,
		    uint8_t *out, size_t cap, size_t *len, struct err *e);

#endif
