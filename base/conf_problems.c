/*
 * Problems are collected as they are found and printed once, because a user
 * wants to mend a file in one go.  A hostile file must not make the list
 * itself the problem, so it stops growing at PROBLEMS_MAX.
 */
#include "base/conf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

#define PROBLEMS_MAX	1000

/* Keys and values of the file are in the text: nothing of them may reach a
 * terminal as a control sequence. */
static char *
text_format(const char *fmt, va_list ap)
{
	char *raw, *out;
	size_t size;

	if (vasprintf(&raw, fmt, ap) == -1)
		return (xstrdup(fmt));
	size = 4 * strlen(raw) + 4;
	out = xmalloc(size);
	str_printable(out, size, slice_str(raw));
	free(raw);
	return (out);
}

static void
problem_add(struct conf_problems *p, bool warning, const char *file, int line,
    const char *fmt, va_list ap)
{
	if (!warning)
		p->errors++;
	if (p->n >= PROBLEMS_MAX) {
		p->dropped++;
		return;
	}
	GROW(p->v, p->n, p->cap);
	p->v[p->n++] = (struct conf_problem){
		.file = file == NULL ? NULL : xstrdup(file),
		.line = line,
		.warning = warning,
		.text = text_format(fmt, ap),
	};
}

#define ADD(warning, file, line)					\
	do {								\
		va_list ap;						\
		va_start(ap, fmt);					\
		problem_add(p, (warning), (file), (line), fmt, ap);	\
		va_end(ap);						\
	} while (0)

void
conf_error(struct conf_problems *p, const struct conf *where,
    const char *fmt, ...)
{
	ADD(false, where == NULL ? NULL : where->file,
	    where == NULL ? 0 : where->line);
}

void
conf_error_at(struct conf_problems *p, const char *file, int line,
    const char *fmt, ...)
{
	ADD(false, file, line);
}

void
conf_warn(struct conf_problems *p, const struct conf *where,
    const char *fmt, ...)
{
	ADD(true, where == NULL ? NULL : where->file,
	    where == NULL ? 0 : where->line);
}

void
conf_warn_at(struct conf_problems *p, const char *file, int line,
    const char *fmt, ...)
{
	ADD(true, file, line);
}

/* By file, line, and order of report (the array's, which stands still). */
static int
problem_cmp(const void *va, const void *vb)
{
	const struct conf_problem *a = *(struct conf_problem *const *)va;
	const struct conf_problem *b = *(struct conf_problem *const *)vb;
	int c;

	if (a->file == NULL || b->file == NULL)
		c = (a->file == NULL) - (b->file == NULL);
	else
		c = strcmp(a->file, b->file);
	if (c == 0)
		c = (a->line > b->line) - (a->line < b->line);
	return (c != 0 ? c : (a > b) - (a < b));
}

static void
problem_print(struct sb *sb, const struct conf_problem *p)
{
	if (p->file != NULL)
		sb_printf(sb, "%s:", p->file);
	if (p->file != NULL && p->line > 0)
		sb_printf(sb, "%d:", p->line);
	sb_printf(sb, "%s%s: %s\n", p->file != NULL ? " " : "",
	    p->warning ? "warning" : "error", p->text);
}

static void
write_all(int fd, const char *p, size_t len)
{
	ssize_t n;

	/* Nobody is left to tell when the messages cannot be written. */
	while (len > 0 && (n = write(fd, p, len)) > 0) {
		p += n;
		len -= (size_t)n;
	}
}

void
conf_problems_print(const struct conf_problems *p, int fd)
{
	const struct conf_problem **order;
	struct sb sb = SB_INIT;
	size_t i;

	order = xreallocarray(NULL, p->n + 1, sizeof *order);
	for (i = 0; i < p->n; i++)
		order[i] = &p->v[i];
	qsort(order, p->n, sizeof *order, problem_cmp);
	for (i = 0; i < p->n; i++)
		problem_print(&sb, order[i]);
	if (p->dropped > 0)
		sb_printf(&sb, "and %zu more\n", p->dropped);
	if (sb.len > 0)
		write_all(fd, sb.ptr, sb.len);
	free(order);
	sb_fini(&sb);
}

void
conf_problems_fini(struct conf_problems *p)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		free(p->v[i].file);
		free(p->v[i].text);
	}
	free(p->v);
	memset(p, 0, sizeof *p);
}
