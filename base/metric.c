/*
 * Prometheus's text format 0.0.4: all samples of a name stand together below
 * one HELP and one TYPE line.  Objects bring their samples by component, so
 * they are sorted by name here; among one name the objects keep their order.
 */
#include "base/metric.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct sample {
	const struct metric_object	*obj;
	const struct metric		*row;
};

/* Compares a1a2 with b1b2. */
static int
joined_cmp(const char *a, const char *a2, const char *b, const char *b2)
{
	for (;; a++, b++) {
		if (*a == '\0' && a2 != NULL) {
			a = a2;
			a2 = NULL;
		}
		if (*b == '\0' && b2 != NULL) {
			b = b2;
			b2 = NULL;
		}
		if (*a != *b || *a == '\0')
			return ((unsigned char)*a - (unsigned char)*b);
	}
}

static int
name_cmp(const struct sample *a, const struct sample *b)
{
	return (joined_cmp(a->obj->prefix, a->row->name, b->obj->prefix,
	    b->row->name));
}

static int
sample_cmp(const void *va, const void *vb)
{
	const struct sample *a = va, *b = vb;
	int c = name_cmp(a, b);

	if (c == 0)
		c = (a->obj > b->obj) - (a->obj < b->obj);
	return (c != 0 ? c : (a->row > b->row) - (a->row < b->row));
}

/* HELP texts escape the backslash and the line end. */
static void
add_help(struct sb *sb, const char *doc)
{
	for (; *doc != '\0'; doc++) {
		if (*doc == '\\')
			sb_puts(sb, "\\\\");
		else if (*doc == '\n')
			sb_puts(sb, "\\n");
		else
			sb_add(sb, doc, 1);
	}
}

static void
add_header(struct sb *sb, const struct sample *s)
{
	sb_printf(sb, "# HELP %s%s ", s->obj->prefix, s->row->name);
	add_help(sb, s->row->doc);
	sb_printf(sb, "\n# TYPE %s%s %s\n", s->obj->prefix, s->row->name,
	    s->row->type == METRIC_IS_COUNTER ? "counter" : "gauge");
}

static void
add_sample(struct sb *sb, const struct sample *s)
{
	const metric_t *m = (const metric_t *)((const char *)s->obj->obj +
	    s->row->offset);
	const char *labels = s->obj->labels == NULL ? "" : s->obj->labels;

	sb_printf(sb, "%s%s", s->obj->prefix, s->row->name);
	if (*labels != '\0')
		sb_printf(sb, "{%s}", labels);
	sb_printf(sb, " %" PRId64 "\n", metric_get(m));
}

void
metrics_print(struct sb *sb, const struct metric_object *v, size_t n)
{
	struct sample *samples = NULL;
	const struct metric *row;
	size_t i, count = 0, cap = 0;

	for (i = 0; i < n; i++)
		for (row = v[i].table; row != NULL &&
		    row->type != METRIC_LAST; row++) {
			GROW(samples, count, cap);
			samples[count++] = (struct sample){ &v[i], row };
		}
	if (count > 0)
		qsort(samples, count, sizeof *samples, sample_cmp);
	for (i = 0; i < count; i++) {
		if (i == 0 || name_cmp(&samples[i - 1], &samples[i]) != 0)
			add_header(sb, &samples[i]);
		add_sample(sb, &samples[i]);
	}
	free(samples);
}

void
metric_label(struct sb *sb, const char *name, const char *value)
{
	sb_printf(sb, "%s%s=\"", sb->len > 0 ? "," : "", name);
	for (; *value != '\0'; value++) {
		if (*value == '\\' || *value == '"')
			sb_puts(sb, "\\");
		if (*value == '\n')
			sb_puts(sb, "\\n");
		else
			sb_add(sb, value, 1);
	}
	sb_puts(sb, "\"");
}
