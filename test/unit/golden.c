/*
 * The text of a message is made by walking its descriptor: the same walk as
 * the codec's, but nothing of the codec is used.
 */
#include "test/unit/golden.h"

#include <check.h>
#include <inttypes.h>
#include <stdlib.h>

void
golden_open(struct golden *g, const char *name)
{
	char path[4096];

	snprintf(path, sizeof path, "%s/test/golden/%s", SRCDIR, name);
	*g = (struct golden){ .f = fopen(path, "r") };
	ck_assert_msg(g->f != NULL, "cannot read %s", path);
}

bool
golden_next(struct golden *g)
{
	char *at, *rest;

	if (getline(&g->line, &g->cap, g->f) == -1) {
		fclose(g->f);
		free(g->line);
		return (false);
	}
	rest = g->line;
	g->n = 0;
	while ((at = strsep(&rest, " \n")) != NULL && g->n < GOLDEN_FIELDS)
		g->field[g->n++] = at;
	return (true);
}

static uint8_t
nibble(char c)
{
	ck_assert_ptr_nonnull(strchr("0123456789abcdef", c));
	return ((uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10));
}

struct slice
golden_hex(const char *hex)
{
	size_t i, n = strcmp(hex, "-") == 0 ? 0 : strlen(hex) / 2;
	uint8_t *p = malloc(n == 0 ? 1 : n);

	for (i = 0; i < n; i++)
		p[i] = (uint8_t)(nibble(hex[2 * i]) << 4 |
		    nibble(hex[2 * i + 1]));
	return (slice_of(p, n));
}

void
golden_free(struct slice s)
{
	free((void *)(uintptr_t)s.p);
}

static void	text_struct(FILE *, const struct kdesc *, int, const uint8_t *);

static void
text_hex(FILE *out, const uint8_t *p, size_t n)
{
	for (; n > 0; n--)
		fprintf(out, "%02x", *p++);
}

/* Its eight bytes, the high one first. */
static void
text_double(FILE *out, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof bits);
	fprintf(out, "%016" PRIx64, bits);
}

static void
text_slice(FILE *out, const struct kfield *f, struct slice s)
{
	if (s.p == NULL) {
		fputs("null", out);
	} else if (f->kind == KK_STR) {
		fprintf(out, "\"%.*s\"", (int)s.len, (const char *)s.p);
	} else {
		fputc('x', out);
		text_hex(out, s.p, s.len);
	}
}

static void
text_value(FILE *out, const struct kfield *f, int version, const uint8_t *at)
{
	switch ((enum kkind)f->kind) {
	case KK_BOOL:
		fprintf(out, "%d", *(const bool *)at);
		break;
	case KK_I8:
		fprintf(out, "%d", *(const int8_t *)at);
		break;
	case KK_I16:
		fprintf(out, "%d", *(const int16_t *)at);
		break;
	case KK_I32:
		fprintf(out, "%" PRId32, *(const int32_t *)at);
		break;
	case KK_I64:
		fprintf(out, "%" PRId64, *(const int64_t *)at);
		break;
	case KK_F64:
		text_double(out, *(const double *)at);
		break;
	case KK_UUID:
		text_hex(out, at, 16);
		break;
	case KK_STR:
	case KK_BYTES:
	case KK_RECORDS:
		text_slice(out, f, *(const struct slice *)at);
		break;
	case KK_STRUCT:
		text_struct(out, f->child, version, at);
		break;
	}
}

static size_t
size_of(const struct kfield *f)
{
	switch ((enum kkind)f->kind) {
	case KK_STRUCT:
		return (f->child->size);
	case KK_I8:
		return (sizeof(int8_t));
	case KK_I32:
		return (sizeof(int32_t));
	case KK_I64:
		return (sizeof(int64_t));
	case KK_STR:
		return (sizeof(struct slice));
	default:
		ck_abort_msg("no message has an array of kind %d", f->kind);
	}
}

static void
text_array(FILE *out, const struct kfield *f, int version, const uint8_t *at)
{
	struct karray a;
	int32_t i;

	memcpy(&a, at, sizeof a);
	if (a.n == -1) {
		fputs("null", out);
		return;
	}
	if (f->single) {
		text_struct(out, f->child, version, a.v);
		return;
	}
	fputc('[', out);
	for (i = 0; i < a.n; i++) {
		if (i > 0)
			fputc(',', out);
		text_value(out, f, version,
		    (const uint8_t *)a.v + (size_t)i * size_of(f));
	}
	fputc(']', out);
}

static void
text_struct(FILE *out, const struct kdesc *desc, int version,
    const uint8_t *in)
{
	const struct kfield *f;
	const char *comma = "";

	fputc('{', out);
	for (f = desc->fields; f < desc->fields + desc->nfields; f++) {
		if (version < f->first || version > f->last)
			continue;
		fprintf(out, "%s%s:", comma, f->name);
		comma = ",";
		if (f->array)
			text_array(out, f, version, in + f->offset);
		else
			text_value(out, f, version, in + f->offset);
	}
	fputc('}', out);
}

char *
message_text(const struct kdesc *desc, int version, const void *in)
{
	char *text;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	ck_assert_ptr_nonnull(out);
	text_struct(out, desc, version, in);
	fclose(out);
	return (text);
}
