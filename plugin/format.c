#include "plugin/format.h"

const char *const format_names[] = { "text", "header_and_text", NULL };

void
format_headers(struct sb *out, const struct batch *b, const struct record *r)
{
	struct header h;
	uint32_t it = 0;
	const char *sep = "";

	sb_puts(out, "{");
	while (batch_next_header(b, r, &it, &h)) {
		sb_puts(out, sep);
		sb_add(out, h.name.p, h.name.len);
		sb_puts(out, "=");
		sb_add(out, h.value.p, h.value.len);
		sep = ", ";
	}
	sb_puts(out, "}");
}

void
format_record(struct sb *out, enum format f, bool newline,
    const struct batch *b, const struct record *r)
{
	if (f == FORMAT_HEADER_AND_TEXT) {
		format_headers(out, b, r);
		sb_puts(out, " ");
	}
	sb_add(out, r->body.p, r->body.len);
	if (newline)
		sb_add(out, "\n", 1);
}
