#include "cli/rows.h"

#include <stdio.h>

void
rows_begin(struct rows *r)
{
	r->line.len = 0;
	sb_puts(&r->line, r->n++ == 0 ? "[{" : ",\n {");
}

static void
add_key(struct sb *out, const char *key)
{
	if (out->ptr[out->len - 1] != '{')
		sb_puts(out, ", ");
	sb_json(out, slice_str(key));
	sb_puts(out, ": ");
}

void
rows_str(struct rows *r, const char *key, const char *value)
{
	add_key(&r->line, key);
	if (value == NULL)
		sb_puts(&r->line, "null");
	else
		sb_json(&r->line, slice_str(value));
}

void
rows_int(struct rows *r, const char *key, int64_t value)
{
	add_key(&r->line, key);
	sb_printf(&r->line, "%lld", (long long)value);
}

void
rows_bool(struct rows *r, const char *key, bool value)
{
	add_key(&r->line, key);
	sb_puts(&r->line, value ? "true" : "false");
}

void
rows_num(struct rows *r, const char *key, double value)
{
	add_key(&r->line, key);
	sb_printf(&r->line, "%.3f", value);
}

void
rows_end(struct rows *r)
{
	printf("%s}", r->line.ptr);
}

void
rows_name(struct rows *r, const char *name)
{
	r->line.len = 0;
	sb_puts(&r->line, r->n++ == 0 ? "[" : ", ");
	sb_json(&r->line, slice_str(name));
	fputs(r->line.ptr, stdout);
}

void
rows_fini(struct rows *r)
{
	printf("%s]\n", r->n == 0 ? "[" : "");
	sb_fini(&r->line);
}
