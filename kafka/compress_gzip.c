/*
 * gzip by zlib.  A stream may have several members (RFC 1952, 2.2).
 */
#include "config.h"

#ifdef HAVE_ZLIB
#include <limits.h>
#include <zlib.h>

#include "kafka/compress_priv.h"

#define GZIP	(15 + 16)	/* window bits, gzip framing */
#define STEP	(64 << 10)

static int
gzip_step(z_stream *z, struct kunfold *u, struct err *e)
{
	size_t room = kunfold_room(u, STEP, e);
	int rc;

	if (room == 0)
		return (-1);
	if (room > UINT_MAX)
		room = UINT_MAX;
	z->next_out = *u->out + u->len;
	z->avail_out = (uInt)room;
	rc = inflate(z, Z_NO_FLUSH);
	u->len += room - z->avail_out;
	if (rc == Z_STREAM_END && z->avail_in > 0)
		return (inflateReset(z) == Z_OK ? 1 : -1);
	if (rc == Z_STREAM_END)
		return (0);
	if (rc == Z_OK && (z->avail_in > 0 || z->avail_out == 0))
		return (1);
	return (err_set(e, ERR_CORRUPT, "%s", rc == Z_OK ||
	    rc == Z_BUF_ERROR ? "data is cut" :
	    z->msg != NULL ? z->msg : "bad data"));
}

static int
gzip_unfold(struct slice in, struct kunfold *u, struct err *e)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)in.p,
	    .avail_in = (uInt)in.len };
	int rc;

	if (in.len > UINT_MAX || inflateInit2(&z, GZIP) != Z_OK)
		return (err_set(e, ERR_TOO_LARGE, "cannot begin"));
	while ((rc = gzip_step(&z, u, e)) == 1)
		;
	inflateEnd(&z);
	return (rc);
}

static size_t
gzip_bound(size_t n)
{
	return (compressBound(n) + 18);	/* header and trailer of a member */
}

static int
gzip_fold(int level, struct slice in, uint8_t *out, size_t cap, size_t *len,
    struct err *e)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)in.p,
	    .avail_in = (uInt)in.len, .next_out = out,
	    .avail_out = (uInt)(cap > UINT_MAX ? UINT_MAX : cap) };
	int rc;

	if (level < 1 || level > 9)
		level = Z_DEFAULT_COMPRESSION;
	if (in.len > UINT_MAX || deflateInit2(&z, level, Z_DEFLATED, GZIP, 8,
	    Z_DEFAULT_STRATEGY) != Z_OK)
		return (err_set(e, ERR_TOO_LARGE, "gzip: cannot begin"));
	rc = deflate(&z, Z_FINISH);
	*len = z.total_out;
	deflateEnd(&z);
	if (rc != Z_STREAM_END)
		return (err_set(e, ERR_FULL, "gzip: no room"));
	return (0);
}

const struct kcodec_ops kcodec_gzip = { gzip_unfold, gzip_bound, gzip_fold };
#endif
