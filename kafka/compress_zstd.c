/*
 * zstd.  A frame names the window it needs, and the reader allocates it: no
 * larger one is accepted than what the output may have.
 */
#include "config.h"

#ifdef HAVE_ZSTD
#include <limits.h>
#include <zstd.h>

#include "kafka/compress_priv.h"

#define STEP		(128 << 10)
#define WINDOW_MIN	20	/* log2; below, level 3 of small data fails */
#define WINDOW_MAX	27	/* the library's own bound */

/* The least window (log2) that covers max bytes. */
static int
window_log(size_t max)
{
	int n = WINDOW_MIN;

	while (n < WINDOW_MAX && ((size_t)1 << n) < max)
		n++;
	return (n);
}

static int
zstd_loop(ZSTD_DCtx *ctx, struct slice in, struct kunfold *u, struct err *e)
{
	ZSTD_inBuffer src = { in.p, in.len, 0 };
	ZSTD_outBuffer dst;
	size_t room, more = 1, before;

	while (src.pos < src.size || more > 0) {
		if ((room = kunfold_room(u, STEP, e)) == 0)
			return (-1);
		dst = (ZSTD_outBuffer){ *u->out + u->len, room, 0 };
		before = src.pos;
		more = ZSTD_decompressStream(ctx, &dst, &src);
		if (ZSTD_isError(more))
			return (err_set(e, ERR_CORRUPT, "%s",
			    ZSTD_getErrorName(more)));
		u->len += dst.pos;
		if (more > 0 && src.pos == before && dst.pos == 0)
			return (err_set(e, ERR_CORRUPT, "data is cut"));
	}
	return (0);
}

static int
zstd_unfold(struct slice in, struct kunfold *u, struct err *e)
{
	ZSTD_DCtx *ctx = ZSTD_createDCtx();
	int rc;

	if (ctx == NULL)
		return (err_set(e, ERR_TOO_LARGE, "out of memory"));
	ZSTD_DCtx_setParameter(ctx, ZSTD_d_windowLogMax, window_log(u->max));
	rc = zstd_loop(ctx, in, u, e);
	ZSTD_freeDCtx(ctx);
	return (rc);
}

static size_t
zstd_bound(size_t n)
{
	return (ZSTD_compressBound(n));
}

static int
zstd_fold(int level, struct slice in, uint8_t *out, size_t cap, size_t *len,
    struct err *e)
{
	size_t n;

	n = ZSTD_compress(out, cap, in.p, in.len,
	    level == INT_MIN ? ZSTD_CLEVEL_DEFAULT : level);
	if (ZSTD_isError(n))
		return (err_set(e, ERR_FULL, "zstd: %s", ZSTD_getErrorName(n)));
	*len = n;
	return (0);
}

const struct kcodec_ops kcodec_zstd = { zstd_unfold, zstd_bound, zstd_fold };
#endif
