/*
 * lz4 in its frame format.  Java's reader refuses blocks that depend on each
 * other, so we write independent ones (KIP-57).
 */
#include "config.h"

#ifdef HAVE_LZ4
#include <limits.h>
#include <lz4frame.h>

#include "kafka/compress_priv.h"

#define STEP	(64 << 10)

static int
lz4_loop(LZ4F_dctx *ctx, struct slice in, struct kunfold *u, struct err *e)
{
	const uint8_t *p = in.p, *end = in.p + in.len;
	size_t room, took, more = 1;

	while (p < end || more > 0) {
		if ((room = kunfold_room(u, STEP, e)) == 0)
			return (-1);
		took = (size_t)(end - p);
		more = LZ4F_decompress(ctx, *u->out + u->len, &room, p, &took,
		    NULL);
		if (LZ4F_isError(more))
			return (err_set(e, ERR_CORRUPT, "%s",
			    LZ4F_getErrorName(more)));
		p += took;
		u->len += room;
		if (more > 0 && took == 0 && room == 0)
			return (err_set(e, ERR_CORRUPT, "data is cut"));
	}
	return (0);
}

static int
lz4_unfold(struct slice in, struct kunfold *u, struct err *e)
{
	LZ4F_dctx *ctx;
	int rc;

	if (LZ4F_isError(LZ4F_createDecompressionContext(&ctx, LZ4F_VERSION)))
		return (err_set(e, ERR_TOO_LARGE, "out of memory"));
	rc = lz4_loop(ctx, in, u, e);
	LZ4F_freeDecompressionContext(ctx);
	return (rc);
}

static LZ4F_preferences_t
preferences(int level)
{
	return ((LZ4F_preferences_t){
		.frameInfo = {
			.blockSizeID = LZ4F_max64KB,
			.blockMode = LZ4F_blockIndependent,
		},
		.compressionLevel = level == INT_MIN ? 0 : level,
	});
}

static size_t
lz4_bound(size_t n)
{
	LZ4F_preferences_t prefs = preferences(INT_MIN);

	return (LZ4F_compressFrameBound(n, &prefs));
}

static int
lz4_fold(int level, struct slice in, uint8_t *out, size_t cap, size_t *len,
    struct err *e)
{
	LZ4F_preferences_t prefs = preferences(level);
	size_t n;

	n = LZ4F_compressFrame(out, cap, in.p, in.len, &prefs);
	if (LZ4F_isError(n))
		return (err_set(e, ERR_FULL, "lz4: %s", LZ4F_getErrorName(n)));
	*len = n;
	return (0);
}

const struct kcodec_ops kcodec_lz4 = { lz4_unfold, lz4_bound, lz4_fold };
#endif
