/*
 * The table of codecs, the bounded output, and compressing a batch.
 */
#include "config.h"

#include "kafka/compress.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "kafka/compress_priv.h"
#include "kafka/records.h"

static const struct {
	const char			*name;
	const struct kcodec_ops		*ops;	/* NULL: not in this build */
} codecs[KCODEC_COUNT] = {
	[KCODEC_NONE] = { "none", NULL },
	[KCODEC_GZIP] = { "gzip",
#ifdef HAVE_ZLIB
	    &kcodec_gzip
#endif
	},
	[KCODEC_SNAPPY] = { "snappy",
#ifdef HAVE_SNAPPY
	    &kcodec_snappy
#endif
	},
	[KCODEC_LZ4] = { "lz4",
#ifdef HAVE_LZ4
	    &kcodec_lz4
#endif
	},
	[KCODEC_ZSTD] = { "zstd",
#ifdef HAVE_ZSTD
	    &kcodec_zstd
#endif
	},
};

const char *
kcodec_name(int codec)
{
	if (codec < 0 || codec >= KCODEC_COUNT)
		return ("unknown");
	return (codecs[codec].name);
}

int
kcodec_of(const char *name)
{
	int i;

	for (i = 0; i < KCODEC_COUNT; i++)
		if (strcmp(codecs[i].name, name) == 0)
			return (i);
	return (-1);
}

static const struct kcodec_ops *
ops_of(int codec)
{
	if (codec < 0 || codec >= KCODEC_COUNT)
		return (NULL);
	return (codecs[codec].ops);
}

bool
kcodec_have(int codec)
{
	return (codec == KCODEC_NONE || ops_of(codec) != NULL);
}

static int
refuse(int codec, struct err *e)
{
	if (codec < 0 || codec >= KCODEC_COUNT)
		return (err_set(e, ERR_REFUSED, "compression type %d is not "
		    "known", codec));
	return (err_set(e, ERR_REFUSED, "this build has no %s: build it with "
	    "the library", codecs[codec].name));
}

size_t
kunfold_room(struct kunfold *u, size_t want, struct err *e)
{
	size_t cap;

	if (u->len >= u->max) {
		err_set(e, ERR_TOO_LARGE, "compressed data unfolds to more "
		    "than %zu bytes", u->max - 1);
		return (0);
	}
	if (want > u->max - u->len)
		want = u->max - u->len;
	if (u->len + want > *u->cap) {
		cap = *u->cap * 2;
		if (cap < u->len + want)
			cap = u->len + want;
		if (cap > u->max)
			cap = u->max;
		*u->out = xreallocarray(*u->out, cap, 1);
		*u->cap = cap;
	}
	return (*u->cap < u->max ? *u->cap - u->len : u->max - u->len);
}

int
kcodec_unfold(int codec, struct slice in, size_t max, uint8_t **out,
    size_t *cap, size_t *len, struct err *e)
{
	const struct kcodec_ops *ops = ops_of(codec);
	/* One byte more, so that a codec with max bytes can see its end. */
	struct kunfold u = { out, cap, 0, max + 1 };

	CHECK(max < SIZE_MAX);
	if (ops == NULL)
		return (refuse(codec, e));
	if (*out == NULL) {
		*out = xmalloc(1);
		*cap = 1;
	}
	if (ops->unfold(in, &u, e) == -1)
		return (err_ctx(e, "%s", codecs[codec].name));
	if (u.len > max)
		return (err_set(e, ERR_TOO_LARGE, "%s: compressed data "
		    "unfolds to more than %zu bytes", codecs[codec].name,
		    max));
	*len = u.len;
	return (0);
}

size_t
kcodec_bound(int codec, size_t n)
{
	const struct kcodec_ops *ops = ops_of(codec);

	return (ops == NULL ? n : ops->bound(n));
}

int
kcodec_fold(int codec, int level, struct slice in, uint8_t *out, size_t cap,
    size_t *len, struct err *e)
{
	const struct kcodec_ops *ops = ops_of(codec);

	if (ops == NULL)
		return (refuse(codec, e));
	if (cap < ops->bound(in.len))
		return (err_set(e, ERR_FULL, "%s: %zu bytes of room are less "
		    "than the bound %zu", codecs[codec].name, cap,
		    ops->bound(in.len)));
	return (ops->fold(level, in, out, cap, len, e));
}

int
kbatch_compress(struct slice batch, int codec, int level, uint8_t *out,
    size_t cap, size_t *len, struct err *e)
{
	struct slice records;
	uint16_t attributes;
	size_t n;

	CHECK(batch.len >= KBATCH_HEADER);
	if (cap < KBATCH_HEADER)
		return (err_set(e, ERR_FULL, "no room for a record batch"));
	records = slice_of(batch.p + KBATCH_HEADER, batch.len - KBATCH_HEADER);
	if (kcodec_fold(codec, level, records, out + KBATCH_HEADER,
	    cap - KBATCH_HEADER, &n, e) == -1)
		return (-1);
	if (n > KBATCH_MAX - KBATCH_HEADER)
		return (err_set(e, ERR_TOO_LARGE, "record batch of %zu bytes",
		    n));
	memcpy(out, batch.p, KBATCH_HEADER);
	n += KBATCH_HEADER;
	attributes = get_be16(out + 21) & (uint16_t)~KATTR_CODEC;
	put_be32(out + 8, (uint32_t)(n - KBATCH_PREFIX));
	put_be16(out + 21, attributes | (uint16_t)codec);
	put_be32(out + 17, kbatch_crc(slice_of(out, n)));
	*len = n;
	return (0);
}
