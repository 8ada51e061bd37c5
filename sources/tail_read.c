/*
 * Bytes of one file into one batch.
 *
 * A read takes up to 256 KiB from 256 bytes before the position: those before
 * are held against their checksum, those behind are cut at the line ends, and
 * the batch points into the buffer.  The unfinished line at the end is read
 * again next time, from the page cache: that is cheaper than keeping it.
 *
 * A line longer than one read makes the next one larger, up to maxLineBytes.
 * f->seen remembers how far no line end was found, so that a line that grows
 * by a few bytes a time is not searched from its beginning each time.
 */
#include "sources/tail.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crc32c.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"

#define WHO(f)		((f)->tail->source.who)
#define SEARCH_TURN	(16 * 1024 * 1024)	/* of a line beyond its bound */

struct reading {
	struct tail		*t;
	struct tail_file	*f;
	struct buf		*buf;
	struct tail_window	 window;	/* what buf holds */
	const uint8_t		*p, *end;	/* not yet in the batch */
	uint64_t		 at;		/* the offset of p */
	struct batch		*batch;
	uint32_t		 part;
	uint32_t		 limit;		/* records */
	uint64_t		 resume;	/* truncate: behind the line
						   end beyond the window */
};

/* --- reading --- */

/* Reads `want` bytes from the position on.  False: the file was not what it
 * was, or could not be read. */
static bool
load(struct reading *r, uint64_t want)
{
	struct tail_file *f = r->f;
	uint32_t back = tail_back_len(&f->mark);
	struct err e = ERR_INIT;
	ssize_t n;

	buf_unref(r->buf);
	r->buf = buf_new((size_t)want + (want == TAIL_READ_SIZE ?
	    TAIL_BACK_MAX : back));
	n = fs_pread(f->fd, r->buf->data, back + (size_t)want,
	    (off_t)(f->mark.pos - back), &e);
	if (n == -1) {
		log_warn(WHO(f), "%s cannot be read: %s", f->path, e.msg);
		tail_file_block(f, "cannot be read", true);
		return (false);
	}
	if ((size_t)n < back ||
	    crc32c(0, r->buf->data, back) != f->mark.back_crc) {
		tail_file_rewritten(f, "truncated and written anew");
		return (false);
	}
	r->buf->len = (size_t)n;
	r->window = (struct tail_window){ r->buf->data, f->mark.pos - back,
	    (size_t)n };
	r->p = r->buf->data + back;
	r->end = r->buf->data + n;
	r->at = f->mark.pos;
	return (true);
}

/*
 * Looks for a line end in [*from, to); moves *from to it, or to where the
 * search ended.  1 found, 0 not, -1 the file cannot be read.
 */
static int
search(struct tail_file *f, uint64_t *from, uint64_t to)
{
	uint8_t *tmp = f->tail->scratch;
	struct err e = ERR_INIT;
	const uint8_t *nl;
	size_t len;
	ssize_t n;

	while (*from < to) {
		len = to - *from < TAIL_READ_SIZE ? (size_t)(to - *from) :
		    TAIL_READ_SIZE;
		n = fs_pread(f->fd, tmp, len, (off_t)*from, &e);
		if (n == -1) {
			log_warn(WHO(f), "%s cannot be read: %s", f->path,
			    e.msg);
			tail_file_block(f, "cannot be read", true);
			return (-1);
		}
		if (n == 0)
			return (0);
		if ((nl = memchr(tmp, '\n', (size_t)n)) != NULL) {
			*from += (uint64_t)(nl - tmp);
			return (1);
		}
		*from += (uint64_t)n;
	}
	return (0);
}

/* --- records --- */

static void
set_number(struct reading *r, struct record *rec, struct slice name,
    uint64_t v)
{
	char text[24];

	snprintf(text, sizeof text, "%" PRIu64, v);
	batch_set(r->batch, rec, name, slice_str(text), true);
}

/* One record of len bytes at p, which takes `whole` bytes of the file. */
static struct record *
add(struct reading *r, size_t len, uint64_t whole)
{
	struct record *rec = batch_add(r->batch, slice_of(r->p, len));

	rec->end = r->at + whole;
	if (r->t->set.byte_offset_header)
		set_number(r, rec, SLICE("byteoffset"), r->at);
	r->p += whole;
	r->at += whole;
	return (rec);
}

/* What of a line ending at p[len] is body. */
static size_t
without_cr(const struct reading *r, size_t len)
{
	if (r->t->set.strip_cr && len > 0 && r->p[len - 1] == '\r')
		return (len - 1);
	return (len);
}

/* A piece of a line that comes as several records. */
static void
add_part(struct reading *r, size_t len, size_t whole, bool last)
{
	struct record *rec;

	rec = add(r, last ? without_cr(r, len) : len, whole);
	set_number(r, rec, SLICE("line.part"), ++r->part);
	if (last) {
		batch_set(r->batch, rec, SLICE("line.last"), SLICE("true"),
		    true);
		r->part = 0;
	}
}

static void
block_long(struct reading *r)
{
	log_error(WHO(r->f), "%s: the line at byte %" PRIu64 " is longer than "
	    "maxLineBytes (%" PRIu64 "); the file is not read on, because "
	    "longLines is stop file=%s", r->f->path, r->at,
	    r->t->set.max_line_bytes, r->f->path);
	tail_file_block(r->f, "stopped at a line longer than maxLineBytes",
	    false);
}

/*
 * A line of len bytes that is too long; terminated: its line end is at p[len].
 * False: nothing more can be taken from this window.
 */
static bool
add_long(struct reading *r, size_t len, bool terminated)
{
	uint64_t max = r->t->set.max_line_bytes;
	struct record *rec;

	switch (r->t->set.long_lines) {
	case LONG_SPLIT:
		if (r->part == 0)
			metric_add(&r->t->metrics.long_lines, 1);
		while (len > max) {
			add_part(r, (size_t)max, (size_t)max, false);
			len -= (size_t)max;
		}
		if (terminated)
			add_part(r, len, len + 1, true);
		return (terminated);
	case LONG_TRUNCATE:
		if (!terminated)
			return (false);
		metric_add(&r->t->metrics.long_lines, 1);
		rec = add(r, (size_t)max, len + 1);
		set_number(r, rec, SLICE("line.truncated"), len);
		return (true);
	default:
		if (r->batch->n == 0)
			block_long(r);
		return (false);
	}
}

/* All complete lines of the window, up to the limit. */
static void
split(struct reading *r)
{
	uint64_t max = r->t->set.max_line_bytes;
	bool plain = !r->t->set.strip_cr && !r->t->set.byte_offset_header;
	struct batch *b = r->batch;
	const uint8_t *nl;
	size_t len;

	while (b->n < r->limit && (nl = memchr(r->p, '\n',
	    (size_t)(r->end - r->p))) != NULL) {
		len = (size_t)(nl - r->p);
		if (__builtin_expect(len > max, 0)) {
			if (!add_long(r, len, true))
				return;
		} else if (__builtin_expect(r->part > 0, 0))
			add_part(r, len, len + 1, true);
		else if (plain) {
			r->at += len + 1;
			batch_add(b, slice_of(r->p, len))->end = r->at;
			r->p = nl + 1;
		} else
			add(r, without_cr(r, len), len + 1);
	}
	if (b->n < r->limit && (uint64_t)(r->end - r->p) > max)
		add_long(r, (size_t)(r->end - r->p), false);
}

/* --- special cases --- */

static bool
has_suffix(const char *s, const char *suffix)
{
	size_t n = strlen(s), len = strlen(suffix);

	return (n > len && strcmp(s + n - len, suffix) == 0);
}

static bool
is_binary(const char *path, const uint8_t *p, size_t len)
{
	static const char *const suffixes[] = { ".gz", ".xz", ".zst", ".bz2",
	    ".lz4", ".zip" };
	static const struct { const char *p; size_t len; } magics[] = {
		{ "\x1f\x8b", 2 }, { "\xfd" "7zXZ", 5 },
		{ "\x28\xb5\x2f\xfd", 4 }, { "BZh", 3 },
		{ "\x04\x22\x4d\x18", 4 }, { "PK\x03\x04", 4 },
	};
	size_t i;

	for (i = 0; i < NELEM(suffixes); i++)
		if (has_suffix(path, suffixes[i]))
			return (true);
	for (i = 0; i < NELEM(magics); i++)
		if (len >= magics[i].len &&
		    memcmp(p, magics[i].p, magics[i].len) == 0)
			return (true);
	return (memchr(p, '\0', len < TAIL_PREFIX_MAX ? len :
	    TAIL_PREFIX_MAX) != NULL);
}

/* Before the first byte is taken, with skipBinary. */
static bool
refuse_binary(struct reading *r)
{
	struct tail_file *f = r->f;

	if (!r->t->set.skip_binary || f->checked || f->mark.pos > 0)
		return (false);
	f->checked = true;
	if (!is_binary(f->path, r->p, (size_t)(r->end - r->p)))
		return (false);
	log_info(WHO(f), "%s is left out: it is compressed or not text "
	    "(skipBinary)", f->path);
	tail_file_block(f, tail_not_text, false);
	return (true);
}

/*
 * A writer without O_APPEND goes on at its old offset after a truncation: the
 * file then begins with zero bytes that nobody wrote.  They are passed over.
 */
static bool
pass_hole(struct tail_file *f)
{
	off_t data = lseek(f->fd, 0, SEEK_DATA);
	uint64_t at = data > 0 ? (uint64_t)data : 0;
	uint8_t *tmp = f->tail->scratch;
	struct err e = ERR_INIT;
	size_t i = 0;
	ssize_t n;

	do {
		n = fs_pread(f->fd, tmp, TAIL_READ_SIZE, (off_t)at, &e);
		for (i = 0; n > 0 && i < (size_t)n && tmp[i] == '\0';)
			i++;
		at += i;
	} while (n > 0 && i == (size_t)n);
	f->after_cut = false;
	if (at == 0)
		return (true);
	if (tail_mark_make(&f->mark, at, f->fd, &e) == -1)
		return (false);
	f->seen = at;
	log_info(WHO(f), "%s: passed over %" PRIu64 " zero bytes at its "
	    "beginning, left by a writer that went on behind the truncation "
	    "file=%s", f->path, at, f->path);
	return (true);
}

/* --- the turn --- */

/* What every record of the batch has, and where the file stands behind it. */
static bool
finish(struct reading *r, struct tail_slot *slot)
{
	struct tail_file *f = r->f;
	struct tail_stream *s = f->stream;
	uint8_t key[TAIL_KEY_SIZE], note[CURSOR_NOTE_MAX];
	struct cursor_entry entry;
	struct cursor cursor = { &entry, 1 };
	struct err e = ERR_INIT;
	size_t i;

	slot->from = slot->to = f->mark;
	if (tail_mark_move(&slot->to, r->resume != 0 ? r->resume : r->at,
	    &r->window, f->fd, &e) == -1)
		return (false);
	slot->to.part = r->part;
	for (i = 0; i < s->group->nheaders; i++)
		batch_set(r->batch, NULL, s->group->headers[i].name,
		    s->group->headers[i].value, true);
	if (r->t->set.file_header)
		batch_set(r->batch, NULL, slice_str(r->t->set.file_header_key),
		    slice_str(s->path), true);
	tail_file_key(f, key);
	entry.key = slice_of(key, sizeof key);
	entry.offset = slot->to.pos;
	entry.note = tail_file_note(f, &slot->to, note);
	batch_set_cursor(r->batch, &cursor);
	r->batch->source = r->t->source.name;
	r->batch->timestamp = clock_wall_ms();
	r->batch->hint = s->hint;
	slot->file = f;
	slot->batch = r->batch;
	slot->generation = f->generation;
	return (true);
}

/* How much to ask for, with batchSize: what the last batches needed. */
static uint64_t
read_size(const struct reading *r, uint64_t avail)
{
	uint64_t want = TAIL_READ_SIZE, mean;

	if (r->t->set.batch_size > 0) {
		mean = r->t->line_bytes > 0 ? r->t->line_bytes : 256;
		want = mean * (uint64_t)r->t->set.batch_size * 5 / 4 + 4096;
		if (want > TAIL_READ_SIZE)
			want = TAIL_READ_SIZE;
	}
	if (r->t->read_limit > 0 && want > r->t->read_limit)
		want = r->t->read_limit;
	return (want < avail ? want : avail);
}

/* Truncate: the end of a line that is longer than the window. */
static enum tail_got
cut_long(struct reading *r)
{
	struct tail_file *f = r->f;
	uint64_t upto = f->seen + SEARCH_TURN;
	struct record *rec;
	int found;

	if (upto > f->size)
		upto = f->size;
	if ((found = search(f, &f->seen, upto)) == -1)
		return (TAIL_NOTHING);
	if (found == 0)
		return (f->seen < f->size ? TAIL_AGAIN : TAIL_NOTHING);
	metric_add(&r->t->metrics.long_lines, 1);
	rec = add(r, (size_t)r->t->set.max_line_bytes,
	    r->t->set.max_line_bytes);
	rec->end = r->resume = f->seen + 1;
	set_number(r, rec, SLICE("line.truncated"), f->seen - f->mark.pos);
	return (TAIL_BATCH);
}

/* Reads, more and more, until there is a record. */
static enum tail_got
fill(struct reading *r)
{
	struct tail_file *f = r->f;
	uint64_t max = r->t->set.max_line_bytes;
	uint64_t avail = f->size - f->mark.pos, want = read_size(r, avail);

	for (;;) {
		if (!load(r, want))
			return (f->blocked ? TAIL_NOTHING : TAIL_AGAIN);
		if (refuse_binary(r))
			return (TAIL_NOTHING);
		batch_hold(r->batch, r->buf);
		split(r);
		if (r->batch->n > 0)
			return (TAIL_BATCH);
		if (f->blocked != NULL)
			return (TAIL_NOTHING);
		if (f->seen < f->mark.pos + (uint64_t)(r->end - r->p))
			f->seen = f->mark.pos + (uint64_t)(r->end - r->p);
		if ((uint64_t)(r->end - r->p) > max)
			return (cut_long(r));
		if (want >= avail)
			return (TAIL_NOTHING);
		want = want * 2 < max + 1 ? want * 2 : max + 1;
		want = want < avail ? want : avail;
		batch_unref(r->batch);
		r->batch = batch_new();
	}
}

/* Is there a reason to read?  A line end behind what was searched already, or
 * more of the line than it may have. */
static bool
worth_reading(struct tail_file *f)
{
	uint64_t from = f->seen;
	int found;

	if (from < f->mark.pos + TAIL_READ_SIZE)
		return (true);
	if (from - f->mark.pos > f->tail->set.max_line_bytes)
		return (true);
	found = search(f, &from, f->size);
	f->seen = from;
	return (found == 1 ||
	    (found == 0 && from - f->mark.pos > f->tail->set.max_line_bytes));
}

static void
reading_init(struct reading *r, struct tail_file *f)
{
	memset(r, 0, sizeof *r);
	r->t = f->tail;
	r->f = f;
	r->part = f->mark.part;
	r->limit = f->tail->set.batch_size > 0 ?
	    (uint32_t)f->tail->set.batch_size : UINT32_MAX;
	r->batch = batch_new();
}

static enum tail_got
reading_end(struct reading *r, enum tail_got got, struct tail_slot *slot)
{
	struct tail_file *f = r->f;

	buf_unref(r->buf);
	f->dirty |= got != TAIL_NOTHING;
	if (got == TAIL_BATCH && !finish(r, slot)) {
		tail_file_rewritten(f, "truncated while it was read");
		got = TAIL_AGAIN;
	}
	if (got != TAIL_BATCH) {
		batch_unref(r->batch);
		return (got);
	}
	r->t->line_bytes = (slot->to.pos - slot->from.pos) / r->batch->n;
	return (got);
}

enum tail_got
tail_read(struct tail_file *f, struct tail_slot *slot)
{
	struct err e = ERR_INIT;
	struct reading r;

	/* From here on it is whatever happens to the file that sets it. */
	f->dirty = false;
	if (!tail_file_ready(f))
		return (TAIL_NOTHING);
	if (f->after_cut && f->size > 0 && !pass_hole(f)) {
		f->dirty = true;
		return (TAIL_AGAIN);
	}
	if (f->size <= f->mark.pos) {
		/* Truncated and filled up to the same size again? */
		if (tail_mark_check(&f->mark, f->fd, &e) != 0)
			return (TAIL_NOTHING);
		tail_file_rewritten(f, "written anew");
		return (TAIL_AGAIN);
	}
	if (!worth_reading(f))
		return (TAIL_NOTHING);
	reading_init(&r, f);
	return (reading_end(&r, fill(&r), slot));
}

enum tail_got
tail_read_partial(struct tail_file *f, struct tail_slot *slot)
{
	struct reading r;
	size_t len;

	if (!tail_file_ready(f) || f->size <= f->mark.pos)
		return (TAIL_NOTHING);
	reading_init(&r, f);
	if (!load(&r, f->size - f->mark.pos < TAIL_READ_SIZE ?
	    f->size - f->mark.pos : TAIL_READ_SIZE))
		return (reading_end(&r, TAIL_NOTHING, slot));
	batch_hold(r.batch, r.buf);
	len = (size_t)(r.end - r.p);
	if (len == 0 || memchr(r.p, '\n', len) != NULL)
		return (reading_end(&r, TAIL_NOTHING, slot));
	add_part(&r, len, len, false);
	return (reading_end(&r, TAIL_BATCH, slot));
}
