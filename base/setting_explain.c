/*
 * A table in words: for messages, for people, for the manual, for programs.
 */
#include "base/setting.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "base/setting_text.h"
#include "base/str.h"

#define WIDTH		78	/* of a line of text */
#define NAME_MAX_COL	26	/* longer names get a line of their own */

/* --- in words --- */

static void
add_bounds(struct sb *sb, const struct setting *s)
{
	if (s->min != NULL && s->max != NULL)
		sb_printf(sb, " from %s to %s", s->min, s->max);
	else if (s->min != NULL)
		sb_printf(sb, " of at least %s", s->min);
	else if (s->max != NULL)
		sb_printf(sb, " of at most %s", s->max);
}

static void
add_words(struct sb *sb, const char *const *names)
{
	size_t i;

	for (i = 0; names[i] != NULL; i++)
		sb_printf(sb, "%s%s", i > 0 ? ", " : "", names[i]);
}

/* The unit of a bare number. */
static const char *
unit_name(const struct setting *s)
{
	switch (s->unit_ms) {
	case 0:
	case 1:
		return ("milliseconds");
	case 1000:
		return ("seconds");
	case 60 * 1000:
		return ("minutes");
	case 60 * 60 * 1000:
		return ("hours");
	default:
		return ("days");
	}
}

static void
add_list(struct sb *sb, const struct setting *s)
{
	sb_puts(sb, "a list of words");
	add_bounds(sb, s);
	if (s->names != NULL) {
		sb_puts(sb, " out of ");
		add_words(sb, s->names);
	}
}

static void
add_allowed(struct sb *sb, const struct setting *s)
{
	switch (s->type) {
	case SET_BOOL:
		sb_puts(sb, "true or false");
		break;
	case SET_INT:
		sb_puts(sb, "a whole number");
		add_bounds(sb, s);
		break;
	case SET_SIZE:
		sb_puts(sb, "a size in bytes, as 4096, 64k or 10m,");
		add_bounds(sb, s);
		break;
	case SET_DURATION:
		sb_printf(sb, "a duration, as 250ms, 5s, 10m or a number of "
		    "%s,", unit_name(s));
		add_bounds(sb, s);
		break;
	case SET_ENUM:
		sb_puts(sb, "one of ");
		add_words(sb, s->names);
		break;
	case SET_LIST:
		add_list(sb, s);
		break;
	case SET_TREE:
		sb_printf(sb, "keys below %s.", s->name);
		break;
	default:
		sb_puts(sb, "text");
	}
	if (sb->ptr[sb->len - 1] == ',')
		sb->ptr[--sb->len] = '\0';
}

const char *
setting_allowed(const struct setting *s, char *buf, size_t size)
{
	struct sb sb = SB_INIT;

	add_allowed(&sb, s);
	snprintf(buf, size, "%s", sb.ptr);
	sb_fini(&sb);
	return (buf);
}

/* --- a value, so that the parser reads the same back --- */

struct unit {
	int64_t		 n;
	const char	*name;
};

/* In the largest unit that divides it. */
static void
print_units(char *buf, size_t size, const struct unit *u, int64_t v)
{
	while (u->n > 1 && (v == 0 || v % u->n != 0))
		u++;
	snprintf(buf, size, "%" PRId64 "%s", v / u->n, u->name);
}

static void
print_list(char *buf, size_t size, const struct setting_list *l)
{
	size_t i, len = 0;

	buf[0] = '\0';
	for (i = 0; i < l->n && len < size; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s%s",
		    i > 0 ? " " : "", l->v[i]);
}

const char *
setting_print(const struct setting *s, const void *obj, char *buf, size_t size)
{
	static const struct unit bytes[] = { { (int64_t)1 << 40, "t" },
	    { 1 << 30, "g" }, { 1 << 20, "m" }, { 1 << 10, "k" }, { 1, "" } };
	static const struct unit times[] = { { 86400000, "d" },
	    { 3600000, "h" }, { 60000, "m" }, { 1000, "s" }, { 1, "ms" } };
	const void *p = (const char *)obj + s->offset;
	const char *text = "";

	if (s->flags & SETTING_IGNORED || s->type == SET_TREE)
		text = "";
	else if (s->flags & SETTING_SECRET)
		text = "(hidden)";
	else if (s->type == SET_STR)
		text = *(char *const *)p == NULL ? "" : *(char *const *)p;
	else if (s->type == SET_BOOL)
		text = *(const bool *)p ? "true" : "false";
	else if (s->type == SET_ENUM)
		text = s->names[*(const int *)p];
	else if (s->type == SET_LIST)
		return (print_list(buf, size, p), buf);
	else if (s->type == SET_INT)
		return (snprintf(buf, size, "%" PRId64, *(const int64_t *)p),
		    buf);
	else
		return (print_units(buf, size, s->type == SET_SIZE ? bytes :
		    times, *(const int64_t *)p), buf);
	snprintf(buf, size, "%s", text);
	return (buf);
}

/* --- a table as text --- */

/* "a whole number from 1 to 9; default 5; also spelled x" */
static void
add_facts(struct sb *sb, const struct setting *s)
{
	if (s->flags & SETTING_IGNORED) {
		sb_puts(sb, "no effect");
		return;
	}
	add_allowed(sb, s);
	if (s->flags & SETTING_REQUIRED)
		sb_puts(sb, "; required");
	if (s->def != NULL && *s->def != '\0')
		sb_printf(sb, "; default %s", s->def);
	if (s->flags & SETTING_SECRET)
		sb_puts(sb, "; never shown");
	if (s->aliases != NULL && s->aliases[0] != NULL) {
		sb_puts(sb, "; also spelled ");
		add_words(sb, s->aliases);
	}
}

/* Words of text, wrapped, each line indented; the cursor stands at col. */
static void
print_wrapped(FILE *f, const char *text, size_t indent, size_t col)
{
	size_t n;

	for (; *text != '\0'; text += n) {
		text += strspn(text, " ");
		if ((n = strcspn(text, " ")) == 0)
			break;
		if (col > indent && col + 1 + n > WIDTH) {
			fputc('\n', f);
			col = 0;
		}
		if (col < indent)
			col += (size_t)fprintf(f, "%*s", (int)(indent - col),
			    "");
		else if (col > indent)
			col += (size_t)fprintf(f, " ");
		col += (size_t)fprintf(f, "%.*s", (int)n, text);
	}
	fputc('\n', f);
}

static void
text_row(FILE *f, const struct setting *s, size_t width)
{
	struct sb facts = SB_INIT;
	size_t col = (size_t)fprintf(f, "  %s", s->name);

	add_facts(&facts, s);
	if (col + 2 > width) {
		fputc('\n', f);
		col = 0;
	}
	print_wrapped(f, facts.ptr, width, col);
	print_wrapped(f, s->doc, width, 0);
	sb_fini(&facts);
}

static void
text_table(FILE *f, const struct setting *s)
{
	const struct setting *t;
	size_t width = 0, n;

	for (t = s; t->type != SET_END; t++) {
		n = strlen(t->name);
		if (!(t->flags & SETTING_HIDDEN) && n > width &&
		    n <= NAME_MAX_COL)
			width = n;
	}
	for (; s->type != SET_END; s++)
		if (!(s->flags & SETTING_HIDDEN))
			text_row(f, s, width + 4);
}

/* --- a table as mdoc(7) --- */

/* Text on lines of its own: no leading dot or quote, backslashes kept, each
 * sentence on a new line, as mandoc's lint wants. */
static void
mdoc_text(FILE *f, const char *text)
{
	const char *p = text;
	size_t blanks;

	for (; *p != '\0'; p += blanks == 0 ? 1 : blanks) {
		blanks = strspn(p, " ");
		if (blanks > 0)
			fputc(p > text && p[-1] == '.' && p[blanks] >= 'A' &&
			    p[blanks] <= 'Z' ? '\n' : ' ', f);
		else if (*p == '\\')
			fputs("\\e", f);
		else if (p == text && (*p == '.' || *p == '\''))
			fprintf(f, "\\&%c", *p);
		else
			fputc(*p, f);
	}
	fputc('\n', f);
}

static void
mdoc_table(FILE *f, const struct setting *s)
{
	struct sb facts = SB_INIT;

	fputs(".Bl -tag -width Ds\n", f);
	for (; s->type != SET_END; s++) {
		if (s->flags & SETTING_HIDDEN)
			continue;
		fprintf(f, ".It Cm %s\n", s->name);
		facts.len = 0;
		sb_puts(&facts, "(");
		add_facts(&facts, s);
		sb_puts(&facts, ")");
		mdoc_text(f, facts.ptr);
		mdoc_text(f, s->doc);
	}
	fputs(".El\n", f);
	sb_fini(&facts);
}

/* --- a table as JSON --- */

static const char *
type_name(const struct setting *s)
{
	static const char *const names[] = {
		[SET_STR] = "string", [SET_BOOL] = "boolean",
		[SET_INT] = "integer", [SET_SIZE] = "size",
		[SET_DURATION] = "duration", [SET_ENUM] = "enum",
		[SET_LIST] = "list", [SET_TREE] = "tree",
	};

	return (s->flags & SETTING_IGNORED ? "ignored" : names[s->type]);
}

static void
json_member(struct sb *sb, const char *name, const char *value)
{
	if (value == NULL)
		return;
	sb_printf(sb, ", \"%s\": ", name);
	sb_json(sb, slice_str(value));
}

static void
json_array(struct sb *sb, const char *name, const char *const *v)
{
	size_t i;

	if (v == NULL)
		return;
	sb_printf(sb, ", \"%s\": [", name);
	for (i = 0; v[i] != NULL; i++) {
		if (i > 0)
			sb_puts(sb, ", ");
		sb_json(sb, slice_str(v[i]));
	}
	sb_puts(sb, "]");
}

static void
json_row(struct sb *sb, const struct setting *s)
{
	sb_puts(sb, "{\"name\": ");
	sb_json(sb, slice_str(s->name));
	json_member(sb, "type", type_name(s));
	json_member(sb, "default", s->def);
	json_member(sb, "min", s->min);
	json_member(sb, "max", s->max);
	if (s->type == SET_DURATION)
		sb_printf(sb, ", \"unit_ms\": %" PRId64,
		    s->unit_ms == 0 ? 1 : s->unit_ms);
	json_array(sb, "values", s->names);
	json_array(sb, "aliases", s->aliases);
	sb_printf(sb, ", \"required\": %s, \"secret\": %s",
	    s->flags & SETTING_REQUIRED ? "true" : "false",
	    s->flags & SETTING_SECRET ? "true" : "false");
	json_member(sb, "doc", s->doc);
	sb_puts(sb, "}");
}

static void
json_table(FILE *f, const struct setting *s)
{
	struct sb sb = SB_INIT;

	sb_puts(&sb, "[");
	for (; s->type != SET_END; s++) {
		if (s->flags & SETTING_HIDDEN)
			continue;
		sb_puts(&sb, sb.len > 1 ? ",\n" : "\n");
		json_row(&sb, s);
	}
	sb_puts(&sb, "\n]\n");
	fputs(sb.ptr, f);
	sb_fini(&sb);
}

void
settings_explain(const struct setting *s, enum setting_format format, FILE *f)
{
	switch (format) {
	case SETTING_TEXT:
		text_table(f, s);
		break;
	case SETTING_MDOC:
		mdoc_table(f, s);
		break;
	case SETTING_JSON:
		json_table(f, s);
		break;
	}
}
