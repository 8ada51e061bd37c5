#include "cli/plan.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define FIELDS		4
#define MAX_TOPIC	249

int
plan_is_topic(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRST"
	    "UVWXYZ0123456789._-");

	return (n > 0 && n <= MAX_TOPIC && s[n] == '\0' &&
	    strcmp(s, ".") != 0 && strcmp(s, "..") != 0);
}

static struct plan_row *
add_row(struct plan *p, const char *group, const char *topic)
{
	GROW(p->v, p->n, p->cap);
	p->v[p->n] = (struct plan_row){
		.group = group == NULL ? NULL : xstrdup(group),
		.topic = xstrdup(topic)
	};
	return (&p->v[p->n++]);
}

void
plan_fini(struct plan *p)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		free(p->v[i].group);
		free(p->v[i].topic);
	}
	free(p->v);
}

/* --- CSV --- */

void
plan_csv_field(struct sb *out, const char *s)
{
	if (s[strcspn(s, ",\" \t\r\n")] == '\0') {
		sb_puts(out, s);
		return;
	}
	sb_puts(out, "\"");
	for (; *s != '\0'; s++) {
		if (*s == '"')
			sb_puts(out, "\"");
		sb_add(out, s, 1);
	}
	sb_puts(out, "\"");
}

/* The field at *p, unquoted in place and ended with NUL; *p goes behind its
 * comma, or becomes NULL at the end of the line.  NULL: quotes are off. */
static char *
next_field(char **p)
{
	char *from = *p, *to = *p, *at = *p;
	bool quoted = *at == '"';

	if (quoted) {
		for (at++; *at != '\0'; *to++ = *at++) {
			if (*at != '"')
				continue;
			if (at[1] != '"')
				break;
			at++;
		}
		if (*at++ != '"' || (*at != ',' && *at != '\0'))
			return (NULL);
	} else
		to = at = at + strcspn(at, ",");
	*p = *at == ',' ? at + 1 : NULL;
	*to = '\0';
	return (from);
}

static int
csv_row(struct plan *p, char *line, struct err *e)
{
	char *f[FIELDS], **v = f, *at = line;
	struct plan_row *row;
	int64_t partition, offset;
	size_t n;

	for (n = 0; at != NULL; n++) {
		if (n == FIELDS)
			return (err_set(e, ERR_CONFIG, "too many fields"));
		if ((f[n] = next_field(&at)) == NULL)
			return (err_set(e, ERR_CONFIG, "a quote is not "
			    "closed, or something follows it"));
	}
	if (n < 3)
		return (err_set(e, ERR_CONFIG, "give topic,partition,offset "
		    "or group,topic,partition,offset"));
	v += n - 3;
	if (!plan_is_topic(v[0]))
		return (err_set(e, ERR_CONFIG, "'%.250s' cannot be a topic",
		    v[0]));
	if (!str_int64(v[1], &partition) || partition < 0 ||
	    partition > INT32_MAX)
		return (err_set(e, ERR_CONFIG, "'%.50s' is not a partition",
		    v[1]));
	if (!str_int64(v[2], &offset) || offset < 0)
		return (err_set(e, ERR_CONFIG, "'%.50s' is not an offset",
		    v[2]));
	row = add_row(p, n == FIELDS ? f[0] : NULL, v[0]);
	row->partition = (int32_t)partition;
	row->offset = offset;
	return (0);
}

int
plan_csv(struct plan *p, const char *text, size_t len, struct err *e)
{
	char *copy = xstrndup(text, len), *at = copy, *next;
	size_t line = 0, n;
	int rc = 0;

	if (strlen(copy) != len)
		rc = err_set(e, ERR_CONFIG, "there is a zero byte in it");
	for (; rc == 0 && *at != '\0'; at = next) {
		line++;
		n = strcspn(at, "\n");
		next = at + n + (at[n] == '\n');
		at[n] = '\0';
		if (n > 0 && at[n - 1] == '\r')
			at[n - 1] = '\0';
		if (*str_trim(at) == '\0')
			continue;
		if (csv_row(p, str_trim(at), e) == -1)
			rc = err_ctx(e, "line %zu", line);
	}
	free(copy);
	return (rc);
}

/* --- JSON --- */

static int
json_row(struct plan *p, const json_t *o, struct err *e)
{
	const char *topic = json_string_value(json_object_get(o, "topic"));
	const json_t *partition = json_object_get(o, "partition");
	const json_t *offset = json_object_get(o, "offset");
	struct plan_row *row;

	if (topic == NULL || !plan_is_topic(topic))
		return (err_set(e, ERR_CONFIG, "\"topic\" is not the name of "
		    "a topic"));
	if (!json_is_integer(partition) || json_integer_value(partition) < 0 ||
	    json_integer_value(partition) > INT32_MAX)
		return (err_set(e, ERR_CONFIG, "\"partition\" is not a "
		    "partition's number"));
	if (!json_is_integer(offset) || json_integer_value(offset) < -1)
		return (err_set(e, ERR_CONFIG, "\"offset\" is not an offset; "
		    "-1 is the end"));
	row = add_row(p, NULL, topic);
	row->partition = (int32_t)json_integer_value(partition);
	row->offset = json_integer_value(offset);
	return (0);
}

static int
by_partition(const void *a, const void *b)
{
	const struct plan_row *const *x = a, *const *y = b;
	int c = strcmp((*x)->topic, (*y)->topic);

	return (c != 0 ? c : ((*x)->partition > (*y)->partition) -
	    ((*x)->partition < (*y)->partition));
}

static int
check_unique(const struct plan *p, struct err *e)
{
	const struct plan_row **v = xcalloc(p->n + 1, sizeof *v);
	size_t i;
	int rc = 0;

	for (i = 0; i < p->n; i++)
		v[i] = &p->v[i];
	qsort(v, p->n, sizeof *v, by_partition);
	for (i = 1; i < p->n && rc == 0; i++)
		if (by_partition(&v[i - 1], &v[i]) == 0)
			rc = err_set(e, ERR_CONFIG, "topic %s partition %d "
			    "stands there twice", v[i]->topic,
			    v[i]->partition);
	free(v);
	return (rc);
}

static int
json_rows(struct plan *p, const json_t *root, struct err *e)
{
	const json_t *version = json_object_get(root, "version");
	const json_t *rows = json_object_get(root, "partitions");
	size_t i;

	if (version != NULL && json_integer_value(version) != 1)
		return (err_set(e, ERR_CONFIG, "\"version\" is not 1"));
	if (!json_is_array(rows))
		return (err_set(e, ERR_CONFIG, "there is no array "
		    "\"partitions\""));
	for (i = 0; i < json_array_size(rows); i++)
		if (json_row(p, json_array_get(rows, i), e) == -1)
			return (err_ctx(e, "partitions[%zu]", i));
	return (check_unique(p, e));
}

int
plan_json(struct plan *p, const char *text, size_t len, struct err *e)
{
	json_error_t why;
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	int rc;

	if (root == NULL)
		return (err_set(e, ERR_CONFIG, "line %d column %d: %s",
		    why.line, why.column, why.text));
	rc = json_rows(p, root, e);
	json_decref(root);
	return (rc);
}
