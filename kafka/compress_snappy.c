/*
 * snappy.  Java's clients write blocks in the framing of snappy-java (xerial):
 * a magic, version and compatible version (8 + 4 + 4 bytes), then blocks of an
 * int32 length and a raw snappy block.  Others write one raw block; none begins
 * with the magic, since 'N' in its place is a copy of bytes before the first.
 */
#include "config.h"

#ifdef HAVE_SNAPPY
#include <snappy-c.h>
#include <string.h>

#include "base/bytes.h"
#include "kafka/compress_priv.h"

#define FRAME_HEADER	16
#define BLOCK		(32 << 10)

static const uint8_t magic[8] = { 0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0 };

static int
snappy_block(const uint8_t *p, size_t n, struct kunfold *u, struct err *e)
{
	const char *in = (const char *)p;
	size_t want, room;

	if (snappy_uncompressed_length(in, n, &want) != SNAPPY_OK)
		return (err_set(e, ERR_CORRUPT, "bad block"));
	if (want == 0)
		return (0);
	if ((room = kunfold_room(u, want, e)) == 0)
		return (-1);
	if (room < want)
		return (err_set(e, ERR_TOO_LARGE, "compressed data unfolds to "
		    "more than %zu bytes", u->max - 1));
	if (snappy_uncompress(in, n, (char *)*u->out + u->len, &want) !=
	    SNAPPY_OK)
		return (err_set(e, ERR_CORRUPT, "bad block"));
	u->len += want;
	return (0);
}

static int
snappy_unfold(struct slice in, struct kunfold *u, struct err *e)
{
	const uint8_t *p = in.p, *end = in.p + in.len;
	uint32_t n;

	if (in.len < FRAME_HEADER || memcmp(p, magic, sizeof magic) != 0)
		return (snappy_block(p, in.len, u, e));
	for (p += FRAME_HEADER; p < end; p += n) {
		if (end - p < 4)
			return (err_set(e, ERR_CORRUPT, "data is cut"));
		n = get_be32(p);
		p += 4;
		if (n > (size_t)(end - p))
			return (err_set(e, ERR_CORRUPT, "data is cut"));
		if (snappy_block(p, n, u, e) == -1)
			return (-1);
	}
	return (0);
}

static size_t
snappy_bound(size_t n)
{
	size_t blocks = n / BLOCK + 1;

	return (FRAME_HEADER +
	    blocks * (4 + snappy_max_compressed_length(BLOCK)));
}

static int
snappy_fold(int level, struct slice in, uint8_t *out, size_t cap, size_t *len,
    struct err *e)
{
	uint8_t *p = out;
	size_t at, n, got;

	(void)level;
	memcpy(p, magic, sizeof magic);
	p = put_be32(p + sizeof magic, 1);
	p = put_be32(p, 1);
	for (at = 0; at < in.len; at += n) {
		n = in.len - at < BLOCK ? in.len - at : BLOCK;
		got = cap - (size_t)(p - out) - 4;
		if (snappy_compress((const char *)in.p + at, n, (char *)p + 4,
		    &got) != SNAPPY_OK)
			return (err_set(e, ERR_FULL, "snappy: no room"));
		p = put_be32(p, (uint32_t)got) + got;
	}
	*len = (size_t)(p - out);
	return (0);
}

const struct kcodec_ops kcodec_snappy = {
	snappy_unfold, snappy_bound, snappy_fold
};
#endif
