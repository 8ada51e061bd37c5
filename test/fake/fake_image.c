/*
 * A cut builds each page from the durable one by going through the changes:
 * all truncations up to a chosen point of the file's metadata, and as many of
 * the writes to this page as were written back.  See fake_disk.h for what may
 * happen.
 */
#include "test/fake/fake_image.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

/* splitmix64 */
uint64_t
fake_draw(uint64_t *state, uint64_t n)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	z ^= z >> 31;
	return (z % n);
}

static uint64_t
min64(uint64_t a, uint64_t b)
{
	return (a < b ? a : b);
}

void
fake_image_fini(struct fake_image *im)
{
	for (size_t i = 0; i < im->npages; i++)
		free(im->pages[i]);
	free(im->pages);
	*im = (struct fake_image){ 0 };
}

/* The page, made when it is not there. */
static uint8_t *
image_page(struct fake_image *im, size_t i)
{
	while (im->npages <= i) {
		GROW(im->pages, im->npages, im->cap);
		im->pages[im->npages++] = NULL;
	}
	if (im->pages[i] == NULL)
		im->pages[i] = xcalloc(1, FAKE_PAGE);
	return (im->pages[i]);
}

void
fake_image_set(struct fake_image *im, uint64_t off, const uint8_t *p, size_t n)
{
	size_t in, part;

	if (off + n > im->size)
		im->size = off + n;
	for (; n > 0; n -= part, off += part, p += part) {
		in = off % FAKE_PAGE;
		part = min64(n, FAKE_PAGE - in);
		memcpy(image_page(im, off / FAKE_PAGE) + in, p, part);
	}
}

static void
image_zero(struct fake_image *im, uint64_t off, uint64_t len)
{
	uint64_t end = min64(off + len, im->npages * (uint64_t)FAKE_PAGE);
	uint64_t part;
	size_t in;

	for (; off < end; off += part) {
		in = off % FAKE_PAGE;
		part = min64(end - off, FAKE_PAGE - in);
		if (im->pages[off / FAKE_PAGE] != NULL)
			memset(im->pages[off / FAKE_PAGE] + in, 0, part);
	}
}

static void
file_changes_free(struct fake_file *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->v[i].data);
	f->n = 0;
}

void
fake_file_fini(struct fake_file *f)
{
	file_changes_free(f);
	free(f->v);
	fake_image_fini(&f->durable);
	*f = (struct fake_file){ 0 };
}

static struct fake_change *
file_change(struct fake_file *f, int type, uint64_t off, uint64_t len)
{
	struct fake_change *c;

	if (type == CHANGE_TRUNCATE)
		f->size = off;
	else if (off + len > f->size)
		f->size = off + len;
	GROW(f->v, f->n, f->cap);
	c = &f->v[f->n++];
	*c = (struct fake_change){ .type = type, .off = off, .len = len,
		.size = f->size };
	return (c);
}

void
fake_file_write(struct fake_file *f, const struct iovec *iov, int n,
    uint64_t off, uint64_t len)
{
	struct fake_change *c;
	uint64_t done, part;

	if (len == 0)
		return;
	c = file_change(f, CHANGE_WRITE, off, len);
	c->data = xmalloc(len);
	for (done = 0; n > 0 && done < len; done += part, iov++, n--) {
		part = min64(iov->iov_len, len - done);
		if (part != 0)
			memcpy(c->data + done, iov->iov_base, part);
	}
	CHECK(done == len);
}

void
fake_file_zero(struct fake_file *f, uint64_t off, uint64_t len)
{
	if (len != 0)
		file_change(f, CHANGE_ZERO, off, len);
}

void
fake_file_truncate(struct fake_file *f, uint64_t size)
{
	file_change(f, CHANGE_TRUNCATE, size, 0);
}

void
fake_file_sync(struct fake_file *f)
{
	const struct fake_change *c;
	uint64_t old;

	for (size_t i = 0; i < f->n; i++) {
		c = &f->v[i];
		old = f->durable.size;
		if (c->type == CHANGE_WRITE)
			fake_image_set(&f->durable, c->off, c->data, c->len);
		else if (c->type == CHANGE_ZERO)
			image_zero(&f->durable, c->off, c->len);
		else if (c->off < old)
			image_zero(&f->durable, c->off, old - c->off);
		f->durable.size = c->size;
	}
	file_changes_free(f);
}

void
fake_file_doom(struct fake_file *f)
{
	file_changes_free(f);
}

/* --- a cut --- */

struct cut {
	const struct fake_file	*f;
	size_t	meta;		/* sizes and truncations of changes below it */
	size_t	data;		/* writes of changes below it at most */
	size_t	torn;		/* this change's pages are drawn; n: none */
	bool	pages;		/* the version of each page is drawn */
	uint64_t *state;
};

/* Lays the part of the change that falls into the page over it. */
static void
page_apply(uint8_t *page, uint64_t start, const struct fake_change *c)
{
	uint64_t lo = c->off > start ? c->off : start;
	uint64_t hi = min64(c->off + c->len, start + FAKE_PAGE);

	if (lo >= hi)
		return;
	if (c->type == CHANGE_WRITE)
		memcpy(page + (lo - start), c->data + (lo - c->off), hi - lo);
	else
		memset(page + (lo - start), 0, hi - lo);
}

static bool
change_touches(const struct fake_change *c, uint64_t start)
{
	return (c->type != CHANGE_TRUNCATE && c->off < start + FAKE_PAGE &&
	    c->off + c->len > start);
}

/*
 * The page with the first `versions` of its writes, and with the torn change
 * if with_torn.  Returns how many writes there are to choose from.
 */
static size_t
page_version(const struct cut *cut, size_t index, size_t versions,
    bool with_torn, uint8_t *page)
{
	const struct fake_file *f = cut->f;
	const struct fake_change *c;
	uint64_t start = (uint64_t)index * FAKE_PAGE, size = f->durable.size;
	size_t i, seen = 0;

	memset(page, 0, FAKE_PAGE);
	if (index < f->durable.npages && f->durable.pages[index] != NULL)
		memcpy(page, f->durable.pages[index], FAKE_PAGE);
	for (i = 0; i < f->n; size = c->size, i++) {
		c = &f->v[i];
		if (c->type == CHANGE_TRUNCATE) {
			if (c->off >= start + FAKE_PAGE || c->off >= size)
				continue;
			if (i >= cut->meta)	/* nothing behind it either */
				break;
			if (c->off > start)
				memset(page + (c->off - start), 0,
				    FAKE_PAGE - (c->off - start));
			else
				memset(page, 0, FAKE_PAGE);
		} else if (change_touches(c, start)) {
			if ((i < cut->data && seen < versions) ||
			    (i == cut->torn && with_torn))
				page_apply(page, start, c);
			seen++;
		}
	}
	return (seen);
}

/* Some sectors of over onto page: a leading part, or any. */
static void
page_tear(uint8_t *page, const uint8_t *over, uint64_t *state)
{
	bool lead = fake_draw(state, 2) == 0;
	size_t n = fake_draw(state, FAKE_PAGE / FAKE_SECTOR + 1), i;

	for (i = 0; i < FAKE_PAGE / FAKE_SECTOR; i++)
		if (lead ? i < n : fake_draw(state, 2) == 0)
			memcpy(page + i * FAKE_SECTOR, over + i * FAKE_SECTOR,
			    FAKE_SECTOR);
}

/* In a quarter of the cases each: nothing, all, some version, two torn. */
static void
page_cut(const struct cut *cut, size_t index, uint8_t *page)
{
	uint8_t over[FAKE_PAGE];
	size_t n, a, b;

	if (cut->torn < cut->f->n) {
		page_version(cut, index, SIZE_MAX, false, page);
		page_version(cut, index, SIZE_MAX, true, over);
		if (fake_draw(cut->state, 2) == 0)
			page_tear(page, over, cut->state);
		else if (fake_draw(cut->state, 2) == 0)
			memcpy(page, over, FAKE_PAGE);
		return;
	}
	n = page_version(cut, index, SIZE_MAX, false, page);
	if (!cut->pages || n == 0)
		return;
	switch (fake_draw(cut->state, 4)) {
	case 0:
		page_version(cut, index, 0, false, page);
		break;
	case 1:
		break;
	case 2:
		page_version(cut, index, fake_draw(cut->state, n + 1), false,
		    page);
		break;
	default:
		b = 1 + fake_draw(cut->state, n);
		a = fake_draw(cut->state, b);
		page_version(cut, index, a, false, page);
		page_version(cut, index, b, false, over);
		page_tear(page, over, cut->state);
	}
}

/* Which pages can hold anything: stored ones and those written to. */
static bool *
pages_live(const struct fake_file *f, uint64_t size, size_t *n)
{
	size_t i, p, end;
	bool *live;

	*n = (size_t)((size + FAKE_PAGE - 1) / FAKE_PAGE);
	live = xcalloc(*n, sizeof *live);
	for (p = 0; p < *n && p < f->durable.npages; p++)
		live[p] = f->durable.pages[p] != NULL;
	for (i = 0; i < f->n; i++) {
		if (f->v[i].type != CHANGE_WRITE)
			continue;
		end = (size_t)((f->v[i].off + f->v[i].len + FAKE_PAGE - 1) /
		    FAKE_PAGE);
		for (p = (size_t)(f->v[i].off / FAKE_PAGE); p < end &&
		    p < *n; p++)
			live[p] = true;
	}
	return (live);
}

static void
cut_draw(struct cut *cut, enum fake_fate fate)
{
	size_t n = cut->f->n;

	cut->torn = n;
	cut->meta = cut->data = n;
	switch (fate) {
	case FATE_LOSE:
		cut->meta = cut->data = 0;
		break;
	case FATE_SIZES:
		cut->data = 0;
		break;
	case FATE_PREFIX:
		cut->data = cut->torn = fake_draw(cut->state, n + 1);
		cut->meta = cut->data + (cut->data < n ?
		    fake_draw(cut->state, 2) : 0);
		break;
	case FATE_PAGES_SIZE:
		cut->meta = fake_draw(cut->state, n + 1);
		/* FALLTHROUGH */
	case FATE_PAGES:
		cut->pages = true;
		break;
	default:
		break;
	}
}

void
fake_file_cut(const struct fake_file *f, enum fake_fate fate, uint64_t *state,
    struct fake_image *out)
{
	struct cut cut = { .f = f, .state = state };
	uint8_t page[FAKE_PAGE];
	uint64_t size, start;
	size_t n, i;
	bool *live;

	cut_draw(&cut, fate);
	size = cut.meta == 0 ? f->durable.size : f->v[cut.meta - 1].size;
	live = pages_live(f, size, &n);
	for (i = 0; i < n; i++) {
		if (!live[i])
			continue;
		page_cut(&cut, i, page);
		start = (uint64_t)i * FAKE_PAGE;
		fake_image_set(out, start, page, (size_t)min64(FAKE_PAGE,
		    size - start));
	}
	out->size = size;
	free(live);
}
