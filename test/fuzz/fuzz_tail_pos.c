/* The source's own positions, and the keys and notes in them. */
#include "test/fuzz/fuzz.h"

#include "base/check.h"
#include "sources/tail_identity.h"
#include "sources/tail_pos.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor_set *set = cursor_set_new();
	uint8_t buf[CURSOR_NOTE_MAX];
	struct tail_note note, again;
	struct cursor_entry entry;
	uint32_t crc, generation;
	struct tail_id id;
	struct cursor c;
	size_t good, i;

	good = tail_pos_decode(slice_of(data, size), set, &crc);
	CHECK(good <= size);
	c = cursor_set_view(set);
	for (i = 0; i < c.n; i++) {
		tail_key_decode(c.v[i].key, &id, &generation);
		if (!tail_note_decode(&c.v[i], &note))
			continue;
		entry = c.v[i];
		entry.note = slice_of(buf, tail_note_encode(&note, buf));
		CHECK(tail_note_decode(&entry, &again));
		CHECK(slice_eq(note.path, again.path));
		CHECK(slice_eq(note.logical, again.logical));
	}
	cursor_set_free(set);
	/* A note without the CRC in front of it. */
	entry = (struct cursor_entry){ SLICE(""), 1, slice_of(data, size) };
	if (tail_note_decode(&entry, &note))
		CHECK(tail_note_encode(&note, buf) <= CURSOR_NOTE_MAX);
	return (0);
}
