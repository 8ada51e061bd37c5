/*
 * Output starts at four times the input and doubles up to max, so a bomb costs
 * no more than max, and an honest body one or two copies.
 */
#include "config.h"

#include "loop/inflate.h"

#ifdef HAVE_ZLIB

#include <string.h>
#include <zlib.h>

#define AUTO_DETECT	(MAX_WBITS + 32)	/* gzip or zlib */
#define SLICE_MAX	(1u << 30)	/* zlib counts in unsigned int */

struct inflater {
	z_stream	 z;
	struct buf	*out;
	size_t		 max;
};

bool
inflate_available(void)
{
	return (true);
}

static void
grow(struct inflater *f)
{
	size_t cap = f->out->cap * 2 < f->max ? f->out->cap * 2 : f->max;
	struct buf *b = buf_new(cap);

	memcpy(b->data, f->out->data, f->out->len);
	b->len = f->out->len;
	buf_unref(f->out);
	f->out = b;
}

static int
corrupt(const struct inflater *f, int r, struct err *e)
{
	return (err_set(e, ERR_CORRUPT, "compressed data is damaged: %s",
	    f->z.msg != NULL ? f->z.msg : r == Z_OK || r == Z_BUF_ERROR ?
	    "it ends early" : "not gzip"));
}

static int
too_large(const struct inflater *f, struct err *e)
{
	return (err_set(e, ERR_TOO_LARGE, "more than %zu bytes when inflated",
	    f->max - 1));
}

/* One round. -> 1 at the end of a member, 0, -1. */
static int
step(struct inflater *f, struct err *e)
{
	uInt room, in = f->z.avail_in;
	int r;

	if (f->out->len == f->out->cap) {
		if (f->out->cap == f->max)
			return (too_large(f, e));
		grow(f);
	}
	room = f->out->cap - f->out->len > SLICE_MAX ? SLICE_MAX :
	    (uInt)(f->out->cap - f->out->len);
	f->z.next_out = f->out->data + f->out->len;
	f->z.avail_out = room;
	r = inflate(&f->z, Z_NO_FLUSH);
	f->out->len += room - f->z.avail_out;
	if (r == Z_STREAM_END)
		return (1);
	if (r != Z_OK && r != Z_BUF_ERROR)
		return (corrupt(f, r, e));
	if (f->z.avail_in == in && f->z.avail_out == room)
		return (corrupt(f, r, e));
	return (0);
}

/* All members. */
static int
run(struct inflater *f, struct err *e)
{
	int r;

	for (;;) {
		while ((r = step(f, e)) == 0)
			;
		if (r == -1 || f->z.avail_in == 0)
			return (r == -1 ? -1 : 0);
		if (inflateReset(&f->z) != Z_OK)
			return (corrupt(f, Z_STREAM_ERROR, e));
	}
}

/* The room of one byte more than max tells an end exactly there from more. */
struct buf *
inflate_whole(struct slice in, size_t max, struct err *e)
{
	struct inflater f = { .max = max + 1 };
	int r;

	if (in.len > SLICE_MAX) {
		err_set(e, ERR_TOO_LARGE, "%zu compressed bytes", in.len);
		return (NULL);
	}
	if (inflateInit2(&f.z, AUTO_DETECT) != Z_OK) {
		err_set(e, ERR_FULL, "no memory to inflate");
		return (NULL);
	}
	f.out = buf_new(in.len * 4 + 64 < f.max ? in.len * 4 + 64 : f.max);
	f.z.next_in = (Bytef *)(uintptr_t)in.p;
	f.z.avail_in = (uInt)in.len;
	r = run(&f, e);
	inflateEnd(&f.z);
	if (r == 0 && f.out->len > max)
		r = too_large(&f, e);
	if (r == 0)
		return (f.out);
	buf_unref(f.out);
	return (NULL);
}

#else

bool
inflate_available(void)
{
	return (false);
}

struct buf *
inflate_whole(struct slice in, size_t max, struct err *e)
{
	(void)in;
	(void)max;
	err_set(e, ERR_REFUSED, "built without zlib: cannot inflate");
	return (NULL);
}

#endif
